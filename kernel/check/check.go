// Package check type-checks a session cell by cell: the second stage of a
// cell's life (cell, check, lower, eval). It is go/types with a notebook's
// rules on top, and promises that nothing runs that the Go compiler would have
// refused, that its errors are the compiler's (words, line, column), and that
// a refused cell leaves no trace.
//
// Every cell becomes a types.Package of its own, with the path "main"; around
// its scope lies another one with the objects of earlier cells that the cell
// names, so that they keep their identity for ever. See State for the rules of
// redeclaration.
package check

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"braid/kernel/cell"
)

// Path is the import path of the package of every cell.
const Path = "main"

// Entry is the name of the function in Checked.File that holds the statements.
const Entry = "ˍcell"

// Checked is a cell that Go would accept.
type Checked struct {
	Cell *cell.Cell
	Next *State // the State after the cell

	Pkg  *types.Package
	Info *types.Info
	// File is the cell as one Go file with the cell's positions: the imports
	// that it needs, its declarations, "var x T" without an initialiser for
	// every variable it declares at its top level, and last the function
	// Entry, which holds all statements in order, with initialisers as
	// assignments; if the cell ends with an expression, Entry returns its
	// values. A declaration that was given again unchanged is left out.
	//
	// Identifiers that the learner did not write (the type of a variable
	// declared by :=, the results of Entry) name TypeNames recorded in
	// Info.Uses; ask Info.TypeOf.
	File  *ast.File
	Entry *ast.FuncDecl // the last declaration of File

	Decls    []*Decl   // what the cell declares, in order of appearance
	Imports  []*Import // all packages the cell can name, and does
	Refs     []*Decl   // declarations of earlier cells that this cell uses directly
	Warnings []cell.Diagnostic
	Show     bool         // the value of the final expression is worth showing
	Results  []types.Type // types of the values Entry returns

	// Rebinds maps functions and methods of earlier cells to the ones of this
	// cell that take their place, for callers that were checked before. Those
	// that had given way already are not in it: their callers follow.
	Rebinds map[*types.Func]*types.Func
}

// Kind says what a Decl declares.
type Kind int

const (
	Var Kind = iota
	Const
	Type
	Func
	Method
)

func (k Kind) String() string { return [...]string{"var", "const", "type", "func", "method"}[k] }

// Decl is one declared object. The fields are read-only.
type Decl struct {
	Obj  types.Object
	Kind Kind
	Cell *cell.Cell
	Node ast.Node  // as the learner wrote it: *ast.FuncDecl, a spec, or the *ast.AssignStmt of a :=
	Pos  token.Pos // span of Node, with the keyword of an ungrouped declaration
	End  token.Pos
	Doc  *ast.CommentGroup
	Recv *types.TypeName // of a Method
	// Deps are the declarations that the type, body or initialiser names,
	// of this and of earlier cells, without itself.
	Deps []*Decl

	packages map[string]string // names of packages that it uses → import path
	group    *ast.GenDecl      // that the declaration is a part of
	replaces *Decl             // of a Func, until it is in a State: the one whose callers call it now
	again    bool              // of a Method: it takes the place of one
}

// Name returns the name as the learner wrote it.
func (d *Decl) Name() string {
	name, _, _ := strings.Cut(d.Obj.Name(), mark)
	return name
}

// Import is a package under the name cells know it by; Name is "." for a dot import.
type Import struct {
	Name string
	Path string
	Pkg  *types.Package
}
