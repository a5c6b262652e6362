package kernel

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"braid/kernel/internal/protocol"
	"braid/kernel/internal/wire"
)

// signed returns frames with a good signature over any four parts.
func (f *front) signed(parts ...string) [][]byte {
	mac := hmac.New(sha256.New, []byte(testKey))
	for _, p := range parts {
		mac.Write([]byte(p))
	}
	frames := [][]byte{[]byte(f.id), []byte("<IDS|MSG>"), []byte(hex.EncodeToString(mac.Sum(nil)))}
	for _, p := range parts {
		frames = append(frames, []byte(p))
	}
	return frames
}

// What is no message is dropped: no answer, no bracket, and life goes on.
func TestMalformedMessages(t *testing.T) {
	f := start(t)
	f.request("kernel_info_request", content{})
	before := len(f.all())
	const header = `{"msg_id":"x","session":"s","username":"u","date":"2026-01-01T00:00:00Z","msg_type":"kernel_info_request","version":"5.3"}`
	deep := strings.Repeat("[", 100_000)
	bad := [][][]byte{
		nil, {nil}, {[]byte("x"), []byte("y")}, {[]byte("<IDS|MSG>")}, {[]byte("a"), []byte("<IDS|MSG>"), []byte("sig")},
		f.signed("{", "{}", "{}", "{}"), f.signed(header, "nope", "{}", "{}"), f.signed(header, "{}", "[", "{}"),
		f.signed(header, "{}", "{}", `{"code":`), f.signed("", "", "", ""), f.signed("[]", "{}", "{}", "{}"),
		f.signed("null", "null", "null", "null"), f.signed(`"x"`, "1", "2", "3"), f.signed("{}", "{}", "{}", "{}"),
		f.signed(`{"msg_id":1,"msg_type":2}`, "{}", "{}", "{}"), f.signed("{\"msg_id\":\"\xff\",\"msg_type\":\"execute_request\"}", "{}", "{}", "{}"),
		f.signed(header, "{}", "{}", deep), f.signed(header, "{}", "{}", "[]"),
	}
	forged := f.signed(header, "{}", "{}", "{}")
	forged[2] = []byte(strings.Repeat("0", 64))
	bad = append(bad, forged)
	for _, channel := range []string{"shell", "control", "stdin"} {
		for _, frames := range bad {
			f.raw(channel, frames)
		}
	}
	replayed := f.signer.Encode(f.message("execute_request", content{"code": "print once"}))
	f.raw("shell", replayed)
	f.raw("shell", replayed)
	f.raw("control", replayed)
	f.on("control", "kernel_info_request", content{}).result()
	f.execute("print a").wantOutline("busy execute_input stdout:a\n idle")
	once := 0
	for _, m := range f.all()[before:] {
		if m.content["text"] == "once\n" {
			once++
		}
		if m.parent == "x" {
			t.Errorf("a malformed message was answered: %v", m)
		}
	}
	if once != 1 {
		t.Errorf("a message sent three times was run %d times", once)
	}
}

// Well-formed messages with contents that make no sense are answered with a
// complete error, in a complete bracket.
func TestContentsThatDoNotFit(t *testing.T) {
	f := start(t)
	for _, c := range []struct{ msgType, content string }{
		{"execute_request", `{}`}, {"execute_request", `{"code":5}`}, {"execute_request", `{"code":"x","silent":"no"}`},
		{"execute_request", `{"code":"x","user_expressions":[1]}`},
		{"complete_request", `{}`}, {"complete_request", `{"code":null,"cursor_pos":"x"}`},
		{"inspect_request", `{}`}, {"inspect_request", `{"code":"x","cursor_pos":1e99}`},
		{"is_complete_request", `{}`}, {"history_request", `{"hist_access_type":7}`},
		{"comm_info_request", `{"target_name":[]}`}, {"shutdown_request", `{"restart":"yes"}`},
		{"delete_subshell_request", `{"subshell_id":3}`},
	} {
		for _, channel := range []string{"shell", "control"} {
			r := f.on(channel, c.msgType, []byte(c.content)).result()
			want := "busy idle"
			if c.msgType == protocol.TypeExecuteRequest {
				want = "busy error idle"
			}
			r.wantOutline(want)
			r.reply.want(t, content{"status": "error", "ename": "RequestError"})
			if s, _ := r.reply.content["evalue"].(string); !strings.HasPrefix(s, c.msgType) {
				t.Errorf("%s %s: evalue %q does not name the request", c.msgType, c.content, s)
			}
			if tb, _ := r.reply.content["traceback"].([]any); len(tb) == 0 {
				t.Errorf("%s %s: no traceback", c.msgType, c.content)
			}
		}
	}
}

func TestUnknownFieldsAreTolerated(t *testing.T) {
	f := start(t)
	f.execute("print a", content{"frobnicate": []any{1, nil}}).wantOutline("busy execute_input stdout:a\n idle")
	header := `{"msg_id":"m1","session":"s","username":"u","date":"2026-01-01T00:00:00Z","msg_type":"kernel_info_request","version":"5.3","x-extra":1}`
	f.raw("shell", f.signed(header, "{}", "{}", "{}"))
	r := sent{f, wire.Header{MsgID: "m1", MsgType: "kernel_info_request"}, "shell"}.result()
	for _, m := range append(r.iopub, r.reply) {
		if string(m.ParentHeader) != header {
			t.Errorf("parent_header is not the request's header: %s", m.ParentHeader)
		}
	}
}
