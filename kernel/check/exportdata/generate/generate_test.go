package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"braid/kernel/check/exportdata"
)

// The embedded data must be what the toolchain would give today. With another
// toolchain than the one that made it there is nothing to compare.
func TestDataIsFresh(t *testing.T) {
	if made := exportdata.Contents().GoVersion; made != runtime.Version() {
		t.Logf("data was made by %s, this is %s: run go generate ./kernel/check/exportdata when the project moves to it", made, runtime.Version())
		return
	}
	want, _, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join("..", "data")
	for name, b := range want {
		got, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil || !bytes.Equal(got, b) {
			t.Errorf("%s is out of date: run go generate ./kernel/check/exportdata", name)
		}
	}
	err = filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if _, ok := want[filepath.ToSlash(rel)]; !ok {
			t.Errorf("%s belongs to no package: run go generate ./kernel/check/exportdata", rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
