package cell

import (
	"cmp"
	"go/token"
	"slices"
	"strings"
)

// listError is go/parser's complaint about a statement "a, b". It is kept as a
// mark until it is clear that the list is not the cell's result.
const listError = "syntax error: unexpected newline, expected := or = or comma"

// fixed maps messages of go/parser and go/scanner to those of the compiler.
var fixed = map[string]string{
	"expected 1 expression":                           listError,
	"raw string literal not terminated":               "string not terminated",
	"escape sequence not terminated":                  "newline in string",
	"unknown escape sequence":                         "unknown escape",
	"escape sequence is invalid Unicode code point":   "escape is invalid Unicode code point",
	"unexpected newline, expecting { after if clause": "syntax error: unexpected newline, expected { after if clause",
	"expected at most 2 expressions":                  "range clause permits at most two iteration variables",
	"missing import path":                             "syntax error: missing import path",
	"unexpected comma; expecting ]":                   "syntax error: unexpected comma; expected ]",
}

// same lists messages that the compiler has too, as syntax errors.
var same = map[string]bool{
	"missing condition in if statement":             true,
	"var declaration not allowed in if initializer": true,
	"unexpected semicolon or newline before {":      true,
	"import path must be a string":                  true,
	"imports must appear before other declarations": true,
	"cannot parenthesize embedded type":             true,
	"function type must have no type parameters":    true,
	"method must have no type parameters":           true,
	"cannot parenthesize type in composite literal": true,
	"missing parameter type":                        true,
	"missing parameter name":                        true,
	"missing type parameter name":                   true,
	"missing type constraint":                       true,
	"empty type parameter list":                     true,
}

// gcWords turns a message of go/parser about the text at off into the words of
// the compiler, and returns where the compiler has them; "" if it has none. A
// message that it does not know stays as it is.
func (p *cellParser) gcWords(msg string, off int) (int, string) {
	t, ok := p.tokenAt(off)
	illegal := ok && t.tok == token.ILLEGAL
	if m, ok := fixed[msg]; ok {
		return off, m
	}
	switch {
	case same[msg]:
		return off, "syntax error: " + msg
	case msg == "string literal not terminated":
		return off + len(t.lit), "newline in string"
	case msg == "illegal rune literal" && t.lit == "''":
		return off + 1, "empty rune literal or unescaped '"
	case msg == "illegal rune literal":
		return off, "more than one character in rune literal"
	case msg == "illegal label declaration":
		return off, "syntax error: unexpected :" + p.afterStatement(off)
	case strings.HasPrefix(msg, "cannot declare in post statement"):
		return p.assignmentAfter(off), "syntax error: cannot declare in post statement of for loop"
	case strings.HasSuffix(msg, " index required in 3-index slice"):
		return off + 1, msg
	case strings.HasPrefix(msg, "expression in ") && strings.HasSuffix(msg, " must be function call"):
		return p.operandBefore(off), msg
	case strings.HasPrefix(msg, "illegal character "):
		return off, "invalid character " + msg[len("illegal character "):]
	case illegal && (strings.HasPrefix(msg, "missing ',' ") || strings.HasPrefix(msg, "expected ")):
		return off, "" // the scanner said what is wrong with it
	case strings.HasPrefix(msg, "missing ',' "):
		return off, p.missingComma(msg, off)
	case strings.HasPrefix(msg, "expected boolean expression, found assignment"):
		return p.assignedCondition(off)
	case strings.HasPrefix(msg, "expected ") && t.tok == token.VAR && p.clause(off) != "":
		return p.offset(p.indexBefore(off) + 2), "syntax error: var declaration not allowed in " + p.clause(off) + " initializer"
	case strings.HasPrefix(msg, "expected "):
		return off, p.unexpected(msg, off)
	}
	return off, msg
}

// indexBefore returns the index of the last token before off, or -1.
func (p *cellParser) indexBefore(off int) int {
	i, _ := slices.BinarySearchFunc(p.toks, off, func(t tok, off int) int { return cmp.Compare(t.off, off) })
	return i - 1
}

// before returns the n-th token before off, counted from 1.
func (p *cellParser) before(off, n int) token.Token {
	if i := p.indexBefore(off) - n + 1; i >= 0 {
		return p.toks[i].tok
	}
	return token.SEMICOLON
}

// assignmentAfter returns where the next = or := from off on is.
func (p *cellParser) assignmentAfter(off int) int {
	for i := p.indexBefore(off) + 1; i < len(p.toks); i++ {
		if t := p.toks[i]; t.tok == token.ASSIGN || t.tok == token.DEFINE {
			return t.off
		}
	}
	return off
}

// assignedCondition is about "if x = 3 {".
func (p *cellParser) assignedCondition(off int) (int, string) {
	end := len(p.src)
	for i := p.indexBefore(off) + 1; i < len(p.toks); i++ {
		if p.toks[i].tok == token.LBRACE {
			end = p.toks[i].off
			break
		}
	}
	at := p.assignmentAfter(off)
	kind := "assignment "
	if t, _ := p.tokenAt(at); t.tok == token.DEFINE {
		kind = ""
	}
	return at, "syntax error: cannot use " + kind + strings.TrimSpace(string(p.src[off:end])) + " as value"
}

// operandBefore returns where the operand of the last go or defer before off starts.
func (p *cellParser) operandBefore(off int) int {
	for i := len(p.toks) - 2; i >= 0; i-- {
		if t := p.toks[i]; t.off < off && (t.tok == token.GO || t.tok == token.DEFER) {
			return p.toks[i+1].off
		}
	}
	return off
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
	found := "syntax error: unexpected " + p.describe(off)
	switch want {
	case "boolean expression", "for loop condition", "switch expression":
		return "syntax error: " + msg
	case "operand":
		if t, _ := p.tokenAt(off); t.tok == token.RBRACK && p.before(off, 1) == token.LBRACK {
			return found + ", expected operand"
		}
		return found + ", expected expression"
	case "type":
		return p.expectedType(found, off)
	case "';'", "'=='":
		return found + p.afterStatement(off)
	case "'IDENT'":
		return found + ", expected name"
	case "statement":
		return found + p.expectedStatement(off)
	case "if statement or block":
		return "syntax error: else must be followed by if or statement block"
	case "selector or type assertion":
		return found + ", expected name or ("
	case "'STRING'":
		return "syntax error: missing import path"
	case "'{'":
		if clause := p.clause(off); clause != "" && strings.HasSuffix(found, "newline") {
			return found + ", expected { after " + clause + " clause"
		}
		return found + ", expected {"
	case "'}'":
		switch p.block(off) {
		case token.STRUCT:
			return found + ", expected field name or embedded type"
		case token.INTERFACE:
			return found + ", expected ~ term or type"
		case token.SWITCH, token.SELECT:
			return found + ", expected case or default or }"
		}
	case "'('":
		if p.before(off, 1) == token.FUNC && strings.HasSuffix(found, "EOF") {
			return found + ", expected name or ("
		}
	}
	return found + ", expected " + strings.Trim(want, "'")
}

func (p *cellParser) expectedType(found string, off int) string {
	t, _ := p.tokenAt(off)
	prev := p.before(off, 1)
	switch {
	case t.tok == token.DEFINE:
		return found + ", expected ="
	case prev == token.CHAN || prev == token.ARROW:
		return "syntax error: missing channel element type"
	case prev == token.IDENT && p.before(off, 2) == token.TYPE:
		return found + " in type declaration"
	}
	return found + ", expected type"
}

// expectedStatement: a statement was expected; or, if something stands before
// it on the line, that the statement ends.
func (p *cellParser) expectedStatement(off int) string {
	if b := p.block(off); b == token.SWITCH || b == token.SELECT {
		return ", expected case or default or }"
	}
	switch p.before(off, 1) {
	case token.SEMICOLON, token.LBRACE, token.COLON:
		return ", expected }"
	}
	return " at end of statement"
}

// afterStatement: a statement, clause or field should have ended.
func (p *cellParser) afterStatement(off int) string {
	_, more := p.tokenAt(off)
	switch b := p.block(off); {
	case !more && p.before(off, 1) == token.VAR:
		return ", expected name"
	case !more && b != token.ILLEGAL:
		return ", expected }"
	case p.clause(off) != "":
		return ", expected {"
	case b == token.STRUCT || b == token.INTERFACE:
		if k := p.before(off, 2); p.before(off, 1) == token.IDENT && (k == token.SEMICOLON || k == token.LBRACE) {
			return ", expected type"
		}
		return " in " + b.String() + " type; possibly missing semicolon or newline or }"
	}
	return " at end of statement"
}

// clause names the statement whose header off is in: "if", "for", "switch" or
// "select"; "" if it is in none.
func (p *cellParser) clause(off int) string {
	for i := p.indexBefore(off); i >= 0; i-- {
		switch t := p.toks[i]; t.tok {
		case token.IF, token.FOR, token.SWITCH, token.SELECT:
			return t.tok.String()
		case token.SEMICOLON:
			if t.lit != ";" {
				return ""
			}
		case token.LBRACE, token.RBRACE, token.FUNC:
			return ""
		}
	}
	return ""
}

// block returns what opened the innermost block around off: STRUCT, INTERFACE,
// SWITCH, SELECT, or LBRACE for any other; ILLEGAL if off is in no block.
func (p *cellParser) block(off int) token.Token {
	depth := 0
	for i := p.indexBefore(off); i >= 0; i-- {
		switch p.toks[i].tok {
		case token.RBRACE:
			depth++
		case token.LBRACE:
			if depth--; depth < 0 {
				return p.opener(i)
			}
		}
	}
	return token.ILLEGAL
}

func (p *cellParser) opener(brace int) token.Token {
	if brace > 0 {
		switch t := p.toks[brace-1].tok; t {
		case token.STRUCT, token.INTERFACE:
			return t
		}
	}
	switch p.clause(p.toks[brace].off) {
	case "switch":
		return token.SWITCH
	case "select":
		return token.SELECT
	}
	return token.LBRACE
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
