package asyncio

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	rt "braid/runtime"
	"braid/runtime/explore"
	"braid/runtime/sched"
)

// The semantics of CPython, point by point: what is claimed, where its source
// says so, and a check that returns what is wrong, or "".
func TestClaims(t *testing.T) {
	for _, row := range []struct {
		claim, source string
		check         func(c *Co) string
	}{
		{"exactly the callbacks that were ready when the loop looked run in an iteration",
			"Lib/asyncio/base_events.py, _run_once", func(c *Co) string {
				l, began, late := c.Loop(), 0, 0
				soon(l, func() {
					began = l.Iterations()
					soon(l, func() { late = l.Iterations() })
				})
				c.MustAwait(Sleep(0))
				c.MustAwait(Sleep(0))
				return differ(late-began, 1)
			}},
		{"setting a result wakes the waiter one iteration later",
			"Lib/asyncio/futures.py, __schedule_callbacks", func(c *Co) string {
				l, f, woken := c.Loop(), c.Loop().NewFuture(), 0
				waiter := task(c, def("waiter", func(c *Co) error { c.MustAwait(f); woken = l.Iterations(); return nil }).Call())
				c.MustAwait(Sleep(0))
				set := l.Iterations()
				_ = f.SetResult(nil)
				c.MustAwait(waiter)
				return differ(woken-set, 1)
			}},
		{"awaiting a Future that is done costs no iteration",
			"Modules/_asynciomodule.c, FutureIter_am_send", func(c *Co) string {
				f := c.Loop().NewFuture()
				_ = f.SetResult(1)
				before := c.Loop().Iterations()
				for range 10 {
					c.MustAwait(f)
				}
				return differ(c.Loop().Iterations()-before, 0)
			}},
		{"awaiting a coroutine that does not suspend costs no iteration",
			"Objects/genobject.c, _PyGen_Send", func(c *Co) string {
				before := c.Loop().Iterations()
				c.MustAwait(def("f", func(*Co) error { return nil }).Call())
				return differ(c.Loop().Iterations()-before, 0)
			}},
		{"sleep(0) is a bare yield: no Future, one iteration",
			"Lib/asyncio/tasks.py, __sleep0", func(c *Co) string {
				before := c.Loop().Iterations()
				c.MustAwait(Sleep(0))
				y, err := Sleep(0).Send(nil)
				return differ(fmt.Sprint(c.Loop().Iterations()-before, y, err), "1 <nil> <nil>")
			}},
		{"a task begins in the next iteration, never inside create_task",
			"Lib/asyncio/tasks.py, Task.__init__", func(c *Co) string {
				ran := false
				task(c, def("f", func(*Co) error { ran = true; return nil }).Call())
				before := ran
				c.MustAwait(Sleep(0))
				return differ(fmt.Sprint(before, ran), "false true")
			}},
		{"of more than 100 timers, the cancelled ones go when they are more than half",
			"Lib/asyncio/base_events.py, _run_once, _MIN_CANCELLED_TIMER_HANDLES_FRACTION", func(c *Co) string {
				l := c.Loop()
				var handles []*TimerHandle
				for range 200 {
					handles = append(handles, after(l, time.Hour, func() {}))
				}
				for _, h := range handles[50:151] {
					h.Cancel()
				}
				c.MustAwait(Sleep(0))
				return differ(len(l.timers), 99)
			}},
		{"a cancelled timer does not keep the loop waiting",
			"Lib/asyncio/base_events.py, _run_once", func(c *Co) string {
				after(c.Loop(), time.Minute, func() {}).Cancel()
				c.MustAwait(Sleep(time.Second))
				return differ(c.Now(), time.Second)
			}},
		{"select waits no longer than 24 hours at a time",
			"Lib/asyncio/base_events.py, MAXIMUM_SELECT_TIMEOUT", func(c *Co) string {
				before := c.Loop().Iterations()
				c.MustAwait(Sleep(60 * time.Hour))
				return differ(c.Loop().Iterations()-before, 4)
			}},
		{"cancel() before the first step: the body never runs",
			"Lib/asyncio/tasks.py, Task.__step, _must_cancel", func(c *Co) string {
				ran := false
				t := task(c, def("f", func(*Co) error { ran = true; return nil }).Call())
				t.Cancel()
				_, err := c.Await(t)
				return differ(fmt.Sprint(ran, rt.Is(err, "CancelledError")), "false true")
			}},
		{"a cancellation goes to the innermost Future that is waited for",
			"Lib/asyncio/tasks.py, Task.cancel, _fut_waiter", func(c *Co) string {
				f := c.Loop().NewFuture()
				inner := task(c, Async("inner", func(c *Co, _ []any) (any, error) { return c.Await(f) }).Call())
				outer := task(c, Async("outer", func(c *Co, _ []any) (any, error) { return c.Await(inner) }).Call())
				c.MustAwait(Sleep(0))
				c.MustAwait(Sleep(0))
				outer.Cancel()
				return differ(fmt.Sprint(f.Cancelled(), inner.Cancelled(), outer.Cancelled()), "true false false")
			}},
		{"uncancel() takes a request back; only the last clears _must_cancel",
			"Modules/_asynciomodule.c, _asyncio_Task_uncancel (gh-117407)", func(c *Co) string {
				t := task(c, Async("f", func(*Co, []any) (any, error) { return "ran", nil }).Call())
				t.Cancel()
				t.Cancel()
				counts := fmt.Sprint(t.Cancelling(), t.Uncancel(), t.Uncancel(), t.Uncancel())
				return differ(fmt.Sprint(counts, c.MustAwait(t)), "2 1 0 0ran")
			}},
		{"time-out and end of the body at the same time: the time-out wins only if its callback ran first",
			"Lib/asyncio/timeouts.py, Timeout._on_timeout", func(c *Co) string {
				err := c.Timeout(time.Second, func() error { return asErr(c.Sleep(time.Second)) })
				return differ(rt.Is(err, "TimeoutError"), true)
			}},
		{"nothing of a task group outlives its block",
			"Lib/asyncio/taskgroups.py, TaskGroup.__aexit__", func(c *Co) string {
				_ = c.TaskGroup(func(g *TaskGroup) error {
					for range 5 {
						_, _ = g.CreateTask(Sleep(time.Hour))
					}
					c.MustAwait(Sleep(0))
					return rt.Raise("ValueError", "")
				})
				return differ(len(c.Loop().AllTasks()), 1)
			}},
		{"gather makes its tasks in order of the arguments, shield and wait_for make one",
			"Lib/asyncio/tasks.py, gather, shield", func(c *Co) string {
				all := Gather(Sleep(1), Sleep(2), Sleep(3))
				sh := Shield(Sleep(4))
				names := ""
				for _, t := range c.Loop().AllTasks() {
					names += " " + t.Name()
				}
				c.MustAwait(all)
				c.MustAwait(sh)
				return differ(names, " Task-1 Task-2 Task-3 Task-4 Task-5")
			}},
		{"a semaphore that is released to a waiter cannot be taken by a newcomer",
			"Lib/asyncio/locks.py, Semaphore._wake_up_next (gh-90155)", func(c *Co) string {
				s, _ := NewSemaphore(1)
				c.MustAwait(s.Acquire())
				t := task(c, s.Acquire())
				c.MustAwait(Sleep(0))
				_ = s.Release()
				return differ(fmt.Sprint(s.Locked(), t.Done()), "true false")
			}},
		{"a Future of another loop is refused",
			"Lib/asyncio/tasks.py, Task.__step_run_and_handle_result", func(c *Co) string {
				other := NewLoop()
				defer other.Close()
				_, err := c.Await(other.NewFuture())
				return differ(strings.HasSuffix(fmt.Sprint(err), "attached to a different loop"), true)
			}},
		{"a primitive belongs to the loop of its first wait",
			"Lib/asyncio/mixins.py, _LoopBoundMixin._get_loop", func(c *Co) string {
				e := &Event{bound: bound{loop: NewLoop()}}
				defer e.loop.Close()
				_, err := c.Await(e.Wait())
				return differ(fmt.Sprint(err), "RuntimeError: <asyncio.Event [unset]> is bound to a different event loop")
			}},
		{"the default executor has min(32, processors + 4) threads, started on demand",
			"Lib/concurrent/futures/thread.py, _adjust_thread_count", func(c *Co) string {
				for range 5 {
					c.MustAwait(ToThread(func() {}))
				}
				return differ(fmt.Sprint(c.Loop().executor.ThreadNames()), "[asyncio_0]")
			}},
	} {
		t.Run(row.claim, func(t *testing.T) {
			virtual(t, func(c *Co) (any, error) {
				if wrong := row.check(c); wrong != "" {
					t.Errorf("%s\n(%s)", wrong, row.source)
				}
				return nil, nil
			})
		})
	}
}

func differ(got, want any) string {
	if got == want {
		return ""
	}
	return fmt.Sprintf("got %v, want %v", got, want)
}

// What a run leaves behind is reported, and ends.
func TestWarnings(t *testing.T) {
	noLeak(t)
	scope := rt.NewScope()
	main := def("main", func(c *Co) error {
		l := c.Loop()
		l.scope = scope
		def("forgotten", func(*Co) error { return nil }).Call()
		task(c, raises("ValueError", "unseen").Call())
		return asErr(c.Sleep(0))
	})
	if _, err := Run(main.Call()); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range scope.Warnings() {
		got = append(got, w.String())
	}
	want := []string{
		"RuntimeWarning: coroutine 'forgotten' was never awaited",
		"asyncio: Task exception was never retrieved\nfuture: <Task finished name='Task-2' coro=<fails()> exception=ValueError('unseen')>\nValueError: unseen",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	l := NewLoop()
	l.scope = scope
	co := def("waits", func(c *Co) error { return asErr(c.Sleep(time.Hour)) }).Call()
	pending, _ := l.CreateTask(co)
	soon(l, l.Stop)
	_ = l.RunForever()
	_ = l.Close()
	if w := scope.Warnings(); len(w) != 1 || !strings.HasPrefix(w[0].Message, "Task was destroyed but it is pending!\ntask: <Task pending name='Task-1'") {
		t.Errorf("a loop closed over %s warns of %q", pending, w)
	}
}

// A scope that ends takes coroutines, generators and loops with it.
func TestScopeEndsWhatIsLeft(t *testing.T) {
	noLeak(t)
	scope := rt.NewScope()
	rt.SetCurrentScope(func() *rt.Scope { return scope })
	defer rt.SetCurrentScope(func() *rt.Scope { return nil })
	var ends []string
	co := def("coro", func(c *Co) error {
		_, err := c.Await(passThrough.Call(1))
		ends = append(ends, fmt.Sprint("coro ", err))
		return err
	}).Call()
	_, _ = co.Send(nil)
	g := Gen("gen", func(y *Yielder, _ []any) (any, error) {
		_, err := y.Yield(1)
		ends = append(ends, fmt.Sprint("gen ", err))
		return nil, err
	}).Call()
	_, _ = g.Next()
	def("never", func(*Co) error { return nil }).Call()
	running := make(chan error)
	go func() {
		_, err := Run(def("main", func(c *Co) error { running <- nil; return asErr(c.Sleep(time.Hour)) }).Call())
		running <- err
	}()
	<-running
	scope.End()
	if err := <-running; !rt.Is(err, "KeyboardInterrupt") {
		t.Errorf("the loop ends with %v", err)
	}
	slices.Sort(ends)
	if want := []string{"coro GeneratorExit", "gen GeneratorExit"}; !slices.Equal(ends, want) {
		t.Errorf("ends: %q, want %q", ends, want)
	}
	if w := scope.Warnings(); len(w) != 1 || w[0].Message != "coroutine 'never' was never awaited" {
		t.Errorf("warnings: %v", w)
	}
}

// On a thread with a GIL, work in another thread does not freeze the loop but
// taxes every wake-up with a switch interval.
func TestThreadsTaxWakeUps(t *testing.T) {
	in := rt.Virtual(rt.GIL310, 1, 2)
	var ticks []time.Duration
	ticker := def("ticker", func(c *Co) error {
		for range 5 {
			ticks = append(ticks, c.Now())
			c.MustAwait(Sleep(10 * time.Millisecond))
		}
		return nil
	})
	err := in.Run(func(th *rt.Thread) error {
		main := def("main", func(c *Co) error {
			hog := c.Loop().RunInExecutor(nil, func(t *rt.Thread) { t.Work(200 * time.Millisecond) })
			c.MustAwait(ticker.Call())
			return asErr(c.Await(hog))
		})
		_, err := RunIn(th, main.Call())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range ticks[1:] {
		if gap := ticks[i+1] - ticks[i]; gap != 15*time.Millisecond {
			t.Errorf("gap %d is %v, want 10 ms of sleep and 5 ms for the GIL", i, gap)
		}
	}
}

// Two threads of one Interpreter have a loop each and talk through
// call_soon_threadsafe, in virtual time.
func TestTwoLoopsInOneWorld(t *testing.T) {
	in := rt.Virtual(rt.GIL310, 1, 2)
	ready, answer := make(chan *Future, 1), any(nil)
	in.Go("server", func(th *rt.Thread) {
		_, _ = RunIn(th, def("serve", func(c *Co) error {
			f := c.Loop().NewFuture()
			ready <- f
			answer = c.MustAwait(f)
			return nil
		}).Call())
	})
	in.Go("client", func(th *rt.Thread) {
		_, _ = RunIn(th, def("ask", func(c *Co) error {
			c.MustAwait(Sleep(time.Minute))
			f := <-ready
			_, err := f.Loop().CallSoonThreadsafe(func() { _ = f.SetResult("hello") })
			return err
		}).Call())
	})
	if err := in.World().Run(); err != nil || answer != "hello" {
		t.Errorf("answer %v, %v", answer, err)
	}
}

// A transfer with an await inside is a race of tasks: exploration finds both
// results, and one only when a lock guards it.
func TestExploredRaces(t *testing.T) {
	for _, guarded := range []bool{false, true} {
		r := explore.Run(func(w *explore.World) {
			balance := 100
			out := RunExplored(w.World(), func(c *Co) (any, error) {
				lock := NewLock()
				pay := Async("pay", func(c *Co, a []any) (any, error) {
					step := func() error {
						v := balance
						c.MustAwait(Sleep(a[0].(time.Duration)))
						balance = v - 10
						return nil
					}
					if guarded {
						return nil, lock.With(c, step)
					}
					return nil, step()
				})
				return c.Gather(pay.Call(time.Second), pay.Call(time.Second))
			}, AnyOrder())
			w.Final(func() any { return fmt.Sprint(balance, out.Err) })
		})
		want := map[bool]string{false: "90 <nil>", true: "80 <nil>"}[guarded]
		if counts := r.Counts(); !r.Complete || counts[want] == 0 || len(counts) != 1 {
			t.Errorf("guarded %v: %v, want only %q", guarded, r, want)
		}
	}
}

// The order of ready callbacks is a choice under AnyOrder.
func TestExploredOrder(t *testing.T) {
	r := explore.Run(func(w *explore.World) {
		order := ""
		RunExplored(w.World(), func(c *Co) (any, error) {
			var all []any
			for _, n := range []string{"a", "b", "c"} {
				all = append(all, def(n, func(*Co) error { order += n; return nil }).Call())
			}
			return c.Gather(all...)
		}, AnyOrder())
		w.Final(func() any { return order })
	})
	if !r.Complete || len(r.Outcomes) != 6 {
		t.Errorf("%d orders of three tasks: %v", len(r.Outcomes), r)
	}
}

// An error of the World, a deadlock or an interrupt, passes through everything.
func TestDeadlockThroughHandlers(t *testing.T) {
	noLeak(t)
	main := def("main", func(c *Co) error {
		for {
			if err := c.TaskGroup(func(g *TaskGroup) error {
				return c.Timeout(Forever, func() error { return asErr(c.Await(c.Loop().NewFuture())) })
			}); err == nil {
				return nil
			}
		}
	})
	_, _, err := RunVirtual(main.Call())
	var dead *sched.DeadlockError
	if !errors.As(err, &dead) {
		t.Errorf("got %v", err)
	}
}
