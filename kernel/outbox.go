package kernel

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"
	"unicode/utf8"

	"braid/kernel/internal/protocol"
	"braid/kernel/internal/wire"
)

// Sizes and times of the outbox.
const (
	outboxBytes = 8 << 20   // queued output beyond which emitting cells wait
	streamFlush = 256 << 10 // bytes of text that are sent when nothing more is waiting
	streamMax   = 1 << 20   // bytes of text that are sent in any case
	streamDelay = 50 * time.Millisecond
)

// outbox is the one way to iopub: a queue that any goroutine may put messages
// into, and that one goroutine at a time empties, in order. That order is the
// kernel's promise to front ends: idle cannot overtake output.
//
// Shells and readers publish their own messages (prepare, then push or flush):
// that spares a trivial cell three changes of goroutine, a fifth of its time. All
// else, and text whose time has come, is published by loop.
//
// Stream text is collected and sent in few messages: when another kind of
// message, another stream or another parent follows it, at a flush, when it is
// large, or streamDelay after its first byte. Texts stay whole runes.
type outbox struct {
	signer  *wire.Signer
	session string
	log     *slog.Logger
	publish func(frames [][]byte) error
	limit   int // outboxBytes; tests lower it

	mu     sync.Mutex
	items  []item
	bytes  int           // of items, and of those being published
	room   chan struct{} // closed when bytes has fallen; nil if nobody waits
	armed  bool          // delay runs
	closed bool

	wake  chan struct{} // capacity 1: loop has something to do
	delay *time.Timer   // streamDelay after text was queued

	turn     sync.Mutex // held by who empties the queue; guards what follows
	batch    []item
	text     []byte
	stream   string
	parent   *parent
	failures int
}

// parent is the header of the request that a message belongs to. It is compared
// by address: one request, one parent.
type parent struct{ header json.RawMessage }

// item is a stream text or a message.
type item struct {
	parent   *parent
	msgType  string // "" for text
	topic    []byte // of messages; nil for the usual one
	content  any
	metadata map[string]any
	buffers  [][]byte
	stream   string // of text
	text     string // of text
	prepared bool   // who queued it will publish it, too
}

// size is what the item counts against outboxBytes. What holds maps is counted
// by its source, roughly.
func (it *item) size() int {
	n := 64 + len(it.text)
	for _, b := range it.buffers {
		n += len(b)
	}
	switch c := it.content.(type) {
	case protocol.DisplayData:
		n += roughSize(c.Data)
	case protocol.ExecuteResult:
		n += roughSize(c.Data)
	case protocol.CommData:
		n += roughSize(c.Data)
	}
	return n
}

func roughSize(data map[string]any) int {
	n := 0
	for k, v := range data {
		n += len(k) + 16
		switch v := v.(type) {
		case string:
			n += len(v)
		case json.RawMessage:
			n += len(v)
		}
	}
	return n
}

func newOutbox(signer *wire.Signer, session string, log *slog.Logger) *outbox {
	o := &outbox{signer: signer, session: session, log: log, limit: outboxBytes, wake: make(chan struct{}, 1)}
	o.delay = time.NewTimer(time.Hour)
	o.delay.Stop()
	return o
}

// post queues a message without ever waiting, and leaves it to loop.
func (o *outbox) post(p *parent, msgType string, content any) {
	o.put(item{parent: p, msgType: msgType, content: content})
}

// prepare is post for a caller that is about to call push or flush.
func (o *outbox) prepare(p *parent, msgType string, content any) {
	o.put(item{parent: p, msgType: msgType, content: content, prepared: true})
}

// status is the content of a status message.
func status(state protocol.ExecutionState) protocol.StatusMessage {
	return protocol.StatusMessage{ExecutionState: state}
}

// welcome greets a subscription (JEP 65), under the subscription's own topic.
// Topics that are no UTF-8 could not be told in JSON; they get no greeting.
func (o *outbox) welcome(topic []byte) {
	if !utf8.Valid(topic) {
		return
	}
	t := append(make([]byte, 0, len(topic)), topic...) // not nil, even if empty
	o.put(item{msgType: protocol.TypeIOPubWelcome, topic: t, content: protocol.IOPubWelcome{Subscription: string(topic)}})
}

func (o *outbox) put(it item) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.append(it)
}

// emit queues output of a cell: it waits while more bytes than limit are queued.
// When unblock is closed (the cell is interrupted) it waits no more, and reports
// false if it threw text away because twice that much was queued.
func (o *outbox) emit(it item, unblock <-chan struct{}) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.bytes > o.limit && !o.closed {
		if !o.waitRoom(unblock) {
			if it.msgType == "" && o.bytes > 2*o.limit {
				return false
			}
			break
		}
	}
	o.append(it)
	return true
}

// waitRoom waits until there is room (true) or unblock is closed. o.mu is held
// before and after.
func (o *outbox) waitRoom(unblock <-chan struct{}) bool {
	if o.room == nil {
		o.room = make(chan struct{})
	}
	room := o.room
	o.signal()
	o.mu.Unlock()
	defer o.mu.Lock()
	select {
	case <-room:
		return true
	case <-unblock:
		return false
	}
}

// append adds an item. A little text can wait for more; all else wakes loop.
func (o *outbox) append(it item) {
	if o.closed {
		return
	}
	o.items = append(o.items, it)
	o.bytes += it.size()
	if it.msgType == "" && !o.armed {
		o.armed = true
		o.delay.Reset(streamDelay)
	}
	if it.msgType != "" && !it.prepared || o.bytes >= streamFlush {
		o.signal()
	}
}

func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// loop publishes what nobody else does until the outbox is closed.
func (o *outbox) loop() {
	for closed := false; !closed; {
		select {
		case <-o.wake:
			closed = o.push()
		case <-o.delay.C:
			o.mu.Lock()
			o.armed = false
			o.mu.Unlock()
			o.flush()
		}
	}
	o.delay.Stop()
	o.flush()
}

// close makes loop publish what is queued and return.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.release()
	o.signal()
}

// release lets waiting cells go on. o.mu is held.
func (o *outbox) release() {
	if o.room != nil {
		close(o.room)
		o.room = nil
	}
}

// push publishes what is queued; text may stay behind to be joined by more. It
// reports whether the outbox is closed.
func (o *outbox) push() (closed bool) {
	o.turn.Lock()
	defer o.turn.Unlock()
	return o.drain()
}

// flush is the barrier: when it returns, everything that was queued before has
// been handed to the transport, text too.
func (o *outbox) flush() {
	o.turn.Lock()
	defer o.turn.Unlock()
	o.drain()
	o.sendText()
}

// drain empties the queue. o.turn is held by whoever calls this and the methods
// below.
func (o *outbox) drain() (closed bool) {
	for {
		closed = o.next()
		if len(o.batch) == 0 {
			return closed
		}
		for i := range o.batch {
			o.handle(&o.batch[i], i+1 < len(o.batch))
			o.batch[i] = item{}
		}
	}
}

// next makes what is queued the batch, and the spent batch the queue.
func (o *outbox) next() (closed bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.batch, o.items = o.items, o.batch[:0]
	return o.closed
}

// handle publishes one item. more tells that others wait behind it.
func (o *outbox) handle(it *item, more bool) {
	size := it.size()
	if it.msgType == "" {
		o.addText(it, more)
	} else {
		o.sendText()
		o.send(it)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.bytes -= size
	if o.bytes <= o.limit/2 {
		o.release()
	}
}

func (o *outbox) addText(it *item, more bool) {
	if len(o.text) > 0 && (o.parent != it.parent || o.stream != it.stream) {
		o.sendText()
	}
	if len(o.text) == 0 {
		o.parent, o.stream = it.parent, it.stream
	}
	rest := it.text
	for len(o.text)+len(rest) >= streamMax {
		n := wholeRunes(rest, streamMax-len(o.text))
		o.text = append(o.text, rest[:n]...)
		rest = rest[n:]
		o.sendText()
	}
	o.text = append(o.text, rest...)
	if len(o.text) >= streamFlush && !more {
		o.sendText()
	}
}

// wholeRunes returns how much of s, at most n bytes, can be cut off without
// splitting a rune. What is no UTF-8 is cut anywhere.
func wholeRunes(s string, n int) int {
	if n >= len(s) {
		return len(s)
	}
	for i := n; i >= 0 && i > n-utf8.UTFMax; i-- {
		if utf8.RuneStart(s[i]) {
			return i
		}
	}
	return n
}

func (o *outbox) sendText() {
	if len(o.text) == 0 {
		return
	}
	o.send(&item{
		parent: o.parent, msgType: protocol.TypeStream, topic: []byte("stream." + o.stream),
		content: protocol.Stream{Name: o.stream, Text: string(o.text)},
	})
	o.text = o.text[:0]
	if cap(o.text) > streamMax {
		o.text = nil
	}
}

// send publishes a message. One that cannot be encoded is replaced by a word
// about it on stderr.
func (o *outbox) send(it *item) {
	m, err := o.message(it)
	if err != nil {
		text := fmt.Sprintf("[%s could not be sent: %v]\n", it.msgType, err)
		m, err = o.message(&item{
			parent: it.parent, msgType: protocol.TypeStream, topic: []byte("stream.stderr"),
			content: protocol.Stream{Name: "stderr", Text: text},
		})
	}
	if err == nil {
		err = o.publish(o.signer.Encode(m))
	}
	if err == nil {
		return
	}
	if o.failures++; o.failures <= 3 {
		o.log.Error("iopub message not published", "type", it.msgType, "error", err)
	}
}

func (o *outbox) message(it *item) (*wire.Message, error) {
	content, err := protocol.Marshal(it.content)
	if err != nil {
		return nil, err
	}
	m := &wire.Message{
		Identities: [][]byte{it.topic},
		Header:     wire.NewHeader(it.msgType, o.session, username),
		Content:    content,
		Buffers:    it.buffers,
	}
	if it.topic == nil {
		m.Identities[0] = []byte("kernel." + o.session + "." + it.msgType)
	}
	if it.parent != nil {
		m.ParentHeader = it.parent.header
	}
	if len(it.metadata) > 0 {
		if m.Metadata, err = protocol.Marshal(it.metadata); err != nil {
			return nil, err
		}
	}
	return m, nil
}
