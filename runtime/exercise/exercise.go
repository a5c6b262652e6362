package exercise

import (
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	rt "braid/runtime"
	"braid/runtime/asyncio"
	"braid/runtime/explore"
	"braid/runtime/sched"
	"braid/runtime/trace"
	"braid/runtime/viz"
)

// Limits of a run of a student's program.
const (
	// Steps bounds one run in virtual time.
	Steps = 2_000_000
	// Schedules bounds a search, and so does TotalSteps, the steps of all of
	// them together; an endless program gets a tenth of it.
	Schedules  = 50_000
	TotalSteps = 1_000_000
)

// Exercise is a list of checks with their points. Make it with New, give it
// programs with Every and Once, require checks of the latest one, and Grade.
type Exercise struct {
	name     string
	subjects []*subject
	options  explore.Options
	mode     rt.Mode
	cores    int
	seed     uint64
}

// New begins an exercise.
func New(name string) *Exercise {
	return &Exercise{name: name, options: explore.Options{Mode: rt.FreeThreaded}, mode: rt.GIL310, cores: 2}
}

// Options sets the bounds of the searches of Every that follow; without it,
// they explore without a GIL, in the language reading, up to Schedules and TotalSteps.
func (e *Exercise) Options(o explore.Options) *Exercise {
	e.options = o
	return e
}

// Machine sets the interpreter and the cores of the runs of Once that follow;
// without it, they are GIL310 and two. The seed decides ties.
func (e *Exercise) Machine(mode rt.Mode, cores int, seed uint64) *Exercise {
	e.mode, e.cores, e.seed = mode, cores, seed
	return e
}

// subject is a program, the checks required of it, and, once it ran, what was
// seen.
type subject struct {
	every    func(w *explore.World)
	options  explore.Options
	once     func(run *Run, t *rt.Thread) error
	plain    func(run *Run) error
	machine  func() *rt.Interpreter
	required []required
	drawn    func(schedule string) *viz.Picture // in place of the interleaving; may be nil
}

type required struct {
	points float64
	check  Check
}

// Every sets the program for the checks that follow: it is run under every
// schedule, and built anew for each.
func (e *Exercise) Every(program func(w *explore.World)) *Exercise {
	e.subjects = append(e.subjects, &subject{every: program, options: e.options})
	return e
}

// Once sets the program for the checks that follow: it is run once, in virtual
// time, as the main thread of an interpreter.
func (e *Exercise) Once(program func(run *Run, t *rt.Thread) error) *Exercise {
	mode, cores, seed := e.mode, e.cores, e.seed
	e.subjects = append(e.subjects, &subject{once: program, machine: func() *rt.Interpreter { return rt.Virtual(mode, seed, cores) }})
	return e
}

// Async is Once for a coroutine: program is the main coroutine of an event loop
// on the main thread. Its Say and Beat go by the loop's clock.
func (e *Exercise) Async(program func(run *Run, c *asyncio.Co) error, opts ...asyncio.Option) *Exercise {
	return e.Once(func(run *Run, t *rt.Thread) error {
		var loop *trace.Recorder
		traced := asyncio.Prepare(func(l *asyncio.Loop) { loop = l.Trace() })
		run.picture = func() *viz.Picture { return viz.Loop(loop) }
		main := asyncio.Async("main", func(c *asyncio.Co, _ []any) (any, error) { return nil, program(run, c) })
		_, err := asyncio.RunIn(t, main.Call(), append([]asyncio.Option{traced}, opts...)...)
		return err
	})
}

// EveryAsync is Every for a coroutine: timers of equal time expire in any order.
// program makes what the tasks share, with w, and says what the outcome is.
func (e *Exercise) EveryAsync(program func(w *explore.World, c *asyncio.Co) error, opts ...asyncio.Option) *Exercise {
	with := func(more ...asyncio.Option) func(w *explore.World) {
		return func(w *explore.World) {
			main := func(c *asyncio.Co) (any, error) { return nil, program(w, c) }
			asyncio.RunExplored(w.World(), main, append(slices.Clone(opts), more...)...)
		}
	}
	e.Every(with())
	last := e.subjects[len(e.subjects)-1]
	last.drawn = func(schedule string) *viz.Picture {
		rec := &trace.Recorder{}
		if _, err := explore.Replay(last.options, with(asyncio.Traced(rec)), schedule); err != nil {
			return nil
		}
		return viz.Loop(rec)
	}
	return e
}

// Go sets a program of ordinary Go for the checks that follow: real goroutines
// and channels, run once. Where it must not matter who is faster, it asks for the
// state in which nobody can go on (Run.Settle) instead of waiting for a while.
// Makespan and what else looks at virtual time have nothing to see there.
func (e *Exercise) Go(program func(run *Run) error) *Exercise {
	e.subjects = append(e.subjects, &subject{plain: program})
	return e
}

// Require adds a check of the latest program, worth so many points.
func (e *Exercise) Require(points float64, c Check) *Exercise {
	if len(e.subjects) == 0 {
		e.subjects = append(e.subjects, &subject{})
	}
	s := e.subjects[len(e.subjects)-1]
	s.required = append(s.required, required{points, c})
	return e
}

// Grade runs the programs and judges. It never panics, but for the abort of a
// World that it was called in.
//
// A check that only forbids something (NoRace, NoDeadlock, Finishes, NoBusyWait,
// Makespan, …) holds of a program that does nothing. Its points therefore count
// only if the other checks of the same program pass.
func (e *Exercise) Grade() *Result {
	r := &Result{Name: e.name}
	grader := graderHere()
	for _, s := range e.subjects {
		for _, v := range s.judge(grader) {
			r.Verdicts = append(r.Verdicts, v)
			r.Score += v.Points
			r.Max += v.Max
		}
	}
	r.Score, r.Max = rounded(r.Score), rounded(r.Max)
	return r
}

// rounded takes away what a sum of tenths has too much: a grader refuses
// 3.0000000000000004 of 3 points.
func rounded(points float64) float64 { return math.Round(points*1e6) / 1e6 }

// judge asks every check that is required of the program.
func (s *subject) judge(grader string) []Verdict {
	seen := s.run()
	verdicts := make([]Verdict, len(s.required))
	works := true
	for i, q := range s.required {
		verdicts[i] = judge(q, seen, grader)
		works = works && (q.check.forbids || verdicts[i].Passed)
	}
	for i, q := range s.required {
		if v := &verdicts[i]; q.check.forbids && v.Passed && !works {
			v.Points, v.Waits = 0, true
		}
	}
	showOnce(verdicts)
	sayOnce(verdicts)
	return verdicts
}

// sayOnce shortens messages that are there already: of a program that cannot be
// judged every check says the same.
func sayOnce(verdicts []Verdict) {
	by := map[string]string{} // message → check
	for i := range verdicts {
		v := &verdicts[i]
		if v.Passed {
			continue
		}
		if before, said := by[v.Message]; said {
			v.Message, v.Places, v.As, v.Replay = fmt.Sprintf("The same as for %q.", before), nil, "", ""
		} else {
			by[v.Message] = v.Check
		}
	}
}

// showOnce leaves a picture that is there already to the check that shows it.
func showOnce(verdicts []Verdict) {
	by := map[string]string{} // picture → check
	for i := range verdicts {
		v := &verdicts[i]
		if v.Picture == nil {
			continue
		}
		text := v.Picture.String()
		if before, shown := by[text]; shown {
			v.As, v.Picture = before, nil
		} else {
			by[text] = v.Check
		}
	}
}

// Run is one run of a program in virtual time: what the program may tell, and
// what is seen of it.
type Run struct {
	In    *rt.Interpreter
	Trace *trace.Recorder // of In; give it to loops and pools too
	// Took is how long the run took, on In's clock. A program that runs on
	// another virtual clock, such as an event loop's, sets it.
	Took     time.Duration
	Steps    int
	Err      error // what ended the program
	Warnings []rt.Warning

	picture func() *viz.Picture // of the run as a whole
	atEnd   []func()
	stuck   []string // goroutines that cannot go on, in a run of Go

	mu     sync.Mutex // guards the rest
	said   []entry
	beats  []time.Duration
	inside int
	peak   int
}

type entry struct {
	at     time.Duration
	what   string
	frames []sched.Frame
}

// Say notes that something happened, for Order.
func (r *Run) Say(what string) {
	at, frames := r.now(), rt.Callers(depth)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, entry{at, what, frames})
}

// depth is how many calls are remembered of a place.
const depth = 8

func (r *Run) now() time.Duration {
	if r.In == nil {
		return 0
	}
	return r.In.World().Now()
}

// Settle returns when no goroutine can go on by itself, in a run of Go: what
// should have happened without further doing has happened.
func (r *Run) Settle() { rt.Goroutines().Settle() }

// Pickled notes that so many bytes were pickled, by what has no Trace, such as a
// pool of real processes (its Stats say how many).
func (r *Run) Pickled(bytes int) { r.Trace.Add(trace.Event{Kind: trace.Pickle, Value: float64(bytes)}) }

// AtEnd is called when the program and all its threads have ended well: the
// place to Say what came out.
func (r *Run) AtEnd(f func()) { r.atEnd = append(r.atEnd, f) }

// Beat is one beat of a heartbeat, for HeartbeatGap; at is the time on the
// clock of what beats.
func (r *Run) Beat(at time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.beats = append(r.beats, at)
}

// Enter and Leave are around what should happen at the same time, for Peak.
func (r *Run) Enter() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inside++
	r.peak = max(r.peak, r.inside)
}

// Leave is the end of what Enter began.
func (r *Run) Leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inside--
}

// Inside is how many have entered and not left.
func (r *Run) Inside() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inside
}

// seen is what checks look at: a report, or a run, or what went wrong before
// there was either.
type seen struct {
	report *explore.Report
	run    *Run
	failed error
	drawn  func(schedule string) *viz.Picture
}

func (s *subject) run() (out *seen) {
	out = &seen{drawn: s.drawn}
	defer func() {
		if r := recover(); r != nil {
			if sched.Aborted(r) {
				panic(r)
			}
			out.failed = rt.FromPanic(r, debug.Stack())
		}
	}()
	switch {
	case s.every != nil:
		o := s.options
		if o.Schedules == 0 {
			o.Schedules = Schedules
		}
		if o.TotalSteps == 0 {
			o.TotalSteps = TotalSteps
		}
		out.report = explore.RunWith(o, s.every)
	case s.once != nil:
		out.run = s.runOnce()
	case s.plain != nil:
		out.run = s.runPlain()
	default:
		out.failed = errors.New("the exercise has no program for this check: it needs Every or Once before Require")
	}
	return out
}

func (s *subject) runOnce() *Run {
	scope := rt.CurrentScope()
	before := scope.Warnings()
	in := s.machine()
	in.World().StepLimit = Steps
	in.World().Locate = locate(in.World())
	defer rt.FollowCallers()()
	run := &Run{In: in, Trace: in.Trace()}
	run.picture = func() *viz.Picture { return viz.Timeline(run.Trace) }
	run.Err = in.Run(func(t *rt.Thread) error { return s.once(run, t) })
	if run.Err == nil {
		for _, f := range run.atEnd {
			f()
		}
	}
	if run.Took == 0 {
		run.Took = in.World().Now()
	}
	run.Steps = in.World().Steps()
	run.Warnings = scope.Warnings()
	for _, w := range slices.Concat(before, run.Warnings) { // they stay the cell's
		scope.Warn(w.Category, "%s", w.Message)
	}
	return run
}

// locate says where a run is, where that can matter: at waits that may be for
// ever, at what takes time, and near the end of an endless run.
func locate(w *sched.World) func(op sched.Op, waits bool) []sched.Frame {
	return func(op sched.Op, waits bool) []sched.Frame {
		switch {
		case waits, op.Kind == sched.Native, w.Steps() > Steps-100:
			return rt.Callers(depth)
		}
		return nil
	}
}

// errStuck ends a run of Go whose program cannot go on.
var errStuck = errors.New("everybody waits and nobody can go on")

// runPlain runs a program on a goroutine of its own, until it ends or nobody can
// go on, and notes the goroutines that it leaves.
func (s *subject) runPlain() *Run {
	host := rt.Goroutines()
	before := map[uint64]bool{}
	for _, g := range host.List() {
		before[g.ID] = true
	}
	run := &Run{Trace: &trace.Recorder{}, picture: func() *viz.Picture { return nil }}
	ended := make(chan error, 1)
	host.Go(func() {
		defer func() {
			if r := recover(); r != nil {
				if sched.Aborted(r) {
					panic(r)
				}
				ended <- rt.FromPanic(r, debug.Stack())
			}
		}()
		ended <- s.plain(run)
	})
	host.Settle()
	for _, g := range host.List() {
		if !before[g.ID] {
			run.stuck = append(run.stuck, g.Text)
		}
	}
	select {
	case run.Err = <-ended:
	default:
		run.Err = errStuck
	}
	for _, f := range run.atEnd {
		if run.Err == nil {
			f()
		}
	}
	return run
}

func judge(q required, s *seen, grader string) Verdict {
	v := Verdict{Check: q.check.name, Max: q.points}
	var f finding
	switch {
	case s.unwritten() != nil:
		f = finding{message: "There is no solution yet: write yours in place of panic(\"" + unwritten + "\").", spots: s.unwritten()}
	case s.failed != nil:
		f = failed(s.failed)
	case s.report != nil && q.check.forbids && stopped(s.report) != "":
		f = fail(s.report, stopped(s.report), "The program stops with %s, so there is nothing to judge.", stopped(s.report))
		f.picture = nil
	case q.check.every != nil && s.report != nil:
		f = q.check.every(s.report)
	case q.check.once != nil && s.run != nil:
		f = q.check.once(s.run)
	case s.report != nil:
		f = finding{message: "The author's mistake: this check looks at a run in time, and needs Once before Require."}
	default:
		f = finding{message: "The author's mistake: this check looks at all schedules, and needs Every before Require."}
	}
	if f.picture != nil && s.drawn != nil { // one thread has no interleaving, its tasks have
		if p := s.drawn(f.replay); p != nil {
			f.picture = p
		}
	}
	v.Passed, v.Message, v.Replay, v.Picture = f.passed, f.message, f.replay, f.picture
	if !v.Passed {
		v.Places = places(f.spots, grader)
	}
	if s.report != nil {
		v.Searched = s.report.Strategy()
	}
	if v.Passed {
		v.Points = v.Max
	} else {
		v.Points = v.Max * f.share
	}
	return v
}

// unwritten is what a student's notebook panics with where the solution goes
// (nbgrader's c.ClearSolutions.code_stub).
const unwritten = "not implemented"

// unwritten tells where the program met a solution that was not written yet; nil
// if it did not.
func (s *seen) unwritten() []spot {
	if s.report != nil && strings.HasSuffix(stopped(s.report), "panic: "+unwritten) {
		return fail(s.report, stopped(s.report), "").spots
	}
	for _, err := range []error{s.failed, s.runError()} {
		if err != nil && strings.HasSuffix(err.Error(), "panic: "+unwritten) {
			return append(ofError(err), spot{})
		}
	}
	return nil
}

func (s *seen) runError() error {
	if s.run == nil {
		return nil
	}
	return s.run.Err
}

// stopped is the exception that ends the program in every schedule, or "".
func stopped(r *explore.Report) string {
	for _, o := range r.Outcomes {
		if !o.Failed || o.Text == explore.Deadlocked || o.Text == explore.Endless {
			return ""
		}
	}
	if len(r.Outcomes) == 0 {
		return ""
	}
	return r.Outcomes[0].Text
}

// failed words an error that kept the program from being looked at.
func failed(err error) finding {
	return finding{message: fmt.Sprintf("The program stopped with %s.", err), spots: ofError(err)}
}
