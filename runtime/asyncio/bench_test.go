package asyncio

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"braid/runtime/internal/compare"
)

// The benchmarks run the same work on the machine's CPython, in the same run,
// and report how many times faster the model is ("x"). Each side is measured
// several times and its best counts.

// prelude has what the Python programs share; each defines main(n), a coroutine
// function, and prints the best time for an operation in nanoseconds.
const prelude = `
import asyncio, gc, sys, time
n, rounds = int(sys.argv[1]), int(sys.argv[2])
`

const coda = `
best = None
for _ in range(rounds):
    gc.collect()
    began = time.perf_counter_ns()
    asyncio.run(main(n))
    took = time.perf_counter_ns() - began
    best = took if best is None else min(best, took)
print(best / n)
`

func pythonNumbers(b *testing.B, source string, args ...any) []float64 {
	b.Helper()
	exe, _ := compare.Python(b)
	line := []string{"-c", source}
	for _, a := range args {
		line = append(line, fmt.Sprint(a))
	}
	cmd := exec.Command(exe, line...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		b.Fatal(err)
	}
	var numbers []float64
	for _, field := range strings.Fields(string(out)) {
		var f float64
		if _, err := fmt.Sscan(field, &f); err != nil {
			b.Fatal(err)
		}
		numbers = append(numbers, f)
	}
	return numbers
}

// beside runs n operations, several times, here and in Python.
func beside(b *testing.B, n int, python string, body func(c *Co, n int)) {
	b.Helper()
	main := Async("main", func(c *Co, _ []any) (any, error) { body(c, n); return nil, nil })
	best := time.Duration(1<<63 - 1)
	for b.Loop() {
		began := time.Now()
		if _, err := Run(main.Call()); err != nil {
			b.Fatal(err)
		}
		best = min(best, time.Since(began))
	}
	ours := float64(best) / float64(n)
	theirs := pythonNumbers(b, prelude+python+coda, n, 5)[0]
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ours, "ns")
	b.ReportMetric(theirs, "cpython-ns")
	b.ReportMetric(theirs/ours, "x")
}

func BenchmarkTaskSwitch(b *testing.B) {
	const tasks = 200
	beside(b, 200_000, `
async def worker(k):
    for _ in range(k):
        await asyncio.sleep(0)

async def main(n):
    await asyncio.gather(*[worker(n // 200) for _ in range(200)])
`, func(c *Co, n int) {
		worker := Async("worker", func(c *Co, a []any) (any, error) {
			for range a[0].(int) {
				if _, err := c.Sleep(0); err != nil {
					return nil, err
				}
			}
			return nil, nil
		})
		all := make([]any, tasks)
		for i := range all {
			all[i] = worker.Call(n / tasks)
		}
		c.MustAwait(Gather(all...))
	})
}

func BenchmarkCreateAndAwait(b *testing.B) {
	beside(b, 100_000, `
async def nothing():
    pass

async def main(n):
    for _ in range(n):
        await asyncio.create_task(nothing())
`, func(c *Co, n int) {
		nothing := Async("nothing", func(*Co, []any) (any, error) { return nil, nil })
		for range n {
			t, err := c.CreateTask(nothing.Call())
			if err != nil {
				panic(err)
			}
			c.MustAwait(t)
		}
	})
}

func BenchmarkQueueHandOff(b *testing.B) {
	beside(b, 100_000, `
async def producer(q, n):
    for i in range(n):
        await q.put(i)

async def main(n):
    q = asyncio.Queue(1)
    t = asyncio.create_task(producer(q, n))
    for _ in range(n):
        await q.get()
    await t
`, func(c *Co, n int) {
		q := NewQueue(1)
		producer := Async("producer", func(c *Co, _ []any) (any, error) {
			for i := range n {
				if _, err := c.Await(q.Put(i)); err != nil {
					return nil, err
				}
			}
			return nil, nil
		})
		t, err := c.CreateTask(producer.Call())
		if err != nil {
			panic(err)
		}
		for range n {
			c.MustAwait(q.Get())
		}
		c.MustAwait(t)
	})
}

func BenchmarkAwaitCoroutine(b *testing.B) {
	beside(b, 300_000, `
async def nothing():
    pass

async def main(n):
    for _ in range(n):
        await nothing()
`, func(c *Co, n int) {
		nothing := Async("nothing", func(*Co, []any) (any, error) { return nil, nil })
		for range n {
			c.MustAwait(nothing.Call())
		}
	})
}

// BenchmarkGeneratorNext is one where CPython is faster: it keeps a frame where
// Go keeps a stack.
func BenchmarkGeneratorNext(b *testing.B) {
	beside(b, 500_000, `
def count(n):
    for i in range(n):
        yield i

async def main(n):
    for _ in count(n):
        pass
`, func(_ *Co, n int) {
		count := Gen("count", func(y *Yielder, _ []any) (any, error) {
			for i := range n {
				if _, err := y.Yield(i); err != nil {
					return nil, err
				}
			}
			return nil, nil
		})
		_ = For(count.Call(), func(any) error { return nil })
	})
}

func BenchmarkExecutor(b *testing.B) {
	beside(b, 20_000, `
def nothing():
    pass

async def main(n):
    loop = asyncio.get_running_loop()
    for _ in range(n):
        await loop.run_in_executor(None, nothing)
`, func(c *Co, n int) {
		for range n {
			if _, err := c.RunInExecutor(nil, func() {}); err != nil {
				panic(err)
			}
		}
	})
}

// gatherSleeps measures the time of n sleeps at once and the resident memory
// that a sleeping task takes.
func gatherSleeps(b *testing.B, n int) {
	const d = 100 * time.Millisecond
	theirs := pythonNumbers(b, `
import asyncio, gc, os, sys, time
n, d = int(sys.argv[1]), float(sys.argv[2])

def resident():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")

async def main():
    before = resident()
    f = asyncio.gather(*[asyncio.sleep(d) for _ in range(n)])
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    memory = (resident() - before) / n
    await f
    return memory

began = time.perf_counter()
memory = asyncio.run(main())
print(time.perf_counter() - began, memory)
`, n, d.Seconds())
	var took time.Duration
	var memory float64
	main := Async("main", func(c *Co, _ []any) (any, error) {
		all := make([]any, n)
		for i := range all {
			all[i] = Sleep(d)
		}
		f := Gather(all...)
		c.MustAwait(Sleep(0))
		c.MustAwait(Sleep(0))
		return c.Await(f)
	})
	for b.Loop() {
		began := time.Now()
		if _, err := Run(main.Call()); err != nil {
			b.Fatal(err)
		}
		if t := time.Since(began); took == 0 || t < took {
			took = t
		}
	}
	memory = sleepingTask(b, n)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(took.Seconds(), "s")
	b.ReportMetric(theirs[0], "cpython-s")
	b.ReportMetric(theirs[0]/took.Seconds(), "x")
	b.ReportMetric(memory, "B/task")
	b.ReportMetric(theirs[1], "cpython-B/task")
	b.ReportMetric(memory/theirs[1], "x-memory")
}

// sleepingTask is the resident memory of a sleeping task.
func sleepingTask(b *testing.B, n int) (memory float64) {
	debug.FreeOSMemory()
	before := resident(b)
	main := Async("main", func(c *Co, _ []any) (any, error) {
		all := make([]any, n)
		for i := range all {
			all[i] = Sleep(time.Hour)
		}
		f := Gather(all...)
		c.MustAwait(Sleep(0))
		c.MustAwait(Sleep(0))
		runtime.GC()
		memory = float64(resident(b)-before) / float64(n)
		f.Cancel()
		_, _ = c.Await(f)
		return nil, nil
	})
	if _, err := Run(main.Call()); err != nil {
		b.Fatal(err)
	}
	return memory
}

func resident(b *testing.B) int {
	var size, pages int
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip("resident memory is read from /proc")
	}
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		b.Fatal(err)
	}
	return pages * os.Getpagesize()
}

func BenchmarkGather100k(b *testing.B) { gatherSleeps(b, 100_000) }

func BenchmarkGather1M(b *testing.B) {
	if testing.Short() {
		b.Skip("half a minute and 2 GB")
	}
	gatherSleeps(b, 1_000_000)
}
