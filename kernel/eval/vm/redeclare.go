package vm

import (
	"go/types"
	"reflect"
	"slices"
	"unsafe"

	"golang.org/x/tools/go/ssa"
	"golang.org/x/tools/go/types/typeutil"

	"braid/kernel/check"
)

// change is what a cell does to what earlier cells declared. It is worked out
// when the cell is compiled and done when it is committed, which may never
// happen; until then code that runs sees nothing of it.
//
// A function or method that is declared again takes the place of the old one
// for all callers: the old Function gets the new one as its target. For generic
// ones this concerns their instances: those that exist, and those that old
// callers will still make.
type change struct {
	checked *check.Checked
	redone  map[*ssa.Function]*ssa.Function // generic functions → their successors
	late    []late
	grown   []grown // what late methods add to method tables
	lateTab [][2]*rtype
	tabs    []*itab               // the tables of lateTab
	added   []*types.Named        // types of earlier cells that get methods
	real    map[*types.Named]bool // those of them that were real before
	fns     []*Function           // made while the cell was compiled
}

// begin prepares the compilation of a cell: late methods are known to the
// compiler from now on.
func (m *machine) begin(c *change, k *check.Checked) {
	c.checked = k
	m.change = c
	c.added = addedTo(k)
	c.real = map[*types.Named]bool{}
	for _, n := range c.added {
		c.real[n] = m.types.isReal(n)
	}
	c.late = m.lateMethods(k)
	c.redone = map[*ssa.Function]*ssa.Function{}
}

// complete compiles what interfaces may lead to and what takes the place of
// instances of generic functions.
func (m *machine) complete(c *change, seen map[*Function]bool) {
	m.settle(seen)
	for old, new := range c.checked.Rebinds {
		o, n := m.prog.FuncValue(old), m.prog.FuncValue(new)
		if o != nil && n != nil && o != n && generic(o) {
			c.redone[o] = n
		}
	}
	if len(c.redone) == 0 {
		return
	}
	done := map[*Function]bool{}
	for more := true; more; {
		more = false
		for _, fn := range m.instances(c.redone) {
			if done[fn] {
				continue
			}
			done[fn], more = true, true
			m.prepare(m.function(m.instance(c.redone[fn.ssa.Origin()], fn.ssa)), seen)
			m.settle(seen)
		}
	}
}

// pause hides what the compiler knew of the change.
func (m *machine) pause(c *change) {
	m.change = nil
	for _, g := range c.grown {
		g.mt.funcs.Delete(g.id)
	}
	for _, key := range c.lateTab {
		tab, _ := itabs.Load(key)
		c.tabs = append(c.tabs, tab.(*itab))
		itabs.Delete(key)
	}
}

// commit does the change.
func (m *machine) commit(c *change) {
	for _, g := range c.grown {
		g.mt.funcs.Store(g.id, g.fn)
		forgetItabs(g.rt)
	}
	for i, key := range c.lateTab {
		itabs.Store(key, c.tabs[i])
	}
	m.commitLate(c)
	for o, n := range c.redone {
		m.redone[o] = n
	}
	for _, fn := range m.instances(c.redone) {
		m.redirect(fn)
	}
	for old, new := range c.checked.Rebinds {
		o, n := m.prog.FuncValue(old), m.prog.FuncValue(new)
		if o == nil || n == nil || !m.runnable(o) || !m.runnable(n) {
			continue
		}
		of, nf := m.function(o), m.function(n)
		if of != nf {
			of.target.Store(nf)
		}
	}
}

// discard forgets what was compiled for a cell that does not come to be: the
// real types with methods that now do not exist or were found unsupported, and
// what mentions them.
func (m *machine) discard(c *change) {
	gone, added := map[types.Type]bool{}, map[types.Type]bool{}
	for _, mt := range slices.Concat(m.unsettled, m.types.takeFresh()) {
		if m.modules.owns(mt.typ) {
			m.types.again(mt) // code of the module may have the type already
		} else {
			gone[baseOf(mt.typ)] = true
		}
	}
	m.unsettled = nil
	for _, n := range c.added {
		added[n] = true
		if m.types.isReal(n) && !c.real[n] {
			gone[n] = true
		}
	}
	if len(added) > 0 {
		m.forgetMethods(added)
	}
	if len(gone) == 0 {
		return
	}
	m.types.forget(gone)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, fn := range c.fns {
		for _, t := range fn.ssa.TypeArgs() {
			if mentions(t, gone, map[types.Type]bool{}) {
				delete(m.fns, fn.ssa)
			}
		}
	}
}

// baseOf gives T for *T.
func baseOf(t types.Type) types.Type {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		return types.Unalias(p.Elem())
	}
	return types.Unalias(t)
}

// forgetMethods makes package ssa look again for the methods of types that
// mention one of the given ones: it keeps them by name.
func (m *machine) forgetMethods(of map[types.Type]bool) {
	sets := (*typeutil.Map)(reflect.ValueOf(m.prog).Elem().FieldByName("methodSets").Addr().UnsafePointer())
	var keys []types.Type
	sets.Iterate(func(t types.Type, _ any) {
		if mentions(t, of, map[types.Type]bool{}) {
			keys = append(keys, t)
		}
	})
	for _, t := range keys {
		sets.Delete(t)
	}
}

// instances lists the instances of generic functions that exist.
func (m *machine) instances(of map[*ssa.Function]*ssa.Function) (l []*Function) {
	if len(of) == 0 {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for s, fn := range m.fns {
		if _, ok := of[s.Origin()]; ok && s.Parent() == nil && len(s.TypeArgs()) > 0 {
			l = append(l, fn)
		}
	}
	return l
}

func generic(s *ssa.Function) bool {
	return s.TypeParams().Len() > 0 || s.Signature.RecvTypeParams().Len() > 0
}

// redirect gives an instance of a generic function the target it has now.
func (m *machine) redirect(fn *Function) {
	s := fn.ssa
	if len(m.redone) == 0 || s.Parent() != nil || len(s.TypeArgs()) == 0 {
		return
	}
	if n, ok := m.redone[s.Origin()]; ok {
		fn.target.Store(m.function(m.instance(n, s)))
	}
}

// instance gives the instance of n with the type arguments of s, an instance of
// a function with the same type parameters. Package ssa makes instances while
// it builds the functions that name them, and has no call for one that nobody
// names; what it does then is done here.
func (m *machine) instance(n, s *ssa.Function) *ssa.Function {
	args := s.TypeArgs()
	var recv []types.Type
	if n.Signature.Recv() != nil {
		recv, args = args, nil
	}
	b := new(ssaBuilder)
	fn := ssaInstance(n, recv, args, b)
	ssaIterate(b)
	return fn
}

// ssaBuilder mirrors ssa.builder of golang.org/x/tools v0.52.0.
type ssaBuilder struct {
	fns      []*ssa.Function
	finished int
	shared   unsafe.Pointer
}

//go:linkname ssaInstance golang.org/x/tools/go/ssa.(*Function).instance
func ssaInstance(fn *ssa.Function, recvArgs, args []types.Type, b *ssaBuilder) *ssa.Function

//go:linkname ssaIterate golang.org/x/tools/go/ssa.(*builder).iterate
func ssaIterate(b *ssaBuilder)
