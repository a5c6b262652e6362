package vm

import (
	"testing"

	"braid/kernel/eval"
)

// A generic function that is declared again takes the place of the old one for
// callers of earlier cells too, whatever they instantiate and when.
func TestRedeclaredGenericFunction(t *testing.T) {
	nb := newNotebook(t)
	nb.want("import \"fmt\"\nfunc name[T any](v T) string { return fmt.Sprintf(\"old %T\", v) }\n"+
		"func ints() string { return name(1) }\nfunc any_[T any](v T) string { return name([]T{v}) }\n"+
		"f := name[string]\nints(), any_(true), f(\"s\")", `=> "old int", "old []bool", "old string"`)
	nb.want("func name[T any](v T) string { return fmt.Sprintf(\"new %T\", v) }", "")
	nb.want("ints(), any_(true), any_(1.5), f(\"s\"), name('x')", `=> "new int", "new []bool", "new []float64", "new string", "new int32"`)
	nb.want("func name[T any](v T) string { return fmt.Sprintf(\"third %v\", v) }", "")
	nb.want("ints(), any_(true), any_(uint8(3)), f(\"s\"), name('x')", `=> "third 1", "third [true]", "third [3]", "third s", "third 120"`)
}

func TestRedeclaredGenericMethod(t *testing.T) {
	nb := newNotebook(t)
	nb.want("import \"fmt\"\ntype Box[T any] struct{ v T }\nfunc (b Box[T]) String() string { return fmt.Sprintf(\"old %v\", b.v) }\nfunc (b *Box[T]) Set(v T) { b.v = v }\n"+
		"b := Box[int]{1}\nvar s fmt.Stringer = b\nset := b.Set\nfunc show[T any](v T) string { return Box[T]{v}.String() }\nfmt.Println(b, s, b.String(), show(\"x\"))", "old 1 old 1 old 1 old x")
	nb.want("func (b Box[T]) String() string { return fmt.Sprintf(\"new <%v>\", b.v) }\nfunc (b *Box[T]) Set(v T) { fmt.Print(\"set \"); b.v = v }", "")
	nb.want("set(7)\nfmt.Println(b, s, b.String(), show(\"x\"), show(2.5), Box[bool]{true}, []any{b})", "set new <7> new <1> new <7> new <x> new <2.5> new <true> [new <7>]")
}

// What a late method would change in values that compiled code has seen is
// refused, and the method then does not exist at all.
func TestRefusedMethodDoesNotExist(t *testing.T) {
	nb := newNotebook(t)
	nb.want("import (\"fmt\"; \"errors\")\ntype T struct{ n int }\nt := T{1}\nboxed := []any{t, &t}\nfmt.Println(boxed[0], t)", "{1} {1}")
	nb.fails("func (t T) String() string { return \"late\" }", eval.Unsupported, "declare T and String in one cell")
	nb.fails("func (t *T) Error() string { return \"late\" }", eval.Unsupported, "declare T and Error in one cell")
	nb.want("fmt.Println(boxed[0], t)\n_, ok := boxed[0].(fmt.Stringer)\n_, bad := boxed[1].(error)\nok, bad", "{1} {1}\n=> false, false")
	nb.fails("t.String()", eval.CompileError, "t.String undefined")
	nb.want("var e error = errors.New(\"x\")\nvar target interface{ String() string }\nerrors.As(e, &target)", "=> false")
	// Methods that only the learner's code can call are never late.
	nb.want("func (t T) double() int { return 2 * t.n }\nt.double()", "=> 2")
	nb.want("type doubler interface{ double() int }\nd, ok2 := any(t).(doubler)\n_, ok3 := boxed[0].(doubler)\nok2, ok3, d.double()", "=> true, true, 2")
}

// Methods that compiled code cannot ask for may come late: the learner's own
// interfaces, assertions and method values see them in values made before.
func TestLateMethods(t *testing.T) {
	nb := newNotebook(t)
	nb.want("import \"fmt\"\ntype Stack struct{ s []int }\nvar st Stack\ntype Outer struct{ *Stack; name string }\no := Outer{&st, \"o\"}\nboxed := []any{&st, o, &o, st}\nfmt.Println(st, len(boxed))", "{[]} 4")
	nb.want("type pusher interface{ Push(int) }\n_, before := boxed[0].(pusher)\nbefore", "=> false")
	nb.want("func (s *Stack) Push(v int) { s.s = append(s.s, v) }\nst.Push(1)\nst", "=> {s:[1]}")
	nb.want("func (s *Stack) Pop() (v int) { v = s.s[len(s.s)-1]; s.s = s.s[:len(s.s)-1]; return v }\nfunc (s Stack) depth() int { return len(s.s) }", "")
	nb.want("for _, b := range boxed { p, ok := b.(pusher); if ok { p.Push(2) }; d, ok2 := b.(interface{ depth() int }); fmt.Print(ok, ok2, d.depth(), \" \") }", "true true 2 true true 3 true true 4 false true 0")
	nb.want("var p pusher = o\np.Push(5)\nf := p.Push\nf(6)\nvar q pusher = &st\nfmt.Println(q == boxed[0].(pusher), p == pusher(o), st.Pop(), o.depth(), st.depth())", "true true 6 5 5")
	nb.want("func use[T interface{ Push(int); Pop() int }](t T) int { t.Push(9); return t.Pop() }\nuse(&st), use(o)", "=> 9, 9")
	nb.want("_, isS := boxed[0].(fmt.Stringer)\nfunc() (s string) { defer func() { s = fmt.Sprint(recover()) }(); boxed[3].(pusher).Push(1); return }()", `=> "interface conversion: main.Stack is not main.pusher: missing method Push"`)
	// Compiled code would look for these.
	nb.fails("func (s Stack) String() string { return \"stack\" }", eval.Unsupported, "declare Stack and String in one cell")
	nb.fails("func (o Outer) Error() string { return \"stack\" }", eval.Unsupported, "declare Outer and Error in one cell")
	nb.fails("func (s Stack) MarshalJSON() ([]byte, error) { return nil, nil }", eval.Unsupported, "declare Stack and MarshalJSON in one cell")
	nb.fails("import \"reflect\"\nreflect.TypeOf(&st).NumMethod()", eval.Unsupported, "package reflect would not see method Stack.P")
	nb.fails("import \"errors\"\nvar target pusher\nerrors.As(nil, &target)", eval.Unsupported, "would not see method Stack.Push")
	nb.want("st.depth()", "=> 5")
}

// After compiled code was given the means, no method may come late.
func TestLateMethodsAfterReflection(t *testing.T) {
	nb := newNotebook(t)
	nb.want("import (\"errors\"; \"reflect\")\ntype T struct{}\ntype U struct{}\nvar t T\nvar target interface{ code() int }\nvar u U\nerrors.As(errors.New(\"e\"), &target), reflect.TypeOf(t).NumMethod(), u", "=> false, 0, {}")
	nb.fails("func (T) Area() int { return 1 }", eval.Unsupported, "declare T and Area in one cell")
	nb.fails("func (U) code() int { return 1 }", eval.Unsupported, "declare U and code in one cell")
	nb.want("func (U) area() int { return 1 }\nu.area()", "=> 1")
}

// What is unsupported is found before anything runs, also in methods that only
// an interface leads to.
func TestRefusedBeforeRunning(t *testing.T) {
	nb := newNotebook(t)
	nb.want("import (\"fmt\"; \"database/sql\")", "")
	for _, src := range []string{
		"func f() any { type local struct{ sql.Null[int] }; return &local{} }\nfmt.Print(\"ran \")\nf().(interface{ Scan(any) error }).Scan(1)",
		"type G[T any] struct{}\nfunc (G[T]) String() string { var n sql.Null[T]; n.Scan(nil); return \"\" }\nfmt.Print(\"ran \")\nvar s any = G[int]{}\nfmt.Print(s)",
	} {
		nb.fails(src, eval.Unsupported, "database/sql.Null[int]).")
		if out := nb.out.String(); out != "" {
			t.Errorf("%s\nprinted %q before it was refused", src, out)
		}
	}
}

// A cell that is refused after its methods were compiled leaves none behind.
func TestRefusedCellLeavesNoMethods(t *testing.T) {
	nb := newNotebook(t)
	refused := "\nvar n sql.Null[int]; n.Scan(nil)"
	nb.want("import (\"fmt\"; \"database/sql\")\ntype A struct{ n int }\ntype B struct{ n int }\ntype C struct{ *B }\ntype namer interface{ name() string }\nvar b B\nboxed := []any{b, C{&b}}\nlen(boxed)", "=> 2")
	// A is not real yet, B is.
	nb.fails("func (A) String() string { return \"refused\" }\nfmt.Println(A{}, []A{{}})"+refused, eval.Unsupported, "sql.Null")
	nb.fails("func (B) name() string { return \"refused\" }\nvar x namer = b\nvar y namer = C{&b}"+refused, eval.Unsupported, "sql.Null")
	nb.want("_, ok := boxed[0].(namer)\n_, ok2 := boxed[1].(namer)\nfmt.Println(ok, ok2)", "false false")
	nb.want("func (A) String() string { return \"A\" }\nfunc (B) name() string { return \"B\" }\nvar y namer = C{&b}\nfmt.Println(A{}, []A{{}}, boxed[0].(namer).name(), boxed[1].(namer).name(), y.name(), y == boxed[1].(namer))", "A [A] B B B true")
	nb.want("var z any = A{}\nfmt.Println(z)", "A")
}
