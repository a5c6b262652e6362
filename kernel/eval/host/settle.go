package host

import (
	"slices"
	"sync"
	"unsafe"

	"braid/kernel/eval"
	rt "braid/runtime"
)

// settling are the goroutines that wait in Settle.
var settling struct {
	mu   sync.Mutex
	list []settler
}

type settler struct {
	wake chan struct{}
	main bool // the main goroutine of its cell
}

const opSettle = "settle"

// Settle returns when no goroutine of learner code can go on by itself: each
// waits for another one, and no timer is set. It is the state that would be a
// deadlock if nobody waited in Settle, and is proved in the same way. Of several
// that wait here, the main goroutine of a cell goes on last, when also the others
// have come to rest. If the
// caller's run is interrupted it ends as every wait does. Costs about 2 ms.
func Settle() {
	g := current()
	if g == nil {
		return
	}
	wake := make(chan struct{})
	settling.mu.Lock()
	settling.list = append(settling.list, settler{wake, g.main && g.owned()})
	settling.mu.Unlock()
	defer func() { // an interrupt ends the wait, too
		settling.mu.Lock()
		settling.list = slices.DeleteFunc(settling.list, func(s settler) bool { return s.wake == wake })
		settling.mu.Unlock()
	}()
	for {
		w, stop := g.park(opSettle, eval.Pos{}, false)
		select {
		case <-wake:
			g.unpark(w)
			return
		case <-stop:
			g.woken(w)
		}
	}
}

// settled wakes those who wait in Settle and tells whether there were any.
func settled() bool {
	settling.mu.Lock()
	defer settling.mu.Unlock()
	first := slices.ContainsFunc(settling.list, func(s settler) bool { return !s.main })
	any := false
	settling.list = slices.DeleteFunc(settling.list, func(s settler) bool {
		if s.main && first {
			return false
		}
		close(s.wake)
		any = true
		return true
	})
	return any
}

// The checks of exercises start and watch goroutines.
func init() {
	rt.SetGoroutines(rt.GoroutineHost{
		Go:     func(f func()) { Go(eval.Pos{}, f, nil) },
		Settle: Settle,
		List: func() (list []rt.Goroutine) {
			if g := current(); g != nil {
				list = g.run.others()
			}
			return list
		},
	})
}

// others lists the goroutines of the run but its main one, the oldest first.
func (r *Run) others() (list []rt.Goroutine) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for g := r.list; g != nil; g = g.next {
		if !g.main {
			list = append(list, rt.Goroutine{ID: uint64(uintptr(unsafe.Pointer(g))), Text: g.describe().String()})
		}
	}
	slices.Reverse(list)
	return list
}
