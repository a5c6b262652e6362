package lower

import (
	"go/ast"
	"go/token"
	"go/types"
)

// facts are what a look through a whole declared function, with the literals
// in it, tells about its variables and bodies.
type facts struct {
	captured, assigned, addressed map[*types.Var]bool
	defers, recovers, iterReturns map[*ast.BlockStmt]bool // of the function whose body it is, not of literals in it
	labels                        map[string]bool
	info                          *types.Info
}

// boxed reports whether a variable has to live on the heap: its address is
// taken, or a literal shares it while somebody assigns to it.
func (c *facts) boxed(v *types.Var) bool {
	return c.addressed[v] || c.captured[v] && c.assigned[v]
}

type factsWalk struct {
	*facts
	bodies []*ast.BlockStmt // enclosing function bodies, innermost last
	owner  map[*types.Var]int
	iter   []int // depth of literals made of range-over-func bodies, by enclosing function
	depth  int   // nesting of everything that becomes a literal
}

func analyse(body *ast.BlockStmt, typ *ast.FuncType, recv *ast.FieldList, info *types.Info) *facts {
	c := &facts{
		captured: map[*types.Var]bool{}, assigned: map[*types.Var]bool{}, addressed: map[*types.Var]bool{},
		defers: map[*ast.BlockStmt]bool{}, recovers: map[*ast.BlockStmt]bool{}, iterReturns: map[*ast.BlockStmt]bool{}, info: info,
	}
	w := &factsWalk{facts: c, owner: map[*types.Var]int{}}
	w.function(body, fieldList(recv, typ.Params, typ.Results))
	return c
}

func (w *factsWalk) function(body *ast.BlockStmt, fields []*ast.Field) {
	w.depth++
	for _, f := range fields {
		for _, n := range f.Names {
			w.define(n)
		}
	}
	// A body that defers becomes a literal itself.
	if hasDefer(body) {
		w.defers[body] = true
		w.depth++
		defer func() { w.depth-- }()
	}
	w.bodies = append(w.bodies, body)
	w.iter = append(w.iter, 0)
	w.walk(body)
	w.bodies = w.bodies[:len(w.bodies)-1]
	w.iter = w.iter[:len(w.iter)-1]
	w.depth--
}

// hasDefer looks for defer statements outside of literals.
func hasDefer(b *ast.BlockStmt) bool {
	found := false
	ast.Inspect(b, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.DeferStmt:
			found = true
		}
		return !found
	})
	return found
}

func (w *factsWalk) define(id *ast.Ident) {
	if v, ok := w.info.Defs[id].(*types.Var); ok {
		w.owner[v] = w.depth
	}
}

func (w *factsWalk) walk(n ast.Node) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			w.function(n.Body, fieldList(n.Type.Params, n.Type.Results))
			return false
		case *ast.RangeStmt:
			return w.rangeStmt(n)
		case *ast.Ident:
			w.define(n)
			w.use(n)
		case *ast.TypeSwitchStmt:
			w.typeSwitch(n)
		case *ast.AssignStmt:
			for _, l := range n.Lhs {
				w.assign(l, n.Tok == token.DEFINE)
			}
		case *ast.IncDecStmt:
			w.assign(n.X, false)
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				w.address(n.X)
			}
		case *ast.SliceExpr:
			if _, ok := w.under(n.X).(*types.Array); ok {
				w.address(n.X)
			}
		case *ast.SelectorExpr:
			w.selector(n)
		case *ast.ReturnStmt:
			if w.iter[len(w.iter)-1] > 0 {
				w.iterReturns[w.bodies[len(w.bodies)-1]] = true
			}
		case *ast.CallExpr:
			w.call(n)
		case *ast.BlockStmt:
		}
		return true
	})
}

func (w *factsWalk) under(e ast.Expr) types.Type {
	t := w.info.TypeOf(e)
	if t == nil {
		return types.Typ[types.Invalid]
	}
	return t.Underlying()
}

func (w *factsWalk) typeSwitch(n *ast.TypeSwitchStmt) {
	for _, c := range n.Body.List {
		if v, ok := w.info.Implicits[c].(*types.Var); ok {
			w.owner[v] = w.depth
		}
	}
}

func (w *factsWalk) call(n *ast.CallExpr) {
	id, ok := ast.Unparen(n.Fun).(*ast.Ident)
	if !ok {
		return
	}
	if b, ok := w.info.Uses[id].(*types.Builtin); ok && b.Name() == "recover" {
		w.recovers[w.bodies[len(w.bodies)-1]] = true
	}
}

func (w *factsWalk) rangeStmt(n *ast.RangeStmt) bool {
	for _, e := range []ast.Expr{n.Key, n.Value} {
		if e != nil && n.Tok == token.ASSIGN {
			w.assign(e, false)
		}
	}
	if _, ok := coreType(w.info.TypeOf(n.X)).(*types.Signature); !ok {
		return true
	}
	w.walk(n.X)
	w.depth++
	w.iter[len(w.iter)-1]++
	for _, e := range []ast.Expr{n.Key, n.Value} {
		if e != nil {
			w.walk(e)
		}
	}
	w.walk(n.Body)
	w.iter[len(w.iter)-1]--
	w.depth--
	return false
}

// coreType is the type of which t has the operations.
func coreType(t types.Type) types.Type {
	if t == nil {
		return nil
	}
	if p, ok := types.Unalias(t).(*types.TypeParam); ok {
		i := p.Constraint().Underlying().(*types.Interface)
		for e := range i.EmbeddedTypes() {
			if un, ok := e.Underlying().(*types.Union); ok && un.Len() > 0 {
				return un.Term(0).Type().Underlying()
			}
			return e.Underlying()
		}
	}
	return t.Underlying()
}

func (w *factsWalk) use(id *ast.Ident) {
	v, ok := w.info.Uses[id].(*types.Var)
	if !ok || v.IsField() {
		return
	}
	if d, ok := w.owner[v]; ok && d != w.depth {
		w.captured[v] = true
	}
}

func (w *factsWalk) assign(e ast.Expr, define bool) {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		if v, ok := w.info.Uses[e].(*types.Var); ok {
			w.assigned[v] = true
		}
	case *ast.IndexExpr:
		if _, ok := w.under(e.X).(*types.Array); ok {
			w.assign(e.X, false)
		}
	case *ast.SelectorExpr:
		if _, ok := w.under(e.X).(*types.Struct); ok {
			w.assign(e.X, false)
		}
	}
}

// address marks the variable whose memory &e names.
func (w *factsWalk) address(e ast.Expr) {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		if v, ok := w.info.Uses[e].(*types.Var); ok {
			w.addressed[v] = true
		}
	case *ast.IndexExpr:
		if _, ok := w.under(e.X).(*types.Array); ok {
			w.address(e.X)
		}
	case *ast.SelectorExpr:
		if _, ok := w.under(e.X).(*types.Struct); ok {
			w.address(e.X)
		}
	}
}

// selector marks the receiver of a method that takes a pointer.
func (w *factsWalk) selector(n *ast.SelectorExpr) {
	s := w.info.Selections[n]
	if s == nil || s.Kind() != types.MethodVal {
		return
	}
	if _, ok := types.Unalias(s.Recv()).(*types.TypeParam); ok {
		w.address(n.X)
		return
	}
	sig := s.Obj().(*types.Func).Signature()
	if sig.Recv() == nil {
		return
	}
	if _, ok := types.Unalias(sig.Recv().Type()).(*types.Pointer); !ok {
		return
	}
	w.address(n.X)
}
