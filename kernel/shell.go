package kernel

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"braid/kernel/internal/protocol"
	"braid/kernel/internal/wire"
)

// shell is one line of execution: the main shell, whose id is "", or a subshell
// (JEP 91). Each has a queue and a goroutine that serves it, its own execution
// counter, and at most one running cell.
type shell struct {
	id    string
	queue *queue
	count atomic.Int64 // of stored execute_requests; written by the shell's goroutine

	mu  sync.Mutex
	run *run // the running cell, or nil
}

func newShell(id string) *shell { return &shell{id: id, queue: newQueue()} }

// loop serves the queue until it is closed.
func (s *shell) loop(k *kernel) {
	for {
		r, ok := s.queue.take()
		if !ok {
			return
		}
		k.serve(r)
	}
}

// begin makes r the running cell. An interrupt that came a moment too early is
// for this cell.
func (s *shell) begin(r *run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run = r
	if s.queue.interrupted() {
		r.interrupt()
	}
}

func (s *shell) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run = nil
}

// interrupt ends the running cell and aborts those that wait behind it. In an
// idle shell it does nothing: it must not hit the cell after.
func (s *shell) interrupt() {
	s.queue.interrupt()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run != nil {
		s.run.interrupt()
	}
}

// readShell reads the shell socket and hands each request to its line of
// execution, until the socket is closed.
func (k *kernel) readShell() {
	k.read(k.transport.Shell, func(m *wire.Message) {
		if k.transport.Settle != nil && len(m.Identities) > 0 {
			k.transport.Settle(m.Identities[0])
		}
		k.route(newRequest(m, k.transport.Shell))
	})
}

// read decodes what comes on a socket until that is closed. What is malformed or
// not signed is dropped without an answer; the signer counts it.
func (k *kernel) read(socket Socket, each func(*wire.Message)) {
	for {
		frames, err := socket.Recv()
		if err != nil {
			return
		}
		m, err := k.signer.Decode(frames)
		if err != nil {
			k.log.Debug("message dropped", "error", err)
			continue
		}
		each(m)
	}
}

// route puts a request where it will be served: in the queue of its shell, or, if
// it may pass the cell that runs there, in that of the readers' goroutine.
func (k *kernel) route(r *request) {
	s, ok := k.shells.find(r.Header.SubshellID)
	r.shell = s
	if !ok {
		r.shell = k.shells.main
		k.readers.put(k.refusal(r))
		return
	}
	if !handlers[r.Header.MsgType].concurrent {
		s.queue.put(r)
		return
	}
	if !s.queue.putIfIdle(r) {
		k.readers.put(r)
	}
}

// refusal marks r as being for a subshell that does not exist.
func (k *kernel) refusal(r *request) *request {
	r.refused = fmt.Errorf("there is no subshell %q; list_subshell_request on control tells which there are", *r.Header.SubshellID)
	return r
}

// serveReaders answers the requests that pass running cells.
func (k *kernel) serveReaders() {
	for {
		r, ok := k.readers.take()
		if !ok {
			return
		}
		k.serve(r)
	}
}

// identity is the route back to a client, as a map key.
func identity(frames [][]byte) string {
	var key strings.Builder
	for _, f := range frames {
		fmt.Fprintf(&key, "%d:%s", len(f), f)
	}
	return key.String()
}

// abortReply answers a cell that was taken back.
func (s *shell) abortReply() protocol.Reply {
	return protocol.NewExecuteAbortedReply(int(s.count.Load()))
}
