package session

import (
	"context"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"braid/kernel/eval"
	"braid/kernel/eval/host"
	"braid/kernel/eval/vm"
	"braid/kernel/eval/yaegi"
	"braid/kernel/worker"
)

// TestMain makes the test binary its own worker.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "worker" {
		os.Exit(worker.Main(engines))
	}
	os.Exit(m.Run())
}

var engines = map[string]func() eval.Engine{
	"script": func() eval.Engine { return script{} },
	"yaegi":  func() eval.Engine { return yaegi.New() },
	"vm":     func() eval.Engine { return vm.New() },
}

// script is an engine that obeys the comments of a cell: lines "//do: command".
// Tests that are about the session, not about Go, use it.
type script struct{}

var command = regexp.MustCompile(`(?m)^//do: (\w+) ?(.*)$`)

func (script) Run(p *eval.Program) *eval.Error {
	if p.Restore {
		return nil
	}
	if p.Expression {
		host.Emit(eval.Event{Result: &eval.Display{Data: map[string]any{"text/plain": "<" + strings.TrimSpace(p.Source) + ">"}}})
		return nil
	}
	for _, m := range command.FindAllStringSubmatch(p.Source, -1) {
		if e := obey(p, m[1], m[2]); e != nil {
			return e
		}
	}
	return nil
}

func obey(p *eval.Program, name, arg string) *eval.Error {
	switch name {
	case "print":
		host.Stdout().Write([]byte(arg + "\n"))
	case "warn":
		host.Stderr().Write([]byte(arg + "\n"))
	case "result":
		host.Emit(eval.Event{Result: &eval.Display{Data: map[string]any{"text/plain": arg}}})
	case "panic":
		return &eval.Error{Name: eval.Panic, Value: arg, Pos: eval.Pos{Cell: p.Name, Line: 1}, Frames: []eval.Frame{{Pos: eval.Pos{Cell: p.Name, Line: 1}}}}
	case "refuse":
		return &eval.Error{Name: eval.Unsupported, Value: arg}
	case "source":
		host.Stdout().Write([]byte(strconv.Quote(p.Source) + "\n"))
	case "wait":
		for {
			host.Check()
			time.Sleep(time.Millisecond)
		}
	case "background":
		host.Go(eval.Pos{Cell: p.Name, Line: 1}, func() {
			for {
				host.Check()
				time.Sleep(time.Millisecond)
			}
		}, nil)
	case "later":
		host.Go(eval.Pos{Cell: p.Name, Line: 1}, func() {
			time.Sleep(50 * time.Millisecond)
			host.Stdout().Write([]byte(arg + "\n"))
		}, nil)
	case "input":
		line, err := host.Input(arg, false)
		if err != nil {
			return err.(*eval.Error)
		}
		host.Stdout().Write([]byte("got " + line + "\n"))
	case "die":
		host.Flush()
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(time.Minute)
	case "dielater":
		host.Go(eval.Pos{Cell: p.Name, Line: 1}, func() {
			time.Sleep(30 * time.Millisecond)
			m := map[int]int{}
			for g := range 4 {
				host.Go(eval.Pos{}, func() {
					for i := 0; ; i++ {
						m[i%10] = g
					}
				}, nil)
			}
		}, nil)
	case "chdir":
		os.Chdir(arg)
	}
	return nil
}

// page is a sink that keeps all it gets.
type page struct {
	mu     sync.Mutex
	events []eval.Event
	seen   chan struct{}
	answer func(ctx context.Context, in eval.InputRequest) (string, error)
}

func newPage() *page { return &page{seen: make(chan struct{}, 1)} }

func (p *page) Emit(ev eval.Event) {
	p.mu.Lock()
	p.events = append(p.events, ev)
	p.mu.Unlock()
	select {
	case p.seen <- struct{}{}:
	default:
	}
}

func (p *page) Input(ctx context.Context, in eval.InputRequest) (string, error) {
	return p.answer(ctx, in)
}

func (p *page) all() []eval.Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]eval.Event(nil), p.events...)
}

func (p *page) text(stream string) string {
	var b strings.Builder
	for _, ev := range p.all() {
		if ev.Stream != nil && ev.Stream.Name == stream {
			b.WriteString(ev.Stream.Text)
		}
	}
	return b.String()
}

func (p *page) result() string {
	for _, ev := range p.all() {
		if ev.Result != nil {
			text, _ := ev.Result.Data["text/plain"].(string)
			return text
		}
	}
	return ""
}

// await returns when ok is true of the page, which it is asked after every event.
func (p *page) await(t *testing.T, ok func() bool) {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-p.seen:
		case <-timeout:
			t.Errorf("it did not come; the page has %+v", p.all())
			return
		}
	}
}

// notebook runs cells one after the other, as a front end does.
type notebook struct {
	t     *testing.T
	s     *Session
	count int
}

func open(t *testing.T, opts Options) *notebook {
	t.Helper()
	if opts.Engine == "" {
		opts.Engine = "script"
	}
	s, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &notebook{t: t, s: s}
}

// run runs a cell that may fail.
func (n *notebook) run(code string) (Outcome, *page) {
	n.t.Helper()
	p := newPage()
	n.count++
	return n.s.Run(n.t.Context(), Request{Code: code, Count: n.count, StoreHistory: true}, p), p
}

// ok runs a cell that must not fail, and returns its stdout.
func (n *notebook) ok(code string) string {
	n.t.Helper()
	out, p := n.run(code)
	if out.Err != nil {
		n.t.Fatalf("In[%d] %q failed:\n%s", n.count, code, plain(out.Err))
	}
	return p.text("stdout")
}

// fails runs a cell that must fail, and returns its traceback without colours.
func (n *notebook) fails(code string) string {
	n.t.Helper()
	out, p := n.run(code)
	if out.Err == nil {
		n.t.Fatalf("In[%d] %q did not fail; stdout %q", n.count, code, p.text("stdout"))
	}
	return plain(out.Err)
}

var ansi = regexp.MustCompile("\x1b\\[[0-9;]*m")

func plain(f *Failure) string { return ansi.ReplaceAllString(strings.Join(f.Traceback, "\n"), "") }
