package acceptance

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"braid/install/venv/venvtest"
)

// What graders rely on, K1 to K14. K4, K5, K8, K11 and K14 are also held by
// nbgrader itself, in grade_test.go. Jupyter's own client asks here, and waits:
// nothing is measured with a clock.

// step is a cell for drive.py.
type step struct {
	Code      string `json:"code"`
	Interrupt string `json:"interrupt,omitempty"` // "message" or "signal", once "ready" is printed
}

// answer is what the kernel said of a cell.
type answer struct {
	Reply    content   `json:"reply"`
	Messages []message `json:"messages"`
}

type message struct {
	Type    string  `json:"type"`
	Content content `json:"content"`
}

type content struct {
	Status    string         `json:"status"`
	EName     string         `json:"ename"`
	EValue    string         `json:"evalue"`
	Traceback []string       `json:"traceback"`
	Name      string         `json:"name"`
	Text      string         `json:"text"`
	Data      map[string]any `json:"data"`
}

// drive is a kernel from its start to its end.
type drive struct {
	Info struct {
		LanguageInfo map[string]any `json:"language_info"`
	} `json:"info"`
	Cells    []answer `json:"cells"`
	Exit     int      `json:"exit"`
	Children int      `json:"children"` // that are left
}

// run drives the installed kernel through cells; how is how it is ended.
func (i *installed) run(t *testing.T, cells []step, how ...string) drive {
	t.Helper()
	input, err := json.Marshal(cells)
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{testdata(t, "drive.py"), kernelName}, how...)
	cmd := exec.CommandContext(t.Context(), i.python, args...)
	cmd.Dir = t.TempDir()
	cmd.Stdin = strings.NewReader(string(input))
	var log strings.Builder
	cmd.Stderr = &log
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("drive.py: %v\n%s", err, log.String())
	}
	var d drive
	decode(t, string(out), &d)
	if len(d.Cells) != len(cells) {
		t.Fatalf("%d answers to %d cells", len(d.Cells), len(cells))
	}
	return d
}

// installed is a kernel in a newcomer's home.
type installed struct {
	home   string
	python string // with Jupyter's libraries
}

// fresh installs the kernel for a newcomer.
func fresh(t *testing.T) *installed {
	t.Helper()
	i := &installed{python: venvtest.Python(t)} // before HOME changes, where it is
	i.home = newcomer(t)
	installKernel(t)
	return i
}

// of gives the messages of a type.
func (a answer) of(kind string) (all []content) {
	for _, m := range a.Messages {
		if m.Type == kind {
			all = append(all, m.Content)
		}
	}
	return all
}

// text is all that the cell wrote and said.
func (a answer) text() string {
	var b strings.Builder
	for _, m := range a.Messages {
		b.WriteString(m.Content.Text + m.Content.EName + " " + m.Content.EValue + " " + strings.Join(m.Content.Traceback, "\n"))
	}
	return ansi.ReplaceAllString(b.String(), "")
}

var ansi = regexp.MustCompile("\x1b\\[[0-9;]*m")

// failed checks K3: an error message and an error reply, both with all three
// fields, and the same in both.
func (a answer) failed(t *testing.T, code string) {
	t.Helper()
	errors := a.of("error")
	if a.Reply.Status != "error" || len(errors) != 1 {
		t.Errorf("K3: %q: the reply is %q, with %d error messages:\n%s", code, a.Reply.Status, len(errors), a.text())
		return
	}
	for _, c := range []content{a.Reply, errors[0]} {
		if c.EName == "" || c.EValue == "" || len(c.Traceback) == 0 {
			t.Errorf("K3: %q: an error without ename, evalue or traceback: %+v", code, c)
		}
	}
	if a.Reply.EName != errors[0].EName || a.Reply.EValue != errors[0].EValue {
		t.Errorf("K3: %q: the reply says %s: %s, the message %s: %s", code, a.Reply.EName, a.Reply.EValue, errors[0].EName, errors[0].EValue)
	}
}

// succeeded checks that the cell went well and showed result ("" for none).
func (a answer) succeeded(t *testing.T, code, result string) {
	t.Helper()
	shown := ""
	for _, c := range a.of("execute_result") {
		shown += fmt.Sprint(c.Data["text/plain"])
	}
	if a.Reply.Status != "ok" || shown != result {
		t.Errorf("%q: %s, result %q, want %q:\n%s", code, a.Reply.Status, shown, result, a.text())
	}
}

func TestKernelspecIsWhatGradersNeed(t *testing.T) { // K1
	kernel := fresh(t)
	path := filepath.Join(kernel.home, ".local", "share", "jupyter", "kernels", kernelName, "kernel.json")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(data) >= 1024 {
		t.Errorf("kernel.json has %d bytes; nbgrader's column takes 1024", len(data))
	}
	var spec struct {
		Argv          []string `json:"argv"`
		Language      string   `json:"language"`
		InterruptMode string   `json:"interrupt_mode"`
		DisplayName   string   `json:"display_name"`
	}
	decode(t, string(data), &spec)
	if spec.Language != "go" || spec.InterruptMode != "message" || spec.DisplayName == "" || !filepath.IsAbs(spec.Argv[0]) {
		t.Errorf("kernel.json: %s", data)
	}
	installKernel(t)
	if again, err := os.ReadFile(path); err != nil || string(again) != string(data) {
		t.Errorf("a second install changes kernel.json (%v):\n%s\n%s", err, data, again)
	}
}

func TestLanguageInfo(t *testing.T) { // K2
	kernel := fresh(t)
	info := kernel.run(t, []step{}).Info.LanguageInfo
	for key, want := range map[string]string{
		"name": "go", "mimetype": "text/x-go", "file_extension": ".go", "pygments_lexer": "go", "codemirror_mode": "go",
	} {
		if info[key] != want {
			t.Errorf("language_info.%s is %v, want %s", key, info[key], want)
		}
	}
	if v, _ := info["version"].(string); !strings.HasPrefix(v, "1.") {
		t.Errorf("language_info.version is %q", v)
	}
}

func TestGradedKernelWritesNothingToStderr(t *testing.T) { // K4
	kernel := fresh(t)
	t.Setenv("NBGRADER_EXECUTION", "autograde")
	codes := []string{
		"import (\n\t\"fmt\"\n\t\"os\"\n)\nfmt.Fprintln(os.Stderr, \"to stderr\")",
		"println(\"to stderr\")",
		"import \"log\"\nlog.Print(\"to stderr\")",
		"import \"syscall\"\nsyscall.Write(2, []byte(\"to stderr\\n\"))",
		"import \"os/exec\"\nc := exec.Command(\"sh\", \"-c\", \"echo to stderr >&2\")\nc.Stderr = os.Stderr\nif err := c.Run(); err != nil { panic(err) }",
	}
	for i, a := range kernel.run(t, steps(codes)).Cells {
		a.succeeded(t, codes[i], "")
		streams := a.of("stream")
		if len(streams) == 0 {
			t.Errorf("%q: the text is lost", codes[i])
		}
		for _, s := range streams {
			if s.Name != "stdout" {
				t.Errorf("%q: %q came on %s", codes[i], s.Text, s.Name)
			}
		}
	}
}

func steps(codes []string) (cells []step) {
	for _, code := range codes {
		cells = append(cells, step{Code: code})
	}
	return cells
}

// results are final expressions and what they must show: a number by itself
// for partial credit, nothing for calls that only do something.
var results = []struct{ code, result string }{
	{"2.0", "2"},
	{"1.5", "1.5"},
	{"7", "7"},
	{"points := 2.5\npoints", "2.5"},
	{"var whole float64 = 3\nwhole", "3"},
	{"uint8(200)", "200"},
	{"-1", "-1"},
	{"1e-7", "1e-07"},
	{"import \"fmt\"\nfmt.Println(\"x\")", ""},
	{"fmt.Printf(\"%d\\n\", 1)", ""},
	{"func nothing() {}\nnothing()", ""},
	{"x := 5", ""},
	{"x;", ""},
	{"# a comment of nbgrader's\nx", "5"},
	{"if x != 5 { panic(\"no\") }", ""},
}

func TestResultsAreFinalExpressionsOnly(t *testing.T) { // K5, K11
	kernel := fresh(t)
	var cells []step
	for _, r := range results {
		cells = append(cells, step{Code: r.code})
	}
	cells = append(cells, step{Code: "// YOUR CODE HERE\npanic(\"not implemented\")"})
	d := kernel.run(t, cells)
	for i, r := range results {
		d.Cells[i].succeeded(t, r.code, r.result)
	}
	stub := d.Cells[len(results)]
	stub.failed(t, "the stub")
	if !strings.Contains(stub.text(), "not implemented") {
		t.Errorf("K11: the stub says: %s", stub.text())
	}
}

// disasters kill a worker or end a cell in some other way, and what must be said.
var disasters = []struct{ code, says string }{
	{"undefinedName", "undefined: undefinedName"},
	{"if {", "In["},
	{"import \"os\"\nos.Exit(0)", "exit status 0"},
	{"os.Exit(7)", "exit status 7"},
	{"import \"log\"\nlog.Fatal(\"the end\")", "exit status 1"},
	{"import \"runtime\"\nruntime.Goexit()", "Goexit"},
	{"import \"syscall\"\nsyscall.Exit(0)", "exit status 0"},
	{"syscall.Kill(syscall.Getpid(), syscall.SIGKILL)", "killed"},
	{"go func() { panic(\"in a goroutine\") }()\nselect {}", "in a goroutine"},
	{"m := map[int]int{}\nfor range 8 { go func() { for { m[0]++ } }() }\nselect {}", "concurrent map"},
	{"func deep(n int) int { return deep(n+1) + 1 }\ndeep(0)", "stack overflow"},
	{"import \"sync\"\nvar mu sync.Mutex\nmu.Unlock()", "unlock of unlocked mutex"},
	{"ch := make(chan int)\nch <- 1", "deadlock"},
	{"var wg sync.WaitGroup\nwg.Add(1)\nwg.Wait()", "deadlock"},
	{"var block chan int\n<-block", "deadlock"},
	{"panic(nil)", "nil"},
	{"var p *struct{ n int }\np.n", "nil pointer"},
}

func TestDisastersEndOneCell(t *testing.T) { // K3, K6, K8
	kernel := fresh(t)
	var cells []step
	for _, d := range disasters {
		cells = append(cells, step{Code: "kept := 40"}, step{Code: d.code}, step{Code: "kept + 2"})
	}
	got := kernel.run(t, cells)
	for i, d := range disasters {
		got.Cells[3*i].succeeded(t, "kept := 40", "")
		a := got.Cells[3*i+1]
		a.failed(t, d.code)
		if !strings.Contains(a.text(), d.says) {
			t.Errorf("K6, K8: %q does not say %q:\n%s", d.code, d.says, a.text())
		}
		after := got.Cells[3*i+2]
		if after.Reply.Status == "ok" {
			after.succeeded(t, "kept + 2 after "+d.code, "42")
		} else if said := a.text(); !strings.Contains(said, "Lost with the worker: ") || !strings.Contains(said, "kept") {
			t.Errorf("K6: after %q the state is lost, and it is not said:\n%s\n%s", d.code, said, after.text())
		}
	}
	if got.Exit != 0 || got.Children != 0 {
		t.Errorf("K12: the kernel exits with %d and leaves %d processes", got.Exit, got.Children)
	}
}

// stuck are cells that never end by themselves.
var stuck = []string{
	"for {}",
	"n := 0\nfor { n++ }",
	"func fib(n int) int { if n < 2 { return n }; return fib(n-1) + fib(n-2) }\nfib(200)",
	"time.Sleep(time.Hour)",
	"select { case <-time.After(time.Hour): }",
	"c := make(chan int)\ngo func() { time.Sleep(time.Hour); c <- 1 }()\n<-c",
	"var mu sync.Mutex\nmu.Lock()\ngo func() { time.Sleep(time.Hour); mu.Unlock() }()\nmu.Lock()",
	"var wg sync.WaitGroup\nfor range 100_000 { wg.Go(func() { time.Sleep(time.Hour) }) }\nwg.Wait()",
	"r, _, err := os.Pipe()\nif err != nil { panic(err) }\nr.Read(make([]byte, 1))",
	"if err := exec.Command(\"sleep\", \"3600\").Run(); err != nil { panic(err) }",
	"var fds [2]int\nsyscall.Pipe(fds[:])\nsyscall.Read(fds[0], make([]byte, 1))",
}

func TestInterruptsEndEveryCell(t *testing.T) { // K7
	kernel := fresh(t)
	cells := []step{{Code: "import (\n\"fmt\"\n\"os\"\n\"os/exec\"\n\"sync\"\n\"syscall\"\n\"time\"\n)\nkept := 40"}}
	for i, code := range stuck {
		how := []string{"message", "signal"}[i%2]
		cells = append(cells, step{"fmt.Println(\"ready\")\n" + code, how}, step{Code: "kept + 2"})
	}
	cells = append(cells, step{"fmt.Println(\"ready\")\nfor {}", "signal"}, step{Code: "kept + 2"})
	got := kernel.run(t, cells)
	got.Cells[0].succeeded(t, cells[0].Code, "")
	for i := 1; i < len(cells); i += 2 {
		a := got.Cells[i]
		a.failed(t, cells[i].Code)
		if a.Reply.EName != "Interrupted" {
			t.Errorf("K7: %q ends with %s", cells[i].Code, a.text())
		}
		got.Cells[i+1].succeeded(t, "kept + 2 after the interrupt of "+cells[i].Code, "42")
	}
}

func TestInterruptDuringChecking(t *testing.T) { // K7
	kernel := fresh(t)
	var long strings.Builder
	long.WriteString("type (\n")
	for i := range 20_000 {
		fmt.Fprintf(&long, "T%d struct { a, b, c map[string][]func(int) *T%d }\n", i, (i+1)%20_000)
	}
	long.WriteString(")\nfor {}")
	cells := []step{{long.String(), "busy"}, {Code: "40 + 2"}}
	got := kernel.run(t, cells)
	got.Cells[0].failed(t, "a long cell")
	got.Cells[1].succeeded(t, "40 + 2", "42")
}

func TestLimitsHoldForEachCell(t *testing.T) { // K9, K10
	kernel := fresh(t)
	t.Setenv("BRAID_OUTPUT", "100kB")
	t.Setenv("BRAID_MEMORY", "300MiB")
	t.Setenv("BRAID_GOROUTINES", "500")
	cells := steps([]string{
		"import (\n\"bytes\"\n\"fmt\"\n)",
		"for range 100_000 { fmt.Println(\"much text\") }",
		"1 + 1",
		"func hoard() { for hold := [][]byte{}; ; { hold = append(hold, bytes.Repeat([]byte{1}, 1<<20)) } }\nhoard()",
		"2 + 2",
		"for { go func() { select {} }() }",
		"3 + 3",
	})
	got := kernel.run(t, cells)
	much := got.Cells[1]
	much.succeeded(t, cells[1].Code, "")
	if text := much.text(); len(text) < 90_000 || len(text) > 120_000 || !strings.Contains(text, "more than the limit of 100000 bytes") {
		t.Errorf("K9: of 1 MB, %d bytes came through a limit of 100 kB; the last are %q", len(text), text[max(0, len(text)-200):])
	}
	if n := len(much.Messages); n > 100 {
		t.Errorf("K9: they came in %d messages", n)
	}
	for i, says := range map[int]string{3: "memory", 5: "goroutines"} {
		got.Cells[i].failed(t, cells[i].Code)
		if !strings.Contains(got.Cells[i].text(), says) {
			t.Errorf("K10: %q does not speak of %s:\n%s", cells[i].Code, says, got.Cells[i].text())
		}
	}
	for i := 2; i < len(cells); i += 2 {
		got.Cells[i].succeeded(t, cells[i].Code, fmt.Sprint(i))
	}
}

func TestKernelEndsWithItsChildren(t *testing.T) { // K12
	kernel := fresh(t)
	cells := steps([]string{"import (\n\"os/exec\"\n\"time\"\n)\nif err := exec.Command(\"sleep\", \"3600\").Start(); err != nil { panic(err) }\ngo func() { for { time.Sleep(time.Millisecond) } }()"})
	for _, how := range [][]string{nil, {"term"}} {
		got := kernel.run(t, cells, how...)
		got.Cells[0].succeeded(t, cells[0].Code, "")
		if got.Exit != 0 || got.Children != 0 {
			t.Errorf("K12: ended by %q, the kernel exits with %d and leaves %d processes", how, got.Exit, got.Children)
		}
	}
}

func TestReadingWithoutFrontEndFails(t *testing.T) { // K13
	kernel := fresh(t)
	codes := []string{
		"import \"fmt\"\nvar s string\nif _, err := fmt.Scan(&s); err != nil { panic(err) }",
		"import (\n\"bufio\"\n\"os\"\n)\nif in := bufio.NewScanner(os.Stdin); !in.Scan() && in.Err() != nil { panic(in.Err()) }",
		"import \"braid/display\"\nif _, err := display.Input(\"name? \"); err != nil { panic(err) }",
		"import \"io\"\nif _, err := io.ReadAll(os.Stdin); err != nil { panic(err) }",
	}
	got := kernel.run(t, append(steps(codes), step{Code: "6 * 7"}))
	for i, code := range codes {
		got.Cells[i].failed(t, code)
		if !strings.Contains(got.Cells[i].text(), "input") {
			t.Errorf("K13: %q does not say that there is no input:\n%s", code, got.Cells[i].text())
		}
	}
	got.Cells[len(codes)].succeeded(t, "6 * 7", "42")
}
