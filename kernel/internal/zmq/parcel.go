package zmq

import (
	"bufio"
	"io"
)

// parcel holds bytes on their way from a peer to zmq4: one message. It grows
// with the bytes that arrive, not with the sizes that a peer claims.
type parcel struct {
	chunks [][]byte // chunks[0] may be partly read
	spare  []byte   // the first chunk of the last message, to be used again
}

const (
	smallChunk = 64 << 10 // frames up to this are joined in one chunk
	largeChunk = 4 << 20
	keepSpare  = 4 << 10 // an idle connection holds no more
)

func (p *parcel) empty() bool { return len(p.chunks) == 0 }

func (p *parcel) reset() { p.chunks = nil }

// read moves bytes to b, which is not empty.
func (p *parcel) read(b []byte) int {
	first := p.chunks[0]
	n := copy(b, first)
	if p.chunks[0] = first[n:]; n < len(first) {
		return n
	}
	p.chunks[0] = nil
	if p.chunks = p.chunks[1:]; len(p.chunks) == 0 {
		p.chunks = nil
	}
	return n
}

// room returns n bytes at the end of the parcel to be written to.
func (p *parcel) room(n int) []byte {
	last := len(p.chunks) - 1
	if last < 0 || len(p.chunks[last])+n > smallChunk {
		p.chunks = append(p.chunks, p.fresh(n))
		last++
	}
	old := len(p.chunks[last])
	p.chunks[last] = append(p.chunks[last], make([]byte, n)...)
	return p.chunks[last][old:]
}

func (p *parcel) fresh(n int) []byte {
	if len(p.chunks) == 0 && n <= keepSpare {
		if p.spare == nil {
			p.spare = make([]byte, 0, keepSpare)
		}
		return p.spare[:0]
	}
	return make([]byte, 0, n)
}

func (p *parcel) add(b []byte) { copy(p.room(len(b)), b) }

// message adds a message of one frame.
func (p *parcel) message(body ...[]byte) {
	size := 0
	for _, b := range body {
		size += len(b)
	}
	p.add(header{size: uint64(size)}.append(nil))
	for _, b := range body {
		p.add(b)
	}
}

// fill adds the frame h, whose body it reads from br.
func (p *parcel) fill(br *bufio.Reader, h header) error {
	var b [9]byte
	p.add(h.append(b[:0]))
	if h.size <= smallChunk {
		_, err := io.ReadFull(br, p.room(int(h.size)))
		return err
	}
	for left, step := h.size, uint64(smallChunk); left > 0; step = min(2*step, largeChunk) {
		chunk := make([]byte, min(left, step))
		if _, err := io.ReadFull(br, chunk); err != nil {
			return err
		}
		p.chunks = append(p.chunks, chunk)
		left -= uint64(len(chunk))
	}
	return nil
}
