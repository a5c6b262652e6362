package errgroup_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"braid/kernel/eval"
	"braid/kernel/eval/host"
	"braid/kernel/eval/host/errgroup"
	"braid/kernel/eval/host/sync"
)

func inCell(fn func()) host.Report {
	r := host.Begin(1, "In[1]", host.Config{Source: "x"})
	r.Do(fn)
	return r.End()
}

func TestFirstErrorWinsAndCancels(t *testing.T) {
	rep := inCell(func() {
		g, ctx := errgroup.WithContext(context.Background())
		first := errors.New("first")
		g.Go(func() error { return first })
		g.Go(func() error { <-ctx.Done(); return ctx.Err() })
		g.Go(func() error { <-ctx.Done(); return nil })
		if err := g.Wait(); err != first {
			t.Errorf("Wait gives %v", err)
		}
		if err := context.Cause(ctx); err != first {
			t.Errorf("the cause is %v", err)
		}
	})
	if rep.Err != nil {
		t.Error(rep.Err)
	}
}

func TestWaitCancelsTheContext(t *testing.T) {
	g, ctx := errgroup.WithContext(context.Background())
	g.Go(func() error { return nil })
	if err := g.Wait(); err != nil || ctx.Err() != context.Canceled || context.Cause(ctx) != context.Canceled {
		t.Errorf("Wait: %v, context %v, cause %v", err, ctx.Err(), context.Cause(ctx))
	}
}

func TestZeroGroup(t *testing.T) {
	var g errgroup.Group
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	e := errors.New("e")
	g.Go(func() error { return e })
	if err := g.Wait(); err != e {
		t.Error(err)
	}
}

func TestLimit(t *testing.T) {
	rep := inCell(func() {
		var g errgroup.Group
		g.SetLimit(3)
		var now, most atomic.Int32
		for range 200 {
			g.Go(func() error {
				n := now.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				now.Add(-1)
				return nil
			})
		}
		if err := g.Wait(); err != nil || most.Load() > 3 {
			t.Errorf("Wait: %v; %d at a time", err, most.Load())
		}
		g.SetLimit(0)
		if g.TryGo(func() error { return nil }) {
			t.Error("TryGo starts a goroutine over the limit")
		}
		g.SetLimit(1)
		hold := make(chan int)
		if !g.TryGo(func() error { <-hold; return nil }) || g.TryGo(func() error { return nil }) {
			t.Error("TryGo does not count")
		}
		func() {
			defer func() {
				want := "errgroup: modify limit while 1 goroutines in the group are still active"
				if got := fmt.Sprint(recover()); got != want {
					t.Errorf("SetLimit panics with %q", got)
				}
			}()
			g.SetLimit(2)
		}()
		close(hold)
		g.Wait()
		g.SetLimit(-1)
		for range 10 {
			g.Go(func() error { return nil })
		}
		g.Wait()
	})
	if rep.Err != nil {
		t.Error(rep.Err)
	}
}

// An interrupt must reach a call of Go that waits for a place, and leave the
// group usable.
func TestInterruptWhileWaitingForAPlace(t *testing.T) {
	var g errgroup.Group
	g.SetLimit(1)
	hold := make(chan int)
	r := host.Begin(1, "In[1]", host.Config{Source: "x"})
	done := make(chan host.Report)
	waiting := make(chan int)
	go func() {
		r.Do(func() {
			g.TryGo(func() error {
				// Not a wait of the cell: it outlives the interrupt.
				<-hold
				return nil
			})
			close(waiting)
			g.Go(func() error { t.Error("started"); return nil })
		})
		done <- r.End()
	}()
	<-waiting
	r.Interrupt(nil)
	if rep := <-done; rep.Err == nil || rep.Err.Name != eval.Interrupted {
		t.Errorf("ended with %v", rep.Err)
	}
	close(hold)
	g.Wait()
	g.Go(func() error { return nil })
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

func TestPanicEndsTheCell(t *testing.T) {
	rep := inCell(func() {
		var g errgroup.Group
		g.Go(func() error { panic("boom") })
		var never sync.WaitGroup
		never.Add(1)
		never.Wait() // the panic ends the cell
	})
	if rep.Err == nil || rep.Err.Name != eval.Panic || rep.Err.Value != "boom" {
		t.Errorf("ended with %v", rep.Err)
	}
}

func TestDeadlockIsSeen(t *testing.T) {
	rep := inCell(func() {
		var g errgroup.Group
		g.SetLimit(0)
		g.Go(func() error { return nil })
	})
	if rep.Err == nil || rep.Err.Name != eval.Deadlock {
		t.Errorf("ended with %v", rep.Err)
	}
}
