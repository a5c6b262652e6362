package venv_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"braid/install/venv"
)

// small is a package without dependencies, quick to fetch.
var small = []string{"six==1.16.0"}

func TestPrepareMakesReusesMendsAndRebuilds(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "größe mit raum", "env")
	var said []string
	report := func(line string) { said = append(said, line) }
	env, err := venv.Prepare(t.Context(), dir, small, report)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(env.Python(), "-c", "import six; print(six.__version__)").Output(); string(out) != "1.16.0\n" {
		t.Fatalf("six in the new environment: %q, %v", out, err)
	}
	if all := strings.Join(said, "\n"); !strings.Contains(all, "fetching package 1: six==1.16.0") {
		t.Errorf("no progress was reported:\n%s", all)
	}

	said = nil
	if _, err := venv.Prepare(t.Context(), dir, small, report); err != nil || len(said) > 0 {
		t.Errorf("a second call: %v, reported %q; it must find all there", err, said)
	}

	if out, err := exec.Command(env.Python(), "-m", "pip", "uninstall", "-y", "six").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := venv.Prepare(t.Context(), dir, small, report); err != nil {
		t.Fatalf("mending an environment that lost a package: %v", err)
	}
	if err := exec.Command(env.Python(), "-c", "import six").Run(); err != nil {
		t.Errorf("six was not installed again: %v", err)
	}

	if err := os.Remove(env.Python()); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/nowhere/python", env.Python()); err != nil {
		t.Fatal(err)
	}
	if _, err := venv.Prepare(t.Context(), dir, small, report); err != nil {
		t.Fatalf("rebuilding a broken environment: %v", err)
	}
	if err := exec.Command(env.Python(), "-c", "import six").Run(); err != nil {
		t.Errorf("the rebuilt environment lacks six: %v", err)
	}
}

func TestPrepareSaysWhatIsMissing(t *testing.T) {
	t.Setenv("BRAID_PYTHON", filepath.Join(t.TempDir(), "no-python"))
	_, err := venv.Prepare(t.Context(), filepath.Join(t.TempDir(), "env"), small, nil)
	if !errors.Is(err, venv.ErrNoPython) || !strings.Contains(err.Error(), "install Python") {
		t.Errorf("without Python: %v", err)
	}
}

func TestPrepareWithoutPackages(t *testing.T) {
	t.Setenv("PIP_NO_INDEX", "1")
	t.Setenv("PIP_FIND_LINKS", t.TempDir())
	_, err := venv.Prepare(t.Context(), filepath.Join(t.TempDir(), "env"), small, nil)
	if !errors.Is(err, venv.ErrNoPackages) || !strings.Contains(err.Error(), "six") {
		t.Errorf("without an index: %v", err)
	}
}

func TestPrepareEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, err := venv.Prepare(ctx, filepath.Join(t.TempDir(), "env"), small, func(string) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}
