package runtime

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"braid/runtime/sched"
	"braid/runtime/trace"
)

// Mode is the version of CPython that an Interpreter behaves like.
type Mode int

const (
	// GIL39 is CPython up to 3.9: the eval breaker is looked at before almost
	// every opcode (Python/ceval.c, fast_next_opcode skips some).
	GIL39 Mode = iota
	// GIL310 is the default build since 3.10: the breaker is looked at on
	// backward jumps, at the start of a function and after calls (GH-18334;
	// Python/bytecodes.c, _CHECK_PERIODIC).
	GIL310
	// FreeThreaded is the build without a GIL (PEP 703; 3.13t, 3.14t).
	FreeThreaded
)

func (m Mode) String() string {
	switch m {
	case GIL39:
		return "GIL39"
	case GIL310:
		return "GIL310"
	case FreeThreaded:
		return "FreeThreaded"
	}
	return fmt.Sprintf("Mode(%d)", int(m))
}

// SwitchInterval is CPython's default, DEFAULT_INTERVAL of Python/ceval_gil.c.
const SwitchInterval = 5 * time.Millisecond

// Interpreter is one Python interpreter: the threads that share its objects
// and, but for FreeThreaded, its lock. Several may live in one process, each
// with a GIL of its own (PEP 684).
//
// There are three kinds, by the World they run in: real (New), virtual with
// durations (Virtual: time passes only as modelled work and waits say), and
// explored (InWorld: every shared access is a choice point, durations are
// zero, a GIL shows as the absence of choices between check points).
type Interpreter struct {
	mode     Mode
	kind     kind
	world    *sched.World
	gil      *gil // nil while there is none
	gilOn    atomic.Bool
	interval atomic.Int64 // nanoseconds
	cores    *processor
	trace    *trace.Recorder
	objects  heap
	exits    exits
	process  int   // number of a sub-interpreter in pictures
	subs     *subs // of all Interpreters that NewInterpreter made from one another

	mu      sync.Mutex
	threads []*Thread       // guarded by mu
	named   int             // guarded by mu; numbers default names
	modules map[any]any     // guarded by mu; see Module
	globals map[string]*Var // guarded by mu
	counts  map[string]int  // guarded by mu
}

type kind uint8

const (
	real kind = iota
	timed
	explored
)

// New returns an Interpreter on the real clock, whose threads are goroutines.
func New(mode Mode) *Interpreter {
	return newInterpreter(mode, real, sched.New())
}

// Virtual returns an Interpreter on a virtual clock with the given number of
// cores; ties and free-threaded interleavings come from the seed. The same
// seed gives the same run on every machine.
func Virtual(mode Mode, seed uint64, cores int) *Interpreter {
	in := newInterpreter(mode, timed, sched.NewVirtual(sched.NewRandom(seed)))
	in.cores = &processor{free: max(cores, 1)}
	return in
}

// InWorld returns an Interpreter for exploration: its threads are Procs of w.
func InWorld(mode Mode, w *sched.World) *Interpreter {
	if !w.Virtual() {
		return newInterpreter(mode, real, w)
	}
	return newInterpreter(mode, explored, w)
}

func newInterpreter(mode Mode, k kind, w *sched.World) *Interpreter {
	in := &Interpreter{mode: mode, kind: k, world: w}
	in.subs = &subs{}
	in.interval.Store(int64(SwitchInterval))
	if mode != FreeThreaded {
		in.EnableGIL()
	}
	return in
}

// Explored tells that the Interpreter is one of an exploration, where time does
// not pass and any thread may be next.
func (in *Interpreter) Explored() bool { return in.kind == explored }

// Living lists the threads that were started and have not ended, in order of
// their start.
func (in *Interpreter) Living() []*Thread {
	in.mu.Lock()
	defer in.mu.Unlock()
	var all []*Thread
	for _, t := range in.threads {
		if !t.Ended() {
			all = append(all, t)
		}
	}
	return all
}

// Mode is the mode the Interpreter was made with.
func (in *Interpreter) Mode() Mode { return in.mode }

// World is where its threads run.
func (in *Interpreter) World() *sched.World { return in.world }

// Trace makes the Interpreter record what its threads do, and returns the
// record. Call it before threads start.
func (in *Interpreter) Trace() *trace.Recorder {
	if in.trace == nil {
		in.trace = &trace.Recorder{Virtual: in.kind != real}
	}
	return in.trace
}

// Module is what a module keeps for the Interpreter (PEP 3121, module state):
// the value that make returned when it was first asked for under this key.
func (in *Interpreter) Module(key any, make func() any) any {
	in.mu.Lock()
	defer in.mu.Unlock()
	v, ok := in.modules[key]
	if !ok {
		if in.modules == nil {
			in.modules = map[any]any{}
		}
		v = make()
		in.modules[key] = v
	}
	return v
}

// GILEnabled is sys._is_gil_enabled().
func (in *Interpreter) GILEnabled() bool { return in.gilOn.Load() }

// EnableGIL turns the lock on for good, as importing an extension module that
// does not declare support for free threading does (Python/ceval_gil.c,
// _PyEval_EnableGILPermanent). Running threads meet it at their next check
// point.
func (in *Interpreter) EnableGIL() {
	if in.gil == nil {
		in.gil = newGIL(in)
	}
	in.gilOn.Store(true)
}

// Import is an import statement for an extension module. One that does not
// declare Py_mod_gil = Py_MOD_GIL_NOT_USED turns the GIL back on in a
// FreeThreaded interpreter, with CPython's warning.
func (in *Interpreter) Import(module string, declaresFreeThreading bool) {
	if in.mode != FreeThreaded || declaresFreeThreading || in.GILEnabled() {
		return
	}
	CurrentScope().Warn("RuntimeWarning", "The global interpreter lock (GIL) has been enabled to load module '%s', "+
		"which has not declared that it can run safely without the GIL. "+
		"To override this behavior and keep the GIL disabled (at your own risk), run with PYTHON_GIL=0 or -Xgil=0.", module)
	in.EnableGIL()
}

// SetSwitchInterval is sys.setswitchinterval. On the real clock the machine's
// timers make intervals below a millisecond inexact.
func (in *Interpreter) SetSwitchInterval(d time.Duration) error {
	if d <= 0 {
		return Raise("ValueError", "switch interval must be strictly positive")
	}
	in.interval.Store(int64(d))
	return nil
}

// SwitchInterval is sys.getswitchinterval.
func (in *Interpreter) SwitchInterval() time.Duration { return time.Duration(in.interval.Load()) }

// Switches counts how often the GIL went to another thread than before.
func (in *Interpreter) Switches() int {
	if in.gil == nil {
		return 0
	}
	return in.gil.count()
}

// Go starts a thread that runs fn; an empty name becomes "Thread-n". The
// thread runs until fn returns; in a virtual World it makes progress only
// while Run or Threads drives the World. A real thread outlives the notebook
// cell that starts it, as in a Python session.
func (in *Interpreter) Go(name string, fn func(t *Thread)) *Thread {
	if in.kind == explored { // whoever explores the World ends its threads
		return in.spawn(name, plain, fn)
	}
	t := in.add(name, plain)
	in.begin(t, fn)
	return t
}

// Daemon is Go for a daemon thread: the program's end does not wait for it but
// ends it.
func (in *Interpreter) Daemon(name string, fn func(t *Thread)) *Thread {
	t := in.add(name, daemons)
	t.proc.Daemon()
	in.begin(t, fn)
	return t
}

// begin starts a thread that the current Scope owns.
func (in *Interpreter) begin(t *Thread, fn func(t *Thread)) {
	release := func() {}
	switch in.kind {
	case real:
		release = CurrentScope().OwnThread("thread "+t.Name, t.proc.Interrupt)
	case timed:
		release = CurrentScope().OwnRunning("thread "+t.Name, in.world.Interrupt)
	}
	t.proc.Start(func(*sched.Proc) {
		defer release()
		t.body(fn)
	})
}

// ThreadName takes the next default name of a thread: "Thread-1", …
func (in *Interpreter) ThreadName() string {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.named++
	return threadName(in.named)
}

// threadName is "Thread-n". Explorations make millions of threads: the first
// names are made once.
func threadName(n int) string {
	if n < len(threadNames) {
		return threadNames[n]
	}
	return fmt.Sprintf("Thread-%d", n)
}

var threadNames = [...]string{"", "Thread-1", "Thread-2", "Thread-3", "Thread-4", "Thread-5", "Thread-6", "Thread-7", "Thread-8"}

// Run executes a program as CPython does: fn as the main thread, then waiting
// for the threads it started. It returns the exception that ended the main
// thread, a *sched.DeadlockError, or what interrupted it.
func (in *Interpreter) Run(fn func(t *Thread) error) error {
	var result error
	main := in.add("MainThread", mains)
	in.exits.mainIs(main)
	in.begin(main, func(t *Thread) { result = fn(t) })
	err := in.world.RunFrom(main.proc.ID)
	in.exits.ended(in.kind != real)
	if err != nil {
		return err
	}
	if main.err != nil {
		return main.err
	}
	return result
}

// Threads starts n threads that all run fn, waits for them and reports. It is
// for programs that are nothing but their threads; use Run where a main thread
// takes part.
func (in *Interpreter) Threads(n int, fn func(t *Thread)) *Report {
	began, switches := in.world.Now(), in.Switches()
	group := make([]*Thread, 0, max(n, 0))
	for range n {
		group = append(group, in.Go("", fn))
	}
	err := in.runThreads(group)
	return &Report{
		Threads:  group,
		Switches: in.Switches() - switches,
		Wall:     in.world.Now() - began,
		Virtual:  in.kind != real,
		Err:      err,
		Trace:    in.trace,
	}
}

// runThreads waits for a group of threads, and for those they start.
func (in *Interpreter) runThreads(group []*Thread) error {
	if len(group) == 0 {
		return nil
	}
	defer in.exits.ended(in.kind != real)
	return in.world.RunFrom(group[0].proc.ID)
}

// Report is what a run of threads did.
type Report struct {
	Threads  []*Thread
	Switches int           // how often the GIL changed hands
	Wall     time.Duration // elapsed, on the clock of the Interpreter
	Virtual  bool          // which clock that is
	Err      error         // deadlock, step limit, interrupt; nil otherwise
	Trace    *trace.Recorder
}

// Exceptions lists what ended threads early, in order of the threads.
func (r *Report) Exceptions() []error {
	var all []error
	for _, t := range r.Threads {
		if t.err != nil {
			all = append(all, t.err)
		}
	}
	return all
}
