package render

import (
	"flag"
	"os"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"braid/notebooks/nbformat"
)

var update = flag.Bool("update", false, "write the golden page anew")

func TestPageIsAsItWas(t *testing.T) {
	nb, err := nbformat.ReadFile("testdata/page.ipynb")
	if err != nil {
		t.Fatal(err)
	}
	got, err := HTML(nb, "page")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("testdata/page.html", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/page.html")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("the page differs from testdata/page.html (-update writes it anew):\n%s", got)
	}
}

func TestSanitise(t *testing.T) {
	for in, want := range map[string]string{
		`<b>x</b>`: `<b>x</b>`,
		`<script>alert(1)</script>x<style>b{}</style>y`:                `xy`,
		`<img src=x onerror=alert(1)>`:                                 `<img>`,
		`<img src="data:image/png;base64,AA==" alt="p">`:               `<img src="data:image/png;base64,AA==" alt="p">`,
		`<img src="data:text/html,x">`:                                 `<img>`,
		`<a href="javascript:alert(1)">x</a>`:                          `<a>x</a>`,
		`<a href=" JAVAscript:alert(1)">x</a>`:                         `<a>x</a>`,
		"<a href=\"java\nscript:alert(1)\">x</a>":                      `<a>x</a>`,
		`<a href="https://go.dev/?a=1&amp;b=2">x</a>`:                  `<a href="https://go.dev/?a=1&amp;b=2">x</a>`,
		`<a href="#cell-1">x</a>`:                                      `<a href="#cell-1">x</a>`,
		`<svg viewBox="0 0 1 1"><path d="M0 0" onclick="x"/></svg>`:    `<svg viewbox="0 0 1 1"><path d="M0 0"/></svg>`,
		`<svg><script href="x"/>alert(1)</svg>`:                        `<svg>alert(1)&lt;/svg&gt;</svg>`,
		`<svg><use href="//evil"/></svg>`:                              `<svg></svg>`,
		`<td style="color: red">x`:                                     `<td style="color: red">x</td>`,
		`<p style="background:url(http://x)">x</p>`:                    `<p>x</p>`,
		`<p style="background:u\72l(http://x)">x</p>`:                  `<p>x</p>`,
		`<p style="position:fixed">x</p>`:                              `<p>x</p>`,
		`<rect fill="url(#g)"/>`:                                       `<rect fill="url(#g)"/>`,
		`<rect fill="url(http://x)"/>`:                                 `<rect/>`,
		`</section></main>x`:                                           `x`,
		`<div><b>x`:                                                    `<div><b>x</b></div>`,
		`<div><b>x</div>y</b>`:                                         `<div><b>x</b></div>y`,
		`<iframe src=x><b>in</b></iframe>out`:                          `out`,
		`<form action=x><input name=y>text</form>`:                     `text`,
		`<!--[if IE]><script>alert(1)</script><![endif]-->x`:           `x`,
		`<scr<script>ipt>alert(1)</script>`:                            `ipt&gt;alert(1)`,
		`<div title="&quot;><script>alert(1)</script>">x</div>`:        `<div title="&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;">x</div>`,
		`<noscript><p title="</noscript><img src=x onerror=a()>"></p>`: `<img>&#34;&gt;`,
	} {
		if got := string(sanitise(in)); got != want {
			t.Errorf("%s\n gives %s\n want  %s", in, got, want)
		}
	}
}

// FuzzSanitise: what comes out, read by a browser's rules, has neither
// scripts nor handlers, and is balanced.
func FuzzSanitise(f *testing.F) {
	f.Add(`<p onclick="x"><svg><style><img title="</style><script>alert(1)</script>">`)
	f.Add(`<table><a href="javascript:1"><math><mtext><script>x</script>`)
	f.Fuzz(func(t *testing.T, in string) {
		out := string(sanitise(in))
		node, err := html.Parse(strings.NewReader("<body><main>" + out + "</main><p id=after>"))
		if err != nil {
			t.Fatal(err)
		}
		for n := range node.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			if hollow(n.Data) {
				t.Errorf("%q lets %s through: %q", in, n.Data, out)
			}
			for _, a := range n.Attr {
				if strings.HasPrefix(a.Key, "on") || a.Key == "src" && !isImageData(a.Val) {
					t.Errorf("%q lets %s=%q through: %q", in, a.Key, a.Val, out)
				}
			}
		}
	})
}

func TestANSI(t *testing.T) {
	for in, want := range map[string]string{
		"plain <b>":                         "plain &lt;b&gt;",
		"\x1b[31mred\x1b[0m.":               `<span class="c1">red</span>.`,
		"\x1b[1;94mb\x1b[22mn\x1b[39m.":     `<span class="c12 bold">b</span><span class="c12">n</span>.`,
		"\x1b[38;5;196mx\x1b[mok":           `xok`,
		"\x1b[38;2;1;2;3;4mx":               `<span class="underline">x</span>`,
		"\x1b[2Kgone\x1b[999999999999mx":    "gonex",
		"\x1b[3mi\x1b[4mu\x1b[23;24m.\x1b[": "<span class=\"italic\">i</span><span class=\"italic underline\">u</span>.\x1b[",
	} {
		if got := string(ansi(in)); got != want {
			t.Errorf("%q\n gives %s\n want  %s", in, got, want)
		}
	}
	if got := StripANSI("\x1b[1;31mx\x1b[0m\x1b[K."); got != "x." {
		t.Errorf("StripANSI gives %q", got)
	}
}

func TestGoCode(t *testing.T) {
	const source = "%%time\n# note <x>\nfor i := range 3 { // go\n\ts := \"a\" + `b`\n}"
	want := "%%time\n# note &lt;x&gt;\n" + `<span class="kw">for</span> i := <span class="kw">range</span> <span class="num">3</span> { <span class="com">// go</span>` +
		"\n\ts := " + `<span class="str">&#34;a&#34;</span> + <span class="str">` + "`b`</span>\n}"
	if got := string(goCode(source)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := string(goCode("\"open\n\x00\xff'")); !strings.Contains(got, "open") {
		t.Errorf("broken code is lost: %q", got)
	}
}

func TestText(t *testing.T) {
	nb := nbformat.New()
	nb.Cells = []*nbformat.Cell{{Type: nbformat.Code, Outputs: []*nbformat.Output{
		{Type: nbformat.Stream, Name: "stdout", Text: "a\n"},
		{Type: nbformat.ExecuteResult, Data: map[string]any{"text/plain": "42", "text/html": "<b>42</b>"}},
		{Type: nbformat.DisplayData, Data: map[string]any{"image/png": "AA=="}},
		{Type: nbformat.Error, EName: "Panic", Traceback: []string{"\x1b[31mpanic: no\x1b[0m", "In[1]:1"}},
	}}}
	const outputs = "a\n42\n[an output without a form in text]\n"
	for failed, want := range map[int]string{0: outputs, -1: outputs + "panic: no\nIn[1]:1\n"} {
		var b strings.Builder
		if err := Text(&b, nb, failed); err != nil || b.String() != want {
			t.Errorf("with cell %d failed: got %q, %v", failed, b.String(), err)
		}
	}
}
