// Package futures is Python's concurrent.futures: executors that make calls for
// others, and the Futures that stand for what will come of them. There are pools
// of threads (of an Interpreter, on the real clock, in virtual time or under
// exploration), of processes of the operating system, and of interpreters in one
// process.
//
//	pool, err := futures.NewThreadPoolExecutor(in, 4)
//	pool.With(t, func() {
//		f, _ := pool.Submit(t, fetch, "a")      // a call
//		v, err := f.Result(t, time.Second)      // its result
//		all, err := pool.Map(t, fetch, urls)    // one call for each item, in order
//	})
//
// The first argument is the calling thread, which Python finds by itself. Code
// that is no thread of an Interpreter (a notebook's cell, a plain goroutine)
// gives nil; the pool then lives on the real clock.
//
// # Model
//
// What is called is any Go function; numbers are converted if that loses
// nothing. If its first parameter is a *runtime.Thread, it gets the worker's. A
// last result of type error is what the call raises, and so is a panic, with its
// stacks.
//
//	Python                                       Go
//	ThreadPoolExecutor(4)                        futures.NewThreadPoolExecutor(in, 4)
//	ThreadPoolExecutor()                         futures.NewThreadPoolExecutor(in, futures.Default)
//	ProcessPoolExecutor(4, mp_context=…)         futures.NewProcessPoolExecutor(4, futures.MPContext("spawn"))
//	InterpreterPoolExecutor(4)                   futures.NewInterpreterPoolExecutor(in, 4)
//	initializer=f, initargs=(x,)                 futures.Initializer(f, x)
//	thread_name_prefix="w"                       futures.ThreadNamePrefix("w")
//	max_tasks_per_child=10                       futures.MaxTasksPerChild(10)
//	with pool:                                   pool.With(t, func() { … })
//	pool.submit(f, x)                            pool.Submit(t, f, x)
//	pool.map(f, xs, ys, timeout=1, chunksize=25) pool.Map(t, f, xs, futures.Zip(ys), futures.Timeout(time.Second), futures.ChunkSize(25))
//	list(results), next(results)                 results.List(t), results.Next(t)
//	pool.shutdown(wait=False)                    pool.Shutdown(t, false, false)
//	f.result(), f.result(timeout=1)              f.Result(t), f.Result(t, time.Second)
//	f.exception(), f.cancel(), f.done(), …       f.Exception(t), f.Cancel(t), f.Done(t), …
//	f.add_done_callback(g)                       f.AddDoneCallback(t, g)
//	wait(fs, return_when=FIRST_COMPLETED)        futures.Wait(t, fs, futures.FirstCompleted)
//	for f in as_completed(fs):                   futures.AsCompleted(t, fs); Next(t), List(t)
//	if __name__ == "__main__":                   futures.FreezeSupport()
//	def f(x): … (at the top level)               futures.Register("f", f)
//
// Processes. A ProcessPoolExecutor starts real processes. A function travels by
// name, arguments and results as pickles (package pickle), whose bytes Stats
// counts; Trace records what is drawn as "processes with pickling". A worker
// that is killed breaks the pool. In a notebook the workers know what the cells
// have declared (functions, types, constants, not variables), whenever they are
// started, and, if the pool is kept, what later cells declare; a call of what
// needs a variable raises an AttributeError that names it. In a plain Go
// program the workers are the program itself: register the functions, then call
// FreezeSupport first thing in main (or TestMain).
//
// Life. Threads and processes end with Shutdown, with the program that
// Interpreter.Run executes, and with their Scope: at the end of a notebook's
// cell threads finish what was submitted, processes are ended; an interrupt
// ends both. The executor itself survives: the next Submit starts new workers.
//
// # Real CPython
//
// 3.13, of the library's Lib/concurrent/futures: _base.py (Future, wait,
// as_completed, Executor.map), thread.py (_worker, _adjust_thread_count,
// _initializer_failed), process.py (_ExecutorManagerThread, _process_worker,
// _process_chunk, _SafeQueue), and, from 3.14, interpreter.py and map's
// buffersize. The 3.13 texts are used throughout; closures are refused with the
// PicklingError of 3.14, where 3.13 has an AttributeError.
//
// # Costs
//
// Measured beside CPython 3.11 in one run (go test -bench Beside, 2 busy cores,
// best of five): a submitted call with its result 1.1 µs, CPython 26 µs; a call
// to a warm process 47 µs, CPython 370 µs; a pool of one process with its first
// result 2.5 ms, CPython 7.8 ms. In a notebook a worker process is there after
// some 15 ms.
//
// # Not modelled
//
//   - Sets: done and not_done, and what as_completed yields first, are in the
//     order of the arguments, where CPython's order is that of a set of
//     addresses.
//   - Names of missing parameters: Go does not keep them ("square() missing 1
//     required positional argument"). Keyword arguments.
//   - The manager thread and the queue's feeder thread of process.py: arguments
//     are pickled by the submitting goroutine as soon as the call enters the
//     call queue, callbacks run on a goroutine without a thread.
//   - Variables in worker processes of a notebook: spawn evaluates the module
//     again, with its variables; here a function that reads one is refused.
//   - fork's copy of the parent's memory: all start methods give a worker with
//     declarations only. What they cost in CPython, StartMethods tells.
//   - A worker that is replaced after max_tasks_per_child calls leaves no work
//     behind; CPython can hang there (gh-115634).
//   - Weak references: a pool that nobody refers to keeps its idle threads until
//     its Scope or program ends.
//   - An interpreter of an InterpreterPoolExecutor has its own GIL and copies of
//     its arguments, but Go's package variables are shared.
//   - In virtual time there are no processes (RuntimeError).
package futures
