package pickle_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"os/exec"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	rt "braid/runtime"
	"braid/runtime/pickle"
)

func declared(x int) int { return x + 1 }

func init() {
	pickle.RegisterFunc("declared", declared)
	pickle.RegisterType(color(0))
	pickle.RegisterType(node{})
}

type color int

type node struct {
	Name string
	Next *node
}

// Python's own bytes: what it prints for pickle.dumps(<expression>, 4).
var same = []struct {
	v      any
	python string
}{
	{nil, "None"}, {true, "True"}, {false, "False"},
	{0, "0"}, {255, "255"}, {256, "256"}, {65535, "65535"}, {65536, "65536"}, {-1, "-1"}, {1 << 31, "2**31"}, {-1 << 31, "-2**31"},
	{math.MaxInt64, "2**63-1"}, {math.MinInt64, "-2**63"}, {-1<<39 - 1, "-2**39-1"}, {-1 << 39, "-2**39"}, {-256 << 32, "-256*2**32"},
	{new(big.Int).Lsh(big.NewInt(1), 100), "2**100"}, {new(big.Int).Neg(new(big.Int).Lsh(big.NewInt(1), 2500)), "-2**2500"},
	{1.5, "1.5"}, {math.Inf(-1), "float('-inf')"},
	{"", "''"}, {"héllo", "'héllo'"}, {strings.Repeat("x", 300), "'x'*300"},
	{[]byte("ab"), "b'ab'"}, {bytes.Repeat([]byte{7}, 1000), "bytes([7])*1000"},
	{[]any{}, "[]"}, {[]any{1}, "[1]"}, {[]any{1, "a", nil, []any{2.5}}, "[1,'a',None,[2.5]]"},
	{rt1001(), "list(range(1001))"}, {rt2000(), "list(range(2000))"},
	{map[string]any{}, "{}"}, {map[string]any{"a": 1}, "{'a':1}"}, {map[string]any{"a": 1, "b": []any{}}, "{'a':1,'b':[]}"},
	{map[any]any{1: "x", 2: nil}, "{1:'x',2:None}"},
	{[]int{1, -2, 1 << 40}, "array.array('q',[1,-2,1<<40])"}, {[]float64{0.5}, "array.array('d',[0.5])"}, {[]uint16{1, 2}, "array.array('H',[1,2])"},
	{rt.Raise("ValueError", "bad"), "ValueError('bad')"}, {rt.Raise("KeyboardInterrupt", ""), "KeyboardInterrupt()"},
	{declared, "declared"},
}

func rt1001() []any { return ints(1001) }
func rt2000() []any { return ints(2000) }

func ints(n int) []any {
	all := make([]any, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// TestBytesOfCPython compares with the machine's Python, byte by byte, and lets
// it read ours.
func TestBytesOfCPython(t *testing.T) {
	var script strings.Builder
	script.WriteString("import pickle, array\ndef declared(x): return x+1\ndef equal(a, b): return a == b or type(a) is type(b) and repr(a) == repr(b)\n")
	for _, c := range same {
		b, err := pickle.Dumps(c.v)
		if err != nil {
			t.Fatalf("%s: %v", c.python, err)
		}
		fmt.Fprintf(&script, "v = %s\nprint(pickle.dumps(v, 4).hex(), equal(pickle.loads(bytes.fromhex('%x')), v))\n", c.python, b)
	}
	cmd := exec.Command("python3", "-")
	cmd.Stdin = strings.NewReader(script.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("python3: %v (the comparison needs CPython 3.8 or later)", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for i, c := range same {
		theirs, read, _ := strings.Cut(lines[i], " ")
		ours, _ := pickle.Dumps(c.v)
		if theirs != hex.EncodeToString(ours) || read != "True" {
			t.Errorf("%s: CPython %s, ours %x, CPython reads it: %s", c.python, theirs, ours, read)
		}
		b, _ := hex.DecodeString(theirs)
		v, err := pickle.Loads(b)
		if err != nil || fmt.Sprintf("%T", v) != fmt.Sprintf("%T", c.v) || reflect.TypeOf(v) != nil && reflect.TypeOf(v).Kind() != reflect.Func && !reflect.DeepEqual(v, c.v) {
			t.Errorf("%s came back as %T %.100v, %v", c.python, v, v, err)
		}
	}
}

func TestTypesSurvive(t *testing.T) {
	day := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	x := 5
	for _, v := range []any{
		int8(-3), uint64(math.MaxUint64), float32(0.5), 2 + 3i, color(7), time.Second, day,
		[]string{"a", "b"}, [2]bool{true, false}, map[string]int{"a": 1}, map[int][]string{1: {"x"}}, []color{1, 2},
		[]any{int8(1), nil, "x", map[any]any{"only": "strings"}}, []any(nil), map[string]any(nil), []byte(nil),
		&x, []*int{&x, nil}, time.March, [][]int{{1}, nil, {}}, []time.Duration{1, 2},
		big.NewInt(7), []error{rt.Raise("KeyError", "k"), nil},
	} {
		b, err := pickle.Dumps(v)
		if err != nil {
			t.Errorf("%T: %v", v, err)
			continue
		}
		if got, err := pickle.Loads(b); err != nil || !reflect.DeepEqual(got, v) {
			t.Errorf("%T %v came back as %T %v, %v", v, v, got, got, err)
		}
	}
}

func TestReferences(t *testing.T) {
	ring := &node{Name: "a", Next: &node{Name: "b"}}
	ring.Next.Next = ring
	pair := []*node{ring, ring.Next}
	b, err := pickle.Dumps(pair)
	if err != nil {
		t.Fatal(err)
	}
	back, err := pickle.Loads(b)
	if err != nil {
		t.Fatal(err)
	}
	if ns := back.([]*node); ns[0].Name != "a" || ns[0].Next != ns[1] || ns[1].Next != ns[0] {
		t.Errorf("the ring came back as %v", ns)
	}
	shared := map[string]any{"k": 1}
	shared["self"] = shared
	if b, err = pickle.Dumps([]any{shared, shared}); err != nil {
		t.Fatal(err)
	}
	v, err := pickle.Loads(b)
	if err != nil {
		t.Fatal(err)
	}
	one, two := v.([]any)[0].(map[string]any), v.([]any)[1].(map[string]any)
	one["new"] = true
	if two["new"] != true || two["self"].(map[string]any)["new"] != true {
		t.Error("one map came back as several")
	}
}

func TestExceptions(t *testing.T) {
	e := rt.Raise("ValueError", "bad").From(rt.Raise("MyError", "cause"))
	e.Stack, e.Value = "goroutine 1", 7
	g := rt.Group("several", e, errors.New("plain"))
	b, err := pickle.Dumps(g)
	if err != nil {
		t.Fatal(err)
	}
	v, err := pickle.Loads(b)
	if err != nil {
		t.Fatal(err)
	}
	got := v.(*rt.Exception)
	first := got.Group[0].(*rt.Exception)
	if got.Error() != g.Error() || first.Error() != "ValueError: bad" || first.Cause.Error() != "MyError: cause" || first.Value != 7 || first.Stack == "" || got.Group[1].Error() != "Exception: plain" {
		t.Errorf("%v: %v, %v", got, first, got.Group[1])
	}
}

// What is refused, and how.
func TestRefused(t *testing.T) {
	local := 1
	var deep any
	for range 2000 {
		deep = []any{deep}
	}
	for _, c := range []struct {
		v    any
		want string
	}{
		{func() int { return local }, "PicklingError: Can't pickle local object 'TestRefused.<locals>.func1'"},
		{fmt.Sprint, "PicklingError: Can't pickle <function Sprint>: attribute lookup Sprint on fmt failed"},
		{make(chan int), "TypeError: cannot pickle 'chan int' object"},
		{&sync.Mutex{}, "PicklingError: Can't pickle <class 'sync.Mutex'>"},
		{[]any{1, func() {}}, "PicklingError: Can't pickle local object"},
		{deep, "RecursionError: maximum recursion depth exceeded while pickling an object"},
	} {
		_, err := pickle.Dumps(c.v)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%T: %v, want %s", c.v, err, c.want)
		}
	}
}

func TestBadPickles(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "EOFError: Ran out of input",
		"\x80\x04K":                      "UnpicklingError: pickle data was truncated",
		"\x80\x04?":                      `UnpicklingError: invalid load key, '\x3f'.`,
		"\x80\x09N.":                     "ValueError: unsupported pickle protocol: 9",
		"\x8c\x08__main__\x8c\x01f\x93.": "AttributeError: Can't get attribute 'f' on <module '__main__'>",
		"h\x05.":                         "UnpicklingError: Memo value not found at index 5",
		".":                              "UnpicklingError: unexpected MARK found or stack underflow",
	} {
		if _, err := pickle.Loads([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func FuzzLoads(f *testing.F) {
	for _, c := range same {
		b, _ := pickle.Dumps(c.v)
		if len(b) < 500 {
			f.Add(b)
		}
	}
	b, _ := pickle.Dumps([]any{int8(1), []string{"x"}, map[int]any{1: 2}, [2]bool{}, time.Second, rt.Raise("X", "y")})
	f.Add(b)
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := pickle.Loads(data)
		if err != nil {
			return
		}
		if b, err := pickle.Dumps(v); err == nil {
			if _, err := pickle.Loads(b); err != nil {
				t.Errorf("%#v was written as %x, which cannot be read: %v", v, b, err)
			}
		}
	})
}

func BenchmarkRoundTrip(b *testing.B) {
	for name, v := range map[string]any{"int": 7, "100k": make([]int, 100_000), "dict": map[string]any{"a": 1, "b": "x"}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				data, err := pickle.Dumps(v)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := pickle.Loads(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
