package runtime

import (
	"fmt"
	"sync"
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
	mu       sync.Mutex
	owned    map[int]owned // guarded by mu
	next     int
	warnings []Warning
}

type owned struct {
	what string // "thread Thread-1 (worker)"
	stop func() // interrupts it; must not block for long
}

// NewScope returns an empty scope.
func NewScope() *Scope { return &Scope{owned: map[int]owned{}} }

// Own registers a living thing; release forgets it when it has ended by itself.
// stop is called, once, if the scope ends first.
func (s *Scope) Own(what string, stop func()) (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	id := s.next
	s.owned[id] = owned{what, stop}
	return func() {
		s.mu.Lock()
		delete(s.owned, id)
		s.mu.Unlock()
	}
}

// Warn records a warning.
func (s *Scope) Warn(category, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.warnings = append(s.warnings, Warning{category, fmt.Sprintf(format, args...)})
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
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for id := 1; id <= s.next; id++ {
		if o, ok := s.owned[id]; ok {
			list = append(list, o.what)
		}
	}
	return list
}

// End stops everything that is left, newest first (a coroutine before the loop
// that drives it), and returns its list.
func (s *Scope) End() []string {
	left := s.Living()
	for {
		s.mu.Lock()
		var newest owned
		id := s.next
		for ; id > 0; id-- {
			if o, ok := s.owned[id]; ok {
				newest = o
				delete(s.owned, id)
				break
			}
		}
		s.mu.Unlock()
		if id == 0 {
			return left
		}
		newest.stop()
	}
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
