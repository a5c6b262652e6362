package threading_test

import (
	"fmt"
	"testing"
	"time"

	rt "braid/runtime"
	"braid/runtime/explore"
	"braid/runtime/sched"
	"braid/runtime/threading"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Claim, CPython's place, and what must come out of every schedule.
func TestEverySchedule(t *testing.T) {
	for _, c := range []struct {
		claim, source string
		program       func(w *explore.World)
		outcomes      string
		racy          bool
	}{
		{"a lock makes += right", "Modules/_threadmodule.c lock_PyThread_acquire_lock", func(w *explore.World) {
			x, l := w.Var("x", 0), threading.NewLock(w.Interpreter, "L")
			w.Threads(2, func(t *rt.Thread) { l.With(t, func() { x.Add(t, 1) }) })
			w.Final(func() any { return x.Value() })
		}, "map[2:2]", false},
		{"an RLock may be taken again by its owner", "Modules/_threadmodule.c rlock_acquire", func(w *explore.World) {
			x, l := w.Var("x", 0), threading.NewRLock(w.Interpreter, "L")
			w.Threads(2, func(t *rt.Thread) {
				l.With(t, func() { l.With(t, func() { x.Add(t, 1) }) })
			})
			w.Final(func() any { return x.Value() })
		}, "map[2:2]", false},
		{"a Lock taken twice by one thread is a deadlock", "Modules/_threadmodule.c lock_PyThread_acquire_lock", func(w *explore.World) {
			l := threading.NewLock(w.Interpreter, "L")
			w.Threads(1, func(t *rt.Thread) { l.Acquire(t); l.Acquire(t) })
		}, "map[deadlock:1]", false},
		{"notify before wait is lost", "Lib/threading.py Condition.notify", func(w *explore.World) {
			c := must(threading.NewCondition(w.Interpreter, "C", nil))
			w.Go("waiter", func(t *rt.Thread) {
				c.With(t, func() { _ = c.Wait(t) })
			})
			w.Go("notifier", func(t *rt.Thread) {
				c.With(t, func() { _ = c.Notify(t, 1) })
			})
		}, "map[deadlock:1 done:2]", false},
		{"wait_for asks before it waits", "Lib/threading.py Condition.wait_for", func(w *explore.World) {
			c, ready := must(threading.NewCondition(w.Interpreter, "C", nil)), w.Var("ready", false)
			w.Go("waiter", func(t *rt.Thread) {
				c.With(t, func() { _, _ = c.WaitFor(t, func() bool { return ready.Get(t) == true }, threading.Forever) })
			})
			w.Go("notifier", func(t *rt.Thread) {
				c.With(t, func() { ready.Set(t, true); _ = c.NotifyAll(t) })
			})
			w.Final(func() any { return ready.Value() })
		}, "map[true:3]", false},
		{"a semaphore admits as many as it has permits", "Lib/threading.py Semaphore.acquire", func(w *explore.World) {
			// plain variables: one thread runs at a time, and between them there is a choice
			s, in, most := must(threading.NewSemaphore(w.Interpreter, "S", 2)), 0, 0
			w.Threads(3, func(t *rt.Thread) {
				s.With(t, func() {
					in++
					most = max(most, in)
					t.Proc().Point(sched.Op{Label: "inside"})
					in--
				})
			})
			w.Check(func() error {
				if most > 2 {
					return fmt.Errorf("%d inside", most)
				}
				return nil
			})
			w.Final(func() any { return in })
		}, "map[0:*]", false},
		{"join orders what the thread did before", "Lib/threading.py Thread.join", func(w *explore.World) {
			x := w.Var("x", 0)
			w.Go("main", func(t *rt.Thread) {
				th := threading.NewThread(w.Interpreter, "worker", func(t *rt.Thread) { x.Add(t, 1) })
				_ = th.Start(t)
				_ = th.Join(t, threading.Forever)
				x.Add(t, 1)
			})
			w.Final(func() any { return x.Value() })
		}, "map[2:*]", false},
		{"all parties leave a barrier together", "Lib/threading.py Barrier.wait", func(w *explore.World) {
			b, before := must(threading.NewBarrier(w.Interpreter, "B", 2, nil, threading.Forever)), 0
			early := false
			w.Threads(2, func(t *rt.Thread) {
				before++
				if _, err := b.Wait(t); err != nil {
					panic(err)
				}
				early = early || before != 2
			})
			w.Final(func() any { return early })
		}, "map[false:*]", false},
	} {
		r := explore.Run(c.program)
		got := fmt.Sprint(r.Counts())
		if len(r.Outcomes) == 1 && c.outcomes[len(c.outcomes)-2] == '*' {
			got = fmt.Sprintf("map[%s:*]", r.Outcomes[0].Text)
		}
		if !r.Complete || got != c.outcomes || r.Racy() != c.racy {
			t.Errorf("%s (%s):\n%s\nwant %s, racy %v", c.claim, c.source, r, c.outcomes, c.racy)
		}
	}
}

func TestLostWakeUpIsNamed(t *testing.T) {
	r := explore.Run(func(w *explore.World) {
		c := must(threading.NewCondition(w.Interpreter, "C", nil))
		w.Go("waiter", func(t *rt.Thread) { c.With(t, func() { _ = c.Wait(t) }) })
		w.Go("notifier", func(t *rt.Thread) { c.With(t, func() { _ = c.Notify(t, 1) }) })
	})
	if !r.LostWakeup {
		t.Errorf("%s", r)
	}
}

// CPython 3.13's texts.
func TestMisuse(t *testing.T) {
	in := rt.Virtual(rt.GIL310, 1, 1)
	err := in.Run(func(t2 *rt.Thread) error {
		l, r, e := threading.NewLock(in, ""), threading.NewRLock(in, ""), threading.NewEvent(in, "")
		c := must(threading.NewCondition(in, "", nil))
		b := must(threading.NewBoundedSemaphore(in, "", 1))
		th := threading.NewThread(in, "", func(*rt.Thread) {})
		var joinSelf error
		self := threading.NewThread(in, "", nil)
		*self = *threading.NewThread(in, "", func(t *rt.Thread) { joinSelf = self.Join(t, threading.Forever) })
		_, badParties := threading.NewBarrier(in, "", 0, nil, threading.Forever)
		_, badSemaphore := threading.NewSemaphore(in, "", -1)
		_, badCondition := threading.NewCondition(in, "", e)
		_, badAttr := new(threading.Local).Get(t2, "x")
		early := th.Join(t2, threading.Forever)
		for _, s := range []*threading.Thread{th, self} {
			if err := s.Start(t2); err != nil {
				return err
			}
			if err := s.Join(t2, threading.Forever); err != nil {
				return err
			}
		}
		for _, m := range []struct {
			err  error
			want string
		}{
			{l.Release(t2), "RuntimeError: release unlocked lock"},
			{r.Release(t2), "RuntimeError: cannot release un-acquired lock"},
			{c.Wait(t2), "RuntimeError: cannot wait on un-acquired lock"},
			{c.Notify(t2, 1), "RuntimeError: cannot notify on un-acquired lock"},
			{b.Release(t2), "ValueError: Semaphore released too many times"},
			{b.ReleaseN(t2, 0), "ValueError: n must be one or more"},
			{early, "RuntimeError: cannot join thread before it is started"},
			{th.Start(t2), "RuntimeError: threads can only be started once"},
			{th.SetDaemon(true), "RuntimeError: cannot set daemon status of active thread"},
			{joinSelf, "RuntimeError: cannot join current thread"},
			{badParties, "ValueError: parties must be >= 1"},
			{badSemaphore, "ValueError: semaphore initial value must be >= 0"},
			{badCondition, "TypeError: a Condition needs a Lock or an RLock, not *threading.Event"},
			{badAttr, "AttributeError: '_thread._local' object has no attribute 'x'"},
			{t2.Sleep(-1), "ValueError: sleep length must be non-negative"},
		} {
			if m.err == nil || m.err.Error() != m.want {
				t.Errorf("%v, want %s", m.err, m.want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTimeouts(t *testing.T) {
	in := rt.Virtual(rt.GIL310, 1, 1)
	err := in.Run(func(main *rt.Thread) error {
		l := threading.NewLock(in, "L")
		l.Acquire(main)
		began := main.Now()
		if l.AcquireFor(main, 3*time.Second) || main.Now()-began != 3*time.Second {
			t.Errorf("a held lock was got, or after %v", main.Now()-began)
		}
		if l.TryAcquire(main) {
			t.Error("a held lock was got")
		}
		fired := time.Duration(0)
		tm := threading.NewTimer(in, time.Minute, func(t *rt.Thread) { fired = t.Now() })
		began = main.Now()
		if err := tm.Start(main); err != nil {
			return err
		}
		if err := tm.Join(main, threading.Forever); err != nil {
			return err
		}
		if fired-began != time.Minute {
			t.Errorf("the timer fired after %v", fired-began)
		}
		b := must(threading.NewBarrier(in, "B", 2, nil, time.Second))
		if _, err := b.Wait(main); !rt.Is(err, "BrokenBarrierError") || !b.Broken() {
			t.Errorf("a lone party: %v", err)
		}
		b.Reset(main)
		if b.Broken() {
			t.Error("still broken after reset")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The same code on goroutines.
func TestRealThreads(t *testing.T) {
	for _, mode := range []rt.Mode{rt.GIL310, rt.FreeThreaded} {
		in := rt.New(mode)
		c := must(threading.NewCondition(in, "C", nil))
		var items []int
		n := 0
		for range 3 {
			in.Go("consumer", func(t *rt.Thread) {
				for range 50 {
					c.With(t, func() {
						_, _ = c.WaitFor(t, func() bool { return len(items) > 0 }, threading.Forever)
						items = items[1:]
						n++
					})
				}
			})
		}
		in.Go("producer", func(t *rt.Thread) {
			for i := range 150 {
				c.With(t, func() { items = append(items, i); _ = c.Notify(t, 1) })
			}
		})
		if err := in.World().Run(); err != nil || n != 150 {
			t.Errorf("%v: %d items, %v", mode, n, err)
		}
	}
}
