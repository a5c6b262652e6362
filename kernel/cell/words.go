package cell

import (
	"go/token"
	"strings"
)

// listError is go/parser's complaint about a statement "a, b". It is kept as a
// mark until it is clear that the list is not the cell's result.
const listError = "syntax error: unexpected newline, expected := or = or comma"

// fixed maps messages of go/parser and go/scanner to those of the compiler.
var fixed = map[string]string{
	"expected 1 expression":                               listError,
	"string literal not terminated":                       "newline in string",
	"raw string literal not terminated":                   "string not terminated",
	"escape sequence not terminated":                      "newline in string",
	"rune literal not terminated":                         "rune literal not terminated",
	"illegal rune literal":                                "more than one character in rune literal",
	"unknown escape sequence":                             "unknown escape",
	"escape sequence is invalid Unicode code point":       "escape is invalid Unicode code point",
	"illegal label declaration":                           "syntax error: unexpected :, expected := or = or comma",
	"unexpected newline, expecting { after if clause":     "syntax error: unexpected newline, expected { after if clause",
	"missing condition in if statement":                   "syntax error: missing condition in if statement",
	"var declaration not allowed in if initializer":       "syntax error: var declaration not allowed in if initializer",
	"var declaration not allowed in for initializer":      "syntax error: var declaration not allowed in for initializer",
	"unexpected semicolon or newline before {":            "syntax error: unexpected semicolon or newline before {",
	"import path must be a string":                        "syntax error: import path must be a string",
	"missing import path":                                 "syntax error: missing import path; require quoted string",
	"imports must appear before other declarations":       "syntax error: imports must appear before other declarations",
	"unexpected comma; expecting ]":                       "syntax error: unexpected comma; expected ]",
	"cannot parenthesize embedded type":                   "syntax error: cannot parenthesize embedded type",
	"function type must have no type parameters":          "syntax error: function type must have no type parameters",
	"method must have no type parameters":                 "syntax error: method must have no type parameters",
	"cannot parenthesize type in composite literal":       "syntax error: cannot parenthesize type in composite literal",
	"expected boolean expression, found assignment":       "syntax error: cannot use assignment as value",
	"expected boolean expression, found simple statement": "syntax error: cannot use statement as value",
}

// expected maps what go/parser expected to what the compiler would say, for
// messages of the form "expected X, found Y".
var expected = map[string]string{
	"operand":                     "expected expression",
	"type":                        "expected type",
	"';'":                         "at end of statement",
	"'IDENT'":                     "expected name",
	"statement":                   "expected }",
	"if statement or block":       "else must be followed by if or statement block",
	"selector or type assertion":  "expected name or (",
	"field name or embedded type": "expected field name or embedded type",
	"~ term or type":              "expected ~ term or type",
	"type argument list":          "expected type argument list",
	"'STRING'":                    "missing import path; require quoted string",
}

// gcWords turns a message of go/parser about the text at off into the words of
// the compiler. A message that it does not know stays as it is.
func (p *cellParser) gcWords(msg string, off int) string {
	if m, ok := fixed[msg]; ok {
		return m
	}
	switch {
	case strings.HasPrefix(msg, "illegal character "):
		return "invalid character " + msg[len("illegal character "):]
	case strings.HasPrefix(msg, "missing ',' "):
		return p.missingComma(msg, off)
	case strings.HasPrefix(msg, "expected "):
		return p.unexpected(msg, off)
	}
	return msg
}

// missingComma handles "missing ',' before newline in argument list" and its kin.
func (p *cellParser) missingComma(msg string, off int) string {
	_, context, _ := strings.Cut(msg, " in ")
	end := ")"
	switch context {
	case "composite literal":
		end = "}"
	case "type argument list":
		end = "]"
	}
	return "syntax error: unexpected " + p.describe(off) + " in " + context + "; possibly missing comma or " + end
}

// unexpected handles "expected X, found Y".
func (p *cellParser) unexpected(msg string, off int) string {
	want, _, _ := strings.Cut(strings.TrimPrefix(msg, "expected "), ", found ")
	found := p.describe(off)
	switch want {
	case "boolean expression", "for loop condition", "switch expression":
		return "syntax error: " + msg
	case "'{'":
		return "syntax error: unexpected " + found + ", expected { after " + p.clauseBefore(off)
	case "';'":
		if p.openCase(off) {
			break
		}
	}
	text, ok := expected[want]
	switch {
	case !ok:
		text = "expected " + strings.Trim(want, "'")
	case strings.HasPrefix(text, "at "):
		return "syntax error: unexpected " + found + " " + text
	case !strings.HasPrefix(text, "expected "):
		return "syntax error: " + text
	}
	return "syntax error: unexpected " + found + ", " + text
}

func (p *cellParser) openCase(int) bool { return false }

// clauseBefore names the clause that a missing { should have ended.
func (p *cellParser) clauseBefore(off int) string {
	for i := len(p.toks) - 1; i >= 0; i-- {
		if p.toks[i].off >= off {
			continue
		}
		switch p.toks[i].tok {
		case token.IF, token.FOR, token.SWITCH, token.SELECT, token.STRUCT, token.INTERFACE:
			return p.toks[i].tok.String() + " clause"
		case token.SEMICOLON, token.RBRACE:
			if p.toks[i].lit != ";" {
				return "clause"
			}
		}
	}
	return "clause"
}

// describe names the token at off as the compiler does.
func (p *cellParser) describe(off int) string {
	t, ok := p.tokenAt(off)
	if !ok {
		// What the cell lacks was found in the text that closes it.
		if off >= len(p.src) {
			return "EOF"
		}
		return "newline"
	}
	switch {
	case t.tok == token.SEMICOLON && t.lit == "\n":
		return "newline"
	case t.tok == token.SEMICOLON:
		return "semicolon"
	case t.tok == token.COMMA:
		return "comma"
	case t.tok == token.IDENT:
		return "name " + t.lit
	case t.tok.IsLiteral():
		return "literal " + t.lit
	case t.tok.IsKeyword():
		return "keyword " + t.tok.String()
	}
	return t.tok.String()
}
