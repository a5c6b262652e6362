package viz

import (
	"fmt"
	"strings"
)

// Move is a step in the life of a generator or coroutine: what was called, and
// the state after it, or the exception that it raised instead.
type Move struct {
	Call  string // "send(None)"
	State string // CREATED, SUSPENDED, SUSPENDED_YIELD_FROM, EXECUTING, COMPLETED; empty: unchanged
	Error string // "TypeError: can't send non-None value to a just-started generator"
}

type stateBox struct {
	name string
	x, y float64
}

// The states of Include/internal/pycore_frame.h, as inspect.getgeneratorstate
// and getcoroutinestate name them; SUSPENDED_YIELD_FROM is shown apart since a
// throw goes to the inner one then.
var stateBoxes = []stateBox{
	{"CREATED", 60, 60}, {"EXECUTING", 330, 60}, {"SUSPENDED", 330, 150}, {"SUSPENDED_YIELD_FROM", 540, 150}, {"COMPLETED", 600, 60},
}

// usual are the edges of the diagram.
var usual = []struct{ from, to, label string }{
	{"CREATED", "EXECUTING", "send(None), next()"},
	{"EXECUTING", "SUSPENDED", "yield"},
	{"SUSPENDED", "EXECUTING", "send(v)"},
	{"EXECUTING", "SUSPENDED_YIELD_FROM", "await, yield from"},
	{"SUSPENDED_YIELD_FROM", "EXECUTING", ""},
	{"EXECUTING", "COMPLETED", "return, raise"},
	{"CREATED", "COMPLETED", "close()"},
}

// States is picture V11: the states that a generator or coroutine may be in,
// with the path that one took: which calls led where, and which were refused
// with which error. kind is "generator", "coroutine" or "async generator".
func States(kind string, moves ...Move) *Picture {
	p := &Picture{Title: "The life of a " + kind, header: []string{"step", "call", "state", "error"}}
	if strings.HasPrefix(kind, "a") {
		p.Title = "The life of an " + kind
	}
	c := newCanvas(chartWidth)
	visits := map[string]int{}
	taken := map[[2]string]bool{}
	state := "CREATED"
	visits[state]++
	var text strings.Builder
	text.WriteString("    CREATED\n")
	refused := 0
	for i, m := range moves {
		p.rows = append(p.rows, []string{fmt.Sprint(i + 1), m.Call, m.State, m.Error})
		if m.Error != "" {
			refused++
		}
		next := m.State
		if next == "" {
			next = state
		}
		if next != state || m.Error == "" {
			takeEdge(taken, state, next, m.Call)
		}
		visits[next]++
		state = next
		line := fmt.Sprintf("%3d %-24s → %s", i+1, m.Call, state)
		if m.Error != "" {
			line += "   ! " + m.Error
		}
		text.WriteString(line + "\n")
	}
	drawEdges(c, taken)
	for _, b := range stateBoxes {
		drawState(c, b, visits[b.name], b.name == state)
	}
	y := drawMoves(c, p, moves, 206)
	c.height = y + 4
	p.Caption = fmt.Sprintf("%s, now %s", count(len(moves), "call"), state)
	if refused > 0 {
		p.Caption += fmt.Sprintf("; %d raised an exception", refused)
	}
	if state == "COMPLETED" {
		p.Caption += "; a completed one never runs again"
	}
	p.text = text.String()
	return p.take(c)
}

// takeEdge marks the way from one resting state to the next: it leads through
// EXECUTING, but for a close before the start.
func takeEdge(taken map[[2]string]bool, from, to, call string) {
	closed := from == "CREATED" && to == "COMPLETED" && strings.Contains(call, "close")
	if closed || to == "EXECUTING" || from == "EXECUTING" {
		taken[[2]string{from, to}] = true
		return
	}
	taken[[2]string{from, "EXECUTING"}], taken[[2]string{"EXECUTING", to}] = true, true
}

const boxHeight = 30.0

func boxWidth(name string) float64 { return wide(name, 11) + 24 }

func drawState(c *canvas, b stateBox, visits int, now bool) {
	f, st := fill{}, textStyle{anchor: "middle", bold: now}
	if visits > 0 {
		f = fill{colour: sky}
		st.colour = ink(sky)
	}
	if now {
		f = fill{colour: orange}
		st.colour = ink(orange)
	}
	w := boxWidth(b.name)
	c.rect(b.x, b.y, w, boxHeight, f, fmt.Sprintf("%s, reached %d times", b.name, visits))
	if f.colour == "" {
		c.rect(b.x, b.y, w, boxHeight, fill{dashed: true}, "never reached")
	}
	if now {
		c.path(fmt.Sprintf("M%s %sh%sv%sh-%sz", num(b.x-3), num(b.y-3), num(w+6), num(boxHeight+6), num(w+6)), stroke{width: 1.6}, "")
	}
	c.text(b.x+w/2, b.y+19, b.name, st)
}

func findState(name string) stateBox {
	for _, b := range stateBoxes {
		if b.name == name {
			return b
		}
	}
	return stateBoxes[0]
}

func drawEdges(c *canvas, taken map[[2]string]bool) {
	for _, e := range usual {
		a, b := findState(e.from), findState(e.to)
		s := stroke{arrow: true, faint: true, tooltip: e.from + " → " + e.to}
		if taken[[2]string{e.from, e.to}] {
			s.faint, s.width = false, 2
		}
		drawEdge(c, a, b, e.label, s)
	}
}

func drawEdge(c *canvas, a, b stateBox, label string, s stroke) {
	aw, bw := boxWidth(a.name), boxWidth(b.name)
	label2 := textStyle{size: 10, anchor: "middle", faint: s.faint}
	switch {
	case a.name == "CREATED" && b.name == "COMPLETED":
		x1, x2 := a.x+aw/2, b.x+bw/2
		c.path(fmt.Sprintf("M%s %sC%s 10 %s 10 %s %s", num(x1), num(a.y), num(x1+60), num(x2-60), num(x2), num(b.y-1)), s, "")
		c.text((x1+x2)/2, 18, label, label2)
	case a.y == b.y:
		y := a.y + boxHeight/2
		c.line(a.x+aw, y, b.x-2, y, s)
		c.text((a.x+aw+b.x)/2, y-5, label, label2)
	case b.name == "SUSPENDED":
		c.line(a.x+aw*0.65, a.y+boxHeight, b.x+bw*0.65, b.y-2, s)
		label2.anchor = ""
		c.text(a.x+aw*0.65+6, a.y+boxHeight+40, label, label2)
	case a.name == "SUSPENDED":
		c.line(a.x+aw*0.25, a.y, b.x+bw*0.25, b.y+boxHeight+2, s)
		label2.anchor = "end"
		c.text(a.x+aw*0.25-6, b.y+boxHeight+40, label, label2)
	case b.name == "SUSPENDED_YIELD_FROM":
		c.path(fmt.Sprintf("M%s %sL%s %s", num(a.x+aw), num(a.y+boxHeight-2), num(b.x+60), num(b.y-2)), s, "")
		label2.anchor = ""
		c.text(b.x+24, b.y-34, label, label2)
	default:
		c.path(fmt.Sprintf("M%s %sL%s %s", num(a.x+26), num(a.y), num(b.x+bw-14), num(b.y+boxHeight+2)), s, "")
	}
}

// drawMoves lists the calls under the diagram; those that were refused, and so
// changed nothing, have a red cross.
func drawMoves(c *canvas, p *Picture, moves []Move, y float64) float64 {
	const most = 30
	state := "CREATED"
	for i, m := range moves[:min(len(moves), most)] {
		moved := m.State != "" && m.State != state
		c.text(26, y+10, fmt.Sprint(i+1), textStyle{size: 10, anchor: "end", faint: true})
		c.text(34, y+10, cut(m.Call, 170, 11), textStyle{mono: true})
		switch {
		case m.Error != "" && moved:
			to := "→ " + m.State + "  "
			c.text(214, y+10, to, textStyle{})
			c.text(214+wide(to, 11)+8, y+10, cut(m.Error, chartWidth-230-wide(to, 11), 11), textStyle{bold: true})
		case m.Error != "":
			c.path(fmt.Sprintf("M214 %sl8 8m0 -8l-8 8", num(y+2)), stroke{colour: vermillion, width: 2}, "")
			c.text(228, y+10, cut(m.Error, chartWidth-236, 11), textStyle{bold: true})
		case m.State != "":
			c.text(214, y+10, "→ "+m.State, textStyle{})
		}
		if moved {
			state = m.State
		}
		y += 17
	}
	if more := len(moves) - most; more > 0 {
		p.Merged += more
		c.text(34, y+10, fmt.Sprintf("… %d more calls", more), textStyle{faint: true})
		y += 17
	}
	return y
}
