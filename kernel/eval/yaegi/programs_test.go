package yaegi

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"braid/kernel/eval"
)

var update = flag.Bool("update", false, "ask the Go toolchain for the wanted output of testdata/programs.txt")

// snippet is a program of testdata/programs.txt: "== name", declarations,
// "---", statements; without declarations the line "---" is missing.
type snippet struct{ name, decls, body string }

func snippets(t *testing.T) []snippet {
	b, err := os.ReadFile("testdata/programs.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []snippet
	for _, part := range strings.Split("\n"+string(b), "\n== ")[1:] {
		name, text, _ := strings.Cut(part, "\n")
		s := snippet{name: name, body: text + "\n"}
		if d, body, ok := strings.Cut(text, "\n---\n"); ok {
			s.decls, s.body = d+"\n", body+"\n"
		}
		all = append(all, s)
	}
	return all
}

var importable = []string{"bytes", "container/heap", "context", "encoding/json", "errors", "flag", "fmt", "io", "reflect", "runtime", "sort", "strings", "sync", "sync/atomic", "text/template", "time"}

// imports are those that the text of a snippet needs.
func (s snippet) imports() string {
	var b strings.Builder
	for _, p := range importable {
		name := p[strings.LastIndex(p, "/")+1:]
		if regexp.MustCompile(`\b` + name + `\.[A-Z]`).MatchString(s.decls + s.body) {
			b.WriteString("import \"" + p + "\"\n")
		}
	}
	return b.String()
}

// TestPrograms runs every snippet as a cell and compares with what the Go
// toolchain printed for it (testdata/programs.want, written by -update).
func TestPrograms(t *testing.T) {
	all := snippets(t)
	if *update {
		var a txtar.Archive
		for _, s := range all {
			out := goRun(t, "package main\n"+s.imports()+s.decls+"func main() {\n"+s.body+"}\n")
			a.Files = append(a.Files, txtar.File{Name: s.name, Data: []byte(out)})
		}
		if err := os.WriteFile("testdata/programs.want", txtar.Format(&a), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	a, err := txtar.ParseFile("testdata/programs.want")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, f := range a.Files {
		want[f.Name] = string(f.Data)
	}
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) {
			w, ok := want[s.name]
			if !ok {
				t.Fatal("no wanted output; run with -update")
			}
			for _, form := range []string{s.imports() + s.decls + s.body, s.imports() + s.decls + "func program() {\n" + s.body + "}\nprogram()\n"} {
				o := newNotebook().run(form)
				if o.err != nil {
					t.Fatalf("%v %v", o.err, o.err.Notes)
				}
				if o.stdout != w {
					t.Errorf("got:\n%s\nwant:\n%s", o.stdout, w)
				}
			}
		})
	}
}

// TestRefusals are cells that this engine must not run.
func TestRefusals(t *testing.T) {
	for _, src := range []string{
		"type S func() S\nvar s S",
		"import \"unsafe\"\nx := 1\np := unsafe.Pointer(&x)",
		"import \"slices\"\nslices.Sort([]int{1})",
		"import \"sync/atomic\"\nvar p atomic.Pointer[int]",
		"f := func() { recover() }\nf()",
		"import \"reflect\"\nreflect.TypeOf(1).Method(0)",
		"import \"runtime\"\nruntime.Caller(0)",
		"func F[T any](x T) any { type l struct{ x T }; return l{x} }\nF(1)",
		"import \"fmt\"\ntype A struct{}\nfunc (A) M() {}\nfmt.Println(struct{ A }{})",
	} {
		nb := newNotebook()
		o := nb.run(src)
		if o.err == nil || o.err.Name != eval.Unsupported || o.err.Pos.Line == 0 || len(o.err.Notes) == 0 {
			t.Errorf("%q: %+v", src, o.err)
		}
		if o := nb.run("x := 41; x + 1"); o.result != "42" {
			t.Errorf("%q: afterwards the engine says %q %v", src, o.result, o.err)
		}
	}
}
