package vm

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"braid/kernel/eval"
)

// example is one program of testdata/*.programs: "=== name | imports", then the
// declarations. An import "!" says that the program does something while it is
// initialised, and must be alone in its process.
type example struct {
	name, src string
	alone     bool
}

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
			name, imports, _ := strings.Cut(head, "|")
			e := example{name: strings.TrimSpace(name)}
			var src strings.Builder
			src.WriteString("package main\n")
			for _, i := range strings.Fields(imports) {
				if i == "!" {
					e.alone = true
				} else {
					fmt.Fprintf(&src, "import %q\n", i)
				}
			}
			e.src = src.String() + body
			list = append(list, e)
		}
	}
	return list
}

// outcome is what a program writes to its standard output, and the line that
// Go's runtime writes when it ends it: "panic: …", "fatal error: …" or "". Then
// what is written if its main function is called a second time.
type outcome struct{ out, end, again string }

// TestPrograms compares what whole programs do here with what they do when the
// Go toolchain compiles them.
func TestPrograms(t *testing.T) {
	list := examples(t)
	if len(list) < 150 {
		t.Errorf("only %d programs", len(list))
	}
	want := askToolchain(t, list)
	for i, e := range list {
		t.Run(e.name, func(t *testing.T) {
			if got := here(t, e.src); got.out != want[i].out || got.end != want[i].end {
				t.Errorf("here:\n%s%s\nthe toolchain:\n%s%s", got.out, got.end, want[i].out, want[i].end)
			}
		})
	}
	refused := 0
	for i, e := range list {
		t.Run("cells/"+e.name, func(t *testing.T) {
			if !inCells(t, e, want[i]) {
				refused++
			}
		})
	}
	if refused > len(list)/20 {
		t.Errorf("%d programs were refused when they stood in cells", refused)
	}
}

// inCells runs a program as a notebook would: its declarations, its main
// function, all its functions and methods again, main again. It may be refused.
func inCells(t *testing.T, e example, want outcome) bool {
	if strings.Count(e.src, "main()") > 1 || strings.Contains(e.src, "(main)") {
		return true // it calls main itself, which is not a name to call in a cell
	}
	src := strings.Replace(strings.TrimPrefix(e.src, "package main\n"), "func main()", "func program()", 1)
	nb := newNotebook(t)
	var out strings.Builder
	cells := []string{src, "program()"}
	if want.end == "" && !e.alone {
		cells = append(cells, functionsOf(t, src), "program()")
	}
	for i, c := range cells {
		err := nb.run(c)
		out.WriteString(nb.out.String())
		switch {
		case err == nil:
		case err.Name == eval.Unsupported:
			t.Logf("cell %d is refused: %s", i+1, err.Value)
			return false
		case i == 1 && want.end != "" && strings.HasSuffix(want.end, err.Value):
		default:
			t.Errorf("cell %d ends with %s: %s %v", i+1, err.Name, err.Value, err.Pos)
			return true
		}
	}
	all := want.out
	if len(cells) > 2 {
		all += want.again
	}
	if out.String() != all {
		t.Errorf("in cells:\n%s\nthe toolchain:\n%s", out.String(), all)
	}
	return true
}

// functionsOf gives the functions and methods that src declares.
func functionsOf(t *testing.T, src string) string {
	fset := token.NewFileSet()
	const clause = "package main\n"
	f, err := parser.ParseFile(fset, "", clause+src, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name != "init" {
			from, to := fset.Position(fn.Pos()).Offset-len(clause), fset.Position(fn.End()).Offset-len(clause)
			b.WriteString(src[from:to] + "\n")
		}
	}
	return b.String()
}

// here runs a program in the VM.
func here(t testing.TB, src string) outcome {
	p, err := buildProgram(src)
	if err != nil {
		t.Fatal(err)
	}
	out, _, failed := p.run(t)
	o := outcome{out: out}
	switch {
	case failed == nil:
	case failed.Name == eval.Panic || failed.Name == eval.RuntimeError:
		o.end = "panic: " + failed.Value
	case failed.Name == eval.FatalError || failed.Name == eval.Deadlock:
		o.end = "fatal error: " + failed.Value
	default:
		o.end = failed.Name + ": " + failed.Value
	}
	return o
}

// again separates the two calls of main in the output of a compiled program.
const again = "\n=== again\n"

// askToolchain compiles the programs and runs each in a process of its own. All
// but the lonely ones are packages of one program, for linking takes longest;
// their names are as long as "main", for which they are replaced in the output.
func askToolchain(t *testing.T, list []example) []outcome {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module programs\n\ngo 1.26\n")
	var all, table strings.Builder
	for i, e := range list {
		pkg := fmt.Sprintf("p%03d", i)
		if e.alone {
			write("alone/"+pkg+"/main.go", e.src)
			continue
		}
		write(pkg+"/main.go", "package "+pkg+strings.TrimPrefix(e.src, "package main"))
		write(pkg+"/run.go", "package "+pkg+"\n\nfunc Run() { main() }\n")
		fmt.Fprintf(&all, "import %q\n", "programs/"+pkg)
		fmt.Fprintf(&table, "\tcase %q: %s.Run()\n", pkg, pkg)
	}
	write("all/main.go", "package main\n\nimport \"os\"\n"+all.String()+"\nfunc main() {\n\tprogram(os.Args[1])\n\tos.Stdout.WriteString(again)\n\tprogram(os.Args[1])\n}\n\nconst again = "+strconv.Quote(again)+
		"\n\nfunc program(name string) {\n\tswitch name {\n"+table.String()+"\t}\n}\n")
	cmd := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(dir, "bin")+"/", "./...")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	outcomes := make([]outcome, len(list))
	var wg sync.WaitGroup
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, e := range list {
		pkg := fmt.Sprintf("p%03d", i)
		cmd := exec.Command(filepath.Join(dir, "bin", "all"), pkg)
		if e.alone {
			cmd = exec.Command(filepath.Join(dir, "bin", pkg))
		}
		wg.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			outcomes[i] = runCompiled(t, e.name, pkg, cmd)
		})
	}
	wg.Wait()
	return outcomes
}

func runCompiled(t *testing.T, name, pkg string, cmd *exec.Cmd) outcome {
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	watch := time.AfterFunc(2*time.Minute, func() { cmd.Process.Kill() }) // a program that waits for ever
	err := cmd.Run()
	watch.Stop()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Errorf("%s: %v", name, err)
	}
	as := strings.NewReplacer("programs/"+pkg, "main", pkg+".", "main.")
	first, second, _ := strings.Cut(out.String(), again)
	o := outcome{out: runes(as.Replace(first)), again: runes(as.Replace(second))}
	if err != nil {
		o.end = as.Replace(ending(errs.String()))
	}
	return o
}

// runes replaces bytes that are no UTF-8, as package host does: frontends get text.
func runes(s string) string { return string([]rune(s)) }

// ending finds what ended a program in its standard error: the last of a chain
// of panics, without what the runtime adds to it.
func ending(stderr string) string {
	text, _, _ := strings.Cut(stderr, "\n\ngoroutine ")
	text, _, _ = strings.Cut(text, "\n[signal ")
	if i := strings.LastIndex(text, "\tpanic: "); i >= 0 {
		text = text[i+1:]
	} else if i := max(strings.Index(text, "panic: "), strings.Index(text, "fatal error: ")); i > 0 {
		text = text[i:]
	}
	return strings.TrimRight(text, "\n")
}
