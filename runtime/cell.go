package runtime

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Warning is what CPython's warnings module would print, collected instead,
// so that a notebook can show it when the cell has ended.
type Warning struct {
	Category string // "RuntimeWarning"
	Message  string // "coroutine 'f' was never awaited"
}

func (w Warning) String() string { return w.Category + ": " + w.Message }

// Scope owns what modelled programs start: coroutines, threads, worker
// processes, loops. Ending a scope stops and lists what is left, so nothing
// leaks from one notebook cell, test or request into the next. The kernel has
// one scope a cell; a plain Go program has one for its whole life, Default.
type Scope struct {
	// Outlives is where threads, and all things of a scope that was told to Keep
	// them, go on to live when this scope ends; nil: they end with it. A notebook
	// kernel sets it to the scope of the session.
	Outlives *Scope
	// Warned, if set, gets the warnings that come after the scope has ended, from
	// what outlives it. It is called on the warning goroutine.
	Warned func(w Warning)

	mu       sync.Mutex
	owned    map[int]*owned // guarded by mu
	next     int            // guarded by mu
	warnings []Warning      // guarded by mu
	keep     bool           // guarded by mu; see Keep
	ended    bool           // guarded by mu
}

type owned struct {
	what    string // "thread Thread-1 (worker)"
	stop    func() // ends it; must not block for long
	anytime bool   // stop may be called while it runs
	since   time.Time
	lasting bool   // it outlives the scope if that has somewhere to live on
	home    *Scope // guarded by houses; who lists it
	id      int    // guarded by houses; its number there
	gone    bool   // guarded by houses
}

// NewScope returns an empty scope.
func NewScope() *Scope { return &Scope{owned: map[int]*owned{}} }

// Own registers a thing that does nothing by itself, such as a suspended
// coroutine; release forgets it when it has ended. stop is called, once, if the
// scope ends first, when nobody runs it.
func (s *Scope) Own(what string, stop func()) (release func()) {
	return s.own(&owned{what: what, stop: stop})
}

// OwnRunning registers a thing that runs: a loop, a worker process. stop may be
// called from any goroutine at any time, also by Interrupt, and more than once.
func (s *Scope) OwnRunning(what string, stop func()) (release func()) {
	return s.own(&owned{what: what, stop: stop, anytime: true})
}

// OwnThread registers a thread. As in a Python session it goes on when the cell
// that started it has ended, until the user interrupts or the kernel restarts,
// if the scope has somewhere to live on; else it is as with OwnRunning.
func (s *Scope) OwnThread(what string, stop func()) (release func()) {
	return s.own(&owned{what: what, stop: stop, anytime: true, lasting: true})
}

func (s *Scope) own(o *owned) (release func()) {
	o.since = time.Now()
	s.adopt(o)
	return func() {
		houses.Lock()
		o.gone = true
		home, id := o.home, o.id
		houses.Unlock()
		home.mu.Lock()
		delete(home.owned, id)
		home.mu.Unlock()
	}
}

// houses guards where things live: they may move when a scope ends.
var houses sync.Mutex

func (s *Scope) adopt(o *owned) {
	s.mu.Lock()
	if s.ended && s.Outlives != nil { // started by what outlives the scope
		s.mu.Unlock()
		s.Outlives.adopt(o)
		return
	}
	defer s.mu.Unlock()
	houses.Lock()
	defer houses.Unlock()
	if o.gone {
		return
	}
	s.next++
	o.id, o.home = s.next, s
	s.owned[o.id] = o
}

// Keep lets all that the scope owns, now and later, live on when it ends.
func (s *Scope) Keep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep = true
}

// Keep lets coroutines, executors and whatever else the running cell starts live
// on when the cell has ended, for later cells to use; without it only threads
// do. What is kept ends with the kernel. In a plain Go program nothing changes:
// there is no cell that ends.
func Keep() { CurrentScope().Keep() }

// Warn records a warning.
func (s *Scope) Warn(category, format string, args ...any) {
	w := Warning{category, fmt.Sprintf(format, args...)}
	s.mu.Lock()
	late := s.ended && s.Warned != nil
	if !late {
		s.warnings = append(s.warnings, w)
	}
	s.mu.Unlock()
	if late {
		s.Warned(w)
	}
}

// Warnings returns what was recorded since the last call, in order, and
// forgets it.
func (s *Scope) Warnings() []Warning {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.warnings
	s.warnings = nil
	return w
}

// Living lists what is owned, in order of creation.
func (s *Scope) Living() []string {
	var list []string
	for _, o := range s.list() {
		list = append(list, o.what)
	}
	return list
}

// Each tells of what is owned, in order of creation, and since when it has been
// there.
func (s *Scope) Each(f func(what string, since time.Time)) {
	for _, o := range s.list() {
		f(o.what, o.since)
	}
}

// Running counts what runs: threads, loops, worker processes.
func (s *Scope) Running() int {
	n := 0
	for _, o := range s.list() {
		if o.anytime {
			n++
		}
	}
	return n
}

// list gives what is owned, the oldest first.
func (s *Scope) list() []*owned {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*owned, 0, len(s.owned))
	for _, o := range s.owned {
		all = append(all, o)
	}
	houses.Lock()
	defer houses.Unlock()
	slices.SortFunc(all, func(a, b *owned) int { return a.id - b.id })
	return all
}

// Interrupt stops what runs, newest first, and leaves the rest for End. Safe from
// anywhere; it does not wait for what it stops.
func (s *Scope) Interrupt() {
	for _, o := range slices.Backward(s.list()) {
		if o.anytime {
			o.stop()
		}
	}
}

// End stops everything that is left, newest first (a coroutine before the loop
// that drives it), and returns its list. What is to outlive the scope moves on
// instead. Whatever stopping starts, such as the cleanup of a coroutine, is
// ended too.
func (s *Scope) End() []string { return s.end(s.moves) }

// EndEmpty ends the scope if it owns nothing, and reports whether that is so. It
// stops nothing, so it may be called anywhere.
func (s *Scope) EndEmpty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = s.ended || len(s.owned) == 0
	return len(s.owned) == 0
}

// Abort is End for a program that was interrupted: nothing outlives it.
func (s *Scope) Abort() []string { return s.end(func(*owned) bool { return false }) }

func (s *Scope) end(moves func(*owned) bool) []string {
	var left []string
	var moving []*owned
	for batch := s.list(); len(batch) > 0; batch = s.list() {
		for _, o := range slices.Backward(batch) {
			switch {
			case !s.remove(o): // it ended meanwhile
			case moves(o):
				moving = append(moving, o)
			default:
				left = append(left, o.what)
				o.stop()
			}
		}
	}
	for _, o := range slices.Backward(moving) {
		s.Outlives.adopt(o)
	}
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	slices.Reverse(left)
	return left
}

func (s *Scope) moves(o *owned) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Outlives != nil && (o.lasting || s.keep)
}

func (s *Scope) remove(o *owned) (was bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	houses.Lock()
	id, gone := o.id, o.gone
	houses.Unlock()
	delete(s.owned, id)
	return !gone
}

var (
	scopeMu sync.Mutex
	// current finds the scope of the calling goroutine; a kernel sets it once.
	current = func() *Scope { return nil }
	// Default is the scope of programs without a kernel.
	Default = NewScope()
)

// SetCurrentScope tells the runtime how to find the scope of the calling
// goroutine. It is for hosts such as a notebook kernel, before any cell runs.
func SetCurrentScope(find func() *Scope) {
	scopeMu.Lock()
	defer scopeMu.Unlock()
	current = find
}

// CurrentScope is the scope of the calling goroutine.
func CurrentScope() *Scope {
	scopeMu.Lock()
	find := current
	scopeMu.Unlock()
	if s := find(); s != nil {
		return s
	}
	return Default
}
