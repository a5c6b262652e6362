package vm

import (
	"go/types"
	"reflect"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/tools/go/ssa"

	"braid/kernel/check"
	rt "braid/runtime"
	"braid/runtime/pickle"
)

// names makes the functions and types of cells known to package pickle, in this
// process and in the worker processes of a pool, which have the same
// declarations.
type names struct{ e *Engine }

var _ pickle.Names = names{}

// FuncName implements pickle.Names.
func (n names) FuncName(v reflect.Value) (module, qualname string, known bool, err error) {
	fn := n.e.m.functionBehind(v)
	if fn == nil {
		path, name, _ := cutLast(compiledName(v), ".")
		f, ok := symbol(path, name)
		return path, name, ok && f.Kind() == reflect.Func && f.Pointer() == v.Pointer(), nil
	}
	if obj := fn.ssa.Object(); obj != nil && obj.Pkg() != nil && obj.Pkg().Path() != check.Path {
		_, ok := symbol(obj.Pkg().Path(), obj.Name())
		return obj.Pkg().Path(), obj.Name(), ok, nil
	}
	name, err := n.declared(fn)
	return pickle.Main, name, true, err
}

// functionBehind is the cell's function that a func value stands for, or nil.
func (m *machine) functionBehind(v reflect.Value) *Function {
	t := v.Type()
	in, out := make([]reflect.Type, t.NumIn()), make([]reflect.Type, t.NumOut())
	for i := range in {
		in[i] = t.In(i)
	}
	for i := range out {
		out[i] = t.Out(i)
	}
	cl := m.signature(in, out, t.IsVariadic(), false).closureOf(funcPointer(v))
	if cl == nil {
		return nil
	}
	return cl.fn
}

func compiledName(v reflect.Value) string {
	if f := runtime.FuncForPC(v.Pointer()); f != nil {
		return f.Name()
	}
	return ""
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// declared is the name under which every process finds fn, or why there is none.
func (n names) declared(fn *Function) (string, error) {
	s := fn.ssa
	obj, _ := s.Object().(*types.Func)
	switch {
	case s.Parent() != nil:
		return "", local(s)
	case obj == nil || s.Signature.Recv() != nil || len(s.FreeVars) > 0:
		return "", rt.Raise("PicklingError", "Can't pickle bound method '%s': declare a function that takes the receiver as an argument", fn.name)
	}
	name, _, _ := strings.Cut(obj.Name(), "ˍ")
	if len(s.TypeArgs()) > 0 {
		return "", rt.Raise("PicklingError", "Can't pickle <function %s[...]>: attribute lookup %s[...] on __main__ failed; declare a function without type parameters that calls it", name, name)
	}
	now, ok := n.find(name)
	switch {
	case !ok:
		return "", rt.Raise("PicklingError", "Can't pickle <function %s>: attribute lookup %s on __main__ failed", name, name)
	case now.latest() != fn.latest():
		return "", rt.Raise("PicklingError", "Can't pickle <function %s>: it's not the same object as __main__.%s", name, name)
	}
	return name, nil
}

// local is the refusal of a function literal.
func local(s *ssa.Function) error {
	qualname := "<lambda>"
	for p := s.Parent(); p != nil; p = p.Parent() {
		switch {
		case p.Parent() != nil:
			qualname = "<lambda>.<locals>." + qualname
		case p.Name() != check.Entry:
			name, _, _ := strings.Cut(p.Name(), "ˍ")
			qualname = name + ".<locals>." + qualname
		}
	}
	if qualname == "<lambda>" {
		return rt.Raise("PicklingError", "Can't pickle <function <lambda>>: attribute lookup <lambda> on __main__ failed; "+
			"declare the function with a name (func name(…) {…}), so that other processes find it")
	}
	return rt.Raise("PicklingError", "Can't pickle local object '%s'", qualname)
}

// find is the function that a name means in the session now.
func (n names) find(name string) (*Function, bool) {
	e := n.e
	e.mu.Lock()
	defer e.mu.Unlock()
	d := e.state.Lookup(name)
	if d == nil {
		return nil, false
	}
	obj, ok := d.Obj.(*types.Func)
	if !ok || obj.Signature().Recv() != nil || obj.Signature().TypeParams().Len() > 0 {
		return nil, false
	}
	s := e.m.prog.FuncValue(obj)
	if s == nil || !e.m.runnable(s) {
		return nil, false
	}
	return e.m.function(s), true
}

// Func implements pickle.Names.
func (n names) Func(module, qualname string) (reflect.Value, bool) {
	if module != pickle.Main {
		v, ok := symbol(module, qualname)
		return v, ok && v.Kind() == reflect.Func
	}
	fn, ok := n.find(qualname)
	if !ok {
		return reflect.Value{}, false
	}
	n.e.m.initForCall()
	p := fn.funcValue()
	return reflect.NewAt(fn.sig.typ, unsafe.Pointer(&p)).Elem(), true
}

// Type implements pickle.Names.
func (n names) Type(path, name string) (t reflect.Type, ok bool) {
	if path != check.Path {
		t = nativeType(path, name)
		return t, t != nil
	}
	e := n.e
	e.mu.Lock()
	defer e.mu.Unlock()
	defer func() {
		if v := recover(); v != nil {
			if _, is := v.(*unsupportedError); !is {
				panic(v)
			}
			t, ok = nil, false
		}
	}()
	d := e.state.Lookup(name)
	if d == nil {
		return nil, false
	}
	tn, is := d.Obj.(*types.TypeName)
	if !is {
		return nil, false
	}
	if named, is := types.Unalias(tn.Type()).(*types.Named); is && named.TypeParams().Len() > 0 {
		return nil, false
	}
	return e.m.typ(tn.Type()), true
}
