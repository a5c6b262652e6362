package futures_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	rt "braid/runtime"
	"braid/runtime/futures"
)

// Claims about executors, where CPython has them, and what shows them. The
// checks count and use virtual time; none depends on how fast the machine is.
func TestClaims(t *testing.T) {
	for _, c := range []struct {
		claim, source string
		check         func() error
	}{
		{"a pool of k makes n waits of d in ceil(n/k)*d", "thread.py _worker", func() error {
			return inVirtualTime(func(in *rt.Interpreter, th *rt.Thread) error {
				p := must(futures.NewThreadPoolExecutor(in, 10))
				must(must(p.Map(th, func(t *rt.Thread, _ int) { t.Sleep(100 * time.Millisecond) }, futures.Range(0, 95))).List(th))
				return want(th.Now(), time.Second)
			})
		}},
		{"threads do not make bytecode faster", "ceval_gil.c take_gil", func() error {
			return inVirtualTime(func(in *rt.Interpreter, th *rt.Thread) error {
				p := must(futures.NewThreadPoolExecutor(in, 4))
				must(must(p.Map(th, compute, futures.Range(0, 4))).List(th))
				return want(th.Now().Round(10*time.Millisecond), 400*time.Millisecond)
			})
		}},
		{"map submits all its items at once", "_base.py Executor.map", func() error {
			return inVirtualTime(func(in *rt.Interpreter, th *rt.Thread) error {
				p := must(futures.NewThreadPoolExecutor(in, 2))
				calls := 0
				must(p.Map(th, func(int) { calls++ }, futures.Range(0, 9)))
				th.Sleep(time.Millisecond)
				return want(calls, 9)
			})
		}},
		{"with a buffersize it stays that much ahead", "_base.py Executor.map (3.14)", func() error {
			return inVirtualTime(func(in *rt.Interpreter, th *rt.Thread) error {
				p := must(futures.NewThreadPoolExecutor(in, 2))
				calls := 0
				r := must(p.Map(th, func(int) { calls++ }, futures.Range(0, 9), futures.BufferSize(3)))
				th.Sleep(time.Millisecond)
				before := calls
				must(r.Next(th))
				th.Sleep(time.Millisecond)
				return want([]int{before, calls}, []int{3, 4})
			})
		}},
		{"closing the results cancels what has not begun", "_base.py result_iterator, finally", func() error {
			return inVirtualTime(func(in *rt.Interpreter, th *rt.Thread) error {
				p := must(futures.NewThreadPoolExecutor(in, 1))
				calls := 0
				r := must(p.Map(th, func(t *rt.Thread, _ int) { calls++; t.Sleep(time.Second) }, futures.Range(0, 9)))
				th.Sleep(time.Millisecond)
				r.Close(th)
				p.Shutdown(th, true, false)
				return want(calls, 1)
			})
		}},
		{"an exception that nobody reads is silent", "_base.py Future.set_exception (gh-120508)", func() error {
			scope := rt.NewScope()
			return inVirtualTime(func(in *rt.Interpreter, th *rt.Thread) error {
				p := must(futures.NewThreadPoolExecutor(in, 1))
				must(p.Submit(th, fail, "lost"))
				p.Shutdown(th, true, false)
				return want(len(scope.Warnings()), 0)
			})
		}},
		{"with fork all processes start at the first submit", "process.py _start_executor_manager_thread (gh-90622)", func() error {
			p := must(futures.NewProcessPoolExecutor(3))
			must(p.Submit(nil, square, 1)).Result(nil)
			p.Shutdown(nil, true, false)
			return want(p.Stats().Processes, 3)
		}},
		{"with spawn they start on demand", "process.py _adjust_process_count", func() error {
			p := must(futures.NewProcessPoolExecutor(3, futures.MPContext(futures.Spawn)))
			for range 4 {
				must(p.Submit(nil, square, 1)).Result(nil)
			}
			p.Shutdown(nil, true, false)
			return want(p.Stats().Processes, 1)
		}},
		{"a function travels as its name", "Lib/pickle.py save_global", func() error {
			p := must(futures.NewProcessPoolExecutor(1))
			must(p.Submit(nil, square, 1)).Result(nil)
			p.Shutdown(nil, true, false)
			if n := p.Stats().Sent; n > 80 {
				return fmt.Errorf("%d bytes for a call", n)
			}
			return nil
		}},
		{"workers change their own globals only", "process.py _process_worker", func() error {
			before := bumps
			p := must(futures.NewProcessPoolExecutor(1))
			v, err := must(p.Submit(nil, bump)).Result(nil)
			p.Shutdown(nil, true, false)
			return want([]any{v, err, bumps}, []any{before + 1, nil, before})
		}},
		{"chunks make messages fewer and their bytes less", "process.py map, _process_chunk", func() error {
			count := func(chunk int) futures.Stats {
				p := must(futures.NewProcessPoolExecutor(1))
				must(must(p.Map(nil, square, futures.Range(0, 100), futures.ChunkSize(chunk))).List(nil))
				p.Shutdown(nil, true, false)
				return p.Stats()
			}
			one, many := count(1), count(25)
			if one.Calls != 100 || many.Calls != 4 || many.Sent*4 > one.Sent {
				return fmt.Errorf("%+v and %+v", one, many)
			}
			return nil
		}},
		{"each interpreter has its own objects", "interpreter.py do_call", func() error {
			p := must(futures.NewInterpreterPoolExecutor(nil, 1))
			list := []any{1}
			v, err := must(p.Submit(nil, mutate, list)).Result(nil)
			p.Shutdown(nil, true, false)
			return want([]any{v, err, list[0]}, []any{1, nil, 1})
		}},
		{"there are three start methods", "Lib/multiprocessing/context.py", func() error {
			var names []string
			for _, m := range futures.StartMethods() {
				names = append(names, m.Name)
			}
			if !slices.Equal(names, []string{"fork", "forkserver", "spawn"}) {
				return fmt.Errorf("%v", names)
			}
			return nil
		}},
	} {
		if err := c.check(); err != nil {
			t.Errorf("%s (%s): %v", c.claim, c.source, err)
		}
	}
}

func inVirtualTime(program func(in *rt.Interpreter, th *rt.Thread) error) error {
	in := rt.Virtual(rt.GIL310, 1, 2)
	return in.Run(func(th *rt.Thread) error { return program(in, th) })
}

func want(got, want any) error {
	if fmt.Sprint(got) != fmt.Sprint(want) {
		return fmt.Errorf("got %v, want %v", got, want)
	}
	return nil
}
