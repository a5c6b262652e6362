package check_test

import (
	"bytes"
	"flag"
	"fmt"
	"go/printer"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"braid/kernel/cell"
	"braid/kernel/check"
	"braid/kernel/check/exportdata"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write what was got to the golden files")

// session runs cells one after the other, as far as checking goes.
type session struct {
	t     *testing.T
	fset  *token.FileSet
	state *check.State
	prog  *program
	n     int
}

func newSession(t *testing.T) *session {
	fset := token.NewFileSet()
	return &session{t: t, fset: fset, state: check.NewState(fset, exportdata.NewImporter(fset)), prog: newProgram(t, fset)}
}

// try checks a cell and goes on from it if it is accepted.
func (s *session) try(src string) (*check.Checked, []cell.Diagnostic) {
	s.t.Helper()
	s.n++
	c, ds := cell.Parse(s.fset, fmt.Sprintf("In[%d]", s.n), src)
	if len(ds) > 0 {
		return nil, ds
	}
	before := s.state
	k, ds := s.state.Check(c)
	if k == nil {
		// A refused cell leaves no trace: it is refused in the same words again.
		if _, again := before.Check(c); !slices.Equal(again, ds) {
			s.t.Errorf("a second check says something else:\n%v\n%v", ds, again)
		}
		return nil, ds
	}
	for _, imp := range k.Imports {
		s.prog.imports(imp.Pkg)
		if imp.Path != "unsafe" && s.prog.ssa.Package(imp.Pkg) == nil {
			s.prog.ssa.CreatePackage(imp.Pkg, nil, nil, true)
		}
	}
	s.prog.add(k)
	s.state = k.Next
	return k, ds
}

// run is try for cells that must be accepted.
func (s *session) run(src string) *check.Checked {
	s.t.Helper()
	k, ds := s.try(src)
	if k == nil {
		s.t.Fatalf("%q: %v", src, ds)
	}
	return k
}

// Every file in testdata/sessions is a session: the cells, each followed by what
// checking it must give.
func TestSessions(t *testing.T) {
	files, err := filepath.Glob("testdata/sessions/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no sessions", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) { testSession(t, name) })
	}
}

func testSession(t *testing.T, name string) {
	ar, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	s := newSession(t)
	out := &txtar.Archive{Comment: ar.Comment}
	want := map[string]string{}
	for _, f := range ar.Files {
		want[f.Name] = string(f.Data)
	}
	for _, f := range ar.Files {
		if strings.HasSuffix(f.Name, ".want") {
			continue
		}
		k, ds := s.try(string(f.Data))
		got := describe(k, ds)
		out.Files = append(out.Files, f, txtar.File{Name: f.Name + ".want", Data: []byte(got)})
		if !*update && got != want[f.Name+".want"] {
			t.Errorf("cell %s:\n%s\ngot:\n%s\nwant:\n%s", f.Name, f.Data, got, want[f.Name+".want"])
		}
	}
	if *update {
		if err := os.WriteFile(name, txtar.Format(out), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// describe writes down what a check found.
func describe(k *check.Checked, ds []cell.Diagnostic) string {
	var b strings.Builder
	for _, d := range ds {
		fmt.Fprintf(&b, "%s %d:%d-%d: %s\n", d.Severity, d.Pos.Line, d.Pos.Column, d.End.Column, d.Msg)
	}
	if k == nil {
		return b.String()
	}
	qualify := func(p *types.Package) string {
		if p.Path() == check.Path {
			return ""
		}
		return p.Name()
	}
	for _, d := range k.Decls {
		fmt.Fprintf(&b, "%s %s%s: %s%s\n", d.Kind, receiver(d), d.Obj.Name(), types.TypeString(d.Obj.Type(), qualify), names(" needs", d.Deps))
	}
	if len(k.Imports) > 0 {
		b.WriteString("imports")
		for _, imp := range k.Imports {
			fmt.Fprintf(&b, " %s=%s", imp.Name, imp.Path)
		}
		b.WriteString("\n")
	}
	if len(k.Refs) > 0 {
		fmt.Fprintf(&b, "refers to%s\n", names("", k.Refs))
	}
	for _, old := range slices.SortedFunc(maps.Keys(k.Rebinds), func(a, b *types.Func) int { return int(a.Pos() - b.Pos()) }) {
		fmt.Fprintf(&b, "rebinds %s\n", old.Name())
	}
	var src bytes.Buffer
	if err := printer.Fprint(&src, token.NewFileSet(), k.Entry.Body.List); err != nil {
		fmt.Fprintln(&b, err)
	}
	for line := range strings.Lines(src.String()) {
		fmt.Fprintf(&b, "\t%s\n", strings.TrimRight(line, "\n"))
	}
	if len(k.Results) > 0 {
		fmt.Fprintf(&b, "results %v show %v\n", k.Results, k.Show)
	}
	return b.String()
}

func receiver(d *check.Decl) string {
	if d.Recv == nil {
		return ""
	}
	return d.Recv.Name() + "."
}

func names(prefix string, l []*check.Decl) string {
	var out []string
	for _, d := range l {
		out = append(out, receiver(d)+d.Name()+"@"+d.Cell.Name)
	}
	if len(out) == 0 {
		return ""
	}
	return prefix + " " + strings.Join(out, ", ")
}
