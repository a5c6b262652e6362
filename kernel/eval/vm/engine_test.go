package vm

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"braid/kernel/eval"
	"braid/kernel/eval/host"
)

// notebook runs cells against one engine.
type notebook struct {
	t      *testing.T
	e      *Engine
	n      int
	out    output
	result string
}

// output is what a notebook has printed. Goroutines that earlier cells have left
// print into that of the newest.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) WriteString(s string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.WriteString(s)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (o *output) Reset() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Reset()
}

func newNotebook(t *testing.T) *notebook { return &notebook{t: t, e: New()} }

// start begins a cell and returns its run and a channel that yields its end.
func (nb *notebook) start(src string) (*host.Run, <-chan *eval.Error) {
	nb.out.Reset()
	nb.result = ""
	host.SetSink(func(ev eval.Event) {
		switch {
		case ev.Stream != nil:
			nb.out.WriteString(ev.Stream.Text)
		case ev.Result != nil:
			nb.result = fmt.Sprint(ev.Result.Data["text/plain"])
		case ev.Error != nil:
			nb.out.WriteString("[" + ev.Error.Value + "]")
		}
	})
	nb.n++
	runID++
	name := fmt.Sprintf("In[%d]", nb.n)
	r := host.Begin(runID, name, host.Config{})
	done := make(chan *eval.Error, 1)
	go func() {
		var failed *eval.Error
		r.Do(func() { failed = nb.e.Run(&eval.Program{ID: r.ID(), Name: name, Source: src}) })
		if rep := r.End(); rep.Err != nil && (failed == nil || failed.Name != rep.Err.Name) {
			failed = rep.Err
		}
		done <- failed
	}()
	return r, done
}

func (nb *notebook) run(src string) *eval.Error {
	nb.t.Helper()
	_, done := nb.start(src)
	select {
	case err := <-done:
		return err
	case <-time.After(60 * time.Second):
		nb.t.Fatalf("cell does not end:\n%s", src)
		return nil
	}
}

// want runs a cell that must succeed and print out (and show a result after "=> ").
func (nb *notebook) want(src, out string) {
	nb.t.Helper()
	if err := nb.run(src); err != nil {
		nb.t.Fatalf("%s\n%s: %s at %v %v", src, err.Name, err.Value, err.Pos, err.Frames)
	}
	got := nb.out.String()
	if nb.result != "" {
		got += "=> " + nb.result
	}
	if got = strings.TrimSpace(got); got != out {
		nb.t.Errorf("%s\nprinted %q, want %q", src, got, out)
	}
}

// fails runs a cell that must end with an error of this name and value.
func (nb *notebook) fails(src, name, value string) *eval.Error {
	nb.t.Helper()
	err := nb.run(src)
	if err == nil {
		nb.t.Fatalf("%s\nended without error; printed %q", src, nb.out.String())
	}
	if err.Name != name || !strings.Contains(err.Value, value) {
		nb.t.Errorf("%s\nended with %s: %s, want %s: %s", src, err.Name, err.Value, name, value)
	}
	return err
}

func TestCells(t *testing.T) {
	nb := newNotebook(t)
	nb.want("x := 40\nimport \"fmt\"\nfunc add(a, b int) int { return a + b }\nadd(x, 2)", "=> 42")
	nb.want("fmt.Println(add(x, 1)); x++", "41")
	nb.want("x, \"s\"", "=> 41, \"s\"")
	nb.want("type P struct{ X, y int }\nfunc (p P) Sum() int { return p.X + p.y }\np := P{1, 2}\np.Sum()", "=> 3")
	nb.want("p.X = 10; ps := []P{p, {}}; fmt.Printf(\"%v %T\\n\", ps, ps)", "[{10 2} {0 0}] []main.P")
	nb.want("func twice() int { return helper() * 2 }\nfunc helper() int { return 1 }\ntwice()", "=> 2")
	nb.want("func helper() int { return 21 }", "")
	nb.want("twice()", "=> 42")
	nb.want("x := \"shadow\"\nx", "=> \"shadow\"")
	nb.want("func Map[T, U any](xs []T, f func(T) U) (r []U) { for _, x := range xs { r = append(r, f(x)) }; return }\ntype Stack[T any] struct{ s []T }\nfunc (s *Stack[T]) Push(v T) { s.s = append(s.s, v) }", "")
	nb.want("var st Stack[string]; st.Push(\"q\"); fmt.Println(Map([]int{1, 2}, func(i int) string { return fmt.Sprint(i, x) }), st)", "[1shadow 2shadow] {[q]}")
	nb.want("ch := make(chan int); go func() { for i := range 3 { ch <- i }; close(ch) }()", "")
	nb.want("for v := range ch { fmt.Print(v) }", "012")
	nb.want("var err error = fmt.Errorf(\"e %d\", 1)\nerr", "=> e 1")
}

func TestRedeclaredMethod(t *testing.T) {
	nb := newNotebook(t)
	nb.want("import \"fmt\"\ntype T struct{ n int }\nfunc (t T) String() string { return \"one\" }\nt := T{1}\nfmt.Println(t, []T{t})", "one [one]")
	nb.want("func (t T) String() string { return fmt.Sprint(\"two\", t.n) }", "")
	nb.want("fmt.Println(t, []T{t}, t.String())", "two1 [two1] two1")
}

func TestLateMethodIsRefused(t *testing.T) {
	nb := newNotebook(t)
	nb.want("import \"fmt\"\ntype T struct{ n int }\nt := T{1}\nfmt.Println(t)", "{1}")
	nb.fails("func (t T) String() string { return \"late\" }", eval.Unsupported, "declare T and String in one cell")
	nb.want("fmt.Println(t)", "{1}")
	nb.want("t.n", "=> 1")
}

func TestPanicFrames(t *testing.T) {
	nb := newNotebook(t)
	nb.want("type W struct{}\nfunc (w *W) Do(i int) int { xs := []int{1}\n\treturn xs[i] }\nfunc outer(i int) int {\n\treturn func() int { return new(W).Do(i) }()\n}", "")
	err := nb.fails("y := 1\nouter(y + 6)", eval.RuntimeError, "index out of range [7] with length 1")
	got := ""
	for _, f := range err.Frames {
		got += fmt.Sprintf("%s %s:%d;", f.Func, f.Pos.Cell, f.Pos.Line)
	}
	if want := "(*W).Do In[1]:3;outer.func1 In[1]:5;outer In[1]:5; In[2]:2;"; got != want {
		t.Errorf("frames %q, want %q", got, want)
	}
	nb.want("y", "=> 1")
	for src, value := range map[string]string{
		`panic("boom")`:                     "boom",
		`panic(fmt.Errorf("e %d", 3))`:      "e 3",
		`panic(42)`:                         "42",
		`type S string; panic(S("q"))`:      `main.S("q")`,
		`type Q struct{A int}; panic(Q{1})`: "(main.Q) {A:1}",
		`panic(1.5)`:                        "+1.500000e+000",
	} {
		nb.fails("import \"fmt\"\n_ = fmt.Sprint\n"+src, eval.Panic, value)
	}
	e := nb.fails("import (\"sort\"; \"fmt\")\nfunc less(i, j int) bool { panic(fmt.Sprint(\"in less\")) }\nfunc srt() { sort.Slice([]int{1, 2, 3}, less) }\nsrt()", eval.Panic, "in less")
	if len(e.Frames) != 3 || e.Frames[0].Func != "less" || e.Frames[1].Func != "srt" {
		t.Errorf("frames through compiled code: %v", e.Frames)
	}
}

func TestGoroutinePanic(t *testing.T) {
	nb := newNotebook(t)
	e := nb.fails("func bad(n int) { panic(n) }\ndone := make(chan int)\ngo bad(3)\n<-done", eval.Panic, "3")
	if n := len(e.Frames); n < 2 || e.Frames[0].Func != "bad" || !e.Frames[n-1].Created || e.Frames[n-1].Pos.Line != 3 {
		t.Errorf("frames %v", e.Frames)
	}
}

func TestStackOverflow(t *testing.T) {
	nb := newNotebook(t)
	nb.want("import \"fmt\"\nfunc f(n int) int { return f(n+1) + 1 }\nx := 5", "")
	// As after any end of a program, nothing is heard of the deferred calls, but they run.
	nb.fails("ran := false\ndefer func() { ran = true; fmt.Println(\"deferred\") }()\nf(0)", eval.FatalError, "stack overflow")
	if nb.out.String() != "" {
		t.Errorf("printed %q", nb.out.String())
	}
	nb.want("ran", "=> true")
	nb.want("func d(n int) int { if n == 0 { return 0 }; return d(n-1) + 1 }\nd(100000) + x", "=> 100005")
}

// However calls come to nest without end, the cell ends and the session stays.
func TestStackOverflowOfEveryKind(t *testing.T) {
	host.SetMaxStack(64 << 20)
	defer host.SetMaxStack(1e9)
	for name, src := range map[string]string{
		"deferred": "func f(n int) int { defer func() { n++ }(); return f(n+1) + 1 }\nf(0)",
		"locks":    "import \"sync\"\nvar mu [1 << 22]sync.Mutex\nfunc f(n int) { mu[n].Lock(); defer mu[n].Unlock(); f(n + 1) }\nf(0)",
		"recover":  "func f(n int) { defer func() { recover() }(); f(n + 1) }\nf(0)",
		"methods":  "type T struct{ t *T }\nfunc (t *T) String() string { return fmt.Sprint(t) }\nfmt.Println(&T{})",
		"callback": "import \"sort\"\nfunc f(n int) { xs := []int{2, 1}; sort.Slice(xs, func(i, j int) bool { f(n + 1); return false }) }\nf(0)",
		"closure":  "var f func(int) int\nf = func(n int) int { return f(n+1) + 1 }\nf(0)",
		"iterator": "func f(n int) { for range func(y func() bool) { y() } { f(n + 1) } }\nf(0)",
		"go":       "func f(n int) int { return f(n+1) + 1 }\ndone := make(chan int)\ngo func() { done <- f(0) }()\n<-done",
		"big":      "func f(a [64]int) [64]int { a[3]++; b := f(a); b[1]++; return b }\nf([64]int{})",
		"generic":  "func f[T any](n T) T { var x any = f(n); return x.(T) }\nf(1)",
		"panics":   "func f(n int) { defer func() { r := recover(); f(n + 1); panic(r) }(); panic(n) }\nf(0)",
	} {
		t.Run(name, func(t *testing.T) {
			nb := newNotebook(t)
			nb.want("import \"fmt\"\nx := 5\nfmt.Print()", "")
			nb.fails(src, eval.FatalError, "stack overflow")
			nb.want("x", "=> 5")
		})
	}
}

func TestInterrupt(t *testing.T) {
	for name, src := range map[string]string{
		"loop":     "for { }",
		"call":     "func f(n int) int { if n < 2 { return n }; return f(n-1) + f(n-2) }\nf(90)",
		"counting": "n := 0\nfor n >= 0 { n++; n %= 100 }",
		"sleep":    "import \"time\"\ntime.Sleep(time.Hour)",
		"select":   "import \"time\"\nfor { select { case <-time.After(time.Hour): } }",
		"native":   "import \"sort\"\nsort.Slice(make([]int, 10), func(i, j int) bool { for { } })",
		"integers": "for i := range 1 << 62 {\n\t_ = i\n}",
		"range":    "for range func(y func(int) bool) { for y(1) { } } { }",
	} {
		t.Run(name, func(t *testing.T) {
			nb := newNotebook(t)
			nb.want("import (\"fmt\"; \"sync\")\nvar mu sync.Mutex\ninc := func() func() int { k := 0; return func() int { k++; return k } }()\ninc()", "=> 1")
			r, done := nb.start("defer fmt.Print(\"deferred\")\nmu.Lock()\ndefer mu.Unlock()\ndefer func() { if r := recover(); r != nil { fmt.Print(\"recovered \", r) } }(); fmt.Print(\"started \")\n" + src)
			for nb.out.String() == "" {
				time.Sleep(time.Millisecond)
			}
			time.Sleep(100 * time.Millisecond)
			r.Interrupt(nil)
			select {
			case err := <-done:
				if err == nil || err.Name != eval.Interrupted {
					t.Fatalf("ended with %v", err)
				}
				if len(err.Frames) == 0 || err.Frames[0].Pos.Line < 5 { // the first four are those of the defers
					t.Errorf("the cell was interrupted at %v", err.Frames)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("the interrupt was not heard")
			}
			if nb.out.String() != "started deferred" {
				t.Errorf("printed %q", nb.out.String())
			}
			nb.want("mu.TryLock(), inc()", "=> true, 2")
		})
	}
}

func TestRestoreAndExpression(t *testing.T) {
	nb := newNotebook(t)
	run := func(p *eval.Program) *eval.Error {
		runID++
		p.ID, p.Name = runID, "In[x]"
		r := host.Begin(runID, p.Name, host.Config{})
		var e *eval.Error
		r.Do(func() { e = nb.e.Run(p) })
		r.End()
		return e
	}
	if e := run(&eval.Program{Source: "func g() int { return 6 }\nv := g()\npanic(1)", Restore: true}); e != nil {
		t.Fatal(e)
	}
	nb.want("g() + v", "=> 6")
	if e := run(&eval.Program{Source: "v + 1", Expression: true}); e != nil {
		t.Fatal(e)
	}
}

// A cell that the engine refuses leaves no trace, though go/types has accepted it.
func TestRefusedCellsLeaveNoTrace(t *testing.T) {
	nb := newNotebook(t)
	nb.want("type T struct{ a int }\nx := T{1}\nf := func() int { return 1 }\nx", "=> {a:1}")
	err := nb.run("x := 7\nfunc (t T) String() string { return \"new\" }\nfunc f() int { return 2 }")
	if err == nil || err.Name != eval.Unsupported {
		t.Fatalf("a method for a type that is real already: %+v", err)
	}
	nb.want("x.a + f()", "=> 2")
}

// What was compiled against a state that is no longer the session's is compiled
// again, and what is never committed leaves no trace.
func TestCompileAhead(t *testing.T) {
	nb := newNotebook(t)
	nb.want("x := 1\nfunc f() int { return x }", "")
	stale := nb.e.Compile(&eval.Program{ID: 100, Name: "In[100]", Source: "y := x\nfunc f() int { return 40 + y }"})
	nb.e.Compile(&eval.Program{ID: 101, Name: "In[101]", Source: "x := \"never\"\nfunc f() int { return -1 }"})
	nb.want("x := 2\nf()", "=> 1")
	stale.Commit()
	if err := stale.Run(); err != nil {
		t.Fatal(err)
	}
	nb.want("f() + x", "=> 44")
}

// sweep does what happens every sweepEvery cells.
func (nb *notebook) sweep() {
	nb.e.mu.Lock()
	defer nb.e.mu.Unlock()
	nb.e.sweep(nil)
}

// What a sweep forgets nobody misses: callers of old functions, methods that were
// declared again in cells of their own, closures and goroutines of ended cells.
func TestSweep(t *testing.T) {
	nb := newNotebook(t)
	cells := []struct{ src, out string }{
		{"type T struct{ n int }\nx := 1\nfunc f() int { return x }", ""},
		{"func (t T) m() int { return t.n + f() }", ""},
		{"func call(t T) int { return t.m() * 10 }\ncall(T{1})", "=> 20"},
		{"c := make(chan int)\nback := make(chan int)\ngo func() { for i := range c { g := func() int { return i + f() + x }; back <- g() } }()", ""},
		{"c <- 1\n<-back", "=> 3"},
		{"x := 100\nfunc f() int { return x }", ""},
		{"c <- 1\n<-back", "=> 102"}, // the new f, the old x
		{"func (t T) m() int { return t.n + 1000 }", ""},
		{"call(T{1})", "=> 10010"},
		{"func (t T) m() int { return t.n + 2000 }", ""},
		{"call(T{1})", "=> 20010"},
		{"var s interface{ m() int } = T{5}\ns.m()", "=> 2005"},
		{"func (t T) m() int { return -1 }\ns.m()", "=> -1"},
		{"func id[V any](v V) V { return v }\nid(x)", "=> 100"},
		{"func call(t T) int { return id(t).m() }\ncall(T{1})", "=> -1"},
		{"x, y := \"text\", f()\nx", "=> \"text\""},
		{"func f() int { return 7 }\nc <- 1\n<-back + y", "=> 109"},
		{"for i := range 3 { defer func() { println(id(i)) }() }", "2\n1\n0"},
	}
	for _, c := range cells {
		nb.sweep()
		nb.want(c.src, c.out)
		nb.sweep()
	}
	host.Flush()
}

// A cell that is run again gives back what its variables held.
func TestOldVariablesAreGarbage(t *testing.T) {
	nb := newNotebook(t)
	alive := func() int64 {
		threads = sync.Pool{New: threads.New} // frames of ended cells
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := alive()
	for range 60 {
		nb.want("data := make([]byte, 32<<20)\nlen(data)", "=> 33554432")
	}
	nb.want("data := 0", "")
	nb.sweep()
	if more := alive() - before; more > 128<<20 {
		t.Errorf("%d MiB more are alive", more>>20)
	}
}

// What a session holds does not grow with its cells.
func TestSessionsStaySmall(t *testing.T) {
	nb := newNotebook(t)
	nb.want("import \"fmt\"", "")
	size := func() string {
		m := nb.e.m
		m.mu.Lock()
		defer m.mu.Unlock()
		return fmt.Sprint(len(packagesOf(m.prog)), len(m.fns), len(m.globals))
	}
	cells := func() {
		for i := range 20 {
			nb.want(fmt.Sprintf("fmt.Println(%d)", i), fmt.Sprint(i))
			nb.want(fmt.Sprintf("x := []int{%d}\nfunc f(n int) int { g := func() int { return n + x[0] }; return g() }\nf(1)", i), fmt.Sprintf("=> %d", i+1))
			nb.want("for i := range 2 { func() { x[0] += i }() }", "")
			nb.want("func gen[V any](v V) []V { return []V{v} }\nfmt.Println(gen(x), gen(\"\"))", fmt.Sprintf("[[%d]] []", i+1))
		}
		nb.sweep()
	}
	cells()
	before := size()
	for range 5 {
		cells()
	}
	if after := size(); after != before {
		t.Errorf("packages, functions, variables: %s, then %s", before, after)
	}
}

// A goroutine of one notebook may still wait, and be asked where, while another
// engine is made.
func TestEngineIsMadeBesideGoroutinesOfAnother(t *testing.T) {
	old := newNotebook(t)
	old.want(`import ("sync"; "time")
var mu sync.Mutex
var stop bool
go func() {
	for {
		mu.Lock()
		if stop { mu.Unlock(); return }
		time.AfterFunc(0, func() {})
		mu.Unlock()
		time.Sleep(time.Microsecond)
	}
}()`, "")
	for range 200 {
		New()
	}
	old.want("mu.Lock(); stop = true; mu.Unlock()", "")
}
