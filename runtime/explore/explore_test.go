package explore

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	rt "braid/runtime"
	"braid/runtime/sched"
)

func counter(threads, increments int) func(w *World) {
	return func(w *World) {
		x := w.Var("x", 0)
		w.Threads(threads, func(t *rt.Thread) {
			for range increments {
				x.Add(t, 1)
			}
		})
		w.Final(func() any { return x.Value() })
	}
}

// lock is the smallest one there is; threading.Lock has its own litmus tests.
type lock struct {
	gate sched.Gate
	o    *sched.Object
	held bool
}

func newLock(w *World, name string) *lock { return &lock{o: w.World().Object("lock", name)} }

func (l *lock) acquire(t *rt.Thread) {
	t.Proc().Await(sched.Op{Kind: sched.Acquire, Object: l.o}, &l.gate, func() bool { return !l.held }, func() { l.held = true })
}

func (l *lock) release(t *rt.Thread) {
	t.Proc().Do(sched.Op{Kind: sched.Release, Object: l.o}, &l.gate, func() { l.held = false })
}

func abba(w *World) {
	a, b := newLock(w, "A"), newLock(w, "B")
	both := func(x, y *lock) func(*rt.Thread) {
		return func(t *rt.Thread) {
			x.acquire(t)
			y.acquire(t)
			y.release(t)
			x.release(t)
		}
	}
	w.Go("T1", both(a, b))
	w.Go("T2", both(b, a))
}

// Numbers of schedules are combinatorics: C(4,2) = 6, C(8,4) = 70, …
func TestLitmus(t *testing.T) {
	for _, c := range []struct {
		name     string
		program  func(w *World)
		runs     int
		outcomes string
		racy     bool
	}{
		{"lost update", counter(2, 1), 6, "map[1:4 2:2]", true},
		{"two increments", counter(2, 2), 70, "map[2:32 3:32 4:6]", true},
		{"three increments", counter(2, 3), 924, "map[2:8 3:300 4:416 5:180 6:20]", true},
		{"lock order inversion", abba, 6, "map[deadlock:2 done:4]", false},
		{"locked", func(w *World) {
			x, l := w.Var("x", 0), newLock(w, "L")
			w.Threads(2, func(t *rt.Thread) {
				l.acquire(t)
				v := x.Int(t)
				x.Set(t, v+1)
				l.release(t)
			})
			w.Final(func() any { return x.Value() })
		}, 2, "map[2:2]", false},
	} {
		r := Run(c.program)
		if !r.Complete || r.Schedules != c.runs || fmt.Sprint(r.Counts()) != c.outcomes || r.Racy() != c.racy {
			t.Errorf("%s: complete %v, %d schedules %v, racy %v; want %d %s, racy %v",
				c.name, r.Complete, r.Schedules, r.Counts(), r.Racy(), c.runs, c.outcomes, c.racy)
		}
	}
}

func TestGILReadings(t *testing.T) {
	for _, c := range []struct {
		o    Options
		runs int
		racy bool
	}{
		{Options{Mode: rt.GIL310, Reading: Language}, 2, true},
		{Options{Mode: rt.GIL310, Reading: Machine}, 2, false},
		{Options{Mode: rt.FreeThreaded, Reading: Machine}, 6, true},
	} {
		r := RunWith(c.o, counter(2, 1))
		if r.Schedules != c.runs || r.Racy() != c.racy {
			t.Errorf("%+v: %s", c.o, r)
		}
	}
}

func TestDeadlockIsExplained(t *testing.T) {
	r := Run(abba)
	want := "T1 waits for B, which T2 holds; T2 waits for A, which T1 holds"
	if r.Deadlock != want || r.LostWakeup || r.Deadlocks() != 2 {
		t.Errorf("%q (lost wake-up %v), want %q", r.Deadlock, r.LostWakeup, want)
	}
}

func TestWitnessIsSmallestAndRepeats(t *testing.T) {
	program := counter(2, 2)
	r := Run(program)
	w := r.Witness(2)
	if w == nil || w.Outcome != "2" || w.Preemptions != 1 || len(w.Steps) != 8 {
		t.Fatalf("witness of 2: %v", w)
	}
	var values []string
	for _, s := range w.Steps {
		values = append(values, fmt.Sprintf("%d%s%v", s.Lane, s.Op.Kind.String()[:1], s.Value))
	}
	if got := strings.Join(values, " "); got != "0r0 0w1 0r1 1r1 1w2 1r2 1w3 0w2" {
		t.Errorf("values: %s", got)
	}
	o := Options{Mode: rt.FreeThreaded}
	again, err := Replay(o, program, w.Replay)
	if err != nil || again.String() != w.String() {
		t.Errorf("replay: %v\n%v\nwant\n%v", err, again, w)
	}
	if _, err := Replay(o, abba, Run(counter(3, 2)).Witness(6).Replay); err == nil {
		t.Error("a replay string of another program was accepted")
	}
	for _, bad := range []string{"", "x1AA", "s1!!", "s1AA"} {
		if _, err := Replay(o, counter(2, 1), bad); err == nil || errors.Is(err, ErrNotRepeated) {
			t.Errorf("replay string %q: %v", bad, err)
		}
	}
	if _, err := Replay(o, counter(2, 1), "s1"); !errors.Is(err, ErrNotRepeated) {
		t.Errorf("a replay string without choices: %v", err)
	}
	if r.Witness("no such outcome") != nil {
		t.Error("an outcome that does not happen has a witness")
	}
}

// A search that stops early must not look like a proof.
func TestBudget(t *testing.T) {
	r := RunWith(Options{Mode: rt.FreeThreaded, Schedules: 500}, counter(4, 3))
	if r.Complete || r.Random == 0 || r.PCT == 0 || !strings.Contains(r.Strategy(), "not all") {
		t.Errorf("%s", r)
	}
	if a, b := r.String(), RunWith(Options{Mode: rt.FreeThreaded, Schedules: 500}, counter(4, 3)).String(); a != b {
		t.Errorf("two searches differ:\n%s\n%s", a, b)
	}
	r = RunWith(Options{Mode: rt.FreeThreaded, Bound: 1}, counter(2, 2))
	if r.Complete || r.Bound != 1 {
		t.Errorf("bounded: %s", r)
	}
	if r := RunWith(Options{Mode: rt.FreeThreaded, Bound: 1}, counter(2, 1)); r.Schedules != 4 {
		t.Errorf("lost update with at most one preemption: %d schedules, want 4", r.Schedules)
	}
}

func TestFailuresAreOutcomes(t *testing.T) {
	r := Run(func(w *World) {
		x := w.Var("x", 0)
		w.Go("spinner", func(t *rt.Thread) {
			for x.Int(t) == 0 {
			}
		})
		w.Go("raiser", func(t *rt.Thread) {
			if x.Int(t) == 0 {
				panic(rt.Raise("ValueError", "bad"))
			}
		})
	})
	if r.Complete {
		t.Error("an endless program cannot be searched completely")
	}
	if o, ok := r.Outcome(Endless); !ok || !o.Failed {
		t.Errorf("outcomes %v", r.Outcomes)
	}
	if w := r.Witness(Endless); w == nil || w.Outcome != Endless {
		t.Errorf("witness of an endless run: %v", w)
	}
	if !strings.HasPrefix(r.Starvation, "spinner ran ") || !strings.Contains(r.Starvation, "raiser could have run all the time: starvation") {
		t.Errorf("starvation: %q", r.Starvation)
	}
	r = Run(func(w *World) {
		x := w.Var("x", 0)
		w.Threads(2, func(t *rt.Thread) { x.Add(t, 1) })
		w.Check(func() error {
			if x.Value() != 2 {
				return errors.New("an update was lost")
			}
			return nil
		})
	})
	if c := r.Counts(); c["an update was lost"] != 4 || c["done"] != 2 {
		t.Errorf("counts %v", c)
	}
}

// A spinner that nobody can stop is not starving anybody.
func TestEndlessAlone(t *testing.T) {
	r := Run(func(w *World) {
		x := w.Var("x", 0)
		w.Go("spinner", func(t *rt.Thread) {
			for x.Int(t) == 0 {
			}
		})
	})
	want := "spinner ran 20001 of 20001 steps and does not stop; nobody else was kept from running, so waiting longer does not help"
	if r.Starvation != want {
		t.Errorf("starvation: %q", r.Starvation)
	}
}

// condition is the smallest one: a wait returns only if the notification comes
// while it waits.
type condition struct {
	gate    sched.Gate
	o       *sched.Object
	waiting int
	woken   int
}

func (c *condition) wait(t *rt.Thread) {
	c.waiting++ // with the operation before: as if a lock were held
	t.Proc().Await(sched.Op{Kind: sched.Wait, Object: c.o}, &c.gate, func() bool { return c.woken > 0 }, func() { c.woken-- })
}

func (c *condition) notify(t *rt.Thread) {
	t.Proc().Do(sched.Op{Kind: sched.Notify, Object: c.o}, &c.gate, func() { c.woken += c.waiting; c.waiting = 0 })
}

func TestDeadlocksWithoutACycle(t *testing.T) {
	for _, c := range []struct {
		program func(w *World)
		want    string
		lost    bool
	}{
		{func(w *World) {
			c, x := &condition{o: w.World().Object("condition", "ready")}, w.Var("x", 0)
			w.Go("consumer", func(t *rt.Thread) { x.Get(t); c.wait(t) })
			w.Go("producer", func(t *rt.Thread) { c.notify(t) })
		}, "consumer waits for ready, but the notification by producer came before anybody waited: it is lost", true},
		{func(w *World) {
			c := &condition{o: w.World().Object("condition", "ready")}
			w.Go("consumer", func(t *rt.Thread) { c.wait(t) })
		}, "consumer waits for ready, which nobody is left to notify", false},
		{func(w *World) {
			l := newLock(w, "L")
			w.Go("T1", func(t *rt.Thread) { l.acquire(t); l.acquire(t) })
		}, "T1 waits for L, which it holds itself", false},
		{func(w *World) {
			l := newLock(w, "L")
			w.Threads(2, func(t *rt.Thread) { l.acquire(t) })
		}, "Thread-2 waits for L, which Thread-1 held when it ended", false},
	} {
		if r := Run(c.program); r.Deadlock != c.want || r.LostWakeup != c.lost {
			t.Errorf("%q (lost wake-up %v), want %q", r.Deadlock, r.LostWakeup, c.want)
		}
	}
}

// A Decision is a choice of the program: all its alternatives are explored.
func TestDecision(t *testing.T) {
	program := func(w *World) {
		x := w.Var("x", "")
		w.Go("T", func(t *rt.Thread) {
			for _, of := range []int{2, 3} {
				x.Set(t, fmt.Sprint(x.Get(t), w.World().Choose(of, "weather")))
			}
		})
		w.Final(func() any { return x.Value() })
	}
	r := Run(program)
	if !r.Complete || fmt.Sprint(r.Counts()) != "map[00:1 01:1 02:1 10:1 11:1 12:1]" {
		t.Errorf("%s", r)
	}
	if w := r.Witness("12"); w == nil || w.Outcome != "12" || w.Preemptions != 0 {
		t.Errorf("witness %v", w)
	}
}

func TestPaths(t *testing.T) {
	r := Run(counter(2, 1))
	paths, complete := r.Paths(100)
	counts := map[string]int{}
	for _, p := range paths {
		counts[p.Outcome]++
		if len(p.Threads) != len(p.Picks) {
			t.Errorf("%+v", p)
		}
	}
	if !complete || fmt.Sprint(counts) != fmt.Sprint(r.Counts()) {
		t.Errorf("complete %v, %v", complete, counts)
	}
	if few, complete := r.Paths(4); complete || len(few) != 4 {
		t.Errorf("%d paths, complete %v", len(few), complete)
	}
}

// No schedule runs twice, whatever the bounds.
func TestBoundsDoNotRepeat(t *testing.T) {
	program := counter(2, 3)
	s := newSearch(Options{Mode: rt.FreeThreaded, Schedules: 2000, Steps: 100, TotalSteps: 1 << 30}, &Report{program: program})
	defer s.close()
	seen := map[string]bool{}
	s.report.program = func(w *World) {
		program(w)
		inner := w.final
		w.Final(func() any {
			_, picks := w.World().Schedule()
			seen[fmt.Sprint(picks)] = true
			return inner()
		})
	}
	s.depthFirst()
	if s.spent != 924 || len(seen) != 924 {
		t.Errorf("%d runs of %d schedules, want 924", s.spent, len(seen))
	}
}

func FuzzReplay(f *testing.F) {
	f.Add("s1AAMBAQ")
	f.Fuzz(func(t *testing.T, s string) {
		picks, err := decode(s)
		if err == nil && len(picks) < 1000 {
			again, err := decode(encode(picks))
			if err != nil || fmt.Sprint(again) != fmt.Sprint(picks) {
				t.Errorf("%q: %v becomes %v (%v)", s, picks, again, err)
			}
		}
	})
}

// One operation is the whole search of the two-thread counter, 924 different
// schedules; the metric is schedules a second.
func BenchmarkCounter(b *testing.B) {
	runs := 0
	program := counter(2, 3)
	for b.Loop() {
		runs += Run(program).Schedules
	}
	b.ReportMetric(float64(runs)/b.Elapsed().Seconds(), "schedules/s")
}
