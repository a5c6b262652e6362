package kernel

import (
	"fmt"

	"braid/kernel/internal/protocol"
	"braid/kernel/internal/wire"
)

// serveControl reads the control socket and answers, on the same goroutine, what
// must be answered while cells run. It never waits for one. The rest it routes
// like a request on shell; the reply still goes out on control.
func (k *kernel) serveControl() {
	k.read(k.transport.Control, func(m *wire.Message) {
		r := newRequest(m, k.transport.Control)
		h, known := handlers[m.Header.MsgType]
		if known && !h.immediate {
			k.route(r)
			return
		}
		r.shell, r.immediate = k.shells.main, true
		k.serve(r)
	})
}

// interruptRequest interrupts every shell, or the one that header.subshell_id names.
func (k *kernel) interruptRequest(r *request) (protocol.Reply, error) {
	if r.Header.SubshellID == nil {
		k.interrupt()
		return protocol.NewOKReply(), nil
	}
	s, ok := k.shells.find(r.Header.SubshellID)
	if !ok {
		return nil, fmt.Errorf("there is no subshell %q", *r.Header.SubshellID)
	}
	s.interrupt()
	return protocol.NewOKReply(), nil
}

// interrupt ends what every shell runs and aborts what it has queued.
func (k *kernel) interrupt() {
	for _, s := range k.shells.all() {
		s.interrupt()
	}
}

// shutdownRequest starts the end of the kernel; restart is for the caller to do,
// who starts the same command again. The reply goes out first, so that the client
// need not guess, and the broadcast tells the other clients.
func (k *kernel) shutdownRequest(r *request) (protocol.Reply, error) {
	in, err := protocol.DecodeShutdownRequest(r.Content)
	if err != nil {
		return nil, err
	}
	reply := protocol.NewShutdownReply(in.Restart)
	k.reply(r, reply)
	k.outbox.post(r.parent, protocol.TypeShutdownReply, reply)
	r.then = func() { k.stop(errShutdown) }
	return nil, nil
}

func (k *kernel) debugRequest(r *request) (protocol.Reply, error) {
	in, err := protocol.DecodeDebugRequest(r.Content)
	if err != nil {
		return nil, err
	}
	return protocol.NewDebugRefusal(in, "this kernel has no debugger"), nil
}
