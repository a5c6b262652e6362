package order

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"strconv"
)

// part is an operand in its place in the tree.
type part struct {
	e     *ast.Expr
	to    types.Type  // what it becomes, or nil
	key   *types.Map  // it is a key of such a map
	list  *[]ast.Expr // it may have several values, which make up this list
	place bool        // it is assigned to, or its address is taken: it is not read
	last  bool        // an operation at its root may stay: nothing stands beside it
	turn  bool        // it is read in turn
	cheap bool        // it is read in turn, unless it is a variable
	side  bool        // it is a side of a comparison
}

func operand(e *ast.Expr) part { return part{e: e} }

// kind says when an operation is done.
type kind uint8

const (
	late  kind = iota // when what it is an operand of is done
	turn              // in turn
	call              // in turn, and it may change variables
	logic             // && and ||
	table             // a map literal
)

// node describes an operation.
type node struct {
	kind   kind
	parts  []part
	hazard bool // it reads memory that a call may change, or may panic
	tame   bool // a call that changes nothing if nothing is beside it
}

// sensitive reports whether the order within an expression list may differ from
// that of package ssa: something late stands before a call.
func (o *orderer) sensitive(ps []part) bool {
	o.hit = false
	o.scan(ps)
	return o.hit
}

// scan tells whether something late with a hazard remains of ps, and whether
// there are calls among them.
func (o *orderer) scan(ps []part) (pending, calls bool) {
	for _, p := range ps {
		pd, c := o.scanPart(p)
		if pending && c {
			o.hit = true
		}
		pending, calls = pending || pd, calls || c
	}
	return pending, calls
}

func (o *orderer) scanPart(p part) (pending, calls bool) {
	n := o.look(p)
	switch n.kind {
	case logic, table:
		for _, q := range o.groups(n) {
			_, c := o.scan(q)
			calls = calls || c
		}
		return false, calls
	}
	pending, calls = o.scan(n.parts)
	switch n.kind {
	case late:
		pending = pending || n.hazard
	case turn:
		pending = false
	case call:
		pending, calls = false, calls || !n.tame || !p.last
	}
	return pending && !o.copied(p), calls
}

// groups divides the parts of a node into those evaluated together.
func (o *orderer) groups(n node) (gs [][]part) {
	size := 1
	if n.kind == table {
		size = 2
	}
	for i := 0; i < len(n.parts); i += size {
		gs = append(gs, n.parts[i:i+size])
	}
	return gs
}

// order takes what is done in turn out of the expressions.
func (o *orderer) order(ps []part) {
	for _, p := range ps {
		o.orderPart(p)
	}
}

func (o *orderer) orderPart(p part) {
	n := o.look(p)
	switch n.kind {
	case logic:
		o.logical(p.e)
		return
	case table:
		o.entries(n)
	default:
		o.order(n.parts)
	}
	if n.kind == late && !o.copied(p) || n.kind != late && p.last {
		return
	}
	if t, ok := o.info.TypeOf(*p.e).(*types.Tuple); ok {
		o.temps(p.list, t)
		return
	}
	o.temp(p.e)
}

// logical takes x && y or x || y out of an expression, as a variable that gets
// the value of x and then perhaps that of y.
func (o *orderer) logical(e *ast.Expr) {
	b := ast.Unparen(*e).(*ast.BinaryExpr)
	x, y := operand(&b.X), operand(&b.Y)
	if !o.sensitive([]part{x}) && !o.sensitive([]part{y}) {
		o.temp(e)
		return
	}
	o.orderPart(x)
	v := o.variable(o.info.TypeOf(*e), b.X.Pos())
	o.define([]*types.Var{v}, b.X)
	outer := o.out
	o.out = nil
	o.orderPart(y)
	at := b.OpPos
	o.out = append(o.out, &ast.AssignStmt{Lhs: []ast.Expr{o.use(v, at)}, TokPos: at, Tok: token.ASSIGN, Rhs: []ast.Expr{b.Y}})
	then, other := &ast.BlockStmt{Lbrace: at, List: o.out, Rbrace: at}, &ast.BlockStmt{Lbrace: at, Rbrace: at}
	if b.Op == token.LOR {
		then, other = other, then
	}
	o.out = append(outer, &ast.IfStmt{If: at, Cond: o.use(v, at), Body: then, Else: other})
	*e = o.use(v, at)
}

// entries orders a map literal, whose entries are made one after the other.
func (o *orderer) entries(n node) {
	for _, g := range o.groups(n) {
		pending, _ := o.scan(g)
		o.order(g)
		for _, p := range g {
			if pending && o.info.Types[*p.e].Value == nil {
				o.temp(p.e)
			}
		}
	}
}

// temp takes an expression out into a variable, and gives it.
func (o *orderer) temp(e *ast.Expr) *types.Var {
	v := o.variable(o.info.TypeOf(*e), (*e).Pos())
	o.define([]*types.Var{v}, *e)
	*e = o.use(v, (*e).Pos())
	return v
}

// temps takes a call with several results out into variables, which make up list.
func (o *orderer) temps(list *[]ast.Expr, t *types.Tuple) {
	e := (*list)[0]
	vs := make([]*types.Var, t.Len())
	*list = make([]ast.Expr, t.Len())
	for i := range vs {
		vs[i] = o.variable(t.At(i).Type(), e.Pos())
		(*list)[i] = o.use(vs[i], e.Pos())
	}
	o.define(vs, e)
}

func (o *orderer) variable(t types.Type, at token.Pos) *types.Var {
	v := types.NewVar(at, o.pkg, "operand", types.Default(t))
	o.made[v] = true
	return v
}

func (o *orderer) define(vs []*types.Var, e ast.Expr) {
	s := &ast.AssignStmt{TokPos: e.Pos(), Tok: token.DEFINE, Rhs: []ast.Expr{e}}
	for _, v := range vs {
		id := &ast.Ident{NamePos: e.Pos(), Name: v.Name()}
		o.info.Defs[id] = v
		s.Lhs = append(s.Lhs, id)
	}
	o.out = append(o.out, s)
}

func (o *orderer) use(v *types.Var, at token.Pos) *ast.Ident {
	id := &ast.Ident{NamePos: at, Name: v.Name()}
	o.info.Uses[id] = v
	return id
}

// number and truth write constants.
func (o *orderer) number(at token.Pos, n int) ast.Expr {
	e := &ast.BasicLit{ValuePos: at, Kind: token.INT, Value: strconv.Itoa(n)}
	o.info.Types[e] = types.TypeAndValue{Type: types.Typ[types.Int], Value: constant.MakeInt64(int64(n))}
	return e
}

func (o *orderer) truth(at token.Pos) ast.Expr {
	e := &ast.Ident{NamePos: at, Name: "true"}
	o.info.Types[e] = types.TypeAndValue{Type: types.Typ[types.Bool], Value: constant.MakeBool(true)}
	return e
}

// look tells what an operand is.
func (o *orderer) look(p part) node {
	n := o.operation(p)
	if p.list != nil && n.kind == late && len(n.parts) > 0 {
		n.kind = turn // v, ok = m[k]
	}
	return n
}

func (o *orderer) operation(p part) node {
	if tv := o.info.Types[*p.e]; tv.Value != nil || tv.IsType() || tv.IsBuiltin() {
		return node{}
	}
	switch e := (*p.e).(type) {
	case *ast.ParenExpr:
		p.e = &e.X
		return o.operation(p)
	case *ast.Ident:
		v, ok := o.info.Uses[e].(*types.Var)
		return node{hazard: ok && !p.place && o.changes(v)}
	case *ast.SelectorExpr:
		return o.selector(e, p.place)
	case *ast.StarExpr:
		return node{parts: []part{operand(&e.X)}, hazard: true}
	case *ast.IndexExpr:
		return o.index(e, p.place)
	case *ast.SliceExpr:
		return o.slice(e)
	case *ast.TypeAssertExpr:
		n := node{kind: turn, parts: []part{operand(&e.X)}, hazard: true}
		if t := o.info.TypeOf(e.Type); isDirect(t) || parametrized(t) {
			n.kind = late
		}
		return n
	case *ast.CallExpr:
		return o.call(e)
	case *ast.UnaryExpr:
		return o.unary(e)
	case *ast.BinaryExpr:
		return o.binary(e)
	case *ast.CompositeLit:
		return o.literal(e)
	}
	return node{}
}

// changes reports whether a call may change v.
func (o *orderer) changes(v *types.Var) bool { return !o.made[v] && o.shared(v) }

func (o *orderer) selector(e *ast.SelectorExpr, place bool) node {
	sel := o.info.Selections[e]
	if sel == nil { // a name of a package
		v, ok := o.info.Uses[e.Sel].(*types.Var)
		return node{hazard: ok && !place && o.changes(v)}
	}
	x := part{e: &e.X}
	switch sel.Kind() {
	case types.FieldVal:
		x.place = place && !isPointer(sel.Recv())
		return node{parts: []part{x}, hazard: sel.Indirect()}
	case types.MethodVal:
		recv := sel.Obj().(*types.Func).Signature().Recv().Type()
		embedded := len(sel.Index()) > 1 && sel.Indirect()
		if isPointer(recv) {
			x.place = !isPointer(sel.Recv())
			return node{parts: []part{x}, hazard: embedded}
		}
		return node{parts: []part{x}, hazard: embedded || isPointer(sel.Recv()) || types.IsInterface(recv)}
	}
	return node{}
}

func (o *orderer) index(e *ast.IndexExpr, place bool) node {
	x, i := operand(&e.X), operand(&e.Index)
	switch t := core(o.info.TypeOf(e.X)).(type) {
	case *types.Signature:
		return node{} // an instance of a generic function
	case *types.Map:
		i.to, i.key = t.Key(), t
		if !place && o.bytesKey(e.Index) {
			return node{kind: turn, parts: []part{x, i}}
		}
	case *types.Array:
		x.place = place
		return node{parts: []part{x, i}, hazard: o.info.Types[e.Index].Value == nil}
	}
	return node{parts: []part{x, i}, hazard: true}
}

// bytesKey reports whether a key is made of a string(b) that the compiler does
// without a copy, so that it must be used at once (order.go, mapKeyReplaceStrConv).
func (o *orderer) bytesKey(e ast.Expr) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.CallExpr:
		if !o.info.Types[e.Fun].IsType() || !isBasic(o.info.TypeOf(e)) {
			return false
		}
		s, ok := core(o.info.TypeOf(e.Args[0])).(*types.Slice)
		return ok && types.Identical(core(s.Elem()), types.Typ[types.Byte])
	case *ast.CompositeLit:
		for _, v := range e.Elts {
			if kv, ok := v.(*ast.KeyValueExpr); ok {
				v = kv.Value
			}
			if o.bytesKey(v) {
				return true
			}
		}
	}
	return false
}

func (o *orderer) slice(e *ast.SliceExpr) node {
	x := operand(&e.X)
	_, x.place = core(o.info.TypeOf(e.X)).(*types.Array)
	n := node{kind: turn, parts: []part{x}}
	for _, i := range []*ast.Expr{&e.Low, &e.High, &e.Max} {
		if *i != nil {
			n.parts = append(n.parts, part{e: i, cheap: true})
		}
	}
	return n
}

func (o *orderer) unary(e *ast.UnaryExpr) node {
	x := operand(&e.X)
	switch e.Op {
	case token.ARROW:
		return node{kind: call, parts: []part{x}}
	case token.AND:
		_, lit := ast.Unparen(e.X).(*ast.CompositeLit)
		x.place = !lit
	}
	return node{parts: []part{x}}
}

func (o *orderer) binary(e *ast.BinaryExpr) node {
	x, y := operand(&e.X), operand(&e.Y)
	n := node{}
	switch e.Op {
	case token.LAND, token.LOR:
		n.kind = logic
	case token.QUO, token.REM:
		b, ok := core(o.info.TypeOf(e.X)).(*types.Basic)
		n.hazard = o.info.Types[e.Y].Value == nil && (!ok || b.Info()&types.IsInteger != 0)
	case token.SHL, token.SHR:
		b, ok := core(o.info.TypeOf(e.Y)).(*types.Basic)
		n.hazard = o.info.Types[e.Y].Value == nil && (!ok || b.Info()&types.IsUnsigned == 0)
	case token.EQL, token.NEQ:
		tx, ty := o.info.TypeOf(e.X), o.info.TypeOf(e.Y)
		x.side, y.side, n.hazard = true, true, !isBasic(tx) || !isBasic(ty)
		if types.IsInterface(tx) {
			y.to = tx
		} else if types.IsInterface(ty) {
			x.to = ty
		}
	}
	n.parts = []part{x, y}
	return n
}

func (o *orderer) literal(e *ast.CompositeLit) node {
	t := o.info.TypeOf(e)
	if p, ok := core(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	n := node{}
	for i := range e.Elts {
		v := operand(&e.Elts[i])
		kv, keyed := e.Elts[i].(*ast.KeyValueExpr)
		if keyed {
			v.e = &kv.Value
		}
		switch t := core(t).(type) {
		case *types.Map:
			n.kind = table
			n.parts = append(n.parts, part{e: &kv.Key, to: t.Key(), key: t})
			v.to = t.Elem()
		case *types.Slice:
			v.to = t.Elem()
		case *types.Array:
			v.to = t.Elem()
		case *types.Struct:
			v.to = t.Field(min(i, t.NumFields()-1)).Type()
			if keyed {
				v.to = o.info.Uses[kv.Key.(*ast.Ident)].Type()
			}
		}
		n.parts = append(n.parts, v)
	}
	return n
}

func (o *orderer) call(e *ast.CallExpr) node {
	if o.info.Types[e.Fun].IsType() {
		return o.conversion(e)
	}
	if name := o.builtin(e.Fun); name != "" {
		return o.builtinCall(e, name)
	}
	return node{kind: call, parts: o.callParts(e)}
}

// callParts gives the callee and the arguments of a call.
func (o *orderer) callParts(e *ast.CallExpr) []part {
	if name := o.builtin(e.Fun); name != "" {
		return o.builtinCall(e, name).parts
	}
	ps := []part{operand(&e.Fun)}
	sig, ok := core(o.info.TypeOf(e.Fun)).(*types.Signature)
	if len(e.Args) == 1 && ok && sig.Params().Len() > 0 {
		if _, several := o.info.TypeOf(e.Args[0]).(*types.Tuple); several {
			return append(ps, part{e: &e.Args[0], list: &e.Args})
		}
	}
	for i := range e.Args {
		p := operand(&e.Args[i])
		if ok {
			p.to = paramType(sig, i, e.Ellipsis.IsValid())
		}
		ps = append(ps, p)
	}
	return ps
}

func paramType(sig *types.Signature, i int, spread bool) types.Type {
	n := sig.Params().Len()
	if i < n-1 || !sig.Variadic() || spread {
		return sig.Params().At(min(i, n-1)).Type()
	}
	if s, ok := sig.Params().At(n - 1).Type().(*types.Slice); ok {
		return s.Elem()
	}
	return nil
}

func (o *orderer) builtin(fun ast.Expr) string {
	var id *ast.Ident
	switch f := ast.Unparen(fun).(type) {
	case *ast.Ident:
		id = f
	case *ast.SelectorExpr:
		id = f.Sel
	default:
		return ""
	}
	if b, ok := o.info.Uses[id].(*types.Builtin); ok {
		return b.Name()
	}
	return ""
}

func (o *orderer) builtinCall(e *ast.CallExpr, name string) node {
	n := node{kind: call}
	for i := range e.Args {
		n.parts = append(n.parts, operand(&e.Args[i]))
	}
	switch name {
	case "len", "cap", "min", "max", "new", "make", "complex", "real", "imag":
		n.kind = turn
	case "append":
		n.tame = true
		s, ok := core(o.info.TypeOf(e)).(*types.Slice)
		for i := range n.parts {
			if ok && i > 0 && !e.Ellipsis.IsValid() {
				n.parts[i].to = s.Elem()
			}
		}
	case "delete":
		if m, ok := core(o.info.TypeOf(e.Args[0])).(*types.Map); ok {
			n.parts[1].to, n.parts[1].key = m.Key(), m
		}
	case "copy", "recover", "clear", "close", "panic", "print", "println":
	default: // package unsafe
		n.kind, n.hazard = late, true
	}
	return n
}

func (o *orderer) conversion(e *ast.CallExpr) node {
	to := o.info.TypeOf(e)
	n := node{parts: []part{{e: &e.Args[0], to: to}}}
	switch t := core(to).(type) {
	case *types.Slice:
		if isBasic(o.info.TypeOf(e.Args[0])) {
			n.kind = turn
		}
	case *types.Array:
		n.hazard = true
	case *types.Pointer:
		_, n.hazard = core(t.Elem()).(*types.Array)
	case *types.Basic:
		n.hazard = t.Info()&types.IsString != 0 && !isBasic(o.info.TypeOf(e.Args[0])) // it reads the elements
	}
	return n
}
