package pickle

import (
	"encoding"
	"encoding/binary"
	"math"
	"math/big"
	"reflect"
	"slices"
	"sort"
	"unsafe"

	rt "braid/runtime"
)

// Opcodes of Lib/pickle.py.
const (
	opMark            = '('
	opStop            = '.'
	opPop             = '0'
	opPopMark         = '1'
	opDup             = '2'
	opBinInt          = 'J'
	opBinInt1         = 'K'
	opBinInt2         = 'M'
	opNone            = 'N'
	opReduce          = 'R'
	opBinUnicode      = 'X'
	opAppend          = 'a'
	opBuild           = 'b'
	opEmptyDict       = '}'
	opAppends         = 'e'
	opBinGet          = 'h'
	opLongBinGet      = 'j'
	opEmptyList       = ']'
	opSetItem         = 's'
	opTuple           = 't'
	opEmptyTuple      = ')'
	opSetItems        = 'u'
	opBinFloat        = 'G'
	opProto           = 0x80
	opNewObj          = 0x81
	opTuple1          = 0x85
	opTuple2          = 0x86
	opTuple3          = 0x87
	opNewTrue         = 0x88
	opNewFalse        = 0x89
	opLong1           = 0x8a
	opLong4           = 0x8b
	opBinBytes        = 'B'
	opShortBinBytes   = 'C'
	opShortBinUnicode = 0x8c
	opBinUnicode8     = 0x8d
	opBinBytes8       = 0x8e
	opStackGlobal     = 0x93
	opMemoize         = 0x94
	opFrame           = 0x95
)

const (
	protocol = 4
	// batch is _BATCHSIZE: how many items one APPENDS or SETITEMS takes.
	batch = 1000
	// maxDepth stands for Python's recursion limit.
	maxDepth = 1000
)

// pickler is one Pickler.
type pickler struct {
	buf   []byte
	memos int
	// names are the interned strings and globals that were written.
	names map[string]int
	refs  map[ref]int
	depth int
}

type ref struct {
	p unsafe.Pointer
	t reflect.Type
}

// Dumps is pickle.dumps(v, 4).
func Dumps(v any) ([]byte, error) {
	return Append(make([]byte, 0, 128), v)
}

// Append appends the pickle of v to b.
func Append(b []byte, v any) ([]byte, error) {
	start := len(b)
	p := pickler{buf: append(b, opProto, protocol, opFrame, 0, 0, 0, 0, 0, 0, 0, 0)}
	if err := p.save(v); err != nil {
		return b, err
	}
	p.op(opStop)
	frame := len(p.buf) - start - 11
	if frame < 4 { // _FRAME_SIZE_MIN
		return append(p.buf[:start+2], p.buf[start+11:]...), nil
	}
	binary.LittleEndian.PutUint64(p.buf[start+3:], uint64(frame))
	return p.buf, nil
}

func (p *pickler) op(codes ...byte) { p.buf = append(p.buf, codes...) }

func (p *pickler) memoize() int {
	p.op(opMemoize)
	p.memos++
	return p.memos - 1
}

func (p *pickler) get(i int) {
	if i < 256 {
		p.op(opBinGet, byte(i))
		return
	}
	p.op(opLongBinGet)
	p.buf = binary.LittleEndian.AppendUint32(p.buf, uint32(i))
}

// save writes a value of any type, with its type where that is none of
// Python's own.
func (p *pickler) save(v any) error {
	switch v := v.(type) {
	case nil:
		p.op(opNone)
	case bool:
		p.bool(v)
	case int:
		p.int(int64(v))
	case float64:
		p.float(v)
	case string:
		p.string(v)
	case []byte:
		if v == nil {
			return p.typed(reflect.ValueOf(v))
		}
		p.bytes(v)
	case []any:
		if v == nil {
			return p.typed(reflect.ValueOf(v))
		}
		return p.list(len(v), func(i int) error { return p.save(v[i]) })
	case *rt.Exception:
		return p.exception(v)
	case Global:
		p.global(v.Module, v.Name)
	default:
		return p.other(reflect.ValueOf(v))
	}
	return nil
}

func (p *pickler) bool(b bool) {
	if b {
		p.op(opNewTrue)
	} else {
		p.op(opNewFalse)
	}
}

func (p *pickler) int(i int64) {
	switch {
	case i >= 0 && i < 1<<8:
		p.op(opBinInt1, byte(i))
	case i >= 0 && i < 1<<16:
		p.op(opBinInt2, byte(i), byte(i>>8))
	case i == int64(int32(i)):
		p.op(opBinInt)
		p.buf = binary.LittleEndian.AppendUint32(p.buf, uint32(i))
	default:
		p.long(big.NewInt(i))
	}
}

// long is encode_long: two's complement, little-endian, as short as can be.
func (p *pickler) long(x *big.Int) {
	if x.IsInt64() && x.Int64() == int64(int32(x.Int64())) {
		p.int(x.Int64())
		return
	}
	n := x.BitLen()/8 + 1
	if x.Sign() < 0 {
		// -2**(8n-1) fits n bytes
		y := new(big.Int).Add(x, big.NewInt(1))
		n = y.BitLen()/8 + 1
		x = new(big.Int).Add(x, new(big.Int).Lsh(big.NewInt(1), uint(8*n)))
	}
	b := x.FillBytes(make([]byte, n))
	slices.Reverse(b)
	if n < 256 {
		p.op(opLong1, byte(n))
	} else {
		p.op(opLong4)
		p.buf = binary.LittleEndian.AppendUint32(p.buf, uint32(n))
	}
	p.op(b...)
}

func (p *pickler) float(f float64) {
	p.op(opBinFloat)
	p.buf = binary.BigEndian.AppendUint64(p.buf, math.Float64bits(f))
}

func (p *pickler) string(s string) {
	p.text(s)
	p.memoize()
}

func (p *pickler) text(s string) {
	p.length(len(s), opShortBinUnicode, opBinUnicode, opBinUnicode8)
	p.buf = append(p.buf, s...)
}

func (p *pickler) bytes(b []byte) {
	p.length(len(b), opShortBinBytes, opBinBytes, opBinBytes8)
	p.buf = append(p.buf, b...)
	p.memoize()
}

// length writes the opcode for n bytes that follow, and n in 1, 4 or 8 bytes.
func (p *pickler) length(n int, short, long, longest byte) {
	switch {
	case n < 256:
		p.op(short, byte(n))
	case n <= math.MaxUint32:
		p.op(long)
		p.buf = binary.LittleEndian.AppendUint32(p.buf, uint32(n))
	default:
		p.op(longest)
		p.buf = binary.LittleEndian.AppendUint64(p.buf, uint64(n))
	}
}

// name writes an interned string: the second time a reference.
func (p *pickler) name(s string) {
	if i, ok := p.names[s]; ok {
		p.get(i)
		return
	}
	if p.names == nil {
		p.names = map[string]int{}
	}
	p.text(s)
	p.names[s] = p.memoize()
}

// global is save_global.
func (p *pickler) global(module, name string) {
	key := module + "\x00" + name
	if i, ok := p.names[key]; ok {
		p.get(i)
		return
	}
	p.name(module)
	p.name(name)
	p.op(opStackGlobal)
	p.names[key] = p.memoize()
}

// list writes a list of n items.
func (p *pickler) list(n int, item func(i int) error) error {
	p.op(opEmptyList)
	p.memoize()
	return p.batches(n, opAppend, opAppends, item)
}

func (p *pickler) batches(n int, one, many byte, item func(i int) error) error {
	if p.depth++; p.depth > maxDepth {
		return rt.Raise("RecursionError", "maximum recursion depth exceeded while pickling an object")
	}
	defer func() { p.depth-- }()
	for i := 0; i < n; i += batch {
		end := min(i+batch, n)
		if n > 1 {
			p.op(opMark)
		}
		for j := i; j < end; j++ {
			if err := item(j); err != nil {
				return err
			}
		}
		if n > 1 {
			p.op(many)
		} else {
			p.op(one)
		}
	}
	return nil
}

// exception is BaseException.__reduce__.
func (p *pickler) exception(e *rt.Exception) error {
	if e == nil {
		p.op(opNone)
		return nil
	}
	if p.seen(unsafe.Pointer(e), exceptionType) {
		return nil
	}
	p.global(exceptionModule(e.Type), e.Type)
	if e.Msg == "" {
		p.op(opEmptyTuple)
	} else {
		p.string(e.Msg)
		p.op(opTuple1)
		p.memoize()
	}
	p.op(opReduce)
	p.remember(unsafe.Pointer(e), exceptionType)
	return p.exceptionState(e)
}

// exceptionState is what an Exception has beside its text.
func (p *pickler) exceptionState(e *rt.Exception) error {
	type item struct {
		name string
		save func() error
	}
	var items []item
	if e.Cause != nil {
		items = append(items, item{stateCause, func() error { return p.save(Portable(e.Cause)) }})
	}
	if e.Group != nil {
		items = append(items, item{stateGroup, func() error {
			return p.list(len(e.Group), func(i int) error { return p.save(Portable(e.Group[i])) })
		}})
	}
	if e.Value != nil {
		items = append(items, item{stateValue, func() error { return p.save(e.Value) }})
	}
	if e.Stack != "" {
		items = append(items, item{stateStack, func() error { p.string(e.Stack); return nil }})
	}
	if e.Frames != nil {
		items = append(items, item{stateFrames, func() error {
			return p.list(len(e.Frames), func(i int) error { p.string(e.Frames[i]); return nil })
		}})
	}
	if len(items) == 0 {
		return nil
	}
	p.op(opEmptyDict)
	p.memoize()
	err := p.batches(len(items), opSetItem, opSetItems, func(i int) error {
		p.name(items[i].name)
		return items[i].save()
	})
	p.op(opBuild)
	return err
}

// Keys of an Exception's state.
const (
	stateCause  = "__cause__"
	stateGroup  = "exceptions"
	stateValue  = "value"
	stateStack  = "go_stack"
	stateFrames = "go_frames"
)

// exceptionModule is where Python has an exception.
func exceptionModule(typ string) string {
	switch {
	case typ == "CancelledError", typ == "InvalidStateError", typ == "BrokenExecutor":
		return "concurrent.futures._base"
	case typ == "BrokenProcessPool":
		return "concurrent.futures.process"
	case typ == "BrokenThreadPool":
		return "concurrent.futures.thread"
	case typ == "PicklingError", typ == "UnpicklingError", typ == "PickleError":
		return "_pickle"
	case builtin[typ]:
		return "builtins"
	}
	return exceptionsModule
}

// exceptionsModule is where exceptions are that programs have invented.
const exceptionsModule = "go.exceptions"

var builtin = set("BaseException", "Exception", "BaseExceptionGroup", "ExceptionGroup", "GeneratorExit", "KeyboardInterrupt", "SystemExit",
	"ArithmeticError", "FloatingPointError", "OverflowError", "ZeroDivisionError", "AssertionError", "AttributeError", "EOFError",
	"ImportError", "ModuleNotFoundError", "LookupError", "IndexError", "KeyError", "NameError", "UnboundLocalError", "OSError",
	"BlockingIOError", "ConnectionError", "BrokenPipeError", "ConnectionResetError", "ConnectionRefusedError", "FileNotFoundError",
	"FileExistsError", "InterruptedError", "PermissionError", "ProcessLookupError", "TimeoutError", "MemoryError", "RuntimeError",
	"NotImplementedError", "RecursionError", "StopIteration", "StopAsyncIteration", "SyntaxError", "SystemError", "TypeError",
	"ValueError", "UnicodeError", "Warning", "RuntimeWarning", "DeprecationWarning", "ResourceWarning", "UserWarning")

func set(names ...string) map[string]bool {
	m := map[string]bool{}
	for _, n := range names {
		m[n] = true
	}
	return m
}

// Portable gives err itself if it can be pickled, or an Exception with its text.
func Portable(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := err.(*rt.Exception); ok {
		return e
	}
	if _, fails := Dumps(err); fails == nil {
		return err
	}
	if e, ok := rt.AsException(err); ok {
		return &rt.Exception{Type: e.Type, Msg: err.Error(), Cause: e}
	}
	return rt.Raise("Exception", "%s", err.Error())
}

// code is an array.array type code with its mformat_code (Modules/arraymodule.c).
type code struct {
	letter string
	format byte
	elem   reflect.Type
}

var codes = []code{
	{"q", 12, reflect.TypeFor[int]()}, {"b", 1, reflect.TypeFor[int8]()}, {"h", 4, reflect.TypeFor[int16]()},
	{"i", 8, reflect.TypeFor[int32]()}, {"l", 12, reflect.TypeFor[int64]()},
	{"Q", 10, reflect.TypeFor[uint]()}, {"H", 2, reflect.TypeFor[uint16]()}, {"I", 6, reflect.TypeFor[uint32]()},
	{"L", 10, reflect.TypeFor[uint64]()}, {"f", 14, reflect.TypeFor[float32]()}, {"d", 16, reflect.TypeFor[float64]()},
}

// arrayCode is how a slice of numbers is written; nil for other types.
func arrayCode(t reflect.Type) *code {
	if t.Kind() != reflect.Slice {
		return nil
	}
	for i := range codes {
		if codes[i].elem == t.Elem() {
			return &codes[i]
		}
	}
	return nil
}

// array is array.__reduce_ex__: _array_reconstructor(array, 'q', 12, bytes).
func (p *pickler) array(v reflect.Value) error {
	c := arrayCode(v.Type())
	p.global("array", "_array_reconstructor")
	p.op(opMark)
	p.arrayClass()
	p.name(c.letter)
	p.int(int64(c.format))
	p.bytes(numberBytes(v))
	p.op(opTuple)
	p.memoize()
	p.op(opReduce)
	p.memoize()
	return nil
}

// arrayClass is the global array.array, whose __module__ is a new string each
// time it is asked for, so that no reference to an earlier one is written.
func (p *pickler) arrayClass() {
	const key = "array\x00array"
	if i, ok := p.names[key]; ok {
		p.get(i)
		return
	}
	p.string("array")
	p.string("array")
	p.op(opStackGlobal)
	p.names[key] = p.memoize()
}

// numberBytes are the elements of a slice of numbers, little-endian.
func numberBytes(v reflect.Value) []byte {
	if v.Len() == 0 {
		return []byte{}
	}
	size := int(v.Type().Elem().Size())
	raw := unsafe.Slice((*byte)(v.UnsafePointer()), v.Len()*size)
	if littleEndian {
		return raw
	}
	return swapped(raw, size)
}

var littleEndian = func() bool {
	x := uint16(1)
	return *(*byte)(unsafe.Pointer(&x)) == 1
}()

// swapped reverses the bytes of each element.
func swapped(raw []byte, size int) []byte {
	b := slices.Clone(raw)
	for i := 0; i+size <= len(b); i += size {
		slices.Reverse(b[i : i+size])
	}
	return b
}

// other writes a value behind an interface that needs its type's name.
func (p *pickler) other(v reflect.Value) error {
	t := v.Type()
	switch {
	case t == bigIntType && !v.IsNil() && !v.Interface().(*big.Int).IsInt64():
		p.long(v.Interface().(*big.Int))
		return nil
	case t.Kind() == reflect.Func:
		return p.function(v)
	case t == stringMapType && !v.IsNil(), t == anyMapType && looksLikeDict(v):
		return p.value(v)
	case isObject(t), t.Kind() == reflect.Pointer && isObject(t.Elem()) && !v.IsNil():
		return p.value(v)
	case arrayCode(t) != nil && t.Name() == "" && !v.IsNil():
		return p.array(v)
	}
	return p.typed(v)
}

// typed writes go.<type>(value).
func (p *pickler) typed(v reflect.Value) error {
	expr, err := expression(v.Type())
	if err != nil {
		return err
	}
	p.global(goModule, expr)
	if err := p.value(v); err != nil {
		return err
	}
	p.op(opTuple1)
	p.memoize()
	p.op(opReduce)
	p.memoize()
	return nil
}

// goModule is the module of types that Python does not have.
const goModule = "go"

var (
	bigIntType    = reflect.TypeFor[*big.Int]()
	stringMapType = reflect.TypeFor[map[string]any]()
	anyMapType    = reflect.TypeFor[map[any]any]()
	anyListType   = reflect.TypeFor[[]any]()
	exceptionType = reflect.TypeFor[*rt.Exception]()
	bytesType     = reflect.TypeFor[[]byte]()
)

// looksLikeDict tells whether a map[any]any would come back as one.
func looksLikeDict(v reflect.Value) bool {
	for it := v.MapRange(); it.Next(); {
		if it.Key().Elem().Kind() != reflect.String {
			return true
		}
	}
	return false
}

// isObject tells whether values of t are written as instances of a class: the
// struct types of a program.
func isObject(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.Name() != "" && t.PkgPath() == "main"
}

// value writes a value whose type the reader knows.
func (p *pickler) value(v reflect.Value) error {
	t := v.Type()
	if t.Kind() != reflect.Interface && t.Kind() != reflect.Pointer {
		if m, ok := marshaler(v); ok {
			return p.marshaled(m)
		}
	}
	switch t.Kind() {
	case reflect.Bool:
		p.bool(v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		p.int(v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		p.long(new(big.Int).SetUint64(v.Uint()))
	case reflect.Float32, reflect.Float64:
		p.float(v.Float())
	case reflect.Complex64, reflect.Complex128:
		p.float(real(v.Complex()))
		p.float(imag(v.Complex()))
		p.op(opTuple2)
		p.memoize()
	case reflect.String:
		p.string(v.String())
	case reflect.Interface:
		if v.IsNil() {
			p.op(opNone)
			return nil
		}
		return p.save(reveal(v).Elem().Interface())
	case reflect.Pointer:
		return p.pointer(v)
	case reflect.Slice:
		return p.slice(v)
	case reflect.Array:
		return p.list(v.Len(), func(i int) error { return p.value(v.Index(i)) })
	case reflect.Map:
		return p.mapping(v)
	case reflect.Struct:
		return p.structure(v, "")
	case reflect.Func:
		if v.IsNil() {
			p.op(opNone)
			return nil
		}
		return p.function(v)
	default:
		return cannot(t)
	}
	return nil
}

// reveal gives access to a field that is not exported.
func reveal(v reflect.Value) reflect.Value {
	if v.CanInterface() || !v.CanAddr() {
		return v
	}
	return reflect.NewAt(v.Type(), v.Addr().UnsafePointer()).Elem()
}

func (p *pickler) slice(v reflect.Value) error {
	switch {
	case v.IsNil():
		p.op(opNone)
		return nil
	case v.Type().Elem().Kind() == reflect.Uint8:
		p.bytes(v.Bytes())
		return nil
	case arrayCode(v.Type()) != nil:
		return p.array(v)
	}
	return p.list(v.Len(), func(i int) error { return p.value(v.Index(i)) })
}

func (p *pickler) mapping(v reflect.Value) error {
	if v.IsNil() {
		p.op(opNone)
		return nil
	}
	if p.seen(v.UnsafePointer(), v.Type()) {
		return nil
	}
	p.op(opEmptyDict)
	p.remember(v.UnsafePointer(), v.Type())
	keys := v.MapKeys()
	sortKeys(keys)
	return p.batches(len(keys), opSetItem, opSetItems, func(i int) error {
		if err := p.value(keys[i]); err != nil {
			return err
		}
		return p.value(v.MapIndex(keys[i]))
	})
}

// sortKeys makes the bytes the same every time: Python's dicts keep the order
// of insertion, Go's maps have none.
func sortKeys(keys []reflect.Value) {
	text := func(v reflect.Value) string { return rt.Repr(v.Interface()) }
	sort.SliceStable(keys, func(i, j int) bool {
		a, b := keys[i], keys[j]
		switch {
		case a.Kind() == reflect.String && b.Kind() == reflect.String:
			return a.String() < b.String()
		case a.CanInt() && b.CanInt():
			return a.Int() < b.Int()
		case a.CanUint() && b.CanUint():
			return a.Uint() < b.Uint()
		case a.CanFloat() && b.CanFloat():
			return a.Float() < b.Float()
		case a.CanInterface() && b.CanInterface():
			return text(a) < text(b)
		}
		return false
	})
}

func (p *pickler) seen(ptr unsafe.Pointer, t reflect.Type) bool {
	i, ok := p.refs[ref{ptr, t}]
	if ok {
		p.get(i)
	}
	return ok
}

func (p *pickler) remember(ptr unsafe.Pointer, t reflect.Type) {
	if p.refs == nil {
		p.refs = map[ref]int{}
	}
	p.refs[ref{ptr, t}] = p.memoize()
}

func (p *pickler) pointer(v reflect.Value) error {
	if v.IsNil() {
		p.op(opNone)
		return nil
	}
	if v.Type() == exceptionType {
		return p.exception(reveal(v).Interface().(*rt.Exception))
	}
	if m, ok := marshaler(v); ok {
		return p.marshaled(m)
	}
	if p.seen(v.UnsafePointer(), v.Type()) {
		return nil
	}
	elem := v.Elem()
	if elem.Kind() != reflect.Struct {
		// a box of one: a list that the reader takes apart again
		p.op(opEmptyList)
		p.remember(v.UnsafePointer(), v.Type())
		return p.batches(1, opAppend, opAppends, func(int) error { return p.value(elem) })
	}
	return p.structure(elem, "*")
}

// structure is object.__reduce_ex__(2) of an instance: copyreg.__newobj__ and
// its __dict__.
func (p *pickler) structure(v reflect.Value, star string) error {
	t := v.Type()
	if err := opaque(t); err != nil {
		return err
	}
	if !v.CanAddr() {
		c := reflect.New(t).Elem()
		c.Set(v)
		v = c
	}
	switch {
	case isObject(t):
		if err := known(t); err != nil {
			return err
		}
		p.global(Main, star+t.Name())
	case t.Name() == "":
		p.global(goModule, star+"struct")
	default:
		p.global(t.PkgPath(), star+t.Name())
	}
	p.op(opEmptyTuple, opNewObj)
	if star != "" {
		p.remember(v.Addr().UnsafePointer(), reflect.PointerTo(t))
	} else {
		p.memoize()
	}
	if t.NumField() == 0 {
		return nil
	}
	p.op(opEmptyDict)
	p.memoize()
	err := p.batches(t.NumField(), opSetItem, opSetItems, func(i int) error {
		p.name(t.Field(i).Name)
		return p.value(reveal(v.Field(i)))
	})
	p.op(opBuild)
	return err
}

// opaque refuses structs whose fields are nobody's business: those of compiled
// packages, unless all their fields are exported or the program has registered
// the type. Locks are never copied.
func opaque(t reflect.Type) error {
	switch t.PkgPath() {
	case "main", "":
		return nil
	case "sync", "sync/atomic", "internal/sync":
		return cannot(t)
	}
	if registered(t) {
		return nil
	}
	for i := range t.NumField() {
		if !t.Field(i).IsExported() {
			return cannot(t)
		}
	}
	return nil
}

func (p *pickler) function(v reflect.Value) error {
	module, qualname, err := funcName(v)
	if err != nil {
		return err
	}
	p.global(module, qualname)
	return nil
}

// marshaler finds the type's own way into bytes.
func marshaler(v reflect.Value) (encoding.BinaryMarshaler, bool) {
	if v.Type().PkgPath() == "main" || v.Kind() == reflect.Pointer && v.Type().Elem().PkgPath() == "main" || !v.CanInterface() {
		return nil, false
	}
	if v.Kind() != reflect.Pointer && v.Kind() != reflect.Struct {
		return nil, false
	}
	m, ok := v.Interface().(encoding.BinaryMarshaler)
	if ok {
		return m, true
	}
	g, ok := v.Interface().(interface{ GobEncode() ([]byte, error) })
	if ok {
		return gobber{g}, true
	}
	if v.Kind() == reflect.Struct && v.Type().PkgPath() == "math/big" {
		c := reflect.New(v.Type())
		c.Elem().Set(v)
		return marshaler(c)
	}
	return nil, false
}

type gobber struct {
	g interface{ GobEncode() ([]byte, error) }
}

func (g gobber) MarshalBinary() ([]byte, error) { return g.g.GobEncode() }

func (p *pickler) marshaled(m encoding.BinaryMarshaler) error {
	b, err := m.MarshalBinary()
	if err != nil {
		return rt.Raise("PicklingError", "Can't pickle %T: %v", m, err)
	}
	p.bytes(b)
	return nil
}
