package sync

import (
	"unsafe"

	"braid/kernel/eval/host/internal/park"
)

// Cond is a condition variable: goroutines that hold L wait for an event.
type Cond struct {
	L Locker
	_ uint64
}

// NewCond returns a Cond with the Locker l.
func NewCond(l Locker) *Cond { return &Cond{L: l} }

// Wait unlocks L, waits to be woken, and locks L again. An interrupt leaves it
// with L locked too, because deferred calls will unlock it.
func (c *Cond) Wait() {
	p := unsafe.Pointer(c)
	w := newWaiter()
	b := bucketOf(p)
	b.push(p, w, false)
	b.Unlock()
	c.L.Unlock()
	interrupted := park.Wait("sync.Cond.Wait", w.ready)
	if interrupted != nil {
		c.abandon(p, w)
	}
	c.L.Lock()
	if interrupted != nil {
		panic(interrupted)
	}
}

// abandon leaves the queue; a signal that has come meanwhile goes to the next.
func (c *Cond) abandon(p unsafe.Pointer, w *waiter) {
	b := bucketOf(p)
	taken := w.taken
	if !taken {
		b.take(p, w)
	}
	b.Unlock()
	if taken {
		c.Signal()
	}
}

// Signal wakes one goroutine that waits, the one that has waited longest.
func (c *Cond) Signal() { c.wake(1) }

// Broadcast wakes all goroutines that wait.
func (c *Cond) Broadcast() { c.wake(-1) }

func (c *Cond) wake(n int) {
	p := unsafe.Pointer(c)
	b := bucketOf(p)
	defer b.Unlock()
	for w := b.first(p); w != nil && n != 0; w = b.first(p) {
		b.take(p, w)
		w.ready <- struct{}{}
		n--
	}
}
