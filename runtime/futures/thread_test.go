package futures_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	rt "braid/runtime"
	"braid/runtime/explore"
	"braid/runtime/futures"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// errText is the text of an error, with "<nil>" for none.
func errText(err error) string { return fmt.Sprint(err) }

func square(x int) int { return x * x }

func fail(msg string) error { return rt.Raise("ValueError", "%s", msg) }

// inWorlds runs a program on the real clock, with and without a GIL, and in
// virtual time under several seeds.
func inWorlds(t *testing.T, program func(th *rt.Thread) error) {
	t.Helper()
	run := func(name string, in *rt.Interpreter) {
		t.Helper()
		if err := in.Run(program); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	run("real", rt.New(rt.GIL310))
	run("free-threaded", rt.New(rt.FreeThreaded))
	for seed := range uint64(3) {
		run(fmt.Sprint("virtual ", seed), rt.Virtual(rt.GIL310, seed, 2))
	}
}

func TestSubmitInAllWorlds(t *testing.T) {
	inWorlds(t, func(th *rt.Thread) error {
		p := must(futures.NewThreadPoolExecutor(th.Interpreter(), 2))
		f := must(p.Submit(th, square, 7))
		if v, err := f.Result(th); v != 49 || err != nil {
			return fmt.Errorf("square: %v, %v", v, err)
		}
		g := must(p.Submit(th, fail, "bad"))
		if _, err := g.Result(th); errText(err) != "ValueError: bad" {
			return fmt.Errorf("fail: %v", err)
		}
		all, err := must(p.Map(th, square, []int{1, 2, 3})).List(th)
		if fmt.Sprint(all, err) != "[1 4 9] <nil>" {
			return fmt.Errorf("map: %v %v", all, err)
		}
		p.Shutdown(th, true, false)
		if _, err := p.Submit(th, square, 1); errText(err) != "RuntimeError: cannot schedule new futures after shutdown" {
			return fmt.Errorf("after shutdown: %v", err)
		}
		return nil
	})
}

// The program ends although nobody shuts the pool down (thread.py, _python_exit).
func TestProgramEndsPools(t *testing.T) {
	var done []int
	inWorlds(t, func(th *rt.Thread) error {
		done = nil
		p := must(futures.NewThreadPoolExecutor(th.Interpreter(), 1))
		for i := range 3 {
			must(p.Submit(th, func() { done = append(done, i) }))
		}
		return nil
	})
	if !slices.Equal(done, []int{0, 1, 2}) {
		t.Error("work that was submitted is not done at the end: ", done)
	}
}

func TestWithoutThread(t *testing.T) {
	p := must(futures.NewThreadPoolExecutor(nil, 3))
	var mu sync.Mutex
	sum := 0
	for i := range 100 {
		must(p.Submit(nil, func() {
			mu.Lock()
			sum += i
			mu.Unlock()
		}))
	}
	p.Shutdown(nil, true, false)
	if sum != 4950 {
		t.Error(sum)
	}
}

// thread.py, _adjust_thread_count: a Submit that finds an idle worker starts none.
func TestSpawnRule(t *testing.T) {
	in := rt.Virtual(rt.GIL310, 1, 4)
	err := in.Run(func(th *rt.Thread) error {
		p := must(futures.NewThreadPoolExecutor(in, 8, futures.ThreadNamePrefix("w")))
		for range 5 {
			must(p.Submit(th, func() {})).Result(th)
			th.Sleep(time.Millisecond)
		}
		if n := p.ThreadNames(); !slices.Equal(n, []string{"w_0"}) {
			return fmt.Errorf("5 calls one after the other: %v", n)
		}
		q := must(futures.NewThreadPoolExecutor(in, 8))
		for range 20 {
			must(q.Submit(th, func(t *rt.Thread) { t.Sleep(time.Second) }))
		}
		if n := q.ThreadNames(); len(n) != 8 || n[7] != "ThreadPoolExecutor-0_7" {
			return fmt.Errorf("20 calls that overlap: %v", n)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestEverySchedule(t *testing.T) {
	for _, c := range []struct {
		claim, source string
		program       func(w *explore.World)
		outcome       string
	}{
		{"a future is an edge: what the call wrote is seen after Result", "_base.py Future.result", func(w *explore.World) {
			x := w.Var("x", 0)
			w.Go("main", func(t *rt.Thread) {
				p := must(futures.NewThreadPoolExecutor(w.Interpreter, 1))
				f := must(p.Submit(t, func(t *rt.Thread) { x.Set(t, 1) }))
				f.Result(t)
				x.Add(t, 1)
			})
			w.Final(func() any { return x.Value() })
		}, "2"},
		{"a call waits for ever for one behind it in a full pool", "thread.py", func(w *explore.World) {
			w.Go("main", func(t *rt.Thread) {
				p := must(futures.NewThreadPoolExecutor(w.Interpreter, 1))
				f := must(p.Submit(t, func(t *rt.Thread) any {
					g := must(p.Submit(t, func() any { return 1 }))
					v, _ := g.Result(t)
					return v
				}))
				f.Result(t)
			})
		}, explore.Deadlocked},
		{"cancel and start exclude each other", "_base.py Future.cancel, set_running_or_notify_cancel", func(w *explore.World) {
			ran, was := w.Var("ran", 0), w.Var("cancelled", false)
			w.Go("main", func(t *rt.Thread) {
				p := must(futures.NewThreadPoolExecutor(w.Interpreter, 1))
				f := must(p.Submit(t, func(t *rt.Thread) { ran.Set(t, 1) }))
				was.Set(t, f.Cancel(t))
			})
			w.Final(func() any { return (ran.Value() == 1) != (was.Value() == true) })
		}, "true"},
	} {
		r := explore.Run(c.program)
		if len(r.Outcomes) != 1 || r.Outcomes[0].Text != c.outcome || !r.Complete || len(r.Races) > 0 {
			t.Errorf("%s (%s): %+v, complete %v, races %v", c.claim, c.source, r.Outcomes, r.Complete, r.Races)
		}
	}
}

func BenchmarkSubmit(b *testing.B) {
	for _, mode := range []rt.Mode{rt.GIL310, rt.FreeThreaded} {
		b.Run(mode.String(), func(b *testing.B) {
			p := must(futures.NewThreadPoolExecutor(rt.New(mode), 1))
			defer p.Shutdown(nil, true, false)
			for b.Loop() {
				f := must(p.Submit(nil, square, 3))
				if v, _ := f.Result(nil); v != 9 {
					b.Fatal(v)
				}
			}
		})
	}
}
