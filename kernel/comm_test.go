package kernel

import (
	"bytes"
	"testing"
)

func TestComm(t *testing.T) {
	f := start(t)
	open := f.send("comm_open", content{"comm_id": "c9", "target_name": "known", "data": content{"a": 1}})
	result{t: t, iopub: open.outputs()}.wantOutline("busy idle")
	f.request("comm_info_request", content{}).reply.want(t, content{"status": "ok", "comms": content{"c9": content{"target_name": "known"}}})
	f.request("comm_info_request", content{"target_name": "other"}).reply.want(t, content{"comms": content{}})

	m := f.message("comm_msg", content{"comm_id": "c9", "data": content{"v": "hi"}})
	m.Buffers = [][]byte{{0, 1, 255}, {}}
	m.Metadata = []byte(`{"k":"v"}`)
	r := result{t: t, iopub: f.post("shell", m).outputs()}
	r.wantOutline("busy stdout:comm-got:hi\n comm_msg idle")
	echo := r.of("comm_msg")
	echo.want(t, content{"comm_id": "c9", "data": content{"v": "hi"}})
	if len(echo.Buffers) != 2 || !bytes.Equal(echo.Buffers[0], []byte{0, 1, 255}) || string(echo.Metadata) != `{"k":"v"}` {
		t.Errorf("buffers %v, metadata %s", echo.Buffers, echo.Metadata)
	}

	result{t: t, iopub: f.send("comm_close", content{"comm_id": "c9", "data": content{}}).outputs()}.wantOutline("busy idle")
	f.request("comm_info_request", content{}).reply.want(t, content{"comms": content{}})
}

func TestCommOfTheKernel(t *testing.T) {
	f := start(t)
	r := f.execute("open fe_target")
	r.wantOutline("busy execute_input comm_open idle")
	m := r.of("comm_open")
	m.want(t, content{"comm_id": "c1", "target_name": "fe_target", "data": content{"a": 1}})
	if len(m.Buffers) != 1 {
		t.Errorf("%d buffers", len(m.Buffers))
	}
}

func TestCommUnknown(t *testing.T) {
	f := start(t)
	for _, target := range []string{"nobody", "rude"} { // rude closes itself: not twice
		r := result{t: t, iopub: f.send("comm_open", content{"comm_id": "c7", "target_name": target, "data": content{}}).outputs()}
		r.wantOutline("busy comm_close idle")
		r.of("comm_close").want(t, content{"comm_id": "c7", "data": content{}})
	}
	for _, c := range []content{{"comm_id": "nope", "data": content{}}, {}, {"comm_id": 5}} {
		for _, msgType := range []string{"comm_msg", "comm_close", "comm_open"} {
			s := f.send(msgType, c)
			s.outputs()
		}
	}
	f.execute("print a").wantOutline("busy execute_input stdout:a\n idle")
}
