package futures

import (
	"fmt"
	"runtime"
	"sync/atomic"

	rt "braid/runtime"
	"braid/runtime/sched"
)

// ThreadPoolExecutor is Lib/concurrent/futures/thread.py on modelled threads.
// A thread is started by a Submit that finds no idle one, up to the limit
// (_adjust_thread_count); calls wait in one queue, first in, first out.
//
// Its threads end with Shutdown, with the program (Interpreter.Run), or with the
// Scope whose call started them, such as a notebook's cell, when they have done
// what was submitted; after the last two the next Submit starts new ones. An
// interrupt stops what they do and cancels what waits.
type ThreadPoolExecutor struct {
	interp  atomic.Pointer[rt.Interpreter]
	private bool // the Interpreter was made for this pool
	max     int
	name    string
	opts    options
	broken  string // the name of the class of its exception
	// prepare makes what runs calls on a thread, after its initializer.
	prepare func(t *rt.Thread) (func(*rt.Thread, *task), error)

	gate sched.Gate
	put  sched.Op
	get  sched.Op
	idle sched.Op
	join sched.Op

	// guarded by gate
	queue   []*task
	waiting int    // _idle_semaphore
	started int    // threads ever, for their names
	alive   int    // threads now
	dead    string // why the pool is broken
	closed  bool   // shut down
	retired bool   // its threads are to end, but others may come
	forget  func() // releases what the first thread has registered
	count   int    // of futures
	life    int    // of the Interpreter, if it is private
	active  map[*task]bool
	ready   []*rt.Interpreter // of an InterpreterPoolExecutor: made in advance
	inside  bool              // each thread has an Interpreter of its own
}

// task is a _WorkItem.
type task struct {
	future *Future
	fn     callable
	raw    any // the function, for another interpreter
	args   []any
}

// NewThreadPoolExecutor makes a pool of at most maxWorkers threads of in; a nil
// Interpreter stands for one of its own on the real clock, with a GIL. Default
// is min(32, processors + 4). Raises ValueError and TypeError as CPython does.
func NewThreadPoolExecutor(in *rt.Interpreter, maxWorkers int, given ...Option) (*ThreadPoolExecutor, error) {
	return newThreadPool(in, maxWorkers, "ThreadPoolExecutor", "BrokenThreadPool", given)
}

func newThreadPool(in *rt.Interpreter, maxWorkers int, class, broken string, given []Option) (*ThreadPoolExecutor, error) {
	o := collect(given)
	if maxWorkers == Default {
		maxWorkers = min(32, processors()+4)
	}
	if maxWorkers <= 0 {
		return nil, errMaxWorkers
	}
	if err := o.checkInitializer(); err != nil {
		return nil, err
	}
	p := &ThreadPoolExecutor{max: maxWorkers, name: o.prefix, opts: o, broken: broken, active: map[*task]bool{}}
	if p.private = in == nil; p.private {
		in = rt.New(rt.GIL310)
	}
	p.interp.Store(in)
	p.prepare = p.initialize
	if p.name == "" {
		p.name = poolName(in, class)
	}
	obj := object(in.World(), "executor", "%s", p.name)
	p.put = sched.Op{Kind: sched.Notify, Object: obj, Label: "put a call into the queue"}
	p.get = sched.Op{Kind: sched.Wait, Object: obj, Label: "get a call from the queue"}
	p.idle = sched.Op{Kind: sched.Notify, Object: obj, Label: "count as idle"}
	p.join = sched.Op{Kind: sched.Wait, Object: obj, Label: "join the workers"}
	return p, nil
}

// Submit implements Executor. It raises BrokenThreadPool, or RuntimeError after
// a shutdown; what is wrong with fn and its arguments shows in the Future.
// About 1 µs of the caller's time.
func (p *ThreadPoolExecutor) Submit(t *rt.Thread, fn any, args ...any) (*Future, error) {
	return p.submit(t, &task{fn: newCallable(fn), args: args})
}

func (p *ThreadPoolExecutor) submit(t *rt.Thread, w *task) (*Future, error) {
	var err error
	spawn, life := -1, 0
	do(t, p.put, &p.gate, func() {
		if err = p.refusal(); err != nil {
			return
		}
		p.count++
		w.future = newFuture(p.in().World(), p.count)
		p.queue = append(p.queue, w)
		p.retired = false
		switch {
		case p.waiting > 0:
			p.waiting--
		case p.alive < p.max:
			spawn, life = p.started, p.life
			p.started++
			p.alive++
		}
	})
	if err != nil {
		return nil, err
	}
	if spawn >= 0 {
		p.spawn(spawn, life)
	}
	return w.future, nil
}

// refusal is why no call is accepted; the gate is held.
func (p *ThreadPoolExecutor) refusal() error {
	switch {
	case p.dead != "":
		return rt.Raise(p.broken, "%s", p.dead)
	case p.closed:
		return rt.Raise("RuntimeError", "cannot schedule new futures after shutdown")
	case p.in().Finalizing():
		return rt.Raise("RuntimeError", "cannot schedule new futures after interpreter shutdown")
	}
	return nil
}

// spawn starts the n-th worker.
func (p *ThreadPoolExecutor) spawn(n, life int) {
	p.register()
	p.home().Worker(fmt.Sprintf("%s_%d", p.name, n), func(t *rt.Thread) { p.worker(t, life) })
}

// home is the Interpreter of a new thread.
func (p *ThreadPoolExecutor) home() (in *rt.Interpreter) {
	if !p.inside {
		return p.in()
	}
	p.gate.With(func() {
		if n := len(p.ready); n > 0 {
			in, p.ready = p.ready[n-1], p.ready[:n-1]
		}
	})
	if in == nil {
		in = p.in().NewInterpreter()
	}
	return in
}

// register has the pool's threads end with the program and with the Scope.
func (p *ThreadPoolExecutor) register() {
	known := false
	p.gate.With(func() {
		if known = p.forget != nil; !known {
			p.forget = func() {}
		}
	})
	if known {
		return
	}
	cancel := p.in().AtExit(p.exit)
	scope := rt.CurrentScope()
	alive := scope.OwnThread("executor "+p.name, p.stop)
	idle := scope.Own("idle threads of "+p.name, p.retire)
	p.gate.With(func() {
		p.forget = func() {
			cancel()
			alive()
			idle()
		}
	})
}

// unregister is called when the last thread has ended.
func (p *ThreadPoolExecutor) unregister() {
	var forget func()
	p.gate.With(func() {
		if p.alive == 0 {
			forget, p.forget = p.forget, nil
		}
	})
	if forget != nil {
		forget()
	}
}

// worker is _worker: the life of a thread.
func (p *ThreadPoolExecutor) worker(t *rt.Thread, life int) {
	orderly := false
	defer func() {
		if !orderly { // the World ends, or the thread was stopped
			p.lost(life)
		}
	}()
	run, err := p.prepare(t)
	if err != nil {
		p.initializerFailed(t, err)
	} else {
		for w := p.next(t); w != nil; w = p.next(t) {
			p.run(t, w, run)
		}
	}
	last := false
	do(t, sched.Op{Kind: sched.Notify, Object: p.join.Object, Label: "end of a worker"}, &p.gate, func() {
		p.alive--
		last = p.alive == 0
	})
	orderly = true
	if last {
		p.unregister()
	}
}

// lost notes that a thread did not end by itself.
func (p *ThreadPoolExecutor) lost(life int) {
	var left []*task
	last := false
	outside.Do(p.join, &p.gate, func() {
		if life != p.life {
			return
		}
		p.alive--
		if last = p.alive == 0; last {
			left, p.queue = p.queue, nil
		}
	})
	if last {
		p.unregister()
	}
	if !p.in().World().Virtual() {
		for _, w := range left {
			w.end(nil, nil, errStopped)
		}
	}
}

// initialize calls the initializer on a new thread.
func (p *ThreadPoolExecutor) initialize(t *rt.Thread) (func(*rt.Thread, *task), error) {
	if p.opts.hasInit {
		c := newCallable(p.opts.initializer)
		if _, err := c.call(t, p.opts.initargs); err != nil {
			return nil, err
		}
	}
	return func(t *rt.Thread, w *task) {
		v, err := w.fn.call(t, w.args)
		w.end(t, v, err)
	}, nil
}

// end sets the Future; one that was ended with its Scope stays as it is.
func (w *task) end(t *rt.Thread, v any, err error) {
	if err != nil {
		_ = w.future.SetException(t, err)
		return
	}
	_ = w.future.SetResult(t, v)
}

// next gets the next call, after counting as idle if there is none yet. Nil
// ends the thread.
func (p *ThreadPoolExecutor) next(t *rt.Thread) *task {
	var w *task
	pop := func() {
		if w = nil; len(p.queue) > 0 {
			w = p.queue[0]
			p.queue[0] = nil
			p.queue = p.queue[1:]
			p.active[w] = true
		}
	}
	do(t, p.get, &p.gate, pop)
	if w != nil {
		return w
	}
	do(t, p.idle, &p.gate, func() { p.waiting++ })
	if !p.in().World().Virtual() {
		runtime.Gosched() // who waited for the last result may have the next call
	}
	t.Await("idle", p.get, &p.gate, Forever,
		func() bool { return len(p.queue) > 0 || p.closed || p.retired },
		func() {
			if pop(); w == nil {
				p.waiting = max(p.waiting-1, 0)
			}
		})
	return w
}

// run is _WorkItem.run. A thread that is stopped meanwhile tells so.
func (p *ThreadPoolExecutor) run(t *rt.Thread, w *task, call func(*rt.Thread, *task)) {
	defer func() { p.gate.With(func() { delete(p.active, w) }) }()
	if goes, err := w.future.SetRunningOrNotifyCancel(t); !goes || err != nil {
		return
	}
	ended := false
	defer func() {
		if !ended && !p.in().World().Virtual() {
			w.end(nil, nil, errStopped)
		}
	}()
	call(t, w)
	ended = true
}

// errStopped ends the Future of a call whose thread was stopped from outside.
var errStopped = rt.Raise("KeyboardInterrupt", "")

// initializerFailed is _initializer_failed.
func (p *ThreadPoolExecutor) initializerFailed(t *rt.Thread, err error) {
	logged(err, "Exception in initializer:")
	var left []*task
	do(t, p.get, &p.gate, func() {
		p.dead = "A thread initializer failed, the thread pool is not usable anymore"
		left, p.queue = p.queue, nil
	})
	for _, w := range left {
		w.end(t, nil, rt.Raise(p.broken, "%s", p.dead))
	}
}

// Map implements Executor.
func (p *ThreadPoolExecutor) Map(t *rt.Thread, fn any, items any, given ...MapOption) (*Results, error) {
	return mapCalls(t, p, fn, items, given)
}

// Shutdown implements Executor.
func (p *ThreadPoolExecutor) Shutdown(t *rt.Thread, wait, cancelFutures bool) {
	var left []*task
	do(t, p.put, &p.gate, func() {
		p.closed = true
		if cancelFutures {
			left, p.queue = p.queue, nil
		}
	})
	for _, w := range left {
		w.future.Cancel(t)
	}
	if wait {
		_, _ = await(t, p.in().World().Virtual(), p.join, &p.gate, Forever, func() bool { return p.alive == 0 }, func() {})
	}
}

// With implements Executor.
func (p *ThreadPoolExecutor) With(t *rt.Thread, body func()) { with(t, p, body) }

// exit is _python_exit: what was submitted is done, then the threads end.
func (p *ThreadPoolExecutor) exit(t *rt.Thread) {
	do(t, p.put, &p.gate, func() { p.retired = true })
	t.Await("join the workers", p.join, &p.gate, Forever,
		func() bool { return p.alive == 0 }, func() { p.retired = false })
}

// retire lets the threads end when all that was submitted is done.
func (p *ThreadPoolExecutor) retire() {
	outside.Do(p.put, &p.gate, func() { p.retired = true })
}

// stop ends the pool's threads now, with what they do.
func (p *ThreadPoolExecutor) stop() {
	var left, active []*task
	outside.Do(p.put, &p.gate, func() {
		left, p.queue = p.queue, nil
		p.retired = true
		for w := range p.active {
			active = append(active, w)
		}
	})
	for _, w := range left {
		w.future.Cancel(nil)
		w.future.tellCancelled(nil)
	}
	busy := false
	for _, w := range active {
		busy = busy || !w.future.Done(nil)
	}
	if !busy {
		return
	}
	old := p.in()
	if p.private {
		outside.Do(p.join, &p.gate, func() {
			p.interp.Store(rt.New(old.Mode()))
			p.life++
			p.alive, p.waiting = 0, 0
			p.forget = nil
		})
	}
	old.World().Interrupt()
	for _, w := range active {
		w.end(nil, nil, errStopped)
	}
}

// ThreadNames lists the names that the pool's threads have had, in order.
func (p *ThreadPoolExecutor) ThreadNames() []string {
	n := 0
	p.gate.With(func() { n = p.started })
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s_%d", p.name, i)
	}
	return names
}

func (p *ThreadPoolExecutor) in() *rt.Interpreter { return p.interp.Load() }

func aborted(r any) bool { return sched.Aborted(r) }
