package check

import (
	"go/ast"
	"go/token"
)

// resolve goes through the steps in order and renames every identifier that
// means another version than the last one of its name. What it knows of scopes
// is what Go says about blocks: a name declared in a statement hides the
// variable of the cell until the block ends.
func (p *plan) resolve() {
	r := &resolver{p: p, seen: map[string]*version{}}
	for i, st := range p.steps {
		r.step = i
		switch {
		case st.spec != nil:
			r.inVar = true
			r.expr(st.spec.Type)
			r.exprs(st.spec.Values)
			r.inVar = false
		case st.define != nil:
			r.exprs(st.define.Rhs)
		default:
			r.stmt(st.stmt)
		}
		for _, t := range st.lhs {
			if t.version != nil {
				r.seen[t.version.name] = t.version
				p.rename(t.id, r.nameOf(t.version))
			}
		}
	}
	r.step = len(p.steps)
	r.exprs(p.c.Result)
}

type resolver struct {
	p      *plan
	seen   map[string]*version // what was declared so far
	scopes []map[string]bool   // of the statement's blocks
	step   int
	inVar  bool // in the initialiser of a var declaration
}

// nameOf returns the name that a version has while go/types looks. The version
// of an earlier cell needs a hidden one only if this cell declares the name.
func (r *resolver) nameOf(v *version) string {
	if v.id == nil && len(r.p.versions[v.name]) == 0 {
		return v.name
	}
	return v.hidden
}

func (r *resolver) use(id *ast.Ident) { r.p.rename(id, r.meant(id.Name)) }

// meant returns the name that the variable visible as name has while go/types looks.
func (r *resolver) meant(name string) string {
	if len(r.p.versions[name]) == 0 || r.isLocal(name) {
		return name
	}
	if v := r.seen[name]; v != nil {
		return r.nameOf(v)
	}
	last, isVar := r.p.varNames[name]
	if r.inVar && isVar && last > r.step {
		return name // var a = b; var b = 1
	}
	if r.p.declared[name] {
		return name // declared twice, go/types will say
	}
	// Declared further down: what it meant before the cell, or nothing.
	if old := r.p.oldVersion(name); old == nil && r.inVar && isVar && last == r.step {
		return name // var x = x: go/types says that this is a cycle
	}
	return hiddenName(name, 0)
}

func (r *resolver) isLocal(name string) bool {
	for _, s := range r.scopes {
		if s[name] {
			return true
		}
	}
	return false
}

func (r *resolver) declare(ids ...*ast.Ident) {
	if len(r.scopes) == 0 {
		return
	}
	top := len(r.scopes) - 1
	if r.scopes[top] == nil {
		r.scopes[top] = map[string]bool{}
	}
	for _, id := range ids {
		if id != nil {
			r.scopes[top][id.Name] = true
		}
	}
}

func (r *resolver) block(f func()) {
	r.scopes = append(r.scopes, nil)
	f()
	r.scopes = r.scopes[:len(r.scopes)-1]
}

func (r *resolver) exprs(l []ast.Expr) {
	for _, x := range l {
		r.expr(x)
	}
}

// expr visits an expression or type.
func (r *resolver) expr(x ast.Expr) {
	if x == nil {
		return
	}
	ast.Inspect(x, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			r.use(n)
		case *ast.SelectorExpr:
			r.expr(n.X)
			return false
		case *ast.FuncLit:
			r.block(func() {
				r.funcType(n.Type)
				r.stmts(n.Body.List)
			})
			return false
		case *ast.FuncType:
			r.block(func() { r.funcType(n) })
			return false
		case *ast.StructType:
			r.fields(n.Fields, false)
			return false
		case *ast.InterfaceType:
			r.fields(n.Methods, false)
			return false
		case *ast.CompositeLit:
			r.composite(n)
			return false
		}
		return true
	})
}

// composite visits a literal. A key that is a name may be a field or a
// variable, which only types tell: it is taken for a field until go/types
// finds a variable.
func (r *resolver) composite(n *ast.CompositeLit) {
	r.expr(n.Type)
	for _, e := range n.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			r.expr(e)
			continue
		}
		id, ok := kv.Key.(*ast.Ident)
		if !ok || r.p.try.mapKeys[id] {
			r.expr(kv.Key)
		} else if name := r.meant(id.Name); name != id.Name {
			r.p.doubtful = append(r.p.doubtful, rename{id, name})
		}
		r.expr(kv.Value)
	}
}

func (r *resolver) funcType(t *ast.FuncType) {
	r.fields(t.TypeParams, true)
	r.fields(t.Params, true)
	r.fields(t.Results, true)
}

func (r *resolver) fields(l *ast.FieldList, declare bool) {
	if l == nil {
		return
	}
	for _, f := range l.List {
		r.expr(f.Type)
	}
	if !declare {
		return
	}
	for _, f := range l.List {
		r.declare(f.Names...)
	}
}

func (r *resolver) stmts(l []ast.Stmt) {
	for _, s := range l {
		r.stmt(s)
	}
}

func (r *resolver) stmt(s ast.Stmt) {
	switch s := s.(type) {
	case nil:
	case *ast.AssignStmt:
		r.assign(s)
	case *ast.BlockStmt:
		if s != nil {
			r.block(func() { r.stmts(s.List) })
		}
	case *ast.DeclStmt:
		if d, ok := s.Decl.(*ast.GenDecl); ok {
			r.localDecl(d)
		}
	case *ast.LabeledStmt:
		r.stmt(s.Stmt)
	case *ast.BranchStmt:
	case *ast.IfStmt:
		r.block(func() {
			r.stmt(s.Init)
			r.expr(s.Cond)
			r.stmt(s.Body)
			r.stmt(s.Else)
		})
	case *ast.ForStmt:
		r.block(func() {
			r.stmt(s.Init)
			r.expr(s.Cond)
			r.stmt(s.Post)
			r.stmt(s.Body)
		})
	case *ast.RangeStmt:
		r.rangeStmt(s)
	case *ast.SwitchStmt:
		r.block(func() {
			r.stmt(s.Init)
			r.expr(s.Tag)
			r.stmt(s.Body)
		})
	case *ast.TypeSwitchStmt:
		r.block(func() {
			r.stmt(s.Init)
			r.stmt(s.Assign)
			r.stmt(s.Body)
		})
	case *ast.SelectStmt:
		r.stmt(s.Body)
	case *ast.CaseClause:
		r.exprs(s.List)
		r.block(func() { r.stmts(s.Body) })
	case *ast.CommClause:
		r.block(func() {
			r.stmt(s.Comm)
			r.stmts(s.Body)
		})
	case *ast.ExprStmt:
		r.expr(s.X)
	case *ast.SendStmt:
		r.expr(s.Chan)
		r.expr(s.Value)
	case *ast.IncDecStmt:
		r.expr(s.X)
	case *ast.GoStmt:
		r.expr(s.Call)
	case *ast.DeferStmt:
		r.expr(s.Call)
	case *ast.ReturnStmt:
		r.exprs(s.Results)
	}
}

func (r *resolver) assign(s *ast.AssignStmt) {
	r.exprs(s.Rhs)
	if s.Tok != token.DEFINE || len(r.scopes) == 0 {
		r.exprs(s.Lhs)
		return
	}
	for _, x := range s.Lhs {
		if id, ok := x.(*ast.Ident); ok {
			r.declare(id)
		}
	}
}

func (r *resolver) rangeStmt(s *ast.RangeStmt) {
	r.expr(s.X)
	r.block(func() {
		for _, x := range []ast.Expr{s.Key, s.Value} {
			if id, ok := x.(*ast.Ident); ok && s.Tok == token.DEFINE {
				r.declare(id)
			} else if x != nil {
				r.expr(x)
			}
		}
		r.stmt(s.Body)
	})
}

func (r *resolver) localDecl(d *ast.GenDecl) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.ValueSpec:
			r.expr(s.Type)
			r.exprs(s.Values)
			r.declare(s.Names...)
		case *ast.TypeSpec:
			r.declare(s.Name)
			r.block(func() {
				r.fields(s.TypeParams, true)
				r.expr(s.Type)
			})
		}
	}
}
