package runtime

import (
	"time"

	"braid/runtime/sched"
	"braid/runtime/trace"
)

// gil is the lock of Python/ceval_gil.c: a flag, a mutex and a condition with
// a timed wait. Here the Gate is both; waiters are served in order of arrival,
// in a virtual World by its seed, where a pthread condition promises no order.
//
// In an explored World there is no lock to wait for: exactly one Proc runs, and
// the GIL shows in that accesses between two check points are no choices.
type gil struct {
	in     *Interpreter
	gate   sched.Gate
	object *sched.Object

	// guarded by gate
	locked   bool
	holder   *Thread
	last     *Thread // last_holder
	switches int     // switch_number
	// forced is the thread that dropped the lock on request and may not take
	// it again before another one did (FORCE_SWITCHING).
	forced *Thread
}

func newGIL(in *Interpreter) *gil {
	return &gil{in: in, object: in.world.Object("lock", "GIL")}
}

// Bits of a thread's eval breaker.
const (
	dropRequest  = 1 << 0 // _PY_GIL_DROP_REQUEST_BIT
	mergeRequest = 1 << 1 // _PY_EVAL_EXPLICIT_MERGE_BIT
)

// take is take_gil: wait for the lock; each time an interval passes in which it
// did not change hands, ask the holder to drop it.
func (g *gil) take(t *Thread) {
	began := t.Now()
	for {
		before := -1 // saved_switchnum, of the moment when the wait begins
		free := func() bool {
			if !g.locked && g.forced != t {
				return true
			}
			if before < 0 {
				before = g.switches
				if g.forced == t {
					before++ // drop_gil returns from a requested drop after the switch only
				}
			}
			return false
		}
		got := t.proc.AwaitFor(sched.Op{Kind: sched.Acquire, Object: g.object}, &g.gate, g.in.SwitchInterval(),
			free, func() { g.grant(t) })
		if got {
			break
		}
		g.askHolder(t, before)
	}
	t.span(trace.WaitGIL, began, "")
	t.runSince = t.Now()
}

func (g *gil) grant(t *Thread) {
	g.locked, g.holder = true, t
	t.breaker.And(^uint32(dropRequest))
	t.holding = true
	g.forced = nil
	if g.last == t {
		return
	}
	g.last = t
	g.switches++
	g.in.trace.Add(trace.Event{Kind: trace.Switch, Track: t.track(), At: t.Now(), Value: float64(g.switches)})
}

func (g *gil) askHolder(t *Thread, before int) {
	t.proc.Do(sched.Op{Kind: sched.Step, Object: g.object, Label: "request to drop the GIL"}, &g.gate, func() {
		if !g.locked || g.switches != before || g.holder == nil {
			return
		}
		g.holder.breaker.Or(dropRequest)
		g.in.trace.Add(trace.Event{Kind: trace.DropRequest, Track: t.track(), At: t.Now(), Name: g.holder.Name})
	})
}

// drop is drop_gil. A thread that drops on request is kept from taking the lock
// back before somebody else had it.
func (g *gil) drop(t *Thread) {
	t.span(trace.Run, t.runSince, "")
	t.proc.Do(sched.Op{Kind: sched.Release, Object: g.object}, &g.gate, func() {
		requested := t.breaker.Load()&dropRequest != 0
		g.last, g.locked, g.holder = t, false, nil
		t.holding = false
		if requested {
			g.forced = t
			g.in.trace.Add(trace.Event{Kind: trace.Drop, Track: t.track(), At: t.Now()})
		}
	})
}

// abandon is drop for a thread that was told to end, wherever that was.
func (g *gil) abandon(t *Thread) {
	t.proc.Do(sched.Op{Kind: sched.Release, Object: g.object}, &g.gate, func() {
		if g.holder == t {
			g.last, g.locked, g.holder = t, false, nil
		}
		if g.forced == t {
			g.forced = nil
		}
	})
	t.holding = false
}

// count is how often the lock has changed hands.
func (g *gil) count() (n int) {
	g.gate.With(func() { n = g.switches })
	return n
}

// processor is that of a virtual machine: at most so many threads compute at
// the same time as it has cores, in turns of a quantum, first come first served.
type processor struct {
	gate sched.Gate
	// guarded by gate
	free         int
	tail, served int // tickets given, tickets served
}

// quantum is the turn of the modelled operating system, about that of Linux'
// scheduler under load (sched_min_granularity is 3 ms on two cores).
const quantum = 3 * time.Millisecond

// compute lets t use a core for d.
func (c *processor) compute(t *Thread, d time.Duration) {
	for ; d > 0; d -= quantum {
		ticket := c.tail
		c.tail++
		t.proc.Await(sched.Op{Kind: sched.Step, Label: "get a core"}, &c.gate,
			func() bool { return c.free > 0 && c.served == ticket }, func() { c.free--; c.served++ })
		t.proc.Sleep(min(d, quantum))
		t.proc.Do(sched.Op{Kind: sched.Step, Label: "leave the core"}, &c.gate, func() { c.free++ })
	}
}
