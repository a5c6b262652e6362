package pickle

import (
	"encoding"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"unsafe"

	rt "braid/runtime"
)

// What the machine has on its stack, beside nil, bool, int, *big.Int, float64,
// string and []byte.
type (
	list   struct{ items []any }
	tuple  struct{ items []any }
	dict   struct{ keys, values []any }
	global struct{ module, name string }
	// object is what REDUCE and NEWOBJ make.
	object struct {
		class *global
		args  []any
		isNew bool
		state *dict
	}
	mark struct{}
)

// unpickler is one Unpickler: first it reads the bytes into nodes, then it
// builds Go values from them, with the types that are wanted where they go.
type unpickler struct {
	rest  []byte
	stack []any
	memo  []any
	built map[any]reflect.Value // pointers and maps, by node
	depth int
}

// Loads is pickle.loads(data): the value that was given to Dumps. It raises
// UnpicklingError for bytes that are no pickle, and AttributeError for names
// that this process does not know. It never calls anything that data names.
func Loads(data []byte) (any, error) {
	v, err := load(data, reflect.TypeFor[any]())
	if err != nil || !v.IsValid() {
		return nil, err
	}
	return v.Interface(), nil
}

// LoadAs is Loads for a value of a known type, which needs no registration.
func LoadAs(data []byte, want reflect.Type) (reflect.Value, error) { return load(data, want) }

func load(data []byte, want reflect.Type) (v reflect.Value, err error) {
	u := &unpickler{rest: data}
	node, err := u.read()
	if err != nil {
		return v, err
	}
	defer func() {
		if r := recover(); r != nil { // package reflect refuses what the checks let through
			v, err = reflect.Value{}, rt.Raise("UnpicklingError", "invalid pickle: %v", r)
		}
	}()
	out := reflect.New(want).Elem()
	err = u.build(node, out)
	return out, err
}

func corrupt(format string, args ...any) error {
	return rt.Raise("UnpicklingError", format, args...)
}

var errTruncated = rt.Raise("UnpicklingError", "pickle data was truncated")

func (u *unpickler) take(n uint64) ([]byte, error) {
	if uint64(len(u.rest)) < n {
		return nil, errTruncated
	}
	b := u.rest[:n]
	u.rest = u.rest[n:]
	return b, nil
}

// number reads n bytes as a little-endian number.
func (u *unpickler) number(n uint64) (uint64, error) {
	b, err := u.take(n)
	if err != nil {
		return 0, err
	}
	var wide [8]byte
	copy(wide[:], b)
	return binary.LittleEndian.Uint64(wide[:]), nil
}

// sized reads a number of n bytes and as many bytes as it says.
func (u *unpickler) sized(n uint64) ([]byte, error) {
	size, err := u.number(n)
	if err != nil {
		return nil, err
	}
	return u.take(size)
}

func (u *unpickler) push(v any) { u.stack = append(u.stack, v) }

func (u *unpickler) pop() (any, error) {
	n := len(u.stack)
	if n == 0 {
		return nil, corrupt("unexpected MARK found or stack underflow")
	}
	v := u.stack[n-1]
	if _, ok := v.(mark); ok {
		return nil, corrupt("unexpected MARK found")
	}
	u.stack = u.stack[:n-1]
	return v, nil
}

// popMark takes all above the last MARK.
func (u *unpickler) popMark() ([]any, error) {
	for i := len(u.stack) - 1; i >= 0; i-- {
		if _, ok := u.stack[i].(mark); ok {
			items := slices.Clone(u.stack[i+1:])
			u.stack = u.stack[:i]
			return items, nil
		}
	}
	return nil, corrupt("could not find MARK")
}

func (u *unpickler) top() (any, error) {
	if len(u.stack) == 0 {
		return nil, corrupt("stack underflow")
	}
	return u.stack[len(u.stack)-1], nil
}

// read runs the opcodes up to STOP.
func (u *unpickler) read() (any, error) {
	if len(u.rest) == 0 {
		return nil, rt.Raise("EOFError", "Ran out of input")
	}
	for {
		b, err := u.take(1)
		if err != nil {
			return nil, err
		}
		if b[0] == opStop {
			return u.pop()
		}
		if err := u.step(b[0]); err != nil {
			return nil, err
		}
	}
}

func (u *unpickler) step(op byte) error {
	switch op {
	case opProto:
		v, err := u.take(1)
		if err == nil && v[0] > 5 {
			err = rt.Raise("ValueError", "unsupported pickle protocol: %d", v[0])
		}
		return err
	case opFrame:
		_, err := u.take(8)
		return err
	case opNone:
		u.push(nil)
	case opNewTrue:
		u.push(true)
	case opNewFalse:
		u.push(false)
	case opMark:
		u.push(mark{})
	case opEmptyList:
		u.push(&list{})
	case opEmptyTuple:
		u.push(&tuple{})
	case opEmptyDict:
		u.push(&dict{})
	case opMemoize:
		v, err := u.top()
		if err != nil {
			return err
		}
		u.memo = append(u.memo, v)
	case opPop:
		if _, err := u.top(); err != nil {
			return err
		}
		u.stack = u.stack[:len(u.stack)-1]
	case opPopMark:
		_, err := u.popMark()
		return err
	case opDup:
		v, err := u.top()
		if err != nil {
			return err
		}
		u.push(v)
	case opBinGet:
		return u.recall(1)
	case opLongBinGet:
		return u.recall(4)
	case opBinInt, opBinInt1, opBinInt2, opLong1, opLong4, opBinFloat:
		return u.numeric(op)
	case opShortBinUnicode, opBinUnicode, opBinUnicode8, opShortBinBytes, opBinBytes, opBinBytes8:
		return u.textual(op)
	default:
		return u.compound(op)
	}
	return nil
}

func (u *unpickler) recall(n uint64) error {
	i, err := u.number(n)
	if err != nil {
		return err
	}
	if i >= uint64(len(u.memo)) {
		return corrupt("Memo value not found at index %d", i)
	}
	u.push(u.memo[i])
	return nil
}

func (u *unpickler) numeric(op byte) error {
	switch op {
	case opBinInt:
		n, err := u.number(4)
		u.push(int(int32(n)))
		return err
	case opBinInt1:
		n, err := u.number(1)
		u.push(int(n))
		return err
	case opBinInt2:
		n, err := u.number(2)
		u.push(int(n))
		return err
	case opBinFloat:
		b, err := u.take(8)
		if err == nil {
			u.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
		}
		return err
	}
	width := uint64(1)
	if op == opLong4 {
		width = 4
	}
	b, err := u.sized(width)
	if err == nil {
		u.push(decodeLong(b))
	}
	return err
}

// decodeLong gives an int if it fits, else a *big.Int.
func decodeLong(b []byte) any {
	be := slices.Clone(b)
	slices.Reverse(be)
	x := new(big.Int).SetBytes(be)
	if len(b) > 0 && b[len(b)-1]&0x80 != 0 {
		x.Sub(x, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	if x.IsInt64() {
		return int(x.Int64())
	}
	return x
}

func (u *unpickler) textual(op byte) error {
	width := map[byte]uint64{opShortBinUnicode: 1, opBinUnicode: 4, opBinUnicode8: 8, opShortBinBytes: 1, opBinBytes: 4, opBinBytes8: 8}[op]
	b, err := u.sized(width)
	if err != nil {
		return err
	}
	switch op {
	case opShortBinUnicode, opBinUnicode, opBinUnicode8:
		u.push(string(b))
	default:
		u.push(slices.Clone(b))
	}
	return nil
}

func (u *unpickler) compound(op byte) error {
	switch op {
	case opTuple1, opTuple2, opTuple3:
		n := int(op-opTuple1) + 1
		items := make([]any, n)
		for i := n - 1; i >= 0; i-- {
			var err error
			if items[i], err = u.pop(); err != nil {
				return err
			}
		}
		u.push(&tuple{items})
		return nil
	case opTuple:
		items, err := u.popMark()
		u.push(&tuple{items})
		return err
	case opAppend:
		v, err := u.pop()
		if err != nil {
			return err
		}
		return u.extend([]any{v})
	case opAppends:
		items, err := u.popMark()
		if err != nil {
			return err
		}
		return u.extend(items)
	case opSetItem:
		v, err := u.pop()
		if err != nil {
			return err
		}
		k, err := u.pop()
		if err != nil {
			return err
		}
		return u.update([]any{k, v})
	case opSetItems:
		items, err := u.popMark()
		if err != nil {
			return err
		}
		return u.update(items)
	case opStackGlobal:
		return u.stackGlobal()
	case opReduce, opNewObj:
		return u.makeObject(op == opNewObj)
	case opBuild:
		return u.buildState()
	}
	return corrupt("invalid load key, '\\x%02x'.", op)
}

func (u *unpickler) extend(items []any) error {
	v, err := u.top()
	l, ok := v.(*list)
	if err == nil && !ok {
		err = corrupt("APPEND to something that is no list")
	}
	if err != nil {
		return err
	}
	l.items = append(l.items, items...)
	return nil
}

func (u *unpickler) update(items []any) error {
	v, err := u.top()
	d, ok := v.(*dict)
	if err == nil && (!ok || len(items)%2 != 0) {
		err = corrupt("odd number of items for SETITEMS")
	}
	if err != nil {
		return err
	}
	for i := 0; i < len(items); i += 2 {
		d.keys = append(d.keys, items[i])
		d.values = append(d.values, items[i+1])
	}
	return nil
}

func (u *unpickler) stackGlobal() error {
	name, err := u.pop()
	if err != nil {
		return err
	}
	module, err := u.pop()
	if err != nil {
		return err
	}
	m, ok1 := module.(string)
	n, ok2 := name.(string)
	if !ok1 || !ok2 {
		return corrupt("STACK_GLOBAL requires str")
	}
	u.push(&global{m, n})
	return nil
}

func (u *unpickler) makeObject(isNew bool) error {
	args, err := u.pop()
	if err != nil {
		return err
	}
	class, err := u.pop()
	if err != nil {
		return err
	}
	a, ok1 := args.(*tuple)
	c, ok2 := class.(*global)
	if !ok1 || !ok2 {
		return corrupt("REDUCE and NEWOBJ need a global and a tuple")
	}
	u.push(&object{class: c, args: a.items, isNew: isNew})
	return nil
}

func (u *unpickler) buildState() error {
	state, err := u.pop()
	if err != nil {
		return err
	}
	v, err := u.top()
	o, ok1 := v.(*object)
	d, ok2 := state.(*dict)
	if err == nil && (!ok1 || !ok2) {
		err = corrupt("BUILD needs an object and a dict")
	}
	if err != nil {
		return err
	}
	o.state = d
	return nil
}

// wrong is the error of a value where the type is not good for it.
func wrong(node any, want reflect.Type) error {
	return rt.Raise("TypeError", "cannot make %s from a pickled %s", want, nodeName(node))
}

func nodeName(node any) string {
	switch n := node.(type) {
	case nil:
		return "None"
	case *list:
		return "list"
	case *tuple:
		return "tuple"
	case *dict:
		return "dict"
	case *global:
		return n.module + "." + n.name
	case *object:
		return n.class.module + "." + n.class.name
	case string:
		return "str"
	case []byte:
		return "bytes"
	case float64:
		return "float"
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", node), "*big.")
}

// build stores what node stands for in out.
func (u *unpickler) build(node any, out reflect.Value) error {
	if u.depth++; u.depth > 20*maxDepth {
		return rt.Raise("RecursionError", "maximum recursion depth exceeded while unpickling an object")
	}
	defer func() { u.depth-- }()
	t := out.Type()
	if t == bigIntType {
		if x, ok := node.(*big.Int); ok {
			out.Set(reflect.ValueOf(x))
			return nil
		}
	}
	if o, ok := node.(*object); ok {
		done, err := u.buildObject(o, out)
		if done || err != nil {
			return err
		}
	}
	if b, ok := node.([]byte); ok {
		if done, err := unmarshal(b, out); done {
			return err
		}
	}
	if t.Kind() == reflect.Interface {
		return u.dynamic(node, out)
	}
	if node == nil {
		return buildNone(out)
	}
	return u.static(node, out)
}

func buildNone(out reflect.Value) error {
	switch out.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Func:
		out.SetZero()
		return nil
	}
	return wrong(nil, out.Type())
}

// static builds values of the kinds that have no class.
func (u *unpickler) static(node any, out reflect.Value) error {
	t := out.Type()
	switch n := node.(type) {
	case bool:
		if t.Kind() == reflect.Bool {
			out.SetBool(n)
			return nil
		}
	case int:
		switch {
		case out.CanInt() && !out.OverflowInt(int64(n)):
			out.SetInt(int64(n))
			return nil
		case out.CanUint() && n >= 0 && !out.OverflowUint(uint64(n)):
			out.SetUint(uint64(n))
			return nil
		case out.CanFloat():
			out.SetFloat(float64(n))
			return nil
		}
	case *big.Int:
		if out.CanUint() && n.IsUint64() && !out.OverflowUint(n.Uint64()) {
			out.SetUint(n.Uint64())
			return nil
		}
	case float64:
		if out.CanFloat() {
			out.SetFloat(n)
			return nil
		}
	case string:
		if t.Kind() == reflect.String {
			out.SetString(n)
			return nil
		}
	case []byte:
		if t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 {
			out.SetBytes(n)
			return nil
		}
	case *list:
		return u.buildList(n, n.items, out)
	case *tuple:
		return u.buildTuple(n, out)
	case *dict:
		if t.Kind() == reflect.Map {
			return u.buildMap(n, out)
		}
	case *global:
		return buildGlobal(n, out)
	}
	return wrong(node, t)
}

func (u *unpickler) buildTuple(n *tuple, out reflect.Value) error {
	if out.CanComplex() && len(n.items) == 2 {
		re, ok1 := n.items[0].(float64)
		im, ok2 := n.items[1].(float64)
		if ok1 && ok2 {
			out.SetComplex(complex(re, im))
			return nil
		}
	}
	return u.buildList(n, n.items, out)
}

func (u *unpickler) buildList(node any, items []any, out reflect.Value) error {
	t := out.Type()
	switch t.Kind() {
	case reflect.Slice:
		v := reflect.MakeSlice(t, len(items), len(items))
		for i := range items {
			if err := u.build(items[i], v.Index(i)); err != nil {
				return err
			}
		}
		out.Set(v)
		return nil
	case reflect.Array:
		if len(items) == t.Len() {
			for i := range items {
				if err := u.build(items[i], out.Index(i)); err != nil {
					return err
				}
			}
			return nil
		}
	case reflect.Pointer: // the box of a pointer to something that is no struct
		if len(items) == 1 && t.Elem().Kind() != reflect.Struct {
			if v, ok := u.built[node]; ok && v.Type() == t {
				out.Set(v)
				return nil
			}
			p := reflect.New(t.Elem())
			u.note(node, p.Convert(t))
			out.Set(p.Convert(t))
			return u.build(items[0], p.Elem())
		}
	}
	return wrong(node, t)
}

func (u *unpickler) note(node any, v reflect.Value) {
	if u.built == nil {
		u.built = map[any]reflect.Value{}
	}
	u.built[node] = v
}

func (u *unpickler) buildMap(d *dict, out reflect.Value) error {
	t := out.Type()
	if v, ok := u.built[d]; ok && v.Type() == t {
		out.Set(v)
		return nil
	}
	m := reflect.MakeMapWithSize(t, len(d.keys))
	u.note(d, m)
	out.Set(m)
	for i := range d.keys {
		k, v := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
		if err := u.build(d.keys[i], k); err != nil {
			return err
		}
		if !k.Comparable() {
			return rt.Raise("TypeError", "unhashable type: '%s'", nodeName(d.keys[i]))
		}
		if err := u.build(d.values[i], v); err != nil {
			return err
		}
		m.SetMapIndex(k, v)
	}
	return nil
}

func buildGlobal(g *global, out reflect.Value) error {
	fn, ok := findFunc(g.module, g.name)
	if !ok {
		return noAttribute(g.module, g.name)
	}
	if !fn.Type().AssignableTo(out.Type()) {
		return rt.Raise("TypeError", "%s is a %s, not a %s", g.name, fn.Type(), out.Type())
	}
	out.Set(fn)
	return nil
}

// dynamic builds a value that knows its type itself.
func (u *unpickler) dynamic(node any, out reflect.Value) error {
	t, err := u.natural(node)
	if err != nil {
		return err
	}
	if t == nil {
		out.SetZero()
		return nil
	}
	if !t.AssignableTo(out.Type()) {
		return wrong(node, out.Type())
	}
	v := reflect.New(t).Elem()
	if err := u.build(node, v); err != nil {
		return err
	}
	out.Set(v)
	return nil
}

// natural is the Go type of a node.
func (u *unpickler) natural(node any) (reflect.Type, error) {
	switch n := node.(type) {
	case nil:
		return nil, nil
	case *list, *tuple:
		return anyListType, nil
	case *dict:
		for _, k := range n.keys {
			if _, ok := k.(string); !ok {
				return anyMapType, nil
			}
		}
		return stringMapType, nil
	case *global:
		fn, ok := findFunc(n.module, n.name)
		if !ok {
			return nil, noAttribute(n.module, n.name)
		}
		return fn.Type(), nil
	case *object:
		return u.objectType(n)
	}
	return reflect.TypeOf(node), nil
}

// objectType is the type that an object's class names.
func (u *unpickler) objectType(o *object) (reflect.Type, error) {
	module, name := o.class.module, o.class.name
	switch {
	case module == "array" && name == "_array_reconstructor":
		c, _, err := arrayOf(o)
		if err != nil {
			return nil, err
		}
		return reflect.SliceOf(c.elem), nil
	case isException(o.class):
		return exceptionType, nil
	case module == goModule && !o.isNew:
		return parseType(name)
	}
	path := module
	if module == Main {
		path = "main"
	}
	base := strings.TrimPrefix(name, "*")
	t, ok := findType(path, base)
	if !ok {
		return nil, noAttribute(module, base)
	}
	if base != name {
		t = reflect.PointerTo(t)
	}
	return t, nil
}

func isException(g *global) bool {
	return g.module != Main && g.module != goModule && exceptionModule(g.name) == g.module
}

// buildObject builds what REDUCE and NEWOBJ stand for. done is false for
// objects that must first find their type.
func (u *unpickler) buildObject(o *object, out reflect.Value) (done bool, err error) {
	if v, ok := u.built[o]; ok && v.Type().AssignableTo(out.Type()) {
		out.Set(v)
		return true, nil
	}
	switch {
	case isException(o.class):
		return true, u.buildException(o, out)
	case out.Kind() == reflect.Interface:
		return false, nil
	case o.class.module == "array":
		return true, buildArray(o, out)
	case o.class.module == goModule && !o.isNew:
		if len(o.args) != 1 {
			return true, corrupt("a go type takes one argument")
		}
		return true, u.build(o.args[0], out)
	}
	return true, u.buildStruct(o, out)
}

func (u *unpickler) buildStruct(o *object, out reflect.Value) error {
	t := out.Type()
	star := strings.HasPrefix(o.class.name, "*")
	if star != (t.Kind() == reflect.Pointer) {
		return wrong(o, t)
	}
	if star {
		p := reflect.New(t.Elem())
		u.note(o, p.Convert(t))
		out.Set(p.Convert(t))
		out = p.Elem()
		t = out.Type()
	}
	if name := strings.TrimPrefix(o.class.name, "*"); t.Kind() != reflect.Struct || t.Name() != "" && t.Name() != name {
		return wrong(o, t)
	}
	if err := opaque(t); err != nil {
		return err
	}
	if o.state == nil {
		return nil
	}
	for i, k := range o.state.keys {
		name, _ := k.(string)
		f, ok := t.FieldByName(name)
		if !ok || len(f.Index) != 1 {
			return rt.Raise("AttributeError", "'%s' object has no attribute '%v'", t.Name(), k)
		}
		field := out.Field(f.Index[0])
		if !field.CanSet() {
			field = reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem()
		}
		if err := u.build(o.state.values[i], field); err != nil {
			return err
		}
	}
	return nil
}

func (u *unpickler) buildException(o *object, out reflect.Value) error {
	if !exceptionType.AssignableTo(out.Type()) {
		return wrong(o, out.Type())
	}
	e := &rt.Exception{Type: o.class.name}
	u.note(o, reflect.ValueOf(e))
	out.Set(reflect.ValueOf(e))
	if len(o.args) > 0 {
		e.Msg, _ = o.args[0].(string)
	}
	if o.state == nil {
		return nil
	}
	for i, k := range o.state.keys {
		if err := u.exceptionState(e, k, o.state.values[i]); err != nil {
			return err
		}
	}
	return nil
}

func (u *unpickler) exceptionState(e *rt.Exception, key, node any) error {
	switch key {
	case stateCause:
		return u.build(node, reflect.ValueOf(&e.Cause).Elem())
	case stateGroup:
		return u.build(node, reflect.ValueOf(&e.Group).Elem())
	case stateValue:
		return u.build(node, reflect.ValueOf(&e.Value).Elem())
	case stateStack:
		e.Stack, _ = node.(string)
		return nil
	case stateFrames:
		return u.build(node, reflect.ValueOf(&e.Frames).Elem())
	}
	return rt.Raise("AttributeError", "'%s' object has no attribute '%v'", e.Type, key)
}

// arrayOf reads the arguments of _array_reconstructor.
func arrayOf(o *object) (*code, []byte, error) {
	if len(o.args) == 4 {
		letter, _ := o.args[1].(string)
		raw, ok := o.args[3].([]byte)
		for i := range codes {
			c := &codes[i]
			if c.letter == letter && ok && o.args[2] == int(c.format) && len(raw)%int(c.elem.Size()) == 0 {
				return c, raw, nil
			}
		}
	}
	return nil, nil, corrupt("an array with arguments that Go has no slice for")
}

func buildArray(o *object, out reflect.Value) error {
	c, raw, err := arrayOf(o)
	if err != nil {
		return err
	}
	t := out.Type()
	if t.Kind() != reflect.Slice || t.Elem().Kind() != c.elem.Kind() {
		return wrong(o, t)
	}
	size := int(c.elem.Size())
	v := reflect.MakeSlice(t, len(raw)/size, len(raw)/size)
	if len(raw) > 0 {
		if !littleEndian {
			raw = swapped(raw, size)
		}
		copy(unsafe.Slice((*byte)(v.UnsafePointer()), len(raw)), raw)
	}
	out.Set(v)
	return nil
}

// unmarshal gives bytes to types that have a form of their own.
func unmarshal(b []byte, out reflect.Value) (done bool, err error) {
	t := out.Type()
	switch {
	case t.Kind() == reflect.Struct && t.PkgPath() != "main" && t.Name() != "":
		return decodeInto(b, out.Addr().Interface())
	case t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct && t.Elem().PkgPath() != "main" && t.Elem().Name() != "":
		p := reflect.New(t.Elem())
		if done, err = decodeInto(b, p.Interface()); done && err == nil {
			out.Set(p.Convert(t))
		}
		return done, err
	}
	return false, nil
}

func decodeInto(b []byte, p any) (done bool, err error) {
	switch m := p.(type) {
	case encoding.BinaryUnmarshaler:
		return true, m.UnmarshalBinary(b)
	case interface{ GobDecode([]byte) error }:
		return true, m.GobDecode(b)
	}
	return false, nil
}
