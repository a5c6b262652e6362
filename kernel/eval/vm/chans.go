package vm

import (
	"go/token"
	"go/types"
	"reflect"
	"unsafe"

	"golang.org/x/tools/go/ssa"

	"braid/kernel/eval/host"
)

func (c *compiler) makeChan(in *ssa.MakeChan, pos token.Pos) {
	d, t := c.regs[in], bothWays(c.typ(in.Type()))
	n, _ := c.intReg(in.Size)
	c.emit(func(f *frame) {
		f.pos = pos
		size := ld[int](f, n)
		if size < 0 {
			panic(plainError("makechan: size out of range"))
		}
		st(f, d, reflect.MakeChan(t, size).UnsafePointer())
	})
}

// chanValue makes a reflect.Value of a channel register.
func chanValue(t reflect.Type, p unsafe.Pointer) reflect.Value {
	return reflect.NewAt(t, unsafe.Pointer(&p)).Elem()
}

// bothWays is the type with which package reflect lets us send and receive
// whatever direction the static type has.
func bothWays(t reflect.Type) reflect.Type { return reflect.ChanOf(reflect.BothDir, t.Elem()) }

func (c *compiler) send(in *ssa.Send, pos token.Pos) {
	t := bothWays(c.typ(in.Chan.Type()))
	et := t.Elem()
	ch, x := c.reg(in.Chan), c.reg(in.X)
	m := c.m
	c.emit(func(f *frame) {
		f.pos = pos
		p := ld[unsafe.Pointer](f, ch)
		if p != nil && chansend(p, f.at(x), true) {
			return
		}
		host.Send(m.position(pos), chanValue(t, p), reflect.NewAt(et, f.at(x)).Elem())
	})
}

func (c *compiler) recv(in *ssa.UnOp, pos token.Pos) {
	t := bothWays(c.typ(in.X.Type()))
	rt, cl := rtypeOf(t.Elem()), classOf(t.Elem())
	ch := c.reg(in.X)
	d, okReg := c.regs[in], uintptr(0)
	if in.CommaOk {
		d, okReg = c.tups[in][0], c.tups[in][1]
	}
	m := c.m
	c.emit(func(f *frame) {
		f.pos = pos
		p := ld[unsafe.Pointer](f, ch)
		var done, ok bool
		if p != nil {
			done, ok = chanrecv(p, true, f.at(d))
		}
		if !done {
			var v reflect.Value
			v, ok = host.Recv(m.position(pos), chanValue(t, p))
			if v.CanAddr() {
				transfer(cl, rt, f.at(d), v.Addr().UnsafePointer())
			} else {
				reflect.NewAt(t.Elem(), f.at(d)).Elem().Set(v)
			}
		}
		if okReg != 0 {
			st(f, okReg, ok)
		}
	})
}

// selectCase is the compiled form of one state of a select.
type selectCase struct {
	typ  reflect.Type
	ch   uintptr
	send uintptr // register of the value, or 0
	recv uintptr // register for the value, or 0
}

func (c *compiler) selects(in *ssa.Select, pos token.Pos) {
	offs := c.tups[in]
	cases := make([]selectCase, len(in.States))
	n := 2
	for i, s := range in.States {
		sc := selectCase{typ: bothWays(c.typ(s.Chan.Type())), ch: c.reg(s.Chan)}
		if s.Dir == types.SendOnly {
			sc.send = c.reg(s.Send)
		} else {
			sc.recv = offs[n]
			n++
		}
		cases[i] = sc
	}
	m, blocking := c.m, in.Blocking
	c.emit(func(f *frame) {
		f.pos = pos
		list := make([]reflect.SelectCase, len(cases), len(cases)+1)
		for i, sc := range cases {
			p := ld[unsafe.Pointer](f, sc.ch)
			list[i] = reflect.SelectCase{Dir: reflect.SelectRecv, Chan: chanValue(sc.typ, p)}
			if sc.send != 0 {
				list[i].Dir = reflect.SelectSend
				list[i].Send = reflect.NewAt(sc.typ.Elem(), f.at(sc.send)).Elem()
			}
		}
		if !blocking {
			list = append(list, reflect.SelectCase{Dir: reflect.SelectDefault})
		}
		chosen, v, ok := host.Select(m.position(pos), list)
		for _, sc := range cases {
			if sc.recv != 0 {
				clearTyped(rtypeOf(sc.typ.Elem()), f.at(sc.recv))
			}
		}
		if chosen == len(cases) {
			chosen = -1
		} else if r := cases[chosen].recv; r != 0 && v.IsValid() {
			reflect.NewAt(cases[chosen].typ.Elem(), f.at(r)).Elem().Set(v)
		}
		st(f, offs[0], chosen)
		st(f, offs[1], ok)
	})
}
