package notebooks

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"braid/notebooks/nbformat"
)

// parts are the parts of the text that the course examines, with the letters
// and numbers of their claims.
var parts = []struct {
	letter, title string
	claims        int
}{
	{"G", "What the GIL actually locks", 26},
	{"D", "The decision framework", 19},
	{"A", "async/await and the event loop", 22},
	{"C", "Coroutines and generators", 18},
	{"B", "Bypassing the GIL", 15},
}

// ClaimIDs lists the claims that the course has to settle: G1 … B15.
func ClaimIDs() []string {
	var ids []string
	for _, p := range parts {
		for n := range p.claims {
			ids = append(ids, p.letter+strconv.Itoa(n+1))
		}
	}
	return ids
}

// Claim is a claim with the cell that settles it.
type Claim struct {
	ID       string // "G5"
	Says     string // the statement, in the course's words
	Verdict  string // "wrong"
	Findings string // what the cell observed
	Lesson   string // "01-what-the-gil-locks.ipynb"
	Cell     string // its id
}

// Claims reads the claims off the lessons: statements from the cells' metadata
// (metadata.braid.claims, id → statement), verdicts and findings from their
// outputs, where package claim puts them. It returns an error for a claim whose
// cell does not settle it, and for a verdict on a claim that no cell states.
func Claims() ([]Claim, error) {
	var all []Claim
	for _, name := range Lessons() {
		nb, err := lesson(name)
		if err != nil {
			return nil, err
		}
		for _, c := range nb.Cells {
			found, err := claimsOf(c)
			if err != nil {
				return nil, fmt.Errorf("%s: cell %s: %w", name, c.ID, err)
			}
			for _, one := range found {
				one.Lesson, one.Cell = name, c.ID
				all = append(all, one)
			}
		}
	}
	order := ClaimIDs()
	slices.SortStableFunc(all, func(a, b Claim) int {
		return cmp.Compare(slices.Index(order, a.ID), slices.Index(order, b.ID))
	})
	return all, nil
}

func claimsOf(c *nbformat.Cell) ([]Claim, error) {
	braid, _ := c.Metadata["braid"].(map[string]any)
	stated, _ := braid["claims"].(map[string]any)
	settled := verdicts(c)
	var all []Claim
	for id, says := range stated {
		v, ok := settled[id]
		switch says, isText := says.(string); {
		case !slices.Contains(ClaimIDs(), id):
			return nil, fmt.Errorf("there is no claim %s", id)
		case !isText || says == "":
			return nil, fmt.Errorf("claim %s has no statement in the metadata", id)
		case !ok:
			return nil, fmt.Errorf("claim %s has no verdict in the output: end the cell with claim.Holds(%q, …) or another of that package, and run it", id, id)
		case !asserts(c.Source, id):
			return nil, fmt.Errorf("claim %s has a verdict that is not from package claim", id)
		default:
			all = append(all, Claim{ID: id, Says: says, Verdict: v.judgment, Findings: v.findings})
		}
	}
	for id := range settled {
		if stated[id] == nil {
			return nil, fmt.Errorf("the verdict on %s has no statement in the metadata (braid.claims)", id)
		}
	}
	return all, nil
}

// asserts tells whether source calls package claim about id.
func asserts(source, id string) bool {
	return regexp.MustCompile(`claim\.(Holds|Conditional|Outdated|Misleading|Wrong)\(\s*"` + id + `"`).MatchString(source)
}

type settled struct{ judgment, findings string }

// verdictLine is how package claim writes a verdict; lines that follow it,
// indented, are further findings.
var verdictLine = regexp.MustCompile(`(?m)^✓ ([A-Z]\d+) (holds with a condition|holds|outdated|misleading|wrong): (.*(?:\n  .*)*)`)

// verdicts finds the verdicts in the texts that a cell gave.
func verdicts(c *nbformat.Cell) map[string]settled {
	found := map[string]settled{}
	for _, o := range c.Outputs {
		text, _ := o.Data["text/plain"].(string)
		for _, m := range verdictLine.FindAllStringSubmatch(o.Text+text, -1) {
			found[m[1]] = settled{m[2], strings.ReplaceAll(m[3], "\n  ", "; ")}
		}
	}
	return found
}

// Markers of the index in a document of Markdown.
const (
	indexBegin = "<!-- claims index: made by go generate ./notebooks -->"
	indexEnd   = "<!-- end of the claims index -->"
)

// Index is the table of claims as Markdown: a part of the text after the other.
// Links begin at the root of the repository.
func Index() (string, error) {
	claims, err := Claims()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, p := range parts {
		fmt.Fprintf(&b, "\n<details><summary>%s</summary>\n\n| claim | what it says | verdict | shown in | by |\n|---|---|---|---|---|\n", p.title)
		for _, c := range claims {
			if strings.HasPrefix(c.ID, p.letter) {
				number, _, _ := strings.Cut(c.Lesson, "-")
				fmt.Fprintf(&b, "| %s | %s | %s | [%s](notebooks/course/%s) %s | %s |\n",
					c.ID, cellText(c.Says), c.Verdict, number, c.Lesson, c.Cell, cellText(c.Findings))
			}
		}
		b.WriteString("\n</details>\n")
	}
	return b.String(), nil
}

// cellText is s as the cell of a Markdown table.
func cellText(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;", "*", `\*`, "_", `\_`).Replace(s)
}

// Insert puts the index between the markers of a document.
func Insert(document string) (string, error) {
	index, err := Index()
	if err != nil {
		return "", err
	}
	head, rest, ok := strings.Cut(document, indexBegin)
	_, tail, ok2 := strings.Cut(rest, indexEnd)
	if !ok || !ok2 {
		return "", fmt.Errorf("the document lacks the lines %q and %q, between which the index stands", indexBegin, indexEnd)
	}
	return head + indexBegin + "\n" + index + "\n" + indexEnd + tail, nil
}
