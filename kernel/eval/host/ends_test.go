package host

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"braid/kernel/eval"
	hostsync "braid/kernel/eval/host/sync"
)

func TestExitEndsTheCellInSilence(t *testing.T) {
	exits := map[string]func(){
		"os.Exit":      func() { symbol[func(int)]("os", "Exit")(3) },
		"syscall.Exit": func() { symbol[func(int)]("syscall", "Exit")(3) },
	}
	for name, exit := range exits {
		t.Run(name, func(t *testing.T) {
			var mu hostsync.Mutex
			rep, id := cell(t, Config{}, func() {
				mu.Lock()
				defer mu.Unlock()
				defer println_("deferred calls print nothing after os.Exit")
				println_("bye")
				exit()
			})
			wantErr(t, rep, eval.Exit, "exit status 3")
			if got := sink.text(id); got != "bye\n" {
				t.Errorf("wrote %q", got)
			}
			if !mu.TryLock() {
				t.Error("the mutex stayed locked")
			}
		})
	}
}

func TestExitOfAnotherGoroutine(t *testing.T) {
	rep, _ := cell(t, Config{}, func() {
		Go(at(1), func() { symbol[func(int)]("os", "Exit")(0) }, nil)
		Recv(at(2), value(make(chan int)))
	})
	wantErr(t, rep, eval.Exit, "exit status 0")
}

func TestLogFatal(t *testing.T) {
	prepareDefaults()
	rep, id := cell(t, Config{}, func() { symbol[func(string, ...any)]("log", "Fatalf")("no %s", "luck") })
	wantErr(t, rep, eval.Exit, "exit status 1")
	if got := sink.text(id); len(got) < 10 || got[len(got)-8:] != "no luck\n" {
		t.Errorf("wrote %q", got)
	}
}

func TestGoexit(t *testing.T) {
	for name, goexit := range map[string]func(){"ours": symbol[func()]("runtime", "Goexit"), "native": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			done := make(chan struct{})
			rep, id := cell(t, Config{}, func() {
				Go(at(1), func() { defer close(done); goexit() }, nil)
				<-done
				defer println_("deferred")
				goexit()
			})
			wantErr(t, rep, eval.Goexit, "")
			if got := sink.text(id); got != "deferred\n" {
				t.Errorf("wrote %q", got)
			}
		})
	}
}

func TestMisuseOfLocks(t *testing.T) {
	for name, misuse := range map[string]struct {
		text string
		do   func()
	}{
		"mutex":          {"sync: unlock of unlocked mutex", func() { new(hostsync.Mutex).Unlock() }},
		"rwmutex":        {"sync: Unlock of unlocked RWMutex", func() { new(hostsync.RWMutex).Unlock() }},
		"rwmutex reader": {"sync: RUnlock of unlocked RWMutex", func() { new(hostsync.RWMutex).RUnlock() }},
	} {
		t.Run(name, func(t *testing.T) {
			rep, _ := cell(t, Config{}, misuse.do)
			wantErr(t, rep, eval.FatalError, misuse.text)
		})
	}
	rep, _ := cell(t, Config{}, func() { new(hostsync.WaitGroup).Done() })
	wantErr(t, rep, eval.Panic, "sync: negative WaitGroup counter")
}

func TestLimits(t *testing.T) {
	t.Run("goroutines", func(t *testing.T) {
		keepAwake(t)
		rep, _ := cell(t, Config{Limits: eval.Limits{Goroutines: 50}}, func() {
			for {
				Go(at(3), func() { Select(at(3), nil) }, nil)
			}
		})
		wantErr(t, rep, eval.LimitError, "more than 50 goroutines")
		if rep.Err.Pos.Line != 3 {
			t.Errorf("position %v", rep.Err.Pos)
		}
	})
	t.Run("seconds", func(t *testing.T) {
		rep, _ := cell(t, Config{Limits: eval.Limits{Seconds: 0.01}}, func() { sleep(time.Hour) })
		wantErr(t, rep, eval.LimitError, "longer than 10ms")
	})
	t.Run("memory", func(t *testing.T) {
		limit := residentMemory() + 64<<20
		rep, _ := cell(t, Config{Limits: eval.Limits{Memory: limit}}, func() {
			var hog [][]byte
			for {
				b := make([]byte, 1<<20)
				for i := 0; i < len(b); i += 4096 {
					b[i] = 1
				}
				hog = append(hog, b)
				Check()
			}
		})
		wantErr(t, rep, eval.LimitError, "more memory than the limit of")
	})
	t.Run("output", func(t *testing.T) {
		rep, id := cell(t, Config{Limits: eval.Limits{Output: 10}}, func() {
			for range 10 {
				print_("héé\n") // 6 bytes
			}
		})
		if got := sink.text(id); got != "héé\nhé\n[the rest of the output is dropped: In[1] wrote more than the limit of 10 bytes]\n" {
			t.Errorf("wrote %q", got)
		}
		if rep.Err != nil || rep.Dropped != 51 {
			t.Errorf("report %+v", rep)
		}
	})
	t.Run("output ends the run", func(t *testing.T) {
		rep, id := cell(t, Config{Limits: eval.Limits{Output: 1 << 10}, EndAtOutputLimit: true}, func() {
			for {
				print_("0123456789abcdef")
			}
		})
		wantErr(t, rep, eval.LimitError, "more than 1 KiB of output")
		if got := len(sink.text(id)); got != 1<<10 {
			t.Errorf("%d bytes arrived", got)
		}
	})
}

func TestOutputKeepsOrderAndRunes(t *testing.T) {
	_, id := cell(t, Config{}, func() {
		for i, b := range []byte("añ日🎉z") {
			Stdout().Write([]byte{b})
			if i == 2 {
				Stderr().Write([]byte("!"))
			}
		}
		Emit(eval.Event{Display: &eval.Display{Data: map[string]any{"text/plain": "d"}}})
		println_()
		Stdout().Write([]byte{'x', 0xe6})
	})
	var shown []string
	for _, ev := range sink.of(id) {
		if ev.Stream != nil {
			shown = append(shown, ev.Stream.Text)
		} else {
			shown = append(shown, "display")
		}
	}
	text := ""
	for _, s := range shown {
		text += s
	}
	if text != "añ!日🎉zdisplay\nx\uFFFD" {
		t.Errorf("events %q", shown)
	}
}

func TestTextWithoutNewlineShowsWhileTheCellRuns(t *testing.T) {
	r := begin(Config{})
	release := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { r.Do(func() { print_("working"); <-release }) })
	for sink.text(r.ID()) != "working" {
		time.Sleep(time.Millisecond)
	}
	close(release)
	wg.Wait()
	r.End()
}

func TestStderrToStdout(t *testing.T) {
	_, id := cell(t, Config{StderrToStdout: true}, func() {
		print_("a")
		Stderr().Write([]byte("b"))
		print_("c\n")
	})
	if got := sink.text(id); got != "abc\n" {
		t.Errorf("wrote %q", got)
	}
}
