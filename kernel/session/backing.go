package session

import (
	"context"
	"errors"
	"fmt"
	"go/token"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"braid/kernel/cell"
	"braid/kernel/check"
	"braid/kernel/eval"
	"braid/kernel/lower"
	"braid/kernel/worker"
)

// backing is the worker behind the session, from the decision to start one to
// its end. When it ends, another takes its place.
type backing struct {
	ready   chan struct{} // closed when worker or err is there
	worker  *worker.Worker
	err     error
	running atomic.Int32 // runs that will hear of a death by themselves

	over     chan struct{} // closed when the end was dealt with
	obituary *eval.Error   // then: what the cells that ran are told
	run      int           // then: the run whose goroutine caused it, or zero
}

// launch starts a worker in the background and gives it what earlier cells have
// declared. s.check is held, or s is new.
func (s *Session) launch(restore []*eval.Program) *backing {
	b := &backing{ready: make(chan struct{}), over: make(chan struct{})}
	place := s.place
	s.work.Go(func() {
		b.worker, b.err = s.start(place, restore)
		close(b.ready)
		if b.err != nil {
			close(b.over)
			return
		}
		<-b.worker.Gone()
		s.bury(b)
		b.worker.Close() // joins its goroutines
	})
	return b
}

func (s *Session) start(place worker.Place, restore []*eval.Program) (*worker.Worker, error) {
	opts := s.opts.Worker
	opts.Engine, opts.OnEvent, opts.OnInput, opts.OnDeclare = s.opts.Engine, s.event, s.input, s.declarations
	w, err := worker.Start(s.life, opts)
	if err != nil {
		return nil, err
	}
	if place.Dir != "" || len(place.Set)+len(place.Unset) > 0 {
		_, err = w.Place(s.life, place)
	}
	for _, p := range restore {
		if err != nil {
			break
		}
		s.register(p.ID, &sinkOf{restore: true})
		var end *worker.Ended
		if end, err = w.Run(s.life, p); err == nil && end.Error != nil {
			err = fmt.Errorf("the declarations of %s could not be restored: %w", p.Name, end.Error)
		}
	}
	if err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// live waits for the worker. A worker that could not be started is tried again
// by the next call.
func (s *Session) live(ctx context.Context) (*worker.Worker, error) {
	s.check.Lock()
	b := s.backing
	s.check.Unlock()
	if err := s.await(ctx, b); err != nil {
		return nil, err
	}
	return b.worker, nil
}

// await waits for a backing to be ready.
func (s *Session) await(ctx context.Context, b *backing) error {
	select {
	case <-b.ready:
		return b.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ensure returns the backing for the next run, ready. s.check is held.
func (s *Session) ensure(ctx context.Context) (*backing, error) {
	if s.closed {
		return nil, errClosed
	}
	b := s.backing
	if err := s.await(ctx, b); err == nil || ctx.Err() != nil {
		return b, err
	}
	b = s.launch(s.rebuild("")) // the last start has failed
	s.backing = b
	return b, s.await(ctx, b)
}

var errClosed = errors.New("the session is closed")

// bury deals with the end of a worker: another one takes its place, with what
// could be restored.
func (s *Session) bury(b *backing) {
	death := b.worker.Death()
	b.obituary, b.run = death.Err, death.Run
	s.check.Lock()
	unexpected := s.backing == b && !s.closed
	if unexpected {
		s.closeComms()
		died := s.victim(b)
		old := s.journal
		s.backing = s.launch(s.rebuild(died))
		e := *death.Err
		e.Notes = append(slices.Clone(e.Notes), s.journal.inventory(old)...)
		b.obituary = &e
	}
	s.check.Unlock()
	close(b.over)
	if unexpected && b.running.Load() == 0 {
		s.late(b)
	}
}

// victim is the name of the cell that a death belongs to: the one whose
// goroutine caused it, or else the latest that ran.
func (s *Session) victim(b *backing) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if to := s.runs[b.run]; to != nil && b.running.Load() == 0 {
		return to.name
	}
	if s.latest != nil {
		return s.latest.name
	}
	return ""
}

// late reports a death while no cell ran, to the cell that caused it.
func (s *Session) late(b *backing) {
	s.mu.Lock()
	to := s.runs[b.run]
	if to == nil || to.sink == nil {
		to = s.latest
	}
	s.mu.Unlock()
	if to != nil {
		s.tell(to, eval.Event{Cell: b.run, Error: b.obituary})
	}
}

// closeComms tells front ends that the cells' ends of all comms are gone.
func (s *Session) closeComms() {
	s.mu.Lock()
	open := s.comms
	s.comms = map[string]string{}
	to := s.latest
	s.mu.Unlock()
	for id := range open {
		if to != nil {
			to.sink.Emit(eval.Event{Comm: &eval.Comm{Kind: "close", ID: id, Data: map[string]any{}}})
		}
	}
}

// rebuild makes the state that a new worker can have: the declarations of all
// cells that need no variable. It returns them as programs. died is the cell
// during which the old worker ended. s.check is held.
func (s *Session) rebuild(died string) []*eval.Program {
	old := s.journal
	list := old.replays()
	packages, problems := s.stillKnown()
	s.clear()
	im := s.importer.Load()
	im.Strict() // the new worker must not find anything else
	im.Add(packages...)
	for path, why := range problems {
		im.Fail(path, why)
	}
	var programs []*eval.Program
	for _, r := range list {
		c, ds := cell.Parse(s.fset, r.name, r.source)
		if hasErrors(ds) {
			continue
		}
		checked, _ := s.state.Check(c)
		if checked == nil {
			continue // it needs something that is lost
		}
		p := &eval.Program{ID: s.nextID(), Name: r.name, Source: r.source, Restore: true, Packages: s.packagesOf(c)}
		if s.lower(p, checked) != nil {
			continue
		}
		programs = append(programs, p)
		s.state = checked.Next
		s.journal.record(checked)
	}
	s.journal.lost = old.lost
	for name, b := range old.bound {
		if _, kept := s.journal.bound[name]; !kept {
			s.journal.lost[name] = loss{b.cell, died}
		}
	}
	s.publish()
	return programs
}

// declarations are programs that bring what cells have declared so far, and what
// needs no variable, to the worker processes of a pool.
func (s *Session) declarations() (worker.Declarations, error) {
	if s.opts.Engine == loweredEngine {
		return worker.Declarations{}, fmt.Errorf("the engine %s cannot bring declarations to other processes", s.opts.Engine)
	}
	s.check.Lock()
	defer s.check.Unlock()
	d := worker.Declarations{Missing: s.journal.missing()}
	for _, r := range s.journal.replays() {
		c, _ := cell.Parse(token.NewFileSet(), r.name, r.source)
		d.Programs = append(d.Programs, &eval.Program{ID: s.nextID(), Name: r.name, Source: r.source, Restore: true, Packages: s.packagesOf(c)})
	}
	return d, nil
}

func hasErrors(ds []cell.Diagnostic) bool {
	return slices.ContainsFunc(ds, func(d cell.Diagnostic) bool { return d.Severity == cell.Error })
}

// lower rewrites p, which was checked, for an engine that needs it. s.check is held.
func (s *Session) lower(p *eval.Program, c *check.Checked) *eval.Error {
	if s.lowerer == nil {
		return nil
	}
	lowered, err := s.lowerer.Lower(lower.Input{
		ID: p.ID, Name: p.Name, Fset: s.fset, File: c.File, Entry: c.Entry, Info: c.Info, Pkg: c.Pkg,
		Show: c.Show, Results: c.Results, Rebinds: c.Rebinds,
	})
	if err != nil {
		return err
	}
	p.Lowered, p.Entry = lowered.Lowered, lowered.Entry
	return nil
}

// inventory says in notes what of old is in j, and what is not.
func (j *journal) inventory(old *journal) []string {
	var kept, lost []string
	for _, name := range old.names() {
		if _, ok := j.bound[name]; ok {
			kept = append(kept, name)
		} else {
			lost = append(lost, name)
		}
	}
	var notes []string
	if len(lost) > 0 {
		notes = append(notes, "Lost with the worker: "+listed(lost, func(n string) string { return old.bound[n].cell })+". Run these cells again.")
	}
	if len(kept) > 0 {
		notes = append(notes, "Still there: "+listed(kept, func(string) string { return "" })+".")
	}
	return notes
}

// replace starts another worker in place of the present one, and ends that.
func (s *Session) replace(forget bool) (*journal, *journal) {
	s.check.Lock()
	old, before := s.backing, s.journal
	if forget {
		s.modules.Reset()
		s.clear()
		s.backing = s.launch(nil)
	} else {
		s.backing = s.launch(s.rebuild(""))
	}
	after := s.journal
	s.closeComms()
	s.check.Unlock()
	<-old.ready
	if old.worker != nil {
		old.worker.Close()
	}
	return before, after
}

// ago writes an age in its largest unit.
func ago(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < time.Second:
		return "just now"
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	}
	return strings.TrimSuffix(d.Truncate(time.Minute).String(), "0s") + " ago"
}
