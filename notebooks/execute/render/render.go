// Package render shows notebooks outside Jupyter: as one self-contained page
// of HTML, and as text for a terminal.
//
// It stands behind execute, and reads documents only. It promises that nothing
// in a notebook, neither Markdown nor what cells put out, makes a page run
// scripts or load anything: text is escaped, HTML is sanitised, SVG is shown as
// an image. Mathematics stays as it is written.
package render

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"html/template"
	"io"
	"regexp"
	"strings"
	"sync"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	goldhtml "github.com/yuin/goldmark/renderer/html"

	"braid/notebooks/nbformat"
)

//go:embed page.html
var pageText string

var page = sync.OnceValue(func() *template.Template { return template.Must(template.New("page").Parse(pageText)) })

type pageData struct {
	Title string
	Cells []cellData
}

type cellData struct {
	Anchor  string
	Kind    string // of nbformat.CellType
	Count   string
	Body    template.HTML
	Outputs []outputData
}

type outputData struct {
	Class string
	Body  template.HTML
}

// HTML is nb as a page. name is its title if the notebook's metadata has none.
func HTML(nb *nbformat.Notebook, name string) ([]byte, error) {
	data := pageData{Title: name}
	if title, ok := nb.Metadata["title"].(string); ok && title != "" {
		data.Title = title
	}
	for i, c := range nb.Cells {
		if strings.TrimSpace(c.Source) == "" && len(c.Outputs) == 0 {
			continue
		}
		data.Cells = append(data.Cells, cell(i, c))
	}
	var b bytes.Buffer
	if err := page().Execute(&b, data); err != nil {
		return nil, fmt.Errorf("making the page: %w", err)
	}
	return b.Bytes(), nil
}

func cell(i int, c *nbformat.Cell) cellData {
	d := cellData{Anchor: fmt.Sprintf("cell-%d", i+1), Kind: string(c.Type)}
	switch c.Type {
	case nbformat.Markdown:
		d.Body = markdown(attach(c.Source, c.Attachments))
		return d
	case nbformat.Code:
		d.Body = goCode(c.Source)
	default:
		d.Body = escape(c.Source)
	}
	if c.ExecutionCount != nil {
		d.Count = fmt.Sprint(*c.ExecutionCount)
	}
	for _, o := range c.Outputs {
		d.Outputs = append(d.Outputs, output(o))
	}
	return d
}

func output(o *nbformat.Output) outputData {
	switch o.Type {
	case nbformat.Stream:
		return outputData{"stream " + class(o.Name), pre(ansi(carriage(o.Text)))}
	case nbformat.Error:
		return outputData{"error", pre(ansi(strings.Join(o.Traceback, "\n")))}
	}
	return outputData{class(string(o.Type)), bundle(o.Data)}
}

// class is s if it can be a class name.
func class(s string) string {
	if s == "" || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return "other"
	}
	return s
}

// richest lists the types that can be shown, the best first.
var richest = []struct {
	mime string
	show func(string) template.HTML
}{
	{"text/html", sanitise},
	{"image/svg+xml", func(s string) template.HTML {
		return image("image/svg+xml", base64.StdEncoding.EncodeToString([]byte(s)))
	}},
	{"image/png", func(s string) template.HTML { return image("image/png", s) }},
	{"image/jpeg", func(s string) template.HTML { return image("image/jpeg", s) }},
	{"image/gif", func(s string) template.HTML { return image("image/gif", s) }},
	{"text/markdown", markdown},
	{"text/latex", func(s string) template.HTML { return pre(escape(s)) }},
	{"text/plain", func(s string) template.HTML { return pre(ansi(s)) }},
}

func bundle(data map[string]any) template.HTML {
	for _, r := range richest {
		if s, ok := data[r.mime].(string); ok {
			return r.show(s)
		}
	}
	if v, ok := data["application/json"]; ok {
		var b strings.Builder
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false) // escape does it, readably
		enc.SetIndent("", "  ")
		if enc.Encode(v) == nil {
			return pre(escape(strings.TrimSpace(b.String())))
		}
	}
	return "<em>output of a type that a page cannot show</em>"
}

func escape(s string) template.HTML { return template.HTML(html.EscapeString(s)) }

func pre(inner template.HTML) template.HTML { return "<pre>" + inner + "</pre>" }

var notBase64 = regexp.MustCompile(`[^A-Za-z0-9+/=]`)

func image(mime, data string) template.HTML {
	return template.HTML(`<img alt="output" src="data:` + mime + `;base64,` + notBase64.ReplaceAllString(data, "") + `">`)
}

var converter = sync.OnceValue(func() goldmark.Markdown {
	return goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(goldhtml.WithUnsafe()))
})

// markdown renders, raw HTML included, then sanitises.
func markdown(source string) template.HTML {
	var b bytes.Buffer
	if err := converter().Convert([]byte(source), &b); err != nil {
		return pre(escape(source))
	}
	return sanitise(b.String())
}

// attach puts a cell's attachments into its source as data URIs.
func attach(source string, attachments map[string]map[string]any) string {
	for name, bundle := range attachments {
		for mime, v := range bundle {
			if data, ok := v.(string); ok && strings.HasPrefix(mime, "image/") {
				source = strings.ReplaceAll(source, "(attachment:"+name+")", "(data:"+mime+";base64,"+notBase64.ReplaceAllString(data, "")+")")
			}
		}
	}
	return source
}

// Text writes what the code cells of nb put out. Errors are written, too, but
// for those of the cell with index failed (-1: no such cell): whoever executed
// the notebook tells why it ended there.
func Text(w io.Writer, nb *nbformat.Notebook, failed int) error {
	var b strings.Builder
	for i, c := range nb.Cells {
		for _, o := range c.Outputs {
			if o.Type != nbformat.Error || i != failed {
				text(&b, o)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func text(b *strings.Builder, o *nbformat.Output) {
	s := o.Text
	switch o.Type {
	case nbformat.Error:
		s = StripANSI(strings.Join(o.Traceback, "\n"))
	case nbformat.ExecuteResult, nbformat.DisplayData:
		var ok bool
		if s, ok = o.Data["text/plain"].(string); !ok {
			s = "[an output without a form in text]"
		}
	}
	b.WriteString(s)
	if s != "" && !strings.HasSuffix(s, "\n") {
		b.WriteByte('\n')
	}
}
