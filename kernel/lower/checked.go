package lower

import (
	"go/token"

	"braid/kernel/check"
	"braid/kernel/eval"
)

// Checked lowers what package check made of a cell; fset is the session's.
// The session fills in what the program does not depend on (Source, Quiet, …).
func (l *Lowerer) Checked(id int, name string, fset *token.FileSet, c *check.Checked) (*eval.Program, *eval.Error) {
	return l.Lower(Input{
		ID: id, Name: name, Fset: fset, File: c.File, Entry: c.Entry, Info: c.Info, Pkg: c.Pkg,
		Show: c.Show, Results: c.Results, Rebinds: c.Rebinds,
	})
}
