package asyncio

import (
	"maps"
	"runtime/debug"
	"sort"
	"sync"

	rt "braid/runtime"
	"braid/runtime/asyncio/internal/gid"
)

// Context is contextvars.Context (PEP 567, Python/context.c): what ContextVars
// hold in one flow of control. Its methods may be called from anywhere.
type Context struct {
	mu      sync.Mutex
	values  map[*ContextVar]any // guarded by mu; never changed, so that copying one costs a pointer
	entered bool                // guarded by mu
}

// NewContext is contextvars.Context(): an empty one.
func NewContext() *Context { return &Context{} }

// CopyContext is contextvars.copy_context(): a copy of the current context. at
// says whose that is, as for ContextVar.Get.
func CopyContext(at any) (*Context, error) {
	s, err := contextOf(at)
	if err != nil {
		return nil, err
	}
	return (*s).Copy(), nil
}

// Copy is ctx.copy(). It costs as much however many values there are.
func (ctx *Context) Copy() *Context { return &Context{values: ctx.all()} }

// snapshot is Copy, but nil for one without values: what most tasks have.
func (ctx *Context) snapshot() *Context {
	if v := ctx.all(); len(v) > 0 {
		return &Context{values: v}
	}
	return nil
}

// all are the values; nobody changes what it returns.
func (ctx *Context) all() map[*ContextVar]any {
	if ctx == nil {
		return nil
	}
	ctx.mu.Lock()
	defer ctx.mu.Unlock()
	return ctx.values
}

// Len is len(ctx).
func (ctx *Context) Len() int { return len(ctx.all()) }

// Value is ctx.get(v): the value that v has in ctx, and whether it has one there.
// Defaults of variables do not count.
func (ctx *Context) Value(v *ContextVar) (x any, ok bool) {
	x, ok = ctx.all()[v]
	return x, ok
}

// Vars is list(ctx), by name; CPython leaves the order open.
func (ctx *Context) Vars() []*ContextVar {
	var list []*ContextVar
	for v := range ctx.all() {
		list = append(list, v)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].name < list[j].name })
	return list
}

func (ctx *Context) String() string { return "<_contextvars.Context object>" }

// Run is ctx.run(fn): fn runs with ctx as the current context, and what it sets
// stays in ctx. RuntimeError if somebody is inside it already. at is as for
// ContextVar.Get.
func (ctx *Context) Run(at any, fn func() (any, error)) (any, error) {
	s, err := contextOf(at)
	if err != nil {
		return nil, err
	}
	if err := ctx.enter(); err != nil {
		return nil, err
	}
	before := *s
	*s = ctx
	leave := here().lends(s)
	defer func() {
		leave()
		*s = before
		ctx.leave()
	}()
	return fn()
}

// enter is _PyContext_Enter.
func (ctx *Context) enter() error {
	if ctx == nil {
		return nil
	}
	ctx.mu.Lock()
	defer ctx.mu.Unlock()
	if ctx.entered {
		return rt.Raise("RuntimeError", "cannot enter context: %s is already entered", ctx)
	}
	ctx.entered = true
	return nil
}

func (ctx *Context) leave() {
	if ctx == nil {
		return
	}
	ctx.mu.Lock()
	ctx.entered = false
	ctx.mu.Unlock()
}

// ContextVar is contextvars.ContextVar: a variable with a value of its own in
// each context. A task runs in a copy of its creator's context, a call of
// ToThread too; a new thread begins with an empty one (until 3.14).
type ContextVar struct {
	name     string
	fallback any
	has      bool
}

// NewContextVar makes a variable; initial, if given, is its default.
func NewContextVar(name string, initial ...any) *ContextVar {
	v := &ContextVar{name: name}
	if len(initial) > 0 {
		v.fallback, v.has = initial[0], true
	}
	return v
}

// Name is var.name.
func (v *ContextVar) Name() string { return v.name }

func (v *ContextVar) String() string {
	text := "<ContextVar name=" + rt.Repr(v.name)
	if v.has {
		text += " default=" + rt.Repr(v.fallback)
	}
	return text + ">"
}

// Get is var.get(): the value in the current context, else fallback if one is
// given, else the variable's default, else a LookupError.
//
// at says who asks: the *Co of a coroutine, the *rt.Thread of a function that a
// thread runs, or nil where there is neither: then it is whatever the calling
// goroutine runs, a callback of a loop or a call of Context.Run or ToThread, and
// else Python's main thread.
func (v *ContextVar) Get(at any, fallback ...any) (any, error) {
	s, err := contextOf(at)
	if err != nil {
		return nil, err
	}
	if x, ok := (*s).all()[v]; ok {
		return x, nil
	}
	switch {
	case len(fallback) > 0:
		return fallback[0], nil
	case v.has:
		return v.fallback, nil
	}
	return nil, rt.Raise("LookupError", "%s", v)
}

// Set is var.set(x) in the current context; at is as for Get, and of another
// type nothing is set. The Token undoes it. Cost grows with the number of
// variables.
func (v *ContextVar) Set(at any, x any) *Token {
	s, err := contextOf(at)
	if err != nil {
		panic(err)
	}
	if *s == nil {
		*s = &Context{}
	}
	tok := &Token{v: v, ctx: *s}
	tok.old, tok.had = (*s).change(v, x, true)
	return tok
}

// change gives v another value, or none, and returns the one before.
func (ctx *Context) change(v *ContextVar, x any, has bool) (old any, had bool) {
	ctx.mu.Lock()
	defer ctx.mu.Unlock()
	old, had = ctx.values[v]
	next := maps.Clone(ctx.values)
	switch {
	case has && next == nil:
		next = map[*ContextVar]any{v: x}
	case has:
		next[v] = x
	default:
		delete(next, v)
	}
	ctx.values = next
	return old, had
}

// Token is what Set returns.
type Token struct {
	v    *ContextVar
	ctx  *Context
	old  any
	had  bool
	used bool
}

// Var is token.var.
func (t *Token) Var() *ContextVar { return t.v }

// OldValue is token.old_value: what the variable had before, and whether it had
// anything (Token.MISSING).
func (t *Token) OldValue() (x any, ok bool) { return t.old, t.had }

func (t *Token) String() string {
	used := ""
	if t.used {
		used = " used"
	}
	return "<Token" + used + " var=" + t.v.String() + ">"
}

// Reset is var.reset(token): the value is again what it was before the Set. Its
// errors are those of PyContextVar_Reset: a Token serves once, its own variable,
// and in the context where it was made.
func (v *ContextVar) Reset(at any, t *Token) error {
	s, err := contextOf(at)
	switch {
	case err != nil:
		return err
	case t == nil:
		return rt.Raise("TypeError", "expected an instance of Token, got None")
	case t.used:
		return rt.Raise("RuntimeError", "%s has already been used once", t)
	case t.v != v:
		return rt.Raise("ValueError", "%s was created by a different ContextVar", t)
	case t.ctx != *s:
		return rt.Raise("ValueError", "%s was created in a different Context", t)
	}
	t.used = true
	t.ctx.change(v, t.old, t.had)
	return nil
}

// contextKey finds a thread's context in its locals (PyThreadState.context).
type contextKey struct{}

// threadContext is where a thread keeps its context.
type threadContext struct {
	own  *Context
	loop *Loop // that the thread runs
}

func ofThread(t *rt.Thread) *threadContext {
	if c, ok := t.Local[contextKey{}].(*threadContext); ok {
		return c
	}
	if t.Local == nil {
		t.Local = map[any]any{}
	}
	c := &threadContext{}
	t.Local[contextKey{}] = c
	return c
}

// mainContext is that of goroutines which run neither a loop nor a thread of
// an Interpreter: of Python's main thread.
var mainContext = NewContext()

// contextOf is where the current context is kept.
func contextOf(at any) (**Context, error) {
	switch at := at.(type) {
	case nil:
		return here().contextHere(), nil
	case *Co:
		switch {
		case at == nil:
			return here().contextHere(), nil
		case at.fiber.loop != nil:
			return at.fiber.loop.contextNow(), nil
		}
		return here().contextHere(), nil // driven by hand: its driver's
	case *rt.Thread:
		if at == nil {
			return here().contextHere(), nil
		}
		c := ofThread(at)
		if c.loop != nil {
			return c.loop.contextNow(), nil
		}
		return &c.own, nil
	}
	return nil, rt.Raise("TypeError", "a context is a coroutine's (*Co), a thread's (*rt.Thread) or the caller's (nil), not one of %s", typeName(at))
}

// contextHere is that of the calling goroutine.
func (l *local) contextHere() **Context {
	switch {
	case l == nil:
	case l.lent != nil:
		return l.lent
	case l.fiber != nil && l.fiber.loop != nil:
		return l.fiber.loop.contextNow()
	case l.loop != nil:
		return l.loop.contextNow()
	}
	ctx := mainContext
	return &ctx
}

// lends makes s the context of the calling goroutine, if that runs neither loop
// nor coroutine, until leave is called.
func (l *local) lends(s **Context) (leave func()) {
	switch {
	case l == nil:
		id := gid.Current()
		locals.Store(id, &local{lent: s})
		return func() { locals.Delete(id) }
	case l.lent != nil:
		before := l.lent
		l.lent = s
		return func() { l.lent = before }
	}
	return func() {}
}

// contextNow is that of the task or callback that runs.
func (l *Loop) contextNow() **Context {
	if l.current != nil {
		return &l.current.context
	}
	return &l.context
}

// contextFor is what a new task, callback or handle runs in: the context that is
// given, else a copy of the current one.
func (l *Loop) contextFor(given []*Context) *Context {
	if len(given) > 0 && given[0] != nil {
		return given[0]
	}
	switch {
	case l.runningNow():
		return (*l.contextNow()).snapshot()
	case !l.isRunning.Load() && l.thread != nil:
		return ofThread(l.thread).own.snapshot()
	}
	return contextElsewhere(nil)
}

// contextElsewhere is contextFor, for a call from outside of the loop.
func contextElsewhere(given []*Context) *Context {
	if len(given) > 0 && given[0] != nil {
		return given[0]
	}
	return (*here().contextHere()).snapshot()
}

// inside runs a callback in ctx (Handle._run: self._context.run(…)).
func (l *Loop) inside(ctx *Context, fn func()) {
	if err := ctx.enter(); err != nil {
		panic(err)
	}
	before := l.context
	l.context = ctx
	defer func() {
		l.context = before
		ctx.leave()
	}()
	fn()
}

// bound makes a done callback run in its context.
func (l *Loop) bound(fn func(*Future), given []*Context) func(*Future) {
	ctx := l.contextFor(given)
	if ctx == nil {
		return fn
	}
	return func(f *Future) { l.inside(ctx, func() { fn(f) }) }
}

func fromPanic(r any) *rt.Exception { return rt.FromPanic(r, debug.Stack()) }
