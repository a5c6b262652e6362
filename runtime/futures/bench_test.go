package futures_test

import (
	"math"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	rt "braid/runtime"
	"braid/runtime/futures"
	"braid/runtime/internal/compare"
)

// cpython times an expression in this machine's CPython: the best of five runs
// of n times, in nanoseconds for each.
func cpython(b *testing.B, setup, statement string, n int) float64 {
	b.Helper()
	exe, _ := compare.Python(b)
	script := `
import concurrent.futures as cf, time
def square(x): return x * x
if __name__ == "__main__":
    ` + setup + `
    best = 1e9
    for i in range(5):
        t = time.perf_counter()
        for j in range(` + strconv.Itoa(n) + `): ` + statement + `
        best = min(best, time.perf_counter() - t)
    print(best / ` + strconv.Itoa(n) + ` * 1e9)
    p.shutdown()
`
	cmd := exec.Command(exe, "-")
	cmd.Stdin = strings.NewReader(script)
	out, err := cmd.Output()
	if err != nil {
		b.Fatalf("python: %v", err)
	}
	ns, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		b.Fatal(err)
	}
	return ns
}

// beside reports how many times faster than CPython f is, timed in the same way
// in the same run: the best of five runs of n times.
func beside(b *testing.B, python float64, n int, f func()) {
	b.Helper()
	best := time.Duration(math.MaxInt64)
	for range 5 {
		began := time.Now()
		for range n {
			f()
		}
		best = min(best, time.Since(began))
	}
	ours := float64(best.Nanoseconds()) / float64(n)
	b.ReportMetric(python, "cpython-ns/op")
	b.ReportMetric(ours, "best-ns/op")
	b.ReportMetric(python/ours, "x-faster")
}

func BenchmarkBesideCPython(b *testing.B) {
	const pool = "p = cf.%(1); p.submit(square, 1).result()"
	b.Run("submit", func(b *testing.B) {
		python := cpython(b, strings.Replace(pool, "%", "ThreadPoolExecutor", 1), "p.submit(square, 3).result()", 2000)
		p := must(futures.NewThreadPoolExecutor(rt.New(rt.GIL310), 1))
		defer p.Shutdown(nil, true, false)
		for b.Loop() {
			call(b, p)
		}
		beside(b, python, 2000, func() { call(b, p) })
	})
	b.Run("submit many", func(b *testing.B) {
		python := cpython(b, strings.Replace(pool, "%", "ThreadPoolExecutor", 1), "list(p.map(square, range(100)))", 50) / 100
		p := must(futures.NewThreadPoolExecutor(rt.New(rt.GIL310), 1))
		defer p.Shutdown(nil, true, false)
		items := futures.Range(0, 100)
		for b.Loop() {
			must(must(p.Map(nil, square, items)).List(nil))
		}
		beside(b, python*100, 50, func() { must(must(p.Map(nil, square, items)).List(nil)) })
	})
	b.Run("warm process call", func(b *testing.B) {
		python := cpython(b, strings.Replace(pool, "%", "ProcessPoolExecutor", 1), "p.submit(square, 3).result()", 500)
		p := must(futures.NewProcessPoolExecutor(1))
		defer p.Shutdown(nil, true, false)
		for b.Loop() {
			call(b, p)
		}
		beside(b, python, 500, func() { call(b, p) })
	})
	b.Run("process start", func(b *testing.B) {
		python := cpython(b, "p = cf.ThreadPoolExecutor(1)", "\n            with cf.ProcessPoolExecutor(1) as q: q.submit(square, 3).result()", 5)
		start := func() {
			p := must(futures.NewProcessPoolExecutor(1))
			call(b, p)
			p.Shutdown(nil, true, false)
		}
		for b.Loop() {
			start()
		}
		beside(b, python, 5, start)
	})
}

func call(b *testing.B, p futures.Executor) {
	f := must(p.Submit(nil, square, 3))
	if v, err := f.Result(nil); v != 9 || err != nil {
		b.Fatal(v, err)
	}
}
