package trace

import (
	"slices"
	"sync"
	"time"
)

// Kind names what an event shows. The values are the names that exported
// traces carry.
type Kind string

// Spans have a duration, the others happen at one time.
const (
	Run      Kind = "run"      // span: executes; under a GIL: holds it
	WaitGIL  Kind = "wait-gil" // span: could run, but waits for the GIL
	NativeIn Kind = "native"   // span: compiled code, GIL released
	HoldIn   Kind = "hold"     // span: compiled code that keeps the GIL
	Blocked  Kind = "blocked"  // span: waits for a lock, I/O, a sleep; Name says for what
	Callback Kind = "callback" // span: one callback or task step of an event loop
	Select   Kind = "select"   // span: the loop waits for I/O and timers
	Suspend  Kind = "suspend"  // span: a task waits; Name is the reason
	Pickle   Kind = "pickle"   // span: Value is the bytes
	Unpickle Kind = "unpickle" // span: Value is the bytes
	Pipe     Kind = "pipe"     // span: bytes on their way between processes
	Startup  Kind = "startup"  // span: a process or thread comes up

	DropRequest Kind = "drop-request" // somebody asks the holder to drop the GIL
	Drop        Kind = "drop"         // the holder obeys at a check point
	Switch      Kind = "switch"       // the GIL changes hands; Value is the switch number
	CheckPoint  Kind = "check-point"  // the eval breaker was looked at
	Start       Kind = "start"        // a thread, task or process begins
	Finish      Kind = "finish"       // it ends
	Refs        Kind = "refs"         // counter: Value is the reference count, Truth the references that exist
	Free        Kind = "free"         // an object is freed
	UseAfter    Kind = "use-after-free"
	Leak        Kind = "leak"
	Merge       Kind = "merge" // a queued reference count is merged by its owner
	Ready       Kind = "ready" // counter: length of the loop's ready queue
	Wake        Kind = "wake"  // flow: an event makes somebody else runnable
	Note        Kind = "note"
)

// Track is where an event is drawn: a lane of a process.
type Track struct {
	Process int    // 0 is the parent, workers count from 1
	Lane    int    // thread or task number in the process
	Name    string // "Thread-1 (worker)", "Task-3"
}

// Event is one thing that happened. At counts from the begin of the run, on
// the clock of its World.
type Event struct {
	Kind  Kind
	Track Track
	At    time.Duration
	Dur   time.Duration // spans only
	Name  string        // what a person reads, may be empty
	Value float64       // counters, bytes, numbers
	Truth float64       // Refs only
	Flow  uint64        // joins a cause (Wake, DropRequest) with its effect; 0 none
}

// End is the time at which a span ends.
func (e Event) End() time.Duration { return e.At + e.Dur }

// Recorder collects events, in order of their recording. Its methods are safe
// for concurrent use and do nothing on a nil Recorder, so models need not ask
// whether anybody listens.
type Recorder struct {
	// Name is what pictures of several runs call this one; may be empty.
	Name string
	// Virtual tells which clock At and Dur are on.
	Virtual bool
	// Limit bounds the number of events (1,000,000 if zero); Dropped counts
	// what came after.
	Limit int

	mu      sync.Mutex
	events  []Event
	dropped int
	flows   uint64
}

const defaultLimit = 1_000_000

// Add records an event.
func (r *Recorder) Add(e Event) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	limit := r.Limit
	if limit == 0 {
		limit = defaultLimit
	}
	if len(r.events) >= limit {
		r.dropped++
		return
	}
	r.events = append(r.events, e)
}

// NewFlow returns an id that joins a cause with its effect.
func (r *Recorder) NewFlow() uint64 {
	if r == nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flows++
	return r.flows
}

// Begin counts the clock from an event on: it returns the events with times
// relative to the earliest one. See Events.
func Begin(events []Event) []Event {
	if len(events) == 0 {
		return nil
	}
	first := events[0].At
	for _, e := range events {
		first = min(first, e.At)
	}
	moved := slices.Clone(events)
	for i := range moved {
		moved[i].At -= first
	}
	return moved
}

// Tracks lists the tracks of events by process and lane. If a track has several
// names, the first one counts.
func Tracks(events []Event) []Track {
	type place struct{ process, lane int }
	seen := map[place]bool{}
	var all []Track
	for _, e := range events {
		at := place{e.Track.Process, e.Track.Lane}
		if !seen[at] {
			seen[at] = true
			all = append(all, e.Track)
		}
	}
	slices.SortStableFunc(all, func(a, b Track) int {
		if a.Process != b.Process {
			return a.Process - b.Process
		}
		return a.Lane - b.Lane
	})
	return all
}

// Request is a drop request for the GIL with the drop that obeyed it.
type Request struct {
	Asked   Event
	Dropped Event // zero if nobody obeyed: the holder released the GIL by itself
}

// Delay is the time from request to drop: how long the holder went on to its
// next check point. Zero if nobody obeyed.
func (r Request) Delay() time.Duration {
	if r.Dropped.Kind == "" {
		return 0
	}
	return r.Dropped.At - r.Asked.At
}

// Requests pairs each drop request with the next drop by the thread it names,
// unless the lock changed hands otherwise before.
func Requests(events []Event) []Request {
	var all []Request
	open := map[string][]int{} // holder's name → requests nobody obeyed yet
	for _, e := range events {
		switch e.Kind {
		case DropRequest:
			all = append(all, Request{Asked: e})
			open[e.Name] = append(open[e.Name], len(all)-1)
		case Drop:
			for _, i := range open[e.Track.Name] {
				all[i].Dropped = e
			}
			delete(open, e.Track.Name)
		case Switch:
			clear(open)
		}
	}
	return all
}

// Events returns a copy of what was recorded.
func (r *Recorder) Events() []Event {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Event(nil), r.events...)
}

// Dropped is the number of events beyond Limit.
func (r *Recorder) Dropped() int {
	if r == nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dropped
}
