package check

import (
	"go/ast"
	"go/token"
	"go/types"
	"strconv"

	"braid/kernel/cell"
)

// mark separates a name from what tells it from others of the same name. It is
// a letter, so that names with it are identifiers, but one that nobody types.
const mark = "ˍ"

// plan is a cell taken apart for one attempt at checking it.
//
// go/types checks packages, where a name means one thing everywhere; in a
// notebook, "x := x + 1" after "x := 1" is usual. So each variable that the
// cell declares under a name is a version of that name. The last one is the
// name for the package, the others have hidden names while go/types looks:
// identifiers are renamed before, and get their names back after.
type plan struct {
	s   *State
	c   *cell.Cell
	try *choices

	declared map[string]bool // names of functions, types and constants that the cell declares
	varNames map[string]int  // names declared by var → index of the last such step
	types    []*ast.GenDecl  // with one spec each: type declarations to check
	consts   []*ast.GenDecl
	funcs    []*ast.FuncDecl // functions and methods, without init
	late     []*ast.FuncDecl // the methods on types of earlier cells
	kept     map[string]*Decl
	steps    []*step
	versions map[string][]*version
	olds     map[string]*version // versions of earlier cells that got a hidden name
	renamed  []rename
	doubtful []rename // keys of literals, with the names they have if they are variables
	broken   []string // names on the left of a := that is wrong
	again    bool     // a choice was changed: try again
	lenient  bool     // packages that are not imported are found all the same
	errs     []problem
	returns  []problem // return statements outside of functions
}

// rename remembers the name that the learner wrote.
type rename struct {
	id   *ast.Ident
	name string
}

// choices are what an attempt assumes and go/types may refute; then there is
// another attempt.
type choices struct {
	shadow  map[*ast.Ident]bool        // variables on the left of := to declare, not to assign
	fresh   map[string]bool            // unchanged types to declare anew all the same
	keys    map[*ast.CompositeLit]bool // struct literals that were given field names
	mapKeys map[*ast.Ident]bool        // keys of literals that are variables, not fields
}

func newChoices() *choices {
	return &choices{
		shadow:  map[*ast.Ident]bool{},
		fresh:   map[string]bool{},
		keys:    map[*ast.CompositeLit]bool{},
		mapKeys: map[*ast.Ident]bool{},
	}
}

// step is a statement of the cell, or a declaration of variables.
type step struct {
	spec   *ast.ValueSpec  // var
	define *ast.AssignStmt // x := e, if it declares variables of the package
	stmt   ast.Stmt        // anything else
	lhs    []target        // of spec and define
	node   ast.Node        // what the learner wrote, for Decl.Node
	decl   *ast.GenDecl    // that spec is in
	// After checking:
	deps []*step // var steps whose variables the initialiser needs
	done bool
}

// target is one name on the left side.
type target struct {
	id      *ast.Ident
	version *version // nil for the blank identifier
	reuse   bool     // assigned to, not declared
}

// version is one of the variables of a name.
type version struct {
	name   string
	hidden string       // name while go/types looks; same as name for the last one of the cell
	old    types.Object // of an earlier cell
	imp    *Import      // the same, for a package
	alias  types.Object // stands for old under its hidden name
	id     *ast.Ident   // where it is declared, of this cell
}

func newPlan(s *State, c *cell.Cell, try *choices) *plan {
	p := &plan{
		s: s, c: c, try: try,
		declared: map[string]bool{},
		varNames: map[string]int{},
		kept:     map[string]*Decl{},
		versions: map[string][]*version{},
		olds:     map[string]*version{},
	}
	p.sort()
	p.keep()
	p.bind()
	p.resolve()
	p.findReturns()
	return p
}

// sort puts every item of the cell where it belongs.
func (p *plan) sort() {
	for _, it := range p.c.Items {
		switch d := it.Decl.(type) {
		case nil:
			p.statement(it.Stmt)
		case *ast.FuncDecl:
			p.function(d)
		case *ast.GenDecl:
			p.genDecl(d)
		}
	}
	if p.c.RunMain {
		for _, d := range p.funcs {
			if d.Recv == nil && d.Name.Name == "main" && d.Type.Params.NumFields()+d.Type.Results.NumFields() == 0 {
				call := &ast.CallExpr{Fun: &ast.Ident{NamePos: d.Name.NamePos, Name: "main"}, Lparen: d.Name.NamePos, Rparen: d.Name.NamePos}
				p.steps = append(p.steps, &step{stmt: &ast.ExprStmt{X: call}})
			}
		}
	}
}

func (p *plan) statement(s ast.Stmt) {
	if l, ok := s.(*ast.LabeledStmt); ok && definition(l.Stmt) != nil {
		// The label stays, what it labels becomes a step of its own.
		empty := &ast.EmptyStmt{Semicolon: l.Colon, Implicit: true}
		p.steps = append(p.steps, &step{stmt: &ast.LabeledStmt{Label: l.Label, Colon: l.Colon, Stmt: empty}})
		p.statement(l.Stmt)
		return
	}
	if a := definition(s); a != nil {
		p.steps = append(p.steps, &step{define: a, node: a})
		return
	}
	p.steps = append(p.steps, &step{stmt: s})
	if a, ok := s.(*ast.AssignStmt); ok && a.Tok == token.DEFINE {
		for _, x := range a.Lhs {
			if id, ok := x.(*ast.Ident); ok {
				p.broken = append(p.broken, id.Name)
			}
		}
	}
}

// definition returns s as a short variable declaration that can be one of the
// package's variables. Others are left to go/types to refuse as statements.
func definition(s ast.Stmt) *ast.AssignStmt {
	a, ok := s.(*ast.AssignStmt)
	if !ok || a.Tok != token.DEFINE || len(a.Rhs) != 1 && len(a.Rhs) != len(a.Lhs) {
		return nil
	}
	names := map[string]bool{}
	for _, x := range a.Lhs {
		id, ok := x.(*ast.Ident)
		if !ok || names[id.Name] {
			return nil
		}
		if id.Name != "_" {
			names[id.Name] = true
		}
	}
	if len(names) == 0 {
		return nil
	}
	return a
}

func (p *plan) function(d *ast.FuncDecl) {
	if d.Recv != nil {
		p.funcs = append(p.funcs, d)
		return
	}
	if d.Name.Name != "init" {
		if d.Name.Name != "_" {
			p.declared[d.Name.Name] = true
		}
		p.funcs = append(p.funcs, d)
		return
	}
	switch {
	case d.Type.TypeParams.NumFields() > 0:
		p.errorAt(d.Name, "func init must have no type parameters")
	case d.Type.Params.NumFields() > 0 || d.Type.Results.NumFields() > 0:
		p.errorAt(d.Name, "func init must have no arguments and no return values")
	case d.Body == nil:
		p.errorAt(d.Name, "missing function body")
	default:
		// Go runs it without being asked.
		lit := &ast.FuncLit{Type: d.Type, Body: d.Body}
		call := &ast.CallExpr{Fun: lit, Lparen: d.Body.Rbrace, Rparen: d.Body.Rbrace}
		p.steps = append(p.steps, &step{stmt: &ast.ExprStmt{X: call}})
	}
}

func (p *plan) genDecl(d *ast.GenDecl) {
	switch d.Tok {
	case token.CONST:
		p.consts = append(p.consts, d)
		for _, s := range d.Specs {
			for _, n := range s.(*ast.ValueSpec).Names {
				p.declared[n.Name] = true
			}
		}
	case token.TYPE:
		for _, s := range d.Specs {
			spec := s.(*ast.TypeSpec)
			p.declared[spec.Name.Name] = true
			one := *d
			one.Specs = []ast.Spec{spec}
			p.types = append(p.types, &one)
		}
	case token.VAR:
		for _, s := range d.Specs {
			spec := s.(*ast.ValueSpec)
			for _, n := range spec.Names {
				p.varNames[n.Name] = len(p.steps)
			}
			p.steps = append(p.steps, &step{spec: spec, node: spec, decl: d})
		}
	}
}

// bind decides for every name on the left of a step which variable it is.
func (p *plan) bind() {
	for _, st := range p.steps {
		switch {
		case st.spec != nil:
			for _, id := range st.spec.Names {
				p.declareVar(st, id)
			}
		case st.define != nil:
			fresh := p.hasNewName(st.define)
			for _, x := range st.define.Lhs {
				p.bindDefined(st, x.(*ast.Ident), fresh)
			}
		}
	}
	for name, vs := range p.versions {
		for i, v := range vs[:len(vs)-1] {
			v.hidden = hiddenName(name, i+1)
		}
	}
}

// hasNewName tells whether a short variable declaration has a name that
// neither this cell nor an earlier one has a variable of.
func (p *plan) hasNewName(a *ast.AssignStmt) bool {
	for _, x := range a.Lhs {
		name := x.(*ast.Ident).Name
		if name != "_" && len(p.versions[name]) == 0 && p.oldVar(name) == nil {
			return true
		}
	}
	return false
}

func (p *plan) oldVar(name string) *types.Var {
	if b, ok := p.s.names.get(name); ok {
		if v, ok := b.obj.(*types.Var); ok {
			return v
		}
	}
	return nil
}

func (p *plan) declareVar(st *step, id *ast.Ident) {
	t := target{id: id}
	if id.Name != "_" {
		t.version = &version{name: id.Name, hidden: id.Name, id: id}
		// "var x" twice in a cell stays an error: both keep the name.
		vs := p.versions[id.Name]
		if st.spec != nil && len(vs) > 0 {
			p.versions[id.Name] = vs
			t.version.hidden = id.Name
		} else {
			p.versions[id.Name] = append(vs, t.version)
		}
	}
	st.lhs = append(st.lhs, t)
}

func (p *plan) bindDefined(st *step, id *ast.Ident, fresh bool) {
	if id.Name == "_" {
		st.lhs = append(st.lhs, target{id: id})
		return
	}
	vs := p.versions[id.Name]
	switch {
	case p.try.shadow[id] || p.declared[id.Name]:
	case len(vs) > 0:
		st.lhs = append(st.lhs, target{id: id, version: vs[len(vs)-1], reuse: true})
		return
	case fresh && p.oldVar(id.Name) != nil:
		st.lhs = append(st.lhs, target{id: id, version: p.oldVersion(id.Name), reuse: true})
		return
	}
	p.declareVar(st, id)
}

// oldVersion returns what name meant before the cell.
func (p *plan) oldVersion(name string) *version {
	if v, ok := p.olds[name]; ok {
		return v
	}
	b, ok := p.s.names.get(name)
	if !ok {
		return nil
	}
	v := &version{name: name, hidden: hiddenName(name, 0), old: b.obj, imp: b.imp}
	p.olds[name] = v
	return v
}

func hiddenName(name string, n int) string { return name + mark + strconv.Itoa(n) }

func (p *plan) rename(id *ast.Ident, name string) {
	if id.Name != name {
		p.renamed = append(p.renamed, rename{id, id.Name})
		id.Name = name
	}
}

// restore gives all identifiers the names that the learner wrote.
func (p *plan) restore() {
	for i := len(p.renamed) - 1; i >= 0; i-- {
		p.renamed[i].id.Name = p.renamed[i].name
	}
}

func (p *plan) errorAt(n ast.Node, msg string) {
	p.errs = append(p.errs, problem{pos: n.Pos(), end: n.End(), msg: msg})
}
