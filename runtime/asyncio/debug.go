package asyncio

import (
	"fmt"
	"sort"
	"strings"
	"time"

	rt "braid/runtime"
	"braid/runtime/sched"
	"braid/runtime/trace"
)

// SetExceptionHandler is loop.set_exception_handler(f): context has the keys of
// loop.call_exception_handler ("message", "exception", "future", "task", …).
// Nil restores the default, which logs.
func (l *Loop) SetExceptionHandler(f func(l *Loop, context map[string]any)) { l.handler = f }

// CallExceptionHandler is loop.call_exception_handler(context).
func (l *Loop) CallExceptionHandler(context map[string]any) {
	if l.handler == nil {
		l.DefaultExceptionHandler(context)
		return
	}
	err := guard(func() error { l.handler(l, context); return nil })
	if err != nil {
		l.DefaultExceptionHandler(map[string]any{
			"message": "Unhandled error in exception handler", "exception": err, "context": fmt.Sprint(context["message"]),
		})
	}
}

// DefaultExceptionHandler logs the message, the other keys in order of the
// alphabet, and the exception, as the logger "asyncio" prints them.
func (l *Loop) DefaultExceptionHandler(context map[string]any) {
	message, _ := context["message"].(string)
	if message == "" {
		message = "Unhandled exception in event loop"
	}
	lines := []string{message}
	keys := make([]string, 0, len(context))
	for k, v := range context {
		if k != "message" && k != "exception" && !isNil(v) {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	for _, k := range keys {
		lines = append(lines, k+": "+rt.Repr(context[k]))
	}
	if exc, ok := context["exception"].(error); ok && exc != nil {
		lines = append(lines, asException(exc).Error())
	}
	l.log(strings.Join(lines, "\n"))
}

func isNil(v any) bool {
	h, is := v.(*Handle)
	return v == nil || is && h == nil
}

// log is logging.getLogger("asyncio").
func (l *Loop) log(text string) {
	l.logged = append(l.logged, text)
	l.warn("asyncio", "%s", text)
}

func (l *Loop) warn(category, format string, args ...any) {
	if !l.silent {
		l.scope.Warn(category, format, args...)
	}
}

// Logged is what the loop has logged so far; the scope has it too, as warnings
// of the category "asyncio".
func (l *Loop) Logged() []string { return l.logged }

// guard calls fn; a panic becomes an exception.
func guard(fn func() error) (err error) {
	ok := false
	defer func() {
		if ok {
			return
		}
		r := recover()
		if unwinding(r) {
			panic(r)
		}
		err = fromPanic(r)
	}()
	err = fn()
	ok = true
	return err
}

// runWatched is run in debug mode or under a trace.
func (l *Loop) runWatched(e entry) {
	began := l.Time()
	l.run(e)
	took := l.Time() - began
	if l.recorder != nil {
		l.record(trace.Event{Kind: trace.Callback, Track: loopTrack, At: began, Dur: took, Name: e.name(), Flow: e.flow})
	}
	if l.debug && took >= l.slow {
		l.log(fmt.Sprintf("Executing %s took %.3f seconds", e.describe(), took.Seconds()))
	}
}

func (e entry) name() string {
	switch {
	case e.task != nil:
		return e.task.Name()
	case e.h != nil && e.h.name != "":
		return e.h.name
	case e.h != nil:
		return "callback"
	case e.fut == nil:
		return "timer"
	}
	return "done callback"
}

func (e entry) describe() string {
	switch {
	case e.task != nil:
		return e.task.String()
	case e.h != nil:
		return e.h.String()
	}
	return "<Handle callback()>"
}

// loopTrack is the lane of the loop; tasks have the lanes of their numbers.
var loopTrack = trace.Track{Name: "event loop"}

// Trace makes the loop record what it does and returns the record: Callback,
// Select and Ready on the lane of the loop, Run and Suspend (with its reason)
// on the lanes of tasks, Wake where something makes a task ready, joined by its
// Flow with the Callback that follows. Call it before the loop runs.
func (l *Loop) Trace() *trace.Recorder {
	if l.recorder == nil {
		l.recorder = &trace.Recorder{Virtual: l.world != nil && l.world.Virtual()}
	}
	return l.recorder
}

func (l *Loop) record(e trace.Event) { l.recorder.Add(e) }

// noteWake records that something makes a task ready.
func (l *Loop) noteWake(e entry) uint64 {
	if e.task == nil {
		return 0
	}
	from := loopTrack
	if l.current != nil {
		from = l.current.track()
	}
	flow := l.recorder.NewFlow()
	l.record(trace.Event{Kind: trace.Wake, Track: from, At: l.Time(), Name: e.task.Name(), Flow: flow})
	return flow
}

func (l *Loop) stepBegins(t *Task) time.Duration {
	now := l.Time()
	if t.reason != "" {
		l.record(trace.Event{Kind: trace.Suspend, Track: t.track(), At: t.since, Dur: now - t.since, Name: t.reason})
	}
	return now
}

func (l *Loop) stepEnds(t *Task, began time.Duration) {
	now := l.Time()
	l.record(trace.Event{Kind: trace.Run, Track: t.track(), At: began, Dur: now - began, Name: t.coro.name})
	t.since, t.reason = now, reason(t.coro)
}

// chain is what a suspended coroutine waits for, from the outside in.
func chain(co *Coroutine) []any {
	var links []any
	for x := co.awaiting; x != nil; {
		links = append(links, x)
		inner, is := x.(*Coroutine)
		if !is {
			break
		}
		if s, is := inner.machine.(*sleeper); is {
			links = append(links, s)
			break
		}
		x = inner.awaiting
	}
	if s, is := co.machine.(*sleeper); is && len(links) == 0 {
		links = append(links, s)
	}
	return links
}

// reason says in a word what a suspended coroutine waits for.
func reason(co *Coroutine) string {
	links := chain(co)
	if len(links) == 0 {
		return "yield"
	}
	last := links[len(links)-1]
	switch x := last.(type) {
	case *sleeper:
		return "sleep " + x.delay.String()
	case *Future:
		switch ext := x.ext.(type) {
		case *Task:
			return ext.Name()
		case *gathering:
			return "gather"
		}
		if len(links) > 1 {
			if inner, is := links[len(links)-2].(*Coroutine); is {
				return inner.name
			}
		}
		return "future"
	}
	return typeName(last)
}

// Tree draws the tasks that are not done and who waits for whom, as
// "python -m asyncio pstree" does (3.14, Lib/asyncio/tools.py): a task stands
// below the task that awaits it. Tasks on a cycle of awaits are listed apart.
func (l *Loop) Tree() string {
	tree := taskTree{children: map[*Task][]*Task{}, shown: map[*Task]bool{}}
	var roots []*Task
	for _, t := range l.AllTasks() {
		waiters := awaitedBy(&t.Future)
		if len(waiters) == 0 {
			roots = append(roots, t)
		}
		for _, w := range waiters {
			tree.children[w] = append(tree.children[w], t)
		}
	}
	for _, t := range roots {
		tree.add(t, "", "")
	}
	for _, t := range l.AllTasks() {
		if !tree.shown[t] {
			tree.text.WriteString("await cycle:\n")
			tree.add(t, "", "")
		}
	}
	return tree.text.String()
}

// awaitedBy finds the tasks that wait for f, also through a gather.
func awaitedBy(f *Future) []*Task {
	var all []*Task
	for _, cb := range append([]callback{f.first}, f.more...) {
		switch {
		case cb.task != nil:
			all = append(all, cb.task)
		case cb.outer != nil:
			all = append(all, awaitedBy(cb.outer)...)
		}
	}
	return all
}

type taskTree struct {
	text     strings.Builder
	children map[*Task][]*Task
	shown    map[*Task]bool
}

func (tr *taskTree) add(t *Task, first, rest string) {
	again := ""
	if tr.shown[t] {
		again = " (see above)"
	}
	fmt.Fprintf(&tr.text, "%s└── (T) %s%s\n", first, t.Name(), again)
	if again != "" {
		return
	}
	tr.shown[t] = true
	indent := rest + "    "
	frames := []string{t.coro.name}
	for _, x := range chain(t.coro) {
		switch x := x.(type) {
		case *Coroutine:
			frames = append(frames, x.name)
		case *sleeper:
			if frames[len(frames)-1] != "sleep" {
				frames = append(frames, "sleep")
			}
		case *Future:
			if _, is := x.ext.(*gathering); is {
				frames = append(frames, "gather")
			}
		}
	}
	for i := range frames {
		fmt.Fprintf(&tr.text, "%s└── %s\n", indent, frames[i])
		indent += "    "
	}
	for _, child := range tr.children[t] {
		tr.add(child, indent, indent)
	}
}

// flows are the tasks that wait, for the report of a deadlock: first those that
// wait for no other task.
func (l *Loop) flows() []sched.Flow {
	var leaves, others []sched.Flow
	for _, t := range l.AllTasks() {
		f := sched.Flow{Name: t.Name(), For: reason(t.coro), Ready: t.waiter == nil}
		if co := innermost(t.coro); co.co.fiber != nil {
			f.Frames = co.co.fiber.frames
		}
		if _, task := t.Waiting().(*Task); task || f.For == "gather" {
			others = append(others, f)
		} else {
			leaves = append(leaves, f)
		}
	}
	return append(leaves, others...)
}

// innermost is the coroutine that a suspended one waits in, if it has a stack of
// its own.
func innermost(co *Coroutine) *Coroutine {
	for {
		inner, is := co.awaiting.(*Coroutine)
		if !is || inner.co.fiber == nil {
			return co
		}
		co = inner
	}
}
