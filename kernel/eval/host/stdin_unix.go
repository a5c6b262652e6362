//go:build unix

package host

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"braid/kernel/eval"
)

// A reader of the file os.Stdin blocks in a read of a pipe, and nothing tells
// the writer's end so. But package internal/poll keeps a bit in the state of the
// file while somebody reads, at its very start; a watcher looks at it while a
// cell runs. If a reader is there and the pipe is empty, a profile of all
// goroutines proves that it waits, and the front end is asked on its behalf.

const stdinPeriod = 10 * time.Millisecond

// readLocked is internal/poll's mutexRLock, the bit that is set while a read is
// under way.
const readLocked = 1 << 1

// feed is the pipe behind os.Stdin.
var feed struct {
	mu     sync.Mutex
	file   *os.File // os.Stdin
	fd     int      // its descriptor, only to be looked at
	writer *os.File
	usable bool // the layout of os.File is as expected
}

// captureStdin puts an empty pipe over descriptor 0 and behind os.Stdin.
func captureStdin() error {
	feed.mu.Lock()
	defer feed.mu.Unlock()
	return openFeed()
}

func openFeed() error {
	var p [2]int
	syscall.ForkLock.RLock()
	err := unix.Pipe(p[:])
	if err == nil {
		unix.CloseOnExec(p[0])
		unix.CloseOnExec(p[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return fmt.Errorf("capture stdin: %w", err)
	}
	growPipe(p[1])
	if err := dup2(p[0], 0); err != nil {
		return fmt.Errorf("capture stdin: %w", err)
	}
	unix.SetNonblock(p[0], true)
	replaced := os.Stdin == firstStdin
	feed.file, feed.fd = os.NewFile(uintptr(p[0]), "/dev/stdin"), p[0]
	feed.writer = os.NewFile(uintptr(p[1]), "answers")
	firstStdin = feed.file
	if replaced {
		os.Stdin = feed.file
	}
	feed.usable = layoutKnown(feed.file)
	return nil
}

// fileState is the state of internal/poll's lock of the file.
func fileState(f *os.File) uint64 {
	return (*(**atomic.Uint64)(unsafe.Pointer(f))).Load()
}

// layoutKnown tries whether fileState reads what it should.
func layoutKnown(f *os.File) bool {
	conn, err := f.SyscallConn()
	if err != nil || fileState(f)&readLocked != 0 {
		return false
	}
	during := false
	conn.Read(func(uintptr) bool {
		during = fileState(f)&readLocked != 0
		return true
	})
	return during && fileState(f)&readLocked == 0
}

// watchStdin asks for lines on behalf of readers of os.Stdin while the run lasts.
func (r *Run) watchStdin(done <-chan struct{}) {
	tick := time.NewTicker(stdinPeriod)
	defer tick.Stop()
	for waited := 0; ; {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		if !stdinWanted() {
			waited = 0
		} else if waited++; waited >= 2 && newest() == r && stdinReaderWaits() {
			waited = 0
			answerStdin(r)
		}
	}
}

func stdinWanted() bool {
	feed.mu.Lock()
	defer feed.mu.Unlock()
	if feed.file == nil || !feed.usable || fileState(feed.file)&readLocked == 0 {
		return false
	}
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(feed.fd), Events: unix.POLLIN}}, 0)
	return err == nil && n == 0
}

// stdinReaderWaits proves by a profile that some goroutine is blocked reading a
// file: one that has been woken would have left something in the pipe.
func stdinReaderWaits() bool {
	for part := range bytes.SplitSeq(goroutineProfile(), []byte("\n\n")) {
		if bytes.Contains(part, []byte("\tos.(*File).Read+0x")) &&
			(bytes.Contains(part, []byte("\tinternal/poll.runtime_pollWait+0x")) || bytes.Contains(part, []byte("\tsyscall.read+0x"))) {
			return true
		}
	}
	return false
}

// answerStdin gets a line and gives it to the reader; or ends the reader with an
// end of file.
func answerStdin(r *Run) {
	text, err := ask(nil, r, "", false)
	feed.mu.Lock()
	defer feed.mu.Unlock()
	if err == nil {
		io.WriteString(feed.writer, text+"\n")
		return
	}
	if e, ok := err.(*eval.Error); ok {
		r.setError(e)
		r.interrupt(e)
	}
	feed.writer.Close()
	for fileState(feed.file)&readLocked != 0 {
		time.Sleep(time.Millisecond)
	}
	openFeed()
}

// takeBackStdin returns what readers of os.Stdin have left of their line.
func takeBackStdin() []byte {
	feed.mu.Lock()
	defer feed.mu.Unlock()
	if feed.file == nil || fileState(feed.file)&readLocked != 0 {
		return nil
	}
	buf := make([]byte, 4096)
	n, err := unix.Read(feed.fd, buf)
	if n <= 0 || err != nil {
		return nil
	}
	return buf[:n]
}
