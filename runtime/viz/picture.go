package viz

import (
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"html"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Limits of a picture's drawing. A notebook with fifty of them still opens at once.
const (
	maxShapes = 2000
	maxBytes  = 200_000
	maxRows   = 200
)

// Picture is a drawing with its claim. It is shown when it is a cell's result.
type Picture struct {
	Title string
	// Caption is the claim, computed from what is drawn.
	Caption string
	// Shapes counts the shapes of the drawing, Merged the events that were too
	// small or too many to have a shape of their own.
	Shapes, Merged int

	drawing       string // SVG elements
	width, height float64
	header        []string // of the table
	rows          [][]string
	text          string // the drawing as plain text
}

// MIMEBundle is the picture as Jupyter's display_data has it: text/html,
// image/svg+xml and text/plain.
func (p *Picture) MIMEBundle() map[string]any {
	return map[string]any{"text/html": p.HTML(), "image/svg+xml": p.SVG(), "text/plain": p.String()}
}

// String is the picture in characters, with title and caption.
func (p *Picture) String() string {
	return p.Title + "\n" + strings.TrimRight(p.text, "\n") + "\n" + p.claim()
}

// Markdown is String as a block of code.
func (p *Picture) Markdown() string { return "```text\n" + p.String() + "\n```\n" }

func (p *Picture) claim() string {
	if p.Merged == 0 {
		return p.Caption
	}
	return fmt.Sprintf("%s (merged %d small or repeated events)", p.Caption, p.Merged)
}

// SVG is a file of its own, black on white, with the claim under the drawing.
func (p *Picture) SVG() string {
	lines := wrap(p.claim(), p.width-16, 12)
	below := 14 + 16*float64(len(lines))
	var text strings.Builder
	for i, l := range lines {
		fmt.Fprintf(&text, `<text x="8" y="%s" font-size="12" fill="currentColor">%s</text>`, num(p.height+16*float64(i+1)), esc(l))
	}
	return p.file(below, text.String())
}

// file is the drawing as a file, with something more in a strip below it.
func (p *Picture) file(below float64, more string) string {
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s" %s style="color:#1a1a1a;background:#fff">`+
		`<title>%s</title><rect width="100%%" height="100%%" fill="#fff"/>%s</svg>`,
		num(p.width), num(p.height+below), p.frame(below), esc(p.Title+": "+p.claim()), p.drawing+more)
}

// wrap breaks a text into lines of a width, at most eight.
func wrap(s string, width, size float64) (lines []string) {
	line := ""
	for _, word := range strings.Fields(s) {
		switch {
		case line == "":
			line = word
		case wide(line+" "+word, size) <= width:
			line += " " + word
		case len(lines) == 7:
			return append(lines, cut(line+" …", width, size))
		default:
			lines, line = append(lines, cut(line, width, size)), word
		}
	}
	return append(lines, cut(line, width, size))
}

// frame is what both forms of the svg element share.
func (p *Picture) frame(below float64) string {
	return fmt.Sprintf(`viewBox="0 0 %s %s" role="img" aria-label="%s" font-family="system-ui, 'DejaVu Sans', Helvetica, Arial, sans-serif"`,
		num(p.width), num(p.height+below), esc(p.Title+": "+p.claim()))
}

// style is scoped by its class. It also chooses between the two forms of the
// drawing: where it arrives, the live one is shown.
const style = `<style>.braid-viz .live{display:block!important}.braid-viz .still{display:none!important}` +
	`.braid-viz .s:hover{opacity:.65}.braid-viz table{border-collapse:collapse;font-size:12px}` +
	`.braid-viz td,.braid-viz th{padding:1px 8px;text-align:left;border-bottom:1px solid currentColor}` +
	`@media print{.braid-viz{color:#000!important}.braid-viz details{display:none}}</style>`

// tooltip is the title of a shape, which an image does not show.
var tooltip = regexp.MustCompile(`<title>[^<]*</title>`)

// HTML is the drawing inside a page, with its table folded.
//
// The drawing is in it twice. An SVG element takes the colours of the page and
// has tooltips, but front ends take it out of a notebook that they do not trust
// yet, as one that was executed elsewhere, and leave its texts; with it goes the
// style element. An image, which stays, is shown there: JupyterLab's sanitizer
// keeps img and the display of a style attribute (apputils, sanitizer.ts).
func (p *Picture) HTML() string {
	var b strings.Builder
	b.WriteString(`<div class="braid-viz" style="color:var(--jp-content-font-color1,currentColor);max-width:100%">` + style)
	fmt.Fprintf(&b, `<div style="font-weight:600;margin:4px 0">%s</div>`, esc(p.Title))
	fmt.Fprintf(&b, `<div class="live" style="display:none"><svg xmlns="http://www.w3.org/2000/svg" width="100%%" style="max-width:%spx;height:auto" %s>%s</svg></div>`,
		num(p.width), p.frame(0), p.drawing)
	fmt.Fprintf(&b, `<img class="still" alt="%s" style="max-width:100%%" src="data:image/svg+xml;base64,%s"/>`,
		esc(p.Title+": "+p.claim()), base64.StdEncoding.EncodeToString([]byte(tooltip.ReplaceAllString(p.file(0, ""), ""))))
	fmt.Fprintf(&b, `<div style="margin:4px 0">%s</div>`, esc(p.claim()))
	p.table(&b)
	b.WriteString("</div>")
	return b.String()
}

func (p *Picture) table(b *strings.Builder) {
	if len(p.rows) == 0 {
		return
	}
	fmt.Fprintf(b, `<details><summary>As a table (%d rows)</summary><table><thead><tr>`, len(p.rows))
	for _, h := range p.header {
		fmt.Fprintf(b, `<th scope="col">%s</th>`, esc(h))
	}
	b.WriteString("</tr></thead><tbody>")
	for _, row := range p.rows[:min(len(p.rows), maxRows)] {
		b.WriteString("<tr>")
		for _, cell := range row {
			fmt.Fprintf(b, "<td>%s</td>", esc(cell))
		}
		b.WriteString("</tr>")
	}
	b.WriteString("</tbody></table>")
	if more := len(p.rows) - maxRows; more > 0 {
		fmt.Fprintf(b, "<p>… and %d more</p>", more)
	}
	b.WriteString("</details>")
}

// take makes the canvas the picture's drawing.
func (p *Picture) take(c *canvas) *Picture {
	p.drawing, p.width, p.height, p.Shapes = c.svg(), c.width, c.height, c.shapes
	return p
}

// wrong is the picture that says what a call should have been given.
func wrong(title, format string, args ...any) *Picture {
	p := &Picture{Title: title, Caption: fmt.Sprintf(format, args...)}
	c := newCanvas(640)
	c.height = 30
	c.text(8, 20, p.Caption, textStyle{size: 12})
	p.text = "(nothing to draw)"
	return p.take(c)
}

func esc(s string) string { return html.EscapeString(clean(s)) }

// clean drops what XML cannot hold.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == utf8.RuneError || r == 0xFFFE || r == 0xFFFF {
			return -1
		}
		return r
	}, s)
}

// num writes a coordinate with at most one decimal.
func num(f float64) string {
	s := fmt.Sprintf("%.1f", f)
	return strings.TrimSuffix(s, ".0")
}

// wide is the width of a text in pixels, nearly: DejaVu Sans, the widest of the
// usual ones, has 0.6 em a character.
func wide(s string, size float64) float64 { return float64(utf8.RuneCountInString(s)) * size * 0.6 }

// cut shortens s to a width.
func cut(s string, width, size float64) string {
	const rounding = 1e-6
	if wide(s, size) <= width+rounding {
		return s
	}
	n := int((width+rounding)/(size*0.6)) - 1
	if n < 1 {
		return ""
	}
	return string([]rune(s)[:n]) + "…"
}

// fit is cut, or nothing if hardly anything would be left.
func fit(s string, width, size float64) string {
	if wide(s, size) > width && width < 6*size*0.6 {
		return ""
	}
	return cut(s, width, size)
}

func hash(s string) string {
	h := fnv.New32a()
	h.Write([]byte(s))
	return fmt.Sprintf("%08x", h.Sum32())
}
