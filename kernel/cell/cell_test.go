package cell

import (
	"fmt"
	"go/ast"
	"go/token"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// outline writes a cell down as "import decl stmt … = result", each with its
// line and column.
func outline(fset *token.FileSet, c *Cell) string {
	var l []string
	place := func(n ast.Node) string {
		p := fset.Position(n.Pos())
		return fmt.Sprintf("%d:%d", p.Line, p.Column)
	}
	if c.Package != nil {
		l = append(l, "package@"+place(c.Package))
	}
	for _, s := range c.Imports {
		l = append(l, "import@"+place(s.Path))
	}
	for _, it := range c.Items {
		kind := strings.TrimPrefix(reflect.TypeOf(it.Node()).String(), "*ast.")
		if d, ok := it.Decl.(*ast.GenDecl); ok {
			kind = d.Tok.String()
		}
		l = append(l, kind+"@"+place(it.Node()))
	}
	for _, x := range c.Result {
		l = append(l, "="+place(x))
	}
	if c.Quiet {
		l = append(l, "quiet")
	}
	if c.RunMain {
		l = append(l, "main")
	}
	return strings.Join(l, " ")
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"", ""},
		{" \n\t\n", ""},
		{"// only\n/* comments */", ""},
		{"x", "=1:1"},
		{"x;", "=1:1 quiet"},
		{"x; // that's it", "=1:1 quiet"},
		{"x // no semicolon;", "=1:1"},
		{"x, y\n", "=1:1 =1:4"},
		{"  f(1),\n\tg", "=1:3 =2:2"},
		{"x := 5\nx, x + 1", "AssignStmt@1:1 =2:1 =2:4"},
		{"x := 1", "AssignStmt@1:1"},
		{"import \"fmt\"\nx := 5\nfunc sq(n int) int { return n * n }\nfmt.Println(sq(x))\ntype P struct{ v int }\np := P{sq(3)}\nvar q = p.v + 1\nq",
			"import@1:8 AssignStmt@2:1 FuncDecl@3:1 ExprStmt@4:1 type@5:1 AssignStmt@6:1 var@7:1 =8:1"},
		{"x := 2\nimport \"fmt\"\nfmt.Println(x)", "import@2:8 AssignStmt@1:1 =3:1"},
		{"import (\n\t\"fmt\"\n\ts \"strings\"\n)", "import@2:2 import@3:4"},
		{"func (t *T) m() {}\nfunc(x int) int { return x }(3)", "FuncDecl@1:1 =2:1"},
		{"func() {}()\nfunc f() {}", "ExprStmt@1:1 FuncDecl@2:1"},
		{"func(x int) pkg.T { return x }", "=1:1"},
		{"func(x int) G[int] { return x }", "=1:1"},
		{"func (s *St[T]) Push(x T) { s.v = append(s.v, x) }", "FuncDecl@1:1"},
		{"for i := 0; i < 3; i++ {\n}\n[]int{1, 2};", "ForStmt@1:1 =3:1 quiet"},
		{"if x := f(); x > 0 {\n} else {\n}\ny", "IfStmt@1:1 =4:1"},
		{"a; b; c", "ExprStmt@1:1 ExprStmt@1:4 =1:7"},
		{"type T int; x", "type@1:1 =1:13"},
		{"const (\n\ta = iota\n\tb\n)\nb", "const@1:1 =5:1"},
		{"L:\nfor {\n\tbreak L\n}", "LabeledStmt@1:1"},
		{"x.\n\ty().\n\tz", "=1:1"},
		{"package main\nimport \"fmt\"\nfunc main() {\n\tfmt.Println(1)\n}", "package@1:9 import@2:8 FuncDecl@3:1 main"},
		{"package main\nfunc main() {}\nmain()", "package@1:9 FuncDecl@2:1 =3:1"},
		{"package main\nfunc main() {}\nif true { main() }", "package@1:9 FuncDecl@2:1 IfStmt@3:1"},
		{"func main() {}", "FuncDecl@1:1"},
		{"# a heading\n#!gomacro\n#\nx", "=4:1"},
		{"//go:build ignore\n\nx", "=3:1"},
		{"func f() {\n# not Go\n}\n", "FuncDecl@1:1"},
		{"x := `\n# in a string\n%time\n`\nx", "AssignStmt@1:1 =5:1"},
		{"/*\n# in a comment\n!ls\n*/\nx", "=5:1"},
		{"%time\nx", "=2:1"},
		{"!ls\nx", "=2:1"},
		{"x +\n!y", "=1:1"},
		{"f(\n!a,\n%\n)", "error 3:1: syntax error: unexpected %, expected expression"},
		{"x++\n!ls", "IncDecStmt@1:1"},
		{"!a == b", ""},
		{"(!a)", "=1:1"},
		{"//line other.go:100\nx", "=2:1"},
		{"/*line other.go:100:3*/ x", "=1:25"},
		{"\ufeffx", "=1:4"},
		{"x := 1\r\ny\r\n", "AssignStmt@1:1 =2:1"},
		{"世界 := 1\n世界", "AssignStmt@1:1 =2:1"},
		{"switch x {\ncase 1:\n}", "SwitchStmt@1:1"},
		{"{\n\tx\n}", "BlockStmt@1:1"},
		{"x <- y", "SendStmt@1:1"},
		{"<-x", "=1:1"},
		{"struct{ A int }{1}", "=1:1"},
		{"map[string]int{\"a\": 1}", "=1:1"},
		{"interface{}(3)", "=1:1"},
		{"[...]int{1}", "=1:1"},
		{"func f() {}; f()", "FuncDecl@1:1 =1:14"},
		{"var x = func() int {\n\ttype local int\n\treturn 1\n}()", "var@1:1"},
		{"return a, b", "ReturnStmt@1:1"},
	} {
		fset := token.NewFileSet()
		k, ds := Parse(fset, "In[1]", c.src)
		got := outline(fset, k)
		if len(ds) > 0 {
			got = fmt.Sprintf("error %d:%d: %s", ds[0].Pos.Line, ds[0].Pos.Column, ds[0].Msg)
		}
		if got != c.want {
			t.Errorf("%q:\ngot  %s\nwant %s", c.src, got, c.want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct {
		src  string
		want []string
	}{
		{"fmt.Println(\"a\"", []string{"1:16: syntax error: unexpected newline in argument list; possibly missing comma or )"}},
		{"x := (1 +", []string{"1:10: syntax error: unexpected EOF, expected expression"}},
		{"x y\nfunc f( {}\nz w", []string{"1:3: syntax error: unexpected name y at end of statement",
			"2:9: syntax error: unexpected {, expected )"}},
		{"a, b\nx := 1", []string{"1:5: syntax error: unexpected newline, expected := or = or comma"}},
		{"x\n}", []string{"2:1: syntax error: unexpected }"}},
		{"f(1))", []string{"1:5: syntax error: unexpected ) at end of statement"}},
		{"@", []string{"1:1: invalid character U+0040 '@'"}},
		{"x := 1\npackage main", []string{"2:1: syntax error: package statement must be first"}},
		{"package", []string{"1:8: syntax error: unexpected EOF, expected name"}},
		{"package main foo", []string{"1:14: syntax error: unexpected name foo after package clause"}},
		{strings.Repeat("(", 100000), []string{"1:1001: nesting is too deep"}},
		{"x := a" + strings.Repeat(".b", 50000), []string{"1:6: nesting is too deep"}},
		{strings.Repeat("{\n", 2000) + strings.Repeat("}", 2000), []string{"1001:1: nesting is too deep"}},
		{strings.Repeat("if x {} else ", 40000) + "{}", []string{"1:39009: too many else branches in one cell"}},
		{"/* abc", []string{"1:1: comment not terminated"}},
		{"x := `abc\n", []string{"1:6: string not terminated"}},
		{"x := \"abc\ny := 'ab'", []string{"1:10: newline in string", "2:6: more than one character in rune literal"}},
		{"defer f\ngo 1", []string{"1:7: expression in defer must be function call", "2:4: expression in go must be function call"}},
	} {
		_, ds := Parse(token.NewFileSet(), "In[1]", c.src)
		var got []string
		for _, d := range ds {
			if d.Severity != Error || d.Pos.Cell != "In[1]" {
				t.Errorf("%q: %+v", c.src, d)
			}
			got = append(got, fmt.Sprintf("%d:%d: %s", d.Pos.Line, d.Pos.Column, d.Msg))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q:\ngot  %q\nwant %q", c.src, got, c.want)
		}
	}
}

func TestDirectives(t *testing.T) {
	for _, c := range []struct {
		src  string
		want []Directive
	}{
		{"%time f(3)\n!ls -l /tmp\nx", []Directive{{Kind: "%", Name: "time", Args: "f(3)"}, {Kind: "!", Args: "ls -l /tmp"}}},
		{"%%race -n 3\nx := 1\n", []Directive{{Kind: "%%", Name: "race", Args: "-n 3", Body: "x := 1\n"}}},
		{"\n// comment\n%%html\n<b {", []Directive{{Kind: "%%", Name: "html", Body: "<b {"}}},
		{"x\n%%late", []Directive{{Kind: "%%", Name: "late"}}},
		{"%", []Directive{{Kind: "%"}}},
		{"x := 7\n%mod y", []Directive{{Kind: "%", Name: "mod", Args: "y"}}},
		{"x := 7 %\ny", nil},
		{"\"%d\"", nil},
	} {
		k, _ := Parse(token.NewFileSet(), "In[1]", c.src)
		got := k.Directives
		for i := range got {
			if got[i].Pos.Line == 0 || got[i].Pos.Column != 1 {
				t.Errorf("%q: position %v", c.src, got[i].Pos)
			}
			got[i].Pos = c.want[min(i, len(c.want)-1)].Pos
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q:\ngot  %+v\nwant %+v", c.src, got, c.want)
		}
	}
}

func TestDocComments(t *testing.T) {
	k, ds := Parse(token.NewFileSet(), "In[1]", "// F is first.\nfunc F() {} // trailing\nfunc G() {}\n\n// H is\n// last.\nfunc H() {}")
	if len(ds) > 0 {
		t.Fatal(ds)
	}
	var got []string
	for _, it := range k.Items {
		got = append(got, it.Decl.(*ast.FuncDecl).Doc.Text())
	}
	if want := []string{"F is first.\n", "", "H is\nlast.\n"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCompleteness(t *testing.T) {
	for _, c := range []struct {
		src    string
		status Status
		indent string
	}{
		{"", Complete, ""},
		{"// a comment", Complete, ""},
		{"x := 1", Complete, ""},
		{"fmt.Println(1)", Complete, ""},
		{"func f() {\n}", Complete, ""},
		{"func f() {", Incomplete, "\t"},
		{"func f() {\n\tif x {", Incomplete, "\t\t"},
		{"func f() {\n\tif x {\n\t}", Incomplete, "\t"},
		{"f(func() {", Incomplete, "\t"},
		{"x := []int{", Incomplete, "\t"},
		{"x := []int{1,\n\t2,", Incomplete, "\t"},
		{"import (", Incomplete, "\t"},
		{"x := 1 +", Incomplete, ""},
		{"x :=", Incomplete, ""},
		{"x.", Incomplete, ""},
		{"if x", Incomplete, ""},
		{"for i := range 3", Incomplete, ""},
		{"func f()", Complete, ""},
		{"var x", Incomplete, ""},
		{"type T", Incomplete, ""},
		{"import", Incomplete, ""},
		{"go", Incomplete, ""},
		{"defer f", Invalid, ""},
		{"L:", Incomplete, ""},
		{"x := `abc", Incomplete, ""},
		{"/* abc", Incomplete, ""},
		{"x y", Invalid, ""},
		{"x := )", Invalid, ""},
		{"x y {", Invalid, ""},
		{"\"abc", Invalid, ""},
		{"'ab'", Invalid, ""},
		{"a b\nfunc f() {", Invalid, ""},
		{"}", Invalid, ""},
		{"%time x", Complete, ""},
		{"%%bash\nfor {", Complete, ""},
		{"!ls (", Complete, ""},
		{"undefined(1, 2)", Complete, ""},
	} {
		status, indent := Completeness(c.src)
		if status != c.status || indent != c.indent {
			t.Errorf("%q: %s %q, want %s %q", c.src, status, indent, c.status, c.indent)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"import \"fmt\"\nx := 5\nfunc f() {}\nfmt.Println(x)\nx, 1", "func (t T) m() {}\nfunc() {}()", "%%x\n{", "!ls\n%y\n# z", "package main\nfunc main() {}",
		"if x {\n}\nelse {", "a, b", "}", ")(", "x := `\n#", "/*", "'", "\"\\", "type T struct {\n a int b int\n}", "//line x:1\n@", "switch x {\nfoo", "for ;;", "func", "L:", "\xff\x00",
		"func (t T) m[P any]() {}", "chan<-", "if x = 3 {}", "for var i", "go (f())",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		fset := token.NewFileSet()
		c, ds := Parse(fset, "In[1]", src)
		lines := strings.Count(src, "\n") + 1
		for _, d := range ds {
			if d.Pos.Line < 1 || d.Pos.Line > lines || d.Pos.Column < 1 || d.Msg == "" {
				t.Errorf("%q: diagnostic out of the cell: %+v", src, d)
			}
		}
		within := func(n ast.Node) bool {
			if n == nil {
				return false
			}
			if p := int(n.Pos()) - c.File.Base(); len(ds) == 0 && n.Pos().IsValid() && (p < 0 || p > len(src)) {
				t.Errorf("%q: %T at %d", src, n, p)
			}
			return true
		}
		for _, it := range c.Items {
			ast.Inspect(it.Node(), within)
		}
		for _, x := range c.Result {
			ast.Inspect(x, within)
		}
		status, indent := Completeness(src)
		if status == Complete && indent != "" || status != Complete && status != Incomplete && status != Invalid {
			t.Errorf("%q: %s %q", src, status, indent)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	src := "import \"fmt\"\nx := 5\nfunc sq(n int) int { return n * n }\nfmt.Println(sq(x))\ntype P struct{ v int }\np := P{sq(3)}\nvar q = p.v + 1\nq"
	for b.Loop() {
		Parse(token.NewFileSet(), "In[1]", src)
	}
}
