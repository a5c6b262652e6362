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
)

// TestSoak runs a long session with interrupts and deaths of the worker, and
// looks for what was left behind: goroutines, descriptors, processes, memory.
// BRAID_SOAK=full makes it 10,000 cells, 1,000 interrupts and 100 deaths.
func TestSoak(t *testing.T) {
	cells, interrupts, deaths := 1000, 100, 20
	if os.Getenv("BRAID_SOAK") == "full" {
		cells, interrupts, deaths = 10_000, 1000, 100
	}
	n := open(t, Options{})
	n.ok("func f() int { return 1 }\nvar s []int")
	warm := func() {
		for i := range 20 {
			n.ok(fmt.Sprintf("//do: print %d\nx%d := f()", i, i))
		}
	}
	warm()
	before := take(t)
	for i := range cells {
		switch {
		case i%(cells/deaths) == cells/deaths-1:
			n.fails("//do: die\nv := 1")
			n.ok("f()")
		case i%(cells/interrupts) == 1:
			n.interrupted(i)
		default:
			if got := n.ok(fmt.Sprintf("//do: print %d\nx%d := %d", i, i%50, i)); got != strconv.Itoa(i)+"\n" {
				t.Fatalf("cell %d printed %q", i, got)
			}
		}
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		after := take(t)
		if msg := before.leak(after); msg == "" {
			break
		} else if time.Now().After(deadline) {
			buf := make([]byte, 256<<10)
			t.Fatalf("%s\n%s", msg, buf[:runtime.Stack(buf, true)])
		}
	}
	n.s.Close()
	if after := take(t); after.children > 0 {
		t.Errorf("%d processes live on", after.children)
	}
}

// interrupted runs a cell that waits, and stops it.
func (n *notebook) interrupted(i int) {
	n.t.Helper()
	ctx, cancel := context.WithCancel(n.t.Context())
	p := newPage()
	n.count++
	go func() {
		p.await(n.t, func() bool { return p.text("stdout") != "" })
		cancel()
	}()
	out := n.s.Run(ctx, Request{Code: "//do: print on\n//do: wait\ny := 1", Count: n.count, StoreHistory: true}, p)
	if !out.Interrupted || out.Err.EName != eval.Interrupted {
		n.t.Fatalf("cell %d: %+v", i, out)
	}
}

// resources are what can leak.
type resources struct {
	goroutines, descriptors, children int
	heap                              uint64
}

func take(t *testing.T) resources {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	children, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	r := resources{goroutines: runtime.NumGoroutine(), descriptors: len(fds)}
	for _, file := range children {
		b, _ := os.ReadFile(file) // a thread may have ended
		r.children += len(strings.Fields(string(b)))
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	r.heap = m.HeapAlloc
	return r
}

// leak says what after has more than before.
func (before resources) leak(after resources) string {
	if after.goroutines > before.goroutines || after.descriptors > before.descriptors || after.children > before.children ||
		after.heap > before.heap+8<<20 {
		return fmt.Sprintf("before %+v\nafter  %+v", before, after)
	}
	return ""
}
