package futures

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync/atomic"
	"time"

	rt "braid/runtime"
)

// Spawner starts worker processes. A host whose programs are interpreted has
// its own: its workers know the program's declarations.
//
// A Spawner that has a method Refusal() error is asked it first, by Submit: a
// host says so that it can start no processes.
type Spawner interface {
	// Spawn starts a worker process and returns when it can be called.
	Spawn() (Process, error)
}

// Process is one worker process.
type Process interface {
	PID() int
	// Call sends a request, which the process gives to Answer, and returns the
	// reply. An error means that the process is gone or useless. One call is
	// under way at a time.
	Call(request []byte) (reply []byte, err error)
	// Gone is closed when the process has ended; Err says how, then.
	Gone() <-chan struct{}
	Err() error
	// Close lets the process end, waits for it and frees what belongs to it;
	// Kill ends it at once and waits. Both may be called several times, Kill
	// during a Call.
	Close()
	Kill()
}

var spawner atomic.Pointer[Spawner]

// SetSpawner installs a host's Spawner; nil means that the program starts
// itself again.
func SetSpawner(s Spawner) {
	if s == nil {
		spawner.Store(nil)
		return
	}
	spawner.Store(&s)
}

func currentSpawner() (Spawner, error) {
	if s := spawner.Load(); s != nil {
		if r, ok := (*s).(interface{ Refusal() error }); ok {
			return *s, r.Refusal()
		}
		return *s, nil
	}
	if !guarding.Load() {
		return nil, errNoGuard
	}
	return itself{}, nil
}

// errNoGuard is the RuntimeError of a module without
// if __name__ == "__main__" (Lib/multiprocessing/spawn.py).
var errNoGuard = rt.Raise("RuntimeError", `
        An attempt has been made to start a new process before the
        current process has finished its bootstrapping phase.

        This probably means that you are not using re-execution to start
        your child processes and you have forgotten to use the proper idiom
        in the main module:

            func main() {
                futures.FreezeSupport()
                ...

        (or, in a test, the same as the first line of TestMain).`)

const workerVariable = "BRAID_FUTURES_WORKER"

var guarding atomic.Bool

// FreezeSupport makes the program able to be its own worker process
// (multiprocessing.freeze_support). Call it first in main or TestMain, after
// the calls of Register: in a worker process it serves and never returns,
// otherwise it returns at once. Without it ProcessPoolExecutor raises
// RuntimeError. A notebook does not need it.
func FreezeSupport() {
	guarding.Store(true)
	if os.Getenv(workerVariable) == "" {
		return
	}
	os.Unsetenv(workerVariable)
	if err := serveProcess(os.NewFile(workerIn, "requests"), os.NewFile(workerOut, "replies")); err != nil {
		fmt.Fprintln(os.Stderr, "worker process:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// The descriptors of a worker process.
const (
	workerIn  = 3
	workerOut = 4
)

// serveProcess answers requests until there are no more.
func serveProcess(in io.Reader, out io.Writer) error {
	w := wire{r: in, w: out}
	for {
		request, err := w.receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := w.send(Answer(request)); err != nil {
			return err
		}
	}
}

// maxMessage bounds what travels in one piece.
const maxMessage = 1 << 31

// wire carries messages: eight bytes of length, little-endian, and the message.
type wire struct {
	r   io.Reader
	w   io.Writer
	buf []byte // of the last message received, if it was small
	out []byte
}

func (w *wire) send(message []byte) error {
	w.out = binary.LittleEndian.AppendUint64(w.out[:0], uint64(len(message)))
	if len(message) > 64<<10 {
		if _, err := w.w.Write(w.out); err != nil {
			return err
		}
		_, err := w.w.Write(message)
		return err
	}
	w.out = append(w.out, message...)
	_, err := w.w.Write(w.out)
	return err
}

// receive returns the next message, valid until the next call. It allocates no
// more than has arrived, whatever length is claimed.
func (w *wire) receive() ([]byte, error) {
	var head [8]byte
	if w.buf == nil {
		w.buf = make([]byte, 4096)
	}
	// a small message arrives with its length in one read
	n, err := io.ReadAtLeast(w.r, w.buf, len(head))
	if err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint64(w.buf)
	if size > maxMessage {
		return nil, fmt.Errorf("a message of %d bytes: no more than %d may travel in one piece", size, maxMessage)
	}
	have := w.buf[len(head):n]
	if uint64(len(have)) > size {
		return nil, errors.New("two messages at once")
	}
	message := append(make([]byte, 0, min(size, 1<<20)), have...)
	for uint64(len(message)) < size {
		start := len(message)
		n := int(min(size-uint64(start), max(uint64(start), 1<<16)))
		message = append(message, make([]byte, n)...)
		if _, err := io.ReadFull(w.r, message[start:]); err != nil {
			return nil, io.ErrUnexpectedEOF
		}
	}
	return message, nil
}

// itself starts the running program again.
type itself struct{}

func (itself) Spawn() (Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	requests, toChild, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	fromChild, replies, err := os.Pipe()
	if err != nil {
		requests.Close()
		toChild.Close()
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), workerVariable+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{requests, replies}
	dieWithParent(cmd)
	err = cmd.Start()
	requests.Close()
	replies.Close()
	if err != nil {
		toChild.Close()
		fromChild.Close()
		return nil, err
	}
	c := &child{cmd: cmd, in: fromChild, out: toChild, wire: wire{r: fromChild, w: toChild}, gone: make(chan struct{})}
	go func() {
		if c.status = cmd.Wait(); c.status == nil {
			c.status = errors.New("exit status 0")
		}
		close(c.gone)
	}()
	return c, nil
}

// child is a worker process that runs this program.
type child struct {
	cmd     *exec.Cmd
	in, out *os.File
	wire    wire
	gone    chan struct{}
	status  error // valid when gone is closed
}

func (c *child) PID() int { return c.cmd.Process.Pid }

func (c *child) Gone() <-chan struct{} { return c.gone }

func (c *child) Err() error { return fmt.Errorf("the worker process %d ended: %w", c.PID(), c.status) }

func (c *child) Call(request []byte) ([]byte, error) {
	err := c.wire.send(request)
	if err == nil {
		var reply []byte
		if reply, err = c.wire.receive(); err == nil {
			return reply, nil
		}
	}
	c.Kill() // it is useless, if it is not gone
	return nil, c.Err()
}

// closeGrace is how long a process may take to notice that its work is over.
const closeGrace = 2 * time.Second

func (c *child) Close() {
	c.out.Close()
	select {
	case <-c.gone:
	case <-time.After(closeGrace):
		c.Kill()
	}
	c.in.Close()
}

func (c *child) Kill() {
	c.cmd.Process.Kill()
	<-c.gone
}
