package check

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
)

// go/types tells no one else what kind of thing an expression is (the mode of a
// TypeAndValue is not exported); so records for identifiers that are put in
// after checking are copies of ones it made.
var variableRecord, typeRecord = func() (v, t types.TypeAndValue) {
	src := "package p; var v int; func _() { v = 1 }"
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", src, parser.SkipObjectResolution)
	if err != nil {
		panic(err)
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	if _, err := new(types.Config).Check("p", fset, []*ast.File{f}, info); err != nil {
		panic(err)
	}
	for _, tv := range info.Types {
		switch {
		case tv.IsType():
			t = tv
		case tv.Addressable():
			v = tv
		}
	}
	return v, t
}()

func variable(t types.Type) types.TypeAndValue {
	tv := variableRecord
	tv.Type = t
	return tv
}

func typeExpr(t types.Type) types.TypeAndValue {
	tv := typeRecord
	tv.Type = t
	return tv
}
