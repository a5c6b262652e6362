// Package order keeps the items of queues in the orders of Lib/queue.py and
// Lib/asyncio/queues.py: first in, first out; last in, first out; least first.
// It knows nothing of waiting.
package order

import rt "braid/runtime"

// Order is _put, _get and _qsize of a kind of queue. Pop is called only while
// Len is not zero. An error says that items cannot be compared.
type Order interface {
	Push(item any) error
	Pop() (any, error)
	Len() int
	List() []any // not to be changed, and valid until the next call
}

// FIFO is collections.deque, as a ring.
type FIFO struct {
	items []any
	head  int
}

func (f *FIFO) Len() int    { return len(f.items) - f.head }
func (f *FIFO) List() []any { return f.items[f.head:] }

func (f *FIFO) Push(item any) error {
	if f.head > 32 && f.head > len(f.items)/2 {
		n := copy(f.items, f.items[f.head:])
		clear(f.items[n:])
		f.items, f.head = f.items[:n], 0
	}
	f.items = append(f.items, item)
	return nil
}

func (f *FIFO) Pop() (any, error) {
	v := f.items[f.head]
	f.items[f.head] = nil
	if f.head++; f.head == len(f.items) {
		f.items, f.head = f.items[:0], 0
	}
	return v, nil
}

// LIFO is a list.
type LIFO struct{ items []any }

func (l *LIFO) Len() int            { return len(l.items) }
func (l *LIFO) List() []any         { return l.items }
func (l *LIFO) Push(item any) error { l.items = append(l.items, item); return nil }

func (l *LIFO) Pop() (any, error) {
	last := len(l.items) - 1
	v := l.items[last]
	l.items[last] = nil
	l.items = l.items[:last]
	return v, nil
}

// Heap is Lib/heapq.py, so that equal items come out in its order, and an item
// that cannot be compared is left where heapq leaves it.
type Heap struct{ items []any }

func (h *Heap) Len() int    { return len(h.items) }
func (h *Heap) List() []any { return h.items }

func (h *Heap) Push(item any) error {
	h.items = append(h.items, item)
	return h.siftdown(0, len(h.items)-1)
}

func (h *Heap) Pop() (any, error) {
	end := len(h.items) - 1
	last := h.items[end]
	h.items[end] = nil
	h.items = h.items[:end]
	if len(h.items) == 0 {
		return last, nil
	}
	least := h.items[0]
	h.items[0] = last
	return least, h.siftup(0)
}

// siftdown moves the item at pos towards start until its parent is no greater.
func (h *Heap) siftdown(start, pos int) error {
	item := h.items[pos]
	for pos > start {
		parent := (pos - 1) / 2
		less, err := rt.Less(item, h.items[parent])
		if err != nil {
			h.items[pos] = item
			return err
		}
		if !less {
			break
		}
		h.items[pos] = h.items[parent]
		pos = parent
	}
	h.items[pos] = item
	return nil
}

// siftup moves the least child up until a leaf is reached, then the item down
// from there.
func (h *Heap) siftup(pos int) error {
	start, end, item := pos, len(h.items), h.items[pos]
	for child := 2*pos + 1; child < end; child = 2*pos + 1 {
		if right := child + 1; right < end {
			less, err := rt.Less(h.items[child], h.items[right])
			if err != nil {
				h.items[pos] = item
				return err
			}
			if !less {
				child = right
			}
		}
		h.items[pos] = h.items[child]
		pos = child
	}
	h.items[pos] = item
	return h.siftdown(start, pos)
}
