// Package host is the world that learner code runs in, under any engine: its
// goroutines, its waits, its output and input, its ends. It stands in the worker
// process between the worker, which opens a Run for each cell and receives its
// events, and an eval.Engine, which calls Go, Send, Recv, Select and Check where
// the cell's source has them and takes the standard library's symbols from
// Overlay.
//
// # What it promises
//
//   - Whose is whose. Every goroutine that learner code starts, and every one
//     that the standard library starts for it, belongs to the run of the cell
//     that caused it: the runtime's profiler labels, which goroutines inherit,
//     tell so at a cost of 2–5 ns. Output, panics, interrupts and limits go by it.
//   - One order. All that runs emit, on both streams, goes through one bounded
//     queue and arrives in the order it was written, whole runes in every event,
//     100,000 lines in a dozen events, and at the latest 15 ms after it was
//     written. What reaches descriptors 1 and 2 in other ways (native code, child
//     processes) comes through pipes into the same queue, which an ordered write
//     empties first. Nothing is lost before Run.End returns. A full queue makes
//     writers wait; an interrupt releases them.
//   - Interrupts reach exactly the goroutines of one run: each unwinds by a panic
//     with Interrupt, from its next checkpoint or at once from a wait, and its
//     deferred calls run. They are not disturbed again unless there is another
//     interrupt. Locks that other runs hold or wait for stay as they are.
//   - A deadlock is proved, not guessed from a time-out (deadlock.go says how),
//     and the error names every goroutine with the place where it waits.
//   - Nothing leaks from a cell into the next. What its models of braid/runtime have
//     left is ended when its code has returned: coroutines are closed, loops and
//     worker processes ended, and their warnings written to stderr, each text once.
//     Threads go on, as in a Python session, until the user interrupts a later cell
//     or the kernel restarts; a cell that calls rt.Keep lets everything go on. The
//     census lists what does.
//   - What ends a Go program ends the cell: an uncaught panic of any goroutine,
//     os.Exit, a deadlock, unlocking an unlocked mutex. From then on nothing of
//     the cell is heard, as nothing would be of the dead program, but its deferred
//     calls still run, so that the session's locks and variables stay usable.
//
// # Where it stops
//
// A native call that waits without listening (reading a socket the overlay does
// not know, io.Pipe, C code) can't be interrupted: Config.Stuck tells of it.
// Fatal errors of the Go runtime (concurrent map writes, a stack overflow) end
// the worker. Text written natively to both descriptors has no order between the
// two. A goroutine that waits for a time.Time or an os.Signal is taken to be
// woken by its timer or signal, so a cell that waits on a stopped Ticker is not
// called a deadlock. Waits inside a testing/synctest bubble listen to channels
// from outside it and are therefore not durably blocked there.
//
// # Goroutines
//
//	goroutine       started by        owns                   blocks on                   ends when
//	main            Run.Do            the cell               learner code                the cell's code returns
//	spawned         Go                a go statement         learner code                its function returns
//	callback        timers, contexts  an AfterFunc function  learner code                its function returns
//	consumer        a timer           the events' order      the sink                    all is passed on
//	pumps (2)       Capture           a captured descriptor  the pipe; a full queue      never
//	detector        first Begin       the deadlock proof     a suspicion                 never
//	memory sampler  Run.Do            Limits.Memory          a 10 ms ticker              the cell's code returns
//	stdin watcher   Run.Do            reads of os.Stdin      a 10 ms ticker; an answer   the cell's code returns
//	scope's end     Do                closing models         learner code, at most so    all are closed
//	settler         Interrupt         threads left behind    a 1 ms ticker               they end; Config.Grace
//	question        Input             one Config.Input call  the front end               it answers
//
// The pumps and the detector live as long as the process, which
// has one set of descriptors and one host. At rest they all block, and the
// package holds about 0.2 MB.
package host
