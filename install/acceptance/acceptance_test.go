package acceptance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"braid/install/venv/venvtest"
)

// braid is the command, built from this source.
var braid string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "braid-acceptance-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	braid = filepath.Join(dir, "braid")
	code := 1
	if out, err := exec.Command("go", "build", "-o", braid, "braid").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building braid: %v\n%s", err, out)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// patience is how long a program may take before it counts as hung.
const patience = 5 * time.Minute

// newcomer gives the test an empty home folder.
func newcomer(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	for _, name := range []string{"JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_PATH", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "NBGRADER_EXECUTION"} {
		t.Setenv(name, "")
	}
	return dir
}

// output runs a program in dir and returns what it printed; it must succeed.
func output(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	stdout, stderr, err := try(t, dir, program, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", filepath.Base(program), strings.Join(args, " "), err, stdout, stderr)
	}
	return stdout
}

func try(t *testing.T, dir, program string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	var out, log bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &log
	cmd.WaitDelay = patience
	timer := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer timer.Stop()
	err = cmd.Run()
	return out.String(), log.String(), err
}

// decode reads the JSON that a program printed.
func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
}

// installKernel installs the kernel for the newcomer under a name that no
// environment has, as Jupyter prefers the kernels of an environment.
func installKernel(t *testing.T, flags ...string) {
	t.Helper()
	output(t, ".", braid, append([]string{"install", "--name", kernelName}, flags...)...)
}

const kernelName = "braid-acceptance"

// testdata is the absolute path of a file in testdata.
func testdata(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// laboratory makes the private JupyterLab (with nbgrader) and returns the
// folder of its programs.
func laboratory(t *testing.T) string {
	t.Helper()
	data := venvtest.LabData(t)
	output(t, ".", braid, "lab", "--private", "--prepare-only")
	return filepath.Join(data, "lab", "bin")
}
