package lower_test

import (
	"flag"
	"fmt"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"braid/kernel/cell"
	"braid/kernel/check"
	"braid/kernel/check/exportdata"
	"braid/kernel/eval"
	"braid/kernel/lower"
)

var update = flag.Bool("update", false, "write what was got to the golden files")

// lowered lowers the cells of a session and returns the last one's program.
func lowered(t *testing.T, cells ...string) (*eval.Program, *eval.Error) {
	t.Helper()
	fset := token.NewFileSet()
	state, l := check.NewState(fset, exportdata.NewImporter(fset)), lower.New()
	var p *eval.Program
	for i, src := range cells {
		name := fmt.Sprintf("In[%d]", i+1)
		c, ds := cell.Parse(fset, name, src)
		k, more := state.Check(c)
		if k == nil {
			t.Fatalf("cell %d: %v %v", i+1, ds, more)
		}
		var err *eval.Error
		if p, err = l.Checked(i+1, name, fset, k); err != nil {
			return nil, err
		}
		state = k.Next
	}
	return p, nil
}

// TestGolden compares lowered cells with testdata/*.txtar: files "cell" (or
// "cell1", "cell2", …) and "lowered" (the functions that come from the cell,
// without the frame every program has) or "error".
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var cells []string
			var want string
			rest := a.Files[:0:0]
			for _, f := range a.Files {
				if strings.HasPrefix(f.Name, "cell") {
					cells = append(cells, string(f.Data))
					rest = append(rest, f)
				} else {
					want = f.Name + "\n" + string(f.Data)
				}
			}
			name, got := outcome(t, cells)
			if *update {
				a.Files = append(rest, txtar.File{Name: name, Data: []byte(got)})
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want != name+"\n"+got {
				t.Errorf("got %s:\n%s\nwant %s", name, got, want)
			}
		})
	}
}

func outcome(t *testing.T, cells []string) (name, text string) {
	p, e := lowered(t, cells...)
	if e != nil {
		return "error", fmt.Sprintf("%s:%d:%d: %s: %s\n%s\n", e.Pos.Cell, e.Pos.Line, e.Pos.Column, e.Name, e.Value, strings.Join(e.Notes, "\n"))
	}
	_, src, err := lower.Decode(p.Lowered)
	if err != nil {
		t.Fatal(err)
	}
	_, src, _ = strings.Cut(src, "\nfunc main() {")
	_, src, _ = strings.Cut(src, "}\n")
	return "lowered", strings.TrimSpace(src) + "\n"
}

func TestDecodeRefusesNoise(t *testing.T) {
	for _, s := range []string{"", "package main\n", "//braid:{\npackage main\n", "//braid:[]\nx\n"} {
		if _, _, err := lower.Decode(s); err == nil {
			t.Errorf("Decode(%q) succeeds", s)
		}
	}
}

func TestHeaderSurvivesEncoding(t *testing.T) {
	h := &lower.Header{
		Types: []lower.Type{{Kind: "basic", Name: "int"}, {Kind: "chan", Elem: 0, Dir: 3}},
		Syms:  []lower.Sym{{Name: "Send0", Kind: "send", Types: []int{1}}},
		Pos:   []eval.Pos{{Cell: "In[1]", Line: 2, Column: 3}},
	}
	text, err := lower.Encode(h, "package main\n")
	if err != nil {
		t.Fatal(err)
	}
	back, src, err := lower.Decode(text)
	if err != nil || src != "package main\n" || len(back.Types) != 2 || back.Types[1].Dir != 3 || back.Syms[0].Kind != "send" || back.Pos[0].Line != 2 {
		t.Errorf("%+v %q %v", back, src, err)
	}
}

// FuzzDecode: bytes from the link never make Decode panic.
func FuzzDecode(f *testing.F) {
	f.Add("//braid:{}\npackage main\n")
	f.Add("//braid:{\"types\":[{\"k\":\"basic\"}]}\nx")
	f.Fuzz(func(t *testing.T, s string) {
		h, src, err := lower.Decode(s)
		if err != nil {
			return
		}
		if again, err := lower.Encode(h, src); err != nil || !strings.HasSuffix(again, src) {
			t.Errorf("a decoded program can't be encoded: %v", err)
		}
	})
}
