package worker

import "braid/kernel/eval"

// hello opens the link. The child refuses a version it does not speak.
type hello struct {
	Version int         `json:"version"`
	Engine  string      `json:"engine"`
	Limits  eval.Limits `json:"limits"`
}

// ready answers hello. A non-empty Refused says why the child can't serve.
type ready struct {
	Version int    `json:"version"`
	PID     int    `json:"pid"`
	Go      string `json:"go"`
	Refused string `json:"refused,omitempty"`
}

// ended reports the end of a run.
type ended struct {
	Error  *eval.Error `json:"error,omitempty"`
	Census []Goroutine `json:"census,omitempty"`
}

// declared answers declare: programs that bring the declarations of the cells to
// another worker.
type declared struct {
	Declarations
	Error string `json:"error,omitempty"`
}

// Declarations is what the worker processes of a pool are given.
type Declarations struct {
	// Programs bring what cells have declared and what needs no variable.
	Programs []*eval.Program `json:"programs,omitempty"`
	// Missing is the rest: by its name, the variable that it needs.
	Missing map[string]string `json:"missing,omitempty"`
}

type inputReply struct {
	Line  string      `json:"line"`
	Error *eval.Error `json:"error,omitempty"`
}

// Goroutine is a learner's goroutine that has not ended.
type Goroutine struct {
	Run   int      `json:"run"`            // Program.ID of the run that it belongs to
	Main  bool     `json:"main,omitempty"` // it is the main goroutine of a running cell
	Pos   eval.Pos `json:"pos,omitzero"`   // the go statement that started it
	State string   `json:"state"`          // "running", "chan receive", "sleep", "sync.Mutex.Lock", …
	At    eval.Pos `json:"at,omitzero"`    // where it waits, if it waits
	Age   float64  `json:"age,omitempty"`  // seconds since it was started
}
