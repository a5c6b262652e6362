package acceptance

import (
	"bufio"
	"bytes"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"braid/install"
	"braid/notebooks/nbformat"
)

// lab is a running `braid lab`.
type lab struct {
	t       *testing.T
	dir     string // of notebooks
	address *url.URL
}

// openLab starts the private laboratory for a newcomer.
func openLab(t *testing.T) *lab {
	t.Helper()
	laboratory(t)
	home := newcomer(t)
	l := &lab{t: t, dir: filepath.Join(home, "notebooks")}
	cmd := exec.Command(braid, "lab", "--private", "--no-browser", "--ip", "127.0.0.1", l.dir)
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := make(chan string)
	go func() {
		defer close(said)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			said <- lines.Text()
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		for range said {
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("braid lab after Ctrl-C: %v\n%s", err, log.String())
		}
	})
	var all []string
	for line := range said {
		all = append(all, line)
		if s := labAddress.FindString(line); s != "" {
			if l.address, err = url.Parse(s); err != nil {
				t.Fatal(err)
			}
			return l
		}
	}
	t.Fatalf("braid lab ended without an address:\n%s\n%s", strings.Join(all, "\n"), log.String())
	return nil
}

var labAddress = regexp.MustCompile(`http://127\.0\.0\.1:\d+/lab\S*\?token=\S+`)

// page is the address of a page of JupyterLab's.
func (l *lab) page(path string) string {
	u := *l.address
	u.Path = path
	u.RawQuery += "&reset" // of what other pages have left open
	return u.String()
}

// theme chooses JupyterLab's theme for pages that are opened from now on.
func (l *lab) theme(name string) {
	l.t.Helper()
	u := l.page("/lab/api/settings/@jupyterlab/apputils-extension:themes")
	req, err := http.NewRequest(http.MethodPut, u, strings.NewReader(`{"raw": "{\"theme\": \"`+name+`\"}"}`))
	if err != nil {
		l.t.Fatal(err)
	}
	req.Header.Set("Authorization", "token "+l.address.Query().Get("token"))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		l.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode >= 300 {
		l.t.Fatalf("choosing the theme %s: %s", name, resp.Status)
	}
}

// write lays a notebook out, of which every cell is code but the first.
func (l *lab) write(name, title string, codes []string) {
	l.t.Helper()
	nb := nbformat.New()
	nb.Metadata = map[string]any{
		"kernelspec":    map[string]any{"name": install.DefaultName, "display_name": install.DefaultDisplayName, "language": "go"},
		"language_info": map[string]any{"name": "go"},
	}
	nb.InsertCell(0, &nbformat.Cell{Type: nbformat.Markdown, Source: title})
	for i, code := range codes {
		nb.InsertCell(i+1, &nbformat.Cell{Type: nbformat.Code, Source: code})
	}
	if err := nb.WriteFile(filepath.Join(l.dir, name)); err != nil {
		l.t.Fatal(err)
	}
}

// open shows a notebook and waits for its kernel.
func (l *lab) open(b *browser, name string) notebook {
	l.t.Helper()
	n := notebook{b}
	n.do("opening "+name, chromedp.Navigate(l.page("/lab/tree/"+name)))
	n.await("the notebook", cellsOfPage+".length > 0")
	n.await("the kernel's name", `document.querySelector(".jp-KernelName")?.innerText.includes("`+install.DefaultDisplayName+`")`)
	n.idle()
	return n
}

// planets is a notebook that shows what a cell can put out. Cell 0 is its title.
var planets = []string{
	"import (\n\t\"fmt\"\n\t\"strings\"\n\n\t\"braid/display\"\n)\n\ntype Planet struct {\n\tName  string\n\tMoons int\n\tRings bool\n}\n\nplanets := []Planet{{\"Earth\", 1, false}, {\"Mars\", 2, false}, {\"Saturn\", 146, true}}",
	"planets",
	"for i, p := range planets {\n\tfmt.Printf(\"%d. %s\\n\", i+1, strings.ToUpper(p.Name))\n}",
	"type Disc struct{ R int }\n\nfunc (d Disc) SVG() string {\n\treturn fmt.Sprintf(`<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\"><circle cx=\"%[3]d\" cy=\"%[3]d\" r=\"%[3]d\" fill=\"#00add8\"/></svg>`, 2*d.R, 2*d.R, d.R)\n}\n\nDisc{30}",
	"display.HTML(`<table><tr><th>sea</th><th>depth</th></tr><tr><td>Aral</td><td>42 m</td></tr></table>`)",
	"display.Markdown(\"A *word* and $e^{i\\\\pi} = -1$\")",
	"map[string][]int{\"even\": {0, 2}, \"odd\": {1, 3}}",
}

// A notebook in JupyterLab, used as people use it. The screenshots are for
// looking at; what they show is asserted too.
func TestNotebookInJupyterLab(t *testing.T) {
	l := openLab(t)
	l.write("planets.ipynb", "# Planets in *Go*", planets)
	b := newBrowser(t)
	n := l.open(b, "planets.ipynb")
	n.shoot("opened")

	n.menu("Run", "Run All Cells")
	n.idle()
	n.has(2, "table")
	n.shows(2, "Saturn")
	n.shows(3, "3. SATURN")
	n.has(4, `[data-mime-type="image/svg+xml"] img, [data-mime-type="image/svg+xml"] svg`)
	n.has(5, "table")
	n.shows(5, "42 m")
	n.has(6, "em")
	n.has(6, "mjx-container, .MathJax")
	n.shows(7, "even")
	n.shoot("run-all")

	sum := n.run("total := 0\nfor _, p := range planets {\n\ttotal += p.Moons\n}\ntotal")
	n.shows(sum, "149")
	n.await("the number of the cell", cellOf(sum)+`.querySelector(".jp-InputPrompt").innerText.includes("[8]")`)

	checkErrors(n)
	checkInterrupt(n)
	checkCompletion(n)
	checkInput(n)
	checkRestart(n)
}

func checkErrors(n notebook) {
	n.t.Helper()
	i := n.run("func third(xs []int) int {\n\treturn xs[2]\n}\n\nthird([]int{1, 2})")
	n.failsWith(i, "index out of range [2] with length 2", "In[9]:2 in third", "return xs[2]")
	i = n.run("moons := \"many\"\nmoons + 1\nundefinedName")
	n.failsWith(i, "mismatched types", "undefined: undefinedName", "^")
	n.idle()
	n.shoot("errors")
	i = n.run("len(planets)")
	n.shows(i, "3")
}

func checkInterrupt(n notebook) {
	n.t.Helper()
	i := n.run("fmt.Println(\"it runs\")\nfor {\n}")
	n.shows(i, "it runs")
	n.await("the sign of a running cell", cellOf(i)+`.querySelector(".jp-InputPrompt").innerText.includes("*")`)
	n.shoot("running")
	n.click("the stop button", `document.querySelector('.jp-NotebookPanel-toolbar [data-jp-item-name="interrupt"] jp-button')`)
	n.failsWith(i, "Interrupted")
	n.idle()
	n.shoot("interrupted")
	i = n.run("len(planets) + 100")
	n.shows(i, "103")
}

// completer is JavaScript for the box of completions, if it is shown.
const completer = `document.querySelector(".jp-Completer:not(.lm-mod-hidden)")`

func checkCompletion(n notebook) {
	n.t.Helper()
	i := n.edit("strings.HasP")
	n.press(tab, false)
	n.await("the completion", completer+`?.innerText.includes("HasPrefix")`)
	n.press(enter, false)
	n.await("the chosen completion", cellOf(i)+`.querySelector(".cm-content").innerText.includes("strings.HasPrefix")`)
	n.insert("(\"braid\", \"b\") && planets[0].")
	n.press(tab, false)
	n.await("the choice of completions", `["Name", "Moons", "Rings"].every(s => `+completer+`?.innerText.includes(s))`)
	n.shoot("completion")
	n.insert("Ri")
	n.await("fewer completions", "!"+completer+`?.innerText.includes("Moons")`)
	n.press(enter, false)
	n.await("the chosen completion", cellOf(i)+`.querySelector(".cm-content").innerText.includes("planets[0].Rings")`)
	n.enter(i)
	n.shows(i, "false")

	i = n.edit("strings.Repeat")
	n.press(tab, true)
	n.await("documentation", `document.querySelector(".jp-Tooltip")?.innerText.includes("func strings.Repeat")`)
	n.shoot("documentation")
	n.press(escape, false)
	n.await("no documentation", `!document.querySelector(".jp-Tooltip")`)
	n.script("going back into the cell", cellOf(i)+`.querySelector(".cm-content").focus()`)
	n.insert("(\"ab\", 2)")
	n.enter(i)
	n.shows(i, "abab")
}

func checkInput(n notebook) {
	n.t.Helper()
	i := n.run("var name string\nfmt.Print(\"Who are you? \")\nfmt.Scan(&name)\nfmt.Println(\"Hello,\", name)")
	n.await("a box for input", cellOf(i)+`.querySelector(".jp-Stdin-input")`)
	n.shoot("input")
	n.click("the box for input", `document.querySelector(".jp-Stdin-input")`)
	n.insert("Ada")
	n.press(enter, false)
	n.shows(i, "Hello, Ada")
	n.idle()
	n.shoot("answered")
}

func checkRestart(n notebook) {
	n.t.Helper()
	n.menu("Kernel", "Restart Kernel…")
	n.click("the button that agrees", `document.querySelector(".jp-Dialog .jp-mod-accept")`)
	n.await("no dialog", `!document.querySelector(".jp-Dialog")`)
	n.idle()
	i := n.run("planets")
	n.failsWith(i, "undefined: planets")
	n.await("numbers from 1", cellOf(i)+`.querySelector(".jp-InputPrompt").innerText.includes("[1]")`)
	n.shoot("restarted")
}

func TestThemesAndLauncher(t *testing.T) {
	l := openLab(t)
	l.write("planets.ipynb", "# Planets in *Go*", append(planets, "undefinedName", "fmt.Println(1)\npanic(\"at the end\")"))
	for _, theme := range []string{"JupyterLab Light", "JupyterLab Dark"} {
		l.theme(theme)
		n := l.open(newBrowser(t), "planets.ipynb")
		n.await("the theme "+theme, `document.body.dataset.jpThemeName == "`+theme+`"`)
		shade := strings.ToLower(strings.TrimPrefix(theme, "JupyterLab "))
		n.menu("Run", "Run All Cells")
		n.failsWith(8, "undefined: undefinedName")
		n.idle()
		n.has(2, "table")
		n.shoot("notebook-" + shade)
		n.script("going to the end", cellOf(8)+`.scrollIntoView({block: "end"})`)
		n.shoot("error-" + shade)
		checkLauncher(n)
		n.shoot("launcher-" + shade)
	}
}

// checkLauncher opens a launcher and looks for the kernel's card and logo.
func checkLauncher(n notebook) {
	n.t.Helper()
	n.menu("File", "New Launcher")
	const card = `.jp-LauncherCard[title*="Go (Braid)"]`
	n.await("the kernel in the launcher", `document.querySelector('`+card+`')`)
	n.await("its logo", `(i => i && i.complete && i.naturalWidth > 0)(document.querySelector('`+card+` img'))`)
}
