package futures

import (
	"fmt"
	"runtime"
	"time"

	rt "braid/runtime"
	"braid/runtime/sched"
)

// Forever is the time-out that never comes, Python's timeout=None. Any negative
// duration means the same.
const Forever = time.Duration(-1)

// outside acts for goroutines that are no modelled threads: a cell's own, a
// plain program's, those that talk to worker processes.
var outside = sched.New().Outside()

// do executes f as one operation of t on g's state; t may be nil.
func do(t *rt.Thread, op sched.Op, g *sched.Gate, f func()) {
	if t != nil {
		t.Do(op, g, f)
		return
	}
	outside.Do(op, g, f)
}

// await waits until ready holds and executes f in the same step, or gives up
// after timeout. The error says why a caller that is no thread cannot wait, or
// must not wait any longer.
func await(t *rt.Thread, virtual bool, op sched.Op, g *sched.Gate, timeout time.Duration, ready func() bool, f func()) (bool, error) {
	switch {
	case t != nil:
		return t.Await(op.Label, op, g, timeout, ready, f), nil
	case outside.AwaitFor(op, g, 0, ready, f):
		return true, nil
	case timeout == 0:
		return false, nil
	case virtual:
		return false, rt.Raise("RuntimeError", "time is virtual here: only a thread of the Interpreter can wait; give its *Thread instead of nil")
	}
	if soon(op, g, ready, f) {
		return true, nil
	}
	abandoned := false
	release := rt.CurrentScope().OwnRunning("waiting to "+op.Label, func() {
		outside.Do(op, g, func() { abandoned = true })
	})
	defer release()
	done := false
	got := outside.AwaitFor(op, g, timeout, func() bool { return abandoned || ready() }, func() {
		if done = ready(); done {
			f()
		}
	})
	if got && !done {
		rt.Interrupted()
		return false, rt.Raise("KeyboardInterrupt", "")
	}
	return done, nil
}

// soon gives others the processor for a moment: a call that takes no time is
// done then, and nobody had to sleep and to be woken, which costs more.
func soon(op sched.Op, g *sched.Gate, ready func() bool, f func()) bool {
	for range 2 {
		runtime.Gosched()
		if outside.AwaitFor(op, g, 0, ready, f) {
			return true
		}
	}
	return false
}

// timeoutOf is an optional time-out: none means Forever.
func timeoutOf(timeout []time.Duration) time.Duration {
	if len(timeout) == 0 || timeout[0] < 0 {
		return Forever
	}
	return timeout[0]
}

// clock is what t's time-outs count on.
func clock(t *rt.Thread) time.Duration {
	if t != nil {
		return t.Now()
	}
	return outside.Now()
}

// left is how much of a time-out that began at since remains, never below zero.
func left(t *rt.Thread, timeout, since time.Duration) time.Duration {
	if timeout < 0 {
		return Forever
	}
	return max(timeout-(clock(t)-since), 0)
}

// object names a thing for exploration and pictures; elsewhere nobody looks.
func object(w *sched.World, kind, format string, args ...any) *sched.Object {
	if w == nil || !w.Virtual() && w.Observer == nil {
		return nil
	}
	return w.Object(kind, fmt.Sprintf(format, args...))
}

// logged is what CPython's logger "concurrent.futures" prints on stderr, unless
// told otherwise: the text, and the exception with its traceback.
func logged(err error, format string, args ...any) {
	fmt.Fprintf(rt.Stderr(), format+"\n", args...)
	if e, ok := rt.AsException(err); ok {
		fmt.Fprint(rt.Stderr(), rt.Traceback(e))
	} else if err != nil {
		fmt.Fprintln(rt.Stderr(), err)
	}
}
