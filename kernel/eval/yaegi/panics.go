package yaegi

import (
	"fmt"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"

	"braid/kernel/eval"
	"braid/kernel/eval/host"
)

func isUpper(r rune) bool { return unicode.IsUpper(r) }

// thrown is a panic on its way through the interpreter, with the place in the
// cell that caused it.
type thrown struct {
	value any
	pos   eval.Pos
}

// Error lets compiled code that recovers (package fmt) print the value.
func (t *thrown) Error() string { return fmt.Sprint(t.value) }

// caught runs f and returns what it panicked with.
func caught(f func()) (r any) {
	defer func() { r = recover() }()
	f()
	return nil
}

func nilDereference() any {
	return caught(func() {
		var p *int
		*p = 1
	})
}

// learners turns a recovered value into the one that Go would have: yaegi's
// operations are reflection, which words nil pointers its own way.
func learners(r any) any {
	switch v := r.(type) {
	case *thrown:
		return v.value
	case runtime.Error:
		return v
	case *reflect.ValueError:
		return nilDereference()
	case string:
		if strings.HasPrefix(v, "reflect") && (strings.Contains(v, "zero Value") || strings.Contains(v, "nil pointer")) {
			return nilDereference()
		}
		if strings.HasPrefix(v, "reflect: call of nil") || strings.Contains(v, "nil func") {
			return nilDereference()
		}
	}
	return r
}

// frame is a call of a learner's function that has defer statements.
type frame struct {
	id      int
	pending []func(int)
	panic   *any
}

var (
	frames  sync.Map // int to *frame, those with deferred calls
	frameID atomic.Int64
)

// deferring runs a body that defers, with Go's rules: the deferred calls run
// in reverse order whatever ends the body, each even if another panics.
func deferring(body func(int)) {
	fr := &frame{id: int(frameID.Add(1))}
	frames.Store(fr.id, fr)
	defer fr.unwind()
	body(fr.id)
}

// unwind is deferred by deferring, and by itself for the rest of the calls.
func (fr *frame) unwind() {
	if r := recover(); r != nil {
		fr.panic = &r
	}
	n := len(fr.pending)
	if n == 0 {
		frames.Delete(fr.id)
		if fr.panic != nil {
			panic(*fr.panic)
		}
		return
	}
	next := fr.pending[n-1]
	fr.pending = fr.pending[:n-1]
	defer fr.unwind()
	next(fr.id)
}

func deferCall(id int, f func(int)) {
	v, ok := frames.Load(id)
	if !ok {
		panic(unsupported("a defer statement outside of its function"))
	}
	fr := v.(*frame)
	fr.pending = append(fr.pending, f)
}

// recoverPanic is the learner's recover() in a function that the frame called
// for its defer statement. An interrupt can't be recovered.
func recoverPanic(id int) any {
	v, ok := frames.Load(id)
	if !ok {
		return nil
	}
	fr := v.(*frame)
	if fr.panic == nil {
		return nil
	}
	r := *fr.panic
	if _, ok := r.(host.Interrupt); ok {
		return nil
	}
	fr.panic = nil
	if g, ok := host.Local().(*goroutine); ok {
		g.forget()
	}
	return learners(r)
}

// goroutine is what the engine keeps for each goroutine of learner code.
type goroutine struct {
	mu    sync.Mutex
	lines []eval.Frame // of the panic under way, innermost first
	at    eval.Pos     // statement of the cell, on its main goroutine
}

func (g *goroutine) forget() {
	g.mu.Lock()
	g.lines = nil
	g.mu.Unlock()
}

// stderr takes the lines that yaegi writes for every interpreted call which a
// panic leaves.
type stderr struct{ p *program }

var panicLine = regexp.MustCompile(`^(?:.*:)?\d+:\d+: panic: main\.([^(]*)\(\.\.\.\)\s*$`)

func (s stderr) Write(b []byte) (int, error) {
	g, ok := host.Local().(*goroutine)
	m := panicLine.FindSubmatch(b)
	if !ok || m == nil {
		return len(b), nil
	}
	name := strings.TrimSuffix(string(m[1]), ".func")
	if f, ok := s.p.frames[name]; ok {
		g.mu.Lock()
		if len(g.lines) < 100 {
			g.lines = append(g.lines, f)
		}
		g.mu.Unlock()
	}
	return len(b), nil
}

// explain words a panic that ended a goroutine.
func explain(r any) *eval.Error {
	var pos eval.Pos
	if t, ok := r.(*thrown); ok {
		pos = t.pos
	}
	var e *eval.Error
	switch v := r.(type) {
	case unsupported:
		e = &eval.Error{Name: eval.Unsupported, Value: "the yaegi engine can't make " + string(v), Notes: []string{"Run the kernel with --engine vm."}}
	default:
		v2 := learners(v)
		if s, ok := v2.(string); ok && strings.HasPrefix(s, "reflect") {
			e = &eval.Error{Name: eval.InternalBug, Value: "the interpreter failed: " + s, Notes: []string{"This is Braid's fault. Run the kernel with --engine vm."}}
			break
		}
		e = host.PanicError(v2)
	}
	g, ok := host.Local().(*goroutine)
	if !ok {
		return e
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(e.Frames) == 0 {
		e.Frames = append([]eval.Frame(nil), g.lines...)
		if g.at != (eval.Pos{}) {
			e.Frames = append(e.Frames, eval.Frame{Pos: g.at})
		}
	}
	if e.Pos == (eval.Pos{}) {
		e.Pos = pos
		if pos == (eval.Pos{}) && len(e.Frames) > 0 {
			e.Pos = e.Frames[0].Pos
		}
	}
	if len(e.Frames) > 0 && pos != (eval.Pos{}) {
		e.Frames[0].Pos = pos
	}
	g.lines = nil
	return e
}
