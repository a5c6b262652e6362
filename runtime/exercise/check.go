package exercise

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	rt "braid/runtime"
	"braid/runtime/explore"
	"braid/runtime/sched"
	"braid/runtime/trace"
	"braid/runtime/viz"
)

// Check is one condition. Some look at all schedules (after Every), some at a
// run in virtual time (after Once), some at either.
type Check struct {
	name    string
	forbids bool // it holds of a program that does nothing
	every   func(*explore.Report) finding
	once    func(*Run) finding
}

// Named returns the check under another name, which the verdict shows.
func (c Check) Named(name string) Check {
	c.name = name
	return c
}

type finding struct {
	passed  bool
	message string
	share   float64 // of the points, if it did not pass
	spots   []spot
	replay  string
	picture *viz.Picture
}

func pass(format string, args ...any) finding {
	return finding{passed: true, message: fmt.Sprintf(format, args...)}
}

// fail is a finding with the schedule that shows it.
func fail(r *explore.Report, outcome, format string, args ...any) finding {
	f := finding{message: fmt.Sprintf(format, args...)}
	if w := r.Witness(outcome); w != nil {
		f.replay, f.picture, f.spots = w.Replay, viz.Interleaving(w, r), explains(w)
	}
	return f
}

func failRun(r *Run, format string, args ...any) finding {
	return finding{message: fmt.Sprintf(format, args...), picture: r.picture(), spots: ofRun(r)}
}

// Outcomes requires that the values that Final gives in all schedules are
// exactly these, compared as they print.
func Outcomes(values ...any) Check {
	want := texts(values)
	return Check{name: "result is " + list(want), every: func(r *explore.Report) finding {
		for _, o := range r.Outcomes {
			if !slices.Contains(want, o.Text) {
				return fail(r, o.Text, "%s the result is %s; it should always be %s.", in(o.Count, r), worded(r, o), list(want))
			}
		}
		for _, w := range want {
			if _, ok := r.Outcome(w); !ok && r.Complete {
				return finding{message: fmt.Sprintf("No schedule gives %s, which should be possible: something orders the threads more than it should.", w)}
			}
		}
		if !r.Complete {
			return pass("In %s the result is %s. That is evidence, not a proof: there are more.", r.Strategy(), list(want))
		}
		return pass("%s the result is %s.", in(r.Schedules, r), list(want))
	}}
}

// Varies judges a claim about a program: whether more than one outcome is
// possible. It is for exercises that ask for a prediction.
func Varies(claimed bool) Check {
	return Check{name: "prediction", every: func(r *explore.Report) finding {
		varies := len(r.Outcomes) > 1
		switch {
		case varies == claimed && varies:
			return pass("Right: %s is possible.", list(outcomes(r)))
		case varies == claimed:
			return pass("Right: it is %s in %s.", r.Outcomes[0].Text, all(r))
		case varies:
			rare := worst(r)
			o, _ := r.Outcome(rare)
			return fail(r, rare, "You say that it always comes out the same. %s the result is %s, though.", in(o.Count, r), worded(r, o))
		}
		return finding{message: fmt.Sprintf("You say that something can be lost. The result is %s in %s, though.", r.Outcomes[0].Text, all(r))}
	}}
}

func outcomes(r *explore.Report) []string {
	words := make([]string, len(r.Outcomes))
	for i, o := range r.Outcomes {
		words[i] = o.Text
	}
	return words
}

func texts(values []any) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = fmt.Sprint(v)
	}
	return out
}

func list(words []string) string {
	switch n := len(words); n {
	case 0:
		return "nothing"
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
	}
}

// in begins a sentence about n of the schedules of a report.
func in(n int, r *explore.Report) string {
	switch {
	case !r.Complete:
		return fmt.Sprintf("In %d of %d schedules tried", n, r.Schedules)
	case n == r.Schedules:
		return "In " + all(r)
	}
	return fmt.Sprintf("In %d of %d schedules", n, r.Schedules)
}

// all is what a complete report has seen.
func all(r *explore.Report) string {
	if r.Schedules == 1 {
		return "the only schedule"
	}
	return fmt.Sprintf("all %d schedules", r.Schedules)
}

func worded(r *explore.Report, o explore.Outcome) string {
	switch o.Text {
	case explore.Deadlocked:
		return "none at all: a deadlock (" + r.Deadlock + ")"
	case explore.Endless:
		return "none at all: it never ends"
	}
	return o.Text
}

// NoRace requires that everything threads share is ordered by locks, queues,
// joins or awaits, in every schedule, also where the result happens to be
// right.
func NoRace() Check {
	return Check{name: "no data race", forbids: true, every: func(r *explore.Report) finding {
		if !r.Racy() {
			return pass("Nothing is used by two threads without an order between them.")
		}
		race := r.Races[0]
		f := fail(r, worst(r), "Two threads use %s and nothing says who is first: %s%s, and %s%s. "+
			"It may come out right, even always on one version of Python, and is wrong all the same: take one lock around every use of %s.",
			race.Var, race.First, under(race.FirstHolds), race.Second, under(race.SecondHolds), race.Var)
		if w := r.Witness(worst(r)); w != nil {
			f.spots = accesses(w, race)
		}
		return f
	}}
}

// under says which lock was held at an access.
func under(lock string) string {
	if lock == "" {
		return " without a lock"
	}
	return " under " + lock
}

// worst is the outcome that shows most: a failed one, else the one that takes
// most preemptions, which no serial run of the threads has.
func worst(r *explore.Report) string {
	text, most := "", -1
	for _, o := range r.Outcomes[:min(len(r.Outcomes), 20)] {
		if o.Failed {
			return o.Text
		}
		if w := r.Witness(o.Text); w != nil && w.Preemptions > most {
			text, most = o.Text, w.Preemptions
		}
	}
	return text
}

// NoDeadlock requires that the program never gets stuck.
func NoDeadlock() Check {
	return Check{name: "no deadlock", forbids: true, every: func(r *explore.Report) finding {
		n := r.Deadlocks()
		if n == 0 {
			return pass("No schedule gets stuck.")
		}
		advice := "Take locks in the same order everywhere."
		if r.LostWakeup {
			advice = "Somebody was notified before he waited: ask the condition under the lock, in a loop, before waiting."
		} else if !strings.Contains(r.Deadlock, "holds") {
			advice = "Whoever is waited for must get there on every path."
		}
		return fail(r, explore.Deadlocked, "%s everybody waits and nobody can go on: %s. %s", in(n, r), r.Deadlock, advice)
	}, once: func(r *Run) finding {
		var dead *sched.DeadlockError
		if errors.Is(r.Err, errStuck) {
			f, _ := ended(r)
			return f
		}
		if errors.As(r.Err, &dead) {
			return failRun(r, "Everybody waits and nobody can go on: %s.", strings.TrimPrefix(dead.Error(), "deadlock: "))
		}
		return pass("Nobody gets stuck.")
	}}
}

// Finishes requires that the program ends in every schedule without an
// exception, within the bound of steps.
func Finishes() Check {
	return Check{name: "finishes", forbids: true, every: func(r *explore.Report) finding {
		for _, o := range r.Outcomes {
			switch {
			case !o.Failed:
				continue
			case o.Text == explore.Endless:
				return fail(r, o.Text, "%s the program does not end: %s.", in(o.Count, r), r.Starvation)
			case o.Text == explore.Deadlocked:
				return fail(r, o.Text, "%s the program gets stuck: %s.", in(o.Count, r), r.Deadlock)
			}
			return fail(r, o.Text, "%s the program stops with %s.", in(o.Count, r), o.Text)
		}
		return pass("The program ends in every schedule.")
	}, once: func(r *Run) finding {
		if f, bad := ended(r); bad {
			return f
		}
		if r.In == nil {
			return pass("The program ends.")
		}
		return pass("The program ends, after %s.", r.Took)
	}}
}

// ended words what ended a run badly. Checks of what a program did say this
// first: what was not finished cannot be judged.
func ended(r *Run) (finding, bool) {
	var dead *sched.DeadlockError
	var endless *sched.StepLimitError
	switch {
	case r.Err == nil:
		return finding{}, false
	case errors.Is(r.Err, errStuck):
		return failRun(r, "Everybody waits and nobody can go on. %s.", goroutines(r.stuck)), true
	case errors.As(r.Err, &dead):
		return NoDeadlock().once(r), true
	case errors.As(r.Err, &endless) && endless.Why != "":
		return failRun(r, "The program does not end: %s.", endless.Why), true
	case errors.Is(r.Err, sched.ErrStepLimit):
		return failRun(r, "The program does not end: it was stopped after %d steps.", Steps), true
	}
	return failRun(r, "The program stopped with %s.", r.Err), true
}

// onRun makes a check of a run that must have ended well.
func onRun(name string, judge func(*Run) finding) Check {
	return Check{name: name, once: func(r *Run) finding {
		if f, bad := ended(r); bad {
			return f
		}
		return judge(r)
	}}
}

// forbidding makes a check hold of a program that does nothing, too.
func forbidding(c Check) Check {
	c.forbids = true
	return c
}

// Awaited requires that no coroutine was dropped without an await, and no other
// warning given.
func Awaited() Check {
	return forbidding(onRun("everything awaited, no warnings", func(r *Run) finding {
		if len(r.Warnings) == 0 {
			return pass("Every coroutine was awaited.")
		}
		text := r.Warnings[0].String()
		if n := len(r.Warnings) - 1; n > 0 {
			text += fmt.Sprintf(" (and %d more)", n)
		}
		advice := ""
		if strings.Contains(text, "never awaited") {
			advice = " Calling a coroutine function runs nothing: await it, or make a task of it."
		}
		return failRun(r, "Python would warn: %s.%s", text, advice)
	}))
}

// Makespan requires that the run takes at most so long, in virtual time. A
// thousandth more is forgiven: what it costs to hand over a GIL. The advice, if
// one is given, takes the place of the usual one, which is to wait for several
// things at the same time.
func Makespan(most time.Duration, advice ...string) Check {
	if len(advice) == 0 {
		advice = []string{"What waits should wait at the same time, not one after the other."}
	}
	return forbidding(onRun("takes at most "+most.String(), func(r *Run) finding {
		if r.Took <= most+most/1000 {
			return pass("It takes %s.", r.Took)
		}
		return failRun(r, "It takes %s; %s is possible. %s", r.Took, most, strings.Join(advice, " "))
	}))
}

// TookExactly judges a prediction of how long the run takes, in virtual time.
func TookExactly(predicted time.Duration) Check {
	return onRun("prediction", func(r *Run) finding {
		if r.Took == predicted {
			return pass("Right: it takes %s.", r.Took)
		}
		return failRun(r, "You say that it takes %s. It takes %s.", predicted, r.Took)
	})
}

// TakesMore requires that the run takes more than that, in virtual time: that
// there was no less expensive way.
func TakesMore(than time.Duration) Check {
	return onRun("takes more than "+than.String(), func(r *Run) finding {
		if r.Took > than {
			return pass("It takes %s.", r.Took)
		}
		return failRun(r, "It takes %s. It should take more than %s: there is no need for so many.", r.Took, than)
	})
}

// Order requires that what was Said is exactly this, in this order.
func Order(words ...string) Check {
	name := "order of events"
	if len(words) == 1 {
		name = "what comes out"
	}
	return onRun(name, func(r *Run) finding {
		got := make([]string, len(r.said))
		for i, e := range r.said {
			got[i] = e.what
		}
		for i, w := range words {
			switch {
			case i >= len(got):
				return failRun(r, "After %s nothing happens any more; %q should follow.", sequence(got), w)
			case got[i] != w:
				f := failRun(r, "%s is %q%s; it should be %q.%s", event(i, words), got[i], r.when(i), w, order(got))
				f.spots = []spot{{frames: r.said[i].frames, what: got[i] + " happens here", theirs: true}}
				return f
			}
		}
		if len(got) > len(words) {
			return failRun(r, "After everything that should happen comes %q.", got[len(words)])
		}
		if len(words) == 1 {
			return pass("It is right: %s.", got[0])
		}
		return pass("The order is right: %s.", sequence(got))
	})
}

// event names one of those that should come.
func event(i int, words []string) string {
	if len(words) == 1 {
		return "What comes out"
	}
	return fmt.Sprintf("Event %d", i+1)
}

// order tells it, if there is more than one event.
func order(got []string) string {
	if len(got) < 2 {
		return ""
	}
	return " The order was " + sequence(got) + "."
}

// when is the time of what was said, if there is one.
func (r *Run) when(i int) string {
	if r.In == nil {
		return ""
	}
	return fmt.Sprintf(" at %s", r.said[i].at)
}

func sequence(words []string) string {
	if len(words) > 12 {
		return strings.Join(words[:12], ", ") + ", …"
	}
	if len(words) == 0 {
		return "the start"
	}
	return strings.Join(words, ", ")
}

// PickledAtMost requires that at most so many bytes go to worker processes.
func PickledAtMost(bytes int) Check {
	return forbidding(onRun(fmt.Sprintf("at most %d bytes pickled", bytes), func(r *Run) finding {
		var sent float64
		for _, e := range r.Trace.Events() {
			if e.Kind == trace.Pickle {
				sent += e.Value
			}
		}
		if int(sent) <= bytes {
			return pass("%.0f bytes are pickled.", sent)
		}
		f := failRun(r, "%.0f bytes are pickled, %d are enough. Send what a worker needs, and make more of one message: a larger chunksize.", sent, bytes)
		if r.In != nil { // without, the picture would have the times of this machine
			f.picture = viz.Processes(r.Trace)
		}
		return f
	}))
}

// HeartbeatGap requires that a heartbeat (Run.Beat) never pauses for longer.
func HeartbeatGap(most time.Duration) Check {
	return forbidding(onRun("heartbeat pauses at most "+most.String(), func(r *Run) finding {
		if len(r.beats) < 2 {
			return failRun(r, "The heartbeat beats %d times: it has no chance to run.", len(r.beats))
		}
		var gaps []time.Duration
		var longest, at time.Duration
		for i, b := range r.beats[1:] {
			gap := b - r.beats[i]
			gaps = append(gaps, gap)
			if gap > longest {
				longest, at = gap, r.beats[i]
			}
		}
		if longest <= most {
			return pass("The longest pause of the heartbeat is %s.", longest)
		}
		f := failRun(r, "At %s the heartbeat stops for %s: something blocks everybody. %s is allowed. "+
			"Await what can be awaited, and give the rest to a thread or a process.", at, longest, most)
		f.spots = blocking(r, at, at+longest)
		f.picture = viz.Latency("Pauses of the heartbeat", most, viz.Series{Name: "heartbeat", Samples: gaps})
		return f
	}))
}

// Peak requires that at some time at least so many are between Enter and Leave:
// that the program is really concurrent.
func Peak(least int) Check {
	return onRun(fmt.Sprintf("at least %d at a time", least), func(r *Run) finding {
		if r.peak >= least {
			return pass("Up to %d are under way at a time.", r.peak)
		}
		f := failRun(r, "At most %d %s under way at a time; %d should be. They are started one after the other: start all, then wait.", r.peak, isAre(r.peak), least)
		f.share = 0
		return f
	})
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// PeakAtMost requires that never more are between Enter and Leave: that a limit
// is kept.
func PeakAtMost(most int) Check {
	return forbidding(onRun(fmt.Sprintf("at most %d at a time", most), func(r *Run) finding {
		if r.peak <= most {
			return pass("Up to %d are under way at a time.", r.peak)
		}
		return failRun(r, "%d are under way at a time; at most %d are allowed: a semaphore would hold them back.", r.peak, most)
	}))
}

// NoBusyWait requires that no run takes more steps than this: who waits should
// sleep, not ask again and again.
func NoBusyWait(steps int) Check {
	const advice = "Waiting should cost nothing: wait for a condition, an event or a queue instead of asking again and again."
	return Check{name: "no busy waiting", forbids: true, every: func(r *explore.Report) finding {
		if r.MaxSteps <= steps {
			return pass("No run takes more than %d steps.", r.MaxSteps)
		}
		return fail(r, explore.Endless, "A run takes %d steps, %d are enough. %s", r.MaxSteps, steps, advice)
	}, once: func(r *Run) finding {
		if r.Steps <= steps {
			return pass("The run takes %d steps.", r.Steps)
		}
		return failRun(r, "The run takes %d steps, %d are enough. %s", r.Steps, steps, advice)
	}}
}

// NoLeak requires that a program of Go leaves no goroutine behind that can never
// go on.
func NoLeak() Check {
	return forbidding(onRun("no goroutine is left", func(r *Run) finding {
		switch n := len(r.stuck); n {
		case 0:
			return pass("All goroutines have ended.")
		case 1:
			return failRun(r, "A goroutine is left and can never end. %s.", goroutines(r.stuck))
		default:
			return failRun(r, "%d goroutines are left and can never end. %s.", n, goroutines(r.stuck))
		}
	}))
}

// goroutines lists what goroutines do, equal ones once.
func goroutines(stuck []string) string {
	var list []string
	count := map[string]int{}
	for _, g := range stuck {
		if count[g]++; count[g] == 1 {
			list = append(list, g)
		}
	}
	slices.Sort(list)
	for i, g := range list {
		if n := count[g]; n > 1 {
			list[i] = fmt.Sprintf("%s (%d of them)", g, n)
		}
	}
	if n := len(list) - 4; n > 0 {
		list = append(list[:4], fmt.Sprintf("and %d more", n))
	}
	return strings.Join(list, "; ")
}

// Raises requires that the program ends with an exception of this type.
func Raises(typ string) Check {
	return Check{name: "raises " + typ, once: func(r *Run) finding {
		switch {
		case rt.Is(r.Err, typ):
			return pass("It raises %s.", r.Err)
		case r.Err == nil:
			return failRun(r, "It ends without an exception; it should raise %s.", typ)
		}
		return failRun(r, "It ends with %s; it should raise %s.", r.Err, typ)
	}}
}

// Custom is a check of the author's own: of a run, nil to pass, an error whose
// text is the message. A share says how much of the points a failing one still
// gets, if the error has a method Share() float64.
func Custom(name string, holds func(run *Run) error) Check {
	return onRun(name, func(r *Run) finding {
		err := holds(r)
		if err == nil {
			return pass("Right.")
		}
		f := failRun(r, "%s", err)
		var partial interface{ Share() float64 }
		if errors.As(err, &partial) {
			f.share = min(max(partial.Share(), 0), 1)
		}
		return f
	})
}

// Partly is an error that leaves a share of the points, for Custom.
func Partly(share float64, format string, args ...any) error {
	return &partly{share, fmt.Sprintf(format, args...)}
}

type partly struct {
	share float64
	text  string
}

func (p *partly) Error() string  { return p.text }
func (p *partly) Share() float64 { return p.share }
