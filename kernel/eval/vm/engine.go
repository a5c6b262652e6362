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
	"braid/kernel/display"
	"braid/kernel/eval"
	"braid/kernel/eval/host"
)

// Engine runs the cells of one session. It implements eval.Engine.
type Engine struct {
	m *machine

	mu    sync.Mutex // checking and compiling; programs run outside it
	state *check.State
}

// New returns an engine that has run nothing. It costs about 50 µs; packages
// are decoded when cells import them.
func New() *Engine {
	fset := token.NewFileSet()
	imp := exportdata.NewImporter(fset)
	host.Trace(func(local any) []eval.Frame {
		if t, ok := local.(*thread); ok {
			return t.frames(50)
		}
		return nil
	})
	return &Engine{m: newMachine(fset, imp), state: check.NewState(fset, imp)}
}

var _ eval.Engine = (*Engine)(nil)

func newInfo() *types.Info {
	return &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
		Implicits: map[ast.Node]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{}, Scopes: map[ast.Node]*types.Scope{},
		Instances: map[*ast.Ident]types.Instance{}, FileVersions: map[*ast.File]string{},
	}
}

// unit is a cell that is ready to run.
type unit struct {
	init, entry *Function
	checked     *check.Checked
}

// Run checks and compiles p, commits its declarations, and runs it.
func (e *Engine) Run(p *eval.Program) *eval.Error {
	u, err := e.compile(p)
	if err != nil {
		return err
	}
	if p.Restore {
		return nil
	}
	defer e.m.forget(u.init, u.entry)
	return e.m.protect(func(t *thread) {
		host.SetLocal(t)
		e.m.runFunction(t, u.init, nil)
		e.m.runFunction(t, u.entry, func(g *frame) {
			if u.checked.Show && !p.Quiet {
				e.show(u, g)
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
func (e *Engine) show(u *unit, g *frame) {
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

// compile brings p from source to code. What it declares is part of the
// session afterwards, except for expressions; if it is refused, nothing is.
func (e *Engine) compile(p *eval.Program) (u *unit, err *eval.Error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, ds := cell.Parse(e.m.fset, p.Name, p.Source)
	if err := refusal(ds); err != nil {
		return nil, err
	}
	checked, ds := e.state.Check(c)
	if err := refusal(ds); err != nil {
		return nil, err
	}
	if !p.Expression {
		// The session has committed the cell too, whatever comes of it here.
		e.state = checked.Next
	}
	defer func() {
		if v := recover(); v != nil {
			un, ok := v.(*unsupportedError)
			if !ok {
				panic(v)
			}
			u, err = nil, &eval.Error{Name: eval.Unsupported, Value: un.msg}
		}
	}()
	m := e.m
	m.lateMethods(checked)
	sp := m.build(checked.Pkg, []*ast.File{checked.File}, checked.Info)
	u = &unit{checked: checked, init: m.function(sp.Func("init")), entry: m.function(sp.Func(check.Entry))}
	m.prepareAll(sp)
	m.rebind(checked.Rebinds)
	return u, nil
}

// lateMethods refuses exported methods for types that are real already.
func (m *machine) lateMethods(c *check.Checked) {
	again := map[types.Object]bool{}
	for _, f := range c.Rebinds {
		again[f] = true
	}
	for _, d := range c.Decls {
		if d.Kind != check.Method || d.Recv == nil || d.Recv.Pkg() == c.Pkg || again[d.Obj] || !d.Obj.Exported() {
			continue
		}
		n, ok := d.Recv.Type().(*types.Named)
		if ok && n.TypeParams().Len() == 0 && m.types.lateMethod(n, d.Obj.Name()) {
			panic(unsupported("%s", staleText(n.Obj().Name(), d.Obj.Name())))
		}
	}
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
func (m *machine) prepareAll(sp *ssa.Package) {
	seen := map[*Function]bool{}
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

// rebind lets callers of redeclared functions reach the new ones.
func (m *machine) rebind(rs map[*types.Func]*types.Func) {
	for old, new := range rs {
		o, n := m.prog.FuncValue(old), m.prog.FuncValue(new)
		if o == nil || n == nil || !m.runnable(o) || !m.runnable(n) {
			continue
		}
		of, nf := m.function(o), m.function(n)
		if of != nf {
			of.target.Store(nf)
		}
	}
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
