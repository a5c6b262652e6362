package acceptance

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// browsers are names of programs that speak Chrome's debugging protocol.
var browsers = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"}

// browserPatience is how long the page may take for one thing.
const browserPatience = 2 * time.Minute

// browser is a window without a screen.
type browser struct {
	t     *testing.T
	ctx   context.Context
	shots string // the folder of screenshots
}

// newBrowser starts Chromium. Screenshots go to $BRAID_SCREENSHOTS, else to the
// test's artifacts.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	b := &browser{t: t, shots: os.Getenv("BRAID_SCREENSHOTS")}
	if b.shots == "" {
		b.shots = t.ArtifactDir()
	}
	if err := os.MkdirAll(b.shots, 0o755); err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(findBrowser(t)), chromedp.WindowSize(1280, 1000))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium's sandbox refuses root
	}
	ctx, end := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(end)
	b.ctx, end = chromedp.NewContext(ctx)
	t.Cleanup(end)
	if err := chromedp.Do(b.ctx); err != nil {
		t.Fatalf("starting the browser: %v", err)
	}
	return b
}

func findBrowser(t *testing.T) string {
	t.Helper()
	for _, name := range browsers {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatalf("this test looks at JupyterLab in a browser, and none of %s is on PATH; install one, such as Debian's package chromium", strings.Join(browsers, ", "))
	return ""
}

// do acts on the page; whatever does not come to an end has failed.
func (b *browser) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, browserPatience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.shoot("failure")
		b.t.Fatalf("%s: %v\nThe page is in %s and reads:\n%s", what, err, b.shots, b.text("document.body.innerText"))
	}
}

// await waits until an expression of JavaScript is true.
func (b *browser) await(what, expression string) {
	b.t.Helper()
	b.do("waiting for "+what, chromedp.Poll[chromedp.Void]("Boolean("+expression+")",
		chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(browserPatience)))
}

// text evaluates an expression of JavaScript that is a string.
func (b *browser) text(expression string) string {
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("String("+expression+")"))
	if err != nil {
		return err.Error()
	}
	return text
}

// script runs a statement of JavaScript.
func (b *browser) script(what, statement string) {
	b.t.Helper()
	b.do(what, chromedp.Evaluate[chromedp.Void](statement))
}

// shoot takes a screenshot.
func (b *browser) shoot(name string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(b.shots, name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Errorf("screenshot %s: %v", name, err)
	}
}

// key is one that writes nothing by itself.
type key struct {
	name string
	code int64 // the virtual key code that browsers know it by
}

var (
	tab    = key{"Tab", 9}
	enter  = key{"Enter", 13}
	escape = key{"Escape", 27}
)

// press sends a key to what has the focus, with Shift if asked.
func (b *browser) press(k key, shift bool) {
	b.t.Helper()
	modifiers := int64(0)
	if shift {
		modifiers = int64(chromedp.ModifierShift)
	}
	b.do("pressing "+k.name, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeRawKeyDown, input.DispatchKeyEventTypeKeyUp} {
			_, err := cdp.Call(ctx, t, input.DispatchKeyEvent, input.DispatchKeyEventParams{
				Type: kind, Key: k.name, Code: k.name, Modifiers: modifiers, WindowsVirtualKeyCode: k.code, NativeVirtualKeyCode: k.code,
			})
			if err != nil {
				return err
			}
		}
		return nil
	}))
}

// insert puts text where the cursor is, as pasting does.
func (b *browser) insert(text string) {
	b.t.Helper()
	b.do("typing", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, input.InsertText, input.InsertTextParams{Text: text})
		return err
	}))
}

// click clicks on what an expression of JavaScript gives, once it is there.
func (b *browser) click(what, element string) {
	b.t.Helper()
	b.await(what, fmt.Sprintf("(e => e && e.getBoundingClientRect().width > 0)(%s)", element))
	var x, y float64
	b.script("showing "+what, fmt.Sprintf("%s.scrollIntoViewIfNeeded()", element))
	at := b.text(fmt.Sprintf(`(r => (r.x + r.width/2) + " " + (r.y + r.height/2))(%s.getBoundingClientRect())`, element))
	if _, err := fmt.Sscan(at, &x, &y); err != nil {
		b.t.Fatalf("where %s is: %q", what, at)
	}
	// Menus choose the item that the mouse has moved over.
	b.do("clicking on "+what, chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x, y), chromedp.MouseClickXY(x, y))
}

// menu chooses an item of a menu of JupyterLab's.
func (b *browser) menu(title, item string) {
	b.t.Helper()
	find := `[...document.querySelectorAll(%q)].find(e => e.innerText.trim() == %q)`
	b.click("the menu "+title, fmt.Sprintf(find, ".lm-MenuBar-itemLabel", title))
	b.click("the item "+item, fmt.Sprintf(find, ".lm-Menu-itemLabel", item))
}

// notebook is the one notebook that is open in the browser.
type notebook struct{ *browser }

const cellsOfPage = `document.querySelectorAll(".jp-Notebook .jp-Cell")`

func cellOf(i int) string { return fmt.Sprintf("%s[%d]", cellsOfPage, i) }

// output is JavaScript for the text of what cell i has put out.
func outputOf(i int) string {
	return fmt.Sprintf(`(%s?.querySelector(".jp-Cell-outputWrapper")?.innerText ?? "")`, cellOf(i))
}

func (n notebook) cells() int {
	n.t.Helper()
	count, err := strconv.Atoi(n.text(cellsOfPage + ".length"))
	if err != nil {
		n.t.Fatalf("counting cells: %v", err)
	}
	return count
}

// idle waits until nothing runs and nothing is to be run.
func (n notebook) idle() {
	n.t.Helper()
	n.await("the kernel to be idle", `document.querySelector('.jp-Notebook-ExecutionIndicator[data-status="idle"]')
		&& ![...document.querySelectorAll(".jp-InputPrompt")].some(p => p.innerText.includes("*"))`)
}

// shows waits until cell i has put out a text.
func (n notebook) shows(i int, text string) {
	n.t.Helper()
	quoted, _ := json.Marshal(text)
	n.await(fmt.Sprintf("cell %d to show %q", i, text), fmt.Sprintf("%s.includes(%s)", outputOf(i), quoted))
}

// has waits until something in cell i's output matches a CSS selector.
func (n notebook) has(i int, selector string) {
	n.t.Helper()
	n.await(fmt.Sprintf("cell %d to have %s", i, selector), fmt.Sprintf("%s?.querySelector(%q)", cellOf(i), ".jp-Cell-outputWrapper "+selector))
}

// edit puts code into an empty cell at the end and returns its index.
func (n notebook) edit(code string) int {
	n.t.Helper()
	i := n.cells() - 1
	if n.text(cellOf(i)+`.querySelector(".cm-content").innerText.trim()`) != "" {
		n.click("the place for a new cell", `document.querySelector(".jp-Notebook-footer")`)
		i++
		n.await("a new cell", fmt.Sprintf("%s.length == %d", cellsOfPage, i+1))
	}
	n.script("going to the last cell", cellOf(i)+`.scrollIntoView({block: "center"})`)
	n.await("an editor in the last cell", cellOf(i)+`?.querySelector(".cm-content")`)
	n.script("going into the last cell", cellOf(i)+`.querySelector(".cm-content").focus()`)
	n.await("the focus", cellOf(i)+`.contains(document.activeElement)`)
	n.insert(code)
	return i
}

// enter runs the selected cell as people do: with Shift-Enter, which makes a new
// one below the last.
func (n notebook) enter(i int) {
	n.t.Helper()
	n.press(enter, true)
	n.await("a new cell", fmt.Sprintf("%s.length == %d", cellsOfPage, i+2))
}

// run types code into the last cell and runs it.
func (n notebook) run(code string) int {
	n.t.Helper()
	i := n.edit(code)
	n.enter(i)
	return i
}

// failsWith waits for an error as output, which must be coloured.
func (n notebook) failsWith(i int, texts ...string) {
	n.t.Helper()
	n.has(i, `[data-mime-type="application/vnd.jupyter.stderr"] [class*="ansi-red"]`)
	for _, text := range texts {
		n.shows(i, text)
	}
}
