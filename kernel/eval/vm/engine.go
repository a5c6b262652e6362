package vm

import (
	"go/ast"
	"go/token"
	"go/types"
	"reflect"
	"sync"

	"golang.org/x/tools/go/ssa"

	"braid/kernel/cell"
	"braid/kernel/check"
	"braid/kernel/check/exportdata"
	"braid/kernel/check/source"
	"braid/kernel/display"
	"braid/kernel/eval"
	"braid/kernel/eval/host"
	"braid/runtime/pickle"
)

// Engine runs the cells of one session. It implements eval.Engine.
type Engine struct {
	m   *machine
	imp *source.Importer

	mu    sync.Mutex // checking and compiling; programs run outside it
	state *check.State
	open  *unit // compiled last, and not committed

	bases []token.Pos // where positions began at the last sweeps
	left  int         // cells to be committed before the next sweep
	heap  uint64      // live bytes at the last sweep, or fewer
}

// New returns an engine that has run nothing. It costs about 50 µs; packages
// are decoded when cells import them.
func New() *Engine {
	fset := token.NewFileSet()
	imp := source.NewImporter(fset, exportdata.NewImporter(fset), true)
	host.Trace(func(local any) []eval.Frame {
		if t, ok := local.(*thread); ok {
			return t.frames(50)
		}
		return nil
	})
	m := newMachine(fset, imp)
	host.Explain(m.explainOutside)
	e := &Engine{m: m, imp: imp, state: check.NewState(fset, imp), left: sweepEvery}
	m.exclusive = func(do func()) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.state.Exclusive(do)
	}
	pickle.SetNames(names{e})
	return e
}

var _ eval.Engine = (*Engine)(nil)

// unit is a cell that is ready to run.
type unit struct {
	e           *Engine
	p           *eval.Program
	base        *check.State // that it was checked against
	err         *eval.Error  // why it will not run
	checked     *check.Checked
	init, entry *Function
	change      change // what it does to earlier cells
}

// Run checks and compiles p, commits its declarations, and runs it.
func (e *Engine) Run(p *eval.Program) *eval.Error {
	u := e.Compile(p)
	u.Commit()
	return u.Run()
}

// Compile implements eval.Compiler.
func (e *Engine) Compile(p *eval.Program) eval.Compiled {
	e.mu.Lock()
	defer e.mu.Unlock()
	u := &unit{e: e, p: p}
	u.compile()
	return u
}

// Commit implements eval.Compiled. A cell that is refused leaves no trace.
func (u *unit) Commit() {
	e := u.e
	e.mu.Lock()
	defer e.mu.Unlock()
	if u.base != e.state || e.open != u {
		u.compile()
	}
	if u.err != nil {
		return
	}
	e.open = nil
	if u.p.Expression {
		e.m.discard(&u.change)
		return
	}
	e.state = u.checked.Next
	e.wantModules(u.checked.Cell)
	e.m.commit(&u.change)
	if e.left--; e.left <= 0 || e.grown() {
		e.sweep(u.checked.Pkg)
	}
}

// Run implements eval.Compiled.
func (u *unit) Run() *eval.Error {
	if u.err != nil || u.p.Restore {
		return u.err
	}
	m := u.e.m
	defer m.forget(u.init, u.entry)
	defer forgetOutside()
	return m.protect(func(t *thread) {
		host.SetLocal(t)
		m.initModules(t, u.checked.Imports)
		m.runFunction(t, u.init, nil)
		m.runFunction(t, u.entry, func(g *frame) {
			if u.checked.Show && !u.p.Quiet {
				u.show(g)
			}
		})
	})
}

// runFunction calls fn, which has no parameters, and lets after look at its results.
func (m *machine) runFunction(t *thread, fn *Function, after func(g *frame)) {
	g := t.enter(fn.get())
	g.call(nil)
	if after != nil {
		after(g)
	}
	t.leave(g)
}

// show emits the values of the final expression.
func (u *unit) show(g *frame) {
	sig := u.entry.sig
	if len(sig.results) == 0 {
		return
	}
	values := make([]display.Value, len(sig.results))
	for i, r := range sig.results {
		v := reflect.New(r.typ)
		copyTyped(rtypeOf(r.typ), v.UnsafePointer(), g.at(r.off))
		values[i] = display.Value{V: v.Elem(), Type: types.TypeString(u.checked.Results[i], (*types.Package).Name)}
	}
	d := display.Bundle(values...)
	host.Emit(eval.Event{Result: &d})
}

// compile brings the cell from source to code. e.mu is held.
func (u *unit) compile() {
	m := u.e.m
	if o := u.e.open; o != nil {
		m.discard(&o.change)
	}
	u.e.open, u.base, u.change = u, u.e.state, change{}
	if u.err = u.e.loadModules(u.p); u.err != nil {
		return
	}
	c, ds := cell.Parse(m.fset, u.p.Name, u.p.Source)
	if u.err = refusal(ds); u.err != nil {
		return
	}
	u.checked, ds = u.base.Check(c)
	if u.err = refusal(ds); u.err != nil {
		return
	}
	defer func() {
		if v := recover(); v != nil {
			un, ok := v.(*unsupportedError)
			if !ok {
				panic(v)
			}
			u.err = &eval.Error{Name: eval.Unsupported, Value: un.msg}
		}
	}()
	m.begin(&u.change, u.checked)
	defer m.pause(&u.change)
	sp := m.build(u.checked.Pkg, []*ast.File{u.checked.File}, u.checked.Info)
	u.init, u.entry = m.function(sp.Func("init")), m.function(sp.Func(check.Entry))
	if len(u.change.late) > 0 {
		m.admit(&u.change)
	}
	seen := map[*Function]bool{}
	m.prepareAll(sp, seen)
	m.complete(&u.change, seen)
}

// refusal turns the errors among ds into an Error.
func refusal(ds []cell.Diagnostic) *eval.Error {
	var first *eval.Error
	for _, d := range ds {
		if d.Severity != cell.Error {
			continue
		}
		e := &eval.Error{Name: eval.CompileError, Value: d.Msg, Pos: d.Pos}
		if first == nil {
			first = e
		} else {
			first.More = append(first.More, e)
		}
	}
	return first
}

// prepareAll compiles the functions and methods that sp declares, and all
// they reach.
func (m *machine) prepareAll(sp *ssa.Package, seen map[*Function]bool) {
	for _, mem := range sp.Members {
		if fn, ok := mem.(*ssa.Function); ok && m.runnable(fn) {
			m.prepare(m.function(fn), seen)
		}
	}
	scope := sp.Pkg.Scope()
	for _, name := range scope.Names() {
		tn, ok := scope.Lookup(name).(*types.TypeName)
		if !ok || tn.IsAlias() || tn.Pkg() != sp.Pkg {
			continue
		}
		n, ok := tn.Type().(*types.Named)
		if !ok || n.TypeParams().Len() > 0 {
			continue
		}
		for i := range n.NumMethods() {
			if fn := m.prog.FuncValue(n.Method(i)); fn != nil && m.runnable(fn) {
				m.prepare(m.function(fn), seen)
			}
		}
	}
}

// runnable excludes generic functions that are not instantiated, and those
// without a body.
func (m *machine) runnable(fn *ssa.Function) bool {
	m.mu.Lock()
	known := m.fns[fn]
	m.mu.Unlock()
	if known != nil && known.body.Load() != nil {
		return true
	}
	return fn.Blocks != nil && (fn.TypeParams().Len() == 0 || len(fn.TypeArgs()) > 0)
}

// protect runs body on a thread of its own and turns a panic into an Error.
func (m *machine) protect(body func(t *thread)) (e *eval.Error) {
	t := m.thread()
	defer func() {
		if v := recover(); v != nil {
			e = m.explain(v, t)
		}
	}()
	body(t)
	t.release()
	return nil
}
