package nbformat

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds how deep values may nest, so that hostile files cannot
// exhaust the stack. Python's own reader gives up far earlier.
const maxDepth = 10_000

// A SyntaxError says where a document stops being JSON.
type SyntaxError struct {
	Line, Column int // from 1; the column counts bytes
	Msg          string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("invalid JSON at line %d, column %d: %s", e.Line, e.Column, e.Msg)
}

// parse reads one JSON value as Python's json module does: the last of several
// equal keys wins, and NaN, Infinity and -Infinity are numbers, since Python
// writes them. encoding/json reads neither these nor tells line and column.
// Values are nil, bool, string, json.Number (its literal kept), []any and
// map[string]any.
func parse(data []byte) (any, error) {
	p := &parser{src: strings.TrimPrefix(string(data), "\ufeff"), depth: 0}
	if len(p.src) != len(data) {
		data = data[len(data)-len(p.src):]
	}
	if at := invalidUTF8(p.src); at >= 0 {
		p.at = at
		return nil, p.fail("the file is not UTF-8 text here")
	}
	v, err := p.value()
	if err != nil {
		return nil, err
	}
	p.space()
	if p.at < len(p.src) {
		return nil, p.fail("something follows the end of the document")
	}
	return v, nil
}

func invalidUTF8(s string) int {
	if utf8.ValidString(s) {
		return -1
	}
	for i, r := range s {
		if r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD") {
			return i
		}
	}
	return -1
}

type parser struct {
	src   string
	at    int
	depth int
}

func (p *parser) fail(format string, args ...any) error {
	before := p.src[:min(p.at, len(p.src))]
	return &SyntaxError{
		Line:   1 + strings.Count(before, "\n"),
		Column: len(before) - strings.LastIndexByte(before, '\n'),
		Msg:    fmt.Sprintf(format, args...),
	}
}

func (p *parser) space() {
	for p.at < len(p.src) && strings.IndexByte(" \t\r\n", p.src[p.at]) >= 0 {
		p.at++
	}
}

func (p *parser) value() (any, error) {
	p.space()
	if p.at == len(p.src) {
		return nil, p.fail("the document ends where a value is expected")
	}
	switch c := p.src[p.at]; {
	case c == '{':
		return nested(p, p.object)
	case c == '[':
		return nested(p, p.array)
	case c == '"':
		return p.string()
	case c == '-' || '0' <= c && c <= '9':
		return p.number()
	default:
		return p.word()
	}
}

func nested[T any](p *parser, read func() (T, error)) (any, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.fail("values nest deeper than %d levels", maxDepth)
	}
	defer func() { p.depth-- }()
	return read()
}

var words = map[string]any{
	"null": nil, "true": true, "false": false,
	"NaN": json.Number("NaN"), "Infinity": json.Number("Infinity"), "-Infinity": json.Number("-Infinity"),
}

func (p *parser) word() (any, error) {
	for w, v := range words {
		if strings.HasPrefix(p.src[p.at:], w) {
			p.at += len(w)
			return v, nil
		}
	}
	r, _ := utf8.DecodeRuneInString(p.src[p.at:])
	return nil, p.fail("%q cannot start a value", r)
}

func (p *parser) object() (map[string]any, error) {
	obj := map[string]any{}
	p.at++ // {
	for first := true; ; first = false {
		p.space()
		if first && p.accept('}') {
			return obj, nil
		}
		if p.at == len(p.src) || p.src[p.at] != '"' {
			return nil, p.fail("a key in double quotes is expected")
		}
		key, err := p.string()
		if err != nil {
			return nil, err
		}
		p.space()
		if !p.accept(':') {
			return nil, p.fail("a colon is expected after the key %q", key)
		}
		if obj[key], err = p.value(); err != nil {
			return nil, err
		}
		p.space()
		switch {
		case p.accept('}'):
			return obj, nil
		case !p.accept(','):
			return nil, p.fail("a comma or a closing brace is expected")
		}
	}
}

func (p *parser) array() ([]any, error) {
	list := []any{}
	p.at++ // [
	for first := true; ; first = false {
		p.space()
		if first && p.accept(']') {
			return list, nil
		}
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		p.space()
		switch {
		case p.accept(']'):
			return list, nil
		case !p.accept(','):
			return nil, p.fail("a comma or a closing bracket is expected")
		}
	}
}

func (p *parser) accept(c byte) bool {
	if p.at < len(p.src) && p.src[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *parser) number() (any, error) {
	if strings.HasPrefix(p.src[p.at:], "-Infinity") {
		return p.word()
	}
	start := p.at
	p.accept('-')
	switch {
	case p.accept('0'):
	case p.digits() == 0:
		return nil, p.fail("a digit is expected")
	}
	if p.accept('.') && p.digits() == 0 {
		return nil, p.fail("a digit is expected after the decimal point")
	}
	if p.accept('e') || p.accept('E') {
		_ = p.accept('+') || p.accept('-')
		if p.digits() == 0 {
			return nil, p.fail("a digit is expected in the exponent")
		}
	}
	return json.Number(p.src[start:p.at]), nil
}

func (p *parser) digits() int {
	start := p.at
	for p.at < len(p.src) && '0' <= p.src[p.at] && p.src[p.at] <= '9' {
		p.at++
	}
	return p.at - start
}

func (p *parser) string() (string, error) {
	open := p.at
	p.at++ // "
	if n := strings.IndexAny(p.src[p.at:], "\"\\"); n >= 0 && p.src[p.at+n] == '"' {
		if s := p.src[p.at : p.at+n]; strings.IndexFunc(s, isControl) < 0 {
			p.at += n + 1
			return s, nil
		}
	}
	var b strings.Builder
	for {
		if p.at >= len(p.src) {
			p.at = open
			return "", p.fail("the string that starts here has no closing quote")
		}
		switch c := p.src[p.at]; {
		case c == '"':
			p.at++
			return b.String(), nil
		case c == '\\':
			if err := p.escape(&b); err != nil {
				return "", err
			}
		case c < ' ':
			return "", p.fail("a string holds the raw control character %#02x; write it as an escape", c)
		default:
			b.WriteByte(c)
			p.at++
		}
	}
}

func isControl(r rune) bool { return r < ' ' }

var escapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape reads what follows a backslash. Half a surrogate pair becomes U+FFFD:
// UTF-8 files, the only ones that the official library writes, cannot hold it.
func (p *parser) escape(b *strings.Builder) error {
	if p.at+1 >= len(p.src) {
		return p.fail("the document ends inside an escape")
	}
	if c, ok := escapes[p.src[p.at+1]]; ok {
		b.WriteByte(c)
		p.at += 2
		return nil
	}
	r, err := p.unicodeEscape()
	if err != nil {
		return err
	}
	if utf16.IsSurrogate(r) && strings.HasPrefix(p.src[p.at:], `\u`) {
		mark := p.at
		low, err := p.unicodeEscape()
		if err != nil {
			return err
		}
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			b.WriteRune(pair)
			return nil
		}
		p.at = mark
	}
	b.WriteRune(r) // WriteRune turns a lone surrogate into U+FFFD
	return nil
}

func (p *parser) unicodeEscape() (rune, error) {
	if p.src[p.at+1] != 'u' || p.at+6 > len(p.src) {
		return 0, p.fail("an invalid escape in a string")
	}
	n, err := strconv.ParseUint(p.src[p.at+2:p.at+6], 16, 16)
	if err != nil {
		return 0, p.fail(`\u needs four hexadecimal digits`)
	}
	p.at += 6
	return rune(n), nil
}
