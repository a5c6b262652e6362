package runtime

import (
	"braid/runtime/sched"
)

// objectMutex is a PyMutex (Python/lock.c), the one-byte lock of every object of
// a free-threaded build. CPython's spins about 40 times, parks, and after a
// millisecond of waiting is handed over by the unlocker; here waiters are always
// served in order of arrival on the real clock, and in any order under
// exploration.
type objectMutex struct {
	gate   sched.Gate
	held   bool // guarded by gate
	id     int
	lock   sched.Op
	unlock sched.Op
}

func (m *objectMutex) init(o *sched.Object) {
	m.id = o.ID
	m.lock = sched.Op{Kind: sched.Acquire, Object: o, Label: "lock " + o.Name}
	m.unlock = sched.Op{Kind: sched.Release, Object: o, Label: "unlock " + o.Name}
}

// section is a PyCriticalSection on a thread's stack of them. It has its
// mutexes once it got them; while it is suspended it does not hold them.
type section struct {
	mutexes []*objectMutex
	active  bool
}

// CriticalSection is Py_BEGIN_CRITICAL_SECTION(o) … Py_END_CRITICAL_SECTION: body
// runs with o's lock held, unless the thread blocks inside. Then all sections of
// the thread give their locks back until it goes on, and only the innermost is
// sure to be held again. So sections cannot deadlock, and nested ones do not
// promise to hold both locks: that is what CriticalSection2 is for. With a GIL
// build it is nothing but body().
//
// Source: Python/critical_section.c, Include/internal/pycore_critical_section.h.
func (t *Thread) CriticalSection(o *Object, body func()) { t.critical(body, &o.mutex) }

// CriticalSection2 holds the locks of two objects at once, taken in order of
// their addresses (here: of their creation), so that two threads which name them
// in different order do not deadlock.
func (t *Thread) CriticalSection2(a, b *Object, body func()) {
	switch {
	case a == b:
		t.critical(body, &a.mutex)
	case a.mutex.id < b.mutex.id:
		t.critical(body, &a.mutex, &b.mutex)
	default:
		t.critical(body, &b.mutex, &a.mutex)
	}
}

func (t *Thread) critical(body func(), mutexes ...*objectMutex) {
	t.mustHold()
	if t.in.mode != FreeThreaded {
		body()
		return
	}
	s := &section{}
	t.sections = append(t.sections, s)
	for _, m := range mutexes {
		t.lockMutex(m)
	}
	s.mutexes, s.active = mutexes, true
	defer func() {
		r := recover()
		if sched.Aborted(r) { // nothing may wait any more
			if t.in.kind == real {
				t.suspendSection(s)
			}
			panic(r)
		}
		t.endSection(s)
		if r != nil {
			panic(r)
		}
	}()
	body()
}

// endSection is _PyCriticalSection_End: unlock, and resume the section around
// this one if it was suspended.
func (t *Thread) endSection(s *section) {
	t.sections = t.sections[:len(t.sections)-1]
	t.suspendSection(s)
	t.resumeSection()
}

func (t *Thread) lockMutex(m *objectMutex) {
	t.Await("lock of "+m.lock.Object.String(), m.lock, &m.gate, -1, func() bool { return !m.held }, func() { m.held = true })
}

func (t *Thread) suspendSection(s *section) {
	if !s.active {
		return
	}
	s.active = false
	for i := len(s.mutexes) - 1; i >= 0; i-- {
		m := s.mutexes[i]
		t.proc.Do(m.unlock, &m.gate, func() { m.held = false })
	}
}

// suspendSections is _PyCriticalSection_SuspendAll, part of detaching.
func (t *Thread) suspendSections() {
	for i := len(t.sections) - 1; i >= 0; i-- {
		t.suspendSection(t.sections[i])
	}
}

// resumeSection is _PyCriticalSection_Resume, part of attaching: only the
// innermost section gets its locks back.
func (t *Thread) resumeSection() {
	if len(t.sections) == 0 {
		return
	}
	s := t.sections[len(t.sections)-1]
	if s.active || len(s.mutexes) == 0 {
		return
	}
	mutexes := s.mutexes
	s.mutexes = nil // not yet its own: waiting for them detaches, and comes back here
	for _, m := range mutexes {
		t.lockMutex(m)
	}
	s.mutexes, s.active = mutexes, true
}
