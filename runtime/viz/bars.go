package viz

import (
	"fmt"
	"strings"
	"time"
)

// Bar is one way to do the work.
type Bar struct {
	Name string
	Wall time.Duration
	CPU  time.Duration // of all threads and processes; zero if unknown
	Note string        // "peak 100 in flight"
}

// Comparison is several ways to do the same work. Without N, Cores and the
// clock a number of seconds says little, so they are always shown.
type Comparison struct {
	Title   string
	N       int // items of work
	Cores   int
	Virtual bool // which clock the times are on
	Bars    []Bar
}

// Bars is picture V7: wall time as a bar, CPU time as a thin one inside, and
// the speed-up against the first bar. The dotted line is the first bar's time
// divided by the cores: no way that only computes gets beyond it.
func Bars(of Comparison) *Picture {
	title := of.Title
	if title == "" {
		title = "Which way is faster"
	}
	p := &Picture{Title: title, header: []string{"way", "wall", "CPU", "speed-up", "note"}}
	if len(of.Bars) == 0 {
		return wrong(p.Title, "Bars needs a Comparison with at least one Bar")
	}
	longest, name := time.Duration(1), 80.0
	best := 0
	for i, b := range of.Bars {
		longest = max(longest, b.Wall, b.CPU)
		name = min(max(name, wide(b.Name, 11)+12), 220)
		if b.Wall < of.Bars[best].Wall {
			best = i
		}
	}
	c := newCanvas(chartWidth)
	const row = 26.0
	left, plot := name+8, chartWidth-name-8-190
	var text strings.Builder
	first := of.Bars[0]
	for i, b := range of.Bars {
		y := 6 + row*float64(i)
		w := plot * float64(b.Wall) / float64(longest)
		speed := times(first.Wall, b.Wall)
		note := fmt.Sprintf("%s, %s", dur(b.Wall), speed)
		c.text(8, y+13, cut(b.Name, name-10, 11), textStyle{})
		c.rect(left, y, w, 18, fill{colour: actor(i)}, fmt.Sprintf("%s: %s wall, %s CPU. %s", b.Name, dur(b.Wall), dur(b.CPU), b.Note))
		if b.CPU > 0 {
			c.rect(left, y+11, plot*float64(b.CPU)/float64(longest), 5, fill{colour: "#333333"}, "CPU time "+dur(b.CPU))
		}
		at := left + max(w, plot*float64(b.CPU)/float64(longest)) + 6
		c.text(at, y+13, note, textStyle{size: 10.5, bold: i == best})
		p.rows = append(p.rows, []string{b.Name, dur(b.Wall), dur(b.CPU), speed, b.Note})
		fmt.Fprintf(&text, "%-26s %-40s %s %s\n", cut(b.Name, 26, 1/0.6), strings.Repeat("#", max(1, int(40*float64(b.Wall)/float64(longest)))), note, b.Note)
	}
	bottom := 6 + row*float64(len(of.Bars))
	if of.Cores > 1 {
		x := left + plot*float64(first.Wall)/float64(of.Cores)/float64(longest)
		c.line(x, 2, x, bottom, stroke{dashed: true, tooltip: fmt.Sprintf("ideal for %d cores: %s", of.Cores, dur(first.Wall/time.Duration(of.Cores)))})
		c.text(x+3, bottom+9, fmt.Sprintf("ideal on %d cores", of.Cores), textStyle{size: 10, faint: true})
	}
	clock := "real clock"
	if of.Virtual {
		clock = "virtual clock"
	}
	facts := fmt.Sprintf("n = %d, %s, %s", of.N, cores(of.Cores), clock)
	c.text(8, bottom+24, facts+"; thin bar: CPU time", textStyle{size: 10, faint: true})
	c.height = bottom + 32
	p.Caption = fmt.Sprintf("fastest: %s, %s, %s against %s (%s)", of.Bars[best].Name, dur(of.Bars[best].Wall), times(first.Wall, of.Bars[best].Wall), first.Name, facts)
	if best == 0 {
		p.Caption = fmt.Sprintf("no way is faster than %s, %s (%s)", first.Name, dur(first.Wall), facts)
	}
	p.text = text.String()
	return p.take(c)
}

func cores(n int) string {
	if n <= 0 {
		return "cores unknown"
	}
	return count(n, "core")
}

// times is the speed-up, "2x" or "35x slower".
func times(first, other time.Duration) string {
	if other <= 0 {
		return "–"
	}
	if r := float64(first) / float64(other); r < 0.995 {
		return num3(1/r) + "x slower"
	}
	return fmt.Sprintf("%.2gx", float64(first)/float64(other))
}
