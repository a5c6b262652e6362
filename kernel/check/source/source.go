// Package source type-checks packages of third-party modules from their Go
// files, for the checker in the kernel process, which needs their declarations
// only, and for the engine in the worker, which needs all. Which files those are
// was found out by package modules; this one runs no commands.
//
// It promises that both processes see the same types, that a package is checked
// once in a session, and that one that does not check is refused whole, with the
// compiler's words and the file's place in the module.
package source

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"braid/kernel/check"
	"braid/kernel/eval"
)

// Importer is a types.Importer for packages of modules, and for all that another
// importer knows. It is safe for concurrent use.
//
// Cost: some 10 ms for 10,000 lines without function bodies, three times as
// much with them.
type Importer struct {
	fset   *token.FileSet
	std    types.Importer
	bodies bool

	mu     sync.Mutex
	strict bool // check all bodies, but do not keep them
	known  map[string]*eval.Package
	failed map[string]error // why a package cannot be had
	loaded map[string]*Package
	fresh  []*Package // not yet taken, each behind what it imports
}

// Package is a package that was checked.
type Package struct {
	*eval.Package
	Types *types.Package
	// Syntax and Info are those of the whole package, nil without bodies.
	Syntax []*ast.File
	Info   *types.Info
}

// NewImporter returns an Importer that knows what std does. Function bodies are
// checked, and kept with the syntax, only if bodies is true.
func NewImporter(fset *token.FileSet, std types.Importer, bodies bool) *Importer {
	return &Importer{
		fset: fset, std: std, bodies: bodies,
		known: map[string]*eval.Package{}, failed: map[string]error{}, loaded: map[string]*Package{},
	}
}

// Add makes packages importable. One that is known already stays as it was.
func (im *Importer) Add(ps ...*eval.Package) {
	im.mu.Lock()
	defer im.mu.Unlock()
	for _, p := range ps {
		if im.known[p.Path] == nil {
			im.known[p.Path] = p
		}
		delete(im.failed, p.Path)
	}
}

// Strict makes the Importer check function bodies too, when there is no engine that
// would: packages on this machine, which have no version, always are.
func (im *Importer) Strict() {
	im.mu.Lock()
	defer im.mu.Unlock()
	im.strict = true
}

// Fail makes the import of a path fail with err, until Add.
func (im *Importer) Fail(path string, err error) {
	im.mu.Lock()
	defer im.mu.Unlock()
	im.failed[path] = err
	delete(im.loaded, path)
}

// Known returns the package of a path, nil if Add was not told of it.
func (im *Importer) Known(path string) *eval.Package {
	im.mu.Lock()
	defer im.mu.Unlock()
	return im.known[path]
}

// Loaded tells whether the package of a path was imported.
func (im *Importer) Loaded(path string) bool {
	im.mu.Lock()
	defer im.mu.Unlock()
	return im.loaded[path] != nil
}

// All returns all packages that Add was told of, sorted by path.
func (im *Importer) All() []*eval.Package {
	im.mu.Lock()
	defer im.mu.Unlock()
	var l []*eval.Package
	for _, p := range im.known {
		l = append(l, p)
	}
	slices.SortFunc(l, func(a, b *eval.Package) int { return strings.Compare(a.Path, b.Path) })
	return l
}

// Closure returns the known packages among paths and all that they import, each
// behind those.
func (im *Importer) Closure(paths ...string) []*eval.Package {
	im.mu.Lock()
	defer im.mu.Unlock()
	var l []*eval.Package
	seen := map[string]bool{}
	var visit func(path string)
	visit = func(path string) {
		p := im.known[path]
		if p == nil || seen[path] {
			return
		}
		seen[path] = true
		for _, q := range p.Imports {
			visit(q)
		}
		l = append(l, p)
	}
	for _, path := range paths {
		visit(path)
	}
	return l
}

// TakeFresh returns the packages that were checked since it was last called,
// each behind those that it imports.
func (im *Importer) TakeFresh() []*Package {
	im.mu.Lock()
	defer im.mu.Unlock()
	l := im.fresh
	im.fresh = nil
	return l
}

// Import implements types.Importer.
func (im *Importer) Import(path string) (*types.Package, error) {
	im.mu.Lock()
	defer im.mu.Unlock()
	return im.load(path, nil)
}

// load imports path for the packages in chain, the last of which names it. im.mu
// is held.
func (im *Importer) load(path string, chain []string) (*types.Package, error) {
	if p := im.loaded[path]; p != nil {
		return p.Types, nil
	}
	if err := im.failed[path]; err != nil {
		return nil, err
	}
	p := im.known[path]
	if p == nil {
		return im.std.Import(path)
	}
	if slices.Contains(chain, path) {
		return nil, fmt.Errorf("import cycle: %s", strings.Join(append(chain, path), " imports "))
	}
	checked, err := im.check(p, append(slices.Clip(chain), path))
	if err != nil {
		im.failed[path] = err
		return nil, err
	}
	im.loaded[path] = checked
	if im.bodies {
		im.fresh = append(im.fresh, checked)
	}
	return checked.Types, nil
}

// importerFor imports for one package.
type importerFor struct {
	im    *Importer
	chain []string
}

func (f importerFor) Import(path string) (*types.Package, error) { return f.im.load(path, f.chain) }

var sizes = types.SizesFor("gc", runtime.GOARCH)

func (im *Importer) check(p *eval.Package, chain []string) (*Package, error) {
	files, err := im.parse(p)
	if err != nil {
		return nil, err
	}
	var problems []error
	conf := types.Config{
		Importer:         importerFor{im, chain},
		Sizes:            sizes,
		GoVersion:        goVersion(p),
		IgnoreFuncBodies: !im.bodies && !im.strict && p.Version != "",
		Error:            func(err error) { problems = append(problems, err) },
	}
	c := &Package{Package: p}
	info := &types.Info{FileVersions: map[*ast.File]string{}}
	if im.bodies {
		info = NewInfo()
		c.Syntax, c.Info = files, info
	}
	c.Types, err = conf.Check(p.Path, im.fset, files, info)
	problems = slices.DeleteFunc(problems, isSoft)
	if len(problems) > 0 {
		return nil, im.refusal(p, problems[0])
	}
	if err != nil && !isSoft(err) {
		return nil, im.refusal(p, err)
	}
	return c, nil
}

func goVersion(p *eval.Package) string {
	if p.GoVersion == "" {
		return ""
	}
	return "go" + p.GoVersion
}

// isSoft tells of errors that do not keep code from being compiled by gc's rules
// for dependencies, such as unused variables.
func isSoft(err error) bool {
	e, ok := errors.AsType[types.Error](err)
	return ok && e.Soft
}

// NewInfo is empty, with all that an engine asks of a package's syntax.
func NewInfo() *types.Info {
	return &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
		Implicits: map[ast.Node]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{}, Scopes: map[ast.Node]*types.Scope{},
		Instances: map[*ast.Ident]types.Instance{}, FileVersions: map[*ast.File]string{},
	}
}

// parse reads the files. Comments are kept only where they say more than doc:
// in files with directives of the compiler.
func (im *Importer) parse(p *eval.Package) ([]*ast.File, error) {
	var files []*ast.File
	for _, name := range p.Files {
		src, err := os.ReadFile(filepath.Join(p.Dir, name))
		if err != nil {
			return nil, fmt.Errorf("package %s: %w", p.Path, err)
		}
		mode := parser.SkipObjectResolution
		if im.bodies && Directives(src) {
			mode |= parser.ParseComments
		}
		f, err := parser.ParseFile(im.fset, FileName(p, name), src, mode)
		if err != nil {
			return nil, fmt.Errorf("package %s: %w", p.Path, err)
		}
		files = append(files, f)
	}
	return files, nil
}

// Directives tells whether src may hold a go:linkname or go:embed line.
func Directives(src []byte) bool {
	s := string(src)
	return strings.Contains(s, "//go:linkname ") || strings.Contains(s, "//go:embed ")
}

// FileName is the name of a file of p in positions:
// "github.com/google/uuid@v1.6.0/uuid.go".
func FileName(p *eval.Package, name string) string {
	inModule := strings.TrimPrefix(p.Path, p.Module)
	if p.Version == "" || p.Module == "" || inModule != "" && inModule[0] != '/' {
		return p.Path + "/" + name
	}
	return p.Module + "@" + p.Version + inModule + "/" + name
}

// Docs returns the doc comments of a package by "Name", "Type.Method" and
// "Type.Field", that of the package itself by ""; nil if it is not known. It reads
// the files, some 1 ms for 1,000 lines.
func (im *Importer) Docs(path string) map[string]string {
	p := im.Known(path)
	if p == nil {
		return nil
	}
	docs := map[string]string{}
	fset := token.NewFileSet()
	for _, name := range p.Files {
		f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			continue
		}
		if text := f.Doc.Text(); text != "" {
			docs[""] = text
		}
		for _, d := range f.Decls {
			addDocs(docs, d)
		}
	}
	return docs
}

func addDocs(docs map[string]string, d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		name := d.Name.Name
		if t := check.ReceiverName(d); t != "" {
			name = t + "." + name
		}
		docs[name] = d.Doc.Text()
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.ValueSpec:
				for _, id := range s.Names {
					docs[id.Name] = firstText(s.Doc, d.Doc, s.Comment)
				}
			case *ast.TypeSpec:
				docs[s.Name.Name] = firstText(s.Doc, d.Doc, s.Comment)
				addMembers(docs, s)
			}
		}
	}
}

// addMembers adds the comments of fields and of interface methods.
func addMembers(docs map[string]string, s *ast.TypeSpec) {
	var fields *ast.FieldList
	switch t := s.Type.(type) {
	case *ast.StructType:
		fields = t.Fields
	case *ast.InterfaceType:
		fields = t.Methods
	default:
		return
	}
	for _, f := range fields.List {
		for _, id := range f.Names {
			docs[s.Name.Name+"."+id.Name] = firstText(f.Doc, f.Comment)
		}
	}
}

func firstText(groups ...*ast.CommentGroup) string {
	for _, g := range groups {
		if text := g.Text(); text != "" {
			return text
		}
	}
	return ""
}

// refusal says why a package cannot be used.
func (im *Importer) refusal(p *eval.Package, err error) error {
	if e, ok := errors.AsType[types.Error](err); ok {
		pos := im.fset.Position(e.Pos)
		if imported, why, ok := strings.Cut(e.Msg, " ("); ok && strings.HasPrefix(imported, "could not import ") {
			return fmt.Errorf("package %s cannot be used in a cell: it imports %s, and %s", p.Path, strings.TrimPrefix(imported, "could not import "), strings.TrimSuffix(why, ")"))
		}
		return fmt.Errorf("package %s cannot be used in a cell: %s: %s", p.Path, pos, e.Msg)
	}
	return fmt.Errorf("package %s cannot be used in a cell: %w", p.Path, err)
}
