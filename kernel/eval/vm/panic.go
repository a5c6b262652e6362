package vm

import (
	"fmt"
	"go/constant"
	"go/token"
	"reflect"
	"runtime"
	"strconv"
	"sync"
	"unsafe"

	"golang.org/x/tools/go/ssa"

	"braid/kernel/eval"
	"braid/kernel/eval/host"
)

// panicking is one panic on its way through a frame's deferred calls.
type panicking struct {
	value     any
	recovered bool
	goexit    bool
	trace     []eval.Frame
	repanics  int
}

// hidden reports whether a learner's recover() must not see the panic.
func (p *panicking) hidden() bool {
	if p.goexit {
		return true
	}
	switch p.value.(type) {
	case host.Interrupt, *host.Interrupt, *unsupportedError:
		return true
	}
	return false
}

// deferred is a call that waits for the end of a frame.
type deferred struct {
	next *deferred
	call func(f *frame, p *panicking)
}

// runDeferring runs a function that has defer statements: on the Go stack it
// leaves one deferred call, which runs the learner's when a panic or Goexit
// passes; the normal way runs them by the RunDefers instruction.
func (g *frame) runDeferring() {
	g.state = running
	defer g.unwind()
	g.run(g.c.entry)
	g.state = returned
}

// unwind is the deferred half of runDeferring.
func (g *frame) unwind() {
	if g.state == returned {
		return
	}
	v := recover()
	if host.Stop.Load() != 0 {
		host.Unwinding()
	}
	p := &panicking{value: v, goexit: v == nil}
	exiting := p.goexit
	if !p.goexit {
		p.trace = g.t.m.traceOf(v, g.t)
	}
	g.t.depth = int(g.depth)
	g.t.top = g
	g.pan = p
	p = g.drain(p)
	g.pan = nil
	switch {
	case p.goexit && p.value == nil:
		return // Goexit goes on by itself
	case p.recovered:
		g.finishRecovered()
	case exiting:
		g.t.m.noteTrace(p.value, p.trace)
		panic(p.value)
	default:
		// Not from here, on top of what the panic has left: the stack would
		// grow on the way back, and each step take longer than the one before.
		g.state, g.pan = throwing, p
	}
}

// throw lets the panic go on that the deferred calls of g have not recovered.
func (g *frame) throw() {
	p := g.pan
	g.pan = nil
	g.t.m.noteTrace(p.value, p.trace)
	panic(p.value)
}

// drain runs the deferred calls of g under p; a panic of theirs replaces p.
func (g *frame) drain(p *panicking) *panicking {
	for g.defers != nil {
		d := g.defers
		g.defers = d.next
		v, ended, failed := g.runDeferred(d, p)
		g.t.top = g
		switch {
		case ended: // Goexit inside a deferred call
			p = &panicking{goexit: true}
			g.pan = p
		case failed:
			q := &panicking{value: v, trace: g.t.m.traceOf(v, g.t)}
			p = q
			g.pan = p
		case p.recovered && g.defers != nil:
			// The rest runs as after a normal return; a later panic is a new one.
			if q := g.drainNormally(); q != nil {
				return q
			}
			return p
		}
	}
	return p
}

// drainNormally runs the remaining deferred calls after a recovery.
func (g *frame) drainNormally() *panicking {
	p := &panicking{recovered: true}
	g.pan = nil
	for g.defers != nil {
		d := g.defers
		g.defers = d.next
		v, ended, failed := g.runDeferred(d, nil)
		g.t.top = g
		if ended {
			q := &panicking{goexit: true}
			g.pan = q
			return g.drain(q)
		}
		if failed {
			q := &panicking{value: v, trace: g.t.m.traceOf(v, g.t)}
			g.pan = q
			return g.drain(q)
		}
	}
	_ = p
	return nil
}

// runDeferred makes one deferred call and catches what leaves it.
func (g *frame) runDeferred(d *deferred, p *panicking) (v any, ended, failed bool) {
	done := false
	depth := g.t.depth
	defer func() {
		if done {
			return
		}
		g.t.depth = depth
		if v = recover(); v != nil {
			failed = true
			return
		}
		ended = true
	}()
	d.call(g, p)
	done = true
	return
}

// finishRecovered produces the results of a frame whose panic was recovered.
func (g *frame) finishRecovered() {
	if g.c.recover != nil {
		g.run(g.c.recover)
		g.state = returned
		return
	}
	g.clearResults()
	g.state = returned
}

func (g *frame) clearResults() {
	for _, r := range g.c.fn.sig.results {
		clearTyped(rtypeOf(r.typ), g.at(r.off))
	}
}

// runDefers is the RunDefers instruction: the function returns normally.
func (g *frame) runDefers() {
	for g.defers != nil {
		d := g.defers
		g.defers = d.next
		d.call(g, nil)
		g.t.top = g
	}
}

// recovered is the builtin recover.
func (f *frame) recovered() any {
	p := f.rec
	if p == nil || p.recovered || p.hidden() {
		return nil
	}
	p.recovered = true
	return p.value
}

// overflow ends a goroutine whose calls nest too deep, as an interrupt does.
func (t *thread) overflow(used uintptr) {
	frames := t.frames(40)
	value := "stack overflow: " + strconv.Itoa(t.depth) + " calls are nested, which take " + strconv.Itoa(int(used>>20)) + " MiB"
	e := &eval.Error{
		Name:   eval.FatalError,
		Value:  value,
		Frames: frames,
		Notes: []string{"A function probably calls itself without end; a compiled program would end with: goroutine stack exceeds 1000000000-byte limit. " +
			"Calls in a cell need more stack than compiled ones: a recursion that is meant to be so deep needs a loop here."},
	}
	if len(frames) > 0 {
		e.Pos = frames[0].Pos
	}
	host.Fatal(e)
}

// fatal ends the cell with one of Go's fatal errors, which no recover stops.
func (f *frame) fatal(text string) {
	e := &eval.Error{Name: eval.FatalError, Value: text, Frames: f.t.frames(40)}
	if len(e.Frames) > 0 {
		e.Pos = e.Frames[0].Pos
	}
	host.Fatal(e)
}

// frames lists the learner's calls, innermost first, at most n.
func (t *thread) frames(n int) []eval.Frame {
	var r []eval.Frame
	for f := t.top; f != nil && len(r) < n; f = f.caller {
		entering := !f.pos.IsValid() && f.caller != nil && f.caller.c == f.c
		if f.c.wrapper || entering && len(r) == 0 {
			continue
		}
		if fr, ok := t.m.frameAt(f.c.fn, f.pos); ok {
			r = append(r, fr)
		}
	}
	for _, pos := range t.created {
		r = append(r, eval.Frame{Pos: t.m.position(pos), Created: true})
	}
	return r
}

// traces remembers where panics that travel through compiled code started.
type traces struct {
	mu   sync.Mutex
	list []tracedPanic
}

type tracedPanic struct {
	value   eface
	frames  []eval.Frame
	partial bool // the frames of the threads further out are to be added
}

// traceOf gives the frames of the panic with value v that reached t.
func (m *machine) traceOf(v any, t *thread) []eval.Frame {
	e := *efaceOf(&v)
	m.traces.mu.Lock()
	for i := len(m.traces.list) - 1; i >= 0; i-- {
		tp := m.traces.list[i]
		if tp.value != e {
			continue
		}
		m.traces.list = append(m.traces.list[:i], m.traces.list[i+1:]...)
		m.traces.mu.Unlock()
		if tp.partial {
			return append(tp.frames, t.frames(100)...)
		}
		return tp.frames
	}
	m.traces.mu.Unlock()
	return t.frames(100)
}

// noteTrace keeps the frames of a panic that is about to go on by itself.
func (m *machine) noteTrace(v any, frames []eval.Frame) { m.note(v, frames, false) }

// notePartial does so for a panic that leaves its thread.
func (m *machine) notePartial(v any, frames []eval.Frame) { m.note(v, frames, true) }

func (m *machine) note(v any, frames []eval.Frame, partial bool) {
	m.traces.mu.Lock()
	defer m.traces.mu.Unlock()
	if len(m.traces.list) > 64 {
		m.traces.list = m.traces.list[1:]
	}
	m.traces.list = append(m.traces.list, tracedPanic{*efaceOf(&v), frames, partial})
}

// The functions below raise the runtime's own panics, so that their values,
// types and texts are the real ones.

func nilPanic() {
	var p *int
	*p = 0
}

func (f *frame) nilDeref(pos token.Pos) {
	f.pos = pos
	nilPanic()
}

func zeroSized(n int) []struct{} { return make([]struct{}, n) }

func (f *frame) indexPanic(pos token.Pos, i, n int, unsigned bool) {
	f.pos = pos
	s := zeroSized(n)
	if unsigned {
		_ = s[uint(i)]
	}
	_ = s[i]
	panic("vm: index check failed for a valid index")
}

func (f *frame) dividePanic(pos token.Pos) {
	f.pos = pos
	zero := 0
	_ = 1 / zero
	panic("vm: division check failed")
}

var sink int // keeps the compiler from dropping a shift that must panic

func (f *frame) shiftPanic(pos token.Pos) {
	f.pos = pos
	n := -1
	sink = 1 << n
	panic("vm: shift check failed")
}

// runtimeError has a text of the Go runtime where no operation of this
// package can raise the original.
type runtimeError string

func (e runtimeError) Error() string { return "runtime error: " + string(e) }
func (runtimeError) RuntimeError()   {}

// strayYield recognises the panic by which package ssa answers an iterator that
// calls a loop's body when it must not, and gives the register of the loop's
// state, which its block was entered for.
func (c *compiler) strayYield(in *ssa.Panic) (jump uintptr, ok bool) {
	mk, ok := in.X.(*ssa.MakeInterface)
	if !ok {
		return 0, false
	}
	k, ok := mk.X.(*ssa.Const)
	if !ok || k.Value == nil || k.Value.Kind() != constant.String {
		return 0, false
	}
	switch constant.StringVal(k.Value) {
	case "yield function called after range loop exit", "iterator call did not preserve panic":
	default:
		return 0, false
	}
	preds := in.Block().Preds
	if len(preds) != 1 || in.Pos().IsValid() {
		return 0, false
	}
	branch, ok := preds[0].Instrs[len(preds[0].Instrs)-1].(*ssa.If)
	if !ok {
		return 0, false
	}
	cond, ok := branch.Cond.(*ssa.BinOp)
	if !ok {
		return 0, false
	}
	return c.reg(cond.X), true
}

// yieldPanic raises the runtime's error for a loop in the state that package
// ssa calls jump: −1 while its body runs, −2 after the loop, else the way out of
// the loop that the body has taken.
func (f *frame) yieldPanic(pos token.Pos, jump int, resuming bool) {
	f.pos = pos
	switch {
	case resuming:
		panic(runtimeError("range function recovered a loop body panic and did not resume panicking"))
	case jump == -1:
		panic(runtimeError("range function continued iteration after loop body panic"))
	case jump == -2:
		panic(runtimeError("range function continued iteration after whole loop exit"))
	}
	panic(runtimeError("range function continued iteration after function for loop body returned false"))
}

// typeAssertionError mirrors runtime.TypeAssertionError.
type typeAssertionError struct {
	iface, concrete, asserted *rtype
	missing                   string
}

func newTypeAssertionError(iface, concrete, asserted *rtype, missing string) error {
	e := new(runtime.TypeAssertionError)
	*(*typeAssertionError)(unsafe.Pointer(e)) = typeAssertionError{iface, concrete, asserted, missing}
	return e
}

// panicText is what Go prints after "panic: " for v.
func panicText(v any) (text string, runtimeErr bool) {
	defer func() {
		if r := recover(); r != nil {
			text = fmt.Sprintf("%v (and its text could not be made: %v)", reflect.TypeOf(v), r)
		}
	}()
	switch x := v.(type) {
	case nil:
		return "nil", false
	case runtime.Error:
		return x.Error(), true
	case error:
		return x.Error(), false
	case interface{ String() string }:
		return x.String(), false
	}
	r := reflect.ValueOf(v)
	var s string
	switch r.Kind() {
	case reflect.Bool:
		s = strconv.FormatBool(r.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		s = strconv.FormatInt(r.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		s = strconv.FormatUint(r.Uint(), 10)
	case reflect.Float32, reflect.Float64:
		s = printFloat(r.Float())
	case reflect.Complex64, reflect.Complex128:
		c := r.Complex()
		s = "(" + printFloat(real(c)) + printFloat(imag(c)) + "i)"
	case reflect.String:
		s = r.String()
		if r.Type().PkgPath() != "" {
			s = `"` + s + `"`
		}
	default:
		// Go prints an address; the contents say more.
		return fmt.Sprintf("(%T) %+v", v, v), false
	}
	if r.Type().PkgPath() != "" {
		s = r.Type().String() + "(" + s + ")"
	}
	return s, false
}
