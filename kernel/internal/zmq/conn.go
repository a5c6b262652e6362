package zmq

import (
	"bufio"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// conn is one peer, as zmq4 sees it: a net.Conn whose Read yields a greeting, a
// READY and then whole, checked messages from memory, and whose Write never
// blocks. zmq4 has one goroutine that reads, and writes one message at a time.
type conn struct {
	net.Conn
	l        *listener
	identity string
	born     time.Time

	settled atomic.Bool // shell: Settle has waited for it; iopub: it has subscribed

	// known is closed when zmq4 has the connection in its tables: it begins to read
	// messages only then (socket.go, addConn).
	known chan struct{}

	// Owned by the reader.
	begun  bool // known is closed
	br     *bufio.Reader
	in     parcel
	after  func() // runs when zmq4 has dealt with what is in the parcel
	topics map[string]struct{}
	failed error

	out    outbox
	closed chan struct{}
	once   sync.Once
}

func newConn(l *listener, nc net.Conn, br *bufio.Reader, identity string) *conn {
	c := &conn{Conn: nc, l: l, identity: identity, born: time.Now(), br: br, known: make(chan struct{}), closed: make(chan struct{})}
	c.out.conn = c
	c.out.raw = rawConn(nc)
	c.out.written.skip = len(greeting)
	c.in.add(greeting)
	peer := "DEALER"
	if l.role == roleXPub {
		peer = "SUB"
	}
	c.in.add(readyFrame(peer, identity))
	return c
}

// closedError is the only kind of error upon which zmq4 forgets a connection: a
// net.Error that is no time-out (io.ErrUnexpectedEOF, for one, is not).
func closedError(op string) error {
	return &net.OpError{Op: op, Net: scheme, Err: net.ErrClosed}
}

// Read is called by zmq4's reader of this connection.
func (c *conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for c.in.empty() {
		if c.failed == nil {
			c.failed = c.receive()
		}
		if c.failed != nil {
			return 0, closedError("read")
		}
	}
	return c.in.read(p), nil
}

// receive gets the next message that is for zmq4 from the peer.
func (c *conn) receive() error {
	if !c.begun {
		c.begun = true
		close(c.known)
	}
	if f := c.after; f != nil {
		c.after = nil
		f()
	}
	err := c.fill()
	if err == nil {
		return nil
	}
	if errors.Is(err, errProtocol) {
		c.l.counts.malformed.Add(1)
	}
	c.in.reset()
	c.Close()
	return err
}

// fill reads frames until the parcel holds a whole message. Only then may the
// message take one of the socket's places in zmq4: a peer that stops in the
// middle of one holds up nobody else.
func (c *conn) fill() error {
	var t tally
	for {
		h, err := readHeader(c.br)
		if err != nil {
			return err
		}
		if h.command {
			if done, err := c.command(h, t.parts == 0); done || err != nil {
				return err
			}
			continue
		}
		if err := c.part(h, &t); err != nil {
			return err
		}
		if h.more {
			continue
		}
		if !c.in.empty() {
			return c.enter()
		}
		t = tally{} // it was for us alone
	}
}

// tally is what of a message has been announced.
type tally struct {
	parts int
	size  uint64
}

// part takes the next frame of a message.
func (c *conn) part(h header, t *tally) error {
	t.parts++
	t.size += h.size // may overflow only with a frame that is refused by itself
	l := c.l.limits
	if h.size > l.frame || t.size > l.message || t.parts > l.parts {
		return errProtocol
	}
	if c.l.role == roleXPub {
		return c.upstream(h, t.parts == 1)
	}
	return c.in.fill(c.br, h)
}

// enter waits for a place in zmq4's queue.
func (c *conn) enter() error {
	if c.l.role == roleXPub {
		return nil // zmq4 deals with subscriptions at once
	}
	select {
	case c.l.credits <- struct{}{}:
		return nil
	case <-c.closed:
		return net.ErrClosed
	}
}

// upstream takes one frame from a subscriber. Messages that are a topic after a
// one or a zero are subscriptions. zmq4 would park its reader for ever on
// anything else, since nobody receives from an XPUB: it ends here.
func (c *conn) upstream(h header, first bool) error {
	if !first || h.more || h.size < 1 || h.size > 1+c.l.limits.topic {
		if !h.more {
			c.l.counts.ignoredUpstream.Add(1)
		}
		return discard(c.br, h.size)
	}
	body := make([]byte, h.size)
	if _, err := io.ReadFull(c.br, body); err != nil {
		return err
	}
	if body[0] > 1 {
		c.l.counts.ignoredUpstream.Add(1)
		return nil
	}
	return c.subscription(body[0] == 1, body[1:])
}

// subscription passes a subscription on to zmq4, and reports it when zmq4 has it.
func (c *conn) subscription(add bool, topic []byte) error {
	if c.topics == nil {
		c.topics = map[string]struct{}{}
	}
	if !add {
		delete(c.topics, string(topic))
		if len(topic) == 0 {
			c.out.release(false)
		}
		c.in.message([]byte{0}, topic)
		return nil
	}
	c.topics[string(topic)] = struct{}{}
	if len(c.topics) > c.l.limits.topics {
		return errProtocol
	}
	c.in.message([]byte{1}, topic)
	c.after = func() { c.subscribed(topic) }
	return nil
}

func (c *conn) subscribed(topic []byte) {
	if _, all := c.topics[""]; all {
		c.out.release(true)
	}
	if f := c.l.cfg.OnSubscribe; f != nil {
		f(topic)
	}
	if !c.settled.Swap(true) {
		c.l.mu.Lock()
		c.l.changed.broadcast()
		c.l.mu.Unlock()
	}
}

// command obeys a ZMTP command (RFC 37, which 3.1 peers follow). It reports
// whether that put a message for zmq4 into the parcel. libzmq sends its
// heartbeats between the frames of a message, too.
func (c *conn) command(h header, between bool) (bool, error) {
	body, err := readCommand(c.br, h)
	if err != nil {
		return false, err
	}
	name, rest, err := splitCommand(body)
	if err != nil {
		return false, err
	}
	switch name {
	case "PING": // a time to live of 2 bytes, a context of at most 16 to send back
		if len(rest) < 2 || len(rest) > 2+16 || c.out.pending.Load() > int64(c.l.limits.queue) {
			return false, errProtocol
		}
		pong := append([]byte("\x04PONG"), rest[2:]...)
		_, err := c.out.push([][]byte{append(header{command: true, size: uint64(len(pong))}.append(nil), pong...)})
		return false, err
	case "SUBSCRIBE", "CANCEL":
		if !between || c.l.role != roleXPub || uint64(len(rest)) > c.l.limits.topic {
			return false, errProtocol
		}
		return true, c.subscription(name == "SUBSCRIBE", rest)
	case "ERROR", "READY":
		return false, errProtocol
	}
	return false, nil // PONG, and what later versions add
}

// Write is called by zmq4 with parts of what it sends.
func (c *conn) Write(p []byte) (int, error) { return c.out.Write(p) }

// Close ends the connection at once. zmq4 calls it, too, when Read has failed.
func (c *conn) Close() error {
	c.once.Do(func() {
		c.out.fail()
		close(c.closed)
		c.Conn.Close()
		c.l.forget(c)
	})
	return nil
}

// discard reads n bytes and forgets them.
func discard(br *bufio.Reader, n uint64) error {
	_, err := io.CopyN(io.Discard, br, int64(n))
	return err
}
