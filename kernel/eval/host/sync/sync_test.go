package sync_test

import (
	"math/rand/v2"
	gosync "sync"
	"sync/atomic"
	"testing"
	"time"

	"braid/kernel/eval"
	"braid/kernel/eval/host"
	"braid/kernel/eval/host/sync"
)

// inCell runs fn as a cell, so that waits go through package host.
func inCell(t testing.TB, fn func()) host.Report {
	r := host.Begin(1, "In[1]", host.Config{Source: "x"})
	r.Do(fn)
	return r.End()
}

func TestMutexExcludes(t *testing.T) {
	for _, in := range []string{"cell", "no cell"} {
		t.Run(in, func(t *testing.T) {
			hammer := func() {
				var mu sync.Mutex
				var wg sync.WaitGroup
				n := 0
				for range 16 {
					wg.Go(func() {
						for range 2000 {
							mu.Lock()
							n++
							mu.Unlock()
						}
					})
				}
				wg.Wait()
				if n != 16*2000 {
					t.Errorf("n = %d", n)
				}
			}
			if in == "no cell" {
				hammer()
			} else if rep := inCell(t, hammer); rep.Err != nil {
				t.Error(rep.Err)
			}
		})
	}
}

// TestMutexServesTheHungry makes one goroutine hold the lock almost always.
func TestMutexServesTheHungry(t *testing.T) {
	rep := inCell(t, func() {
		var mu sync.Mutex
		var stop atomic.Bool
		var wg sync.WaitGroup
		wg.Go(func() {
			for !stop.Load() {
				mu.Lock()
				time.Sleep(100 * time.Microsecond)
				mu.Unlock()
			}
		})
		for range 20 {
			mu.Lock()
			mu.Unlock()
		}
		stop.Store(true)
		wg.Wait()
	})
	if rep.Err != nil {
		t.Error(rep.Err)
	}
}

func TestRWMutexExcludes(t *testing.T) {
	rep := inCell(t, func() {
		var mu sync.RWMutex
		var wg sync.WaitGroup
		var readers, writers atomic.Int32
		for i := range 12 {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(i), 1))
				for range 1000 {
					if rng.IntN(4) == 0 {
						mu.Lock()
						if writers.Add(1) != 1 || readers.Load() != 0 {
							t.Error("a writer is not alone")
						}
						writers.Add(-1)
						mu.Unlock()
						continue
					}
					mu.RLock()
					readers.Add(1)
					if writers.Load() != 0 {
						t.Error("a reader beside a writer")
					}
					readers.Add(-1)
					mu.RUnlock()
				}
			})
		}
		wg.Wait()
		if !mu.TryLock() {
			t.Error("not free at the end")
		}
		if mu.TryRLock() {
			t.Error("TryRLock beside a writer")
		}
		mu.Unlock()
	})
	if rep.Err != nil {
		t.Error(rep.Err, rep.Err.Notes)
	}
}

func TestWaitingWriterKeepsReadersOut(t *testing.T) {
	var mu sync.RWMutex
	mu.RLock()
	locked := make(chan bool)
	go func() { mu.Lock(); locked <- true; mu.Unlock() }()
	for mu.TryRLock() {
		mu.RUnlock()
		time.Sleep(time.Millisecond)
	}
	read := make(chan bool)
	go func() { mu.RLock(); read <- true; mu.RUnlock() }()
	mu.RUnlock()
	<-locked
	<-read
}

// TestInterruptsLeaveLocksUsable interrupts runs whose goroutines fight for
// locks that a run which is not interrupted uses too.
func TestInterruptsLeaveLocksUsable(t *testing.T) {
	var mu sync.Mutex
	var rw sync.RWMutex
	cond := sync.NewCond(&mu)
	var outside gosync.WaitGroup
	var stop atomic.Bool
	outside.Go(func() {
		rep := inCell(t, func() {
			for !stop.Load() {
				mu.Lock()
				cond.Broadcast()
				mu.Unlock()
				rw.Lock()
				rw.Unlock()
				rw.RLock()
				rw.RUnlock()
			}
		})
		if rep.Err != nil {
			t.Error(rep.Err)
		}
	})
	for id := range 30 {
		r := host.Begin(id+2, "In[1]", host.Config{Source: "x"})
		var wg gosync.WaitGroup
		var busy atomic.Int32
		wg.Go(func() {
			r.Do(func() {
				for i := range 8 {
					host.Go(eval.Pos{}, func() {
						for {
							busy.Add(1)
							work(&mu, &rw, cond, i)
						}
					}, nil)
				}
				for {
					work(&mu, &rw, cond, 0)
				}
			})
		})
		for busy.Load() < 100 {
			time.Sleep(100 * time.Microsecond)
		}
		r.Interrupt(nil)
		wg.Wait()
		if rep := r.End(); rep.Err == nil || rep.Err.Name != eval.Interrupted {
			t.Fatalf("error %v", rep.Err)
		}
	}
	for host.Stop.Load() != 0 {
		time.Sleep(time.Millisecond)
	}
	stop.Store(true)
	outside.Wait()
	if !mu.TryLock() || !rw.TryLock() {
		t.Error("a lock stayed locked")
	}
}

func work(mu *sync.Mutex, rw *sync.RWMutex, cond *sync.Cond, i int) {
	if host.Stop.Load() != 0 {
		host.Check()
	}
	switch i % 4 {
	case 0:
		mu.Lock()
		defer mu.Unlock()
	case 1:
		rw.RLock()
		defer rw.RUnlock()
	case 2:
		rw.Lock()
		defer rw.Unlock()
	case 3:
		mu.Lock()
		defer mu.Unlock()
		cond.Wait()
	}
}

func TestOnce(t *testing.T) {
	var once sync.Once
	var wg sync.WaitGroup
	n := 0
	for range 10 {
		wg.Go(func() { once.Do(func() { time.Sleep(time.Millisecond); n++ }) })
	}
	wg.Wait()
	if n != 1 {
		t.Errorf("called %d times", n)
	}
	f := sync.OnceFunc(func() { panic("once") })
	for range 2 {
		func() {
			defer func() {
				if r := recover(); r != "once" {
					t.Errorf("recovered %v", r)
				}
			}()
			f()
		}()
	}
}

func TestCondWakesInOrder(t *testing.T) {
	var mu sync.Mutex
	c := sync.NewCond(&mu)
	order := make(chan int, 3)
	for i := range 3 {
		waiting := make(chan bool)
		go func() {
			mu.Lock()
			close(waiting)
			c.Wait()
			order <- i
			mu.Unlock()
		}()
		<-waiting
		mu.Lock() // it waits now
		mu.Unlock()
	}
	for i := range 3 {
		c.Signal()
		if got := <-order; got != i {
			t.Errorf("woke %d, want %d", got, i)
		}
	}
}

func BenchmarkMutex(b *testing.B) {
	inCell(b, func() {
		var mu sync.Mutex
		for b.Loop() {
			mu.Lock()
			mu.Unlock()
		}
	})
}

func BenchmarkMutexContended(b *testing.B) {
	inCell(b, func() {
		var mu sync.Mutex
		var wg sync.WaitGroup
		n := b.N
		b.ResetTimer()
		for range 100 {
			wg.Go(func() {
				for range n / 100 {
					mu.Lock()
					mu.Unlock()
				}
			})
		}
		wg.Wait()
	})
}

func BenchmarkGoMutexContended(b *testing.B) {
	var mu gosync.Mutex
	var wg gosync.WaitGroup
	n := b.N
	for range 100 {
		wg.Go(func() {
			for range n / 100 {
				mu.Lock()
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

func BenchmarkRWMutexReader(b *testing.B) {
	var mu sync.RWMutex
	for b.Loop() {
		mu.RLock()
		mu.RUnlock()
	}
}
