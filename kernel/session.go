package kernel

import (
	"context"
	"fmt"

	"braid/kernel/eval"
	"braid/kernel/session"
)

// Session is the notebook behind the kernel, as the kernel needs it; package
// session has the real one. All methods may be called at any time from any
// goroutine: Run of different subshells, and everything that only reads, while a
// cell runs.
type Session interface {
	// Run evaluates one cell. Cancelling ctx interrupts it; Run returns only when
	// the evaluation has ended. The sink stays valid after that, for what
	// goroutines of the cell emit later.
	Run(ctx context.Context, req session.Request, sink session.Sink) session.Outcome
	// Complete and Inspect count the cursor in code points.
	Complete(code string, cursor int) session.Completion
	Inspect(code string, cursor, detail int) session.Inspection
	IsComplete(code string) (status, indent string)
	// CommIn delivers a comm message of a front end.
	CommIn(c eval.Comm, sink session.Sink)
	// Comms returns the open comms, id → target name; target "" means all.
	Comms(target string) map[string]string
	// Close ends workers and their children.
	Close() error
}

// lazySession is a session that starts while the sockets already listen, so that
// kernel_info need not wait for a worker process.
type lazySession struct {
	ready   chan struct{}
	session Session
	err     error
}

// start calls open on a goroutine of its own, which ends when open returns.
func (l *lazySession) start(open func() (Session, error)) {
	l.ready = make(chan struct{})
	go func() {
		defer close(l.ready)
		defer func() {
			if r := recover(); r != nil {
				l.err = fmt.Errorf("starting the session panicked: %v", r)
			}
		}()
		l.session, l.err = open()
	}()
}

// get waits for the session. An error is final: the kernel must be restarted.
func (l *lazySession) get() (Session, error) {
	<-l.ready
	if l.err != nil {
		return nil, fmt.Errorf("the kernel could not start its session (%w); restart the kernel", l.err)
	}
	return l.session, nil
}
