package host

import (
	"strings"
	"testing"
	"time"

	"braid/kernel/eval"
	rt "braid/runtime"
)

// Settle returns exactly when nobody else can go on, and a deadlock after it is
// still found.
func TestSettle(t *testing.T) {
	for range 20 {
		steps, waiting := 0, 0
		rep, _ := cell(t, Config{}, func() {
			c := make(chan int)
			Go(at(1), func() {
				for range 1000 {
					steps++
				}
				SendOf(at(2), c, 1)
			}, nil)
			Go(at(3), func() { RecvOf(at(4), c); RecvOf(at(5), c) }, nil)
			Settle()
			list := rt.Goroutines().List()
			waiting = len(list)
			if waiting == 1 && !strings.HasPrefix(list[0].Text, "In[1]:5: waits to receive") {
				t.Errorf("%+v", list)
			}
			SendOf(at(6), c, 2)
		})
		if rep.Err != nil {
			t.Fatal(rep.Err)
		}
		if steps != 1000 || waiting != 1 {
			t.Fatalf("%d steps, %d goroutines wait; want 1000 and 1", steps, waiting)
		}
	}
	rep, _ := cell(t, Config{}, func() {
		Settle()
		RecvOf(at(1), make(chan int))
	})
	wantErr(t, rep, eval.Deadlock, "asleep")
}

// The main goroutine comes last: others may come to rest many times before.
func TestMainSettlesLast(t *testing.T) {
	var order []string
	rep, _ := cell(t, Config{}, func() {
		Go(at(1), func() {
			for range 3 {
				Settle()
				order = append(order, "other")
			}
		}, nil)
		Settle()
		order = append(order, "main")
	})
	if got := strings.Join(order, " "); rep.Err != nil || got != "other other other main" {
		t.Errorf("%v, order %s", rep.Err, got)
	}
}

func TestSettleIsInterrupted(t *testing.T) {
	run := begin(Config{})
	go func() {
		time.Sleep(10 * time.Millisecond)
		run.Interrupt(nil)
	}()
	run.Do(func() {
		go func() { // works for the cell: nothing ever settles
			for run.isRunning() {
				time.Sleep(time.Millisecond)
			}
		}()
		Settle()
	})
	if r := run.End(); r.Err == nil {
		t.Error("Settle was not interrupted")
	}
	if len(settling.list) > 0 {
		t.Error("it is still on the list")
	}
}
