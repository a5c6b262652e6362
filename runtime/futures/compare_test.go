package futures_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	rt "braid/runtime"
	"braid/runtime/futures"
	"braid/runtime/internal/compare"
	"braid/runtime/pickle"
	"braid/runtime/threading"
)

// prelude is what the programs in Python begin with.
const prelude = `
import concurrent.futures as cf, multiprocessing, os, pickle, re, sys, threading, time
from concurrent.futures.process import BrokenProcessPool
from concurrent.futures.thread import BrokenThreadPool
def show(*args): print(re.sub(" at 0x[0-9a-f]+", "", " ".join(str(a) for a in args)))
def attempt(f, *args, **kwargs):
    try: show(f(*args, **kwargs))
    except BaseException as e: show(type(e).__name__ + ("" if str(e) == "" else ": " + str(e)))
def square(x): return x * x
def fail(text): raise ValueError(text)
def nap(ms, value=None):
    time.sleep(ms / 1000)
    return value
`

// script is a program in Go: t is its main thread.
type script struct {
	out io.Writer
	in  *rt.Interpreter
	t   *rt.Thread
}

func (s *script) show(args ...any) {
	texts := make([]string, len(args))
	for i, a := range args {
		texts[i] = text(a)
	}
	fmt.Fprintln(s.out, strings.Join(texts, " "))
}

// attempt shows a value, or what was raised.
func (s *script) attempt(v any, err error) {
	if err != nil {
		s.show(err.Error())
		return
	}
	s.show(v)
}

func text(v any) string {
	if t, ok := v.(string); ok {
		return t
	}
	return rt.Repr(v)
}

func (s *script) pool(n int, o ...futures.Option) *futures.ThreadPoolExecutor {
	return must(futures.NewThreadPoolExecutor(s.in, n, o...))
}

func (s *script) submit(p futures.Executor, fn any, args ...any) *futures.Future {
	return must(p.Submit(s.t, fn, args...))
}

func nap(t *rt.Thread, ms int, value ...any) any {
	t.Sleep(time.Duration(ms) * time.Millisecond)
	if len(value) > 0 {
		return value[0]
	}
	return nil
}

// values are the results of futures that are done.
func (s *script) values(fs []*futures.Future) []any {
	all := []any{}
	for _, f := range fs {
		v, _ := f.Result(s.t)
		all = append(all, v)
	}
	return all
}

func boom(text string) error { return rt.Raise("ValueError", "%s", text) }

// The programs that need no process run on the machine's clock and in virtual
// time, and must print the same.
var threadPrograms = []struct {
	name, python string
	run          func(s *script)
}{
	{"submit and result", `
with cf.ThreadPoolExecutor(2) as p:
    f = p.submit(square, 7)
    show(f.result(), f.done(), f.running(), f.cancelled(), f.exception())
    attempt(p.submit(fail, "bad").result)
    show(repr(p.submit(fail, "bad").exception()))`,
		func(s *script) {
			p := s.pool(2)
			p.With(s.t, func() {
				f := s.submit(p, square, 7)
				v, _ := f.Result(s.t)
				e, _ := f.Exception(s.t)
				s.show(v, f.Done(s.t), f.Running(s.t), f.Cancelled(s.t), e)
				s.attempt(s.submit(p, boom, "bad").Result(s.t))
				e, _ = s.submit(p, boom, "bad").Exception(s.t)
				s.show(rt.Repr(e))
			})
		}},
	{"map keeps the order of the input", `
with cf.ThreadPoolExecutor(3) as p:
    show(list(p.map(nap, [30, 15, 1], "abc")))`,
		func(s *script) {
			p := s.pool(3)
			p.With(s.t, func() {
				r := must(p.Map(s.t, nap, []int{30, 15, 1}, futures.Zip("abc")))
				s.attempt(r.List(s.t))
			})
		}},
	{"map raises at its position", `
def half(x):
    if x % 2: raise ValueError(x)
    return x // 2
with cf.ThreadPoolExecutor(2) as p:
    it = p.map(half, [2, 4, 5, 6])
    for i in range(5): attempt(next, it)`,
		func(s *script) {
			p := s.pool(2)
			p.With(s.t, func() {
				it := must(p.Map(s.t, func(x int) (any, error) {
					if x%2 == 1 {
						return nil, rt.Raise("ValueError", "%d", x)
					}
					return x / 2, nil
				}, []int{2, 4, 5, 6}))
				for range 5 {
					s.attempt(it.Next(s.t))
				}
			})
		}},
	{"map times out from the call on", `
with cf.ThreadPoolExecutor(2) as p:
    it = p.map(nap, [1, 400], "ab", timeout=0.2)
    for i in range(3): attempt(next, it)`,
		func(s *script) {
			p := s.pool(2)
			p.With(s.t, func() {
				it := must(p.Map(s.t, nap, []int{1, 400}, futures.Zip("ab"), futures.Timeout(200*time.Millisecond)))
				for range 3 {
					s.attempt(it.Next(s.t))
				}
			})
		}},
	{"map stops at the shortest iterable", `
with cf.ThreadPoolExecutor(2) as p:
    show(list(p.map(lambda a, b: a * b, [1, 2, 3], [10, 20])))
    show(list(p.map(square, [])))
    attempt(p.map, square, 3)`,
		func(s *script) {
			p := s.pool(2)
			p.With(s.t, func() {
				s.attempt(must(p.Map(s.t, func(a, b int) int { return a * b }, []int{1, 2, 3}, futures.Zip([]int{10, 20}))).List(s.t))
				s.attempt(must(p.Map(s.t, square, []int{})).List(s.t))
				_, err := p.Map(s.t, square, 3)
				s.attempt(nil, err)
			})
		}},
	{"cancel", `
gate = threading.Event()
with cf.ThreadPoolExecutor(1) as p:
    f, g = p.submit(gate.wait), p.submit(square, 2)
    time.sleep(0.02)
    show(f.running(), g.running(), f.cancel(), g.cancel(), g.cancel(), g.cancelled(), g.done())
    attempt(g.result)
    attempt(g.exception)
    gate.set()
    show(f.result(), f.cancel(), f.cancelled())`,
		func(s *script) {
			gate := threading.NewEvent(s.in, "")
			p := s.pool(1)
			p.With(s.t, func() {
				f, g := s.submit(p, func(t *rt.Thread) any { return gate.Wait(t, threading.Forever) }), s.submit(p, square, 2)
				s.t.Sleep(20 * time.Millisecond)
				s.show(f.Running(s.t), g.Running(s.t), f.Cancel(s.t), g.Cancel(s.t), g.Cancel(s.t), g.Cancelled(s.t), g.Done(s.t))
				s.attempt(g.Result(s.t))
				_, err := g.Exception(s.t)
				s.attempt(nil, err)
				gate.Set(s.t)
				v, _ := f.Result(s.t)
				s.show(v, f.Cancel(s.t), f.Cancelled(s.t))
			})
		}},
	{"texts of a future", `
f = cf.Future(); show(f)
f.set_running_or_notify_cancel(); show(f)
f.set_result([1]); show(f)
g = cf.Future(); g.set_exception(KeyError("k")); show(g)
h = cf.Future(); h.cancel(); show(h)
h.set_running_or_notify_cancel(); show(h)`,
		func(s *script) {
			f := futures.NewFuture(s.in)
			s.show(f)
			_, _ = f.SetRunningOrNotifyCancel(s.t)
			s.show(f)
			_ = f.SetResult(s.t, []any{1})
			s.show(f)
			g := futures.NewFuture(s.in)
			_ = g.SetException(s.t, rt.Raise("KeyError", "k"))
			s.show(g)
			h := futures.NewFuture(s.in)
			h.Cancel(s.t)
			s.show(h)
			_, _ = h.SetRunningOrNotifyCancel(s.t)
			s.show(h)
		}},
	{"wrong changes of state", `
f = cf.Future()
show(f.set_running_or_notify_cancel())
attempt(f.set_running_or_notify_cancel)
f.set_result(1)
attempt(f.set_result, 2)
attempt(f.set_exception, ValueError())
g = cf.Future(); g.cancel()
attempt(g.set_result, 1)
show(g.set_running_or_notify_cancel())
attempt(g.set_running_or_notify_cancel)
attempt(g.set_result, 1)`,
		func(s *script) {
			f := futures.NewFuture(s.in)
			s.attempt(f.SetRunningOrNotifyCancel(s.t))
			s.attempt(f.SetRunningOrNotifyCancel(s.t))
			_ = f.SetResult(s.t, 1)
			s.attempt(nil, f.SetResult(s.t, 2))
			s.attempt(nil, f.SetException(s.t, rt.Raise("ValueError", "")))
			g := futures.NewFuture(s.in)
			g.Cancel(s.t)
			s.attempt(nil, g.SetResult(s.t, 1))
			s.attempt(g.SetRunningOrNotifyCancel(s.t))
			s.attempt(g.SetRunningOrNotifyCancel(s.t))
			s.attempt(nil, g.SetResult(s.t, 1))
		}},
	{"result times out", `
f = cf.Future()
attempt(f.result, 0.01)
attempt(f.exception, timeout=0)
f.set_result(5)
attempt(f.result, 0)`,
		func(s *script) {
			f := futures.NewFuture(s.in)
			s.attempt(f.Result(s.t, 10*time.Millisecond))
			_, err := f.Exception(s.t, 0)
			s.attempt(nil, err)
			_ = f.SetResult(s.t, 5)
			s.attempt(f.Result(s.t, 0))
		}},
	{"callbacks", `
f = cf.Future()
f.add_done_callback(lambda f: show("first", f.result()))
f.add_done_callback(lambda f: fail("in a callback"))
f.add_done_callback(lambda f: show("third", f.done()))
show("before")
f.set_result(1)
f.add_done_callback(lambda f: show("at once"))
g = cf.Future()
g.add_done_callback(lambda f: show("cancelled", f.cancelled()))
show(g.cancel(), g.cancel())`,
		func(s *script) {
			f := futures.NewFuture(s.in)
			f.AddDoneCallback(s.t, func(t *rt.Thread, f *futures.Future) {
				v, _ := f.Result(t)
				s.show("first", v)
			})
			f.AddDoneCallback(s.t, func(*rt.Thread, *futures.Future) { panic(boom("in a callback")) })
			f.AddDoneCallback(s.t, func(t *rt.Thread, f *futures.Future) { s.show("third", f.Done(t)) })
			s.show("before")
			_ = f.SetResult(s.t, 1)
			f.AddDoneCallback(s.t, func(*rt.Thread, *futures.Future) { s.show("at once") })
			g := futures.NewFuture(s.in)
			g.AddDoneCallback(s.t, func(t *rt.Thread, f *futures.Future) { s.show("cancelled", f.Cancelled(t)) })
			s.show(g.Cancel(s.t), g.Cancel(s.t))
		}},
	{"a callback runs in the worker's thread", `
names = []
with cf.ThreadPoolExecutor(1, thread_name_prefix="w") as p:
    f = p.submit(nap, 20)
    f.add_done_callback(lambda f: names.append(threading.current_thread().name))
show(names)`,
		func(s *script) {
			names := []any{}
			p := s.pool(1, futures.ThreadNamePrefix("w"))
			p.With(s.t, func() {
				f := s.submit(p, nap, 20)
				f.AddDoneCallback(s.t, func(t *rt.Thread, _ *futures.Future) { names = append(names, t.Name) })
			})
			s.show(names)
		}},
	{"wait for the first", `
with cf.ThreadPoolExecutor(2) as p:
    a, b = p.submit(nap, 200, "slow"), p.submit(nap, 1, "fast")
    done, not_done = cf.wait([a, b], return_when=cf.FIRST_COMPLETED)
    show([f.result() for f in done], len(not_done))
    done, not_done = cf.wait([a, b, a])
    show(sorted(f.result() for f in done), len(not_done))`,
		func(s *script) {
			p := s.pool(2)
			p.With(s.t, func() {
				a, b := s.submit(p, nap, 200, "slow"), s.submit(p, nap, 1, "fast")
				done, open, _ := futures.Wait(s.t, []*futures.Future{a, b}, futures.FirstCompleted)
				s.show(s.values(done), len(open))
				done, open, _ = futures.Wait(s.t, []*futures.Future{b, a, b}, futures.AllCompleted)
				s.show(s.values(done), len(open))
			})
		}},
	{"wait for an exception", `
with cf.ThreadPoolExecutor(3) as p:
    def late():
        time.sleep(0.02)
        fail("x")
    fs = [p.submit(nap, 1, 1), p.submit(late), p.submit(nap, 300)]
    done, not_done = cf.wait(fs, return_when=cf.FIRST_EXCEPTION)
    show(len(done), len(not_done))
    show(len(cf.wait(fs, timeout=0.01).done))
    attempt(cf.wait, fs, return_when="SOMETIME")`,
		func(s *script) {
			p := s.pool(3)
			p.With(s.t, func() {
				late := func(t *rt.Thread) error {
					t.Sleep(20 * time.Millisecond)
					return boom("x")
				}
				fs := []*futures.Future{s.submit(p, nap, 1, 1), s.submit(p, late), s.submit(p, nap, 300)}
				done, open, _ := futures.Wait(s.t, fs, futures.FirstException)
				s.show(len(done), len(open))
				done, _, _ = futures.Wait(s.t, fs, "", 10*time.Millisecond)
				s.show(len(done))
				_, _, err := futures.Wait(s.t, fs, "SOMETIME")
				s.attempt(nil, err)
			})
		}},
	{"a cancelled future is done for wait when a worker has met it", `
f = cf.Future(); f.cancel()
show(len(cf.wait([f], timeout=0.01).done))
f.set_running_or_notify_cancel()
show(len(cf.wait([f], timeout=0.01).done))
show(len(cf.wait([]).done))`,
		func(s *script) {
			f := futures.NewFuture(s.in)
			f.Cancel(s.t)
			show := func(fs ...*futures.Future) {
				done, _, _ := futures.Wait(s.t, fs, "", 10*time.Millisecond)
				s.show(len(done))
			}
			show(f)
			_, _ = f.SetRunningOrNotifyCancel(s.t)
			show(f)
			show()
		}},
	{"as_completed", `
with cf.ThreadPoolExecutor(3) as p:
    fs = [p.submit(nap, ms, ms) for ms in (60, 1, 30)]
    show([f.result() for f in cf.as_completed(fs + fs[:1])])
    show(len(list(cf.as_completed([]))))`,
		func(s *script) {
			p := s.pool(3)
			p.With(s.t, func() {
				var fs []*futures.Future
				for _, ms := range []int{60, 1, 30} {
					fs = append(fs, s.submit(p, nap, ms, ms))
				}
				done, _ := futures.AsCompleted(s.t, append(fs, fs[0])).List(s.t)
				s.show(s.values(done))
				done, _ = futures.AsCompleted(s.t, nil).List(s.t)
				s.show(len(done))
			})
		}},
	{"as_completed times out", `
f, g = cf.Future(), cf.Future()
g.set_result("g")
it = cf.as_completed([f, g], timeout=0.02)
show(next(it).result())
attempt(next, it)
attempt(next, it)`,
		func(s *script) {
			f, g := futures.NewFuture(s.in), futures.NewFuture(s.in)
			_ = g.SetResult(s.t, "g")
			it := futures.AsCompleted(s.t, []*futures.Future{f, g}, 20*time.Millisecond)
			first, _ := it.Next(s.t)
			s.attempt(first.Result(s.t))
			_, err := it.Next(s.t)
			s.attempt(nil, err)
			_, err = it.Next(s.t)
			s.attempt(nil, err)
		}},
	{"an idle thread is used again", `
with cf.ThreadPoolExecutor(8, thread_name_prefix="w") as p:
    names = set()
    for i in range(5):
        names.add(p.submit(lambda: threading.current_thread().name).result())
        time.sleep(0.02)
    show(sorted(names))
with cf.ThreadPoolExecutor(3, thread_name_prefix="v") as p:
    names = p.map(lambda i: nap(30) or threading.current_thread().name, range(6))
    show(sorted(set(names)))`,
		func(s *script) {
			p := s.pool(8, futures.ThreadNamePrefix("w"))
			p.With(s.t, func() {
				for range 5 {
					_, _ = s.submit(p, func() {}).Result(s.t)
					s.t.Sleep(20 * time.Millisecond)
				}
			})
			q := s.pool(3, futures.ThreadNamePrefix("v"))
			q.With(s.t, func() {
				_, _ = must(q.Map(s.t, func(t *rt.Thread, _ int) any { return nap(t, 30) }, futures.Range(0, 6))).List(s.t)
			})
			for _, p := range []*futures.ThreadPoolExecutor{p, q} {
				all := []any{}
				for _, n := range p.ThreadNames() {
					all = append(all, n)
				}
				s.show(all)
			}
		}},
	{"names of threads", `
for i in range(2):
    with cf.ThreadPoolExecutor(1) as p:
        show(p.submit(lambda: threading.current_thread().name).result())`,
		func(s *script) {
			for range 2 {
				p := s.pool(1)
				p.With(s.t, func() { s.attempt(s.submit(p, func(t *rt.Thread) any { return t.Name }).Result(s.t)) })
			}
		}},
	{"initializer", `
log = []
with cf.ThreadPoolExecutor(1, initializer=lambda a, b: log.append(a + b), initargs=(1, 2)) as p:
    p.submit(square, 1).result()
    p.submit(square, 1).result()
show(log)`,
		func(s *script) {
			log := []any{}
			p := s.pool(1, futures.Initializer(func(a, b int) { log = append(log, a+b) }, 1, 2))
			p.With(s.t, func() {
				_, _ = s.submit(p, square, 1).Result(s.t)
				_, _ = s.submit(p, square, 1).Result(s.t)
			})
			s.show(log)
		}},
	{"a broken initializer", `
p = cf.ThreadPoolExecutor(1, initializer=fail, initargs=("x",))
try: f = p.submit(square, 1)
except BrokenThreadPool: show("raced")
attempt(f.result)
attempt(p.submit, square, 1)
show(issubclass(BrokenThreadPool, cf.BrokenExecutor), issubclass(cf.BrokenExecutor, RuntimeError))`,
		func(s *script) {
			p := s.pool(1, futures.Initializer(boom, "x"))
			f := s.submit(p, square, 1)
			s.attempt(f.Result(s.t))
			_, err := p.Submit(s.t, square, 1)
			s.attempt(nil, err)
			s.show(rt.Is(err, "BrokenExecutor"), rt.IsSubclass("BrokenExecutor", "RuntimeError"))
		}},
	{"after shutdown", `
p = cf.ThreadPoolExecutor(1)
f = p.submit(square, 3)
p.shutdown()
p.shutdown()
show(f.result())
attempt(p.submit, square, 1)
attempt(p.map, square, [1])`,
		func(s *script) {
			p := s.pool(1)
			f := s.submit(p, square, 3)
			p.Shutdown(s.t, true, false)
			p.Shutdown(s.t, true, false)
			s.attempt(f.Result(s.t))
			_, err := p.Submit(s.t, square, 1)
			s.attempt(nil, err)
			_, err = p.Map(s.t, square, []int{1})
			s.attempt(nil, err)
		}},
	{"shutdown cancels", `
gate = threading.Event()
p = cf.ThreadPoolExecutor(1)
fs = [p.submit(gate.wait)] + [p.submit(square, i) for i in range(3)]
time.sleep(0.02)
p.shutdown(wait=False, cancel_futures=True)
show([f.cancelled() for f in fs], fs[0].running())
gate.set()
show(fs[0].result())`,
		func(s *script) {
			gate := threading.NewEvent(s.in, "")
			p := s.pool(1)
			fs := []*futures.Future{s.submit(p, func(t *rt.Thread) any { return gate.Wait(t, threading.Forever) })}
			for i := range 3 {
				fs = append(fs, s.submit(p, square, i))
			}
			s.t.Sleep(20 * time.Millisecond)
			p.Shutdown(s.t, false, true)
			are := []any{}
			for _, f := range fs {
				are = append(are, f.Cancelled(s.t))
			}
			s.show(are, fs[0].Running(s.t))
			gate.Set(s.t)
			s.attempt(fs[0].Result(s.t))
		}},
	{"shutdown without waiting lets the work be done", `
p = cf.ThreadPoolExecutor(1)
fs = [p.submit(nap, 5, i) for i in range(3)]
p.shutdown(wait=False)
show([f.result() for f in fs])`,
		func(s *script) {
			p := s.pool(1)
			var fs []*futures.Future
			for i := range 3 {
				fs = append(fs, s.submit(p, nap, 5, i))
			}
			p.Shutdown(s.t, false, false)
			s.show(s.values(fs))
		}},
	{"wrong arguments", `
attempt(cf.ThreadPoolExecutor, 0)
attempt(cf.ThreadPoolExecutor, -1)
attempt(cf.ThreadPoolExecutor, 1, initializer=3)
with cf.ThreadPoolExecutor(1) as p:
    attempt(p.submit(None).result)
    attempt(p.submit(3).result)
    attempt(p.submit("name").result)
    attempt(p.submit(square, 1, 2).result)`,
		func(s *script) {
			for _, n := range []int{0, -1} {
				_, err := futures.NewThreadPoolExecutor(s.in, n)
				s.attempt(nil, err)
			}
			_, err := futures.NewThreadPoolExecutor(s.in, 1, futures.Initializer(3))
			s.attempt(nil, err)
			p := s.pool(1)
			p.With(s.t, func() {
				for _, fn := range []any{nil, 3, "name"} {
					s.attempt(s.submit(p, fn).Result(s.t))
				}
				s.attempt(s.submit(p, square, 1, 2).Result(s.t))
			})
		}},
	{"a call inside a full pool waits for itself", `
with cf.ThreadPoolExecutor(1) as p:
    def outer():
        attempt(p.submit(square, 2).result, 0.05)
        return "outer"
    show(p.submit(outer).result())`,
		func(s *script) {
			p := s.pool(1)
			p.With(s.t, func() {
				outer := func(t *rt.Thread) any {
					f := must(p.Submit(t, square, 2))
					s.attempt(f.Result(t, 50*time.Millisecond))
					return "outer"
				}
				s.attempt(s.submit(p, outer).Result(s.t))
			})
		}},
	{"exceptions that are no Exception arrive too", `
def raises(e): raise e
with cf.ThreadPoolExecutor(1) as p:
    for e in (SystemExit(3), KeyboardInterrupt(), StopIteration("x")):
        show(repr(p.submit(raises, e).exception()))`,
		func(s *script) {
			p := s.pool(1)
			p.With(s.t, func() {
				exit := rt.Raise("SystemExit", "3")
				for i, e := range []*rt.Exception{exit, rt.Raise("KeyboardInterrupt", ""), rt.Raise("StopIteration", "x")} {
					raised, _ := s.submit(p, func() error { return e }).Exception(s.t)
					if i == 0 { // its argument is a number
						s.show(strings.ReplaceAll(rt.Repr(raised), "'", ""))
						continue
					}
					s.show(rt.Repr(raised))
				}
			})
		}},
	{"the program waits for what was submitted", `
p = cf.ThreadPoolExecutor(1)
for i in range(3): p.submit(lambda i=i: show("call", i))
show("main ends") if False else None`,
		func(s *script) {
			p := s.pool(1)
			for i := range 3 {
				s.submit(p, func() { s.show("call", i) })
			}
		}},
}

// These have processes, which live on the real clock.
var processPrograms = []struct {
	name, python string
	run          func(s *script)
}{
	{"calls in another process", `
def change(l):
    l[0] = "changed"
    return len(l)
with cf.ProcessPoolExecutor(2) as p:
    show(p.submit(os.getpid).result() != os.getpid())
    l = [1]
    show(p.submit(change, l).result(), l)
    show(list(p.map(square, range(10), chunksize=3)))
    attempt(p.map, square, [1], chunksize=0)`,
		func(s *script) {
			p := must(futures.NewProcessPoolExecutor(2))
			p.With(s.t, func() {
				v, _ := s.submit(p, pid).Result(s.t)
				s.show(v != os.Getpid())
				l := []any{1}
				v, _ = s.submit(p, mutate, l).Result(s.t)
				s.show(v, l)
				s.attempt(must(p.Map(s.t, square, futures.Range(0, 10), futures.ChunkSize(3))).List(s.t))
				_, err := p.Map(s.t, square, []int{1}, futures.ChunkSize(0))
				s.attempt(nil, err)
			})
		}},
	{"exceptions of a process have a remote cause", `
with cf.ProcessPoolExecutor(1) as p:
    e = p.submit(fail, "bad").exception()
    show(repr(e), type(e.__cause__).__name__, str(e.__cause__).startswith('\n"""\n'), str(e.__cause__).endswith('ValueError: bad\n"""'))`,
		func(s *script) {
			p := must(futures.NewProcessPoolExecutor(1))
			p.With(s.t, func() {
				raised, _ := s.submit(p, explode, "bad").Exception(s.t)
				var e *rt.Exception
				errors.As(raised, &e)
				cause := e.Cause.(*rt.Exception)
				s.show(rt.Repr(e), cause.Type, strings.HasPrefix(cause.Msg, "\n\"\"\"\n"), strings.HasSuffix(cause.Msg, "ValueError: bad\n\"\"\""))
			})
		}},
	{"what cannot be pickled", `
with cf.ProcessPoolExecutor(1) as p:
    for f in (p.submit(lambda: 1), p.submit(square, lambda: 1)):
        show(type(f.exception()).__name__)
    show(p.submit(square, 3).result())`,
		func(s *script) {
			p := must(futures.NewProcessPoolExecutor(1))
			p.With(s.t, func() {
				for _, f := range []*futures.Future{s.submit(p, func() int { return 1 }), s.submit(p, square, func() int { return 1 })} {
					e, _ := f.Exception(s.t)
					s.show(e.(*rt.Exception).Type)
				}
				s.attempt(s.submit(p, square, 3).Result(s.t))
			})
		}},
	{"a dead process breaks the pool", `
p = cf.ProcessPoolExecutor(1)
attempt(p.submit(os._exit, 3).result)
attempt(p.submit, square, 1)
show(issubclass(BrokenProcessPool, cf.BrokenExecutor))
p.shutdown()
attempt(p.submit, square, 1)`,
		func(s *script) {
			p := must(futures.NewProcessPoolExecutor(1))
			_, err := s.submit(p, explode, "exit").Result(s.t)
			s.attempt(nil, err)
			_, again := p.Submit(s.t, square, 1)
			s.attempt(nil, again)
			s.show(rt.Is(err, "BrokenExecutor"))
			p.Shutdown(s.t, true, false)
			_, again = p.Submit(s.t, square, 1)
			s.attempt(nil, again)
		}},
	{"a broken initializer breaks the pool", `
p = cf.ProcessPoolExecutor(1, initializer=fail, initargs=("x",))
attempt(p.submit(square, 1).result)
p.shutdown()`,
		func(s *script) {
			p := must(futures.NewProcessPoolExecutor(1, futures.Initializer(explode, "x")))
			s.attempt(s.submit(p, square, 1).Result(s.t))
			p.Shutdown(s.t, true, false)
		}},
	{"wrong arguments of a process pool", `
for kw in (dict(max_workers=0), dict(max_tasks_per_child=0), dict(max_tasks_per_child="a"), dict(initializer=3),
           dict(max_tasks_per_child=1, mp_context=multiprocessing.get_context("fork"))):
    attempt(cf.ProcessPoolExecutor, **kw)
attempt(multiprocessing.get_context, "wish")
p = cf.ProcessPoolExecutor(1)
p.shutdown()
attempt(p.submit, square, 1)`,
		func(s *script) {
			for _, c := range []struct {
				n       int
				options []futures.Option
			}{
				{0, nil},
				{1, []futures.Option{futures.MaxTasksPerChild(0)}},
				{1, []futures.Option{futures.MaxTasksPerChild("a")}},
				{1, []futures.Option{futures.Initializer(3)}},
				{1, []futures.Option{futures.MaxTasksPerChild(1), futures.MPContext(futures.Fork)}},
			} {
				_, err := futures.NewProcessPoolExecutor(c.n, c.options...)
				s.attempt(nil, err)
			}
			_, err := futures.NewProcessPoolExecutor(1, futures.MPContext("wish"))
			s.attempt(nil, err)
			p := must(futures.NewProcessPoolExecutor(1))
			p.Shutdown(s.t, true, false)
			_, err = p.Submit(s.t, square, 1)
			s.attempt(nil, err)
		}},
	{"cancel what is not in the call queue", `
with cf.ProcessPoolExecutor(1) as p:
    fs = [p.submit(nap, 150)] + [p.submit(square, i) for i in range(5)]
    time.sleep(0.05)
    show([f.cancel() for f in fs][-2:])
    show(fs[-1].cancelled())`,
		func(s *script) {
			p := must(futures.NewProcessPoolExecutor(1))
			p.With(s.t, func() {
				fs := []*futures.Future{s.submit(p, sleepFor, 150*time.Millisecond)}
				for i := range 5 {
					fs = append(fs, s.submit(p, square, i))
				}
				s.t.Sleep(50 * time.Millisecond)
				are := []any{}
				for _, f := range fs {
					are = append(are, f.Cancel(s.t))
				}
				s.show(are[len(are)-2:])
				s.show(fs[5].Cancelled(s.t))
			})
		}},
	{"sizes of pickles", `
for v in (None, 1, "text", [1, 2, 3], {"a": [None, True]}, list(range(1000)), b"x" * 300, 2**70, ValueError("bad"), square):
    show(len(pickle.dumps(v, 4)))`,
		func(s *script) {
			for _, v := range []any{nil, 1, "text", []any{1, 2, 3}, map[string]any{"a": []any{nil, true}}, futures.Range(0, 1000), bytes.Repeat([]byte("x"), 300),
				pow(2, 70), boom("bad"), square} {
				b, err := pickle.Dumps(v)
				if err != nil {
					s.show(err.Error())
				}
				s.show(len(b))
			}
		}},
}

func TestAgainstCPython(t *testing.T) {
	t.Run("threads", func(t *testing.T) {
		for _, p := range threadPrograms {
			compare.Run(t, p.name, prelude+p.python, func(out io.Writer) {
				var virtual, real bytes.Buffer
				play(&virtual, rt.Virtual(rt.GIL310, 1, 2), p.run)
				play(&real, rt.New(rt.GIL310), p.run)
				_, _ = out.Write(virtual.Bytes())
				if virtual.String() != real.String() {
					fmt.Fprintf(out, "on the real clock:\n%s", compare.Diff(virtual.String(), real.String()))
				}
			})
		}
	})
	t.Run("processes", func(t *testing.T) {
		for _, p := range processPrograms {
			compare.Run(t, p.name, prelude+p.python, func(out io.Writer) { play(out, rt.New(rt.GIL310), p.run) })
		}
	})
	if _, version := compare.Python(t); strings.HasPrefix(version, "3.") && !t.Failed() && compare.Compared() < 30 {
		t.Errorf("%d programs were compared, want 30 at least", compare.Compared())
	}
	t.Logf("%d programs were compared with CPython", compare.Compared())
}

func play(out io.Writer, in *rt.Interpreter, run func(s *script)) {
	err := in.Run(func(t *rt.Thread) error {
		run(&script{out: out, in: in, t: t})
		return nil
	})
	if err != nil {
		fmt.Fprintln(out, "the program ended with", err)
	}
}

func pow(base, exponent int64) *big.Int {
	return new(big.Int).Exp(big.NewInt(base), big.NewInt(exponent), nil)
}
