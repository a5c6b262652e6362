package compare

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// nursery is a Python program that has imported what most programs need and
// forks for each program that it is told: a start takes milliseconds, and a
// program cannot leave anything behind for the next. A child ends as Python
// always ends, with exit handlers and joined threads.
const nursery = `
import asyncio, concurrent.futures, contextvars, gc, inspect, os, queue, sys, threading, time, types, warnings
for path in sys.stdin:
    path = path.rstrip("\n")
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        null = os.open(os.devnull, os.O_RDONLY)
        out = os.open(path + ".out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        err = os.open(path + ".err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for fd, to in ((null, 0), (out, 1), (err, 2)):
            os.dup2(fd, to)
        main = types.ModuleType("__main__")
        main.__file__ = path
        sys.modules["__main__"] = main
        sys.argv = [path]
        with open(path, encoding="utf-8") as f:
            source = f.read()
        exec(compile(source, path, "exec"), main.__dict__)
        sys.exit(0)
    _, status = os.waitpid(pid, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
`

// interpreter is a running nursery, used by one program at a time.
type interpreter struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func start(exe string) (*interpreter, error) {
	cmd := exec.Command(exe, "-c", nursery)
	cmd.Env = append(os.Environ(), "PYTHONHASHSEED=0", "PYTHONIOENCODING=utf-8", "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=")
	ownGroup(cmd)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &interpreter{cmd, in, bufio.NewReader(out)}, nil
}

// run runs the program at path and returns its exit code.
func (p *interpreter) run(path string) (code int, err error) {
	if _, err := fmt.Fprintln(p.in, path); err != nil {
		return 0, err
	}
	late := time.AfterFunc(limit, func() { killGroup(p.cmd) })
	defer late.Stop()
	line, err := p.out.ReadString('\n')
	if err != nil {
		return 0, fmt.Errorf("it did not end within %v", limit)
	}
	return strconv.Atoi(strings.TrimSpace(line))
}

func (p *interpreter) end() {
	_ = p.in.Close()
	_ = p.cmd.Wait()
}

var (
	places  = make(chan struct{}, max(runtime.GOMAXPROCS(0), 2)) // programs at a time
	restMu  sync.Mutex
	resting []*interpreter // guarded by restMu
	users   int            // guarded by restMu; tests that may still need one
)

// borrow gives an interpreter and what gives it back. When the last test that
// uses interpreters has ended they end too.
func borrow(t *testing.T, exe string) (p *interpreter, back func(usable bool)) {
	places <- struct{}{}
	restMu.Lock()
	users++
	if n := len(resting); n > 0 {
		p, resting = resting[n-1], resting[:n-1]
	}
	restMu.Unlock()
	t.Cleanup(leave)
	if p == nil {
		var err error
		if p, err = start(exe); err != nil {
			<-places
			t.Fatal(err)
		}
	}
	return p, func(usable bool) {
		restMu.Lock()
		if usable {
			resting = append(resting, p)
		}
		restMu.Unlock()
		if !usable {
			p.end()
		}
		<-places
	}
}

// leave keeps interpreters for other tests for a while.
func leave() {
	restMu.Lock()
	defer restMu.Unlock()
	if users--; users > 0 {
		return
	}
	for _, p := range resting {
		p.end()
	}
	resting = nil
}

func output(t *testing.T, exe, python string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program.py")
	if err := os.WriteFile(path, []byte(python), 0o600); err != nil {
		t.Fatal(err)
	}
	p, back := borrow(t, exe)
	code, err := p.run(path)
	back(err == nil)
	text, _ := os.ReadFile(path + ".out")
	if err != nil || code != 0 {
		trace, _ := os.ReadFile(path + ".err")
		t.Fatalf("the Python program failed: exit code %d, %v\n%s%s", code, err, text, bytes.TrimSpace(trace))
	}
	return string(text)
}
