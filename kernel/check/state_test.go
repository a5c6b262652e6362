package check_test

import (
	"fmt"
	"go/token"
	"slices"
	"strings"
	"testing"

	"braid/kernel/cell"
	"braid/kernel/check"
	"braid/kernel/check/exportdata"
)

// A State can be gone back to: it knows nothing of cells that were checked
// against it or after it.
func TestStatesAreValues(t *testing.T) {
	s := newSession(t)
	s.run("type T struct{ n int }\nt := T{1}")
	base := s.state

	s.run("func (t T) Twice() int { return t.n * 2 }\nt.Twice()")
	with := s.state

	s.state = base
	if k, ds := s.try("t.Twice()"); k != nil {
		t.Error("the method is there before it was declared")
	} else if want := "t.Twice undefined (type T has no field or method Twice)"; ds[0].Msg != want {
		t.Errorf("%q, want %q", ds[0].Msg, want)
	}
	// On another branch the method may have another signature.
	s.run("func (t T) Twice() string { return \"\" }\nvar x string = t.Twice()")
	other := s.state

	s.state = with
	s.run("var y int = t.Twice()")
	s.state = other
	s.run("var y string = t.Twice()")
}

func TestRefusedMethodsLeaveNoTrace(t *testing.T) {
	s := newSession(t)
	s.run("type T struct{}\nvar t T")
	if k, _ := s.try("func (t T) M() int { return undefined }"); k != nil {
		t.Fatal("accepted")
	}
	if k, _ := s.try("var i interface{ M() int } = t"); k != nil {
		t.Error("T has a method that was refused")
	}
	k := s.run("func (t T) M() string { return \"other\" }\nvar i interface{ M() string } = t")
	if len(k.Rebinds) != 0 {
		t.Errorf("rebinds %v", k.Rebinds)
	}
}

func TestDeclarationsAndReferences(t *testing.T) {
	s := newSession(t)
	s.run("import \"fmt\"\nlimit := 3\ntype T struct{ n int }\nfunc (t T) Show() { fmt.Println(t.n, limit) }\nfunc use(t T) { t.Show() }")
	k := s.run("use(T{limit})")
	var refs []string
	for _, d := range k.Refs {
		refs = append(refs, d.Kind.String()+" "+d.Name()+" "+d.Cell.Name)
	}
	if want := []string{"var limit In[1]", "type T In[1]", "func use In[1]"}; !slices.Equal(refs, want) {
		t.Errorf("refs %q, want %q", refs, want)
	}
	old := s.state.Lookup("use")
	show := old.Deps[1]
	if show.Kind != check.Method || show.Recv.Name() != "T" || show.Deps[1].Name() != "limit" {
		t.Errorf("use needs %v", show)
	}
	s.run("func use(t T) {}\nfunc (t T) Show() {}")
	if d := s.state.Latest(old); d.Cell.Name != "In[3]" || s.state.Declaration(old.Obj) != d {
		t.Errorf("latest use is of %s", d.Cell.Name)
	}
	if d := s.state.Declaration(show.Obj); d.Cell.Name != "In[3]" {
		t.Errorf("latest Show is of %s", d.Cell.Name)
	}
	if s.state.Lookup("nothing") != nil || s.state.Import("fmt").Path != "fmt" || s.state.Import("use") != nil {
		t.Error("names mean something else")
	}
}

func TestSource(t *testing.T) {
	src := `import (
	"fmt"
	"strings"
)
x := 1; type A int; type B struct {
	a A
}
const (
	c1 = iota
	c2
)
type (
	D int
	E string
)
var v, w = 1, 2
var (
	y = 3
	z = "z"
)
fmt.Println(x, strings.ToUpper("a"))
// F is kept.
func F() int { return c1 } // not this
func (b B) M() {}
x`
	s := newSession(t)
	k := s.run(src)
	keep := []string{"A", "c2", "E", "F", "M", "z"}
	got := k.Source(func(d *check.Decl) bool { return slices.Contains(keep, d.Name()) })
	want := `import (
	"fmt"
	"strings"
)
        type A int;

const (
	c1 = iota
	c2
)
type (

	E string
)

var (

	z = "z"
)

func F() int { return c1 }
func (b B) M() {}
`
	squeeze := func(s string) string {
		var l []string
		for line := range strings.Lines(s) {
			if line = strings.TrimRight(line, " \t\n"); line != "" {
				l = append(l, line)
			}
		}
		return strings.Join(l, "\n")
	}
	if squeeze(got) != squeeze(want) {
		t.Errorf("got:\n%s", got)
	}
	if len(got) != len(src) || strings.Count(got, "\n") != strings.Count(src, "\n") {
		t.Error("lines have moved")
	}
	for _, name := range keep {
		i := strings.Index(src, name+" ")
		if j := strings.Index(got, name+" "); i >= 0 && j >= 0 && name != "A" && i != j {
			t.Errorf("%s has moved from %d to %d", name, i, j)
		}
	}
	// What is kept must check by itself, as far as it needs nothing else.
	all := k.Source(func(d *check.Decl) bool { return d.Kind != check.Var })
	k2 := newSession(t).run(all)
	if len(k2.Entry.Body.List) != 0 {
		t.Errorf("statements are left in\n%s", all)
	}
}

func TestUnfinishedCellsAreExamined(t *testing.T) {
	s := newSession(t)
	s.run("type T struct{ n int }\nt := T{1}")
	fset := s.state.FileSet()
	c, ds := cell.Parse(fset, "In[2]", "func (t T) New() int { return 1 }\nx := t.New()\nt.")
	if len(ds) == 0 {
		t.Fatal("no syntax error")
	}
	called := false
	s.state.Examine(c, func(x *check.Examined) {
		called = true
		if obj := x.Lookup("x", token.Pos(c.File.Base()+c.File.Size())); obj == nil || obj.Type().String() != "int" {
			t.Errorf("x is %v", obj)
		}
	})
	if !called {
		t.Error("nothing was found out")
	}
	if k, _ := s.try("t.New()"); k != nil {
		t.Error("a method that was only looked at is there")
	}
}

func FuzzCheck(f *testing.F) {
	for _, src := range []string{
		"x := x + 1", "a, err := f()\nb, err := f()", "type T struct{ n int }\nfunc (t T) M() {}", "var x = x", "x, y = y, x", "func (t T) New() T { return t }", "T{1}", "[]T{{1}, {\"a\"}}",
		"L:\nx := 1\ngoto L", "for x := range x {}", "func init() {}", "package p\nfunc main() {}", "import \"fmt\"\nfmt.Println(x)", "import . \"strings\"", "type G[T any] struct{}\nfunc (g G[T]) M() {}",
		"return x", "nil, nil", "x := 1\nx := \"a\"\nx", "var a = b\nvar b = 1", "map[string]int{x: 1}", "const c = iota\ntype A [c]int", "switch x := any(x).(type) {\ncase int:\n}", "type T T2\ntype T2 T", "func f() (int, error)",
	} {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		fset := token.NewFileSet()
		s := check.NewState(fset, exportdata.NewImporter(fset))
		for i, src := range []string{"import \"fmt\"\nx, y := 1, \"a\"\ntype T struct{ n int }\nfunc f() (int, error) { return x, nil }\nfunc (t T) Old() { fmt.Println(t) }\nt := T{1}", src, src, "x, y, t, f, T{}"} {
			c, ds := cell.Parse(fset, fmt.Sprintf("In[%d]", i+1), src)
			if len(ds) > 0 {
				s.Examine(c, func(*check.Examined) {})
				continue
			}
			k, ds := s.Check(c)
			for _, d := range ds {
				if strings.Contains(d.Msg, "internal compiler error") {
					t.Errorf("%q: %s", src, d.Msg)
				}
				if strings.Contains(d.Msg, "ˍ") && !strings.Contains(src, "ˍ") {
					t.Errorf("%q: a hidden name in %q", src, d.Msg)
				}
			}
			if k == nil && len(ds) == 0 {
				t.Errorf("%q: refused without a word", src)
			}
			if k != nil {
				s = k.Next
			}
		}
	})
}

func TestLongSession(t *testing.T) {
	s := newSession(t)
	s.run("import \"fmt\"\ntotal := 0")
	for i := range 200 {
		s.run(fmt.Sprintf("type T%[1]d struct{ A, B int }\nfunc (t *T%[1]d) Add(n int) int { t.A += n; return t.A }\nx%[1]d := &T%[1]d{A: total}\ntotal = x%[1]d.Add(1)\nfmt.Println(total)", i))
	}
	k := s.run("x0.A + x199.B + total")
	if len(k.Refs) != 3 || s.state.Cells() != 202 {
		t.Errorf("%d refs after %d cells", len(k.Refs), s.state.Cells())
	}
	n := 0
	for range s.state.Declarations() {
		n++
	}
	if n != 401 {
		t.Errorf("%d names", n)
	}
}

// A small cell, after few and after many others.
func BenchmarkCheck(b *testing.B) {
	for _, cells := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("after %d", cells), func(b *testing.B) {
			fset := token.NewFileSet()
			s := check.NewState(fset, exportdata.NewImporter(fset))
			run := func(src string) *check.Checked {
				c, _ := cell.Parse(fset, "In[1]", src)
				k, ds := s.Check(c)
				if k == nil {
					b.Fatal(ds)
				}
				return k
			}
			s = run("import \"fmt\"\ntotal := 0").Next
			for i := range cells {
				s = run(fmt.Sprintf("type T%[1]d struct{ A, B int }\nfunc (t *T%[1]d) Add(n int) int { t.A += n; return t.A }\nx%[1]d := &T%[1]d{A: total}\nfunc F%[1]d(xs []int) (r []string) { for range xs { r = append(r, \"s\") }; return }\n", i)).Next
			}
			b.ReportAllocs()
			for b.Loop() {
				run("y := x0.A + 1\nfor i := range 3 {\n\ty += i\n}\nfmt.Println(y, F0([]int{y}))")
			}
		})
	}
}
