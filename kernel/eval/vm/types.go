package vm

import (
	"fmt"
	"go/types"
	"hash/fnv"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"github.com/goplus/reflectx"
	_ "github.com/goplus/reflectx/icall/icall8192" // method stubs for compiled callers
	"golang.org/x/tools/go/types/typeutil"
)

// typeTable maps the types of go/types to the real ones of package reflect.
//
// Types of compiled packages are found through their symbols. A named type of
// a cell is created with reflectx when it is first needed, in three steps: a
// type of the same size, alignment and pointer layout whose references to
// other types are replaced by stand-ins (so that maps, arrays and structs of
// it can be laid out while it is still unfinished); then its true underlying
// type; and, when no type is unfinished any more, its methods.
type typeTable struct {
	mu      sync.Mutex
	real    typeutil.Map // types.Type → reflect.Type
	shapes  typeutil.Map // *types.Named in progress → nothing; guards recursion
	depth   int
	pending []func()       // set the method sets once all types are finished
	fresh   []*methodTable // registered since the last settle
	serial  uint32

	methods sync.Map // *rtype → *methodTable, of types created here and pointers to them

	native func(pkg, name string) reflect.Type    // symbol tables
	search func(obj *types.TypeName) reflect.Type // an unexported compiled type, by what mentions it
	source func(*types.Package) bool              // its types are created here
	msets  typeutil.MethodSetCache
}

// methodTable belongs to a type created here: what the VM's own dispatch
// needs. It is filled while a cell is compiled (machine.settle), so that running
// code asks neither go/types nor ssa, whose answers change with the session.
type methodTable struct {
	typ   types.Type
	funcs sync.Map // method id → *Function
}

func (mt *methodTable) get(id string) *Function {
	if fn, ok := mt.funcs.Load(id); ok {
		return fn.(*Function)
	}
	return nil
}

// Of gives the real type of t. It panics with unsupported for what cannot be built.
func (tt *typeTable) Of(t types.Type) reflect.Type {
	tt.mu.Lock()
	defer tt.mu.Unlock()
	return tt.of(t)
}

func (tt *typeTable) of(t types.Type) reflect.Type {
	tt.depth++
	defer func() {
		tt.depth--
		for tt.depth == 0 && len(tt.pending) > 0 {
			f := tt.pending[0]
			tt.pending = tt.pending[1:]
			tt.depth++
			f()
			tt.depth--
		}
	}()
	return tt.conv(t)
}

var basicTypes = [...]reflect.Type{
	types.Bool: reflect.TypeFor[bool](), types.Int: reflect.TypeFor[int](), types.Int8: reflect.TypeFor[int8](),
	types.Int16: reflect.TypeFor[int16](), types.Int32: reflect.TypeFor[int32](), types.Int64: reflect.TypeFor[int64](),
	types.Uint: reflect.TypeFor[uint](), types.Uint8: reflect.TypeFor[uint8](), types.Uint16: reflect.TypeFor[uint16](),
	types.Uint32: reflect.TypeFor[uint32](), types.Uint64: reflect.TypeFor[uint64](), types.Uintptr: reflect.TypeFor[uintptr](),
	types.Float32: reflect.TypeFor[float32](), types.Float64: reflect.TypeFor[float64](),
	types.Complex64: reflect.TypeFor[complex64](), types.Complex128: reflect.TypeFor[complex128](),
	types.String: reflect.TypeFor[string](), types.UnsafePointer: reflect.TypeFor[unsafe.Pointer](),
	types.UntypedBool: reflect.TypeFor[bool](), types.UntypedInt: reflect.TypeFor[int](), types.UntypedRune: reflect.TypeFor[rune](),
	types.UntypedFloat: reflect.TypeFor[float64](), types.UntypedComplex: reflect.TypeFor[complex128](),
	types.UntypedString: reflect.TypeFor[string](), types.UntypedNil: reflect.TypeFor[unsafe.Pointer](),
}

var (
	errorType     = reflect.TypeFor[error]()
	anyType       = reflect.TypeFor[any]()
	intType       = reflect.TypeFor[int]()
	boolType      = reflect.TypeFor[bool]()
	pointerType   = reflect.TypeFor[unsafe.Pointer]()
	universeError = types.Universe.Lookup("error").Type()
)

func (tt *typeTable) conv(t types.Type) reflect.Type {
	t = types.Unalias(t)
	if b, ok := t.(*types.Basic); ok {
		if int(b.Kind()) < len(basicTypes) && basicTypes[b.Kind()] != nil {
			return basicTypes[b.Kind()]
		}
		return pointerType
	}
	if r, ok := tt.real.At(t).(reflect.Type); ok {
		return r
	}
	if n, ok := t.(*types.Named); ok {
		return tt.named(n)
	}
	r := tt.composite(t)
	if known, ok := tt.real.At(t).(reflect.Type); ok {
		return known // built by the recursion
	}
	tt.real.Set(t, r)
	if p, ok := t.(*types.Pointer); ok {
		tt.register(r, p)
	}
	return r
}

func (tt *typeTable) composite(t types.Type) reflect.Type {
	switch t := t.(type) {
	case *types.Pointer:
		return reflect.PointerTo(tt.conv(t.Elem()))
	case *types.Slice:
		return reflect.SliceOf(tt.conv(t.Elem()))
	case *types.Array:
		return reflect.ArrayOf(int(t.Len()), tt.conv(t.Elem()))
	case *types.Map:
		return reflect.MapOf(tt.conv(t.Key()), tt.conv(t.Elem()))
	case *types.Chan:
		dir := map[types.ChanDir]reflect.ChanDir{types.SendRecv: reflect.BothDir, types.SendOnly: reflect.SendDir, types.RecvOnly: reflect.RecvDir}
		return reflect.ChanOf(dir[t.Dir()], tt.conv(t.Elem()))
	case *types.Signature:
		in, out := tt.tuple(t.Params()), tt.tuple(t.Results())
		return reflect.FuncOf(in, out, t.Variadic())
	case *types.Interface:
		return tt.iface(t)
	case *types.Struct:
		return tt.structOf(t)
	case *types.Tuple:
		fields := make([]reflect.StructField, t.Len())
		for i := range fields {
			fields[i] = reflect.StructField{Name: "F" + strconv.Itoa(i), Type: tt.conv(t.At(i).Type())}
		}
		return reflect.StructOf(fields)
	}
	// Opaque types of package ssa (iterators, defer stacks).
	return pointerType
}

func (tt *typeTable) tuple(t *types.Tuple) []reflect.Type {
	r := make([]reflect.Type, t.Len())
	for i := range r {
		r[i] = tt.conv(t.At(i).Type())
	}
	return r
}

// iface builds an unnamed interface type.
func (tt *typeTable) iface(t *types.Interface) reflect.Type {
	if t.NumMethods() == 0 {
		return anyType
	}
	ms := tt.ifaceMethods(t)
	r := reflectx.InterfaceOf(nil, ms)
	if slices.ContainsFunc(ms, func(m reflect.Method) bool { return m.PkgPath != "" }) {
		var b strings.Builder
		for i := range r.NumMethod() {
			m := r.Method(i)
			b.WriteString([]string{"interface { ", "; "}[min(i, 1)])
			if m.PkgPath != "" {
				b.WriteString(path.Base(m.PkgPath) + ".")
			}
			b.WriteString(m.Name + strings.TrimPrefix(m.Type.String(), "func"))
		}
		setString(r, b.String()+" }")
	}
	return r
}

func (tt *typeTable) ifaceMethods(t *types.Interface) []reflect.Method {
	ms := make([]reflect.Method, t.NumMethods())
	for i := range ms {
		m := t.Method(i)
		ms[i] = reflect.Method{Name: m.Name(), Type: tt.conv(withoutRecv(m))}
		if !m.Exported() {
			ms[i].PkgPath = pkgPath(m.Pkg())
		}
	}
	return ms
}

func withoutRecv(m *types.Func) *types.Signature {
	s := m.Type().(*types.Signature)
	return types.NewSignatureType(nil, nil, nil, s.Params(), s.Results(), s.Variadic())
}

func pkgPath(p *types.Package) string {
	if p == nil {
		return ""
	}
	return p.Path()
}

func (tt *typeTable) structOf(t *types.Struct) reflect.Type {
	fields := make([]reflect.StructField, t.NumFields())
	embedded, blank := false, false
	for i := range fields {
		f := t.Field(i)
		fields[i] = reflect.StructField{Name: f.Name(), Type: tt.conv(f.Type()), Tag: reflect.StructTag(t.Tag(i))}
		if !f.Exported() {
			fields[i].PkgPath = pkgPath(f.Pkg())
		}
		embedded = embedded || f.Embedded()
		blank = blank || f.Name() == "_"
	}
	r := reflect.StructOf(fields)
	if !embedded && !blank {
		return r
	}
	// reflect.StructOf cannot embed types with methods, nor ignore blank
	// fields in comparisons: finish a copy of its type.
	c := copyType(r)
	st := (*structType)(unsafe.Pointer(rtypeOf(c)))
	own := make([]structField, len(st.fields))
	copy(own, st.fields)
	for i := range own {
		if t.Field(i).Embedded() {
			own[i].name = embeddedName(own[i].name, t.Field(i).Name(), t.Tag(i))
		}
	}
	st.fields = own
	if embedded {
		setString(c, structText(t, fields))
	}
	if blank && st.equal != nil {
		st.equal = func(p, q unsafe.Pointer) bool {
			for i, f := range own {
				if t.Field(i).Name() != "_" && !f.typ.equal(unsafe.Add(p, f.offset), unsafe.Add(q, f.offset)) {
					return false
				}
			}
			return true
		}
		st.tflag &^= 1 << 3 // no longer regular memory
	}
	if ms := tt.msets.MethodSet(t); ms.Len() > 0 || tt.msets.MethodSet(types.NewPointer(t)).Len() > 0 {
		m, p := tt.countMethods(t)
		c = reflectx.NewMethodSet(c, m, p)
		tt.register(c, t)
		tt.pending = append(tt.pending, func() { tt.setMethods(c, t) })
	}
	return c
}

// structText writes a struct type as package reflect does.
func structText(t *types.Struct, fields []reflect.StructField) string {
	var b strings.Builder
	b.WriteString("struct {")
	for i, f := range fields {
		b.WriteString([]string{" ", "; "}[min(i, 1)])
		if !t.Field(i).Embedded() {
			b.WriteString(f.Name + " ")
		}
		b.WriteString(f.Type.String())
		if f.Tag != "" {
			b.WriteString(" " + strconv.Quote(string(f.Tag)))
		}
	}
	return b.String() + " }"
}

// structType and structField mirror internal/abi.
type structType struct {
	rtype
	pkgPath *byte
	fields  []structField
}

type structField struct {
	name   *byte
	typ    *rtype
	offset uintptr
}

// copyType gives an unnamed type of its own with the same contents as t.
func copyType(t reflect.Type) reflect.Type {
	str := rtypeOf(t).str
	flag := rtypeOf(t).tflag
	c := reflectx.NamedTypeOf("", "", t)
	r := rtypeOf(c)
	r.str = str
	r.tflag = flag | 1 // uncommon
	r.hash = rtypeOf(t).hash
	return c
}

// embeddedName is the runtime's encoding of a field name with the flag that
// marks it embedded (internal/abi.Name: flags, varint length, bytes, tag, and
// four bytes of package path, which n brings along).
func embeddedName(n *byte, name, tag string) *byte {
	size := 1 + varintLen(len(name)) + len(name)
	if tag != "" {
		size += varintLen(len(tag)) + len(tag)
	}
	if *n&(1<<2) != 0 {
		size += 4
	}
	b := make([]byte, size)
	copy(b, unsafe.Slice(n, size))
	b[0] |= 1 << 3
	return &b[0]
}

func varintLen(n int) int {
	l := 1
	for ; n >= 0x80; n >>= 7 {
		l++
	}
	return l
}

// named finds or creates a named type.
func (tt *typeTable) named(n *types.Named) reflect.Type {
	obj := n.Obj()
	if obj.Pkg() == nil { // error, comparable
		return errorType
	}
	if n.TypeArgs().Len() == 0 && obj.Parent() == obj.Pkg().Scope() && !tt.source(obj.Pkg()) {
		if r := tt.native(obj.Pkg().Path(), obj.Name()); r != nil {
			tt.real.Set(n, r)
			return r
		}
		if r := tt.search(obj); r != nil {
			tt.real.Set(n, r)
			return r
		}
	}
	if n.TypeParams().Len() > 0 && n.TypeArgs().Len() == 0 {
		panic(unsupported("generic type %s without type arguments", obj.Name()))
	}
	path, name := obj.Pkg().Path(), typeName(n)
	if it, ok := n.Underlying().(*types.Interface); ok {
		return tt.namedInterface(n, it, path, name)
	}
	r := reflectx.NamedTypeOf(path, name, tt.shape(n.Underlying(), true))
	m, p := tt.countMethods(n)
	if p > 0 {
		r = reflectx.NewMethodSet(r, m, p)
		reflectx.SetTypeName(r, path, name)
	}
	tt.setName(r, obj.Pkg(), name)
	rt := rtypeOf(r)
	rt.hash = tt.hash(path + "." + name)
	tt.real.Set(n, r)
	tt.register(r, n)
	reflectx.SetUnderlying(r, tt.conv(n.Underlying()))
	tt.setName(r, obj.Pkg(), name) // its flags are the underlying type's now
	if p > 0 {
		tt.pending = append(tt.pending, func() { tt.setMethods(r, n) })
	}
	return r
}

func (tt *typeTable) namedInterface(n *types.Named, it *types.Interface, path, name string) reflect.Type {
	if it.NumMethods() == 0 {
		r := reflectx.NamedTypeOf(path, name, anyType)
		tt.setName(r, n.Obj().Pkg(), name)
		rtypeOf(r).hash = tt.hash(path + "." + name)
		tt.real.Set(n, r)
		return r
	}
	r := reflectx.NewInterfaceType(path, name)
	tt.setName(r, n.Obj().Pkg(), name)
	rt := rtypeOf(r)
	rt.equal = rtypeOf(errorType).equal
	rt.hash = tt.hash(path + "." + name)
	tt.real.Set(n, r)
	reflectx.SetInterfaceType(r, nil, tt.ifaceMethods(it))
	tt.setName(r, n.Obj().Pkg(), name)
	return r
}

// setName corrects the text of a type whose package is not named like the end of
// its path, which reflectx takes it for.
func (tt *typeTable) setName(r reflect.Type, p *types.Package, name string) {
	if path.Base(p.Path()) == p.Name() {
		return
	}
	setString(r, p.Name()+"."+name)
	if r.Kind() != reflect.Interface {
		setString(reflect.PointerTo(r), "*"+p.Name()+"."+name)
	}
}

func (tt *typeTable) hash(s string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(s))
	tt.serial++
	return h.Sum32() ^ tt.serial*0x9e3779b9
}

// register makes the VM's dispatch know a type created here.
func (tt *typeTable) register(r reflect.Type, t types.Type) {
	elem := t
	if p, ok := t.(*types.Pointer); ok {
		elem = types.Unalias(p.Elem())
	}
	switch e := elem.(type) {
	case *types.Named:
		if _, ok := e.Underlying().(*types.Interface); ok || tt.compiled(e) {
			return
		}
	case *types.Struct:
	default:
		return
	}
	mt := &methodTable{typ: t}
	if _, known := tt.methods.LoadOrStore(rtypeOf(r), mt); !known {
		tt.fresh = append(tt.fresh, mt)
	}
}

// compiled reports whether the methods of n are compiled code.
func (tt *typeTable) compiled(n *types.Named) bool {
	o := n.Obj()
	if o.Pkg() == nil {
		return true
	}
	return n.TypeArgs().Len() == 0 && o.Parent() == o.Pkg().Scope() && !tt.source(o.Pkg()) && tt.native(o.Pkg().Path(), o.Name()) != nil
}

// typeName is the name package reflect gives n: type arguments with full paths.
func typeName(n *types.Named) string {
	name := n.Obj().Name()
	if n.TypeArgs().Len() == 0 {
		return name
	}
	args := make([]string, n.TypeArgs().Len())
	for i := range args {
		args[i] = argName(n.TypeArgs().At(i))
	}
	return name + "[" + strings.Join(args, ",") + "]"
}

// argName writes a type argument as the linker does: full paths, and no space
// between type arguments.
func argName(t types.Type) string {
	switch t := types.Unalias(t).(type) {
	case *types.Named:
		if p := t.Obj().Pkg(); p != nil {
			return p.Path() + "." + typeName(t)
		}
		return t.Obj().Name()
	case *types.Pointer:
		return "*" + argName(t.Elem())
	case *types.Slice:
		return "[]" + argName(t.Elem())
	case *types.Array:
		return "[" + strconv.FormatInt(t.Len(), 10) + "]" + argName(t.Elem())
	case *types.Map:
		return "map[" + argName(t.Key()) + "]" + argName(t.Elem())
	case *types.Interface:
		if t.NumMethods() == 0 {
			return "interface {}"
		}
	}
	return types.TypeString(t, (*types.Package).Path)
}

// shape gives a finished type with the size, alignment, pointers and
// comparability of t that mentions no cell's type. The outermost keeps the
// kind that reflectx wants to overwrite.
func (tt *typeTable) shape(t types.Type, outer bool) reflect.Type {
	t = types.Unalias(t)
	switch t := t.(type) {
	case *types.Named:
		if r, ok := tt.real.At(t).(reflect.Type); ok {
			return r
		}
		if tt.compiled(t) {
			return tt.conv(t)
		}
		return tt.shape(t.Underlying(), false)
	case *types.Pointer:
		if outer {
			return reflect.TypeFor[*byte]()
		}
		return pointerType
	case *types.Slice:
		return reflect.TypeFor[[]byte]()
	case *types.Map:
		return reflect.TypeFor[map[int]int]()
	case *types.Chan:
		return reflect.TypeFor[chan int]()
	case *types.Signature:
		if !outer {
			return reflect.TypeFor[func()]()
		}
		in := make([]reflect.Type, t.Params().Len())
		out := make([]reflect.Type, t.Results().Len())
		for i := range in {
			in[i] = intType
		}
		for i := range out {
			out[i] = intType
		}
		return reflect.FuncOf(in, out, false)
	case *types.Interface:
		if t.NumMethods() == 0 {
			return anyType
		}
		return errorType
	case *types.Array:
		return reflect.ArrayOf(int(t.Len()), tt.shape(t.Elem(), false))
	case *types.Struct:
		fields := make([]reflect.StructField, t.NumFields())
		for i := range fields {
			fields[i] = reflect.StructField{Name: "F" + strconv.Itoa(i), Type: tt.shape(t.Field(i).Type(), false)}
		}
		return reflect.StructOf(fields)
	}
	return tt.conv(t)
}

// countMethods gives the sizes of the method sets of t and *t.
func (tt *typeTable) countMethods(t types.Type) (value, pointer int) {
	return tt.msets.MethodSet(t).Len(), tt.msets.MethodSet(types.NewPointer(t)).Len()
}

// setMethods gives r and *r the methods of t, reached through their tables.
func (tt *typeTable) setMethods(r reflect.Type, t types.Type) {
	values := map[string]*types.Selection{}
	vs := tt.msets.MethodSet(t)
	for i := range vs.Len() {
		values[vs.At(i).Obj().Id()] = vs.At(i)
	}
	ps := tt.msets.MethodSet(types.NewPointer(t))
	tt.register(reflect.PointerTo(r), types.NewPointer(t))
	ofValue, ofPointer := tt.methodTableOf(rtypeOf(r)), tt.methodTableOf(rtypeOf(reflect.PointerTo(r)))
	var ms []reflectx.Method
	for i := range ps.Len() {
		sel := ps.At(i)
		fn := sel.Obj().(*types.Func)
		_, isValue := values[fn.Id()]
		table := ofPointer
		if isValue {
			table = ofValue
		}
		m := reflectx.Method{Name: fn.Name(), Pointer: !isValue, Type: tt.conv(withoutRecv(fn)), Func: table.reflected(fn.Id())}
		methods.announce(m.Func, methodRef{table, fn.Id(), m.Type})
		if !fn.Exported() {
			m.PkgPath = pkgPath(fn.Pkg())
		}
		ms = append(ms, m)
	}
	ctx := reflectx.Default
	ctx.SetHasImethod(func(_ reflect.Type, m reflectx.Method) bool { return m.PkgPath == "" })
	reflectx.DisableAllocateWarning = true
	err := ctx.SetMethodSet(r, ms, false)
	methods.announced(ms)
	if err != nil {
		panic(unsupported("methods of %s: %v (restart the kernel to free the method stubs of types that were redefined)", r, err))
	}
	if rt := rtypeOf(r); rt.direct() && (r.Kind() == reflect.Array || r.Kind() == reflect.Struct) {
		methods.unboxed(rt, ofValue, ms)
	}
	methods.callable(r, ms)
}

// reflected gives a method its form for package reflectx: it follows
// redeclarations.
func (mt *methodTable) reflected(id string) func([]reflect.Value) []reflect.Value {
	return func(args []reflect.Value) []reflect.Value {
		fn := mt.get(id)
		if fn == nil {
			panic(unsupported("method %s of %s", id, mt.typ))
		}
		return fn.callReflect(nil, args)
	}
}

// methodTableOf gives the table of a type created here, or nil.
func (tt *typeTable) methodTableOf(r *rtype) *methodTable {
	if m, ok := tt.methods.Load(r); ok {
		return m.(*methodTable)
	}
	return nil
}

// learn walks t beside the compiled r and remembers which compiled types
// stand for the unexported named types that t mentions.
func (tt *typeTable) learn(t types.Type, r reflect.Type, found func(*types.Named, reflect.Type), depth int) {
	t = types.Unalias(t)
	if depth > 6 || r == nil {
		return
	}
	switch t := t.(type) {
	case *types.Named:
		found(t, r)
	case *types.Pointer:
		if r.Kind() == reflect.Pointer {
			tt.learn(t.Elem(), r.Elem(), found, depth+1)
		}
	case *types.Slice:
		if r.Kind() == reflect.Slice {
			tt.learn(t.Elem(), r.Elem(), found, depth+1)
		}
	case *types.Signature:
		if r.Kind() == reflect.Func && r.NumIn() == t.Params().Len() && r.NumOut() == t.Results().Len() {
			for i := range r.NumIn() {
				tt.learn(t.Params().At(i).Type(), r.In(i), found, depth+1)
			}
			for i := range r.NumOut() {
				tt.learn(t.Results().At(i).Type(), r.Out(i), found, depth+1)
			}
		}
	}
}

// unsupportedError ends the compilation of a cell.
type unsupportedError struct{ msg string }

func (e *unsupportedError) Error() string { return e.msg }

func unsupported(format string, args ...any) *unsupportedError {
	return &unsupportedError{fmt.Sprintf(format, args...)}
}

// isReal tells whether n has its real type, whose method set is closed.
func (tt *typeTable) isReal(n *types.Named) bool {
	tt.mu.Lock()
	defer tt.mu.Unlock()
	return tt.real.At(n) != nil
}

// forget drops the real types of named types and of all that mention them.
func (tt *typeTable) forget(gone map[types.Type]bool) {
	tt.mu.Lock()
	defer tt.mu.Unlock()
	var keys []types.Type
	tt.real.Iterate(func(t types.Type, _ any) {
		if mentions(t, gone, map[types.Type]bool{}) {
			keys = append(keys, t)
		}
	})
	for _, t := range keys {
		tt.real.Delete(t)
	}
	tt.methods.Range(func(r, mt any) bool {
		if mentions(mt.(*methodTable).typ, gone, map[types.Type]bool{}) {
			tt.methods.Delete(r)
		}
		return true
	})
	tt.msets = typeutil.MethodSetCache{}
}

// mentions tells whether the layout or name of t depends on one of the types.
func mentions(t types.Type, of, seen map[types.Type]bool) bool {
	t = types.Unalias(t)
	if seen[t] {
		return false
	}
	seen[t] = true
	if of[t] {
		return true
	}
	in := func(ts ...types.Type) bool {
		for _, t := range ts {
			if mentions(t, of, seen) {
				return true
			}
		}
		return false
	}
	switch t := t.(type) {
	case *types.Named:
		for arg := range t.TypeArgs().Types() {
			if in(arg) {
				return true
			}
		}
		return t.Obj().Pkg() != nil && t.Obj().Pkg().Path() == "main" && in(t.Underlying())
	case *types.Map:
		return in(t.Key(), t.Elem())
	case interface{ Elem() types.Type }:
		return in(t.Elem())
	case *types.Struct:
		for f := range t.Fields() {
			if in(f.Type()) {
				return true
			}
		}
	case *types.Signature:
		return in(t.Params(), t.Results())
	case *types.Tuple:
		for v := range t.Variables() {
			if in(v.Type()) {
				return true
			}
		}
	case *types.Interface:
		for f := range t.Methods() {
			if in(f.Type()) {
				return true
			}
		}
	}
	return false
}

// again puts back a table that takeFresh has returned.
func (tt *typeTable) again(mt *methodTable) {
	tt.mu.Lock()
	defer tt.mu.Unlock()
	tt.fresh = append(tt.fresh, mt)
}

// takeFresh returns the tables registered since it was last called.
func (tt *typeTable) takeFresh() []*methodTable {
	tt.mu.Lock()
	defer tt.mu.Unlock()
	l := tt.fresh
	tt.fresh = nil
	return l
}
