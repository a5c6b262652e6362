package asyncio

import (
	"iter"
	"runtime/debug"
	"sync"

	rt "braid/runtime"
	"braid/runtime/asyncio/internal/gid"
	"braid/runtime/sched"
)

// fiber is a stack that can be left and entered again: an iter.Pull coroutine.
// It runs one body after the other, so that a loop which starts many short
// tasks makes few of them. Coroutines awaited by the body run on its fiber.
//
// It replaces the frame chain of Objects/genobject.c: resume is gen_send_ex,
// suspend is the YIELD_VALUE at the innermost end.
type fiber struct {
	next  func() (struct{}, bool)
	end   func()
	yield func(struct{}) bool

	loop   *Loop // the loop on whose behalf it runs; nil when driven by hand outside of one
	place  int   // index in loop.fibers
	home   *Loop // the loop in whose pool it rests; nil: ends with its body
	id     uintptr
	body   func(*fiber) (any, error)
	parked bool // suspended inside the body
	idle   bool // no body

	// to the body
	sent   any
	thrown error
	// from the body
	kind yieldKind
	out  any
	err  error

	ending  bool // being killed: every suspension gives GeneratorExit at once
	ignored int
	unwound any           // panic value that must go on in whoever resumes
	frames  []sched.Frame // where it was suspended, in a World that wants to know
}

type yieldKind uint8

const (
	returned yieldKind = iota
	awaits             // for the event loop: a *Future, nil for a bare yield, or a bad yield
	produces           // a generator's value
)

// unwind ends a body that goes on although it was told to end.
type unwind struct{}

// unwinding tells whether a panic belongs to the machinery and must go on.
func unwinding(r any) bool {
	if _, ok := r.(unwind); ok {
		return true
	}
	return sched.Aborted(r)
}

// place of goroutines: which fiber, or else which loop, they run.
type local struct {
	fiber *fiber
	loop  *Loop
	lent  **Context // of a call of Context.Run that runs neither
}

var locals sync.Map // uintptr → *local

// here is what the calling goroutine runs, or nil.
func here() *local {
	if l, ok := locals.Load(gid.Current()); ok {
		return l.(*local)
	}
	return nil
}

// running is the loop that the calling goroutine runs, or nil
// (_asyncio._get_running_loop).
func running() *Loop {
	l := here()
	switch {
	case l == nil:
		return nil
	case l.fiber != nil:
		return l.fiber.loop
	}
	return l.loop
}

func newFiber(home *Loop) *fiber {
	f := &fiber{home: home, idle: true}
	f.next, f.end = iter.Pull(f.main)
	return f
}

// main is what the goroutine of the fiber runs.
func (f *fiber) main(yield func(struct{}) bool) {
	f.yield = yield
	f.id = gid.Current()
	locals.Store(f.id, &local{fiber: f})
	defer locals.Delete(f.id)
	for f.body != nil {
		f.out, f.err = f.run()
		f.kind, f.body, f.idle = returned, nil, true
		if f.home == nil || !yield(struct{}{}) {
			return
		}
	}
}

func (f *fiber) run() (v any, err error) {
	ok := false
	defer func() {
		if ok {
			return
		}
		if r := recover(); unwinding(r) {
			f.unwound = r
		} else if r != nil {
			v, err = nil, rt.FromPanic(r, debug.Stack())
		}
	}()
	v, err = f.body(f)
	ok = true
	return v, err
}

// resume lets the body go on with a value or an exception until it suspends or
// ends. It costs two coroutine switches, about 90 ns.
func (f *fiber) resume(v any, exc error) (yieldKind, any, error) {
	f.sent, f.thrown = v, exc
	f.parked, f.idle = false, false
	f.next()
	if r := f.unwound; r != nil {
		f.unwound = nil
		if _, mine := r.(unwind); !mine {
			panic(r)
		}
	}
	out, err := f.out, f.err
	f.out, f.err = nil, nil
	return f.kind, out, err
}

// suspend gives control to whoever resumed the fiber; it returns what that one
// sends or throws when it resumes again.
func (f *fiber) suspend(kind yieldKind, v any) (any, error) {
	if f.ending {
		f.goesOn()
		return nil, rt.Raise("GeneratorExit", "")
	}
	if f.parked || f.idle || gid.Current() != f.id {
		return nil, rt.Raise("RuntimeError", "this handle belongs to a coroutine that is not running here: use the *Co or *Yielder that the function was given")
	}
	f.kind, f.out = kind, v
	f.parked = true
	if f.loop != nil && f.loop.thread != nil {
		f.frames = f.loop.thread.Proc().Locate()
	}
	if !f.yield(struct{}{}) {
		f.parked, f.ending = false, true
		rt.Unwinding()
		return nil, rt.Raise("GeneratorExit", "")
	}
	if f.ending {
		rt.Unwinding()
	}
	v, exc := f.sent, f.thrown
	f.sent, f.thrown = nil, nil
	return v, exc
}

// goesOn counts what a body does that was told to end, so that one which swallows
// GeneratorExit for ever is unwound.
func (f *fiber) goesOn() {
	if !f.ending {
		return
	}
	if f.ignored++; f.ignored > 1000 {
		panic(unwind{})
	}
}

// kill ends the fiber: a suspended body gets GeneratorExit from this and every
// later suspension, and is unwound if it will not end.
func (f *fiber) kill() {
	f.ending, f.home = true, nil
	if f.parked {
		_, _, _ = f.resume(nil, rt.Raise("GeneratorExit", ""))
	}
	if f.idle || f.parked {
		f.end()
	}
}
