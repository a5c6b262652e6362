package kernel

import (
	"strings"
	"testing"
	"unicode/utf8"

	"braid/kernel/internal/protocol"
)

func TestHistory(t *testing.T) {
	f := start(t)
	for _, code := range []string{"result 1", "print a/b\nsecond line", "result 1", ""} {
		f.execute(code)
	}
	f.execute("print unstored", content{"store_history": false})
	f.execute("print silent", content{"silent": true})
	for _, c := range []struct {
		ask  content
		want []any
	}{
		{content{"hist_access_type": "tail", "n": 2}, []any{[]any{1, 2, "print a/b\nsecond line"}, []any{1, 3, "result 1"}}},
		{content{"hist_access_type": "tail", "n": 1, "output": true}, []any{[]any{1, 3, []any{"result 1", "1"}}}},
		{content{"hist_access_type": "range", "session": 0, "start": 2, "stop": 3, "output": true},
			[]any{[]any{1, 2, []any{"print a/b\nsecond line", nil}}}},
		{content{"hist_access_type": "range", "session": 1, "start": 3}, []any{[]any{1, 3, "result 1"}}},
		{content{"hist_access_type": "range", "session": 7, "start": 1, "stop": nil}, []any{}},
		{content{"hist_access_type": "search", "pattern": "*a/b*line"}, []any{[]any{1, 2, "print a/b\nsecond line"}}},
		{content{"hist_access_type": "search", "pattern": "result*"}, []any{[]any{1, 1, "result 1"}, []any{1, 3, "result 1"}}},
		{content{"hist_access_type": "search", "pattern": "result*", "n": 1}, []any{[]any{1, 3, "result 1"}}},
		{content{"hist_access_type": "search", "pattern": "result*", "unique": true}, []any{[]any{1, 3, "result 1"}}},
		{content{"hist_access_type": "search", "pattern": "*nowhere*"}, []any{}},
	} {
		f.request("history_request", c.ask).reply.want(t, content{"status": "ok", "history": c.want})
	}
	r := f.request("history_request", content{"hist_access_type": "guess"})
	r.reply.want(t, content{"status": "error", "ename": "RequestError"})
}

func TestHistoryIsBounded(t *testing.T) {
	var h history
	big := strings.Repeat("x", maxHistoryBytes/4)
	for i := range 10 {
		h.add(i, big, "y")
	}
	if h.bytes > maxHistoryBytes || len(h.entries) != 3 || h.entries[2].Line != 9 {
		t.Errorf("%d bytes in %d entries", h.bytes, len(h.entries))
	}
	h.add(10, big+big+big+big+big, "")
	if got := h.find(protocol.HistoryRequest{Access: protocol.HistoryTail, N: 5}); len(got) != 1 || got[0].Line != 10 {
		t.Errorf("%d entries", len(got))
	}
}

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "a\nb/c", true}, {"a*c", "abbc", true}, {"a*c", "abb", false},
		{"*b*", "abc", true}, {"?", "\U0001f600", true}, {"?", "", false}, {"??", "é", false}, {"a?c", "abc", true},
		{"[abc]x", "bx", true}, {"[a-c]x", "dx", false}, {"[^a-c]x", "dx", true}, {"[]]", "]", true}, {"[a-]", "-", true},
		{"[ab", "[ab", true}, {"[", "[", true}, {"x[", "x", false}, {"*.*.*", "a.b", false}, {"**a**", "a", true},
		{"*aab", "aaaab", true}, {"é*", "éa", true}, {"*é", "aé", true}, {"\xff", "\xff", true},
	} {
		if got := globMatch(c.pattern, c.text); got != c.want {
			t.Errorf("globMatch(%q, %q) = %v", c.pattern, c.text, got)
		}
	}
}

// A pattern full of stars must not take exponential time.
func TestGlobIsFast(t *testing.T) {
	if globMatch(strings.Repeat("*a", 200)+"b", strings.Repeat("a", 5000)) {
		t.Error("matched")
	}
}

func FuzzGlob(f *testing.F) {
	f.Add("*[a-]?", "x")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if !strings.ContainsAny(pattern, "*?[") && globMatch(pattern, text) != (pattern == text) && utf8.ValidString(pattern+text) {
			t.Errorf("globMatch(%q, %q) is not equality", pattern, text)
		}
		if !globMatch("**", text) {
			t.Error("* does not match everything")
		}
		globMatch(pattern, text)
	})
}
