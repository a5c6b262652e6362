// Package threading is Python's threading module on modelled threads: the same
// code on goroutines, on a virtual clock, and under exploration.
//
// # Model
//
// Every primitive is a monitor of package sched. A thread that must wait gives
// the GIL away; one that need not keeps it (Python/thread_pthread.h,
// PyThread_acquire_lock_timed; Modules/_threadmodule.c, acquire_timed). Errors
// have CPython 3.13's types and texts. Functions take the calling thread first,
// where Python finds it by itself.
//
// # Real CPython
//
// Lock and RLock: Modules/_threadmodule.c. Condition, Semaphore, Event, Barrier,
// Timer, Thread: Lib/threading.py. Queue: Lib/queue.py.
//
// # Not modelled
//
// On the real clock waiters of a Lock are served in order of arrival, where
// CPython promises no order; under exploration any of them may be next.
// Signals, excepthook, settrace and stack sizes are left out. A thread that dies
// of an exception keeps it for Join's caller to read instead of printing it.
package threading
