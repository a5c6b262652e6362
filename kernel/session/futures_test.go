package session

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// processesBelow lists the processes below this one.
func processesBelow(t *testing.T) (pids []int) {
	t.Helper()
	parents := map[int]int{}
	dir, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatalf("this test counts processes in /proc: %v", err)
	}
	for _, e := range dir {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(f) > 1 && f[0] != "Z" && f[0] != "X" {
			parents[pid], _ = strconv.Atoi(f[1])
		}
	}
	for pid := range parents {
		for p := parents[pid]; p != 0; p = parents[p] {
			if p == os.Getpid() {
				pids = append(pids, pid)
				break
			}
		}
	}
	return pids
}

// onlyWorker checks that the session's worker has no process below it.
func onlyWorker(t *testing.T, when string) {
	t.Helper()
	var pids []int
	for range 100 {
		if pids = processesBelow(t); len(pids) <= 1 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%s: processes %v, want the session's worker only", when, pids)
}

// A notebook about a process pool: declarations of earlier cells are known to its
// processes.
func TestProcessPoolInCells(t *testing.T) {
	n := open(t, Options{Engine: "vm"})
	n.ok("import (\n\t\"fmt\"\n\t\"os\"\n\trt \"braid/runtime\"\n\t\"braid/runtime/futures\"\n)")
	n.ok(`type Point struct {
	X, Y int
	tag  string
}

func (p Point) String() string { return fmt.Sprintf("(%d,%d)%s", p.X, p.Y, p.tag) }`)
	n.ok("const factor = 10\n\nfunc scale(n int) int { return n * factor }")
	n.ok(`func move(p Point, by int) Point {
	fmt.Println("in another process:", os.Getpid() != 0)
	return Point{p.X + scale(by), p.Y, p.tag + "!"}
}`)
	got := n.ok(`pool, err := futures.NewProcessPoolExecutor(2)
if err != nil {
	panic(err)
}
pool.With(nil, func() {
	f, _ := pool.Submit(nil, move, Point{1, 2, "a"}, 3)
	fmt.Println(f.Result(nil))
	f, _ = pool.Submit(nil, os.Getpid)
	pid, err := f.Result(nil)
	fmt.Println(pid != os.Getpid(), err)
	results, _ := pool.Map(nil, scale, []int{1, 2, 3}, futures.ChunkSize(2))
	fmt.Println(results.List(nil))
})`)
	if want := "in another process: true\n(31,2)a! <nil>\ntrue <nil>\n[10 20 30] <nil>\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	onlyWorker(t, "after shutdown")

	// declared again: the next processes know it
	n.ok("func scale(n int) int { return -n }")
	got = n.ok(`pool, _ = futures.NewProcessPoolExecutor(1)
f, _ := pool.Submit(nil, move, Point{}, 3)
fmt.Println(f.Result(nil))`)
	if !strings.Contains(got, "(-3,0)!") {
		t.Errorf("after scale was declared again: %q", got)
	}
	onlyWorker(t, "after a cell that did not shut its pool down")
	if got := n.ok("f, _ = pool.Submit(nil, scale, 7)\nfmt.Println(f.Result(nil))"); got != "-7 <nil>\n" {
		t.Errorf("the pool of an earlier cell: %q", got)
	}

	// a pool that is kept learns what later cells declare
	n.ok("rt.Keep()\nkept, _ := futures.NewProcessPoolExecutor(1)\nf, _ = kept.Submit(nil, scale, 1)\nf.Result(nil)")
	n.ok("func late(n int) string { return fmt.Sprint(\"late \", scale(n)) }")
	if got := n.ok("f, _ = kept.Submit(nil, late, 5)\nfmt.Println(f.Result(nil))\nkept.Shutdown(nil, true, false)"); got != "late -5 <nil>\n" {
		t.Errorf("a kept pool: %q", got)
	}
	onlyWorker(t, "after the kept pool's shutdown")
}

// What goes wrong in a worker process, and what of it a cell sees.
func TestProcessPoolFailuresInCells(t *testing.T) {
	n := open(t, Options{Engine: "vm"})
	n.ok("import (\n\t\"fmt\"\n\t\"os\"\n\t\"time\"\n\trt \"braid/runtime\"\n\t\"braid/runtime/futures\"\n)")
	n.ok("var counter = 5\nfunc usesVariable() int { return counter }\nfunc callsUser(n int) int { return n + usesVariable() }\nfunc exits() { os.Exit(3) }\nfunc sleeps() { time.Sleep(time.Hour) }\nfunc square(x int) int { return x * x }")
	n.ok(`func panics(how string) (any, error) {
	switch how {
	case "panic":
		panic("boom")
	case "raise":
		return nil, rt.Raise("KeyError", "k")
	}
	var m map[string]int
	m[how] = 1
	return nil, nil
}`)
	try := func(call, want string) {
		t.Helper()
		got := n.ok("{\n\tp, _ := futures.NewProcessPoolExecutor(1)\n\tf, err := p.Submit(nil, " + call + ")\n\tif err == nil {\n\t\t_, err = f.Result(nil)\n\t}\n\tfmt.Println(err)\n\tif e, ok := rt.AsException(err); ok {\n\t\tfmt.Print(rt.Traceback(e))\n\t}\n\tp.Shutdown(nil, true, false)\n}")
		first, _, _ := strings.Cut(got, "\n")
		if !strings.HasPrefix(first, want) {
			t.Errorf("%s: %q, want %s", call, got, want)
		}
		if strings.HasPrefix(want, "RuntimeError: ") && !strings.Contains(got, "in panics") {
			t.Errorf("%s: the learner's frames are missing: %s", call, got)
		}
	}
	try(`panics, "panic"`, "RuntimeError: panic: boom")
	try(`panics, "map"`, "RuntimeError: assignment to entry in nil map")
	try(`panics, "raise"`, "KeyError: k")
	try(`panics`, "TypeError: panics() missing 1 required positional argument")
	try(`func() {}`, "PicklingError: Can't pickle <function <lambda>>: attribute lookup <lambda> on __main__ failed")
	try(`square, func() {}`, "PicklingError: Can't pickle")
	try(`square, make(chan int)`, "TypeError: cannot pickle 'chan int' object")
	try(`exits`, "BrokenProcessPool: A process in the process pool was terminated abruptly while the future was running or pending.")
	try(`usesVariable`, "AttributeError: Can't get attribute 'usesVariable' on <module '__main__'>: it needs the variable counter, and a worker process has the functions")
	try(`callsUser, 1`, "AttributeError: Can't get attribute 'callsUser' on <module '__main__'>: it needs the variable counter,")
	try(`"square", 12`, "<nil>")
	n.ok(`func outer() func() int { x := 1; return func() int { return x } }`)
	try(`outer()`, "PicklingError: Can't pickle local object 'outer.<locals>.<lambda>'")
	onlyWorker(t, "after failures")

	// an interrupt while a call runs
	ctx, interrupt := context.WithCancel(t.Context())
	page := newPage()
	n.count++
	done := make(chan Outcome)
	go func() {
		done <- n.s.Run(ctx, Request{Code: `p, _ := futures.NewProcessPoolExecutor(2)
f, _ := p.Submit(nil, sleeps)
g, _ := p.Submit(nil, square, 2)
g.Result(nil)
fmt.Println("ready")
f.Result(nil)
fmt.Println("not reached")`, Count: n.count, StoreHistory: true}, page)
	}()
	page.await(t, func() bool { return strings.Contains(page.text("stdout"), "ready") })
	interrupt()
	out := <-done
	if out.Err == nil || out.Err.EName != "Interrupted" || strings.Contains(page.text("stdout"), "not reached") {
		t.Errorf("interrupted: %+v, %q", out.Err, page.text("stdout"))
	}
	onlyWorker(t, "after the interrupt")
	if got := n.ok("f, _ := p.Submit(nil, square, 3)\nfmt.Println(f.Result(nil))"); got != "9 <nil>\n" {
		t.Errorf("after the interrupt: %q", got)
	}
	// the worker ends while a call runs, and another one takes its place
	n.fails("q, _ := futures.NewProcessPoolExecutor(2)\nq.Submit(nil, sleeps)\nh, _ := q.Submit(nil, square, 2)\nh.Result(nil)\nos.Exit(4)")
	onlyWorker(t, "after the worker was replaced")
	if got := n.ok("q2, _ := futures.NewProcessPoolExecutor(1)\nf2, _ := q2.Submit(nil, square, 5)\nfmt.Println(f2.Result(nil))"); got != "25 <nil>\n" {
		t.Errorf("after the worker was replaced: %q", got)
	}
	n.s.Close()
	if pids := processesBelow(t); len(pids) != 0 {
		t.Errorf("after Close: %v", pids)
	}
}

// Every public function of package futures that lessons use, from a cell.
func TestFuturesInCells(t *testing.T) {
	n := open(t, Options{Engine: "vm"})
	n.ok("import (\n\t\"fmt\"\n\t\"time\"\n\trt \"braid/runtime\"\n\t\"braid/runtime/futures\"\n\t\"braid/runtime/pickle\"\n)")
	n.ok("func square(x int) int { return x * x }\nfunc half(x int) (int, error) {\n\tif x%2 == 1 {\n\t\treturn 0, rt.Raise(\"ValueError\", \"odd\")\n\t}\n\treturn x / 2, nil\n}")
	for i, c := range []struct{ code, want string }{
		{`in := rt.Virtual(rt.GIL310, 1, 2)
err := in.Run(func(t *rt.Thread) error {
	p, err := futures.NewThreadPoolExecutor(in, 2, futures.ThreadNamePrefix("w"), futures.Initializer(func() { fmt.Println("init") }))
	if err != nil {
		return err
	}
	f, _ := p.Submit(t, func(t *rt.Thread) string { t.Sleep(time.Second); return t.Name })
	fmt.Println(f.Running(t), f.Done(t), f.Cancelled(t))
	_, err = f.Result(t, time.Millisecond)
	fmt.Println(err)
	f.AddDoneCallback(t, func(t *rt.Thread, f *futures.Future) { fmt.Println("done in", t.Name) })
	fmt.Println(f.Result(t))
	fmt.Println(t.Now(), f, p.ThreadNames())
	p.Shutdown(t, true, true)
	_, err = p.Submit(t, square, 1)
	fmt.Println(err)
	return nil
})
fmt.Println(err)`, "false false false\ninit\nTimeoutError\ndone in w_0\nw_0 <nil>\n1s <Future state=finished returned str> [w_0]\nRuntimeError: cannot schedule new futures after shutdown\n<nil>\n"},
		{`p, _ := futures.NewThreadPoolExecutor(nil, futures.Default)
r, _ := p.Map(nil, half, []int{2, 4, 5, 6}, futures.Timeout(time.Minute))
fmt.Println(r.List(nil))
s, _ := p.Map(nil, func(a, b int) int { return a * b }, futures.Range(1, 4), futures.Zip([]int{5, 6}), futures.BufferSize(1))
fmt.Println(s.Next(nil))
s.Close(nil)
_, err := s.Next(nil)
fmt.Println(err)
p.Shutdown(nil, true, false)`, "[1 2] ValueError: odd\n5 <nil>\nStopIteration\n"},
		{`a, b := futures.NewFuture(nil), futures.NewFuture(nil)
a.SetRunningOrNotifyCancel(nil)
a.SetResult(nil, 1)
done, notDone, err := futures.Wait(nil, []*futures.Future{b, a}, futures.FirstCompleted)
fmt.Println(len(done), len(notDone), err, b.Cancel(nil), b.Cancelled(nil))
fmt.Println(b.SetResult(nil, 2))
b.SetRunningOrNotifyCancel(nil)
all, err := futures.AsCompleted(nil, []*futures.Future{a, b}, time.Second).List(nil)
fmt.Println(len(all), err)
c := futures.NewFuture(nil)
c.SetException(nil, rt.Raise("KeyError", "k"))
fmt.Println(c.Exception(nil))`, "1 1 <nil> true true\nInvalidStateError: CANCELLED: <Future state=cancelled>\n2 <nil>\nKeyError: k <nil>\n"},
		{`q, err := futures.NewInterpreterPoolExecutor(nil, 2)
if err != nil {
	panic(err)
}
list := []any{1, 2}
g, _ := q.Submit(nil, func(l []any) any { l[0] = "changed"; return l }, list)
_, err = g.Result(nil)
fmt.Println(err)
h, _ := q.Submit(nil, square, 9)
fmt.Println(h.Result(nil))
q.Shutdown(nil, true, false)`, "PicklingError: Can't pickle <function <lambda>>: attribute lookup <lambda> on __main__ failed; declare the function with a name (func name(…) {…}), so that other processes find it\n81 <nil>\n"},
		{`type Celsius float64
b, err := pickle.Dumps([]any{1, "two", Celsius(3.5), map[string]any{"k": []int{4}}})
v, err2 := pickle.Loads(b)
fmt.Println(len(b), err, fmt.Sprintf("%#v", v), err2)
b, _ = pickle.Dumps(square)
fmt.Println(len(b))
_, err = pickle.Loads([]byte("x"))
fmt.Println(err)
for _, m := range futures.StartMethods() {
	fmt.Println(m.Name, m.CPython)
}`, ""},
		{`m, err := futures.NewProcessPoolExecutor(1, futures.MPContext(futures.Spawn), futures.MaxTasksPerChild(1))
fmt.Println(err)
m.Trace()
u, _ := m.Submit(nil, square, 5)
fmt.Println(u.Result(nil))
m.Shutdown(nil, true, false)
fmt.Println(m.Stats().Calls, m.Stats().Sent, len(m.Processes()), len(m.Trace().Events()) > 4)`, "<nil>\n25 <nil>\n1 50 0 true\n"},
	} {
		got := n.ok(c.code)
		if c.want != "" && got != c.want {
			t.Errorf("cell %d:\n%s\nwant:\n%s", i+1, got, c.want)
		}
		if c.want == "" && !strings.Contains(got, "main.Celsius") && !strings.Contains(got, "3.5") {
			t.Errorf("cell %d: %s", i+1, got)
		}
	}
}

// The other engine's functions have no names that another process could find.
func TestProcessPoolNeedsTheVM(t *testing.T) {
	n := open(t, Options{Engine: "yaegi"})
	got := n.ok(`import (
	"fmt"
	"braid/runtime/futures"
)

func square(x int) int { return x * x }

p, err := futures.NewProcessPoolExecutor(1)
_, err = p.Submit(nil, square, 1)
fmt.Println(err)`)
	if !strings.HasPrefix(got, "RuntimeError: worker processes need the engine vm") {
		t.Error(got)
	}
}

// Threads of a pool finish what was submitted when their cell has ended, and end
// at once when it is interrupted.
func TestThreadPoolsEndWithCells(t *testing.T) {
	n := open(t, Options{Engine: "vm"})
	n.ok("import (\n\t\"fmt\"\n\t\"time\"\n\trt \"braid/runtime\"\n\t\"braid/runtime/futures\"\n)")
	_, page := n.run(`p, _ := futures.NewThreadPoolExecutor(nil, 1)
p.Submit(nil, func(t *rt.Thread) { t.Sleep(50 * time.Millisecond); fmt.Println("late") })`)
	page.await(t, func() bool { return page.text("stdout") == "late\n" })
	if got := n.ok("f, _ := p.Submit(nil, func() int { return 7 })\nfmt.Println(f.Result(nil))"); got != "7 <nil>\n" {
		t.Errorf("the pool of an earlier cell: %q", got)
	}
	for _, hog := range []string{"for i := 0; ; i++ {\n}", "select {}", "time.Sleep(time.Hour)", "t.Sleep(time.Hour)"} {
		ctx, interrupt := context.WithCancel(t.Context())
		page := newPage()
		n.count++
		done := make(chan Outcome)
		go func() {
			done <- n.s.Run(ctx, Request{Code: `q, _ := futures.NewThreadPoolExecutor(nil, 1)
q.With(nil, func() {
	f, _ := q.Submit(nil, func(t *rt.Thread) { fmt.Println("ready"); ` + hog + ` })
	f.Result(nil)
	fmt.Println("not reached")
})`, Count: n.count, StoreHistory: true}, page)
		}()
		page.await(t, func() bool { return strings.Contains(page.text("stdout"), "ready") })
		interrupt()
		out := <-done
		if out.Err == nil || out.Err.EName != "Interrupted" || strings.Contains(page.text("stdout"), "not reached") {
			t.Errorf("%s: %+v, %q", hog, out.Err, page.text("stdout"))
		}
		if got := n.ok("h, _ := q.Submit(nil, func() int { return 8 })\nfmt.Println(h.Result(nil))"); got != "8 <nil>\n" {
			t.Errorf("%s: the pool after the interrupt: %q", hog, got)
		}
	}
	for range 200 {
		if len(n.s.Census()) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("goroutines that go on: %+v", n.s.Census())
}
