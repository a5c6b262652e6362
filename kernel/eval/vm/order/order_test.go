package order

import (
	"go/ast"
	"go/format"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
	"testing"
)

const declarations = `package p

type T struct { a int; b bool; q *T }
func (t T) Get(int) int { return t.a }
var n int
var s []int
var m map[string]int
var p *T
func f() int { n++; return n }
func g(...any) int { return 0 }
func two() (int, int) { return 1, 2 }
func test(x, y int, c chan int) {
`

// TestFile shows what becomes of statements. The variable of each operand that is
// taken out is called operand.
func TestFile(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"a global beside a call", "x = n + f()", "operand := f(); x = n + operand"},
		{"a local beside a call", "x = y + f()", ""},
		{"a local captured", "h := func() int { y++; return y }; x = y + h()", "h := func() int { y++; return y }; operand := h(); x = y + operand"},
		{"arguments", "g(n, f(), len(s), f(), len(s))", "operand := f(); operand := len(s); operand := f(); operand := len(s); g(n, operand, operand, operand, operand)"},
		{"nothing late before a call", "g(f(), n, len(s), p.a)", ""},
		{"a call's own arguments", "x = g(n, p.a)", ""},
		{"calls only", "x = f() + f()*f()", ""},
		{"an element is assigned", "s[x] = f()", "operand := f(); s[x] = operand"},
		{"two results", "s[x], y = two()", "operand, operand := two(); s[x], y = operand, operand"},
		{"two results of names", "x, y = two()", ""},
		{"a receive", "x = n + <-c", "operand := <-c; x = n + operand"},
		{"a bool becomes an interface", "g(n > 1, n, f())", "operand := n > 1; operand := f(); g(operand, n, operand)"},
		{"a method's receiver", "x = p.Get(f())", "operand := f(); x = p.Get(operand)"},
		{"a condition", "if n > f() { x++ }", "if { operand := f(); }; n > operand { x++ }"},
		{"a loop's condition", "for n > f() { x++ }", "for { operand := f(); if n > operand { } else { break }; x++ }"},
		{"and", "if x > 0 && n > f() { x++ }", "if { operand := x > 0; if operand { operand := f(); operand = n > operand } else { }; }; operand { x++ }"},
		{"append to a field", "p.q.a, s = 1, append(s, x)", "operand := append(s, x); p.q.a, s = 1, operand"},
		{"append to what it was", "s = append(s, p.a)", ""},
		{"append of a call", "s = append(s, f())", "operand := f(); s = append(s, operand)"},
		{"a panic before a call", "x = s[0] + g()", "operand := g(); x = s[0] + operand"},
		{"a map literal", "g(map[int]int{n: f(), 2: n}, f())", "operand := f(); operand := n; operand := operand; operand := n; operand := map[int]int{operand: operand, 2: operand}; operand := f(); g(operand, operand)"},
		{"a loop that goto starts again", "L: for range n + f() { x++ }; goto L", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.want == "" {
				c.want = c.in
			}
			if got := rewritten(t, c.in); got != one(c.want) {
				t.Errorf("%s\ngot:  %s\nwant: %s", c.in, got, one(c.want))
			}
		})
	}
}

// rewritten gives the statements of a function after File, on one line.
func rewritten(t *testing.T, stmts string) string {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "p.go", declarations+stmts+"\n_, _, _ = x, y, c }", parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	info := &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
		Implicits: map[ast.Node]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{},
	}
	pkg, err := (&types.Config{Importer: importer.Default()}).Check("p", fset, []*ast.File{f}, info)
	if err != nil {
		t.Fatal(err)
	}
	File(f, pkg, info)
	checkInfo(t, f, info)
	var b strings.Builder
	body := f.Decls[len(f.Decls)-1].(*ast.FuncDecl).Body.List
	for _, s := range body[:len(body)-1] {
		if err := format.Node(&b, token.NewFileSet(), s); err != nil {
			t.Fatal(err)
		}
		b.WriteByte('\n')
	}
	return one(b.String())
}

// checkInfo looks whether every name in f has an object.
func checkInfo(t *testing.T, f *ast.File, info *types.Info) {
	ast.Inspect(f, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && id.Name == "operand" && info.ObjectOf(id) == nil {
			t.Errorf("no object for the variable at %d", id.Pos())
		}
		return true
	})
}

// one joins lines, for comparison.
func one(s string) string {
	return strings.Join(strings.Fields(strings.NewReplacer(";", " ", "\n", " ", "\t", " ").Replace(s)), " ")
}
