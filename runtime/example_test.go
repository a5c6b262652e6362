package runtime_test

import (
	"fmt"
	"time"

	rt "braid/runtime"
	"braid/runtime/explore"
)

// Two CPU-bound threads under the GIL, and without it, on a modelled machine
// with two cores.
func Example() {
	for _, mode := range []rt.Mode{rt.GIL310, rt.FreeThreaded} {
		in := rt.Virtual(mode, 1, 2)
		report := in.Threads(2, func(t *rt.Thread) { t.Work(100 * time.Millisecond) })
		fmt.Println(mode, report.Wall)
	}
	// Output:
	// GIL310 200ms
	// FreeThreaded 100ms
}

// The document's counter: what the bytecode does between two check points.
func ExampleCompile() {
	code, err := rt.Compile("for i in range(1000):\n    counter += 1\n")
	if err != nil {
		fmt.Println(err)
		return
	}
	in := rt.New(rt.GIL310)
	counter := in.Var("counter", 0)
	in.Threads(4, func(t *rt.Thread) {
		if _, err := in.Exec(t, code); err != nil {
			panic(err)
		}
	})
	fmt.Println(counter.Value())
	// Output: 4000
}

// A main thread starts another and waits in a sleep, which frees the GIL.
func ExampleInterpreter_Run() {
	in := rt.Virtual(rt.GIL310, 1, 2)
	err := in.Run(func(main *rt.Thread) error {
		in.Go("worker", func(t *rt.Thread) {
			t.Work(20 * time.Millisecond)
			fmt.Println(t.Name, "done at", t.Now())
		})
		return main.Sleep(time.Second)
	})
	fmt.Println(err, in.World().Now())
	// Output:
	// worker done at 20ms
	// <nil> 1s
}

// Reference counts that two threads change without a lock, in all schedules.
func ExampleObject() {
	r := explore.Run(func(w *explore.World) {
		o := w.Object("payload").Naive()
		w.Threads(2, func(t *rt.Thread) {
			o.IncRef(t)
			o.DecRef(t)
		})
		w.Final(func() any { return o.Verdict() })
	})
	fmt.Println(r.Schedules, r.Counts())
	// Output: 70 map[leak:16 ok:38 premature free:16]
}

func ExampleInterpreter_Import() {
	in := rt.New(rt.FreeThreaded)
	in.Import("legacyext", false)
	fmt.Println(in.GILEnabled())
	fmt.Println(len(rt.CurrentScope().Warnings()), "warning")
	// Output:
	// true
	// 1 warning
}

func ExampleException() {
	err := error(rt.Raise("ZeroDivisionError", "division by zero"))
	fmt.Println(err, rt.Is(err, "ArithmeticError"), rt.Is(err, "ValueError"))
	// Output: ZeroDivisionError: division by zero true false
}
