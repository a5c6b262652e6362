// Package venv makes private Python virtual environments with pinned
// packages, for what of Braid needs Python: the laboratory (JupyterLab) and
// the tests that compare with Jupyter's own libraries.
//
// [Prepare] promises that an environment it returns holds exactly the asked
// versions and works; that two processes asking for the same folder do not
// collide; that one which was interrupted goes on where it stopped; and that a
// broken one (Python upgraded away, files lost) is built anew.
package venv

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// ErrNoPython is wrapped by the errors of Prepare when no usable Python 3 is
// on PATH, or one that cannot make virtual environments.
var ErrNoPython = errors.New("no usable Python 3")

// ErrNoPackages is wrapped by the errors of Prepare when the packages could not
// be had: no network, or no such version for this Python.
var ErrNoPackages = errors.New("the Python packages could not be fetched")

// Env is a prepared virtual environment.
type Env struct {
	Dir string // absolute
}

// Bin is the path of a program of the environment, such as "jupyter-lab".
func (e *Env) Bin(name string) string {
	if runtime.GOOS == "windows" {
		return filepath.Join(e.Dir, "Scripts", name+".exe")
	}
	return filepath.Join(e.Dir, "bin", name)
}

// Python is the path of the environment's interpreter.
func (e *Env) Python() string { return e.Bin("python") }

// markerName holds what an environment was made for; it is written last.
const markerName = "braid-environment.json"

type marker struct {
	Requirements []string `json:"requirements"`
}

// Prepare makes dir a virtual environment that has the requirements, each
// "name==version", and returns it. report, if not nil, is told in a line each
// what is being done. It takes about 50 ms when all is there, and as long as
// the network takes when not; ctx ends it early, and the next call goes on.
func Prepare(ctx context.Context, dir string, requirements []string, report func(string)) (*Env, error) {
	if report == nil {
		report = func(string) {}
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, err
	}
	unlock, err := lock(ctx, dir+".lock", report)
	if err != nil {
		return nil, err
	}
	defer unlock()
	e := &Env{Dir: dir}
	want := slices.Sorted(slices.Values(requirements))
	if slices.Equal(e.marked(), want) && e.holds(ctx, want) {
		return e, nil
	}
	if err := e.build(ctx, want, report); err != nil {
		return nil, err
	}
	return e, nil
}

// lock takes the lock file at path, waiting as long as ctx allows.
func lock(ctx context.Context, path string, report func(string)) (unlock func(), err error) {
	l := flock.New(path)
	ok, err := l.TryLock()
	if err == nil && !ok {
		report("waiting for another braid that prepares the same environment")
		_, err = l.TryLockContext(ctx, 200*time.Millisecond)
	}
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return func() { l.Unlock() }, nil // the file stays: removing it would let two in
}

func (e *Env) marked() []string {
	data, err := os.ReadFile(filepath.Join(e.Dir, markerName))
	var m marker
	if err != nil || json.Unmarshal(data, &m) != nil {
		return nil
	}
	return m.Requirements
}

// holdsProgram exits 0 if every argument name==version is installed.
const holdsProgram = `import sys, importlib.metadata as m
sys.exit(any(m.version(n) != v for n, v in (a.split("==") for a in sys.argv[1:])))`

func (e *Env) holds(ctx context.Context, requirements []string) bool {
	args := append([]string{"-I", "-c", holdsProgram}, requirements...)
	return command(ctx, e.Python(), args...).Run() == nil
}

func (e *Env) build(ctx context.Context, requirements []string, report func(string)) error {
	if command(ctx, e.Python(), "-I", "-m", "pip", "--version").Run() != nil {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := e.create(ctx, report); err != nil {
			return err
		}
	}
	if err := os.Remove(filepath.Join(e.Dir, markerName)); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := e.pip(ctx, requirements, report); err != nil {
		return err
	}
	if !e.holds(ctx, requirements) {
		return fmt.Errorf("the environment %s lacks packages though pip succeeded; remove that folder and try again", e.Dir)
	}
	data, err := json.Marshal(marker{requirements})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(e.Dir, markerName), data, 0o644)
}

func (e *Env) create(ctx context.Context, report func(string)) error {
	python, err := FindPython(ctx)
	if err != nil {
		return err
	}
	if _, err := os.Stat(e.Dir); err == nil {
		report("the environment in " + e.Dir + " is broken or incomplete: building it anew")
	}
	if err := os.RemoveAll(e.Dir); err != nil {
		return err
	}
	report("making a virtual environment in " + e.Dir)
	out, err := command(ctx, python, "-m", "venv", e.Dir).CombinedOutput()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if bytes.Contains(out, []byte("ensurepip")) || bytes.Contains(out, []byte("No module named venv")) {
		return fmt.Errorf("%w: %s cannot make virtual environments; on Debian and Ubuntu this helps: sudo apt install python3-venv", ErrNoPython, python)
	}
	return fmt.Errorf("%s -m venv %s: %w\n%s", python, e.Dir, err, out)
}

// minPython is the oldest Python that the pinned packages run on.
const minPython = "3.10"

// versionProgram prints the version, then exits 0 if it is new enough.
const versionProgram = `import sys; print(sys.executable); sys.exit(sys.version_info < (3, 10))`

// FindPython is the path of a Python that is new enough: the one that the
// environment variable BRAID_PYTHON names, else python3 or python on PATH.
// Its error wraps ErrNoPython and says what to do.
func FindPython(ctx context.Context) (string, error) {
	names := []string{"python3", "python"}
	if name := os.Getenv("BRAID_PYTHON"); name != "" {
		names = []string{name}
	}
	old := false
	for _, name := range names {
		out, err := command(ctx, name, "-c", versionProgram).Output()
		if err == nil {
			return strings.TrimSpace(string(out)), nil
		}
		var exit *exec.ExitError
		old = old || errors.As(err, &exit) && len(out) > 0
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if old {
		return "", fmt.Errorf("%w: the Python on PATH is older than %s; install a newer one, or name one with the variable BRAID_PYTHON", ErrNoPython, minPython)
	}
	return "", fmt.Errorf("%w: neither of %s can be run; install Python %s or later (https://www.python.org), or name one with the variable BRAID_PYTHON",
		ErrNoPython, strings.Join(names, ", "), minPython)
}

// pip installs requirements. What pip has fetched once it keeps in its own
// cache, so a second try is quick.
func (e *Env) pip(ctx context.Context, requirements []string, report func(string)) error {
	args := append([]string{"-I", "-m", "pip", "install", "--no-input", "--progress-bar", "off",
		"--disable-pip-version-check"}, requirements...)
	cmd := command(ctx, e.Python(), args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	var errText bytes.Buffer
	cmd.Stderr = &errText
	report("installing " + strings.Join(requirements, ", "))
	if err := cmd.Start(); err != nil {
		return err
	}
	follow(out, report)
	err = cmd.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("%w: pip says:\n%s", ErrNoPackages, lastLines(errText.String(), 6))
	}
	return nil
}

// follow reports what of pip's output tells progress.
func follow(out io.Reader, report func(string)) {
	fetched := 0
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		name, found := strings.CutPrefix(line, "Collecting ")
		switch {
		case found:
			fetched++
			name, _, _ = strings.Cut(name, " (")
			report(fmt.Sprintf("fetching package %d: %s", fetched, name))
		case strings.HasPrefix(line, "Installing collected packages"):
			report(fmt.Sprintf("unpacking %d packages", fetched))
		}
	}
	io.Copy(io.Discard, out) // a line too long for the scanner must not stall pip
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// command runs a program free of the settings of other Pythons. When ctx ends
// it is asked to stop, and killed after five seconds.
func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(kv string) bool {
		key, _, _ := strings.Cut(kv, "=")
		return slices.Contains([]string{"PYTHONHOME", "PYTHONPATH", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV"}, key)
	})
	cmd.Cancel = func() error {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			return cmd.Process.Kill()
		}
		return nil
	}
	cmd.WaitDelay = 5 * time.Second
	return cmd
}
