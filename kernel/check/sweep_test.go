package check_test

import (
	"fmt"
	"go/token"
	"go/types"
	"testing"
)

// everything lets Sweep remove the files of all cells.
const everything = token.Pos(1 << 30)

func TestSweep(t *testing.T) {
	s := newSession(t)
	object := func(name string) types.Object {
		t.Helper()
		d := s.state.Lookup(name)
		if d == nil {
			t.Fatalf("%s is not declared", name)
		}
		return d.Obj
	}
	s.run("data := 1\nfunc used() int { return 1 }\nfunc unused() int { return 2 }\nconst c = 3")
	s.run("type T struct{ n int }\nfunc (t T) M() int { return data }")
	s.run("func caller() int { return used() + c }")
	old := map[string]types.Object{}
	for _, name := range []string{"data", "used", "unused", "c", "T", "caller"} {
		old[name] = object(name)
	}
	s.run("data := 2.5\nfunc used() int { return 3 }\nfunc unused() int { return 4 }\nconst c = \"x\"\ntype T struct{ s string }")

	s.state = s.state.Sweep(everything)
	for name, want := range map[string]bool{
		"data":   true, // the method of the old T needs it, and values of the type may exist
		"used":   true, // caller needs it
		"unused": false,
		"c":      true,
		"T":      true,
		"caller": true,
	} {
		if got := s.state.Alive(old[name]); got != want {
			t.Errorf("the old %s is alive: %v", name, got)
		}
		if !s.state.Alive(object(name)) {
			t.Errorf("the new %s is not alive", name)
		}
	}
	if d := s.state.Declaration(old["used"]); d == nil || d.Obj != object("used") {
		t.Errorf("the declaration of the old used is %v", d)
	}
	k := s.run("func used() int { return 5 }")
	if len(k.Rebinds) != 1 {
		t.Errorf("after Sweep: rebinds %v", k.Rebinds)
	}
	s.run("caller() + used() + len(c) + len(T{}.s)")

	// When nothing calls it any more, the old function goes.
	s.run("func caller() int { return 0 }")
	s.state = s.state.Sweep(everything)
	if s.state.Alive(old["used"]) || s.state.Alive(old["caller"]) || s.state.Alive(old["c"]) {
		t.Error("what only the old caller needed is alive")
	}
}

// Of the methods that were declared again, only the latest needs anything.
func TestSweepMethods(t *testing.T) {
	s := newSession(t)
	s.run("v1 := 1\ntype T struct{}\nfunc (T) M() int { return v1 }")
	s.run("v2 := 2\nfunc (T) M() int { return v2 }")
	s.run("v3 := 3\nfunc (T) M() int { return v3 }")
	var vars []types.Object
	for _, name := range []string{"v1", "v2", "v3"} {
		vars = append(vars, s.state.Lookup(name).Obj)
	}
	s.run("v1, v2, v3 := \"\", \"\", \"\"")
	s.state = s.state.Sweep(everything)
	for i, want := range []bool{false, false, true} {
		if got := s.state.Alive(vars[i]); got != want {
			t.Errorf("v%d is alive: %v", i+1, got)
		}
	}
	k := s.run("func (T) M() int { return 4 }\nvar n int = T{}.M()")
	if len(k.Rebinds) != 1 {
		t.Errorf("rebinds %v", k.Rebinds)
	}
}

// A session that declares the same names over and over stays as large as it is.
func TestSweepKeepsSessionsSmall(t *testing.T) {
	s := newSession(t)
	files := func() (n int) {
		s.state.FileSet().Iterate(func(*token.File) bool { n++; return true })
		return n
	}
	s.run("import \"fmt\"")
	before := files()
	for i := range 500 {
		s.run(fmt.Sprintf("x := %d\nfunc f() int { return x }\ntype T struct{ a int }\nfunc (t T) M() int { return f() + t.a }\nfmt.Println(T{x}.M())", i))
		s.try("x := undefined")
		if i%50 == 49 {
			s.state = s.state.Sweep(everything)
			if n := files() - before; n > 4 {
				t.Fatalf("%d files after %d cells", n, i)
			}
		}
	}
	if n := len(s.state.Packages()); n > 4 {
		t.Errorf("%d packages are alive", n)
	}
	s.run("fmt.Println(T{1}.M())")
}

// Positions stay as long as Sweep is told to keep them.
func TestSweepKeepsPositions(t *testing.T) {
	s := newSession(t)
	old := s.run("x := 1").Decls[0].Obj
	s.run("x := 2")
	s.state = s.state.Sweep(old.Pos() - 1)
	if p := s.state.FileSet().Position(old.Pos()); p.Filename != "In[1]" {
		t.Errorf("the position was dropped: %v", p)
	}
	s.state = s.state.Sweep(everything)
	if p := s.state.FileSet().Position(old.Pos()); p.IsValid() {
		t.Errorf("the position was kept: %v", p)
	}
}
