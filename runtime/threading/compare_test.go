package threading_test

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	rt "braid/runtime"
	"braid/runtime/internal/compare"
	"braid/runtime/threading"
)

// The programs of testdata/compare are written twice: in Python, and here. Those
// here run on the virtual clock and then on goroutines, and must print the same.
func TestAgainstCPython(t *testing.T) {
	all := map[string]func(out io.Writer){}
	for _, group := range []map[string]func(s *script){lockPrograms, syncPrograms, threadPrograms, queuePrograms} {
		for name, program := range group {
			if all[name] != nil {
				t.Errorf("two programs are called %s", name)
			}
			all[name] = both(program)
		}
	}
	t.Run("programs", func(t *testing.T) { compare.Files(t, "testdata/compare", all) })
	if t.Failed() {
		return
	}
	if _, version := compare.Python(t); strings.HasPrefix(version, "3.") && compare.Compared() < len(all)-1 {
		t.Errorf("%d of %d programs were compared with CPython %s", compare.Compared(), len(all), version)
	}
}

// script is a program of a comparison on its main thread.
type script struct {
	in   *rt.Interpreter
	main *rt.Thread

	mu  sync.Mutex
	out bytes.Buffer
}

func both(program func(s *script)) func(out io.Writer) {
	run := func(in *rt.Interpreter) string {
		s := &script{in: in}
		err := in.Run(func(main *rt.Thread) error {
			s.main = main
			program(s)
			return nil
		})
		if err != nil {
			s.print("main ended with", err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.out.String()
	}
	return func(out io.Writer) {
		virtual, real := run(rt.Virtual(rt.GIL310, 1, 2)), run(rt.New(rt.GIL310))
		_, _ = io.WriteString(out, virtual)
		if virtual != real {
			fmt.Fprintf(out, "on the real clock:\n%s", compare.Diff(virtual, real))
		}
	}
}

// print is Python's print.
func (s *script) print(args ...any) {
	texts := make([]string, len(args))
	for i, a := range args {
		text, is := a.(string)
		if !is {
			text = rt.Repr(a)
		}
		texts[i] = text
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintln(&s.out, strings.Join(texts, " "))
}

// raised prints repr of an exception.
func (s *script) raised(err error, more ...any) { s.print(append([]any{rt.Repr(err)}, more...)...) }

// start makes and starts a thread, and join waits for threads.
func (s *script) start(target func(t *rt.Thread)) *threading.Thread {
	th := threading.NewThread(s.in, "", target)
	check(th.Start(s.main))
	return th
}

func (s *script) join(threads ...*threading.Thread) {
	for _, th := range threads {
		check(th.Join(s.main, threading.Forever))
	}
}

func (s *script) sleep(d time.Duration) { check(s.main.Sleep(d)) }

func (s *script) lock() *threading.Lock   { return threading.NewLock(s.in, "") }
func (s *script) event() *threading.Event { return threading.NewEvent(s.in, "") }

func (s *script) condition(lock any) *threading.Condition {
	return must(threading.NewCondition(s.in, "", lock))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

const (
	ms      = time.Millisecond
	forever = threading.Forever
)

// each starts n threads.
func (s *script) each(n int, target func(t *rt.Thread, i int)) (threads []*threading.Thread) {
	for i := range n {
		threads = append(threads, s.start(func(t *rt.Thread) { target(t, i) }))
	}
	return threads
}

func names(threads []*threading.Thread) []any {
	var list []any
	for _, th := range threads {
		list = append(list, th.Name())
	}
	return list
}

func sorted[E cmp.Ordered](list []E) []any {
	var all []any
	for _, v := range slices.Sorted(slices.Values(list)) {
		all = append(all, v)
	}
	return all
}

func anys[E any](list []E) []any {
	all := make([]any, len(list))
	for i, v := range list {
		all[i] = v
	}
	return all
}

// caught is the exception that f panics with, as "except" has it.
func caught(f func()) (err error) {
	defer func() {
		if e, ok := recover().(*rt.Exception); ok {
			err = e
		}
	}()
	f()
	return nil
}

var lockPrograms = map[string]func(s *script){
	"lock_basic": func(s *script) {
		l, t := s.lock(), s.main
		before := l.Locked()
		l.Acquire(t)
		s.print(before, true, l.Locked())
		s.print(l.TryAcquire(t), l.AcquireFor(t, 10*ms))
		check(l.Release(t))
		s.print(l.Locked())
		l.With(t, func() { s.print("inside", l.Locked()) })
		s.print("outside", l.Locked())
	},
	"lock_misuse": func(s *script) {
		l := s.lock()
		s.raised(l.Release(s.main))
		key := rt.Raise("KeyError", "'k'")
		key.Value = "k"
		err := caught(func() { l.With(s.main, func() { panic(key) }) })
		s.print("KeyError("+rt.Repr(err.(*rt.Exception).Value)+")", l.Locked())
	},
	"lock_released_by_another": func(s *script) {
		l := s.lock()
		l.Acquire(s.main)
		s.join(s.start(func(t *rt.Thread) { check(l.Release(t)) }))
		s.print(l.Locked())
	},
	"lock_timeout": func(s *script) {
		l, held := s.lock(), s.event()
		th := s.start(func(t *rt.Thread) {
			l.With(t, func() {
				held.Set(t)
				check(t.Sleep(200 * ms))
			})
		})
		held.Wait(s.main, forever)
		s.print(l.AcquireFor(s.main, 20*ms))
		s.print(l.AcquireFor(s.main, 5*time.Second))
		check(l.Release(s.main))
		s.join(th)
	},
	"rlock": func(s *script) {
		l, t := threading.NewRLock(s.in, ""), s.main
		s.print(l.TryAcquire(t), l.TryAcquire(t))
		other := func(t *rt.Thread) {
			s.print("other", l.TryAcquire(t))
			if err := l.Release(t); err != nil {
				s.raised(err)
			}
		}
		s.join(s.start(other))
		check(l.Release(t))
		s.join(s.start(other))
		check(l.Release(t))
		s.raised(l.Release(t))
	},
	"counter_with_lock": func(s *script) {
		counter, l := s.in.Var("counter", 0), s.lock()
		s.join(s.each(4, func(t *rt.Thread, _ int) {
			t.Loop(500, func(int) { l.With(t, func() { counter.Add(t, 1) }) })
		})...)
		s.print(counter.Value())
	},
	"deadlock_avoided": func(s *script) {
		a, b := s.lock(), s.lock()
		both := must(threading.NewBarrier(s.in, "", 2, nil, forever))
		f := func(first, second *threading.Lock) func(t *rt.Thread) {
			return func(t *rt.Thread) {
				first.With(t, func() {
					must(both.Wait(t))
					got := second.AcquireFor(t, 20*ms)
					must(both.Wait(t))
					s.print(got)
				})
			}
		}
		s.join(s.start(f(a, b)), s.start(f(b, a)))
	},
}

var syncPrograms = map[string]func(s *script){
	"condition_fifo": func(s *script) {
		c := s.condition(nil)
		var threads []*threading.Thread
		for _, name := range []string{"a", "b", "c"} {
			threads = append(threads, s.start(func(t *rt.Thread) {
				c.With(t, func() {
					check(c.Wait(t))
					s.print(name, "woken")
				})
			}))
			s.sleep(50 * ms)
		}
		for range 3 {
			c.With(s.main, func() { check(c.Notify(s.main, 1)) })
			s.sleep(50 * ms)
		}
		s.join(threads...)
	},
	"condition_misuse": func(s *script) {
		c := s.condition(nil)
		s.raised(c.Wait(s.main))
		s.raised(c.Notify(s.main, 1))
		s.raised(c.NotifyAll(s.main))
	},
	"condition_timeout": func(s *script) {
		c := s.condition(s.lock())
		c.With(s.main, func() {
			s.print(must(c.WaitTimeout(s.main, 10*ms)))
			s.print(must(c.WaitFor(s.main, func() bool { return false }, 10*ms)))
			s.print(must(c.WaitFor(s.main, func() bool { return true }, 0)))
		})
	},
	"condition_wait_for": func(s *script) {
		c := s.condition(nil)
		var items []any
		th := s.start(func(t *rt.Thread) {
			c.With(t, func() {
				s.print(must(c.WaitFor(t, func() bool { return len(items) >= 2 }, forever)))
				s.print(items)
			})
		})
		for i := range 2 {
			c.With(s.main, func() {
				items = append(items, i)
				check(c.Notify(s.main, 1))
			})
		}
		s.join(th)
	},
	"condition_releases_nested_rlock": func(s *script) {
		c := s.condition(threading.NewRLock(s.in, ""))
		var th *threading.Thread
		c.With(s.main, func() {
			c.With(s.main, func() {
				th = s.start(func(t *rt.Thread) {
					c.With(t, func() {
						s.print("got it")
						check(c.Notify(t, 1))
					})
				})
				s.print(must(c.WaitTimeout(s.main, 5*time.Second)))
			})
		})
		s.join(th)
	},
	"condition_notify_all": func(s *script) {
		c := s.condition(nil)
		var woken []int
		threads := s.each(4, func(t *rt.Thread, i int) {
			c.With(t, func() {
				check(c.Wait(t))
				woken = append(woken, i)
			})
		})
		s.sleep(100 * ms)
		c.With(s.main, func() {
			check(c.NotifyAll(s.main))
			s.print(anys(woken))
		})
		s.join(threads...)
		s.print(sorted(woken))
	},
	"semaphore": func(s *script) {
		m, t := must(threading.NewSemaphore(s.in, "", 2)), s.main
		s.print(m.TryAcquire(t), m.TryAcquire(t), m.TryAcquire(t), m.AcquireFor(t, 10*ms))
		check(m.ReleaseN(t, 2))
		s.print(m.TryAcquire(t), m.TryAcquire(t), m.TryAcquire(t))
	},
	"semaphore_misuse": func(s *script) {
		_, err := threading.NewSemaphore(s.in, "", -1)
		s.raised(err)
		m := must(threading.NewBoundedSemaphore(s.in, "", 1))
		s.raised(m.Release(s.main))
		s.raised(m.ReleaseN(s.main, 0))
		m.With(s.main, func() { s.print(m.TryAcquire(s.main)) })
	},
	"semaphore_limits": func(s *script) {
		m, l := must(threading.NewSemaphore(s.in, "", 2)), s.lock()
		inside, most := 0, 0
		s.join(s.each(6, func(t *rt.Thread, _ int) {
			m.With(t, func() {
				l.With(t, func() { inside++; most = max(most, inside) })
				check(t.Sleep(20 * ms))
				l.With(t, func() { inside-- })
			})
		})...)
		s.print(most, inside)
	},
	"event": func(s *script) {
		e, t := s.event(), s.main
		s.print(e.IsSet(), e.Wait(t, 10*ms))
		e.Set(t)
		s.print(e.IsSet(), e.Wait(t, forever))
		e.Clear(t)
		s.print(e.IsSet(), e.Wait(t, 0))
	},
	"event_wakes_all": func(s *script) {
		e, l := s.event(), s.lock()
		n := 0
		threads := s.each(5, func(t *rt.Thread, _ int) {
			e.Wait(t, forever)
			l.With(t, func() { n++ })
		})
		l.With(s.main, func() { s.print(n) })
		e.Set(s.main)
		s.join(threads...)
		s.print(n)
	},
	"barrier": func(s *script) {
		var order []int
		l := s.lock()
		var b *threading.Barrier
		b = must(threading.NewBarrier(s.in, "", 3, func(t *rt.Thread) { s.print("all here", b.NWaiting()) }, forever))
		s.join(s.each(3, func(t *rt.Thread, _ int) {
			place := must(b.Wait(t))
			l.With(t, func() { order = append(order, place) })
		})...)
		s.print(sorted(order), b.Parties(), b.NWaiting(), b.Broken())
	},
	"barrier_broken": func(s *script) {
		b := must(threading.NewBarrier(s.in, "", 2, nil, forever))
		_, err := b.WaitTimeout(s.main, 10*ms)
		s.raised(err, b.Broken())
		_, err = b.Wait(s.main)
		s.raised(err)
		b.Reset(s.main)
		s.print(b.Broken())
		b.Abort(s.main)
		s.print(b.Broken())
	},
	"barrier_reset": func(s *script) {
		b := must(threading.NewBarrier(s.in, "", 2, nil, forever))
		th := s.start(func(t *rt.Thread) {
			_, err := b.Wait(t)
			s.raised(err)
		})
		for b.NWaiting() == 0 {
			s.sleep(10 * ms)
		}
		b.Reset(s.main)
		s.join(th)
		s.print(b.Broken(), b.NWaiting())
	},
	"barrier_action_raises": func(s *script) {
		b := must(threading.NewBarrier(s.in, "", 1, func(*rt.Thread) { panic(rt.Raise("ValueError", "no")) }, forever))
		s.raised(caught(func() { _, _ = b.Wait(s.main) }), b.Broken())
	},
}

var threadPrograms = map[string]func(s *script){
	"timer": func(s *script) {
		fired := s.event()
		tm := threading.NewTimer(s.in, 20*ms, func(t *rt.Thread) {
			s.print("fired")
			fired.Set(t)
		})
		check(tm.Start(s.main))
		s.print(fired.Wait(s.main, 10*time.Second))
		s.join(tm.Thread)
		s.print(tm.IsAlive(), tm.Finished().IsSet())
	},
	"timer_cancelled": func(s *script) {
		tm := threading.NewTimer(s.in, 30*time.Second, func(*rt.Thread) { s.print("never") })
		check(tm.Start(s.main))
		s.print(tm.IsAlive())
		tm.Cancel(s.main)
		s.join(tm.Thread)
		s.print(tm.IsAlive())
	},
	"thread_life": func(s *script) {
		release := s.event()
		th := threading.NewThread(s.in, "worker", func(t *rt.Thread) { release.Wait(t, forever) })
		var ident any // None
		if th.Ident() != 0 {
			ident = th.Ident()
		}
		s.print(th.Name(), th.IsAlive(), th.Daemon(), ident)
		check(th.Start(s.main))
		s.print(th.IsAlive())
		check(th.Join(s.main, 10*ms))
		s.print(th.IsAlive())
		release.Set(s.main)
		s.join(th, th)
		s.print(th.IsAlive())
	},
	"thread_misuse": func(s *script) {
		th := threading.NewThread(s.in, "", func(t *rt.Thread) {
			s.raised(threading.CurrentThread(t).Join(t, forever))
		})
		s.raised(th.Join(s.main, forever))
		check(th.Start(s.main))
		s.join(th)
		s.raised(th.Start(s.main))
		s.raised(th.SetDaemon(true))
	},
	"thread_current": func(s *script) {
		me := threading.CurrentThread(s.main)
		s.print(me.Name(), me == threading.MainThread(s.in))
		var th *threading.Thread
		th = threading.NewThread(s.in, "worker", func(t *rt.Thread) {
			s.print(threading.CurrentThread(t).Name(), threading.CurrentThread(t) == th, threading.MainThread(s.in).Name())
		})
		check(th.Start(s.main))
		s.join(th)
	},
	"thread_enumerate": func(s *script) {
		release := s.event()
		var threads []*threading.Thread
		s.print(threading.ActiveCount(s.in))
		for _, name := range []string{"a", "b", "c"} {
			th := threading.NewThread(s.in, name, func(t *rt.Thread) { release.Wait(t, forever) })
			check(th.Start(s.main))
			threads = append(threads, th)
		}
		s.print(threading.ActiveCount(s.in), names(threading.Enumerate(s.in)))
		release.Set(s.main)
		s.join(threads...)
		s.print(threading.ActiveCount(s.in), names(threading.Enumerate(s.in)))
	},
	"thread_daemon": func(s *script) {
		th := threading.NewDaemon(s.in, "", func(t *rt.Thread) {
			s.print(threading.CurrentThread(t).Daemon())
			inner := threading.NewThread(s.in, "", func(t *rt.Thread) { s.print("inner", threading.CurrentThread(t).Daemon()) })
			check(inner.Start(t))
			check(inner.Join(t, forever))
			_ = t.Sleep(time.Minute)
		})
		s.print(th.Daemon())
		check(th.Start(s.main))
		s.sleep(100 * ms)
		s.print("main ends")
	},
	"thread_not_waited_but_finished": func(s *script) {
		s.start(func(t *rt.Thread) {
			_ = t.Sleep(50 * ms)
			s.print("thread ends")
		})
		s.print("main ends")
	},
	"thread_start_runs_it": func(s *script) {
		th := s.start(func(t *rt.Thread) {
			s.print("in the thread")
			_ = t.Sleep(50 * ms)
			s.print("thread ends")
		})
		s.sleep(10 * ms)
		s.print("after start")
		s.join(th)
		s.print("after join")
	},
	"excepthook": func(s *script) {
		threading.SetExceptHook(s.in, func(t *rt.Thread, args threading.ExceptHookArgs) {
			s.print(args.Type, args.Value, args.Thread.Name())
		})
		th := threading.NewThread(s.in, "worker", func(*rt.Thread) { panic(rt.Raise("ValueError", "bad")) })
		check(th.Start(s.main))
		s.join(th)
		s.print("main goes on", th.IsAlive())
	},
	"excepthook_system_exit": func(s *script) {
		s.join(s.start(func(*rt.Thread) { panic(rt.Raise("SystemExit", "3")) }))
		s.print("main goes on")
	},
	"local": func(s *script) {
		data := threading.NewLocal()
		data.Set(s.main, "x", 1)
		s.join(s.start(func(t *rt.Thread) {
			_, err := data.Get(t, "x")
			s.raised(err)
			data.Set(t, "x", 2)
			s.print(must(data.Get(t, "x")))
		}))
		s.print(must(data.Get(s.main, "x")))
		check(data.Del(s.main, "x"))
		e, _ := rt.AsException(data.Del(s.main, "x"))
		s.print(e.Type)
	},
	"sleep_sort": func(s *script) {
		var out []int
		s.join(s.each(4, func(t *rt.Thread, i int) {
			n := []int{3, 1, 4, 2}[i]
			_ = t.Sleep(time.Duration(n) * 50 * ms)
			out = append(out, n)
		})...)
		s.print(anys(out))
		s.raised(s.main.Sleep(-1))
	},
	"ping_pong": func(s *script) {
		ping, pong := s.event(), s.event()
		th := s.start(func(t *rt.Thread) {
			for i := range 3 {
				ping.Wait(t, forever)
				ping.Clear(t)
				s.print("pong", i)
				pong.Set(t)
			}
		})
		for i := range 3 {
			s.print("ping", i)
			ping.Set(s.main)
			pong.Wait(s.main, forever)
			pong.Clear(s.main)
		}
		s.join(th)
	},
}

var queuePrograms = map[string]func(s *script){
	"queue_fifo": func(s *script) {
		q, t := threading.NewQueue(s.in, "", 0), s.main
		for i := range 3 {
			check(q.Put(t, i))
		}
		s.print(q.Qsize(), q.Empty(), q.Full())
		s.print(must(q.Get(t)), must(q.Get(t)), must(q.Get(t)), q.Empty())
		_, err := q.GetNowait(t)
		s.raised(err)
		_, err = q.GetFor(t, 10*ms)
		s.raised(err)
	},
	"queue_bounded": func(s *script) {
		q, t := threading.NewQueue(s.in, "", 2), s.main
		check(q.Put(t, "a"))
		check(q.Put(t, "b"))
		s.print(q.Full(), q.Maxsize())
		s.raised(q.PutNowait(t, "c"))
		s.raised(q.PutFor(t, "c", 10*ms))
		s.print(must(q.Get(t)), q.Full())
		check(q.PutNowait(t, "c"))
		s.print(must(q.Get(t)), must(q.Get(t)))
	},
	"queue_lifo": func(s *script) {
		q, t := threading.NewLifoQueue(s.in, "", 0), s.main
		for i := range 4 {
			check(q.Put(t, i))
		}
		s.print(must(q.Get(t)), must(q.Get(t)))
		check(q.Put(t, 9))
		s.print(must(q.Get(t)), must(q.Get(t)), must(q.Get(t)))
	},
	"queue_priority": func(s *script) {
		q, t := threading.NewPriorityQueue(s.in, "", 0), s.main
		for _, item := range [][]any{{3, "c"}, {1, "z"}, {2, "b"}, {1, "a"}, {0.5, "half"}} {
			check(q.Put(t, item))
		}
		for !q.Empty() {
			s.print(must(q.Get(t)).([]any)...)
		}
		for _, n := range []int{5, 2, 8, 1, 9, 3, 7, 2} {
			check(q.Put(t, n))
		}
		var all []any
		for range 8 {
			all = append(all, must(q.Get(t)))
		}
		s.print(all...)
	},
	"queue_priority_incomparable": func(s *script) {
		q, t := threading.NewPriorityQueue(s.in, "", 0), s.main
		check(q.Put(t, []any{1, map[string]any{}}))
		check(q.Put(t, []any{1, map[string]any{}}))
		s.raised(q.Put(t, []any{1, map[string]any{"a": 1}}))
		s.print(q.Qsize())
		q = threading.NewPriorityQueue(s.in, "", 0)
		check(q.Put(t, 1))
		s.raised(q.Put(t, "x"))
	},
	"queue_task_done": func(s *script) {
		q := threading.NewQueue(s.in, "", 0)
		var done []int
		th := s.start(func(t *rt.Thread) {
			for item := must(q.Get(t)); item != nil; item = must(q.Get(t)) {
				done = append(done, item.(int)*10)
				check(q.TaskDone(t))
			}
			check(q.TaskDone(t))
		})
		for i := range 4 {
			check(q.Put(s.main, i))
		}
		check(q.Put(s.main, nil))
		q.Join(s.main)
		s.print(anys(done))
		s.join(th)
		s.raised(q.TaskDone(s.main))
	},
	"queue_producer_blocks": func(s *script) {
		q := threading.NewQueue(s.in, "", 1)
		var log []string
		th := s.start(func(t *rt.Thread) {
			for i := range 3 {
				check(q.Put(t, i))
				log = append(log, fmt.Sprint("put ", i))
			}
		})
		s.sleep(50 * ms)
		s.print(anys(log))
		for range 3 {
			s.print(must(q.Get(s.main)))
			s.sleep(50 * ms)
		}
		s.join(th)
		s.print(anys(log))
	},
	"queue_workers": func(s *script) {
		q, results := threading.NewQueue(s.in, "", 0), threading.NewQueue(s.in, "", 0)
		threads := s.each(3, func(t *rt.Thread, _ int) {
			for item := must(q.Get(t)); item != nil; item = must(q.Get(t)) {
				check(results.Put(t, item.(int)*item.(int)))
			}
		})
		for i := range 10 {
			check(q.Put(s.main, i))
		}
		for range threads {
			check(q.Put(s.main, nil))
		}
		s.join(threads...)
		var all []int
		for range 10 {
			all = append(all, must(results.Get(s.main)).(int))
		}
		s.print(sorted(all), results.Qsize())
	},
	"queue_shutdown": func(s *script) {
		q, t := threading.NewQueue(s.in, "", 0), s.main
		check(q.Put(t, 1))
		check(q.Put(t, 2))
		q.Shutdown(t, false)
		s.raised(q.Put(t, 3))
		s.print(must(q.Get(t)))
		q.Shutdown(t, true)
		_, err := q.Get(t)
		s.raised(err)
		s.print(q.Qsize())
	},
	"simple_queue": func(s *script) {
		q, t := threading.NewSimpleQueue(s.in, ""), s.main
		q.Put(t, 1)
		q.Put(t, 2)
		s.print(q.Qsize(), q.Empty(), q.Get(t), must(q.GetNowait(t)))
		_, err := q.GetNowait(t)
		s.raised(err)
		_, err = q.GetFor(t, 10*ms)
		s.raised(err)
		th := s.start(func(t *rt.Thread) { s.print("got", q.Get(t)) })
		q.Put(s.main, "x")
		s.join(th)
	},
}

func TestProgramsAreMany(t *testing.T) {
	n := 0
	for _, group := range []map[string]func(s *script){lockPrograms, syncPrograms, threadPrograms, queuePrograms} {
		n += len(slices.Collect(maps.Keys(group)))
	}
	if n < 40 {
		t.Errorf("%d programs", n)
	}
}
