package check

import (
	"cmp"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strconv"
	"strings"

	"braid/kernel/cell"
)

// finish makes a Checked of an attempt that found no errors.
func (a *attempt) finish(ds []cell.Diagnostic) (*Checked, []cell.Diagnostic) {
	a.revealOld()
	k := &Checked{Cell: a.c, Pkg: a.pkg, Info: a.info, Warnings: ds, Rebinds: a.rebinds}
	if k.Rebinds == nil {
		k.Rebinds = map[*types.Func]*types.Func{}
	}
	k.Decls = a.declarations()
	of := map[types.Object]*Decl{}
	for _, d := range k.Decls {
		of[d.Obj] = d
	}
	for _, d := range k.Decls {
		a.depend(d, of)
	}
	k.Refs = a.references()
	k.Results = a.results()
	k.Show = len(k.Results) > 0 && !a.c.Quiet && !a.speaksForItself()
	a.order(of)
	a.layOut(k)
	a.rebindFuncs(k)
	k.Next = a.next(k)
	a.markUsed()
	for obj, d := range of {
		a.s.root.decls[obj] = d
	}
	// The scope of earlier cells has done its work. With it, each package would
	// keep the one of the cell before alive.
	*a.outer = *types.NewScope(types.Universe, token.NoPos, token.NoPos, "earlier cells")
	return k, ds
}

// revealOld replaces the stand-ins of shadowed objects by the objects.
func (a *attempt) revealOld() {
	stand := map[types.Object]types.Object{}
	for _, v := range a.olds {
		if v.alias != nil && v.old != nil {
			stand[v.alias] = v.old
		}
	}
	if len(stand) > 0 {
		for id, obj := range a.info.Uses {
			if old := stand[obj]; old != nil {
				a.info.Uses[id] = old
			}
		}
	}
	// Variables that := assigns from a call were not in go/types' sight.
	for _, st := range a.steps {
		for _, t := range st.lhs {
			if t.reuse && len(st.define.Rhs) != len(st.define.Lhs) {
				obj := a.object(t.version)
				a.info.Uses[t.id] = obj
				a.info.Types[t.id] = variable(obj.Type())
			}
		}
	}
}

// declarations lists what the cell declares, in order of appearance.
func (a *attempt) declarations() []*Decl {
	var l []*Decl
	add := func(kind Kind, id *ast.Ident, n ast.Node, g *ast.GenDecl, doc *ast.CommentGroup) *Decl {
		obj := a.info.Defs[id]
		if obj == nil || id.Name == "_" && kind != Method {
			return &Decl{}
		}
		d := &Decl{Obj: obj, Kind: kind, Cell: a.c, Node: n, Pos: n.Pos(), End: n.End(), Doc: doc}
		if g != nil && !g.Lparen.IsValid() {
			d.Pos, d.End = g.Pos(), g.End()
		}
		if g != nil && d.Doc == nil {
			d.Doc = g.Doc
		}
		d.group = g
		l = append(l, d)
		return d
	}
	for _, g := range a.types {
		spec := g.Specs[0].(*ast.TypeSpec)
		add(Type, spec.Name, spec, g, spec.Doc)
	}
	for _, g := range a.consts {
		for _, s := range g.Specs {
			spec := s.(*ast.ValueSpec)
			for _, id := range spec.Names {
				add(Const, id, spec, g, spec.Doc)
			}
		}
	}
	for _, st := range a.steps {
		for _, t := range st.lhs {
			if t.version == nil || t.reuse {
				continue
			}
			if st.spec != nil {
				add(Var, t.id, st.spec, st.decl, st.spec.Doc)
			} else {
				add(Var, t.id, st.define, nil, nil)
			}
		}
	}
	for _, d := range slices.Concat(a.funcs, a.late) {
		if d.Recv == nil {
			add(Func, d.Name, d, nil, d.Doc)
			continue
		}
		m := add(Method, d.Name, d, nil, d.Doc)
		if fn, ok := m.Obj.(*types.Func); ok {
			if t := receiverType(fn); t != nil {
				m.Recv = t.Obj()
			}
		}
	}
	slices.SortStableFunc(l, func(x, y *Decl) int { return cmp.Compare(x.Pos, y.Pos) })
	return l
}

// depend records what a declaration names.
func (a *attempt) depend(d *Decl, of map[types.Object]*Decl) {
	n := d.Node
	if d.Kind == Const {
		n = d.group // a constant may repeat the expression of the one above
	}
	seen := map[*Decl]bool{d: true}
	ast.Inspect(n, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		obj := a.info.Uses[id]
		if obj == nil {
			return true
		}
		if p, ok := obj.(*types.PkgName); ok {
			if d.packages == nil {
				d.packages = map[string]string{}
			}
			d.packages[id.Name] = a.importBehind(p).Path
			return true
		}
		dep := of[origin(obj)]
		if dep == nil {
			dep = a.s.root.decls[origin(obj)]
		}
		if dep != nil && !seen[dep] {
			seen[dep] = true
			d.Deps = append(d.Deps, dep)
		}
		return true
	})
}

// importBehind returns the import that brought in the name of a package.
func (a *attempt) importBehind(p *types.PkgName) *Import {
	name, _, _ := strings.Cut(p.Name(), mark)
	for _, imp := range a.imports {
		if imp.Name == name && imp.Pkg == p.Imported() {
			return imp
		}
	}
	if b, ok := a.s.names.get(name); ok && b.imp != nil {
		return b.imp
	}
	return &Import{Name: name, Path: p.Imported().Path(), Pkg: p.Imported()}
}

// references lists the declarations of earlier cells that the cell uses.
func (a *attempt) references() []*Decl {
	seen := map[*Decl]bool{}
	var l []*Decl
	for _, obj := range a.info.Uses {
		if d := a.s.root.decls[origin(obj)]; d != nil && !seen[d] {
			seen[d] = true
			l = append(l, d)
		}
	}
	slices.SortFunc(l, func(x, y *Decl) int {
		return cmp.Or(cmp.Compare(x.Obj.Pos(), y.Obj.Pos()), cmp.Compare(x.Obj.Name(), y.Obj.Name()))
	})
	return l
}

// results returns the types of the values of the final expression.
func (a *attempt) results() (l []types.Type) {
	for _, x := range a.c.Result {
		switch tv := a.info.Types[x]; t := tv.Type.(type) {
		case *types.Tuple:
			if len(a.c.Result) == 1 && isCall(x) {
				if _, call := ast.Unparen(x).(*ast.CallExpr); call {
					for v := range t.Variables() {
						l = append(l, v.Type())
					}
					continue
				}
			}
			l = append(l, t.At(0).Type())
		default:
			if tv.IsVoid() {
				continue
			}
			if tv.IsNil() {
				t = types.Universe.Lookup("any").Type()
			}
			l = append(l, types.Default(t))
		}
	}
	return l
}

// speaksForItself tells whether the final expression is a call that is made for
// what it does, and whose result hardly anybody wants to see: the Print, Scan
// and Write families with their (n int, err error), and copy.
func (a *attempt) speaksForItself() bool {
	if len(a.c.Result) != 1 {
		return false
	}
	call, ok := ast.Unparen(a.c.Result[0]).(*ast.CallExpr)
	if !ok {
		return false
	}
	var id *ast.Ident
	switch f := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		id = f
	case *ast.SelectorExpr:
		id = f.Sel
	default:
		return false
	}
	switch obj := a.info.Uses[id].(type) {
	case *types.Builtin:
		return obj.Name() == "copy"
	case *types.Func:
		return isWriter(obj)
	}
	return false
}

func isWriter(f *types.Func) bool {
	name := f.Name()
	if f.Pkg() != nil && f.Pkg().Path() == Path {
		return false // the learner's own
	}
	if !slices.ContainsFunc([]string{"Print", "Fprint", "Scan", "Fscan", "Write"}, func(p string) bool { return strings.HasPrefix(name, p) }) {
		return false
	}
	r := f.Signature().Results()
	if r.Len() != 2 {
		return false
	}
	n, ok := r.At(0).Type().Underlying().(*types.Basic)
	return ok && n.Info()&types.IsInteger != 0 && types.Identical(r.At(1).Type(), types.Universe.Lookup("error").Type())
}

// order moves the initialisation of a var declaration before the steps that
// need its value, as Go does for the variables of a package. Statements stay
// where they are.
func (a *attempt) order(of map[types.Object]*Decl) {
	owner := map[*Decl]*step{}
	for _, st := range a.steps {
		for _, t := range st.lhs {
			if t.version != nil && !t.reuse {
				if d := of[a.info.Defs[t.id]]; d != nil {
					owner[d] = st
				}
			}
		}
	}
	var sorted []*step
	needs := func(st *step) (l []*step) {
		if st.spec == nil && st.define == nil {
			return nil
		}
		d := &Decl{Kind: Var, Node: st.node}
		a.depend(d, of)
		for _, need := range needed(d, a.c) {
			if other := owner[need]; other != nil && other != st && other.spec != nil && !other.done {
				l = append(l, other)
			}
		}
		return l
	}
	// As the spec has it: of the declarations that wait, the first that needs
	// none of the others.
	var waiting func(l []*step)
	waiting = func(l []*step) {
		for len(l) > 0 {
			i := max(0, slices.IndexFunc(l, func(st *step) bool {
				return !slices.ContainsFunc(needs(st), func(o *step) bool { return slices.Contains(l, o) })
			}))
			st := l[i]
			l = slices.Delete(slices.Clone(l), i, i+1)
			if st.done {
				continue
			}
			st.done = true
			waiting(needs(st)) // declared behind statements
			sorted = append(sorted, st)
		}
	}
	for i := 0; i < len(a.steps); {
		n := i + 1
		if a.steps[i].spec != nil {
			for n < len(a.steps) && a.steps[n].spec != nil {
				n++
			}
		}
		waiting(a.steps[i:n])
		i = n
	}
	a.steps = sorted
}

// needed returns the variables of the cell that the initialiser of d can read,
// also through functions.
func needed(d *Decl, c *cell.Cell) (vars []*Decl) {
	seen := map[*Decl]bool{d: true}
	var visit func(d *Decl)
	visit = func(d *Decl) {
		for _, dep := range d.Deps {
			if seen[dep] || dep.Cell != c {
				continue
			}
			seen[dep] = true
			if dep.Kind == Var {
				vars = append(vars, dep)
			} else {
				visit(dep)
			}
		}
	}
	if d != nil {
		visit(d)
	}
	return vars
}

// layOut writes Checked.File.
func (a *attempt) layOut(k *Checked) {
	f := &ast.File{Package: a.pos(), Name: &ast.Ident{NamePos: a.pos(), Name: "main"}, FileStart: a.pos(), FileEnd: a.end(), Comments: a.c.Comments}
	k.File = f
	a.layOutImports(k)
	for _, l := range [][]*ast.GenDecl{a.consts, a.types} {
		for _, d := range l {
			f.Decls = append(f.Decls, d)
		}
	}
	for _, d := range slices.Concat(a.funcs, a.late) {
		f.Decls = append(f.Decls, d)
	}
	var body []ast.Stmt
	for _, st := range a.steps {
		vars, stmt := a.forRunning(st)
		f.Decls = append(f.Decls, vars...)
		if stmt != nil {
			body = append(body, stmt)
		}
	}
	sortDecls(f.Decls)
	k.Entry = a.entryWithResults(k, body)
	f.Decls = append(f.Decls, k.Entry)
	a.info.InitOrder = nil
	a.info.FileVersions[f] = ""
}

func sortDecls(l []ast.Decl) {
	slices.SortStableFunc(l, func(x, y ast.Decl) int { return cmp.Compare(x.Pos(), y.Pos()) })
}

// forRunning returns a step as variables without initialisers, and the
// statement that gives them their values.
func (a *attempt) forRunning(st *step) ([]ast.Decl, ast.Stmt) {
	if st.spec == nil && st.define == nil {
		return nil, st.stmt
	}
	var vars []ast.Decl
	assign := &ast.AssignStmt{Tok: token.ASSIGN, TokPos: st.node.Pos()}
	for _, t := range st.lhs {
		assign.Lhs = append(assign.Lhs, a.assignable(t))
		if t.version != nil && !t.reuse {
			spec := &ast.ValueSpec{Names: []*ast.Ident{t.id}, Type: a.typeOf(t, st)}
			vars = append(vars, varDecl(t.id.Pos(), spec))
		}
	}
	if st.spec != nil {
		assign.Rhs = st.spec.Values
	} else {
		assign.Rhs, assign.TokPos = st.define.Rhs, st.define.TokPos
	}
	if len(assign.Rhs) == 0 {
		return vars, nil
	}
	return vars, assign
}

// assignable returns an identifier for the left side of an assignment.
func (a *attempt) assignable(t target) ast.Expr {
	if t.reuse {
		return t.id
	}
	id := &ast.Ident{NamePos: t.id.NamePos, Name: t.id.Name}
	if t.version != nil {
		obj := a.info.Defs[t.id]
		a.info.Uses[id] = obj
		a.info.Types[id] = variable(obj.Type())
	}
	return id
}

// typeOf returns the type of a variable as the learner wrote it, or a name for it.
func (a *attempt) typeOf(t target, st *step) ast.Expr {
	if st.spec != nil && st.spec.Type != nil {
		return st.spec.Type
	}
	return a.typeName(t.id.Pos(), a.info.Defs[t.id].Type())
}

func (a *attempt) typeName(pos token.Pos, t types.Type) *ast.Ident {
	id := &ast.Ident{NamePos: pos, Name: mark + "type"}
	a.info.Uses[id] = types.NewTypeName(pos, a.pkg, id.Name, t)
	a.info.Types[id] = typeExpr(t)
	return id
}

// entryWithResults makes the function that returns the result's values.
func (a *attempt) entryWithResults(k *Checked, body []ast.Stmt) *ast.FuncDecl {
	var vars []*types.Var
	d := a.entry(body)
	if len(a.c.Result) > 0 {
		pos := a.c.Result[0].Pos()
		if len(k.Results) == 0 {
			d.Body.List = append(d.Body.List, &ast.ExprStmt{X: a.c.Result[0]})
		} else {
			d.Type.Results = &ast.FieldList{}
			d.Body.List = append(d.Body.List, &ast.ReturnStmt{Return: pos, Results: a.c.Result})
		}
		for _, t := range k.Results {
			vars = append(vars, types.NewVar(token.NoPos, a.pkg, "", t))
			d.Type.Results.List = append(d.Type.Results.List, &ast.Field{Type: a.typeName(pos, t)})
		}
	}
	sig := types.NewSignatureType(nil, nil, nil, nil, types.NewTuple(vars...), false)
	a.info.Defs[d.Name] = types.NewFunc(d.Name.Pos(), a.pkg, Entry, sig)
	return d
}

// layOutImports lists the imports that the cell makes or needs.
func (a *attempt) layOutImports(k *Checked) {
	k.Imports = append(k.Imports, a.imports...)
	own := len(k.Imports)
	dots := map[*types.Package]*Import{}
	for _, imp := range a.s.dots {
		dots[imp.Pkg] = imp
	}
	have := map[*Import]bool{}
	for _, obj := range a.info.Uses {
		var imp *Import
		if p, ok := obj.(*types.PkgName); ok {
			imp = a.importBehind(p)
		} else if obj.Pkg() != nil && obj.Parent() == obj.Pkg().Scope() {
			imp = dots[obj.Pkg()]
		}
		if imp != nil && !have[imp] && !slices.Contains(k.Imports[:own], imp) {
			have[imp] = true
			k.Imports = append(k.Imports, imp)
		}
	}
	slices.SortFunc(k.Imports[own:], func(x, y *Import) int { return cmp.Compare(x.Path+" "+x.Name, y.Path+" "+y.Name) })
	if len(k.Imports) == 0 {
		return
	}
	d := &ast.GenDecl{Tok: token.IMPORT, TokPos: a.pos(), Lparen: a.pos()}
	for _, imp := range k.Imports {
		spec := &ast.ImportSpec{Path: &ast.BasicLit{ValuePos: a.pos(), Kind: token.STRING, Value: strconv.Quote(imp.Path)}}
		name := types.NewPkgName(a.pos(), a.pkg, imp.Name, imp.Pkg)
		if imp.Name == imp.Pkg.Name() {
			a.info.Implicits[spec] = name
		} else {
			spec.Name = &ast.Ident{NamePos: a.pos(), Name: imp.Name}
			a.info.Defs[spec.Name] = name
		}
		d.Specs = append(d.Specs, spec)
		k.File.Imports = append(k.File.Imports, spec)
	}
	k.File.Decls = append(k.File.Decls, d)
}

// rebindFuncs finds functions that take the place of one with their signature.
func (a *attempt) rebindFuncs(k *Checked) {
	for _, d := range k.Decls {
		old := a.s.Lookup(d.Obj.Name())
		if d.Kind != Func || old == nil || old.Kind != Func || !types.Identical(old.Obj.Type(), d.Obj.Type()) {
			continue
		}
		d.replaces = old
		k.Rebinds[old.Obj.(*types.Func)] = d.Obj.(*types.Func)
	}
}

// markUsed remembers the generic types that the cell made instances of.
func (a *attempt) markUsed() {
	for _, inst := range a.info.Instances {
		t, ok := inst.Type.(*types.Named)
		if !ok || t.Obj().Pkg() == nil || t.Obj().Pkg().Path() != Path {
			continue
		}
		concrete := true
		for targ := range inst.TypeArgs.Types() {
			_, param := types.Unalias(targ).(*types.TypeParam)
			concrete = concrete && !param
		}
		if concrete {
			a.s.root.used[t.Origin()] = true
		}
	}
}

// next returns the State after the cell.
func (a *attempt) next(k *Checked) *State {
	s := *a.s
	s.cells++
	names := map[string]*binding{}
	for _, imp := range a.imports {
		switch imp.Name {
		case "_":
		case ".":
			s.dots = append(slices.Clip(s.dots), imp)
		default:
			names[imp.Name] = &binding{imp: imp}
		}
	}
	methods := map[types.Object]*Decl{}
	latest := map[*Decl]*Decl{}
	for _, d := range k.Decls {
		switch {
		case d.Kind == Method:
			continue
		case d.Kind == Var && strings.Contains(d.Obj.Name(), mark):
			continue // another variable of the cell has the name
		}
		names[d.Obj.Name()] = &binding{obj: d.Obj, decl: d}
		if d.replaces != nil {
			latest[d.replaces] = d
			d.replaces = nil
		}
	}
	for _, d := range k.Decls {
		if d.Kind != Method {
			continue
		}
		for old, fn := range a.rebinds {
			if fn == d.Obj {
				methods[old] = d
				d.again = true
			}
		}
	}
	s.names = s.names.with(maps.Clone(names))
	s.methods = s.methods.with(methods)
	s.latest = s.latest.with(latest)
	s.added = append(slices.Clip(s.added), a.added...)
	if len(a.added) > 0 {
		s.root.installed = s.added
	}
	return &s
}
