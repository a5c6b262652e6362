package vm

import (
	"go/token"
	"go/types"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/tools/go/ssa"
)

// itabs remembers the itab (or nil: not implemented) of an interface and a
// dynamic type.
var itabs sync.Map // [2]*rtype → *itab

// itabFor gives the first word that an interface value of type it needs to
// hold a t: t itself for an interface without methods, else the itab; nil if t
// does not implement it.
func (m *machine) itabFor(it reflect.Type, t *rtype) unsafe.Pointer {
	if it.NumMethod() == 0 {
		return unsafe.Pointer(t)
	}
	key := [2]*rtype{rtypeOf(it), t}
	if tab, ok := itabs.Load(key); ok {
		return unsafe.Pointer(tab.(*itab))
	}
	var tab *itab
	if rt := reflectType(t); rt.Implements(it) {
		v := reflect.New(it)
		v.Elem().Set(reflect.Zero(rt))
		tab = (*iface)(v.UnsafePointer()).tab
	} else {
		tab = m.lateItab(it, t)
	}
	itabs.Store(key, tab)
	return unsafe.Pointer(tab)
}

// word gives the first word of an interface value of the static type it that
// holds a concrete t, which is known to implement it.
func (c *compiler) word(it, t reflect.Type) unsafe.Pointer {
	w := c.m.itabFor(it, rtypeOf(t))
	if w == nil {
		panic(unsupported("internal: %s does not implement %s", t, it))
	}
	return w
}

func (c *compiler) makeInterface(in *ssa.MakeInterface) {
	d := c.regs[in]
	c.m.boxes(in.X.Type())
	it, t := c.typ(in.Type()), c.typ(in.X.Type())
	rt, cl := rtypeOf(t), classOf(t)
	w := c.word(it, t)
	if _, ok := in.X.(*ssa.Const); ok {
		// A constant needs one box for all.
		box := unsafeNew(rt)
		v := reflect.New(t).Elem()
		if k := in.X.(*ssa.Const); k.Value != nil {
			setConst(v, k)
		}
		copyTyped(rt, box, v.Addr().UnsafePointer())
		data := box
		if rt.direct() {
			data = *(*unsafe.Pointer)(box)
		}
		c.emit(func(f *frame) { st(f, d, ifaceWords{w, data}) })
		return
	}
	x := c.reg(in.X)
	switch {
	case rt.direct():
		c.emit(func(f *frame) { st(f, d, ifaceWords{w, ld[unsafe.Pointer](f, x)}) })
	case cl == c64:
		c.emit(func(f *frame) {
			p := new(uint64)
			*p = ld[uint64](f, x)
			st(f, d, ifaceWords{w, unsafe.Pointer(p)})
		})
	case cl == cString:
		c.emit(func(f *frame) {
			p := new(string)
			*p = ld[string](f, x)
			st(f, d, ifaceWords{w, unsafe.Pointer(p)})
		})
	default:
		c.emit(func(f *frame) {
			p := unsafeNew(rt)
			copyTyped(rt, p, f.at(x))
			st(f, d, ifaceWords{w, p})
		})
	}
}

// ifaceWords is an interface value of any kind, for copying.
type ifaceWords struct{ word, data unsafe.Pointer }

// dynamicType gives a function that reads the dynamic type of an interface
// register, nil if it holds none.
func dynamicType(empty bool, x uintptr) func(f *frame) *rtype {
	if empty {
		return func(f *frame) *rtype { return ld[*rtype](f, x) }
	}
	return func(f *frame) *rtype {
		if tab := ld[*itab](f, x); tab != nil {
			return tab.typ
		}
		return nil
	}
}

func (c *compiler) changeInterface(in *ssa.ChangeInterface) {
	d, x := c.regs[in], c.reg(in.X)
	from, to := in.X.Type(), in.Type()
	if types.Identical(from.Underlying(), to.Underlying()) {
		c.emit(moveOp(d, x, c.typ(to)))
		return
	}
	dyn, it := dynamicType(isEface(from), x), c.typ(to)
	cache := &tabCache{m: c.m, it: it}
	c.emit(func(f *frame) {
		t := dyn(f)
		if t == nil {
			st(f, d, ifaceWords{})
			return
		}
		st(f, d, ifaceWords{cache.get(t), ld[ifaceWords](f, x).data})
	})
}

// tabCache remembers the last answer of itabFor at one place in the code.
type tabCache struct {
	m    *machine
	it   reflect.Type
	last atomic.Pointer[tabEntry]
}

type tabEntry struct {
	typ  *rtype
	word unsafe.Pointer
}

func (tc *tabCache) get(t *rtype) unsafe.Pointer {
	if e := tc.last.Load(); e != nil && e.typ == t {
		return e.word
	}
	w := tc.m.itabFor(tc.it, t)
	if w != nil { // a type may get the methods yet
		tc.last.Store(&tabEntry{t, w})
	}
	return w
}

func (c *compiler) typeAssert(in *ssa.TypeAssert, pos token.Pos) {
	x := c.reg(in.X)
	dyn := dynamicType(isEface(in.X.Type()), x)
	static, target := c.typ(in.X.Type()), c.typ(in.AssertedType)
	rt := rtypeOf(target)
	d, okReg := c.regs[in], uintptr(0)
	if in.CommaOk {
		d, okReg = c.tups[in][0], c.tups[in][1]
	}
	var test func(f *frame, t *rtype) bool
	if target.Kind() == reflect.Interface {
		cache := &tabCache{m: c.m, it: target}
		test = func(f *frame, t *rtype) bool {
			if t == nil {
				return false
			}
			w := cache.get(t)
			if w == nil {
				return false
			}
			st(f, d, ifaceWords{w, ld[ifaceWords](f, x).data})
			return true
		}
	} else {
		cl, direct := classOf(target), rt.direct()
		test = func(f *frame, t *rtype) bool {
			if t != rt {
				return false
			}
			data := ld[ifaceWords](f, x).data
			if direct {
				st(f, d, data)
			} else {
				transfer(cl, rt, f.at(d), data)
			}
			return true
		}
	}
	if in.CommaOk {
		c.emit(func(f *frame) {
			ok := test(f, dyn(f))
			if !ok {
				clearTyped(rt, f.at(d))
			}
			st(f, okReg, ok)
		})
		return
	}
	if rs := in.Referrers(); target == static && (rs == nil || len(*rs) == 0) {
		// A method value of an interface: package ssa asks whether it is nil.
		c.emit(func(f *frame) {
			if dyn(f) == nil {
				f.nilDeref(pos)
			}
		})
		return
	}
	c.emit(func(f *frame) {
		t := dyn(f)
		if test(f, t) {
			return
		}
		f.pos = pos
		if target.Kind() != reflect.Interface {
			panic(newTypeAssertionError(rtypeOf(static), t, rt, ""))
		}
		missing := ""
		if t != nil {
			missing = c.m.missingMethod(target, t)
		}
		panic(newTypeAssertionError(nil, t, rt, missing))
	})
}

// missingMethod names the first method of it that t lacks.
func (m *machine) missingMethod(it reflect.Type, t *rtype) string {
	mt := m.types.methodTableOf(t)
	ms := make([]reflect.Method, it.NumMethod())
	for i := range ms {
		ms[i] = it.Method(i)
	}
	slices.SortFunc(ms, func(a, b reflect.Method) int { return strings.Compare(a.Name, b.Name) })
	for _, im := range ms {
		if mt != nil {
			if fn := mt.get(methodID(im)); fn == nil || !sameMethodType(im.Type, fn.sig.typ) {
				return im.Name
			}
		} else if has, ok := reflectType(t).MethodByName(im.Name); !ok || !sameMethodType(im.Type, has.Type) {
			return im.Name
		}
	}
	return ""
}

// sameMethodType compares an interface method's type with a method's that has
// its receiver first.
func sameMethodType(im, m reflect.Type) bool {
	if im.NumIn()+1 != m.NumIn() || im.NumOut() != m.NumOut() {
		return false
	}
	for i := range im.NumIn() {
		if im.In(i) != m.In(i+1) {
			return false
		}
	}
	for i := range im.NumOut() {
		if im.Out(i) != m.Out(i) {
			return false
		}
	}
	return true
}
