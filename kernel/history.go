package kernel

import (
	"slices"
	"sync"

	"braid/kernel/internal/protocol"
)

// thisSession is the number of the running session in history entries. There is
// no store of earlier ones yet.
const thisSession = 1

// Bounds of the history in memory; the oldest entries go first.
const (
	maxHistory      = 100_000
	maxHistoryBytes = 64 << 20
)

// history remembers the stored inputs of this session and their results.
type history struct {
	mu      sync.Mutex
	entries []protocol.HistoryEntry
	bytes   int
}

// add appends an input and the text/plain of its result ("" if it had none).
func (h *history) add(line int, input, output string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.entries = append(h.entries, protocol.HistoryEntry{Session: thisSession, Line: line, Input: input, Output: output})
	h.bytes += len(input) + len(output)
	h.trim()
}

func (h *history) trim() {
	drop := 0
	for len(h.entries)-drop > maxHistory || h.bytes > maxHistoryBytes && len(h.entries)-drop > 1 {
		h.bytes -= len(h.entries[drop].Input) + len(h.entries[drop].Output)
		drop++
	}
	if drop > 0 {
		h.entries = slices.Delete(h.entries, 0, drop)
	}
}

func (k *kernel) historyRequest(r *request) (protocol.Reply, error) {
	in, err := protocol.DecodeHistoryRequest(r.Content)
	if err != nil {
		return nil, err
	}
	return protocol.NewHistoryReply(k.history.find(in), in.Output), nil
}

// find answers a history_request. Entries are in the order they were entered.
func (h *history) find(in protocol.HistoryRequest) []protocol.HistoryEntry {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch in.Access {
	case protocol.HistoryRange:
		return h.span(in.Session, in.Start, in.Stop)
	case protocol.HistorySearch:
		return last(in.N, h.search(in.Pattern, in.Unique))
	}
	return slices.Clone(last(in.N, h.entries))
}

// span returns the lines from start up to, not including, stop.
func (h *history) span(session, start, stop int) (found []protocol.HistoryEntry) {
	if session != 0 && session != thisSession {
		return nil
	}
	for _, e := range h.entries {
		if e.Line >= start && (stop <= 0 || e.Line < stop) {
			found = append(found, e)
		}
	}
	return found
}

// search returns the entries whose whole input matches the glob; with unique only
// the last use of each input.
func (h *history) search(pattern string, unique bool) (found []protocol.HistoryEntry) {
	seen := map[string]bool{}
	for _, e := range slices.Backward(h.entries) {
		if unique && seen[e.Input] || !globMatch(pattern, e.Input) {
			continue
		}
		seen[e.Input] = true
		found = append(found, e)
	}
	slices.Reverse(found)
	return found
}

func last(n int, entries []protocol.HistoryEntry) []protocol.HistoryEntry {
	if n > 0 && len(entries) > n {
		return entries[len(entries)-n:]
	}
	return entries
}
