package yaegi

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"braid/kernel/eval"
	"braid/kernel/eval/host"
	"braid/kernel/lower"
)

// names is package ˍ of a program: what the header asks for, and the functions
// that every program may use.
func (p *program) names() map[string]reflect.Value {
	w := p.e.w
	w.mu.Lock()
	defer w.mu.Unlock()
	m := map[string]reflect.Value{
		"Stop":           reflect.ValueOf(stopWord()),
		"Check":          reflect.ValueOf(host.Check),
		"Start":          reflect.ValueOf(func(link, cell func()) { p.link, p.cell = link, cell }),
		"Define":         reflect.ValueOf(p.define),
		"At":             reflect.ValueOf(p.at),
		"Deferring":      reflect.ValueOf(deferring),
		"Defer":          reflect.ValueOf(deferCall),
		"Recover":        reflect.ValueOf(recoverPanic),
		"Panic":          reflect.ValueOf(func(pos int, v any) { p.throw(pos, func() { panic(v) }) }),
		"Index":          reflect.ValueOf(p.index),
		"Nil":            reflect.ValueOf(func(pos int) { panic(&thrown{value: nilDereference(), pos: p.pos(pos)}) }),
		"StringIndex":    reflect.ValueOf(p.stringIndex),
		"Shift":          reflect.ValueOf(p.shift),
		"Rune":           reflect.ValueOf(func(s string, i int) (rune, int) { return utf8.DecodeRuneInString(s[i:]) }),
		"Result":         reflect.ValueOf(p.setResult),
		"Go":             reflect.ValueOf(p.goroutine),
		"Select":         reflect.ValueOf(func() any { return &selection{chosen: -1} }),
		"SelectDefault":  reflect.ValueOf(func(s any) { s.(*selection).add(reflect.SelectCase{Dir: reflect.SelectDefault}) }),
		"SelectWait":     reflect.ValueOf(p.selectWait),
		"IterationEnded": reflect.ValueOf(p.iterationEnded),
		"Print":          reflect.ValueOf(func(vs []any) { printBuiltin(vs, "") }),
		"Println":        reflect.ValueOf(func(vs []any) { printBuiltin(vs, " ") }),
	}
	for _, s := range p.head.Syms {
		m[s.Name] = p.symbol(s)
	}
	return m
}

func (p *program) pos(i int) eval.Pos { return p.head.Pos[i] }

// throw runs f and lets its panic go on with the place it happened at.
func (p *program) throw(pos int, f func()) {
	if r := caught(f); r != nil {
		if _, ok := r.(host.Interrupt); ok {
			panic(r)
		}
		panic(&thrown{value: r, pos: p.pos(pos)})
	}
}

func (p *program) define(i int, fn any) {
	f := p.head.Funcs[i]
	w := p.e.w
	w.mu.Lock()
	defer w.mu.Unlock()
	w.funcs[f.ID] = reflect.ValueOf(fn)
}

func (p *program) at(pos int) {
	if g, ok := host.Local().(*goroutine); ok {
		g.mu.Lock()
		g.at, g.lines = p.pos(pos), nil
		g.mu.Unlock()
	}
}

func (p *program) setResult(vs []any) {
	p.mu.Lock()
	p.result, p.shown = vs, true
	p.mu.Unlock()
}

// index is i if it is within a length, else Go's panic.
func (p *program) index(pos, i, n int) int {
	if uint(i) >= uint(n) {
		p.throw(pos, func() { _ = make([]struct{}, n)[i] })
	}
	return i
}

func (p *program) stringIndex(pos int, s string, i int) byte {
	if uint(i) >= uint(len(s)) {
		p.throw(pos, func() { _ = s[i] })
	}
	return s[i]
}

func (p *program) shift(pos, n int) uint {
	if n < 0 {
		p.throw(pos, func() { _ = 1 << n })
	}
	return uint(n)
}

func (p *program) iterationEnded(pos int) {
	panic(&thrown{value: runtimeError("range function continued iteration after function for loop body returned false"), pos: p.pos(pos)})
}

// runtimeError is a runtime.Error with Go's words.
type runtimeError string

func (e runtimeError) Error() string { return "runtime error: " + string(e) }
func (runtimeError) RuntimeError()   {}

func (p *program) goroutine(pos int, fn func()) {
	host.Go(p.pos(pos), func() {
		host.SetLocal(&goroutine{})
		fn()
	}, explain)
}

func printBuiltin(vs []any, sep string) {
	var b strings.Builder
	for i, v := range vs {
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(printed(v))
	}
	if sep != "" {
		b.WriteByte('\n')
	}
	fmt.Fprint(host.Stderr(), b.String())
}

// printed is a value as the builtins print and println write it.
func printed(x any) string {
	v := reflect.ValueOf(x)
	switch v.Kind() {
	case reflect.Invalid:
		return "(0x0,0x0)"
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return strconv.FormatUint(v.Uint(), 10)
	case reflect.Float32, reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', -1, v.Type().Bits())
	case reflect.Complex64, reflect.Complex128:
		return strconv.FormatComplex(v.Complex(), 'g', -1, v.Type().Bits())
	case reflect.String:
		return v.String()
	case reflect.Slice:
		return fmt.Sprintf("[%d/%d]%#x", v.Len(), v.Cap(), v.Pointer())
	case reflect.Pointer, reflect.Map, reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return fmt.Sprintf("%#x", v.Pointer())
	}
	return fmt.Sprint(x)
}

// selection is a select statement under way.
type selection struct {
	cases  []reflect.SelectCase
	chosen int
	value  reflect.Value
	ok     bool
}

func (s *selection) add(c reflect.SelectCase) { s.cases = append(s.cases, c) }

func (p *program) selectWait(pos int, sel any) (chosen int) {
	s := sel.(*selection)
	p.throw(pos, func() { s.chosen, s.value, s.ok = host.Select(p.pos(pos), s.cases) })
	return s.chosen
}

// fn makes a compiled function of the given types.
func fn(in, out []reflect.Type, f func(args []reflect.Value) []reflect.Value) reflect.Value {
	return reflect.MakeFunc(reflect.FuncOf(in, out, false), f)
}

var (
	intType    = reflect.TypeFor[int]()
	boolType   = reflect.TypeFor[bool]()
	anyType    = reflect.TypeFor[any]()
	stringType = reflect.TypeFor[string]()
)

func one(v reflect.Value) []reflect.Value { return []reflect.Value{v} }

// symbol makes one name. Callers hold world.mu; the functions made don't.
func (p *program) symbol(s lower.Sym) reflect.Value {
	t := p.types
	in := func(k int) reflect.Type { return t.inner(s.Types[k]) }
	switch s.Kind {
	case "type":
		return reflect.Zero(reflect.PointerTo(in(0)))
	case "var":
		return p.variable(s.ID, in(0))
	case "redirect":
		return p.slot(s.ID, in(0))
	case "func":
		return p.e.w.function(s.ID)
	case "stdfunc":
		return p.compiled(stdSymbol(s.Pkg, s.Member), in(0))
	case "stdvar":
		v := stdSymbol(s.Pkg, s.Member)
		if !v.CanAddr() {
			panic(unsupported("the variable " + s.Pkg + "." + s.Member))
		}
		return v.Addr()
	case "method":
		return p.stdMethod(in(0), s.Member, in(1))
	case "imethod":
		return p.dispatcher(s)
	case "conv":
		return p.conversion(s)
	case "assert", "assert2":
		return p.assertion(s)
	case "retype":
		from, to := in(0), in(1)
		return fn([]reflect.Type{from}, []reflect.Type{to}, func(a []reflect.Value) []reflect.Value {
			if from.ConvertibleTo(to) {
				return one(a[0].Convert(to))
			}
			return one(retype(a[0], to))
		})
	case "convert":
		from, to := in(0), in(1)
		return fn([]reflect.Type{from}, []reflect.Type{to}, func(a []reflect.Value) []reflect.Value { return one(converted(a[0], to)) })
	case "equal":
		return fn([]reflect.Type{in(0), in(1)}, []reflect.Type{boolType}, p.equal(s))
	}
	if f := p.channels(s, in); f.IsValid() {
		return f
	}
	if f := p.containers(s, in); f.IsValid() {
		return f
	}
	if f := p.arithmetic(s, in); f.IsValid() {
		return f
	}
	panic(unsupported("the operation " + s.Kind))
}

// converted is a conversion; that of a slice to an array may panic.
func converted(v reflect.Value, to reflect.Type) reflect.Value {
	if v.Kind() == reflect.Slice {
		n := -1
		switch {
		case to.Kind() == reflect.Array:
			n = to.Len()
		case to.Kind() == reflect.Pointer && to.Elem().Kind() == reflect.Array:
			n = to.Elem().Len()
		}
		if v.Len() < n {
			panic(runtimeError(fmt.Sprintf("cannot convert slice with length %d to array or pointer to array with length %d", v.Len(), n)))
		}
	}
	return v.Convert(to)
}

func (p *program) variable(id string, t reflect.Type) reflect.Value {
	w := p.e.w
	v, ok := w.vars[id]
	if !ok {
		v = reflect.New(t)
		w.vars[id] = v
	}
	if v.Type().Elem() != t {
		panic(unsupported("the variable " + id))
	}
	return v
}

func (p *program) slot(id string, t reflect.Type) reflect.Value {
	w := p.e.w
	v := reflect.New(t)
	w.redir[id] = v
	return v
}

// compiled adapts a function of a compiled package to its inner signature.
func (p *program) compiled(f reflect.Value, want reflect.Type) reflect.Value {
	ft := f.Type()
	if ft == want {
		return f
	}
	return reflect.MakeFunc(want, func(a []reflect.Value) []reflect.Value {
		in := make([]reflect.Value, len(a))
		for i := range a {
			in[i] = retype(a[i], ft.In(i))
		}
		var out []reflect.Value
		if ft.IsVariadic() {
			out = f.CallSlice(in)
		} else {
			out = f.Call(in)
		}
		for i := range out {
			out[i] = retype(out[i], want.Out(i))
		}
		return out
	})
}

func (p *program) stdMethod(recv reflect.Type, name string, sig reflect.Type) reflect.Value {
	m, ok := recv.MethodByName(name)
	if !ok {
		panic(unsupported(fmt.Sprintf("the method %s of %v", name, recv)))
	}
	in, out := []reflect.Type{recv}, []reflect.Type(nil)
	for t := range sig.Ins() {
		in = append(in, t)
	}
	for t := range sig.Outs() {
		out = append(out, t)
	}
	f := m.Func
	if own, ok := host.Method(recv, name); ok {
		f = own
	}
	return p.compiled(f, reflect.FuncOf(in, out, false))
}

// dispatcher calls a method through an interface.
func (p *program) dispatcher(s lower.Sym) reflect.Value {
	iface, sig := p.types.inner(s.Types[0]), p.types.inner(s.Types[1])
	in, out := []reflect.Type{iface}, []reflect.Type(nil)
	for t := range sig.Ins() {
		in = append(in, t)
	}
	for t := range sig.Outs() {
		out = append(out, t)
	}
	w, name := p.e.w, s.Member
	return fn(in, out, func(a []reflect.Value) []reflect.Value {
		if a[0].IsNil() {
			panic(nilDereference())
		}
		v := a[0].Elem()
		if m, f, ok := w.method(v.Type(), name); ok {
			ft := f.Type()
			args := make([]reflect.Value, len(a))
			args[0] = receiver(v, m.Recv, ft.In(0))
			for i := 1; i < len(a); i++ {
				args[i] = retype(a[i], ft.In(i))
			}
			return f.Call(args)
		}
		f := v.MethodByName(name)
		if own, ok := host.Method(v.Type(), name); ok {
			f = bound(own, v)
		}
		if !f.IsValid() {
			panic(unsupported(fmt.Sprintf("the method %s of %v", name, v.Type())))
		}
		ft := f.Type()
		args := make([]reflect.Value, len(a)-1)
		for i := range args {
			args[i] = retype(a[i+1], ft.In(i))
		}
		var res []reflect.Value
		if ft.IsVariadic() {
			res = f.CallSlice(args)
		} else {
			res = f.Call(args)
		}
		for i := range res {
			res[i] = retype(res[i], out[i])
		}
		return res
	})
}

// bound is a function with its first argument given.
func bound(f, recv reflect.Value) reflect.Value {
	t := f.Type()
	var in, out []reflect.Type
	for i := 1; i < t.NumIn(); i++ {
		in = append(in, t.In(i))
	}
	for x := range t.Outs() {
		out = append(out, x)
	}
	return reflect.MakeFunc(reflect.FuncOf(in, out, t.IsVariadic()), func(a []reflect.Value) []reflect.Value {
		a = append([]reflect.Value{recv}, a...)
		if t.IsVariadic() {
			return f.CallSlice(a)
		}
		return f.Call(a)
	})
}

// method finds a method of a type that a cell declared.
func (w *world) method(t reflect.Type, name string) (lower.Method, reflect.Value, bool) {
	if t.Kind() == reflect.Pointer && t.Name() == "" {
		t = t.Elem()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	n, ok := w.byOuter[t]
	if !ok {
		return lower.Method{}, reflect.Value{}, false
	}
	m, ok := n.methods[name]
	if !ok {
		return lower.Method{}, reflect.Value{}, false
	}
	return m, w.function(m.Func), true
}

// conversion puts a value into an interface.
func (p *program) conversion(s lower.Sym) reflect.Value {
	t := p.types
	from, to := t.inner(s.Types[0]), t.inner(s.Types[1])
	d := p.head.Types[s.Types[0]]
	isInterface := from.Kind() == reflect.Interface
	return fn([]reflect.Type{from}, []reflect.Type{to}, func(a []reflect.Value) []reflect.Value {
		r := reflect.New(to).Elem()
		switch {
		case isInterface:
			if !a[0].IsNil() {
				r.Set(a[0].Elem())
			}
		case d.Twin:
			r.Set(retype(a[0], p.outerNow(s.Types[0])))
		default:
			r.Set(a[0])
		}
		return one(r)
	})
}

// outerNow is the outer type with the methods known now.
func (p *program) outerNow(i int) reflect.Type {
	w := p.e.w
	w.mu.Lock()
	defer w.mu.Unlock()
	return p.types.outer(i)
}

// assertion is x.(T), with or without a second value.
func (p *program) assertion(s lower.Sym) reflect.Value {
	t := p.types
	from, to := t.inner(s.Types[0]), t.inner(s.Types[1])
	var wrong func(pos int, v reflect.Value)
	test := func(v reflect.Value) (reflect.Value, bool) {
		if v.IsNil() {
			return reflect.Zero(to), false
		}
		v = v.Elem()
		if to.Kind() == reflect.Interface {
			if !v.Type().Implements(to) {
				return reflect.Zero(to), false
			}
			r := reflect.New(to).Elem()
			r.Set(v)
			return r, true
		}
		if v.Type() == to && !p.head.Types[s.Types[1]].Twin || p.sameOuter(s.Types[1], v.Type()) {
			return retype(v, to), true
		}
		return reflect.Zero(to), false
	}
	wrong = func(pos int, v reflect.Value) {
		p.throw(pos, func() { panic(p.assertionError(s, v)) })
	}
	if s.Kind == "assert2" {
		return fn([]reflect.Type{from}, []reflect.Type{to, boolType}, func(a []reflect.Value) []reflect.Value {
			v, ok := test(a[0])
			return []reflect.Value{v, reflect.ValueOf(ok)}
		})
	}
	return fn([]reflect.Type{intType, from}, []reflect.Type{to}, func(a []reflect.Value) []reflect.Value {
		v, ok := test(a[1])
		if !ok {
			wrong(int(a[0].Int()), a[1])
		}
		return one(v)
	})
}

// sameOuter reports whether t is some version of the outer type i.
func (p *program) sameOuter(i int, t reflect.Type) bool {
	w := p.e.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if p.types.outer(i) == t {
		return true
	}
	return p.older(i, t)
}

// older looks for a version of the type from before methods were added.
func (p *program) older(i int, t reflect.Type) bool {
	d := p.head.Types[i]
	switch d.Kind {
	case "pointer":
		return t.Kind() == reflect.Pointer && t.Name() == "" && p.older(d.Elem, t.Elem())
	case "named":
		n := p.e.w.byOuter[t]
		return n != nil && n.id == d.ID
	}
	return false
}

// assertionError is a runtime.TypeAssertionError with Go's words.
type assertionError string

func (e assertionError) Error() string { return string(e) }
func (assertionError) RuntimeError()   {}

func (p *program) assertionError(s lower.Sym, v reflect.Value) assertionError {
	static := p.outerNow(s.Types[0])
	to := p.outerNow(s.Types[1])
	name := static.String()
	if static == anyType {
		name = "interface {}"
	}
	switch {
	case to.Kind() == reflect.Interface && v.IsNil():
		return assertionError(fmt.Sprintf("interface conversion: interface is nil, not %v", to))
	case v.IsNil():
		return assertionError(fmt.Sprintf("interface conversion: %s is nil, not %v", name, to))
	case to.Kind() == reflect.Interface:
		return assertionError(fmt.Sprintf("interface conversion: %v is not %v: missing method %s", v.Elem().Type(), to, missing(v.Elem().Type(), to)))
	}
	return assertionError(fmt.Sprintf("interface conversion: %s is %v, not %v", name, v.Elem().Type(), to))
}

func missing(t, iface reflect.Type) string {
	for m := range iface.Methods() {
		if have, ok := t.MethodByName(m.Name); !ok || have.Type.NumIn() != m.Type.NumIn()+1 {
			return m.Name
		}
	}
	return iface.Method(0).Name
}

// equal is == of two values that may hold interfaces.
func (p *program) equal(s lower.Sym) func([]reflect.Value) []reflect.Value {
	return func(a []reflect.Value) []reflect.Value {
		x, y := a[0], a[1]
		if x.Kind() == reflect.Interface {
			if x.IsNil() || y.IsNil() {
				return one(reflect.ValueOf(x.IsNil() == y.IsNil()))
			}
			return one(reflect.ValueOf(x.Elem().Interface() == y.Elem().Interface()))
		}
		if x.Type() != y.Type() {
			y = retype(y, x.Type())
		}
		return one(reflect.ValueOf(x.Interface() == y.Interface()))
	}
}

func (p *program) channels(s lower.Sym, in func(int) reflect.Type) reflect.Value {
	switch s.Kind {
	case "send":
		return fn([]reflect.Type{intType, in(0), in(0).Elem()}, nil, func(a []reflect.Value) []reflect.Value {
			pos := int(a[0].Int())
			p.throw(pos, func() { host.Send(p.pos(pos), a[1], a[2]) })
			return nil
		})
	case "recv", "recv2":
		out := []reflect.Type{in(0).Elem(), boolType}
		if s.Kind == "recv" {
			out = out[:1]
		}
		zero := reflect.Zero(in(0).Elem())
		return fn([]reflect.Type{intType, in(0)}, out, func(a []reflect.Value) []reflect.Value {
			v, ok := host.Recv(p.pos(int(a[0].Int())), a[1])
			if !v.IsValid() {
				v = zero
			}
			return []reflect.Value{v, reflect.ValueOf(ok)}[:len(out)]
		})
	case "selectsend":
		return fn([]reflect.Type{anyType, in(0), in(0).Elem()}, nil, func(a []reflect.Value) []reflect.Value {
			a[0].Interface().(*selection).add(reflect.SelectCase{Dir: reflect.SelectSend, Chan: a[1], Send: a[2]})
			return nil
		})
	case "selectrecv":
		return fn([]reflect.Type{anyType, in(0)}, nil, func(a []reflect.Value) []reflect.Value {
			a[0].Interface().(*selection).add(reflect.SelectCase{Dir: reflect.SelectRecv, Chan: a[1]})
			return nil
		})
	case "selectvalue":
		zero := reflect.Zero(in(0).Elem())
		return fn([]reflect.Type{anyType}, []reflect.Type{in(0).Elem(), boolType}, func(a []reflect.Value) []reflect.Value {
			s := a[0].Interface().(*selection)
			v := s.value
			if !v.IsValid() {
				v = zero
			}
			return []reflect.Value{v, reflect.ValueOf(s.ok)}
		})
	case "close":
		return fn([]reflect.Type{in(0)}, nil, func(a []reflect.Value) []reflect.Value {
			a[0].Close()
			return nil
		})
	}
	return reflect.Value{}
}

func (p *program) containers(s lower.Sym, in func(int) reflect.Type) reflect.Value {
	t := in(0)
	switch s.Kind {
	case "mapget":
		zero := reflect.Zero(t.Elem())
		return fn([]reflect.Type{t, t.Key()}, []reflect.Type{t.Elem(), boolType}, func(a []reflect.Value) []reflect.Value {
			if v := a[0].MapIndex(a[1]); v.IsValid() {
				return []reflect.Value{v, reflect.ValueOf(true)}
			}
			return []reflect.Value{zero, reflect.ValueOf(false)}
		})
	case "mapiter":
		return fn([]reflect.Type{t}, []reflect.Type{anyType}, func(a []reflect.Value) []reflect.Value {
			return one(reflect.ValueOf(a[0].MapRange()).Convert(anyType))
		})
	case "mapnext":
		zk, zv := reflect.Zero(t.Key()), reflect.Zero(t.Elem())
		return fn([]reflect.Type{anyType}, []reflect.Type{t.Key(), t.Elem(), boolType}, func(a []reflect.Value) []reflect.Value {
			it := a[0].Interface().(*reflect.MapIter)
			if !it.Next() {
				return []reflect.Value{zk, zv, reflect.ValueOf(false)}
			}
			return []reflect.Value{it.Key(), it.Value(), reflect.ValueOf(true)}
		})
	case "delete":
		return fn([]reflect.Type{t, t.Key()}, nil, func(a []reflect.Value) []reflect.Value {
			if !a[0].IsNil() {
				a[0].SetMapIndex(a[1], reflect.Value{})
			}
			return nil
		})
	case "clear":
		return fn([]reflect.Type{t}, nil, func(a []reflect.Value) []reflect.Value {
			a[0].Clear()
			return nil
		})
	case "len", "cap":
		return fn([]reflect.Type{t}, []reflect.Type{intType}, func(a []reflect.Value) []reflect.Value {
			v := a[0]
			if v.Kind() == reflect.Pointer {
				return one(reflect.ValueOf(t.Elem().Len()))
			}
			if s.Kind == "len" {
				return one(reflect.ValueOf(v.Len()))
			}
			return one(reflect.ValueOf(v.Cap()))
		})
	case "index": // a pointer to the element
		return fn([]reflect.Type{intType, t, intType}, []reflect.Type{reflect.PointerTo(t.Elem())}, func(a []reflect.Value) []reflect.Value {
			i := p.index(int(a[0].Int()), int(a[2].Int()), a[1].Len())
			return one(a[1].Index(i).Addr())
		})
	case "slice":
		return p.slicing(t, in(1))
	case "ref":
		return fn([]reflect.Type{t}, []reflect.Type{reflect.PointerTo(t)}, func(a []reflect.Value) []reflect.Value {
			v := reflect.New(t)
			v.Elem().Set(a[0])
			return one(v)
		})
	case "nonnil": // of a pointer or an interface
		return fn([]reflect.Type{t}, []reflect.Type{t}, func(a []reflect.Value) []reflect.Value {
			if a[0].IsNil() {
				panic(nilDereference())
			}
			return a
		})
	case "apply":
		args := []reflect.Type{t}
		var out []reflect.Type
		for x := range t.Ins() {
			args = append(args, x)
		}
		for x := range t.Outs() {
			out = append(out, x)
		}
		return fn(args, out, func(a []reflect.Value) []reflect.Value {
			if a[0].IsNil() {
				panic(nilDereference())
			}
			return a[0].Call(a[1:])
		})
	case "append":
		args := []reflect.Type{t}
		for range s.N {
			args = append(args, t.Elem())
		}
		return fn(args, []reflect.Type{t}, func(a []reflect.Value) []reflect.Value { return one(reflect.Append(a[0], a[1:]...)) })
	case "appendslice":
		return fn([]reflect.Type{t, t}, []reflect.Type{t}, func(a []reflect.Value) []reflect.Value { return one(reflect.AppendSlice(a[0], a[1])) })
	case "appendstring":
		return fn([]reflect.Type{t, stringType}, []reflect.Type{t}, func(a []reflect.Value) []reflect.Value {
			return one(reflect.ValueOf(append(a[0].Bytes(), a[1].String()...)).Convert(t))
		})
	case "copy":
		return fn([]reflect.Type{t, t}, []reflect.Type{intType}, func(a []reflect.Value) []reflect.Value { return one(reflect.ValueOf(reflect.Copy(a[0], a[1]))) })
	case "copystring":
		return fn([]reflect.Type{t, stringType}, []reflect.Type{intType}, func(a []reflect.Value) []reflect.Value {
			return one(reflect.ValueOf(copy(a[0].Bytes(), a[1].String())))
		})
	case "make":
		return p.making(t, s.N)
	}
	return reflect.Value{}
}

func (p *program) making(t reflect.Type, n int) reflect.Value {
	in := []reflect.Type{intType}
	for range n {
		in = append(in, intType)
	}
	return fn(in, []reflect.Type{t}, func(a []reflect.Value) (out []reflect.Value) {
		p.throw(int(a[0].Int()), func() {
			size := 0
			if n > 0 {
				size = int(a[1].Int())
			}
			switch t.Kind() {
			case reflect.Slice:
				capacity := size
				if n > 1 {
					capacity = int(a[2].Int())
				}
				most := math.MaxInt / int(max(t.Elem().Size(), 1)) >> 15 // of the address space
				switch {
				case size < 0 || size > most:
					panic(runtimeError("makeslice: len out of range"))
				case capacity < size || capacity > most:
					panic(runtimeError("makeslice: cap out of range"))
				}
				out = one(reflect.MakeSlice(t, size, capacity))
			case reflect.Map:
				out = one(reflect.MakeMapWithSize(t, max(size, 0)))
			case reflect.Chan:
				if size < 0 {
					_ = make(chan int, size)
				}
				bidi := reflect.ChanOf(reflect.BothDir, t.Elem())
				out = one(reflect.MakeChan(bidi, size).Convert(t))
			}
		})
		return out
	})
}

const noBound = -9007199254740993

func (p *program) slicing(t, to reflect.Type) reflect.Value {
	return fn([]reflect.Type{intType, t, intType, intType, intType}, []reflect.Type{to}, func(a []reflect.Value) (out []reflect.Value) {
		lo, hi, limit := int(a[2].Int()), int(a[3].Int()), int(a[4].Int())
		p.throw(int(a[0].Int()), func() {
			v := a[1]
			if t.Kind() == reflect.String {
				s := v.String()
				if hi == noBound {
					hi = len(s)
				}
				out = one(reflect.ValueOf(s[lo:hi]).Convert(to))
				return
			}
			if v.Kind() == reflect.Pointer {
				if v.IsNil() {
					panic(nilDereference())
				}
				v = v.Elem()
			}
			if hi == noBound {
				hi = v.Len()
			}
			n, c := v.Len(), v.Cap()
			shadow := make([]struct{}, n, c)
			if limit == noBound {
				_ = shadow[lo:hi]
				out = one(v.Slice(lo, hi))
			} else {
				_ = shadow[lo:hi:limit]
				out = one(v.Slice3(lo, hi, limit))
			}
		})
		return out
	})
}

func (p *program) arithmetic(s lower.Sym, in func(int) reflect.Type) reflect.Value {
	t := in(0)
	switch s.Kind {
	case "divisor":
		return fn([]reflect.Type{intType, t}, []reflect.Type{t}, func(a []reflect.Value) []reflect.Value {
			if a[1].IsZero() {
				zero := 0
				p.throw(int(a[0].Int()), func() { _ = 1 / zero })
			}
			return a[1:]
		})
	case "complex":
		return fn([]reflect.Type{reflect.TypeFor[float64](), reflect.TypeFor[float64]()}, []reflect.Type{t}, func(a []reflect.Value) []reflect.Value {
			return one(reflect.ValueOf(complex(a[0].Float(), a[1].Float())).Convert(t))
		})
	case "real", "imag":
		return fn([]reflect.Type{t}, []reflect.Type{reflect.TypeFor[float64]()}, func(a []reflect.Value) []reflect.Value {
			c := a[0].Complex()
			if s.Kind == "real" {
				return one(reflect.ValueOf(real(c)))
			}
			return one(reflect.ValueOf(imag(c)))
		})
	case "arith":
		return complexArith(t, s.Member)
	case "min", "max":
		args := make([]reflect.Type, s.N)
		for i := range args {
			args[i] = t
		}
		return fn(args, []reflect.Type{t}, func(a []reflect.Value) []reflect.Value { return one(extreme(a, s.Kind == "max")) })
	}
	return reflect.Value{}
}

func complexArith(t reflect.Type, op string) reflect.Value {
	n := 2
	if op == "neg" {
		n = 1
	}
	args := []reflect.Type{t, t}[:n]
	return fn(args, []reflect.Type{t}, func(a []reflect.Value) []reflect.Value {
		r := reflect.New(t).Elem()
		if t.Kind() == reflect.Complex64 {
			x, y := complex64(a[0].Complex()), complex64(0)
			if n == 2 {
				y = complex64(a[1].Complex())
			}
			r.SetComplex(complex128(arith(op, x, y)))
			return one(r)
		}
		x, y := a[0].Complex(), complex128(0)
		if n == 2 {
			y = a[1].Complex()
		}
		r.SetComplex(arith(op, x, y))
		return one(r)
	})
}

func arith[C complex64 | complex128](op string, x, y C) C {
	switch op {
	case "add":
		return x + y
	case "sub":
		return x - y
	case "mul":
		return x * y
	case "div":
		return x / y
	}
	return -x
}

// extreme is min or max as the language defines them.
func extreme(a []reflect.Value, largest bool) reflect.Value {
	best := a[0]
	for _, v := range a[1:] {
		switch {
		case v.CanFloat():
			x, y := best.Float(), v.Float()
			r := math.Min(x, y)
			if largest {
				r = math.Max(x, y)
			}
			n := reflect.New(v.Type()).Elem()
			n.SetFloat(r)
			if math.IsNaN(x) || math.IsNaN(y) {
				n.SetFloat(math.NaN())
			}
			best = n
		default:
			if less(v, best) != largest && compareValues(v, best) != 0 {
				best = v
			}
		}
	}
	return best
}

func less(x, y reflect.Value) bool { return compareValues(x, y) < 0 }

func compareValues(x, y reflect.Value) int {
	switch {
	case x.CanInt():
		return cmp.Compare(x.Int(), y.Int())
	case x.CanUint():
		return cmp.Compare(x.Uint(), y.Uint())
	}
	return cmp.Compare(x.String(), y.String())
}
