package vm

import (
	"fmt"
	"go/ast"
	"go/types"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/tools/go/ssa"

	"braid/kernel/cell"
	"braid/kernel/check"
	"braid/kernel/check/source"
	"braid/kernel/eval"
	"braid/kernel/eval/host"
	hostsync "braid/kernel/eval/host/sync"
)

// Packages of third-party modules are interpreted like cells, but their
// functions are brought into SSA form and compiled when they are first called: a
// cell uses little of what it imports. What cannot be run in them is therefore
// refused before the cell runs only if the cell names it itself; deeper in a
// module it ends the cell when it is reached, with an Error named Unsupported
// that no recover can hide.
//
// A package is initialised before the statements of the first cell that runs after
// it was imported, with its output and its panics being those of that cell. One
// whose initialisation has failed is tried again by the next cell that names it.

// modules are the packages of modules in a machine.
type modules struct {
	byTypes sync.Map // *types.Package → *module

	mu     sync.Mutex
	fresh  []*module               // not yet in order, as Go's rules have them; guarded by mu
	wanted map[*types.Package]bool // what cells that will run import; guarded by mu
	any    atomic.Bool             // there is something to initialise

	// turn is held while packages are initialised. It guards order and the
	// states of modules, and waiting for it is like waiting for any lock.
	turn  hostsync.Mutex
	order []*module // not yet initialised, as Go's rules have them
}

// module is a package of a module; the word is short for it here.
type module struct {
	src      *source.Package
	ssa      *ssa.Package
	state    initState
	bodiless map[*ssa.Function]bodiless
	late     map[*ssa.Function]bool // functions to be built when they are called
	reflects bool                   // it, or a package that it imports, sees methods by reflection
}

type initState int

const (
	untried initState = iota
	failed
	initialised
)

func (ms *modules) of(p *types.Package) *module {
	if p == nil {
		return nil
	}
	if v, ok := ms.byTypes.Load(p); ok {
		return v.(*module)
	}
	return nil
}

// owns tells whether t is a type that a module declares, or a pointer to one; not
// an instance of a generic one.
func (ms *modules) owns(t types.Type) bool {
	n, ok := baseOf(t).(*types.Named)
	return ok && n.TypeArgs().Len() == 0 && ms.of(n.Obj().Pkg()) != nil
}

// fromSource tells whether p is interpreted: the package of a cell or of a module.
func (m *machine) fromSource(p *types.Package) bool {
	return p != nil && (p.Path() == check.Path || m.modules.of(p) != nil)
}

// loadModules makes ready what p's imports need, so that checking finds it.
func (e *Engine) loadModules(p *eval.Program) *eval.Error {
	for _, q := range p.Packages {
		e.imp.Add(q)
	}
	defer e.takeModules()
	for _, q := range p.Packages {
		if _, err := e.imp.Import(q.Path); err != nil {
			return &eval.Error{Name: eval.CompileError, Value: err.Error()}
		}
	}
	return nil
}

// wantModules notes what a cell imports that will run, or that has run in another
// worker. e.mu is held.
func (e *Engine) wantModules(c *cell.Cell) {
	for _, spec := range c.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil || e.imp.Known(path) == nil {
			continue
		}
		if p, err := e.imp.Import(path); err == nil {
			e.m.modules.want(p)
		}
	}
}

// takeModules gives the machine the packages that were checked. e.mu is held.
func (e *Engine) takeModules() {
	if fresh := e.imp.TakeFresh(); len(fresh) > 0 {
		e.m.addModules(fresh)
	}
}

func (m *machine) addModules(fresh []*source.Package) {
	var added []*module
	for _, p := range fresh {
		mod := &module{src: p, bodiless: map[*ssa.Function]bodiless{}, late: map[*ssa.Function]bool{}}
		mod.reflects = slices.ContainsFunc(p.Types.Imports(), func(q *types.Package) bool {
			dep := m.modules.of(q)
			return dep != nil && dep.reflects || reflective[q.Path()]
		})
		m.modules.byTypes.Store(p.Types, mod)
		m.substitute(p.Info)
		m.packages(p.Types, map[*types.Package]bool{})
		mod.ssa = m.prog.CreatePackage(p.Types, p.Syntax, p.Info, true)
		m.sortFunctions(mod)
		added = append(added, mod)
	}
	ms := &m.modules
	ms.mu.Lock()
	defer ms.mu.Unlock()
	ms.fresh = append(ms.fresh, initOrder(added)...)
}

// want notes that a cell which will run imports p.
func (ms *modules) want(p *types.Package) {
	if ms.of(p) == nil {
		return
	}
	ms.mu.Lock()
	defer ms.mu.Unlock()
	if ms.wanted == nil {
		ms.wanted = map[*types.Package]bool{}
	}
	ms.reach(p, ms.wanted)
	ms.note()
}

// note sets any, as far as fresh goes. ms.mu is held.
func (ms *modules) note() {
	if slices.ContainsFunc(ms.fresh, func(mod *module) bool { return ms.wanted[mod.src.Types] }) {
		ms.any.Store(true)
	}
}

// sortFunctions notes which functions have a body.
func (m *machine) sortFunctions(mod *module) {
	mod.late[mod.ssa.Func("init")] = true
	for _, f := range mod.src.Syntax {
		for _, d := range f.Decls {
			fd, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			obj, _ := mod.src.Info.Defs[fd.Name].(*types.Func)
			s := m.prog.FuncValue(obj)
			switch {
			case s == nil || generic(s):
			case fd.Body != nil:
				mod.late[s] = true
			default:
				mod.bodiless[s] = mod.bodilessOf(f, fd)
			}
		}
	}
}

// bodiless is a function that Go declares only.
type bodiless struct {
	target string // of a go:linkname line
	why    string // there is no body, as half a sentence
}

func (mod *module) bodilessOf(f *ast.File, fd *ast.FuncDecl) bodiless {
	if target := linkTarget(f, fd.Name.Name); target != "" {
		return bodiless{target, "it is " + target + " by a go:linkname line"}
	}
	if l := assembly(mod.src.Foreign); len(l) > 0 {
		return bodiless{"", "it is written in assembly (" + strings.Join(l, ", ") + ")"}
	}
	return bodiless{"", "it has no body in Go"}
}

func assembly(files []string) (l []string) {
	for _, name := range files {
		if strings.HasSuffix(name, ".s") {
			l = append(l, name)
		}
	}
	if len(l) > 3 {
		l = append(l[:3:3], "…")
	}
	return l
}

// linkTarget is the second name of a go:linkname line for a function.
func linkTarget(f *ast.File, name string) string {
	for _, g := range f.Comments {
		for _, c := range g.List {
			if w := strings.Fields(c.Text); len(w) == 3 && w[0] == "//go:linkname" && w[1] == name {
				return w[2]
			}
		}
	}
	return ""
}

// initOrder sorts packages as Go initialises them: the first by path of those
// whose imports are initialised, again and again.
func initOrder(l []*module) (order []*module) {
	slices.SortFunc(l, func(a, b *module) int { return strings.Compare(a.src.Path, b.src.Path) })
	waits := map[*types.Package]bool{}
	for _, mod := range l {
		waits[mod.src.Types] = true
	}
	for len(l) > 0 {
		i := slices.IndexFunc(l, func(mod *module) bool {
			return !slices.ContainsFunc(mod.src.Types.Imports(), func(q *types.Package) bool { return waits[q] })
		})
		delete(waits, l[i].src.Types)
		order = append(order, l[i])
		l = slices.Delete(l, i, i+1)
	}
	return order
}

// initModules initialises what was imported since, on t, which runs a cell that
// names the packages in used.
func (m *machine) initModules(t *thread, used []*check.Import) {
	ms := &m.modules
	if !ms.any.Load() {
		return
	}
	ms.turn.Lock()
	defer ms.turn.Unlock()
	ms.takeFresh()
	named := map[*types.Package]bool{}
	for _, imp := range used {
		ms.reach(imp.Pkg, named)
	}
	var left []*module
	for i, mod := range ms.order {
		if !named[mod.src.Types] && ms.blocked(mod) {
			left = append(left, mod)
			continue
		}
		rest := slices.Concat(left, ms.order[i:])
		m.initModule(t, mod, func() { ms.order = rest })
	}
	ms.order = left
	ms.settled()
}

// initForCall initialises what was imported, in a process of a pool, which runs no
// cell before it is given a function to call.
func (m *machine) initForCall() {
	if !m.modules.any.Load() {
		return
	}
	t := m.thread()
	m.initModules(t, nil)
	t.release()
}

func (ms *modules) takeFresh() {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	ms.fresh = slices.DeleteFunc(ms.fresh, func(mod *module) bool {
		wanted := ms.wanted[mod.src.Types]
		if wanted {
			ms.order = append(ms.order, mod)
		}
		return wanted
	})
}

// settled notes that there is nothing to do, if that is so.
func (ms *modules) settled() {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	ms.any.Store(len(ms.order) > 0)
	ms.note()
}

// blocked tells whether the initialisation of mod, or of what it imports, has
// failed.
func (ms *modules) blocked(mod *module) bool {
	deps := map[*types.Package]bool{}
	ms.reach(mod.src.Types, deps)
	for p := range deps {
		if ms.of(p).state == failed {
			return true
		}
	}
	return false
}

// reach adds p and all that it imports to seen, as far as they are of modules.
func (ms *modules) reach(p *types.Package, seen map[*types.Package]bool) {
	if seen[p] || ms.of(p) == nil {
		return
	}
	seen[p] = true
	for _, q := range p.Imports() {
		ms.reach(q, seen)
	}
}

// initModule initialises mod; undo is called if it does not come to its end.
func (m *machine) initModule(t *thread, mod *module, undo func()) {
	mod.state = failed // until it is done
	defer func() {
		if mod.state != initialised {
			undo()
		}
	}()
	m.embed(mod)
	fn := m.function(mod.ssa.Func("init"))
	m.runFunction(t, fn, nil)
	mod.state = initialised
}

// compileLate builds and compiles a function of a module that is called for the
// first time. What cannot be compiled becomes code that says so.
func (m *machine) compileLate(fn *Function) (c *code) {
	m.exclusive(func() {
		fn.mu.Lock()
		defer fn.mu.Unlock()
		if c = fn.body.Load(); c != nil {
			return
		}
		var why string
		if c, why = m.tryCompile(fn); why != "" {
			c = m.refusing(fn, why)
		}
		fn.body.Store(c)
		dropSSA(fn.ssa)
	})
	return c
}

func (m *machine) tryCompile(fn *Function) (c *code, why string) {
	m.tolerant++
	defer func() {
		m.tolerant--
		if un := recoverUnsupported(recover()); un != nil {
			c, why = nil, un.msg
		}
	}()
	ssaIterate(&ssaBuilder{fns: []*ssa.Function{fn.ssa}})
	c, reach := m.compile(fn)
	seen := map[*Function]bool{}
	for _, r := range reach {
		m.prepare(r, seen)
	}
	m.settle(seen)
	return c, ""
}

// recoverUnsupported passes on what was recovered and is not unsupported.
func recoverUnsupported(v any) *unsupportedError {
	if v == nil {
		return nil
	}
	un, ok := v.(*unsupportedError)
	if !ok {
		panic(v)
	}
	return un
}

// refusing is the body of a function that cannot be run.
func (m *machine) refusing(fn *Function, why string) *code {
	return m.intrinsic(fn, func(*Function) op {
		return func(*frame) {
			panic(host.Interrupt{Err: &eval.Error{Name: eval.Unsupported, Value: why}})
		}
	})
}

// attachModule gives a function without a body what it stands for, or a body that
// says why there is none.
func (m *machine) attachModule(mod *module, fn *Function) {
	b := mod.bodiless[fn.ssa]
	for _, name := range []string{mod.src.Path + "." + fn.ssa.Name(), b.target} {
		if f, ok := standIns()[name]; ok && reflect.TypeOf(f) == fn.sig.typ {
			m.attachNative(fn, funcPointer(reflect.ValueOf(f)))
			return
		}
	}
	fn.refused = fmt.Sprintf("%s cannot be run in a cell: %s, and cells are interpreted; look for a package that does it in Go, or run a program in the shell: !go run .", fn.ssa, b.why)
	fn.body.Store(m.refusing(fn, fn.refused))
}

// moduleOf gives the module that s is declared in, or nil.
func (m *machine) moduleOf(s *ssa.Function) *module {
	if s.Pkg == nil {
		return nil
	}
	return m.modules.of(s.Pkg.Pkg)
}
