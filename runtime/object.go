package runtime

import (
	"fmt"
	"sync"
	"sync/atomic"

	"braid/runtime/sched"
	"braid/runtime/trace"
)

// Object is a Python object as far as its life is concerned: a payload, a
// reference count kept by one of several schemes, and beside it the number of
// references that really exist, which CPython does not know. What goes wrong
// between the two is recorded: a free while references exist, a use after the
// free, a leak.
//
// Freeing poisons the Object, never Go memory. Sources: Include/refcount.h,
// Objects/object.c, Python/brc.c, PEP 683, PEP 703.
type Object struct {
	in     *Interpreter
	object *sched.Object
	scheme Scheme
	ops    objectOps

	// count is ob_refcnt of the naive and atomic schemes. Naive threads load
	// and store it as plain memory, through load and store.
	count int64
	truth atomic.Int64 // references that exist

	// biased scheme: owner is ob_tid (nil: merged or not yet owned), local
	// ob_ref_local, shared ob_ref_shared.
	owner  atomic.Pointer[Thread]
	merged atomic.Bool // the owner is gone for good, not merely unknown yet
	local  int64
	shared atomic.Int64

	mutex objectMutex // ob_mutex

	mu        sync.Mutex
	payload   any       // guarded by mu
	holds     []*Object // guarded by mu; what tp_traverse visits
	fates     []Fate    // guarded by mu
	finalizer func(*Object)
	finalized bool // guarded by mu; tp_finalize is called once (PEP 442)
	freed     atomic.Bool
}

// Scheme is a way to keep a reference count.
type Scheme uint8

const (
	// Naive is ++ and --: a load, an addition, a store. Right under a GIL.
	Naive Scheme = iota
	// Atomic is one read-modify-write instruction.
	Atomic
	// Biased is PEP 703: the owner counts without atomics, others beside it.
	Biased
	// Immortal objects are not counted (PEP 683).
	Immortal
	// Deferred objects are not counted by the references on thread stacks; only
	// the collector frees them (PEP 703, 3.14's _PyObject_SetDeferredRefcount).
	Deferred
)

func (s Scheme) String() string {
	return [...]string{"naive", "atomic", "biased", "immortal", "deferred"}[s]
}

// immortalCount is _Py_IMMORTAL_INITIAL_REFCNT of 64-bit builds (3.12, 3.13).
const immortalCount = 3 << 30

// Fate is one turn in the life of an Object that the counting itself cannot
// see: the events of package trace, kept with the Object.
type Fate struct {
	Kind   trace.Kind // Free, UseAfter, Leak, Merge
	Thread string     // who did it; "" for the collector or the program's end
	Refs   int        // the counter then
	Truth  int        // references that existed
}

func (f Fate) String() string {
	by := ""
	if f.Thread != "" {
		by = " by " + f.Thread
	}
	return fmt.Sprintf("%s%s (count %d, references %d)", f.Kind, by, f.Refs, f.Truth)
}

type objectOps struct{ load, store, atomic, local, shared, merge, use sched.Op }

// Object makes an object with one reference, that of the code which made it.
// It counts as the Interpreter's build does: naive with a GIL, biased without;
// Naive, Atomic, Biased, Immortal and Deferred choose otherwise.
func (in *Interpreter) Object(payload any) *Object {
	name := fmt.Sprint(payload)
	o := &Object{in: in, payload: payload, object: in.world.Object("object", name), count: 1}
	o.truth.Store(1)
	o.mutex.init(o.object)
	o.name()
	in.objects.add(o)
	if in.mode == FreeThreaded {
		return o.Biased()
	}
	return o
}

// Object makes an object that the calling thread owns.
func (t *Thread) Object(payload any) *Object { return t.in.Object(payload).OwnedBy(t) }

// name prepares the operations, so that counting allocates nothing.
func (o *Object) name() {
	op := func(k sched.Kind, what string) sched.Op {
		return sched.Op{Kind: k, Object: o.object, Label: what + " " + o.object.Name}
	}
	o.ops = objectOps{
		load: op(sched.Read, "load count of"), store: op(sched.Write, "store count of"),
		atomic: op(sched.Step, "count atomically"), local: op(sched.Step, "local count of"),
		shared: op(sched.Step, "shared count of"), merge: op(sched.Step, "merge counts of"),
		use: op(sched.Step, "use"),
	}
}

// Naive, Atomic, Biased, Immortal and Deferred choose the scheme; call them
// before threads use the Object. They return it, for chaining.
func (o *Object) Naive() *Object  { return o.use(Naive, 1) }
func (o *Object) Atomic() *Object { return o.use(Atomic, 1) }

// Biased makes the first thread that counts the Object its owner, as if it had
// made it, unless OwnedBy names one.
func (o *Object) Biased() *Object {
	o.use(Biased, 0)
	o.local = 1
	return o
}

func (o *Object) Immortal() *Object { return o.use(Immortal, immortalCount) }
func (o *Object) Deferred() *Object { return o.use(Deferred, 1) }

func (o *Object) use(s Scheme, count int64) *Object {
	o.scheme, o.count, o.local = s, count, 0
	o.shared.Store(0)
	return o
}

// OwnedBy makes t the owner of a biased count.
func (o *Object) OwnedBy(t *Thread) *Object {
	o.owner.Store(t)
	return o
}

// Finalizer sets what runs before the object is freed (__del__): once, even if
// it makes the object reachable again (PEP 442).
func (o *Object) Finalizer(f func(o *Object)) *Object {
	o.finalizer = f
	return o
}

// Name is what pictures and messages call the object.
func (o *Object) Name() string { return o.object.Name }

// Scheme tells how it is counted.
func (o *Object) Scheme() Scheme { return o.scheme }

// Refs is sys.getrefcount without the reference that asking makes: the counter,
// local and shared together.
func (o *Object) Refs() int {
	if o.scheme == Biased {
		return int(load(&o.local) + o.shared.Load()>>sharedShift)
	}
	return int(load(&o.count))
}

// References is the number of references that exist, which no counter knows.
func (o *Object) References() int { return int(o.truth.Load()) }

// Freed tells whether the object's memory was given back.
func (o *Object) Freed() bool { return o.freed.Load() }

// Fates lists what happened to the object, in order.
func (o *Object) Fates() []Fate {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]Fate(nil), o.fates...)
}

// Premature tells whether it was freed while references existed.
func (o *Object) Premature() bool {
	for _, f := range o.Fates() {
		if f.Kind == trace.Free && f.Truth > 0 {
			return true
		}
	}
	return false
}

// Leaked tells, when threads have ended, that the counter is above the number
// of references: the object will never be freed.
func (o *Object) Leaked() bool {
	return o.scheme != Immortal && !o.Freed() && o.Refs() > o.References()
}

// Verdict sums up a life in words: "ok", "leak", "premature free".
func (o *Object) Verdict() string {
	switch {
	case o.Premature():
		return "premature free"
	case o.Leaked():
		return "leak"
	}
	return "ok"
}

// IncRef is Py_INCREF by thread t, which has a reference to copy.
func (o *Object) IncRef(t *Thread) {
	t.mustHold()
	if o.freed.Load() {
		o.fate(t, trace.UseAfter)
	}
	switch o.scheme {
	case Naive:
		t.Access(o.ops.load)
		n := load(&o.count)
		t.Access(o.ops.store)
		store(&o.count, n+1)
	case Atomic:
		t.Access(o.ops.atomic)
		atomic.AddInt64(&o.count, 1)
	case Biased:
		o.incBiased(t)
	}
	o.truth.Add(1)
	o.counted(t)
}

// DecRef is Py_DECREF by thread t, which gives up one reference. At zero the
// object is freed, rightly or not.
func (o *Object) DecRef(t *Thread) {
	t.mustHold()
	if o.freed.Load() {
		o.fate(t, trace.UseAfter)
	}
	o.truth.Add(-1)
	dead := false
	switch o.scheme {
	case Naive:
		t.Access(o.ops.load)
		n := load(&o.count) - 1
		t.Access(o.ops.store)
		store(&o.count, n)
		dead = n == 0
	case Atomic:
		t.Access(o.ops.atomic)
		dead = atomic.AddInt64(&o.count, -1) == 0
	case Biased:
		dead = o.decBiased(t)
	}
	o.counted(t)
	if dead {
		o.dealloc(t)
	}
}

// counted shows the counts in pictures.
func (o *Object) counted(t *Thread) {
	if o.in.trace == nil {
		return
	}
	o.in.trace.Add(trace.Event{Kind: trace.Refs, Track: t.track(), At: t.Now(), Name: o.Name(),
		Value: float64(o.Refs()), Truth: float64(o.References())})
}

// fate records a turn; t is nil outside of threads.
func (o *Object) fate(t *Thread, k trace.Kind) {
	f := Fate{Kind: k, Refs: o.Refs(), Truth: o.References()}
	e := trace.Event{Kind: k, At: o.in.world.Now(), Name: o.Name(), Value: float64(f.Refs), Truth: float64(f.Truth)}
	if t != nil {
		f.Thread, e.Track = t.Name, t.track()
	}
	o.mu.Lock()
	o.fates = append(o.fates, f)
	o.mu.Unlock()
	o.in.trace.Add(e)
}

// dealloc is _Py_Dealloc: finalize, free, give up what the object held.
func (o *Object) dealloc(t *Thread) {
	if o.freed.Load() {
		return // a double free: its UseAfter is recorded
	}
	if o.finalize() && o.Refs() > 0 {
		return // resurrected
	}
	o.free(t)
	for _, held := range o.clear() {
		held.DecRef(t)
	}
}

// finalize calls the finalizer once and reports whether it did.
func (o *Object) finalize() bool {
	o.mu.Lock()
	again := o.finalized || o.finalizer == nil
	o.finalized = true
	o.mu.Unlock()
	if !again {
		o.finalizer(o)
	}
	return !again
}

func (o *Object) free(t *Thread) {
	if o.freed.CompareAndSwap(false, true) {
		o.fate(t, trace.Free)
		o.in.objects.remove(o)
	}
}

// clear is tp_clear: it forgets what the object held and returns it.
func (o *Object) clear() []*Object {
	o.mu.Lock()
	defer o.mu.Unlock()
	held := o.holds
	o.holds = nil
	return held
}

// Use reads the payload through a reference. If the object was freed under it
// the error is what stands for CPython's crash, or for the foreign data that
// CPython would read instead.
func (o *Object) Use(t *Thread) (any, error) {
	t.mustHold()
	t.Access(o.ops.use)
	if o.freed.Load() {
		o.fate(t, trace.UseAfter)
		return nil, Raise("SystemError", "use after free: object %s was freed; CPython would crash here or read what is there now", Repr(o.Name()))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.payload, nil
}

// Hold makes o refer to other, which costs an INCREF: a list's append.
func (o *Object) Hold(t *Thread, other *Object) {
	other.IncRef(t)
	o.mu.Lock()
	o.holds = append(o.holds, other)
	o.mu.Unlock()
}

// Release undoes one Hold; ValueError if o does not hold other.
func (o *Object) Release(t *Thread, other *Object) error {
	o.mu.Lock()
	found := false
	for i, h := range o.holds {
		if found = h == other; found {
			o.holds = append(o.holds[:i:i], o.holds[i+1:]...)
			break
		}
	}
	o.mu.Unlock()
	if !found {
		return Raise("ValueError", "%s does not hold %s", o.Name(), other.Name())
	}
	other.DecRef(t)
	return nil
}

// mustHold panics with the exception that stands for CPython's fatal error when
// code without a thread state touches objects (Python/pystate.c,
// _Py_EnsureFuncTstateNotNULL).
func (t *Thread) mustHold() {
	if t.detached > 0 {
		panic(errNoThreadState())
	}
}

func errNoThreadState() *Exception {
	return Raise("RuntimeError", "the function must be called with the GIL held, "+
		"after Python initialization and before Python finalization, but the GIL is released "+
		"(the current Python thread state is NULL)")
}
