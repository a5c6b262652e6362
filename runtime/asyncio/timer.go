package asyncio

import (
	"fmt"
	"time"

	rt "braid/runtime"
)

// TimerHandle is what CallLater and CallAt return.
type TimerHandle struct {
	Handle
	when  time.Duration
	sleep *sleeper // instead of fn
	heap  bool     // in the heap of timers (_scheduled)
}

// When is handle.when(): on the clock of Loop.Time.
func (h *TimerHandle) When() time.Duration { return h.when }

// Cancel keeps the callback from running.
func (h *TimerHandle) Cancel() {
	if !h.cancelled && h.heap {
		h.loop.cancelled++
	}
	h.Handle.Cancel()
}

func (h *TimerHandle) String() string {
	if h.cancelled {
		return fmt.Sprintf("<TimerHandle cancelled when=%s>", h.when)
	}
	return fmt.Sprintf("<TimerHandle when=%s callback()>", h.when)
}

// CallLater is loop.call_later(delay, fn).
func (l *Loop) CallLater(delay time.Duration, fn func(), context ...*Context) (*TimerHandle, error) {
	return l.CallAt(l.Time()+delay, fn, context...)
}

// CallAt is loop.call_at(when, fn). Timers of equal time run in order of their
// creation, where CPython's heap leaves the order open.
func (l *Loop) CallAt(when time.Duration, fn func(), context ...*Context) (*TimerHandle, error) {
	if l.closed.Load() {
		return nil, eventLoopClosed()
	}
	if l.debug && l.isRunning.Load() && running() != l {
		return nil, rt.Raise("RuntimeError", "Non-thread-safe operation invoked on an event loop other than the current one")
	}
	h := &TimerHandle{Handle: *l.handle(fn, context), when: when}
	l.timers.push(h, l.nextTimer())
	return h, nil
}

func (l *Loop) nextTimer() uint64 {
	l.timerSeq++
	return l.timerSeq
}

// timerHeap is a binary heap by time, then by order of creation.
type timerHeap []timerNode

type timerNode struct {
	when time.Duration
	seq  uint64
	h    *TimerHandle
}

func (a timerNode) before(b timerNode) bool {
	return a.when < b.when || a.when == b.when && a.seq < b.seq
}

func (t *timerHeap) push(h *TimerHandle, seq uint64) {
	h.heap = true
	*t = append(*t, timerNode{h.when, seq, h})
	t.up(len(*t) - 1)
}

func (t timerHeap) up(i int) {
	n := t[i]
	for i > 0 {
		parent := (i - 1) / 2
		if !n.before(t[parent]) {
			break
		}
		t[i] = t[parent]
		i = parent
	}
	t[i] = n
}

func (t timerHeap) down(i int) {
	n := t[i]
	for {
		child := 2*i + 1
		if child >= len(t) {
			break
		}
		if child+1 < len(t) && t[child+1].before(t[child]) {
			child++
		}
		if !t[child].before(n) {
			break
		}
		t[i] = t[child]
		i = child
	}
	t[i] = n
}

func (t *timerHeap) pop() *TimerHandle {
	old := *t
	h, last := old[0].h, len(old)-1
	old[0], old[last] = old[last], timerNode{}
	*t = old[:last]
	if last > 0 {
		t.down(0)
	}
	h.heap = false
	return h
}

// pruneTimers removes cancelled timers: all if they are more than half of at
// least a hundred, else those at the head (_MIN_SCHEDULED_TIMER_HANDLES,
// _MIN_CANCELLED_TIMER_HANDLES_FRACTION).
func (l *Loop) pruneTimers() {
	if n := len(l.timers); n > 100 && 2*l.cancelled > n {
		kept := l.timers[:0]
		for _, node := range l.timers {
			if node.h.cancelled {
				node.h.heap = false
				continue
			}
			kept = append(kept, node)
		}
		clear(l.timers[len(kept):])
		l.timers, l.cancelled = kept, 0
		for i := len(kept)/2 - 1; i >= 0; i-- {
			l.timers.down(i)
		}
		return
	}
	for len(l.timers) > 0 && l.timers[0].h.cancelled {
		l.timers.pop()
		l.cancelled--
	}
}

// dueTimers moves the timers whose time has come to the ready queue. Under an
// exploration that asked for it, timers of equal time come in any order.
func (l *Loop) dueTimers() {
	if len(l.timers) == 0 {
		return
	}
	now := l.Time()
	for len(l.timers) > 0 && l.timers[0].when <= now {
		if l.ties && l.world != nil {
			l.tied()
			continue
		}
		l.fire(l.timers.pop())
	}
}

func (l *Loop) fire(h *TimerHandle) {
	switch {
	case h.cancelled:
		l.cancelled--
	case h.sleep != nil:
		l.soon(entry{fn: h.sleep.expired})
	default:
		l.soon(entry{h: &h.Handle})
	}
}

// tied moves all timers of the earliest time, in an order that is chosen.
func (l *Loop) tied() {
	var group []*TimerHandle
	for when := l.timers[0].when; len(l.timers) > 0 && l.timers[0].when == when; {
		h := l.timers.pop()
		if h.cancelled {
			l.cancelled--
			continue
		}
		group = append(group, h)
	}
	for len(group) > 0 {
		i := l.world.Choose(len(group), "which timer of equal time is first")
		l.fire(group[i])
		group = append(group[:i], group[i+1:]...)
	}
}

// sleeper is asyncio.sleep as a state machine: the coroutine, its Future and
// its timer in one object, and no stack.
type sleeper struct {
	delay  time.Duration
	result any
	future Future
	timer  TimerHandle
	began  bool
}

// Sleep is asyncio.sleep(d): a coroutine that completes after d. A d of zero or
// less gives way for one iteration (Lib/asyncio/tasks.py, __sleep0). A task of
// it costs about 0.8 KB and no goroutine.
func Sleep(d time.Duration) *Coroutine { return SleepResult(d, nil) }

// SleepResult is asyncio.sleep(d, result).
func SleepResult(d time.Duration, result any) *Coroutine {
	co := &Coroutine{name: "sleep", machine: &sleeper{delay: d, result: result}}
	co.co.self = co
	co.register()
	return co
}

// expired is _set_result_unless_cancelled, called by the timer.
func (s *sleeper) expired(*Future) {
	if s.future.state == pending {
		_ = s.future.setResult(s.result)
	}
}

func (s *sleeper) resume(l *Loop, _ any, exc error) (y any, done bool, result any, err error) {
	return s.step(l, nil, exc)
}

func (s *sleeper) step(l *Loop, _ any, exc error) (y any, done bool, result any, err error) {
	switch {
	case !s.began:
		return s.begin(l)
	case s.delay <= 0:
		return nil, true, s.result, exc
	}
	s.timer.Cancel()
	switch {
	case exc != nil:
		return nil, true, nil, exc
	case s.future.state == pending:
		return nil, true, nil, rt.Raise("RuntimeError", "await wasn't used with future")
	}
	result, err = s.future.Result()
	return nil, true, result, err
}

func (s *sleeper) begin(l *Loop) (y any, done bool, result any, err error) {
	s.began = true
	if s.delay <= 0 {
		return nil, false, nil, nil
	}
	if l == nil {
		return nil, true, nil, noRunningLoop()
	}
	s.future.loop, s.future.blocking = l, true
	s.timer.loop, s.timer.when, s.timer.sleep = l, l.Time()+s.delay, s
	l.timers.push(&s.timer, l.nextTimer())
	return &s.future, false, nil, nil
}
