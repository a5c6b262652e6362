package yaegi

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"braid/kernel/eval"
	"braid/kernel/eval/internal/random"
)

// TestRandomPrograms compares random programs with what the Go toolchain makes
// of them: the same output, or a refusal.
func TestRandomPrograms(t *testing.T) {
	const programs = 120
	var all strings.Builder
	all.WriteString("package main\n\nimport \"fmt\"\n" + random.Declarations)
	bodies := make([]string, programs)
	for i := range bodies {
		bodies[i] = random.Program(seedBase() + uint64(i))
		fmt.Fprintf(&all, "func program%d() {\n%s}\n", i, bodies[i])
	}
	all.WriteString("func run(f func()) { defer func() { if r := recover(); r != nil { fmt.Println(\"panic:\", r) } }(); f() }\nfunc main() {\n")
	for i := range bodies {
		fmt.Fprintf(&all, "\tfmt.Println(\"@@@\")\n\trun(program%d)\n", i)
	}
	all.WriteString("}\n")
	want := strings.Split(goRun(t, all.String()), "@@@\n")[1:]
	refused := 0
	for i, body := range bodies {
		o := newNotebook().run("import \"fmt\"\n" + random.Declarations + body)
		got := o.stdout
		switch {
		case o.err == nil:
		case o.err.Name == eval.Unsupported:
			refused++
			continue
		case o.err.Name == eval.RuntimeError || o.err.Name == eval.Panic:
			got += "panic: " + o.err.Value + "\n"
		default:
			t.Errorf("program %d: %v %v", i, o.err, o.err.Notes)
			continue
		}
		if got != want[i] {
			t.Errorf("program %d:\n%s\ngot:\n%s\nwant:\n%s", i, body, got, want[i])
		}
	}
	if refused > programs/5 {
		t.Errorf("%d of %d programs were refused", refused, programs)
	}
}

// seedBase is 1, or BRAID_SEED to look for more.
func seedBase() uint64 {
	n := uint64(1)
	fmt.Sscan(os.Getenv("BRAID_SEED"), &n)
	return n
}

// goRun is what a Go program prints.
func goRun(t *testing.T, src string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "run", file)
	out, err := cmd.Output()
	if err != nil {
		stderr := ""
		if e, ok := err.(*exec.ExitError); ok {
			stderr = string(e.Stderr)
		}
		t.Fatalf("go run: %v\n%s", err, stderr)
	}
	return string(out)
}
