package asyncio

import (
	"errors"

	rt "braid/runtime"
)

// GenFunction is a generator function: a def with a yield in it.
type GenFunction struct {
	Name      string
	body      func(y *Yielder, args []any) (any, error)
	awaitable bool
}

// Gen is "def name(...)" with yields. What body returns is the value of the
// final StopIteration.
func Gen(name string, body func(y *Yielder, args []any) (any, error)) *GenFunction {
	return &GenFunction{Name: name, body: body}
}

// PyType and String name the function in error texts.
func (f *GenFunction) PyType() string { return "function" }
func (f *GenFunction) String() string { return "<function " + f.Name + ">" }

// TypesCoroutine is @types.coroutine: the generators of f can be awaited, and
// what they yield goes to the event loop (CO_ITERABLE_COROUTINE). It is how
// asyncio.sleep(0) is made.
func TypesCoroutine(f *GenFunction) *GenFunction {
	return &GenFunction{Name: f.Name, body: f.body, awaitable: true}
}

// Call makes a generator object; the body begins at the first Next.
func (f *GenFunction) Call(args ...any) *Generator {
	return &Generator{name: f.Name, body: f.body, args: args, awaitable: f.awaitable}
}

// Generator is a generator object (Objects/genobject.c, PyGen_Type).
type Generator struct {
	name      string
	body      func(y *Yielder, args []any) (any, error)
	args      []any
	y         Yielder
	state     coState
	awaitable bool
	release   func()
}

// Yielder is the running generator or async generator, given to its body: the
// place where it can yield.
type Yielder struct {
	fiber *fiber
	kind  yieldKind
}

// PyType names the type in error texts.
func (g *Generator) PyType() string { return "generator" }

func (g *Generator) String() string { return "<generator object " + g.name + ">" }

// State is inspect.getgeneratorstate: GEN_CREATED, GEN_RUNNING, GEN_SUSPENDED
// or GEN_CLOSED.
func (g *Generator) State() string {
	switch {
	case g.state == created:
		return "GEN_CREATED"
	case g.state == closed:
		return "GEN_CLOSED"
	case !g.y.fiber.parked:
		return "GEN_RUNNING"
	}
	return "GEN_SUSPENDED"
}

// Yield is "x = yield v": it gives v to whoever asked for the next value, and
// returns what that one sends next. Its error is what was thrown in:
// GeneratorExit if the generator is closed.
func (y *Yielder) Yield(v any) (any, error) { return y.fiber.suspend(y.kind, v) }

// From is "x = yield from it": all values of it, then its result. Values sent
// and exceptions thrown go to it (PEP 380). From a Future it waits for the
// Future, which needs a generator that is awaited (TypesCoroutine).
func (y *Yielder) From(it any) (any, error) {
	switch x := it.(type) {
	case *Generator:
		return y.delegate(x)
	case *Task:
		return y.future(&x.Future)
	case *Future:
		return y.future(x)
	}
	iter, err := Iter(it)
	if err != nil {
		return nil, err
	}
	for {
		v, err := iter.Next()
		if isStop(err) {
			return asException(err).Value, nil
		}
		if err == nil {
			_, err = y.Yield(v)
		}
		if err != nil {
			return nil, err
		}
	}
}

func (y *Yielder) delegate(g *Generator) (any, error) {
	var v any
	var exc error
	for {
		out, done, result, err := g.resume(y.fiber.loop, v, exc)
		if done {
			return result, err
		}
		v, exc = y.Yield(out)
	}
}

func (y *Yielder) future(f *Future) (any, error) {
	if f.state == pending {
		f.blocking = true
		if _, exc := y.Yield(f); exc != nil {
			return nil, exc
		}
	}
	return f.Result()
}

// resume is gen_send_ex.
func (g *Generator) resume(loop *Loop, v any, exc error) (y any, done bool, result any, err error) {
	switch {
	case g.state == closed:
		return nil, true, nil, exc
	case g.state == created && exc != nil:
		g.state = closed
		return nil, true, nil, exc
	case g.state == created && v != nil:
		return nil, true, nil, rt.Raise("TypeError", "can't send non-None value to a just-started generator")
	case g.state == created:
		g.begin(loop)
	case !g.y.fiber.parked:
		return nil, true, nil, rt.Raise("ValueError", "generator already executing")
	}
	f := g.y.fiber
	f.loop = loop
	kind, out, err := f.resume(v, exc)
	if kind != returned {
		return out, false, nil, nil
	}
	f.rest()
	g.state, g.args = closed, nil
	if g.release != nil {
		g.release()
	}
	return nil, true, out, stopIteration("generator", err)
}

func (g *Generator) begin(loop *Loop) {
	f := loop.takeFiber()
	g.state, g.y = started, Yielder{fiber: f, kind: produces}
	f.body = func(*fiber) (any, error) { return g.body(&g.y, g.args) }
	if loop == nil {
		g.release = rt.CurrentScope().Own("generator '"+g.name+"'", func() {
			g.release = nil
			if f.parked {
				f.kill()
				g.state = closed
			}
		})
	}
}

// Next is next(g): the next value, or a StopIteration. It costs two coroutine
// switches, about 0.1 µs.
func (g *Generator) Next() (any, error) { return g.drive(nil, nil) }

// Send is g.send(v): v is the value of the yield that the body stands at.
func (g *Generator) Send(v any) (any, error) { return g.drive(v, nil) }

// Throw is g.throw(exc): exc is raised where the body stands.
func (g *Generator) Throw(exc error) (any, error) { return g.drive(nil, exc) }

func (g *Generator) drive(v any, exc error) (any, error) {
	out, done, result, err := g.resume(running(), v, exc)
	switch {
	case !done:
		return out, nil
	case err != nil:
		return nil, err
	}
	return nil, stop(result)
}

// Close is g.close(): GeneratorExit where the body stands. It returns what the
// body returns then (3.13; None before).
func (g *Generator) Close() (any, error) {
	if g.state != started {
		g.state = closed
		return nil, nil
	}
	_, done, result, err := g.resume(running(), nil, rt.Raise("GeneratorExit", ""))
	return result, closing("generator", done, err)
}

// Iterator has the next value, or a StopIteration.
type Iterator interface{ Next() (any, error) }

func isStop(err error) bool {
	e, ok := err.(*rt.Exception)
	return ok && e.Type == "StopIteration"
}

// Iter is iter(x), for generators, lists ([]any), strings and Iterators; else
// the TypeError that "for" raises.
func Iter(x any) (Iterator, error) {
	switch x := x.(type) {
	case *Generator:
		return x, nil
	case []any:
		return &listIterator{items: x}, nil
	case string:
		l := &listIterator{}
		for _, r := range x {
			l.items = append(l.items, string(r))
		}
		return l, nil
	case Iterator:
		return x, nil
	case interface{ Iter() Iterator }:
		return x.Iter(), nil
	}
	return nil, rt.Raise("TypeError", "'%s' object is not iterable", typeName(x))
}

// Next is next(x): a TypeError if x is no iterator.
func Next(x any) (any, error) {
	if it, ok := x.(Iterator); ok {
		return it.Next()
	}
	return nil, rt.Raise("TypeError", "'%s' object is not an iterator", typeName(x))
}

type listIterator struct {
	items []any
	i     int
}

func (l *listIterator) PyType() string { return "list_iterator" }

func (l *listIterator) Next() (any, error) {
	if l.i >= len(l.items) {
		return nil, stop(nil)
	}
	l.i++
	return l.items[l.i-1], nil
}

// Range is range(stop), or range(start, stop).
func Range(bounds ...int) []any {
	start, end := 0, 0
	switch len(bounds) {
	case 1:
		end = bounds[0]
	case 2:
		start, end = bounds[0], bounds[1]
	}
	list := make([]any, 0, max(end-start, 0))
	for i := start; i < end; i++ {
		list = append(list, i)
	}
	return list
}

// List is list(x).
func List(x any) ([]any, error) {
	list := []any{}
	err := For(x, func(v any) error {
		list = append(list, v)
		return nil
	})
	return list, err
}

// Break ends For and AsyncFor early when the body returns it.
var Break = errors.New("break")

// For is "for v in x: body(v)".
func For(x any, body func(v any) error) error {
	it, err := Iter(x)
	if err != nil {
		return err
	}
	for {
		v, err := it.Next()
		if isStop(err) {
			return nil
		}
		if err == nil {
			err = body(v)
		}
		if err == Break {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
