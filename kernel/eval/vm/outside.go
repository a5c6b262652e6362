package vm

import (
	"sync/atomic"

	"braid/kernel/eval/host"
)

// Calls from compiled code come at any time on any goroutine, and most of them in
// long series: the comparisons of a sort. So the thread for such calls stays with
// its goroutine until the cell that runs has ended. Only calls within such calls
// take threads from the pool.
//
// A slot belongs to the goroutine that filled it. No other one writes to the
// thread there, and its record says whose it is; when the runtime gives the
// record of a goroutine that has ended to a new one, the thread goes with it. The
// race detector cannot know that, so there the pool serves all (outside_race.go).
const outsideSlots = 256

var outside [outsideSlots]atomic.Pointer[thread]

func outsideSlot(g uintptr) *atomic.Pointer[thread] {
	return &outside[uint32(g>>5)*2654435761>>24]
}

// outsideThread gives a thread for a call from compiled code; release ends it.
func (m *machine) outsideThread() *thread {
	g := host.GoroutineID()
	if g == 0 || raceDetector {
		return m.thread()
	}
	slot := outsideSlot(g)
	t := slot.Load()
	switch {
	case t == nil:
		t = m.thread()
		t.goroutine = g
		slot.Store(t)
	case t.goroutine != g || t.m != m || t.busy:
		return m.thread()
	}
	t.busy = true
	return t
}

// outsideDepth is where the calls of a bound thread begin to count, but for the
// first: the stack is looked at then, and whenever calls from compiled code nest.
// In between they can add no more than stackStep levels to it.
const outsideDepth = 1

// unbind forgets t, whose call did not return.
func (t *thread) unbind() {
	if t.goroutine != 0 {
		outsideSlot(t.goroutine).CompareAndSwap(t, nil)
	}
}

// forgetOutside lets threads go that series of calls have left.
func forgetOutside() {
	for i := range outside {
		if outside[i].Load() != nil {
			outside[i].Store(nil)
		}
	}
}
