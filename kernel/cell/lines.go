package cell

import (
	"bytes"
	"strings"

	"braid/kernel/eval"
)

// blankLines returns src with every line that is not Go overwritten by spaces
// (so that positions hold), and the directives among them. Lines that are not
// Go are, outside of strings and comments:
//   - "#" alone, "# text" and "#!text": comments of other worlds (notebook
//     converters, shebangs), at the start of a line;
//   - "%name" and "!command" at the start of a line where a statement could start.
//
// A first line "%%name" takes the whole cell.
func blankLines(name, src string) ([]byte, []Directive) {
	out := []byte(src)
	if strings.HasPrefix(src, "\ufeff") { // a byte order mark is no text
		blank(out[:len("\ufeff")])
	}
	var found []Directive
	var st lineState
	for start, line := 0, 1; start < len(src); line++ {
		end := len(src)
		if i := strings.IndexByte(src[start:], '\n'); i >= 0 {
			end = start + i
		}
		text := strings.TrimRight(src[start:end], " \t\r")
		if start == 0 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		pos := eval.Pos{Cell: name, Line: line, Column: 1}
		switch {
		case st.inString() || text == "":
			st.scan(src[start:end])
		case strings.HasPrefix(text, "%%") && st.fresh():
			found = append(found, directive(text, pos))
			if end < len(src) {
				found[len(found)-1].Body = src[end+1:]
			}
			blank(out[start:])
			return out, found
		case (text[0] == '%' || text[0] == '!') && st.statementStart():
			found = append(found, directive(text, pos))
			blank(out[start:end])
		case text == "#" || strings.HasPrefix(text, "# ") || strings.HasPrefix(text, "#!"):
			blank(out[start:end])
		default:
			st.scan(src[start:end])
		}
		start = end + 1
	}
	return out, found
}

// blank overwrites b with spaces, but for newlines.
func blank(b []byte) {
	for i := range b {
		if b[i] != '\n' {
			b[i] = ' '
		}
	}
}

func directive(text string, pos eval.Pos) Directive {
	d := Directive{Kind: text[:1], Pos: pos}
	switch {
	case text[0] == '!':
		d.Args = strings.TrimSpace(text[1:])
		return d
	case strings.HasPrefix(text, "%%"):
		d.Kind = "%%"
	}
	d.Name, d.Args, _ = strings.Cut(strings.TrimSpace(text[len(d.Kind):]), " ")
	d.Args = strings.TrimSpace(d.Args)
	return d
}

// lineState is what a line of Go leaves open for the next one. It knows just
// enough of Go's lexical grammar to tell a string from a statement.
type lineState struct {
	open  byte // '`' in a raw string, '*' in a block comment, or 0
	depth int  // of brackets
	last  byte // last byte of a token, 0 at the start
	prev  byte // the byte before last, if adjacent
}

func (s *lineState) inString() bool { return s.open != 0 }

// fresh tells that no token was seen yet.
func (s *lineState) fresh() bool { return s.last == 0 && s.open == 0 }

// statementStart tells whether a statement could start on the next line.
func (s *lineState) statementStart() bool {
	if s.open != 0 || s.depth > 0 {
		return false
	}
	switch s.last {
	case '+', '-':
		return s.prev == s.last // x++ ends a statement, x + does not
	case '*', '/', '%', '&', '|', '^', '<', '>', '=', '!', '(', ',', '[', '{', '.', ':', '~':
		return false
	}
	return true
}

func (s *lineState) scan(line string) {
	for i := 0; i < len(line); {
		i += s.step(line[i:])
	}
	if s.last != 0 && len(line) == 0 {
		s.prev = 0
	}
}

// step consumes one piece of a line and returns its length.
func (s *lineState) step(rest string) int {
	upTo := func(end string) int {
		if i := strings.Index(rest, end); i >= 0 {
			s.open = 0
			return i + len(end)
		}
		return len(rest)
	}
	switch s.open {
	case '`':
		return upTo("`")
	case '*':
		return upTo("*/")
	}
	c := rest[0]
	switch {
	case c == ' ' || c == '\t' || c == '\r':
		return 1
	case strings.HasPrefix(rest, "//"):
		return len(rest)
	case strings.HasPrefix(rest, "/*"):
		s.open = '*'
		return 2
	case c == '`':
		s.prev, s.last = s.last, c
		s.open = '`'
		return 1
	case c == '"' || c == '\'':
		s.prev, s.last = s.last, c
		return quoted(rest)
	case bytes.IndexByte([]byte("([{"), c) >= 0:
		s.depth++
	case bytes.IndexByte([]byte(")]}"), c) >= 0 && s.depth > 0:
		s.depth--
	}
	s.prev, s.last = s.last, c
	return 1
}

// quoted returns the length of the quoted literal that rest starts with; an
// unterminated one ends with the line.
func quoted(rest string) int {
	for i := 1; i < len(rest); i++ {
		switch rest[i] {
		case '\\':
			i++
		case rest[0]:
			return i + 1
		}
	}
	return len(rest)
}
