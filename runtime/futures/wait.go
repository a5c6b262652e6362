package futures

import (
	"time"

	rt "braid/runtime"
	"braid/runtime/sched"
)

// waiter is what Wait and AsCompleted leave in the futures they wait for.
type waiter struct {
	gate sched.Gate
	op   sched.Op
	poke sched.Op

	// guarded by gate
	ended  []*Future // in the order of their ends
	raised bool      // one of them by an exception
}

func newWaiter(w *sched.World) *waiter {
	o := object(w, "waiter", "")
	return &waiter{
		op:   sched.Op{Kind: sched.Wait, Object: o, Label: "await futures"},
		poke: sched.Op{Kind: sched.Notify, Object: o, Label: "tell that a future is done"},
	}
}

// tell is add_result, add_exception or add_cancelled.
func (w *waiter) tell(t *rt.Thread, f *Future, raised bool) {
	do(t, w.poke, &w.gate, func() {
		w.ended = append(w.ended, f)
		w.raised = w.raised || raised
	})
}

// watch leaves w with f, unless f is over; it reports which, and whether f
// raised.
func (f *Future) watch(t *rt.Thread, w *waiter) (over, raised bool) {
	do(t, f.wait, &f.gate, func() {
		over = f.state == finished || f.state == cancelledAndNotified
		raised = f.exception != nil
		if !over {
			f.waiters = append(f.waiters, w)
		}
	})
	return over, raised
}

func (f *Future) unwatch(t *rt.Thread, w *waiter) {
	do(t, f.wait, &f.gate, func() {
		for i, other := range f.waiters {
			if other == w {
				f.waiters = append(f.waiters[:i:i], f.waiters[i+1:]...)
				return
			}
		}
	})
}

// distinct drops repeated futures and keeps the order, where Python's sets have
// none.
func distinct(fs []*Future) []*Future {
	seen := make(map[*Future]bool, len(fs))
	all := make([]*Future, 0, len(fs))
	for _, f := range fs {
		if f != nil && !seen[f] {
			seen[f] = true
			all = append(all, f)
		}
	}
	return all
}

func worldOf(t *rt.Thread) *sched.World {
	if t == nil {
		return nil
	}
	return t.Interpreter().World()
}

func anyVirtual(fs []*Future) bool {
	for _, f := range fs {
		if f.virtual {
			return true
		}
	}
	return false
}

// When Wait returns.
const (
	FirstCompleted = "FIRST_COMPLETED"
	FirstException = "FIRST_EXCEPTION"
	AllCompleted   = "ALL_COMPLETED"
)

// Wait is concurrent.futures.wait: it returns the futures that are done and
// those that are not, each in the order of fs and once, when all are done, when
// the first is, or when the first has raised; or when the time-out has passed.
// It raises nothing that the futures hold, and no TimeoutError; ValueError for
// a returnWhen that is none of the constants ("" is AllCompleted).
func Wait(t *rt.Thread, fs []*Future, returnWhen string, timeout ...time.Duration) (done, notDone []*Future, err error) {
	enough, err := condition(returnWhen)
	if err != nil {
		return nil, nil, err
	}
	fs = distinct(fs)
	w := newWaiter(worldOf(t))
	over := make(map[*Future]bool, len(fs))
	raised := false
	var open []*Future
	for _, f := range fs {
		isOver, hasRaised := f.watch(t, w)
		if isOver {
			over[f] = true
			raised = raised || hasRaised
		} else {
			open = append(open, f)
		}
	}
	defer func() {
		for _, f := range open {
			f.unwatch(t, w)
		}
	}()
	if len(open) > 0 && !enough(len(over), len(open), raised) {
		_, err = await(t, anyVirtual(open), w.op, &w.gate, timeoutOf(timeout),
			func() bool { return enough(len(w.ended), len(open)-len(w.ended), w.raised) }, func() {})
	}
	w.gate.With(func() {
		for _, f := range w.ended {
			over[f] = true
		}
	})
	for _, f := range fs {
		if over[f] {
			done = append(done, f)
		} else {
			notDone = append(notDone, f)
		}
	}
	return done, notDone, err
}

// condition is what the waiter classes of _base.py stand for.
func condition(returnWhen string) (func(done, open int, raised bool) bool, error) {
	switch returnWhen {
	case FirstCompleted:
		return func(done, open int, raised bool) bool { return done > 0 || open == 0 }, nil
	case FirstException:
		return func(done, open int, raised bool) bool { return raised || open == 0 }, nil
	case AllCompleted, "":
		return func(done, open int, raised bool) bool { return open == 0 }, nil
	}
	return nil, rt.Raise("ValueError", "Invalid return condition: %s", rt.Repr(returnWhen))
}

// Completed is the iterator that AsCompleted returns.
type Completed struct {
	w       *waiter
	all     int
	open    map[*Future]bool // not yielded, watched
	ready   []*Future        // not yielded, done
	timeout time.Duration
	since   time.Duration
	over    bool // it has raised
}

// AsCompleted is concurrent.futures.as_completed: it yields each of fs once, as
// they complete; those that are done already come first, in the order of fs
// (CPython: in that of a set). The optional time-out counts from this call.
func AsCompleted(t *rt.Thread, fs []*Future, timeout ...time.Duration) *Completed {
	fs = distinct(fs)
	c := &Completed{w: newWaiter(worldOf(t)), all: len(fs), open: map[*Future]bool{}, timeout: timeoutOf(timeout), since: clock(t)}
	for _, f := range fs {
		if over, _ := f.watch(t, c.w); over {
			c.ready = append(c.ready, f)
		} else {
			c.open[f] = true
		}
	}
	return c
}

// Next returns the next Future that is done. At the end err is StopIteration;
// it is TimeoutError ("2 (of 3) futures unfinished") when the time is over.
func (c *Completed) Next(t *rt.Thread) (*Future, error) {
	if len(c.ready) == 0 {
		if c.over {
			return nil, rt.Raise("StopIteration", "")
		}
		if err := c.gather(t); err != nil {
			c.over = true
			return nil, err
		}
	}
	f := c.ready[0]
	c.ready = c.ready[1:]
	return f, nil
}

// gather waits until something is ready.
func (c *Completed) gather(t *rt.Thread) error {
	if len(c.open) == 0 {
		return rt.Raise("StopIteration", "")
	}
	virtual := false
	for f := range c.open {
		virtual = virtual || f.virtual
	}
	got, err := await(t, virtual, c.w.op, &c.w.gate, left(t, c.timeout, c.since),
		func() bool { return len(c.w.ended) > 0 },
		func() { c.ready, c.w.ended = c.w.ended, nil })
	switch {
	case err == nil && !got:
		err = rt.Raise("TimeoutError", "%d (of %d) futures unfinished", len(c.open), c.all)
		fallthrough
	case err != nil:
		c.Close(t)
		return err
	}
	for _, f := range c.ready {
		delete(c.open, f)
	}
	return nil
}

// Close ends the iteration early.
func (c *Completed) Close(t *rt.Thread) {
	for f := range c.open {
		f.unwatch(t, c.w)
	}
	c.open, c.ready = nil, nil
}

// List is list(as_completed(…)): all futures in the order of their ends, with
// what ended the iteration early.
func (c *Completed) List(t *rt.Thread) ([]*Future, error) {
	var all []*Future
	for {
		f, err := c.Next(t)
		switch {
		case err == nil:
			all = append(all, f)
		case rt.Is(err, "StopIteration"):
			return all, nil
		default:
			return all, err
		}
	}
}
