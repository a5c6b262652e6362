package viz

import (
	"fmt"
	"strings"
)

// The palette of Okabe and Ito (2008): apart for all common kinds of colour
// vision, and visible on black and on white.
const (
	orange     = "#E69F00"
	sky        = "#56B4E9"
	green      = "#009E73"
	yellow     = "#F0E442"
	blue       = "#0072B2"
	vermillion = "#D55E00"
	purple     = "#CC79A7"
	grey       = "#999999"
)

// actors colours threads, tasks and outcomes in order.
var actors = []string{sky, orange, green, purple, yellow, blue, vermillion}

func actor(i int) string { return actors[i%len(actors)] }

// ink is the colour of text on a fill.
func ink(fill string) string {
	if fill == blue {
		return "#fff"
	}
	return "#000" // at least 5:1 on all the others
}

// canvas collects SVG elements. Coordinates are pixels of the unscaled picture.
type canvas struct {
	b             strings.Builder
	width, height float64
	shapes        int
	hatches       []string // fills that are used hatched
	arrows        bool
}

func newCanvas(width float64) *canvas { return &canvas{width: width} }

// fill is how an area looks.
type fill struct {
	colour string
	hatch  bool // diagonal lines in the colour on nothing
	pale   bool // a quarter of it, for text on it in the page's colour
	dashed bool // outline
}

func (c *canvas) fillOf(f fill) string {
	switch {
	case f.colour == "":
		return "none"
	case f.hatch:
		for _, h := range c.hatches {
			if h == f.colour {
				return "url(#@-" + h[1:] + ")"
			}
		}
		c.hatches = append(c.hatches, f.colour)
		return "url(#@-" + f.colour[1:] + ")"
	}
	return f.colour
}

// rect draws an area with an outline and a tooltip.
func (c *canvas) rect(x, y, w, h float64, f fill, title string) {
	c.shapes++
	dash := ""
	if f.dashed {
		dash = ` stroke-dasharray="3 2"`
	}
	if f.pale {
		dash += ` fill-opacity=".25"`
	}
	stroke := f.colour
	if stroke == "" {
		stroke = "currentColor"
	}
	fmt.Fprintf(&c.b, `<rect class="s" x="%s" y="%s" width="%s" height="%s" fill="%s" stroke="%s" stroke-width=".7"%s`,
		num(x), num(y), num(max(w, 0.5)), num(h), c.fillOf(f), stroke, dash)
	c.end("rect", title)
}

func (c *canvas) end(element, title string) {
	if title == "" {
		c.b.WriteString("/>")
		return
	}
	fmt.Fprintf(&c.b, "><title>%s</title></%s>", esc(title), element)
}

// stroke is how a line looks; an empty colour is that of the text.
type stroke struct {
	colour  string
	width   float64
	dashed  bool
	faint   bool
	arrow   bool
	tooltip string
}

func (s stroke) attributes() string {
	colour, width := s.colour, s.width
	if colour == "" {
		colour = "currentColor"
	}
	if width == 0 {
		width = 1
	}
	a := fmt.Sprintf(`stroke="%s" stroke-width="%s" fill="none"`, colour, num(width))
	if s.dashed {
		a += ` stroke-dasharray="4 3"`
	}
	if s.faint {
		a += ` opacity=".3"`
	}
	return a
}

func (c *canvas) line(x1, y1, x2, y2 float64, s stroke) {
	c.shapes++
	a := s.attributes()
	if s.arrow {
		c.arrows = true
		a += ` marker-end="url(#@-arrow)"`
	}
	fmt.Fprintf(&c.b, `<line x1="%s" y1="%s" x2="%s" y2="%s" %s`, num(x1), num(y1), num(x2), num(y2), a)
	c.end("line", s.tooltip)
}

// path draws a curve given in SVG's own words.
func (c *canvas) path(d string, s stroke, area string) {
	c.shapes++
	a := s.attributes()
	if s.arrow {
		c.arrows = true
		a += ` marker-end="url(#@-arrow)"`
	}
	if area != "" {
		a = strings.Replace(a, `fill="none"`, `fill="`+area+`"`, 1)
	}
	fmt.Fprintf(&c.b, `<path d="%s" %s`, d, a)
	c.end("path", s.tooltip)
}

func (c *canvas) circle(x, y, r float64, f fill, title string) {
	c.shapes++
	fmt.Fprintf(&c.b, `<circle class="s" cx="%s" cy="%s" r="%s" fill="%s" stroke="currentColor" stroke-width=".8"`,
		num(x), num(y), num(r), c.fillOf(f))
	c.end("circle", title)
}

// textStyle is how a text looks.
type textStyle struct {
	size   float64 // 11 if zero
	colour string
	anchor string // "", "middle", "end"
	bold   bool
	mono   bool
	faint  bool
}

func (c *canvas) text(x, y float64, s string, st textStyle) {
	if s == "" {
		return
	}
	c.shapes++
	size, colour := st.size, st.colour
	if size == 0 {
		size = 11
	}
	if colour == "" {
		colour = "currentColor"
	}
	fmt.Fprintf(&c.b, `<text x="%s" y="%s" font-size="%s" fill="%s"`, num(x), num(y), num(size), colour)
	if st.anchor != "" {
		fmt.Fprintf(&c.b, ` text-anchor="%s"`, st.anchor)
	}
	if st.bold {
		c.b.WriteString(` font-weight="600"`)
	}
	if st.mono {
		c.b.WriteString(` font-family="'DejaVu Sans Mono', Menlo, monospace" xml:space="preserve"`)
	}
	if st.faint {
		c.b.WriteString(` opacity=".75"`)
	}
	fmt.Fprintf(&c.b, ">%s</text>", esc(s))
}

// svg is the elements with the definitions they need. Identifiers carry a hash
// of the drawing, since a page may hold many pictures.
func (c *canvas) svg() string {
	var defs strings.Builder
	for _, h := range c.hatches {
		fmt.Fprintf(&defs, `<pattern id="@-%s" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">`+
			`<rect width="6" height="6" fill="%s" opacity=".25"/><rect width="2.4" height="6" fill="%s"/></pattern>`, h[1:], h, h)
	}
	if c.arrows {
		defs.WriteString(`<marker id="@-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerUnits="userSpaceOnUse" markerWidth="8" markerHeight="8" orient="auto">` +
			`<path d="M0 0L8 4L0 8z" fill="currentColor"/></marker>`)
	}
	body := c.b.String()
	if defs.Len() > 0 {
		body = "<defs>" + defs.String() + "</defs>" + body
	}
	return strings.ReplaceAll(strings.ReplaceAll(body, `"@-`, `"bz`+hash(body)+"-"), "(#@-", "(#bz"+hash(body)+"-")
}
