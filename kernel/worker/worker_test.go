package worker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"braid/kernel/eval"
)

// recorder collects what a worker emits.
type recorder struct {
	mu     sync.Mutex
	events []eval.Event
	seen   chan struct{} // signalled at every event
}

func newRecorder() *recorder { return &recorder{seen: make(chan struct{}, 1000)} }

func (r *recorder) add(ev eval.Event) {
	r.mu.Lock()
	r.events = append(r.events, ev)
	r.mu.Unlock()
	select {
	case r.seen <- struct{}{}:
	default:
	}
}

func (r *recorder) text(stream string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	for _, ev := range r.events {
		if ev.Stream != nil && ev.Stream.Name == stream {
			b.WriteString(ev.Stream.Text)
		}
	}
	return b.String()
}

// await waits until stdout holds want.
func (r *recorder) await(t *testing.T, want string) {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for !strings.Contains(r.text("stdout"), want) {
		select {
		case <-r.seen:
		case <-timeout:
			t.Errorf("%q was not printed; stdout is %q", want, r.text("stdout"))
			return
		}
	}
}

func start(t *testing.T, opts Options) (*Worker, *recorder) {
	t.Helper()
	rec := newRecorder()
	if opts.Engine == "" {
		opts.Engine = "script"
	}
	if opts.OnEvent == nil {
		opts.OnEvent = rec.add
	}
	w, err := Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w, rec
}

func program(id int, lines ...string) *eval.Program {
	return &eval.Program{ID: id, Name: p1(id), Source: strings.Join(lines, "\n")}
}

func TestRun(t *testing.T) {
	w, rec := start(t, Options{})
	e, err := w.Run(t.Context(), program(1, "print a", "warn b", "display c", "print d"))
	if err != nil || e.Error != nil || e.Census != nil {
		t.Fatalf("ended %+v, %v", e, err)
	}
	// Everything a run wrote was delivered before its end was.
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if len(rec.events) != 4 {
		t.Fatalf("events %+v", rec.events)
	}
	for i, want := range []string{"a\n", "b\n", "", "d\n"} {
		ev := rec.events[i]
		if ev.Cell != 1 || want != "" && (ev.Stream == nil || ev.Stream.Text != want) {
			t.Errorf("event %d is %+v, want text %q of run 1", i, ev, want)
		}
	}
	if d := rec.events[2].Display; d == nil || d.Data["text/plain"] != "c" {
		t.Errorf("display %+v", d)
	}
}

func TestRunError(t *testing.T) {
	w, _ := start(t, Options{Engine: "slow"})
	e, err := w.Run(t.Context(), program(3, "fail boom"))
	if err != nil || e.Error == nil || e.Error.Name != eval.Panic || e.Error.Value != "boom" || e.Error.Pos != (eval.Pos{Cell: "In[3]", Line: 1, Column: 2}) {
		t.Fatalf("ended %+v, %v", e, err)
	}
	e, err = w.Run(t.Context(), program(4, "bug nil deref in the engine"))
	if err != nil || e.Error == nil || e.Error.Name != eval.InternalBug || !strings.Contains(e.Error.Notes[0], "worker.command1") {
		t.Errorf("a panic of the engine: %+v, %v", e, err)
	}
}

func TestInterrupt(t *testing.T) {
	w, rec := start(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { rec.await(t, "ready"); cancel() }()
	e, err := w.Run(ctx, program(1, "print ready", "wait"))
	if err != nil || e.Error == nil || e.Error.Name != eval.Interrupted || e.Abandoned {
		t.Fatalf("ended %+v, %v", e, err)
	}
	if e, err := w.Run(t.Context(), program(2, "print next")); err != nil || e.Error != nil {
		t.Errorf("the run after an interrupt: %+v, %v", e, err)
	}
}

func TestParallelRuns(t *testing.T) {
	w, rec := start(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan *Ended)
	go func() {
		e, _ := w.Run(ctx, program(1, "print first", "wait"))
		done <- e
	}()
	rec.await(t, "first")
	if _, err := w.Run(t.Context(), program(1)); err == nil {
		t.Error("a run id was used twice")
	}
	if e, err := w.Run(t.Context(), program(2, "print second")); err != nil || e.Error != nil {
		t.Errorf("second: %+v, %v", e, err)
	}
	cancel()
	if e := <-done; e == nil || e.Error.Name != eval.Interrupted {
		t.Errorf("first: %+v", e)
	}
}

// A call that does not listen is left to end by itself; nothing is lost.
func TestAbandoned(t *testing.T) {
	w, rec := start(t, Options{Grace: 400 * time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { rec.await(t, "ready"); cancel() }()
	e, err := w.Run(ctx, program(1, "print ready", "native 3000", "print not reached"))
	if err != nil || !e.Abandoned || e.Error.Name != eval.Interrupted || len(e.Error.Notes) == 0 {
		t.Fatalf("ended %+v, %v", e, err)
	}
	if e, err := w.Run(t.Context(), program(2, "print next")); err != nil || e.Error != nil {
		t.Errorf("next: %+v, %v", e, err)
	}
	for w.running() > 0 {
		time.Sleep(10 * time.Millisecond)
	}
	if got := rec.text("stdout"); got != "ready\nnext\n" {
		t.Errorf("stdout %q", got)
	}
}

func (w *Worker) running() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.runs)
}

func TestInput(t *testing.T) {
	w, rec := start(t, Options{OnInput: func(ctx context.Context, in eval.InputRequest) (string, error) {
		if in.Prompt == "refuse" {
			return "", errors.New("no questions here")
		}
		return "<" + in.Prompt + ">", nil
	}})
	if e, err := w.Run(t.Context(), program(1, "input name?")); err != nil || e.Error != nil || rec.text("stdout") != "got <name?>\n" {
		t.Fatalf("%+v, %v, stdout %q", e, err, rec.text("stdout"))
	}
	if e, err := w.Run(t.Context(), program(2, "input refuse")); err != nil || e.Error == nil || e.Error.Name != eval.StdinError || e.Error.Value != "no questions here" {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestComm(t *testing.T) {
	w, rec := start(t, Options{})
	if e, err := w.Run(t.Context(), program(1, "target dial")); err != nil || e.Error != nil {
		t.Fatal(e, err)
	}
	send := func(id int, c eval.Comm) *eval.Error {
		t.Helper()
		e, err := w.Comm(t.Context(), id, c)
		if err != nil {
			t.Fatal(err)
		}
		return e.Error
	}
	msg := eval.Comm{Kind: "msg", ID: "c1", Data: map[string]any{"v": "hi"}, Buffers: [][]byte{{0, 1, 255}, {}}}
	if e := send(2, eval.Comm{Kind: "open", ID: "c1", Target: "nobody"}); e == nil || e.Name != UnknownComm {
		t.Errorf("unknown target: %v", e)
	}
	if e := send(3, msg); e == nil || e.Name != UnknownComm {
		t.Errorf("unknown comm: %v", e)
	}
	if e := send(4, eval.Comm{Kind: "open", ID: "c1", Target: "dial", Data: map[string]any{"v": 1}}); e != nil {
		t.Error(e)
	}
	if e := send(5, msg); e != nil {
		t.Error(e)
	}
	if got := rec.text("stdout"); got != "opened 1\ngot hi [[0 1 255] []]\n" {
		t.Errorf("stdout %q", got)
	}
	rec.mu.Lock()
	last := rec.events[len(rec.events)-1]
	rec.mu.Unlock()
	if last.Cell != 5 || last.Comm == nil || last.Comm.Data["echo"] != "hi" || len(last.Comm.Buffers) != 2 || !slices.Equal(last.Comm.Buffers[0], []byte{0, 1, 255}) {
		t.Errorf("the answer is %+v", last.Comm)
	}
	if e := send(6, eval.Comm{Kind: "close", ID: "c1"}); e != nil {
		t.Error(e)
	}
	if e := send(7, msg); e == nil || e.Name != UnknownComm {
		t.Errorf("a closed comm: %v", e)
	}
}

func TestCensus(t *testing.T) {
	w, _ := start(t, Options{})
	e, err := w.Run(t.Context(), program(7, "background"))
	if err != nil || e.Error != nil || len(e.Census) != 1 {
		t.Fatalf("%+v, %v", e, err)
	}
	gs, err := w.Census(t.Context())
	for end := time.Now().Add(10 * time.Second); err == nil && len(gs) == 1 && gs[0].State == "running" && time.Now().Before(end); {
		gs, err = w.Census(t.Context()) // it is on its way to the channel
	}
	if err != nil || len(gs) != 1 || gs[0].Run != 7 || gs[0].Main || gs[0].Pos != (eval.Pos{Cell: "In[7]", Line: 1}) || gs[0].At.Line != 2 || gs[0].State != "chan receive" {
		t.Errorf("census %+v, %v", gs, err)
	}
}

func TestLargeOutput(t *testing.T) {
	w, rec := start(t, Options{})
	if e, err := w.Run(t.Context(), program(1, "fill 5000000")); err != nil || e.Error != nil {
		t.Fatalf("%+v, %v", e, err)
	}
	if n := len(rec.text("stdout")); n != 5000000 {
		t.Errorf("%d bytes arrived", n)
	}
	if e, err := w.Run(t.Context(), program(2, "hugedisplay")); err != nil || e.Error != nil {
		t.Fatalf("%+v, %v", e, err)
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if last := rec.events[len(rec.events)-1]; last.Error == nil || last.Error.Name != eval.LimitError {
		t.Errorf("a display that is too large: %+v", last)
	}
}

func TestShell(t *testing.T) {
	w, rec := start(t, Options{})
	dir := t.TempDir()
	place, err := w.Place(t.Context(), Place{Dir: dir, Set: map[string]string{"COLOUR": "blue"}})
	if err != nil || !slices.Contains(place.Env, "COLOUR=blue") {
		t.Fatalf("place %+v, %v", place, err)
	}
	if _, err := w.Place(t.Context(), Place{Dir: "no such directory"}); err == nil {
		t.Error("a missing directory was entered")
	}
	e, err := w.Shell(t.Context(), 1, `pwd; echo $COLOUR; printf '\303'; sleep 0.05; printf '\251\n'; echo oops >&2`)
	if err != nil || e.Error != nil {
		t.Fatalf("%+v, %v", e, err)
	}
	real, _ := filepath.EvalSymlinks(dir)
	if got := rec.text("stdout"); got != real+"\nblue\né\n" || rec.text("stderr") != "oops\n" {
		t.Errorf("stdout %q, stderr %q", got, rec.text("stderr"))
	}
	if e, err := w.Shell(t.Context(), 2, "exit 3"); err != nil || e.Error == nil || e.Error.Value != "the command ended with exit status 3" {
		t.Errorf("%+v, %v", e, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { rec.await(t, "sleeping"); cancel() }()
	if e, err := w.Shell(ctx, 3, "echo sleeping; sleep 1000; sleep 1000"); err != nil || e.Error == nil || e.Error.Name != eval.Interrupted {
		t.Errorf("interrupt: %+v, %v", e, err)
	}
}

func TestShellOutputLimit(t *testing.T) {
	w, rec := start(t, Options{Limits: eval.Limits{Output: 10_000}})
	e, err := w.Shell(t.Context(), 1, "yes")
	if err != nil || e.Error == nil || e.Error.Name != eval.LimitError {
		t.Fatalf("%+v, %v", e, err)
	}
	if n := len(rec.text("stdout")); n > 10_000 {
		t.Errorf("%d bytes", n)
	}
}

func TestDeaths(t *testing.T) {
	tests := []struct {
		program string
		name    string
		value   string // in Value
		note    string // in the notes
	}{
		{"mapwrites", eval.FatalError, "fatal error: concurrent map writes", "sync.Mutex"},
		{"unlock", eval.FatalError, "fatal error: sync: unlock of unlocked mutex", "defer mu.Unlock()"},
		{"overflow", eval.FatalError, "fatal error: stack overflow", "calls itself"},
		{"gopanic", eval.FatalError, "panic: in native code", "compiled library code"},
		{"exit 7", eval.WorkerLost, "ended with exit status 7", "ended the process directly"},
		{"signal " + strconv.Itoa(int(syscall.SIGKILL)), eval.WorkerLost, "killed from outside (SIGKILL)", "short of memory"},
		{"signal " + strconv.Itoa(int(syscall.SIGTERM)), eval.WorkerLost, "killed from outside (SIGTERM)", ""},
		{"signal " + strconv.Itoa(int(syscall.SIGQUIT)), eval.FatalError, "SIGQUIT", ""},
		{"badframe", eval.InternalBug, "broke the link protocol", ""},
	}
	for _, tt := range tests {
		t.Run(tt.program, func(t *testing.T) {
			w, rec := start(t, Options{})
			e, err := w.Run(t.Context(), program(1, "print last words", tt.program))
			d, ok := errors.AsType[*Death](err)
			if !ok {
				t.Fatalf("ended %+v, error %v; want a Death", e, err)
			}
			if d.Err.Name != tt.name || !strings.Contains(d.Err.Value, tt.value) || !strings.Contains(strings.Join(d.Err.Notes, " "), tt.note) {
				t.Errorf("diagnosis %+v\nof %s", d.Err, d.Text)
			}
			if got := rec.text("stdout"); got != "last words\n" {
				t.Errorf("output before the death: %q", got)
			}
			if _, err := w.Run(t.Context(), program(2)); !errors.As(err, &d) {
				t.Errorf("a run on a dead worker: %v", err)
			}
		})
	}
}

func TestSIGINTIsNotAnEnd(t *testing.T) {
	w, _ := start(t, Options{})
	syscall.Kill(-w.PID(), syscall.SIGINT)
	if e, err := w.Run(t.Context(), program(1)); err != nil || e.Error != nil {
		t.Errorf("%+v, %v", e, err)
	}
}

// A worker that answers nothing is killed when it is interrupted.
func TestFrozen(t *testing.T) {
	w, rec := start(t, Options{Grace: 100 * time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { rec.await(t, "ready"); cancel() }()
	e, err := w.Run(ctx, program(1, "print ready", "flush", "freeze"))
	if d, ok := errors.AsType[*Death](err); !ok || d.Err.Name != eval.WorkerLost || !strings.Contains(d.Err.Value, "could not be stopped") {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestTimeLimit(t *testing.T) {
	limits := eval.Limits{Seconds: 0.05}
	patient, _ := start(t, Options{Grace: time.Minute, Limits: limits})
	e, err := patient.Run(t.Context(), program(1, "wait"))
	if err != nil || e.Error == nil || e.Error.Name != eval.LimitError || e.Error.Value != "the cell ran longer than 50ms" {
		t.Errorf("a run that listens: %+v, %v", e, err)
	}
	strict, _ := start(t, Options{Grace: 100 * time.Millisecond, Limits: limits})
	e, err = strict.Run(t.Context(), program(2, "native 60000"))
	if d, ok := errors.AsType[*Death](err); !ok || d.Err.Name != eval.LimitError {
		t.Errorf("a run that does not: %+v, %v", e, err)
	}
}

func TestMemoryLimit(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("without /proc only the runtime's own limit holds")
		return
	}
	opts := Options{Grace: time.Second, Limits: eval.Limits{Memory: 96 << 20}}
	t.Run("interrupted", func(t *testing.T) {
		w, _ := start(t, opts)
		e, err := w.Run(t.Context(), program(1, "alloc 5000"))
		if err != nil || e.Error == nil || e.Error.Name != eval.LimitError || e.Error.Value != "the cell needs more memory than the limit of 96 MiB" {
			t.Fatalf("%+v, %v", e, err)
		}
		if e, err := w.Run(t.Context(), program(2, "print fine")); err != nil || e.Error != nil {
			t.Errorf("the next run: %+v, %v", e, err)
		}
	})
	t.Run("killed", func(t *testing.T) {
		w, _ := start(t, opts)
		w.Run(t.Context(), program(1, "alloc 1000000")) // keeps what it has
		<-w.Gone()
		if d := w.Death(); d.Err.Name != eval.LimitError {
			t.Errorf("%+v", d.Err)
		}
	})
	t.Run("at once", func(t *testing.T) {
		w, _ := start(t, opts)
		_, err := w.Run(t.Context(), program(1, "hugealloc"))
		if d, ok := errors.AsType[*Death](err); !ok || d.Err.Name != eval.LimitError {
			t.Errorf("%v", err)
		}
	})
}

func TestStartFails(t *testing.T) {
	self, _ := os.Executable()
	tests := []struct {
		name string
		opts Options
		want string
	}{
		{"no program", Options{Argv: []string{"/no/such/program"}, Engine: "script"}, "can't start"},
		{"not a worker", Options{Argv: []string{"/bin/sh", "-c", "exit 0"}, Engine: "script"}, "before it was ready"},
		{"unknown engine", Options{Argv: []string{self, "worker"}, Engine: "vn"}, `there is no engine "vn"; there are: compiling, script, slow`},
		{"no directory", Options{Argv: []string{self, "worker"}, Engine: "script", Dir: "/no/such/dir"}, "can't start"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, err := Start(t.Context(), tt.opts)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("worker %v, error %v; want %q", w, err, tt.want)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, Options{Argv: []string{"/bin/sh", "-c", "sleep 100"}, Engine: "script"}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled start: %v", err)
	}
}

func alive(pid int) bool {
	_, state, ok := status(pid)
	return ok && state != 'Z'
}

func awaitEnd(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); alive(pid); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d lives on", pid)
		}
	}
}

func TestCloseEndsDescendants(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	// A child that ignores SIGTERM, and a daemon in a session of its own.
	spawn := "spawn trap '' TERM; setsid sh -c 'echo $$ > " + file + "; exec sleep 987' & sleep 987; sleep 987"
	for _, end := range []string{"close", "kill"} {
		t.Run(end, func(t *testing.T) {
			os.Remove(file)
			w, rec := start(t, Options{})
			if e, err := w.Run(t.Context(), program(1, spawn)); err != nil || e.Error != nil {
				t.Fatalf("%+v, %v", e, err)
			}
			child, _ := strconv.Atoi(rec.text("stdout"))
			var daemon int
			for daemon == 0 {
				b, _ := os.ReadFile(file)
				daemon, _ = strconv.Atoi(strings.TrimSpace(string(b)))
				time.Sleep(time.Millisecond)
			}
			if !alive(child) || !alive(daemon) {
				t.Fatalf("child %d alive %v, daemon %d alive %v", child, alive(child), daemon, alive(daemon))
			}
			if end == "kill" {
				syscall.Kill(w.PID(), syscall.SIGKILL)
			}
			w.Close()
			for _, pid := range []int{w.PID(), child, daemon} {
				awaitEnd(t, pid)
			}
		})
	}
}

// resources are what a leak would add to.
func resources(t *testing.T) (goroutines, descriptors, children int) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return runtime.NumGoroutine(), len(fds), len(descendants(os.Getpid()))
}

func TestNoLeak(t *testing.T) {
	cycle := func(i int) {
		w, err := Start(t.Context(), Options{Engine: "script"})
		if err != nil {
			t.Fatal(err)
		}
		w.Run(t.Context(), program(1, []string{"print x", "exit 1", "spawn sleep 987"}[i%3]))
		w.Close()
	}
	cycle(0)
	g0, f0, c0 := resources(t)
	for i := range 9 {
		cycle(i)
	}
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		g, f, c := resources(t)
		if g <= g0 && f <= f0 && c <= c0 {
			return
		}
		if time.Now().After(deadline) {
			buf := make([]byte, 64<<10)
			t.Fatalf("goroutines %d → %d, descriptors %d → %d, children %d → %d\n%s", g0, g, f0, f, c0, c, buf[:runtime.Stack(buf, true)])
		}
	}
}

func BenchmarkRunEmpty(b *testing.B) {
	w, err := Start(b.Context(), Options{Engine: "script"})
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	p := program(0)
	for b.Loop() {
		p.ID++
		if _, err := w.Run(b.Context(), p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		w, err := Start(b.Context(), Options{Engine: "script"})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		w.Close()
		b.StartTimer()
	}
}
