package check

import (
	"go/ast"
	"slices"
	"strings"

	"braid/kernel/cell"
	"braid/kernel/check/exportdata"
)

// Unimported returns the import paths that a cell which Check has refused lacks,
// sorted; nil if it lacks anything else. They are those of packages of the
// standard library and of Braid's, never of third-party modules. Each name that
// means nothing must be one of a package and stand before a dot, and just one
// package of that name may have all that the cell uses of it, or one must be
// preferred (exportdata.Preference). Costs as much as Check, and 0.1 to 2 ms for
// each package that is looked into for the first time.
func (s *State) Unimported(c *cell.Cell) (paths []string) {
	s.root.mu.Lock()
	defer s.root.mu.Unlock()
	defer func() {
		if recover() != nil { // of go/types, as in Check
			paths = nil
		}
	}()
	a := s.attempt(c, newChoices())
	names := map[string]bool{}
	for _, e := range a.problems() {
		if e.warning {
			continue
		}
		id := a.beforeDot(e)
		if id == nil {
			return nil
		}
		names[id.Name] = true
	}
	used := a.unresolved()
	for name := range names {
		l, fit := s.packagesFor(name, used[name])
		if !fit || len(l) > 1 && exportdata.Preference[name] == nil {
			return nil
		}
		paths = append(paths, l[0].Path)
	}
	slices.Sort(paths)
	return paths
}

// beforeDot is the name before a dot that a problem calls undefined; nil if it is
// a problem of another kind.
func (a *attempt) beforeDot(e problem) *ast.Ident {
	sel, ok := a.find(e.pos, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		return ok && s.X.Pos() == e.pos
	}).(*ast.SelectorExpr)
	if !ok {
		return nil
	}
	id, ok := sel.X.(*ast.Ident)
	msg, _, _ := strings.Cut(e.msg, "\n")
	if !ok || msg != "undefined: "+id.Name {
		return nil
	}
	return id
}

// unresolved lists what stands behind the dots of names that mean nothing, by the
// name. Before the attempt has run, no name means anything.
func (a *attempt) unresolved() map[string][]string {
	used := map[string][]string{}
	a.eachNode(func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := sel.X.(*ast.Ident); ok && a.info.Uses[id] == nil {
				used[id.Name] = append(used[id.Name], sel.Sel.Name)
			}
		}
		return true
	})
	return used
}

// packagesFor returns the packages of a name that export all that is used of it,
// the one that is most likely meant first; if none does, all of that name, and
// fit is false.
func (s *State) packagesFor(name string, used []string) (l []exportdata.Package, fit bool) {
	all := exportdata.Named(name)
	for _, p := range all {
		if s.exports(p.Path, used) {
			l = append(l, p)
		}
	}
	if len(l) == 0 {
		return all, false
	}
	return l, true
}

func (s *State) exports(path string, used []string) bool {
	pkg, err := s.root.imp.Import(path)
	return err == nil && !slices.ContainsFunc(used, func(name string) bool {
		return !ast.IsExported(name) || pkg.Scope().Lookup(name) == nil
	})
}
