package runtime_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	rt "braid/runtime"
	"braid/runtime/explore"
	"braid/runtime/sched"
	"braid/runtime/threading"
	"braid/runtime/trace"
)

// pairs is the litmus program: two threads that each copy and drop a reference
// to an object which its maker keeps.
func pairs(scheme func(o *rt.Object) *rt.Object) func(w *explore.World) {
	return func(w *explore.World) {
		o := scheme(w.Object("payload"))
		w.Threads(2, func(t *rt.Thread) {
			o.IncRef(t)
			o.DecRef(t)
		})
		w.Final(func() any { return o.Verdict() })
	}
}

var stepInside = sched.Op{Kind: sched.Step, Label: "inside"}

// Claim, CPython's place, and what must come out of every schedule.
func TestRefCountsInEverySchedule(t *testing.T) {
	locked := func(w *explore.World) {
		o, l := w.Object("payload").Naive(), threading.NewLock(w.Interpreter, "L")
		w.Threads(2, func(t *rt.Thread) {
			l.With(t, func() { o.IncRef(t) })
			l.With(t, func() { o.DecRef(t) })
		})
		w.Final(func() any { return o.Verdict() })
	}
	for _, c := range []struct {
		claim, source string
		options       explore.Options
		program       func(w *explore.World)
		schedules     int
		outcomes      string
	}{
		{"unsynchronised counts leak and free too early", "Include/refcount.h Py_INCREF (G2)",
			explore.Options{Mode: rt.FreeThreaded}, pairs((*rt.Object).Naive), 70, "map[leak:16 ok:38 premature free:16]"},
		{"one preemption is not enough for that", "Include/refcount.h Py_INCREF (G2)",
			explore.Options{Mode: rt.FreeThreaded, Bound: 1}, pairs((*rt.Object).Naive), 8, "map[ok:8]"},
		{"a lock makes it right", "G2", explore.Options{Mode: rt.FreeThreaded}, locked, 0, "map[ok:*]"},
		{"so does the GIL", "Python/ceval_gil.c (G3)",
			explore.Options{Mode: rt.GIL310}, pairs((*rt.Object).Naive), 2, "map[ok:2]"},
		{"so do atomic instructions", "Include/cpython/pyatomic.h",
			explore.Options{Mode: rt.FreeThreaded}, pairs((*rt.Object).Atomic), 6, "map[ok:6]"},
		{"biased counts are right without a lock", "Include/refcount.h Py_GIL_DISABLED (G21)",
			explore.Options{Mode: rt.FreeThreaded}, pairs((*rt.Object).Biased), 0, "map[ok:*]"},
		{"immortal objects have nothing to race on", "PEP 683",
			explore.Options{Mode: rt.FreeThreaded}, pairs((*rt.Object).Immortal), 0, "map[ok:*]"},
	} {
		r := explore.RunWith(c.options, c.program)
		got := fmt.Sprint(r.Counts())
		if strings.HasSuffix(c.outcomes, "*]") && len(r.Outcomes) == 1 {
			got = fmt.Sprintf("map[%s:*]", r.Outcomes[0].Text)
		}
		if got != c.outcomes || c.schedules > 0 && r.Schedules != c.schedules || c.options.Bound == 0 && !r.Complete {
			t.Errorf("%s (%s): %d schedules, %s; want %d, %s", c.claim, c.source, r.Schedules, got, c.schedules, c.outcomes)
		}
	}
}

// Whatever the order, a biased object is freed exactly once, and the two counts
// are merged only if somebody else dropped the last reference that its count
// knows of (Objects/object.c, _Py_MergeZeroLocalRefcount, _Py_DecRefShared).
func TestBiasedHandOver(t *testing.T) {
	for _, c := range []struct {
		claim, state string
		other        func(t *rt.Thread, o *rt.Object)
	}{
		{"a reference given away is merged", "merged", func(t *rt.Thread, o *rt.Object) { o.DecRef(t) }},
		{"a copy that was dropped again is not", "init", func(t *rt.Thread, o *rt.Object) { o.IncRef(t); o.DecRef(t) }},
	} {
		r := explore.Run(func(w *explore.World) {
			var o *rt.Object
			w.Go("owner", func(t *rt.Thread) {
				o = t.Object("payload")
				done := threading.NewEvent(w.Interpreter, "done")
				if c.state == "merged" {
					o.IncRef(t) // the other thread's
				}
				w.Go("other", func(t *rt.Thread) { c.other(t, o); done.Set(t) })
				if c.state == "init" {
					done.Wait(t, threading.Forever) // it borrows from the owner's
				}
				o.DecRef(t)
				t.BackEdge()
			})
			w.Final(func() any {
				free := 0
				for _, f := range o.Fates() {
					if f.Kind == trace.Free {
						free++
					}
				}
				return fmt.Sprint(free, " free, premature ", o.Premature(), ", ", o.State())
			})
		})
		if want := "1 free, premature false, " + c.state; !r.Complete || len(r.Outcomes) != 1 || r.Outcomes[0].Text != want {
			t.Errorf("%s: %s", c.claim, r)
		}
	}
}

// A reference dropped by another thread lives on until the owner's next check
// point (Python/brc.c).
func TestOwnerMergesAtItsCheckPoint(t *testing.T) {
	in := rt.Virtual(rt.FreeThreaded, 1, 2)
	rec := in.Trace()
	var o *rt.Object
	var before, after bool
	err := in.Run(func(main *rt.Thread) error {
		o = main.Object("payload")
		other := in.Go("other", func(t *rt.Thread) { o.DecRef(t) }) // the owner handed its reference over
		if err := main.Sleep(time.Millisecond); err != nil {
			return err
		}
		_ = other
		before = o.Freed()
		if o.State() != rt.RefQueued || o.Local() != 1 || o.Shared() != 0 {
			t.Errorf("before the check point: local %d shared %d %s", o.Local(), o.Shared(), o.State())
		}
		main.BackEdge()
		after = o.Freed()
		return nil
	})
	if err != nil || before || !after || o.State() != rt.RefMerged || o.Owner() != "" {
		t.Errorf("freed before %v, after %v, %s, owner %q, %v", before, after, o.State(), o.Owner(), err)
	}
	var kinds []string
	for _, e := range rec.Events() {
		switch e.Kind {
		case trace.Refs, trace.Merge, trace.Free:
			kinds = append(kinds, fmt.Sprintf("%s %s", e.Track.Name, e.Kind))
		}
	}
	if got := strings.Join(kinds, ", "); got != "other refs, MainThread merge, MainThread free" {
		t.Errorf("events: %s", got)
	}
}

// An owner that has ended merges no more; whoever would ask it does it.
func TestOwnerGone(t *testing.T) {
	in := rt.Virtual(rt.FreeThreaded, 1, 2)
	var o *rt.Object
	err := in.Run(func(main *rt.Thread) error {
		in.Go("owner", func(t *rt.Thread) { o = t.Object("payload") })
		if err := main.Sleep(time.Second); err != nil {
			return err
		}
		o.DecRef(main)
		return nil
	})
	if err != nil || !o.Freed() || o.Premature() || o.State() != rt.RefMerged {
		t.Errorf("freed %v %s %v", o.Freed(), o.State(), err)
	}
}

func TestImmortalCountStays(t *testing.T) {
	in := rt.New(rt.GIL310)
	o := in.Object(nil).Immortal()
	before := o.Refs()
	in.Threads(2, func(t *rt.Thread) {
		for range 1000 {
			o.IncRef(t)
		}
		for range 2000 {
			o.DecRef(t)
		}
	})
	if before != 3<<30 || o.Refs() != before || o.Freed() {
		t.Errorf("count %d, then %d, freed %v", before, o.Refs(), o.Freed())
	}
}

func TestFreeAtZeroAndUseAfter(t *testing.T) {
	in := rt.New(rt.GIL310)
	list, item := in.Object("list"), in.Object("item")
	err := in.Run(func(main *rt.Thread) error {
		list.Hold(main, item)
		item.DecRef(main) // now only the list refers to it
		if item.Freed() || item.Refs() != 1 {
			t.Errorf("item: freed %v, %d references", item.Freed(), item.Refs())
		}
		list.DecRef(main)
		if !list.Freed() || !item.Freed() {
			t.Errorf("the last reference went: list freed %v, item %v", list.Freed(), item.Freed())
		}
		if err := list.Release(main, item); !rt.Is(err, "ValueError") {
			t.Errorf("releasing what is not held: %v", err)
		}
		_, err := item.Use(main)
		return err
	})
	if !rt.Is(err, "SystemError") || !strings.Contains(err.Error(), "use after free: object 'item' was freed") {
		t.Errorf("use after free: %v", err)
	}
	if f := item.Fates(); len(f) != 2 || f[0].Kind != trace.Free || f[1].Kind != trace.UseAfter || f[0].Thread != "MainThread" {
		t.Errorf("fates: %v", f)
	}
}

// Only the collector frees a cycle (G1); finalizers run once and may resurrect.
func TestCycles(t *testing.T) {
	for _, mode := range []rt.Mode{rt.GIL310, rt.FreeThreaded} {
		in := rt.New(mode)
		finalized := 0
		var a, b, kept, saved *rt.Object
		err := in.Run(func(main *rt.Thread) error {
			a, b, kept = main.Object("a"), main.Object("b"), main.Object("kept")
			saved = main.Object("saved").Finalizer(func(o *rt.Object) { finalized++; kept.Hold(main, o) })
			a.Hold(main, b)
			b.Hold(main, a)
			b.Hold(main, kept)
			saved.Hold(main, saved)
			for _, o := range []*rt.Object{a, b, saved} {
				o.DecRef(main)
			}
			if a.Freed() || b.Freed() {
				t.Errorf("%s: a cycle was freed by counting", mode)
			}
			if n := main.Collect(); n != 2 || !a.Freed() || !b.Freed() || kept.Freed() || saved.Freed() {
				t.Errorf("%s: collected %d", mode, n)
			}
			if kept.Refs() != 1 {
				t.Errorf("%s: kept has %d references after the cycle that held it", mode, kept.Refs())
			}
			return kept.Release(main, saved)
		})
		if err != nil {
			t.Error(mode, err)
		}
		if n := in.Collect(); n != 1 || !saved.Freed() || finalized != 1 {
			t.Errorf("%s: second collection %d, saved freed %v, finalized %d times", mode, n, saved.Freed(), finalized)
		}
	}
}

func TestDeferredIsFreedByTheCollector(t *testing.T) {
	in := rt.New(rt.FreeThreaded)
	f := in.Object("function").Deferred()
	_ = in.Run(func(main *rt.Thread) error {
		f.IncRef(main)
		f.DecRef(main)
		f.DecRef(main)
		return nil
	})
	if f.Freed() || f.References() != 0 {
		t.Errorf("freed %v, references %d", f.Freed(), f.References())
	}
	if in.Collect() != 1 || !f.Freed() {
		t.Error("the collector left it")
	}
}

func TestLeaksAreListed(t *testing.T) {
	in := rt.New(rt.GIL310)
	o, fine := in.Object("lost"), in.Object("fine")
	in.Threads(1, func(t *rt.Thread) {
		o.IncRef(t)
		_ = fine
	})
	if len(in.Leaks()) != 0 {
		t.Error("references that exist are no leak")
	}
	r := explore.Run(func(w *explore.World) {
		o := w.Object("payload").Naive()
		w.Threads(2, func(t *rt.Thread) { o.IncRef(t); o.DecRef(t) })
		w.Final(func() any {
			n := 0
			for _, l := range w.Leaks() {
				if f := l.Fates(); f[len(f)-1].Kind != trace.Leak {
					return "a leak without its event"
				}
				n++
			}
			return n
		})
	})
	if c := r.Counts(); c["1"] != 16 {
		t.Errorf("%v", c)
	}
}

// Code that gave the GIL away may touch neither objects nor bytecode (B9).
func TestNativeCodeHasNoThreadState(t *testing.T) {
	for _, mode := range []rt.Mode{rt.GIL310, rt.FreeThreaded} {
		in := rt.New(mode)
		o := in.Object("payload")
		code, err := rt.Compile("x = 1")
		if err != nil {
			t.Fatal(err)
		}
		r := in.Threads(3, func(th *rt.Thread) {
			th.Native(func() {
				switch th.ID() {
				case 0:
					o.IncRef(th)
				case 1:
					if _, err := o.Use(th); err == nil {
						t.Error("used an object without a thread state")
					}
				case 2:
					if _, err := in.Exec(th, code); err != nil {
						panic(err)
					}
				}
			})
		})
		for i, ex := range r.Exceptions() {
			if !rt.Is(ex, "RuntimeError") || !strings.Contains(ex.Error(), "the function must be called with the GIL held") {
				t.Errorf("%s, thread %d: %v", mode, i, ex)
			}
		}
		if len(r.Exceptions()) != 3 || o.Refs() != 1 {
			t.Errorf("%s: %d exceptions, %d references", mode, len(r.Exceptions()), o.Refs())
		}
	}
}

// On real threads and plain memory: whatever the machine does, the program goes
// on, and the books say what happened.
func TestRealNaiveCountsStaySound(t *testing.T) {
	in := rt.New(rt.FreeThreaded)
	o := in.Object("payload").Naive()
	r := in.Threads(4, func(t *rt.Thread) {
		t.Loop(5000, func(int) { o.IncRef(t); o.DecRef(t) })
	})
	if r.Err != nil || len(r.Exceptions()) != 0 || o.References() != 1 {
		t.Errorf("%v %v, %d references", r.Err, r.Exceptions(), o.References())
	}
	b := in.Object("payload").Biased()
	in.Threads(4, func(t *rt.Thread) {
		t.Loop(5000, func(int) { b.IncRef(t); b.DecRef(t) })
	})
	if b.Verdict() != "ok" || b.Refs() != 1 || b.Freed() {
		t.Errorf("biased: %s, %d", b.Verdict(), b.Refs())
	}
}

// Threads that run are stopped while the collector looks.
func TestCollectStopsTheWorld(t *testing.T) {
	in := rt.New(rt.FreeThreaded)
	root := in.Object("root")
	r := in.Threads(3, func(t *rt.Thread) {
		t.Loop(100, func(i int) {
			a, b := t.Object("a"), t.Object("b")
			a.Hold(t, b)
			b.Hold(t, a)
			a.DecRef(t)
			b.DecRef(t)
			root.IncRef(t)
			root.DecRef(t)
			if t.ID() == 0 && i%10 == 0 {
				t.Collect()
			}
		})
	})
	in.Collect()
	if r.Err != nil || len(r.Exceptions()) != 0 || root.Freed() || root.Premature() || root.Refs() != 1 || in.Collect() != 0 {
		t.Errorf("%v %v root %d", r.Err, r.Exceptions(), root.Refs())
	}
}

// Critical sections: no deadlock in any order; nested ones give the outer lock
// back when they block; the two-object form holds both.
func TestCriticalSections(t *testing.T) {
	opposite := func(nested bool) *explore.Report {
		return explore.Run(func(w *explore.World) {
			a, b := w.Object("a").Immortal(), w.Object("b").Immortal()
			both, worst := 0, 0
			body := func(t *rt.Thread, x, y *rt.Object) {
				in := func() {
					both++
					worst = max(worst, both)
					t.Proc().Point(stepInside)
					both--
				}
				if nested {
					t.CriticalSection(x, func() { t.CriticalSection(y, in) })
					return
				}
				t.CriticalSection2(x, y, in)
			}
			w.Go("T1", func(t *rt.Thread) { body(t, a, b) })
			w.Go("T2", func(t *rt.Thread) { body(t, b, a) })
			w.Final(func() any { return worst })
		})
	}
	if r := opposite(false); !r.Complete || len(r.Outcomes) != 1 || r.Outcomes[0].Text != "1" {
		t.Errorf("two objects: %s", r)
	}
	r := opposite(true)
	if _, dead := r.Outcome(explore.Deadlocked); !r.Complete || dead {
		t.Errorf("nested sections: %s", r)
	}
	if _, two := r.Outcome(2); !two {
		t.Errorf("nested sections should not exclude each other as two locks would: %s", r)
	}
}

// A section that blocks lets others in; the same code with a lock would not.
func TestCriticalSectionIsSuspendedWhileBlocked(t *testing.T) {
	in := rt.Virtual(rt.FreeThreaded, 1, 2)
	o := in.Object("list")
	var entered time.Duration
	err := in.Run(func(main *rt.Thread) error {
		in.Go("other", func(t *rt.Thread) {
			_ = t.Sleep(time.Millisecond)
			t.CriticalSection(o, func() { entered = t.Now() })
		})
		main.CriticalSection(o, func() { _ = main.Sleep(time.Second) })
		return nil
	})
	if err != nil || entered != time.Millisecond {
		t.Errorf("entered at %v (%v), want 1ms", entered, err)
	}
}

func TestCriticalSectionsAreNothingUnderAGIL(t *testing.T) {
	in := rt.Virtual(rt.GIL310, 1, 2)
	o := in.Object("list")
	n := 0
	err := in.Run(func(main *rt.Thread) error {
		main.CriticalSection(o, func() { main.CriticalSection2(o, o, func() { n++ }) })
		return nil
	})
	if err != nil || n != 1 {
		t.Error(n, err)
	}
}

// PEP 684: each interpreter has its own GIL; two of them use two cores (G11).
func TestInterpretersRunInParallel(t *testing.T) {
	for _, c := range []struct {
		interpreters, cores int
		want                time.Duration
	}{{1, 2, 200 * time.Millisecond}, {2, 2, 100 * time.Millisecond}, {2, 1, 200 * time.Millisecond}} {
		in := rt.Virtual(rt.GIL310, 1, c.cores)
		all := []*rt.Interpreter{in, in}
		if c.interpreters == 2 {
			all[1] = in.NewInterpreter()
		}
		for _, each := range all {
			each.Go("", func(t *rt.Thread) { t.Work(100 * time.Millisecond) })
		}
		if err := in.World().Run(); err != nil || in.World().Now() != c.want {
			t.Errorf("%d interpreters on %d cores: %v (%v), want %v", c.interpreters, c.cores, in.World().Now(), err, c.want)
		}
	}
}
