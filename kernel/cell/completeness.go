package cell

import (
	"go/scanner"
	"go/token"
	"strings"
)

// Status is an answer of Completeness, in the words of Jupyter's
// is_complete_reply (messaging.rst, "Code completeness").
type Status string

const (
	Complete   Status = "complete"   // can run as it stands
	Incomplete Status = "incomplete" // another line is needed
	Invalid    Status = "invalid"    // no further line can make it Go
)

// Completeness tells whether src can be run as it stands, or needs another
// line, which then starts with indent: a tab for every line that opened a
// bracket which is not closed yet.
func Completeness(src string) (status Status, indent string) {
	text, directives := blankLines("", src)
	if len(directives) > 0 && directives[0].Kind == "%%" {
		return Complete, ""
	}
	end := scanEnd(text)
	if end.open || end.depth > 0 || end.dangling {
		if errorBefore(src, text) {
			return Invalid, ""
		}
		if end.raw {
			return Incomplete, "" // the next line belongs to the string
		}
		return Incomplete, strings.Repeat("\t", end.indent)
	}
	_, ds := Parse(token.NewFileSet(), "", src)
	switch {
	case len(ds) == 0:
		return Complete, ""
	case errorBefore(src, text):
		return Invalid, ""
	}
	return Incomplete, ""
}

// errorBefore tells whether src has an error that more text cannot mend: a
// syntax error before its end, or any other one.
func errorBefore(src string, text []byte) bool {
	_, ds := Parse(token.NewFileSet(), "", src)
	trimmed := strings.TrimRight(string(text), " \t\r\n")
	lines := strings.Count(trimmed, "\n") + 1
	column := len(trimmed) - strings.LastIndexByte(trimmed, '\n')
	for _, d := range ds {
		switch {
		case unterminated(d.Msg):
			return false
		case !strings.HasPrefix(d.Msg, "syntax error"):
			return true
		case d.Pos.Line < lines || d.Pos.Line == lines && d.Pos.Column < column:
			return true
		}
	}
	return false
}

// unterminated tells whether msg is about a literal or comment that a further
// line can still end.
func unterminated(msg string) bool {
	return msg == "string not terminated" || msg == "comment not terminated"
}

// ending is what a text leaves open.
type ending struct {
	depth    int  // brackets
	indent   int  // lines that opened brackets which are still open
	open     bool // inside a raw string or a block comment
	raw      bool // of the two, a raw string
	dangling bool // the last token needs an operand, a label a statement, …
}

func scanEnd(text []byte) ending {
	fset := token.NewFileSet()
	file := fset.AddFile("", -1, len(text))
	var e ending
	var s scanner.Scanner
	s.Init(file, text, func(_ token.Position, msg string) {
		if strings.HasSuffix(msg, "comment not terminated") || strings.HasPrefix(msg, "raw string literal not") {
			e.open = true
			e.raw = strings.HasPrefix(msg, "raw")
		}
	}, 0)
	var lines []int // of the open brackets
	last := token.SEMICOLON
	for {
		pos, t, _ := s.Scan()
		if t == token.EOF {
			break
		}
		switch nesting(t) {
		case 1:
			lines = append(lines, file.Line(pos))
		case -1:
			if len(lines) > 0 {
				lines = lines[:len(lines)-1]
			}
		}
		last = t
	}
	e.depth = len(lines)
	for i, l := range lines {
		if i == 0 || lines[i-1] != l {
			e.indent++
		}
	}
	// The scanner ends every text that can end here with a semicolon.
	e.dangling = last != token.SEMICOLON
	return e
}
