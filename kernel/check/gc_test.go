package check_test

import (
	"bytes"
	"fmt"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"braid/kernel/cell"
	"braid/kernel/check"
	"braid/kernel/check/exportdata"

	"golang.org/x/tools/txtar"
)

// The programs in testdata/gc are wrong, and cells as they stand. What the Go
// compiler says about each must be what Check says: same lines, same words, same
// columns. Where that cannot be, a comment "//! regexp" at the end of the line
// says what is expected instead; "//!" alone accepts any words.
func TestSameWordsAsTheCompiler(t *testing.T) {
	files, err := filepath.Glob("testdata/gc/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no programs", err)
	}
	for _, name := range files {
		ar, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Base(name) == "statements.txtar" {
			continue
		}
		want := compile(t, ar)
		for _, f := range ar.Files {
			t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar")+"/"+f.Name, func(t *testing.T) {
				comparePrograms(t, f, want[f.Name])
			})
		}
	}
}

// Statements at the top level of a cell must fail as in the body of a function.
func TestStatementsFailAsInFunctions(t *testing.T) {
	ar, err := txtar.ParseFile("testdata/gc/statements.txtar")
	if err != nil {
		t.Fatal(err)
	}
	const decls = "func two() (int, int) { return 1, 2 }; func none() {}; func gen[T, U any](t T, u U) T { return t }"
	programs := &txtar.Archive{}
	for _, f := range ar.Files {
		programs.Files = append(programs.Files, txtar.File{Name: f.Name, Data: []byte("package main; " + decls + "\nfunc main() {\n" + string(f.Data) + "_ = 0 }\n")})
	}
	want := compile(t, programs)
	for _, f := range ar.Files {
		t.Run(f.Name, func(t *testing.T) {
			comparePrograms(t, txtar.File{Name: f.Name, Data: []byte(decls + "\n\n" + string(f.Data) + "_ = 0\n")}, want[f.Name])
		})
	}
}

// compile has the compiler look at every program, and returns its lines
// ("LINE:COLUMN: text", continuation lines joined) by program.
func compile(t *testing.T, ar *txtar.Archive) map[string][]string {
	dir := t.TempDir()
	list := exec.Command("go", "list", "-export", "-deps", "-f", "{{if .Export}}packagefile {{.ImportPath}}={{.Export}}{{end}}", "fmt", "errors", "strings")
	config, err := list.Output()
	if err != nil {
		t.Fatal("go list:", err)
	}
	importcfg := filepath.Join(dir, "importcfg")
	if err := os.WriteFile(importcfg, config, 0o666); err != nil {
		t.Fatal(err)
	}
	place := regexp.MustCompile(`^In\[1\]:(\d+:\d+): (.*)`)
	got := map[string][]string{}
	for _, f := range ar.Files {
		if err := os.WriteFile(filepath.Join(dir, "In[1]"), f.Data, 0o666); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("go", "tool", "compile", "-p", "main", "-importcfg", importcfg, "-o", filepath.Join(dir, "out"), "In[1]")
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err == nil {
			continue
		}
		var lines []string
		for line := range strings.Lines(string(bytes.ReplaceAll(out, []byte("\r"), nil))) {
			line = strings.TrimRight(line, "\n")
			if m := place.FindStringSubmatch(line); m != nil {
				lines = append(lines, m[1]+": "+m[2])
			} else if strings.HasPrefix(line, "\t") && len(lines) > 0 {
				lines[len(lines)-1] += "\n" + line
			}
		}
		got[f.Name] = lines
	}
	return got
}

// notAnError matches what the compiler refuses and a notebook only warns of.
var notAnError = regexp.MustCompile(`: declared and not used: |: \w+ declared and not used$|imported and not used$`)

func comparePrograms(t *testing.T, f txtar.File, want []string) {
	fset := token.NewFileSet()
	c, ds := cell.Parse(fset, "In[1]", string(f.Data))
	if len(ds) == 0 {
		_, ds = check.NewState(fset, exportdata.NewImporter(fset)).Check(c)
	}
	var got []string
	for _, d := range ds {
		if d.Severity == cell.Error {
			got = append(got, fmt.Sprintf("%d:%d: %s", d.Pos.Line, d.Pos.Column, d.Msg))
		}
	}
	var wanted []string
	for _, w := range want {
		if !notAnError.MatchString(w) {
			wanted = append(wanted, w)
		}
	}
	if len(wanted) == 0 {
		t.Errorf("the compiler accepts the program; we say %q", got)
	}
	if diff := differ(string(f.Data), got, wanted); diff != "" {
		t.Errorf("%s\n%s", f.Data, diff)
	}
}

// sameAtEnd tells whether both lines say what the end of the file lacks. The
// compiler has it on the line after the last.
func sameAtEnd(got, want string) bool {
	_, g, _ := strings.Cut(got, ": ")
	_, w, _ := strings.Cut(want, ": ")
	return g == w && strings.Contains(g, "unexpected EOF")
}

// differ compares line by line, with the exceptions that the source marks.
func differ(src string, got, want []string) string {
	lines := strings.Split(src, "\n")
	for i := range max(len(got), len(want)) {
		var g, w string
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g == w || sameAtEnd(g, w) {
			continue
		}
		line := g
		if line == "" {
			line = w
		}
		var n int
		fmt.Sscan(line[:strings.Index(line+":", ":")], &n)
		if n > 0 && n <= len(lines) {
			if _, re, ok := strings.Cut(lines[n-1], "//!"); ok && (g == "" || regexp.MustCompile(strings.TrimSpace(re)).MatchString(g)) {
				continue
			}
		}
		return fmt.Sprintf("got:\n\t%s\nwant:\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	return ""
}
