// Package assist answers what a front end asks while a cell is being written:
// what could stand at the cursor, and what is it that stands there. It reads
// the code that was typed and the session's check.State, never a running
// program; so it answers while a cell runs, and nothing is evaluated.
//
// Cursor positions are in Unicode code points, as messaging.rst ("Completion",
// "Introspection") has them. Unfinished code is the rule here: it is parsed as
// far as it goes, and closed where it is open. An answer takes well under 5 ms;
// the first one about a large package, whose types are decoded then, a bit more.
package assist

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"
	"unicode/utf8"

	"braid/kernel/cell"
	"braid/kernel/check"
	"braid/kernel/check/exportdata"
)

// Completion is what could replace the text between Start and End.
type Completion struct {
	Items      []Item // best first
	Start, End int    // code points
}

// Item is one possible text.
type Item struct {
	Text      string
	Type      string // for an icon, in the words of Jedi: function, module, class, instance, keyword, statement, path
	Signature string // "(s string) int" of a function, the type of anything else
}

// Inspection is what is known about the name at a cursor.
type Inspection struct {
	Found    bool
	Text     string // text/plain
	Markdown string // text/markdown
	HTML     string // text/html
}

// offset returns the byte offset of a cursor in code points, within the code.
func offset(code string, cursor int) int {
	off := 0
	for ; cursor > 0 && off < len(code); cursor-- {
		_, n := utf8.DecodeRuneInString(code[off:])
		off += n
	}
	return off
}

// withoutMagic blanks the name of a line magic in the line of the cursor, whose
// argument may be Go, and the first line of a cell magic, whose body may be.
func withoutMagic(code string, off int) string {
	start := strings.LastIndexByte(code[:off], '\n') + 1
	if word, _, _ := strings.Cut(code[start:off], " "); strings.HasPrefix(word, "%") && start+len(word) < off {
		code = code[:start] + strings.Repeat(" ", len(word)) + code[start+len(word):]
	}
	if line, _, ok := strings.Cut(code, "\n"); ok && strings.HasPrefix(line, "%%") {
		code = strings.Repeat(" ", len(line)) + code[len(line):]
	}
	return code
}

// query is a question about a place in code.
type query struct {
	state *check.State
	x     *check.Examined
	pos   token.Pos // of the name at the place
	name  string    // the name, as far as it counts
}

// examine has code checked and calls f with what was found, or not at all.
func examine(s *check.State, code string, f func(*check.Examined)) (ok bool) {
	fset := s.FileSet()
	c, ds := cell.Parse(fset, "", code)
	defer fset.RemoveFile(c.File)
	s.Examine(c, func(x *check.Examined) { f(x) })
	return len(ds) == 0
}

// path returns the nodes around pos in the learner's code, innermost last.
func path(c *cell.Cell, pos token.Pos) []ast.Node {
	var l []ast.Node
	visit := func(n ast.Node) bool {
		if n == nil || pos < n.Pos() || pos > n.End() {
			return false
		}
		l = append(l, n)
		return true
	}
	for _, it := range c.Items {
		if n := it.Node(); pos >= n.Pos() && pos <= n.End() {
			l = l[:0]
			ast.Inspect(n, visit)
		}
	}
	for _, n := range c.Result {
		if pos >= n.Pos() && pos <= n.End() {
			l = l[:0]
			ast.Inspect(n, visit)
		}
	}
	return l
}

// selector returns the selector expression whose selected name is at pos.
func selector(nodes []ast.Node, pos token.Pos) *ast.SelectorExpr {
	for i := len(nodes) - 1; i >= 0; i-- {
		if sel, ok := nodes[i].(*ast.SelectorExpr); ok && sel.Sel.Pos() == pos {
			return sel
		}
	}
	return nil
}

// packageOf returns the package that an expression names: one that is imported,
// or, if the name means nothing, one of the standard library that could be.
func (q *query) packageOf(x ast.Expr) *types.Package {
	id, ok := x.(*ast.Ident)
	if !ok {
		return nil
	}
	switch obj := q.object(id).(type) {
	case *types.PkgName:
		return obj.Imported()
	case nil:
		return q.unimported(id.Name)
	}
	return nil
}

func (q *query) unimported(name string) *types.Package {
	for _, p := range exportdata.Named(name) {
		if pkg, err := q.state.Importer().Import(p.Path); err == nil {
			return pkg
		}
	}
	return nil
}

// object returns what an identifier means.
func (q *query) object(id *ast.Ident) types.Object {
	if obj := q.x.Info.Uses[id]; obj != nil {
		return obj
	}
	if obj := q.x.Info.Defs[id]; obj != nil {
		return obj
	}
	return q.x.Lookup(id.Name, id.Pos())
}

// qualify writes names of packages as cells do.
func qualify(p *types.Package) string {
	if p.Path() == check.Path {
		return ""
	}
	return p.Name()
}

func typeString(t types.Type) string { return types.TypeString(t, qualify) }
