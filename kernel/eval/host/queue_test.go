package host

import (
	"strings"
	"testing"
	"unicode/utf8"

	"braid/kernel/eval"
)

// FuzzEventsHoldWholeRunes writes any bytes in pieces of any size.
func FuzzEventsHoldWholeRunes(f *testing.F) {
	f.Add([]byte("añ日🎉z"), []byte{1, 2, 1})
	f.Add([]byte("\xf0\x9f\x8e"), []byte{1})
	f.Add([]byte("\xff\xfe\x80日"), []byte{3, 1})
	f.Fuzz(func(t *testing.T, text, sizes []byte) {
		r := newRun(1, "In[1]", Config{})
		var b strings.Builder
		take := func(ev eval.Event) {
			if !utf8.ValidString(ev.Stream.Text) || ev.Stream.Text == "" {
				t.Errorf("event text %q", ev.Stream.Text)
			}
			b.WriteString(ev.Stream.Text)
		}
		rest := text
		for _, n := range sizes {
			n := min(int(n), len(rest))
			it := item{run: r, text: append([]byte(nil), rest[:n]...)}
			it.pass(take)
			rest = rest[n:]
		}
		it := item{run: r, text: append([]byte(nil), rest...)}
		it.pass(take)
		it = item{run: r, last: true}
		it.pass(take)
		want := string(text)
		if utf8.ValidString(want) {
			if b.String() != want {
				t.Errorf("got %q, want %q", b.String(), want)
			}
		} else if got := b.String(); strings.ReplaceAll(got, "\uFFFD", "") != strings.ReplaceAll(strings.ToValidUTF8(want, ""), "\uFFFD", "") {
			t.Errorf("got %q for %q", got, want)
		}
	})
}
