package asyncio

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	rt "braid/runtime"
	"braid/runtime/futures"
	"braid/runtime/threading"
)

// realPrograms need the machine's clock: threads, sockets, loops driven by hand.
var realPrograms = map[string]func(s *script){
	"real_to_thread": func(s *script) {
		work := func(x string) (any, error) {
			time.Sleep(ms(20))
			if x == "bad" {
				return nil, rt.Raise("ValueError", "%s", x)
			}
			return x + x, nil
		}
		s.run(func(c *Co) error {
			s.print(c.MustAwait(ToThread(work, "ab")))
			s.print(c.MustAwait(Gather(ToThread(work, "0"), ToThread(work, "1"), ToThread(work, "2"), ToThread(work, "3"))))
			_, err := c.ToThread(work, "bad")
			s.raised(err)
			_, err = c.ToThread(3)
			s.raised(err)
			return nil
		})
	},
	"real_context_threads": func(s *script) {
		v, empty := NewContextVar("v", "default"), NewContextVar("empty")
		look := func(t *rt.Thread, name string) (any, error) {
			x, err := v.Get(t)
			if err != nil {
				return nil, err
			}
			_, missing := empty.Get(t)
			s.print(name, x, missing != nil)
			v.Set(t, "set by "+name)
			return v.Get(t)
		}
		s.run(func(c *Co) error {
			v.Set(c, "main")
			empty.Set(c, "not empty")
			s.print(c.ToThread(look, "to_thread"))
			x, _ := v.Get(c)
			s.print(x)
			pool, err := futures.NewThreadPoolExecutor(nil, 1)
			if err != nil {
				return err
			}
			pool.With(nil, func() {
				s.print(c.RunInExecutor(pool, look, "executor"))
				s.print(c.RunInExecutor(pool, look, "executor again"))
			})
			in := rt.New(rt.GIL310)
			if err := in.Run(func(t *rt.Thread) error {
				th := threading.NewThread(in, "", func(t *rt.Thread) { _, _ = look(t, "thread") })
				if err := th.Start(t); err != nil {
					return err
				}
				return th.Join(t, -1)
			}); err != nil {
				return err
			}
			x, _ = v.Get(c)
			s.print(x)
			a := task(c, Async("child", func(c *Co, _ []any) (any, error) { v.Set(c, "child"); return c.ToThread(look, "child's thread") }).Call())
			s.print(c.MustAwait(a))
			plain := func() (any, error) { return v.Get(nil) }
			s.print(c.ToThread(plain))
			return nil
		})
	},
	"real_executor_cancel": func(s *script) {
		s.run(func(c *Co) error {
			pool, err := futures.NewThreadPoolExecutor(nil, 1)
			if err != nil {
				return err
			}
			pool.With(nil, func() {
				job := func(x string, d time.Duration) {
					time.Sleep(d)
					s.print("did", x)
				}
				a := c.Loop().RunInExecutor(pool, job, "a", ms(50))
				b := c.Loop().RunInExecutor(pool, job, "b", ms(0))
				c.MustAwait(Sleep(ms(10)))
				s.print(a.Cancel(), b.Cancel())
				for _, f := range []*Future{a, b} {
					_, err := c.Await(f)
					s.raised(err)
				}
			})
			s.print("the running one ended all the same")
			return nil
		})
	},
	"real_executor_misuse": func(s *script) {
		length := func(x string) int { return len(x) }
		s.run(func(c *Co) error {
			pool, err := futures.NewThreadPoolExecutor(nil, 1)
			if err != nil {
				return err
			}
			s.print(c.MustAwait(c.Loop().RunInExecutor(pool, length, "abc")))
			pool.Shutdown(nil, true, false)
			_, err = c.RunInExecutor(pool, length, "abc")
			s.raised(err)
			c.MustAwait(c.Loop().ShutdownDefaultExecutor())
			_, err = c.RunInExecutor(nil, length, "abc")
			s.raised(err)
			return nil
		})
	},
	"real_threadsafe": func(s *script) {
		s.run(func(c *Co) error {
			l := c.Loop()
			done := l.NewFuture()
			var seen []any
			var wg sync.WaitGroup
			wg.Go(func() {
				for i := range 3 {
					_, _ = l.CallSoonThreadsafe(func() { seen = append(seen, i) })
				}
				_, _ = l.CallSoonThreadsafe(func() { _ = done.SetResult("from a thread") })
			})
			s.print(c.MustAwait(done), seen)
			wg.Wait()
			return nil
		})
	},
	"real_coroutine_threadsafe": func(s *script) {
		double := Async("double", func(c *Co, a []any) (any, error) {
			c.MustAwait(Sleep(ms(10)))
			if a[0] == nil {
				return nil, rt.Raise("ValueError", "nothing")
			}
			return a[0].(int) * 2, nil
		})
		s.run(func(c *Co) error {
			l := c.Loop()
			return asErr(c.ToThread(func(t *rt.Thread) (any, error) {
				f, _ := l.RunCoroutineThreadsafe(t, double.Call(21))
				v, _ := f.Result(t)
				s.print(v)
				f, _ = l.RunCoroutineThreadsafe(t, double.Call(nil))
				_, err := f.Result(t)
				s.raised(err)
				_, err = l.RunCoroutineThreadsafe(t, 3)
				s.raised(err)
				return nil, nil
			}))
		})
	},
	"real_debug_thread": func(s *script) {
		s.run(func(c *Co) error {
			l := c.Loop()
			return asErr(c.ToThread(func() {
				_, err := l.CallSoon(func() {})
				s.raised(err)
				_, err = l.CallLater(ms(1000), func() {})
				s.raised(err)
			}))
		}, Debug())
	},
	"real_debug_slow": func(s *script) {
		slow := def("slow", func(c *Co) error {
			time.Sleep(ms(150))
			return asErr(c.Sleep(0))
		})
		var l *Loop
		s.run(func(c *Co) error {
			l = c.Loop()
			return asErr(c.Await(task(c, slow.Call(), "slow one")))
		}, Debug())
		short := regexp.MustCompile(`(coro=<\w+\(\)).*took \d\.\d\d\d seconds`)
		for _, line := range l.Logged() {
			if strings.HasPrefix(line, "Executing") {
				s.print(short.ReplaceAllString(line, "$1 … took …"))
			}
		}
	},
	"real_loop_stop": func(s *script) {
		l := NewLoop()
		s.print(l.IsRunning(), l.IsClosed())
		soon(l, func() { s.print("once") })
		soon(l, l.Stop)
		soon(l, func() { s.print("still in the same iteration") })
		s.raised(l.RunForever())
		after(l, ms(10), l.Stop)
		s.raised(l.RunForever())
		stops := def("stops", func(c *Co) error {
			l.Stop()
			return asErr(c.Sleep(ms(1000)))
		})
		t, _ := l.CreateTask(stops.Call())
		_, err := l.RunUntilComplete(t)
		s.raised(err)
		t.Cancel()
		_, err = l.RunUntilComplete(t)
		s.raised(err)
		f := l.NewFuture()
		soon(l, func() { _ = f.SetResult("value") })
		v, _ := l.RunUntilComplete(f)
		s.print(v)
		_, _ = l.Close(), l.Close()
		s.raised(l.RunForever())
		_, err = l.CallSoon(func() {})
		s.raised(err)
		_, err = l.CallSoonThreadsafe(func() {})
		s.raised(err)
		_, err = l.CallLater(ms(1000), func() {})
		s.raised(err)
	},
	"real_echo": func(s *script) {
		ask := Async("ask", func(c *Co, a []any) (any, error) {
			r, w, err := c.OpenConnection("127.0.0.1", a[0].(int))
			if err != nil {
				return nil, err
			}
			_ = w.Write(a[1].(string) + "\n")
			answer, err := r.ReadLine(c)
			w.Close()
			if e := w.WaitClosed(c); err == nil {
				err = e
			}
			return strings.TrimSpace(answer), err
		})
		s.run(func(c *Co) error {
			server, err := c.StartServer(echo, "127.0.0.1", 0)
			if err != nil {
				return err
			}
			err = server.With(c, func() error {
				var all []any
				for i := range 5 {
					all = append(all, ask.Call(server.Port(), fmt.Sprint("hello ", i)))
				}
				s.print(c.MustAwait(Gather(all...)))
				return nil
			})
			s.print(server.IsServing())
			return err
		})
	},
	"real_stream_methods": func(s *script) {
		s.run(func(c *Co) error {
			server, err := c.StartServer(func(c *Co, r *StreamReader, w *StreamWriter) error {
				_ = w.Write("one\ntwo;three;rest")
				w.Close()
				return nil
			}, "127.0.0.1", 0)
			if err != nil {
				return err
			}
			r, w, err := c.OpenConnection("127.0.0.1", server.Port())
			if err != nil {
				return err
			}
			line, _ := r.ReadLine(c)
			s.print(strings.TrimSpace(line))
			part, _ := r.ReadUntil(c, ";")
			s.print(part)
			part, _ = r.ReadExactly(c, 5)
			s.print(part)
			part, _ = r.Read(c, 1)
			s.print(part)
			for _, f := range []func() error{
				func() error { _, err := r.ReadExactly(c, -1); return err },
				func() error { _, err := r.ReadUntil(c, ""); return err },
				func() error { _, err := r.ReadExactly(c, 10); return err },
			} {
				e := asException(f())
				s.print(e.Type, e)
			}
			part, _ = r.Read(c, -1)
			line, _ = r.ReadLine(c)
			s.print(part, r.AtEOF(), line == "")
			w.Close()
			server.Close()
			return nil
		})
	},
	"real_stream_until_eof": func(s *script) {
		s.run(func(c *Co) error {
			server, err := c.StartServer(func(c *Co, r *StreamReader, w *StreamWriter) error {
				data, err := r.Read(c, -1)
				_ = w.Write(fmt.Sprintf("you sent %d bytes", len(data)))
				w.Close()
				return err
			}, "127.0.0.1", 0)
			if err != nil {
				return err
			}
			r, w, err := c.OpenConnection("127.0.0.1", server.Port())
			if err != nil {
				return err
			}
			for range 3 {
				_ = w.Write(strings.Repeat("x", 100000))
				if err := w.Drain(c); err != nil {
					return err
				}
			}
			w.WriteEOF()
			answer, err := r.Read(c, -1)
			s.print(answer)
			w.Close()
			server.Close()
			return err
		})
	},
	"real_stream_two_readers": func(s *script) {
		read := Async("read", func(c *Co, a []any) (any, error) { return a[0].(*StreamReader).ReadExactly(c, 5) })
		s.run(func(c *Co) error {
			server, err := c.StartServer(func(c *Co, r *StreamReader, w *StreamWriter) error {
				_, err := c.Sleep(ms(50))
				_ = w.Write("late\n")
				w.Close()
				return err
			}, "127.0.0.1", 0)
			if err != nil {
				return err
			}
			r, w, err := c.OpenConnection("127.0.0.1", server.Port())
			if err != nil {
				return err
			}
			got := c.MustAwait(GatherAll(read.Call(r), read.Call(r))).([]any)
			s.print(strings.TrimSpace(got[0].(string)), rt.Repr(got[1]))
			err = c.Timeout(ms(20), func() error {
				r2, w2, err := c.OpenConnection("127.0.0.1", server.Port())
				if err == nil {
					defer w2.Close()
					_, err = r2.ReadExactly(c, 5)
				}
				return err
			})
			s.raised(err)
			server.Close()
			w.Close()
			return nil
		})
	},
	"real_refused": func(s *script) {
		nothing := func(*Co, *StreamReader, *StreamWriter) error { return nil }
		report := func(err error, port int) {
			e := asException(err)
			s.print(e.Type, strings.ReplaceAll(e.Msg, strconv.Itoa(port), "PORT"))
		}
		s.run(func(c *Co) error {
			server, err := c.StartServer(nothing, "127.0.0.1", 0)
			if err != nil {
				return err
			}
			free := server.Port()
			server.Close()
			_, _, err = c.OpenConnection("127.0.0.1", free)
			report(err, free)
			if server, err = c.StartServer(nothing, "127.0.0.1", 0); err != nil {
				return err
			}
			_, err = c.StartServer(nothing, "127.0.0.1", server.Port())
			report(err, server.Port())
			server.Close()
			return nil
		})
	},
	"real_two_loops": func(s *script) {
		lists := map[string][]any{}
		var mu sync.Mutex
		worker := Async("worker", func(c *Co, a []any) (any, error) {
			name := a[0].(string)
			for range 3 {
				c.MustAwait(Sleep(ms(1)))
				mu.Lock()
				lists[name] = append(lists[name], name)
				mu.Unlock()
			}
			return name, nil
		})
		results := map[string]any{}
		var wg sync.WaitGroup
		for _, name := range []string{"a", "b"} {
			wg.Go(func() {
				v, _ := Run(worker.Call(name))
				mu.Lock()
				results[name] = v
				mu.Unlock()
			})
		}
		wg.Wait()
		s.print(results["a"] == "a" && results["b"] == "b", lists["a"], lists["b"])
	},
}
