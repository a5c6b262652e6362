package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"braid/kernel/eval"
	"braid/kernel/eval/host"
	rt "braid/runtime"
	"braid/runtime/futures"
)

// pools starts the worker processes of ProcessPoolExecutors (futures.Spawner).
// They are workers like this one, children of it, with the declarations of the
// cells: as Python's workers import __main__, without running its statements.
// Their output is that of the cell that started them.
type pools struct {
	child *child
	begun atomic.Int64 // programs of this worker that were begun

	mu      sync.Mutex
	lastAsk uint32
	asked   map[uint32]chan declared
}

var _ futures.Spawner = (*pools)(nil)

// Refusal says why Spawn cannot work.
func (ps *pools) Refusal() error {
	if ps.child.name == "yaegi" {
		return rt.Raise("RuntimeError", "worker processes need the engine vm; this kernel runs cells with %s (braid kernel --engine vm)", ps.child.name)
	}
	return nil
}

// Spawn implements futures.Spawner, in some 15 ms.
func (ps *pools) Spawn() (futures.Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	limits := ps.child.limits
	limits.Seconds = 0 // the cell's own clock runs
	p := &poolProcess{pools: ps, known: map[declaration]bool{}}
	p.worker, err = Start(context.Background(), Options{
		Argv: append([]string{self}, os.Args[1:]...), Engine: ps.child.name, Limits: limits,
		OnEvent: forward, OnDeclare: ps.declarations,
	})
	if err != nil {
		return nil, err
	}
	if err := p.feed(); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// forward emits what a worker process emits for the cell that has started it: the
// goroutine that reads the link has inherited its label.
func forward(ev eval.Event) {
	if ev.Stream == nil {
		host.Emit(ev)
		return
	}
	w := host.Stdout()
	if ev.Stream.Name == "stderr" {
		w = host.Stderr()
	}
	w.Write([]byte(ev.Stream.Text))
}

// declarations asks the session what cells have declared so far.
func (ps *pools) declarations() (Declarations, error) {
	answer := make(chan declared, 1)
	ps.mu.Lock()
	if ps.asked == nil {
		ps.asked = map[uint32]chan declared{}
	}
	ps.lastAsk++
	id := ps.lastAsk
	ps.asked[id] = answer
	ps.mu.Unlock()
	if err := ps.child.out.write(kindDeclare, id, nil); err != nil {
		return Declarations{}, err
	}
	d := <-answer // the worker ends with its link
	if d.Error != "" {
		return Declarations{}, errors.New(d.Error)
	}
	return d.Declarations, nil
}

// learn takes the answer to a question for declarations.
func (ps *pools) learn(f frame) {
	var d declared
	if err := decode(f, &d); err != nil {
		d.Error = err.Error()
	}
	ps.mu.Lock()
	answer := ps.asked[f.id]
	delete(ps.asked, f.id)
	ps.mu.Unlock()
	if answer != nil {
		answer <- d
	}
}

// poolProcess is one worker process of a pool.
type poolProcess struct {
	pools  *pools
	worker *Worker
	calls  int
	fed    int64 // pools.begun when the declarations were asked for
	known  map[declaration]bool
	// missing is what the process was not given: by its name, the variable that
	// it needs.
	missing map[string]string
}

// declaration is a program that a worker process has had.
type declaration struct{ name, source string }

// feed brings the process what has been declared since it was last fed.
func (p *poolProcess) feed() error {
	p.fed = p.pools.begun.Load()
	all, err := p.pools.declarations()
	if err != nil {
		return err
	}
	p.missing = all.Missing
	for _, q := range all.Programs {
		d := declaration{q.Name, q.Source}
		if p.known[d] {
			continue
		}
		p.known[d] = true
		end, err := p.worker.Run(context.Background(), q)
		if err == nil && end.Error != nil && end.Error.Name != eval.CompileError { // it needs what only this process has
			err = fmt.Errorf("the declarations of %s could not be brought to a worker process: %w", q.Name, end.Error)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// callRuns is where the numbers of runs begin that are calls; programs have lower
// ones.
const callRuns = 1 << 30

// PID implements futures.Process, as the methods below do.
func (p *poolProcess) PID() int { return p.worker.PID() }

func (p *poolProcess) Call(request []byte) ([]byte, error) {
	if p.fed != p.pools.begun.Load() { // a pool that was kept, in a later cell
		if err := p.feed(); err != nil {
			return nil, err
		}
	}
	if len(request) > maxFrame {
		return futures.Refuse(rt.Raise("OverflowError", "a pickle of %d bytes is larger than the %d MiB that travel to a worker process in one piece", len(request), maxFrame>>20)), nil
	}
	p.calls++
	reply, err := p.worker.Call(callRuns+p.calls, request)
	if err != nil {
		return nil, err
	}
	if len(p.missing) == 0 || len(reply) > largestRefusal {
		return reply, nil
	}
	if name, unknown := futures.Unknown(reply); unknown && p.missing[name] != "" {
		return futures.Refuse(needsVariable(name, p.missing[name])), nil
	}
	return reply, nil
}

// largestRefusal bounds the replies that are looked into: results may be large.
const largestRefusal = 4 << 10

// needsVariable is the exception of a call of what a worker process does not have
// because it needs a variable. CPython's would be broken: its workers evaluate
// the module again.
func needsVariable(name, variable string) error {
	return rt.Raise("AttributeError", "Can't get attribute '%[1]s' on <module '__main__'>: it needs the variable %[2]s, "+
		"and a worker process has the functions, types and constants of the cells, not their variables. "+
		"Give %[2]s to %[1]s as an argument, declare it with const, or make it inside of the function", name, variable)
}

func (p *poolProcess) Gone() <-chan struct{} { return p.worker.Gone() }

func (p *poolProcess) Err() error {
	if d := p.worker.Death(); d != nil {
		return d
	}
	return nil
}

func (p *poolProcess) Close() { p.worker.Close() }

func (p *poolProcess) Kill() {
	p.worker.kill(&eval.Error{Name: eval.WorkerLost, Value: "the worker process was ended"})
	<-p.worker.Gone()
}

// answer makes a call for the process pool that this worker belongs to.
func (c *child) answer(id uint32, request []byte) {
	c.programs.run(func() {
		c.engine() // names are found by it
		var reply []byte
		c.host.run(&eval.Program{ID: int(id), Name: "call"}, func() *eval.Error {
			reply = futures.Answer(request)
			return nil
		}, func(err *eval.Error, census []Goroutine) {
			if err != nil || reply == nil {
				c.ended(id)(err, census)
				return
			}
			if len(reply) > maxFrame {
				reply = futures.Refuse(rt.Raise("OverflowError", "a result of %d bytes is larger than the %d MiB that travel from a worker process in one piece", len(reply), maxFrame>>20))
			}
			c.out.write(kindReturn, id, reply)
			c.quiet.Reset()
		})
	})
}
