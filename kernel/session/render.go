package session

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"

	"braid/kernel/eval"
)

// ANSI codes of tracebacks; front ends turn them into colours.
const (
	red   = "\x1b[31m" // not bold: JupyterLab makes that dark, on a dark background in its dark theme
	bold  = "\x1b[1m"  // of places: no other colour is legible on the backgrounds of errors
	dim   = "\x1b[2m"
	reset = "\x1b[0m"
)

const (
	// maxFrames is how many calls of a stack are shown; of longer ones the inner
	// and the outermost.
	maxFrames   = 24
	outerFrames = 4
	// maxErrors is how many errors of one cell are shown.
	maxErrors = 20
	// maxColumns is how much of a source line is shown around the place that is meant.
	maxColumns = 120
)

// sources finds the text of a cell by the name that positions have for it.
type sources func(cell string) string

// render puts an error into the words and pictures that a learner sees.
func render(e *eval.Error, text sources) *Failure {
	r := renderer{text: text}
	if e.Name == eval.CompileError {
		r.compileErrors(e)
	} else {
		r.failure(e)
	}
	return &Failure{EName: e.Name, EValue: evalue(e), Traceback: r.lines}
}

// evalue is an error in one line, as nbclient and nbgrader show it.
func evalue(e *eval.Error) string {
	if e.Name != eval.CompileError {
		return e.Value
	}
	value := firstLine(e.Value)
	if e.Pos.Line > 0 {
		value = fmt.Sprintf("%d:%d: %s", e.Pos.Line, e.Pos.Column, value)
	}
	switch n := len(e.More); n {
	case 0:
		return value
	case 1:
		return value + " (and 1 more error)"
	default:
		return fmt.Sprintf("%s (and %d more errors)", value, n)
	}
}

type renderer struct {
	text  sources
	lines []string
}

// printf adds lines. A front end may show each by itself, so colours end at the
// end of a line.
func (r *renderer) printf(format string, args ...any) {
	colour := ""
	for line := range strings.SplitSeq(fmt.Sprintf(format, args...), "\n") {
		line = colour + line
		i := strings.LastIndex(line, "\x1b[")
		if colour = ""; i >= 0 && !strings.HasPrefix(line[i:], reset) {
			colour = line[i : i+strings.IndexByte(line[i:], 'm')+1]
			line += reset
		}
		r.lines = append(r.lines, line)
	}
}

// compileErrors shows the errors because of which a cell did not run.
func (r *renderer) compileErrors(e *eval.Error) {
	all := append([]*eval.Error{e}, e.More...)
	count := "1 error"
	if len(all) > 1 {
		count = fmt.Sprintf("%d errors", len(all))
	}
	r.printf("%s%s%s: the cell was not run, it has %s", red, e.Name, reset, count)
	for i, e := range all {
		if i == maxErrors {
			r.printf("… and %d more errors", len(all)-i)
			break
		}
		if at := place(e.Pos); at != "" {
			r.printf("%s%s%s: %s", bold, at, reset, e.Value)
		} else {
			r.printf("%s", e.Value)
		}
		r.source(e.Pos, true)
		r.notes(e)
	}
}

// failure shows what ended a running cell.
func (r *renderer) failure(e *eval.Error) {
	r.printf("%s%s%s", red, headline(e), reset)
	frames := e.Frames
	if e.Pos.Line > 0 && (len(frames) == 0 || frames[0].Pos.Line != e.Pos.Line || frames[0].Pos.Cell != e.Pos.Cell) {
		r.printf("%s%s%s", bold, place(e.Pos), reset)
		r.source(e.Pos, true)
	}
	r.frames(frames)
	r.notes(e)
	for i, more := range e.More {
		if i == maxErrors {
			r.printf("… and %d more errors", len(e.More)-i)
			break
		}
		r.lines = append(r.lines, "")
		r.failure(more)
	}
}

// headline is what went wrong, in Go's words where Go has some.
func headline(e *eval.Error) string {
	switch e.Name {
	case eval.Panic, eval.RuntimeError:
		return "panic: " + e.Value
	case eval.FatalError:
		if strings.HasPrefix(e.Value, "fatal error: ") || strings.HasPrefix(e.Value, "panic: ") {
			return e.Value
		}
		return "fatal error: " + e.Value
	case eval.Interrupted:
		return e.Name + ": the cell was stopped"
	case eval.Deadlock:
		if strings.HasPrefix(e.Value, "fatal error: ") {
			return e.Value
		}
	}
	return e.Name + ": " + e.Value
}

// frames shows a stack, innermost call first. A run of calls from the same place
// is shown once.
func (r *renderer) frames(all []eval.Frame) {
	var folded []eval.Frame
	var times []int
	for _, f := range all {
		if n := len(folded); n > 0 && folded[n-1] == f {
			times[n-1]++
			continue
		}
		folded, times = append(folded, f), append(times, 1)
	}
	hidden := 0
	if len(folded) > maxFrames {
		hidden = len(folded) - maxFrames
	}
	for i := 0; i < len(folded); i++ {
		if hidden > 0 && i == maxFrames-outerFrames {
			r.printf("    … %d more calls", hidden)
			i += hidden
		}
		r.frame(folded[i], times[i], i == 0)
	}
}

func (r *renderer) frame(f eval.Frame, times int, innermost bool) {
	at := f.Pos.Cell
	if f.Pos.Line > 0 {
		at += ":" + strconv.Itoa(f.Pos.Line)
	}
	again := ""
	if times > 1 {
		again = fmt.Sprintf(" (%d times)", times)
	}
	switch {
	case f.Created:
		r.printf("created by go statement at %s%s%s%s", bold, at, reset, again)
	case f.Func == "" && at == "": // a call that cannot be named
		return
	case f.Func == "":
		r.printf("%s%s%s%s", bold, at, reset, again)
	case at == "":
		r.printf("in %s%s", f.Func, again)
	default:
		r.printf("%s%s%s in %s%s", bold, at, reset, f.Func, again)
	}
	r.source(f.Pos, innermost)
}

func (r *renderer) notes(e *eval.Error) {
	for _, note := range e.Notes {
		r.printf("%s→ %s%s", dim, note, reset)
	}
}

func place(p eval.Pos) string {
	switch {
	case p.Line == 0:
		return p.Cell
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.Cell, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.Cell, p.Line, p.Column)
}

// source shows the line at p, and with caret what column is meant.
func (r *renderer) source(p eval.Pos, caret bool) {
	if p.Line <= 0 {
		return
	}
	line, ok := lineOf(r.text(p.Cell), p.Line)
	if !ok || strings.TrimSpace(line) == "" {
		return
	}
	line, col := window(line, p.Column-1)
	number := strconv.Itoa(p.Line)
	r.lines = append(r.lines, fmt.Sprintf("%s%5s │%s %s", dim, number, reset, line))
	if caret && p.Column > 0 && col <= len(line) {
		r.lines = append(r.lines, fmt.Sprintf("%s      │%s %s%s^%s", dim, reset, under(line[:col]), red, reset))
	}
}

func lineOf(text string, n int) (string, bool) {
	for range n - 1 {
		_, rest, ok := strings.Cut(text, "\n")
		if !ok {
			return "", false
		}
		text = rest
	}
	line, _, _ := strings.Cut(text, "\n")
	return strings.TrimRight(line, "\r"), true
}

// window cuts a long line to what stands around byte col, and makes what a
// terminal would act on harmless.
func window(line string, col int) (string, int) {
	line = strings.Map(func(r rune) rune {
		if r != '\t' && unicode.IsControl(r) {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(line, "?"))
	if utf8.RuneCountInString(line) <= maxColumns {
		return line, col
	}
	start := max(0, min(col, len(line))-maxColumns/2)
	for start > 0 && !utf8.RuneStart(line[start]) {
		start--
	}
	end := min(start+maxColumns, len(line))
	for end < len(line) && !utf8.RuneStart(line[end]) {
		end++
	}
	cut := line[start:end]
	if end < len(line) {
		cut += "…"
	}
	if start == 0 {
		return cut, col
	}
	return "…" + cut, col - start + len("…")
}

// under is white space as wide as text: tabs stay, wide characters count twice,
// combining ones not at all.
func under(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\t':
			b.WriteByte('\t')
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		default:
			b.WriteByte(' ')
			if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
				b.WriteByte(' ')
			}
		}
	}
	return b.String()
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
