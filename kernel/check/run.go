package check

import (
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"runtime"
	"strconv"
	"strings"
	"unicode"

	"braid/kernel/cell"
	"braid/kernel/check/exportdata"
	"braid/kernel/eval"
)

// problem is an error or warning on its way to a Diagnostic.
type problem struct {
	pos, end token.Pos
	msg      string
	warning  bool
}

// lateHook is a name that is declared nowhere. A constant that is set to it
// stands behind the methods on types of earlier cells; go/types looks at
// declarations in order, signatures first, bodies last, and reports the name
// as undefined just when the methods should be added to their types.
const lateHook = mark + "late"

// attempt is one run of go/types over a plan.
type attempt struct {
	*plan
	pkg     *types.Package
	info    *types.Info
	outer   *types.Scope // holds what earlier cells declared
	imports []*Import    // of the cell itself
	rebinds map[*types.Func]*types.Func
	added   []lateMethod
	soft    []problem       // from go/types
	failed  map[string]bool // names of packages that could not be imported
}

var sizes = types.SizesFor("gc", runtime.GOARCH)

// checker limits: a cell that is refused shows at most ten errors, like gc.
const maxErrors = 10

// run checks the plan.
func (a *attempt) run() {
	a.pkg = types.NewPackage(Path, "main")
	a.info = &types.Info{
		Types:        map[ast.Expr]types.TypeAndValue{},
		Instances:    map[*ast.Ident]types.Instance{},
		Defs:         map[*ast.Ident]types.Object{},
		Uses:         map[*ast.Ident]types.Object{},
		Implicits:    map[ast.Node]types.Object{},
		Selections:   map[*ast.SelectorExpr]*types.Selection{},
		Scopes:       map[ast.Node]*types.Scope{},
		FileVersions: map[*ast.File]string{},
	}
	file := a.file()
	a.insertNames()
	conf := types.Config{
		Importer:                 a.s.root.imp,
		Sizes:                    sizes,
		DisableUnusedImportCheck: true,
		Error:                    a.onError,
	}
	types.NewChecker(&conf, a.s.root.fset, a.pkg, a.info).Files([]*ast.File{file})
}

func (a *attempt) onError(err error) {
	e, ok := err.(types.Error)
	if !ok {
		a.soft = append(a.soft, problem{msg: err.Error()})
		return
	}
	if strings.HasSuffix(e.Msg, lateHook) {
		a.rebinds, a.added = a.addLate(a.info)
		return
	}
	a.soft = append(a.soft, problem{pos: e.Pos, msg: e.Msg})
}

// file lays the cell out as go/types is to see it: variables of the cell with
// their initialisers as variables of the package, so that their types are
// inferred, everything else in a function.
func (a *attempt) file() *ast.File {
	p := a.plan
	f := &ast.File{Package: p.pos(), Name: &ast.Ident{NamePos: p.pos(), Name: "main"}}
	if len(p.c.Imports) > 0 {
		f.Decls = append(f.Decls, a.importDecl())
	}
	a.splitLate()
	for _, d := range p.late {
		f.Decls = append(f.Decls, d)
	}
	if len(p.late) > 0 {
		f.Decls = append(f.Decls, p.hook())
	}
	first := len(f.Decls)
	for _, l := range [][]*ast.GenDecl{p.consts, p.types} {
		for _, d := range l {
			f.Decls = append(f.Decls, d)
		}
	}
	for _, d := range p.funcs {
		f.Decls = append(f.Decls, d)
	}
	var body []ast.Stmt
	for _, st := range p.steps {
		decls, stmts := st.forChecking()
		f.Decls = append(f.Decls, decls...)
		body = append(body, stmts...)
	}
	sortDecls(f.Decls[first:])
	decls, stmts := p.resultForChecking()
	f.Decls = append(f.Decls, decls...)
	body = append(body, stmts...)
	f.Decls = append(f.Decls, p.entry(body))
	return f
}

// pos is a position for what the learner did not write: the cell's start.
func (p *plan) pos() token.Pos { return token.Pos(p.c.File.Base()) }

func (p *plan) end() token.Pos { return token.Pos(p.c.File.Base() + p.c.File.Size()) }

func (p *plan) entry(body []ast.Stmt) *ast.FuncDecl {
	return &ast.FuncDecl{
		Name: &ast.Ident{NamePos: p.pos(), Name: Entry},
		Type: &ast.FuncType{Func: p.pos(), Params: &ast.FieldList{}},
		Body: &ast.BlockStmt{Lbrace: p.pos(), List: body, Rbrace: p.end()},
	}
}

func (p *plan) hook() ast.Decl {
	return &ast.GenDecl{Tok: token.CONST, TokPos: p.pos(), Specs: []ast.Spec{&ast.ValueSpec{
		Names:  []*ast.Ident{{NamePos: p.pos(), Name: "_"}},
		Values: []ast.Expr{&ast.Ident{NamePos: p.pos(), Name: lateHook}},
	}}}
}

// splitLate moves the methods on types of earlier cells to the front.
func (a *attempt) splitLate() {
	p := a.plan
	var rest []*ast.FuncDecl
	for _, d := range p.funcs {
		name := ReceiverName(d)
		if d.Recv != nil && name != "" && !p.declared[name] && p.s.Lookup(name) != nil && p.s.Lookup(name).Kind == Type {
			p.late = append(p.late, d)
		} else {
			rest = append(rest, d)
		}
	}
	p.funcs = rest
}

// forChecking returns a step as declarations of the package and statements.
func (st *step) forChecking() ([]ast.Decl, []ast.Stmt) {
	switch {
	case st.spec != nil:
		return []ast.Decl{varDecl(st.decl.TokPos, st.spec)}, nil
	case st.define == nil:
		return nil, []ast.Stmt{st.stmt}
	}
	d := st.define
	if len(d.Rhs) != len(d.Lhs) {
		spec := &ast.ValueSpec{Values: d.Rhs}
		for _, t := range st.lhs {
			id := t.id
			if t.reuse {
				id = &ast.Ident{NamePos: t.id.NamePos, Name: "_"}
			}
			spec.Names = append(spec.Names, id)
		}
		return []ast.Decl{varDecl(d.Pos(), spec)}, nil
	}
	var decls []ast.Decl
	var stmts []ast.Stmt
	for i, t := range st.lhs {
		if t.version == nil || t.reuse {
			stmts = append(stmts, &ast.AssignStmt{Lhs: []ast.Expr{t.id}, TokPos: d.TokPos, Tok: token.ASSIGN, Rhs: d.Rhs[i : i+1]})
			continue
		}
		decls = append(decls, varDecl(t.id.Pos(), &ast.ValueSpec{Names: []*ast.Ident{t.id}, Values: d.Rhs[i : i+1]}))
	}
	return decls, stmts
}

func varDecl(pos token.Pos, spec *ast.ValueSpec) ast.Decl {
	return &ast.GenDecl{Tok: token.VAR, TokPos: pos, Specs: []ast.Spec{spec}}
}

// resultForChecking returns the final expressions as statements. A call may
// have no value or several, so it is one as it stands; other expressions are
// assigned, which gives untyped constants the type that they are shown with;
// nil is a value of type any.
func (p *plan) resultForChecking() ([]ast.Decl, []ast.Stmt) {
	r := p.c.Result
	if len(r) == 1 && isCall(r[0]) {
		return nil, []ast.Stmt{&ast.ExprStmt{X: r[0]}}
	}
	var decls []ast.Decl
	var stmts []ast.Stmt
	for _, x := range r {
		blank := &ast.Ident{NamePos: x.Pos(), Name: "_"}
		if id, ok := ast.Unparen(x).(*ast.Ident); ok && id.Name == "nil" {
			spec := &ast.ValueSpec{Names: []*ast.Ident{blank}, Type: &ast.Ident{NamePos: x.Pos(), Name: hiddenAny}, Values: []ast.Expr{x}}
			decls = append(decls, varDecl(x.Pos(), spec))
			continue
		}
		stmts = append(stmts, &ast.AssignStmt{Tok: token.ASSIGN, TokPos: x.Pos(), Lhs: []ast.Expr{blank}, Rhs: []ast.Expr{x}})
	}
	return decls, stmts
}

// hiddenAny is any, whatever the learner calls so.
const hiddenAny = mark + "any"

func isCall(x ast.Expr) bool {
	switch x := ast.Unparen(x).(type) {
	case *ast.CallExpr:
		return true
	case *ast.UnaryExpr:
		return x.Op == token.ARROW
	}
	return false
}

// importOf reads an import specification; Name is "" if it has none.
func importOf(spec *ast.ImportSpec) *Import {
	imp := &Import{}
	if spec.Path != nil {
		if path, err := strconv.Unquote(spec.Path.Value); err == nil {
			imp.Path = path
		}
	}
	if spec.Name != nil {
		imp.Name = spec.Name.Name
	}
	return imp
}

// importDecl returns the cell's imports, without those that say again what the
// cell said before, and reports those that nothing is known about.
func (a *attempt) importDecl() ast.Decl {
	p := a.plan
	d := &ast.GenDecl{Tok: token.IMPORT, TokPos: p.pos(), Lparen: p.pos()}
	seen := map[Import]bool{}
	for _, spec := range p.c.Imports {
		imp := importOf(spec)
		if seen[*imp] {
			continue
		}
		seen[*imp] = true
		if imp.Path == "" || strings.ContainsFunc(imp.Path, notInPath) {
			p.errorAt(importPathNode(spec), "invalid import path: "+pathText(spec))
			continue
		}
		pkg, err := p.s.root.imp.Import(imp.Path)
		if err != nil {
			p.errorAt(importPathNode(spec), importError(imp.Path, err))
			a.failed[cmp.Or(imp.Name, imp.Path[strings.LastIndexByte(imp.Path, '/')+1:])] = true
			continue
		}
		imp.Pkg = pkg
		if imp.Name == "" {
			imp.Name = pkg.Name()
		}
		a.imports = append(a.imports, imp)
		d.Specs = append(d.Specs, spec)
	}
	return d
}

func importPathNode(spec *ast.ImportSpec) ast.Node {
	if spec.Path != nil {
		return spec.Path
	}
	return spec
}

func pathText(spec *ast.ImportSpec) string {
	if spec.Path == nil {
		return `""`
	}
	return spec.Path.Value
}

func notInPath(r rune) bool {
	return !unicode.IsGraphic(r) || unicode.IsSpace(r) || strings.ContainsRune("!\"#$%&'()*,:;<=>?[]^`{|}\uFFFD", r)
}

// importError explains why a package cannot be imported, and names the one
// that was probably meant.
func importError(path string, err error) string {
	if path == "C" {
		return "cgo is not available in cells"
	}
	msg := err.Error()
	if _, unavailable := exportdata.Unavailable[path]; unavailable || strings.HasPrefix(msg, "package ") && strings.Contains(msg, "cannot be used") {
		return msg
	}
	if _, unknown := errors.AsType[*exportdata.UnknownPackage](err); !unknown && !strings.HasSuffix(msg, "is not in std") {
		return "package " + path + " cannot be imported: " + msg
	}
	if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") {
		return "package " + path + " cannot be imported: it is of a third-party module, and they are not available here"
	}
	msg = "package " + path + " is not in std"
	if near := nearestPackage(path); near != "" {
		msg += "; did you mean " + strconv.Quote(near) + "?"
	}
	return msg
}

// nearestPackage returns the importable package whose path is most like path.
func nearestPackage(path string) string {
	l := exportdata.Named(path[strings.LastIndexByte(path, '/')+1:])
	if len(l) > 0 {
		return l[0].Path
	}
	best, least := "", max(min(2, len(path)/3), len(path)/4)+1
	for _, p := range exportdata.Contents().Packages {
		if d := distance(path, p.Path, least); d < least {
			best, least = p.Path, d
		}
	}
	return best
}

// distance is the Levenshtein distance with swaps of neighbours, or limit.
func distance(a, b string, limit int) int {
	if d := len(a) - len(b); d >= limit || -d >= limit {
		return limit
	}
	var rows [3][]int
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
	}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		older, old, row := rows[0], rows[1], rows[2]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(old[j]+1, row[j-1]+1, old[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
		rows[0], rows[1], rows[2] = old, row, older
	}
	return rows[1][len(b)]
}

// insertNames makes what earlier cells declared visible, as far as the cell has
// the name at all: in a scope of its own around that of the cell's package, so
// that whatever the cell declares or imports hides it.
func (a *attempt) insertNames() {
	p := a.plan
	a.outer = types.NewScope(types.Universe, token.NoPos, token.NoPos, "earlier cells")
	*a.pkg.Scope() = *types.NewScope(a.outer, token.NoPos, token.NoPos, "cell")
	a.outer.Insert(types.NewTypeName(token.NoPos, a.pkg, hiddenAny, types.Universe.Lookup("any").Type()))
	seen := map[string]bool{}
	p.eachNode(func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && !seen[id.Name] {
			seen[id.Name] = true
			a.insert(id.Name)
		}
		return true
	})
	if p.lenient {
		a.insertUnimported()
	}
	for _, v := range p.olds {
		a.insertHidden(v)
	}
	for _, name := range p.broken {
		a.outer.Insert(types.NewVar(p.pos(), a.pkg, name, types.Typ[types.Invalid]))
	}
}

func (a *attempt) insert(name string) {
	b, ok := a.s.names.get(name)
	switch {
	case ok && b.imp != nil:
		a.outer.Insert(types.NewPkgName(token.NoPos, a.pkg, name, b.imp.Pkg))
	case ok:
		a.outer.Insert(b.obj)
	case ast.IsExported(name):
		for i := len(a.s.dots) - 1; i >= 0; i-- {
			if obj := a.s.dots[i].Pkg.Scope().Lookup(name); obj != nil {
				a.outer.Insert(obj)
				return
			}
		}
	}
}

// insertUnimported adds packages that could be meant by names that mean nothing.
func (a *attempt) insertUnimported() {
	for name, used := range a.unresolved() {
		if a.outer.Lookup(name) != nil {
			continue
		}
		if l, _ := a.s.packagesFor(name, used); len(l) > 0 {
			if pkg, err := a.s.root.imp.Import(l[0].Path); err == nil {
				a.outer.Insert(types.NewPkgName(token.NoPos, a.pkg, name, pkg))
			}
		}
	}
}

// insertHidden puts a stand-in for a shadowed object in the scope; finish puts
// the object itself in its place.
func (a *attempt) insertHidden(v *version) {
	pkg, pos := a.pkg, a.pos()
	switch o := v.old.(type) {
	case nil:
		if v.imp == nil {
			return
		}
		v.alias = types.NewPkgName(pos, pkg, v.hidden, v.imp.Pkg)
	case *types.Var:
		v.alias = types.NewVar(pos, pkg, v.hidden, o.Type())
	case *types.Const:
		v.alias = types.NewConst(pos, pkg, v.hidden, o.Type(), o.Val())
	case *types.TypeName:
		v.alias = types.NewTypeName(pos, pkg, v.hidden, o.Type())
	case *types.Func:
		v.alias = types.NewFunc(pos, pkg, v.hidden, o.Signature())
	}
	a.outer.Insert(v.alias)
}

// Check type-checks a cell. If a Diagnostic is an Error, Checked is nil; the
// State is the same afterwards in every case. Diagnostics are sorted by
// position, errors at most eleven; warnings are also in Checked.Warnings. The
// cell must have been parsed without errors, with the State's FileSet.
//
// Cost: 40–150 µs for a small cell, whatever the number of cells before.
func (s *State) Check(c *cell.Cell) (k *Checked, ds []cell.Diagnostic) {
	s.root.mu.Lock()
	defer s.root.mu.Unlock()
	defer func() {
		// go/types is not free of bugs, and a cell must not end the kernel.
		if v := recover(); v != nil {
			k, ds = nil, []cell.Diagnostic{{Pos: eval.Pos{Cell: c.Name, Line: 1, Column: 1}, Msg: fmt.Sprint("internal compiler error: ", v)}}
		}
	}()
	a := s.attempt(c, newChoices())
	problems := a.problems()
	if refused(problems) {
		return nil, a.diagnostics(problems)
	}
	return a.finish(a.diagnostics(problems))
}

// attempt runs attempts until one has nothing to reconsider. s.root.mu is held.
func (s *State) attempt(c *cell.Cell, try *choices) *attempt {
	s.root.files = append(s.root.files, c.File)
	for {
		s.activate()
		a := &attempt{plan: newPlan(s, c, try), failed: map[string]bool{}}
		a.run()
		again := a.reconsider()
		a.restore()
		if !again {
			return a
		}
	}
}
