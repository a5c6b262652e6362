package vm

import (
	"cmp"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"reflect"
	"slices"
	"unsafe"

	"golang.org/x/tools/go/ssa"
)

// compiler turns one ssa.Function into a code.
type compiler struct {
	m    *machine
	fn   *Function
	s    *ssa.Function
	c    *code
	regs map[ssa.Value]uintptr
	tups map[ssa.Value][]uintptr // offsets of a tuple's components

	lay    blockLayout
	consts map[constKey]uintptr

	blocks  map[*ssa.BasicBlock]*block
	onFrame map[*ssa.Alloc]bool
	virtual map[ssa.Value]bool  // addresses computed by their users
	fused   map[*ssa.BinOp]bool // comparisons done by the branch that uses them
	reach   []*Function         // functions named by the body
	lastPos token.Pos
	out     *block
}

type constKey struct {
	typ reflect.Type
	val string
	obj any
}

// compile builds the code of fn. It panics with *unsupportedError.
func (m *machine) compile(fn *Function) (*code, []*Function) {
	s := fn.ssa
	c := &compiler{
		m: m, fn: fn, s: s,
		regs: map[ssa.Value]uintptr{}, tups: map[ssa.Value][]uintptr{}, consts: map[constKey]uintptr{},
		blocks: map[*ssa.BasicBlock]*block{}, onFrame: map[*ssa.Alloc]bool{}, virtual: map[ssa.Value]bool{}, fused: map[*ssa.BinOp]bool{},
	}
	sig := fn.sig
	c.c = &code{fn: fn, id: m.nextID(), results: frameHead, wrapper: isWrapper(s)}
	c.lay.size = sig.end
	headMask(&c.lay, sig)
	for i, p := range s.Params {
		c.regs[p] = sig.params[i].off
	}
	for _, v := range s.FreeVars {
		t := m.typ(v.Type())
		off := c.lay.add(t)
		c.regs[v] = off
		c.c.free = append(c.c.free, slot{off, t})
	}
	c.analyse()
	c.allocate()
	c.c.clearOff = frameHead
	if c.lay.last > frameHead {
		c.c.clearLen = int((c.lay.last - frameHead) / wordSize)
	}
	c.scalars()
	for _, b := range s.Blocks {
		c.blocks[b] = &block{}
	}
	for _, b := range s.Blocks {
		c.block(b)
	}
	c.c.entry = c.blocks[s.Blocks[0]]
	if s.Recover != nil {
		c.c.recover = c.recoverBlock()
	}
	c.c.typ = c.lay.done()
	return c.c, c.reach
}

func isWrapper(s *ssa.Function) bool { return s.Synthetic != "" && s.Syntax() == nil }

// headMask marks the pointers of the frame's head, results and parameters.
func headMask(lay *blockLayout, sig *signature) {
	pointerMask(reflect.TypeFor[frame](), 0, lay.setPointer)
	for _, r := range sig.results {
		pointerMask(r.typ, r.off, lay.setPointer)
	}
	for _, p := range sig.params {
		pointerMask(p.typ, p.off, lay.setPointer)
	}
}

func (c *compiler) typ(t types.Type) reflect.Type { return c.m.typ(t) }

// allBlocks includes the recover block, which ssa keeps apart in some versions.
func (c *compiler) allBlocks() []*ssa.BasicBlock {
	bs := c.s.Blocks
	if r := c.s.Recover; r != nil {
		for _, b := range bs {
			if b == r {
				return bs
			}
		}
		return append(bs[:len(bs):len(bs)], r)
	}
	return bs
}

// maxOnFrame bounds variables kept in a frame, in bytes.
const maxOnFrame = 512

// analyse finds variables that never leave the frame, addresses that can be
// folded into loads and stores, and comparisons that can be folded into branches.
func (c *compiler) analyse() {
	for _, b := range c.allBlocks() {
		for i, in := range b.Instrs {
			switch in := in.(type) {
			case *ssa.Alloc:
				if c.typ(in.Type().Underlying().(*types.Pointer).Elem()).Size() <= maxOnFrame && staysLocal(in, 0) {
					c.onFrame[in] = true
				}
			case *ssa.Defer:
				c.c.hasDefer = true
			case *ssa.Call:
				if bi, ok := in.Call.Value.(*ssa.Builtin); ok && bi.Name() == "ssa:deferstack" {
					c.c.hasDefer = true
				}
			case *ssa.BinOp:
				if i == len(b.Instrs)-2 && isBasicKind(in.X.Type()) && len(*in.Referrers()) == 1 {
					if f, ok := b.Instrs[i+1].(*ssa.If); ok && f.Cond == in {
						c.fused[in] = true
					}
				}
			}
		}
	}
	for _, b := range c.allBlocks() {
		for _, in := range b.Instrs {
			switch in := in.(type) {
			case *ssa.FieldAddr:
				if _, uses := foldable(in); uses || c.constOnFrame(in) {
					c.virtual[in] = true
				}
			case *ssa.IndexAddr:
				if n, uses := foldable(in); uses && n == 1 || c.constOnFrame(in) {
					c.virtual[in] = true
				}
			}
		}
	}
	c.foldSlices()
	c.findAppends()
}

// foldSlices finds slices in variables outside of the frame (package-level and
// captured ones) that are only read for one element, and lets the access to the
// element read them.
func (c *compiler) foldSlices() {
	for _, b := range c.allBlocks() {
		for i, in := range b.Instrs {
			load, ok := in.(*ssa.UnOp)
			if !ok || load.Op != token.MUL || len(*load.Referrers()) != 1 || !variable(load.X) {
				continue
			}
			if _, slice := load.Type().Underlying().(*types.Slice); !slice {
				continue
			}
			ia, ok := (*load.Referrers())[0].(*ssa.IndexAddr)
			if !ok || ia.X != load || ia.Block() != b || ia.Index == load {
				continue
			}
			var use ssa.Instruction = ia
			if c.virtual[ia] {
				use = userOf(ia)
			}
			if keepsSlices(b.Instrs[i+1:], use) {
				c.virtual[load] = true
			}
		}
	}
}

// variable reports whether v is the address of a package-level variable or of
// one that a function literal captured: it is never nil.
func variable(v ssa.Value) bool {
	switch v := v.(type) {
	case *ssa.Global:
		return true
	case *ssa.FreeVar:
		_, ok := v.Type().Underlying().(*types.Pointer)
		return ok && v.Parent().Synthetic == ""
	}
	return false
}

// userOf gives the only instruction that uses v, but for references of debuggers.
func userOf(v ssa.Value) ssa.Instruction {
	for _, r := range *v.Referrers() {
		if _, debug := r.(*ssa.DebugRef); !debug {
			return r
		}
	}
	return nil
}

// keepsSlices reports whether no instruction before use can change a slice
// in memory.
func keepsSlices(ins []ssa.Instruction, use ssa.Instruction) bool {
	for _, in := range ins {
		if in == use {
			return true
		}
		switch in := in.(type) {
		case *ssa.BinOp, *ssa.FieldAddr, *ssa.IndexAddr, *ssa.Convert, *ssa.DebugRef, *ssa.Field, *ssa.Index, *ssa.Extract:
		case *ssa.UnOp:
			if in.Op == token.ARROW {
				return false
			}
		case *ssa.Store:
			if !isBasicKind(in.Val.Type()) {
				return false
			}
		default:
			return false
		}
	}
	return false
}

// constOnFrame reports whether v is an address at a fixed place in the frame.
func (c *compiler) constOnFrame(v ssa.Value) bool {
	switch v := v.(type) {
	case *ssa.Alloc:
		return c.onFrame[v]
	case *ssa.FieldAddr:
		return c.constOnFrame(v.X)
	case *ssa.IndexAddr:
		if _, ok := v.X.Type().Underlying().(*types.Pointer); !ok {
			return false
		}
		k, ok := v.Index.(*ssa.Const)
		if !ok || k.Value == nil || !c.constOnFrame(v.X) {
			return false
		}
		n := elemOf(v.X.Type()).Underlying().(*types.Array).Len()
		return k.Int64() >= 0 && k.Int64() < n
	}
	return false
}

// frameOff gives the offset of an address for which constOnFrame holds.
func (c *compiler) frameOff(v ssa.Value) uintptr {
	switch v := v.(type) {
	case *ssa.FieldAddr:
		return c.frameOff(v.X) + c.typ(elemOf(v.X.Type())).Field(v.Field).Offset
	case *ssa.IndexAddr:
		size := c.typ(elemOf(v.X.Type()).Underlying().(*types.Array).Elem()).Size()
		return c.frameOff(v.X) + uintptr(v.Index.(*ssa.Const).Int64())*size
	}
	return c.regs[v]
}

// elemOf gives the type a pointer type points to.
func elemOf(t types.Type) types.Type { return t.Underlying().(*types.Pointer).Elem() }

// findAppends keeps the arrays behind the arguments of append(s, a, b) on the
// frame: append copies from there.
func (c *compiler) findAppends() {
	for _, b := range c.allBlocks() {
		for _, in := range b.Instrs {
			sl, ok := in.(*ssa.Slice)
			if !ok || sl.Low != nil || sl.High != nil || sl.Max != nil || len(*sl.Referrers()) != 1 {
				continue
			}
			a, ok := sl.X.(*ssa.Alloc)
			if !ok || !isAppendOf((*sl.Referrers())[0], sl) || !staysLocalBut(a, sl) {
				continue
			}
			if c.typ(elemOf(a.Type())).Size() > maxOnFrame {
				continue
			}
			c.onFrame[a] = true
			c.virtual[sl] = true
			for _, r := range *a.Referrers() {
				if ia, ok := r.(*ssa.IndexAddr); ok && c.constOnFrame(ia) {
					c.virtual[ia] = true
				}
			}
		}
	}
	for _, b := range c.allBlocks() {
		for _, in := range b.Instrs {
			if v, ok := in.(ssa.Value); ok && c.constOnFrame(v) {
				if _, isAlloc := v.(*ssa.Alloc); !isAlloc {
					c.virtual[v] = true
				}
			}
		}
	}
}

func isAppendOf(in ssa.Instruction, arg ssa.Value) bool {
	call, ok := in.(*ssa.Call)
	if !ok {
		return false
	}
	bi, ok := call.Call.Value.(*ssa.Builtin)
	return ok && bi.Name() == "append" && len(call.Call.Args) == 2 && call.Call.Args[1] == arg && call.Call.Args[0] != arg
}

// staysLocalBut is staysLocal with one use excepted.
func staysLocalBut(a *ssa.Alloc, but ssa.Instruction) bool {
	for _, r := range *a.Referrers() {
		if r == but {
			continue
		}
		switch r := r.(type) {
		case *ssa.IndexAddr:
			if !staysLocal(r, 0) {
				return false
			}
		case *ssa.DebugRef:
		default:
			return false
		}
	}
	return true
}

// staysLocal reports whether v, an address, is only loaded from, stored to
// and extended.
func staysLocal(v ssa.Value, depth int) bool {
	if depth > 8 || v.Referrers() == nil {
		return false
	}
	for _, r := range *v.Referrers() {
		switch r := r.(type) {
		case *ssa.Store:
			if r.Val == v {
				return false
			}
		case *ssa.UnOp:
			if r.Op != token.MUL {
				return false
			}
		case *ssa.FieldAddr:
			if !staysLocal(r, depth+1) {
				return false
			}
		case *ssa.IndexAddr:
			if r.X != v || !staysLocal(r, depth+1) {
				return false
			}
		case *ssa.DebugRef:
		default:
			return false
		}
	}
	return true
}

// foldable counts the loads and stores at the end of v's uses; false if there
// are others.
func foldable(v ssa.Value) (n int, ok bool) {
	for _, r := range *v.Referrers() {
		switch r := r.(type) {
		case *ssa.Store:
			if r.Val == v {
				return 0, false
			}
			n++
		case *ssa.UnOp:
			n++
		case *ssa.FieldAddr:
			k, ok := foldable(r)
			if !ok {
				return 0, false
			}
			n += k
		case *ssa.DebugRef:
		default:
			return 0, false
		}
		if r.Block() != v.(ssa.Instruction).Block() {
			if _, isIndex := v.(*ssa.IndexAddr); isIndex {
				return 0, false
			}
		}
	}
	return n, true
}

func isBasicKind(t types.Type) bool {
	switch t := t.Underlying().(type) {
	case *types.Basic:
		return t.Kind() != types.UntypedNil
	case *types.Pointer, *types.Chan, *types.Map, *types.Signature:
		return true
	}
	return false
}

// allocate gives registers to all values that hold pointers, and finds the
// values that can live in the register of the phi they flow into.
func (c *compiler) allocate() { c.place(true) }

// scalars does the same for values without pointers.
func (c *compiler) scalars() { c.place(false) }

func (c *compiler) place(pointers bool) {
	for _, b := range c.allBlocks() {
		for _, in := range b.Instrs {
			v, ok := in.(ssa.Value)
			if !ok || c.virtual[v] {
				continue
			}
			if _, done := c.regs[v]; done {
				continue
			}
			if bo, ok := v.(*ssa.BinOp); ok && c.fused[bo] {
				continue
			}
			if a, ok := v.(*ssa.Alloc); ok && c.onFrame[a] {
				t := c.typ(a.Type().Underlying().(*types.Pointer).Elem())
				if (rtypeOf(t).ptrBytes > 0) == pointers {
					c.regs[v] = c.lay.add(t)
				}
				continue
			}
			if t, ok := v.Type().(*types.Tuple); ok {
				c.placeTuple(v, t, pointers)
				continue
			}
			if e, ok := v.(*ssa.Extract); ok {
				if offs, ok := c.tups[e.Tuple]; ok && offs[e.Index] != 0 {
					c.regs[v] = offs[e.Index]
				}
				continue
			}
			t := c.typ(v.Type())
			if (rtypeOf(t).ptrBytes > 0) != pointers {
				continue
			}
			if p := c.coalesce(v); p != nil {
				if _, ok := c.regs[p]; !ok {
					c.regs[p] = c.lay.add(t)
				}
				c.regs[v] = c.regs[p]
				continue
			}
			c.regs[v] = c.lay.add(t)
		}
	}
}

func (c *compiler) placeTuple(v ssa.Value, t *types.Tuple, pointers bool) {
	offs := c.tups[v]
	if offs == nil {
		offs = make([]uintptr, t.Len())
		c.tups[v] = offs
	}
	for i := range offs {
		if isInvalid(t.At(i).Type()) {
			continue
		}
		ct := c.typ(t.At(i).Type())
		if offs[i] == 0 && (rtypeOf(ct).ptrBytes > 0) == pointers {
			offs[i] = c.lay.add(ct)
		}
	}
}

func isInvalid(t types.Type) bool {
	b, ok := t.(*types.Basic)
	return ok && b.Kind() == types.Invalid
}

// coalesce gives the phi whose register v may write directly: v flows from
// its block, which has one successor, only into that phi, and nothing reads
// the phi's former value after v.
func (c *compiler) coalesce(v ssa.Value) *ssa.Phi {
	in := v.(ssa.Instruction)
	if _, ok := v.(*ssa.Phi); ok {
		return nil
	}
	if v.Referrers() == nil || len(*v.Referrers()) != 1 {
		return nil
	}
	p, ok := (*v.Referrers())[0].(*ssa.Phi)
	b := in.Block()
	if !ok || len(b.Succs) != 1 || b.Succs[0] != p.Block() || !types.Identical(v.Type(), p.Type()) {
		return nil
	}
	edge := edgeOf(b, p.Block())
	if edge < 0 || p.Edges[edge] != v {
		return nil
	}
	for i, e := range p.Edges {
		if i != edge && e == v {
			return nil
		}
	}
	// Other phis of the target must not read p on this edge.
	for _, o := range p.Block().Instrs {
		q, ok := o.(*ssa.Phi)
		if !ok {
			break
		}
		if q != p && q.Edges[edge] == ssa.Value(p) {
			return nil
		}
	}
	// Nothing after v in its block may read p.
	after := false
	for _, o := range b.Instrs {
		if o == in {
			after = true
			continue
		}
		if !after {
			continue
		}
		if c.reads(o, p) {
			return nil
		}
		// A panic between v and the end of the block could only be seen
		// by deferred calls, which do not read registers.
	}
	return p
}

// reads reports whether in uses p, itself or through folded operands.
func (c *compiler) reads(in ssa.Instruction, p ssa.Value) bool {
	var buf [16]*ssa.Value
	for _, o := range in.Operands(buf[:0]) {
		if *o == nil {
			continue
		}
		if *o == p {
			return true
		}
		if w, ok := (*o).(ssa.Instruction); ok {
			if bo, isBin := (*o).(*ssa.BinOp); (c.virtual[*o] || isBin && c.fused[bo]) && c.reads(w, p) {
				return true
			}
		}
	}
	return false
}

func edgeOf(from, to *ssa.BasicBlock) int {
	found := -1
	for i, p := range to.Preds {
		if p == from {
			if found >= 0 {
				return -1 // both branches lead there
			}
			found = i
		}
	}
	return found
}

// reg gives the register of an operand, placing constants at first use.
func (c *compiler) reg(v ssa.Value) uintptr {
	if off, ok := c.regs[v]; ok {
		if a, isAlloc := v.(*ssa.Alloc); !isAlloc || !c.onFrame[a] {
			return off
		}
		panic(unsupported("internal: address of a frame variable %s in %s", v.Name(), c.s))
	}
	switch v := v.(type) {
	case *ssa.Const:
		return c.constReg(v)
	case *ssa.Global:
		p := c.m.globalAddr(v)
		return c.fixed(constKey{typ: pointerType, obj: v}, pointerType, unsafe.Pointer(&p))
	case *ssa.Function:
		fn := c.m.function(v)
		c.reach = append(c.reach, fn)
		p := fn.funcValue()
		return c.fixed(constKey{typ: pointerType, obj: v}, pointerType, unsafe.Pointer(&p))
	case *ssa.Builtin:
		panic(unsupported("builtin %s used as a value", v.Name()))
	}
	panic(unsupported("internal: no register for %s = %v in %s", v.Name(), v, c.s))
}

// fixed places a constant in the frame.
func (c *compiler) fixed(k constKey, t reflect.Type, p unsafe.Pointer) uintptr {
	if off, ok := c.consts[k]; ok {
		return off
	}
	off := c.lay.add(t)
	c.consts[k] = off
	rt := rtypeOf(t)
	if rt.size > 0 {
		box := unsafeNew(rt)
		copyTyped(rt, box, p)
		c.c.consts = append(c.c.consts, preset{off, rt, box})
	}
	return off
}

func (c *compiler) constReg(k *ssa.Const) uintptr {
	t := c.typ(k.Type())
	key := constKey{typ: t}
	if k.Value != nil {
		key.val = k.Value.ExactString()
	}
	if off, ok := c.consts[key]; ok {
		return off
	}
	v := reflect.New(t).Elem()
	if k.Value != nil {
		setConst(v, k)
	}
	return c.fixed(key, t, v.Addr().UnsafePointer())
}

func setConst(v reflect.Value, k *ssa.Const) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(constant.BoolVal(k.Value))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(k.Int64())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		v.SetUint(k.Uint64())
	case reflect.Float32, reflect.Float64:
		v.SetFloat(k.Float64())
	case reflect.Complex64, reflect.Complex128:
		v.SetComplex(k.Complex128())
	case reflect.String:
		if k.Value.Kind() == constant.String {
			v.SetString(constant.StringVal(k.Value))
		} else {
			n, _ := constant.Int64Val(constant.ToInt(k.Value))
			v.SetString(string(rune(n)))
		}
	case reflect.UnsafePointer:
		*(*uintptr)(v.Addr().UnsafePointer()) = uintptr(k.Uint64())
	case reflect.Interface:
		panic(unsupported("constant %s of interface type", k))
	}
}

// operand describes v as a second operand.
func (c *compiler) operand(v ssa.Value) operand {
	o := operand{reg: c.reg(v)}
	if k, ok := v.(*ssa.Const); ok && k.Value != nil {
		t := c.typ(k.Type())
		if t.Size() <= 8 && t.Kind() != reflect.String {
			b := reflect.New(t).Elem()
			setConst(b, k)
			p := b.Addr().UnsafePointer()
			copy(unsafe.Slice((*byte)(unsafe.Pointer(&o.bits)), t.Size()), unsafe.Slice((*byte)(p), t.Size()))
			o.konst = true
		}
	}
	return o
}

// intReg gives a register with the value of v as an int, for indexes and
// lengths; uns tells that v's type is unsigned.
func (c *compiler) intReg(v ssa.Value) (reg uintptr, uns bool) {
	t := c.typ(v.Type())
	switch t.Kind() {
	case reflect.Int, reflect.Int64:
		return c.reg(v), false
	case reflect.Uint, reflect.Uint64, reflect.Uintptr:
		return c.reg(v), true
	}
	if k, ok := v.(*ssa.Const); ok && k.Value != nil {
		n := int(k.Int64())
		return c.fixed(constKey{typ: intType, val: k.Value.ExactString()}, intType, unsafe.Pointer(&n)), false
	}
	d := c.lay.add(intType)
	c.emit(convert(reflect.Int, t.Kind(), d, c.reg(v)))
	return d, false
}

func (c *compiler) emit(o op) {
	if o == nil {
		panic(unsupported("internal: an instruction of %s has no implementation", c.s))
	}
	c.out.ops = append(c.out.ops, o)
}

// pos gives the position of in, or the last one known.
func (c *compiler) pos(in ssa.Instruction) token.Pos {
	if p := in.Pos(); p.IsValid() {
		c.lastPos = p
		return p
	}
	return c.lastPos
}

// addr describes the memory that v points to.
func (c *compiler) addr(v ssa.Value, pos token.Pos) address {
	if c.constOnFrame(v) {
		return address{kind: inFrame, off: c.frameOff(v), pos: pos}
	}
	switch x := v.(type) {
	case *ssa.Global:
		return address{kind: absolute, base: c.m.globalAddr(x), pos: pos}
	case *ssa.FieldAddr:
		if c.virtual[x] {
			a := c.addr(x.X, pos)
			st := c.typ(x.X.Type().Underlying().(*types.Pointer).Elem())
			a.off += st.Field(x.Field).Offset
			if p := x.Pos(); p.IsValid() {
				a.pos = p
			}
			return a
		}
	case *ssa.IndexAddr:
		if c.virtual[x] {
			return c.indexAddr(x)
		}
	}
	return address{kind: byPtr, reg: c.reg(v), pos: pos}
}

// indexAddr describes element x.Index of x.X.
func (c *compiler) indexAddr(x *ssa.IndexAddr) address {
	pos := c.pos(x)
	switch t := x.X.Type().Underlying().(type) {
	case *types.Slice:
		idx, uns := c.intReg(x.Index)
		if load, ok := x.X.(*ssa.UnOp); ok && c.virtual[load] {
			a := address{kind: bySlicePtr, idx: idx, unsigned: uns, scale: c.typ(t.Elem()).Size(), pos: pos}
			if g, ok := load.X.(*ssa.Global); ok {
				a.kind, a.base = bySliceAbs, c.m.globalAddr(g)
			} else {
				a.reg = c.reg(load.X)
			}
			return a
		}
		return address{kind: bySlice, reg: c.reg(x.X), idx: idx, unsigned: uns, scale: c.typ(t.Elem()).Size(), pos: pos}
	case *types.Pointer:
		at := t.Elem().Underlying().(*types.Array)
		size := c.typ(at.Elem()).Size()
		n := int(at.Len())
		idx, uns := c.intReg(x.Index)
		if c.constOnFrame(x.X) {
			return address{kind: byFrameArray, reg: c.frameOff(x.X), idx: idx, unsigned: uns, n: n, scale: size, pos: pos}
		}
		return address{kind: byArray, reg: c.reg(x.X), idx: idx, unsigned: uns, n: n, scale: size, pos: pos}
	}
	panic(unsupported("index of %s", x.X.Type()))
}

// block compiles the instructions of b.
func (c *compiler) block(b *ssa.BasicBlock) {
	c.out = c.blocks[b]
	for _, in := range b.Instrs {
		c.instr(in)
	}
}

// moves emits the copies that the phis of to need on the edge from from.
func (c *compiler) moves(edge int, to *ssa.BasicBlock) {
	type mv struct {
		d, s uintptr
		t    reflect.Type
	}
	var ms []mv
	for _, in := range to.Instrs {
		p, ok := in.(*ssa.Phi)
		if !ok {
			break
		}
		m := mv{c.regs[p], c.reg(p.Edges[edge]), c.typ(p.Type())}
		if m.d != m.s {
			ms = append(ms, m)
		}
	}
	// Order the copies so that none overwrites what a later one reads; break
	// cycles through a spare register.
	for len(ms) > 0 {
		free := -1
		for i, m := range ms {
			blocked := false
			for j, o := range ms {
				if i != j && o.s == m.d {
					blocked = true
					break
				}
			}
			if !blocked {
				free = i
				break
			}
		}
		if free >= 0 {
			c.emit(moveOp(ms[free].d, ms[free].s, ms[free].t))
			ms = append(ms[:free], ms[free+1:]...)
			continue
		}
		tmp := c.lay.add(ms[0].t)
		c.emit(moveOp(tmp, ms[0].s, ms[0].t))
		ms[0].s = tmp
	}
}

// edge gives the block to enter for the edge number i out of from, with the
// copies of the target's phis.
func (c *compiler) edge(from *ssa.BasicBlock, i int) *block {
	to := from.Succs[i]
	if _, ok := to.Instrs[0].(*ssa.Phi); !ok {
		return c.blocks[to]
	}
	e := predIndex(from, i)
	eb := &block{}
	saved := c.out
	c.out = eb
	c.moves(e, to)
	c.out = saved
	target := c.blocks[to]
	if len(eb.ops) == 0 {
		return target
	}
	eb.term = func(*frame) *block { return target }
	return eb
}

// predIndex finds which predecessor of its target the i-th edge of from is.
func predIndex(from *ssa.BasicBlock, i int) int {
	to := from.Succs[i]
	nth := 0
	for j := range i {
		if from.Succs[j] == to {
			nth++
		}
	}
	for k, p := range to.Preds {
		if p == from {
			if nth == 0 {
				return k
			}
			nth--
		}
	}
	panic(unsupported("internal: broken control flow graph"))
}

// jump compiles the way from b to its only successor.
func (c *compiler) jump(b *ssa.BasicBlock) {
	to := b.Succs[0]
	if _, ok := to.Instrs[0].(*ssa.Phi); ok {
		c.moves(predIndex(b, 0), to)
	}
	back := to.Dominates(b)
	// A loop head that only compares: do its work here and save a block.
	if bo, f := headOf(to); f != nil && c.fused[bo] {
		c.out.term = c.branch(to, bo)
		return
	}
	target := c.blocks[to]
	if !back {
		c.out.term = func(*frame) *block { return target }
		return
	}
	pos := c.loopPos(to, b)
	c.out.term = func(f *frame) *block {
		if stop.Load() != 0 {
			f.checkStop(pos)
		}
		return target
	}
}

// loopPos is a place in the loop with this head, of which last is the block that
// is being compiled.
func (c *compiler) loopPos(head, last *ssa.BasicBlock) token.Pos {
	for _, part := range []*ssa.BasicBlock{last, head, head.Succs[0]} {
		for _, in := range part.Instrs {
			if _, ok := in.(*ssa.Phi); !ok && in.Pos().IsValid() {
				return in.Pos()
			}
		}
	}
	return cmp.Or(nextLoop(c.s.Syntax(), c.lastPos), c.lastPos)
}

// nextLoop is the place of the first loop in fn after a place, for loops of
// which no instruction has a place of its own.
func nextLoop(fn ast.Node, after token.Pos) (pos token.Pos) {
	if fn == nil {
		return token.NoPos
	}
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.FuncLit:
			return n == fn
		case *ast.ForStmt, *ast.RangeStmt:
			if pos == token.NoPos && n.Pos() > after {
				pos = n.Pos()
			}
		}
		return pos == token.NoPos
	})
	return pos
}

// isHead reports whether a loop begins with b.
func isHead(b *ssa.BasicBlock) bool { return slices.ContainsFunc(b.Preds, b.Dominates) }

// headOf gives the comparison and branch of a block that has nothing else but phis.
func headOf(b *ssa.BasicBlock) (*ssa.BinOp, *ssa.If) {
	for i, in := range b.Instrs {
		switch in := in.(type) {
		case *ssa.Phi, *ssa.DebugRef:
			continue
		case *ssa.BinOp:
			if i == len(b.Instrs)-2 {
				if f, ok := b.Instrs[i+1].(*ssa.If); ok && f.Cond == in {
					return in, f
				}
			}
		}
		return nil, nil
	}
	return nil, nil
}

// branch compiles the end of a block that compares with bo.
func (c *compiler) branch(b *ssa.BasicBlock, bo *ssa.BinOp) func(*frame) *block {
	yes, no := c.edge(b, 0), c.edge(b, 1)
	k := c.typ(bo.X.Type()).Kind()
	x, y := c.reg(bo.X), c.operand(bo.Y)
	pos := cmp.Or(bo.Pos(), c.lastPos)
	if !bo.Pos().IsValid() && isHead(b) {
		pos = c.loopPos(b, b)
	}
	if t := branch(k, bo.Op, x, y, yes, no, pos); t != nil {
		return t
	}
	cond := compare(k, bo.Op, x, y)
	return condTerm(cond, yes, no, pos)
}

func condTerm(cond func(*frame) bool, yes, no *block, pos token.Pos) func(*frame) *block {
	return func(f *frame) *block {
		if stop.Load() != 0 {
			f.checkStop(pos)
		}
		if cond(f) {
			return yes
		}
		return no
	}
}

func (c *compiler) ifTerm(b *ssa.BasicBlock, in *ssa.If) {
	if bo, ok := in.Cond.(*ssa.BinOp); ok && c.fused[bo] {
		c.out.term = c.branch(b, bo)
		return
	}
	yes, no := c.edge(b, 0), c.edge(b, 1)
	x := c.reg(in.Cond)
	c.out.term = condTerm(func(f *frame) bool { return ld[bool](f, x) }, yes, no, c.pos(in))
}

// returns compiles a Return: the results are copied to their place. Package
// ssa forgets to run deferred calls that only loop bodies over functions made;
// they run here, and results with names are read again after them.
func (c *compiler) returns(in *ssa.Return) {
	sig := c.fn.sig
	for i, r := range in.Results {
		c.emit(moveOp(sig.results[i].off, c.reg(r), sig.results[i].typ))
	}
	c.out.term = func(*frame) *block { return nil }
	if !c.c.hasDefer || in.Block() == c.s.Recover || runsDefers(in.Block()) {
		return
	}
	c.emit(func(f *frame) { f.runDefers() })
	rs := c.s.Signature.Results()
	if rb := c.s.Recover; rb != nil && rs.Len() > 0 && rs.At(0).Name() != "" {
		again := c.recoverBlock()
		c.out.term = func(*frame) *block { return again }
	}
}

func runsDefers(b *ssa.BasicBlock) bool {
	for _, in := range b.Instrs {
		if _, ok := in.(*ssa.RunDefers); ok {
			return true
		}
	}
	return false
}

// recoverBlock gives the block where a function continues after a recovery.
func (c *compiler) recoverBlock() *block {
	b := c.s.Recover
	if c.blocks[b] == nil {
		c.blocks[b] = &block{}
		saved := c.out
		c.block(b)
		c.out = saved
	}
	return c.blocks[b]
}
