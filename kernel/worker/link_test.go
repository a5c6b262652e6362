package worker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

func TestFramesRoundTrip(t *testing.T) {
	bodies := []string{"", "x", strings.Repeat("é", 70_000), strings.Repeat("z", 3<<20), "after a large one"}
	var buf bytes.Buffer
	fw := frameWriter{w: &buf}
	for i, b := range bodies {
		if err := fw.write(kindStdout, uint32(i), []byte(b)); err != nil {
			t.Fatal(err)
		}
	}
	fr := newFrameReader(iotest.HalfReader(&buf))
	for i, b := range bodies {
		f, err := fr.next()
		if err != nil || f.kind != kindStdout || f.id != uint32(i) || string(f.body) != b {
			t.Fatalf("frame %d: %v, kind %d, id %d, %d bytes; want %d bytes", i, err, f.kind, f.id, len(f.body), len(b))
		}
	}
	if _, err := fr.next(); err != io.EOF {
		t.Fatalf("at the end: %v, want io.EOF", err)
	}
	if cap(fr.buf) > readChunk {
		t.Errorf("the reader keeps %d bytes after a large frame", cap(fr.buf))
	}
}

func TestBadFrames(t *testing.T) {
	good := appendFrame(nil, kindEvent, 7, []byte("body"))
	tests := []struct {
		name  string
		bytes []byte
		want  error
	}{
		{"unknown kind", append([]byte{0, 0, 0, 0, 99}, make([]byte, 7)...), errFrame},
		{"kind zero", make([]byte, frameHeader), errFrame},
		{"reserved bytes", []byte{0, 0, 0, 0, byte(kindPong), 0, 1, 0, 0, 0, 0, 0}, errFrame},
		{"too large", append(binary.LittleEndian.AppendUint32(nil, maxFrame+1), byte(kindPong), 0, 0, 0, 0, 0, 0, 0), errFrame},
		{"cut head", good[:5], io.ErrUnexpectedEOF},
		{"cut body", good[:len(good)-1], io.ErrUnexpectedEOF},
		{"no body", good[:frameHeader], io.ErrUnexpectedEOF},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := newFrameReader(bytes.NewReader(tt.bytes)).next()
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestWriterRefusesHugeBody(t *testing.T) {
	var buf bytes.Buffer
	fw := frameWriter{w: &buf}
	if err := fw.write(kindEvent, 1, make([]byte, maxFrame+1)); err == nil || buf.Len() > 0 {
		t.Errorf("err %v, %d bytes written", err, buf.Len())
	}
	if err := fw.write(kindEvent, 1, nil); err != nil {
		t.Errorf("the link broke: %v", err)
	}
}

func TestTextIsCutBetweenRunes(t *testing.T) {
	text := "a" + strings.Repeat("世", maxText/2)
	var buf bytes.Buffer
	fw := frameWriter{w: &buf}
	if err := fw.writeText(kindStdout, 1, text); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	frames := 0
	for fr := newFrameReader(&buf); ; frames++ {
		f, err := fr.next()
		if err == io.EOF {
			break
		}
		if err != nil || len(f.body) > maxText || !utf8.Valid(f.body) {
			t.Fatalf("frame %d: %v, %d bytes, valid %v", frames, err, len(f.body), utf8.Valid(f.body))
		}
		got.Write(f.body)
	}
	if got.String() != text || frames != 2 {
		t.Errorf("%d frames, equal %v", frames, got.String() == text)
	}
}

func TestWholeRunes(t *testing.T) {
	for _, tt := range []struct {
		text string
		want int
	}{
		{"", 0}, {"abc", 3}, {"é", 2}, {"a\xc3", 1}, {"\xf0\x9f\x98", 0}, {"x\xf0\x9f\x98\x80", 5},
		{"\x80\x80\x80\x80", 4}, {"a\xff", 2}, {"世\xe4\xb8", 3},
	} {
		if got := wholeRunes([]byte(tt.text)); got != tt.want {
			t.Errorf("wholeRunes(%q) = %d, want %d", tt.text, got, tt.want)
		}
	}
}

// FuzzFrameReader feeds a reader arbitrary bytes: it must return errors, not
// panic, not hold more than it was given, and re-encode what it accepts.
func FuzzFrameReader(f *testing.F) {
	f.Add(appendFrame(nil, kindEnded, 3, nil))
	f.Add(appendFrame(appendFrame(nil, kindStdout, 1, []byte("text")), kindEvent, 2, []byte(`{"cell":2}`)))
	f.Add([]byte{0xff, 0xff, 0xff, 0x03, 34, 0, 0, 0, 1, 0, 0, 0, 'x'})
	f.Add([]byte("Traceback (most recent call last):"))
	f.Fuzz(func(t *testing.T, data []byte) {
		fr := newFrameReader(bytes.NewReader(data))
		var again []byte
		for {
			fm, err := fr.next()
			if cap(fr.buf) > len(data)+2*readChunk {
				t.Fatalf("%d bytes held for %d of input", cap(fr.buf), len(data))
			}
			if err != nil {
				break
			}
			again = appendFrame(again, fm.kind, fm.id, fm.body)
			w := &Worker{opts: Options{}, ready: make(chan ready, 1), runs: map[uint32]*Run{}, asked: map[uint32]chan []byte{}}
			if fm.kind != kindInput { // starts a goroutine that writes the answer
				w.deliver(fm)
			}
		}
		if !bytes.HasPrefix(data, again) {
			t.Fatalf("decoding and encoding changes %q to %q", data, again)
		}
	})
}
