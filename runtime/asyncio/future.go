package asyncio

import (
	"fmt"
	"strings"

	rt "braid/runtime"
)

type futureState uint8

const (
	pending futureState = iota
	cancelled
	finished
)

// Future is asyncio.Future (Modules/_asynciomodule.c, FutureObj): a result that
// is not there yet. Like CPython's it belongs to one loop and is not safe for
// use from other threads.
type Future struct {
	loop         *Loop
	ext          extension // what the Future really is: a Task, a gather, or nil
	result       any
	exc          error
	first        callback   // callbacks in order: first, then more
	more         []callback // nil for nearly all
	message      *string    // of the cancellation
	state        futureState
	blocking     bool // _asyncio_future_blocking: it was awaited, not just yielded
	unretrieved  bool // __log_traceback
	cancelledExc *rt.Exception
}

// extension overrides methods of a Future.
type extension interface {
	cancel(message *string) bool
	describe() string
}

// callback is a task to wake or a function to call, through the loop.
type callback struct {
	task  *Task
	fn    func(*Future)
	id    *int    // names fn for RemoveDoneCallback
	outer *Future // the gather that fn serves, for pictures
}

func (cb callback) empty() bool { return cb.task == nil && cb.fn == nil }

// NewFuture is loop.create_future().
func (l *Loop) NewFuture() *Future { return &Future{loop: l} }

// NewFuture is loop.create_future() of the running loop; without one, a
// RuntimeError.
func NewFuture() (*Future, error) {
	l, err := GetRunningLoop()
	if err != nil {
		return nil, err
	}
	return l.NewFuture(), nil
}

// PyType names the type in error texts.
func (f *Future) PyType() string {
	if _, is := f.ext.(*Task); is {
		return "Task"
	}
	if f.ext != nil {
		return "_GatheringFuture"
	}
	return "Future"
}

// Loop is future.get_loop().
func (f *Future) Loop() *Loop { return f.loop }

// Done tells whether there is a result or an exception, or it was cancelled.
func (f *Future) Done() bool { return f.state != pending }

// Cancelled tells whether the Future was cancelled.
func (f *Future) Cancelled() bool { return f.state == cancelled }

// Result is future.result(): the result, or the exception as error; an
// InvalidStateError if there is none yet.
func (f *Future) Result() (any, error) {
	switch f.state {
	case cancelled:
		return nil, f.cancelledError()
	case pending:
		return nil, rt.Raise("InvalidStateError", "Result is not set.")
	}
	f.unretrieved = false
	return f.result, f.exc
}

// Exception is future.exception(): the exception that was set (nil if none);
// the second value is what the call itself raises.
func (f *Future) Exception() (exc, err error) {
	switch f.state {
	case cancelled:
		return nil, f.cancelledError()
	case pending:
		return nil, rt.Raise("InvalidStateError", "Exception is not set.")
	}
	f.unretrieved = false
	return f.exc, nil
}

// cancelledError is _make_cancelled_error.
func (f *Future) cancelledError() error {
	if e := f.cancelledExc; e != nil {
		f.cancelledExc = nil
		return e
	}
	if f.message != nil {
		return rt.Raise("CancelledError", "%s", *f.message)
	}
	return rt.Raise("CancelledError", "")
}

// SetResult is future.set_result(v); InvalidStateError if it is done.
func (f *Future) SetResult(v any) error {
	if _, is := f.ext.(*Task); is {
		return rt.Raise("RuntimeError", "Task does not support set_result operation")
	}
	return f.setResult(v)
}

func (f *Future) setResult(v any) error {
	if f.state != pending {
		return rt.Raise("InvalidStateError", "invalid state")
	}
	f.result, f.state = v, finished
	f.schedule()
	return nil
}

// SetException is future.set_exception(exc). A StopIteration cannot be set: it
// would end whoever awaits (3.12 and later set a RuntimeError instead, as here).
func (f *Future) SetException(exc error) error {
	if _, is := f.ext.(*Task); is {
		return rt.Raise("RuntimeError", "Task does not support set_exception operation")
	}
	return f.setException(exc)
}

func (f *Future) setException(exc error) error {
	if f.state != pending {
		return rt.Raise("InvalidStateError", "invalid state")
	}
	if exc == nil {
		return rt.Raise("TypeError", "invalid exception object")
	}
	if e, ok := exc.(*rt.Exception); ok && e.Type == "StopIteration" {
		exc = rt.Raise("RuntimeError", "StopIteration interacts badly with generators and cannot be raised into a Future").From(exc)
	}
	f.exc, f.state, f.unretrieved = exc, finished, true
	f.loop.noteFailed(f)
	f.schedule()
	return nil
}

// Cancel is future.cancel(msg): at once for a Future, a request for a Task, for
// all children of a Gather. It reports whether there was anything to cancel.
func (f *Future) Cancel(msg ...string) bool {
	var m *string
	if len(msg) > 0 {
		m = &msg[0]
	}
	return f.cancel(m)
}

func (f *Future) cancel(m *string) bool {
	if f.ext != nil {
		return f.ext.cancel(m)
	}
	return f.cancelNow(m)
}

func (f *Future) cancelNow(m *string) bool {
	f.unretrieved = false
	if f.state != pending {
		return false
	}
	f.state, f.message = cancelled, m
	f.schedule()
	return true
}

// AddDoneCallback arranges that fn is called by the loop, in its next
// iteration, when the Future is done. The id that it returns is for
// RemoveDoneCallback.
func (f *Future) AddDoneCallback(fn func(*Future), context ...*Context) (id *int) {
	id = new(int)
	f.add(callback{fn: f.loop.bound(fn, context), id: id})
	return id
}

// RemoveDoneCallback removes a callback and returns how many that were.
func (f *Future) RemoveDoneCallback(id *int) int {
	if id == nil {
		return 0
	}
	if f.first.id == id {
		f.first = callback{}
		if len(f.more) > 0 {
			f.first, f.more = f.more[0], f.more[1:]
		}
		return 1
	}
	for i, cb := range f.more {
		if cb.id == id {
			f.more = append(f.more[:i:i], f.more[i+1:]...)
			return 1
		}
	}
	return 0
}

func (f *Future) add(cb callback) {
	switch {
	case f.state != pending:
		f.call(cb)
	case f.first.empty():
		f.first = cb
	default:
		f.more = append(f.more, cb)
	}
}

// schedule hands all callbacks to the loop (__schedule_callbacks).
func (f *Future) schedule() {
	if f.first.empty() {
		return
	}
	f.call(f.first)
	for _, cb := range f.more {
		f.call(cb)
	}
	f.first, f.more = callback{}, nil
}

func (f *Future) call(cb callback) {
	f.loop.soon(entry{task: cb.task, fn: cb.fn, fut: f})
}

func (f *Future) String() string {
	if f.ext != nil {
		return f.ext.describe()
	}
	return "<Future " + strings.Join(f.info(), " ") + ">"
}

// info is base_futures._future_repr_info.
func (f *Future) info() []string {
	state := [...]string{"pending", "cancelled", "finished"}[f.state]
	info := []string{state}
	if f.state == finished {
		if f.exc != nil {
			info = append(info, "exception="+asException(f.exc).Repr())
		} else {
			info = append(info, "result="+rt.Repr(f.result))
		}
	}
	if !f.first.empty() {
		info = append(info, "cb=["+f.callbacks()+"]")
	}
	return info
}

func (f *Future) callbacks() string {
	name := func(cb callback) string {
		if cb.task != nil {
			return "Task.task_wakeup()"
		}
		return "callback()"
	}
	switch n := len(f.more); n {
	case 0:
		return name(f.first)
	case 1:
		return name(f.first) + ", " + name(f.more[0])
	default:
		return fmt.Sprintf("%s, <%d more>, %s", name(f.first), n-1, name(f.more[n-1]))
	}
}
