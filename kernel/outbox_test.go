package kernel

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"braid/kernel/eval"
	"braid/kernel/internal/protocol"
	"braid/kernel/internal/wire"
	"braid/kernel/session"
)

// waitFor waits for a condition of other goroutines.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain for " + what)
		}
	}
}

// emitting is a cell that emits one event.
func emitting(ev eval.Event) func(context.Context, session.Sink) *session.Failure {
	return func(_ context.Context, sink session.Sink) *session.Failure {
		sink.Emit(ev)
		return nil
	}
}

// gate is a publisher that can be shut, like subscribers that do not read.
type gate struct {
	t    *testing.T
	open sync.Mutex // locked while the gate is shut

	mu   sync.Mutex
	sent []string // "stream:text" or the message type
}

func (g *gate) send(frames [][]byte) error {
	g.open.Lock()
	defer g.open.Unlock()
	var header struct {
		MsgType string `json:"msg_type"`
	}
	var c struct{ Name, Text string }
	if err := json.Unmarshal(frames[3], &header); err != nil {
		g.t.Error(err)
	}
	if err := json.Unmarshal(frames[6], &c); err != nil {
		g.t.Error(err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if header.MsgType == protocol.TypeStream {
		g.sent = append(g.sent, c.Name+":"+c.Text)
	} else {
		g.sent = append(g.sent, header.MsgType)
	}
	return nil
}

func (g *gate) all() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string(nil), g.sent...)
}

// testOutbox returns an outbox whose loop runs, and its gate.
func testOutbox(t *testing.T) (*outbox, *gate) {
	signer, err := wire.NewSigner("", "")
	if err != nil {
		t.Fatal(err)
	}
	o, g := newOutbox(signer, "s", slog.New(slog.NewTextHandler(io.Discard, nil))), &gate{t: t}
	o.publish = g.send
	done := make(chan struct{})
	go func() {
		defer close(done)
		o.loop()
	}()
	t.Cleanup(func() {
		o.close()
		<-done
	})
	return o, g
}

func (o *outbox) write(p *parent, stream, text string) {
	o.emit(item{parent: p, stream: stream, text: text}, nil)
}

func TestStreamsAreJoined(t *testing.T) {
	o, g := testOutbox(t)
	a, b := &parent{}, &parent{}
	for _, text := range []string{"1\n", "2\n", "3\n"} {
		o.write(a, "stdout", text)
	}
	o.write(a, "stderr", "4\n")
	o.write(b, "stderr", "5\n")
	o.post(b, protocol.TypeClearOutput, protocol.ClearOutput{})
	o.write(b, "stderr", "6\n")
	o.flush()
	want := "stdout:1\n2\n3\n|stderr:4\n|stderr:5\n|clear_output|stderr:6\n"
	if got := strings.Join(g.all(), "|"); got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
}

// A hundred thousand lines make few messages, whole and in order.
func TestManyLines(t *testing.T) {
	o, g := testOutbox(t)
	const lines = 100_000
	var want strings.Builder
	p, began := &parent{}, time.Now()
	for i := range lines {
		line := fmt.Sprintln("line", i)
		want.WriteString(line)
		o.write(p, "stdout", line)
	}
	o.flush()
	sent := g.all()
	var got strings.Builder
	for _, m := range sent {
		got.WriteString(strings.TrimPrefix(m, "stdout:"))
	}
	if got.String() != want.String() {
		t.Error("the text has changed on its way")
	}
	// One for each streamFlush bytes, and one for each streamDelay that it took.
	if most := 2 + want.Len()/streamFlush + int(time.Since(began)/streamDelay); len(sent) > most {
		t.Errorf("%d messages, at most %d", len(sent), most)
	}
}

// Text that needs no flush goes out by itself.
func TestTextDoesNotStay(t *testing.T) {
	f := start(t)
	cell := f.run("print live\nwait")
	cell.saw("stream")
	f.kernel.fake.release()
	cell.result()
}

func TestRunesStayWhole(t *testing.T) {
	o, g := testOutbox(t)
	text := "x" + strings.Repeat("\u4e16", streamMax/2) + "\U0001f600"
	p := &parent{}
	o.write(p, "stdout", "ab")
	o.write(p, "stdout", text)
	o.flush()
	var got strings.Builder
	for _, m := range g.all() {
		part := strings.TrimPrefix(m, "stdout:")
		if len(part) > streamMax || strings.ContainsRune(part, utf8.RuneError) {
			t.Errorf("a message of %d bytes, damaged: %v", len(part), strings.ContainsRune(part, utf8.RuneError))
		}
		got.WriteString(part)
	}
	if got.String() != "ab"+text {
		t.Error("the text has changed on its way")
	}
}

func TestWholeRunes(t *testing.T) {
	for _, c := range []struct {
		s       string
		n, want int
	}{
		{"abc", 5, 3}, {"abc", 2, 2}, {"é", 1, 0}, {"aé", 2, 1}, {"a\U0001f600", 4, 1}, {"a\U0001f600b", 5, 5},
		{"\x80\x80\x80\x80\x80\x80", 5, 5}, {"abc", 0, 0}, {"\U0001f600", 3, 0},
	} {
		if got := wholeRunes(c.s, c.n); got != c.want {
			t.Errorf("wholeRunes(%q, %d) = %d, want %d", c.s, c.n, got, c.want)
		}
	}
}

// When nobody takes the output, cells wait; an interrupt frees them; what the
// kernel itself says never waits.
func TestBackpressure(t *testing.T) {
	o, g := testOutbox(t)
	g.open.Lock()
	o.limit = 64 << 10
	p, unblock := &parent{}, make(chan struct{})
	text := strings.Repeat("x", 8<<10)
	ended := make(chan int)
	go func() {
		kept := 0
		for range 100 {
			if o.emit(item{parent: p, stream: "stdout", text: text}, unblock) {
				kept++
			}
		}
		ended <- kept
	}()
	waitFor(t, "a cell that waits", func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.room != nil
	})
	o.post(nil, protocol.TypeStatus, status(protocol.StateBusy)) // does not wait
	o.mu.Lock()
	held := o.bytes
	o.mu.Unlock()
	if held > o.limit+16<<10 {
		t.Errorf("%d bytes are queued", held)
	}
	close(unblock)
	kept := <-ended
	o.mu.Lock()
	held = o.bytes
	o.mu.Unlock()
	if held > 2*o.limit+16<<10 || kept == 100 {
		t.Errorf("%d bytes are queued after the interrupt, %d texts kept", held, kept)
	}
	g.open.Unlock()
	o.flush()
	total := 0
	for _, m := range g.all() {
		if text, ok := strings.CutPrefix(m, "stdout:"); ok {
			total += len(text)
		}
	}
	if total != kept*len(text) {
		t.Errorf("%d bytes published of %d", total, kept*len(text))
	}
}

// Without an interrupt nothing is lost, however slow the subscribers.
func TestBackpressureLosesNothing(t *testing.T) {
	o, g := testOutbox(t)
	g.open.Lock()
	o.limit = 64 << 10
	text := strings.Repeat("x", 8<<10)
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			p := &parent{}
			for range 50 {
				o.write(p, "stdout", text)
			}
		})
	}
	waitFor(t, "a cell that waits", func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.room != nil
	})
	g.open.Unlock()
	writers.Wait()
	o.flush()
	total := 0
	for _, m := range g.all() {
		total += len(strings.TrimPrefix(m, "stdout:"))
	}
	if total != 200*len(text) {
		t.Errorf("%d bytes published of %d", total, 200*len(text))
	}
}

// A message that cannot be encoded costs itself only.
func TestUnencodable(t *testing.T) {
	f := start(t)
	f.kernel.fake.cells["nan"] = emitting(eval.Event{Display: &eval.Display{Data: map[string]any{"application/json": math.NaN()}}})
	f.execute("print a\nnan\nprint b").wantOutline("busy execute_input stdout:a\n stderr:[display_data could not be sent: json: unsupported value: NaN]\n stdout:b\n idle")
	f.kernel.fake.cells["bytes"] = emitting(stdout("\xffx"))
	if got := f.execute("bytes").text("stdout"); got != "\ufffdx" {
		t.Errorf("invalid UTF-8 became %q", got)
	}
}

// Output of several cells at once: each request's bracket encloses its output, and
// each stream is in order.
func TestOrderUnderLoad(t *testing.T) {
	f := start(t)
	ids := []string{"", f.newSubshell(), f.newSubshell()}
	const cells, lines = 6, 40
	var runs []sent
	for range cells {
		for _, id := range ids {
			runs = append(runs, f.subshell(id, "execute_request", content{"code": strings.Repeat("print o\neprint e\nprint o\n", lines)}))
		}
		f.on("control", "kernel_info_request", content{})
		f.send("complete_request", content{"code": "x"})
	}
	for _, run := range runs {
		r := run.result()
		states := strings.Fields(strings.NewReplacer("stdout:o\n", "", "stderr:e\n", "", "o\n", "").Replace(r.outline()))
		if fmt.Sprint(states) != "[busy execute_input idle]" {
			t.Fatalf("bracket %v", states)
		}
		if got := strings.Count(r.text("stdout"), "o\n"); got != 2*lines {
			t.Fatalf("%d lines of %d", got, 2*lines)
		}
		if len(r.iopub) < 2*lines {
			t.Fatalf("stdout and stderr lost their order: %d messages", len(r.iopub))
		}
	}
}
