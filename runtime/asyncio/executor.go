package asyncio

import (
	"time"

	rt "braid/runtime"
	"braid/runtime/futures"
	"braid/runtime/sched"
)

// Executor is what RunInExecutor hands calls to: any executor of package
// futures.
type Executor interface {
	Submit(t *rt.Thread, fn any, args ...any) (*futures.Future, error)
}

// RunInExecutor is loop.run_in_executor(ex, fn, *args): a Future of what fn
// returns in a thread of ex, or of the loop's default executor if ex is nil. fn
// is what ex takes: for pools of threads any function, whose first parameter,
// if it is an *rt.Thread, is the thread that runs it, for modelled sleeps and
// work. Cancelling the Future does not stop fn once it runs.
//
// Cost: about 5 µs on the real clock, a tenth of CPython's.
func (l *Loop) RunInExecutor(ex Executor, fn any, args ...any) *Future {
	if l.closed.Load() {
		return failed(eventLoopClosed())
	}
	switch fn.(type) {
	case *Coroutine, *Function:
		return failed(rt.Raise("TypeError", "coroutines cannot be used with run_in_executor()"))
	}
	if isNilExecutor(ex) {
		var err error
		if ex, err = l.defaultExecutor(); err != nil {
			return failed(err)
		}
	}
	f, err := ex.Submit(l.thread, fn, args...)
	if err != nil {
		return failed(err)
	}
	return l.WrapFuture(f)
}

// isNilExecutor also knows the nil pointer of a pool that could not be made.
func isNilExecutor(ex Executor) bool {
	p, is := ex.(*futures.ThreadPoolExecutor)
	return ex == nil || is && p == nil
}

// WrapFuture is asyncio.wrap_future(f): an asyncio Future that ends as f does.
// Cancelling one cancels the other.
func (l *Loop) WrapFuture(f *futures.Future) *Future {
	mine := l.NewFuture()
	mine.AddDoneCallback(func(mine *Future) {
		if mine.Cancelled() {
			f.Cancel(l.thread)
		}
	})
	f.AddDoneCallback(l.thread, func(t *rt.Thread, f *futures.Future) {
		v, err := f.Result(t, 0)
		_, _ = l.CallSoonThreadsafe(func() { mine.settle(v, err) })
	})
	return mine
}

// settle is _copy_future_state, for a Future that may have been cancelled.
func (f *Future) settle(v any, err error) {
	switch {
	case f.state != pending:
	case rt.Is(err, "CancelledError"):
		f.cancelNow(nil)
	case err != nil:
		_ = f.setException(err)
	default:
		_ = f.setResult(v)
	}
}

// RunCoroutineThreadsafe is asyncio.run_coroutine_threadsafe(x, l), for other
// threads: the loop makes a task of x, and the Future that is returned at once
// can be waited for by the calling thread t (nil for a plain goroutine).
// Cancelling it cancels the task.
func (l *Loop) RunCoroutineThreadsafe(t *rt.Thread, x any) (*futures.Future, error) {
	co, ok := x.(*Coroutine)
	if !ok || co == nil {
		return nil, rt.Raise("TypeError", "A coroutine object is required")
	}
	var in *rt.Interpreter
	if l.thread != nil {
		in = l.thread.Interpreter()
	}
	outer := futures.NewFuture(in)
	_, err := l.CallSoonThreadsafe(func() {
		task, err := l.CreateTask(co)
		if err != nil {
			_ = outer.SetException(l.thread, err)
			return
		}
		l.chain(task, outer)
	})
	if err != nil {
		co.forgetUnawaited()
		return nil, err
	}
	return outer, nil
}

// chain is _chain_future from a task to a Future that threads wait for.
func (l *Loop) chain(task *Task, outer *futures.Future) {
	outer.AddDoneCallback(l.thread, func(t *rt.Thread, outer *futures.Future) {
		if outer.Cancelled(t) {
			_, _ = l.CallSoonThreadsafe(func() { task.Cancel() })
		}
	})
	task.AddDoneCallback(func(f *Future) {
		if f.Cancelled() {
			outer.Cancel(l.thread)
		}
		if goes, err := outer.SetRunningOrNotifyCancel(l.thread); !goes || err != nil {
			return
		}
		if v, err := f.Result(); err != nil {
			_ = outer.SetException(l.thread, err)
		} else {
			_ = outer.SetResult(l.thread, v)
		}
	})
}

// RunInExecutor awaits Loop.RunInExecutor.
func (c *Co) RunInExecutor(ex Executor, fn any, args ...any) (any, error) {
	l := c.fiber.loop
	if l == nil {
		return nil, noRunningLoop()
	}
	return c.Await(l.RunInExecutor(ex, fn, args...))
}

// ToThread is asyncio.to_thread(fn, *args): a coroutine of what fn returns in a
// thread of the default executor; fn as for RunInExecutor. Unlike there it runs in
// a copy of the caller's context (Lib/asyncio/threads.py): ContextVar.Get takes
// its *rt.Thread, or nil.
func ToThread(fn any, args ...any) *Coroutine {
	return builtin("to_thread", func(c *Co) (any, error) {
		switch fn.(type) {
		case *Coroutine, *Function: // refused below
			return c.RunInExecutor(nil, fn, args...)
		}
		ctx, err := CopyContext(c)
		if err != nil {
			return nil, err
		}
		inside := futures.Around(fn, func(t *rt.Thread, call func() (any, error)) (any, error) { return ctx.Run(t, call) })
		return c.RunInExecutor(nil, inside, args...)
	})
}

// ToThread awaits ToThread(fn, args...).
func (c *Co) ToThread(fn any, args ...any) (any, error) { return c.Await(ToThread(fn, args...)) }

// pool is the default executor of a loop.
type pool struct {
	*futures.ThreadPoolExecutor
	in  *rt.Interpreter
	own bool // in is of the pool alone
}

// defaultExecutor is the ThreadPoolExecutor that run_in_executor(None, …) makes
// at its first call: threads of the loop's Interpreter, or, if the loop is no
// thread of one, of an Interpreter of the pool's own.
func (l *Loop) defaultExecutor() (Executor, error) {
	if l.executorDown {
		return nil, rt.Raise("RuntimeError", "Executor shutdown has been called")
	}
	if l.executor == nil {
		p := &pool{own: l.thread == nil}
		if p.own {
			p.in = rt.New(rt.GIL310)
		} else {
			p.in = l.thread.Interpreter()
		}
		var err error
		p.ThreadPoolExecutor, err = futures.NewThreadPoolExecutor(p.in, futures.Default, futures.ThreadNamePrefix("asyncio"))
		if err != nil {
			return nil, err
		}
		l.executor = p
	}
	return l.executor, nil
}

// ShutdownDefaultExecutor is loop.shutdown_default_executor(): no more work is
// taken, and awaiting it waits until the threads have ended, 300 s at most.
func (l *Loop) ShutdownDefaultExecutor() *Coroutine {
	return builtin("BaseEventLoop.shutdown_default_executor", func(c *Co) (any, error) {
		l.executorDown = true
		if l.executor == nil {
			return nil, nil
		}
		ended := l.NewFuture()
		l.executor.in.Worker("asyncio shutdown", func(t *rt.Thread) { // _do_shutdown
			l.executor.Shutdown(t, true, false)
			_, _ = l.CallSoonThreadsafe(func() { ended.settle(nil, nil) })
		})
		const limit = 300 * time.Second // constants.THREAD_JOIN_TIMEOUT
		_, err := c.WaitFor(ended, limit)
		if rt.Is(err, "TimeoutError") {
			l.warn("RuntimeWarning", "The executor did not finishing joining its threads within %d seconds.", int(limit.Seconds()))
			return nil, nil
		}
		return nil, err
	})
}

// kill is the end of a loop that does not wait for its threads.
func (p *pool) kill(t *rt.Thread) {
	if p.own {
		p.in.World().Interrupt()
		return
	}
	defer func() {
		if r := recover(); r != nil && !sched.Aborted(r) {
			panic(r)
		}
	}()
	p.Shutdown(t, false, true)
}
