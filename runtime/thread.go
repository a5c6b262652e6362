package runtime

import (
	"runtime/debug"
	"sync/atomic"
	"time"

	"braid/runtime/sched"
	"braid/runtime/trace"
)

// Thread is a modelled Python thread and its thread state (PyThreadState). The
// functions that a thread runs get it as their argument; its methods are called
// by that thread only, except where they say otherwise.
type Thread struct {
	Name string
	// Local holds what the thread wants to keep for itself (threading.local).
	Local map[any]any

	in       *Interpreter
	id       int
	proc     *sched.Proc
	breaker  atomic.Uint32 // eval_breaker
	holding  bool          // attached; changed under the GIL's gate or by itself
	native   int           // depth of compiled code that gave the GIL away
	detached int           // depth of Native: no thread state, nothing shared may be touched
	runSince time.Duration
	err      error
	checks   int
	brc      mergeQueue // reference counts that other threads ask it to merge
	sections []*section // critical sections, innermost last
	inside   bool       // the collector must wait for it
	role     role
	over     atomic.Bool // it has ended
}

// Interpreter, Proc, ID and Now tell where, as what and when the thread runs.
func (t *Thread) Interpreter() *Interpreter { return t.in }
func (t *Thread) Proc() *sched.Proc         { return t.proc }
func (t *Thread) ID() int                   { return t.id }
func (t *Thread) Now() time.Duration        { return t.in.world.Now() }

// Main tells whether it is the main thread of a Run.
func (t *Thread) Main() bool { return t.role == mains }

// Ended tells whether the thread has ended. Safe from anywhere.
func (t *Thread) Ended() bool { return t.over.Load() }

// Err is the exception that ended the thread, or nil. Meaningful after the
// thread has ended.
func (t *Thread) Err() error { return t.err }

func (t *Thread) track() trace.Track {
	return trace.Track{Process: t.in.process, Lane: t.id, Name: t.Name}
}

func (t *Thread) span(k trace.Kind, since time.Duration, name string) {
	if t.in.trace == nil {
		return
	}
	if d := t.Now() - since; d > 0 {
		t.in.trace.Add(trace.Event{Kind: k, Track: t.track(), At: since, Dur: d, Name: name})
	}
}

// body is the life of a thread: attach, run, detach.
func (t *Thread) body(fn func(*Thread)) {
	t.in.trace.Add(trace.Event{Kind: trace.Start, Track: t.track(), At: t.Now()})
	t.runSince = t.Now()
	t.attach()
	defer func() {
		defer t.over.Store(true)
		r := recover()
		if r != nil && !sched.Aborted(r) {
			t.err = FromPanic(r, debug.Stack())
			r = nil
		}
		if r != nil {
			t.abandon()
			panic(r)
		}
		t.native = 0
		t.in.leaving(t)
		t.leaveObjects()
		t.detach()
		t.in.trace.Add(trace.Event{Kind: trace.Finish, Track: t.track(), At: t.Now()})
	}()
	fn(t)
}

// abandon leaves what the thread holds when it was told to end. In a virtual
// World that is everybody, and nothing may be touched any more.
func (t *Thread) abandon() {
	if t.in.kind != real {
		return
	}
	t.leave()
	t.brc.take(true)
	if t.in.gil != nil {
		t.in.gil.abandon(t)
	}
}

// locked tells whether the thread must own the GIL to run bytecode, and there
// is a lock to own.
func (t *Thread) locked() bool { return t.in.kind != explored && t.in.gilOn.Load() }

// attach is _PyThreadState_Attach, detach its counterpart.
func (t *Thread) attach() {
	if t.locked() {
		t.in.gil.take(t)
		t.enter()
		t.resumeSection()
		return
	}
	t.enter()
	t.holding, t.runSince = true, t.Now()
	if t.in.kind == explored && t.serial() {
		t.proc.Point(sched.Op{Kind: sched.Step, Label: "take the GIL"})
	}
	t.resumeSection()
}

func (t *Thread) detach() {
	t.suspendSections()
	t.leave()
	if t.holding && t.locked() {
		t.in.gil.drop(t)
		return
	}
	t.span(trace.Run, t.runSince, "")
	t.holding = false
}

// serial tells whether accesses of this thread cannot be interleaved at this
// place because it runs under a GIL.
func (t *Thread) serial() bool { return t.in.gilOn.Load() && t.native == 0 }

// Access announces an operation on shared state that the calling code executes
// next. Under a GIL it happens without interruption; without one, and in
// compiled code that gave the GIL away, it is a choice point.
func (t *Thread) Access(op sched.Op) {
	if t.detached > 0 {
		// CPython dies of it, with this text in debug builds (Python/pystate.c,
		// _Py_EnsureFuncTstateNotNULL)
		panic(Raise("RuntimeError", "the function must be called with the GIL held, after Python initialization and before Python finalization, "+
			"but the GIL is released (the current Python thread state is NULL): compiled code that releases the GIL may not touch %s", op.Object))
	}
	if t.in.kind == real {
		if t.in.world.Observer != nil {
			t.proc.Point(op)
		}
		return
	}
	if t.serial() {
		t.proc.Note(op)
		return
	}
	t.proc.Point(op)
}

// CheckPoint looks at the eval breaker, as the interpreter does on a backward
// jump, at the start of a function and after a call (_Py_HandlePending). It
// costs an atomic load when nothing is asked.
func (t *Thread) CheckPoint() {
	t.checks++
	switch t.in.kind {
	case explored:
		if t.serial() {
			t.proc.Point(sched.Op{Kind: sched.Step, Label: "check point"})
		}
		return
	case real:
		if t.checks&1023 == 0 {
			t.proc.Poll()
		}
	}
	if t.breaker.Load() != 0 || t.holding != t.locked() && t.locked() {
		t.handlePending()
	}
}

func (t *Thread) handlePending() {
	if t.breaker.Load()&mergeRequest != 0 {
		t.breaker.And(^uint32(mergeRequest))
		t.mergeQueued()
	}
	if t.breaker.Load()&stopRequest != 0 {
		t.breaker.And(^uint32(stopRequest))
		t.leave()
		t.enter()
	}
	if !t.locked() {
		return
	}
	if !t.holding { // the GIL was enabled while the thread ran without it
		t.in.gil.take(t)
		return
	}
	if t.breaker.Load()&dropRequest != 0 {
		t.in.gil.drop(t)
		t.in.gil.take(t)
	}
}

// BackEdge and CallPoint are the places of Python code where 3.10 and later
// look at the eval breaker: the end of a loop's body and the return of a call.
func (t *Thread) BackEdge()  { t.CheckPoint() }
func (t *Thread) CallPoint() { t.CheckPoint() }

// Loop is "for i in range(n): body(i)", a check point on each back edge.
func (t *Thread) Loop(n int, body func(i int)) {
	for i := range n {
		body(i)
		t.BackEdge()
	}
}

// AllowThreads runs f with the GIL released (Py_BEGIN_ALLOW_THREADS …
// Py_END_ALLOW_THREADS); what names it in pictures. Nested calls are one.
func (t *Thread) AllowThreads(k trace.Kind, what string, f func()) {
	if t.native > 0 {
		f()
		return
	}
	t.detach()
	t.native++
	began := t.Now()
	defer func() {
		if r := recover(); r != nil {
			if !sched.Aborted(r) {
				t.native--
				t.attach()
			}
			panic(r)
		}
		t.native--
		t.span(k, began, what)
		t.attach()
	}()
	f()
}

// Sleep is time.sleep: the GIL is free meanwhile.
func (t *Thread) Sleep(d time.Duration) error {
	if d < 0 {
		return Raise("ValueError", "sleep length must be non-negative")
	}
	began := t.Now()
	t.AllowThreads(trace.Blocked, "sleep "+d.String(), func() { t.proc.Sleep(d) })
	t.proc.Spend(began, true)
	return nil
}

// Native runs compiled code that releases the GIL: it may not touch Objects,
// Vars or the bytecode VM, which answer with the RuntimeError of a thread
// without a thread state.
func (t *Thread) Native(f func()) {
	t.AllowThreads(trace.NativeIn, "native", func() {
		t.detached++
		defer func() { t.detached-- }()
		f()
	})
}

// NativeHold runs compiled code that keeps the GIL: nobody else runs bytecode
// before it ends, however long it takes.
func (t *Thread) NativeHold(f func()) {
	began := t.Now()
	f()
	t.span(trace.HoldIn, began, "")
	t.proc.Spend(began, false)
	t.CallPoint()
}

// Compute stands for d of compiled computation that holds or releases what the
// thread holds: virtual time on a core of the modelled machine, a busy loop on
// the real clock, nothing under exploration.
func (t *Thread) Compute(d time.Duration) {
	began := t.Now()
	switch t.in.kind {
	case timed:
		if t.serial() && !t.in.subs.several() {
			t.proc.Sleep(d)
			return
		}
		t.in.cores.compute(t, d)
	case real:
		for end := t.Now() + d; t.Now() < end; {
			for i := 0; i < 256; i++ {
				sink.Add(0)
			}
		}
		return
	}
	t.proc.Spend(began, false)
}

var sink atomic.Int64

// Work stands for d of bytecode: like Compute, with check points as closely
// spaced as a loop has them.
func (t *Thread) Work(d time.Duration) {
	switch t.in.kind {
	case timed:
		began := t.Now()
		t.workTimed(d)
		t.proc.Spend(began, false)
	case real:
		const slice = 20 * time.Microsecond
		for ; d > 0; d -= slice {
			t.Compute(min(d, slice))
			t.CheckPoint()
		}
	default:
		t.CheckPoint()
	}
}

// workTimed computes until d has passed or somebody asks for the GIL, whichever
// comes first: the same as a check point at every instant, in few steps.
func (t *Thread) workTimed(d time.Duration) {
	if !t.serial() {
		t.in.cores.compute(t, d)
		return
	}
	if t.in.subs.several() {
		t.workBeside(d)
		return
	}
	for d > 0 {
		began := t.Now()
		t.proc.AwaitFor(sched.Op{Kind: sched.Step, Label: "run bytecode"}, &t.in.gil.gate, d,
			func() bool { return t.breaker.Load() != 0 }, func() {})
		d -= t.Now() - began
		t.CheckPoint()
	}
}

// Await is how modelled primitives wait: it executes f atomically with ready
// holding, or gives up after timeout (negative: never; zero: at once) and
// reports which. Like PyThread_acquire_lock_timed it keeps the GIL if it need
// not wait, and frees it while it does; what names the wait in pictures.
func (t *Thread) Await(what string, op sched.Op, g *sched.Gate, timeout time.Duration, ready func() bool, f func()) bool {
	if t.in.kind == explored && len(t.sections) == 0 {
		return t.proc.AwaitFor(op, g, timeout, ready, f)
	}
	if t.proc.AwaitFor(op, g, 0, ready, f) {
		return true
	}
	if timeout == 0 {
		return false
	}
	got := false
	t.AllowThreads(trace.Blocked, what, func() { got = t.proc.AwaitFor(op, g, timeout, ready, f) })
	return got
}

// Do is an atomic step of a modelled primitive that never waits.
func (t *Thread) Do(op sched.Op, g *sched.Gate, f func()) { t.proc.Do(op, g, f) }
