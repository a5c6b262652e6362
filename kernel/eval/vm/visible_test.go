package vm

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var updateVisible = flag.Bool("visible", false, "write visible.txt anew")

// TestVisibleInterfaces compares visible.txt with the interfaces in the sources
// of the toolchain's standard library and of this module.
func TestVisibleInterfaces(t *testing.T) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	src := filepath.Join(strings.TrimSpace(string(root)), "src")
	s := sources{named: map[string]*written{}}
	for _, d := range []struct{ dir, path string }{
		{src, ""}, {"../../../runtime", "braid/runtime"}, {"../../display", "braid/kernel/display"},
		{"../comm", "braid/kernel/eval/comm"}, {"../host", "braid/kernel/eval/host"},
	} {
		if err := s.read(d.dir, d.path); err != nil {
			t.Fatal(err)
		}
	}
	lines := map[string]bool{}
	for _, w := range s.all {
		names := map[string]bool{}
		if s.collect(w, names, map[*written]bool{}) && len(names) > 0 {
			lines[strings.Join(slices.Sorted(maps.Keys(names)), " ")] = true
		}
	}
	if *updateVisible {
		text := strings.Join(slices.Sorted(maps.Keys(lines)), "\n") + "\n"
		if err := os.WriteFile("visible.txt", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have := map[string]bool{}
	for line := range strings.Lines(visibleText) {
		have[strings.TrimSpace(line)] = true
	}
	for line := range lines {
		if !have[line] {
			t.Errorf("visible.txt lacks {%s}; run this test with -visible", line)
		}
	}
}

// written is an interface type as it stands in a file.
type written struct {
	typ     *ast.InterfaceType
	pkg     string
	imports map[string]string // name → path
}

type sources struct {
	all   []*written
	named map[string]*written // by path.Name
}

// read adds the interfaces of all Go files under dir, whose import path is pkg.
func (s *sources) read(dir, pkg string) error {
	return filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || file == filepath.Join(dir, "cmd")):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		src, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(src), "interface") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, src, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, filepath.Dir(file))
		if err != nil {
			return err
		}
		s.file(f, strings.TrimPrefix(path.Join(pkg, filepath.ToSlash(rel)), "vendor/"))
		return nil
	})
}

func (s *sources) file(f *ast.File, pkg string) {
	imports := map[string]string{}
	for _, spec := range f.Imports {
		p, _ := strconv.Unquote(spec.Path.Value)
		name := path.Base(p)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		imports[name] = p
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.TypeSpec:
			if it, ok := n.Type.(*ast.InterfaceType); ok {
				s.named[pkg+"."+n.Name.Name] = &written{it, pkg, imports}
			}
		case *ast.InterfaceType:
			s.all = append(s.all, &written{n, pkg, imports})
		}
		return true
	})
}

// collect adds the names of the exported methods of w; it is false for
// interfaces that only cells' generic functions could use, and those that no
// type of a cell implements because of an unexported method.
func (s *sources) collect(w *written, names map[string]bool, seen map[*written]bool) bool {
	if seen[w] {
		return true
	}
	seen[w] = true
	for _, field := range w.typ.Methods.List {
		for _, id := range field.Names {
			if !id.IsExported() {
				return false
			}
			ft := field.Type.(*ast.FuncType)
			names[arity(id.Name, ft.Params.NumFields(), ft.Results.NumFields())] = true
		}
		if len(field.Names) > 0 {
			continue
		}
		key := ""
		switch x := field.Type.(type) {
		case *ast.Ident:
			switch x.Name {
			case "error":
				names[arity("Error", 0, 1)] = true
				continue
			case "any":
				continue
			case "comparable":
				return false
			}
			key = w.pkg + "." + x.Name
		case *ast.SelectorExpr:
			if id, ok := x.X.(*ast.Ident); ok {
				key = w.imports[id.Name] + "." + x.Sel.Name
			}
		case *ast.BinaryExpr, *ast.UnaryExpr:
			return false // a union: no interface for values
		}
		// What cannot be resolved adds no names, which makes the interface
		// easier to implement: a method is refused rather than missed.
		if e := s.named[key]; e != nil && !s.collect(e, names, seen) {
			return false
		}
	}
	return true
}
