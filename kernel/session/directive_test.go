package session

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"braid/kernel/eval"
	"braid/kernel/worker"
)

func TestUnknownMagics(t *testing.T) {
	n := open(t, Options{})
	for _, tt := range []struct{ code, want string }{
		{"x := 1\n%tmie x", "In[1]:2:1: unknown magic %tmie; did you mean %time? (%help lists all)\n    2 │ %tmie x\n      │ ^"},
		{"%frobnicate", "unknown magic %frobnicate (%help lists all)"},
		{"%%bsh\necho hi", "unknown magic %%bsh; did you mean %%bash? (%help lists all)"},
		{"%writefile x", "%writefile is for a whole cell: write %%writefile on the cell's first line"},
	} {
		n.count = 0
		if got := n.fails(tt.code); !strings.Contains(got, tt.want) {
			t.Errorf("%q:\n%s\nwant %s", tt.code, got, tt.want)
		}
	}
	if got := n.fails("x"); !strings.Contains(got, "undefined: x") {
		t.Errorf("a cell with an unknown magic ran: %s", got)
	}
}

func TestPlace(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "sub dir"), 0o777); err != nil {
		t.Fatal(err)
	}
	n := open(t, Options{Worker: worker.Options{Dir: dir}})
	check := func(code, want string) {
		t.Helper()
		if got := n.ok(code); got != want {
			t.Errorf("%s: %q, want %q", code, got, want)
		}
	}
	check("%pwd", dir+"\n")
	check("%cd \"sub dir\"", dir+"/sub dir\n")
	check("!pwd", dir+"/sub dir\n")
	check("%env BRAID_TEST_COLOUR=light blue", "BRAID_TEST_COLOUR=light blue\n")
	check("!echo $BRAID_TEST_COLOUR", "light blue\n")
	check("%env BRAID_TEST_COLOUR", "light blue\n")
	if got := n.ok("%env"); !strings.Contains(got, "BRAID_TEST_COLOUR=light blue\n") {
		t.Errorf("%%env lists %q", got)
	}
	n.fails("//do: die\nx := 1") // both outlive a worker
	check("%pwd", dir+"/sub dir\n")
	check("!echo $BRAID_TEST_COLOUR", "light blue\n")
	for code, want := range map[string]string{
		"%cd nowhere":    "UsageError: chdir nowhere: no such file or directory",
		"%env NO_SUCH_X": "UsageError: %env: there is no environment variable NO_SUCH_X",
	} {
		if got := n.fails(code); !strings.Contains(got, want) {
			t.Errorf("%s: %s", code, got)
		}
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	n := open(t, Options{Worker: worker.Options{Dir: dir}})
	if got := n.ok("%%writefile a.txt\none\n  two"); got != "wrote a.txt\n" {
		t.Errorf("stdout %q", got)
	}
	n.ok("%%writefile -a a.txt\nthree\n")
	if b, err := os.ReadFile(filepath.Join(dir, "a.txt")); err != nil || string(b) != "one\n  two\nthree\n" {
		t.Errorf("file %q, %v", b, err)
	}
	out, _ := n.run("%load a.txt")
	if out.Err != nil || len(out.Payload) != 1 || out.Payload[0]["source"] != "set_next_input" || out.Payload[0]["text"] != "// %load a.txt\none\n  two\nthree\n" {
		t.Errorf("outcome %+v", out)
	}
	for code, want := range map[string]string{
		"%load b.txt":                "no such file",
		"%load":                      "no file was named",
		"%%writefile\nx":             "no file was named",
		"%%writefile no/such/dir\nx": "no such file",
	} {
		if got := n.fails(code); !strings.Contains(got, want) {
			t.Errorf("%s: %s", code, got)
		}
	}
}

func TestShell(t *testing.T) {
	n := open(t, Options{})
	if got := n.ok("!echo before\n//do: print code\nx := 1\n!echo after"); got != "before\ncode\nafter\n" {
		t.Errorf("order %q", got)
	}
	if got := n.ok("%%bash\nfor i in 1 2; do\n  echo \"$i'\"\ndone"); got != "1'\n2'\n" {
		t.Errorf("script %q", got)
	}
	if got := n.fails("%%sh\necho out\nexit 4"); !strings.Contains(got, "Exit: the command ended with exit status 4") {
		t.Errorf("got %s", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	p := newPage()
	go func() {
		p.await(t, func() bool { return p.text("stdout") == "on\n" })
		cancel()
	}()
	if out := n.s.Run(ctx, Request{Code: "!echo on; sleep 1000\n!echo not reached", Count: 9}, p); !out.Interrupted {
		t.Errorf("%+v", out.Err)
	}
}

func TestTime(t *testing.T) {
	n := open(t, Options{})
	took := regexp.MustCompile(`^\d+(\.\d+)?(ns|µs|ms|s)\n$`)
	for _, code := range []string{"%%time\n//do: print ran\nx := 1", "y := 2\n%time z := y"} {
		got, ok := strings.CutPrefix(strings.TrimPrefix(n.ok(code), "ran\n"), "time: ")
		if !ok || !took.MatchString(got) {
			t.Errorf("%q printed %q", code, got)
		}
	}
	n.ok("x + z")
	if got := n.fails("y = 3\n%time  nope + 1"); !strings.Contains(got, "In[4]:2:8: undefined: nope\n    2 │ %time  nope + 1\n      │        ^") {
		t.Errorf("got\n%s", got)
	}
	if got := n.fails("%%time\n\n  nope"); !strings.Contains(got, "In[5]:3:3: undefined: nope") {
		t.Errorf("got\n%s", got)
	}
}

func TestNames(t *testing.T) {
	n := open(t, Options{})
	if got := n.ok("%who"); got != "nothing was declared yet\n" {
		t.Errorf("%q", got)
	}
	n.ok("x := 1\ntype T struct{}\nfunc (T) M() {}\nfunc f(a int) (T, error) { return T{}, nil }\nconst c = 2")
	if got := n.ok("%who"); got != "T  c  f  x\n" {
		t.Errorf("%q", got)
	}
	want := "name  kind   type                      cell\nT     type   T                         In[2]\nc     const  untyped int               In[2]\nf     func   func(a int) (T, error)    In[2]\nx     var    int                       In[2]\n"
	if got := n.ok("%whos"); strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(want), " ") {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestResetAndRestart(t *testing.T) {
	n := open(t, Options{})
	n.ok("func f() int { return 1 }\nx := 1")
	if got := n.ok("%restart_worker"); got != "a new worker runs\nLost with the worker: x (In[1]). Run these cells again.\nStill there: f.\n" {
		t.Errorf("%q", got)
	}
	n.ok("f()")
	if got := n.fails("x"); !strings.Contains(got, "x (In[1]) was lost when the worker ended: run In[1] again") {
		t.Errorf("%s", got)
	}
	n.ok("%reset\nfunc g() int { return 2 }")
	n.ok("g()")
	for _, code := range []string{"f()", "x"} {
		if got := n.fails(code); !strings.Contains(got, "undefined") || strings.Contains(got, "lost") {
			t.Errorf("%s", got)
		}
	}
}

func TestHelp(t *testing.T) {
	n := open(t, Options{})
	for _, code := range []string{"%help", "?"} {
		out, _ := n.run(code)
		if out.Err != nil || len(out.Payload) != 1 || out.Payload[0]["source"] != "page" {
			t.Fatalf("%s: %+v", code, out)
		}
		text := out.Payload[0]["data"].(map[string]any)["text/plain"].(string)
		for name, m := range magics {
			if !strings.Contains(text, m.usage) {
				t.Errorf("%s does not tell of %s", code, name)
			}
		}
	}
	if got := n.fails("nope?"); !strings.Contains(got, "nothing is known of nope") {
		t.Errorf("%s", got)
	}
}

func TestNearest(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "abc", 3}, {"kitten", "sitting", 3}, {"same", "same", 0}, {"ab", "ba", 2}} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

// A cell's magics after a failure don't run.
func TestMagicsStopAtAFailure(t *testing.T) {
	n := open(t, Options{})
	out, p := n.run("!echo one\n!exit 1\n!echo two")
	if out.Err == nil || p.text("stdout") != "one\n" || out.Err.EName != eval.Exit {
		t.Errorf("%+v, stdout %q", out.Err, p.text("stdout"))
	}
}
