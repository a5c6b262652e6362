package install

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"braid/install/venv"
)

// The folders below are those of jupyter_core's paths.py (5.9).

// JupyterDataDir is where Jupyter looks for a user's kernelspecs: in
// JUPYTER_DATA_DIR if set, else in the platform's folder.
func JupyterDataDir() (string, error) {
	if dir := os.Getenv("JUPYTER_DATA_DIR"); dir != "" {
		return filepath.Abs(dir)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("%w; set HOME, or name the folder with JUPYTER_DATA_DIR", err)
	}
	switch runtime.GOOS {
	case "darwin":
		return filepath.Join(home, "Library", "Jupyter"), nil
	case "windows":
		if dir := os.Getenv("APPDATA"); dir != "" {
			return filepath.Join(dir, "jupyter"), nil
		}
		return filepath.Join(home, ".jupyter", "data"), nil
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "jupyter"), nil
	}
	return filepath.Join(home, ".local", "share", "jupyter"), nil
}

// jupyterConfigDir is the folder of a user's own Jupyter configuration.
func jupyterConfigDir() (string, error) {
	if dir := os.Getenv("JUPYTER_CONFIG_DIR"); dir != "" {
		return filepath.Abs(dir)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("%w; set HOME, or name the folder with JUPYTER_CONFIG_DIR", err)
	}
	return filepath.Join(home, ".jupyter"), nil
}

// JupyterPath lists the folders that Jupyter searches for kernels/NAME, first
// match first, for a Jupyter whose Python has the given sys.prefix ("" if
// unknown). Environment before user holds inside virtual environments only.
func JupyterPath(prefix string) []string {
	var dirs []string
	for _, dir := range filepath.SplitList(os.Getenv("JUPYTER_PATH")) {
		if dir != "" {
			dirs = append(dirs, filepath.Clean(dir))
		}
	}
	if prefix != "" {
		dirs = append(dirs, filepath.Join(prefix, "share", "jupyter"))
	}
	if dir, err := JupyterDataDir(); err == nil {
		dirs = append(dirs, dir)
	}
	if runtime.GOOS != "windows" {
		dirs = append(dirs, "/usr/local/share/jupyter", "/usr/share/jupyter")
	}
	return unique(dirs)
}

// UserData is Braid's own folder for a user's data: the lab's environment and log.
func UserData() (string, error) {
	if dir := os.Getenv("BRAID_DATA_DIR"); dir != "" {
		return filepath.Abs(dir)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("%w; set HOME, or name the folder with BRAID_DATA_DIR", err)
	}
	switch runtime.GOOS {
	case "darwin":
		return filepath.Join(home, "Library", "Application Support", "braid"), nil
	case "windows":
		if dir := os.Getenv("LOCALAPPDATA"); dir != "" {
			return filepath.Join(dir, "braid"), nil
		}
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "braid"), nil
	}
	return filepath.Join(home, ".local", "share", "braid"), nil
}

// Place is one of the places that a kernelspec can be installed to.
type Place struct {
	Share  string // kernels/NAME goes below it
	Config string // nbgrader_config.json goes into it
}

// User is the place that every Jupyter of this user sees.
func User() (Place, error) {
	share, err := JupyterDataDir()
	if err != nil {
		return Place{}, err
	}
	config, err := jupyterConfigDir()
	return Place{share, config}, err
}

// Prefix is the place for a Jupyter installed under dir.
func Prefix(dir string) (Place, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Place{}, err
	}
	return Place{filepath.Join(abs, "share", "jupyter"), filepath.Join(abs, "etc", "jupyter")}, nil
}

// SysPrefix is the place of the active Python environment: the activated
// virtual or conda environment, else what the Python on PATH says.
func SysPrefix(ctx context.Context) (Place, error) {
	for _, name := range []string{"VIRTUAL_ENV", "CONDA_PREFIX"} {
		if dir := os.Getenv(name); dir != "" {
			return Prefix(dir)
		}
	}
	python, err := venv.FindPython(ctx)
	if err != nil {
		return Place{}, fmt.Errorf("--sys-prefix needs a Python environment: %w", err)
	}
	prefix, err := sysPrefix(ctx, python)
	if err != nil {
		return Place{}, err
	}
	return Prefix(prefix)
}

func sysPrefix(ctx context.Context, python string) (string, error) {
	out, err := exec.CommandContext(ctx, python, "-c", "import sys; print(sys.prefix)").Output()
	prefix := strings.TrimSpace(string(out))
	if err == nil && prefix == "" {
		err = errors.New("it printed nothing")
	}
	if err != nil {
		return "", fmt.Errorf("asking %s for sys.prefix: %w", python, err)
	}
	return prefix, nil
}

func unique(dirs []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, dir := range dirs {
		if !seen[dir] {
			seen[dir] = true
			out = append(out, dir)
		}
	}
	return out
}
