package asyncio

import (
	rt "braid/runtime"
)

// AsyncGenFunction is an "async def" with a yield in it (PEP 525).
type AsyncGenFunction struct {
	Name string
	body func(c *Co, y *Yielder, args []any) error
}

// AsyncGen is "async def name(...)" with yields.
func AsyncGen(name string, body func(c *Co, y *Yielder, args []any) error) *AsyncGenFunction {
	return &AsyncGenFunction{Name: name, body: body}
}

// PyType and String name the function in error texts.
func (f *AsyncGenFunction) PyType() string { return "function" }
func (f *AsyncGenFunction) String() string { return "<function " + f.Name + ">" }

// Call makes an asynchronous generator object.
func (f *AsyncGenFunction) Call(args ...any) *AsyncGenerator {
	return &AsyncGenerator{name: f.Name, body: f.body, args: args}
}

// AsyncGenerator is an asynchronous generator object (Objects/genobject.c,
// PyAsyncGen_Type): Anext, ASend, AThrow and AClose make awaitables that run
// its body to the next value.
type AsyncGenerator struct {
	name    string
	body    func(c *Co, y *Yielder, args []any) error
	args    []any
	co      Coroutine // what its body awaits in
	y       Yielder
	state   coState
	closing bool // ag_closed
	busy    bool // ag_running_async
	hooked  *Loop
	kept    bool
}

// PyType names the type in error texts.
func (g *AsyncGenerator) PyType() string { return "async_generator" }

func (g *AsyncGenerator) String() string { return "<async_generator object " + g.name + ">" }

// Keep says that a variable holds the generator, so that leaving AsyncFor early
// does not finalise it.
func (g *AsyncGenerator) Keep() *AsyncGenerator {
	g.kept = true
	return g
}

// Running is ag_running: a step is being awaited.
func (g *AsyncGenerator) Running() bool { return g.busy }

type stepKind uint8

const (
	anextStep stepKind = iota
	asendStep
	athrowStep
	acloseStep
)

// AsyncStep is what Anext, ASend, AThrow and AClose return: to be awaited, once.
type AsyncStep struct {
	gen   *AsyncGenerator
	kind  stepKind
	value any
	exc   error
	state coState
}

// PyType names the type in error texts.
func (s *AsyncStep) PyType() string {
	if s.kind == anextStep || s.kind == asendStep {
		return "async_generator_asend"
	}
	return "async_generator_athrow"
}

func (s *AsyncStep) String() string { return "<" + s.PyType() + " object>" }

// Anext is agen.__anext__(): awaiting it gives the next value, or raises
// StopAsyncIteration.
func (g *AsyncGenerator) Anext() *AsyncStep { return g.newStep(anextStep, nil, nil) }

// ASend is agen.asend(v).
func (g *AsyncGenerator) ASend(v any) *AsyncStep { return g.newStep(asendStep, v, nil) }

// AThrow is agen.athrow(exc).
func (g *AsyncGenerator) AThrow(exc error) *AsyncStep { return g.newStep(athrowStep, nil, exc) }

// AClose is agen.aclose().
func (g *AsyncGenerator) AClose() *AsyncStep {
	return g.newStep(acloseStep, nil, rt.Raise("GeneratorExit", ""))
}

func (g *AsyncGenerator) newStep(k stepKind, v any, exc error) *AsyncStep {
	g.firstIteration()
	return &AsyncStep{gen: g, kind: k, value: v, exc: exc}
}

// firstIteration calls the hook that tells the loop of the generator
// (sys.set_asyncgen_hooks, _asyncgen_firstiter_hook).
func (g *AsyncGenerator) firstIteration() {
	l := running()
	if l == nil || g.hooked != nil {
		return
	}
	g.hooked = l
	if l.genShutdown {
		l.warn("ResourceWarning", "asynchronous generator %s was scheduled after loop.shutdown_asyncgens() call", g)
	}
	l.asyncgens = append(l.asyncgens, g)
}

// Finalize is what happens when the last reference to a suspended generator
// goes: the loop schedules a task of AClose (_asyncgen_finalizer_hook).
func (g *AsyncGenerator) Finalize() {
	if l := g.hooked; l != nil && g.state == started && !l.closed.Load() && l.forgetGen(g) {
		_, _ = l.CreateTask(g.closer())
	}
}

func (g *AsyncGenerator) closer() *Coroutine {
	return builtin("aclose", func(c *Co) (any, error) { return c.Await(g.AClose()) })
}

func (l *Loop) forgetGen(g *AsyncGenerator) bool {
	for i, x := range l.asyncgens {
		if x == g {
			l.asyncgens = append(l.asyncgens[:i], l.asyncgens[i+1:]...)
			return true
		}
	}
	return false
}

// resume is async_gen_asend_send and async_gen_athrow_send.
func (s *AsyncStep) resume(loop *Loop, v any, exc error) (y any, done bool, result any, err error) {
	g := s.gen
	switch {
	case s.state == closed:
		return nil, true, nil, rt.Raise("RuntimeError", "cannot reuse already awaited %s", s.reusable())
	case s.state == created && exc != nil:
		s.state = closed
		return nil, true, nil, exc
	case s.state == created:
		v, exc = s.value, s.exc
		if done, err := s.begin(loop); done {
			s.state = closed
			return nil, true, nil, err
		}
	}
	f := g.y.fiber
	f.loop = loop
	kind, out, err := f.resume(v, exc)
	switch kind {
	case awaits:
		return out, false, nil, nil
	case produces:
		s.end()
		if s.kind == acloseStep {
			return nil, true, nil, rt.Raise("RuntimeError", "async generator ignored GeneratorExit")
		}
		return nil, true, out, nil
	}
	s.end()
	f.rest()
	g.finish()
	return nil, true, nil, s.final(err)
}

func (s *AsyncStep) reusable() string {
	if s.kind == anextStep || s.kind == asendStep {
		return "__anext__()/asend()"
	}
	return "aclose()/athrow()"
}

// begin checks what the step may do; it reports whether it is over already.
func (s *AsyncStep) begin(loop *Loop) (done bool, err error) {
	g := s.gen
	names := [...]string{"anext", "anext", "athrow", "aclose"}
	switch {
	case g.busy:
		return true, rt.Raise("RuntimeError", "%s(): asynchronous generator is already running", names[s.kind])
	case g.state == closed && s.exc != nil:
		return true, nil
	case g.state == closed || g.closing && s.kind != acloseStep:
		return true, stopAsync()
	case g.state == created && s.kind == acloseStep:
		g.finish()
		return true, nil
	case g.state == created && s.exc != nil:
		g.finish()
		return true, s.exc
	case g.state == created && s.value != nil:
		return true, rt.Raise("TypeError", "can't send non-None value to a just-started async generator")
	}
	if g.state == created {
		g.start(loop)
	}
	if s.kind == acloseStep {
		g.closing = true
	}
	g.busy, s.state = true, started
	return false, nil
}

func (g *AsyncGenerator) start(loop *Loop) {
	f := loop.takeFiber()
	g.state, g.y = started, Yielder{fiber: f, kind: produces}
	g.co.name, g.co.state = g.name, started
	g.co.co = Co{fiber: f, self: &g.co}
	f.body = func(*fiber) (any, error) { return nil, g.body(&g.co.co, &g.y, g.args) }
	if loop == nil {
		scope := rt.CurrentScope()
		g.co.release = scope.Own("async generator '"+g.name+"'", func() {
			g.co.release = nil
			if f.parked {
				f.kill()
				g.state = closed
			}
		})
	}
}

func (g *AsyncGenerator) finish() {
	g.state = closed
	g.co.state = closed
	g.co.forget()
	if g.hooked != nil {
		g.hooked.forgetGen(g)
	}
}

func (s *AsyncStep) end() { s.state, s.gen.busy = closed, false }

// final is what a step raises when the body has ended.
func (s *AsyncStep) final(err error) error {
	err = stopIteration("async generator", err)
	if s.kind == acloseStep && (err == nil || rt.Is(err, "GeneratorExit")) {
		return nil
	}
	if err == nil {
		return stopAsync()
	}
	return err
}

func stopAsync() error { return rt.Raise("StopAsyncIteration", "") }

func isStopAsync(err error) bool {
	e, ok := err.(*rt.Exception)
	return ok && e.Type == "StopAsyncIteration"
}

// AsyncIterator is an object with __aiter__ and __anext__: Anext returns what
// is awaited for the next value, and that raises StopAsyncIteration at the end.
type AsyncIterator interface{ Anext() any }

// AsyncFor is "async for v in x: body(v)", inside the coroutine c. x is an
// *AsyncGenerator or an AsyncIterator; else the TypeError of CPython. Left early
// (by Break or an error) a generator that nobody else holds is finalised, which
// is what leaving "async for v in f():" does; see Keep and Aclosing.
//
// A nil c is the SyntaxError of an "async for" that stands in no coroutine.
func AsyncFor(c *Co, x any, body func(v any) error) error {
	if c == nil {
		return rt.Raise("SyntaxError", "'async for' outside async function")
	}
	var next func() any
	switch x := x.(type) {
	case *AsyncGenerator:
		next = func() any { return x.Anext() }
	case AsyncIterator:
		next = x.Anext
	default:
		return rt.Raise("TypeError", "'async for' requires an object with __aiter__ method, got %s", typeName(x))
	}
	for {
		v, err := c.Await(next())
		if isStopAsync(err) {
			return nil
		}
		if err == nil {
			err = body(v)
		}
		if err == nil {
			continue
		}
		if g, is := x.(*AsyncGenerator); is && !g.kept {
			g.Finalize()
		}
		if err == Break {
			return nil
		}
		return err
	}
}

// Aclosing is "async with contextlib.aclosing(g): body()": g is closed, and its
// cleanup awaited, before it returns.
func Aclosing(c *Co, g *AsyncGenerator, body func() error) error {
	kept := g.kept
	g.kept = true
	err := guard(body)
	g.kept = kept
	if _, e := c.Await(g.AClose()); e != nil {
		return e
	}
	return err
}

// ShutdownAsyncgens is loop.shutdown_asyncgens(): closes all asynchronous
// generators that were iterated and are not exhausted.
func (l *Loop) ShutdownAsyncgens() *Coroutine {
	return builtin("BaseEventLoop.shutdown_asyncgens", func(c *Co) (any, error) {
		l.genShutdown = true
		gens := l.asyncgens
		l.asyncgens = nil
		closers := make([]any, len(gens))
		for i, g := range gens {
			closers[i] = g.closer()
		}
		if len(closers) == 0 {
			return nil, nil
		}
		outer, err := l.gather(true, closers)
		if err != nil {
			return nil, err
		}
		results, err := c.Await(outer)
		if err != nil {
			return nil, err
		}
		for i, r := range results.([]any) {
			if exc, is := r.(error); is {
				l.CallExceptionHandler(map[string]any{
					"message":   "an error occurred during closing of asynchronous generator " + gens[i].String(),
					"exception": exc, "asyncgen": gens[i],
				})
			}
		}
		return nil, nil
	})
}
