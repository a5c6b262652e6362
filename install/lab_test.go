package install

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"braid/install/venv"
)

// fakeLab puts a jupyter-lab of that version on PATH, alone but for a shell's
// own programs; it notes its arguments and behaves as script says.
func fakeLab(t *testing.T, version, script string) (arguments string) {
	t.Helper()
	dir := t.TempDir()
	arguments = filepath.Join(dir, "arguments")
	text := fmt.Sprintf("#!/bin/sh\nif [ \"$1\" = --version ]; then echo %s; exit 0; fi\nprintf '%%s\\n' \"$@\" > '%s'\n%s\n", version, arguments, script)
	if err := os.WriteFile(filepath.Join(dir, "jupyter-lab"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	return arguments
}

// announce prints an address where nothing will ever listen, so that Lab says
// it after a while all the same.
const announce = `echo "[I ServerApp] http://localhost:1/lab/tree/course/first.ipynb?token=abc" >&2`

// layOut stands for the course.
func layOut(dir string, say func(string)) (string, error) {
	say("laid out")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return "first.ipynb", os.WriteFile(filepath.Join(dir, "first.ipynb"), []byte("{}"), 0o644)
}

func TestLabUsesJupyterLabOnPath(t *testing.T) {
	dir := home(t)
	arguments := fakeLab(t, "4.6.1", announce+"\necho '[E broken] look' >&2\nexec sleep 60")
	ctx, cancel := context.WithCancel(t.Context())
	out := &watcher{want: "Press Ctrl-C", found: cancel}
	if err := Lab(ctx, LabOptions{NoBrowser: true, IP: "127.0.0.1", Version: "1.2", Out: out, Course: "course", LayOut: layOut}); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, want := range []string{"Using JupyterLab 4.6.1", "    http://localhost:1/lab/tree/course/first.ipynb?token=abc\n", "JupyterLab has ended."} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	notebooks := filepath.Join(dir, "braid-notebooks")
	data, err := os.ReadFile(arguments)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"--ServerApp.root_dir=" + notebooks, "--no-browser", "--ServerApp.ip=127.0.0.1", "/lab/tree/course/first.ipynb"} {
		if !strings.Contains(string(data), want) {
			t.Errorf("the argument %q is missing in\n%s", want, data)
		}
	}
	if _, err := ReadSpec(filepath.Join(dir, ".local/share/jupyter/kernels/braid")); err != nil {
		t.Errorf("the kernel was not installed: %v", err)
	}
	if _, err := os.Stat(filepath.Join(notebooks, "course", "first.ipynb")); err != nil || !strings.Contains(text, "laid out") {
		t.Errorf("the course: %v\n%s", err, text)
	}
}

// watcher calls found once what is written holds want.
type watcher struct {
	bytes.Buffer
	want  string
	found func()
}

func (w *watcher) Write(p []byte) (int, error) {
	n, err := w.Buffer.Write(p)
	if strings.Contains(w.String(), w.want) {
		w.found()
	}
	return n, err
}

func TestLabKeepsWhatIsThere(t *testing.T) {
	dir := home(t)
	fakeLab(t, "4.6.1", "exit 0")
	mine := filepath.Join(dir, "braid-notebooks", "welcome.ipynb")
	if err := os.MkdirAll(filepath.Dir(mine), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(mine, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Lab(t.Context(), LabOptions{}); err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(mine); string(data) != "mine" {
		t.Errorf("the notebook became %q", data)
	}
	if err := Lab(t.Context(), LabOptions{Dir: mine}); err == nil || !strings.Contains(err.Error(), "is a file") {
		t.Errorf("a file instead of a folder: %v", err)
	}
	other := filepath.Join(dir, "other")
	if err := Lab(t.Context(), LabOptions{Dir: other}); err != nil {
		t.Fatal(err)
	}
	if files, _ := os.ReadDir(other); len(files) != 0 {
		t.Errorf("a folder that was named got %v", files)
	}
}

func TestLabEndsIfTheCourseCannotBeLaidOut(t *testing.T) {
	home(t)
	full := func(string, func(string)) (string, error) { return "", errors.New("no space left") }
	if err := Lab(t.Context(), LabOptions{Course: ".", LayOut: full}); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("got %v", err)
	}
}

func TestLabReportsWhyJupyterLabEnded(t *testing.T) {
	home(t)
	fakeLab(t, "4.6.1", "echo 'cannot bind' >&2\nexit 3")
	if err := Lab(t.Context(), LabOptions{}); err == nil || !strings.Contains(err.Error(), "exit status 3\ncannot bind") {
		t.Errorf("got %v", err)
	}
}

func TestLabSaysWhenThePortIsTaken(t *testing.T) {
	home(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	if err := Lab(t.Context(), LabOptions{Port: port, IP: "127.0.0.1"}); err == nil || !strings.Contains(err.Error(), "choose another one with --port") {
		t.Errorf("got %v", err)
	}
}

func TestLabWithoutPythonShowsTheWay(t *testing.T) {
	home(t)
	fakeLab(t, "3.9.0", "exit 1") // too old to be used
	t.Setenv("BRAID_PYTHON", "/nowhere/python")
	err := Lab(t.Context(), LabOptions{PrepareOnly: true})
	if err == nil || !strings.Contains(err.Error(), "install Python") || !strings.Contains(err.Error(), "braid run NOTEBOOK.ipynb --html") {
		t.Errorf("got %v", err)
	}
}

func TestLabWithoutNetworkShowsTheWay(t *testing.T) {
	err := explainLab(fmt.Errorf("%w: pip says: no network", venv.ErrNoPackages))
	if !strings.Contains(err.Error(), "braid run") || !strings.Contains(err.Error(), "no network") {
		t.Errorf("got %v", err)
	}
}

func TestProgress(t *testing.T) {
	var plain, fancy bytes.Buffer
	for w, terminal := range map[*bytes.Buffer]bool{&plain: false, &fancy: true} {
		p := newProgress(w, terminal)
		p.step("one")
		p.step("two")
		p.line("done")
		p.close()
	}
	if plain.String() != "  one\n  two\ndone\n" {
		t.Errorf("plain: %q", plain.String())
	}
	if fancy.String() != "\r\x1b[K  one\r\x1b[K  two\r\x1b[Kdone\n" {
		t.Errorf("on a terminal: %q", fancy.String())
	}
}

func TestPlacesThatCannotBeWrittenNameTheCure(t *testing.T) {
	dir := home(t)
	fakeLab(t, "4.6.1", "exit 0")
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	names := func(what, cure string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), cure) {
			t.Errorf("%s: %v; want %q in it", what, err, cure)
		}
	}
	t.Setenv("BRAID_DATA_DIR", filepath.Join(file, "data"))
	names("the lab's environment", "BRAID_DATA_DIR", Lab(t.Context(), LabOptions{Private: true, PrepareOnly: true}))
	t.Setenv("JUPYTER_DATA_DIR", filepath.Join(file, "jupyter"))
	names("the kernelspec", "JUPYTER_DATA_DIR", Lab(t.Context(), LabOptions{PrepareOnly: true}))
	t.Setenv("HOME", filepath.Join(file, "home"))
	names("the folder of notebooks", "braid lab DIR", Lab(t.Context(), LabOptions{PrepareOnly: true}))
}
