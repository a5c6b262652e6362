package worker

import (
	"fmt"
	"sync"

	"braid/kernel/eval"
)

// A program goes through the child on one goroutine: it is compiled, as soon as
// the parent says that it may run; then it waits for its order to run, commits,
// and runs. No other goroutine has to be woken on the way, which on an idle
// machine costs more than to check a small cell.

// programs are the programs of a child.
type programs struct {
	ahead *job // prepared and not yet begun; owned by the link's reader
	last  *job // begun last; likewise

	mu   sync.Mutex
	idle []*runner
}

// maxIdle is how many goroutines are kept for the next programs. Their stacks
// have grown to what go/types and go/ssa need, which takes a fifth of a small
// cell's time.
const maxIdle = 2

// job is a program on its way.
type job struct {
	*eval.Program
	order     chan *job     // to run, after this one (nil: at once); closed: not at all
	committed chan struct{} // closed when it was, or will not be
}

// prepare begins to compile p, which may or may not be begun.
func (c *child) prepare(p *eval.Program) {
	c.forget()
	c.quiet.Stop()
	c.programs.ahead = c.start(p)
}

// forget drops the program that was prepared and not begun.
func (c *child) forget() {
	if p := c.programs.ahead; p != nil {
		close(p.order)
		c.programs.ahead = nil
	}
}

// begin runs the program of a frame, or the one that was prepared.
func (c *child) begin(f frame) error {
	if len(f.body) > 0 {
		p := new(eval.Program)
		if err := decode(f, p); err != nil {
			return err
		}
		c.prepare(p)
	}
	p := c.programs.ahead
	if p == nil || p.ID != int(f.id) {
		return fmt.Errorf("%w: run %d was not prepared", errFrame, f.id)
	}
	c.quiet.Stop()
	c.host.announce(p.ID)
	c.pools.begun.Add(1)
	p.order <- c.programs.last
	c.programs.ahead, c.programs.last = nil, p
	return nil
}

// start gives p a goroutine.
func (c *child) start(p *eval.Program) *job {
	to := &job{Program: p, order: make(chan *job, 1), committed: make(chan struct{})}
	c.programs.run(func() { c.live(to) })
	return to
}

// live is the life of a program.
func (c *child) live(p *job) {
	engine := c.engine()
	compiler, _ := engine.(eval.Compiler)
	var code eval.Compiled
	if compiler != nil {
		code = compiled(compiler, p.Program)
	}
	before, run := <-p.order
	if !run {
		c.quiet.Reset()
		return
	}
	if before != nil {
		<-before.committed
	}
	if code != nil && !committed(code) {
		code = nil
	}
	close(p.committed)
	c.host.run(p.Program, func() *eval.Error {
		if code != nil {
			return code.Run()
		}
		return engine.Run(p.Program)
	}, c.ended(uint32(p.ID)))
}

// compiled is p compiled, nil if the engine panics over it: it will again when it
// is told to run p, and then that is the cell's error.
func compiled(e eval.Compiler, p *eval.Program) (code eval.Compiled) {
	defer func() {
		if recover() != nil {
			code = nil
		}
	}()
	return e.Compile(p)
}

func committed(code eval.Compiled) (ok bool) {
	defer func() { ok = recover() == nil }()
	code.Commit()
	return true
}

// runner is a goroutine that does one thing after the other.
type runner struct{ next chan func() }

// run does f on a goroutine that is idle, or a new one. f may end it.
func (ps *programs) run(f func()) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if n := len(ps.idle); n > 0 {
		ps.idle[n-1].next <- f
		ps.idle = ps.idle[:n-1]
		return
	}
	r := &runner{next: make(chan func(), 1)}
	r.next <- f
	go ps.loop(r)
}

func (ps *programs) loop(r *runner) {
	for f := range r.next {
		f()
		ps.mu.Lock()
		keep := len(ps.idle) < maxIdle
		if keep {
			ps.idle = append(ps.idle, r)
		}
		ps.mu.Unlock()
		if !keep {
			return
		}
	}
}
