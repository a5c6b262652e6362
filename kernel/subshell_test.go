package kernel

import "testing"

func (f *front) newSubshell() string {
	f.t.Helper()
	r := f.on("control", "create_subshell_request", content{}).result()
	r.reply.want(f.t, content{"status": "ok"})
	return r.reply.content["subshell_id"].(string)
}

func TestSubshell(t *testing.T) {
	f := start(t)
	f.execute("print one")
	list := func(want ...string) {
		t.Helper()
		f.on("control", "list_subshell_request", content{}).result().reply.want(t, content{"status": "ok", "subshell_id": append([]string{}, want...)})
	}
	list()
	id := f.newSubshell()
	list(id)

	main := f.run("block")
	main.saw("execute_input")
	r := f.subshell(id, "execute_request", content{"code": "print sub"}).result()
	r.wantOutline("busy execute_input stdout:sub\n idle")
	r.reply.want(t, content{"status": "ok", "execution_count": 1}) // a counter of its own
	if got := f.kernel.fake.asked("print sub").Subshell; got != id {
		t.Errorf("the session was told subshell %q", got)
	}

	sub := f.subshell(id, "execute_request", content{"code": "block"})
	sub.saw("execute_input")
	queued := f.subshell(id, "execute_request", content{"code": "print no"})
	f.on("control", "delete_subshell_request", content{"subshell_id": id}).result().reply.want(t, content{"status": "ok"})
	sub.result().reply.want(t, content{"status": "error", "ename": "Interrupted"})
	queued.result().reply.want(t, content{"status": "error"})
	list()
	f.on("control", "delete_subshell_request", content{"subshell_id": id}).result().reply.want(t, content{"status": "error"})
	f.on("control", "delete_subshell_request", content{}).result().reply.want(t, content{"status": "error"})

	for _, msgType := range []string{"execute_request", "complete_request"} {
		r = f.subshell(id, msgType, content{"code": "print no"}).result()
		r.wantOutline("busy idle")
		r.reply.want(t, content{"status": "error"})
	}
	f.on("control", "interrupt_request", content{}).result()
	main.result().reply.want(t, content{"ename": "Interrupted"})
}

// An interrupt_request may name a subshell; without a name it is for all.
func TestInterruptSubshell(t *testing.T) {
	f := start(t)
	id := f.newSubshell()
	main := f.run("block")
	sub := f.subshell(id, "execute_request", content{"code": "block"})
	main.saw("execute_input")
	sub.saw("execute_input")
	m := f.message("interrupt_request", content{})
	m.Header.SubshellID = &id
	f.post("control", m).result().reply.want(t, content{"status": "ok"})
	sub.result().reply.want(t, content{"ename": "Interrupted"})
	sub = f.subshell(id, "execute_request", content{"code": "block"})
	sub.saw("execute_input")
	f.on("control", "interrupt_request", content{}).result()
	main.result().reply.want(t, content{"ename": "Interrupted"})
	sub.result().reply.want(t, content{"ename": "Interrupted"})
	unknown := "nope"
	m = f.message("interrupt_request", content{})
	m.Header.SubshellID = &unknown
	f.post("control", m).result().reply.want(t, content{"status": "error"})
}

func TestSubshellLimit(t *testing.T) {
	f := start(t)
	for range maxSubshells {
		f.newSubshell()
	}
	f.on("control", "create_subshell_request", content{}).result().reply.want(t, content{"status": "error"})
}
