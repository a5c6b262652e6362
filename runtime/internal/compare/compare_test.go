package compare

import (
	"fmt"
	"io"
	"testing"
)

func TestRunsBoth(t *testing.T) {
	t.Run("programs", func(t *testing.T) {
		Run(t, "one line", "print('é', 1)", func(out io.Writer) { fmt.Fprintln(out, "é", 1) })
		Run(t, "of the future", "# python >= 99.1\nprint(unknown)\n# prints:\n# a\n#\n# b\n", func(out io.Writer) {
			fmt.Fprint(out, "a\n\nb\n")
		})
	})
	if Compared() != 1 {
		t.Errorf("%d programs were compared, want 1: the recorded one does not count", Compared())
	}
}

func TestDiff(t *testing.T) {
	got := Diff("a\nb\nc\n", "a\nx\nc\nd\n")
	if want := "(- Python, + Go)\n  a\n- b\n+ x\n  c\n+ d\n"; got != want {
		t.Errorf("Diff gives\n%swant\n%s", got, want)
	}
}

func TestOlder(t *testing.T) {
	for _, c := range []struct {
		version, since string
		older          bool
	}{
		{"3.11.7", "3.12", true},
		{"3.12.0", "3.12", false},
		{"3.9.1", "3.10", true},
		{"3.13.0rc1", "3.13", false},
	} {
		if got := older(c.version, c.since); got != c.older {
			t.Errorf("older(%s, %s) = %v, want %v", c.version, c.since, got, c.older)
		}
	}
}
