package viz

import (
	"fmt"
	"strings"

	rt "braid/runtime"
)

// bracket is a LOAD with the STORE of the same name that follows it.
type bracket struct {
	load, store int
	name        string
}

// CheckPoints is picture V3: a listing with a mark beside each instruction
// after which the interpreter of a version looks at its eval breaker, where
// another thread may take over. Between a LOAD and the STORE of the same name
// such a mark makes the update a race under the GIL; without a GIL it is one in
// any case. Functions in the code are listed too.
func CheckPoints(code *rt.Code) *Picture {
	p := &Picture{Title: "Where another thread may take over", header: []string{"code", "index", "instruction", "3.9", "3.10+", "free-threaded"}}
	if code == nil {
		return wrong(p.Title, "CheckPoints needs a code object, from Asm or Compile")
	}
	c := newCanvas(chartWidth)
	var b strings.Builder
	y := 4.0
	var claims []string
	for _, f := range codes(code) {
		y = drawCode(c, p, &b, f, y)
		claims = append(claims, checkClaims(f)...)
	}
	c.text(8, y+12, "▲ looks at the eval breaker after this instruction   ● any instruction may meet another thread's   bracket: LOAD … STORE of one name", textStyle{size: 10, faint: true})
	c.height = y + 20
	b.WriteString("^ eval breaker is looked at after this instruction   * runs beside other threads   [ LOAD … STORE of one name\n")
	p.text = b.String()
	if p.Caption = strings.Join(claims, "; "); p.Caption == "" {
		p.Caption = "no name is loaded and stored again"
	}
	return p.take(c)
}

func codes(c *rt.Code) []*rt.Code {
	list := []*rt.Code{c}
	for _, k := range c.Consts {
		if f, ok := k.(*rt.Code); ok {
			list = append(list, codes(f)...)
		}
	}
	return list
}

// brackets pairs loads of global names with the next store of the same.
func brackets(c *rt.Code) []bracket {
	var list []bracket
	open := map[string]int{}
	for i, in := range c.Instrs {
		name := c.ArgText(i)
		switch in.Op {
		case rt.LOAD_GLOBAL, rt.LOAD_NAME:
			open[name] = i
		case rt.STORE_GLOBAL, rt.STORE_NAME:
			if at, ok := open[name]; ok {
				list = append(list, bracket{at, i, name})
				delete(open, name)
			}
		}
	}
	return list
}

// inside tells whether a version looks at its breaker between load and store.
func (b bracket) inside(c *rt.Code, m rt.Mode) bool {
	for i := b.load; i < b.store; i++ {
		if m.ChecksAfter(c.Instrs[i].Op) {
			return true
		}
	}
	return false
}

func checkClaims(c *rt.Code) []string {
	var list []string
	for _, b := range brackets(c) {
		switch old, now := b.inside(c, rt.GIL39), b.inside(c, rt.GIL310); {
		case old && now:
			list = append(list, fmt.Sprintf("an update of %s can be lost in every version", b.name))
		case old:
			list = append(list, fmt.Sprintf("an update of %s can be lost in 3.9 and without a GIL, not in 3.10 and later with it: no check point lies inside", b.name))
		case now:
			list = append(list, fmt.Sprintf("an update of %s can be lost in 3.10 and later", b.name))
		default:
			list = append(list, fmt.Sprintf("an update of %s can be lost only without a GIL", b.name))
		}
	}
	return list
}

func drawCode(c *canvas, p *Picture, b *strings.Builder, code *rt.Code, y float64) float64 {
	const row, most = 17.0, 120
	columns := []struct {
		name string
		mode rt.Mode
		x    float64
	}{{"3.9", rt.GIL39, 500}, {"3.10+", rt.GIL310, 580}, {"free-threaded", rt.FreeThreaded, 680}}
	c.text(8, y+12, code.Name, textStyle{size: 12, bold: true})
	for _, col := range columns {
		c.text(col.x, y+12, col.name, textStyle{anchor: "middle", bold: true})
	}
	fmt.Fprintf(b, "%-44s %5s %6s %4s\n", code.Name, "3.9", "3.10+", "FT")
	y += 18
	n := min(len(code.Instrs), most)
	pairs := brackets(code)
	for _, br := range pairs {
		if br.store >= n {
			continue
		}
		for _, col := range columns {
			f := fill{colour: green}
			risk := "cannot be interrupted"
			if col.mode == rt.FreeThreaded || br.inside(code, col.mode) {
				f, risk = fill{colour: vermillion, hatch: true}, "can be interrupted"
			}
			c.rect(col.x-26, y+float64(br.load)*row+2, 8, float64(br.store-br.load+1)*row-4, f, fmt.Sprintf("%s: the update of %s %s", col.name, br.name, risk))
		}
	}
	for i := range n {
		in := code.Instrs[i]
		top := y + float64(i)*row
		line := ""
		if in.Line > 0 && (i == 0 || code.Instrs[i-1].Line != in.Line) {
			line = fmt.Sprint(in.Line)
		}
		text := fmt.Sprintf("%-18s %s", in.Op, code.ArgText(i))
		c.text(34, top+12, line, textStyle{size: 10, anchor: "end", faint: true})
		c.text(62, top+12, fmt.Sprint(i), textStyle{size: 10, anchor: "end", faint: true})
		c.text(72, top+12, cut(text, 390, 11), textStyle{mono: true})
		fmt.Fprintf(b, "%s\n", strings.TrimRight(textInstr(code, i, line, text, pairs), " "))
		cells := []string{code.Name, fmt.Sprint(i), strings.TrimSpace(text)}
		for _, col := range columns {
			mark := ""
			switch {
			case col.mode == rt.FreeThreaded:
				mark = "●"
			case col.mode.ChecksAfter(in.Op):
				mark = "▲"
			}
			c.text(col.x, top+13, mark, textStyle{anchor: "middle"})
			cells = append(cells, mark)
		}
		p.rows = append(p.rows, cells)
	}
	y += float64(n) * row
	if more := len(code.Instrs) - n; more > 0 {
		p.Merged += more
		c.text(72, y+12, fmt.Sprintf("… %d more instructions", more), textStyle{faint: true})
		y += row
	}
	return y + 8
}

func textInstr(code *rt.Code, i int, line, text string, pairs []bracket) string {
	in := " "
	for _, b := range pairs {
		if i >= b.load && i <= b.store {
			in = "["
		}
	}
	marks := [2]string{}
	for k, m := range []rt.Mode{rt.GIL39, rt.GIL310} {
		if m.ChecksAfter(code.Instrs[i].Op) {
			marks[k] = "^"
		}
	}
	return fmt.Sprintf("%4s %3d %s %-33s %5s %6s %4s", line, i, in, cut(text, 33, 1/0.6), marks[0], marks[1], "*")
}
