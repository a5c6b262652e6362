package sync

import (
	"sync"
	"unsafe"
)

// waiter is one goroutine in the queue of a lock.
type waiter struct {
	ready      chan struct{} // receives once, when the waiter has been taken from the queue
	taken      bool          // it has been taken; guarded by the bucket
	reader     bool
	hungry     bool // it has waited long: the next unlock hands the lock over
	owner      bool // the lock has been handed over
	prev, next *waiter
}

// line is the queue of one lock; an empty line is removed from its bucket.
type line struct{ head, tail *waiter }

// bucket holds the queues of some of the locks.
type bucket struct {
	sync.Mutex
	lines map[unsafe.Pointer]*line
	_     [40]byte // a cache line each
}

var table [127]bucket

// bucketOf returns the bucket of the lock at address p, locked. Keeping the
// pointer in a map keeps the lock from moving with a goroutine's stack.
func bucketOf(p unsafe.Pointer) *bucket {
	b := &table[uintptr(p)>>3%uintptr(len(table))]
	b.Lock()
	return b
}

func (b *bucket) push(p unsafe.Pointer, w *waiter, front bool) {
	q := b.lines[p]
	if q == nil {
		if b.lines == nil {
			b.lines = map[unsafe.Pointer]*line{}
		}
		q = &line{}
		b.lines[p] = q
	}
	w.taken = false
	switch {
	case q.head == nil:
		w.prev, w.next = nil, nil
		q.head, q.tail = w, w
	case front:
		w.prev, w.next = nil, q.head
		q.head.prev = w
		q.head = w
	default:
		w.prev, w.next = q.tail, nil
		q.tail.next = w
		q.tail = w
	}
}

// first is the head of the queue at p, or nil.
func (b *bucket) first(p unsafe.Pointer) *waiter {
	if q := b.lines[p]; q != nil {
		return q.head
	}
	return nil
}

// take removes w from the queue at p.
func (b *bucket) take(p unsafe.Pointer, w *waiter) {
	q := b.lines[p]
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		q.head = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		q.tail = w.prev
	}
	w.prev, w.next, w.taken = nil, nil, true
	if q.head == nil {
		delete(b.lines, p)
	}
}

func newWaiter() *waiter { return &waiter{ready: make(chan struct{}, 1)} }
