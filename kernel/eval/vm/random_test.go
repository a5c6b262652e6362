package vm

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
// of them. Nothing in them may be refused. BRAID_SEED looks for other ones.
func TestRandomPrograms(t *testing.T) {
	compareRandom(t, 250, random.Declarations, random.Program)
}

// TestRandomOrder does so with programs that show in which order operands are
// evaluated.
func TestRandomOrder(t *testing.T) {
	compareRandom(t, 120, random.Declarations+random.OrderDeclarations, random.Order)
}

func compareRandom(t *testing.T, programs int, declarations string, program func(uint64) string) {
	seed := uint64(100_000)
	fmt.Sscan(os.Getenv("BRAID_SEED"), &seed)
	bodies := make([]string, programs)
	var all, table strings.Builder
	all.WriteString("package main\n\nimport \"fmt\"\n" + declarations)
	for i := range bodies {
		bodies[i] = program(seed + uint64(i))
		fmt.Fprintf(&all, "func program%d() {\n%s}\n", i, bodies[i])
		fmt.Fprintf(&table, "\tfmt.Println(\"@@@\")\n\trun(program%d)\n", i)
	}
	all.WriteString("func run(f func()) { defer func() { if r := recover(); r != nil { fmt.Println(\"panic:\", r) } }(); f() }\nfunc main() {\n" + table.String() + "}\n")
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(all.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "run", file).CombinedOutput()
	if err != nil {
		t.Fatalf("go run: %v\n%s", err, out)
	}
	want := strings.Split(string(out), "@@@\n")[1:]
	for i, body := range bodies {
		nb := newNotebook(t)
		err := nb.run("import \"fmt\"\n" + declarations + body)
		got := nb.out.String()
		if err != nil && (err.Name == eval.RuntimeError || err.Name == eval.Panic) {
			got += "panic: " + err.Value + "\n"
		} else if err != nil {
			t.Errorf("program %d ends with %s: %s", i, err.Name, err.Value)
		}
		if got != want[i] {
			t.Errorf("program %d:\n%s\ngot:\n%s\nwant:\n%s", i, body, got, want[i])
		}
	}
}
