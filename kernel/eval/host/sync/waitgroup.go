package sync

import (
	"sync/atomic"
	"unsafe"

	"braid/kernel/eval/host/internal/park"
)

// A WaitGroup waits for a number of goroutines to finish. The zero value waits
// for none.
type WaitGroup struct {
	count   int32
	waiters int32
	_       uint64
}

// Add adds delta, which may be negative, to the counter; at zero all who wait go
// on. It panics if the counter becomes negative.
func (g *WaitGroup) Add(delta int) {
	n := atomic.AddInt32(&g.count, int32(delta))
	if n < 0 {
		panic("sync: negative WaitGroup counter")
	}
	if n > 0 || atomic.LoadInt32(&g.waiters) == 0 {
		return
	}
	p := unsafe.Pointer(g)
	b := bucketOf(p)
	for w := b.first(p); w != nil; w = b.first(p) {
		b.take(p, w)
		atomic.AddInt32(&g.waiters, -1)
		w.ready <- struct{}{}
	}
	b.Unlock()
}

// Done takes one from the counter.
func (g *WaitGroup) Done() { g.Add(-1) }

// Wait waits until the counter is zero.
func (g *WaitGroup) Wait() {
	if atomic.LoadInt32(&g.count) == 0 {
		return
	}
	p := unsafe.Pointer(g)
	b := bucketOf(p)
	atomic.AddInt32(&g.waiters, 1)
	if atomic.LoadInt32(&g.count) == 0 {
		atomic.AddInt32(&g.waiters, -1)
		b.Unlock()
		return
	}
	w := newWaiter()
	b.push(p, w, false)
	b.Unlock()
	interrupted := park.Wait("sync.WaitGroup.Wait", w.ready)
	if interrupted == nil {
		return
	}
	b = bucketOf(p)
	if !w.taken {
		b.take(p, w)
		atomic.AddInt32(&g.waiters, -1)
	}
	b.Unlock()
	park.Raise(interrupted)
}

// Go calls f on a new goroutine and counts it until f returns.
func (g *WaitGroup) Go(f func()) {
	g.Add(1)
	park.Go(func() {
		defer g.Done()
		f()
	})
}
