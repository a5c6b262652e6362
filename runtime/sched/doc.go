// Package sched is the ground on which the modelled world stands: flows of
// control that run either for real or under a scheduler's hand.
//
// A World is one program run. A Proc is one flow of control in it: a modelled
// thread, an event loop, a worker. Everything that Procs share goes through
// three calls, and is written once for both kinds of world:
//
//	p.Point(op)                      an access that may be interleaved here
//	p.Do(op, gate, f)                an atomic step on a monitor's state
//	p.Await(op, gate, ready, f)      the same, when ready() first holds
//
// In a real World (New) a Proc is a goroutine, a Gate is a mutex with waiters,
// time is the machine's. In a virtual World (NewVirtual) a Proc is a coroutine
// (iter.Pull), exactly one runs, every Point, Do and Await is a choice point
// at which a Chooser picks who goes on, and the clock moves only when nobody
// can run. The same choices give the same run on every machine: a schedule is
// the list of choices, and replaying it is giving them again.
//
// # Model
//
// An operation is announced, then the Chooser picks, then it is executed
// together with all plain code up to the Proc's next operation. So two Procs of
// two operations each have C(4,2) = 6 schedules. An Await whose condition does
// not hold is not a candidate. A new Proc runs to its first operation at once;
// that is no choice, since plain code touches nothing shared.
//
// # Not modelled
//
// Memory is sequentially consistent. Plain Go variables are invisible: what
// should be interleaved must be a modelled object.
//
// # Cost
//
// A step of a virtual World costs about 0.1 µs, half if the Proc that ran last
// goes on; a Proc about 0.5 µs and 3 KB, a tenth of it in a World that is used
// again (Reuse).
package sched
