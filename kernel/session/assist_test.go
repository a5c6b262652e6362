package session

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestComplete(t *testing.T) {
	n := open(t, Options{})
	n.ok("import \"strings\"\nfunc myLongName(a int) string { return strings.ToUpper(\"a\") }")
	for _, tt := range []struct {
		code       string // ▮ is the cursor
		want       string
		start, end int
	}{
		{"strings.Repl▮", "Replace", 8, 12},
		{"s := \"😀😀\"; strings.Repl▮", "Replace", 19, 23},
		{"x := myLo▮ + 1", "myLongName", 5, 9},
		{"%ti▮", "%time", 0, 3},
		{"%%wr▮", "%%writefile", 0, 4},
		{"x := 1\n%go▮", "%goroutines", 7, 10},
	} {
		before, after, _ := strings.Cut(tt.code, "▮")
		c := n.s.Complete(before+after, len([]rune(before)))
		if !slices.Contains(c.Matches, tt.want) || c.Start != tt.start || c.End != tt.end || len(c.Items) != len(c.Matches) {
			t.Errorf("%s: %v, %d–%d; want %s, %d–%d", tt.code, c.Matches, c.Start, c.End, tt.want, tt.start, tt.end)
		}
	}
	if c := n.s.Complete("x := 1\n%%wr", 11); len(c.Matches) != 0 {
		t.Errorf("a cell magic on the second line: %v", c.Matches)
	}
	if c := n.s.Complete("nothingLikeIt", 13); len(c.Matches) != 0 || c.Start > c.End {
		t.Errorf("%+v", c)
	}
}

func TestInspect(t *testing.T) {
	n := open(t, Options{})
	n.ok("import \"strings\"\n// double doubles.\nfunc double(a int) int { return 2 * a }")
	for _, tt := range []struct{ code, want string }{
		{"strings.Repl▮ace", "func strings.Replace("},
		{"dou▮ble(1)", "double doubles."},
		{"%ti▮me x", "%time CODE"},
	} {
		before, after, _ := strings.Cut(tt.code, "▮")
		i := n.s.Inspect(before+after, len([]rune(before)), 0)
		text, _ := i.Data["text/plain"].(string)
		if !i.Found || !strings.Contains(text, tt.want) {
			t.Errorf("%s: found %v, %q", tt.code, i.Found, text)
		}
	}
	for _, code := range []string{"strings.ToUpper", "strings.Builder", "double", "fmt.Println"} {
		less, more := n.s.Inspect(code, len(code), 0), n.s.Inspect(code, len(code), 1)
		if a, b := fmt.Sprint(less.Data["text/plain"]), fmt.Sprint(more.Data["text/plain"]); len(b) <= len(a) {
			t.Errorf("%s: detail 1 has no more than 0: %s", code, b)
		}
	}
	if text := fmt.Sprint(n.s.Inspect("double", 3, 1).Data["text/plain"]); !strings.Contains(text, "return 2 * a") {
		t.Errorf("detail 1 of a function has no source: %s", text)
	}
	if i := n.s.Inspect("nosuchname", 5, 0); i.Found {
		t.Errorf("%+v", i)
	}
	out, _ := n.run("double?")
	if out.Err != nil || len(out.Payload) != 1 {
		t.Errorf("double?: %+v", out)
	}
}

func TestIsComplete(t *testing.T) {
	n := open(t, Options{})
	for code, want := range map[string]string{
		"a := 1": "complete", "func f() {": "incomplete", "func )": "invalid", "%%bash\nfor i in 1; do": "complete",
	} {
		if status, _ := n.s.IsComplete(code); status != want {
			t.Errorf("%q is %s, want %s", code, status, want)
		}
	}
}

// Completion and inspection answer while a cell runs.
func TestAssistWhileBusy(t *testing.T) {
	n := open(t, Options{})
	n.s.check.Lock() // as if a cell were being checked, for as long as it takes
	defer n.s.check.Unlock()
	if c := n.s.Complete("fm", 2); len(c.Matches) == 0 {
		t.Error("no completion")
	}
	n.s.Inspect("fmt", 3, 0)
}
