package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"braid/install"
	"braid/install/venv/venvtest"
	"braid/kernel/eval"
	"braid/kernel/modules"
	"braid/notebooks"
	"braid/notebooks/nbformat"
)

// TestMain lets the test binary be braid: for the workers that it starts, and
// for the kernels that are installed from it.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-test.") {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// home gives the test an empty home folder.
func home(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	for _, name := range []string{"JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_PATH", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "NBGRADER_EXECUTION"} {
		t.Setenv(name, "")
	}
	return dir
}

// braid runs the command in this process.
func braid(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(args, &out, &err)
	return code, out.String(), err.String()
}

// notebook writes a notebook with these code cells.
func notebook(t *testing.T, sources ...string) string {
	t.Helper()
	nb := nbformat.New()
	for i, s := range sources {
		nb.InsertCell(i, &nbformat.Cell{Type: nbformat.Code, Source: s, Metadata: map[string]any{}})
	}
	path := filepath.Join(t.TempDir(), "nb.ipynb")
	if err := nb.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRunGivesWhatNbclientGives(t *testing.T) {
	python := venvtest.Python(t)
	home(t)
	place, err := install.User()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := install.Install(install.Options{Place: place, Version: braidVersion()}); err != nil {
		t.Fatal(err)
	}
	for _, engine := range engineNames() {
		t.Run(engine, func(t *testing.T) {
			t.Setenv("BRAID_ENGINE", engine)
			dir := t.TempDir()
			ours, theirs := filepath.Join(dir, "ours.ipynb"), filepath.Join(dir, "theirs.ipynb")
			code, _, stderr := braid("run", "notebooks/execute/testdata/outputs.ipynb", "-o", ours)
			if code != exitFailed || !strings.Contains(stderr, "undefined: undefined") {
				t.Fatalf("exit code %d, want %d for the last cell but one\n%s", code, exitFailed, stderr)
			}
			if out, err := exec.Command(python, "notebooks/execute/testdata/with_nbclient.py", "notebooks/execute/testdata/outputs.ipynb", theirs).CombinedOutput(); err != nil {
				t.Fatalf("nbclient: %v\n%s", err, out)
			}
			sameLines(t, withoutTimes(t, ours), withoutTimes(t, theirs))
		})
	}
}

func sameLines(t *testing.T, ours, theirs string) {
	t.Helper()
	a, b := strings.Split(ours, "\n"), strings.Split(theirs, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			from := max(0, i-12)
			t.Fatalf("line %d differs; ours:\n%s\nnbclient's:\n%s", i+1,
				strings.Join(a[from:min(len(a), i+4)], "\n"), strings.Join(b[from:min(len(b), i+4)], "\n"))
		}
	}
	if len(a) != len(b) {
		t.Errorf("%d lines, nbclient gives %d", len(a), len(b))
	}
}

// withoutTimes is the file at path with the times of execution taken as equal.
// They must be there for every cell that ran.
func withoutTimes(t *testing.T, path string) string {
	t.Helper()
	nb, err := nbformat.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range nb.Cells {
		times, ok := c.Metadata["execution"].(map[string]any)
		if ran := c.ExecutionCount != nil; ran != ok {
			t.Errorf("%s: cell %s ran: %v, has times: %v", path, c.ID, ran, ok)
		}
		for k := range times {
			times[k] = "T"
		}
	}
	data, err := nb.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestRunPrintsOutputs(t *testing.T) {
	path := notebook(t, "import \"fmt\"\nfmt.Println(\"hello\")", "6 * 7")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := braid("run", path)
	if code != exitOK || stdout != "hello\n42\n" {
		t.Errorf("exit code %d, %q\n%s", code, stdout, stderr)
	}
	if !strings.Contains(stderr, "nb.ipynb: cell 2 (2 of 2)\n") || !strings.Contains(stderr, "2 cells in") {
		t.Errorf("progress: %s", stderr)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("the notebook was changed")
	}
}

func TestRunWritesWhereItIsTold(t *testing.T) {
	path := notebook(t, "6 * 7")
	if code, _, stderr := braid("run", path, "--inplace", "--html"); code != exitOK {
		t.Fatal(stderr)
	}
	nb, err := nbformat.ReadFile(path)
	if err != nil || len(nb.Cells[0].Outputs) != 1 || nb.Cells[0].Outputs[0].Data["text/plain"] != "42" {
		t.Errorf("in place: %+v, %v", nb, err)
	}
	page, err := os.ReadFile(strings.TrimSuffix(path, ".ipynb") + ".html")
	if err != nil || !bytes.Contains(page, []byte("<pre>42</pre>")) {
		t.Errorf("the page: %v\n%s", err, page)
	}
	dir := t.TempDir()
	if code, _, stderr := braid("run", path, "-o", dir); code != exitOK {
		t.Fatal(stderr)
	}
	if _, err := nbformat.ReadFile(filepath.Join(dir, "nb.ipynb")); err != nil {
		t.Errorf("into a folder: %v", err)
	}
	code, stdout, stderr := braid("run", path, "-o", "-")
	if nb, err := nbformat.Read([]byte(stdout)); code != exitOK || err != nil || len(nb.Cells) != 1 {
		t.Errorf("to stdout: exit code %d, %v\n%s", code, err, stderr)
	}
}

func TestRunOfAFailingNotebook(t *testing.T) {
	path := notebook(t, "x := 1", "x = \"a\"", "x = 2")
	code, _, stderr := braid("run", path, "--inplace")
	if code != exitFailed || !strings.Contains(stderr, "cell 2 failed") || strings.Contains(stderr, "\x1b[") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	nb, err := nbformat.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if outs := nb.Cells[1].Outputs; len(outs) != 1 || outs[0].Type != nbformat.Error {
		t.Errorf("the failed cell has the outputs %+v", outs)
	}
	if nb.Cells[2].ExecutionCount != nil {
		t.Error("the cell behind it ran")
	}
	if code, _, stderr := braid("run", path, "--allow-errors"); code != exitOK {
		t.Errorf("--allow-errors: exit code %d\n%s", code, stderr)
	}
}

func TestRunStopsEndlessCells(t *testing.T) {
	path := notebook(t, "for {\n}", "1")
	code, _, stderr := braid("run", path, "--timeout", "300ms", "--inplace")
	if code != exitFailed || !strings.Contains(stderr, "cell 1 was stopped: it ran longer than 300ms") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	if nb, err := nbformat.ReadFile(path); err != nil || len(nb.Cells[0].Outputs) == 0 {
		t.Errorf("what was executed is lost: %v", err)
	}
}

func TestRunSetsParameters(t *testing.T) {
	path := notebook(t, "n := 1\nname := \"x\"", "name, n")
	nb, err := nbformat.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	nb.Cells[0].Metadata["tags"] = []any{"parameters"}
	if err := nb.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := braid("run", path, "-p", "n=7", "-p", "name=Ada Lovelace")
	if code != exitOK || !strings.Contains(stdout, "Ada Lovelace") || !strings.Contains(stdout, "7") {
		t.Errorf("exit code %d, %q\n%s", code, stdout, stderr)
	}
	if code, _, stderr := braid("run", path, "-p", "m=7"); code != exitFailed || !strings.Contains(stderr, `no parameter "m"; it has: n, name`) {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}

func TestAutoImportsCanBeTurnedOff(t *testing.T) {
	path := notebook(t, "strings.ToUpper(\"a\")", "strings.ToUpper(\"b\")")
	if code, stdout, stderr := braid("run", path); code != exitOK || stdout != "\"A\"\n\"B\"\n" {
		t.Errorf("exit code %d, %q\n%s", code, stdout, stderr)
	}
	off := func(args ...string) {
		t.Helper()
		code, _, stderr := braid(append([]string{"run", path}, args...)...)
		if code != exitFailed || !strings.Contains(stderr, "undefined: strings") || !strings.Contains(stderr, `add: import "strings"`) {
			t.Errorf("exit code %d\n%s", code, stderr)
		}
	}
	off("--auto-imports=off")
	t.Setenv("BRAID_AUTO_IMPORTS", "off")
	off()
	if code, _, stderr := braid("run", path, "--auto-imports=on"); code != exitOK {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}

func TestRunSaysWhatIsWrongWithAFile(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken.ipynb")
	if err := os.WriteFile(broken, []byte("{\n  \"cells\": [,]}"), 0o644); err != nil {
		t.Fatal(err)
	}
	good := notebook(t, "1")
	code, stdout, stderr := braid("run", broken, filepath.Join(t.TempDir(), "none.ipynb"), good)
	if code != exitFailed || !strings.Contains(stderr, "broken.ipynb: invalid JSON at line 2, column 13") || !strings.Contains(stderr, "none.ipynb: no such file") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	if stdout != "1\n" {
		t.Errorf("the good notebook gave %q", stdout)
	}
}

func TestUsage(t *testing.T) {
	for args, want := range map[string]string{
		"nonsense":                         `unknown command "nonsense"`,
		"run":                              "name at least one notebook",
		"run x --inplace -o y":             "-o and --inplace exclude each other",
		"run x y -o -":                     "one notebook only",
		"run x y -o nowhere":               "nowhere is no folder",
		"run x --engine z":                 `--engine: there is no engine "z"; choose`,
		"run x --max-memory much":          `--max-memory: "much" is no size; write it as 512MiB`,
		"run x --max-goroutines -1":        `"-1" is no number of goroutines`,
		"run x --cell-timeout 5":           `"5" is no time; write it as 30s`,
		"run x --auto-imports maybe":       `--auto-imports: "maybe" is neither on nor off`,
		"run x --timeout=-1s":              "--timeout must not be negative",
		"run x -p 1=2":                     "is no parameter",
		"kernel":                           `"connection-file" not set`,
		"install --user --prefix /nowhere": "[prefix user]",
		"lab a b":                          "at most 1 arg",
	} {
		code, _, stderr := braid(strings.Fields(args)...)
		if code != exitUsage || !strings.Contains(stderr, want) || !strings.Contains(stderr, "--help") {
			t.Errorf("braid %s: exit code %d, want %q in\n%s", args, code, want, stderr)
		}
	}
}

func TestEveryCommandHasHelp(t *testing.T) {
	for _, c := range rootCommand().Commands() {
		code, stdout, stderr := braid(c.Name(), "--help")
		if code != exitOK || !strings.Contains(stdout, "Usage:") || c.Short == "" {
			t.Errorf("braid %s --help: exit code %d\n%s%s", c.Name(), code, stdout, stderr)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if code, stdout, _ := braid("completion", shell); code != exitOK || !strings.Contains(stdout, "braid") {
			t.Errorf("braid completion %s: exit code %d", shell, code)
		}
	}
	if code, stdout, _ := braid("--version"); code != exitOK || stdout != "braid "+braidVersion()+"\n" {
		t.Errorf("braid --version: %d, %q", code, stdout)
	}
}

func TestLimitsComeFromTheEnvironment(t *testing.T) {
	t.Setenv("BRAID_MEMORY", "512MiB")
	t.Setenv("BRAID_OUTPUT", "1MB")
	t.Setenv("BRAID_GOROUTINES", "100")
	t.Setenv("BRAID_CELL_TIMEOUT", "1m30s")
	read := func(args ...string) eval.Limits {
		t.Helper()
		var e engineFlags
		f := pflag.NewFlagSet("", pflag.ContinueOnError)
		e.register(f)
		if err := f.Parse(args); err != nil {
			t.Fatal(err)
		}
		l, err := e.limits()
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	want := eval.Limits{Memory: 512 << 20, Output: 1e6, Goroutines: 100, Seconds: 90}
	if got := read(); got != want {
		t.Errorf("from the environment: %+v, want %+v", got, want)
	}
	want.Memory = 1 << 30
	if got := read("--max-memory", "1GiB"); got != want {
		t.Errorf("with a flag: %+v, want %+v", got, want)
	}
}

func TestModulePolicy(t *testing.T) {
	t.Setenv("NBGRADER_EXECUTION", "")
	policy := func(limits eval.Limits, args ...string) (modules.Policy, error) {
		t.Helper()
		var e engineFlags
		f := pflag.NewFlagSet("", pflag.ContinueOnError)
		e.register(f)
		if err := f.Parse(args); err != nil {
			t.Fatal(err)
		}
		return e.modulePolicy(limits)
	}
	is := func(what string, want modules.Policy, limits eval.Limits, args ...string) {
		t.Helper()
		if got, err := policy(limits, args...); got != want || err != nil {
			t.Errorf("%s: %v %v, want %v", what, got, err, want)
		}
	}
	limited := eval.Limits{Goroutines: 10}
	is("by default", modules.Fetch, eval.Limits{})
	is("under limits", modules.Cache, limited)
	is("with a flag", modules.Fetch, limited, "--modules", "fetch")
	t.Setenv("BRAID_MODULES", "off")
	is("from the environment", modules.Off, eval.Limits{})
	is("with both", modules.Cache, eval.Limits{}, "--modules=cache")
	t.Setenv("BRAID_MODULES", "")
	t.Setenv("NBGRADER_EXECUTION", "autograde")
	is("under nbgrader", modules.Cache, eval.Limits{})
	if _, err := policy(eval.Limits{}, "--modules", "always"); err == nil || err.Error() != `--modules: "always" is none of fetch, cache and off` {
		t.Error(err)
	}
}

func TestDoctor(t *testing.T) {
	home(t)
	code, stdout, _ := braid("doctor")
	if code != exitFailed || !strings.Contains(stdout, "FAULT    kernelspec") || !strings.Contains(stdout, "what to do: braid install") {
		t.Errorf("nothing installed: exit code %d\n%s", code, stdout)
	}
	if code, stdout, stderr := braid("install"); code != exitOK {
		t.Fatal(stdout, stderr)
	}
	code, stdout, _ = braid("doctor", "--json")
	var report install.Report
	if err := json.Unmarshal([]byte(stdout), &report); err != nil {
		t.Fatalf("%v\n%s", err, stdout)
	}
	if code != exitOK || status(report, "kernelspec braid") != install.OK || status(report, "the kernel at work") != install.OK {
		t.Errorf("installed: exit code %d\n%s", code, stdout)
	}
	place, err := install.User()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(place.Share, "kernels", "braid", install.BinaryName())
	spec := filepath.Join(filepath.Dir(program), "kernel.json")
	for what, c := range map[string]struct {
		spoil func() error
		want  string
	}{
		"not executable": {func() error { return os.Chmod(program, 0o644) }, "is not executable"},
		"another program": {func() error {
			return errors.Join(os.Remove(program), os.WriteFile(program, []byte("#!/bin/sh\necho braid 0.1\n"), 0o755))
		}, "has version 0.1"},
		"missing": {func() error { return os.Remove(program) }, "braid is missing"},
		"no program": {func() error {
			return errors.Join(os.Remove(program), os.WriteFile(program, []byte("junk"), 0o755))
		}, "does not start"},
		"damaged": {func() error { return os.WriteFile(spec, []byte("{"), 0o644) }, "kernel.json is not valid"},
		"no spec": {func() error { return os.Remove(spec) }, "kernel.json: no such file"},
	} {
		if code, _, stderr := braid("install"); code != exitOK {
			t.Fatal(stderr)
		}
		if err := c.spoil(); err != nil {
			t.Fatal(err)
		}
		code, stdout, _ := braid("doctor")
		if code != exitFailed || !strings.Contains(stdout, c.want) || !strings.Contains(stdout, "what to do: braid install") {
			t.Errorf("%s: exit code %d, want %q in\n%s", what, code, c.want, stdout)
		}
	}
	if code, stdout, stderr := braid("uninstall"); code != exitOK || !strings.Contains(stdout, "Removed ") {
		t.Errorf("uninstall: %d %s%s", code, stdout, stderr)
	}
	if code, _, stderr := braid("uninstall"); code != exitFailed || !strings.Contains(stderr, "not installed") {
		t.Errorf("a second uninstall: %d %s", code, stderr)
	}
}

func status(r install.Report, check string) install.Status {
	i := slices.IndexFunc(r.Findings, func(f install.Finding) bool { return f.Check == check })
	if i < 0 {
		return install.Status(fmt.Sprintf("no finding %q", check))
	}
	return r.Findings[i].Status
}

func TestCourseIsLaidOutBesideAReadersWork(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "course")
	first := filepath.Join(dir, notebooks.FirstPage)
	code, stdout, stderr := braid("course", "copy", dir)
	if _, err := os.Stat(first); code != exitOK || err != nil || !strings.Contains(stdout, "The course is in "+dir) {
		t.Fatalf("exit code %d, %v\n%s%s", code, err, stdout, stderr)
	}
	if err := os.WriteFile(first, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, ".braid-course.json")); err != nil {
		t.Fatal(err)
	}
	code, stdout, _ = braid("course", "copy", dir)
	if data, _ := os.ReadFile(first); code != exitOK || string(data) != "mine" || !strings.Contains(stdout, "Kept your 00-start-here.ipynb; the new version is 00-start-here.new.ipynb") {
		t.Errorf("over my work: exit code %d, %q\n%s", code, data, stdout)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"course", "copy"}, exitUsage, "accepts 1 arg"},
		{[]string{"course", "copy", first}, exitFailed, "laying out the course"},
		{[]string{"lab", "--course", dir, dir}, exitUsage, "name one folder"},
	} {
		if code, _, stderr := braid(c.args...); code != c.code || !strings.Contains(stderr, c.want) {
			t.Errorf("braid %v: exit code %d, want %d\n%s", c.args, code, c.code, stderr)
		}
	}
}
