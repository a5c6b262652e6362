package host

import (
	"context"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"braid/kernel/eval"
	hostsync "braid/kernel/eval/host/sync"
	hosttime "braid/kernel/eval/host/time"
)

func TestDeadlocks(t *testing.T) {
	withTimeout := symbol[func(context.Context, time.Duration) (context.Context, context.CancelFunc)]("context", "WithTimeout")
	for _, c := range []struct {
		name, note string
		lock       func()
	}{
		{"self lock", "In[1]:9: waits in Lock for a sync.Mutex that nobody unlocks", func() {
			var mu hostsync.Mutex
			mu.Lock()
			mu.Lock()
		}},
		{"reader then writer", "waits in Lock for a sync.RWMutex", func() {
			var mu hostsync.RWMutex
			mu.RLock()
			mu.Lock()
		}},
		{"lock order", "waits in Lock for a sync.Mutex that nobody unlocks", func() {
			var a, b hostsync.Mutex
			ready := make(chan bool)
			Go(at(1), func() { a.Lock(); SendOf(at(2), ready, true); b.Lock() }, nil)
			b.Lock()
			RecvOf(at(3), ready)
			a.Lock()
		}},
		{"waitgroup", "waits in Wait for a sync.WaitGroup whose counter does not reach zero", func() {
			var wg hostsync.WaitGroup
			wg.Add(1)
			wg.Wait()
		}},
		{"cond", "waits in Wait for a sync.Cond that nobody signals", func() {
			c := hostsync.NewCond(new(hostsync.Mutex))
			c.L.Lock()
			c.Wait()
		}},
		{"empty select", "In[1]:4: waits in a select without cases", func() { Select(at(4), nil) }},
		{"nil channel", "In[1]:4: waits to receive from a nil channel", func() { var c chan int; Recv(at(4), value(c)) }},
		{"select", "In[1]:4: waits in a select none of whose channels gets ready", func() {
			Select(at(4), []reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: value(make(chan int))}})
		}},
		{"range over a channel nobody closes", "In[1]:6: waits to receive", func() {
			c := make(chan int)
			Go(at(1), func() {
				for i := range 3 {
					SendOf(at(2), c, i)
				}
			}, nil)
			for {
				RecvOf(at(6), c)
			}
		}},
		{"after a timer has fired", "In[1]:6", func() {
			hosttime.AfterFunc(time.Millisecond, func() {})
			RecvOf(at(6), make(chan int))
		}},
		{"with a stopped timer", "In[1]:6", func() {
			tm := hosttime.AfterFunc(time.Hour, func() {})
			Go(at(1), func() { tm.Stop() }, nil)
			RecvOf(at(6), make(chan int))
		}},
		{"after a context has ended", "In[1]:6", func() {
			ctx, cancel := withTimeout(context.Background(), time.Millisecond)
			defer cancel()
			RecvOf(at(5), ctx.Done())
			RecvOf(at(6), make(chan int))
		}},
		{"after native goroutines have ended", "In[1]:6", func() {
			go time.Sleep(5 * time.Millisecond) // as native code of the standard library does
			RecvOf(at(6), make(chan int))
		}},
		{"inside iter.Pull", "In[1]:6", func() {
			next, stop := iter.Pull(func(yield func(int) bool) { RecvOf(at(6), make(chan int)) })
			defer stop()
			next()
		}},
		{"many goroutines", "(500 goroutines)", func() {
			c := make(chan int)
			for range 500 {
				Go(at(1), func() { SendOf(at(2), c, 1) }, nil)
			}
			Select(at(6), nil)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			Trace(func(local any) []eval.Frame { return local.([]eval.Frame) })
			defer Trace(nil)
			rep, _ := cell(t, Config{}, func() {
				SetLocal([]eval.Frame{{Func: "work", Pos: at(9)}})
				c.lock()
			})
			wantErr(t, rep, eval.Deadlock, "all goroutines are asleep - deadlock!")
			if notes := strings.Join(rep.Err.Notes, "\n"); !strings.Contains(notes, c.note) {
				t.Errorf("notes lack %q:\n%s", c.note, notes)
			}
		})
	}
}

// TestNoFalseDeadlock runs programs that look asleep but are not.
func TestNoFalseDeadlock(t *testing.T) {
	withTimeout := symbol[func(context.Context, time.Duration) (context.Context, context.CancelFunc)]("context", "WithTimeout")
	for name, do := range map[string]func(){
		"ping-pong": func() {
			ping, pong := make(chan int), make(chan int)
			Go(at(1), func() {
				for {
					v, ok := RecvOf(at(2), ping)
					if !ok {
						return
					}
					SendOf(at(3), pong, v)
				}
			}, nil)
			for i := range 20_000 {
				SendOf(at(4), ping, i)
				RecvOf(at(5), pong)
			}
			close(ping)
		},
		"contended mutex": func() {
			var mu hostsync.Mutex
			var wg hostsync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for range 2000 {
						mu.Lock()
						mu.Unlock()
					}
				})
			}
			wg.Wait()
		},
		"sleep": func() {
			done := make(chan int)
			Go(at(1), func() { sleep(20 * time.Millisecond); close(done) }, nil)
			RecvOf(at(2), done)
		},
		"time.After":  func() { RecvOf(at(1), time.After(20*time.Millisecond)) },
		"time.Ticker": func() { tk := time.NewTicker(20 * time.Millisecond); defer tk.Stop(); Recv(at(1), value(tk.C)) },
		"AfterFunc": func() {
			done := make(chan int)
			hosttime.AfterFunc(20*time.Millisecond, func() { SendOf(at(1), done, 1) })
			RecvOf(at(2), done)
		},
		"AfterFunc reset twice": func() {
			done := make(chan int)
			tm := hosttime.AfterFunc(time.Millisecond, func() { close(done) })
			tm.Reset(40 * time.Millisecond)
			tm.Reset(20 * time.Millisecond)
			RecvOf(at(2), done)
		},
		"AfterFunc that sets itself again": func() {
			done := make(chan int)
			n := 0
			ready := make(chan *hosttime.Timer, 1)
			tm := hosttime.AfterFunc(5*time.Millisecond, func() {
				tm := <-ready
				if n++; n == 4 {
					close(done)
					return
				}
				ready <- tm
				tm.Reset(5 * time.Millisecond)
			})
			ready <- tm
			RecvOf(at(2), done)
		},
		"context with a deadline": func() {
			ctx, cancel := withTimeout(context.Background(), 20*time.Millisecond)
			defer cancel()
			child, cancel := context.WithCancel(ctx)
			defer cancel()
			RecvOf(at(2), child.Done())
		},
		"native goroutine": func() {
			c := make(chan int)
			go func() { time.Sleep(20 * time.Millisecond); c <- 1 }()
			RecvOf(at(2), c)
		},
		"native server": func() {
			done := make(chan string)
			s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { SendOf(at(1), done, r.URL.Path) }))
			defer s.Close()
			Go(at(3), func() { time.Sleep(20 * time.Millisecond); http.Get(s.URL + "/x") }, nil)
			RecvOf(at(2), done)
		},
		"accept": func() {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				panic(err)
			}
			done := make(chan int)
			Go(at(1), func() { l.Accept(); close(done) }, nil)
			Go(at(1), func() { sleep(20 * time.Millisecond); net.Dial("tcp", l.Addr().String()) }, nil)
			RecvOf(at(2), done)
		},
		"child process": func() {
			done := make(chan error)
			Go(at(1), func() { SendOf(at(2), done, exec.Command("sleep", "0.05").Run()) }, nil)
			RecvOf(at(3), done)
		},
		"Goexit of a partner": func() {
			var wg hostsync.WaitGroup
			wg.Add(1)
			Go(at(1), func() { defer wg.Done(); goexit() }, nil)
			wg.Wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			rep, _ := cell(t, Config{}, do)
			if rep.Err != nil {
				t.Errorf("%v\n%s", rep.Err, strings.Join(rep.Err.Notes, "\n"))
			}
		})
	}
}

func TestAnotherRunMayWake(t *testing.T) {
	c := make(chan int)
	waiting := begin(Config{})
	first := make(chan Report)
	go func() { waiting.Do(func() { RecvOf(at(1), c) }); first <- waiting.End() }()
	awaitState(t, waiting, opReceive)
	rep, _ := cell(t, Config{}, func() {
		sleep(20 * time.Millisecond)
		SendOf(at(2), c, 1)
	})
	if other := <-first; rep.Err != nil || other.Err != nil {
		t.Errorf("%v, %v", rep.Err, other.Err)
	}
}

func TestBackgroundGoroutinesOutliveTheirCell(t *testing.T) {
	work, results := make(chan int), make(chan int)
	rep, id := cell(t, Config{}, func() {
		for range 2 {
			Go(at(1), func() {
				for {
					v, ok := RecvOf(at(2), work)
					if !ok {
						return
					}
					SendOf(at(3), results, v*v)
				}
			}, nil)
		}
	})
	if rep.Err != nil || len(rep.Goroutines) != 2 {
		t.Fatalf("report %+v", rep)
	}
	rep, _ = cell(t, Config{}, func() {
		SendOf(at(1), work, 7)
		if v, _ := RecvOf(at(2), results); v != 49 {
			t.Errorf("got %d", v)
		}
		RecvOf(at(4), results) // nobody works any more
	})
	wantErr(t, rep, eval.Deadlock, "")
	if list := Census(id); len(list) != 2 || list[0].At.Line != 2 {
		t.Errorf("the workers: %v", list)
	}
	close(work)
	for len(Census(id)) > 0 {
		time.Sleep(time.Millisecond)
	}
}

func TestWaitingForInputIsNoDeadlock(t *testing.T) {
	rep, _ := cell(t, Config{AllowStdin: true, Input: func(eval.InputRequest) (string, error) {
		time.Sleep(20 * time.Millisecond)
		return "x", nil
	}}, func() {
		got := make(chan string)
		Go(at(1), func() { s, _ := Input("", false); SendOf(at(1), got, s) }, nil)
		RecvOf(at(2), got)
	})
	if rep.Err != nil {
		t.Error(rep.Err)
	}
}
