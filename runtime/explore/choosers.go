package explore

import (
	"braid/runtime/sched"
)

// dfs walks the tree of choices. A level tries the alternatives in order: the
// Proc that ran last first (no preemption), then the others by id.
type dfs struct {
	bound       int
	path        []level
	depth       int
	preemptions int // of the run so far
	pruned      bool
}

type level struct {
	tried  int // how many alternatives were tried before the present one
	n      int
	last   int // index of the Proc that ran last, or -1
	before int // preemptions before this choice
}

// pick is the index of the alternative in the order of trying.
func (l level) pick() int {
	switch {
	case l.last < 0:
		return l.tried
	case l.tried == 0:
		return l.last
	case l.tried <= l.last:
		return l.tried - 1
	}
	return l.tried
}

func (l level) cost() int {
	if l.last >= 0 && l.tried > 0 {
		return 1
	}
	return 0
}

func (d *dfs) Choose(c sched.Choice) int {
	if d.depth == len(d.path) {
		d.path = append(d.path, level{n: c.N, last: c.Last, before: d.preemptions})
	}
	l := d.path[d.depth]
	d.depth++
	d.preemptions += l.cost()
	return l.pick()
}

// backtrack moves on to the next schedule within the bound; false means that
// there is none.
func (d *dfs) backtrack() bool {
	d.path = d.path[:d.depth]
	for i := d.depth - 1; i >= 0; i-- {
		next := d.path[i]
		next.tried++
		if next.tried == next.n {
			continue
		}
		if next.before+next.cost() > d.bound {
			d.pruned = true
			continue
		}
		d.path[i] = next
		d.path = d.path[:i+1]
		d.depth, d.preemptions = 0, 0
		return true
	}
	return false
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
