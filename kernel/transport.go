package kernel

import (
	"sync"
	"time"
)

// Socket is one two-way channel of a front end: shell, control or stdin. The
// kernel calls Send and Recv each from one goroutine at a time.
type Socket interface {
	// Send queues one message and never waits for its client.
	Send(frames [][]byte) error
	// Recv waits for the next message. After Close it returns an error, always.
	Recv() ([][]byte, error)
	Close() error
}

// Publisher is the kernel's end of iopub.
type Publisher interface {
	// Send publishes one message, topic first, to all subscribers. It may wait
	// until the slowest healthy subscriber has caught up.
	Send(frames [][]byte) error
}

// Transport is the set of sockets a kernel serves. The heartbeat is not in it: it
// needs no kernel, so whoever listens echoes it.
type Transport struct {
	Shell, Control, Stdin Socket
	IOPub                 Publisher
	// Settle, if set, is called with the identity of each shell request before it
	// is served. For the first one of a client it waits, a few milliseconds as a
	// rule, until the client's subscription has arrived: otherwise the messages
	// of a fast first cell could miss their subscriber.
	Settle func(identity []byte)
	// Drain, if set, waits until what was sent has left, but no longer than limit.
	Drain func(limit time.Duration) error
	// Counts, if set, tells what was done to peers that misbehaved, by its name.
	Counts func() map[string]uint64
	// Close closes all sockets: blocked calls of Recv and Send return.
	Close func() error
}

// Listener opens the sockets that a connection file describes, puts the ports it
// chose into info where those are 0, and calls subscribed, from any goroutine,
// for each subscription that iopub gets, once the subscriber is served.
type Listener func(info *ConnectionInfo, subscribed func(topic []byte)) (*Transport, error)

// sharedSocket lets several goroutines send.
type sharedSocket struct {
	Socket
	mu sync.Mutex
}

// Send sends one message at a time.
func (s *sharedSocket) Send(frames [][]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Socket.Send(frames)
}
