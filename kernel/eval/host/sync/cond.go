package sync

import (
	"unsafe"

	"braid/kernel/eval/host/internal/park"
)

// Cond is a condition variable: goroutines that hold L wait for an event.
type Cond struct {
	noCopy noCopy // L must be the second field, as in the standard library: engines go by that
	L      Locker
	_      uint64
}

// noCopy makes go vet complain about copies of what holds it.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

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
	if again := c.lock(); again != nil {
		interrupted = again
		c.lock() // a third interrupt is too much: then L stays unlocked
	}
	if interrupted != nil {
		park.Raise(interrupted)
	}
}

// lock locks L, or returns the interrupt that kept it from doing so.
func (c *Cond) lock() (interrupted any) {
	locked := false
	defer func() {
		if locked {
			return
		}
		if interrupted = recover(); interrupted != nil && !park.IsInterrupt(interrupted) {
			panic(interrupted)
		}
	}()
	c.L.Lock()
	locked = true
	return nil
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
