package viz

import (
	"fmt"
	"strings"

	"braid/runtime/explore"
	"braid/runtime/sched"
)

// cell is what one step shows.
type cell struct {
	text   string
	stale  bool // a read whose value was overwritten by others before it was used
	loses  bool // a write that undoes others' writes
	object string
	lane   int
	change string // the variable's new value, of a write
}

// words is what the plain text shows.
func (c cell) words() string {
	switch {
	case c.stale:
		return c.text + " (stale)"
	case c.loses:
		return c.text + " (!)"
	}
	return c.text
}

// Interleaving is picture V2: the steps of a schedule, a column a thread, and
// what the shared variables hold after each. A stale read is red, and so is the
// write that uses it, with an arrow from the write that it undoes. With the
// Report, which may be nil, the strip under it shows all outcomes and marks
// this one.
func Interleaving(w *explore.Witness, r *explore.Report) *Picture {
	p := &Picture{Title: "One schedule, step by step", header: []string{"step", "thread", "operation", "value"}}
	if w == nil {
		return wrong(p.Title, "There is no witness: no schedule that was run has this outcome")
	}
	cells, undone := annotate(w.Steps)
	threads, vars := columns(w)
	for i, s := range w.Steps {
		value := ""
		if s.Known {
			value = fmt.Sprint(s.Value)
		}
		p.rows = append(p.rows, []string{fmt.Sprint(i + 1), s.Thread, s.Op.String(), value})
	}
	p.Caption = interleavingClaim(w, r, cells)
	t := &table{p: p, w: w, cells: cells, undone: undone, threads: threads, vars: vars}
	return t.draw(r)
}

// annotate finds stale reads: thread A reads x, others write x, A writes x.
func annotate(steps []explore.WitnessStep) (cells []cell, undone map[int]int) {
	type read struct{ step, version int }
	version := map[*sched.Object]int{}
	lastWrite := map[*sched.Object]int{}
	reads := map[*sched.Object]map[int]read{}
	undone = map[int]int{} // write → the write that it undoes
	for i, s := range steps {
		c := cell{text: s.Op.String(), lane: s.Lane}
		o := s.Op.Object
		switch {
		case s.Op.Kind == sched.Read && o != nil:
			c.object = o.String()
			if s.Known {
				c.text = fmt.Sprintf("LOAD %s → %v", o, s.Value)
			}
			if reads[o] == nil {
				reads[o] = map[int]read{}
			}
			reads[o][s.Lane] = read{i, version[o]}
		case s.Op.Kind == sched.Write && o != nil:
			c.object = o.String()
			if s.Known {
				c.text, c.change = fmt.Sprintf("STORE %s = %v", o, s.Value), fmt.Sprint(s.Value)
			}
			if from, ok := reads[o][s.Lane]; ok && from.version != version[o] {
				cells[from.step].stale, c.loses = true, true
				undone[i] = lastWrite[o]
			}
			version[o]++
			lastWrite[o] = i
			delete(reads[o], s.Lane)
		}
		cells = append(cells, c)
	}
	return cells, undone
}

func columns(w *explore.Witness) (threads []string, vars []string) {
	names := map[int]string{}
	seen := map[string]bool{}
	most := -1
	for _, s := range w.Steps {
		names[s.Lane] = s.Thread
		most = max(most, s.Lane)
		if o := s.Op.Object; s.Known && !seen[o.String()] && len(vars) < 3 {
			seen[o.String()] = true
			vars = append(vars, o.String())
		}
	}
	for i := range most + 1 {
		threads = append(threads, names[i])
	}
	return threads, vars
}

func interleavingClaim(w *explore.Witness, r *explore.Report, cells []cell) string {
	lost := 0
	for _, c := range cells {
		if c.loses {
			lost++
		}
	}
	claim := fmt.Sprintf("%d steps, %s → %s", len(w.Steps), count(w.Preemptions, "preemption"), w.Outcome)
	if lost > 0 {
		claim += "; " + count(lost, "write") + " undid another thread's"
	}
	if r != nil {
		claim += "; " + tally(r)
	}
	return claim + "; replay " + w.Replay
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// tallied is how many outcomes a line has room for.
const tallied = 6

// tally is "6 schedules: 2 in 2, 1 in 4".
func tally(r *explore.Report) string {
	kind := "all "
	if !r.Complete {
		kind = "not all: "
	}
	text := kind + count(r.Schedules, "schedule") + ": "
	for i, o := range r.Outcomes {
		if i > 0 {
			text += ", "
		}
		if i == tallied && len(r.Outcomes) > tallied+1 {
			return text + count(len(r.Outcomes)-tallied, "other outcome")
		}
		text += fmt.Sprintf("%s in %d", o.Text, o.Count)
	}
	return text
}

type table struct {
	p       *Picture
	w       *explore.Witness
	cells   []cell
	undone  map[int]int
	threads []string
	vars    []string
	wide    int // characters of a column of the plain text
}

// shown is how many steps a picture has room for; the middle is left out.
const shown = 40

func (t *table) draw(r *explore.Report) *Picture {
	const left, row = 34.0, 20.0
	c := newCanvas(chartWidth)
	valueWidth := 84.0
	column := (chartWidth - left - 10 - valueWidth*float64(len(t.vars))) / float64(max(len(t.threads), 1))
	column = min(column, 240)
	valueX := left + column*float64(len(t.threads)) + 8
	var b strings.Builder
	for i, name := range t.threads {
		x := left + column*float64(i)
		c.rect(x+2, 4, column-4, 16, fill{colour: actor(i)}, name)
		c.text(x+column/2, 16, cut(name, column-8, 11), textStyle{anchor: "middle", colour: ink(actor(i)), bold: true})
	}
	for i, v := range t.vars {
		c.text(valueX+valueWidth*(float64(i)+0.5), 16, cut(v, valueWidth-6, 11), textStyle{anchor: "middle", bold: true})
	}
	t.wide = 12
	for _, cell := range t.cells {
		t.wide = min(max(t.wide, len([]rune(cell.words()))+2), 40)
	}
	t.textHeader(&b)
	held := map[string]string{}
	at := map[int]float64{}
	y := 24.0
	for i, cell := range t.cells {
		if cell.change != "" {
			held[cell.object] = cell.change
		} else if cell.object != "" && t.w.Steps[i].Known && held[cell.object] == "" {
			held[cell.object] = fmt.Sprint(t.w.Steps[i].Value)
		}
		t.textRow(&b, i, cell, held)
		if len(t.cells) > shown && i >= shown/2 && i < len(t.cells)-shown/2 {
			if i == shown/2 {
				n := len(t.cells) - shown
				t.p.Merged += n
				c.text(left+6, y+14, fmt.Sprintf("… %d steps are left out …", n), textStyle{faint: true})
				y += row
			}
			continue
		}
		at[i] = y
		t.row(c, i, cell, y, left, column)
		for k, v := range t.vars {
			st := textStyle{anchor: "middle", mono: true, faint: cell.object != v || cell.change == ""}
			st.bold = !st.faint
			if cell.loses && cell.object == v {
				st.colour = vermillion
			}
			c.text(valueX+valueWidth*(float64(k)+0.5), y+14, cut(held[v], valueWidth-6, 11), st)
		}
		y += row
	}
	t.arrows(c, at, left, column)
	y = outcomeStrip(c, y+8, r, t.w)
	c.height = y + 4
	t.p.text = b.String()
	return t.p.take(c)
}

func (t *table) row(c *canvas, i int, cell cell, y, left, column float64) {
	c.text(left-8, y+14, fmt.Sprint(i+1), textStyle{size: 10, anchor: "end", faint: true})
	if i%2 == 1 {
		c.line(left, y, left+column*float64(len(t.threads)), y, stroke{faint: true, width: 0.5})
	}
	x := left + column*float64(cell.lane)
	title := fmt.Sprintf("step %d: %s: %s%s", i+1, t.w.Steps[i].Thread, t.w.Steps[i].Op, lineOf(t.w.Steps[i]))
	f, st := fill{}, textStyle{mono: true}
	switch {
	case cell.stale:
		f = fill{colour: vermillion, pale: true, dashed: true}
		title += "; this value is stale when it is used"
	case cell.loses:
		f, st.colour = fill{colour: vermillion}, ink(vermillion)
		title += "; undoes another thread's write"
	}
	if f.colour != "" || t.w.Steps[i].Preempted {
		if f.colour == "" {
			f.dashed = true
			title += "; a preemption: the thread before could have gone on"
		}
		c.rect(x+4, y+2, column-8, 16, f, title)
	}
	c.text(x+10, y+14, cut(cell.text, column-20, 11), st)
	note := map[bool]string{cell.stale: "stale", cell.loses: "undoes"}[true]
	if wide(cell.text, 11)+wide(note, 10) < column-40 {
		st.mono, st.anchor, st.size, st.bold = false, "end", 10, true
		c.text(x+column-22, y+14, note, st)
	}
}

// lineOf tells where a step stands in a cell; of compiled programs the path
// would not be the same on every machine.
func lineOf(s explore.WitnessStep) string {
	if len(s.Frames) == 0 || strings.HasSuffix(s.Frames[0].File, ".go") {
		return ""
	}
	return fmt.Sprintf(", line %d of %s", s.Frames[0].Line, s.Frames[0].File)
}

// arrows lead from a write to the one that undoes it.
func (t *table) arrows(c *canvas, at map[int]float64, left, column float64) {
	for i := range t.cells {
		from, ok := t.undone[i]
		y1, seen := at[from]
		y2, too := at[i]
		if !ok || !seen || !too {
			continue
		}
		edge, out := left+column*float64(t.cells[from].lane), 1.0 // the edge towards the other thread
		if t.cells[from].lane < t.cells[i].lane {
			edge, out = edge+column, -1
		}
		target := left + column*float64(t.cells[i].lane)
		if out > 0 {
			target += column
		}
		c.path(fmt.Sprintf("M%s %sH%sV%sH%s", num(edge+7*out), num(y1+10), num(target), num(y2+10), num(target-16*out)),
			stroke{width: 1.6, arrow: true, tooltip: fmt.Sprintf("step %d undoes step %d", i+1, from+1)}, "")
	}
}

// outcomeStrip shows how many schedules have which outcome; w's is outlined.
func outcomeStrip(c *canvas, y float64, r *explore.Report, w *explore.Witness) float64 {
	if r == nil || r.Schedules == 0 {
		return y
	}
	const left, width = 34.0, chartWidth - 44.0
	x := left
	total := 0
	for _, o := range r.Outcomes {
		total += o.Count
	}
	for i, o := range r.Outcomes {
		wd := width * float64(o.Count) / float64(total)
		f := outcomeFill(r, i)
		c.rect(x, y, wd, 16, f, fmt.Sprintf("%s in %d of %d schedules", o.Text, o.Count, total))
		if total <= 40 { // a box each
			for k := 1; k < o.Count; k++ {
				c.line(x+wd*float64(k)/float64(o.Count), y, x+wd*float64(k)/float64(o.Count), y+16, stroke{width: 0.6})
			}
		}
		if o.Text == w.Outcome {
			c.path(fmt.Sprintf("M%s %sh%sv20h-%sz", num(x), num(y-2), num(wd), num(wd)), stroke{width: 2}, "")
		}
		c.text(x+wd/2, y+30, cut(fmt.Sprintf("%s: %d", o.Text, o.Count), wd, 10.5), textStyle{size: 10.5, anchor: "middle"})
		x += wd
	}
	return y + 38
}

func outcomeFill(r *explore.Report, i int) fill {
	if r.Outcomes[i].Failed {
		return fill{colour: vermillion, hatch: true}
	}
	return fill{colour: actor(i)}
}

func (t *table) textHeader(b *strings.Builder) {
	b.WriteString("     ")
	for _, name := range t.threads {
		fmt.Fprintf(b, "%-*s", t.wide, cut(name, float64(t.wide-1), 1/0.6))
	}
	for _, v := range t.vars {
		fmt.Fprintf(b, "%8s", cut(v, 8, 1/0.6))
	}
	b.WriteString("\n")
}

func (t *table) textRow(b *strings.Builder, i int, cell cell, held map[string]string) {
	if len(t.cells) > shown && i >= shown/2 && i < len(t.cells)-shown/2 {
		if i == shown/2 {
			fmt.Fprintf(b, "     … %d steps are left out …\n", len(t.cells)-shown)
		}
		return
	}
	line := fmt.Sprintf("%4d ", i+1)
	for k := range t.threads {
		text := ""
		if k == cell.lane {
			text = cell.words()
		}
		line += fmt.Sprintf("%-*s", t.wide, cut(text, float64(t.wide-1), 1/0.6))
	}
	for _, v := range t.vars {
		line += fmt.Sprintf("%8s", cut(held[v], 8, 1/0.6))
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
}
