// Package venvtest gives tests a Python with Jupyter's own libraries, so that
// `go test ./...` needs nothing prepared. Only tests import it.
package venvtest

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"braid/install/venv"
)

// Requirements is what tests may import, in versions that agree with each other.
var Requirements = []string{
	"jupyter_client==8.10.0",
	"jupyter_kernel_test==0.7.0",
	"nbclient==0.11.0",
	"nbformat==5.11.1",
	"psutil==7.2.2",
	"pyzmq==27.3.0",
}

// Python is the path of a Python interpreter that has Requirements. The first
// call on a machine takes about 20 s and the network; the environment then
// stays in the user's cache folder, shared by all test processes. A test that
// cannot have it fails.
func Python(t testing.TB) string {
	t.Helper()
	return prepare(t, Requirements).Python()
}

func prepare(t testing.TB, requirements []string) *venv.Env {
	t.Helper()
	sum := sha256.Sum256([]byte(strings.Join(requirements, "\n")))
	dir := filepath.Join(cacheDir(), fmt.Sprintf("test-python-%x", sum[:6]))
	env, err := venv.Prepare(t.Context(), dir, requirements, func(line string) { t.Log(line) })
	if err != nil {
		t.Fatalf("this test needs Python with Jupyter's libraries, which could not be prepared: %v", err)
	}
	return env
}

// LabData makes `braid lab` keep its private environment in the user's cache
// folder (as BRAID_DATA_DIR) for the rest of the test, whatever HOME is, and
// returns that folder. Making the environment anew takes a minute and the
// network; all tests share one. Call it before HOME is changed.
func LabData(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(cacheDir(), "test-data")
	t.Setenv("BRAID_DATA_DIR", dir)
	return dir
}

// cacheDir is where environments for tests stay.
func cacheDir() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = filepath.Join(os.TempDir(), fmt.Sprintf("cache-%d", os.Getuid()))
	}
	return filepath.Join(cache, "braid")
}
