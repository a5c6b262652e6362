// Package runtime models CPython's world of concurrency with real effects: the
// interpreter and its lock, threads, reference counts and bytecode, on the real
// clock or a virtual one. Cells and programs import it as rt:
//
//	import rt "braid/runtime"
//
// Its sub-packages are named after what they model: threading, futures,
// asyncio, native; sched is the ground below (who runs next, what time it is),
// explore walks through every schedule of a small program, trace and viz show
// what happened, exercise grades it.
package runtime
