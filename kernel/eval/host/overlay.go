package host

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"runtime/pprof"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
	"weak"

	"braid/kernel/eval"
	"braid/kernel/eval/host/internal/park"
	hostsync "braid/kernel/eval/host/sync"
	hosttime "braid/kernel/eval/host/time"
)

func init() {
	park.Wait = parkWait
	park.Raise = raise
	park.IsInterrupt = func(recovered any) bool {
		_, ok := recovered.(Interrupt)
		return ok
	}
	park.Fatal = func(text string) { endCell(fatalError(text)) }
	park.Go = func(fn func()) { Go(eval.Pos{}, fn, nil) }
	park.Timer = timerFunc
	park.Interrupted = func() bool {
		g := current()
		return g != nil && g.run.stop.Load().gen > 0 && (!g.owned() || g.delivered.Load() > 0)
	}
}

// Overlay gives the replacements for standard library symbols (by import path,
// then by name; functions as values, variables as addressable values, types as
// nil pointers, the form yaegi's Exports have) that make waits listen, output
// belong to its cell, and os.Exit end a cell. An engine looks here first. The
// maps are shared: don't change them.
func Overlay() map[string]map[string]reflect.Value { return overlay() }

var overlay = sync.OnceValue(func() map[string]map[string]reflect.Value {
	tables := map[string]map[string]reflect.Value{}
	for path, symbols := range map[string]map[string]any{
		"bufio": bufioSymbols, "context": contextSymbols, "encoding/csv": csvSymbols, "encoding/json": jsonSymbols,
		"encoding/xml": xmlSymbols, "flag": flagSymbols, "fmt": fmtSymbols, "io": ioSymbols, "log": logSymbols,
		"log/slog": slogSymbols, "net": netSymbols, "net/http": httpSymbols, "os": osSymbols, "os/exec": execSymbols,
		"runtime": runtimeSymbols, "runtime/pprof": pprofSymbols, "sync": syncSymbols, "syscall": syscallSymbols,
		"testing": testingSymbols, "text/tabwriter": tabwriterSymbols, "time": timeSymbols,
	} {
		table := map[string]reflect.Value{}
		for name, v := range symbols {
			table[name] = reflect.ValueOf(v)
		}
		tables[path] = table
	}
	maps.Copy(tables["os"], map[string]reflect.Value{"Args": reflect.ValueOf(&args).Elem()})
	return tables
})

// args is os.Args for learners: their program is the notebook.
var args = []string{"cell"}

// Output. What learners print through these goes straight into the queue; what
// reaches os.Stdout in other ways comes through its pipe (capture), in the same
// order but slower.

// The files that the process started with. A learner may put others in their
// place (to capture what a function prints, say), which are then used as they are.
var (
	firstStdout = os.Stdout
	firstStderr = os.Stderr
)

// ordered replaces the standard files by the streams of the run of whoever writes.
func ordered(w io.Writer) io.Writer {
	if f, ok := w.(*os.File); ok {
		switch f {
		case nil:
		case firstStdout:
			return writer(stdout)
		case firstStderr:
			return writer(stderr)
		}
	}
	return w
}

var fmtSymbols = map[string]any{
	"Print":    func(a ...any) (int, error) { return fmt.Fprint(ordered(os.Stdout), a...) },
	"Println":  func(a ...any) (int, error) { return fmt.Fprintln(ordered(os.Stdout), a...) },
	"Printf":   func(format string, a ...any) (int, error) { return fmt.Fprintf(ordered(os.Stdout), format, a...) },
	"Fprint":   func(w io.Writer, a ...any) (int, error) { return fmt.Fprint(ordered(w), a...) },
	"Fprintln": func(w io.Writer, a ...any) (int, error) { return fmt.Fprintln(ordered(w), a...) },
	"Fprintf": func(w io.Writer, format string, a ...any) (int, error) {
		return fmt.Fprintf(ordered(w), format, a...)
	},
	"Scan":    func(a ...any) (int, error) { return fmt.Fscan(asked(os.Stdin), a...) },
	"Scanln":  func(a ...any) (int, error) { return fmt.Fscanln(asked(os.Stdin), a...) },
	"Scanf":   func(format string, a ...any) (int, error) { return fmt.Fscanf(asked(os.Stdin), format, a...) },
	"Fscan":   func(r io.Reader, a ...any) (int, error) { return fmt.Fscan(asked(r), a...) },
	"Fscanln": func(r io.Reader, a ...any) (int, error) { return fmt.Fscanln(asked(r), a...) },
	"Fscanf": func(r io.Reader, format string, a ...any) (int, error) {
		return fmt.Fscanf(asked(r), format, a...)
	},
}

var bufioSymbols = map[string]any{
	"NewReader":     func(r io.Reader) *bufio.Reader { return bufio.NewReader(asked(r)) },
	"NewReaderSize": func(r io.Reader, size int) *bufio.Reader { return bufio.NewReaderSize(asked(r), size) },
	"NewScanner":    func(r io.Reader) *bufio.Scanner { return bufio.NewScanner(asked(r)) },
	"NewWriter":     func(w io.Writer) *bufio.Writer { return bufio.NewWriter(ordered(w)) },
	"NewWriterSize": func(w io.Writer, size int) *bufio.Writer { return bufio.NewWriterSize(ordered(w), size) },
}

var ioSymbols = map[string]any{
	"Copy": func(w io.Writer, r io.Reader) (int64, error) { return io.Copy(ordered(w), asked(r)) },
	"CopyN": func(w io.Writer, r io.Reader, n int64) (int64, error) {
		return io.CopyN(ordered(w), asked(r), n)
	},
	"CopyBuffer": func(w io.Writer, r io.Reader, buf []byte) (int64, error) {
		return io.CopyBuffer(ordered(w), asked(r), buf)
	},
	"WriteString": func(w io.Writer, s string) (int, error) { return io.WriteString(ordered(w), s) },
	"ReadAll":     func(r io.Reader) ([]byte, error) { return io.ReadAll(asked(r)) },
	"ReadFull":    func(r io.Reader, buf []byte) (int, error) { return io.ReadFull(asked(r), buf) },
	"ReadAtLeast": func(r io.Reader, buf []byte, least int) (int, error) { return io.ReadAtLeast(asked(r), buf, least) },
	"LimitReader": func(r io.Reader, n int64) io.Reader { return io.LimitReader(asked(r), n) },
	"TeeReader":   func(r io.Reader, w io.Writer) io.Reader { return io.TeeReader(asked(r), ordered(w)) },
	"MultiWriter": func(w ...io.Writer) io.Writer { return io.MultiWriter(each(w, ordered)...) },
	"MultiReader": func(r ...io.Reader) io.Reader { return io.MultiReader(each(r, asked)...) },
}

func each[T any](list []T, change func(T) T) []T {
	changed := make([]T, len(list))
	for i, v := range list {
		changed[i] = change(v)
	}
	return changed
}

var jsonSymbols = map[string]any{
	"NewEncoder": func(w io.Writer) *json.Encoder { return json.NewEncoder(ordered(w)) },
	"NewDecoder": func(r io.Reader) *json.Decoder { return json.NewDecoder(asked(r)) },
}

var xmlSymbols = map[string]any{
	"NewEncoder": func(w io.Writer) *xml.Encoder { return xml.NewEncoder(ordered(w)) },
	"NewDecoder": func(r io.Reader) *xml.Decoder { return xml.NewDecoder(asked(r)) },
}

var csvSymbols = map[string]any{
	"NewWriter": func(w io.Writer) *csv.Writer { return csv.NewWriter(ordered(w)) },
	"NewReader": func(r io.Reader) *csv.Reader { return csv.NewReader(asked(r)) },
}

var tabwriterSymbols = map[string]any{
	"NewWriter": func(w io.Writer, minwidth, tabwidth, padding int, padchar byte, flags uint) *tabwriter.Writer {
		return tabwriter.NewWriter(ordered(w), minwidth, tabwidth, padding, padchar, flags)
	},
}

var slogSymbols = map[string]any{
	"NewTextHandler": func(w io.Writer, o *slog.HandlerOptions) *slog.TextHandler { return slog.NewTextHandler(ordered(w), o) },
	"NewJSONHandler": func(w io.Writer, o *slog.HandlerOptions) *slog.JSONHandler { return slog.NewJSONHandler(ordered(w), o) },
}

var logSymbols = map[string]any{
	"New":       func(w io.Writer, prefix string, flag int) *log.Logger { return log.New(ordered(w), prefix, flag) },
	"SetOutput": func(w io.Writer) { log.SetOutput(ordered(w)) },
	"Fatal":     func(a ...any) { log.Output(2, fmt.Sprint(a...)); exit(1) },
	"Fatalf":    func(format string, a ...any) { log.Output(2, fmt.Sprintf(format, a...)); exit(1) },
	"Fatalln":   func(a ...any) { log.Output(2, fmt.Sprintln(a...)); exit(1) },
}

// Ends.

var osSymbols = map[string]any{"Exit": exit}

var syscallSymbols = map[string]any{"Exit": exit}

// exit ends the run of the caller as os.Exit ends a program: nothing of it is
// heard any more. Its deferred calls run all the same, in silence, so that no
// lock of the session stays locked.
func exit(code int) {
	Check()
	endCell(&eval.Error{Name: eval.Exit, Value: fmt.Sprintf("exit status %d", code),
		Notes: []string{"The cell ended here. The session and its variables live on."}})
}

var runtimeSymbols = map[string]any{
	"Goexit":       goexit,
	"NumGoroutine": func() int { return max(1, int(alive.Load())) },
}

// goexit ends the calling goroutine as an interrupt does. In a cell's main
// goroutine that is the end of the cell; its other goroutines go on.
func goexit() {
	if g := current(); g != nil && g.owned() && g.main {
		e := goexitError()
		e.Pos = g.where()
		g.run.setError(e)
		panic(Interrupt{e})
	}
	panic(Interrupt{})
}

var flagSymbols = map[string]any{
	"Parse": func() {
		switch err := flag.CommandLine.Parse(args[1:]); {
		case errors.Is(err, flag.ErrHelp):
			exit(0)
		case err != nil:
			exit(2)
		}
	},
}

// prepareDefaults makes the standard library's shared writers those of the runs.
func prepareDefaults() {
	log.SetOutput(writer(stderr))
	flag.CommandLine = flag.NewFlagSet(args[0], flag.ContinueOnError)
	flag.CommandLine.SetOutput(writer(stderr))
	flag.CommandLine.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "Usage of %s:\n", args[0])
		flag.PrintDefaults()
	}
}

// Labels. They tell whose a goroutine is, so learners keep theirs in contexts only.

var pprofSymbols = map[string]any{
	"SetGoroutineLabels": func(context.Context) {},
	"Do": func(ctx context.Context, labels pprof.LabelSet, f func(context.Context)) {
		f(pprof.WithLabels(ctx, labels))
	},
}

// Waits.

var syncSymbols = map[string]any{
	"Cond":      (*hostsync.Cond)(nil),
	"Locker":    (*sync.Locker)(nil),
	"Mutex":     (*hostsync.Mutex)(nil),
	"Once":      (*hostsync.Once)(nil),
	"RWMutex":   (*hostsync.RWMutex)(nil),
	"WaitGroup": (*hostsync.WaitGroup)(nil),
	"NewCond":   hostsync.NewCond,
	"OnceFunc":  hostsync.OnceFunc,
}

var timeSymbols = map[string]any{
	"AfterFunc": hosttime.AfterFunc,
	"NewTimer":  hosttime.NewTimer,
	"Sleep":     sleep,
	"Timer":     (*hosttime.Timer)(nil),
}

// parkWait blocks until ready delivers; see park.Wait.
func parkWait(op string, ready <-chan struct{}) (interrupted any) {
	g := current()
	if g == nil {
		<-ready
		return nil
	}
	for {
		if st := g.run.stop.Load(); g.due(st) {
			return g.hear(st)
		}
		w, stop := g.register(op, g.where(), false)
		select {
		case <-ready:
			g.unpark(w)
			return nil
		case <-stop:
			if st := g.probed(w); st != nil {
				return g.hear(st)
			}
		}
	}
}

// sleep is time.Sleep.
func sleep(d time.Duration) {
	g := current()
	if g == nil {
		time.Sleep(d)
		return
	}
	g.pending()
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		w, stop := g.park("sleep", g.where(), true)
		select {
		case <-t.C:
			g.unpark(w)
			return
		case <-stop:
			g.woken(w)
		}
	}
}

// timerFunc makes a learner's function fit for a timer; see park.Timer.
func timerFunc(fn func()) (arm, undo, fire func()) {
	parent := current()
	r := runOf(parent)
	pos := parent.where()
	return func() { wakers.Add(1) }, disarm, func() {
		g := newGoroutine(r, pos)
		if r.cut.Load() || !r.admit(g) {
			disarm()
			return
		}
		disarm()
		spawned(g, fn, nil)
	}
}

// callback makes a learner's function fit for goroutines that native code starts.
func callback(fn func()) func() {
	parent := current()
	r := runOf(parent)
	pos := parent.where()
	return func() {
		if g := newGoroutine(r, pos); !r.cut.Load() && r.admit(g) {
			spawned(g, fn, nil)
		}
	}
}

var contextSymbols = map[string]any{
	"WithTimeout": func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
		return awaited(context.WithTimeout(ctx, d))
	},
	"WithTimeoutCause": func(ctx context.Context, d time.Duration, cause error) (context.Context, context.CancelFunc) {
		return awaited(context.WithTimeoutCause(ctx, d, cause))
	},
	"WithDeadline": func(ctx context.Context, t time.Time) (context.Context, context.CancelFunc) {
		return awaited(context.WithDeadline(ctx, t))
	},
	"WithDeadlineCause": func(ctx context.Context, t time.Time, cause error) (context.Context, context.CancelFunc) {
		return awaited(context.WithDeadlineCause(ctx, t, cause))
	},
	"AfterFunc": func(ctx context.Context, f func()) func() bool { return context.AfterFunc(ctx, callback(f)) },
}

// awaited counts a context with a deadline as something that may wake goroutines
// until it is done.
func awaited(ctx context.Context, cancel context.CancelFunc) (context.Context, context.CancelFunc) {
	wakers.Add(1)
	context.AfterFunc(ctx, func() {
		setLabel(nil)
		disarm()
	})
	return ctx, cancel
}

// Native calls that would wait without listening are made to end at an interrupt.

// context is done when the run is interrupted.
func (r *Run) context() context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx == nil {
		r.ctx, r.cancel = context.WithCancel(context.Background())
		if r.stop.Load().gen > 0 {
			r.cancel()
		}
	}
	return r.ctx
}

func runContext() context.Context { return runOf(current()).context() }

// bound is ctx that is done too when the run of the caller is interrupted.
func bound(ctx context.Context) context.Context {
	both, cancel := context.WithCancelCause(ctx)
	context.AfterFunc(runContext(), func() { cancel(context.Canceled) })
	return both
}

var execSymbols = map[string]any{
	"Command": func(name string, arg ...string) *exec.Cmd { return exec.CommandContext(runContext(), name, arg...) },
	"CommandContext": func(ctx context.Context, name string, arg ...string) *exec.Cmd {
		return exec.CommandContext(bound(ctx), name, arg...)
	},
}

// closing closes c when the run of the caller is interrupted.
func closing[T io.Closer](c T, err error) (T, error) {
	if err != nil {
		return c, err
	}
	switch conn := any(c).(type) {
	case *net.TCPConn:
		closeWith(runContext(), conn)
	case *net.UDPConn:
		closeWith(runContext(), conn)
	case *net.UnixConn:
		closeWith(runContext(), conn)
	default:
		context.AfterFunc(runContext(), func() { c.Close() })
	}
	return c, nil
}

// closeWith closes c when ctx is done, but does not keep c alive: a cell may make
// any number of connections.
func closeWith[T any, P interface {
	*T
	io.Closer
}](ctx context.Context, c P) {
	w := weak.Make((*T)(c))
	stop := context.AfterFunc(ctx, func() {
		if c := w.Value(); c != nil {
			P(c).Close()
		}
	})
	runtime.AddCleanup((*T)(c), func(stop func() bool) { stop() }, stop)
}

var netSymbols = map[string]any{
	"Listen": func(network, address string) (net.Listener, error) { return closing(net.Listen(network, address)) },
	"Dial": func(network, address string) (net.Conn, error) {
		return closing(new(net.Dialer).DialContext(runContext(), network, address))
	},
	"DialTimeout": func(network, address string, d time.Duration) (net.Conn, error) {
		return closing((&net.Dialer{Timeout: d}).DialContext(runContext(), network, address))
	},
}

var httpSymbols = map[string]any{
	"Get":  func(url string) (*http.Response, error) { return request(http.MethodGet, url, "", nil) },
	"Head": func(url string) (*http.Response, error) { return request(http.MethodHead, url, "", nil) },
	"Post": func(url, contentType string, body io.Reader) (*http.Response, error) {
		return request(http.MethodPost, url, contentType, body)
	},
	"NewRequest": func(method, url string, body io.Reader) (*http.Request, error) {
		return http.NewRequestWithContext(runContext(), method, url, body)
	},
	"ListenAndServe": func(addr string, h http.Handler) error {
		s := &http.Server{Addr: addr, Handler: h}
		return serving(s, s.ListenAndServe)
	},
	"Serve": func(l net.Listener, h http.Handler) error {
		s := &http.Server{Handler: h}
		return serving(s, func() error { return s.Serve(l) })
	},
}

func request(method, url, contentType string, body io.Reader) (*http.Response, error) {
	return requestBy(http.DefaultClient, method, url, contentType, body)
}

// requestBy makes a request that ends when the run of the caller is interrupted.
func requestBy(c *http.Client, method, url, contentType string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(runContext(), method, url, body)
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return c.Do(req)
}

var testingSymbols = map[string]any{
	// The benchmark runs on a goroutine of package testing, where a panic would
	// end the worker.
	"Benchmark": func(f func(*testing.B)) testing.BenchmarkResult {
		var recovered any
		result := testing.Benchmark(func(b *testing.B) {
			defer func() {
				if r := recover(); r != nil {
					recovered = r
					b.FailNow()
				}
			}()
			f(b)
		})
		if recovered != nil {
			panic(recovered)
		}
		return result
	},
}
