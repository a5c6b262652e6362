package asyncio

import (
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	rt "braid/runtime"
	"braid/runtime/asyncio/internal/gid"
	"braid/runtime/sched"
	"braid/runtime/trace"
)

// Loop is the event loop (Lib/asyncio/base_events.py, BaseEventLoop). Its
// methods are called by the flow of control that runs it, except
// CallSoonThreadsafe.
type Loop struct {
	ground       ground
	ready        ring
	timers       timerHeap
	cancelled    int // of the timers
	timerSeq     uint64
	current      *Task
	allTasks     Task         // head of the ring of tasks that are not done
	tasks        int          // names
	started      []*Coroutine // created here and perhaps never awaited; see noteCreated
	sweepAt      int
	failed       []*Future // whose exception was set; see noteFailed
	pool         []*fiber
	fibers       []*fiber
	asyncgens    []*AsyncGenerator
	genShutdown  bool
	context      *Context
	scope        *rt.Scope
	fatal        error // KeyboardInterrupt or SystemExit of a task or callback
	isRunning    atomic.Bool
	stopping     bool
	closed       atomic.Bool
	dead         bool
	eager        bool
	anyOrder     bool
	ties         bool
	silent       bool // warnings of explored runs are nobody's
	debug        bool
	slow         time.Duration
	handler      func(l *Loop, context map[string]any)
	executor     *pool
	executorDown bool
	resources    map[*resource]bool // sockets, servers
	beside       sync.WaitGroup
	logged       []string
	recorder     *trace.Recorder
	inCallback   time.Duration
	iterations   int
	runner       uintptr
	interrupted  atomic.Bool
	thread       *rt.Thread   // of an Interpreter, or nil
	world        *sched.World // for choices; nil on the real clock without an Interpreter
}

// entry is one callback that is ready to run: a task to step or wake, a done
// callback, or a Handle.
type entry struct {
	task *Task
	fut  *Future
	fn   func(*Future)
	h    *Handle
	exc  error
	flow uint64
}

// ring is the ready queue, a deque.
type ring struct {
	buf  []entry
	head int
	n    int
}

func (r *ring) push(e entry) {
	if r.n == len(r.buf) {
		r.grow()
	}
	r.buf[(r.head+r.n)&(len(r.buf)-1)] = e
	r.n++
}

func (r *ring) grow() {
	buf := make([]entry, max(2*len(r.buf), 64))
	n := copy(buf, r.buf[r.head:])
	copy(buf[n:], r.buf[:r.head])
	r.buf, r.head = buf, 0
}

func (r *ring) pop() entry {
	e := r.buf[r.head]
	r.buf[r.head] = entry{}
	r.head = (r.head + 1) & (len(r.buf) - 1)
	r.n--
	if r.n == 0 && len(r.buf) > 1<<16 {
		*r = ring{} // do not keep the memory of one large burst
	}
	return e
}

// take removes the entry at place i, for explorations.
func (r *ring) take(i int) entry {
	e := *r.at(i)
	for ; i > 0; i-- {
		*r.at(i) = *r.at(i - 1)
	}
	r.pop()
	return e
}

func (r *ring) at(i int) *entry { return &r.buf[(r.head+i)&(len(r.buf)-1)] }

// Handle is what CallSoon returns: a callback that can be cancelled.
type Handle struct {
	loop      *Loop
	fn        func()
	cancelled bool
	name      string
	context   *Context
}

// Cancel keeps the callback from running.
func (h *Handle) Cancel() { h.cancelled, h.fn = true, nil }

// Cancelled tells whether the callback was cancelled.
func (h *Handle) Cancelled() bool { return h.cancelled }

func (h *Handle) String() string {
	name := h.name
	if name == "" {
		name = "callback()"
	}
	if h.cancelled {
		return "<Handle cancelled>"
	}
	return "<Handle " + name + ">"
}

// NewLoop is asyncio.new_event_loop(): a loop on the real clock, for
// RunUntilComplete and RunForever on the calling goroutine. Close it.
func NewLoop(opts ...Option) *Loop {
	l := newLoop(newRealGround())
	for _, o := range opts {
		o(l)
	}
	return l
}

func newLoop(g ground) *Loop {
	l := &Loop{ground: g, scope: scopeHere(), slow: 100 * time.Millisecond}
	l.allTasks.prev, l.allTasks.next = &l.allTasks, &l.allTasks
	return l
}

// scopeHere is the scope of the calling goroutine, or of the loop that it runs.
func scopeHere() *rt.Scope {
	if l := running(); l != nil {
		return l.scope
	}
	return rt.CurrentScope()
}

// GetRunningLoop is asyncio.get_running_loop(): the loop that the calling
// goroutine runs.
func GetRunningLoop() (*Loop, error) {
	if l := running(); l != nil {
		return l, nil
	}
	return nil, noRunningLoop()
}

func noRunningLoop() error   { return rt.Raise("RuntimeError", "no running event loop") }
func eventLoopClosed() error { return rt.Raise("RuntimeError", "Event loop is closed") }

// Time is loop.time(): since the loop began, on its clock.
func (l *Loop) Time() time.Duration { return l.ground.now() }

// IsRunning, IsClosed and Debug are loop.is_running(), is_closed() and
// get_debug().
func (l *Loop) IsRunning() bool { return l.isRunning.Load() }
func (l *Loop) IsClosed() bool  { return l.closed.Load() }
func (l *Loop) Debug() bool     { return l.debug }

func (l *Loop) String() string {
	return fmt.Sprintf("<EventLoop running=%s closed=%s debug=%s>", rt.Repr(l.IsRunning()), rt.Repr(l.IsClosed()), rt.Repr(l.debug))
}

// SetDebug turns debug mode on: callbacks of SlowCallback and longer are
// reported, and calls from the wrong thread refused.
func (l *Loop) SetDebug(on bool) { l.debug = on }

// SetSlowCallback is loop.slow_callback_duration, 100 ms by default.
func (l *Loop) SetSlowCallback(d time.Duration) { l.slow = d }

// SetEager makes CreateTask run first steps at once, as the task factory
// asyncio.eager_task_factory of 3.12 does.
func (l *Loop) SetEager(on bool) { l.eager = on }

// Iterations counts the turns of the loop (_run_once).
func (l *Loop) Iterations() int { return l.iterations }

func (l *Loop) runningNow() bool { return l.isRunning.Load() && running() == l }

// soon appends to the ready queue.
func (l *Loop) soon(e entry) {
	if l.recorder != nil {
		e.flow = l.noteWake(e)
	}
	l.ready.push(e)
}

// CallSoon is loop.call_soon(fn): fn runs in the next iteration, after what is
// ready already. In debug mode a call from another goroutine is a RuntimeError;
// without it the loop may sleep on, as in CPython (use CallSoonThreadsafe).
//
// It runs in the context that is given, else in a copy of the current one.
func (l *Loop) CallSoon(fn func(), context ...*Context) (*Handle, error) {
	if l.closed.Load() {
		return nil, eventLoopClosed()
	}
	if l.isRunning.Load() && running() != l {
		if l.debug {
			return nil, rt.Raise("RuntimeError", "Non-thread-safe operation invoked on an event loop other than the current one")
		}
		h := &Handle{loop: l, fn: fn, context: contextElsewhere(context)}
		l.ground.post(entry{h: h}, false)
		return h, nil
	}
	h := l.handle(fn, context)
	l.soon(entry{h: h})
	return h, nil
}

func (l *Loop) handle(fn func(), context []*Context) *Handle {
	return &Handle{loop: l, fn: fn, context: l.contextFor(context)}
}

// CallSoonThreadsafe is loop.call_soon_threadsafe(fn), for other threads and
// goroutines: it wakes the loop.
func (l *Loop) CallSoonThreadsafe(fn func(), context ...*Context) (*Handle, error) {
	if running() == l {
		return l.CallSoon(fn, context...)
	}
	h := &Handle{loop: l, fn: fn, context: contextElsewhere(context)}
	if !l.ground.post(entry{h: h}, true) {
		return nil, eventLoopClosed()
	}
	return h, nil
}

// callback runs one entry.
func (l *Loop) run(e entry) {
	switch {
	case e.task != nil && e.fut != nil:
		e.task.wake(e.fut)
	case e.task != nil:
		e.task.step(e.exc)
	case e.h != nil && e.h.cancelled:
	case e.h != nil:
		l.protect(func() { l.inside(e.h.context, e.h.fn) }, e.h)
	default:
		l.protect(func() { l.inside(nil, func() { e.fn(e.fut) }) }, nil)
	}
}

// protect is Handle._run: an exception of a callback goes to the exception
// handler.
func (l *Loop) protect(fn func(), h *Handle) {
	ok := false
	defer func() {
		if ok {
			return
		}
		r := recover()
		if unwinding(r) {
			panic(r)
		}
		exc := rt.FromPanic(r, debug.Stack())
		if rt.Is(exc, "KeyboardInterrupt") || rt.Is(exc, "SystemExit") {
			l.fatal = exc
			return
		}
		l.CallExceptionHandler(map[string]any{"message": "Exception in callback callback()", "exception": exc, "handle": h})
	}()
	fn()
	ok = true
}

// once is _run_once: wait for I/O, timers and other threads if nothing is
// ready, then run exactly the callbacks that are ready at that point.
func (l *Loop) once() {
	l.iterations++
	l.pruneTimers()
	timeout := time.Duration(-1)
	if l.ready.n > 0 || l.stopping {
		timeout = 0
	} else if len(l.timers) > 0 {
		timeout = max(l.timers[0].when-l.Time(), 0)
		timeout = min(timeout, maximumSelect)
	}
	l.wait(timeout)
	l.dueTimers()
	if l.recorder != nil {
		l.record(trace.Event{Kind: trace.Ready, Track: loopTrack, At: l.Time(), Value: float64(l.ready.n)})
	}
	for todo := l.ready.n; todo > 0; todo-- {
		e := l.pick(todo)
		if l.debug || l.recorder != nil {
			l.runWatched(e)
		} else {
			l.run(e)
		}
		if l.fatal != nil || l.interrupted.Load() {
			return
		}
	}
}

// maximumSelect is MAXIMUM_SELECT_TIMEOUT of base_events.py.
const maximumSelect = 24 * time.Hour

// pick takes the next entry of the batch: the first, or any if an exploration
// asked for all orders.
func (l *Loop) pick(todo int) entry {
	if !l.anyOrder || todo == 1 || l.world == nil {
		return l.ready.pop()
	}
	return l.ready.take(l.world.Choose(todo, "which ready callback is next"))
}

func (l *Loop) wait(timeout time.Duration) {
	if l.recorder == nil || timeout == 0 {
		l.ground.wait(l, timeout)
		return
	}
	began := l.Time()
	l.ground.wait(l, timeout)
	l.record(trace.Event{Kind: trace.Select, Track: loopTrack, At: began, Dur: l.Time() - began})
}

// Stop is loop.stop(): the loop ends after this iteration.
func (l *Loop) Stop() { l.stopping = true }

// RunForever runs until Stop; errors are those of a loop that cannot run, and
// KeyboardInterrupt.
func (l *Loop) RunForever() (err error) {
	switch {
	case l.closed.Load():
		return eventLoopClosed()
	case l.isRunning.Load():
		return rt.Raise("RuntimeError", "This event loop is already running")
	case running() != nil:
		return rt.Raise("RuntimeError", "Cannot run the event loop while another loop is running")
	}
	return l.forever()
}

func (l *Loop) forever() error {
	id := gid.Current()
	outer := here()
	locals.Store(id, &local{loop: l})
	if l.thread != nil {
		ofThread(l.thread).loop = l
	}
	l.runner = id
	l.isRunning.Store(true)
	release := l.scope.OwnRunning("event loop", l.interrupt)
	clean := false
	defer func() {
		release()
		if outer != nil {
			locals.Store(id, outer)
		} else {
			locals.Delete(id)
		}
		if l.thread != nil {
			ofThread(l.thread).loop = nil
		}
		l.isRunning.Store(false)
		l.stopping, l.current = false, nil
		if !clean { // the World ends: take everything down, then let the panic go on
			l.kill()
		}
	}()
	for {
		l.once()
		if l.fatal != nil || l.stopping || l.interrupted.Load() {
			break
		}
	}
	clean = true
	switch err := l.fatal; {
	case l.interrupted.Load():
		l.kill()
		return rt.Raise("KeyboardInterrupt", "")
	case err != nil:
		l.fatal = nil
		return err
	}
	return nil
}

// interrupt ends the loop from outside. Safe from anywhere.
func (l *Loop) interrupt() {
	l.interrupted.Store(true)
	l.ground.wake()
}

// RunUntilComplete is loop.run_until_complete(x): x is a *Future, *Task or
// *Coroutine, and its result is returned.
func (l *Loop) RunUntilComplete(x any) (any, error) {
	switch {
	case l.closed.Load():
		return nil, eventLoopClosed()
	case l.isRunning.Load():
		return nil, rt.Raise("RuntimeError", "This event loop is already running")
	case running() != nil:
		return nil, rt.Raise("RuntimeError", "Cannot run the event loop while another loop is running")
	}
	f, err := l.EnsureFuture(x)
	if err != nil {
		return nil, err
	}
	if t, is := f.ext.(*Task); is && f != x {
		t.quiet = true
	}
	id := f.AddDoneCallback(func(f *Future) {
		if !rt.Is(f.exc, "KeyboardInterrupt") && !rt.Is(f.exc, "SystemExit") {
			l.Stop()
		}
	})
	err = l.forever()
	f.RemoveDoneCallback(id)
	switch {
	case err != nil:
		if f.Done() && !f.Cancelled() {
			_, _ = f.Exception()
		}
		return nil, err
	case !f.Done():
		return nil, rt.Raise("RuntimeError", "Event loop stopped before Future completed.")
	}
	return f.Result()
}

// EnsureFuture is asyncio.ensure_future(x, loop=l): x itself if it is a Future,
// else a new Task for the coroutine or awaitable.
func (l *Loop) EnsureFuture(x any) (*Future, error) {
	switch x := x.(type) {
	case *Future:
		if x.loop != l {
			return nil, rt.Raise("ValueError", "The future belongs to a different loop than the one specified as the loop argument")
		}
		return x, nil
	case *Task:
		return l.EnsureFuture(&x.Future)
	case *Coroutine:
		t, err := l.CreateTask(x)
		if err != nil {
			return nil, err
		}
		return &t.Future, nil
	case Awaitable, dunderAwait, resumable:
		if g, is := x.(*Generator); is && !g.awaitable {
			break
		}
		t, err := l.CreateTask(builtin("_wrap_awaitable", func(c *Co) (any, error) { return c.Await(x) }))
		if err != nil {
			return nil, err
		}
		return &t.Future, nil
	}
	return nil, rt.Raise("TypeError", "An asyncio.Future, a coroutine or an awaitable is required")
}

// Close is loop.close(): what is left of it ends. Tasks that are pending are
// reported as destroyed, exceptions that nobody looked at as never retrieved.
func (l *Loop) Close() error {
	if l.isRunning.Load() {
		return rt.Raise("RuntimeError", "Cannot close a running event loop")
	}
	if l.closed.Load() {
		return nil
	}
	for _, t := range l.AllTasks() {
		if !t.quiet {
			l.CallExceptionHandler(map[string]any{"task": t, "message": "Task was destroyed but it is pending!"})
		}
	}
	l.kill()
	return nil
}

// kill ends everything of the loop without asking.
func (l *Loop) kill() {
	if l.dead {
		return
	}
	l.dead = true
	l.closed.Store(true)
	l.ground.close()
	if l.executor != nil {
		l.executor.kill(l.thread)
	}
	for r := range l.resources {
		r.end()
	}
	l.resources = nil
	l.beside.Wait()
	l.reportUnawaited()
	for len(l.fibers) > 0 {
		f := l.fibers[len(l.fibers)-1]
		l.fibers = l.fibers[:len(l.fibers)-1]
		f.kill()
	}
	l.reportUnretrieved()
	l.reportUnawaited()
	l.pool, l.ready, l.timers = nil, ring{}, nil
	l.allTasks.prev, l.allTasks.next = &l.allTasks, &l.allTasks
}

// noteCreated remembers a coroutine until it is started. The list is swept when
// it has doubled, so it costs O(1) a coroutine.
func (l *Loop) noteCreated(co *Coroutine) {
	if len(l.started) >= max(l.sweepAt, 1024) {
		kept := l.started[:0]
		for _, c := range l.started {
			if c.state == created {
				kept = append(kept, c)
			}
		}
		clear(l.started[len(kept):])
		l.started, l.sweepAt = kept, 2*len(kept)
	}
	l.started = append(l.started, co)
}

func (l *Loop) reportUnawaited() {
	for _, co := range l.started {
		if co.state == created {
			co.state = closed
			l.warn("RuntimeWarning", "coroutine '%s' was never awaited", co.name)
		}
	}
	l.started = nil
}

// noteFailed remembers a Future whose exception somebody should look at.
func (l *Loop) noteFailed(f *Future) {
	if n := len(l.failed); n >= 1024 && n&(n-1) == 0 {
		kept := l.failed[:0]
		for _, f := range l.failed {
			if f.unretrieved {
				kept = append(kept, f)
			}
		}
		l.failed = kept
	}
	l.failed = append(l.failed, f)
}

func (l *Loop) reportUnretrieved() {
	for _, f := range l.failed {
		if f.unretrieved {
			f.unretrieved = false
			l.CallExceptionHandler(map[string]any{
				"message": f.PyType() + " exception was never retrieved", "exception": f.exc, "future": f,
			})
		}
	}
	l.failed = nil
}

// report tells the exception handler about an error of the machinery.
func (l *Loop) report(about fmt.Stringer, msg string, exc error) {
	if msg == "" {
		msg = "Exception in callback " + about.String()
	}
	l.CallExceptionHandler(map[string]any{"message": msg, "exception": exc})
}
