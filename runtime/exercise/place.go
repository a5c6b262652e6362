package exercise

import (
	"errors"
	"fmt"
	"html"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	rt "braid/runtime"
	"braid/runtime/explore"
	"braid/runtime/sched"
)

// Place is a line of the student's that a verdict is about, and what happens
// there: "line 5 of In[3]: counter.Set(t, x+1) ← Thread-1 is interrupted here".
type Place struct {
	File   string `json:"file,omitempty"` // "In[3]", "counter.go"; "" if only the line is known
	Line   int    `json:"line"`           // from 1
	Func   string `json:"func,omitempty"`
	Source string `json:"source,omitempty"` // the text of the line, of code of a cell
	What   string `json:"what,omitempty"`   // "Thread-1 is interrupted here"
}

// spot is a place that is still to be looked for among the calls that led there.
type spot struct {
	frames []sched.Frame
	what   string
	theirs bool // only lines outside of the grader's cell or file count
}

// place finds the student's line: the innermost call outside of the cell or file
// that grades, else the innermost at all.
func (s spot) place(grader string) (p Place, ok bool) {
	if len(s.frames) == 0 {
		return p, false
	}
	f, found := s.frames[0], false
	for _, g := range s.frames {
		if g.File != grader {
			f, found = g, true
			break
		}
	}
	if s.theirs && !found {
		return p, false
	}
	return Place{File: filepath.Base(f.File), Line: f.Line, Func: f.Func, Source: f.Source, What: s.what}, true
}

// places are the lines of spots, those of the same line as one.
func places(spots []spot, grader string) (list []Place) {
	for _, s := range spots {
		p, ok := s.place(grader)
		if !ok {
			continue
		}
		same := false
		for i := range list {
			if q := &list[i]; q.File == p.File && q.Line == p.Line {
				same = true
				if p.What != "" && q.What != p.What {
					q.What += "; " + p.What
				}
			}
		}
		if !same && len(list) < mostPlaces {
			list = append(list, p)
		}
	}
	return list
}

// mostPlaces is how many lines a verdict shows.
const mostPlaces = 4

func (p Place) where() string {
	text := "line " + strconv.Itoa(p.Line)
	if p.File != "" {
		text += " of " + p.File
	}
	return text
}

// String is the line, its text, and what happens there.
func (p Place) String() string {
	text := p.where()
	if p.Source != "" {
		text += ": " + cut(p.Source)
	}
	if p.What != "" {
		text += "  ← " + p.What
	}
	return text
}

func (p Place) html() string {
	text := html.EscapeString(p.where())
	if p.Source != "" {
		text += ": <code>" + html.EscapeString(cut(p.Source)) + "</code>"
	}
	if p.What != "" {
		text += " ← " + html.EscapeString(p.What)
	}
	return text
}

// widestSource is how much of a line is shown.
const widestSource = 80

func cut(source string) string {
	if r := []rune(source); len(r) > widestSource {
		return string(r[:widestSource-1]) + "…"
	}
	return source
}

// graderHere is the cell or file that calls Grade.
func graderHere() string {
	if f := rt.Callers(1); len(f) > 0 {
		return f[0].File
	}
	return ""
}

// explains finds the lines that a schedule turns on.
func explains(w *explore.Witness) []spot {
	switch {
	case len(w.Waiting) > 0:
		return stuckAt(w)
	case w.Outcome == explore.Endless:
		return spinning(w)
	case w.Err != nil:
		return raised(w)
	}
	return interrupted(w)
}

// stuckAt is where everybody waits in a deadlock.
func stuckAt(w *explore.Witness) (spots []spot) {
	for _, p := range w.Waiting {
		what := p.Thread + " waits here"
		if p.For != "" {
			what += " for " + p.For
		}
		spots = append(spots, spot{frames: p.Frames, what: what})
	}
	return spots
}

// spinning is the last line of the thread that ran most of the steps.
func spinning(w *explore.Witness) []spot {
	ran, most := map[int]int{}, 0
	for _, s := range w.Steps {
		ran[s.Lane]++
		if ran[s.Lane] > ran[most] {
			most = s.Lane
		}
	}
	for i := len(w.Steps) - 1; i >= 0; i-- {
		if s := w.Steps[i]; s.Lane == most && len(s.Frames) > 0 {
			return []spot{{frames: s.Frames, what: s.Thread + " comes here again and again"}}
		}
	}
	return nil
}

// raised is where an exception came from, as far as it is known: the last
// operation of its thread, if the exception itself does not tell.
func raised(w *explore.Witness) []spot {
	if own := ofError(w.Err); len(own) > 0 && len(own[0].frames) > 0 {
		return own
	}
	for i := len(w.Steps) - 1; i >= 0; i-- {
		if s := w.Steps[i]; s.Thread == w.Failed && len(s.Frames) > 0 {
			return []spot{{frames: s.Frames, what: s.Thread + " was last seen here"}}
		}
	}
	return nil
}

// interrupted is where threads are put aside although they could go on, as few
// as the outcome takes; without any, the last write.
func interrupted(w *explore.Witness) (spots []spot) {
	for i, s := range w.Steps {
		if !s.Preempted || i == 0 {
			continue
		}
		before := w.Steps[i-1]
		for _, next := range w.Steps[i:] {
			if next.Lane != before.Lane {
				continue
			}
			if len(next.Frames) > 0 {
				spots = append(spots, spot{frames: next.Frames, what: stops(before, next, s.Thread)})
			}
			break
		}
	}
	if len(spots) > 0 {
		return spots
	}
	for i := len(w.Steps) - 1; i >= 0; i-- {
		if s := w.Steps[i]; s.Op.Kind == sched.Write && len(s.Frames) > 0 {
			return []spot{{frames: s.Frames, what: "the last to write " + s.Op.Object.String() + ", by " + s.Thread}}
		}
	}
	return nil
}

// stops says where a thread is put aside between two of its operations.
func stops(before, next explore.WitnessStep, other string) string {
	where := "before this line"
	if len(before.Frames) > 0 && before.Frames[0].File == next.Frames[0].File && before.Frames[0].Line == next.Frames[0].Line {
		where = "in the middle of this line"
	}
	return fmt.Sprintf("%s is interrupted %s, and %s runs", before.Thread, where, other)
}

// accesses are the two lines of a data race, if the schedule has them.
func accesses(w *explore.Witness, race explore.Race) (spots []spot) {
	for _, a := range []string{race.First, race.Second} {
		thread, op, _ := strings.Cut(a, ": ")
		for _, s := range w.Steps {
			if s.Thread == thread && s.Op.Object.String() == race.Var && len(s.Frames) > 0 && (s.Op.String() == op || s.Op.Kind.String()+" "+race.Var == op) {
				spots = append(spots, spot{frames: s.Frames, what: inWords(thread, op, race.Var)})
				break
			}
		}
	}
	return spots
}

// inWords is an access as a sentence.
func inWords(thread, op, name string) string {
	switch op {
	case "read " + name:
		return thread + " reads " + name + " here"
	case "write " + name:
		return thread + " writes " + name + " here"
	}
	return thread + ": " + op
}

// ofRun is where a run in virtual time ended badly.
func ofRun(r *Run) []spot {
	var dead *sched.DeadlockError
	var endless *sched.StepLimitError
	switch {
	case r.Err == nil:
		return nil
	case errors.As(r.Err, &dead):
		var spots []spot
		for _, p := range dead.Waiting {
			for _, f := range p.Flows() {
				spots = append(spots, spot{frames: f.Frames, what: f.Name + " waits here for " + f.For})
			}
			if len(p.Flows()) > 0 {
				continue
			}
			spots = append(spots, spot{frames: p.Frames(), what: p.Name + " waits here"})
		}
		return spots
	case errors.As(r.Err, &endless):
		if p := endless.Last; p != nil {
			if spots := turning(p); len(spots) > 0 {
				return spots
			}
			return []spot{{frames: p.Frames(), what: p.Name + " comes here again and again"}}
		}
		return nil
	}
	return ofError(r.Err)
}

// turning are the tasks of a loop that never rests.
func turning(p *sched.Proc) (spots []spot) {
	for _, f := range p.Flows() {
		if f.Ready {
			spots = append(spots, spot{frames: f.Frames, what: f.Name + " comes here again and again"})
		}
	}
	return spots
}

// ofError is the place of an exception that was a panic: of the innermost of
// its interpreted frames, "In[3]:4, in Visit", else of its Go stack.
func ofError(err error) []spot {
	e, ok := rt.AsException(err)
	if !ok {
		return nil
	}
	var frames []sched.Frame
	for _, text := range e.Frames {
		place, function, _ := strings.Cut(text, ", in ")
		file, number, _ := strings.Cut(place, ":")
		number, _, _ = strings.Cut(number, ":")
		if line, err := strconv.Atoi(number); err == nil {
			frames = append(frames, sched.Frame{File: file, Line: line, Func: function, Source: rt.SourceLine(file, line)})
		}
	}
	if len(frames) == 0 {
		frames = ofStack(e.Stack)
	}
	return []spot{{frames: frames, what: e.Type + " is raised here"}}
}

// ofStack finds the frames in a Go stack that belong neither to the library nor
// to the model.
func ofStack(stack string) (frames []sched.Frame) {
	lines := strings.Split(stack, "\n")
	for i := 1; i < len(lines); i++ {
		path, rest, ok := strings.Cut(strings.TrimSpace(lines[i]), ".go:")
		if !ok || !strings.HasPrefix(lines[i], "\t") || ours(path, lines[i-1]) {
			continue
		}
		number, _, _ := strings.Cut(rest, " ")
		if line, err := strconv.Atoi(number); err == nil {
			frames = append(frames, sched.Frame{File: path + ".go", Line: line})
		}
	}
	return frames
}

// ours tells frames of Go's library and of the model from a student's.
func ours(path, function string) bool {
	if strings.Contains(filepath.ToSlash(path), "_test") {
		return false
	}
	for _, prefix := range []string{"runtime.", "runtime/", "panic(", "iter.", "reflect.", "sync.", "created by", "braid/runtime", "testing.", "main.main", "goroutine "} {
		if strings.HasPrefix(function, prefix) {
			return true
		}
	}
	return false
}

// blocking is the line that took most of a while from the main thread.
func blocking(r *Run, from, to time.Duration) []spot {
	if r.In == nil {
		return nil
	}
	var most sched.Spent
	longest := time.Duration(0)
	for _, s := range r.In.World().Spent() {
		if s.Slept && s.Proc.ID != 0 { // another thread's sleep is in nobody's way
			continue
		}
		if d := min(s.To, to) - max(s.From, from); d > longest {
			most, longest = s, d
		}
	}
	what := "takes " + (most.To - most.From).String()
	return []spot{{frames: most.Frames, what: what}}
}
