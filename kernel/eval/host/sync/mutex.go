package sync

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"braid/kernel/eval/host/internal/park"
)

// A Locker is the standard library's.
type Locker = sync.Locker

const (
	locked  = 1 << iota
	waiting // some goroutine is in the queue
)

// hunger is how long a goroutine may lose the race for a mutex before the mutex
// is handed to it.
const hunger = time.Millisecond

// A Mutex is a mutual exclusion lock. The zero value is unlocked.
type Mutex struct {
	state uint32
	_     uint32
}

// Lock waits until the mutex is free and takes it.
func (m *Mutex) Lock() {
	if !atomic.CompareAndSwapUint32(&m.state, 0, locked) {
		m.lockSlow()
	}
}

// TryLock takes the mutex if it is free and says whether it was.
func (m *Mutex) TryLock() bool {
	for {
		old := atomic.LoadUint32(&m.state)
		if old&locked != 0 {
			return false
		}
		if atomic.CompareAndSwapUint32(&m.state, old, old|locked) {
			return true
		}
	}
}

// Unlock frees the mutex. It ends the cell if the mutex is not locked, unless the
// cell is ending anyway.
func (m *Mutex) Unlock() {
	if !atomic.CompareAndSwapUint32(&m.state, locked, 0) {
		m.unlockSlow()
	}
}

func (m *Mutex) spin() bool {
	if runtime.GOMAXPROCS(0) == 1 {
		return false
	}
	for range 60 {
		if atomic.LoadUint32(&m.state)&locked == 0 && m.TryLock() {
			return true
		}
	}
	return false
}

func (m *Mutex) lockSlow() {
	if m.spin() {
		return
	}
	p := unsafe.Pointer(m)
	w := newWaiter()
	var since time.Time
	for again := false; ; again = true {
		b := bucketOf(p)
		if m.takeOrMark() {
			m.unmark(b, p)
			b.Unlock()
			return
		}
		if since.IsZero() {
			since = time.Now()
		}
		w.hungry = again && time.Since(since) > hunger
		b.push(p, w, again)
		b.Unlock()
		if interrupted := park.Wait("sync.Mutex.Lock", w.ready); interrupted != nil {
			m.abandon(p, w)
			park.Raise(interrupted)
		}
		if w.owner {
			return
		}
	}
}

// takeOrMark takes a free mutex, or notes that a goroutine waits. The bucket is locked.
func (m *Mutex) takeOrMark() bool {
	for {
		old := atomic.LoadUint32(&m.state)
		if old&locked == 0 {
			if atomic.CompareAndSwapUint32(&m.state, old, old|locked) {
				return true
			}
		} else if atomic.CompareAndSwapUint32(&m.state, old, old|waiting) {
			return false
		}
	}
}

// unmark drops the note when nobody waits. The bucket is locked.
func (m *Mutex) unmark(b *bucket, p unsafe.Pointer) {
	if b.first(p) == nil {
		atomic.AndUint32(&m.state, ^uint32(waiting))
	}
}

// abandon leaves the queue after an interrupt, and passes on what came meanwhile.
func (m *Mutex) abandon(p unsafe.Pointer, w *waiter) {
	b := bucketOf(p)
	if !w.taken {
		b.take(p, w)
		m.unmark(b, p)
		b.Unlock()
		return
	}
	owner := w.owner
	if !owner && atomic.LoadUint32(&m.state)&locked == 0 {
		m.wake(b, p)
	}
	b.Unlock()
	if owner {
		m.Unlock()
	}
}

func (m *Mutex) unlockSlow() {
	p := unsafe.Pointer(m)
	b := bucketOf(p)
	for {
		old := atomic.LoadUint32(&m.state)
		if old&locked == 0 {
			b.Unlock()
			if !park.Interrupted() { // a second interrupt may leave Cond.Wait without the lock
				park.Fatal("sync: unlock of unlocked mutex")
			}
			return
		}
		w := b.first(p)
		if w != nil && w.hungry {
			b.take(p, w)
			w.owner = true
			m.unmark(b, p)
			w.ready <- struct{}{}
			break
		}
		if atomic.CompareAndSwapUint32(&m.state, old, old&^locked) {
			m.wake(b, p)
			break
		}
	}
	b.Unlock()
}

// wake lets the first waiter try again. The bucket is locked.
func (m *Mutex) wake(b *bucket, p unsafe.Pointer) {
	if w := b.first(p); w != nil {
		b.take(p, w)
		w.ready <- struct{}{}
	}
	m.unmark(b, p)
}
