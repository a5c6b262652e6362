package session

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// testEngines run the files of testdata/cells, each with every engine.
var testEngines = []string{"vm", "yaegi"}

// TestCells runs notebooks in the form of txtar files: a section "-- 1 --" for
// each cell, and behind it what is expected of it, if it is not nothing:
// 1.stdout, 1.stderr, 1.result (text/plain), and 1.error, the evalue. A comment
//
//	//! "regexp"
//
// at the end of a line says that the cell fails with a message that matches, at
// that line. A file whose first line has "engine: NAME" is for that engine only.
func TestCells(t *testing.T) {
	files, err := filepath.Glob("testdata/cells/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		for _, engine := range testEngines {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar")+"/"+engine, func(t *testing.T) {
				t.Parallel()
				runCells(t, file, engine)
			})
		}
	}
}

var onlyEngine = regexp.MustCompile(`engine: (\w+)`)

func runCells(t *testing.T, file, engine string) {
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	title, _, _ := strings.Cut(string(a.Comment), "\n")
	if m := onlyEngine.FindStringSubmatch(title); m != nil && m[1] != engine {
		return
	}
	n := open(t, Options{Engine: engine})
	want := map[string]string{}
	for _, f := range a.Files {
		want[f.Name] = string(f.Data)
	}
	got := &txtar.Archive{Comment: a.Comment}
	for _, f := range a.Files {
		if _, err := strconv.Atoi(f.Name); err != nil {
			continue
		}
		got.Files = append(got.Files, f)
		got.Files = append(got.Files, n.section(t, f)...)
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(got), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, f := range got.Files {
		if string(f.Data) != want[f.Name] {
			t.Errorf("%s is\n%s\nwant\n%s", f.Name, f.Data, want[f.Name])
		}
		delete(want, f.Name)
	}
	delete(want, "")
	for name := range want {
		t.Errorf("there is no %s; want\n%s", name, want[name])
	}
}

// section runs a cell and returns what came of it.
func (n *notebook) section(t *testing.T, f txtar.File) (got []txtar.File) {
	add := func(kind, text string) {
		if text != "" {
			if !strings.HasSuffix(text, "\n") {
				text += "\n"
			}
			got = append(got, txtar.File{Name: f.Name + "." + kind, Data: []byte(text)})
		}
	}
	out, p := n.run(string(f.Data))
	add("stdout", p.text("stdout"))
	add("stderr", p.text("stderr"))
	add("result", p.result())
	marks := markers(t, f.Data)
	if out.Err == nil {
		for line, re := range marks {
			t.Errorf("cell %s did not fail; line %d wants %q", f.Name, line, re)
		}
		return got
	}
	for line, re := range marks {
		if !says(plain(out.Err), n.count, line, re) {
			t.Errorf("cell %s: no error %q at line %d:\n%s", f.Name, re, line, plain(out.Err))
		}
	}
	add("error", out.Err.EName+": "+out.Err.EValue)
	return got
}

var marker = regexp.MustCompile(`//! (".*")$`)

// markers finds the lines of a cell that are expected to fail.
func markers(t *testing.T, cell []byte) map[int]*regexp.Regexp {
	marks := map[int]*regexp.Regexp{}
	for i, line := range bytes.Split(cell, []byte("\n")) {
		m := marker.FindSubmatch(line)
		if m == nil {
			continue
		}
		text, err := strconv.Unquote(string(m[1]))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		marks[i+1] = regexp.MustCompile(text)
	}
	return marks
}

// says tells whether a traceback names a line of a cell and has a line that
// matches: for compile errors the same one.
func says(traceback string, count, line int, re *regexp.Regexp) bool {
	at := regexp.MustCompile(fmt.Sprintf(`In\[%d\]:%d\b`, count, line))
	for text := range strings.SplitSeq(traceback, "\n") {
		if at.MatchString(text) && re.MatchString(text) {
			return true
		}
	}
	return !strings.HasPrefix(traceback, "CompileError") && at.MatchString(traceback) && re.MatchString(traceback)
}
