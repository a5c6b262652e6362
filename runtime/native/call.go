package native

import (
	"runtime/debug"
	"time"

	rt "braid/runtime"
	"braid/runtime/sched"
)

// Policy says what compiled code does with the GIL of its caller.
type Policy int

const (
	// Holds keeps it: nobody else runs bytecode before the call returns, like
	// re, json, sorted, big integers.
	Holds Policy = iota
	// Releases gives it away meanwhile (Py_BEGIN_ALLOW_THREADS), like I/O, zlib,
	// hashlib, and NumPy's loops.
	Releases
)

func (p Policy) String() string {
	if p == Releases {
		return "releases the GIL"
	}
	return "holds the GIL"
}

// Call runs f as compiled code of thread t. A panic of f is returned as an
// exception; so is touching shared objects of the model in code that Releases,
// which is a RuntimeError here and the end of the process in CPython. With a
// nil t there is no GIL, and f just runs.
func Call(t *rt.Thread, p Policy, f func()) error { return CallFor(t, p, 0, f) }

// CallFor is Call of a function that takes cost on a virtual clock. On the real
// clock cost has no meaning: f takes as long as it takes.
func CallFor(t *rt.Thread, p Policy, cost time.Duration, f func()) error {
	var failed error
	run := func() {
		defer func() {
			switch r := recover(); {
			case r == nil:
			case sched.Aborted(r):
				panic(r)
			default:
				failed = rt.FromPanic(r, debug.Stack())
			}
		}()
		if t != nil && cost > 0 && t.Interpreter().World().Virtual() {
			t.Compute(cost)
		}
		f()
	}
	switch {
	case f == nil:
		return rt.Raise("TypeError", "native.Call needs a function, not nil")
	case t == nil:
		run()
	case p == Releases:
		t.Native(run)
	default:
		t.NativeHold(run)
	}
	return failed
}

// Threshold is the number of elements above which array operations release the
// GIL: NPY_BEGIN_THREADS_THRESHOLDED's.
const Threshold = 500

// Cost is the virtual duration of an operation on n elements, about that of
// NumPy 1.24 on a 3 GHz machine: half a microsecond a call and some nanoseconds
// an element. op is a method's name; unknown ones cost as Add.
func Cost(op string, n int) time.Duration {
	perElement, known := picoseconds[op]
	if !known {
		perElement = picoseconds["Add"]
	}
	return 500*time.Nanosecond + time.Duration(int64(n)*perElement/1000)
}

// picoseconds an element (of a multiplication in MatMul; a comparison in Sort).
var picoseconds = map[string]int64{
	"Add": 2000, "Sub": 2000, "Mul": 2000, "Div": 2500, "Sqrt": 3000, "Arange": 1500,
	"Sum": 600, "Min": 600, "Max": 600, "Dot": 1100, "Sort": 3500, "MatMul": 250,
}

// elements runs an operation on n elements under the policy for that size.
func elements(t *rt.Thread, op string, n int, f func()) error {
	return elementsFor(t, n, Cost(op, n), f)
}

func elementsFor(t *rt.Thread, n int, cost time.Duration, f func()) error {
	p := Holds
	if n > Threshold {
		p = Releases
	}
	return CallFor(t, p, cost, f)
}
