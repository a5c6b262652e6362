package cell

import (
	"cmp"
	"errors"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"slices"
	"strings"

	"braid/kernel/eval"
)

// Parse cuts the cell src, named name in positions, into its parts. It adds one
// file to fset. The Cell is never nil; if a Diagnostic is an Error, it holds
// what could be understood, for tools that work with unfinished code. The
// diagnostics are sorted, at most one a line. Cost: about 10 µs for ten lines.
func Parse(fset *token.FileSet, name, src string) (*Cell, []Diagnostic) {
	if fset.Base() < room {
		fset.AddFile("", -1, room)
	}
	p := &cellParser{
		cell: &Cell{Name: name, Source: src, File: fset.AddFile(name, -1, len(src))},
	}
	p.cell.File.SetLinesForContent([]byte(src))
	p.src, p.cell.Directives = blankLines(name, src)
	p.scan()
	for p.next < len(p.toks) {
		p.segment()
	}
	p.finish()
	return p.cell, p.diagnostics()
}

// The parts of a cell are parsed one by one, each behind a prefix that makes it
// a Go file. The part's own FileSet is laid out so that a token at offset i of
// the cell has the Pos it has in the cell's File; the positions of the prefix
// fall before the part, and nobody looks at them.
const (
	declPrefix   = "package p;"
	stmtPrefix   = "package p;func _(){"
	resultPrefix = "package p;func _(){return "
	room         = 64 // more than the longest prefix
)

type tok struct {
	off int
	tok token.Token
	lit string
}

type cellParser struct {
	cell    *Cell
	src     []byte // the cell with lines that are no Go blanked
	toks    []tok  // without comments
	next    int    // first token of the next segment
	done    int    // offset behind the last segment
	errs    []syntaxError
	hasMain bool
}

type syntaxError struct {
	off int
	msg string
}

func (p *cellParser) errorAt(off int, msg string) {
	p.errs = append(p.errs, syntaxError{off, msg})
}

// What go/types needs for deeply nested code grows with the square of the depth,
// and cannot be stopped; nobody writes such code by hand.
const (
	maxDepth = 1000  // brackets in brackets
	maxElse  = 3000  // else branches in a cell
	maxTree  = 10000 // nodes above a node of the syntax tree
)

// scan reads all tokens. Lexical errors are left to the parser, which meets
// them again, but for a comment without an end, which may be in no part. Closing
// brackets that nothing opened are reported and blanked.
func (p *cellParser) scan() {
	// A file of its own: the scanner would obey //line comments.
	fset := token.NewFileSet()
	file := fset.AddFile("", -1, len(p.src))
	var s scanner.Scanner
	s.Init(file, p.src, func(pos token.Position, msg string) {
		if msg == "comment not terminated" {
			p.errorAt(pos.Offset, msg)
		}
	}, 0)
	depth, elses := 0, 0
	for {
		pos, t, lit := s.Scan()
		if t == token.EOF {
			return
		}
		off := file.Offset(pos)
		switch t {
		case token.ELSE:
			if elses++; elses > maxElse {
				p.tooMuch(off, "too many else branches in one cell")
				return
			}
		case token.LPAREN, token.LBRACK, token.LBRACE:
			if depth++; depth > maxDepth {
				p.tooMuch(off, "nesting is too deep")
				return
			}
		case token.RPAREN, token.RBRACK, token.RBRACE:
			if depth == 0 {
				p.errorAt(off, "syntax error: unexpected "+t.String()+p.misplaced())
				p.src[off] = ' '
				continue
			}
			depth--
		}
		p.toks = append(p.toks, tok{off, t, lit})
	}
}

// tooMuch gives up on the cell.
func (p *cellParser) tooMuch(off int, msg string) {
	p.errs = []syntaxError{{off, msg}}
	p.toks = nil
}

// misplaced ends the message about a closing bracket that follows the tokens so far.
func (p *cellParser) misplaced() string {
	if n := len(p.toks); n > 0 && p.toks[n-1].tok != token.SEMICOLON {
		return " at end of statement"
	}
	return ""
}

// segment takes the next declaration, or run of statements.
func (p *cellParser) segment() {
	switch t := p.toks[p.next]; {
	case t.tok == token.SEMICOLON:
		p.next++
	case t.tok == token.PACKAGE:
		p.packageClause()
	case t.tok == token.IMPORT, t.tok == token.CONST, t.tok == token.TYPE, t.tok == token.VAR:
		p.declaration(p.endOfDecl(p.next))
	case p.startsFunc(p.next):
		p.declaration(p.endOfFunc(p.next))
	default:
		p.statements(p.endOfStatements(p.next))
	}
}

// startsDecl tells whether a declaration starts at token i.
func (p *cellParser) startsDecl(i int) bool {
	switch p.toks[i].tok {
	case token.PACKAGE, token.IMPORT, token.CONST, token.TYPE, token.VAR:
		return true
	}
	return p.startsFunc(i)
}

// startsFunc tells a function declaration from a function literal: a name
// follows the keyword, or "(receiver) name(".
func (p *cellParser) startsFunc(i int) bool {
	if p.toks[i].tok != token.FUNC {
		return false
	}
	if p.at(i+1) == token.IDENT {
		return true
	}
	if p.at(i+1) != token.LPAREN {
		return false
	}
	i = p.matching(i + 1)
	if p.at(i+1) != token.IDENT {
		return false
	}
	if p.at(i+2) == token.LBRACK { // type parameters, which methods can't have, or a result F[T]
		return p.at(p.matching(i+2)+1) == token.LPAREN
	}
	return p.at(i+2) == token.LPAREN
}

func (p *cellParser) at(i int) token.Token {
	if i < len(p.toks) {
		return p.toks[i].tok
	}
	return token.EOF
}

// matching returns the index of the bracket that closes the one at i, or the
// number of tokens.
func (p *cellParser) matching(i int) int {
	depth := 0
	for ; i < len(p.toks); i++ {
		depth += nesting(p.toks[i].tok)
		if depth == 0 {
			break
		}
	}
	return i
}

func nesting(t token.Token) int {
	switch t {
	case token.LPAREN, token.LBRACK, token.LBRACE:
		return 1
	case token.RPAREN, token.RBRACK, token.RBRACE:
		return -1
	}
	return 0
}

// endOfDecl returns the index of the semicolon that ends the declaration at i.
func (p *cellParser) endOfDecl(i int) int {
	for depth := 0; i < len(p.toks); i++ {
		depth += nesting(p.toks[i].tok)
		if depth == 0 && p.toks[i].tok == token.SEMICOLON {
			break
		}
	}
	return i
}

// endOfFunc is endOfDecl for functions; a body that starts on a new line, which
// is an error, still belongs to the function.
func (p *cellParser) endOfFunc(i int) int {
	end := p.endOfDecl(i)
	if p.at(end-1) != token.RBRACE && p.at(end+1) == token.LBRACE {
		return p.endOfDecl(end + 1)
	}
	return end
}

// endOfStatements returns the index of the semicolon before the next
// declaration. Semicolons alone don't end a statement: for, if and switch have
// them in their headers, where no declaration can start.
func (p *cellParser) endOfStatements(i int) int {
	for depth := 0; i < len(p.toks); i++ {
		depth += nesting(p.toks[i].tok)
		if depth == 0 && p.toks[i].tok == token.SEMICOLON && i+1 < len(p.toks) && p.startsDecl(i+1) {
			break
		}
	}
	return i
}

func (p *cellParser) packageClause() {
	first := p.toks[p.next]
	end := p.endOfDecl(p.next)
	switch {
	case p.next > 0:
		p.errorAt(first.off, "syntax error: package statement must be first")
	case p.at(p.next+1) != token.IDENT:
		p.errorAt(p.offset(p.next+1), "syntax error: unexpected "+p.describe(p.offset(p.next+1))+", expected name")
	case end > p.next+2:
		p.errorAt(p.offset(p.next+2), "syntax error: unexpected "+p.describe(p.offset(p.next+2))+" after package clause")
	default:
		name := p.toks[p.next+1]
		p.cell.Package = &ast.Ident{NamePos: p.cell.File.Pos(name.off), Name: name.lit}
	}
	p.skipTo(end)
}

// offset returns where token i starts; behind the last token, the end of the cell.
func (p *cellParser) offset(i int) int {
	if i < len(p.toks) {
		return p.toks[i].off
	}
	return len(p.src)
}

// skipTo ends a segment before or with the semicolon at index end.
func (p *cellParser) skipTo(end int) (text []byte) {
	stop := p.offset(end)
	text = p.src[p.done:stop]
	if p.next = end + 1; end < len(p.toks) && p.toks[end].lit == ";" {
		stop++
	}
	p.done = stop
	return text
}

func (p *cellParser) declaration(end int) {
	start := p.done
	f := p.parse(declPrefix, start, p.skipTo(end), "\n")
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.GenDecl:
			if d.Tok == token.IMPORT {
				p.cell.ImportDecls = append(p.cell.ImportDecls, d)
				for _, s := range d.Specs {
					p.cell.Imports = append(p.cell.Imports, s.(*ast.ImportSpec))
				}
				continue
			}
		case *ast.FuncDecl:
			p.hasMain = p.hasMain || d.Recv == nil && d.Name.Name == "main"
		case *ast.BadDecl:
			continue
		}
		p.cell.Items = append(p.cell.Items, Item{Decl: d})
	}
}

func (p *cellParser) statements(end int) {
	start, before := p.done, len(p.errs)
	last := end >= len(p.toks)-1
	text := p.skipTo(end)
	body := bodyOf(p.parse(stmtPrefix, start, text, "\n}"))
	for _, s := range body {
		p.endLabel(s, start+len(text))
		if _, ok := s.(*ast.EmptyStmt); !ok {
			p.cell.Items = append(p.cell.Items, Item{Stmt: s})
		}
	}
	if last {
		p.result(start+len(text), before)
	}
}

// endLabel keeps the empty statement behind a label at the end of the cell in the cell.
func (p *cellParser) endLabel(s ast.Stmt, end int) {
	for {
		l, ok := s.(*ast.LabeledStmt)
		if !ok {
			break
		}
		s = l.Stmt
	}
	if e, ok := s.(*ast.EmptyStmt); ok && e.Implicit {
		e.Semicolon = min(e.Semicolon, p.cell.File.Pos(end))
	}
}

// result takes the final expression, or list of expressions, off the items.
func (p *cellParser) result(end, errs int) {
	n := len(p.cell.Items)
	if n == 0 {
		return
	}
	s, ok := p.cell.Items[n-1].Stmt.(*ast.ExprStmt)
	if !ok {
		return
	}
	off := p.cell.File.Offset(s.Pos())
	list := slices.IndexFunc(p.errs, func(e syntaxError) bool { return e.off == off && e.msg == listError })
	if list >= errs {
		had := len(p.errs)
		body := bodyOf(p.parse(resultPrefix, off, p.src[off:end], "\n}"))
		if len(p.errs) != had || len(body) != 1 {
			p.errs = p.errs[:had]
			return
		}
		p.errs = slices.Delete(p.errs, list, list+1)
		p.cell.Result = body[0].(*ast.ReturnStmt).Results
	} else {
		p.cell.Result = []ast.Expr{s.X}
	}
	p.cell.Items = p.cell.Items[:n-1]
}

func bodyOf(f *ast.File) []ast.Stmt {
	if len(f.Decls) > 0 {
		if d, ok := f.Decls[0].(*ast.FuncDecl); ok && d.Body != nil {
			return d.Body.List
		}
	}
	return nil
}

// parse parses text, which stands at offset start of the cell, between prefix
// and suffix.
func (p *cellParser) parse(prefix string, start int, text []byte, suffix string) *ast.File {
	if start == 0 && prefix != resultPrefix {
		prefix += "\n" // else a comment in the first line would belong to the prefix
	}
	fset := token.NewFileSet()
	base := p.cell.File.Base() + start - len(prefix)
	fset.AddFile("", 1, base-2) // the next file starts at base
	buf := make([]byte, 0, len(prefix)+len(text)+len(suffix))
	buf = append(append(append(buf, prefix...), text...), suffix...)
	f, err := parser.ParseFile(fset, p.cell.Name, buf, parser.ParseComments|parser.SkipObjectResolution|parser.AllErrors)
	var list scanner.ErrorList
	if errors.As(err, &list) {
		end := start + len(text)
		for i, e := range list {
			if e.Pos.Offset-len(prefix)+start > end {
				if i > 0 {
					break // a consequence, found in the suffix
				}
				e.Pos.Offset = end + len(prefix) - start
			}
			if off, msg := p.gcWords(e.Msg, e.Pos.Offset-len(prefix)+start); msg != "" {
				p.errorAt(off, msg)
			}
		}
	}
	if f == nil {
		f = &ast.File{}
	}
	p.cell.Comments = append(p.cell.Comments, f.Comments...)
	return f
}

func (p *cellParser) finish() {
	c := p.cell
	if n := len(p.toks); n > 0 && c.Result != nil {
		c.Quiet = p.toks[n-1].tok == token.SEMICOLON && p.toks[n-1].lit == ";"
	}
	p.placeListErrors()
	p.checkDepth()
	c.RunMain = c.Package != nil && p.hasMain && !callsMain(c)
	// A final list of expressions was parsed twice.
	slices.SortStableFunc(c.Comments, func(a, b *ast.CommentGroup) int { return cmp.Compare(a.Pos(), b.Pos()) })
	c.Comments = slices.CompactFunc(c.Comments, func(a, b *ast.CommentGroup) bool { return a.Pos() == b.Pos() })
}

// checkDepth refuses trees that are too deep, such as a.b.b.b and so on.
func (p *cellParser) checkDepth() {
	depth, at := 0, token.NoPos
	visit := func(n ast.Node) bool {
		if n == nil {
			depth--
			return true
		}
		depth++
		if depth > maxTree && !at.IsValid() {
			at = n.Pos()
		}
		return true
	}
	for _, it := range p.cell.Items {
		ast.Inspect(it.Node(), visit)
	}
	for _, x := range p.cell.Result {
		ast.Inspect(x, visit)
	}
	if at.IsValid() {
		p.cell.Items, p.cell.Result = nil, nil
		p.errs = []syntaxError{{int(at) - p.cell.File.Base(), "nesting is too deep"}}
	}
}

// placeListErrors moves the complaint about a list of expressions that is not
// the cell's result from the list to its end, where the compiler has it.
func (p *cellParser) placeListErrors() {
	for i, e := range p.errs {
		if e.msg != listError {
			continue
		}
		first := slices.IndexFunc(p.toks, func(t tok) bool { return t.off >= e.off })
		if first >= 0 {
			end := p.offset(p.endOfList(first))
			p.errs[i] = syntaxError{end, "syntax error: unexpected " + p.describe(end) + ", expected := or = or comma"}
		}
	}
}

// endOfList returns the index of the token that ends the statement at i: a
// semicolon, or what closes the block around it.
func (p *cellParser) endOfList(i int) int {
	for depth := 0; i < len(p.toks); i++ {
		depth += nesting(p.toks[i].tok)
		if depth < 0 || depth == 0 && p.toks[i].tok == token.SEMICOLON {
			break
		}
	}
	return i
}

// callsMain tells whether a statement of the cell calls main itself.
func callsMain(c *Cell) (found bool) {
	look := func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if id, ok := call.Fun.(*ast.Ident); ok && id.Name == "main" {
				found = true
			}
		}
		return !found
	}
	for _, it := range c.Items {
		if it.Stmt != nil {
			ast.Inspect(it.Stmt, look)
		}
	}
	for _, x := range c.Result {
		ast.Inspect(x, look)
	}
	return found
}

// diagnostics sorts the errors and keeps one a line, as the compiler does.
// What is missing at the end of the cell is said once, and only if nothing
// else is wrong before it.
func (p *cellParser) diagnostics() []Diagnostic {
	for i := range p.errs {
		p.errs[i].off = min(max(p.errs[i].off, 0), len(p.src))
	}
	slices.SortStableFunc(p.errs, func(a, b syntaxError) int { return cmp.Compare(a.off, b.off) })
	end := len(strings.TrimRight(p.cell.Source, " \t\r\n"))
	var ds []Diagnostic
	for _, e := range p.errs {
		atEnd := e.off >= end
		if atEnd && len(ds) > 0 {
			break
		}
		off := min(e.off, end)
		pos := p.pos(off)
		// The compiler reports one syntax error a line, but every other one.
		if n := len(ds); n > 0 && ds[n-1].Pos.Line == pos.Line && strings.HasPrefix(e.msg, "syntax error") {
			continue
		}
		if n := len(ds); n > 0 && (ds[n-1].Msg == e.msg && ds[n-1].Pos == pos || p.follows(ds[n-1], off)) {
			continue
		}
		ds = append(ds, Diagnostic{Pos: pos, End: p.pos(p.endOfToken(off)), Msg: e.msg})
	}
	return ds
}

// follows tells whether the text at off is what comes next after a line that
// lacks a comma, which go/parser complains about once more.
func (p *cellParser) follows(d Diagnostic, off int) bool {
	if !strings.Contains(d.Msg, "unexpected newline in ") {
		return false
	}
	i := p.indexBefore(off)
	return i >= 0 && p.pos(p.toks[i].off) == d.Pos
}

func (p *cellParser) pos(off int) eval.Pos {
	q := p.cell.File.PositionFor(p.cell.File.Pos(off), false)
	return eval.Pos{Cell: p.cell.Name, Line: q.Line, Column: q.Column}
}

// tokenAt returns the token that starts at off.
func (p *cellParser) tokenAt(off int) (tok, bool) {
	i, ok := slices.BinarySearchFunc(p.toks, off, func(t tok, off int) int { return cmp.Compare(t.off, off) })
	if !ok {
		return tok{}, false
	}
	return p.toks[i], true
}

func (p *cellParser) endOfToken(off int) int {
	t, ok := p.tokenAt(off)
	switch {
	case !ok || t.lit == "\n":
		return off
	case t.lit != "":
		return min(off+len(t.lit), len(p.src))
	}
	return min(off+len(t.tok.String()), len(p.src))
}
