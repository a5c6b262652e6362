package symbols

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

func TestTablesHoldUsableValues(t *testing.T) {
	paths := Paths()
	if len(paths) < 160 {
		t.Fatalf("%d packages have a table, want the standard library's 160 or more", len(paths))
	}
	for _, path := range paths {
		for name, v := range Package(path) {
			if !v.IsValid() {
				t.Errorf("%s.%s has no value", path, name)
			}
		}
	}
	if Package("no/such/package") != nil {
		t.Error("a package that does not exist has a table")
	}
}

func TestForms(t *testing.T) {
	fmtTable := Package("fmt")
	if f := fmtTable["Sprint"]; f.Kind() != reflect.Func {
		t.Errorf("fmt.Sprint is a %s, want a function", f.Kind())
	}
	if s := fmtTable["Stringer"]; s.Type().String() != "*fmt.Stringer" || !s.IsNil() {
		t.Errorf("fmt.Stringer is %s, want a nil *fmt.Stringer", s.Type())
	}
	out := fmtTable["_Stringer"].Type().Elem()
	if f, ok := out.FieldByName("WString"); !ok || f.Type != reflect.TypeFor[func() string]() {
		t.Errorf("the wrapper of fmt.Stringer is %s, want a field WString func() string", out)
	}
	if args := Package("os")["Args"]; !args.CanSet() {
		t.Error("os.Args cannot be set: variables must be addressable")
	}
	if pi := Package("math")["Pi"]; !strings.Contains(pi.Type().String(), "constant") {
		t.Errorf("math.Pi is a %s, want an untyped constant", pi.Type())
	}
}

// The tables belong to a toolchain. With that toolchain at hand they must be
// what the generator writes; with another one, only those of the recorded one
// can be compared.
func TestTablesAreFresh(t *testing.T) {
	if runtime.Version() != GoVersion {
		t.Logf("the tables are those of %s, this is %s: run go generate ./kernel/eval/symbols", GoVersion, runtime.Version())
		return
	}
	dir := t.TempDir()
	if out, err := exec.Command("go", "run", "./generate", "-o", dir).CombinedOutput(); err != nil {
		t.Fatalf("generate: %v\n%s", err, out)
	}
	made, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(made) < 160 {
		t.Fatalf("generate wrote %d files (%v)", len(made), err)
	}
	for _, file := range made {
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Base(file))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is stale (%v): run go generate ./kernel/eval/symbols", filepath.Base(file), err)
		}
	}
}
