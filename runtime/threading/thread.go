package threading

import (
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	rt "braid/runtime"
	"braid/runtime/sched"
)

// Thread is threading.Thread: made first, started once, joined by others.
type Thread struct {
	in     *rt.Interpreter
	class  string
	target func(t *rt.Thread)

	gate   sched.Gate
	object *sched.Object

	// guarded by gate
	name   string
	daemon daemonFlag
	self   *rt.Thread // nil before Start
	begun  bool       // it runs
	ended  bool
}

// daemonFlag is the daemon argument of the constructor: unset means "as the
// thread that starts it".
type daemonFlag int8

const (
	inherited daemonFlag = iota
	no
	yes
)

// NewThread makes a thread that will run target. An empty name becomes
// "Thread-n", counted as CPython counts, when threads are made. (CPython puts
// the name of the target behind it; a Go function has none that a cell knows.)
func NewThread(in *rt.Interpreter, name string, target func(t *rt.Thread)) *Thread {
	if name == "" {
		name = in.ThreadName()
	}
	return &Thread{in: in, class: "Thread", name: name, target: target, object: in.World().Object("thread", name)}
}

// NewDaemon is Thread(daemon=True).
func NewDaemon(in *rt.Interpreter, name string, target func(t *rt.Thread)) *Thread {
	th := NewThread(in, name, target)
	th.daemon = yes
	return th
}

// SetDaemon marks a thread that the program does not wait for at its end. A
// thread that was not marked is what the thread is that starts it.
func (th *Thread) SetDaemon(daemon bool) (err error) {
	th.gate.With(func() {
		switch {
		case th.begun:
			err = rt.Raise("RuntimeError", "cannot set daemon status of active thread")
		case daemon:
			th.daemon = yes
		default:
			th.daemon = no
		}
	})
	return err
}

// Daemon tells whether the thread is a daemon.
func (th *Thread) Daemon() (is bool) {
	th.gate.With(func() { is = th.daemon == yes })
	return is
}

// Name is the thread's name.
func (th *Thread) Name() (name string) {
	th.gate.With(func() { name = th.name })
	return name
}

// SetName renames the thread: "It has no semantics", says CPython's manual.
func (th *Thread) SetName(name string) {
	th.gate.With(func() { th.name = name })
}

// Ident is the thread's number, from 1, or 0 before it was started (None). It is
// the same in every run of a program, where CPython's is an address.
func (th *Thread) Ident() (id int) {
	th.gate.With(func() {
		if th.self != nil {
			id = th.self.ID() + 1
		}
	})
	return id
}

// String is repr(th): "<Thread(worker, started daemon 3)>".
func (th *Thread) String() string {
	var name, status string
	th.gate.With(func() {
		name, status = th.name, "initial"
		switch {
		case th.ended:
			status = "stopped"
		case th.self != nil:
			status = "started"
		}
		if th.daemon == yes {
			status += " daemon"
		}
		if th.self != nil {
			status += fmt.Sprint(" ", th.self.ID()+1)
		}
	})
	return fmt.Sprintf("<%s(%s, %s)>", th.class, name, status)
}

// Start begins the thread's activity. As in CPython it returns when the new
// thread runs, which has the GIL then: what the target prints first usually
// comes before what the caller prints next. (Under exploration it returns at
// once: the thread may begin any time.)
func (th *Thread) Start(t *rt.Thread) error {
	again := false
	var name string
	var daemon bool
	th.gate.With(func() {
		if again = th.begun; again {
			return
		}
		th.begun = true
		if th.daemon == inherited {
			th.daemon = no
			if CurrentThread(t).Daemon() {
				th.daemon = yes
			}
		}
		name, daemon = th.name, th.daemon == yes
	})
	if again {
		return rt.Raise("RuntimeError", "threads can only be started once")
	}
	start := th.in.Go
	if daemon {
		start = th.in.Daemon
	}
	running := NewEvent(th.in, "")
	self := start(name, func(self *rt.Thread) {
		th.become(self)
		if !explored(self) {
			running.Set(self)
		}
		th.run(self)
	})
	th.become(self)
	if !explored(t) {
		running.Wait(t, Forever)
	}
	return nil
}

func explored(t *rt.Thread) bool { return t.Interpreter().Explored() }

// become ties the object to the thread that runs it, whichever of the two
// threads comes first.
func (th *Thread) become(self *rt.Thread) {
	first := false
	th.gate.With(func() { first, th.self = th.self == nil, self })
	if first {
		stateOf(th.in).add(self, th)
	}
}

// run is Thread._bootstrap_inner: an exception goes to the hook and ends there.
func (th *Thread) run(self *rt.Thread) {
	defer func() {
		r := recover()
		if sched.Aborted(r) {
			if !self.Interpreter().World().Virtual() {
				th.end(self)
			}
			panic(r)
		}
		if r == nil {
			th.end(self)
			return
		}
		e := rt.FromPanic(r, debug.Stack())
		th.died(self, e)
		th.end(self)
		panic(e) // rt keeps it for Err
	}()
	if th.target != nil {
		th.target(self)
	}
}

func (th *Thread) end(self *rt.Thread) {
	self.Do(sched.Op{Kind: sched.Notify, Object: th.object, Label: "end"}, &th.gate, func() { th.ended = true })
}

// IsAlive tells whether the thread was started and has not ended.
func (th *Thread) IsAlive() (is bool) {
	th.gate.With(func() { is = th.self != nil && !th.ended })
	return is
}

// Join waits until the thread has ended, or the time has passed; IsAlive tells
// which. RuntimeError if that can never be: before Start, and for oneself.
func (th *Thread) Join(t *rt.Thread, timeout time.Duration) error {
	var self *rt.Thread
	th.gate.With(func() { self = th.self })
	switch {
	case self == nil:
		return rt.Raise("RuntimeError", "cannot join thread before it is started")
	case self == t:
		return rt.Raise("RuntimeError", "cannot join current thread")
	}
	name := th.Name()
	t.Await("join "+name, sched.Op{Kind: sched.Wait, Object: th.object, Label: "join " + name}, &th.gate, timeout,
		func() bool { return th.ended }, func() {})
	return nil
}

// Err is the exception that ended the thread, or nil; ask after Join. CPython
// forgets it once the hook has seen it.
func (th *Thread) Err() error {
	var self *rt.Thread
	th.gate.With(func() { self = th.self })
	if self == nil {
		return nil
	}
	return self.Err()
}

// ExceptHookArgs is what threading.excepthook is told of a thread that died.
type ExceptHookArgs struct {
	Type   string // "ValueError"
	Value  *rt.Exception
	Thread *Thread
}

// SetExceptHook is threading.excepthook = hook, for the threads of in; nil
// brings the original back, ExceptHook.
func SetExceptHook(in *rt.Interpreter, hook func(t *rt.Thread, args ExceptHookArgs)) {
	s := stateOf(in)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = hook
}

// ExceptHook is the original threading.excepthook: it writes the exception to
// stderr, with the stacks of the panic if it was one, and says nothing of
// SystemExit.
func ExceptHook(_ *rt.Thread, args ExceptHookArgs) {
	if args.Type == "SystemExit" {
		return
	}
	fmt.Fprintf(rt.Stderr(), "Exception in thread %s:\n%s", args.Thread.Name(), rt.Traceback(args.Value))
}

// died tells the hook. Under exploration the original one would write a million
// times, and is left out.
func (th *Thread) died(self *rt.Thread, e *rt.Exception) {
	s := stateOf(th.in)
	s.mu.Lock()
	hook := s.hook
	s.mu.Unlock()
	if hook == nil {
		if explored(self) {
			return
		}
		hook = ExceptHook
	}
	hook(self, ExceptHookArgs{Type: e.Type, Value: e, Thread: th})
}

// state is the module's state for an Interpreter.
type state struct {
	mu     sync.Mutex
	active []entry // guarded by mu; in order of start
	hook   func(t *rt.Thread, args ExceptHookArgs)
}

type entry struct {
	self *rt.Thread
	th   *Thread
}

type stateKey struct{}

func stateOf(in *rt.Interpreter) *state {
	return in.Module(stateKey{}, func() any { return &state{} }).(*state)
}

func (s *state) add(self *rt.Thread, th *Thread) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active = append(slices.DeleteFunc(s.active, func(e entry) bool { return e.self.Ended() }), entry{self, th})
}

// CurrentThread is threading.current_thread(): the object of the calling thread.
// One that rt started gets an object when it is first asked for.
func CurrentThread(t *rt.Thread) *Thread {
	s := stateOf(t.Interpreter())
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.object(t)
}

// object finds or makes the object of a thread; s.mu is held.
func (s *state) object(t *rt.Thread) *Thread {
	for _, e := range s.active {
		if e.self == t {
			return e.th
		}
	}
	th := &Thread{in: t.Interpreter(), class: "Thread", name: t.Name, self: t, begun: true, daemon: no}
	if t.Main() {
		th.class = "_MainThread"
	}
	th.object = th.in.World().Object("thread", t.Name)
	s.active = append(s.active, entry{t, th})
	return th
}

// MainThread is threading.main_thread(), or nil in a program that is nothing but
// its threads.
func MainThread(in *rt.Interpreter) *Thread {
	for _, t := range in.Living() {
		if t.Main() {
			return CurrentThread(t)
		}
	}
	return nil
}

// Enumerate is threading.enumerate(): all threads that were started and have not
// ended, in order of their start.
func Enumerate(in *rt.Interpreter) []*Thread {
	s := stateOf(in)
	var all []*Thread
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range in.Living() {
		if th := s.object(t); th.IsAlive() {
			all = append(all, th)
		}
	}
	return all
}

// ActiveCount is threading.active_count().
func ActiveCount(in *rt.Interpreter) int { return len(Enumerate(in)) }

// GetIdent is threading.get_ident(): the calling thread's number.
func GetIdent(t *rt.Thread) int { return t.ID() + 1 }

// Timer is threading.Timer: runs a function after an interval, unless it is
// cancelled first.
type Timer struct {
	*Thread
	finished *Event
}

// NewTimer makes a Timer; Start begins to count.
func NewTimer(in *rt.Interpreter, interval time.Duration, function func(t *rt.Thread)) *Timer {
	tm := &Timer{finished: NewEvent(in, "")}
	tm.Thread = NewThread(in, "", func(t *rt.Thread) {
		tm.finished.Wait(t, max(interval, 0))
		if !tm.finished.IsSet() {
			function(t)
		}
		tm.finished.Set(t)
	})
	tm.class = "Timer"
	return tm
}

// Finished is the attribute of that name: set when the function has run, or
// never will.
func (tm *Timer) Finished() *Event { return tm.finished }

// Cancel keeps the function from running if it has not begun.
func (tm *Timer) Cancel(t *rt.Thread) { tm.finished.Set(t) }

// Local is threading.local: each thread has its own values.
type Local struct{ number int64 }

var locals atomic.Int64

// NewLocal makes a Local. The zero value is good, too.
func NewLocal() *Local { return &Local{number: locals.Add(1)} }

// Get returns the calling thread's value; AttributeError if it has none.
func (l *Local) Get(t *rt.Thread, name string) (any, error) {
	if v, ok := t.Local[localKey{l, name}]; ok {
		return v, nil
	}
	return nil, l.missing(name)
}

// Set sets the calling thread's value.
func (l *Local) Set(t *rt.Thread, name string, v any) {
	if t.Local == nil {
		t.Local = map[any]any{}
	}
	t.Local[localKey{l, name}] = v
}

// Del deletes the calling thread's value; AttributeError if it has none.
func (l *Local) Del(t *rt.Thread, name string) error {
	if _, ok := t.Local[localKey{l, name}]; !ok {
		return l.missing(name)
	}
	delete(t.Local, localKey{l, name})
	return nil
}

func (l *Local) missing(name string) error {
	return rt.Raise("AttributeError", "'_thread._local' object has no attribute %s", rt.Repr(name))
}

type localKey struct {
	of   *Local
	name string
}
