package asyncio

import (
	"time"

	rt "braid/runtime"
)

// gathering is _GatheringFuture: the Future that Gather returns.
type gathering struct {
	Future
	children              []*Future
	finished              int
	distinct              int
	exceptions, requested bool // return_exceptions, _cancel_requested
}

func (g *gathering) describe() string {
	return "<_GatheringFuture " + g.info()[0] + ">"
}

func (g *gathering) cancel(m *string) bool {
	if g.state != pending {
		return false
	}
	any := false
	for _, child := range g.children {
		any = child.cancel(m) || any
	}
	if any {
		g.requested = true
	}
	return any
}

// Gather is asyncio.gather(*aws): it makes a task of each coroutine, in order,
// and returns a Future of the list of results, in order of the arguments. The
// first exception is the Future's at once, and the others keep running. The
// same awaitable given twice runs once. Without a running loop the Future has
// failed with a RuntimeError.
//
// Cost per argument that is a Sleep: about 0.8 KB and 1 µs.
func Gather(aws ...any) *Future { return gatherHere(false, aws) }

// GatherAll is asyncio.gather(*aws, return_exceptions=True): exceptions are
// results like others.
func GatherAll(aws ...any) *Future { return gatherHere(true, aws) }

func gatherHere(exceptions bool, aws []any) *Future {
	l, err := GetRunningLoop()
	if err != nil {
		return failed(err)
	}
	f, err := l.gather(exceptions, aws)
	if err != nil {
		return failed(err)
	}
	return f
}

// failed is the Future of a call that was refused.
func failed(err error) *Future { return &Future{state: finished, exc: err} }

// Gather and GatherAll on the loop of c.
func (c *Co) Gather(aws ...any) (any, error) { return c.Await(Gather(aws...)) }

// GatherAll awaits GatherAll(aws...).
func (c *Co) GatherAll(aws ...any) (any, error) { return c.Await(GatherAll(aws...)) }

func (l *Loop) gather(exceptions bool, aws []any) (*Future, error) {
	if len(aws) == 0 {
		f := l.NewFuture()
		_ = f.setResult([]any{})
		return f, nil
	}
	g := &gathering{exceptions: exceptions, children: make([]*Future, len(aws))}
	g.loop, g.ext = l, g
	done := g.done
	var seen map[*Future]bool
	for i, x := range aws {
		co, isCoroutine := x.(*Coroutine)
		if isCoroutine && co != nil && co.mark > 0 && int(co.mark) <= i && aws[co.mark-1] == x {
			g.children[i] = g.children[co.mark-1]
			continue
		}
		f, err := l.EnsureFuture(x)
		if err != nil {
			g.state = finished // the children that have begun report to nobody
			unmark(aws)
			return nil, err
		}
		g.children[i] = f
		if isCoroutine {
			co.mark = int32(i + 1)
			f.ext.(*Task).quiet = true
		} else {
			if seen[f] {
				continue
			}
			if seen == nil {
				seen = map[*Future]bool{}
			}
			seen[f] = true
		}
		g.distinct++
		f.add(callback{fn: done, outer: &g.Future})
	}
	unmark(aws)
	return &g.Future, nil
}

// unmark forgets the places that gather gave to coroutines.
func unmark(aws []any) {
	for _, x := range aws {
		if co, is := x.(*Coroutine); is && co != nil {
			co.mark = 0
		}
	}
}

// done is _done_callback of one child.
func (g *gathering) done(f *Future) {
	g.finished++
	if g.state != pending {
		f.unretrieved = false
		return
	}
	if !g.exceptions {
		switch {
		case f.state == cancelled:
			_ = g.setException(f.cancelledError())
			return
		case f.exc != nil:
			f.unretrieved = false
			_ = g.setException(f.exc)
			return
		}
	}
	if g.finished < g.distinct {
		return
	}
	if g.requested {
		_ = g.setException(f.cancelledError())
		return
	}
	results := make([]any, len(g.children))
	for i, child := range g.children {
		child.unretrieved = false
		switch {
		case child.state == cancelled:
			results[i] = cancelledResult(child)
		case child.exc != nil:
			results[i] = child.exc
		default:
			results[i] = child.result
		}
	}
	g.children = nil
	_ = g.setResult(results)
}

// cancelledResult is the CancelledError that gather makes by itself, whose
// argument is an empty text if there was no message.
func cancelledResult(f *Future) error {
	e := rt.Raise("CancelledError", "")
	if f.message != nil {
		e.Msg = *f.message
	}
	e.Value = e.Msg
	return e
}

// Shield is asyncio.shield(x): cancelling whoever awaits the result does not
// cancel x. An exception of x that comes after that goes to the exception
// handler (3.14; earlier versions drop it).
func Shield(x any) *Future {
	l, err := GetRunningLoop()
	if err != nil {
		return failed(err)
	}
	inner, err := l.EnsureFuture(x)
	if err != nil {
		return failed(err)
	}
	if inner.Done() {
		return inner
	}
	outer := l.NewFuture()
	id := inner.AddDoneCallback(func(inner *Future) { shielded(inner, outer) })
	outer.AddDoneCallback(func(*Future) {
		if !inner.Done() {
			inner.RemoveDoneCallback(id)
		}
	})
	return outer
}

func shielded(inner, outer *Future) {
	switch {
	case outer.state == cancelled:
		inner.unretrieved = false
	case inner.state == cancelled:
		outer.cancelNow(nil)
	case inner.exc != nil:
		inner.unretrieved = false
		_ = outer.setException(inner.exc)
	default:
		_ = outer.setResult(inner.result)
	}
}

// When says which completion ends a Wait.
type When string

// Values of return_when.
const (
	AllCompleted   When = "ALL_COMPLETED"
	FirstCompleted When = "FIRST_COMPLETED"
	FirstException When = "FIRST_EXCEPTION"
)

// Forever is the time-out that never comes, Python's None.
const Forever = time.Duration(-1)

// futureOf returns the Future behind a Future or Task.
func futureOf(x any) *Future {
	switch x := x.(type) {
	case *Future:
		return x
	case *Task:
		return &x.Future
	}
	return nil
}

// Wait is "done, pending = await asyncio.wait(fs, …)": fs are Futures or Tasks
// (coroutines are refused since 3.11). Neither time-out nor exceptions raise.
// Both lists are in order of fs, where CPython gives sets.
func (c *Co) Wait(fs []any, timeout time.Duration, when When) (done, pending []any, err error) {
	if len(fs) == 0 {
		return nil, nil, rt.Raise("ValueError", "Set of Tasks/Futures is empty.")
	}
	if when != AllCompleted && when != FirstCompleted && when != FirstException {
		return nil, nil, rt.Raise("ValueError", "Invalid return_when value: %s", string(when))
	}
	seen := map[*Future]bool{}
	var all []any
	for _, x := range fs {
		if _, is := x.(*Coroutine); is {
			return nil, nil, rt.Raise("TypeError", "Passing coroutines is forbidden, use tasks explicitly.")
		}
		f := futureOf(x)
		if f == nil {
			return nil, nil, rt.Raise("TypeError", "An asyncio.Future, a coroutine or an awaitable is required")
		}
		if !seen[f] {
			seen[f] = true
			all = append(all, x)
		}
	}
	if c.fiber.loop == nil {
		return nil, nil, noRunningLoop()
	}
	if err := c.wait(all, timeout, when); err != nil {
		return nil, nil, err
	}
	for _, x := range all {
		if futureOf(x).Done() {
			done = append(done, x)
		} else {
			pending = append(pending, x)
		}
	}
	return done, pending, nil
}

// wait is tasks._wait.
func (c *Co) wait(fs []any, timeout time.Duration, when When) error {
	l := c.fiber.loop
	waiter := l.NewFuture()
	release := func() {
		if waiter.state == pending {
			_ = waiter.setResult(nil)
		}
	}
	if timeout >= 0 {
		h, err := l.CallLater(timeout, release)
		if err != nil {
			return err
		}
		defer h.Cancel()
	}
	left := len(fs)
	ids := make([]*int, len(fs))
	for i, x := range fs {
		ids[i] = futureOf(x).AddDoneCallback(func(f *Future) {
			left--
			if left <= 0 || when == FirstCompleted || when == FirstException && f.state == finished && f.exc != nil {
				release()
			}
			if f.exc != nil && when == FirstException {
				f.unretrieved = false
			}
		})
	}
	defer func() {
		for i, x := range fs {
			futureOf(x).RemoveDoneCallback(ids[i])
		}
	}()
	_, err := c.Await(waiter)
	return err
}

// cancelAndWait is tasks._cancel_and_wait.
func (c *Co) cancelAndWait(f *Future) error {
	waiter := f.loop.NewFuture()
	id := f.AddDoneCallback(func(*Future) {
		if waiter.state == pending {
			_ = waiter.setResult(nil)
		}
	})
	defer f.RemoveDoneCallback(id)
	f.Cancel()
	_, err := c.Await(waiter)
	return err
}

// WaitFor is asyncio.wait_for(x, timeout): TimeoutError when the time is over
// and x, which is cancelled then, has ended. It is a coroutine as in 3.12 and
// later: x runs inside the awaiting task, under Timeout.
func WaitFor(x any, timeout time.Duration) *Coroutine {
	return builtin("wait_for", func(c *Co) (any, error) { return c.WaitFor(x, timeout) })
}

// WaitFor awaits WaitFor(x, timeout).
func (c *Co) WaitFor(x any, timeout time.Duration) (v any, err error) {
	l := c.fiber.loop
	if l == nil {
		return nil, noRunningLoop()
	}
	if timeout == 0 || timeout < 0 && timeout != Forever {
		return c.waitZero(x)
	}
	err = c.Timeout(timeout, func() error {
		var e error
		v, e = c.Await(x)
		return e
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

func (c *Co) waitZero(x any) (any, error) {
	f, err := c.fiber.loop.EnsureFuture(x)
	if err != nil {
		return nil, err
	}
	if f.Done() {
		return f.Result()
	}
	if err := c.cancelAndWait(f); err != nil {
		return nil, err
	}
	v, err := f.Result()
	if rt.Is(err, "CancelledError") {
		return nil, rt.Raise("TimeoutError", "").From(err)
	}
	return v, err
}

// AsCompleted is asyncio.as_completed(fs): the awaitables that it returns give
// the results in order of completion. Coroutines start in order of fs, where
// CPython takes the order of a set. A time-out (Forever: none) makes the
// awaitables of what is not done then raise TimeoutError.
func AsCompleted(fs []any, timeout time.Duration) ([]any, error) {
	l, err := GetRunningLoop()
	if err != nil {
		return nil, err
	}
	done := NewQueue(0)
	todo := map[*Future]*int{}
	var order []*Future
	for _, x := range fs {
		f, err := l.EnsureFuture(x)
		if err != nil {
			return nil, err
		}
		if _, twice := todo[f]; !twice {
			todo[f] = nil
			order = append(order, f)
		}
	}
	var timer *TimerHandle
	for _, f := range order {
		todo[f] = f.AddDoneCallback(func(f *Future) {
			if _, waiting := todo[f]; !waiting {
				return
			}
			delete(todo, f)
			_ = done.PutNowait(f)
			if len(todo) == 0 && timer != nil {
				timer.Cancel()
			}
		})
	}
	if timeout >= 0 && len(order) > 0 {
		timer, err = l.CallLater(timeout, func() {
			for _, f := range order {
				if id, waiting := todo[f]; waiting {
					f.RemoveDoneCallback(id)
					_ = done.PutNowait(nil)
				}
			}
			clear(todo)
		})
		if err != nil {
			return nil, err
		}
	}
	all := make([]any, len(order))
	for i := range all {
		all[i] = builtin("as_completed.<locals>._wait_for_one", func(c *Co) (any, error) {
			f, err := c.Await(done.Get())
			if err != nil {
				return nil, err
			}
			if f == nil {
				return nil, rt.Raise("TimeoutError", "")
			}
			return f.(*Future).Result()
		})
	}
	return all, nil
}

// Timeout is asyncio.Timeout (Lib/asyncio/timeouts.py).
type Timeout struct {
	loop    *Loop
	task    *Task
	when    time.Duration
	limited bool
	state   timeoutState
	before  int // task.cancelling() at entry
	handle  *TimerHandle
	soon    *Handle
}

type timeoutState string

const (
	timeoutActive   timeoutState = "active"
	timeoutExpiring timeoutState = "expiring"
	timeoutExpired  timeoutState = "expired"
	timeoutFinished timeoutState = "finished"
)

func (t *Timeout) String() string {
	info := "[" + string(t.state) + "]"
	if t.limited && t.state == timeoutActive {
		info += " when=" + t.when.String()
	}
	return "<Timeout " + info + ">"
}

// When is the deadline on the clock of Loop.Time, and whether there is one.
func (t *Timeout) When() (when time.Duration, limited bool) { return t.when, t.limited }

// Expired tells whether the deadline came.
func (t *Timeout) Expired() bool { return t.state == timeoutExpiring || t.state == timeoutExpired }

// Reschedule moves the deadline; RuntimeError when the block has ended.
func (t *Timeout) Reschedule(when time.Duration) error {
	if t.state != timeoutActive {
		return rt.Raise("RuntimeError", "Cannot change state of %s Timeout", string(t.state))
	}
	t.cancelTimer()
	t.when, t.limited = when, true
	if when <= t.loop.Time() {
		t.soon, _ = t.loop.CallSoon(t.expire)
	} else {
		t.handle, _ = t.loop.CallAt(when, t.expire)
	}
	return nil
}

func (t *Timeout) cancelTimer() {
	if t.handle != nil {
		t.handle.Cancel()
	}
	if t.soon != nil {
		t.soon.Cancel()
	}
	t.handle, t.soon = nil, nil
}

func (t *Timeout) expire() {
	t.task.Cancel()
	t.state = timeoutExpiring
	t.handle, t.soon = nil, nil
}

// Timeout is "async with asyncio.timeout(d): body()": if body takes longer the
// task is cancelled, and the CancelledError that body lets through becomes a
// TimeoutError. Forever is no limit.
func (c *Co) Timeout(d time.Duration, body func() error) error {
	when := Forever
	if d >= 0 {
		when = c.Now() + d
	}
	return c.TimeoutAt(when, func(*Timeout) error { return body() })
}

// TimeoutAt is asyncio.timeout_at(when), for bodies that look at the Timeout or
// move it.
func (c *Co) TimeoutAt(when time.Duration, body func(t *Timeout) error) error {
	c.fiber.goesOn()
	task := c.Task()
	if task == nil {
		return rt.Raise("RuntimeError", "Timeout should be used inside a task")
	}
	t := &Timeout{loop: task.loop, task: task, state: timeoutActive, before: task.Cancelling()}
	if when >= 0 {
		if err := t.Reschedule(when); err != nil {
			return err
		}
	}
	err := guard(func() error { return body(t) })
	return t.exit(err)
}

func (t *Timeout) exit(err error) error {
	t.cancelTimer()
	if t.state != timeoutExpiring {
		t.state = timeoutFinished
		return err
	}
	t.state = timeoutExpired
	if t.task.Uncancel() <= t.before && rt.Is(err, "CancelledError") {
		return rt.Raise("TimeoutError", "").From(err)
	}
	return err
}
