package kernel

import (
	"os"
	"testing"
)

func TestComplete(t *testing.T) {
	f := start(t)
	r := f.request("complete_request", content{"code": "s := \"\U0001f600\"; Prixyz", "cursor_pos": 13})
	r.wantOutline("busy idle")
	r.reply.want(t, content{
		"status": "ok", "matches": []string{"Print", "Println"}, "cursor_start": 10, "cursor_end": 13,
		"metadata": content{"_jupyter_types_experimental": []content{
			{"start": 10, "end": 13, "text": "Print", "type": "function", "signature": "(a ...any)"},
			{"start": 10, "end": 13, "text": "Println", "type": "function"},
		}},
	})
}

func TestCompleteOddCursors(t *testing.T) {
	f := start(t)
	for _, c := range []content{
		{"code": "", "cursor_pos": 0}, {"code": "a.b", "cursor_pos": 9999}, {"code": "a.b", "cursor_pos": -5},
		{"code": "\U0001f600", "cursor_pos": 1}, {"code": "a"},
	} {
		r := f.request("complete_request", c)
		r.reply.want(t, content{"status": "ok", "matches": []string{}, "metadata": content{}})
		f.request("inspect_request", c).reply.want(t, content{"status": "ok", "found": false})
	}
}

func TestInspect(t *testing.T) {
	f := start(t)
	f.request("inspect_request", content{"code": "known", "cursor_pos": 2}).reply.want(t,
		content{"status": "ok", "found": true, "data": content{"text/plain": "doc"}, "metadata": content{}})
	f.request("inspect_request", content{"code": "known", "cursor_pos": 2, "detail_level": 1}).reply.want(t,
		content{"data": content{"text/plain": "docdoc"}})
	f.request("inspect_request", content{"code": "unknown", "cursor_pos": 2}).reply.want(t,
		content{"status": "ok", "found": false, "data": content{}, "metadata": content{}})
}

func TestIsComplete(t *testing.T) {
	f := start(t)
	f.request("is_complete_request", content{"code": "func f() {"}).reply.want(t, content{"status": "incomplete", "indent": "\t"})
	for code, want := range map[string]string{"x := 1": "complete", "func )": "invalid", "?": "unknown"} {
		r := f.request("is_complete_request", content{"code": code})
		r.reply.want(t, content{"status": want})
		if _, there := r.reply.content["indent"]; there {
			t.Errorf("%s has an indent", want)
		}
	}
}

// Requests that only read pass the cell that runs, and those queued behind it;
// their brackets are complete and the cell's stays as it is.
func TestReadersPassTheCell(t *testing.T) {
	f := start(t)
	cell := f.run("block")
	cell.saw("execute_input")
	queued := f.run("print no")
	for _, r := range []result{
		f.request("complete_request", content{"code": "Pri", "cursor_pos": 3}),
		f.request("inspect_request", content{"code": "known", "cursor_pos": 1}),
		f.request("is_complete_request", content{"code": "x"}),
		f.request("history_request", content{"hist_access_type": "tail", "n": 3}),
		f.request("comm_info_request", content{}),
		f.request("kernel_info_request", content{}),
	} {
		r.wantOutline("busy idle")
	}
	f.kernel.signals <- os.Interrupt
	cell.result().wantOutline("busy execute_input error idle")
	queued.result().wantOutline("busy idle")
}
