package zmq

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestRequestReply(t *testing.T) {
	for _, transport := range []string{"tcp", "ipc"} {
		t.Run(transport, func(t *testing.T) {
			checkLeaks(t)
			cfg := Config{}
			if transport == "ipc" {
				cfg = ipcConfig(t)
			}
			s := listenTest(t, cfg)
			for name, c := range map[string]struct {
				socket Socket
				port   int
			}{
				"shell":   {s.Shell, s.Ports().Shell},
				"control": {s.Control, s.Ports().Control},
				"stdin":   {s.Stdin, s.Ports().Stdin},
			} {
				peer := dialRaw(t, cfg, c.port).introduce("DEALER", "me")
				peer.send("a", "", strings.Repeat("x", 300))
				frames, err := c.socket.Recv()
				if err != nil || len(frames) != 4 || string(frames[0]) != "me" || string(frames[1]) != "a" || len(frames[2]) != 0 || len(frames[3]) != 300 {
					t.Fatalf("%s: received %.100q, %v", name, frames, err)
				}
				if err := c.socket.Send([][]byte{[]byte("me"), {}, []byte("reply"), {}}); err != nil {
					t.Fatal(err)
				}
				if got := peer.recv(); len(got) != 3 || got[0] != "" || got[1] != "reply" || got[2] != "" {
					t.Fatalf("%s: reply %q", name, got)
				}
			}
		})
	}
}

func TestHeartbeat(t *testing.T) {
	checkLeaks(t)
	s := listenTest(t, Config{})
	req := dialPeer(t, s.Ports().HB, "REQ", "")
	dealer := dialPeer(t, s.Ports().HB, "DEALER", "")
	for range 3 {
		req.ask("", "ping")
		dealer.ask("ping")
		dealer.ask("", "\xff\x00", "")
	}
}

func TestIdentitiesAreDistinct(t *testing.T) {
	s := listenTest(t, Config{})
	a, b := dialPeer(t, s.Ports().Shell, "DEALER", ""), dialPeer(t, s.Ports().Shell, "DEALER", "")
	a.send("from a")
	first, _ := s.Shell.Recv()
	b.send("from b")
	second, _ := s.Shell.Recv()
	s.Shell.Send([][]byte{second[0], []byte("to b")})
	s.Shell.Send([][]byte{first[0], []byte("to a")})
	if got := a.recv(); got[0] != "to a" {
		t.Errorf("a received %q", got)
	}
	if got := b.recv(); got[0] != "to b" {
		t.Errorf("b received %q", got)
	}
}

// An input_request goes to a client that has never sent anything on stdin.
func TestSendFirst(t *testing.T) {
	for range 50 {
		s := listenTest(t, Config{})
		p := dialPeer(t, s.Ports().Stdin, "DEALER", "client")
		eventually(t, "the client is connected", func() bool { return s.Stats().Connections == 1 })
		if err := s.Stdin.Send([][]byte{[]byte("client"), []byte("input_request")}); err != nil {
			t.Fatal(err)
		}
		if got := p.recv(); got[0] != "input_request" {
			t.Fatalf("received %q", got)
		}
		s.Close()
	}
}

func TestSendToNobody(t *testing.T) {
	s := listenTest(t, Config{})
	if err := s.Shell.Send([][]byte{[]byte("nobody"), []byte("x")}); err != nil {
		t.Error(err)
	}
	if err := s.Shell.Send([][]byte{[]byte("identity only")}); err == nil {
		t.Error("a message without a body was accepted")
	}
	if err := s.IOPub.Send(nil); err != nil {
		t.Error(err)
	}
	if n := s.Stats().Unroutable; n != 1 {
		t.Errorf("Unroutable = %d, want 1", n)
	}
}

func TestCloseEndsEverything(t *testing.T) {
	checkLeaks(t)
	s := listenTest(t, Config{})
	received := make(chan error)
	go func() { _, err := s.Shell.Recv(); received <- err }()
	peer := dialPeer(t, s.Ports().Control, "DEALER", "")
	for range 50 { // more than zmq4 holds
		peer.send("nobody receives this")
	}
	eventually(t, "the control socket has messages", func() bool { return len(s.control.l.credits) == credits })
	s.Close()
	if err := <-received; !errors.Is(err, ErrClosed) {
		t.Errorf("Recv = %v, want ErrClosed", err)
	}
	for name, err := range map[string]error{
		"shell": s.Shell.Send([][]byte{{1}, {2}}), "iopub": s.IOPub.Send([][]byte{{1}}), "drain": s.Drain(time.Second),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s after Close: %v, want ErrClosed", name, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	peer.expectClosed()
	if _, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.Ports().Shell)); err == nil {
		t.Error("the shell still listens")
	}
}

func TestRestartOnTheSamePorts(t *testing.T) {
	for _, transport := range []string{"tcp", "ipc"} {
		t.Run(transport, func(t *testing.T) {
			cfg := Config{Transport: "tcp", IP: "127.0.0.1"}
			if transport == "ipc" {
				cfg = ipcConfig(t)
			}
			for range 3 {
				s := listenTest(t, cfg)
				p := s.Ports()
				cfg.ShellPort, cfg.ControlPort, cfg.StdinPort, cfg.HBPort, cfg.IOPubPort = p.Shell, p.Control, p.Stdin, p.HB, p.IOPub
				go echoShell(s)
				dialRaw(t, cfg, p.Shell).introduce("DEALER", "client").ask("hello")
				if _, err := Listen(cfg); !errors.Is(err, syscall.EADDRINUSE) {
					t.Fatalf("a second kernel on the same ports: %v, want EADDRINUSE", err)
				}
				s.Close()
			}
		})
	}
}

func TestIPCFiles(t *testing.T) {
	cfg := ipcConfig(t)
	cfg.ShellPort, cfg.ControlPort, cfg.StdinPort, cfg.HBPort, cfg.IOPubPort = 1, 2, 3, 4, 5
	path := cfg.IP + "-1"

	// What a killed kernel leaves behind.
	stale, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	stale.Close()

	s := listenTest(t, cfg)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	s.Close()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after Close the socket is still there: %v", err)
	}

	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(cfg); err == nil {
		t.Error("a socket took the place of a file")
	}
	if b, _ := os.ReadFile(path); string(b) != "precious" {
		t.Errorf("the file holds %q", b)
	}
}

func TestListenErrors(t *testing.T) {
	checkLeaks(t)
	for _, c := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"no ip", Config{Transport: "tcp"}, "no ip"},
		{"host name", Config{Transport: "tcp", IP: "example.org"}, "literal"},
		{"transport", Config{Transport: "udp", IP: "127.0.0.1"}, "udp"},
		{"port", Config{Transport: "tcp", IP: "127.0.0.1", ShellPort: 65536}, "range"},
		{"foreign address", Config{Transport: "tcp", IP: "192.0.2.1"}, "192.0.2.1"},
		{"long path", Config{Transport: "ipc", IP: "/" + strings.Repeat("x", 120)}, "shorter"},
		{"no directory", Config{Transport: "ipc", IP: "/nowhere/at/all", ShellPort: 1}, "/nowhere"},
	} {
		s, err := Listen(c.cfg)
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", c.name, err, c.want)
		}
	}
}

func TestAddressForms(t *testing.T) {
	for _, ip := range []string{"*", "localhost", "0.0.0.0", "127.0.0.1"} {
		s, err := Listen(Config{Transport: "tcp", IP: ip})
		if err != nil {
			t.Errorf("%s: %v", ip, err)
			continue
		}
		dialPeer(t, s.Ports().HB, "REQ", "").ask("", "x")
		s.Close()
	}
}

func TestSubscriptionsAreReported(t *testing.T) {
	checkLeaks(t)
	var s *Sockets
	ready := make(chan struct{})
	s = listenTest(t, Config{OnSubscribe: func(topic []byte) {
		<-ready
		s.IOPub.Send([][]byte{topic, []byte("welcome")})
	}})
	close(ready)
	first := dialPeer(t, s.Ports().IOPub, "SUB", "")
	first.send("\x01")
	if got := first.recv(); len(got) != 2 || got[0] != "" || got[1] != "welcome" {
		t.Fatalf("first subscriber got %q", got)
	}
	second := dialPeer(t, s.Ports().IOPub, "XSUB", "")
	second.send("\x01status")
	if got := second.recv(); got[0] != "status" || got[1] != "welcome" {
		t.Fatalf("second subscriber got %q", got)
	}
	if got := first.recv(); got[0] != "status" {
		t.Fatalf("first subscriber got %q", got)
	}
	second.send("\x01status") // every subscription, even the same again
	if got := second.recv(); got[0] != "status" {
		t.Fatalf("second subscriber got %q", got)
	}
	third := dialPeer(t, s.Ports().IOPub, "SUB", "")
	command := "\x09SUBSCRIBEx" // as ZMTP 3.1 peers send it
	third.write(append([]byte{flagCommand, byte(len(command))}, command...))
	if got := third.recv(); got[0] != "x" || got[1] != "welcome" {
		t.Fatalf("third subscriber got %q", got)
	}
	s.IOPub.Send([][]byte{[]byte("y"), []byte("not for second and third")})
	s.IOPub.Send([][]byte{[]byte("xyz"), []byte("for third")})
	if got := third.recv(); got[0] != "xyz" {
		t.Fatalf("third subscriber got %q", got)
	}
	command = "\x06CANCELx"
	third.write(append([]byte{flagCommand, byte(len(command))}, command...))
	third.send("\x01z")
	if got := third.recv(); got[0] != "z" {
		t.Fatalf("third subscriber got %q", got)
	}
	s.IOPub.Send([][]byte{[]byte("xyz"), []byte("cancelled")})
	s.IOPub.Send([][]byte{[]byte("z"), []byte("for third")})
	if got := third.recv(); got[0] != "z" {
		t.Fatalf("third subscriber got %q", got)
	}
}

func TestDrainDeliversEverything(t *testing.T) {
	checkLeaks(t)
	const messages, subscribers = 400, 4
	subscribed := make(chan struct{}, subscribers)
	s := listenTest(t, Config{OnSubscribe: func([]byte) { subscribed <- struct{}{} }})
	var wg sync.WaitGroup
	for range subscribers {
		sub := dialPeer(t, s.Ports().IOPub, "SUB", "")
		sub.send("\x01")
		<-subscribed
		sub.send("\x05unread junk")
		wg.Go(func() {
			for n := range messages {
				got := sub.recv()
				if want := fmt.Sprint(n); got[0] != want || len(got[1]) != 100_000 {
					t.Errorf("got message %s, want %s", got[0], want)
					return
				}
			}
			sub.expectClosed()
		})
	}
	body := []byte(strings.Repeat("x", 100_000))
	for n := range messages {
		if err := s.IOPub.Send([][]byte{fmt.Append(nil, n), body}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Drain(patience); err != nil {
		t.Error(err)
	}
	s.Close()
	wg.Wait()
}

func TestDrainGivesUp(t *testing.T) {
	checkLeaks(t)
	subscribed := make(chan struct{}, 1)
	s := listenTest(t, Config{OnSubscribe: func([]byte) { subscribed <- struct{}{} }})
	sub := dialPeer(t, s.Ports().IOPub, "SUB", "")
	sub.send("\x01")
	<-subscribed
	s.IOPub.Send([][]byte{make([]byte, 20<<20)}) // and nobody reads
	if err := s.Drain(10 * time.Millisecond); err == nil {
		t.Error("Drain returned nil while a subscriber reads nothing")
	}
}

func TestSettleWaitsForTheSubscriber(t *testing.T) {
	checkLeaks(t)
	subscribed := make(chan struct{}, 1)
	s := listenTest(t, Config{OnSubscribe: func([]byte) { close(subscribed) }})
	dialPeer(t, s.Ports().Shell, "DEALER", "client").send("request")
	frames, _ := s.Shell.Recv()
	sub := dialRaw(t, Config{}, s.Ports().IOPub)
	eventually(t, "the subscriber is in its handshake", func() bool {
		s.iopub.l.mu.Lock()
		defer s.iopub.l.mu.Unlock()
		return len(s.iopub.l.pending) == 1
	})
	begin := time.Now()
	settled := make(chan struct{})
	go func() { s.Settle(frames[0]); close(settled) }()
	sub.introduce("SUB", "").send("\x01")
	<-settled
	select {
	case <-subscribed:
	default:
		if d := time.Since(begin); d < settleMost {
			t.Errorf("settled after %v without the subscriber", d)
		}
	}
	begin = time.Now()
	for range 1000 {
		s.Settle(frames[0])
	}
	if d := time.Since(begin); d > 1000*settleFirst {
		t.Errorf("1000 later requests waited %v", d)
	}
	s.Settle([]byte("unknown"))
}
