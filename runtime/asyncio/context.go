package asyncio

import (
	"maps"
	"runtime/debug"

	rt "braid/runtime"
)

// Context is a contextvars.Context (PEP 567): the values of ContextVars, never
// changed once made, so that copying one for a new task costs a pointer.
type Context struct{ values map[*ContextVar]any }

// ContextVar is contextvars.ContextVar: a variable that each task has its own
// value of; a new task starts with its creator's.
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

func (v *ContextVar) String() string { return "<ContextVar name=" + rt.Repr(v.name) + ">" }

// Get is var.get(); a LookupError if the variable has no value here.
func (v *ContextVar) Get(c *Co) (any, error) {
	if ctx := *c.context(); ctx != nil {
		if x, ok := ctx.values[v]; ok {
			return x, nil
		}
	}
	if v.has {
		return v.fallback, nil
	}
	return nil, rt.Raise("LookupError", "%s", v)
}

// Set is var.set(x), for the current task. Cost grows with the number of
// variables.
func (v *ContextVar) Set(c *Co, x any) (reset func()) {
	ctx := c.context()
	before := *ctx
	next := &Context{values: map[*ContextVar]any{}}
	if before != nil {
		maps.Copy(next.values, before.values)
	}
	next.values[v] = x
	*ctx = next
	return func() { *ctx = before }
}

// context is where the context of the running code is kept.
func (c *Co) context() **Context {
	l := c.fiber.loop
	switch {
	case l == nil:
		return &c.fiber.context
	case l.current != nil:
		return &l.current.context
	}
	return &l.context
}

func fromPanic(r any) *rt.Exception { return rt.FromPanic(r, debug.Stack()) }
