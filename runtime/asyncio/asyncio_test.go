package asyncio

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	rt "braid/runtime"
	"braid/runtime/sched"
	"braid/runtime/threading"
)

// inBoth runs a program on the machine's clock and on a virtual one; both must
// return want.
func inBoth(t *testing.T, want any, body func(c *Co) (any, error)) {
	t.Helper()
	main := Async("main", func(c *Co, _ []any) (any, error) { return body(c) })
	got, err := Run(main.Call())
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("on the real clock: %v, %v; want %v", got, err, want)
	}
	got, _, err = RunVirtual(main.Call())
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("on the virtual clock: %v, %v; want %v", got, err, want)
	}
}

// virtual runs body in virtual time, fails the test if it fails, and returns
// what it returned and how long it took.
func virtual(t *testing.T, body func(c *Co) (any, error), opts ...Option) (any, time.Duration) {
	t.Helper()
	v, took, err := RunVirtual(Async("main", func(c *Co, _ []any) (any, error) { return body(c) }).Call(), opts...)
	if err != nil {
		t.Errorf("the program ends with %v", err)
	}
	return v, took
}

// noLeak fails the test if goroutines are left at its end.
func noLeak(t *testing.T) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for i := 0; i < 200 && runtime.NumGoroutine() > before; i++ {
			runtime.Gosched()
			time.Sleep(time.Millisecond)
		}
		if n := runtime.NumGoroutine(); n > before {
			buf := make([]byte, 1<<16)
			t.Errorf("%d goroutines are left of %d\n%s", n, before, buf[:runtime.Stack(buf, true)])
		}
	})
}

func TestDocumentProgram(t *testing.T) {
	noLeak(t)
	var lines []string
	worker := Async("worker", func(c *Co, a []any) (any, error) {
		lines = append(lines, fmt.Sprint(c.Now(), " ", a[0], " starting"))
		if _, err := c.Sleep(a[1].(time.Duration)); err != nil {
			return nil, err
		}
		lines = append(lines, fmt.Sprint(c.Now(), " ", a[0], " done"))
		return a[0], nil
	})
	v, took := virtual(t, func(c *Co) (any, error) {
		return c.Await(Gather(worker.Call("A", 2*time.Second), worker.Call("B", time.Second)))
	})
	want := []string{"0s A starting", "0s B starting", "1s B done", "2s A done"}
	if !slices.Equal(lines, want) || fmt.Sprint(v) != "[A B]" || took != 2*time.Second {
		t.Errorf("%q, %v in %v", lines, v, took)
	}
}

func TestQueueHandsOver(t *testing.T) {
	noLeak(t)
	inBoth(t, []any{0, 1, 2}, func(c *Co) (any, error) {
		q := NewQueue(1)
		producer := Async("producer", func(c *Co, _ []any) (any, error) {
			for i := range 3 {
				c.MustAwait(q.Put(i))
			}
			return nil, nil
		})
		if _, err := c.CreateTask(producer.Call()); err != nil {
			return nil, err
		}
		var got []any
		for range 3 {
			got = append(got, c.MustAwait(q.Get()))
		}
		return got, nil
	})
}

func TestToThread(t *testing.T) {
	noLeak(t)
	inBoth(t, "[5 <nil>] ValueError: bad", func(c *Co) (any, error) {
		v, err := c.Await(Gather(
			ToThread(func(a, b int) int { return a + b }, 2, 3),
			ToThread(func(t *rt.Thread) (any, error) { return nil, t.Sleep(time.Millisecond) }),
		))
		if err != nil {
			return nil, err
		}
		_, err = c.ToThread(func() { panic(rt.Raise("ValueError", "bad")) })
		return fmt.Sprint(v, " ", err), nil
	})
}

func TestThreadTimeIsVirtual(t *testing.T) {
	_, took := virtual(t, func(c *Co) (any, error) {
		return c.Await(Gather(
			ToThread(func(t *rt.Thread) (any, error) { return nil, t.Sleep(time.Hour) }),
			ToThread(func(t *rt.Thread) (any, error) { return nil, t.Sleep(2 * time.Hour) }),
			Sleep(time.Minute),
		))
	})
	if took != 2*time.Hour {
		t.Errorf("took %v, want 2h", took)
	}
}

func TestBlockingFreezesTheLoop(t *testing.T) {
	var ticks []time.Duration
	ticker := Async("ticker", func(c *Co, _ []any) (any, error) {
		for range 3 {
			ticks = append(ticks, c.Now())
			if _, err := c.Sleep(10 * time.Millisecond); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
	virtual(t, func(c *Co) (any, error) {
		if _, err := c.CreateTask(ticker.Call()); err != nil {
			return nil, err
		}
		if _, err := c.Sleep(0); err != nil {
			return nil, err
		}
		if err := c.BlockingSleep(500 * time.Millisecond); err != nil {
			return nil, err
		}
		return c.Sleep(time.Second)
	})
	want := []time.Duration{0, 500 * time.Millisecond, 510 * time.Millisecond}
	if !slices.Equal(ticks, want) {
		t.Errorf("the ticker ran at %v, want %v", ticks, want)
	}
}

func TestDeadlockIsFound(t *testing.T) {
	noLeak(t)
	main := Async("main", func(c *Co, _ []any) (any, error) { return c.Await(NewEvent().Wait()) })
	_, _, err := RunVirtual(main.Call())
	var dead *sched.DeadlockError
	if !errors.As(err, &dead) || err.Error() != "deadlock: Task-1 waits for Event.wait" {
		t.Errorf("got %v", err)
	}
}

// Loops that let no virtual time pass are ended, with a text that says what to
// do.
func TestLoopWithoutRestIsEnded(t *testing.T) {
	for name, body := range map[string]func(c *Co) error{
		"sleep(0)": func(c *Co) error {
			for {
				if _, err := c.Sleep(0); err != nil {
					return err
				}
			}
		},
		"call_soon": func(c *Co) error {
			l := c.Loop()
			var again func()
			again = func() { _, _ = l.CallSoon(again) }
			again()
			_, err := c.Await(l.NewFuture())
			return err
		},
		"a queue that is asked": func(c *Co) error {
			for q := NewQueue(0); ; {
				if _, err := q.GetNowait(); err == nil {
					return nil
				}
				if _, err := c.Sleep(0); err != nil {
					return err
				}
			}
		},
		"beside a thread that waits": func(c *Co) error {
			ev := threading.NewEvent(c.Loop().Thread().Interpreter(), "never")
			c.Loop().RunInExecutor(nil, func(t *rt.Thread) { ev.Wait(t, -1) })
			for {
				if _, err := c.Sleep(0); err != nil {
					return err
				}
			}
		},
	} {
		noLeak(t)
		in := rt.Virtual(rt.GIL310, 1, 2)
		in.World().StepLimit = 100_000
		err := in.Run(func(th *rt.Thread) error {
			_, err := RunIn(th, def("main", body).Call())
			return err
		})
		if !errors.Is(err, sched.ErrStepLimit) || !strings.Contains(err.Error(), "at 0s of virtual time") || !strings.Contains(err.Error(), "Sleep for a while in it") {
			t.Errorf("%s: ended with %v", name, err)
		}
	}
}

func TestOutsideOfACoroutine(t *testing.T) {
	g := AsyncGen("g", func(c *Co, y *Yielder, _ []any) error { return nil }).Call()
	if err := AsyncFor(nil, g, nil); err == nil || err.Error() != "SyntaxError: 'async for' outside async function" {
		t.Errorf("async for: %v", err)
	}
	sleep := Sleep(0)
	defer sleep.Close()
	var none *Co
	if _, err := none.Await(sleep); err == nil || err.Error() != "SyntaxError: 'await' outside async function" {
		t.Errorf("await: %v", err)
	}
}
