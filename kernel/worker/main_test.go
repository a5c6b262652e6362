package worker

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"braid/kernel/eval"
	"braid/kernel/eval/comm"
	"braid/kernel/eval/host"
)

// TestMain makes the test binary its own worker, with an engine whose programs
// are lines of commands.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "worker" {
		os.Exit(Main(map[string]func() eval.Engine{
			"script":    func() eval.Engine { return script{} },
			"compiling": func() eval.Engine { return &compiling{} },
			"slow":      func() eval.Engine { time.Sleep(100 * time.Millisecond); return script{} },
		}))
	}
	os.Exit(m.Run())
}

// compiling is script as a Compiler. A line "compile MS" takes so long to compile,
// "crash compile" panics; a line "committed" prints the IDs committed so far.
type compiling struct {
	script
	mu        sync.Mutex
	committed []int
}

type scriptCode struct {
	e *compiling
	p *eval.Program
}

func (e *compiling) Compile(p *eval.Program) eval.Compiled {
	e.mu.Lock()
	defer e.mu.Unlock()
	for line := range strings.Lines(p.Source) {
		switch name, arg, _ := strings.Cut(strings.TrimSpace(line), " "); name {
		case "compile":
			n, _ := strconv.Atoi(arg)
			time.Sleep(time.Duration(n) * time.Millisecond)
		case "crash":
			panic("in the compiler")
		}
	}
	return scriptCode{e, p}
}

func (c scriptCode) Commit() { c.e.committed = append(c.e.committed, c.p.ID) }

func (c scriptCode) Run() *eval.Error {
	p := *c.p
	p.Source = strings.ReplaceAll(p.Source, "committed", "print "+fmt.Sprint(c.e.committed))
	return c.e.script.Run(&p)
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
	write := func(w io.Writer, text string) { io.WriteString(w, text) }
	stdout, stderr := host.Stdout(), host.Stderr()
	n, _ := strconv.Atoi(arg)
	switch name {
	case "", "compile":
	case "goexit":
		runtime.Goexit()
	case "crash":
		panic("in the compiler")
	case "print":
		write(stdout, arg+"\n")
	case "flush":
		host.Flush()
	case "warn":
		write(stderr, arg+"\n")
	case "fill":
		write(stdout, strings.Repeat("x", n))
	case "display":
		host.Emit(eval.Event{Display: &eval.Display{Data: map[string]any{"text/plain": arg}}})
	case "hugedisplay":
		host.Emit(eval.Event{Display: &eval.Display{Data: map[string]any{"image/png": strings.Repeat("x", maxFrame)}}})
	case "fail":
		return &eval.Error{Name: eval.Panic, Value: arg, Pos: eval.Pos{Cell: p1(run), Line: 1, Column: 2}}
	case "bug":
		panic(arg)
	case "wait":
		for {
			host.Check()
			time.Sleep(time.Millisecond)
		}
	case "native":
		time.Sleep(time.Duration(n) * time.Millisecond) // deaf
		host.Check()
	case "background":
		host.Go(eval.Pos{Cell: p1(run), Line: 1}, func() {
			host.Recv(eval.Pos{Cell: p1(run), Line: 2}, reflect.ValueOf(time.After(time.Minute)))
		}, nil)
	case "target":
		comm.Register(arg, func(c *comm.Comm, m comm.Message) {
			write(stdout, fmt.Sprint("opened ", m.Data["v"], "\n"))
			c.OnMessage(func(m comm.Message) {
				write(stdout, fmt.Sprint("got ", m.Data["v"], " ", m.Buffers, "\n"))
				c.Send(map[string]any{"echo": m.Data["v"]}, m.Buffers...)
			})
		})
	case "freeze": // nothing in this process runs any more
		syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		time.Sleep(time.Minute)
	case "input":
		line, err := host.Input(arg, false)
		if err != nil {
			return err.(*eval.Error)
		}
		write(stdout, "got "+line+"\n")
	case "mapwrites":
		m := map[int]int{}
		for g := range 4 {
			host.Go(eval.Pos{}, func() {
				for i := 0; ; i++ {
					m[i%10] = g
				}
			}, nil)
		}
		time.Sleep(time.Minute)
	case "unlock":
		var mu sync.Mutex
		mu.Unlock()
	case "overflow":
		write(stdout, fmt.Sprint(recurse(0)))
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
			time.Sleep(time.Millisecond)
			if arg != "1000000" && host.Stop.Load() != 0 {
				sink = nil
				host.Check()
			}
		}
	case "hugealloc":
		sink = append(sink, make([]byte, 1<<38))
	case "exit":
		syscall.Exit(n)
	case "signal":
		syscall.Kill(os.Getpid(), syscall.Signal(n))
		time.Sleep(time.Minute)
	case "badframe":
		unix.Write(fdLinkOut, []byte("hello, this is no frame at all"))
		time.Sleep(time.Minute)
	case "spawn":
		cmd := exec.Command("/bin/sh", "-c", arg)
		if err := cmd.Start(); err != nil {
			return &eval.Error{Name: eval.Panic, Value: err.Error()}
		}
		write(stdout, strconv.Itoa(cmd.Process.Pid))
	default:
		return &eval.Error{Name: eval.CompileError, Value: "no command " + name}
	}
	return nil
}

func p1(run int) string { return fmt.Sprintf("In[%d]", run) }
