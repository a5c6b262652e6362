package explore

import (
	"errors"
	"fmt"
	"slices"
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
	// Steps bounds each run (20,000 if zero).
	Steps int
	// TotalSteps is the budget of steps of all runs together (10,000,000 if
	// zero).
	TotalSteps int
	// Bound is the highest number of preemptions that the depth-first search
	// tries; zero means no bound, -1 none but the cooperative schedules.
	Bound int
	// Seed of the random and PCT phases.
	Seed uint64
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
	// Bound is the number of preemptions up to which the search was complete.
	Bound    int
	Random   int // of Schedules, those chosen at random; may repeat
	PCT      int // of Schedules, those chosen by PCT; may repeat
	Outcomes []Outcome
	Races    []Race // one per variable and kind, in order of discovery
	// Deadlock describes the first deadlock found, with the cycle.
	Deadlock string
	// LostWakeup is set if a deadlock comes from a notification that nobody
	// was waiting for yet.
	LostWakeup bool

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
	s := &search{report: r, opts: o, index: map[string]int{}}
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
	report   *Report
	opts     Options
	outcomes []Outcome
	index    map[string]int // outcome text → place in outcomes
	detector detector
	spent    int  // runs so far
	steps    int  // of all runs so far
	cut      bool // a run reached the step limit
}

// one runs the program under c and returns its outcome.
func (s *search) one(c sched.Chooser) (text string, failed bool, w *sched.World) {
	w = sched.NewVirtual(c)
	w.StepLimit = s.opts.Steps
	s.detector.reset(s.opts.Reading == Machine && s.opts.Mode != rt.FreeThreaded)
	w.Observer = s.detector.observe
	world := &World{Interpreter: rt.InWorld(s.opts.Mode, w)}
	s.report.program(world)
	err := w.Run()
	s.spent++
	s.steps += w.Steps()
	text, failed = s.outcome(world, w, err)
	for _, race := range s.detector.races {
		s.addRace(race)
	}
	return text, failed, w
}

func (s *search) outcome(world *World, w *sched.World, err error) (text string, failed bool) {
	var dead *sched.DeadlockError
	switch {
	case errors.As(err, &dead):
		if s.report.Deadlock == "" {
			s.report.Deadlock, s.report.LostWakeup = s.detector.explain(dead)
		}
		return Deadlocked, true
	case err != nil:
		s.cut = true
		return Endless, true
	}
	for _, p := range w.Procs() {
		if t, ok := p.Local.(*rt.Thread); ok && t.Err() != nil {
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
	return fmt.Sprint(world.final()), false
}

func (s *search) addRace(race Race) {
	for _, known := range s.report.Races {
		if known.Var == race.Var && known.Kind == race.Kind {
			return
		}
	}
	s.report.Races = append(s.report.Races, race)
}

// count books a run; of the schedules with one outcome the one with the fewest
// preemptions, then steps, is its witness.
func (s *search) count(text string, failed bool, w *sched.World, cost int) {
	_, picks := w.Schedule()
	i, known := s.index[text]
	if !known {
		i = len(s.outcomes)
		s.index[text] = i
		s.outcomes = append(s.outcomes, Outcome{Text: text, Failed: failed, cost: cost + 1})
	}
	o := &s.outcomes[i]
	o.Count++
	if cost < o.cost || cost == o.cost && w.Steps() < o.steps {
		o.witness, o.cost, o.steps = slices.Clone(picks), cost, w.Steps()
	}
}

// depthFirst explores bound after bound until one leaves nothing out.
func (s *search) depthFirst() {
	r := s.report
	for bound := 0; s.opts.Bound <= 0 || bound <= s.opts.Bound; bound++ {
		if s.opts.Bound < 0 && bound > 0 {
			return
		}
		before := s.save()
		complete, pruned := s.walk(bound)
		if !complete {
			if bound > 0 && s.opts.Bound == 0 {
				s.restore(before) // the last whole bound is worth more than half of this one
			}
			return
		}
		r.Bound, r.Complete = bound, !pruned && !s.cut
		if !pruned {
			return
		}
	}
}

type saved struct {
	outcomes  []Outcome
	schedules int
}

func (s *search) save() saved { return saved{slices.Clone(s.outcomes), s.report.Schedules} }

func (s *search) restore(v saved) {
	s.outcomes, s.report.Schedules = v.outcomes, v.schedules
	clear(s.index)
	for i, o := range s.outcomes {
		s.index[o.Text] = i
	}
}

// walk runs all schedules of at most bound preemptions. It reports whether the
// budget sufficed, and whether the bound kept it from any schedule.
func (s *search) walk(bound int) (complete, pruned bool) {
	s.outcomes, s.report.Schedules = s.outcomes[:0], 0
	clear(s.index)
	d := &dfs{bound: bound}
	for {
		text, failed, w := s.one(d)
		s.report.Schedules++
		s.count(text, failed, w, d.preemptions)
		if !d.backtrack() {
			return true, d.pruned
		}
		if s.spent >= s.opts.Schedules || s.steps >= s.opts.TotalSteps {
			return false, true
		}
	}
}

// sample spends a fifth of the budget at random, half of it by PCT.
func (s *search) sample() {
	n := max(s.opts.Schedules/10, 1)
	random := &counted{Chooser: sched.NewRandom(s.opts.Seed)}
	for s.steps = 0; s.report.Random < n && s.steps < s.opts.TotalSteps/2; s.report.Random++ {
		random.preemptions = 0
		text, failed, w := s.one(random)
		s.count(text, failed, w, random.preemptions)
	}
	p := newPCT(s.opts.Seed, 3)
	pct := &counted{Chooser: p}
	for s.steps = 0; s.report.PCT < n && s.steps < s.opts.TotalSteps/2; s.report.PCT++ {
		pct.preemptions = 0
		p.begin()
		text, failed, w := s.one(pct)
		p.end(w.Steps())
		s.count(text, failed, w, pct.preemptions)
	}
	s.report.Schedules += s.report.Random + s.report.PCT
}
