package runtime

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"braid/runtime/sched"
)

const document = `
counter = 0
def worker():
    global counter
    for _ in range(1000):
        counter += 1
`

func TestCompileRuns(t *testing.T) {
	for _, c := range []struct{ source, want string }{
		{"x = 1 + 2 * 3", "7"},
		{"x = -7 // 2", "-4"},
		{"x = -7 % 3", "2"},
		{"x = 7 / 2", "3.5"},
		{"x = 2 ** 10", "1024"},
		{"x = 'a' + 'b' * 3", "'abbb'"},
		{"x = 1 < 2 and not 3 < 2", "True"},
		{"x = 0 or 5", "5"},
		{"x = [1, 2, 3]\nx[1] = 5\nx[1] += 1\nx.append(7)", "[1, 6, 3, 7]"},
		{"x = 0\nfor i in range(10):\n    if i == 3: continue\n    if i == 6: break\n    x += i", "12"},
		{"x = 0\nwhile x < 5:\n    x += 2\n", "6"},
		{"def fib(n):\n    if n < 2:\n        return n\n    else:\n        return fib(n - 1) + fib(n - 2)\nx = fib(15)", "610"},
		{"def f(a, b):\n    c = a - b\n    return c\nx = f(5, 2)", "3"},
		{"x = int('41') + len([1])", "42"},
		{"x = 3\nif x > 5:\n    x = 1\nelif x > 2:\n    x = 2\nelse:\n    x = 0", "2"},
		{"x = None", "None"},
		{"x = 1.0 + 1", "2.0"},
		{"x = 10 >> 1 | 8 & 12 ^ 3", "15"},
	} {
		in := New(GIL310)
		var err error
		r := in.Threads(1, func(t *Thread) { err = in.Source(t, c.source) })
		if err != nil || r.Err != nil {
			t.Errorf("%q: %v %v", c.source, err, r.Exceptions())
			continue
		}
		if got := Repr(in.global("x", false).Value()); got != c.want {
			t.Errorf("%q: x = %s, want %s", c.source, got, c.want)
		}
	}
}

// The values and error texts are CPython's own, where it is installed.
func TestAgainstPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("python3 is needed for this comparison: install it")
	}
	for _, source := range []string{
		"x = 1 + 'a'", "x = y", "x = [1][2]", "x = [1]['a']", "x = 1 // 0", "x = 1 % 0", "x = 1 / 0", "x = 1.5 // 0",
		"x = 1 < 'a'", "x = 5\nx()", "def f(a):\n    return a\nx = f()", "def f(a):\n    return a\nx = f(1, 2)",
		"def f():\n    y += 1\n    return y\nx = f()", "x = int('q')", "x = len(5)", "x = -'a'", "x = 1 << -1",
		"for i in 5:\n    pass", "x = 'a'\nx += 1", "x = [1] + 2", "x = [1]\nx += 2", "y = [1]\nx = y\nx += [2]\nx = y", "y = [1]\nx = y\nx = x + [2]\nx = y", "x = [1]\nx += 'ab'", "x = [1]\nx += x", "def f(a, b, c):\n    return a\nx = f()", "x = range('a')", "x = [1, 'b', None, True, 2.5, 1e3]",
		"x = 7 // -2", "x = 7 % -2", "x = 2 ** -1", "x = 'it\\'s'", "x = range(1, 2, 0)",
	} {
		in := New(GIL310)
		var got string
		in.Threads(1, func(t *Thread) {
			if err := in.Source(t, source); err != nil {
				got = err.Error()
				return
			}
			got = Repr(in.global("x", false).Value())
		})
		out, err := exec.Command(python, "-c", "import sys\ntry:\n  exec(sys.argv[1]); print(repr(x), end='')\nexcept Exception as e:\n  print(type(e).__name__+': '+str(e), end='')", source).Output()
		if err != nil {
			t.Fatal(err)
		}
		if want := string(out); got != want {
			t.Errorf("%q: %s, CPython says %s", source, got, want)
		}
	}
}

func TestSyntaxErrors(t *testing.T) {
	for source, want := range map[string]string{
		"x = ":               "line 1: invalid syntax: the line ends too early",
		"class A:\n    pass": `line 1: the small compiler does not know "class"`,
		"if 1\n    pass":     "line 1: expected ':'",
		"while 1:\nx = 1":    "line 1: expected an indented block",
		"break":              "line 1: 'break' outside loop",
		"return 1":           "line 1: 'return' outside function",
		"1 + 2 = 3":          "line 1: cannot assign to expression",
		"x = 'a":             "line 1: unterminated string literal",
		"x = 1\n  y = 2":     "line 2: unexpected indent",
		"x = 1 ? 2":          "line 1: invalid character '?'",
		"a < b < c":          "line 1: the small compiler does not know chained comparisons: write a < b and b < c",
	} {
		_, err := Compile(source)
		if err == nil || err.Error() != "SyntaxError: "+want {
			t.Errorf("%q: %v, want %s", source, err, want)
		}
	}
	for listing, want := range map[string]string{
		"JUMP": `line 1: no opcode "JUMP"`, "LOAD_CONST": "line 1: LOAD_CONST takes 1 argument(s), not 0",
		"JUMP_FORWARD x": `line 1: no label "x"`, "BINARY_OP ?": `line 1: BINARY_OP has no operator "?"`,
	} {
		if _, err := Asm(listing); err == nil || err.Error() != "SyntaxError: "+want {
			t.Errorf("%q: %v, want %s", listing, err, want)
		}
	}
}

func TestDis(t *testing.T) {
	c, err := Compile(document)
	if err != nil {
		t.Fatal(err)
	}
	got := Dis(c)
	for _, want := range []string{"LOAD_GLOBAL          1 (counter)", "BINARY_OP            0 (+=)", "STORE_GLOBAL         1 (counter)", "Disassembly of worker:", "JUMP_BACKWARD"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// The document's counter: the same five opcodes, three tables of check points.
// GH-18334 made 3.10 look at the breaker on the back edge only, so the race is
// hidden; a call between read and write shows it again.
func TestCheckPointTables(t *testing.T) {
	const plain = "LOAD_GLOBAL counter; LOAD_CONST 1; BINARY_OP +=; STORE_GLOBAL counter"
	const call = "LOAD_GLOBAL counter; LOAD_GLOBAL int; LOAD_CONST 1; CALL 1; BINARY_OP +=; STORE_GLOBAL counter"
	for _, c := range []struct {
		mode    Mode
		listing string
		lost    bool
	}{
		{GIL39, plain, true},
		{GIL310, plain, false},
		{FreeThreaded, plain, true},
		{GIL39, call, true},
		{GIL310, call, true},
	} {
		code, err := Asm(c.listing)
		if err != nil {
			t.Fatal(err)
		}
		lost := false
		for seed := range uint64(200) {
			in := InWorld(c.mode, sched.NewVirtual(sched.NewRandom(seed)))
			counter := in.Var("counter", 0)
			r := in.Threads(2, func(t *Thread) {
				if _, err := in.Exec(t, code); err != nil {
					panic(err)
				}
			})
			if r.Err != nil || len(r.Exceptions()) > 0 {
				t.Fatal(r.Err, r.Exceptions())
			}
			lost = lost || counter.Value() != 2
		}
		if lost != c.lost {
			t.Errorf("%v, %q: an update was lost: %v, want %v", c.mode, c.listing, lost, c.lost)
		}
	}
}

// On a virtual clock with 5 ms between requests, as the document's cell runs.
func TestDocumentCounter(t *testing.T) {
	for _, c := range []struct {
		mode  Mode
		exact bool
	}{{GIL39, false}, {GIL310, true}, {FreeThreaded, false}} {
		inc, err := Asm("loop: LOAD_GLOBAL counter; LOAD_CONST 1; BINARY_OP +=; STORE_GLOBAL counter; JUMP_BACKWARD loop 20000")
		if err != nil {
			t.Fatal(err)
		}
		in := Virtual(c.mode, 1, 2)
		if err := in.SetSwitchInterval(5_000); err != nil {
			t.Fatal(err)
		}
		counter := in.Var("counter", 0)
		r := in.Threads(2, func(t *Thread) { _, _ = in.Exec(t, inc) })
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		if exact := counter.Value() == 40000; exact != c.exact {
			t.Errorf("%v: counter = %v (switches %d), exact %v, want %v", c.mode, counter.Value(), r.Switches, exact, c.exact)
		}
	}
}

func BenchmarkOpcode(b *testing.B) {
	code, err := Asm("loop: LOAD_GLOBAL counter; LOAD_CONST 1; BINARY_OP +=; STORE_GLOBAL counter; JUMP_BACKWARD loop " + fmt.Sprint(max(b.N/5, 1)))
	if err != nil {
		b.Fatal(err)
	}
	in := New(GIL310)
	in.Var("counter", 0)
	b.ResetTimer()
	in.Threads(1, func(t *Thread) { _, _ = in.Exec(t, code) })
}
