package exercises

import (
	"fmt"
	"html"
	"regexp"
	"strconv"
	"strings"

	"braid/notebooks/nbformat"
)

// Compose makes the source notebook of an exercise.md. Its errors name the line.
func Compose(text []byte) (*nbformat.Notebook, error) {
	c := composer{nb: nbformat.New(), ids: map[string]bool{}}
	c.nb.Metadata = map[string]any{
		"kernelspec":    map[string]any{"name": "braid", "display_name": "Go (Braid)", "language": "go"},
		"language_info": map[string]any{"name": "go", "file_extension": ".go", "mimetype": "text/x-go"},
	}
	lines := strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		words := strings.Fields(lines[i])
		switch {
		case lines[i] == "---":
			c.flush()
		case len(words) > 0 && words[0] == "```go":
			end := i + 1
			for end < len(lines) && lines[end] != "```" {
				end++
			}
			if end == len(lines) {
				return nil, fmt.Errorf("line %d: the block has no end", i+1)
			}
			c.flush()
			if err := c.code(words[1:], strings.Join(lines[i+1:end], "\n")); err != nil {
				return nil, fmt.Errorf("line %d: %w", i+1, err)
			}
			i = end
		default:
			c.text = append(c.text, lines[i])
		}
	}
	c.flush()
	return c.nb, nil
}

type composer struct {
	nb   *nbformat.Notebook
	text []string // of the Markdown cell that is being read
	ids  map[string]bool
}

// flush ends a Markdown cell.
func (c *composer) flush() {
	text := strings.TrimSpace(strings.Join(c.text, "\n"))
	c.text = nil
	if text == "" {
		return
	}
	c.add(&nbformat.Cell{Type: nbformat.Markdown, Source: boxes(text), Metadata: map[string]any{}}, "text")
}

var idPattern = regexp.MustCompile(`^[a-z0-9-]+$`)

// code adds the code cell that the words of a fence describe.
func (c *composer) code(words []string, source string) error {
	cell := &nbformat.Cell{Type: nbformat.Code, Source: source, Metadata: map[string]any{}}
	if len(words) == 0 {
		c.add(cell, "code")
		return nil
	}
	kind := words[0]
	meta := map[string]any{"schema_version": 3, "grade": false, "solution": false, "locked": false, "task": false}
	want := 2
	switch kind {
	case "given":
		meta["locked"] = true
	case "solution":
		meta["solution"] = true
	case "test":
		meta["grade"], meta["locked"] = true, true
		want = 3
	default:
		return fmt.Errorf("a cell is given, solution or test, not %q", kind)
	}
	if len(words) != want {
		return fmt.Errorf("%q has %d words, %d are needed", strings.Join(words, " "), len(words), want)
	}
	id := words[1]
	if !idPattern.MatchString(id) || c.ids[id] {
		return fmt.Errorf("the id %q is taken, or has other letters than a-z, 0-9 and -", id)
	}
	meta["grade_id"] = id
	if kind == "test" {
		points, err := strconv.Atoi(words[2])
		if err != nil || points <= 0 {
			return fmt.Errorf("%q is no number of points", words[2])
		}
		meta["points"] = points
	}
	cell.Metadata["nbgrader"] = meta
	c.add(cell, id)
	return nil
}

// add appends a cell, with an id that stays the same when others change.
func (c *composer) add(cell *nbformat.Cell, id string) {
	for n := 1; ; n++ {
		cell.ID = id
		if n > 1 || id == "text" || id == "code" {
			cell.ID = fmt.Sprintf("%s-%d", id, n)
		}
		if !c.ids[cell.ID] {
			break
		}
	}
	c.ids[cell.ID] = true
	c.nb.InsertCell(len(c.nb.Cells), cell)
}

// boxes turns the hints of a text into boxes that open one by one.
func boxes(text string) string {
	var out, ends strings.Builder
	hints := 0
	for part := range strings.SplitSeq(text, "\n\n") {
		hint, ok := strings.CutPrefix(part, "hint:")
		if !ok {
			out.WriteString(part + "\n\n")
			continue
		}
		hints++
		title := "A hint"
		if hints > 1 {
			title = "Another hint"
		}
		fmt.Fprintf(&out, "<details><summary>%s</summary>\n\n%s\n\n", html.EscapeString(title), strings.TrimSpace(hint))
		ends.WriteString("</details>")
	}
	return strings.TrimSpace(out.String() + ends.String())
}

// FileOf is the name of the notebook in a folder "01-counter": "counter.ipynb".
func FileOf(folder string) string {
	_, name, _ := strings.Cut(folder, "-")
	return name + ".ipynb"
}
