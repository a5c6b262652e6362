// Package order rewrites checked Go so that operands are evaluated in the order
// of the Go toolchain. It stands between packages check and ssa.
//
// The specification orders calls and receives, but not the reading of variables
// beside them: in x + f(), where f changes x, either value is right. Package ssa
// reads every operand in its turn, from left to right. The compiler reads most of
// them late: its pass order (cmd/compile/internal/walk/order.go) takes calls,
// receives and a few other operations out of an expression, in turn, into
// temporary variables, and evaluates what is left after them all. People compare
// with go run, so that order is the promise of this package: it takes the same
// operations out of the syntax tree, into variables of its own.
//
// Only statements are rewritten in which it could make a difference: where
// something that may read memory or panic stands before a call. Positions stay
// what they were, for nodes are moved, never copied.
//
// The order of the compiler as of go1.26, operations in turn:
//   - calls of functions and methods, receives, append, copy, recover;
//   - len, cap, min, max, new, make, complex, real, imag, slicing, conversions of
//     strings to slices, assertions to types that do not fit in an interface's
//     word, && and ||;
//   - what becomes an interface, a key of a map, or a side of a comparison by
//     its address, if it has none: see byAddress.
//
// All others are late: variables, fields, elements (of maps, too), what pointers
// point to, arithmetic, comparisons, composite literals, method values. The
// callee and arguments of a call are late within it. A map literal's entries are
// evaluated one after the other.
//
// Not rewritten: package-level initialisers (a cell has none: they are
// statements of it), and a loop with a label to which a goto leads.
package order

import (
	"go/ast"
	"go/token"
	"go/types"
)

// File rewrites the functions of f, which info describes as part of pkg. What it
// makes is entered in info: Uses, Defs and Types.
func File(f *ast.File, pkg *types.Package, info *types.Info) {
	o := &orderer{pkg: pkg, info: info, made: map[*types.Var]bool{}, shared: sharedVars(f, info), gotos: gotoLabels(f, info)}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Body != nil {
				o.function(info.Defs[n.Name].Type(), n.Body)
			}
		case *ast.FuncLit:
			o.function(info.TypeOf(n), n.Body)
		}
		return true
	})
}

// orderer rewrites one function after the other.
type orderer struct {
	pkg    *types.Package
	info   *types.Info
	shared func(*types.Var) bool // may a call change it?
	gotos  map[types.Object]bool // labels that goto statements name

	results *types.Tuple // of the function
	out     []ast.Stmt   // what comes before the statement
	hit     bool         // see sensitive
	made    map[*types.Var]bool
}

func (o *orderer) function(t types.Type, body *ast.BlockStmt) {
	o.results = t.(*types.Signature).Results()
	o.block(body)
}

func (o *orderer) block(b *ast.BlockStmt) { b.List = o.list(b.List) }

func (o *orderer) list(l []ast.Stmt) []ast.Stmt {
	var r []ast.Stmt
	for i, s := range l {
		before := o.before(s)
		if len(before) > 0 && r == nil {
			r = append(make([]ast.Stmt, 0, len(l)+4), l[:i]...)
		}
		if r != nil || len(before) > 0 {
			r = append(append(r, before...), s)
		}
	}
	if r == nil {
		return l
	}
	return r
}

// inner rewrites a statement that stands alone, such as a loop's last part.
func (o *orderer) inner(s ast.Stmt) ast.Stmt {
	if s == nil {
		return nil
	}
	return join(o.before(s), s)
}

// join makes one statement of several; last may be nil.
func join(before []ast.Stmt, last ast.Stmt) ast.Stmt {
	if len(before) == 0 {
		return last
	}
	if last != nil {
		before = append(before, last)
	}
	return &ast.BlockStmt{Lbrace: before[0].Pos(), List: before, Rbrace: before[0].Pos()}
}

// before rewrites s in place and gives the statements to put before it.
func (o *orderer) before(s ast.Stmt) []ast.Stmt {
	switch s := s.(type) {
	case *ast.BlockStmt:
		o.block(s)
	case *ast.LabeledStmt:
		return o.labeled(s)
	case *ast.IfStmt:
		s.Init = join(o.extend(o.inner(s.Init), operand(&s.Cond)), nil)
		o.block(s.Body)
		s.Else = o.inner(s.Else)
	case *ast.SwitchStmt:
		o.switches(s)
	case *ast.TypeSwitchStmt:
		s.Init = join(o.extend(o.inner(s.Init), operand(asserted(s.Assign))), nil)
		o.clauses(s.Body)
	case *ast.ForStmt:
		return o.loop(s)
	case *ast.RangeStmt:
		before := o.extend(nil, operand(&s.X))
		o.block(s.Body)
		return before
	case *ast.SelectStmt:
		before := o.selects(s)
		o.clauses(s.Body)
		return before
	case *ast.DeclStmt:
		return o.declares(s)
	default:
		return o.extend(nil, o.simple(s)...)
	}
	return nil
}

// extend orders operands and gives init and what must come before them.
func (o *orderer) extend(init ast.Stmt, ops ...part) []ast.Stmt {
	o.out = nil
	if o.sensitive(ops) {
		o.order(ops)
	}
	before := o.out
	o.out = nil
	if init != nil {
		return append([]ast.Stmt{init}, before...)
	}
	return before
}

// simple gives the operands of a statement without statements in it, in the
// order in which they are evaluated.
func (o *orderer) simple(s ast.Stmt) (ops []part) {
	switch s := s.(type) {
	case *ast.ExprStmt:
		ops = []part{{e: &s.X, last: true}}
	case *ast.SendStmt:
		ops = []part{operand(&s.Chan), {e: &s.Value, to: elem(o.info.TypeOf(s.Chan))}}
	case *ast.IncDecStmt:
		ops = []part{{e: &s.X, place: true}}
	case *ast.GoStmt:
		ops = o.callParts(s.Call)
	case *ast.DeferStmt:
		ops = o.callParts(s.Call)
	case *ast.ReturnStmt:
		ops = o.returned(s)
	case *ast.AssignStmt:
		ops = o.assigned(s)
	}
	return ops
}

func (o *orderer) returned(s *ast.ReturnStmt) (ops []part) {
	for i := range s.Results {
		p := part{e: &s.Results[i], last: len(s.Results) == 1}
		if len(s.Results) == o.results.Len() {
			p.to = o.results.At(i).Type()
		}
		ops = append(ops, p)
	}
	return ops
}

func (o *orderer) assigned(s *ast.AssignStmt) (ops []part) {
	names := true
	for i := range s.Lhs {
		if _, ok := ast.Unparen(s.Lhs[i]).(*ast.Ident); !ok {
			names = false
			ops = append(ops, part{e: &s.Lhs[i], place: true})
		}
	}
	for i := range s.Rhs {
		p := part{e: &s.Rhs[i], last: names && len(s.Rhs) == 1}
		if len(s.Lhs) == len(s.Rhs) {
			p.to = o.info.TypeOf(s.Lhs[i])
		} else {
			p.list = &s.Rhs
		}
		ops = append(ops, p)
	}
	return ops
}

func (o *orderer) labeled(s *ast.LabeledStmt) []ast.Stmt {
	again := o.gotos[o.info.Defs[s.Label]]
	switch in := s.Stmt.(type) {
	case *ast.ForStmt:
		if again {
			o.body(in)
			return nil
		}
		return o.before(in)
	case *ast.RangeStmt:
		if again {
			o.block(in.Body)
			return nil
		}
		return o.before(in)
	case *ast.SelectStmt:
		if again {
			o.clauses(in.Body)
			return nil
		}
		return o.before(in)
	}
	s.Stmt = o.inner(s.Stmt)
	return nil
}

func (o *orderer) loop(s *ast.ForStmt) (before []ast.Stmt) {
	if s.Init != nil {
		before = o.before(s.Init)
	}
	o.body(s)
	return before
}

// body rewrites a for statement but for its first part. What must come before
// the condition goes into the body.
func (o *orderer) body(s *ast.ForStmt) {
	var test []ast.Stmt
	if s.Cond != nil {
		test = o.extend(nil, operand(&s.Cond))
	}
	o.block(s.Body)
	s.Post = o.inner(s.Post)
	if len(test) == 0 {
		return
	}
	at := s.Cond.Pos()
	leave := &ast.BlockStmt{Lbrace: at, List: []ast.Stmt{&ast.BranchStmt{TokPos: at, Tok: token.BREAK}}, Rbrace: at}
	test = append(test, &ast.IfStmt{If: at, Cond: s.Cond, Body: &ast.BlockStmt{Lbrace: at, Rbrace: at}, Else: leave})
	s.Cond = nil
	s.Body.List = append(test, s.Body.List...)
}

// switches rewrites a switch statement. If the order within its cases matters,
// the case is found by an if statement, and the switch is over its number.
func (o *orderer) switches(s *ast.SwitchStmt) {
	init := o.inner(s.Init)
	if s.Tag != nil {
		init = join(o.extend(init, operand(&s.Tag)), nil)
	}
	s.Init = init
	o.clauses(s.Body)
	if !o.sensitiveCases(s) {
		return
	}
	var before []ast.Stmt
	if s.Init != nil {
		before = append(before, s.Init)
	}
	o.out = nil
	if s.Tag != nil {
		o.temp(&s.Tag)
	}
	number := o.number(s.Switch, -1)
	found := o.temp(&number)
	before = append(before, o.out...)
	o.out = nil
	var first ast.Stmt
	place := &first
	for i, c := range s.Body.List {
		c := c.(*ast.CaseClause)
		for _, e := range c.List {
			place = o.test(place, s.Tag, e, found, i)
		}
		if c.List != nil {
			c.List = []ast.Expr{o.number(c.Case, i)}
		}
	}
	s.Tag = number
	s.Init = join(append(before, first), nil)
}

// test appends to a chain of if statements the test whether e is the case, the
// i-th, and gives the place where the chain goes on.
func (o *orderer) test(place *ast.Stmt, tag, e ast.Expr, found *types.Var, i int) *ast.Stmt {
	var rest ast.Expr
	if tag == nil && !types.IsInterface(o.info.TypeOf(e)) {
		o.order([]part{operand(&e)})
		rest = e
	} else {
		cmp := &ast.BinaryExpr{X: o.truth(e.Pos()), OpPos: e.Pos(), Op: token.EQL, Y: e}
		if tag != nil {
			cmp.X = o.use(o.info.Uses[tag.(*ast.Ident)].(*types.Var), e.Pos())
		}
		o.info.Types[cmp] = types.TypeAndValue{Type: types.Typ[types.Bool]}
		o.order(o.binary(cmp).parts)
		rest = cmp
	}
	is := &ast.AssignStmt{Lhs: []ast.Expr{o.use(found, e.Pos())}, TokPos: e.Pos(), Tok: token.ASSIGN, Rhs: []ast.Expr{o.number(e.Pos(), i)}}
	s := &ast.IfStmt{If: e.Pos(), Init: join(o.out, nil), Cond: rest, Body: &ast.BlockStmt{Lbrace: e.Pos(), List: []ast.Stmt{is}, Rbrace: e.Pos()}}
	o.out = nil
	*place = s
	return &s.Else
}

func (o *orderer) sensitiveCases(s *ast.SwitchStmt) bool {
	for _, c := range s.Body.List {
		for _, e := range c.(*ast.CaseClause).List {
			if o.sensitive([]part{operand(&e)}) {
				return true
			}
		}
	}
	return false
}

func (o *orderer) clauses(b *ast.BlockStmt) {
	for _, c := range b.List {
		switch c := c.(type) {
		case *ast.CaseClause:
			c.Body = o.list(c.Body)
		case *ast.CommClause:
			c.Body = o.list(c.Body)
		}
	}
}

// asserted gives the operand of a type switch.
func asserted(s ast.Stmt) *ast.Expr {
	var guard ast.Expr
	switch s := s.(type) {
	case *ast.ExprStmt:
		guard = s.X
	case *ast.AssignStmt:
		guard = s.Rhs[0]
	}
	return &ast.Unparen(guard).(*ast.TypeAssertExpr).X
}

// declares rewrites a declaration. One of several variables is taken apart where
// something must come between.
func (o *orderer) declares(s *ast.DeclStmt) (before []ast.Stmt) {
	d, ok := s.Decl.(*ast.GenDecl)
	if !ok || d.Tok != token.VAR {
		return nil
	}
	start := 0
	for i, spec := range d.Specs {
		b := o.extend(nil, o.declared(spec.(*ast.ValueSpec))...)
		if len(b) == 0 {
			continue
		}
		if i > start {
			before = append(before, &ast.DeclStmt{Decl: &ast.GenDecl{TokPos: d.TokPos, Tok: d.Tok, Specs: d.Specs[start:i]}})
			start = i
		}
		before = append(before, b...)
	}
	d.Specs = d.Specs[start:]
	return before
}

func (o *orderer) declared(s *ast.ValueSpec) (ops []part) {
	for i := range s.Values {
		p := part{e: &s.Values[i], last: len(s.Values) == 1}
		if len(s.Values) == len(s.Names) {
			p.to = o.info.TypeOf(s.Names[i])
		}
		ops = append(ops, p)
	}
	return ops
}

// selects rewrites the operands of a select statement, which are all evaluated
// in turn.
func (o *orderer) selects(s *ast.SelectStmt) []ast.Stmt {
	var ops []part
	for _, c := range s.Body.List {
		switch c := c.(*ast.CommClause).Comm.(type) {
		case *ast.SendStmt:
			ops = append(ops, part{e: &c.Chan, turn: true}, part{e: &c.Value, to: elem(o.info.TypeOf(c.Chan)), turn: true})
		case *ast.ExprStmt:
			ops = append(ops, part{e: &ast.Unparen(c.X).(*ast.UnaryExpr).X, turn: true})
		case *ast.AssignStmt:
			ops = append(ops, part{e: &ast.Unparen(c.Rhs[0]).(*ast.UnaryExpr).X, turn: true})
		}
	}
	return o.extend(nil, ops...)
}

// elem gives the type of a channel's values.
func elem(t types.Type) types.Type {
	if c, ok := core(t).(*types.Chan); ok {
		return c.Elem()
	}
	return nil
}
