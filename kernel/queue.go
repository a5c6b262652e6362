package kernel

import "sync"

// Bounds of a queue of requests. When it is full, the reader of the socket waits,
// and so does, by way of TCP, the client.
const (
	maxQueued      = 10_000
	maxQueuedBytes = 256 << 20
)

// queue holds the requests that one goroutine, its owner, serves in order.
type queue struct {
	mu       sync.Mutex
	arrived  sync.Cond // there is a request, or the queue is closed
	room     sync.Cond // there is room again, or the queue is closed
	requests []*request
	bytes    int
	arrivals int  // how many requests ever came
	serving  bool // the owner has taken a request and not come back
	struck   bool // interrupt was called since then
	closed   bool
}

func newQueue() *queue {
	q := &queue{}
	q.arrived.L, q.room.L = &q.mu, &q.mu
	return q
}

// put appends r. It waits while the queue is full and reports false if the queue
// is closed.
func (q *queue) put(r *request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.full() && !q.closed {
		q.room.Wait()
	}
	return q.append(r)
}

// putIfIdle appends r if the owner waits for a request; it never waits itself.
func (q *queue) putIfIdle(r *request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.serving || len(q.requests) > 0 {
		return false
	}
	return q.append(r)
}

func (q *queue) append(r *request) bool {
	if q.closed {
		return false
	}
	q.requests = append(q.requests, r)
	q.bytes += r.size()
	q.arrivals++
	q.arrived.Signal()
	return true
}

func (q *queue) full() bool {
	return len(q.requests) >= maxQueued || q.bytes >= maxQueuedBytes && len(q.requests) > 0
}

// take waits for the next request; false means that the queue is closed. Only the
// owner calls it: with the call it is done with the request before.
func (q *queue) take() (*request, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.serving = false
	for len(q.requests) == 0 && !q.closed {
		q.arrived.Wait()
	}
	if q.closed {
		return nil, false
	}
	r := q.requests[0]
	q.requests[0] = nil
	q.requests = q.requests[1:]
	q.bytes -= r.size()
	q.serving, q.struck = true, false
	q.room.Signal()
	return r, true
}

// abort marks the execute_requests that are queued at this instant: their turn
// will come, and they will be answered without being run.
func (q *queue) abort() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range q.requests {
		r.aborted = true
	}
}

// interrupt is abort, and remembers that the request being served, if there is
// one, was interrupted.
func (q *queue) interrupt() {
	q.abort()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.struck = q.serving
}

// interrupted reports whether the request being served was interrupted.
func (q *queue) interrupted() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.struck
}

// count returns how many requests ever came.
func (q *queue) count() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.arrivals
}

// close ends the owner's loop and returns what it will not serve.
func (q *queue) close() []*request {
	q.mu.Lock()
	defer q.mu.Unlock()
	left := q.requests
	q.requests, q.bytes, q.closed = nil, 0, true
	q.arrived.Broadcast()
	q.room.Broadcast()
	return left
}
