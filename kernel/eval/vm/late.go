package vm

import (
	_ "embed"
	"go/types"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"braid/kernel/check"
)

// A method that a later cell declares for a type whose real type exists comes
// too late for the real type's method set. Calls by name need no method set, and
// for the learner's own interfaces the VM makes the tables itself (lateItab).
// What remains is compiled code that would look for the method: through one of
// its own interfaces (visible), through package reflect (reflective), or
// through a pointer to one of the learner's interfaces (boxes), as errors.As
// does. There the method, or the later import, is refused.

//go:embed visible.txt
var visibleText string

// visibleInterfaces are the method sets of the interfaces in the sources of the
// standard library and of Braid's packages for cells, by the names and
// arities of their exported methods.
var visibleInterfaces = sync.OnceValue(func() map[string][][]string {
	by := map[string][][]string{}
	for line := range strings.Lines(visibleText) {
		set := strings.Fields(line)
		for _, name := range set {
			by[name] = append(by[name], set)
		}
	}
	return by
})

// arity writes a method's name with the numbers of its parameters and results.
func arity(name string, params, results int) string {
	return name + "/" + strconv.Itoa(params) + "/" + strconv.Itoa(results)
}

func arityOf(fn *types.Func) string {
	s := fn.Signature()
	return arity(fn.Name(), s.Params().Len(), s.Results().Len())
}

// visible tells whether a type with the method set ms implements, by names and
// arities, an interface that compiled code may ask for, thanks to fn.
func visible(ms *types.MethodSet, fn *types.Func) bool {
	has := map[string]bool{}
	for sel := range ms.Methods() {
		has[arityOf(sel.Obj().(*types.Func))] = true
	}
	lacks := func(name string) bool { return !has[name] }
	return slices.ContainsFunc(visibleInterfaces()[arityOf(fn)], func(set []string) bool { return !slices.ContainsFunc(set, lacks) })
}

// reflective packages see every exported method of a value.
var reflective = map[string]bool{"reflect": true, "text/template": true, "html/template": true, "net/rpc": true}

// reflects tells whether a package that a cell names is reflective, or one of a
// module that imports such a one.
func (m *machine) reflects(imp *check.Import) bool {
	if mod := m.modules.of(imp.Pkg); mod != nil {
		return mod.reflects
	}
	return reflective[imp.Path]
}

// lateness is what a session knows of methods that came late.
type lateness struct {
	methods map[string]string // id of a late method → "T.Name"
	seen    string            // a package that a cell has imported, and that reflects
	boxed   map[string]bool   // ids of methods of interfaces to which a pointer was put in an interface
}

// late is a method that a cell declares for a real type.
type late struct {
	named *types.Named
	fn    *types.Func
}

// lateMethods lists the methods that c declares for types that are real already,
// and refuses those that compiled code would miss.
func (m *machine) lateMethods(c *check.Checked) (l []late) {
	again := map[types.Object]bool{}
	for _, f := range c.Rebinds {
		again[f] = true
	}
	seen := m.late.seen
	for _, imp := range c.Imports {
		if !m.reflects(imp) {
			continue
		}
		seen = imp.Path
		for id, name := range m.late.methods {
			if types.NewFunc(0, nil, id, nil).Exported() {
				panic(unsupported("package %s would not see method %s, which was declared after values of its type had been made; declare the type and the method in one cell, and restart the kernel", imp.Path, name))
			}
		}
	}
	for _, d := range c.Decls {
		if d.Kind != check.Method || d.Recv == nil || d.Recv.Pkg() == c.Pkg || again[d.Obj] {
			continue
		}
		n, ok := d.Recv.Type().(*types.Named)
		if !ok || n.TypeParams().Len() > 0 || !m.types.isReal(n) {
			continue
		}
		fn := d.Obj.(*types.Func)
		if m.late.boxed[fn.Id()] || fn.Exported() && (seen != "" || m.visibleIn(fn)) {
			panic(unsupported("%s", lateText(n.Obj().Name(), fn.Name())))
		}
		l = append(l, late{n, fn})
	}
	return l
}

// visibleIn looks for real types that implement more interfaces of compiled code
// by having fn.
func (m *machine) visibleIn(fn *types.Func) (found bool) {
	m.types.methods.Range(func(_, mt any) bool {
		ms := types.NewMethodSet(mt.(*methodTable).typ)
		if sel := ms.Lookup(fn.Pkg(), fn.Name()); sel != nil && sel.Obj() == fn {
			found = visible(ms, fn)
		}
		return !found
	})
	return found
}

func lateText(typ, method string) string {
	return "method " + method + " was declared after values of " + typ + " had been made, so fmt, errors and other compiled code would not see it; declare " +
		typ + " and " + method + " in one cell, and run the cells again that make its values"
}

// grown is a method that a table gets by a change.
type grown struct {
	rt *rtype
	mt *methodTable
	id string
	fn *Function
}

// admit completes the method tables of real types when a cell has late methods.
// Their bodies are compiled with the cell.
func (m *machine) admit(c *change) {
	m.types.methods.Range(func(r, mt any) bool {
		table := mt.(*methodTable)
		for _, id := range m.fill(table, nil) {
			c.grown = append(c.grown, grown{r.(*rtype), table, id, table.get(id)})
			forgetItabs(r.(*rtype))
		}
		return true
	})
}

// commitLate remembers what a committed cell makes impossible for later ones.
func (m *machine) commitLate(c *change) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, x := range c.late {
		m.late.methods[x.fn.Id()] = x.named.Obj().Name() + "." + x.fn.Name()
	}
	for _, imp := range c.checked.Imports {
		if m.reflects(imp) {
			m.late.seen = imp.Path
		}
	}
}

// addedTo lists the types of earlier cells for which k declares new methods.
func addedTo(k *check.Checked) (l []*types.Named) {
	again := map[types.Object]bool{}
	for _, f := range k.Rebinds {
		again[f] = true
	}
	for _, d := range k.Decls {
		if d.Kind == check.Method && d.Recv != nil && d.Recv.Pkg() != k.Pkg && !again[d.Obj] {
			if n, ok := d.Recv.Type().(*types.Named); ok {
				l = append(l, n)
			}
		}
	}
	return l
}

// boxes notes that a pointer to an interface type is put in an interface, where
// compiled code may ask whether other types implement it.
func (m *machine) boxes(t types.Type) {
	p, ok := types.Unalias(t).(*types.Pointer)
	if !ok {
		return
	}
	it, ok := p.Elem().Underlying().(*types.Interface)
	if !ok {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for f := range it.Methods() {
		name, ok := m.late.methods[f.Id()]
		if c := m.change; c != nil && !ok {
			for _, l := range c.late {
				if l.fn.Id() == f.Id() {
					name, ok = l.named.Obj().Name()+"."+f.Name(), true
				}
			}
		}
		if ok {
			panic(unsupported("compiled code that is given a %s would not see method %s, which was declared after values of its type had been made; declare the type and the method in one cell, and run the cells again that make its values", p, name))
		}
		m.late.boxed[f.Id()] = true
	}
}

// forgetItabs drops what itabFor found out about t, which has more methods now.
func forgetItabs(t *rtype) {
	itabs.Range(func(k, v any) bool {
		if k.([2]*rtype)[1] == t && v.(*itab) == nil {
			itabs.Delete(k)
		}
		return true
	})
}

// lateItab makes the table for an interface that t implements by methods which
// its real method set lacks; nil if it lacks some altogether. Only the VM calls
// methods through it, and finds them by the type.
func (m *machine) lateItab(it reflect.Type, t *rtype) *itab {
	mt := m.types.methodTableOf(t)
	if mt == nil {
		return nil
	}
	for i := range it.NumMethod() {
		im := it.Method(i)
		if fn := mt.get(methodID(im)); fn == nil || !sameMethodType(im.Type, fn.sig.typ) {
			return nil
		}
	}
	block := reflect.New(reflect.StructOf([]reflect.StructField{
		{Name: "Inter", Type: pointerType}, {Name: "Typ", Type: pointerType}, {Name: "Hash", Type: reflect.TypeFor[uint32]()},
		{Name: "Fun", Type: reflect.ArrayOf(it.NumMethod(), reflect.TypeFor[uintptr]())},
	}))
	tab := (*itab)(block.UnsafePointer())
	tab.inter, tab.typ, tab.hash = rtypeOf(it), t, t.hash
	if c := m.change; c != nil {
		c.lateTab = append(c.lateTab, [2]*rtype{rtypeOf(it), t})
	}
	return tab
}

// methodID is types.Id for a method of package reflect.
func methodID(m reflect.Method) string {
	if m.PkgPath == "" {
		return m.Name
	}
	return m.PkgPath + "." + m.Name
}
