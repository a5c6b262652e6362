package execute

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"braid/kernel/eval"
	"braid/kernel/session"
	"braid/notebooks/nbformat"
)

// script is an Evaluator: what a cell does is found by its source.
type script struct {
	cells map[string]func(ctx context.Context, sink session.Sink) *session.Failure
	asked []session.Request
}

func (s *script) Run(ctx context.Context, req session.Request, sink session.Sink) session.Outcome {
	s.asked = append(s.asked, req)
	do := s.cells[req.Code]
	if do == nil {
		return session.Outcome{}
	}
	return session.Outcome{Err: do(ctx, sink)}
}

func notebook(cells ...*nbformat.Cell) *nbformat.Notebook {
	nb := nbformat.New()
	for i, c := range cells {
		c.ID = fmt.Sprint("c", i)
		if c.Type == "" {
			c.Type = nbformat.Code
		}
		if c.Metadata == nil {
			c.Metadata = map[string]any{}
		}
	}
	nb.Cells = cells
	return nb
}

func tagged(source string, tags ...any) *nbformat.Cell {
	return &nbformat.Cell{Source: source, Metadata: map[string]any{"tags": tags}}
}

func stream(name, text string) eval.Event {
	return eval.Event{Stream: &eval.Stream{Name: name, Text: text}}
}

func display(id, text string, update bool) eval.Event {
	return eval.Event{Display: &eval.Display{Data: map[string]any{"text/plain": text}, ID: id, Update: update}}
}

// shownAs writes outputs in short.
func shownAs(c *nbformat.Cell) string {
	var out []string
	for _, o := range c.Outputs {
		switch o.Type {
		case nbformat.Stream:
			out = append(out, o.Name+":"+o.Text)
		case nbformat.Error:
			out = append(out, "error:"+o.EName)
		case nbformat.ExecuteResult:
			out = append(out, fmt.Sprintf("[%d]%v", *o.ExecutionCount, o.Data["text/plain"]))
		default:
			out = append(out, fmt.Sprint(o.Data["text/plain"]))
		}
	}
	return strings.Join(out, " | ")
}

// emits is a cell that emits events and then fails with ename, if there is one.
func emits(ename string, events ...eval.Event) func(context.Context, session.Sink) *session.Failure {
	return func(_ context.Context, sink session.Sink) *session.Failure {
		for _, ev := range events {
			sink.Emit(ev)
		}
		if ename == "" {
			return nil
		}
		return &session.Failure{EName: ename, EValue: "why", Traceback: []string{"tb"}}
	}
}

func TestOutputsAreRecordedAsNbclientDoes(t *testing.T) {
	for name, c := range map[string]struct {
		events []eval.Event
		want   string
	}{
		"streams that follow each other": {
			[]eval.Event{stream("stdout", "a"), stream("stdout", "b\n"), stream("stderr", "c"), stream("stdout", "d")},
			"stdout:ab\n | stderr:c | stdout:d"},
		"a display between":          {[]eval.Event{stream("stdout", "a"), display("", "D", false), stream("stdout", "b")}, "stdout:a | D | stdout:b"},
		"clear":                      {[]eval.Event{stream("stdout", "a"), {Clear: &eval.Clear{}}, stream("stdout", "b")}, "stdout:b"},
		"clear, later":               {[]eval.Event{stream("stdout", "a"), {Clear: &eval.Clear{Wait: true}}, stream("stdout", "b")}, "stdout:b"},
		"clear later, nothing comes": {[]eval.Event{stream("stdout", "a"), {Clear: &eval.Clear{Wait: true}}}, "stdout:a"},
		"update":                     {[]eval.Event{display("x", "1", false), stream("stdout", "s"), display("x", "2", true)}, "2 | stdout:s"},
		"update of nothing":          {[]eval.Event{display("x", "2", true)}, ""},
		"a second display of an id":  {[]eval.Event{display("x", "1", false), display("x", "2", false)}, "2 | 2"},
		"update after clear":         {[]eval.Event{display("x", "1", false), {Clear: &eval.Clear{}}, display("y", "3", false), display("x", "2", true)}, "3"},
		"result":                     {[]eval.Event{{Result: &eval.Display{Data: map[string]any{"text/plain": "42"}}}}, "[1]42"},
	} {
		nb := notebook(&nbformat.Cell{Source: "x", Outputs: []*nbformat.Output{{Type: nbformat.Stream, Text: "old"}}})
		ev := &script{cells: map[string]func(context.Context, session.Sink) *session.Failure{"x": emits("", c.events...)}}
		if err := Notebook(t.Context(), nb, ev, Options{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := shownAs(nb.Cells[0]); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestUpdateReachesEarlierCells(t *testing.T) {
	nb := notebook(&nbformat.Cell{Source: "show"}, &nbformat.Cell{Source: "update"})
	ev := &script{cells: map[string]func(context.Context, session.Sink) *session.Failure{
		"show":   emits("", display("bar", "0%", false)),
		"update": emits("", display("bar", "100%", true)),
	}}
	if err := Notebook(t.Context(), nb, ev, Options{}); err != nil {
		t.Fatal(err)
	}
	if a, b := shownAs(nb.Cells[0]), shownAs(nb.Cells[1]); a != "100%" || b != "" {
		t.Errorf("cells show %q and %q", a, b)
	}
}

func TestOnlyWhatRunsIsTouched(t *testing.T) {
	old := func() []*nbformat.Output {
		return []*nbformat.Output{{Type: nbformat.Stream, Name: "stdout", Text: "old"}}
	}
	skip := tagged("skip", "skip-execution")
	skip.Outputs = old()
	blank := &nbformat.Cell{Source: " \n", Outputs: old()}
	nb := notebook(&nbformat.Cell{Source: "# text", Type: nbformat.Markdown}, skip, blank, &nbformat.Cell{Source: "run"})
	ev := &script{}
	var told []Progress
	if err := Notebook(t.Context(), nb, ev, Options{OnCell: func(p Progress) { told = append(told, p) }}); err != nil {
		t.Fatal(err)
	}
	if len(ev.asked) != 1 || ev.asked[0].Code != "run" || ev.asked[0].Count != 1 || !ev.asked[0].StoreHistory || ev.asked[0].AllowStdin {
		t.Errorf("the session was asked %+v", ev.asked)
	}
	if shownAs(skip) != "stdout:old" || shownAs(blank) != "stdout:old" || skip.ExecutionCount != nil {
		t.Error("a cell that does not run was changed")
	}
	if want := []Progress{{Done: 0, Total: 1, Cell: 3, Source: "run"}}; !reflect.DeepEqual(told, want) {
		t.Errorf("told %+v, want %+v", told, want)
	}
	if n := nb.Cells[3].ExecutionCount; n == nil || *n != 1 {
		t.Errorf("the count is %v", n)
	}
	if nb.Metadata["language_info"].(map[string]any)["name"] != "go" {
		t.Errorf("language_info is %v", nb.Metadata["language_info"])
	}
}

func TestTimesAreRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nb := notebook(&nbformat.Cell{Source: "x"})
		ev := &script{cells: map[string]func(context.Context, session.Sink) *session.Failure{
			"x": func(context.Context, session.Sink) *session.Failure { time.Sleep(1500 * time.Millisecond); return nil },
		}}
		if err := Notebook(t.Context(), nb, ev, Options{}); err != nil {
			t.Fatal(err)
		}
		want := map[string]any{
			"iopub.status.busy": "2000-01-01T00:00:00.000000Z", "iopub.execute_input": "2000-01-01T00:00:00.000000Z",
			"shell.execute_reply": "2000-01-01T00:00:01.500000Z", "iopub.status.idle": "2000-01-01T00:00:01.500000Z",
		}
		if got := nb.Cells[0].Metadata["execution"]; !reflect.DeepEqual(got, want) {
			t.Errorf("got %v", got)
		}
	})
}

func TestAnErrorEndsTheNotebook(t *testing.T) {
	cells := map[string]func(context.Context, session.Sink) *session.Failure{"bad": emits("Panic", stream("stdout", "before"))}
	for name, c := range map[string]struct {
		cell    *nbformat.Cell
		options Options
		goesOn  bool
	}{
		"plain":          {&nbformat.Cell{Source: "bad"}, Options{}, false},
		"allowed":        {&nbformat.Cell{Source: "bad"}, Options{AllowErrors: true}, true},
		"raises by tag":  {tagged("bad", "raises-exception"), Options{}, true},
		"some other tag": {tagged("bad", "raises"), Options{}, false},
	} {
		ev := &script{cells: cells}
		nb := notebook(&nbformat.Cell{Source: "first"}, c.cell, &nbformat.Cell{Source: "last"})
		err := Notebook(t.Context(), nb, ev, c.options)
		var failed *CellError
		if errors.As(err, &failed) == c.goesOn {
			t.Errorf("%s: the error is %v", name, err)
		}
		if ran := len(ev.asked) == 3; ran != c.goesOn {
			t.Errorf("%s: %d cells ran", name, len(ev.asked))
		}
		if got := shownAs(c.cell); got != "stdout:before | error:Panic" {
			t.Errorf("%s: the cell shows %q", name, got)
		}
		if failed != nil && (failed.Cell != 1 || !strings.Contains(err.Error(), "cell 2 failed: Panic: why")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTimeoutInterruptsTheCell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ev := &script{cells: map[string]func(context.Context, session.Sink) *session.Failure{
			"loop": func(ctx context.Context, sink session.Sink) *session.Failure {
				sink.Emit(stream("stdout", "looping"))
				<-ctx.Done()
				return &session.Failure{EName: eval.Interrupted, EValue: "interrupted"}
			},
		}}
		nb := notebook(tagged("loop", "raises-exception"), &nbformat.Cell{Source: "next"})
		err := Notebook(t.Context(), nb, ev, Options{Timeout: time.Minute})
		var failed *CellError
		if !errors.As(err, &failed) || failed.TimedOut != time.Minute || !strings.Contains(err.Error(), "ran longer than 1m0s") {
			t.Errorf("got %v", err)
		}
		if got := shownAs(nb.Cells[0]); got != "stdout:looping | error:Interrupted" {
			t.Errorf("the cell shows %q", got)
		}
		if len(ev.asked) != 1 {
			t.Error("the next cell ran")
		}
	})
}

func TestInterruptEndsTheNotebook(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ev := &script{cells: map[string]func(context.Context, session.Sink) *session.Failure{
		"x": func(context.Context, session.Sink) *session.Failure {
			cancel()
			return &session.Failure{EName: eval.Interrupted}
		},
	}}
	nb := notebook(&nbformat.Cell{Source: "x"}, &nbformat.Cell{Source: "y"})
	if err := Notebook(ctx, nb, ev, Options{AllowErrors: true}); !errors.Is(err, context.Canceled) || len(ev.asked) != 1 {
		t.Errorf("got %v after %d cells", err, len(ev.asked))
	}
}

func TestLateOutputIsDropped(t *testing.T) {
	var late session.Sink
	ev := &script{cells: map[string]func(context.Context, session.Sink) *session.Failure{
		"start": func(_ context.Context, sink session.Sink) *session.Failure { late = sink; return nil },
		"next": func(_ context.Context, sink session.Sink) *session.Failure {
			late.Emit(stream("stdout", "late"))
			return nil
		},
	}}
	nb := notebook(&nbformat.Cell{Source: "start"}, &nbformat.Cell{Source: "next"})
	if err := Notebook(t.Context(), nb, ev, Options{}); err != nil {
		t.Fatal(err)
	}
	if a, b := shownAs(nb.Cells[0]), shownAs(nb.Cells[1]); a != "" || b != "" {
		t.Errorf("cells show %q and %q", a, b)
	}
}

func TestInputIsRefused(t *testing.T) {
	_, err := (&outputs{}).Input(t.Context(), eval.InputRequest{})
	var e *eval.Error
	if !errors.As(err, &e) || e.Name != eval.StdinError {
		t.Errorf("got %v", err)
	}
}

func TestParameters(t *testing.T) {
	const source = `import "time"
n := 3
var (
	rate       = 0.5
	name       string
	on         bool = true
	wait       = 2 * time.Second
	xs         = []int{1}
	a, b       = "x", -1
)
const limit = 10`
	for in, want := range map[string]string{
		"n=5": "n = 5", "n=-0x10": "n = -0x10", "n=five": `the parameter n needs a whole number, not "five"`,
		"rate=2": "rate = 2", "rate=inf": `the parameter rate needs a number`,
		"name=5": `name = "5"`, "name=a=\"b\"": `name = "a=\"b\""`, "name=": `name = ""`, "a=hi": `a = "hi"`, "b=7": "b = 7",
		"on=false": "on = false", "on=yes": "needs true or false",
		"wait=3*time.Minute": "wait = 3*time.Minute", "xs=[]int{4, 5}": "xs = []int{4, 5}", "xs=some text": `xs = "some text"`,
		"limit=20": "const limit = 20", "other=1": `no parameter "other"; it has: a, b, limit, n, name, on, rate, wait, xs`,
		"no": `"no" is no parameter`, "a b=1": "is no parameter", "=1": "is no parameter",
	} {
		nb := notebook(&nbformat.Cell{Source: "y"}, tagged(source, "parameters"), &nbformat.Cell{Source: "z"})
		p, err := ParseParameter(in)
		if err == nil {
			err = SetParameters(nb, []Parameter{p})
		}
		got := ""
		if err != nil {
			got = err.Error()
		} else if c := nb.Cells[2]; c.HasTag("injected-parameters") && c.ID != "" && c.Type == nbformat.Code {
			got = c.Source
		}
		if !strings.Contains(got, want) {
			t.Errorf("-p %s gives %q, want %q", in, got, want)
		}
	}
}

func TestParametersReplaceEarlierOnes(t *testing.T) {
	nb := notebook(tagged("old", "injected-parameters"), tagged("n := 1", "parameters"), tagged("n = 7", "injected-parameters"))
	if err := SetParameters(nb, []Parameter{{"n", "2"}}); err != nil {
		t.Fatal(err)
	}
	if len(nb.Cells) != 2 || nb.Cells[1].Source != "// Parameters\nn = 2" {
		t.Errorf("cells: %d, the last %q", len(nb.Cells), nb.Cells[len(nb.Cells)-1].Source)
	}
	if err := SetParameters(notebook(&nbformat.Cell{Source: "n := 1"}), []Parameter{{"n", "2"}}); err == nil || !strings.Contains(err.Error(), `has the tag "parameters"`) {
		t.Errorf("without a tagged cell: %v", err)
	}
	if err := SetParameters(notebook(tagged("n := ", "parameters")), []Parameter{{"n", "2"}}); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("with a broken cell: %v", err)
	}
}
