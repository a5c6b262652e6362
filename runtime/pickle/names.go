package pickle

import (
	"fmt"
	"math/big"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	rt "braid/runtime"
)

// Main is the module of a program's own functions and types.
const Main = "__main__"

// Names finds functions and types by name and names by function: the modules
// that pickled globals refer to. A host whose programs are interpreted has its
// own; see SetNames.
type Names interface {
	// FuncName is the module and qualified name under which other processes
	// find fn. known is false for functions that these Names know nothing of;
	// err is the PicklingError of those that no name leads to.
	FuncName(fn reflect.Value) (module, qualname string, known bool, err error)
	// Func is the function with this name.
	Func(module, qualname string) (fn reflect.Value, ok bool)
	// Type is the type with this import path and name ("main", "Point").
	Type(path, name string) (t reflect.Type, ok bool)
}

var (
	namesMu sync.RWMutex
	host    Names // guarded by namesMu
)

// SetNames installs a host's Names, which are asked first; nil removes them.
func SetNames(n Names) {
	namesMu.Lock()
	defer namesMu.Unlock()
	host = n
}

func hostNames() Names {
	namesMu.RLock()
	defer namesMu.RUnlock()
	return host
}

// registry is what plain Go programs have registered.
var registry = struct {
	sync.RWMutex
	funcs  map[string]reflect.Value
	byCode map[uintptr]string
	types  map[string]reflect.Type
}{funcs: map[string]reflect.Value{}, byCode: map[uintptr]string{}, types: map[string]reflect.Type{}}

// RegisterFunc makes fn known under a name, in every process that executes this
// call. The name is that of __main__ unless it has a module in front:
// "sqrt", "geometry.Area".
func RegisterFunc(name string, fn any) error {
	v := reflect.ValueOf(fn)
	if !v.IsValid() || v.Kind() != reflect.Func || v.IsNil() {
		return rt.Raise("TypeError", "%s is no function but %T: register what you would call", name, fn)
	}
	registry.Lock()
	defer registry.Unlock()
	if old, ok := registry.funcs[name]; ok && old.Pointer() != v.Pointer() {
		return rt.Raise("ValueError", "another function is registered as %s", rt.Repr(name))
	}
	registry.funcs[name] = v
	if !isClosure(v) {
		registry.byCode[v.Pointer()] = name
	}
	return nil
}

// RegisterType makes the type of v known under its own name, for values behind
// interfaces (any, error, …).
func RegisterType(v any) {
	t := reflect.TypeOf(v)
	for t != nil && t.Kind() == reflect.Pointer && t.Name() == "" {
		t = t.Elem()
	}
	if t == nil || t.Name() == "" {
		return
	}
	registry.Lock()
	defer registry.Unlock()
	registry.types[t.PkgPath()+"."+t.Name()] = t
}

func init() {
	for _, v := range []any{time.Duration(0), time.Time{}, time.Month(0), time.Weekday(0), big.Int{}, rt.Exception{}} {
		RegisterType(v)
	}
}

// isClosure tells whether a compiled function is a literal: its name ends in
// ".func1" or the like, and other values may share its code.
func isClosure(v reflect.Value) bool {
	f := runtime.FuncForPC(v.Pointer())
	if f == nil {
		return true
	}
	name := f.Name()
	last := name[strings.LastIndexByte(name, '.')+1:]
	_, err := strconv.Atoi(strings.TrimPrefix(last, "func"))
	return err == nil || strings.HasSuffix(name, "-fm")
}

// FuncName is the module and the qualified name that fn is pickled as, or the
// error with which it is refused.
func FuncName(fn any) (module, qualname string, err error) { return funcName(reflect.ValueOf(fn)) }

func funcName(v reflect.Value) (module, qualname string, err error) {
	if n := hostNames(); n != nil {
		if module, qualname, known, err := n.FuncName(v); known {
			return module, qualname, err
		}
	}
	registry.RLock()
	name, ok := registry.byCode[v.Pointer()]
	registry.RUnlock()
	if ok {
		module, qualname = splitName(name)
		return module, qualname, nil
	}
	return "", "", unnamed(v)
}

func splitName(name string) (module, qualname string) {
	if i := strings.IndexByte(name, '.'); i > 0 {
		return name[:i], name[i+1:]
	}
	return Main, name
}

// Global is a name in a module, pickled as a reference to what it means in the
// process that loads it.
type Global struct{ Module, Name string }

// Named is the Global of a function's name: of __main__, unless the name begins
// with a module ("geometry.Area").
func Named(name string) Global {
	module, qualname := splitName(name)
	return Global{module, qualname}
}

// unnamed is why a compiled function cannot be pickled.
func unnamed(v reflect.Value) error {
	f := runtime.FuncForPC(v.Pointer())
	if f == nil {
		return rt.Raise("PicklingError", "Can't pickle <function>: it has no name")
	}
	name := f.Name()
	name = name[strings.LastIndexByte(name, '/')+1:]
	module, qualname, _ := strings.Cut(name, ".")
	if isClosure(v) {
		return LocalObject(qualname)
	}
	return rt.Raise("PicklingError", "Can't pickle <function %s>: attribute lookup %s on %s failed; "+
		"call futures.Register(%s, %s) when the program starts", qualname, qualname, module, strconv.Quote(qualname), qualname)
}

// LocalObject is the refusal of a closure, whose Go name is "outer.func1".
func LocalObject(goName string) error {
	return rt.Raise("PicklingError", "Can't pickle local object '%s'", strings.ReplaceAll(goName, ".func", ".<locals>.func"))
}

// findFunc is find_class for functions.
func findFunc(module, qualname string) (reflect.Value, bool) {
	if n := hostNames(); n != nil {
		if v, ok := n.Func(module, qualname); ok {
			return v, true
		}
	}
	registry.RLock()
	defer registry.RUnlock()
	v, ok := registry.funcs[module+"."+qualname]
	if !ok && module == Main {
		v, ok = registry.funcs[qualname]
	}
	return v, ok
}

// Func is the function with this name, as an unpickled reference gives it.
func Func(module, qualname string) (reflect.Value, error) {
	v, ok := findFunc(module, qualname)
	if !ok {
		return v, noAttribute(module, qualname)
	}
	return v, nil
}

// noAttribute is the error of a name that this process does not know
// (Lib/pickle.py, _getattribute).
func noAttribute(module, qualname string) error {
	return rt.Raise("AttributeError", "Can't get attribute '%s' on <module '%s'>", qualname, module)
}

func registered(t reflect.Type) bool {
	registry.RLock()
	defer registry.RUnlock()
	return registry.types[t.PkgPath()+"."+t.Name()] == t
}

func findType(path, name string) (reflect.Type, bool) {
	if n := hostNames(); n != nil {
		if t, ok := n.Type(path, name); ok {
			return t, true
		}
	}
	registry.RLock()
	defer registry.RUnlock()
	t, ok := registry.types[path+"."+name]
	return t, ok
}

// expression writes a type so that parseType reads it: "map[string][]main.Point".
// It fails for types that no name leads to.
func expression(t reflect.Type) (string, error) {
	if t.Name() != "" {
		if t.PkgPath() == "" {
			return t.Name(), nil
		}
		if err := known(t); err != nil {
			return "", err
		}
		return t.PkgPath() + "." + t.Name(), nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		return prefixed("*", t.Elem())
	case reflect.Slice:
		return prefixed("[]", t.Elem())
	case reflect.Array:
		return prefixed("["+strconv.Itoa(t.Len())+"]", t.Elem())
	case reflect.Map:
		key, err := expression(t.Key())
		if err != nil {
			return "", err
		}
		return prefixed("map["+key+"]", t.Elem())
	case reflect.Interface:
		if t.NumMethod() == 0 {
			return "any", nil
		}
	}
	return "", cannot(t)
}

func prefixed(prefix string, elem reflect.Type) (string, error) {
	s, err := expression(elem)
	return prefix + s, err
}

// known makes sure that t is what its name leads to (Lib/pickle.py, save_global).
func known(t reflect.Type) error {
	found, ok := findType(t.PkgPath(), t.Name())
	switch {
	case !ok && t.PkgPath() != "main":
		return rt.Raise("PicklingError", "Can't pickle <class '%s'>: attribute lookup %s on %s failed; call pickle.RegisterType(%s{}) when the program starts",
			t, t.Name(), t.PkgPath(), t)
	case !ok:
		return rt.Raise("PicklingError", "Can't pickle <class '%s.%s'>: attribute lookup %s on %s failed", Main, t.Name(), t.Name(), Main)
	case found != t:
		return rt.Raise("PicklingError", "Can't pickle <class '%s.%s'>: it's not the same object as %s.%s", Main, t.Name(), Main, t.Name())
	}
	return nil
}

func cannot(t reflect.Type) error { return rt.Raise("TypeError", "cannot pickle '%s' object", t) }

// basic are the predeclared types by name.
var basic = map[string]reflect.Type{
	"bool": reflect.TypeFor[bool](), "string": reflect.TypeFor[string](), "any": reflect.TypeFor[any](), "error": reflect.TypeFor[error](),
	"int": reflect.TypeFor[int](), "int8": reflect.TypeFor[int8](), "int16": reflect.TypeFor[int16](), "int32": reflect.TypeFor[int32](), "int64": reflect.TypeFor[int64](),
	"uint": reflect.TypeFor[uint](), "uint8": reflect.TypeFor[uint8](), "uint16": reflect.TypeFor[uint16](), "uint32": reflect.TypeFor[uint32](), "uint64": reflect.TypeFor[uint64](),
	"float32": reflect.TypeFor[float32](), "float64": reflect.TypeFor[float64](), "complex64": reflect.TypeFor[complex64](), "complex128": reflect.TypeFor[complex128](),
}

// maxArray bounds arrays in type expressions: a corrupt one must not take all
// memory.
const maxArray = 1 << 20

// parseType reads what expression has written.
func parseType(s string) (reflect.Type, error) {
	t, rest, err := typePrefix(s, 0)
	if err == nil && rest != "" {
		err = fmt.Errorf("text after the type: %q", rest)
	}
	if err != nil {
		return nil, rt.Raise("UnpicklingError", "%q is no type: %v", s, err)
	}
	return t, nil
}

func typePrefix(s string, depth int) (t reflect.Type, rest string, err error) {
	if depth > 100 {
		return nil, s, fmt.Errorf("it is nested too deeply")
	}
	switch {
	case strings.HasPrefix(s, "*"):
		t, rest, err = typePrefix(s[1:], depth+1)
		if err == nil {
			t = reflect.PointerTo(t)
		}
		return t, rest, err
	case strings.HasPrefix(s, "[]"):
		t, rest, err = typePrefix(s[2:], depth+1)
		if err == nil {
			t = reflect.SliceOf(t)
		}
		return t, rest, err
	case strings.HasPrefix(s, "map["):
		return mapPrefix(s, depth)
	case strings.HasPrefix(s, "["):
		return arrayPrefix(s, depth)
	}
	return namePrefix(s)
}

func mapPrefix(s string, depth int) (reflect.Type, string, error) {
	key, rest, err := typePrefix(s[4:], depth+1)
	if err != nil {
		return nil, s, err
	}
	if !strings.HasPrefix(rest, "]") || !key.Comparable() {
		return nil, s, fmt.Errorf("the key of a map is wrong")
	}
	elem, rest, err := typePrefix(rest[1:], depth+1)
	if err != nil {
		return nil, s, err
	}
	return reflect.MapOf(key, elem), rest, nil
}

func arrayPrefix(s string, depth int) (reflect.Type, string, error) {
	i := strings.IndexByte(s, ']')
	n, err := strconv.Atoi(s[1:max(i, 1)])
	if i < 0 || err != nil || n < 0 || n > maxArray {
		return nil, s, fmt.Errorf("the length of an array is wrong")
	}
	elem, rest, err := typePrefix(s[i+1:], depth+1)
	if err != nil {
		return nil, s, err
	}
	if uintptr(n)*elem.Size() > 64*maxArray {
		return nil, s, fmt.Errorf("the array is too large")
	}
	return reflect.ArrayOf(n, elem), rest, nil
}

// namePrefix reads "int" or "path/of/pkg.Name", and the brackets of type
// arguments.
func namePrefix(s string) (reflect.Type, string, error) {
	end, depth := len(s), 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '[':
			depth++
		case ']':
			depth--
		}
		if depth < 0 {
			end = i
			break
		}
	}
	name, rest := s[:end], s[end:]
	if t := basic[name]; t != nil {
		return t, rest, nil
	}
	head, _, _ := strings.Cut(name, "[")
	dot := strings.LastIndexByte(head, '.')
	if dot < 0 {
		return nil, s, fmt.Errorf("there is no type %q", name)
	}
	t, ok := findType(name[:dot], name[dot+1:])
	if !ok {
		return nil, s, noAttribute(name[:dot], name[dot+1:])
	}
	return t, rest, nil
}
