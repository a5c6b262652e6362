package order

import (
	"fmt"
	"testing"
	"time"
)

// job is ordered by its priority only, so that heapq's order of equals shows.
type job struct{ priority, number int }

func (j job) Less(other any) bool { return j.priority < other.(job).priority }

// What python3 3.11 prints for
//
//	for i, p in enumerate([2,1,2,1,1,2,0,1,2,0]): heappush(h, Job(p, i))
//	while h: print(heappop(h))
func TestEqualItemsLeaveAsFromHeapq(t *testing.T) {
	h := &Heap{}
	for i, p := range []int{2, 1, 2, 1, 1, 2, 0, 1, 2, 0} {
		if err := h.Push(job{p, i}); err != nil {
			t.Fatal(err)
		}
	}
	var got []job
	for h.Len() > 0 {
		v, err := h.Pop()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, v.(job))
	}
	const want = "[{0 6} {0 9} {1 1} {1 3} {1 4} {1 7} {2 2} {2 5} {2 0} {2 8}]"
	if fmt.Sprint(got) != want {
		t.Errorf("%v\nwant %v", got, want)
	}
}

// Go's numbers of all kinds are Python's int and float, as whole as they are.
func TestItemsOfManyTypes(t *testing.T) {
	for _, c := range []struct {
		items []any
		want  string // or the error of the last Push
	}{
		{[]any{3, int64(1), uint8(2), 2.5, float32(0.5)}, "0.5 1 2 2.5 3 "},
		{[]any{2 * time.Second, time.Second}, "1s 2s "},
		{[]any{1<<53 + 1, 1 << 53}, fmt.Sprint(1<<53, " ", 1<<53+1, " ")},
		{[]any{int64(1<<53 + 1), int64(1 << 53)}, fmt.Sprint(1<<53, " ", 1<<53+1, " ")},
		{[]any{[]any{int64(1), "b"}, []any{1, "a"}}, "[1 a] [1 b] "},
		{[]any{[]any{[]any{2}}, []any{[]any{1}}}, "[[1]] [[2]] "},
		{[]any{1, "a"}, "TypeError: '<' not supported between instances of 'str' and 'int'"},
		{[]any{nil, 1}, "TypeError: '<' not supported between instances of 'int' and 'NoneType'"},
	} {
		h, got := &Heap{}, ""
		for _, v := range c.items {
			if err := h.Push(v); err != nil {
				got = err.Error()
			}
		}
		for got == "" || h.Len() > 0 && got[0] != 'T' {
			v, err := h.Pop()
			if err != nil {
				t.Fatal(err)
			}
			got += fmt.Sprint(v, " ")
		}
		if got != c.want {
			t.Errorf("%v: %q, want %q", c.items, got, c.want)
		}
	}
}

func TestFirstAndLast(t *testing.T) {
	for order, want := range map[Order]string{&FIFO{}: "0 99 [0 1 2]", &LIFO{}: "99 0 [0 1 2]"} {
		for i := range 3 {
			order.Push(i)
		}
		list := fmt.Sprint(order.List())
		for i := 3; i < 100; i++ {
			order.Push(i)
		}
		first, _ := order.Pop()
		for order.Len() > 1 {
			order.Pop()
		}
		last, _ := order.Pop()
		if got := fmt.Sprint(first, " ", last, " ", list); got != want {
			t.Errorf("%T: %s, want %s", order, got, want)
		}
	}
}
