package yaegi

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"braid/kernel/eval"
	"braid/kernel/eval/host"
)

// step is a cell and what it has to do.
type step struct {
	src            string
	stdout, result string
	err            string // "Name: value @line" as a part of what is got
}

func runSteps(t *testing.T, steps []step) {
	t.Helper()
	nb := newNotebook()
	for i, s := range steps {
		o := nb.run(s.src)
		if o.err != nil {
			got := o.err.Error() + " @" + position(o.err.Pos)
			if s.err == "" || !strings.Contains(got, s.err) {
				t.Fatalf("cell %d: %s %v, want error %q", i+1, got, o.err.Notes, s.err)
			}
			continue
		}
		if s.err != "" {
			t.Errorf("cell %d succeeds, want %s", i+1, s.err)
		}
		if o.stdout != s.stdout || o.result != s.result {
			t.Errorf("cell %d: stdout %q result %q, want %q %q", i+1, o.stdout, o.result, s.stdout, s.result)
		}
	}
}

func position(p eval.Pos) string { return fmt.Sprintf("%s:%d:%d", p.Cell, p.Line, p.Column) }

func TestSessions(t *testing.T) {
	for name, steps := range map[string][]step{
		"state": {
			{src: "x := 1\nfunc f() int { return x * 10 }"},
			{src: "x = 7\nf()", result: "70"},
			{src: "x := \"s\"\nx", result: "\"s\""},
			{src: "f()", result: "70"},
		},
		"a function declared again reaches old callers": {
			{src: "func f() int { return 1 }\nfunc g() int { return f() + 1 }\nh := f"},
			{src: "func f() int { return 10 }"},
			{src: "g() + h()", result: "21"},
			{src: "func f() int { return 100 }"},
			{src: "g()", result: "101"},
		},
		"methods of later cells": {
			{src: "import \"fmt\"\ntype T struct{ A int }\nt := T{5}\nvar x any = t"},
			{src: "func (t T) String() string { return fmt.Sprintf(\"<%d>\", t.A) }"},
			{src: "fmt.Println(t, []T{t}, x.(T).A)", stdout: "<5> [<5>] 5\n"},
			{src: "func (t T) String() string { return \"new\" }"},
			{src: "fmt.Println(t)\ns, ok := any(t).(fmt.Stringer)\nfmt.Println(s.String(), ok)", stdout: "new\nnew true\n"},
		},
		"a type declared again is another one": {
			{src: "type T struct{ A int }\nfunc (t T) Get() int { return t.A }\na := T{1}"},
			{src: "type T struct{ A, C int }\nfunc (t T) Get() int { return t.A + t.C }\nb := T{1, 10}"},
			{src: "a.Get()*100 + b.Get()", result: "111"},
			{src: "_, ok := any(a).(T)\nok", result: "false"},
		},
		"generics across cells": {
			{src: "func Map[T, U any](x []T, f func(T) U) (r []U) { for _, v := range x { r = append(r, f(v)) }; return }\ntype St[T any] struct{ v []T }"},
			{src: "func (s *St[T]) Push(x T) { s.v = append(s.v, x) }"},
			{src: "import \"fmt\"\ns := &St[int]{}\ns.Push(4)\nMap(s.v, func(i int) string { return fmt.Sprint(i, \"!\") })", result: "[4!]"},
		},
		"goroutines outlive their cell": {
			{src: "in, out := make(chan int), make(chan int)\ngo func() { for x := range in { out <- x * 2 } }()"},
			{src: "in <- 21\n<-out", result: "42"},
			{src: "var m map[string]int\nm[\"a\"] = 1", err: "RuntimeError: assignment to entry in nil map"},
			{src: "in <- 4\n<-out", result: "8"},
		},
		"errors have places": {
			{src: "func f(xs []int, i int) int {\n\treturn xs[i]\n}"},
			{src: "x := 1\nf([]int{1}, 5)", err: "RuntimeError: runtime error: index out of range [5] with length 1 @In[1]:2:9"},
			{src: "type N struct{ next *N; v int }\nn := &N{}\n\n_ = n.next\nm := n.next\nm.v++", err: "nil pointer dereference @In[3]:6:"},
			{src: "func g(n *N) int {\n\ty := 1\n\treturn n.v + y\n}\ng(nil)", err: "nil pointer dereference @In[4]:3:"},
			{src: "\npanic(\"boom\")", err: "Panic: boom @In[5]:2:1"},
			{src: "z := 0\n1 / z", err: "RuntimeError: runtime error: integer divide by zero @In[6]:2:"},
			{src: "var e any = 3\ne.(string)", err: "interface conversion: interface {} is int, not string @In[7]:2:"},
			{src: "ch := make(chan int)\n<-ch", err: "Deadlock"},
			{src: "x", result: "1"},
		},
		"results": {
			{src: "1 + 1", result: "2"},
			{src: "func two() (int, string) { return 1, \"a\" }\ntwo()", result: "1, \"a\""},
			{src: "x := 5;", result: ""},
			{src: "nil == error(nil)", result: "true"},
			{src: "type P struct{ x int }\nP{3}", result: "{x:3}"},
		},
		"deferred calls of a cell": {
			{src: "import \"fmt\"\ndefer fmt.Println(\"last\")\nfmt.Println(\"first\")", stdout: "first\nlast\n"},
			{src: "defer func() { fmt.Println(recover()) }()\npanic(\"p\")", stdout: "p\n"},
		},
	} {
		t.Run(name, func(t *testing.T) { runSteps(t, steps) })
	}
}

// TestFrames: an error names the learner's functions, innermost first.
func TestFrames(t *testing.T) {
	nb := newNotebook()
	nb.run("type S struct{}\nfunc (s *S) Push(n int) { inner(n) }\nfunc inner(n int) { panic(n) }\nfunc outer() { (&S{}).Push(7) }")
	o := nb.run("\nouter()")
	if o.err == nil || o.err.Value != "7" {
		t.Fatalf("error %v", o.err)
	}
	var names []string
	for _, f := range o.err.Frames {
		names = append(names, f.Func)
	}
	if got := strings.Join(names, " "); got != "inner (*S).Push outer " {
		t.Errorf("frames %q", got)
	}
	if last := o.err.Frames[len(o.err.Frames)-1]; last.Pos.Cell != "In[2]" || last.Pos.Line != 2 {
		t.Errorf("the cell's frame is at %+v", last.Pos)
	}
}

// TestInterrupt: loops, calls and waits of the interpreted code end, deferred
// calls run, recover does not see it, and everything else lives on.
func TestInterrupt(t *testing.T) {
	for _, src := range []string{
		"for {}",
		"i := 0\nfor { i++ }",
		"func f() { for range 1 << 60 {} }\nf()",
		"func g(n int) int { if n == 0 { return 0 }; return g(n-1) + g(n-1) }\ng(60)",
		"c := make(chan int)\ngo func() { for { c <- 1 } }()\nfor range c {}",
		"import \"time\"\nfor { time.Sleep(time.Hour) }",
		"import \"sort\"\nsort.Slice(make([]int, 9), func(i, j int) bool { for {} })",
		"func h() { defer func() { recover() }(); for {} }\nfor { h() }",
	} {
		nb := newNotebook()
		nb.run("done := false\ncount := func() int { return 41 }")
		nb.interruptAfter(20 * time.Millisecond)
		o := nb.run("defer func() { done = true }()\n" + src)
		if o.err == nil || o.err.Name != eval.Interrupted {
			t.Errorf("%q: %v", src, o.err)
		}
		if o := nb.run("[]any{done, count() + 1}"); o.result != "[true 42]" {
			t.Errorf("%q: afterwards %q %v", src, o.result, o.err)
		}
	}
}

// interruptAfter interrupts the next run a while after it began.
func (nb *notebook) interruptAfter(d time.Duration) {
	nb.begun = func(r *host.Run) { time.AfterFunc(d, func() { r.Interrupt(nil) }) }
}
