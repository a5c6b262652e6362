// Package errgroup is what learners get when they import
// "golang.org/x/sync/errgroup": a Group with the names, methods and behaviour of
// that package (v0.24.0), importable without a network. Its goroutines belong to
// the run of the cell that starts them, its waits listen to interrupts and are
// seen by the deadlock detector of package host, which those of a compiled copy
// would not.
package errgroup

import (
	"context"
	"fmt"
	gosync "sync"

	"braid/kernel/eval/host/internal/park"
	"braid/kernel/eval/host/sync"
)

// A Group is a number of goroutines that work on parts of one task. The zero
// Group is empty, has no limit, and cancels nothing when a part fails. A Group
// must not be copied after its first use.
type Group struct {
	cancel func(error)
	wg     sync.WaitGroup

	mu      gosync.Mutex // never held while learner code runs
	limited bool
	limit   int
	active  int             // goroutines under the limit
	queue   []chan struct{} // calls of Go that wait for a place, first come first served
	failed  bool
	err     error
}

// WithContext returns a Group and a Context made from ctx, which is cancelled
// when a function given to Go first returns an error (context.Cause then gives
// it) or when Wait first returns, whichever comes first.
func WithContext(ctx context.Context) (*Group, context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	return &Group{cancel: cancel}, ctx
}

// Wait waits until every function given to Go has returned, and returns the
// first error that one of them returned, or nil.
func (g *Group) Wait() error {
	g.wg.Wait()
	g.mu.Lock()
	err := g.err
	g.mu.Unlock()
	if g.cancel != nil {
		g.cancel(err)
	}
	return err
}

// Go calls f on a new goroutine, when there are fewer than the limit set by
// SetLimit; until then it waits. The first error that such a function returns
// cancels the group's Context, if it has one, and is what Wait returns.
func (g *Group) Go(f func() error) {
	g.mu.Lock()
	if !g.limited || g.active < g.limit {
		g.active++
		g.mu.Unlock()
		g.start(f)
		return
	}
	ready := make(chan struct{}, 1)
	g.queue = append(g.queue, ready)
	g.mu.Unlock()
	if interrupted := park.Wait("errgroup.Group.Go", ready); interrupted != nil {
		g.leave(ready)
		park.Raise(interrupted)
	}
	g.start(f)
}

// leave takes an interrupted call of Go from the queue, or passes on the place
// that it was given at the same moment.
func (g *Group) leave(ready chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, r := range g.queue {
		if r == ready {
			g.queue = append(g.queue[:i], g.queue[i+1:]...)
			return
		}
	}
	g.release()
}

// release gives a place to the first call of Go that waits. g.mu is held.
func (g *Group) release() {
	if len(g.queue) == 0 {
		g.active--
		return
	}
	first := g.queue[0]
	g.queue = g.queue[1:]
	first <- struct{}{}
}

// TryGo calls f on a new goroutine if there are fewer than the limit, and says
// whether it does.
func (g *Group) TryGo(f func() error) bool {
	g.mu.Lock()
	ok := !g.limited || g.active < g.limit
	if ok {
		g.active++
	}
	g.mu.Unlock()
	if ok {
		g.start(f)
	}
	return ok
}

func (g *Group) start(f func() error) {
	g.wg.Add(1)
	park.Go(func() {
		defer g.done()
		if err := f(); err != nil {
			g.fail(err)
		}
	})
}

func (g *Group) done() {
	g.mu.Lock()
	g.release()
	g.mu.Unlock()
	g.wg.Done()
}

// fail keeps the first error.
func (g *Group) fail(err error) {
	g.mu.Lock()
	first := !g.failed
	if first {
		g.failed, g.err = true, err
	}
	g.mu.Unlock()
	if first && g.cancel != nil {
		g.cancel(err)
	}
}

// SetLimit lets at most n goroutines of the group run at a time; with n = 0 none
// can be started, with a negative n there is no limit. It panics when goroutines
// of a group that has a limit are running.
func (g *Group) SetLimit(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if n < 0 {
		g.limited = false
		return
	}
	if g.limited && g.active != 0 {
		panic(fmt.Errorf("errgroup: modify limit while %v goroutines in the group are still active", g.active))
	}
	g.limited, g.limit = true, n
}
