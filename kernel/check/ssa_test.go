package check_test

import (
	"go/ast"
	"go/token"
	"go/types"
	"testing"

	"braid/kernel/check"

	"golang.org/x/tools/go/ssa"
)

// program builds every cell of a session with go/ssa, the strictest reader of
// what Check hands on that we have.
type program struct {
	t    *testing.T
	ssa  *ssa.Program
	seen map[*types.Package]bool
}

func newProgram(t *testing.T, fset *token.FileSet) *program {
	return &program{t, ssa.NewProgram(fset, ssa.InstantiateGenerics|ssa.SanityCheckFunctions), map[*types.Package]bool{}}
}

func (p *program) add(k *check.Checked) *ssa.Package {
	p.t.Helper()
	p.imports(k.Pkg)
	pkg := p.ssa.CreatePackage(k.Pkg, []*ast.File{k.File}, k.Info, false)
	pkg.Build()
	entry := pkg.Func(check.Entry)
	if entry == nil || entry.Blocks == nil {
		p.t.Fatalf("%s: no body for %s", k.Cell.Name, check.Entry)
	}
	if n := entry.Signature.Results().Len(); n != len(k.Results) {
		p.t.Errorf("%s: entry returns %d values, want %d", k.Cell.Name, n, len(k.Results))
	}
	return pkg
}

func (p *program) imports(pkg *types.Package) {
	for _, imp := range pkg.Imports() {
		if !p.seen[imp] {
			p.seen[imp] = true
			if p.ssa.Package(imp) == nil {
				p.ssa.CreatePackage(imp, nil, nil, true)
			}
			p.imports(imp)
		}
	}
}
