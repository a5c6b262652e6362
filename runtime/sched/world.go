package sched

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// World is one run of a modelled program.
type World struct {
	virtual bool
	procs   []*Proc
	objects int
	// Observer, if set before Procs are added, is told of every executed
	// operation, and with a Spawn of every Proc that is added. In a real World
	// it is called by the executing goroutine and must be safe for concurrent
	// use.
	Observer func(p *Proc, op Op)
	// Locate, if set before Procs run, says where in the program the calling
	// goroutine is, innermost call first. It is asked at every operation of a
	// virtual World, and told whether the operation has to wait; Executed,
	// Proc.Frames and Spent have the answers. A search leaves it out, the replay
	// of a schedule has it: it costs some microseconds.
	Locate func(op Op, waits bool) []Frame
	// StepLimit bounds a virtual run (2,000,000 if zero).
	StepLimit int

	// virtual Worlds
	chooser  Chooser
	now      time.Duration
	last     *Proc
	running  *Proc
	live     int
	steps    int
	enabled  []*Proc
	aborting bool
	limit    int   // StepLimit or its default, while Run
	fresh    int   // Procs that Start was called for and that did not run yet
	chosen   *Proc // picked by the Proc that ran before, not executed yet
	keep     bool  // coroutines outlive Run; see Reuse
	spare    []*Proc
	record   bool
	schedule []Executed
	spent    []Spent
	why      string // the run was given up
	picks    []int  // every answer of the Chooser
	// wake caches nextWake; wakeKnown is cleared whenever a Proc is resumed
	wake      time.Duration
	wakeKnown bool

	// real Worlds
	mu          sync.Mutex // guards procs, objects, told
	told        int        // of so many procs a run has told how they ended
	began       time.Time
	wg          sync.WaitGroup
	interrupted atomic.Bool
	stopped     chan struct{}
}

// New returns a World on the real clock.
func New() *World {
	return &World{began: time.Now(), stopped: make(chan struct{})}
}

// NewVirtual returns a World on a virtual clock whose choices c makes.
func NewVirtual(c Chooser) *World { return &World{virtual: true, chooser: c} }

// Reuse makes a virtual World keep the coroutines and the memory of a run for
// the next one, which Restart begins: a Proc then costs a tenth. Close ends
// them. Nothing of an earlier run may be used after Restart.
func (w *World) Reuse() { w.keep = true }

// Restart makes a World that Reuse was called for ready for another run, whose
// choices c makes. Observer and StepLimit stay.
func (w *World) Restart(c Chooser) {
	if !w.keep {
		panic("sched: Restart of a World without Reuse")
	}
	w.spare = append(w.spare, w.procs...)
	w.procs, w.schedule, w.picks = w.procs[:0], w.schedule[:0], w.picks[:0]
	w.spent, w.why = nil, ""
	w.chooser, w.objects, w.now, w.steps, w.live, w.fresh = c, 0, 0, 0, 0, 0
	w.last, w.running, w.chosen, w.record, w.wakeKnown = nil, nil, nil, false, false
}

// Close ends the coroutines that Reuse kept.
func (w *World) Close() {
	w.keep = false
	for _, p := range append(w.spare, w.procs...) {
		if p.stop != nil {
			p.stop()
		}
	}
	w.spare = nil
}

// Virtual tells the kind of World.
func (w *World) Virtual() bool { return w.virtual }

// Record makes a virtual World keep its schedule.
func (w *World) Record() { w.record = true }

// Schedule returns the executed steps (if recorded) and every pick of the
// Chooser; both are valid until the World runs again.
func (w *World) Schedule() (steps []Executed, picks []int) { return w.schedule, w.picks }

// Limit is StepLimit, or what it is by default, while a virtual World runs.
func (w *World) Limit() int { return w.limit }

// Steps is the number of operations executed in a virtual World.
func (w *World) Steps() int { return w.steps }

// Procs lists all Procs in order of creation. Safe from anywhere.
func (w *World) Procs() []*Proc {
	if w.virtual {
		return w.procs
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*Proc(nil), w.procs...)
}

// Now is the time since the World began.
func (w *World) Now() time.Duration {
	if w.virtual {
		return w.now
	}
	return time.Since(w.began)
}

// Advance moves the virtual clock by d, as if the running Proc had computed
// for so long, and reports whether somebody's sleep or time-out has come: then
// the caller should offer a choice soon. It has no effect on a real World.
func (w *World) Advance(d time.Duration) (due bool) {
	if !w.virtual {
		return false
	}
	w.now += max(d, 0)
	return w.now >= w.nextWake()
}

// Spent is a while in which one Proc computed or slept.
type Spent struct {
	Proc     *Proc
	From, To time.Duration
	Slept    bool
	Frames   []Frame
}

// worthNoting is the shortest while that Spent tells of.
const worthNoting = time.Millisecond

// Spent lists who computed or slept for a millisecond or more, in order of the
// ends, in a virtual World with Locate.
func (w *World) Spent() []Spent { return w.spent }

// Spend notes that p, which calls it, has computed or slept since then.
func (p *Proc) Spend(since time.Duration, slept bool) {
	w := p.w
	if w.virtual && w.Locate != nil && w.now-since >= worthNoting {
		w.spent = append(w.spent, Spent{Proc: p, From: since, To: w.now, Slept: slept, Frames: w.Locate(Op{Kind: Native}, false)})
	}
}

// nextWake is the earliest time at which a suspended Proc can go on by itself.
// While one Proc runs nobody else's time changes, so it is kept from choice to
// choice.
func (w *World) nextWake() time.Duration {
	if !w.wakeKnown {
		w.wake, w.wakeKnown = forever, true
		for _, p := range w.procs {
			switch {
			case p == w.last || p.state != sleeping && p.state != runnable:
			case p.candidate():
				w.wake = min(w.wake, w.now)
			default:
				w.wake = min(w.wake, p.wakeAt)
			}
		}
	}
	return w.wake
}

// Adopt makes the calling goroutine a Proc of a real World, so that code which
// was not started by Go can take part. Leave ends it.
func (w *World) Adopt(name string) (p *Proc, leave func()) {
	if w.virtual {
		panic("sched: only Go adds a Proc to a virtual World")
	}
	p = newReal(w, name)
	w.mu.Lock()
	p.ID, p.adopted = len(w.procs), true
	w.procs = append(w.procs, p)
	w.mu.Unlock()
	return p, func() {
		p.done = true
		close(p.ended)
	}
}

func newReal(w *World, name string) *Proc {
	return &Proc{Name: name, w: w, ended: make(chan struct{}), stopped: make(chan struct{})}
}

// Object names a new thing that operations act on.
func (w *World) Object(kind, name string) *Object {
	if !w.virtual {
		w.mu.Lock()
		defer w.mu.Unlock()
	}
	w.objects++
	return &Object{ID: w.objects, Kind: kind, Name: name}
}

// Go adds a flow of control that runs fn. In a virtual World it begins when
// the scheduler next has control, at the latest when Run is called.
func (w *World) Go(name string, fn func(*Proc)) *Proc {
	p := w.Add(name)
	p.Start(fn)
	return p
}

// Add makes a Proc that Start lets begin, for callers that must have it before
// it runs.
func (w *World) Add(name string) *Proc {
	if w.virtual {
		return w.addVirtual(name)
	}
	p := newReal(w, name)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wg.Add(1)
	p.ID = len(w.procs)
	w.procs = append(w.procs, p)
	return p
}

func (w *World) addVirtual(name string) *Proc {
	var p *Proc
	if n := len(w.spare); n > 0 {
		p = w.spare[n-1]
		w.spare = w.spare[:n-1]
		*p = Proc{next: p.next, stop: p.stop, yield: p.yield}
	} else {
		p = &Proc{}
	}
	p.ID, p.Name, p.w, p.parent = len(w.procs), name, w, w.running
	w.procs = append(w.procs, p)
	w.observe(p, Op{Kind: Spawn, Label: "start"})
	return p
}

// Parent is the Proc that added p, or nil if that was done from outside a
// virtual World.
func (p *Proc) Parent() *Proc { return p.parent }

// Start begins fn on p, which Add made.
func (p *Proc) Start(fn func(*Proc)) {
	p.fn = fn
	if p.w.virtual {
		p.state = fresh
		if !p.daemon {
			p.w.live++
		}
		p.w.fresh++
		p.start()
		return
	}
	go func() {
		if !p.daemon {
			defer p.w.wg.Done()
		}
		defer close(p.ended)
		p.body()
		p.done = true
	}()
}

// Choose asks for one of n alternatives (n ≥ 1): the Chooser in a virtual
// World, always the first in a real one.
func (w *World) Choose(n int, label string) int {
	if !w.virtual || n < 2 {
		return 0
	}
	return w.pick(Choice{N: n, Last: -1, Label: label})
}

func (w *World) pick(c Choice) int {
	i := w.chooser.Choose(c)
	if i < 0 || i >= c.N {
		panic(fmt.Sprintf("sched: the chooser picked %d of %d alternatives", i, c.N))
	}
	w.picks = append(w.picks, i)
	return i
}

// Interrupt ends all Procs at their next operation or wait; deferred functions
// run. Safe from anywhere. A real World stays interrupted; of a virtual one it
// ends the Run that is under way, or the next.
func (w *World) Interrupt() {
	if w.interrupted.CompareAndSwap(false, true) && !w.virtual {
		close(w.stopped)
	}
}

func (w *World) observe(p *Proc, op Op) {
	if w.Observer != nil {
		w.Observer(p, op)
	}
}

// Ends of a run that are not "everybody finished".
var (
	ErrInterrupted = errors.New("interrupted")
	ErrStepLimit   = errors.New("the step limit was reached: somebody never stops")
)

// StepLimitError is how a virtual run ends that was cut; it is ErrStepLimit to
// errors.Is.
type StepLimitError struct {
	Steps int
	// Last ran last; Able could have gone on when the run was cut, Last
	// included if it could.
	Last *Proc
	Able []*Proc
	// Why is the reason if the run was given up before the limit was reached.
	Why string
}

func (e *StepLimitError) Error() string {
	if e.Why != "" {
		return e.Why
	}
	return ErrStepLimit.Error()
}

func (e *StepLimitError) Is(target error) bool { return target == ErrStepLimit }

// DeadlockError says who waits for what when nobody can go on.
type DeadlockError struct{ Waiting []*Proc }

func (e *DeadlockError) Error() string {
	text := "deadlock:"
	for _, p := range e.Waiting {
		for _, f := range p.flows {
			text += fmt.Sprintf(" %s waits for %s;", f.Name, f.For)
		}
		if len(p.flows) > 0 {
			continue
		}
		text += fmt.Sprintf(" %s waits to %s;", p.Name, p.pending)
	}
	return text[:len(text)-1]
}

// Run lets the World go on until every Proc has ended. A virtual World returns
// *DeadlockError or ErrStepLimit if it cannot; its Procs are then unwound.
// Panics of Procs are in their Err. Daemons are told to end when all others
// have, and given a moment to.
func (w *World) Run() error {
	if w.virtual {
		return w.runVirtual()
	}
	w.wg.Wait()
	w.endDaemons(0)
	return w.verdict(0)
}

// RunFrom is Run for a program that begins in a real World where others go on:
// it waits for the Procs with numbers from first up.
func (w *World) RunFrom(first int) error {
	if w.virtual {
		return w.runVirtual()
	}
	for next := first; ; next++ {
		p, wait := w.proc(next)
		if p == nil {
			break
		}
		if wait {
			<-p.ended
		}
	}
	w.endDaemons(first)
	return w.verdict(first)
}

// verdict tells whether somebody was interrupted that no earlier run told of.
func (w *World) verdict(first int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	cut := w.interrupted.Load()
	for _, p := range w.procs[max(first, w.told):] {
		cut = cut || p.cut.Load() && !p.daemon
	}
	w.told = len(w.procs)
	if cut {
		return ErrInterrupted
	}
	return nil
}

// proc is the Proc with a number, and whether a program's end waits for it.
func (w *World) proc(i int) (p *Proc, wait bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if i >= len(w.procs) {
		return nil, false
	}
	p = w.procs[i]
	return p, !p.daemon && !p.adopted
}

func (w *World) daemons(first int) (all []*Proc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.procs[first:] {
		if p.daemon {
			all = append(all, p)
		}
	}
	return all
}

// patience is how long a real World waits for daemons that were told to end:
// those that compute without looking go on.
const patience = 100 * time.Millisecond

func (w *World) endDaemons(first int) {
	left := w.daemons(first)
	if len(left) == 0 {
		return
	}
	for _, p := range left {
		p.Interrupt()
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	for _, p := range left {
		select {
		case <-p.ended:
		case <-late.C:
			return
		}
	}
}

func (w *World) runVirtual() error {
	if w.limit = w.StepLimit; w.limit == 0 {
		w.limit = 2_000_000
	}
	defer w.unwind()
	for w.live > 0 {
		w.startFresh()
		p := w.chosen
		if w.chosen = nil; p == nil {
			p = w.choose()
		}
		if p == nil {
			if w.live == 0 {
				return nil
			}
			if w.tick() {
				continue
			}
			return w.deadlock()
		}
		if w.interrupted.Load() {
			w.interrupted.Store(false)
			return ErrInterrupted
		}
		w.book(p)
		w.resume(p)
		if w.steps > w.limit {
			return w.endless()
		}
	}
	return nil
}

// goOn is the scheduler's work, done by the Proc that would give control to it:
// it tells whether p itself goes on, which saves two switches of coroutines.
func (w *World) goOn(p *Proc) bool {
	if w.fresh > 0 || w.steps >= w.limit || w.interrupted.Load() {
		return false
	}
	q := w.choose()
	if q != p {
		w.chosen = q
		return false
	}
	w.book(p)
	w.wakeKnown = false
	return true
}

// startFresh runs new Procs to their first operation, those that they start
// included.
func (w *World) startFresh() {
	for i := 0; w.fresh > 0 && i < len(w.procs); i++ {
		if w.procs[i].state == fresh {
			w.resume(w.procs[i])
		}
	}
}

// choose picks the Proc whose pending operation is executed next, or nil if
// none can be.
func (w *World) choose() *Proc {
	w.enabled = w.enabled[:0]
	last := -1
	for _, p := range w.procs {
		if !p.candidate() {
			continue
		}
		if p == w.last {
			last = len(w.enabled)
		}
		w.enabled = append(w.enabled, p)
	}
	switch len(w.enabled) {
	case 0:
		return nil
	case 1:
		return w.enabled[0]
	}
	return w.enabled[w.pick(Choice{Procs: w.enabled, Last: last, N: len(w.enabled)})]
}

// book notes that p's pending operation is executed now.
func (w *World) book(p *Proc) {
	w.steps++
	if w.record {
		preempted := w.last != nil && w.last != p && w.last.candidate()
		w.schedule = append(w.schedule, Executed{Proc: p, Op: p.pending, At: w.now, Preempted: preempted, Frames: p.frames})
	}
	w.observe(p, p.pending)
	w.last = p
}

// resume lets p run to its next operation.
func (w *World) resume(p *Proc) {
	w.wakeKnown = false
	before := w.running
	w.running = p
	if p.state == fresh {
		p.state = running
		w.fresh--
	}
	_, more := p.next()
	w.running = before
	if !more || p.state == finished {
		p.state, p.done = finished, true
		if !p.daemon {
			w.live--
		}
	}
}

func (w *World) endless() error {
	e := &StepLimitError{Steps: w.steps, Last: w.last, Why: w.why}
	for _, p := range w.procs {
		if p.candidate() {
			e.Able = append(e.Able, p)
		}
		if p.list != nil && p.state != finished && p.state != added {
			p.flows = p.list()
		}
	}
	return e
}

// tick moves the clock to the next time at which a sleeper wakes or a wait
// times out. All whose time has come are candidates then; ties are the
// Chooser's.
func (w *World) tick() bool {
	next := forever
	for _, p := range w.procs {
		if p.state == sleeping || p.state == runnable {
			next = min(next, p.wakeAt)
		}
	}
	if next == forever {
		return false
	}
	w.now = max(w.now, next)
	return true
}

func (w *World) deadlock() error {
	e := &DeadlockError{}
	for _, p := range w.procs {
		if p.state != finished && p.state != added {
			e.Waiting = append(e.Waiting, p)
			if p.list != nil {
				p.flows = p.list()
			}
		}
	}
	return e
}

// unwind ends the Procs that are still suspended.
func (w *World) unwind() {
	w.aborting = true
	for _, p := range w.procs {
		switch p.state {
		case finished, added:
			continue
		case fresh: // never ran, and shall not
			w.fresh--
			if !w.keep {
				p.stop()
			}
		default:
			w.abort(p)
		}
		p.state, p.done = finished, true
	}
	w.aborting = false
}

// abort unwinds p's stack. A coroutine that is kept goes on to wait for its
// next function.
func (w *World) abort(p *Proc) {
	if w.keep {
		p.next()
		return
	}
	p.stop()
}

// Outside returns a Proc for goroutines of a real World that are no Procs of
// it: any number of them may use it at the same time. It is in no list, Run
// does not wait for it, and what it waits for is not told.
func (w *World) Outside() *Proc {
	if w.virtual {
		panic("sched: a virtual World runs its own Procs only")
	}
	return &Proc{ID: -1, Name: "outside", w: w, ended: make(chan struct{})}
}
