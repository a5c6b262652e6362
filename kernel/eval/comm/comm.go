// Package comm is the cells' end of Jupyter's comms: two-way connections to
// widgets of a front end. It lives in the worker process. Cells reach it through
// braid/display; package worker delivers what comes from the front end.
package comm

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"sync"

	"braid/kernel/eval"
	"braid/kernel/eval/host"
)

// Message is what one end of a comm sends to the other.
type Message struct {
	Data     map[string]any
	Metadata map[string]any
	Buffers  [][]byte
}

// Comm is one open connection. Its methods may be called from any goroutine.
type Comm struct {
	id, target string

	mu        sync.Mutex
	closed    bool
	onMessage func(Message)
	onClose   func(Message)
}

var (
	mu      sync.Mutex
	targets = map[string]func(*Comm, Message){}
	open    = map[string]*Comm{}
)

// Register says what to do when a front end opens a comm with this target: opened
// is called with the comm and the data it was opened with. It replaces an earlier
// registration; nil removes it.
func Register(target string, opened func(*Comm, Message)) {
	mu.Lock()
	defer mu.Unlock()
	if opened == nil {
		delete(targets, target)
		return
	}
	targets[target] = opened
}

// Open opens a comm to the front end's handler for target.
func Open(target string, data map[string]any) *Comm {
	c := &Comm{id: newID(), target: target}
	mu.Lock()
	open[c.id] = c
	mu.Unlock()
	c.emit("open", target, data, nil)
	return c
}

// newID is a UUID's worth of randomness in the form that front ends use.
func newID() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// ID is the comm's id in Jupyter's messages.
func (c *Comm) ID() string { return c.id }

// Target is the name it was opened for.
func (c *Comm) Target() string { return c.target }

// String describes the comm, for values of cells.
func (c *Comm) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	state := "open"
	if c.closed {
		state = "closed"
	}
	return "comm " + strconv.Quote(c.target) + " (" + state + ", id " + c.id + ")"
}

// OnMessage sets what is called with every message of the front end, one after
// the other. What it prints appears where the message came from.
func (c *Comm) OnMessage(f func(Message)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onMessage = f
}

// OnClose sets what is called when the front end closes the comm.
func (c *Comm) OnClose(f func(Message)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onClose = f
}

// Send sends data, and buffers of bytes beside it, to the front end. A closed
// comm sends nothing.
func (c *Comm) Send(data map[string]any, buffers ...[]byte) {
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	if !closed {
		c.emit("msg", "", data, buffers)
	}
}

// Close closes the comm on both ends. Closing again does nothing.
func (c *Comm) Close() {
	if c.end() {
		c.emit("close", "", nil, nil)
	}
}

// end marks the comm closed; false if it was.
func (c *Comm) end() bool {
	mu.Lock()
	delete(open, c.id)
	mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.closed
	c.closed = true
	return !was
}

func (c *Comm) emit(kind, target string, data map[string]any, buffers [][]byte) {
	if data == nil {
		data = map[string]any{}
	}
	host.Emit(eval.Event{Comm: &eval.Comm{Kind: kind, ID: c.id, Target: target, Data: data, Buffers: buffers}})
}

// Deliver hands a message of the front end to its handler, on the calling
// goroutine. It is false if nobody takes it: an unknown target, an unknown comm.
func Deliver(m eval.Comm) bool {
	msg := Message{Data: m.Data, Metadata: m.Metadata, Buffers: m.Buffers}
	if m.Kind == "open" {
		return opened(m, msg)
	}
	mu.Lock()
	c := open[m.ID]
	mu.Unlock()
	if c == nil {
		return false
	}
	c.mu.Lock()
	handler := c.onMessage
	if m.Kind == "close" {
		handler = c.onClose
	}
	c.mu.Unlock()
	if m.Kind == "close" {
		c.end()
	}
	if handler != nil {
		handler(msg)
	}
	return true
}

func opened(m eval.Comm, msg Message) bool {
	c := &Comm{id: m.ID, target: m.Target}
	mu.Lock()
	handler := targets[m.Target]
	if handler != nil {
		open[c.id] = c
	}
	mu.Unlock()
	if handler == nil {
		return false
	}
	handler(c, msg)
	return true
}
