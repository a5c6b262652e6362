package worker

import (
	"encoding/binary"
	"io"
	"strings"

	"braid/kernel/eval"
)

// mirror is memory that a worker shares with its parent. The worker keeps in it
// the text that it has queued but not sent yet; when it dies, the parent reads
// what it did not get. It implements host.Mirror.
//
// Layout, little-endian: the number of the last item that was sent (8 bytes),
// the length of the records (8); then records: item (8), run (4), stream (1),
// zero (3), length of the text (8), text.
type mirror struct {
	mem  []byte
	used int // bytes of records
}

const (
	mirrorSize   = 128 << 10
	mirrorHead   = 16
	mirrorRecord = 24
)

// Text implements host.Mirror. Text for which there is no room is left out: so
// much is sent at once anyway.
func (m *mirror) Text(item uint64, run, stream int, p []byte) {
	start := mirrorHead + m.used
	end := start + mirrorRecord + len(p)
	if end > len(m.mem) {
		return
	}
	r := m.mem[start:end]
	binary.LittleEndian.PutUint64(r, item)
	binary.LittleEndian.PutUint32(r[8:], uint32(run))
	binary.LittleEndian.PutUint32(r[12:], uint32(stream))
	binary.LittleEndian.PutUint64(r[16:], uint64(len(p)))
	copy(r[mirrorRecord:], p)
	m.used += mirrorRecord + len(p)
	binary.LittleEndian.PutUint64(m.mem[8:], uint64(m.used)) // last: the record is whole
}

// Passed implements host.Mirror.
func (m *mirror) Passed(item uint64, empty bool) {
	binary.LittleEndian.PutUint64(m.mem, item)
	if empty {
		m.used = 0
		binary.LittleEndian.PutUint64(m.mem[8:], 0)
	}
}

// unsent reads from a dead worker's mirror the text that it had not sent. It
// trusts nothing it reads.
func unsent(r io.ReaderAt) (events []eval.Event) {
	mem := make([]byte, mirrorSize)
	n, _ := r.ReadAt(mem, 0)
	if n < mirrorHead {
		return nil
	}
	passed, used := binary.LittleEndian.Uint64(mem), binary.LittleEndian.Uint64(mem[8:])
	records := mem[mirrorHead:n]
	records = records[:min(used, uint64(len(records)))]
	for len(records) >= mirrorRecord {
		item, run := binary.LittleEndian.Uint64(records), binary.LittleEndian.Uint32(records[8:])
		stream, size := records[12], binary.LittleEndian.Uint64(records[16:])
		records = records[mirrorRecord:]
		if size > uint64(len(records)) {
			break
		}
		text := strings.ToValidUTF8(string(records[:size]), "\uFFFD")
		records = records[size:]
		if item > passed && text != "" {
			events = append(events, eval.Event{Cell: int(run), Stream: &eval.Stream{Name: streamName(stream), Text: text}})
		}
	}
	return events
}

func streamName(stream byte) string {
	if stream == 1 {
		return "stderr"
	}
	return "stdout"
}
