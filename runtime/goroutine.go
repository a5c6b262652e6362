package runtime

import (
	"sync/atomic"
	"time"
)

// Goroutine is a goroutine of ordinary Go code, as a host sees it.
type Goroutine struct {
	ID uint64 // unique for as long as it lives
	// Text says where it is and what it does: "In[3]:7: waits to send to a
	// channel …".
	Text string
}

// GoroutineHost is what a host, such as a notebook kernel, can do with the
// goroutines of the code that it runs.
type GoroutineHost struct {
	// Go runs f on a new goroutine of the calling cell's.
	Go func(f func())
	// Settle returns when no other goroutine can go on by itself: each waits for
	// another one, and no timer is set.
	Settle func()
	// List gives the goroutines of the calling cell, but not its main one.
	List func() []Goroutine
}

var goroutines atomic.Pointer[GoroutineHost]

// SetGoroutines tells the runtime about its host, before any cell runs.
func SetGoroutines(h GoroutineHost) { goroutines.Store(&h) }

// Goroutines is the host, or what there is without one: go statements, a guess
// instead of Settle (50 ms), and an empty list.
func Goroutines() GoroutineHost {
	if h := goroutines.Load(); h != nil {
		return *h
	}
	return GoroutineHost{
		Go:     func(f func()) { go f() },
		Settle: func() { time.Sleep(50 * time.Millisecond) },
		List:   func() []Goroutine { return nil },
	}
}
