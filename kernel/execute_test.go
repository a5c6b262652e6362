package kernel

import (
	"strings"
	"testing"
)

func TestExecuteOrder(t *testing.T) {
	f := start(t)
	r := f.execute("print a\neprint b\nprint c\nshow x\nprint d\nupdate y\nclear\nresult 42")
	r.wantOutline("busy execute_input stdout:a\n stderr:b\n stdout:c\n display_data stdout:d\n update_display_data clear_output execute_result idle")
	r.reply.want(t, content{"status": "ok", "execution_count": 1, "user_expressions": content{}, "payload": []any{}})
	r.of("execute_input").want(t, content{"execution_count": 1, "code": f.kernel.fake.last().Code})
	r.of("execute_result").want(t, content{"execution_count": 1, "data": content{"text/plain": "42"}, "metadata": content{}})
	r.of("display_data").want(t, content{"data": content{"text/html": "x"}, "metadata": content{}, "transient": content{"display_id": "d1"}})
	r.of("update_display_data").want(t, content{"transient": content{"display_id": "d1"}})
	r.of("clear_output").want(t, content{"wait": true})
	for _, m := range append(r.iopub, r.reply) {
		if m.parent != r.header.MsgID {
			t.Errorf("%v has parent %q", m, m.parent)
		}
	}
	if !strings.Contains(string(r.reply.Metadata), `"started":"20`) || !strings.Contains(string(r.reply.Metadata), `"dependencies_met":true`) {
		t.Errorf("reply metadata %s lacks timing", r.reply.Metadata)
	}
}

func TestExecuteCodeOnly(t *testing.T) {
	f := start(t)
	r := f.request("execute_request", content{"code": "print hi"})
	r.wantOutline("busy execute_input stdout:hi\n idle")
	if q := f.kernel.fake.last(); !q.StoreHistory || q.Silent || q.AllowStdin || q.Count != 1 {
		t.Errorf("defaults: %+v", q)
	}
}

func TestExecutionCount(t *testing.T) {
	f := start(t)
	for _, step := range []struct {
		more content
		want int
	}{
		{nil, 1}, {nil, 2},
		{content{"silent": true}, 2},
		{content{"silent": true, "store_history": true}, 2},
		{content{"store_history": false}, 2},
		{nil, 3},
	} {
		r := f.execute("", step.more)
		r.reply.want(t, content{"status": "ok", "execution_count": step.want})
		if got := f.kernel.fake.last().Count; got != step.want {
			t.Errorf("%v: the session ran In[%d], want %d", step.more, got, step.want)
		}
	}
}

func TestExecuteSilent(t *testing.T) {
	f := start(t)
	f.execute("print a\nresult 1\nshow x", content{"silent": true}).wantOutline("busy idle")
	r := f.execute("fail boom", content{"silent": true})
	r.wantOutline("busy idle")
	r.reply.want(t, content{"status": "error", "evalue": "boom"})
}

func TestExecuteError(t *testing.T) {
	f := start(t)
	r := f.execute("print a\nfail boom")
	r.wantOutline("busy execute_input stdout:a\n error idle")
	fields := content{"ename": "Panic", "evalue": "boom", "traceback": []string{"In[1]:1", "Panic: boom"}}
	r.of("error").want(t, fields)
	r.reply.want(t, fields)
	r.reply.want(t, content{"status": "error", "execution_count": 1, "user_expressions": content{}, "payload": []any{}})
}

func TestUserExpressions(t *testing.T) {
	f := start(t)
	r := f.execute("", content{"user_expressions": content{"a": "1 + 1", "b": "bad"}})
	r.reply.want(t, content{"status": "ok", "user_expressions": content{
		"a": content{"status": "ok", "data": content{"text/plain": "1 + 1"}, "metadata": content{}},
		"b": content{"status": "error", "ename": "CompileError", "evalue": "undefined: bad", "traceback": []string{"CompileError: undefined: bad"}},
	}})
}

func TestPayload(t *testing.T) {
	f := start(t)
	f.execute("page doc").reply.want(t, content{"payload": []any{content{"source": "page", "data": content{"text/plain": "doc"}}}})
}

// The cells behind a failing one are sent in one go; whether they are queued by
// the time it fails or still on their way makes no difference.
func TestStopOnError(t *testing.T) {
	f := start(t)
	cells := []sent{f.run("fail boom"), f.run("print no"), f.send("kernel_info_request", content{}), f.run("print no", content{"stop_on_error": false})}
	cells[0].result().reply.want(t, content{"status": "error"})
	for _, i := range []int{1, 3} {
		r := cells[i].result()
		r.wantOutline("busy idle")
		r.reply.want(t, content{"status": "aborted", "execution_count": 1})
		for _, field := range []string{"ename", "evalue", "traceback"} {
			if r.reply.content[field] == nil {
				t.Errorf("an aborted reply lacks %s", field)
			}
		}
	}
	cells[2].result().reply.want(t, content{"status": "ok"})
	f.execute("print again").wantOutline("busy execute_input stdout:again\n idle")
}

func TestStopOnErrorFalse(t *testing.T) {
	f := start(t)
	a, b := f.run("fail boom", content{"stop_on_error": false}), f.run("print yes")
	a.result().reply.want(t, content{"status": "error"})
	b.result().wantOutline("busy execute_input stdout:yes\n idle")
}

func TestQueueOrder(t *testing.T) {
	f := start(t)
	var cells []sent
	for range 30 {
		cells = append(cells, f.run("print x"))
	}
	for i, c := range cells {
		c.result().reply.want(t, content{"execution_count": i + 1})
	}
	var runs []string
	for _, m := range f.all() {
		if m.channel == "iopub" && m.parent != "" && (len(runs) == 0 || runs[len(runs)-1] != m.parent) {
			runs = append(runs, m.parent)
		}
	}
	if len(runs) != len(cells) {
		t.Errorf("iopub messages of %d cells are interleaved: %d changes of parent", len(cells), len(runs))
	}
}

func TestSessionPanics(t *testing.T) {
	f := start(t)
	r := f.execute("print a\ndie")
	r.wantOutline("busy execute_input stdout:a\n error idle")
	r.reply.want(t, content{"status": "error", "ename": "InternalError", "execution_count": 1})
	f.execute("print b").wantOutline("busy execute_input stdout:b\n idle")
}

func TestLateOutput(t *testing.T) {
	f := start(t)
	first := f.run("later mark")
	first.result()
	second := f.run("print two\nwait")
	second.saw("stream")
	f.kernel.fake.release() // one of the two: the other still waits
	f.kernel.fake.release()
	second.result().wantOutline("busy execute_input stdout:two\n idle")
	first.await("late output under its own cell", func([]message) bool {
		ms := first.published()
		return ms[len(ms)-1].content["text"] == "mark\n"
	})
}

func TestEmptySession(t *testing.T) {
	f := start(t, func(o *Options) {
		o.Session = func() (Session, error) { return nil, errClosed }
	})
	f.request("kernel_info_request", content{}).reply.want(t, content{"status": "ok"})
	r := f.execute("print a")
	r.reply.want(t, content{"status": "error"})
	if s, _ := r.reply.content["evalue"].(string); !strings.Contains(s, "restart the kernel") {
		t.Errorf("evalue %q does not say what to do", s)
	}
}
