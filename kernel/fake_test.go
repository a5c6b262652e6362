package kernel

import (
	"context"
	"slices"
	"strings"
	"sync"

	"braid/kernel/eval"
	"braid/kernel/session"
)

// fakeSession is a Session whose cells are lists of commands, one a line:
//
//	print TEXT, eprint TEXT     a line on stdout, stderr
//	result TEXT                 an execute_result
//	show TEXT, update TEXT, clear
//	fail TEXT, die              an error; a panic of the session itself
//	block                       waits for an interrupt
//	wait                        waits for release
//	ask PROMPT, password PROMPT prints the answer
//	later TEXT                  prints when the test calls release, after the end
//	open TARGET                 opens a comm
//	page TEXT                   a payload
//
// Anything else is looked up in cells.
type fakeSession struct {
	mu       sync.Mutex
	requests []session.Request
	started  chan string // gets each cell's code when it starts, if it is not nil
	releases chan struct{}
	comms    map[string]string
	targets  map[string]bool
	closes   int
	cells    map[string]func(context.Context, session.Sink) *session.Failure
}

func newFakeSession() *fakeSession {
	return &fakeSession{
		releases: make(chan struct{}), comms: map[string]string{}, targets: map[string]bool{"known": true},
		cells: map[string]func(context.Context, session.Sink) *session.Failure{},
	}
}

func (f *fakeSession) release() { f.releases <- struct{}{} }

func (f *fakeSession) last() session.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.requests[len(f.requests)-1]
}

// asked is the newest request with this code: those of other shells may be newer.
func (f *fakeSession) asked(code string) session.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range slices.Backward(f.requests) {
		if r.Code == code {
			return r
		}
	}
	return session.Request{}
}

func (f *fakeSession) Run(ctx context.Context, req session.Request, sink session.Sink) session.Outcome {
	f.mu.Lock()
	f.requests = append(f.requests, req)
	f.mu.Unlock()
	if f.started != nil {
		f.started <- req.Code
	}
	for line := range strings.SplitSeq(req.Code, "\n") {
		if err := f.command(ctx, line, sink); err != nil {
			return session.Outcome{Err: err, Interrupted: err.EName == eval.Interrupted}
		}
	}
	values := map[string]session.Value{}
	for name, e := range req.Expressions {
		if e == "bad" {
			values[name] = session.Value{Err: &session.Failure{EName: "CompileError", EValue: "undefined: bad"}}
		} else {
			values[name] = session.Value{Data: map[string]any{"text/plain": e}}
		}
	}
	return session.Outcome{Expressions: values}
}

func (f *fakeSession) command(ctx context.Context, line string, sink session.Sink) *session.Failure {
	if cell, ok := f.cells[line]; ok {
		return cell(ctx, sink)
	}
	verb, text, _ := strings.Cut(line, " ")
	switch verb {
	case "print":
		sink.Emit(stdout(text + "\n"))
	case "eprint":
		sink.Emit(eval.Event{Stream: &eval.Stream{Name: "stderr", Text: text + "\n"}})
	case "result":
		sink.Emit(eval.Event{Result: &eval.Display{Data: map[string]any{"text/plain": text}}})
	case "show":
		sink.Emit(eval.Event{Display: &eval.Display{Data: map[string]any{"text/html": text}, ID: "d1"}})
	case "update":
		sink.Emit(eval.Event{Display: &eval.Display{Data: map[string]any{"text/html": text}, ID: "d1", Update: true}})
	case "clear":
		sink.Emit(eval.Event{Clear: &eval.Clear{Wait: true}})
	case "fail":
		return &session.Failure{EName: "Panic", EValue: text, Traceback: []string{"In[1]:1", "Panic: " + text}}
	case "die":
		panic("the session is broken")
	case "block":
		<-ctx.Done()
		return &session.Failure{EName: eval.Interrupted, EValue: "interrupted"}
	case "wait":
		<-f.releases
	case "ask", "password":
		answer, err := sink.Input(ctx, eval.InputRequest{Prompt: text, Password: verb == "password"})
		if ctx.Err() != nil {
			return &session.Failure{EName: eval.Interrupted, EValue: "interrupted"}
		}
		if err != nil {
			return &session.Failure{EName: eval.StdinError, EValue: err.Error()}
		}
		sink.Emit(stdout("got:" + answer + "\n"))
	case "later":
		go func() {
			<-f.releases
			sink.Emit(stdout(text + "\n"))
		}()
	case "open":
		sink.Emit(eval.Event{Comm: &eval.Comm{Kind: "open", ID: "c1", Target: text, Data: map[string]any{"a": 1}, Buffers: [][]byte{{1, 2}}}})
	case "page":
		sink.Emit(eval.Event{Payload: map[string]any{"source": "page", "data": map[string]any{"text/plain": text}}})
	}
	return nil
}

func stdout(text string) eval.Event {
	return eval.Event{Stream: &eval.Stream{Name: "stdout", Text: text}}
}

func (f *fakeSession) Complete(code string, cursor int) session.Completion {
	before := string([]rune(code)[:cursor])
	if !strings.HasSuffix(before, "Pri") {
		return session.Completion{}
	}
	return session.Completion{
		Matches: []string{"Print", "Println"}, Start: cursor - 3, End: cursor,
		Items: []session.CompletionItem{{Text: "Print", Type: "function", Signature: "(a ...any)"}, {Text: "Println", Type: "function"}},
	}
}

func (f *fakeSession) Inspect(code string, cursor, detail int) session.Inspection {
	if code != "known" {
		return session.Inspection{}
	}
	return session.Inspection{Found: true, Data: map[string]any{"text/plain": strings.Repeat("doc", detail+1)}}
}

func (f *fakeSession) IsComplete(code string) (status, indent string) {
	switch code {
	case "func f() {":
		return "incomplete", "\t"
	case "func )":
		return "invalid", "\t"
	case "?":
		return "perhaps", ""
	}
	return "complete", "\t"
}

func (f *fakeSession) CommIn(c eval.Comm, sink session.Sink) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch c.Kind {
	case "open":
		if f.targets[c.Target] {
			f.comms[c.ID] = c.Target
		}
		if c.Target == "rude" {
			sink.Emit(eval.Event{Comm: &eval.Comm{Kind: "close", ID: c.ID}})
		}
	case "msg":
		if v, ok := c.Data["v"].(string); ok {
			sink.Emit(stdout("comm-got:" + v + "\n"))
			sink.Emit(eval.Event{Comm: &eval.Comm{Kind: "msg", ID: c.ID, Data: c.Data, Metadata: c.Metadata, Buffers: c.Buffers}})
		}
	case "close":
		delete(f.comms, c.ID)
	}
}

func (f *fakeSession) Comms(target string) map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := map[string]string{}
	for id, t := range f.comms {
		if target == "" || t == target {
			found[id] = t
		}
	}
	return found
}

func (f *fakeSession) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closes++
	return nil
}
