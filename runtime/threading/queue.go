package threading

import (
	"time"

	rt "braid/runtime"
	"braid/runtime/internal/order"
	"braid/runtime/sched"
)

// Queue is queue.Queue, or one of its kinds that differ in what comes out
// first: NewQueue, NewLifoQueue, NewPriorityQueue. Whoever waits is served in
// order of arrival on the real clock, where CPython's conditions let a thread
// that comes later overtake; under exploration anybody may be next.
type Queue struct {
	gate    sched.Gate
	maxsize int
	items   order.Order
	name    string
	get     sched.Op
	put     sched.Op
	join    sched.Op
	done    sched.Op

	// guarded by gate
	unfinished int
	shut       bool
}

// NewQueue makes a first-in, first-out Queue; a maxsize of zero or less is
// none.
func NewQueue(in *rt.Interpreter, name string, maxsize int) *Queue {
	return newQueue(in, name, maxsize, &order.FIFO{})
}

// NewLifoQueue makes a Queue that gives the newest item first.
func NewLifoQueue(in *rt.Interpreter, name string, maxsize int) *Queue {
	return newQueue(in, name, maxsize, &order.LIFO{})
}

// NewPriorityQueue makes a Queue that gives the least item first. Items are
// numbers, strings, tuples of them ([]any{priority, item}), or have a method
// Less(other any) bool; items that cannot be compared give Put and Get the
// TypeError that CPython's heapq gives them. Put and Get cost O(log n).
func NewPriorityQueue(in *rt.Interpreter, name string, maxsize int) *Queue {
	return newQueue(in, name, maxsize, &order.Heap{})
}

func newQueue(in *rt.Interpreter, name string, maxsize int, items order.Order) *Queue {
	o := in.World().Object("queue", name)
	return &Queue{
		maxsize: maxsize, items: items, name: o.String(),
		get:  sched.Op{Kind: sched.Wait, Object: o, Label: "get from " + o.String()},
		put:  sched.Op{Kind: sched.Notify, Object: o, Label: "put into " + o.String()},
		join: sched.Op{Kind: sched.Wait, Object: o, Label: "join " + o.String()},
		done: sched.Op{Kind: sched.Notify, Object: o, Label: "task done of " + o.String()},
	}
}

// Put waits for a free slot and puts item into it; ShutDown if the queue was
// shut down.
func (q *Queue) Put(t *rt.Thread, item any) error { return q.PutFor(t, item, Forever) }

// PutNowait is put_nowait: Full if there is no free slot at once.
func (q *Queue) PutNowait(t *rt.Thread, item any) error { return q.PutFor(t, item, 0) }

// PutFor is put(timeout=…): Full if the time passes first. A negative time-out
// is none, where CPython's put raises ValueError.
func (q *Queue) PutFor(t *rt.Thread, item any, timeout time.Duration) error {
	var err error
	put := t.Await("queue "+q.name, q.put, &q.gate, timeout,
		func() bool { return q.shut || q.maxsize <= 0 || q.items.Len() < q.maxsize },
		func() {
			if q.shut {
				err = rt.Raise("ShutDown", "")
			} else if err = q.items.Push(item); err == nil {
				q.unfinished++
			}
		})
	if !put {
		return rt.Raise("Full", "")
	}
	return err
}

// Get waits for an item and takes it; ShutDown if the queue was shut down and
// is empty.
func (q *Queue) Get(t *rt.Thread) (any, error) { return q.GetFor(t, Forever) }

// GetNowait is get_nowait: Empty if there is no item at once.
func (q *Queue) GetNowait(t *rt.Thread) (any, error) { return q.GetFor(t, 0) }

// GetFor is get(timeout=…): Empty if the time passes first. A negative time-out
// is none, where CPython's get raises ValueError.
func (q *Queue) GetFor(t *rt.Thread, timeout time.Duration) (item any, err error) {
	got := t.Await("queue "+q.name, q.get, &q.gate, timeout,
		func() bool { return q.shut || q.items.Len() > 0 },
		func() {
			if q.items.Len() == 0 {
				err = rt.Raise("ShutDown", "")
				return
			}
			item, err = q.items.Pop()
		})
	if !got {
		return nil, rt.Raise("Empty", "")
	}
	return item, err
}

// TaskDone tells that an item which was got has been worked on; ValueError if
// there were fewer.
func (q *Queue) TaskDone(t *rt.Thread) error {
	tooMany := false
	t.Do(q.done, &q.gate, func() {
		if tooMany = q.unfinished <= 0; !tooMany {
			q.unfinished--
		}
	})
	if tooMany {
		return rt.Raise("ValueError", "task_done() called too many times")
	}
	return nil
}

// Join waits until every item that was put has been worked on.
func (q *Queue) Join(t *rt.Thread) {
	t.Await("queue "+q.name, q.join, &q.gate, Forever, func() bool { return q.unfinished <= 0 }, func() {})
}

// Shutdown is shutdown(immediate) (CPython 3.13): Put fails with ShutDown from
// now on, Get when the queue is empty, which immediate makes it at once: the
// items are dropped and count as done.
func (q *Queue) Shutdown(t *rt.Thread, immediate bool) {
	t.Do(sched.Op{Kind: sched.Notify, Object: q.put.Object, Label: "shut down " + q.name}, &q.gate, func() {
		q.shut = true
		for immediate && q.items.Len() > 0 {
			_, _ = q.items.Pop()
			q.unfinished = max(q.unfinished-1, 0)
		}
	})
}

// Qsize is the number of items, which another thread may change at once.
func (q *Queue) Qsize() (n int) {
	q.gate.With(func() { n = q.items.Len() })
	return n
}

// Empty and Full tell how Qsize compares with nothing and with maxsize.
func (q *Queue) Empty() bool { return q.Qsize() == 0 }
func (q *Queue) Full() bool  { return q.maxsize > 0 && q.Qsize() >= q.maxsize }

// Maxsize is the attribute of that name.
func (q *Queue) Maxsize() int { return q.maxsize }

// SimpleQueue is queue.SimpleQueue: no bound, no task tracking, a Put that
// never waits.
type SimpleQueue struct{ q *Queue }

// NewSimpleQueue makes a SimpleQueue.
func NewSimpleQueue(in *rt.Interpreter, name string) *SimpleQueue {
	return &SimpleQueue{NewQueue(in, name, 0)}
}

// Put puts an item; it never waits.
func (s *SimpleQueue) Put(t *rt.Thread, item any) {
	t.Do(s.q.put, &s.q.gate, func() { _ = s.q.items.Push(item) })
}

// Get waits for an item and takes it.
func (s *SimpleQueue) Get(t *rt.Thread) any {
	v, _ := s.q.Get(t)
	return v
}

// GetNowait is get_nowait: Empty if there is no item at once.
func (s *SimpleQueue) GetNowait(t *rt.Thread) (any, error) { return s.q.GetNowait(t) }

// GetFor is get(timeout=…): Empty if the time passes first.
func (s *SimpleQueue) GetFor(t *rt.Thread, timeout time.Duration) (any, error) {
	return s.q.GetFor(t, timeout)
}

// Qsize and Empty are as a Queue's.
func (s *SimpleQueue) Qsize() int  { return s.q.Qsize() }
func (s *SimpleQueue) Empty() bool { return s.q.Empty() }
