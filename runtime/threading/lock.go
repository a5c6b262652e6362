package threading

import (
	"time"

	rt "braid/runtime"
	"braid/runtime/sched"
)

// Forever is the time-out that never comes, Python's timeout=-1 or None.
const Forever = time.Duration(-1)

// Lock is threading.Lock: not owned, not re-entrant. Any thread may release it.
type Lock struct {
	gate    sched.Gate
	acquire sched.Op
	release sched.Op

	// guarded by gate
	locked bool
	holder *rt.Thread // who took it; anybody may release it
}

// NewLock makes a Lock for threads of in. The name is for pictures and
// verdicts; it may be empty.
func NewLock(in *rt.Interpreter, name string) *Lock {
	o := in.World().Object("lock", name)
	return &Lock{
		acquire: sched.Op{Kind: sched.Acquire, Object: o},
		release: sched.Op{Kind: sched.Release, Object: o},
	}
}

// Acquire waits for the lock.
func (l *Lock) Acquire(t *rt.Thread) { l.AcquireFor(t, Forever) }

// TryAcquire is acquire(blocking=False).
func (l *Lock) TryAcquire(t *rt.Thread) bool { return l.AcquireFor(t, 0) }

// AcquireFor is acquire(timeout=…); zero tries once, a negative time-out is
// none. It reports whether the lock was got.
func (l *Lock) AcquireFor(t *rt.Thread, timeout time.Duration) bool {
	return t.Await("lock "+l.acquire.Object.String(), l.acquire, &l.gate, timeout,
		func() bool { return !l.locked }, func() { l.locked, l.holder = true, t })
}

// Release gives the lock back; a RuntimeError if it is not held by anybody.
func (l *Lock) Release(t *rt.Thread) error {
	held := false
	t.Do(l.release, &l.gate, func() { held, l.locked, l.holder = l.locked, false, nil })
	if !held {
		return rt.Raise("RuntimeError", "release unlocked lock")
	}
	return nil
}

// Locked tells whether anybody holds the lock.
func (l *Lock) Locked() bool {
	held := false
	l.gate.With(func() { held = l.locked })
	return held
}

// With is "with lock: body()"; the lock is released however body ends.
func (l *Lock) With(t *rt.Thread, body func()) { with(t, l, body) }

type locker interface {
	Acquire(*rt.Thread)
	Release(*rt.Thread) error
}

func with(t *rt.Thread, l locker, body func()) {
	l.Acquire(t)
	defer func() {
		r := recover()
		if sched.Aborted(r) {
			abandon(t, l)
			panic(r)
		}
		if err := l.Release(t); err != nil && r == nil {
			r = err
		}
		if r != nil {
			panic(r)
		}
	}()
	body()
}

// abandon gives back what a thread holds that was told to end, so that others,
// and later cells, find the lock free. In a virtual World all end together.
func abandon(t *rt.Thread, l locker) {
	if t.Interpreter().World().Virtual() {
		return
	}
	switch l := l.(type) {
	case *Lock:
		t.Do(l.release, &l.gate, func() {
			if l.holder == t {
				l.locked, l.holder = false, nil
			}
		})
	default:
		_ = l.Release(t) // an error if it was given up already, in a wait
	}
}

// RLock is threading.RLock: owned by a thread, which may take it again.
type RLock struct {
	gate    sched.Gate
	owner   *rt.Thread
	count   int
	acquire sched.Op
	release sched.Op
}

// NewRLock makes an RLock for threads of in.
func NewRLock(in *rt.Interpreter, name string) *RLock {
	o := in.World().Object("rlock", name)
	return &RLock{
		acquire: sched.Op{Kind: sched.Acquire, Object: o},
		release: sched.Op{Kind: sched.Release, Object: o},
	}
}

// Acquire waits until the lock is free or the caller's own.
func (l *RLock) Acquire(t *rt.Thread) { l.AcquireFor(t, Forever) }

// AcquireFor is acquire(timeout=…), with a time-out as for Lock.
func (l *RLock) AcquireFor(t *rt.Thread, timeout time.Duration) bool {
	return t.Await("rlock "+l.acquire.Object.String(), l.acquire, &l.gate, timeout,
		func() bool { return l.owner == nil || l.owner == t },
		func() { l.owner = t; l.count++ })
}

// TryAcquire is acquire(blocking=False).
func (l *RLock) TryAcquire(t *rt.Thread) bool { return l.AcquireFor(t, 0) }

// Locked tells whether anybody holds the lock (CPython 3.14).
func (l *RLock) Locked() (held bool) {
	l.gate.With(func() { held = l.owner != nil })
	return held
}

// Release undoes one Acquire of the calling thread.
func (l *RLock) Release(t *rt.Thread) error {
	mine := false
	t.Do(l.release, &l.gate, func() {
		if mine = l.owner == t; !mine {
			return
		}
		if l.count--; l.count == 0 {
			l.owner = nil
		}
	})
	if !mine {
		return rt.Raise("RuntimeError", "cannot release un-acquired lock")
	}
	return nil
}

// With is "with lock: body()".
func (l *RLock) With(t *rt.Thread, body func()) { with(t, l, body) }

// saved is the state that Condition.wait takes off a lock (_release_save) and
// puts back (_acquire_restore).
func (l *RLock) releaseSave(t *rt.Thread) (saved int) {
	t.Do(l.release, &l.gate, func() { saved, l.count, l.owner = l.count, 0, nil })
	return saved
}

func (l *RLock) acquireRestore(t *rt.Thread, saved int) {
	l.Acquire(t)
	l.gate.With(func() { l.count = saved })
}

func (l *RLock) isOwned(t *rt.Thread) bool {
	mine := false
	l.gate.With(func() { mine = l.owner == t })
	return mine
}

func (l *Lock) releaseSave(t *rt.Thread) int { _ = l.Release(t); return 1 }

func (l *Lock) acquireRestore(t *rt.Thread, _ int) { l.Acquire(t) }

// isOwned is Condition._is_owned for a plain Lock: held by somebody.
func (l *Lock) isOwned(*rt.Thread) bool { return l.Locked() }
