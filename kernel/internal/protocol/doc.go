// Package protocol is the vocabulary of the Jupyter messaging protocol, version
// 5.5: every message a kernel receives or sends as a typed Go value, by the names
// of the specification (jupyter_client, docs/messaging.rst).
//
// It stands between wire, which knows frames but not meanings, and kernel, which
// knows meanings but should not see JSON. Requests are decoded in one place,
// where all defaults live; replies and publications come from constructors that
// fill every field front ends insist on. Types whose JSON form may not be null
// ([Object], [Lines]) encode their nil value as empty, so that not even a
// composite literal can produce a traceback or a metadata of null.
//
// The package holds no state, starts no goroutine and does no I/O.
package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
)

// Version is the protocol version that kernel_info_reply and message headers
// claim. It would be 5.6 with the registration handshake of JEP 66.
const Version = "5.5"

// Message types. Replies are named by their requests: see [ReplyType].
const (
	TypeExecuteRequest    = "execute_request"
	TypeCompleteRequest   = "complete_request"
	TypeInspectRequest    = "inspect_request"
	TypeIsCompleteRequest = "is_complete_request"
	TypeHistoryRequest    = "history_request"
	TypeCommInfoRequest   = "comm_info_request"
	TypeKernelInfoRequest = "kernel_info_request"
	TypeConnectRequest    = "connect_request"
	TypeShutdownRequest   = "shutdown_request"
	TypeInterruptRequest  = "interrupt_request"
	TypeDebugRequest      = "debug_request"
	TypeUsageRequest      = "usage_request"

	TypeCreateSubshellRequest = "create_subshell_request"
	TypeDeleteSubshellRequest = "delete_subshell_request"
	TypeListSubshellRequest   = "list_subshell_request"

	TypeInputRequest = "input_request"
	TypeInputReply   = "input_reply"

	TypeCommOpen  = "comm_open"
	TypeCommMsg   = "comm_msg"
	TypeCommClose = "comm_close"

	TypeStatus            = "status"
	TypeStream            = "stream"
	TypeExecuteInput      = "execute_input"
	TypeExecuteResult     = "execute_result"
	TypeDisplayData       = "display_data"
	TypeUpdateDisplayData = "update_display_data"
	TypeClearOutput       = "clear_output"
	TypeError             = "error"
	TypeShutdownReply     = "shutdown_reply"
	TypeIOPubWelcome      = "iopub_welcome"
)

// Object is a JSON object. Its nil value is {}, never null.
type Object map[string]any

// MarshalJSON implements [json.Marshaler].
func (o Object) MarshalJSON() ([]byte, error) {
	if len(o) == 0 {
		return []byte("{}"), nil
	}
	return Marshal(map[string]any(o))
}

// Lines is a list of strings. Its nil value is [], never null.
type Lines []string

// MarshalJSON implements [json.Marshaler].
func (l Lines) MarshalJSON() ([]byte, error) {
	if len(l) == 0 {
		return []byte("[]"), nil
	}
	return Marshal([]string(l))
}

// Marshal is json.Marshal without the escapes for HTML: a notebook's text is not
// embedded in a page by us, and "\u003c" would treble the size of HTML output.
// Invalid UTF-8 becomes U+FFFD; NaN and infinities are an error.
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		for wrapped := (*json.MarshalerError)(nil); errors.As(err, &wrapped); {
			err = wrapped.Err // Object and Lines have no news to add
		}
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
