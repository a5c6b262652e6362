package check

import (
	"go/ast"
	"go/scanner"
	"go/token"
	"go/types"
	"strings"
)

// keep finds the type declarations that say what they said before. Their types
// stay, so that running a cell again does not part old values from new ones.
//
// A type is kept if its declaration has the same words, all names in it mean
// the same as then, and its methods that the cell declares again have the
// signatures they had (which only go/types can tell: see addLate). Since types
// name each other, all candidates are taken at first, and those that don't hold
// drop out until nothing changes.
func (p *plan) keep() {
	specs := map[string]*ast.GenDecl{}
	for _, d := range p.types {
		spec := d.Specs[0].(*ast.TypeSpec)
		old := p.s.Lookup(spec.Name.Name)
		if old == nil || old.Kind != Type || p.try.fresh[spec.Name.Name] || specs[spec.Name.Name] != nil {
			continue
		}
		if words(p.c.Source, p.offset(spec.Pos()), p.offset(spec.End())) == old.words() {
			specs[spec.Name.Name] = d
			p.kept[spec.Name.Name] = old
		}
	}
	for changed := len(p.kept) > 0; changed; {
		changed = false
		for name, old := range p.kept {
			if !p.sameMeaning(old) {
				delete(p.kept, name)
				changed = true
			}
		}
	}
	if len(p.kept) == 0 {
		return
	}
	var rest []*ast.GenDecl
	for _, d := range p.types {
		name := d.Specs[0].(*ast.TypeSpec).Name.Name
		if p.kept[name] == nil || specs[name] != d {
			rest = append(rest, d)
			continue
		}
		delete(p.declared, name)
	}
	p.types = rest
	// A type declared twice in the cell is an error, whatever was before.
	for _, d := range p.types {
		delete(p.kept, d.Specs[0].(*ast.TypeSpec).Name.Name)
	}
}

func (p *plan) offset(pos token.Pos) int { return int(pos) - p.c.File.Base() }

// sameMeaning tells whether the names in an old declaration would mean the
// same in this cell.
func (p *plan) sameMeaning(old *Decl) bool {
	for _, dep := range old.Deps {
		name := dep.Name()
		if k := p.kept[name]; k != nil {
			if k != dep {
				return false
			}
			continue
		}
		if p.declared[name] && !(dep.Kind == Const && p.sameConst(dep)) {
			return false
		}
		if !p.declared[name] && dep.Kind != Method && p.s.Lookup(name) != dep {
			return false
		}
		if dep.Kind == Const && p.declared[name] && !p.sameMeaning(dep) {
			return false
		}
	}
	for name, path := range old.packages {
		if p.declared[name] || p.pathOf(name) != path {
			return false
		}
	}
	return true
}

// sameConst tells whether the cell declares a constant in the words it had.
func (p *plan) sameConst(old *Decl) bool {
	for _, d := range p.consts {
		for _, s := range d.Specs {
			for _, n := range s.(*ast.ValueSpec).Names {
				if n.Name == old.Name() {
					return words(p.c.Source, p.offset(d.Pos()), p.offset(d.End())) == old.words()
				}
			}
		}
	}
	return false
}

// pathOf returns the import path behind the name of a package.
func (p *plan) pathOf(name string) string {
	for _, spec := range p.c.Imports {
		imp := importOf(spec)
		if imp.Name == name || imp.Name == "" && imp.Path == name {
			return imp.Path
		}
		if imp.Name == "" && strings.HasSuffix(imp.Path, "/"+name) {
			return imp.Path
		}
	}
	if b, ok := p.s.names.get(name); ok && b.imp != nil {
		return b.imp.Path
	}
	return ""
}

// ReceiverName is the name of the type that a method belongs to, or "".
func ReceiverName(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return ""
	}
	x := d.Recv.List[0].Type
	for {
		switch t := x.(type) {
		case *ast.StarExpr:
			x = t.X
		case *ast.ParenExpr:
			x = t.X
		case *ast.IndexExpr:
			x = t.X
		case *ast.IndexListExpr:
			x = t.X
		case *ast.Ident:
			return t.Name
		default:
			return ""
		}
	}
}

// words returns the tokens of a piece of source without comments and layout.
func words(src string, from, to int) string {
	if from < 0 || to > len(src) || from > to {
		return ""
	}
	fset := token.NewFileSet()
	file := fset.AddFile("", -1, to-from)
	var s scanner.Scanner
	s.Init(file, []byte(src[from:to]), nil, 0)
	var b strings.Builder
	semicolon := false
	for {
		_, tok, lit := s.Scan()
		switch {
		case tok == token.EOF:
			return b.String()
		case tok == token.SEMICOLON:
			semicolon = true
			continue
		case lit == "":
			lit = tok.String()
		}
		if semicolon && tok != token.RBRACE && tok != token.RPAREN {
			b.WriteString("; ") // before a bracket it is a matter of layout
		}
		semicolon = false
		b.WriteString(lit)
		b.WriteByte(' ')
	}
}

// words returns the tokens of a declaration of a type, or of the group that a
// constant is in.
func (d *Decl) words() string {
	var n ast.Node = d.Node
	if d.Kind == Const {
		n = d.group
	}
	base := d.Cell.File.Base()
	return words(d.Cell.Source, int(n.Pos())-base, int(n.End())-base)
}

// addLate gives types of earlier cells the methods that this cell declares for
// them. go/types calls back in the middle of its work (see lateHook), when it
// knows the methods' signatures and has looked at nothing that could call them.
func (p *plan) addLate(info *types.Info) (rebinds map[*types.Func]*types.Func, added []lateMethod) {
	rebinds = map[*types.Func]*types.Func{}
	for _, d := range p.late {
		fn, ok := info.Defs[d.Name].(*types.Func)
		if !ok || fn.Name() == "_" {
			continue
		}
		recv := receiverType(fn)
		if recv == nil || recv.Obj().Pkg() == nil || recv.Obj().Pkg().Path() != Path {
			continue // an error, which go/types reports
		}
		if had := methodOf(recv, fn.Name()); had != nil {
			p.redeclareMethod(d, recv, had, fn, rebinds)
			continue
		}
		if !p.mayHaveMethod(d, recv) {
			continue
		}
		if p.s.root.used[recv] {
			p.extendUsed(d, recv)
			continue
		}
		m := lateMethod{recv, fn}
		p.s.addMethod(m)
		added = append(added, m)
	}
	return rebinds, added
}

func (p *plan) redeclareMethod(d *ast.FuncDecl, recv *types.Named, had, fn *types.Func, rebinds map[*types.Func]*types.Func) {
	name := recv.Obj().Name()
	if _, twice := rebinds[had]; twice || had.Pkg() == fn.Pkg() {
		first := had.Pos()
		if twice {
			first = rebinds[had].Pos()
		}
		p.errorAt(d.Name, "method "+name+"."+fn.Name()+" already declared at "+p.s.root.fset.Position(first).String())
		return
	}
	if sameSignature(recv, had, fn) {
		rebinds[had] = fn
		return
	}
	if p.kept[name] != nil {
		p.try.fresh[name], p.again = true, true // declared together with its type: both are new
		return
	}
	p.errorAt(d.Name, "method "+name+"."+fn.Name()+" already declared at "+p.s.root.fset.Position(had.Pos()).String()+
		" with another signature; to change it, run the declaration of "+name+" together with its methods")
}

// extendUsed handles a new method on a generic type of which instances exist:
// go/types (1.26) derives their methods one by one and does not expect the
// generic type to get another.
func (p *plan) extendUsed(d *ast.FuncDecl, recv *types.Named) {
	name := recv.Obj().Name()
	if p.kept[name] != nil {
		p.try.fresh[name], p.again = true, true
		return
	}
	p.errorAt(d.Name, "cannot add method "+d.Name.Name+" to generic type "+name+
		" after values of it were used; run the declaration of "+name+" together with all its methods")
}

// mayHaveMethod reports what go/types would about a type of this cell.
func (p *plan) mayHaveMethod(d *ast.FuncDecl, recv *types.Named) bool {
	switch u := recv.Underlying().(type) {
	case *types.Pointer, *types.Interface:
		p.errorAt(d.Recv.List[0].Type, "invalid receiver type "+recv.Obj().Name()+" (pointer or interface type)")
		return false
	case *types.Struct:
		for f := range u.Fields() {
			if f.Name() == d.Name.Name {
				p.errorAt(d.Name, "field and method with the same name "+f.Name()+"\n\t"+
					p.s.root.fset.Position(f.Pos()).String()+": other declaration of "+f.Name())
				return false
			}
		}
	}
	return true
}

func receiverType(fn *types.Func) *types.Named {
	recv := fn.Signature().Recv()
	if recv == nil {
		return nil
	}
	t := types.Unalias(recv.Type())
	if ptr, ok := t.(*types.Pointer); ok {
		t = types.Unalias(ptr.Elem())
	}
	if n, ok := t.(*types.Named); ok {
		return n.Origin()
	}
	return nil
}

func methodOf(t *types.Named, name string) *types.Func {
	for m := range t.Methods() {
		if m.Name() == name {
			return m
		}
	}
	return nil
}

// sameSignature compares two methods of a type, pointer receivers included.
func sameSignature(recv *types.Named, a, b *types.Func) bool {
	_, pa := types.Unalias(a.Signature().Recv().Type()).(*types.Pointer)
	_, pb := types.Unalias(b.Signature().Recv().Type()).(*types.Pointer)
	if pa != pb {
		return false
	}
	if recv.TypeParams().Len() == 0 {
		return types.Identical(a.Type(), b.Type())
	}
	// The type parameters of the receivers are different types: compare what
	// they are called.
	qualify := func(p *types.Package) string { return p.Path() }
	return types.TypeString(a.Type(), qualify) == types.TypeString(b.Type(), qualify)
}
