package explore

import (
	"fmt"
	"strings"

	"braid/runtime/sched"
)

// Race is a pair of accesses to one variable that nothing orders.
type Race struct {
	Var           string
	Kind          string // "write-write", "read-write"
	First, Second string // "Thread-1: write x"
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
	races   []Race
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
	owner         *sched.Proc
	notified      bool // a Notify happened
	racy          [2]bool
}

func (d *detector) reset(machine bool) {
	d.machine, d.last = machine, nil
	d.races = d.races[:0]
	for i := range d.clocks {
		d.clocks[i] = d.clocks[i][:0]
	}
	d.clocks = d.clocks[:0]
	for i := range d.objects {
		o := &d.objects[i]
		*o = object{sync: o.sync[:0], writes: o.writes[:0], reads: o.reads[:0], who: o.who[:0]}
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
		c.join(o.sync)
	case sched.Wait:
		c.join(o.sync)
	case sched.Release, sched.Notify:
		if op.Kind == sched.Release {
			o.owner = nil
		}
		o.notified = true
		o.sync.join(*c)
		d.advance(p)
	}
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
		o.who = append(o.who, nil)
	}
	o.who[p.ID] = p
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
	other := "write "
	if kind == "read-write" && op.Kind == sched.Write {
		other = "read "
	}
	d.races = append(d.races, Race{
		Var: op.Object.String(), Kind: kind,
		First:  first.Name + ": " + other + op.Object.String(),
		Second: second.Name + ": " + op.String(),
	})
}

// explain words a deadlock: the cycle of locks if there is one, else who waits
// for what. A wait for a notification that came too early is a lost wake-up.
func (d *detector) explain(dead *sched.DeadlockError) (text string, lost bool) {
	var parts []string
	for _, p := range dead.Waiting {
		op, _ := p.Waiting()
		part := p.Name + " waits"
		if op.Object != nil {
			part = fmt.Sprintf("%s waits for %s", p.Name, op.Object)
			o := d.object(op.Object)
			if op.Kind == sched.Acquire && o.owner != nil {
				part += fmt.Sprintf(", which %s holds", o.owner.Name)
			}
			if op.Kind == sched.Wait && o.notified {
				lost = true
				part += ", whose notification came before anybody waited"
			}
		} else if op.Label != "" {
			part = p.Name + " waits to " + op.Label
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; "), lost
}
