//go:build unix

package host

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pipeSize is asked for where the system lets pipes grow, so that the runtime's
// crash report, which nobody reads any more when it is written, does not block.
const pipeSize = 1 << 20

// raw are the read ends of the pipes over descriptors 1 and 2, by stream; nil
// before Capture.
var raw [2]*os.File

// rawFD are their descriptors; guarded by out.mu.
var rawFD = [2]int32{-1, -1}

var capture struct {
	once sync.Once
	err  error
}

// Capture puts pipes over descriptors 0, 1 and 2 of the process, so that what
// native code and other processes write there comes out as events of the newest
// running cell, in order with everything else, and reading os.Stdin asks the
// front end. It is called once, early in a worker's life; whoever wants the
// original descriptors (for the runtime's crash report, see
// debug.SetCrashOutput) must duplicate them before.
func Capture() error {
	capture.once.Do(func() { capture.err = captureAll() })
	return capture.err
}

func captureAll() error {
	for stream, fd := range [2]int{1, 2} {
		r, err := pipeOver(fd)
		if err != nil {
			return fmt.Errorf("capture %s: %w", streamNames[stream], err)
		}
		out.mu.Lock()
		raw[stream], rawFD[stream] = r, int32(r.Fd())
		unix.SetNonblock(int(rawFD[stream]), true) // Fd made it block
		out.mu.Unlock()
		if err := pump(r); err != nil {
			return fmt.Errorf("capture %s: %w", streamNames[stream], err)
		}
	}
	prepareDefaults()
	return captureStdin()
}

// pipeOver replaces fd by the write end of a new pipe and returns the read end.
// The write end blocks its writers as they expect; the read end does not.
func pipeOver(fd int) (*os.File, error) {
	var p [2]int
	syscall.ForkLock.RLock()
	err := unix.Pipe(p[:])
	if err == nil {
		unix.CloseOnExec(p[0])
		unix.CloseOnExec(p[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, err
	}
	growPipe(p[1])
	err = dup2(p[1], fd)
	unix.Close(p[1])
	if err == nil {
		err = unix.SetNonblock(p[0], true)
	}
	if err != nil {
		unix.Close(p[0])
		return nil, err
	}
	return os.NewFile(uintptr(p[0]), "captured descriptor"), nil
}

// pump starts the goroutine that queues what comes through a pipe when nobody
// writes in order meanwhile. It waits for the pipe without reading: reading and
// queueing are one step under out.mu, so that text is never in between.
func pump(r *os.File) error {
	conn, err := r.SyscallConn()
	if err != nil {
		return err
	}
	go conn.Read(func(uintptr) bool {
		// If this is the runtime's last word, the process dies meanwhile, and the
		// parent reads from the pipe what it died of (package worker).
		time.Sleep(time.Millisecond)
		out.mu.Lock()
		defer out.mu.Unlock()
		for drainRaw(out) > 0 {
			if out.bytes >= maxQueue {
				out.waitForRoom(nil)
			}
		}
		return false // wait for more
	})
	return nil
}

var rawBuffer [64 << 10]byte // guarded by out.mu

// drainRaw queues what the pipes hold, but no more than they held at the call,
// for the newest running run, and returns how much that was. q.mu is held.
func drainRaw(q *queue) int {
	if rawFD[0] < 0 || rawFD[1] < 0 {
		return 0
	}
	fds := [2]unix.PollFd{{Fd: rawFD[0], Events: unix.POLLIN}, {Fd: rawFD[1], Events: unix.POLLIN}}
	if n, err := unix.Poll(fds[:], 0); n <= 0 || err != nil {
		return 0
	}
	total := 0
	var r *Run
	for stream := range fds {
		if fds[stream].Revents&unix.POLLIN == 0 {
			continue
		}
		for got := 0; got < pipeSize; {
			n, err := unix.Read(int(fds[stream].Fd), rawBuffer[:])
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if n <= 0 {
				break
			}
			if r == nil {
				r = newest()
			}
			q.raw(r, stream, rawBuffer[:n])
			got += n
			total += n
		}
	}
	return total
}
