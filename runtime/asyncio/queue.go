package asyncio

import (
	"fmt"

	rt "braid/runtime"
	"braid/runtime/internal/order"
)

// Queue is asyncio.Queue (Lib/asyncio/queues.py, 3.13): first in, first out;
// NewLifoQueue and NewPriorityQueue make the other two.
type Queue struct {
	bound
	kind       string
	limit      int
	items      order.Order
	getters    line
	putters    line
	unfinished int
	joined     *Event // _finished: set while nothing is unfinished
	down       bool
	spare      []*Future // of waits that have ended, for the next ones
}

// NewQueue is asyncio.Queue(maxsize); zero or less is no limit.
func NewQueue(maxsize int) *Queue { return newQueue("Queue", maxsize, &order.FIFO{}) }

// NewLifoQueue is asyncio.LifoQueue(maxsize): last in, first out.
func NewLifoQueue(maxsize int) *Queue { return newQueue("LifoQueue", maxsize, &order.LIFO{}) }

// NewPriorityQueue is asyncio.PriorityQueue(maxsize): the least item first, as
// Python's < orders numbers, strings and lists of them (tuples); items of other
// types can have a method Less(other any) bool.
func NewPriorityQueue(maxsize int) *Queue { return newQueue("PriorityQueue", maxsize, &order.Heap{}) }

func newQueue(kind string, maxsize int, items order.Order) *Queue {
	return &Queue{kind: kind, limit: maxsize, items: items, joined: &Event{set: true}}
}

func (q *Queue) String() string {
	info := fmt.Sprintf("maxsize=%d", q.limit)
	if n := q.items.Len(); n > 0 {
		info += " _queue=" + rt.Repr(q.items.List())
	}
	if n := len(q.getters); n > 0 {
		info += fmt.Sprintf(" _getters[%d]", n)
	}
	if n := len(q.putters); n > 0 {
		info += fmt.Sprintf(" _putters[%d]", n)
	}
	if q.unfinished > 0 {
		info += fmt.Sprintf(" tasks=%d", q.unfinished)
	}
	if q.down {
		info += " shutdown"
	}
	return "<" + q.kind + " " + info + ">"
}

// QSize, MaxSize, Empty and Full are queue.qsize(), maxsize, empty() and full().
func (q *Queue) QSize() int   { return q.items.Len() }
func (q *Queue) MaxSize() int { return q.limit }
func (q *Queue) Empty() bool  { return q.items.Len() == 0 }
func (q *Queue) Full() bool   { return q.limit > 0 && q.items.Len() >= q.limit }

// Put is queue.put(v): awaiting it waits for a free slot. QueueShutDown after
// Shutdown.
func (q *Queue) Put(v any) *Coroutine {
	return builtin("Queue.put", func(c *Co) (any, error) {
		for q.Full() {
			if q.down {
				return nil, rt.Raise("QueueShutDown", "")
			}
			if err := q.wait(c, &q.putters, func() bool { return !q.Full() }); err != nil {
				return nil, err
			}
		}
		return nil, q.PutNowait(v)
	})
}

// Get is queue.get(): awaiting it gives the next item. QueueShutDown when the
// queue was shut down and is empty.
func (q *Queue) Get() *Coroutine {
	return builtin("Queue.get", func(c *Co) (any, error) {
		for q.Empty() {
			if q.down {
				return nil, rt.Raise("QueueShutDown", "")
			}
			if err := q.wait(c, &q.getters, func() bool { return !q.Empty() }); err != nil {
				return nil, err
			}
		}
		return q.GetNowait()
	})
}

// wait stands in line once. Who was woken and cannot go on wakes the next.
func (q *Queue) wait(c *Co, l *line, useful func() bool) error {
	f, err := q.waiter(c)
	if err != nil {
		return err
	}
	*l = append(*l, f)
	if _, err = c.Await(f); err == nil {
		if len(q.spare) < 8 { // nobody else knows f any more
			*f = Future{loop: f.loop}
			q.spare = append(q.spare, f)
		}
		return nil
	}
	f.Cancel()
	l.remove(f)
	if useful() && !f.Cancelled() {
		wakeNext(l)
	}
	return err
}

// waiter is a Future to stand in line with.
func (q *Queue) waiter(c *Co) (*Future, error) {
	if n := len(q.spare); n > 0 && q.loop == c.fiber.loop {
		f := q.spare[n-1]
		q.spare = q.spare[:n-1]
		return f, nil
	}
	return q.future(c, q)
}

// wakeNext is _wakeup_next: the woken leave the line.
func wakeNext(l *line) {
	for len(*l) > 0 {
		f := (*l)[0]
		(*l)[0] = nil
		if *l = (*l)[1:]; f.state == pending {
			_ = f.setResult(nil)
			return
		}
	}
}

// PutNowait is queue.put_nowait(v): QueueFull instead of waiting.
func (q *Queue) PutNowait(v any) error {
	switch {
	case q.down:
		return rt.Raise("QueueShutDown", "")
	case q.Full():
		return rt.Raise("QueueFull", "")
	}
	if err := q.items.Push(v); err != nil {
		return err
	}
	q.unfinished++
	q.joined.Clear()
	wakeNext(&q.getters)
	return nil
}

// GetNowait is queue.get_nowait(): QueueEmpty instead of waiting.
func (q *Queue) GetNowait() (any, error) {
	if q.Empty() {
		if q.down {
			return nil, rt.Raise("QueueShutDown", "")
		}
		return nil, rt.Raise("QueueEmpty", "")
	}
	v, err := q.items.Pop()
	if err != nil {
		return nil, err
	}
	wakeNext(&q.putters)
	return v, nil
}

// TaskDone is queue.task_done(): one item that Get gave is dealt with.
func (q *Queue) TaskDone() error {
	if q.unfinished <= 0 {
		return rt.Raise("ValueError", "task_done() called too many times")
	}
	if q.unfinished--; q.unfinished == 0 {
		q.joined.Set()
	}
	return nil
}

// Join is queue.join(): awaiting it waits until TaskDone was called for every
// item.
func (q *Queue) Join() *Coroutine {
	return builtin("Queue.join", func(c *Co) (any, error) {
		if q.unfinished == 0 {
			return nil, nil
		}
		_, err := c.Await(q.joined.Wait())
		return nil, err
	})
}

// Shutdown is queue.shutdown(immediate) (3.13): Put is refused from now on, and
// Get when the items are gone. If it is immediate they are gone now.
func (q *Queue) Shutdown(immediate bool) {
	q.down = true
	if immediate {
		for !q.Empty() {
			_, _ = q.items.Pop()
			if q.unfinished > 0 {
				q.unfinished--
			}
		}
		if q.unfinished == 0 {
			q.joined.Set()
		}
	}
	for len(q.getters) > 0 {
		wakeNext(&q.getters)
	}
	for len(q.putters) > 0 {
		wakeNext(&q.putters)
	}
}
