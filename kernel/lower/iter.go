package lower

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// A loop over a function becomes a call of the function with the body as a
// literal. The literal returns whether to go on, and a number in a shared
// variable says why not: 0 the loop was left by break or has ended, exitReturn
// the function returns, other numbers stand for branches to outer statements.
const exitReturn = 1

type exits struct {
	branches []exit
}

type exit struct {
	fl  *flow
	tok token.Token
}

// exitIter leaves a loop over a function for an outer statement.
func (f *fn) exitIter(s *ast.BranchStmt, fl *flow) {
	n := 0
	for i, e := range f.exits.branches {
		if e.fl == fl && e.tok == s.Tok {
			n = i + 2
		}
	}
	if n == 0 {
		f.exits.branches = append(f.exits.branches, exit{fl, s.Tok})
		n = len(f.exits.branches) + 1
	}
	f.line("*%s = %d", f.state, n)
	f.line("return false")
}

func (f *fn) rangeFunc(s *ast.RangeStmt, sig *types.Signature, label string) {
	if f.state != "" {
		f.refuse(s, "a loop over a function inside another one", "put the inner loop into a function")
	}
	if f.entry && f.frame != "" {
		f.refuse(s, "a loop over a function beside defer", "put the loop into a function")
	}
	yield := coreType(sig.Params().At(0).Type()).(*types.Signature)
	ft := f.typeOf(s.X)
	x := f.temp(f.ty(ft), f.expr(s.X))
	state, done := f.u.unique("state"), f.u.unique("done")
	f.line("var %s *int = new(int)", state)
	f.line("var %s *bool = new(bool)", done)

	in := f.child()
	in.ret, in.state, in.exits = retIterate, state, &exits{}
	in.entry = false
	if f.entry {
		in.ret = retEntry
	}
	for _, fl := range f.flow {
		c := *fl
		c.outside = true
		in.flow = append(in.flow, &c)
	}
	fl := &flow{label: label, isLoop: true, uid: f.u.unique("flow"), outside: true, own: in}
	in.flow = append(in.flow, fl)

	var decl []string
	var names []string
	for _, t := range sigParams(yield) {
		n := f.u.unique("p")
		decl = append(decl, n+" "+f.ty(t))
		names = append(names, n)
	}
	caps := f.captures(s.Body, s.Body)
	for _, e := range []ast.Expr{s.Key, s.Value} {
		if e != nil && s.Tok == token.ASSIGN {
			caps = mergeCaptures(caps, f.captures(e, s.Body))
		}
	}
	caps = append(caps, capture{state, "*int"}, capture{done, "*bool"})
	if f.frame != "" {
		caps = append(caps, capture{f.frame, "int"})
	}
	if f.panics != "" {
		caps = append(caps, capture{f.panics, "int"})
	}
	mk := in.closure("func"+f.u.signature(f.sub(yield).(*types.Signature)), strings.Join(decl, ", "), "bool", caps, func() {
		in.line("if *%s {", done)
		in.line("\tˍ.IterationEnded(%d)", f.u.pos(s.For))
		in.line("}")
		in.poll()
		in.line("*%s = true", done) // until this iteration has ended normally
		vars := []ast.Expr{s.Key, s.Value}
		for i, e := range vars {
			if i < len(names) {
				in.iterVar(e, s, f.sub(yield.Params().At(i).Type()), names[i])
			}
		}
		in.line("{")
		in.scoped(s.Body.List)
		in.line("}")
		in.mark(fl.cnt)
		in.line("*%s = false", done)
		in.line("return true")
	})
	f.line("%s(%s)", x, mk)
	f.line("*%s = true", done)
	f.afterIter(in, state, fl)
}

func mergeCaptures(a, b []capture) []capture {
	seen := map[capture]bool{}
	for _, c := range a {
		seen[c] = true
	}
	for _, c := range b {
		if !seen[c] {
			a = append(a, c)
		}
	}
	return a
}

// afterIter does what the body could not do from inside its literal.
func (f *fn) afterIter(in *fn, state string, own *flow) {
	if f.ret != retEntry && !f.entry {
		f.line("if *%s == %d {", state, exitReturn)
		f.tabs++
		f.leaveBoxes()
		f.tabs--
		f.line("}")
	}
	for i, e := range in.exits.branches {
		if e.fl == own {
			continue // break of the loop itself: it has ended
		}
		f.line("if *%s == %d {", state, i+2)
		f.tabs++
		f.jump(e)
		f.tabs--
		f.line("}")
	}
}

// leaveBoxes returns what the body has put into the result variables.
func (f *fn) leaveBoxes() {
	if f.ret == retPlain {
		f.line("return %s", strings.Join(f.resultValues(), ", "))
		return
	}
	f.line("return")
}

// jump repeats a branch outside of the literal it was written in.
func (f *fn) jump(e exit) {
	for _, fl := range f.flow {
		if fl.uid != e.fl.uid {
			continue
		}
		if e.tok == token.BREAK {
			if fl.brk == "" {
				fl.brk = "break_" + fl.uid
			}
			f.line("goto %s", fl.brk)
			return
		}
		if fl.cnt == "" {
			fl.cnt = "continue_" + fl.uid
		}
		f.line("goto %s", fl.cnt)
		return
	}
	panic(fmt.Sprintf("no statement for %s", e.tok))
}
