package vm

import (
	"go/token"
	"go/types"
	"reflect"
	"runtime/metrics"
	"unsafe"

	"golang.org/x/tools/go/ssa"
)

const (
	// sweepEvery is how many cells are committed between two sweeps.
	sweepEvery = 256
	// sweepGrowth is by how many live bytes the heap may grow in between: a cell
	// that makes a large value may be run again and again.
	sweepGrowth = 64 << 20
	// keptPositions is for how many sweeps the positions of cells stay that have
	// left nothing: their closures may still run, and their frames be asked for.
	keptPositions = 8
)

// sweep forgets what cells have left behind that nothing can name any more; what
// still runs or is referred to lives on by that. The package of the cell that is
// about to run stays. e.mu is held.
func (e *Engine) sweep(now *types.Package) {
	e.left = sweepEvery
	e.bases = append(e.bases, token.Pos(e.m.fset.Base()))
	before := token.NoPos
	if n := len(e.bases) - keptPositions; n >= 0 {
		before = e.bases[n]
		e.bases = e.bases[n:]
	}
	e.state = e.state.Sweep(before)
	alive := e.state.Packages()
	alive[now] = true
	e.m.sweep(alive, e.state.Alive)
}

// grown tells whether the heap is so much larger than at the last sweep that old
// variables may be the reason, as far as the collector knows. e.mu is held.
func (e *Engine) grown() bool {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	n := live[0].Value.Uint64()
	if e.heap = min(e.heap, n); n-e.heap < sweepGrowth {
		return false
	}
	e.heap = n
	return true
}

// sweep drops the packages of cells that have nothing in alive, and the variables
// that are not alive themselves: what they hold is garbage then.
func (m *machine) sweep(alive map[*types.Package]bool, isAlive func(types.Object) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	packages := packagesOf(m.prog)
	gone := func(p *ssa.Package) bool { return p != nil && p.Pkg.Path() == "main" && !alive[p.Pkg] }
	for g := range m.globals {
		switch {
		case gone(g.Pkg):
			delete(m.globals, g)
		case g.Pkg.Pkg.Path() == "main" && g.Object() != nil && !isAlive(g.Object()):
			m.globals[g] = forgotten
		}
	}
	var ids []int
	for s, fn := range m.fns {
		if gone(packageOf(s)) {
			delete(m.fns, s)
			if c := fn.body.Load(); c != nil {
				ids = append(ids, c.id)
			}
		}
	}
	for s := range m.redone {
		if gone(s.Pkg) {
			delete(m.redone, s)
		}
	}
	for p, sp := range packages {
		if gone(sp) {
			delete(packages, p)
		}
	}
	m.free(ids...)
}

// packageOf is the package whose source a function comes from; nil for wrappers.
func packageOf(s *ssa.Function) *ssa.Package {
	if o := s.Origin(); o != nil {
		s = o
	}
	return s.Pkg
}

// forgotten is the address of variables that Sweep took for unreachable.
var forgotten = unsafe.Pointer(new(struct{ _ [64]byte }))

// packagesOf gives prog's own table of packages, which it has no way to shrink
// (golang.org/x/tools v0.52.0, go/ssa/ssa.go, Program).
func packagesOf(prog *ssa.Program) map[*types.Package]*ssa.Package {
	f := reflect.ValueOf(prog).Elem().FieldByName("packages")
	return *(*map[*types.Package]*ssa.Package)(f.Addr().UnsafePointer())
}
