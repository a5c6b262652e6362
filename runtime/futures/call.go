package futures

import (
	"fmt"
	"math"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"

	rt "braid/runtime"
	"braid/runtime/sched"
)

// callable is a function that executors call with arguments of any type: any Go
// function. If its first parameter is a *rt.Thread, it gets the thread that
// calls it. If its last result is an error, a non-nil one is what the call
// raises; several other results are returned as a list.
type callable struct {
	fn     any
	value  reflect.Value // of fn
	direct func(t *rt.Thread, args []any) (any, error)
	around func(t *rt.Thread, call func() (any, error)) (any, error) // or nil
}

// Around makes a function for an executor of threads whose calls go through
// around, which gets the thread that calls it. It is for models: asyncio.to_thread
// runs its function in a context in this way.
func Around(fn any, around func(t *rt.Thread, call func() (any, error)) (any, error)) any {
	return &wrapped{fn, around}
}

type wrapped struct {
	fn     any
	around func(t *rt.Thread, call func() (any, error)) (any, error)
}

var (
	threadType = reflect.TypeFor[*rt.Thread]()
	errorType  = reflect.TypeFor[error]()
	anyType    = reflect.TypeFor[any]()
)

// newCallable looks at fn once; what is wrong with it shows when it is called,
// as in Python.
func newCallable(fn any) callable {
	if w, is := fn.(*wrapped); is {
		c := newCallable(w.fn)
		c.around = w.around
		return c
	}
	c := callable{fn: fn, value: reflect.ValueOf(fn)}
	switch f := fn.(type) {
	case func():
		c.direct = when(f != nil, 0, func(*rt.Thread, []any) (any, error) { f(); return nil, nil })
	case func() any:
		c.direct = when(f != nil, 0, func(*rt.Thread, []any) (any, error) { return f(), nil })
	case func() error:
		c.direct = when(f != nil, 0, func(*rt.Thread, []any) (any, error) { return nil, f() })
	case func() (any, error):
		c.direct = when(f != nil, 0, func(*rt.Thread, []any) (any, error) { return f() })
	case func(any) any:
		c.direct = when(f != nil, 1, func(_ *rt.Thread, a []any) (any, error) { return f(a[0]), nil })
	case func(any) (any, error):
		c.direct = when(f != nil, 1, func(_ *rt.Thread, a []any) (any, error) { return f(a[0]) })
	case func(int) int:
		c.direct = when(f != nil, 1, func(_ *rt.Thread, a []any) (any, error) {
			if x, ok := a[0].(int); ok {
				return f(x), nil
			}
			return nil, errSlow
		})
	case func(int) bool:
		c.direct = when(f != nil, 1, func(_ *rt.Thread, a []any) (any, error) {
			if x, ok := a[0].(int); ok {
				return f(x), nil
			}
			return nil, errSlow
		})
	case func(*rt.Thread):
		c.direct = when(f != nil, 0, func(t *rt.Thread, _ []any) (any, error) { f(t); return nil, nil })
	case func(*rt.Thread) any:
		c.direct = when(f != nil, 0, func(t *rt.Thread, _ []any) (any, error) { return f(t), nil })
	case func(*rt.Thread) error:
		c.direct = when(f != nil, 0, func(t *rt.Thread, _ []any) (any, error) { return nil, f(t) })
	case func(*rt.Thread) (any, error):
		c.direct = when(f != nil, 0, func(t *rt.Thread, _ []any) (any, error) { return f(t) })
	case func(*rt.Thread, any) any:
		c.direct = when(f != nil, 1, func(t *rt.Thread, a []any) (any, error) { return f(t, a[0]), nil })
	case func(*rt.Thread, any) (any, error):
		c.direct = when(f != nil, 1, func(t *rt.Thread, a []any) (any, error) { return f(t, a[0]) })
	}
	return c
}

// errSlow asks for the way through reflection.
var errSlow = fmt.Errorf("by reflection")

func when(ok bool, n int, f func(*rt.Thread, []any) (any, error)) func(*rt.Thread, []any) (any, error) {
	if !ok {
		return nil
	}
	return func(t *rt.Thread, args []any) (any, error) {
		if len(args) != n {
			return nil, errSlow
		}
		return f(t, args)
	}
}

// call calls the function and turns what it raises into an error.
func (c *callable) call(t *rt.Thread, args []any) (result any, err error) {
	defer func() {
		if r := recover(); r != nil {
			if sched.Aborted(r) {
				panic(r)
			}
			result, err = nil, rt.FromPanic(r, debug.Stack())
		}
	}()
	if around := c.around; around != nil {
		inner := *c
		inner.around = nil
		return around(t, func() (any, error) { return inner.call(t, args) })
	}
	if c.direct != nil {
		if result, err = c.direct(t, args); err != errSlow {
			return result, err
		}
	}
	return c.reflectCall(t, args)
}

// guarded calls f and turns a panic into an error.
func guarded(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			if sched.Aborted(r) {
				panic(r)
			}
			err = rt.FromPanic(r, debug.Stack())
		}
	}()
	return f()
}

func (c *callable) reflectCall(t *rt.Thread, args []any) (any, error) {
	v := c.value
	switch {
	case !v.IsValid(), v.Kind() == reflect.Func && v.IsNil():
		return nil, rt.Raise("TypeError", "'NoneType' object is not callable")
	case v.Kind() != reflect.Func:
		return nil, rt.Raise("TypeError", "'%s' object is not callable", TypeName(c.fn))
	}
	in, err := c.arguments(t, args)
	if err != nil {
		return nil, err
	}
	return results(v.Type(), v.Call(in))
}

// parameters is how many of the function's parameters arguments are for, and
// at which index they begin.
func parameters(typ reflect.Type) (skip, n int) {
	if typ.NumIn() > 0 && typ.In(0) == threadType {
		skip = 1
	}
	return skip, typ.NumIn() - skip
}

func (c *callable) arguments(t *rt.Thread, args []any) ([]reflect.Value, error) {
	typ := c.value.Type()
	skip, n := parameters(typ)
	if err := c.arity(typ, n, len(args)); err != nil {
		return nil, err
	}
	in := make([]reflect.Value, 0, len(args)+skip)
	if skip == 1 {
		in = append(in, reflect.ValueOf(t))
	}
	for i, a := range args {
		at := parameterType(typ, skip+i)
		v, ok := convert(a, at)
		if !ok {
			return nil, rt.Raise("TypeError", "%s() argument %d must be %s, not %s", c.name(), i+1, at, TypeName(a))
		}
		in = append(in, v)
	}
	return in, nil
}

// parameterType is the type of the i-th value given to a function, which may be
// variadic.
func parameterType(typ reflect.Type, i int) reflect.Type {
	if typ.IsVariadic() && i >= typ.NumIn()-1 {
		return typ.In(typ.NumIn() - 1).Elem()
	}
	return typ.In(i)
}

// arity raises what a call with the wrong number of arguments does
// (Python/ceval.c, too_many_positional and missing_arguments); Go does not keep
// the names of parameters.
func (c *callable) arity(typ reflect.Type, want, got int) error {
	if typ.IsVariadic() {
		want--
		if got >= want {
			return nil
		}
	}
	switch {
	case got < want:
		return rt.Raise("TypeError", "%s() missing %d required positional argument%s", c.name(), want-got, plural(want-got))
	case got > want:
		verb := "were"
		if got == 1 {
			verb = "was"
		}
		return rt.Raise("TypeError", "%s() takes %d positional argument%s but %d %s given", c.name(), want, plural(want), got, verb)
	}
	return nil
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

// name is the function's __name__.
func (c *callable) name() string {
	if _, qualname, ok := nameOf(c.fn); ok {
		return qualname[strings.LastIndexByte(qualname, '.')+1:]
	}
	return "<lambda>"
}

// convert makes a value of type to from a, if that loses nothing: a number may
// change its kind.
func convert(a any, to reflect.Type) (reflect.Value, bool) {
	if a == nil {
		switch to.Kind() {
		case reflect.Interface, reflect.Pointer, reflect.Slice, reflect.Map, reflect.Func, reflect.Chan, reflect.UnsafePointer:
			return reflect.Zero(to), true
		}
		return reflect.Value{}, false
	}
	v := reflect.ValueOf(a)
	if v.Type() == to {
		return v, true
	}
	if v.Type().AssignableTo(to) {
		return v.Convert(to), true
	}
	if isNumber(v.Kind()) && isNumber(to.Kind()) {
		return convertNumber(v, to)
	}
	return reflect.Value{}, false
}

func isNumber(k reflect.Kind) bool { return k >= reflect.Int && k <= reflect.Float64 }

func convertNumber(v reflect.Value, to reflect.Type) (reflect.Value, bool) {
	w := reflect.New(to).Elem()
	switch {
	case v.CanInt() && w.CanInt():
		w.SetInt(v.Int())
		return w, w.Int() == v.Int()
	case v.CanInt() && w.CanUint():
		w.SetUint(uint64(v.Int()))
		return w, v.Int() >= 0 && w.Uint() == uint64(v.Int())
	case v.CanInt() && w.CanFloat():
		w.SetFloat(float64(v.Int()))
		return w, w.Float() < math.MaxInt64 && int64(w.Float()) == v.Int()
	case v.CanUint() && w.CanUint():
		w.SetUint(v.Uint())
		return w, w.Uint() == v.Uint()
	case v.CanUint() && w.CanInt():
		w.SetInt(int64(v.Uint()))
		return w, w.Int() >= 0 && uint64(w.Int()) == v.Uint()
	case v.CanUint() && w.CanFloat():
		w.SetFloat(float64(v.Uint()))
		return w, w.Float() < math.MaxUint64 && uint64(w.Float()) == v.Uint()
	case v.CanFloat() && w.CanFloat():
		w.SetFloat(v.Float())
		return w, true
	}
	return w, false
}

// results are what a function has returned.
func results(typ reflect.Type, out []reflect.Value) (any, error) {
	var err error
	if n := len(out); n > 0 && typ.Out(n-1) == errorType {
		err, _ = out[n-1].Interface().(error)
		out = out[:n-1]
	}
	switch len(out) {
	case 0:
		return nil, err
	case 1:
		return out[0].Interface(), err
	}
	list := make([]any, len(out))
	for i, v := range out {
		list[i] = v.Interface()
	}
	return list, err
}

// goName is the name that the linker gave a compiled function: "main.isPrime",
// or "main.main.func1" for a closure.
func goName(fn any) string {
	v := reflect.ValueOf(fn)
	if !v.IsValid() || v.Kind() != reflect.Func || v.IsNil() {
		return ""
	}
	f := runtime.FuncForPC(v.Pointer())
	if f == nil {
		return ""
	}
	name := f.Name()
	return name[strings.LastIndexByte(name, '/')+1:]
}
