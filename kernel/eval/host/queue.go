package host

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"braid/kernel/eval"
)

const (
	// maxQueue bounds the text and events that wait for the sink, in bytes;
	// whoever writes more waits (and can be interrupted).
	maxQueue = 8 << 20
	// maxText bounds the text of one event.
	maxText = 128 << 10
	// eagerText is how much text is passed on without waiting for more.
	eagerText = 64 << 10
	// flushDelay is how long text may wait for more text.
	flushDelay = 15 * time.Millisecond
	// eventSize is what an event counts for in the queue, beside its contents.
	eventSize = 1 << 10
)

const (
	stdout = iota
	stderr
)

var streamNames = [2]string{"stdout", "stderr"}

// queue is the one ordered queue of everything that runs emit. Writers append
// under mu; who has the turn takes all there is and calls the sink: the consumer,
// which a timer calls, or one that flushes. To start that timer is all that a
// print of a short cell costs: the cell's end flushes before it fires.
type queue struct {
	mu      sync.Mutex
	items   []item
	bytes   int           // queued and not yet passed on
	waiting int           // of them, text that the consumer has not yet taken
	taken   uint64        // items ever queued
	passed  uint64        // items the sink has returned from
	armed   bool          // the consumer will be called
	rushed  bool          // at once
	space   chan struct{} // closed when the queue has room again; nil if nobody waits
	sink    func(eval.Event)
	mirror  Mirror // nil if nobody keeps one

	turn  sync.Mutex  // held by who passes items on; taken before mu
	timer *time.Timer // calls consume; nil until there is a sink
}

// item is one event, or a piece of text of one stream of a run.
type item struct {
	run    *Run
	stream int
	text   []byte
	ev     *eval.Event
	size   int  // of ev, in the queue
	last   bool // the run has ended: begun runes will not be completed
}

var out = new(queue)

// SetSink says where events go. sink is called in order, never twice at a time; while
// it blocks, events queue up to 8 MiB and then writers wait. Until SetSink is
// called events are kept.
func SetSink(sink func(eval.Event)) {
	out.mu.Lock()
	defer out.mu.Unlock()
	out.sink = sink
	if out.timer == nil {
		out.timer = time.AfterFunc(flushDelay, out.consume) // of what came before
		out.armed = true
	}
}

// Flush returns when everything emitted before the call, including text that
// native code and other processes have written to descriptors 1 and 2, has been
// passed to the sink.
func Flush() {
	out.drain()
	out.flush()
}

// flush returns when everything queued before the call has been passed.
func (q *queue) flush() {
	q.mu.Lock()
	target, passed, sink := q.taken, q.passed, q.sink
	q.mu.Unlock()
	if sink != nil && passed < target {
		q.pass() // after who has the turn now
	}
}

// drain queues what native code and other processes have written so far.
func (q *queue) drain() {
	q.mu.Lock()
	drainRaw(q)
	q.mu.Unlock()
}

// hurry makes the consumer pass on what there is. q.mu is held.
func (q *queue) hurry() {
	if !q.rushed {
		q.armed, q.rushed = true, true
		q.call(0)
	}
}

func (q *queue) arm() {
	if !q.armed {
		q.armed = true
		q.call(flushDelay)
	}
}

func (q *queue) call(after time.Duration) {
	if q.timer != nil {
		q.timer.Reset(after)
	}
}

// write appends text of the calling goroutine to its run's stream.
func (q *queue) write(g *goroutine, stream int, p []byte) {
	r := runOf(g)
	if r.mute.Load() || len(p) == 0 {
		return
	}
	if r.cfg.StderrToStdout {
		stream = stdout
	}
	for len(p) > maxQueue { // a giant write waits for room piece by piece
		q.writePiece(g, r, stream, p[:maxQueue])
		p = p[maxQueue:]
	}
	q.writePiece(g, r, stream, p)
}

// raw queues what came through a captured descriptor. q.mu is held.
func (q *queue) raw(r *Run, stream int, p []byte) {
	rawPossible.Store(true)
	if r.mute.Load() {
		return
	}
	if r.cfg.StderrToStdout {
		stream = stdout
	}
	if q.text(r, stream, p) && r.cfg.EndAtOutputLimit {
		go r.Interrupt(outputLimitError(r))
	}
}

func (q *queue) writePiece(g *goroutine, r *Run, stream int, p []byte) {
	q.mu.Lock()
	if rawPossible.Load() {
		drainRaw(q)
	}
	if q.bytes >= maxQueue {
		q.waitForRoom(g)
	}
	over := q.text(r, stream, p)
	q.mu.Unlock()
	if over && r.cfg.EndAtOutputLimit {
		endCell(outputLimitError(r))
	}
}

// waitForRoom blocks the writer while the queue is full. q.mu is held before
// and after; an interrupt releases it and panics.
func (q *queue) waitForRoom(g *goroutine) {
	for q.bytes >= maxQueue {
		if q.space == nil {
			q.space = make(chan struct{})
		}
		space := q.space
		q.hurry()
		q.mu.Unlock()
		if g == nil {
			<-space
		} else {
			select {
			case <-space:
			case <-g.pending().channel(g): // the next pending panics, if it is for this
			}
		}
		q.mu.Lock()
	}
}

// text queues text and says whether it went over the run's limit. q.mu is held.
func (q *queue) text(r *Run, stream int, p []byte) (over bool) {
	t := &r.text[stream]
	if limit := r.cfg.Limits.Output; limit > 0 {
		room := limit - r.text[stdout].written - r.text[stderr].written
		if int64(len(p)) > room {
			over = true
			cut := wholeRunes(p[:max(room, 0)])
			t.dropped += int64(len(p) - cut)
			p = p[:cut]
		}
	}
	t.written += int64(len(p))
	if over && !r.text[stdout].noticed {
		r.text[stdout].noticed = true
		r.text[stdout].written += int64(len(p)) // what follows is dropped whole, be it short enough or not
		r.text[stdout].written = max(r.text[stdout].written, r.cfg.Limits.Output)
		if !r.cfg.EndAtOutputLimit {
			q.append(r, stream, p)
			p = []byte(outputNotice(r))
		}
	}
	q.append(r, stream, p)
	return over
}

func (q *queue) append(r *Run, stream int, p []byte) {
	if len(p) == 0 {
		return
	}
	q.bytes += len(p)
	q.waiting += len(p)
	if n := len(q.items); n > 0 {
		last := &q.items[n-1]
		if last.run == r && last.stream == stream && last.ev == nil && !last.last && len(last.text)+len(p) <= maxText {
			last.text = append(last.text, p...)
			q.reflect(r, stream, p)
			q.prompt()
			return
		}
	}
	q.items = append(q.items, item{run: r, stream: stream, text: append(make([]byte, 0, max(len(p), 256)), p...)})
	q.taken++
	q.reflect(r, stream, p)
	q.prompt()
}

// Mirror keeps a copy of queued text where it outlives the process, so that what
// was printed just before the Go runtime ended the process is not lost. Its
// methods are called one at a time.
type Mirror interface {
	// Text is queued as a part of the item of the queue with this number.
	Text(item uint64, run, stream int, p []byte)
	// Passed says that the items up to this number have left the process, and
	// whether the queue is empty.
	Passed(item uint64, empty bool)
}

// SetMirror says who keeps a copy of queued text. Call it before the first run.
func SetMirror(m Mirror) {
	out.mu.Lock()
	defer out.mu.Unlock()
	out.mirror = m
}

// reflect copies text of the newest item to the mirror. q.mu is held.
func (q *queue) reflect(r *Run, stream int, p []byte) {
	if q.mirror != nil {
		q.mirror.Text(q.taken, r.id, stream, p)
	}
}

func (q *queue) prompt() {
	if q.waiting >= eagerText {
		q.hurry()
	} else {
		q.arm()
	}
}

func outputNotice(r *Run) string {
	return fmt.Sprintf("\n[the rest of the output is dropped: %s wrote more than the limit of %s]\n", r.name, sizeText(r.cfg.Limits.Output))
}

func outputLimitError(r *Run) *eval.Error {
	return &eval.Error{Name: eval.LimitError, Value: "more than " + sizeText(r.cfg.Limits.Output) + " of output",
		Notes: []string{"Print less: every tenth or hundredth step of a long loop, say."}}
}

func sizeText(n int64) string {
	switch {
	case n >= 1<<30 && n%(1<<30) == 0:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

// event queues an event of a run and passes it on soon.
func (q *queue) event(r *Run, ev eval.Event) {
	ev.Cell = r.id
	q.mu.Lock()
	defer q.mu.Unlock()
	if rawPossible.Load() {
		drainRaw(q)
	}
	size := sizeOf(&ev)
	q.items = append(q.items, item{run: r, ev: &ev, size: size})
	q.taken++
	q.bytes += size
	if ev.Result == nil {
		q.hurry()
	} else { // the last thing that a cell does: its end comes before any hurry
		q.arm()
	}
}

// sizeOf estimates the memory that an event holds, in bytes.
func sizeOf(ev *eval.Event) int {
	size := eventSize
	for _, d := range []*eval.Display{ev.Display, ev.Result} {
		if d == nil {
			continue
		}
		for _, v := range d.Data {
			if text, ok := v.(string); ok {
				size += len(text)
			}
		}
	}
	if ev.Comm != nil {
		for _, b := range ev.Comm.Buffers {
			size += len(b)
		}
	}
	return size
}

// finish queues the end of a run, after which no rune is waited for.
func (q *queue) finish(r *Run) {
	q.mu.Lock()
	defer q.mu.Unlock()
	drainRaw(q)
	q.items = append(q.items, item{run: r, last: true})
	q.taken++
	q.bytes += eventSize
}

func (q *queue) dropped(r *Run) int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return r.text[stdout].dropped + r.text[stderr].dropped
}

// consume passes on what is queued, and again as long as more comes.
func (q *queue) consume() {
	if !q.pass() {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.rushed {
		q.call(flushDelay)
	}
}

// pass takes all items, gives them to the sink and says whether there were any.
func (q *queue) pass() bool {
	q.turn.Lock()
	defer q.turn.Unlock()
	q.mu.Lock()
	items := q.items
	q.items, q.waiting, q.rushed = nil, 0, false
	if len(items) == 0 {
		q.armed = false
	}
	sink := q.sink
	q.mu.Unlock()
	for i := range items {
		size := items[i].pass(sink)
		items[i] = item{}
		q.mu.Lock()
		q.passed++
		q.bytes -= size
		if q.mirror != nil {
			q.mirror.Passed(q.passed, q.passed == q.taken)
		}
		if q.space != nil && q.bytes < maxQueue/2 {
			close(q.space)
			q.space = nil
		}
		q.mu.Unlock()
	}
	return len(items) > 0
}

// pass gives one item to the sink and returns its size in the queue.
func (it *item) pass(sink func(eval.Event)) int {
	if it.ev != nil {
		sink(*it.ev)
		return it.size
	}
	if it.last {
		for stream := range it.run.text {
			if p := &it.run.text[stream].partial; len(*p) > 0 {
				sink(textEvent(it.run, stream, *p))
				*p = nil
			}
		}
		return eventSize
	}
	size := len(it.text)
	partial := &it.run.text[it.stream].partial
	text := it.text
	if len(*partial) > 0 {
		text = append(*partial, text...)
	}
	for len(text) > 0 {
		cut := wholeRunes(text[:min(len(text), maxText)])
		if cut == 0 {
			break
		}
		sink(textEvent(it.run, it.stream, text[:cut]))
		text = text[cut:]
	}
	*partial = append([]byte(nil), text...)
	return size
}

func textEvent(r *Run, stream int, text []byte) eval.Event {
	return eval.Event{Cell: r.id, Stream: &eval.Stream{Name: streamNames[stream], Text: strings.ToValidUTF8(string(text), "\uFFFD")}}
}

// wholeRunes is the length of p without a rune that is only begun at its end.
func wholeRunes(p []byte) int {
	for i := 1; i <= min(len(p), utf8.UTFMax-1); i++ {
		if b := p[len(p)-i]; utf8.RuneStart(b) {
			if !utf8.FullRune(p[len(p)-i:]) {
				return len(p) - i
			}
			break
		}
	}
	return len(p)
}

// writer is a stream of the run of whoever writes.
type writer int

func (w writer) Write(p []byte) (int, error) {
	out.write(current(), int(w), p)
	return len(p), nil
}

// WriteString spares fmt and io a copy.
func (w writer) WriteString(s string) (int, error) {
	return w.Write([]byte(s))
}

// rawPossible is set while code may write to descriptors 1 and 2 past this package.
var rawPossible atomic.Bool
