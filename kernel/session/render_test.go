package session

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"braid/kernel/eval"
)

var update = flag.Bool("update", false, "write what is there into testdata, instead of comparing")

// golden compares text with a file of testdata.
func golden(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if text != string(want) {
		t.Errorf("got\n%s\nwant, as in %s,\n%s", text, file, want)
	}
}

var renderSources = map[string]string{
	"In[1]": "import \"fmt\"\n\nfunc work(n int) int {\n\treturn 10 / n\n}\n",
	"In[2]": "go work(0)\r\nwork(1)",
	"In[3]": "if true {\n\t\tstück := \"世界 😀 é\" + 日本\n}\nx := 1; " + strings.Repeat("a + ", 100) + "nope" + strings.Repeat(" + b", 50),
	"In[4]": "bad\x1b[31m := \x00nope",
}

var renderErrors = map[string]*eval.Error{
	"compile": {Name: eval.CompileError, Value: "undefined: foo", Pos: eval.Pos{Cell: "In[1]", Line: 4, Column: 14}},
	"compile-many": {
		Name: eval.CompileError, Value: "undefined: 日本", Pos: eval.Pos{Cell: "In[3]", Line: 2, Column: strings.Index("\t\tstück := \"世界 😀 é\" + 日本", "日本") + 1},
		Notes: []string{"日本 (In[1]) was lost when the worker ended in In[2]: run In[1] again"},
		More: []*eval.Error{
			{Name: eval.CompileError, Value: "undefined: nope", Pos: eval.Pos{Cell: "In[3]", Line: 4, Column: 9 + 400}},
			{Name: eval.CompileError, Value: "cannot use x (variable of type int) as string value in argument:\n\thave int\n\twant string", Pos: eval.Pos{Cell: "In[1]", Line: 1, Column: 1}},
		},
	},
	"compile-nowhere":  {Name: eval.CompileError, Value: "package foo is not in std"},
	"compile-past-end": {Name: eval.CompileError, Value: "syntax error: unexpected EOF, expected }", Pos: eval.Pos{Cell: "In[2]", Line: 9, Column: 1}},
	"control":          {Name: eval.CompileError, Value: "invalid character U+001B", Pos: eval.Pos{Cell: "In[4]", Line: 1, Column: 4}},
	"panic":            {Name: eval.Panic, Value: "boom", Pos: eval.Pos{Cell: "In[2]", Line: 2, Column: 1}},
	"goroutine": {
		Name: eval.RuntimeError, Value: "runtime error: integer divide by zero",
		Pos: eval.Pos{Cell: "In[1]", Line: 4, Column: 12},
		Frames: []eval.Frame{
			{Func: "work", Pos: eval.Pos{Cell: "In[1]", Line: 4, Column: 12}},
			{Pos: eval.Pos{Cell: "In[2]", Line: 1, Column: 1}, Created: true},
		},
	},
	"deep": {
		Name: eval.Panic, Value: "too deep",
		Frames: append(append(slices.Repeat([]eval.Frame{{Func: "work", Pos: eval.Pos{Cell: "In[1]", Line: 4}}}, 1000), manyFrames(60)...), eval.Frame{Pos: eval.Pos{Cell: "In[2]", Line: 2}}),
	},
	"deadlock": {
		Name: eval.Deadlock, Value: "all goroutines are asleep - deadlock!", Pos: eval.Pos{Cell: "In[2]", Line: 1},
		Notes: []string{"In[2]:1: waits to receive from a channel nobody sends to"},
	},
	"fatal": {
		Name: eval.FatalError, Value: "fatal error: concurrent map writes",
		Notes: []string{"Two goroutines used the same map.", "Lost with the worker: m (In[1]). Run these cells again."},
	},
	"limit":       {Name: eval.LimitError, Value: "the cell ran longer than 2s", Pos: eval.Pos{Cell: "In[1]", Line: 4}, Frames: []eval.Frame{{Func: "work", Pos: eval.Pos{Cell: "In[1]", Line: 4}}}},
	"interrupted": {Name: eval.Interrupted, Value: "interrupted", Frames: []eval.Frame{{Pos: eval.Pos{Cell: "In[2]", Line: 2}}}},
	"exit":        {Name: eval.Exit, Value: "exit status 3", Frames: []eval.Frame{{Pos: eval.Pos{Cell: "In[2]", Line: 2}}}},
	"two-panics": {
		Name: eval.Panic, Value: "first", Frames: []eval.Frame{{Pos: eval.Pos{Cell: "In[2]", Line: 2}}},
		More: []*eval.Error{{Name: eval.Panic, Value: "second\nline", Frames: []eval.Frame{{Func: "work", Pos: eval.Pos{Cell: "In[9]", Line: 4}}}}},
	},
}

func manyFrames(n int) (fs []eval.Frame) {
	for i := range n {
		fs = append(fs, eval.Frame{Func: "even", Pos: eval.Pos{Cell: "In[7]", Line: i + 1}})
	}
	return fs
}

func TestRender(t *testing.T) {
	for name, e := range renderErrors {
		t.Run(name, func(t *testing.T) {
			f := render(e, func(cell string) string { return renderSources[cell] })
			if f.EName != e.Name {
				t.Errorf("ename %q", f.EName)
			}
			text := "ename: " + f.EName + "\nevalue: " + f.EValue + "\n\n" + plain(f) + "\n"
			golden(t, "render/"+name+".txt", text)
			for _, line := range f.Traceback {
				if strings.Contains(line, "\n") || strings.Count(line, "\x1b[")%2 != 0 || strings.Contains(line, "\x00") {
					t.Errorf("line %q", line)
				}
			}
		})
	}
}

func TestColours(t *testing.T) {
	f := render(renderErrors["compile"], func(cell string) string { return renderSources[cell] })
	var b strings.Builder
	for _, line := range f.Traceback {
		b.WriteString(strings.ReplaceAll(line, "\x1b", "ESC") + "\n")
	}
	golden(t, "render/colours.txt", b.String())
}
