package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// listed is what "go list -json" tells of a package of this module.
type listed struct {
	ImportPath  string
	Imports     []string
	TestImports []string
	Doc         string
}

func module(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,Doc", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func under(path string, trees ...string) bool {
	return slices.ContainsFunc(trees, func(tree string) bool {
		return path == tree || strings.HasPrefix(path, tree+"/")
	})
}

// A law of imports: packages in from (but for those in except) must not import
// anything in to.
type law struct {
	why    string
	from   []string
	except []string
	to     []string
}

var laws = []law{
	{
		why:  "the runtime is a library of its own",
		from: []string{"braid/runtime"},
		to:   []string{"braid/kernel", "braid/notebooks", "braid/install", "braid"},
	},
	{
		why: "a session knows no protocol and no sockets",
		from: []string{
			"braid/kernel/session", "braid/kernel/cell", "braid/kernel/check", "braid/kernel/lower",
			"braid/kernel/assist", "braid/kernel/eval", "braid/kernel/worker", "braid/kernel/display",
		},
		to: []string{"braid/kernel", "braid/kernel/internal", "github.com/go-zeromq/zmq4"},
		except: []string{
			"braid/kernel/session", "braid/kernel/cell", "braid/kernel/check", "braid/kernel/lower",
			"braid/kernel/assist", "braid/kernel/eval", "braid/kernel/worker", "braid/kernel/display",
		},
	},
	{
		why:  "notebooks are run by a function call",
		from: []string{"braid/notebooks"},
		to:   []string{"braid/kernel/internal", "github.com/go-zeromq/zmq4"},
	},
}

func TestLawsOfImport(t *testing.T) {
	packages := module(t)
	if len(packages) < 10 {
		t.Fatalf("go list names %d packages only", len(packages))
	}
	for _, p := range packages {
		for _, l := range laws {
			if !under(p.ImportPath, l.from...) {
				continue
			}
			for _, imp := range p.Imports {
				if broken(imp, l) {
					t.Errorf("%s imports %s, but %s", p.ImportPath, imp, l.why)
				}
			}
		}
	}
}

func broken(imp string, l law) bool {
	if under(imp, l.except...) {
		return false
	}
	return slices.ContainsFunc(l.to, func(tree string) bool {
		if tree == "braid" || tree == "braid/kernel" { // the package itself, whose name begins every other
			return imp == tree || tree == "braid/kernel" && l.from[0] == "braid/runtime" && under(imp, tree)
		}
		return under(imp, tree)
	})
}

// Each heavy dependency has one home, so that it can be replaced there.
var homes = map[string][]string{
	"github.com/go-zeromq/zmq4":    {"braid/kernel/internal/zmq"},
	"github.com/traefik/yaegi":     {"braid/kernel/eval/yaegi", "braid/kernel/eval/symbols"},
	"golang.org/x/tools/go/ssa":    {"braid/kernel/eval/vm"},
	"github.com/goplus/reflectx":   {"braid/kernel/eval/vm", "braid/kernel/eval/yaegi"}, // both make real types of a cell's
	"github.com/spf13/cobra":       {"braid"},
	"gonum.org/v1/gonum":           {"braid/runtime/native"},
	"github.com/yuin/goldmark":     {"braid/notebooks/execute"},
	"github.com/chromedp/chromedp": {"braid/install"},
}

func TestHeavyDependenciesHaveOneHome(t *testing.T) {
	for _, p := range module(t) {
		for _, imp := range slices.Concat(p.Imports, p.TestImports) {
			for dep, home := range homes {
				if under(imp, dep) && !under(p.ImportPath, home...) {
					t.Errorf("%s imports %s, whose home is %s", p.ImportPath, imp, strings.Join(home, " and "))
				}
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range module(t) {
		if p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}
