package session

import (
	"context"
	"errors"
	"fmt"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"braid/kernel/check"
	"braid/kernel/check/exportdata"
	"braid/kernel/check/source"
	"braid/kernel/eval"
	"braid/kernel/lower"
	"braid/kernel/modules"
	"braid/kernel/worker"
)

// Options say how a session runs its cells.
type Options struct {
	// Engine is the engine's name, "vm" or "yaegi".
	Engine string
	// Worker says how workers are started and what they may use. Its Engine,
	// OnEvent and OnInput are the session's business.
	Worker worker.Options
	// Modules says where third-party modules may come from.
	Modules modules.Policy
	// ExplicitImports has cells import every package that they use, as Go does.
	// Otherwise a cell that lacks nothing but imports of packages of the standard
	// library or of Braid's gets them, as if it had written them.
	ExplicitImports bool
	// Warnings shows what the compiler would warn of (unused variables and
	// imports) beside the cell's output. Never on stderr.
	Warnings bool
}

// loweredEngine is the engine that takes cells rewritten by package lower.
const loweredEngine = "yaegi"

// gradedVariable is set by nbgrader's execution of notebooks.
const gradedVariable = "NBGRADER_EXECUTION"

// Session is the state of a notebook. All methods may be called from any
// goroutine at any time.
type Session struct {
	opts   Options
	graded bool // text on stderr would fail the cell, so it goes to stdout

	life context.Context // ends with Close
	end  context.CancelFunc
	work sync.WaitGroup // the checker, goroutines of backings
	// checker takes what the goroutine that checks cells is to do next. It is
	// always the same one, because its stack has grown to what go/types needs.
	checker chan func()

	quiet *worker.Quiet // rests after the last request

	modules  *modules.Resolver
	importer atomic.Pointer[source.Importer] // of the state; it is stored under check

	lastID atomic.Int64
	view   atomic.Pointer[check.State] // what completion and inspection see, which never wait

	// check is held while a cell is checked and handed to the engine, which
	// must see the cells in the same order. It guards the fields up to runs.
	check   sync.Mutex
	fset    *token.FileSet
	state   *check.State
	unswept int       // cells checked since the last sweep
	swept   token.Pos // where positions began then
	journal *journal
	lowerer *lower.Lowerer // for the engine that needs lowered cells, else nil
	backing *backing
	place   worker.Place // what %cd and %env have changed
	closed  bool

	mu     sync.Mutex // guards what follows; held for moments only
	runs   map[int]*sinkOf
	order  []int // keys of runs, oldest first
	latest *sinkOf
	texts  map[string]string // sources of cells by their names in positions
	named  []string          // keys of texts, oldest first
	extras map[int]int       // by execution count: cells that did not count
	comms  map[string]string // open comms: id → target
}

// sinkOf is where the events of a run go.
type sinkOf struct {
	sink    Sink
	input   bool // the run may ask questions
	name    string
	restore bool
	mu      sync.Mutex
	capture bool          // keep the result instead of showing it
	result  *eval.Display // captured
	lasting bool          // the run has left goroutines behind
}

const (
	// keptRuns is how many ended runs can still emit. Text of older ones goes to
	// the latest run.
	keptRuns = 1024
	// keptTexts is how many cells' sources are kept for error messages.
	keptTexts = 4096
)

// New returns a session that has run nothing. Its worker starts in the
// background; what goes wrong there is reported by the first Run.
func New(opts Options) (*Session, error) {
	if opts.Engine == "" {
		return nil, errors.New("session: no engine was chosen")
	}
	s := &Session{
		opts:   opts,
		graded: os.Getenv(gradedVariable) != "",
		runs:   map[int]*sinkOf{},
		texts:  map[string]string{},
		extras: map[int]int{},
		comms:  map[string]string{},
	}
	s.modules = modules.New(notebookDir(opts.Worker.Dir), opts.Modules)
	s.life, s.end = context.WithCancel(context.Background())
	s.clear()
	s.backing = s.launch(nil)
	s.quiet = worker.NewQuiet()
	s.checker = make(chan func())
	s.work.Go(func() {
		for {
			select {
			case do := <-s.checker:
				do()
			case <-s.life.Done():
				return
			}
		}
	})
	return s, nil
}

// notebookDir is the absolute path of the folder that cells run in.
func notebookDir(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return dir
	}
	return abs
}

// clear forgets all declarations. s.check is held, or s is new.
func (s *Session) clear() {
	s.fset = token.NewFileSet()
	s.swept, s.unswept = token.NoPos, 0
	s.importer.Store(source.NewImporter(s.fset, exportdata.NewImporter(s.fset), false))
	s.state = check.NewState(s.fset, s.importer.Load())
	s.journal = newJournal()
	if s.opts.Engine == loweredEngine {
		s.lowerer = lower.New()
	}
	s.publish()
}

// sweepEvery is how many cells are checked between two sweeps.
const sweepEvery = 256

// sweep forgets, now and then, what no cell can name any more, so that a long
// session stays small. s.check is held, and no cell is being checked.
func (s *Session) sweep() {
	if s.unswept++; s.unswept < sweepEvery {
		return
	}
	s.unswept = 0
	s.state = s.state.Sweep(s.swept)
	s.swept = token.Pos(s.fset.Base())
	s.journal.prune()
	s.publish()
}

// publish shows the state to readers. s.check is held, or s is new.
func (s *Session) publish() { s.view.Store(s.state) }

// Close ends the worker and everything that it started. Running cells end with
// an error.
func (s *Session) Close() error {
	s.check.Lock()
	s.closed = true
	b := s.backing
	s.check.Unlock()
	s.end()
	s.quiet.Stop()
	<-b.ready
	var err error
	if b.worker != nil {
		err = b.worker.Close()
	}
	s.work.Wait()
	return errors.Join(err, s.modules.Close())
}

// nextID numbers a run.
func (s *Session) nextID() int { return int(s.lastID.Add(1)) }

// nameOfCell is the name that positions have for a cell, "In[3]"; a cell that
// does not count is "In[3.1]".
func (s *Session) nameOfCell(req Request) string {
	name := "In[" + strconv.Itoa(req.Count) + "]"
	s.mu.Lock()
	defer s.mu.Unlock()
	if !req.StoreHistory {
		s.extras[req.Count]++
		name = fmt.Sprintf("In[%d.%d]", req.Count, s.extras[req.Count])
	}
	if len(s.extras) > keptTexts {
		clear(s.extras)
	}
	if _, known := s.texts[name]; !known {
		s.named = append(s.named, name)
	}
	s.texts[name] = req.Code
	if len(s.named) > keptTexts {
		delete(s.texts, s.named[0])
		s.named = s.named[1:]
	}
	return name
}

// text is the source of a cell.
func (s *Session) text(cell string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.texts[cell]
}

// register says where the events of a new run go.
func (s *Session) register(id int, to *sinkOf) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs[id] = to
	s.order = append(s.order, id)
	if to.sink != nil {
		s.latest = to
	}
	for len(s.order) > 2*keptRuns {
		s.forget()
	}
}

// forget drops the older half of the ended runs, first those that have left no
// goroutine behind. s.mu is held.
func (s *Session) forget() {
	old := s.order[:keptRuns]
	var lasting []int
	for _, id := range old {
		if s.runs[id].lasting && len(lasting) < keptRuns/2 {
			lasting = append(lasting, id)
			continue
		}
		delete(s.runs, id)
	}
	s.order = append(lasting, s.order[keptRuns:]...)
}

// event passes on what a run emits. It is called by the reader of the worker's
// link, in the order of the output.
func (s *Session) event(ev eval.Event) {
	s.mu.Lock()
	to := s.runs[ev.Cell]
	if to == nil {
		to = s.latest
	}
	if c := ev.Comm; c != nil {
		s.noteComm(c)
	}
	s.mu.Unlock()
	if to == nil || to.restore || to.sink == nil {
		return
	}
	if ev.Result != nil && to.takes(ev.Result) {
		return
	}
	s.tell(to, ev)
}

// tell passes an event on to the front end.
func (s *Session) tell(to *sinkOf, ev eval.Event) {
	if ev.Error != nil {
		ev = s.lateError(ev.Cell, ev.Error)
	}
	if ev.Stream != nil && s.graded {
		ev.Stream.Name = "stdout"
	}
	to.sink.Emit(ev)
}

// lateError is what to show of an error after its cell has ended: there can be no
// error of that cell any more, so it is text, like that of a traceback.
func (s *Session) lateError(run int, e *eval.Error) eval.Event {
	f := render(e, s.text)
	return eval.Event{Cell: run, Stream: &eval.Stream{Name: "stderr", Text: strings.Join(f.Traceback, "\n") + "\n"}}
}

func (to *sinkOf) takes(result *eval.Display) bool {
	to.mu.Lock()
	defer to.mu.Unlock()
	if to.capture {
		to.result = result
	}
	return to.capture
}

// noteComm keeps the table of open comms. s.mu is held.
func (s *Session) noteComm(c *eval.Comm) {
	switch c.Kind {
	case "open":
		s.comms[c.ID] = c.Target
	case "close":
		delete(s.comms, c.ID)
	}
}

// input asks the front end of a run.
func (s *Session) input(ctx context.Context, in eval.InputRequest) (string, error) {
	s.mu.Lock()
	to := s.runs[in.Cell]
	s.mu.Unlock()
	if to == nil || to.sink == nil || !to.input {
		return "", &eval.Error{
			Name:  eval.StdinError,
			Value: "the cell asks for input, but no input can be given here",
			Notes: []string{"Run it in a notebook, or give it its input as text: bufio.NewScanner(strings.NewReader(\"…\"))."},
		}
	}
	return to.sink.Input(ctx, in)
}

// Comms lists the open comms, id → target; target "" means all.
func (s *Session) Comms(target string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	open := maps.Clone(s.comms)
	if target != "" {
		maps.DeleteFunc(open, func(_, t string) bool { return t != target })
	}
	return open
}

// CommIn delivers a comm message of a front end to the handler that a cell has
// registered for it, and returns when that has returned. What the handler emits
// goes to sink. A comm that nobody takes is answered with a close.
func (s *Session) CommIn(c eval.Comm, sink Sink) {
	id := s.nextID()
	s.register(id, &sinkOf{sink: sink})
	s.mu.Lock()
	_, open := s.comms[c.ID]
	if c.Kind == "close" {
		delete(s.comms, c.ID)
	}
	s.mu.Unlock()
	if !open && c.Kind != "open" {
		return
	}
	w, err := s.live(s.life)
	if err != nil {
		sink.Emit(eval.Event{Cell: id, Error: &eval.Error{Name: eval.WorkerLost, Value: err.Error()}})
		return
	}
	end, err := w.Comm(s.life, id, c)
	switch {
	case err != nil: // the worker has died, and all comms with it
	case end.Error == nil:
		if c.Kind == "open" {
			s.mu.Lock()
			s.noteComm(&c)
			s.mu.Unlock()
		}
	case end.Error.Name == worker.UnknownComm:
		if c.Kind == "open" {
			sink.Emit(eval.Event{Cell: id, Comm: &eval.Comm{Kind: "close", ID: c.ID, Data: map[string]any{}}})
		}
	default:
		sink.Emit(eval.Event{Cell: id, Error: end.Error})
	}
}

// Census lists the learner's goroutines that have not ended.
func (s *Session) Census() []worker.Goroutine {
	w, err := s.live(s.life)
	if err != nil {
		return nil
	}
	gs, err := w.Census(s.life)
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, g := range gs {
		if to := s.runs[g.Run]; to != nil && g.Pos.Cell == "" {
			gs[i].Pos.Cell = to.name
		}
	}
	slices.SortStableFunc(gs, func(a, b worker.Goroutine) int { return a.Run - b.Run })
	return gs
}
