package session

import (
	"context"
	"strings"
	"testing"
	"time"
)

const importRuntime = `import (
	"time"

	rt "braid/runtime"
	"braid/runtime/threading"
)`

// cut runs a cell, interrupts it when it has printed "ready", and
// returns what it wrote.
func (n *notebook) cut(code string) *page {
	n.t.Helper()
	ctx, cancel := context.WithCancel(n.t.Context())
	defer cancel()
	p := newPage()
	n.count++
	done := make(chan Outcome, 1)
	go func() { done <- n.s.Run(ctx, Request{Code: code, Count: n.count, StoreHistory: true}, p) }()
	p.await(n.t, func() bool { return strings.Contains(p.text("stdout"), "ready") })
	cancel()
	select {
	case out := <-done:
		if out.Err == nil || !strings.Contains(plain(out.Err), "the cell was stopped") {
			n.t.Errorf("In[%d] ended with %+v", n.count, out.Err)
		}
	case <-time.After(20 * time.Second):
		n.t.Fatalf("In[%d] does not end", n.count)
	}
	return p
}

// states lists what of the models goes on.
func (n *notebook) states() string {
	var list []string
	for _, g := range n.s.Census() {
		list = append(list, g.Pos.Cell+": "+g.State)
	}
	return strings.Join(list, "; ")
}

func (n *notebook) awaitStates(want string) {
	n.t.Helper()
	for end := time.Now().Add(20 * time.Second); n.states() != want; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			n.t.Errorf("there go on: %q; want %q", n.states(), want)
			return
		}
	}
}

func TestThreadsOutliveTheirCell(t *testing.T) {
	n := open(t, Options{Engine: "vm"})
	n.ok("import \"fmt\"\n" + importRuntime)
	n.ok(`in := rt.New(rt.GIL310)
stop := threading.NewEvent(in, "stop")
in.Go("waiter", func(t *rt.Thread) { stop.Wait(t, threading.Forever) })
in.Go("sleeper", func(t *rt.Thread) { t.Sleep(time.Hour) })`)
	n.awaitStates("In[2]: rt thread waiter; In[2]: rt thread sleeper")
	// a program in the same interpreter does not wait for the threads of another cell
	n.ok(`in.Run(func(t *rt.Thread) error { stop.Set(t); return nil })`)
	n.awaitStates("In[2]: rt thread sleeper")
	n.cut(`fmt.Println("ready"); for {}`)
	n.awaitStates("")
	if got := n.ok(`in.Run(func(t *rt.Thread) error { fmt.Println("works still"); return nil })`); got != "works still\n" {
		t.Errorf("the interpreter after an interrupt: %q", got)
	}
}

func TestInterruptEndsModels(t *testing.T) {
	for name, code := range map[string]string{
		"waiting": `rt.New(rt.GIL310).Run(func(t *rt.Thread) error { fmt.Println("ready"); return t.Sleep(time.Hour) })`,
		"threads that compute": `rt.New(rt.FreeThreaded).Threads(2, func(t *rt.Thread) {
	fmt.Println("ready")
	for {
	}
})`,
		"a hog and a waiter": `rt.New(rt.GIL310).Threads(2, func(t *rt.Thread) {
	fmt.Println("ready")
	t.Work(time.Hour)
})`,
		"virtual": `rt.Virtual(rt.GIL310, 1, 1).Threads(2, func(t *rt.Thread) {
	fmt.Println("ready")
	for {
		t.Sleep(time.Second)
	}
})`,
		"virtual, compiled": `fmt.Println("ready")
rt.Virtual(rt.GIL310, 1, 1).Threads(2, func(t *rt.Thread) { t.Work(1000000 * time.Hour) })`,
		"exploration": `fmt.Println("ready")
explore.RunWith(explore.Options{Mode: rt.FreeThreaded, Schedules: 1 << 40, TotalSteps: 1 << 60}, func(w *explore.World) {
	x := w.Var("x", 0)
	w.Threads(4, func(t *rt.Thread) {
		for range 10 {
			x.Add(t, 1)
		}
	})
})`,
		"exploration of compiled code": `fmt.Println("ready")
code, _ := rt.Compile("for i in range(100):\n    x += 1")
explore.RunWith(explore.Options{Mode: rt.FreeThreaded, Schedules: 1 << 40, TotalSteps: 1 << 60}, func(w *explore.World) {
	w.Var("x", 0)
	w.Threads(4, func(t *rt.Thread) { w.Exec(t, code) })
})`,
		"a queue that nobody fills": `in := rt.New(rt.FreeThreaded)
q := threading.NewQueue(in, "", 0)
fmt.Println("ready")
in.Run(func(t *rt.Thread) error { _, err := q.Get(t); return err })`,
		"bytecode": `in := rt.New(rt.GIL310)
code, _ := rt.Compile("while True:\n    pass")
fmt.Println("ready")
in.Threads(2, func(t *rt.Thread) { in.Exec(t, code) })`,
		"left behind": `rt.New(rt.GIL310).Go("", func(t *rt.Thread) {
	for {
	}
})
fmt.Println("ready")
for {
}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := open(t, Options{Engine: "vm"})
			n.ok("import (\"fmt\"; \"braid/runtime/explore\")\n" + importRuntime)
			n.cut(code)
			n.awaitStates("")
		})
	}
}

// A lock that an interrupted thread held is free in the next cell.
func TestInterruptGivesLocksBack(t *testing.T) {
	n := open(t, Options{Engine: "vm"})
	n.ok("import \"fmt\"\n" + importRuntime)
	n.ok(`in := rt.New(rt.GIL310)
lock := threading.NewLock(in, "lock")
rlock := threading.NewRLock(in, "rlock")`)
	n.cut(`in.Run(func(t *rt.Thread) error {
	lock.With(t, func() {
		rlock.With(t, func() {
			fmt.Println("ready")
			t.Sleep(time.Hour)
		})
	})
	return nil
})`)
	if got := n.ok(`in.Run(func(t *rt.Thread) error { fmt.Println(lock.TryAcquire(t), rlock.TryAcquire(t)); return nil })`); got != "true true\n" {
		t.Errorf("locks are free: %s", got)
	}
}

// Warnings come when the cell ends, in CPython's words.
func TestWarningsAreShownAtTheEnd(t *testing.T) {
	n := open(t, Options{Engine: "vm"})
	n.ok("import \"fmt\"\n" + importRuntime)
	out, p := n.run(`in := rt.New(rt.FreeThreaded)
in.Import("legacy", false)
fmt.Println(in.GILEnabled())`)
	want := "RuntimeWarning: The global interpreter lock (GIL) has been enabled to load module 'legacy', " +
		"which has not declared that it can run safely without the GIL. " +
		"To override this behavior and keep the GIL disabled (at your own risk), run with PYTHON_GIL=0 or -Xgil=0.\n"
	if out.Err != nil || p.text("stdout") != "true\n" || p.text("stderr") != want {
		t.Errorf("%q %q", p.text("stdout"), p.text("stderr"))
	}
}

// A callback that panics becomes an exception with both of its stacks.
func TestPanicOfACallback(t *testing.T) {
	n := open(t, Options{Engine: "vm"})
	n.ok("import (\"fmt\"; \"strings\")\n" + importRuntime)
	got := n.ok(`func bad(xs []int, i int) int { return xs[i] }
r := rt.New(rt.GIL310).Threads(1, func(t *rt.Thread) { bad([]int{1}, 3) })
e, _ := rt.AsException(r.Exceptions()[0])
fmt.Println(e)
for _, f := range e.Frames {
	fmt.Println(f)
}
fmt.Println(strings.Contains(e.Stack, "goroutine"))`)
	if got != "RuntimeError: runtime error: index out of range [3] with length 1\nIn[2]:1, in bad\nIn[2]:2, in func1\ntrue\n" {
		t.Errorf("%s", got)
	}
	out, p := n.run(`in := rt.New(rt.GIL310)
th := threading.NewThread(in, "", func(t *rt.Thread) { bad(nil, 0) })
in.Run(func(t *rt.Thread) error { th.Start(t); return th.Join(t, threading.Forever) })`)
	want := "Exception in thread Thread-1:\nTraceback (most recent call last):\n  In[3]:2, in func1\n  In[2]:1, in bad\nRuntimeError: runtime error: index out of range [0] with length 0\n"
	if out.Err != nil || p.text("stderr") != want {
		t.Errorf("%v %q", out.Err, p.text("stderr"))
	}
}

// Coroutines that a cell leaves are closed, and those that never ran are warned
// of; the loop that an interrupt meets ends its tasks.
func TestCoroutinesEndWithTheirCell(t *testing.T) {
	n := open(t, Options{Engine: "vm"})
	n.ok("import \"fmt\"\nimport \"braid/runtime/asyncio\"\n" + importRuntime)
	out, p := n.run(`f := asyncio.Async("f", func(c *asyncio.Co, a []any) (any, error) {
	defer func() { fmt.Println("closed") }()
	c.Sleep(0)
	return nil, nil
})
never, begun := f.Call(), f.Call()
f.Call()
begun.Send(nil)
fmt.Println(never.State(), begun.State())`)
	if out.Err != nil || p.text("stdout") != "CORO_CREATED CORO_SUSPENDED\nclosed\n" ||
		p.text("stderr") != "RuntimeWarning: coroutine 'f' was never awaited\n" {
		t.Errorf("%v %q %q", out.Err, p.text("stdout"), p.text("stderr"))
	}
	out, p = n.run(`rt.Keep()
kept := asyncio.Async("kept", func(c *asyncio.Co, a []any) (any, error) { return 42, nil }).Call()`)
	if out.Err != nil || p.text("stderr") != "" {
		t.Errorf("%v %q", out.Err, p.text("stderr"))
	}
	if got := n.ok(`v, err := asyncio.Run(kept)
fmt.Println(v, err)`); got != "42 <nil>\n" {
		t.Errorf("a kept coroutine in another cell: %q", got)
	}
	p = n.cut(`asyncio.Run(asyncio.Async("main", func(c *asyncio.Co, a []any) (any, error) {
	defer func() { fmt.Println("cleanup") }()
	fmt.Println("ready")
	return c.Sleep(time.Hour)
}).Call())`)
	if p.text("stdout") != "ready\ncleanup\n" {
		t.Errorf("an interrupted loop: %q", p.text("stdout"))
	}
	n.cut(`asyncio.Run(asyncio.Async("hog", func(c *asyncio.Co, a []any) (any, error) {
	fmt.Println("ready")
	for {
	}
}).Call())`)
	n.cut(`fmt.Println("ready")
asyncio.RunVirtual(asyncio.Async("ticker", func(c *asyncio.Co, a []any) (any, error) {
	for {
		if _, err := c.Sleep(time.Second); err != nil {
			return nil, err
		}
	}
}).Call())`)
	n.awaitStates("")
}

// The threads of an executor end with the cell that used it, and the executor
// starts new ones in the next.
func TestExecutorsAcrossCells(t *testing.T) {
	n := open(t, Options{Engine: "vm"})
	n.ok("import (\"fmt\"; \"braid/runtime/futures\")\n" + importRuntime)
	n.ok(`pool, err := futures.NewThreadPoolExecutor(rt.New(rt.GIL310), 2)
double := func(x any) (any, error) { return x.(int) * 2, nil }`)
	for range 2 {
		if got := n.ok(`f, err := pool.Submit(nil, double, 21)
fmt.Println(err)
fmt.Println(f.Result(nil))`); got != "<nil>\n42 <nil>\n" {
			t.Errorf("a call: %q", got)
		}
		n.awaitStates("")
	}
	n.cut(`f, _ := pool.Submit(nil, func() (any, error) { time.Sleep(time.Hour); return nil, nil })
fmt.Println("ready")
f.Result(nil)`)
	n.awaitStates("")
}
