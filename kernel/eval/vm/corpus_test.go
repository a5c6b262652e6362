package vm

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "ask the Go toolchain for the expected output of the programs")

// example is one program of testdata/*.programs: "=== name | imports", then
// the declarations.
type example struct{ file, name, src string }

func examples(t testing.TB) (list []example) {
	files, err := filepath.Glob("testdata/*.programs")
	if err != nil || len(files) == 0 {
		t.Fatal("no programs", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(b), "=== ")[1:] {
			head, body, _ := strings.Cut(part, "\n")
			name, imports, _ := strings.Cut(head, " | ")
			var src strings.Builder
			src.WriteString("package main\n")
			for _, i := range strings.Fields(imports) {
				fmt.Fprintf(&src, "import %q\n", i)
			}
			src.WriteString(body)
			list = append(list, example{f, strings.TrimSpace(name), src.String()})
		}
	}
	return list
}

func golden(file string) string { return strings.TrimSuffix(file, ".programs") + ".golden" }

func readGolden(t testing.TB, file string) map[string]string {
	b, err := os.ReadFile(golden(file))
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]string{}
	for _, part := range strings.Split("\n"+string(b), "\n=== ")[1:] {
		name, out, _ := strings.Cut(part, "\n")
		m[name] = strings.TrimRight(out, "\n")
	}
	return m
}

// TestPrograms compares what whole programs print here with what they print
// when the Go toolchain compiles them.
func TestPrograms(t *testing.T) {
	list := examples(t)
	want := map[string]map[string]string{}
	if *update {
		askToolchain(t, list)
	}
	for _, e := range list {
		if want[e.file] == nil {
			want[e.file] = readGolden(t, e.file)
		}
		t.Run(e.name, func(t *testing.T) {
			w, ok := want[e.file][e.name]
			if !ok {
				t.Fatal("no golden output; run with -update")
			}
			out, errs, err := runSource(t, e.src)
			if err != nil {
				t.Errorf("ended with %s: %s at %v %v", err.Name, err.Value, err.Pos, err.Frames)
			}
			if got := strings.TrimRight(out, "\n"); got != w {
				t.Errorf("printed\n%s\nwant\n%s\nstderr: %s", got, w, errs)
			}
		})
	}
}

// askToolchain builds and runs the programs and writes the golden files.
func askToolchain(t *testing.T, list []example) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module programs\n\ngo 1.26\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		os.MkdirAll(filepath.Join(dir, e.name), 0o755)
		os.WriteFile(filepath.Join(dir, e.name, "main.go"), []byte(e.src), 0o644)
	}
	cmd := exec.Command("go", "build", "-o", filepath.Join(dir, "bin")+"/", "./...")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	outs := map[string]*bytes.Buffer{}
	for _, e := range list {
		if outs[e.file] == nil {
			outs[e.file] = &bytes.Buffer{}
		}
		out, err := exec.Command(filepath.Join(dir, "bin", e.name)).Output()
		if err != nil {
			t.Errorf("%s: %v", e.name, err)
		}
		fmt.Fprintf(outs[e.file], "=== %s\n%s\n", e.name, strings.TrimRight(string(out), "\n"))
	}
	for f, b := range outs {
		if err := os.WriteFile(golden(f), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
