// Package proxytest gives tests a module proxy of their own, a folder, so that
// they need no network and touch no module cache but their own.
package proxytest

import (
	"archive/zip"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

//go:embed testdata/modules.txtar
var modules []byte

// Environ is the environment of the process with settings that let the Go command
// find the modules of testdata/modules.txtar and no others. It has an empty module
// cache.
func Environ(t testing.TB) []string {
	t.Helper()
	return append(os.Environ(), Settings(t)...)
}

// Settings are the variables, NAME=VALUE, that Environ adds.
func Settings(t testing.TB) []string {
	t.Helper()
	dir := t.TempDir()
	proxy := filepath.Join(dir, "proxy")
	if err := write(proxy, txtar.Parse(modules)); err != nil {
		t.Fatal(err)
	}
	return []string{
		"GOPROXY=file://" + filepath.ToSlash(proxy), "GOSUMDB=off", "GONOSUMDB=", "GONOPROXY=", "GOPRIVATE=", "GOVCS=*:off",
		"GOMODCACHE=" + filepath.Join(dir, "cache"), "GOFLAGS=-modcacherw", "GOENV=off",
	}
}

// Set sets the variables for the process, for as long as the test runs.
func Set(t *testing.T) {
	t.Helper()
	for _, kv := range Settings(t) {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
}

// write lays out a proxy: files of the archive are named MODULE@VERSION/FILE.
func write(dir string, a *txtar.Archive) error {
	versions := map[string][]txtar.File{} // by "module@version"
	var order []string
	for _, f := range a.Files {
		module, rest, ok := strings.Cut(f.Name, "@")
		version, _, ok2 := strings.Cut(rest, "/")
		if !ok || !ok2 {
			return fmt.Errorf("%s is not named MODULE@VERSION/FILE", f.Name)
		}
		key := module + "@" + version
		if versions[key] == nil {
			order = append(order, key)
		}
		versions[key] = append(versions[key], f)
	}
	for _, key := range order {
		if err := writeVersion(dir, key, versions[key]); err != nil {
			return err
		}
	}
	return nil
}

func writeVersion(dir, key string, files []txtar.File) error {
	module, version, _ := strings.Cut(key, "@")
	dir = filepath.Join(dir, filepath.FromSlash(module), "@v")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	z, err := os.Create(filepath.Join(dir, version+".zip"))
	if err != nil {
		return err
	}
	defer z.Close()
	w := zip.NewWriter(z)
	for _, f := range files {
		entry, err := w.Create(f.Name)
		if err != nil {
			return err
		}
		if _, err := entry.Write(f.Data); err != nil {
			return err
		}
		if strings.HasSuffix(f.Name, "/go.mod") {
			if err := os.WriteFile(filepath.Join(dir, version+".mod"), f.Data, 0o666); err != nil {
				return err
			}
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	info := fmt.Sprintf("{\"Version\":%q,\"Time\":\"2024-01-02T03:04:05Z\"}", version)
	if err := os.WriteFile(filepath.Join(dir, version+".info"), []byte(info), 0o666); err != nil {
		return err
	}
	list, err := os.OpenFile(filepath.Join(dir, "list"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(list, version)
	if err2 := list.Close(); err == nil {
		err = err2
	}
	return err
}
