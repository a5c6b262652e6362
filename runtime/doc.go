// Package runtime models CPython's world of concurrency with real effects: the
// interpreter and its lock, threads, reference counts and bytecode, on the real
// clock or a virtual one. Cells and programs import it as rt:
//
//	import rt "braid/runtime"
//
//	in := rt.New(rt.GIL310)                 // CPython 3.10 and later, with its GIL
//	counter := in.Var("counter", 0)
//	report := in.Threads(4, func(t *rt.Thread) {
//		t.Loop(1000, func(i int) { counter.Add(t, 1) })
//	})
//	fmt.Println(counter.Value(), report.Switches)
//
// An Interpreter runs threads: Threads starts some that run the same function,
// Run a main thread that starts others, Go one of its own. Functions that threads
// run get their *Thread, through which they do what others can see: Var and
// Object are shared state, Sleep and Native release the GIL, Work and Compute
// stand for computing, BackEdge and CallPoint for the places where the
// interpreter looks whether another thread wants to run. Exec and Source run
// bytecode on the little machine behind Compile, Asm and Dis.
//
// Three kinds of Interpreter run the same program: New on goroutines and the
// real clock; Virtual in virtual time on so many modelled cores, the same way
// for the same seed on every machine; and package explore in every possible
// order. Three modes say which CPython it is: GIL39, GIL310, FreeThreaded.
//
// Exceptions are errors: Raise makes one, Is asks as "except" does, texts are
// CPython 3.13's. What a program leaves behind belongs to a Scope.
//
// The sub-packages are named after what they model: threading (and queue),
// futures, asyncio, native; pickle is what crosses processes, sched the ground
// below (who runs next, what time it is), explore walks through every schedule of
// a small program, trace and viz show what happened, claim and exercise judge it.
//
// # Model
//
// The GIL is a flag, a condition and a timed wait: who wants it asks for it after
// each switch interval in which it did not change hands, the holder gives it up
// at its next check point, and may not have it back before another had it.
// Between two check points a thread with the GIL is alone; a Var's Add is a read
// and a write for everybody else. Objects have counts that go wrong as C's do,
// and beside them the truth.
//
// In a notebook a cell is a scope: what it leaves is ended when it has run, and
// what was wrong with it is said then, in the words of Python's warnings. Threads
// go on, as in a Python session, until an interrupt or a new kernel; Keep lets
// the rest go on, too.
//
// # Real CPython
//
// The GIL: Python/ceval_gil.c (take_gil, drop_gil, _Py_HandlePending). Check
// points: Python/ceval.c up to 3.9, Python/bytecodes.c (_CHECK_PERIODIC) since
// 3.10 (GH-18334). Attaching: Python/pystate.c. Reference counts:
// Include/refcount.h, Objects/object.c, Python/brc.c, PEP 683, PEP 703. Critical
// sections: Python/critical_section.c, Python/lock.c. The collector: Python/gc.c,
// Python/gc_free_threading.c. Interpreters side by side: PEP 684, PEP 734.
// Importing an extension without Py_mod_gil: Python/import.c and
// _PyEval_EnableGILPermanent.
//
// # Not modelled
//
// Waiters of the GIL are served in order of arrival, where a pthread condition
// promises none. Memory is sequentially consistent: what a weak memory model
// adds to races does not show. Timers of the machine make switch intervals below
// a millisecond inexact on the real clock. There is no JIT, no specialising
// interpreter, no generational collector; integers of the bytecode machine have
// 64 bits. Finalizers run when a count reaches zero and in Collect only.
// Warnings come when their cell ends, not when a collector happens to find out.
package runtime
