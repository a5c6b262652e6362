package order

import (
	"go/ast"
	"go/token"
	"go/types"
	"runtime"
)

var sizes = types.SizesFor("gc", runtime.GOARCH)

// copied reports whether an operand that is late by itself is read in turn for
// what it is an operand of.
func (o *orderer) copied(p part) bool {
	if o.info.Types[*p.e].Value != nil {
		return false
	}
	if _, name := ast.Unparen(*p.e).(*ast.Ident); p.turn || p.cheap && !name {
		return true
	}
	return o.byAddress(p)
}

// byAddress reports whether the runtime gets the address of an operand which has
// none, so that the compiler copies it into a variable (order.go, addrTemp and
// mapKeyTemp).
func (o *orderer) byAddress(p part) bool {
	t := o.info.TypeOf(*p.e)
	if t == nil || parametrized(t) || isNil(t) {
		return false
	}
	boxed := p.to != nil && types.IsInterface(p.to) && !parametrized(p.to) && !types.IsInterface(t)
	switch {
	case p.key != nil && boxed:
		return true
	case p.key != nil:
		cast, slow := keyAccess(p.key)
		return cast || slow && !o.addressable(*p.e)
	case boxed:
		return boxNeedsAddress(t) && !o.addressable(*p.e)
	case p.side:
		return isAggregate(t) && !o.addressable(*p.e)
	}
	return false
}

// addressable follows cmd/compile/internal/ir.IsAddressable.
func (o *orderer) addressable(e ast.Expr) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		_, ok := o.info.ObjectOf(e).(*types.Var)
		return ok
	case *ast.StarExpr:
		return true
	case *ast.SelectorExpr:
		sel := o.info.Selections[e]
		if sel == nil {
			_, ok := o.info.Uses[e.Sel].(*types.Var)
			return ok
		}
		return sel.Kind() == types.FieldVal && (sel.Indirect() || o.addressable(e.X))
	case *ast.IndexExpr:
		switch core(o.info.TypeOf(e.X)).(type) {
		case *types.Slice, *types.Pointer:
			return true
		case *types.Array:
			return o.addressable(e.X)
		}
	}
	return false
}

// keyAccess tells how the runtime gets the keys of a map (walk.go, mapfast): slow
// maps by their address; of fast ones, cast says that the key is no word by its
// type, and is made one through memory.
func keyAccess(m *types.Map) (cast, slow bool) {
	if parametrized(m) {
		return false, false
	}
	const maxElem = 128 // internal/abi.MapMaxElemBytes
	if sizes.Sizeof(m.Elem()) > maxElem {
		return false, true
	}
	size := sizes.Sizeof(m.Key())
	switch t := m.Key().Underlying().(type) {
	case *types.Basic:
		word := t.Info()&types.IsInteger != 0 && (size == 4 || size == 8) || t.Kind() == types.UnsafePointer
		return false, !word && t.Info()&types.IsString == 0
	case *types.Pointer, *types.Chan:
		return false, false
	}
	sole := soleComponent(m.Key())
	if b, ok := sole.Underlying().(*types.Basic); ok && b.Info()&types.IsString != 0 {
		return true, false
	}
	fast := (size == 4 || size == 8) && isMemory(m.Key())
	return fast, !fast
}

// isMemory reports whether values of t are equal if their bytes are.
func isMemory(t types.Type) bool {
	switch t := t.Underlying().(type) {
	case *types.Basic:
		return t.Info()&(types.IsInteger|types.IsBoolean) != 0 || t.Kind() == types.UnsafePointer
	case *types.Pointer, *types.Chan:
		return true
	case *types.Array:
		return isMemory(t.Elem())
	case *types.Struct:
		end := int64(0)
		for f := range t.Fields() {
			if f.Name() == "_" || !isMemory(f.Type()) {
				return false
			}
			end += sizes.Sizeof(f.Type())
		}
		return end == sizes.Sizeof(t) // without padding
	}
	return false
}

// boxNeedsAddress follows cmd/compile/internal/walk.dataWordFuncName.
func boxNeedsAddress(t types.Type) bool {
	size, align := sizes.Sizeof(t), sizes.Alignof(t)
	if size == 2 && align == 2 || (size == 4 || size == 8) && align == size && !hasPointers(t) {
		return false
	}
	switch t := soleComponent(t).Underlying().(type) {
	case *types.Slice:
		return false
	case *types.Basic:
		return t.Info()&types.IsString == 0
	}
	return true
}

// soleComponent gives the innermost type of structs with one field and arrays
// with one element.
func soleComponent(t types.Type) types.Type {
	switch u := t.Underlying().(type) {
	case *types.Struct:
		if u.NumFields() == 1 {
			return soleComponent(u.Field(0).Type())
		}
	case *types.Array:
		if u.Len() == 1 {
			return soleComponent(u.Elem())
		}
	}
	return t
}

// isDirect reports whether an interface holds values of t in its word.
func isDirect(t types.Type) bool {
	if parametrized(t) {
		return false
	}
	switch u := t.Underlying().(type) {
	case *types.Pointer, *types.Chan, *types.Map, *types.Signature:
		return true
	case *types.Basic:
		return u.Kind() == types.UnsafePointer
	case *types.Array:
		return u.Len() == 1 && isDirect(u.Elem())
	case *types.Struct:
		direct := false
		for f := range u.Fields() {
			direct = direct || isDirect(f.Type())
		}
		return direct && sizes.Sizeof(t) == sizes.Sizeof(types.Typ[types.UnsafePointer])
	}
	return false
}

func hasPointers(t types.Type) bool {
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return u.Info()&types.IsString != 0 || u.Kind() == types.UnsafePointer
	case *types.Array:
		return u.Len() > 0 && hasPointers(u.Elem())
	case *types.Struct:
		for f := range u.Fields() {
			if hasPointers(f.Type()) {
				return true
			}
		}
		return false
	}
	return true
}

// parametrized reports whether t mentions type parameters; what the compiler
// does with it depends on the instance.
func parametrized(t types.Type) bool {
	switch t := types.Unalias(t).(type) {
	case *types.TypeParam:
		return true
	case *types.Named:
		for a := range t.TypeArgs().Types() {
			if parametrized(a) {
				return true
			}
		}
	case *types.Pointer:
		return parametrized(t.Elem())
	case *types.Slice:
		return parametrized(t.Elem())
	case *types.Array:
		return parametrized(t.Elem())
	case *types.Chan:
		return parametrized(t.Elem())
	case *types.Map:
		return parametrized(t.Key()) || parametrized(t.Elem())
	case *types.Struct:
		for f := range t.Fields() {
			if parametrized(f.Type()) {
				return true
			}
		}
	case *types.Signature:
		return tupleParametrized(t.Params()) || tupleParametrized(t.Results())
	}
	return false
}

func tupleParametrized(t *types.Tuple) bool {
	for v := range t.Variables() {
		if parametrized(v.Type()) {
			return true
		}
	}
	return false
}

// core gives the underlying type; that of a type parameter is an interface.
func core(t types.Type) types.Type {
	if t == nil {
		return nil
	}
	return t.Underlying()
}

func isPointer(t types.Type) bool { _, ok := core(t).(*types.Pointer); return ok }
func isBasic(t types.Type) bool   { _, ok := core(t).(*types.Basic); return ok }
func isNil(t types.Type) bool     { return t == types.Typ[types.UntypedNil] }

func isAggregate(t types.Type) bool {
	switch core(t).(type) {
	case *types.Struct, *types.Array:
		return true
	}
	return false
}

// sharedVars finds the variables that code outside of the statement at hand may
// change: package-level ones, those that function literals mention which do not
// declare them, and those whose address is taken.
func sharedVars(f *ast.File, info *types.Info) func(*types.Var) bool {
	s := &sharing{info: info, owner: map[*types.Var]ast.Node{}, shared: map[*types.Var]bool{}}
	s.walk(f, nil)
	return func(v *types.Var) bool { return s.owner[v] == nil || s.shared[v] }
}

type sharing struct {
	info   *types.Info
	owner  map[*types.Var]ast.Node // the function that declares a variable
	shared map[*types.Var]bool
}

func (s *sharing) walk(root, fn ast.Node) {
	ast.Inspect(root, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl, *ast.FuncLit:
			if n != root {
				s.walk(n, n)
				return false
			}
		case *ast.Ident:
			s.name(n, fn)
		case *ast.CaseClause:
			if v, ok := s.info.Implicits[n].(*types.Var); ok {
				s.owner[v] = fn
			}
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				s.addressed(n.X)
			}
		case *ast.SliceExpr:
			if _, ok := core(s.info.TypeOf(n.X)).(*types.Array); ok {
				s.addressed(n.X)
			}
		case *ast.SelectorExpr:
			if sel := s.info.Selections[n]; sel != nil && sel.Kind() == types.MethodVal && isPointer(sel.Obj().(*types.Func).Signature().Recv().Type()) {
				s.addressed(n.X)
			}
		}
		return true
	})
}

func (s *sharing) name(id *ast.Ident, fn ast.Node) {
	if v, ok := s.info.Defs[id].(*types.Var); ok && fn != nil {
		s.owner[v] = fn
	}
	if v, ok := s.info.Uses[id].(*types.Var); ok && s.owner[v] != fn {
		s.shared[v] = true
	}
}

// addressed marks the variable of which e is a part.
func (s *sharing) addressed(e ast.Expr) {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		if v, ok := s.info.Uses[e].(*types.Var); ok {
			s.shared[v] = true
		}
	case *ast.SelectorExpr:
		s.addressed(e.X)
	case *ast.IndexExpr:
		if _, ok := core(s.info.TypeOf(e.X)).(*types.Array); ok {
			s.addressed(e.X)
		}
	}
}

// gotoLabels finds the labels to which goto statements lead.
func gotoLabels(f *ast.File, info *types.Info) map[types.Object]bool {
	m := map[types.Object]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		if b, ok := n.(*ast.BranchStmt); ok && b.Tok == token.GOTO {
			m[info.Uses[b.Label]] = true
		}
		return true
	})
	return m
}
