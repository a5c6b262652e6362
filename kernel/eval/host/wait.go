package host

import (
	"runtime"
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
	st := g.pending()
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
	st := g.run.stop.Load()
	due := st.gen != 0 && (!g.owned() || g.delivered.Load() != st.gen)
	if due {
		wakes.Add(1)
	}
	g.remove(w)
	if due {
		g.deliver(st)
	}
	if !w.awake {
		probes.Add(1)
	}
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

// deliver panics with Interrupt unless the calling goroutine has had this one:
// a deferred call may go on waiting and looping until it is interrupted again.
// Goroutines of native code are ended in another way, because nobody there
// expects the panic and it would end the worker.
func (g *goroutine) deliver(st *stopState) {
	if !g.owned() {
		runtime.Goexit()
	}
	if g.delivered.Load() != st.gen {
		g.delivered.Store(st.gen)
		panic(Interrupt{st.err})
	}
}
