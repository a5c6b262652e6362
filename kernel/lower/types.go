package lower

import (
	"fmt"
	"go/types"
	"reflect"
	"strings"

	"golang.org/x/tools/go/types/typeutil"
)

// isCell reports whether an object was declared in a cell.
func isCell(o types.Object) bool { return o.Pkg() != nil && o.Pkg().Path() == "main" }

// typ enters t into the header's table and returns its index.
func (u *unit) typ(t types.Type) int {
	t = types.Unalias(t)
	if i := u.table.At(t); i != nil {
		return i.(int)
	}
	i := len(u.head.Types)
	u.table.Set(t, i)
	u.head.Types = append(u.head.Types, Type{})
	d := u.describe(t)
	d.Twin = u.twin(t)
	u.head.Types[i] = d
	return i
}

func (u *unit) describe(t types.Type) Type {
	switch t := t.(type) {
	case *types.Basic:
		if t.Info()&types.IsUntyped != 0 {
			return u.describe(types.Default(t))
		}
		if t.Kind() == types.UnsafePointer {
			return Type{Kind: "std", Pkg: "unsafe", Name: "Pointer"}
		}
		return Type{Kind: "basic", Name: types.Typ[t.Kind()].Name()}
	case *types.Named:
		return u.describeNamed(t)
	case *types.Pointer:
		return Type{Kind: "pointer", Elem: u.typ(t.Elem())}
	case *types.Slice:
		return Type{Kind: "slice", Elem: u.typ(t.Elem())}
	case *types.Array:
		return Type{Kind: "array", Elem: u.typ(t.Elem()), Len: t.Len()}
	case *types.Map:
		return Type{Kind: "map", Key: u.typ(t.Key()), Elem: u.typ(t.Elem())}
	case *types.Chan:
		dir := map[types.ChanDir]reflect.ChanDir{types.SendRecv: reflect.BothDir, types.SendOnly: reflect.SendDir, types.RecvOnly: reflect.RecvDir}
		return Type{Kind: "chan", Elem: u.typ(t.Elem()), Dir: int(dir[t.Dir()])}
	case *types.Signature:
		d := Type{Kind: "func", Variadic: t.Variadic()}
		for v := range t.Params().Variables() {
			d.In = append(d.In, u.typ(v.Type()))
		}
		for v := range t.Results().Variables() {
			d.Out = append(d.Out, u.typ(v.Type()))
		}
		return d
	case *types.Struct:
		d := Type{Kind: "struct"}
		for i := range t.NumFields() {
			f := t.Field(i)
			d.Fields = append(d.Fields, Field{Name: f.Name(), Type: u.typ(f.Type()), Tag: t.Tag(i), Embedded: f.Embedded()})
		}
		return d
	case *types.Interface:
		return Type{Kind: "interface", Methods: u.interfaceMethods(t)}
	}
	u.refuse(u.at, fmt.Sprintf("the type %s", t), "")
	return Type{}
}

func (u *unit) interfaceMethods(t *types.Interface) []Method {
	if !t.IsMethodSet() {
		u.refuse(u.at, "a constraint used as a type", "")
	}
	var ms []Method
	for m := range t.Methods() {
		ms = append(ms, Method{Name: m.Name(), Type: u.typ(plain(m.Signature()))})
	}
	return ms
}

// plain drops the receiver of a signature.
func plain(s *types.Signature) *types.Signature {
	return types.NewSignatureType(nil, nil, nil, s.Params(), s.Results(), s.Variadic())
}

func (u *unit) describeNamed(t *types.Named) Type {
	o := t.Obj()
	if !isCell(o) {
		if t.TypeArgs().Len() > 0 {
			if _, ok := t.Underlying().(*types.Signature); ok && t.NumMethods() == 0 {
				return u.describe(t.Underlying())
			}
			u.refuse(u.at, "the generic type "+o.Pkg().Name()+"."+o.Name(), "")
		}
		if o.Pkg() == nil {
			return Type{Kind: "std", Name: o.Name()}
		}
		if !o.Exported() {
			u.refuse(u.at, fmt.Sprintf("a value of the unexported type %s.%s", o.Pkg().Name(), o.Name()), "")
		}
		return Type{Kind: "std", Pkg: o.Pkg().Path(), Name: o.Name()}
	}
	if recursesUnnamed(t) {
		u.refuse(u.at, "the recursive type "+o.Name(), "write it with a struct: type "+o.Name()+" struct{ … }")
	}
	d := Type{Kind: "named", Name: typeName(t), ID: u.typeID(t), Elem: u.typ(t.Underlying())}
	if !types.IsInterface(t) {
		d.Methods = u.methodSet(t)
	}
	return d
}

// recursesUnnamed reports whether t refers to itself without a struct or an
// interface in between: inside lowered code t would be infinite.
func recursesUnnamed(t *types.Named) bool {
	seen := map[*types.Named]bool{}
	var walk func(x types.Type) bool
	walk = func(x types.Type) bool {
		switch x := types.Unalias(x).(type) {
		case *types.Named:
			if x == t || len(seen) > 100 {
				return true
			}
			if seen[x] || !isCell(x.Obj()) {
				return false
			}
			seen[x] = true
			return walk(x.Underlying())
		case *types.Pointer:
			return walk(x.Elem())
		case *types.Slice:
			return walk(x.Elem())
		case *types.Array:
			return walk(x.Elem())
		case *types.Map:
			return walk(x.Key()) || walk(x.Elem())
		case *types.Chan:
			return walk(x.Elem())
		case *types.Signature:
			for v := range x.Params().Variables() {
				if walk(v.Type()) {
					return true
				}
			}
			for v := range x.Results().Variables() {
				if walk(v.Type()) {
					return true
				}
			}
		}
		return false
	}
	if _, ok := t.Underlying().(*types.Struct); ok {
		return false
	}
	return walk(t.Underlying())
}

// typeName is the name with type arguments as reflect writes it: St[int].
func typeName(t *types.Named) string {
	name := t.Obj().Name()
	if t.TypeArgs().Len() == 0 {
		return name
	}
	var args []string
	for a := range t.TypeArgs().Types() {
		args = append(args, types.TypeString(a, func(p *types.Package) string { return p.Path() }))
	}
	return name + "[" + strings.Join(args, ",") + "]"
}

// typeID is the identity of a declared type: where it was declared, and with
// which type arguments.
func (u *unit) typeID(t *types.Named) string {
	id := u.objectID(t.Origin().Obj())
	if t.TypeArgs().Len() > 0 {
		id += u.argsID(t.TypeArgs())
	}
	return id
}

func (u *unit) argsID(l *types.TypeList) string {
	var b strings.Builder
	for a := range l.Types() {
		fmt.Fprintf(&b, "[%s]", u.key(a))
	}
	return b.String()
}

// key writes a type so that two types have the same key exactly if they are
// identical.
func (u *unit) key(t types.Type) string {
	var b strings.Builder
	var walk func(t types.Type)
	walk = func(t types.Type) {
		switch t := types.Unalias(t).(type) {
		case *types.Named:
			if !isCell(t.Obj()) {
				b.WriteString(types.TypeString(t.Origin(), nil))
				for a := range t.TypeArgs().Types() {
					b.WriteString("<")
					walk(a)
					b.WriteString(">")
				}
				return
			}
			b.WriteString(u.typeID(t))
		case *types.Pointer:
			b.WriteString("*")
			walk(t.Elem())
		case *types.Slice:
			b.WriteString("[]")
			walk(t.Elem())
		case *types.Array:
			fmt.Fprintf(&b, "[%d]", t.Len())
			walk(t.Elem())
		case *types.Map:
			b.WriteString("map{")
			walk(t.Key())
			b.WriteString("}")
			walk(t.Elem())
		case *types.Chan:
			fmt.Fprintf(&b, "chan%d(", t.Dir())
			walk(t.Elem())
			b.WriteString(")")
		case *types.Signature:
			fmt.Fprintf(&b, "func%v(", t.Variadic())
			for v := range t.Params().Variables() {
				walk(v.Type())
				b.WriteString(",")
			}
			b.WriteString(")(")
			for v := range t.Results().Variables() {
				walk(v.Type())
				b.WriteString(",")
			}
			b.WriteString(")")
		case *types.Struct:
			b.WriteString("struct{")
			for i := range t.NumFields() {
				f := t.Field(i)
				fmt.Fprintf(&b, "%s %v ", f.Name(), f.Embedded())
				walk(f.Type())
				fmt.Fprintf(&b, "%q;", t.Tag(i))
			}
			b.WriteString("}")
		case *types.Interface:
			b.WriteString("interface{")
			for m := range t.Methods() {
				b.WriteString(m.Name())
				walk(plain(m.Signature()))
			}
			b.WriteString("}")
		default:
			b.WriteString(t.String())
		}
	}
	walk(t)
	return b.String()
}

// twin reports whether lowered code sees t with another reflect.Type than an
// interface holds.
func (u *unit) twin(t types.Type) bool {
	seen := typeutil.Map{}
	var walk func(t types.Type) bool
	walk = func(t types.Type) bool {
		t = types.Unalias(t)
		if seen.At(t) != nil {
			return false
		}
		seen.Set(t, true)
		switch t := t.(type) {
		case *types.Named:
			if !isCell(t.Obj()) {
				if t.TypeArgs().Len() > 0 {
					return true
				}
				return false
			}
			return !types.IsInterface(t)
		case *types.Pointer:
			return walk(t.Elem())
		case *types.Slice:
			return walk(t.Elem())
		case *types.Array:
			return walk(t.Elem())
		case *types.Map:
			return walk(t.Key()) || walk(t.Elem())
		case *types.Chan:
			return walk(t.Elem())
		case *types.Signature:
			if t.Variadic() {
				return true // the inner face takes a slice
			}
			for v := range t.Params().Variables() {
				if walk(v.Type()) {
					return true
				}
			}
			for v := range t.Results().Variables() {
				if walk(v.Type()) {
					return true
				}
			}
		case *types.Struct:
			return true // inner field names differ
		}
		return false
	}
	return walk(t)
}

// ty writes the inner face of t in Go.
func (f *fn) ty(t types.Type) string { return f.u.ty(f.sub(t)) }

func (u *unit) ty(t types.Type) string {
	switch t := types.Unalias(t).(type) {
	case *types.Basic:
		if t.Info()&types.IsUntyped != 0 {
			return u.ty(types.Default(t))
		}
		if t.Kind() == types.UnsafePointer {
			return u.tname(t)
		}
		return types.Typ[t.Kind()].Name()
	case *types.Named:
		if !isCell(t.Obj()) {
			if t.TypeArgs().Len() > 0 {
				u.typ(t) // refuses all but func types
				return u.ty(t.Underlying())
			}
			return u.tname(t)
		}
		switch t.Underlying().(type) {
		case *types.Struct, *types.Interface:
			return u.tname(t)
		}
		if u.expanding[t] {
			u.refuse(u.at, "the recursive type "+t.Obj().Name(), "write it with a struct: type "+t.Obj().Name()+" struct{ … }")
		}
		u.expanding[t] = true
		defer delete(u.expanding, t)
		return u.ty(t.Underlying())
	case *types.Pointer:
		return "*" + u.ty(t.Elem())
	case *types.Slice:
		return "[]" + u.ty(t.Elem())
	case *types.Array:
		return fmt.Sprintf("[%d]%s", t.Len(), u.ty(t.Elem()))
	case *types.Map:
		return "map[" + u.ty(t.Key()) + "]" + u.ty(t.Elem())
	case *types.Signature:
		return "func" + u.signature(t)
	case *types.Chan, *types.Struct, *types.Interface:
		return u.tname(t)
	}
	u.refuse(u.at, fmt.Sprintf("the type %s", t), "")
	return ""
}

// signature writes parameters and results without names. A variadic parameter
// is a slice: yaegi can't tell f(s) from f(s...) when both fit.
func (u *unit) signature(t *types.Signature) string {
	var in, out []string
	for i := range t.Params().Len() {
		in = append(in, u.ty(t.Params().At(i).Type()))
	}
	for v := range t.Results().Variables() {
		out = append(out, u.ty(v.Type()))
	}
	s := "(" + strings.Join(in, ", ") + ")"
	switch len(out) {
	case 0:
		return s
	case 1:
		return s + " " + out[0]
	}
	return s + " (" + strings.Join(out, ", ") + ")"
}

// tname is the name under which the engine provides a type.
func (u *unit) tname(t types.Type) string {
	i := u.typ(t)
	return u.sym(Sym{Kind: "type", Types: []int{i}})
}
