package render

import (
	"fmt"
	"go/scanner"
	"go/token"
	"html"
	"html/template"
	"strings"
)

// goCode is source as HTML with its tokens marked. What is no Go (a magic, a
// leading # line) stays plain.
func goCode(source string) template.HTML {
	src := []byte(source)
	fset := token.NewFileSet()
	file := fset.AddFile("", -1, len(src))
	var s scanner.Scanner
	s.Init(file, src, func(token.Position, string) {}, scanner.ScanComments)
	var b strings.Builder
	done := 0
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			break
		}
		c := tokenClass(tok)
		start := file.Offset(pos)
		end := start + len(lit)
		if c == "" || start < done || end > len(src) || !strings.HasPrefix(source[start:], lit) {
			continue
		}
		b.WriteString(html.EscapeString(source[done:start]))
		fmt.Fprintf(&b, `<span class="%s">%s</span>`, c, html.EscapeString(lit))
		done = end
	}
	b.WriteString(html.EscapeString(source[done:]))
	return template.HTML(b.String())
}

func tokenClass(tok token.Token) string {
	switch {
	case tok.IsKeyword():
		return "kw"
	case tok == token.COMMENT:
		return "com"
	case tok == token.STRING || tok == token.CHAR:
		return "str"
	case tok == token.INT || tok == token.FLOAT || tok == token.IMAG:
		return "num"
	}
	return ""
}
