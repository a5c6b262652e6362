package host

import (
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"braid/kernel/eval"
)

// The runtime keeps one pointer of profiler labels for each goroutine, which
// goroutines inherit and which costs a nanosecond to read. These two functions
// are on the runtime's list of symbols that other packages may link to
// (go.dev/issue/67401), so no linker flag is needed.

//go:linkname getLabel runtime/pprof.runtime_getProfLabel
func getLabel() unsafe.Pointer

//go:linkname setLabel runtime/pprof.runtime_setProfLabel
func setLabel(unsafe.Pointer)

// label has the layout of the runtime's label: a key and a value.
type label struct{ key, value string }

// labelSet has the layout of the runtime's set of labels, a slice. The capacity,
// which nobody reads, marks the sets that are ours.
type labelSet struct {
	list unsafe.Pointer
	len  int
	cap  int
}

const (
	labelKey  = "braid"
	labelMark = 0x62726169 // "brai"
)

// goroutine is a learner's goroutine: the main one of a run, one of a go
// statement, or the callback of a timer. The profiler label of it and of all
// goroutines that native code starts for it (an HTTP server's, say) points here.
type goroutine struct {
	labels labelSet // must be first: the runtime reads it in goroutine dumps
	run    *Run
	pos    eval.Pos // the go statement; zero for the main goroutine
	main   bool
	begun  time.Time

	// Owned by the goroutine itself, never by its native children.
	id        uintptr       // getg(), to tell it from its native children
	delivered atomic.Uint32 // the interrupt that it has already received; others only read it

	mu    sync.Mutex
	local any // the engine's
	waits *wait
	own   wait // the record of the first wait, so that waiting allocates nothing
	done  bool

	prev, next *goroutine // the list of run, guarded by run.mu
}

// current returns the record of the calling goroutine or of the learner's
// goroutine for which native code started it; nil if it is nobody's.
func current() *goroutine {
	p := (*labelSet)(getLabel())
	if p == nil || p.cap != labelMark {
		return nil
	}
	return (*goroutine)(unsafe.Pointer(p))
}

// owned says whether the calling goroutine is g itself, not a native child.
func (g *goroutine) owned() bool { return g.id == getg() }

func newGoroutine(r *Run, pos eval.Pos) *goroutine {
	return &goroutine{
		labels: labelSet{list: unsafe.Pointer(&r.label), len: 1, cap: labelMark},
		run:    r, pos: pos, begun: time.Now(),
	}
}

// enter makes the calling goroutine g.
func (g *goroutine) enter() {
	g.id = getg()
	setLabel(unsafe.Pointer(g))
}

// Go runs fn on a new goroutine that belongs to the run of the caller (a
// learner's go statement at pos). A panic that leaves fn becomes an error of
// that run; explain, if not nil, turns the panic value into an Error with the
// learner's frames and runs on the panicking goroutine inside the recovering defer.
//
// As in Go, a goroutine's panic ends the program, which is the run: all its
// goroutines are interrupted and its Report has the error. A run that has ended
// already emits the error as an event, and its other goroutines live on.
// A run at its limit of goroutines ends with a LimitError. Costs about 0.5 µs
// beyond Go's own go statement.
func Go(pos eval.Pos, fn func(), explain func(recovered any) *eval.Error) {
	parent := current()
	r := runOf(parent)
	if pos == (eval.Pos{}) {
		pos = parent.where()
	}
	g := newGoroutine(r, pos)
	if parent != nil && parent.owned() {
		g.delivered.Store(parent.delivered.Load())
	}
	if !r.admit(g) {
		Check()
		panic(Interrupt{}) // the cell has ended already: only the caller is left to end
	}
	go spawned(g, fn, explain)
}

// spawned is the root of a goroutine of a go statement. The deadlock detector
// knows it by name.
func spawned(g *goroutine, fn func(), explain func(any) *eval.Error) {
	g.enter()
	defer func() {
		if r := recover(); r != nil {
			g.crashed(r, explain)
		}
		g.run.dismiss(g)
	}()
	fn()
}

// crashed deals with a panic that left the goroutine's function.
func (g *goroutine) crashed(recovered any, explain func(any) *eval.Error) {
	if _, ok := recovered.(Interrupt); ok {
		return
	}
	e := explainWith(explain, recovered)
	if e == nil {
		return
	}
	if n := len(e.Frames); g.pos != (eval.Pos{}) && (n == 0 || !e.Frames[n-1].Created) {
		e.Frames = append(e.Frames, eval.Frame{Pos: g.pos, Created: true})
	}
	g.run.fail(e)
}

// explainWith survives an explain that panics itself.
func explainWith(explain func(any) *eval.Error, recovered any) (e *eval.Error) {
	if f := explainPanic.Load(); explain == nil && f != nil {
		explain = *f
	}
	if explain == nil {
		return PanicError(recovered)
	}
	defer func() {
		if recover() != nil {
			e = PanicError(recovered)
		}
	}()
	return explain(recovered)
}

// PanicError turns a panic value into an Error as Go words it, without frames.
func PanicError(recovered any) *eval.Error {
	switch v := recovered.(type) {
	case Interrupt:
		if v.Err != nil {
			return v.Err
		}
		return &eval.Error{Name: eval.Interrupted, Value: "the cell was interrupted"}
	case *eval.Error:
		return v
	case runtime.Error:
		return &eval.Error{Name: eval.RuntimeError, Value: panicText(v)}
	}
	return &eval.Error{Name: eval.Panic, Value: panicText(recovered)}
}

// SetLocal keeps a value of the engine's for the calling goroutine, such as its
// stack of interpreted frames; Trace explains what it is good for. Goroutines
// that native code starts (an HTTP server's, say) have none: for them SetLocal
// does nothing and Local returns nil.
func SetLocal(v any) {
	if g := current(); g != nil && g.owned() {
		g.mu.Lock()
		g.local = v
		g.mu.Unlock()
	}
}

// Local returns what SetLocal kept for the calling goroutine.
func Local() any {
	if g := current(); g != nil && g.owned() {
		return g.local // only the goroutine itself writes it
	}
	return nil
}

// explainPanic is what Explain has set.
var explainPanic atomic.Pointer[func(recovered any) *eval.Error]

// Explain sets what turns panic values into errors for goroutines that are not
// started by a go statement: those of WaitGroup.Go, timers and context.AfterFunc.
// It is called as the explain of Go is. The last call holds; nil takes it away.
func Explain(explain func(recovered any) *eval.Error) { explainPanic.Store(&explain) }

// trace is what Trace has set.
var trace atomic.Pointer[func(local any) []eval.Frame]

// Trace tells how to find the frames of a goroutine of learner code, innermost
// first, from the value that the engine gave to SetLocal. It is called only
// while that goroutine waits in package host (for the positions of waits whose
// operation has none, such as mu.Lock(), and for reports of deadlocks), or by
// that goroutine itself. The last call holds; nil takes it away.
func Trace(frames func(local any) []eval.Frame) { trace.Store(&frames) }

// frames are the learner's frames of g. The caller is g, or holds g.mu while g waits.
func (g *goroutine) frames() []eval.Frame {
	frames := trace.Load()
	if g == nil || g.local == nil || frames == nil || *frames == nil {
		return nil
	}
	return (*frames)(g.local)
}

// where is the position of the calling goroutine, if the engine knows it.
func (g *goroutine) where() eval.Pos {
	if g == nil || !g.owned() {
		return eval.Pos{}
	}
	if f := g.frames(); len(f) > 0 {
		return f[0].Pos
	}
	return eval.Pos{}
}

func runLabel(id int) label { return label{labelKey, strconv.Itoa(id)} }
