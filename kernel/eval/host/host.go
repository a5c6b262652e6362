package host

import (
	"errors"
	"io"
	"sync/atomic"

	"braid/kernel/eval"
)

// Stop is non-zero while some run is being interrupted. Engines poll it at
// loop back edges and function entries (a plain atomic load) and call Check
// when it is set.
var Stop atomic.Uint32

// Interrupt is the value of the panic that ends an interrupted goroutine.
// Engines let it pass: a learner's recover() must not see it, deferred calls
// must run. Deadlock and limit ends use the same way, with Err set.
type Interrupt struct{ Err *eval.Error }

// Check panics with Interrupt if the calling goroutine belongs to a run that
// is being interrupted; otherwise it returns. Cheap enough for a slow path only.
// Each interrupt is delivered once to a goroutine, so that its deferred calls
// can loop and wait.
func Check() {
	if g := current(); g != nil {
		g.pending()
	}
}

// Unwinding tells that the calling goroutine is ending anyway, by a panic of
// native code such as that which closes a coroutine: an interrupt that is under
// way leaves its deferred calls alone. For slow paths, when Stop is set.
func Unwinding() {
	if g := current(); g != nil && !g.owned() {
		g.run.stop.Load().note(getg())
	}
}

// Emit publishes an event for the run of the calling goroutine, in order with
// the text that the goroutine wrote before.
func Emit(ev eval.Event) {
	g := current()
	r := runOf(g)
	if r.mute.Load() {
		return
	}
	out.mu.Lock()
	if out.bytes >= maxQueue {
		out.waitForRoom(g)
	}
	out.mu.Unlock()
	out.event(r, ev)
}

// Stdout and Stderr are the ordered streams of the run of whoever writes.
func Stdout() io.Writer { return writer(stdout) }
func Stderr() io.Writer { return writer(stderr) }

// Input asks the front end for a line (without its newline). It fails with an
// *eval.Error named StdinError if the run may not ask, and with io.EOF if the
// answer is "\x04". Everything emitted before is passed on first.
func Input(prompt string, password bool) (string, error) {
	g := current()
	return ask(g, runOf(g), prompt, password)
}

type answer struct {
	line string
	err  error
}

// ask puts one question on behalf of g, which may be nil.
func ask(g *goroutine, r *Run, prompt string, password bool) (string, error) {
	if !r.cfg.AllowStdin || r.cfg.Input == nil || !r.isRunning() {
		return "", &eval.Error{Name: eval.StdinError, Value: "the cell asks for input, but no input can be given here",
			Notes: []string{"Give the program its input in the source, for example with strings.NewReader."}}
	}
	Flush()
	answers := make(chan answer, 1)
	go func() {
		setLabel(nil) // it works for nobody once the question is given up
		line, err := r.cfg.Input(eval.InputRequest{Cell: r.id, Prompt: prompt, Password: password})
		answers <- answer{line, err}
	}()
	a, ok := g.await(r, answers)
	if !ok {
		return "", io.EOF
	}
	var e *eval.Error
	switch {
	case errors.As(a.err, &e):
		return "", e
	case a.err != nil:
		return "", &eval.Error{Name: eval.StdinError, Value: a.err.Error()}
	case a.line == "\x04":
		return "", io.EOF
	}
	return a.line, nil
}

// await waits for an answer on behalf of g, or for r if g is nil; it gives up when
// the run is interrupted.
func (g *goroutine) await(r *Run, answers <-chan answer) (a answer, ok bool) {
	if g == nil {
		for st := r.stop.Load(); ; st = r.stop.Load() {
			select {
			case a = <-answers:
				return a, true
			case <-st.main:
				if r.stop.Load().gen != st.gen {
					return a, false
				}
			}
		}
	}
	for {
		w, stop := g.park("input", g.where(), true)
		select {
		case a = <-answers:
			g.unpark(w)
			return a, true
		case <-stop:
			g.woken(w)
		}
	}
}
