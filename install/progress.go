package install

import (
	"fmt"
	"io"
)

// progress prints what is being done. On a terminal the small steps overwrite
// each other on one line; elsewhere each has a line of its own.
type progress struct {
	out      io.Writer
	terminal bool
	open     bool // the cursor stands behind a step
}

func newProgress(out io.Writer, terminal bool) *progress {
	if out == nil {
		out = io.Discard
	}
	return &progress{out: out, terminal: terminal}
}

// line prints something to stay.
func (p *progress) line(s string) {
	p.close()
	fmt.Fprintln(p.out, s)
}

// step prints something that the next step makes obsolete.
func (p *progress) step(s string) {
	if !p.terminal {
		fmt.Fprintln(p.out, "  "+s)
		return
	}
	const width = 76 // fits the narrowest common terminal, so that no step wraps
	if r := []rune(s); len(r) > width {
		s = string(r[:width-1]) + "…"
	}
	fmt.Fprintf(p.out, "\r\x1b[K  %s", s)
	p.open = true
}

func (p *progress) close() {
	if p.open {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.open = false
	}
}
