package host

import (
	"strings"
	"sync"
	"sync/atomic"

	"braid/kernel/eval"
	rt "braid/runtime"
	"braid/runtime/sched"
)

// Models say where in a cell something happened. The frames of a learner's
// goroutine are found through SetLocal; those of functions that compiled code
// calls, on goroutines that models have started, only while somebody follows.

// following counts those who follow.
var following atomic.Int32

// followed are the engine's values for the calls of compiled code that are under
// way, by goroutine, the innermost last.
var followed struct {
	mu sync.Mutex
	of map[uintptr][]any // guarded by mu
}

// Following tells an engine to call Entered around each function that compiled
// code calls. It costs a nanosecond.
func Following() bool { return following.Load() > 0 }

// Entered notes that compiled code calls a function of the learner's on the
// calling goroutine; local is what SetLocal would get. left ends it.
func Entered(local any) (left func()) {
	id := getg()
	followed.mu.Lock()
	defer followed.mu.Unlock()
	if followed.of == nil {
		followed.of = map[uintptr][]any{}
	}
	followed.of[id] = append(followed.of[id], local)
	return func() {
		followed.mu.Lock()
		defer followed.mu.Unlock()
		if rest := followed.of[id]; len(rest) > 1 {
			followed.of[id] = rest[:len(rest)-1]
			return
		}
		delete(followed.of, id)
	}
}

// follow is rt.CallersHost's Follow.
func follow() (stop func()) {
	following.Add(1)
	return sync.OnceFunc(func() { following.Add(-1) })
}

// callers is rt.CallersHost's Callers.
func callers(most int) (list []sched.Frame) {
	add := func(frames []eval.Frame) {
		for _, f := range frames {
			if len(list) < most && !f.Created && f.Pos.Line > 0 {
				list = append(list, sched.Frame{File: f.Pos.Cell, Line: f.Pos.Line, Func: f.Func, Source: lineOf(f.Pos.Cell, f.Pos.Line)})
			}
		}
	}
	if find := trace.Load(); find != nil && following.Load() > 0 {
		followed.mu.Lock()
		locals := followed.of[getg()]
		followed.mu.Unlock()
		for i := len(locals) - 1; i >= 0; i-- {
			add((*find)(locals[i]))
		}
	}
	if g := current(); g != nil && g.owned() {
		add(g.frames())
	}
	return list
}

// cellSources are the texts of the cells that have run, by their name.
var cellSources sync.Map // string → string

func keepSource(name, source string) {
	if source != "" {
		cellSources.Store(name, source)
	}
}

// lineOf is the text of a line of a cell, without the space around it.
func lineOf(cell string, line int) string {
	source, _ := cellSources.Load(cell)
	text, _ := source.(string)
	for l := range strings.Lines(text) {
		if line--; line == 0 {
			return strings.TrimSpace(l)
		}
	}
	return ""
}

func init() {
	rt.SetCallers(rt.CallersHost{Callers: callers, Follow: follow, Source: lineOf})
}
