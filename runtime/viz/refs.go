package viz

import (
	"fmt"
	"strings"
	"time"

	"braid/runtime/trace"
)

// Refs is picture V6: the reference count of each object as a line, the number
// of references that exist as a dashed one, and the area between them, which is
// corruption. A cross is an object that is freed; a red one, freed while
// references exist; a triangle, a leak. Without a clock (explored runs take no
// time) the axis is the sequence of events.
func Refs(of any) *Picture {
	p := &Picture{Title: "Reference counts", header: []string{"object", "at", "event", "count", "references"}}
	rec, _, err := source(of)
	if err != nil {
		return wrong(p.Title, "%v", err)
	}
	objects, end := refEvents(rec.Events())
	if len(objects) == 0 {
		return wrong(p.Title, "Nobody counted references in this run: use an Object")
	}
	c := newCanvas(chartWidth)
	y := 4.0
	var b strings.Builder
	var claims []string
	const most = 8
	for _, o := range objects[:min(len(objects), most)] {
		for _, e := range o.events {
			p.rows = append(p.rows, []string{o.name, dur(e.At), string(e.Kind), num3(e.Value), num3(e.Truth)})
		}
		g := &refGraph{o: o, p: p, end: end, virtual: rec.Virtual, left: 40, top: y + 18, width: chartWidth - 60, height: 74}
		g.draw(c)
		claims = append(claims, o.claim())
		b.WriteString(g.text())
		y = g.top + g.height + 34
	}
	if more := len(objects) - most; more > 0 {
		c.text(8, y+10, fmt.Sprintf("%d more objects are not shown", more), textStyle{faint: true})
		y += 16
	}
	y = drawLegend(c, y, []*look{
		{name: "count", fill: fill{colour: blue}, thin: true},
		{name: "references that exist", fill: fill{colour: orange, dashed: true}, thin: true},
		{name: "difference: corruption", fill: fill{colour: vermillion, hatch: true}},
	})
	c.height = y + 4
	p.Caption, p.text = strings.Join(claims, "; "), b.String()
	return p.take(c)
}

type refObject struct {
	name   string
	events []trace.Event
}

func refEvents(events []trace.Event) (objects []*refObject, end time.Duration) {
	byName := map[string]*refObject{}
	for _, e := range events {
		switch e.Kind {
		case trace.Refs, trace.Free, trace.UseAfter, trace.Leak, trace.Merge:
		default:
			continue
		}
		o := byName[e.Name]
		if o == nil {
			o = &refObject{name: e.Name}
			byName[e.Name] = o
			objects = append(objects, o)
		}
		o.events = append(o.events, e)
		end = max(end, e.At)
	}
	return objects, end
}

// claim says how the object ended, from its events alone.
func (o *refObject) claim() string {
	var count, truth float64
	off, freed, early, after, leaks := 0, 0, 0, 0, 0
	for _, e := range o.events {
		switch e.Kind {
		case trace.Refs:
			count, truth = e.Value, e.Truth
			if count != truth {
				off++
			}
		case trace.Free:
			freed++
			if truth > 0 {
				early++
			}
		case trace.UseAfter:
			after++
		case trace.Leak:
			leaks++
		}
	}
	text := fmt.Sprintf("%s: count %s, references %s", o.name, num3(count), num3(truth))
	switch {
	case early > 0:
		text += fmt.Sprintf("; freed while %s still existed", num3(truth))
	case freed > 0:
		text += ", freed when the last reference went"
	case leaks > 0 || truth == 0 && count > 0:
		text += ": a leak, it is never freed"
	}
	if after > 0 {
		text += "; used after it was freed, " + often(after)
	}
	if off > 0 && early == 0 && freed == 0 {
		text += fmt.Sprintf(" (wrong after %d of %d events)", off, len(o.events))
	}
	return text
}

func often(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

type refGraph struct {
	o                        *refObject
	p                        *Picture
	end                      time.Duration
	virtual                  bool
	left, top, width, height float64
}

func (g *refGraph) x(i int) float64 {
	if g.end > 0 {
		return g.left + g.width*float64(g.o.events[i].At)/float64(g.end)
	}
	return g.left + g.width*float64(i)/float64(max(len(g.o.events)-1, 1))
}

func (g *refGraph) draw(c *canvas) {
	c.text(8, g.top-6, g.o.name, textStyle{bold: true})
	most := 1.0
	for _, e := range g.o.events {
		most = max(most, e.Value, e.Truth)
	}
	y := func(v float64) float64 { return g.top + g.height - (g.height-8)*v/most }
	for v := 0.0; v <= most; v += max(1, nice(most/4)) {
		c.line(g.left, y(v), g.left+g.width, y(v), stroke{faint: true, width: 0.6})
		c.text(g.left-6, y(v)+4, num3(v), textStyle{size: 10, anchor: "end"})
	}
	g.curves(c, y)
	g.marks(c, y)
	bottom := g.top + g.height + 14
	if g.end == 0 {
		c.text(g.left, bottom, fmt.Sprintf("%d events, in order", len(g.o.events)), textStyle{size: 10})
		return
	}
	clock := ""
	if g.virtual {
		clock = " (virtual)"
	}
	c.text(g.left, bottom, "0", textStyle{size: 10, anchor: "middle"})
	c.text(g.left+g.width, bottom, dur(g.end)+clock, textStyle{size: 10, anchor: "end"})
}

// curves draws count, truth and the area between; of events within one pixel
// the last one counts.
func (g *refGraph) curves(c *canvas, y func(float64) float64) {
	var count, truth, area strings.Builder
	var back []string
	began := false
	var lastX, lastCount, lastTruth float64
	for i, e := range g.o.events {
		if e.Kind != trace.Refs {
			continue
		}
		x := g.x(i)
		if began && x-lastX < 0.7 && e.Value == e.Truth && lastCount == lastTruth && i < len(g.o.events)-1 {
			g.p.Merged++
			continue
		}
		if !began {
			fmt.Fprintf(&count, "M%s %s", num(x), num(y(e.Value)))
			fmt.Fprintf(&truth, "M%s %s", num(x), num(y(e.Truth)))
			began = true
		} else {
			fmt.Fprintf(&count, "H%sV%s", num(x), num(y(e.Value)))
			fmt.Fprintf(&truth, "H%sV%s", num(x), num(y(e.Truth)))
			if lastCount != lastTruth {
				lo, hi := min(lastCount, lastTruth), max(lastCount, lastTruth)
				back = append(back, fmt.Sprintf("M%s %sH%sV%sH%sz", num(lastX), num(y(hi)), num(x), num(y(lo)), num(lastX)))
			}
		}
		lastX, lastCount, lastTruth = x, e.Value, e.Truth
	}
	right := g.left + g.width
	fmt.Fprintf(&count, "H%s", num(right))
	fmt.Fprintf(&truth, "H%s", num(right))
	if lastCount != lastTruth {
		lo, hi := min(lastCount, lastTruth), max(lastCount, lastTruth)
		back = append(back, fmt.Sprintf("M%s %sH%sV%sH%sz", num(lastX), num(y(hi)), num(right), num(y(lo)), num(lastX)))
	}
	if len(back) > 0 {
		area.WriteString(strings.Join(back, ""))
		c.path(area.String(), stroke{colour: vermillion, width: 0.5, tooltip: "count and references differ"}, c.fillOf(fill{colour: vermillion, hatch: true}))
	}
	if began {
		c.path(count.String(), stroke{colour: blue, width: 2, tooltip: "the count"}, "")
		c.path(truth.String(), stroke{colour: orange, width: 1.6, dashed: true, tooltip: "references that exist"}, "")
	}
}

func (g *refGraph) marks(c *canvas, y func(float64) float64) {
	var truth float64
	drawn := 0
	for i, e := range g.o.events {
		if e.Kind == trace.Refs {
			truth = e.Truth
			continue
		}
		if drawn++; drawn > 100 {
			g.p.Merged++
			continue
		}
		x := g.x(i)
		s := stroke{width: 2.4, tooltip: fmt.Sprintf("%s at %s", e.Kind, dur(e.At))}
		switch {
		case e.Kind == trace.Free:
			if truth > 0 {
				s.colour = vermillion
				s.tooltip = fmt.Sprintf("freed while %s references exist", num3(truth))
				c.text(min(x+8, g.left+g.width-130), g.top+8, "freed too early", textStyle{size: 10, colour: vermillion})
			}
			c.path(fmt.Sprintf("M%s %sl9 9m0 -9l-9 9", num(x-4.5), num(y(0)-4.5)), s, "")
		case e.Kind == trace.UseAfter:
			s.colour = vermillion
			c.path(fmt.Sprintf("M%s %sv12m0 3v2", num(x), num(g.top)), s, "")
		case e.Kind == trace.Leak:
			c.path(fmt.Sprintf("M%s %sl9 0l-4.5 8z", num(x-9), num(g.top+2)), s, vermillion)
			c.text(x-12, g.top+10, "leak", textStyle{size: 10, anchor: "end", colour: vermillion})
		default:
			c.line(x, g.top, x, g.top+g.height, stroke{colour: purple, dashed: true, tooltip: "the owner merged the shared count"})
		}
	}
}

// text is the sequence of counts, "1/1 2/2 …"; what differs is marked.
func (g *refGraph) text() string {
	var parts []string
	for _, e := range g.o.events {
		switch {
		case e.Kind != trace.Refs:
			parts = append(parts, "<"+string(e.Kind)+">")
		case e.Value != e.Truth:
			parts = append(parts, fmt.Sprintf("%s/%s!", num3(e.Value), num3(e.Truth)))
		default:
			parts = append(parts, num3(e.Value))
		}
	}
	if n := len(parts); n > 60 {
		parts = append(append(parts[:30:30], fmt.Sprintf("… %d …", n-60)), parts[n-30:]...)
	}
	return g.o.name + ": " + strings.Join(parts, " ") + "   (count, or count/references! where they differ)\n"
}
