package futures

import (
	"reflect"

	rt "braid/runtime"
	"braid/runtime/pickle"
)

// Register makes a function of a plain Go program known to worker processes
// under a name, as being at the top level of a module does in Python. Call it
// when the program starts (in init, or before FreezeSupport), so that the
// worker processes, which run the same program, do so too. The types that the
// function's parameters and results are made of become known with it. In a
// notebook the functions and types of the cells are known without.
func Register(name string, fn any) error {
	if err := pickle.RegisterFunc(name, fn); err != nil {
		return err
	}
	registerTypes(reflect.TypeOf(fn), map[reflect.Type]bool{})
	return nil
}

func registerTypes(t reflect.Type, seen map[reflect.Type]bool) {
	if t == nil || seen[t] {
		return
	}
	seen[t] = true
	if t.Name() != "" && t.PkgPath() != "" && t.Kind() != reflect.Interface {
		pickle.RegisterType(reflect.Zero(t).Interface())
		if t.PkgPath() != "main" && t.Kind() == reflect.Struct {
			return // compiled packages' own business
		}
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		registerTypes(t.Elem(), seen)
	case reflect.Map:
		registerTypes(t.Key(), seen)
		registerTypes(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			registerTypes(t.Field(i).Type, seen)
		}
	case reflect.Func:
		for i := range t.NumIn() {
			registerTypes(t.In(i), seen)
		}
		for i := range t.NumOut() {
			registerTypes(t.Out(i), seen)
		}
	}
}

// nameOf is the place where a function can be found: its __module__ and its
// __qualname__. ok is false for values that have none.
func nameOf(fn any) (module, qualname string, ok bool) {
	if reflect.ValueOf(fn).Kind() != reflect.Func || reflect.ValueOf(fn).IsNil() {
		return "", "", false
	}
	module, qualname, err := pickle.FuncName(fn)
	if err != nil {
		qualname = goName(fn)
	}
	return module, qualname, qualname != ""
}

// reference is how a function is sent: itself, or the name given for it.
func reference(fn any) (any, error) {
	if name, ok := fn.(string); ok {
		g := pickle.Named(name)
		if _, err := pickle.Func(g.Module, g.Name); err != nil {
			return nil, rt.Raise("PicklingError", "Can't pickle %s: attribute lookup %s on %s failed", rt.Repr(name), g.Name, g.Module)
		}
		return g, nil
	}
	return fn, nil
}
