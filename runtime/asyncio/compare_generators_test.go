package asyncio

import (
	rt "braid/runtime"
)

var generatorPrograms = map[string]func(s *script){
	"gen_next": func(s *script) {
		g := Gen("gen", func(y *Yielder, _ []any) (any, error) {
			s.print("begins")
			_, _ = y.Yield(1)
			s.print("goes on")
			_, _ = y.Yield(2)
			return "done", nil
		}).Call()
		s.print("made")
		a, _ := g.Next()
		b, _ := g.Next()
		s.print(a, b)
		for range 2 {
			_, err := g.Next()
			s.print(rt.Repr(err), asException(err).Value)
		}
	},
	"gen_for": func(s *script) {
		squares := Gen("squares", func(y *Yielder, a []any) (any, error) {
			for i := range a[0].(int) {
				if _, err := y.Yield(i * i); err != nil {
					return nil, err
				}
			}
			return nil, nil
		})
		_ = For(squares.Call(4), func(v any) error { s.print(v); return nil })
		list, _ := List(squares.Call(5))
		sum := 0
		_ = For(squares.Call(6), func(v any) error { sum += v.(int); return nil })
		s.print(list, sum)
	},
	"gen_send": func(s *script) {
		g := Gen("averager", func(y *Yielder, _ []any) (any, error) {
			total, n := 0, 0
			var mean any
			for {
				x, err := y.Yield(mean)
				if err != nil {
					return nil, err
				}
				if x == nil {
					return n, nil
				}
				total += x.(int)
				n++
				mean = total / n
			}
		}).Call()
		v, _ := g.Next()
		s.print(v)
		for _, x := range []int{10, 20, 60} {
			v, _ = g.Send(x)
			s.print(v)
		}
		_, err := g.Send(nil)
		s.print("returned", asException(err).Value)
	},
	"gen_send_unstarted": func(s *script) {
		g := Gen("gen", func(y *Yielder, _ []any) (any, error) {
			v, err := y.Yield(1)
			s.print("got", v)
			return nil, err
		}).Call()
		_, err := g.Send("x")
		s.raised(err)
		v, _ := g.Send(nil)
		s.print(v)
		_, err = g.Send("y")
		s.raised(err)
	},
	"gen_throw": func(s *script) {
		gen := Gen("gen", func(y *Yielder, _ []any) (any, error) {
			for {
				v, err := y.Yield("ready")
				if rt.Is(err, "ValueError") {
					s.print("caught", rt.Repr(err))
					_, err = y.Yield("recovered")
				} else if err == nil {
					s.print("resumed with", v)
				}
				if err != nil {
					return nil, err
				}
			}
		})
		g := gen.Call()
		_, _ = g.Next()
		v, _ := g.Throw(rt.Raise("ValueError", "bad"))
		s.print(v)
		v, _ = g.Next()
		s.print(v)
		_, err := g.Throw(rt.Raise("KeyError", "other"))
		s.raised(err, "left with")
		_, err = g.Next()
		s.raised(err)
		h := gen.Call()
		_, err = h.Throw(rt.Raise("ValueError", "early"))
		s.raised(err, "not begun")
		_, err = h.Next()
		s.raised(err)
	},
	"gen_close": func(s *script) {
		gen := Gen("gen", func(y *Yielder, _ []any) (any, error) {
			defer s.print("cleanup")
			_, err := y.Yield(1)
			if err == nil {
				_, err = y.Yield(2)
			}
			if rt.Is(err, "GeneratorExit") {
				s.print("exit")
			}
			return nil, err
		})
		g := gen.Call()
		_, _ = g.Next()
		_, _ = g.Close()
		_, _ = g.Close()
		h := gen.Call()
		_, _ = h.Close()
		_, err := h.Next()
		s.raised(err)
	},
	"gen_close_ignored": func(s *script) {
		g := Gen("stubborn", func(y *Yielder, _ []any) (any, error) {
			for range 3 { // Python's goes on for ever, and is ended by the end of the process
				if _, err := y.Yield(1); rt.Is(err, "GeneratorExit") {
					s.print("no")
				}
			}
			return nil, nil
		}).Call()
		_, _ = g.Next()
		_, err := g.Close()
		s.raised(err)
		_, _ = g.Close()
		g = Gen("failing", func(y *Yielder, _ []any) (any, error) {
			_, _ = y.Yield(1)
			return nil, rt.Raise("ValueError", "in cleanup")
		}).Call()
		_, _ = g.Next()
		_, err = g.Close()
		s.raised(err)
	},
	"gen_close_value": func(s *script) {
		g := Gen("gen", func(y *Yielder, _ []any) (any, error) {
			if _, err := y.Yield(1); rt.Is(err, "GeneratorExit") {
				return "partial", nil
			}
			return nil, nil
		}).Call()
		_, _ = g.Next()
		v, _ := g.Close()
		s.print(v)
		v, _ = g.Close()
		s.print(v)
	},
	"gen_yield_from": func(s *script) {
		inner := Gen("inner", func(y *Yielder, a []any) (any, error) {
			n := a[0].(int)
			for i := range n {
				got, err := y.Yield(i)
				if err != nil {
					return nil, err
				}
				if got != nil {
					s.print("inner got", got)
				}
			}
			return n * 100, nil
		})
		g := Gen("outer", func(y *Yielder, _ []any) (any, error) {
			a, err := y.From(inner.Call(2))
			if err != nil {
				return nil, err
			}
			b, err := y.From(inner.Call(1))
			if err != nil {
				return nil, err
			}
			return a.(int) + b.(int), nil
		}).Call()
		a, _ := g.Next()
		b, _ := g.Send("hello")
		d, _ := g.Next()
		s.print(a, b, d)
		_, err := g.Next()
		s.print(asException(err).Value)
	},
	"gen_yield_from_throw": func(s *script) {
		inner := Gen("inner", func(y *Yielder, _ []any) (any, error) {
			defer s.print("inner cleanup")
			_, err := y.Yield(1)
			if rt.Is(err, "ValueError") {
				s.print("inner", rt.Repr(err))
				_, err = y.Yield(2)
			}
			return nil, err
		})
		outer := Gen("outer", func(y *Yielder, _ []any) (any, error) {
			_, err := y.From(inner.Call())
			if rt.Is(err, "KeyError") {
				s.print("outer", rt.Repr(err))
				err = nil
			}
			s.print("outer cleanup")
			if err != nil {
				return nil, err
			}
			_, err = y.Yield(3)
			return nil, err
		})
		g := outer.Call()
		a, _ := g.Next()
		b, _ := g.Throw(rt.Raise("ValueError", "v"))
		d, _ := g.Throw(rt.Raise("KeyError", "k"))
		s.print(a, b, d)
		_, _ = g.Close()
		g = outer.Call()
		_, _ = g.Next()
		_, _ = g.Close()
	},
	"gen_yield_from_iterables": func(s *script) {
		list, _ := List(Gen("gen", func(y *Yielder, _ []any) (any, error) {
			for _, it := range []any{[]any{1, 2}, "ab", Range(2)} {
				if _, err := y.From(it); err != nil {
					return nil, err
				}
			}
			x, err := y.From([]any{})
			s.print(x)
			return nil, err
		}).Call())
		s.print(list)
		_, err := List(Gen("bad", func(y *Yielder, _ []any) (any, error) { return y.From(3) }).Call())
		s.raised(err)
	},
	"gen_stop_inside": func(s *script) {
		g := Gen("gen", func(y *Yielder, _ []any) (any, error) {
			_, _ = y.Yield(1)
			return nil, rt.Raise("StopIteration", "mine")
		}).Call()
		_, _ = g.Next()
		_, err := g.Next()
		s.print(rt.Repr(err), rt.Repr(asException(err).Cause))
		it, _ := Iter([]any{1, 2})
		takes := Gen("takes", func(y *Yielder, a []any) (any, error) {
			for {
				v, err := Next(a[0])
				if err != nil {
					return nil, err
				}
				if _, err := y.Yield(v); err != nil {
					return nil, err
				}
			}
		})
		_, err = List(takes.Call(it))
		s.raised(err)
	},
	"gen_executing": func(s *script) {
		var g *Generator
		g = Gen("gen", func(y *Yielder, _ []any) (any, error) {
			_, _ = y.Yield(1)
			_, err := g.Next()
			s.raised(err)
			_, err = g.Close()
			s.raised(err)
			return y.Yield(2)
		}).Call()
		a, _ := g.Next()
		b, _ := g.Next()
		s.print(a, b)
		_, _ = g.Close()
	},
	"gen_states": func(s *script) {
		var g *Generator
		g = Gen("gen", func(y *Yielder, _ []any) (any, error) {
			s.print(g.State())
			return y.Yield(1)
		}).Call()
		s.print(g.State())
		_, _ = g.Next()
		s.print(g.State())
		_, _ = g.Close()
		s.print(g.State())
	},
	"gen_error": func(s *script) {
		g := Gen("gen", func(y *Yielder, _ []any) (any, error) {
			_, _ = y.Yield(1)
			return nil, rt.Raise("ValueError", "in the body")
		}).Call()
		s.raised(For(g, func(v any) error { s.print(v); return nil }))
		list, _ := List(g)
		s.print(list)
	},
	"gen_lazy": func(s *script) {
		made := 0
		count := Gen("count", func(y *Yielder, _ []any) (any, error) {
			for n := 0; ; n++ {
				made++
				if _, err := y.Yield(n); err != nil {
					return nil, err
				}
			}
		})
		evens := Gen("evens", func(y *Yielder, a []any) (any, error) {
			return nil, For(a[0], func(v any) (err error) {
				if v.(int)%2 == 0 {
					_, err = y.Yield(v)
				}
				return err
			})
		})
		first := Gen("first", func(y *Yielder, a []any) (any, error) {
			n := a[0].(int)
			return nil, For(a[1], func(v any) error {
				if n == 0 {
					return Break
				}
				_, err := y.Yield(v)
				n--
				return err
			})
		})
		_ = For(first.Call(3, evens.Call(count.Call())), func(v any) error {
			s.print(v, made)
			return nil
		})
	},
	"gen_not_iterable": func(s *script) {
		c := Async("coro", func(*Co, []any) (any, error) { return 1, nil }).Call()
		for _, f := range []func() error{
			func() error { _, err := Iter(3); return err },
			func() error { _, err := Next(3); return err },
			func() error { _, err := Next([]any{1}); return err },
			func() error { _, err := Iter(c); return err },
			func() error { _, err := Next(c); return err },
			func() error { _, err := List(nil); return err },
		} {
			s.raised(f())
		}
		_ = c.Close()
	},
	"gen_break": func(s *script) {
		g := Gen("gen", func(y *Yielder, _ []any) (any, error) {
			defer s.print("cleanup")
			for i := range 5 {
				if _, err := y.Yield(i); err != nil {
					return nil, err
				}
			}
			return nil, nil
		}).Call()
		_ = For(g, func(v any) error {
			if v == 2 {
				return Break
			}
			return nil
		})
		s.print("after break")
		v, _ := g.Next()
		s.print(v)
		_, _ = g.Close()
	},
	"gen_trampoline": func(s *script) {
		worker := Gen("worker", func(y *Yielder, a []any) (any, error) {
			for i := range a[1].(int) {
				s.print(a[0], i)
				if _, err := y.Yield(nil); err != nil {
					return nil, err
				}
			}
			return a[0], nil
		})
		ready := []*Generator{worker.Call("a", 2), worker.Call("b", 3), worker.Call("c", 1)}
		for len(ready) > 0 {
			g := ready[0]
			ready = ready[1:]
			if _, err := g.Send(nil); err != nil {
				s.print("end of", asException(err).Value)
				continue
			}
			ready = append(ready, g)
		}
	},
}
