package zmq

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// maxPath is how long the path of an ipc socket may be (sockaddr_un on Linux;
// other systems have a few bytes less and say so themselves).
const maxPath = 107

// bind listens on the port, or on a free one if it is 0.
func bind(cfg *Config, port int) (net.Listener, int, error) {
	network, address, err := endpoint(cfg, port)
	if err != nil {
		return nil, 0, err
	}
	if network == "tcp" {
		// Go sets SO_REUSEADDR: a restarted kernel gets its ports back while
		// old connections are in TIME_WAIT.
		l, err := net.Listen(network, address)
		if err != nil {
			return nil, 0, err
		}
		return l, l.Addr().(*net.TCPAddr).Port, nil
	}
	if port != 0 {
		l, err := bindIPC(address)
		return l, port, err
	}
	for port = 1; port <= 65535; port++ {
		_, address, _ := endpoint(cfg, port)
		if _, err := os.Lstat(address); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		l, err := bindIPC(address)
		if errors.Is(err, syscall.EADDRINUSE) {
			continue // someone else was faster
		}
		return l, port, err
	}
	return nil, 0, fmt.Errorf("no free ipc path %s-1 to %s-65535", cfg.IP, cfg.IP)
}

// bindIPC listens on a socket that only its owner may connect to. It takes the
// place of a socket that a killed kernel has left behind, and of nothing else.
func bindIPC(path string) (net.Listener, error) {
	if len(path) > maxPath {
		return nil, fmt.Errorf("ipc path %q has %d bytes; the system allows %d: use a shorter directory", path, len(path), maxPath)
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	var l net.Listener
	var err error
	privately(func() { l, err = net.Listen("unix", path) })
	return l, err
}

func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSocket == 0 {
		return fmt.Errorf("%s exists and is no socket: %w", path, syscall.EADDRINUSE)
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		c.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%s is served by another process: %w", path, syscall.EADDRINUSE)
	}
	return os.Remove(path)
}
