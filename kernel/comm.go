package kernel

import (
	"encoding/json"
	"sync/atomic"

	"braid/kernel/eval"
	"braid/kernel/internal/protocol"
)

// commKinds are the message types of comms by the kinds of package eval.
var commKinds = map[string]string{
	"open":  protocol.TypeCommOpen,
	"msg":   protocol.TypeCommMsg,
	"close": protocol.TypeCommClose,
}

// commItem is a comm message of the kernel's side.
func commItem(p *parent, c *eval.Comm) item {
	it := item{parent: p, msgType: commKinds[c.Kind], metadata: c.Metadata, buffers: c.Buffers}
	if c.Kind == "open" {
		it.content = protocol.CommOpen{ID: c.ID, Target: c.Target, Data: c.Data}
	} else {
		it.content = protocol.CommData{ID: c.ID, Data: c.Data}
	}
	return it
}

// commSink is the sink of a comm message's handler. It sees whether the handler's
// side closed the comm.
type commSink struct {
	sink
	id     string
	closed atomic.Bool
}

// Emit implements the sink of package session.
func (s *commSink) Emit(ev eval.Event) {
	if ev.Comm != nil && ev.Comm.Kind == "close" && ev.Comm.ID == s.id {
		s.closed.Store(true)
	}
	s.sink.Emit(ev)
}

// commOpen delivers a comm_open. If nobody in the session took the comm, its
// target is unknown, and it is closed again, as messaging.rst asks.
func (k *kernel) commOpen(r *request) (protocol.Reply, error) {
	s, out, err := k.deliverComm(r)
	if err != nil {
		return nil, err
	}
	if _, open := s.Comms("")[out.id]; !open && !out.closed.Load() {
		out.Emit(eval.Event{Comm: &eval.Comm{Kind: "close", ID: out.id}})
	}
	return nil, nil
}

// commMessage delivers a comm_msg or comm_close.
func (k *kernel) commMessage(r *request) (protocol.Reply, error) {
	_, _, err := k.deliverComm(r)
	return nil, err
}

func (k *kernel) deliverComm(r *request) (Session, *commSink, error) {
	in, err := protocol.DecodeCommMessage(r.Header.MsgType, r.Content)
	if err != nil {
		return nil, nil, err
	}
	s, err := k.session.get()
	if err != nil {
		return nil, nil, err
	}
	out := &commSink{sink: sink{kernel: k, request: r, parent: r.parent}, id: in.ID}
	c := eval.Comm{ID: in.ID, Target: in.Target, Data: in.Data, Buffers: r.Buffers}
	for kind, msgType := range commKinds {
		if msgType == r.Header.MsgType {
			c.Kind = kind
		}
	}
	if json.Unmarshal(r.Metadata, &c.Metadata) != nil {
		c.Metadata = nil
	}
	s.CommIn(c, out)
	return s, out, nil
}

func (k *kernel) commInfo(r *request) (protocol.Reply, error) {
	in, err := protocol.DecodeCommInfoRequest(r.Content)
	if err != nil {
		return nil, err
	}
	s, err := k.session.get()
	if err != nil {
		return nil, err
	}
	return protocol.NewCommInfoReply(s.Comms(in.Target)), nil
}
