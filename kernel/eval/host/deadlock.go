package host

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"braid/kernel/eval"
)

// The deadlock detector. A deadlock is a state of all learner goroutines: each
// waits for another one, and nothing else can wake them. Two things are needed
// to know it:
//
//   - A suspicion, from counters: as many goroutines wait (asleep) as there are
//     (alive), and no timer is set (wakers). Whoever makes it true by starting to
//     wait, by ending, or by stopping a timer, says so; nothing polls.
//   - A proof, from one dump of all goroutines, which the runtime takes while the
//     world is stopped: every learner goroutine is blocked in package host (one
//     that has been woken but has not run yet shows as runnable), and no other
//     goroutine carries a run's label, which native goroutines inherit from the
//     learner's goroutine they work for: they may wake it.
//
// While native goroutines are the only hope, the proof is tried again later and
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
			if !suspicious() || wakes.Load() != seen {
				if suspicious() && pause == settleTime {
					suspectAgain()
				}
				break
			}
			if !anyMainWaits() {
				break
			}
			if hopeless() && wakes.Load() == seen && suspicious() {
				declareDeadlock()
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

// anyMainWaits says whether a cell is running, so that a deadlock matters.
func anyMainWaits() bool {
	for _, r := range runningRuns() {
		if r.isRunning() {
			return true
		}
	}
	return false
}

func runningRuns() []*Run {
	registry.mu.Lock()
	defer registry.mu.Unlock()
	return slices.Clone(registry.runs)
}

// declareDeadlock ends every running run whose main goroutine waits.
func declareDeadlock() {
	all := Census(0)
	notes := deadlockNotes(all)
	for _, r := range runningRuns() {
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

var dump struct {
	sync.Mutex
	buf []byte
}

// hopeless says whether a dump proves that every learner goroutine is blocked
// for ever.
func hopeless() bool {
	dump.Lock()
	defer dump.Unlock()
	text := dumpGoroutines()
	defer func() {
		if cap(dump.buf) > 1<<20 {
			dump.buf = nil
		}
	}()
	marker := []byte(`"` + labelKey + `": `)
	for part := range bytes.SplitSeq(text, []byte("\n\n")) {
		head, _, _ := bytes.Cut(part, []byte("\n"))
		if !bytes.Contains(head, marker) {
			continue
		}
		if !blockedHere(string(head), part) {
			return false
		}
	}
	return true
}

// dumpGoroutines returns the stacks of all goroutines, with labels. dump is locked.
func dumpGoroutines() []byte {
	defer withTracebackLabels()()
	if dump.buf == nil {
		dump.buf = make([]byte, 64<<10)
	}
	for {
		if n := runtime.Stack(dump.buf, true); n < len(dump.buf) {
			return dump.buf[:n]
		}
		dump.buf = make([]byte, 4*len(dump.buf))
	}
}

// withTracebackLabels makes dumps name labels, which Go 1.26 does only on
// demand, and returns what undoes it.
func withTracebackLabels() func() {
	const setting = "tracebacklabels=1"
	old, had := os.LookupEnv("GODEBUG")
	if strings.Contains(old, setting) {
		return func() {}
	}
	os.Setenv("GODEBUG", strings.TrimPrefix(old+","+setting, ","))
	return func() {
		if had {
			os.Setenv("GODEBUG", old)
		} else {
			os.Unsetenv("GODEBUG")
		}
	}
}

// blockedHere says whether a labelled goroutine of a dump is blocked in a wait of
// this package. Those that a timer may end count as wakers, not as suspicions.
func blockedHere(head string, stack []byte) bool {
	_, state, _ := strings.Cut(head, " [")
	if strings.HasPrefix(state, "coroutine") {
		return true // one side of iter.Pull, which waits for the other side
	}
	if !strings.HasPrefix(state, "select") && !strings.HasPrefix(state, "chan ") {
		return false
	}
	return slices.ContainsFunc(waitFrames, func(f []byte) bool { return bytes.Contains(stack, f) })
}

// waitFrames are the functions of this package that block with a registered wait.
var waitFrames = [][]byte{
	[]byte("host.Send("), []byte("host.Recv("), []byte("host.Select("), []byte("host.receive["), []byte("host.sendWaiting["),
	[]byte("host.receiveAny("), []byte("host.(*goroutine).sleepForEver("), []byte("host.parkWait("),
}
