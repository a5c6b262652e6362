package threading

import (
	"time"

	rt "braid/runtime"
	"braid/runtime/sched"
)

// Semaphore is threading.Semaphore; Bounded makes it a BoundedSemaphore.
type Semaphore struct {
	gate    sched.Gate
	value   int // guarded by gate
	initial int
	bounded bool
	acquire sched.Op
	release sched.Op
}

// NewSemaphore makes a Semaphore with value permits.
func NewSemaphore(in *rt.Interpreter, name string, value int) (*Semaphore, error) {
	if value < 0 {
		return nil, rt.Raise("ValueError", "semaphore initial value must be >= 0")
	}
	o := in.World().Object("semaphore", name)
	return &Semaphore{
		value: value, initial: value,
		acquire: sched.Op{Kind: sched.Wait, Object: o, Label: "acquire " + o.String()},
		release: sched.Op{Kind: sched.Notify, Object: o, Label: "release " + o.String()},
	}, nil
}

// NewBoundedSemaphore makes a Semaphore that refuses more releases than
// acquires.
func NewBoundedSemaphore(in *rt.Interpreter, name string, value int) (*Semaphore, error) {
	s, err := NewSemaphore(in, name, value)
	if err == nil {
		s.bounded = true
	}
	return s, err
}

// Acquire waits for a permit.
func (s *Semaphore) Acquire(t *rt.Thread) { s.AcquireFor(t, Forever) }

// AcquireFor is acquire(timeout=…), with a time-out as for Lock.
func (s *Semaphore) AcquireFor(t *rt.Thread, timeout time.Duration) bool {
	return t.Await("semaphore "+s.acquire.Object.String(), s.acquire, &s.gate, timeout,
		func() bool { return s.value > 0 }, func() { s.value-- })
}

// TryAcquire is acquire(blocking=False).
func (s *Semaphore) TryAcquire(t *rt.Thread) bool { return s.AcquireFor(t, 0) }

// Value is the number of permits left, CPython's _value.
func (s *Semaphore) Value() (n int) {
	s.gate.With(func() { n = s.value })
	return n
}

// Release gives one permit back.
func (s *Semaphore) Release(t *rt.Thread) error { return s.ReleaseN(t, 1) }

// ReleaseN is release(n).
func (s *Semaphore) ReleaseN(t *rt.Thread, n int) error {
	if n < 1 {
		return rt.Raise("ValueError", "n must be one or more")
	}
	tooMany := false
	t.Do(s.release, &s.gate, func() {
		if tooMany = s.bounded && s.value+n > s.initial; !tooMany {
			s.value += n
		}
	})
	if tooMany {
		return rt.Raise("ValueError", "Semaphore released too many times")
	}
	return nil
}

// With is "with semaphore: body()".
func (s *Semaphore) With(t *rt.Thread, body func()) { with(t, s, body) }

// Event is threading.Event.
type Event struct {
	gate   sched.Gate
	set    bool // guarded by gate
	wait   sched.Op
	notify sched.Op
}

// NewEvent makes an Event that is not set.
func NewEvent(in *rt.Interpreter, name string) *Event {
	o := in.World().Object("event", name)
	return &Event{
		wait:   sched.Op{Kind: sched.Wait, Object: o},
		notify: sched.Op{Kind: sched.Notify, Object: o, Label: "set " + o.String()},
	}
}

// Set wakes all who wait, and all who will.
func (e *Event) Set(t *rt.Thread) { t.Do(e.notify, &e.gate, func() { e.set = true }) }

// Clear makes the next Wait wait again.
func (e *Event) Clear(t *rt.Thread) {
	t.Do(sched.Op{Kind: sched.Step, Object: e.wait.Object, Label: "clear " + e.wait.Object.String()}, &e.gate, func() { e.set = false })
}

// IsSet tells whether the event is set.
func (e *Event) IsSet() bool {
	set := false
	e.gate.With(func() { set = e.set })
	return set
}

// Wait waits until the event is set; false if the time passed first.
func (e *Event) Wait(t *rt.Thread, timeout time.Duration) bool {
	return t.Await("event "+e.wait.Object.String(), e.wait, &e.gate, timeout, func() bool { return e.set }, func() {})
}
