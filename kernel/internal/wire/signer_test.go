package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

const testKey = "a0436f6c-1916-498b-8eb9-e81ab9368e84"

func newTestSigner(t testing.TB, scheme, key string) *Signer {
	t.Helper()
	s, err := NewSigner(scheme, key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// request returns the frames of a signed message whose four JSON parts are given.
func request(s *Signer, parts ...string) [][]byte {
	var raw [][]byte
	for _, p := range parts {
		raw = append(raw, []byte(p))
	}
	frames := [][]byte{[]byte("client"), []byte(delimiter), s.sign(raw)}
	return append(frames, raw...)
}

const goodHeader = `{"msg_id":"1","session":"s","username":"u","date":"2026-01-02T03:04:05Z","msg_type":"execute_request","version":"5.4","x":[1]}`

func TestDecodeKeepsHeaderBytes(t *testing.T) {
	s := newTestSigner(t, "hmac-sha256", testKey)
	odd := ` { "msg_id" : "1",  "msg_type":"execute_request" , "unknown": {"a":[1.0e1]}, "subshell_id":"sub" } `
	frames := append(request(s, odd, `{}`, `{"m":1}`, `{"code":"1"}`), []byte{0xff, 0}, []byte{})
	m, err := s.Decode(frames)
	if err != nil {
		t.Fatal(err)
	}
	if string(m.RawHeader) != odd {
		t.Errorf("RawHeader = %q, want it byte for byte", m.RawHeader)
	}
	if m.Header.MsgID != "1" || m.Header.SubshellID == nil || *m.Header.SubshellID != "sub" {
		t.Errorf("Header = %+v", m.Header)
	}
	if len(m.Buffers) != 2 || !bytes.Equal(m.Buffers[0], []byte{0xff, 0}) {
		t.Errorf("Buffers = %q", m.Buffers)
	}
	if len(m.Identities) != 1 || string(m.Identities[0]) != "client" {
		t.Errorf("Identities = %q", m.Identities)
	}
	if string(m.Content) != `{"code":"1"}` || string(m.Metadata) != `{"m":1}` {
		t.Errorf("Content = %s, Metadata = %s", m.Content, m.Metadata)
	}
}

// The signature of messaging.rst's layout, computed by Python's hmac module over
// the same four frames: hmac.new(b"key", b'{"msg_id":"1","msg_type":"t"}{}{}{}', "sha256").
func TestSignatureOfAnotherImplementation(t *testing.T) {
	for _, c := range []struct{ scheme, signature string }{
		{"hmac-sha256", "5a6c96f5a0f3230fbe86bfe303866f2d24973553340f47c2e875f41a4466863b"},
		{"hmac-sha512", "1c972882cad2e5245da529c62d546dc974e321a58d16fc8be618f858bb71a0ad32413a960bd67dd6a29b1760cba92fc2528fc30d0bad21ccc46eb84d1adfa88a"},
		{"hmac-sha3_256", "32c9c991a9f748023173d51ea6127aafc9f14b139a9cdbea765f724e96cce8e7"},
		{"hmac-md5", "ce79214685d05d67825de44f7bda4bac"},
	} {
		s := newTestSigner(t, c.scheme, "key")
		frames := [][]byte{[]byte(delimiter), []byte(c.signature), []byte(`{"msg_id":"1","msg_type":"t"}`), []byte("{}"), []byte("{}"), []byte("{}")}
		if _, err := s.Decode(frames); err != nil {
			t.Errorf("%s: %v", c.scheme, err)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	other := newTestSigner(t, "hmac-sha256", "another key")
	deep := strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1)
	for _, c := range []struct {
		name   string
		frames func(s *Signer) [][]byte
		want   error
	}{
		{"nothing", func(s *Signer) [][]byte { return nil }, ErrNoDelimiter},
		{"one empty frame", func(s *Signer) [][]byte { return [][]byte{{}} }, ErrNoDelimiter},
		{"delimiter only", func(s *Signer) [][]byte { return [][]byte{[]byte(delimiter)} }, ErrShort},
		{"four frames", func(s *Signer) [][]byte { f := request(s, goodHeader, "{}", "{}", "{}"); return f[:len(f)-1] }, ErrShort},
		{"delimiter after too many identities", func(s *Signer) [][]byte {
			return append(make([][]byte, MaxIdentities+1), request(s, goodHeader, "{}", "{}", "{}")...)
		}, ErrNoDelimiter},
		{"too many frames", func(s *Signer) [][]byte { return make([][]byte, MaxFrames+1) }, ErrLimit},
		{"wrong key", func(s *Signer) [][]byte { return request(other, goodHeader, "{}", "{}", "{}") }, ErrSignature},
		{"unsigned", func(s *Signer) [][]byte { f := request(s, goodHeader, "{}", "{}", "{}"); f[2] = nil; return f }, ErrSignature},
		{"short signature", func(s *Signer) [][]byte { f := request(s, goodHeader, "{}", "{}", "{}"); f[2] = f[2][:63]; return f }, ErrSignature},
		{"long signature", func(s *Signer) [][]byte {
			f := request(s, goodHeader, "{}", "{}", "{}")
			f[2] = append(f[2], '0')
			return f
		}, ErrSignature},
		{"upper-case signature", func(s *Signer) [][]byte {
			f := request(s, goodHeader, "{}", "{}", "{}")
			f[2] = append(bytes.ToUpper(f[2][:63]), 'F')
			return f
		}, ErrSignature},
		{"signature of another type", func(s *Signer) [][]byte {
			f := request(s, goodHeader, "{}", "{}", "{}")
			f[6] = []byte(`{"code":"evil"}`)
			return f
		}, ErrSignature},
		{"header not UTF-8", func(s *Signer) [][]byte {
			return request(s, `{"msg_id":"`+"\xff"+`","msg_type":"t"}`, "{}", "{}", "{}")
		}, ErrUTF8},
		{"parent not UTF-8", func(s *Signer) [][]byte { return request(s, goodHeader, "{\"a\":\"\xc0\x80\"}", "{}", "{}") }, ErrUTF8},
		{"metadata not UTF-8", func(s *Signer) [][]byte { return request(s, goodHeader, "{}", "\xfe", "{}") }, ErrUTF8},
		{"content not UTF-8 (surrogate)", func(s *Signer) [][]byte { return request(s, goodHeader, "{}", "{}", "{\"a\":\"\xed\xa0\x80\"}") }, ErrUTF8},
		{"header no JSON", func(s *Signer) [][]byte { return request(s, `{"msg_id"`, "{}", "{}", "{}") }, ErrJSON},
		{"header an array", func(s *Signer) [][]byte { return request(s, `[]`, "{}", "{}", "{}") }, ErrJSON},
		{"parent null", func(s *Signer) [][]byte { return request(s, goodHeader, "null", "{}", "{}") }, ErrJSON},
		{"metadata empty", func(s *Signer) [][]byte { return request(s, goodHeader, "{}", "", "{}") }, ErrJSON},
		{"content blank", func(s *Signer) [][]byte { return request(s, goodHeader, "{}", "{}", " \n") }, ErrJSON},
		{"content NaN", func(s *Signer) [][]byte { return request(s, goodHeader, "{}", "{}", `{"a":NaN}`) }, ErrJSON},
		{"content two objects", func(s *Signer) [][]byte { return request(s, goodHeader, "{}", "{}", `{}{}`) }, ErrJSON},
		{"header without msg_id", func(s *Signer) [][]byte { return request(s, `{"msg_type":"t"}`, "{}", "{}", "{}") }, ErrHeader},
		{"header without msg_type", func(s *Signer) [][]byte { return request(s, `{"msg_id":"1"}`, "{}", "{}", "{}") }, ErrHeader},
		{"msg_type a number", func(s *Signer) [][]byte { return request(s, `{"msg_id":"1","msg_type":1}`, "{}", "{}", "{}") }, ErrHeader},
		{"deep content", func(s *Signer) [][]byte { return request(s, goodHeader, "{}", "{}", `{"a":`+deep+`}`) }, ErrLimit},
		{"deep and broken", func(s *Signer) [][]byte { return request(s, goodHeader, "{}", "{}", strings.Repeat("{", 1<<20)) }, ErrLimit},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newTestSigner(t, "hmac-sha256", testKey)
			m, err := s.Decode(c.frames(s))
			if m != nil || !errors.Is(err, c.want) {
				t.Fatalf("Decode = %v, %v; want %v", m, err, c.want)
			}
			if n := s.Refused().Total(); n != 1 {
				t.Errorf("refused %d messages, want 1: %+v", n, s.Refused())
			}
		})
	}
}

func TestRefusedCountsByReason(t *testing.T) {
	s := newTestSigner(t, "", testKey)
	good := request(s, goodHeader, "{}", "{}", "{}")
	if _, err := s.Decode(good); err != nil {
		t.Fatal(err)
	}
	s.Decode(good)
	s.Decode(good)
	s.Decode(good[2:])
	if got, want := s.Refused(), (Counts{Replay: 2, NoDelimiter: 1}); got != want {
		t.Errorf("Refused = %+v, want %+v", got, want)
	}
}

func TestNestingWithinTheLimit(t *testing.T) {
	s := newTestSigner(t, "", testKey)
	brackets := `{"quoted":"` + strings.Repeat(`[\"`, 3*MaxDepth) + `","wide":[` + strings.Repeat("[],", 3*MaxDepth) + `[]],"deep":` +
		strings.Repeat("[", MaxDepth-1) + strings.Repeat("]", MaxDepth-1) + `}`
	if _, err := s.Decode(request(s, goodHeader, "{}", "{}", brackets)); err != nil {
		t.Error(err)
	}
}

// A signature is forgotten only after replayWindow newer ones; forged messages do
// not push it out.
func TestReplayWindow(t *testing.T) {
	s := newTestSigner(t, "hmac-sha256", testKey)
	numbered := func(n int) [][]byte {
		return request(s, fmt.Sprintf(`{"msg_id":"%d","msg_type":"t"}`, n), "{}", "{}", "{}")
	}
	check := func(n int, want error) {
		t.Helper()
		if _, err := s.Decode(numbered(n)); !errors.Is(err, want) {
			t.Errorf("message %d: %v, want %v", n, err, want)
		}
	}
	check(0, nil)
	check(1, nil)
	for n := range replayWindow - 2 { // stands for as many messages
		if !s.seen.add(digest{byte(n), byte(n >> 8), 1}) {
			t.Fatalf("digest %d was seen before", n)
		}
	}
	forged := numbered(2)
	forged[2] = bytes.Repeat([]byte("0"), 64)
	for range 10 {
		s.Decode(forged)
	}
	check(0, ErrReplay) // the oldest in the window
	check(2, nil)       // takes its place
	check(0, nil)       // takes that of 1
	check(1, nil)
	check(2, ErrReplay)
	if len(s.seen.set) != replayWindow || len(s.seen.ring) != replayWindow {
		t.Errorf("%d digests remembered, in a ring of %d; want %d", len(s.seen.set), len(s.seen.ring), replayWindow)
	}
}

func TestEmptyKey(t *testing.T) {
	s := newTestSigner(t, "hmac-sha256", "")
	frames := request(s, goodHeader, "{}", "{}", "{}")
	if len(frames[2]) != 0 {
		t.Errorf("signature %q, want an empty frame", frames[2])
	}
	for range 2 { // no signature, no replay
		if _, err := s.Decode(frames); err != nil {
			t.Error(err)
		}
	}
	frames[2] = []byte("anything")
	if _, err := s.Decode(frames); err != nil {
		t.Error(err)
	}
}

func TestUnknownScheme(t *testing.T) {
	for _, scheme := range []string{"hmac-sha257", "sha256", "hmac-", "none"} {
		if _, err := NewSigner(scheme, "k"); err == nil || !strings.Contains(err.Error(), scheme) {
			t.Errorf("NewSigner(%q) error = %v, want one that names it", scheme, err)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	for name := range hashes {
		s := newTestSigner(t, "hmac-"+name, testKey)
		sent := &Message{
			Identities:   [][]byte{[]byte("topic")},
			Header:       NewHeader("stream", "session", "Ümläut"),
			ParentHeader: json.RawMessage(goodHeader),
			Content:      json.RawMessage(`{"name":"stdout","text":"é"}`),
			Buffers:      [][]byte{{1, 2}, {}},
		}
		got, err := s.Decode(s.Encode(sent))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.Header != sent.Header {
			t.Errorf("%s: Header = %+v, want %+v", name, got.Header, sent.Header)
		}
		if string(got.ParentHeader) != goodHeader || string(got.Metadata) != "{}" || string(got.Content) != string(sent.Content) {
			t.Errorf("%s: parts changed: %+v", name, got)
		}
		if len(got.Buffers) != 2 || string(got.Identities[0]) != "topic" {
			t.Errorf("%s: frames changed: %+v", name, got)
		}
	}
}

func TestEncodeRepairsUTF8(t *testing.T) {
	s := newTestSigner(t, "", testKey)
	m := &Message{Header: NewHeader("stream", "s", "u\xff"), Content: json.RawMessage("{\"text\":\"a\xffb\"}")}
	got, err := s.Decode(s.Encode(m))
	if err != nil {
		t.Fatal(err)
	}
	if want := "{\"text\":\"a\uFFFDb\"}"; string(got.Content) != want {
		t.Errorf("Content = %q, want %q", got.Content, want)
	}
}

func TestNewHeader(t *testing.T) {
	a, b := NewHeader("status", "s", "u"), NewHeader("status", "s", "u")
	if a.MsgID == b.MsgID || a.MsgID == "" {
		t.Errorf("msg_ids %q and %q", a.MsgID, b.MsgID)
	}
	when, err := time.Parse(time.RFC3339Nano, a.Date)
	if err != nil || !strings.HasSuffix(a.Date, "Z") || !strings.Contains(a.Date, ".") {
		t.Errorf("Date = %q (%v), want UTC with fraction and zone", a.Date, err)
	}
	if age := time.Since(when); age < -time.Minute || age > time.Minute {
		t.Errorf("Date = %q is not now", a.Date)
	}
	raw, _ := json.Marshal(a)
	if strings.Contains(string(raw), "subshell_id") {
		t.Errorf("header %s names a subshell", raw)
	}
}

func FuzzDecode(f *testing.F) {
	seedSigner := newTestSigner(f, "hmac-sha256", testKey)
	for _, frames := range [][][]byte{
		request(seedSigner, goodHeader, "{}", "{}", `{"code":"x"}`),
		append(request(seedSigner, goodHeader, "{}", "{}", "{}"), []byte("buffer")),
		request(seedSigner, "{", "[", "null", "\xff"),
	} {
		f.Add(bytes.Join(frames, []byte{0}), true)
		f.Add(bytes.Join(frames, []byte{0}), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, sign bool) {
		s := newTestSigner(t, "hmac-sha256", testKey)
		frames := bytes.Split(data, []byte{0})
		if at := findDelimiter(frames); sign && at >= 0 && len(frames) > at+atBuffers {
			frames[at+1] = s.sign(frames[at+1+atHeader : at+1+atBuffers])
		}
		m, err := s.Decode(frames)
		if err != nil {
			if m != nil || s.Refused().Total() != 1 {
				t.Fatalf("refused with %v: message %v, counts %+v", err, m, s.Refused())
			}
			return
		}
		checkDecoded(t, s, m)
	})
}

// checkDecoded checks what Decode promises about a message it accepted.
func checkDecoded(t *testing.T, s *Signer, m *Message) {
	t.Helper()
	reply := &Message{Identities: m.Identities, Header: NewHeader("reply", "s", "u"), ParentHeader: m.RawHeader,
		Metadata: m.Metadata, Content: m.Content, Buffers: m.Buffers}
	again, err := s.Decode(s.Encode(reply))
	if err != nil {
		t.Fatalf("the reply cannot be decoded: %v", err)
	}
	if !bytes.Equal(again.ParentHeader, m.RawHeader) {
		t.Fatalf("parent_header %q, want %q", again.ParentHeader, m.RawHeader)
	}
	var parent Header
	if err := json.Unmarshal(again.ParentHeader, &parent); err != nil || parent.MsgID != m.Header.MsgID {
		t.Fatalf("parent_header %q is not the request's: %v", again.ParentHeader, err)
	}
}

// BenchmarkRoundTrip signs and checks a message of a usual size (about 700 bytes).
func BenchmarkRoundTrip(b *testing.B) {
	s := newTestSigner(b, "hmac-sha256", testKey)
	m := &Message{Identities: [][]byte{[]byte("client")}, ParentHeader: json.RawMessage(goodHeader),
		Content: json.RawMessage(`{"execution_count":1,"code":"` + strings.Repeat("x", 200) + `"}`)}
	for b.Loop() {
		m.Header = NewHeader("execute_input", "5e55104f-1916-498b-8eb9-e81ab9368e84", "learner")
		if _, err := s.Decode(s.Encode(m)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	s := newTestSigner(b, "hmac-sha256", testKey)
	m := &Message{Identities: [][]byte{[]byte("client")}, Header: NewHeader("status", "s", "u"), ParentHeader: json.RawMessage(goodHeader),
		Content: json.RawMessage(`{"execution_state":"idle"}`)}
	for b.Loop() {
		s.Encode(m)
	}
}

func BenchmarkDecode(b *testing.B) {
	s := newTestSigner(b, "hmac-sha256", "")
	frames := request(s, goodHeader, "{}", "{}", `{"code":"`+strings.Repeat("x", 200)+`","silent":false}`)
	for b.Loop() {
		if _, err := s.Decode(frames); err != nil {
			b.Fatal(err)
		}
	}
}

// The sizes are checked before the bytes are looked at, so these cost nothing.
func TestSizeLimits(t *testing.T) {
	s := newTestSigner(t, "", "")
	big := make([]byte, MaxPart+1)
	for name, frames := range map[string][][]byte{
		"part":    {[]byte(delimiter), {}, []byte(goodHeader), []byte("{}"), []byte("{}"), big},
		"message": {[]byte(delimiter), {}, big, big, big, big, big, big, big, big},
	} {
		if _, err := s.Decode(frames); !errors.Is(err, ErrLimit) {
			t.Errorf("%s: %v, want ErrLimit", name, err)
		}
	}
	buffer := append(request(s, goodHeader, "{}", "{}", "{}"), big)
	if _, err := s.Decode(buffer); err != nil {
		t.Errorf("a large buffer: %v", err)
	}
}
