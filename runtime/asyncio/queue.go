package asyncio

import (
	"fmt"
	"reflect"

	rt "braid/runtime"
)

// Queue is asyncio.Queue (Lib/asyncio/queues.py, 3.13): first in, first out;
// NewLifoQueue and NewPriorityQueue make the other two.
type Queue struct {
	bound
	kind       string
	limit      int
	items      store
	getters    line
	putters    line
	unfinished int
	joined     *Event // _finished: set while nothing is unfinished
	down       bool
	spare      []*Future // of waits that have ended, for the next ones
}

// store is how a queue keeps its items: _put and _get.
type store interface {
	put(v any) error
	get() (any, error)
	len() int
	list() []any
}

// NewQueue is asyncio.Queue(maxsize); zero or less is no limit.
func NewQueue(maxsize int) *Queue { return newQueue("Queue", maxsize, &fifo{}) }

// NewLifoQueue is asyncio.LifoQueue(maxsize): last in, first out.
func NewLifoQueue(maxsize int) *Queue { return newQueue("LifoQueue", maxsize, &stack{}) }

// NewPriorityQueue is asyncio.PriorityQueue(maxsize): the least item first, as
// Python's < orders numbers, strings and lists of them (tuples); items of other
// types can have a method Less(other any) bool.
func NewPriorityQueue(maxsize int) *Queue { return newQueue("PriorityQueue", maxsize, &least{}) }

func newQueue(kind string, maxsize int, items store) *Queue {
	return &Queue{kind: kind, limit: maxsize, items: items, joined: &Event{set: true}}
}

func (q *Queue) String() string {
	info := fmt.Sprintf("maxsize=%d", q.limit)
	if n := q.items.len(); n > 0 {
		info += " _queue=" + rt.Repr(q.items.list())
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
func (q *Queue) QSize() int   { return q.items.len() }
func (q *Queue) MaxSize() int { return q.limit }
func (q *Queue) Empty() bool  { return q.items.len() == 0 }
func (q *Queue) Full() bool   { return q.limit > 0 && q.items.len() >= q.limit }

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
	if err := q.items.put(v); err != nil {
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
	v, err := q.items.get()
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
			_, _ = q.items.get()
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

// fifo is a deque.
type fifo struct {
	items []any
	head  int
}

func (s *fifo) len() int    { return len(s.items) - s.head }
func (s *fifo) list() []any { return s.items[s.head:] }

func (s *fifo) put(v any) error {
	if s.head > 32 && s.head > len(s.items)/2 {
		n := copy(s.items, s.items[s.head:])
		clear(s.items[n:])
		s.items, s.head = s.items[:n], 0
	}
	s.items = append(s.items, v)
	return nil
}

func (s *fifo) get() (any, error) {
	v := s.items[s.head]
	s.items[s.head] = nil
	if s.head++; s.head == len(s.items) {
		s.items, s.head = s.items[:0], 0
	}
	return v, nil
}

type stack struct{ items []any }

func (s *stack) len() int    { return len(s.items) }
func (s *stack) list() []any { return s.items }

func (s *stack) put(v any) error {
	s.items = append(s.items, v)
	return nil
}

func (s *stack) get() (any, error) {
	last := len(s.items) - 1
	v := s.items[last]
	s.items[last] = nil
	s.items = s.items[:last]
	return v, nil
}

// least is heapq on a list.
type least struct{ items []any }

func (s *least) len() int    { return len(s.items) }
func (s *least) list() []any { return s.items }

func (s *least) put(v any) error {
	s.items = append(s.items, v)
	return s.up(len(s.items) - 1)
}

func (s *least) get() (any, error) {
	last := len(s.items) - 1
	v := s.items[0]
	s.items[0], s.items[last] = s.items[last], nil
	s.items = s.items[:last]
	return v, s.down(0)
}

func (s *least) up(i int) error {
	for i > 0 {
		parent := (i - 1) / 2
		is, err := less(s.items[i], s.items[parent])
		if err != nil || !is {
			return err
		}
		s.items[i], s.items[parent] = s.items[parent], s.items[i]
		i = parent
	}
	return nil
}

func (s *least) down(i int) error {
	for {
		child := 2*i + 1
		if child >= len(s.items) {
			return nil
		}
		if child+1 < len(s.items) {
			is, err := less(s.items[child+1], s.items[child])
			if err != nil {
				return err
			}
			if is {
				child++
			}
		}
		is, err := less(s.items[child], s.items[i])
		if err != nil || !is {
			return err
		}
		s.items[i], s.items[child] = s.items[child], s.items[i]
		i = child
	}
}

// less is Python's a < b.
func less(a, b any) (bool, error) {
	if x, ok := a.(interface{ Less(other any) bool }); ok {
		return x.Less(b), nil
	}
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			return x < y, nil
		}
	case []any:
		if y, ok := b.([]any); ok {
			return lessList(x, y)
		}
	}
	x, okX := number(a)
	y, okY := number(b)
	if okX && okY {
		return x < y, nil
	}
	return false, rt.Raise("TypeError", "'<' not supported between instances of '%s' and '%s'", typeName(a), typeName(b))
}

func lessList(a, b []any) (bool, error) {
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] == b[i] {
			continue
		}
		return less(a[i], b[i])
	}
	return len(a) < len(b), nil
}

func number(v any) (float64, bool) {
	switch r := reflect.ValueOf(v); {
	case r.CanInt():
		return float64(r.Int()), true
	case r.CanUint():
		return float64(r.Uint()), true
	case r.CanFloat():
		return r.Float(), true
	}
	return 0, false
}
