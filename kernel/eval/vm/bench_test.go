package vm

import (
	"syscall"
	"testing"

	"braid/kernel/eval"
	"braid/kernel/eval/host"
)

// Each benchmark runs the body of a function f of a program once per
// iteration; ns/op divided by the number in the name gives the cost of a step.
var benchmarks = []struct{ name, imports, src string }{
	{"Fib30", "", `func fib(n int) int { if n < 2 { return n }; return fib(n-1) + fib(n-2) }
func f() { fib(30) }`},
	{"Loop100M", "", `func f() { s := 0; for i := 0; i < 100_000_000; i++ { s += i } }`},
	{"Sieve1M", "", `func f() { n := 1_000_000; c := make([]bool, n+1); for i := 2; i <= n; i++ { if !c[i] { for j := i * i; j <= n; j += i { c[j] = true } } } }`},
	{"Matmul200", "", `func f() { n := 200; a, b, c := mk(n), mk(n), mk(n); for i := 0; i < n; i++ { for j := 0; j < n; j++ { s := 0.0; for k := 0; k < n; k++ { s += a[i][k] * b[k][j] }; c[i][j] = s } } }
func mk(n int) [][]float64 { r := make([][]float64, n); for i := range r { r[i] = make([]float64, n) }; return r }`},
	{"Strings1M", "strings", `func f() { var b strings.Builder; for i := 0; i < 1_000_000; i++ { b.WriteString("ab") } }`},
	{"Map1M", "", `func f() { m := map[int]int{}; for i := 0; i < 1_000_000; i++ { m[i%1000]++ } }`},
	{"Interface1M", "", `type S interface{ A() int }
type x struct{ v int }
func (s x) A() int { return s.v }
type y struct{ v int }
func (s *y) A() int { return s.v }
func f() { ss := []S{x{1}, &y{2}}; t := 0; for i := 0; i < 1_000_000; i++ { t += ss[i&1].A() } }`},
	{"PingPong100k", "", `func f() { a, b := make(chan int), make(chan int); go func() { for v := range a { b <- v }; close(b) }(); for i := 0; i < 100_000; i++ { a <- i; <-b }; close(a) }`},
	{"Spawn100k", "sync", `func f() { var wg sync.WaitGroup; for i := 0; i < 100_000; i++ { wg.Add(1); go func() { wg.Done() }() }; wg.Wait() }`},
	{"Sqrt10M", "math", `func f() { t := 0.0; for i := 0; i < 10_000_000; i++ { t += math.Sqrt(float64(i)) } }`},
	{"Mutex1M", "sync", `func f() { var mu sync.Mutex; for i := 0; i < 1_000_000; i++ { mu.Lock(); mu.Unlock() } }`},
	{"SortSlice100k", "sort", `func f() { xs := make([]int, 100000); for i := range xs { xs[i] = i * 7919 % 100003 }; sort.Slice(xs, func(i, j int) bool { return xs[i] < xs[j] }) }`},
	{"SortSort100k", "sort", `type by []int
func (b by) Len() int { return len(b) }
func (b by) Less(i, j int) bool { return b[i] < b[j] }
func (b by) Swap(i, j int) { b[i], b[j] = b[j], b[i] }
func f() { xs := make([]int, 100000); for i := range xs { xs[i] = i * 7919 % 100003 }; sort.Sort(by(xs)) }`},
	{"SortFunc100k", "slices", `func f() { xs := make([]int, 100000); for i := range xs { xs[i] = i * 7919 % 100003 }; slices.SortFunc(xs, func(a, b int) int { return a - b }) }`},
	{"Heap20k", "container/heap", `type pq []int
func (b pq) Len() int { return len(b) }
func (b pq) Less(i, j int) bool { return b[i] < b[j] }
func (b pq) Swap(i, j int) { b[i], b[j] = b[j], b[i] }
func (b *pq) Push(x any) { *b = append(*b, x.(int)) }
func (b *pq) Pop() any { n := len(*b); x := (*b)[n-1]; *b = (*b)[:n-1]; return x }
func f() { q := &pq{}; for i := range 20000 { heap.Push(q, i*7919%20011) }; for q.Len() > 0 { heap.Pop(q) } }`},
	{"Stringer100k", "fmt", `type p struct{ x, y int }
func (q p) String() string { return "p" }
func f() { v := p{1, 2}; for range 100_000 { _ = fmt.Sprint(v) } }`},
	{"StringsMap1M", "strings", `func f() { s := strings.Repeat("abcdefghij", 100_000); strings.Map(func(r rune) rune { return r + 1 }, s) }`},
	{"OnceDo1M", "sync", `func f() { var o sync.Once; for range 1_000_000 { o.Do(func() {}) } }`},
	{"Closure1M", "", `func f() { x := 0; g := func(n int) { x += n }; for i := 0; i < 1_000_000; i++ { g(i) } }`},
	{"Struct1M", "", `type p struct{ x, y, n int }
func f() { q := &p{}; for i := 0; i < 1_000_000; i++ { q.x += i; q.y ^= q.x; q.n++ }; sink = q }
var sink *p`},
	// Loops as learners write them.
	{"NestedLoops1M", "", `func f() { xs := make([]int, 1000); for i := range xs { xs[i] = i % 7 }; s := 0; for i := 0; i < 1000; i++ { for j := 0; j < 1000; j++ { s += xs[i] * xs[j] } } }`},
	{"Matmul100", "", `func f() { n := 100; a, b, c := mk(n), mk(n), mk(n); for i := 0; i < n; i++ { for j := 0; j < n; j++ { s := 0.0; for k := 0; k < n; k++ { s += a[i][k] * b[k][j] }; c[i][j] = s } } }
func mk(n int) [][]float64 { r := make([][]float64, n); for i := range r { r[i] = make([]float64, n) }; return r }`},
	{"WordCount45k", "strings", `func f() { m := map[string]int{}; for _, w := range strings.Fields(strings.Repeat("the quick brown fox jumps over the lazy dog ", 5000)) { m[w]++ } }`},
	{"IntMap500k", "", `func f() { m := map[int]int{}; for i := 0; i < 500_000; i++ { m[i%1000]++ } }`},
	{"Build300k", "strings", `func f() { var b strings.Builder; for i := 0; i < 300_000; i++ { b.WriteString("ab") } }`},
	{"Methods500k", "", `type p struct{ x, y int }
func (q *p) move(d int) { q.x += d; q.y += q.x }
func f() { q := &p{}; for i := 0; i < 500_000; i++ { q.move(i) } }`},
	{"Closures500k", "", `func f() { x := 0; add := func(n int) { x += n }; for i := 0; i < 500_000; i++ { add(i) } }`},
	{"Collatz30k", "", `func f() { best := 0; for i := 1; i < 30_000; i++ { n, k := i, 0; for n != 1 { if n%2 == 0 { n /= 2 } else { n = 3*n + 1 }; k++ }; if k > best { best = k } } }`},
	{"Bubble800", "", `func f() { xs := make([]int, 800); for i := range xs { xs[i] = i * 7919 % 1009 }; n := len(xs); for i := 0; i < n; i++ { for j := 0; j < n-1-i; j++ { if xs[j] > xs[j+1] { xs[j], xs[j+1] = xs[j+1], xs[j] } } } }`},
	{"Runes260k", "strings", `func f() { c := 0; for _, r := range strings.Repeat("hello, world ", 20000) { switch r { case 'a', 'e', 'i', 'o', 'u': c++ } } }`},
	{"Append500k", "", `func f() { var r []int; for i := 0; i < 500_000; i++ { r = append(r, i*i) }; s := 0; for _, v := range r { s += v } }`},
	{"BubbleGlobal800", "", `var xs []int
func f() { xs = make([]int, 800); for i := range xs { xs[i] = i * 7919 % 1009 }; n := len(xs); for i := 0; i < n; i++ { for j := 0; j < n-1-i; j++ { if xs[j] > xs[j+1] { xs[j], xs[j+1] = xs[j+1], xs[j] } } } }`},
	{"Fib25", "", `func fib(n int) int { if n < 2 { return n }; return fib(n-1) + fib(n-2) }
func f() { fib(25) }`},
}

// processorTime is what the process used, in nanoseconds: on a busy machine it
// says more than the time that passed.
func processorTime() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

func BenchmarkVM(b *testing.B) {
	for _, bm := range benchmarks {
		b.Run(bm.name, func(b *testing.B) {
			src := "package main\n"
			if bm.imports != "" {
				src += "import \"" + bm.imports + "\"\n"
			}
			p, err := buildProgram(src + bm.src + "\nfunc main() { f() }\n")
			if err != nil {
				b.Fatal(err)
			}
			from := processorTime()
			for b.Loop() {
				if _, _, err := p.run(b); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(processorTime()-from)/float64(b.N)/1e6, "cpu-ms/op")
		})
	}
}

// BenchmarkCell is the whole way of a small cell, without the display.
func BenchmarkCell(b *testing.B) {
	e := New()
	host.SetSink(func(eval.Event) {})
	r := host.Begin(1<<30, "In[1]", host.Config{})
	defer r.End()
	r.Do(func() {
		for b.Loop() {
			if err := e.Run(&eval.Program{ID: 1 << 30, Name: "In[1]", Source: "x := 1\nx++\ny := x * 2"}); err != nil {
				b.Error(err)
			}
		}
	})
}
