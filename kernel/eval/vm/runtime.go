package vm

import (
	"reflect"
	"unsafe"
)

// This file is the whole of the package's knowledge of the Go runtime's
// insides (go1.26): the head of a type descriptor, the two words of an
// interface, and the entry points which package reflect itself uses and the
// runtime keeps open for others (golang.org/issue/67401). TestRuntimeLayout
// compares each with what package reflect says.

// rtype is the head of internal/abi.Type.
type rtype struct {
	size       uintptr
	ptrBytes   uintptr
	hash       uint32
	tflag      uint8
	align      uint8
	fieldAlign uint8
	kind       uint8
	equal      func(unsafe.Pointer, unsafe.Pointer) bool
	gcdata     *byte
	str        int32
	ptrToThis  int32
}

const tflagDirectIface = 1 << 5

// direct reports whether an interface holds values of the type in its data
// word itself, without a box.
func (t *rtype) direct() bool { return t.tflag&tflagDirectIface != 0 }

// uncommon mirrors internal/abi.UncommonType, and method internal/abi.Method.
type (
	uncommon struct {
		pkgPath        int32
		mcount, xcount uint16
		moff           uint32
		_              uint32
	}
	method struct{ name, mtyp, ifn, tfn int32 }
)

// headWords are the words by which a kind's type is longer than an rtype, as in
// internal/abi's ArrayType, ChanType and so on.
var headWords = map[reflect.Kind]uintptr{
	reflect.Array: 3, reflect.Chan: 2, reflect.Func: 1, reflect.Interface: 4,
	reflect.Map: 8, reflect.Pointer: 1, reflect.Slice: 1, reflect.Struct: 4,
}

// methods gives the methods of a type that has some, in the order of their names.
func (t *rtype) methods() []method {
	head := unsafe.Sizeof(*t) + headWords[reflectType(t).Kind()]*wordSize
	u := (*uncommon)(unsafe.Add(unsafe.Pointer(t), head))
	return unsafe.Slice((*method)(unsafe.Add(unsafe.Pointer(u), u.moff)), u.mcount)
}

type eface struct {
	typ  *rtype
	data unsafe.Pointer
}

type itab struct {
	inter *rtype
	typ   *rtype
	hash  uint32
	fun   [1]uintptr
}

type iface struct {
	tab  *itab
	data unsafe.Pointer
}

type sliceHeader struct {
	ptr unsafe.Pointer
	len int
	cap int
}

// rtypeOf gives the descriptor behind a reflect.Type.
func rtypeOf(t reflect.Type) *rtype { return (*rtype)((*iface)(unsafe.Pointer(&t)).data) }

// reflectType is the inverse of rtypeOf.
func reflectType(t *rtype) reflect.Type {
	e := eface{typ: t}
	return reflect.TypeOf(*(*any)(unsafe.Pointer(&e)))
}

// efaceOf gives the words of an interface value.
func efaceOf(v *any) *eface { return (*eface)(unsafe.Pointer(v)) }

//go:linkname addReflectOff reflect.addReflectOff
func addReflectOff(p unsafe.Pointer) int32

// setString gives an unnamed type made here the text it has in Go.
func setString(t reflect.Type, s string) {
	n := []byte{0}
	l := len(s)
	for ; l >= 0x80; l >>= 7 {
		n = append(n, byte(l)|0x80)
	}
	n = append(append(n, byte(l)), s...)
	r := rtypeOf(t)
	r.str = addReflectOff(unsafe.Pointer(&n[0]))
	r.tflag &^= 1 << 1 // the text has no extra star
}

//go:linkname unsafeNew reflect.unsafe_New
func unsafeNew(t *rtype) unsafe.Pointer

//go:linkname unsafeNewArray reflect.unsafe_NewArray
func unsafeNewArray(t *rtype, n int) unsafe.Pointer

//go:linkname typedmemmove reflect.typedmemmove
//go:noescape
func typedmemmove(t *rtype, dst, src unsafe.Pointer)

//go:linkname typedmemclr reflect.typedmemclr
//go:noescape
func typedmemclr(t *rtype, p unsafe.Pointer)

//go:linkname typedslicecopy reflect.typedslicecopy
//go:noescape
func typedslicecopy(elem *rtype, dst, src sliceHeader) int

//go:linkname typedarrayclear reflect.typedarrayclear
//go:noescape
func typedarrayclear(elem *rtype, p unsafe.Pointer, n int)

//go:linkname growslice reflect.growslice
func growslice(elem *rtype, old sliceHeader, num int) sliceHeader

//go:linkname chanrecv reflect.chanrecv
//go:noescape
func chanrecv(ch unsafe.Pointer, nb bool, val unsafe.Pointer) (selected, received bool)

//go:linkname chansend reflect.chansend0
//go:noescape
func chansend(ch unsafe.Pointer, val unsafe.Pointer, nb bool) bool

//go:linkname chanlen reflect.chanlen
//go:noescape
func chanlen(ch unsafe.Pointer) int

//go:linkname chancap reflect.chancap
//go:noescape
func chancap(ch unsafe.Pointer) int

//go:linkname chanclose reflect.chanclose
func chanclose(ch unsafe.Pointer)

//go:linkname makemap reflect.makemap
func makemap(t *rtype, n int) unsafe.Pointer

//go:linkname mapaccess reflect.mapaccess
//go:noescape
func mapaccess(t *rtype, m, key unsafe.Pointer) unsafe.Pointer

//go:linkname mapaccessFaststr reflect.mapaccess_faststr
//go:noescape
func mapaccessFaststr(t *rtype, m unsafe.Pointer, key string) unsafe.Pointer

//go:linkname mapassign reflect.mapassign0
func mapassign(t *rtype, m, key, elem unsafe.Pointer)

//go:linkname mapassignFaststr reflect.mapassign_faststr0
func mapassignFaststr(t *rtype, m unsafe.Pointer, key string, elem unsafe.Pointer)

//go:linkname mapdelete reflect.mapdelete
func mapdelete(t *rtype, m, key unsafe.Pointer)

//go:linkname maplen reflect.maplen
//go:noescape
func maplen(m unsafe.Pointer) int

//go:linkname mapclear reflect.mapclear
func mapclear(t *rtype, m unsafe.Pointer)

// copyTyped copies a value of type t, with write barriers where t holds pointers.
func copyTyped(t *rtype, dst, src unsafe.Pointer) {
	if t.ptrBytes == 0 {
		copy(unsafe.Slice((*byte)(dst), t.size), unsafe.Slice((*byte)(src), t.size))
		return
	}
	typedmemmove(t, dst, src)
}

// clearTyped zeroes a value of type t.
func clearTyped(t *rtype, p unsafe.Pointer) {
	if t.ptrBytes == 0 {
		clear(unsafe.Slice((*byte)(p), t.size))
		return
	}
	typedmemclr(t, p)
}

// pointerMask calls set for each word, counted from off, of a t at off that
// holds a pointer.
func pointerMask(t reflect.Type, off uintptr, set func(off uintptr)) {
	r := rtypeOf(t)
	if r.ptrBytes == 0 {
		return
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.UnsafePointer, reflect.Map, reflect.Chan, reflect.Func, reflect.String, reflect.Slice:
		set(off)
	case reflect.Interface: // the first word, a type or an itab, is kept alive otherwise
		set(off + wordSize)
	case reflect.Array:
		for i := range t.Len() {
			pointerMask(t.Elem(), off+uintptr(i)*t.Elem().Size(), set)
		}
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			pointerMask(f.Type, off+f.Offset, set)
		}
	}
}

const wordSize = unsafe.Sizeof(uintptr(0))

// blockType describes memory of size bytes (a multiple of the word size) whose
// pointers are where mask says, for the collector only: it has no name and no
// fields. It must stay reachable as long as such memory lives; frames and
// closures therefore point to what holds their type.
func blockType(size uintptr, mask []byte, ptrBytes uintptr) *rtype {
	base := rtypeOf(reflect.TypeFor[struct{ a, b uintptr }]())
	t := *base
	t.size, t.ptrBytes, t.align, t.fieldAlign = size, ptrBytes, uint8(wordSize), uint8(wordSize)
	t.equal, t.ptrToThis, t.gcdata = nil, 0, nil
	if ptrBytes > 0 {
		t.gcdata = &mask[0]
	}
	return &t
}

// blockLayout builds a blockType piece by piece.
type blockLayout struct {
	size uintptr
	mask []byte
	last uintptr // end of the last pointer word
}

// add reserves room for a t and returns its offset. Something of no size gets a
// byte, as at the end of a Go struct: its address must not be that of the next
// block of memory.
func (b *blockLayout) add(t reflect.Type) uintptr {
	align := uintptr(t.Align())
	b.size = (b.size + align - 1) &^ (align - 1)
	off := b.size
	b.size += max(t.Size(), 1)
	pointerMask(t, off, b.setPointer)
	return off
}

func (b *blockLayout) setPointer(off uintptr) {
	w := off / wordSize
	for uintptr(len(b.mask)) <= w/8 {
		b.mask = append(b.mask, 0)
	}
	b.mask[w/8] |= 1 << (w % 8)
	b.last = max(b.last, off+wordSize)
}

// done rounds the size up and gives the type.
func (b *blockLayout) done() *rtype {
	b.size = max((b.size+wordSize-1)&^(wordSize-1), wordSize)
	for len(b.mask) < int(b.size/wordSize/8)+1 {
		b.mask = append(b.mask, 0)
	}
	return blockType(b.size, b.mask, b.last)
}
