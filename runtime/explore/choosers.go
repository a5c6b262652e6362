package explore

import (
	"slices"

	"braid/runtime/sched"
)

// dfs walks the tree of choices. A level tries the alternatives in order: the
// Proc that ran last first (no preemption), then the others by id. What would
// need one preemption more than bound is put off: later keeps where it begins.
type dfs struct {
	bound       int
	path        []level
	depth       int
	preemptions int     // of the run so far
	floor       int     // levels of path that are given, not to be varied
	now, later  []start // what is left of this bound, what the next one begins with
	most        int     // bound of later
	lost        bool    // later was full
	began       bool
}

type level struct {
	tried  int32 // how many alternatives were tried before the present one
	n      int32
	last   int32 // index of the Proc that ran last, or -1
	before int32 // preemptions before this choice
	node   *node // of this level as it is, once somebody needed it
}

// node is a level in the paths to what was put off; they share their beginnings.
type node struct {
	parent *node
	level
}

// start is a subtree: the path to a choice (nil: from the root), and the first
// alternative of it that was not tried.
type start struct {
	parent *node
	level  level
}

// pick is the index of the alternative in the order of trying.
func (l level) pick() int {
	switch {
	case l.last < 0:
		return int(l.tried)
	case l.tried == 0:
		return int(l.last)
	case l.tried <= l.last:
		return int(l.tried) - 1
	}
	return int(l.tried)
}

func (l level) cost() int {
	if l.last >= 0 && l.tried > 0 {
		return 1
	}
	return 0
}

func (d *dfs) Choose(c sched.Choice) int {
	if d.depth == len(d.path) {
		d.path = append(d.path, level{n: int32(c.N), last: int32(c.Last), before: int32(d.preemptions)})
	}
	l := &d.path[d.depth]
	d.depth++
	d.preemptions += l.cost()
	return l.pick()
}

// advance moves on to the next schedule of the bound; false means that there is
// none.
func (d *dfs) advance() bool {
	if !d.began { // the first schedule of all
		d.began = true
		return true
	}
	if d.depth > 0 && d.backtrack() {
		return true
	}
	if len(d.now) == 0 {
		return false
	}
	d.begin(d.now[0])
	d.now = d.now[1:]
	return true
}

func (d *dfs) backtrack() bool {
	d.path = d.path[:d.depth]
	for i := d.depth - 1; i >= d.floor; i-- {
		next := d.path[i]
		next.tried++
		next.node = nil
		if next.tried >= next.n {
			continue
		}
		if int(next.before)+next.cost() > d.bound {
			d.putOff(i, next)
			continue
		}
		d.path[i] = next
		d.path = d.path[:i+1]
		d.depth, d.preemptions = 0, 0
		return true
	}
	d.depth = 0
	return false
}

func (d *dfs) putOff(i int, next level) {
	if len(d.later) >= d.most {
		d.lost = true
		return
	}
	d.later = append(d.later, start{parent: d.nodes(i), level: next})
}

// nodes returns the path to level i.
func (d *dfs) nodes(i int) *node {
	from := i
	for from > 0 && d.path[from-1].node == nil {
		from--
	}
	var parent *node
	if from > 0 {
		parent = d.path[from-1].node
	}
	for ; from < i; from++ {
		l := &d.path[from]
		l.node = &node{parent: parent, level: *l}
		parent = l.node
	}
	return parent
}

// nextBound begins with what was put off.
func (d *dfs) nextBound() {
	d.bound++
	d.now, d.later = d.later, nil
	d.depth = 0
}

// begin makes the path to a subtree.
func (d *dfs) begin(s start) {
	d.path = d.path[:0]
	for n := s.parent; n != nil; n = n.parent {
		l := n.level
		l.node = n
		d.path = append(d.path, l)
	}
	slices.Reverse(d.path)
	d.floor = len(d.path)
	d.path = append(d.path, s.level)
	d.depth, d.preemptions = 0, 0
}

// counted counts the preemptions that a Chooser makes.
type counted struct {
	sched.Chooser
	preemptions int
}

func (r *counted) Choose(c sched.Choice) int {
	i := r.Chooser.Choose(c)
	if c.Last >= 0 && i != c.Last {
		r.preemptions++
	}
	return i
}

// pct is probabilistic concurrency testing: a random priority for each Proc,
// and depth-1 places at which the running one falls to the lowest.
type pct struct {
	rnd     *sched.Random
	depth   int
	horizon int // length of runs seen so far
	rank    map[int]int
	lowest  int
	step    int
	changes map[int]bool
}

func newPCT(seed uint64, depth int) *pct {
	return &pct{rnd: sched.NewRandom(seed ^ 0x5DEECE66D), depth: depth, horizon: 20}
}

func (p *pct) begin() {
	p.rank, p.lowest, p.step = map[int]int{}, 0, 0
	p.changes = map[int]bool{}
	for range p.depth - 1 {
		p.changes[p.rnd.Intn(p.horizon)] = true
	}
}

func (p *pct) end(steps int) { p.horizon = max(p.horizon, steps) }

func (p *pct) Choose(c sched.Choice) int {
	if c.Procs == nil {
		return p.rnd.Intn(c.N)
	}
	p.step++
	best := p.best(c.Procs)
	if p.changes[p.step] {
		p.lowest--
		p.rank[c.Procs[best].ID] = p.lowest
		best = p.best(c.Procs)
	}
	return best
}

func (p *pct) best(procs []*sched.Proc) int {
	best, rank := 0, 0
	for i, q := range procs {
		r, known := p.rank[q.ID]
		if !known {
			r = 1 + p.rnd.Intn(1<<20)
			p.rank[q.ID] = r
		}
		if i == 0 || r > rank {
			best, rank = i, r
		}
	}
	return best
}

// replay gives recorded answers, then goes on without preemptions.
type replay struct {
	picks []int
	next  int
	// broken is set when the program asks what the recording did not.
	broken bool
}

func (r *replay) Choose(c sched.Choice) int {
	if r.next >= len(r.picks) {
		r.broken = true
		return max(c.Last, 0)
	}
	i := r.picks[r.next]
	r.next++
	if i >= c.N {
		r.broken = true
		return max(c.Last, 0)
	}
	return i
}
