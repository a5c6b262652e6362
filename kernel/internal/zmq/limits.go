package zmq

import (
	"sync/atomic"
	"time"
)

// limits bound what peers can cost. Tests lower them.
type limits struct {
	handshake   time.Duration // from accept to a complete READY
	pending     int           // handshakes in progress per socket
	pendingAge  time.Duration // when full, a handshake may be evicted after this
	connections int           // peers per socket
	frame       uint64        // bytes of a received frame
	message     uint64        // bytes of a received message
	parts       int           // frames of a received message
	topics      int           // subscriptions per subscriber
	topic       uint64        // bytes of a topic
	queue       int           // bytes waiting to be written to one peer
	allQueues   int           // bytes waiting to be written to all subscribers
	backlog     int           // bytes waiting inside zmq4's XPUB
	stall       time.Duration // a full subscriber has this long for the next minProgress
	minProgress int           // bytes
}

var defaultLimits = limits{
	handshake:   5 * time.Second,
	pending:     256,
	pendingAge:  100 * time.Millisecond,
	connections: 512,
	frame:       1 << 30,
	message:     2 << 30,
	parts:       1 << 16,
	topics:      1000,
	topic:       4 << 10,
	queue:       64 << 20,
	allQueues:   256 << 20,
	backlog:     1 << 20,
	stall:       5 * time.Second,
	minProgress: 1 << 20,
}

// forHeartbeat is l for the heartbeat, which answers anybody and so must be cheap
// to ask: its messages are a few bytes long.
func (l *limits) forHeartbeat() *limits {
	hb := *l
	hb.frame, hb.message, hb.queue = min(l.frame, 1<<20), min(l.message, 1<<20), min(l.queue, 4<<20)
	return &hb
}

// Stats counts what happened to peers since Listen.
type Stats struct {
	Connections int // now, on all sockets

	Accepted        uint64 // handshakes completed
	BadHandshakes   uint64 // refused: no ZMTP 3, wrong socket type, too slow
	Evicted         uint64 // handshakes cut off because too many were waiting
	Crowded         uint64 // refused: too many connections
	OtherUsers      uint64 // refused: SameUser
	Malformed       uint64 // cut off: broke the protocol after its handshake
	Replaced        uint64 // cut off: a new connection has the same identity
	SlowPeers       uint64 // cut off: did not read its replies
	SlowSubscribers uint64 // cut off: full, and made no progress
	Unroutable      uint64 // messages dropped: the peer was gone
	IgnoredUpstream uint64 // messages from subscribers that are no subscriptions
}

type counters struct {
	accepted, badHandshakes, evicted, crowded, otherUsers, malformed, replaced,
	slowPeers, slowSubscribers, unroutable, ignoredUpstream atomic.Uint64
}

// Stats returns the counts so far.
func (s *Sockets) Stats() Stats {
	n := 0
	for _, l := range s.listeners() {
		n += l.size()
	}
	c := s.counts
	return Stats{
		Connections:     n,
		Accepted:        c.accepted.Load(),
		BadHandshakes:   c.badHandshakes.Load(),
		Evicted:         c.evicted.Load(),
		Crowded:         c.crowded.Load(),
		OtherUsers:      c.otherUsers.Load(),
		Malformed:       c.malformed.Load(),
		Replaced:        c.replaced.Load(),
		SlowPeers:       c.slowPeers.Load(),
		SlowSubscribers: c.slowSubscribers.Load(),
		Unroutable:      c.unroutable.Load(),
		IgnoredUpstream: c.ignoredUpstream.Load(),
	}
}
