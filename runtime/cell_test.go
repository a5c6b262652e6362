package runtime

import "testing"

// A scope with something in it is not ended in passing; an empty one is, and what
// comes later lives where End would have put it.
func TestEndEmpty(t *testing.T) {
	session, cell := NewScope(), NewScope()
	cell.Outlives = session
	release := cell.Own("coroutine", func() { t.Error("EndEmpty stopped a coroutine") })
	if cell.EndEmpty() {
		t.Error("a scope with a coroutine was ended")
	}
	release()
	cell.OwnThread("thread 1", func() {})
	if cell.EndEmpty() || len(cell.Living()) != 1 || len(session.Living()) != 0 {
		t.Errorf("with a thread: cell %v, session %v", cell.Living(), session.Living())
	}
	cell.End()
	if !cell.EndEmpty() {
		t.Error("nothing is left, yet it was not ended")
	}
	cell = NewScope()
	cell.Outlives = session
	if !cell.EndEmpty() {
		t.Error("an empty scope was not ended")
	}
	cell.OwnThread("thread 2", func() {})
	if len(cell.Living()) != 0 || len(session.Living()) != 2 {
		t.Errorf("after the end: cell %v, session %v", cell.Living(), session.Living())
	}
}
