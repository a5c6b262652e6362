package notebooks

import (
	"fmt"
	"strings"

	"braid/notebooks/nbformat"
)

// Delimiters of nbgrader's source notebooks, anywhere in a line
// (nbgrader 0.9: ClearSolutions, ClearHiddenTests).
const (
	beginSolution, endSolution = "BEGIN SOLUTION", "END SOLUTION"
	beginHidden, endHidden     = "BEGIN HIDDEN TESTS", "END HIDDEN TESTS"
)

// What stands where a solution was, as nbgrader puts it there.
const (
	codeStub = "// YOUR CODE HERE\npanic(\"not implemented\")"
	textStub = "YOUR ANSWER HERE"
)

// Student turns an exercise as its author wrote it into what a student gets:
// solutions become stubs, hidden tests and all outputs go. It does what
// `nbgrader generate_assignment` does to the sources of cells.
func Student(nb *nbformat.Notebook) error {
	for _, c := range nb.Cells {
		c.Outputs, c.ExecutionCount = nil, nil
		delete(c.Metadata, "execution")
		stub := textStub
		if c.Type == nbformat.Code {
			stub = codeStub
		}
		source, replaced, err := cut(c.Source, beginSolution, endSolution, stub)
		if err != nil {
			return fmt.Errorf("cell %s: %w", c.ID, err)
		}
		if !replaced && isSolution(c) {
			source = stub
		}
		if source, _, err = cut(source, beginHidden, endHidden, ""); err != nil {
			return fmt.Errorf("cell %s: %w", c.ID, err)
		}
		c.Source = source
	}
	return nil
}

func isSolution(c *nbformat.Cell) bool {
	grader, _ := c.Metadata["nbgrader"].(map[string]any)
	solution, _ := grader["solution"].(bool)
	return solution
}

// cut replaces each region between lines that contain begin and end by stub,
// indented as the first of these lines is.
func cut(source, begin, end, stub string) (result string, found bool, err error) {
	var out []string
	inside := false
	for line := range strings.SplitSeq(source, "\n") {
		switch {
		case strings.Contains(line, begin):
			if inside {
				return "", false, fmt.Errorf("%s stands inside of another", begin)
			}
			inside, found = true, true
			if stub != "" {
				indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
				out = append(out, indent+strings.ReplaceAll(stub, "\n", "\n"+indent))
			}
		case strings.Contains(line, end):
			inside = false
		case !inside:
			out = append(out, line)
		}
	}
	if inside {
		return "", false, fmt.Errorf("%s has no %s", begin, end)
	}
	return strings.Join(out, "\n"), found, nil
}
