package lower

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"math/big"
	"strconv"
	"strings"
)

// expr lowers an expression with one value; its text has the inner face of
// the expression's type.
func (f *fn) expr(e ast.Expr) string {
	e = ast.Unparen(e)
	if tv := f.info.Types[e]; tv.Value != nil {
		return f.constText(tv.Value, types.Default(f.typeOf(e)), e)
	}
	switch e := e.(type) {
	case *ast.Ident:
		return f.identValue(e)
	case *ast.FuncLit:
		return f.literal(e, false)
	case *ast.CompositeLit:
		return f.composite(e)
	case *ast.SelectorExpr:
		return f.selector(e)
	case *ast.IndexExpr:
		return f.index(e)
	case *ast.IndexListExpr:
		return f.funcValue(e, f.calledFunc(e), f.instanceArgs(e))
	case *ast.SliceExpr:
		return f.slice(e)
	case *ast.TypeAssertExpr:
		t := f.typeOf(e)
		s := f.u.sym(Sym{Kind: "assert", Types: []int{f.u.typ(f.typeOf(e.X)), f.u.typ(t)}})
		x := f.expr(e.X)
		return fmt.Sprintf("%s(%d, %s)", s, f.u.pos(e.Lparen), x)
	case *ast.CallExpr:
		return f.call(e)
	case *ast.StarExpr:
		x := f.expr(e.X)
		if b, ok := f.typeOf(e).Underlying().(*types.Basic); ok && b.Info()&types.IsString != 0 {
			// yaegi reads "<invalid Value>" through a nil pointer.
			x = f.u.sym(Sym{Kind: "nonnil", Types: []int{f.u.typ(f.typeOf(e.X))}}) + "(" + x + ")"
		}
		return "(*" + x + ")"
	case *ast.UnaryExpr:
		return f.unary(e)
	case *ast.BinaryExpr:
		return f.binary(e)
	}
	f.refuse(e, fmt.Sprintf("an expression of kind %T", e), "")
	return ""
}

// pure reports whether evaluating e has no effect, can't panic, and gives the
// same now and a little later.
func (f *fn) pure(e ast.Expr) bool {
	if f.constant(e) {
		return true
	}
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident, *ast.BasicLit, *ast.FuncLit:
		return true
	case *ast.BinaryExpr:
		return e.Op != token.QUO && e.Op != token.REM && e.Op != token.SHL && e.Op != token.SHR && f.pure(e.X) && f.pure(e.Y)
	case *ast.UnaryExpr:
		return e.Op != token.ARROW && f.pure(e.X)
	case *ast.SelectorExpr:
		if s := f.info.Selections[e]; s != nil {
			return s.Kind() == types.FieldVal && !s.Indirect() && f.pure(e.X)
		}
		return true
	case *ast.CallExpr:
		if id, ok := ast.Unparen(e.Fun).(*ast.Ident); ok {
			if b, ok := f.info.Uses[id].(*types.Builtin); ok && (b.Name() == "len" || b.Name() == "cap") {
				return f.pure(e.Args[0])
			}
		}
	}
	return false
}

// conv lowers e and turns it into type to, as an assignment does.
func (f *fn) conv(e ast.Expr, to types.Type) string {
	from := f.typeOf(e)
	to = f.sub(to)
	tv := f.info.Types[ast.Unparen(e)]
	if tv.IsNil() || isUntypedNil(from) {
		return f.nilText(to)
	}
	if tv.Value != nil {
		if types.IsInterface(to) {
			t := types.Default(from)
			return f.convText(f.constText(tv.Value, t, e), t, to)
		}
		return f.constText(tv.Value, to, e)
	}
	return f.convText(f.expr(e), types.Default(from), to)
}

func isUntypedNil(t types.Type) bool {
	b, ok := t.(*types.Basic)
	return ok && b.Kind() == types.UntypedNil
}

func (f *fn) nilText(to types.Type) string { return f.u.nilOf(f.ty(to)) }

// convText turns a lowered expression of type from into type to.
func (f *fn) convText(text string, from, to types.Type) string {
	from, to = f.sub(from), f.sub(to)
	if types.Identical(from, to) {
		return text
	}
	if types.IsInterface(to) {
		if st, ok := structOf(from); ok && embeds(st) {
			f.u.refuse(f.u.at, "a struct type without a name that embeds another type, as an interface", "give the type a name")
		}
		s := f.u.sym(Sym{Kind: "conv", Types: []int{f.u.typ(from), f.u.typ(to)}})
		return s + "(" + text + ")"
	}
	if f.ty(from) == f.ty(to) {
		return text
	}
	s := f.u.sym(Sym{Kind: "retype", Types: []int{f.u.typ(from), f.u.typ(to)}})
	return s + "(" + text + ")"
}

// structOf is the unnamed struct type that t is or points to.
func structOf(t types.Type) (*types.Struct, bool) {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	s, ok := types.Unalias(t).(*types.Struct)
	return s, ok
}

func embeds(s *types.Struct) bool {
	for f := range s.Fields() {
		if f.Embedded() {
			return true
		}
	}
	return false
}

// constText writes a constant with its type.
func (f *fn) constText(v constant.Value, t types.Type, n ast.Node) string {
	t = f.sub(t)
	b, ok := coreType(t).(*types.Basic)
	if !ok {
		f.refuse(n, "a constant of type "+t.String(), "")
	}
	if b.Info()&types.IsUntyped != 0 {
		b = types.Default(b).(*types.Basic)
	}
	ty := types.Typ[b.Kind()].Name()
	if own := f.ty(t); own != ty && b.Info()&types.IsComplex == 0 { // a type of a compiled package
		return own + "(" + f.constText(v, types.Typ[b.Kind()], n) + ")"
	}
	switch info := b.Info(); {
	case info&types.IsBoolean != 0:
		return strconv.FormatBool(constant.BoolVal(v))
	case info&types.IsString != 0:
		if v.Kind() == constant.Int {
			r, _ := constant.Int64Val(v)
			return strconv.Quote(string(rune(r)))
		}
		return strconv.Quote(constant.StringVal(v))
	case info&types.IsInteger != 0:
		s := constant.ToInt(v).ExactString()
		if b.Kind() == types.Int {
			if s == "-9223372036854775808" {
				return "(-9223372036854775807 - 1)"
			}
			if strings.HasPrefix(s, "-") {
				return "(" + s + ")"
			}
			return s
		}
		if b.Kind() == types.Int64 && s == "-9223372036854775808" {
			return "(int64(-9223372036854775807) - int64(1))"
		}
		return ty + "(" + s + ")"
	case info&types.IsFloat != 0:
		return floatText(v, b.Kind() == types.Float32)
	case info&types.IsComplex != 0:
		s := f.u.sym(Sym{Kind: "complex", Types: []int{f.u.typ(t)}})
		return fmt.Sprintf("%s(%s, %s)", s, floatText(constant.Real(v), false), floatText(constant.Imag(v), false))
	}
	if b.Kind() == types.UnsafePointer {
		f.refuse(n, "unsafe.Pointer", "")
	}
	f.refuse(n, "a constant of type "+t.String(), "")
	return ""
}

func floatText(v constant.Value, single bool) string {
	v = constant.ToFloat(v)
	bits := 64
	var x float64
	if single {
		y, _ := constant.Float32Val(v)
		x, bits = float64(y), 32
	} else {
		x, _ = constant.Float64Val(v)
	}
	s := strconv.FormatFloat(x, 'g', -1, bits)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	if single {
		return "float32(" + s + ")"
	}
	if strings.HasPrefix(s, "-") {
		return "(" + s + ")"
	}
	return s
}

var _ = big.NewInt // exact constants come from go/constant

// ident is a variable's text, to read or to assign.
func (f *fn) ident(id *ast.Ident) string {
	o := f.info.Uses[id]
	if o == nil {
		o = f.info.Defs[id]
	}
	v, ok := o.(*types.Var)
	if !ok {
		f.refuse(id, "the name "+id.Name+" here", "")
	}
	return f.variable(v, id)
}

func (f *fn) variable(v *types.Var, n ast.Node) string {
	if l := f.top.vars[v]; l != nil {
		if l.boxed {
			return "*" + l.name
		}
		return l.name
	}
	if !isCell(v) {
		s := f.u.sym(Sym{Kind: "stdvar", Types: []int{f.u.typ(v.Type())}, Pkg: v.Pkg().Path(), Member: v.Name()})
		return "*" + s
	}
	if v.Parent() == nil || v.Parent() != v.Pkg().Scope() && v.Parent().Parent() != types.Universe {
		f.refuse(n, "the variable "+v.Name()+" from here", "")
	}
	return "*" + f.u.global(v)
}

func (f *fn) identValue(id *ast.Ident) string {
	switch o := f.info.Uses[id].(type) {
	case *types.Var:
		s := f.variable(o, id)
		if strings.HasPrefix(s, "*") {
			return "(" + s + ")"
		}
		return s
	case *types.Func:
		return f.funcValue(id, o, f.instanceArgs(id))
	}
	f.refuse(id, "the name "+id.Name+" as a value", "")
	return ""
}

// instanceArgs are the type arguments of a generic function named by e.
func (f *fn) instanceArgs(e ast.Expr) *types.TypeList {
	var id *ast.Ident
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		id = e
	case *ast.SelectorExpr:
		id = e.Sel
	case *ast.IndexExpr:
		return f.instanceArgs(e.X)
	case *ast.IndexListExpr:
		return f.instanceArgs(e.X)
	}
	inst, ok := f.info.Instances[id]
	if !ok {
		return nil
	}
	return f.subList(inst.TypeArgs)
}

// subList replaces type parameters in a list of type arguments; go/types only
// makes lists of its own, so a throw-away instance carries it.
func (f *fn) subList(l *types.TypeList) *types.TypeList {
	if l == nil || len(f.env) == 0 {
		return l
	}
	var params []*types.TypeParam
	var args []types.Type
	anyType := types.Universe.Lookup("any").Type()
	for t := range l.Types() {
		params = append(params, types.NewTypeParam(types.NewTypeName(token.NoPos, nil, "P", nil), anyType))
		args = append(args, f.sub(t))
	}
	n := types.NewNamed(types.NewTypeName(token.NoPos, nil, "carrier", nil), types.Typ[types.Int], nil)
	n.SetTypeParams(params)
	r, err := types.Instantiate(nil, n, args, false)
	if err != nil {
		f.u.refuse(f.u.at, "these type arguments", "")
	}
	return r.(*types.Named).TypeArgs()
}

func (f *fn) calledFunc(e ast.Expr) *types.Func {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		fn, _ := f.info.Uses[e].(*types.Func)
		return fn
	case *ast.SelectorExpr:
		if f.info.Selections[e] != nil {
			return nil
		}
		fn, _ := f.info.Uses[e.Sel].(*types.Func)
		return fn
	case *ast.IndexExpr:
		return f.calledFunc(e.X)
	case *ast.IndexListExpr:
		return f.calledFunc(e.X)
	}
	return nil
}

// funcValue is a declared function as a value.
func (f *fn) funcValue(e ast.Expr, fn *types.Func, args *types.TypeList) string {
	if fn == nil {
		f.refuse(e, "this expression as a function", "")
	}
	sig := f.typeOf(e).(*types.Signature)
	if !isCell(fn) {
		f.noGenericStd(e, fn)
		return f.u.sym(Sym{Kind: "stdfunc", Types: []int{f.u.typ(sig)}, Pkg: fn.Pkg().Path(), Member: fn.Name()})
	}
	if f.recovering(fn) {
		f.refuse(e, "a function that calls recover() as a value", "name it in a defer statement")
	}
	return f.wrapper(sig, nil, func(params []string) string {
		return f.u.funcRef(fn, args) + "(" + strings.Join(params, ", ") + ")"
	})
}

func (f *fn) noGenericStd(e ast.Node, fn *types.Func) {
	if fn.Signature().TypeParams().Len() > 0 {
		f.refuse(e, "the generic function "+fn.Pkg().Name()+"."+fn.Name(), "write the loop yourself")
	}
}

// recovering reports whether a cell's function calls recover() itself.
func (f *fn) recovering(fn *types.Func) bool {
	src, ok := f.u.source(fn.Origin())
	if !ok || src.decl.Body == nil {
		return false
	}
	found := false
	ast.Inspect(src.decl.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.CallExpr:
			if id, ok := ast.Unparen(n.Fun).(*ast.Ident); ok {
				if b, ok := src.info.Uses[id].(*types.Builtin); ok && b.Name() == "recover" {
					found = true
				}
			}
		}
		return !found
	})
	return found
}

// wrapper makes a literal of type sig whose body is a call.
func (f *fn) wrapper(sig *types.Signature, caps []capture, call func(params []string) string) string {
	in := f.child()
	var decl, params []string
	for _, t := range sigParams(sig) {
		n := f.u.unique("p")
		decl = append(decl, n+" "+f.ty(t))
		params = append(params, n)
	}
	return in.closure("func"+f.u.signature(f.sub(sig).(*types.Signature)), strings.Join(decl, ", "), f.resultTypes(f.sub(sig).(*types.Signature)), caps, func() {
		text := call(params)
		if sig.Results().Len() > 0 {
			text = "return " + text
		}
		in.line("%s", text)
	})
}

func fieldName(name string) string { return "F_" + name }

// path follows field indices from an expression of type t.
func (f *fn) path(x string, t types.Type, index []int) (string, types.Type) {
	for _, i := range index {
		u := t.Underlying()
		if p, ok := u.(*types.Pointer); ok {
			u = p.Elem().Underlying()
		}
		st := u.(*types.Struct)
		x = group(x) + "." + f.u.field(t, st.Field(i).Name())
		t = f.sub(st.Field(i).Type())
	}
	return x, t
}

// field is a field's name in the inner face.
func (u *unit) field(t types.Type, name string) string {
	if p, ok := t.Underlying().(*types.Pointer); ok {
		t = p.Elem()
	}
	if n, ok := types.Unalias(t).(*types.Named); ok && !isCell(n.Obj()) {
		return name
	}
	return fieldName(name)
}

// group puts parentheses around a dereference.
func group(x string) string {
	if strings.HasPrefix(x, "*") || strings.HasPrefix(x, "&") {
		return "(" + x + ")"
	}
	return x
}

// lookup is the selection of e, resolved again where a type parameter stood.
func (f *fn) lookup(e *ast.SelectorExpr) (types.Object, []int, bool) {
	if len(f.env) == 0 {
		s := f.info.Selections[e]
		return s.Obj(), s.Index(), s.Indirect()
	}
	t := f.typeOf(e.X)
	s := f.info.Selections[e]
	o, index, indirect := types.LookupFieldOrMethod(t, true, s.Obj().Pkg(), s.Obj().Name())
	if o == nil {
		f.refuse(e, "this selector in a generic function", "")
	}
	return o, index, indirect
}

func (f *fn) indexOf(e *ast.SelectorExpr) []int {
	_, index, _ := f.lookup(e)
	return index
}

// checkNil writes a line that panics at e if the pointer x is nil: yaegi would
// panic too, but can't say where.
func (f *fn) checkNil(x string, e *ast.SelectorExpr) {
	if _, ok := f.typeOf(e.X).Underlying().(*types.Pointer); !ok || !isName(x) || !f.canHoist() {
		return
	}
	f.line("if %s == nil {", x)
	f.line("\tˍ.Nil(%d)", f.u.pos(e.Sel.Pos()))
	f.line("}")
}

// fieldBase lowers what a field is selected from so that it can be assigned.
func (f *fn) fieldBase(e *ast.SelectorExpr) (string, types.Type) {
	t := f.typeOf(e.X)
	if f.info.Selections[e] == nil {
		return "", types.Typ[types.Int]
	}
	if _, ok := t.Underlying().(*types.Pointer); ok {
		return f.expr(e.X), t
	}
	return f.addressable(e.X), t
}

// addressable lowers an expression that is assigned to or whose address is taken.
func (f *fn) addressable(e ast.Expr) string {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		return group(f.ident(e))
	case *ast.SelectorExpr:
		if f.info.Selections[e] == nil {
			return f.expr(e)
		}
		base, t := f.fieldBase(e)
		x, _ := f.path(base, t, f.indexOf(e))
		return x
	case *ast.IndexExpr:
		return f.index(e)
	}
	return f.expr(e)
}

func (f *fn) selector(e *ast.SelectorExpr) string {
	s := f.info.Selections[e]
	if s == nil {
		switch o := f.info.Uses[e.Sel].(type) {
		case *types.Var:
			return group(f.variable(o, e))
		case *types.Func:
			return f.funcValue(e, o, f.instanceArgs(e))
		}
		f.refuse(e, "this name", "")
	}
	switch s.Kind() {
	case types.FieldVal:
		x := f.expr(e.X)
		f.checkNil(x, e)
		x, _ = f.path(x, f.typeOf(e.X), f.indexOf(e))
		return x
	case types.MethodVal:
		return f.methodValue(e)
	}
	// T.Method: the receiver becomes the first parameter.
	sig := f.typeOf(e).(*types.Signature)
	recv := f.typeOf(e.X)
	fn, index, _ := types.LookupFieldOrMethod(recv, true, s.Obj().Pkg(), s.Obj().Name())
	return f.wrapper(sig, nil, func(params []string) string {
		x, t := f.path(params[0], recv, index[:len(index)-1])
		return f.callMethod(x, t, fn.(*types.Func), params[1:], sig.Variadic())
	})
}

// methodValue binds the receiver, evaluated now.
func (f *fn) methodValue(e *ast.SelectorExpr) string {
	sig := f.typeOf(e).(*types.Signature)
	fn, x, t := f.receiver(e)
	if f.recovering(fn) && isCell(fn) {
		f.refuse(e, "a method that calls recover() as a value", "call it in a defer statement")
	}
	recv := f.u.unique("recv")
	x, ty := f.receiverArg(x, t, fn)
	x = f.nonNil(x, t)
	// The maker's argument is evaluated where the method value is.
	call := f.wrapper(sig, []capture{{recv, ty}}, func(params []string) string {
		return f.callOn(recv, t, fn, params, sig.Variadic())
	})
	return strings.Replace(call, "("+recv+")", "("+x+")", 1)
}

// nonNil lets a method value or a deferred call of a nil interface panic when
// it is evaluated.
func (f *fn) nonNil(x string, t types.Type) string {
	if !types.IsInterface(t) {
		return x
	}
	return f.u.sym(Sym{Kind: "nonnil", Types: []int{f.u.typ(t)}}) + "(" + x + ")"
}

// receiver lowers x.M up to the embedded value that has M.
func (f *fn) receiver(e *ast.SelectorExpr) (*types.Func, string, types.Type) {
	o, index, _ := f.lookup(e)
	fn := o.(*types.Func)
	t := f.typeOf(e.X)
	var x string
	if ptrRecv(fn) {
		if _, ok := t.Underlying().(*types.Pointer); ok {
			x = f.expr(e.X)
		} else {
			x = f.addressable(e.X)
		}
	} else {
		x = f.expr(e.X)
	}
	x, t = f.path(x, t, index[:len(index)-1])
	return fn, x, t
}

func ptrRecv(fn *types.Func) bool {
	r := fn.Signature().Recv()
	if r == nil {
		return false
	}
	_, ok := types.Unalias(r.Type()).(*types.Pointer)
	return ok
}

// receiverArg turns x of type t into what fn takes as a receiver.
func (f *fn) receiverArg(x string, t types.Type, fn *types.Func) (string, string) {
	if types.IsInterface(t) {
		return x, f.ty(t)
	}
	_, isPtr := t.Underlying().(*types.Pointer)
	switch {
	case ptrRecv(fn) && !isPtr:
		if strings.HasPrefix(x, "(*") && strings.HasSuffix(x, ")") && !strings.ContainsAny(x[2:len(x)-1], "()*.[") {
			return x[2 : len(x)-1], "*" + f.ty(t)
		}
		return "&" + x, "*" + f.ty(t)
	case !ptrRecv(fn) && isPtr:
		return "*" + group(x), f.ty(t.Underlying().(*types.Pointer).Elem())
	}
	return x, f.ty(t)
}

// callMethod calls fn on x of type t, which may have to be referenced or
// dereferenced first.
func (f *fn) callMethod(x string, t types.Type, fn *types.Func, args []string, variadic bool) string {
	x, _ = f.receiverArg(x, t, fn)
	return f.callOn(x, t, fn, args, variadic)
}

// callOn calls fn on a receiver as it takes it.
func (f *fn) callOn(x string, t types.Type, fn *types.Func, args []string, variadic bool) string {
	all := strings.Join(append([]string{x}, args...), ", ")
	if types.IsInterface(t) {
		if t.String() == "reflect.Type" && (fn.Name() == "Method" || fn.Name() == "MethodByName" || fn.Name() == "Methods") {
			f.u.refuse(f.u.at, "reflect.Type."+fn.Name(), "ask a reflect.Value for its methods")
		}
		sig := f.sub(plain(fn.Signature())).(*types.Signature)
		s := f.u.sym(Sym{Kind: "imethod", Types: []int{f.u.typ(t), f.u.typ(sig)}, Member: fn.Name()})
		return s + "(" + all + ")"
	}
	base := t
	if p, ok := t.Underlying().(*types.Pointer); ok {
		base = p.Elem()
	}
	n, ok := types.Unalias(base).(*types.Named)
	if !ok {
		f.u.refuse(f.u.at, "this method call", "")
	}
	if isCell(n.Obj()) {
		name := f.u.funcRef(fn, n.TypeArgs())
		if f.recovering(fn) {
			p := "0"
			if f.panics == panicParam {
				p = panicParam
			}
			name = f.recoverRef(fn, n.TypeArgs())
			all += ", " + p
		}
		return name + "(" + all + ")"
	}
	recv := types.Type(n)
	if ptrRecv(fn) {
		recv = types.NewPointer(n)
	}
	sig := plain(fn.Signature())
	s := f.u.sym(Sym{Kind: "method", Types: []int{f.u.typ(recv), f.u.typ(sig)}, Member: fn.Name()})
	return s + "(" + all + ")"
}

// recoverRef names the form of a recovering function that takes a handle.
func (f *fn) recoverRef(fn *types.Func, args *types.TypeList) string {
	o := fn.Origin()
	if isGeneric(o) {
		return f.u.instance(o, args)
	}
	if n, ok := f.u.funcs[o]; ok {
		return n
	}
	return f.u.sym(Sym{Kind: "func", Types: []int{f.u.typ(withPanic(recvFirst(o.Signature())))}, ID: f.u.funcID(o, nil) + recoverMark})
}

// intExpr lowers an index or size to an int.
func (f *fn) intExpr(e ast.Expr) string {
	t := f.typeOf(e)
	if tv := f.info.Types[ast.Unparen(e)]; tv.Value != nil {
		return f.constText(tv.Value, types.Typ[types.Int], e)
	}
	x := f.expr(e)
	if f.ty(t) == "int" {
		return x
	}
	return "int(" + x + ")"
}

func (f *fn) index(e *ast.IndexExpr) string {
	if tv := f.info.Types[e.X]; tv.IsType() {
		f.refuse(e, "a type as a value", "")
	}
	t := f.typeOf(e.X)
	if _, ok := t.(*types.Signature); ok {
		return f.funcValue(e, f.calledFunc(e), f.instanceArgs(e))
	}
	switch u := coreType(t).(type) {
	case *types.Map:
		x := f.expr(e.X)
		return fmt.Sprintf("%s[%s]", x, f.conv(e.Index, u.Key()))
	case *types.Basic:
		x := f.conv(e.X, types.Default(t))
		return fmt.Sprintf("ˍ.StringIndex(%d, %s, %s)", f.u.pos(e.Pos()), x, f.intExpr(e.Index))
	case *types.Array:
		x := f.addressable(e.X)
		k := f.intExpr(e.Index)
		if !f.constant(e.Index) {
			k = f.inRange(e, k, fmt.Sprint(u.Len()))
		}
		return fmt.Sprintf("%s[%s]", x, k)
	case *types.Pointer:
		x := f.expr(e.X)
		k := f.intExpr(e.Index)
		if !f.constant(e.Index) {
			k = f.inRange(e, k, fmt.Sprint(u.Elem().Underlying().(*types.Array).Len()))
		}
		return fmt.Sprintf("(*%s)[%s]", x, k)
	case *types.Slice:
		x := f.expr(e.X)
		k := f.intExpr(e.Index)
		if f.repeatable(e.X) {
			return fmt.Sprintf("%s[%s]", x, f.inRange(e, k, "len("+x+")"))
		}
		s := f.u.sym(Sym{Kind: "index", Types: []int{f.u.typ(t)}})
		return fmt.Sprintf("(*%s(%d, %s, %s))", s, f.u.pos(e.Pos()), x, k)
	}
	f.refuse(e, "an index into "+t.String(), "")
	return ""
}

// inRange is the index k of e, checked against a length so that the panic is
// Go's: by a line before the statement, if nothing can happen in between.
func (f *fn) inRange(e *ast.IndexExpr, k, length string) string {
	if !f.canHoist() || !f.pure(e.Index) {
		return f.checkIndex(e, k, length)
	}
	f.checkLine(e, k, length)
	return k
}

// checkLine writes the check as a statement; it costs a tenth of a call.
func (f *fn) checkLine(e *ast.IndexExpr, k, length string) {
	cond := fmt.Sprintf("%s >= %s", k, length)
	if !f.constant(e.Index) {
		cond = fmt.Sprintf("%s < 0 || %s", k, cond)
	}
	f.line("if %s {", cond)
	f.line("\tˍ.Index(%d, %s, %s)", f.u.pos(e.Pos()), k, length)
	f.line("}")
}

// repeatable reports whether the text of e can stand twice.
func (f *fn) repeatable(e ast.Expr) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		return true
	case *ast.SelectorExpr:
		s := f.info.Selections[e]
		return s == nil || s.Kind() == types.FieldVal && f.repeatable(e.X)
	case *ast.StarExpr:
		return f.repeatable(e.X)
	case *ast.IndexExpr:
		if _, ok := coreType(f.typeOf(e.X)).(*types.Map); ok {
			return false
		}
		return f.repeatable(e.X) && f.pure(e.Index)
	}
	return false
}

func (f *fn) slice(e *ast.SliceExpr) string {
	t := f.typeOf(e.X)
	var x string
	from := t
	if _, ok := coreType(t).(*types.Array); ok {
		x = f.address(e.X)
		from = types.NewPointer(t)
	} else {
		x = f.conv(e.X, types.Default(t))
		from = types.Default(t)
	}
	bound := func(b ast.Expr, none string) string {
		if b == nil {
			return none
		}
		return f.intExpr(b)
	}
	s := f.u.sym(Sym{Kind: "slice", Types: []int{f.u.typ(from), f.u.typ(types.Default(f.typeOf(e)))}})
	const noBound = "-9007199254740993"
	return fmt.Sprintf("%s(%d, %s, %s, %s, %s)", s, f.u.pos(e.Lbrack), x, bound(e.Low, "0"), bound(e.High, noBound), bound(e.Max, noBound))
}

// address lowers &e.
func (f *fn) address(e ast.Expr) string {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		n := f.ident(e)
		if !strings.HasPrefix(n, "*") {
			f.refuse(e, "the address of "+e.Name, "")
		}
		return n[1:]
	case *ast.CompositeLit:
		if _, ok := coreType(f.typeOf(e)).(*types.Struct); ok {
			return "&" + f.composite(e)
		}
		return f.ref(f.composite(e), f.typeOf(e))
	case *ast.StarExpr:
		// &*p is p, but for a nil p it panics.
		return f.u.sym(Sym{Kind: "nonnil", Types: []int{f.u.typ(f.typeOf(e.X))}}) + "(" + f.expr(e.X) + ")"
	case *ast.IndexExpr:
		t := f.typeOf(e.X)
		if _, ok := coreType(t).(*types.Slice); ok {
			s := f.u.sym(Sym{Kind: "index", Types: []int{f.u.typ(t)}})
			x := f.expr(e.X)
			return fmt.Sprintf("%s(%d, %s, %s)", s, f.u.pos(e.Pos()), x, f.intExpr(e.Index))
		}
	}
	return "&" + f.addressable(e)
}

// ref is a pointer to a new variable with a value.
func (f *fn) ref(text string, t types.Type) string {
	return f.u.sym(Sym{Kind: "ref", Types: []int{f.u.typ(t)}}) + "(" + text + ")"
}

func (f *fn) composite(e *ast.CompositeLit) string {
	t := f.typeOf(e)
	if p, ok := coreType(t).(*types.Pointer); ok {
		text := f.compositeOf(e, p.Elem())
		if _, ok := p.Elem().Underlying().(*types.Struct); ok {
			return "&" + text
		}
		return f.ref(text, p.Elem())
	}
	return f.compositeOf(e, t)
}

func (f *fn) compositeOf(e *ast.CompositeLit, t types.Type) string {
	var parts []string
	switch u := coreType(t).(type) {
	case *types.Struct:
		u = f.sub(u).(*types.Struct)
		for i, el := range e.Elts {
			fl := u
			if kv, ok := el.(*ast.KeyValueExpr); ok {
				name := kv.Key.(*ast.Ident).Name
				parts = append(parts, f.u.field(t, name)+": "+f.conv(kv.Value, fieldType(fl, name)))
				continue
			}
			if fl.Field(i).Name() == "_" {
				f.refuse(el, "a value for a field without a name", "")
			}
			parts = append(parts, f.u.field(t, fl.Field(i).Name())+": "+f.conv(el, fl.Field(i).Type()))
		}
	case *types.Map:
		for _, el := range e.Elts {
			kv := el.(*ast.KeyValueExpr)
			parts = append(parts, f.conv(kv.Key, u.Key())+": "+f.conv(kv.Value, u.Elem()))
		}
	case *types.Slice:
		return f.ty(t) + f.elements(e, u.Elem())
	case *types.Array:
		return f.ty(t) + f.elements(e, u.Elem())
	}
	return f.ty(t) + "{" + strings.Join(parts, ", ") + "}"
}

func fieldType(s *types.Struct, name string) types.Type {
	for v := range s.Fields() {
		if v.Name() == name {
			return v.Type()
		}
	}
	return nil
}

func (f *fn) elements(e *ast.CompositeLit, elem types.Type) string {
	var parts []string
	for _, el := range e.Elts {
		if kv, ok := el.(*ast.KeyValueExpr); ok {
			k, _ := constant.Int64Val(constant.ToInt(f.info.Types[kv.Key].Value))
			parts = append(parts, fmt.Sprintf("%d: %s", k, f.conv(kv.Value, elem)))
			continue
		}
		parts = append(parts, f.conv(el, elem))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func (f *fn) unary(e *ast.UnaryExpr) string {
	switch e.Op {
	case token.AND:
		return f.address(e.X)
	case token.ARROW:
		t := f.typeOf(e.X)
		s := f.u.sym(Sym{Kind: "recv", Types: []int{f.u.typ(t)}})
		x := f.expr(e.X)
		f.impure = true
		return fmt.Sprintf("%s(%d, %s)", s, f.u.pos(e.OpPos), x)
	case token.NOT:
		return "!(" + f.conv(e.X, types.Default(f.typeOf(e))) + ")"
	case token.ADD:
		return f.conv(e.X, f.typeOf(e))
	case token.SUB:
		t := types.Default(f.typeOf(e))
		if b, ok := coreType(t).(*types.Basic); ok && b.Info()&types.IsComplex != 0 {
			return f.u.sym(Sym{Kind: "arith", Types: []int{f.u.typ(t)}, Member: "neg"}) + "(" + f.conv(e.X, t) + ")"
		}
		return "(-" + f.conv(e.X, t) + ")"
	case token.XOR:
		return "(^" + f.conv(e.X, types.Default(f.typeOf(e))) + ")"
	}
	f.refuse(e, "the operator "+e.Op.String(), "")
	return ""
}

// operand is a lowered expression with its type; untyped nil has no text.
type operand struct {
	text  string
	typ   types.Type
	isNil bool
	e     ast.Expr
}

func (f *fn) operand(e ast.Expr) operand {
	t := f.typeOf(e)
	if f.info.Types[ast.Unparen(e)].IsNil() || isUntypedNil(t) {
		return operand{isNil: true, typ: t, e: e}
	}
	t = types.Default(t)
	return operand{text: f.conv(e, t), typ: t, e: e}
}

func (f *fn) binary(e *ast.BinaryExpr) string {
	switch e.Op {
	case token.LAND, token.LOR:
		return f.shortCircuit(e)
	case token.EQL, token.NEQ, token.LSS, token.GTR, token.LEQ, token.GEQ:
		return f.comparison(e)
	case token.SHL, token.SHR:
		t := types.Default(f.typeOf(e))
		x := f.conv(e.X, t)
		return f.arith(e.Op, x, f.shiftCount(e.Y), t, e)
	}
	t := types.Default(f.typeOf(e))
	x := f.conv(e.X, t)
	return f.arith(e.Op, x, f.conv(e.Y, t), t, e)
}

// shortCircuit lowers && and ||. If the right side needs lines of its own, they
// run only if it does.
func (f *fn) shortCircuit(e *ast.BinaryExpr) string {
	x := f.convBool(e.X)
	if !f.canHoist() {
		f.noHoist++
		y := f.convBool(e.Y)
		f.noHoist--
		return fmt.Sprintf("(%s %s %s)", x, e.Op, y)
	}
	outer := f.buf
	f.buf = &strings.Builder{}
	y := f.convBool(e.Y)
	lines := f.buf.String()
	f.buf = outer
	if lines == "" {
		return fmt.Sprintf("(%s %s %s)", x, e.Op, y)
	}
	t := f.temp("bool", x)
	if e.Op == token.LAND {
		f.line("if %s {", t)
	} else {
		f.line("if !%s {", t)
	}
	f.buf.WriteString(lines)
	f.line("\t%s = %s", t, y)
	f.line("}")
	return t
}

func (f *fn) convBool(e ast.Expr) string { return f.conv(e, types.Default(f.typeOf(e))) }

func (f *fn) comparison(e *ast.BinaryExpr) string {
	tx, ty := f.typeOf(e.X), f.typeOf(e.Y)
	// A constant or untyped operand takes the type of the other.
	conv := func(e ast.Expr, self, other types.Type) operand {
		if f.info.Types[ast.Unparen(e)].IsNil() || isUntypedNil(self) {
			return operand{isNil: true}
		}
		t := self
		if b, ok := self.(*types.Basic); ok && b.Info()&types.IsUntyped != 0 {
			t = types.Default(self)
			if !types.IsInterface(other) && !isUntypedNil(other) {
				if o, ok := other.(*types.Basic); !ok || o.Info()&types.IsUntyped == 0 {
					t = other
				}
			}
		}
		return operand{text: f.conv(e, t), typ: t}
	}
	return f.compare(e.Op, conv(e.X, tx, ty), conv(e.Y, ty, tx), e)
}

// compare writes a comparison: by yaegi for basic types and nil, by a compiled
// function for everything else.
func (f *fn) compare(op token.Token, x, y operand, n ast.Node) string {
	switch {
	case x.isNil && y.isNil:
		return strconv.FormatBool(op == token.EQL)
	case y.isNil:
		return fmt.Sprintf("(%s %s nil)", x.text, op)
	case x.isNil:
		return fmt.Sprintf("(%s %s nil)", y.text, op)
	}
	ix, iy := types.IsInterface(x.typ), types.IsInterface(y.typ)
	if ix != iy {
		if ix {
			y.text, y.typ = f.convText(y.text, y.typ, x.typ), x.typ
		} else {
			x.text, x.typ = f.convText(x.text, x.typ, y.typ), y.typ
		}
	}
	if b, ok := coreType(x.typ).(*types.Basic); ok && b.Info()&types.IsComplex == 0 && b.Kind() != types.UnsafePointer {
		return fmt.Sprintf("(%s %s %s)", x.text, op, y.text)
	}
	s := f.u.sym(Sym{Kind: "equal", Types: []int{f.u.typ(x.typ), f.u.typ(y.typ)}})
	call := fmt.Sprintf("%s(%s, %s)", s, x.text, y.text)
	if op == token.NEQ {
		return "!" + call
	}
	return call
}

func (f *fn) shiftCount(e ast.Expr) string {
	t := f.typeOf(e)
	if tv := f.info.Types[ast.Unparen(e)]; tv.Value != nil {
		return f.constText(tv.Value, types.Typ[types.Uint], e)
	}
	x := f.conv(e, types.Default(t))
	if b, ok := coreType(types.Default(t)).(*types.Basic); ok && b.Info()&types.IsUnsigned == 0 {
		return fmt.Sprintf("ˍ.Shift(%d, int(%s))", f.u.pos(e.Pos()), x)
	}
	return "uint(" + x + ")"
}

// arith writes x op y of type t.
func (f *fn) arith(op token.Token, x, y string, t types.Type, n ast.Node) string {
	b, ok := coreType(f.sub(t)).(*types.Basic)
	if !ok {
		f.refuse(n, "the operator "+op.String()+" here", "")
	}
	if b.Info()&types.IsComplex != 0 {
		name := map[token.Token]string{token.ADD: "add", token.SUB: "sub", token.MUL: "mul", token.QUO: "div"}[op]
		s := f.u.sym(Sym{Kind: "arith", Types: []int{f.u.typ(t)}, Member: name})
		return fmt.Sprintf("%s(%s, %s)", s, x, y)
	}
	if (op == token.QUO || op == token.REM) && b.Info()&types.IsInteger != 0 {
		if !isNonZeroConst(y) {
			y = fmt.Sprintf("%s(%d, %s)", f.u.sym(Sym{Kind: "divisor", Types: []int{f.u.typ(t)}}), f.u.pos(n.Pos()), y)
		}
	}
	if op == token.AND_NOT {
		return fmt.Sprintf("(%s & (^%s))", x, y)
	}
	return fmt.Sprintf("(%s %s %s)", x, op, y)
}

// isNonZeroConst recognises the text of a constant other than zero.
func isNonZeroConst(y string) bool {
	y = strings.Trim(y, "()")
	if i := strings.IndexByte(y, '('); i >= 0 && basicNumber[y[:i]] {
		y = y[i+1:]
	}
	n, err := strconv.ParseInt(y, 10, 64)
	return err == nil && n != 0
}
