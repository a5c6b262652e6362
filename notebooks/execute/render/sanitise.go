package render

import (
	"html/template"
	"net/url"
	"slices"
	"strings"
	"sync"

	"golang.org/x/net/html"
)

// The sanitiser lets through what is listed and drops the rest. bluemonday
// would do as much, but compiling its patterns costs every start of the program,
// kernels and workers included, 2 ms. The page's Content-Security-Policy is the
// second wall: it forbids scripts and loading whatever the markup says.

// elements may stand in a page.
var elements = words(`a abbr b blockquote br caption center cite code col colgroup dd del details dfn div dl dt em
 figcaption figure h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp small span strike strong sub summary sup
 table tbody td tfoot th thead time tr tt u ul var wbr
 svg g path rect circle ellipse line polyline polygon text tspan title desc defs lineargradient radialgradient stop marker clippath`)

// hollow elements go with all that is in them; of other unlisted ones the
// content stays.
var hollow = words(`script style iframe object embed applet noscript template textarea select math foreignobject frameset audio video canvas`)

// attributes may stand on any element. Those of URLs are checked besides.
var attributes = words(`align alt aria-label border cellpadding cellspacing class colspan datetime dir height href id lang open
 role rowspan scope src start style title type valign value width
 clip-path cx cy d dominant-baseline dx dy fill fill-opacity font-family font-size font-style font-weight gradientunits
 marker-end marker-start offset opacity pathlength points preserveaspectratio r rx ry stroke stroke-dasharray stroke-linecap
 stroke-linejoin stroke-opacity stroke-width stop-color stop-opacity text-anchor transform viewbox x x1 x2 y y1 y2`)

// words is the set of the words of s, made when it is first looked into.
func words(s string) func(word string) bool {
	set := sync.OnceValue(func() map[string]bool {
		set := map[string]bool{}
		for w := range strings.FieldsSeq(s) {
			set[w] = true
		}
		return set
	})
	return func(word string) bool { return set()[word] }
}

// sanitise gives markup that shows text and pictures and does nothing else.
// Elements that the markup leaves open are closed.
func sanitise(markup string) template.HTML {
	var b strings.Builder
	var open []string
	in := html.NewTokenizer(strings.NewReader(markup))
	for {
		switch in.Next() {
		case html.ErrorToken: // the end; the tokenizer takes everything as something
			for _, name := range slices.Backward(open) {
				b.WriteString("</" + name + ">")
			}
			return template.HTML(b.String())
		case html.TextToken:
			b.WriteString(html.EscapeString(string(in.Text())))
		case html.StartTagToken, html.SelfClosingTagToken:
			open = start(&b, in, open)
		case html.EndTagToken:
			open = end(&b, in.Token().Data, open)
		}
	}
}

func start(b *strings.Builder, in *html.Tokenizer, open []string) []string {
	t := in.Token()
	if hollow(t.Data) && t.Type == html.StartTagToken {
		skip(in, t.Data)
		return open
	}
	if !elements(t.Data) {
		return open
	}
	t.Attr = slices.DeleteFunc(t.Attr, func(a html.Attribute) bool { return !harmless(t.Data, a) })
	b.WriteString(t.String())
	if t.Type == html.SelfClosingTagToken || void(t.Data) {
		return open
	}
	return append(open, t.Data)
}

var void = words("br col hr img wbr")

// end closes the innermost element of that name and what is open in it; an end
// without a start is dropped, so that a page's own elements stay open.
func end(b *strings.Builder, name string, open []string) []string {
	at := len(open) - 1
	for at >= 0 && open[at] != name {
		at--
	}
	if at < 0 {
		return open
	}
	for _, inner := range slices.Backward(open[at:]) {
		b.WriteString("</" + inner + ">")
	}
	return open[:at]
}

// skip reads up to the end of a hollow element.
func skip(in *html.Tokenizer, name string) {
	for depth := 1; depth > 0; {
		switch in.Next() {
		case html.ErrorToken:
			return
		case html.StartTagToken:
			if tag, _ := in.TagName(); string(tag) == name {
				depth++
			}
		case html.EndTagToken:
			if tag, _ := in.TagName(); string(tag) == name {
				depth--
			}
		}
	}
}

func harmless(element string, a html.Attribute) bool {
	switch {
	case a.Namespace != "" || !attributes(a.Key):
		return false
	case a.Key == "src":
		return element == "img" && isImageData(a.Val)
	case a.Key == "href":
		return element == "a" && isLink(a.Val)
	case a.Key == "style" || strings.Contains(a.Val, "("):
		return harmlessStyle(a.Val)
	}
	return true
}

// isImageData takes raster images and SVG; an SVG in an img runs no scripts.
func isImageData(s string) bool {
	kind, ok := strings.CutPrefix(s, "data:image/")
	return ok && slices.ContainsFunc([]string{"png;", "jpeg;", "gif;", "webp;", "svg+xml;"}, func(p string) bool {
		return strings.HasPrefix(kind, p)
	})
}

func isLink(s string) bool {
	u, err := url.Parse(strings.TrimSpace(s))
	return err == nil && slices.Contains([]string{"", "http", "https", "mailto"}, u.Scheme)
}

// harmlessStyle refuses what could load something or hide what it says: url()
// but for fragments of the page, escapes, comments and at-rules.
func harmlessStyle(s string) bool {
	s = strings.ReplaceAll(strings.ToLower(s), "url(#", "(")
	return !strings.ContainsAny(s, `\@`) && !strings.Contains(s, "url") && !strings.Contains(s, "/*") &&
		!strings.Contains(s, "image") && !strings.Contains(s, "expression") && !strings.Contains(s, "position")
}
