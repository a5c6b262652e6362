package zmq

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// ZMTP 3.0 (RFC 23). We announce 3.0, not 3.1: peers then send subscriptions as
// messages, which is all zmq4 understands.
const (
	flagMore    = 1
	flagLong    = 2
	flagCommand = 4

	maxCommand  = 4 << 10 // bytes; READY with an identity takes about 300
	maxIdentity = 255
	signature   = 10 // bytes of the greeting that tell ZMTP from anything else
)

// greeting is version 3.0, mechanism NULL, as-server 0.
var greeting = func() []byte {
	g := make([]byte, 64)
	g[0], g[9], g[10] = 0xFF, 0x7F, 3
	copy(g[12:], "NULL")
	return g
}()

var errProtocol = errors.New("zmq: peer broke the ZMTP protocol")

// handshake exchanges greetings and READY commands with a new peer, within
// limits.handshake. The peer's READY never reaches zmq4, which would panic on
// several kinds: the connection starts with one of our making.
func (l *listener) handshake(nc net.Conn) (*conn, error) {
	if l.cfg.SameUser && !sameUser(nc) {
		l.counts.otherUsers.Add(1)
		return nil, errors.New("zmq: peer belongs to another user")
	}
	nc.SetDeadline(time.Now().Add(l.limits.handshake))
	br := bufio.NewReaderSize(nc, 4<<10)
	identity, err := l.shakeHands(nc, br)
	if err != nil {
		l.counts.badHandshakes.Add(1)
		return nil, err
	}
	nc.SetDeadline(time.Time{})
	return newConn(l, nc, br, identity), nil
}

func (l *listener) shakeHands(nc net.Conn, br *bufio.Reader) (identity string, err error) {
	if _, err := nc.Write(greeting); err != nil {
		return "", err
	}
	if err := readGreeting(br); err != nil {
		return "", err
	}
	if _, err := nc.Write(readyFrame(string(l.role), "")); err != nil {
		return "", err
	}
	body, err := readFirstCommand(br)
	if err != nil {
		return "", err
	}
	meta, err := parseReady(body)
	if err != nil {
		return "", err
	}
	if !l.role.accepts(meta["socket-type"]) {
		return "", fmt.Errorf("zmq: a %.20q cannot talk to a %s", meta["socket-type"], l.role)
	}
	identity = meta["identity"]
	switch {
	case l.role == roleXPub:
		return "", nil
	case len(identity) > maxIdentity || strings.HasPrefix(identity, "\x00"):
		return "", errProtocol // RFC 23: at most 255 bytes; zero is ours
	case identity == "":
		return "\x00" + string(binary.BigEndian.AppendUint64(nil, l.serial.Add(1))), nil
	}
	return identity, nil
}

func readGreeting(r io.Reader) error {
	var g [64]byte
	if _, err := io.ReadFull(r, g[:signature]); err != nil {
		return err
	}
	if g[0] != 0xFF || g[9] != 0x7F {
		return errProtocol
	}
	if _, err := io.ReadFull(r, g[signature:]); err != nil {
		return err
	}
	if g[10] < 3 || string(g[12:32]) != string(greeting[12:32]) || g[32] > 1 {
		return errProtocol
	}
	return nil
}

func readFirstCommand(br *bufio.Reader) ([]byte, error) {
	h, err := readHeader(br)
	if err != nil {
		return nil, err
	}
	if !h.command {
		return nil, errProtocol
	}
	return readCommand(br, h)
}

func readCommand(br *bufio.Reader, h header) ([]byte, error) {
	if h.more || h.size < 1 || h.size > maxCommand {
		return nil, errProtocol
	}
	body := make([]byte, h.size)
	_, err := io.ReadFull(br, body)
	return body, err
}

// header is that of one frame.
type header struct {
	more, command bool
	size          uint64
}

func readHeader(br *bufio.Reader) (h header, err error) {
	flags, err := br.ReadByte()
	if err != nil {
		return h, err
	}
	if flags&^(flagMore|flagLong|flagCommand) != 0 {
		return h, errProtocol
	}
	h.more, h.command = flags&flagMore != 0, flags&flagCommand != 0
	if flags&flagLong == 0 {
		short, err := br.ReadByte()
		h.size = uint64(short)
		return h, err
	}
	var long [8]byte
	_, err = io.ReadFull(br, long[:])
	h.size = binary.BigEndian.Uint64(long[:])
	return h, err
}

// append writes h as it goes over the wire.
func (h header) append(b []byte) []byte {
	var flags byte
	if h.more {
		flags |= flagMore
	}
	if h.command {
		flags |= flagCommand
	}
	if h.size <= 255 {
		return append(b, flags, byte(h.size))
	}
	return binary.BigEndian.AppendUint64(append(b, flags|flagLong), h.size)
}

// splitCommand returns the name of a command and what follows.
func splitCommand(body []byte) (name string, rest []byte, err error) {
	n := int(body[0])
	if n > len(body)-1 {
		return "", nil, errProtocol
	}
	return string(body[1 : 1+n]), body[1+n:], nil
}

// parseReady returns the metadata of a READY command, names in lower case (RFC
// 23: they are case-insensitive).
func parseReady(body []byte) (map[string]string, error) {
	name, rest, err := splitCommand(body)
	if err != nil || name != "READY" {
		return nil, errProtocol
	}
	meta := map[string]string{}
	for len(rest) > 0 {
		n := int(rest[0])
		if n == 0 || len(rest) < 1+n+4 {
			return nil, errProtocol
		}
		key := strings.ToLower(string(rest[1 : 1+n]))
		size := uint64(binary.BigEndian.Uint32(rest[1+n:]))
		rest = rest[1+n+4:]
		if size > uint64(len(rest)) {
			return nil, errProtocol
		}
		meta[key] = string(rest[:size])
		rest = rest[size:]
	}
	return meta, nil
}

// readyFrame is a READY command as zmq4 and libzmq want it: property names in
// this spelling, which is the only one zmq4 finds.
func readyFrame(socketType, identity string) []byte {
	body := []byte("\x05READY")
	for _, p := range [][2]string{{"Socket-Type", socketType}, {"Identity", identity}} {
		body = append(body, byte(len(p[0])))
		body = append(body, p[0]...)
		body = binary.BigEndian.AppendUint32(body, uint32(len(p[1])))
		body = append(body, p[1]...)
	}
	return append(header{command: true, size: uint64(len(body))}.append(nil), body...)
}
