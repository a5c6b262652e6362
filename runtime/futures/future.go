package futures

import (
	"fmt"
	"strings"
	"time"

	rt "braid/runtime"
	"braid/runtime/sched"
)

type state uint8

const (
	pending state = iota
	running
	cancelled
	cancelledAndNotified
	finished
)

// names are _STATE_TO_DESCRIPTION_MAP; keys those of the constants.
var (
	stateNames = [...]string{"pending", "running", "cancelled", "cancelled", "finished"}
	stateKeys  = [...]string{"PENDING", "RUNNING", "CANCELLED", "CANCELLED_AND_NOTIFIED", "FINISHED"}
)

func (s state) done() bool { return s >= cancelled }

// Future is concurrent.futures.Future (Lib/concurrent/futures/_base.py): the
// result, to come, of a call that an Executor makes. It may be used by any
// number of threads.
//
// The first argument of its methods is the calling thread; nil where there is
// none (a notebook's cell, a plain goroutine).
type Future struct {
	gate    sched.Gate
	wait    sched.Op
	notify  sched.Op
	virtual bool

	// guarded by gate
	state     state
	result    any
	exception error
	waiters   []*waiter
	callbacks []func(t *rt.Thread, f *Future)
}

// NewFuture makes a pending Future for threads of in (nil: on the real clock),
// for tests and executors of one's own.
func NewFuture(in *rt.Interpreter) *Future {
	if in == nil {
		return newFuture(nil, 0)
	}
	return newFuture(in.World(), 0)
}

func newFuture(w *sched.World, n int) *Future {
	f := &Future{virtual: w != nil && w.Virtual()}
	o := object(w, "future", "future %d", n)
	f.wait = sched.Op{Kind: sched.Wait, Object: o, Label: "await a future"}
	f.notify = sched.Op{Kind: sched.Notify, Object: o, Label: "set a future"}
	return f
}

func (f *Future) look(t *rt.Thread) (s state) {
	do(t, f.wait, &f.gate, func() { s = f.state })
	return s
}

// Cancelled, Running and Done tell the state. A cancelled Future is done.
func (f *Future) Cancelled(t *rt.Thread) bool {
	s := f.look(t)
	return s == cancelled || s == cancelledAndNotified
}

// Running tells whether the call is being executed and cannot be cancelled.
func (f *Future) Running(t *rt.Thread) bool { return f.look(t) == running }

// Done tells whether the call was cancelled or has ended.
func (f *Future) Done(t *rt.Thread) bool { return f.look(t).done() }

// Cancel cancels the call unless it runs or has ended, and reports whether it
// is cancelled. Threads in Result or Exception are told at once, those in Wait
// and AsCompleted when a worker meets the call (_base.py, Future.cancel).
func (f *Future) Cancel(t *rt.Thread) bool {
	changed, is := false, false
	var callbacks []func(*rt.Thread, *Future)
	do(t, f.notify, &f.gate, func() {
		changed, is = f.state == pending, f.state != running && f.state != finished
		if changed {
			f.state = cancelled
			callbacks, f.callbacks = f.callbacks, nil
		}
	})
	if changed {
		f.invoke(t, callbacks)
	}
	return is
}

// Result waits for the call and returns its value, or raises what it raised:
// CancelledError if it was cancelled, TimeoutError (with no text) if the
// optional time-out passes first.
func (f *Future) Result(t *rt.Thread, timeout ...time.Duration) (any, error) {
	v, exc, err := f.outcome(t, timeoutOf(timeout))
	if err != nil {
		return nil, err
	}
	return v, exc
}

// Exception waits for the call and returns what it raised, or nil. If there is
// no such answer, err is CancelledError or TimeoutError.
func (f *Future) Exception(t *rt.Thread, timeout ...time.Duration) (raised, err error) {
	_, exc, err := f.outcome(t, timeoutOf(timeout))
	return exc, err
}

func (f *Future) outcome(t *rt.Thread, timeout time.Duration) (v any, exc, err error) {
	var s state
	got, err := await(t, f.virtual, f.wait, &f.gate, timeout,
		func() bool { return f.state.done() },
		func() { s, v, exc = f.state, f.result, f.exception })
	switch {
	case err != nil:
		return nil, nil, err
	case !got:
		return nil, nil, rt.Raise("TimeoutError", "")
	case s != finished:
		return nil, nil, rt.Raise("CancelledError", "")
	case t == nil && exc == error(errStopped):
		rt.Interrupted()
	}
	return v, exc, nil
}

// AddDoneCallback has fn called when the Future is done, by the thread that
// does it (t is nil if that is none); at once, by the caller, if it is done
// already. Callbacks are called in order. What they raise by panicking is
// logged and otherwise ignored.
func (f *Future) AddDoneCallback(t *rt.Thread, fn func(t *rt.Thread, f *Future)) {
	now := false
	do(t, f.notify, &f.gate, func() {
		if now = f.state.done(); !now {
			f.callbacks = append(f.callbacks, fn)
		}
	})
	if now {
		f.callback(t, fn)
	}
}

func (f *Future) invoke(t *rt.Thread, callbacks []func(*rt.Thread, *Future)) {
	for _, fn := range callbacks {
		f.callback(t, fn)
	}
}

func (f *Future) callback(t *rt.Thread, fn func(*rt.Thread, *Future)) {
	err := guarded(func() error {
		fn(t, f)
		return nil
	})
	if err != nil {
		logged(err, "exception calling callback for %s", f)
	}
}

// SetRunningOrNotifyCancel marks the call as running and returns true, or tells
// those who wait for a cancelled one that it is, and returns false. For
// executors and tests; RuntimeError if it was called before or the Future is
// finished.
func (f *Future) SetRunningOrNotifyCancel(t *rt.Thread) (bool, error) {
	var before state
	var waiters []*waiter
	do(t, f.notify, &f.gate, func() {
		switch before = f.state; before {
		case pending:
			f.state = running
		case cancelled:
			f.state = cancelledAndNotified
			waiters = f.waiters
		}
	})
	switch before {
	case pending:
		return true, nil
	case cancelled:
		for _, w := range waiters {
			w.tell(t, f, false)
		}
		return false, nil
	}
	logged(nil, "Future in unexpected state: %s", stateKeys[before])
	return false, rt.Raise("RuntimeError", "Future in unexpected state")
}

// tellCancelled is SetRunningOrNotifyCancel for a Future that will not run,
// whatever its state.
func (f *Future) tellCancelled(t *rt.Thread) {
	var waiters []*waiter
	do(t, f.notify, &f.gate, func() {
		if f.state == cancelled {
			f.state = cancelledAndNotified
			waiters = f.waiters
		}
	})
	for _, w := range waiters {
		w.tell(t, f, false)
	}
}

// SetResult ends the call with a value. InvalidStateError if it is done. For
// executors and tests.
func (f *Future) SetResult(t *rt.Thread, result any) error { return f.finish(t, result, nil) }

// SetException ends the call with what it raised. InvalidStateError if it is
// done. For executors and tests.
func (f *Future) SetException(t *rt.Thread, exception error) error {
	return f.finish(t, nil, exception)
}

func (f *Future) finish(t *rt.Thread, result any, exception error) error {
	var invalid error
	var waiters []*waiter
	var callbacks []func(*rt.Thread, *Future)
	do(t, f.notify, &f.gate, func() {
		if f.state.done() {
			invalid = rt.Raise("InvalidStateError", "%s: %s", stateKeys[f.state], f.text())
			return
		}
		f.state, f.result, f.exception = finished, result, exception
		waiters = f.waiters
		callbacks, f.callbacks = f.callbacks, nil
	})
	if invalid != nil {
		return invalid
	}
	for _, w := range waiters {
		w.tell(t, f, exception != nil)
	}
	f.invoke(t, callbacks)
	return nil
}

// String is repr(f), without the address: "<Future state=finished returned int>".
func (f *Future) String() (s string) {
	f.gate.With(func() { s = f.text() })
	return s
}

// text is String for callers that hold the gate.
func (f *Future) text() string {
	s := "<Future state=" + stateNames[f.state]
	switch {
	case f.state == finished && f.exception != nil:
		s += " raised " + typeOfError(f.exception)
	case f.state == finished:
		s += " returned " + TypeName(f.result)
	}
	return s + ">"
}

func typeOfError(err error) string {
	if e, ok := rt.AsException(err); ok {
		return e.Type
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", err), "*")
}

// TypeName is type(v).__name__ for the values that both worlds have, else the
// Go type: "int", "str", "NoneType", "main.Point".
func TypeName(v any) string {
	switch v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
		return "int"
	case float32, float64:
		return "float"
	case string:
		return "str"
	case []byte:
		return "bytes"
	case []any:
		return "list"
	case map[any]any, map[string]any:
		return "dict"
	}
	return fmt.Sprintf("%T", v)
}
