package vm

import (
	"embed"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/tools/go/ssa"
)

// embed gives the variables of mod with go:embed lines their files.
func (m *machine) embed(mod *module) {
	for _, f := range mod.src.Syntax {
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR {
				m.embedDecl(mod, g)
			}
		}
	}
}

func (m *machine) embedDecl(mod *module, g *ast.GenDecl) {
	for _, spec := range g.Specs {
		v := spec.(*ast.ValueSpec)
		doc := v.Doc
		if doc == nil && !g.Lparen.IsValid() {
			doc = g.Doc
		}
		patterns := embedPatterns(doc)
		if len(patterns) == 0 || len(v.Names) != 1 {
			continue
		}
		obj, _ := mod.src.Info.Defs[v.Names[0]].(*types.Var)
		sg := mod.ssa.Var(v.Names[0].Name)
		if obj == nil || sg == nil {
			continue
		}
		m.embedVar(mod, sg, patterns)
	}
}

// embedPatterns reads the go:embed lines of a comment.
func embedPatterns(doc *ast.CommentGroup) (l []string) {
	if doc == nil {
		return nil
	}
	for _, c := range doc.List {
		rest, ok := strings.CutPrefix(c.Text, "//go:embed")
		if !ok {
			continue
		}
		for rest = strings.TrimSpace(rest); rest != ""; rest = strings.TrimSpace(rest) {
			word := rest
			if q, err := strconv.QuotedPrefix(rest); err == nil {
				rest = rest[len(q):]
				word, _ = strconv.Unquote(q)
			} else {
				word, rest, _ = strings.Cut(rest, " ")
			}
			l = append(l, word)
		}
	}
	return l
}

// embedVar sets a variable of type string, []byte or embed.FS.
func (m *machine) embedVar(mod *module, g *ssa.Global, patterns []string) {
	v := reflect.NewAt(m.typ(elemOf(g.Type())), m.globalAddr(g)).Elem()
	files := embeddedFiles(mod.src.Embeds, patterns)
	data := make(map[string][]byte, len(files))
	for _, name := range files {
		b, err := os.ReadFile(filepath.Join(mod.src.Dir, filepath.FromSlash(name)))
		if err != nil {
			panic(fmt.Errorf("go:embed %s: %w", strings.Join(patterns, " "), err))
		}
		data[name] = b
	}
	switch {
	case v.Type() == reflect.TypeFor[embed.FS]():
		setEmbedFS(v, files, data)
	case len(files) == 1 && v.Kind() == reflect.String:
		v.SetString(string(data[files[0]]))
	case len(files) == 1 && v.Kind() == reflect.Slice:
		v.Set(reflect.ValueOf(data[files[0]]).Convert(v.Type()))
	}
}

// embeddedFiles are those of the package's embedded files that patterns name, by
// the rules of package embed.
func embeddedFiles(all, patterns []string) (l []string) {
	matches := func(file string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { return embedMatch(p, file) })
	}
	for _, file := range all {
		if matches(file) {
			l = append(l, file)
		}
	}
	return l
}

// embedMatch tells whether a pattern names a file, or a folder above it; in a
// folder, names that begin with . or _ need the prefix all:.
func embedMatch(pattern, file string) bool {
	pattern, hidden := strings.CutPrefix(pattern, "all:")
	pattern = path.Clean(pattern)
	if ok, _ := path.Match(pattern, file); ok {
		return true
	}
	for dir := path.Dir(file); ; dir = path.Dir(dir) {
		if ok, _ := path.Match(pattern, dir); ok {
			rest := strings.TrimPrefix(file, dir+"/")
			return hidden || !slices.ContainsFunc(strings.Split(rest, "/"), func(s string) bool { return s[0] == '.' || s[0] == '_' })
		}
		if dir == "." {
			return false
		}
	}
}

// embedFile mirrors file of package embed (go1.26), and embedFS its FS.
type embedFile struct {
	name, data string
	hash       [16]byte
}

type embedFS struct{ files *[]embedFile }

// setEmbedFS makes v, an embed.FS, hold files and the folders above them, sorted
// by folder and name as package embed wants them.
func setEmbedFS(v reflect.Value, files []string, data map[string][]byte) {
	var l []embedFile
	seen := map[string]bool{}
	for _, name := range files {
		l = append(l, embedFile{name: name, data: string(data[name])})
		for dir := path.Dir(name); dir != "." && !seen[dir]; dir = path.Dir(dir) {
			seen[dir] = true
			l = append(l, embedFile{name: dir + "/"})
		}
	}
	slices.SortFunc(l, func(a, b embedFile) int {
		x, y := strings.TrimSuffix(a.name, "/"), strings.TrimSuffix(b.name, "/")
		if c := strings.Compare(path.Dir(x), path.Dir(y)); c != 0 {
			return c
		}
		return strings.Compare(path.Base(x), path.Base(y))
	})
	(*embedFS)(v.Addr().UnsafePointer()).files = &l
}

// The mirrors must have the layout of what they mirror.
var _ = [1]struct{}{}[unsafe.Sizeof(embedFS{})-unsafe.Sizeof(embed.FS{})]
