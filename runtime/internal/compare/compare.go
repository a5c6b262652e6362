// Package compare runs a program that is written twice, in Python and in Go on
// the model, and holds the two outputs against each other. It is for tests of
// the packages beside it:
//
//	compare.Run(t, "gather keeps order", python, func(out io.Writer) { … })
//
// or, with one file a program,
//
//	compare.Files(t, "testdata/compare", map[string]func(out io.Writer){"gather_order": …})
//
// where gather_order is the program testdata/compare/gather_order.py.
//
// What is compared is everything that the Python program writes to its standard
// output, byte for byte; there are no rules that make outputs alike. A program
// that fails by itself fails the test with its traceback. Programs may sleep to
// put things into an order; a difference counts if it shows three times in a row.
//
// A first line "# python >= 3.12" says that older versions answer otherwise. If
// the machine's Python is older, what the program prints is taken from a comment
// at the end of the program, "# prints:" and a "# " line for each line, which
// is not a comparison, and is not counted as one. Newer versions are asked, and
// must print what is recorded.
//
// Python is python3 of the PATH, or what BRAID_PYTHON names. Without one tests
// are skipped, except under CI=true.
package compare

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// limit bounds one Python program.
const limit = time.Minute

// Run compares what python prints with what run writes, as a subtest that runs
// in parallel with others.
func Run(t *testing.T, name, python string, run func(out io.Writer)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		program(t, name, python, run)
	})
}

// Files compares the programs of a folder, name.py, with the functions of the
// same names. Neither may lack the other.
func Files(t *testing.T, folder string, programs map[string]func(out io.Writer)) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.py"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".py")
		found[name] = true
		run, ok := programs[name]
		if !ok {
			t.Errorf("%s has no program in Go", path)
			continue
		}
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		Run(t, name, string(source), run)
	}
	for name := range programs {
		if !found[name] {
			t.Errorf("the program %s has no %s", name, filepath.Join(folder, name+".py"))
		}
	}
}

func program(t *testing.T, name, python string, run func(out io.Writer)) {
	t.Helper()
	want, got, compared := "", "", false
	for range attempts {
		var out bytes.Buffer
		want, compared = expected(t, python)
		run(&out)
		if got = out.String(); got == want {
			break
		}
	}
	if got != want {
		t.Errorf("%s: Python and Go print different lines\n%s", name, Diff(want, got))
	}
	if compared {
		count(name)
	}
}

// attempts is how often a difference must show to count: on a machine that is
// short of time, timers of either side can pass each other.
const attempts = 3

// expected is what Python prints, now or when it was recorded.
func expected(t *testing.T, python string) (text string, compared bool) {
	t.Helper()
	exe, version := Python(t)
	since, recorded := Directives(python)
	if since != "" && older(version, since) {
		if recorded == "" {
			t.Fatalf("this Python is %s, the program needs %s, and nothing is recorded (a comment that begins with \"# prints:\")", version, since)
		}
		return recorded, false
	}
	text = output(t, exe, python)
	if recorded != "" && text != recorded {
		t.Fatalf("Python %s does not print what is recorded:\n%s", version, Diff(recorded, text))
	}
	return text, true
}

// Directives reads the comments that say which Python a program needs and what
// that one prints.
func Directives(python string) (since, recorded string) {
	lines := strings.Split(strings.TrimSpace(python), "\n")
	if rest, ok := strings.CutPrefix(lines[0], "# python >= "); ok {
		since = strings.TrimSpace(rest)
	}
	at := slices.Index(lines, "# prints:")
	if at < 0 {
		return since, ""
	}
	for _, line := range lines[at+1:] {
		recorded += strings.TrimPrefix(strings.TrimPrefix(line, "#"), " ") + "\n"
	}
	return since, recorded
}

func older(version, since string) bool {
	a, b := numbers(version), numbers(since)
	return slices.Compare(a, b) < 0
}

func numbers(version string) []int {
	var list []int
	for part := range strings.SplitSeq(version, ".") {
		n := 0
		_, _ = fmt.Sscan(part, &n)
		list = append(list, n)
	}
	return list
}

var machine = sync.OnceValues(func() (exe, version string) {
	exe = os.Getenv("BRAID_PYTHON")
	if exe == "" {
		exe = "python3"
	}
	out, err := exec.Command(exe, "-c", "import platform; print(platform.python_version())").Output()
	if err != nil {
		return "", ""
	}
	return exe, strings.TrimSpace(string(out))
})

// Python is the machine's CPython and its version. Without one it skips the
// test, or fails it under CI=true.
func Python(t testing.TB) (exe, version string) {
	t.Helper()
	exe, version = machine()
	switch {
	case exe != "":
	case os.Getenv("CI") == "true":
		t.Fatal("comparisons need python3 in the PATH, or its name in BRAID_PYTHON")
	default:
		t.Skip("no python3 to compare with")
	}
	return exe, version
}

var (
	mu       sync.Mutex
	compared = map[string]bool{}
)

func count(name string) {
	mu.Lock()
	defer mu.Unlock()
	compared[name] = true
}

// Compared is how many programs were compared with the machine's Python so far,
// by name.
func Compared() int {
	mu.Lock()
	defer mu.Unlock()
	return len(compared)
}

// Diff shows two outputs line by line: "  " in both, "- " Python's, "+ " Go's.
func Diff(python, golang string) string {
	a, b := lines(python), lines(golang)
	// longest common subsequence; outputs are short
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var out strings.Builder
	out.WriteString("(- Python, + Go)\n")
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out.WriteString("  " + a[i] + "\n")
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			out.WriteString("- " + a[i] + "\n")
			i++
		default:
			out.WriteString("+ " + b[j] + "\n")
			j++
		}
	}
	return out.String()
}

func lines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(s, "\n"), "\n")
}
