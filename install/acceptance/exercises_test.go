package acceptance

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"braid/install"
	"braid/notebooks/nbformat"
)

// exercise is a source notebook of the course.
type exercise struct {
	file string // as in the assignment: "counter.ipynb"
	nb   *nbformat.Notebook
	max  float64
}

// exercises reads the course's exercises, for the kernel of the test.
func exercises(t *testing.T) []exercise {
	t.Helper()
	paths, err := filepath.Glob(filepath.FromSlash("../../notebooks/exercises/*/*.ipynb"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("there are no exercises: %v", err)
	}
	var all []exercise
	for _, p := range paths {
		nb, err := nbformat.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		nb.Metadata["kernelspec"] = map[string]any{"name": kernelName, "display_name": install.DefaultDisplayName, "language": "go"}
		e := exercise{file: filepath.Base(p), nb: nb}
		for _, c := range nb.Cells {
			if meta, ok := c.Metadata["nbgrader"].(map[string]any); ok && meta["grade"] == true {
				var points float64
				if _, err := fmt.Sscan(fmt.Sprint(meta["points"]), &points); err != nil {
					t.Fatalf("%s, cell %s: points: %v", p, c.ID, err)
				}
				e.max += points
			}
		}
		all = append(all, e)
	}
	return all
}

// All exercises go through nbgrader, as one assignment of a teacher who has only
// `braid install --nbgrader`: the models get everything, the stubs nothing.
func TestExercisesAreGradedByNBGrader(t *testing.T) {
	c := newCourse(t)
	c.write("nbgrader_config.py", `c = get_config()
c.CourseDirectory.course_id = "go"
c.Execute.timeout = 120
`)
	all := exercises(t)
	want := 0.0
	for _, e := range all {
		c.save(e.nb, "source", "exercises", e.file)
		want += e.max
	}
	c.run("generate_assignment", "exercises", "--create")
	for _, e := range all {
		stub := c.read("release", "exercises", e.file)
		for _, cell := range stub.Cells {
			if strings.Contains(cell.Source, "BEGIN SOLUTION") || strings.Contains(cell.Source, "HIDDEN TESTS") {
				t.Errorf("%s: the release shows what it must not:\n%s", e.file, cell.Source)
			}
		}
		c.save(stub, "submitted", "stub", "exercises", e.file)
		c.save(e.nb, "submitted", "model", "exercises", e.file)
	}
	c.run("autograde", "exercises", "--create")
	book := c.scores("exercises")
	for student, share := range map[string]float64{"model": 1, "stub": 0} {
		got := 0.0
		for id, s := range book[student] {
			if s.Auto == nil || *s.Auto != share*s.Max {
				t.Errorf("%s scores %v of %v for %s", student, show(s.Auto), s.Max, id)
				continue
			}
			got += *s.Auto
		}
		if got != share*want {
			t.Errorf("%s scores %v of %v", student, got, want)
		}
	}
	c.run("generate_feedback", "exercises")
	for _, e := range all {
		c.checkFeedback("model", e, e.max)
		c.checkFeedback("stub", e, 0)
	}
}

// checkFeedback looks for the total on the page that a student gets.
func (c *course) checkFeedback(student string, e exercise, got float64) {
	c.t.Helper()
	name := strings.TrimSuffix(path.Base(e.file), ".ipynb") + ".html"
	page, err := os.ReadFile(filepath.Join(c.dir, "feedback", student, "exercises", name))
	if err != nil {
		c.t.Error(err)
		return
	}
	if score := fmt.Sprintf("%.1f / %.1f", got, e.max); !strings.Contains(string(page), score) {
		c.t.Errorf("the feedback on %s for %s does not say %s", e.file, student, score)
	}
}
