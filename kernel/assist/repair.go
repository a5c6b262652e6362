package assist

import (
	"go/scanner"
	"go/token"
	"strings"
	"unicode"
	"unicode/utf8"
)

// placeholder is the name that is put where a name is wanted and none is yet.
const placeholder = "ˍ"

// spot is what stands before a cursor, as far as tokens tell.
type spot struct {
	start    int    // offset of the name that ends at the cursor, or of the cursor
	name     string // the name up to the cursor, maybe ""
	before   token.Token
	inText   bool   // in a string, rune or comment: nothing to complete
	path     string // in a string of an import declaration: the text so far
	inImport bool
	closers  string // what closes the code that is cut off at the cursor
}

// look reads the code up to the cursor.
func look(code string) spot {
	s := spot{start: len(code)}
	for s.start > 0 {
		r, n := utf8.DecodeLastRuneInString(code[:s.start])
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' {
			break
		}
		s.start -= n
	}
	s.name = code[s.start:]
	if s.name != "" && unicode.IsDigit([]rune(s.name)[0]) {
		s.inText = true // a number
	}
	s.scan(code)
	return s
}

// level is a bracket that is open.
type level struct {
	close  string
	header bool // an if, for or switch whose { is still to come
	call   bool // after go or defer
}

func (s *spot) scan(code string) {
	fset := token.NewFileSet()
	file := fset.AddFile("", -1, len(code))
	var sc scanner.Scanner
	open := false
	sc.Init(file, []byte(code), func(_ token.Position, msg string) {
		open = open || strings.Contains(msg, "not terminated")
	}, scanner.ScanComments)
	levels := []level{{}}
	imports := false
	for {
		pos, t, lit := sc.Scan()
		off := file.Offset(pos)
		if t == token.EOF {
			break
		}
		if t == token.COMMENT {
			line := strings.HasPrefix(lit, "//")
			s.inText = off+len(lit) >= len(code) && (line || open)
			continue
		}
		if off >= s.start {
			continue
		}
		if (t == token.STRING || t == token.CHAR || t == token.ILLEGAL) && off+len(lit) >= len(code) && open {
			s.inText = true
			s.inImport = imports && t == token.STRING
			s.path = strings.TrimLeft(lit, "\"`")
			continue
		}
		imports = t == token.IMPORT || imports && t != token.RPAREN && (t != token.SEMICOLON || len(levels) > 1)
		levels = nest(levels, t, lit)
		s.before = t
	}
	s.close(levels)
}

func nest(levels []level, t token.Token, lit string) []level {
	top := &levels[len(levels)-1]
	switch t {
	case token.LPAREN:
		return append(levels, level{close: ")"})
	case token.LBRACK:
		return append(levels, level{close: "]"})
	case token.LBRACE:
		top.header = false
		return append(levels, level{close: "}"})
	case token.RPAREN, token.RBRACK, token.RBRACE:
		if len(levels) > 1 {
			return levels[:len(levels)-1]
		}
	case token.IF, token.FOR, token.SWITCH:
		top.header = true
	case token.GO, token.DEFER:
		top.call = true
	case token.SEMICOLON:
		top.call = false
		if lit != ";" {
			top.header = false
		}
	}
	return levels
}

func (s *spot) close(levels []level) {
	var b strings.Builder
	for i := len(levels) - 1; i >= 0; i-- {
		if levels[i].call {
			b.WriteString("()")
		}
		if levels[i].header {
			b.WriteString(" {}")
		}
		b.WriteString(levels[i].close)
	}
	s.closers = b.String()
}

// whole returns the code with a name at the cursor; cut returns it cut off
// behind the cursor and closed.
func (s *spot) whole(code string, off int) string { return code[:off] + s.filler() + code[off:] }
func (s *spot) cut(code string, off int) string   { return code[:off] + s.filler() + s.closers }

func (s *spot) filler() string {
	if s.name == "" {
		return placeholder
	}
	return ""
}
