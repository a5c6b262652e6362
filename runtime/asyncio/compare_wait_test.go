package asyncio

import (
	"slices"
	"time"

	rt "braid/runtime"
)

// napper is "async def name(x, d): await sleep(d); return x"; it prints its end
// if told to, and raises ValueError(x) for x == "bad".
func napper(s *script, tells bool) *Function {
	return Async("f", func(c *Co, a []any) (any, error) {
		if _, err := c.Sleep(a[1].(time.Duration)); err != nil {
			return nil, err
		}
		if tells {
			s.print("end of", a[0])
		}
		if a[0] == "bad" {
			return nil, rt.Raise("ValueError", "bad")
		}
		return a[0], nil
	})
}

// taskNames are the sorted names of tasks.
func taskNames(ts []any) []any {
	var names []string
	for _, t := range ts {
		names = append(names, t.(*Task).Name())
	}
	slices.Sort(names)
	list := []any{}
	for _, n := range names {
		list = append(list, n)
	}
	return list
}

// sleeps10 is a coroutine function that sleeps for 10 s.
func sleeps10(name string, end func(err error)) *Function {
	return def(name, func(c *Co) error {
		_, err := c.Sleep(ms(10000))
		if end != nil {
			end(err)
		}
		return err
	})
}

func raises(typ, msg string) *Function {
	return def("fails", func(*Co) error { return rt.Raise(typ, msg) })
}

var waitPrograms = map[string]func(s *script){
	"gather_order": func(s *script) {
		f := napper(s, true)
		s.run(func(c *Co) error {
			s.print(c.MustAwait(Gather(f.Call("a", ms(40)), f.Call("b", ms(20)), f.Call("c", ms(0)))))
			s.print(c.MustAwait(Gather()))
			fut := c.Loop().NewFuture()
			_ = fut.SetResult("future")
			s.print(c.MustAwait(Gather(fut, task(c, f.Call("task", ms(0))), f.Call("coro", ms(0)))))
			return nil
		})
	},
	"gather_exception": func(s *script) {
		fails := Async("fails", func(c *Co, a []any) (any, error) {
			c.MustAwait(Sleep(seconds(a[0].(float64))))
			return nil, rt.Raise("ValueError", "after %v", a[0])
		})
		works := def("works", func(c *Co) error {
			if _, err := c.Sleep(ms(40)); err != nil {
				s.print("the other was cancelled")
				return err
			}
			s.print("the other went on")
			return nil
		})
		s.run(func(c *Co) error {
			_, err := c.Gather(works.Call(), fails.Call(0.02), fails.Call(0.03))
			s.raised(err)
			return asErr(c.Sleep(ms(50)))
		})
	},
	"gather_return_exceptions": func(s *script) {
		f := Async("f", func(c *Co, a []any) (any, error) {
			c.MustAwait(Sleep(0))
			switch a[0] {
			case 1:
				e := rt.Raise("ValueError", "1")
				e.Value = 1
				return nil, e
			case 2:
				return nil, rt.Raise("CancelledError", "mine")
			}
			return a[0], nil
		})
		s.run(func(c *Co) error {
			s.print(c.MustAwait(GatherAll(f.Call(0), f.Call(1), f.Call(2), f.Call(3))))
			return nil
		})
	},
	"gather_duplicates": func(s *script) {
		f := Async("f", func(*Co, []any) (any, error) {
			s.print("runs once")
			return new(int), nil
		})
		s.run(func(c *Co) error {
			co := f.Call()
			r := c.MustAwait(Gather(co, co)).([]any)
			s.print(r[0] == r[1])
			t := task(c, f.Call())
			r = c.MustAwait(Gather(t, t, t)).([]any)
			s.print(r[0] == r[1] && r[1] == r[2])
			return nil
		})
	},
	"gather_cancel_outer": func(s *script) {
		f := Async("f", func(c *Co, a []any) (any, error) {
			_, err := c.Sleep(ms(10000))
			s.print(a[0], "cancelled")
			return nil, err
		})
		s.run(func(c *Co) error {
			g := Gather(f.Call("a"), f.Call("b"))
			c.MustAwait(Sleep(0))
			s.print(g.Cancel())
			_, err := c.Await(g)
			s.print(rt.Repr(err), g.Cancelled())
			g = GatherAll(f.Call("c"), f.Call("d"))
			c.MustAwait(Sleep(0))
			g.Cancel()
			_, err = c.Await(g)
			s.raised(err)
			return nil
		})
	},
	"gather_cancel_child": func(s *script) {
		f := napper(s, true)
		s.run(func(c *Co) error {
			a, b := task(c, f.Call("a", ms(10000))), task(c, f.Call("b", ms(20)))
			g := Gather(a, b)
			c.MustAwait(Sleep(0))
			a.Cancel()
			_, err := c.Await(g)
			s.print(rt.Repr(err), g.Cancelled(), b.Done())
			c.MustAwait(b)
			return nil
		})
	},
	"gather_wrong_type": func(s *script) {
		s.run(func(c *Co) error {
			_, err := c.Gather(1, 2)
			s.raised(err)
			return nil
		})
	},
	"wait_all": func(s *script) {
		f := napper(s, false)
		s.run(func(c *Co) error {
			ts := tuple(task(c, f.Call("a", ms(20)), "a"), task(c, f.Call("bad", ms(10)), "bad"), task(c, f.Call("c", ms(0)), "c"))
			done, pending, err := c.Wait(ts, Forever, AllCompleted)
			s.print(taskNames(done), taskNames(pending))
			var exceptions []string
			for _, t := range done {
				exc, _ := t.(*Task).Exception()
				text := "None"
				if exc != nil {
					text = rt.Repr(exc)
				}
				exceptions = append(exceptions, text)
			}
			slices.Sort(exceptions)
			s.print(tuple(exceptions[0], exceptions[1], exceptions[2]))
			return err
		})
	},
	"wait_first_completed": func(s *script) {
		f := napper(s, false)
		s.run(func(c *Co) error {
			ts := tuple(task(c, f.Call(1, ms(60)), "slow"), task(c, f.Call(2, ms(20)), "fast"), task(c, f.Call(3, ms(40)), "middle"))
			for len(ts) > 0 {
				done, pending, err := c.Wait(ts, Forever, FirstCompleted)
				if err != nil {
					return err
				}
				s.print(taskNames(done), taskNames(pending))
				ts = pending
			}
			return nil
		})
	},
	"wait_first_exception": func(s *script) {
		f := napper(s, false)
		s.run(func(c *Co) error {
			ts := tuple(task(c, f.Call(1, ms(10)), "ok"), task(c, f.Call("bad", ms(30)), "fails"), task(c, f.Call(2, ms(200)), "slow"))
			for range 2 {
				done, pending, err := c.Wait(ts, Forever, FirstException)
				if err != nil {
					return err
				}
				s.print(taskNames(done), taskNames(pending))
				ts = pending
			}
			return nil
		})
	},
	"wait_timeout": func(s *script) {
		f := napper(s, false)
		s.run(func(c *Co) error {
			ts := tuple(task(c, f.Call(1, ms(10))), task(c, f.Call(2, ms(300))))
			done, pending, _ := c.Wait(ts, ms(50), AllCompleted)
			s.print(len(done), len(pending), tuple(pending[0].(*Task).Cancelled()))
			done, pending, err := c.Wait(pending, 0, AllCompleted)
			s.print(len(done), len(pending))
			return err
		})
	},
	"wait_misuse": func(s *script) {
		f := def("f", func(*Co) error { return nil })
		s.run(func(c *Co) error {
			co := f.Call()
			_, _, err := c.Wait(nil, Forever, AllCompleted)
			s.raised(err)
			_, _, err = c.Wait(tuple(task(c, f.Call())), Forever, "SOON")
			s.raised(err)
			_, _, err = c.Wait(tuple(co), Forever, AllCompleted)
			s.raised(err)
			return co.Close()
		})
	},
	"as_completed_order": func(s *script) {
		f := Async("f", func(c *Co, a []any) (any, error) {
			c.MustAwait(Sleep(a[1].(time.Duration)))
			if a[0] == "b" {
				return nil, rt.Raise("ValueError", "b")
			}
			return a[0], nil
		})
		s.run(func(c *Co) error {
			all, err := AsCompleted(tuple(f.Call("a", ms(60)), f.Call("b", ms(40)), f.Call("c", ms(20))), Forever)
			for _, next := range all {
				v, err := c.Await(next)
				if err != nil {
					v = rt.Repr(err)
				}
				s.print(v)
			}
			return err
		})
	},
	"as_completed_timeout": func(s *script) {
		f := napper(s, false)
		s.run(func(c *Co) error {
			all, err := AsCompleted(tuple(f.Call("a", ms(10000)), f.Call("b", ms(10))), ms(50))
			for _, next := range all {
				v, err := c.Await(next)
				if err != nil {
					v = rt.Repr(err)
				}
				s.print(v)
			}
			return err
		})
	},
	"wait_for_results": func(s *script) {
		f := Async("f", func(c *Co, a []any) (any, error) {
			defer s.print("cleanup")
			if _, err := c.Sleep(a[0].(time.Duration)); err != nil {
				s.print("cancelled inside")
				return nil, err
			}
			return "value", nil
		})
		s.run(func(c *Co) error {
			s.print(c.MustAwait(WaitFor(f.Call(ms(10)), ms(200))))
			_, err := c.WaitFor(f.Call(ms(10000)), ms(20))
			s.raised(err)
			_, err = c.WaitFor(raises("KeyError", "k").Call(), ms(1000))
			s.raised(err)
			s.print(c.MustAwait(WaitFor(f.Call(ms(10)), Forever)))
			return nil
		})
	},
	"wait_for_zero": func(s *script) {
		f := def("f", func(*Co) error { s.print("never"); return nil })
		s.run(func(c *Co) error {
			for _, d := range []time.Duration{0, ms(-1000)} {
				_, err := c.WaitFor(f.Call(), d)
				s.raised(err)
			}
			t := task(c, SleepResult(0, "done already"))
			c.MustAwait(t)
			s.print(c.MustAwait(WaitFor(t, 0)))
			return nil
		})
	},
	"wait_for_cancelled": func(s *script) {
		inner := sleeps10("inner", func(error) { s.print("inner cancelled") })
		outer := def("outer", func(c *Co) error {
			_, err := c.WaitFor(inner.Call(), ms(5000))
			s.raised(err, "outer")
			return err
		})
		s.run(func(c *Co) error {
			t := task(c, outer.Call())
			c.MustAwait(Sleep(ms(20)))
			t.Cancel("enough")
			if _, err := c.Await(t); rt.Is(err, "CancelledError") {
				s.print(t.Cancelled())
			}
			return nil
		})
	},
	"wait_for_slow_cleanup": func(s *script) {
		stubborn := def("stubborn", func(c *Co) error {
			_, err := c.Sleep(ms(10000))
			c.MustAwait(Sleep(ms(50)))
			s.print("cleanup takes long")
			return err
		})
		s.run(func(c *Co) error {
			if _, err := c.WaitFor(stubborn.Call(), ms(20)); rt.Is(err, "TimeoutError") {
				s.print("time-out after the cleanup")
			}
			return nil
		})
	},
	"shield_cancel": func(s *script) {
		inner := Async("inner", func(c *Co, _ []any) (any, error) {
			if _, err := c.Sleep(ms(50)); err != nil {
				s.print("never")
				return nil, err
			}
			s.print("inner finished")
			return "result", nil
		})
		outer := Async("outer", func(c *Co, a []any) (any, error) {
			_, err := c.Await(Shield(a[0]))
			s.raised(err, "outer")
			return nil, err
		})
		s.run(func(c *Co) error {
			t := task(c, inner.Call())
			o := task(c, outer.Call(t))
			c.MustAwait(Sleep(ms(10)))
			o.Cancel()
			_, _, err := c.Wait(tuple(o), Forever, AllCompleted)
			s.print(o.Cancelled(), t.Cancelled())
			s.print(c.MustAwait(t))
			s.print(c.MustAwait(Shield(SleepResult(0, "through"))))
			return err
		})
	},
	"shield_inner": func(s *script) {
		fails := def("fails", func(c *Co) error {
			c.MustAwait(Sleep(0))
			return rt.Raise("ValueError", "inner")
		})
		s.run(func(c *Co) error {
			_, err := c.Await(Shield(fails.Call()))
			s.raised(err)
			t := task(c, Sleep(ms(10000)))
			sh := Shield(t)
			c.MustAwait(Sleep(0))
			t.Cancel()
			_, err = c.Await(sh)
			s.print(rt.Repr(err), sh.Cancelled())
			return nil
		})
	},
	"timeout_block": func(s *script) {
		s.run(func(c *Co) error {
			var t *Timeout
			err := c.TimeoutAt(c.Now()+ms(20), func(x *Timeout) error {
				t = x
				s.print(t.Expired())
				return asErr(c.Sleep(ms(10000)))
			})
			s.print(rt.Repr(err), rt.Repr(asException(err).Cause), t.Expired())
			err = c.TimeoutAt(c.Now()+ms(1000), func(x *Timeout) error { t = x; return asErr(c.Sleep(0)) })
			s.print(t.Expired(), c.Task().Cancelling())
			if err != nil {
				return err
			}
			err = c.TimeoutAt(Forever, func(t *Timeout) error {
				if _, limited := t.When(); !limited {
					s.print(nil)
				}
				return nil
			})
			if err != nil {
				return err
			}
			err = c.Timeout(0, func() error {
				_, err := c.Sleep(0)
				if err == nil {
					_, err = c.Sleep(0)
				}
				return err
			})
			if rt.Is(err, "TimeoutError") {
				s.print("at once")
			}
			s.raised(c.Timeout(ms(1000), func() error { return rt.Raise("ValueError", "its own") }))
			return nil
		})
	},
	"timeout_nested": func(s *script) {
		s.run(func(c *Co) error {
			var outer, inner *Timeout
			err := c.TimeoutAt(c.Now()+ms(20), func(x *Timeout) error {
				outer = x
				err := c.TimeoutAt(c.Now()+ms(1000), func(x *Timeout) error { inner = x; return asErr(c.Sleep(ms(10000))) })
				if rt.Is(err, "TimeoutError") {
					s.print("never")
				}
				s.print("inner", inner.Expired())
				return err
			})
			if rt.Is(err, "TimeoutError") {
				s.print("outer", outer.Expired())
			}
			err = c.TimeoutAt(c.Now()+ms(1000), func(x *Timeout) error {
				outer = x
				return c.TimeoutAt(c.Now()+ms(20), func(x *Timeout) error { inner = x; return asErr(c.Sleep(ms(10000))) })
			})
			if rt.Is(err, "TimeoutError") {
				s.print(inner.Expired(), outer.Expired())
			}
			return nil
		})
	},
	"timeout_reschedule": func(s *script) {
		s.run(func(c *Co) error {
			var t *Timeout
			err := c.TimeoutAt(c.Now()+ms(20), func(x *Timeout) error {
				t = x
				if err := t.Reschedule(c.Now() + ms(200)); err != nil {
					return err
				}
				c.MustAwait(Sleep(ms(50)))
				s.print("still here")
				return nil
			})
			if err != nil {
				return err
			}
			s.raised(t.Reschedule(c.Now()))
			err = c.TimeoutAt(c.Now()+ms(10000), func(t *Timeout) error {
				_ = t.Reschedule(max(c.Now()-ms(1000), 0))
				c.MustAwait(Sleep(0))
				c.MustAwait(Sleep(0))
				return nil
			})
			if rt.Is(err, "TimeoutError") {
				s.print("moved into the past")
			}
			return nil
		})
	},
	"timeout_cancel": func(s *script) {
		body := def("body", func(c *Co) error {
			err := c.Timeout(ms(10000), func() error { return asErr(c.Sleep(ms(10000))) })
			switch {
			case rt.Is(err, "TimeoutError"):
				s.print("never")
			case rt.Is(err, "CancelledError"):
				s.print("a cancellation stays one", rt.Repr(err))
			}
			return err
		})
		swallows := def("swallows", func(c *Co) error {
			err := c.Timeout(ms(10), func() error {
				if _, err := c.Sleep(ms(10000)); rt.Is(err, "CancelledError") {
					s.print("swallowed")
				}
				return nil
			})
			if rt.Is(err, "TimeoutError") {
				s.print("never")
			}
			s.print("no time-out,", c.Task().Cancelling(), "requests")
			return nil
		})
		s.run(func(c *Co) error {
			t := task(c, body.Call())
			c.MustAwait(Sleep(ms(10)))
			t.Cancel()
			_, _, err := c.Wait(tuple(t), Forever, AllCompleted)
			s.print(t.Cancelled())
			c.MustAwait(swallows.Call())
			return err
		})
	},
	"taskgroup_works": func(s *script) {
		f := napper(s, true)
		s.run(func(c *Co) error {
			var g *TaskGroup
			var a, b *Task
			err := c.TaskGroup(func(x *TaskGroup) (err error) {
				g = x
				a, _ = g.CreateTask(f.Call("a", ms(30)))
				b, err = g.CreateTask(f.Call("b", ms(10)), "bee")
				s.print("body ends")
				return err
			})
			if err != nil {
				return err
			}
			va, _ := a.Result()
			vb, _ := b.Result()
			s.print(va, vb, b.Name())
			_, err = g.CreateTask(f.Call("late", ms(0)))
			s.raised(err)
			return nil
		})
	},
	"taskgroup_failure": func(s *script) {
		fails := def("fails", func(c *Co) error {
			c.MustAwait(Sleep(ms(10)))
			return rt.Raise("ValueError", "bad")
		})
		waits := sleeps10("waits", func(err error) { s.raised(err, "sibling cancelled") })
		s.run(func(c *Co) error {
			err := c.TaskGroup(func(g *TaskGroup) error {
				_, _ = g.CreateTask(waits.Call())
				_, _ = g.CreateTask(fails.Call())
				_, err := c.Sleep(ms(10000))
				s.raised(err, "body cancelled")
				return err
			})
			s.print(err)
			s.raised(err)
			s.print(c.Task().Cancelling())
			return nil
		})
	},
	"taskgroup_several": func(s *script) {
		onCancel := Async("on_cancel", func(c *Co, a []any) (any, error) {
			_, _ = c.Sleep(ms(10000))
			return nil, a[0].(error)
		})
		s.run(func(c *Co) error {
			err := c.TaskGroup(func(g *TaskGroup) error {
				_, _ = g.CreateTask(onCancel.Call(rt.Raise("KeyError", "c")))
				_, _ = g.CreateTask(raises("ValueError", "a").Call())
				_, _ = g.CreateTask(raises("TypeError", "b").Call())
				return nil
			})
			var rest []error
			for _, e := range asException(err).Group {
				if rt.Is(e, "ValueError") {
					s.print(e)
				} else {
					rest = append(rest, e)
				}
			}
			s.print(rt.Group("unhandled errors in a TaskGroup", rest...), tuple(rt.Repr(rest[0]), rt.Repr(rest[1])))
			err = c.TaskGroup(func(g *TaskGroup) error {
				_, _ = g.CreateTask(onCancel.Call(rt.Raise("KeyError", "child")))
				c.MustAwait(Sleep(0))
				return rt.Raise("ValueError", "body")
			})
			s.raised(err)
			return nil
		})
	},
	"taskgroup_nested": func(s *script) {
		fails := def("fails", func(c *Co) error {
			c.MustAwait(Sleep(ms(10)))
			return rt.Raise("ValueError", "deep")
		})
		s.run(func(c *Co) error {
			s.raised(c.TaskGroup(func(outer *TaskGroup) error {
				_, _ = outer.CreateTask(Sleep(ms(10000)))
				return c.TaskGroup(func(inner *TaskGroup) error {
					_, err := inner.CreateTask(fails.Call())
					return err
				})
			}))
			return nil
		})
	},
	"taskgroup_cancelled": func(s *script) {
		child := sleeps10("child", func(error) { s.print("child cleanup") })
		body := def("body", func(c *Co) error {
			return c.TaskGroup(func(g *TaskGroup) error {
				_, _ = g.CreateTask(child.Call())
				_, err := g.CreateTask(child.Call())
				return err
			})
		})
		s.run(func(c *Co) error {
			t := task(c, body.Call())
			c.MustAwait(Sleep(ms(10)))
			t.Cancel("stop")
			_, err := c.Await(t)
			s.print(rt.Repr(err), t.Cancelled())
			err = c.TaskGroup(func(g *TaskGroup) error {
				a, err := g.CreateTask(child.Call())
				c.MustAwait(Sleep(0))
				a.Cancel()
				return err
			})
			s.print("a cancelled child is no failure")
			return err
		})
	},
	"taskgroup_aborting": func(s *script) {
		s.run(func(c *Co) error {
			err := c.TaskGroup(func(g *TaskGroup) error {
				_, _ = g.CreateTask(raises("ValueError", "first").Call())
				_, err := c.Sleep(ms(1000))
				_, refused := g.CreateTask(Sleep(0))
				msg := asException(refused).Msg
				s.print(len(msg) > 16 && msg[len(msg)-16:] == "is shutting down")
				return err
			})
			s.print(err)
			return nil
		})
	},
}
