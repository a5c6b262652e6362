package lower

import (
	"fmt"
	"go/ast"
	"go/types"
	"strings"
)

// call lowers a call; all operands pass through f.hook if a go or defer
// statement set it.
func (f *fn) call(e *ast.CallExpr) string { return f.callWith(e, false) }

func (f *fn) callWith(e *ast.CallExpr, deferred bool) string {
	hook := f.hook
	f.hook = nil
	defer func() { f.hook = hook }()
	c := &callee{f: f, e: e, hook: hook, deferred: deferred}
	text := c.lower()
	f.impure = true
	return text
}

// callee is a call being lowered.
type callee struct {
	f        *fn
	e        *ast.CallExpr
	hook     func(expr, ty string) string
	deferred bool
}

// hold lets a go or defer statement evaluate an operand now.
func (c *callee) hold(expr, ty string) string {
	if c.hook == nil {
		return expr
	}
	return c.hook(expr, ty)
}

func (c *callee) lower() string {
	f, e := c.f, c.e
	fun := ast.Unparen(e.Fun)
	if tv := f.info.Types[fun]; tv.IsType() {
		return f.conversion(e, f.typeOf(fun))
	}
	if id, ok := fun.(*ast.Ident); ok {
		if b, ok := f.info.Uses[id].(*types.Builtin); ok {
			return c.builtin(b.Name())
		}
	}
	if s, ok := fun.(*ast.SelectorExpr); ok {
		if b, ok := f.info.Uses[s.Sel].(*types.Builtin); ok {
			f.refuse(e, "unsafe."+b.Name(), "")
		}
		if sel := f.info.Selections[s]; sel != nil && sel.Kind() == types.MethodVal {
			return c.method(s)
		}
	}
	if fn := f.calledFunc(fun); fn != nil {
		if isCell(fn) {
			return c.function(fn)
		}
		return c.compiled(fn)
	}
	return c.value(fun)
}

func (c *callee) signature() *types.Signature {
	return coreType(c.f.typeOf(c.e.Fun)).(*types.Signature)
}

// function calls a function of a cell.
func (c *callee) function(fn *types.Func) string {
	f := c.f
	targs := f.instanceArgs(c.e.Fun)
	args := c.args(f.sub(c.signature()).(*types.Signature))
	name := ""
	if f.recovering(fn) {
		name = f.recoverRef(fn, targs)
		p := "0"
		if c.deferred {
			p = panicParam
		}
		args = append(args, p)
	} else {
		name = f.u.funcRef(fn, targs)
	}
	return name + "(" + strings.Join(args, ", ") + ")"
}

// value calls a function value.
func (c *callee) value(fun ast.Expr) string {
	f := c.f
	sig := f.sub(c.signature()).(*types.Signature)
	ty := "func" + f.u.signature(sig)
	if lit, ok := fun.(*ast.FuncLit); ok && c.deferred {
		x := c.hold(f.literal(lit, true), "func"+f.u.signature(withPanic(sig)))
		return x + "(" + strings.Join(append(c.args(sig), panicParam), ", ") + ")"
	}
	x := f.expr(fun)
	f.impure = true
	if c.hook == nil && !isName(x) && f.noHoist == 0 {
		x = f.temp(ty, x)
	}
	x = c.hold(x, ty)
	args := c.args(sig)
	if !isName(x) {
		// yaegi calls variables; anything else goes through a compiled call.
		s := f.u.sym(Sym{Kind: "apply", Types: []int{f.u.typ(sig)}})
		return s + "(" + strings.Join(append([]string{x}, args...), ", ") + ")"
	}
	return x + "(" + strings.Join(args, ", ") + ")"
}

// isName reports whether x is a plain variable.
func isName(x string) bool { return !strings.ContainsAny(x, "()*.[ ") }

// compiled calls a function of a compiled package.
func (c *callee) compiled(fn *types.Func) string {
	f := c.f
	if fn.Signature().TypeParams().Len() > 0 {
		f.noGenericStd(c.e, fn)
	}
	if text, ok := c.special(fn); ok {
		return text
	}
	sig := fn.Signature()
	s := f.u.sym(Sym{Kind: "stdfunc", Types: []int{f.u.typ(plain(sig))}, Pkg: fn.Pkg().Path(), Member: fn.Name()})
	return s + "(" + strings.Join(c.args(sig), ", ") + ")"
}

// special refuses functions that look at the interpreter instead of the program.
func (c *callee) special(fn *types.Func) (string, bool) {
	switch fn.FullName() {
	case "runtime.Caller", "runtime.Callers", "runtime.CallersFrames", "runtime.FuncForPC",
		"net/rpc.Register", "net/rpc.RegisterName", "(*net/rpc.Server).Register":
		c.f.refuse(c.e, fn.FullName(), "")
	}
	return "", false
}

func (c *callee) method(s *ast.SelectorExpr) string {
	f := c.f
	fn, x, t := f.receiver(s)
	x, ty := f.receiverArg(x, t, fn)
	if c.hook != nil {
		x = c.hook(f.nonNil(x, t), ty)
	}
	f.impure = f.impure || !f.pure(s.X)
	sig := f.typeOf(s).(*types.Signature)
	args := c.args(sig)
	if c.deferred {
		panics := f.panics
		f.panics = panicParam
		defer func() { f.panics = panics }()
	} else {
		panics := f.panics
		f.panics = ""
		defer func() { f.panics = panics }()
	}
	return f.callOn(x, t, fn, args, sig.Variadic())
}

// args lowers the arguments; those of a variadic parameter become one slice.
func (c *callee) args(sig *types.Signature) []string {
	f, e := c.f, c.e
	n := sig.Params().Len()
	if len(e.Args) == 1 && (n > 1 || sig.Variadic()) {
		if tup, ok := f.typeOf(e.Args[0]).(*types.Tuple); ok {
			return c.spread(sig, tup)
		}
	}
	var out []string
	fixed := n
	if sig.Variadic() && !e.Ellipsis.IsValid() {
		fixed--
	}
	for i := range fixed {
		t := sig.Params().At(i).Type()
		out = append(out, c.hold(c.argument(e.Args[i], t), f.ty(t)))
		f.impure = f.impure || !f.pure(e.Args[i])
	}
	if fixed == n {
		return out
	}
	st := sig.Params().At(n - 1).Type()
	if len(e.Args) == fixed {
		return append(out, f.nilText(st))
	}
	elem := st.(*types.Slice).Elem()
	var rest []string
	for _, a := range e.Args[fixed:] {
		rest = append(rest, c.argument(a, elem))
		f.impure = f.impure || !f.pure(a)
	}
	return append(out, c.hold(f.ty(st)+"{"+strings.Join(rest, ", ")+"}", f.ty(st)))
}

func (c *callee) argument(a ast.Expr, t types.Type) string { return c.f.conv(a, t) }

// spread is f(g()) where g has several results.
func (c *callee) spread(sig *types.Signature, tup *types.Tuple) []string {
	f := c.f
	if !f.canHoist() {
		f.refuse(c.e, "a call with the results of another call here", "assign the results to variables first")
	}
	text, ts := f.tuple(c.e.Args[0])
	var names []string
	for _, t := range ts {
		n := f.u.unique("t")
		f.line("var %s %s", n, f.ty(t))
		names = append(names, n)
	}
	f.line("%s = %s", strings.Join(names, ", "), text)
	var out, rest []string
	n := sig.Params().Len()
	for i := range names {
		if sig.Variadic() && i >= n-1 {
			elem := sig.Params().At(n - 1).Type().(*types.Slice).Elem()
			rest = append(rest, f.convText(names[i], ts[i], elem))
			continue
		}
		t := sig.Params().At(i).Type()
		out = append(out, c.hold(f.convText(names[i], ts[i], t), f.ty(t)))
	}
	if sig.Variadic() {
		st := sig.Params().At(n - 1).Type()
		out = append(out, c.hold(f.ty(st)+"{"+strings.Join(rest, ", ")+"}", f.ty(st)))
	}
	return out
}

// conversion lowers T(x).
func (f *fn) conversion(e *ast.CallExpr, to types.Type) string {
	x := e.Args[0]
	if f.constant(e) {
		return f.constText(f.info.Types[e].Value, to, e)
	}
	if f.constant(x) && !types.IsInterface(to) {
		if b, ok := coreType(to).(*types.Basic); ok {
			from := types.Default(f.typeOf(x))
			if len(f.env) > 0 && b.Info()&types.IsNumeric != 0 {
				return f.ty(to) + "(" + f.constText(f.info.Types[ast.Unparen(x)].Value, from, x) + ")"
			}
		}
	}
	from := types.Default(f.typeOf(x))
	for _, t := range []types.Type{from, to} {
		if b, ok := coreType(t).(*types.Basic); ok && b.Kind() == types.UnsafePointer {
			f.refuse(e, "unsafe.Pointer", "")
		}
	}
	if isUntypedNil(from) || types.IsInterface(to) {
		return f.conv(x, to)
	}
	text := f.conv(x, from)
	if f.ty(from) == f.ty(to) {
		return text
	}
	fb, ok1 := coreType(from).(*types.Basic)
	tb, ok2 := coreType(to).(*types.Basic)
	const number = types.IsInteger | types.IsFloat
	if ok1 && ok2 && fb.Info()&number != 0 && tb.Info()&number != 0 {
		return f.ty(to) + "(" + text + ")"
	}
	kind := "convert"
	if !ok1 && !ok2 {
		if _, ok := coreType(to).(*types.Slice); !ok {
			kind = "retype"
		}
		if _, ok := coreType(to).(*types.Array); ok {
			kind = "convert"
		}
		if p, ok := coreType(to).(*types.Pointer); ok {
			if _, ok := coreType(from).(*types.Slice); ok {
				_ = p
				kind = "convert"
			}
		}
	}
	s := f.u.sym(Sym{Kind: kind, Types: []int{f.u.typ(from), f.u.typ(to)}})
	return s + "(" + text + ")"
}

func (c *callee) builtin(name string) string {
	f, e := c.f, c.e
	arg := func(i int) string { return c.hold(f.expr(e.Args[i]), f.ty(types.Default(f.typeOf(e.Args[i])))) }
	typ := func(i int) types.Type { return f.typeOf(e.Args[i]) }
	anyType := types.Universe.Lookup("any").Type()
	helper := func(kind string, args ...string) string {
		s := f.u.sym(Sym{Kind: kind, Types: []int{f.u.typ(types.Default(typ(0)))}})
		return s + "(" + strings.Join(args, ", ") + ")"
	}
	if len(e.Args) == 1 {
		if _, ok := typ(0).(*types.Tuple); ok {
			f.refuse(e, name+" of the results of a call", "assign the results to variables first")
		}
	}
	switch name {
	case "len", "cap":
		switch coreType(typ(0)).(type) {
		case *types.Chan, *types.Pointer:
			return helper(name, arg(0))
		}
		return name + "(" + arg(0) + ")"
	case "append":
		return c.appendTo()
	case "copy":
		if b, ok := coreType(typ(1)).(*types.Basic); ok && b.Info()&types.IsString != 0 {
			return helper("copystring", arg(0), c.hold(f.conv(e.Args[1], types.Typ[types.String]), "string"))
		}
		return helper("copy", arg(0), arg(1))
	case "delete":
		m := coreType(typ(0)).(*types.Map)
		x := arg(0)
		return helper("delete", x, c.hold(f.conv(e.Args[1], m.Key()), f.ty(m.Key())))
	case "clear", "close":
		return helper(name, arg(0)) // close has no place to wait
	case "make":
		return c.makeOf()
	case "new":
		if f.info.Types[e.Args[0]].IsType() {
			return "new(" + f.ty(typ(0)) + ")"
		}
		t := types.Default(typ(0))
		if p, ok := f.typeOf(e).(*types.Pointer); ok {
			t = p.Elem()
		}
		return f.ref(f.conv(e.Args[0], t), t)
	case "panic":
		return fmt.Sprintf("ˍ.Panic(%d, %s)", f.u.pos(e.Pos()), c.hold(f.conv(e.Args[0], anyType), f.ty(anyType)))
	case "recover":
		p := f.panics
		if p == "" {
			p = "0"
		}
		return "ˍ.Recover(" + p + ")"
	case "print", "println":
		var args []string
		for i, a := range e.Args {
			_ = i
			args = append(args, f.conv(a, anyType))
		}
		return fmt.Sprintf("ˍ.%s(%s)", strings.Title(name), c.hold("[]"+f.ty(anyType)+"{"+strings.Join(args, ", ")+"}", "[]"+f.ty(anyType)))
	case "min", "max":
		t := types.Default(f.typeOf(e))
		var args []string
		for _, a := range e.Args {
			args = append(args, f.conv(a, t))
		}
		s := f.u.sym(Sym{Kind: name, Types: []int{f.u.typ(t)}, N: len(args)})
		return s + "(" + strings.Join(args, ", ") + ")"
	case "complex":
		t := types.Default(f.typeOf(e))
		part := types.Typ[types.Float64]
		if b := coreType(t).(*types.Basic); b.Kind() == types.Complex64 {
			part = types.Typ[types.Float32]
		}
		return f.u.sym(Sym{Kind: "complex", Types: []int{f.u.typ(t)}}) + "(float64(" + f.conv(e.Args[0], part) + "), float64(" + f.conv(e.Args[1], part) + "))"
	case "real", "imag":
		return f.ty(f.typeOf(e)) + "(" + helper(name, arg(0)) + ")"
	}
	f.refuse(e, "the builtin "+name, "")
	return ""
}

func (c *callee) appendTo() string {
	f, e := c.f, c.e
	t := f.typeOf(e)
	elem := coreType(t).(*types.Slice).Elem()
	s := c.hold(f.conv(e.Args[0], t), f.ty(t))
	if e.Ellipsis.IsValid() {
		from := types.Default(f.typeOf(e.Args[1]))
		if isUntypedNil(from) {
			return s
		}
		if b, ok := coreType(from).(*types.Basic); ok && b.Info()&types.IsString != 0 {
			return fmt.Sprintf("%s(%s, %s)", f.u.sym(Sym{Kind: "appendstring", Types: []int{f.u.typ(t)}}), s, f.conv(e.Args[1], types.Typ[types.String]))
		}
		return fmt.Sprintf("%s(%s, %s)", f.u.sym(Sym{Kind: "appendslice", Types: []int{f.u.typ(t)}}), s, f.expr(e.Args[1]))
	}
	if len(e.Args) == 1 {
		return s
	}
	parts := []string{s}
	for _, a := range e.Args[1:] {
		parts = append(parts, f.conv(a, elem))
	}
	sym := f.u.sym(Sym{Kind: "append", Types: []int{f.u.typ(t)}, N: len(parts) - 1})
	return sym + "(" + strings.Join(parts, ", ") + ")"
}

func (c *callee) makeOf() string {
	f, e := c.f, c.e
	t := f.typeOf(e)
	args := []string{fmt.Sprint(f.u.pos(e.Pos()))}
	for _, a := range e.Args[1:] {
		args = append(args, f.intExpr(a))
	}
	return f.u.sym(Sym{Kind: "make", Types: []int{f.u.typ(t)}, N: len(args) - 1}) + "(" + strings.Join(args, ", ") + ")"
}
