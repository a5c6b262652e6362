package vm

import (
	"cmp"
	"runtime"
	"strings"
	"sync"
	"unsafe"
)

// Interpreted code that asks who called it is told of its cells and modules, not
// of the VM's own calls, which are what the runtime sees. Program counters of
// interpreted code are numbers that stand for call sites; only interpreted code
// can look them up, compiled code finds nothing behind them.

// callSite is what a program counter of interpreted code stands for.
type callSite struct {
	function string // "main.f", "example.com/greet.(*T).M"
	file     string
	line     int
}

// callSites are all that were asked for. They stay: there are no more than places
// in the source.
var callSites struct {
	mu    sync.Mutex
	list  []*callSite
	index map[callSite]int
	known map[unsafe.Pointer]bool
}

// Code lies nowhere near firstPC. Callers may subtract one from a program counter,
// as from a return address.
const (
	firstPC = 1 << 62
	pcStep  = 16
)

// pc numbers a call site.
func (s callSite) pc() uintptr {
	c := &callSites
	c.mu.Lock()
	defer c.mu.Unlock()
	i, ok := c.index[s]
	if !ok {
		if c.index == nil {
			c.index, c.known = map[callSite]int{}, map[unsafe.Pointer]bool{}
		}
		i = len(c.list)
		c.index[s] = i
		c.list = append(c.list, &s)
		c.known[unsafe.Pointer(&s)] = true
	}
	return firstPC + uintptr(i)*pcStep + pcStep/2
}

// siteOf finds the call site of a program counter, nil if it is one of compiled code.
func siteOf(pc uintptr) *callSite {
	c := &callSites
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := (pc - firstPC) / pcStep; pc >= firstPC && i < uintptr(len(c.list)) {
		return c.list[i]
	}
	return nil
}

// siteBehind tells whether a *runtime.Func stands for a call site.
func siteBehind(p unsafe.Pointer) *callSite {
	callSites.mu.Lock()
	defer callSites.mu.Unlock()
	if callSites.known[p] {
		return (*callSite)(p)
	}
	return nil
}

// callers calls visit for the callers of f's function on the same thread, the
// nearest first, until it returns false.
func (f *frame) callers(visit func(callSite) bool) {
	for g := f.caller; g != nil; g = g.caller {
		fn := g.c.fn
		if g.c.wrapper || fn.ssa == nil {
			continue
		}
		p := fn.m.fset.Position(cmp.Or(g.pos, fn.ssa.Pos()))
		if !visit(callSite{longName(fn), p.Filename, p.Line}) {
			return
		}
	}
}

// longName is the name of a function with its package, as the runtime has it.
func longName(fn *Function) string {
	path := "main"
	if p := packageOf(fn.ssa); p != nil {
		path = p.Pkg.Path()
	}
	return path + "." + cmp.Or(strings.TrimPrefix(fn.name, "."), "main")
}

// callerIntrinsics replace what package runtime has to say of callers.
func callerIntrinsics(all map[string]intrinsicMaker) {
	all["runtime.Caller"] = callerOf
	all["runtime.Callers"] = callersOf
	all["runtime.FuncForPC"] = funcForPC
	all["runtime.Func.Name"] = funcNameOf
	all["runtime.Func.FileLine"] = fileLineOf
	all["runtime.Frames.Next"] = nextFrame
}

func callerOf(fn *Function) op {
	skip, rs := param(fn, 0), fn.sig.results
	return func(f *frame) {
		n := ld[int](f, skip)
		var site callSite
		ok := false
		f.callers(func(s callSite) bool {
			site, ok = s, n == 0
			n--
			return !ok
		})
		pc := uintptr(0)
		if !ok {
			site = callSite{}
		} else {
			pc = site.pc()
		}
		st(f, rs[0].off, pc)
		st(f, rs[1].off, site.file)
		st(f, rs[2].off, site.line)
		st(f, rs[3].off, ok)
	}
}

func callersOf(fn *Function) op {
	skip, pcs, n := param(fn, 0), param(fn, 1), result(fn, 0)
	return func(f *frame) {
		out, left := ld[[]uintptr](f, pcs), ld[int](f, skip)-1 // 0 is runtime.Callers itself
		got := 0
		f.callers(func(s callSite) bool {
			if left--; left >= 0 {
				return true
			}
			if got < len(out) {
				out[got] = s.pc()
				got++
			}
			return got < len(out)
		})
		st(f, n, got)
	}
}

func funcForPC(fn *Function) op {
	pc, r := param(fn, 0), result(fn, 0)
	return func(f *frame) {
		p := unsafe.Pointer(siteOf(ld[uintptr](f, pc)))
		if p == nil {
			p = unsafe.Pointer(runtime.FuncForPC(ld[uintptr](f, pc)))
		}
		st(f, r, p)
	}
}

func funcNameOf(fn *Function) op {
	p, r := param(fn, 0), result(fn, 0)
	return func(f *frame) {
		fp := ld[unsafe.Pointer](f, p)
		if s := siteBehind(fp); s != nil {
			st(f, r, s.function)
			return
		}
		st(f, r, (*runtime.Func)(fp).Name())
	}
}

func fileLineOf(fn *Function) op {
	p, pc, rs := param(fn, 0), param(fn, 1), fn.sig.results
	return func(f *frame) {
		fp, at := ld[unsafe.Pointer](f, p), ld[uintptr](f, pc)
		var file string
		var line int
		if s := siteBehind(fp); s == nil {
			file, line = (*runtime.Func)(fp).FileLine(at)
		} else {
			if here := siteOf(at); here != nil {
				s = here
			}
			file, line = s.file, s.line
		}
		st(f, rs[0].off, file)
		st(f, rs[1].off, line)
	}
}

func nextFrame(fn *Function) op {
	p, rs := param(fn, 0), fn.sig.results
	return func(f *frame) {
		frames := ld[*runtime.Frames](f, p)
		callers := (*[]uintptr)(unsafe.Pointer(frames)) // its first field (go1.26)
		var next runtime.Frame
		more := false
		if s := firstSite(*callers); s != nil {
			next = runtime.Frame{PC: (*callers)[0], Function: s.function, File: s.file, Line: s.line}
			*callers = (*callers)[1:]
			more = len(*callers) > 0
		} else {
			next, more = frames.Next()
		}
		st(f, rs[0].off, next)
		st(f, rs[1].off, more)
	}
}

func firstSite(pcs []uintptr) *callSite {
	if len(pcs) == 0 {
		return nil
	}
	return siteOf(pcs[0])
}
