package sync

import (
	"sync/atomic"
	"unsafe"

	"braid/kernel/eval/host/internal/park"
)

// oneReader is what each reader adds to the state of an RWMutex, above locked
// (for writing) and waiting.
const oneReader = 4

// An RWMutex is a lock for any number of readers or one writer. The zero value
// is unlocked. As in Go, a waiting writer keeps new readers out, and its Unlock
// lets the readers in that have waited for it.
type RWMutex struct {
	state uint32
	_     [5]uint32
}

// RLock takes the lock for reading.
func (m *RWMutex) RLock() {
	if !m.TryRLock() {
		m.wait("sync.RWMutex.RLock", true)
	}
}

// TryRLock takes the lock for reading if no writer has it or waits for it.
func (m *RWMutex) TryRLock() bool {
	for {
		old := atomic.LoadUint32(&m.state)
		if old&(locked|waiting) != 0 {
			return false
		}
		if atomic.CompareAndSwapUint32(&m.state, old, old+oneReader) {
			return true
		}
	}
}

// RUnlock undoes one RLock. It ends the cell if there was none.
func (m *RWMutex) RUnlock() {
	for {
		old := atomic.LoadUint32(&m.state)
		if old < oneReader {
			park.Fatal("sync: RUnlock of unlocked RWMutex")
			return
		}
		if old&waiting != 0 && old < 2*oneReader {
			m.release(oneReader)
			return
		}
		if atomic.CompareAndSwapUint32(&m.state, old, old-oneReader) {
			return
		}
	}
}

// Lock takes the lock for writing.
func (m *RWMutex) Lock() {
	if !m.TryLock() {
		m.wait("sync.RWMutex.Lock", false)
	}
}

// TryLock takes the lock for writing if nobody has it.
func (m *RWMutex) TryLock() bool {
	return atomic.CompareAndSwapUint32(&m.state, 0, locked)
}

// Unlock undoes Lock. It ends the cell if the lock is not held for writing.
func (m *RWMutex) Unlock() {
	if atomic.CompareAndSwapUint32(&m.state, locked, 0) {
		return
	}
	if atomic.LoadUint32(&m.state)&locked == 0 {
		park.Fatal("sync: Unlock of unlocked RWMutex")
		return
	}
	m.release(locked)
}

// RLocker returns a Locker whose methods are RLock and RUnlock.
func (m *RWMutex) RLocker() Locker { return (*rlocker)(m) }

type rlocker RWMutex

func (r *rlocker) Lock()   { (*RWMutex)(r).RLock() }
func (r *rlocker) Unlock() { (*RWMutex)(r).RUnlock() }

// wait queues for the lock. Who releases it hands it over.
func (m *RWMutex) wait(op string, reader bool) {
	p := unsafe.Pointer(m)
	b := bucketOf(p)
	for {
		old := atomic.LoadUint32(&m.state)
		next := old | waiting
		free := reader && old&(locked|waiting) == 0 || !reader && old&^waiting == 0 && b.first(p) == nil
		if free && reader {
			next = old + oneReader
		} else if free {
			next = locked
		}
		if !atomic.CompareAndSwapUint32(&m.state, old, next) {
			continue
		}
		if free {
			b.Unlock()
			return
		}
		break
	}
	w := newWaiter()
	w.reader = reader
	b.push(p, w, false)
	b.Unlock()
	if interrupted := park.Wait(op, w.ready); interrupted != nil {
		m.abandon(p, w)
		park.Raise(interrupted)
	}
}

func (m *RWMutex) abandon(p unsafe.Pointer, w *waiter) {
	b := bucketOf(p)
	taken := w.taken
	if !taken {
		b.take(p, w)
		m.grant(b, p, 0, false)
	}
	b.Unlock()
	switch {
	case taken && w.reader:
		m.RUnlock()
	case taken:
		m.Unlock()
	}
}

// release gives back a hold (locked, or one reader) for which others wait.
func (m *RWMutex) release(hold uint32) {
	p := unsafe.Pointer(m)
	b := bucketOf(p)
	m.grant(b, p, hold, hold == locked)
	b.Unlock()
}

// grant takes hold from the state and hands the lock to those who may have it
// then: after a writer all readers of the queue, else its first writer, else all
// readers. The bucket is locked.
func (m *RWMutex) grant(b *bucket, p unsafe.Pointer, hold uint32, readersFirst bool) {
	state := atomic.AddUint32(&m.state, -hold)
	readers, writer := b.sort(p)
	switch {
	case state&locked != 0:
	case len(readers) > 0 && (readersFirst || writer == nil):
		for _, w := range readers {
			b.take(p, w)
			atomic.AddUint32(&m.state, oneReader)
			w.ready <- struct{}{}
		}
	case writer != nil && state < oneReader:
		b.take(p, writer)
		atomic.AddUint32(&m.state, locked)
		writer.ready <- struct{}{}
	}
	if b.first(p) == nil {
		atomic.AndUint32(&m.state, ^uint32(waiting))
	}
}

// sort lists the readers of the queue at p and its first writer.
func (b *bucket) sort(p unsafe.Pointer) (readers []*waiter, writer *waiter) {
	for w := b.first(p); w != nil; w = w.next {
		if w.reader {
			readers = append(readers, w)
		} else if writer == nil {
			writer = w
		}
	}
	return readers, writer
}
