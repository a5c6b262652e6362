package threading

import (
	"time"

	rt "braid/runtime"
	"braid/runtime/sched"
)

// Barrier is threading.Barrier: parties threads wait for each other.
type Barrier struct {
	gate    sched.Gate
	parties int
	action  func(t *rt.Thread)
	timeout time.Duration
	wait    sched.Op
	pass    sched.Op

	// guarded by gate
	state   barrierState
	waiting int
}

type barrierState int8

const (
	filling   barrierState = iota
	draining               // the last one has come; the others leave
	resetting              // reset: those who wait get an error
	broken
)

// NewBarrier makes a Barrier. action, which may be nil, is run by one of the
// threads when all have come; timeout is the default of Wait.
func NewBarrier(in *rt.Interpreter, name string, parties int, action func(t *rt.Thread), timeout time.Duration) (*Barrier, error) {
	if parties < 1 {
		return nil, rt.Raise("ValueError", "parties must be >= 1")
	}
	o := in.World().Object("barrier", name)
	return &Barrier{
		parties: parties, action: action, timeout: timeout,
		wait: sched.Op{Kind: sched.Wait, Object: o, Label: "wait at " + o.String()},
		pass: sched.Op{Kind: sched.Notify, Object: o, Label: "open " + o.String()},
	}, nil
}

func brokenBarrier() error { return rt.Raise("BrokenBarrierError", "") }

// Wait waits for all parties and returns the order of arrival, from 0 to
// parties-1.
func (b *Barrier) Wait(t *rt.Thread) (int, error) { return b.WaitTimeout(t, b.timeout) }

// WaitTimeout is Wait; if the time passes the barrier is broken for everybody.
func (b *Barrier) WaitTimeout(t *rt.Thread, timeout time.Duration) (int, error) {
	place, bad := 0, false
	t.Await("barrier "+b.wait.Object.String(), b.wait, &b.gate, Forever,
		func() bool { return b.state == filling || b.state == broken },
		func() {
			if bad = b.state == broken; !bad {
				place = b.waiting
				b.waiting++
			}
		})
	if bad {
		return 0, brokenBarrier()
	}
	var err error
	if place+1 == b.parties {
		err = b.open(t)
	} else {
		err = b.await(t, timeout)
	}
	b.leave(t)
	return place, err
}

func (b *Barrier) open(t *rt.Thread) (err error) {
	defer func() {
		if r := recover(); r != nil {
			if !sched.Aborted(r) {
				b.become(t, broken)
			}
			panic(r)
		}
	}()
	if b.action != nil {
		b.action(t)
	}
	b.become(t, draining)
	return nil
}

func (b *Barrier) become(t *rt.Thread, s barrierState) {
	t.Do(b.pass, &b.gate, func() { b.state = s })
}

func (b *Barrier) await(t *rt.Thread, timeout time.Duration) error {
	opened := false
	came := t.Await("barrier "+b.wait.Object.String(), b.wait, &b.gate, timeout,
		func() bool { return b.state != filling }, func() { opened = b.state == draining })
	if !came {
		b.become(t, broken)
	}
	if !opened {
		return brokenBarrier()
	}
	return nil
}

// leave is _exit: the last one out makes the barrier ready again.
func (b *Barrier) leave(t *rt.Thread) {
	t.Do(b.pass, &b.gate, func() {
		b.waiting--
		if b.waiting == 0 && (b.state == draining || b.state == resetting) {
			b.state = filling
		}
	})
}

// Reset makes those who wait fail with BrokenBarrierError and the barrier as
// new.
func (b *Barrier) Reset(t *rt.Thread) {
	t.Do(b.pass, &b.gate, func() {
		switch {
		case b.waiting == 0:
			b.state = filling
		default:
			b.state = resetting
		}
	})
}

// Abort breaks the barrier for good.
func (b *Barrier) Abort(t *rt.Thread) { b.become(t, broken) }

// Parties, NWaiting and Broken are the properties of those names.
func (b *Barrier) Parties() int { return b.parties }

func (b *Barrier) NWaiting() (n int) {
	b.gate.With(func() {
		if b.state == filling {
			n = b.waiting
		}
	})
	return n
}

func (b *Barrier) Broken() (is bool) {
	b.gate.With(func() { is = b.state == broken })
	return is
}
