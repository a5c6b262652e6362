package check

import (
	"go/token"
)

// Source returns the cell's source with everything blanked but its imports and
// the declarations that keep accepts, at their old lines and columns: what
// brings them back after a worker was lost. The constants of a group stay or go
// together. A variable that is kept keeps its initialiser.
func (k *Checked) Source(keep func(*Decl) bool) string {
	b := blankSource{src: k.Cell.Source, base: k.Cell.File.Base()}
	b.out = []byte(b.src)
	for i, c := range b.out {
		if c != '\n' && c != '\t' {
			b.out[i] = ' '
		}
	}
	for _, d := range k.Cell.ImportDecls {
		b.show(d.Pos(), d.End())
	}
	for _, d := range k.Decls {
		if keep(d) {
			b.showDecl(d)
		}
	}
	return string(b.out)
}

type blankSource struct {
	src  string
	base int
	out  []byte
}

// show puts a piece of the source back, with the semicolon behind it.
func (b *blankSource) show(from, to token.Pos) {
	i, j := int(from)-b.base, int(to)-b.base
	copy(b.out[i:j], b.src[i:j])
	for ; j < len(b.src) && (b.src[j] == ' ' || b.src[j] == '\t'); j++ {
	}
	if j < len(b.src) && b.src[j] == ';' {
		b.out[j] = ';'
	}
}

func (b *blankSource) showDecl(d *Decl) {
	g := d.group
	switch {
	case g == nil || !g.Lparen.IsValid():
		b.show(d.Pos, d.End)
	case d.Kind == Const:
		b.show(g.Pos(), g.End())
	default:
		b.show(g.Pos(), g.Lparen+1)
		b.show(d.Node.Pos(), d.Node.End())
		b.show(g.Rparen, g.End())
	}
}
