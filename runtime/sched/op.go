package sched

import (
	"fmt"
	"time"
)

// Kind says what an operation does, in terms that race detection, pictures and
// independence of steps need.
type Kind uint8

const (
	Step     Kind = iota // something else that others can see
	Read                 // reads Object
	Write                // writes Object
	Acquire              // takes a lock; an edge from its last Release
	Release              // gives a lock back
	Wait                 // waits for an event, condition, future, queue, thread
	Notify               // wakes waiters, sets a result, puts into a queue
	Sleep                // lets time pass
	Spawn                // starts a Proc
	Exit                 // a Proc ends
	Opcode               // executes a bytecode instruction
	Native               // runs compiled code
	Decision             // an explicit choice among alternatives (World.Choose)
)

var kindNames = [...]string{"step", "read", "write", "acquire", "release", "wait", "notify", "sleep", "spawn", "exit", "opcode", "native", "decision"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Object is a thing that operations name: a variable, a lock, a queue. IDs are
// given in order of creation, so they are the same in every run of a program.
type Object struct {
	ID   int
	Kind string // "var", "lock", "object", …
	Name string
}

func (o *Object) String() string {
	switch {
	case o == nil:
		return ""
	case o.Name != "":
		return o.Name
	}
	return fmt.Sprintf("%s#%d", o.Kind, o.ID)
}

// Op is one operation on its way to be executed.
type Op struct {
	Kind   Kind
	Object *Object // may be nil
	Label  string  // what a person reads: "counter = 3", "LOAD_GLOBAL counter"
}

func (o Op) String() string {
	switch {
	case o.Label != "":
		return o.Label
	case o.Object != nil:
		return o.Kind.String() + " " + o.Object.String()
	}
	return o.Kind.String()
}

// Executed is one step of a finished or running schedule.
type Executed struct {
	Proc *Proc
	Op   Op
	At   time.Duration // since the World began
	// Preempted tells that the Proc that ran before could have gone on.
	Preempted bool
	// Frames is where the operation stands in the program, innermost call first,
	// if the World has a Locate.
	Frames []Frame
}

// Frame is one call of the program that a World runs.
type Frame struct {
	File   string // "In[3]" for a cell, a path for a compiled program
	Line   int    // from 1
	Func   string // "Transfer", "" for the statements of a cell
	Source string // the text of the line, without the space around it; may be ""
}

// Choice is what a Chooser is asked.
type Choice struct {
	// Procs are the candidates in order of their ids; nil for a Decision.
	Procs []*Proc
	// Last is the index of the Proc that ran last, or -1 if it is no candidate.
	Last int
	// N is the number of alternatives, at least 2.
	N int
	// Label names a Decision.
	Label string
}

// Chooser picks one of c.N alternatives. It must depend on nothing but what it
// is given and its own state, or runs do not repeat.
type Chooser interface{ Choose(c Choice) int }

// First always goes on with the Proc that ran last, else takes the first.
type First struct{}

// Choose implements Chooser.
func (First) Choose(c Choice) int { return max(c.Last, 0) }

// Random picks uniformly from a seeded generator (PCG, fixed for ever, so that
// a seed names the same run in every version of Braid).
type Random struct{ state uint64 }

// NewRandom returns the Random of a seed.
func NewRandom(seed uint64) *Random {
	return &Random{state: seed*0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019}
}

// Choose implements Chooser.
func (r *Random) Choose(c Choice) int { return r.Intn(c.N) }

// Intn returns a number in [0, n); n must be positive.
func (r *Random) Intn(n int) int {
	// splitmix64: well spread, a few nanoseconds, the same everywhere
	r.state += 0x9E3779B97F4A7C15
	z := r.state
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	z ^= z >> 31
	return int(z % uint64(n))
}
