package zmq

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-zeromq/zmq4"
	"github.com/go-zeromq/zmq4/transport"
)

// scheme is the name of our transport in zmq4. Its addresses are the numbers of
// listeners that are already bound: zmq4 only takes them over.
const scheme = "braid"

// bound hands listeners from newListener to zmq4, which calls Listen with no more
// than an address.
var bound struct {
	sync.Mutex
	last int
	by   map[string]*listener
}

func init() {
	if err := zmq4.RegisterTransport(scheme, boundTransport{}); err != nil {
		panic(err) // the name is taken: a second copy of this package is linked in
	}
}

type boundTransport struct{}

var _ transport.Transport = boundTransport{}

func (boundTransport) Addr(ep string) (string, error) { return ep, nil }

func (boundTransport) Dial(context.Context, transport.Dialer, string) (net.Conn, error) {
	return nil, errors.New("zmq: a kernel's sockets do not dial")
}

func (boundTransport) Listen(_ context.Context, addr string) (net.Listener, error) {
	bound.Lock()
	defer bound.Unlock()
	l := bound.by[addr]
	if l == nil {
		return nil, fmt.Errorf("zmq: no listener %q", addr)
	}
	delete(bound.by, addr)
	return l, nil
}

// role is what a socket is, in the words of ZMTP.
type role string

const (
	roleRouter role = "ROUTER"
	roleXPub   role = "XPUB"
)

// accepts reports whether a peer of type t may connect (RFC 23, "Socket Type
// Property"). It must allow no more than zmq4 does: zmq4 forgets to close a
// connection that it refuses.
func (r role) accepts(t string) bool {
	if r == roleXPub {
		return t == "SUB" || t == "XSUB"
	}
	return t == "REQ" || t == "DEALER" || t == "ROUTER"
}

// credits is how many messages of one socket may be inside zmq4 at a time. It is
// less than the 10 that its channel holds, so that zmq4's readers never wait
// there, where nothing could wake them at the end.
const credits = 8

// listener accepts peers of one socket, does their handshakes, and gives zmq4 the
// connections that completed one.
type listener struct {
	net.Listener
	addr     string // of zmq4's endpoint
	role     role
	cfg      *Config
	limits   *limits
	counts   *counters
	sentinel []byte // never sent to a peer, see publisher.flush
	credits  chan struct{}
	ready    chan *conn
	done     chan struct{}
	shutOnce sync.Once
	endOnce  sync.Once
	serial   atomic.Uint64
	running  sync.WaitGroup // accept loop, handshakes, writers

	more  func() bool // XPUB only: zmq4 has the next message; set before Listen
	first net.Conn    // what Accept returns first: the publisher's tap; only zmq4's accept loop reads it

	mu         sync.Mutex
	conns      map[*conn]struct{}
	byIdentity map[string]*conn // ROUTER only
	pending    []pending        // oldest first
	changed    signal           // pending shrank, or a subscriber subscribed or left
}

// pending is a connection in its handshake.
type pending struct {
	net.Conn
	since time.Time
}

// newListener binds the socket and starts to accept. Its end is Close.
func newListener(cfg *Config, counts *counters, role role, port int) (*listener, int, error) {
	inner, port, err := bind(cfg, port)
	if err != nil {
		return nil, 0, err
	}
	l := &listener{
		Listener:   inner,
		role:       role,
		cfg:        cfg,
		limits:     cfg.limits,
		counts:     counts,
		sentinel:   make([]byte, 32),
		credits:    make(chan struct{}, credits),
		ready:      make(chan *conn),
		done:       make(chan struct{}),
		conns:      map[*conn]struct{}{},
		byIdentity: map[string]*conn{},
	}
	rand.Read(l.sentinel)
	bound.Lock()
	bound.last++
	l.addr = strconv.Itoa(bound.last)
	if bound.by == nil {
		bound.by = map[string]*listener{}
	}
	bound.by[l.addr] = l
	bound.Unlock()
	l.running.Go(l.accept)
	return l, port, nil
}

func (l *listener) endpoint() string { return scheme + "://" + l.addr }

// accept takes connections until Close. When the system has no descriptors left
// it waits instead of spinning.
func (l *listener) accept() {
	const shortest, longest = 5 * time.Millisecond, time.Second
	delay := shortest
	for {
		c, err := l.Listener.Accept()
		switch {
		case err == nil:
			delay = shortest
			l.admit(c)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			l.pause(delay)
			delay = min(2*delay, longest)
		}
	}
}

func (l *listener) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-l.done:
	}
}

// admit starts the handshake of c, once there is room for it.
func (l *listener) admit(c net.Conn) {
	for !l.reserve(c) {
		if l.isClosed() {
			c.Close()
			return
		}
	}
}

// reserve makes c one of the pending connections, or waits for a change of them
// and reports false. If the oldest has been silent for limits.pendingAge, it
// goes: silent peers cannot keep others out for longer than that.
func (l *listener) reserve(c net.Conn) bool {
	l.mu.Lock()
	if l.isClosed() {
		l.mu.Unlock()
		return false
	}
	if len(l.conns)+len(l.pending) >= l.limits.connections {
		l.mu.Unlock()
		l.counts.crowded.Add(1)
		c.Close()
		return true
	}
	if len(l.pending) < l.limits.pending {
		l.pending = append(l.pending, pending{c, time.Now()})
		l.running.Go(func() { l.introduce(c) })
		l.mu.Unlock()
		return true
	}
	oldest, changed := l.pending[0], l.changed.wait()
	l.mu.Unlock()
	wait := l.limits.pendingAge - time.Since(oldest.since)
	if wait <= 0 {
		l.counts.evicted.Add(1)
		oldest.Close() // its handshake fails and makes room
		wait = l.limits.pendingAge
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-changed:
	case <-t.C:
	case <-l.done:
	}
	return false
}

// introduce does the handshake of c and hands it to zmq4.
func (l *listener) introduce(c net.Conn) {
	hc, err := l.handshake(c)
	l.mu.Lock()
	l.leavePending(c)
	if err != nil || l.isClosed() {
		l.mu.Unlock()
		c.Close()
		return
	}
	old := l.register(hc)
	l.mu.Unlock()
	if old != nil {
		l.counts.replaced.Add(1)
		old.Close()
	}
	l.counts.accepted.Add(1)
	select {
	case l.ready <- hc:
	case <-l.done:
		hc.Close()
	}
}

func (l *listener) leavePending(c net.Conn) {
	for i, p := range l.pending {
		if p.Conn == c {
			l.pending = append(l.pending[:i:i], l.pending[i+1:]...)
			break
		}
	}
	l.changed.broadcast()
}

// register makes c known and returns the connection whose identity it takes
// over, if any: as with ROUTER_HANDOVER, which ipykernel sets, a client that
// reconnects gets its replies on the new connection.
func (l *listener) register(c *conn) (old *conn) {
	l.conns[c] = struct{}{}
	if l.role != roleRouter {
		return nil
	}
	old = l.byIdentity[c.identity]
	l.byIdentity[c.identity] = c
	return old
}

func (l *listener) forget(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
	if l.byIdentity[c.identity] == c {
		delete(l.byIdentity, c.identity)
	}
	l.changed.broadcast()
}

func (l *listener) lookup(identity string) *conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byIdentity[identity]
}

func (l *listener) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

// full returns the connections that more than bound bytes wait for. The bound is
// limits.queue, or less if many connections share limits.allQueues.
func (l *listener) full() (cs []*conn, bound int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	behind := int64(0)
	for c := range l.conns {
		if c.out.pending.Load() > 0 {
			behind++
		}
	}
	bound = min(int64(l.limits.queue), int64(l.limits.allQueues)/max(behind, 1))
	for c := range l.conns {
		if c.out.pending.Load() > bound {
			cs = append(cs, c)
		}
	}
	return cs, bound
}

func (l *listener) all() []*conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	cs := make([]*conn, 0, len(l.conns))
	for c := range l.conns {
		cs = append(cs, c)
	}
	return cs
}

// waitSettled waits until every peer has completed its handshake and subscribed,
// but for those that had the time to and did not.
func (l *listener) waitSettled(ctx context.Context) {
	for {
		l.mu.Lock()
		settled := len(l.pending) == 0
		for c := range l.conns {
			settled = settled && (l.role == roleRouter || c.settled.Load() || time.Since(c.born) > settleMost)
		}
		changed := l.changed.wait()
		l.mu.Unlock()
		if settled {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		case <-l.done:
			return
		}
	}
}

// waitWritten waits until no connection has anything left to write.
func (l *listener) waitWritten(ctx context.Context) error {
	for _, c := range l.all() {
		if err := c.out.waitEmpty(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Accept is for zmq4's accept loop alone.
func (l *listener) Accept() (net.Conn, error) {
	if c := l.first; c != nil {
		l.first = nil
		return c, nil
	}
	select {
	case c := <-l.ready:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) isClosed() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// shut ends the zmq4 socket over l, and l. zmq4 comes first: its accept loop
// spins while its listener is closed and the socket is not.
func (l *listener) shut(sock zmq4.Socket) {
	l.shutOnce.Do(func() {
		for _, c := range l.all() {
			c.farewell()
		}
		sock.Close() // errors are those of connections already gone; it closes l
	})
	l.endOnce.Do(l.end) // waits, if another goroutine is at it
}

// Close is called by zmq4 (from shut), and by those whose socket never came to be.
func (l *listener) Close() error {
	l.endOnce.Do(l.end)
	return nil
}

func (l *listener) end() {
	bound.Lock()
	delete(bound.by, l.addr)
	bound.Unlock()
	l.mu.Lock()
	close(l.done)
	handshakes := l.pending
	l.mu.Unlock()
	l.Listener.Close()
	for _, p := range handshakes {
		p.Close()
	}
	for _, c := range l.all() {
		c.Close()
	}
	l.running.Wait()
}
