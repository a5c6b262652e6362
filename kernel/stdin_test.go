package kernel

import (
	"os"
	"testing"

	"braid/kernel/internal/protocol"
)

// asked waits for the input_request of a cell.
func (s sent) asked() (q message) {
	s.t.Helper()
	s.await("input_request", func(ms []message) bool {
		for _, m := range ms {
			if m.channel == "stdin" && m.parent == s.header.MsgID {
				q = m
				return true
			}
		}
		return false
	})
	return q
}

// input sends an input_reply; parent may be nil.
func (f *front) input(c content, parent *message) {
	m := f.message("input_reply", c)
	if parent != nil {
		m.ParentHeader = parent.RawHeader
	}
	f.post("stdin", m)
}

var stdinAllowed = content{"allow_stdin": true}

func TestInput(t *testing.T) {
	f := start(t)
	for _, withParent := range []bool{true, false} {
		cell := f.run("print before\nask name? ", stdinAllowed)
		q := cell.asked()
		q.want(t, content{"prompt": "name? ", "password": false})
		if got := (result{t: t, iopub: publishedNow(cell)}).text("stdout"); got != "before\n" {
			t.Errorf("when asked, the front end had %q of what was printed before", got)
		}
		if withParent {
			f.input(content{"value": "w\u00f6rld\U0001f600", "status": "ok"}, &q)
		} else {
			f.input(content{"value": "w\u00f6rld\U0001f600"}, nil)
		}
		cell.result().wantOutline("busy execute_input stdout:before\n stdout:got:w\u00f6rld\U0001f600\n idle")
	}
}

func publishedNow(s sent) []message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.published()
}

func TestPassword(t *testing.T) {
	f := start(t)
	cell := f.run("password pw> ", stdinAllowed)
	q := cell.asked()
	q.want(t, content{"prompt": "pw> ", "password": true})
	f.input(content{"value": "secret"}, &q)
	cell.result().reply.want(t, content{"status": "ok"})
}

func TestInputNotAllowed(t *testing.T) {
	f := start(t)
	r := f.execute("ask name? ")
	r.reply.want(t, content{"status": "error", "ename": "StdinError"})
	for _, m := range f.all() {
		if m.channel == "stdin" {
			t.Error("asked all the same")
		}
	}
}

func TestInputInterrupted(t *testing.T) {
	f := start(t)
	cell := f.run("ask name? ", stdinAllowed)
	q := cell.asked()
	f.kernel.signals <- os.Interrupt
	cell.result().reply.want(t, content{"status": "error", "ename": "Interrupted"})
	f.input(content{"value": "stale"}, &q)
	cell = f.run("ask again? ", stdinAllowed)
	next := cell.asked()
	f.input(content{"value": "also stale"}, &q)
	f.input(content{"value": "fresh"}, &next)
	if got := cell.result().text("stdout"); got != "got:fresh\n" {
		t.Errorf("the cell got %q", got)
	}
}

// The one who sent the cell is asked, and only its answer counts.
func TestInputOfTwoClients(t *testing.T) {
	s := serve(t)
	a, b := s.front(), s.front()
	cell := a.run("ask name? ", stdinAllowed)
	cell.asked()
	b.input(content{"value": "from b"}, nil)
	b.request("kernel_info_request", content{})
	a.input(content{"value": "from a"}, nil)
	if got := cell.result().text("stdout"); got != "got:from a\n" {
		t.Errorf("the cell got %q", got)
	}
	for _, m := range b.all() {
		if m.channel == "stdin" || m.channel == "shell" && m.parent == cell.header.MsgID {
			t.Errorf("the other client received %v", m)
		}
	}
}

// A reply is for the question that its parent names, or, without a parent, for
// the oldest question to its client; others go nowhere.
func TestDeliver(t *testing.T) {
	var s stdin
	ask := func(client, id string) *question {
		q := &question{client: client, msgID: id, answer: make(chan protocol.InputReply, 1)}
		s.add(q)
		return q
	}
	s.deliver("a", "", protocol.InputReply{Value: "unasked"})
	a1, a2, b1 := ask("a", "1"), ask("a", "2"), ask("b", "3")
	s.deliver("a", "3", protocol.InputReply{Value: "not a's question"})
	s.deliver("a", "0", protocol.InputReply{Value: "stale"})
	s.deliver("c", "", protocol.InputReply{Value: "a stranger"})
	s.deliver("a", "2", protocol.InputReply{Value: "two"})
	s.deliver("a", "", protocol.InputReply{Value: "one"})
	s.deliver("b", "", protocol.InputReply{Value: "three"})
	s.deliver("b", "3", protocol.InputReply{Value: "three again"})
	for q, want := range map[*question]string{a1: "one", a2: "two", b1: "three"} {
		if got := <-q.answer; got.Value != want {
			t.Errorf("question %s got %q, want %q", q.msgID, got.Value, want)
		}
	}
	if len(s.asked) > 0 {
		t.Errorf("%d questions are left", len(s.asked))
	}
}

func TestInputOddReplies(t *testing.T) {
	f := start(t)
	cell := f.run("ask name? ", stdinAllowed)
	q := cell.asked()
	f.post("stdin", f.message("execute_request", content{"code": "print no"}))
	f.input(content{"value": 5}, &q)
	f.input(content{}, &q)
	f.input(content{"value": "good"}, &q)
	if got := cell.result().text("stdout"); got != "got:good\n" {
		t.Errorf("the cell got %q", got)
	}
	cell = f.run("ask name? ", stdinAllowed)
	q = cell.asked()
	f.input(content{"status": "error"}, &q)
	cell.result().reply.want(t, content{"status": "error", "ename": "StdinError"})
	cell = f.run("ask name? ", stdinAllowed)
	q = cell.asked()
	f.input(content{"value": "\x04"}, &q)
	cell.result().reply.want(t, content{"status": "error", "evalue": "EOF"})
}
