package execute

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"

	"braid/notebooks/nbformat"
)

// Tags of papermill.
const (
	tagParameters = "parameters"
	tagInjected   = "injected-parameters"
)

// Parameter is a value for a name, as given on a command line.
type Parameter struct{ Name, Value string }

// ParseParameter reads "name=value".
func ParseParameter(s string) (Parameter, error) {
	name, value, ok := strings.Cut(s, "=")
	if !ok || !token.IsIdentifier(name) {
		return Parameter{}, fmt.Errorf("%q is no parameter: it must read name=value, and the name must be a Go name", s)
	}
	return Parameter{name, value}, nil
}

// SetParameters gives the variables that the cell tagged "parameters" declares
// other values: it puts a cell tagged "injected-parameters" behind it, in place
// of one that is there already (as papermill does). Values are written as Go
// literals of the kind that the declaration shows; names that the cell does not
// declare are an error.
func SetParameters(nb *nbformat.Notebook, params []Parameter) error {
	if len(params) == 0 {
		return nil
	}
	at := slices.IndexFunc(nb.Cells, func(c *nbformat.Cell) bool {
		return c.Type == nbformat.Code && c.HasTag(tagParameters)
	})
	if at < 0 {
		return errors.New(`parameters were given, but no code cell of the notebook has the tag "parameters"`)
	}
	declared, err := declarations(nb.Cells[at].Source)
	if err != nil {
		return fmt.Errorf("the cell tagged %q (cell %d) cannot be read: %w", tagParameters, at+1, err)
	}
	lines := []string{"// Parameters"}
	for _, p := range params {
		line, err := p.statement(declared)
		if err != nil {
			return err
		}
		lines = append(lines, line)
	}
	nb.Cells = slices.DeleteFunc(nb.Cells, func(c *nbformat.Cell) bool { return c.HasTag(tagInjected) })
	at = slices.IndexFunc(nb.Cells, func(c *nbformat.Cell) bool { return c.HasTag(tagParameters) })
	nb.InsertCell(at+1, &nbformat.Cell{
		Type:     nbformat.Code,
		Source:   strings.Join(lines, "\n"),
		Metadata: map[string]any{"tags": []any{tagInjected}},
	})
	return nil
}

// declaration is what is known of a parameter.
type declaration struct {
	kind     token.Token // STRING, INT, FLOAT; IDENT for bool; ILLEGAL if unknown
	constant bool
}

func (p Parameter) statement(declared map[string]declaration) (string, error) {
	d, ok := declared[p.Name]
	if !ok {
		known := strings.Join(slices.Sorted(maps.Keys(declared)), ", ")
		return "", fmt.Errorf("the notebook has no parameter %q; it has: %s", p.Name, known)
	}
	literal, err := p.literal(d.kind)
	if err != nil {
		return "", err
	}
	if d.constant {
		return "const " + p.Name + " = " + literal, nil
	}
	return p.Name + " = " + literal, nil
}

// literal writes the value as Go. Where the declaration does not show a kind,
// the value does: a number, a bool, a Go expression with its own type, or text.
func (p Parameter) literal(kind token.Token) (string, error) {
	_, intErr := strconv.ParseInt(p.Value, 0, 64)
	_, floatErr := strconv.ParseFloat(p.Value, 64)
	isBool := p.Value == "true" || p.Value == "false"
	wrong := func(want string) error {
		return fmt.Errorf("the parameter %s needs %s, not %q", p.Name, want, p.Value)
	}
	switch kind {
	case token.STRING:
		return strconv.Quote(p.Value), nil
	case token.INT:
		if intErr != nil {
			return "", wrong("a whole number")
		}
		return p.Value, nil
	case token.FLOAT:
		if floatErr != nil || !isExpression(p.Value) { // ParseFloat takes inf, too
			return "", wrong("a number")
		}
		return p.Value, nil
	case token.IDENT:
		if !isBool {
			return "", wrong("true or false")
		}
		return p.Value, nil
	}
	if isBool || isExpression(p.Value) {
		return p.Value, nil
	}
	return strconv.Quote(p.Value), nil
}

// isExpression tells a Go expression from text: a bare name is text.
func isExpression(s string) bool {
	e, err := parser.ParseExpr(s)
	_, name := e.(*ast.Ident)
	return err == nil && !name
}

// declarations lists what a cell declares at top level.
func declarations(source string) (map[string]declaration, error) {
	const head = "package p; func _() {\n"
	src := head + blankImports(source) + "\n}"
	file, err := parser.ParseFile(token.NewFileSet(), "", src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	found := map[string]declaration{}
	for _, stmt := range file.Decls[0].(*ast.FuncDecl).Body.List {
		switch s := stmt.(type) {
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE {
				declare(found, s.Lhs, s.Rhs, nil, false)
			}
		case *ast.DeclStmt:
			declareGroup(found, s.Decl.(*ast.GenDecl))
		}
	}
	return found, nil
}

func declareGroup(found map[string]declaration, d *ast.GenDecl) {
	for _, spec := range d.Specs {
		if v, ok := spec.(*ast.ValueSpec); ok {
			names := make([]ast.Expr, len(v.Names))
			for i, n := range v.Names {
				names[i] = n
			}
			declare(found, names, v.Values, v.Type, d.Tok == token.CONST)
		}
	}
}

func declare(found map[string]declaration, names, values []ast.Expr, typ ast.Expr, constant bool) {
	for i, n := range names {
		id, ok := n.(*ast.Ident)
		if !ok || id.Name == "_" {
			continue
		}
		d := declaration{kind: kindOfType(typ), constant: constant}
		if typ == nil && i < len(values) {
			d.kind = kindOfValue(values[i])
		}
		found[id.Name] = d
	}
}

func kindOfType(typ ast.Expr) token.Token {
	id, ok := typ.(*ast.Ident)
	if !ok {
		return token.ILLEGAL
	}
	switch id.Name {
	case "string":
		return token.STRING
	case "bool":
		return token.IDENT
	case "float64", "float32":
		return token.FLOAT
	case "int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32", "uint64", "byte", "rune":
		return token.INT
	}
	return token.ILLEGAL
}

func kindOfValue(v ast.Expr) token.Token {
	switch v := v.(type) {
	case *ast.BasicLit:
		return v.Kind
	case *ast.UnaryExpr:
		return kindOfValue(v.X)
	case *ast.CallExpr: // a conversion: int64(3)
		return kindOfType(v.Fun)
	case *ast.Ident:
		if v.Name == "true" || v.Name == "false" {
			return token.IDENT
		}
	}
	return token.ILLEGAL
}

// blankImports empties the lines of single imports, which cannot stand among
// statements.
func blankImports(source string) string {
	lines := strings.Split(source, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "import ") && !strings.Contains(line, "(") {
			lines[i] = ""
		}
	}
	return strings.Join(lines, "\n")
}
