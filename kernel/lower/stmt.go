package lower

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

func (f *fn) block(b *ast.BlockStmt) { f.list(b.List) }

func (f *fn) list(ss []ast.Stmt) {
	for _, s := range ss {
		f.stmt(s, "")
	}
}

// scoped lowers statements one level deeper.
func (f *fn) scoped(ss []ast.Stmt) {
	f.tabs++
	f.list(ss)
	f.tabs--
}

// stmt lowers a statement; label is the learner's label in front of it.
func (f *fn) stmt(s ast.Stmt, label string) {
	f.impure, f.noHoist = false, 0
	f.u.at = s.Pos()
	if f.entry && f.frame == "" && f.state == "" {
		f.line("ˍ.At(%d)", f.u.pos(s.Pos()))
	}
	switch s := s.(type) {
	case *ast.EmptyStmt:
	case *ast.BlockStmt:
		f.blockStmt(s, label)
	case *ast.ExprStmt:
		f.exprStmt(s.X)
	case *ast.AssignStmt:
		f.assign(s)
	case *ast.IncDecStmt:
		op := token.ADD
		if s.Tok == token.DEC {
			op = token.SUB
		}
		f.opAssign(s.X, op, nil, s)
	case *ast.DeclStmt:
		f.declStmt(s.Decl.(*ast.GenDecl))
	case *ast.ReturnStmt:
		f.returnStmt(s)
	case *ast.IfStmt:
		f.ifStmt(s, label)
	case *ast.ForStmt:
		f.forStmt(s, label)
	case *ast.RangeStmt:
		f.rangeStmt(s, label)
	case *ast.SwitchStmt:
		f.switchStmt(s, label)
	case *ast.TypeSwitchStmt:
		f.typeSwitch(s, label)
	case *ast.SelectStmt:
		f.selectStmt(s, label)
	case *ast.BranchStmt:
		f.branch(s)
	case *ast.LabeledStmt:
		f.labeled(s)
	case *ast.GoStmt:
		f.goStmt(s)
	case *ast.DeferStmt:
		f.deferStmt(s)
	case *ast.SendStmt:
		f.send(s)
	default:
		f.refuse(s, fmt.Sprintf("a statement of kind %T", s), "")
	}
}

func (f *fn) blockStmt(s *ast.BlockStmt, label string) {
	fl := f.push(label, false)
	f.line("{")
	f.scoped(s.List)
	f.line("}")
	f.pop(fl)
}

// push enters a statement that break (and, of a loop, continue) can leave.
func (f *fn) push(label string, isLoop bool) *flow {
	fl := &flow{label: label, isLoop: isLoop, uid: f.u.unique("flow")}
	f.flow = append(f.flow, fl)
	return fl
}

// pop leaves it and writes the label that break goes to.
func (f *fn) pop(fl *flow) {
	f.flow = f.flow[:len(f.flow)-1]
	f.mark(fl.brk)
}

// mark writes a label, if something goes there.
func (f *fn) mark(label string) {
	if label != "" {
		f.buf.WriteString(label + ":\n")
		f.line("{")
		f.line("}")
	}
}

func (f *fn) exprStmt(e ast.Expr) {
	e = ast.Unparen(e)
	if u, ok := e.(*ast.UnaryExpr); ok && u.Op == token.ARROW {
		f.temp(f.ty(f.elem(u.X)), f.expr(u))
		return
	}
	call, ok := e.(*ast.CallExpr)
	if !ok {
		f.refuse(e, "this expression as a statement", "")
	}
	if tv := f.info.Types[call.Fun]; tv.IsType() {
		f.refuse(e, "a conversion as a statement", "")
	}
	f.line("%s", f.call(call))
}

func (f *fn) elem(ch ast.Expr) types.Type {
	return f.sub(coreType(f.typeOf(ch))).(*types.Chan).Elem()
}

func (f *fn) declStmt(d *ast.GenDecl) {
	if d.Tok == token.TYPE {
		if len(f.env) > 0 {
			f.refuse(d, "a type declared in a generic function", "declare it outside of the function")
		}
		return
	}
	if d.Tok != token.VAR {
		return
	}
	for _, s := range d.Specs {
		s := s.(*ast.ValueSpec)
		var lhs []ast.Expr
		for _, n := range s.Names {
			lhs = append(lhs, n)
		}
		if len(s.Values) == 0 {
			for _, n := range s.Names {
				f.newVar(n, "")
			}
			continue
		}
		f.assignAll(lhs, s.Values, true, s)
	}
}

// newVar declares a local variable with a value, "" for zero.
func (f *fn) newVar(id *ast.Ident, value string) {
	v, _ := f.info.Defs[id].(*types.Var)
	if id.Name == "_" || v == nil {
		if value != "" {
			f.temp(f.ty(f.info.TypeOf(id)), value)
		}
		return
	}
	f.newLocal(v, value)
}

func (f *fn) newLocal(v *types.Var, value string) {
	l := f.declare(v)
	ty := f.ty(v.Type())
	if l.boxed {
		f.line("var %s *%s = new(%s)", l.name, ty, ty)
		if value != "" {
			f.line("*%s = %s", l.name, value)
		}
		return
	}
	if value == "" {
		f.line("var %s %s = %s", l.name, ty, f.zero(ty))
		return
	}
	f.line("var %s %s = %s", l.name, ty, value)
}

// zero is an expression for the zero value of a lowered type.
func (f *fn) zero(ty string) string {
	switch {
	case ty == "string":
		return `""`
	case ty == "bool":
		return "false"
	case ty == "int":
		return "0"
	case basicNumber[ty]:
		return ty + "(0)"
	}
	return f.u.nilOf(ty)
}

var basicNumber = map[string]bool{
	"int": true, "int8": true, "int16": true, "int32": true, "int64": true,
	"uint": true, "uint8": true, "uint16": true, "uint32": true, "uint64": true, "uintptr": true,
	"float32": true, "float64": true,
}

func (f *fn) assign(s *ast.AssignStmt) {
	switch s.Tok {
	case token.ASSIGN, token.DEFINE:
		f.assignAll(s.Lhs, s.Rhs, s.Tok == token.DEFINE, s)
	default:
		op := s.Tok + token.ADD - token.ADD_ASSIGN
		f.opAssign(s.Lhs[0], op, s.Rhs[0], s)
	}
}

// lhsType is the type of a left side; for a new variable that of the variable.
func (f *fn) lhsType(e ast.Expr) types.Type {
	if id, ok := e.(*ast.Ident); ok {
		if id.Name == "_" {
			return nil
		}
		if v := f.info.Defs[id]; v != nil {
			return f.sub(v.Type())
		}
		if v := f.info.Uses[id]; v != nil {
			return f.sub(v.Type())
		}
	}
	return f.typeOf(e)
}

func (f *fn) isNew(e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	return ok && f.info.Defs[id] != nil
}

func (f *fn) assignAll(lhs, rhs []ast.Expr, define bool, s ast.Node) {
	if len(lhs) == 1 {
		f.assignOne(lhs[0], rhs[0])
		return
	}
	if len(rhs) == 1 {
		f.assignTuple(lhs, rhs[0])
		return
	}
	// Parallel assignment: operands of the left side, then all values, then
	// the stores in order.
	places := make([]func(string), len(lhs))
	for i, l := range lhs {
		if !f.isNew(l) {
			places[i] = f.place(l, true)
		}
	}
	vals := make([]string, len(lhs))
	for i, r := range rhs {
		t := f.lhsType(lhs[i])
		if t == nil {
			t = types.Default(f.typeOf(r))
		}
		f.impure = false
		vals[i] = f.temp(f.ty(t), f.conv(r, t))
	}
	for i, l := range lhs {
		if f.isNew(l) {
			f.newVar(l.(*ast.Ident), vals[i])
		} else {
			places[i](vals[i])
		}
	}
}

func (f *fn) assignOne(l, r ast.Expr) {
	t := f.lhsType(l)
	if t == nil {
		t = f.typeOf(r)
		if b, ok := t.(*types.Basic); ok && b.Kind() == types.UntypedNil {
			return
		}
		f.temp(f.ty(types.Default(t)), f.conv(r, types.Default(t)))
		return
	}
	if f.isNew(l) {
		f.newVar(l.(*ast.Ident), f.conv(r, t))
		return
	}
	switch ast.Unparen(l).(type) {
	case *ast.Ident:
		f.place(l, false)(f.conv(r, t))
		return
	}
	if f.pure(r) {
		f.place(l, false)(f.conv(r, t))
		return
	}
	place := f.place(l, true)
	f.impure = false
	place(f.temp(f.ty(t), f.conv(r, t)))
}

// assignTuple is a, b = f(), or one of the comma-ok forms.
func (f *fn) assignTuple(lhs []ast.Expr, r ast.Expr) {
	places := make([]func(string), len(lhs))
	for i, l := range lhs {
		if !f.isNew(l) {
			places[i] = f.place(l, true)
		}
	}
	f.impure = false
	text, ts := f.tuple(r)
	var names []string
	for _, t := range ts {
		n := f.u.unique("t")
		f.line("var %s %s", n, f.ty(t))
		names = append(names, n)
	}
	f.line("%s = %s", strings.Join(names, ", "), text)
	for i, l := range lhs {
		t := f.lhsType(l)
		if t == nil {
			continue
		}
		v := f.convText(names[i], ts[i], t)
		if f.isNew(l) {
			f.newVar(l.(*ast.Ident), v)
		} else {
			places[i](v)
		}
	}
}

// tuple lowers an expression with several values.
func (f *fn) tuple(e ast.Expr) (string, []types.Type) {
	boolean := types.Typ[types.Bool]
	switch e := ast.Unparen(e).(type) {
	case *ast.CallExpr:
		t := f.typeOf(e).(*types.Tuple)
		var ts []types.Type
		for v := range t.Variables() {
			ts = append(ts, v.Type())
		}
		return f.call(e), ts
	case *ast.IndexExpr:
		m := f.typeOf(e.X)
		mt := coreType(m).(*types.Map)
		s := f.u.sym(Sym{Kind: "mapget", Types: []int{f.u.typ(f.sub(m))}})
		x := f.expr(e.X)
		return fmt.Sprintf("%s(%s, %s)", s, x, f.conv(e.Index, mt.Key())), []types.Type{mt.Elem(), boolean}
	case *ast.UnaryExpr:
		ch := f.typeOf(e.X)
		s := f.u.sym(Sym{Kind: "recv2", Types: []int{f.u.typ(ch)}})
		f.impure = true
		return fmt.Sprintf("%s(%d, %s)", s, f.u.pos(e.OpPos), f.expr(e.X)), []types.Type{f.elem(e.X), boolean}
	case *ast.TypeAssertExpr:
		t := f.typeOf(e.Type)
		s := f.u.sym(Sym{Kind: "assert2", Types: []int{f.u.typ(f.typeOf(e.X)), f.u.typ(t)}})
		return fmt.Sprintf("%s(%s)", s, f.expr(e.X)), []types.Type{t, boolean}
	}
	f.refuse(e, "this expression with several values", "")
	return "", nil
}

// place lowers the left side of an assignment and returns what stores a value
// there. With fixed set, the operands are evaluated now.
func (f *fn) place(l ast.Expr, fixed bool) func(string) {
	hold := func(e string, ty string, src ast.Expr) string {
		if !fixed || f.constant(src) {
			return e
		}
		return f.temp(ty, e)
	}
	switch l := ast.Unparen(l).(type) {
	case *ast.Ident:
		if l.Name == "_" {
			return func(string) {}
		}
		n := f.ident(l)
		return func(v string) { f.line("%s = %s", n, v) }
	case *ast.IndexExpr:
		return f.placeIndex(l, hold)
	case *ast.SelectorExpr:
		sel := f.info.Selections[l]
		if sel == nil { // a package's variable
			n := f.ident(l.Sel)
			return func(v string) { f.line("%s = %s", n, v) }
		}
		if fixed && !f.fixedPath(l) {
			p := f.temp("*"+f.ty(f.typeOf(l)), f.address(l))
			return func(v string) { f.line("*%s = %s", p, v) }
		}
		base, t := f.fieldBase(l)
		if _, ok := t.Underlying().(*types.Pointer); ok {
			base = hold(base, f.u.ty(t), nil)
		}
		if !fixed {
			f.checkNil(base, l)
		}
		x, _ := f.path(base, t, f.indexOf(l))
		return func(v string) { f.line("%s = %s", x, v) }
	case *ast.StarExpr:
		p := hold(f.expr(l.X), f.ty(f.typeOf(l.X)), nil)
		return func(v string) { f.line("*%s = %s", p, v) }
	}
	f.refuse(l, "an assignment to this expression", "")
	return nil
}

// fixedPath reports whether a field is selected from a variable or a pointer,
// so that holding the pointer is enough to fix the place.
func (f *fn) fixedPath(e *ast.SelectorExpr) bool {
	s := f.info.Selections[e]
	if len(s.Index()) > 1 {
		return false
	}
	if _, ok := f.typeOf(e.X).Underlying().(*types.Pointer); ok {
		return true
	}
	switch x := ast.Unparen(e.X).(type) {
	case *ast.Ident:
		return true
	case *ast.SelectorExpr:
		if f.info.Selections[x] == nil {
			return true
		}
		_, ptr := f.typeOf(x.X).Underlying().(*types.Pointer)
		return !ptr && f.fixedPath(x)
	}
	return false
}

func (f *fn) constant(e ast.Expr) bool { return e != nil && f.info.Types[e].Value != nil }

func (f *fn) placeIndex(l *ast.IndexExpr, hold func(string, string, ast.Expr) string) func(string) {
	t := f.typeOf(l.X)
	switch u := coreType(t).(type) {
	case *types.Map:
		x := hold(f.expr(l.X), f.ty(t), nil)
		k := hold(f.conv(l.Index, u.Key()), f.ty(u.Key()), l.Index)
		return func(v string) { f.line("%s[%s] = %s", x, k, v) }
	case *types.Array:
		return f.placeElement(l, f.addressable(l.X), fmt.Sprint(u.Len()), hold)
	case *types.Pointer:
		x := hold(f.expr(l.X), f.ty(t), nil)
		return f.placeElement(l, "(*"+x+")", fmt.Sprint(u.Elem().Underlying().(*types.Array).Len()), hold)
	}
	x := hold(f.expr(l.X), f.ty(t), nil)
	if !f.repeatable(l.X) && !isName(x) {
		x = f.hoisted(x, f.ty(t), l)
	}
	return f.placeElement(l, x, "len("+x+")", hold)
}

// placeElement is the place x[index]; the index is checked when it is stored to.
func (f *fn) placeElement(l *ast.IndexExpr, x, length string, hold func(string, string, ast.Expr) string) func(string) {
	k := f.intExpr(l.Index)
	if !f.pure(l.Index) && !isName(k) {
		k = f.temp("int", k)
	} else {
		k = hold(k, "int", l.Index)
	}
	return func(v string) {
		if _, isArray := coreType(f.typeOf(l.X)).(*types.Array); !isArray || !f.constant(l.Index) {
			f.checkLine(l, k, length)
		}
		f.line("%s[%s] = %s", x, k, v)
	}
}

// hoisted evaluates into a temporary, because the text is needed twice.
func (f *fn) hoisted(x, ty string, n ast.Node) string {
	if f.noHoist > 0 {
		f.refuse(n, "an index into the result of a call in a condition", "assign the result to a variable first")
	}
	return f.temp(ty, x)
}

// checkIndex is k, checked against a length so that the panic is Go's.
func (f *fn) checkIndex(n ast.Node, k, length string) string {
	return fmt.Sprintf("ˍ.Index(%d, %s, %s)", f.u.pos(n.Pos()), k, length)
}

// opAssign is x op= y; y nil stands for 1.
func (f *fn) opAssign(l ast.Expr, op token.Token, y ast.Expr, s ast.Node) {
	t := f.lhsType(l)
	value := func(x string) string {
		if y == nil {
			return f.arith(op, x, f.one(t), t, s)
		}
		if op == token.SHL || op == token.SHR {
			return f.arith(op, x, f.shiftCount(y), t, s)
		}
		return f.arith(op, x, f.conv(y, t), t, s)
	}
	simple := func(n string) {
		if b, ok := t.Underlying().(*types.Basic); ok && y == nil && b.Info()&types.IsInteger != 0 {
			f.line("%s%s", n, map[token.Token]string{token.ADD: "++", token.SUB: "--"}[op])
			return
		}
		f.line("%s = %s", n, value(n))
	}
	switch l := ast.Unparen(l).(type) {
	case *ast.Ident:
		n := f.ident(l)
		if strings.HasPrefix(n, "*") {
			f.line("%s = %s", n, value(n))
			return
		}
		simple(n)
		return
	case *ast.IndexExpr:
		xt := f.typeOf(l.X)
		if m, ok := coreType(xt).(*types.Map); ok {
			x := f.temp(f.ty(xt), f.expr(l.X))
			k := f.conv(l.Index, m.Key())
			if !f.constant(l.Index) {
				k = f.temp(f.ty(m.Key()), k)
			}
			f.impure = false
			v := f.temp(f.ty(t), value(x+"["+k+"]"))
			f.line("%s[%s] = %s", x, k, v)
			return
		}
	}
	if sel, ok := ast.Unparen(l).(*ast.SelectorExpr); ok && f.info.Selections[sel] != nil {
		if id, ok := ast.Unparen(sel.X).(*ast.Ident); ok {
			f.checkNil(f.ident(id), sel)
		}
	}
	p := f.address(l)
	pt := f.temp("*"+f.ty(t), p)
	f.impure = false
	f.line("*%s = %s", pt, value("*"+pt))
}

func (f *fn) one(t types.Type) string {
	ty := f.ty(t)
	if ty == "int" {
		return "1"
	}
	return ty + "(1)"
}

func (f *fn) returnStmt(s *ast.ReturnStmt) {
	if f.ret == retEntry {
		f.result(s)
		return
	}
	if len(s.Results) == 0 {
		f.leave(nil)
		return
	}
	if len(s.Results) == 1 && len(f.resTyp) > 1 {
		text, ts := f.tuple(s.Results[0])
		if f.ret == retPlain && f.sameAll(ts) {
			f.line("return %s", text)
			return
		}
		var names []string
		for _, t := range ts {
			n := f.u.unique("t")
			f.line("var %s %s", n, f.ty(t))
			names = append(names, n)
		}
		f.line("%s = %s", strings.Join(names, ", "), text)
		for i := range names {
			names[i] = f.convText(names[i], ts[i], f.resTyp[i])
		}
		f.leave(names)
		return
	}
	vals := make([]string, len(s.Results))
	for i, r := range s.Results {
		if len(vals) > 1 && !f.pure(r) {
			vals[i] = f.temp(f.u.ty(f.resTyp[i]), f.conv(r, f.resTyp[i]))
			f.impure = false
			continue
		}
		vals[i] = f.conv(r, f.resTyp[i])
	}
	f.leave(vals)
}

func (f *fn) sameAll(ts []types.Type) bool {
	for i, t := range ts {
		if !types.Identical(t, f.resTyp[i]) {
			return false
		}
	}
	return true
}

// leave returns from the learner's function with values, nil for those in the
// result variables.
func (f *fn) leave(vals []string) {
	if f.ret == retPlain {
		if vals == nil {
			vals = f.resultValues()
		}
		f.line("return %s", strings.Join(vals, ", "))
		return
	}
	if len(vals) == 1 {
		f.line("%s = %s", f.results[0], vals[0])
	} else {
		var ts []string
		for i, v := range vals {
			ts = append(ts, f.temp(f.u.ty(f.resTyp[i]), v))
		}
		for i, t := range ts {
			f.line("%s = %s", f.results[i], t)
		}
	}
	if f.ret == retIterate {
		f.line("*%s = %d", f.state, exitReturn)
		f.line("return false")
		return
	}
	f.line("return")
}

// result shows the values of the cell's final expression.
func (f *fn) result(s *ast.ReturnStmt) {
	if f.state != "" {
		f.refuse(s, "return in the cell's own loop over a function", "")
	}
	if len(s.Results) == 0 {
		f.line("return")
		return
	}
	var vals []string
	show := f.u.in.Show
	anyType := types.Universe.Lookup("any").Type()
	for _, r := range s.Results {
		t := f.typeOf(r)
		if tup, ok := t.(*types.Tuple); ok {
			vals = append(vals, f.resultTuple(r, tup, show)...)
			continue
		}
		if tup := t; f.info.Types[r].IsVoid() || tup == nil {
			f.line("%s", f.expr(r))
			continue
		}
		if !show {
			f.temp(f.ty(types.Default(t)), f.conv(r, types.Default(t)))
			continue
		}
		if b, ok := t.(*types.Basic); ok && b.Kind() == types.UntypedNil {
			t = anyType
		}
		t = types.Default(t)
		vals = append(vals, f.convText(f.temp(f.ty(t), f.conv(r, t)), t, anyType))
		f.impure = false
	}
	if show && len(vals) > 0 {
		f.line("ˍ.Result([]%s{%s})", f.ty(anyType), strings.Join(vals, ", "))
	}
	f.line("return")
}

func (f *fn) resultTuple(r ast.Expr, tup *types.Tuple, show bool) []string {
	if tup.Len() == 0 {
		f.line("%s", f.expr(r))
		return nil
	}
	text, ts := f.tuple(r)
	var names, vals []string
	for _, t := range ts {
		n := f.u.unique("t")
		f.line("var %s %s", n, f.ty(t))
		names = append(names, n)
	}
	f.line("%s = %s", strings.Join(names, ", "), text)
	if !show {
		return nil
	}
	for i, n := range names {
		vals = append(vals, f.convText(n, ts[i], types.Universe.Lookup("any").Type()))
	}
	return vals
}

func (f *fn) ifStmt(s *ast.IfStmt, label string) {
	fl := f.push(label, false)
	f.line("{")
	f.tabs++
	f.ifChain(s)
	f.tabs--
	f.line("}")
	f.pop(fl)
}

func (f *fn) ifChain(s *ast.IfStmt) {
	if s.Init != nil {
		f.stmtPlain(s.Init)
	}
	f.impure = false
	f.line("if %s {", f.cond(s.Cond))
	f.scoped(s.Body.List)
	if s.Else == nil {
		f.line("}")
		return
	}
	f.line("} else {")
	f.tabs++
	switch e := s.Else.(type) {
	case *ast.IfStmt:
		f.ifChain(e)
	case *ast.BlockStmt:
		f.list(e.List)
	}
	f.tabs--
	f.line("}")
}

// stmtPlain lowers the simple statement of an if, for or switch.
func (f *fn) stmtPlain(s ast.Stmt) {
	entry := f.entry
	f.entry = false
	f.stmt(s, "")
	f.entry = entry
}

// cond is a boolean expression; a constant one is fine for yaegi too.
func (f *fn) cond(e ast.Expr) string { return f.conv(e, types.Default(f.typeOf(e))) }

func (f *fn) poll() {
	f.line("if *stopˍ != 0 {")
	f.line("\tˍ.Check()")
	f.line("}")
}

// forStmt gives each iteration its own variables if something may keep them:
// the copy is made before the post statement, as the language says.
func (f *fn) forStmt(s *ast.ForStmt, label string) {
	fl := f.push(label, true)
	f.line("{")
	f.tabs++
	var boxed []*local
	if s.Init != nil {
		f.stmtPlain(s.Init)
		if a, ok := s.Init.(*ast.AssignStmt); ok && a.Tok == token.DEFINE {
			for _, l := range a.Lhs {
				if v, ok := f.info.Defs[l.(*ast.Ident)].(*types.Var); ok && f.top.vars[v] != nil && f.top.vars[v].boxed {
					boxed = append(boxed, f.top.vars[v])
				}
			}
		}
	}
	cond, lines := f.loopCond(s.Cond)
	if lines == "" && cond != "" {
		f.line("for %s {", cond)
		f.tabs++
		f.poll()
	} else {
		f.line("for {")
		f.tabs++
		f.poll()
		f.buf.WriteString(lines)
		if cond != "" {
			f.line("if !(%s) {", cond)
			f.line("\tbreak")
			f.line("}")
		}
	}
	f.line("{")
	f.scoped(s.Body.List)
	f.line("}")
	f.mark(fl.cnt)
	for _, l := range boxed {
		ty := f.u.ty(l.typ)
		n := f.u.unique("next")
		f.line("var %s *%s = new(%s)", n, ty, ty)
		f.line("*%s = *%s", n, l.name)
		f.line("%s = %s", l.name, n)
	}
	if s.Post != nil {
		f.stmtPlain(s.Post)
	}
	f.tabs--
	f.line("}")
	f.tabs--
	f.line("}")
	f.pop(fl)
}

// loopCond lowers a condition and the lines that have to run before it.
func (f *fn) loopCond(e ast.Expr) (cond, lines string) {
	if e == nil {
		return "", ""
	}
	outer := f.buf
	f.buf, f.impure = &strings.Builder{}, false
	cond = f.cond(e)
	lines = f.buf.String()
	f.buf = outer
	return cond, lines
}

// iterVar assigns an iteration value to the key or value of a range clause.
func (f *fn) iterVar(e ast.Expr, s *ast.RangeStmt, from types.Type, text string) {
	if e == nil {
		return
	}
	if id, ok := e.(*ast.Ident); ok && id.Name == "_" {
		return
	}
	t := f.lhsType(e)
	v := f.convText(text, from, t)
	if s.Tok == token.DEFINE {
		f.newVar(e.(*ast.Ident), v)
		return
	}
	f.place(e, true)(v)
}

// iterVars assigns both; existing variables as a parallel assignment does.
func (f *fn) iterVars(s *ast.RangeStmt, kt types.Type, k string, vt types.Type, v string) {
	if s.Tok == token.ASSIGN && s.Key != nil && s.Value != nil {
		places := []func(string){f.place(s.Key, true), f.place(s.Value, true)}
		for i, e := range []ast.Expr{s.Key, s.Value} {
			if t := f.lhsType(e); t != nil {
				places[i](f.convText([]string{k, v}[i], []types.Type{kt, vt}[i], t))
			}
		}
		return
	}
	f.iterVar(s.Key, s, kt, k)
	f.iterVar(s.Value, s, vt, v)
}

func (f *fn) rangeStmt(s *ast.RangeStmt, label string) {
	t := f.typeOf(s.X)
	switch u := coreType(t).(type) {
	case *types.Signature:
		f.rangeFunc(s, u, label)
		return
	case *types.Basic:
		if u.Info()&types.IsString != 0 {
			f.rangeString(s, label)
		} else {
			f.rangeInt(s, label)
		}
	case *types.Slice:
		x := f.temp(f.ty(t), f.expr(s.X))
		f.rangeIndexed(s, label, x, "len("+x+")", u.Elem())
	case *types.Array:
		x := ""
		if s.Value != nil || !f.pure(s.X) {
			x = f.temp(f.ty(t), f.expr(s.X))
		}
		f.rangeIndexed(s, label, x, fmt.Sprint(u.Len()), u.Elem())
	case *types.Pointer:
		a := u.Elem().Underlying().(*types.Array)
		x := f.temp(f.ty(t), f.expr(s.X))
		f.rangeIndexed(s, label, "(*"+x+")", fmt.Sprint(a.Len()), a.Elem())
	case *types.Map:
		f.rangeMap(s, label, t, u)
	case *types.Chan:
		f.rangeChan(s, label, t, u)
	default:
		f.refuse(s, "range over "+t.String(), "")
	}
}

// loop writes for { poll; head; body; continue label; tail }.
func (f *fn) loop(s *ast.RangeStmt, label string, head, tail func()) {
	fl := f.push(label, true)
	f.line("for {")
	f.tabs++
	f.poll()
	head()
	f.line("{")
	f.scoped(s.Body.List)
	f.line("}")
	f.mark(fl.cnt)
	if tail != nil {
		tail()
	}
	f.tabs--
	f.line("}")
	f.pop(fl)
}

func (f *fn) rangeIndexed(s *ast.RangeStmt, label, x, length string, elem types.Type) {
	n := f.temp("int", length)
	i := f.temp("int", "0")
	f.loop(s, label, func() {
		f.line("if %s >= %s {", i, n)
		f.line("\tbreak")
		f.line("}")
		f.iterVars(s, types.Typ[types.Int], i, elem, fmt.Sprintf("%s[%s]", x, i))
	}, func() { f.line("%s++", i) })
}

func (f *fn) rangeInt(s *ast.RangeStmt, label string) {
	t := f.typeOf(s.X)
	if s.Key != nil && f.lhsType(s.Key) != nil {
		t = f.lhsType(s.Key)
	}
	t = types.Default(t)
	ty := f.ty(t)
	n := f.temp(ty, f.conv(s.X, t))
	i := f.temp(ty, f.zero(ty))
	f.loop(s, label, func() {
		f.line("if %s >= %s {", i, n)
		f.line("\tbreak")
		f.line("}")
		f.iterVar(s.Key, s, t, i)
	}, func() { f.line("%s++", i) })
}

func (f *fn) rangeString(s *ast.RangeStmt, label string) {
	x := f.temp("string", f.conv(s.X, types.Typ[types.String]))
	i, r, w := f.temp("int", "0"), f.temp("int32", "int32(0)"), f.temp("int", "0")
	f.loop(s, label, func() {
		f.line("if %s >= len(%s) {", i, x)
		f.line("\tbreak")
		f.line("}")
		f.line("%s, %s = ˍ.Rune(%s, %s)", r, w, x, i)
		f.iterVars(s, types.Typ[types.Int], i, types.Typ[types.Int32], r)
	}, func() { f.line("%s = %s + %s", i, i, w) })
}

func (f *fn) rangeMap(s *ast.RangeStmt, label string, t types.Type, m *types.Map) {
	anyType := types.Universe.Lookup("any").Type()
	iter := f.u.sym(Sym{Kind: "mapiter", Types: []int{f.u.typ(t)}})
	next := f.u.sym(Sym{Kind: "mapnext", Types: []int{f.u.typ(t)}})
	it := f.temp(f.ty(anyType), fmt.Sprintf("%s(%s)", iter, f.expr(s.X)))
	k, v, ok := f.u.unique("t"), f.u.unique("t"), f.u.unique("t")
	f.line("var %s %s", k, f.ty(m.Key()))
	f.line("var %s %s", v, f.ty(m.Elem()))
	f.line("var %s bool", ok)
	f.loop(s, label, func() {
		f.line("%s, %s, %s = %s(%s)", k, v, ok, next, it)
		f.line("if !%s {", ok)
		f.line("\tbreak")
		f.line("}")
		f.iterVars(s, m.Key(), k, m.Elem(), v)
	}, nil)
}

func (f *fn) rangeChan(s *ast.RangeStmt, label string, t types.Type, c *types.Chan) {
	x := f.temp(f.ty(t), f.expr(s.X))
	recv := f.u.sym(Sym{Kind: "recv2", Types: []int{f.u.typ(t)}})
	v, ok := f.u.unique("t"), f.u.unique("t")
	f.line("var %s %s", v, f.ty(c.Elem()))
	f.line("var %s bool", ok)
	f.loop(s, label, func() {
		f.line("%s, %s = %s(%d, %s)", v, ok, recv, f.u.pos(s.X.Pos()), x)
		f.line("if !%s {", ok)
		f.line("\tbreak")
		f.line("}")
		f.iterVar(s.Key, s, c.Elem(), v)
	}, nil)
}

func (f *fn) branch(s *ast.BranchStmt) {
	switch s.Tok {
	case token.GOTO:
		if f.state != "" {
			f.refuse(s, "goto in a loop over a function", "")
		}
		f.line("goto user_%s", s.Label.Name)
		return
	case token.FALLTHROUGH:
		f.refuse(s, "fallthrough here", "")
	}
	fl := f.target(s)
	if fl == nil {
		f.refuse(s, s.Tok.String()+" to this label", "")
	}
	if fl.outside && !(fl.own == f && s.Tok == token.CONTINUE) {
		f.exitIter(s, fl)
		return
	}
	if s.Tok == token.BREAK {
		if fl.brk == "" {
			fl.brk = "break_" + fl.uid
		}
		f.line("goto %s", fl.brk)
		return
	}
	if fl.cnt == "" {
		fl.cnt = "continue_" + fl.uid
	}
	f.line("goto %s", fl.cnt)
}

// target finds the statement that a break or continue is about.
func (f *fn) target(s *ast.BranchStmt) *flow {
	for i := len(f.flow) - 1; i >= 0; i-- {
		fl := f.flow[i]
		switch {
		case s.Label != nil:
			if fl.label == s.Label.Name {
				return fl
			}
		case fl.isLoop, s.Tok == token.BREAK && fl.breakable():
			return fl
		}
	}
	return nil
}

func (fl *flow) breakable() bool { return fl.isLoop || strings.HasPrefix(fl.uid, "switch") }

func (f *fn) labeled(s *ast.LabeledStmt) {
	f.buf.WriteString("user_" + s.Label.Name + ":\n")
	f.line("{")
	f.line("}")
	f.stmt(s.Stmt, s.Label.Name)
}

func (f *fn) pushSwitch(label string) *flow {
	fl := f.push(label, false)
	fl.uid = f.u.unique("switch")
	return fl
}

// switchStmt becomes a choice of a clause by number, then the clauses; a
// fallthrough counts the number up.
func (f *fn) switchStmt(s *ast.SwitchStmt, label string) {
	fl := f.pushSwitch(label)
	f.line("{")
	f.tabs++
	if s.Init != nil {
		f.stmtPlain(s.Init)
	}
	f.impure = false
	tag, tagType := "", types.Type(types.Typ[types.Bool])
	if s.Tag != nil {
		tagType = types.Default(f.typeOf(s.Tag))
		tag = f.temp(f.ty(tagType), f.conv(s.Tag, tagType))
	}
	k := f.u.unique("clause")
	f.line("var %s int = -1", k)
	def := -1
	for i, c := range s.Body.List {
		c := c.(*ast.CaseClause)
		if c.List == nil {
			def = i
		}
		for _, e := range c.List {
			f.line("if %s < 0 {", k)
			f.tabs++
			f.impure = false
			f.line("if %s {", f.caseCond(tag, tagType, e))
			f.line("\t%s = %d", k, i)
			f.line("}")
			f.tabs--
			f.line("}")
		}
	}
	if def >= 0 {
		f.line("if %s < 0 {", k)
		f.line("\t%s = %d", k, def)
		f.line("}")
	}
	for i, c := range s.Body.List {
		c := c.(*ast.CaseClause)
		body := c.Body
		through := false
		if n := len(body); n > 0 {
			if b, ok := body[n-1].(*ast.BranchStmt); ok && b.Tok == token.FALLTHROUGH {
				body, through = body[:n-1], true
			}
		}
		f.line("if %s == %d {", k, i)
		f.scoped(body)
		if through {
			f.line("\t%s = %d", k, i+1)
		}
		f.line("}")
	}
	f.tabs--
	f.line("}")
	f.pop(fl)
}

func (f *fn) caseCond(tag string, tagType types.Type, e ast.Expr) string {
	if tag == "" && types.IsInterface(f.typeOf(e)) {
		return f.compare(token.EQL, operand{text: "true", typ: types.Typ[types.Bool]}, f.operand(e), e)
	}
	if tag == "" {
		return f.cond(e)
	}
	return f.compare(token.EQL, operand{text: tag, typ: tagType}, f.operand(e), e)
}

// typeSwitch tests one type after the other.
func (f *fn) typeSwitch(s *ast.TypeSwitchStmt, label string) {
	fl := f.pushSwitch(label)
	f.line("{")
	f.tabs++
	if s.Init != nil {
		f.stmtPlain(s.Init)
	}
	f.impure = false
	var x ast.Expr
	switch a := s.Assign.(type) {
	case *ast.ExprStmt:
		x = ast.Unparen(a.X).(*ast.TypeAssertExpr).X
	case *ast.AssignStmt:
		x = ast.Unparen(a.Rhs[0]).(*ast.TypeAssertExpr).X
	}
	xt := f.typeOf(x)
	v := f.temp(f.ty(xt), f.expr(x))
	k := f.u.unique("clause")
	f.line("var %s int = -1", k)
	// The variables of the clauses with one type.
	binds := map[int]string{}
	def := -1
	for i, c := range s.Body.List {
		c := c.(*ast.CaseClause)
		if c.List == nil {
			def = i
		}
		for _, e := range c.List {
			f.line("if %s < 0 {", k)
			f.tabs++
			if f.info.Types[e].IsNil() {
				f.line("if %s == nil {", v)
			} else {
				t := f.typeOf(e)
				val := f.u.unique("t")
				ok := f.u.unique("t")
				if len(c.List) == 1 {
					binds[i] = f.u.nilVar(val, f.ty(t))
				}
				sym := f.u.sym(Sym{Kind: "assert2", Types: []int{f.u.typ(xt), f.u.typ(t)}})
				f.line("var %s %s", val, f.ty(t))
				f.line("var %s bool", ok)
				f.line("%s, %s = %s(%s)", val, ok, sym, v)
				f.line("if %s {", ok)
			}
			f.line("\t%s = %d", k, i)
			f.line("}")
			f.tabs--
			f.line("}")
		}
	}
	if def >= 0 {
		f.line("if %s < 0 {", k)
		f.line("\t%s = %d", k, def)
		f.line("}")
	}
	for i, c := range s.Body.List {
		c := c.(*ast.CaseClause)
		f.line("if %s == %d {", k, i)
		f.tabs++
		if obj, ok := f.info.Implicits[c].(*types.Var); ok {
			t := f.sub(obj.Type())
			if len(c.List) == 1 && !f.info.Types[c.List[0]].IsNil() {
				sym := f.u.sym(Sym{Kind: "assert2", Types: []int{f.u.typ(xt), f.u.typ(t)}})
				val, ok := f.u.unique("t"), f.u.unique("t")
				f.line("var %s %s", val, f.ty(t))
				f.line("var %s bool", ok)
				f.line("%s, %s = %s(%s)", val, ok, sym, v)
				f.newLocal(obj, val)
			} else {
				f.newLocal(obj, v)
			}
		}
		f.list(c.Body)
		f.tabs--
		f.line("}")
	}
	f.tabs--
	f.line("}")
	f.pop(fl)
}

func (u *unit) nilVar(name, _ string) string { return name }

// selectStmt hands the cases to a compiled select. All channel and value
// operands are evaluated first, in order, as the language says.
func (f *fn) selectStmt(s *ast.SelectStmt, label string) {
	fl := f.pushSwitch(label)
	f.line("{")
	f.tabs++
	anyType := types.Universe.Lookup("any").Type()
	sel := f.temp(f.ty(anyType), "ˍ.Select()")
	recvs := map[int]types.Type{}
	for i, c := range s.Body.List {
		c := c.(*ast.CommClause)
		f.impure = false
		switch comm := c.Comm.(type) {
		case nil:
			f.line("ˍ.SelectDefault(%s)", sel)
		case *ast.SendStmt:
			t := f.typeOf(comm.Chan)
			ch := f.temp(f.ty(t), f.expr(comm.Chan))
			v := f.temp(f.ty(f.elem(comm.Chan)), f.conv(comm.Value, f.elem(comm.Chan)))
			f.line("%s(%s, %s, %s)", f.u.sym(Sym{Kind: "selectsend", Types: []int{f.u.typ(t)}}), sel, ch, v)
		default:
			x := recvOperand(comm)
			t := f.typeOf(x)
			recvs[i] = t
			f.line("%s(%s, %s)", f.u.sym(Sym{Kind: "selectrecv", Types: []int{f.u.typ(t)}}), sel, f.temp(f.ty(t), f.expr(x)))
		}
	}
	k := f.u.unique("clause")
	f.line("var %s int = ˍ.SelectWait(%d, %s)", k, f.u.pos(s.Select), sel)
	for i, c := range s.Body.List {
		c := c.(*ast.CommClause)
		f.line("if %s == %d {", k, i)
		f.tabs++
		if t := recvs[i]; t != nil {
			f.selectValue(c.Comm, t, sel)
		}
		f.list(c.Body)
		f.tabs--
		f.line("}")
	}
	f.tabs--
	f.line("}")
	f.pop(fl)
}

func recvOperand(s ast.Stmt) ast.Expr {
	var e ast.Expr
	switch s := s.(type) {
	case *ast.ExprStmt:
		e = s.X
	case *ast.AssignStmt:
		e = s.Rhs[0]
	}
	return ast.Unparen(e).(*ast.UnaryExpr).X
}

func (f *fn) selectValue(s ast.Stmt, ch types.Type, sel string) {
	a, ok := s.(*ast.AssignStmt)
	if !ok {
		return
	}
	elem := coreType(ch).(*types.Chan).Elem()
	v, b := f.u.unique("t"), f.u.unique("t")
	f.line("var %s %s", v, f.ty(elem))
	f.line("var %s bool", b)
	f.line("%s, %s = %s(%s)", v, b, f.u.sym(Sym{Kind: "selectvalue", Types: []int{f.u.typ(ch)}}), sel)
	vals, ts := []string{v, b}, []types.Type{elem, types.Typ[types.Bool]}
	for i, l := range a.Lhs {
		t := f.lhsType(l)
		if t == nil {
			continue
		}
		text := f.convText(vals[i], ts[i], t)
		if f.isNew(l) {
			f.newVar(l.(*ast.Ident), text)
		} else {
			f.place(l, true)(text)
		}
	}
}

func (f *fn) send(s *ast.SendStmt) {
	t := f.typeOf(s.Chan)
	ch := f.expr(s.Chan)
	sym := f.u.sym(Sym{Kind: "send", Types: []int{f.u.typ(t)}})
	f.line("%s(%d, %s, %s)", sym, f.u.pos(s.Arrow), ch, f.conv(s.Value, f.elem(s.Chan)))
}

// later evaluates the parts of a call into temporaries and returns them with
// the call of them.
func (f *fn) later(call *ast.CallExpr, deferred bool) (caps []capture, text string) {
	f.hook = func(expr, ty string) string {
		n := f.temp(ty, expr)
		caps = append(caps, capture{n, ty})
		return n
	}
	panics := f.panics
	if deferred {
		f.panics = panicParam
	} else {
		f.panics = ""
	}
	text = f.callWith(call, deferred)
	f.hook, f.panics = nil, panics
	return caps, text
}

func (f *fn) goStmt(s *ast.GoStmt) {
	if lit, ok := ast.Unparen(s.Call.Fun).(*ast.FuncLit); ok && len(s.Call.Args) == 0 && f.typeOf(lit).(*types.Signature).Results().Len() == 0 {
		f.line("ˍ.Go(%d, %s)", f.u.pos(s.Go), f.literal(lit, false))
		return
	}
	caps, text := f.later(s.Call, false)
	f.line("ˍ.Go(%d, %s)", f.u.pos(s.Go), f.thunk(caps, false, text))
}

func (f *fn) deferStmt(s *ast.DeferStmt) {
	if lit, ok := ast.Unparen(s.Call.Fun).(*ast.FuncLit); ok && len(s.Call.Args) == 0 && f.typeOf(lit).(*types.Signature).Results().Len() == 0 {
		f.line("ˍ.Defer(%s, %s)", f.frame, f.literal(lit, true))
		return
	}
	caps, text := f.later(s.Call, true)
	f.line("ˍ.Defer(%s, %s)", f.frame, f.thunk(caps, true, text))
}
