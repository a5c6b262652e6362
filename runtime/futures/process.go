package futures

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	rt "braid/runtime"
	"braid/runtime/pickle"
	"braid/runtime/sched"
	"braid/runtime/trace"
)

// Start methods (Lib/multiprocessing/context.py). All start the same kind of
// process here; what differs is when, and what it costs in CPython: see
// StartMethods.
const (
	Fork       = "fork"
	Spawn      = "spawn"
	Forkserver = "forkserver"
)

// StartMethod is what starting a worker process in a certain way costs and
// means.
type StartMethod struct {
	Name string
	// CPython is the time from start to join of an empty process, measured with
	// CPython 3.11 on a 2-core linux/amd64 machine.
	CPython time.Duration
	// Default says where it is what multiprocessing does unless told.
	Default string
	Note    string
}

// StartMethods lists the three ways with their prices.
func StartMethods() []StartMethod {
	return []StartMethod{
		{Fork, 1800 * time.Microsecond, "Linux until 3.13", "a copy of the parent, all workers at the first submit; deadlocks if threads hold locks (DeprecationWarning since 3.12)"},
		{Forkserver, 33 * time.Millisecond, "Linux from 3.14", "a copy of a clean server process; imports __main__ again, so a main guard is needed"},
		{Spawn, 62 * time.Millisecond, "macOS, Windows", "a new interpreter; imports __main__ again, so a main guard is needed"},
	}
}

// MPContext is mp_context=multiprocessing.get_context(method): "fork" (the
// default on Linux until 3.13), "spawn" or "forkserver".
func MPContext(method string) Option { return func(o *options) { o.method = method } }

// MaxTasksPerChild is max_tasks_per_child=n: a worker process ends after n
// calls, and another takes its place. Not with fork; without MPContext it
// implies spawn.
func MaxTasksPerChild(n any) Option {
	return func(o *options) { o.maxTasks, o.hasMaxTasks = n, n != nil }
}

// extraQueuedCalls is EXTRA_QUEUED_CALLS.
const extraQueuedCalls = 1

// ProcessPoolExecutor is Lib/concurrent/futures/process.py with processes of the
// operating system. Functions travel by name, arguments and results as pickles
// (package pickle); nothing is shared. It lives on the real clock.
//
// Its processes end with Shutdown, with the program (Interpreter.Run, if a
// thread of it has submitted a call) or with the Scope whose call started them;
// in the last two cases the next Submit starts new ones.
type ProcessPoolExecutor struct {
	max     int
	tasks   int // max_tasks_per_child, 0 none
	dynamic bool
	opts    options
	name    string

	filling sync.Mutex // held while calls move into the call queue, in order

	gate sched.Gate
	put  sched.Op
	get  sched.Op
	join sched.Op

	// guarded by gate
	pending []*remoteCall // _pending_work_items that are not in the call queue
	queue   []*remoteCall // the call queue
	slots   int           // taken in the call queue
	idle    int           // _idle_worker_semaphore
	workers map[*worker]bool
	spawned int
	broken  string
	closed  bool
	retired bool
	forget  func()
	stats   Stats
	trace   *trace.Recorder
	began   time.Time
}

// remoteCall is a _WorkItem on its way to a process.
type remoteCall struct {
	future  *Future
	request []any
	data    []byte
}

// worker is one process with the goroutine that gives it calls.
type worker struct {
	n       int
	process Process // guarded by the pool's gate; nil until it is there
	now     *remoteCall
	done    int
	killed  bool // with its Scope
	closing bool // its work is over
}

// Stats count what a pool has done.
type Stats struct {
	Processes int // started
	Calls     int // answered; a chunk is one
	Sent      int // bytes of pickled calls
	Received  int // bytes of pickled results
	// Startup is the time that processes took to start, Pickling that of
	// pickling and unpickling on both sides, Computing that in the functions,
	// Waiting the rest of the round trips; sums over all processes.
	Startup, Pickling, Computing, Waiting time.Duration
}

// NewProcessPoolExecutor makes a pool of at most maxWorkers processes (Default:
// as many as processors). It starts none yet. Raises ValueError and TypeError as
// CPython does.
func NewProcessPoolExecutor(maxWorkers int, given ...Option) (*ProcessPoolExecutor, error) {
	o := collect(given)
	if maxWorkers == Default {
		maxWorkers = processors()
	}
	if maxWorkers <= 0 {
		return nil, errMaxWorkers
	}
	p := &ProcessPoolExecutor{max: maxWorkers, opts: o, workers: map[*worker]bool{}, name: "ProcessPoolExecutor", began: time.Now()}
	if err := p.configure(); err != nil {
		return nil, err
	}
	p.put = sched.Op{Kind: sched.Notify, Label: "submit to processes"}
	p.get = sched.Op{Kind: sched.Wait, Label: "get a call from the queue"}
	p.join = sched.Op{Kind: sched.Wait, Label: "join the processes"}
	return p, nil
}

// configure checks the options in CPython's order.
func (p *ProcessPoolExecutor) configure() error {
	o := &p.opts
	if o.method == "" {
		if o.method = Fork; o.hasMaxTasks {
			o.method = Spawn
		}
	}
	switch o.method {
	case Fork, Spawn, Forkserver:
	default:
		return rt.Raise("ValueError", "cannot find context for %s", rt.Repr(o.method))
	}
	p.dynamic = o.method != Fork
	if err := o.checkInitializer(); err != nil {
		return err
	}
	if !o.hasMaxTasks {
		return nil
	}
	n, ok := o.maxTasks.(int)
	switch {
	case !ok:
		return rt.Raise("TypeError", "max_tasks_per_child must be an integer")
	case n <= 0:
		return rt.Raise("ValueError", "max_tasks_per_child must be >= 1")
	case o.method == Fork:
		return rt.Raise("ValueError", "max_tasks_per_child is incompatible with the 'fork' multiprocessing start method; supply a different mp_context.")
	}
	p.tasks = n
	return nil
}

// Trace makes the pool record what happens where, and returns the record: for
// the picture of processes with pickling. Call it first.
func (p *ProcessPoolExecutor) Trace() *trace.Recorder {
	p.gate.With(func() {
		if p.trace == nil {
			p.trace = &trace.Recorder{}
			p.began = time.Now()
		}
	})
	return p.trace
}

// Stats returns what the pool has done so far.
func (p *ProcessPoolExecutor) Stats() (s Stats) {
	p.gate.With(func() { s = p.stats })
	return s
}

// Processes lists the process ids of the pool's workers that are alive.
func (p *ProcessPoolExecutor) Processes() []int {
	var pids []int
	p.gate.With(func() {
		for w := range p.workers {
			if w.process != nil && !w.killed {
				pids = append(pids, w.process.PID())
			}
		}
	})
	return pids
}

// Submit implements Executor. fn is a declared function, or its name. What
// cannot be pickled shows in the Future, as in CPython; BrokenProcessPool and
// RuntimeError are raised at once.
func (p *ProcessPoolExecutor) Submit(t *rt.Thread, fn any, args ...any) (*Future, error) {
	if args == nil {
		args = []any{}
	}
	return p.submit(t, []any{doCall, fn, args})
}

func (p *ProcessPoolExecutor) submit(t *rt.Thread, request []any) (*Future, error) {
	if t != nil && t.Interpreter().World().Virtual() {
		return nil, rt.Raise("RuntimeError", "worker processes live on the real clock: use an Interpreter of runtime.New")
	}
	from, err := currentSpawner()
	if err != nil {
		return nil, err
	}
	c := &remoteCall{request: request}
	var start []*worker
	do(t, p.put, &p.gate, func() {
		if err = p.refusal(t); err != nil {
			return
		}
		c.future = newFuture(nil, 0)
		p.pending = append(p.pending, c)
		p.retired = false
		start = p.adjust()
	})
	if err != nil {
		return nil, err
	}
	if len(start) > 0 {
		p.register(t)
	}
	for _, w := range start {
		go p.run(w, from)
	}
	p.fill(t)
	return c.future, nil
}

// refusal is why no call is accepted; the gate is held.
func (p *ProcessPoolExecutor) refusal(t *rt.Thread) error {
	switch {
	case p.broken != "":
		return rt.Raise("BrokenProcessPool", "%s", p.broken)
	case p.closed:
		return rt.Raise("RuntimeError", "cannot schedule new futures after shutdown")
	case t != nil && t.Interpreter().Finalizing():
		return rt.Raise("RuntimeError", "cannot schedule new futures after interpreter shutdown")
	}
	return nil
}

// adjust decides which processes a new call starts; the gate is held. With fork
// they are started all at once (gh-90622), otherwise one, unless one is idle
// (_adjust_process_count).
func (p *ProcessPoolExecutor) adjust() (start []*worker) {
	n := p.max - len(p.workers)
	if p.dynamic {
		if p.idle > 0 {
			p.idle--
			return nil
		}
		n = min(n, 1)
	}
	for range n {
		p.spawned++
		w := &worker{n: p.spawned}
		p.workers[w] = true
		start = append(start, w)
	}
	return start
}

// register has the processes end with the program and with the Scope.
func (p *ProcessPoolExecutor) register(t *rt.Thread) {
	known := false
	p.gate.With(func() {
		if known = p.forget != nil; !known {
			p.forget = func() {}
		}
	})
	if known {
		return
	}
	cancel := func() {}
	if t != nil {
		cancel = t.Interpreter().AtExit(p.exit)
	}
	release := rt.CurrentScope().OwnRunning("executor "+p.name, p.stop)
	p.gate.With(func() {
		p.forget = func() {
			cancel()
			release()
		}
	})
}

// fill is add_call_item_to_queue: calls move into the call queue, where they
// cannot be cancelled any more, while there is room.
func (p *ProcessPoolExecutor) fill(t *rt.Thread) {
	for {
		c, err := p.fillOne(t)
		if c == nil {
			return
		}
		if err != nil { // _on_queue_feeder_error
			_ = c.future.SetException(t, err)
		}
	}
}

func (p *ProcessPoolExecutor) fillOne(t *rt.Thread) (c *remoteCall, err error) {
	p.filling.Lock()
	defer p.filling.Unlock()
	do(t, p.put, &p.gate, func() {
		if p.broken == "" && p.slots < p.max+extraQueuedCalls && len(p.pending) > 0 {
			c = p.pending[0]
			p.pending[0] = nil
			p.pending = p.pending[1:]
			p.slots++
		}
	})
	if c == nil {
		return nil, nil
	}
	goes, err := c.future.SetRunningOrNotifyCancel(t)
	if goes {
		err = p.pickle(c)
	}
	do(t, p.put, &p.gate, func() {
		switch {
		case !goes || err != nil:
			p.slots--
		case p.broken != "":
			err = brokenError(nil)
		default:
			p.queue = append(p.queue, c)
		}
	})
	return c, err
}

func (p *ProcessPoolExecutor) pickle(c *remoteCall) error {
	began := time.Now()
	fn, err := reference(c.request[1])
	if err != nil {
		return err
	}
	c.data, err = pickle.Dumps([]any{c.request[0], fn, c.request[2]})
	c.request = nil
	p.gate.With(func() {
		p.stats.Pickling += time.Since(began)
		p.note(trace.Pickle, trace.Track{Name: "parent"}, began, time.Since(began), "", len(c.data))
	})
	return err
}

// note records a span; the gate is held.
func (p *ProcessPoolExecutor) note(k trace.Kind, at trace.Track, began time.Time, d time.Duration, name string, bytes int) {
	if p.trace != nil {
		p.trace.Add(trace.Event{Kind: k, Track: at, At: began.Sub(p.began), Dur: d, Name: name, Value: float64(bytes)})
	}
}

// run is the life of a worker, seen from here: _ExecutorManagerThread's part
// for one process.
func (p *ProcessPoolExecutor) run(w *worker, from Spawner) {
	if err := p.start(w, from); err != nil {
		p.terminateBroken(w, err)
		p.ended(w)
		return
	}
	for {
		c := p.take(w)
		if c == nil {
			break
		}
		if !p.call(w, c) {
			break
		}
		if p.tasks > 0 && w.done >= p.tasks {
			p.replace(w, from)
			return
		}
		p.fill(nil)
	}
	p.shut(w)
	p.ended(w)
}

// start starts the process and calls the initializer in it.
func (p *ProcessPoolExecutor) start(w *worker, from Spawner) error {
	began := time.Now()
	process, err := from.Spawn()
	if err != nil {
		return err
	}
	stop := false
	p.gate.With(func() {
		w.process = process
		stop = w.killed
		p.stats.Processes++
		p.stats.Startup += time.Since(began)
		p.note(trace.Startup, p.track(w), began, time.Since(began), "start ("+p.opts.method+")", 0)
	})
	if stop {
		process.Kill()
		return nil // take finds that the pool is gone
	}
	go p.watch(w, process)
	if !p.opts.hasInit {
		return nil
	}
	return p.initialize(w)
}

// watch breaks the pool when a process ends that nobody has ended, as the
// sentinels do that the manager thread waits for.
func (p *ProcessPoolExecutor) watch(w *worker, process Process) {
	<-process.Gone()
	p.terminateBroken(w, process.Err())
}

func (p *ProcessPoolExecutor) initialize(w *worker) error {
	fn, err := reference(p.opts.initializer)
	if err != nil {
		return err
	}
	args := p.opts.initargs
	if args == nil {
		args = []any{}
	}
	data, err := pickle.Dumps([]any{doInit, fn, args})
	if err != nil {
		return err
	}
	reply, err := w.process.Call(data)
	if err != nil {
		return err
	}
	if _, err = parseReply(reply); err != nil {
		logged(err, "Exception in initializer:")
	}
	return err
}

func (p *ProcessPoolExecutor) track(w *worker) trace.Track {
	name := "worker"
	if w.process != nil {
		name = fmt.Sprintf("pid %d", w.process.PID())
	}
	return trace.Track{Process: w.n, Name: name}
}

// take waits for the next call; nil ends the worker.
func (p *ProcessPoolExecutor) take(w *worker) (c *remoteCall) {
	outside.Await(p.get, &p.gate,
		func() bool {
			return len(p.queue) > 0 || w.killed || p.broken != "" || (p.closed || p.retired) && p.slots == 0 && len(p.pending) == 0
		},
		func() {
			if w.killed || p.broken != "" || len(p.queue) == 0 {
				return
			}
			c = p.queue[0]
			p.queue[0] = nil
			p.queue = p.queue[1:]
			p.slots--
			w.now = c
		})
	return c
}

// call has the process make one call and sets the Future. False if the worker
// is lost.
func (p *ProcessPoolExecutor) call(w *worker, c *remoteCall) bool {
	began := time.Now()
	reply, err := w.process.Call(c.data)
	if err == nil && len(reply) < replyHead {
		err = fmt.Errorf("a reply of %d bytes", len(reply))
	}
	var v any
	var lost *lostError
	var raised error
	back := time.Now()
	if err == nil {
		v, raised = parseReply(reply)
		if lost, _ = raised.(*lostError); lost != nil {
			err = lost.cause
		}
	}
	if err != nil {
		p.terminateBroken(w, err)
		return false
	}
	w.done++
	outside.Do(p.put, &p.gate, func() {
		w.now = nil
		p.count(w, c, reply, began, back)
		if p.tasks == 0 || w.done < p.tasks {
			p.idle++
		}
	})
	if raised != nil {
		_ = c.future.SetException(nil, raised)
	} else {
		_ = c.future.SetResult(nil, v)
	}
	return true
}

// count keeps the books of a call; the gate is held.
func (p *ProcessPoolExecutor) count(w *worker, c *remoteCall, reply []byte, began, back time.Time) {
	in, computed, out := durations(reply)
	own := time.Since(back)
	p.stats.Calls++
	p.stats.Sent += len(c.data)
	p.stats.Received += len(reply) - replyHead
	p.stats.Pickling += in + out + own
	p.stats.Computing += computed
	wait := max(back.Sub(began)-in-computed-out, 0)
	p.stats.Waiting += wait
	if p.trace == nil {
		return
	}
	at := p.track(w)
	there := began.Add(wait / 2)
	p.note(trace.Pipe, at, began, wait/2, "call", len(c.data))
	p.note(trace.Unpickle, at, there, in, "", len(c.data))
	p.note(trace.Run, at, there.Add(in), computed, "call", 0)
	p.note(trace.Pickle, at, there.Add(in+computed), out, "", len(reply)-replyHead)
	p.note(trace.Pipe, at, there.Add(in+computed+out), wait/2, "result", len(reply)-replyHead)
	p.note(trace.Unpickle, trace.Track{Name: "parent"}, back, own, "", len(reply)-replyHead)
}

// replace ends a worker that has made its max_tasks_per_child calls and starts
// another if there is work. (CPython asks its idle semaphore here, which may
// count the worker that has ended, and then hangs: gh-115634.)
func (p *ProcessPoolExecutor) replace(w *worker, from Spawner) {
	p.shut(w)
	var start []*worker
	outside.Do(p.put, &p.gate, func() {
		delete(p.workers, w)
		p.idle = min(p.idle, len(p.workers))
		if p.broken == "" && p.slots+len(p.pending) > 0 {
			p.spawned++
			n := &worker{n: p.spawned}
			p.workers[n] = true
			start = append(start, n)
		}
	})
	for _, n := range start {
		go p.run(n, from)
	}
	p.fill(nil)
	if len(start) == 0 {
		p.unregister()
	}
}

func (p *ProcessPoolExecutor) shut(w *worker) {
	if w.process != nil {
		p.gate.With(func() { w.closing = true })
		w.process.Close()
		p.gate.With(func() {
			p.note(trace.Finish, p.track(w), time.Now(), 0, "", 0)
		})
	}
}

// ended forgets a worker whose process is gone.
func (p *ProcessPoolExecutor) ended(w *worker) {
	outside.Do(p.join, &p.gate, func() {
		delete(p.workers, w)
		if !w.killed && p.idle > len(p.workers) {
			p.idle = len(p.workers)
		}
	})
	p.unregister()
}

func (p *ProcessPoolExecutor) unregister() {
	var forget func()
	p.gate.With(func() {
		if len(p.workers) == 0 {
			forget, p.forget = p.forget, nil
			p.idle = 0
		}
	})
	if forget != nil {
		forget()
	}
}

func brokenError(cause error) error {
	e := rt.Raise("BrokenProcessPool", "A process in the process pool was terminated abruptly while the future was running or pending.")
	if cause != nil {
		e.Cause = cause
	}
	return e
}

// terminateBroken is terminate_broken: w was lost, so all calls fail and all
// processes end; unless w was to end.
func (p *ProcessPoolExecutor) terminateBroken(w *worker, cause error) {
	var calls []*remoteCall
	first := false
	outside.Do(p.put, &p.gate, func() {
		if first = p.broken == "" && !w.closing && !w.killed; first {
			p.broken = "A child process terminated abruptly, the process pool is not usable anymore"
			calls = p.abandon()
		}
	})
	if !first {
		return
	}
	for _, c := range calls {
		c.future.tellCancelled(nil)
		_ = c.future.SetException(nil, brokenError(cause))
	}
	p.killAll()
}

// abandon takes all calls out of the pool; the gate is held.
func (p *ProcessPoolExecutor) abandon() (calls []*remoteCall) {
	for w := range p.workers {
		if w.now != nil {
			calls = append(calls, w.now)
			w.now = nil
		}
	}
	calls = append(calls, p.queue...)
	calls = append(calls, p.pending...)
	p.queue, p.pending, p.slots, p.idle = nil, nil, 0, 0
	return calls
}

// killAll kills the processes and waits until they are gone.
func (p *ProcessPoolExecutor) killAll() {
	var all []Process
	p.gate.With(func() {
		for w := range p.workers {
			if w.process != nil {
				all = append(all, w.process)
			}
		}
	})
	for _, process := range all {
		process.Kill()
	}
}

// Map implements Executor. With ChunkSize(n) the items travel in pieces of n.
func (p *ProcessPoolExecutor) Map(t *rt.Thread, fn any, items any, given ...MapOption) (*Results, error) {
	o, err := collectMap(given)
	if err != nil {
		return nil, err
	}
	if o.chunk < 1 {
		return nil, rt.Raise("ValueError", "chunksize must be >= 1.")
	}
	all, err := rows(items, o.more)
	if err != nil {
		return nil, err
	}
	n := (len(all) + o.chunk - 1) / o.chunk
	r := &Results{n: n, chunked: true, timeout: o.timeout, since: clock(t)}
	r.submit = func(t *rt.Thread, i int) (*Future, error) {
		part := all[i*o.chunk : min((i+1)*o.chunk, len(all))]
		chunk := make([]any, len(part))
		for j, row := range part {
			chunk[j] = row
		}
		return p.submit(t, []any{doChunk, fn, chunk})
	}
	if o.hasBuf {
		n = o.buffer
	}
	return r, r.begin(t, n)
}

// Shutdown implements Executor.
func (p *ProcessPoolExecutor) Shutdown(t *rt.Thread, wait, cancelFutures bool) {
	var cancel []*remoteCall
	do(t, p.put, &p.gate, func() {
		p.closed = true
		if cancelFutures {
			cancel, p.pending = p.pending, nil
		}
	})
	for _, c := range cancel {
		c.future.Cancel(t)
	}
	if wait {
		_, _ = await(t, false, p.join, &p.gate, Forever, func() bool { return len(p.workers) == 0 }, func() {})
	}
}

// With implements Executor.
func (p *ProcessPoolExecutor) With(t *rt.Thread, body func()) { with(t, p, body) }

// TerminateWorkers and KillWorkers end the processes at once and break the pool
// (3.14: terminate_workers, kill_workers). There is no difference between them
// here: a worker has nothing to clean up.
func (p *ProcessPoolExecutor) TerminateWorkers(t *rt.Thread) { p.KillWorkers(t) }

// KillWorkers is kill_workers; see TerminateWorkers.
func (p *ProcessPoolExecutor) KillWorkers(t *rt.Thread) {
	p.killAll()
}

// exit is _python_exit: what was submitted is done, then the processes end.
func (p *ProcessPoolExecutor) exit(t *rt.Thread) {
	do(t, p.put, &p.gate, func() { p.retired = true })
	t.Await("join the processes", p.join, &p.gate, Forever,
		func() bool { return len(p.workers) == 0 }, func() { p.retired = false })
}

// stop ends the processes now, with what they do, and waits until they are
// gone. The pool stays usable.
func (p *ProcessPoolExecutor) stop() {
	var calls []*remoteCall
	outside.Do(p.put, &p.gate, func() {
		for w := range p.workers {
			w.killed = true
		}
		calls = p.abandon()
	})
	for _, c := range calls {
		if !c.future.Cancel(nil) {
			_ = c.future.SetException(nil, errStopped)
			continue
		}
		c.future.tellCancelled(nil)
	}
	p.killAll()
	outside.Await(p.join, &p.gate, func() bool {
		for w := range p.workers {
			if w.killed {
				return false
			}
		}
		return true
	}, func() {})
}

// lostError is the answer of a worker that cannot make sense of a request.
type lostError struct{ cause error }

func (e *lostError) Error() string { return e.cause.Error() }

func parseReply(reply []byte) (v any, raised error) {
	if len(reply) < replyHead {
		return nil, &lostError{fmt.Errorf("a reply of %d bytes", len(reply))}
	}
	got, err := pickle.Loads(reply[replyHead:])
	if err != nil {
		return nil, &lostError{err}
	}
	list, _ := got.([]any)
	if len(list) != 2 {
		return nil, &lostError{fmt.Errorf("a reply that is none")}
	}
	switch list[0] {
	case isResult:
		return list[1], nil
	case isRaised, isLost:
		err, _ := list[1].(error)
		if err == nil {
			err = fmt.Errorf("raised %v", list[1])
		}
		if list[0] == isLost {
			return nil, &lostError{err}
		}
		return nil, err
	}
	return nil, &lostError{fmt.Errorf("a reply that is none")}
}

// Unknown tells whether a reply says that the worker process does not know a name
// of the request, and which. It is for hosts that can say why.
func Unknown(reply []byte) (name string, is bool) {
	var lost *lostError
	if _, err := parseReply(reply); !errors.As(err, &lost) || !rt.Is(lost.cause, "AttributeError") {
		return "", false
	}
	_, rest, _ := strings.Cut(lost.cause.Error(), "Can't get attribute '")
	name, _, is = strings.Cut(rest, "' on <module '"+pickle.Main+"'>")
	return name, is
}

// durations are what the worker took to unpickle, compute and pickle.
func durations(reply []byte) (in, computed, out time.Duration) {
	at := func(i int) time.Duration {
		d := time.Duration(0)
		for k := 7; k >= 0; k-- {
			d = d<<8 | time.Duration(reply[8*i+k])
		}
		return max(d, 0)
	}
	return at(0), at(1), at(2)
}
