package exercise_test

// What students write is in a file of its own: verdicts tell its lines, not the
// grader's.

import (
	"time"

	rt "braid/runtime"
	"braid/runtime/asyncio"
	"braid/runtime/threading"
)

func right(t *rt.Thread, x *rt.Var, l *threading.Lock) { l.With(t, func() { x.Add(t, 1) }) }
func wrong(t *rt.Thread, x *rt.Var, l *threading.Lock) { x.Add(t, 1) }

func slowly(t *rt.Thread, x *rt.Var, l *threading.Lock) {
	n := x.Int(t)
	x.Set(t, n+1) // line 19
}

func spins(t *rt.Thread, x *rt.Var, l *threading.Lock) {
	for x.Int(t) == 0 { // line 23
	}
}

func crosses(t *rt.Thread, first, second *threading.Lock) {
	first.With(t, func() {
		second.With(t, func() {}) // line 29
	})
}

func fails(t *rt.Thread, x *rt.Var, l *threading.Lock) {
	x.Set(t, 7) // line 34
	panic(rt.Raise("ValueError", "not today"))
}

func blocks(c *asyncio.Co) error {
	if _, err := c.Sleep(10 * time.Millisecond); err != nil {
		return err
	}
	return c.BlockingSleep(500 * time.Millisecond) // line 42
}

func getsStuck(t *rt.Thread, l *threading.Lock) {
	l.Acquire(t)
	l.Acquire(t) // line 47
}

func waits(c *asyncio.Co) error {
	_, err := c.Await(asyncio.NewEvent().Wait()) // line 51
	return err
}

func polls(c *asyncio.Co) error {
	for ready := false; !ready; {
		if _, err := c.Sleep(0); err != nil {
			return err
		}
	}
	return nil
}
