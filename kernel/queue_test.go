package kernel

import (
	"testing"

	"braid/kernel/internal/wire"
)

func queued(content string) *request { return newRequest(&wire.Message{Content: []byte(content)}, nil) }

// A full queue holds the reader up until there is room, or no sense in waiting.
func TestQueueIsBounded(t *testing.T) {
	q := newQueue()
	for range maxQueued {
		q.put(queued(""))
	}
	put := make(chan bool)
	go func() { put <- q.put(queued("last")) }()
	go func() { put <- q.put(queued("never")) }()
	if q.take(); !<-put {
		t.Error("a request was refused though there was room")
	}
	left := q.close()
	if <-put || len(left) != maxQueued {
		t.Errorf("closing: %d requests are left, or one was accepted", len(left))
	}
	if _, ok := q.take(); ok || q.put(queued("")) || q.putIfIdle(queued("")) {
		t.Error("a closed queue works")
	}
}

func TestQueueIdle(t *testing.T) {
	q := newQueue()
	if !q.putIfIdle(queued("")) || q.putIfIdle(queued("")) {
		t.Error("a queue is idle as long as nothing is in it")
	}
	q.take()
	if q.putIfIdle(queued("")) {
		t.Error("a queue whose owner serves is not idle")
	}
}

// An interrupt is for the request being served, and aborts those behind it;
// between requests it is for nobody.
func TestQueueInterrupt(t *testing.T) {
	q := newQueue()
	q.interrupt()
	q.put(queued("a"))
	q.put(queued("b"))
	if a, _ := q.take(); a.aborted || q.interrupted() {
		t.Error("an interrupt hit what came after it")
	}
	q.interrupt()
	if !q.interrupted() {
		t.Error("an interrupt missed what was served")
	}
	if b, _ := q.take(); !b.aborted || q.interrupted() {
		t.Error("an interrupt must abort what waits, not interrupt it")
	}
}
