// Package lower rewrites a checked cell into the small part of Go that yaegi
// v0.16.1 runs rightly: cell, check, lower, eval. It promises that a lowered
// program does what Go says, or that the cell is refused with the name of the
// construct and a way out; it never hands on what yaegi is known to get wrong.
//
// Lowered code is Go with functions and plain data only. It has no methods, no
// named types, no interfaces with a meaning, no channels, no range, no defer,
// no generics and no imports but one: package ˍ, whose names an engine makes
// for each program from its Header, as compiled functions of exact types. What
// has left the language returns as calls:
//
//   - A declared type is its underlying type (Type explains the two faces), a
//     method is a function, and a value that goes into an interface is turned
//     into the learner's own type, with its name and methods, by a compiled
//     conversion. Assertions turn it back, and method calls through interfaces
//     are compiled dispatchers. So %T, Stringers in slices, errors.As, json
//     and type switches see what they would see in a compiled program.
//   - A function literal is made by a top-level function that takes what the
//     literal captures, by value, or by pointer if the variable is assigned
//     after its declaration. No two goroutines share an interpreter frame.
//   - Variables whose address is taken, and those of cells, live on the heap.
//   - Generic functions are cloned for each list of type arguments.
//   - Loops poll the stop flag; functions do so when they are entered.
package lower

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"golang.org/x/tools/go/types/typeutil"

	"braid/kernel/eval"
)

// EntryName is the function of a lowered program that runs its statements; it
// takes and returns nothing.
const EntryName = "Cellˍ"

// LinkName is the function that connects a lowered program's variables.
const LinkName = "Linkˍ"

// Input is a checked cell: what package check finds out, as far as lowering
// needs it.
type Input struct {
	ID      int
	Name    string // file name in positions
	Fset    *token.FileSet
	File    *ast.File // declarations, and last the entry function
	Entry   *ast.FuncDecl
	Info    *types.Info
	Pkg     *types.Package
	Show    bool
	Results []types.Type
	Rebinds map[*types.Func]*types.Func
}

// Lowerer lowers the cells of one session, in the order in which they were
// checked. It remembers the generic functions of earlier cells, nothing else.
type Lowerer struct {
	ctxt  *types.Context
	decls map[*types.Func]source // functions of all cells lowered so far
}

// source is where a function's body is.
type source struct {
	decl *ast.FuncDecl
	info *types.Info
	fset *token.FileSet
}

// New returns the Lowerer of a new session.
func New() *Lowerer {
	return &Lowerer{ctxt: types.NewContext(), decls: map[*types.Func]source{}}
}

// unit is a cell being lowered.
type unit struct {
	l     *Lowerer
	in    Input
	head  Header
	table *typeutil.Map // types.Type to index in head.Types
	syms  map[string]string
	vars  map[*types.Var]string // cell variables of this and earlier cells
	funcs map[*types.Func]string
	insts map[string]string // generic instances by identity
	queue []func()
	out   strings.Builder // finished functions
	globs strings.Builder
	links strings.Builder
	nils  map[string]string
	posns map[token.Pos]int
	promo map[string]bool

	expanding map[*types.Named]bool
	names     map[string]int
	depth     int
	at        token.Pos // of what is being lowered, for refusals
	fset      *token.FileSet
}

type refusal struct{ err *eval.Error }

// refuse ends the lowering: the engine would get what wrong.
func (u *unit) refuse(pos token.Pos, what, wayOut string) {
	if wayOut == "" {
		wayOut = "run the kernel with --engine vm"
	} else {
		wayOut += "; or run the kernel with --engine vm"
	}
	panic(refusal{&eval.Error{
		Name:  eval.Unsupported,
		Value: "the yaegi engine can't run " + what + " rightly, so the cell was not run",
		Pos:   u.evalPos(pos),
		Notes: []string{strings.ToUpper(wayOut[:1]) + wayOut[1:] + "."},
	}})
}

func (u *unit) evalPos(pos token.Pos) eval.Pos {
	p := u.fset.Position(pos)
	return eval.Pos{Cell: p.Filename, Line: p.Line, Column: p.Column}
}

// Lower rewrites a cell. The error is always named Unsupported, or
// InternalError if lowering itself failed.
func (l *Lowerer) Lower(in Input) (p *eval.Program, e *eval.Error) {
	u := &unit{
		l: l, in: in, table: &typeutil.Map{}, syms: map[string]string{}, vars: map[*types.Var]string{},
		funcs: map[*types.Func]string{}, insts: map[string]string{}, nils: map[string]string{},
		posns: map[token.Pos]int{}, promo: map[string]bool{}, expanding: map[*types.Named]bool{},
		names: map[string]int{}, at: in.File.Pos(), fset: in.Fset,
	}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case refusal:
			p, e = nil, r.err
		default:
			p, e = nil, &eval.Error{Name: eval.InternalBug, Value: fmt.Sprintf("lowering failed: %v", r), Pos: u.evalPos(u.at), Notes: []string{stack()}}
		}
	}()
	u.typ(types.Typ[types.Invalid+1]) // index 0 is never a useful type
	u.file()
	text, err := Encode(&u.head, u.text())
	if err != nil {
		return nil, &eval.Error{Name: eval.InternalBug, Value: err.Error()}
	}
	for fn, s := range u.declared() {
		l.decls[fn] = s
	}
	return &eval.Program{ID: in.ID, Name: in.Name, Lowered: text, Entry: EntryName}, nil
}

func (u *unit) declared() map[*types.Func]source {
	m := map[*types.Func]source{}
	for _, d := range u.in.File.Decls {
		if d, ok := d.(*ast.FuncDecl); ok && d != u.in.Entry {
			if o, ok := u.in.Info.Defs[d.Name].(*types.Func); ok {
				m[o] = source{d, u.in.Info, u.in.Fset}
			}
		}
	}
	return m
}

// source finds a function's declaration, of this cell or an earlier one.
func (u *unit) source(fn *types.Func) (source, bool) {
	for _, d := range u.in.File.Decls {
		if d, ok := d.(*ast.FuncDecl); ok && u.in.Info.Defs[d.Name] == fn {
			return source{d, u.in.Info, u.in.Fset}, true
		}
	}
	s, ok := u.l.decls[fn]
	return s, ok
}

func (u *unit) file() {
	for _, d := range u.in.File.Decls {
		d, ok := d.(*ast.FuncDecl)
		if !ok || d == u.in.Entry {
			continue
		}
		o, ok := u.in.Info.Defs[d.Name].(*types.Func)
		if !ok || isGeneric(o) {
			continue
		}
		u.at = d.Pos()
		u.funcs[o] = u.unique(funcName(o))
	}
	for _, d := range u.in.File.Decls {
		d, ok := d.(*ast.FuncDecl)
		if !ok || d == u.in.Entry {
			continue
		}
		if o, ok := u.in.Info.Defs[d.Name].(*types.Func); ok && !isGeneric(o) {
			u.function(u.funcs[o], u.funcID(o, nil), displayName(o), source{d, u.in.Info, u.in.Fset}, nil)
		}
	}
	// Variables and types of the cell exist even if no statement names them.
	for _, d := range u.in.File.Decls {
		if d, ok := d.(*ast.GenDecl); ok {
			u.genDecl(d)
		}
	}
	u.entry()
	for len(u.queue) > 0 {
		next := u.queue[0]
		u.queue = u.queue[1:]
		next()
	}
	u.rebinds()
}

func (u *unit) genDecl(d *ast.GenDecl) {
	for _, s := range d.Specs {
		s, ok := s.(*ast.ValueSpec)
		if !ok || d.Tok != token.VAR {
			continue
		}
		for _, n := range s.Names {
			if v, ok := u.in.Info.Defs[n].(*types.Var); ok && n.Name != "_" {
				u.at = n.Pos()
				u.global(v)
			}
		}
	}
}

func (u *unit) rebinds() {
	for old, now := range u.in.Rebinds {
		if isGeneric(old) || isGeneric(now) {
			continue
		}
		if u.head.Redirects == nil {
			u.head.Redirects = map[string]string{}
		}
		u.head.Redirects[u.funcID(old, nil)] = u.funcID(now, nil)
	}
}

// text puts the program together.
func (u *unit) text() string {
	var b strings.Builder
	b.WriteString("package main\n\nimport \"ˍ\"\n\n")
	b.WriteString("var stopˍ *uint32\n")
	b.WriteString(u.globs.String())
	fmt.Fprintf(&b, "\nfunc %s() {\n\tstopˍ = ˍ.Stop\n%s", LinkName, u.links.String())
	for i, f := range u.head.Funcs {
		if f.ID != "" {
			fmt.Fprintf(&b, "\tˍ.Define(%d, %s)\n", i, f.Name)
		}
	}
	fmt.Fprintf(&b, "}\n\nfunc main() {\n\tˍ.Start(%s, %s)\n}\n", LinkName, EntryName)
	b.WriteString(u.out.String())
	return b.String()
}

// unique makes an identifier of the lowered program.
func (u *unit) unique(name string) string {
	u.names[name]++
	return fmt.Sprintf("%sˍ%d", name, u.names[name])
}

// sym enters a symbol and returns its qualified name.
func (u *unit) sym(s Sym) string {
	key := fmt.Sprint(s.Kind, s.Types, s.Pkg, s.Member, s.ID, s.N)
	if n, ok := u.syms[key]; ok {
		return n
	}
	s.Name = fmt.Sprintf("%s%d", strings.ToUpper(s.Kind[:1])+s.Kind[1:], len(u.head.Syms))
	u.head.Syms = append(u.head.Syms, s)
	n := "ˍ." + s.Name
	u.syms[key] = n
	return n
}

// pos enters a place; lowered code passes its index.
func (u *unit) pos(p token.Pos) int {
	if i, ok := u.posns[p]; ok {
		return i
	}
	i := len(u.head.Pos)
	u.posns[p] = i
	u.head.Pos = append(u.head.Pos, u.evalPos(p))
	return i
}

// objectID identifies a package-level or local declaration of any cell.
func (u *unit) objectID(o types.Object) string {
	return o.Name() + "@" + u.in.Fset.Position(o.Pos()).String()
}

// funcID identifies a function, a method, or an instance of either.
func (u *unit) funcID(fn *types.Func, args *types.TypeList) string {
	id := u.objectID(fn.Origin())
	if args != nil {
		id += u.argsID(args)
	}
	return id
}

func isGeneric(fn *types.Func) bool {
	s := fn.Signature()
	return s.TypeParams().Len() > 0 || s.RecvTypeParams().Len() > 0
}

// recvNamed is the type a method belongs to.
func recvNamed(fn *types.Func) *types.Named {
	r := fn.Signature().Recv()
	if r == nil {
		return nil
	}
	t := types.Unalias(r.Type())
	if p, ok := t.(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	n, _ := t.(*types.Named)
	return n
}

func funcName(fn *types.Func) string {
	if n := recvNamed(fn); n != nil {
		return n.Obj().Name() + "ˍ" + fn.Name()
	}
	return fn.Name()
}

// displayName is how Go's tracebacks call a function.
func displayName(fn *types.Func) string {
	n := recvNamed(fn)
	if n == nil {
		return fn.Name()
	}
	if _, ok := types.Unalias(fn.Signature().Recv().Type()).(*types.Pointer); ok {
		return "(*" + n.Obj().Name() + ")." + fn.Name()
	}
	return n.Obj().Name() + "." + fn.Name()
}

// global returns the lowered program's pointer to a cell variable.
func (u *unit) global(v *types.Var) string {
	if n, ok := u.vars[v]; ok {
		return n
	}
	n := u.unique(v.Name())
	u.vars[v] = n
	s := u.sym(Sym{Kind: "var", Types: []int{u.typ(v.Type())}, ID: u.objectID(v)})
	fmt.Fprintf(&u.globs, "var %s *%s\n", n, u.ty(v.Type()))
	fmt.Fprintf(&u.links, "\t%s = %s\n", n, s)
	return n
}

// nilOf names a variable that holds the zero value of a type and is never
// assigned: yaegi's nil has no type.
func (u *unit) nilOf(ty string) string {
	if n, ok := u.nils[ty]; ok {
		return n
	}
	n := u.unique("nil")
	u.nils[ty] = n
	fmt.Fprintf(&u.globs, "var %s %s\n", n, ty)
	return n
}

// method finds the function of a concrete cell-declared method.
func (u *unit) funcRef(fn *types.Func, args *types.TypeList) string {
	o := fn.Origin()
	if isGeneric(o) {
		return u.instance(o, args)
	}
	if n, ok := u.funcs[o]; ok {
		return n
	}
	return u.sym(Sym{Kind: "func", Types: []int{u.typ(recvFirst(o.Signature()))}, ID: u.funcID(o, nil)})
}

// recvFirst is a method's signature with the receiver as first parameter.
func recvFirst(s *types.Signature) *types.Signature {
	if s.Recv() == nil {
		return plain(s)
	}
	params := []*types.Var{types.NewParam(s.Recv().Pos(), s.Recv().Pkg(), "", s.Recv().Type())}
	for v := range s.Params().Variables() {
		params = append(params, v)
	}
	return types.NewSignatureType(nil, nil, nil, types.NewTuple(params...), s.Results(), s.Variadic())
}

// maxInstances bounds instances of one cell, against polymorphic recursion.
const maxInstances = 500

// instance names the clone of a generic function for some type arguments, and
// sees to it that the clone is made.
func (u *unit) instance(fn *types.Func, args *types.TypeList) string {
	id := u.funcID(fn, args)
	if n, ok := u.insts[id]; ok {
		return n
	}
	src, ok := u.source(fn)
	if !ok {
		u.refuse(u.at, "the generic function "+fn.FullName(), "")
	}
	if len(u.insts) > maxInstances {
		u.refuse(u.at, "a generic function that needs ever more instances of itself", "")
	}
	name := u.unique(funcName(fn))
	u.insts[id] = name
	params := fn.Signature().TypeParams()
	if fn.Signature().Recv() != nil {
		params = fn.Signature().RecvTypeParams()
	}
	e := env{}
	for i := range params.Len() {
		e[params.At(i)] = args.At(i)
	}
	at := u.at
	u.queue = append(u.queue, func() {
		u.at = at
		u.function(name, id, displayName(fn), src, e)
	})
	return name
}

// methodSet lists the methods of *t, promoted ones too.
func (u *unit) methodSet(t *types.Named) []Method {
	var ms []Method
	set := types.NewMethodSet(types.NewPointer(t))
	value := types.NewMethodSet(t)
	for i := range set.Len() {
		sel := set.At(i)
		fn := sel.Obj().(*types.Func)
		if !isCell(fn) && !fn.Exported() {
			continue // no cell can call it, nor ask for it
		}
		m := Method{Name: fn.Name(), Type: u.typ(plain(sel.Type().(*types.Signature))), Pointer: value.Lookup(fn.Pkg(), fn.Name()) == nil}
		if len(sel.Index()) == 1 && isCell(fn) {
			m.Func = u.funcID(fn, t.TypeArgs())
			_, m.Recv = types.Unalias(fn.Signature().Recv().Type()).(*types.Pointer)
			if isGeneric(fn.Origin()) {
				u.instance(fn.Origin(), t.TypeArgs())
			}
		} else {
			m.Recv = true
			m.Func = u.promoted(t, sel)
		}
		ms = append(ms, m)
	}
	return ms
}

// promoted makes the function behind a method that t has by embedding.
func (u *unit) promoted(t *types.Named, sel *types.Selection) string {
	id := fmt.Sprintf("%s.%s", u.typeID(t), sel.Obj().Name())
	if u.promo[id] {
		return id
	}
	u.promo[id] = true
	sig := sel.Type().(*types.Signature)
	name := u.unique(t.Obj().Name() + "ˍ" + sel.Obj().Name())
	at := u.at
	u.queue = append(u.queue, func() {
		u.at = at
		u.forwarder(name, id, t, sel, sig)
	})
	return id
}
