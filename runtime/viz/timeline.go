package viz

import (
	"fmt"
	"slices"
	"strings"
	"time"

	rt "braid/runtime"
	"braid/runtime/trace"
)

var (
	running  = &look{name: "runs (holds the GIL, if there is one)", fill: fill{colour: green}, char: '#'}
	waitGIL  = &look{name: "could run, waits for the GIL", fill: fill{colour: orange, hatch: true}, char: '/'}
	native   = &look{name: "compiled code, GIL released", fill: fill{colour: blue}, char: 'n'}
	holds    = &look{name: "compiled code, GIL kept", fill: fill{colour: purple}, char: 'h'}
	blocked  = &look{name: "blocked, GIL released", fill: fill{colour: grey, dashed: true}, char: '-', thin: true}
	starting = &look{name: "starts up", fill: fill{colour: grey}, char: 's'}
)

var timelineLooks = map[trace.Kind]*look{
	trace.Run: running, trace.WaitGIL: waitGIL, trace.NativeIn: native, trace.HoldIn: holds, trace.Blocked: blocked, trace.Select: blocked, trace.Startup: starting,
}

// source takes what pictures are made of: a *trace.Recorder, or the *rt.Report
// of an Interpreter whose Trace was called before.
func source(of any) (rec *trace.Recorder, title string, err error) {
	switch v := of.(type) {
	case *trace.Recorder:
		if v != nil {
			return v, v.Name, nil
		}
	case *rt.Report:
		if v != nil && v.Trace != nil {
			return v.Trace, v.Trace.Name, nil
		}
		return nil, "", fmt.Errorf("the report has no trace: call in.Trace() before the threads start")
	case *rt.Interpreter:
		if v != nil {
			return v.Trace(), v.Mode().String(), nil
		}
	}
	return nil, "", fmt.Errorf("expected a *trace.Recorder, a *runtime.Report or a *runtime.Interpreter, not %T", of)
}

// Timeline is picture V1: a lane a thread, who holds the GIL, who waits for it.
// A red tick is a request to drop the GIL, a black one the drop at the holder's
// next check point. Several runs are drawn under each other on one scale, so
// that they can be compared. Each of runs is a *trace.Recorder, a *rt.Report
// or a *rt.Interpreter that was traced.
func Timeline(runs ...any) *Picture {
	p := &Picture{Title: "Who runs, and who waits for the GIL"}
	if len(runs) == 0 {
		return wrong(p.Title, "Timeline needs a recorder or a report")
	}
	p.header = []string{"thread", "from", "for", "what"}
	var charts []*chart
	var claims []string
	var end time.Duration
	used := map[*look]bool{}
	for i, of := range runs {
		rec, name, err := source(of)
		if err != nil {
			return wrong(p.Title, "%v", err)
		}
		c, claim := timeline(p, rec, used)
		if len(runs) > 1 {
			if name == "" {
				name = fmt.Sprintf("run %d", i+1)
			}
			if !c.gil {
				name += " (no GIL)"
			}
			c.heading, claim = name, name+": "+claim
		}
		charts, claims = append(charts, &c.chart), append(claims, claim)
		end = max(end, c.end)
	}
	for _, c := range charts {
		c.end = end
	}
	p.Caption = strings.Join(claims, "; ")
	var legend []*look
	for _, l := range []*look{running, waitGIL, native, holds, blocked, starting} {
		if used[l] {
			legend = append(legend, l)
		}
	}
	for _, c := range charts {
		for _, l := range c.lanes {
			if slices.ContainsFunc(l.marks, func(m mark) bool { return m.shape == "tick" }) {
				return picture(p, charts, legend, "Red tick: asks the holder to drop the GIL. Tick in the colour of the text: the holder drops it, at its next check point.")
			}
		}
	}
	return picture(p, charts, legend)
}

type timelineChart struct {
	chart
	gil bool
}

// busyTracks are the tracks that have something to draw: a main thread that only
// starts others needs no lane. If there are none, all are shown.
func busyTracks(events []trace.Event) []trace.Track {
	busy := map[trace.Track]bool{}
	for _, e := range events {
		if timelineLooks[e.Kind] != nil {
			busy[place(e.Track)] = true
		}
	}
	all := trace.Tracks(events)
	if len(busy) == 0 {
		return all
	}
	return slices.DeleteFunc(all, func(t trace.Track) bool { return !busy[place(t)] })
}

func timeline(p *Picture, rec *trace.Recorder, used map[*look]bool) (timelineChart, string) {
	events := rec.Events()
	c := timelineChart{chart: chart{virtual: rec.Virtual}}
	row := map[trace.Track]int{}
	var strips strips
	var switches int
	owners := map[int]*look{}
	for _, t := range busyTracks(events) {
		row[place(t)] = len(c.lanes)
		strips.add(t.Process, len(c.lanes))
		c.lanes = append(c.lanes, lane{name: t.Name})
	}
	for _, e := range events {
		c.end = max(c.end, e.End())
		i, shown := row[place(e.Track)]
		if !shown {
			continue
		}
		l := &c.lanes[i]
		switch look := timelineLooks[e.Kind]; {
		case look != nil:
			used[look] = true
			what := look.name
			if e.Name != "" {
				what = e.Name
			}
			l.spans = append(l.spans, span{from: e.At, to: e.End(), look: look, label: e.Name,
				title: fmt.Sprintf("%s: %s, %s – %s (%s)", e.Track.Name, what, dur(e.At), dur(e.End()), dur(e.Dur))})
			p.rows = append(p.rows, []string{e.Track.Name, dur(e.At), dur(e.Dur), what})
			if e.Kind == trace.Run {
				owner := strips.of(e.Track.Process)
				owner.spans = append(owner.spans, span{from: e.At, to: e.End(), label: e.Track.Name, title: e.Track.Name + " owns the GIL",
					look: ownerLook(owners, i, e.Track.Name)})
			}
		case e.Kind == trace.Switch:
			c.gil, strips.of(e.Track.Process).gil = true, true
			switches++
		case e.Kind == trace.DropRequest:
			l.marks = append(l.marks, mark{at: e.At, shape: "tick", colour: vermillion, char: '!', title: fmt.Sprintf("%s asks %s to drop the GIL at %s", e.Track.Name, e.Name, dur(e.At))})
		case e.Kind == trace.Drop:
			l.marks = append(l.marks, mark{at: e.At, shape: "tick", colour: "", title: fmt.Sprintf("%s drops the GIL at its check point, at %s", e.Track.Name, dur(e.At))})
		case e.Kind == trace.Finish:
			l.marks = append(l.marks, mark{at: e.At, shape: "dot", colour: grey, title: e.Track.Name + " ends at " + dur(e.At)})
		}
	}
	for i := range c.lanes { // what a thread does while it holds the GIL is drawn over that
		slices.SortStableFunc(c.lanes[i].spans, func(a, b span) int { return btoi(b.look == running) - btoi(a.look == running) })
	}
	runs := func(l *look) bool { return l == running }
	claim := fmt.Sprintf("two or more ran bytecode at once for %s of %s", ms(overlap(c.lanes, runs)), ms(c.end))
	switch waits := func(l *look) bool { return l == blocked }; {
	case c.gil && sum(c.lanes, runs) == 0 && sum(c.lanes, waits) > 0:
		// no strip of owners, nobody is one
		claim = fmt.Sprintf("up to %s at once, for %s in all, the GIL released; no bytecode took time",
			count(most(c.lanes, waits), "thread")+verb(most(c.lanes, waits)), dur(c.end))
	case c.gil:
		waited := sum(c.lanes, func(l *look) bool { return l == waitGIL })
		claim = fmt.Sprintf("overlap of running: %s (%s), changed hands %d times, waited for it %s in all", ms(overlap(c.lanes, runs)), strips.locks(), switches, ms(waited))
		if d := slowest(events); d > 0 {
			claim += ", longest way from request to check point " + dur(d)
		}
		c.lanes = strips.over(c.lanes)
	}
	if n := rec.Dropped(); n > 0 {
		claim += fmt.Sprintf(" (%d later events were not recorded)", n)
	}
	return c, claim
}

// strips are the strips of owners, one for each interpreter, in the order of
// their threads' lanes.
type strips []*strip

// strip shows who owns one interpreter's GIL; it stands over the lane first.
type strip struct {
	lane
	process, first int
	gil            bool // there is a GIL
}

func (ss *strips) add(process, at int) {
	if ss.of(process) == nil {
		*ss = append(*ss, &strip{lane: lane{name: "owner of the GIL"}, process: process, first: at})
	}
}

func (ss strips) of(process int) *strip {
	for _, s := range ss {
		if s.process == process {
			return s
		}
	}
	return nil
}

func (ss strips) locks() string {
	n := 0
	for _, s := range ss {
		if s.gil {
			n++
		}
	}
	if n == 1 {
		return "GIL"
	}
	return fmt.Sprintf("%d GILs", n)
}

// over puts each strip over the lanes of its interpreter.
func (ss strips) over(lanes []lane) []lane {
	var all []lane
	for i, l := range lanes {
		for n, s := range ss {
			if !s.gil || s.first != i {
				continue
			}
			if len(ss) > 1 {
				s.name = fmt.Sprintf("GIL %d is with", n+1)
			}
			all = append(all, s.lane)
		}
		all = append(all, l)
	}
	return all
}

// ownerLook is that of a thread in the strip of owners: one each, so that
// neighbours of one thread can be merged.
func ownerLook(known map[int]*look, i int, name string) *look {
	if known[i] == nil {
		known[i] = &look{name: name, fill: fill{colour: actor(i)}, char: byte('1' + i%9)}
	}
	return known[i]
}

// verb is what so many threads do that wait.
func verb(threads int) string {
	if threads == 1 {
		return " waits"
	}
	return " wait"
}

func slowest(events []trace.Event) (d time.Duration) {
	for _, r := range trace.Requests(events) {
		d = max(d, r.Delay())
	}
	return d
}
