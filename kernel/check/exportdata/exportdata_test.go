package exportdata_test

import (
	"errors"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"sync"
	"testing"

	"braid/kernel/check/exportdata"
)

func TestEveryPackageDecodes(t *testing.T) {
	im := exportdata.NewImporter(token.NewFileSet())
	l := exportdata.Contents().Packages
	if len(l) < 150 {
		t.Fatalf("only %d packages in the index", len(l))
	}
	for _, p := range l {
		pkg, err := im.Import(p.Path)
		if err != nil {
			t.Errorf("%s: %v", p.Path, err)
			continue
		}
		if !pkg.Complete() || pkg.Name() != p.Name {
			t.Errorf("%s: decoded as %v, complete %v", p.Path, pkg, pkg.Complete())
		}
		if again, err := im.Import(p.Path); again != pkg || err != nil {
			t.Errorf("%s: a second import gives another package, %v", p.Path, err)
		}
	}
}

// Types that two packages share must be one type, in whatever order and from
// however many goroutines they are imported.
func TestIdentityAcrossPackages(t *testing.T) {
	im := exportdata.NewImporter(token.NewFileSet())
	var wg sync.WaitGroup
	for _, path := range []string{"net/http", "io", "bufio", "context", "time", "net", "os"} {
		wg.Go(func() {
			if _, err := im.Import(path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	http, _ := im.Import("net/http")
	ctx, _ := im.Import("context")
	newRequest := http.Scope().Lookup("NewRequestWithContext").Type().(*types.Signature)
	if got, want := newRequest.Params().At(0).Type(), ctx.Scope().Lookup("Context").Type(); !types.Identical(got, want) {
		t.Errorf("%v and %v differ", got, want)
	}
	if name := newRequest.Params().At(1).Name(); name != "method" {
		t.Errorf("parameter name %q is lost", name)
	}
}

func TestUnknownPackages(t *testing.T) {
	im := exportdata.NewImporter(token.NewFileSet())
	for path, want := range map[string]string{
		"github.com/x/y":    "is not in std",
		"":                  "is not in std",
		"../data/index":     "is not in std",
		"plugin":            "cgo",
		"internal/abi":      "is not in std",
		"braid/nonexistent": "is not in std",
	} {
		_, err := im.Import(path)
		var unknown *exportdata.UnknownPackage
		if !errors.As(err, &unknown) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", path, err, want)
		}
	}
}

func TestExtraPackagesHaveTheirRealPath(t *testing.T) {
	im := exportdata.NewImporter(token.NewFileSet())
	p, err := im.Import("braid/display")
	if err != nil {
		t.Fatal(err)
	}
	if p.Path() != "braid/kernel/display" || exportdata.ImportPath(p.Path()) != "braid/display" {
		t.Errorf("path %s, imported as %s", p.Path(), exportdata.ImportPath(p.Path()))
	}
}

func TestDocs(t *testing.T) {
	for _, c := range []struct{ path, symbol, want string }{
		{"fmt", "", "implements formatted I/O"},
		{"fmt", "Println", "Spaces are always added between operands"},
		{"strings", "Builder.WriteString", "appends the contents of s"},
		{"net/http", "Server.Addr", "TCP address"},
		{"io", "Reader.Read", ""},
		{"io", "EOF", "end of input"},
		{"math", "Pi", "A000796"},
		{"time", "Second", "Common durations"},
	} {
		if got := exportdata.DocsOf(c.path)[c.symbol]; !strings.Contains(got, c.want) {
			t.Errorf("%s.%s: %q, want %q", c.path, c.symbol, got, c.want)
		}
	}
	if d := exportdata.DocsOf("no/such"); d != nil {
		t.Errorf("docs of an unknown package: %v", d)
	}
}

func TestNamed(t *testing.T) {
	for name, order := range exportdata.Preference {
		var paths []string
		for _, p := range exportdata.Named(name) {
			paths = append(paths, p.Path)
		}
		if !slices.Equal(paths, order) {
			t.Errorf("packages named %s: %v, want %v", name, paths, order)
		}
	}
	if l := exportdata.Named("scanner"); len(l) != 2 || l[0].Path != "go/scanner" {
		t.Errorf("packages named scanner: %v", l)
	}
}

func BenchmarkImport(b *testing.B) {
	for _, path := range []string{"fmt", "strings", "net/http"} {
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				if _, err := exportdata.NewImporter(token.NewFileSet()).Import(path); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
