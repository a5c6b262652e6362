package check

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"braid/kernel/check/exportdata"
)

// gcWords makes a message of go/types the compiler's: without the names that
// the learner did not write, in the words and at the place that cmd/compile
// (1.26) has where the two differ.
func (a *attempt) gcWords(e problem) problem {
	twoTypes := a.twoTypes(e.msg)
	e.msg = hiddenMark.ReplaceAllString(e.msg, "")
	e.msg = ownPackage.ReplaceAllString(e.msg, "$1$2")
	if strings.Contains(e.msg, "in variable declaration") && a.inDefine(e.pos) {
		e.msg = strings.Replace(e.msg, "in variable declaration", "in assignment", 1)
	}
	if a.inResult(e.pos) {
		e.msg = strings.Replace(e.msg, " in assignment to _ identifier", "", 1)
		e.msg = a.singleValue(e)
	}
	e.msg = literalText.ReplaceAllStringFunc(e.msg, func(s string) string { return a.literal(s, e.pos) })
	switch msg := e.msg; {
	case strings.HasPrefix(msg, "not enough arguments in call to "):
		e.pos = a.argumentPos(e.pos)
	case strings.HasPrefix(msg, "invalid operation: not enough arguments for "),
		strings.HasPrefix(msg, "invalid operation: too many arguments for "),
		strings.HasPrefix(msg, "missing argument in conversion to "):
		e.pos = a.callPos(e.pos)
	case strings.HasPrefix(msg, "multiple-value ") && strings.HasSuffix(msg, " in single-value context"):
		e.msg = a.mismatch(e)
	case strings.HasPrefix(msg, "cannot index "):
		e.pos = a.bracketPos(e.pos)
	case strings.HasPrefix(msg, "invalid operation: cannot send to "):
		e.pos = a.sendPos(e.pos)
	case strings.Contains(msg, " does not satisfy "), strings.Contains(msg, ", cannot infer "):
		e.pos = a.parenPos(e.pos)
	case msg == "cannot declare in post statement":
		e.msg = "syntax error: cannot declare in post statement of for loop"
		e.pos = a.definePos(e.pos)
	case strings.HasPrefix(msg, "method has "):
		e.pos = a.methodPos(e.pos)
	case strings.HasPrefix(msg, "undefined: "):
		e.msg += a.importHint(e)
	default:
		e.msg = a.branchWords(e)
	}
	if twoTypes != "" {
		e.msg += "\n\t" + twoTypes
	}
	return e
}

var (
	hiddenMark  = regexp.MustCompile(mark + `\d+`)
	ownPackage  = regexp.MustCompile(`(^|[^\pL\pN_."'])main\.([\pL_])`)
	literalText = regexp.MustCompile(`\(func\(.*? literal\)`)
	ofCells     = regexp.MustCompile(`main\.([\pL_][\pL\pN_]*)`)
)

func (a *attempt) inResult(pos token.Pos) bool {
	return slices.ContainsFunc(a.c.Result, func(x ast.Expr) bool { return within(pos, x) })
}

// singleValue is about a call with several values among other results.
func (a *attempt) singleValue(e problem) string {
	if !strings.HasPrefix(e.msg, "assignment mismatch: 1 variable but ") {
		return e.msg
	}
	for _, x := range a.c.Result {
		if x.Pos() == e.pos {
			t := types.TypeString(a.info.TypeOf(x), types.RelativeTo(a.pkg))
			return "multiple-value " + types.ExprString(x) + " (value of type " + t + ") in single-value context"
		}
	}
	return e.msg
}

// mismatch is about "x := f()" where f has several results.
func (a *attempt) mismatch(e problem) string {
	for _, st := range a.steps {
		if st.define == nil || len(st.define.Rhs) != 1 || len(st.define.Lhs) != 1 || st.define.Rhs[0].Pos() != e.pos {
			continue
		}
		call, ok := ast.Unparen(st.define.Rhs[0]).(*ast.CallExpr)
		if !ok {
			continue
		}
		if sig, ok := a.info.TypeOf(call.Fun).(*types.Signature); ok {
			return fmt.Sprintf("assignment mismatch: 1 variable but %s returns %d values", types.ExprString(call.Fun), sig.Results().Len())
		}
	}
	return e.msg
}

// twoTypes explains a message about a type and another one of its name.
func (a *attempt) twoTypes(msg string) string {
	if !strings.HasPrefix(msg, "cannot use ") {
		return ""
	}
	for _, m := range ofCells.FindAllStringSubmatch(msg, -1) {
		name := m[1]
		all := regexp.MustCompile(`(^|[^\pL\pN_])`+regexp.QuoteMeta(name)+`($|[^\pL\pN_])`).FindAllString(msg, -1)
		if len(all) < 2 {
			continue
		}
		return name + " was declared again with another meaning; values of the earlier " + name + " keep their type"
	}
	return ""
}

// literal writes a function literal as the compiler does.
func (a *attempt) literal(s string, pos token.Pos) string {
	body := " {…}"
	a.find(pos, func(n ast.Node) bool {
		l, ok := n.(*ast.FuncLit)
		if ok && len(l.Body.List) == 0 {
			body = " {}"
		}
		return ok
	})
	return strings.TrimSuffix(strings.TrimPrefix(s, "("), " literal)") + body
}

// find calls f for the nodes around pos, innermost last, and returns the last
// one that it accepts.
func (a *attempt) find(pos token.Pos, f func(ast.Node) bool) ast.Node {
	var found ast.Node
	a.eachNode(func(n ast.Node) bool {
		if n == nil || !within(pos, n) {
			return false
		}
		if f(n) {
			found = n
		}
		return true
	})
	return found
}

func (a *attempt) callEndingAt(pos token.Pos) *ast.CallExpr {
	call, _ := a.find(pos, func(n ast.Node) bool {
		c, ok := n.(*ast.CallExpr)
		return ok && c.Rparen == pos
	}).(*ast.CallExpr)
	return call
}

// argumentPos: where arguments are missing, gc points at the last one.
func (a *attempt) argumentPos(pos token.Pos) token.Pos {
	call := a.callEndingAt(pos)
	switch {
	case call == nil:
		return pos
	case len(call.Args) > 0:
		return call.Args[len(call.Args)-1].Pos()
	}
	return call.Pos()
}

func (a *attempt) callPos(pos token.Pos) token.Pos {
	n := a.find(pos, func(n ast.Node) bool {
		_, ok := n.(*ast.CallExpr)
		return ok
	})
	if n == nil {
		return pos
	}
	return n.Pos()
}

func (a *attempt) bracketPos(pos token.Pos) token.Pos {
	n, _ := a.find(pos, func(n ast.Node) bool {
		x, ok := n.(*ast.IndexExpr)
		return ok && x.Pos() == pos
	}).(*ast.IndexExpr)
	if n == nil {
		return pos
	}
	return n.Lbrack
}

func (a *attempt) sendPos(pos token.Pos) token.Pos {
	n, _ := a.find(pos, func(n ast.Node) bool {
		s, ok := n.(*ast.SendStmt)
		return ok && s.Arrow == pos
	}).(*ast.SendStmt)
	if n == nil {
		return pos
	}
	return n.Chan.Pos()
}

// parenPos: what was inferred for a call, gc reports at its parenthesis.
func (a *attempt) parenPos(pos token.Pos) token.Pos {
	n, _ := a.find(pos, func(n ast.Node) bool {
		c, ok := n.(*ast.CallExpr)
		if !ok {
			return false
		}
		fun := ast.Unparen(c.Fun)
		if sel, ok := fun.(*ast.SelectorExpr); ok {
			fun = sel.Sel
		}
		return fun.Pos() == pos || c.Rparen == pos
	}).(*ast.CallExpr)
	if n == nil {
		return pos
	}
	return n.Lparen
}

func (a *attempt) definePos(pos token.Pos) token.Pos {
	n, _ := a.find(pos, func(n ast.Node) bool {
		s, ok := n.(*ast.AssignStmt)
		return ok && s.Pos() == pos
	}).(*ast.AssignStmt)
	if n == nil {
		return pos
	}
	return n.TokPos
}

func (a *attempt) methodPos(pos token.Pos) token.Pos {
	n, _ := a.find(pos, func(n ast.Node) bool {
		d, ok := n.(*ast.FuncDecl)
		return ok && d.Recv != nil && (within(pos, d.Recv) || pos == d.Recv.Opening)
	}).(*ast.FuncDecl)
	if n == nil {
		return pos
	}
	return n.Name.Pos()
}

// importHint tells how to get at a package that is named but not imported.
func (a *attempt) importHint(e problem) string {
	id := a.beforeDot(e)
	if id == nil {
		return ""
	}
	l, fit := a.s.packagesFor(id.Name, a.unresolved()[id.Name])
	if len(l) == 0 {
		return ""
	}
	var paths []string
	for _, p := range l {
		paths = append(paths, strconv.Quote(p.Path))
	}
	if fit && exportdata.Preference[id.Name] != nil {
		paths = paths[:1]
	}
	return fmt.Sprintf("\n\tto use package %s, add: import %s", id.Name, strings.Join(paths, " or "))
}

// branchWords are about labels, break, continue and goto.
func (a *attempt) branchWords(e problem) string {
	msg := e.msg
	label := msg[strings.LastIndexByte(msg, ' ')+1:]
	switch {
	case msg == "break not in for, switch, or select statement":
		return "break is not in a loop, switch, or select"
	case msg == "continue not in for statement":
		return "continue is not in a loop"
	case strings.HasPrefix(msg, "invalid break label ") && a.labelNear(e.pos, label) == nil:
		return "break label not defined: " + label
	case strings.HasPrefix(msg, "invalid continue label ") && a.labelNear(e.pos, label) == nil:
		return "continue label not defined: " + label
	case strings.HasPrefix(msg, "label ") && strings.HasSuffix(msg, " declared and not used"):
		return strings.Replace(msg, " declared", " defined", 1)
	case strings.HasPrefix(msg, "label ") && strings.HasSuffix(msg, " not declared"):
		return strings.TrimSuffix(msg, "declared") + "defined"
	case strings.HasPrefix(msg, "goto ") && strings.Contains(msg, " jumps over variable declaration at line "):
		return a.jumpsOver(e)
	case strings.HasPrefix(msg, "goto ") && strings.HasSuffix(msg, " jumps into block"):
		return a.jumpsInto(e)
	}
	return msg
}

// labelNear returns the statement with a label in the function around pos.
func (a *attempt) labelNear(pos token.Pos, label string) (found *ast.LabeledStmt) {
	look := func(n ast.Node) bool {
		if l, ok := n.(*ast.LabeledStmt); ok && l.Label.Name == label {
			found = l
		}
		return found == nil
	}
	if body := a.bodyAround(pos); body != nil {
		ast.Inspect(body, look)
		return found
	}
	for _, it := range a.c.Items {
		if it.Stmt != nil {
			ast.Inspect(it.Stmt, look)
		}
	}
	return found
}

// bodyAround returns the body of the function around pos; nil for the cell's own statements.
func (a *attempt) bodyAround(pos token.Pos) (body *ast.BlockStmt) {
	a.find(pos, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			body = n.Body
		case *ast.FuncLit:
			body = n.Body
		}
		return false
	})
	return body
}

func (a *attempt) jumpsOver(e problem) string {
	head, line, _ := strings.Cut(e.msg, " jumps over variable declaration at line ")
	text := e.msg
	a.eachNode(func(n ast.Node) bool {
		name, at := declared(n)
		if name == "" {
			return true
		}
		if p := a.s.root.fset.Position(at); fmt.Sprint(p.Line) == line && at > e.pos {
			text = fmt.Sprintf("%s jumps over declaration of %s at %s", head, name, p)
			return false
		}
		return true
	})
	return text
}

// declared returns the first variable that a statement declares, and where gc
// says that it does.
func declared(n ast.Node) (string, token.Pos) {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if id, ok := n.Lhs[0].(*ast.Ident); ok && n.Tok == token.DEFINE {
			return id.Name, n.TokPos
		}
	case *ast.ValueSpec:
		return n.Names[0].Name, n.Names[0].Pos()
	}
	return "", token.NoPos
}

func (a *attempt) jumpsInto(e problem) string {
	label := strings.TrimSuffix(strings.TrimPrefix(e.msg, "goto "), " jumps into block")
	l := a.labelNear(e.pos, label)
	if l == nil {
		return e.msg
	}
	var block *ast.BlockStmt
	a.find(l.Pos(), func(n ast.Node) bool {
		if b, ok := n.(*ast.BlockStmt); ok {
			block = b
		}
		return false
	})
	if block == nil {
		return e.msg
	}
	return e.msg + " starting at " + a.s.root.fset.Position(block.Lbrace).String()
}
