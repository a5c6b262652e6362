package kernel

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// listening is a kernel with a fake session on real sockets.
func listening(t *testing.T, transport, ip string) (info ConnectionInfo, done <-chan error) {
	port := "0"
	if transport == "ipc" {
		port = "1"
	}
	path := connectionFile(t, strings.NewReplacer(`"tcp"`, `"`+transport+`"`, `"127.0.0.1"`, `"`+ip+`"`, ":1,", ":"+port+",").Replace(goodFile))
	if transport == "tcp" {
		path = connectionFile(t, strings.NewReplacer(":1,", ":0,", ":2,", ":0,", ":3,", ":0,", ":4,", ":0,", ":5,", ":0,").Replace(goodFile))
	}
	asked, err := ReadConnectionFile(path)
	if err != nil {
		t.Fatal(err)
	}
	returned := make(chan error, 1)
	go func() {
		returned <- Serve(t.Context(), asked, Options{
			Session: func() (Session, error) { return newFakeSession(), nil },
			Signals: make(chan os.Signal), Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		})
	}()
	waitFor(t, "the ports", func() bool {
		info, err = ReadConnectionFile(path)
		return err == nil && !info.hasFreePorts()
	})
	return info, returned
}

// Over ZeroMQ, tcp and ipc, a client runs a cell and shuts the kernel down.
func TestServeZMQ(t *testing.T) {
	for transport, ip := range map[string]string{"tcp": "127.0.0.1", "ipc": filepath.Join(t.TempDir(), "s")} {
		t.Run(transport, func(t *testing.T) {
			info, done := listening(t, transport, ip)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			out, err := Ping(ctx, info, "print hello \u4e16")
			if err != nil || out != "hello \u4e16\n" {
				t.Errorf("%q, %v", out, err)
			}
			select {
			case err := <-done:
				if err != nil {
					t.Errorf("Serve returned %v", err)
				}
			case <-ctx.Done():
				t.Fatal("Serve does not return")
			}
		})
	}
}

func TestAddressInUse(t *testing.T) {
	info, _ := listening(t, "tcp", "127.0.0.1")
	err := Serve(t.Context(), info, Options{Session: func() (Session, error) { return newFakeSession(), nil }, Signals: make(chan os.Signal)})
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("Serve returned %v", err)
	}
}

// A kernel that has ended has left no goroutine behind.
func TestNoGoroutineStays(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 3 {
		f := start(t)
		f.newSubshell()
		f.run("block").saw("execute_input")
		f.run("print no")
		f.on("control", "shutdown_request", content{}).result()
		if err := f.kernel.wait(); err != nil {
			t.Errorf("Serve returned %v", err)
		}
	}
	waitFor(t, "the last goroutine", func() bool { return runtime.NumGoroutine() <= before })
}

// Cells, interrupts, aborts, subshells and readers of several clients at once.
func TestSoak(t *testing.T) {
	s := serve(t)
	until := time.After(500 * time.Millisecond)
	fronts := []*front{s.front(), s.front(), s.front()}
	id := fronts[0].newSubshell()
	rounds := 0
	for {
		var all []sent
		for _, f := range fronts {
			all = append(all, f.run("print a"), f.run("fail x"), f.run("result 1"), f.subshell(id, "execute_request", content{"code": "print b\nblock"}),
				f.send("complete_request", content{"code": "Pri"}), f.on("control", "interrupt_request", content{}), f.send("history_request", content{}))
		}
		for _, f := range fronts {
			last := f.on("control", "interrupt_request", content{})
			all = append(all, last)
		}
		stop := make(chan struct{})
		go func() { // until every blocking cell has begun and ended
			for {
				select {
				case <-stop:
					return
				case s.signals <- os.Interrupt:
					time.Sleep(time.Millisecond)
				}
			}
		}()
		for _, x := range all {
			r := x.result()
			if states := r.outline(); !strings.HasPrefix(states, "busy") || !strings.HasSuffix(states, "idle") || strings.Count(states, "busy")+strings.Count(states, "idle") != 2 {
				t.Errorf("bracket of %s: %s", x.header.MsgType, states)
			}
		}
		close(stop)
		rounds++
		for _, f := range fronts {
			f.mu.Lock()
			f.messages = nil
			f.mu.Unlock()
		}
		select {
		case <-until:
			t.Logf("%d rounds", rounds)
			return
		default:
		}
	}
}
