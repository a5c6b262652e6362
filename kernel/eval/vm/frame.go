package vm

import (
	"go/token"
	"reflect"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/tools/go/ssa"

	"braid/kernel/eval/host"
)

// op is one compiled instruction.
type op func(f *frame)

// block is a basic block: its instructions, then the choice of the next one
// (nil: the function returns).
type block struct {
	ops  []op
	term func(f *frame) *block
}

// frame is the head of an activation record. Registers follow it in the same
// allocation, each in its Go representation and at its own offset, so that the
// collector, package reflect and compiled code all see real Go values. A frame
// belongs to one thread for ever and is reused through the thread's free list;
// no address of a register outlives the call (compile.go, onFrame).
type frame struct {
	t      *thread
	c      *code
	caller *frame
	next   *frame     // free list
	defers *deferred  // innermost first
	pan    *panicking // what the deferred calls of this frame are unwinding
	rec    *panicking // what a recover() made directly by this frame stops
	pos    token.Pos  // of the last instruction that could call or panic
	state  int32
	depth  int32 // of a function with defer statements: the thread's when it was called
}

const (
	running int32 = iota
	returned
	throwing // its deferred calls have run, and the panic in pan goes on
)

const frameHead = unsafe.Sizeof(frame{})

func (f *frame) at(off uintptr) unsafe.Pointer { return unsafe.Add(unsafe.Pointer(f), off) }

// ld reads a register.
func ld[T any](f *frame, off uintptr) T { return *(*T)(unsafe.Add(unsafe.Pointer(f), off)) }

// st writes a register.
func st[T any](f *frame, off uintptr, v T) { *(*T)(unsafe.Add(unsafe.Pointer(f), off)) = v }

// code is the compiled body of a function. Results and parameters lie at
// offsets that depend on the signature only, so that a body can be replaced.
type code struct {
	fn       *Function
	id       int
	entry    *block
	recover  *block // where a recovered panic continues, or nil
	typ      *rtype
	clearOff uintptr // registers with pointers: cleared when the frame is given back
	clearLen int     // in words
	results  uintptr // offset and length of the results
	resLen   uintptr
	hasDefer bool
	wrapper  bool // a synthetic function that only passes a call on
	consts   []preset
	free     []slot // free variables
}

type preset struct {
	off uintptr
	typ *rtype
	ptr unsafe.Pointer
}

// slot is a register and its type.
type slot struct {
	off uintptr
	typ reflect.Type
}

// Function is a function of the learner's (or of an interpreted library
// package): a place whose body arrives when it is first called, and may change.
type Function struct {
	m      *machine
	ssa    *ssa.Function
	sig    *signature // with the receiver as first parameter
	body   atomic.Pointer[code]
	target atomic.Pointer[Function] // the function redeclared in its place
	mu     sync.Mutex
	env    *envLayout
	reach  []*Function    // functions that the body names
	native unsafe.Pointer // the func value of a compiled function
	name   string

	late    bool   // of a module: built and compiled when it is first called
	refused string // of a module: why it cannot be called

	value     unsafe.Pointer // the func value of a function without free variables
	valueOnce sync.Once
}

// get gives the body, compiling it at first need.
func (fn *Function) get() *code {
	if c := fn.body.Load(); c != nil {
		return c
	}
	return fn.m.compiled(fn)
}

// thread is what one goroutine needs to run: its frames. Goroutines started by
// cells and calls from compiled code each have one of their own while they run.
type thread struct {
	m     *machine
	top   *frame
	base  *frame
	free  []*frame // by code.id
	depth int
	sizes []uintptr // of the frames up to every stackStep-th level
	// created says which go statement started the goroutine.
	created []token.Pos

	goroutine uintptr // whose calls from compiled code it serves (outside.go); constant once it is known
	busy      bool    // it is serving one
}

var threads = sync.Pool{New: func() any { return &thread{} }}

func (m *machine) thread() *thread {
	t := threads.Get().(*thread)
	if t.m != m {
		*t = thread{m: m}
	}
	return t
}

// release gives back a thread whose calls have all returned.
func (t *thread) release() {
	t.top, t.created = nil, nil
	if t.goroutine != 0 {
		t.depth, t.busy = outsideDepth, false
		return
	}
	t.depth = 0
	threads.Put(t)
}

// Interpreted calls nest on the Go stack, some 700 bytes each, and the Go runtime
// ends the process when a stack needs more than it may have. So calls look every
// stackStep levels at what is left; also those that come from compiled code, whose
// threads count anew. Frames are on the heap; they are counted alike. Where the
// stack cannot be measured, maxDepth bounds the nesting.
const (
	stackStep = 128
	maxDepth  = 250_000
	maxFrames = 512 << 20 // bytes of one thread's frames
)

// deep ends the goroutine if its calls are nested too deep.
func (t *thread) deep() {
	used, usable := host.StackRoom()
	step := t.depth / stackStep
	t.sizes = append(t.sizes[:min(step, len(t.sizes))], 0)
	n := t.top.c.typ.size * stackStep // as if the others were like this one
	if step > 0 {
		n += t.sizes[len(t.sizes)-2]
	}
	t.sizes[len(t.sizes)-1] = n
	if used > usable-usable/8 || used == 0 && t.depth > maxDepth || n > maxFrames {
		t.overflow(used + n)
	}
}

// enter takes a frame for a call of c.
func (t *thread) enter(c *code) *frame {
	if c.id < len(t.free) {
		if g := t.free[c.id]; g != nil && g.c == c {
			t.free[c.id] = g.next
			return g
		}
	}
	return c.newFrame(t)
}

func (c *code) newFrame(t *thread) *frame {
	g := (*frame)(unsafeNew(c.typ))
	g.t, g.c = t, c
	for i := range c.consts {
		k := &c.consts[i]
		copyTyped(k.typ, g.at(k.off), k.ptr)
	}
	return g
}

// leave gives a frame back after its results were taken.
func (t *thread) leave(g *frame) {
	c := g.c
	if c.clearLen > fewWords {
		clear(unsafe.Slice((*unsafe.Pointer)(g.at(c.clearOff)), c.clearLen))
	} else {
		for i := range c.clearLen {
			st[unsafe.Pointer](g, c.clearOff+uintptr(i)*wordSize, nil)
		}
	}
	if c.id >= len(t.free) {
		t.grow(c.id)
	}
	g.next = nil
	if n := t.free[c.id]; n != nil && n.c == c { // else of a code that had the number before
		g.next = n
	}
	t.free[c.id] = g
}

// fewWords are cleared one by one: for more, the runtime's way is faster.
const fewWords = 8

func (t *thread) grow(id int) {
	n := make([]*frame, id+id/2+8)
	copy(n, t.free)
	t.free = n
}

// call runs g, whose arguments are in place, as a callee of f (nil: at the
// bottom of its thread).
func (g *frame) call(f *frame) {
	t := g.t
	g.caller = f
	t.top = g
	if t.depth++; t.depth&(stackStep-1) == 1 {
		t.deep()
	}
	if stop.Load() != 0 {
		checkStop()
	}
	c := g.c
	if c.hasDefer {
		g.depth = int32(t.depth)
		g.runDeferring()
		if g.state == throwing {
			g.throw()
		}
	} else {
		for b := c.entry; b != nil; {
			for _, o := range b.ops {
				o(g)
			}
			b = b.term(g)
		}
	}
	t.depth--
	t.top = f
}

func (g *frame) run(b *block) {
	for b != nil {
		for _, o := range b.ops {
			o(g)
		}
		b = b.term(g)
	}
}
