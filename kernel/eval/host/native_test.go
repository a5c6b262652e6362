package host

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"braid/kernel/eval"
	hostsync "braid/kernel/eval/host/sync"
	hosttime "braid/kernel/eval/host/time"
)

// methodOf is a replaced method.
func methodOf[T any](t *testing.T, recv any, name string) T {
	t.Helper()
	f, ok := Method(reflect.TypeOf(recv), name)
	if !ok {
		t.Fatalf("%T.%s is not replaced", recv, name)
	}
	return f.Interface().(T)
}

// TestReplacementsFitTheOriginals compares types, which reflection would only
// complain about when a learner calls.
func TestReplacementsFitTheOriginals(t *testing.T) {
	for m, f := range methods() {
		original, ok := m.receiver.MethodByName(m.name)
		if !ok || original.Type != f.Type() {
			t.Errorf("%v.%s is %v, want %v", m.receiver, m.name, f.Type(), original.Type)
		}
	}
	originals := map[string]any{
		"fmt.Println": fmt.Println, "fmt.Fprintf": fmt.Fprintf, "fmt.Sscan": nil, "log.Fatalf": log.Fatalf, "log.New": log.New,
		"net/http.Get": http.Get, "net/http.Post": http.Post, "net/http.NewRequest": http.NewRequest, "net/http.ListenAndServe": http.ListenAndServe,
		"net/http.Serve": http.Serve, "net.Listen": net.Listen, "net.Dial": net.Dial, "net.DialTimeout": net.DialTimeout,
		"os/exec.Command": exec.Command, "os/exec.CommandContext": exec.CommandContext, "io.Copy": io.Copy, "io.MultiWriter": io.MultiWriter,
		"context.WithTimeout": context.WithTimeout, "context.WithDeadlineCause": context.WithDeadlineCause, "context.AfterFunc": context.AfterFunc,
		"runtime.Goexit": runtime.Goexit, "testing.Benchmark": testing.Benchmark, "flag.Parse": flag.Parse, "time.Sleep": time.Sleep,
	}
	for name, original := range originals {
		i := strings.LastIndexByte(name, '.')
		f, ok := Overlay()[name[:i]][name[i+1:]]
		if original == nil {
			if ok {
				t.Errorf("%s is replaced", name)
			}
		} else if !ok || f.Type() != reflect.TypeOf(original) {
			t.Errorf("%s is %v, want %v", name, f, reflect.TypeOf(original))
		}
	}
}

// TestInterruptOfNativeCalls interrupts calls that wait in native code.
func TestInterruptOfNativeCalls(t *testing.T) {
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer slow.Close()
	for name, call := range map[string]func(){
		"child process": func() { symbol[func(string, ...string) *exec.Cmd]("os/exec", "Command")("sleep", "60").Run() },
		"http.Get":      func() { symbol[func(string) (*http.Response, error)]("net/http", "Get")(slow.URL) },
		"client.Get": func() {
			methodOf[func(*http.Client, string) (*http.Response, error)](t, http.DefaultClient, "Get")(http.DefaultClient, slow.URL)
		},
		"http.ListenAndServe": func() {
			symbol[func(string, http.Handler) error]("net/http", "ListenAndServe")("127.0.0.1:0", nil)
		},
		"server.ListenAndServe": func() {
			s := &http.Server{Addr: "127.0.0.1:0"}
			methodOf[func(*http.Server) error](t, s, "ListenAndServe")(s)
		},
		"accept": func() {
			l, err := symbol[func(string, string) (net.Listener, error)]("net", "Listen")("tcp", "127.0.0.1:0")
			if err != nil {
				t.Error(err)
				return
			}
			l.Accept()
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := begin(Config{})
			calling, finished := make(chan struct{}), make(chan struct{})
			go func() {
				r.Do(func() {
					close(calling)
					call()
					Check()
				})
				close(finished)
			}()
			<-calling
			time.Sleep(5 * time.Millisecond)
			r.Interrupt(nil)
			<-finished
			wantErr(t, r.End(), eval.Interrupted, "")
		})
	}
}

func TestCallbacksBelongToTheirRun(t *testing.T) {
	done := make(chan struct{}, 2)
	ctx, cancel := context.WithCancel(context.Background())
	var timer *hosttime.Timer
	rep, id := cell(t, Config{}, func() {
		timer = hosttime.AfterFunc(time.Hour, func() { println_("timer"); done <- struct{}{} })
		symbol[func(context.Context, func()) func() bool]("context", "AfterFunc")(ctx, func() { println_("context"); done <- struct{}{} })
	})
	if rep.Err != nil {
		t.Fatal(rep.Err)
	}
	cell(t, Config{}, func() {
		timer.Reset(time.Millisecond)
		<-done
		cancel()
		<-done
	})
	Flush()
	if got := sink.text(id); got != "timer\ncontext\n" {
		t.Errorf("wrote %q", got)
	}
}

func TestTimersOfAnInterruptedRunCallNothing(t *testing.T) {
	var timer *hosttime.Timer
	called := false
	r := begin(Config{})
	r.Do(func() {
		timer = hosttime.AfterFunc(time.Hour, func() { called = true })
		r.Interrupt(nil)
		Check()
	})
	wantErr(t, r.End(), eval.Interrupted, "")
	before := wakers.Load()
	timer.Reset(0)
	for wakers.Load() == before {
		time.Sleep(time.Millisecond)
	}
	if called {
		t.Error("the timer's function was called")
	}
}

// TestFieldsAreWhereTheyAre: engines address fields of struct types by number.
func TestFieldsAreWhereTheyAre(t *testing.T) {
	for _, pair := range [][2]reflect.Type{
		{reflect.TypeFor[hostsync.Cond](), reflect.TypeFor[sync.Cond]()},
		{reflect.TypeFor[hosttime.Timer](), reflect.TypeFor[time.Timer]()},
	} {
		for i := range pair[1].NumField() {
			want := pair[1].Field(i)
			if !want.IsExported() {
				continue
			}
			if got := pair[0].Field(i); got.Name != want.Name || got.Type != want.Type {
				t.Errorf("field %d of %v is %v %v, want %v %v", i, pair[0], got.Name, got.Type, want.Name, want.Type)
			}
		}
		for i := range pair[1].NumMethod() {
			t.Errorf("%v has methods on values: %v", pair[1], pair[1].Method(i).Name)
		}
		for _, p := range pair[1:] {
			for i := range reflect.PointerTo(p).NumMethod() {
				want := reflect.PointerTo(p).Method(i)
				if _, ok := reflect.PointerTo(pair[0]).MethodByName(want.Name); !ok {
					t.Errorf("%v lacks %s", pair[0], want.Name)
				}
			}
		}
	}
	for name, original := range map[string]reflect.Type{"Mutex": reflect.TypeFor[*sync.Mutex](), "RWMutex": reflect.TypeFor[*sync.RWMutex](), "WaitGroup": reflect.TypeFor[*sync.WaitGroup](), "Once": reflect.TypeFor[*sync.Once]()} {
		ours := Overlay()["sync"][name].Type()
		if ours.String() != original.String() {
			t.Errorf("%v prints as %v", original, ours)
		}
		for i := range original.NumMethod() {
			want := original.Method(i)
			if _, ok := ours.MethodByName(want.Name); !ok {
				t.Errorf("%v lacks %s", ours, want.Name)
			}
		}
	}
}

func TestPanicOfATimer(t *testing.T) {
	Explain(func(v any) *eval.Error { return &eval.Error{Name: eval.Panic, Value: fmt.Sprint("explained: ", v)} })
	defer Explain(nil)
	rep, _ := cell(t, Config{}, func() {
		hosttime.AfterFunc(time.Millisecond, func() { panic("tick") })
		sleep(time.Hour)
	})
	wantErr(t, rep, eval.Panic, "explained: tick")
}

func TestHandlersOfAServerBelongToTheRunThatStartedIt(t *testing.T) {
	var s *httptest.Server
	_, id := cell(t, Config{}, func() {
		s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			println_("handled", r.URL.Path)
		}))
	})
	cell(t, Config{}, func() {
		resp, err := http.Get(s.URL + "/x")
		if err != nil {
			t.Error(err)
			return
		}
		resp.Body.Close()
	})
	s.Close()
	Flush()
	if got := sink.text(id); got != "handled /x\n" {
		t.Errorf("wrote %q", got)
	}
}

func TestFatalOfALogger(t *testing.T) {
	l := log.New(Stderr(), "", 0)
	rep, id := cell(t, Config{}, func() { methodOf[func(*log.Logger, ...any)](t, l, "Fatal")(l, "over") })
	wantErr(t, rep, eval.Exit, "exit status 1")
	if got := sink.text(id); got != "<stderr>over\n" {
		t.Errorf("wrote %q", got)
	}
}

func TestFlagsEndTheCellOnly(t *testing.T) {
	f := flag.NewFlagSet("cell", flag.ExitOnError)
	f.SetOutput(io.Discard)
	rep, _ := cell(t, Config{}, func() {
		methodOf[func(*flag.FlagSet, []string) error](t, f, "Parse")(f, []string{"-unknown"})
	})
	wantErr(t, rep, eval.Exit, "exit status 2")
	rep, _ = cell(t, Config{}, symbol[func()]("flag", "Parse"))
	if rep.Err != nil {
		t.Error(rep.Err)
	}
}

func TestBenchmarkThatPanics(t *testing.T) {
	rep, _ := cell(t, Config{}, func() {
		symbol[func(func(*testing.B)) testing.BenchmarkResult]("testing", "Benchmark")(func(*testing.B) { panic("bench") })
	})
	wantErr(t, rep, eval.Panic, "bench")
}

func TestPanicTexts(t *testing.T) {
	type point struct{ X, Y int }
	var nilMap map[string]int
	runtimeError := func() (v any) {
		defer func() { v = recover() }()
		nilMap["x"] = 1
		return nil
	}()
	for _, c := range []struct {
		value      any
		name, text string
	}{
		{"boom", eval.Panic, "boom"},
		{42, eval.Panic, "42"},
		{errors.New("bad"), eval.Panic, "bad"},
		{point{1, 2}, eval.Panic, "(host.point) {X:1 Y:2}"},
		{runtimeError, eval.RuntimeError, "assignment to entry in nil map"},
		{Interrupt{}, eval.Interrupted, "the cell was interrupted"},
	} {
		if e := PanicError(c.value); e.Name != c.name || e.Value != c.text {
			t.Errorf("%v: %v, want %s: %s", c.value, e, c.name, c.text)
		}
	}
}
