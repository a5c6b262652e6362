package kernel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"

	"braid/kernel/internal/protocol"
	"braid/kernel/internal/wire"
)

// username is what the kernel's message headers say.
const username = "kernel"

// Options are what a kernel needs beside its connection. Session is demanded.
type Options struct {
	// Session opens the session. It is called once, on a goroutine of its own,
	// while the sockets listen already.
	Session func() (Session, error)
	// Listen opens the sockets; nil is ListenZMQ.
	Listen Listener
	// Version is the implementation_version of kernel_info.
	Version string
	// Log takes diagnostics, which never go to a cell; nil is slog.Default.
	Log *slog.Logger
	// Signals brings SIGINT, which interrupts, and SIGTERM, which shuts down; nil
	// means those of the process, which Serve then catches.
	Signals <-chan os.Signal
	// ParentPID is the process whose end ends the kernel; 0 is none. See ParentPID.
	ParentPID int

	getppid func() int // for tests; nil is os.Getppid
}

// ErrParentDied is returned by Serve when the process that started the kernel has
// ended without saying so.
var ErrParentDied = errors.New("the parent process has ended")

// errShutdown is why Serve ends when it was asked to.
var errShutdown = errors.New("shutdown requested")

// How long each stage of the end may take; together under a second.
const (
	closeLimit = 400 * time.Millisecond // the session, with workers and children
	loopLimit  = 150 * time.Millisecond // the goroutines of shells, then the outbox
	drainLimit = 250 * time.Millisecond // the sockets
)

// ParentPID returns the pid in JPY_PARENT_PID if that process is this one's
// parent, else 0: a kernel that was started through another program must not end
// because that program did (ipykernel, parentpoller.py).
func ParentPID() int {
	pid, err := strconv.Atoi(os.Getenv("JPY_PARENT_PID"))
	if err != nil || pid <= 1 || pid != os.Getppid() {
		return 0
	}
	return pid
}

// kernel is one served kernel. Its fields are set before its goroutines start, or
// guard themselves.
type kernel struct {
	id        string // the session id in all headers: one per process
	info      ConnectionInfo
	options   Options
	log       *slog.Logger
	signer    *wire.Signer
	transport *Transport
	outbox    *outbox
	session   lazySession
	shells    shells
	readers   *queue // requests that pass running cells
	stdin     stdin
	history   history
	usage     usage
	stop      context.CancelCauseFunc

	mu      sync.Mutex
	closing bool
	servers sync.WaitGroup // goroutines that serve queues
	sockets sync.WaitGroup // goroutines that read sockets
}

// Serve runs a kernel until a client shuts it down, SIGTERM comes, ctx ends or
// the parent dies. It returns nil in the first two cases; by then the session and
// its processes are closed, what was sent has left, and the sockets are closed.
// The process should exit at once: in rare cases (a session that does not close
// in time) goroutines are left behind.
func Serve(ctx context.Context, info ConnectionInfo, options Options) error {
	k, err := newKernel(info, options)
	if err != nil {
		return err
	}
	ctx, k.stop = context.WithCancelCause(ctx)
	defer k.stop(nil)
	if err := k.listen(ctx); err != nil {
		return err
	}
	signals, release := k.signals()
	defer release()
	k.outbox.post(nil, protocol.TypeStatus, status(protocol.StateStarting))
	k.session.start(options.Session)
	publisher := make(chan struct{})
	go func() {
		defer close(publisher)
		k.outbox.loop()
	}()
	k.spawn(&k.sockets, k.readShell)
	k.spawn(&k.sockets, k.serveControl)
	k.spawn(&k.sockets, k.stdin.read)
	k.spawn(&k.servers, k.serveReaders)
	k.spawn(&k.servers, func() { k.shells.main.loop(k) })
	k.watch(ctx, signals)
	k.shutdown(publisher)
	cause := context.Cause(ctx)
	if errors.Is(cause, errShutdown) {
		return nil
	}
	return cause
}

func newKernel(info ConnectionInfo, options Options) (*kernel, error) {
	signer, err := wire.NewSigner(info.SignatureScheme, info.Key)
	if err != nil {
		return nil, fmt.Errorf("connection file: %w", err)
	}
	if options.Log == nil {
		options.Log = slog.Default()
	}
	if options.Listen == nil {
		options.Listen = ListenZMQ
	}
	if options.getppid == nil {
		options.getppid = os.Getppid
	}
	if info.Key == "" {
		options.Log.Warn("the connection file has no key: anyone who can connect can run code")
	}
	k := &kernel{id: uuid.NewString(), info: info, options: options, log: options.Log, signer: signer, readers: newQueue()}
	k.outbox = newOutbox(signer, k.id, k.log)
	k.shells.main = newShell("")
	k.stdin.kernel = k
	return k, nil
}

// listen opens the sockets and tells the connection file, or the registrar, which
// ports they have.
func (k *kernel) listen(ctx context.Context) error {
	choose := k.info.hasFreePorts()
	t, err := k.options.Listen(&k.info, k.outbox.welcome)
	if err != nil {
		return fmt.Errorf("cannot listen: %w", err)
	}
	switch {
	case k.info.registration != nil:
		err = k.info.announce(ctx)
	case choose:
		err = k.info.writeBack()
	}
	if err != nil {
		t.Close()
		return err
	}
	t.Shell, t.Control = &sharedSocket{Socket: t.Shell}, &sharedSocket{Socket: t.Control}
	t.Stdin = &sharedSocket{Socket: t.Stdin}
	k.transport, k.outbox.publish = t, t.IOPub.Send
	return nil
}

func (k *kernel) signals() (signals <-chan os.Signal, release func()) {
	if k.options.Signals != nil {
		return k.options.Signals, func() {}
	}
	c := make(chan os.Signal, 8)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	return c, func() { signal.Stop(c) }
}

// watch waits for the end: it returns when ctx is done, which a shutdown_request
// brings about, too. On the way it handles signals and looks at the parent.
func (k *kernel) watch(ctx context.Context, signals <-chan os.Signal) {
	poll := time.NewTicker(500 * time.Millisecond)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-signals:
			switch s {
			case os.Interrupt:
				k.interrupt()
			case syscall.SIGTERM:
				k.stop(errShutdown)
			}
		case <-poll.C:
			if k.options.ParentPID > 0 && k.options.getppid() != k.options.ParentPID {
				k.stop(ErrParentDied)
			}
		}
	}
}

// spawn starts one of the kernel's loops; false means that the kernel ends.
func (k *kernel) spawn(group *sync.WaitGroup, loop func()) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closing {
		return false
	}
	group.Go(loop)
	return true
}

// shutdown ends everything, each stage within its limit: running cells and the
// session, the loops of the shells, the outbox, the sockets, their readers.
func (k *kernel) shutdown(publisher <-chan struct{}) {
	k.mu.Lock()
	k.closing = true
	k.mu.Unlock()
	k.interrupt()
	if !within(closeLimit, k.closeSession) {
		k.log.Warn("the session did not close in time")
	}
	for _, s := range k.shells.all() {
		s.queue.close()
	}
	k.readers.close()
	within(loopLimit, k.servers.Wait) // for the last replies and idles
	k.outbox.close()
	select {
	case <-publisher:
	case <-time.After(loopLimit):
	}
	if k.transport.Drain != nil {
		if err := k.transport.Drain(drainLimit); err != nil {
			k.log.Debug("messages may be lost", "error", err)
		}
	}
	k.report()
	k.transport.Close()
	if !within(loopLimit, k.sockets.Wait) {
		k.log.Warn("goroutines are left behind")
	}
}

// report logs what peers had to be refused.
func (k *kernel) report() {
	c := k.signer.Refused()
	refused := map[string]uint64{
		"no_delimiter": c.NoDelimiter, "too_short": c.Short, "wrong_signature": c.Signature, "replayed": c.Replay,
		"not_utf8": c.UTF8, "not_json": c.JSON, "bad_header": c.Header, "beyond_limits": c.Limit,
	}
	if k.transport.Counts != nil {
		maps.Copy(refused, k.transport.Counts())
	}
	var counts []any
	for _, name := range slices.Sorted(maps.Keys(refused)) {
		if n := refused[name]; n > 0 {
			counts = append(counts, slog.Uint64(name, n))
		}
	}
	if len(counts) > 0 {
		k.log.Warn("messages or peers were refused", counts...)
	}
}

func (k *kernel) closeSession() {
	s, err := k.session.get()
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		k.log.Warn("closing the session", "error", err)
	}
}

// within runs f on a goroutine and reports whether it returned within limit.
func within(limit time.Duration, f func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
		return true
	case <-time.After(limit):
		return false
	}
}
