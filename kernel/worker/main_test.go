package worker

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"braid/kernel/eval"
)

// TestMain makes the test binary its own worker, with an engine whose programs
// are lines of commands.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "worker" {
		os.Exit(serveParent(map[string]func() eval.Engine{
			"script": func() eval.Engine { return script{} },
			"slow":   func() eval.Engine { time.Sleep(100 * time.Millisecond); return script{} },
		}, newTestPort))
	}
	os.Exit(m.Run())
}

// testPort is a minimal host: one goroutine a run, interrupts by channel.
type testPort struct {
	c    *child
	mu   sync.Mutex
	runs map[int]chan *eval.Error
}

func newTestPort(c *child) port {
	current = &testPort{c: c, runs: map[int]chan *eval.Error{}}
	return current
}

var current *testPort

func (p *testPort) run(prog *eval.Program, e eval.Engine) (*eval.Error, []Goroutine) {
	p.mu.Lock()
	p.runs[prog.ID] = make(chan *eval.Error, 8)
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.runs, prog.ID)
		p.mu.Unlock()
	}()
	err := e.Run(prog)
	if prog.ID == 77 {
		return err, p.census()
	}
	return err, nil
}

func (p *testPort) interrupt(run int, why *eval.Error) {
	if why == nil {
		why = &eval.Error{Name: eval.Interrupted, Value: "interrupted"}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if ch := p.runs[run]; ch != nil {
		ch <- why
	}
}

func (p *testPort) stopped(run int) chan *eval.Error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.runs[run]
}

func (p *testPort) census() []Goroutine {
	return []Goroutine{{Run: 77, State: "sleep", Pos: eval.Pos{Cell: "In[7]", Line: 1}}}
}

func (p *testPort) comm(run int, m eval.Comm) (*eval.Error, []Goroutine) {
	if m.Target == "nobody" {
		return &eval.Error{Name: UnknownComm, Value: "no target nobody"}, nil
	}
	p.c.emit(eval.Event{Cell: run, Comm: &m})
	return nil, nil
}

type script struct{}

var sink [][]byte

func (script) Run(p *eval.Program) *eval.Error {
	for _, line := range strings.Split(p.Source, "\n") {
		if err := command1(p.ID, line); err != nil {
			return err
		}
	}
	return nil
}

func recurse(n int) int { return recurse(n+1) + n }

func command1(run int, line string) *eval.Error {
	name, arg, _ := strings.Cut(line, " ")
	stopped := current.stopped(run)
	write := func(stream, text string) {
		current.c.emit(eval.Event{Cell: run, Stream: &eval.Stream{Name: stream, Text: text}})
	}
	n, _ := strconv.Atoi(arg)
	switch name {
	case "":
	case "print":
		write("stdout", arg+"\n")
	case "warn":
		write("stderr", arg+"\n")
	case "fill":
		write("stdout", strings.Repeat("x", n))
	case "display":
		current.c.emit(eval.Event{Cell: run, Display: &eval.Display{Data: map[string]any{"text/plain": arg}}})
	case "hugedisplay":
		current.c.emit(eval.Event{Cell: run, Display: &eval.Display{Data: map[string]any{"image/png": strings.Repeat("x", maxFrame)}}})
	case "fail":
		return &eval.Error{Name: eval.Panic, Value: arg, Pos: eval.Pos{Cell: p1(run), Line: 1, Column: 2}}
	case "bug":
		panic(arg)
	case "wait":
		return <-stopped
	case "native":
		time.Sleep(time.Duration(n) * time.Millisecond) // deaf
		select {
		case why := <-stopped:
			return why
		default:
		}
	case "freeze": // nothing in this process runs any more
		syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		time.Sleep(time.Minute)
	case "input":
		line, err := current.c.ask(eval.InputRequest{Cell: run, Prompt: arg}, nil)
		if err != nil {
			return err.(*eval.Error)
		}
		write("stdout", "got "+line+"\n")
	case "mapwrites":
		m := map[int]int{}
		for g := range 4 {
			go func() {
				for i := 0; ; i++ {
					m[i%10] = g
				}
			}()
		}
		time.Sleep(time.Minute)
	case "unlock":
		var mu sync.Mutex
		mu.Unlock()
	case "overflow":
		write("stdout", fmt.Sprint(recurse(0)))
	case "gopanic":
		go func() { panic("in native code") }()
		time.Sleep(time.Minute)
	case "alloc":
		for range n {
			b := make([]byte, 1<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			sink = append(sink, b)
			select {
			case why := <-stopped:
				if arg != "1000000" {
					sink = nil
				}
				return why
			default:
			}
			time.Sleep(time.Millisecond)
		}
	case "hugealloc":
		sink = append(sink, make([]byte, math.MaxInt64>>16))
	case "exit":
		syscall.Exit(n)
	case "signal":
		syscall.Kill(os.Getpid(), syscall.Signal(n))
		time.Sleep(time.Minute)
	case "badframe":
		current.c.out.w.Write([]byte("hello, this is no frame at all"))
		time.Sleep(time.Minute)
	case "spawn":
		cmd := exec.Command("/bin/sh", "-c", arg)
		if err := cmd.Start(); err != nil {
			return &eval.Error{Name: eval.Panic, Value: err.Error()}
		}
		write("stdout", strconv.Itoa(cmd.Process.Pid))
	default:
		return &eval.Error{Name: eval.CompileError, Value: "no command " + name}
	}
	return nil
}

func p1(run int) string { return fmt.Sprintf("In[%d]", run) }
