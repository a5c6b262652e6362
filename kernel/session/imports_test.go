package session

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"braid/kernel/check"
)

// imports lists what the session has imported, as "name=path", sorted.
func (n *notebook) imports() string {
	var l []string
	for imp := range n.s.view.Load().Imports() {
		l = append(l, imp.Name+"="+imp.Path)
	}
	slices.Sort(l)
	return strings.Join(l, " ")
}

func TestAutoImport(t *testing.T) {
	for _, engine := range testEngines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			n := open(t, Options{Engine: engine})
			result := func(code, want string) {
				t.Helper()
				if out, p := n.run(code); out.Err != nil || p.result() != want || len(p.all()) != 1 {
					t.Errorf("%s: %+v, result %q and %d events; want %q and nothing else", code, out.Err, p.result(), len(p.all()), want)
				}
			}
			result(`strings.ToUpper("a") + strconv.Itoa(1)`, `"A1"`)
			if got := n.imports(); got != "strconv=strconv strings=strings" {
				t.Errorf("imported: %s", got)
			}
			n.ok("type T struct{ b strings.Builder }\nfunc up(s string) string { return strings.ToUpper(s) + path.Base(s) }")
			result("up(\"b\")", `"Bb"`)

			// What the learner calls so comes first.
			result("os := []int{7}\nos[0]", "7")
			result("math := struct{ Pi int }{3}\nmath.Pi", "3")
			result("math.Pi + 1", "4")

			// Nothing is imported for a cell that doesn't run.
			before := n.imports()
			if got := n.fails("x := 1\nx = sort.SearchInts(nil, \"a\")"); !strings.Contains(got, "cannot use \"a\"") || !strings.Contains(got, "2 │ x = sort") {
				t.Errorf("got\n%s", got)
			}
			if got := n.fails("bytes.NewBuffer(nil).Len() + y"); !strings.Contains(got, "undefined: bytes") || !strings.Contains(got, `add: import "bytes"`) || !strings.Contains(got, "undefined: y") {
				t.Errorf("got\n%s", got)
			}
			if got := n.fails("scanner.Scanner{}"); !strings.Contains(got, `add: import "go/scanner" or "text/scanner"`) {
				t.Errorf("got\n%s", got)
			}
			if after := n.imports(); after != before {
				t.Errorf("imported: %s, before %s", after, before)
			}

			// Places are those of the cell.
			if got := n.fails("s := unicode.IsUpper('a')\n_ = s\nvar m map[string]int\nm[\"a\"] = 1"); !strings.Contains(got, fmt.Sprintf("In[%d]:4", n.count)) {
				t.Errorf("got\n%s", got)
			}
			if got := n.imports(); !strings.Contains(got, "unicode=unicode") {
				t.Errorf("imported: %s", got)
			}

			// A new worker gets the imports too, and what needs them.
			n.ok("%restart_worker")
			result("up(\"c\")", `"Cc"`)
			result("strconv.Itoa(2)", `"2"`)
		})
	}
}

func TestAutoImportAfterMagics(t *testing.T) {
	n := open(t, Options{Engine: "vm"})
	if got := n.ok("%goroutines\nprintln(strings.ToUpper(\"a\"))"); !strings.Contains(got, "goroutine") {
		t.Errorf("got %q", got)
	}
	n.ok("%time path.Base(\"a/b\")")
	if got := n.imports(); got != "path=path strings=strings" {
		t.Errorf("imported: %s", got)
	}
}

// A user expression declares nothing, so it imports nothing.
func TestNoAutoImportByExpressions(t *testing.T) {
	n := open(t, Options{Engine: "vm"})
	out := n.s.Run(t.Context(), Request{Code: "x := 1", Count: 1, StoreHistory: true, Expressions: map[string]string{"e": "strings.ToUpper(\"a\")"}}, newPage())
	if e := out.Expressions["e"]; e.Err == nil || !strings.Contains(e.Err.EValue, "undefined: strings") || n.imports() != "" {
		t.Errorf("%+v, imported: %s", e, n.imports())
	}
}

// A variable that went with its worker does not become a package.
func TestNoAutoImportOfLostNames(t *testing.T) {
	n := open(t, Options{})
	n.ok("path := struct{ Base int }{1}\nrand := struct{ IntN func(int) int }{}")
	n.ok("%restart_worker")
	for _, code := range []string{"path.Base", "rand.IntN(2)"} {
		name, _, _ := strings.Cut(code, ".")
		if got := n.fails(code); !strings.Contains(got, name+" (In[1]) was lost") || strings.Contains(got, "add: import") {
			t.Errorf("got\n%s", got)
		}
	}
}

func TestExplicitImports(t *testing.T) {
	n := open(t, Options{Engine: "vm", ExplicitImports: true})
	if got := n.fails(`strings.ToUpper("a")`); !strings.Contains(got, "undefined: strings\n\tto use package strings, add: import \"strings\"") {
		t.Errorf("got\n%s", got)
	}
	n.ok("import \"strings\"")
	n.ok(`strings.ToUpper("a")`)
}

// The engine that refuses a cell takes its declarations back, not the imports.
func TestRefusedCellKeepsAutoImport(t *testing.T) {
	n := open(t, Options{})
	n.fails("//do: refuse not this\nx := strings.ToUpper(\"a\")")
	if got := n.imports(); got != "strings=strings" {
		t.Errorf("imported: %s", got)
	}
	if n.s.view.Load().Lookup("x") != (*check.Decl)(nil) {
		t.Error("x is declared")
	}
	n.ok("x := strings.ToUpper(\"a\")")
	n.ok("x += \"b\"")
}

// What is not imported yet is known all the same, and is so before and after.
func TestAssistBeforeAutoImport(t *testing.T) {
	n := open(t, Options{Engine: "vm"})
	for range 2 {
		for code, want := range map[string]string{"strings.Repl": "Replace", "rand.Int": "IntN", "filepath.Jo": "Join"} {
			if c := n.s.Complete(code, len(code)); !slices.Contains(c.Matches, want) {
				t.Errorf("%s: %v, no %s", code, c.Matches, want)
			}
		}
		for code, want := range map[string]string{
			"strings": `import "strings"`, "rand.IntN(3)": "func rand.IntN(", "rand.Intn(3)": "func rand.Intn(", "rand.Text()": "func rand.Text(",
		} {
			i := n.s.Inspect(code, min(len(code), 8), 0)
			if text := fmt.Sprint(i.Data["text/plain"]); !strings.Contains(text, want) {
				t.Errorf("%s: %q", code, text)
			}
		}
		if st, _ := n.s.IsComplete("strings.ToUpper(\"a\")"); st != "complete" {
			t.Errorf("is %s", st)
		}
		n.ok("_ = strings.ToUpper(\"a\") + filepath.Base(\"b\")")
	}
}
