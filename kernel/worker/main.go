package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"

	"braid/kernel/eval"
	"braid/kernel/eval/host"
	"braid/runtime/futures"
)

const (
	// maxStack is where endless recursion ends: 256 MiB instead of the runtime's
	// 1 GiB. That is deep enough for 400,000 calls under yaegi, and three times
	// as fast to reach.
	maxStack = 256 << 20
)

// serveParent is Main with the port to be used.
func serveParent(engines map[string]func() eval.Engine, open func(*child) (port, error)) int {
	in, out, crash, err := inherited()
	if err != nil {
		fmt.Fprintln(os.Stderr, "braid worker: "+err.Error())
		return 2
	}
	debug.SetCrashOutput(crash, debug.CrashOptions{}) // keeps a copy of the descriptor
	crash.Close()
	host.SetMaxStack(maxStack)
	PatientGC()
	adoptOrphans()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go obeySignals(signals)
	c := &child{out: frameWriter{w: out}, open: open, questions: map[uint32]chan inputReply{}, shells: map[uint32]context.CancelCauseFunc{}}
	c.quiet = NewQuiet()
	if err := c.serve(newFrameReader(in), engines); err != nil {
		fmt.Fprintln(os.Stderr, "braid worker: "+err.Error())
	}
	endDescendants()
	os.Exit(0)
	return 0
}

// obeySignals keeps SIGINT from ending the worker (an interrupt comes by the
// link; Notify, unlike Ignore, is not inherited by the learner's own processes)
// and ends everything at SIGTERM, which also tells that the parent has died.
func obeySignals(signals <-chan os.Signal) {
	for sig := range signals {
		if sig == syscall.SIGTERM {
			endDescendants()
			signal.Reset(syscall.SIGTERM)
			syscall.Kill(os.Getpid(), syscall.SIGTERM) // so that the parent sees what ended us
		}
	}
}

// port is package host as the worker drives it.
type port interface {
	// announce says that run or comm will be called for this run: from here on it
	// can be interrupted.
	announce(run int)
	// run evaluates p by calling do on the calling goroutine, and calls then when
	// all that it has emitted so far has been passed on: what ended it early, and
	// its goroutines that go on. It need not return, but then is called.
	run(p *eval.Program, do func() *eval.Error, then func(*eval.Error, []Goroutine))
	// comm is run for the handler of a comm message.
	comm(run int, m eval.Comm, then func(*eval.Error, []Goroutine))
	// interrupt ends the goroutines of a run with why, or with Interrupted.
	interrupt(run int, why *eval.Error)
	// census lists the goroutines of all runs.
	census() []Goroutine
}

// child is this end of the link in the worker process.
type child struct {
	open   func(*child) (port, error)
	host   port
	out    frameWriter
	limits eval.Limits
	engine func() eval.Engine // waits for the engine to be there
	quiet  *Quiet

	name     string // of the engine
	programs programs
	pools    pools

	mu        sync.Mutex
	questions map[uint32]chan inputReply
	lastAsk   uint32
	shells    map[uint32]context.CancelCauseFunc // running shell commands
}

// serve reads frames until the parent closes the link.
func (c *child) serve(fr *frameReader, engines map[string]func() eval.Engine) error {
	if err := c.greet(fr, engines); err != nil {
		return err
	}
	for {
		f, err := fr.next()
		if err == nil {
			err = c.obey(f)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (c *child) greet(fr *frameReader, engines map[string]func() eval.Engine) error {
	f, err := fr.next()
	if err != nil {
		return err
	}
	var h hello
	if f.kind != kindHello || json.Unmarshal(f.body, &h) != nil {
		return fmt.Errorf("%w: hello expected", errFrame)
	}
	r := ready{Version: linkVersion, PID: os.Getpid(), Go: runtime.Version()}
	create := engines[h.Engine]
	switch {
	case h.Version != linkVersion:
		r.Refused = fmt.Sprintf("the kernel speaks version %d of the worker link, this worker version %d: install one version of braid everywhere", h.Version, linkVersion)
	case create == nil:
		known := slices.Sorted(maps.Keys(engines))
		r.Refused = fmt.Sprintf("there is no engine %q; there are: %s", h.Engine, strings.Join(known, ", "))
	default:
		if err := c.configure(h, create); err != nil {
			r.Refused = err.Error()
		}
	}
	if err := c.out.writeJSON(kindReady, 0, r); err != nil || r.Refused != "" {
		return errors.Join(err, io.EOF)
	}
	return nil
}

// configure applies the limits and begins to create the engine, while the parent
// learns that this process is ready.
func (c *child) configure(h hello, create func() eval.Engine) (err error) {
	c.limits, c.name = h.Limits, h.Engine
	if m := h.Limits.Memory; m > 0 {
		debug.SetMemoryLimit(m - m/10)
		host.SetMaxStack(int(min(maxStack, m/8)))
		limitData(m)
	}
	if c.host, err = c.open(c); err != nil {
		return err
	}
	c.engine = sync.OnceValue(create)
	c.pools.child = c
	futures.SetSpawner(&c.pools)
	go c.engine()
	return nil
}

// obey does what one frame asks for, without waiting for anything.
func (c *child) obey(f frame) error {
	switch f.kind {
	case kindRun:
		return c.begin(f)
	case kindPrepare:
		p := new(eval.Program)
		if err := decode(f, p); err != nil {
			return err
		}
		c.prepare(p)
	case kindInterrupt:
		var why *eval.Error
		if len(f.body) > 0 {
			why = new(eval.Error)
			if err := decode(f, why); err != nil {
				return err
			}
		}
		if !c.stopShell(f.id, why) {
			c.host.interrupt(int(f.id), why)
		}
	case kindShell:
		c.quiet.Stop()
		ctx, cancel := context.WithCancelCause(context.Background())
		c.mu.Lock()
		c.shells[f.id] = cancel
		c.mu.Unlock()
		go c.shell(ctx, f.id, string(f.body))
	case kindPlace:
		var p Place
		if err := decode(f, &p); err != nil {
			return err
		}
		return c.out.writeJSON(kindPong, f.id, p.apply())
	case kindInputReply:
		var r inputReply
		if err := decode(f, &r); err != nil {
			return err
		}
		c.mu.Lock()
		answer := c.questions[f.id]
		delete(c.questions, f.id)
		c.mu.Unlock()
		if answer != nil {
			answer <- r
		}
	case kindCommIn:
		var m eval.Comm
		if err := decode(f, &m); err != nil {
			return err
		}
		c.quiet.Stop()
		c.host.announce(int(f.id))
		go c.host.comm(int(f.id), m, c.ended(f.id))
	case kindCall:
		c.quiet.Stop()
		c.host.announce(int(f.id))
		c.answer(f.id, bytes.Clone(f.body))
	case kindDeclared:
		c.pools.learn(f)
	case kindCensus:
		return c.out.writeJSON(kindCensusReply, f.id, c.host.census())
	case kindPing:
		return c.out.write(kindPong, f.id, nil)
	case kindCollect:
		Rest()
		return c.out.write(kindPong, f.id, nil)
	case kindShutdown:
		return io.EOF
	default:
		return fmt.Errorf("%w: kind %d does not come from a parent", errFrame, f.kind)
	}
	return nil
}

// ended reports the end of a run.
func (c *child) ended(id uint32) func(*eval.Error, []Goroutine) {
	return func(err *eval.Error, census []Goroutine) {
		if err != nil && err.Name == eval.LimitError {
			debug.FreeOSMemory() // so that the sampler sees what is really in use
		}
		var body any
		if err != nil || len(census) > 0 {
			body = ended{Error: err, Census: census}
		}
		c.end(id, body)
	}
}

func (c *child) end(id uint32, body any) {
	c.out.writeJSON(kindEnded, id, body)
	c.quiet.Reset()
}

// emit sends an event to the parent; host calls it in the order of the output.
func (c *child) emit(ev eval.Event) {
	var err error
	switch {
	case ev.Stream != nil && ev.Stream.Name == "stderr":
		err = c.out.writeText(kindStderr, uint32(ev.Cell), ev.Stream.Text)
	case ev.Stream != nil:
		err = c.out.writeText(kindStdout, uint32(ev.Cell), ev.Stream.Text)
	default:
		err = c.out.writeJSON(kindEvent, uint32(ev.Cell), ev)
	}
	if err != nil && c.out.failure() == nil { // it did not fit; the link is fine
		c.out.writeJSON(kindEvent, uint32(ev.Cell), eval.Event{Error: &eval.Error{Name: eval.LimitError, Value: err.Error()}})
	}
}

// ask puts a question of a run to the front end and waits for its answer; the
// parent answers every question when its run is interrupted.
func (c *child) ask(in eval.InputRequest) (string, error) {
	answer := make(chan inputReply, 1)
	c.mu.Lock()
	c.lastAsk++
	id := c.lastAsk
	c.questions[id] = answer
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.questions, id)
	}()
	if err := c.out.writeJSON(kindInput, id, in); err != nil {
		return "", err
	}
	r := <-answer
	if r.Error != nil {
		return "", r.Error
	}
	return r.Line, nil
}
