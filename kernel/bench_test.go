package kernel

import (
	"os"
	"sync"
	"testing"

	"braid/kernel/internal/protocol"
	"braid/kernel/internal/wire"
)

// BenchmarkCell measures what the kernel adds to a cell that prints a line: from
// the request's frames to the frames of its idle, without sockets and without a
// session that does anything.
func BenchmarkCell(b *testing.B) {
	net := newMemory()
	idle := make(chan struct{}, 1)
	fake := newFakeSession()
	var once sync.Once
	ready := make(chan struct{})
	go Serve(b.Context(), ConnectionInfo{Key: testKey}, Options{
		Session: func() (Session, error) { return fake, nil },
		Signals: make(chan os.Signal),
		Listen: func(info *ConnectionInfo, subscribed func([]byte)) (*Transport, error) {
			defer once.Do(func() { close(ready) })
			t, err := net.listen(info, subscribed)
			t.IOPub = idleSeer(idle)
			return t, err
		},
	})
	<-ready
	signer, err := wire.NewSigner("hmac-sha256", testKey)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		m := &wire.Message{
			Identities: [][]byte{[]byte("nobody")},
			Header:     wire.NewHeader(protocol.TypeExecuteRequest, "client", "tester"),
			Content:    []byte(`{"code":"print hello","silent":false,"store_history":true,"user_expressions":{},"allow_stdin":false,"stop_on_error":true}`),
		}
		net.shell.in <- signer.Encode(m)
		<-idle
	}
}

// idleSeer is a Publisher that reports each idle.
type idleSeer chan struct{}

func (s idleSeer) Send(frames [][]byte) error {
	if string(frames[len(frames)-1]) == `{"execution_state":"idle"}` {
		s <- struct{}{}
	}
	return nil
}
