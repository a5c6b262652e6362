package assist

import (
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/token"
	"go/types"
	"html"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"braid/kernel/check"
	"braid/kernel/check/exportdata"
	"braid/kernel/eval"
)

// Inspect describes the name at the cursor, or that ends there; between the
// parentheses of a call, if no name is there, the function that is called.
// Detail 0 gives the signature and the comment, 1 also the source of what a
// cell declared, and the methods of a type.
func Inspect(s *check.State, code string, cursor, detail int) Inspection {
	off := offset(code, cursor)
	code = withoutMagic(code, off)
	var in Inspection
	try := func(text string) bool {
		return examine(s, text, func(x *check.Examined) {
			q := &query{state: s, x: x}
			if e := q.at(text, off); e != nil {
				in = q.render(e, detail)
			}
		})
	}
	if try(code) || in.Found {
		return in
	}
	// Cut off behind the name at the cursor, and closed.
	end := off
	for end < len(code) {
		r, n := utf8.DecodeRuneInString(code[end:])
		if !isNameRune(r) {
			break
		}
		end += n
	}
	sp := look(code[:end])
	try(sp.cut(code, end))
	return in
}

func isNameRune(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// entity is something that can be described.
type entity struct {
	obj  types.Object
	sel  *types.Selection // how a field or method was reached
	pkg  *types.Package   // a package itself
	word string           // a keyword
}

// at finds what stands at an offset of the code.
func (q *query) at(code string, off int) *entity {
	from, to := off, off
	for from > 0 {
		r, n := utf8.DecodeLastRuneInString(code[:from])
		if !isNameRune(r) {
			break
		}
		from -= n
	}
	for to < len(code) {
		r, n := utf8.DecodeRuneInString(code[to:])
		if !isNameRune(r) {
			break
		}
		to += n
	}
	base := q.x.Cell.File.Base()
	q.pos, q.name = token.Pos(base+from), code[from:to]
	nodes := path(q.x.Cell, q.pos)
	if q.name != "" && !look(code[:from]).inText {
		if e := q.named(nodes); e != nil {
			return e
		}
		if token.IsKeyword(q.name) {
			return &entity{word: q.name}
		}
	}
	return q.called(path(q.x.Cell, token.Pos(base+off)), token.Pos(base+off))
}

// named returns what the name at q.pos means.
func (q *query) named(nodes []ast.Node) *entity {
	if sel := selector(nodes, q.pos); sel != nil {
		return q.selected(sel)
	}
	for i := len(nodes) - 1; i >= 0; i-- {
		if id, ok := nodes[i].(*ast.Ident); ok && id.Pos() == q.pos {
			return q.entityOf(q.object(id), id.Name)
		}
	}
	// In an import declaration, or in code that could not be parsed.
	return q.entityOf(q.x.Lookup(q.name, q.pos), q.name)
}

func (q *query) entityOf(obj types.Object, name string) *entity {
	switch obj := obj.(type) {
	case nil:
		if pkg := q.unimported(name); pkg != nil {
			return &entity{pkg: pkg}
		}
		return nil
	case *types.PkgName:
		return &entity{pkg: obj.Imported()}
	}
	return &entity{obj: obj}
}

func (q *query) selected(sel *ast.SelectorExpr) *entity {
	if pkg := q.packageOf(sel.X); pkg != nil {
		if obj := pkg.Scope().Lookup(sel.Sel.Name); obj != nil && obj.Exported() {
			return &entity{obj: obj}
		}
		return nil
	}
	if s := q.x.Info.Selections[sel]; s != nil {
		return &entity{obj: s.Obj(), sel: s}
	}
	if obj := q.x.Info.Uses[sel.Sel]; obj != nil {
		return &entity{obj: obj}
	}
	return nil
}

// called returns the function of the innermost call whose parentheses are around pos.
func (q *query) called(nodes []ast.Node, pos token.Pos) *entity {
	for i := len(nodes) - 1; i >= 0; i-- {
		call, ok := nodes[i].(*ast.CallExpr)
		if !ok || pos <= call.Lparen || call.Rparen.IsValid() && pos > call.Rparen {
			continue
		}
		fun := ast.Unparen(call.Fun)
		if ix, ok := fun.(*ast.IndexExpr); ok {
			fun = ix.X
		}
		switch f := fun.(type) {
		case *ast.SelectorExpr:
			return q.selected(f)
		case *ast.Ident:
			return q.entityOf(q.object(f), f.Name)
		}
		return nil
	}
	return nil
}

// page is a description in the making.
type page struct {
	code string // Go
	doc  string // a doc comment
	more string // Go: source, or methods
	note string
}

func (q *query) render(e *entity, detail int) Inspection {
	var p page
	switch {
	case e.word != "":
		p = page{code: e.word, doc: keywords[e.word]}
	case e.pkg != nil:
		path := exportdata.ImportPath(e.pkg.Path())
		p = page{code: fmt.Sprintf("package %s // import %q", e.pkg.Name(), path), doc: q.docsOf(path)[""]}
	default:
		p = q.describe(e, detail)
	}
	if p.code == "" {
		return Inspection{}
	}
	if detail == 0 {
		p.doc = firstParagraphs(p.doc, 6)
	}
	return p.inspection()
}

// firstParagraphs cuts a long comment; detail 1 has all of it.
func firstParagraphs(doc string, n int) string {
	l := strings.SplitN(doc, "\n\n", n+1)
	if len(l) <= n {
		return doc
	}
	return strings.Join(l[:n], "\n\n") + "\n\n…"
}

func (q *query) describe(e *entity, detail int) page {
	obj := e.obj
	p := page{code: signature(obj)}
	d := q.state.Declaration(obj)
	switch {
	case d != nil:
		p.doc = d.Doc.Text()
		p.note = fmt.Sprintf("declared in %s", q.state.FileSet().Position(d.Obj.Pos()))
		if detail > 0 {
			p.more = source(d)
		}
	case obj.Pkg() == nil:
		p.doc = exportdata.DocsOf("builtin")[obj.Name()]
		if p.doc == "" && e.sel != nil && obj.Name() == "Error" {
			p.doc = exportdata.DocsOf("builtin")["error"]
		}
	case obj.Pkg().Path() != check.Path:
		p.doc = q.packageDoc(e)
		if detail > 0 {
			p.note = aboutPackage(obj)
		}
	default:
		p.doc = q.ownDoc(obj)
	}
	if t, ok := obj.(*types.TypeName); ok {
		p.more += methods(t, detail, d == nil)
	}
	return p
}

// aboutPackage says which package something comes from, what that is for, and
// where its documentation is.
func aboutPackage(obj types.Object) string {
	path := exportdata.ImportPath(obj.Pkg().Path())
	text := "declared in package " + strconv.Quote(path)
	info, known := exportdata.Find(path)
	if known && info.Synopsis != "" {
		text += ": " + info.Synopsis
	}
	if _, own := strings.CutPrefix(path, "braid/"); own {
		return text
	}
	name := obj.Name()
	if fn, ok := obj.(*types.Func); ok && fn.Signature().Recv() != nil {
		name = ownerOf(fn.Signature().Recv().Type()) + "." + name
	}
	return text + " See https://pkg.go.dev/" + path + "#" + name
}

// ownDoc returns the comment of something that is declared in the code itself,
// or is a field of a type that a cell declared.
func (q *query) ownDoc(obj types.Object) string {
	nodes := path(q.x.Cell, obj.Pos())
	for d := range q.state.Declarations() {
		if d.Kind == check.Type && d.Pos <= obj.Pos() && obj.Pos() < d.End {
			nodes = path(d.Cell, obj.Pos())
		}
	}
	for _, n := range nodes {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Name.Pos() == obj.Pos() {
				return n.Doc.Text()
			}
		case *ast.Field:
			if !slices.ContainsFunc(n.Names, func(id *ast.Ident) bool { return id.Pos() == obj.Pos() }) {
				continue
			}
			if n.Doc != nil {
				return n.Doc.Text()
			}
			return n.Comment.Text()
		}
	}
	return ""
}

// signature writes an object as Go declares it.
func signature(obj types.Object) string {
	switch o := obj.(type) {
	case *types.Builtin:
		if s, ok := builtins[o.Name()]; ok {
			return s
		}
		return "func " + o.Name()
	case *types.Nil:
		return "var nil"
	case *types.TypeName:
		return typeDecl(o)
	case *types.Const:
		s := types.ObjectString(o, qualify)
		if !strings.Contains(s, "=") {
			s += " = " + o.Val().String()
		}
		return s
	case *types.Var:
		if o.IsField() {
			return "field " + o.Name() + " " + typeString(o.Type())
		}
		return "var " + qualified(o) + " " + typeString(o.Type())
	case *types.Label:
		return "label " + o.Name()
	}
	return types.ObjectString(obj, qualify)
}

func qualified(obj types.Object) string {
	if obj.Pkg() == nil || obj.Pkg().Path() == check.Path || obj.Parent() != obj.Pkg().Scope() {
		return obj.Name()
	}
	return obj.Pkg().Name() + "." + obj.Name()
}

// typeDecl writes a type with the fields and methods that cells can use.
func typeDecl(o *types.TypeName) string {
	s := "type " + qualified(o)
	if o.IsAlias() {
		return s + " = " + typeString(types.Unalias(o.Type()))
	}
	if n, ok := o.Type().(*types.Named); ok && n.TypeParams().Len() > 0 {
		var l []string
		for p := range n.TypeParams().TypeParams() {
			l = append(l, p.Obj().Name()+" "+typeString(p.Constraint()))
		}
		s += "[" + strings.Join(l, ", ") + "]"
	}
	switch u := o.Type().Underlying().(type) {
	case *types.Struct:
		return s + " struct {\n" + structFields(u) + "}"
	case *types.Interface:
		return s + " " + interfaceBody(u)
	default:
		return s + " " + typeString(u)
	}
}

func structFields(u *types.Struct) string {
	var b strings.Builder
	hidden := false
	for v := range u.Fields() {
		switch {
		case !visible(v):
			hidden = true
		case v.Embedded():
			fmt.Fprintf(&b, "\t%s\n", typeString(v.Type()))
		default:
			fmt.Fprintf(&b, "\t%s %s\n", v.Name(), typeString(v.Type()))
		}
	}
	if hidden {
		b.WriteString("\t// unexported fields\n")
	}
	return b.String()
}

func interfaceBody(u *types.Interface) string {
	if u.NumMethods() == 0 {
		return typeString(u)
	}
	var b strings.Builder
	b.WriteString("interface {\n")
	for t := range u.EmbeddedTypes() {
		if !types.IsInterface(t) {
			fmt.Fprintf(&b, "\t%s\n", typeString(t))
		}
	}
	for m := range u.Methods() {
		if visible(m) {
			fmt.Fprintf(&b, "\t%s%s\n", m.Name(), strings.TrimPrefix(typeString(m.Type()), "func"))
		}
	}
	return b.String() + "}"
}

// methods lists the methods of a type.
func methods(t *types.TypeName, detail int, always bool) string {
	n, ok := t.Type().(*types.Named)
	if !ok || detail == 0 && !always || types.IsInterface(n) {
		return ""
	}
	var l []string
	for m := range n.Methods() {
		if visible(m) {
			l = append(l, types.ObjectString(m, qualify))
		}
	}
	slices.Sort(l)
	if len(l) > 20 && detail == 0 {
		l = append(l[:20], "// …")
	}
	if len(l) == 0 {
		return ""
	}
	return "\n" + strings.Join(l, "\n")
}

// source returns a declaration as the learner wrote it.
func source(d *check.Decl) string {
	base := d.Cell.File.Base()
	src := d.Cell.Source
	from, to := int(d.Pos)-base, int(d.End)-base
	if d.Node.Pos() < d.Pos || from < 0 || to > len(src) || from > to {
		return ""
	}
	return "\n" + src[from:to] + "\n"
}

// sources is what an importer of packages in source form can say of them.
type sources interface {
	Docs(path string) map[string]string
	All() []*eval.Package
}

// docsOf returns the doc comments of a package, as exportdata.Docs has them.
func (q *query) docsOf(path string) map[string]string {
	if docs := exportdata.DocsOf(path); docs != nil {
		return docs
	}
	if src, ok := q.state.Importer().(sources); ok {
		return src.Docs(path)
	}
	return nil
}

// packageDoc returns the comment of an object of an imported package.
func (q *query) packageDoc(e *entity) string {
	obj := e.obj
	docs := q.docsOf(exportdata.ImportPath(obj.Pkg().Path()))
	if e.sel == nil {
		if fn, ok := obj.(*types.Func); ok && fn.Signature().Recv() != nil {
			return docs[ownerOf(fn.Signature().Recv().Type())+"."+obj.Name()]
		}
		return docs[obj.Name()]
	}
	if fn, ok := obj.(*types.Func); ok {
		if text := docs[ownerOf(fn.Signature().Recv().Type())+"."+obj.Name()]; text != "" {
			return text
		}
	}
	// A field, or the method of an interface: look in the types on the way.
	t := e.sel.Recv()
	for _, i := range e.sel.Index() {
		if text := docs[ownerOf(t)+"."+obj.Name()]; text != "" {
			return text
		}
		if p, ok := t.Underlying().(*types.Pointer); ok {
			t = p.Elem()
		}
		st, ok := t.Underlying().(*types.Struct)
		if !ok || i >= st.NumFields() {
			break
		}
		t = st.Field(i).Type()
	}
	return ""
}

func ownerOf(t types.Type) string {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	if n, ok := types.Unalias(t).(*types.Named); ok {
		return n.Obj().Name()
	}
	return ""
}

func (p page) inspection() Inspection {
	var parser comment.Parser
	doc := parser.Parse(p.doc)
	var pr comment.Printer
	pr.DocLinkURL = func(l *comment.DocLink) string { return l.DefaultURL("https://pkg.go.dev") }
	pr.TextWidth = 80
	in := Inspection{Found: true}
	code := p.code
	var text, md, ht []string
	text = append(text, code)
	md = append(md, "```go\n"+code+"\n```")
	ht = append(ht, "<pre><code>"+html.EscapeString(code)+"</code></pre>")
	if p.doc != "" {
		text = append(text, strings.TrimRight(string(pr.Text(doc)), "\n"))
		md = append(md, strings.TrimRight(string(pr.Markdown(doc)), "\n"))
		ht = append(ht, strings.TrimRight(string(pr.HTML(doc)), "\n"))
	}
	if more := strings.Trim(p.more, "\n"); more != "" {
		text = append(text, more)
		md = append(md, "```go\n"+more+"\n```")
		ht = append(ht, "<pre><code>"+html.EscapeString(more)+"</code></pre>")
	}
	if p.note != "" {
		text = append(text, p.note)
		md = append(md, "*"+p.note+"*")
		ht = append(ht, "<p><em>"+html.EscapeString(p.note)+"</em></p>")
	}
	in.Text = strings.Join(text, "\n\n")
	in.Markdown = strings.Join(md, "\n\n")
	in.HTML = strings.Join(ht, "\n")
	return in
}
