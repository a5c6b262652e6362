package viz

import (
	"fmt"
	"slices"
	"strings"

	"braid/runtime/explore"
)

// treePaths is how many schedules the tree has room for.
const treePaths = 160

type branch struct {
	children []*branch
	thread   string
	pick     int
	leaf     *explore.Path
	x, y     float64
}

// Outcomes is picture V10: the schedules of an explored program as a tree. An
// edge is a choice, in the colour of the thread that goes on; a leaf is an
// outcome, with the number of preemptions it took. Of many schedules those with
// the fewest preemptions are drawn.
func Outcomes(r *explore.Report) *Picture {
	p := &Picture{Title: "All schedules, and what comes out", header: []string{"outcome", "schedules", "failed", "fewest preemptions"}}
	if r == nil {
		return wrong(p.Title, "Outcomes needs the report of explore.Run")
	}
	paths, complete := r.Paths(treePaths)
	fewest := map[string]int{}
	for _, path := range paths {
		if n, ok := fewest[path.Outcome]; !ok || path.Preemptions < n {
			fewest[path.Outcome] = path.Preemptions
		}
	}
	for _, o := range r.Outcomes {
		least := "?"
		if n, ok := fewest[o.Text]; ok {
			least = fmt.Sprint(n)
		}
		p.rows = append(p.rows, []string{o.Text, fmt.Sprint(o.Count), fmt.Sprint(o.Failed), least})
	}
	p.Caption = tally(r)
	if r.Complete {
		p.Caption += "; a proof, since they are all"
	}
	if !complete {
		p.Merged = max(r.Schedules-len(paths), 0)
		p.Caption += fmt.Sprintf("; drawn are %d, those with the fewest preemptions", len(paths))
	}
	c := newCanvas(chartWidth)
	root := grow(paths)
	depth := root.depth()
	level := min(26, 320/float64(max(depth, 1)))
	next := 0
	root.place(0, level, &next, (chartWidth-24)/float64(max(len(paths), 1)))
	threads := root.threads(nil)
	root.draw(c, r, threads)
	y := 18 + level*float64(depth) + 26
	y = drawLegend(c, y, treeLegend(r, threads))
	c.height = y + 4
	p.text = treeText(r, paths)
	return p.take(c)
}

// grow makes the tree of the paths, children in order of the picks.
func grow(paths []explore.Path) *branch {
	root := &branch{}
	for i := range paths {
		at := root
		for k, pick := range paths[i].Picks {
			at = at.child(pick, paths[i].Threads[k])
		}
		at.leaf = &paths[i]
	}
	root.sort()
	return root
}

func (b *branch) child(pick int, thread string) *branch {
	for _, c := range b.children {
		if c.pick == pick {
			return c
		}
	}
	c := &branch{pick: pick, thread: thread}
	b.children = append(b.children, c)
	return c
}

func (b *branch) sort() {
	slices.SortFunc(b.children, func(x, y *branch) int { return x.pick - y.pick })
	for _, c := range b.children {
		c.sort()
	}
}

func (b *branch) depth() int {
	d := 0
	for _, c := range b.children {
		d = max(d, 1+c.depth())
	}
	return d
}

// place gives each leaf a column, each branch the middle of its children.
func (b *branch) place(depth int, level float64, next *int, width float64) {
	b.y = 14 + level*float64(depth)
	if len(b.children) == 0 {
		b.x = 12 + width*(float64(*next)+0.5)
		*next++
		return
	}
	for _, c := range b.children {
		c.place(depth+1, level, next, width)
	}
	b.x = (b.children[0].x + b.children[len(b.children)-1].x) / 2
}

func (b *branch) threads(list []string) []string {
	for _, c := range b.children {
		if c.thread != "" && !slices.Contains(list, c.thread) {
			list = append(list, c.thread)
		}
		list = c.threads(list)
	}
	slices.Sort(list)
	return list
}

func (b *branch) draw(c *canvas, r *explore.Report, threads []string) {
	for _, k := range b.children {
		i := slices.Index(threads, k.thread)
		who := k.thread
		s := stroke{width: 1.8}
		if i >= 0 {
			s.colour, s.dashed = actor(i), i%2 == 1
		} else {
			who = fmt.Sprintf("alternative %d", k.pick+1)
		}
		s.tooltip = who + " goes on"
		c.line(b.x, b.y, k.x, k.y, s)
		k.draw(c, r, threads)
	}
	if b.leaf == nil {
		return
	}
	i := slices.IndexFunc(r.Outcomes, func(o explore.Outcome) bool { return o.Text == b.leaf.Outcome })
	title := fmt.Sprintf("%s, with %s", b.leaf.Outcome, count(b.leaf.Preemptions, "preemption"))
	if i < 0 {
		c.circle(b.x, b.y, 3, fill{colour: grey}, title)
		return
	}
	radius := min(5, max(1.6, (chartWidth-24)/float64(treePaths)*0.4+1.5))
	f := outcomeFill(r, i)
	f.hatch = false
	c.circle(b.x, b.y, radius, f, title)
	if r.Outcomes[i].Failed {
		c.path(fmt.Sprintf("M%s %sl6 6m0 -6l-6 6", num(b.x-3), num(b.y-3)), stroke{width: 1}, "")
	}
}

func treeLegend(r *explore.Report, threads []string) []*look {
	var legend []*look
	for i, t := range threads {
		legend = append(legend, &look{name: t + " goes on", fill: fill{colour: actor(i), dashed: i%2 == 1}, thin: true})
	}
	for i, o := range r.Outcomes {
		name := o.Text
		if o.Failed {
			name += " ×"
		}
		f := outcomeFill(r, i)
		f.hatch = false
		legend = append(legend, &look{name: fmt.Sprintf("%s (%d)", name, o.Count), fill: f})
	}
	return legend
}

// treeText is the first paths, a line each.
func treeText(r *explore.Report, paths []explore.Path) string {
	var b strings.Builder
	const most = 40
	for _, p := range paths[:min(len(paths), most)] {
		who := make([]string, len(p.Threads))
		for i, t := range p.Threads {
			if who[i] = t; t == "" {
				who[i] = fmt.Sprintf("alternative %d", p.Picks[i]+1)
			}
		}
		fmt.Fprintf(&b, "%-12s %s  %s\n", p.Outcome, strings.Repeat("*", p.Preemptions)+strings.Repeat(" ", max(4-p.Preemptions, 0)), strings.Join(who, " "))
	}
	if more := r.Schedules - most; more > 0 {
		fmt.Fprintf(&b, "… and %d more\n", more)
	}
	b.WriteString("(* a preemption)\n")
	return b.String()
}
