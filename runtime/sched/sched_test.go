package sched

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// every is a Chooser that walks through all schedules, depth first.
type every struct{ path, width []int }

func (e *every) Choose(c Choice) int {
	d := len(e.width)
	e.width = append(e.width, c.N)
	if d == len(e.path) {
		e.path = append(e.path, 0)
	}
	return e.path[d]
}

func (e *every) next() bool {
	for d := len(e.width) - 1; d >= 0; d-- {
		if e.path[d]+1 < e.width[d] {
			e.path = append(e.path[:d:d], e.path[d]+1)
			e.width = e.width[:0]
			return true
		}
	}
	return false
}

// explore runs program under every schedule and counts what it says.
func explore(program func(w *World) func() string) (runs int, outcomes map[string]int) {
	outcomes = map[string]int{}
	for e := (&every{}); ; {
		w := NewVirtual(e)
		outcome := program(w)
		err := w.Run()
		runs++
		text := outcome()
		if err != nil {
			text = strings.SplitN(err.Error(), ":", 2)[0]
		}
		outcomes[text]++
		if !e.next() {
			return runs, outcomes
		}
	}
}

func counter(threads, increments int) func(w *World) func() string {
	return func(w *World) func() string {
		x, n := w.Object("var", "x"), 0
		for i := range threads {
			w.Go(fmt.Sprint("T", i), func(p *Proc) {
				for range increments {
					p.Point(Op{Kind: Read, Object: x})
					v := n
					p.Point(Op{Kind: Write, Object: x})
					n = v + 1
				}
			})
		}
		return func() string { return fmt.Sprint(n) }
	}
}

type lock struct {
	Gate
	held bool
	o    *Object
}

func (l *lock) acquire(p *Proc) {
	p.Await(Op{Kind: Acquire, Object: l.o}, &l.Gate, func() bool { return !l.held }, func() { l.held = true })
}

func (l *lock) release(p *Proc) {
	p.Do(Op{Kind: Release, Object: l.o}, &l.Gate, func() { l.held = false })
}

// The litmus tests: numbers of schedules are combinatorics, not measurements.
func TestSchedulesAreCounted(t *testing.T) {
	locked := func(w *World) func() string {
		n, l := 0, &lock{o: w.Object("lock", "l")}
		for range 2 {
			w.Go("T", func(p *Proc) {
				for range 3 {
					l.acquire(p)
					n++
					l.release(p)
				}
			})
		}
		return func() string { return fmt.Sprint(n) }
	}
	abba := func(w *World) func() string {
		a, b := &lock{o: w.Object("lock", "a")}, &lock{o: w.Object("lock", "b")}
		both := func(x, y *lock) func(*Proc) {
			return func(p *Proc) {
				x.acquire(p)
				y.acquire(p)
				y.release(p)
				x.release(p)
			}
		}
		w.Go("ab", both(a, b))
		w.Go("ba", both(b, a))
		return func() string { return "done" }
	}
	for _, c := range []struct {
		name     string
		program  func(w *World) func() string
		runs     int
		outcomes string
	}{
		{"lost update", counter(2, 1), 6, "map[1:4 2:2]"},
		{"two increments", counter(2, 2), 70, "map[2:32 3:32 4:6]"},
		{"three threads", counter(3, 1), 90, "map[1:48 2:36 3:6]"},
		{"locked", locked, 20, "map[6:20]"},
		{"lock order inversion", abba, 6, "map[deadlock:2 done:4]"},
	} {
		runs, outcomes := explore(c.program)
		if runs != c.runs || fmt.Sprint(outcomes) != c.outcomes {
			t.Errorf("%s: %d schedules %v, want %d %s", c.name, runs, outcomes, c.runs, c.outcomes)
		}
	}
}

func TestVirtualTime(t *testing.T) {
	w := NewVirtual(First{})
	w.Record()
	var order []string
	for i, d := range []time.Duration{3 * time.Hour, time.Hour, 2 * time.Hour} {
		w.Go(fmt.Sprint(i), func(p *Proc) {
			p.Sleep(d)
			order = append(order, fmt.Sprintf("%s@%s", p.Name, p.Now()))
		})
	}
	if err := w.Run(); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(order); got != "[1@1h0m0s 2@2h0m0s 0@3h0m0s]" {
		t.Error(got)
	}
}

func TestTimeoutIsNotDeadlock(t *testing.T) {
	w := NewVirtual(First{})
	var g Gate
	var ok bool
	p := w.Go("waiter", func(p *Proc) {
		ok = p.AwaitFor(Op{Kind: Wait, Label: "wait for rain"}, &g, time.Minute, func() bool { return false }, func() {})
	})
	if err := w.Run(); err != nil || ok || p.Now() != time.Minute {
		t.Errorf("ok %v at %v: %v", ok, p.Now(), err)
	}
}

// A time-out that meets the event it waits for must not take what another Proc
// took first.
func TestTimeoutRace(t *testing.T) {
	_, outcomes := explore(func(w *World) func() string {
		l := &lock{o: w.Object("lock", "l"), held: true}
		holders, most := 0, 0
		try := func(p *Proc) {
			if !p.AwaitFor(Op{Kind: Acquire}, &l.Gate, time.Second, func() bool { return !l.held }, func() { l.held = true }) {
				return
			}
			holders++
			most = max(most, holders)
			p.Point(Op{Kind: Step})
			holders--
		}
		w.Go("A", try)
		w.Go("B", try)
		w.Go("owner", func(p *Proc) {
			p.Sleep(time.Second)
			l.release(p)
		})
		return func() string { return fmt.Sprint(most) }
	})
	if outcomes["2"] > 0 || outcomes["1"] == 0 || outcomes["0"] == 0 {
		t.Errorf("holders at once in all schedules: %v, want 0 (timed out) and 1", outcomes)
	}
}

func TestDeadlockNamesWhoWaits(t *testing.T) {
	w := NewVirtual(First{})
	var g Gate
	cleaned := false
	w.Go("Thread-1", func(p *Proc) {
		defer func() { cleaned = true }()
		p.Await(Op{Kind: Wait, Label: "get from queue"}, &g, func() bool { return false }, func() {})
	})
	var dead *DeadlockError
	if err := w.Run(); !errors.As(err, &dead) || err.Error() != "deadlock: Thread-1 waits to get from queue" {
		t.Errorf("Run: %v", err)
	}
	if !cleaned {
		t.Error("the deferred function of a deadlocked Proc did not run")
	}
}

func TestEndlessRunIsCut(t *testing.T) {
	w := NewVirtual(First{})
	w.StepLimit = 100
	w.Go("spinner", func(p *Proc) {
		for {
			p.Point(Op{Kind: Step})
		}
	})
	if err := w.Run(); !errors.Is(err, ErrStepLimit) {
		t.Errorf("Run: %v", err)
	}
}

// A World that is used again behaves as a new one, also after runs that ended
// badly, and leaves no coroutine behind.
func TestReuse(t *testing.T) {
	before := runtime.NumGoroutine()
	w := NewVirtual(First{})
	w.Reuse()
	w.StepLimit = 50
	var g Gate
	unwound := 0
	for range 3 {
		outcome := counter(3, 2)(w)
		if err := w.Run(); err != nil || outcome() != "6" || w.Steps() != 12 || len(w.Procs()) != 3 {
			t.Errorf("counter: %v, %s, %d steps", err, outcome(), w.Steps())
		}
		w.Restart(NewRandom(1))
		w.Go("waiter", func(p *Proc) {
			defer func() { unwound++ }()
			p.Await(Op{Kind: Wait}, &g, func() bool { return false }, func() {})
		})
		w.Go("panics", func(p *Proc) { panic("boom") })
		var dead *DeadlockError
		if err := w.Run(); !errors.As(err, &dead) || w.Procs()[1].Err() == nil {
			t.Errorf("Run: %v", err)
		}
		w.Restart(First{})
		w.Go("spinner", func(p *Proc) {
			defer func() { unwound++ }()
			for {
				p.Point(Op{Kind: Step})
			}
		})
		idle := w.Go("idle", func(p *Proc) { p.Point(Op{Kind: Step}) })
		var endless *StepLimitError
		if err := w.Run(); !errors.As(err, &endless) || endless.Last.Name != "spinner" || len(endless.Able) != 2 || endless.Able[1] != idle {
			t.Errorf("Run: %v", err)
		}
		w.Restart(First{})
	}
	if unwound != 6 {
		t.Errorf("%d Procs unwound, want 6", unwound)
	}
	w.Close()
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines, %d before", after, before)
	}
}

func TestPanicEndsOnlyItsProc(t *testing.T) {
	w := NewVirtual(First{})
	bad := w.Go("bad", func(p *Proc) { p.Sleep(time.Second); panic("boom") })
	good := false
	w.Go("good", func(p *Proc) { p.Sleep(2 * time.Second); good = true })
	if err := w.Run(); err != nil || !good || bad.Err() == nil || bad.Err().Value != "boom" {
		t.Errorf("Run: %v, good %v, err %v", err, good, bad.Err())
	}
}

func TestSameSeedSameRun(t *testing.T) {
	trace := func(seed uint64) string {
		w := NewVirtual(NewRandom(seed))
		w.Record()
		counter(3, 4)(w)
		if err := w.Run(); err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		steps, _ := w.Schedule()
		for _, s := range steps {
			fmt.Fprint(&b, s.Proc.ID, s.Op, " ")
		}
		return b.String()
	}
	if trace(7) != trace(7) {
		t.Error("two runs with one seed differ")
	}
	if trace(7) == trace(8) {
		t.Error("two seeds give one run")
	}
}

// The same primitives on goroutines.
func TestRealWorld(t *testing.T) {
	w := New()
	n, l := 0, &lock{}
	for range 8 {
		w.Go("T", func(p *Proc) {
			for range 1000 {
				l.acquire(p)
				n++
				l.release(p)
			}
		})
	}
	if err := w.Run(); err != nil || n != 8000 {
		t.Errorf("n = %d, %v", n, err)
	}
}

func TestInterruptWakesWaiters(t *testing.T) {
	w := New()
	var g Gate
	var unwound atomic.Int32
	entered := make(chan struct{}, 2)
	for _, wait := range []func(*Proc){
		func(p *Proc) { p.Await(Op{Kind: Wait}, &g, func() bool { return false }, func() {}) },
		func(p *Proc) { p.Sleep(time.Hour) },
	} {
		w.Go("T", func(p *Proc) {
			defer unwound.Add(1)
			entered <- struct{}{}
			wait(p)
		})
	}
	<-entered
	<-entered
	w.Interrupt()
	if err := w.Run(); !errors.Is(err, ErrInterrupted) || unwound.Load() != 2 {
		t.Errorf("Run: %v, %d unwound", err, unwound.Load())
	}
}

func BenchmarkSchedule(b *testing.B) {
	program := counter(2, 1)
	e := &every{}
	for b.Loop() {
		w := NewVirtual(e)
		program(w)
		if err := w.Run(); err != nil {
			b.Fatal(err)
		}
		if !e.next() {
			*e = every{}
		}
	}
}

func BenchmarkStep(b *testing.B) {
	w := NewVirtual(First{})
	w.StepLimit = 1 << 62
	n := b.N
	for range 2 {
		w.Go("T", func(p *Proc) {
			for range n / 2 {
				p.Point(Op{Kind: Step})
			}
		})
	}
	b.ResetTimer()
	if err := w.Run(); err != nil {
		b.Fatal(err)
	}
}
