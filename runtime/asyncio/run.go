package asyncio

import (
	"errors"
	"time"

	rt "braid/runtime"
	"braid/runtime/sched"
	"braid/runtime/trace"
)

// Option changes how a loop runs.
type Option func(l *Loop)

// Debug is asyncio.run(…, debug=True).
func Debug() Option { return func(l *Loop) { l.debug = true } }

// Eager makes tasks run their first step inside CreateTask (3.12,
// asyncio.eager_task_factory).
func Eager() Option { return func(l *Loop) { l.eager = true } }

// Traced makes the loop record into r.
func Traced(r *trace.Recorder) Option { return func(l *Loop) { l.recorder = r } }

// AnyOrder makes the order of ready callbacks a choice of the World's Chooser,
// although asyncio promises first in, first out: for asking whether a program
// depends on that order.
func AnyOrder() Option { return func(l *Loop) { l.anyOrder = true } }

// Prepare lets f look at the loop before it runs.
func Prepare(f func(l *Loop)) Option { return f }

// Run is asyncio.run(main): a new loop on the calling goroutine and the
// machine's clock runs main, a *Coroutine, to its end; then what is left is
// cancelled, async generators and the default executor are shut down and the
// loop is closed (Lib/asyncio/runners.py). Called from a running loop it is
// refused with CPython's RuntimeError.
func Run(main any, opts ...Option) (any, error) {
	if err := checkRun(main); err != nil {
		return nil, err
	}
	return newLoop(newRealGround()).main(main, opts)
}

func checkRun(main any) error {
	if running() != nil {
		return rt.Raise("RuntimeError", "asyncio.run() cannot be called from a running event loop")
	}
	if co, ok := main.(*Coroutine); !ok || co == nil {
		return rt.Raise("ValueError", "a coroutine was expected, got %s", rt.Repr(main))
	}
	return nil
}

// RunVirtual is Run on a virtual clock: sleeps and time-outs cost no real time,
// and the time that passed is returned. A program that can never go on ends
// with a *sched.DeadlockError. Threads of ToThread are modelled threads of an
// Interpreter with a GIL; sockets need Run.
func RunVirtual(main any, opts ...Option) (result any, took time.Duration, err error) {
	if err := checkRun(main); err != nil {
		return nil, 0, err
	}
	in := rt.Virtual(rt.GIL310, 1, 2)
	in.World().StepLimit = 50_000_000
	runErr := in.Run(func(t *rt.Thread) error {
		result, err = RunIn(t, main, opts...)
		took = t.Now()
		return nil
	})
	if err == nil && runErr != nil {
		return nil, in.World().Now(), runErr
	}
	return result, took, err
}

// RunIn is Run on a thread of an Interpreter: callbacks hold the GIL, select
// gives it away, and waking up beside a thread that computes takes a switch
// interval. Several threads may each have a loop.
func RunIn(t *rt.Thread, main any, opts ...Option) (any, error) {
	if err := checkRun(main); err != nil {
		return nil, err
	}
	l := newLoop(newThreadGround(t))
	l.thread, l.world = t, t.Interpreter().World()
	t.Proc().SetFlows(l.flows)
	return l.main(main, opts)
}

// Outcome is how a run in a World of somebody else's ended.
type Outcome struct {
	Value any
	Err   error
}

// RunExplored adds to w an event loop that runs main when w runs: timers of
// equal time expire in an order that w's Chooser picks, threads complete when
// it says, and with AnyOrder ready callbacks too run in any order. The Outcome
// is valid when w has run; an exception also ends the loop's thread, so that
// explorations count it.
func RunExplored(w *sched.World, main func(c *Co) (any, error), opts ...Option) *Outcome {
	out := &Outcome{}
	rt.InWorld(rt.FreeThreaded, w).Go("event loop", func(t *rt.Thread) {
		co := Async("main", func(c *Co, _ []any) (any, error) { return main(c) }).Call()
		opts = append([]Option{func(l *Loop) { l.ties, l.silent = true, true }}, opts...)
		out.Value, out.Err = RunIn(t, co, opts...)
		if out.Err != nil {
			panic(asException(out.Err))
		}
	})
	return out
}

// main is Runner.run and Runner.close.
func (l *Loop) main(main any, opts []Option) (any, error) {
	for _, o := range opts {
		o(l)
	}
	defer l.kill() // on every path, also a World's end
	v, err := l.RunUntilComplete(main)
	if l.dead {
		return nil, err
	}
	if e := l.shutdown(); e != nil && err == nil {
		err = e
	}
	if e := l.Close(); e != nil && err == nil {
		err = e
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

func (l *Loop) shutdown() error {
	if err := l.cancelAll(); err != nil {
		return err
	}
	if len(l.asyncgens) > 0 {
		if _, err := l.RunUntilComplete(l.ShutdownAsyncgens()); err != nil {
			return err
		}
	}
	if l.executor == nil {
		return nil
	}
	_, err := l.RunUntilComplete(l.ShutdownDefaultExecutor())
	return err
}

// cancelAll is runners._cancel_all_tasks.
func (l *Loop) cancelAll() error {
	left := l.AllTasks()
	if len(left) == 0 {
		return nil
	}
	all := make([]any, len(left))
	for i, t := range left {
		t.Cancel()
		all[i] = t
	}
	outer, err := l.gather(true, all)
	if err != nil {
		return err
	}
	if _, err = l.RunUntilComplete(outer); err != nil {
		return err
	}
	for _, t := range left {
		if !t.Cancelled() && t.exc != nil {
			l.CallExceptionHandler(map[string]any{
				"message": "unhandled exception during asyncio.run() shutdown", "exception": t.exc, "task": t,
			})
		}
	}
	return nil
}

// Thread is the thread of an Interpreter that runs the loop, or nil.
func (l *Loop) Thread() *rt.Thread { return l.thread }

// BlockingSleep is time.sleep(d) inside a coroutine: the whole loop stands
// still. Interruptible.
func (c *Co) BlockingSleep(d time.Duration) error {
	if d < 0 {
		return rt.Raise("ValueError", "sleep length must be non-negative")
	}
	l := c.fiber.loop
	if l != nil && l.thread != nil {
		return l.thread.Sleep(d)
	}
	const slice = 20 * time.Millisecond // to notice an interrupt
	for end := time.Now().Add(d); ; {
		left := time.Until(end)
		if left <= 0 {
			return nil
		}
		time.Sleep(min(left, slice))
		if l != nil && l.interrupted.Load() {
			panic(unwind{})
		}
	}
}

// Compute stands for d of bytecode inside a coroutine: no other task runs.
func (c *Co) Compute(d time.Duration) {
	l := c.fiber.loop
	if l != nil && l.thread != nil {
		l.thread.Work(d)
		return
	}
	for end := time.Now().Add(d); time.Now().Before(end); {
		if l != nil && l.interrupted.Load() {
			panic(unwind{})
		}
	}
}

// Interrupted tells whether an error means that the run was ended from outside
// rather than by the program.
func Interrupted(err error) bool {
	return errors.Is(err, sched.ErrInterrupted) || rt.Is(err, "KeyboardInterrupt")
}
