package host

import (
	"bytes"
	"fmt"
	"runtime/pprof"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"braid/kernel/eval"
)

// The deadlock detector. A deadlock is a state of all learner goroutines: each
// waits for another one, and nothing else can wake them. To know it takes three
// things:
//
//   - A suspicion, from counters: as many goroutines wait (asleep) as there are
//     (alive), and no timer is set (wakers). Whoever makes it true by starting to
//     wait, by ending, or by stopping a timer, says so; nothing polls.
//   - No hope from outside, from a profile of all goroutines: none carries a
//     run's label, which native goroutines inherit from the learner's goroutine
//     they work for, but those that wait in this package.
//   - A probe, because a goroutine that has been woken but has not run yet still
//     counts as waiting: every wait is woken and begins again. If all of them
//     have, and none has got what it waits for, then no learner code has run
//     since the suspicion and none will: that is the proof.
//
// While native goroutines are the only hope, the profile is taken again later and
// later, up to once a second, because they may end without waking anybody.

var detector struct {
	start sync.Once
	poke  chan struct{}
}

func init() { detector.poke = make(chan struct{}, 1) }

// suspectDeadlock makes the detector look closer. It never blocks.
func suspectDeadlock() {
	detector.start.Do(func() { go detect() })
	select {
	case detector.poke <- struct{}{}:
	default:
	}
}

const (
	settleTime = 500 * time.Microsecond // lets goroutines run that have just been woken, before the world is stopped
	maxRecheck = time.Second
)

// detect is the detector's goroutine.
func detect() {
	setLabel(nil) // whoever started it is of no account
	for range detector.poke {
		for pause := settleTime; ; pause = min(2*pause, maxRecheck) {
			seen := wakes.Load()
			time.Sleep(pause)
			if wakes.Load() != seen && suspicious() && pause == settleTime {
				suspectAgain()
				break
			}
			if wakes.Load() != seen || !suspicious() || !anyRunning() {
				break
			}
			if hopeless() && probe(seen) {
				if !settled() {
					declareDeadlock()
				}
				break
			}
		}
	}
}

// suspectAgain keeps a suspicion alive that was disturbed: the last goroutine to
// wait may have spoken while the detector was looking.
func suspectAgain() {
	select {
	case detector.poke <- struct{}{}:
	default:
	}
}

func suspicious() bool {
	n := alive.Load()
	return n > 0 && asleep.Load() >= n && wakers.Load() == 0
}

// anyRunning says whether a cell is running, so that a deadlock matters.
func anyRunning() bool { return slices.ContainsFunc(knownRuns(), (*Run).isRunning) }

func knownRuns() []*Run {
	registry.mu.Lock()
	defer registry.mu.Unlock()
	if registry.spare != nil {
		return append(slices.Clone(registry.runs), registry.spare)
	}
	return slices.Clone(registry.runs)
}

// declareDeadlock ends every running run whose main goroutine waits.
func declareDeadlock() {
	all := Census(0)
	notes := deadlockNotes(all)
	for _, r := range knownRuns() {
		r.mu.Lock()
		g := r.main
		r.mu.Unlock()
		if g == nil {
			continue
		}
		d := g.describe()
		if d.State == "running" {
			continue
		}
		r.fail(&eval.Error{Name: eval.Deadlock, Value: "all goroutines are asleep - deadlock!",
			Pos: d.At, Frames: d.Frames, Notes: notes})
	}
}

// maxNotes bounds the goroutines that a deadlock's notes name.
const maxNotes = 20

func deadlockNotes(all []Goroutine) []string {
	var notes []string
	count := map[string]int{}
	for _, g := range all {
		text := g.String()
		if count[text]++; count[text] == 1 {
			notes = append(notes, text)
		}
	}
	rest := 0
	for i, text := range notes {
		if i >= maxNotes {
			rest += count[text]
		} else if n := count[text]; n > 1 {
			notes[i] = fmt.Sprintf("%s (%d goroutines)", text, n)
		}
	}
	if rest > 0 {
		notes = append(notes[:maxNotes], fmt.Sprintf("… and %d more goroutines wait", rest))
	}
	return notes
}

// probes counts the waits that have been woken to prove that they still wait.
var probes atomic.Int64

// probeTime bounds a probe. It is no part of the proof: a probe that takes longer
// proves nothing and is repeated.
const probeTime = 10 * time.Second

// probe wakes all waits and says whether all have begun again with nothing, and
// no wait has ended since wakes was progress.
func probe(progress uint64) bool {
	waits, acknowledged := asleep.Load(), probes.Load()
	for _, r := range knownRuns() {
		r.probe()
	}
	for begun, pause := time.Now(), 100*time.Microsecond; time.Since(begun) < probeTime; pause = min(2*pause, 10*time.Millisecond) {
		time.Sleep(pause)
		if wakes.Load() != progress || alive.Load() > waits || wakers.Load() > 0 {
			return false
		}
		if asleep.Load() == waits && probes.Load()-acknowledged == waits {
			return wakes.Load() == progress && alive.Load() <= waits && wakers.Load() == 0
		}
	}
	return false
}

// probe makes the run's waits begin again.
func (r *Run) probe() {
	r.mu.Lock()
	old := r.stop.Load()
	if r.live > 0 {
		r.stop.Store(newStopState(old.gen, old.err))
	}
	live := r.live
	r.mu.Unlock()
	if live > 0 {
		close(old.main)
		close(old.others)
	}
}

// waitFrames are the functions of this package that block with a registered wait,
// as profiles name them.
var waitFrames = func() [][]byte {
	var names [][]byte
	for _, f := range []string{"Send", "Recv", "Select", "receive[...]", "sendWaiting[...]", "receiveAny", "(*goroutine).sleepForEver", "parkWait", "Settle"} {
		names = append(names, []byte("/host."+f+"+0x"))
	}
	return names
}()

// hopeless says whether no goroutine can wake a learner's from outside.
func hopeless() bool {
	label := []byte(`"` + labelKey + `":`)
	for part := range bytes.SplitSeq(goroutineProfile(), []byte("\n\n")) {
		_, rest, _ := bytes.Cut(part, []byte("\n"))
		labels, stack, _ := bytes.Cut(rest, []byte("\n"))
		if bytes.HasPrefix(labels, []byte("# labels: ")) && bytes.Contains(labels, label) && !waitsHere(stack) {
			return false
		}
	}
	return true
}

// waitsHere says whether a stack of a profile is in a wait of this package.
// In iter.Pull, each side waits there for the other.
func waitsHere(stack []byte) bool {
	top, _, _ := bytes.Cut(stack, []byte("\n"))
	if bytes.Contains(top, []byte("\titer.Pull")) {
		return true
	}
	return slices.ContainsFunc(waitFrames, func(f []byte) bool { return bytes.Contains(stack, f) })
}

// goroutineProfile describes all goroutines, equal ones together: a line with
// their number, one with their labels if they have any, and one for each call,
// innermost first; then an empty line.
func goroutineProfile() []byte {
	var b bytes.Buffer
	pprof.Lookup("goroutine").WriteTo(&b, 1)
	return b.Bytes()
}
