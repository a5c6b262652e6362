package zmq

import (
	"context"
	"errors"
	"io"
	"log"

	"github.com/go-zeromq/zmq4"
)

// router is a zmq4 ROUTER over our transport.
type router struct {
	l    *listener
	sock zmq4.Socket
}

func newRouter(l *listener) (*router, error) {
	r := &router{l: l, sock: zmq4.NewRouter(context.Background(), quiet)}
	if err := r.sock.Listen(l.endpoint()); err != nil {
		l.Close()
		return nil, err
	}
	return r, nil
}

// quiet keeps zmq4 from writing to the kernel's stderr.
var quiet = zmq4.WithLogger(log.New(io.Discard, "", 0))

func (r *router) Send(frames [][]byte) error {
	if r.l.isClosed() {
		return ErrClosed
	}
	if len(frames) < 2 {
		return errors.New("zmq: a message for a ROUTER needs an identity and a body")
	}
	if !r.reach(string(frames[0])) {
		r.l.counts.unroutable.Add(1)
		return nil
	}
	// Errors are those of single connections: these end by themselves.
	_ = r.sock.SendMulti(zmq4.NewMsgFrom(frames...))
	return nil
}

// reach waits until zmq4 can route to the identity, a moment after its handshake,
// and reports false if nobody has it. Asked for a peer before it has ever had
// one, zmq4 itself would wait for five minutes.
func (r *router) reach(identity string) bool {
	c := r.l.lookup(identity)
	if c == nil {
		return false
	}
	select {
	case <-c.known:
		return true
	case <-c.closed:
		return false
	}
}

func (r *router) Recv() ([][]byte, error) {
	msg, err := r.sock.Recv()
	if err != nil || r.l.isClosed() {
		return nil, ErrClosed // zmq4's ROUTER reports nothing but its own end
	}
	<-r.l.credits
	return msg.Frames, nil
}

func (r *router) Close() error {
	r.l.shut(r.sock)
	return nil
}
