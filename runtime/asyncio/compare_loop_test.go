package asyncio

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	rt "braid/runtime"
)

// seconds makes a duration of Python's number.
func seconds(f float64) time.Duration { return time.Duration(f * float64(time.Second)) }

// soon calls CallSoon and CallLater where they cannot fail.
func soon(l *Loop, fn func()) *Handle { h, _ := l.CallSoon(fn); return h }
func after(l *Loop, d time.Duration, fn func()) *TimerHandle {
	h, _ := l.CallLater(d, fn)
	return h
}

// task makes a task of a coroutine.
func task(c *Co, co *Coroutine, name ...string) *Task {
	t, err := c.CreateTask(co, name...)
	if err != nil {
		panic(asException(err))
	}
	return t
}

var loopPrograms = map[string]func(s *script){
	"loop_call_soon": func(s *script) {
		s.run(func(c *Co) error {
			l := c.Loop()
			var order []any
			add := func(x string) func() { return func() { order = append(order, x) } }
			soon(l, func() {
				add("a")()
				soon(l, add("from a"))
			})
			soon(l, add("b"))
			c.MustAwait(Sleep(0))
			add("main")()
			c.MustAwait(Sleep(0))
			s.print(order)
			return nil
		})
	},
	"loop_call_later": func(s *script) {
		s.run(func(c *Co) error {
			l := c.Loop()
			var order []any
			add := func(x string) func() { return func() { order = append(order, x) } }
			after(l, ms(60), add("late"))
			after(l, ms(20), add("early"))
			_, _ = l.CallAt(l.Time()+ms(40), add("middle"))
			soon(l, add("soon"))
			after(l, 0, add("zero"))
			after(l, ms(-1000), add("negative"))
			c.MustAwait(Sleep(ms(100)))
			s.print(order[0], fmt.Sprint(order[1:3]) == "[negative zero]", order[3:])
			return nil
		})
	},
	"loop_handle_cancel": func(s *script) {
		s.run(func(c *Co) error {
			l := c.Loop()
			never := func() { s.print("never") }
			a, b := soon(l, never), after(l, ms(10), never)
			d := after(l, ms(20), func() { s.print("runs") })
			a.Cancel()
			b.Cancel()
			s.print(a.Cancelled(), b.Cancelled(), d.Cancelled(), d.When() > l.Time())
			return asErr(c.Sleep(ms(50)))
		})
	},
	"loop_callback_error": func(s *script) {
		s.run(func(c *Co) error {
			l := c.Loop()
			l.SetExceptionHandler(func(_ *Loop, context map[string]any) {
				var keys []any
				for _, k := range []string{"exception", "handle", "message"} {
					if context[k] != nil {
						keys = append(keys, k)
					}
				}
				var words []any
				for _, w := range strings.Fields(context["message"].(string))[:3] {
					words = append(words, w)
				}
				s.print(keys, words, rt.Repr(context["exception"]))
			})
			soon(l, func() { panic(rt.Raise("ValueError", "in a callback")) })
			soon(l, func() { s.print("the next one runs") })
			c.MustAwait(Sleep(0))
			c.MustAwait(Sleep(0))
			return nil
		})
	},
	"loop_nested_run": func(s *script) {
		s.run(func(c *Co) error {
			co := def("inner", func(*Co) error { s.print("never"); return nil }).Call()
			_, err := Run(co)
			s.raised(err)
			_, err = c.Loop().RunUntilComplete(co)
			s.raised(err)
			s.raised(c.Loop().RunForever())
			other := NewLoop()
			_, err = other.RunUntilComplete(co)
			s.raised(err)
			_ = other.Close()
			s.raised(c.Loop().Close())
			return co.Close()
		})
	},
	"loop_run_values": func(s *script) {
		v, _ := Run(Async("answer", func(*Co, []any) (any, error) { return 42, nil }).Call())
		s.print(v)
		_, err := Run(def("fails", func(*Co) error { return rt.Raise("ValueError", "out of main") }).Call())
		s.raised(err)
		for _, x := range []any{42, nil, "coro"} {
			_, err := Run(x)
			s.raised(err)
		}
	},
	"loop_no_running": func(s *script) {
		_, err := GetRunningLoop()
		s.raised(err)
		co := def("coro", func(*Co) error { return nil }).Call()
		_, err = CreateTask(co)
		s.raised(err)
		_ = co.Close()
	},
	"loop_left_over": func(s *script) {
		background := Async("background", func(c *Co, a []any) (any, error) {
			_, err := c.Sleep(a[1].(time.Duration))
			if err == nil {
				s.print(a[0], "finished")
				return nil, nil
			}
			s.print(a[0], "cancelled", rt.Repr(err))
			c.MustAwait(Sleep(0))
			s.print(a[0], "cleaned up")
			return nil, err
		})
		s.run(func(c *Co) error {
			task(c, background.Call("a", ms(10000)))
			task(c, background.Call("b", ms(10)))
			c.MustAwait(Sleep(ms(30)))
			s.print("main ends")
			return nil
		})
	},
	"loop_round_robin": func(s *script) {
		worker := Async("worker", func(c *Co, a []any) (any, error) {
			for i := range 3 {
				fmt.Fprintf(s.out, "%s%d ", a[0], i)
				c.MustAwait(Sleep(0))
			}
			return nil, nil
		})
		s.run(func(c *Co) error {
			c.MustAwait(Gather(worker.Call("A"), worker.Call("B"), worker.Call("C")))
			s.print()
			return nil
		})
	},
	"loop_document": func(s *script) {
		worker := Async("worker", func(c *Co, a []any) (any, error) {
			s.print(a[0], "starting")
			c.MustAwait(Sleep(a[1].(time.Duration)))
			s.print(a[0], "done")
			return a[0], nil
		})
		s.run(func(c *Co) error {
			began := c.Now()
			results := c.MustAwait(Gather(worker.Call("A", ms(200)), worker.Call("B", ms(100))))
			s.print(results, c.Now()-began >= ms(190))
			began = c.Now()
			list := tuple(c.MustAwait(worker.Call("C", ms(100))), c.MustAwait(worker.Call("D", ms(100))))
			s.print(list, c.Now()-began >= ms(190))
			return nil
		})
	},
	"loop_hog": func(s *script) {
		var ticks []time.Duration
		ticker := def("ticker", func(c *Co) error {
			for {
				ticks = append(ticks, c.Now())
				if _, err := c.Sleep(ms(10)); err != nil {
					return err
				}
			}
		})
		noop := def("noop", func(*Co) error { return nil })
		s.run(func(c *Co) error {
			t := task(c, ticker.Call())
			c.MustAwait(Sleep(ms(35)))
			before := len(ticks)
			if err := c.BlockingSleep(ms(200)); err != nil {
				return err
			}
			s.print("while blocked:", len(ticks)-before)
			before = len(ticks)
			for range 1000 {
				c.MustAwait(noop.Call())
			}
			s.print("while awaiting what never suspends:", len(ticks)-before)
			c.MustAwait(Sleep(ms(50)))
			var gap time.Duration
			for i := range ticks[1:] {
				gap = max(gap, ticks[i+1]-ticks[i])
			}
			s.print("largest gap is the blocking call:", gap >= ms(200))
			t.Cancel()
			return nil
		})
	},
	"loop_races": func(s *script) {
		n := 0
		atomic := def("atomic", func(*Co) error {
			for range 100 {
				n++
			}
			return nil
		})
		torn := def("torn", func(c *Co) error {
			for range 100 {
				v := n
				c.MustAwait(Sleep(0))
				n = v + 1
			}
			return nil
		})
		s.run(func(c *Co) error {
			for _, f := range []*Function{atomic, torn} {
				n = 0
				c.MustAwait(Gather(f.Call(), f.Call(), f.Call(), f.Call()))
				s.print(n)
			}
			return nil
		})
	},
	"loop_exception_handler": func(s *script) {
		var seen [][]any
		fails := def("fails", func(*Co) error { return rt.Raise("ValueError", "nobody looks") })
		s.run(func(c *Co) error {
			l := c.Loop()
			l.SetExceptionHandler(func(_ *Loop, context map[string]any) {
				seen = append(seen, tuple(context["message"], rt.Repr(context["exception"])))
			})
			task(c, fails.Call())
			c.MustAwait(Sleep(0))
			c.MustAwait(Sleep(0))
			key := rt.Raise("KeyError", "")
			key.Value = "x"
			_ = l.NewFuture().SetException(key)
			t := task(c, fails.Call())
			c.MustAwait(Sleep(0))
			exc, _ := t.Exception()
			s.print("retrieved", rt.Repr(exc))
			return nil
		})
		for _, line := range seen {
			s.print(line...)
		}
	},
	"loop_system_exit": func(s *script) {
		exits := def("exits", func(*Co) error {
			e := rt.Raise("SystemExit", "3")
			e.Value = 3
			return e
		})
		main := def("main", func(c *Co) error {
			task(c, exits.Call())
			_, err := c.Sleep(ms(1000))
			s.print("main is cancelled")
			return err
		})
		_, err := Run(main.Call())
		s.raised(err)
	},
}

var taskPrograms = map[string]func(s *script){
	"task_order": func(s *script) {
		s.run(func(c *Co) error {
			l := c.Loop()
			order := tuple("main")
			add := func(x string) func() { return func() { order = append(order, x) } }
			soon(l, add("cs1"))
			task(c, def("task", func(*Co) error { add("task")(); return nil }).Call())
			soon(l, add("cs2"))
			after(l, 0, add("cl0"))
			c.MustAwait(Sleep(0))
			add("main2")()
			c.MustAwait(Sleep(0))
			c.MustAwait(Sleep(0))
			add("main3")()
			s.print(order)
			return nil
		})
	},
	"task_cancel_unstarted": func(s *script) {
		s.run(func(c *Co) error {
			t := task(c, def("body", func(*Co) error { s.print("never"); return nil }).Call())
			s.print(t.Cancel(), t.Cancelled(), t.Done())
			_, err := c.Await(t)
			s.print(rt.Repr(err), t.Cancelled(), t.Done())
			s.print(t.Cancel())
			return nil
		})
	},
	"task_cancel_waiting": func(s *script) {
		body := def("body", func(c *Co) error {
			s.print("waits")
			_, err := c.Sleep(ms(10000))
			if rt.Is(err, "CancelledError") {
				s.print("cancelled", rt.Repr(err))
			}
			s.print("cleanup")
			return err
		})
		s.run(func(c *Co) error {
			t := task(c, body.Call())
			c.MustAwait(Sleep(0))
			t.Cancel()
			s.print("requested", t.Cancelling(), t.Done())
			_, err := c.Await(t)
			s.raised(err)
			s.print(t.Cancelled())
			_, err = t.Result()
			s.raised(err)
			_, err = t.Exception()
			s.raised(err)
			return nil
		})
	},
	"task_cancel_swallowed": func(s *script) {
		body := Async("body", func(c *Co, _ []any) (any, error) {
			_, _ = c.Sleep(ms(10000))
			return "survived", nil
		})
		s.run(func(c *Co) error {
			t := task(c, body.Call())
			c.MustAwait(Sleep(0))
			t.Cancel()
			s.print(c.MustAwait(t), t.Cancelled(), t.Cancelling())
			return nil
		})
	},
	"task_cancel_message": func(s *script) {
		body := def("body", func(c *Co) error {
			_, err := c.Sleep(ms(10000))
			s.raised(err, "inside")
			return err
		})
		s.run(func(c *Co) error {
			t := task(c, body.Call())
			c.MustAwait(Sleep(0))
			t.Cancel("too slow")
			_, err := c.Await(t)
			s.raised(err, "outside")
			t = task(c, body.Call())
			t.Cancel("at once")
			_, err = c.Await(t)
			s.raised(err, "outside")
			return nil
		})
	},
	"task_uncancel": func(s *script) {
		body := Async("body", func(c *Co, _ []any) (any, error) {
			t := c.Task()
			if _, err := c.Sleep(ms(10000)); rt.Is(err, "CancelledError") {
				s.print(t.Cancelling(), t.Uncancel(), t.Cancelling(), t.Uncancel())
			}
			_, err := c.Sleep(0)
			return "went on", err
		})
		s.run(func(c *Co) error {
			t := task(c, body.Call())
			c.MustAwait(Sleep(0))
			t.Cancel()
			s.print(t.Cancelling())
			s.print(c.MustAwait(t))
			return nil
		})
	},
	"task_cancel_twice": func(s *script) {
		body := Async("body", func(c *Co, _ []any) (any, error) {
			for i := range 3 {
				if _, err := c.Sleep(ms(10000)); rt.Is(err, "CancelledError") {
					s.print("request", i, c.Task().Cancelling())
				}
			}
			return "at last", nil
		})
		s.run(func(c *Co) error {
			t := task(c, body.Call())
			for range 3 {
				c.MustAwait(Sleep(ms(10)))
				s.print(t.Cancel())
			}
			s.print(c.MustAwait(t))
			return nil
		})
	},
	"task_cancel_chain": func(s *script) {
		leaf := def("leaf", func(c *Co) error {
			defer s.print("leaf")
			return asErr(c.Sleep(ms(10000)))
		})
		middle := def("middle", func(c *Co) error {
			defer s.print("middle")
			return asErr(c.Await(task(c, leaf.Call())))
		})
		s.run(func(c *Co) error {
			t := task(c, middle.Call())
			c.MustAwait(Sleep(ms(10)))
			t.Cancel()
			s.print(c.MustAwait(GatherAll(t)))
			return nil
		})
	},
	"task_cancel_self": func(s *script) {
		s.run(func(c *Co) error {
			c.Task().Cancel("by myself")
			s.print("goes on to the next await")
			_, err := c.Sleep(0)
			s.raised(err)
			t := task(c, def("quick", func(*Co) error { return nil }).Call())
			c.MustAwait(t)
			s.print(t.Cancelled())
			return nil
		})
	},
	"task_cancel_at_end": func(s *script) {
		body := Async("body", func(c *Co, _ []any) (any, error) {
			c.Task().Cancel()
			return "a result that is lost", nil
		})
		s.run(func(c *Co) error {
			t := task(c, body.Call())
			_, err := c.Await(t)
			s.print(rt.Repr(err), t.Cancelled())
			return nil
		})
	},
	"task_names": func(s *script) {
		body := def("body", func(c *Co) error { s.print(c.Task().Name()); return nil })
		s.run(func(c *Co) error {
			c.MustAwait(body.Call())
			a, b, d := task(c, body.Call()), task(c, body.Call(), "mine"), task(c, body.Call())
			d.SetName("renamed")
			c.MustAwait(Gather(a, b, d, body.Call()))
			s.print(a.Name(), b.Name(), d.Name())
			return nil
		})
	},
	"task_all": func(s *script) {
		body := def("body", func(c *Co) error { return asErr(c.Sleep(ms(10))) })
		s.run(func(c *Co) error {
			s.print(c.Task().Name(), len(c.Loop().AllTasks()))
			var ts, done []any
			for _, n := range []string{"a", "b", "c"} {
				ts = append(ts, task(c, body.Call(), n))
			}
			var names []string
			for _, t := range c.Loop().AllTasks() {
				names = append(names, rt.Repr(t.Name()))
			}
			slices.Sort(names)
			s.print("[" + strings.Join(names, ", ") + "]")
			c.MustAwait(Gather(ts...))
			for _, t := range ts {
				done = append(done, t.(*Task).Done())
			}
			s.print(len(c.Loop().AllTasks()), done)
			return nil
		})
	},
	"task_states": func(s *script) {
		value := Async("value", func(c *Co, _ []any) (any, error) { _, err := c.Sleep(0); return 7, err })
		fails := def("fails", func(*Co) error { return rt.Raise("ValueError", "x") })
		s.run(func(c *Co) error {
			t := task(c, value.Call())
			_, err := t.Result()
			s.raised(err)
			_, err = t.Exception()
			s.raised(err)
			c.MustAwait(t)
			v, _ := t.Result()
			exc, _ := t.Exception()
			s.print(v, exc, t.Done(), t.Cancelled())
			t = task(c, fails.Call())
			if _, _, err := c.Wait([]any{t}, Forever, AllCompleted); err != nil {
				return err
			}
			exc, _ = t.Exception()
			s.print(rt.Repr(exc))
			_, err = t.Result()
			s.raised(err)
			s.raised(t.SetResult(1))
			s.raised(t.SetException(rt.Raise("ValueError", "")))
			return nil
		})
	},
	"task_callbacks": func(s *script) {
		body := Async("body", func(*Co, []any) (any, error) { s.print("body"); return 5, nil })
		s.run(func(c *Co) error {
			t := task(c, body.Call())
			one := func(f *Future) { v, _ := f.Result(); s.print("one", v) }
			a := t.AddDoneCallback(one)
			t.AddDoneCallback(func(*Future) { s.print("two") })
			b := t.AddDoneCallback(one)
			s.print(t.RemoveDoneCallback(a) + t.RemoveDoneCallback(b))
			c.MustAwait(t)
			s.print("main")
			t.AddDoneCallback(func(*Future) { s.print("late") })
			s.print("before late")
			return asErr(c.Sleep(0))
		})
	},
	"task_await_self": func(s *script) {
		s.run(func(c *Co) error {
			_, err := c.Await(c.Task())
			s.print(strings.HasPrefix(asException(err).Msg, "Task cannot await on itself: <Task pending name='Task-1' coro=<main()"))
			return nil
		})
	},
	"task_wrong_type": func(s *script) {
		s.run(func(c *Co) error {
			for _, x := range []any{42, nil, "x"} {
				_, err := c.CreateTask(x)
				s.raised(err)
			}
			_, err := c.Loop().EnsureFuture(42)
			s.raised(err)
			return nil
		})
	},
	"task_other_loop": func(s *script) {
		s.run(func(c *Co) error {
			other := NewLoop()
			f := other.NewFuture()
			_, err := c.Await(f)
			s.print(strings.Contains(asException(err).Msg, "got Future <Future pending> attached to a different loop"))
			_, err = c.Loop().EnsureFuture(f)
			s.raised(err)
			return other.Close()
		})
	},
	"task_context": func(s *script) {
		user, empty := NewContextVar("user", "nobody"), NewContextVar("empty")
		get := func(c *Co, v *ContextVar) any { x, err := v.Get(c); s.raised(err); return x }
		child := Async("child", func(c *Co, a []any) (any, error) {
			s.print(a[0], "starts with", get(c, user))
			user.Set(c, a[0])
			c.MustAwait(Sleep(ms(10)))
			s.print(a[0], "still has", get(c, user))
			return nil, nil
		})
		plain := def("plain", func(c *Co) error { user.Set(c, "set by a callee"); return nil })
		s.run(func(c *Co) error {
			user.Set(c, "main")
			c.MustAwait(Gather(child.Call("a"), child.Call("b")))
			s.print(get(c, user))
			c.MustAwait(plain.Call())
			s.print(get(c, user))
			_, err := empty.Get(c)
			s.print(asException(err).Type)
			token := user.Set(c, "for a while")
			s.raised(user.Reset(c, token))
			s.print(get(c, user))
			return nil
		})
	},
	"context_tokens": func(s *script) {
		a, b := NewContextVar("a", 0), NewContextVar("b")
		get := func(at any, v *ContextVar, fallback ...any) any {
			x, err := v.Get(at, fallback...)
			s.raised(err)
			return x
		}
		s.run(func(c *Co) error {
			s.print(a.Name(), get(c, a), get(c, b, "fallback"))
			get(c, b)
			t1 := a.Set(c, 1)
			t2 := a.Set(c, 2)
			_, has := t1.OldValue()
			old, _ := t2.OldValue()
			s.print(has, old, t2.Var() == a)
			s.raised(b.Reset(c, t2))
			s.raised(a.Reset(c, t2))
			s.print(get(c, a))
			s.raised(a.Reset(c, t2))
			s.raised(a.Reset(c, t1))
			s.print(get(c, a))
			s.print(t1)
			t3 := a.Set(c, 3)
			ctx, err := CopyContext(c)
			if err != nil {
				return err
			}
			_, err = ctx.Run(c, func() (any, error) { return nil, a.Reset(c, t3) })
			s.raised(err)
			s.print(get(c, a))
			return nil
		})
	},
	"context_run": func(s *script) {
		a, b := NewContextVar("a"), NewContextVar("b", "default")
		get := func(at any, v *ContextVar, fallback ...any) any {
			x, err := v.Get(at, fallback...)
			s.raised(err)
			return x
		}
		s.run(func(c *Co) error {
			a.Set(c, 1)
			ctx, err := CopyContext(c)
			if err != nil {
				return err
			}
			inner := func() (any, error) {
				s.print("inner", get(c, a))
				a.Set(c, 2)
				b.Set(c, "set")
				_, err := ctx.Run(c, func() (any, error) { return nil, nil })
				e := asException(err)
				s.print(e.Type, strings.HasPrefix(e.Msg, "cannot enter context: <"), strings.HasSuffix(e.Msg, "> is already entered"))
				return "result", nil
			}
			v, err := ctx.Run(c, inner)
			s.print(v, err)
			s.print(get(c, a), get(c, b))
			x, _ := ctx.Value(a)
			y, _ := ctx.Value(b)
			s.print(ctx.Len(), x, y)
			_, known := NewContext().Value(a)
			s.print(known, NewContext().Len())
			_, err = ctx.Run(c, func() (any, error) { return nil, rt.Raise("ValueError", "from inside") })
			s.raised(err)
			v, _ = ctx.Run(c, func() (any, error) { return get(c, a), nil })
			s.print(v)
			copied := ctx.Copy()
			_, _ = copied.Run(c, func() (any, error) { a.Set(c, "copy"); return nil, nil })
			x, _ = ctx.Value(a)
			y, _ = copied.Value(a)
			s.print(x, y)
			return nil
		})
	},
	"context_callbacks": func(s *script) {
		v := NewContextVar("v", "none")
		get := func(at any) any { x, err := v.Get(at); s.raised(err); return x }
		s.run(func(c *Co) error {
			l := c.Loop()
			v.Set(c, "first")
			soon := func(name string) func() {
				return func() { s.print(name, get(nil)); v.Set(nil, "set by "+name) }
			}
			_, _ = l.CallSoon(soon("soon"))
			_, _ = l.CallLater(ms(10), soon("later"))
			ctx, err := CopyContext(c)
			if err != nil {
				return err
			}
			_, _ = ctx.Run(c, func() (any, error) { v.Set(c, "in ctx"); return nil, nil })
			_, _ = l.CallSoon(soon("given"), ctx)
			_, _ = l.CallSoon(soon("again"), ctx)
			_, _ = l.CallSoonThreadsafe(soon("threadsafe"))
			f := l.NewFuture()
			f.AddDoneCallback(func(*Future) { s.print("done", get(nil)) })
			f.AddDoneCallback(func(*Future) { s.print("done in", get(nil)) }, ctx)
			v.Set(c, "second")
			_ = f.SetResult(nil)
			c.MustAwait(Sleep(ms(20)))
			s.print("task", get(c))
			x, _ := ctx.Value(v)
			s.print("ctx", x)
			return nil
		})
	},
	"task_eager": func(s *script) {
		quick := Async("quick", func(_ *Co, a []any) (any, error) { s.print(a[0], "runs"); return a[0], nil })
		slow := def("slow", func(c *Co) error {
			s.print("slow begins")
			c.MustAwait(Sleep(0))
			s.print("slow ends")
			return nil
		})
		s.run(func(c *Co) error {
			c.Loop().SetEager(true)
			t := task(c, quick.Call("a"))
			s.print("made", t.Done())
			t = task(c, slow.Call())
			s.print("made", t.Done())
			c.MustAwait(t)
			s.print(c.MustAwait(Gather(quick.Call("b"), quick.Call("c"))))
			return nil
		})
	},
	"future_basics": func(s *script) {
		s.run(func(c *Co) error {
			f := c.Loop().NewFuture()
			s.print(f, f.Done())
			_ = f.SetResult(3)
			v, _ := f.Result()
			s.print(f, f.Done(), v, c.MustAwait(f))
			s.raised(f.SetResult(4))
			s.raised(f.SetException(rt.Raise("ValueError", "")))
			s.print(f.Cancel(), f.Cancelled())
			g := c.Loop().NewFuture()
			_ = g.SetException(rt.Raise("ValueError", "v"))
			s.print(g)
			_, err := c.Await(g)
			s.raised(err)
			h := c.Loop().NewFuture()
			s.print(h.Cancel("why"), h.Cancelled(), h)
			_, err = c.Await(h)
			s.raised(err)
			return nil
		})
	},
	"future_wakes_in_order": func(s *script) {
		waiter := Async("waiter", func(c *Co, a []any) (any, error) {
			s.print(a[0], c.MustAwait(a[1]))
			return nil, nil
		})
		s.run(func(c *Co) error {
			f := c.Loop().NewFuture()
			ts := tuple(task(c, waiter.Call("a", f)), task(c, waiter.Call("b", f)), task(c, waiter.Call("c", f)))
			c.MustAwait(Sleep(0))
			_ = f.SetResult("go")
			s.print("set")
			c.MustAwait(Gather(ts...))
			return nil
		})
	},
	"future_await_cancels": func(s *script) {
		waiter := Async("waiter", func(c *Co, a []any) (any, error) { return c.Await(a[0]) })
		s.run(func(c *Co) error {
			f := c.Loop().NewFuture()
			a, b := task(c, waiter.Call(f)), task(c, waiter.Call(f))
			c.MustAwait(Sleep(0))
			a.Cancel()
			s.print(f.Cancelled())
			s.print(c.MustAwait(GatherAll(a, b)))
			return nil
		})
	},
	"sleep_order": func(s *script) {
		s.run(func(c *Co) error {
			var order []any
			nap := Async("nap", func(c *Co, a []any) (any, error) {
				c.MustAwait(Sleep(seconds(reflect.ValueOf(a[0]).Convert(reflect.TypeFor[float64]()).Float())))
				order = append(order, a[0])
				return nil, nil
			})
			c.MustAwait(Gather(nap.Call(0.06), nap.Call(0.02), nap.Call(0.04), nap.Call(0), nap.Call(-1)))
			s.print(order)
			s.print(c.MustAwait(SleepResult(ms(1), "value")), c.MustAwait(SleepResult(0, "zero")), c.MustAwait(Sleep(ms(1))))
			return nil
		})
	},
}
