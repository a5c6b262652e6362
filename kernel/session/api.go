package session

import (
	"context"

	"braid/kernel/eval"
)

// Request is one cell to run.
type Request struct {
	Code  string
	Count int // execution count: the cell is In[Count]
	// Silent runs the cell without a result; StoreHistory false leaves the
	// count as it is, so that the next cell has the same one.
	Silent, StoreHistory bool
	AllowStdin           bool
	Expressions          map[string]string // user_expressions
	Subshell             string            // "" is the main shell
}

// Sink takes what a cell emits. Emit may be called after Run has returned, for
// what goroutines of the cell emit later; it must be safe for use by several
// goroutines. Input is called only while the cell runs, and not at all if the
// Request did not allow it; ctx ends when nobody waits for the answer any more.
type Sink interface {
	Emit(eval.Event)
	Input(ctx context.Context, in eval.InputRequest) (string, error)
}

// Failure is an error as Jupyter's messages carry it. Traceback lines have ANSI
// colours and read well without them.
type Failure struct {
	EName, EValue string
	Traceback     []string
}

// Value is what became of a user_expression: a MIME bundle, or Err.
type Value struct {
	Data, Metadata map[string]any
	Err            *Failure
}

// Outcome is what became of a cell.
type Outcome struct {
	Err         *Failure         // nil if the cell succeeded
	Expressions map[string]Value // nil if the cell failed
	Payload     []map[string]any
	Interrupted bool // Err is there because the user stopped the cell
}

// Completion is what could stand at a cursor. Start and End are the span of the
// text that a match replaces, in code points.
type Completion struct {
	Matches    []string
	Start, End int
	Items      []CompletionItem // the same, with what is known of each
}

// CompletionItem is one match of a Completion.
type CompletionItem struct {
	Text      string
	Type      string // "function", "class", "module", "instance", "keyword", …: front ends choose an icon by it
	Signature string // for functions, "(a int, b string) error"
}

// Inspection is what is known of the name at a cursor.
type Inspection struct {
	Found          bool
	Data, Metadata map[string]any // a MIME bundle
}
