package assist

import (
	"cmp"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"braid/kernel/check"
	"braid/kernel/check/exportdata"
)

// Complete returns what could stand at the cursor. In a string or comment it is
// nothing, but for the path of an import.
func Complete(s *check.State, code string, cursor int) Completion {
	off := offset(code, cursor)
	text := withoutMagic(code, off)
	sp := look(text[:off])
	c := Completion{Start: utf8.RuneCountInString(code[:sp.start]), End: utf8.RuneCountInString(code[:off])}
	switch {
	case sp.inImport:
		c.Start = c.End - utf8.RuneCountInString(sp.path)
		c.Items = importPaths(s, sp.path)
	case !sp.inText:
		c.Items = complete(s, text, off, sp)
	}
	return c
}

// importPaths lists the packages that can be imported without looking for them:
// those that are built in, and those of modules that are in use.
func importPaths(s *check.State, prefix string) []Item {
	var l []Item
	for _, p := range exportdata.Contents().Packages {
		if strings.HasPrefix(p.Path, prefix) {
			l = append(l, Item{Text: p.Path, Type: "module", Signature: p.Synopsis})
		}
	}
	src, ok := s.Importer().(sources)
	if !ok {
		return l
	}
	for _, p := range src.All() {
		if strings.HasPrefix(p.Path, prefix) && !strings.Contains(p.Path+"/", "/internal/") {
			l = append(l, Item{Text: p.Path, Type: "module", Signature: p.Module + " " + p.Version})
		}
	}
	return l
}

func complete(s *check.State, code string, off int, sp spot) []Item {
	var l *list
	try := func(text string) bool {
		return examine(s, text, func(x *check.Examined) {
			q := &query{state: s, x: x, name: sp.name}
			q.pos = token.Pos(x.Cell.File.Base() + sp.start)
			found := newList(sp.name)
			q.candidates(found, sp)
			if l == nil || len(found.items) > 0 {
				l = found
			}
		})
	}
	// The whole code says most, if it is in order; cut off behind the cursor
	// and closed it is as good as can be.
	if !try(sp.whole(code, off)) {
		try(sp.cut(code, off))
	}
	if l == nil {
		return nil
	}
	return l.sorted()
}

func (q *query) candidates(l *list, sp spot) {
	nodes := path(q.x.Cell, q.pos)
	l.want = q.expected(nodes)
	if sp.before == token.PERIOD {
		if sel := selector(nodes, q.pos); sel != nil {
			q.members(l, sel.X)
		}
		return
	}
	if q.fields(l, nodes) {
		return
	}
	q.names(l, nodes)
	if sp.name != "" {
		q.words(l)
	}
}

// members adds what can be selected from an expression.
func (q *query) members(l *list, x ast.Expr) {
	if pkg := q.packageOf(x); pkg != nil {
		scope := pkg.Scope()
		for _, name := range scope.Names() {
			if ast.IsExported(name) {
				l.add(scope.Lookup(name), 0)
			}
		}
		return
	}
	tv, ok := q.x.Info.Types[x]
	t := tv.Type
	if !ok {
		id, isName := ast.Unparen(x).(*ast.Ident)
		if !isName {
			return
		}
		obj := q.object(id)
		if obj == nil {
			return
		}
		_, isType := obj.(*types.TypeName)
		t, ok = obj.Type(), isType
	} else {
		ok = tv.IsType()
	}
	if tuple, isTuple := t.(*types.Tuple); isTuple && tuple.Len() > 0 {
		t = tuple.At(0).Type()
	}
	if t == nil || t == types.Typ[types.Invalid] {
		return
	}
	eachMember(t, ok, func(obj types.Object, depth int) { l.add(obj, depth) })
}

// eachMember calls f for the fields and methods of a type that can be selected
// from a variable of it, or, for isType, from the type itself; with the number
// of embedded fields in between.
func eachMember(t types.Type, isType bool, f func(obj types.Object, depth int)) {
	recv := t
	if _, ptr := types.Unalias(t).(*types.Pointer); !ptr && !types.IsInterface(t) {
		recv = types.NewPointer(t)
	}
	if p, ok := types.Unalias(t).(*types.TypeParam); ok {
		recv = p.Constraint()
	}
	seen := map[string]bool{}
	methods := types.NewMethodSet(recv)
	for sel := range methods.Methods() {
		if visible(sel.Obj()) {
			seen[sel.Obj().Name()] = true
			f(sel.Obj(), len(sel.Index())-1)
		}
	}
	if isType {
		return
	}
	walkFields(t, 0, map[types.Type]bool{}, func(v *types.Var, depth int) {
		if !visible(v) || seen[v.Name()] || v.Name() == "_" {
			return
		}
		if obj, _, _ := types.LookupFieldOrMethod(t, true, v.Pkg(), v.Name()); obj != v {
			return // ambiguous, or hidden by one that is less deep
		}
		seen[v.Name()] = true
		f(v, depth)
	})
}

func walkFields(t types.Type, depth int, seen map[types.Type]bool, f func(*types.Var, int)) {
	if p, ok := t.Underlying().(*types.Pointer); ok {
		t = p.Elem()
	}
	st, ok := t.Underlying().(*types.Struct)
	if !ok || seen[t] {
		return
	}
	seen[t] = true
	for v := range st.Fields() {
		f(v, depth)
	}
	for v := range st.Fields() {
		if v.Embedded() {
			walkFields(v.Type(), depth+1, seen, f)
		}
	}
}

// visible tells whether a cell may use a field or method.
func visible(obj types.Object) bool {
	return obj.Exported() || obj.Pkg() != nil && obj.Pkg().Path() == check.Path
}

// fields adds the names of fields that a struct literal around the cursor does
// not have yet, if one could stand there; it tells whether nothing else can.
func (q *query) fields(l *list, nodes []ast.Node) bool {
	if len(nodes) < 2 {
		return false
	}
	parent := nodes[len(nodes)-2]
	if kv, ok := parent.(*ast.KeyValueExpr); ok && len(nodes) > 2 {
		if kv.Key.Pos() != q.pos {
			return false
		}
		parent = nodes[len(nodes)-3]
	}
	lit, ok := parent.(*ast.CompositeLit)
	if !ok || lit.Type != nil && q.pos < lit.Lbrace {
		return false
	}
	t := q.x.Info.TypeOf(lit)
	if t == nil {
		return false
	}
	if p, ok := t.Underlying().(*types.Pointer); ok {
		t = p.Elem()
	}
	st, ok := t.Underlying().(*types.Struct)
	if !ok {
		return false
	}
	used := map[string]bool{}
	keyed := false
	for _, e := range lit.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		if id, ok := kv.Key.(*ast.Ident); ok && id.Pos() != q.pos && kv.Colon != id.Pos() {
			used[id.Name] = true
			keyed = true
		}
	}
	for v := range st.Fields() {
		if visible(v) && !used[v.Name()] {
			l.add(v, 0)
		}
	}
	return keyed
}

// names adds what has a name at the cursor, nearest first.
func (q *query) names(l *list, nodes []ast.Node) {
	depth := 0
	start := token.Pos(-1) // of the cell's own statement around the cursor
	if len(nodes) > 0 {
		if _, ok := nodes[0].(ast.Decl); !ok {
			start = nodes[0].Pos()
		}
	}
	for s := q.x.At(q.pos); s != nil && s != q.x.Pkg.Scope(); s = s.Parent() {
		for _, name := range s.Names() {
			if obj := s.Lookup(name); obj.Pos() < q.pos || !obj.Pos().IsValid() {
				l.add(obj, depth)
			}
		}
		depth++
	}
	scope := q.x.Pkg.Scope()
	for _, name := range scope.Names() {
		obj := scope.Lookup(name)
		if _, isVar := obj.(*types.Var); obj.Pos() == q.pos || isVar && start >= 0 && obj.Pos() >= start {
			continue // not declared yet
		}
		l.add(obj, depth)
	}
	for d := range q.state.Declarations() {
		l.add(d.Obj, depth+1)
	}
	for imp := range q.state.Imports() {
		l.add(types.NewPkgName(token.NoPos, nil, imp.Name, imp.Pkg), depth+2)
	}
	for _, imp := range q.state.DotImports() {
		scope := imp.Pkg.Scope()
		for _, name := range scope.Names() {
			if ast.IsExported(name) {
				l.add(scope.Lookup(name), depth+2)
			}
		}
	}
}

// words adds what Go itself names, and packages that could be imported.
func (q *query) words(l *list) {
	for _, name := range types.Universe.Names() {
		l.add(types.Universe.Lookup(name), 100)
	}
	for t := token.BREAK; t <= token.VAR; t++ {
		l.addText(Item{Text: t.String(), Type: "keyword"}, 101)
	}
	if len(q.name) < 2 {
		return // too many to be of use
	}
	for _, p := range exportdata.Contents().Packages {
		l.addText(Item{Text: p.Name, Type: "module", Signature: "import \"" + p.Path + "\""}, 102)
	}
}

// expected returns the type that the expression at the cursor should have, or nil.
func (q *query) expected(nodes []ast.Node) types.Type {
	child := ast.Node(nil)
	for i := len(nodes) - 1; i >= 0; i-- {
		n := nodes[i]
		switch p := n.(type) {
		case *ast.Ident, *ast.SelectorExpr, *ast.ParenExpr:
			child = n
			continue
		case *ast.CallExpr:
			return q.parameter(p, child)
		case *ast.AssignStmt:
			if j := index(p.Rhs, child); j >= 0 && p.Tok == token.ASSIGN && j < len(p.Lhs) {
				return q.x.Info.TypeOf(p.Lhs[j])
			}
		case *ast.ValueSpec:
			if p.Type != nil && child != p.Type {
				return q.x.Info.TypeOf(p.Type)
			}
		case *ast.KeyValueExpr:
			if id, ok := p.Key.(*ast.Ident); ok && child == p.Value {
				if v, ok := q.x.Info.Uses[id].(*types.Var); ok && v.IsField() {
					return v.Type()
				}
			}
		case *ast.BinaryExpr:
			other := p.X
			if child == p.X {
				other = p.Y
			}
			return q.x.Info.TypeOf(other)
		case *ast.ReturnStmt:
			return q.result(p, nodes[:i], child)
		case *ast.IfStmt, *ast.ForStmt:
			return nil
		}
		return nil
	}
	return nil
}

func (q *query) result(p *ast.ReturnStmt, around []ast.Node, child ast.Node) types.Type {
	j := index(p.Results, child)
	for i := len(around) - 1; i >= 0; i-- {
		var t types.Type
		switch f := around[i].(type) {
		case *ast.FuncLit:
			t = q.x.Info.TypeOf(f)
		case *ast.FuncDecl:
			if obj := q.x.Info.Defs[f.Name]; obj != nil {
				t = obj.Type()
			}
		default:
			continue
		}
		sig, ok := t.(*types.Signature)
		if ok && j >= 0 && j < sig.Results().Len() {
			return sig.Results().At(j).Type()
		}
		return nil
	}
	return nil
}

func (q *query) parameter(call *ast.CallExpr, arg ast.Node) types.Type {
	j := index(call.Args, arg)
	t := q.x.Info.TypeOf(call.Fun)
	if j < 0 || t == nil {
		return nil
	}
	sig, ok := t.Underlying().(*types.Signature)
	if !ok || sig.Params().Len() == 0 {
		return nil
	}
	last := sig.Params().Len() - 1
	if sig.Variadic() && j >= last {
		if s, ok := sig.Params().At(last).Type().(*types.Slice); ok {
			return s.Elem()
		}
	}
	if j > last {
		return nil
	}
	return sig.Params().At(j).Type()
}

func index(l []ast.Expr, n ast.Node) int {
	return slices.IndexFunc(l, func(x ast.Expr) bool { return ast.Node(x) == n })
}

// list gathers items that start with a prefix, each text once.
type list struct {
	prefix string
	want   types.Type
	seen   map[string]bool
	items  []ranked
}

type ranked struct {
	Item
	other bool // its type is not the expected one
	fold  bool // the prefix differs in case
	far   int
}

func newList(prefix string) *list { return &list{prefix: prefix, seen: map[string]bool{}} }

func (l *list) add(obj types.Object, far int) {
	if obj == nil || obj.Name() == "" || obj.Name() == "_" || strings.Contains(obj.Name(), placeholder) || !l.matches(obj.Name()) {
		return
	}
	l.append(describe(obj), far, l.unwanted(obj))
}

func (l *list) addText(it Item, far int) {
	if l.matches(it.Text) {
		l.append(it, far, l.want != nil)
	}
}

func (l *list) append(it Item, far int, other bool) {
	if l.seen[it.Text] {
		return
	}
	l.seen[it.Text] = true
	l.items = append(l.items, ranked{it, other, !strings.HasPrefix(it.Text, l.prefix), far})
}

func (l *list) matches(name string) bool {
	return len(name) >= len(l.prefix) && strings.EqualFold(name[:len(l.prefix)], l.prefix)
}

// unwanted tells whether an object cannot give a value of the expected type.
func (l *list) unwanted(obj types.Object) bool {
	if l.want == nil || l.want == types.Typ[types.Invalid] {
		return false
	}
	t := obj.Type()
	if t == nil {
		return true
	}
	if types.IsInterface(l.want) && l.want.Underlying().(*types.Interface).Empty() {
		return false
	}
	switch obj.(type) {
	case *types.TypeName, *types.PkgName:
		return true
	case *types.Func:
		if r := t.(*types.Signature).Results(); r.Len() == 1 && types.AssignableTo(r.At(0).Type(), l.want) {
			return false
		}
	}
	return t == types.Typ[types.Invalid] || !types.AssignableTo(t, l.want)
}

func (l *list) sorted() []Item {
	slices.SortStableFunc(l.items, func(a, b ranked) int {
		return cmp.Or(order(a.fold, b.fold), order(a.other, b.other), cmp.Compare(a.far, b.far),
			order(!startsUpper(a.Text), !startsUpper(b.Text)), cmp.Compare(a.Text, b.Text))
	})
	items := make([]Item, len(l.items))
	for i, r := range l.items {
		items[i] = r.Item
	}
	return items
}

func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func startsUpper(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsUpper(r)
}

// describe makes an item of an object.
func describe(obj types.Object) Item {
	it := Item{Text: obj.Name(), Type: "instance"}
	switch o := obj.(type) {
	case *types.Func:
		it.Type = "function"
		it.Signature = strings.TrimPrefix(typeString(o.Type()), "func")
		return it
	case *types.Builtin:
		it.Type = "function"
		return it
	case *types.TypeName:
		it.Type = "class"
		if o.Type() != nil {
			it.Signature = "type " + typeString(o.Type().Underlying())
		}
		return it
	case *types.PkgName:
		it.Type = "module"
		it.Signature = "import \"" + exportdata.ImportPath(o.Imported().Path()) + "\""
		return it
	case *types.Nil:
		it.Type = "keyword"
		return it
	case *types.Label:
		it.Type = "statement"
		return it
	}
	if obj.Type() == nil || obj.Type() == types.Typ[types.Invalid] {
		return it
	}
	it.Signature = typeString(obj.Type())
	return it
}
