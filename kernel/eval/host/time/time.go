// Package time is what learners get for time.Timer, time.NewTimer and
// time.AfterFunc: the functions that a timer calls belong to the run that set it
// (their output, their panics, their interrupt), and the deadlock detector of
// package host knows of timers that have yet to call one. All else of package
// time is the standard library's own.
package time

import (
	"time"

	"braid/kernel/eval/host/internal/park"
)

// Timer is a single event in the future, as the standard library's.
type Timer struct {
	C <-chan time.Time

	t           *time.Timer
	arm, disarm func() // for AfterFunc
}

// NewTimer returns a timer that sends the time on its channel after d.
func NewTimer(d time.Duration) *Timer {
	t := time.NewTimer(d)
	return &Timer{C: t.C, t: t}
}

// AfterFunc returns a timer that calls f on a goroutine of its own after d.
func AfterFunc(d time.Duration, f func()) *Timer {
	arm, disarm, fire := park.Timer(f)
	arm()
	return &Timer{t: time.AfterFunc(d, fire), arm: arm, disarm: disarm}
}

// Stop keeps the timer from firing and says whether it was set.
func (t *Timer) Stop() bool {
	if t.t == nil {
		panic("time: Stop called on uninitialized Timer")
	}
	stopped := t.t.Stop()
	if stopped && t.disarm != nil {
		t.disarm()
	}
	return stopped
}

// Reset sets the timer anew, to fire after d, and says whether it was set.
func (t *Timer) Reset(d time.Duration) bool {
	if t.t == nil {
		panic("time: Reset called on uninitialized Timer")
	}
	if t.arm != nil {
		t.arm()
	}
	was := t.t.Reset(d)
	if was && t.disarm != nil {
		t.disarm() // the earlier setting will not fire
	}
	return was
}
