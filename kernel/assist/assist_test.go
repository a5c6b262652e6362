package assist

import (
	"fmt"
	"go/token"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"braid/kernel/cell"
	"braid/kernel/check"
	"braid/kernel/check/exportdata"
)

// session returns the State after some cells.
func session(t testing.TB, cells ...string) *check.State {
	t.Helper()
	fset := token.NewFileSet()
	s := check.NewState(fset, exportdata.NewImporter(fset))
	for i, src := range cells {
		c, ds := cell.Parse(fset, fmt.Sprintf("In[%d]", i+1), src)
		if len(ds) > 0 {
			t.Fatalf("%q: %v", src, ds)
		}
		k, ds := s.Check(c)
		if k == nil {
			t.Fatalf("%q: %v", src, ds)
		}
		s = k.Next
	}
	return s
}

// at splits code at the cursor, which is written |.
func at(code string) (string, int) {
	before, after, ok := strings.Cut(code, "|")
	if !ok {
		panic("no cursor in " + code)
	}
	return before + after, len([]rune(before))
}

var world = []string{
	"import \"fmt\"\nimport \"strings\"\nimport \"time\"",
	`// Base is what others build on.
type Base struct {
	ID   int // the number
	name string
}
// Hello greets.
func (b *Base) Hello(to string) string { return to + b.name }
type Worker struct {
	Base
	*strings.Builder
	Jobs []Job
	mu   int
}
type Job struct{ Title string; Size int; Done bool }
func (j Job) Run(times int) (Job, error) { return j, nil }
w := Worker{}
w2 := &w
jobs := []Job{{Title: "a"}}
byName := map[string]*Worker{}
count, title := 3, "x"
// Make makes one.
// It does.
func Make(title string, size int) Job { return Job{Title: title} }
type Shape interface{ Area() float64 }
func Map[T, U any](x []T, f func(T) U) []U { return nil }
const Limit = 10
`,
	"func (w *Worker) Late() int { return 1 }",
}

// Every line is code with the cursor, and the texts that must come first, in
// this order; "!x" must not be among them; "=" alone means that there are no others.
var completions = []struct{ code, want string }{
	{"w.|", "Base Builder Jobs Late mu Cap Grow Hello ID"},
	{"w2.H|", "Hello ="},
	{"strings.To|", "ToLower ToLowerSpecial ToTitle ToTitleSpecial ToUpper ToUpperSpecial ToValidUTF8 ="},
	{"strings.tol|", "ToLower ToLowerSpecial ="},
	{"if x := w2; x.|", "Base Builder Jobs Late mu"},
	{"for i := range jobs[0].|", "Done Run Size Title ="},
	{"switch w.|", "Base Builder"},
	{"jobs[0].|", "Done Run Size Title ="},
	{"Make(\"a\", 1).|", "Done Run Size Title ="},
	{"byName[\"a\"].Jobs[0].T|", "Title ="},
	{"for _, j := range jobs {\n\tj.|\n}", "Done Run Size Title ="},
	{"for _, j := range jobs {\n\tj.|", "Done Run Size Title ="},
	{"fmt.Println(w.|", "Base Builder Jobs"},
	{"fmt.Println(w.|)", "Base Builder Jobs"},
	{"go w.H|", "Hello ="},
	{"defer w2.|", "Base Builder"},
	{"(&w).I|", "ID ="},
	{"w.\n|", "Base Builder"},
	{"err := w.|\nfmt.Println(err)", "Base Builder"},
	{"func g(s Shape) { s.| }", "Area ="},
	{"func h[T Shape](t T) { t.| }", "Area ="},
	{"time.Now().For|", "Format ="},
	{"Worker.|", "Late Cap Grow Hello Len !Jobs !ID"},
	{"Job.R|", "Run ="},
	{"w.Hello(\"a\").|", "="},
	{"x := 3\nx.|", "="},
	{"w.nosuch.|", "="},
	{"nosuch.|", "="},
	{"jobs[0].Run(1).|", "Done Run Size Title ="},
	{"struct{ inner int }{}.|", "inner ="},
	{"type E struct{ own int }\nvar e E\ne.|", "own ="},
	{"func (j Job) Added() {}\njobs[0].A|", "Added ="},

	{"%time w.|", "Base Builder Jobs"},
	{"x := 1\n%time jobs[0].|", "Done Run Size Title ="},
	{"%%time\njobs[0].|", "Done Run Size Title ="},

	{"cou|", "count ="},
	{"func f(alpha int) {\n\tbeta := alpha\n\tal|\n}", "alpha"},
	{"func f(alpha int) {\n\tif beta := alpha; beta > al|", "alpha"},
	{"func() { zeta := 1; ze|", "zeta ="},
	{"{ zeta := 1 }\nze|", "!zeta"},
	{"zeta := ze|", "!zeta"},
	{"ret|", "return ="},
	{"strin|", "strings string"},
	{"tabwr|", "tabwriter ="},
	{"len|", "len"},

	{"x := Job{Ti|}", "Title"},
	{"x := Job{Title: \"a\", |}", "Done Size ="},
	{"x := &Job{\n\tTitle: \"a\",\n\tS|\n}", "Size ="},
	{"[]Job{{|}}", "Done Size Title"},
	{"map[string]Job{\"a\": {Si|", "Size"},
	{"x := http.Server{Ad|", "Addr"},

	{"Make(t|", "title"},
	{"Make(title, |)", "Limit count"},
	{"count = |", "Limit count"},
	{"if count == L|", "Limit len"},
	{"func k() Job { return M|", "Make"},
	{"x := Job{Size: c|", "count"},
	{"var d time.Duration = time.S|", "Second Since"},

	{"import \"str|", "strconv strings structs ="},
	{"import (\n\t\"encoding/j|", "encoding/json ="},
	{"import j \"encoding/j|", "encoding/json ="},
	{"import \"braid/d|", "braid/display ="},
	{"os.Geten|", "Getenv ="},
	{"exec.Command(\"ls\").Std|", "Stderr StderrPipe Stdin StdinPipe Stdout StdoutPipe ="},
	{"json.Marsh|", "Marshal MarshalIndent Marshaler MarshalerError ="},

	{"\"abc w.|\"", "="},
	{"fmt.Println(\"w.|", "="},
	{"`abc\nw.|", "="},
	{"// w.|", "="},
	{"/* w.| */", "="},
	{"x := 12|", "="},
	{"|", "Base Job Limit"},
}

func TestComplete(t *testing.T) {
	s := session(t, world...)
	for _, c := range completions {
		code, cursor := at(c.code)
		var got []string
		for _, it := range Complete(s, code, cursor).Items {
			got = append(got, it.Text)
			if it.Type == "" {
				t.Errorf("%q: %s has no type", c.code, it.Text)
			}
		}
		for i, w := range strings.Fields(c.want) {
			switch {
			case w == "=":
				if len(got) != i {
					t.Errorf("%q: %v, want %s", c.code, got, c.want)
				}
			case strings.HasPrefix(w, "!"):
				if slices.Contains(got, w[1:]) {
					t.Errorf("%q: %v, want %s", c.code, got, c.want)
				}
			case i >= len(got) || got[i] != w:
				t.Errorf("%q: %v, want %s", c.code, got, c.want)
			}
		}
	}
}

func TestCompleteSpans(t *testing.T) {
	s := session(t, world...)
	for _, c := range []struct {
		code       string
		start, end int
	}{
		{"strings.To|", 8, 10},
		{"x := \"😀\"; w.Ba|", 12, 14},
		{"import \"str|", 8, 11},
		{"count|er", 0, 5},
		{"ÿé|", 0, 2},
	} {
		code, cursor := at(c.code)
		if got := Complete(s, code, cursor); got.Start != c.start || got.End != c.end {
			t.Errorf("%q: %d-%d, want %d-%d", c.code, got.Start, got.End, c.start, c.end)
		}
	}
}

func TestCompleteTypes(t *testing.T) {
	s := session(t, world...)
	for code, want := range map[string]string{
		"Mak|": "function", "Work|": "class", "coun|": "instance", "strings|": "module", "retur|": "keyword",
		"w.Hell|": "function", "w.Job|": "instance", "Limi|": "instance", "fmt.Stringe|": "class", "import \"fm|": "module",
	} {
		src, cursor := at(code)
		items := Complete(s, src, cursor).Items
		if len(items) == 0 || items[0].Type != want {
			t.Errorf("%q: %v, want a %s", code, items, want)
		}
	}
}

// Asking must not change what is asked about.
func TestCompleteLeavesTheStateAlone(t *testing.T) {
	s := session(t, world...)
	code, cursor := at("func (j Job) Added() {}\njobs[0].A|")
	if got := Complete(s, code, cursor); len(got.Items) != 1 {
		t.Fatalf("%v", got)
	}
	code, cursor = at("jobs[0].A|")
	if got := Complete(s, code, cursor); len(got.Items) != 0 {
		t.Errorf("a method that no cell declared: %v", got)
	}
}

func TestInspect(t *testing.T) {
	s := session(t, world...)
	for _, c := range []struct {
		code   string
		detail int
		want   []string // parts of the text, in order; none: not found
	}{
		{"fmt.Print|ln(1)", 0, []string{"func fmt.Println(a ...any) (n int, err error)", "Println formats using the default formats"}},
		{"fmt.Println|", 0, []string{"func fmt.Println("}},
		{"fmt.Println(|)", 0, []string{"func fmt.Println("}},
		{"fmt.Println(\"a\", |", 0, []string{"func fmt.Println("}},
		{"fmt.Println(Make(\"a\", |", 0, []string{"func Make(title string, size int) Job", "Make makes one."}},
		{"fmt.Println(w|)", 0, []string{"var w Worker"}},
		{"w|", 1, []string{"var w Worker", "w := Worker{}", "declared in In[2]"}},
		{"w.Hel|lo", 0, []string{"func (*Base).Hello(to string) string", "Hello greets."}},
		{"w.Hel|lo", 1, []string{"{ return to + b.name }"}},
		{"w.Late|()", 1, []string{"func (*Worker).Late() int", "declared in In[3]"}},
		{"Make|", 1, []string{"func Make(title string, size int) Job", "Make makes one.", "return Job{Title: title}"}},
		{"w.ID|", 0, []string{"field ID int", "the number"}},
		{"Base|", 0, []string{"type Base struct {", "ID int", "Base is what others build on."}},
		{"Job|", 1, []string{"type Job struct", "func (Job).Run(times int) (Job, error)"}},
		{"Map|", 0, []string{"func Map[T, U any](x []T, f func(T) U) []U"}},
		{"Limit|", 0, []string{"const Limit untyped int = 10"}},
		{"strings|", 0, []string{"package strings", "manipulate UTF-8"}},
		{"json|", 0, []string{"package json", "encoding/json"}},
		{"os.Getenv|", 0, []string{"func os.Getenv(key string) string"}},
		{"http.Server{Addr|: \"\"}", 0, []string{"field Addr string"}},
		{"io.EOF|", 0, []string{"var io.EOF error", "no more input"}},
		{"time.Second|", 0, []string{"const time.Second time.Duration = 1000000000", "Common durations"}},
		{"time.Now().For|mat", 0, []string{"func (time.Time).Format(layout string) string", "textual representation"}},
		{"strings.Builder|", 1, []string{"type strings.Builder struct", "func (*strings.Builder).WriteString"}},
		{"display|", 0, []string{"package display", "braid/display"}},
		{"len|", 0, []string{"func len", "returns the length of v"}},
		{"error|", 0, []string{"type error interface", "representing"}},
		{"for|", 0, []string{"for", "loop"}},
		{"func f(alpha int) { al|pha }", 0, []string{"var alpha int"}},
		{"// G says hello.\nfunc G() {}\nG|", 0, []string{"func G()", "G says hello."}},
		{"x := \"😀\"; Make|", 0, []string{"func Make"}},
		{"nosuch|", 0, nil},
		{"fmt.nosuch|", 0, nil},
		{"\"Make|\"", 0, nil},
		{"// Make|", 0, nil},
		{"|", 0, nil},
		{"1 + |2", 0, nil},
	} {
		src, cursor := at(c.code)
		got := Inspect(s, src, cursor, c.detail)
		if got.Found != (c.want != nil) {
			t.Errorf("%q: found %v, %q", c.code, got.Found, got.Text)
			continue
		}
		rest := got.Text
		for _, w := range c.want {
			_, after, ok := strings.Cut(rest, w)
			if !ok {
				t.Errorf("%q: %q misses %q", c.code, got.Text, w)
			}
			rest = after
		}
		if got.Found && (!strings.HasPrefix(got.Markdown, "```go\n") || !strings.HasPrefix(got.HTML, "<pre><code>")) {
			t.Errorf("%q: markdown %q, html %q", c.code, got.Markdown, got.HTML)
		}
	}
}

func FuzzAssist(f *testing.F) {
	for _, c := range completions {
		code, cursor := at(c.code)
		f.Add(code, cursor)
	}
	s := session(f, world...)
	f.Fuzz(func(t *testing.T, code string, cursor int) {
		c := Complete(s, code, cursor)
		if n := utf8.RuneCountInString(code); c.Start < 0 || c.Start > c.End || c.End > n {
			t.Errorf("span %d-%d in %d code points", c.Start, c.End, n)
		}
		Inspect(s, code, cursor, 1)
	})
}

func BenchmarkComplete(b *testing.B) {
	s := session(b, world...)
	code, cursor := at("for _, j := range jobs {\n\tif x := w2; x.|\n}")
	for b.Loop() {
		if len(Complete(s, code, cursor).Items) == 0 {
			b.Fatal("nothing")
		}
	}
}

func BenchmarkInspect(b *testing.B) {
	s := session(b, world...)
	code, cursor := at("fmt.Println(w.Hello(|")
	for b.Loop() {
		if !Inspect(s, code, cursor, 0).Found {
			b.Fatal("nothing")
		}
	}
}
