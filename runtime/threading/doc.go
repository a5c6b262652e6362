// Package threading is Python's threading module, and its queue module, on
// modelled threads: the same code on goroutines, on a virtual clock, and under
// exploration.
//
//	in := rt.New(rt.GIL310)
//	err := in.Run(func(main *rt.Thread) error {
//		lock, counter := threading.NewLock(in, "lock"), 0
//		workers := []*threading.Thread{}
//		for range 4 {
//			th := threading.NewThread(in, "", func(t *rt.Thread) {
//				lock.With(t, func() { counter++ })
//			})
//			workers = append(workers, th)
//			if err := th.Start(main); err != nil {
//				return err
//			}
//		}
//		for _, th := range workers {
//			if err := th.Join(main, threading.Forever); err != nil {
//				return err
//			}
//		}
//		return nil
//	})
//
// From Python to Go: a function that Python calls without naming the thread
// takes it first (t, the handle that every thread function gets); "with lock:"
// is lock.With(t, func() {…}); a time-out of None or -1 is Forever, and a
// negative one is always Forever; a blocking=False is a Try or a Nowait method;
// an exception is a returned error that rt.Is knows by its Python name.
//
// # Model
//
// Every primitive is a monitor of package sched. A thread that must wait gives
// the GIL away; one that need not keeps it (Python/thread_pthread.h,
// PyThread_acquire_lock_timed; Modules/_threadmodule.c, acquire_timed). Errors
// have CPython 3.13's types and texts.
//
// A thread that dies of an exception tells the hook of its Interpreter, which
// writes it to stderr as threading.excepthook does, and keeps it for Thread.Err.
// Daemon threads are ended when main and all others have ended. In a notebook
// threads outlive the cell that starts them, as in a Python session, until the
// user interrupts or the kernel restarts; locks that an interrupted thread holds
// in a With are given back.
//
// # Real CPython
//
// Lock and RLock: Modules/_threadmodule.c. Condition, Semaphore, Event, Barrier,
// Timer, Thread, Local, excepthook: Lib/threading.py (and
// Modules/_threadmodule.c, local). Queue, LifoQueue, PriorityQueue:
// Lib/queue.py and Lib/heapq.py. SimpleQueue: Modules/_queuemodule.c.
//
// # Not modelled
//
// Fairness. On the real clock and in virtual time waiters are served in order
// of arrival, and nobody overtakes them; CPython promises no order for a Lock,
// and lets a thread that comes at the right moment overtake the waiters of
// Semaphore and Queue. Under exploration any of them may be next.
//
// Names: CPython puts the target's name behind "Thread-1"; Go functions have
// none that a cell would know. Idents are small numbers. Under exploration Start
// does not wait for the new thread, and no exception is written.
//
// settrace, setprofile, stack_size, native ids and signals are left out. put and
// get with a negative time-out wait for ever, where CPython raises ValueError.
package threading
