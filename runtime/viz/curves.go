package viz

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Point is a value at a size.
type Point struct{ X, Y float64 }

// Curve is what was counted, measured or computed at several sizes.
type Curve struct {
	Name   string
	Points []Point // in any order of X
}

// Plot is curves over one axis.
type Plot struct {
	Title    string
	X, Y     string  // what the axes count, with the unit: "elements", "µs per item"
	LogX     bool    // powers of ten at equal distances; all X must be above zero
	LogY     bool    // likewise for Y
	Line     float64 // a level to be seen, such as the speed-up 1; zero draws none
	LineName string
	Curves   []Curve
}

// Curves is picture V13: how a value depends on a size, such as the price of an
// item on the size of its chunk. The claim tells each curve's least and greatest
// value, and between which sizes it crosses the line.
func Curves(of Plot) *Picture {
	title := of.Title
	if title == "" {
		title = "How " + cmp.Or(of.Y, "it") + " depends on " + cmp.Or(of.X, "the size")
	}
	p := &Picture{Title: title, header: []string{"curve", cmp.Or(of.X, "x"), cmp.Or(of.Y, "y")}}
	of.Curves = sortedCurves(of.Curves)
	if err := checkPlot(of); err != nil {
		return wrong(title, "%v", err)
	}
	var claims []string
	for _, c := range of.Curves {
		for _, pt := range c.Points {
			p.rows = append(p.rows, []string{c.Name, grouped(pt.X), grouped(pt.Y)})
		}
		claims = append(claims, curveClaim(of, c))
	}
	p.Caption = strings.Join(claims, "; ")
	p.text = curveText(of)
	d := plotDrawing{canvas: newCanvas(chartWidth), Plot: of}
	d.drawAxes()
	for i, c := range of.Curves {
		p.Merged += d.drawCurve(i, c)
	}
	d.drawNames()
	return p.take(d.canvas)
}

func sortedCurves(all []Curve) []Curve {
	all = slices.Clone(all)
	for i := range all {
		all[i].Points = slices.Clone(all[i].Points)
		slices.SortStableFunc(all[i].Points, func(a, b Point) int { return cmp.Compare(a.X, b.X) })
	}
	return all
}

func checkPlot(of Plot) error {
	n := 0
	for _, c := range of.Curves {
		n += len(c.Points)
		for i, pt := range c.Points {
			switch {
			case math.IsNaN(pt.X+pt.Y) || math.IsInf(pt.X+pt.Y, 0):
				return fmt.Errorf("point %d of curve %q is not a finite number", i+1, c.Name)
			case of.LogX && pt.X <= 0 || of.LogY && pt.Y <= 0:
				return fmt.Errorf("curve %q has the point (%v, %v): a logarithmic axis has room for values above zero only", c.Name, pt.X, pt.Y)
			}
		}
	}
	switch {
	case n == 0:
		return fmt.Errorf("Curves needs a Plot with at least one Curve that has Points")
	case len(of.Curves) > len(actors):
		return fmt.Errorf("%d curves are more than can be told apart (%d)", len(of.Curves), len(actors))
	case of.LogY && of.Line < 0:
		return fmt.Errorf("the line at %v is not on a logarithmic axis", of.Line)
	}
	return nil
}

// extremes are the first lowest and the first highest point.
func extremes(points []Point) (least, most Point) {
	byY := func(a, b Point) int { return cmp.Compare(a.Y, b.Y) }
	return slices.MinFunc(points, byY), slices.MaxFunc(points, byY)
}

func curveClaim(of Plot, c Curve) string {
	if len(c.Points) == 0 {
		return c.Name + ": no points"
	}
	least, most := extremes(c.Points)
	claim := fmt.Sprintf("%s: least %s at %s, most %s at %s", c.Name, grouped(least.Y), grouped(least.X), grouped(most.Y), grouped(most.X))
	if least.Y == most.Y {
		claim = fmt.Sprintf("%s: %s everywhere", c.Name, grouped(least.Y))
	}
	if of.Line == 0 {
		return claim
	}
	for i, pt := range c.Points[1:] {
		before := c.Points[i]
		if (before.Y > of.Line) != (pt.Y > of.Line) {
			claim += fmt.Sprintf(", crosses %s between %s and %s", grouped(of.Line), grouped(before.X), grouped(pt.X))
		}
	}
	return claim
}

// grouped writes a number with three digits, or all of a whole number's in
// groups of three.
func grouped(f float64) string {
	if f != math.Trunc(f) || math.Abs(f) < 1000 {
		return strings.TrimSuffix(num3(f), ".0")
	}
	if math.Abs(f) >= 1e12 {
		return fmt.Sprintf("%.3g", f)
	}
	digits := fmt.Sprintf("%.0f", math.Abs(f))
	var parts []string
	for ; len(digits) > 3; digits = digits[:len(digits)-3] {
		parts = append(parts, digits[len(digits)-3:])
	}
	parts = append(parts, digits)
	slices.Reverse(parts)
	return strings.Repeat("-", btoi(f < 0)) + strings.Join(parts, ",")
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

type plotDrawing struct {
	*canvas
	Plot
	x, y axis
}

// axis maps values to pixels.
type axis struct {
	log       bool
	low, high float64 // of the values, or of their logarithms
	from, to  float64 // pixels
	ticks     []float64
}

func (a axis) at(v float64) float64 {
	if a.log {
		v = math.Log10(v)
	}
	return a.from + (v-a.low)/(a.high-a.low)*(a.to-a.from)
}

// newAxis covers values with some even numbers, at most eight.
func newAxis(log bool, values []float64, from, to float64) axis {
	a := axis{log: log, from: from, to: to}
	low, high := slices.Min(values), slices.Max(values)
	if log {
		a.low, a.high = math.Floor(math.Log10(low)), math.Ceil(math.Log10(high))
		if a.low == a.high {
			a.high++
		}
		every := max(1, math.Ceil((a.high-a.low)/7))
		for e := a.low; e <= a.high; e += every {
			a.ticks = append(a.ticks, math.Pow(10, e))
		}
		return a
	}
	if low == high {
		high++
	}
	step := math.Pow(10, math.Floor(math.Log10((high-low)/4)))
	for _, times := range []float64{1, 2, 5, 10} {
		if (high-low)/(step*times) <= 7 {
			step *= times
			break
		}
	}
	a.low, a.high = math.Floor(low/step)*step, math.Ceil(high/step)*step
	for i := 0; a.low+float64(i)*step <= a.high+step/2; i++ {
		a.ticks = append(a.ticks, math.Round(a.low/step+float64(i))*step)
	}
	return a
}

const (
	plotTop    = 34.0
	plotHeight = 190.0
	plotLeft   = 84.0
	// A logarithmic axis ends at a power of ten, a linear one at an even number;
	// the last label needs room to the right of it.
	plotEnd = chartWidth - 40
)

func (d *plotDrawing) drawAxes() {
	var xs, ys []float64
	for _, c := range d.Curves {
		for _, pt := range c.Points {
			xs, ys = append(xs, pt.X), append(ys, pt.Y)
		}
	}
	if d.Line != 0 {
		ys = append(ys, d.Line)
	}
	if !d.LogY {
		ys = append(ys, 0) // heights can be compared only from zero on
	}
	bottom := plotTop + plotHeight
	d.x, d.y = newAxis(d.LogX, xs, plotLeft, plotEnd), newAxis(d.LogY, ys, bottom, plotTop)
	for _, v := range d.y.ticks {
		d.line(plotLeft, d.y.at(v), plotEnd, d.y.at(v), stroke{faint: true})
		d.text(plotLeft-6, d.y.at(v)+4, grouped(v), textStyle{size: 10, anchor: "end"})
	}
	for _, v := range d.x.ticks {
		d.line(d.x.at(v), bottom, d.x.at(v), bottom+4, stroke{})
		d.text(d.x.at(v), bottom+16, grouped(v), textStyle{size: 10, anchor: "middle"})
	}
	floor := bottom
	if !d.LogY {
		floor = d.y.at(0)
	}
	d.line(plotLeft, floor, plotEnd, floor, stroke{})
	d.line(plotLeft, plotTop, plotLeft, bottom, stroke{})
	if d.Line != 0 {
		y := d.y.at(d.Line)
		d.line(plotLeft, y, plotEnd, y, stroke{dashed: true, width: 1.6, tooltip: cmp.Or(d.LineName, "line") + " at " + grouped(d.Line)})
		if d.nearest(y, first) > d.nearest(y, last) {
			d.text(plotLeft+6, y-5, d.LineName, textStyle{size: 10})
		} else {
			d.text(plotEnd, y-5, d.LineName, textStyle{size: 10, anchor: "end"})
		}
	}
	d.text(plotEnd, bottom+32, d.X, textStyle{size: 10.5, anchor: "end", bold: true})
	d.text(8, plotTop-22, d.Y, textStyle{size: 10.5, bold: true})
	d.height = bottom + 40
}

func first(c Curve) Point { return c.Points[0] }
func last(c Curve) Point  { return c.Points[len(c.Points)-1] }

// nearest is how near to a height the curves are at an end.
func (d *plotDrawing) nearest(y float64, end func(Curve) Point) float64 {
	near := math.Inf(1)
	for _, c := range d.Curves {
		if len(c.Points) > 0 {
			near = min(near, math.Abs(d.y.at(end(c).Y)-y))
		}
	}
	return near
}

// markers tell curves apart without colour, as SVG paths around 0.
var markers = []string{"circle", "M%s %sm-4 -4h8v8h-8z", "M%s %sm0 -5l5 9h-10z", "M%s %sm0 -5.5l5.5 5.5l-5.5 5.5l-5.5 -5.5z",
	"M%s %sm-4.5 -4.5l9 9m0 -9l-9 9", "M%s %sm0 -5v10m-5 -5h10", "M%s %sm-5 -4h10l-5 9z"}

func (d *plotDrawing) drawMarker(i int, x, y float64, tooltip string) {
	if i == 0 {
		d.circle(x, y, 4, fill{colour: actor(i)}, tooltip)
		return
	}
	d.path(fmt.Sprintf(markers[i], num(x), num(y)), stroke{width: 1, tooltip: tooltip}, actor(i))
}

// drawCurve returns how many points have no place of their own.
func (d *plotDrawing) drawCurve(i int, c Curve) (merged int) {
	points, merged := d.thinPoints(c.Points)
	if len(points) == 0 {
		return merged
	}
	var path strings.Builder
	for k, pt := range points {
		letter := "L"
		if k == 0 {
			letter = "M"
		}
		fmt.Fprintf(&path, "%s%s %s", letter, num(d.x.at(pt.X)), num(d.y.at(pt.Y)))
	}
	d.path(path.String(), stroke{colour: actor(i), width: 2.4, tooltip: c.Name}, "")
	least, most := extremes(points)
	for _, pt := range points {
		if len(points) > 40 && pt != least && pt != most {
			continue // more markers would hide the curve
		}
		d.drawMarker(i, d.x.at(pt.X), d.y.at(pt.Y), fmt.Sprintf("%s: %s at %s", c.Name, grouped(pt.Y), grouped(pt.X)))
	}
	return merged
}

// thinPoints keeps the lowest and the highest point of each pixel.
func (d *plotDrawing) thinPoints(all []Point) (kept []Point, merged int) {
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && int(d.x.at(all[j].X)) == int(d.x.at(all[i].X)) {
			j++
		}
		column := all[i:j]
		if len(column) > 2 {
			low, high := extremes(column)
			merged += len(column) - 2
			column = []Point{low, high}
		}
		kept = append(kept, column...)
		i = j
	}
	return kept, merged
}

func (d *plotDrawing) drawNames() {
	x := chartWidth - 40.0
	for i := len(d.Curves) - 1; i >= 0; i-- {
		name := cut(d.Curves[i].Name, 200, 11)
		x -= wide(name, 11)
		d.text(x, 16, name, textStyle{bold: true})
		d.drawMarker(i, x-10, 12, "")
		x -= 34
	}
}

// curveText is one line a curve: its points, at most a dozen.
func curveText(of Plot) string {
	var b strings.Builder
	for _, c := range of.Curves {
		every := max(1, (len(c.Points)+11)/12)
		var cells []string
		for i := 0; i < len(c.Points); i += every {
			cells = append(cells, fmt.Sprintf("%s → %s", grouped(c.Points[i].X), grouped(c.Points[i].Y)))
		}
		fmt.Fprintf(&b, "%s (%s → %s): %s\n", c.Name, cmp.Or(of.X, "x"), cmp.Or(of.Y, "y"), strings.Join(cells, ", "))
	}
	return b.String()
}
