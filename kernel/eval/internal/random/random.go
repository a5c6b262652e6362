// Package random writes random Go programs, with which tests of the engines
// compare them with the Go toolchain. It promises that a program compiles, ends,
// and prints the same in every run.
package random

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// generator writes small random programs whose output is the same in every
// run: whatever they compute goes through out.
type generator struct {
	r      *rand.Rand
	b      strings.Builder
	vars   []string // ints in scope
	tabs   int
	n      int
	inLoop int
	order  bool // calls change what stands beside them
}

func (g *generator) line(format string, args ...any) {
	g.b.WriteString(strings.Repeat("\t", g.tabs))
	fmt.Fprintf(&g.b, format, args...)
	g.b.WriteByte('\n')
}

func (g *generator) pick(s ...string) string { return s[g.r.IntN(len(s))] }

func (g *generator) name() string {
	g.n++
	return fmt.Sprintf("v%d", g.n)
}

func (g *generator) variable() string { return g.vars[g.r.IntN(len(g.vars))] }

// expr is an int expression that can't overflow into a panic.
func (g *generator) expr(depth int) string {
	if depth <= 0 || g.r.IntN(4) == 0 {
		if g.r.IntN(3) == 0 {
			return fmt.Sprint(g.r.IntN(20) - 5)
		}
		return g.variable()
	}
	x, y := g.expr(depth-1), g.expr(depth-1)
	if g.order && g.r.IntN(3) == 0 {
		return g.changing(x, y)
	}
	switch g.r.IntN(14) {
	case 0, 1:
		return fmt.Sprintf("(%s %s %s)", x, g.pick("+", "-", "*"), y)
	case 2:
		return fmt.Sprintf("(%s %s %s)", x, g.pick("&", "|", "^", "&^"), y)
	case 3:
		return fmt.Sprintf("(%s / (%s&7 + 1))", x, y)
	case 4:
		return fmt.Sprintf("(%s %% (%s&7 + 1))", x, y)
	case 5:
		return fmt.Sprintf("(int(%s) %s (%s & 7))", x, g.pick("<<", ">>"), y)
	case 6:
		return fmt.Sprintf("int(%s(%s))", g.pick("int8", "uint8", "int16", "uint32", "int64", "float64"), g.pick("("+x+")&127", "("+y+")&63"))
	case 7:
		return fmt.Sprintf("xs[(%s)&7]", x)
	case 8:
		return fmt.Sprintf("m[%s&3]", g.variable())
	case 9:
		return fmt.Sprintf("p.%s", g.pick("a", "b", "sum()", "in.c", "q.a", "q.sum()"))
	case 10:
		return fmt.Sprintf("add(%s, %s)", x, y)
	case 11:
		return fmt.Sprintf("func(z int) int { return z*2 + %s }(%s)", x, y)
	case 12:
		return fmt.Sprintf("%s(%s, %s)", g.pick("min", "max"), x, y)
	}
	return fmt.Sprintf("len(fmt.Sprint(%s))", x)
}

// changing is an int expression with calls that change variables.
func (g *generator) changing(x, y string) string {
	v := g.variable()
	switch g.r.IntN(16) {
	case 0, 1, 2:
		return fmt.Sprintf("(%s %s tick(%s))", v, g.pick("+", "-", "^"), x)
	case 3:
		return fmt.Sprintf("(*ref + calls[%s&1]())", v)
	case 4:
		return fmt.Sprintf("sum3(%s, tick(%s), %s)", v, x, y)
	case 5:
		return fmt.Sprintf("[]int{%s, tick(%s), %s}[%s&1]", v, x, y, v)
	case 6:
		return fmt.Sprintf("(xs[%s&7] + m[%s&3]*tick(%s))", v, v, x)
	case 7:
		return fmt.Sprintf("(p.a + p.sum()%%(tick(%s)&7+1))", x)
	case 8:
		return fmt.Sprintf("p.plus(%s, tick(%s))", v, x)
	case 9:
		return fmt.Sprintf("(%s + <-feed(%s))", v, x)
	case 10:
		return fmt.Sprintf("len(fmt.Sprint(%s > %s, string(bs), str, tick(%s), uint8(%s), *p.q == T{}))", v, x, y, v)
	case 11:
		return fmt.Sprintf("(len(str) + len(append(xs[:1:4], tick(%s), %s)) + xs[1])", x, v)
	case 12:
		return fmt.Sprintf("(T{a: %s, b: tick(%s), in: inner{%s}}).sum()", v, x, v)
	case 13:
		return fmt.Sprintf("map[int]int{%s & 1: tick(%s), %s&1 | 2: %s}[%s&3]", v, x, v, y, v)
	case 14:
		return fmt.Sprintf("sum3(two(%s, tick(%s)))", v, x)
	}
	return fmt.Sprintf("int((str + fmt.Sprint(tick(%s)))[%s&1])", x, v)
}

// changingStmt is a statement in which the order of calls and variables shows.
func (g *generator) changingStmt(depth int) {
	v, w, x := g.variable(), g.variable(), g.changing(g.expr(1), g.expr(1))
	switch g.r.IntN(14) {
	case 0:
		g.line("out(%s, %s)", v, x)
	case 1:
		g.line("out(func() (any, any) { return %s, %s }())", v, x)
	case 2:
		g.line("%s, xs[%s&7], %s = %s, %s, xs[%s&7]", v, v, w, x, w, v)
	case 3:
		g.line("xs[%s&7] %s %s", v, g.pick("=", "+=", "^="), x)
	case 4:
		g.line("m[%s&3] %s %s", v, g.pick("=", "+=", "/= 1 |"), x)
	case 5:
		g.line("p.q.a, %s = %s, p.q.a", v, x)
	case 6:
		g.line("xs = append(xs[:7], %s)", x)
	case 7:
		g.line("if %s == %s || %s > %s && xs[%s&7] < tick(%s) {", v, x, w, x, v, w)
		g.block(depth-1, 2)
		g.line("} else if %s+%s > %s {", v, x, w)
		g.block(depth-1, 2)
		g.line("}")
	case 8:
		g.line("switch {")
		g.line("case %s+%s == 0, %s&1 == tick(%s)&1:", v, x, v, w)
		g.block(depth-1, 2)
		g.line("\t%s", g.pick("fallthrough", "_ = 2"))
		g.line("case %s > %s:", w, x)
		g.block(depth-1, 2)
		g.line("}")
	case 9:
		g.line("switch %s & 3 {", x)
		g.line("case %s & tick(1):", v)
		g.block(depth-1, 2)
		g.line("case 1, tick(2) & %s, 7:", v)
		g.block(depth-1, 2)
		g.line("}")
	case 10:
		i := g.name()
		g.line("for %s := %s & 1; %s < 3 && %s+%s != 5; %s += 1 + tick(%s)&1 + %s&0 {", i, x, i, v, x, i, w, i)
		g.loopBody(depth, i)
	case 11:
		g.line("defer out(%s, %s)", v, x)
	case 12:
		i := g.name()
		g.line("var %s, %sb = %s, %s", i, i, v, x)
		g.line("out(%s, %sb)", i, i)
	case 13:
		g.line("select { case feed(%s) <- %s + %s: default: }", v, w, x)
	}
}

func (g *generator) cond() string {
	c := fmt.Sprintf("%s %s %s", g.expr(1), g.pick("<", "<=", "==", "!=", ">", ">="), g.expr(1))
	switch g.r.IntN(5) {
	case 0:
		return fmt.Sprintf("%s && xs[%s&7] > %s", c, g.variable(), g.expr(1))
	case 1:
		return fmt.Sprintf("%s || !(%s %% 2 == 0)", c, g.expr(1))
	}
	return c
}

func (g *generator) block(depth, size int) {
	g.tabs++
	n := len(g.vars)
	for range 1 + g.r.IntN(size) {
		g.stmt(depth)
	}
	g.vars = g.vars[:n]
	g.tabs--
}

func (g *generator) stmt(depth int) {
	if g.order && g.r.IntN(3) == 0 {
		g.changingStmt(depth)
		return
	}
	k := g.r.IntN(22)
	if depth <= 0 && k >= 9 {
		k = g.r.IntN(9)
	}
	switch k {
	case 0:
		v := g.name()
		g.line("%s := %s", v, g.expr(2))
		g.line("_ = %s", v)
		g.vars = append(g.vars, v)
	case 1, 2:
		g.line("%s %s %s", g.variable(), g.pick("=", "+=", "-=", "^=", "*="), g.expr(2))
	case 3:
		g.line("out(%s, %s)", g.expr(2), g.expr(1))
	case 4:
		g.line("xs[%s&7] %s %s", g.variable(), g.pick("=", "+=", "-="), g.expr(1))
	case 5:
		g.line("m[%s&3] %s %s", g.variable(), g.pick("=", "+=", "|="), g.expr(1))
	case 6:
		g.line("%s", g.pick("p.a++", "p.q.b--", "p.in.c += 2", "p.bump("+g.expr(1)+")", "p.q, p = p, p.q", "*p, *p.q = *p.q, *p; p.q = &T{a: p.b}"))
	case 7:
		a, b := g.variable(), g.variable()
		g.line("%s, %s = %s, %s", a, b, g.expr(1), g.expr(1))
	case 8:
		g.line("push(func() int { %s++; return %s })", g.variable(), g.expr(1))
	case 9, 10:
		g.line("if %s {", g.cond())
		g.block(depth-1, 3)
		if g.r.IntN(2) == 0 {
			g.line("} else {")
			g.block(depth-1, 2)
		}
		g.line("}")
	case 11, 12:
		g.forLoop(depth)
	case 13:
		i, x := g.name(), g.name()
		g.line("for %s, %s := range %s {", i, x, g.pick("xs", "xs[2:5]", "[3]int{4, 5, 6}"))
		g.loopBody(depth, i, x)
	case 14:
		i := g.name()
		g.line("for %s := range %d {", i, 1+g.r.IntN(4))
		g.loopBody(depth, i)
	case 15:
		g.line("switch %s & 3 {", g.expr(1))
		g.line("case 0, 1:")
		g.block(depth-1, 2)
		if g.r.IntN(3) == 0 {
			g.line("\tfallthrough")
		}
		g.line("case 2:")
		g.block(depth-1, 2)
		g.line("default:")
		g.block(depth-1, 2)
		g.line("}")
	case 16:
		g.line("func() {")
		g.line("\tdefer func() { out(fmt.Sprint(recover()) != \"\", %s) }()", g.expr(1))
		g.line("\tdefer out(%s, 1)", g.expr(1))
		g.block(depth-1, 2)
		g.line("\t%s", g.pick("panic(\"p\")", "xs[8+len(xs)-len(xs)] = 1", "var z *T; z.a = 1", "_ = 1"))
		g.line("}()")
	case 17:
		g.line("switch v := box(%s).(type) {", g.expr(1))
		g.line("case int:")
		g.line("\tout(v, 0)")
		g.line("case N, *N:")
		g.line("\tout(fmt.Sprint(v) != \"\", 1)")
		g.line("case fmt.Stringer:")
		g.line("\tout(v.String(), 2)")
		g.line("}")
	case 18:
		g.line("for _, f := range fs { out(f(), len(fs)) }")
	case 19:
		c := g.name()
		g.line("%s := make(chan int, 3)", c)
		g.line("go func() { defer close(%s); for i := range 3 { %s <- i + %s } }()", c, c, fmt.Sprint(g.r.IntN(9)))
		g.line("for x := range %s { %s += x }", c, g.variable())
		g.line("select { case x, ok := <-%s: out(x, ok); default: out(0, 0) }", c)
	case 20:
		g.line("for x := range seq(%d) {", 1+g.r.IntN(5))
		g.vars = append(g.vars, "x")
		g.inLoop++
		g.block(depth-1, 2)
		g.inLoop--
		g.line("\tif x == %d { %s }", g.r.IntN(4), g.pick("break", "continue"))
		g.line("}")
		g.vars = g.vars[:len(g.vars)-1]
	case 21:
		g.line("out(mapped(xs[:3], func(x int) string { return fmt.Sprint(x + %s) }), pair[int, string]{%s, \"s\"})", g.variable(), g.expr(1))
	}
}

func (g *generator) forLoop(depth int) {
	i := g.name()
	g.line("for %s := %d; %s < %d; %s++ {", i, g.r.IntN(3), i, 2+g.r.IntN(5), i)
	g.loopBody(depth, i)
}

func (g *generator) loopBody(depth int, vars ...string) {
	n := len(g.vars)
	for _, v := range vars {
		g.line("\t_ = %s", v)
		g.line("\tpush(func() int { return %s })", v)
	}
	// Loop variables are read, never assigned: the loops must end.
	g.line("\t%s += %s", g.variable(), vars[len(vars)-1])
	g.block(depth-1, 3)
	if g.r.IntN(3) == 0 {
		g.line("\tif %s { %s }", g.cond(), g.pick("break", "continue"))
	}
	g.line("}")
	g.vars = g.vars[:n]
}

// Declarations are what the programs use.
const Declarations = `
type inner struct{ c int }
type T struct {
	a, b int
	in inner
	q *T
}
func (t T) sum() int { return t.a + t.b*2 + t.in.c }
func (t *T) bump(n int) { t.a += n; t.b ^= t.a }
type N int
func (n N) String() string { return fmt.Sprintf("N%d", int(n)) }
type D struct{ N; x int }
type pair[A, B any] struct { a A; b B }
func mapped[A, B any](s []A, f func(A) B) (r []B) { for _, x := range s { r = append(r, f(x)) }; return }
func seq(n int) func(func(int) bool) {
	return func(yield func(int) bool) { for i := 0; i < n; i++ { if !yield(i) { return } } }
}
func add0() int { return 0 }
func add(x, y int) int { return x + y }
func box(n int) any {
	switch n & 3 {
	case 0: return n
	case 1: return N(n)
	case 2: v := N(n); return &v
	}
	return D{N(n), n}
}
`

// OrderDeclarations are what the programs of Order use besides.
const OrderDeclarations = `
func (t T) plus(x, y int) int { return t.a + x*3 + y }
func sum3(x, y, z int) int { return x + y*3 + z*5 }
func two(x, y int) (int, int, int) { return x, y, x ^ y }
`

const orderVariables = `	ref, refs := &a, []*int{&b, &c, &a}
	bs, str := []byte("abcd"), "s"
	ticks := 0
	tick := func(int) int { return 0 }
	tick = func(n int) int {
		if ticks++; ticks > 2000 { return n }
		a += n & 3
		b ^= a
		xs[n&7] += ticks
		m[b&3]++
		bs[n&3]++
		ref = refs[ticks%3]
		if n&3 == 1 { str += "x"; p.a++ } else if len(str) > 3 { str = str[2:]; p = &T{a: n, b: ticks, q: p} }
		return a ^ ticks
	}
	calls := []func() int{func() int { c++; return tick(c) }, func() int { m[c&3] = b; return tick(2) }}
	feed := func(n int) chan int { c := make(chan int, 2); c <- tick(n); return c }
	_, _, _ = ref, calls, feed
`

// Program gives the body of a function without parameters or results, the same
// for the same seed. It needs Declarations and fmt.
func Program(seed uint64) string { return program(seed, false) }

// Order is Program with calls that change variables which stand beside them: its
// output depends on the order in which operands are evaluated. It also needs
// OrderDeclarations.
func Order(seed uint64) string { return program(seed, true) }

func program(seed uint64, order bool) string {
	more := ""
	if order {
		more = orderVariables
	}
	g := &generator{order: order, r: rand.New(rand.NewPCG(seed, 7)), tabs: 1, vars: []string{"a", "b", "c"}}
	for range 8 + g.r.IntN(10) {
		g.stmt(3)
	}
	return `	a, b, c := 1, 2, 3
	xs := []int{5, 3, 8, 1, 9, 2, 7, 4}
	m := map[int]int{1: 10, 2: 20}
	p := &T{a: 1, b: 2, q: &T{a: 3}}
	p.q.q = p
	var fs []func() int
	steps := 0
	push := func(f func() int) { if len(fs) < 12 { fs = append(fs, f) } }
	push(add0)
	out := func(x, y any) { steps++; if steps < 200 { fmt.Println(x, y) } }
` + more + g.b.String() + `	out(a, b)
	out(c, xs)
	out(m, len(fs))
	fmt.Printf("%v %+v %T\n", p.sum(), p.in, box(a))
`
}
