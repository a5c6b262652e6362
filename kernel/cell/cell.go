// Package cell cuts the text of a notebook cell into what Go keeps apart and
// learners mix: a package clause, imports, declarations, statements and a final
// expression whose value is wanted. It is the first stage of a cell's life
// (cell, check, lower, eval) and knows syntax only.
//
// Every position it hands out lies in the cell: the FileSet gets one file for
// the cell, named like the cell, with the cell's own lines and columns. Parse
// reports every syntax error of the cell, not just the first, in the words of
// the Go compiler as far as they are known.
package cell

import (
	"go/ast"
	"go/token"

	"braid/kernel/eval"
)

// Severity tells what a Diagnostic means for the cell.
type Severity int

const (
	Error   Severity = iota // the cell must not run
	Warning                 // the cell runs; the learner may want to know
)

func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// Diagnostic is something wrong with a cell. Pos and End are in the cell; End
// is the zero Pos, or just behind the text that is meant.
type Diagnostic struct {
	Pos, End eval.Pos
	Msg      string // gc's words, further lines start with a tab
	Severity Severity
}

// Cell is a cell that was parsed. Its parts share one token.File, so that
// fset.Position of any of them is a place in the cell.
type Cell struct {
	Name   string      // file name in positions, "In[3]"
	Source string      // as the learner wrote it
	File   *token.File // the cell in the FileSet given to Parse

	Directives  []Directive         // magics, in order; their lines are no Go
	Package     *ast.Ident          // the name in a package clause, or nil
	Imports     []*ast.ImportSpec   // in order
	ImportDecls []*ast.GenDecl      // the declarations that Imports are in
	Items       []Item              // declarations and statements, in order, without the result
	Result      []ast.Expr          // the final expression, or expressions "a, b"; nil if there is none
	Quiet       bool                // the result is followed by a semicolon: don't show it
	RunMain     bool                // a package clause and a func main that the cell itself does not call: run it last
	Comments    []*ast.CommentGroup // all comments, in order
}

// Item is a declaration or a statement; exactly one of the two is set. A
// declaration is an *ast.FuncDecl, or an *ast.GenDecl of const, type or var.
// Short variable declarations are statements.
type Item struct {
	Decl ast.Decl
	Stmt ast.Stmt
}

// Node returns the declaration or statement.
func (it Item) Node() ast.Node {
	if it.Decl != nil {
		return it.Decl
	}
	return it.Stmt
}

// Directive is a line that is addressed to the kernel, not to Go: a line magic
// "%name args", a cell magic "%%name args" (first line of a cell only) or a
// shell escape "!command". Whether the name is known is not Parse's business.
type Directive struct {
	Kind string // "%", "%%" or "!"
	Name string // "" for "!"
	Args string // the rest of the line, trimmed
	Body string // for "%%": the text after the line; it is not parsed as Go
	Pos  eval.Pos
}
