package threading

import (
	"time"

	rt "braid/runtime"
	"braid/runtime/sched"
)

// Thread is threading.Thread: made first, started once, joined by others.
type Thread struct {
	in     *rt.Interpreter
	name   string
	daemon bool
	target func(t *rt.Thread)

	gate    sched.Gate
	object  *sched.Object
	self    *rt.Thread // guarded by gate; nil before Start
	stopped bool       // guarded by gate
}

// NewThread makes a thread that will run target. An empty name becomes
// "Thread-n" when it starts.
func NewThread(in *rt.Interpreter, name string, target func(t *rt.Thread)) *Thread {
	return &Thread{in: in, name: name, target: target, object: in.World().Object("thread", name)}
}

// SetDaemon marks a thread that the program does not wait for at its end.
func (th *Thread) SetDaemon(daemon bool) error {
	if th.started() {
		return rt.Raise("RuntimeError", "cannot set daemon status of active thread")
	}
	th.daemon = daemon
	return nil
}

// Daemon tells whether the thread is a daemon.
func (th *Thread) Daemon() bool { return th.daemon }

// Name is the thread's name.
func (th *Thread) Name() string { return th.name }

func (th *Thread) started() (is bool) {
	th.gate.With(func() { is = th.self != nil })
	return is
}

// Start begins the thread's activity.
func (th *Thread) Start(t *rt.Thread) error {
	if th.started() {
		return rt.Raise("RuntimeError", "threads can only be started once")
	}
	self := th.in.Go(th.name, func(self *rt.Thread) {
		defer th.stop(self)
		th.target(self)
	})
	th.gate.With(func() { th.self = self })
	if th.name == "" {
		th.name = self.Name
		th.object.Name = self.Name
	}
	return nil
}

// stop marks the end. The World's own end marks nothing: nobody is left to see.
func (th *Thread) stop(self *rt.Thread) {
	if r := recover(); r != nil {
		if !sched.Aborted(r) {
			th.markStopped(self)
		}
		panic(r)
	}
	th.markStopped(self)
}

func (th *Thread) markStopped(self *rt.Thread) {
	self.Do(sched.Op{Kind: sched.Notify, Object: th.object, Label: "end"}, &th.gate, func() { th.stopped = true })
}

// IsAlive tells whether the thread was started and has not ended.
func (th *Thread) IsAlive() (is bool) {
	th.gate.With(func() { is = th.self != nil && !th.stopped })
	return is
}

// Join waits until the thread has ended, or the time has passed; IsAlive tells
// which.
func (th *Thread) Join(t *rt.Thread, timeout time.Duration) error {
	var self *rt.Thread
	th.gate.With(func() { self = th.self })
	switch {
	case self == nil:
		return rt.Raise("RuntimeError", "cannot join thread before it is started")
	case self == t:
		return rt.Raise("RuntimeError", "cannot join current thread")
	}
	t.Await("join "+th.name, sched.Op{Kind: sched.Wait, Object: th.object, Label: "join " + th.name}, &th.gate, timeout,
		func() bool { return th.stopped }, func() {})
	return nil
}

// Err is the exception that ended the thread, or nil; ask after Join.
func (th *Thread) Err() error {
	var self *rt.Thread
	th.gate.With(func() { self = th.self })
	if self == nil {
		return nil
	}
	return self.Err()
}

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
		if !tm.finished.Wait(t, max(interval, 0)) {
			function(t)
		}
		tm.finished.Set(t)
	})
	return tm
}

// Cancel keeps the function from running if it has not begun.
func (tm *Timer) Cancel(t *rt.Thread) { tm.finished.Set(t) }

// Local is threading.local: each thread has its own values.
type Local struct{ key byte }

// Get returns the calling thread's value; AttributeError if it has none.
func (l *Local) Get(t *rt.Thread, name string) (any, error) {
	if v, ok := t.Local[localKey{l, name}]; ok {
		return v, nil
	}
	return nil, rt.Raise("AttributeError", "'_thread._local' object has no attribute %s", rt.Repr(name))
}

// Set sets the calling thread's value.
func (l *Local) Set(t *rt.Thread, name string, v any) {
	if t.Local == nil {
		t.Local = map[any]any{}
	}
	t.Local[localKey{l, name}] = v
}

type localKey struct {
	of   *Local
	name string
}
