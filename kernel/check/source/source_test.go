package source_test

import (
	"errors"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/tools/txtar"

	"braid/kernel/check/exportdata"
	"braid/kernel/check/source"
	"braid/kernel/eval"
)

// packages lays out files named PATH/FILE as packages of the module m.
func packages(t *testing.T, version, text string, imports map[string][]string) []*eval.Package {
	t.Helper()
	root := t.TempDir()
	by := map[string]*eval.Package{}
	var l []*eval.Package
	for _, f := range txtar.Parse([]byte(text)).Files {
		dir, name := filepath.Split(f.Name)
		path := strings.TrimSuffix(dir, "/")
		p := by[path]
		if p == nil {
			p = &eval.Package{Path: path, Name: filepath.Base(path), Dir: filepath.Join(root, dir), Imports: imports[path], Module: "m.org/m", Version: version, GoVersion: "1.21"}
			by[path], l = p, append(l, p)
			if err := os.MkdirAll(p.Dir, 0o777); err != nil {
				t.Fatal(err)
			}
		}
		p.Files = append(p.Files, name)
		if err := os.WriteFile(filepath.Join(p.Dir, name), f.Data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func newImporter(bodies bool) *source.Importer {
	fset := token.NewFileSet()
	return source.NewImporter(fset, exportdata.NewImporter(fset), bodies)
}

const two = `
-- m.org/m/a/a.go --
// Package a is one of two.
package a

import "m.org/m/b"

// T has a comment.
type T struct {
	// F too.
	F b.B
	G int // and G
}

// M does nothing.
func (*T) M() {}

// I asks for little.
type I interface {
	// Do does it.
	Do()
}

const (
	// C is a constant.
	C = 1
)

func unfinished() int { return "" }
-- m.org/m/b/b.go --
package b

import "strings"

type B = *strings.Builder
`

var imports = map[string][]string{"m.org/m/a": {"m.org/m/b"}, "m.org/m/b": {"strings"}}

func TestBodies(t *testing.T) {
	const want = "package m.org/m/a cannot be used in a cell: m.org/m@v1.0.0/a/a.go:27:32: cannot use \"\""
	for _, tt := range []struct {
		what            string
		bodies, strict  bool
		version, reason string
	}{
		{"declarations only", false, false, "v1.0.0", ""},
		{"all", true, false, "v1.0.0", want},
		{"strictly", false, true, "v1.0.0", want},
		{"a folder", false, false, "", strings.Replace(want, "m.org/m@v1.0.0/a", "m.org/m/a", 1)},
	} {
		im := newImporter(tt.bodies)
		if tt.strict {
			im.Strict()
		}
		im.Add(packages(t, tt.version, two, imports)...)
		_, err := im.Import("m.org/m/a")
		if tt.reason == "" && err != nil || tt.reason != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.reason)) {
			t.Errorf("%s: %v", tt.what, err)
		}
		if im.Loaded("m.org/m/a") != (err == nil) {
			t.Errorf("%s: loaded %v", tt.what, im.Loaded("m.org/m/a"))
		}
	}
}

func TestImport(t *testing.T) {
	im := newImporter(true)
	im.Add(packages(t, "v1.0.0", strings.Replace(two, `return ""`, "return 1", 1), imports)...)
	a, err := im.Import("m.org/m/a")
	if err != nil {
		t.Fatal(err)
	}
	b, _ := im.Import("m.org/m/b")
	std, _ := im.Import("strings")
	field := a.Scope().Lookup("T").Type().Underlying().(*types.Struct).Field(0).Type()
	if builder := types.NewPointer(std.Scope().Lookup("Builder").Type()); !types.Identical(field, builder) || !types.Identical(field, b.Scope().Lookup("B").Type()) {
		t.Errorf("field is a %s, want *strings.Builder of std", field)
	}
	fresh := im.TakeFresh()
	if len(fresh) != 2 || fresh[0].Types != b || fresh[1].Types != a || fresh[1].Info.Defs == nil || len(fresh[1].Syntax) != 1 {
		t.Errorf("fresh: %v", fresh)
	}
	if again, _ := im.Import("m.org/m/a"); again != a || len(im.TakeFresh()) != 0 {
		t.Error("it was checked again")
	}
	var closure []string
	for _, p := range im.Closure("m.org/m/a", "fmt", "m.org/m/b") {
		closure = append(closure, p.Path)
	}
	if strings.Join(closure, " ") != "m.org/m/b m.org/m/a" {
		t.Errorf("closure %s", closure)
	}
}

func TestFailures(t *testing.T) {
	im := newImporter(true)
	im.Add(packages(t, "v1.0.0", "-- m.org/m/a/a.go --\npackage a\nimport \"m.org/m/b\"\nvar X = b.X\n-- m.org/m/b/b.go --\npackage b\nimport \"m.org/m/a\"\nvar X = a.X\n-- m.org/m/c/c.go --\npackage c\nimport \"internal/abi\"\nvar X abi.Type\n-- m.org/m/d/d.go --\npackage d {\n-- m.org/m/e/e.go --\npackage e\n", nil)...)
	for path, want := range map[string]string{
		"m.org/m/a": "import cycle: m.org/m/a imports m.org/m/b imports m.org/m/a",
		"m.org/m/c": "package m.org/m/c cannot be used in a cell: it imports internal/abi, and package internal/abi is not in std",
		"m.org/m/d": "m.org/m@v1.0.0/d/d.go:1:11: expected ';', found '{'",
		"m.org/m/f": "package m.org/m/f is not in std",
	} {
		if _, err := im.Import(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	no := errors.New("no")
	im.Fail("m.org/m/e", no)
	if _, err := im.Import("m.org/m/e"); err != no {
		t.Error(err)
	}
	im.Add(im.Known("m.org/m/e"))
	if _, err := im.Import("m.org/m/e"); err != nil {
		t.Error(err)
	}
}

func TestDocs(t *testing.T) {
	im := newImporter(false)
	im.Add(packages(t, "v1.0.0", two, imports)...)
	docs := im.Docs("m.org/m/a")
	for name, want := range map[string]string{"": "Package a is one of two.", "T": "T has a comment.", "T.F": "F too.", "T.G": "and G", "T.M": "M does nothing.", "I.Do": "Do does it.", "C": "C is a constant."} {
		if got := strings.TrimSpace(docs[name]); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if im.Docs("m.org/m/x") != nil {
		t.Error("docs of nothing")
	}
}

func TestImportersAreSafe(t *testing.T) {
	im := newImporter(true)
	im.Add(packages(t, "v1.0.0", strings.Replace(two, `return ""`, "return 1", 1), imports)...)
	var wg sync.WaitGroup
	got := make([]*types.Package, 4)
	for i := range got {
		wg.Go(func() { got[i], _ = im.Import("m.org/m/a") })
	}
	wg.Wait()
	for _, p := range got {
		if p == nil || p != got[0] {
			t.Error("not always the same package")
		}
	}
}
