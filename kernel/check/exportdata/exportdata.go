// Package exportdata carries what the type checker must know about packages
// that cells may import, as export data of the toolchain that built braid, so
// that checking, completion and inspection need no Go toolchain; and the doc
// comments of their exported symbols.
//
// The data is that of every public package of the standard library and of the
// packages in Extra. It holds no positions: an object of these packages has
// none. To make it anew after a change of the toolchain or of an extra package:
//
//	go generate ./kernel/check/exportdata
//
// The data describes the platform it was made on; packages that differ between
// platforms (syscall, parts of os) are those of that platform.
package exportdata

import (
	"bytes"
	"compress/flate"
	"embed"
	"encoding/json"
	"fmt"
	"go/token"
	"go/types"
	"io"
	"path"
	"slices"
	"sync"

	"golang.org/x/tools/go/gcexportdata"
)

//go:generate go run ./generate

// Extra maps import paths that cells write to the packages behind them. It is
// the one place where packages beside the standard library become importable.
var Extra = map[string]string{
	"braid/display":           "braid/kernel/display",
	"braid/comm":              "braid/kernel/eval/comm",
	"braid/runtime":           "braid/runtime",
	"braid/runtime/threading": "braid/runtime/threading",
	"braid/runtime/futures":   "braid/runtime/futures",
	"braid/runtime/asyncio":   "braid/runtime/asyncio",
	"braid/runtime/native":    "braid/runtime/native",
	"braid/runtime/pickle":    "braid/runtime/pickle",
	"braid/runtime/sched":     "braid/runtime/sched",
	"braid/runtime/explore":   "braid/runtime/explore",
	"braid/runtime/trace":     "braid/runtime/trace",
	"braid/runtime/viz":       "braid/runtime/viz",
	"braid/runtime/exercise":  "braid/runtime/exercise",
	"braid/runtime/claim":     "braid/runtime/claim",

	"golang.org/x/sync/errgroup": "braid/kernel/eval/host/errgroup",
}

// Unavailable names the packages of the standard library that cells cannot
// import, and why.
var Unavailable = map[string]string{
	"plugin":                 "it needs cgo and a dynamically linked kernel",
	"runtime/cgo":            "it needs cgo",
	"runtime/race":           "it is part of programs built with -race only",
	"net/http/pprof":         "it would register handlers for all cells by being linked in",
	"expvar":                 "it would register a handler for all cells by being linked in",
	"time/tzdata":            "it has no names to use; time zones come from the system",
	"crypto/mlkem/mlkemtest": "it is for tests of the standard library",
	"testing/cryptotest":     "it is for tests of the standard library",
}

//go:embed data
var data embed.FS

// Package is a line of the index: what is known about an importable package
// without decoding it.
type Package struct {
	Path     string `json:"path"` // as a cell writes it
	Name     string `json:"name"`
	Synopsis string `json:"synopsis,omitempty"`
}

// Index is the table of contents of the embedded data.
type Index struct {
	GoVersion string    `json:"go"`       // of the toolchain that made the data, "go1.26.8"
	Platform  string    `json:"platform"` // "linux/amd64"
	Packages  []Package `json:"packages"` // sorted by Path
}

// Contents returns the index. The result is shared: don't change it.
var Contents = sync.OnceValue(func() Index {
	var ix Index
	b, err := data.ReadFile("data/index.json")
	if err == nil {
		err = json.Unmarshal(b, &ix)
	}
	if err != nil {
		panic(fmt.Sprintf("exportdata: embedded index: %v", err)) // a broken build
	}
	return ix
})

// Preference orders the packages of a name that several have: what a cell means
// that names one of them, without importing it, and uses nothing of it that tells.
// A name that is not in it is ambiguous. A notebook shows text, so its templates
// are text; random numbers are those of Go 1.22, and what those lack is the secure
// variant's before it is that of the generator with a global seed.
var Preference = map[string][]string{
	"rand":     {"math/rand/v2", "crypto/rand", "math/rand"},
	"runtime":  {"runtime", "braid/runtime"},
	"template": {"text/template", "html/template"},
}

// byName finds packages by the name in their package clause.
var byName = sync.OnceValue(func() map[string][]Package {
	m := map[string][]Package{}
	for _, p := range Contents().Packages {
		m[p.Name] = append(m[p.Name], p)
	}
	for name, l := range m {
		order := Preference[name]
		slices.SortStableFunc(l, func(a, b Package) int {
			if d := slices.Index(order, a.Path) - slices.Index(order, b.Path); d != 0 {
				return d
			}
			return len(a.Path) - len(b.Path)
		})
	}
	return m
})

// Named returns the importable packages with that name, most likely first: in the
// order of Preference, else the shortest path. The result is shared: don't change it.
func Named(name string) []Package { return byName()[name] }

// Find returns the index line of an import path.
func Find(importPath string) (Package, bool) {
	l := Contents().Packages
	i, ok := slices.BinarySearchFunc(l, importPath, func(p Package, path string) int {
		switch {
		case p.Path < path:
			return -1
		case p.Path > path:
			return 1
		}
		return 0
	})
	if !ok {
		return Package{}, false
	}
	return l[i], true
}

// UnknownPackage is the error for an import path that nothing is known about.
type UnknownPackage struct{ Path string }

func (e *UnknownPackage) Error() string {
	if why, ok := Unavailable[e.Path]; ok {
		return fmt.Sprintf("package %s cannot be imported in a cell: %s", e.Path, why)
	}
	return fmt.Sprintf("package %s is not in std", e.Path)
}

// Importer is a types.Importer over the embedded data. It is safe for
// concurrent use. A package is decoded when it is first imported: 0.1 ms for a
// small one, 2 ms for net/http.
type Importer struct {
	fset *token.FileSet

	mu   sync.Mutex
	pkgs map[string]*types.Package // by real path; those not Complete are known through others only
}

// NewImporter returns an Importer. The FileSet is the one that is used to check
// against its packages.
func NewImporter(fset *token.FileSet) *Importer {
	return &Importer{fset: fset, pkgs: map[string]*types.Package{"unsafe": types.Unsafe}}
}

// Import returns the package that a cell means by importPath, always the same
// one. The package of a path in Extra has the real path. The error is an
// *UnknownPackage if there is no such package.
func (im *Importer) Import(importPath string) (*types.Package, error) {
	if importPath == "unsafe" {
		return types.Unsafe, nil
	}
	real := importPath
	if r, ok := Extra[importPath]; ok {
		real = r
	}
	im.mu.Lock()
	defer im.mu.Unlock()
	if p := im.pkgs[real]; p != nil && p.Complete() {
		return p, nil
	}
	b, err := read(importPath, ".types")
	if err != nil {
		return nil, err
	}
	p, err := gcexportdata.Read(bytes.NewReader(b), im.fset, im.pkgs, real)
	if err != nil {
		return nil, fmt.Errorf("export data of %s: %w", importPath, err)
	}
	return p, nil
}

// read returns the decompressed file of a package.
func read(importPath, suffix string) ([]byte, error) {
	if _, ok := Find(importPath); !ok && importPath != "builtin" {
		return nil, &UnknownPackage{importPath}
	}
	f, err := data.Open(path.Join("data", importPath+suffix))
	if err != nil {
		return nil, fmt.Errorf("export data of %s: %w", importPath, err)
	}
	defer f.Close()
	b, err := io.ReadAll(flate.NewReader(f))
	if err != nil {
		return nil, fmt.Errorf("export data of %s: %w", importPath, err)
	}
	return b, nil
}

// Docs are the doc comments of a package: by "Name" for package-level symbols,
// "Type.Name" for methods and fields, "" for the package itself. The comments of
// predeclared names are those of the package "builtin".
type Docs map[string]string

var docs sync.Map // import path → Docs

// DocsOf returns the doc comments of a package, decoded once; nil if there are none.
// The result is shared: don't change it.
func DocsOf(importPath string) Docs {
	if d, ok := docs.Load(importPath); ok {
		return d.(Docs)
	}
	var d Docs
	if b, err := read(importPath, ".docs"); err == nil {
		if json.Unmarshal(b, &d) != nil {
			d = nil
		}
	}
	v, _ := docs.LoadOrStore(importPath, d)
	return v.(Docs)
}

// ImportPath returns the path under which cells import the package with a real
// path: the inverse of Extra, or the path itself.
func ImportPath(real string) string {
	if p, ok := cellPath()[real]; ok {
		return p
	}
	return real
}

var cellPath = sync.OnceValue(func() map[string]string {
	m := map[string]string{}
	for p, real := range Extra {
		m[real] = p
	}
	return m
})
