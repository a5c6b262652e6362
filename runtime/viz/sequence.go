package viz

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	rt "braid/runtime"
)

// Sequence is picture V12: who drives whom. Each frame (a function, a generator,
// a coroutine, the loop) has a lifeline, and control is passed along it: down by
// a call, back by what was yielded or returned. A lifeline is a bar while its
// frame runs, a dashed line while it is suspended, and ends in a cross. Frames
// appear in the order in which they are first named; the first message's sender
// has control in the beginning.
//
// The methods record; Picture draws what was recorded until then, as a cell does
// whose result is the Sequence. They may be called from several goroutines, as
// the bodies of generators are. A message of a frame that does not have control
// is kept as the Sequence's error, and Picture shows it.
//
// The form is that of UML's sequence diagram; PEP 342 and PEP 380 describe what
// it shows: send, yield, and the StopIteration at the end.
type Sequence struct {
	title  string
	mu     sync.Mutex
	names  []string
	says   []message
	active string // who has control
	err    error
}

type message struct {
	from, to, text string
	kind           messageKind
}

type messageKind byte

const (
	makes messageKind = iota
	calls
	answers
	ends
	notes
)

var messageText = map[messageKind]string{makes: "makes", calls: "calls", answers: "answers", ends: "ends", notes: "notes"}

// NewSequence begins a picture. The frames may be named, to fix their order.
func NewSequence(title string, frames ...string) *Sequence {
	return &Sequence{title: title, names: frames}
}

// Make records that from creates the frame made, which does not run yet.
func (s *Sequence) Make(from, made, says string) { s.add(message{from, made, says, makes}) }

// Call records that from passes control to another frame and waits.
func (s *Sequence) Call(from, to, says string) { s.add(message{from, to, says, calls}) }

// Answer records that from gives control back and is suspended.
func (s *Sequence) Answer(from, to, says string) { s.add(message{from, to, says, answers}) }

// End records that from gives control back for good: it has returned or raised.
func (s *Sequence) End(from, to, says string) { s.add(message{from, to, says, ends}) }

// Note records what happens in a frame without passing control.
func (s *Sequence) Note(in, says string) { s.add(message{in, in, says, notes}) }

// Step makes a call of a frame's next or send and records it with its outcome:
// an Answer that yields the value, or an End with the exception. It returns what
// the call did.
func (s *Sequence) Step(from, to, says string, next func() (any, error)) (any, error) {
	s.Call(from, to, says)
	v, err := next()
	if err != nil {
		s.End(to, from, err.Error())
		return v, err
	}
	s.Answer(to, from, "yields "+rt.Repr(v))
	return v, nil
}

func (s *Sequence) add(m message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range []string{m.from, m.to} {
		if !slices.Contains(s.names, name) {
			s.names = append(s.names, name)
		}
	}
	if s.active == "" {
		s.active = m.from
	}
	if s.err == nil {
		s.err = s.refuse(m)
	}
	s.says = append(s.says, m)
	if m.kind != makes && m.kind != notes {
		s.active = m.to
	}
}

// refuse says what is wrong with a message.
func (s *Sequence) refuse(m message) error {
	n := len(s.says) + 1
	switch {
	case m.from == "" || m.to == "":
		return fmt.Errorf("message %d (%s) names no frame", n, m.text)
	case m.from == m.to && m.kind != notes:
		return fmt.Errorf("message %d (%s) goes from %s to itself: use Note", n, m.text, m.from)
	case s.active != m.from:
		return fmt.Errorf("message %d (%s) comes from %s, but control is with %s: record the call or answer in between", n, m.text, m.from, s.active)
	case m.kind != makes && s.ended(m.to):
		return fmt.Errorf("message %d (%s) goes to %s, which has ended: record the refusal as a Note", n, m.text, m.to)
	}
	return nil
}

func (s *Sequence) ended(name string) bool {
	return slices.ContainsFunc(s.says, func(m message) bool { return m.kind == ends && m.from == name })
}

// MIMEBundle shows the Sequence as a cell's result.
func (s *Sequence) MIMEBundle() map[string]any { return s.Picture().MIMEBundle() }

const (
	sequenceRows = 60 // messages drawn
	sequenceRow  = 24.0
	sequenceTop  = 40.0
)

// Picture draws what was recorded so far.
func (s *Sequence) Picture() *Picture {
	s.mu.Lock()
	defer s.mu.Unlock()
	title := s.title
	if title == "" {
		title = "Who drives whom"
	}
	p := &Picture{Title: title, header: []string{"step", "from", "to", "what", "says"}}
	switch {
	case s.err != nil:
		return wrong(title, "%v", s.err)
	case len(s.names) == 0:
		return wrong(title, "nothing was recorded: call Make, Call, Answer, End or Note")
	case len(s.names) > 6:
		return wrong(title, "%d frames are more than a picture of this kind can hold (6)", len(s.names))
	}
	drawn := s.says[:min(len(s.says), sequenceRows)]
	p.Merged = len(s.says) - len(drawn)
	d := sequenceDrawing{canvas: newCanvas(chartWidth), names: s.names}
	d.drawLifelines(drawn)
	for i, m := range drawn {
		d.drawMessage(i, m)
	}
	d.height = sequenceTop + sequenceRow*(float64(len(drawn))+0.6) + 10
	p.text = sequenceText(s.names, drawn)
	for i, m := range s.says {
		p.rows = append(p.rows, []string{fmt.Sprint(i + 1), m.from, m.to, messageText[m.kind], m.text})
	}
	p.Caption = sequenceClaim(s.names, s.says)
	return p.take(d.canvas)
}

type sequenceDrawing struct {
	*canvas
	names []string
}

// x is the place of a lifeline: between them is room for labels, after the last
// one for notes.
func (d sequenceDrawing) x(i int) float64 {
	return 80 + float64(i)*(chartWidth-80-180)/float64(max(len(d.names)-1, 1))
}

func (d sequenceDrawing) row(i int) float64 { return sequenceTop + sequenceRow*(float64(i)+0.75) }

// stretch is a part of a lifeline in which its frame is in one state.
type stretch struct {
	from, to float64
	state    string // "", "suspended", "runs", "ended"
}

// stretches are the states of one frame, message by message.
func (d sequenceDrawing) stretches(name string, says []message) []stretch {
	all := []stretch{{from: sequenceTop - 12}}
	change := func(at float64, to string) {
		if last := &all[len(all)-1]; last.state != to && last.state != "ended" {
			last.to = at
			all = append(all, stretch{from: at, state: to})
		}
	}
	if len(says) > 0 && says[0].from == name {
		change(sequenceTop-8, "runs")
	}
	for i, m := range says {
		y := d.row(i)
		switch {
		case m.kind == makes && m.to == name:
			change(y, "suspended")
		case m.kind == makes || m.kind == notes:
		case m.from == name && m.kind == ends:
			change(y, "ended")
		case m.from == name:
			change(y, "suspended")
		case m.to == name:
			change(y, "runs")
		}
	}
	all[len(all)-1].to = d.row(len(says)) - sequenceRow*0.2
	return all
}

func (d sequenceDrawing) drawLifelines(says []message) {
	for i, name := range d.names {
		x, colour := d.x(i), actor(i)
		room := min(150, (chartWidth-260)/float64(max(len(d.names)-1, 1))-10)
		label := cut(name, room-12, 11)
		w := wide(label, 11) + 16
		for _, st := range d.stretches(name, says) {
			switch st.state {
			case "":
				d.line(x, st.from, x, st.to, stroke{faint: true})
			case "suspended":
				d.line(x, st.from, x, st.to, stroke{dashed: true, tooltip: name + " is suspended"})
			case "runs":
				d.canvas.rect(x-5, st.from, 10, st.to-st.from, fill{colour: colour}, name+" runs")
			case "ended":
				d.path(fmt.Sprintf("M%s %sl10 10m0 -10l-10 10", num(x-5), num(st.from+2)), stroke{width: 2, tooltip: name + " has ended"}, "")
			}
		}
		d.canvas.rect(x-w/2, 6, w, 20, fill{colour: colour}, name)
		d.text(x, 20, label, textStyle{anchor: "middle", bold: true, colour: ink(colour)})
	}
}

func (d sequenceDrawing) drawMessage(i int, m message) {
	from, to := slices.Index(d.names, m.from), slices.Index(d.names, m.to)
	y, x1, x2 := d.row(i), d.x(from), d.x(to)
	if m.kind == notes {
		d.circle(x1, y-4, 3, fill{colour: "#333333"}, m.text)
		d.text(x1+12, y, cut(m.text, d.width-x1-16, 11), textStyle{bold: true})
		return
	}
	side := 6.0
	if x2 < x1 {
		side = -6
	}
	d.line(x1+side, y, x2-side, y, stroke{arrow: true, dashed: m.kind != calls, tooltip: m.text})
	next := d.x(from + 1) // the label stands before the next lifeline
	if x2 < x1 {
		next = d.x(from - 1)
	}
	label := cut(m.text, max(x1, next)-min(x1, next)-20, 10.5)
	d.text((x1+next)/2, y-4, label, textStyle{size: 10.5, anchor: "middle", bold: m.kind == ends})
}

// sequenceText has a column a frame, as the drawing has.
func sequenceText(names []string, says []message) string {
	var b strings.Builder
	const column = 16
	for _, n := range names {
		fmt.Fprintf(&b, "%-*s", column, cut(n, column-2, 1/0.6))
	}
	b.WriteString("\n")
	signs := map[messageKind][2]string{makes: {"..>", "<.."}, calls: {"-->", "<--"}, answers: {"--)", "(--"}, ends: {"--x", "x--"}}
	for _, m := range says {
		from, to := slices.Index(names, m.from), slices.Index(names, m.to)
		row := []byte(strings.Repeat(" ."+strings.Repeat(" ", column-2), len(names)))
		if m.kind == notes {
			row[from*column+1] = '*'
		} else {
			a, z := min(from, to)*column+2, max(from, to)*column+1
			copy(row[a:z], strings.Repeat("-", z-a))
			if from < to {
				copy(row[z-3:z], signs[m.kind][0])
			} else {
				copy(row[a:a+3], signs[m.kind][1])
			}
		}
		b.WriteString(string(row) + m.text + "\n")
	}
	return b.String()
}

// sequenceClaim says how often each frame but the first ran, and what became of it.
func sequenceClaim(names []string, says []message) string {
	passed := 0
	runs, state := map[string]int{}, map[string]string{}
	for _, m := range says {
		switch m.kind {
		case notes:
			continue
		case makes:
			state[m.to] = "is made and never runs"
			continue
		case ends:
			state[m.from] = "has ended"
		default:
			state[m.from] = "is suspended"
		}
		passed++
		runs[m.to]++
		state[m.to] = "has control"
	}
	parts := []string{"control passes " + count(passed, "time") + ", and is in one place at a time"}
	for _, n := range names[1:] {
		switch {
		case runs[n] == 0 && state[n] == "":
			parts = append(parts, n+" never runs")
		case runs[n] == 0:
			parts = append(parts, n+" "+state[n])
		default:
			parts = append(parts, fmt.Sprintf("%s runs %s and %s", n, count(runs[n], "time"), state[n]))
		}
	}
	return strings.Join(parts, "; ")
}
