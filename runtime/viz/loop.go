package viz

import (
	"fmt"
	"slices"
	"time"

	"braid/runtime/trace"
)

var (
	step      = &look{name: "runs", fill: fill{colour: green}, char: '#'}
	callback  = &look{name: "loop runs callbacks", fill: fill{colour: blue}, char: '#'}
	selecting = &look{name: "loop waits (select)", fill: fill{colour: grey}, char: '.', bare: true}
	suspended = &look{name: "suspended", fill: fill{colour: grey, dashed: true}, char: '-', thin: true}
)

// Loop is picture V4: an event loop and its tasks. The top lane is the loop,
// busy or waiting; a task's lane is filled while it runs, a thin line with the
// reason while it is suspended, and ends in a dot. Arrows lead from what woke a
// task to its next step. One long bar, with everybody else bunching behind it,
// is a blocking call.
func Loop(of any) *Picture {
	p := &Picture{Title: "The event loop and its tasks", header: []string{"lane", "from", "for", "what"}}
	rec, _, err := source(of)
	if err != nil {
		return wrong(p.Title, "%v", err)
	}
	b := &loopChart{p: p, events: rec.Events(), row: map[trace.Track]int{}, named: map[string]string{}}
	b.virtual = rec.Virtual
	b.addLanes()
	b.watched = slices.ContainsFunc(b.events, func(e trace.Event) bool { return e.Kind == trace.Callback })
	for _, e := range b.events {
		b.add(e)
	}
	b.arrows()
	b.claim()
	var legend []*look
	for _, l := range []*look{callback, selecting, step, suspended, native, blocked} {
		if slices.ContainsFunc(b.lanes, func(ln lane) bool {
			return slices.ContainsFunc(ln.spans, func(s span) bool { return s.look == l })
		}) {
			legend = append(legend, l)
		}
	}
	return picture(p, []*chart{&b.chart}, legend)
}

type loopChart struct {
	chart
	p       *Picture
	events  []trace.Event
	row     map[trace.Track]int
	loop    trace.Track // its lane is the first
	longest trace.Event
	steps   int
	watched bool              // Callbacks were recorded, one for each step
	named   map[string]string // what the loop calls a task → the name of its lane
}

func place(t trace.Track) trace.Track { return trace.Track{Process: t.Process, Lane: t.Lane} }

// addLanes puts the loop first: the track that selects, or the first one.
func (b *loopChart) addLanes() {
	tracks := trace.Tracks(b.events)
	for _, e := range b.events {
		if e.Kind == trace.Select || e.Kind == trace.Ready {
			b.loop = place(e.Track)
			break
		}
	}
	slices.SortStableFunc(tracks, func(x, y trace.Track) int {
		switch {
		case place(x) == b.loop && place(y) != b.loop:
			return -1
		case place(y) == b.loop && place(x) != b.loop:
			return 1
		}
		return 0
	})
	for _, t := range tracks {
		b.row[place(t)] = len(b.lanes)
		b.lanes = append(b.lanes, lane{name: t.Name})
	}
	first := map[trace.Track]string{} // the names that tasks began with
	for _, e := range b.events {
		if e.Kind == trace.Start {
			b.named[e.Track.Name] = taskName(e)
			b.lanes[b.row[place(e.Track)]].name = taskName(e)
			first[place(e.Track)] = e.Track.Name
		} else if made, seen := first[place(e.Track)]; seen && made != e.Track.Name { // by set_name
			b.lanes[b.row[place(e.Track)]].name = e.Track.Name
		}
	}
}

func (b *loopChart) add(e trace.Event) {
	b.end = max(b.end, e.End())
	onLoop := place(e.Track) == b.loop
	l := &b.lanes[b.row[place(e.Track)]]
	what := e.Name
	if name := b.named[what]; onLoop && name != "" {
		what = name
	}
	label := what
	var k *look
	switch e.Kind {
	case trace.Ready:
		b.levels, b.curve = append(b.levels, level{e.At, e.Value}), "ready queue"
		return
	case trace.Select:
		k = selecting
	case trace.Callback, trace.Run:
		k = step
		if onLoop {
			k = callback
		}
		if e.Kind == trace.Callback || !b.watched { // not the task's record of it, too
			b.steps++
		}
		if e.Dur > b.longest.Dur {
			b.longest = e
		}
		if !onLoop { // the loop is busy while a task runs
			b.lanes[0].spans = append(b.lanes[0].spans, span{from: e.At, to: e.End(), look: callback, title: "runs " + e.Track.Name})
		}
	case trace.Suspend:
		k = suspended
	case trace.NativeIn:
		k = native
	case trace.Blocked:
		k = blocked
	case trace.Finish:
		l.marks = append(l.marks, mark{at: e.At, shape: "dot", colour: purple, char: 'o', title: e.Track.Name + " is done at " + dur(e.At)})
		return
	default:
		return
	}
	if what == "" {
		what = k.name
	}
	title := fmt.Sprintf("%s: %s, %s – %s", e.Track.Name, what, dur(e.At), dur(e.End()))
	b.p.rows = append(b.p.rows, []string{e.Track.Name, dur(e.At), dur(e.Dur), what})
	if e.Dur == 0 && k != selecting { // in virtual time a step takes none
		l.marks = append(l.marks, mark{at: e.At, shape: "tick", colour: k.fill.colour, char: k.char, title: title})
		return
	}
	l.spans = append(l.spans, span{from: e.At, to: e.End(), look: k, label: label, title: title})
}

func (b *loopChart) arrows() {
	causes := map[uint64]trace.Event{}
	for _, e := range b.events {
		if e.Flow == 0 {
			continue
		}
		cause, seen := causes[e.Flow]
		if !seen {
			causes[e.Flow] = e
			continue
		}
		from, to := b.row[place(cause.Track)], b.row[place(e.Track)]
		if from != to {
			b.chart.arrows = append(b.chart.arrows, arrow{from: from, to: to, at: cause.At, until: e.At, title: fmt.Sprintf("%s wakes %s at %s", cause.Track.Name, e.Track.Name, dur(cause.At))})
		}
	}
}

func (b *loopChart) claim() {
	tasks := b.lanes[min(1, len(b.lanes)):]
	is := func(l *look) bool { return l == step }
	busy := covered(b.lanes[:min(1, len(b.lanes))], func(l *look) bool { return l == callback })
	b.p.Caption = fmt.Sprintf("%s, at most one runs at a time (overlap %s); %s in %s, ",
		count(len(tasks), "task"), ms(overlap(tasks, is)), count(b.steps, "step"), dur(b.end))
	if busy > 0 {
		b.p.Caption += fmt.Sprintf("the loop was busy %s of it", dur(busy))
	} else {
		b.p.Caption += "none of which took time"
	}
	if overlap(tasks, is) > 0 {
		b.p.Caption = fmt.Sprintf("%s in several loops or threads, overlap %s, in %s", count(len(tasks), "task"), ms(overlap(tasks, is)), dur(b.end))
	}
	if b.longest.Dur >= slowCallback {
		who := b.lanes[b.row[place(b.longest.Track)]].name
		if place(b.longest.Track) == b.loop && b.longest.Name != "" {
			who = b.longest.Name
		}
		b.p.Caption += fmt.Sprintf("; %s blocked the loop for %s: nobody else ran meanwhile", who, dur(b.longest.Dur))
	}
}

// slowCallback is asyncio's loop.slow_callback_duration.
const slowCallback = 100 * time.Millisecond
