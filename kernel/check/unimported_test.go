package check_test

import (
	"slices"
	"strings"
	"testing"

	"braid/kernel/cell"
)

// What a cell has to import to be accepted, in a session that knows fmt, a variable
// time and a type path; and what Check says of it, if imports don't help.
func TestUnimported(t *testing.T) {
	s := newSession(t)
	s.run("import \"fmt\"\ntype path struct{ Base string }\ntime := path{}\nfunc (p path) Join() string { return p.Base }")
	for _, c := range []struct {
		name, cell string
		paths      string // sorted, with a space between
		err        string // in the first error
	}{
		{"one", `fmt.Println(strings.ToUpper("a"))`, "strings", ""},
		{"a type", "var b strings.Builder\nb.WriteByte('a')", "strings", ""},
		{"several, in functions and types", "type T struct{ mu sync.Mutex }\nfunc f(t *T) error { return errors.New(strconv.Itoa(1)) }", "errors strconv sync", ""},
		{"embedded and generic", "type T struct{ sync.Mutex }\nx := slices.Max([]int{1})\nvar p atomic.Pointer[T]", "slices sync sync/atomic", ""},
		{"a path of several elements", `filepath.Join("a", "b")`, "path/filepath", ""},
		{"Braid's own", "asyncio.Sleep(1)", "braid/runtime/asyncio", ""},
		{"a program", "package main\n\nfunc main() { println(strings.ToUpper(\"a\")) }", "strings", ""},
		{"eleven uses", strings.Repeat("fmt.Println(math.Pi)\n", 12), "math", ""},
		{"twice on a line", "x := math.Max(math.Pi, math.E)", "math", ""},

		{"rand: what v2 has", "rand.IntN(3)", "math/rand/v2", ""},
		{"rand: what all have", "rand.Int()", "math/rand/v2", ""},
		{"rand: what the secure one has", "rand.Read(nil)", "crypto/rand", ""},
		{"rand: what only v1 has", "rand.Seed(1)\nrand.Intn(3)", "math/rand", ""},
		{"rand: what none has all of", "rand.IntN(3)\nrand.Intn(3)", "", `add: import "math/rand/v2" or "crypto/rand" or "math/rand"`},
		{"template: preferred", `template.New("a")`, "text/template", ""},
		{"template: of one", `template.HTML("a")`, "html/template", ""},
		{"ambiguous", "scanner.Scanner{}", "", `to use package scanner, add: import "go/scanner" or "text/scanner"`},
		{"not ambiguous", "scanner.ErrorList{}", "go/scanner", ""},

		{"not exported", `strings.ToUper("a")`, "", `undefined: strings`},
		{"no package", "oss.Name", "", "undefined: oss"},
		{"no such name in it", "os.Name", "", "undefined: os"},
		{"a lower-case selector", "sort.length", "", "undefined: sort"},
		{"no dot", "fmt.Println(strings)", "", "undefined: strings"},
		{"another error", "var s string = 1\nstrings.ToUpper(s)", "", "cannot use 1"},
		{"another undefined name", "y := 1 + z\nstrings.ToUpper(\"a\")", "", "undefined: z"},
		{"return", "strings.ToUpper(\"a\")\nreturn", "", ""},

		{"a variable of an earlier cell", "time.Second", "", "time.Second undefined"},
		{"its field", "time.Base", "", "-"},
		{"a type of an earlier cell", "path{}.Join()", "", "-"},
		{"a method expression of it", "path.Clean", "", "path.Clean undefined"},
		{"a variable of this cell", "strings := []string{}\nstrings.ToUpper", "", "strings.ToUpper undefined"},
		{"a local variable", "func f(os path) string { return os.Args }", "", "os.Args undefined"},
		{"a local variable here, a package there", "func f(os path) string { return os.Join() + os.Base }\nfunc g() []string { return os.Args }", "os", ""},
		{"declared below", "func f() int { return math.N }\ntype m struct{ N int }\nvar math = m{}", "", "-"},
		{"a predeclared name", "len.Foo", "", "len"},
		{"an import that cannot be had", "import \"no/such/list\"\nlist.New()", "", "package no/such/list is not in std"},
	} {
		p, ds := cell.Parse(s.fset, c.name, c.cell)
		if len(ds) > 0 {
			t.Errorf("%s: %v", c.name, ds)
			continue
		}
		k, before := s.state.Check(p)
		got := strings.Join(s.state.Unimported(p), " ")
		if got != c.paths {
			t.Errorf("%s: %q, want %q", c.name, got, c.paths)
		}
		if (k != nil) != (c.err == "-") {
			t.Errorf("%s: accepted: %v; %v", c.name, k != nil, before)
		}
		if k == nil && !strings.Contains(before[0].Msg, c.err) {
			t.Errorf("%s: %q, want %q", c.name, before[0].Msg, c.err)
		}
		if _, again := s.state.Check(p); !slices.Equal(again, before) {
			t.Errorf("%s: then Check says\n%v\nbefore it said\n%v", c.name, again, before)
		}
	}
}
