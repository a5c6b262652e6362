package runtime

import (
	"sync"

	"braid/runtime/trace"
)

// RefState is the state in the two low bits of ob_ref_shared. It only goes up.
type RefState uint8

const (
	// RefInit: no other thread has touched the count (or only added to it).
	RefInit RefState = iota
	// RefMaybeWeakref: weak references may exist; a zero count must be merged.
	RefMaybeWeakref
	// RefQueued: the owner has been asked to merge the two counts.
	RefQueued
	// RefMerged: one count is left, and no owner.
	RefMerged
)

func (s RefState) String() string {
	return [...]string{"init", "maybe-weakref", "queued", "merged"}[s&3]
}

const (
	sharedShift = 2 // _Py_REF_SHARED_SHIFT
	sharedFlags = 1<<sharedShift - 1
	sharedOne   = 1 << sharedShift
)

// Local is ob_ref_local, Shared the count in ob_ref_shared (it may be
// negative), State the state beside it, Owner the name of ob_tid's thread ("" if
// there is none).
func (o *Object) Local() int      { return int(load(&o.local)) }
func (o *Object) Shared() int     { return int(o.shared.Load() >> sharedShift) }
func (o *Object) State() RefState { return RefState(o.shared.Load() & sharedFlags) }

func (o *Object) Owner() string {
	if t := o.owner.Load(); t != nil {
		return t.Name
	}
	return ""
}

// WeakRef notes that weak references to a biased object exist, as the first
// weakref.ref does (_PyObject_SetMaybeWeakref).
func (o *Object) WeakRef(t *Thread) {
	t.mustHold()
	t.Access(o.ops.shared)
	for {
		s := o.shared.Load()
		if s&sharedFlags != 0 || o.shared.CompareAndSwap(s, s|int64(RefMaybeWeakref)) {
			return
		}
	}
}

// owned tells whether t is the owner. An object made outside of threads is
// taken by the first that counts it.
func (o *Object) owned(t *Thread) bool {
	if o.owner.Load() == nil && !o.merged.Load() {
		o.owner.CompareAndSwap(nil, t)
	}
	return o.owner.Load() == t
}

// incBiased is Py_INCREF of the free-threaded build.
func (o *Object) incBiased(t *Thread) {
	if o.owned(t) {
		t.Access(o.ops.local)
		store(&o.local, load(&o.local)+1)
		return
	}
	t.Access(o.ops.shared)
	o.shared.Add(sharedOne)
}

// decBiased is Py_DECREF of the free-threaded build; it reports whether the
// object is dead.
func (o *Object) decBiased(t *Thread) bool {
	if !o.owned(t) {
		return o.decShared(t)
	}
	t.Access(o.ops.local)
	n := load(&o.local) - 1
	store(&o.local, n)
	return n == 0 && o.mergeZeroLocal(t)
}

// mergeZeroLocal is _Py_MergeZeroLocalRefcount.
func (o *Object) mergeZeroLocal(t *Thread) bool {
	t.Access(o.ops.merge)
	if o.shared.Load() == 0 {
		return true // nobody else ever counted: no atomic read-modify-write
	}
	o.disown()
	for {
		s := o.shared.Load()
		if o.shared.CompareAndSwap(s, s&^sharedFlags|int64(RefMerged)) {
			o.fate(t, trace.Merge)
			return s>>sharedShift == 0
		}
	}
}

func (o *Object) disown() {
	o.merged.Store(true)
	o.owner.Store(nil)
}

// decShared is _Py_DecRefShared: the last reference that the shared count knows
// of is not subtracted but given to the owner's queue.
func (o *Object) decShared(t *Thread) bool {
	t.Access(o.ops.shared)
	for {
		s := o.shared.Load()
		queue := s == 0 || s == int64(RefMaybeWeakref)
		next := s - sharedOne
		if queue {
			next = int64(RefQueued)
		}
		if !o.shared.CompareAndSwap(s, next) {
			continue
		}
		if queue {
			return o.enqueue(t)
		}
		return next == int64(RefMerged)
	}
}

// enqueue is _Py_brc_queue_object: ask the owner to merge at its next check
// point, or do its work if it is gone. It reports whether the object is dead.
func (o *Object) enqueue(t *Thread) bool {
	t.Access(o.ops.merge)
	owner := o.owner.Load()
	if owner == nil { // merged meanwhile: an ordinary DECREF
		return o.decShared(t)
	}
	if owner.brc.push(o) {
		owner.breaker.Or(mergeRequest)
		return false
	}
	return o.explicitMerge(t, -1)
}

// explicitMerge is _Py_ExplicitMergeRefcount: both counts become one, with
// extra added; it reports whether that is zero.
func (o *Object) explicitMerge(t *Thread, extra int64) bool {
	for {
		s := o.shared.Load()
		if RefState(s&sharedFlags) == RefMerged {
			return o.shared.Add(extra<<sharedShift) == int64(RefMerged)
		}
		n := s>>sharedShift + load(&o.local) + extra
		if o.shared.CompareAndSwap(s, n<<sharedShift|int64(RefMerged)) {
			store(&o.local, 0)
			o.disown()
			o.fate(t, trace.Merge)
			return n == 0
		}
	}
}

// mergeQueue is a thread's objects_to_merge (struct _brc_thread_state).
type mergeQueue struct {
	mu      sync.Mutex
	objects []*Object // guarded by mu
	gone    bool      // guarded by mu; the thread has ended
}

func (q *mergeQueue) push(o *Object) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.gone {
		q.objects = append(q.objects, o)
	}
	return !q.gone
}

func (q *mergeQueue) take(last bool) []*Object {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.objects
	q.objects, q.gone = nil, q.gone || last
	return all
}

// mergeQueued is _Py_brc_merge_refcounts, at a check point of the owner: the
// queue's own reference goes with the merge.
func (t *Thread) mergeQueued() { t.merge(t.brc.take(false)) }

func (t *Thread) merge(objects []*Object) {
	for _, o := range objects {
		t.Access(o.ops.merge)
		if o.explicitMerge(t, -1) {
			o.dealloc(t)
		}
	}
}

// leaveObjects is what a thread does with its queue when it ends
// (_Py_brc_remove_thread): from now on others merge for it.
func (t *Thread) leaveObjects() { t.merge(t.brc.take(true)) }
