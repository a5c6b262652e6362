package vm

import (
	"go/types"
	"iter"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/goplus/reflectx"
	"github.com/goplus/reflectx/abi"
)

// Compiled code calls the methods of cells' types through interfaces: sort.Sort,
// package heap, fmt, http handlers. What it finds there is code that gets the
// receiver's word and the arguments in registers and no context. Package
// reflectx has stubs for that, which go through package reflect. The stubs here
// lead to a Go function for the shape of the method, which takes a frame and calls
// the method like any other; methods of rare shapes are left to reflectx.

// methodStubCount is the number of stubs in methods_amd64.s.
const methodStubCount = 8192

// methodSlots holds the func values that the stubs lead to.
var methodSlots [methodStubCount]unsafe.Pointer

// methodEntry is what compiled code calls for a method.
type methodEntry struct {
	table *methodTable
	id    string
	deref bool // the receiver's word points to the receiver
	body  atomic.Pointer[methodBody]
}

// methodBody is the function of a method, which is known when it is first
// called and only redirected from then on, and the place of its receiver.
type methodBody struct {
	fn   *Function
	recv move
}

func (e *methodEntry) find() *methodBody {
	fn := e.table.get(e.id)
	if fn == nil {
		panic(unsupported("method %s of %s", e.id, e.table.typ))
	}
	p := fn.sig.params[0]
	b := &methodBody{fn: fn, recv: newMove(p.off, 0, p.typ)}
	e.body.Store(b)
	return b
}

// open starts a call with the receiver's word.
func (e *methodEntry) open(recv unsafe.Pointer) (*thread, *frame) {
	b := e.body.Load()
	if b == nil {
		b = e.find()
	}
	if e.deref && recv == nil {
		panic(nilReceiver(b.fn))
	}
	t := b.fn.m.outsideThread()
	g := t.enter(b.fn.current())
	if e.deref {
		transfer(b.recv.class, b.recv.typ, g.at(b.recv.dst), recv)
	} else {
		st(g, b.recv.dst, recv)
	}
	return t, g
}

// nilReceiver is what the runtime says of a method that needs the value behind a
// nil pointer (runtime.panicwrap).
func nilReceiver(fn *Function) any {
	t := fn.ssa.Signature.Recv().Type()
	typ := types.TypeString(t, (*types.Package).Name)
	return plainError("value method " + typ + "." + fn.ssa.Name() + " called using nil *" + lastName(typ) + " pointer")
}

// methodRef is a method of a type that is being created.
type methodRef struct {
	table *methodTable
	id    string
	typ   reflect.Type // without the receiver
}

// methodProvider gives reflectx the stubs. It implements abi.MethodProvider.
type methodProvider struct {
	mu      sync.Mutex
	stubs   uintptr
	used    int
	free    []int
	pending map[unsafe.Pointer]methodRef // by the func value that reflectx is given
}

var methods = newMethodProvider()

// newMethodProvider puts the stubs before those of reflectx.
func newMethodProvider() *methodProvider {
	p := &methodProvider{stubs: methodStubsAddr(), pending: map[unsafe.Pointer]methodRef{}}
	if p.stubs == 0 {
		return p
	}
	abi.AddMethodProvider(p)
	l := abi.Default.List()
	copy(l[1:], l[:len(l)-1])
	l[0] = p
	return p
}

// announce tells that f will be given to reflectx for a method.
func (p *methodProvider) announce(f func([]reflect.Value) []reflect.Value, ref methodRef) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pending[*(*unsafe.Pointer)(unsafe.Pointer(&f))] = ref
}

// announced ends what announce began.
func (p *methodProvider) announced(ms []reflectx.Method) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range ms {
		delete(p.pending, *(*unsafe.Pointer)(unsafe.Pointer(&ms[i].Func)))
	}
}

// Insert implements abi.MethodProvider.
func (p *methodProvider) Insert(info *abi.MethodInfo) (unsafe.Pointer, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ref, ok := p.pending[*(*unsafe.Pointer)(unsafe.Pointer(&info.Call))]
	if !ok {
		return nil, -1
	}
	return p.stub(ref, info.Indirect || !info.Pointer && !info.OnePtr)
}

// stub takes a stub for a method; -1 if there is none.
func (p *methodProvider) stub(ref methodRef, deref bool) (unsafe.Pointer, int) {
	mk := methodEntries[signatureKey(ref.typ)]
	if mk == nil {
		return nil, -1
	}
	i := p.slot()
	if i < 0 {
		return nil, -1
	}
	methodSlots[i] = mk(&methodEntry{table: ref.table, id: ref.id, deref: deref})
	return p.code(i), i
}

// code is the address of a stub, which is in the text.
func (p *methodProvider) code(slot int) unsafe.Pointer {
	at := p.stubs + uintptr(slot)*16
	return *(*unsafe.Pointer)(unsafe.Pointer(&at))
}

// callable makes the functions that reflect.Type.Method gives callable: those of
// t and of *t, which has the methods ms. Where the receiver is one word they are
// what interfaces call; else they have stubs of their own, which go through
// package reflect, or say that they can't be called if no stub is left.
func (p *methodProvider) callable(t reflect.Type, ms []reflectx.Method) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stubs == 0 {
		return
	}
	sameCode(rtypeOf(reflect.PointerTo(t)).methods())
	if rtypeOf(t).direct() {
		if t.NumMethod() > 0 {
			sameCode(rtypeOf(t).methods())
		}
		return
	}
	for e, m := range valueMethods(rtypeOf(t), ms) {
		e.tfn = addReflectOff(p.function(t, m))
	}
}

// valueMethods are the exported ones among ms that have no pointer receiver, and
// their entries in t; compiled code calls no others.
func valueMethods(t *rtype, ms []reflectx.Method) iter.Seq2[*method, reflectx.Method] {
	return func(yield func(*method, reflectx.Method) bool) {
		i := 0
		for _, m := range ms {
			if m.Pointer {
				continue
			}
			if m.PkgPath == "" && !yield(&t.methods()[i], m) {
				return
			}
			i++
		}
	}
}

func sameCode(entries []method) {
	for i := range entries {
		entries[i].tfn = entries[i].ifn
	}
}

// function is the code of a method as a function whose first parameter is the
// receiver.
func (p *methodProvider) function(t reflect.Type, m reflectx.Method) unsafe.Pointer {
	i := p.slot()
	if i < 0 {
		return *(*unsafe.Pointer)(word(noStubLeft))
	}
	in := []reflect.Type{t}
	for arg := range m.Type.Ins() {
		in = append(in, arg)
	}
	f := reflect.MakeFunc(reflect.FuncOf(in, slices.Collect(m.Type.Outs()), m.Type.IsVariadic()), m.Func)
	methodSlots[i] = word(f.Interface())
	return p.code(i)
}

func noStubLeft() {
	panic(plainError("reflect: so many types with methods have been declared that this method can be called as reflect.Value.Method only"))
}

// unboxed corrects the methods of a struct or array which is a pointer, a map, a
// channel or a function inside, and so stands in interfaces without a box: reflectx
// knows only structs of one pointer.
func (p *methodProvider) unboxed(rt *rtype, table *methodTable, ms []reflectx.Method) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stubs == 0 {
		return
	}
	for e, m := range valueMethods(rt, ms) {
		if code, i := p.stub(methodRef{table, m.Name, m.Type}, false); i >= 0 {
			e.ifn = addReflectOff(code)
		}
	}
}

// slot takes a slot that is not in use; -1 if there is none.
func (p *methodProvider) slot() int {
	if n := len(p.free); n > 0 {
		i := p.free[n-1]
		p.free = p.free[:n-1]
		return i
	}
	if p.used == methodStubCount {
		return -1
	}
	p.used++
	return p.used - 1
}

// Remove implements abi.MethodProvider.
func (p *methodProvider) Remove(index []int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, i := range index {
		if methodSlots[i] != nil {
			methodSlots[i] = nil
			p.free = append(p.free, i)
		}
	}
}

// Available implements abi.MethodProvider.
func (p *methodProvider) Available() int { return methodStubCount - p.Used() }

// Used implements abi.MethodProvider.
func (p *methodProvider) Used() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.used - len(p.free)
}

// Cap implements abi.MethodProvider.
func (p *methodProvider) Cap() int { return methodStubCount }

// Clear implements abi.MethodProvider.
func (p *methodProvider) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	methodSlots = [methodStubCount]unsafe.Pointer{}
	p.used, p.free = 0, nil
}

// The entries of methods, by their numbers of parameters and results.

func method0r0(e *methodEntry) unsafe.Pointer {
	return word(func(recv unsafe.Pointer) {
		t, g := e.open(recv)
		g.callFromOutside(t)
		shut(t, g)
	})
}

func method0r1[R any](e *methodEntry) unsafe.Pointer {
	return word(func(recv unsafe.Pointer) R {
		t, g := e.open(recv)
		g.callFromOutside(t)
		r := *(*R)(g.at(frameHead))
		shut(t, g)
		return r
	})
}

func method0r2[R, S any](e *methodEntry) unsafe.Pointer {
	return word(func(recv unsafe.Pointer) (R, S) {
		t, g := e.open(recv)
		second := aligned[S](behind[R](frameHead))
		g.callFromOutside(t)
		r, s := *(*R)(g.at(frameHead)), *(*S)(g.at(second))
		shut(t, g)
		return r, s
	})
}

func method1r0[A any](e *methodEntry) unsafe.Pointer {
	return word(func(recv unsafe.Pointer, a A) {
		t, g := e.open(recv)
		*(*A)(g.at(aligned[A](frameHead))) = a
		g.callFromOutside(t)
		shut(t, g)
	})
}

func method1r1[A, R any](e *methodEntry) unsafe.Pointer {
	return word(func(recv unsafe.Pointer, a A) R {
		t, g := e.open(recv)
		*(*A)(g.at(aligned[A](behind[R](frameHead)))) = a
		g.callFromOutside(t)
		r := *(*R)(g.at(frameHead))
		shut(t, g)
		return r
	})
}

func method1r2[A, R, S any](e *methodEntry) unsafe.Pointer {
	return word(func(recv unsafe.Pointer, a A) (R, S) {
		t, g := e.open(recv)
		second := aligned[S](behind[R](frameHead))
		*(*A)(g.at(aligned[A](behind[S](second)))) = a
		g.callFromOutside(t)
		r, s := *(*R)(g.at(frameHead)), *(*S)(g.at(second))
		shut(t, g)
		return r, s
	})
}

func method2r0[A, B any](e *methodEntry) unsafe.Pointer {
	return word(func(recv unsafe.Pointer, a A, b B) {
		t, g := e.open(recv)
		p := aligned[A](frameHead)
		*(*A)(g.at(p)) = a
		*(*B)(g.at(aligned[B](behind[A](p)))) = b
		g.callFromOutside(t)
		shut(t, g)
	})
}

func method2r1[A, B, R any](e *methodEntry) unsafe.Pointer {
	return word(func(recv unsafe.Pointer, a A, b B) R {
		t, g := e.open(recv)
		p := aligned[A](behind[R](frameHead))
		*(*A)(g.at(p)) = a
		*(*B)(g.at(aligned[B](behind[A](p)))) = b
		g.callFromOutside(t)
		r := *(*R)(g.at(frameHead))
		shut(t, g)
		return r
	})
}

func method2r2[A, B, R, S any](e *methodEntry) unsafe.Pointer {
	return word(func(recv unsafe.Pointer, a A, b B) (R, S) {
		t, g := e.open(recv)
		second := aligned[S](behind[R](frameHead))
		p := aligned[A](behind[S](second))
		*(*A)(g.at(p)) = a
		*(*B)(g.at(aligned[B](behind[A](p)))) = b
		g.callFromOutside(t)
		r, s := *(*R)(g.at(frameHead)), *(*S)(g.at(second))
		shut(t, g)
		return r, s
	})
}
