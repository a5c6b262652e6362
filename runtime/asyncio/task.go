package asyncio

import (
	"fmt"
	"strings"
	"time"

	rt "braid/runtime"
	"braid/runtime/trace"
)

// Task is asyncio.Task (Modules/_asynciomodule.c, TaskObj): a Future that
// drives a coroutine. While it is not done, either its next step is scheduled,
// or it waits for one Future that will schedule it.
type Task struct {
	Future
	coro       *Coroutine
	id         int
	name       *string // nil: Task-<id>
	waiter     *Future // _fut_waiter
	request    *string // _cancel_message
	context    *Context
	prev, next *Task         // asyncio.all_tasks
	reason     string        // what it waits for, while traced
	requests   int32         // _num_cancels_requested
	must       bool          // _must_cancel
	quiet      bool          // not _log_destroy_pending
	since      time.Duration // it was suspended, while traced
	began      time.Duration // its step, while traced
}

// CreateTask is loop.create_task(coro): the first step runs in the next
// iteration, or at once if the loop makes eager tasks. x is a *Coroutine.
func (l *Loop) CreateTask(x any, name ...string) (*Task, error) {
	return l.createTask(nil, x, name)
}

func (l *Loop) createTask(ctx *Context, x any, name []string) (*Task, error) {
	co, ok := x.(*Coroutine)
	if !ok || co == nil {
		return nil, rt.Raise("TypeError", "a coroutine was expected, got %s", rt.Repr(x))
	}
	if l.closed.Load() {
		return nil, eventLoopClosed()
	}
	t := l.newTask(co, name)
	if ctx != nil {
		t.context = ctx
	}
	if l.eager && l.runningNow() {
		t.eagerStart()
	} else {
		l.soon(entry{task: t})
	}
	return t, nil
}

// CreateTaskIn is loop.create_task(coro, name=…, context=ctx): the task runs in ctx
// itself, not in a copy of the current context.
func (l *Loop) CreateTaskIn(ctx *Context, x any, name ...string) (*Task, error) {
	if ctx == nil {
		return l.CreateTask(x, name...)
	}
	return l.createTask(ctx, x, name)
}

func (l *Loop) newTask(co *Coroutine, name []string) *Task {
	l.tasks++
	t := &Task{coro: co, id: l.tasks}
	if len(name) > 0 {
		t.name = &name[0]
	}
	t.loop, t.ext = l, t
	if l.current != nil {
		t.context = l.current.context.snapshot()
	} else {
		t.context = l.contextFor(nil)
	}
	t.prev, t.next = l.allTasks.prev, &l.allTasks
	t.prev.next, t.next.prev = t, t
	if l.recorder != nil {
		t.since = l.Time()
		l.record(trace.Event{Kind: trace.Start, Track: t.track(), At: t.since, Name: co.name})
	}
	return t
}

// eagerStart runs the first step inside create_task (3.12,
// asyncio.eager_task_factory).
func (t *Task) eagerStart() {
	l := t.loop
	before := l.current
	l.current = nil
	if before != nil && l.recorder != nil { // its own step goes on afterwards
		l.stepEnds(before, before.began)
		before.reason = ""
	}
	t.step(nil)
	if before != nil && l.recorder != nil {
		before.began = l.Time()
	}
	l.current = before
}

// CreateTask is asyncio.create_task(coro, name=…). Its error is a TypeError if
// x is no coroutine.
func (c *Co) CreateTask(x any, name ...string) (*Task, error) {
	l := c.fiber.loop
	if l == nil {
		return nil, noRunningLoop()
	}
	return l.CreateTask(x, name...)
}

// CreateTask is asyncio.create_task on the running loop of the calling
// goroutine; without one a RuntimeError.
func CreateTask(x any, name ...string) (*Task, error) {
	l, err := GetRunningLoop()
	if err != nil {
		return nil, err
	}
	return l.CreateTask(x, name...)
}

// Name is task.get_name(); SetName changes it.
func (t *Task) Name() string {
	if t.name != nil {
		return *t.name
	}
	return fmt.Sprintf("Task-%d", t.id)
}

// SetName is task.set_name().
func (t *Task) SetName(name string) { t.name = &name }

// Coroutine is task.get_coro().
func (t *Task) Coroutine() *Coroutine { return t.coro }

// Waiting is what the task waits for: a *Future, *Task, or nil.
func (t *Task) Waiting() any {
	if t.waiter == nil {
		return nil
	}
	if task, is := t.waiter.ext.(*Task); is {
		return task
	}
	return t.waiter
}

// Cancelling is the number of cancellation requests that were not taken back.
func (t *Task) Cancelling() int { return int(t.requests) }

// Uncancel takes one request back and returns how many are left (3.11).
func (t *Task) Uncancel() int {
	if t.requests > 0 {
		t.requests--
		if t.requests == 0 {
			t.must = false // 3.13: gh-117407
		}
	}
	return int(t.requests)
}

// cancel requests that CancelledError be raised in the coroutine: through what
// it waits for, or at its next step.
func (t *Task) cancel(m *string) bool {
	t.unretrieved = false
	if t.state != pending {
		return false
	}
	t.requests++
	if t.waiter != nil && t.waiter.cancel(m) {
		return true
	}
	t.must, t.request = true, m
	return true
}

// wake is task_wakeup: the Future that the task waited for is done.
func (t *Task) wake(f *Future) {
	if f.state == finished && f.exc == nil {
		t.step(nil)
		return
	}
	_, err := f.Result()
	t.step(err)
}

// step is Task.__step: it runs the coroutine to its next suspension and
// arranges what follows.
func (t *Task) step(exc error) {
	l := t.loop
	if t.state != pending {
		l.report(t, "", rt.Raise("InvalidStateError", "__step(): already done: %s, %s", t, rt.Repr(exc)))
		return
	}
	if t.must {
		if !rt.Is(exc, "CancelledError") {
			t.message = t.request
			exc = t.cancelledError()
		}
		t.must = false
	}
	t.waiter = nil
	l.current = t
	if l.recorder != nil {
		t.began = l.stepBegins(t)
	}
	ctx := t.context
	if busy := ctx.enter(); busy != nil {
		l.current = nil
		t.end(nil, busy)
		return
	}
	y, done, result, err := t.coro.resume(l, nil, exc)
	ctx.leave()
	if l.recorder != nil {
		l.stepEnds(t, t.began)
	}
	l.current = nil
	if done {
		t.end(result, err)
		return
	}
	t.suspended(y)
}

// suspended deals with what the coroutine yielded.
func (t *Task) suspended(y any) {
	l := t.loop
	f, isFuture := y.(*Future)
	switch {
	case y == nil:
		l.soon(entry{task: t})
	case !isFuture:
		t.raise("Task got bad yield: %s", rt.Repr(y))
	case f.loop != l:
		t.raise("Task %s got Future %s attached to a different loop", t, f)
	case !f.blocking:
		t.raise("yield was used instead of yield from in task %s with %s", t, f)
	case f == &t.Future:
		t.raise("Task cannot await on itself: %s", t)
	default:
		f.blocking = false
		f.add(callback{task: t})
		t.waiter = f
		if t.must && f.cancel(t.request) {
			t.must = false
		}
	}
}

func (t *Task) raise(msg string, args ...any) {
	t.loop.soon(entry{task: t, exc: rt.Raise("RuntimeError", msg, args...)})
}

// end gives the task its result.
func (t *Task) end(result any, err error) {
	l := t.loop
	t.prev.next, t.next.prev = t.next, t.prev
	switch {
	case err == nil && t.must:
		t.must = false
		t.cancelNow(t.request)
	case err == nil:
		_ = t.setResult(result)
	case rt.Is(err, "CancelledError"):
		t.cancelledExc = asException(err)
		t.cancelNow(nil)
	case rt.Is(err, "KeyboardInterrupt") || rt.Is(err, "SystemExit"):
		_ = t.setException(err)
		l.fatal = err
	default:
		_ = t.setException(err)
	}
	if l.recorder != nil {
		l.record(trace.Event{Kind: trace.Finish, Track: t.track(), At: l.Time()})
	}
}

func (t *Task) track() trace.Track { return trace.Track{Lane: t.id, Name: t.Name()} }

// describe is base_tasks._task_repr, without places in source files.
func (t *Task) describe() string {
	info := t.info()
	if t.requests > 0 && t.state == pending {
		info[0] = "cancelling"
	}
	coro := "coro=<" + t.coro.name + "()>"
	head := []string{info[0], "name=" + rt.Repr(t.Name()), coro}
	if t.waiter != nil {
		head = append(head, "wait_for="+t.waiter.String())
	}
	return "<Task " + strings.Join(append(head, info[1:]...), " ") + ">"
}

// AllTasks is asyncio.all_tasks(loop): the tasks that are not done, in order of
// creation.
func (l *Loop) AllTasks() []*Task {
	var all []*Task
	for t := l.allTasks.next; t != &l.allTasks; t = t.next {
		all = append(all, t)
	}
	return all
}
