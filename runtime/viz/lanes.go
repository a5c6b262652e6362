package viz

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// look is how a kind of span is drawn, in pixels and in characters.
type look struct {
	name string // in the legend
	fill fill
	char byte
	thin bool // a line instead of a box
	bare bool // drawn faintly, nothing happens
}

// span is a stretch of a lane.
type span struct {
	from, to time.Duration
	look     *look
	label    string // written inside if it fits
	title    string // tooltip
}

// mark is a moment on a lane.
type mark struct {
	at     time.Duration
	shape  string // "tick", "dot", "cross", "down"
	colour string
	title  string
	char   byte
}

// lane is a row of a chart over time.
type lane struct {
	name  string
	title string // tooltip of the name
	spans []span
	marks []mark
}

// arrow joins two moments of lanes.
type arrow struct {
	from, to       int // lanes
	at, until      time.Duration
	colour, title  string
	drawn, skipped bool
}

// chart is lanes over a common time axis.
type chart struct {
	lanes   []lane
	arrows  []arrow
	begin   time.Duration
	end     time.Duration
	virtual bool
	heading string // above the lanes, when a picture has several charts
	merged  int
	levels  []level // a curve under the lanes
	curve   string  // its name
}

// level is a value of a curve from a time on.
type level struct {
	at    time.Duration
	value float64
}

const (
	chartWidth = 760
	laneHeight = 22
	barHeight  = 15
	plotRight  = 12
	textWide   = 64 // columns of the plain-text plot
)

// thin merges neighbours that are shorter than least into one span with the
// look that took longest, and counts what lost its own shape.
func thin(spans []span, least time.Duration) (out []span, merged int) {
	for i := 0; i < len(spans); {
		j := i
		for j < len(spans) && spans[j].to-spans[j].from < least && (j == i || spans[j].from-spans[j-1].to < least) {
			j++
		}
		if j-i < 2 {
			out = append(out, spans[i])
			i++
			continue
		}
		out = append(out, mergeSpans(spans[i:j]))
		merged += j - i
		i = j
	}
	return out, merged
}

func mergeSpans(group []span) span {
	times := map[*look]time.Duration{}
	var longest *look
	for _, s := range group {
		times[s.look] += s.to - s.from
		if longest == nil || times[s.look] > times[longest] {
			longest = s.look
		}
	}
	m := span{from: group[0].from, to: group[len(group)-1].to, look: longest}
	m.title = fmt.Sprintf("merged %d, mostly %s: %s – %s", len(group), longest.name, dur(m.from), dur(m.to))
	return m
}

// thinMarks keeps one of the marks of a shape that are closer than least.
func thinMarks(marks []mark, least time.Duration) (out []mark, merged int) {
	last := map[string]int{}
	for _, m := range marks {
		key := m.shape + m.colour
		if i, seen := last[key]; seen && m.at-out[i].at < least {
			merged++
			continue
		}
		last[key] = len(out)
		out = append(out, m)
	}
	return out, merged
}

// reduce returns the chart at a resolution of so many pixels.
func (c *chart) reduce(pixels, plot float64) *chart {
	r := *c
	least := max(time.Duration(float64(c.end-c.begin)*pixels/plot), 1) // of marks at one moment one is seen
	r.lanes, r.merged = nil, 0
	for _, l := range c.lanes {
		var n, m int
		slices.SortStableFunc(l.spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
		l.spans, n = thin(l.spans, least)
		l.marks, m = thinMarks(l.marks, least*3)
		r.lanes = append(r.lanes, l)
		r.merged += n + m
	}
	// of the arrows the evenly spaced ones that there is room for
	if most := int(14 / pixels); len(c.arrows) > most {
		r.arrows = nil
		for i := range most {
			r.arrows = append(r.arrows, c.arrows[i*len(c.arrows)/most])
		}
		r.merged += len(c.arrows) - most
	}
	return &r
}

// tooMany is how many lanes a picture shows.
const tooMany = 60

// limit drops lanes beyond what is readable and says so.
func (c *chart) limit() (dropped int) {
	if len(c.lanes) <= tooMany {
		return 0
	}
	dropped = len(c.lanes) - tooMany
	c.lanes = c.lanes[:tooMany]
	c.arrows = slices.DeleteFunc(c.arrows, func(a arrow) bool { return a.from >= tooMany || a.to >= tooMany })
	return dropped
}

// picture draws charts under each other with one legend, coarsely enough to
// keep the limits.
func picture(p *Picture, charts []*chart, legend []*look, notes ...string) *Picture {
	for _, c := range charts {
		if n := c.limit(); n > 0 {
			notes = append(notes, fmt.Sprintf("%d more lanes are not shown", n))
		}
	}
	for pixels := 1.0; ; pixels *= 2 {
		c := newCanvas(chartWidth)
		p.Merged = 0
		y := 8.0
		for _, ch := range charts {
			r := ch.reduce(pixels, chartWidth-plotRight-labelWidth(charts))
			p.Merged += r.merged
			y = r.draw(c, y, labelWidth(charts))
		}
		y = drawLegend(c, y, legend)
		for _, n := range notes {
			c.text(8, y+10, n, textStyle{faint: true})
			y += 16
		}
		c.height = y + 4
		p.take(c)
		if p.Shapes <= maxShapes && len(p.drawing) <= maxBytes*3/4 || pixels > 64 {
			break
		}
	}
	var b strings.Builder
	for _, ch := range charts {
		ch.writeText(&b)
	}
	for _, l := range legend {
		fmt.Fprintf(&b, "%c %s   ", l.char, l.name)
	}
	p.text = b.String()
	return p
}

func labelWidth(charts []*chart) float64 {
	w := 60.0
	for _, c := range charts {
		if c.curve != "" {
			w = max(w, wide(c.curve+" (max 00)", 10.5)+14)
		}
		if c.virtual {
			w = max(w, wide("ms (virtual)", 10)+14)
		}
		for _, l := range c.lanes {
			w = max(w, wide(l.name, 11)+14)
		}
	}
	return min(w, 200)
}

func (c *chart) draw(cv *canvas, y, left float64) float64 {
	if c.heading != "" {
		cv.text(8, y+11, c.heading, textStyle{size: 12, bold: true})
		y += 18
	}
	plot := cv.width - left - plotRight
	x := func(at time.Duration) float64 {
		if c.end <= c.begin {
			return left
		}
		return left + plot*float64(at-c.begin)/float64(c.end-c.begin)
	}
	bottom := y + float64(len(c.lanes))*laneHeight
	if len(c.levels) > 0 {
		bottom += 34
		c.drawCurve(cv, x, bottom-32, 28)
	}
	c.axis(cv, x, y, bottom)
	for i, l := range c.lanes {
		c.lane(cv, l, x, y+float64(i)*laneHeight, left)
	}
	for _, a := range c.arrows {
		y1, y2 := y+float64(a.from)*laneHeight+laneHeight/2, y+float64(a.to)*laneHeight+laneHeight/2
		x1, x2 := x(a.at), x(a.until)
		cv.path(fmt.Sprintf("M%s %sC%s %s %s %s %s %s", num(x1), num(y1), num(x1+8), num((y1+y2)/2), num(x2-8), num((y1+y2)/2), num(x2), num(y2)),
			stroke{colour: a.colour, arrow: true, width: 0.8, tooltip: a.title}, "")
	}
	return bottom + 28
}

// drawCurve draws the levels as steps, at most four a pixel.
func (c *chart) drawCurve(cv *canvas, x func(time.Duration) float64, top, height float64) {
	most := 1.0
	for _, l := range c.levels {
		most = max(most, l.value)
	}
	y := func(v float64) float64 { return top + height - (height-4)*v/most }
	var d strings.Builder
	fmt.Fprintf(&d, "M%s %s", num(x(c.begin)), num(y(0)))
	lastX, low, high := -1.0, 0.0, 0.0
	for _, l := range c.levels {
		at := math.Round(x(l.at))
		if at == lastX && l.value >= low && l.value <= high {
			continue
		}
		if at != lastX {
			low, high = l.value, l.value
			fmt.Fprintf(&d, "H%s", num(at))
		}
		low, high = min(low, l.value), max(high, l.value)
		fmt.Fprintf(&d, "V%s", num(y(l.value)))
		lastX = at
	}
	fmt.Fprintf(&d, "H%s", num(x(c.end)))
	cv.path(d.String(), stroke{colour: blue, width: 1.4, tooltip: fmt.Sprintf("%s, at most %s", c.curve, num3(most))}, "")
	cv.text(8, top+height-6, fmt.Sprintf("%s (max %s)", c.curve, num3(most)), textStyle{size: 10.5})
}

// axis draws the scale under the lanes.
func (c *chart) axis(cv *canvas, x func(time.Duration) float64, top, bottom float64) {
	step, unit, name := ticks(c.end - c.begin)
	for at := c.begin / step * step; at <= c.end; at += step {
		if at < c.begin {
			continue
		}
		cv.line(x(at), top, x(at), bottom+3, stroke{faint: true, width: 0.6})
		cv.tick(x(at), bottom+14, num3(float64(at)/float64(unit)))
	}
	clock := name
	if c.virtual {
		clock += " (virtual)"
	}
	cv.text(8, bottom+14, clock, textStyle{size: 10})
}

// tick writes a number of an axis under its mark, or, where the picture ends,
// as far to the right as there is room.
func (c *canvas) tick(x, y float64, number string) {
	const size, perDigit = 10, 0.64 // DejaVu Sans' digits
	if x+float64(len(number))*size*perDigit/2 > c.width {
		c.text(c.width, y, number, textStyle{size: size, anchor: "end"})
		return
	}
	c.text(x, y, number, textStyle{size: size, anchor: "middle"})
}

// ticks chooses the distance of the marks of an axis and its unit.
func ticks(length time.Duration) (step, unit time.Duration, name string) {
	units := []struct {
		d    time.Duration
		name string
	}{{time.Second, "s"}, {time.Millisecond, "ms"}, {time.Microsecond, "µs"}, {1, "ns"}}
	unit, name = 1, "ns"
	for _, u := range units {
		if length >= 2*u.d {
			unit, name = u.d, u.name
			break
		}
	}
	step = time.Duration(max(nice(float64(length)/8), 1))
	return step, unit, name
}

// nice is the least of 1, 2, 5 times a power of ten that is not below x.
func nice(x float64) float64 {
	if x <= 0 {
		return 1
	}
	p := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 5} {
		if x <= m*p*(1+1e-9) {
			return m * p
		}
	}
	return 10 * p
}

func (c *chart) lane(cv *canvas, l lane, x func(time.Duration) float64, y, left float64) {
	cv.text(8, y+laneHeight-8, cut(l.name, left-12, 11), textStyle{})
	top := y + (laneHeight-barHeight)/2
	for _, s := range l.spans {
		x1, x2 := x(s.from), x(s.to)
		switch {
		case s.look.thin:
			cv.line(x1, y+laneHeight/2, x2, y+laneHeight/2, stroke{colour: s.look.fill.colour, dashed: s.look.fill.dashed, width: 1.4, tooltip: s.title})
			cv.text(x1+4, y+laneHeight/2-3, fit(s.label, x2-x1-8, 9), textStyle{size: 9, faint: true})
			continue
		case s.look.bare:
			cv.rect(x1, top+barHeight/2-1.5, x2-x1, 3, s.look.fill, s.title)
			continue
		}
		cv.rect(x1, top, x2-x1, barHeight, s.look.fill, s.title)
		if !s.look.fill.hatch && s.look.fill.colour != "" {
			cv.text((x1+x2)/2, top+11, fit(s.label, x2-x1-6, 10), textStyle{size: 10, anchor: "middle", colour: ink(s.look.fill.colour)})
		}
	}
	for _, m := range l.marks {
		drawMark(cv, m, x(m.at), top)
	}
}

func drawMark(cv *canvas, m mark, x, top float64) {
	s := stroke{colour: m.colour, width: 2, tooltip: m.title}
	middle := top + barHeight/2
	switch m.shape {
	case "dot":
		cv.circle(x, middle, 3.5, fill{colour: m.colour}, m.title)
	case "cross":
		cv.path(fmt.Sprintf("M%s %sl8 8m0 -8l-8 8", num(x-4), num(middle-4)), s, "")
	case "down":
		cv.path(fmt.Sprintf("M%s %sl7 0l-3.5 7z", num(x-3.5), num(top-3)), s, m.colour)
	default:
		cv.line(x, top-3, x, top+barHeight+3, s)
	}
}

func drawLegend(cv *canvas, y float64, legend []*look) float64 {
	x := 8.0
	for _, l := range legend {
		w := 26 + wide(l.name, 10.5)
		if x+w > cv.width {
			x, y = 8, y+16
		}
		switch {
		case l.thin:
			cv.line(x, y+5, x+14, y+5, stroke{colour: l.fill.colour, width: 1.4, dashed: l.fill.dashed})
		case l.bare:
			cv.rect(x, y+3.5, 14, 3, l.fill, "")
		default:
			cv.rect(x, y, 14, 10, l.fill, "")
		}
		cv.text(x+18, y+9, l.name, textStyle{size: 10.5})
		x += w + 8
	}
	return y + 18
}

// writeText draws the lanes with characters, the longest look of each column.
func (c *chart) writeText(b *strings.Builder) {
	if c.heading != "" {
		b.WriteString(c.heading + "\n")
	}
	width := 4
	for _, l := range c.lanes {
		width = max(width, min(len([]rune(l.name)), 24))
	}
	for _, l := range c.lanes {
		row := []byte(strings.Repeat(" ", textWide))
		c.paint(row, l)
		fmt.Fprintf(b, "%-*s |%s|\n", width, cut(l.name, float64(width), 1/0.6), row)
	}
	unit := ""
	if c.virtual {
		unit = " virtual"
	}
	fmt.Fprintf(b, "%-*s  %s … %s%s\n", width, "", dur(c.begin), dur(c.end), unit)
}

func (c *chart) paint(row []byte, l lane) {
	length := float64(c.end - c.begin)
	if length <= 0 {
		return
	}
	column := func(at time.Duration) float64 { return float64(at-c.begin) / length * textWide }
	best := make([]float64, textWide)
	for _, s := range l.spans {
		a, z := column(s.from), column(s.to)
		for i := int(a); i < textWide && float64(i) < z; i++ {
			if share := min(z, float64(i+1)) - max(a, float64(i)); share > best[i] || share == best[i] && s.look == holds {
				best[i], row[i] = share, s.look.char
			}
		}
	}
	for _, m := range l.marks {
		if i := int(column(m.at)); m.char != 0 {
			row[min(i, textWide-1)] = m.char
		}
	}
}

// dur writes a duration with three digits, always in the same way.
func dur(d time.Duration) string {
	a := d
	if a < 0 {
		a = -a
	}
	switch {
	case a == 0:
		return "0"
	case a < time.Microsecond:
		return fmt.Sprintf("%d ns", d.Nanoseconds())
	case a < time.Millisecond:
		return num3(float64(d)/1e3) + " µs"
	case a < time.Second:
		return num3(float64(d)/1e6) + " ms"
	}
	return num3(float64(d)/1e9) + " s"
}

// ms is dur in milliseconds, for claims that are compared.
func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/1e6) }

func num3(f float64) string {
	s := fmt.Sprintf("%.3g", f)
	if math.Abs(f) >= 1000 {
		s = fmt.Sprintf("%.0f", f)
	}
	return s
}

// overlap is the time during which at least two spans that count are open, in
// all lanes together.
func overlap(lanes []lane, counts func(*look) bool) time.Duration { return open(lanes, counts, 2) }

// covered is the time during which at least one is.
func covered(lanes []lane, counts func(*look) bool) time.Duration { return open(lanes, counts, 1) }

// open is the time during which at least so many spans are open.
func open(lanes []lane, counts func(*look) bool, least int) time.Duration {
	var total, since time.Duration
	now := 0
	for _, e := range edges(lanes, counts) {
		if now >= least {
			total += e.at - since
		}
		now += e.by
		since = e.at
	}
	return total
}

// most is how many spans are open at the same time, at most.
func most(lanes []lane, counts func(*look) bool) int {
	now, n := 0, 0
	for _, e := range edges(lanes, counts) {
		now += e.by
		n = max(n, now)
	}
	return n
}

// edge is where a span begins (by 1) or ends (by -1).
type edge struct {
	at time.Duration
	by int
}

// edges are those of all spans that count, in order of time.
func edges(lanes []lane, counts func(*look) bool) []edge {
	var edges []edge
	for _, l := range lanes {
		for _, s := range l.spans {
			if counts(s.look) && s.to > s.from {
				edges = append(edges, edge{s.from, 1}, edge{s.to, -1})
			}
		}
	}
	slices.SortFunc(edges, func(a, b edge) int {
		if c := cmp.Compare(a.at, b.at); c != 0 {
			return c
		}
		return cmp.Compare(a.by, b.by) // ends first: touching is no overlap
	})
	return edges
}

// sum is the time that lanes spend in spans of a look.
func sum(lanes []lane, counts func(*look) bool) (total time.Duration) {
	for _, l := range lanes {
		for _, s := range l.spans {
			if counts(s.look) {
				total += s.to - s.from
			}
		}
	}
	return total
}
