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
	// zmq4 blocks until a first peer has ever connected; a peer that we have
	// heard of is one.
	if c := r.l.lookup(string(frames[0])); c == nil || !c.heard.Load() {
		r.l.counts.unroutable.Add(1)
		return nil
	}
	// Errors are those of single connections: these end by themselves.
	_ = r.sock.SendMulti(zmq4.NewMsgFrom(frames...))
	return nil
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
