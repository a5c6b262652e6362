package asyncio

import (
	rt "braid/runtime"
)

var lockPrograms = map[string]func(s *script){
	"lock_fifo": func(s *script) {
		lock := NewLock()
		worker := Async("worker", func(c *Co, a []any) (any, error) {
			return nil, lock.With(c, func() error {
				s.print(a[0], "holds")
				c.MustAwait(Sleep(0))
				s.print(a[0], "gives back")
				return nil
			})
		})
		s.run(func(c *Co) error {
			s.print(lock.Locked())
			c.MustAwait(Gather(worker.Call("a"), worker.Call("b"), worker.Call("c")))
			s.print(lock.Locked(), c.MustAwait(lock.Acquire()), lock.Locked())
			_ = lock.Release()
			s.raised(lock.Release())
			return nil
		})
	},
	"lock_cancel": func(s *script) {
		lock := NewLock()
		wants := Async("wants", func(c *Co, a []any) (any, error) {
			err := lock.With(c, func() error { s.print(a[0], "has it"); return nil })
			if rt.Is(err, "CancelledError") {
				s.print(a[0], "cancelled")
			}
			return nil, nil
		})
		s.run(func(c *Co) error {
			c.MustAwait(lock.Acquire())
			a, b, d := task(c, wants.Call("a")), task(c, wants.Call("b")), task(c, wants.Call("c"))
			c.MustAwait(Sleep(0))
			a.Cancel()
			_ = lock.Release()
			c.MustAwait(Gather(a, b, d))
			c.MustAwait(lock.Acquire())
			a, b = task(c, wants.Call("d")), task(c, wants.Call("e"))
			c.MustAwait(Sleep(0))
			_ = lock.Release()
			a.Cancel()
			c.MustAwait(Gather(a, b))
			s.print(lock.Locked())
			return nil
		})
	},
	"lock_barging": func(s *script) {
		lock := NewLock()
		a := def("a", func(c *Co) error {
			c.MustAwait(lock.Acquire())
			c.MustAwait(Sleep(0))
			_ = lock.Release()
			c.MustAwait(lock.Acquire())
			s.print("a again")
			return lock.Release()
		})
		b := def("b", func(c *Co) error { return lock.With(c, func() error { s.print("b"); return nil }) })
		s.run(func(c *Co) error { return asErr(c.Gather(a.Call(), b.Call())) })
	},
	"event_wakes_all": func(s *script) {
		e := NewEvent()
		waiter := Async("waiter", func(c *Co, a []any) (any, error) {
			s.print(a[0], c.MustAwait(e.Wait()))
			return nil, nil
		})
		s.run(func(c *Co) error {
			ts := tuple(task(c, waiter.Call("a")), task(c, waiter.Call("b")), task(c, waiter.Call("c")))
			c.MustAwait(Sleep(0))
			s.print(e.IsSet())
			e.Set()
			e.Clear()
			s.print("set and cleared")
			c.MustAwait(Gather(ts...))
			s.print(e.IsSet())
			e.Set()
			s.print(c.MustAwait(e.Wait()))
			return nil
		})
	},
	"condition_notify": func(s *script) {
		d := NewCondition(nil)
		waiter := Async("waiter", func(c *Co, a []any) (any, error) {
			return nil, d.With(c, func() error {
				c.MustAwait(d.Wait())
				s.print(a[0], "woken", d.Locked())
				return nil
			})
		})
		s.run(func(c *Co) error {
			ts := tuple(task(c, waiter.Call("a")), task(c, waiter.Call("b")), task(c, waiter.Call("c")), task(c, waiter.Call("d")))
			c.MustAwait(Sleep(0))
			_ = d.With(c, func() error { _ = d.Notify(1); s.print("one"); return nil })
			c.MustAwait(Sleep(ms(10)))
			_ = d.With(c, func() error { _ = d.Notify(2); s.print("two"); return nil })
			c.MustAwait(Sleep(ms(10)))
			_ = d.With(c, func() error { _ = d.NotifyAll(); s.print("all"); return nil })
			c.MustAwait(Gather(ts...))
			s.raised(d.Notify(1))
			s.raised(d.NotifyAll())
			_, err := c.Await(d.Wait())
			s.raised(err)
			return nil
		})
	},
	"condition_wait_for": func(s *script) {
		d := NewCondition(nil)
		var items []any
		consumer := def("consumer", func(c *Co) error {
			return d.With(c, func() error {
				c.MustAwait(d.WaitFor(func() bool { return len(items) >= 2 }))
				s.print("enough", items)
				return nil
			})
		})
		s.run(func(c *Co) error {
			t := task(c, consumer.Call())
			for _, x := range []string{"a", "b"} {
				c.MustAwait(Sleep(0))
				_ = d.With(c, func() error {
					items = append(items, x)
					_ = d.Notify(1)
					s.print("put", x)
					return nil
				})
			}
			return asErr(c.Await(t))
		})
	},
	"condition_cancel": func(s *script) {
		d := NewCondition(nil)
		waiter := Async("waiter", func(c *Co, a []any) (any, error) {
			err := d.With(c, func() error {
				if _, err := c.Await(d.Wait()); err != nil {
					return err
				}
				s.print(a[0], "woken")
				return nil
			})
			if rt.Is(err, "CancelledError") {
				state := "free"
				if d.Locked() {
					state = "held"
				}
				s.print(a[0], "cancelled, lock is", state)
			}
			return nil, nil
		})
		s.run(func(c *Co) error {
			a, b := task(c, waiter.Call("a")), task(c, waiter.Call("b"))
			c.MustAwait(Sleep(0))
			a.Cancel()
			c.MustAwait(Sleep(ms(10)))
			_ = d.With(c, func() error { return d.Notify(1) })
			return asErr(c.Gather(a, b))
		})
	},
	"semaphore_limit": func(s *script) {
		sem, _ := NewSemaphore(2)
		running, peak := 0, 0
		job := Async("job", func(c *Co, a []any) (any, error) {
			return nil, sem.With(c, func() error {
				running++
				peak = max(peak, running)
				s.print("job", a[0])
				c.MustAwait(Sleep(ms(10)))
				running--
				return nil
			})
		})
		s.run(func(c *Co) error {
			var all []any
			for i := range 6 {
				all = append(all, job.Call(i))
			}
			c.MustAwait(Gather(all...))
			s.print("peak", peak, sem.Locked())
			_, err := NewSemaphore(-1)
			s.raised(err)
			b, _ := NewBoundedSemaphore(1)
			c.MustAwait(b.Acquire())
			_ = b.Release()
			s.raised(b.Release())
			return nil
		})
	},
	"semaphore_fair": func(s *script) {
		sem, _ := NewSemaphore(1)
		a := def("a", func(c *Co) error {
			c.MustAwait(sem.Acquire())
			c.MustAwait(Sleep(ms(10)))
			_ = sem.Release()
			s.print("a tries again, locked:", sem.Locked())
			c.MustAwait(sem.Acquire())
			s.print("a")
			return sem.Release()
		})
		b := def("b", func(c *Co) error {
			c.MustAwait(sem.Acquire())
			s.print("b")
			return sem.Release()
		})
		s.run(func(c *Co) error { return asErr(c.Gather(a.Call(), b.Call())) })
	},
	"barrier_rounds": func(s *script) {
		b, _ := NewBarrier(3)
		party := Async("party", func(c *Co, a []any) (any, error) {
			for i := range 2 {
				s.print(a[0], "arrives", i)
				place := c.MustAwait(b.Wait())
				s.print(a[0], "passes", i, "as", place)
			}
			return nil, nil
		})
		s.run(func(c *Co) error {
			c.MustAwait(Gather(party.Call("x"), party.Call("y"), party.Call("z")))
			s.print(b.Parties(), b.NWaiting(), b.Broken())
			return nil
		})
	},
	"barrier_broken": func(s *script) {
		b, _ := NewBarrier(3)
		party := def("party", func(c *Co) error {
			_, err := c.Await(b.Wait())
			s.raised(err)
			return nil
		})
		s.run(func(c *Co) error {
			ts := tuple(task(c, party.Call()), task(c, party.Call()))
			c.MustAwait(Sleep(0))
			s.print(b.NWaiting())
			c.MustAwait(b.Reset())
			c.MustAwait(Gather(ts...))
			s.print(b.Broken(), b.NWaiting())
			ts = tuple(task(c, party.Call()), task(c, party.Call()))
			c.MustAwait(Sleep(0))
			c.MustAwait(b.Abort())
			c.MustAwait(Gather(ts...))
			c.MustAwait(party.Call())
			s.print(b.Broken())
			return nil
		})
	},
	"queue_fifo": func(s *script) {
		q := NewQueue(2)
		producer := def("producer", func(c *Co) error {
			for i := range 5 {
				c.MustAwait(q.Put(i))
				s.print("put", i, q.QSize())
			}
			c.MustAwait(q.Put(nil))
			return nil
		})
		consumer := def("consumer", func(c *Co) error {
			for x := c.MustAwait(q.Get()); x != nil; x = c.MustAwait(q.Get()) {
				s.print("got", x)
				c.MustAwait(Sleep(0))
			}
			return nil
		})
		s.run(func(c *Co) error {
			s.print(q.Empty(), q.Full(), q.MaxSize())
			return asErr(c.Gather(producer.Call(), consumer.Call()))
		})
	},
	"queue_kinds": func(s *script) {
		s.run(func(c *Co) error {
			for _, q := range []*Queue{NewQueue(0), NewLifoQueue(0), NewPriorityQueue(0)} {
				for _, x := range []int{3, 1, 2, 5, 4} {
					_ = q.PutNowait(x)
				}
				var got []any
				for range 5 {
					got = append(got, c.MustAwait(q.Get()))
				}
				s.print(got)
			}
			q := NewPriorityQueue(0)
			for _, x := range [][]any{tuple(2, "b"), tuple(1, "z"), tuple(1, "a")} {
				_ = q.PutNowait(x)
			}
			var got []any
			for range 3 {
				v, _ := q.GetNowait()
				got = append(got, v)
			}
			s.print(got)
			_ = q.PutNowait(1)
			s.raised(q.PutNowait("x"))
			return nil
		})
	},
	"queue_nowait": func(s *script) {
		s.run(func(c *Co) error {
			q := NewQueue(1)
			_, err := q.GetNowait()
			s.raised(err)
			_ = q.PutNowait("a")
			s.print(q)
			s.raised(q.PutNowait("b"))
			v, _ := q.GetNowait()
			s.print(v, q.Empty())
			_ = q.TaskDone()
			s.raised(q.TaskDone())
			return nil
		})
	},
	"queue_join": func(s *script) {
		q := NewQueue(0)
		worker := Async("worker", func(c *Co, a []any) (any, error) {
			for {
				x, err := c.Await(q.Get())
				if err != nil {
					return nil, err
				}
				c.MustAwait(Sleep(ms(10)))
				s.print(a[0], "did", x)
				_ = q.TaskDone()
			}
		})
		s.run(func(c *Co) error {
			for i := range 4 {
				_ = q.PutNowait(i)
			}
			a, b := task(c, worker.Call("a")), task(c, worker.Call("b"))
			c.MustAwait(q.Join())
			s.print("all done")
			a.Cancel()
			b.Cancel()
			s.print(c.MustAwait(GatherAll(a, b)))
			c.MustAwait(q.Join())
			return nil
		})
	},
	"queue_cancel": func(s *script) {
		q := NewQueue(0)
		getter := Async("getter", func(c *Co, a []any) (any, error) {
			v, err := c.Await(q.Get())
			if err != nil {
				s.print(a[0], "cancelled")
			} else {
				s.print(a[0], "got", v)
			}
			return nil, nil
		})
		s.run(func(c *Co) error {
			a, b, d := task(c, getter.Call("a")), task(c, getter.Call("b")), task(c, getter.Call("c"))
			c.MustAwait(Sleep(0))
			a.Cancel()
			_ = q.PutNowait(1)
			c.MustAwait(Sleep(0))
			_ = q.PutNowait(2)
			c.MustAwait(Gather(a, b, d))
			a, b = task(c, getter.Call("d")), task(c, getter.Call("e"))
			c.MustAwait(Sleep(0))
			_ = q.PutNowait(3)
			a.Cancel()
			c.MustAwait(Gather(a, b))
			return nil
		})
	},
	"queue_shutdown": func(s *script) {
		getter := Async("getter", func(c *Co, a []any) (any, error) {
			for {
				v, err := c.Await(a[0].(*Queue).Get())
				if err != nil {
					s.raised(err)
					return nil, nil
				}
				s.print("got", v)
			}
		})
		s.run(func(c *Co) error {
			q := NewQueue(0)
			for i := range 2 {
				_ = q.PutNowait(i)
			}
			q.Shutdown(false)
			_, err := c.Await(q.Put(3))
			s.raised(err, "put")
			c.MustAwait(getter.Call(q))
			q = NewQueue(0)
			t := task(c, getter.Call(q))
			c.MustAwait(Sleep(0))
			q.Shutdown(true)
			return asErr(c.Await(t))
		})
	},
}

type countdown struct{ n int }

func (x *countdown) Anext() any {
	return Async("__anext__", func(c *Co, _ []any) (any, error) {
		if x.n == 0 {
			return nil, rt.Raise("StopAsyncIteration", "")
		}
		c.MustAwait(Sleep(0))
		x.n--
		return x.n, nil
	}).Call()
}

var asyncGenPrograms = map[string]func(s *script){
	"agen_for": func(s *script) {
		asyncRange := AsyncGen("async_range", func(c *Co, y *Yielder, a []any) error {
			for i := range a[0].(int) {
				c.MustAwait(Sleep(0))
				if _, err := y.Yield(i); err != nil {
					return err
				}
			}
			return nil
		})
		prints := Async("prints", func(c *Co, a []any) (any, error) {
			return nil, AsyncFor(c, asyncRange.Call(3), func(v any) error { s.print(a[0], v); return nil })
		})
		s.run(func(c *Co) error {
			var list []any
			_ = AsyncFor(c, asyncRange.Call(5), func(v any) error { list = append(list, v); return nil })
			s.print(list)
			return asErr(c.Gather(prints.Call("a"), prints.Call("b")))
		})
	},
	"agen_break": func(s *script) {
		gen := AsyncGen("gen", func(c *Co, y *Yielder, a []any) error {
			var err error
			for i := 0; i < 3 && err == nil; i++ {
				_, err = y.Yield(i)
			}
			s.print(a[0], "cleanup begins")
			c.MustAwait(Sleep(0))
			s.print(a[0], "cleanup ends")
			return err
		})
		breaks := func(any) error { return Break }
		s.run(func(c *Co) error {
			_ = AsyncFor(c, gen.Call("a"), breaks)
			s.print("after break")
			c.MustAwait(Sleep(ms(10)))
			g := gen.Call("b")
			err := Aclosing(c, g, func() error { return AsyncFor(c, g, breaks) })
			s.print("after aclosing")
			return err
		})
	},
	"agen_methods": func(s *script) {
		gen := AsyncGen("gen", func(c *Co, y *Yielder, _ []any) error {
			defer s.print("cleanup")
			x, err := y.Yield(1)
			if err != nil {
				return err
			}
			s.print("sent", x)
			_, err = y.Yield(2)
			if rt.Is(err, "ValueError") {
				s.print("caught", rt.Repr(err))
				_, err = y.Yield(3)
			}
			return err
		})
		s.run(func(c *Co) error {
			g := gen.Call()
			s.print(c.MustAwait(g.Anext()))
			s.print(c.MustAwait(g.ASend("hello")))
			s.print(c.MustAwait(g.AThrow(rt.Raise("ValueError", "v"))))
			c.MustAwait(g.AClose())
			for _, step := range []any{g.Anext(), g.ASend(nil), g.AClose()} {
				v, err := c.Await(step)
				if err != nil {
					v = rt.Repr(err)
				}
				s.print(v)
			}
			g = gen.Call()
			_, err := c.Await(g.ASend(5))
			s.raised(err)
			return asErr(c.Await(g.AClose()))
		})
	},
	"agen_concurrent": func(s *script) {
		gen := AsyncGen("gen", func(c *Co, y *Yielder, _ []any) error {
			c.MustAwait(Sleep(ms(10)))
			if _, err := y.Yield(1); err != nil {
				return err
			}
			_, err := y.Yield(2)
			return err
		})
		step := Async("step", func(c *Co, a []any) (any, error) { return c.Await(a[0].(*AsyncGenerator).Anext()) })
		s.run(func(c *Co) error {
			g := gen.Call()
			s.print(c.MustAwait(GatherAll(step.Call(g), step.Call(g))))
			s.print(c.MustAwait(step.Call(g)))
			next := g.Anext()
			_, err := c.Await(next)
			s.raised(err)
			_, err = c.Await(next)
			s.raised(err)
			return nil
		})
	},
	"agen_misuse": func(s *script) {
		gen := AsyncGen("gen", func(_ *Co, y *Yielder, _ []any) error { return asErr(y.Yield(1)) })
		plain := Gen("plain", func(y *Yielder, _ []any) (any, error) { return y.Yield(1) })
		s.run(func(c *Co) error {
			nothing := func(any) error { return nil }
			for _, x := range []any{[]any{1}, 3, plain.Call(), Async("main", nil)} {
				s.raised(AsyncFor(c, x, nothing))
			}
			s.raised(For(gen.Call(), nothing))
			_, err := c.Await(gen.Call())
			s.raised(err)
			return nil
		})
	},
	"agen_errors": func(s *script) {
		fails := AsyncGen("fails", func(_ *Co, y *Yielder, _ []any) error {
			_, _ = y.Yield(1)
			return rt.Raise("ValueError", "in the body")
		})
		stops := AsyncGen("stops", func(_ *Co, y *Yielder, _ []any) error {
			_, _ = y.Yield(1)
			return rt.Raise("StopAsyncIteration", "mine")
		})
		stubborn := AsyncGen("stubborn", func(_ *Co, y *Yielder, _ []any) error {
			_, _ = y.Yield(1)
			return asErr(y.Yield(2))
		})
		s.run(func(c *Co) error {
			s.raised(AsyncFor(c, fails.Call(), func(v any) error { s.print(v); return nil }))
			g := stops.Call()
			c.MustAwait(g.Anext())
			_, err := c.Await(g.Anext())
			s.raised(err)
			g = stubborn.Call()
			c.MustAwait(g.Anext())
			_, err = c.Await(g.AClose())
			s.raised(err)
			return nil
		})
	},
	"agen_class": func(s *script) {
		s.run(func(c *Co) error {
			return AsyncFor(c, &countdown{3}, func(v any) error { s.print(v); return nil })
		})
	},
	"agen_pages": func(s *script) {
		var requests []any
		fetch := Async("fetch", func(c *Co, a []any) (any, error) {
			page := a[0].(int)
			requests = append(requests, page)
			c.MustAwait(Sleep(0))
			return tuple(page*3, page*3+1, page*3+2), nil
		})
		items := AsyncGen("items", func(c *Co, y *Yielder, _ []any) error {
			for page := range 10 {
				for _, x := range c.MustAwait(fetch.Call(page)).([]any) {
					if _, err := y.Yield(x); err != nil {
						return err
					}
				}
			}
			return nil
		})
		s.run(func(c *Co) error {
			err := AsyncFor(c, items.Call(), func(v any) error {
				s.print(v)
				if v == 4 {
					return Break
				}
				return nil
			})
			s.print("requests:", requests)
			return err
		})
	},
	"agen_left_open": func(s *script) {
		gen := AsyncGen("gen", func(c *Co, y *Yielder, _ []any) error {
			_, err := y.Yield(1)
			c.MustAwait(Sleep(0))
			s.print("closed at the end of the loop")
			return err
		})
		s.run(func(c *Co) error {
			s.print(c.MustAwait(gen.Call().Anext()))
			s.print("main ends")
			return nil
		})
	},
}
