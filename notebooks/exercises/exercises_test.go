package exercises

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"braid/kernel/eval"
	"braid/kernel/eval/vm"
	"braid/kernel/session"
	"braid/kernel/worker"
	"braid/notebooks"
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

// exercise is the folder of one: "01-counter".
type exercise string

func (e exercise) read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(string(e), name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// source is the notebook as its author wrote it.
func (e exercise) source(t *testing.T) *nbformat.Notebook {
	t.Helper()
	nb, err := nbformat.Read(e.read(t, FileOf(string(e))))
	if err != nil {
		t.Fatal(err)
	}
	return nb
}

// stub is the notebook as a grader runs it for somebody who did nothing: the
// student's cells, with the hidden tests put back.
func (e exercise) stub(t *testing.T) *nbformat.Notebook {
	t.Helper()
	nb, author := e.source(t), e.source(t)
	if err := notebooks.Student(nb); err != nil {
		t.Fatal(err)
	}
	for i, c := range nb.Cells {
		if flag(c, "grade") {
			c.Source = author.Cells[i].Source
		}
	}
	return nb
}

// with is the source notebook with a solution of somebody else's.
func (e exercise) with(t *testing.T, solution string) *nbformat.Notebook {
	t.Helper()
	nb := e.source(t)
	for _, c := range nb.Cells {
		if flag(c, "solution") {
			c.Source = solution
		}
	}
	return nb
}

// wrong is a typical wrong solution.
type wrong struct {
	thought string // what its author has in mind
	message string // a part of what the verdict must say
	source  string // of the solution cell
}

// wrongs are the sections of wrong.md, each a heading, a line "Gets: …" and the
// code.
func (e exercise) wrongs(t *testing.T) []wrong {
	t.Helper()
	var all []wrong
	for _, section := range strings.Split("\n"+string(e.read(t, "wrong.md")), "\n## ")[1:] {
		thought, rest, _ := strings.Cut(section, "\n")
		_, rest, gets := strings.Cut(rest, "Gets: ")
		message, rest, _ := strings.Cut(rest, "\n")
		_, rest, begins := strings.Cut(rest, "```go\n")
		source, _, ends := strings.Cut(rest, "\n```")
		if !gets || !begins || !ends {
			t.Fatalf("wrong.md, %q: it needs a line \"Gets: …\" and a block of go", thought)
		}
		all = append(all, wrong{thought, message, source})
	}
	if len(all) < 2 {
		t.Fatalf("wrong.md has %d solutions; two are typical", len(all))
	}
	return all
}

// flag reads a flag of nbgrader's metadata.
func flag(c *nbformat.Cell, name string) bool {
	meta, _ := c.Metadata["nbgrader"].(map[string]any)
	is, _ := meta[name].(bool)
	return is
}

// attempt is a notebook that was run, with what nbgrader would score.
type attempt struct {
	nb     *nbformat.Notebook
	points map[string]float64 // by grade_id
	score  float64
	max    float64
}

// patience is nbgrader's for a cell (Execute.timeout): longer is no point.
const patience = 30 * time.Second

// run executes a notebook as a grader does: every cell, whatever fails.
func run(t *testing.T, nb *nbformat.Notebook) *attempt {
	t.Helper()
	s, err := session.New(session.Options{Engine: "vm", Worker: worker.Options{Dir: t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := execute.Notebook(context.Background(), nb, s, execute.Options{AllowErrors: true, Timeout: patience}); err != nil {
		t.Fatal(err)
	}
	a := &attempt{nb: nb, points: map[string]float64{}}
	for _, c := range nb.Cells {
		if !flag(c, "grade") {
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
		if !flag(c, "grade") {
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
func each(t *testing.T, test func(t *testing.T, e exercise)) {
	folders, err := filepath.Glob("*/exercise.md")
	if err != nil || len(folders) == 0 {
		t.Fatalf("there are no exercises: %v", err)
	}
	for _, f := range folders {
		e := exercise(filepath.Dir(f))
		t.Run(string(e), func(t *testing.T) { test(t, e) })
	}
}

func TestNotebooksAreComposed(t *testing.T) {
	each(t, func(t *testing.T, e exercise) {
		nb, err := Compose(e.read(t, "exercise.md"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := nb.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, e.read(t, FileOf(string(e)))) {
			t.Error("the notebook is not what exercise.md says: go generate ./notebooks/exercises")
		}
	})
}

// What every exercise has, whatever it is about.
func TestExercisesAreComplete(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]exercise{} // of graded cells: a gradebook of all keeps them apart
	each(t, func(t *testing.T, e exercise) {
		nb := e.source(t)
		title, _, _ := strings.Cut(nb.Cells[0].Source, "\n")
		if line := "- " + string(e) + ": " + strings.TrimPrefix(title, "# ") + "\n"; !strings.Contains(string(readme), line) {
			t.Errorf("README.md does not list it: %s", line)
		}
		for _, c := range nb.Cells {
			if other, taken := ids[c.ID]; taken && flag(c, "grade") {
				t.Errorf("the cell %s is also one of %s", c.ID, other)
			}
			if flag(c, "grade") {
				ids[c.ID] = e
			}
		}
		hints, solutions, visible, hidden := 0, 0, 0, 0
		for _, c := range nb.Cells {
			hints += strings.Count(c.Source, "<details>")
			if n := strings.Count(c.Source, "\n"); n > 60 {
				t.Errorf("cell %s has %d lines: more than a screen", c.ID, n)
			}
			switch {
			case flag(c, "solution"):
				solutions += strings.Count(c.Source, "BEGIN SOLUTION")
			case flag(c, "grade") && strings.Contains(c.Source, "BEGIN HIDDEN TESTS"):
				hidden++
			case flag(c, "grade"):
				visible++
			}
		}
		if hints != 3 || solutions == 0 || visible == 0 || hidden == 0 {
			t.Errorf("%d hints, %d solutions, %d visible and %d hidden checks; want 3 hints and some of each", hints, solutions, visible, hidden)
		}
		design := string(e.read(t, "design.md"))
		for _, part := range []string{"**Goal.**", "**Prerequisites.**", "**Out of scope.**", "**Checks.**"} {
			if !strings.Contains(design, part) {
				t.Errorf("design.md says nothing under %s", part)
			}
		}
	})
}

func TestStubScoresNothing(t *testing.T) {
	each(t, func(t *testing.T, e exercise) {
		t.Parallel()
		if a := run(t, e.stub(t)); a.score != 0 {
			t.Errorf("the stub scores %v: %v\n%s", a.score, a.points, a.said())
		}
	})
}

func TestModelScoresAll(t *testing.T) {
	each(t, func(t *testing.T, e exercise) {
		t.Parallel()
		a, b := run(t, e.source(t)), run(t, e.source(t))
		for _, c := range a.nb.Cells {
			for _, o := range c.Outputs {
				if o.Type == nbformat.Error {
					t.Errorf("cell %s fails: %s: %s", c.ID, o.EName, o.EValue)
				}
			}
		}
		if a.score != a.max || a.max == 0 {
			t.Errorf("the model scores %v of %v: %v\n%s", a.score, a.max, a.points, a.said())
		}
		if a.verdicts(t) != b.verdicts(t) {
			t.Errorf("two runs give two verdicts:\n%s\n%s", a.said(), b.said())
		}
	})
}

func TestWrongSolutionsAreTold(t *testing.T) {
	each(t, func(t *testing.T, e exercise) {
		t.Parallel()
		wrongs := e.wrongs(t)
		said := make([]string, len(wrongs))
		for i, w := range wrongs {
			a, b := run(t, e.with(t, w.source)), run(t, e.with(t, w.source))
			said[i] = a.said()
			if a.score >= a.max {
				t.Errorf("%q scores all", w.thought)
			}
			if !strings.Contains(said[i], w.message) {
				t.Errorf("%q is not told %q:\n%s", w.thought, w.message, said[i])
			}
			if a.verdicts(t) != b.verdicts(t) {
				t.Errorf("%q gets two verdicts:\n%s\n%s", w.thought, a.said(), b.said())
			}
		}
		// One may make two mistakes, and be told of both; but no two are told the same.
		for i, w := range wrongs {
			for j, other := range wrongs[:i] {
				if strings.Contains(said[j], w.message) && strings.Contains(said[i], other.message) {
					t.Errorf("%q and %q are told the same: %s", w.thought, other.thought, w.message)
				}
			}
		}
	})
}
