package check

import (
	"go/token"
	"go/types"
	"slices"
)

// Sweep forgets the declarations that nothing can name any more: those that a
// later cell has taken the name of, unless a declaration that lives needs them.
// Types live for ever, since values may have them, and so do the latest methods of
// each. Afterwards FileSet has no files of cells that hold nothing alive and begin
// before the position given, with which positions in them lose their meaning.
//
// It returns the State to go on with, which is s without what it has outgrown; s
// itself stays good, but no State before it. Cost: some 2 µs for each name.
func (s *State) Sweep(before token.Pos) *State {
	s.root.mu.Lock()
	defer s.root.mu.Unlock()
	live := s.reachable()
	files := map[*token.File]bool{}
	for obj, d := range s.root.decls {
		if live[d] {
			files[d.Cell.File] = true
		} else {
			delete(s.root.decls, obj)
		}
	}
	s.root.files = slices.DeleteFunc(s.root.files, func(f *token.File) bool {
		if files[f] || token.Pos(f.Base()) >= before {
			return false
		}
		s.root.fset.RemoveFile(f)
		return true
	})
	return s.compact(live)
}

// reachable finds what lives. s.root.mu is held, as for the rest.
func (s *State) reachable() map[*Decl]bool {
	live := map[*Decl]bool{}
	var visit func(d *Decl)
	visit = func(d *Decl) {
		if d == nil || live[d] {
			return
		}
		live[d] = true
		visit(s.Latest(d))
		if d.Recv != nil {
			visit(s.root.decls[d.Recv])
		}
		for _, dep := range d.Deps {
			visit(dep)
		}
	}
	for _, b := range s.names.all() {
		visit(b.decl)
	}
	latest := map[*Decl]bool{}
	for _, d := range s.methods.all() {
		latest[d] = true
	}
	for _, d := range s.root.decls {
		switch {
		case d.Kind == Type, d.Kind == Method && (latest[d] || !s.outdated(d)):
			visit(d)
		case d.Kind == Method && !d.again:
			live[d] = true // its type has it still, but nothing of its body is needed
			d.Deps = nil
		}
	}
	return live
}

// outdated tells whether a method, which is not the latest of those declared
// again, is never compiled any more. Methods of generic types are compiled for
// each instance, by their first declaration.
func (s *State) outdated(d *Decl) bool {
	if t, ok := d.Recv.Type().(*types.Named); ok && t.TypeParams().Len() > 0 {
		return false
	}
	_, again := s.methods.get(d.Obj)
	return again || d.again
}

// compact returns s with what lives in one layer each.
func (s *State) compact(live map[*Decl]bool) *State {
	n := *s
	n.names, n.methods, n.latest = nil, nil, nil
	names := map[string]*binding{}
	for name, b := range s.names.all() {
		names[name] = b
	}
	methods := map[types.Object]*Decl{}
	for obj, d := range s.methods.all() {
		methods[obj] = d
	}
	latest := map[*Decl]*Decl{}
	for d := range s.latest.all() {
		if live[d] {
			latest[d] = s.Latest(d)
		}
	}
	n.names, n.methods, n.latest = n.names.with(names), n.methods.with(methods), n.latest.with(latest)
	return &n
}

// Alive reports whether an object that a cell has declared may still be named, by
// a cell to come or by something that is compiled later: see Sweep.
func (s *State) Alive(obj types.Object) bool {
	s.root.mu.Lock()
	defer s.root.mu.Unlock()
	return s.root.decls[origin(obj)] != nil
}

// Packages returns the packages of the cells that have declared something alive.
func (s *State) Packages() map[*types.Package]bool {
	s.root.mu.Lock()
	defer s.root.mu.Unlock()
	m := map[*types.Package]bool{}
	for obj := range s.root.decls {
		m[obj.Pkg()] = true
	}
	return m
}
