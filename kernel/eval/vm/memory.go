package vm

import (
	"go/token"
	"reflect"
	"unsafe"
)

// class says how values of a type are copied.
type class uint8

const (
	cOther class = iota // by type descriptor
	cNone               // no bytes
	c8
	c16
	c32
	c64
	cPtr
	cString // pointer, word
	cSlice  // pointer, two words
	cIface  // two pointers
)

func classOf(t reflect.Type) class {
	r := rtypeOf(t)
	switch {
	case r.size == 0:
		return cNone
	case t.Kind() == reflect.String:
		return cString
	case t.Kind() == reflect.Slice:
		return cSlice
	case t.Kind() == reflect.Interface:
		return cIface
	case r.size == wordSize && r.ptrBytes == wordSize:
		return cPtr
	case r.ptrBytes != 0:
		return cOther
	}
	switch {
	case r.size == 1:
		return c8
	case r.size == 2 && r.align == 2:
		return c16
	case r.size == 4 && r.align == 4:
		return c32
	case r.size == 8 && r.align == 8:
		return c64
	}
	return cOther
}

// transfer copies one value of class c (and descriptor t).
func transfer(c class, t *rtype, dst, src unsafe.Pointer) {
	switch c {
	case c64:
		*(*uint64)(dst) = *(*uint64)(src)
	case cPtr:
		*(*unsafe.Pointer)(dst) = *(*unsafe.Pointer)(src)
	case cString:
		*(*string)(dst) = *(*string)(src)
	case cSlice:
		*(*[]byte)(dst) = *(*[]byte)(src)
	case cIface:
		*(*iface)(dst) = *(*iface)(src)
	case c8:
		*(*uint8)(dst) = *(*uint8)(src)
	case c32:
		*(*uint32)(dst) = *(*uint32)(src)
	case c16:
		*(*uint16)(dst) = *(*uint16)(src)
	case cNone:
	default:
		copyTyped(t, dst, src)
	}
}

// addrKind says where an address comes from.
type addrKind uint8

const (
	inFrame      addrKind = iota // a variable kept in the frame: f + off
	absolute                     // a package-level variable
	byPtr                        // a pointer register, plus off
	bySlice                      // an element of a slice register, plus off
	byArray                      // an element of the array a pointer register points to, plus off
	byFrameArray                 // an element of an array kept in the frame
	bySliceAbs                   // an element of a slice that is a package-level variable
	bySlicePtr                   // an element of a slice in the variable a pointer register points to
)

// address is a memory operand.
type address struct {
	kind     addrKind
	reg      uintptr // of the pointer or slice; the array's offset for byFrameArray
	idx      uintptr // register of the index, an int
	unsigned bool    // the index came from an unsigned type (for texts)
	n        int     // length of the array
	scale    uintptr
	off      uintptr
	base     unsafe.Pointer // absolute
	pos      token.Pos      // where a nil or an index fault is reported
}

// eff gives a function that computes the address, with its checks.
func (a address) eff() func(f *frame) unsafe.Pointer {
	reg, idx, n, scale, off, pos, uns := a.reg, a.idx, a.n, a.scale, a.off, a.pos, a.unsigned
	switch a.kind {
	case inFrame:
		return func(f *frame) unsafe.Pointer { return f.at(off) }
	case absolute:
		p := unsafe.Add(a.base, off)
		return func(*frame) unsafe.Pointer { return p }
	case byPtr:
		return func(f *frame) unsafe.Pointer {
			p := ld[unsafe.Pointer](f, reg)
			if p == nil {
				f.nilDeref(pos)
			}
			return unsafe.Add(p, off)
		}
	case bySlice:
		return func(f *frame) unsafe.Pointer {
			s := (*sliceHeader)(f.at(reg))
			i := ld[int](f, idx)
			if uint(i) >= uint(s.len) {
				f.indexPanic(pos, i, s.len, uns)
			}
			return unsafe.Add(s.ptr, uintptr(i)*scale+off)
		}
	case bySliceAbs, bySlicePtr:
		head := a.head()
		return func(f *frame) unsafe.Pointer {
			s := head(f)
			i := ld[int](f, idx)
			if uint(i) >= uint(s.len) {
				f.indexPanic(pos, i, s.len, uns)
			}
			return unsafe.Add(s.ptr, uintptr(i)*scale+off)
		}
	case byArray:
		return func(f *frame) unsafe.Pointer {
			p := ld[unsafe.Pointer](f, reg)
			if p == nil {
				f.nilDeref(pos)
			}
			i := ld[int](f, idx)
			if uint(i) >= uint(n) {
				f.indexPanic(pos, i, n, uns)
			}
			return unsafe.Add(p, uintptr(i)*scale+off)
		}
	default:
		return func(f *frame) unsafe.Pointer {
			i := ld[int](f, idx)
			if uint(i) >= uint(n) {
				f.indexPanic(pos, i, n, uns)
			}
			return unsafe.Add(f.at(reg), uintptr(i)*scale+off)
		}
	}
}

// head gives a function that finds the slice of an element.
func (a address) head() func(f *frame) *sliceHeader {
	if a.kind == bySliceAbs {
		s := (*sliceHeader)(a.base)
		return func(*frame) *sliceHeader { return s }
	}
	reg := a.reg
	return func(f *frame) *sliceHeader { return ld[*sliceHeader](f, reg) }
}

// loadOp copies from memory to a register.
func loadOp(a address, d uintptr, t reflect.Type) op {
	switch classOf(t) {
	case cNone:
		eff := a.eff()
		return func(f *frame) { eff(f) }
	case c8:
		return load[uint8](a, d)
	case c16:
		return load[uint16](a, d)
	case c32:
		return load[uint32](a, d)
	case c64:
		return load[uint64](a, d)
	case cPtr:
		return load[unsafe.Pointer](a, d)
	case cString:
		return load[string](a, d)
	case cSlice:
		return load[[]byte](a, d)
	case cIface:
		return load[iface](a, d)
	}
	eff, rt := a.eff(), rtypeOf(t)
	return func(f *frame) { copyTyped(rt, f.at(d), eff(f)) }
}

func load[T any](a address, d uintptr) op {
	reg, idx, n, scale, off, pos, uns := a.reg, a.idx, a.n, a.scale, a.off, a.pos, a.unsigned
	switch a.kind {
	case inFrame:
		return func(f *frame) { st(f, d, ld[T](f, off)) }
	case absolute:
		p := (*T)(unsafe.Add(a.base, off))
		return func(f *frame) { st(f, d, *p) }
	case byPtr:
		return func(f *frame) {
			p := ld[unsafe.Pointer](f, reg)
			if p == nil {
				f.nilDeref(pos)
			}
			st(f, d, *(*T)(unsafe.Add(p, off)))
		}
	case bySlice:
		return func(f *frame) {
			s := (*sliceHeader)(f.at(reg))
			i := ld[int](f, idx)
			if uint(i) >= uint(s.len) {
				f.indexPanic(pos, i, s.len, uns)
			}
			st(f, d, *(*T)(unsafe.Add(s.ptr, uintptr(i)*scale+off)))
		}
	case bySliceAbs:
		s := (*sliceHeader)(a.base)
		return func(f *frame) {
			i := ld[int](f, idx)
			if uint(i) >= uint(s.len) {
				f.indexPanic(pos, i, s.len, uns)
			}
			st(f, d, *(*T)(unsafe.Add(s.ptr, uintptr(i)*scale+off)))
		}
	case bySlicePtr:
		return func(f *frame) {
			s := ld[*sliceHeader](f, reg)
			i := ld[int](f, idx)
			if uint(i) >= uint(s.len) {
				f.indexPanic(pos, i, s.len, uns)
			}
			st(f, d, *(*T)(unsafe.Add(s.ptr, uintptr(i)*scale+off)))
		}
	case byFrameArray:
		return func(f *frame) {
			i := ld[int](f, idx)
			if uint(i) >= uint(n) {
				f.indexPanic(pos, i, n, uns)
			}
			st(f, d, *(*T)(unsafe.Add(f.at(reg), uintptr(i)*scale+off)))
		}
	}
	eff := a.eff()
	return func(f *frame) { st(f, d, *(*T)(eff(f))) }
}

// storeOp copies from a register to memory.
func storeOp(a address, s uintptr, t reflect.Type) op {
	switch classOf(t) {
	case cNone:
		eff := a.eff()
		return func(f *frame) { eff(f) }
	case c8:
		return store[uint8](a, s)
	case c16:
		return store[uint16](a, s)
	case c32:
		return store[uint32](a, s)
	case c64:
		return store[uint64](a, s)
	case cPtr:
		return store[unsafe.Pointer](a, s)
	case cString:
		return store[string](a, s)
	case cSlice:
		return store[[]byte](a, s)
	case cIface:
		return store[iface](a, s)
	}
	eff, rt := a.eff(), rtypeOf(t)
	return func(f *frame) { copyTyped(rt, eff(f), f.at(s)) }
}

func store[T any](a address, v uintptr) op {
	reg, idx, n, scale, off, pos, uns := a.reg, a.idx, a.n, a.scale, a.off, a.pos, a.unsigned
	switch a.kind {
	case inFrame:
		return func(f *frame) { st(f, off, ld[T](f, v)) }
	case absolute:
		p := (*T)(unsafe.Add(a.base, off))
		return func(f *frame) { *p = ld[T](f, v) }
	case byPtr:
		return func(f *frame) {
			p := ld[unsafe.Pointer](f, reg)
			if p == nil {
				f.nilDeref(pos)
			}
			*(*T)(unsafe.Add(p, off)) = ld[T](f, v)
		}
	case bySlice:
		return func(f *frame) {
			s := (*sliceHeader)(f.at(reg))
			i := ld[int](f, idx)
			if uint(i) >= uint(s.len) {
				f.indexPanic(pos, i, s.len, uns)
			}
			*(*T)(unsafe.Add(s.ptr, uintptr(i)*scale+off)) = ld[T](f, v)
		}
	case bySliceAbs:
		s := (*sliceHeader)(a.base)
		return func(f *frame) {
			i := ld[int](f, idx)
			if uint(i) >= uint(s.len) {
				f.indexPanic(pos, i, s.len, uns)
			}
			*(*T)(unsafe.Add(s.ptr, uintptr(i)*scale+off)) = ld[T](f, v)
		}
	case bySlicePtr:
		return func(f *frame) {
			s := ld[*sliceHeader](f, reg)
			i := ld[int](f, idx)
			if uint(i) >= uint(s.len) {
				f.indexPanic(pos, i, s.len, uns)
			}
			*(*T)(unsafe.Add(s.ptr, uintptr(i)*scale+off)) = ld[T](f, v)
		}
	case byFrameArray:
		return func(f *frame) {
			i := ld[int](f, idx)
			if uint(i) >= uint(n) {
				f.indexPanic(pos, i, n, uns)
			}
			*(*T)(unsafe.Add(f.at(reg), uintptr(i)*scale+off)) = ld[T](f, v)
		}
	}
	eff := a.eff()
	return func(f *frame) { *(*T)(eff(f)) = ld[T](f, v) }
}

// moveOp copies between registers.
func moveOp(d, s uintptr, t reflect.Type) op {
	return loadOp(address{kind: inFrame, off: s}, d, t)
}
