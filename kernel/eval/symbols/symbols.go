// Package symbols holds the exported names of the standard library, and of
// Braid's packages that cells may import, as reflect values: what an engine
// needs to let interpreted code use compiled code without a Go toolchain.
//
// The tables are generated for one toolchain (GoVersion). A table is built
// when its package is first asked for (microseconds to a millisecond), since a
// cell imports a handful of the ~170 packages and an idle worker should stay
// small.
//
// Each value has the form that yaegi's interp.Exports documents: a function or
// typed constant as itself, an untyped constant as a go/constant.Value, a
// variable as an addressable value, a type T as a nil *T, and for an interface
// I a nil pointer to its wrapper struct under "_I". Generic functions and
// types have no reflect value and are missing here.
package symbols

//go:generate go run ./generate

import (
	"maps"
	"reflect"
	"slices"
	"sync"
)

var (
	mu    sync.Mutex
	built = map[string]map[string]reflect.Value{} // guarded by mu
)

// Package returns the table of the package with the given import path, or nil
// if there is none. The table is shared: callers must not change it.
func Package(path string) map[string]reflect.Value {
	if short, ok := shortPaths[path]; ok {
		path = short
	}
	mu.Lock()
	defer mu.Unlock()
	if t, ok := built[path]; ok {
		return t
	}
	build := packages[path]
	if build == nil {
		build = platformPackages[path]
	}
	if build == nil {
		return nil
	}
	t := build()
	built[path] = t
	return t
}

// Paths lists the import paths that have a table, sorted.
func Paths() []string {
	return slices.Sorted(func(yield func(string) bool) {
		for p := range maps.Keys(packages) {
			if !yield(p) {
				return
			}
		}
		for p := range maps.Keys(platformPackages) {
			if !yield(p) {
				return
			}
		}
	})
}
