package kernel

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"braid/kernel/eval"
	"braid/kernel/internal/protocol"
)

// sink publishes what a request's code emits, under the request's parent. It has
// no end: what a goroutine of the code emits later goes the same way.
type sink struct {
	kernel  *kernel
	request *request
	parent  *parent
	silent  bool            // publish no output (messaging.rst, execute_request)
	stopped <-chan struct{} // closed when the code is interrupted; nil for never
	dropped atomic.Bool     // text was thrown away, and the user has been told
}

// Emit implements the sink of package session. It waits while iopub is behind by
// more than outboxBytes.
func (s *sink) Emit(ev eval.Event) {
	switch {
	case ev.Comm != nil:
		s.emit(commItem(s.parent, ev.Comm))
	case s.silent:
	case ev.Stream != nil:
		s.text(ev.Stream)
	case ev.Display != nil:
		s.display(ev.Display)
	case ev.Result != nil: // of no cell, so not numbered
		s.display(&eval.Display{Data: ev.Result.Data, Metadata: ev.Result.Metadata})
	case ev.Clear != nil:
		s.post(protocol.TypeClearOutput, protocol.ClearOutput{Wait: ev.Clear.Wait})
	case ev.Error != nil:
		s.post(protocol.TypeError, lateError(ev.Error))
	}
}

func (s *sink) post(msgType string, content any) {
	s.emit(item{parent: s.parent, msgType: msgType, content: content})
}

func (s *sink) emit(it item) bool { return s.kernel.outbox.emit(it, s.stopped) }

func (s *sink) text(t *eval.Stream) {
	if t.Text == "" || s.emit(item{parent: s.parent, stream: t.Name, text: t.Text}) {
		return
	}
	if !s.dropped.Swap(true) {
		const notice = "\n[output written after the interrupt was dropped: the front end takes it too slowly]\n"
		s.kernel.outbox.put(item{parent: s.parent, stream: "stderr", text: notice})
	}
}

func (s *sink) display(d *eval.Display) {
	msgType := protocol.TypeDisplayData
	if d.Update {
		msgType = protocol.TypeUpdateDisplayData
	}
	s.post(msgType, protocol.NewDisplayData(d.Data, d.Metadata, d.ID))
}

// Input implements the sink of package session for code that may not ask.
func (s *sink) Input(context.Context, eval.InputRequest) (string, error) {
	return "", stdinError("input can only be asked for by a cell, while it runs")
}

// lateError renders an error of a goroutine whose cell has ended; errors of cells
// come rendered from the session.
func lateError(e *eval.Error) protocol.Error {
	lines := []string{e.Name + ": " + e.Value}
	for _, f := range e.Frames {
		lines = append(lines, frameLine(f))
	}
	for _, note := range e.Notes {
		lines = append(lines, note)
	}
	for _, more := range e.More {
		lines = append(lines, lateError(more).Traceback...)
	}
	return protocol.NewError(e.Name, e.Value, lines)
}

func frameLine(f eval.Frame) string {
	var b strings.Builder
	b.WriteString("    ")
	if f.Created {
		b.WriteString("started at ")
	}
	b.WriteString(f.Pos.Cell)
	if f.Pos.Line > 0 {
		b.WriteString(":" + strconv.Itoa(f.Pos.Line))
	}
	if f.Func != "" {
		b.WriteString(" in " + f.Func)
	}
	return b.String()
}

// run is one cell from the moment it starts, and what its goroutines do after it
// has ended.
type run struct {
	sink
	count      int
	allowStdin bool
	ctx        context.Context // cancelled by an interrupt, and by nothing else
	interrupt  context.CancelFunc
	over       atomic.Bool // Run has returned

	mu       sync.Mutex
	result   string            // text/plain of the result
	payloads []protocol.Object // emitted so far
}

func newRun(k *kernel, r *request, in protocol.ExecuteRequest, count int) *run {
	// Nobody but an interrupt cancels ctx: output of the cell's goroutines still
	// waits for room after its end. A context of the background holds nothing
	// that would have to be released.
	ctx, cancel := context.WithCancel(context.Background())
	return &run{
		sink:  sink{kernel: k, request: r, parent: r.parent, silent: in.Silent, stopped: ctx.Done()},
		count: count, allowStdin: in.AllowStdin, ctx: ctx, interrupt: cancel,
	}
}

// Emit implements the sink of package session.
func (r *run) Emit(ev eval.Event) {
	switch {
	case ev.Result != nil && !r.over.Load():
		r.emitResult(ev.Result)
	case ev.Payload != nil:
		r.mu.Lock()
		defer r.mu.Unlock()
		r.payloads = append(r.payloads, ev.Payload)
	default:
		r.sink.Emit(ev)
	}
}

func (r *run) emitResult(d *eval.Display) {
	if text, ok := d.Data["text/plain"].(string); ok {
		r.mu.Lock()
		r.result = text
		r.mu.Unlock()
	}
	if !r.silent {
		r.post(protocol.TypeExecuteResult, protocol.ExecuteResult{ExecutionCount: r.count, Data: d.Data, Metadata: d.Metadata})
	}
}

func (r *run) resultText() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.result
}

// payload returns the payloads that were emitted, then those of the outcome.
func (r *run) payload(outcome []map[string]any) []protocol.Object {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.payloads
	for _, p := range outcome {
		all = append(all, p)
	}
	return all
}

// Input implements the sink of package session: it asks the client that sent the
// cell, and no other.
func (r *run) Input(ctx context.Context, in eval.InputRequest) (string, error) {
	switch {
	case r.over.Load():
		return r.sink.Input(ctx, in)
	case !r.allowStdin:
		return "", stdinError("the front end does not take input for this cell (allow_stdin is false)")
	}
	return r.kernel.stdin.ask(ctx, r, in)
}
