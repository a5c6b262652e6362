package modules_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"braid/kernel/eval"
	"braid/kernel/modules"
	"braid/kernel/modules/proxytest"
)

func newResolver(t *testing.T, dir string, p modules.Policy) *modules.Resolver {
	t.Helper()
	r := modules.New(dir, p)
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// resolve wants packages without problems.
func resolve(t *testing.T, r *modules.Resolver, env []string, paths ...string) []*eval.Package {
	t.Helper()
	ps, problems, err := r.Resolve(t.Context(), env, paths...)
	if err != nil || len(problems) > 0 {
		t.Fatalf("%s: %v %v", paths, problems, err)
	}
	return ps
}

// problem wants the one path not to be found.
func problem(t *testing.T, r *modules.Resolver, env []string, path string) string {
	t.Helper()
	ps, problems, err := r.Resolve(t.Context(), env, path)
	if err != nil {
		t.Fatal(err)
	}
	if problems[path] == nil || len(ps) > 0 {
		t.Fatalf("%s was found: %d packages", path, len(ps))
	}
	return problems[path].Error()
}

func paths(ps []*eval.Package) (l []string) {
	for _, p := range ps {
		v := p.Version
		if v != "" {
			v = "@" + v
		}
		l = append(l, p.Path+v)
	}
	return l
}

func TestResolve(t *testing.T) {
	env := proxytest.Environ(t)
	r := newResolver(t, t.TempDir(), modules.Fetch)
	got := paths(resolve(t, r, env, "example.com/greet"))
	want := []string{"example.com/greet/internal/count@v1.0.0", "example.com/words@v1.0.0", "example.com/greet@v1.0.0"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := r.Used(); len(got) != 2 || got[1] != (modules.Module{Path: "example.com/words", Version: "v1.0.0"}) {
		t.Errorf("used %v", got)
	}
}

func TestFilesAreThoseOfThePlatformInGo(t *testing.T) {
	r := newResolver(t, t.TempDir(), modules.Fetch)
	p := resolve(t, r, proxytest.Environ(t), "example.com/tagged")[0]
	if want := []string{"go_2.go", "system_unix.go"}; !slices.Equal(p.Files, want) {
		t.Errorf("files %s, want %s", p.Files, want)
	}
}

func TestProblems(t *testing.T) {
	env := proxytest.Environ(t)
	r := newResolver(t, t.TempDir(), modules.Fetch)
	for path, want := range map[string]string{
		"example.com/grete":                "there is no module example.com/grete that can be had; look for a typo in the path",
		"example.com/greet/polite":         "module example.com/greet has no package example.com/greet/polite; look for a typo behind the module's path",
		"example.com/greet/internal/count": "use of internal package example.com/greet/internal/count not allowed: only the packages beside it in its module may import it",
		"example.com/cgo":                  "its file cgo.go needs cgo (import \"C\")",
		"example.com/program":              "is a program, not an importable package",
		"example":                          "package example is not in std",
		"example.com/a b":                  "malformed",
	} {
		if got := problem(t, r, env, path); !strings.Contains(got, want) {
			t.Errorf("%s: %s", path, got)
		}
	}
	if l := r.Used(); len(l) > 0 {
		t.Errorf("used %v", l)
	}
}

func TestGetChoosesTheVersion(t *testing.T) {
	env := proxytest.Environ(t)
	r := newResolver(t, t.TempDir(), modules.Fetch)
	if _, err := r.Get(t.Context(), env, "example.com/words@v1.0.0"); err != nil {
		t.Fatal(err)
	}
	if p := resolve(t, r, env, "example.com/words")[0]; p.Version != "v1.0.0" {
		t.Errorf("version %s", p.Version)
	}
	if r.Stale() {
		t.Error("stale")
	}
	for query, want := range map[string]string{
		"example.com/words@v3.0.0": "there is no version v3.0.0 of example.com/words",
		"example.com/words@v1.7":   "there is no version that matches v1.7",
		"example.com/wrods@latest": "there is no module example.com/wrods that can be had",
	} {
		_, err := r.Get(t.Context(), env, query)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", query, err)
		}
	}
}

func TestVersionsThatRunStay(t *testing.T) {
	env := proxytest.Environ(t)
	r := newResolver(t, t.TempDir(), modules.Fetch)
	resolve(t, r, env, "example.com/greet")
	got := problem(t, r, env, "example.com/loud")
	want := "it needs example.com/words v1.1.0, but this session runs v1.0.0 already; write %get example.com/words@v1.1.0, then %restart_worker, and import it again; a notebook that imports both in one cell gets one version"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// What was refused has left no trace.
	if p := resolve(t, r, env, "example.com/words")[0]; p.Version != "v1.0.0" {
		t.Errorf("version %s", p.Version)
	}
	if _, err := r.Get(t.Context(), env, "example.com/words@v1.1.0"); err != nil {
		t.Fatal(err)
	}
	if !r.Stale() {
		t.Error("not stale")
	}
	r.Forget()
	if got := paths(resolve(t, r, env, "example.com/greet", "example.com/loud")); !slices.Contains(got, "example.com/words@v1.1.0") {
		t.Error(got)
	}
}

func TestCacheNeedsNoProxy(t *testing.T) {
	env := proxytest.Environ(t)
	resolve(t, newResolver(t, t.TempDir(), modules.Fetch), env, "example.com/greet")
	for name, r := range map[string]*modules.Resolver{
		"cache only": newResolver(t, t.TempDir(), modules.Cache), "no proxy": newResolver(t, t.TempDir(), modules.Fetch),
	} {
		offline := append(slices.Clone(env), "GOPROXY=off")
		if got := paths(resolve(t, r, offline, "example.com/greet")); len(got) != 3 {
			t.Errorf("%s: %s", name, got)
		}
		got := problem(t, r, offline, "example.com/shapes")
		if !strings.Contains(got, "not in the module cache") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestOff(t *testing.T) {
	r := newResolver(t, t.TempDir(), modules.Off)
	_, _, err := r.Resolve(t.Context(), proxytest.Environ(t), "example.com/greet")
	if err == nil || !strings.Contains(err.Error(), "switched off") {
		t.Error(err)
	}
}

func TestNoGoCommand(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("GOROOT", t.TempDir())
	r := newResolver(t, t.TempDir(), modules.Fetch)
	_, _, err := r.Resolve(t.Context(), os.Environ(), "example.com/greet")
	if _, found := os.Stat("/usr/local/go/bin/go"); found == nil {
		if err != nil && strings.Contains(err.Error(), "need the Go toolchain") {
			t.Error("the installer's place was not looked at")
		}
	} else if err == nil || !strings.Contains(err.Error(), "there is no go command") {
		t.Error(err)
	}
}

func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := newResolver(t, t.TempDir(), modules.Fetch)
	env := proxytest.Environ(t)
	if _, _, err := r.Resolve(ctx, env, "example.com/greet"); err != context.Canceled {
		t.Error(err)
	}
	resolve(t, r, env, "example.com/greet") // it goes on as before
}

// A notebook in a module has its versions, its replacements and its packages.
func TestNotebookInAModule(t *testing.T) {
	env := proxytest.Environ(t)
	root := t.TempDir()
	files := map[string]string{
		"project/go.mod":                 "module example.com/project\n\ngo 1.21\n\nrequire (\n\texample.com/words v1.0.0\n\texample.com/near v0.0.0\n)\n\nreplace example.com/near => ../near\n",
		"project/go.sum":                 "",
		"project/project.go":             "package project\n",
		"project/internal/x/x.go":        "package x\n",
		"project/sub/internal/y/y.go":    "package y\n",
		"project/notebooks/n.ipynb":      "{}",
		"near/go.mod":                    "module example.com/near\n\ngo 1.21\n",
		"near/near.go":                   "package near\n",
		"near/internal/hidden/hidden.go": "package hidden\n",
	}
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	r := newResolver(t, filepath.Join(root, "project", "notebooks"), modules.Fetch)
	got := paths(resolve(t, r, env, "example.com/words", "example.com/near", "example.com/project", "example.com/project/internal/x"))
	want := []string{"example.com/words@v1.0.0", "example.com/near", "example.com/project", "example.com/project/internal/x"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, path := range []string{"example.com/near/internal/hidden", "example.com/project/sub/internal/y"} {
		if got := problem(t, r, env, path); !strings.Contains(got, "use of internal package") {
			t.Errorf("%s: %s", path, got)
		}
	}
	resolve(t, r, env, "example.com/greet") // which go.mod does not have
	for _, name := range []string{"project/go.mod", "project/go.sum"} {
		if b, err := os.ReadFile(filepath.Join(root, name)); err != nil || string(b) != files[name] {
			t.Errorf("%s was changed: %s %v", name, b, err)
		}
	}
}
