package zmq

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"
)

// ErrClosed is returned by everything that is used after, or waiting during, Close.
var ErrClosed = errors.New("zmq: socket is closed")

// Socket is a ROUTER socket. Each direction has one owner: one goroutine calls
// Send, one (perhaps another) calls Recv; Close may be called by any.
type Socket interface {
	// Send queues one message; the first frame is the identity of the peer, as
	// Recv gave it. It never waits for a peer. A message to a peer that is gone
	// is dropped, as ROUTER sockets do, and counted. The frames belong to the
	// socket from then on: they must not be changed.
	Send(frames [][]byte) error
	// Recv waits for a message and returns its frames, the sender's identity first.
	Recv() ([][]byte, error)
	// Close ends the socket and makes a waiting Recv return ErrClosed. What is
	// still queued is lost; see Sockets.Drain.
	Close() error
}

// Publisher is an XPUB socket. Send has one owner, too, but for messages sent
// from Config.OnSubscribe.
type Publisher interface {
	// Send queues one message for all subscribers of a prefix of its first
	// frame, the topic. It waits only while a subscriber's queue is full, until
	// that subscriber has made room or has been dropped for making no progress.
	// The frames belong to the socket from then on: they must not be changed.
	Send(frames [][]byte) error
}

// Config says where to listen and for whom. The names are those of Jupyter's
// connection file.
type Config struct {
	Transport string // "tcp" or "ipc"
	// IP is an address literal, "localhost", or "*" for every interface; for ipc
	// the head of the sockets' paths, "<IP>-<port>".
	IP string
	// A port of 0 is chosen and reported by Sockets.Ports.
	ShellPort, IOPubPort, StdinPort, ControlPort, HBPort int

	// OnSubscribe, if not nil, is called for every subscription of every
	// subscriber, once the subscriber receives what is published (JEP 65). It
	// runs on that subscriber's own goroutine, perhaps before Listen returns; it
	// may call IOPub.Send, it must not call Close or Drain. It may keep the topic.
	OnSubscribe func(topic []byte)

	// SameUser refuses local peers that belong to another user (root excepted).
	// Linux only: elsewhere Listen returns an error.
	SameUser bool

	limits *limits // nil: defaultLimits
}

// Ports are the ports that Sockets listen on.
type Ports struct{ Shell, IOPub, Stdin, Control, HB int }

// Sockets are the five sockets of a kernel. The heartbeat is served inside.
type Sockets struct {
	Shell, Control, Stdin Socket
	IOPub                 Publisher

	ports                     Ports
	shell, control, stdin, hb *router
	iopub                     *publisher
	counts                    *counters
	heartbeat                 sync.WaitGroup
	closeOnce                 sync.Once
}

// Listen binds the five sockets. An error names the address that could not be
// bound; nothing stays bound then.
func Listen(cfg Config) (*Sockets, error) {
	if cfg.limits == nil {
		cfg.limits = &defaultLimits
	}
	if err := checkPeerPolicy(cfg.SameUser); err != nil {
		return nil, err
	}
	s := &Sockets{counts: &counters{}}
	if err := s.listen(&cfg); err != nil {
		s.Close()
		return nil, err
	}
	s.Shell, s.Control, s.Stdin, s.IOPub = s.shell, s.control, s.stdin, s.iopub
	s.heartbeat.Go(func() { echo(s.hb) })
	return s, nil
}

func (s *Sockets) listen(cfg *Config) (err error) {
	heartbeat := *cfg
	heartbeat.limits = cfg.limits.forHeartbeat()
	for _, r := range []struct {
		name   string
		socket **router
		cfg    *Config
		asked  int
		port   *int
	}{
		{"shell", &s.shell, cfg, cfg.ShellPort, &s.ports.Shell},
		{"control", &s.control, cfg, cfg.ControlPort, &s.ports.Control},
		{"stdin", &s.stdin, cfg, cfg.StdinPort, &s.ports.Stdin},
		{"heartbeat", &s.hb, &heartbeat, cfg.HBPort, &s.ports.HB},
	} {
		l, port, err := newListener(r.cfg, s.counts, roleRouter, r.asked)
		if err != nil {
			return fmt.Errorf("%s socket: %w", r.name, err)
		}
		if *r.socket, err = newRouter(l); err != nil {
			return fmt.Errorf("%s socket: %w", r.name, err)
		}
		*r.port = port
	}
	l, port, err := newListener(cfg, s.counts, roleXPub, cfg.IOPubPort)
	if err != nil {
		return fmt.Errorf("iopub socket: %w", err)
	}
	if s.iopub, err = newPublisher(l); err != nil {
		return fmt.Errorf("iopub socket: %w", err)
	}
	s.ports.IOPub = port
	return nil
}

// echo serves the heartbeat until the socket is closed.
func echo(hb *router) {
	for {
		frames, err := hb.Recv()
		if err != nil {
			return
		}
		if err := hb.Send(frames); err != nil {
			return
		}
	}
}

// Ports returns the ports in use.
func (s *Sockets) Ports() Ports { return s.ports }

// Settle is called with the identity of a shell request before it is handled.
// For the first request of a client it waits a moment for that client's other
// connections, so that the output of its first cell is not published before the
// subscription arrives, and its first input_request finds it: 5 ms, then until
// no peer of iopub and stdin is in its handshake and no subscriber has yet to
// subscribe, at most 200 ms. Later it returns at once.
func (s *Sockets) Settle(identity []byte) {
	c := s.shell.l.lookup(string(identity))
	if c == nil || c.settled.Swap(true) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), settleMost)
	defer cancel()
	select {
	case <-time.After(settleFirst):
	case <-s.iopub.l.done:
		return
	}
	s.iopub.l.waitSettled(ctx)
	s.stdin.l.waitSettled(ctx)
}

// How long Settle waits.
const (
	settleFirst = 5 * time.Millisecond
	settleMost  = 200 * time.Millisecond
)

// Drain waits until everything sent so far has been handed to the operating
// system, which delivers it even if the process ends. It returns
// context.DeadlineExceeded if some peer did not take its messages in time.
// Nothing may be sent meanwhile, or it may wait for that, too.
func (s *Sockets) Drain(timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	err := s.iopub.flush(ctx)
	for _, l := range s.listeners() {
		err = errors.Join(err, l.waitWritten(ctx))
	}
	return err
}

// Close ends all sockets and all goroutines of the package, and removes ipc
// sockets from the file system. Whatever Drain has not waited for is lost.
func (s *Sockets) Close() error {
	s.closeOnce.Do(func() {
		for _, r := range []*router{s.shell, s.control, s.stdin, s.hb} {
			if r != nil {
				r.Close()
			}
		}
		if s.iopub != nil {
			s.iopub.Close()
		}
		s.heartbeat.Wait()
	})
	return nil
}

func (s *Sockets) listeners() []*listener {
	return []*listener{s.shell.l, s.control.l, s.stdin.l, s.hb.l, s.iopub.l}
}

// endpoint is the address to bind for one port.
func endpoint(cfg *Config, port int) (network, address string, err error) {
	switch {
	case port < 0 || port > 65535:
		return "", "", fmt.Errorf("port %d is out of range", port)
	case cfg.IP == "":
		return "", "", errors.New("the connection file names no ip")
	}
	switch cfg.Transport {
	case "ipc":
		return "unix", cfg.IP + "-" + strconv.Itoa(port), nil
	case "tcp":
		host, err := bindHost(cfg.IP)
		return "tcp", net.JoinHostPort(host, strconv.Itoa(port)), err
	}
	return "", "", fmt.Errorf("transport %q is not known; use tcp or ipc", cfg.Transport)
}

// bindHost refuses names: they may resolve to more, or to something else, than meant.
func bindHost(ip string) (string, error) {
	switch {
	case ip == "*":
		return "", nil
	case ip == "localhost":
		return "127.0.0.1", nil
	case net.ParseIP(ip) == nil:
		return "", fmt.Errorf("ip %q is not an address; use a literal such as 127.0.0.1", ip)
	}
	return ip, nil
}
