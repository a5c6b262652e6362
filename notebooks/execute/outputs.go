package execute

import (
	"context"
	"maps"
	"slices"
	"sync"

	"braid/kernel/eval"
	"braid/kernel/session"
	"braid/notebooks/nbformat"
)

// displays finds the outputs that carry a display id, in all cells, for
// update_display_data.
type displays map[string][]*shown

type shown struct {
	cell   *nbformat.Cell
	output *nbformat.Output
}

// outputs is the sink of one cell. It does to the cell's outputs what
// nbclient's process_message does for each message from iopub. Once closed it
// takes nothing more: nbclient, too, drops what a cell's goroutines say while
// later cells run.
type outputs struct {
	count    int
	displays displays // touched only while this sink is open, so by one cell at a time

	mu        sync.Mutex
	cell      *nbformat.Cell
	closed    bool
	clearNext bool // clear_output(wait) came
}

// Emit implements session.Sink.
func (o *outputs) Emit(ev eval.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	switch {
	case ev.Stream != nil:
		o.stream(ev.Stream)
	case ev.Display != nil:
		o.display(ev.Display)
	case ev.Result != nil:
		o.result(ev.Result)
	case ev.Clear != nil && ev.Clear.Wait:
		o.clearNext = true
	case ev.Clear != nil:
		o.clear()
	case ev.Error != nil:
		o.failure(&session.Failure{EName: ev.Error.Name, EValue: ev.Error.Value})
	}
}

// Input implements session.Sink: nobody sits there to answer.
func (o *outputs) Input(context.Context, eval.InputRequest) (string, error) {
	return "", &eval.Error{Name: eval.StdinError, Value: "nobody can answer: the notebook is executed without a user"}
}

// close adds the error that ended the cell, if any, and closes the sink.
func (o *outputs) close(err *session.Failure) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil {
		o.failure(err)
	}
	o.closed = true
}

func (o *outputs) append(out *nbformat.Output) {
	if o.clearNext {
		o.clear()
		o.clearNext = false
	}
	o.cell.Outputs = append(o.cell.Outputs, out)
}

func (o *outputs) clear() {
	o.cell.Outputs = nil
	for id, all := range o.displays {
		o.displays[id] = slices.DeleteFunc(all, func(s *shown) bool { return s.cell == o.cell })
	}
}

func (o *outputs) stream(s *eval.Stream) {
	if n := len(o.cell.Outputs); n > 0 && !o.clearNext {
		last := o.cell.Outputs[n-1]
		if last.Type == nbformat.Stream && last.Name == s.Name {
			last.Text += s.Text
			return
		}
	}
	o.append(&nbformat.Output{Type: nbformat.Stream, Name: s.Name, Text: s.Text})
}

func (o *outputs) display(d *eval.Display) {
	if d.ID != "" {
		for _, s := range o.displays[d.ID] {
			s.output.Data, s.output.Metadata = maps.Clone(d.Data), metadata(d)
		}
	}
	if d.Update {
		return
	}
	out := &nbformat.Output{Type: nbformat.DisplayData, Data: d.Data, Metadata: metadata(d)}
	o.append(out)
	if d.ID != "" {
		o.displays[d.ID] = append(o.displays[d.ID], &shown{o.cell, out})
	}
}

func (o *outputs) result(d *eval.Display) {
	o.append(&nbformat.Output{Type: nbformat.ExecuteResult, Data: d.Data, Metadata: metadata(d), ExecutionCount: &o.count})
}

func metadata(d *eval.Display) map[string]any {
	if d.Metadata == nil {
		return map[string]any{}
	}
	return maps.Clone(d.Metadata)
}

// failure adds an error; a traceback there must be (nbclient and nbgrader take
// it for given), so one is made where the session gave none.
func (o *outputs) failure(f *session.Failure) {
	lines := f.Traceback
	if len(lines) == 0 {
		lines = []string{f.EName + ": " + f.EValue}
	}
	o.append(&nbformat.Output{Type: nbformat.Error, EName: f.EName, EValue: f.EValue, Traceback: lines})
}
