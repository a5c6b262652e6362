package vm

import (
	"go/token"
	"go/types"
	"reflect"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/tools/go/ssa"

	"braid/kernel/eval/host"
)

// signature is how the calls of one function type pass values: results, then
// parameters, right after the head of the callee's frame. A method's receiver
// is its first parameter.
type signature struct {
	m        *machine
	typ      reflect.Type
	params   []slot
	results  []slot
	end      uintptr
	variadic bool

	make   func(*closure) unsafe.Pointer // a func value of this type for a closure
	entry  uintptr                       // the code pointer of such values
	inner  bool                          // they are made by reflect.MakeFunc
	clOff  uintptr                       // where they keep the closure
	native invokerMaker                  // calls compiled code of this type without reflection, or nil

	callerOnce sync.Once
	caller     *code // calls a compiled func value found in its first free variable
}

type sigKey struct {
	typ    reflect.Type
	method bool
}

// signature gives the signature with these types. The receiver of a method
// is its first parameter but lies behind the others, so that callers which do
// not know the receiver's type place the others alike.
func (m *machine) signature(params, results []reflect.Type, variadic, method bool) *signature {
	typ := reflect.FuncOf(params, results, variadic)
	if s, ok := m.sigs.Load(sigKey{typ, method}); ok {
		return s.(*signature)
	}
	s := &signature{m: m, typ: typ, variadic: variadic}
	off := frameHead
	place := func(t reflect.Type) slot {
		a := uintptr(t.Align())
		off = (off + a - 1) &^ (a - 1)
		sl := slot{off, t}
		off += max(t.Size(), 1) // even of an empty struct the address lies within the frame
		return sl
	}
	for _, t := range results {
		s.results = append(s.results, place(t))
	}
	s.params = make([]slot, len(params))
	for i, t := range params {
		if i > 0 || !method {
			s.params[i] = place(t)
		}
	}
	if method {
		s.params[0] = place(params[0])
	}
	s.end = off
	s.trampoline()
	got, _ := m.sigs.LoadOrStore(sigKey{typ, method}, s)
	return got.(*signature)
}

// sigOf gives the signature of a function type without receiver.
func (m *machine) sigOf(t *types.Signature) *signature {
	return m.signature(m.typesOf(t.Params()), m.typesOf(t.Results()), t.Variadic(), false)
}

func (m *machine) typesOf(t *types.Tuple) []reflect.Type {
	r := make([]reflect.Type, t.Len())
	for i := range r {
		r[i] = m.typ(t.At(i).Type())
	}
	return r
}

// An invokerMaker, given the registers of arguments and results, gives an
// invoker, which calls the compiled func value fn with them.
type (
	invokerMaker func(args, res []uintptr) invoker
	invoker      func(f *frame, fn unsafe.Pointer)
)

// closure is what a func value made by the VM stands for.
type closure struct {
	fn  *Function
	env unsafe.Pointer // values of the free variables, laid out by envLayout
}

// env says how a function's free variables are kept in a closure.
type envLayout struct {
	typ  *rtype
	vars []move // from the block to the frame
}

// move copies one value between two frames (or a block and a frame).
type move struct {
	dst, src uintptr
	typ      *rtype
	class    class
}

func newMove(dst, src uintptr, t reflect.Type) move { return move{dst, src, rtypeOf(t), classOf(t)} }

func pass(ms []move, to, from unsafe.Pointer) {
	for i := range ms {
		m := &ms[i]
		switch m.class {
		case c64:
			*(*uint64)(unsafe.Add(to, m.dst)) = *(*uint64)(unsafe.Add(from, m.src))
		case cPtr:
			*(*unsafe.Pointer)(unsafe.Add(to, m.dst)) = *(*unsafe.Pointer)(unsafe.Add(from, m.src))
		default:
			transfer(m.class, m.typ, unsafe.Add(to, m.dst), unsafe.Add(from, m.src))
		}
	}
}

// envOf gives the layout of fn's free variables.
func (fn *Function) envOf() *envLayout {
	fn.mu.Lock()
	defer fn.mu.Unlock()
	if fn.env != nil {
		return fn.env
	}
	e := &envLayout{}
	var lay blockLayout
	// Free variables follow the parameters (compile.go), in order.
	frame := blockLayout{size: fn.sig.end}
	for _, v := range fn.ssa.FreeVars {
		t := fn.m.typ(v.Type())
		e.vars = append(e.vars, newMove(frame.add(t), lay.add(t), t))
	}
	e.typ = lay.done()
	fn.env = e
	return e
}

// enter takes a frame for a call of the closure.
func (cl *closure) enter(t *thread) *frame {
	fn := cl.fn
	g := t.enter(fn.latest().get())
	if cl.env != nil {
		pass(fn.env.vars, unsafe.Pointer(g), cl.env)
	}
	return g
}

// latest follows redeclarations, and remembers where they lead.
func (fn *Function) latest() *Function {
	first := fn.target.Load()
	if first == nil {
		return fn
	}
	last := first
	for t := last.target.Load(); t != nil; t = last.target.Load() {
		last = t
	}
	if last != first {
		fn.target.CompareAndSwap(first, last)
	}
	return last
}

// funcValue gives the func value of a function without free variables.
func (fn *Function) funcValue() unsafe.Pointer {
	fn.valueOnce.Do(func() { fn.value = fn.sig.make(&closure{fn: fn}) })
	return fn.value
}

// closureOf gives the closure behind a func value of type s, or nil if it is
// compiled code.
func (s *signature) closureOf(p unsafe.Pointer) *closure {
	if *(*uintptr)(p) != s.entry {
		return nil
	}
	if s.inner {
		p = (*makeFuncImpl)(p).fn
		if *(*uintptr)(p) != innerEntry {
			return nil
		}
	}
	return *(**closure)(unsafe.Add(p, s.clOff))
}

// makeFuncImpl mirrors reflect.makeFuncImpl.
type makeFuncImpl struct {
	code   uintptr
	stack  unsafe.Pointer
	argLen uintptr
	regs   [8]byte
	ftyp   unsafe.Pointer
	fn     unsafe.Pointer
}

// Inlined, its literal would have a code pointer at each place.
//
//go:noinline
func reflected(cl *closure) func([]reflect.Value) []reflect.Value {
	return func(args []reflect.Value) []reflect.Value { return cl.fn.callReflect(cl, args) }
}

// The code pointers of func values made by reflected and by reflect.MakeFunc.
var innerEntry, makeFuncEntry uintptr

func init() {
	f := reflected(nil)
	innerEntry = **(**uintptr)(unsafe.Pointer(&f))
	v := reflect.MakeFunc(reflect.TypeFor[func()](), f)
	makeFuncEntry = *(*uintptr)(funcPointer(v))
}

// trampoline chooses how func values of this type are made and called.
func (s *signature) trampoline() {
	s.native = nativeInvokers[signatureKey(s.typ)]
	if mk, ok := trampolines[signatureKey(s.typ)]; ok {
		mk(s)
		return
	}
	s.inner, s.entry, s.clOff = true, makeFuncEntry, wordSize // reflected captures one variable
	typ := s.typ
	s.make = func(cl *closure) unsafe.Pointer {
		return funcPointer(reflect.MakeFunc(typ, reflected(cl)))
	}
}

// funcPointer gives the word of a func value.
func funcPointer(v reflect.Value) unsafe.Pointer {
	p := reflect.New(v.Type())
	p.Elem().Set(v)
	return *(*unsafe.Pointer)(p.UnsafePointer())
}

// callReflect is the way in from compiled code through reflection.
func (fn *Function) callReflect(cl *closure, args []reflect.Value) []reflect.Value {
	t := fn.m.outsideThread()
	var g *frame
	if cl != nil {
		g = cl.enter(t)
	} else {
		g = t.enter(fn.latest().get())
	}
	sig := fn.sig
	for i, p := range sig.params {
		reflect.NewAt(p.typ, g.at(p.off)).Elem().Set(args[i])
	}
	g.callFromOutside(t)
	out := make([]reflect.Value, len(sig.results))
	for i, r := range sig.results {
		v := reflect.New(r.typ).Elem()
		copyTyped(rtypeOf(r.typ), v.Addr().UnsafePointer(), g.at(r.off))
		out[i] = v
	}
	t.leave(g)
	t.release()
	return out
}

// callFromOutside runs g at the bottom of thread t. A panic on its way out
// takes its frames along (machine.traceOf).
func (g *frame) callFromOutside(t *thread) {
	if v, failed := g.callOutside(t); failed {
		panic(v) // when the stack of the call is gone
	}
}

func (g *frame) callOutside(t *thread) (v any, failed bool) {
	if host.Following() {
		defer host.Entered(t)()
	}
	ok := false
	defer func() {
		if ok {
			return
		}
		t.unbind()
		if v = recover(); v != nil {
			failed = true
			t.m.notePartial(v, t.m.traceOf(v, t))
		}
	}()
	g.call(nil)
	ok = true
	return nil, false
}

// target is the callee of a call, go or defer statement.
type target struct {
	m    *machine
	sig  *signature
	args []move // from the caller's frame to the callee's
	res  []move // from the callee's frame to the caller's
	pos  token.Pos

	fn *Function // static

	value uintptr // register of a func value

	recv   uintptr // register of an interface value
	method *types.Func
	iface  reflect.Type
	index  int
	cache  [8]atomic.Pointer[methodCache] // by itab
	relay  *code                          // calls the method of a compiled type

	kind    targetKind
	passRec bool // the caller is a wrapper: a recover in the callee counts as its own
}

type targetKind uint8

const (
	static targetKind = iota
	dynamic
	invoke
)

// methodCache remembers what an interface call found for one dynamic type.
type methodCache struct {
	tab    *itab
	fn     *Function // nil: compiled
	direct bool
	recv   move // for boxed receivers: from the box to the frame
}

// enter takes a frame on thread t for the call that f makes, arguments in place.
func (tg *target) enter(f *frame, t *thread) *frame {
	var g *frame
	switch tg.kind {
	case static:
		g = t.enter(tg.fn.latest().get())
	case dynamic:
		p := ld[unsafe.Pointer](f, tg.value)
		if p == nil {
			f.nilDeref(tg.pos)
		}
		if cl := tg.sig.closureOf(p); cl != nil {
			g = cl.enter(t)
		} else {
			c := tg.sig.nativeCaller()
			g = t.enter(c)
			st(g, c.free[0].off, p)
		}
	default:
		g = tg.enterMethod(f, t)
	}
	pass(tg.args, unsafe.Pointer(g), unsafe.Pointer(f))
	if tg.passRec {
		g.rec = f.rec
	}
	return g
}

func (tg *target) enterMethod(f *frame, t *thread) *frame {
	i := ld[iface](f, tg.recv)
	if i.tab == nil {
		f.nilDeref(tg.pos)
	}
	mc := tg.method1(i.tab)
	if mc.fn == nil {
		g := t.enter(tg.relay)
		st(g, tg.relay.free[0].off, i)
		return g
	}
	fn := mc.fn.latest()
	g := t.enter(fn.get())
	recv := fn.sig.params[0].off
	if mc.direct {
		st(g, recv, i.data)
	} else {
		transfer(mc.recv.class, mc.recv.typ, g.at(recv), i.data)
	}
	return g
}

// method1 finds the method for a dynamic type, usually in the cache.
func (tg *target) method1(tab *itab) *methodCache {
	slot := &tg.cache[(uintptr(unsafe.Pointer(tab))>>5)%8]
	if mc := slot.Load(); mc != nil && mc.tab == tab {
		return mc
	}
	mc := tg.resolve(tab)
	slot.Store(mc)
	return mc
}

// resolve finds the method for a dynamic type.
func (tg *target) resolve(tab *itab) *methodCache {
	mc := &methodCache{tab: tab}
	mt := tg.m.types.methodTableOf(tab.typ)
	if mt == nil {
		return mc
	}
	mc.fn = mt.get(tg.method.Id())
	if mc.fn == nil {
		return mc
	}
	mc.direct = tab.typ.direct()
	mc.recv = newMove(0, 0, reflectType(tab.typ))
	return mc
}

// nativeCaller gives code that calls a compiled func value of type s, kept in
// its only free variable, with its own parameters and results.
func (s *signature) nativeCaller() *code {
	s.callerOnce.Do(func() {
		s.caller = s.m.nativeCode(s, pointerType, func(free uintptr) op {
			if s.native != nil {
				inv := s.native(offsets(s.params), offsets(s.results))
				return func(g *frame) { inv(g, ld[unsafe.Pointer](g, free)) }
			}
			return func(g *frame) {
				g.reflectCall(reflect.NewAt(s.typ, g.at(free)).Elem(), s)
			}
		})
	})
	return s.caller
}

// relayCode gives code that calls a method of an interface value kept in its
// free variable.
func (m *machine) relayCode(s *signature, iface reflect.Type, index int) *code {
	return m.nativeCode(s, iface, func(free uintptr) op {
		if mk := nativeInvokers["P"+signatureKey(s.typ)]; mk != nil {
			inv := mk(append([]uintptr{free + wordSize}, offsets(s.params)...), offsets(s.results))
			return func(g *frame) { inv(g, ld[*itab](g, free).method(index)) }
		}
		return func(g *frame) {
			g.reflectCall(reflect.NewAt(iface, g.at(free)).Elem().Method(index), s)
		}
	})
}

// method gives the func value of the i-th method: the address of its code pointer.
func (t *itab) method(i int) unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer(&t.fun), uintptr(i)*wordSize)
}

// nativeCode builds a body with one free variable of type t and one instruction.
func (m *machine) nativeCode(s *signature, t reflect.Type, body func(free uintptr) op) *code {
	c := &code{id: m.nextID(), results: frameHead, wrapper: true, fn: &Function{m: m, sig: s, name: "compiled code"}}
	lay := blockLayout{size: s.end}
	headMask(&lay, s)
	off := lay.add(t)
	c.free = []slot{{off, t}}
	c.clearOff = frameHead
	c.clearLen = int((lay.size - frameHead) / wordSize)
	c.entry = &block{ops: []op{body(off)}, term: func(*frame) *block { return nil }}
	c.typ = lay.done()
	return c
}

func offsets(ss []slot) []uintptr {
	r := make([]uintptr, len(ss))
	for i, s := range ss {
		r[i] = s.off
	}
	return r
}

// reflectCall calls v with the parameters in g and stores the results in g.
func (g *frame) reflectCall(v reflect.Value, s *signature) {
	in := make([]reflect.Value, len(s.params))
	for i, p := range s.params {
		in[i] = reflect.NewAt(p.typ, g.at(p.off)).Elem()
	}
	var out []reflect.Value
	if s.variadic {
		out = v.CallSlice(in)
	} else {
		out = v.Call(in)
	}
	for i, r := range s.results {
		reflect.NewAt(r.typ, g.at(r.off)).Elem().Set(out[i])
	}
}

// newTarget analyses a call, except of builtins.
func (c *compiler) newTarget(cc *ssa.CallCommon, pos token.Pos) *target {
	tg := &target{m: c.m, pos: pos, passRec: c.c.wrapper}
	args := cc.Args
	switch {
	case cc.IsInvoke():
		tg.kind, tg.recv, tg.method = invoke, c.reg(cc.Value), cc.Method
		sig := cc.Method.Type().(*types.Signature)
		plain := c.m.sigOf(sig)
		tg.iface = c.typ(cc.Value.Type())
		mi, ok := tg.iface.MethodByName(cc.Method.Name())
		if !ok {
			panic(unsupported("method %s of %s", cc.Method.Name(), tg.iface))
		}
		tg.index = mi.Index
		tg.relay = c.m.relayCode(plain, tg.iface, mi.Index)
		tg.sig = plain
	case cc.StaticCallee() != nil && !isClosure(cc.Value):
		tg.kind, tg.fn = static, c.m.function(cc.StaticCallee())
		c.reach = append(c.reach, tg.fn)
		tg.sig = tg.fn.sig
	default:
		tg.kind, tg.value = dynamic, c.reg(cc.Value)
		tg.sig = c.m.sigOf(cc.Value.Type().Underlying().(*types.Signature))
	}
	for i, a := range args {
		tg.args = append(tg.args, newMove(tg.sig.params[i].off, c.reg(a), tg.sig.params[i].typ))
	}
	return tg
}

func isClosure(v ssa.Value) bool { _, ok := v.(*ssa.MakeClosure); return ok }
