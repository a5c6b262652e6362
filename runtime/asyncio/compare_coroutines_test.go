package asyncio

import (
	"fmt"
	"strings"

	rt "braid/runtime"
)

// types.coroutine: a generator that yields what it is given.
var passThrough = TypesCoroutine(Gen("bad", func(y *Yielder, a []any) (any, error) { return y.Yield(a[0]) }))

type ticket struct{ n int }

func (x ticket) Await() any {
	return Gen("__await__", func(y *Yielder, _ []any) (any, error) {
		for range x.n {
			if _, err := y.Yield(nil); err != nil {
				return nil, err
			}
		}
		return fmt.Sprintf("after %d", x.n), nil
	}).Call()
}

type awaitsInt struct{}

func (awaitsInt) Await() any { return 3 }

type awaitsCoroutine struct{}

func (awaitsCoroutine) Await() any { return Sleep(0) }

var coroutinePrograms = map[string]func(s *script){
	"coro_send": func(s *script) {
		co := Async("fetch_data", func(c *Co, _ []any) (any, error) {
			s.print("start")
			_, _ = c.Sleep(0)
			_, _ = c.Sleep(0)
			s.print("done")
			return 42, nil
		}).Call()
		s.print("nothing has run yet")
		a, _ := co.Send(nil)
		b, _ := co.Send(nil)
		s.print(a, b)
		_, err := co.Send(nil)
		s.print(rt.Repr(err), asException(err).Value)
	},
	"coro_states": func(s *script) {
		var co *Coroutine
		co = def("coro", func(c *Co) error {
			s.print(co.State())
			_, err := c.Sleep(0)
			return err
		}).Call()
		s.print(co.State())
		_, _ = co.Send(nil)
		s.print(co.State())
		_, _ = co.Send(nil)
		s.print(co.State())
	},
	"coro_misuse": func(s *script) {
		co := Async("coro", func(c *Co, _ []any) (any, error) {
			_, err := c.Sleep(0)
			return 1, err
		}).Call()
		_, err := co.Send(5)
		s.raised(err)
		_, _ = co.Send(nil)
		_, err = co.Send(nil)
		s.raised(err)
		_, err = co.Send(nil)
		s.raised(err)
		_, err = co.Throw(rt.Raise("ValueError", "late"))
		s.raised(err)
		_ = co.Close()
	},
	"coro_throw": func(s *script) {
		inner := Async("inner", func(c *Co, _ []any) (any, error) {
			_, err := c.Sleep(0)
			if rt.Is(err, "ValueError") {
				s.print("inner", rt.Repr(err))
				return "saved", nil
			}
			return nil, err
		})
		outer := Async("outer", func(c *Co, _ []any) (any, error) {
			v, err := c.Await(inner.Call())
			if err != nil {
				return nil, err
			}
			s.print("outer has", v)
			return c.Sleep(0)
		})
		co := outer.Call()
		_, _ = co.Send(nil)
		v, _ := co.Throw(rt.Raise("ValueError", "v"))
		s.print(v)
		_, err := co.Throw(rt.Raise("KeyError", "k"))
		s.raised(err)
		_, err = outer.Call().Throw(rt.Raise("ValueError", "early"))
		s.raised(err, "never began")
	},
	"coro_close": func(s *script) {
		coro := Async("coro", func(c *Co, a []any) (any, error) {
			defer s.print(a[0], "cleanup")
			return c.Sleep(0)
		})
		co := coro.Call("a")
		_, _ = co.Send(nil)
		_ = co.Close()
		_ = co.Close()
		d := coro.Call("b")
		_ = d.Close()
		_, err := d.Send(nil)
		s.raised(err)
		e := def("stubborn", func(c *Co) error {
			if _, err := c.Sleep(0); rt.Is(err, "GeneratorExit") {
				s.print("no")
			}
			_, err := c.Sleep(0)
			return err
		}).Call()
		_, _ = e.Send(nil)
		s.raised(e.Close())
		_ = e.Close()
	},
	"coro_await_twice": func(s *script) {
		answer := Async("answer", func(*Co, []any) (any, error) { return 42, nil })
		s.run(func(c *Co) error {
			co := answer.Call()
			s.print(c.MustAwait(co))
			_, err := c.Await(co)
			s.raised(err)
			t, _ := c.CreateTask(answer.Call())
			s.print(c.MustAwait(t), c.MustAwait(t))
			return nil
		})
	},
	"coro_never_awaited": func(s *script) {
		fetch := def("fetch", func(*Co) error { s.print("runs"); return nil })
		scope := rt.NewScope()
		s.run(func(c *Co) error {
			c.Loop().scope = scope
			fetch.Call()
			Sleep(ms(1000))
			for _, co := range c.Loop().started[:2] {
				_ = co
			}
			c.Loop().reportUnawaited()
			for _, w := range scope.Warnings() {
				s.print(w.Category, w.Message)
			}
			return asErr(c.Await(fetch.Call()))
		})
	},
	"coro_not_awaitable": func(s *script) {
		gen := Gen("gen", func(y *Yielder, _ []any) (any, error) { return y.Yield(1) })
		s.run(func(c *Co) error {
			for _, x := range []any{1, "s", nil, 1.5, []any{1}, gen.Call(), Async("main", nil)} {
				_, err := c.Await(x)
				s.raised(err)
			}
			return nil
		})
	},
	"coro_types_coroutine": func(s *script) {
		co := Async("talk", func(c *Co, _ []any) (any, error) {
			name := c.MustAwait(passThrough.Call("name?"))
			age := c.MustAwait(passThrough.Call("age?"))
			return tuple(name, age), nil
		}).Call()
		v, _ := co.Send(nil)
		s.print(v)
		v, _ = co.Send("Ada")
		s.print(v)
		_, err := co.Send(36)
		s.print(asException(err).Value)
	},
	"coro_dunder_await": func(s *script) {
		s.run(func(c *Co) error {
			s.print(c.MustAwait(ticket{0}), c.MustAwait(ticket{3}))
			for _, x := range []any{awaitsInt{}, awaitsCoroutine{}} {
				_, err := c.Await(x)
				s.raised(err)
			}
			return nil
		})
	},
	"coro_no_suspension": func(s *script) {
		var order []any
		noop := def("noop", func(*Co) error { return nil })
		a := def("a", func(c *Co) error {
			for i := range 3 {
				order = append(order, fmt.Sprint("a", i))
				c.MustAwait(noop.Call())
			}
			return nil
		})
		b := def("b", func(*Co) error { order = append(order, "b"); return nil })
		s.run(func(c *Co) error {
			c.MustAwait(Gather(a.Call(), b.Call()))
			f := c.Loop().NewFuture()
			_ = f.SetResult(1)
			t, _ := c.CreateTask(b.Call())
			c.MustAwait(f)
			order = append(order, "still here")
			c.MustAwait(t)
			s.print(order)
			return nil
		})
	},
	"coro_being_awaited": func(s *script) {
		inner := def("inner", func(c *Co) error { return asErr(c.Sleep(0)) })
		waits := Async("waits", func(c *Co, a []any) (any, error) { return c.Await(a[0]) })
		s.run(func(c *Co) error {
			co := inner.Call()
			s.print(c.MustAwait(GatherAll(waits.Call(co), waits.Call(co))))
			return nil
		})
	},
	"coro_stop_iteration": func(s *script) {
		bad := def("bad", func(*Co) error { return stop(5) })
		s.run(func(c *Co) error {
			_, err := c.Await(bad.Call())
			s.print(rt.Repr(err), rt.Repr(asException(err).Cause))
			return nil
		})
	},
	"coro_executing": func(s *script) {
		var co *Coroutine
		co = def("coro", func(c *Co) error {
			_, err := co.Send(nil)
			s.raised(err)
			c.MustAwait(passThrough.Call(nil))
			s.raised(co.Close())
			return nil
		}).Call()
		_, _ = co.Send(nil)
		_, err := co.Send(nil)
		s.raised(err)
	},
	"coro_chain": func(s *script) {
		leaf := Async("leaf", func(c *Co, a []any) (any, error) {
			_, err := c.Sleep(0)
			return a[0].(int) + 1, err
		})
		middle := Async("middle", func(c *Co, a []any) (any, error) {
			return c.MustAwait(leaf.Call(a[0])).(int) * 10, nil
		})
		s.run(func(c *Co) error {
			s.print(c.MustAwait(middle.Call(c.MustAwait(middle.Call(1)))))
			return nil
		})
	},
	"coro_exception_path": func(s *script) {
		leaf := def("leaf", func(c *Co) error {
			defer s.print("leaf cleanup")
			c.MustAwait(Sleep(0))
			return rt.Raise("ValueError", "deep")
		})
		middle := def("middle", func(c *Co) error {
			defer s.print("middle cleanup")
			return asErr(c.Await(leaf.Call()))
		})
		s.run(func(c *Co) error {
			_, err := c.Await(middle.Call())
			s.raised(err)
			_, err = c.Await(leaf.Call())
			e := rt.Raise("KeyError", "outer").From(err)
			s.print(rt.Repr(e), rt.Repr(e.Cause))
			return nil
		})
	},
	"coro_bad_yield": func(s *script) {
		s.run(func(c *Co) error {
			for _, x := range []any{1, "s"} {
				_, err := c.Await(passThrough.Call(x))
				s.raised(err)
			}
			_, err := c.Await(passThrough.Call(c.Loop().NewFuture()))
			s.print(strings.HasPrefix(asException(err).Msg, "yield was used instead of yield from in task <Task pending name='Task-1'"))
			return nil
		})
	},
	"coro_await_outside_loop": func(s *script) {
		co := def("coro", func(c *Co) error { return asErr(c.Sleep(ms(1000))) }).Call()
		_, err := co.Send(nil)
		s.raised(err)
		loop := NewLoop()
		f := loop.NewFuture()
		co = Async("wait_for", func(c *Co, a []any) (any, error) { return c.Await(a[0]) }).Call(f)
		v, _ := co.Send(nil)
		s.print(v == f)
		_, err = co.Send(nil)
		s.raised(err)
		_ = loop.Close()
	},
}

// asErr is the error alone.
func asErr(_ any, err error) error { return err }
