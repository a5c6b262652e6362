package zmq

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	byReference = 4 << 10   // bodies from this size on are not copied
	batch       = 256 << 10 // bytes written at a time; the unit of progress
	maxHeld     = 16 << 10  // bytes held back for the message behind them
)

// outbox is what waits to be written to one peer. A message that fits into the
// system's buffer is written in one call by the goroutine that sends it; a
// writer goroutine exists only while there is a queue.
//
// Small messages to a subscriber of everything are held back while zmq4 has the
// next one, and written with it: each call wakes the peer, so "busy" and the cell's
// input, or its output and "idle", cost it half as much together.
type outbox struct {
	conn    *conn
	raw     syscall.RawConn // nil if the system cannot write without waiting
	pending atomic.Int64    // bytes in queue and in the writer's hands

	// Owned by zmq4's sender: the message that it is in the middle of.
	written framer
	message [][]byte
	open    bool   // the last buffer of message is ours to append to
	scratch []byte // for small messages, to be used again

	mu       sync.Mutex
	failed   bool
	writing  bool // the writer goroutine runs
	queue    [][]byte
	held     []byte    // messages that the next one takes along; counted in pending
	greedy   bool      // the peer gets everything that is published
	progress int       // bytes written since mark
	mark     time.Time // of the last limits.minProgress bytes, or of the queue's beginning
	changed  signal
}

// Write takes bytes of zmq4's stream and queues each message when it is complete.
// Its greeting and READY were sent in the handshake and go no further.
// Unlike other Writers it keeps large p: zmq4 does not touch a frame again, and
// Socket's documentation asks the same of everybody else.
func (o *outbox) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		var part piece
		part, p = o.written.next(p)
		o.append(part)
		if !part.end {
			continue
		}
		if err := o.send(); err != nil {
			return 0, err
		}
	}
	return n, nil
}

func (o *outbox) append(part piece) {
	b := part.bytes
	if len(b) == 0 {
		return
	}
	if part.body && len(b) >= byReference {
		o.message, o.open = append(o.message, b), false
		return
	}
	if !o.open {
		o.message, o.open = append(o.message, o.scratch[:0]), true
		o.scratch = nil
	}
	last := len(o.message) - 1
	o.message[last] = append(o.message[last], b...)
}

// send queues the message that is complete.
func (o *outbox) send() error {
	m := o.message
	o.message, o.open = nil, false
	if len(m) == 1 && o.isSentinel(m[0]) {
		o.release(o.greedy)
		return nil
	}
	first := m[0]
	kept, err := o.push(m)
	if !kept && cap(first) <= byReference {
		o.scratch = first
	}
	return err
}

func (o *outbox) isSentinel(m []byte) bool {
	s := o.conn.l.sentinel
	return len(m) == 2+len(s) && m[0] == 0 && bytes.Equal(m[2:], s)
}

// push writes, holds or queues a message; kept says whether it still has the bytes.
// A peer that asks and does not read the answers is cut off when limits.queue
// bytes wait for it.
func (o *outbox) push(m [][]byte) (kept bool, err error) {
	o.mu.Lock()
	if o.failed {
		o.mu.Unlock()
		return false, closedError("write")
	}
	if o.conn.l.role == roleRouter && o.pending.Load() > int64(o.conn.l.limits.queue) {
		o.mu.Unlock()
		o.conn.l.counts.slowPeers.Add(1)
		o.conn.Close()
		return false, closedError("write")
	}
	defer o.mu.Unlock()
	if o.hold(m) {
		return false, nil
	}
	if len(o.held) > 0 {
		return o.writeHeld(m), nil
	}
	return o.write1(m), nil
}

// write1 writes what it can of a message and queues the rest. o.mu is held, as
// for the next three.
func (o *outbox) write1(m [][]byte) (kept bool) {
	if !o.writing && len(m) == 1 && len(m[0]) <= batch {
		m[0] = m[0][o.writeNow(m[0]):]
	}
	return o.enqueue(m)
}

// hold keeps a copy of a message for the next one to take along, if that is under
// way.
func (o *outbox) hold(m [][]byte) bool {
	if !o.greedy || o.writing || len(m) != 1 || len(o.held)+len(m[0]) > maxHeld || !o.conn.l.more() {
		return false
	}
	o.held = append(o.held, m[0]...)
	o.pending.Add(int64(len(m[0])))
	return true
}

// writeHeld writes what is held and m behind it.
func (o *outbox) writeHeld(m [][]byte) (kept bool) {
	o.pending.Add(-int64(len(o.held)))
	held := o.held
	o.held = nil
	copied := len(m) == 1 && len(m[0]) < byReference
	if copied {
		held, m = append(held, m[0]...), nil
	}
	kept = o.write1(append([][]byte{held}, m...))
	if !kept {
		o.held = held[:0]
	}
	if o.pending.Load() == 0 {
		o.changed.broadcast()
	}
	return kept && !copied
}

// release writes what is held. greedy says whether anything may be from now on:
// only a peer that gets everything is sure to get the next message.
func (o *outbox) release(greedy bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.greedy = greedy
	if len(o.held) > 0 && !o.failed {
		o.writeHeld(nil)
	}
}

func (o *outbox) enqueue(m [][]byte) (kept bool) {
	size := 0
	for _, b := range m {
		if len(b) > 0 {
			o.queue = append(o.queue, b)
			size += len(b)
		}
	}
	if size == 0 {
		return false
	}
	o.pending.Add(int64(size))
	if !o.writing {
		o.writing = true
		o.progress, o.mark = 0, time.Now()
		o.conn.l.running.Go(o.write)
	}
	return true
}

// write empties the queue and ends.
func (o *outbox) write() {
	for {
		o.mu.Lock()
		bufs, size := o.take()
		if size == 0 || o.failed {
			o.writing = false
			o.queue = nil
			o.mu.Unlock()
			return
		}
		o.mu.Unlock()
		_, err := bufs.WriteTo(o.conn.Conn)
		if err != nil {
			o.conn.Close()
			continue
		}
		o.wrote(size)
	}
}

// take removes up to a batch from the queue.
func (o *outbox) take() (bufs net.Buffers, size int) {
	for size < batch && len(o.queue) > 0 {
		b := o.queue[0]
		if len(b) > batch-size {
			b = b[:batch-size]
			o.queue[0] = o.queue[0][len(b):]
		} else {
			o.queue[0] = nil
			o.queue = o.queue[1:]
		}
		bufs = append(bufs, b)
		size += len(b)
	}
	return bufs, size
}

func (o *outbox) wrote(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pending.Add(-int64(n))
	if o.progress += n; o.progress >= o.conn.l.limits.minProgress {
		o.progress, o.mark = 0, time.Now()
	}
	o.changed.broadcast()
}

// full reports whether more than bound bytes wait, since when there has been no
// progress, and what to wait for.
func (o *outbox) full(bound int64) (full bool, since time.Time, changed <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failed || o.pending.Load() <= bound {
		return false, time.Time{}, nil
	}
	return true, o.mark, o.changed.wait()
}

// waitEmpty waits until all is written, or nothing can be any more.
func (o *outbox) waitEmpty(ctx context.Context) error {
	for {
		o.mu.Lock()
		if o.failed || o.pending.Load() == 0 {
			o.mu.Unlock()
			return nil
		}
		changed := o.changed.wait()
		o.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// fail ends the outbox; what waits in it is lost.
func (o *outbox) fail() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failed = true
	o.queue, o.held = nil, nil
	o.pending.Store(0)
	o.changed.broadcast()
}

// framer follows the ZMTP stream that zmq4 writes, in whatever portions.
type framer struct {
	skip int // bytes of the greeting still to come
	head [9]byte
	n    int    // bytes of head that are there
	left uint64 // bytes of the body still to come
}

// piece is a part of the stream.
type piece struct {
	bytes []byte // nothing if it is part of a greeting or command, or incomplete; good until the next call
	body  bool   // bytes are of a frame's body, not its header
	end   bool   // a message ends here
}

// next takes the next piece from p, which is not empty.
func (f *framer) next(p []byte) (piece, []byte) {
	switch {
	case f.skip > 0:
		n := min(f.skip, len(p))
		f.skip -= n
		return piece{}, p[n:]
	case f.left > 0:
		n := int(min(f.left, uint64(len(p))))
		f.left -= uint64(n)
		return f.cut(p[:n], true), p[n:]
	}
	f.head[f.n] = p[0]
	f.n++
	if f.n < 2 || f.head[0]&flagLong != 0 && f.n < 9 {
		return piece{}, p[1:]
	}
	f.left = uint64(f.head[1])
	if f.head[0]&flagLong != 0 {
		f.left = binary.BigEndian.Uint64(f.head[1:])
	}
	head := f.head[:f.n]
	f.n = 0
	return f.cut(head, false), p[1:]
}

func (f *framer) cut(b []byte, body bool) piece {
	if f.head[0]&flagCommand != 0 {
		return piece{}
	}
	return piece{bytes: b, body: body, end: f.left == 0 && f.head[0]&flagMore == 0}
}
