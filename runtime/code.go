package runtime

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Code is a code object: instructions with what they refer to. It is immutable
// and may be executed by many threads at once.
type Code struct {
	Name   string // "<module>" or the function's
	Params int    // the first locals
	Instrs []Instr
	Consts []any
	Names  []string // of globals and attributes
	Locals []string
}

// Instr is one instruction.
type Instr struct {
	Op      Opcode
	Arg     int
	Count   int  // REPEAT_BACKWARD only
	InPlace bool // BINARY_OP: written as +=
	Line    int  // of the source, from 1; 0 unknown
}

// ArgText is the argument as dis shows it in parentheses.
func (c *Code) ArgText(i int) string {
	in := c.Instrs[i]
	switch in.Op {
	case LOAD_CONST:
		if f, ok := c.Consts[in.Arg].(*Code); ok {
			return "<code object " + f.Name + ">"
		}
		return Repr(c.Consts[in.Arg])
	case LOAD_FAST, STORE_FAST:
		return c.Locals[in.Arg]
	case LOAD_GLOBAL, STORE_GLOBAL, LOAD_NAME, STORE_NAME, LOAD_ATTR, STORE_ATTR:
		return c.Names[in.Arg]
	case BINARY_OP:
		if in.InPlace {
			return binaryOperators[in.Arg] + "="
		}
		return binaryOperators[in.Arg]
	case COMPARE_OP:
		return compareOperators[in.Arg]
	case FOR_ITER, JUMP_FORWARD, JUMP_BACKWARD, POP_JUMP_IF_FALSE, POP_JUMP_IF_TRUE:
		return "to " + strconv.Itoa(in.Arg)
	case REPEAT_BACKWARD:
		return fmt.Sprintf("to %d, %d times", in.Arg, in.Count)
	}
	return ""
}

// Dis is the listing of a code object and of the functions in it, in the
// manner of CPython's dis module: source line where it changes, index,
// instruction, argument.
func Dis(c *Code) string {
	var b strings.Builder
	line := 0
	for i, in := range c.Instrs {
		shown := ""
		if in.Line != line && in.Line > 0 {
			line, shown = in.Line, strconv.Itoa(in.Line)
		}
		text := fmt.Sprintf("%4s  %4d  %-18s", shown, i, in.Op)
		if arg := c.ArgText(i); arg != "" {
			text += fmt.Sprintf(" %3d (%s)", in.Arg, arg)
		} else if in.Op == CALL || in.Op == BUILD_LIST || in.Op == COPY || in.Op == SWAP {
			text += fmt.Sprintf(" %3d", in.Arg)
		}
		b.WriteString(strings.TrimRight(text, " ") + "\n")
	}
	for _, k := range c.Consts {
		if f, ok := k.(*Code); ok {
			fmt.Fprintf(&b, "\nDisassembly of %s:\n%s", f.Name, Dis(f))
		}
	}
	return b.String()
}

// intern returns the index of x in list, adding it if it is new.
func intern(list *[]string, x string) int {
	if i := slices.Index(*list, x); i >= 0 {
		return i
	}
	*list = append(*list, x)
	return len(*list) - 1
}

func (c *Code) constant(v any) int {
	for i, k := range c.Consts {
		if fmt.Sprintf("%T %v", k, k) == fmt.Sprintf("%T %v", v, v) {
			return i
		}
	}
	c.Consts = append(c.Consts, v)
	return len(c.Consts) - 1
}

// Asm assembles a listing: instructions separated by newlines or semicolons,
// each "[label:] OPCODE [argument]", comments after #. Arguments are names,
// constants, operators ("+=" for an in-place BINARY_OP), counts or labels;
// "REPEAT_BACKWARD label n" (also written JUMP_BACKWARD label n) closes a loop
// whose body runs n times. A RETURN_VALUE of None is added at the end.
//
//	inc, err := rt.Asm("loop: LOAD_GLOBAL counter; LOAD_CONST 1; BINARY_OP +=; STORE_GLOBAL counter; JUMP_BACKWARD loop 1000")
func Asm(listing string) (*Code, error) {
	a := assembler{code: &Code{Name: "<asm>"}, labels: map[string]int{}}
	for n, line := range strings.Split(listing, "\n") {
		line, _, _ = strings.Cut(line, "#")
		for _, part := range strings.Split(line, ";") {
			if err := a.instruction(part, n+1); err != nil {
				return nil, err
			}
		}
	}
	for i, label := range a.jumps {
		at, ok := a.labels[label]
		if !ok {
			return nil, Raise("SyntaxError", "line %d: no label %q", a.code.Instrs[i].Line, label)
		}
		a.code.Instrs[i].Arg = at
	}
	a.code.emit(LOAD_CONST, a.code.constant(nil), 0)
	a.code.emit(RETURN_VALUE, 0, 0)
	return a.code, nil
}

type assembler struct {
	code   *Code
	labels map[string]int
	jumps  map[int]string
}

func (c *Code) emit(op Opcode, arg, line int) int {
	c.Instrs = append(c.Instrs, Instr{Op: op, Arg: arg, Line: line})
	return len(c.Instrs) - 1
}

func (a *assembler) instruction(text string, line int) error {
	fields := strings.Fields(text)
	for len(fields) > 0 && strings.HasSuffix(fields[0], ":") {
		a.labels[strings.TrimSuffix(fields[0], ":")] = len(a.code.Instrs)
		fields = fields[1:]
	}
	if len(fields) == 0 {
		return nil
	}
	op := Opcode(slices.Index(opcodeNames[:], fields[0]))
	if op >= opcodes {
		return Raise("SyntaxError", "line %d: no opcode %q", line, fields[0])
	}
	if op == JUMP_BACKWARD && len(fields) == 3 {
		op = REPEAT_BACKWARD
	}
	i := a.code.emit(op, 0, line)
	return a.argument(&a.code.Instrs[i], i, fields[1:])
}

func (a *assembler) argument(in *Instr, at int, args []string) error {
	want := 1
	switch in.Op {
	case NOP, RESUME, UNARY_NEGATIVE, UNARY_NOT, BINARY_SUBSCR, STORE_SUBSCR, GET_ITER, POP_TOP, RETURN_VALUE, MAKE_FUNCTION:
		want = 0
	case REPEAT_BACKWARD:
		want = 2
	}
	if len(args) != want {
		return Raise("SyntaxError", "line %d: %s takes %d argument(s), not %d", in.Line, in.Op, want, len(args))
	}
	if want == 0 {
		return nil
	}
	arg := args[0]
	switch in.Op {
	case LOAD_CONST:
		in.Arg = a.code.constant(parseConstant(arg))
	case LOAD_FAST, STORE_FAST:
		in.Arg = intern(&a.code.Locals, arg)
	case LOAD_GLOBAL, STORE_GLOBAL, LOAD_NAME, STORE_NAME, LOAD_ATTR, STORE_ATTR:
		in.Arg = intern(&a.code.Names, arg)
	case BINARY_OP:
		in.InPlace = len(arg) > 1 && strings.HasSuffix(arg, "=")
		return operator(in, binaryOperators, strings.TrimSuffix(arg, "="))
	case COMPARE_OP:
		return operator(in, compareOperators, arg)
	case FOR_ITER, JUMP_FORWARD, JUMP_BACKWARD, REPEAT_BACKWARD, POP_JUMP_IF_FALSE, POP_JUMP_IF_TRUE:
		if a.jumps == nil {
			a.jumps = map[int]string{}
		}
		a.jumps[at] = arg
		if in.Op == REPEAT_BACKWARD {
			return number(in, &in.Count, args[1])
		}
	default:
		return number(in, &in.Arg, arg)
	}
	return nil
}

func operator(in *Instr, all []string, op string) error {
	if in.Arg = slices.Index(all, op); in.Arg < 0 {
		return Raise("SyntaxError", "line %d: %s has no operator %q", in.Line, in.Op, op)
	}
	return nil
}

func number(in *Instr, to *int, text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return Raise("SyntaxError", "line %d: %s needs a number, not %q", in.Line, in.Op, text)
	}
	*to = n
	return nil
}

func parseConstant(text string) any {
	switch text {
	case "None":
		return nil
	case "True":
		return true
	case "False":
		return false
	}
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		return f
	}
	return strings.Trim(text, `'"`)
}
