package viz

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"braid/runtime/trace"
)

// Limits of Turns: what a reader can follow, and what fits beside the names.
const (
	maxTurns   = 80
	maxSayings = 160 // characters of the caption's order
	maxBands   = 8
)

// turn is one callback of the loop: a step of a task, or the loop's own.
type turn struct {
	row       int
	iteration int
	notes     []string
	name      string // of a callback that isn't a task's step
	cause     int    // index of the turn that scheduled it, -1 unknown
	ends      bool
	took      time.Duration
}

// turns is a recorded run as the order of its callbacks.
type turns struct {
	names      []string // of the rows
	row        map[trace.Track]int
	all        []turn
	waits      map[int]time.Duration // iteration → how long it waited before
	iterations int
}

// Turns is picture V14: the steps that an event loop took, in their order, from
// left to right, and in which iteration (_run_once) each was. Time doesn't
// count here, only turns; where the loop waited stands between two iterations.
// A box is one step: from the moment when a task goes on to the moment when it
// gives control back. An arrow leads from the step that made another ready. In
// the box is what the program noted meanwhile:
//
//	rec.Add(trace.Event{Kind: trace.Note, Name: "a0"})
func Turns(of any) *Picture {
	p := &Picture{Title: "The turns of the event loop", header: []string{"iteration", "who", "noted", "scheduled by"}}
	rec, name, err := source(of)
	if err != nil {
		return wrong(p.Title, "%v", err)
	}
	if name != "" {
		p.Title += ": " + name
	}
	t := readTurns(rec.Events())
	if len(t.all) == 0 {
		return wrong(p.Title, "No loop was recorded: run it with asyncio.Traced(rec)")
	}
	t.dropUnused()
	p.Caption = t.claim()
	if more := len(t.all) - maxTurns; more > 0 {
		p.Merged = more
		t.all = t.all[:maxTurns]
	}
	p.text = t.text(p)
	return p.take(t.draw(p))
}

func readTurns(events []trace.Event) *turns {
	t := &turns{row: map[trace.Track]int{}, waits: map[int]time.Duration{}}
	t.names = []string{"event loop"}
	var now turn
	var waited time.Duration
	flows := map[uint64]int{}
	var wakes []uint64
	for _, e := range events {
		switch e.Kind {
		case trace.Start:
			t.begin(e)
		case trace.Select:
			waited += e.Dur
		case trace.Ready:
			t.iterations++
			now, wakes = turn{}, nil
			if waited > 0 {
				t.waits[t.iterations], waited = waited, 0
			}
		case trace.Note:
			now.notes = append(now.notes, e.Name)
		case trace.Wake:
			wakes = append(wakes, e.Flow)
		case trace.Run:
			now.row = t.rowOf(e.Track)
		case trace.Finish:
			now.ends = true
		case trace.Callback:
			now.iteration, now.took, now.cause = t.iterations, e.Dur, -1
			if i, ok := flows[e.Flow]; ok && e.Flow != 0 {
				now.cause = i
			}
			if now.row == 0 {
				now.name = e.Name
			}
			for _, f := range wakes {
				flows[f] = len(t.all)
			}
			t.all = append(t.all, now)
			now, wakes = turn{}, nil
		}
	}
	return t
}

func (t *turns) rowOf(track trace.Track) int {
	at := place(track)
	if _, ok := t.row[at]; !ok {
		t.row[at] = len(t.names)
		t.names = append(t.names, track.Name)
	}
	return t.row[at]
}

// begin gives a task its row.
func (t *turns) begin(e trace.Event) { t.names[t.rowOf(e.Track)] = taskName(e) }

// taskName is what a lane is called whose task begins with e: by its name, and
// where that is only a number also by its coroutine.
func taskName(e trace.Event) string {
	number, ok := strings.CutPrefix(e.Track.Name, "Task-")
	if _, err := strconv.Atoi(number); !ok || err != nil || e.Name == "" {
		return e.Track.Name
	}
	return e.Name + " (" + e.Track.Name + ")"
}

// says is what stands in the box.
func (s turn) says() string {
	if len(s.notes) == 0 {
		return s.name
	}
	return strings.Join(s.notes, ", ")
}

// dropUnused takes away rows without a turn.
func (t *turns) dropUnused() {
	used := map[int]bool{}
	for _, s := range t.all {
		used[s.row] = true
	}
	to, names := map[int]int{}, []string(nil)
	for i, n := range t.names {
		if used[i] {
			to[i] = len(names)
			names = append(names, n)
		}
	}
	for i := range t.all {
		t.all[i].row = to[t.all[i].row]
	}
	t.names = names
}

// claim is the order: what was noted, with a bar between steps; if nothing
// was, whose turn it was.
func (t *turns) claim() string {
	var noted, who []string
	for _, s := range t.all {
		who = append(who, t.names[s.row])
		if len(s.notes) > 0 {
			noted = append(noted, strings.Join(s.notes, ", "))
		}
	}
	order, what := noted, "in this order, a bar between steps"
	if len(noted) == 0 {
		order, what = who, "taken in this order"
	}
	said := strings.Join(order, " | ")
	if r := []rune(said); len(r) > maxSayings {
		said = string(r[:maxSayings]) + " …"
	}
	return fmt.Sprintf("%s in %s of the loop, %s: %s", count(len(t.all), "step"), count(t.iterations, "iteration"), what, said)
}

func (t *turns) text(p *Picture) string {
	var b strings.Builder
	last := 0
	for _, s := range t.all {
		number := ""
		if s.iteration != last {
			number = fmt.Sprint(s.iteration)
			if d := t.waits[s.iteration]; d > 0 {
				fmt.Fprintf(&b, "     (waits %s)\n", dur(d))
			}
		}
		last = s.iteration
		noted := s.says()
		end := ""
		if s.ends {
			end = " ."
		}
		by := ""
		if s.cause >= 0 {
			by = t.names[t.all[s.cause].row]
		}
		fmt.Fprintf(&b, "%3s  %-16s %s%s\n", number, cut(t.names[s.row], 16, 1/0.6), noted, end)
		p.rows = append(p.rows, []string{fmt.Sprint(s.iteration), t.names[s.row], noted, by})
	}
	return b.String()
}

const (
	turnSize  = 10.5 // of the texts in boxes
	turnLeast = 22.0 // width of a box without text
	turnMost  = 190.0
	waitWidth = 46.0
)

// band is a line of the drawing: the turns from one index to before another.
type band struct{ from, to int }

func (t *turns) width(i int) float64 {
	s := t.all[i]
	w := turnLeast
	if said := s.says(); said != "" {
		w = min(max(w, wide(said, turnSize)+12), turnMost)
	}
	return w + 6
}

// before is the room left of a turn: an iteration begins with a line, and
// perhaps with a wait.
func (t *turns) before(i int) float64 {
	if i > 0 && t.all[i-1].iteration == t.all[i].iteration {
		return 0
	}
	if t.waits[t.all[i].iteration] > 0 {
		return waitWidth
	}
	return 10
}

// bands breaks the turns into lines, between iterations if one fits in a line.
func (t *turns) bands(plot float64) []band {
	var all []band
	from, x := 0, 0.0
	for i := range t.all {
		need := t.before(i) + t.width(i)
		if x+need > plot && i > from {
			at := i
			for at > from+1 && t.all[at].iteration == t.all[at-1].iteration {
				at--
			}
			if at == from+1 && t.all[at].iteration == t.all[from].iteration {
				at = i
			}
			all = append(all, band{from, at})
			from, x = at, 0
			for k := at; k < i; k++ {
				x += t.before(k) + t.width(k)
			}
		}
		x += need
	}
	return append(all, band{from, len(t.all)})
}

func (t *turns) draw(p *Picture) *canvas {
	c := newCanvas(chartWidth)
	left := 60.0
	for _, n := range t.names {
		left = min(max(left, wide(n, 11)+16), 200)
	}
	y := 4.0
	bands := t.bands(chartWidth - left - plotRight)
	for _, b := range bands[:min(len(bands), maxBands)] {
		y = t.drawBand(c, b, y, left) + 8
	}
	if len(bands) > maxBands {
		p.Merged += bands[len(bands)-1].to - bands[maxBands].from
	}
	c.text(8, y+8, "Box: one step. Number above: iteration of the loop. Dot: the task has ended. Arrow: who made it ready.", textStyle{size: 10, faint: true})
	c.height = y + 16
	return c
}

func (t *turns) drawBand(c *canvas, b band, y, left float64) float64 {
	top := y + 16
	bottom := top + laneHeight*float64(len(t.names))
	for r, n := range t.names {
		c.text(8, top+laneHeight*float64(r)+laneHeight-8, cut(n, left-12, 11), textStyle{})
		c.line(left, top+laneHeight*(float64(r)+0.5), chartWidth-plotRight, top+laneHeight*(float64(r)+0.5), stroke{faint: true, width: 0.6})
	}
	at := map[int][2]float64{} // left and right edge of the boxes
	x := left
	for i := b.from; i < b.to; i++ {
		room := t.before(i)
		if room > 0 {
			t.drawIteration(c, t.all[i].iteration, x, y, room, bottom)
		}
		x += room
		w := t.width(i) - 6
		at[i] = [2]float64{x, x + w}
		x += w + 6
	}
	for i := b.from; i < b.to; i++ {
		from, seen := at[t.all[i].cause]
		if !seen || t.all[t.all[i].cause].row == t.all[i].row {
			continue
		}
		y1 := top + laneHeight*(float64(t.all[t.all[i].cause].row)+0.5)
		y2 := top + laneHeight*(float64(t.all[i].row)+0.5)
		t.drawCause(c, from[1], y1, at[i][0], y2)
	}
	for i := b.from; i < b.to; i++ { // over the arrows
		t.drawTurn(c, t.all[i], at[i][0], at[i][1]-at[i][0], top)
	}
	return bottom
}

func (t *turns) drawIteration(c *canvas, n int, x, y, room, bottom float64) {
	if d := t.waits[n]; d > 0 {
		c.rect(x+2, y+18, room-8, bottom-y-20, fill{colour: grey, pale: true, dashed: true}, fmt.Sprintf("the loop waits %s", dur(d)))
		c.text(x+2+(room-8)/2, y+12, dur(d), textStyle{size: 10, anchor: "middle", faint: true})
	}
	c.line(x+room-4, y+2, x+room-4, bottom, stroke{width: 0.8})
	c.text(x+room, y+12, fmt.Sprint(n), textStyle{size: 10, bold: true})
}

func (t *turns) drawTurn(c *canvas, s turn, x, w, top float64) {
	y := top + laneHeight*float64(s.row) + (laneHeight-barHeight)/2 - 1
	noted := s.says()
	colour := actor(s.row)
	title := fmt.Sprintf("iteration %d, %s: %s", s.iteration, t.names[s.row], noted)
	if s.took > 0 {
		title += ", took " + dur(s.took)
	}
	c.rect(x, y, w, barHeight+2, fill{colour: colour}, title)
	c.text(x+w/2, y+12, cut(noted, w-6, turnSize), textStyle{size: turnSize, anchor: "middle", colour: ink(colour)})
	if s.ends {
		c.circle(x+w, y+barHeight/2+1, 3, fill{colour: "#333333"}, t.names[s.row]+" has ended")
	}
}

// drawCause leads from the right end of a box to the left end of another.
func (t *turns) drawCause(c *canvas, x1, y1, x2, y2 float64) {
	s := stroke{width: 0.8, arrow: true, tooltip: "makes it ready"}
	c.path(fmt.Sprintf("M%s %sC%s %s %s %s %s %s", num(x1), num(y1), num(x1+8), num((y1+y2)/2), num(x2-10), num((y1+y2)/2), num(x2), num(y2)), s, "")
}
