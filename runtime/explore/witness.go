package explore

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	rt "braid/runtime"
	"braid/runtime/sched"
)

// Witness is one schedule, step by step, and the string that repeats it.
type Witness struct {
	Outcome     string
	Steps       []WitnessStep
	Preemptions int
	Replay      string
	// Err is the exception that is the outcome, and Failed the thread that it
	// ended; nil and "" if the outcome is something else.
	Err    error
	Failed string
	// Waiting are those who wait at the end, if that is a deadlock.
	Waiting []Waiter
}

// Waiter is a thread, or a task, that can never go on.
type Waiter struct {
	Thread string
	For    string        // what it waits for; may be ""
	Frames []sched.Frame // where it waits, as in WitnessStep
}

// WitnessStep is one executed operation.
type WitnessStep struct {
	Thread    string
	Lane      int // number of the thread
	Op        sched.Op
	Preempted bool // the thread before could have gone on
	// Value is what a read of a Var gave or a write put there; Known tells that
	// it is one of those, made by World.Var.
	Value any
	Known bool
	// Frames are the calls of the program that led to the operation, innermost
	// first, as far as rt.Callers knows them: a few, from the innermost.
	Frames []sched.Frame
}

// depth is how many calls a step remembers.
const depth = 8

// String writes a step a line, a column a thread.
func (w *Witness) String() string {
	var b strings.Builder
	for i, s := range w.Steps {
		fmt.Fprintf(&b, "%3d  %-12s %s%s\n", i+1, s.Thread, strings.Repeat("                    ", s.Lane), s.Op)
	}
	fmt.Fprintf(&b, "     → %s (replay %q)", w.Outcome, w.Replay)
	return b.String()
}

// Outcome returns the outcome that prints as text does.
func (r *Report) Outcome(value any) (Outcome, bool) {
	text := fmt.Sprint(value)
	for _, o := range r.Outcomes {
		if o.Text == text {
			return o, true
		}
	}
	return Outcome{}, false
}

// Witness returns the schedule with the fewest preemptions, then steps, that
// leads to an outcome; nil if none does.
func (r *Report) Witness(value any) *Witness {
	o, ok := r.Outcome(value)
	if !ok {
		return nil
	}
	w, err := run(r.opts, r.program, o.witness)
	if err != nil {
		return nil // a program that does not repeat: Replay says so
	}
	return w
}

// ErrNotRepeated tells that a program did not ask for the choices that a replay
// string answers: it is another program, or depends on more than its schedule.
var ErrNotRepeated = errors.New("the program does not follow this schedule: it is not the one that was explored, " +
	"or it depends on time, chance or map order")

// Replay repeats a schedule of a program explored with the same Options. The
// string is the same on every machine.
func Replay(o Options, program func(w *World), schedule string) (*Witness, error) {
	picks, err := decode(schedule)
	if err != nil {
		return nil, err
	}
	return run(o, program, picks)
}

func run(o Options, program func(*World), picks []int) (*Witness, error) {
	if o.Steps <= 0 {
		o.Steps = 20_000
	}
	o.exact = true
	s := newSearch(o, &Report{})
	defer s.close()
	values := &values{s: s}
	s.vars, s.watch = &values.vars, values.watch
	c := &replay{picks: picks}
	n := &counted{Chooser: c}
	recorded := func(w *World) {
		w.World().Record()
		program(w)
	}
	s.report.program = recorded
	s.locate = func(sched.Op, bool) []sched.Frame { return rt.Callers(depth) }
	defer rt.FollowCallers()()
	text, _ := s.one(n)
	if c.broken || c.next < len(picks) {
		return nil, ErrNotRepeated
	}
	steps, all := s.world.Schedule()
	wit := &Witness{Outcome: text, Preemptions: n.preemptions, Replay: encode(all), Err: s.err, Failed: s.failed}
	for _, p := range s.waiting {
		for _, f := range p.Flows() {
			wit.Waiting = append(wit.Waiting, Waiter{Thread: f.Name, For: f.For, Frames: f.Frames})
		}
		if len(p.Flows()) > 0 {
			continue
		}
		op, _ := p.Waiting()
		wit.Waiting = append(wit.Waiting, Waiter{Thread: p.Name, For: op.Object.String(), Frames: p.Frames()})
	}
	values.settle()
	for i, e := range steps {
		step := WitnessStep{Thread: e.Proc.Name, Lane: e.Proc.ID, Op: e.Op, Preempted: e.Preempted, Frames: e.Frames}
		step.Value, step.Known = values.of[i]
		wit.Steps = append(wit.Steps, step)
	}
	return wit, nil
}

// values finds what the steps of a run read and write: a read's is there when
// it is executed, a write's when the next step is.
type values struct {
	s       *search
	vars    []*rt.Var
	of      map[int]any // by step
	writes  *rt.Var     // the last step wrote it
	writing int
}

func (v *values) watch(op sched.Op) {
	if op.Kind == sched.Spawn {
		return
	}
	v.settle()
	x := v.find(op.Object)
	if x == nil {
		return
	}
	steps, _ := v.s.world.Schedule()
	switch op.Kind {
	case sched.Read:
		v.of[len(steps)-1] = x.Value()
	case sched.Write:
		v.writes, v.writing = x, len(steps)-1
	}
}

func (v *values) settle() {
	if v.of == nil {
		v.of = map[int]any{}
	}
	if v.writes != nil {
		v.of[v.writing], v.writes = v.writes.Value(), nil
	}
}

func (v *values) find(o *sched.Object) *rt.Var {
	if o == nil || o.Kind != "var" {
		return nil
	}
	for _, x := range v.vars {
		if x.Name() == o.Name {
			return x
		}
	}
	return nil
}

// Path is one schedule as the answers to its choices.
type Path struct {
	Threads     []string // who went on at each choice; "" for a Decision
	Picks       []int
	Outcome     string
	Failed      bool
	Preemptions int
}

// Paths runs the program again under its first schedules, those with the fewest
// preemptions, and tells whether that was all of them: what a picture of the
// tree of schedules needs.
func (r *Report) Paths(limit int) (paths []Path, complete bool) {
	s := newSearch(r.opts, &Report{program: r.program})
	defer s.close()
	d := &dfs{most: max(limit, 1)}
	log := &logged{Chooser: d}
	for {
		for d.advance() {
			if len(paths) >= limit {
				return paths, false
			}
			log.threads = nil
			text, failed := s.one(log)
			_, picks := s.world.Schedule()
			paths = append(paths, Path{log.threads, slices.Clone(picks), text, failed, d.preemptions})
		}
		if len(d.later) == 0 {
			return paths, !d.lost && !s.cut
		}
		d.nextBound()
	}
}

// logged writes down who was picked.
type logged struct {
	sched.Chooser
	threads []string
}

func (l *logged) Choose(c sched.Choice) int {
	i := l.Chooser.Choose(c)
	name := ""
	if c.Procs != nil {
		name = c.Procs[i].Name
	}
	l.threads = append(l.threads, name)
	return i
}

// A replay string is "s1" and the picks as run lengths (value, count), varint
// coded, in URL-safe base64.
const replayPrefix = "s1"

func encode(picks []int) string {
	var b []byte
	for i := 0; i < len(picks); {
		j := i
		for j < len(picks) && picks[j] == picks[i] {
			j++
		}
		b = binary.AppendUvarint(b, uint64(picks[i]))
		b = binary.AppendUvarint(b, uint64(j-i))
		i = j
	}
	return replayPrefix + base64.RawURLEncoding.EncodeToString(b)
}

func decode(s string) ([]int, error) {
	const most = 2_000_000
	bad := fmt.Errorf("%q is no replay string: it should begin with %q and come from a report", s, replayPrefix)
	if !strings.HasPrefix(s, replayPrefix) {
		return nil, bad
	}
	b, err := base64.RawURLEncoding.DecodeString(s[len(replayPrefix):])
	if err != nil {
		return nil, bad
	}
	var picks []int
	for len(b) > 0 {
		pick, n := binary.Uvarint(b)
		if n <= 0 || pick > most {
			return nil, bad
		}
		count, m := binary.Uvarint(b[n:])
		if m <= 0 || count == 0 || count > most || len(picks)+int(count) > most {
			return nil, bad
		}
		for range count {
			picks = append(picks, int(pick))
		}
		b = b[n+m:]
	}
	return picks, nil
}

// Racy tells whether any schedule had a data race.
func (r *Report) Racy() bool { return len(r.Races) > 0 }

// Deadlocks counts the schedules that end in a deadlock.
func (r *Report) Deadlocks() int {
	o, _ := r.Outcome(Deadlocked)
	return o.Count
}

// Counts maps each outcome to the number of schedules that lead to it.
func (r *Report) Counts() map[string]int {
	m := map[string]int{}
	for _, o := range r.Outcomes {
		m[o.Text] = o.Count
	}
	return m
}

// Strategy says in words how far the search went.
func (r *Report) Strategy() string {
	switch {
	case r.Complete && r.Schedules == 1:
		return "the only schedule"
	case r.Complete:
		return fmt.Sprintf("all %d schedules", r.Schedules)
	case r.Random > 0:
		return fmt.Sprintf("%d schedules, not all: %s, then %d random and %d PCT", r.Schedules, r.systematic(), r.Random, r.PCT)
	}
	return fmt.Sprintf("%d schedules, not all: %s", r.Schedules, r.systematic())
}

// systematic says what the depth-first part covered.
func (r *Report) systematic() string {
	n := r.Schedules - r.Random - r.PCT
	if r.Bound < 0 {
		return fmt.Sprintf("%d without a preemption", n)
	}
	text := fmt.Sprintf("every one with up to %d preemptions (%d)", r.Bound, n-r.Partial)
	if r.Partial > 0 {
		text += fmt.Sprintf(", %d with one more", r.Partial)
	}
	return text
}

func (r *Report) String() string {
	var b strings.Builder
	b.WriteString(r.Strategy())
	for i, o := range r.Outcomes {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		fmt.Fprintf(&b, "%s%s in %d", sep, o.Text, o.Count)
	}
	for _, race := range r.Races {
		b.WriteString("\n" + race.String())
	}
	if r.Deadlock != "" {
		b.WriteString("\ndeadlock: " + r.Deadlock)
	}
	if r.Starvation != "" {
		b.WriteString("\nnever ends: " + r.Starvation)
	}
	return b.String()
}
