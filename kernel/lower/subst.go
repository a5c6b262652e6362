package lower

import "go/types"

// env maps the type parameters of a generic function to the type arguments of
// one of its instances.
type env map[*types.TypeParam]types.Type

// sub replaces type parameters in t.
func (u *unit) sub(t types.Type, e env) types.Type {
	if len(e) == 0 || t == nil {
		return t
	}
	s := substitution{u: u, env: e}
	return s.typ(t)
}

type substitution struct {
	u   *unit
	env env
}

func (s substitution) typ(t types.Type) types.Type {
	switch t := t.(type) {
	case *types.TypeParam:
		if r := s.env[t]; r != nil {
			return r
		}
	case *types.Alias:
		return s.typ(types.Unalias(t))
	case *types.Pointer:
		return types.NewPointer(s.typ(t.Elem()))
	case *types.Slice:
		return types.NewSlice(s.typ(t.Elem()))
	case *types.Array:
		return types.NewArray(s.typ(t.Elem()), t.Len())
	case *types.Map:
		return types.NewMap(s.typ(t.Key()), s.typ(t.Elem()))
	case *types.Chan:
		return types.NewChan(t.Dir(), s.typ(t.Elem()))
	case *types.Tuple:
		return s.tuple(t)
	case *types.Signature:
		return types.NewSignatureType(nil, nil, nil, s.tuple(t.Params()), s.tuple(t.Results()), t.Variadic())
	case *types.Struct:
		return s.structure(t)
	case *types.Interface:
		return s.iface(t)
	case *types.Named:
		return s.named(t)
	}
	return t
}

func (s substitution) tuple(t *types.Tuple) *types.Tuple {
	if t == nil {
		return nil
	}
	vars := make([]*types.Var, t.Len())
	for i := range vars {
		v := t.At(i)
		vars[i] = types.NewParam(v.Pos(), v.Pkg(), v.Name(), s.typ(v.Type()))
	}
	return types.NewTuple(vars...)
}

func (s substitution) structure(t *types.Struct) types.Type {
	fields, tags := make([]*types.Var, t.NumFields()), make([]string, t.NumFields())
	for i := range fields {
		f := t.Field(i)
		fields[i], tags[i] = types.NewField(f.Pos(), f.Pkg(), f.Name(), s.typ(f.Type()), f.Embedded()), t.Tag(i)
	}
	return types.NewStruct(fields, tags)
}

func (s substitution) iface(t *types.Interface) types.Type {
	if t.NumMethods() == 0 || !t.IsMethodSet() {
		return t
	}
	var ms []*types.Func
	for m := range t.Methods() {
		ms = append(ms, types.NewFunc(m.Pos(), m.Pkg(), m.Name(), s.typ(m.Signature()).(*types.Signature)))
	}
	r := types.NewInterfaceType(ms, nil)
	r.Complete()
	return r
}

func (s substitution) named(t *types.Named) types.Type {
	if t.TypeArgs().Len() == 0 {
		return t
	}
	args := make([]types.Type, t.TypeArgs().Len())
	for i := range args {
		args[i] = s.typ(t.TypeArgs().At(i))
	}
	r, err := types.Instantiate(s.u.l.ctxt, t.Origin(), args, false)
	if err != nil {
		s.u.refuse(s.u.at, "this instance of "+t.Obj().Name(), "")
	}
	return r
}
