package render

import (
	"fmt"
	"html"
	"html/template"
	"regexp"
	"strconv"
	"strings"
)

// sequence is an ANSI control sequence (ECMA-48, 5.4).
var sequence = regexp.MustCompile("\x1b\\[([0-9;:?]*)[ -/]*([@-~])")

// StripANSI takes the ANSI control sequences out of s.
func StripANSI(s string) string { return sequence.ReplaceAllString(s, "") }

// style is what the SGR sequences so far have switched on.
type style struct {
	color        int // 1–16 for the colours 0–15, 0 for none
	bold, italic bool
	underline    bool
}

func (s style) classes() string {
	var c []string
	if s.color > 0 {
		c = append(c, fmt.Sprintf("c%d", s.color-1))
	}
	if s.bold {
		c = append(c, "bold")
	}
	if s.italic {
		c = append(c, "italic")
	}
	if s.underline {
		c = append(c, "underline")
	}
	return strings.Join(c, " ")
}

// apply follows one SGR sequence. 256-colour and true-colour parameters are
// passed over.
func (s *style) apply(params string) {
	codes := strings.Split(params, ";")
	for i := 0; i < len(codes); i++ {
		n, _ := strconv.Atoi(codes[i])
		switch {
		case n == 0:
			*s = style{}
		case n == 1:
			s.bold = true
		case n == 3:
			s.italic = true
		case n == 4:
			s.underline = true
		case n == 22:
			s.bold = false
		case n == 23:
			s.italic = false
		case n == 24:
			s.underline = false
		case 30 <= n && n <= 37:
			s.color = n - 30 + 1
		case 90 <= n && n <= 97:
			s.color = n - 90 + 8 + 1
		case n == 39:
			s.color = 0
		case n == 38 || n == 48:
			i += extended(codes[i+1:])
		}
	}
}

// extended is how many parameters follow a 38 or 48.
func extended(rest []string) int {
	switch {
	case len(rest) > 0 && rest[0] == "5":
		return min(2, len(rest))
	case len(rest) > 0 && rest[0] == "2":
		return min(4, len(rest))
	}
	return 0
}

// ansi escapes s and turns its colours into spans.
func ansi(s string) template.HTML {
	var b strings.Builder
	var now style
	write := func(text string) {
		if c := now.classes(); c != "" && text != "" {
			fmt.Fprintf(&b, `<span class="%s">%s</span>`, c, html.EscapeString(text))
			return
		}
		b.WriteString(html.EscapeString(text))
	}
	for {
		at := sequence.FindStringSubmatchIndex(s)
		if at == nil {
			write(s)
			return template.HTML(b.String())
		}
		write(s[:at[0]])
		if s[at[4]:at[5]] == "m" {
			now.apply(s[at[2]:at[3]])
		}
		s = s[at[1]:]
	}
}

var overwritten = regexp.MustCompile(`[^\n]*\r([^\n])`)

// carriage shows what a terminal would, where lines were overwritten with \r.
func carriage(s string) string {
	return overwritten.ReplaceAllString(strings.ReplaceAll(s, "\r\n", "\n"), "$1")
}
