package host

import (
	"runtime"
	"sync"
	"sync/atomic"

	"braid/kernel/eval"
)

// wait says what a goroutine waits for. It lives in the list of its goroutine
// from before it blocks until after it is woken.
type wait struct {
	op    string // as goroutine dumps call it: "chan receive", "sync.Mutex.Lock"
	pos   eval.Pos
	awake bool // a timer or the world outside may end the wait: no proof of a deadlock
	used  bool // for goroutine.own
	child bool // a native child of the goroutine waits, not the goroutine itself
	prev  *wait
	next  *wait
}

// Counters of all learner goroutines. The deadlock detector looks closer when
// as many wait as there are.
var (
	alive  atomic.Int64  // goroutines of learners, the main ones included
	asleep atomic.Int64  // waits that only another learner goroutine can end
	wakes  atomic.Uint64 // waits that have ended, other than to begin again
	wakers atomic.Int64  // armed timers and such that will run learner code or end a wait
)

// stopState is one interrupt period of a run: its channels close when the next
// begins, that of the main goroutine first, so that the cell ends at once however
// many others have to.
type stopState struct {
	gen    uint32 // interrupts so far
	main   chan struct{}
	others chan struct{}
	err    *eval.Error // why the last one came; nil for the user's

	mu    sync.Mutex
	heard map[uintptr]bool // guarded by mu; native children that are being ended
}

// heardBy tells whether a native child has heard of the interrupt, so that its
// deferred calls can run. A goroutine that the runtime makes anew at the same
// address hears only of the next one.
func (st *stopState) heardBy(child uintptr) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.heard[child]
}

func (st *stopState) note(child uintptr) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.heard == nil {
		st.heard = map[uintptr]bool{}
	}
	st.heard[child] = true
}

func newStopState(gen uint32, err *eval.Error) *stopState {
	return &stopState{gen: gen, main: make(chan struct{}), others: make(chan struct{}), err: err}
}

// channel is what g, or a native child of it, listens to.
func (st *stopState) channel(g *goroutine) chan struct{} {
	if g.main {
		return st.main
	}
	return st.others
}

// park registers a wait of the calling goroutine. It panics with Interrupt if
// the goroutine's run is being interrupted and it has not heard of it yet. The
// caller then blocks until it has what it waits for, or until stop closes, and
// calls unpark in both cases. g may be nil: nobody interrupts the wait then.
func (g *goroutine) park(op string, pos eval.Pos, awake bool) (w *wait, stop <-chan struct{}) {
	if g == nil {
		return nil, nil
	}
	g.pending()
	return g.register(op, pos, awake)
}

// register is park without the look at a pending interrupt.
func (g *goroutine) register(op string, pos eval.Pos, awake bool) (w *wait, stop <-chan struct{}) {
	st := g.run.stop.Load()
	child := !g.owned()
	g.mu.Lock()
	w = &g.own
	if w.used {
		w = new(wait)
	}
	w.op, w.pos, w.awake, w.used, w.child = op, pos, awake, true, child
	w.prev, w.next = nil, g.waits
	if w.next != nil {
		w.next.prev = w
	}
	g.waits = w
	g.mu.Unlock()
	if awake {
		wakers.Add(1)
	} else if asleep.Add(1) >= alive.Load() && wakers.Load() == 0 {
		suspectDeadlock()
	}
	return w, st.channel(g)
}

// unpark ends a wait that got what it waited for.
func (g *goroutine) unpark(w *wait) {
	if g == nil {
		return
	}
	wakes.Add(1)
	g.remove(w)
}

// woken ends a wait whose stop has closed: by an interrupt, which it delivers, or
// by a probe of the deadlock detector, after which the caller waits again.
func (g *goroutine) woken(w *wait) {
	if g == nil {
		return
	}
	if st := g.probed(w); st != nil {
		g.deliver(st)
	}
}

// probed is woken, but returns the interrupt that is due instead of delivering it.
func (g *goroutine) probed(w *wait) *stopState {
	st := g.run.stop.Load()
	if g.due(st) {
		wakes.Add(1)
		g.remove(w)
		return st
	}
	g.remove(w)
	if !w.awake {
		probes.Add(1)
	}
	return nil
}

// due says whether the calling goroutine has yet to hear of an interrupt.
func (g *goroutine) due(st *stopState) bool {
	if st.gen == 0 {
		return false
	}
	if g.owned() {
		return g.delivered.Load() != st.gen
	}
	return !st.heardBy(getg())
}

// remove takes a wait out of the list and the counters.
func (g *goroutine) remove(w *wait) {
	if w.awake {
		wakers.Add(-1)
	} else {
		asleep.Add(-1)
	}
	g.mu.Lock()
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		g.waits = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	}
	w.used = false
	g.mu.Unlock()
}

// disarm takes back a waker.
func disarm() {
	if wakers.Add(-1) == 0 && suspicious() {
		suspectDeadlock()
	}
}

// pending returns the stop state that a wait of the calling goroutine listens
// to. It panics with Interrupt if there is an interrupt to deliver first.
func (g *goroutine) pending() *stopState {
	st := g.run.stop.Load()
	if st.gen != 0 {
		g.deliver(st)
	}
	return st
}

// deliver panics with Interrupt if it is due: a deferred call may go on waiting
// and looping until it is interrupted again.
func (g *goroutine) deliver(st *stopState) {
	if g.due(st) {
		raise(g.hear(st))
	}
}

// hear notes that the calling goroutine has heard of an interrupt and returns
// what to raise.
func (g *goroutine) hear(st *stopState) any {
	if !g.owned() {
		st.note(getg())
		return nativeEnd{}
	}
	g.delivered.Store(st.gen)
	return Interrupt{st.err}
}

// nativeEnd ends goroutines of native code, where nobody expects a panic, which
// would end the worker.
type nativeEnd struct{}

// raise unwinds the calling goroutine for an interrupt.
func raise(interrupted any) {
	if _, native := interrupted.(nativeEnd); native {
		runtime.Goexit()
	}
	panic(interrupted)
}
