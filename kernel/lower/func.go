package lower

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"runtime/debug"
	"strings"
)

func stack() string { return string(debug.Stack()) }

// local is a variable of a function.
type local struct {
	name  string
	boxed bool // lives on the heap; name is a pointer to it
	typ   types.Type
}

// fn is a function body being lowered: of a declaration, of a literal, or of
// something that becomes a literal (a body that defers, a range-over-func body).
type fn struct {
	u    *unit
	info *types.Info
	env  env
	top  *topFunc
	buf  *strings.Builder
	tabs int

	results []string // pointers or variables that hold the results
	resTyp  []types.Type
	ret     retKind
	frame   string // variable with the handle of the frame that defers
	panics  string // variable with the handle that recover() asks; "" if it can't
	entry   bool   // the cell's own statements
	display string
	pos     token.Pos // of a learner's literal

	noHoist int  // >0: what is being lowered may not run, or not first
	impure  bool // this statement has called something already
	hook    func(expr, ty string) string
	flow    []*flow
	state   string // range-over-func body: variable that says how it was left
	exits   *exits
}

// topFunc is what a declared function shares with the literals in it.
type topFunc struct {
	vars     map[*types.Var]*local
	facts    *facts
	literals int
	display  string
}

type retKind int

const (
	retPlain   retKind = iota // return a, b
	retBoxes                  // *r1, *r2 = a, b; return
	retEntry                  // show the values; return
	retIterate                // set the results and the state; return false
)

// flow is an enclosing statement that break or continue can name.
type flow struct {
	label    string
	isLoop   bool
	brk, cnt string // labels of the lowered program, "" until used
	uid      string
	outside  bool // beyond the literal of a range-over-func body
	own      *fn  // the literal whose loop this is
}

func (f *fn) line(format string, args ...any) {
	for range f.tabs {
		f.buf.WriteByte('\t')
	}
	if len(args) == 0 {
		f.buf.WriteString(format)
	} else {
		fmt.Fprintf(f.buf, format, args...)
	}
	f.buf.WriteByte('\n')
}

func (f *fn) sub(t types.Type) types.Type { return f.u.sub(t, f.env) }

func (f *fn) typeOf(e ast.Expr) types.Type { return f.sub(f.info.TypeOf(e)) }

func (f *fn) refuse(n ast.Node, what, wayOut string) { f.u.refuse(n.Pos(), what, wayOut) }

// temp declares a variable and returns its name.
func (f *fn) temp(ty, expr string) string {
	n := f.u.unique("t")
	f.line("var %s %s = %s", n, ty, expr)
	return n
}

// canHoist reports whether a line put before the current statement runs
// exactly when the expression being lowered would.
func (f *fn) canHoist() bool { return f.noHoist == 0 && !f.impure }

// function lowers a declared function or an instance of a generic one.
func (u *unit) function(name, id, display string, src source, e env) {
	fset := u.fset
	u.fset = src.fset
	defer func() { u.fset = fset }()
	d := src.decl
	if d.Body == nil {
		u.refuse(d.Pos(), "a function without a body", "")
	}
	o := src.info.Defs[d.Name].(*types.Func)
	sig := u.sub(recvFirst(o.Signature()), e).(*types.Signature)
	f := &fn{u: u, info: src.info, env: e, display: display}
	f.top = &topFunc{vars: map[*types.Var]*local{}, facts: analyse(d.Body, d.Type, d.Recv, src.info), display: display}
	recovers := f.top.facts.recovers[d.Body]
	params := f.params(fieldList(d.Recv, d.Type.Params), sig)
	decl := params.decl
	if recovers {
		f.panics = u.unique("p")
		decl = append(decl, f.panics+" int")
	}
	f.buf = &strings.Builder{}
	fmt.Fprintf(f.buf, "\nfunc %s(%s) %s {\n", name, strings.Join(decl, ", "), f.resultTypes(sig))
	f.tabs = 1
	if e == nil && id != "" {
		f.redirect(id, sig, params, recovers)
	}
	f.line("if *stopˍ != 0 {")
	f.line("\tˍ.Check()")
	f.line("}")
	f.body(d.Body, d.Type.Results, sig, params.box)
	f.line("}")
	u.out.WriteString(f.buf.String())
	u.register(name, id, display, d.Pos(), sig, recovers)
}

// register tells the engine of a function; one that recovers is also known
// without its extra parameter.
func (u *unit) register(name, id, display string, pos token.Pos, sig *types.Signature, recovers bool) {
	if !recovers {
		u.head.Funcs = append(u.head.Funcs, Func{Name: name, ID: id, Display: display, Pos: u.evalPos(pos), Type: u.typ(sig)})
		return
	}
	u.head.Funcs = append(u.head.Funcs, Func{Name: name, ID: id + recoverMark, Display: display, Pos: u.evalPos(pos), Type: u.typ(withPanic(sig))})
	plainName := u.unique("plain")
	var decl, args []string
	for i, t := range sigParams(sig) {
		decl = append(decl, fmt.Sprintf("a%d %s", i, u.ty(t)))
		args = append(args, fmt.Sprintf("a%d", i))
	}
	ret := ""
	if sig.Results().Len() > 0 {
		ret = "return "
	}
	fmt.Fprintf(&u.out, "\nfunc %s(%s) %s {\n\t%s%s(%s)\n}\n", plainName, strings.Join(decl, ", "), resultTypes(u, sig), ret, name, strings.Join(append(args, "0"), ", "))
	u.head.Funcs = append(u.head.Funcs, Func{Name: plainName, ID: id, Display: display, Pos: u.evalPos(pos), Type: u.typ(sig)})
}

// recoverMark ends the identity of the form of a function that takes the
// handle of the panicking frame as a last parameter.
const recoverMark = "!recover"

func withPanic(s *types.Signature) *types.Signature {
	var params []*types.Var
	for v := range s.Params().Variables() {
		params = append(params, v)
	}
	params = append(params, types.NewParam(token.NoPos, nil, "", types.Typ[types.Int]))
	return types.NewSignatureType(nil, nil, nil, types.NewTuple(params...), s.Results(), false)
}

func sigParams(s *types.Signature) []types.Type {
	var ts []types.Type
	for v := range s.Params().Variables() {
		ts = append(ts, v.Type())
	}
	return ts
}

// redirect makes a function give way to the one that took its place.
func (f *fn) redirect(id string, sig *types.Signature, p params, recovers bool) {
	n := f.u.unique("redirect")
	if recovers {
		id += recoverMark
		sig = withPanic(sig)
		p.args = append(p.args, f.panics)
	}
	s := f.u.sym(Sym{Kind: "redirect", Types: []int{f.u.typ(sig)}, ID: id})
	fmt.Fprintf(&f.u.globs, "var %s *func%s\n", n, f.u.signature(sig))
	fmt.Fprintf(&f.u.links, "\t%s = %s\n", n, s)
	f.line("if *%s != nil {", n)
	f.line("\tvar r func%s = *%s", f.u.signature(sig), n)
	if sig.Results().Len() > 0 {
		f.line("\treturn r(%s)", strings.Join(p.args, ", "))
	} else {
		f.line("\tr(%s)", strings.Join(p.args, ", "))
		f.line("\treturn")
	}
	f.line("}")
}

func fieldList(lists ...*ast.FieldList) []*ast.Field {
	var all []*ast.Field
	for _, l := range lists {
		if l != nil {
			all = append(all, l.List...)
		}
	}
	return all
}

type params struct {
	decl, args []string
	box        []func() // declare the boxes of parameters
}

// params names the parameters of a function.
func (f *fn) params(fields []*ast.Field, sig *types.Signature) params {
	var p params
	i := 0
	add := func(v *types.Var) {
		t := sig.Params().At(i).Type()
		i++
		n := f.u.unique("p")
		if v != nil && v.Name() != "_" {
			l := f.declare(v)
			n = l.name
			if l.boxed {
				raw := f.u.unique("p")
				p.box = append(p.box, func() {
					f.line("var %s *%s = new(%s)", l.name, f.u.ty(t), f.u.ty(t))
					f.line("*%s = %s", l.name, raw)
				})
				n = raw
			}
		}
		p.decl = append(p.decl, n+" "+f.u.ty(t))
		p.args = append(p.args, n)
	}
	for _, fl := range fields {
		if len(fl.Names) == 0 {
			add(nil)
		}
		for _, n := range fl.Names {
			v, _ := f.info.Defs[n].(*types.Var)
			add(v)
		}
	}
	return p
}

// declare names a local variable.
func (f *fn) declare(v *types.Var) *local {
	if l := f.top.vars[v]; l != nil {
		return l
	}
	l := &local{name: f.u.unique(v.Name()), boxed: f.top.facts.boxed(v), typ: f.sub(v.Type())}
	f.top.vars[v] = l
	return l
}

func (f *fn) resultTypes(sig *types.Signature) string { return resultTypes(f.u, sig) }

func resultTypes(u *unit, sig *types.Signature) string {
	var out []string
	for v := range sig.Results().Variables() {
		out = append(out, u.ty(v.Type()))
	}
	if len(out) == 1 {
		return out[0]
	}
	if len(out) == 0 {
		return ""
	}
	return "(" + strings.Join(out, ", ") + ")"
}

// body lowers a function's block, to the closing brace.
func (f *fn) body(b *ast.BlockStmt, results *ast.FieldList, sig *types.Signature, boxes []func()) {
	for _, box := range boxes {
		box()
	}
	facts := f.top.facts
	deferring := facts.defers[b]
	f.declareResults(results, sig, deferring || facts.iterReturns[b])
	if !deferring {
		f.ret = retPlain
		if f.entry {
			f.ret = retEntry
		}
		f.block(b)
		f.fallOff(b, sig)
		return
	}
	inner := f.child()
	inner.ret = retBoxes
	if f.entry {
		inner.ret = retEntry
	}
	inner.frame = f.u.unique("frame")
	caps := f.captures(b, b)
	if f.panics != "" {
		caps = append(caps, capture{f.panics, "int"})
	}
	mk := inner.closure("func(int)", inner.frame+" int", "", caps, func() { inner.block(b) })
	f.line("ˍ.Deferring(%s)", mk)
	if !f.entry && sig.Results().Len() > 0 {
		f.line("return %s", strings.Join(f.resultValues(), ", "))
	}
}

// fallOff ends a function whose end is reached, as far as yaegi is concerned.
func (f *fn) fallOff(b *ast.BlockStmt, sig *types.Signature) {
	if f.entry || sig.Results().Len() == 0 {
		return
	}
	if n := len(b.List); n > 0 {
		if _, ok := b.List[n-1].(*ast.ReturnStmt); ok {
			return
		}
	}
	var zero []string
	for _, t := range f.resTyp {
		zero = append(zero, f.u.nilOf(f.u.ty(t)))
	}
	f.line("return %s", strings.Join(zero, ", "))
}

func (f *fn) resultValues() []string {
	var vs []string
	for _, r := range f.results {
		vs = append(vs, r)
	}
	return vs
}

// declareResults makes variables for named results, and boxes if something
// that runs elsewhere sets or reads them.
func (f *fn) declareResults(list *ast.FieldList, sig *types.Signature, boxes bool) {
	f.results, f.resTyp = nil, nil
	var vars []*types.Var
	if list != nil {
		for _, fl := range list.List {
			for _, n := range fl.Names {
				v, _ := f.info.Defs[n].(*types.Var)
				vars = append(vars, v)
			}
		}
	}
	for i := range sig.Results().Len() {
		t := sig.Results().At(i).Type()
		f.resTyp = append(f.resTyp, t)
		if f.entry || len(vars) == 0 && !boxes {
			continue
		}
		name, boxed := "", boxes
		if len(vars) > 0 && vars[i] != nil && vars[i].Name() != "_" {
			l := f.declare(vars[i])
			l.boxed = l.boxed || boxes
			name, boxed = l.name, l.boxed
		} else {
			name = f.u.unique("result")
		}
		if boxed {
			f.line("var %s *%s = new(%s)", name, f.u.ty(t), f.u.ty(t))
			f.results = append(f.results, "*"+name)
			continue
		}
		f.line("var %s %s", name, f.u.ty(t))
		f.results = append(f.results, name)
	}
}

// capture is a variable that a literal takes along.
type capture struct{ name, ty string }

// captures lists the variables declared outside of span that n uses, and the
// hidden ones of f.
func (f *fn) captures(n ast.Node, span ast.Node) []capture {
	var cs []capture
	seen := map[string]bool{}
	add := func(name, ty string) {
		if name != "" && !seen[name] {
			seen[name] = true
			cs = append(cs, capture{name, ty})
		}
	}
	ast.Inspect(n, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		v, ok := f.info.Uses[id].(*types.Var)
		if !ok {
			// The variable of a type switch has one object per clause.
			return true
		}
		l := f.top.vars[v]
		if l == nil || v.Pos() >= span.Pos() && v.Pos() < span.End() {
			return true
		}
		ty := f.u.ty(l.typ)
		if l.boxed {
			ty = "*" + ty
		}
		add(l.name, ty)
		return true
	})
	for i, r := range f.results {
		if strings.HasPrefix(r, "*") {
			add(r[1:], "*"+f.u.ty(f.resTyp[i]))
		}
	}
	return cs
}

// child is the fn of a literal inside f.
func (f *fn) child() *fn {
	return &fn{
		u: f.u, info: f.info, env: f.env, top: f.top, entry: f.entry, display: f.display,
		results: f.results, resTyp: f.resTyp, frame: f.frame, panics: f.panics, tabs: 2, buf: &strings.Builder{},
	}
}

// closure writes a maker of the literal whose body emit lowers into f, and
// returns the call that makes one.
func (f *fn) closure(typ, params, results string, caps []capture, emit func()) string {
	maker := f.u.unique("make")
	if f.pos.IsValid() {
		f.u.head.Funcs = append(f.u.head.Funcs, Func{Name: maker, Display: f.display, Pos: f.u.evalPos(f.pos)})
	}
	emit()
	var decl, args []string
	for _, c := range caps {
		decl = append(decl, c.name+" "+c.ty)
		args = append(args, c.name)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nfunc %s(%s) %s {\n", maker, strings.Join(decl, ", "), typ)
	fmt.Fprintf(&b, "\tvar fˍ %s = func(%s) %s {\n%s\t}\n\treturn fˍ\n}\n", typ, params, results, f.buf.String())
	f.u.out.WriteString(b.String())
	return maker + "(" + strings.Join(args, ", ") + ")"
}

// literal lowers a function literal. panics is set if a defer statement calls
// it: then it takes the frame's handle and no other parameter.
func (f *fn) literal(e *ast.FuncLit, deferred bool) string {
	sig := f.typeOf(e).(*types.Signature)
	f.top.literals++
	in := f.child()
	in.frame, in.entry, in.panics, in.flow = "", false, "", nil
	in.display = fmt.Sprintf("%s.func%d", f.top.display, f.top.literals)
	if f.top.facts.recovers[e.Body] && !deferred {
		f.refuse(e, "recover() in a function literal that is not called by its defer statement", "write it as defer func() { … recover() … }()")
	}
	caps := f.captures(e.Body, e)
	caps = f.onlyUsed(caps, e)
	p := in.params(fieldList(e.Type.Params), sig)
	typ, decl := "func"+f.u.signature(sig), strings.Join(p.decl, ", ")
	if deferred {
		in.panics = f.u.unique("p")
		typ = "func" + f.u.signature(withPanic(sig))
		decl = strings.Join(append(p.decl, in.panics+" int"), ", ")
	}
	in.results = nil
	in.pos = e.Pos()
	return in.closure(typ, decl, f.resultTypes(sig), caps, func() {
		in.line("if *stopˍ != 0 {")
		in.line("\tˍ.Check()")
		in.line("}")
		in.body(e.Body, e.Type.Results, sig, p.box)
	})
}

// onlyUsed drops the hidden results of the enclosing function: a literal has
// results of its own.
func (f *fn) onlyUsed(cs []capture, e *ast.FuncLit) []capture {
	used := map[string]bool{}
	ast.Inspect(e.Body, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			if v, ok := f.info.Uses[id].(*types.Var); ok && f.top.vars[v] != nil {
				used[f.top.vars[v].name] = true
			}
		}
		return true
	})
	var out []capture
	for _, c := range cs {
		if used[c.name] {
			out = append(out, c)
		}
	}
	return out
}

// thunk makes a func() (or, for a defer, a func(int)) of a call whose
// arguments were evaluated into temporaries.
func (f *fn) thunk(caps []capture, deferred bool, call string) string {
	in := f.child()
	typ, decl := "func()", ""
	if deferred {
		in.panics = panicParam
		typ, decl = "func(int)", panicParam+" int"
	}
	return in.closure(typ, decl, "", caps, func() { in.line("%s", call) })
}

const panicParam = "panicˍ"

// entry lowers the cell's statements.
func (u *unit) entry() {
	d := u.in.Entry
	f := &fn{u: u, info: u.in.Info, entry: true, buf: &strings.Builder{}, tabs: 1}
	f.top = &topFunc{vars: map[*types.Var]*local{}, facts: analyse(d.Body, d.Type, nil, u.in.Info)}
	u.at = d.Body.Pos()
	fmt.Fprintf(f.buf, "\nfunc %s() {\n", EntryName)
	o := types.NewSignatureType(nil, nil, nil, nil, nil, false)
	f.body(d.Body, nil, o, nil)
	f.line("}")
	u.out.WriteString(f.buf.String())
	for _, t := range u.in.Results {
		u.head.Results = append(u.head.Results, types.TypeString(t, func(p *types.Package) string { return p.Name() }))
	}
}

// forwarder writes the function behind a promoted method.
func (u *unit) forwarder(name, id string, t *types.Named, sel *types.Selection, sig *types.Signature) {
	f := &fn{u: u, info: u.in.Info, buf: &strings.Builder{}, tabs: 1, top: &topFunc{vars: map[*types.Var]*local{}}}
	full := types.NewSignatureType(nil, nil, nil, types.NewTuple(append([]*types.Var{types.NewParam(token.NoPos, nil, "", types.NewPointer(t))}, params2(sig)...)...), sig.Results(), sig.Variadic())
	var decl, args []string
	for i, p := range sigParams(full) {
		decl = append(decl, fmt.Sprintf("a%d %s", i, u.ty(p)))
		if i > 0 {
			args = append(args, fmt.Sprintf("a%d", i))
		}
	}
	fmt.Fprintf(f.buf, "\nfunc %s(%s) %s {\n", name, strings.Join(decl, ", "), resultTypes(u, sig))
	recv, rt := f.path("a0", types.NewPointer(t), sel.Index()[:len(sel.Index())-1])
	call := f.callMethod(recv, rt, sel.Obj().(*types.Func), args, sig.Variadic())
	if sig.Results().Len() > 0 {
		call = "return " + call
	}
	f.line("%s", call)
	f.buf.WriteString("}\n")
	u.out.WriteString(f.buf.String())
	u.head.Funcs = append(u.head.Funcs, Func{Name: name, ID: id, Display: "", Type: u.typ(full)})
}

func params2(s *types.Signature) []*types.Var {
	var vs []*types.Var
	for v := range s.Params().Variables() {
		vs = append(vs, v)
	}
	return vs
}
