// Package asyncio is Python's asyncio, with its coroutines, generators and
// asynchronous generators, as a Go library: one flow of control that goes from
// task to task where they await, on the machine's clock (Run), on a virtual one
// (RunVirtual), on a thread of a modelled interpreter (RunIn), or on every
// schedule of an exploration (RunExplored).
//
//	hello := asyncio.Async("hello", func(c *asyncio.Co, args []any) (any, error) {
//		if _, err := c.Sleep(time.Second); err != nil {
//			return nil, err
//		}
//		return "hello " + args[0].(string), nil
//	})
//	v, err := asyncio.Run(hello.Call("world"))
//
// The *Co that a body gets is where it may suspend: c.Await(x) is "await x". All
// else is called as in Python. Exceptions are errors (rt.Raise, rt.Is) with the
// types and texts of CPython 3.13; a body that returns an error raises it, one
// that ignores the error of an Await has swallowed it, CancelledError included.
//
// # From Python
//
//	async def f(a): …                  f := Async("f", func(c *Co, a []any) (any, error) { … })
//	f(1)                               f.Call(1)
//	await x                            v, err := c.Await(x)
//	coro.send(None) .throw(e) .close() co.Send(nil)  co.Throw(e)  co.Close()
//	asyncio.run(main())                Run(main.Call())
//	await asyncio.sleep(1)             c.Sleep(time.Second)
//	asyncio.sleep(1, "x")              SleepResult(time.Second, "x")
//	asyncio.create_task(f(), name="n") c.CreateTask(f.Call(), "n")
//	asyncio.current_task()             c.Task()
//	asyncio.all_tasks()                c.Loop().AllTasks()
//	t.cancel("why") .uncancel()        t.Cancel("why")  t.Uncancel()
//	await asyncio.gather(a, b)         c.Gather(a, b), or c.Await(Gather(a, b))
//	gather(…, return_exceptions=True)  c.GatherAll(a, b)
//	await asyncio.wait(ts, timeout=1)  done, pending, err := c.Wait(ts, time.Second, AllCompleted)
//	await asyncio.wait_for(x, 1)       c.WaitFor(x, time.Second)
//	asyncio.as_completed(fs)           AsCompleted(fs, Forever)
//	asyncio.shield(x)                  Shield(x)
//	async with asyncio.timeout(1): …   c.Timeout(time.Second, func() error { … })
//	async with asyncio.TaskGroup() …   c.TaskGroup(func(g *TaskGroup) error { … })
//	async with lock: …                 lock.With(c, func() error { … })
//	await q.get()                      c.Await(q.Get())
//	loop.call_soon(fn)                 c.Loop().CallSoon(fn)
//	loop.call_soon_threadsafe(fn)      loop.CallSoonThreadsafe(fn)
//	await asyncio.to_thread(fn, x)     c.ToThread(fn, x)
//	loop.run_in_executor(pool, fn, x)  c.RunInExecutor(pool, fn, x)
//	r, w = await open_connection(h, p) r, w, err := c.OpenConnection("127.0.0.1", 8080)
//	await start_server(cb, h, p)       c.StartServer(func(c *Co, r *StreamReader, w *StreamWriter) error { … }, "127.0.0.1", 0)
//	await r.readline(); w.write(b)     r.ReadLine(c); w.Write("…"); w.Drain(c)
//	aiohttp.ClientSession().get(url)   NewClientSession().Get(c, url)
//	def g(): v = yield 1               g := Gen("g", func(y *Yielder, a []any) (any, error) { v, err := y.Yield(1); … })
//	next(it), it.send(v)               it.Next(), it.Send(v)
//	yield from it                      y.From(it)
//	for v in it: …                     For(it, func(v any) error { … })
//	async def g(): yield 1             g := AsyncGen("g", func(c *Co, y *Yielder, a []any) error { … })
//	async for v in it: …               AsyncFor(c, it, func(v any) error { … })
//	break                              return Break
//	contextvars.ContextVar("x")        NewContextVar("x"); x.Get(c), tok := x.Set(c, v), x.Reset(c, tok)
//	copy_context().run(fn)             ctx, _ := CopyContext(c); ctx.Run(c, func() (any, error) { … })
//	loop.call_soon(fn, context=ctx)    c.Loop().CallSoon(fn, ctx)
//	asyncio.run(…, debug=True)         Run(main.Call(), Debug())
//	eager_task_factory (3.12)          Run(main.Call(), Eager())
//	python -m asyncio pstree (3.14)    c.Loop().Tree()
//	time.sleep(1) in a coroutine       c.BlockingSleep(time.Second)
//
// # Model
//
// The loop is BaseEventLoop._run_once: a queue of ready callbacks, a heap of
// timers, and a place where it sleeps until another thread or a socket wakes it.
// It runs exactly the callbacks that were ready when it looked, in order. A Task
// steps its coroutine, and what the coroutine yields, a Future, calls the Task
// back. A coroutine is a stack of its own only from its first suspension that
// needs one: awaited coroutines run on their awaiter's stack, and a task that
// merely sleeps has none.
//
// On a virtual clock a loop that turns and turns while no time passes, as one
// around sleep(0) does, is ended with sched.ErrStepLimit after a twentieth of the
// World's step limit, and a deadlock is told task by task.
//
// Warnings (a coroutine was never awaited, an exception never retrieved, a task
// destroyed while pending) go to the rt.Scope of whoever started the loop.
//
// # Real CPython
//
// Lib/asyncio: base_events.py, events.py, tasks.py, futures.py, locks.py,
// queues.py, streams.py, taskgroups.py, timeouts.py, runners.py; Modules/_asynciomodule.c;
// Objects/genobject.c. The comment of each function names what it models.
//
// # Not modelled
//
// Objects do not end when their last reference goes, for Go does not count
// references: what CPython does then (a warning, closing a generator) happens
// when the loop or the scope ends, or at once where the end of the reference can
// be seen: leaving AsyncFor. Tasks are held strongly by their loop, so a task
// that nobody refers to is not lost (cpython issue 91887).
//
// Sets are lists in order of their making: the two of Wait, the arguments of
// AsCompleted, AllTasks. Timers of equal time run in order of creation. Texts of
// Futures and Tasks name callbacks and coroutines without their places in source
// files. There is one kind of loop; policies, subprocesses, signals,
// pipes, datagrams, protocols and TLS are left out; of the HTTP client there is
// what a measurement of concurrent requests needs.
//
// On a thread of an Interpreter (RunIn) a select that only looks keeps the GIL,
// although epoll_wait gives it away for an instant: nobody is fast enough to
// take it. Each sixteenth in a row does give it away.
//
// Where versions differ 3.13 is modelled. The programs of testdata/compare,
// written in Python and in Go, show the rest to be alike: they print the same on
// CPython and here, on the machine's clock and on the virtual one.
//
// # Cost
//
// go test -bench . -run xxx measures beside CPython in one run. On a busy machine
// of two cores, against CPython 3.11: a task switch 0.4 µs (19 times faster), a
// task created and awaited 1.1 µs (28 times), an item through Queue(1) 2.5 µs (13
// times), a gather of 100,000 sleeps 0.6 s (17 times) and of a million 4.8 s (25
// times), both with 0.86 KB a task, two thirds of CPython's. A quiet machine
// shows smaller factors, above 5 for all of these. A generator's next is three
// times slower than CPython's: Go keeps a stack where CPython keeps a frame. A
// suspended coroutine or generator costs 3 KB, a task that merely sleeps no
// stack at all.
package asyncio
