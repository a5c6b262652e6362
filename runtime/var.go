package runtime

import (
	"fmt"
	"sync/atomic"

	"braid/runtime/sched"
)

// Var is a shared variable, unsynchronised on purpose: a read and a write are
// two accesses, and what happens between them is up to the schedule. Real
// threads that race on it lose updates as they would in Python, but never tear
// memory: the value is one pointer.
type Var struct {
	in     *Interpreter
	object *sched.Object
	value  atomic.Pointer[any]
	read   sched.Op
	write  sched.Op
}

// Var makes a global variable with an initial value; bytecode finds it by its
// name.
func (in *Interpreter) Var(name string, initial any) *Var {
	v := in.newVar(name, initial)
	in.mu.Lock()
	if in.globals == nil {
		in.globals = map[string]*Var{}
	}
	in.globals[name] = v
	in.mu.Unlock()
	return v
}

func (in *Interpreter) newVar(name string, initial any) *Var {
	v := &Var{in: in, object: in.world.Object("var", name)}
	v.read = sched.Op{Kind: sched.Read, Object: v.object}
	v.write = sched.Op{Kind: sched.Write, Object: v.object}
	v.value.Store(&initial)
	return v
}

// Name is the name that pictures and verdicts use.
func (v *Var) Name() string { return v.object.Name }

// Get reads the variable as one access of thread t.
func (v *Var) Get(t *Thread) any {
	t.Access(v.read)
	return *v.value.Load()
}

// Set writes the variable as one access of thread t.
func (v *Var) Set(t *Thread, x any) {
	t.Access(v.write)
	v.value.Store(&x)
}

// Int is Get for a number; it panics with a TypeError if the variable holds
// none.
func (v *Var) Int(t *Thread) int {
	switch n := v.Get(t).(type) {
	case int:
		return n
	case int64:
		return int(n)
	default:
		panic(Raise("TypeError", "'%T' object cannot be interpreted as an integer", n))
	}
}

// Add is "x += n": a read, an addition and a write, between which a thread
// without a GIL, or with a check point in between, can be interrupted.
func (v *Var) Add(t *Thread, n int) { v.Set(t, v.Int(t)+n) }

// Value looks at the variable from outside the program, when its threads have
// ended; it is no access.
func (v *Var) Value() any { return *v.value.Load() }

func (v *Var) String() string { return fmt.Sprintf("%s = %v", v.object.Name, v.Value()) }
