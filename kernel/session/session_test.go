package session

import (
	"context"
	"strings"
	"testing"
	"time"

	"braid/kernel/eval"
	"braid/kernel/worker"
)

func TestRun(t *testing.T) {
	n := open(t, Options{})
	if got := n.ok("//do: print hello\nx := 1"); got != "hello\n" {
		t.Errorf("stdout %q", got)
	}
	out, p := n.run("//do: result 42\nx")
	if out.Err != nil || p.result() != "42" {
		t.Errorf("%+v, result %q", out.Err, p.result())
	}
	for _, code := range []string{"", "  \n", "// only a comment", "# a comment"} {
		n.ok(code)
	}
}

func TestCompileErrorTouchesNothing(t *testing.T) {
	n := open(t, Options{})
	n.ok("x := 1")
	got := n.fails("//do: print ran\n!echo ran\ny := 2\nx = nope + nada")
	want := strings.TrimLeft(`
CompileError: the cell was not run, it has 1 error
In[2]:4:5: undefined: nope
    4 │ x = nope + nada
      │     ^`, "\n")
	if !strings.HasPrefix(got, want[:len("CompileError")]) || !strings.Contains(got, "In[2]:4:5: undefined: nope\n    4 │ x = nope + nada\n      │     ^") {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := n.fails("y"); !strings.Contains(got, "In[3]:1:1: undefined: y") {
		t.Errorf("y was declared:\n%s", got)
	}
	n.ok("x")
}

func TestRefusedByTheEngine(t *testing.T) {
	n := open(t, Options{})
	n.ok("func f() int { return 1 }")
	if got := n.fails("//do: refuse goto\nvar z, f int"); !strings.Contains(got, "Unsupported: goto") {
		t.Errorf("got %s", got)
	}
	if got := n.fails("z"); !strings.Contains(got, "undefined: z") {
		t.Errorf("the refused cell has declared z:\n%s", got)
	}
	n.ok("_ = f()")
}

func TestInterrupt(t *testing.T) {
	n := open(t, Options{})
	n.ok("//do: print warm")
	ctx, cancel := context.WithCancel(t.Context())
	p := newPage()
	go func() {
		p.await(t, func() bool { return strings.Contains(p.text("stdout"), "on") })
		cancel()
	}()
	out := n.s.Run(ctx, Request{Code: "//do: print on\n//do: wait\nx := 1", Count: 2, StoreHistory: true}, p)
	if out.Err == nil || !out.Interrupted || out.Err.EName != eval.Interrupted {
		t.Fatalf("outcome %+v", out)
	}
	n.ok("x")
	if out := n.s.Run(ctx, Request{Code: "y := 2", Count: 3, StoreHistory: true}, p); !out.Interrupted {
		t.Errorf("a cell that was stopped before it ran: %+v", out)
	}
	if got := n.fails("y"); !strings.Contains(got, "undefined: y") {
		t.Errorf("y was declared:\n%s", got)
	}
}

func TestSubshellsRunAtATime(t *testing.T) {
	n := open(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	p, done := newPage(), make(chan Outcome)
	go func() {
		done <- n.s.Run(ctx, Request{Code: "//do: print on\n//do: wait\nx := 1", Count: 1, StoreHistory: true}, p)
	}()
	p.await(t, func() bool { return p.text("stdout") == "on\n" })
	n.count = 1
	if got := n.ok("//do: print beside\nx"); got != "beside\n" {
		t.Errorf("stdout %q", got)
	}
	cancel()
	if out := <-done; !out.Interrupted {
		t.Errorf("%+v", out)
	}
}

func TestExpressions(t *testing.T) {
	n := open(t, Options{})
	n.ok("x := 1")
	out := n.s.Run(t.Context(), Request{Code: "", Count: 2, StoreHistory: true,
		Expressions: map[string]string{"a": "x + 1", "b": "nope", "c": "y := 1", "d": "("}}, newPage())
	if out.Err != nil || out.Expressions["a"].Err != nil || out.Expressions["a"].Data["text/plain"] != "<x + 1>" {
		t.Errorf("outcome %+v", out)
	}
	for key, want := range map[string]string{"b": "1:1: undefined: nope", "c": "1:1: not an expression"} {
		if e := out.Expressions[key].Err; e == nil || e.EName != eval.CompileError || e.EValue != want {
			t.Errorf("%s: %+v, want %s", key, e, want)
		}
	}
	if e := out.Expressions["d"].Err; e == nil || !strings.Contains(e.EValue, "syntax error") {
		t.Errorf("d: %+v", e)
	}
}

func TestInput(t *testing.T) {
	n := open(t, Options{})
	p := newPage()
	p.answer = func(ctx context.Context, in eval.InputRequest) (string, error) { return "<" + in.Prompt + ">", nil }
	req := Request{Code: "//do: input name?\nx := 1", Count: 1, StoreHistory: true, AllowStdin: true}
	if out := n.s.Run(t.Context(), req, p); out.Err != nil || p.text("stdout") != "got <name?>\n" {
		t.Errorf("%+v, stdout %q", out.Err, p.text("stdout"))
	}
	req.AllowStdin = false
	if out := n.s.Run(t.Context(), req, p); out.Err == nil || out.Err.EName != eval.StdinError {
		t.Errorf("input that is not allowed: %+v", out.Err)
	}
}

func TestLateOutputGoesToItsCell(t *testing.T) {
	n := open(t, Options{})
	_, first := n.run("//do: later from one\nx := 1")
	_, second := n.run("//do: print two\nx")
	first.await(t, func() bool { return first.text("stdout") == "from one\n" })
	if got := second.text("stdout"); got != "two\n" {
		t.Errorf("the second cell has %q", got)
	}
}

func TestGradedStderr(t *testing.T) {
	t.Setenv(gradedVariable, "autograde")
	n := open(t, Options{})
	_, p := n.run("//do: print a\n//do: warn b\nx := 1")
	if p.text("stderr") != "" || p.text("stdout") != "a\nb\n" {
		t.Errorf("stdout %q, stderr %q", p.text("stdout"), p.text("stderr"))
	}
}

func TestDeathAndRestore(t *testing.T) {
	n := open(t, Options{})
	n.ok("import \"strings\"\nfunc f() int { return 1 }\ntype T struct{ A int }\nfunc (t T) M() string { return strings.Repeat(\"x\", t.A) }")
	n.ok("const ( A = iota; B )\nx, y := 1, f()")
	n.ok("func g() int { return x }\nfunc h() int { return g() }\nfunc k() int { return B + T{}.A }")
	got := n.fails("//do: print last words\n//do: die\nz := 1")
	for _, want := range []string{
		"WorkerLost: the worker process was killed from outside (SIGKILL)",
		"→ Lost with the worker: g (In[3]), h (In[3]), x (In[2]), y (In[2]), z (In[4]). Run these cells again.",
		"→ Still there: A, B, T, f, k.",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	n.ok("_ = f() + k() + T{1}.A + len(T{2}.M()) + strings.Count(\"x\", \"\")")
	if got := n.fails("h() + x"); !strings.Contains(got, "undefined: h\n    1 │ h() + x\n      │ ^\n→ h (In[3]) was lost when the worker ended in In[4]: run In[3] again") {
		t.Errorf("got\n%s", got)
	}
	n.ok("x := 2")
	n.ok("func h() int { return x }")
	n.ok("h()")
	n.fails("//do: die\nx")
	if got := n.fails("x"); !strings.Contains(got, "x (In[7]) was lost when the worker ended in In[10]") {
		t.Errorf("got\n%s", got)
	}
	n.ok("f()")
}

// What a name meant before a lost meaning must not come to light again, and a
// type does not come back without one of its methods.
func TestRestoreBringsBackNoOldMeanings(t *testing.T) {
	n := open(t, Options{})
	n.ok("func f() int { return 1 }\ntype T int\nfunc double() int { return 2 * f() }")
	n.ok("n := 5\nfunc f() int { return n }\nfunc (T) String() string { return \"T\" }\nfunc (t T) Get() int { return n }")
	n.ok("f := 3")
	n.ok("type U []T\nfunc free() int { return 4 }")
	got := n.fails("//do: die\nfree()")
	for _, want := range []string{"Lost with the worker: T (In[1]), U (In[4]), double (In[1]), f (In[3]), n (In[2]).", "Still there: free."} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	for _, code := range []string{"f", "T(1)", "double()", "U{}"} {
		if got := n.fails(code); !strings.Contains(got, "was lost when the worker ended in In[5]") {
			t.Errorf("%s:\n%s", code, got)
		}
	}
}

func TestDeathOfABackgroundGoroutine(t *testing.T) {
	n := open(t, Options{})
	n.ok("func f() int { return 1 }")
	out, p := n.run("//do: dielater\nx := 1")
	if out.Err != nil {
		t.Fatalf("%s", plain(out.Err))
	}
	p.await(t, func() bool { return strings.Contains(p.text("stderr"), "x (In[2])") })
	if got := ansi.ReplaceAllString(p.text("stderr"), ""); !strings.HasPrefix(got, "fatal error: concurrent map writes\n") {
		t.Errorf("late error:\n%s", got)
	}
	n.ok("f()")
}

func TestDeathUnderAnotherCell(t *testing.T) {
	n := open(t, Options{})
	n.ok("//do: dielater\nx := 1")
	got := n.fails("//do: wait\ny := 1")
	if !strings.Contains(got, "fatal error: concurrent map writes") || !strings.Contains(got, "→ It happened in a goroutine that In[1] has started.") {
		t.Errorf("got\n%s", got)
	}
}

// A panic after the end of its cell appears in that cell, as text, with the
// learner's frames; what else there is lives on.
func TestLatePanic(t *testing.T) {
	n := open(t, Options{Engine: "vm"})
	n.ok("import \"time\"\nstart := make(chan int)\nx := []int{1}\nfunc boom(i int) int {\n\treturn x[i]\n}")
	out, p := n.run("go func() {\n\t<-start\n\tboom(5)\n}()")
	if out.Err != nil {
		t.Fatalf("%s", plain(out.Err))
	}
	n.ok("close(start)")
	p.await(t, func() bool { return p.text("stderr") != "" })
	got := ansi.ReplaceAllString(p.text("stderr"), "")
	want := []string{
		"panic: runtime error: index out of range [5] with length 1",
		"In[1]:5 in boom", "return x[i]",
		"In[2]:3 in func1", "boom(5)",
		"created by go statement at In[2]:1",
	}
	for _, text := range want {
		at := strings.Index(got, text)
		if at < 0 {
			t.Fatalf("no %q in\n%s", text, got)
		}
		got = got[at+len(text):]
	}
	for _, ev := range p.all() {
		if ev.Error != nil {
			t.Errorf("the error came as an event, too: %+v", ev.Error)
		}
	}
	if got := n.ok("x[0]"); got != "" {
		t.Errorf("x is %q", got)
	}
}

func TestWorkerThatDoesNotStart(t *testing.T) {
	n := open(t, Options{Engine: "nosuch"})
	if got := n.fails("x := 1"); !strings.Contains(got, `there is no engine "nosuch"`) || !strings.Contains(got, "braid doctor") {
		t.Errorf("got\n%s", got)
	}
	if got := n.fails("x := 1"); !strings.Contains(got, "could not be started") {
		t.Errorf("the second try:\n%s", got)
	}
}

func TestCensus(t *testing.T) {
	n := open(t, Options{})
	n.ok("//do: background\nx := 1")
	if gs := n.s.Census(); len(gs) != 1 || gs[0].Pos != (eval.Pos{Cell: "In[1]", Line: 1}) {
		t.Errorf("census %+v", gs)
	}
	if got := n.ok("%goroutines"); !strings.HasPrefix(got, "1 goroutine runs:\n  In[1]:1, started just now: running") {
		t.Errorf("got %q", got)
	}
}

func TestClose(t *testing.T) {
	n := open(t, Options{})
	p, done := newPage(), make(chan Outcome)
	go func() {
		done <- n.s.Run(context.Background(), Request{Code: "//do: print on\n//do: wait\nx := 1", Count: 1}, p)
	}()
	p.await(t, func() bool { return p.text("stdout") == "on\n" })
	n.s.Close()
	select {
	case out := <-done:
		if out.Err == nil || out.Err.EName != eval.WorkerLost {
			t.Errorf("%+v", out.Err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the cell runs on")
	}
	if got := n.fails("x"); !strings.Contains(got, "the session is closed") {
		t.Errorf("got %s", got)
	}
	n.s.Close()
}

func TestLimits(t *testing.T) {
	n := open(t, Options{Worker: worker.Options{Limits: eval.Limits{Seconds: 0.05}}})
	if got := n.fails("//do: wait\nx := 1"); !strings.Contains(got, "LimitError: the cell ran longer than 50ms") {
		t.Errorf("got %s", got)
	}
}

// Endless recursion and a killed worker, with the engines as they are.
func TestEnginesSurvive(t *testing.T) {
	for _, engine := range testEngines {
		t.Run(engine, func(t *testing.T) {
			n := open(t, Options{Engine: engine})
			n.ok("func deeper(n int) int { return deeper(n+1) + 1 }\nfunc one() int { return 1 }")
			if got := n.fails("deeper(0)"); !strings.Contains(got, "stack overflow") {
				t.Errorf("got\n%s", got)
			}
			out, p := n.run("one()")
			if out.Err != nil || p.result() != "1" {
				t.Errorf("%+v, result %q", out.Err, p.result())
			}
		})
	}
}

// The VM ends endless recursion before the Go runtime ends the process, also
// where a memory limit makes the stack smaller: variables live on.
func TestEndlessRecursionLosesNothing(t *testing.T) {
	for name, limits := range map[string]eval.Limits{"no limit": {}, "512 MiB": {Memory: 512 << 20}} {
		t.Run(name, func(t *testing.T) {
			n := open(t, Options{Engine: "vm", Worker: worker.Options{Limits: limits}})
			n.ok("kept := 5\nfunc deeper(n int) int { return deeper(n+1) + 1 }")
			if got := n.fails("deeper(0)"); !strings.Contains(got, "stack overflow") {
				t.Errorf("got\n%s", got)
			}
			out, p := n.run("kept")
			if out.Err != nil || p.result() != "5" {
				t.Errorf("the variable is gone: %+v, result %q", out.Err, p.result())
			}
		})
	}
}
