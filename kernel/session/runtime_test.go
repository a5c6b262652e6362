package session

import (
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"braid/kernel/check/exportdata"
)

// notFromCells are exported functions that no lesson calls, and why.
var notFromCells = map[string]string{
	"SetCurrentScope": "hosts", "SetFrames": "hosts", "SetStderr": "hosts", "SetUnwinding": "hosts", "Unwinding": "hosts",
	"SetGoroutines": "hosts", "SetCallers": "hosts", "Callers": "models", "FollowCallers": "models", "SourceLine": "models", "SetInterrupted": "hosts", "Goroutines": "models", "Interrupted": "models",
	"NewScope": "hosts", "Abort": "hosts", "Each": "hosts", "End": "hosts", "EndEmpty": "hosts", "Interrupt": "hosts",
	"Own": "models", "OwnRunning": "models", "OwnThread": "models", "FromPanic": "models", "Worker": "models",
	"AtExit": "models", "Finalizing": "models", "Module": "models", "ThreadName": "models", "Access": "models",
	"AllowThreads": "models", "Await": "models", "Do": "models", "Proc": "models", "InWorld": "explorers",
	"Explored": "models", "Unwrap": "package errors", "String": "package fmt",
}

// Every function and method of the packages that lessons about threads use is
// called by a cell of testdata/cells, so that a notebook can call it.
func TestCellsCallTheWholeRuntime(t *testing.T) {
	files, err := filepath.Glob("testdata/cells/rt_*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var cells strings.Builder
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		cells.Write(data)
	}
	called := map[string]bool{}
	for _, m := range regexp.MustCompile(`\.([A-Z]\w*)\b`).FindAllStringSubmatch(cells.String(), -1) {
		called[m[1]] = true
	}
	imp := exportdata.NewImporter(token.NewFileSet())
	for _, path := range []string{"", "/threading", "/explore", "/native", "/viz"} {
		p, err := imp.Import("braid/runtime" + path)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range functions(p) {
			short := name[strings.LastIndex(name, ".")+1:]
			if !called[short] && notFromCells[short] == "" {
				t.Errorf("no cell calls %s of %s", name, p.Path())
			}
		}
	}
}

// functions names the exported functions of a package and the methods of its
// types.
func functions(p *types.Package) (list []string) {
	for _, name := range p.Scope().Names() {
		if !token.IsExported(name) {
			continue
		}
		switch o := p.Scope().Lookup(name).(type) {
		case *types.Func:
			list = append(list, name)
		case *types.TypeName:
			n, ok := o.Type().(*types.Named)
			for i := 0; ok && i < n.NumMethods(); i++ {
				if m := n.Method(i); m.Exported() {
					list = append(list, name+"."+m.Name())
				}
			}
		}
	}
	return list
}
