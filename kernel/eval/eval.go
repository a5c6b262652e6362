// Package eval says what crosses the border between a session and the engine
// that runs its cells: programs one way, events and errors the other. It knows
// neither an engine nor a protocol, so that both can be replaced.
//
// A session lives in the kernel process, an engine in a worker process; every
// type here is therefore plain data that encoding/json can carry.
package eval

// Pos is a place in a cell as a learner counts it: lines and columns from 1,
// columns in bytes (as go/token has them). The zero Pos means "unknown".
type Pos struct {
	Cell   string `json:"cell,omitempty"` // "In[3]"
	Line   int    `json:"line,omitempty"`
	Column int    `json:"col,omitempty"`
}

// Program is one checked cell on its way to an engine.
type Program struct {
	// ID numbers the run: unique in a session, never reused. Events and
	// goroutines carry it.
	ID int `json:"id"`
	// Name is the file name in positions, "In[3]".
	Name string `json:"name"`
	// Source is the cell as the learner wrote it; lines that are no Go
	// (a leading "# " comment, magics) are blanked so that positions hold.
	// An engine that works from types checks it again with package check,
	// in the same order as the session did, and gets the same result.
	Source string `json:"source"`
	// Lowered is the program rewritten for the yaegi engine (package lower);
	// empty for engines that take Source.
	Lowered string `json:"lowered,omitempty"`
	// Entry is the name of the function in Lowered that runs the statements.
	Entry string `json:"entry,omitempty"`
	// Restore marks a program that only brings declarations back after a
	// worker was replaced: nothing is shown or reported, no statement runs.
	Restore bool `json:"restore,omitempty"`
	// Expression marks a user_expression: the result is wanted, the session's
	// declarations stay as they are.
	Expression bool `json:"expression,omitempty"`
	// Quiet suppresses the result (silent requests, a final semicolon).
	Quiet bool `json:"quiet,omitempty"`
	// Packages are what the imports of Source need that is not compiled in,
	// each behind those that it imports. An engine reads them once.
	Packages []*Package `json:"packages,omitempty"`
}

// Package is a package that is read from its Go files: one of a third-party
// module, or of the module that a notebook lies in. Paths of files are
// relative to Dir.
type Package struct {
	Path      string   `json:"path"` // as its importers write it
	Name      string   `json:"name"`
	Dir       string   `json:"dir"`
	Files     []string `json:"files"`               // the Go files for this platform
	Imports   []string `json:"imports,omitempty"`   // as its files write them
	Foreign   []string `json:"foreign,omitempty"`   // files in other languages, assembly above all
	Embeds    []string `json:"embeds,omitempty"`    // files that go:embed lines name
	Module    string   `json:"module,omitempty"`    // path of the module
	Version   string   `json:"version,omitempty"`   // of the module; "" for a folder on this machine
	GoVersion string   `json:"goVersion,omitempty"` // language version in go.mod, "1.21"
}

// Engine runs programs. It is driven by one goroutine per running program;
// programs of different subshells may run at the same time.
type Engine interface {
	// Run evaluates p to its end on the calling goroutine, which package host
	// has already tied to the cell. Output, displays and results go through
	// package host. It returns nil, or what ended the cell early; a panic of
	// the learner's code is returned as an *Error, an interrupt as an *Error
	// with Name Interrupted. It must leave earlier state usable in every case.
	Run(p *Program) *Error
}

// Compiler is an Engine that can do the work that comes before a program runs
// ahead of it, and on another goroutine.
type Compiler interface {
	Engine
	// Compile is what Run does before the first statement of p. It changes
	// nothing that other programs see, and keeps its findings for Compiled.Run.
	// One program is compiled or committed at a time.
	Compile(p *Program) Compiled
}

// Compiled is a program that was compiled. It may be dropped at any time.
type Compiled interface {
	// Commit makes the declarations part of the session. If another program was
	// committed since Compile, that is done again first.
	Commit()
	// Run does the rest of Engine.Run, after Commit and at most once.
	Run() *Error
}

// Values of Error.Name, the ename of Jupyter's error messages.
const (
	CompileError = "CompileError"  // go/types or the parser refused the cell; nothing ran
	Unsupported  = "Unsupported"   // the engine would get the cell wrong, so it did not run
	Panic        = "Panic"         // the learner's panic(v)
	RuntimeError = "RuntimeError"  // a panic whose value is a runtime.Error
	Deadlock     = "Deadlock"      // every goroutine of the cell waits for ever
	Interrupted  = "Interrupted"   // the user stopped the cell
	Exit         = "Exit"          // os.Exit, log.Fatal, syscall.Exit
	Goexit       = "Goexit"        // runtime.Goexit ended the cell's main goroutine
	FatalError   = "FatalError"    // the Go runtime ended the worker (concurrent map writes, stack overflow, …)
	LimitError   = "LimitError"    // memory, output, goroutine or time limit
	WorkerLost   = "WorkerLost"    // the worker was killed from outside
	StdinError   = "StdinError"    // input was asked for where none can be given
	InternalBug  = "InternalError" // Braid's own fault
)

// Error is what went wrong in a cell, in the learner's terms.
type Error struct {
	Name   string   `json:"name"`             // one of the constants above
	Value  string   `json:"value"`            // one line or more, no position, no ANSI codes
	Pos    Pos      `json:"pos,omitzero"`     // where it happened
	Frames []Frame  `json:"frames,omitempty"` // the learner's frames only, innermost first
	Notes  []string `json:"notes,omitempty"`  // advice and context, a sentence each
	// More holds further errors of the same cell (compile errors, panics of
	// other goroutines), in order.
	More []*Error `json:"more,omitempty"`
}

func (e *Error) Error() string { return e.Name + ": " + e.Value }

// Frame is one call of the learner's code. Goroutine frames that were started
// by a go statement end with a frame whose Created is true.
type Frame struct {
	Func    string `json:"func"` // "worker", "(*Stack).Push", "worker.func1", "" for the cell's own statements
	Pos     Pos    `json:"pos"`
	Created bool   `json:"created,omitempty"` // the go statement that started the goroutine
}

// Event is one thing a cell emits. Exactly one of the pointers is set.
type Event struct {
	Cell    int            `json:"cell"` // Program.ID of the run it belongs to
	Stream  *Stream        `json:"stream,omitempty"`
	Display *Display       `json:"display,omitempty"`
	Result  *Display       `json:"result,omitempty"` // the value of the final expression
	Clear   *Clear         `json:"clear,omitempty"`
	Comm    *Comm          `json:"comm,omitempty"`
	Error   *Error         `json:"error,omitempty"`   // a background goroutine failed after its cell had ended
	Payload map[string]any `json:"payload,omitempty"` // an execute_reply payload entry (page, set_next_input)
}

// Stream is text on stdout or stderr; Text holds whole runes.
type Stream struct {
	Name string `json:"name"` // "stdout" or "stderr"
	Text string `json:"text"`
}

// Display is a MIME bundle. Values are strings, except for JSON types, which
// hold the decoded document; images are base64 as Jupyter wants them.
type Display struct {
	Data     map[string]any `json:"data"`
	Metadata map[string]any `json:"metadata,omitempty"`
	ID       string         `json:"display_id,omitempty"`
	Update   bool           `json:"update,omitempty"` // update_display_data
}

// Clear is clear_output.
type Clear struct {
	Wait bool `json:"wait"`
}

// Comm is comm_open, comm_msg or comm_close, in either direction.
type Comm struct {
	Kind     string         `json:"kind"` // "open", "msg", "close"
	ID       string         `json:"comm_id"`
	Target   string         `json:"target_name,omitempty"`
	Data     map[string]any `json:"data"`
	Metadata map[string]any `json:"metadata,omitempty"`
	Buffers  [][]byte       `json:"buffers,omitempty"`
}

// InputRequest asks the front end for a line.
type InputRequest struct {
	Cell     int    `json:"cell"`
	Prompt   string `json:"prompt"`
	Password bool   `json:"password"`
}

// Limits bound what a worker may use; zero means no limit.
type Limits struct {
	Memory     int64   `json:"memory,omitempty"`     // bytes of resident memory of the worker
	Output     int64   `json:"output,omitempty"`     // bytes of stream text per run
	Goroutines int     `json:"goroutines,omitempty"` // live goroutines of learner code
	Seconds    float64 `json:"seconds,omitempty"`    // wall clock per run
}
