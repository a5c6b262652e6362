package vm

import (
	"cmp"
	"go/ast"
	"go/token"
	"go/types"
	"reflect"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/tools/go/ssa"

	"braid/kernel/check"
	"braid/kernel/eval"
	"braid/kernel/eval/host"
	"braid/kernel/eval/symbols"
	"braid/kernel/eval/vm/order"
)

// stop and checkStop are the interrupt flag of package host.
var stop = &host.Stop

func checkStop() { host.Check() }

// checkStop is checkStop for an instruction at pos that neither calls nor
// panics otherwise: an interrupt is said to have come there.
func (f *frame) checkStop(pos token.Pos) {
	f.pos = pos
	host.Check()
}

// machine is a session's program: its types, functions and variables.
type machine struct {
	fset *token.FileSet
	imp  types.Importer
	prog *ssa.Program

	modules modules
	// exclusive runs what compiles a function while no cell is compiled.
	exclusive func(func())
	tolerant  int // unless zero, what refuses may be reached, but not called, by what is compiled

	types  *typeTable
	sigs   sync.Map // sigKey → *signature
	traces traces

	idMu    sync.Mutex // guards the two below
	ids     int
	freeIDs []int

	mu        sync.Mutex // guards the maps below
	fns       map[*ssa.Function]*Function
	globals   map[*ssa.Global]unsafe.Pointer
	made      map[*types.Package]int // compiled packages known to prog → size of their scope
	late      lateness
	change    *change                         // of the cell that is being compiled
	unsettled []*methodTable                  // whose methods are still to be compiled
	redone    map[*ssa.Function]*ssa.Function // generic functions and methods → the ones declared in their place

	shadows map[string]*types.Package // interpreted library packages, nil while they are built
}

func newMachine(fset *token.FileSet, imp types.Importer) *machine {
	m := &machine{
		fset: fset, imp: imp,
		prog:    ssa.NewProgram(fset, ssa.InstantiateGenerics|ssa.BareInits),
		fns:     map[*ssa.Function]*Function{},
		globals: map[*ssa.Global]unsafe.Pointer{},
		made:    map[*types.Package]int{},
		late:    lateness{methods: map[string]string{}, boxed: map[string]bool{}},
		redone:  map[*ssa.Function]*ssa.Function{},
		shadows: map[string]*types.Package{},
	}
	m.types = &typeTable{native: nativeType, source: m.fromSource}
	m.types.search = m.searchType
	return m
}

// nextID numbers a code; numbers of codes that are gone are used again, so that
// the free lists of threads stay short.
func (m *machine) nextID() int {
	m.idMu.Lock()
	defer m.idMu.Unlock()
	if n := len(m.freeIDs); n > 0 {
		id := m.freeIDs[n-1]
		m.freeIDs = m.freeIDs[:n-1]
		return id
	}
	m.ids++
	return m.ids
}

// forget drops functions that can never be called again.
func (m *machine) forget(fns ...*Function) {
	for _, fn := range fns {
		m.mu.Lock()
		known := m.fns[fn.ssa] == fn
		delete(m.fns, fn.ssa)
		m.mu.Unlock()
		if c := fn.body.Load(); known && c != nil {
			m.free(c.id)
		}
	}
}

func (m *machine) free(ids ...int) {
	m.idMu.Lock()
	defer m.idMu.Unlock()
	m.freeIDs = append(m.freeIDs, ids...)
}

func (m *machine) typ(t types.Type) reflect.Type { return m.types.Of(t) }

// symbol finds an exported name of a compiled package.
func symbol(pkg, name string) (reflect.Value, bool) {
	if v, ok := overlay()[pkg][name]; ok {
		return v, true
	}
	v, ok := symbols.Package(pkg)[name]
	return v, ok
}

var overlay = sync.OnceValue(host.Overlay)

func nativeType(pkg, name string) reflect.Type {
	v, ok := symbol(pkg, name)
	if !ok || v.Kind() != reflect.Pointer || !v.IsNil() {
		return nil
	}
	return v.Type().Elem()
}

// searchType finds an unexported compiled type by what its package exports.
func (m *machine) searchType(obj *types.TypeName) reflect.Type {
	var result reflect.Type
	want := obj.Type()
	scope := obj.Pkg().Scope()
	for _, name := range scope.Names() {
		o := scope.Lookup(name)
		if !o.Exported() {
			continue
		}
		v, ok := symbol(obj.Pkg().Path(), name)
		if !ok {
			continue
		}
		t := o.Type()
		m.types.learn(t, v.Type(), func(n *types.Named, r reflect.Type) {
			if types.Identical(n, want) {
				result = r
			}
		}, 0)
		if result != nil {
			break
		}
	}
	return result
}

// function gives the VM's function for s.
func (m *machine) function(s *ssa.Function) *Function {
	m.mu.Lock()
	fn := m.fns[s]
	m.mu.Unlock()
	if fn != nil {
		return fn
	}
	params := make([]reflect.Type, len(s.Params))
	for i, p := range s.Params {
		params[i] = m.typ(p.Type())
	}
	if len(s.Params) == 0 && s.Blocks == nil {
		if r := s.Signature.Recv(); r != nil {
			params = append(params, m.typ(r.Type()))
		}
		params = append(params, m.typesOf(s.Signature.Params())...)
	}
	fn = &Function{m: m, ssa: s, name: funcName(s)}
	mod := m.moduleOf(s)
	fn.late = mod != nil && mod.late[s]
	fn.sig = m.signature(params, m.typesOf(s.Signature.Results()), s.Signature.Variadic(), s.Signature.Recv() != nil)
	switch {
	case fn.late: // built and compiled when it is called
	case mod != nil && mod.bodiless[s].why != "":
		m.attachModule(mod, fn)
	case s.Blocks == nil:
		m.attach(fn)
	}
	m.mu.Lock()
	if known := m.fns[s]; known != nil {
		fn = known
	} else {
		m.fns[s] = fn
		if m.change != nil {
			m.change.fns = append(m.change.fns, fn)
		}
	}
	m.mu.Unlock()
	m.redirect(fn)
	return fn
}

// attach gives a function without a body in Go what it stands for: compiled
// code or an intrinsic.
func (m *machine) attach(fn *Function) {
	s := fn.ssa
	if mk := intrinsicOf(s); mk != nil {
		fn.body.Store(m.intrinsic(fn, mk))
		return
	}
	p := m.nativeOf(s)
	if p == nil {
		panic(unsupported("%s: its code cannot be run here (it has no Go body and no compiled form)", s))
	}
	m.attachNative(fn, p)
}

// attachNative makes fn a call of the compiled func value p.
func (m *machine) attachNative(fn *Function, p unsafe.Pointer) {
	fn.native = p
	caller := fn.sig.nativeCaller()
	c := *caller
	c.fn, c.id = fn, m.nextID()
	c.consts = append(c.consts, preset{caller.free[0].off, rtypeOf(pointerType), unsafe.Pointer(&fn.native)})
	c.clearLen = int((caller.free[0].off - c.clearOff) / wordSize)
	fn.body.Store(&c)
}

// nativeOf finds the func value of a compiled function or method.
func (m *machine) nativeOf(s *ssa.Function) unsafe.Pointer {
	obj, ok := s.Object().(*types.Func)
	if !ok {
		return nil
	}
	if recv := s.Signature.Recv(); recv != nil {
		if len(s.TypeArgs()) > 0 {
			return nil // the real type was created here and has no compiled methods
		}
		t := m.typ(recv.Type())
		meth, ok := t.MethodByName(obj.Name())
		if !ok {
			return nil
		}
		return funcPointer(meth.Func)
	}
	if obj.Pkg() == nil {
		return nil
	}
	if f, ok := privateFuncs[obj.Pkg().Path()+"."+obj.Name()]; ok {
		return funcPointer(reflect.ValueOf(f))
	}
	v, ok := symbol(obj.Pkg().Path(), obj.Name())
	if !ok || v.Kind() != reflect.Func {
		return nil
	}
	return funcPointer(v)
}

// compiled gives the body of fn, compiling it if need be.
func (m *machine) compiled(fn *Function) *code {
	if fn.late {
		return m.compileLate(fn)
	}
	fn.envOf()
	fn.mu.Lock()
	defer fn.mu.Unlock()
	if c := fn.body.Load(); c != nil {
		return c
	}
	if fn.ssa.Blocks == nil {
		panic(unsupported("%s has no body", fn.ssa))
	}
	c, reach := m.compile(fn)
	fn.reach = reach
	fn.body.Store(c)
	dropSSA(fn.ssa)
	return c
}

// dropSSA forgets the instructions of a compiled function, most of what a
// cell would leave behind.
func dropSSA(s *ssa.Function) {
	s.Blocks, s.Locals, s.Recover = nil, nil, nil
	for _, p := range s.Params {
		*p.Referrers() = nil
	}
	for _, v := range s.FreeVars {
		*v.Referrers() = nil
	}
	if r := s.Referrers(); r != nil {
		*r = nil
	}
}

// prepare compiles fn and all it can reach by name, so that what is
// unsupported is found before anything runs.
func (m *machine) prepare(fn *Function, seen map[*Function]bool) {
	if fn.refused != "" && m.tolerant == 0 {
		panic(unsupported("%s", fn.refused))
	}
	if seen[fn] || fn.native != nil || fn.late {
		return
	}
	seen[fn] = true
	if now := fn.latest(); now != fn {
		m.prepare(now, seen)
	}
	fn.get()
	for _, r := range fn.reach {
		m.prepare(r, seen)
	}
	fn.reach = nil
}

// globalAddr gives the address of a package-level variable.
func (m *machine) globalAddr(g *ssa.Global) unsafe.Pointer {
	m.mu.Lock()
	p := m.globals[g]
	m.mu.Unlock()
	switch p {
	case nil:
	case forgotten:
		panic(unsupported("the variable %s of an earlier cell, which was declared again since", g.Name()))
	default:
		return p
	}
	if g.Object() != nil && !m.interpreted(g.Pkg) {
		v, ok := symbol(g.Pkg.Pkg.Path(), g.Name())
		if !ok || !v.CanAddr() {
			panic(unsupported("variable %s", g))
		}
		p = v.Addr().UnsafePointer()
	} else {
		p = unsafeNew(rtypeOf(m.typ(elemOf(g.Type()))))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if q := m.globals[g]; q != nil {
		return q
	}
	m.globals[g] = p
	return p
}

// interpreted reports whether p was built from source.
func (m *machine) interpreted(p *ssa.Package) bool {
	return m.fromSource(p.Pkg) || m.shadows[p.Pkg.Path()] == p.Pkg
}

// settle finds and compiles the functions of all methods of the types that have
// become real, which interfaces and compiled code may lead to, so that what is
// unsupported in them is found before anything runs.
func (m *machine) settle(seen map[*Function]bool) {
	m.tolerant++
	defer func() { m.tolerant-- }()
	for l := m.types.takeFresh(); len(l) > 0; l = m.types.takeFresh() {
		for i, mt := range l {
			m.unsettled = l[i:]
			m.fill(mt, seen)
		}
		m.unsettled = nil
	}
}

// fill completes mt and returns the ids of the methods that were missing. They
// are compiled if seen is not nil.
func (m *machine) fill(mt *methodTable, seen map[*Function]bool) (grown []string) {
	for sel := range types.NewMethodSet(mt.typ).Methods() {
		obj := sel.Obj()
		if mt.get(obj.Id()) != nil || !obj.Exported() && !m.fromSource(obj.Pkg()) {
			continue // an unexported method of an embedded compiled type: nothing interpreted can name it
		}
		s := m.prog.MethodValue(sel)
		if s == nil {
			panic(unsupported("method %s", sel))
		}
		fn := m.function(s)
		mt.funcs.Store(obj.Id(), fn)
		if seen != nil {
			m.prepare(fn, seen)
		}
		grown = append(grown, obj.Id())
	}
	return grown
}

// packages makes prog know the compiled packages that p mentions.
func (m *machine) packages(p *types.Package, seen map[*types.Package]bool) {
	for _, q := range p.Imports() {
		if seen[q] {
			continue
		}
		seen[q] = true
		if q.Path() == check.Path || m.modules.of(q) != nil {
			continue
		}
		m.compiledPackage(q)
		m.packages(q, seen)
	}
}

func (m *machine) compiledPackage(q *types.Package) {
	n := len(q.Scope().Names())
	if size, ok := m.made[q]; ok && size == n {
		return
	}
	m.prog.CreatePackage(q, nil, nil, true)
	m.made[q] = n
}

// build turns a checked package into SSA form.
func (m *machine) build(p *types.Package, files []*ast.File, info *types.Info) *ssa.Package {
	m.substitute(info)
	for _, f := range files {
		order.File(f, p, info)
	}
	m.packages(p, map[*types.Package]bool{})
	sp := m.prog.CreatePackage(p, files, info, false)
	sp.Build()
	return sp
}

// position translates a token.Pos.
func (m *machine) position(pos token.Pos) eval.Pos {
	if !pos.IsValid() {
		return eval.Pos{}
	}
	p := m.fset.Position(pos)
	return eval.Pos{Cell: p.Filename, Line: p.Line, Column: p.Column}
}

// frameAt describes a call of fn; false for functions that are not the learner's.
// Without a pos it has only just begun.
func (m *machine) frameAt(fn *Function, pos token.Pos) (eval.Frame, bool) {
	if fn.ssa == nil {
		return eval.Frame{}, false
	}
	root := fn.ssa
	for root.Parent() != nil {
		root = root.Parent()
	}
	if o := root.Origin(); o != nil {
		root = o
	}
	if root.Pkg == nil || root.Pkg.Pkg.Path() != "main" {
		return eval.Frame{}, false
	}
	return eval.Frame{Func: fn.name, Pos: m.position(cmp.Or(pos, fn.ssa.Pos()))}, true
}

// funcName writes a function's name as Go's tracebacks do, without "main.".
func funcName(s *ssa.Function) string {
	if p := s.Parent(); p != nil {
		n := 1
		for i, a := range p.AnonFuncs {
			if a == s {
				n = i + 1
			}
		}
		outer := funcName(p)
		switch {
		case outer == "":
			return "func" + itoa(n)
		case p.Parent() != nil:
			return outer + "." + itoa(n)
		}
		return outer + ".func" + itoa(n)
	}
	name := s.Name()
	if name == "ˍcell" {
		return ""
	}
	if i := strings.IndexByte(name, '['); i >= 0 {
		name = name[:i] + "[...]"
	}
	if recv := s.Signature.Recv(); recv != nil {
		t := recv.Type()
		star := false
		if p, ok := t.(*types.Pointer); ok {
			t, star = p.Elem(), true
		}
		tn := types.TypeString(t, func(*types.Package) string { return "" })
		if i := strings.IndexByte(tn, '['); i >= 0 {
			tn = tn[:i] + "[...]"
		}
		if star {
			return "(*" + tn + ")." + name
		}
		return tn + "." + name
	}
	return name
}

// explain turns a panic that left the learner's code on t into an Error.
func (m *machine) explain(v any, t *thread) *eval.Error {
	switch x := v.(type) {
	case host.Interrupt:
		if x.Err != nil {
			return x.Err
		}
		return &eval.Error{Name: eval.Interrupted, Value: "interrupted", Frames: m.traceOf(v, t)}
	case *eval.Error:
		return x
	case *unsupportedError:
		return &eval.Error{Name: eval.Unsupported, Value: x.msg}
	}
	text, isRuntime := panicText(v)
	e := &eval.Error{Name: eval.Panic, Value: text, Frames: m.traceOf(v, t)}
	if isRuntime {
		e.Name = eval.RuntimeError
	}
	if len(e.Frames) > 0 {
		e.Pos = e.Frames[0].Pos
	}
	return e
}

// explainOutside is explain for a panic that left the learner's code where
// compiled code had called it.
func (m *machine) explainOutside(v any) *eval.Error {
	t := m.thread()
	defer t.release()
	return m.explain(v, t)
}
