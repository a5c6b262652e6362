package exercise_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	rt "braid/runtime"
	"braid/runtime/asyncio"
	"braid/runtime/exercise"
	"braid/runtime/explore"
	"braid/runtime/sched"
	"braid/runtime/threading"
	"braid/runtime/trace"
)

var update = flag.Bool("update", false, "write the golden files")

// counter is the exercise "make the counter right", with a student's increment.
func counter(student func(t *rt.Thread, x *rt.Var, l *threading.Lock)) *exercise.Exercise {
	return exercise.New("Make the counter right").
		Every(func(w *explore.World) {
			x, l := w.Var("counter", 0), threading.NewLock(w.Interpreter, "lock")
			w.Threads(2, func(t *rt.Thread) { student(t, x, l) })
			w.Final(func() any { return x.Value() })
		}).
		Require(2, exercise.Outcomes(2)).
		Require(1, exercise.NoRace()).
		Require(1, exercise.NoDeadlock()).
		Require(0.5, exercise.Finishes()).
		Require(0.5, exercise.NoBusyWait(100))
}

// The exemplar passes; each kind of mistake fails where it should, and says so.
func TestCounter(t *testing.T) {
	for _, c := range []struct {
		name     string
		student  func(t *rt.Thread, x *rt.Var, l *threading.Lock)
		score    float64
		failed   string
		contains string
	}{
		{"right", right, 5, "", "In all 2 schedules the result is 2."},
		{"no lock", wrong, 0, "result is 2; no data race", "In 4 of 6 schedules the result is 1; it should always be 2."},
		{"two lock scopes", func(t *rt.Thread, x *rt.Var, l *threading.Lock) {
			v := 0
			l.With(t, func() { v = x.Int(t) })
			l.With(t, func() { x.Set(t, v+1) })
		}, 0, "result is 2", "the result is 1; it should always be 2"},
		{"forgets to release", func(t *rt.Thread, x *rt.Var, l *threading.Lock) {
			l.Acquire(t)
			x.Add(t, 1)
		}, 0, "result is 2; no deadlock; finishes", "the program gets stuck: Thread-2 waits for lock, which Thread-1 held when it ended"},
		{"busy waiting", func(t *rt.Thread, x *rt.Var, l *threading.Lock) {
			for !l.TryAcquire(t) {
			}
			x.Add(t, 1)
			_ = l.Release(t)
		}, 0, "result is 2; finishes; no busy waiting", "does not end"},
		{"raises", func(t *rt.Thread, x *rt.Var, l *threading.Lock) { panic(rt.Raise("ValueError", "bad")) },
			0, "result is 2; no data race; no deadlock; finishes; no busy waiting", "The program stops with ValueError: bad, so there is nothing to judge."},
		{"Go panic", func(t *rt.Thread, x *rt.Var, l *threading.Lock) { var m map[string]int; m["x"] = 1 },
			0, "result is 2; no data race; no deadlock; finishes; no busy waiting", "assignment to entry in nil map"},
		{"endless", func(t *rt.Thread, x *rt.Var, l *threading.Lock) {
			for {
				x.Get(t)
			}
		}, 0, "result is 2; finishes; no busy waiting", "the program does not end: Thread-1 ran"},
	} {
		r := counter(c.student).Grade()
		var failed []string
		for _, v := range r.Verdicts {
			if !v.Passed {
				failed = append(failed, v.Check)
			}
		}
		if r.Score != c.score || r.Max != 5 || strings.Join(failed, "; ") != c.failed || !strings.Contains(r.String(), c.contains) {
			t.Errorf("%s: %v of %v, failed %q; want %v, %q, with %q\n%s", c.name, r.Score, r.Max, failed, c.score, c.failed, c.contains, r)
		}
		if r.Passed() != (c.failed == "") {
			t.Errorf("%s: passed %v", c.name, r.Passed())
		}
	}
}

// A failing verdict carries the schedule: its string repeats it.
func TestReplay(t *testing.T) {
	r := counter(wrong).Grade()
	v := r.Verdicts[0]
	if v.Picture == nil || v.Replay == "" {
		t.Fatalf("%+v", v)
	}
	w, err := explore.Replay(explore.Options{Mode: rt.FreeThreaded}, func(w *explore.World) {
		x, l := w.Var("counter", 0), threading.NewLock(w.Interpreter, "lock")
		w.Threads(2, func(t *rt.Thread) { wrong(t, x, l) })
		w.Final(func() any { return x.Value() })
	}, v.Replay)
	if err != nil || w.Outcome != "1" {
		t.Errorf("replay: %v, %v", w, err)
	}
}

func TestSameBytes(t *testing.T) {
	for _, student := range []func(t *rt.Thread, x *rt.Var, l *threading.Lock){right, wrong} {
		a, b := counter(student).Grade(), counter(student).Grade()
		if a.JSON() != b.JSON() || a.String() != b.String() || a.HTML() != b.HTML() {
			t.Error("the same program has two verdicts")
		}
		if !json.Valid([]byte(a.JSON())) {
			t.Errorf("no JSON: %s", a.JSON())
		}
	}
	golden(t, "counter.json", counter(wrong).Grade().JSON())
	golden(t, "counter.txt", counter(wrong).Grade().String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update writes it):\n%s", name, got)
	}
}

// fetchAll is the exercise "three waits at once": n threads or one.
func fetchAll(run *exercise.Run, t *rt.Thread, atOnce bool) error {
	fetch := func(t *rt.Thread) {
		run.Enter()
		_ = t.Sleep(time.Second)
		run.Leave()
		run.Say("got one")
	}
	if !atOnce {
		for range 3 {
			fetch(t)
		}
		return nil
	}
	for range 3 {
		run.In.Go("", fetch)
	}
	return nil
}

func TestOnce(t *testing.T) {
	for _, c := range []struct {
		name    string
		program func(run *exercise.Run, t *rt.Thread) error
		check   exercise.Check
		passed  bool
		message string
	}{
		{"at once", func(r *exercise.Run, t *rt.Thread) error { return fetchAll(r, t, true) }, exercise.Makespan(time.Second), true, "It takes 1s."},
		{"one by one", func(r *exercise.Run, t *rt.Thread) error { return fetchAll(r, t, false) }, exercise.Makespan(time.Second), false, "It takes 3s; 1s is possible."},
		{"peak", func(r *exercise.Run, t *rt.Thread) error { return fetchAll(r, t, true) }, exercise.Peak(3), true, "Up to 3 are under way"},
		{"no peak", func(r *exercise.Run, t *rt.Thread) error { return fetchAll(r, t, false) }, exercise.Peak(3), false, "At most 1 is under way at a time; 3 should be."},
		{"too many", func(r *exercise.Run, t *rt.Thread) error { return fetchAll(r, t, true) }, exercise.PeakAtMost(2), false, "3 are under way at a time; at most 2"},
		{"order", func(r *exercise.Run, t *rt.Thread) error {
			r.Say("a")
			_ = t.Sleep(time.Second)
			r.Say("b")
			return nil
		}, exercise.Order("a", "b"), true, "a, b"},
		{"wrong order", func(r *exercise.Run, t *rt.Thread) error {
			r.Say("a")
			_ = t.Sleep(time.Second)
			r.Say("c")
			return nil
		}, exercise.Order("a", "b"), false, `Event 2 is "c" at 1s; it should be "b".`},
		{"too short", func(r *exercise.Run, t *rt.Thread) error { r.Say("a"); return nil }, exercise.Order("a", "b"), false, `After a nothing happens any more; "b" should follow.`},
		{"too long", func(r *exercise.Run, t *rt.Thread) error { r.Say("a"); r.Say("b"); return nil }, exercise.Order("a"), false, `After everything that should happen comes "b".`},
		{"heartbeat", func(r *exercise.Run, t *rt.Thread) error {
			for range 5 {
				r.Beat(t.Now())
				_ = t.Sleep(10 * time.Millisecond)
			}
			return nil
		}, exercise.HeartbeatGap(10 * time.Millisecond), true, "The longest pause of the heartbeat is 10ms."},
		{"frozen", func(r *exercise.Run, t *rt.Thread) error {
			r.Beat(t.Now())
			_ = t.Sleep(10 * time.Millisecond)
			r.Beat(t.Now())
			t.Work(500 * time.Millisecond)
			r.Beat(t.Now())
			return nil
		}, exercise.HeartbeatGap(10 * time.Millisecond), false, "At 10ms the heartbeat stops for 500ms"},
		{"no beat", func(r *exercise.Run, t *rt.Thread) error { return nil }, exercise.HeartbeatGap(time.Second), false, "beats 0 times"},
		{"warning", func(r *exercise.Run, t *rt.Thread) error {
			rt.CurrentScope().Warn("RuntimeWarning", "coroutine 'f' was never awaited")
			return nil
		}, exercise.Awaited(), false, "Python would warn: RuntimeWarning: coroutine 'f' was never awaited. Calling a coroutine function runs nothing"},
		{"no warning", func(r *exercise.Run, t *rt.Thread) error { return nil }, exercise.Awaited(), true, "Every coroutine was awaited."},
		{"bytes", func(r *exercise.Run, t *rt.Thread) error {
			r.Trace.Add(trace.Event{Kind: trace.Pickle, Value: 1000})
			return nil
		}, exercise.PickledAtMost(999), false, "1000 bytes are pickled, 999 are enough."},
		{"few bytes", func(r *exercise.Run, t *rt.Thread) error { return nil }, exercise.PickledAtMost(0), true, "0 bytes are pickled."},
		{"deadlock", func(r *exercise.Run, t *rt.Thread) error {
			l := threading.NewLock(r.In, "L")
			l.Acquire(t)
			l.Acquire(t)
			return nil
		}, exercise.NoDeadlock(), false, "Everybody waits and nobody can go on: MainThread waits to acquire L."},
		{"finishes", func(r *exercise.Run, t *rt.Thread) error { _ = t.Sleep(time.Hour); return nil }, exercise.Finishes(), true, "The program ends, after 1h0m0s."},
		{"endless", func(r *exercise.Run, t *rt.Thread) error {
			for {
				_ = t.Sleep(0)
			}
		}, exercise.Makespan(time.Second), false, "The program does not end: it was stopped after 2000000 steps."},
		{"error", func(r *exercise.Run, t *rt.Thread) error { return rt.Raise("KeyError", "1") }, exercise.Finishes(), false, "The program stopped with KeyError: 1."},
		{"panic", func(r *exercise.Run, t *rt.Thread) error { panic("boom") }, exercise.Order(), false, "The program stopped with RuntimeError: panic: boom."},
		{"raises", func(r *exercise.Run, t *rt.Thread) error { return rt.Raise("KeyError", "1") }, exercise.Raises("LookupError"), true, "It raises KeyError: 1."},
		{"does not raise", func(r *exercise.Run, t *rt.Thread) error { return nil }, exercise.Raises("KeyError"), false, "It ends without an exception"},
		{"raises another", func(r *exercise.Run, t *rt.Thread) error { return rt.Raise("ValueError", "x") }, exercise.Raises("KeyError"), false, "It ends with ValueError: x; it should raise KeyError."},
		{"polls", func(r *exercise.Run, t *rt.Thread) error {
			for range 1000 {
				_ = t.Sleep(time.Millisecond)
			}
			return nil
		}, exercise.NoBusyWait(100), false, "100 are enough. Waiting should cost nothing"},
		{"custom", func(r *exercise.Run, t *rt.Thread) error { return nil }, exercise.Custom("c", func(*exercise.Run) error { return errors.New("not so") }), false, "not so"},
		{"wrong kind", func(r *exercise.Run, t *rt.Thread) error { return nil }, exercise.NoRace(), false, "The author's mistake"},
	} {
		r := exercise.New("e").Once(c.program).Require(1, c.check).Grade()
		v := r.Verdicts[0]
		if v.Passed != c.passed || !strings.Contains(v.Message, c.message) || (r.Score == 1) != c.passed {
			t.Errorf("%s: passed %v, %q; want %v, %q", c.name, v.Passed, v.Message, c.passed, c.message)
		}
		if _, err := json.Marshal(r); err != nil || !json.Valid([]byte(r.JSON())) {
			t.Errorf("%s: JSON: %v", c.name, err)
		}
	}
	if left := rt.CurrentScope().Living(); len(left) > 0 {
		t.Errorf("left alive: %v", left)
	}
	rt.CurrentScope().Warnings()
}

// Code of the student that runs while the program is built, not in a thread.
func TestPanicWhileBuilding(t *testing.T) {
	r := exercise.New("e").Every(func(w *explore.World) { panic("early") }).Require(1, exercise.NoRace()).Grade()
	if v := r.Verdicts[0]; v.Passed || !strings.HasPrefix(v.Message, "The program stopped with RuntimeError: panic: early") || len(v.Places) == 0 {
		t.Errorf("%+v", v)
	}
	if v := exercise.New("e").Require(1, exercise.NoRace()).Grade().Verdicts[0]; !strings.Contains(v.Message, "needs Every or Once") {
		t.Errorf("%+v", v)
	}
	r = exercise.New("e").Every(func(w *explore.World) {}).Require(1, exercise.Makespan(1)).Grade()
	if v := r.Verdicts[0]; v.Passed || !strings.Contains(v.Message, "needs Once") {
		t.Errorf("%+v", v)
	}
}

func TestPartialCredit(t *testing.T) {
	once := func(run *exercise.Run, t *rt.Thread) error { return nil }
	r := exercise.New("e").Once(once).
		Require(4, exercise.Custom("three of four", func(*exercise.Run) error { return exercise.Partly(0.75, "one is wrong") })).
		Require(1, exercise.Custom("all", func(*exercise.Run) error { return nil }).Named("renamed")).
		Grade()
	if r.Score != 4 || r.Max != 5 || r.Passed() || r.Verdicts[1].Check != "renamed" {
		t.Errorf("%s", r)
	}
	if got := fmt.Sprint(r.Score); got != "4" {
		t.Errorf("the score prints as %q", got)
	}
}

// A search that was not complete does not claim a proof.
func TestEvidenceIsNotProof(t *testing.T) {
	r := exercise.New("e").Options(explore.Options{Mode: rt.FreeThreaded, Schedules: 100}).
		Every(func(w *explore.World) {
			w.Threads(4, func(t *rt.Thread) {
				for range 4 {
					t.Proc().Point(sched.Op{Label: "step"})
				}
			})
		}).Require(1, exercise.Outcomes("done")).Grade()
	if v := r.Verdicts[0]; !v.Passed || !strings.Contains(v.Message, "evidence, not a proof") || !strings.Contains(v.Searched, "not all") {
		t.Errorf("%+v", v)
	}
}

func TestHTMLIsEscaped(t *testing.T) {
	r := exercise.New("<script>alert(1)</script>").Once(func(*exercise.Run, *rt.Thread) error { return errors.New("<img src=x onerror=y>") }).
		Require(1, exercise.Finishes().Named("<b>")).Grade()
	page := r.MIMEBundle()["text/html"].(string)
	if strings.Contains(page, "<script") || strings.Contains(page, "<img src=x") {
		t.Error(page)
	}
}

// A stub that was not filled in yet is told so, once, without a picture.
func TestNotWrittenYet(t *testing.T) {
	stub := func() { panic("not implemented") }
	for name, e := range map[string]*exercise.Exercise{
		"every": counter(func(*rt.Thread, *rt.Var, *threading.Lock) { stub() }),
		"once": exercise.New("e").Once(func(*exercise.Run, *rt.Thread) error { stub(); return nil }).
			Require(1, exercise.Order("done")).Require(1, exercise.Makespan(time.Second)),
		"async": exercise.New("e").Async(func(*exercise.Run, *asyncio.Co) error { stub(); return nil }).
			Require(1, exercise.Order("done")).Require(1, exercise.NoDeadlock()),
		"plain": exercise.New("e").Go(func(*exercise.Run) error { stub(); return nil }).
			Require(1, exercise.Order("done")).Require(1, exercise.NoLeak()),
	} {
		r := e.Grade()
		if r.Score != 0 {
			t.Errorf("%s: %v points", name, r.Score)
		}
		for i, v := range r.Verdicts {
			want := `There is no solution yet: write yours in place of panic("not implemented").`
			if i > 0 {
				want = fmt.Sprintf("The same as for %q.", r.Verdicts[0].Check)
			}
			if v.Message != want || v.Picture != nil || v.Replay != "" {
				t.Errorf("%s, %s: %q, picture %v, replay %q", name, v.Check, v.Message, v.Picture != nil, v.Replay)
			}
		}
	}
}

// One schedule is the only one, one event needs no order, advice can be given.
func TestWords(t *testing.T) {
	never := exercise.New("e").EveryAsync(func(w *explore.World, c *asyncio.Co) error {
		w.Final(func() any { return "done" })
		_, err := c.Await(c.Loop().NewFuture())
		return err
	}).Require(1, exercise.Outcomes("done")).Require(1, exercise.NoDeadlock()).Require(1, exercise.Finishes()).Grade()
	alone := exercise.New("e").Every(func(w *explore.World) { w.Final(func() any { return 1 }) }).
		Require(1, exercise.Outcomes(1)).Require(1, exercise.Varies(true)).Require(1, exercise.Varies(false)).Grade()
	late := exercise.New("e").Once(func(run *exercise.Run, t *rt.Thread) error {
		run.Say("late")
		return t.Sleep(time.Hour)
	}).Require(1, exercise.Order("early")).Require(1, exercise.Makespan(time.Second, "Nobody woke it.")).Grade()
	idle := "Task-1 waits for future"
	for _, c := range []struct {
		got  exercise.Verdict
		want string
	}{
		{never.Verdicts[0], "In the only schedule the result is none at all: a deadlock (" + idle + "); it should always be done."},
		{never.Verdicts[1], "In the only schedule everybody waits and nobody can go on: " + idle + ". Whoever is waited for must get there on every path."},
		{never.Verdicts[2], "In the only schedule the program gets stuck: " + idle + "."},
		{alone.Verdicts[0], "In the only schedule the result is 1."},
		{alone.Verdicts[1], "You say that something can be lost. The result is 1 in the only schedule, though."},
		{alone.Verdicts[2], "Right: it is 1 in the only schedule."},
		{late.Verdicts[0], `What comes out is "late" at 0s; it should be "early".`},
		{late.Verdicts[1], "It takes 1h0m0s; 1s is possible. Nobody woke it."},
	} {
		if c.got.Message != c.want {
			t.Errorf("%q, want %q", c.got.Message, c.want)
		}
	}
}

// Tasks share a thread: the picture of a schedule is that of their loop.
func TestSchedulesOfTasksAreDrawnAsALoop(t *testing.T) {
	r := exercise.New("e").EveryAsync(func(w *explore.World, c *asyncio.Co) error {
		balance := 100
		spend := asyncio.Async("spend", func(c *asyncio.Co, _ []any) (any, error) {
			if balance < 80 {
				return nil, nil
			}
			_, err := c.Sleep(time.Second)
			balance -= 80
			return nil, err
		})
		w.Final(func() any { return balance })
		_, err := c.Gather(spend.Call(), spend.Call())
		return err
	}).Require(1, exercise.Outcomes(20)).Grade()
	v := r.Verdicts[0]
	if v.Passed || v.Picture == nil || v.Replay == "" {
		t.Fatalf("%+v", v)
	}
	for _, want := range []string{"The event loop and its tasks", "spend", "3 tasks"} {
		if !strings.Contains(v.Picture.String(), want) {
			t.Errorf("%q is missing in\n%s", want, v.Picture)
		}
	}
}
