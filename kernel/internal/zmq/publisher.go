package zmq

import (
	"bytes"
	"context"
	"net"
	"sync"
	"time"

	"github.com/go-zeromq/zmq4"
)

// publisher is a zmq4 XPUB over our transport. zmq4 keeps an unbounded queue and
// walks it in one goroutine, connection by connection. Two rules make that safe:
// no connection's Write ever blocks that goroutine, so the queue empties as fast
// as it can be copied; and Send waits, before it adds to the queue, for the tap
// to say that little is left in it, and for full subscribers to make room.
type publisher struct {
	l    *listener
	sock zmq4.Socket
	tap  *tap
}

func newPublisher(l *listener) (*publisher, error) {
	p := &publisher{l: l, sock: zmq4.NewXPub(context.Background(), quiet), tap: newTap(l)}
	l.first, l.more = p.tap, p.tap.behind
	if err := p.sock.Listen(l.endpoint()); err != nil {
		l.Close()
		return nil, err
	}
	select {
	case <-p.tap.subscribed:
		return p, nil
	case <-l.done:
		return nil, ErrClosed
	}
}

func (p *publisher) Send(frames [][]byte) error {
	if p.l.isClosed() {
		return ErrClosed
	}
	if len(frames) == 0 {
		return nil // zmq4 would panic
	}
	if err := p.tap.wait(context.Background(), p.l.limits.backlog); err != nil {
		return err
	}
	behind, bound := p.l.full()
	for _, c := range behind {
		p.waitRoom(c, bound)
	}
	if p.l.isClosed() {
		return ErrClosed
	}
	return p.push(frames)
}

func (p *publisher) push(frames [][]byte) error {
	size := 0
	for _, f := range frames {
		size += len(f)
	}
	p.tap.sent(size)
	if p.sock.SendMulti(zmq4.NewMsgFrom(frames...)) != nil {
		return ErrClosed
	}
	return nil
}

// waitRoom waits until c's queue is within the bound, or drops c: a full
// subscriber has limits.stall for every limits.minProgress bytes.
func (p *publisher) waitRoom(c *conn, bound int64) {
	for {
		full, since, changed := c.out.full(bound)
		if !full {
			return
		}
		patience := p.l.limits.stall - time.Since(since)
		if patience <= 0 {
			p.l.counts.slowSubscribers.Add(1)
			c.Close()
			return
		}
		timer := time.NewTimer(patience)
		select {
		case <-changed:
		case <-timer.C:
		case <-p.l.done:
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// flush waits until everything sent has left zmq4's queue for the connections'.
// The tap comes first in zmq4's order; when it sees the sentinel, all messages
// before have reached all connections. These swallow the sentinel.
func (p *publisher) flush(ctx context.Context) error {
	if p.l.isClosed() {
		return ErrClosed
	}
	if err := p.push([][]byte{p.l.sentinel}); err != nil {
		return err
	}
	return p.tap.wait(ctx, 0)
}

func (p *publisher) Close() error {
	p.l.shut(p.sock)
	return nil
}

// tap is a subscriber to everything that lives in memory and is the first
// connection zmq4's XPUB gets. zmq4 does not say how long its queue is; the tap,
// written to before every other connection, knows.
type tap struct {
	addr       net.Addr
	in         *bytes.Reader
	done       <-chan struct{} // the listener's
	subscribed chan struct{}
	once       sync.Once

	mu      sync.Mutex
	written framer
	backlog int // bytes of bodies sent and not yet seen
	changed signal
}

func newTap(l *listener) *tap {
	in := append(append([]byte{}, greeting...), readyFrame("SUB", "")...)
	in = append(in, 0, 1, 1) // subscribe to ""
	return &tap{addr: l.Addr(), in: bytes.NewReader(in), done: l.done, subscribed: make(chan struct{}), written: framer{skip: len(greeting)}}
}

// Read plays a subscriber's part, and then waits for the end.
func (t *tap) Read(p []byte) (int, error) {
	if n, _ := t.in.Read(p); n > 0 {
		return n, nil
	}
	t.once.Do(func() { close(t.subscribed) })
	<-t.done
	return 0, closedError("read")
}

// Write counts what zmq4 takes from its queue.
func (t *tap) Write(p []byte) (int, error) {
	n := len(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(p) > 0 {
		var part piece
		part, p = t.written.next(p)
		if part.body {
			t.backlog -= len(part.bytes)
		}
	}
	t.changed.broadcast()
	return n, nil
}

// sent adds a message of so many bytes to what the tap expects.
func (t *tap) sent(size int) {
	t.mu.Lock()
	t.backlog += size
	t.mu.Unlock()
}

// behind reports whether zmq4 has messages that it has not begun to write.
func (t *tap) behind() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.backlog > 0
}

// wait returns when at most limit bytes are left in zmq4's queue.
func (t *tap) wait(ctx context.Context, limit int) error {
	for {
		t.mu.Lock()
		if t.backlog <= limit {
			t.mu.Unlock()
			return nil
		}
		changed := t.changed.wait()
		t.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-t.done:
			return ErrClosed
		}
	}
}

func (t *tap) Close() error                     { return nil }
func (t *tap) LocalAddr() net.Addr              { return t.addr }
func (t *tap) RemoteAddr() net.Addr             { return t.addr }
func (t *tap) SetDeadline(time.Time) error      { return nil }
func (t *tap) SetReadDeadline(time.Time) error  { return nil }
func (t *tap) SetWriteDeadline(time.Time) error { return nil }

// signal wakes everyone who waits for a change of what a mutex guards. Its
// methods are called with that mutex held. It costs nothing if nobody waits.
type signal struct{ ch chan struct{} }

func (s *signal) wait() <-chan struct{} {
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

func (s *signal) broadcast() {
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}
