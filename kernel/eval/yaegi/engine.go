// Package yaegi is the first engine: it runs lowered cells (package lower) on
// yaegi v0.16.1. It promises that a cell which it runs does what Go says, and
// that earlier state stays usable whatever happens.
//
// Each cell gets an interpreter of its own, which lives as long as something
// refers to the cell's functions. Cells share variables, functions and types
// through the engine: variables are pointers, functions are func values, types
// are made by package reflectx. So no cell disturbs the frames of another one,
// and goroutines of earlier cells run on. yaegi's own cancellation is never
// used; lowered code polls host.Stop.
package yaegi

import (
	"fmt"
	"go/build"
	"reflect"
	"sync"

	"github.com/traefik/yaegi/interp"

	"braid/kernel/display"
	"braid/kernel/eval"
	"braid/kernel/eval/host"
	"braid/kernel/lower"
)

// Engine implements eval.Engine.
type Engine struct {
	w *world
}

// New returns an engine that has run nothing.
func New() *Engine {
	host.Explain(explain)
	stopWord() // not later, on a goroutine of a cell's
	return &Engine{w: newWorld()}
}

// program is a lowered cell in the engine.
type program struct {
	e      *Engine
	run    *eval.Program
	head   *lower.Header
	types  *typeTable
	frames map[string]eval.Frame // by function of the lowered program
	link   func()
	cell   func()

	mu     sync.Mutex
	result []any
	shown  bool
}

// Run compiles and runs a cell. See eval.Engine.
func (e *Engine) Run(run *eval.Program) (err *eval.Error) {
	g := &goroutine{}
	host.SetLocal(g)
	defer func() {
		if r := recover(); r != nil {
			err = explain(r)
		}
	}()
	head, source, decodeErr := lower.Decode(run.Lowered)
	if decodeErr != nil {
		return &eval.Error{Name: eval.InternalBug, Value: decodeErr.Error()}
	}
	p := &program{e: e, run: run, head: head, frames: map[string]eval.Frame{}}
	if err := p.compile(source); err != nil {
		return err
	}
	if run.Restore {
		return nil
	}
	p.cell()
	p.show()
	return nil
}

// compile gives the interpreter the program and connects it with the world.
func (p *program) compile(source string) *eval.Error {
	p.describe()
	names := p.names()
	in := interp.New(interp.Options{
		Stdout: host.Stdout(), Stderr: stderr{p}, GoPath: build.Default.GOPATH,
	})
	if err := in.Use(interp.Exports{"ˍ/ˍ": names}); err != nil {
		return internal(err)
	}
	if err := evaluate(in, source); err != nil {
		return internal(err)
	}
	p.link()
	p.redirect()
	return nil
}

// evaluate turns the interpreter's own panics into errors.
func evaluate(in *interp.Interpreter, source string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the interpreter panicked: %v", r)
		}
	}()
	_, err = in.Eval(source)
	return err
}

func internal(err error) *eval.Error {
	return &eval.Error{
		Name:  eval.InternalBug,
		Value: "the interpreter refused a cell that Go accepts: " + err.Error(),
		Notes: []string{"This is Braid's fault, not the cell's, and nothing of the cell ran. Run the kernel with --engine vm."},
	}
}

// describe makes the program's types known.
func (p *program) describe() {
	w := p.e.w
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(p.head.Types)
	p.types = &typeTable{w: w, p: p, inners: make([]reflect.Type, n), outers: make([]reflect.Type, n), open: map[string]bool{}}
	for _, d := range p.head.Types {
		if d.Kind != "named" {
			continue
		}
		t := w.named[d.ID]
		if t == nil {
			t = &named{id: d.ID, name: d.Name, methods: map[string]lower.Method{}}
			w.named[d.ID] = t
		}
		t.desc, t.program = d, p
		for _, m := range d.Methods {
			t.methods[m.Name] = m
		}
	}
	for _, f := range p.head.Funcs {
		if f.Display != "" {
			p.frames[f.Name] = eval.Frame{Func: f.Display, Pos: f.Pos}
		}
	}
}

// redirect makes functions that were declared again give way.
func (p *program) redirect() {
	w := p.e.w
	w.mu.Lock()
	defer w.mu.Unlock()
	for old, now := range p.head.Redirects {
		for _, mark := range []string{"", "!recover"} {
			slot, ok := w.redir[old+mark]
			if fn, ok2 := w.funcs[now+mark]; ok && ok2 && fn.Type() == slot.Type().Elem() {
				slot.Elem().Set(fn)
			}
		}
	}
}

// function finds a function of some cell. Callers hold mu.
func (w *world) function(id string) reflect.Value {
	fn, ok := w.funcs[id]
	if !ok {
		panic(unsupported("a call of " + id + ", which no cell has defined"))
	}
	return fn
}

// show publishes the values of the final expression.
func (p *program) show() {
	p.mu.Lock()
	values, shown := p.result, p.shown
	p.mu.Unlock()
	if !shown || p.run.Quiet || p.run.Restore {
		return
	}
	vs := make([]display.Value, len(values))
	for i, v := range values {
		vs[i] = display.ValueOf(v)
		if i < len(p.head.Results) {
			vs[i].Type = p.head.Results[i]
		}
	}
	d := display.Bundle(vs...)
	host.Emit(eval.Event{Cell: p.run.ID, Result: &d})
}
