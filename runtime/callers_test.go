package runtime_test

import (
	"path/filepath"
	"testing"

	rt "braid/runtime"
)

// In a plain Go program Callers gives the program's own calls, on the goroutine of
// a modelled thread too.
func TestCallersOfAPlainProgram(t *testing.T) {
	in := rt.Virtual(rt.GIL310, 1, 2)
	var inner, outer string
	var lines [2]int
	if err := in.Run(func(*rt.Thread) error {
		func() {
			f := rt.Callers(5)
			if len(f) < 2 {
				t.Fatalf("%d frames", len(f))
			}
			inner, outer, lines = f[0].Func, f[1].Func, [2]int{f[0].Line, f[1].Line}
			if filepath.Base(f[0].File) != "callers_test.go" {
				t.Errorf("the innermost call is in %s", f[0].File)
			}
		}()
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if inner != "TestCallersOfAPlainProgram.func1.1" || outer != "TestCallersOfAPlainProgram.func1" || lines != [2]int{18, 26} {
		t.Errorf("calls %s in %s at lines %v", inner, outer, lines)
	}
}
