// Package claim ends a demonstration with a verdict: a statement that was made
// about Python or Go, what was just observed, and whether the statement stands.
//
//	claim.Wrong("G9", free < held, "with the GIL %v, without it %v", held, free)
//
// As the last expression of a cell the verdict is shown. If the observation is
// not as it must be, the cell fails with an AssertionError, so that a notebook
// which no longer proves what it says cannot be executed to its end.
//
// It stands beside package exercise, which grades a student's program; this
// package judges a text.
package claim

import (
	"fmt"
	"html"
	"strings"

	rt "braid/runtime"
)

// The verdicts, from best to worst.
const (
	holds       = "holds"
	conditional = "holds with a condition"
	outdated    = "outdated"
	misleading  = "misleading"
	wrong       = "wrong"
)

// Verdict is the judgement of one claim with the observations that led to it.
type Verdict struct {
	ID       string // "G9"
	Judgment string // "wrong"
	Findings []string
}

// Holds says that the claim id stands as it was made. observed must be true,
// else Holds panics with an AssertionError; the finding says what was observed,
// in the form of fmt.Sprintf if there are args. So do the functions below.
func Holds(id string, observed bool, finding string, args ...any) *Verdict {
	return verdict(id, holds, observed, finding, args)
}

// Conditional says that the claim stands under a condition that it does not
// mention; the finding should name it.
func Conditional(id string, observed bool, finding string, args ...any) *Verdict {
	return verdict(id, conditional, observed, finding, args)
}

// Outdated says that the claim stood once.
func Outdated(id string, observed bool, finding string, args ...any) *Verdict {
	return verdict(id, outdated, observed, finding, args)
}

// Misleading says that the claim can be read so that it stands, and will be
// read otherwise.
func Misleading(id string, observed bool, finding string, args ...any) *Verdict {
	return verdict(id, misleading, observed, finding, args)
}

// Wrong says that the claim does not stand.
func Wrong(id string, observed bool, finding string, args ...any) *Verdict {
	return verdict(id, wrong, observed, finding, args)
}

func verdict(id, judgment string, observed bool, finding string, args []any) *Verdict {
	return (&Verdict{ID: id, Judgment: judgment}).And(observed, finding, args...)
}

// And adds an observation to the same verdict; it, too, must be true.
func (v *Verdict) And(observed bool, finding string, args ...any) *Verdict {
	if len(args) > 0 {
		finding = fmt.Sprintf(finding, args...)
	}
	if !observed {
		panic(rt.Raise("AssertionError", "claim %s is not shown, this was not observed: %s", v.ID, finding))
	}
	v.Findings = append(v.Findings, finding)
	return v
}

// String is the verdict on a line, its findings below.
func (v *Verdict) String() string {
	return "✓ " + v.ID + " " + v.Judgment + ": " + strings.Join(v.Findings, "\n  ")
}

// hues are colours of Okabe and Ito: readable on light and dark pages.
var hues = map[string]string{
	holds: "#009E73", conditional: "#56B4E9", outdated: "#E69F00", misleading: "#E69F00", wrong: "#D55E00",
}

// HTML is the verdict as a box.
func (v *Verdict) HTML() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<div style="border-left:4px solid %s;padding:2px 0 2px 10px"><b>%s %s</b>`,
		hues[v.Judgment], html.EscapeString(v.ID), v.Judgment)
	for _, f := range v.Findings {
		b.WriteString("<br>✓ " + html.EscapeString(f))
	}
	return b.String() + "</div>"
}

// Verdicts are several verdicts of one cell.
type Verdicts []*Verdict

// All is for a cell that settles more than one claim.
func All(all ...*Verdict) Verdicts { return all }

func (vs Verdicts) String() string {
	lines := make([]string, len(vs))
	for i, v := range vs {
		lines[i] = v.String()
	}
	return strings.Join(lines, "\n")
}

// HTML is one box under the other.
func (vs Verdicts) HTML() string {
	var b strings.Builder
	for _, v := range vs {
		b.WriteString(strings.Replace(v.HTML(), "style=\"", "style=\"margin:4px 0;", 1))
	}
	return b.String()
}
