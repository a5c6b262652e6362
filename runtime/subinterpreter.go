package runtime

import (
	"sync/atomic"
	"time"
)

// subs is what the Interpreters of one process share beside their World.
type subs struct{ count atomic.Int32 }

// several tells whether the cores are shared by more than one Interpreter, each
// of which may compute under a GIL of its own.
func (s *subs) several() bool { return s.count.Load() > 0 }

// NewInterpreter is concurrent.interpreters.create (PEP 734): another
// interpreter in the same process, on the same cores and clock, with its own
// objects and its own GIL (PEP 684). Its threads run in parallel with those of
// in. Nothing keeps a program from using a Var of one in a thread of the other;
// in CPython that cannot even be written down.
//
// Make it before threads run.
func (in *Interpreter) NewInterpreter() *Interpreter {
	sub := newInterpreter(in.mode, in.kind, in.world)
	sub.cores, sub.trace, sub.subs = in.cores, in.trace, in.subs
	sub.process = int(in.subs.count.Add(1))
	sub.interval.Store(in.interval.Load())
	return sub
}

// workBeside is workTimed where other Interpreters want the cores too: the GIL
// gives the right to run, a core the means.
func (t *Thread) workBeside(d time.Duration) {
	for d > 0 {
		slice := min(d, time.Millisecond, t.in.SwitchInterval())
		t.in.cores.compute(t, slice)
		d -= slice
		t.CheckPoint()
	}
}
