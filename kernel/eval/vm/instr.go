package vm

import (
	"go/token"
	"go/types"
	"reflect"
	"strings"
	"unicode/utf8"
	"unsafe"

	"golang.org/x/tools/go/ssa"
)

// instr compiles one instruction.
func (c *compiler) instr(in ssa.Instruction) {
	if v, ok := in.(ssa.Value); ok && c.virtual[v] {
		return
	}
	pos := c.pos(in)
	switch in := in.(type) {
	case *ssa.Phi, *ssa.DebugRef:
	case *ssa.Alloc:
		c.alloc(in)
	case *ssa.BinOp:
		if !c.fused[in] {
			c.binop(in, pos)
		}
	case *ssa.UnOp:
		c.unop(in, pos)
	case *ssa.Store:
		c.emit(storeOp(c.addr(in.Addr, pos), c.reg(in.Val), c.typ(in.Val.Type())))
	case *ssa.FieldAddr:
		c.fieldAddr(in, pos)
	case *ssa.IndexAddr:
		c.lea(c.regs[in], c.indexAddr(in))
	case *ssa.Field:
		off := c.typ(in.X.Type()).Field(in.Field).Offset
		c.emit(moveOp(c.regs[in], c.reg(in.X)+off, c.typ(in.Type())))
	case *ssa.Index:
		c.index(in, pos)
	case *ssa.Call:
		c.call(in, pos)
	case *ssa.Extract:
		c.extract(in)
	case *ssa.ChangeType:
		c.emit(moveOp(c.regs[in], c.reg(in.X), c.typ(in.Type())))
	case *ssa.Convert:
		c.convert(in, pos)
	case *ssa.ChangeInterface:
		c.changeInterface(in)
	case *ssa.MakeInterface:
		c.makeInterface(in)
	case *ssa.SliceToArrayPointer:
		c.sliceToArray(in, pos)
	case *ssa.MakeClosure:
		c.makeClosure(in)
	case *ssa.MakeMap:
		c.makeMap(in, pos)
	case *ssa.MakeChan:
		c.makeChan(in, pos)
	case *ssa.MakeSlice:
		c.makeSlice(in, pos)
	case *ssa.Slice:
		c.slice(in, pos)
	case *ssa.Lookup:
		c.lookup(in, pos)
	case *ssa.MapUpdate:
		c.mapUpdate(in, pos)
	case *ssa.Range:
		c.rangeOver(in)
	case *ssa.Next:
		c.next(in)
	case *ssa.TypeAssert:
		c.typeAssert(in, pos)
	case *ssa.Select:
		c.selects(in, pos)
	case *ssa.Send:
		c.send(in, pos)
	case *ssa.Go:
		c.goes(in, pos)
	case *ssa.Defer:
		c.defers(in, pos)
	case *ssa.RunDefers:
		c.emit(func(f *frame) { f.runDefers() })
	case *ssa.Panic:
		if jump, ok := c.strayYield(in); ok {
			resuming := strings.HasPrefix(in.X.(*ssa.MakeInterface).X.(*ssa.Const).Value.ExactString(), `"iterator`)
			c.emit(func(f *frame) { f.yieldPanic(pos, ld[int](f, jump), resuming) })
			c.out.term = func(*frame) *block { return nil }
			break
		}
		x := c.reg(in.X)
		c.emit(func(f *frame) {
			f.pos = pos
			panic(ld[any](f, x))
		})
		c.out.term = func(*frame) *block { return nil }
	case *ssa.Return:
		c.returns(in)
	case *ssa.Jump:
		c.jump(in.Block())
	case *ssa.If:
		c.ifTerm(in.Block(), in)
	default:
		panic(unsupported("%T", in))
	}
}

func (c *compiler) alloc(in *ssa.Alloc) {
	t := c.typ(elemOf(in.Type()))
	rt, d := rtypeOf(t), c.regs[in]
	if !c.onFrame[in] {
		c.emit(func(f *frame) { st(f, d, unsafeNew(rt)) })
		return
	}
	switch classOf(t) {
	case cNone:
	case c64:
		c.emit(func(f *frame) { st(f, d, uint64(0)) })
	case cPtr:
		c.emit(func(f *frame) { st(f, d, unsafe.Pointer(nil)) })
	default:
		c.emit(func(f *frame) { clearTyped(rt, f.at(d)) })
	}
}

// lea stores an address in a register.
func (c *compiler) lea(d uintptr, a address) {
	eff := a.eff()
	c.emit(func(f *frame) { st(f, d, eff(f)) })
}

func (c *compiler) fieldAddr(in *ssa.FieldAddr, pos token.Pos) {
	a := c.addr(in.X, pos)
	a.off += c.typ(elemOf(in.X.Type())).Field(in.Field).Offset
	c.lea(c.regs[in], a)
}

func (c *compiler) extract(in *ssa.Extract) {
	if c.typ(in.Type()).Size() == 0 {
		return
	}
	offs, ok := c.tups[in.Tuple]
	if !ok {
		panic(unsupported("internal: extract of %s", in.Tuple))
	}
	if d := c.regs[in]; d != offs[in.Index] {
		c.emit(moveOp(d, offs[in.Index], c.typ(in.Type())))
	}
}

func (c *compiler) binop(in *ssa.BinOp, pos token.Pos) {
	d := c.regs[in]
	t := c.typ(in.X.Type())
	switch in.Op {
	case token.SHL, token.SHR:
		yt := c.typ(in.Y.Type())
		c.emit(shift(t.Kind(), yt.Kind(), in.Op == token.SHL, d, c.reg(in.X), c.operand(in.Y), pos))
	case token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ:
		cond := c.condition(in, pos)
		c.emit(func(f *frame) { st(f, d, cond(f)) })
	default:
		c.emit(binary(t.Kind(), in.Op, d, c.reg(in.X), c.operand(in.Y), pos))
	}
}

// condition compiles a comparison.
func (c *compiler) condition(in *ssa.BinOp, pos token.Pos) func(*frame) bool {
	t := c.typ(in.X.Type())
	x, yop := c.reg(in.X), c.operand(in.Y)
	if cond := compare(t.Kind(), in.Op, x, yop); cond != nil {
		return cond
	}
	y := yop.reg
	eq := in.Op == token.EQL
	switch t.Kind() {
	case reflect.Slice: // only with nil
		if k, ok := in.X.(*ssa.Const); ok && k.Value == nil {
			x = y
		}
		return func(f *frame) bool { return (ld[unsafe.Pointer](f, x) == nil) == eq }
	case reflect.Interface:
		if isNilConst(in.Y) {
			return func(f *frame) bool { return (ld[unsafe.Pointer](f, x) == nil) == eq }
		}
		if isNilConst(in.X) {
			return func(f *frame) bool { return (ld[unsafe.Pointer](f, y) == nil) == eq }
		}
		if t.NumMethod() == 0 && rtypeOf(t).equal != nil && isEface(in.X.Type()) {
			return func(f *frame) bool {
				f.pos = pos
				return (ld[any](f, x) == ld[any](f, y)) == eq
			}
		}
		return func(f *frame) bool {
			f.pos = pos
			return (ld[error](f, x) == ld[error](f, y)) == eq
		}
	}
	rt := rtypeOf(t)
	if rt.equal == nil {
		panic(unsupported("comparison of %s", t))
	}
	return func(f *frame) bool {
		f.pos = pos
		return rt.equal(f.at(x), f.at(y)) == eq
	}
}

func isNilConst(v ssa.Value) bool {
	k, ok := v.(*ssa.Const)
	return ok && k.Value == nil
}

// isEface reports whether an interface type has no methods, so that its
// values start with a type and not with an itab.
func isEface(t types.Type) bool {
	return t.Underlying().(*types.Interface).NumMethods() == 0
}

func (c *compiler) unop(in *ssa.UnOp, pos token.Pos) {
	switch in.Op {
	case token.MUL:
		c.emit(loadOp(c.addr(in.X, pos), c.regs[in], c.typ(in.Type())))
	case token.ARROW:
		c.recv(in, pos)
	default:
		c.emit(unary(c.typ(in.X.Type()).Kind(), in.Op, c.regs[in], c.reg(in.X)))
	}
}

// index compiles x[i] for strings and arrays in registers.
func (c *compiler) index(in *ssa.Index, pos token.Pos) {
	d, x := c.regs[in], c.reg(in.X)
	idx, uns := c.intReg(in.Index)
	switch t := in.X.Type().Underlying().(type) {
	case *types.Basic:
		c.emit(func(f *frame) {
			s, i := ld[string](f, x), ld[int](f, idx)
			if uint(i) >= uint(len(s)) {
				f.indexPanic(pos, i, len(s), uns)
			}
			st(f, d, s[i])
		})
	case *types.Array:
		et := c.typ(t.Elem())
		c.emit(loadOp(address{kind: byFrameArray, reg: x, idx: idx, unsigned: uns, n: int(t.Len()), scale: et.Size(), pos: pos}, d, et))
	default:
		panic(unsupported("index of %s", in.X.Type()))
	}
}

func (c *compiler) convert(in *ssa.Convert, pos token.Pos) {
	d, x := c.regs[in], c.reg(in.X)
	to, from := c.typ(in.Type()), c.typ(in.X.Type())
	switch {
	case to.Kind() == reflect.String:
		c.toString(from, d, x)
	case from.Kind() == reflect.String && to.Kind() == reflect.Slice:
		if to.Elem().Kind() == reflect.Uint8 {
			c.emit(func(f *frame) { st(f, d, []byte(ld[string](f, x))) })
		} else {
			c.emit(func(f *frame) { st(f, d, []rune(ld[string](f, x))) })
		}
	case classOf(to) == cPtr && classOf(from) == cPtr:
		c.emit(moveOp(d, x, pointerType))
	case to.Kind() == reflect.UnsafePointer: // from uintptr
		c.emit(func(f *frame) { *(*uintptr)(f.at(d)) = ld[uintptr](f, x) })
	case from.Kind() == reflect.UnsafePointer:
		c.emit(func(f *frame) { st(f, d, uintptr(ld[unsafe.Pointer](f, x))) })
	case to == from || to.Kind() == from.Kind() && classOf(to) != cOther && to.Kind() > reflect.Complex128:
		c.emit(moveOp(d, x, to))
	default:
		c.emit(convert(to.Kind(), from.Kind(), d, x))
	}
}

func (c *compiler) toString(from reflect.Type, d, x uintptr) {
	switch from.Kind() {
	case reflect.String:
		c.emit(moveOp(d, x, from))
	case reflect.Slice:
		if from.Elem().Kind() == reflect.Uint8 {
			c.emit(func(f *frame) { st(f, d, string(ld[[]byte](f, x))) })
		} else {
			c.emit(func(f *frame) { st(f, d, string(ld[[]rune](f, x))) })
		}
	default:
		tmp := c.lay.add(reflect.TypeFor[int64]())
		c.emit(convert(reflect.Int64, from.Kind(), tmp, x))
		unsigned64 := from.Kind() == reflect.Uint || from.Kind() == reflect.Uint64 || from.Kind() == reflect.Uintptr
		c.emit(func(f *frame) {
			n := ld[int64](f, tmp)
			if n < 0 && unsigned64 || n > utf8.MaxRune || n < 0 {
				n = utf8.RuneError
			}
			st(f, d, string(rune(n)))
		})
	}
}

func (c *compiler) sliceToArray(in *ssa.SliceToArrayPointer, pos token.Pos) {
	d, x := c.regs[in], c.reg(in.X)
	n := int(elemOf(in.Type()).Underlying().(*types.Array).Len())
	c.emit(func(f *frame) {
		s := ld[sliceHeader](f, x)
		if s.len < n {
			f.pos = pos
			panic(runtimeError("cannot convert slice with length " + itoa(s.len) + " to array or pointer to array with length " + itoa(n)))
		}
		st(f, d, s.ptr)
	})
}

func (c *compiler) makeMap(in *ssa.MakeMap, pos token.Pos) {
	d, rt := c.regs[in], rtypeOf(c.typ(in.Type()))
	if in.Reserve == nil {
		c.emit(func(f *frame) { st(f, d, makemap(rt, 0)) })
		return
	}
	n, _ := c.intReg(in.Reserve)
	c.emit(func(f *frame) {
		f.pos = pos
		st(f, d, makemap(rt, max(ld[int](f, n), 0)))
	})
}

func (c *compiler) makeSlice(in *ssa.MakeSlice, pos token.Pos) {
	d := c.regs[in]
	et := c.typ(in.Type().Underlying().(*types.Slice).Elem())
	rt := rtypeOf(et)
	l, _ := c.intReg(in.Len)
	k, _ := c.intReg(in.Cap)
	limit := 1 << 47
	if rt.size > 0 {
		limit = (1 << 47) / int(rt.size)
	}
	c.emit(func(f *frame) {
		f.pos = pos
		n, m := ld[int](f, l), ld[int](f, k)
		if n < 0 || n > limit {
			panic(runtimeError("makeslice: len out of range"))
		}
		if m < n || m > limit {
			panic(runtimeError("makeslice: cap out of range"))
		}
		st(f, d, sliceHeader{unsafeNewArray(rt, m), n, m})
	})
}

// slice compiles x[lo:hi:max].
func (c *compiler) slice(in *ssa.Slice, pos token.Pos) {
	d := c.regs[in]
	low, high, most := c.bound(in.Low), c.bound(in.High), c.bound(in.Max)
	x := c.reg(in.X)
	switch t := in.X.Type().Underlying().(type) {
	case *types.Basic:
		c.emit(func(f *frame) {
			s := ld[string](f, x)
			lo, hi := low(f, 0), high(f, len(s))
			if uint(hi) > uint(len(s)) || uint(lo) > uint(hi) {
				f.pos = pos
				_ = s[lo:hi]
			}
			st(f, d, s[lo:hi])
		})
	case *types.Slice:
		size := c.typ(t.Elem()).Size()
		c.emit(func(f *frame) {
			s := ld[sliceHeader](f, x)
			lo, hi, m := low(f, 0), high(f, s.len), most(f, s.cap)
			if uint(m) > uint(s.cap) || uint(hi) > uint(m) || uint(lo) > uint(hi) {
				f.slicePanic(pos, s.len, s.cap, lo, hi, m, in.Max != nil)
			}
			st(f, d, reslice(s.ptr, lo, hi, m, size))
		})
	case *types.Pointer:
		at := t.Elem().Underlying().(*types.Array)
		n, size := int(at.Len()), c.typ(at.Elem()).Size()
		c.emit(func(f *frame) {
			p := ld[unsafe.Pointer](f, x)
			if p == nil {
				f.nilDeref(pos)
			}
			lo, hi, m := low(f, 0), high(f, n), most(f, n)
			if uint(m) > uint(n) || uint(hi) > uint(m) || uint(lo) > uint(hi) {
				f.arraySlicePanic(pos, n, lo, hi, m, in.Max != nil)
			}
			st(f, d, reslice(p, lo, hi, m, size))
		})
	default:
		panic(unsupported("slice of %s", in.X.Type()))
	}
}

// reslice keeps the pointer inside its object even when nothing is left.
func reslice(p unsafe.Pointer, lo, hi, m int, size uintptr) sliceHeader {
	if m-lo > 0 {
		p = unsafe.Add(p, uintptr(lo)*size)
	}
	return sliceHeader{p, hi - lo, m - lo}
}

func (f *frame) slicePanic(pos token.Pos, length, capacity, lo, hi, m int, three bool) {
	f.pos = pos
	s := make([]struct{}, length, capacity)
	if three {
		_ = s[lo:hi:m]
	}
	_ = s[lo:hi]
	panic("vm: slice check failed")
}

func (f *frame) arraySlicePanic(pos token.Pos, n, lo, hi, m int, three bool) {
	f.pos = pos
	if three {
		if uint(m) > uint(n) {
			panic(runtimeError("slice bounds out of range [::" + itoa(m) + "] with length " + itoa(n)))
		}
		_ = make([]struct{}, n)[lo:hi:m]
	}
	if uint(hi) > uint(n) {
		if hi < 0 {
			panic(runtimeError("slice bounds out of range [:" + itoa(hi) + "]"))
		}
		panic(runtimeError("slice bounds out of range [:" + itoa(hi) + "] with length " + itoa(n)))
	}
	_ = make([]struct{}, n)[lo:hi]
	panic("vm: slice check failed")
}

// bound reads an optional bound.
func (c *compiler) bound(v ssa.Value) func(f *frame, absent int) int {
	if v == nil {
		return func(_ *frame, absent int) int { return absent }
	}
	if k, ok := v.(*ssa.Const); ok && k.Value != nil {
		n := int(k.Int64())
		return func(*frame, int) int { return n }
	}
	r, _ := c.intReg(v)
	return func(f *frame, _ int) int { return ld[int](f, r) }
}

func (c *compiler) lookup(in *ssa.Lookup, pos token.Pos) {
	if _, ok := in.X.Type().Underlying().(*types.Map); !ok { // a string, in older ssa
		panic(unsupported("lookup in %s", in.X.Type()))
	}
	mt := c.typ(in.X.Type())
	rt, et := rtypeOf(mt), mt.Elem()
	ert, cl := rtypeOf(et), classOf(et)
	m, k := c.reg(in.X), c.reg(in.Index)
	d, okReg := c.regs[in], uintptr(0)
	if in.CommaOk {
		d, okReg = c.tups[in][0], c.tups[in][1]
	}
	get := func(f *frame) unsafe.Pointer { return mapaccess(rt, ld[unsafe.Pointer](f, m), f.at(k)) }
	if mt.Key().Kind() == reflect.String && ert.size <= 128 {
		get = func(f *frame) unsafe.Pointer { return mapaccessFaststr(rt, ld[unsafe.Pointer](f, m), ld[string](f, k)) }
	}
	c.emit(func(f *frame) {
		f.pos = pos
		p := get(f)
		if okReg != 0 {
			st(f, okReg, p != nil)
		}
		if p == nil {
			clearTyped(ert, f.at(d))
			return
		}
		transfer(cl, ert, f.at(d), p)
	})
}

func (c *compiler) mapUpdate(in *ssa.MapUpdate, pos token.Pos) {
	mt := c.typ(in.Map.Type())
	rt := rtypeOf(mt)
	m, k, v := c.reg(in.Map), c.reg(in.Key), c.reg(in.Value)
	if mt.Key().Kind() == reflect.String && mt.Elem().Size() <= 128 {
		c.emit(func(f *frame) {
			f.pos = pos
			mapassignFaststr(rt, ld[unsafe.Pointer](f, m), ld[string](f, k), f.at(v))
		})
		return
	}
	c.emit(func(f *frame) {
		f.pos = pos
		mapassign(rt, ld[unsafe.Pointer](f, m), f.at(k), f.at(v))
	})
}

// iterator is the state of a range over a string or a map.
type iterator struct {
	it *reflect.MapIter
	s  string
	i  int
}

func (c *compiler) rangeOver(in *ssa.Range) {
	d, x := c.regs[in], c.reg(in.X)
	t := c.typ(in.X.Type())
	if t.Kind() == reflect.String {
		c.emit(func(f *frame) { st(f, d, &iterator{s: ld[string](f, x)}) })
		return
	}
	c.emit(func(f *frame) {
		m := reflect.New(t).Elem()
		*(*unsafe.Pointer)(m.Addr().UnsafePointer()) = ld[unsafe.Pointer](f, x)
		st(f, d, &iterator{it: m.MapRange()})
	})
}

func (c *compiler) next(in *ssa.Next) {
	it := c.reg(in.Iter)
	offs := c.tups[in]
	tup := in.Type().(*types.Tuple)
	if in.IsString {
		c.emit(func(f *frame) {
			s := ld[*iterator](f, it)
			more := s.i < len(s.s)
			st(f, offs[0], more)
			if !more {
				return
			}
			r, n := rune(s.s[s.i]), 1
			if r >= utf8.RuneSelf {
				r, n = utf8.DecodeRuneInString(s.s[s.i:])
			}
			if offs[1] != 0 {
				st(f, offs[1], s.i)
			}
			if offs[2] != 0 {
				st(f, offs[2], r)
			}
			s.i += n
		})
		return
	}
	var kt, vt reflect.Type
	if offs[1] != 0 {
		kt = c.typ(tup.At(1).Type())
	}
	if offs[2] != 0 {
		vt = c.typ(tup.At(2).Type())
	}
	c.emit(func(f *frame) {
		s := ld[*iterator](f, it)
		more := s.it.Next()
		st(f, offs[0], more)
		if !more {
			return
		}
		if kt != nil {
			reflect.NewAt(kt, f.at(offs[1])).Elem().SetIterKey(s.it)
		}
		if vt != nil {
			reflect.NewAt(vt, f.at(offs[2])).Elem().SetIterValue(s.it)
		}
	})
}
