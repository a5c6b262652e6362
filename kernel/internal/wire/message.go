package wire

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// ProtocolVersion is the version of the messaging specification that headers claim.
const ProtocolVersion = "5.5"

// Header is the header of a message (messaging.rst, "Message header").
type Header struct {
	MsgID      string  `json:"msg_id"`
	Session    string  `json:"session"`
	Username   string  `json:"username"`
	Date       string  `json:"date"` // ISO 8601 with zone
	MsgType    string  `json:"msg_type"`
	Version    string  `json:"version"`
	SubshellID *string `json:"subshell_id,omitempty"` // JEP 91; nil is the parent shell
}

// NewHeader returns the header of a new message: a msg_id of its own, and the
// time now in UTC with microseconds and zone. session is the kernel process's
// one session id: clients cancel what comes under another.
func NewHeader(msgType, session, username string) Header {
	return Header{
		MsgID:    uuid.NewString(),
		Session:  session,
		Username: username,
		Date:     time.Now().UTC().Format("2006-01-02T15:04:05.000000Z"),
		MsgType:  msgType,
		Version:  ProtocolVersion,
	}
}

// Message is one Jupyter message. The raw parts of a decoded message are valid
// UTF-8 and hold one JSON object each; they share memory with the frames that
// were decoded.
type Message struct {
	// Identities are the frames before the delimiter: the route back to the
	// client on a ROUTER socket, or the one topic frame on iopub.
	Identities [][]byte
	Header     Header
	// RawHeader is the header as it was received. It is the parent_header of
	// every message that this one causes. Encode does not look at it.
	RawHeader    json.RawMessage
	ParentHeader json.RawMessage
	Metadata     json.RawMessage
	Content      json.RawMessage
	Buffers      [][]byte // not signed; comm messages only
}
