package worker

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"unicode/utf8"
)

// linkVersion is raised whenever a frame changes its meaning. Both ends are
// usually the same binary; the check is for those that are not (an upgrade
// while a kernel runs).
const linkVersion = 2

const (
	// frameHeader is the size of a frame's head: length of the body (4 bytes),
	// kind (1), reserved and zero (3), id (4); little-endian.
	frameHeader = 12
	// maxFrame bounds a frame's body. The largest are images in MIME bundles.
	maxFrame = 64 << 20
	// maxText is where stream text is cut into several frames, between runes.
	maxText = 256 << 10
)

// kind says what a frame is. The id of a frame is that of the run for frames
// about a run, and that of the question for questions and answers.
type kind uint8

const (
	// From parent to child.
	kindHello      kind = 1  // body hello: first frame, once
	kindRun        kind = 2  // body eval.Program, or empty: the one that was prepared
	kindInterrupt  kind = 3  // body empty, or the eval.Error to end with
	kindInputReply kind = 4  // body inputReply
	kindCommIn     kind = 5  // body eval.Comm; its run ends when the handler returns
	kindCensus     kind = 6  // body empty
	kindShutdown   kind = 7  // body empty
	kindPing       kind = 8  // body empty
	kindCollect    kind = 9  // body empty: return free memory to the system, then answer as a ping
	kindShell      kind = 10 // body is a command line; its run ends as that of a program
	kindPlace      kind = 11 // body Place: change it; answered by a pong with the Place after that
	kindCall       kind = 12 // body is a request of a process pool, for package futures; its run ends with kindReturn, or kindEnded if it was ended early
	kindPrepare    kind = 13 // body eval.Program, which kindRun may or may not begin; a later one takes its place
	kindDeclared   kind = 14 // body declared: answer to declare

	// From child to parent.
	kindReady       kind = 33 // body ready: answer to hello
	kindEvent       kind = 34 // body eval.Event, anything but stream text
	kindStdout      kind = 35 // body is text
	kindStderr      kind = 36 // body is text
	kindEnded       kind = 37 // body empty (no error, no goroutines left), or ended
	kindInput       kind = 38 // body eval.InputRequest
	kindCensusReply kind = 39 // body []Goroutine
	kindPong        kind = 40 // body empty, or what was asked for
	kindReturn      kind = 41 // body is the reply to a call
	kindDeclare     kind = 42 // body empty: what have cells declared so far?
)

func (k kind) known() bool {
	return k >= kindHello && k <= kindDeclared || k >= kindReady && k <= kindDeclare
}

// frame is one message of the link. The body is only valid until the next read.
type frame struct {
	kind kind
	id   uint32
	body []byte
}

// errFrame marks bytes that are no frame: the link is useless from there on.
var errFrame = errors.New("not a frame of the worker link")

// frameReader decodes frames. Its buffer grows to the largest frame seen and
// falls back when that one was huge, so that one image costs no idle memory.
type frameReader struct {
	r   *bufio.Reader
	buf []byte
}

func newFrameReader(r io.Reader) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, 32<<10)}
}

// next returns the next frame, io.EOF at a clean end, io.ErrUnexpectedEOF in the
// middle of a frame, and an error wrapping errFrame for anything malformed.
// It allocates no more than what has really arrived plus a small chunk, whatever
// length a frame claims.
func (fr *frameReader) next() (frame, error) {
	head, err := fr.r.Peek(frameHeader)
	if err != nil {
		if err == io.EOF && len(head) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return frame{}, err
	}
	size := binary.LittleEndian.Uint32(head)
	f := frame{kind: kind(head[4]), id: binary.LittleEndian.Uint32(head[8:])}
	if head[5]|head[6]|head[7] != 0 || !f.kind.known() {
		return frame{}, fmt.Errorf("%w: kind %d", errFrame, f.kind)
	}
	if size > maxFrame {
		return frame{}, fmt.Errorf("%w: %d bytes, at most %d", errFrame, size, maxFrame)
	}
	fr.r.Discard(frameHeader)
	f.body, err = fr.read(int(size))
	return f, err
}

const readChunk = 1 << 20

func (fr *frameReader) read(size int) ([]byte, error) {
	if cap(fr.buf) > readChunk && size <= readChunk {
		fr.buf = nil
	}
	fr.buf = fr.buf[:0]
	for len(fr.buf) < size {
		n := min(size-len(fr.buf), readChunk)
		start := len(fr.buf)
		if cap(fr.buf)-start < n {
			fr.buf = append(make([]byte, 0, max(start+n, min(2*start, size))), fr.buf...)
		}
		fr.buf = fr.buf[:start+n]
		if _, err := io.ReadFull(fr.r, fr.buf[start:]); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return fr.buf, nil
}

// frameWriter encodes frames, one write each. It is safe for use by several
// goroutines; after a failure every later write fails the same way.
type frameWriter struct {
	mu  sync.Mutex
	w   io.Writer
	buf []byte
	err error
}

func (fw *frameWriter) write(k kind, id uint32, body []byte) error {
	if len(body) > maxFrame {
		return fmt.Errorf("a message of %d bytes is larger than the %d MiB that fit the worker link", len(body), maxFrame>>20)
	}
	fw.mu.Lock()
	defer fw.mu.Unlock()
	if fw.err != nil {
		return fw.err
	}
	if cap(fw.buf) > readChunk {
		fw.buf = nil
	}
	fw.buf = appendFrame(fw.buf[:0], k, id, body)
	_, fw.err = fw.w.Write(fw.buf)
	return fw.err
}

// failure is why the link is broken, nil while it works.
func (fw *frameWriter) failure() error {
	fw.mu.Lock()
	defer fw.mu.Unlock()
	return fw.err
}

func appendFrame(dst []byte, k kind, id uint32, body []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(body)))
	dst = append(dst, byte(k), 0, 0, 0)
	dst = binary.LittleEndian.AppendUint32(dst, id)
	return append(dst, body...)
}

// writeJSON sends body as JSON, a nil body as no bytes.
func (fw *frameWriter) writeJSON(k kind, id uint32, body any) error {
	var b []byte
	if body != nil {
		var err error
		if b, err = json.Marshal(body); err != nil {
			return fmt.Errorf("worker link: %w", err)
		}
	}
	return fw.write(k, id, b)
}

// writeText sends stream text in frames of at most maxText bytes, cut between runes.
func (fw *frameWriter) writeText(k kind, id uint32, text string) error {
	for {
		n := cutText(text, maxText)
		if err := fw.write(k, id, []byte(text[:n])); err != nil || n == len(text) {
			return err
		}
		text = text[n:]
	}
}

// cutText is the length of the longest prefix of text that has at most limit
// bytes and ends between runes.
func cutText(text string, limit int) int {
	if len(text) <= limit {
		return len(text)
	}
	n := limit
	for n > limit-utf8.UTFMax && !utf8.RuneStart(text[n]) {
		n--
	}
	return n
}
