package worker

import (
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"braid/kernel/eval"
	"braid/kernel/eval/comm"
	"braid/kernel/eval/host"
)

// Main serves programs from the process that started this one until that closes
// the link; then it ends all its descendants and the process. engines are the
// engines that Options.Engine can name. It returns only when it can't serve,
// with an exit status.
func Main(engines map[string]func() eval.Engine) int {
	return serveParent(engines, newHostPort)
}

// hostPort runs programs under package host.
type hostPort struct {
	child *child

	mu    sync.Mutex
	runs  map[int]*host.Run   // running
	early map[int]*interrupts // of runs that were announced and do not run yet
}

// interrupts are what came for a run before it could be interrupted.
type interrupts struct {
	any bool
	why *eval.Error
}

func newHostPort(c *child) (port, error) {
	m, err := sharedMirror()
	if err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	host.SetMirror(m)
	host.SetSink(c.emit)
	if err := host.Capture(); err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	return &hostPort{child: c, runs: map[int]*host.Run{}, early: map[int]*interrupts{}}, nil
}

func (h *hostPort) announce(run int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.early[run] = &interrupts{}
}

func (h *hostPort) run(p *eval.Program, do func() *eval.Error, then func(*eval.Error, []Goroutine)) {
	h.do(p.ID, p.Name, p.Source, do, then)
}

func (h *hostPort) comm(run int, m eval.Comm, then func(*eval.Error, []Goroutine)) {
	known := true
	deliver := func() *eval.Error {
		known = comm.Deliver(m)
		return nil
	}
	h.do(run, "comm", "", deliver, func(err *eval.Error, census []Goroutine) {
		if !known && err == nil {
			err = &eval.Error{Name: UnknownComm, Value: "no cell has taken the comm " + m.ID}
		}
		then(err, census)
	})
}

// do runs f as a run of package host on the calling goroutine, and calls then
// when the run has ended, be it by a Goexit.
func (h *hostPort) do(id int, name, source string, f func() *eval.Error, then func(*eval.Error, []Goroutine)) {
	r := host.Begin(id, name, host.Config{
		Limits:     h.child.limits,
		AllowStdin: true, // the parent knows whether the front end may be asked
		Input:      func(in eval.InputRequest) (string, error) { return h.child.ask(in) },
		Source:     source,
	})
	var err *eval.Error
	defer func() {
		report := r.End()
		h.mu.Lock()
		delete(h.runs, id)
		h.mu.Unlock()
		then(joined(report.Err, err), goroutines(report.Goroutines))
	}()
	r.Main(func() {
		h.admit(id, r)
		err = protect(f)
	})
}

// admit makes r, which has just begun, known to interrupt. What came for it
// before ends it here.
func (h *hostPort) admit(id int, r *host.Run) {
	h.mu.Lock()
	h.runs[id] = r
	early := h.early[id]
	delete(h.early, id)
	h.mu.Unlock()
	if early != nil && early.any {
		r.Interrupt(early.why)
		host.Check()
	}
}

// protect turns a panic of the engine's own into an error. A panic that ends an
// interrupted run is for package host.
func protect(f func() *eval.Error) (err *eval.Error) {
	defer func() {
		r := recover()
		if _, ok := r.(host.Interrupt); ok {
			panic(r)
		}
		if r != nil {
			err = &eval.Error{
				Name:  eval.InternalBug,
				Value: fmt.Sprintf("the engine failed: %v", r),
				Notes: []string{"This is a fault of Braid's, not of the cell's. Please report it, with this text:\n" + string(debug.Stack())},
			}
		}
	}()
	return f()
}

// joined is what ended a run: outer from outside its main goroutine, inner from
// the engine. When outer has interrupted the main goroutine, inner only says so.
func joined(outer, inner *eval.Error) *eval.Error {
	switch {
	case outer == nil:
		return inner
	case inner == nil || inner == outer || slices.Contains(outer.More, inner):
		return outer
	case inner.Name == outer.Name && inner.Value == outer.Value || outer.Name == eval.Interrupted:
		return inner // the same, and it knows the place
	case inner.Name == eval.Interrupted:
		return outer
	}
	both := *outer
	both.More = append(slices.Clone(outer.More), inner)
	return &both
}

func (h *hostPort) interrupt(run int, why *eval.Error) {
	h.mu.Lock()
	r := h.runs[run]
	if early := h.early[run]; early != nil && !early.any {
		*early = interrupts{true, why}
	}
	h.mu.Unlock()
	if r != nil {
		r.Interrupt(why)
	}
}

func (h *hostPort) census() []Goroutine { return goroutines(host.Census(0)) }

func goroutines(gs []host.Goroutine) []Goroutine {
	var list []Goroutine
	for _, g := range gs {
		list = append(list, Goroutine{Run: g.Run, Main: g.Main, Pos: g.Pos, State: g.State, At: g.At, Age: g.Age.Round(time.Millisecond).Seconds()})
	}
	return list
}
