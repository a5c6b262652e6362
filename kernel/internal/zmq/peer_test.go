package zmq

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// patience bounds every wait of the tests that ought to end at once. It only
// decides how long a broken build takes to fail.
const patience = 60 * time.Second

// listenTest listens on free ports and ends with the test.
func listenTest(t testing.TB, cfg Config) *Sockets {
	t.Helper()
	if cfg.Transport == "" {
		cfg.Transport, cfg.IP = "tcp", "127.0.0.1"
	}
	s, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// withLimits returns the default limits after change.
func withLimits(change func(*limits)) *limits {
	l := defaultLimits
	change(&l)
	return &l
}

// ipcConfig is a Config for sockets in a directory short enough for their paths.
func ipcConfig(t testing.TB) Config {
	t.Helper()
	dir, err := os.MkdirTemp("", "zmq")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return Config{Transport: "ipc", IP: filepath.Join(dir, "k")}
}

// echoShell answers every request on the shell until the socket is closed.
func echoShell(s *Sockets) {
	for {
		frames, err := s.Shell.Recv()
		if err != nil {
			return
		}
		s.Shell.Send(frames)
	}
}

// rawPeer is a ZMTP peer that can be as bad as a test wants.
type rawPeer struct {
	net.Conn
	t  testing.TB
	br *bufio.Reader
}

func dialRaw(t testing.TB, cfg Config, port int) *rawPeer {
	t.Helper()
	network, address := "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	if cfg.Transport == "ipc" {
		network, address = "unix", cfg.IP+"-"+strconv.Itoa(port)
	}
	c, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(2 * patience))
	return &rawPeer{Conn: c, t: t, br: bufio.NewReaderSize(c, 64<<10)}
}

// dialPeer connects a well-behaved peer of the given type and identity.
func dialPeer(t testing.TB, port int, socketType, identity string) *rawPeer {
	t.Helper()
	return dialRaw(t, Config{}, port).introduce(socketType, identity)
}

func (p *rawPeer) introduce(socketType, identity string) *rawPeer {
	p.t.Helper()
	p.write(greeting)
	p.write(readyFrame(socketType, identity))
	p.expectHandshake()
	return p
}

func (p *rawPeer) expectHandshake() {
	p.t.Helper()
	var g [64]byte
	if _, err := io.ReadFull(p.br, g[:]); err != nil {
		p.t.Fatalf("greeting: %v", err)
	}
	if !bytes.Equal(g[:], greeting) {
		p.t.Fatalf("greeting %x", g)
	}
	h, body, err := p.frame()
	if err != nil || !h.command {
		p.t.Fatalf("READY: %+v %q %v", h, body, err)
	}
	if _, err := parseReady(body); err != nil {
		p.t.Fatalf("READY %q: %v", body, err)
	}
}

func (p *rawPeer) write(b []byte) {
	p.t.Helper()
	if _, err := p.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

func (p *rawPeer) frame() (header, []byte, error) {
	h, err := readHeader(p.br)
	if err != nil {
		return h, nil, err
	}
	body := make([]byte, h.size)
	_, err = io.ReadFull(p.br, body)
	return h, body, err
}

func encodeMessage(frames ...string) []byte {
	var b []byte
	for i, f := range frames {
		b = header{more: i < len(frames)-1, size: uint64(len(f))}.append(b)
		b = append(b, f...)
	}
	return b
}

func (p *rawPeer) send(frames ...string) {
	p.t.Helper()
	p.write(encodeMessage(frames...))
}

// recv returns the next message.
func (p *rawPeer) recv() []string {
	p.t.Helper()
	var frames []string
	for {
		h, body, err := p.frame()
		if err != nil {
			p.t.Fatalf("receive: %v", err)
		}
		if h.command {
			p.t.Fatalf("command %q", body)
		}
		frames = append(frames, string(body))
		if !h.more {
			return frames
		}
	}
}

// ask sends a request to an echo and expects the same back.
func (p *rawPeer) ask(frames ...string) {
	p.t.Helper()
	p.send(frames...)
	if got := p.recv(); strings.Join(got, "|") != strings.Join(frames, "|") {
		p.t.Fatalf("answer %.80q, want %.80q", got, frames)
	}
}

// expectClosed waits until the other side has closed the connection.
func (p *rawPeer) expectClosed() {
	p.t.Helper()
	for {
		if _, err := p.br.Discard(1); err != nil {
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				p.t.Fatal("the connection is still open")
			}
			return
		}
	}
}

// eventually waits for a condition that other goroutines bring about.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// goroutines counts goroutines, but for those that zmq4's XPUBs leave behind:
// pubMWriter.run has no end.
func goroutines() int {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			stacks := string(buf[:n])
			return strings.Count(stacks, "\n\n") + 1 - strings.Count(stacks, "pubMWriter).run(")
		}
		buf = make([]byte, 2*len(buf))
	}
}

func descriptors(t testing.TB) int {
	t.Helper()
	fds, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}

// checkLeaks fails the test if goroutines or descriptors are left when it ends,
// after its sockets are closed. It must come before they are made.
func checkLeaks(t *testing.T) {
	t.Helper()
	wantGoroutines, wantFDs := goroutines(), descriptors(t)
	t.Cleanup(func() {
		for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
			g, fds := goroutines(), descriptors(t)
			if g <= wantGoroutines && fds <= wantFDs {
				return
			}
			if time.Now().After(end) {
				buf := make([]byte, 1<<20)
				t.Errorf("%d goroutines (%d before), %d descriptors (%d before)\n%s",
					g, wantGoroutines, fds, wantFDs, buf[:runtime.Stack(buf, true)])
				return
			}
		}
	})
}
