package exercise_test

import (
	"strings"
	"testing"
	"time"

	rt "braid/runtime"
	"braid/runtime/asyncio"
	"braid/runtime/exercise"
	"braid/runtime/explore"
	"braid/runtime/threading"
)

// Each kind of mistake is told with the student's line.
func TestVerdictsTellTheLine(t *testing.T) {
	twoLocks := exercise.New("two locks").Every(func(w *explore.World) {
		a, b := threading.NewLock(w.Interpreter, "A"), threading.NewLock(w.Interpreter, "B")
		w.Go("Ann", func(t *rt.Thread) { crosses(t, a, b) })
		w.Go("Bob", func(t *rt.Thread) { crosses(t, b, a) })
	}).Require(1, exercise.NoDeadlock())
	heartbeat := exercise.New("heartbeat").Async(func(run *exercise.Run, c *asyncio.Co) error {
		beat := asyncio.Async("heart", func(c *asyncio.Co, _ []any) (any, error) {
			for range 20 {
				run.Beat(c.Loop().Time())
				if _, err := c.Sleep(10 * time.Millisecond); err != nil {
					return nil, err
				}
			}
			return nil, nil
		})
		work := asyncio.Async("work", func(c *asyncio.Co, _ []any) (any, error) { return nil, blocks(c) })
		_, err := c.Gather(beat.Call(), work.Call())
		return err
	}).Require(1, exercise.HeartbeatGap(50*time.Millisecond))
	async := func(student func(c *asyncio.Co) error) *exercise.Exercise {
		return exercise.New("async").Async(func(_ *exercise.Run, c *asyncio.Co) error { return student(c) }).Require(1, exercise.Finishes())
	}
	stuck := exercise.New("once").Once(func(run *exercise.Run, t *rt.Thread) error {
		getsStuck(t, threading.NewLock(run.In, "lock"))
		return nil
	}).Require(1, exercise.NoDeadlock())
	for _, c := range []struct {
		name string
		ex   *exercise.Exercise
		want []string // by verdict
	}{
		{"lost update", counter(slowly), []string{
			"line 19 of students_test.go  ← Thread-1 is interrupted before this line, and Thread-2 runs",
			"line 19 of students_test.go  ← Thread-1 writes counter here; line 18 of students_test.go  ← Thread-2 reads counter here",
		}},
		{"in one line", counter(wrong), []string{
			"line 15 of students_test.go  ← Thread-1 is interrupted in the middle of this line, and Thread-2 runs",
			"line 15 of students_test.go  ← Thread-1 writes counter here; Thread-2 reads counter here",
		}},
		{"endless", counter(spins), []string{"line 23 of students_test.go  ← Thread-1 comes here again and again"}},
		{"exception", counter(fails), []string{"line 34 of students_test.go  ← Thread-1 was last seen here"}},
		{"deadlock", twoLocks, []string{"line 29 of students_test.go  ← Ann waits here for B; Bob waits here for A"}},
		{"heartbeat", heartbeat, []string{"line 42 of students_test.go  ← takes 500ms"}},
		{"a task that nobody wakes", async(waits), []string{"line 51 of students_test.go  ← Task-1 waits here for Event.wait"}},
		{"a loop without rest", async(polls), []string{"line 57 of students_test.go  ← Task-1 comes here again and again"}},
		{"deadlock in a run", stuck, []string{"line 47 of students_test.go  ← MainThread waits here"}},
	} {
		r := c.ex.Grade()
		for i, want := range c.want {
			var places []string
			for _, p := range r.Verdicts[i].Places {
				places = append(places, p.String())
			}
			if got := strings.Join(places, "; "); got != want {
				t.Errorf("%s, %q: places %q, want %q\n%s", c.name, r.Verdicts[i].Check, got, want, r)
			}
		}
		if !strings.Contains(r.String(), "students_test.go") || !strings.Contains(r.HTML(), "students_test.go") {
			t.Errorf("%s: the text or the page does not show the line:\n%s", c.name, r)
		}
	}
}

// A passing check shows no line, and positions change nothing of the verdict.
func TestPassingVerdictsHaveNoLine(t *testing.T) {
	for _, v := range counter(right).Grade().Verdicts {
		if !v.Passed || len(v.Places) > 0 {
			t.Errorf("%s: passed %t, places %v", v.Check, v.Passed, v.Places)
		}
	}
}
