// Package exercise grades concurrent programs: checks that authors compose, each
// with a verdict in a teacher's words.
//
//	ex := exercise.New("Make the counter right")
//	ex.Every(func(w *explore.World) {
//		counter := w.Var("counter", 0)
//		lock := threading.NewLock(w.Interpreter, "lock")
//		w.Threads(2, func(t *rt.Thread) { student(t, counter, lock) })
//		w.Final(func() any { return counter.Value() })
//	})
//	ex.Require(2, exercise.Outcomes(2))
//	ex.Require(1, exercise.NoRace())
//	ex.Require(1, exercise.NoDeadlock())
//	ex.Grade()        // shown with pictures; ex.Grade().Score is the number alone
//
// # Model
//
// Every runs a program under all its schedules (package explore); Once runs one
// in virtual time. The checks that follow, with their points, look at what was
// seen, never at a clock of the machine: equal programs get equal verdicts, to
// the byte, on every machine. What the student's code does wrong — an
// exception, a deadlock, a loop without an end — is a verdict, never the end of
// the grader. Each failing verdict has the smallest schedule that shows it, as
// a picture and as a string that repeats it, and the student's lines that it turns
// on: where a thread is interrupted, where everybody waits, the two accesses of a
// race, what keeps a heartbeat from beating. The student's are those outside of
// the cell or file that calls Grade, if there are any; they are looked for only
// when the one schedule is run again, not in the search.
//
// # Real CPython
//
// There, the same program is tested by running it, and a lost update shows in
// some runs: 0 of 100 on 3.10 and later for counter += 1, which is wrong all
// the same.
//
// # Not modelled
//
// A loop that touches nothing of the model has no steps to count: it ends by
// the interrupt or the time limit of whoever runs the grader. Plain variables
// of the student are invisible to NoRace. Isolation is the host's: the
// student's code runs in this process.
package exercise
