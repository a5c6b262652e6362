package native_test

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	rt "braid/runtime"
	"braid/runtime/native"
	"braid/runtime/trace"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// The document's NumPy example: the same numbers, two answers.
func TestWrapAround(t *testing.T) {
	x := native.Arange(10_000_000)
	wrapped := must(must(x.Mul(nil, x)).Sum(nil))
	if wrapped != int64(1291890006563070912) {
		t.Errorf("(arr*arr).sum() = %v, want NumPy's 1291890006563070912", wrapped)
	}
	if got := must(x.Dot(nil, x)); got != wrapped {
		t.Errorf("dot = %v", got)
	}
	if got := must(native.ExactDot(x, x)).String(); got != "333333283333335000000" {
		t.Errorf("exact = %s, want 333333283333335000000", got)
	}
	small := must(native.FromSlice([]int64{math.MinInt64, math.MinInt64, 3}))
	if got := must(small.Sum(nil)); got != int64(3) {
		t.Errorf("wrapped sum %v", got)
	}
	want := new(big.Int).Add(new(big.Int).Lsh(big.NewInt(math.MinInt64), 1), big.NewInt(3))
	if got := must(native.ExactSum(small)); got.Cmp(want) != 0 {
		t.Errorf("exact sum %v, want %v", got, want)
	}
}

func TestOperations(t *testing.T) {
	a := must(native.FromSlice([]int{3, 1, 2}))
	f := must(native.FromSlice([]any{0.5, 1, -2.0}))
	m := must(native.Arange(6).Reshape(2, 3))
	for _, c := range []struct {
		what string
		got  any
		want string
	}{
		{"a + a", must(a.Add(nil, a)), "[6 2 4]"},
		{"a + 1", must(a.Add(nil, 1)), "[4 2 3]"},
		{"a + 0.5", must(a.Add(nil, 0.5)), "[3.5 1.5 2.5]"},
		{"a - f", must(a.Sub(nil, f)), "[2.5 0. 4.]"},
		{"a * a", must(a.Mul(nil, a)), "[9 1 4]"},
		{"a / 2", must(a.Div(nil, 2)), "[1.5 0.5 1.]"},
		{"a / 0", must(a.Div(nil, 0)), "[inf inf inf]"},
		{"sqrt(a)", must(must(native.FromSlice([]int{4, 9})).Sqrt(nil)), "[2. 3.]"},
		{"sqrt(f)", must(f.Sqrt(nil)), "[0.70710678 1. nan]"},
		{"sort(a)", must(a.Sort(nil)), "[1 2 3]"},
		{"sort with nan", must(must(native.FromSlice([]float64{math.NaN(), 2, 1})).Sort(nil)), "[1. 2. nan]"},
		{"a.sum()", must(a.Sum(nil)), "6"},
		{"f.sum()", must(f.Sum(nil)), "-0.5"},
		{"a.min()", must(a.Min(nil)), "1"},
		{"f.max()", must(f.Max(nil)), "1"},
		{"a.mean()", must(a.Mean(nil)), "2"},
		{"a @ a", must(a.Dot(nil, a)), "14"},
		{"a @ f", must(a.Dot(nil, f)), "-1.5"},
		{"m @ m.T", must(m.MatMul(nil, must(native.Arange(6).Reshape(3, 2)))), "[[10 13]\n [28 40]]"},
		{"float m @ m", must(m.AsFloat().MatMul(nil, must(native.Arange(6).Reshape(3, 2)))), "[[10. 13.]\n [28. 40.]]"},
		{"linspace", must(native.Linspace(0, 1, 3)), "[0. 0.5 1.]"},
		{"long", native.Arange(1001), "[0 1 2 ... 998 999 1000]"},
		{"empty", native.Arange(-1), "[]"},
		{"a[-1]", must(a.At(-1)), "2"},
		{"a", a, "[3 1 2]"},
	} {
		if got := fmt.Sprint(c.got); got != c.want {
			t.Errorf("%s = %s, want %s", c.what, got, c.want)
		}
	}
	var warnings []string
	for _, w := range rt.CurrentScope().Warnings() {
		warnings = append(warnings, w.Message)
	}
	if got := strings.Join(warnings, "; "); got != "divide by zero encountered in divide; invalid value encountered in sqrt" {
		t.Errorf("warnings: %s", got)
	}
	if err := a.Set(0, 7.9); err != nil || fmt.Sprint(a) != "[7 1 2]" {
		t.Errorf("after a[0] = 7.9: %v, %v", a, err)
	}
}

// NumPy's own texts.
func TestErrors(t *testing.T) {
	a, b := native.Arange(3), native.Arange(4)
	empty := native.Arange(0)
	m := must(native.Arange(4).Reshape(2, 2))
	for _, c := range []struct {
		err  func() error
		want string
	}{
		{func() error { _, err := a.Add(nil, b); return err }, "ValueError: operands could not be broadcast together with shapes (3,) (4,) "},
		{func() error { _, err := a.Add(nil, "x"); return err }, "TypeError: an array can be combined with an array or a number, not with string"},
		{func() error { _, err := a.Dot(nil, b); return err }, "ValueError: shapes (3,) and (4,) not aligned: 3 (dim 0) != 4 (dim 0)"},
		{func() error { _, err := a.At(3); return err }, "IndexError: index 3 is out of bounds for axis 0 with size 3"},
		{func() error { return a.Set(-4, 1) }, "IndexError: index -4 is out of bounds for axis 0 with size 3"},
		{func() error { _, err := empty.Max(nil); return err }, "ValueError: zero-size array to reduction operation maximum which has no identity"},
		{func() error { _, err := a.Reshape(2, 2); return err }, "ValueError: cannot reshape array of size 3 into shape (2,2)"},
		{func() error { _, err := a.MatMul(nil, b); return err }, "ValueError: MatMul needs two matrices: use Reshape"},
		{func() error { _, err := m.MatMul(nil, must(native.Arange(3).Reshape(3, 1))); return err }, "ValueError: matmul: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature (n?,k),(k,m?)->(n?,m?) (size 3 is different from 2)"},
		{func() error { _, err := native.FromSlice("x"); return err }, "TypeError: FromSlice needs a []int, []int64, []float64 or a list of numbers, not string"},
		{func() error { _, err := native.FromSlice([]any{1, nil}); return err }, "TypeError: element 1 is no number but None"},
		{func() error { _, err := native.Linspace(0, 1, -1); return err }, "ValueError: Number of samples, -1, must be non-negative."},
		{func() error { _, err := native.ExactSum(native.Zeros(1)); return err }, "TypeError: ExactSum needs integers: floats are rounded"},
		{func() error { return native.Call(nil, native.Holds, nil) }, "TypeError: native.Call needs a function, not nil"},
		{func() error { return native.Call(nil, native.Holds, func() { panic("boom") }) }, "RuntimeError: panic: boom"},
	} {
		if err := c.err(); err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

// Claim: 500 elements hold, more release. Two threads on two cores, in virtual
// time: the makespan tells.
func TestThreshold(t *testing.T) {
	took := func(n, times int) (time.Duration, time.Duration) {
		run := func(threads int) time.Duration {
			return rt.Virtual(rt.GIL310, 1, 2).Threads(threads, func(t *rt.Thread) {
				x := native.Full(n, 1)
				for range times {
					must(x.Add(t, x))
				}
			}).Wall
		}
		return run(1), run(2)
	}
	one, two := took(native.Threshold, 100)
	if two != 2*one {
		t.Errorf("500 elements: %v and %v, want twice: the GIL is held", one, two)
	}
	one, two = took(1_000_000, 3)
	if two > one*11/10 {
		t.Errorf("a million elements: %v and %v, want the same: the GIL is released", one, two)
	}
}

// The policy is seen in the trace, and shared objects are out of reach while
// the GIL is released.
func TestCall(t *testing.T) {
	in := rt.Virtual(rt.GIL310, 1, 2)
	rec := in.Trace()
	x := in.Var("x", 1)
	var held, released error
	in.Threads(1, func(t *rt.Thread) {
		held = native.CallFor(t, native.Holds, time.Millisecond, func() { x.Set(t, 2) })
		released = native.CallFor(t, native.Releases, time.Millisecond, func() { x.Set(t, 3) })
		x.Get(t) // the thread is attached again
	})
	if held != nil || x.Value() != 2 {
		t.Errorf("held: %v, x = %v", held, x.Value())
	}
	if !rt.Is(released, "RuntimeError") || !strings.Contains(released.Error(), "the GIL is released (the current Python thread state is NULL)") {
		t.Errorf("released: %v", released)
	}
	kinds := map[trace.Kind]time.Duration{}
	for _, e := range rec.Events() {
		kinds[e.Kind] += e.Dur
	}
	if kinds[trace.HoldIn] != time.Millisecond || kinds[trace.NativeIn] != time.Millisecond {
		t.Errorf("trace: %v", kinds)
	}
}

// On goroutines: many threads, one array, no lock.
func TestRealThreads(t *testing.T) {
	for _, mode := range []rt.Mode{rt.GIL310, rt.FreeThreaded} {
		x := native.Arange(10_000)
		r := rt.New(mode).Threads(4, func(t *rt.Thread) {
			for range 20 {
				if got := must(must(x.Mul(t, x)).Sum(t)); got != int64(333283335000) {
					panic(rt.Raise("AssertionError", "sum %v", got))
				}
			}
		})
		if r.Err != nil || len(r.Exceptions()) > 0 {
			t.Errorf("%v: %v %v", mode, r.Err, r.Exceptions())
		}
	}
}

func BenchmarkMulSum(b *testing.B) {
	x := native.Arange(10_000_000)
	for b.Loop() {
		must(must(x.Mul(nil, x)).Sum(nil))
	}
}

func BenchmarkDot(b *testing.B) {
	x := native.Arange(10_000_000).AsFloat()
	for b.Loop() {
		must(x.Dot(nil, x))
	}
}

func ExampleArange() {
	x := native.Arange(10_000_000)
	squares, _ := x.Mul(nil, x)
	sum, _ := squares.Sum(nil)
	exact, _ := native.ExactDot(x, x)
	fmt.Println("int64:", sum, "exact:", exact)
	// Output: int64: 1291890006563070912 exact: 333333283333335000000
}

func ExampleCall() {
	in := rt.Virtual(rt.GIL310, 1, 2)
	for _, p := range []native.Policy{native.Holds, native.Releases} {
		r := in.Threads(2, func(t *rt.Thread) {
			_ = native.CallFor(t, p, 50*time.Millisecond, func() {})
		})
		fmt.Println("two calls of 50 ms, each", p, "-", r.Wall)
	}
	// Output:
	// two calls of 50 ms, each holds the GIL - 100ms
	// two calls of 50 ms, each releases the GIL - 50ms
}
