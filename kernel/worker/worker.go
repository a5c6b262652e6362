package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"braid/kernel/eval"
)

// Options say how to start a worker and where what it says goes.
type Options struct {
	// Argv is the command; empty means this program with the argument "worker".
	// Whatever it is, it must end up in Main.
	Argv []string
	// Dir is the working directory of the learner's code, Env its environment;
	// empty values mean those of this process.
	Dir string
	Env []string
	// Engine is the name of an engine in the table that the child gives Main.
	Engine string
	Limits eval.Limits
	// Grace is how long a run may go on after it was interrupted, and a worker
	// after it was asked to end; zero means DefaultGrace.
	Grace time.Duration

	// OnEvent receives everything runs emit, in order, on one goroutine. While
	// it blocks, the worker's output waits; it must not call Run.
	OnEvent func(eval.Event)
	// OnInput answers a question of a running program; ctx ends with the run.
	// Without it every question is refused.
	OnInput func(ctx context.Context, in eval.InputRequest) (string, error)
	// OnDeclare gives what brings the declarations of cells to another
	// worker: for process pools, which have none without it. It may be called
	// while programs run.
	OnDeclare func() (Declarations, error)
}

// DefaultGrace leaves room within the four seconds after which nbclient gives
// up on an interrupted cell.
const DefaultGrace = 2 * time.Second

// startTimeout bounds the time from spawning to the child's first frame. A
// healthy child needs some 10 ms; a machine may be loaded.
const startTimeout = 30 * time.Second

// Ended is what became of a run.
type Ended struct {
	Error  *eval.Error
	Census []Goroutine // goroutines of this run that go on
	// Abandoned reports that the run was interrupted but sits in a call that
	// does not listen; it ends at its next checkpoint, in the background.
	Abandoned bool
}

// Death says why a worker is gone. Variables went with it.
type Death struct {
	Err *eval.Error // in the learner's terms
	// Run is the Program.ID of the run whose goroutine ended the process, zero
	// if that can't be told.
	Run int
	// Text is what the Go runtime printed, at most 64 KiB of it.
	Text string
}

func (d *Death) Error() string { return "the worker ended: " + d.Err.Value }

// Worker is one child process. Its methods may be called from several goroutines.
type Worker struct {
	opts  Options
	cmd   *exec.Cmd
	mark  string // value of markVariable in the environment of all descendants
	out   frameWriter
	pipes pipes
	ready chan ready // receives the child's answer to hello

	readers sync.WaitGroup // reader, crash reader
	extras  sync.WaitGroup // sampler, inputs
	crash   crashText

	latest  atomic.Uint32                // the run begun last
	ahead   atomic.Pointer[eval.Program] // what the child prepares
	mu      sync.Mutex
	runs    map[uint32]*Run
	asked   map[uint32]chan []byte // questions of ours, by id
	lastAsk uint32
	cause   *eval.Error // why we killed it, nil if we did not

	gone   context.Context // done when the child is gone and all it wrote delivered; the cause is a *Death
	isGone context.CancelCauseFunc
	joined chan struct{} // closed when no goroutine of the Worker is left
}

// Run is a program that was begun.
type Run struct {
	worker    *Worker
	id        uint32
	ended     chan ended  // capacity 1
	reply     chan []byte // to a call; capacity 1
	ctx       context.Context
	stop      context.CancelFunc
	abandoned bool // guarded by Worker.mu
}

// Start spawns a worker and waits until it can run programs, some 10 ms.
// Cancelling ctx gives up the start; it does not end a worker that has started.
func Start(ctx context.Context, opts Options) (*Worker, error) {
	if len(opts.Argv) == 0 {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("worker: %w", err)
		}
		opts.Argv = []string{self, "worker"}
	}
	if opts.Grace <= 0 {
		opts.Grace = DefaultGrace
	}
	w := &Worker{
		opts:   opts,
		ready:  make(chan ready, 1),
		runs:   map[uint32]*Run{},
		asked:  map[uint32]chan []byte{},
		joined: make(chan struct{}),
	}
	w.gone, w.isGone = context.WithCancelCause(context.Background())
	if err := w.spawn(); err != nil {
		return nil, fmt.Errorf("worker: can't start %q: %w", opts.Argv[0], err)
	}
	if err := w.greet(ctx); err != nil {
		w.kill(&eval.Error{Name: eval.WorkerLost, Value: err.Error()})
		w.Close()
		return nil, err
	}
	return w, nil
}

func (w *Worker) spawn() error {
	w.mark = newMark()
	cmd, ps, err := command(w.opts, w.mark)
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		ps.closeAll()
		return err
	}
	ps.closeChildEnds()
	w.cmd, w.pipes = cmd, ps
	w.out.w = ps.toChild
	w.readers.Go(w.read)
	w.readers.Go(func() { w.crash.read(ps.crash, w.lastWords) })
	go w.bury()
	if w.opts.Limits.Memory > 0 {
		w.extras.Go(w.watchMemory)
	}
	return nil
}

func (w *Worker) greet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	w.out.writeJSON(kindHello, 0, hello{Version: linkVersion, Engine: w.opts.Engine, Limits: w.opts.Limits})
	select {
	case r := <-w.ready:
		if r.Refused != "" {
			return fmt.Errorf("worker: %s", r.Refused)
		}
		if r.Version != linkVersion {
			return fmt.Errorf("worker: %q speaks version %d of the link, this program version %d: install one version of braid everywhere", w.opts.Argv[0], r.Version, linkVersion)
		}
		w.pipes.taps = [2]*os.File{tap(w.PID(), 1), tap(w.PID(), 2)}
		return nil
	case <-w.gone.Done():
		return fmt.Errorf("worker: %q ended before it was ready: %w", w.opts.Argv[0], context.Cause(w.gone))
	case <-ctx.Done():
		return fmt.Errorf("worker: %q was not ready in time: %w", w.opts.Argv[0], context.Cause(ctx))
	}
}

// PID is the process id of the child.
func (w *Worker) PID() int { return w.cmd.Process.Pid }

// Gone is closed when the process has ended and all it wrote was delivered.
func (w *Worker) Gone() <-chan struct{} { return w.gone.Done() }

// Death says why the process ended; nil while it lives.
func (w *Worker) Death() *Death {
	d, _ := context.Cause(w.gone).(*Death)
	return d
}

// Run runs p to its end: Begin and Wait. An empty program takes some 60 µs.
func (w *Worker) Run(ctx context.Context, p *eval.Program) (*Ended, error) {
	r, err := w.Begin(p)
	if err != nil {
		return nil, err
	}
	return r.Wait(ctx)
}

// Prepare lets the worker compile p while the caller still finds out whether it is
// to run: Begin begins it, the next Prepare or the Begin of another program
// forgets it. Whoever prepares programs calls Prepare and Begin one at a time. A
// failure shows at Begin.
func (w *Worker) Prepare(p *eval.Program) {
	if err := w.out.writeJSON(kindPrepare, uint32(p.ID), p); err == nil {
		w.ahead.Store(p)
	}
}

// Begin hands p over to the worker. Programs reach the engine in the order of
// the calls of Begin.
func (w *Worker) Begin(p *eval.Program) (*Run, error) {
	if w.ahead.Swap(nil) == p {
		return w.begin(kindRun, uint32(p.ID), nil)
	}
	body, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	return w.begin(kindRun, uint32(p.ID), body)
}

// Shell runs a command line with the shell, in the learner's working directory
// and environment, as the run id: its output are events of that run, and it is
// interrupted and limited like a program.
func (w *Worker) Shell(ctx context.Context, id int, command string) (*Ended, error) {
	return w.run(ctx, kindShell, uint32(id), []byte(command))
}

// Comm delivers a comm message of the front end, as the run id, to the handler
// that a cell has registered, and returns when that has returned. A message for
// which there is no handler ends with an Error named UnknownComm.
func (w *Worker) Comm(ctx context.Context, id int, c eval.Comm) (*Ended, error) {
	body, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	return w.run(ctx, kindCommIn, uint32(id), body)
}

// UnknownComm is the name of the error for a comm that nobody here has opened,
// or a target that nobody has registered.
const UnknownComm = "UnknownComm"

func (w *Worker) run(ctx context.Context, k kind, id uint32, body []byte) (*Ended, error) {
	r, err := w.begin(k, id, body)
	if err != nil {
		return nil, err
	}
	return r.Wait(ctx)
}

// Wait returns when the run has ended. Cancelling ctx interrupts it: deferred
// calls run, state stays. The error is nil or a *Death. Call it once.
func (r *Run) Wait(ctx context.Context) (*Ended, error) {
	w, id := r.worker, r.id
	defer w.finish(id, r)
	var expired <-chan time.Time
	if s := w.opts.Limits.Seconds; s > 0 {
		t := time.NewTimer(time.Duration(s*float64(time.Second)) + w.opts.Grace)
		defer t.Stop()
		expired = t.C
	}
	select {
	case e := <-r.ended:
		return &Ended{Error: e.Error, Census: e.Census}, nil
	case <-w.gone.Done():
		return w.lastAnswer(r)
	case <-ctx.Done():
		return w.interrupt(id, r)
	case <-expired:
		return w.expire(r)
	}
}

func (w *Worker) begin(k kind, id uint32, body []byte) (*Run, error) {
	r := &Run{worker: w, id: id, ended: make(chan ended, 1), reply: make(chan []byte, 1)}
	r.ctx, r.stop = context.WithCancel(context.Background())
	w.mu.Lock()
	if w.runs[id] != nil {
		w.mu.Unlock()
		return nil, fmt.Errorf("worker: run %d is running already", id)
	}
	w.runs[id] = r
	w.mu.Unlock()
	w.latest.Store(id)
	if err := w.out.write(k, id, body); err != nil {
		select {
		case <-w.gone.Done():
		case <-time.After(w.opts.Grace):
			w.kill(&eval.Error{Name: eval.WorkerLost, Value: "the worker takes no more programs: " + err.Error()})
			<-w.gone.Done()
		}
		w.finish(id, r)
		return nil, w.Death()
	}
	return r, nil
}

func (w *Worker) finish(id uint32, r *Run) {
	r.stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !r.abandoned {
		delete(w.runs, id)
	}
}

// lastAnswer prefers the end of a run to the death that came right after it.
func (w *Worker) lastAnswer(r *Run) (*Ended, error) {
	select {
	case e := <-r.ended:
		return &Ended{Error: e.Error, Census: e.Census}, nil
	default:
		return nil, w.Death()
	}
}

// interrupt asks the run to end and waits for it. A run that sits in a native
// call is abandoned after the grace time; a worker that does not even answer a
// ping is killed.
func (w *Worker) interrupt(id uint32, r *Run) (*Ended, error) {
	w.out.write(kindInterrupt, id, nil)
	if e, err, over := w.await(r, w.opts.Grace); over {
		return e, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), w.opts.Grace/2)
	defer cancel()
	if _, err := w.ask(ctx, kindPing, nil); err != nil && w.gone.Err() == nil {
		w.kill(&eval.Error{
			Name:  eval.WorkerLost,
			Value: "the cell could not be stopped and was ended together with its worker",
		})
		<-w.gone.Done()
		return w.lastAnswer(r)
	}
	if e, err, over := w.await(r, 0); over {
		return e, err
	}
	w.mu.Lock()
	r.abandoned = true
	w.mu.Unlock()
	return &Ended{Abandoned: true, Error: &eval.Error{
		Name:  eval.Interrupted,
		Value: "the cell was interrupted",
		Notes: []string{
			"The cell is inside a call that can't be interrupted; it ends as soon as that call returns.",
			"If it does not return, %restart_worker ends it (variables are lost then, declarations are not).",
		},
	}}, nil
}

// expire ends a run that has used up its time and did not listen when the worker
// itself interrupted it.
func (w *Worker) expire(r *Run) (*Ended, error) {
	w.kill(timeLimitError(w.opts.Limits.Seconds))
	<-w.gone.Done()
	return w.lastAnswer(r)
}

func (w *Worker) await(r *Run, d time.Duration) (_ *Ended, _ error, over bool) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case e := <-r.ended:
		return &Ended{Error: e.Error, Census: e.Census}, nil, true
	case <-w.gone.Done():
		e, err := w.lastAnswer(r)
		return e, err, true
	case <-t.C:
		return nil, nil, false
	}
}

// Census lists the learner's goroutines that have not ended.
func (w *Worker) Census(ctx context.Context) ([]Goroutine, error) {
	body, err := w.ask(ctx, kindCensus, nil)
	if err != nil {
		return nil, err
	}
	var gs []Goroutine
	if err := json.Unmarshal(body, &gs); err != nil {
		return nil, fmt.Errorf("worker: census: %w", err)
	}
	return gs, nil
}

// Ping reports whether the child reads its link.
func (w *Worker) Ping(ctx context.Context) error {
	_, err := w.ask(ctx, kindPing, nil)
	return err
}

// Rest has the worker give the memory that it does not need back to the system, as
// it does by itself after QuietTime.
func (w *Worker) Rest(ctx context.Context) error {
	_, err := w.ask(ctx, kindCollect, nil)
	return err
}

// Place reads the learner's working directory and environment after changing
// what p names.
func (w *Worker) Place(ctx context.Context, p Place) (Place, error) {
	body, err := w.ask(ctx, kindPlace, p)
	if err != nil {
		return Place{}, err
	}
	var now Place
	if err := json.Unmarshal(body, &now); err != nil {
		return Place{}, fmt.Errorf("worker: place: %w", err)
	}
	if now.Error != "" {
		return now, errors.New(now.Error)
	}
	return now, nil
}

// ask sends a question and waits for its answer.
func (w *Worker) ask(ctx context.Context, k kind, body any) ([]byte, error) {
	answer := make(chan []byte, 1)
	w.mu.Lock()
	w.lastAsk++
	id := w.lastAsk
	w.asked[id] = answer
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.asked, id)
	}()
	if err := w.out.writeJSON(k, id, body); err != nil && w.gone.Err() == nil {
		return nil, err
	}
	select {
	case body := <-answer:
		return body, nil
	case <-w.gone.Done():
		return nil, context.Cause(w.gone)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Close ends the worker and every process that it started, and returns when all
// are gone: at once for a worker that reads its link, after the grace time for
// one that does not.
func (w *Worker) Close() error {
	w.mu.Lock()
	if w.cause == nil {
		w.cause = &eval.Error{Name: eval.WorkerLost, Value: "the worker was shut down"}
	}
	w.mu.Unlock()
	w.pipes.toChild.SetWriteDeadline(time.Now().Add(w.opts.Grace / 10)) // frees blocked writers, too
	w.out.write(kindShutdown, 0, nil)
	select {
	case <-w.gone.Done():
	case <-time.After(w.opts.Grace / 4):
		w.cmd.Process.Kill()
	}
	<-w.joined
	return nil
}

// kill ends the process at once; why is what its Death will say.
func (w *Worker) kill(why *eval.Error) {
	w.mu.Lock()
	if w.cause == nil {
		w.cause = why
	}
	w.mu.Unlock()
	w.cmd.Process.Kill()
}

// lastWords runs when the Go runtime of the child has begun to print why it
// dies. The child's fd 2 may be a full pipe that nobody reads any more, which
// would keep it from dying; it gets a moment and is then helped.
func (w *Worker) lastWords() {
	t := time.AfterFunc(w.opts.Grace/4, func() { w.cmd.Process.Kill() })
	context.AfterFunc(w.gone, func() { t.Stop() })
}

// bury waits for the end of the process and of all it wrote, says why, and ends
// what it left behind.
func (w *Worker) bury() {
	reap(w.cmd)
	readersDone := make(chan struct{})
	go func() { w.readers.Wait(); close(readersDone) }()
	select {
	case <-readersDone:
	case <-time.After(w.opts.Grace): // a descendant holds a pipe open
		w.pipes.closeAll()
		<-readersDone
	}
	text := w.lastText()
	w.pipes.closeAll()
	w.mu.Lock()
	cause := w.cause
	waiting := slices.Collect(maps.Values(w.runs))
	w.mu.Unlock()
	w.isGone(diagnose(text, w.cmd.ProcessState, cause, w.opts.Limits))
	for _, r := range waiting {
		r.stop()
	}
	endMarked(w.mark)
	w.extras.Wait()
	close(w.joined)
}

// lastText delivers what the dead process had not sent, and returns what its
// runtime said.
func (w *Worker) lastText() []byte {
	for _, ev := range unsent(w.pipes.mirror) {
		w.emit(ev)
	}
	if out := rest(w.pipes.taps[0]); len(out) > 0 {
		w.emit(eval.Event{Cell: int(w.latest.Load()), Stream: &eval.Stream{Name: "stdout", Text: strings.ToValidUTF8(string(out), "\uFFFD")}})
	}
	if text := rest(w.pipes.taps[1]); fatalLine.Match(text) {
		return text
	}
	return w.crash.text
}

// read delivers the child's frames until it closes the link.
func (w *Worker) read() {
	fr := newFrameReader(w.pipes.fromChild)
	for {
		f, err := fr.next()
		if err == nil {
			err = w.deliver(f)
		}
		if errors.Is(err, errFrame) {
			w.kill(&eval.Error{Name: eval.InternalBug, Value: "the worker broke the link protocol: " + err.Error()})
		}
		if err != nil {
			io.Copy(io.Discard, w.pipes.fromChild) // so that the child never waits for us
			return
		}
	}
}

func (w *Worker) deliver(f frame) error {
	switch f.kind {
	case kindStdout:
		w.emit(eval.Event{Cell: int(f.id), Stream: &eval.Stream{Name: "stdout", Text: string(f.body)}})
	case kindStderr:
		w.emit(eval.Event{Cell: int(f.id), Stream: &eval.Stream{Name: "stderr", Text: string(f.body)}})
	case kindEvent:
		var ev eval.Event
		if err := decode(f, &ev); err != nil {
			return err
		}
		ev.Cell = int(f.id)
		w.emit(ev)
	case kindEnded:
		var e ended
		if err := decode(f, &e); err != nil {
			return err
		}
		w.endRun(f.id, e)
	case kindInput:
		var in eval.InputRequest
		if err := decode(f, &in); err != nil {
			return err
		}
		w.extras.Go(func() { w.answer(f.id, in) })
	case kindCensusReply, kindPong:
		w.mu.Lock()
		answer := w.asked[f.id]
		delete(w.asked, f.id)
		w.mu.Unlock()
		if answer != nil {
			answer <- slices.Clone(f.body)
		}
	case kindReturn:
		w.mu.Lock()
		r := w.runs[f.id]
		delete(w.runs, f.id)
		w.mu.Unlock()
		if r != nil {
			r.reply <- slices.Clone(f.body)
		}
	case kindDeclare:
		w.extras.Go(func() { w.declare(f.id) })
	case kindReady:
		var r ready
		if err := decode(f, &r); err != nil {
			return err
		}
		select {
		case w.ready <- r:
		default:
			return fmt.Errorf("%w: a second ready", errFrame)
		}
	default:
		return fmt.Errorf("%w: kind %d does not come from a child", errFrame, f.kind)
	}
	return nil
}

func decode(f frame, into any) error {
	if len(f.body) == 0 {
		return nil
	}
	if err := json.Unmarshal(f.body, into); err != nil {
		return fmt.Errorf("%w: kind %d: %w", errFrame, f.kind, err)
	}
	return nil
}

func (w *Worker) emit(ev eval.Event) {
	if w.opts.OnEvent != nil {
		w.opts.OnEvent(ev)
	}
}

// endRun hands the end of a run to whoever waits for it; nobody does for an
// abandoned one.
func (w *Worker) endRun(id uint32, e ended) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.runs[id]
	if r == nil {
		return
	}
	delete(w.runs, id)
	select {
	case r.ended <- e:
	default: // a second end: ignored
	}
}

// Call has the worker make a call for a process pool (futures.Answer) as the run
// id, and returns its reply. The error says why there is none: the call was
// ended as a cell is (an *eval.Error), or the worker is gone (a *Death).
func (w *Worker) Call(id int, request []byte) ([]byte, error) {
	r, err := w.begin(kindCall, uint32(id), request)
	if err != nil {
		return nil, err
	}
	defer w.finish(r.id, r)
	select {
	case reply := <-r.reply:
		return reply, nil
	case e := <-r.ended:
		if e.Error == nil {
			e.Error = &eval.Error{Name: eval.InternalBug, Value: "a call ended without a reply"}
		}
		return nil, e.Error
	case <-w.gone.Done():
		select {
		case reply := <-r.reply:
			return reply, nil
		default:
			return nil, w.Death()
		}
	}
}

// declare tells the child what cells have declared.
func (w *Worker) declare(id uint32) {
	var d declared
	if w.opts.OnDeclare == nil {
		d.Error = "process pools are not available here"
	} else if all, err := w.opts.OnDeclare(); err != nil {
		d.Error = err.Error()
	} else {
		d.Declarations = all
	}
	w.out.writeJSON(kindDeclared, id, d)
}

// answer asks the front end on behalf of a run.
func (w *Worker) answer(id uint32, in eval.InputRequest) {
	w.mu.Lock()
	r := w.runs[uint32(in.Cell)]
	w.mu.Unlock()
	var reply inputReply
	switch {
	case r == nil:
		reply.Error = &eval.Error{Name: eval.StdinError, Value: "input was asked for by a cell that has ended"}
	case w.opts.OnInput == nil:
		reply.Error = &eval.Error{Name: eval.StdinError, Value: "the cell asks for input, but no input can be given here"}
	default:
		line, err := w.opts.OnInput(r.ctx, in)
		reply.Line = line
		if err != nil {
			reply = inputReply{Error: stdinError(err)}
		}
	}
	w.out.writeJSON(kindInputReply, id, reply)
}

func stdinError(err error) *eval.Error {
	if e, ok := errors.AsType[*eval.Error](err); ok {
		return e
	}
	return &eval.Error{Name: eval.StdinError, Value: err.Error()}
}
