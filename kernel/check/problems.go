package check

import (
	"cmp"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"braid/kernel/cell"
	"braid/kernel/eval"
)

// reconsider looks for choices of the attempt that go/types refuted, and tells
// whether to try again with other ones.
func (a *attempt) reconsider() bool {
	for _, st := range a.steps {
		if st.define != nil {
			a.reconsiderReuse(st)
		}
	}
	for _, k := range a.doubtful {
		if v, ok := a.info.Uses[k.id].(*types.Var); ok && v.IsField() {
			continue
		}
		if a.info.Uses[k.id] != nil && !a.try.mapKeys[k.id] {
			a.try.mapKeys[k.id], a.again = true, true
		}
	}
	for _, e := range a.soft {
		if strings.HasPrefix(e.msg, unexportedField) {
			a.nameFields(e.pos)
		}
	}
	return a.again
}

// reconsiderReuse finds variables that := cannot assign to.
func (a *attempt) reconsiderReuse(st *step) {
	d := st.define
	tuple, _ := a.info.TypeOf(d.Rhs[0]).(*types.Tuple)
	for i, t := range st.lhs {
		if !t.reuse || a.try.shadow[t.id] {
			continue
		}
		ok := true
		switch {
		case len(d.Rhs) == len(d.Lhs):
			ok = !slices.ContainsFunc(a.soft, func(e problem) bool {
				return within(e.pos, d.Rhs[i]) && strings.HasPrefix(e.msg, "cannot use ") && strings.Contains(e.msg, " in assignment")
			})
		case tuple != nil && i < tuple.Len():
			obj := a.object(t.version)
			ok = obj == nil || types.AssignableTo(tuple.At(i).Type(), obj.Type())
		}
		if !ok {
			a.try.shadow[t.id], a.again = true, true
		}
	}
}

// object returns the variable behind a version, after checking.
func (a *attempt) object(v *version) types.Object {
	if v.id == nil {
		return v.old
	}
	return a.info.Defs[v.id]
}

func within(pos token.Pos, n ast.Node) bool { return n.Pos() <= pos && pos < n.End() }

const unexportedField = "implicit assignment to unexported field "

// nameFields gives field names to the elements of the struct literal around
// pos. go/types takes fields that an earlier cell declared for those of another
// package, and does not check what is assigned to them without a name.
func (a *attempt) nameFields(pos token.Pos) {
	lit, st := a.literalAt(pos)
	if lit == nil || a.try.keys[lit] || st.NumFields() != len(lit.Elts) {
		return
	}
	for i, e := range lit.Elts {
		if _, ok := e.(*ast.KeyValueExpr); ok || st.Field(i).Name() == "_" {
			return
		}
	}
	for i, e := range lit.Elts {
		key := &ast.Ident{NamePos: e.Pos(), Name: st.Field(i).Name()}
		lit.Elts[i] = &ast.KeyValueExpr{Key: key, Colon: e.Pos(), Value: e}
	}
	a.try.keys[lit], a.again = true, true
}

// literalAt returns the innermost literal that has an element at pos, if it is
// of a struct that a cell of this session declared.
func (a *attempt) literalAt(pos token.Pos) (*ast.CompositeLit, *types.Struct) {
	var lit *ast.CompositeLit
	a.eachNode(func(n ast.Node) bool {
		if n == nil || !within(pos, n) {
			return false
		}
		if l, ok := n.(*ast.CompositeLit); ok && slices.ContainsFunc(l.Elts, func(e ast.Expr) bool { return within(pos, e) }) {
			lit = l
		}
		return true
	})
	if lit == nil {
		return nil, nil
	}
	t := a.info.TypeOf(lit)
	if t == nil {
		return nil, nil
	}
	if p, ok := t.Underlying().(*types.Pointer); ok {
		t = p.Elem() // &T elided in []*T{{…}}
	}
	st, ok := t.Underlying().(*types.Struct)
	if !ok || st.NumFields() == 0 || st.Field(0).Pkg() == nil || st.Field(0).Pkg().Path() != Path {
		return nil, nil
	}
	return lit, st
}

// eachNode visits what the learner wrote.
func (p *plan) eachNode(f func(ast.Node) bool) {
	for _, it := range p.c.Items {
		ast.Inspect(it.Node(), f)
	}
	for _, x := range p.c.Result {
		ast.Inspect(x, f)
	}
}

// problems returns what is wrong with the cell, in gc's words.
func (a *attempt) problems() []problem {
	l := slices.Clone(a.errs)
	for i := 0; i < len(a.soft); i++ {
		e := a.soft[i]
		// go/types reports further places of an error one by one.
		for i+1 < len(a.soft) && strings.HasPrefix(a.soft[i+1].msg, "\t") {
			i++
			more := a.soft[i]
			e.msg += "\n\t" + a.s.root.fset.Position(more.pos).String() + ": " + more.msg[1:]
		}
		if a.isNoise(&e) {
			continue
		}
		e = a.gcWords(e)
		if n := len(l); n > 0 && l[n-1].msg == e.msg && a.line(l[n-1]) == a.line(e) {
			continue // gc says the same thing once a line
		}
		l = append(l, e)
	}
	l = slices.DeleteFunc(l, a.inReturn)
	l = append(l, a.returns...)
	if !refused(l) {
		l = append(l, a.bodies()...)
	}
	if refused(l) {
		l = slices.DeleteFunc(l, func(e problem) bool { return e.warning })
	}
	slices.SortStableFunc(l, func(x, y problem) int { return cmp.Compare(x.pos, y.pos) })
	return l
}

func (a *attempt) line(e problem) int { return a.c.File.Line(min(max(e.pos, a.pos()), a.end())) }

// bodies reports functions without a body, which the compiler does last.
func (a *attempt) bodies() (l []problem) {
	for _, d := range slices.Concat(a.funcs, a.late) {
		if d.Body == nil {
			l = append(l, problem{pos: d.Name.Pos(), end: d.Name.End(), msg: "missing function body"})
		}
	}
	return l
}

// isNoise tells whether a message is no fault of the cell's; warnings it marks.
func (a *attempt) isNoise(e *problem) bool {
	switch msg := e.msg; {
	case strings.HasPrefix(msg, "declared and not used: "),
		strings.HasSuffix(msg, " declared and not used") && !strings.HasPrefix(msg, "label "):
		e.warning = true
	case strings.HasSuffix(msg, " is not used"):
		return len(a.c.Result) == 1 && within(e.pos, a.c.Result[0])
	case strings.HasPrefix(msg, "cannot define new methods on non-local type "):
		return slices.ContainsFunc(a.late, func(d *ast.FuncDecl) bool { return within(e.pos, d.Recv) && a.isOldType(d) })
	case strings.HasPrefix(msg, unexportedField):
		lit, _ := a.literalAt(e.pos)
		return lit != nil
	case strings.HasPrefix(msg, "undefined: "):
		return a.failed[strings.TrimPrefix(msg, "undefined: ")]
	case strings.HasPrefix(msg, "initialization cycle"):
		return a.isStatementCycle(e)
	}
	return false
}

func (a *attempt) isOldType(d *ast.FuncDecl) bool {
	fn, ok := a.info.Defs[d.Name].(*types.Func)
	if !ok {
		return false
	}
	t := receiverType(fn)
	return t != nil && t.Obj().Pkg() != nil && t.Obj().Pkg().Path() == Path
}

// isStatementCycle tells whether an initialization cycle goes through a
// variable that a statement declares: statements run in order, so "x := f()"
// may call a function that looks at x.
func (a *attempt) isStatementCycle(e *problem) bool {
	for _, st := range a.steps {
		if st.define == nil {
			continue
		}
		for _, t := range st.lhs {
			if t.version == nil || t.reuse {
				continue
			}
			pos := a.s.root.fset.Position(t.id.Pos()).String()
			if t.id.Pos() == e.pos || strings.Contains(e.msg, "\n\t"+pos+": ") {
				return true
			}
		}
	}
	return false
}

// findReturns looks for return statements that belong to no function.
func (p *plan) findReturns() {
	visit := func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			p.returns = append(p.returns, problem{pos: n.Pos(), end: n.End(), msg: "return is not in a function"})
		}
		return true
	}
	for _, it := range p.c.Items {
		if it.Stmt != nil {
			ast.Inspect(it.Stmt, visit)
		}
	}
}

// inReturn tells whether a problem is one of a return that should not be there.
func (a *attempt) inReturn(e problem) bool {
	return slices.ContainsFunc(a.returns, func(r problem) bool { return r.pos <= e.pos && e.pos < r.end })
}

func refused(l []problem) bool {
	return slices.ContainsFunc(l, func(e problem) bool { return !e.warning })
}

// diagnostics turns problems into what the cell's reader sees.
func (a *attempt) diagnostics(l []problem) []cell.Diagnostic {
	var ds []cell.Diagnostic
	errors := 0
	for _, e := range l {
		d := cell.Diagnostic{Pos: a.place(e.pos), End: a.place(a.endOf(e)), Msg: e.msg, Severity: cell.Warning}
		if !e.warning {
			d.Severity = cell.Error
			errors++
		}
		if errors > maxErrors {
			d.Msg, d.Pos, d.End = "too many errors", ds[len(ds)-1].Pos, eval.Pos{}
			return append(ds, d)
		}
		ds = append(ds, d)
	}
	return ds
}

func (a *attempt) place(pos token.Pos) eval.Pos {
	if pos < a.pos() || pos > a.end() {
		return eval.Pos{Cell: a.c.Name}
	}
	p := a.s.root.fset.PositionFor(pos, false)
	return eval.Pos{Cell: a.c.Name, Line: p.Line, Column: p.Column}
}

// endOf returns the end of the name or expression that a problem is about.
func (a *attempt) endOf(e problem) token.Pos {
	if e.end.IsValid() {
		return e.end
	}
	end := e.pos
	a.eachNode(func(n ast.Node) bool {
		if n == nil || !within(e.pos, n) {
			return false
		}
		_, expr := n.(ast.Expr)
		if expr && n.Pos() == e.pos && (end == e.pos || n.End() < end) {
			end = n.End()
		}
		return true
	})
	return end
}

func (a *attempt) inDefine(pos token.Pos) bool {
	return slices.ContainsFunc(a.steps, func(st *step) bool { return st.define != nil && within(pos, st.define) })
}
