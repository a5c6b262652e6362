//go:build unix

package zmq

import (
	"net"
	"sync"
	"syscall"
)

// umask is one of the process: only one may change it at a time.
var umask sync.Mutex

// privately calls f while new files are for their owner alone.
func privately(f func()) {
	umask.Lock()
	defer umask.Unlock()
	defer syscall.Umask(syscall.Umask(0o177))
	f()
}

func rawConn(c net.Conn) syscall.RawConn {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// writeNow writes what fits into the system's buffer and returns how much that
// was. Errors are left to the writer goroutine to find.
func (o *outbox) writeNow(b []byte) (n int) {
	if o.raw == nil {
		return 0
	}
	_ = o.raw.Write(func(fd uintptr) bool {
		n, _ = syscall.Write(int(fd), b)
		return true // never wait
	})
	return max(n, 0)
}

// farewell tells the peer that nothing more will come, and throws away what it
// has sent: closing a socket with unread bytes makes the system reset the
// connection, and the last replies would be lost.
func (c *conn) farewell() {
	if c.out.raw == nil {
		return
	}
	_ = c.out.raw.Control(func(fd uintptr) {
		_ = syscall.Shutdown(int(fd), syscall.SHUT_WR)
		var junk [4 << 10]byte
		for range 256 {
			n, _, err := syscall.Recvfrom(int(fd), junk[:], syscall.MSG_DONTWAIT)
			if n <= 0 || err != nil {
				return
			}
		}
	})
}
