package futures

import (
	rt "braid/runtime"
	"braid/runtime/pickle"
)

// InterpreterPoolExecutor is Lib/concurrent/futures/interpreter.py of CPython
// 3.14: a ThreadPoolExecutor whose threads have an interpreter each, with a GIL
// of its own (PEP 684, PEP 734), so that they compute in parallel. Functions,
// arguments and results are pickled, as between processes, but no process is
// started.
type InterpreterPoolExecutor struct {
	*ThreadPoolExecutor
}

// NewInterpreterPoolExecutor makes a pool of at most maxWorkers threads beside
// in (nil: an Interpreter of its own on the real clock). In virtual time all
// interpreters exist from now on; make the pool before threads run.
func NewInterpreterPoolExecutor(in *rt.Interpreter, maxWorkers int, given ...Option) (*InterpreterPoolExecutor, error) {
	p, err := newThreadPool(in, maxWorkers, "InterpreterPoolExecutor", "BrokenInterpreterPool", given)
	if err != nil {
		return nil, err
	}
	pool := &InterpreterPoolExecutor{p}
	if p.in().World().Virtual() {
		p.ready = make([]*rt.Interpreter, 0, p.max)
		for range p.max {
			p.ready = append(p.ready, p.in().NewInterpreter())
		}
	}
	p.inside = true
	p.prepare = pool.initialize
	return pool, nil
}

// Submit implements Executor. What cannot be pickled shows in the Future.
func (p *InterpreterPoolExecutor) Submit(t *rt.Thread, fn any, args ...any) (*Future, error) {
	return p.submit(t, &task{raw: fn, args: args})
}

// Map implements Executor.
func (p *InterpreterPoolExecutor) Map(t *rt.Thread, fn any, items any, given ...MapOption) (*Results, error) {
	return mapCalls(t, p, fn, items, given)
}

// With implements Executor.
func (p *InterpreterPoolExecutor) With(t *rt.Thread, body func()) { with(t, p, body) }

// initialize is WorkerContext.initialize.
func (p *InterpreterPoolExecutor) initialize(t *rt.Thread) (func(*rt.Thread, *task), error) {
	if p.opts.hasInit {
		if _, err := across(t, p.opts.initializer, p.opts.initargs); err != nil {
			return nil, err
		}
	}
	return func(t *rt.Thread, w *task) {
		v, err := across(t, w.raw, w.args)
		w.end(t, v, err)
	}, nil
}

// across makes a call with copies of everything, as Interpreter.call does.
func across(t *rt.Thread, fn any, args []any) (any, error) {
	ref, err := reference(fn)
	if err != nil {
		return nil, err
	}
	there, err := copied([]any{ref, append([]any{}, args...)})
	if err != nil {
		return nil, err
	}
	request := there.([]any)
	c := newCallable(request[0])
	v, err := c.call(t, request[1].([]any))
	if err != nil {
		back, failed := copied(pickle.Portable(err))
		if failed != nil {
			return nil, failed
		}
		return nil, back.(error)
	}
	return copied(v)
}

func copied(v any) (any, error) {
	b, err := pickle.Dumps(v)
	if err != nil {
		return nil, err
	}
	return pickle.Loads(b)
}
