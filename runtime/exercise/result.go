package exercise

import (
	"encoding/json"
	"fmt"
	"html"
	"strconv"
	"strings"

	"braid/runtime/viz"
)

// Verdict is what one check says. Equal programs get equal verdicts, in JSON to
// the byte.
type Verdict struct {
	Check   string  `json:"check"`
	Passed  bool    `json:"passed"`
	Points  float64 `json:"points"`
	Max     float64 `json:"max"`
	Message string  `json:"message"`
	// Waits tells that the check passed and its points wait for those that say
	// what the program should do.
	Waits bool `json:"waits,omitempty"`
	// Places are the student's lines that the message is about, as far as they
	// are known.
	Places []Place `json:"places,omitempty"`
	// Searched says how many schedules were run, and whether those were all.
	Searched string `json:"searched,omitempty"`
	// As names an earlier check whose picture shows the same schedule.
	As string `json:"as,omitempty"`
	// Replay repeats the schedule of Picture: explore.Replay.
	Replay  string       `json:"replay,omitempty"`
	Picture *viz.Picture `json:"-"`
}

// Result is a graded exercise. It is shown when it is a cell's result; its
// Score alone is the number that graders of notebooks take as partial credit.
type Result struct {
	Name     string    `json:"name"`
	Score    float64   `json:"score"`
	Max      float64   `json:"max"`
	Verdicts []Verdict `json:"verdicts"`
}

// Passed tells whether every check did.
func (r *Result) Passed() bool {
	for _, v := range r.Verdicts {
		if !v.Passed {
			return false
		}
	}
	return len(r.Verdicts) > 0
}

// JSON is the result for a grader, with the pictures as plain text.
func (r *Result) JSON() string {
	type withText struct {
		Verdict
		Picture string `json:"picture,omitempty"`
	}
	all := make([]withText, len(r.Verdicts))
	for i, v := range r.Verdicts {
		all[i].Verdict = v
		if v.Picture != nil {
			all[i].Picture = v.Picture.String()
		}
	}
	b, err := json.MarshalIndent(struct {
		Name     string     `json:"name"`
		Score    float64    `json:"score"`
		Max      float64    `json:"max"`
		Verdicts []withText `json:"verdicts"`
	}{r.Name, r.Score, r.Max, all}, "", "  ")
	if err != nil { // NaN points
		return fmt.Sprintf(`{"name":%q,"error":%q}`, r.Name, err)
	}
	return string(b) + "\n"
}

func points(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// String is the result as plain text, pictures included.
func (r *Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s of %s points\n", r.Name, points(r.Score), points(r.Max))
	shown, more := r.shown()
	for _, v := range shown {
		fmt.Fprintf(&b, "%s %s (%s/%s): %s\n", v.sign(), v.Check, points(v.Points), points(v.Max), v.words())
		for _, p := range v.Places {
			b.WriteString("    " + p.String() + "\n")
		}
		if v.Picture != nil {
			b.WriteString("    " + strings.ReplaceAll(strings.TrimRight(v.Picture.String(), "\n"), "\n", "\n    ") + "\n")
		}
	}
	return strings.TrimRight(b.String()+more, "\n")
}

// Verdicts are shown one by one up to longList, of more only failedShown that
// failed: a page of verdicts is read by nobody.
const (
	longList    = 8
	failedShown = 3
)

// shown are the verdicts to show, and a line about the rest.
func (r *Result) shown() (verdicts []Verdict, more string) {
	if len(r.Verdicts) <= longList {
		return r.Verdicts, ""
	}
	failed := 0
	for _, v := range r.Verdicts {
		if v.Passed {
			continue
		}
		if failed++; failed <= failedShown {
			verdicts = append(verdicts, v)
		}
	}
	more = fmt.Sprintf("%d of %d checks pass.", len(r.Verdicts)-failed, len(r.Verdicts))
	if failed > failedShown {
		more = fmt.Sprintf("… and %d more like these. %s", failed-failedShown, more)
	}
	return verdicts, more
}

// words is the message, and why it has no points.
func (v Verdict) words() string {
	text := v.Message
	if v.As != "" {
		text += fmt.Sprintf(" The picture of %q shows it.", v.As)
	}
	if v.Waits {
		text += " It counts as soon as the rest is right."
	}
	return text
}

func (v Verdict) sign() string {
	switch {
	case v.Waits:
		return "○"
	case v.Passed:
		return "✓"
	}
	return "✗"
}

// MIMEBundle is the result as a page with pictures, and as text.
func (r *Result) MIMEBundle() map[string]any {
	return map[string]any{"text/html": r.HTML(), "text/plain": r.String()}
}

// HTML is the result as a list, with a picture under each check that failed.
func (r *Result) HTML() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<div class="braid-exercise" style="color:var(--jp-content-font-color1,currentColor)"><div style="font-weight:600;margin:4px 0">%s: %s of %s points</div>`,
		html.EscapeString(r.Name), points(r.Score), points(r.Max))
	shown, more := r.shown()
	searched := ""
	for _, v := range shown {
		colour := "#009E73"
		switch {
		case v.Waits:
			colour = "#888888"
		case !v.Passed:
			colour = "#D55E00"
		}
		fmt.Fprintf(&b, `<div style="border-left:4px solid %s;padding:2px 8px;margin:6px 0"><b>%s %s</b> (%s/%s)<br/>%s`,
			colour, v.sign(), html.EscapeString(v.Check), points(v.Points), points(v.Max), html.EscapeString(v.words()))
		for _, p := range v.Places {
			b.WriteString("<br/>" + p.html())
		}
		if v.Searched != searched && v.Searched != "" {
			searched = v.Searched
			fmt.Fprintf(&b, `<br/><small>Searched: %s.</small>`, html.EscapeString(v.Searched))
		}
		if v.Picture != nil {
			b.WriteString(v.Picture.HTML())
		}
		if v.Replay != "" && v.As == "" && v.Picture == nil { // captions say it
			fmt.Fprintf(&b, `<br/><small>Replay: <code>%s</code></small>`, html.EscapeString(v.Replay))
		}
		b.WriteString("</div>")
	}
	b.WriteString(html.EscapeString(more) + "</div>")
	return b.String()
}
