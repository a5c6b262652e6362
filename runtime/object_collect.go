package runtime

import (
	"sort"
	"sync"

	"braid/runtime/sched"
	"braid/runtime/trace"
)

// stopRequest is the bit of a thread's eval breaker by which the collector stops
// it (_PY_EVAL_PLEASE_STOP_BIT).
const stopRequest = 1 << 2

// heap is the list of the living Objects of an Interpreter, and what stops its
// threads while they are looked at.
type heap struct {
	mu      sync.Mutex
	living  map[*Object]bool // guarded by mu
	stopped sync.RWMutex     // real free-threaded threads hold it while attached
}

func (h *heap) add(o *Object) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.living == nil {
		h.living = map[*Object]bool{}
	}
	h.living[o] = true
}

func (h *heap) remove(o *Object) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.living, o)
}

// list returns the living Objects in order of creation.
func (h *heap) list() []*Object {
	h.mu.Lock()
	all := make([]*Object, 0, len(h.living))
	for o := range h.living {
		all = append(all, o)
	}
	h.mu.Unlock()
	sort.Slice(all, func(i, j int) bool { return all[i].object.ID < all[j].object.ID })
	return all
}

// Collect is gc.collect() from outside of threads: it frees what only cycles
// keep alive and returns how many objects that were. Threads that run are
// stopped meanwhile, but for the time of finalizers.
func (in *Interpreter) Collect() int { return in.collect(nil) }

// Collect is gc.collect() by a thread. The free-threaded collector stops all
// others (Python/gc_free_threading.c); under a GIL they stand still anyway.
func (t *Thread) Collect() int {
	t.mustHold()
	t.Access(sched.Op{Kind: sched.Step, Label: "collect garbage"})
	if t.in.kind != real || t.in.mode != FreeThreaded {
		return t.in.collect(t)
	}
	n := 0
	t.AllowThreads(trace.NativeIn, "collect garbage", func() { n = t.in.collect(t) })
	return n
}

// collect is gc_collect_main without generations (the free-threaded collector
// has none): references from inside are subtracted from the counts; what keeps
// none, and is not reached from what does, is garbage. Finalizers run with the
// world started, so it is looked at a second time.
func (in *Interpreter) collect(t *Thread) int {
	in.stopTheWorld()
	garbage := in.unreachable()
	in.startTheWorld()
	for _, o := range garbage {
		o.finalize()
	}
	in.stopTheWorld()
	garbage = intersect(garbage, in.unreachable()) // a finalizer may have resurrected some
	orphans := in.sweep(t, garbage)
	in.startTheWorld()
	for _, o := range orphans {
		o.dealloc(t)
	}
	return len(garbage)
}

// sweep frees the garbage and returns what lost its last reference by that.
func (in *Interpreter) sweep(t *Thread, garbage []*Object) (orphans []*Object) {
	dead := map[*Object]bool{}
	for _, o := range garbage {
		dead[o] = true
		o.free(t)
	}
	for _, o := range garbage {
		for _, held := range o.clear() {
			held.truth.Add(-1)
			if !dead[held] && held.uncount() {
				orphans = append(orphans, held)
			}
		}
	}
	return orphans
}

// uncount is a DECREF while nobody else runs.
func (o *Object) uncount() (dead bool) {
	switch o.scheme {
	case Naive, Atomic:
		store(&o.count, load(&o.count)-1)
		return load(&o.count) == 0
	case Biased:
		return o.explicitMerge(nil, -1)
	}
	return false
}

func (in *Interpreter) unreachable() []*Object {
	all := in.objects.list()
	outside := map[*Object]int{} // gc_refs
	for _, o := range all {
		outside[o] = o.Refs()
		if o.scheme == Deferred {
			outside[o] = o.References() // the collector looks at the thread stacks
		}
	}
	for _, o := range all {
		for _, held := range o.held() {
			outside[held]--
		}
	}
	reached := map[*Object]bool{}
	var reach func(o *Object)
	reach = func(o *Object) {
		if reached[o] {
			return
		}
		reached[o] = true
		for _, held := range o.held() {
			reach(held)
		}
	}
	for _, o := range all {
		if outside[o] > 0 || o.scheme == Immortal {
			reach(o)
		}
	}
	var garbage []*Object
	for _, o := range all {
		if !reached[o] {
			garbage = append(garbage, o)
		}
	}
	return garbage
}

func (o *Object) held() []*Object {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]*Object(nil), o.holds...)
}

func intersect(a, b []*Object) (both []*Object) {
	in := map[*Object]bool{}
	for _, o := range b {
		in[o] = true
	}
	for _, o := range a {
		if in[o] {
			both = append(both, o)
		}
	}
	return both
}

// Leaks lists the objects whose counter is above the references that exist, and
// records each as a Leak; ask when all threads have ended.
func (in *Interpreter) Leaks() []*Object {
	var leaks []*Object
	for _, o := range in.objects.list() {
		if o.Leaked() {
			o.fate(nil, trace.Leak)
			leaks = append(leaks, o)
		}
	}
	return leaks
}

// stopTheWorld waits until every attached thread of a real free-threaded
// Interpreter stands at a check point (Python/pystate.c, stop_the_world).
// Elsewhere whoever collects is the only one that runs.
func (in *Interpreter) stopTheWorld() {
	if in.kind != real || in.mode != FreeThreaded {
		return
	}
	in.mu.Lock()
	for _, t := range in.threads {
		t.breaker.Or(stopRequest)
	}
	in.mu.Unlock()
	in.objects.stopped.Lock()
}

func (in *Interpreter) startTheWorld() {
	if in.kind == real && in.mode == FreeThreaded {
		in.objects.stopped.Unlock()
	}
}

// enter and leave tell the collector that the thread runs: from attach to
// detach, but for stops at check points.
func (t *Thread) enter() {
	if t.in.kind == real && t.in.mode == FreeThreaded && !t.inside {
		t.in.objects.stopped.RLock()
		t.inside = true
	}
}

func (t *Thread) leave() {
	if t.inside {
		t.inside = false
		t.in.objects.stopped.RUnlock()
	}
}
