package worker

import (
	"runtime/debug"
	"sync/atomic"
	"time"
)

// QuietTime is how long a worker or a kernel idles before it rests.
const QuietTime = 500 * time.Millisecond

// Rest gives memory that a process does not need while it idles back to the
// system: free heap, and pages of the program file, which come back by
// themselves when they are used. It takes some milliseconds; the first cell
// after it takes up to half a millisecond more. Kernel and worker are one file of
// 40 MB, of which each idle process would keep 20 MB resident.
func Rest() {
	debug.FreeOSMemory()
	releaseProgram()
}

// Quiet calls Rest when a process has had nothing to do for QuietTime. Stop and
// Reset are for every cell and cost next to nothing: to move a timer of the
// runtime, as they seem to do, would wake a thread that waits for the network,
// whenever another one has an earlier end of its wait.
type Quiet struct {
	rest  func()
	start time.Time
	due   atomic.Int64 // when to rest, in ns since start; 0: something is going on
	armed atomic.Bool  // timer runs
	timer *time.Timer
}

// NewQuiet returns a Quiet that waits already.
func NewQuiet() *Quiet { return newQuiet(Rest) }

func newQuiet(rest func()) *Quiet {
	q := &Quiet{rest: rest, start: time.Now()}
	q.timer = time.AfterFunc(time.Hour, q.expire)
	q.timer.Stop()
	q.Reset()
	return q
}

// Stop says that something has begun.
func (q *Quiet) Stop() { q.due.Store(0) }

// Reset says that it has ended: the time begins anew.
func (q *Quiet) Reset() {
	q.due.Store(int64(time.Since(q.start) + QuietTime))
	q.arm(QuietTime)
}

func (q *Quiet) arm(d time.Duration) {
	if !q.armed.Swap(true) {
		q.timer.Reset(d)
	}
}

// expire rests if it is time, and else waits for the rest of it.
func (q *Quiet) expire() {
	q.armed.Store(false) // first: a Reset from here on arms it again
	due := q.due.Load()
	if due == 0 {
		return // the Reset that will follow arms it
	}
	if left := time.Duration(due) - time.Since(q.start); left > 0 {
		q.arm(left)
		return
	}
	q.rest()
}
