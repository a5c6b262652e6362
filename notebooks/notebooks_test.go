package notebooks

import (
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"braid/notebooks/nbformat"
)

// pending reads the claims that no lesson settles yet.
func pending(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile("testdata/pending.txt")
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			ids = append(ids, line)
		}
	}
	return ids
}

func TestEveryClaimIsSettled(t *testing.T) {
	claims, err := Claims()
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, c := range claims {
		shown[c.ID] = true
	}
	todo := pending(t)
	for _, id := range ClaimIDs() {
		switch isPending := slices.Contains(todo, id); {
		case !shown[id] && !isPending:
			t.Errorf("no lesson settles %s", id)
		case shown[id] && isPending:
			t.Errorf("%s is settled: strike it from testdata/pending.txt", id)
		}
	}
	for _, id := range todo {
		if !slices.Contains(ClaimIDs(), id) {
			t.Errorf("testdata/pending.txt: there is no claim %q", id)
		}
	}
	t.Logf("%d of %d claims are settled", len(shown), len(ClaimIDs()))
}

func TestIndexInReadmeIsFresh(t *testing.T) {
	data, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	want, err := Insert(string(data))
	if err != nil {
		t.Fatal(err)
	}
	if string(data) != want {
		t.Error("the claims index of the README is not that of the lessons; run: go generate ./notebooks")
	}
}

func TestClaimsOfACell(t *testing.T) {
	cell := func(says any, source, output string) *nbformat.Cell {
		return &nbformat.Cell{Type: nbformat.Code, Source: source,
			Metadata: map[string]any{"braid": map[string]any{"claims": map[string]any{"G1": says}}},
			Outputs:  []*nbformat.Output{{Type: nbformat.ExecuteResult, Data: map[string]any{"text/plain": output}}}}
	}
	const source, output = `claim.Holds("G1", n == 0, "freed at %d", n)`, "✓ G1 holds: freed at 0\n  and once\n✓"
	found, err := claimsOf(cell("objects count", source, output))
	want := Claim{ID: "G1", Says: "objects count", Verdict: "holds", Findings: "freed at 0; and once"}
	if err != nil || len(found) != 1 || found[0] != want {
		t.Errorf("got %+v, %v", found, err)
	}
	for _, c := range []struct {
		name string
		cell *nbformat.Cell
		want string
	}{
		{"no verdict", cell("objects count", source, "0"), "has no verdict in the output"},
		{"written by hand", cell("objects count", `fmt.Println("✓ G1 holds: so it is")`, output), "not from package claim"},
		{"no statement", cell("", source, output), "no statement"},
		{"another claim", cell("objects count", source, output+"\n✓ G2 wrong: no"), "verdict on G2 has no statement"},
	} {
		if _, err := claimsOf(c.cell); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// Bounds of a cell: what a screen of JupyterLab shows at once, on a projector.
const (
	mostLines   = 40
	mostColumns = 100
	mostWords   = 200 // of a cell of text
)

func TestCellsFitAScreen(t *testing.T) {
	for _, name := range Lessons() {
		nb, err := lesson(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range nb.Cells {
			lines := strings.Split(strings.ReplaceAll(c.Source, "\t", "    "), "\n")
			if len(lines) > mostLines {
				t.Errorf("%s: cell %s has %d lines, at most %d fit a screen", name, c.ID, len(lines), mostLines)
			}
			if n := len(strings.Fields(c.Source)); c.Type == nbformat.Markdown && n > mostWords {
				t.Errorf("%s: cell %s has %d words, more than %d are not read", name, c.ID, n, mostWords)
			}
			for i, line := range lines {
				if c.Type == nbformat.Code && len([]rune(line)) > mostColumns {
					t.Errorf("%s: cell %s, line %d has more than %d columns", name, c.ID, i+1, mostColumns)
				}
			}
		}
	}
}

func TestLessonsAreShippedExecuted(t *testing.T) {
	lessons := Lessons()
	if !slices.Contains(lessons, FirstPage) {
		t.Fatalf("the lessons are %q, without %s", lessons, FirstPage)
	}
	for _, name := range lessons {
		nb, err := lesson(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range nb.Cells {
			if c.Type == nbformat.Code && c.ExecutionCount == nil && !c.HasTag("skip-execution") {
				t.Errorf("%s: cell %s was not executed", name, c.ID)
			}
			if c.Metadata["execution"] != nil {
				t.Errorf("%s: cell %s tells when it ran; nobody wants to know", name, c.ID)
			}
			for _, o := range c.Outputs {
				if o.Type == nbformat.Error && !c.HasTag("raises-exception") {
					t.Errorf("%s: cell %s fails: %s: %s", name, c.ID, o.EName, o.EValue)
				}
			}
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)#:\s]+)(#[^)]*)?\)`)

// Lessons link to what is laid out with them.
func TestLinksLeadSomewhere(t *testing.T) {
	course, err := layout(CopyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Lessons() {
		nb, err := lesson(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range nb.Cells {
			if c.Type != nbformat.Markdown {
				continue
			}
			for _, m := range link.FindAllStringSubmatch(c.Source, -1) {
				if target := m[1]; course[target] == nil && target != "exercises" {
					t.Errorf("%s: cell %s links to %s, which is not in the course", name, c.ID, target)
				}
			}
		}
	}
}

func TestEachExerciseFolderHasOneNotebook(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range Exercises() {
		dir := path.Dir(name)
		if seen[dir] || dir == "." || strings.Contains(dir, "/") {
			t.Errorf("exercises/%s: each exercise is one notebook in a folder of its own", name)
		}
		seen[dir] = true
	}
}
