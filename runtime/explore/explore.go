package explore

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	rt "braid/runtime"
	"braid/runtime/sched"
)

// World is one run of the explored program: the place to make threads and what
// they share.
type World struct {
	*rt.Interpreter
	final  func() any
	checks []func() error
	vars   *[]*rt.Var // made here; nil unless somebody asks for their values
}

// Var makes a shared variable, as that of the Interpreter does; witnesses show
// the values of those made here.
func (w *World) Var(name string, initial any) *rt.Var {
	v := w.Interpreter.Var(name, initial)
	if w.vars != nil {
		*w.vars = append(*w.vars, v)
	}
	return v
}

// Threads starts n threads that run fn. Unlike those of an Interpreter outside
// an exploration they begin when the program function has returned.
func (w *World) Threads(n int, fn func(t *rt.Thread)) {
	for range n {
		w.Go("", fn)
	}
}

// Final says what the outcome of a run is; it is asked when all threads have
// ended. Values that print alike are the same outcome.
func (w *World) Final(outcome func() any) { w.final = outcome }

// Check adds a condition that must hold when all threads have ended; its error
// is the outcome otherwise.
func (w *World) Check(holds func() error) { w.checks = append(w.checks, holds) }

// Reading says which orders count when a data race is looked for.
type Reading int

const (
	// Language: only what the program does orders accesses (locks, queues,
	// joins, awaits).
	Language Reading = iota
	// Machine: taking the GIL after another thread orders them too.
	Machine
)

// Options bound a search. The zero value is good for programs of a screenful.
type Options struct {
	// Mode is the interpreter's. The zero value is GIL39; see Run.
	Mode rt.Mode
	// Reading of data races.
	Reading Reading
	// Schedules is the budget (200,000 if zero).
	Schedules int
	// Steps bounds each run (20,000 if zero). Once a run was cut, later ones
	// are cut at ten times the longest run that ended, at least 2,000.
	Steps int
	// TotalSteps is the budget of steps of all runs together (10,000,000 if
	// zero). Once a run was cut it is a tenth of that: the search of an
	// endless program is never complete.
	TotalSteps int
	// Bound is the highest number of preemptions that the depth-first search
	// tries; zero means no bound, -1 none but the cooperative schedules.
	Bound int
	// Seed of the random and PCT phases.
	Seed uint64

	exact bool // the budgets are not shortened for endless programs
}

// Outcomes that are no value of Final.
const (
	Deadlocked = "deadlock"
	Endless    = "never ends"
)

// Outcome is one result with the schedules that lead to it.
type Outcome struct {
	Text    string // fmt.Sprint of Final's value, Deadlocked, Endless, "ValueError: …"
	Count   int    // schedules that end so
	Failed  bool   // not a value of Final: deadlock, exception, failed check
	witness []int
	cost    int // preemptions of the witness
	steps   int
}

// Report is what a search found.
type Report struct {
	Schedules int  // different schedules that were run
	Complete  bool // they are all there are
	// Bound is the number of preemptions up to which the search was complete;
	// -1 if it was not even for none.
	Bound    int
	MaxSteps int // of the longest run
	// Partial is how many of Schedules have one preemption more than Bound:
	// some of those, not all.
	Partial  int
	Random   int // of Schedules, those chosen at random; may repeat
	PCT      int // of Schedules, those chosen by PCT; may repeat
	Outcomes []Outcome
	Races    []Race // one per variable and kind, in order of discovery
	// Deadlock describes the first deadlock found, with the cycle.
	Deadlock string
	// LostWakeup is set if a deadlock comes from a notification that nobody
	// was waiting for yet.
	LostWakeup bool
	// Starvation describes the first run that reached the step limit: who goes
	// on for ever, and whether others were kept from running.
	Starvation string

	program func(*World)
	opts    Options
}

// Run explores program without a GIL: every access to shared state is a
// choice. RunWith chooses mode and bounds.
func Run(program func(w *World)) *Report {
	return RunWith(Options{Mode: rt.FreeThreaded}, program)
}

// RunWith explores program.
func RunWith(o Options, program func(w *World)) *Report {
	if o.Schedules <= 0 {
		o.Schedules = 200_000
	}
	if o.Steps <= 0 {
		o.Steps = 20_000
	}
	if o.TotalSteps <= 0 {
		o.TotalSteps = 10_000_000
	}
	r := &Report{program: program, opts: o}
	s := newSearch(o, r)
	defer s.close()
	s.depthFirst()
	if !r.Complete && o.Bound == 0 {
		s.sample()
	}
	r.Outcomes = s.outcomes
	slices.SortStableFunc(r.Outcomes, func(a, b Outcome) int { return strings.Compare(a.Text, b.Text) })
	return r
}

// search is a Report in the making.
type search struct {
	report    *Report
	opts      Options
	outcomes  []Outcome
	index     map[string]int // outcome text → place in outcomes
	detector  detector
	world     *sched.World // used again for every run
	spent     int          // runs so far
	inBound   int          // of them, those of the present bound
	steps     int          // of all runs so far
	longest   int          // steps of the longest run that ended
	vars      *[]*rt.Var   // of the run, if they are wanted
	watch     func(op sched.Op)
	locate    func(sched.Op, bool) []sched.Frame // of a replay
	waiting   []*sched.Proc                      // at the end of the latest run, if it was a deadlock
	err       error                              // that was the outcome of the latest run
	failed    string                             // the thread that it ended
	cut       bool                               // a run reached the step limit
	shortened bool                               // the budget of steps was cut for it
}

func newSearch(o Options, r *Report) *search {
	return &search{report: r, opts: o, index: map[string]int{}, detector: detector{found: &r.Races}}
}

// close ends the coroutines of the runs.
func (s *search) close() {
	if s.world != nil {
		s.world.Close()
	}
}

// one runs the program under c and returns its outcome.
func (s *search) one(c sched.Chooser) (text string, failed bool) {
	w := s.world
	if w == nil {
		w = sched.NewVirtual(c)
		w.Reuse()
		w.Observer = s.detector.observe
		w.Locate = s.locate
		if s.watch != nil {
			w.Observer = func(p *sched.Proc, op sched.Op) { s.detector.observe(p, op); s.watch(op) }
		}
		s.world = w
	} else {
		w.Restart(c)
	}
	w.StepLimit = s.opts.Steps
	if s.cut && !s.opts.exact { // endless programs are cut sooner once they are known to be
		w.StepLimit = min(s.opts.Steps, max(10*s.longest, soonest))
	}
	s.detector.reset(s.opts.Reading == Machine && s.opts.Mode != rt.FreeThreaded)
	world := &World{Interpreter: rt.InWorld(s.opts.Mode, w), vars: s.vars}
	s.report.program(world)
	err := w.Run()
	s.spent++
	s.steps += w.Steps()
	s.report.MaxSteps = max(s.report.MaxSteps, w.Steps())
	return s.outcome(world, err)
}

// soonest is the least number of steps after which a run counts as endless: a
// hundred times what a screenful of program needs.
const soonest = 2_000

func (s *search) outcome(world *World, err error) (text string, failed bool) {
	var dead *sched.DeadlockError
	var endless *sched.StepLimitError
	switch {
	case errors.As(err, &dead):
		s.waiting = dead.Waiting
		if s.report.Deadlock == "" {
			s.report.Deadlock, s.report.LostWakeup = s.detector.explain(dead)
		}
		return Deadlocked, true
	case errors.As(err, &endless):
		s.cut = true
		if s.report.Starvation == "" {
			s.report.Starvation = s.detector.starvation(s.world, endless)
		}
		return Endless, true
	case err != nil:
		return err.Error(), true
	}
	s.longest = max(s.longest, s.world.Steps())
	for _, p := range s.world.Procs() {
		if t, ok := p.Local.(*rt.Thread); ok && t.Err() != nil {
			s.err, s.failed = t.Err(), t.Name
			return t.Err().Error(), true
		}
		if p.Err() != nil {
			return fmt.Sprint("panic: ", p.Err().Value), true
		}
	}
	for _, holds := range world.checks {
		if err := holds(); err != nil {
			return err.Error(), true
		}
	}
	if world.final == nil {
		return "done", false
	}
	result := world.final()
	if n, ok := result.(int); ok {
		return strconv.Itoa(n), false // no allocation if it is small
	}
	return fmt.Sprint(result), false
}

// count books a run; of the schedules with one outcome the one with the fewest
// preemptions, then steps, is its witness.
func (s *search) count(text string, failed bool, cost int) {
	i, known := s.index[text]
	if !known {
		i = len(s.outcomes)
		s.index[text] = i
		s.outcomes = append(s.outcomes, Outcome{Text: text, Failed: failed, cost: cost + 1})
	}
	o := &s.outcomes[i]
	o.Count++
	steps := s.world.Steps()
	if known && text == Endless {
		return // later runs are cut sooner; only the first one repeats with the same Options
	}
	if cost < o.cost || cost == o.cost && steps < o.steps {
		_, picks := s.world.Schedule()
		o.witness, o.cost, o.steps = append(o.witness[:0], picks...), cost, steps
	}
}

// depthFirst explores bound after bound until one leaves nothing out. What a
// bound leaves out is put off to the next one, so no schedule runs twice.
func (s *search) depthFirst() {
	r := s.report
	d := &dfs{most: s.opts.Schedules}
	for bound := 0; ; bound++ {
		done := s.walk(d)
		if !done {
			r.Bound = bound - 1
			r.Partial = s.inBound
			return
		}
		r.Bound, r.Complete = bound, len(d.later) == 0 && !d.lost && !s.cut
		if len(d.later) == 0 && !d.lost || s.opts.Bound > 0 && bound == s.opts.Bound || s.opts.Bound < 0 {
			return
		}
		if d.lost {
			// the budget is smaller than what was put off: say so, go on at random
			return
		}
		d.nextBound()
	}
}

// walk runs all schedules of exactly d.bound preemptions. It reports whether
// the budget sufficed.
func (s *search) walk(d *dfs) bool {
	s.inBound = 0
	for d.advance() {
		if s.spent >= s.opts.Schedules || s.steps >= s.opts.TotalSteps {
			return false
		}
		text, failed := s.one(d)
		s.report.Schedules++
		s.inBound++
		s.count(text, failed, d.preemptions)
		if s.cut && !s.opts.exact && !s.shortened {
			s.opts.TotalSteps, s.shortened = s.opts.TotalSteps/endlessShare, true
		}
	}
	return true
}

// endlessShare is the part of the budget of steps that is spent on a program
// that has endless runs: no search of it can be complete.
const endlessShare = 10

// sample spends a fifth of the budget at random, half of it by PCT.
func (s *search) sample() {
	n := max(s.opts.Schedules/10, 1)
	random := &counted{Chooser: sched.NewRandom(s.opts.Seed)}
	for s.steps = 0; s.report.Random < n && s.steps < s.opts.TotalSteps/2; s.report.Random++ {
		random.preemptions = 0
		text, failed := s.one(random)
		s.count(text, failed, random.preemptions)
	}
	p := newPCT(s.opts.Seed, 3)
	pct := &counted{Chooser: p}
	for s.steps = 0; s.report.PCT < n && s.steps < s.opts.TotalSteps/2; s.report.PCT++ {
		pct.preemptions = 0
		p.begin()
		text, failed := s.one(pct)
		p.end(s.world.Steps())
		s.count(text, failed, pct.preemptions)
	}
	s.report.Schedules += s.report.Random + s.report.PCT
}
