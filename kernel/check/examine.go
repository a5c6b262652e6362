package check

import (
	"go/ast"
	"go/token"
	"go/types"

	"braid/kernel/cell"
)

// Examined is what go/types could find out about a cell that may be unfinished
// or wrong.
type Examined struct {
	State *State
	Cell  *cell.Cell
	Pkg   *types.Package
	Info  *types.Info
}

// Examine type-checks a cell for a tool that looks at it, such as completion,
// and calls f with the result. The cell may have errors of any kind; packages
// of the standard library that it uses without importing them are found. While f
// runs, types have the methods that the cell declares for them, and no other
// cell is checked; what f was given must not be used afterwards. If go/types
// gives up on the cell, f is not called.
func (s *State) Examine(c *cell.Cell, f func(*Examined)) {
	s.root.mu.Lock()
	defer s.root.mu.Unlock()
	s.activate()
	a := s.examine(c)
	if a == nil {
		return
	}
	f(&Examined{State: s, Cell: c, Pkg: a.pkg, Info: a.info})
	s.activate()
}

// examine runs one attempt; nil if go/types panicked, which unfinished code
// makes it do now and then.
func (s *State) examine(c *cell.Cell) (a *attempt) {
	defer func() {
		if recover() != nil {
			a = nil
		}
	}()
	a = &attempt{failed: map[string]bool{}}
	a.plan = newPlan(s, c, newChoices())
	a.lenient = true
	defer a.restore()
	a.run()
	return a
}

// At returns the innermost scope around pos.
func (x *Examined) At(pos token.Pos) *types.Scope {
	best := x.Pkg.Scope()
	size := token.Pos(-1)
	for n, s := range x.Info.Scopes {
		from, to := s.Pos(), s.End()
		if _, file := n.(*ast.File); file || !from.IsValid() || pos < from || pos > to {
			continue
		}
		if size < 0 || to-from < size {
			best, size = s, to-from
		}
	}
	return best
}

// Lookup returns what a name means at pos, nil if nothing: a name declared in
// the code around pos, of the cell, of an earlier cell, or of Go itself.
func (x *Examined) Lookup(name string, pos token.Pos) types.Object {
	for s := x.At(pos); s != nil && s != x.Pkg.Scope(); s = s.Parent() {
		if obj := s.Lookup(name); obj != nil && obj.Pos() < pos {
			return obj
		}
	}
	if obj := x.Pkg.Scope().Lookup(name); obj != nil {
		return obj
	}
	return x.earlier(name)
}

func (x *Examined) earlier(name string) types.Object {
	if b, ok := x.State.names.get(name); ok {
		if b.imp != nil {
			return types.NewPkgName(token.NoPos, x.Pkg, name, b.imp.Pkg)
		}
		return b.obj
	}
	if ast.IsExported(name) {
		for i := len(x.State.dots) - 1; i >= 0; i-- {
			if obj := x.State.dots[i].Pkg.Scope().Lookup(name); obj != nil {
				return obj
			}
		}
	}
	return types.Universe.Lookup(name)
}
