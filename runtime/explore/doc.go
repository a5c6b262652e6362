// Package explore runs a small concurrent program under every schedule, and
// says what can come out of it.
//
//	r := explore.Run(func(w *explore.World) {
//		x := w.Var("x", 0)
//		w.Threads(2, func(t *rt.Thread) { x.Add(t, 1) })
//		w.Final(func() any { return x.Value() })
//	})
//	fmt.Println(r) // 6 schedules, all of them: 1 in 4, 2 in 2; data race on x …
//
// The program is built anew for each run; it must be deterministic but for the
// scheduling, and keep what threads share in modelled objects.
//
// # Method
//
// Depth-first search over the choices of package sched, first the schedules
// without a preemption, then those with one, two, … (iterative context
// bounding: Musuvathi and Qadeer, PLDI 2007); no schedule runs twice. If the budget of schedules ends
// before the search does, the rest of it goes to uniformly random schedules
// and then to PCT (Burckhardt et al., ASPLOS 2010). The Report says which, how
// many, and whether that was all of them; only then is it a proof.
//
// Data races are found by vector clocks on every schedule that is run, also
// where the result happens to be right. In the language reading (the default) a
// GIL orders nothing: the program is racy even if the GIL hides it. In the
// machine reading each hand-over of the GIL is an edge.
//
// # Not modelled
//
// Weak memory: accesses are sequentially consistent. Fairness: a schedule may
// starve a thread for ever, which ends it at the step limit and is counted as
// an outcome of its own; Report.Starvation says who was kept from running.
//
// # Cost
//
// A schedule of the two-thread counter costs about 4 µs.
package explore
