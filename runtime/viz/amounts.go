package viz

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Amount is one number of a Measure.
type Amount struct {
	Name  string
	Value float64 // not below zero
	Note  string  // "measured with CPython 3.11"
}

// Measure is several numbers of one kind.
type Measure struct {
	Title string
	// Unit is what is counted, in the plural: "threads". "B" is bytes and written
	// as kB or MB, "s" seconds and written as ms or µs; "x" is a factor.
	Unit string
	// Log makes each step of the axis ten times the one before: for amounts
	// that differ by more than a hundred.
	Log     bool
	Amounts []Amount
	// Mark, if not zero, is a line through all bars: what was hoped for, or a
	// limit. MarkName says which.
	Mark     float64
	MarkName string
}

// Amounts is picture V15: bars of prices, sizes and numbers, each with its
// value, and how many times the least the greatest is. Times that are to be
// compared are Bars.
func Amounts(of Measure) *Picture {
	title := of.Title
	if title == "" {
		title = "How much"
	}
	p := &Picture{Title: title, header: []string{"what", "amount", "note"}}
	if len(of.Amounts) == 0 {
		return wrong(p.Title, "Amounts needs a Measure with at least one Amount")
	}
	for _, a := range append(of.Amounts[:len(of.Amounts):len(of.Amounts)], Amount{Name: "the mark", Value: of.Mark}) {
		if !(a.Value >= 0) || math.IsInf(a.Value, 0) {
			return wrong(p.Title, "Amounts are finite numbers from zero on; %s is none", a.Name)
		}
	}
	p.Caption = of.claim()
	of.draw(p)
	return p
}

func (of *Measure) claim() string {
	least, most := of.Amounts[0], of.Amounts[0]
	for _, a := range of.Amounts {
		if a.Value < least.Value {
			least = a
		}
		if a.Value > most.Value {
			most = a
		}
	}
	s := fmt.Sprintf("%s: %s", most.Name, of.write(most.Value))
	switch {
	case most.Value == least.Value && len(of.Amounts) > 1:
		s = fmt.Sprintf("all %d: %s", len(of.Amounts), of.write(most.Value))
	case least.Value > 0 && len(of.Amounts) > 1:
		s += fmt.Sprintf(", %s times as much as %s (%s)", factor(most.Value/least.Value), least.Name, of.write(least.Value))
	case len(of.Amounts) > 1:
		s += fmt.Sprintf("; %s: %s", least.Name, of.write(least.Value))
	}
	if of.Mark == 0 {
		return s
	}
	reach := 0
	for _, a := range of.Amounts {
		if a.Value >= of.Mark {
			reach++
		}
	}
	return s + fmt.Sprintf("; %d of %d reach %s (%s)", reach, len(of.Amounts), of.markName(), of.write(of.Mark))
}

func (of *Measure) markName() string {
	if of.MarkName == "" {
		return "the line"
	}
	return of.MarkName
}

// write writes a value with its unit.
func (of *Measure) write(v float64) string {
	switch of.Unit {
	case "B":
		return bytes(v)
	case "s":
		return dur(time.Duration(v * float64(time.Second)))
	case "x":
		return num3(v) + "x"
	}
	unit := of.Unit
	if v == 1 {
		unit = strings.TrimSuffix(unit, "s")
	}
	return strings.TrimSpace(grouped(v) + " " + unit)
}

// factor writes how many times as much: large ones as whole numbers.
func factor(f float64) string {
	if f >= 1000 {
		f = math.Round(f)
	}
	return grouped(f)
}

// bytes writes a number of bytes in decimal units.
func bytes(v float64) string {
	for _, u := range []struct {
		size float64
		name string
	}{{1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}} {
		if v >= u.size {
			return num3(v/u.size) + " " + u.name
		}
	}
	return num3(v) + " B"
}

// scale gives the length of values in a plot: from zero, or from the power of
// ten below the least amount.
func (of *Measure) scale(plot float64) func(v float64) float64 {
	most := of.Mark
	least := math.Inf(1)
	for _, a := range of.Amounts {
		most = max(most, a.Value)
		if a.Value > 0 {
			least = min(least, a.Value)
		}
	}
	if !of.Log || most <= 0 {
		return func(v float64) float64 { return plot * v / max(most, 1e-300) }
	}
	begin := math.Floor(math.Log10(min(least, most))) - 0.3
	return func(v float64) float64 {
		if v <= 0 {
			return 0
		}
		return max(plot*(math.Log10(v)-begin)/(math.Log10(most)-begin), 0)
	}
}

func (of *Measure) draw(p *Picture) {
	const row = 26.0
	name, value := 80.0, 60.0
	for _, a := range of.Amounts {
		name = min(max(name, wide(a.Name, 11)+12), 240)
		value = min(max(value, wide(of.beside(a), turnSize)+10), 330)
	}
	left, plot := name+8, chartWidth-name-8-value
	x := of.scale(plot)
	c := newCanvas(chartWidth)
	bottom := 6 + row*float64(len(of.Amounts))
	if of.Mark > 0 {
		at := left + x(of.Mark)
		c.line(at, 2, at, bottom+2, stroke{colour: vermillion, dashed: true, width: 1.4, tooltip: of.markName() + ": " + of.write(of.Mark)})
		text, anchor := fmt.Sprintf("%s: %s", of.markName(), of.write(of.Mark)), ""
		if at+wide(text, 10) > chartWidth {
			anchor = "end"
		}
		c.text(at, bottom+12, text, textStyle{size: 10, anchor: anchor})
	}
	var b strings.Builder
	text := of.scale(40)
	for i, a := range of.Amounts {
		y := 6 + row*float64(i)
		c.text(8, y+13, cut(a.Name, name-10, 11), textStyle{})
		c.rect(left, y, x(a.Value), 18, fill{colour: actor(i)}, a.Name+": "+of.beside(a))
		c.text(left+x(a.Value)+6, y+13, cut(of.beside(a), value-8, turnSize), textStyle{size: turnSize})
		p.rows = append(p.rows, []string{a.Name, of.write(a.Value), a.Note})
		fmt.Fprintf(&b, "%-28s %-40s %s\n", cut(a.Name, 28, 1/0.6), strings.Repeat("#", int(math.Round(text(a.Value)))), of.beside(a))
	}
	if of.Log {
		c.text(8, bottom+26, "logarithmic: equal steps to the right are equal factors", textStyle{size: 10, faint: true})
		bottom += 14
		b.WriteString("(logarithmic)\n")
	}
	c.height = bottom + 18
	p.text = b.String()
	p.take(c)
}

// beside is what stands at the end of a bar.
func (of *Measure) beside(a Amount) string {
	s := of.write(a.Value)
	if a.Note != "" {
		s += ", " + a.Note
	}
	return s
}
