package vm

import (
	"reflect"
	"unsafe"
)

// Compiled functions and the VM's func values meet in Go's own calling
// convention. A value's place in registers depends on the kinds of its words
// only, so a func(*strings.Builder, string) (int, error) can be called as a
// func(unsafe.Pointer, string) (int, words), and a func value made for one is
// good for the other. signatureKey maps a function type to such a
// representative; native_table.go has one instance of the generic code below
// for each of the common ones. All other types go through package reflect,
// which is right for all and costs 0.3 µs and more.

// signatureKey names the representative of a function type: a letter for each
// parameter, a colon, one for each result; "-" if there is a struct, an array
// or a complex number among them.
func signatureKey(t reflect.Type) string {
	b := make([]byte, 0, 8)
	for i := range t.NumIn() {
		b = append(b, kindLetter(t.In(i)))
	}
	b = append(b, ':')
	for i := range t.NumOut() {
		b = append(b, kindLetter(t.Out(i)))
	}
	for _, c := range b {
		if c == '-' {
			return "-"
		}
	}
	return string(b)
}

func kindLetter(t reflect.Type) byte {
	switch t.Kind() {
	case reflect.Bool, reflect.Int8, reflect.Uint8:
		return '1'
	case reflect.Int16, reflect.Uint16:
		return '2'
	case reflect.Int32, reflect.Uint32:
		return '4'
	case reflect.Int, reflect.Uint, reflect.Int64, reflect.Uint64, reflect.Uintptr:
		return '8'
	case reflect.Float32:
		return 'f'
	case reflect.Float64:
		return 'F'
	case reflect.Pointer, reflect.Map, reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return 'P'
	case reflect.String:
		return 'S'
	case reflect.Slice:
		return 'L'
	case reflect.Interface:
		return 'E'
	}
	return '-'
}

// fnAs reads a func value as one of type F.
func fnAs[F any](p *unsafe.Pointer) F { return *(*F)(unsafe.Pointer(p)) }

func call0r0(a, r []uintptr) invoker {
	return func(f *frame, p unsafe.Pointer) { fnAs[func()](&p)() }
}

func call0r1[R any](a, r []uintptr) invoker {
	r0 := r[0]
	return func(f *frame, p unsafe.Pointer) { st(f, r0, fnAs[func() R](&p)()) }
}

func call0r2[R, S any](a, r []uintptr) invoker {
	r0, r1 := r[0], r[1]
	return func(f *frame, p unsafe.Pointer) {
		x, y := fnAs[func() (R, S)](&p)()
		st(f, r0, x)
		st(f, r1, y)
	}
}

func call1r0[A any](a, r []uintptr) invoker {
	a0 := a[0]
	return func(f *frame, p unsafe.Pointer) { fnAs[func(A)](&p)(ld[A](f, a0)) }
}

func call1r1[A, R any](a, r []uintptr) invoker {
	a0, r0 := a[0], r[0]
	return func(f *frame, p unsafe.Pointer) { st(f, r0, fnAs[func(A) R](&p)(ld[A](f, a0))) }
}

func call1r2[A, R, S any](a, r []uintptr) invoker {
	a0, r0, r1 := a[0], r[0], r[1]
	return func(f *frame, p unsafe.Pointer) {
		x, y := fnAs[func(A) (R, S)](&p)(ld[A](f, a0))
		st(f, r0, x)
		st(f, r1, y)
	}
}

func call2r0[A, B any](a, r []uintptr) invoker {
	a0, a1 := a[0], a[1]
	return func(f *frame, p unsafe.Pointer) { fnAs[func(A, B)](&p)(ld[A](f, a0), ld[B](f, a1)) }
}

func call2r1[A, B, R any](a, r []uintptr) invoker {
	a0, a1, r0 := a[0], a[1], r[0]
	return func(f *frame, p unsafe.Pointer) {
		st(f, r0, fnAs[func(A, B) R](&p)(ld[A](f, a0), ld[B](f, a1)))
	}
}

func call2r2[A, B, R, S any](a, r []uintptr) invoker {
	a0, a1, r0, r1 := a[0], a[1], r[0], r[1]
	return func(f *frame, p unsafe.Pointer) {
		x, y := fnAs[func(A, B) (R, S)](&p)(ld[A](f, a0), ld[B](f, a1))
		st(f, r0, x)
		st(f, r1, y)
	}
}

func call3r0[A, B, C any](a, r []uintptr) invoker {
	a0, a1, a2 := a[0], a[1], a[2]
	return func(f *frame, p unsafe.Pointer) {
		fnAs[func(A, B, C)](&p)(ld[A](f, a0), ld[B](f, a1), ld[C](f, a2))
	}
}

func call3r1[A, B, C, R any](a, r []uintptr) invoker {
	a0, a1, a2, r0 := a[0], a[1], a[2], r[0]
	return func(f *frame, p unsafe.Pointer) {
		st(f, r0, fnAs[func(A, B, C) R](&p)(ld[A](f, a0), ld[B](f, a1), ld[C](f, a2)))
	}
}

func call3r2[A, B, C, R, S any](a, r []uintptr) invoker {
	a0, a1, a2, r0, r1 := a[0], a[1], a[2], r[0], r[1]
	return func(f *frame, p unsafe.Pointer) {
		x, y := fnAs[func(A, B, C) (R, S)](&p)(ld[A](f, a0), ld[B](f, a1), ld[C](f, a2))
		st(f, r0, x)
		st(f, r1, y)
	}
}

// The entry functions below build func values that compiled code can call.

// open starts a call of the closure from compiled code.
func (cl *closure) open() (*thread, *frame) {
	t := cl.fn.m.outsideThread()
	return t, cl.enter(t)
}

// shut ends it.
func shut(t *thread, g *frame) {
	t.leave(g)
	t.release()
}

// install makes func values with mk, and finds out where they keep the closure.
//
//go:noinline
func (s *signature) install(mk func(cl *closure) unsafe.Pointer) {
	probe := &closure{}
	p := mk(probe)
	for off := wordSize; off <= 3*wordSize; off += wordSize {
		if *(*unsafe.Pointer)(unsafe.Add(p, off)) == unsafe.Pointer(probe) {
			s.make, s.entry, s.clOff = mk, *(*uintptr)(p), off
			return
		}
	}
	panic("vm: the compiler lays closures out in an unknown way")
}

func word(f any) unsafe.Pointer { return efaceOf(&f).data }

// The registers of results and parameters lie where signature places them, which
// follows from their sizes.

func behind[T any](off uintptr) uintptr { return off + max(unsafe.Sizeof(*(*T)(nil)), 1) }

func aligned[T any](off uintptr) uintptr {
	a := unsafe.Alignof(*(*T)(nil))
	return (off + a - 1) &^ (a - 1)
}

func entry0r0(s *signature) {
	s.install(func(cl *closure) unsafe.Pointer {
		return word(func() {
			t, g := cl.open()
			g.callFromOutside(t)
			shut(t, g)
		})
	})
}

func entry0r1[R any](s *signature) {
	s.install(func(cl *closure) unsafe.Pointer {
		return word(func() R {
			t, g := cl.open()
			g.callFromOutside(t)
			r := *(*R)(g.at(frameHead))
			shut(t, g)
			return r
		})
	})
}

func entry1r0[A any](s *signature) {
	s.install(func(cl *closure) unsafe.Pointer {
		return word(func(a A) {
			t, g := cl.open()
			*(*A)(g.at(aligned[A](frameHead))) = a
			g.callFromOutside(t)
			shut(t, g)
		})
	})
}

func entry1r1[A, R any](s *signature) {
	s.install(func(cl *closure) unsafe.Pointer {
		return word(func(a A) R {
			t, g := cl.open()
			*(*A)(g.at(aligned[A](behind[R](frameHead)))) = a
			g.callFromOutside(t)
			r := *(*R)(g.at(frameHead))
			shut(t, g)
			return r
		})
	})
}

func entry2r0[A, B any](s *signature) {
	s.install(func(cl *closure) unsafe.Pointer {
		return word(func(a A, b B) {
			t, g := cl.open()
			p := aligned[A](frameHead)
			*(*A)(g.at(p)) = a
			*(*B)(g.at(aligned[B](behind[A](p)))) = b
			g.callFromOutside(t)
			shut(t, g)
		})
	})
}

func entry2r1[A, B, R any](s *signature) {
	s.install(func(cl *closure) unsafe.Pointer {
		return word(func(a A, b B) R {
			t, g := cl.open()
			p := aligned[A](behind[R](frameHead))
			*(*A)(g.at(p)) = a
			*(*B)(g.at(aligned[B](behind[A](p)))) = b
			g.callFromOutside(t)
			r := *(*R)(g.at(frameHead))
			shut(t, g)
			return r
		})
	})
}
