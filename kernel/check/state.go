package check

import (
	"go/token"
	"go/types"
	"iter"
	"reflect"
	"slices"
	"sync"
)

// State is what a session's next cell can see. It is immutable: Check returns
// the State after a cell, and any State can be checked against again.
//
// Redeclaration. A name that a cell declares shadows the one of an earlier
// cell; what was checked before keeps its meaning. Three things are not
// shadowed, because a learner who runs a cell again means the same thing:
//   - a type declaration that did not change, with the methods it came with,
//     keeps the type, so that its old values stay usable;
//   - a function with the signature it had takes the place of the old one for
//     all callers (Checked.Rebinds); likewise a method;
//   - in "a, err := f()" with at least one new name, a variable that exists is
//     assigned to if the value is assignable.
//
// Scope. Functions, methods, types and constants of a cell see all that the
// cell declares, as in a Go file, and so do the initialisers of var
// declarations among themselves. Statements see the variables that were
// declared above them, or those of earlier cells, as in a Go function.
type State struct {
	root    *lineage
	names   *layer[string, *binding]
	methods *layer[types.Object, *Decl] // the latest declaration of methods that were declared again
	latest  *layer[*Decl, *Decl]        // functions that were taken the place of → their successor
	dots    []*Import
	added   []lateMethod // methods declared after their type's cell, in order
	cells   int
}

// binding is what a name means: an object, or an imported package.
type binding struct {
	obj  types.Object
	decl *Decl
	imp  *Import
}

type lateMethod struct {
	recv *types.Named
	fn   *types.Func
}

// lineage is what all States of a session share. Types are shared by identity,
// and go/types keeps a type's methods in the type; so the methods that later
// cells added are put in and taken out as States are used: see activate.
type lineage struct {
	fset *token.FileSet
	imp  types.Importer

	mu        sync.Mutex                     // held by Check and by readers of types (Exclusive)
	installed []lateMethod                   // methods that types have beyond their own
	bare      map[*types.Named]reflect.Value // types that ever got such methods, as they were declared
	decls     map[types.Object]*Decl         // of every cell that was accepted, since the last Sweep
	files     []*token.File                  // of cells that were checked, likewise
	used      map[*types.Named]bool          // generic types that a cell instantiated
}

// NewState returns the State of a session that has run nothing.
func NewState(fset *token.FileSet, imp types.Importer) *State {
	return &State{root: &lineage{
		fset: fset, imp: imp,
		bare:  map[*types.Named]reflect.Value{},
		decls: map[types.Object]*Decl{},
		used:  map[*types.Named]bool{},
	}}
}

// FileSet returns the FileSet that all positions of the session are in.
func (s *State) FileSet() *token.FileSet { return s.root.fset }

// Importer returns the importer of the session.
func (s *State) Importer() types.Importer { return s.root.imp }

// Cells returns how many cells led to this State.
func (s *State) Cells() int { return s.cells }

// Exclusive runs f while no cell is checked and with the types as they are in
// this State. Code that reads method sets of the session's types needs it if
// cells may be checked at the same time, or after a Checked was thrown away.
func (s *State) Exclusive(f func()) {
	s.root.mu.Lock()
	defer s.root.mu.Unlock()
	s.activate()
	f()
}

// Lookup returns the declaration that a name means in this State, or nil.
func (s *State) Lookup(name string) *Decl {
	if b, ok := s.names.get(name); ok {
		return b.decl
	}
	return nil
}

// Import returns the package that a name means in this State, or nil.
func (s *State) Import(name string) *Import {
	if b, ok := s.names.get(name); ok {
		return b.imp
	}
	return nil
}

// DotImports returns the packages whose names were imported with ".", latest last.
func (s *State) DotImports() []*Import { return s.dots }

// Declarations yields the declarations that have a name in this State (all but
// methods), in no order.
func (s *State) Declarations() iter.Seq[*Decl] {
	return func(yield func(*Decl) bool) {
		for _, b := range s.names.all() {
			if b.decl != nil && !yield(b.decl) {
				return
			}
		}
	}
}

// Imports yields the imported packages that have a name in this State, in no order.
func (s *State) Imports() iter.Seq[*Import] {
	return func(yield func(*Import) bool) {
		for _, b := range s.names.all() {
			if b.imp != nil && !yield(b.imp) {
				return
			}
		}
	}
}

// Declaration returns the latest declaration of an object of any cell of the
// session: for a function or method that was declared again, the one that runs
// now. It is nil for objects of imported packages and local ones.
func (s *State) Declaration(obj types.Object) *Decl {
	if d, ok := s.methods.get(origin(obj)); ok {
		return d
	}
	d := s.root.decls[origin(obj)]
	return s.Latest(d)
}

// Latest returns the declaration that took the place of d, or d.
func (s *State) Latest(d *Decl) *Decl {
	for d != nil {
		next, ok := s.latest.get(d)
		if !ok {
			break
		}
		d = next
	}
	return d
}

// activate gives the session's types the methods they have in s.
func (s *State) activate() {
	if slices.Equal(s.root.installed, s.added) {
		return
	}
	s.root.installed = s.added
	for t, bare := range s.root.bare {
		reflect.ValueOf(t).Elem().Set(bare)
	}
	for _, m := range s.added {
		m.recv.AddMethod(m.fn)
	}
}

// addMethod adds a method to a type of an earlier cell; the next activate of a
// State that doesn't have it takes it out again.
func (s *State) addMethod(m lateMethod) {
	if _, ok := s.root.bare[m.recv]; !ok {
		was := reflect.New(reflect.TypeFor[types.Named]()).Elem()
		was.Set(reflect.ValueOf(m.recv).Elem())
		s.root.bare[m.recv] = was
	}
	m.recv.AddMethod(m.fn)
	s.root.installed = append(slices.Clip(s.root.installed), m)
}

// origin returns the object that was declared, for one of a generic's instance.
func origin(obj types.Object) types.Object {
	switch o := obj.(type) {
	case *types.Func:
		return o.Origin()
	case *types.Var:
		return o.Origin()
	}
	return obj
}

// layer is a persistent map: a small map over an older layer. Adding a layer
// folds it into the one below until each is at most half as large as the next,
// so that a lookup looks at O(log n) maps.
type layer[K comparable, V any] struct {
	m    map[K]V
	next *layer[K, V]
}

func (l *layer[K, V]) get(k K) (v V, ok bool) {
	for ; l != nil; l = l.next {
		if v, ok = l.m[k]; ok {
			return v, true
		}
	}
	return v, false
}

// with returns l with the entries of m, which it takes over.
func (l *layer[K, V]) with(m map[K]V) *layer[K, V] {
	if len(m) == 0 {
		return l
	}
	for l != nil && len(l.m) < 2*len(m) {
		merged := make(map[K]V, len(l.m)+len(m))
		for k, v := range l.m {
			merged[k] = v
		}
		for k, v := range m {
			merged[k] = v
		}
		m, l = merged, l.next
	}
	return &layer[K, V]{m, l}
}

func (l *layer[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		seen := map[K]bool{}
		for ; l != nil; l = l.next {
			for k, v := range l.m {
				if seen[k] {
					continue
				}
				seen[k] = true
				if !yield(k, v) {
					return
				}
			}
		}
	}
}
