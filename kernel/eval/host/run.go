package host

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"braid/kernel/eval"
	rt "braid/runtime"
)

// Config says what a run may do and whom it asks.
type Config struct {
	// Limits of the run and, for Memory and Goroutines, of the worker.
	Limits eval.Limits
	// EndAtOutputLimit ends the run with a LimitError at Limits.Output;
	// otherwise the text beyond it is dropped and counted.
	EndAtOutputLimit bool
	// AllowStdin says that Input may be called.
	AllowStdin bool
	// Input asks the front end and blocks until it has answered. It returns the
	// line without its newline; "\x04" means end of file. It is called on a
	// goroutine of its own; when the run is interrupted its answer is ignored.
	Input func(eval.InputRequest) (string, error)
	// Source is the text of the cell. It tells whether the cell may write to
	// descriptors 1 and 2, or read 0, past this package. If it can't, as with an
	// empty Source, ordered writes need not look for such text first, which saves
	// a system call each.
	Source string
	// Stuck, if not nil, is called once when the run has been interrupted and
	// Grace later some of its goroutines have not ended: they sit in native
	// calls that can't listen.
	Stuck func([]Goroutine)
	// Grace is the patience before Stuck; 1 s if zero.
	Grace time.Duration
	// StderrToStdout makes what the run writes to stderr appear on stdout, in
	// order (nbgrader scores any stderr text as a failure).
	StderrToStdout bool
}

// Goroutine is a goroutine of learner code, for a census.
type Goroutine struct {
	Run   int           // Program.ID of the run that started it
	Pos   eval.Pos      // the go statement; zero for the run's main goroutine
	Main  bool          // it is the main goroutine of a running cell
	State string        // "running", or what it waits for: "chan receive", "sync.Mutex.Lock", "sleep", …
	At    eval.Pos      // where it waits, if known
	Age   time.Duration // since it was started
	// Frames are the learner's frames, innermost first, if the engine keeps them.
	Frames []eval.Frame
}

// Report is how a run ended.
type Report struct {
	// Err is what ended the run from outside its main goroutine: an interrupt, a
	// panic of another goroutine, a deadlock, a limit, os.Exit. Nil if nothing did.
	Err *eval.Error
	// Goroutines are those of the run that live on.
	Goroutines []Goroutine
	// Stuck are those among them that did not end although the run was
	// interrupted: they sit in native calls.
	Stuck []Goroutine
	// Dropped counts the bytes of text beyond Limits.Output.
	Dropped int64
}

// Run is one execution of a cell. Its methods may be called from any goroutine.
type Run struct {
	id    int
	name  string
	cfg   Config
	label label
	stop  atomic.Pointer[stopState]
	cut   atomic.Bool // it has been interrupted: its timers call nothing any more
	mute  atomic.Bool // the program is dead in Go's terms: what still unwinds prints nothing

	mu      sync.Mutex
	list    *goroutine // live goroutines, the newest first
	live    int
	running bool // Do is under way
	ended   bool // End was called
	main    *goroutine
	err     *eval.Error
	timers  []*time.Timer
	ctx     context.Context // done at an interrupt; nil until somebody needs it
	cancel  context.CancelFunc
	clock   *time.Timer   // Limits.Seconds
	over    chan struct{} // closes when Do returns; the watchers of the run end

	scope *rt.Scope // what the cell's models own while it runs
	kept  *rt.Scope // what of that outlives it

	text [2]textState // guarded by out.mu
}

// textState is what the queue keeps for one stream of a run.
type textState struct {
	written int64
	dropped int64
	noticed bool
	partial []byte // the begun rune at the end of the last event; owned by the consumer
}

// registry knows the runs that are running or have live goroutines.
var registry struct {
	mu    sync.Mutex
	runs  []*Run // in the order of Begin
	spare *Run   // owns goroutines that nobody's code started
	last  *Run   // the newest of all, for text that comes between runs
}

// Begin creates the run of a cell: id is Program.ID, name the file name in
// positions ("In[3]"). Several runs may be under way at once (subshells).
func Begin(id int, name string, c Config) *Run {
	r := newRun(id, name, c)
	registry.mu.Lock()
	registry.runs = append(registry.runs, r)
	registry.last = r
	registry.mu.Unlock()
	noteSource(c.Source)
	keepSource(name, c.Source)
	detector.start.Do(func() { go detect() })
	return r
}

func newRun(id int, name string, c Config) *Run {
	attach()
	r := &Run{id: id, name: name, cfg: c, label: runLabel(id)}
	r.newScopes()
	r.stop.Store(newStopState(0, nil))
	return r
}

// runOf is the run that a goroutine's doings belong to: its own, else the newest
// that is running, else the last that was.
func runOf(g *goroutine) *Run {
	if g != nil {
		return g.run
	}
	return newest()
}

// newest is the run that text and goroutines of unknown origin belong to.
func newest() *Run {
	registry.mu.Lock()
	defer registry.mu.Unlock()
	for _, r := range slices.Backward(registry.runs) {
		if r.isRunning() {
			return r
		}
	}
	if registry.last != nil {
		return registry.last
	}
	if registry.spare == nil {
		registry.spare = newRun(0, "", Config{})
	}
	return registry.spare
}

func (r *Run) isRunning() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.running
}

// ID returns Program.ID.
func (r *Run) ID() int { return r.id }

// Do is Main on a goroutine of its own; it returns when fn has ended, however
// that was.
func (r *Run) Do(fn func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Main(fn)
	}()
	<-done
}

// Main runs fn as the main goroutine of the run, which is the calling goroutine
// until Main returns. A panic that leaves fn becomes Report.Err. A runtime.Goexit
// in fn ends the calling goroutine, too, after the deferred calls of Main's
// callers: that is where the run can be ended in every case.
func (r *Run) Main(fn func()) {
	g := newGoroutine(r, eval.Pos{})
	g.main = true
	r.mu.Lock()
	r.running = true
	r.main = g
	r.mu.Unlock()
	r.admit(g)
	r.startLimits()
	g.enter()
	returned := false
	defer func() {
		switch p := recover(); {
		case p != nil:
			r.setError(PanicError(p))
		case !returned && r.stop.Load().gen == 0: // an interrupt may end native frames so
			r.setError(goexitError())
		}
		r.endScope()
		r.mu.Lock()
		r.running = false
		r.main = nil
		r.mu.Unlock()
		r.stopLimits()
		r.dismiss(g)
		setLabel(nil)
	}()
	fn()
	returned = true
}

func goexitError() *eval.Error {
	return &eval.Error{Name: eval.Goexit, Value: "runtime.Goexit ended the main goroutine of the cell",
		Notes: []string{"The cell's other goroutines go on. A return statement, or no statement at all, ends a cell without an error."}}
}

// Interrupt ends all goroutines of the run: each panics with Interrupt at its
// next checkpoint or at once if it waits in this package; deferred calls run.
// The threads, loops and worker processes of its models end, too. why becomes the
// run's error; nil is the user's interrupt, which also ends the threads that
// earlier runs have left. A second Interrupt reaches also the deferred calls
// that the first one set going.
func (r *Run) Interrupt(why *eval.Error) {
	if why == nil {
		r.setError(&eval.Error{Name: eval.Interrupted, Value: "the cell was interrupted"})
		interruptKept()
	} else {
		r.setError(why)
	}
	r.interrupt(why)
}

func (r *Run) interrupt(why *eval.Error) {
	r.mu.Lock()
	if r.live == 0 {
		r.mu.Unlock()
		return
	}
	r.cut.Store(true)
	old := r.stop.Load()
	r.stop.Store(newStopState(old.gen+1, why))
	if old.gen == 0 {
		Stop.Add(1)
		r.timers = append(r.timers, time.AfterFunc(r.grace(), r.reportStuck))
	}
	cancel := r.cancel
	r.mu.Unlock()
	close(old.main)
	runtime.Gosched() // the main goroutine runs before thousands of others are made to
	close(old.others)
	if cancel != nil {
		cancel()
	}
	go r.scope.Interrupt() // stopping a process may take a moment
}

func (r *Run) grace() time.Duration {
	if r.cfg.Grace > 0 {
		return r.cfg.Grace
	}
	return time.Second
}

func (r *Run) reportStuck() {
	if r.cfg.Stuck == nil {
		return
	}
	if stuck := r.deaf(); len(stuck) > 0 {
		r.cfg.Stuck(stuck)
	}
}

// setError keeps the first cause; later ones go to its More.
func (r *Run) setError(e *eval.Error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.addError(e)
}

func (r *Run) addError(e *eval.Error) {
	switch {
	case r.err == nil:
		r.err = e
	case r.err != e && !slices.Contains(r.err.More, e) && e.Name != eval.Interrupted:
		r.err.More = append(r.err.More, e)
	}
}

// fail ends the run with e, as a crash ends a Go program: nothing that still
// unwinds is heard. If the run has ended already, e is emitted.
func (r *Run) fail(e *eval.Error) {
	out.drain() // what it wrote before is heard
	r.mu.Lock()
	running := r.running
	if running {
		r.addError(e)
		r.mute.Store(true)
	}
	r.mu.Unlock()
	if running {
		r.interrupt(e)
		return
	}
	out.event(r, eval.Event{Error: e})
}

// end ends the run of the calling goroutine with e, as fail does, and panics.
// After the cell has ended only the calling goroutine's panic is left to do.
func (g *goroutine) end(e *eval.Error) {
	if e.Pos == (eval.Pos{}) {
		e.Pos = g.where()
	}
	if len(e.Frames) == 0 {
		e.Frames = g.frames()
	}
	if g.pos != (eval.Pos{}) {
		e.Frames = append(e.Frames, eval.Frame{Pos: g.pos, Created: true})
	}
	g.run.fail(e)
	if !g.owned() {
		runtime.Goexit()
	}
	g.delivered.Store(g.run.stop.Load().gen)
	panic(Interrupt{e})
}

// Fatal ends the caller's cell with an error that would end a Go program. It does
// not return.
func Fatal(e *eval.Error) { endCell(e) }

// endCell is goroutine.end for whoever calls; without a run it only panics.
func endCell(e *eval.Error) {
	if g := current(); g != nil {
		g.end(e)
	}
	panic(Interrupt{e})
}

// admit takes a new goroutine into the run, unless the limit is reached.
func (r *Run) admit(g *goroutine) bool {
	limit := int64(r.cfg.Limits.Goroutines)
	if n := alive.Add(1); limit > 0 && n > limit && !g.main {
		alive.Add(-1)
		r.fail(&eval.Error{Name: eval.LimitError, Pos: g.pos,
			Value: fmt.Sprintf("more than %d goroutines", limit),
			Notes: []string{"Goroutines of earlier cells count too. Wait for goroutines before starting more, or use a fixed number of workers."}})
		return false
	}
	r.mu.Lock()
	r.live++
	g.next = r.list
	if g.next != nil {
		g.next.prev = g
	}
	r.list = g
	r.mu.Unlock()
	return true
}

// dismiss takes out a goroutine that has ended.
func (r *Run) dismiss(g *goroutine) {
	r.mu.Lock()
	if g.prev != nil {
		g.prev.next = g.next
	} else {
		r.list = g.next
	}
	if g.next != nil {
		g.next.prev = g.prev
	}
	r.live--
	empty, gone := r.live == 0, r.live == 0 && r.ended
	if empty && r.stop.Load().gen > 0 {
		r.settle()
	}
	r.mu.Unlock()
	if gone {
		forget(r)
	}
	g.mu.Lock()
	g.local = nil
	g.done = true
	g.mu.Unlock()
	if n := alive.Add(-1); n > 0 && asleep.Load() >= n && wakers.Load() == 0 {
		suspectDeadlock()
	}
}

// settle ends the interrupt of a run whose goroutines have all ended. r.mu is held.
func (r *Run) settle() {
	Stop.Add(^uint32(0))
	r.stop.Store(newStopState(0, nil))
	for _, t := range r.timers {
		t.Stop()
	}
	r.timers = nil
}

func forget(r *Run) {
	registry.mu.Lock()
	registry.runs = slices.DeleteFunc(registry.runs, func(o *Run) bool { return o == r })
	registry.mu.Unlock()
}

// patience is how long End waits for goroutines of an interrupted run that have
// not heard of it yet, while none of the run's goroutines ends.
const patience = 50 * time.Millisecond

// End closes the run after Do: it waits until all that the run has emitted has
// been passed to the sink, and says how it ended. Goroutines of an interrupted
// run get 50 ms to reach a checkpoint. Goroutines that live on keep the run's id:
// what they write is emitted as the run's.
func (r *Run) End() Report {
	r.mu.Lock()
	r.ended = true
	live := r.live
	interrupted := r.stop.Load().gen > 0 && live > 0
	r.mu.Unlock()
	if live == 0 {
		forget(r)
	}
	var rep Report
	if interrupted {
		rep.Stuck = r.awaitInterrupted()
	}
	out.finish(r)
	out.flush()
	if rep.Goroutines = rep.Stuck; !interrupted {
		rep.Goroutines = append(r.census(), r.models()...)
	}
	r.mu.Lock()
	rep.Err = r.err
	r.mu.Unlock()
	rep.Dropped = out.dropped(r)
	return rep
}

// awaitInterrupted waits until every goroutine of an interrupted run has heard of
// it, but not longer than patience, and returns those that have not.
func (r *Run) awaitInterrupted() []Goroutine {
	last, since := -1, time.Now()
	for pause := time.Millisecond; ; pause = min(2*pause, 10*time.Millisecond) {
		deaf, live := r.anyDeaf()
		if live != last {
			last, since = live, time.Now()
		}
		if !deaf {
			return nil
		}
		if time.Since(since) > patience {
			return r.deaf()
		}
		time.Sleep(pause)
	}
}

// deaf lists the goroutines that an interrupt has not reached. Those in a wait of
// this package have been woken.
func (r *Run) deaf() []Goroutine {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []Goroutine
	for g := r.list; g != nil; g = g.next {
		if r.isDeaf(g) {
			list = append(list, g.describe())
		}
	}
	slices.Reverse(list)
	return list
}

func (r *Run) anyDeaf() (deaf bool, live int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for g := r.list; g != nil && !deaf; g = g.next {
		deaf = r.isDeaf(g)
	}
	return deaf, r.live
}

func (r *Run) isDeaf(g *goroutine) bool {
	if g.delivered.Load() == r.stop.Load().gen {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.waits == nil
}

// census lists the live goroutines of the run, the oldest first.
func (r *Run) census() []Goroutine {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []Goroutine
	for g := r.list; g != nil; g = g.next {
		list = append(list, g.describe())
	}
	slices.Reverse(list)
	return list
}

func (g *goroutine) describe() Goroutine {
	d := Goroutine{Run: g.run.id, Pos: g.pos, Main: g.main, State: "running", Age: time.Since(g.begun)}
	g.mu.Lock()
	defer g.mu.Unlock()
	if w := g.waits; w != nil {
		d.State, d.At = w.op, w.pos
		if !w.child {
			d.Frames = g.frames()
		}
		if d.At == (eval.Pos{}) && len(d.Frames) > 0 {
			d.At = d.Frames[0].Pos
		}
	}
	return d
}

// Census lists the live goroutines of the run with this id, or of all runs if
// it is 0, the oldest run first.
func Census(id int) []Goroutine {
	registry.mu.Lock()
	runs := slices.Clone(registry.runs)
	registry.mu.Unlock()
	var list []Goroutine
	for _, r := range runs {
		if id == 0 || r.id == id {
			list = append(list, r.census()...)
		}
	}
	for _, r := range kept() {
		if id == 0 || r.id == id {
			list = append(list, r.models()...)
		}
	}
	return list
}

// String says in a learner's words what the goroutine does.
func (g Goroutine) String() string {
	var b strings.Builder
	b.WriteString(g.place())
	b.WriteString(": ")
	b.WriteString(waitText(g.State))
	if !g.Main && g.Pos != (eval.Pos{}) && g.At != (eval.Pos{}) {
		fmt.Fprintf(&b, " (goroutine started at %s)", posText(g.Pos))
	}
	return b.String()
}

func (g Goroutine) place() string {
	switch {
	case g.At != (eval.Pos{}):
		return posText(g.At)
	case g.Pos != (eval.Pos{}):
		return "the goroutine started at " + posText(g.Pos)
	case g.Main:
		return "the cell's main goroutine"
	}
	return "a goroutine"
}

func posText(p eval.Pos) string {
	if p.Line == 0 {
		return p.Cell
	}
	return fmt.Sprintf("%s:%d", p.Cell, p.Line)
}
