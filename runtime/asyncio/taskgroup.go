package asyncio

import (
	"fmt"

	rt "braid/runtime"
)

// TaskGroup is asyncio.TaskGroup (Lib/asyncio/taskgroups.py, 3.13).
type TaskGroup struct {
	loop      *Loop
	parent    *Task
	tasks     map[*Task]bool
	order     []*Task // of tasks, for determinism where CPython has a set
	errors    []error
	base      error
	waiter    *Future
	exiting   bool
	aborting  bool
	requested bool // _parent_cancel_requested
}

func (g *TaskGroup) String() string {
	info := ""
	if len(g.tasks) > 0 {
		info += fmt.Sprintf(" tasks=%d", len(g.tasks))
	}
	if len(g.errors) > 0 {
		info += fmt.Sprintf(" errors=%d", len(g.errors))
	}
	if g.aborting {
		info += " cancelling"
	} else {
		info += " entered"
	}
	return "<TaskGroup" + info + ">"
}

// TaskGroup is "async with asyncio.TaskGroup() as g: body(g)": it returns when
// all tasks of g have ended. The first that fails cancels the others and body;
// the error is then an ExceptionGroup of the failures.
func (c *Co) TaskGroup(body func(g *TaskGroup) error) error {
	c.fiber.goesOn()
	parent := c.Task()
	if parent == nil {
		return rt.Raise("RuntimeError", "TaskGroup <TaskGroup> cannot determine the parent task")
	}
	g := &TaskGroup{loop: parent.loop, parent: parent, tasks: map[*Task]bool{}}
	err := guard(func() error { return body(g) })
	return g.exit(c, err)
}

// CreateTask is group.create_task(coro). RuntimeErrors as CPython's when the
// group is finished or shutting down; the coroutine is closed then (3.13).
func (g *TaskGroup) CreateTask(x any, name ...string) (*Task, error) {
	co, _ := x.(*Coroutine)
	refuse := func(what string) (*Task, error) {
		if co != nil {
			_ = co.Close()
		}
		return nil, rt.Raise("RuntimeError", "TaskGroup %s is %s", g, what)
	}
	switch {
	case g.exiting && len(g.tasks) == 0:
		return refuse("finished")
	case g.aborting:
		return refuse("shutting down")
	}
	t, err := g.loop.CreateTask(x, name...)
	if err != nil {
		return nil, err
	}
	if t.Done() { // an eager task
		g.done(t)
		return t, nil
	}
	g.tasks[t] = true
	g.order = append(g.order, t)
	t.add(callback{fn: func(*Future) { g.done(t) }})
	return t, nil
}

func isBase(err error) bool { return rt.Is(err, "SystemExit") || rt.Is(err, "KeyboardInterrupt") }

// exit is __aexit__.
func (g *TaskGroup) exit(c *Co, err error) error {
	g.exiting = true
	if isBase(err) && g.base == nil {
		g.base = err
	}
	var cancelledBy error
	if rt.Is(err, "CancelledError") {
		cancelledBy = err
	}
	if err != nil && !g.aborting {
		g.abort()
	}
	for len(g.tasks) > 0 {
		if g.waiter == nil {
			g.waiter = g.loop.NewFuture()
		}
		if _, e := c.Await(g.waiter); rt.Is(e, "CancelledError") && !g.aborting {
			cancelledBy = e
			g.abort()
		} else if rt.Is(e, "GeneratorExit") {
			return e
		}
		g.waiter = nil
	}
	if g.base != nil {
		return g.base
	}
	if g.requested && g.parent.Uncancel() == 0 {
		cancelledBy = nil
	}
	if cancelledBy != nil && len(g.errors) == 0 {
		return cancelledBy
	}
	if err != nil && !rt.Is(err, "CancelledError") {
		g.errors = append(g.errors, err)
	}
	if len(g.errors) == 0 {
		return nil
	}
	if g.parent.Cancelling() > 0 { // 3.13: the cancellation of the parent is not lost
		g.parent.requests--
		g.parent.Cancel()
	}
	return rt.Group("unhandled errors in a TaskGroup", g.errors...)
}

func (g *TaskGroup) abort() {
	g.aborting = true
	for _, t := range g.order {
		if g.tasks[t] && !t.Done() {
			t.Cancel()
		}
	}
}

// done is _on_task_done.
func (g *TaskGroup) done(t *Task) {
	delete(g.tasks, t)
	if g.waiter != nil && len(g.tasks) == 0 && !g.waiter.Done() {
		_ = g.waiter.setResult(true)
	}
	if t.Cancelled() || t.exc == nil {
		return
	}
	t.unretrieved = false
	g.errors = append(g.errors, t.exc)
	if isBase(t.exc) && g.base == nil {
		g.base = t.exc
	}
	if g.parent.Done() {
		g.loop.CallExceptionHandler(map[string]any{
			"message":   fmt.Sprintf("Task %s has errored out but its parent task %s is already completed", t, g.parent),
			"exception": t.exc, "task": t,
		})
		return
	}
	if !g.aborting && !g.requested {
		g.abort()
		g.requested = true
		g.parent.Cancel()
	}
}
