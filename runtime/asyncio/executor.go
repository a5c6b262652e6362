package asyncio

import (
	"reflect"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	rt "braid/runtime"
	"braid/runtime/sched"
)

// Executor is what RunInExecutor hands functions to, such as the pools of
// package futures.
type Executor interface {
	// Execute has fn run by one of the executor's threads. t is the thread of
	// the loop, nil on the real clock without an Interpreter. done is called
	// from any thread with what fn returned; cancel keeps fn from running if it
	// has not begun and tells whether it did.
	Execute(t *rt.Thread, fn func(t *rt.Thread) (any, error), done func(v any, err error)) (cancel func() bool, err error)
}

// RunInExecutor is loop.run_in_executor(ex, fn, *args): a Future of what fn
// returns in a thread of ex, or of the loop's default executor if ex is nil. fn
// is any function; if its first parameter is an *rt.Thread it gets the thread
// that runs it, for modelled sleeps and work. It may return nothing, a value,
// an error, or both; a panic is an exception. Cancelling the Future does not
// stop fn once it runs.
//
// Cost: about 2 µs on the real clock.
func (l *Loop) RunInExecutor(ex Executor, fn any, args ...any) *Future {
	call, err := callable(fn, args)
	if err != nil {
		return failed(err)
	}
	if l.closed {
		return failed(eventLoopClosed())
	}
	if ex == nil {
		if ex, err = l.defaultExecutor(); err != nil {
			return failed(err)
		}
	}
	f := l.NewFuture()
	cancel, err := ex.Execute(l.thread, call, func(v any, err error) {
		_, _ = l.CallSoonThreadsafe(func() { f.settle(v, err) })
	})
	if err != nil {
		return failed(err)
	}
	f.AddDoneCallback(func(f *Future) {
		if f.Cancelled() {
			cancel()
		}
	})
	return f
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

// RunInExecutor awaits Loop.RunInExecutor.
func (c *Co) RunInExecutor(ex Executor, fn any, args ...any) (any, error) {
	l := c.fiber.loop
	if l == nil {
		return nil, noRunningLoop()
	}
	return c.Await(l.RunInExecutor(ex, fn, args...))
}

// ToThread is asyncio.to_thread(fn, *args): a coroutine of what fn returns in a
// thread of the default executor; fn as for RunInExecutor.
func ToThread(fn any, args ...any) *Coroutine {
	return builtin("to_thread", func(c *Co) (any, error) { return c.RunInExecutor(nil, fn, args...) })
}

// ToThread awaits ToThread(fn, args...).
func (c *Co) ToThread(fn any, args ...any) (any, error) { return c.Await(ToThread(fn, args...)) }

var (
	threadType = reflect.TypeFor[*rt.Thread]()
	errorType  = reflect.TypeFor[error]()
)

// callable binds args to fn.
func callable(fn any, args []any) (func(t *rt.Thread) (any, error), error) {
	switch fn := fn.(type) {
	case func(t *rt.Thread) (any, error):
		if len(args) == 0 {
			return fn, nil
		}
	case func() (any, error):
		if len(args) == 0 {
			return func(*rt.Thread) (any, error) { return fn() }, nil
		}
	case *Coroutine, *Function:
		return nil, rt.Raise("TypeError", "coroutines cannot be used with run_in_executor()")
	}
	f := reflect.ValueOf(fn)
	if f.Kind() != reflect.Func || f.IsNil() {
		return nil, rt.Raise("TypeError", "a callable object was expected by run_in_executor(), got %s", rt.Repr(fn))
	}
	t := f.Type()
	takesThread := t.NumIn() > 0 && t.In(0) == threadType
	in := make([]reflect.Value, 0, len(args)+1)
	if takesThread {
		in = append(in, reflect.Value{})
	}
	for _, a := range args {
		in = append(in, reflect.ValueOf(a))
	}
	if err := fits(t, in); err != nil {
		return nil, err
	}
	return func(t *rt.Thread) (any, error) {
		if takesThread {
			in[0] = reflect.ValueOf(t)
		}
		return outcome(f.Call(in))
	}, nil
}

// fits checks the arguments, giving nil its type.
func fits(t reflect.Type, in []reflect.Value) error {
	fixed := t.NumIn()
	if t.IsVariadic() {
		fixed--
	}
	if len(in) < fixed || len(in) > fixed && !t.IsVariadic() {
		return rt.Raise("TypeError", "function takes %d positional arguments but %d were given", fixed, len(in))
	}
	for i := range in {
		want := t.In(min(i, t.NumIn()-1))
		if t.IsVariadic() && i >= fixed {
			want = t.In(fixed).Elem()
		}
		switch {
		case i == 0 && t.In(0) == threadType:
		case !in[i].IsValid():
			in[i] = reflect.Zero(want)
		case !in[i].Type().AssignableTo(want):
			return rt.Raise("TypeError", "argument %d must be %s, not %s", i+1, want, in[i].Type())
		}
	}
	return nil
}

// outcome makes a value and an error of what a function returned.
func outcome(out []reflect.Value) (v any, err error) {
	if n := len(out); n > 0 && out[n-1].Type() == errorType {
		err, _ = out[n-1].Interface().(error)
		out = out[:n-1]
	}
	switch len(out) {
	case 0:
	case 1:
		v = out[0].Interface()
	default:
		list := make([]any, len(out))
		for i := range out {
			list[i] = out[i].Interface()
		}
		v = list
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

// defaultExecutor is the ThreadPoolExecutor that run_in_executor(None, …) makes
// at its first call.
func (l *Loop) defaultExecutor() (Executor, error) {
	switch {
	case l.executorDown:
		return nil, rt.Raise("RuntimeError", "Executor shutdown has been called")
	case l.executor == nil:
		l.executor = newPool(l.thread)
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
		l.executor.shutdown(l.thread, func() {
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

// pool is the default executor: threads of the loop's Interpreter, or, if it
// has none, of one of its own.
type pool struct {
	in     *rt.Interpreter
	own    bool
	max    int
	submit *sched.Proc // of a loop that is no thread itself
	leave  func()
	put    sched.Op
	get    sched.Op

	gate    sched.Gate
	queue   []*job // guarded by gate
	idle    int    // guarded by gate; _idle_semaphore
	threads int    // guarded by gate
	started int    // guarded by gate
	closed  bool   // guarded by gate
	ended   func() // guarded by gate
}

type job struct {
	fn    func(t *rt.Thread) (any, error)
	done  func(v any, err error)
	taken bool // guarded by gate
}

func newPool(t *rt.Thread) *pool {
	p := &pool{max: min(32, runtime.NumCPU()+4)}
	if t != nil {
		p.in = t.Interpreter()
	} else {
		p.in, p.own = rt.New(rt.GIL310), true
		p.submit, p.leave = p.in.World().Adopt("event loop")
	}
	o := p.in.World().Object("executor", "default executor")
	p.put = sched.Op{Kind: sched.Notify, Object: o, Label: "submit"}
	p.get = sched.Op{Kind: sched.Wait, Object: o, Label: "wait for work"}
	return p
}

// do is one step on the state of the pool, by the loop.
func (p *pool) do(t *rt.Thread, f func()) {
	if t != nil {
		t.Do(p.put, &p.gate, f)
		return
	}
	p.submit.Do(p.put, &p.gate, f)
}

// Execute implements Executor with the rule of ThreadPoolExecutor: a thread is
// started if none is idle and fewer than the maximum run.
func (p *pool) Execute(t *rt.Thread, fn func(t *rt.Thread) (any, error), done func(v any, err error)) (cancel func() bool, err error) {
	j := &job{fn: fn, done: done}
	spawn := -1
	p.do(t, func() {
		if p.closed {
			err = rt.Raise("RuntimeError", "cannot schedule new futures after shutdown")
			return
		}
		p.queue = append(p.queue, j)
		switch {
		case p.idle > 0:
			p.idle--
		case p.threads < p.max:
			spawn = p.started
			p.threads++
			p.started++
		}
	})
	if err != nil {
		return nil, err
	}
	if spawn >= 0 {
		p.in.Worker("asyncio_"+strconv.Itoa(spawn), p.work)
	}
	return func() (won bool) {
		p.gate.With(func() { won, j.taken = !j.taken, true })
		return won
	}, nil
}

func (p *pool) work(t *rt.Thread) {
	defer p.end(t)
	for first := true; ; first = false {
		j := p.next(t, first)
		if j == nil {
			return
		}
		j.done(j.run(t))
	}
}

// next takes a job, or says that the thread is idle and waits for one; nil when
// the pool is closed.
func (p *pool) next(t *rt.Thread, first bool) (j *job) {
	take := func() {
		for len(p.queue) > 0 && j == nil {
			if !p.queue[0].taken {
				j = p.queue[0]
				j.taken = true
			}
			p.queue = p.queue[1:]
		}
	}
	idle := first
	for {
		over := false
		if !idle {
			t.Do(p.get, &p.gate, func() {
				if take(); j == nil {
					p.idle++
				}
			})
			if j != nil {
				return j
			}
		}
		idle = false
		t.Await("work", p.get, &p.gate, -1,
			func() bool { return len(p.queue) > 0 || p.closed },
			func() { take(); over = j == nil && p.closed })
		if j != nil || over {
			return j
		}
	}
}

func (j *job) run(t *rt.Thread) (v any, err error) {
	ok := false
	defer func() {
		if ok {
			return
		}
		r := recover()
		if unwinding(r) {
			panic(r)
		}
		v, err = nil, rt.FromPanic(r, debug.Stack())
	}()
	v, err = j.fn(t)
	ok = true
	return v, err
}

func (p *pool) end(t *rt.Thread) {
	if r := recover(); r != nil { // the World ends
		panic(r)
	}
	var ended func()
	t.Do(p.get, &p.gate, func() {
		if p.threads--; p.threads == 0 && p.closed {
			ended = p.ended
		}
	})
	if ended != nil {
		ended()
	}
}

// shutdown takes no more work; ended is called when the last thread has ended.
func (p *pool) shutdown(t *rt.Thread, ended func()) {
	now := false
	p.do(t, func() {
		p.closed, p.ended = true, ended
		now = p.threads == 0
	})
	if now {
		ended()
	}
}

// kill is the end of a loop that does not wait for its threads.
func (p *pool) kill(t *rt.Thread) {
	if p.own {
		p.in.World().Interrupt()
		p.leave()
		return
	}
	defer func() {
		if r := recover(); r != nil && !sched.Aborted(r) {
			panic(r)
		}
	}()
	p.shutdown(t, func() {})
}
