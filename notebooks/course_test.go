package notebooks

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"braid/install/venv/venvtest"
	"braid/notebooks/nbformat"
)

// The outputs of a lesson are compared after these rules, and no others:
//
//  1. pieces of one stream that follow each other are one piece: where a kernel
//     cuts a stream is chance;
//  2. of a cell tagged wall-clock only the kinds of outputs count: its numbers
//     are those of the machine;
//  3. addresses (0xc000012345) are all the same.
const wallClock = "wall-clock"

var address = regexp.MustCompile(`0x[0-9a-f]{6,16}\b`)

// normal writes the outputs of a cell as they are compared.
func normal(c *nbformat.Cell) string {
	var b strings.Builder
	last := ""
	for _, o := range c.Outputs {
		if o.Type == nbformat.Stream {
			if o.Name != last {
				fmt.Fprintf(&b, "\n[stream %s]\n", o.Name) // rule 1
			}
			last = o.Name
			if !c.HasTag(wallClock) { // rule 2
				b.WriteString(o.Text)
			}
			continue
		}
		last = ""
		fmt.Fprintf(&b, "\n[%s %s]\n", o.Type, o.EName)
		if c.HasTag(wallClock) {
			fmt.Fprintln(&b, slices.Sorted(maps.Keys(o.Data)))
			continue
		}
		for _, mime := range slices.Sorted(maps.Keys(o.Data)) {
			fmt.Fprintf(&b, "%s: %v\n", mime, o.Data[mime])
		}
		b.WriteString(o.EValue + "\n" + strings.Join(o.Traceback, "\n"))
	}
	return address.ReplaceAllString(b.String(), "0x0") // rule 3
}

// differences lists the cells whose outputs are not those that are shipped.
func differences(shipped, ran *nbformat.Notebook) []string {
	var all []string
	for i, c := range shipped.Cells {
		if want, got := normal(c), normal(ran.Cells[i]); got != want {
			all = append(all, fmt.Sprintf("cell %s: %s", c.ID, difference(want, got)))
		}
	}
	return all
}

// difference shows the first line in which two texts differ.
func difference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	at := func(lines []string, i int) string {
		if i >= len(lines) {
			return "(nothing)"
		}
		if len(lines[i]) > 300 {
			return lines[i][:300] + "…"
		}
		return lines[i]
	}
	for i := range max(len(a), len(b)) {
		if at(a, i) != at(b, i) {
			return fmt.Sprintf("line %d of the outputs\n  shipped: %s\n  now:     %s", i+1, at(a, i), at(b, i))
		}
	}
	return "beyond what is shown of a line"
}

// braid builds the command once for all tests.
var braid = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "braid-course-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "braid")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", path, "braid").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := braid(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// home installs the kernel into an empty home.
func home(t *testing.T) (program string) {
	t.Helper()
	program, err := braid()
	if err != nil {
		t.Fatal(err)
	}
	python := venvtest.Python(t) // in the user's cache, so before HOME changes
	t.Setenv("PYTHON", python)
	t.Setenv("HOME", t.TempDir())
	for _, name := range []string{"JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_PATH", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "NBGRADER_EXECUTION"} {
		t.Setenv(name, "")
	}
	if out, err := exec.Command(program, "install").CombinedOutput(); err != nil {
		t.Fatalf("braid install: %v\n%s", err, out)
	}
	return program
}

// TestCourse executes every lesson as it is shipped, by braid run and by
// nbclient with the kernel, and compares all outputs.
func TestCourse(t *testing.T) {
	program := home(t)
	python := os.Getenv("PYTHON")
	for _, name := range Lessons() {
		t.Run(strings.TrimSuffix(name, ".ipynb"), func(t *testing.T) {
			shipped, err := lesson(name)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir() // lessons may write files
			in := filepath.Join(dir, name)
			if err := shipped.WriteFile(in); err != nil {
				t.Fatal(err)
			}
			run(t, "official library", exec.Command(python, "testdata/validate.py", in))
			ours, theirs := filepath.Join(dir, "ours.ipynb"), filepath.Join(dir, "theirs.ipynb")
			run(t, "braid run", exec.Command(program, "run", in, "-o", ours))
			compare(t, "braid run", shipped, ours)
			run(t, "nbclient", exec.Command(python, "execute/testdata/with_nbclient.py", in, theirs))
			compare(t, "nbclient", shipped, theirs)
		})
	}
}

func run(t *testing.T, what string, cmd *exec.Cmd) {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	begin := time.Now()
	err := cmd.Run()
	t.Logf("%s: %.1f s%s", what, time.Since(begin).Seconds(), peak(cmd))
	if err != nil {
		t.Errorf("%s: %v\n%s", what, err, out.String())
	}
}

func compare(t *testing.T, by string, shipped *nbformat.Notebook, ran string) {
	t.Helper()
	nb, err := nbformat.ReadFile(ran)
	if err != nil {
		t.Error(err)
		return
	}
	if len(nb.Cells) != len(shipped.Cells) {
		t.Errorf("%s gives %d cells of %d", by, len(nb.Cells), len(shipped.Cells))
		return
	}
	for _, d := range differences(shipped, nb) {
		t.Errorf("executed by %s: %s", by, d)
	}
}

func TestExercisesAreNotebooks(t *testing.T) {
	var paths []string
	for _, name := range Exercises() {
		paths = append(paths, filepath.Join("exercises", filepath.FromSlash(name)))
	}
	if len(paths) > 0 {
		run(t, "official library", exec.Command(venvtest.Python(t), append([]string{"testdata/validate.py"}, paths...)...))
	}
}

func TestNormalKeepsWhatCounts(t *testing.T) {
	text := func(s string) *nbformat.Output {
		return &nbformat.Output{Type: nbformat.Stream, Name: "stdout", Text: s}
	}
	cell := func(tag string, outputs ...*nbformat.Output) *nbformat.Cell {
		return &nbformat.Cell{Type: nbformat.Code, Metadata: map[string]any{"tags": []any{tag}}, Outputs: outputs}
	}
	result := func(s string) *nbformat.Output {
		return &nbformat.Output{Type: nbformat.ExecuteResult, Data: map[string]any{"text/plain": s}}
	}
	for _, c := range []struct {
		name string
		a, b *nbformat.Cell
		same bool
	}{
		{"cuts of a stream", cell("", text("a"), text("b")), cell("", text("ab")), true},
		{"another text", cell("", text("a")), cell("", text("b")), false},
		{"numbers of the machine", cell(wallClock, text("1 ms"), result("1")), cell(wallClock, text("2 ms"), result("2")), true},
		{"a missing output of the machine", cell(wallClock, result("1")), cell(wallClock), false},
		{"addresses", cell("", result("0xc000012345")), cell("", result("0xc0000abcde")), true},
		{"results", cell("", result("1")), cell("", result("2")), false},
		{"errors", cell("", &nbformat.Output{Type: nbformat.Error, EName: "A"}), cell("", &nbformat.Output{Type: nbformat.Error, EName: "B"}), false},
	} {
		if same := normal(c.a) == normal(c.b); same != c.same {
			t.Errorf("%s: equal is %v", c.name, same)
		}
	}
}
