package vm

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
	"sync"
	"testing"

	"braid/kernel/check/exportdata"
	"braid/kernel/check/source"
	"braid/kernel/eval"
	"braid/kernel/eval/host"
)

// program is a whole package main, built for the VM.
type program struct {
	m    *machine
	init *Function
	main *Function
}

func buildProgram(src string) (p *program, err error) {
	fset := token.NewFileSet()
	imp := exportdata.NewImporter(fset)
	f, err := parser.ParseFile(fset, "main.go", src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	info := source.NewInfo()
	pkg, err := (&types.Config{Importer: imp, GoVersion: "go1.26"}).Check("main", fset, []*ast.File{f}, info)
	if err != nil {
		return nil, err
	}
	defer func() {
		if r := recover(); r != nil {
			if u, ok := r.(*unsupportedError); ok {
				err = u
				return
			}
			panic(r)
		}
	}()
	m := newMachine(fset, imp)
	sp := m.build(pkg, []*ast.File{f}, info)
	p = &program{m: m, init: m.function(sp.Func("init")), main: m.function(sp.Func("main"))}
	seen := map[*Function]bool{}
	m.prepare(p.init, seen)
	m.prepare(p.main, seen)
	m.settle(seen)
	return p, nil
}

var runMu sync.Mutex
var runID int

// run executes p and returns what it wrote and what ended it.
func (p *program) run(t testing.TB) (stdout, stderr string, err *eval.Error) {
	runMu.Lock()
	defer runMu.Unlock()
	var out, errs bytes.Buffer
	host.SetSink(func(ev eval.Event) {
		if s := ev.Stream; s != nil {
			if s.Name == "stdout" {
				out.WriteString(s.Text)
			} else {
				errs.WriteString(s.Text)
			}
		}
		if ev.Error != nil {
			fmt.Fprintf(&errs, "background: %v\n", ev.Error)
		}
	})
	runID++
	r := host.Begin(runID, "main.go", host.Config{})
	var failed *eval.Error
	r.Do(func() {
		failed = p.m.protect(func(t *thread) {
			for _, fn := range []*Function{p.init, p.main} {
				g := t.enter(fn.get())
				g.call(nil)
				t.leave(g)
			}
		})
	})
	rep := r.End()
	err = rep.Err
	if err == nil {
		err = failed
	}
	return out.String(), errs.String(), err
}

func runSource(t testing.TB, src string) (string, string, *eval.Error) {
	p, err := buildProgram(src)
	if err != nil {
		t.Fatal(err)
	}
	return p.run(t)
}

func TestHello(t *testing.T) {
	out, errs, err := runSource(t, `package main

import (
	"fmt"
	"strings"
)

type P struct{ x, y int }

func (p P) String() string { return fmt.Sprintf("P<%d,%d>", p.x, p.y) }

type Node struct { v int; next *Node }

func fib(n int) int { if n < 2 { return n }; return fib(n-1) + fib(n-2) }

func main() {
	s := 0
	for i := range 10 { s += i }
	fmt.Println("hello", s, fib(20), strings.Repeat("ab", 3))
	fmt.Println([]P{{1, 2}, {3, 4}}, P{5, 6})
	fmt.Printf("%T %v\n", P{1,2}, &Node{1, nil})
	m := map[string]int{"a": 1}
	m["b"] += 2
	fmt.Println(m, len(m))
	f := func(x int) func() int { return func() int { x++; return x } }
	g := f(3); g(); fmt.Println(g())
	defer func() { fmt.Println("rec", recover()) }()
	var a []int
	_ = a[5]
}
`)
	if err != nil {
		t.Errorf("error %v", err)
	}
	t.Log(out, errs)
	if !strings.Contains(out, "[P<1,2> P<3,4>] P<5,6>") {
		t.Error("unexpected output")
	}
}
