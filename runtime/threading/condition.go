package threading

import (
	"math"
	"time"

	rt "braid/runtime"
	"braid/runtime/sched"
)

type conditionLock interface {
	locker
	releaseSave(*rt.Thread) int
	acquireRestore(*rt.Thread, int)
	isOwned(*rt.Thread) bool
}

// Condition is threading.Condition over a Lock or an RLock. Waiters are woken
// in order of arrival (Lib/threading.py keeps them in a deque).
type Condition struct {
	lock    conditionLock
	gate    sched.Gate
	waiters []*waiter // guarded by gate
	wait    sched.Op
	notify  sched.Op
}

type waiter struct{ notified bool }

// NewCondition makes a Condition over lock, which is a *Lock, an *RLock, or nil
// for a new RLock.
func NewCondition(in *rt.Interpreter, name string, lock any) (*Condition, error) {
	c := &Condition{}
	switch l := lock.(type) {
	case nil:
		c.lock = NewRLock(in, name)
	case *Lock:
		c.lock = l
	case *RLock:
		c.lock = l
	default:
		return nil, rt.Raise("TypeError", "a Condition needs a Lock or an RLock, not %T", lock)
	}
	o := in.World().Object("condition", name)
	c.wait = sched.Op{Kind: sched.Wait, Object: o}
	c.notify = sched.Op{Kind: sched.Notify, Object: o}
	return c, nil
}

// Acquire, Release and With are those of the lock.
func (c *Condition) Acquire(t *rt.Thread)           { c.lock.Acquire(t) }
func (c *Condition) Release(t *rt.Thread) error     { return c.lock.Release(t) }
func (c *Condition) With(t *rt.Thread, body func()) { with(t, c.lock, body) }

func (c *Condition) notOwned(what string) error {
	return rt.Raise("RuntimeError", "cannot %s on un-acquired lock", what)
}

// Wait releases the lock, waits for a notification, and takes the lock again.
func (c *Condition) Wait(t *rt.Thread) error {
	_, err := c.WaitTimeout(t, Forever)
	return err
}

// WaitTimeout is wait(timeout): false if the time passed first.
func (c *Condition) WaitTimeout(t *rt.Thread, timeout time.Duration) (bool, error) {
	if !c.lock.isOwned(t) {
		return false, c.notOwned("wait")
	}
	me := &waiter{}
	c.gate.With(func() { c.waiters = append(c.waiters, me) })
	saved := c.lock.releaseSave(t)
	got := t.Await("condition "+c.wait.Object.String(), c.wait, &c.gate, timeout,
		func() bool { return me.notified }, func() {})
	if !got {
		c.gate.With(func() { c.forget(me) })
	}
	c.lock.acquireRestore(t, saved)
	return got, nil
}

func (c *Condition) forget(me *waiter) {
	for i, w := range c.waiters {
		if w == me {
			c.waiters = append(c.waiters[:i], c.waiters[i+1:]...)
			return
		}
	}
}

// WaitFor waits until predicate holds, asking it under the lock before the
// first wait and after each notification; it returns the predicate's last
// value.
func (c *Condition) WaitFor(t *rt.Thread, predicate func() bool, timeout time.Duration) (bool, error) {
	end := t.Now() + timeout
	for !predicate() {
		left := Forever
		if timeout >= 0 {
			if left = end - t.Now(); left <= 0 {
				return predicate(), nil
			}
		}
		if _, err := c.WaitTimeout(t, left); err != nil {
			return false, err
		}
	}
	return true, nil
}

// Notify wakes up to n waiters.
func (c *Condition) Notify(t *rt.Thread, n int) error {
	if !c.lock.isOwned(t) {
		return c.notOwned("notify")
	}
	t.Do(c.notify, &c.gate, func() {
		n = min(max(n, 0), len(c.waiters))
		for _, w := range c.waiters[:n] {
			w.notified = true
		}
		c.waiters = c.waiters[n:]
	})
	return nil
}

// NotifyAll wakes all waiters.
func (c *Condition) NotifyAll(t *rt.Thread) error { return c.Notify(t, math.MaxInt) }
