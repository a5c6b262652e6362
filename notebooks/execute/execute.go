// Package execute runs the code cells of a notebook and puts what they give
// into it, as nbclient (0.11) does with a kernel, but by calls: there is no
// Python, no socket and no message.
//
// It stands between a document (nbformat) and a session, which it is given.
//
// It promises the outputs that nbclient would record with Braid's kernel, in
// the same order and form, with these differences: pieces of one stream that
// follow each other are one output, however they were cut on their way; the
// document becomes format 4.5; and a cell that ran out of time is interrupted,
// so that its outputs and those before are kept.
package execute

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"braid/kernel/session"
	"braid/notebooks/nbformat"
)

// Evaluator runs one cell and returns when it has ended; cancelling ctx
// interrupts the cell. A *session.Session is one.
type Evaluator interface {
	Run(ctx context.Context, req session.Request, sink session.Sink) session.Outcome
}

// Options say how a notebook is executed.
type Options struct {
	Timeout     time.Duration // for each cell; 0 means none
	AllowErrors bool          // go on after cells that fail
	// OnCell, if not nil, is told before each cell that will run.
	OnCell func(Progress)
}

// Progress says which cell is about to run.
type Progress struct {
	Done, Total int // of the cells that run
	Cell        int // index in the notebook
	Source      string
}

// Tags of cells, with nbclient's meaning.
const (
	tagSkip   = "skip-execution"
	tagRaises = "raises-exception"
)

// CellError says which cell ended an execution, and why.
type CellError struct {
	Cell     int // index in the notebook
	Source   string
	Failure  session.Failure
	TimedOut time.Duration // the timeout that the cell overran, or 0
}

func (e *CellError) Error() string {
	if e.TimedOut > 0 {
		return fmt.Sprintf("cell %d was stopped: it ran longer than %v (--timeout)", e.Cell+1, e.TimedOut)
	}
	return fmt.Sprintf("cell %d failed: %s: %s", e.Cell+1, e.Failure.EName, e.Failure.EValue)
}

// Notebook executes the code cells of nb in order and stores their outputs,
// counts and times in it. It returns a *CellError for the first cell that
// fails without being allowed to, or ctx's error; nb then holds what there was
// up to there, and the cells behind are as they were.
func Notebook(ctx context.Context, nb *nbformat.Notebook, ev Evaluator, o Options) error {
	nb.Upgrade()
	nb.Metadata["language_info"] = LanguageInfo()
	x := &execution{nb: nb, ev: ev, options: o, displays: displays{}}
	for _, c := range nb.Cells {
		if runs(c) {
			x.total++
		}
	}
	for i, c := range nb.Cells {
		if !runs(c) {
			continue
		}
		if o.OnCell != nil {
			o.OnCell(Progress{Done: x.done, Total: x.total, Cell: i, Source: c.Source})
		}
		if err := x.cell(ctx, i, c); err != nil {
			return err
		}
		x.done++
	}
	return nil
}

func runs(c *nbformat.Cell) bool {
	return c.Type == nbformat.Code && strings.TrimSpace(c.Source) != "" && !c.HasTag(tagSkip)
}

// LanguageInfo is the language_info that the kernel's kernel_info_reply has.
func LanguageInfo() map[string]any {
	return map[string]any{
		"name":               "go",
		"version":            strings.TrimPrefix(runtime.Version(), "go"),
		"mimetype":           "text/x-go",
		"file_extension":     ".go",
		"pygments_lexer":     "go",
		"codemirror_mode":    "go",
		"nbconvert_exporter": "script",
	}
}

type execution struct {
	nb          *nbformat.Notebook
	ev          Evaluator
	options     Options
	displays    displays
	done, total int
}

// errTimeout is the cause with which a cell's context ends at its timeout.
var errTimeout = errors.New("the cell ran out of time")

func (x *execution) cell(ctx context.Context, i int, c *nbformat.Cell) error {
	run, cancel := ctx, func() {}
	if t := x.options.Timeout; t > 0 {
		run, cancel = context.WithTimeoutCause(ctx, t, errTimeout)
	}
	defer cancel()
	count := x.done + 1
	c.Outputs, c.ExecutionCount = nil, &count
	times := map[string]any{}
	c.Metadata["execution"] = times
	stamp(times, "iopub.status.busy")
	stamp(times, "iopub.execute_input")
	out := &outputs{cell: c, count: count, displays: x.displays}
	outcome := x.ev.Run(run, session.Request{Code: c.Source, Count: count, StoreHistory: true}, out)
	out.close(outcome.Err)
	stamp(times, "shell.execute_reply")
	stamp(times, "iopub.status.idle")
	if outcome.Err == nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	failed := &CellError{Cell: i, Source: c.Source, Failure: *outcome.Err}
	if context.Cause(run) == errTimeout {
		failed.TimedOut = x.options.Timeout
	}
	if x.options.AllowErrors || failed.TimedOut == 0 && c.HasTag(tagRaises) {
		return nil
	}
	return failed
}

// stamp notes the time as nbclient formats it.
func stamp(times map[string]any, event string) {
	times[event] = time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")
}
