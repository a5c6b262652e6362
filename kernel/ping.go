package kernel

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/google/uuid"

	"braid/kernel/internal/wire"
)

// Ping is the smallest client that can tell whether a kernel works. It connects
// to the kernel at info, waiting for it to listen as long as ctx allows, runs
// code as one cell, asks the kernel to shut down, and returns what the cell
// wrote to stdout. Its errors say which step failed.
func Ping(ctx context.Context, info ConnectionInfo, code string) (string, error) {
	signer, err := wire.NewSigner(info.SignatureScheme, info.Key)
	if err != nil {
		return "", err
	}
	p := &pinger{ctx: ctx, info: info, signer: signer, session: uuid.NewString()}
	defer p.close()
	iopub, err := p.dial("iopub", info.IOPubPort, "SUB")
	if err != nil {
		return "", err
	}
	if err := iopub.send([][]byte{{1}}); err != nil { // subscribe to everything
		return "", err
	}
	shell, err := p.dial("shell", info.ShellPort, "DEALER")
	if err != nil {
		return "", err
	}
	control, err := p.dial("control", info.ControlPort, "DEALER")
	if err != nil {
		return "", err
	}
	if _, err := p.ask(shell, "kernel_info_request", struct{}{}); err != nil {
		return "", err
	}
	if err := p.awaitIOPub(iopub, shell); err != nil {
		return "", err
	}
	out, err := p.execute(shell, iopub, code)
	if err != nil {
		return "", err
	}
	_, err = p.ask(control, "shutdown_request", map[string]any{"restart": false})
	return out, err
}

type pinger struct {
	ctx     context.Context
	info    ConnectionInfo
	signer  *wire.Signer
	session string
	peers   []*pingConn
}

func (p *pinger) close() {
	for _, c := range p.peers {
		c.Close()
	}
}

// dial connects to one channel; a kernel that has just been started may not
// listen yet.
func (p *pinger) dial(channel string, port int, socketType string) (*pingConn, error) {
	network, address := "tcp", net.JoinHostPort(p.info.IP, fmt.Sprint(port))
	if p.info.Transport == "ipc" {
		network, address = "unix", fmt.Sprintf("%s-%d", p.info.IP, port)
	}
	var d net.Dialer
	for {
		raw, err := d.DialContext(p.ctx, network, address)
		if err == nil {
			c := &pingConn{Conn: raw, in: bufio.NewReader(raw), channel: channel}
			p.peers = append(p.peers, c)
			context.AfterFunc(p.ctx, func() { c.Close() })
			return c, c.greet(socketType)
		}
		select {
		case <-p.ctx.Done():
			return nil, fmt.Errorf("the kernel does not listen on its %s channel: %w", channel, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// request sends a request and returns its msg_id.
func (p *pinger) request(c *pingConn, msgType string, content any) (string, error) {
	body, err := json.Marshal(content)
	if err != nil {
		return "", err
	}
	empty := json.RawMessage("{}")
	m := &wire.Message{
		Header:       wire.NewHeader(msgType, p.session, "doctor"),
		ParentHeader: empty, Metadata: empty, Content: body,
	}
	return m.Header.MsgID, c.send(p.signer.Encode(m))
}

// ask sends a request and waits for the reply to it.
func (p *pinger) ask(c *pingConn, msgType string, content any) (*wire.Message, error) {
	id, err := p.request(c, msgType, content)
	if err != nil {
		return nil, err
	}
	return p.reply(c, id, msgType)
}

func (p *pinger) reply(c *pingConn, id, msgType string) (*wire.Message, error) {
	for {
		m, parent, err := p.receive(c)
		if err != nil {
			return nil, fmt.Errorf("the kernel did not answer a %s on its %s channel: %w", msgType, c.channel, err)
		}
		if parent == id {
			return m, nil
		}
	}
}

// receive returns the next message and the msg_id of its parent.
func (p *pinger) receive(c *pingConn) (m *wire.Message, parent string, err error) {
	frames, err := c.receive()
	if err != nil {
		return nil, "", err
	}
	if m, err = p.signer.Decode(frames); err != nil {
		return nil, "", err
	}
	var header struct {
		MsgID string `json:"msg_id"`
	}
	if len(m.ParentHeader) > 0 {
		err = json.Unmarshal(m.ParentHeader, &header)
	}
	return m, header.MsgID, err
}

// awaitIOPub returns once iopub has brought something: the kernel may have
// noticed the subscription only after it had published its first messages.
func (p *pinger) awaitIOPub(iopub, shell *pingConn) error {
	for {
		arrived, err := iopub.arrived(p.ctx, 200*time.Millisecond)
		if arrived || err != nil {
			return err
		}
		if _, err := p.ask(shell, "kernel_info_request", struct{}{}); err != nil {
			return err
		}
	}
}

// execute runs one cell and returns its stdout.
func (p *pinger) execute(shell, iopub *pingConn, code string) (string, error) {
	id, err := p.request(shell, "execute_request", map[string]any{
		"code": code, "silent": false, "store_history": false,
		"user_expressions": struct{}{}, "allow_stdin": false, "stop_on_error": true,
	})
	if err != nil {
		return "", err
	}
	m, err := p.reply(shell, id, "execute_request")
	if err != nil {
		return "", err
	}
	var reply struct{ Status, EName, EValue string }
	if err := json.Unmarshal(m.Content, &reply); err != nil {
		return "", err
	}
	if reply.Status != "ok" {
		return "", fmt.Errorf("the kernel could not run a cell: %s: %s", reply.EName, reply.EValue)
	}
	return p.collect(iopub, id)
}

// collect reads iopub until the request id is done with.
func (p *pinger) collect(iopub *pingConn, id string) (string, error) {
	var text strings.Builder
	for {
		m, parent, err := p.receive(iopub)
		if err != nil {
			return "", fmt.Errorf("the cell ran, but its output did not come on iopub: %w", err)
		}
		if parent != id {
			continue
		}
		var c struct {
			Name, Text     string
			ExecutionState string `json:"execution_state"`
		}
		if err := json.Unmarshal(m.Content, &c); err != nil {
			return "", err
		}
		switch {
		case m.Header.MsgType == "stream" && c.Name == "stdout":
			text.WriteString(c.Text)
		case m.Header.MsgType == "status" && c.ExecutionState == "idle":
			return text.String(), nil
		}
	}
}

// pingConn speaks ZMTP 3.0 with the mechanism NULL (rfc.zeromq.org/spec/23).
// zmq4 is not used for it: a client needs little, and must notice every fault.
type pingConn struct {
	net.Conn
	in      *bufio.Reader
	channel string
}

// Bits of a ZMTP frame's first byte, and the most that Ping takes as a frame.
const (
	flagMore    = 1
	flagLong    = 2
	flagCommand = 4
	maxFrame    = 16 << 20
)

func (c *pingConn) greet(socketType string) error {
	greeting := make([]byte, 64)
	greeting[0], greeting[9], greeting[10] = 0xff, 0x7f, 3
	copy(greeting[12:], "NULL")
	ready := "\x05READY\x0bSocket-Type" + string(binary.BigEndian.AppendUint32(nil, uint32(len(socketType)))) + socketType
	hello := append(greeting, flagCommand, byte(len(ready)))
	if _, err := c.Write(append(hello, ready...)); err != nil {
		return fmt.Errorf("greeting the %s channel: %w", c.channel, err)
	}
	peer := make([]byte, 64)
	if _, err := io.ReadFull(c.in, peer); err != nil {
		return fmt.Errorf("the %s channel does not greet: %w", c.channel, err)
	}
	if peer[0] != 0xff || peer[10] < 3 {
		return fmt.Errorf("what listens on the %s channel does not speak ZMTP 3", c.channel)
	}
	return nil
}

func (c *pingConn) send(frames [][]byte) error {
	var b []byte
	for i, f := range frames {
		flags := byte(flagLong)
		if i < len(frames)-1 {
			flags |= flagMore
		}
		b = binary.BigEndian.AppendUint64(append(b, flags), uint64(len(f)))
		b = append(b, f...)
	}
	_, err := c.Write(b)
	return err
}

// receive returns the frames of the next message; commands are passed over.
func (c *pingConn) receive() ([][]byte, error) {
	var frames [][]byte
	for {
		flags, body, err := c.frame()
		if err != nil {
			return nil, err
		}
		if flags&flagCommand != 0 {
			continue
		}
		frames = append(frames, body)
		if flags&flagMore == 0 {
			return frames, nil
		}
	}
}

// arrived tells whether a message comes within patience. It reads none.
func (c *pingConn) arrived(ctx context.Context, patience time.Duration) (bool, error) {
	c.SetReadDeadline(time.Now().Add(patience))
	defer c.SetReadDeadline(time.Time{})
	for {
		flags, err := c.in.Peek(1)
		var slow net.Error
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case errors.As(err, &slow) && slow.Timeout():
			return false, nil
		case err != nil:
			return false, err
		case flags[0]&flagCommand == 0:
			return true, nil
		}
		if _, _, err := c.frame(); err != nil { // READY, PING
			return false, err
		}
	}
}

func (c *pingConn) frame() (flags byte, body []byte, err error) {
	if flags, err = c.in.ReadByte(); err != nil {
		return 0, nil, err
	}
	size := make([]byte, 8)
	head := size[7:]
	if flags&flagLong != 0 {
		head = size
	}
	if _, err := io.ReadFull(c.in, head); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint64(size)
	if n > maxFrame {
		return 0, nil, fmt.Errorf("a frame of %d bytes on the %s channel", n, c.channel)
	}
	body = make([]byte, n)
	_, err = io.ReadFull(c.in, body)
	return flags, body, err
}
