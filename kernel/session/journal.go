package session

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"sort"
	"strings"

	"braid/kernel/cell"
	"braid/kernel/check"
)

// journal remembers what cells have declared, to bring it back after the worker
// was replaced, and what could not be brought back. It holds no syntax trees, so
// that a long session stays small.
type journal struct {
	cells []*entry
	units map[token.Pos]*unit // by the position of each declared object
	bound map[string]binding  // what a name means now; methods are "T.M"
	lost  map[string]loss
	last  before
}

// before is what the latest record has changed.
type before struct {
	cell  string
	cells int
	bound map[string]*binding // nil: there was none
	lost  map[string]loss
}

// entry is a cell that declares something a new worker can be given.
type entry struct {
	name, source string
	imports      []string // "name path", as the learner wrote them
	units        []*unit
}

// unit is a function or method, or a const or type declaration with all that its
// parentheses hold: what is restored or lost as a whole.
type unit struct {
	names      []string // keys of bound
	start, end int      // offsets in the cell
	uses       []*unit
	variable   string // that it needs and a new worker does not have, or ""
	recv       *unit  // of a method
}

// binding is the present meaning of a name.
type binding struct {
	cell string
	unit *unit // nil for a variable
	kind check.Kind
	typ  string
}

// loss is a name that went with a worker.
type loss struct {
	cell string // that declared it
	died string // during which the worker ended; "" if between cells
}

func newJournal() *journal {
	return &journal{units: map[token.Pos]*unit{}, bound: map[string]binding{}, lost: map[string]loss{}}
}

// record takes in a cell that was checked and will run.
func (j *journal) record(c *check.Checked) {
	e := &entry{name: c.Cell.Name, source: c.Cell.Source, imports: importLines(c.Cell)}
	j.last = before{e.name, len(j.cells), map[string]*binding{}, map[string]loss{}}
	byItem := map[ast.Node]*unit{}
	for _, d := range c.Decls {
		name := nameOf(d)
		j.remember(name)
		delete(j.lost, name)
		b := binding{cell: e.name, kind: d.Kind, typ: typeText(d.Obj)}
		if d.Kind != check.Var {
			b.unit = j.unitOf(c.Cell, d, byItem)
			b.unit.names = append(b.unit.names, name)
			j.units[d.Obj.Pos()] = b.unit
			if !slices.Contains(e.units, b.unit) {
				e.units = append(e.units, b.unit)
			}
		}
		j.bound[name] = b
	}
	for _, d := range c.Decls {
		if u := j.units[d.Obj.Pos()]; d.Kind != check.Var && u != nil {
			j.connect(u, d)
		}
	}
	if len(e.units) > 0 || len(e.imports) > 0 {
		j.cells = append(j.cells, e)
	}
}

// remember notes what a name means before that changes.
func (j *journal) remember(name string) {
	if _, done := j.last.bound[name]; done {
		return
	}
	j.last.bound[name] = nil
	if b, ok := j.bound[name]; ok {
		j.last.bound[name] = &b
	}
	if l, ok := j.lost[name]; ok {
		j.last.lost[name] = l
	}
}

// undo takes back the latest record, if it was that of cell.
func (j *journal) undo(cell string) {
	if j.last.cell != cell || j.last.bound == nil {
		return
	}
	j.cells = j.cells[:j.last.cells]
	for name, b := range j.last.bound {
		delete(j.bound, name)
		if b != nil {
			j.bound[name] = *b
		}
	}
	maps.Copy(j.lost, j.last.lost)
	j.last = before{}
}

// prune forgets what need not be restored: units whose names all mean something
// else now, unless one that is needed uses them, and imports that say what an
// earlier one said. The latest record can't be taken back afterwards.
func (j *journal) prune() {
	needed := map[*unit]bool{}
	var visit func(u *unit)
	visit = func(u *unit) {
		if u == nil || needed[u] {
			return
		}
		needed[u] = true
		visit(u.recv)
		for _, v := range u.uses {
			visit(v)
		}
	}
	for _, b := range j.bound {
		visit(b.unit)
	}
	for pos, u := range j.units {
		if !needed[u] {
			delete(j.units, pos)
		}
	}
	imported := map[string]string{}
	for _, e := range j.cells {
		e.units = slices.DeleteFunc(e.units, func(u *unit) bool { return !needed[u] })
		e.imports = slices.DeleteFunc(e.imports, func(line string) bool {
			name := importedName(line)
			again := imported[name] == line
			imported[name] = line
			return again
		})
	}
	j.cells = slices.DeleteFunc(j.cells, func(e *entry) bool { return len(e.units)+len(e.imports) == 0 })
	j.last = before{}
}

// importedName is the name that an import line of importLines gives to a package,
// as far as the line tells.
func importedName(line string) string {
	f := strings.Fields(line)
	if len(f) > 2 {
		return f[1]
	}
	path := f[len(f)-1]
	return strings.Trim(path[strings.LastIndexByte(path, '/')+1:], "\"`")
}

// unitOf is the unit of a declaration: that of the func, const or type keyword
// that it stands behind.
func (j *journal) unitOf(c *cell.Cell, d *check.Decl, byItem map[ast.Node]*unit) *unit {
	var node ast.Node = d.Node
	for _, it := range c.Items {
		if it.Decl != nil && it.Decl.Pos() <= d.Obj.Pos() && d.Obj.Pos() < it.Decl.End() {
			node = it.Decl
		}
	}
	u := byItem[node]
	if u == nil {
		u = &unit{start: c.File.Offset(node.Pos()), end: c.File.Offset(node.End())}
		byItem[node] = u
	}
	return u
}

// connect notes what a declaration needs.
func (j *journal) connect(u *unit, d *check.Decl) {
	for _, dep := range d.Deps {
		if dep.Kind == check.Var {
			u.variable = cmp.Or(u.variable, dep.Obj.Name())
		} else if v := j.units[dep.Obj.Pos()]; v != nil && v != u && !slices.Contains(u.uses, v) {
			u.uses = append(u.uses, v)
		}
	}
	if d.Recv != nil {
		u.recv = j.units[d.Recv.Pos()]
	}
}

func nameOf(d *check.Decl) string {
	if d.Recv != nil {
		return d.Recv.Name() + "." + d.Obj.Name()
	}
	return d.Obj.Name()
}

func typeText(obj types.Object) string {
	if obj.Type() == nil {
		return ""
	}
	return types.TypeString(obj.Type(), func(p *types.Package) string {
		if p.Path() == check.Path {
			return ""
		}
		return p.Name()
	})
}

func importLines(c *cell.Cell) []string {
	var lines []string
	for _, s := range c.Imports {
		line := "import "
		if s.Name != nil {
			line += s.Name.Name + " "
		}
		lines = append(lines, line+s.Path.Value)
	}
	return lines
}

// restorable tells which units need no variable, directly or through others. A
// name whose present meaning is lost loses its older meanings too: they must not
// come to light again; a type whose method is lost is lost as a whole, for it
// would behave differently without.
func (j *journal) restorable() func(*unit) bool {
	gone := map[*unit]bool{}
	lost := func(u *unit) bool {
		if u.variable != "" || slices.ContainsFunc(u.uses, func(v *unit) bool { return gone[v] }) {
			return true
		}
		return slices.ContainsFunc(u.names, func(name string) bool {
			b := j.bound[name]
			return b.unit == nil || gone[b.unit]
		})
	}
	for changed := true; changed; {
		changed = false
		for _, e := range j.cells {
			for _, u := range e.units {
				if !gone[u] && lost(u) {
					gone[u], changed = true, true
				}
				if gone[u] && u.recv != nil && !gone[u.recv] {
					gone[u.recv], changed = true, true
				}
			}
		}
	}
	return func(u *unit) bool { return !gone[u] }
}

// replay is the part of a cell that a new worker can be given.
type replay struct {
	name, source string
}

// missing tells of what cannot be restored which variable it needs, by its name.
func (j *journal) missing() map[string]string {
	var needs func(u *unit, seen map[*unit]bool) string
	needs = func(u *unit, seen map[*unit]bool) string {
		if u == nil || seen[u] {
			return ""
		}
		seen[u] = true
		variable := u.variable
		for _, v := range append([]*unit{u.recv}, u.uses...) {
			variable = cmp.Or(variable, needs(v, seen))
		}
		return variable
	}
	all := map[string]string{}
	for name, b := range j.bound {
		if variable := needs(b.unit, map[*unit]bool{}); variable != "" {
			all[name] = variable
		}
	}
	return all
}

// replays lists what to give a new worker, in order.
func (j *journal) replays() []replay {
	keep := j.restorable()
	var list []replay
	for _, e := range j.cells {
		if len(e.imports) > 0 {
			list = append(list, replay{e.name, strings.Join(e.imports, "\n")})
		}
		if src, any := e.only(keep); any {
			list = append(list, replay{e.name, src})
		}
	}
	return list
}

// only is the source of the cell with everything blanked but the units to keep,
// so that their positions hold.
func (e *entry) only(keep func(*unit) bool) (src string, any bool) {
	out := make([]byte, len(e.source))
	for i := range out {
		if out[i] = ' '; e.source[i] == '\n' {
			out[i] = '\n'
		}
	}
	for _, u := range e.units {
		if !keep(u) {
			continue
		}
		any = true
		copy(out[u.start:u.end], e.source[u.start:u.end])
		if u.end < len(out) && out[u.end] == ' ' {
			out[u.end] = ';' // another declaration may follow on this line
		}
	}
	return string(out), any
}

// names lists what is declared now, sorted; methods go with their types.
func (j *journal) names() []string {
	var names []string
	for name := range j.bound {
		if !strings.Contains(name, ".") {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

// noteOn explains an error about a name that was lost; "" if it was not.
func (j *journal) noteOn(name string) string {
	l, ok := j.lost[name]
	if !ok {
		return ""
	}
	when := ""
	if l.died != "" {
		when = " in " + l.died
	}
	return fmt.Sprintf("%s (%s) was lost when the worker ended%s: run %s again", name, l.cell, when, l.cell)
}

// listed writes at most ten of the names, with the cells that declared them.
func listed(names []string, cellOf func(string) string) string {
	const most = 10
	var parts []string
	for _, n := range names[:min(len(names), most)] {
		if c := cellOf(n); c != "" {
			n += " (" + c + ")"
		}
		parts = append(parts, n)
	}
	text := strings.Join(parts, ", ")
	if n := len(names) - most; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}
