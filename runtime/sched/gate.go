package sched

import (
	"sync"
	"time"
)

// Gate guards the state of one primitive: a monitor. Its zero value is ready.
// State that belongs to a Gate is read and changed only inside the functions
// given to Do and Await (and, in a virtual World, wherever exactly one Proc
// runs anyway).
type Gate struct {
	mu      sync.Mutex
	waiters []*waiter // in order of arrival; real Worlds only
}

type waiter struct {
	ready func() bool
	f     func()
	done  chan struct{}
}

// Do executes f as one operation on g's state. f must not block, and must not
// call Do or Await.
func (p *Proc) Do(op Op, g *Gate, f func()) {
	if p.w.virtual {
		p.step(op, nil)
		f()
		return
	}
	if !p.unwinding {
		p.poll()
	}
	g.mu.Lock()
	f()
	g.admit()
	g.mu.Unlock()
	p.w.observe(p, op)
}

// With gives access to g's state outside of any operation: for reports and
// pictures, not for what a program decides on.
func (g *Gate) With(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f()
}

// Await waits until ready holds and executes f in the same atomic step. ready
// must depend on g's state only (it is asked whenever that state may have
// changed) and must not block.
func (p *Proc) Await(op Op, g *Gate, ready func() bool, f func()) {
	p.await(op, g, ready, f, forever)
}

// AwaitFor is Await with a time-out, counted from now; it reports whether f ran.
// A time-out of zero tries once; a negative one waits for ever.
func (p *Proc) AwaitFor(op Op, g *Gate, timeout time.Duration, ready func() bool, f func()) bool {
	if timeout < 0 {
		timeout = forever
	}
	return p.await(op, g, ready, f, timeout)
}

const forever = time.Duration(1<<63 - 1)

func (p *Proc) await(op Op, g *Gate, ready func() bool, f func(), timeout time.Duration) bool {
	if p.w.virtual {
		return p.awaitVirtual(op, ready, f, timeout)
	}
	p.poll()
	g.mu.Lock()
	if len(g.waiters) == 0 && ready() {
		f()
		g.admit()
		g.mu.Unlock()
		p.w.observe(p, op)
		return true
	}
	if timeout == 0 {
		g.mu.Unlock()
		return false
	}
	me := &waiter{ready: ready, f: f, done: make(chan struct{})}
	g.waiters = append(g.waiters, me)
	g.admit()
	g.mu.Unlock()
	return p.park(op, g, me, timeout)
}

// admit runs the waiters whose condition holds, in order of arrival, until
// none does: each may change the state that another waits for. Called with
// g.mu held.
func (g *Gate) admit() {
	for i := 0; i < len(g.waiters); i++ {
		w := g.waiters[i]
		if !w.ready() {
			continue
		}
		g.waiters = append(g.waiters[:i], g.waiters[i+1:]...)
		w.f()
		close(w.done)
		i = -1
	}
}

// park sleeps until the waiter was admitted, the time is over, or the World is
// interrupted.
func (p *Proc) park(op Op, g *Gate, me *waiter, timeout time.Duration) bool {
	p.setWaiting(&op)
	defer p.setWaiting(nil)
	var late <-chan time.Time
	if timeout != forever {
		t := time.NewTimer(timeout)
		defer t.Stop()
		late = t.C
	}
	select {
	case <-me.done:
		p.w.observe(p, op)
		return true
	case <-late:
	case <-p.stopped:
	case <-p.w.stopped:
	}
	g.mu.Lock()
	for i, w := range g.waiters {
		if w == me {
			g.waiters = append(g.waiters[:i], g.waiters[i+1:]...)
			g.mu.Unlock()
			p.poll()
			return false
		}
	}
	g.mu.Unlock() // admitted at the last moment: f ran
	p.w.observe(p, op)
	return true
}
