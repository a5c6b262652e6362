package session

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"braid/kernel/assist"
	"braid/kernel/cell"
)

// IsComplete tells whether code can run as it stands: "complete", "incomplete"
// (with the indent of a next line), "invalid" or "unknown".
func (s *Session) IsComplete(code string) (status, indent string) {
	st, indent := cell.Completeness(code)
	return string(st), indent
}

// Complete lists what could stand at the cursor, a number of code points.
// It takes some 0.1 ms and never waits for a cell.
func (s *Session) Complete(code string, cursor int) Completion {
	at := byteOffset(code, cursor)
	if c, ok := completeMagic(code, at); ok {
		return c
	}
	found := assist.Complete(s.view.Load(), code, cursor)
	c := Completion{Start: found.Start, End: found.End}
	for _, it := range found.Items {
		c.Matches = append(c.Matches, it.Text)
		c.Items = append(c.Items, CompletionItem{Text: it.Text, Type: it.Type, Signature: it.Signature})
	}
	return c
}

// Inspect tells what is known of the name at the cursor, a number of code
// points; detail 1 gives more than 0.
func (s *Session) Inspect(code string, cursor, detail int) Inspection {
	if m, ok := magics[magicAt(code, byteOffset(code, cursor))]; ok {
		return Inspection{Found: true, Data: map[string]any{"text/plain": m.usage + "\n" + m.does}, Metadata: map[string]any{}}
	}
	found := assist.Inspect(s.view.Load(), code, cursor, detail)
	if !found.Found {
		return Inspection{}
	}
	data := map[string]any{}
	for mime, text := range map[string]string{"text/plain": found.Text, "text/markdown": found.Markdown, "text/html": found.HTML} {
		if text != "" {
			data[mime] = text
		}
	}
	return Inspection{Found: true, Data: data, Metadata: map[string]any{}}
}

// magicAt is the magic whose name is at a place in the code, "" if there is none.
func magicAt(code string, at int) string {
	line := code[strings.LastIndexByte(code[:at], '\n')+1:]
	name, _, _ := strings.Cut(line, "\n")
	name, _, _ = strings.Cut(name, " ")
	if !strings.HasPrefix(name, "%") || at > len(code)-len(line)+len(name) {
		return ""
	}
	return name
}

// byteOffset turns a number of code points into one of bytes, within the text.
func byteOffset(text string, points int) int {
	at := 0
	for ; points > 0 && at < len(text); points-- {
		_, n := utf8.DecodeRuneInString(text[at:])
		at += n
	}
	return at
}

// completeMagic completes the name of a magic at the start of a line.
func completeMagic(code string, at int) (Completion, bool) {
	start := strings.LastIndexByte(code[:at], '\n') + 1
	word := code[start:at]
	if !strings.HasPrefix(word, "%") || strings.ContainsAny(word, " \t") {
		return Completion{}, false
	}
	c := Completion{Start: utf8.RuneCountInString(code[:start]), End: utf8.RuneCountInString(code[:at])}
	for _, key := range slices.Sorted(maps.Keys(magics)) {
		if strings.HasPrefix(key, word) && (start == 0 || !strings.HasPrefix(key, "%%")) {
			c.Matches = append(c.Matches, key)
			c.Items = append(c.Items, CompletionItem{Text: key, Type: "magic"})
		}
	}
	return c, true
}
