package protocol

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// ReplyType returns the type of the reply to a request of type request
// ("execute_request" gives "execute_reply"), and "" for messages that are not
// answered, such as comm_msg.
func ReplyType(request string) string {
	stem, ok := strings.CutSuffix(request, "_request")
	if !ok || stem == "" {
		return ""
	}
	return stem + "_reply"
}

// ExecuteRequest is the content of execute_request with its defaults filled in:
// store_history is !silent and never true together with silent, stop_on_error is
// true, allow_stdin is false, since a client that does not say it can answer an
// input_request would leave the cell waiting for ever.
type ExecuteRequest struct {
	Code            string
	Silent          bool
	StoreHistory    bool
	UserExpressions map[string]string
	AllowStdin      bool
	StopOnError     bool
}

// DecodeExecuteRequest reads the content of an execute_request. Only code is
// demanded.
func DecodeExecuteRequest(content []byte) (ExecuteRequest, error) {
	var c struct {
		Code            *string           `json:"code"`
		Silent          bool              `json:"silent"`
		StoreHistory    *bool             `json:"store_history"`
		UserExpressions map[string]string `json:"user_expressions"`
		AllowStdin      bool              `json:"allow_stdin"`
		StopOnError     *bool             `json:"stop_on_error"`
	}
	if err := decode(TypeExecuteRequest, content, &c); err != nil {
		return ExecuteRequest{}, err
	}
	if c.Code == nil {
		return ExecuteRequest{}, missing(TypeExecuteRequest, "code")
	}
	return ExecuteRequest{
		Code:            *c.Code,
		Silent:          c.Silent,
		StoreHistory:    !c.Silent && or(c.StoreHistory, true),
		UserExpressions: c.UserExpressions,
		AllowStdin:      c.AllowStdin,
		StopOnError:     or(c.StopOnError, true),
	}, nil
}

// CompleteRequest is the content of complete_request.
type CompleteRequest struct {
	Code   string
	Cursor int // in code points (protocol 5.2), within Code
}

// DecodeCompleteRequest reads the content of a complete_request. A missing
// cursor_pos is the end of the code; one outside of the code is moved into it.
func DecodeCompleteRequest(content []byte) (CompleteRequest, error) {
	code, cursor, _, err := decodeCursor(TypeCompleteRequest, content)
	return CompleteRequest{Code: code, Cursor: cursor}, err
}

// InspectRequest is the content of inspect_request.
type InspectRequest struct {
	Code        string
	Cursor      int // in code points, within Code
	DetailLevel int // 0, or 1 for more
}

// DecodeInspectRequest reads the content of an inspect_request; the cursor as in
// [DecodeCompleteRequest].
func DecodeInspectRequest(content []byte) (InspectRequest, error) {
	code, cursor, detail, err := decodeCursor(TypeInspectRequest, content)
	return InspectRequest{Code: code, Cursor: cursor, DetailLevel: min(max(detail, 0), 1)}, err
}

func decodeCursor(msgType string, content []byte) (code string, cursor, detail int, err error) {
	var c struct {
		Code        *string `json:"code"`
		Cursor      *int    `json:"cursor_pos"`
		DetailLevel int     `json:"detail_level"`
	}
	if err := decode(msgType, content, &c); err != nil {
		return "", 0, 0, err
	}
	if c.Code == nil {
		return "", 0, 0, missing(msgType, "code")
	}
	end := utf8.RuneCountInString(*c.Code)
	return *c.Code, min(max(or(c.Cursor, end), 0), end), c.DetailLevel, nil
}

// IsCompleteRequest is the content of is_complete_request.
type IsCompleteRequest struct{ Code string }

// DecodeIsCompleteRequest reads the content of an is_complete_request.
func DecodeIsCompleteRequest(content []byte) (IsCompleteRequest, error) {
	var c struct {
		Code *string `json:"code"`
	}
	if err := decode(TypeIsCompleteRequest, content, &c); err != nil {
		return IsCompleteRequest{}, err
	}
	if c.Code == nil {
		return IsCompleteRequest{}, missing(TypeIsCompleteRequest, "code")
	}
	return IsCompleteRequest{Code: *c.Code}, nil
}

// Values of HistoryRequest.Access.
const (
	HistoryTail   = "tail"
	HistoryRange  = "range"
	HistorySearch = "search"
)

// HistoryRequest is the content of history_request.
type HistoryRequest struct {
	Output  bool   // entries hold [input, output] instead of input
	Access  string // tail, range or search
	Session int    // range: 0 is this session, -1 the one before
	Start   int    // range: first line
	Stop    int    // range: line after the last one; 0 for no end
	N       int    // tail and search: at most so many entries; 0 for all
	Pattern string // search: a glob over the whole input
	Unique  bool   // search: each input once, where it was last used
}

// DecodeHistoryRequest reads the content of a history_request. The access type
// defaults to tail, the pattern to "*".
func DecodeHistoryRequest(content []byte) (HistoryRequest, error) {
	var c struct {
		Output  bool    `json:"output"`
		Access  string  `json:"hist_access_type"`
		Session int     `json:"session"`
		Start   int     `json:"start"`
		Stop    *int    `json:"stop"`
		N       *int    `json:"n"`
		Pattern *string `json:"pattern"`
		Unique  bool    `json:"unique"`
	}
	if err := decode(TypeHistoryRequest, content, &c); err != nil {
		return HistoryRequest{}, err
	}
	switch c.Access {
	case "":
		c.Access = HistoryTail
	case HistoryTail, HistoryRange, HistorySearch:
	default:
		return HistoryRequest{}, fmt.Errorf("history_request: hist_access_type is %q; it must be tail, range or search", c.Access)
	}
	return HistoryRequest{
		Output: c.Output, Access: c.Access, Session: c.Session,
		Start: c.Start, Stop: or(c.Stop, 0),
		N: max(or(c.N, 0), 0), Pattern: or(c.Pattern, "*"), Unique: c.Unique,
	}, nil
}

// CommInfoRequest is the content of comm_info_request; Target "" asks for all.
type CommInfoRequest struct {
	Target string `json:"target_name"`
}

// DecodeCommInfoRequest reads the content of a comm_info_request.
func DecodeCommInfoRequest(content []byte) (c CommInfoRequest, err error) {
	return c, decode(TypeCommInfoRequest, content, &c)
}

// ShutdownRequest is the content of shutdown_request.
type ShutdownRequest struct {
	Restart bool `json:"restart"`
}

// DecodeShutdownRequest reads the content of a shutdown_request.
func DecodeShutdownRequest(content []byte) (c ShutdownRequest, err error) {
	return c, decode(TypeShutdownRequest, content, &c)
}

// DeleteSubshellRequest is the content of delete_subshell_request (JEP 91).
type DeleteSubshellRequest struct{ SubshellID string }

// DecodeDeleteSubshellRequest reads the content of a delete_subshell_request.
func DecodeDeleteSubshellRequest(content []byte) (DeleteSubshellRequest, error) {
	var c struct {
		SubshellID *string `json:"subshell_id"`
	}
	if err := decode(TypeDeleteSubshellRequest, content, &c); err != nil {
		return DeleteSubshellRequest{}, err
	}
	if c.SubshellID == nil {
		return DeleteSubshellRequest{}, missing(TypeDeleteSubshellRequest, "subshell_id")
	}
	return DeleteSubshellRequest{SubshellID: *c.SubshellID}, nil
}

// DebugRequest is the envelope of a debug_request: the part of a Debug Adapter
// Protocol request that its response repeats.
type DebugRequest struct {
	Seq     int    `json:"seq"`
	Command string `json:"command"`
}

// DecodeDebugRequest reads the content of a debug_request.
func DecodeDebugRequest(content []byte) (c DebugRequest, err error) {
	return c, decode(TypeDebugRequest, content, &c)
}

// InputReply is the content of input_reply, what the user typed, without its
// newline. Failed is set when the front end says that it could not ask.
type InputReply struct {
	Value  string
	Failed bool
}

// DecodeInputReply reads the content of an input_reply.
func DecodeInputReply(content []byte) (InputReply, error) {
	var c struct {
		Value  *string `json:"value"`
		Status string  `json:"status"`
	}
	if err := decode(TypeInputReply, content, &c); err != nil {
		return InputReply{}, err
	}
	if failed := c.Status != "" && c.Status != string(StatusOK); failed {
		return InputReply{Failed: true}, nil
	}
	if c.Value == nil {
		return InputReply{}, missing(TypeInputReply, "value")
	}
	return InputReply{Value: *c.Value}, nil
}

// CommMessage is the content of comm_open, comm_msg and comm_close, which differ
// by the message's type only.
type CommMessage struct {
	ID     string
	Target string // comm_open only
	Data   map[string]any
}

// DecodeCommMessage reads the content of a message of type msgType, one of
// comm_open, comm_msg and comm_close.
func DecodeCommMessage(msgType string, content []byte) (CommMessage, error) {
	var c struct {
		ID     string         `json:"comm_id"`
		Target string         `json:"target_name"`
		Data   map[string]any `json:"data"`
	}
	if err := decode(msgType, content, &c); err != nil {
		return CommMessage{}, err
	}
	if c.ID == "" {
		return CommMessage{}, missing(msgType, "comm_id")
	}
	return CommMessage{ID: c.ID, Target: c.Target, Data: c.Data}, nil
}

// decode reads a JSON object into c. An empty object, null and no bytes at all
// are an object without fields.
func decode(msgType string, content []byte, c any) error {
	if len(content) == 0 {
		return nil
	}
	if err := json.Unmarshal(content, c); err != nil {
		return fmt.Errorf("%s: the content does not fit: %w", msgType, err)
	}
	return nil
}

func missing(msgType, field string) error {
	return fmt.Errorf("%s: the content lacks the field %q", msgType, field)
}

func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
