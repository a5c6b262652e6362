package exercises

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"

	"braid/kernel/eval"
	"braid/kernel/eval/vm"
	"braid/kernel/session"
	"braid/kernel/worker"
	"braid/notebooks/execute"
	"braid/notebooks/nbformat"
)

// TestMain makes the test binary its own worker.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "worker" {
		os.Exit(worker.Main(map[string]func() eval.Engine{"vm": func() eval.Engine { return vm.New() }}))
	}
	os.Exit(m.Run())
}

// attempt is a notebook that was run, with what nbgrader would score.
type attempt struct {
	nb     *nbformat.Notebook
	points map[string]float64 // by grade_id
	score  float64
	max    float64
}

// run executes a notebook as a grader does: every cell, whatever fails.
func run(t *testing.T, nb *nbformat.Notebook) *attempt {
	t.Helper()
	s, err := session.New(session.Options{Engine: "vm", Worker: worker.Options{Dir: t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := execute.Notebook(context.Background(), nb, s, execute.Options{AllowErrors: true}); err != nil {
		t.Fatal(err)
	}
	a := &attempt{nb: nb, points: map[string]float64{}}
	for _, c := range nb.Cells {
		if !Flag(c, "grade") {
			continue
		}
		most := maximum(c)
		got := score(c, most)
		if got > most {
			t.Errorf("%s gives %v of %v points", c.ID, got, most)
		}
		a.points[c.ID] = got
		a.score += got
		a.max += most
	}
	return a
}

// score is nbgrader's rule (utils.py, determine_grade): an error is nothing, a
// number as result is that many, and anything else is all.
func score(c *nbformat.Cell, most float64) float64 {
	for _, o := range c.Outputs {
		if o.Type == nbformat.Error || o.Type == nbformat.Stream && o.Name == "stderr" {
			return 0
		}
		if o.Type == nbformat.ExecuteResult {
			f, err := strconv.ParseFloat(fmt.Sprint(o.Data["text/plain"]), 64)
			if err != nil {
				return most
			}
			return f
		}
	}
	return most
}

func maximum(c *nbformat.Cell) float64 {
	meta, _ := c.Metadata["nbgrader"].(map[string]any)
	f, _ := strconv.ParseFloat(fmt.Sprint(meta["points"]), 64)
	return f
}

// said is all that a reader sees under the cells, and the errors.
func (a *attempt) said() string {
	var b strings.Builder
	for _, c := range a.nb.Cells {
		for _, o := range c.Outputs {
			fmt.Fprintf(&b, "[%s] %s%v%s %s\n", c.ID, o.Text, plain(o.Data), o.EName, o.EValue)
		}
	}
	return b.String()
}

func plain(data map[string]any) any {
	if data == nil {
		return ""
	}
	return data["text/plain"]
}

// verdicts are the bytes of all outputs of the graded cells.
func (a *attempt) verdicts(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	for _, c := range a.nb.Cells {
		if !Flag(c, "grade") {
			continue
		}
		for _, o := range c.Outputs {
			data, err := json.Marshal([]any{o.Type, o.Text, o.Data, o.EName, o.EValue, o.Traceback})
			if err != nil {
				t.Fatal(err)
			}
			b.Write(data)
		}
	}
	return b.String()
}

// each runs a test for every exercise.
func each(t *testing.T, test func(t *testing.T, e Exercise)) {
	all := All()
	if len(all) == 0 {
		t.Fatal("there are no exercises")
	}
	for _, e := range all {
		t.Run(e.Name, func(t *testing.T) { test(t, e) })
	}
}

func source(t *testing.T, e Exercise) *nbformat.Notebook {
	t.Helper()
	nb, err := e.Source()
	if err != nil {
		t.Fatal(err)
	}
	return nb
}

func TestNotebooksAreComposed(t *testing.T) {
	each(t, func(t *testing.T, e Exercise) {
		text, err := files.ReadFile(path.Join(e.Name, "exercise.md"))
		if err != nil {
			t.Fatal(err)
		}
		nb, err := Compose(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := nb.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		want, _ := files.ReadFile(path.Join(e.Name, FileOf(e.Name)))
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what exercise.md says: go generate ./notebooks/exercises", e.File)
		}
	})
}

func TestStubScoresNothing(t *testing.T) {
	each(t, func(t *testing.T, e Exercise) {
		t.Parallel()
		nb, err := e.Release()
		if err != nil {
			t.Fatal(err)
		}
		hidden := source(t, e) // graders put the tests back
		for i, c := range nb.Cells {
			if Flag(c, "grade") {
				c.Source = hidden.Cells[i].Source
			}
		}
		if a := run(t, nb); a.score != 0 {
			t.Errorf("the stub scores %v: %v\n%s", a.score, a.points, a.said())
		}
	})
}

func TestModelScoresAll(t *testing.T) {
	each(t, func(t *testing.T, e Exercise) {
		t.Parallel()
		a, b := run(t, source(t, e)), run(t, source(t, e))
		if a.score != a.max || a.max == 0 {
			t.Errorf("the model scores %v of %v: %v\n%s", a.score, a.max, a.points, a.said())
		}
		if a.verdicts(t) != b.verdicts(t) {
			t.Errorf("two runs give two verdicts:\n%s\n%s", a.said(), b.said())
		}
	})
}

func TestWrongSolutionsAreTold(t *testing.T) {
	each(t, func(t *testing.T, e Exercise) {
		t.Parallel()
		wrongs, err := e.Wrongs()
		if err != nil {
			t.Fatal(err)
		}
		if len(wrongs) < 2 {
			t.Fatalf("wrong.md has %d solutions; two are typical", len(wrongs))
		}
		said := make([]string, len(wrongs))
		for i, w := range wrongs {
			a, b := run(t, with(t, e, w.Source)), run(t, with(t, e, w.Source))
			said[i] = a.said()
			if a.score >= a.max {
				t.Errorf("%q scores all", w.Thought)
			}
			if !strings.Contains(said[i], w.Message) {
				t.Errorf("%q is not told %q:\n%s", w.Thought, w.Message, said[i])
			}
			if a.verdicts(t) != b.verdicts(t) {
				t.Errorf("%q gets two verdicts:\n%s\n%s", w.Thought, a.said(), b.said())
			}
		}
		for i, w := range wrongs {
			for j := range wrongs {
				if i != j && strings.Contains(said[j], w.Message) {
					t.Errorf("%q is told what is meant for %q: %s", wrongs[j].Thought, w.Thought, w.Message)
				}
			}
		}
	})
}

// with is the source notebook with a solution of somebody else's.
func with(t *testing.T, e Exercise, solution string) *nbformat.Notebook {
	t.Helper()
	nb := source(t, e)
	for _, c := range nb.Cells {
		if Flag(c, "solution") {
			c.Source = solution
		}
	}
	return nb
}
