package protocol

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"braid/kernel/internal/wire"
)

func TestVersion(t *testing.T) {
	if Version != wire.ProtocolVersion {
		t.Errorf("kernel_info says %s, message headers say %s", Version, wire.ProtocolVersion)
	}
}

func TestReplyType(t *testing.T) {
	for request, want := range map[string]string{
		"execute_request": "execute_reply", "is_complete_request": "is_complete_reply",
		"comm_msg": "", "_request": "", "": "", "request": "", "execute_reply": "",
	} {
		if got := ReplyType(request); got != want {
			t.Errorf("ReplyType(%q) = %q, want %q", request, got, want)
		}
	}
}

func TestDecodeExecuteRequest(t *testing.T) {
	for _, c := range []struct {
		content string
		want    ExecuteRequest
	}{
		{`{"code":"x"}`, ExecuteRequest{Code: "x", StoreHistory: true, StopOnError: true}},
		{`{"code":"","silent":true,"store_history":true}`, ExecuteRequest{Silent: true, StopOnError: true}},
		{`{"code":"x","store_history":false,"stop_on_error":false,"allow_stdin":true}`, ExecuteRequest{Code: "x", AllowStdin: true}},
		{`{"code":"x","silent":null,"store_history":null,"user_expressions":null,"stop_on_error":null}`,
			ExecuteRequest{Code: "x", StoreHistory: true, StopOnError: true}},
		{`{"code":"x","user_expressions":{"a":"1"},"more":[]}`,
			ExecuteRequest{Code: "x", StoreHistory: true, StopOnError: true, UserExpressions: map[string]string{"a": "1"}}},
	} {
		got, err := DecodeExecuteRequest([]byte(c.content))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v; want %+v", c.content, got, err, c.want)
		}
	}
}

func TestCursorStaysInTheCode(t *testing.T) {
	for content, want := range map[string]int{
		`{"code":"\ud83d\ude00a"}`:                  2,
		`{"code":"\ud83d\ude00a","cursor_pos":1}`:   1,
		`{"code":"\ud83d\ude00a","cursor_pos":99}`:  2,
		`{"code":"\ud83d\ude00a","cursor_pos":-99}`: 0,
		`{"code":""}`: 0,
	} {
		got, err := DecodeCompleteRequest([]byte(content))
		if err != nil || got.Cursor != want {
			t.Errorf("%s: cursor %d, %v; want %d", content, got.Cursor, err, want)
		}
		inspect, err := DecodeInspectRequest([]byte(content))
		if err != nil || inspect.Cursor != want {
			t.Errorf("inspect %s: cursor %d, %v; want %d", content, inspect.Cursor, err, want)
		}
	}
	if r, err := DecodeInspectRequest([]byte(`{"code":"x","detail_level":7}`)); err != nil || r.DetailLevel != 1 {
		t.Errorf("detail_level %d, %v", r.DetailLevel, err)
	}
}

func TestDecodeHistoryRequest(t *testing.T) {
	for content, want := range map[string]HistoryRequest{
		``:         {Access: "tail", Pattern: "*"},
		`{"n":-3}`: {Access: "tail", Pattern: "*"},
		`{"hist_access_type":"search","pattern":"a*","n":4,"unique":true,"output":true}`: {Access: "search", Pattern: "a*", N: 4, Unique: true, Output: true},
		`{"hist_access_type":"range","session":-1,"start":2,"stop":null,"raw":true}`:     {Access: "range", Session: -1, Start: 2, Pattern: "*"},
	} {
		got, err := DecodeHistoryRequest([]byte(content))
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", content, got, err, want)
		}
	}
}

func TestDecodeInputReply(t *testing.T) {
	for content, want := range map[string]InputReply{
		`{"value":"x"}`:                  {Value: "x"},
		`{"value":"x","status":"ok"}`:    {Value: "x"},
		`{"value":"x","status":"error"}`: {Failed: true},
		`{"status":"abort"}`:             {Failed: true},
	} {
		got, err := DecodeInputReply([]byte(content))
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", content, got, err, want)
		}
	}
	if _, err := DecodeInputReply([]byte(`{}`)); err == nil {
		t.Error("a reply without a value was accepted")
	}
}

// decoders are all decoders, by what they decode.
var decoders = map[string]func([]byte) error{
	TypeExecuteRequest:        func(b []byte) error { _, err := DecodeExecuteRequest(b); return err },
	TypeCompleteRequest:       func(b []byte) error { _, err := DecodeCompleteRequest(b); return err },
	TypeInspectRequest:        func(b []byte) error { _, err := DecodeInspectRequest(b); return err },
	TypeIsCompleteRequest:     func(b []byte) error { _, err := DecodeIsCompleteRequest(b); return err },
	TypeHistoryRequest:        func(b []byte) error { _, err := DecodeHistoryRequest(b); return err },
	TypeCommInfoRequest:       func(b []byte) error { _, err := DecodeCommInfoRequest(b); return err },
	TypeShutdownRequest:       func(b []byte) error { _, err := DecodeShutdownRequest(b); return err },
	TypeDeleteSubshellRequest: func(b []byte) error { _, err := DecodeDeleteSubshellRequest(b); return err },
	TypeDebugRequest:          func(b []byte) error { _, err := DecodeDebugRequest(b); return err },
	TypeInputReply:            func(b []byte) error { _, err := DecodeInputReply(b); return err },
	TypeCommOpen:              func(b []byte) error { _, err := DecodeCommMessage(TypeCommOpen, b); return err },
	TypeCommMsg:               func(b []byte) error { _, err := DecodeCommMessage(TypeCommMsg, b); return err },
}

// An error says which message is wrong, and what is.
func TestDecodeErrors(t *testing.T) {
	for msgType, decode := range decoders {
		for _, content := range []string{`[]`, `"x"`, `{`, `{"code":5,"target_name":5,"restart":5,"subshell_id":5,"seq":"x","value":5,"comm_id":5,"n":"x"}`} {
			err := decode([]byte(content))
			if err == nil || !strings.HasPrefix(err.Error(), msgType+": ") {
				t.Errorf("%s with content %s: error %v", msgType, content, err)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"code":"x","cursor_pos":1,"user_expressions":{"a":"b"}}`))
	f.Add([]byte(`{"comm_id":"c","data":{"a":[1,null]},"hist_access_type":"tail"}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, decode := range decoders {
			decode(content)
		}
		if r, err := DecodeCompleteRequest(content); err == nil && (r.Cursor < 0 || r.Cursor > utf8.RuneCountInString(r.Code)) {
			t.Errorf("cursor %d outside of %q", r.Cursor, r.Code)
		}
		if r, err := DecodeExecuteRequest(content); err == nil && r.Silent && r.StoreHistory {
			t.Error("silent and stored")
		}
	})
}

// The contents as they go out. What front ends insist on is there, even where the
// caller gave nothing.
func TestContents(t *testing.T) {
	e := NewError("E", "v", nil)
	for _, c := range []struct {
		content any
		want    string
	}{
		{e, `{"ename":"E","evalue":"v","traceback":["E: v"]}`},
		{Error{}, `{"ename":"","evalue":"","traceback":[]}`},
		{NewErrorReply(e), `{"status":"error","ename":"E","evalue":"v","traceback":["E: v"]}`},
		{NewExecuteReply(3, nil, nil), `{"status":"ok","execution_count":3,"user_expressions":{},"payload":[]}`},
		{NewExecuteErrorReply(3, e, nil), `{"status":"error","execution_count":3,"user_expressions":{},"payload":[],"ename":"E","evalue":"v","traceback":["E: v"]}`},
		{NewExecuteAbortedReply(0).Status, `"aborted"`},
		{NewExpressionValue(nil, nil), `{"status":"ok","data":{},"metadata":{}}`},
		{NewCompleteReply(1, 2, nil), `{"status":"ok","matches":[],"cursor_start":1,"cursor_end":2,"metadata":{}}`},
		{NewInspectReply(nil, nil), `{"status":"ok","found":false,"data":{},"metadata":{}}`},
		{NewIsCompleteReply("incomplete", ""), `{"status":"incomplete","indent":""}`},
		{NewIsCompleteReply("complete", "  "), `{"status":"complete"}`},
		{NewIsCompleteReply("", "  "), `{"status":"unknown"}`},
		{NewHistoryReply(nil, true), `{"status":"ok","history":[]}`},
		{NewHistoryReply([]HistoryEntry{{1, 2, "in", "out"}}, false), `{"status":"ok","history":[[1,2,"in"]]}`},
		{NewHistoryReply([]HistoryEntry{{1, 2, "in", "out"}, {1, 3, "in", ""}}, true), `{"status":"ok","history":[[1,2,["in","out"]],[1,3,["in",null]]]}`},
		{NewCommInfoReply(nil), `{"status":"ok","comms":{}}`},
		{NewCommInfoReply(map[string]string{"c": "t"}), `{"status":"ok","comms":{"c":{"target_name":"t"}}}`},
		{NewConnectReply(Ports{1, 2, 3, 4, 5}), `{"status":"ok","shell_port":1,"iopub_port":2,"stdin_port":3,"control_port":4,"hb_port":5}`},
		{NewShutdownReply(true), `{"status":"ok","restart":true}`},
		{NewOKReply(), `{"status":"ok"}`},
		{NewCreateSubshellReply("s"), `{"status":"ok","subshell_id":"s"}`},
		{NewListSubshellReply(nil), `{"status":"ok","subshell_id":[]}`},
		{NewDebugRefusal(DebugRequest{7, "attach"}, "no"), `{"type":"response","seq":0,"request_seq":7,"command":"attach","success":false,"message":"no"}`},
		{NewDisplayData(nil, nil, ""), `{"data":{},"metadata":{},"transient":{}}`},
		{NewDisplayData(map[string]any{"text/html": "<b>&"}, nil, "d"), `{"data":{"text/html":"<b>&"},"metadata":{},"transient":{"display_id":"d"}}`},
		{ExecuteResult{}, `{"execution_count":0,"data":{},"metadata":{}}`},
		{CommOpen{}, `{"comm_id":"","target_name":"","data":{}}`},
		{CommData{ID: "c"}, `{"comm_id":"c","data":{}}`},
		{IOPubWelcome{}, `{"subscription":""}`},
	} {
		got, err := Marshal(c.content)
		if err != nil || string(got) != c.want {
			t.Errorf("%T: %s, %v\n want %s", c.content, got, err, c.want)
		}
	}
	info, err := Marshal(NewKernelInfoReply(KernelInfo{}))
	if err != nil || !bytes.HasPrefix(info, []byte(`{"status":"ok","protocol_version":""`)) || bytes.Contains(info, []byte("null")) {
		t.Errorf("kernel_info_reply: %s, %v", info, err)
	}
}

// Nothing that could be left nil is ever null.
func TestNoNulls(t *testing.T) {
	for _, c := range []any{
		Error{}, ErrorReply{}, ExecuteResult{}, DisplayData{}, CommOpen{}, CommData{}, InspectReply{}, CompleteReply{},
		ExpressionValue{}, CommInfoReply{}, ListSubshellReply{}, UsageReply{},
	} {
		got, err := Marshal(c)
		if err != nil || bytes.Contains(got, []byte("null")) {
			t.Errorf("%T: %s, %v", c, got, err)
		}
	}
}

func TestMarshal(t *testing.T) {
	got, err := Marshal(map[string]string{"a": "<b>\u2028\xff"})
	if err != nil || !utf8.Valid(got) || !json.Valid(got) || !bytes.Contains(got, []byte("<b>")) {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := Marshal(Object{"x": Object{"y": math.Inf(1)}}); err == nil || err.Error() != "json: unsupported value: +Inf" {
		t.Errorf("an infinity: %v", err)
	}
}
