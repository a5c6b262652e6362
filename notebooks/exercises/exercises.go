package exercises

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"braid/notebooks/nbformat"
)

//go:embed */*.ipynb */*.md
var files embed.FS

// Exercise is one exercise.
type Exercise struct {
	Name  string // of the folder and the assignment: "01-counter"
	Title string
	// File is the notebook's name: "counter.ipynb".
	File string
}

// All lists the exercises in their order.
func All() []Exercise {
	var all []Exercise
	paths, err := fs.Glob(files, "*/*.ipynb")
	if err != nil {
		panic(err) // the pattern is constant
	}
	for _, p := range paths {
		e := Exercise{Name: path.Dir(p), File: path.Base(p)}
		if nb, err := e.Source(); err == nil && len(nb.Cells) > 0 {
			line, _, _ := strings.Cut(nb.Cells[0].Source, "\n")
			e.Title = strings.TrimSpace(strings.TrimLeft(line, "#"))
		}
		all = append(all, e)
	}
	return all
}

// Source is the notebook with solutions and hidden tests, as nbgrader's
// generate_assignment takes it.
func (e Exercise) Source() (*nbformat.Notebook, error) {
	data, err := files.ReadFile(path.Join(e.Name, e.File))
	if err != nil {
		return nil, err
	}
	return nbformat.Read(data)
}

// Release is the notebook as learners get it: stubs for solutions, no hidden
// tests. It is what generate_assignment makes, without the checksums.
func (e Exercise) Release() (*nbformat.Notebook, error) {
	nb, err := e.Source()
	if err != nil {
		return nil, err
	}
	for _, c := range nb.Cells {
		if err := release(c); err != nil {
			return nil, fmt.Errorf("%s, cell %s: %w", e.Name, c.ID, err)
		}
	}
	return nb, nil
}

func release(c *nbformat.Cell) (err error) {
	if c.Type != nbformat.Code {
		return nil
	}
	if Flag(c, "solution") {
		c.Source, err = Solve(c.Source, stub)
	}
	if Flag(c, "grade") && err == nil {
		c.Source, err = cut(c.Source, "HIDDEN TESTS", "")
	}
	if Flag(c, "solution") || Flag(c, "grade") || Flag(c, "locked") {
		c.Metadata["deletable"] = false
	}
	if Flag(c, "locked") {
		c.Metadata["editable"] = false
	}
	return err
}

// stub is what stands for a solution (install --nbgrader teaches it to nbgrader).
const stub = "// YOUR CODE HERE\npanic(\"not implemented\")"

// Solve puts other code in place of the solution of a cell.
func Solve(cell, solution string) (string, error) { return cut(cell, "SOLUTION", solution) }

// Flag reads a flag of nbgrader's metadata.
func Flag(c *nbformat.Cell, name string) bool {
	meta, _ := c.Metadata["nbgrader"].(map[string]any)
	is, _ := meta[name].(bool)
	return is
}

// Solutions are the code between the delimiters of each solution cell, by the
// cell's grade_id.
func Solutions(nb *nbformat.Notebook) map[string]string {
	all := map[string]string{}
	for _, c := range nb.Cells {
		if Flag(c, "solution") {
			all[c.ID] = between(c.Source, "SOLUTION")
		}
	}
	return all
}

func between(source, what string) string {
	_, rest, _ := strings.Cut(source, "BEGIN "+what+"\n")
	text, _, _ := strings.Cut(rest, "END "+what)
	lines := strings.Split(text, "\n")
	return strings.Join(lines[:max(len(lines)-1, 0)], "\n")
}

// cut replaces the lines from BEGIN what to END what, as nbgrader does: with
// the indent of the first.
func cut(source, what, by string) (string, error) {
	var out []string
	inside := false
	for _, line := range strings.Split(source, "\n") {
		begins, ends := strings.Contains(line, "BEGIN "+what), strings.Contains(line, "END "+what)
		switch {
		case begins && inside, ends && !inside:
			return "", errors.New("the delimiters of " + what + " do not match")
		case begins:
			inside = true
			indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
			if by != "" {
				for _, l := range strings.Split(by, "\n") {
					out = append(out, indent+l)
				}
			}
		case ends:
			inside = false
		case !inside:
			out = append(out, line)
		}
	}
	if inside {
		return "", errors.New("END " + what + " is missing")
	}
	return strings.Join(out, "\n"), nil
}

// FileOf is the name of the notebook in a folder "01-counter": "counter.ipynb".
func FileOf(folder string) string {
	_, name, _ := strings.Cut(folder, "-")
	return name + ".ipynb"
}

// Wrong is a typical wrong solution.
type Wrong struct {
	Thought string // what its author has in mind
	Message string // a part of what the verdict must say
	Source  string // of the solution cell
}

// Wrongs are the wrong solutions of an exercise: the sections of its wrong.md,
// each a heading, a line "Gets: …" and the code.
func (e Exercise) Wrongs() ([]Wrong, error) {
	data, err := files.ReadFile(e.Name + "/wrong.md")
	if err != nil {
		return nil, err
	}
	var all []Wrong
	for _, section := range strings.Split("\n"+string(data), "\n## ")[1:] {
		thought, rest, _ := strings.Cut(section, "\n")
		_, rest, ok1 := strings.Cut(rest, "Gets: ")
		message, rest, _ := strings.Cut(rest, "\n")
		_, rest, ok2 := strings.Cut(rest, "```go\n")
		source, _, ok3 := strings.Cut(rest, "\n```")
		if !ok1 || !ok2 || !ok3 {
			return nil, fmt.Errorf("%s/wrong.md, %q: it needs a line \"Gets: …\" and a block of go", e.Name, thought)
		}
		all = append(all, Wrong{Thought: thought, Message: message, Source: source})
	}
	return all, nil
}
