package explore

import (
	"fmt"
	"slices"
	"strings"

	"braid/runtime/sched"
)

// Race is a pair of accesses to one variable that nothing orders.
type Race struct {
	Var           string
	Kind          string // "write-write", "read-write"
	First, Second string // "Thread-1: write x"
	// FirstHolds and SecondHolds name a lock that was held meanwhile, "" if none.
	FirstHolds, SecondHolds string
}

func (r Race) String() string {
	return fmt.Sprintf("data race on %s: %s and %s are not ordered", r.Var, r.First, r.Second)
}

// detector follows one run with vector clocks (as in FastTrack, Flanagan and
// Freund, PLDI 2009, without its compression: programs here are small). Its
// memory is kept from run to run.
type detector struct {
	machine bool // a hand-over of the GIL is an edge
	clocks  []clock
	objects []object
	last    *sched.Proc
	ran     []int             // operations of each Proc
	held    [][]*sched.Object // locks that each Proc holds, the latest last
	found   *[]Race           // of all runs
}

type clock []int

func (c *clock) join(o clock) {
	for len(*c) < len(o) {
		*c = append(*c, 0)
	}
	for i, v := range o {
		(*c)[i] = max((*c)[i], v)
	}
}

func (c clock) at(i int) int {
	if i < len(c) {
		return c[i]
	}
	return 0
}

func (c *clock) set(i, v int) {
	for len(*c) <= i {
		*c = append(*c, 0)
	}
	(*c)[i] = v
}

type object struct {
	sync          clock // what was published by Release and Notify
	writes, reads clock // time of the last access of each Proc
	who           []*sched.Proc
	under         []*sched.Object // the lock that each Proc held at its last access
	owner         *sched.Proc
	wasted        *sched.Proc // made the last Notify, when nobody waited, and nobody profited since
	racy          [2]bool
}

func (d *detector) reset(machine bool) {
	d.machine, d.last = machine, nil
	d.ran = d.ran[:0]
	for i := range d.clocks {
		d.clocks[i] = d.clocks[i][:0]
	}
	d.clocks = d.clocks[:0]
	for i := range d.held {
		d.held[i] = d.held[i][:0]
	}
	for i := range d.objects {
		o := &d.objects[i]
		*o = object{sync: o.sync[:0], writes: o.writes[:0], reads: o.reads[:0], who: o.who[:0], under: o.under[:0]}
	}
}

func (d *detector) clock(p *sched.Proc) *clock {
	for len(d.clocks) <= p.ID {
		if cap(d.clocks) > len(d.clocks) {
			d.clocks = d.clocks[:len(d.clocks)+1]
		} else {
			d.clocks = append(d.clocks, nil)
		}
		i := len(d.clocks) - 1
		d.clocks[i].set(i, 1)
	}
	return &d.clocks[p.ID]
}

func (d *detector) object(o *sched.Object) *object {
	for len(d.objects) <= o.ID {
		d.objects = append(d.objects, object{})
	}
	return &d.objects[o.ID]
}

// observe is the World's Observer.
func (d *detector) observe(p *sched.Proc, op sched.Op) {
	c := d.clock(p)
	if op.Kind == sched.Spawn {
		if parent := p.Parent(); parent != nil {
			c.join(*d.clock(parent))
			d.advance(parent)
		}
		return
	}
	if d.machine && d.last != nil && d.last != p {
		c.join(*d.clock(d.last))
		d.advance(d.last)
	}
	d.last = p
	d.steps(p, 1)
	if op.Object == nil {
		return
	}
	o := d.object(op.Object)
	switch op.Kind {
	case sched.Read:
		d.access(p, op, o, false)
	case sched.Write:
		d.access(p, op, o, true)
	case sched.Acquire:
		o.owner = p
		d.holds(p, op.Object)
		c.join(o.sync)
	case sched.Wait:
		o.wasted = nil
		c.join(o.sync)
	case sched.Release, sched.Notify:
		if op.Kind == sched.Release {
			o.owner = nil
			d.gives(p, op.Object)
		} else if !awaited(p.World(), op.Object) {
			o.wasted = p
		}
		o.sync.join(*c)
		d.advance(p)
	}
}

// holds notes that p has taken a lock, gives that it was given back.
func (d *detector) holds(p *sched.Proc, lock *sched.Object) {
	for len(d.held) <= p.ID {
		d.held = append(d.held, nil)
	}
	d.held[p.ID] = append(d.held[p.ID], lock)
}

func (d *detector) gives(p *sched.Proc, lock *sched.Object) {
	if p.ID >= len(d.held) { // any thread may give back a lock
		return
	}
	if i := slices.Index(d.held[p.ID], lock); i >= 0 {
		d.held[p.ID] = slices.Delete(d.held[p.ID], i, i+1)
	}
}

// lock is the latest lock that p holds, nil if none.
func (d *detector) lock(p *sched.Proc) *sched.Object {
	if p.ID >= len(d.held) || len(d.held[p.ID]) == 0 {
		return nil
	}
	return d.held[p.ID][len(d.held[p.ID])-1]
}

// steps counts n more operations of p and returns how many there were.
func (d *detector) steps(p *sched.Proc, n int) int {
	for len(d.ran) <= p.ID {
		d.ran = append(d.ran, 0)
	}
	d.ran[p.ID] += n
	return d.ran[p.ID]
}

// awaited tells whether anybody waits for o right now.
func awaited(w *sched.World, o *sched.Object) bool {
	for _, p := range w.Procs() {
		if op, waits := p.Waiting(); waits && op.Kind == sched.Wait && op.Object == o {
			return true
		}
	}
	return false
}

func (d *detector) advance(p *sched.Proc) {
	c := d.clock(p)
	c.set(p.ID, c.at(p.ID)+1)
}

func (d *detector) access(p *sched.Proc, op sched.Op, o *object, write bool) {
	c := *d.clock(p)
	for i, at := range o.writes {
		if i != p.ID && at > c.at(i) {
			kind := "read-write"
			if write {
				kind = "write-write"
			}
			d.race(o, kind, o.who[i], p, op)
		}
	}
	if write {
		for i, at := range o.reads {
			if i != p.ID && at > c.at(i) {
				d.race(o, "read-write", o.who[i], p, op)
			}
		}
		o.writes.set(p.ID, c.at(p.ID))
	} else {
		o.reads.set(p.ID, c.at(p.ID))
	}
	for len(o.who) <= p.ID {
		o.who, o.under = append(o.who, nil), append(o.under, nil)
	}
	o.who[p.ID], o.under[p.ID] = p, d.lock(p)
}

func (d *detector) race(o *object, kind string, first, second *sched.Proc, op sched.Op) {
	i := 0
	if kind == "write-write" {
		i = 1
	}
	if o.racy[i] {
		return
	}
	o.racy[i] = true
	name := op.Object.String()
	for _, known := range *d.found {
		if known.Var == name && known.Kind == kind {
			return
		}
	}
	other := "write "
	if kind == "read-write" && op.Kind == sched.Write {
		other = "read "
	}
	*d.found = append(*d.found, Race{
		Var: name, Kind: kind,
		First:      first.Name + ": " + other + name,
		Second:     second.Name + ": " + op.String(),
		FirstHolds: o.under[first.ID].String(), SecondHolds: d.lock(second).String(),
	})
}

// explain words a deadlock: first the cycle of those who wait for each other,
// if there is one, then the others. Somebody who waits for a notification that
// was given when nobody waited has lost a wake-up.
func (d *detector) explain(dead *sched.DeadlockError) (text string, lost bool) {
	cycle := d.cycle(dead.Waiting)
	var parts []string
	for _, p := range cycle {
		parts = append(parts, d.waits(p, dead))
	}
	for _, p := range dead.Waiting {
		for _, f := range p.Flows() {
			parts = append(parts, f.Name+" waits for "+f.For)
		}
	}
	for _, p := range dead.Waiting {
		if slices.Contains(cycle, p) || len(p.Flows()) > 0 {
			continue
		}
		if op, _ := p.Waiting(); op.Kind == sched.Wait && op.Object != nil && d.object(op.Object).wasted != nil {
			lost = true
		}
		parts = append(parts, d.waits(p, dead))
	}
	return strings.Join(parts, "; "), lost
}

// blocker is the Proc that p waits for, if it is known.
func (d *detector) blocker(p *sched.Proc) *sched.Proc {
	op, _ := p.Waiting()
	switch {
	case op.Object == nil:
	case op.Kind == sched.Acquire:
		return d.object(op.Object).owner
	case op.Kind == sched.Wait && op.Object.Kind == "thread":
		for _, q := range p.World().Procs() {
			if q.Name == op.Object.Name {
				return q
			}
		}
	}
	return nil
}

// cycle returns Procs each of which waits for the next, the last for the first;
// nil if there are none.
func (d *detector) cycle(waiting []*sched.Proc) []*sched.Proc {
	for _, p := range waiting {
		path := []*sched.Proc{p}
		for q := d.blocker(p); slices.Contains(waiting, q) && len(path) <= len(waiting); q = d.blocker(q) {
			if q == p {
				return path
			}
			path = append(path, q)
		}
	}
	return nil
}

func (d *detector) waits(p *sched.Proc, dead *sched.DeadlockError) string {
	op, _ := p.Waiting()
	if op.Object == nil {
		if op.Label == "" {
			return p.Name + " waits"
		}
		return p.Name + " waits to " + op.Label
	}
	text := fmt.Sprintf("%s waits for %s", p.Name, op.Object)
	o := d.object(op.Object)
	switch {
	case op.Kind == sched.Acquire && o.owner == p:
		return text + ", which it holds itself"
	case op.Kind == sched.Acquire && o.owner != nil && !slices.Contains(dead.Waiting, o.owner):
		return text + ", which " + o.owner.Name + " held when it ended"
	case op.Kind == sched.Acquire && o.owner != nil:
		return text + ", which " + o.owner.Name + " holds"
	case op.Kind == sched.Wait && op.Object.Kind == "thread":
		return text + " to end"
	case op.Kind == sched.Wait && o.wasted != nil:
		return text + ", but the notification by " + o.wasted.Name + " came before anybody waited: it is lost"
	case op.Kind == sched.Wait:
		return text + ", which nobody is left to notify"
	}
	return text
}

// starvation words a run that was cut: who ran on and on, and who could have
// run but was not let.
func (d *detector) starvation(w *sched.World, e *sched.StepLimitError) string {
	if e.Why != "" {
		return e.Why
	}
	spinner := e.Last
	for _, p := range w.Procs() {
		if d.steps(p, 0) > d.steps(spinner, 0) {
			spinner = p
		}
	}
	text := fmt.Sprintf("%s ran %d of %d steps and does not stop", spinner.Name, d.steps(spinner, 0), e.Steps)
	var kept []string
	for _, p := range e.Able {
		if p != spinner && d.steps(p, 0)*len(w.Procs()) < e.Steps/10 {
			kept = append(kept, p.Name)
		}
	}
	if len(kept) == 0 {
		return text + "; nobody else was kept from running, so waiting longer does not help"
	}
	return text + "; " + strings.Join(kept, ", ") + " could have run all the time: starvation, which a fair scheduler would end"
}
