package viz

import (
	"fmt"
	"strings"
	"time"

	"braid/runtime/trace"
)

var (
	pickling   = &look{name: "pickles", fill: fill{colour: yellow}, char: 'p'}
	unpickling = &look{name: "unpickles", fill: fill{colour: yellow, hatch: true}, char: 'u'}
	piping     = &look{name: "in the pipe", fill: fill{colour: purple}, char: '~', bare: true}
	computing  = &look{name: "computes", fill: fill{colour: green}, char: '#'}
)

var processLooks = map[trace.Kind]*look{
	trace.Startup: starting, trace.Pickle: pickling, trace.Unpickle: unpickling, trace.Pipe: piping,
	trace.Run: computing, trace.Callback: computing, trace.NativeIn: computing, trace.Blocked: blocked,
}

// Processes is picture V5: a lane a worker process with its start-up, pickles
// with their bytes, and useful computation, which is the share that the claim
// states. Several runs, such as two chunk sizes, are drawn on one scale. Each of
// runs is a *trace.Recorder.
func Processes(runs ...any) *Picture {
	p := &Picture{Title: "What a pool of processes does with its time", header: []string{"lane", "from", "for", "what", "bytes"}}
	if len(runs) == 0 {
		return wrong(p.Title, "Processes needs a recorder")
	}
	var charts []*chart
	var claims []string
	var end time.Duration
	for i, of := range runs {
		rec, name, err := source(of)
		if err != nil {
			return wrong(p.Title, "%v", err)
		}
		c, claim := processChart(p, rec)
		if len(runs) > 1 {
			if c.heading = name; name == "" {
				c.heading = fmt.Sprintf("run %d", i+1)
			}
			claim = c.heading + ": " + claim
		}
		charts, claims, end = append(charts, c), append(claims, claim), max(end, c.end)
	}
	for _, c := range charts {
		c.end = end
	}
	p.Caption = strings.Join(claims, "; ")
	return picture(p, charts, []*look{starting, pickling, piping, unpickling, computing, blocked})
}

func processChart(p *Picture, rec *trace.Recorder) (*chart, string) {
	events := rec.Events()
	c := &chart{virtual: rec.Virtual}
	row := map[trace.Track]int{}
	for _, t := range trace.Tracks(events) {
		row[place(t)] = len(c.lanes)
		c.lanes = append(c.lanes, lane{name: t.Name})
	}
	sent := map[uint64]trace.Event{}
	var bytes float64
	workers := map[int]bool{}
	for _, e := range events {
		c.end = max(c.end, e.End())
		i := row[place(e.Track)]
		if e.Track.Process > 0 {
			workers[e.Track.Process] = true
		}
		if e.Flow != 0 {
			if from, ok := sent[e.Flow]; ok && from.Track != e.Track {
				c.arrows = append(c.arrows, arrow{from: row[place(from.Track)], to: i, at: from.End(), until: e.At, title: "sent to " + e.Track.Name})
			}
			sent[e.Flow] = e
		}
		k := processLooks[e.Kind]
		if k == nil {
			continue
		}
		size, label := "", e.Name
		if e.Kind == trace.Pickle || e.Kind == trace.Unpickle {
			size = fmt.Sprintf("%.0f B", e.Value)
			label = size
			if e.Kind == trace.Pickle {
				bytes += e.Value
			}
		}
		what := k.name
		if e.Name != "" {
			what += " " + e.Name
		}
		c.lanes[i].spans = append(c.lanes[i].spans, span{from: e.At, to: e.End(), look: k, label: label,
			title: strings.TrimSpace(fmt.Sprintf("%s: %s, %s – %s %s", e.Track.Name, what, dur(e.At), dur(e.End()), size))})
		p.rows = append(p.rows, []string{e.Track.Name, dur(e.At), dur(e.Dur), what, size})
	}
	useful := sum(c.lanes, func(l *look) bool { return l == computing })
	return c, fmt.Sprintf("useful %s of %s = %s on %s; %.0f bytes pickled",
		dur(useful), dur(c.end), percent(useful, c.end), processes(len(workers)), bytes)
}

func processes(n int) string {
	if n == 1 {
		return "1 worker process"
	}
	return fmt.Sprintf("%d worker processes", n)
}

func percent(part, of time.Duration) string {
	if of <= 0 {
		return "0 %"
	}
	return fmt.Sprintf("%.0f %%", 100*float64(part)/float64(of))
}
