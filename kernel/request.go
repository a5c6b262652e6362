package kernel

import (
	"encoding/json"
	"time"

	"braid/kernel/eval"
	"braid/kernel/internal/protocol"
	"braid/kernel/internal/wire"
)

// request is one message of a front end on its way through the kernel. It carries
// everything an answer needs: whoever holds it can reply on the right socket to
// the right client, and publish under the right parent.
type request struct {
	*wire.Message
	parent    *parent
	socket    Socket    // where it came from and its reply goes
	shell     *shell    // whose state it is about; the main shell for control
	arrived   time.Time // at the reader
	started   time.Time // when its bracket began
	aborted   bool      // do not run; written under the mutex of the queue it is in
	immediate bool      // served by the control goroutine
	then      func()    // to be done after the bracket; nil for nothing
	refused   error     // why it cannot be served at all; set before it is queued
}

func newRequest(m *wire.Message, socket Socket) *request {
	return &request{Message: m, parent: &parent{m.RawHeader}, socket: socket, arrived: time.Now()}
}

// size is what the request counts against maxQueuedBytes.
func (r *request) size() int {
	n := len(r.RawHeader) + len(r.Metadata) + len(r.Content)
	for _, b := range r.Buffers {
		n += len(b)
	}
	return n
}

// reply sends the reply to r on the socket that r came on.
func (k *kernel) reply(r *request, content protocol.Reply) {
	body, err := protocol.Marshal(content)
	if err != nil {
		k.log.Error("reply not encodable", "request", r.Header.MsgType, "error", err)
		content = k.failure(r, protocol.NewError(eval.InternalBug, "the reply could not be encoded: "+err.Error(), nil))
		body, _ = protocol.Marshal(content)
	}
	metadata, _ := protocol.Marshal(protocol.ReplyMetadata{
		Started:         r.started.UTC().Format(dateFormat),
		DependenciesMet: true,
		Engine:          k.id,
		Status:          content.ReplyStatus(),
	})
	err = r.socket.Send(k.signer.Encode(&wire.Message{
		Identities:   r.Identities,
		Header:       wire.NewHeader(protocol.ReplyType(r.Header.MsgType), k.id, username),
		ParentHeader: r.RawHeader,
		Metadata:     metadata,
		Content:      body,
	}))
	if err != nil {
		k.log.Debug("reply not sent", "request", r.Header.MsgType, "error", err)
	}
}

const dateFormat = "2006-01-02T15:04:05.000000Z"

// parentID returns the msg_id in a raw parent header, "" if there is none.
func parentID(raw json.RawMessage) string {
	var h struct {
		MsgID string `json:"msg_id"`
	}
	if json.Unmarshal(raw, &h) != nil {
		return ""
	}
	return h.MsgID
}
