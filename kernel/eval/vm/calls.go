package vm

import (
	"go/token"
	"go/types"
	"reflect"
	"unsafe"

	"golang.org/x/tools/go/ssa"

	"braid/kernel/eval"
	"braid/kernel/eval/host"
)

// call compiles a call instruction.
func (c *compiler) call(in *ssa.Call, pos token.Pos) {
	cc := &in.Call
	if b, ok := cc.Value.(*ssa.Builtin); ok {
		c.builtin(in, b, pos)
		return
	}
	tg := c.newTarget(cc, pos)
	res := c.resultRegs(in, tg.sig)
	for i, r := range tg.sig.results {
		tg.res = append(tg.res, newMove(res[i], r.off, r.typ))
	}
	args := make([]uintptr, len(tg.args))
	for i, a := range tg.args {
		args[i] = a.src
	}
	switch tg.kind {
	case static:
		c.staticCall(tg, args, res)
	case dynamic:
		c.dynamicCall(tg, args, res)
	default:
		c.invokeCall(tg, args, res)
	}
}

// resultRegs gives the registers that receive the results of a call.
func (c *compiler) resultRegs(in *ssa.Call, s *signature) []uintptr {
	switch len(s.results) {
	case 0:
		return nil
	case 1:
		return []uintptr{c.regs[in]}
	}
	return c.tups[in]
}

func (c *compiler) staticCall(tg *target, args, res []uintptr) {
	fn, pos := tg.fn, tg.pos
	if fn.native != nil {
		p := fn.native
		if mk := tg.sig.native; mk != nil {
			inv := mk(args, res)
			c.emit(func(f *frame) {
				f.pos = pos
				inv(f, p)
			})
			return
		}
		call := reflectInvoker(tg.sig, args, res)
		c.emit(func(f *frame) {
			f.pos = pos
			call(f, p)
		})
		return
	}
	if tg.passRec {
		c.emit(tg.plainCall)
		return
	}
	if o := tg.quickCall(); o != nil {
		c.emit(o)
		return
	}
	moves, results := tg.args, tg.res
	c.emit(func(f *frame) {
		f.pos = pos
		t := f.t
		g := t.enter(fn.current())
		pass(moves, unsafe.Pointer(g), unsafe.Pointer(f))
		g.call(f)
		pass(results, unsafe.Pointer(f), unsafe.Pointer(g))
		t.leave(g)
	})
}

// current gives the body to run now.
func (fn *Function) current() *code {
	if fn.target.Load() != nil {
		return fn.latest().get()
	}
	if c := fn.body.Load(); c != nil {
		return c
	}
	return fn.get()
}

// quickCall is staticCall for the commonest shapes: one or two words in, one
// or no word out.
func (tg *target) quickCall() op {
	fn, pos := tg.fn, tg.pos
	for _, a := range tg.args {
		if a.class != c64 {
			return nil
		}
	}
	if len(tg.res) != 1 || tg.res[0].class != c64 {
		return nil
	}
	rd, rs := tg.res[0].dst, tg.res[0].src
	switch len(tg.args) {
	case 1:
		d0, s0 := tg.args[0].dst, tg.args[0].src
		return func(f *frame) {
			f.pos = pos
			t := f.t
			g := t.enter(fn.current())
			st(g, d0, ld[uint64](f, s0))
			g.call(f)
			st(f, rd, ld[uint64](g, rs))
			t.leave(g)
		}
	case 2:
		d0, s0, d1, s1 := tg.args[0].dst, tg.args[0].src, tg.args[1].dst, tg.args[1].src
		return func(f *frame) {
			f.pos = pos
			t := f.t
			g := t.enter(fn.current())
			st(g, d0, ld[uint64](f, s0))
			st(g, d1, ld[uint64](f, s1))
			g.call(f)
			st(f, rd, ld[uint64](g, rs))
			t.leave(g)
		}
	}
	return nil
}

// plainCall makes the call through enter, whatever the callee is.
func (tg *target) plainCall(f *frame) {
	f.pos = tg.pos
	g := tg.enter(f, f.t)
	g.call(f)
	g.rec = nil
	pass(tg.res, unsafe.Pointer(f), unsafe.Pointer(g))
	f.t.leave(g)
}

func (c *compiler) dynamicCall(tg *target, args, res []uintptr) {
	pos, value, sig := tg.pos, tg.value, tg.sig
	if tg.passRec {
		c.emit(tg.plainCall)
		return
	}
	var compiled invoker
	if sig.native != nil {
		compiled = sig.native(args, res)
	} else {
		compiled = reflectInvoker(sig, args, res)
	}
	moves, results := tg.args, tg.res
	c.emit(func(f *frame) {
		f.pos = pos
		p := ld[unsafe.Pointer](f, value)
		if p == nil {
			nilPanic()
		}
		cl := sig.closureOf(p)
		if cl == nil {
			compiled(f, p)
			return
		}
		g := cl.enter(f.t)
		pass(moves, unsafe.Pointer(g), unsafe.Pointer(f))
		g.call(f)
		pass(results, unsafe.Pointer(f), unsafe.Pointer(g))
		f.t.leave(g)
	})
}

func (c *compiler) invokeCall(tg *target, args, res []uintptr) {
	pos, recv, index := tg.pos, tg.recv, tg.index
	if tg.passRec {
		c.emit(tg.plainCall)
		return
	}
	compiled := func(f *frame, _ *itab) { tg.plainCall(f) }
	if mk := nativeInvokers["P"+signatureKey(tg.sig.typ)]; mk != nil {
		inv := mk(append([]uintptr{recv + wordSize}, args...), res)
		compiled = func(f *frame, tab *itab) { inv(f, tab.method(index)) }
	}
	moves, results := tg.args, tg.res
	c.emit(func(f *frame) {
		f.pos = pos
		i := ld[iface](f, recv)
		if i.tab == nil {
			nilPanic()
		}
		mc := tg.method1(i.tab)
		if mc.fn == nil {
			compiled(f, i.tab)
			return
		}
		fn := mc.fn
		t := f.t
		g := t.enter(fn.current())
		if r := fn.sig.params[0].off; mc.direct {
			st(g, r, i.data)
		} else {
			transfer(mc.recv.class, mc.recv.typ, g.at(r), i.data)
		}
		pass(moves, unsafe.Pointer(g), unsafe.Pointer(f))
		g.call(f)
		pass(results, unsafe.Pointer(f), unsafe.Pointer(g))
		t.leave(g)
	})
}

// reflectInvoker calls compiled code by reflection.
func reflectInvoker(s *signature, args, res []uintptr) invoker {
	return func(f *frame, p unsafe.Pointer) {
		v := reflect.NewAt(s.typ, unsafe.Pointer(&p)).Elem()
		in := make([]reflect.Value, len(args))
		for i, a := range args {
			in[i] = reflect.NewAt(s.params[i].typ, f.at(a)).Elem()
		}
		var out []reflect.Value
		if s.variadic {
			out = v.CallSlice(in)
		} else {
			out = v.Call(in)
		}
		for i, r := range res {
			if r != 0 {
				reflect.NewAt(s.results[i].typ, f.at(r)).Elem().Set(out[i])
			}
		}
	}
}

func (c *compiler) makeClosure(in *ssa.MakeClosure) {
	fn := c.m.function(in.Fn.(*ssa.Function))
	c.reach = append(c.reach, fn)
	env := fn.envOf()
	d := c.regs[in]
	var ms []move
	for i, b := range in.Bindings {
		v := env.vars[i]
		ms = append(ms, move{v.src, c.reg(b), v.typ, v.class})
	}
	mk := fn.sig.make
	c.emit(func(f *frame) {
		cl := &closure{fn: fn, env: unsafeNew(env.typ)}
		pass(ms, cl.env, unsafe.Pointer(f))
		st(f, d, mk(cl))
	})
}

// goes compiles a go statement.
func (c *compiler) goes(in *ssa.Go, pos token.Pos) {
	enter := c.pending(&in.Call, pos)
	m := c.m
	value := funcReg(c, &in.Call)
	c.emit(func(f *frame) {
		f.pos = pos
		if value != 0 && ld[unsafe.Pointer](f, value) == nil {
			f.fatal("go of nil func value")
		}
		t := m.thread()
		g := enter(f, t)
		t.created = append([]token.Pos{pos}, f.t.created...)
		host.Go(m.position(pos), func() {
			host.SetLocal(t)
			g.call(nil)
			t.leave(g)
			t.release()
		}, func(v any) *eval.Error { return m.explain(v, t) })
	})
}

// funcReg gives the register of the func value that a call statement calls; 0 if
// it calls something else.
func funcReg(c *compiler, cc *ssa.CallCommon) uintptr {
	if cc.IsInvoke() || cc.StaticCallee() != nil {
		return 0
	}
	if _, ok := cc.Value.(*ssa.Builtin); ok {
		return 0
	}
	return c.reg(cc.Value)
}

// pending compiles the callee and arguments of a go or defer statement: the
// frame that it gives waits to be called.
func (c *compiler) pending(cc *ssa.CallCommon, pos token.Pos) func(f *frame, t *thread) *frame {
	if b, ok := cc.Value.(*ssa.Builtin); ok {
		return c.pendingBuiltin(b, cc, pos)
	}
	return c.newTarget(cc, pos).enter
}

// defers compiles a defer statement.
func (c *compiler) defers(in *ssa.Defer, pos token.Pos) {
	enter := c.pending(&in.Call, pos)
	stack := uintptr(0)
	if in.DeferStack != nil {
		stack = c.reg(in.DeferStack)
	}
	value := funcReg(c, &in.Call)
	c.emit(func(f *frame) {
		f.pos = pos
		owner := f
		if stack != 0 {
			owner = ld[*frame](f, stack)
		}
		if value != 0 && ld[unsafe.Pointer](f, value) == nil {
			// The panic comes when the call is made.
			owner.defers = &deferred{next: owner.defers, call: func(f *frame, _ *panicking) { f.nilDeref(f.pos) }}
			return
		}
		g := enter(f, f.t)
		owner.defers = &deferred{next: owner.defers, call: func(f *frame, p *panicking) {
			g.rec = p
			g.call(f)
			g.rec = nil
			f.t.leave(g)
		}}
	})
}

// pendingBuiltin wraps a deferred or concurrent builtin in code of its own.
func (c *compiler) pendingBuiltin(b *ssa.Builtin, cc *ssa.CallCommon, pos token.Pos) func(f *frame, t *thread) *frame {
	params := make([]reflect.Type, len(cc.Args))
	for i, a := range cc.Args {
		params[i] = c.typ(a.Type())
	}
	sig := c.m.signature(params, nil, false, false)
	typs := make([]types.Type, len(cc.Args))
	for i, a := range cc.Args {
		typs[i] = a.Type()
	}
	body := c.m.nativeCode(sig, pointerType, func(uintptr) op {
		args := offsets(sig.params)
		return c.builtinEffect(b.Name(), args, typs, pos)
	})
	var ms []move
	for i, a := range cc.Args {
		ms = append(ms, newMove(sig.params[i].off, c.reg(a), params[i]))
	}
	return func(f *frame, t *thread) *frame {
		g := t.enter(body)
		pass(ms, unsafe.Pointer(g), unsafe.Pointer(f))
		return g
	}
}

// builtinEffect compiles the builtins that may stand in go and defer statements.
func (c *compiler) builtinEffect(name string, args []uintptr, ts []types.Type, pos token.Pos) op {
	switch name {
	case "close":
		x := args[0]
		return func(f *frame) {
			f.pos = pos
			chanclose(ld[unsafe.Pointer](f, x))
		}
	case "panic":
		x := args[0]
		return func(f *frame) {
			f.pos = pos
			panic(ld[any](f, x))
		}
	case "print", "println":
		return c.printOp(name == "println", args, ts)
	case "recover":
		return func(f *frame) {}
	case "delete":
		return c.deleteOp(args, ts, pos)
	case "clear":
		return c.clearOp(args, ts)
	case "copy":
		return c.copyOp(args, ts, 0)
	}
	panic(unsupported("builtin %s in a go or defer statement", name))
}
