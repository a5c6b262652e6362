package asyncio

import (
	"fmt"

	rt "braid/runtime"
)

// bound remembers the loop of the first wait (Lib/asyncio/mixins.py,
// _LoopBoundMixin): a primitive belongs to one loop.
type bound struct{ loop *Loop }

func (b *bound) future(c *Co, self fmt.Stringer) (*Future, error) {
	l := c.fiber.loop
	if l == nil {
		return nil, noRunningLoop()
	}
	if b.loop == nil {
		b.loop = l
	}
	if b.loop != l {
		return nil, rt.Raise("RuntimeError", "%s is bound to a different event loop", self)
	}
	return l.NewFuture(), nil
}

// line is a queue of waiters, a deque of Futures.
type line []*Future

func (q *line) remove(f *Future) {
	for i, w := range *q {
		if w == f {
			*q = append((*q)[:i], (*q)[i+1:]...)
			return
		}
	}
}

// wakeable is the first waiter that was not woken yet.
func (q line) wakeable() *Future {
	for _, f := range q {
		if f.state == pending {
			return f
		}
	}
	return nil
}

func (q line) allCancelled() bool {
	for _, f := range q {
		if f.state != cancelled {
			return false
		}
	}
	return true
}

func (q line) describe(kind, state string) string {
	if len(q) > 0 {
		state += fmt.Sprintf(", waiters:%d", len(q))
	}
	return "<asyncio." + kind + " [" + state + "]>"
}

func locked(is bool) string {
	if is {
		return "locked"
	}
	return "unlocked"
}

// mutex is what a Condition can stand on and With can hold.
type mutex interface {
	acquire(c *Co) error
	Release() error
}

// with is "async with m: body()".
func with(c *Co, m mutex, body func() error) error {
	if err := m.acquire(c); err != nil {
		return err
	}
	err := guard(body)
	if e := m.Release(); e != nil {
		return e
	}
	return err
}

// Lock is asyncio.Lock (Lib/asyncio/locks.py): for tasks of one loop, served in
// order of arrival. Its zero value is ready.
type Lock struct {
	bound
	held    bool
	waiters line
}

// NewLock is asyncio.Lock().
func NewLock() *Lock { return &Lock{} }

func (m *Lock) String() string { return m.waiters.describe("Lock", locked(m.held)) }

// Locked is lock.locked().
func (m *Lock) Locked() bool { return m.held }

// Acquire is lock.acquire(): awaiting it gives True when the lock is held.
func (m *Lock) Acquire() *Coroutine {
	return builtin("Lock.acquire", func(c *Co) (any, error) { return result(true, m.acquire(c)) })
}

func result(v any, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

func (m *Lock) acquire(c *Co) error {
	if !m.held && m.waiters.allCancelled() {
		m.held = true
		return nil
	}
	f, err := m.future(c, m)
	if err != nil {
		return err
	}
	m.waiters = append(m.waiters, f)
	_, err = c.Await(f)
	m.waiters.remove(f)
	if err != nil {
		if !m.held {
			m.wakeFirst()
		}
		return err
	}
	m.held = true
	return nil
}

// Release is lock.release(): it wakes the first waiter, which has the lock when
// it runs. A RuntimeError if the lock is not held.
func (m *Lock) Release() error {
	if !m.held {
		return rt.Raise("RuntimeError", "Lock is not acquired.")
	}
	m.held = false
	m.wakeFirst()
	return nil
}

func (m *Lock) wakeFirst() {
	if len(m.waiters) > 0 && m.waiters[0].state == pending {
		_ = m.waiters[0].setResult(true)
	}
}

// With is "async with lock: body()".
func (m *Lock) With(c *Co, body func() error) error { return with(c, m, body) }

// Event is asyncio.Event. Its zero value is ready, not set.
type Event struct {
	bound
	set     bool
	waiters line
}

// NewEvent is asyncio.Event().
func NewEvent() *Event { return &Event{} }

func (e *Event) String() string {
	state := "unset"
	if e.set {
		state = "set"
	}
	return e.waiters.describe("Event", state)
}

// IsSet is event.is_set().
func (e *Event) IsSet() bool { return e.set }

// Set is event.set(): everybody who waits is woken.
func (e *Event) Set() {
	if e.set {
		return
	}
	e.set = true
	for _, f := range e.waiters {
		if f.state == pending {
			_ = f.setResult(true)
		}
	}
}

// Clear is event.clear().
func (e *Event) Clear() { e.set = false }

// Wait is event.wait(): awaiting it gives True when the event is set.
func (e *Event) Wait() *Coroutine {
	return builtin("Event.wait", func(c *Co) (any, error) {
		if e.set {
			return true, nil
		}
		f, err := e.future(c, e)
		if err != nil {
			return nil, err
		}
		e.waiters = append(e.waiters, f)
		_, err = c.Await(f)
		e.waiters.remove(f)
		return result(true, err)
	})
}

// Condition is asyncio.Condition (3.13: a wake-up that its task cannot use,
// because it was cancelled, goes to the next).
type Condition struct {
	bound
	lock    *Lock
	waiters line
}

// NewCondition is asyncio.Condition(lock), with a new Lock if lock is nil.
func NewCondition(lock *Lock) *Condition {
	if lock == nil {
		lock = NewLock()
	}
	return &Condition{lock: lock}
}

func (d *Condition) String() string { return d.waiters.describe("Condition", locked(d.lock.held)) }

// Locked, Acquire, Release and With are those of the Lock.
func (d *Condition) Locked() bool                        { return d.lock.held }
func (d *Condition) Acquire() *Coroutine                 { return d.lock.Acquire() }
func (d *Condition) acquire(c *Co) error                 { return d.lock.acquire(c) }
func (d *Condition) Release() error                      { return d.lock.Release() }
func (d *Condition) With(c *Co, body func() error) error { return with(c, d, body) }

// Wait is condition.wait(): it gives the Lock back, waits to be notified, and
// takes the Lock again before it returns, also when it was cancelled.
func (d *Condition) Wait() *Coroutine {
	return builtin("Condition.wait", func(c *Co) (any, error) { return result(true, d.wait(c)) })
}

func (d *Condition) wait(c *Co) error {
	if !d.lock.held {
		return rt.Raise("RuntimeError", "cannot wait on un-acquired lock")
	}
	f, err := d.future(c, d)
	if err != nil {
		return err
	}
	_ = d.lock.Release()
	d.waiters = append(d.waiters, f)
	_, err = c.Await(f)
	d.waiters.remove(f)
	for {
		e := d.lock.acquire(c)
		if e == nil {
			break
		}
		err = e
		if !rt.Is(e, "CancelledError") {
			break
		}
	}
	if err != nil {
		d.notify(1)
	}
	return err
}

// WaitFor is condition.wait_for(predicate).
func (d *Condition) WaitFor(predicate func() bool) *Coroutine {
	return builtin("Condition.wait_for", func(c *Co) (any, error) { return result(true, d.waitFor(c, predicate)) })
}

func (d *Condition) waitFor(c *Co, predicate func() bool) error {
	for !predicate() {
		if _, err := c.Await(d.Wait()); err != nil {
			return err
		}
	}
	return nil
}

// Notify is condition.notify(n): it wakes the first n waiters.
func (d *Condition) Notify(n int) error {
	if !d.lock.held {
		return rt.Raise("RuntimeError", "cannot notify on un-acquired lock")
	}
	d.notify(n)
	return nil
}

func (d *Condition) notify(n int) {
	for _, f := range d.waiters {
		if n <= 0 {
			return
		}
		if f.state == pending {
			n--
			_ = f.setResult(false)
		}
	}
}

// NotifyAll is condition.notify_all().
func (d *Condition) NotifyAll() error { return d.Notify(len(d.waiters)) }

// Semaphore is asyncio.Semaphore, fair since 3.11 (gh-90155).
type Semaphore struct {
	bound
	value   int
	limit   int // of a BoundedSemaphore
	bounded bool
	waiters line
}

// NewSemaphore is asyncio.Semaphore(value).
func NewSemaphore(value int) (*Semaphore, error) {
	if value < 0 {
		return nil, rt.Raise("ValueError", "Semaphore initial value must be >= 0")
	}
	return &Semaphore{value: value}, nil
}

// NewBoundedSemaphore is asyncio.BoundedSemaphore(value): more releases than
// acquires are a ValueError.
func NewBoundedSemaphore(value int) (*Semaphore, error) {
	s, err := NewSemaphore(value)
	if err == nil {
		s.limit, s.bounded = value, true
	}
	return s, err
}

func (s *Semaphore) String() string {
	kind, state := "Semaphore", "locked"
	if s.bounded {
		kind = "BoundedSemaphore"
	}
	if !s.Locked() {
		state = fmt.Sprintf("unlocked, value:%d", s.value)
	}
	return s.waiters.describe(kind, state)
}

// Locked is semaphore.locked(): acquire would wait.
func (s *Semaphore) Locked() bool { return s.value == 0 || !s.waiters.allCancelled() }

// Acquire is semaphore.acquire().
func (s *Semaphore) Acquire() *Coroutine {
	return builtin("Semaphore.acquire", func(c *Co) (any, error) { return result(true, s.acquire(c)) })
}

func (s *Semaphore) acquire(c *Co) error {
	if !s.Locked() {
		s.value--
		return nil
	}
	f, err := s.future(c, s)
	if err != nil {
		return err
	}
	s.waiters = append(s.waiters, f)
	_, err = c.Await(f)
	s.waiters.remove(f)
	if err != nil && f.state == finished { // it was woken and cancelled
		s.value++
	}
	for s.value > 0 && s.wakeNext() {
	}
	return err
}

func (s *Semaphore) wakeNext() bool {
	f := s.waiters.wakeable()
	if f == nil {
		return false
	}
	s.value--
	_ = f.setResult(true)
	return true
}

// Release is semaphore.release().
func (s *Semaphore) Release() error {
	if s.bounded && s.value >= s.limit {
		return rt.Raise("ValueError", "BoundedSemaphore released too many times")
	}
	s.value++
	s.wakeNext()
	return nil
}

// With is "async with semaphore: body()".
func (s *Semaphore) With(c *Co, body func() error) error { return with(c, s, body) }

// Barrier is asyncio.Barrier (3.11).
type Barrier struct {
	cond    *Condition
	parties int
	count   int
	state   barrierState
}

type barrierState string

const (
	filling   barrierState = "filling"
	draining  barrierState = "draining"
	resetting barrierState = "resetting"
	broken    barrierState = "broken"
)

// NewBarrier is asyncio.Barrier(parties).
func NewBarrier(parties int) (*Barrier, error) {
	if parties < 1 {
		return nil, rt.Raise("ValueError", "parties must be >= 1")
	}
	return &Barrier{cond: NewCondition(nil), parties: parties, state: filling}, nil
}

func (b *Barrier) String() string {
	info := string(b.state)
	if b.state != broken {
		info += fmt.Sprintf(", waiters:%d/%d", b.NWaiting(), b.parties)
	}
	return "<asyncio.Barrier [" + info + "]>"
}

// Parties, NWaiting and Broken are the properties of those names.
func (b *Barrier) Parties() int { return b.parties }

func (b *Barrier) NWaiting() int {
	if b.state == filling {
		return b.count
	}
	return 0
}

func (b *Barrier) Broken() bool { return b.state == broken }

// Wait is barrier.wait(): it gives the number of the arrival, from 0, when all
// parties have come; a BrokenBarrierError if the barrier is reset or aborted.
func (b *Barrier) Wait() *Coroutine {
	return builtin("Barrier.wait", func(c *Co) (any, error) {
		place := 0
		err := b.cond.With(c, func() error {
			err := b.block(c)
			if err == nil {
				place, err = b.arrive(c)
			}
			return err
		})
		return result(place, err)
	})
}

// block waits until the last round has left.
func (b *Barrier) block(c *Co) error {
	err := b.cond.waitFor(c, func() bool { return b.state != draining && b.state != resetting })
	if err == nil && b.state == broken {
		err = rt.Raise("BrokenBarrierError", "Barrier aborted")
	}
	return err
}

func (b *Barrier) arrive(c *Co) (place int, err error) {
	place = b.count
	b.count++
	defer b.leave()
	if place+1 == b.parties {
		b.become(draining)
		return place, nil
	}
	err = b.cond.waitFor(c, func() bool { return b.state != filling })
	if err == nil && (b.state == broken || b.state == resetting) {
		err = rt.Raise("BrokenBarrierError", "Abort or reset of barrier")
	}
	return place, err
}

func (b *Barrier) become(s barrierState) {
	b.state = s
	b.cond.notify(len(b.cond.waiters))
}

func (b *Barrier) leave() {
	if b.count--; b.count > 0 {
		return
	}
	if b.state == resetting || b.state == draining {
		b.state = filling
	}
	b.cond.notify(len(b.cond.waiters))
}

// Reset is barrier.reset(): those who wait get a BrokenBarrierError, and the
// barrier is as new.
func (b *Barrier) Reset() *Coroutine {
	return builtin("Barrier.reset", func(c *Co) (any, error) {
		return nil, b.cond.With(c, func() error {
			next := filling
			if b.count > 0 {
				next = resetting
			}
			b.become(next)
			return nil
		})
	})
}

// Abort is barrier.abort(): the barrier is broken for good.
func (b *Barrier) Abort() *Coroutine {
	return builtin("Barrier.abort", func(c *Co) (any, error) {
		return nil, b.cond.With(c, func() error {
			b.become(broken)
			return nil
		})
	})
}
