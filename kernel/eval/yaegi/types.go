package yaegi

import (
	"fmt"
	"reflect"
	"sync"
	"unsafe"

	"github.com/goplus/reflectx"
	_ "github.com/goplus/reflectx/icall/icall8192" // stubs for the methods of types made at run time

	"braid/kernel/eval/host"
	"braid/kernel/eval/symbols"
	"braid/kernel/lower"
)

// named is a type that some cell declared. Its outer type is made when a value
// first goes into an interface, with the methods known by then; if methods
// come later, values boxed later have a newer version of the type.
type named struct {
	id, name string
	inner    reflect.Type // struct types only
	desc     lower.Type   // newest description
	program  *program     // that desc belongs to
	methods  map[string]lower.Method
	outers   []reflect.Type // versions, newest last
	made     int            // methods of the newest version

	complete, outerComplete func() // set while the type is being made
	completing              bool
}

// world is what all cells of an engine share.
type world struct {
	mu      sync.Mutex
	named   map[string]*named
	byOuter map[reflect.Type]*named
	vars    map[string]reflect.Value // pointers
	funcs   map[string]reflect.Value
	redir   map[string]reflect.Value // pointers to funcs, by the identity of the one that gives way
	after   map[string]string        // redirects in force
}

func newWorld() *world {
	return &world{
		named: map[string]*named{}, byOuter: map[reflect.Type]*named{}, vars: map[string]reflect.Value{},
		funcs: map[string]reflect.Value{}, redir: map[string]reflect.Value{}, after: map[string]string{},
	}
}

// unsupported is the panic of something that can't be made at run time.
type unsupported string

// types resolves the table of one program. Callers hold world.mu.
type typeTable struct {
	w      *world
	p      *program
	inners []reflect.Type
	outers []reflect.Type
	open   map[string]bool // named structs being completed
	todo   []func()
}

func (t *typeTable) desc(i int) lower.Type { return t.p.head.Types[i] }

var basics = map[string]reflect.Type{}

func init() {
	for _, v := range []any{false, "", int(0), int8(0), int16(0), int32(0), int64(0), uint(0), uint8(0), uint16(0), uint32(0), uint64(0), uintptr(0), float32(0), float64(0), complex64(0), complex128(0)} {
		basics[reflect.TypeOf(v).String()] = reflect.TypeOf(v)
	}
}

// inner is the type that lowered code sees.
func (t *typeTable) inner(i int) reflect.Type {
	r := t.innerShell(i)
	t.finish()
	return r
}

func (t *typeTable) finish() {
	for len(t.todo) > 0 {
		next := t.todo[0]
		t.todo = t.todo[1:]
		next()
	}
}

// innerShell is inner, but structs behind pointers may be completed later.
func (t *typeTable) innerShell(i int) reflect.Type {
	if r := t.inners[i]; r != nil {
		return r
	}
	d := t.desc(i)
	var r reflect.Type
	switch d.Kind {
	case "basic":
		r = basics[d.Name]
	case "std":
		r = stdType(d.Pkg, d.Name)
	case "pointer":
		r = reflect.PointerTo(t.innerShell(d.Elem))
	case "slice":
		r = reflect.SliceOf(t.innerShell(d.Elem))
	case "chan":
		r = reflect.ChanOf(reflect.ChanDir(d.Dir), t.innerShell(d.Elem))
	case "func":
		r = reflect.FuncOf(t.all(d.In, t.innerShell), t.all(d.Out, t.innerShell), false)
	case "array":
		r = reflect.ArrayOf(int(d.Len), t.innerValue(d.Elem))
	case "map":
		r = reflect.MapOf(t.innerValue(d.Key), t.innerValue(d.Elem))
	case "struct":
		r = reflect.StructOf(t.innerFields(d))
	case "interface":
		return t.outerShell(i)
	case "named":
		return t.innerNamed(i, d)
	}
	if r == nil {
		panic(unsupported("a type of kind " + d.Kind))
	}
	t.inners[i] = r
	return r
}

func (t *typeTable) all(is []int, f func(int) reflect.Type) []reflect.Type {
	rs := make([]reflect.Type, len(is))
	for k, i := range is {
		rs[k] = f(i)
	}
	return rs
}

// innerValue is innerShell of a type that is part of another by value: its
// size has to be known.
func (t *typeTable) innerValue(i int) reflect.Type {
	r := t.innerShell(i)
	t.completeInner(i)
	return r
}

func (t *typeTable) completeInner(i int) {
	d := t.desc(i)
	switch d.Kind {
	case "named":
		if t.desc(d.Elem).Kind == "struct" {
			t.innerComplete(d)
		} else {
			t.completeInner(d.Elem)
		}
	}
}

func (t *typeTable) innerFields(d lower.Type) []reflect.StructField {
	fields := make([]reflect.StructField, len(d.Fields))
	for i, f := range d.Fields {
		name := "F_" + f.Name
		if f.Name == "_" {
			name = fmt.Sprintf("F_%d", i)
		}
		fields[i] = reflect.StructField{Name: name, Type: t.innerValue(f.Type)}
	}
	return fields
}

func (t *typeTable) innerNamed(i int, d lower.Type) reflect.Type {
	switch t.desc(d.Elem).Kind {
	case "interface":
		return t.outerShell(i)
	case "struct":
	default:
		r := t.innerShell(d.Elem)
		t.inners[i] = r
		return r
	}
	n := t.w.named[d.ID]
	if n.inner == nil {
		n.inner = reflectx.NamedTypeOf("main", d.Name, reflect.TypeFor[struct{}]())
		done := false
		t.open[d.ID] = true
		n.complete = func() {
			if done {
				return
			}
			done = true
			n.completing = true
			setUnderlying(n.inner, reflect.StructOf(t.innerFields(t.desc(d.Elem))))
			n.completing = false
			delete(t.open, d.ID)
		}
		t.todo = append(t.todo, n.complete)
	}
	t.inners[i] = n.inner
	return n.inner
}

func (t *typeTable) innerComplete(d lower.Type) {
	n := t.w.named[d.ID]
	if n.complete == nil || !t.open[d.ID] {
		return
	}
	if n.completing {
		panic(unsupported("the recursive type " + d.Name))
	}
	n.complete()
}

// outer is the learner's type.
func (t *typeTable) outer(i int) reflect.Type {
	r := t.outerShell(i)
	t.finish()
	return r
}

func (t *typeTable) outerShell(i int) reflect.Type {
	d := t.desc(i)
	if d.Kind == "named" && t.desc(d.Elem).Kind != "interface" {
		return t.outerNamed(d)
	}
	if r := t.outers[i]; r != nil {
		return r
	}
	if !d.Twin && d.Kind != "interface" && d.Kind != "named" {
		return t.innerShell(i)
	}
	var r reflect.Type
	switch d.Kind {
	case "basic", "std":
		return t.innerShell(i)
	case "pointer":
		return reflect.PointerTo(t.outerShell(d.Elem)) // not kept: the newest version counts
	case "slice":
		return reflect.SliceOf(t.outerShell(d.Elem))
	case "chan":
		return reflect.ChanOf(reflect.ChanDir(d.Dir), t.outerShell(d.Elem))
	case "func":
		return reflect.FuncOf(t.all(d.In, t.outerShell), t.all(d.Out, t.outerShell), d.Variadic)
	case "array":
		return reflect.ArrayOf(int(d.Len), t.outerValue(d.Elem))
	case "map":
		return reflect.MapOf(t.outerValue(d.Key), t.outerValue(d.Elem))
	case "struct":
		return reflectx.StructOf(t.outerFields(d))
	case "interface":
		if len(d.Methods) == 0 {
			r = reflect.TypeFor[any]()
			break
		}
		r = reflectx.InterfaceOf(nil, t.interfaceMethods(d))
		comparesWithMethods(r)
	case "named": // an interface
		n := t.w.named[d.ID]
		if len(n.outers) == 0 {
			shell := reflectx.NewInterfaceType("main", d.Name)
			n.outers = []reflect.Type{shell}
			if len(t.desc(d.Elem).Methods) > 0 {
				comparesWithMethods(shell)
			}
			if err := reflectx.SetInterfaceType(shell, nil, t.interfaceMethods(t.desc(d.Elem))); err != nil {
				panic(unsupported("the interface " + d.Name + ": " + err.Error()))
			}
		}
		r = n.outers[0]
	}
	t.outers[i] = r
	if d.Kind == "interface" || d.Kind == "named" {
		t.inners[i] = r
	}
	return r
}

func (t *typeTable) interfaceMethods(d lower.Type) []reflect.Method {
	var ms []reflect.Method
	for _, m := range d.Methods {
		ms = append(ms, reflect.Method{Name: m.Name, PkgPath: pkgPath(m.Name), Type: t.outerShell(m.Type)})
	}
	return ms
}

func exported(name string) bool {
	for _, r := range name {
		return isUpper(r)
	}
	return false
}

// pkgPath is "main" for unexported names.
func pkgPath(name string) string {
	if exported(name) {
		return ""
	}
	return "main"
}

func (t *typeTable) outerValue(i int) reflect.Type {
	r := t.outerShell(i)
	if d := t.desc(i); d.Kind == "named" {
		if n := t.w.named[d.ID]; n.outerComplete != nil {
			n.outerComplete()
		}
	}
	return r
}

func (t *typeTable) outerFields(d lower.Type) []reflect.StructField {
	fields := make([]reflect.StructField, len(d.Fields))
	for i, f := range d.Fields {
		fields[i] = reflect.StructField{Name: f.Name, PkgPath: pkgPath(f.Name), Type: t.outerValue(f.Type), Tag: reflect.StructTag(f.Tag), Anonymous: f.Embedded}
	}
	return fields
}

// standIn is a type of the same kind as type i: reflectx lays out a type's
// methods by its kind, and the type itself may refer to what is being made.
func (t *typeTable) standIn(i int) reflect.Type {
	d := t.desc(i)
	switch d.Kind {
	case "pointer":
		return reflect.TypeFor[*int]()
	case "slice":
		return reflect.TypeFor[[]int]()
	case "chan":
		return reflect.TypeFor[chan int]()
	case "map":
		return reflect.TypeFor[map[int]int]()
	case "array":
		return reflect.TypeFor[[1]int]()
	case "struct":
		return reflect.TypeFor[struct{}]()
	case "func":
		ints := func(n int) []reflect.Type {
			ts := make([]reflect.Type, n)
			for i := range ts {
				ts[i] = reflect.TypeFor[int]()
			}
			return ts
		}
		return reflect.FuncOf(ints(len(d.In)), ints(len(d.Out)), false)
	case "named":
		return t.standIn(d.Elem)
	}
	return t.innerShell(i)
}

// outerNamed is the newest version of a declared type.
func (t *typeTable) outerNamed(d lower.Type) reflect.Type {
	n := t.w.named[d.ID]
	if len(n.outers) > 0 && n.made == len(n.methods) {
		return n.outers[len(n.outers)-1]
	}
	values := 0
	for _, m := range n.methods {
		if !m.Pointer {
			values++
		}
	}
	shell := reflectx.NamedTypeOf("main", n.name, n.program.types.standIn(n.desc.Elem))
	if len(n.methods) > 0 {
		shell = reflectx.NewMethodSet(shell, values, len(n.methods))
	}
	n.outers = append(n.outers, shell)
	n.made = len(n.methods)
	t.w.byOuter[shell] = n
	own := n.program.types // the description's own indices
	done := false
	n.outerComplete = func() {
		if done {
			return
		}
		done = true
		under := own.outerShell(n.desc.Elem)
		setUnderlying(shell, under)
		if headOf(under).flags&directInterface != 0 && values > 0 {
			own.setDirectMethods(n, shell, under)
		} else {
			own.setMethods(n, shell)
		}
		n.outerComplete = nil
	}
	t.todo = append(t.todo, func() {
		if n.outerComplete != nil {
			n.outerComplete()
		}
		own.finish()
	})
	return shell
}

// setDirectMethods is setMethods for a type whose values an interface holds
// without a pointer. reflectx knows that of pointers, funcs, chans, maps and of
// structs with one pointer; any other struct passes for such a one meanwhile.
func (t *typeTable) setDirectMethods(n *named, shell, under reflect.Type) {
	switch under.Kind() {
	case reflect.Struct:
		setUnderlying(shell, reflect.TypeFor[struct{ P *int }]())
		t.setMethods(n, shell)
		setUnderlying(shell, under)
	case reflect.Array:
		panic(unsupported("methods of the array type " + n.name + " with a single pointer"))
	default:
		t.setMethods(n, shell)
	}
}

func (t *typeTable) setMethods(n *named, shell reflect.Type) {
	var ms []reflectx.Method
	for name, m := range n.methods {
		sig := t.outerShell(m.Type)
		call := t.w.stub(n, name)
		ms = append(ms, reflectx.MakeMethod(name, pkgPath(name), m.Pointer, sig, call))
	}
	if len(ms) == 0 {
		return
	}
	if err := reflectx.SetMethodSet(shell, ms, false); err != nil {
		panic(unsupported(fmt.Sprintf("the methods of %s: %v", n.name, err)))
	}
}

// stub is a method as compiled code calls it.
func (w *world) stub(n *named, name string) func([]reflect.Value) []reflect.Value {
	return func(args []reflect.Value) []reflect.Value {
		w.mu.Lock()
		m := n.methods[name]
		fn := w.function(m.Func)
		p := n.program
		w.mu.Unlock()
		return w.invoke(p, m, fn, args)
	}
}

// invoke calls the function behind a method with outer arguments.
func (w *world) invoke(p *program, m lower.Method, fn reflect.Value, args []reflect.Value) []reflect.Value {
	ft := fn.Type()
	in := make([]reflect.Value, len(args))
	in[0] = receiver(args[0], m.Recv, ft.In(0))
	for i := 1; i < len(args); i++ {
		in[i] = retype(args[i], ft.In(i))
	}
	out := fn.Call(in)
	w.mu.Lock()
	sig := p.types.outer(m.Type)
	w.mu.Unlock()
	for i := range out {
		out[i] = retype(out[i], sig.Out(i))
	}
	return out
}

// receiver turns an outer receiver, T or *T, into what the function takes.
func receiver(v reflect.Value, wantPointer bool, to reflect.Type) reflect.Value {
	if wantPointer {
		if v.Kind() == reflect.Pointer && v.Type().Name() == "" {
			return retype(v, to)
		}
		p := reflect.New(v.Type())
		p.Elem().Set(v)
		return retype(p, to)
	}
	if v.Kind() == reflect.Pointer && v.Type().Name() == "" && to.Kind() != reflect.Pointer {
		if v.IsNil() {
			panic(nilDereference())
		}
		v = v.Elem()
	}
	return retype(v, to)
}

// retype gives v another type of the same layout.
func retype(v reflect.Value, t reflect.Type) reflect.Value {
	if v.Type() == t {
		return v
	}
	if v.Kind() == reflect.Interface && t.Kind() == reflect.Interface && v.NumMethod() != t.NumMethod() {
		r := reflect.New(t).Elem()
		if !v.IsNil() {
			r.Set(v.Elem())
		}
		return r
	}
	p := reflect.New(v.Type())
	p.Elem().Set(v)
	return reflect.NewAt(t, unsafe.Pointer(p.Pointer())).Elem()
}

// typeHead is the beginning of internal/abi.Type, as of Go 1.26.
type typeHead struct {
	size, ptrBytes uintptr
	hash           uint32
	flags          uint8
	align, field   uint8
	kind           uint8
	equal          func(unsafe.Pointer, unsafe.Pointer) bool
}

// Flags of internal/abi.TFlag that say what a type's methods and name are;
// the other ones say how the garbage collector, maps and interfaces treat it.
const ownFlags = 1<<0 | 1<<1 | 1<<2 // TFlagUncommon, TFlagExtraStar, TFlagNamed

// comparesWithMethods gives an interface type that was made at run time the
// comparison of interfaces with methods; reflectx v1.7.8 leaves it that of any,
// which reads the method table as a type.
func comparesWithMethods(t reflect.Type) {
	headOf(t).equal = headOf(reflect.TypeFor[error]()).equal
}

const directInterface = 1 << 5 // TFlagDirectIface

// setUnderlying gives a stand-in its underlying type. reflectx v1.7.8 leaves
// the stand-in's flags (regular memory, pointer mask on demand, direct
// interface data) in place; with them maps and the collector go wrong.
func setUnderlying(shell, under reflect.Type) {
	reflectx.SetUnderlying(shell, under)
	to, from := headOf(shell), headOf(under)
	to.flags = to.flags&ownFlags | from.flags&^ownFlags
}

func headOf(t reflect.Type) *typeHead {
	return (*typeHead)(reflect.ValueOf(t).UnsafePointer())
}

// stdSymbol finds a name of a compiled package; host's version wins.
func stdSymbol(pkg, name string) reflect.Value {
	if v, ok := host.Overlay()[pkg][name]; ok {
		return v
	}
	if v, ok := symbols.Package(pkg)[name]; ok {
		return v
	}
	panic(unsupported(pkg + "." + name))
}

func stdType(pkg, name string) reflect.Type {
	switch {
	case pkg == "" && name == "error":
		return reflect.TypeFor[error]()
	case pkg == "" && name == "any":
		return reflect.TypeFor[any]()
	case pkg == "unsafe":
		return reflect.TypeFor[unsafe.Pointer]()
	}
	v := stdSymbol(pkg, name)
	if v.Kind() != reflect.Pointer || !v.IsNil() {
		panic(unsupported("the type " + pkg + "." + name))
	}
	return v.Type().Elem()
}
