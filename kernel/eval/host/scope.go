package host

import (
	"fmt"
	"io"
	"sync"
	"time"

	"braid/kernel/eval"
	rt "braid/runtime"
)

// The runtime library (braid/runtime) makes threads, coroutines, loops and
// worker processes in native code. Each run has a scope that owns those which
// its cell starts, and one for those that outlive it: threads, as in a Python
// session, and whatever the cell asked to Keep.

// attach makes the runtime know whose its doings are. It is done once.
var attach = sync.OnceFunc(func() {
	rt.SetCurrentScope(func() *rt.Scope {
		if g := current(); g != nil {
			return g.run.scope
		}
		return nil
	})
	rt.SetStderr(stderrNow{})
	rt.SetInterrupted(Check)
	rt.SetFrames(interpretedFrames)
	rt.SetUnwinding(func() {
		if Stop.Load() != 0 {
			Unwinding()
		}
	})
})

// stderrNow is the stderr of the run of whoever writes.
type stderrNow struct{}

func (stderrNow) Write(text []byte) (int, error) { return Stderr().Write(text) }

var _ io.Writer = stderrNow{}

// interpretedFrames are the learner's frames that a recovered panic has left.
func interpretedFrames(recovered any) []string {
	e := explainWith(nil, recovered)
	if e == nil {
		return nil
	}
	var list []string
	for _, f := range e.Frames {
		text := posText(f.Pos)
		switch {
		case f.Created:
			text += ", started by a go statement"
		case f.Func != "":
			text += ", in " + f.Func
		}
		list = append(list, text)
	}
	return list
}

// EndsRun marks the panic value as one that no model of the runtime may swallow.
func (Interrupt) EndsRun() {}

// newScopes makes the scopes of a run.
func (r *Run) newScopes() {
	r.kept, r.scope = rt.NewScope(), rt.NewScope()
	r.scope.Outlives = r.kept
	r.scope.Warned = func(w rt.Warning) { fmt.Fprintln(Stderr(), w) }
}

// endScope ends what the cell's models have left, when the cell's code has
// returned: coroutines are closed and worker processes ended; threads go on,
// unless the run was interrupted. Then come the warnings, each text once, as
// Python's default filter shows them. Closing a coroutine runs learner code, so
// it is done on a goroutine that an interrupt can end and that a panic or a
// Goexit does not matter to. Most cells leave nothing and need none.
func (r *Run) endScope() {
	if r.cut.Load() || !r.scope.EndEmpty() {
		r.closeScope()
	}
	said := map[rt.Warning]bool{}
	for _, w := range r.scope.Warnings() {
		if !said[w] {
			said[w] = true
			fmt.Fprintln(Stderr(), w)
		}
	}
	if r.kept.Running() > 0 {
		keep(r)
	}
}

// closeScope ends what the scope owns, on another goroutine.
func (r *Run) closeScope() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				r.setError(PanicError(p))
			}
		}()
		if r.cut.Load() {
			r.scope.Abort()
			return
		}
		r.scope.End()
	}()
	r.awaitScope(done)
}

// awaitScope waits for the end of the scope, and, after an interrupt, until what
// ran has ended, but not longer than the run's grace.
func (r *Run) awaitScope(done <-chan struct{}) {
	for ended := false; !ended; {
		select {
		case <-done:
			ended = true
		case <-r.stop.Load().main:
			r.awaitUntil(done)
			return
		}
	}
	if r.cut.Load() {
		r.awaitUntil(nil)
	}
}

func (r *Run) awaitUntil(done <-chan struct{}) {
	late := time.After(r.grace())
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for done != nil || r.scope.Running() > 0 {
		select {
		case <-done:
			done = nil
		case <-tick.C:
		case <-late:
			return
		}
	}
}

// keepers are ended runs whose models go on.
var keepers struct {
	mu   sync.Mutex
	runs []*Run
}

func keep(r *Run) {
	keepers.mu.Lock()
	defer keepers.mu.Unlock()
	keepers.runs = append(keepers.runs, r)
}

// kept lists the runs whose models go on.
func kept() []*Run {
	keepers.mu.Lock()
	defer keepers.mu.Unlock()
	var runs []*Run
	for _, r := range keepers.runs {
		if r.kept.Running() > 0 {
			runs = append(runs, r)
		}
	}
	keepers.runs = append([]*Run(nil), runs...)
	return runs
}

// models lists what of the run's models goes on.
func (r *Run) models() (list []Goroutine) {
	r.kept.Each(func(what string, since time.Time) {
		list = append(list, Goroutine{Run: r.id, Pos: eval.Pos{Cell: r.name}, State: "rt " + what, Age: time.Since(since)})
	})
	return list
}

// interruptKept ends the models of earlier runs that still run.
func interruptKept() {
	for _, r := range kept() {
		r.interruptModels()
	}
}

// interruptModels ends the threads that the run has left behind: those that wait
// at once, those that run learner code at its next checkpoint.
func (r *Run) interruptModels() {
	r.mu.Lock()
	old := r.stop.Load()
	r.stop.Store(newStopState(old.gen+1, nil))
	if old.gen == 0 {
		Stop.Add(1)
	}
	r.mu.Unlock()
	r.kept.Interrupt()
	go r.settleModels()
}

// settleModels ends the interrupt when the models have ended, or had the time to.
func (r *Run) settleModels() {
	for end := time.Now().Add(r.grace()); r.kept.Running() > 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.live == 0 && r.stop.Load().gen > 0 {
		r.settle()
	}
}
