package worker

import (
	"context"
	"testing"
	"time"

	"braid/kernel/eval"
)

// run runs p and returns what it printed.
func (w *Worker) output(t *testing.T, rec *recorder, p *eval.Program) string {
	t.Helper()
	before := len(rec.text("stdout"))
	if e, err := w.Run(t.Context(), p); err != nil || e.Error != nil {
		t.Fatalf("%s: %+v, %v", p.Name, e, err)
	}
	return rec.text("stdout")[before:]
}

func TestPrepare(t *testing.T) {
	for _, engine := range []string{"compiling", "script"} {
		t.Run(engine, func(t *testing.T) {
			w, rec := start(t, Options{Engine: engine})
			p := program(1, "print prepared")
			w.Prepare(p)
			if got := w.output(t, rec, p); got != "prepared\n" {
				t.Errorf("prepared and begun: %q", got)
			}
			w.Prepare(program(2, "print never", "compile 20"))
			w.Prepare(program(3, "print nor this"))
			if got := w.output(t, rec, program(4, "print begun")); got != "begun\n" {
				t.Errorf("begun without being prepared: %q", got)
			}
			p = program(5, "print again")
			w.Prepare(p)
			if got := w.output(t, rec, p); got != "again\n" {
				t.Errorf("after forgotten ones: %q", got)
			}
		})
	}
}

// Programs are committed in the order in which they begin, however long each
// takes to compile.
func TestCommitOrder(t *testing.T) {
	w, rec := start(t, Options{Engine: "compiling"})
	var runs []*Run
	for id, ms := range []string{"30", "1", "20", "1"} {
		p := program(id+1, "compile "+ms)
		w.Prepare(p)
		r, err := w.Begin(p)
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, r)
	}
	if got := w.output(t, rec, program(5, "committed")); got != "[1 2 3 4 5]\n" {
		t.Errorf("committed %s", got)
	}
	for _, r := range runs {
		if e, err := r.Wait(t.Context()); err != nil || e.Error != nil {
			t.Errorf("%+v, %v", e, err)
		}
	}
}

// An interrupt that comes while the program is compiled ends it before its first
// statement.
func TestInterruptWhileCompiling(t *testing.T) {
	w, rec := start(t, Options{Engine: "compiling"})
	ctx, cancel := context.WithCancel(t.Context())
	r, err := w.Begin(program(1, "compile 100", "print too late"))
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(10*time.Millisecond, cancel)
	e, err := r.Wait(ctx)
	if err != nil || e.Abandoned || e.Error == nil || e.Error.Name != eval.Interrupted {
		t.Errorf("ended %+v, %v", e, err)
	}
	if got := w.output(t, rec, program(2, "committed")); got != "[1 2]\n" {
		t.Errorf("then %q", got)
	}
}

func TestCompilerPanics(t *testing.T) {
	w, rec := start(t, Options{Engine: "compiling"})
	e, err := w.Run(t.Context(), program(1, "crash"))
	if err != nil || e.Error == nil || e.Error.Name != eval.InternalBug {
		t.Errorf("ended %+v, %v", e, err)
	}
	if got := w.output(t, rec, program(2, "committed")); got != "[2]\n" {
		t.Errorf("then %q", got)
	}
}

// A Goexit of native code ends the run and the goroutine that it had, but not the
// worker.
func TestGoexitEndsTheRun(t *testing.T) {
	w, rec := start(t, Options{Engine: "compiling"})
	for id := range 3 {
		e, err := w.Run(t.Context(), program(id+1, "print x", "goexit"))
		if err != nil || e.Error == nil || e.Error.Name != eval.Goexit {
			t.Errorf("ended %+v, %v", e, err)
		}
	}
	if got := w.output(t, rec, program(4, "print next")); got != "next\n" {
		t.Errorf("then %q", got)
	}
}
