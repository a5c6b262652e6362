package vm

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"unsafe"
)

// TestRuntimeLayout compares the mirrors of runtime.go with what package
// reflect says.
func TestRuntimeLayout(t *testing.T) {
	for _, typ := range []reflect.Type{
		reflect.TypeFor[int](), reflect.TypeFor[string](), reflect.TypeFor[[3]*int](), reflect.TypeFor[struct {
			a int8
			b any
		}](), reflect.TypeFor[map[string]int](), reflect.TypeFor[error](), reflect.TypeFor[func()](), reflect.TypeFor[*int](),
	} {
		r := rtypeOf(typ)
		if r.size != typ.Size() || int(r.align) != typ.Align() || (r.equal != nil) != typ.Comparable() {
			t.Errorf("%v: size %d align %d, want %d %d", typ, r.size, r.align, typ.Size(), typ.Align())
		}
		if reflectType(r) != typ {
			t.Errorf("reflectType of %v gives %v", typ, reflectType(r))
		}
		words := map[uintptr]bool{}
		pointerMask(typ, 0, func(off uintptr) { words[off/wordSize] = true })
		for w := range typ.Size() / wordSize {
			inMask := w*wordSize < r.ptrBytes && *(*byte)(unsafe.Add(unsafe.Pointer(r.gcdata), w/8))>>(w%8)&1 == 1
			if words[w] != inMask {
				t.Errorf("%v: word %d pointer: %v, want %v", typ, w, words[w], inMask)
			}
		}
	}
	for v, direct := range map[any]bool{1: false, "s": false, new(int): true, unsafe.Pointer(nil): true} {
		if rtypeOf(reflect.TypeOf(v)).direct() != direct {
			t.Errorf("direct(%T) is not %v", v, direct)
		}
	}
	for _, v := range []any{withMethods{}, arrayWithMethods{}} {
		typ := reflect.TypeOf(v)
		ms := rtypeOf(typ).methods()
		if len(ms) != 2 || ms[0].ifn == 0 || ms[1].ifn == 0 || ms[0].ifn == ms[1].ifn {
			t.Errorf("methods of %v: %v", typ, ms)
		}
	}
	e := newTypeAssertionError(rtypeOf(anyType), rtypeOf(intType), rtypeOf(boolType), "")
	if got := e.Error(); got != "interface conversion: interface {} is int, not bool" {
		t.Error(got)
	}
}

type withMethods struct{ a int }

func (withMethods) A() int { return 1 }
func (withMethods) B() int { return 2 }

type arrayWithMethods [2]string

func (arrayWithMethods) A() int { return 1 }
func (arrayWithMethods) B() int { return 2 }

// Interfaces keep the linker from dropping the methods above.
var _ = []interface{ A() int }{withMethods{}, arrayWithMethods{}}
var _ = []interface{ B() int }{withMethods{}, arrayWithMethods{}}

// TestBlockTypeIsScanned keeps values alive through a block type's mask alone.
func TestBlockTypeIsScanned(t *testing.T) {
	var lay blockLayout
	lay.add(intType)
	off := lay.add(reflect.TypeFor[string]())
	pad := lay.add(reflect.TypeFor[[100]int]())
	last := lay.add(reflect.TypeFor[*string]())
	typ := lay.done()
	p := unsafeNew(typ)
	*(*string)(unsafe.Add(p, off)) = strings.Repeat("ab", 1000)
	s := strings.Repeat("cd", 1000)
	*(**string)(unsafe.Add(p, last)) = &s
	_ = pad
	for range 5 {
		runtime.GC()
		_ = make([][]byte, 1000)
	}
	if got := *(*string)(unsafe.Add(p, off)); got != strings.Repeat("ab", 1000) {
		t.Error("a string in a block was collected")
	}
	if got := **(**string)(unsafe.Add(p, last)); got != strings.Repeat("cd", 1000) {
		t.Error("a pointer in a block was collected")
	}
}

// TestLibraryIsFresh compares the copied sources with the toolchain's.
func TestLibraryIsFresh(t *testing.T) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, pkg := range []string{"slices", "maps", "cmp"} {
		files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(root)), "src", pkg, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no sources of %s in %s", pkg, root)
		}
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			want, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			got, err := library.ReadFile("library/" + pkg + "/" + filepath.Base(f) + ".txt")
			if err != nil || string(got) != string(want) {
				t.Errorf("library/%s/%s.txt is not the toolchain's; copy it", pkg, filepath.Base(f))
			}
		}
	}
}

// TestLibraryBuilds checks every interpreted package.
func TestLibraryBuilds(t *testing.T) {
	e := New()
	for path := range shadowed() {
		if p := e.m.shadow(path); p == nil {
			t.Errorf("%s cannot be built", path)
		}
	}
}
