package sched

import (
	"iter"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// Proc is one flow of control of a World. Its methods are called by itself
// only, but for those that say otherwise.
type Proc struct {
	ID   int    // from 0, in order of creation
	Name string // "Thread-1 (worker)"
	// Local belongs to the package that made the Proc.
	Local any

	w      *World
	parent *Proc
	fn     func(*Proc)
	done   bool
	err    *Panic

	// virtual Worlds
	state   state
	pending Op
	ready   func() bool   // guard of the pending operation, nil if none
	wakeAt  time.Duration // when the pending operation times out or sleep ends
	next    func() (struct{}, bool)
	stop    func()
	yield   func(struct{}) bool
	frames  []Frame // where the pending operation stands
	list    func() []Flow
	flows   []Flow // when a deadlock was found

	// real Worlds
	waiting   atomic.Pointer[Op]
	ended     chan struct{}
	stopped   chan struct{} // closes when Interrupt is called
	cut       atomic.Bool
	unwinding bool // it has met an interrupt

	daemon  bool // guarded by w.mu in real Worlds
	adopted bool
}

type state uint8

const (
	added    state = iota // not started
	fresh                 // not yet run
	running               // on its way to its first operation
	runnable              // its pending operation can be executed, or its guard may hold
	sleeping              // waits for wakeAt only
	finished
)

// Panic is a panic that ended a Proc.
type Panic struct {
	Value any
	Stack []byte
}

// abort unwinds the Procs of a World that has ended. Deferred functions run;
// whoever recovers it meets it again at the next operation.
type abort struct{}

// EndsRun marks the panic value as one that no model may swallow.
func (abort) EndsRun() {}

// Aborted tells whether a recovered panic value is sched's own way to end a
// Proc, or that of a host which ends a program (a value with a method EndsRun);
// such a value must be panicked again.
func Aborted(recovered any) bool {
	_, ok := recovered.(interface{ EndsRun() })
	return ok
}

// World returns the World of p.
func (p *Proc) World() *World { return p.w }

// Now is the time since the World began. Safe from anywhere.
func (p *Proc) Now() time.Duration { return p.w.Now() }

// Done tells whether p has ended; Err is the panic that ended it, if any. In a
// real World they are meaningful after Ended is closed.
func (p *Proc) Done() bool  { return p.done }
func (p *Proc) Err() *Panic { return p.err }

// Daemon makes p one that Run does not wait for: what is left of it when all
// others have ended is unwound. Call it between Add and Start.
func (p *Proc) Daemon() {
	if p.w.virtual {
		p.daemon = true
		return
	}
	p.w.mu.Lock()
	p.daemon = true
	p.w.mu.Unlock()
	p.w.wg.Done()
}

// Interrupt ends p alone, as World.Interrupt ends all. Safe from anywhere; for
// real Worlds. It does not wait.
func (p *Proc) Interrupt() {
	if !p.w.virtual && p.cut.CompareAndSwap(false, true) {
		close(p.stopped)
	}
}

// Interrupted tells whether p was told to end before it had.
func (p *Proc) Interrupted() bool { return p.cut.Load() || p.w.interrupted.Load() }

// Wait returns when p has ended, for callers outside of its World, which must be
// a real one.
func (p *Proc) Wait() { <-p.ended }

// Waiting returns the operation that p waits for, if it waits. Safe from
// anywhere.
func (p *Proc) Waiting() (Op, bool) {
	if p.w.virtual {
		return p.pending, p.state == sleeping || p.state == runnable && p.ready != nil
	}
	if op := p.waiting.Load(); op != nil {
		return *op, true
	}
	return Op{}, false
}

// Frames is where the operation stands in the program that p waits for or is
// about to execute, innermost call first; nil without World.Locate.
func (p *Proc) Frames() []Frame { return p.frames }

// Flow is one of the things that a Proc does in turn, such as a task of an event
// loop, when it waits.
type Flow struct {
	Name   string  // "Task-2"
	For    string  // what it waits for: "Event.wait"
	Ready  bool    // it does not wait: its turn comes
	Frames []Frame // where, with World.Locate
}

// SetFlows tells how to find the flows of p, which a deadlock is then told by.
func (p *Proc) SetFlows(list func() []Flow) { p.list = list }

// Flows are those of p when a deadlock was found or the run was cut, if it has any.
func (p *Proc) Flows() []Flow { return p.flows }

// Locate is where the calling goroutine is, which p runs; nil without
// World.Locate. It is for flows that are about to wait.
func (p *Proc) Locate() []Frame {
	if p.w.Locate == nil {
		return nil
	}
	return p.w.Locate(Op{Kind: Wait}, true)
}

// GiveUp ends the run of a virtual World as its step limit does, for a reason:
// somebody goes on for ever without the steps that would be counted.
func (p *Proc) GiveUp(why string) {
	w := p.w
	w.why, w.steps = why, max(w.steps, w.limit)
	for {
		p.Point(Op{Kind: Step})
	}
}

// announce makes op the pending operation. What a Proc does while it is unwound
// leaves the operation that it was suspended at, for reports.
func (p *Proc) announce(op Op, ready func() bool) {
	if p.w.aborting {
		panic(abort{})
	}
	p.pending, p.ready = op, ready
	p.locate(op, ready != nil)
}

// locate notes where the pending operation stands.
func (p *Proc) locate(op Op, guarded bool) {
	if p.w.Locate != nil {
		p.frames = p.w.Locate(op, guarded && !p.ready())
	}
}

// Point announces an operation that is executed by the code which follows.
func (p *Proc) Point(op Op) {
	if p.w.virtual {
		p.step(op, nil)
		return
	}
	p.poll()
	p.w.observe(p, op)
}

// Note tells of an operation that is executed here without a choice: something
// that happens while p must not be interrupted, such as an access under a GIL.
func (p *Proc) Note(op Op) {
	if p.w.virtual && p.w.record {
		p.locate(op, false)
		p.w.schedule = append(p.w.schedule, Executed{Proc: p, Op: op, At: p.w.now, Frames: p.frames})
	}
	p.w.observe(p, op)
}

// Sleep lets d pass: real time, or virtual time that costs nothing. A d of
// zero or less is an operation all the same.
func (p *Proc) Sleep(d time.Duration) {
	op := Op{Kind: Sleep, Label: "sleep " + d.String()}
	if p.w.virtual {
		p.announce(op, nil)
		p.wakeAt, p.state = p.w.now+max(d, 0), sleeping
		p.suspend()
		return
	}
	p.setWaiting(&op)
	defer p.setWaiting(nil)
	p.w.observe(p, op)
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.stopped:
	case <-p.w.stopped:
	}
	p.poll()
}

func (p *Proc) setWaiting(op *Op) {
	p.waiting.Store(op)
}

// Poll ends p if it was interrupted, for code that computes for long without an
// operation. It costs two atomic loads.
func (p *Proc) Poll() {
	if !p.w.virtual {
		p.poll()
	}
}

// poll ends a Proc of a real World that was interrupted. While it unwinds it
// may still Do what others wait for, such as giving a lock back.
func (p *Proc) poll() {
	if p.cut.Load() || p.w.interrupted.Load() {
		p.unwinding = true
		panic(abort{})
	}
}

// step announces op and returns when it may be executed.
func (p *Proc) step(op Op, ready func() bool) {
	p.announce(op, ready)
	p.state = runnable
	p.wakeAt = forever
	p.suspend()
}

func (p *Proc) awaitVirtual(op Op, ready func() bool, f func(), timeout time.Duration) bool {
	p.announce(op, ready)
	p.state = runnable
	p.wakeAt = forever
	if timeout != forever {
		p.wakeAt = p.w.now + timeout
	}
	p.suspend()
	if !ready() {
		return false // it is here because its time has come
	}
	f()
	return true
}

// candidate tells whether the pending operation can be executed now.
func (p *Proc) candidate() bool {
	switch p.state {
	case runnable:
		return p.ready == nil || p.ready() || p.wakeAt <= p.w.now
	case sleeping:
		return p.wakeAt <= p.w.now
	}
	return false
}

// suspend gives control to the scheduler until it picks p again.
func (p *Proc) suspend() {
	if p.w.goOn(p) {
		return
	}
	if !p.yield(struct{}{}) || p.w.aborting {
		panic(abort{})
	}
}

// body is what the coroutine or goroutine of p runs.
func (p *Proc) body() {
	defer func() {
		if r := recover(); r != nil && !Aborted(r) {
			p.err = &Panic{Value: r, Stack: debug.Stack()}
		}
	}()
	p.fn(p)
}

// start makes the coroutine of p, unless one waits for its next function.
func (p *Proc) start() {
	if p.next != nil {
		return
	}
	p.next, p.stop = iter.Pull(func(yield func(struct{}) bool) {
		p.yield = yield
		for {
			p.body()
			p.state, p.done = finished, true
			if !p.w.keep || !yield(struct{}{}) {
				return
			}
		}
	})
}
