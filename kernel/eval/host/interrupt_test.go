package host

import (
	"io"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"braid/kernel/eval"
	hostsync "braid/kernel/eval/host/sync"
)

// awaitState waits until some goroutine of the run is in a state.
func awaitState(t *testing.T, r *Run, state string) {
	t.Helper()
	for range 5000 {
		for _, g := range r.census() {
			if g.State == state {
				return
			}
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("no goroutine gets into state %q: %v", state, r.census())
}

// keepAwake keeps the deadlock detector from ending what a test blocks on purpose.
func keepAwake(t *testing.T) {
	wakers.Add(1)
	t.Cleanup(func() { wakers.Add(-1) })
}

func TestInterruptOfEveryWait(t *testing.T) {
	keepAwake(t)
	var lockedMutex hostsync.Mutex
	lockedMutex.Lock()
	var written, read hostsync.RWMutex
	written.Lock()
	read.RLock()
	var group hostsync.WaitGroup
	group.Add(1)
	condMutex := new(hostsync.Mutex)
	cond := hostsync.NewCond(condMutex)
	full := make(chan int, 1)
	full <- 1
	type odd struct{ a, b, c int32 } // no fast path
	var nilChan chan int
	waits := []struct {
		name, state string
		wait        func()
	}{
		{"send", opSend, func() { Send(at(1), value(full), value(2)) }},
		{"send other type", opSend, func() { Send(at(1), value(make(chan odd)), value(odd{})) }},
		{"send typed", opSend, func() { SendOf(at(1), make(chan odd), odd{}) }},
		{"receive", opReceive, func() { Recv(at(1), value(make(chan string))) }},
		{"receive other type", opReceive, func() { Recv(at(1), value(make(chan odd))) }},
		{"receive typed", opReceive, func() { RecvOf(at(1), make(chan odd)) }},
		{"select", opSelect, func() {
			Select(at(1), []reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: value(make(chan int))}, {Dir: reflect.SelectSend, Chan: value(full), Send: value(1)}})
		}},
		{"empty select", opSelectNil, func() { Select(at(1), nil) }},
		{"nil receive", opNilRecv, func() { Recv(at(1), value(nilChan)) }},
		{"nil send", opNilSend, func() { Send(at(1), value(nilChan), value(1)) }},
		{"mutex", "sync.Mutex.Lock", lockedMutex.Lock},
		{"rwmutex", "sync.RWMutex.Lock", read.Lock},
		{"rwmutex reader", "sync.RWMutex.RLock", written.RLock},
		{"waitgroup", "sync.WaitGroup.Wait", group.Wait},
		{"cond", "sync.Cond.Wait", func() { condMutex.Lock(); defer condMutex.Unlock(); cond.Wait() }},
		{"sleep", "sleep", func() { sleep(time.Hour) }},
	}
	for _, w := range waits {
		t.Run(w.name, func(t *testing.T) {
			r := begin(Config{})
			returned, deferred := false, make(chan struct{})
			go func() {
				r.Do(func() {
					defer close(deferred)
					w.wait()
					returned = true
				})
			}()
			awaitState(t, r, w.state)
			r.Interrupt(nil)
			<-deferred
			wantErr(t, r.End(), eval.Interrupted, "")
			if returned {
				t.Error("the wait returned")
			}
		})
	}
	// The locks of others are as they were, and usable.
	lockedMutex.Unlock()
	written.Unlock()
	read.RUnlock()
	group.Done()
	for _, ok := range []bool{lockedMutex.TryLock(), written.TryLock(), read.TryLock(), condMutex.TryLock()} {
		if !ok {
			t.Error("a lock is not free")
		}
	}
}

// TestInterruptOfCondWhileItLocksAgain: the deferred Unlock must find the lock
// held, and by nobody else.
func TestInterruptOfCondWhileItLocksAgain(t *testing.T) {
	keepAwake(t)
	mu := new(hostsync.Mutex)
	cond := hostsync.NewCond(mu)
	r := begin(Config{})
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		r.Do(func() {
			mu.Lock()
			defer mu.Unlock()
			cond.Wait()
		})
	}()
	awaitState(t, r, "sync.Cond.Wait")
	mu.Lock() // the test holds it, as a goroutine of another cell
	cond.Signal()
	awaitState(t, r, "sync.Mutex.Lock")
	r.Interrupt(nil)
	for r.stop.Load().gen == 0 || r.main != nil && r.main.delivered.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	if mu.TryLock() {
		t.Error("the lock was freed for its holder")
	}
	mu.Unlock()
	<-finished
	wantErr(t, r.End(), eval.Interrupted, "")
	if !mu.TryLock() {
		t.Error("the lock stayed locked")
	}
}

func TestDeferredCallsWaitDuringAnInterrupt(t *testing.T) {
	r := begin(Config{})
	var order []string
	var group hostsync.WaitGroup
	started := make(chan struct{})
	finished := make(chan struct{})
	go func() {
		r.Do(func() {
			defer func() { order = append(order, "main") }()
			defer group.Wait() // the children are interrupted too and count down
			for range 3 {
				group.Add(1)
				Go(at(1), func() {
					defer group.Done()
					defer sleep(time.Millisecond)
					Recv(at(2), value(make(chan int)))
				}, nil)
			}
			close(started)
			sleep(time.Hour)
		})
		close(finished)
	}()
	<-started
	awaitState(t, r, "sleep")
	r.Interrupt(nil)
	<-finished
	wantErr(t, r.End(), eval.Interrupted, "")
	if len(order) != 1 {
		t.Errorf("deferred calls: %v", order)
	}
}

func TestASecondInterruptReachesDeferredCalls(t *testing.T) {
	keepAwake(t)
	r := begin(Config{})
	inDefer := make(chan struct{})
	finished := make(chan struct{})
	go func() {
		r.Do(func() {
			defer func() {
				close(inDefer)
				for {
					if Stop.Load() != 0 {
						Check()
					}
				}
			}()
			sleep(time.Hour)
		})
		close(finished)
	}()
	awaitState(t, r, "sleep")
	r.Interrupt(nil)
	<-inDefer
	r.Interrupt(nil)
	<-finished
	wantErr(t, r.End(), eval.Interrupted, "")
}

func TestInterruptReachesNativeChildren(t *testing.T) {
	keepAwake(t)
	r := begin(Config{})
	var stopped atomic.Int32
	finished := make(chan struct{})
	go func() {
		r.Do(func() {
			done := make(chan struct{})
			for range 3 {
				go func() { // as a server of the standard library starts them
					defer func() {
						if recover() == nil && stopped.Add(1) == 3 {
							close(done)
						}
					}()
					Recv(at(1), value(make(chan int)))
				}()
			}
			defer func() { <-done }()
			Recv(at(2), value(make(chan int)))
		})
		close(finished)
	}()
	for asleep.Load() < 4 {
		time.Sleep(time.Millisecond)
	}
	r.Interrupt(nil)
	<-finished
	wantErr(t, r.End(), eval.Interrupted, "")
}

func TestInterruptOfManyGoroutines(t *testing.T) {
	const n = manyGoroutines
	keepAwake(t)
	r := begin(Config{})
	finished := make(chan struct{})
	before := asleep.Load()
	var begun time.Time
	go func() {
		defer close(finished)
		r.Do(func() {
			c := make(chan int)
			for range n {
				Go(at(1), func() { RecvOf(at(2), c) }, nil)
			}
			RecvOf(at(3), c)
		})
		t.Logf("Do returned after %v", time.Since(begun))
		rep := r.End()
		t.Logf("End returned after %v", time.Since(begun))
		wantErr(t, rep, eval.Interrupted, "")
		if len(rep.Stuck) > 0 {
			t.Errorf("%d goroutines seem stuck: %v, …", len(rep.Stuck), rep.Stuck[0])
		}
	}()
	for asleep.Load() < before+n+1 {
		time.Sleep(time.Millisecond)
	}
	begun = time.Now()
	r.Interrupt(nil)
	<-finished
	for Stop.Load() != 0 {
		time.Sleep(time.Millisecond)
	}
	t.Logf("all ended after %v", time.Since(begun))
}

func TestStuckGoroutinesAreReported(t *testing.T) {
	native := make(chan struct{})
	stuck := make(chan []Goroutine, 1)
	r := begin(Config{Grace: time.Millisecond, Stuck: func(list []Goroutine) { stuck <- list }})
	r.Do(func() {
		Go(at(7), func() { <-native }, nil)
	})
	r.Interrupt(nil)
	if list := <-stuck; len(list) != 1 || list[0].Pos.Line != 7 || list[0].State != "running" {
		t.Errorf("stuck: %v", list)
	}
	if rep := r.End(); len(rep.Stuck) != 1 {
		t.Errorf("report: %+v", rep)
	}
	close(native)
	for Stop.Load() != 0 {
		time.Sleep(time.Millisecond)
	}
}

func TestInterruptWhileTheQueueIsFull(t *testing.T) {
	hold := make(chan struct{})
	sink.mu.Lock()
	sink.hold = hold
	sink.mu.Unlock()
	r := begin(Config{})
	finished := make(chan struct{})
	big := make([]byte, 1<<20)
	for i := range big {
		big[i] = 'x'
	}
	go func() {
		r.Do(func() {
			for {
				Stdout().Write(big)
			}
		})
		close(finished)
	}()
	for {
		out.mu.Lock()
		full := out.space != nil
		out.mu.Unlock()
		if full {
			break
		}
		time.Sleep(time.Millisecond)
	}
	r.Interrupt(nil)
	<-finished
	sink.mu.Lock()
	sink.hold = nil
	sink.mu.Unlock()
	close(hold)
	wantErr(t, r.End(), eval.Interrupted, "")
	if n := len(sink.text(r.ID())); n < maxQueue || n > 2*maxQueue {
		t.Errorf("%d bytes arrived", n)
	}
}

func TestInputAnswersAndEnds(t *testing.T) {
	keepAwake(t)
	asked := make(chan eval.InputRequest, 1)
	answers := make(chan string)
	c := Config{AllowStdin: true, Input: func(q eval.InputRequest) (string, error) {
		asked <- q
		return <-answers, nil
	}}
	r := begin(c)
	go func() { <-asked; answers <- "Ada"; <-asked; answers <- "\x04" }()
	r.Do(func() {
		if name, err := Input("name? ", false); name != "Ada" || err != nil {
			t.Errorf("got %q, %v", name, err)
		}
		if _, err := Input("more? ", true); err != io.EOF {
			t.Errorf("got %v", err)
		}
	})
	r.End()
	r = begin(c)
	finished := make(chan struct{})
	go func() {
		r.Do(func() { Input("never answered", false) })
		close(finished)
	}()
	<-asked
	r.Interrupt(nil)
	<-finished
	wantErr(t, r.End(), eval.Interrupted, "")
	answers <- "too late"

	rep, _ := cell(t, Config{}, func() {
		_, err := Input("?", false)
		if e, ok := err.(*eval.Error); !ok || e.Name != eval.StdinError {
			t.Errorf("got %v", err)
		}
		var n int
		symbol[func(...any) (int, error)]("fmt", "Scan")(&n)
		t.Error("Scan returned")
	})
	wantErr(t, rep, eval.StdinError, "asks for input")
}
