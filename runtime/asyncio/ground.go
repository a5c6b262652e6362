package asyncio

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	rt "braid/runtime"
	"braid/runtime/sched"
	"braid/runtime/trace"
)

// ground is where a loop lives: what its time is, how it sleeps, and how others
// reach it (the selector and the self-pipe of Lib/asyncio/selector_events.py).
type ground interface {
	now() time.Duration
	// wait sleeps until something was posted or the time is over (negative:
	// no limit; zero: looks only), and makes ready what was posted.
	wait(l *Loop, timeout time.Duration)
	// post hands over an entry, from anywhere; false if the loop is closed.
	post(e entry, wake bool) bool
	wake()
	close()
}

// inbox is what others have posted.
type inbox struct {
	mu     sync.Mutex
	posted []entry // guarded by mu
	closed bool    // guarded by mu
	some   atomic.Bool
}

func (b *inbox) put(e entry) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.posted = append(b.posted, e)
	b.some.Store(true)
	return true
}

func (b *inbox) drain(l *Loop) {
	if !b.some.Load() {
		return
	}
	b.mu.Lock()
	posted := b.posted
	b.posted = nil
	b.some.Store(false)
	b.mu.Unlock()
	for _, e := range posted {
		l.soon(e)
	}
}

func (b *inbox) close() {
	b.mu.Lock()
	b.closed, b.posted = true, nil
	b.mu.Unlock()
}

// realGround is the machine's clock and the calling goroutine, without an
// Interpreter around it.
type realGround struct {
	inbox
	began  time.Time
	signal chan struct{} // of capacity 1
	timer  *time.Timer
}

func newRealGround() *realGround {
	return &realGround{began: time.Now(), signal: make(chan struct{}, 1)}
}

func (g *realGround) now() time.Duration { return time.Since(g.began) }

func (g *realGround) post(e entry, wake bool) bool {
	ok := g.put(e)
	if wake {
		g.wake()
	}
	return ok
}

func (g *realGround) wake() {
	select {
	case g.signal <- struct{}{}:
	default:
	}
}

func (g *realGround) wait(l *Loop, timeout time.Duration) {
	if timeout != 0 && !g.some.Load() {
		g.sleep(timeout)
	}
	g.drain(l)
}

func (g *realGround) sleep(timeout time.Duration) {
	if timeout < 0 {
		<-g.signal
		return
	}
	if g.timer == nil {
		g.timer = time.NewTimer(timeout)
	} else {
		g.timer.Reset(timeout)
	}
	select {
	case <-g.signal:
		g.timer.Stop()
	case <-g.timer.C:
	}
}

// threadGround is a thread of an Interpreter: it holds the GIL while callbacks
// run and gives it away in select, as epoll.poll does. In a virtual World its
// time is the World's.
type threadGround struct {
	inbox
	t      *rt.Thread
	world  *sched.World
	gate   sched.Gate
	poll   sched.Op
	poke   sched.Op
	poster *sched.Proc // on whose behalf goroutines that are no Procs post; real Worlds
	leave  func()
	woken  atomic.Bool
	looks  int           // in a World of its own
	peeks  int           // in a row
	stood  time.Duration // the time at the latest look
	turns  int           // looks since the time last changed
}

func newThreadGround(t *rt.Thread) *threadGround {
	w := t.Interpreter().World()
	o := w.Object("loop", "event loop of "+t.Name)
	g := &threadGround{
		t: t, world: w,
		poll: sched.Op{Kind: sched.Wait, Object: o, Label: "select"},
		poke: sched.Op{Kind: sched.Notify, Object: o, Label: "call_soon_threadsafe"},
	}
	if !w.Virtual() {
		g.poster, g.leave = w.Adopt("selector of " + t.Name)
	}
	return g
}

func (g *threadGround) now() time.Duration { return g.t.Now() }

func (g *threadGround) ready() bool { return g.some.Load() || g.woken.Load() }

func (g *threadGround) post(e entry, wake bool) bool {
	ok := g.put(e)
	if wake {
		g.wake()
	}
	return ok
}

func (g *threadGround) wake() {
	g.woken.Store(true)
	if g.poster == nil {
		return // the scheduler asks ready() before it lets anybody go on
	}
	defer func() {
		if r := recover(); r != nil && !sched.Aborted(r) {
			panic(r)
		}
	}()
	g.poster.Do(g.poke, &g.gate, func() {})
}

func (g *threadGround) close() {
	g.inbox.close()
	if g.leave != nil {
		g.leave()
		g.leave = nil
	}
}

// alone tells whether nobody else in a virtual World could post.
func (g *threadGround) alone() bool {
	for _, p := range g.world.Procs() {
		if p != g.t.Proc() && !p.Done() {
			return false
		}
	}
	return true
}

// wait is select. One that only looks gives the GIL away for no time: whoever
// wakes up to take it finds it taken again (there is no forced switch without a
// drop request), so here it is kept, but for every sixteenth look in a row.
func (g *threadGround) wait(l *Loop, timeout time.Duration) {
	if timeout == 0 && g.world.Virtual() {
		g.stands()
	}
	if timeout != 0 {
		g.peeks = 0
	}
	switch {
	case timeout == 0 && g.peeks < 16 && g.t.Interpreter().GILEnabled() && !(g.world.Virtual() && g.alone()):
		g.peeks++
		g.t.CheckPoint()
	case !g.world.Virtual() || !g.alone():
		g.peeks = 0
		g.t.AllowThreads(trace.Select, "select", func() { g.await(timeout) })
	case timeout != 0:
		g.await(timeout)
	default:
		// nothing can have come; still count steps, so that a loop which
		// never rests meets the World's step limit
		if g.looks++; g.looks&63 == 0 {
			g.t.Proc().Point(g.poll)
		}
	}
	g.woken.Store(false)
	g.drain(l)
}

// A loop on a virtual clock may turn as often while no time passes as a twentieth
// of the World's step limit, but at least leastTurns: far more than programs do
// that end, and less than a second of the machine's time.
const (
	turnShare  = 20
	leastTurns = 10_000
)

// stands gives a run up whose loop turns and turns while no virtual time passes:
// it would never end.
func (g *threadGround) stands() {
	if now := g.now(); now != g.stood {
		g.stood, g.turns = now, 0
	}
	if g.turns++; g.turns > max(g.world.Limit()/turnShare, leastTurns) {
		g.t.Proc().GiveUp(fmt.Sprintf("the event loop has turned %d times at %s of virtual time, because something is always ready: "+
			"a loop around sleep(0), or around what is done already, lets no time pass. "+
			"Sleep for a while in it, or await what it waits for: an Event, a Queue, a Future", g.turns-1, g.stood))
	}
}

func (g *threadGround) await(timeout time.Duration) {
	g.t.Proc().AwaitFor(g.poll, &g.gate, timeout, g.ready, func() {})
}
