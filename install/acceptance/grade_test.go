package acceptance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"braid/install"
	"braid/notebooks/nbformat"
)

// gradeCell is a cell of a course, with nbgrader's metadata (schema 3).
type gradeCell struct {
	id, source  string
	points      float64 // > 0: graded
	solution    bool
	markdown    bool
	want        any // the score that a gradebook must show in the table of hazards
	description string
}

func (c gradeCell) cell() *nbformat.Cell {
	kind := nbformat.Code
	if c.markdown {
		kind = nbformat.Markdown
	}
	meta := map[string]any{
		"schema_version": 3, "grade_id": c.id, "grade": c.points > 0,
		"solution": c.solution, "locked": !c.solution, "task": false,
	}
	if c.points > 0 {
		meta["points"] = c.points
	}
	return &nbformat.Cell{Type: kind, Source: c.source, Metadata: map[string]any{"nbgrader": meta}}
}

// course is a folder as nbgrader wants it.
type course struct {
	t        *testing.T
	dir      string
	nbgrader string // the program
	python   string
}

// newCourse makes a course, graded by a kernel of `braid install --nbgrader`
// alone: the laboratory's own copy of nbgrader's settings is not looked at.
func newCourse(t *testing.T) *course {
	t.Helper()
	bin := laboratory(t)
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH")) // nbgrader calls alembic by its bare name
	home := newcomer(t)
	installKernel(t, "--nbgrader")
	if _, err := os.Stat(filepath.Join(home, ".jupyter", "nbgrader_config.json")); err != nil {
		t.Errorf("K14: braid install --nbgrader wrote no configuration: %v", err)
	}
	c := &course{t: t, dir: filepath.Join(home, "course"), nbgrader: filepath.Join(bin, "nbgrader"), python: filepath.Join(bin, "python")}
	c.write("nbgrader_config.py", `c = get_config()
c.CourseDirectory.course_id = "go"
c.Execute.timeout = 5
c.ClearSolutions.enforce_metadata = False
`)
	return c
}

func (c *course) write(name, text string) {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// source writes the teacher's notebook of an assignment.
func (c *course) source(assignment string, cells []gradeCell) {
	c.t.Helper()
	nb := nbformat.New()
	nb.Metadata = map[string]any{
		"kernelspec":    map[string]any{"name": kernelName, "display_name": install.DefaultDisplayName, "language": "go"},
		"language_info": map[string]any{"name": "go"},
	}
	for i, cell := range cells {
		nb.InsertCell(i, cell.cell())
	}
	c.save(nb, "source", assignment, "problem.ipynb")
}

func (c *course) save(nb *nbformat.Notebook, path ...string) {
	c.t.Helper()
	file := filepath.Join(append([]string{c.dir}, path...)...)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := nb.WriteFile(file); err != nil {
		c.t.Fatal(err)
	}
}

func (c *course) read(path ...string) *nbformat.Notebook {
	c.t.Helper()
	nb, err := nbformat.ReadFile(filepath.Join(append([]string{c.dir}, path...)...))
	if err != nil {
		c.t.Fatal(err)
	}
	return nb
}

// submit hands in the released notebook with these answers.
func (c *course) submit(student, assignment string, answers map[string]string) {
	c.t.Helper()
	nb := c.read("release", assignment, "problem.ipynb")
	for _, cell := range nb.Cells {
		if text, ok := answers[gradeID(cell)]; ok {
			cell.Source = text
		}
	}
	c.save(nb, "submitted", student, assignment, "problem.ipynb")
}

func gradeID(cell *nbformat.Cell) string {
	meta, _ := cell.Metadata["nbgrader"].(map[string]any)
	id, _ := meta["grade_id"].(string)
	return id
}

func (c *course) run(args ...string) string {
	c.t.Helper()
	stdout, stderr, err := try(c.t, c.dir, c.nbgrader, args...)
	if err != nil {
		c.t.Fatalf("nbgrader %s: %v\n%s%s", strings.Join(args, " "), err, stdout, stderr)
	}
	return stdout + stderr
}

// score is what the gradebook says of a cell.
type score struct {
	Auto   *float64 `json:"auto"`
	Manual bool     `json:"needs_manual_grade"`
	Max    float64  `json:"max"`
}

// scores is the gradebook: student → grade_id → score.
func (c *course) scores(assignment string) map[string]map[string]score {
	c.t.Helper()
	var all map[string]map[string]score
	decode(c.t, output(c.t, c.dir, c.python, testdata(c.t, "gradebook.py"), assignment), &all)
	return all
}

// hazards are test cells, each worth 3, and what they must score. After each
// comes a plain test that must score 3: a question costs itself only.
var hazards = []gradeCell{
	{id: "pass", source: "if 1+1 != 2 { panic(\"no\") }", want: 3.0},
	{id: "panic", source: "panic(\"wrong answer\")", want: 0.0},
	{id: "compile", source: "undefinedName + 1", want: 0.0},
	{id: "syntax", source: "if {", want: 0.0},
	{id: "index", source: "[]int{}[len(\"\")]", want: 0.0},
	{id: "partial", source: "2.0", want: 2.0},
	{id: "partial-int", source: "1", want: 1.0},
	{id: "partial-variable", source: "points := 1.5\npoints", want: 1.5},
	{id: "println", source: "import \"fmt\"\nfmt.Println(\"x\")", want: 3.0},
	{id: "stderr", source: "import (\n\t\"fmt\"\n\t\"os\"\n)\nfmt.Fprintln(os.Stderr, \"note\")", want: 3.0},
	{id: "builtin-println", source: "println(\"note\")", want: 3.0},
	{id: "log", source: "import \"log\"\nlog.Println(\"note\")", want: 3.0},
	{id: "goroutine", source: "import \"time\"\ngo func() { panic(\"in a goroutine\") }()\ntime.Sleep(time.Hour)", want: 0.0},
	{id: "forever", source: "for {}", want: 0.0},
	{id: "deadlock", source: "ch := make(chan int)\n<-ch", want: 0.0},
	{id: "exit", source: "import \"os\"\nos.Exit(0)", want: 0.0},
	{id: "syscall-exit", source: "import \"syscall\"\nsyscall.Exit(0)", want: 0.0},
	{id: "fatal", source: "import \"log\"\nlog.Fatal(\"end\")", want: 0.0},
	{id: "goexit", source: "import \"runtime\"\nruntime.Goexit()", want: 0.0},
	{id: "overflow", source: "func deep(n int) int { return deep(n+1) + 1 }\ndeep(0)", want: 0.0},
	{id: "stdin", source: "import \"fmt\"\nvar line string\nif _, err := fmt.Scan(&line); err != nil { panic(err) }", want: 0.0},
	{id: "comment", source: "# This cell (id:x) was missing from the submission.\nif 2*2 != 4 { panic(\"no\") }", want: 3.0},
}

// What a test cell does must cost that cell and no other (nbgrader's rule: an
// error or anything on stderr is 0 points, a number as result that many).
func TestHazardsScoreByThemselves(t *testing.T) {
	c := newCourse(t)
	var cells []gradeCell
	for _, h := range hazards {
		h.points = 3
		cells = append(cells, h, gradeCell{id: h.id + "-next", points: 3, source: "if len(\"go\") != 2 { panic(\"no\") }"})
	}
	c.source("hazards", cells)
	c.run("generate_assignment", "hazards", "--create")
	c.submit("ada", "hazards", nil)
	c.run("autograde", "hazards", "--create")

	got := c.scores("hazards")["ada"]
	if len(got) != len(cells) {
		t.Fatalf("%d cells have a score, of %d: %v", len(got), len(cells), got)
	}
	for _, h := range hazards {
		if auto := got[h.id].Auto; auto == nil || *auto != h.want {
			t.Errorf("%s scores %v, want %v", h.id, show(auto), h.want)
		}
		if auto := got[h.id+"-next"].Auto; auto == nil || *auto != 3 {
			t.Errorf("the test after %s scores %v, want 3", h.id, show(auto))
		}
	}
	graded := c.read("autograded", "ada", "hazards", "problem.ipynb")
	for _, cell := range graded.Cells {
		checkHazardOutputs(t, cell)
	}
}

// checkHazardOutputs looks at what the graders see besides a score.
func checkHazardOutputs(t *testing.T, cell *nbformat.Cell) {
	t.Helper()
	var kinds []string
	text := ""
	for _, o := range cell.Outputs {
		kinds = append(kinds, string(o.Type))
		text += o.Text + o.EName + ": " + o.EValue
	}
	switch gradeID(cell) {
	case "println", "stderr", "builtin-println", "log":
		if strings.Join(kinds, " ") != "stream" {
			t.Errorf("K4, K5: %s has the outputs %q, want one stream", gradeID(cell), kinds)
		}
	case "deadlock":
		if !strings.Contains(text, "asleep") && !strings.Contains(text, "deadlock") {
			t.Errorf("K8: the deadlock is not named: %s", text)
		}
	case "exit":
		if !strings.Contains(text, "Exit: exit status 0") {
			t.Errorf("K6: the exit is not named: %s", text)
		}
	}
}

func show(f *float64) any {
	if f == nil {
		return "nothing"
	}
	return *f
}

const teachersSum = `// Sum adds numbers.
func Sum(xs ...int) int {
	// BEGIN SOLUTION
	total := 0
	for _, x := range xs {
		total += x
	}
	return total
	// END SOLUTION
}`

var firstCourse = []gradeCell{
	{id: "sum", solution: true, source: teachersSum},
	{id: "sum-tests", points: 5, source: `if got := Sum(1, 2); got != 3 {
	panic("Sum(1, 2) is wrong")
}
// BEGIN HIDDEN TESTS
if got := Sum(7, 8, 9); got != 24 {
	panic("secret: Sum(7, 8, 9) is wrong")
}
// END HIDDEN TESTS`},
	{id: "whole", solution: true, source: "answer := 42"},
	{id: "whole-tests", points: 1, source: "if answer != 42 { panic(\"another answer\") }"},
	{id: "essay", points: 4, solution: true, markdown: true, source: "Why do channels block?"},
	{id: "manual-code", points: 2, solution: true, source: "// BEGIN SOLUTION\nlen(\"shown\")\n// END SOLUTION"},
	{id: "partial", points: 3, source: `earned := 1.0
if Sum() == 0 {
	earned += 2.0
}
earned`},
}

const (
	goodSum = "func Sum(xs ...int) (total int) {\n\tfor _, x := range xs {\n\t\ttotal += x\n\t}\n\treturn\n}"
	badSum  = "func Sum(xs ...int) int { return 3 }" // passes what students see
)

// A course from the teacher's notebook to the students' feedback.
func TestCourseIsGradedByNBGrader(t *testing.T) {
	c := newCourse(t)
	c.source("ps1", firstCourse)
	c.run("generate_assignment", "ps1", "--create")
	checkRelease(t, c.read("release", "ps1", "problem.ipynb"))

	c.submit("ada", "ps1", map[string]string{"sum": goodSum, "whole": "answer := 42", "essay": "They wait for each other.", "manual-code": "5"})
	c.submit("bob", "ps1", map[string]string{"sum": badSum, "whole": "answer := 41", "essay": "?", "manual-code": "1"})
	c.submit("cyd", "ps1", nil) // the stubs as they are
	c.submit("eve", "ps1", map[string]string{"sum": badSum, "sum-tests": "// all is well", "whole": "import \"os\"\nos.Exit(0)"})

	if said := c.run("validate", filepath.Join("submitted", "ada", "ps1", "problem.ipynb")); !strings.Contains(said, "Success! Your notebook passes all the tests.") {
		t.Errorf("validate says of a right notebook:\n%s", said)
	}
	said := c.run("validate", filepath.Join("submitted", "bob", "ps1", "problem.ipynb"))
	if !strings.Contains(said, "VALIDATION FAILED ON 2 CELL") || !strings.Contains(said, "another answer") {
		t.Errorf("validate says of a wrong notebook:\n%s", said)
	}
	said = c.run("validate", filepath.Join("submitted", "eve", "ps1", "problem.ipynb"))
	if !strings.Contains(said, "THE CONTENTS OF 1 TEST CELL(S) HAVE CHANGED") {
		t.Errorf("validate says of changed tests:\n%s", said)
	}

	c.run("autograde", "ps1", "--create")
	manual := any("manual")
	want := map[string]map[string]any{
		"ada": {"sum-tests": 5.0, "whole-tests": 1.0, "essay": manual, "manual-code": manual, "partial": 3.0},
		"bob": {"sum-tests": 0.0, "whole-tests": 0.0, "essay": manual, "manual-code": manual, "partial": 1.0},
		"cyd": {"sum-tests": 0.0, "whole-tests": 0.0, "essay": 0.0, "manual-code": 0.0, "partial": 0.0},
		"eve": {"sum-tests": 0.0, "whole-tests": 0.0, "essay": 0.0, "manual-code": 0.0, "partial": 1.0},
	}
	got := c.scores("ps1")
	for student, cells := range want {
		for id, score := range cells {
			s, ok := got[student][id]
			switch {
			case !ok:
				t.Errorf("%s has no score for %s", student, id)
			case score == manual:
				if s.Auto != nil || !s.Manual {
					t.Errorf("%s, %s: %v, want a manual grade to be asked for", student, id, show(s.Auto))
				}
			case s.Auto == nil || *s.Auto != score:
				t.Errorf("%s scores %v for %s, want %v", student, show(s.Auto), id, score)
			}
		}
	}

	c.run("generate_feedback", "ps1")
	for student, score := range map[string]string{"ada": "9.0 / 15.0", "bob": "1.0 / 15.0", "cyd": "0.0 / 15.0", "eve": "1.0 / 15.0"} {
		page, err := os.ReadFile(filepath.Join(c.dir, "feedback", student, "ps1", "problem.html"))
		if err != nil {
			t.Error(err)
			continue
		}
		if !strings.Contains(string(page), score) {
			t.Errorf("the feedback for %s does not say %s", student, score)
		}
	}
}

// checkRelease looks at the notebook that students get.
func checkRelease(t *testing.T, nb *nbformat.Notebook) {
	t.Helper()
	sources := map[string]string{}
	for _, cell := range nb.Cells {
		sources[gradeID(cell)] = cell.Source
		if strings.Contains(cell.Source, "SOLUTION") || strings.Contains(cell.Source, "HIDDEN") || strings.Contains(cell.Source, "secret") {
			t.Errorf("the release shows what it must not:\n%s", cell.Source)
		}
	}
	const stub = "// YOUR CODE HERE\npanic(\"not implemented\")"
	indented := "// Sum adds numbers.\nfunc Sum(xs ...int) int {\n\t// YOUR CODE HERE\n\tpanic(\"not implemented\")\n}"
	for id, want := range map[string]string{"sum": indented, "whole": stub, "manual-code": stub} {
		if sources[id] != want {
			t.Errorf("the stub of %s:\n%s\nwant\n%s", id, sources[id], want)
		}
	}
}
