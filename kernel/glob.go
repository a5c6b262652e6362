package kernel

import "unicode/utf8"

// globMatch matches the whole of s against a glob as SQLite's GLOB, and so
// IPython's history, understands it: * is any text, newlines and slashes
// included, ? one character, [abc], [a-z] and [^x] one of a set. (path.Match
// stops * at slashes and fails on a bad pattern.) A bracket that is not closed
// stands for itself. Time is O(len(pattern)·len(s)).
func globMatch(pattern, s string) bool {
	starPattern, starText := -1, 0 // where to go on after the last *, one rune later
	p, t := 0, 0
	for t < len(s) {
		if p < len(pattern) && pattern[p] == '*' {
			p++
			starPattern, starText = p, t
			continue
		}
		width, size := globRune(pattern[p:], s[t:])
		if width > 0 {
			p, t = p+width, t+size
			continue
		}
		if starPattern < 0 {
			return false
		}
		_, skip := utf8.DecodeRuneInString(s[starText:])
		starText += skip
		p, t = starPattern, starText
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// globRune matches the first character of s against the first element of pattern.
// width is the length of that element, 0 if it does not match.
func globRune(pattern, s string) (width, size int) {
	if pattern == "" {
		return 0, 0
	}
	r, size := utf8.DecodeRuneInString(s)
	switch pattern[0] {
	case '?':
		return 1, size
	case '[':
		if width, in := globSet(pattern, r); width > 0 {
			if in {
				return width, size
			}
			return 0, 0
		}
	}
	c, width := utf8.DecodeRuneInString(pattern)
	if c != r {
		return 0, 0
	}
	return width, size
}

// globSet reads a set at the start of pattern; width is 0 if it is not closed.
func globSet(pattern string, r rune) (width int, in bool) {
	i, not := 1, false
	if i < len(pattern) && pattern[i] == '^' {
		not, i = true, i+1
	}
	for first := true; i < len(pattern); first = false {
		c, n := utf8.DecodeRuneInString(pattern[i:])
		if c == ']' && !first {
			return i + 1, in != not
		}
		i += n
		high := c
		if i+1 < len(pattern) && pattern[i] == '-' && pattern[i+1] != ']' {
			var n int
			high, n = utf8.DecodeRuneInString(pattern[i+1:])
			i += 1 + n
		}
		in = in || c <= r && r <= high
	}
	return 0, false
}
