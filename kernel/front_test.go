package kernel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"braid/kernel/internal/protocol"
	"braid/kernel/internal/wire"
)

// patience is how long a test waits for something that must happen. Nothing is
// measured by it: it only turns a hang into a failure.
const patience = 20 * time.Second

const testKey = "a key of the tests"

var errClosed = errors.New("closed")

// memory is a transport without sockets: the kernel's end of any number of fronts.
type memory struct {
	mu      sync.Mutex
	fronts  map[string]*front
	welcome func([]byte)
	closed  bool

	shell, control, stdin *memorySocket
}

// memorySocket is one channel of a memory.
type memorySocket struct {
	net     *memory
	channel string
	in      chan [][]byte
	done    chan struct{}
	once    sync.Once
}

func newMemory() *memory {
	m := &memory{fronts: map[string]*front{}}
	socket := func(channel string) *memorySocket {
		return &memorySocket{net: m, channel: channel, in: make(chan [][]byte, 1000), done: make(chan struct{})}
	}
	m.shell, m.control, m.stdin = socket("shell"), socket("control"), socket("stdin")
	return m
}

func (m *memory) listen(info *ConnectionInfo, subscribed func([]byte)) (*Transport, error) {
	m.welcome = subscribed
	info.ShellPort, info.IOPubPort, info.StdinPort, info.ControlPort, info.HBPort = 1, 2, 3, 4, 5
	return &Transport{Shell: m.shell, Control: m.control, Stdin: m.stdin, IOPub: memoryPublisher{m}, Close: m.close}, nil
}

func (m *memory) close() error {
	for _, s := range []*memorySocket{m.shell, m.control, m.stdin} {
		s.Close()
	}
	return nil
}

func (s *memorySocket) Recv() ([][]byte, error) {
	select {
	case frames := <-s.in:
		return frames, nil
	case <-s.done:
		return nil, errClosed
	}
}

// Send delivers to the front that the first frame names; like a ROUTER it drops
// what nobody is there for.
func (s *memorySocket) Send(frames [][]byte) error {
	s.net.mu.Lock()
	f := s.net.fronts[string(frames[0])]
	s.net.mu.Unlock()
	if f != nil {
		f.deliver(s.channel, frames[1:])
	}
	return nil
}

func (s *memorySocket) Close() error {
	s.once.Do(func() { close(s.done) })
	return nil
}

type memoryPublisher struct{ net *memory }

func (p memoryPublisher) Send(frames [][]byte) error {
	p.net.mu.Lock()
	fronts := make([]*front, 0, len(p.net.fronts))
	for _, f := range p.net.fronts {
		fronts = append(fronts, f)
	}
	p.net.mu.Unlock()
	for _, f := range fronts {
		f.deliver("iopub", frames)
	}
	return nil
}

// served is a kernel under test.
type served struct {
	t       *testing.T
	net     *memory
	fake    *fakeSession
	signals chan os.Signal
	stop    context.CancelFunc
	done    chan struct{}
	err     error // of Serve, once done is closed
}

// serve starts a kernel with a fake session. It is shut down when the test ends.
func serve(t *testing.T, change ...func(*Options)) *served {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	s := &served{t: t, net: newMemory(), fake: newFakeSession(), signals: make(chan os.Signal), stop: stop, done: make(chan struct{})}
	options := Options{
		Session: func() (Session, error) { return s.fake, nil },
		Listen:  s.net.listen,
		Version: "1.2.3",
		Log:     slog.New(slog.NewTextHandler(io.Discard, nil)),
		Signals: s.signals,
	}
	for _, c := range change {
		c(&options)
	}
	go func() {
		defer close(s.done)
		s.err = Serve(ctx, ConnectionInfo{Transport: "memory", IP: "-", Key: testKey, SignatureScheme: "hmac-sha256"}, options)
	}()
	t.Cleanup(func() {
		stop()
		s.wait()
	})
	return s
}

// wait waits for Serve to return.
func (s *served) wait() error {
	s.t.Helper()
	select {
	case <-s.done:
	case <-time.After(patience):
		s.t.Fatal("Serve does not return")
	}
	return s.err
}

// front is one front end: it sends requests and keeps all it receives.
type front struct {
	t      *testing.T
	kernel *served
	id     string
	signer *wire.Signer

	mu       sync.Mutex
	changed  chan struct{}
	messages []message
}

// message is one received message, decoded.
type message struct {
	channel string
	*wire.Message
	content map[string]any
	parent  string // msg_id
}

func (m message) String() string {
	return fmt.Sprintf("%s %s %s", m.channel, m.Header.MsgType, m.Content)
}

// start is serve with one front.
func start(t *testing.T, change ...func(*Options)) *front {
	t.Helper()
	return serve(t, change...).front()
}

func (s *served) front() *front {
	signer, err := wire.NewSigner("hmac-sha256", testKey)
	if err != nil {
		s.t.Fatal(err)
	}
	f := &front{t: s.t, kernel: s, id: uuid.NewString(), signer: signer, changed: make(chan struct{})}
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	s.net.fronts[f.id] = f
	return f
}

func (f *front) deliver(channel string, frames [][]byte) {
	m, err := f.signer.Decode(frames)
	if err != nil {
		f.t.Errorf("the kernel sent what no client can read: %v", err)
		return
	}
	got := message{channel: channel, Message: m, parent: parentID(m.ParentHeader)}
	if err := json.Unmarshal(m.Content, &got.content); err != nil {
		f.t.Errorf("content: %v", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.messages = append(f.messages, got)
	close(f.changed)
	f.changed = make(chan struct{})
}

// await waits until find, which is given all messages received so far, is true.
func (f *front) await(what string, find func([]message) bool) {
	f.t.Helper()
	limit := time.After(patience)
	for {
		f.mu.Lock()
		ok, changed := find(f.messages), f.changed
		f.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-limit:
			f.t.Fatalf("nothing came in %v: %s\nreceived: %v", patience, what, f.all())
		}
	}
}

func (f *front) all() []message {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.messages)
}

// sent is a request on its way.
type sent struct {
	*front
	header  wire.Header
	channel string
}

// content is a message's content, for literals.
type content map[string]any

// send sends a request on shell; on names another channel, in a subshell if the
// header says so.
func (f *front) send(msgType string, c any) sent { return f.on("shell", msgType, c) }

func (f *front) on(channel, msgType string, c any) sent {
	return f.post(channel, f.message(msgType, c))
}

func (f *front) message(msgType string, c any) *wire.Message {
	raw, ok := c.([]byte)
	if !ok {
		var err error
		if raw, err = json.Marshal(c); err != nil {
			f.t.Fatal(err)
		}
	}
	return &wire.Message{
		Identities: [][]byte{[]byte(f.id)},
		Header:     wire.NewHeader(msgType, "client-"+f.id, "tester"),
		Content:    raw,
	}
}

func (f *front) post(channel string, m *wire.Message) sent {
	f.raw(channel, f.signer.Encode(m))
	return sent{f, m.Header, channel}
}

// raw puts frames on a channel as they are.
func (f *front) raw(channel string, frames [][]byte) {
	s := map[string]*memorySocket{"shell": f.kernel.net.shell, "control": f.kernel.net.control, "stdin": f.kernel.net.stdin}[channel]
	select {
	case s.in <- frames:
	case <-s.done:
	case <-time.After(patience):
		f.t.Fatal("the kernel does not read " + channel)
	}
}

// subshell is send with a subshell_id in the header.
func (f *front) subshell(id, msgType string, c any) sent {
	m := f.message(msgType, c)
	m.Header.SubshellID = &id
	return f.post("shell", m)
}

// run sends an execute_request that has all fields, changed by more.
func (f *front) run(code string, more ...content) sent {
	c := content{
		"code": code, "silent": false, "store_history": true,
		"user_expressions": content{}, "allow_stdin": false, "stop_on_error": true,
	}
	for _, m := range more {
		for k, v := range m {
			c[k] = v
		}
	}
	return f.send(protocol.TypeExecuteRequest, c)
}

// execute runs a cell and waits for its reply and idle.
func (f *front) execute(code string, more ...content) result {
	f.t.Helper()
	return f.run(code, more...).result()
}

// request sends a request on shell and waits for its reply and idle.
func (f *front) request(msgType string, c any) result {
	f.t.Helper()
	return f.send(msgType, c).result()
}

// result is everything a request caused until its idle.
type result struct {
	t      *testing.T
	header wire.Header
	reply  message
	iopub  []message
}

// result waits for the request's reply and idle. The iopub part ends with idle.
func (s sent) result() result {
	s.t.Helper()
	reply := s.reply()
	return result{s.t, s.header, reply, s.outputs()}
}

func (s sent) reply() (reply message) {
	s.t.Helper()
	s.await("reply to "+s.header.MsgType, func(ms []message) bool {
		i := slices.IndexFunc(ms, func(m message) bool { return m.channel == s.channel && m.parent == s.header.MsgID })
		if i >= 0 {
			reply = ms[i]
		}
		return i >= 0
	})
	if want := protocol.ReplyType(s.header.MsgType); reply.Header.MsgType != want {
		s.t.Errorf("reply has type %s, want %s", reply.Header.MsgType, want)
	}
	return reply
}

// outputs waits for the request's idle and returns its iopub messages.
func (s sent) outputs() (iopub []message) {
	s.t.Helper()
	s.await("idle of "+s.header.MsgType, func([]message) bool { return false || s.idle(&iopub) })
	return iopub
}

func (s sent) idle(iopub *[]message) bool {
	*iopub = s.published()
	return len(*iopub) > 0 && (*iopub)[len(*iopub)-1].content["execution_state"] == "idle"
}

// published returns the request's iopub messages so far. f.mu is held by await.
func (s sent) published() (iopub []message) {
	for _, m := range s.messages {
		if m.channel == "iopub" && m.parent == s.header.MsgID {
			iopub = append(iopub, m)
		}
	}
	return iopub
}

// saw waits for an iopub message of the request.
func (s sent) saw(msgType string) (found message) {
	s.t.Helper()
	s.await(msgType+" of "+s.header.MsgType, func([]message) bool {
		for _, m := range s.published() {
			if m.Header.MsgType == msgType {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

// outline is the iopub part in short: "busy execute_input stream:hi idle".
func (r result) outline() string {
	var b []string
	for _, m := range r.iopub {
		switch m.Header.MsgType {
		case protocol.TypeStatus:
			b = append(b, m.content["execution_state"].(string))
		case protocol.TypeStream:
			b = append(b, fmt.Sprintf("%s:%s", m.content["name"], m.content["text"]))
		default:
			b = append(b, m.Header.MsgType)
		}
	}
	return strings.Join(b, " ")
}

func (r result) wantOutline(want string) {
	r.t.Helper()
	if got := r.outline(); got != want {
		r.t.Errorf("on iopub: %q\n   want: %q", got, want)
	}
}

// of returns the only iopub message of a type.
func (r result) of(msgType string) message {
	r.t.Helper()
	var found []message
	for _, m := range r.iopub {
		if m.Header.MsgType == msgType {
			found = append(found, m)
		}
	}
	if len(found) != 1 {
		r.t.Fatalf("%d messages of type %s, want 1: %v", len(found), msgType, r.iopub)
	}
	return found[0]
}

func (r result) text(stream string) string {
	var b strings.Builder
	for _, m := range r.iopub {
		if m.Header.MsgType == protocol.TypeStream && m.content["name"] == stream {
			b.WriteString(m.content["text"].(string))
		}
	}
	return b.String()
}

// want checks fields of a content, given as they look in JSON.
func (m message) want(t *testing.T, fields content) {
	t.Helper()
	for name, v := range fields {
		want, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(m.content[name])
		if err != nil {
			t.Fatal(err)
		}
		if _, there := m.content[name]; !there || string(got) != string(want) {
			t.Errorf("%s.%s is %s, want %s", m.Header.MsgType, name, got, want)
		}
	}
}
