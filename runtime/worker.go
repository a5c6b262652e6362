package runtime

import (
	"sort"
	"sync"

	"braid/runtime/sched"
)

// exits is what runs at the end of the program (threading._register_atexit).
type exits struct {
	mu         sync.Mutex
	hooks      map[int]func(t *Thread) // guarded by mu
	next       int
	alive      int // threads that no executor answers for
	main       *Thread
	finalizing bool
}

// AtExit registers what an executor does at the end of the program, before the
// other threads are waited for, as threading._register_atexit does: by the main
// thread when its function has returned, or, in a program without one, by the
// last thread that ends. cancel forgets it.
func (in *Interpreter) AtExit(hook func(t *Thread)) (cancel func()) {
	e := &in.exits
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.hooks == nil {
		e.hooks = map[int]func(*Thread){}
	}
	e.next++
	id := e.next
	e.hooks[id] = hook
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.hooks, id)
	}
}

// Finalizing tells that the main thread has returned: executors refuse work.
func (in *Interpreter) Finalizing() bool {
	in.exits.mu.Lock()
	defer in.exits.mu.Unlock()
	return in.exits.finalizing
}

// aside tells that the program's end does not wait for the thread.
func (t *Thread) aside() bool { return t.role == daemons || t.role == executors }

func (e *exits) joined(t *Thread) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !t.aside() {
		e.alive++
	}
}

// mainIs makes t the main thread of a run that begins.
func (e *exits) mainIs(t *Thread) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.main, e.finalizing = t, false
}

// leaving runs the hooks if t is the thread whose end is that of the program.
func (in *Interpreter) leaving(t *Thread) {
	for _, hook := range in.exits.leave(t) {
		hook(t)
	}
}

// ended forgets the run that is over. In a virtual World no thread outlives it.
func (e *exits) ended(virtual bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.main, e.finalizing = nil, false
	if virtual {
		e.alive = 0
	}
}

func (e *exits) leave(t *Thread) (hooks []func(*Thread)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if t.aside() {
		return nil
	}
	e.alive--
	switch {
	case t == e.main:
		e.main, e.finalizing = nil, true
	case e.alive > 0 || e.finalizing || e.main != nil:
		return nil
	}
	ids := make([]int, 0, len(e.hooks))
	for id := range e.hooks {
		ids = append(ids, id)
	}
	sort.Ints(ids)
	for _, id := range ids {
		hooks = append(hooks, e.hooks[id])
	}
	return hooks
}

// Worker starts a thread on behalf of an executor, which ends it: no Scope owns
// the thread itself, and the end of the program does not wait for it unless a
// hook of AtExit does.
func (in *Interpreter) Worker(name string, fn func(t *Thread)) *Thread {
	return in.spawn(name, executors, fn)
}

// spawn makes a thread and begins it, owned by nobody.
func (in *Interpreter) spawn(name string, r role, fn func(t *Thread)) *Thread {
	t := in.add(name, r)
	t.proc.Start(func(*sched.Proc) { t.body(fn) })
	return t
}

// role says what the end of the program has to do with a thread.
type role uint8

const (
	plain     role = iota
	mains          // whose end is that of the program
	daemons        // that ends then
	executors      // for which an executor answers
)

// add makes a thread that its Proc lets begin.
func (in *Interpreter) add(name string, r role) *Thread {
	if name == "" {
		name = in.ThreadName()
	}
	in.mu.Lock()
	t := &Thread{in: in, Name: name, id: len(in.threads), role: r}
	in.threads = append(in.threads, t)
	in.mu.Unlock()
	in.exits.joined(t)
	t.proc = in.world.Add(name)
	t.proc.Local = t
	return t
}
