package session

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"braid/kernel/eval"
	"braid/kernel/worker"
)

// TestSoak runs a long session of all sorts of cells, with interrupts and deaths
// of the worker, and looks for what was left behind: goroutines, descriptors,
// processes, memory of both processes. BRAID_SOAK=full makes it 10,000 cells,
// 1,000 interrupts and 100 deaths, which takes some minutes.
func TestSoak(t *testing.T) {
	cells, interrupts, deaths := 1000, 50, 10
	if os.Getenv("BRAID_SOAK") == "full" {
		cells, interrupts, deaths = 10_000, 1000, 100
	}
	s := &soak{notebook: open(t, Options{Engine: "vm"}), cells: cells}
	s.ok("import (\n\"fmt\"\n\"syscall\"\n\"time\"\n)\nfunc base() int { return 1 }\ntype Pair struct{ A, B int }")
	s.run1(0, cells/5)
	start := s.take()
	t.Logf("after %5d cells: %v", cells/5, start)
	for i := range interrupts {
		s.run1(cells/5+i*(cells*4/5)/interrupts, cells/5+(i+1)*(cells*4/5)/interrupts)
		s.interrupted(i)
	}
	s.settles(start, fmt.Sprintf("after %5d cells and %d interrupts", cells, interrupts))
	for i := range deaths {
		s.dies(i)
		s.run1(i*10, (i+1)*10)
	}
	s.settles(start, fmt.Sprintf("after %d deaths", deaths))
	s.s.Close()
	if after := s.take(); after.children > 0 {
		t.Errorf("%d processes live on", after.children)
	}
}

type soak struct {
	*notebook
	cells int
}

// run1 runs cells of all sorts and checks what they say.
func (s *soak) run1(from, to int) {
	s.t.Helper()
	for i := from; i < to; i++ {
		var code, want string
		switch i % 10 {
		case 0:
			code, want = fmt.Sprintf("fmt.Println(\"cell\", %d)", i), fmt.Sprintf("cell %d\n", i)
		case 1:
			code = fmt.Sprintf("x%d := make([]int, 1<<16)\nx%[1]d[0] = %d", i%50, i)
		case 2:
			code, want = fmt.Sprintf("func f(a int) int { return a + base() + %d }\nfmt.Println(f(1))", i), fmt.Sprintf("%d\n", i+2)
		case 3:
			code, want = fmt.Sprintf("p := Pair{%d, f(0)}\nfmt.Print(p)", i), fmt.Sprintf("{%d %d}", i, i)
		case 4:
			code = "for i := range 10 { go func() { time.Sleep(time.Microsecond * time.Duration(i)) }() }"
		case 5:
			code, want = "func (p Pair) sum() int { return p.A + p.B + base() }\nfmt.Print(p.sum() - p.A - p.B)", "1"
		case 6:
			if e := s.fails(fmt.Sprintf("var y string = %d", i)); !strings.Contains(e, "cannot use") {
				s.t.Fatalf("In[%d]: %s", s.count, e)
			}
			continue
		case 7:
			if e := s.fails("var none []int\nnone[3] = 1"); !strings.Contains(e, "index out of range") {
				s.t.Fatalf("In[%d]: %s", s.count, e)
			}
			continue
		case 8:
			code, want = "func gen[V any](v ...V) int { return len(v) }\nfmt.Print(gen(p, p), gen[any]())", "2 0"
		case 9:
			code = fmt.Sprintf("%d * base()", i)
		}
		if got := s.ok(code); got != want {
			s.t.Fatalf("In[%d] %s\nprinted %q, want %q", s.count, code, got, want)
		}
	}
}

// interrupted runs a cell that does not end, and stops it.
func (s *soak) interrupted(i int) {
	s.t.Helper()
	code := []string{
		"fmt.Println(\"on\")\nfor {\n}",
		"fmt.Println(\"on\")\nselect {}",
		"ch := make(chan int)\ngo func() { for { time.Sleep(time.Second) } }()\nfmt.Println(\"on\")\n<-ch",
		"fmt.Println(\"on\")\ntime.Sleep(time.Hour)",
	}[i%4]
	ctx, cancel := context.WithCancel(s.t.Context())
	p := newPage()
	s.count++
	go func() {
		p.await(s.t, func() bool { return p.text("stdout") != "" })
		cancel()
	}()
	out := s.s.Run(ctx, Request{Code: code, Count: s.count, StoreHistory: true}, p)
	cancel()
	// select{} may be recognised as a deadlock before it is stopped.
	if out.Err == nil || out.Err.EName != eval.Interrupted && out.Err.EName != eval.Deadlock {
		s.t.Fatalf("interrupt %d: %+v", i, out)
	}
}

// dies runs a cell that ends its worker, and looks at what the next one has.
func (s *soak) dies(i int) {
	s.t.Helper()
	code := []string{"syscall.Kill(syscall.Getpid(), syscall.SIGKILL)\nselect {}", "syscall.Exit(3)"}[i%2]
	s.fails(code)
	if got := s.ok("fmt.Print(base(), Pair{1, 2})"); got != "1 {1 2}" {
		s.t.Fatalf("after death %d: %q", i, got)
	}
}

// resources are what can leak.
type resources struct {
	goroutines, descriptors, children int
	heap, worker                      uint64 // bytes: live heap here, resident there
}

func (r resources) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, %d children, heap %.1f MiB, worker %.1f MiB", r.goroutines, r.descriptors, r.children, float64(r.heap)/(1<<20), float64(r.worker)/(1<<20))
}

// take looks at both processes when they are at rest.
func (s *soak) take() (r resources) {
	s.t.Helper()
	if s.s.life.Err() == nil {
		w, err := s.s.live(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		if err := w.Rest(s.t.Context()); err != nil {
			s.t.Fatal(err)
		}
		r.worker = residentSize(s.t, w)
	}
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		s.t.Fatal(err)
	}
	r.goroutines, r.descriptors = runtime.NumGoroutine(), len(fds)
	children, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, file := range children {
		b, _ := os.ReadFile(file) // a thread may have ended
		r.children += len(strings.Fields(string(b)))
	}
	runtime.GC()
	runtime.GC() // pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	r.heap = m.HeapAlloc
	return r
}

// residentSize is the memory that a worker has of its own.
func residentSize(t *testing.T, w *worker.Worker) uint64 {
	t.Helper()
	b, err := os.ReadFile("/proc/" + strconv.Itoa(w.PID()) + "/statm")
	if err != nil {
		t.Fatal(err)
	}
	f := strings.Fields(string(b))
	resident, _ := strconv.ParseUint(f[1], 10, 64)
	shared, _ := strconv.ParseUint(f[2], 10, 64)
	return (resident - shared) * uint64(os.Getpagesize())
}

// What a session may grow by: the sources of its latest cells, which error
// messages quote, and what the collector has not given back; a worker's begins
// only above a heap of 16 MiB (worker.PatientGC).
const (
	heapGrowth   = 6 << 20
	workerGrowth = 20 << 20
)

// settles fails unless both processes come to have no more than before.
func (s *soak) settles(before resources, when string) {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		after := s.take()
		if after.goroutines <= before.goroutines && after.descriptors <= before.descriptors && after.children <= before.children &&
			(raceDetector || after.heap <= before.heap+heapGrowth && after.worker <= before.worker+workerGrowth) {
			s.t.Logf("%s: %v", when, after)
			return
		}
		if time.Now().After(deadline) {
			buf := make([]byte, 256<<10)
			s.t.Fatalf("before: %v\n%s: %v\n%s", before, when, after, buf[:runtime.Stack(buf, true)])
		}
	}
}
