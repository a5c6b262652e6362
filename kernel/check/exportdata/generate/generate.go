package main

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"braid/kernel/check/exportdata"

	"golang.org/x/tools/go/gcexportdata"
)

// listed is what the go command says about a package.
type listed struct {
	ImportPath, Name, Dir, Export string
	GoFiles                       []string
	Standard                      bool
	Error                         *struct{ Err string }
}

// generate makes all files of the data folder, and notes about what is missing.
func generate() (files map[string][]byte, notes []string, err error) {
	std, err := list("std")
	if err != nil {
		return nil, nil, err
	}
	public := map[string]listed{} // by the path that cells write
	for _, p := range std {
		if importable(p.ImportPath) {
			public[p.ImportPath] = p
		}
	}
	for _, path := range slices.Sorted(maps.Keys(exportdata.Extra)) {
		l, err := list(exportdata.Extra[path])
		if err != nil {
			notes = append(notes, fmt.Sprintf("%s is left out: %v", path, err))
			continue
		}
		public[path] = l[0]
	}
	index := exportdata.Index{GoVersion: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	files = map[string][]byte{}
	fset := token.NewFileSet()
	imports := map[string]*types.Package{}
	for _, path := range slices.Sorted(maps.Keys(public)) {
		p := public[path]
		docs, err := docsOf(p)
		if err != nil {
			return nil, notes, fmt.Errorf("%s: %w", path, err)
		}
		index.Packages = append(index.Packages, exportdata.Package{
			Path: path, Name: p.Name, Synopsis: new(doc.Package).Synopsis(docs[""]),
		})
		if files[path+".docs"], err = compressJSON(docs); err != nil {
			return nil, notes, fmt.Errorf("%s: %w", path, err)
		}
		if path == "unsafe" {
			continue // types.Unsafe
		}
		if files[path+".types"], err = exportOf(p, fset, imports); err != nil {
			return nil, notes, fmt.Errorf("%s: %w", path, err)
		}
	}
	if err := builtins(files); err != nil {
		return nil, notes, err
	}
	files["index.json"], err = json.MarshalIndent(index, "", "\t")
	return files, notes, err
}

// builtins adds the comments of the predeclared names, which the pseudo-package
// builtin holds.
func builtins(files map[string][]byte) error {
	l, err := list("builtin")
	if err != nil {
		return err
	}
	docs, err := docsOf(l[0])
	if err != nil {
		return err
	}
	files["builtin.docs"], err = compressJSON(docs)
	return err
}

// importable tells whether users may import a package of the standard library.
func importable(path string) bool {
	if _, ok := exportdata.Unavailable[path]; ok || path == "builtin" {
		return false
	}
	parts := strings.Split(path, "/")
	return parts[0] != "cmd" && parts[0] != "vendor" && !slices.Contains(parts, "internal")
}

// list asks the go command about packages and has their export data built.
// Cgo is off so that the answer doesn't depend on the machine's C compiler.
func list(patterns ...string) ([]listed, error) {
	args := append([]string{"list", "-export", "-json=ImportPath,Name,Dir,Export,GoFiles,Standard,Error"}, patterns...)
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		text, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n")
		return nil, fmt.Errorf("go list: %s (%w)", text, err)
	}
	var l []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return l, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		if p.Error != nil {
			return nil, errors.New(p.Error.Err)
		}
		l = append(l, p)
	}
}

// exportOf returns the types of a package in the indexed form, compressed. The
// compiler's own export data also carries function bodies for inlining, and is
// four times as large.
func exportOf(p listed, fset *token.FileSet, imports map[string]*types.Package) ([]byte, error) {
	f, err := os.Open(p.Export)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := gcexportdata.NewReader(bufio.NewReader(f))
	if err != nil {
		return nil, err
	}
	pkg, err := gcexportdata.Read(r, fset, imports, p.ImportPath)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	// Without a FileSet no positions are written: they would name the files
	// of the machine that made the data.
	if err := gcexportdata.Write(&b, nil, pkg); err != nil {
		return nil, err
	}
	return compress(b.Bytes())
}

func compress(b []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func compressJSON(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return compress(b)
}

// docsOf collects the doc comments of the exported symbols of a package.
func docsOf(p listed) (exportdata.Docs, error) {
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	// PreserveAST: fields are read from the same trees.
	mode := doc.PreserveAST
	if p.ImportPath == "builtin" {
		mode |= doc.AllDecls
	}
	pkg, err := doc.NewFromFiles(fset, files, p.ImportPath, mode)
	if err != nil {
		return nil, err
	}
	d := exportdata.Docs{}
	add := func(name, text string) {
		if text = strings.TrimSpace(text); text != "" {
			d[name] = text
		}
	}
	add("", pkg.Doc)
	values(add, pkg.Consts)
	values(add, pkg.Vars)
	funcs(add, "", pkg.Funcs)
	for _, t := range pkg.Types {
		add(t.Name, t.Doc)
		values(add, t.Consts)
		values(add, t.Vars)
		funcs(add, "", t.Funcs)
		funcs(add, t.Name+".", t.Methods)
		fields(add, t)
	}
	return d, nil
}

func funcs(add func(name, text string), prefix string, l []*doc.Func) {
	for _, f := range l {
		add(prefix+f.Name, f.Doc)
	}
}

// values takes the comment that is nearest to each name: at the end of its
// line, above it, or above its group.
func values(add func(name, text string), l []*doc.Value) {
	for _, v := range l {
		for _, spec := range v.Decl.Specs {
			s, ok := spec.(*ast.ValueSpec)
			if !ok {
				continue
			}
			text := v.Doc
			if s.Doc.Text() != "" {
				text = s.Doc.Text()
			} else if s.Comment.Text() != "" {
				text = s.Comment.Text()
			}
			for _, n := range s.Names {
				add(n.Name, text)
			}
		}
	}
}

// fields takes the comments of struct fields and interface methods.
func fields(add func(name, text string), t *doc.Type) {
	for _, spec := range t.Decl.Specs {
		s, ok := spec.(*ast.TypeSpec)
		if !ok || s.Name.Name != t.Name {
			continue
		}
		var list *ast.FieldList
		switch x := s.Type.(type) {
		case *ast.StructType:
			list = x.Fields
		case *ast.InterfaceType:
			list = x.Methods
		default:
			continue
		}
		for _, f := range list.List {
			text := f.Doc.Text()
			if text == "" {
				text = f.Comment.Text()
			}
			for _, n := range f.Names {
				if n.IsExported() {
					add(t.Name+"."+n.Name, text)
				}
			}
		}
	}
}
