package vm

import (
	"go/token"
	"go/types"
	"reflect"
	"strconv"
	"unsafe"

	"golang.org/x/tools/go/ssa"

	"braid/kernel/eval/host"
)

func itoa(n int) string { return strconv.Itoa(n) }

// builtin compiles a call of a builtin function.
func (c *compiler) builtin(in *ssa.Call, b *ssa.Builtin, pos token.Pos) {
	args := in.Call.Args
	d := c.regs[in]
	ts := make([]types.Type, len(args))
	for i, a := range args {
		ts[i] = a.Type()
	}
	regs := func() []uintptr {
		r := make([]uintptr, len(args))
		for i, a := range args {
			r[i] = c.reg(a)
		}
		return r
	}
	switch name := b.Name(); name {
	case "len", "cap":
		c.emit(c.lenOp(name, d, c.reg(args[0]), ts[0], pos))
	case "append":
		c.append(in, pos)
	case "copy":
		c.emit(c.copyOp(regs(), ts, d))
	case "close", "print", "println", "delete", "clear", "panic":
		c.emit(c.builtinEffect(name, regs(), ts, pos))
	case "recover":
		c.emit(func(f *frame) { st(f, d, f.recovered()) })
	case "min", "max":
		c.minMax(name == "min", d, regs(), c.typ(in.Type()))
	case "real", "imag":
		c.emit(realImag(name == "real", c.typ(ts[0]).Kind(), d, c.reg(args[0])))
	case "complex":
		c.emit(complexOf(c.typ(in.Type()).Kind(), d, regs()))
	case "ssa:wrapnilchk":
		x := c.reg(args[0])
		typ, method := constString(args[1]), constString(args[2])
		c.emit(func(f *frame) {
			p := ld[unsafe.Pointer](f, x)
			if p == nil {
				f.pos = pos
				panic(plainError("value method " + typ + "." + method + " called using nil *" + lastName(typ) + " pointer"))
			}
			st(f, d, p)
		})
	case "ssa:deferstack":
		c.emit(func(f *frame) { st(f, d, f) })
	case "Add":
		x := c.reg(args[0])
		n, _ := c.intReg(args[1])
		c.emit(func(f *frame) { st(f, d, unsafe.Add(ld[unsafe.Pointer](f, x), ld[int](f, n))) })
	case "SliceData", "StringData":
		x := c.reg(args[0])
		c.emit(func(f *frame) { st(f, d, ld[unsafe.Pointer](f, x)) })
	case "String":
		x := c.reg(args[0])
		n, _ := c.intReg(args[1])
		c.emit(func(f *frame) {
			f.pos = pos
			st(f, d, unsafe.String((*byte)(ld[unsafe.Pointer](f, x)), ld[int](f, n)))
		})
	case "Slice":
		x := c.reg(args[0])
		n, _ := c.intReg(args[1])
		c.emit(func(f *frame) {
			l := ld[int](f, n)
			if l < 0 {
				f.pos = pos
				panic(runtimeError("unsafe.Slice: len out of range"))
			}
			st(f, d, sliceHeader{ld[unsafe.Pointer](f, x), l, l})
		})
	case "Sizeof", "Alignof":
		t := c.typ(ts[0])
		n := t.Size()
		if name == "Alignof" {
			n = uintptr(t.Align())
		}
		c.emit(func(f *frame) { st(f, d, n) })
	default:
		panic(unsupported("builtin %s", name))
	}
}

// plainError is a runtime error without the prefix "runtime error: ".
type plainError string

func (e plainError) Error() string { return string(e) }
func (plainError) RuntimeError()   {}

func constString(v ssa.Value) string {
	if k, ok := v.(*ssa.Const); ok && k.Value != nil {
		s, _ := strconv.Unquote(k.Value.ExactString())
		return s
	}
	return ""
}

func lastName(t string) string {
	for i := len(t) - 1; i >= 0; i-- {
		if t[i] == '.' {
			return t[i+1:]
		}
	}
	return t
}

func (c *compiler) lenOp(name string, d, x uintptr, t types.Type, pos token.Pos) op {
	switch t := t.Underlying().(type) {
	case *types.Slice:
		off := x + wordSize
		if name == "cap" {
			off += wordSize
		}
		return func(f *frame) { st(f, d, ld[int](f, off)) }
	case *types.Basic:
		return func(f *frame) { st(f, d, len(ld[string](f, x))) }
	case *types.Map:
		return func(f *frame) { st(f, d, maplen(ld[unsafe.Pointer](f, x))) }
	case *types.Chan:
		if name == "cap" {
			return func(f *frame) { st(f, d, chancap(ld[unsafe.Pointer](f, x))) }
		}
		return func(f *frame) { st(f, d, chanlen(ld[unsafe.Pointer](f, x))) }
	case *types.Array:
		n := int(t.Len())
		return func(f *frame) { st(f, d, n) }
	case *types.Pointer:
		n := int(t.Elem().Underlying().(*types.Array).Len())
		return func(f *frame) { st(f, d, n) }
	}
	panic(unsupported("%s of %s", name, t))
}

// append compiles append(s, x...); arguments written one by one lie in an
// array on the frame (compile.go, findAppends).
func (c *compiler) append(in *ssa.Call, pos token.Pos) {
	args := in.Call.Args
	d, s := c.regs[in], c.reg(args[0])
	et := c.typ(in.Type().Underlying().(*types.Slice).Elem())
	rt, cl := rtypeOf(et), classOf(et)
	if sl, ok := args[1].(*ssa.Slice); ok && c.virtual[sl] {
		a := sl.X.(*ssa.Alloc)
		n, from := int(elemOf(a.Type()).Underlying().(*types.Array).Len()), c.regs[a]
		if n == 1 {
			c.emit(appendOne(rt, cl, d, s, from))
			return
		}
		c.emit(func(f *frame) {
			st(f, d, appendN(rt, ld[sliceHeader](f, s), f.at(from), n))
		})
		return
	}
	if b, ok := args[1].Type().Underlying().(*types.Basic); ok && b.Info()&types.IsString != 0 {
		x := c.reg(args[1])
		c.emit(func(f *frame) { st(f, d, append(ld[[]byte](f, s), ld[string](f, x)...)) })
		return
	}
	x := c.reg(args[1])
	c.emit(func(f *frame) {
		more := ld[sliceHeader](f, x)
		st(f, d, appendN(rt, ld[sliceHeader](f, s), more.ptr, more.len))
	})
}

func appendN(rt *rtype, s sliceHeader, from unsafe.Pointer, n int) sliceHeader {
	if n == 0 {
		return s
	}
	old := s.len
	if s.len+n > s.cap {
		s = growslice(rt, s, n)
	}
	s.len = old + n
	dst := sliceHeader{unsafe.Add(s.ptr, uintptr(old)*rt.size), n, n}
	typedslicecopy(rt, dst, sliceHeader{from, n, n})
	return s
}

func appendOne(rt *rtype, cl class, d, s, from uintptr) op {
	switch cl {
	case c8:
		return appendTo[uint8](d, s, from)
	case c32:
		return appendTo[uint32](d, s, from)
	case c64:
		return appendTo[uint64](d, s, from)
	case cPtr:
		return appendTo[unsafe.Pointer](d, s, from)
	case cString:
		return appendTo[string](d, s, from)
	case cSlice:
		return appendTo[[]byte](d, s, from)
	}
	return func(f *frame) {
		h := ld[sliceHeader](f, s)
		old := h.len
		if old == h.cap {
			h = growslice(rt, h, 1)
		}
		h.len = old + 1
		copyTyped(rt, unsafe.Add(h.ptr, uintptr(old)*rt.size), f.at(from))
		st(f, d, h)
	}
}

func appendTo[T any](d, s, from uintptr) op {
	return func(f *frame) { st(f, d, append(ld[[]T](f, s), ld[T](f, from))) }
}

func (c *compiler) copyOp(args []uintptr, ts []types.Type, d uintptr) op {
	dst, src := args[0], args[1]
	rt := rtypeOf(c.typ(ts[0].Underlying().(*types.Slice).Elem()))
	if b, ok := ts[1].Underlying().(*types.Basic); ok && b.Info()&types.IsString != 0 {
		return func(f *frame) {
			n := copy(ld[[]byte](f, dst), ld[string](f, src))
			if d != 0 {
				st(f, d, n)
			}
		}
	}
	return func(f *frame) {
		n := typedslicecopy(rt, ld[sliceHeader](f, dst), ld[sliceHeader](f, src))
		if d != 0 {
			st(f, d, n)
		}
	}
}

func (c *compiler) deleteOp(args []uintptr, ts []types.Type, pos token.Pos) op {
	rt := rtypeOf(c.typ(ts[0]))
	m, k := args[0], args[1]
	return func(f *frame) {
		f.pos = pos
		mapdelete(rt, ld[unsafe.Pointer](f, m), f.at(k))
	}
}

func (c *compiler) clearOp(args []uintptr, ts []types.Type) op {
	x := args[0]
	t := c.typ(ts[0])
	if t.Kind() == reflect.Map {
		rt := rtypeOf(t)
		return func(f *frame) {
			if m := ld[unsafe.Pointer](f, x); m != nil {
				mapclear(rt, m)
			}
		}
	}
	et := rtypeOf(t.Elem())
	return func(f *frame) {
		if s := ld[sliceHeader](f, x); s.len > 0 {
			typedarrayclear(et, s.ptr, s.len)
		}
	}
}

func (c *compiler) minMax(least bool, d uintptr, args []uintptr, t reflect.Type) {
	c.emit(moveOp(d, args[0], t))
	for _, a := range args[1:] {
		c.emit(minMaxOp(t.Kind(), least, d, a))
	}
}

func minMaxOp(k reflect.Kind, least bool, d, x uintptr) op {
	switch k {
	case reflect.Int:
		return minMaxOf[int](least, d, x)
	case reflect.Int8:
		return minMaxOf[int8](least, d, x)
	case reflect.Int16:
		return minMaxOf[int16](least, d, x)
	case reflect.Int32:
		return minMaxOf[int32](least, d, x)
	case reflect.Int64:
		return minMaxOf[int64](least, d, x)
	case reflect.Uint8:
		return minMaxOf[uint8](least, d, x)
	case reflect.Uint16:
		return minMaxOf[uint16](least, d, x)
	case reflect.Uint32:
		return minMaxOf[uint32](least, d, x)
	case reflect.Uint, reflect.Uint64, reflect.Uintptr:
		return minMaxOf[uint64](least, d, x)
	case reflect.Float32:
		return minMaxOf[float32](least, d, x)
	case reflect.Float64:
		return minMaxOf[float64](least, d, x)
	case reflect.String:
		return minMaxOf[string](least, d, x)
	}
	return nil
}

func minMaxOf[T ordered](least bool, d, x uintptr) op {
	if least {
		return func(f *frame) { st(f, d, min(ld[T](f, d), ld[T](f, x))) }
	}
	return func(f *frame) { st(f, d, max(ld[T](f, d), ld[T](f, x))) }
}

func realImag(re bool, k reflect.Kind, d, x uintptr) op {
	if k == reflect.Complex64 {
		return func(f *frame) {
			v := ld[complex64](f, x)
			if re {
				st(f, d, real(v))
			} else {
				st(f, d, imag(v))
			}
		}
	}
	return func(f *frame) {
		v := ld[complex128](f, x)
		if re {
			st(f, d, real(v))
		} else {
			st(f, d, imag(v))
		}
	}
}

func complexOf(k reflect.Kind, d uintptr, a []uintptr) op {
	x, y := a[0], a[1]
	if k == reflect.Complex64 {
		return func(f *frame) { st(f, d, complex(ld[float32](f, x), ld[float32](f, y))) }
	}
	return func(f *frame) { st(f, d, complex(ld[float64](f, x), ld[float64](f, y))) }
}

// printOp compiles print and println, which write to stderr.
func (c *compiler) printOp(line bool, args []uintptr, ts []types.Type) op {
	rts := make([]reflect.Type, len(ts))
	for i, t := range ts {
		rts[i] = c.typ(t)
	}
	return func(f *frame) {
		var b []byte
		for i, t := range rts {
			if line && i > 0 {
				b = append(b, ' ')
			}
			b = appendPrinted(b, reflect.NewAt(t, f.at(args[i])).Elem())
		}
		if line {
			b = append(b, '\n')
		}
		host.Stderr().Write(b)
	}
}

// appendPrinted formats v as the runtime's print does.
func appendPrinted(b []byte, v reflect.Value) []byte {
	hex := func(p uintptr) []byte { return append(append(b, "0x"...), strconv.FormatUint(uint64(p), 16)...) }
	switch v.Kind() {
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(b, v.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return strconv.AppendUint(b, v.Uint(), 10)
	case reflect.Float32, reflect.Float64:
		return append(b, printFloat(v.Float())...)
	case reflect.Complex64, reflect.Complex128:
		z := v.Complex()
		return append(b, "("+printFloat(real(z))+printFloat(imag(z))+"i)"...)
	case reflect.String:
		return append(b, v.String()...)
	case reflect.Slice:
		b = append(b, "["+itoa(v.Len())+"/"+itoa(v.Cap())+"]"...)
		return append(append(b, "0x"...), strconv.FormatUint(uint64(v.Pointer()), 16)...)
	case reflect.Interface:
		w := *(*[2]uintptr)(v.Addr().UnsafePointer())
		return append(b, "(0x"+strconv.FormatUint(uint64(w[0]), 16)+",0x"+strconv.FormatUint(uint64(w[1]), 16)+")"...)
	}
	return hex(*(*uintptr)(v.Addr().UnsafePointer()))
}
