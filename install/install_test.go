package install

import (
	"bytes"
	"encoding/json"
	"errors"
	"image/png"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"braid/install/venv/venvtest"
)

// home gives the test an empty home whose path has spaces and umlauts.
func home(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "Schöne Größe, 日本")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", dir)
	for _, name := range []string{"JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_PATH", "XDG_DATA_HOME", "VIRTUAL_ENV", "CONDA_PREFIX", "BRAID_DATA_DIR"} {
		t.Setenv(name, "")
	}
	return dir
}

// program is a small executable that can stand for braid.
func program(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "braid")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func options(t *testing.T) Options {
	t.Helper()
	place, err := User()
	if err != nil {
		t.Fatal(err)
	}
	return Options{Place: place, Version: "1.2", Executable: program(t, "echo braid 1.2")}
}

func mustInstall(t *testing.T, o Options) *Installed {
	t.Helper()
	done, err := Install(o)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// tree lists what is below dir.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			names = append(names, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestInstallWritesAWholeKernelspec(t *testing.T) {
	dir := home(t)
	done := mustInstall(t, options(t))
	if want := filepath.Join(dir, ".local", "share", "jupyter", "kernels", "braid"); done.Dir != want {
		t.Fatalf("installed in %s, want %s", done.Dir, want)
	}
	want := []string{"braid", "braid-installed.json", "kernel.json", "logo-32x32.png", "logo-64x64.png", "logo-svg.svg"}
	if got := tree(t, filepath.Join(dir, ".local", "share", "jupyter")); !slices.Equal(got, prefixed("kernels/braid/", want)) {
		t.Errorf("the files are %q", got)
	}
	spec, err := ReadSpec(done.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(spec.Argv, []string{filepath.Join(done.Dir, "braid"), "kernel", "-f", "{connection_file}"}) {
		t.Errorf("argv is %q", spec.Argv)
	}
	if spec.Language != "go" || spec.InterruptMode != "message" || spec.ProtocolVersion != "5.5" || spec.DisplayName != "Go (Braid)" || spec.Metadata["debugger"] != false {
		t.Errorf("kernel.json holds %+v", spec)
	}
	if st, err := os.Stat(spec.Argv[0]); err != nil || st.Mode().Perm()&0o111 != 0o111 {
		t.Errorf("the program: %v, %v", st, err)
	}
	data, err := os.ReadFile(filepath.Join(done.Dir, "kernel.json"))
	if err != nil || len(data) > 1024 {
		t.Errorf("kernel.json has %d bytes (%v); nbgrader's gradebook stores 1024", len(data), err)
	}
}

func prefixed(prefix string, names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = prefix + n
	}
	return out
}

func TestJupyterSeesTheKernel(t *testing.T) {
	python := venvtest.Python(t)
	home(t)
	done := mustInstall(t, options(t))
	out, err := exec.Command(python, "-m", "jupyter_client.kernelspecapp", "list", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var seen struct {
		Kernelspecs map[string]struct {
			ResourceDir string `json:"resource_dir"`
			Spec        struct{ Language string }
		}
	}
	if err := json.Unmarshal(out, &seen); err != nil {
		t.Fatal(err)
	}
	if k := seen.Kernelspecs["braid"]; k.ResourceDir != done.Dir || k.Spec.Language != "go" {
		t.Errorf("jupyter kernelspec list: %s", out)
	}
}

func TestInstallReplacesWhatRuns(t *testing.T) {
	home(t)
	o := options(t)
	done := mustInstall(t, o)
	mine := filepath.Join(done.Dir, "kernel.js")
	if err := os.WriteFile(mine, []byte("// mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	o.Executable = sleep // a real binary: writing into it while it runs would fail
	mustInstall(t, o)
	running := exec.Command(filepath.Join(done.Dir, "braid"), "60")
	if err := running.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { running.Process.Kill(); running.Wait() }()
	o.Executable, o.Version = program(t, "echo braid 2.0"), "2.0"
	mustInstall(t, o)
	spec, err := ReadSpec(done.Dir)
	if err != nil || spec.Version() != "2.0" {
		t.Errorf("after the second install: %+v, %v", spec, err)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Errorf("a file of the user's is gone: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(o.Place.Share, ".braid*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// While installs go on, a reader never finds a folder without a whole kernel.
func TestInstallIsNeverHalfDone(t *testing.T) {
	home(t)
	o := options(t)
	dir := mustInstall(t, o).Dir
	stop := make(chan struct{})
	var readers sync.WaitGroup
	readers.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			spec, err := ReadSpec(dir)
			if err == nil {
				_, err = os.Stat(spec.Argv[0])
			}
			if err != nil {
				t.Errorf("a reader found: %v", err)
				return
			}
		}
	})
	for range 20 {
		mustInstall(t, o)
	}
	close(stop)
	readers.Wait()
}

func TestInstallRefusesAnotherProgramsKernel(t *testing.T) {
	home(t)
	o := options(t)
	dir := filepath.Join(o.Place.Share, "kernels", "braid")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	const other = `{"argv": ["/opt/other", "{connection_file}"], "display_name": "Other", "language": "go"}`
	if err := os.WriteFile(filepath.Join(dir, "kernel.json"), []byte(other), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Install(o); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "--name") {
		t.Errorf("installing: %v", err)
	}
	if _, err := Uninstall(o.Place, "braid"); !errors.Is(err, ErrForeign) {
		t.Errorf("uninstalling: %v", err)
	}
	if data, _ := os.ReadFile(filepath.Join(dir, "kernel.json")); string(data) != other {
		t.Errorf("it was changed: %s", data)
	}
	o.Name = "braid two"
	if _, err := Install(o); err == nil || !strings.Contains(err.Error(), "cannot be a kernel's name") {
		t.Errorf("a bad name: %v", err)
	}
}

func TestInstallMendsABrokenOne(t *testing.T) {
	home(t)
	o := options(t)
	dir := mustInstall(t, o).Dir
	if err := os.WriteFile(filepath.Join(dir, "kernel.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	mustInstall(t, o)
	if _, err := ReadSpec(dir); err != nil {
		t.Error(err)
	}
}

func TestUninstallRemovesWhatWasInstalled(t *testing.T) {
	dir := home(t)
	o := options(t)
	o.NBGrader = true
	before := tree(t, dir)
	done := mustInstall(t, o)
	mine := filepath.Join(done.Dir, "notes.txt")
	if err := os.WriteFile(mine, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Uninstall(o.Place, ""); err != nil {
		t.Fatal(err)
	}
	if got := tree(t, dir); !slices.Equal(got, append(before, ".local/share/jupyter/kernels/braid/notes.txt")) {
		t.Errorf("what is left: %q", got)
	}
	if err := os.RemoveAll(done.Dir); err != nil {
		t.Fatal(err)
	}
	if _, err := Uninstall(o.Place, ""); !errors.Is(err, ErrNotInstalled) {
		t.Errorf("a second time: %v", err)
	}
}

func TestNBGraderLearnsGo(t *testing.T) {
	read := func(path string) map[string]any {
		t.Helper()
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var config map[string]any
		if err := json.Unmarshal(data, &config); err != nil {
			t.Fatal(err)
		}
		return config
	}
	table := func(config map[string]any) map[string]any {
		return config["ClearSolutions"].(map[string]any)["code_stub"].(map[string]any)
	}
	home(t)
	o := options(t)
	o.NBGrader = true
	path := mustInstall(t, o).NBGrader
	if got := slices.Sorted(maps.Keys(table(read(path)))); !slices.Equal(got, []string{"R", "go", "java", "matlab", "octave", "python", "sas"}) {
		t.Errorf("the table has %q", got)
	}

	home(t)
	o = options(t)
	o.NBGrader = true
	path = filepath.Join(o.Place.Config, "nbgrader_config.json")
	if err := os.MkdirAll(o.Place.Config, 0o755); err != nil {
		t.Fatal(err)
	}
	const own = `{"CourseDirectory": {"course_id": "<go & co>", "big": 12345678901234567890}, "ClearSolutions": {"code_stub": {"python": "mine"}, "text_stub": "Hier"}}`
	if err := os.WriteFile(path, []byte(own), 0o644); err != nil {
		t.Fatal(err)
	}
	mustInstall(t, o)
	mustInstall(t, o) // the second one must not forget what the first one added
	config := read(path)
	if got := table(config); got["python"] != "mine" || !strings.Contains(got["go"].(string), "panic(") || len(got) != 7 {
		t.Errorf("the table became %q", got)
	}
	if data, _ := os.ReadFile(path); !bytes.Contains(data, []byte("12345678901234567890")) || !bytes.Contains(data, []byte("<go & co>")) || !bytes.Contains(data, []byte("Hier")) {
		t.Errorf("other settings were spoilt:\n%s", data)
	}
	if _, err := Uninstall(o.Place, ""); err != nil {
		t.Fatal(err)
	}
	if got := table(read(path)); len(got) != 1 || got["python"] != "mine" {
		t.Errorf("after the removal the table is %q", got)
	}
}

func TestNBGraderConfigThatCannotBeMerged(t *testing.T) {
	for content, want := range map[string]string{
		"{broken":                                `is not a valid configuration`,
		`{"ClearSolutions": {"code_stub": "x"}}`: `"code_stub" is not a table`,
		`{"ClearSolutions": []}`:                 `"ClearSolutions" is not a table`,
	} {
		home(t)
		o := options(t)
		o.NBGrader = true
		path := filepath.Join(o.Place.Config, "nbgrader_config.json")
		if err := os.MkdirAll(o.Place.Config, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Install(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", content, err, want)
		}
		if data, _ := os.ReadFile(path); string(data) != content {
			t.Errorf("it was changed to %s", data)
		}
		if _, err := os.Stat(filepath.Join(o.Place.Share, "kernels", "braid")); err == nil {
			t.Error("a kernel was installed all the same")
		}
	}
}

func TestPlaces(t *testing.T) {
	dir := home(t)
	t.Setenv("JUPYTER_DATA_DIR", filepath.Join(dir, "data"))
	t.Setenv("JUPYTER_CONFIG_DIR", filepath.Join(dir, "config"))
	if got, err := User(); err != nil || got != (Place{filepath.Join(dir, "data"), filepath.Join(dir, "config")}) {
		t.Errorf("User: %+v, %v", got, err)
	}
	if got, err := Prefix("/opt/x"); err != nil || got != (Place{"/opt/x/share/jupyter", "/opt/x/etc/jupyter"}) {
		t.Errorf("Prefix: %+v, %v", got, err)
	}
	t.Setenv("VIRTUAL_ENV", "/venv")
	if got, err := SysPrefix(t.Context()); err != nil || got.Share != "/venv/share/jupyter" {
		t.Errorf("SysPrefix in a virtual environment: %+v, %v", got, err)
	}
	t.Setenv("VIRTUAL_ENV", "")
	if got, err := SysPrefix(t.Context()); err != nil || !filepath.IsAbs(got.Share) {
		t.Errorf("SysPrefix: %+v, %v", got, err)
	}
	t.Setenv("JUPYTER_PATH", "/a:/b/")
	path := JupyterPath("/p")
	want := []string{"/a", "/b", "/p/share/jupyter", filepath.Join(dir, "data")}
	if len(path) < 4 || !slices.Equal(path[:4], want) {
		t.Errorf("JupyterPath: %q, want %q first", path, want)
	}
}

func TestLogosAreDrawings(t *testing.T) {
	files, err := logos()
	if err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int{"logo-32x32.png": 32, "logo-64x64.png": 64} {
		img, err := png.Decode(bytes.NewReader(files[name]))
		if err != nil || img.Bounds().Dx() != size || img.Bounds().Dy() != size {
			t.Fatalf("%s: %v", name, err)
		}
		if _, _, _, a := img.At(0, 0).RGBA(); a > 0x4000 {
			t.Errorf("%s: the corner is not clear", name)
		}
		seen := map[[3]uint32]int{}
		for y := range size {
			for x := range size {
				r, g, b, _ := img.At(x, y).RGBA()
				seen[[3]uint32{r >> 8, g >> 8, b >> 8}]++
			}
		}
		for _, c := range strands {
			if n := seen[[3]uint32{uint32(c.R), uint32(c.G), uint32(c.B)}]; n < size*size/25 {
				t.Errorf("%s: only %d pixels have the colour %v of a strand", name, n, c)
			}
		}
	}
	if svg := string(files["logo-svg.svg"]); !strings.HasPrefix(svg, "<svg ") || strings.Count(svg, "<path") != 9 {
		t.Errorf("the SVG is %s", svg)
	}
}
