package viz

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Series is what was measured under one condition.
type Series struct {
	Name    string
	Samples []time.Duration
}

// Latency is picture V8: how delays, or the gaps of a heartbeat, are spread,
// one row of columns a series on a common axis. A line stands at the interval
// that is to be seen, such as the switch interval; zero draws none.
func Latency(title string, interval time.Duration, series ...Series) *Picture {
	if title == "" {
		title = "How long it took to get going again"
	}
	p := &Picture{Title: title, header: []string{"series", "n", "median", "90 %", "max"}}
	var longest time.Duration
	for _, s := range series {
		for _, d := range s.Samples {
			longest = max(longest, d)
		}
	}
	if longest == 0 && interval == 0 {
		return wrong(p.Title, "Latency needs at least one Series with samples")
	}
	longest = max(longest, interval*5/4)
	step, unit, name := ticks(longest)
	bin := step / 5
	if bin == 0 {
		bin = 1
	}
	bins := int(longest/bin) + 1
	left := 100.0
	for _, s := range series {
		left = min(max(left, wide(s.Name, 11)+16), 200)
	}
	plot := chartWidth - left - 16
	x := func(d time.Duration) float64 { return left + plot*float64(d)/float64(time.Duration(bins)*bin) }
	c := newCanvas(chartWidth)
	const height = 56.0
	var text strings.Builder
	var claims []string
	for i, s := range series {
		top := 8 + float64(i)*(height+10)
		columns := histogram(s.Samples, bin, bins)
		most := slices.Max(append(columns, 1))
		for k, n := range columns {
			if n == 0 {
				continue
			}
			// the root keeps single outliers visible
			h := (height - 4) * math.Sqrt(float64(n)/float64(most))
			c.rect(x(time.Duration(k)*bin), top+height-h, x(bin)-left-0.5, h, fill{colour: actor(i)},
				fmt.Sprintf("%s: %d between %s and %s", s.Name, n, dur(time.Duration(k)*bin), dur(time.Duration(k+1)*bin)))
		}
		c.line(left, top+height, left+plot, top+height, stroke{width: 0.8})
		sorted := slices.Sorted(slices.Values(s.Samples))
		c.text(8, top+height-26, cut(s.Name, left-12, 11), textStyle{bold: true})
		c.text(8, top+height-12, fmt.Sprintf("n = %d", len(sorted)), textStyle{size: 10, faint: true})
		row := []string{s.Name, fmt.Sprint(len(sorted)), dur(quantile(sorted, 0.5)), dur(quantile(sorted, 0.9)), dur(quantile(sorted, 1))}
		p.rows = append(p.rows, row)
		claims = append(claims, fmt.Sprintf("%s: median %s, max %s", s.Name, row[2], row[4]))
		fmt.Fprintf(&text, "%-20s |%s| n=%s median=%s max=%s\n", cut(s.Name, 20, 1/0.6), sparkline(columns, 48), row[1], row[2], row[4])
	}
	bottom := 8 + float64(len(series))*(height+10)
	if interval > 0 {
		c.line(x(interval), 4, x(interval), bottom, stroke{colour: vermillion, dashed: true, width: 1.4, tooltip: "interval " + dur(interval)})
		c.text(x(interval)+4, 12, dur(interval), textStyle{size: 10, colour: vermillion})
		claims = append(claims, fmt.Sprintf("the line is at %s", dur(interval)))
	}
	for at := time.Duration(0); at <= longest; at += step {
		c.text(x(at), bottom+12, num3(float64(at)/float64(unit)), textStyle{size: 10, anchor: "middle"})
	}
	c.text(8, bottom+12, name, textStyle{size: 10})
	c.text(left, bottom+26, "height: square root of the number, so that single ones show", textStyle{size: 10, faint: true})
	c.height = bottom + 34
	p.Caption, p.text = strings.Join(claims, "; "), text.String()
	return p.take(c)
}

func histogram(samples []time.Duration, bin time.Duration, bins int) []int {
	columns := make([]int, bins)
	for _, d := range samples {
		columns[min(max(int(d/bin), 0), bins-1)]++
	}
	return columns
}

// quantile is the nearest rank of a sorted list.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(int(math.Ceil(q*float64(len(sorted))))-1, 0)]
}

// sparkline is a histogram in characters; every column that is not empty shows.
func sparkline(columns []int, width int) string {
	const levels = " .:-=+*#%@"
	cells := make([]int, width)
	for i, n := range columns {
		k := i * width / len(columns)
		cells[k] = max(cells[k], n)
	}
	most := slices.Max(append(cells, 1))
	var b strings.Builder
	for _, n := range cells {
		i := 0
		if n > 0 {
			i = 1 + int(float64(len(levels)-2)*math.Sqrt(float64(n)/float64(most)))
		}
		b.WriteByte(levels[i])
	}
	return b.String()
}
