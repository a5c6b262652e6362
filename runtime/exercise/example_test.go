package exercise_test

import (
	"fmt"

	rt "braid/runtime"
	"braid/runtime/exercise"
	"braid/runtime/explore"
)

func ExampleNew() {
	student := func(t *rt.Thread, counter *rt.Var) { counter.Add(t, 1) } // no lock

	ex := exercise.New("Make the counter right")
	ex.Every(func(w *explore.World) {
		counter := w.Var("counter", 0)
		w.Threads(2, func(t *rt.Thread) { student(t, counter) })
		w.Final(func() any { return counter.Value() })
	})
	ex.Require(2, exercise.Outcomes(2))
	ex.Require(1, exercise.NoDeadlock())
	fmt.Println(ex.Grade())
	// Output:
	// Make the counter right: 0 of 3 points
	// ✗ result is 2 (0/2): In 4 of 6 schedules the result is 1; it should always be 2.
	//     line 12 of example_test.go  ← Thread-1 is interrupted in the middle of this line, and Thread-2 runs
	//     One schedule, step by step
	//          Thread-1                  Thread-2                   counter
	//        1 LOAD counter → 0 (stale)                                   0
	//        2                           LOAD counter → 0                 0
	//        3                           STORE counter = 1                1
	//        4 STORE counter = 1 (!)                                      1
	//     4 steps, 1 preemption → 1; 1 write undid another thread's; all 6 schedules: 1 in 4, 2 in 2; replay s1AAEBAg
	// ○ no deadlock (0/1): No schedule gets stuck. It counts as soon as the rest is right.
}
