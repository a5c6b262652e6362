package notebooks

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"braid/notebooks/nbformat"
)

// fates copies the course to dir and counts what happened.
func fates(t *testing.T, dir string) (map[Fate]int, []Copied) {
	t.Helper()
	all, err := Copy(dir, CopyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	count := map[Fate]int{}
	for _, c := range all {
		count[c.Fate]++
	}
	return count, all
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestCopyNeverTouchesWhatTheReaderChanged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "course")
	if count, all := fates(t, dir); count[Written] != len(all) || len(all) < len(Lessons())+len(Exercises()) {
		t.Fatalf("in an empty folder: %v", count)
	}
	shipped := content(t, dir, FirstPage)

	write(t, dir, FirstPage, "mine")
	count, _ := fates(t, dir)
	if count[Kept] != 1 || content(t, dir, FirstPage) != "mine" {
		t.Errorf("a changed lesson: %v", count)
	}
	if _, err := os.Stat(filepath.Join(dir, beside(FirstPage))); err == nil {
		t.Error("the version that the reader began with was written beside theirs")
	}

	// An older braid had laid out other lessons.
	c := &copier{dir: dir, known: readManifest(dir)}
	c.known[FirstPage] = digest([]byte("older"))
	if err := c.save(); err != nil {
		t.Fatal(err)
	}
	write(t, dir, FirstPage, "older")
	if count, _ := fates(t, dir); count[Updated] != 1 || content(t, dir, FirstPage) != shipped {
		t.Errorf("an old lesson that nobody changed: %v", count)
	}
	c.known[FirstPage] = digest([]byte("older"))
	if err := c.save(); err != nil {
		t.Fatal(err)
	}
	write(t, dir, FirstPage, "older, and mine")
	for _, round := range []string{"first", "second"} {
		_, all := fates(t, dir)
		for _, one := range all {
			if one.Name == FirstPage && (one.Fate != Kept || (one.Beside != "") != (round == "first")) {
				t.Errorf("%s copy over an old lesson with changes: %+v", round, one)
			}
		}
		if content(t, dir, FirstPage) != "older, and mine" || content(t, dir, beside(FirstPage)) != shipped {
			t.Errorf("%s copy over an old lesson with changes", round)
		}
	}
}

func TestCopyWithoutAManifestTakesEveryFileForTheReaders(t *testing.T) {
	for _, text := range []string{"", "null", "[]", "{\"" + FirstPage + "\": 1}"} {
		dir := t.TempDir()
		write(t, dir, FirstPage, "mine")
		if text != "" {
			write(t, dir, manifestName, text)
		}
		fates(t, dir)
		if content(t, dir, FirstPage) != "mine" || !strings.Contains(content(t, dir, beside(FirstPage)), `"cells"`) {
			t.Errorf("with the manifest %q", text)
		}
	}
}

func TestCopySaysWhatIsInTheWay(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, FirstPage), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Copy(dir, CopyOptions{}); err == nil || !strings.Contains(err.Error(), FirstPage) {
		t.Errorf("a folder in a lesson's place: %v", err)
	}
	write(t, dir, "file", "")
	if _, err := Copy(filepath.Join(dir, "file"), CopyOptions{}); err == nil {
		t.Error("a file in the folder's place was no error")
	}
}

func TestStudentsGetNoSolutions(t *testing.T) {
	dir := t.TempDir()
	fates(t, dir)
	filepath.WalkDir(dir, func(p string, _ os.DirEntry, _ error) error {
		data, _ := os.ReadFile(p)
		for _, mark := range []string{beginSolution, endSolution, beginHidden, endHidden} {
			if strings.Contains(string(data), mark) {
				t.Errorf("%s holds %q", p, mark)
			}
		}
		return nil
	})
	all, err := Copy(t.TempDir(), CopyOptions{Solutions: true})
	if err != nil || len(all) < len(Lessons())+len(Exercises()) {
		t.Errorf("with solutions: %d files, %v", len(all), err)
	}
	for _, c := range all {
		if ext := path.Ext(c.Name); ext != ".ipynb" && ext != ".md" {
			t.Errorf("teachers get %s", c.Name)
		}
	}
}

func TestStudentCutsAsNbgraderDoes(t *testing.T) {
	solution := map[string]any{"nbgrader": map[string]any{"solution": true}}
	for _, c := range []struct {
		name, source, want string
		kind               nbformat.CellType
		metadata           map[string]any
	}{
		{"a region", "func f() {\n\t// BEGIN SOLUTION\n\tlock()\n\t// END SOLUTION\n}", "func f() {\n\t// YOUR CODE HERE\n\tpanic(\"not implemented\")\n}", nbformat.Code, nil},
		{"a whole cell", "lock()", codeStub, nbformat.Code, solution},
		{"a text", "because", textStub, nbformat.Markdown, solution},
		{"a region of a solution cell", "a()\n// BEGIN SOLUTION\n// END SOLUTION\nb()", "a()\n" + codeStub + "\nb()", nbformat.Code, solution},
		{"hidden tests", "a()\n// BEGIN HIDDEN TESTS\nb()\n// END HIDDEN TESTS", "a()", nbformat.Code, nil},
		{"nothing", "a()", "a()", nbformat.Code, nil},
	} {
		nb := nbformat.New()
		nb.InsertCell(0, &nbformat.Cell{Type: c.kind, Source: c.source, Metadata: c.metadata})
		if err := Student(nb); err != nil || nb.Cells[0].Source != c.want {
			t.Errorf("%s: %q, %v", c.name, nb.Cells[0].Source, err)
		}
	}
	for _, source := range []string{"// BEGIN SOLUTION", "// BEGIN SOLUTION\n// BEGIN SOLUTION\n// END SOLUTION", "// BEGIN HIDDEN TESTS"} {
		nb := nbformat.New()
		nb.InsertCell(0, &nbformat.Cell{Type: nbformat.Code, Source: source})
		if err := Student(nb); err == nil {
			t.Errorf("%q is no error", source)
		}
	}
}
