package zmq

import (
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// exhausted is a listener of a process that has no descriptors left.
type exhausted struct {
	net.Listener
	calls  atomic.Int64
	closed atomic.Bool
}

func (e *exhausted) Accept() (net.Conn, error) {
	if e.closed.Load() {
		return nil, net.ErrClosed
	}
	e.calls.Add(1)
	return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
}

func (e *exhausted) Close() error { e.closed.Store(true); return nil }

func TestAcceptBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := &exhausted{}
		l := &listener{Listener: inner, limits: &defaultLimits, done: make(chan struct{})}
		l.running.Go(l.accept)
		time.Sleep(10 * time.Second) // of the bubble's clock
		if n := inner.calls.Load(); n < 10 || n > 25 {
			t.Errorf("%d attempts in 10 s, want about one a second", n)
		}
		l.Close() // ends the wait at once, or the bubble would time out
	})
}

func TestOurTransportOnlyTakesOver(t *testing.T) {
	if _, err := (boundTransport{}).Listen(t.Context(), "127.0.0.1:0"); err == nil {
		t.Error("zmq4 can listen where we did not bind")
	}
	if _, err := (boundTransport{}).Dial(t.Context(), nil, "127.0.0.1:1"); err == nil {
		t.Error("zmq4 can dial")
	}
}
