package runtime

import (
	"cmp"
	"math"
	"reflect"
	"slices"
	"strings"

	"braid/runtime/sched"
)

// Function is a Python function: code with the module it was defined in.
type Function struct{ Code *Code }

func (f *Function) String() string { return "<function " + f.Code.Name + ">" }

// Builtin is a compiled function that bytecode can call. It runs with the GIL
// held unless it gives it away with t.Native.
type Builtin struct {
	Name string
	Call func(t *Thread, args []any) (any, error)
}

func (b *Builtin) String() string { return "<built-in function " + b.Name + ">" }

// List is a Python list; it is shared by reference.
type List struct{ Items []any }

func (l *List) String() string { return Repr(l.Items) }

// frame is an activation of a Code.
type frame struct {
	code   *Code
	locals []any
	stack  []any
	repeat []int // turns done of each REPEAT_BACKWARD, by instruction
}

// Exec runs a code object to its end and returns its value. Costs about 30 ns
// an instruction on the real clock.
func (in *Interpreter) Exec(t *Thread, c *Code) (any, error) {
	if t.detached > 0 {
		return nil, errNoThreadState()
	}
	return in.call(t, c, nil, 0)
}

// Define makes a compiled function known to bytecode under a global name.
func (in *Interpreter) Define(name string, call func(t *Thread, args []any) (any, error)) {
	in.Var(name, &Builtin{Name: name, Call: call})
}

// maxDepth is sys.getrecursionlimit().
const maxDepth = 1000

func (in *Interpreter) call(t *Thread, c *Code, args []any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, Raise("RecursionError", "maximum recursion depth exceeded")
	}
	if len(args) != c.Params {
		return nil, wrongArgs(c, args)
	}
	f := &frame{code: c, locals: make([]any, len(c.Locals)), stack: make([]any, 0, 8)}
	for i := range f.locals {
		f.locals[i] = unbound{}
	}
	copy(f.locals, args)
	return in.run(t, f, depth)
}

func wrongArgs(c *Code, args []any) error {
	if len(args) < c.Params {
		return missingArgs(c, c.Locals[len(args):c.Params])
	}
	plural := "s"
	if c.Params == 1 {
		plural = ""
	}
	was := "were"
	if len(args) == 1 {
		was = "was"
	}
	return Raise("TypeError", "%s() takes %d positional argument%s but %d %s given", c.Name, c.Params, plural, len(args), was)
}

// missingArgs words the names as Python/ceval.c format_missing does.
func missingArgs(c *Code, names []string) error {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = Repr(n)
	}
	last := len(quoted) - 1
	text, plural := quoted[last], ""
	switch {
	case last == 1:
		text, plural = quoted[0]+" and "+text, "s"
	case last > 1:
		text, plural = strings.Join(quoted[:last], ", ")+", and "+text, "s"
	}
	return Raise("TypeError", "%s() missing %d required positional argument%s: %s", c.Name, len(names), plural, text)
}

// unbound marks a local that was not assigned.
type unbound struct{}

// iterator is what GET_ITER makes: of a range or of a list.
type iterator struct {
	next, stop, step int
	list             *List
}

func (it *iterator) advance() (any, bool) {
	if it.list != nil {
		if it.next >= len(it.list.Items) {
			return nil, false
		}
		it.next++
		return it.list.Items[it.next-1], true
	}
	if it.step > 0 && it.next >= it.stop || it.step < 0 && it.next <= it.stop {
		return nil, false
	}
	v := it.next
	it.next += it.step
	return v, true
}

func (f *frame) push(v any) { f.stack = append(f.stack, v) }

func (f *frame) pop() any {
	v := f.stack[len(f.stack)-1]
	f.stack = f.stack[:len(f.stack)-1]
	return v
}

// run is the evaluation loop (_PyEval_EvalFrameDefault). The switch is flat;
// what needs more than a few lines has a function of its own.
func (in *Interpreter) run(t *Thread, f *frame, depth int) (any, error) {
	mode := in.mode
	for pc := 0; pc < len(f.code.Instrs); {
		i := f.code.Instrs[pc]
		pc++
		var err error
		switch i.Op {
		case NOP, RESUME:
		case LOAD_CONST:
			f.push(f.code.Consts[i.Arg])
		case LOAD_FAST:
			v := f.locals[i.Arg]
			if _, is := v.(unbound); is {
				return nil, Raise("UnboundLocalError", "cannot access local variable '%s' where it is not associated with a value", f.code.Locals[i.Arg])
			}
			f.push(v)
		case STORE_FAST:
			f.locals[i.Arg] = f.pop()
		case LOAD_GLOBAL, LOAD_NAME:
			err = in.loadGlobal(t, f, f.code.Names[i.Arg])
		case STORE_GLOBAL, STORE_NAME:
			in.global(f.code.Names[i.Arg], true).Set(t, f.pop())
		case LOAD_ATTR:
			err = loadAttr(t, f, f.code.Names[i.Arg])
		case STORE_ATTR:
			err = storeAttr(t, f, f.code.Names[i.Arg])
		case BINARY_OP:
			y, x := f.pop(), f.pop()
			var v any
			if v, err = operate(t, i, x, y); err == nil {
				f.push(v)
			}
		case COMPARE_OP:
			y, x := f.pop(), f.pop()
			var v bool
			if v, err = compare(compareOperators[i.Arg], x, y); err == nil {
				f.push(v)
			}
		case UNARY_NEGATIVE:
			err = negate(f)
		case UNARY_NOT:
			f.push(!truth(f.pop()))
		case BUILD_LIST:
			n := len(f.stack) - i.Arg
			l := &List{Items: append([]any(nil), f.stack[n:]...)}
			f.stack = append(f.stack[:n], l)
		case BINARY_SUBSCR:
			err = subscript(t, f)
		case STORE_SUBSCR:
			err = storeSubscript(t, f)
		case GET_ITER:
			err = getIter(f)
		case FOR_ITER:
			v, more := f.stack[len(f.stack)-1].(*iterator).advance()
			if !more {
				f.pop()
				pc = i.Arg
				break
			}
			f.push(v)
		case JUMP_FORWARD, JUMP_BACKWARD:
			pc = i.Arg
		case REPEAT_BACKWARD:
			if f.again(pc-1, i.Count) {
				pc = i.Arg
			}
		case POP_JUMP_IF_FALSE:
			if !truth(f.pop()) {
				pc = i.Arg
			}
		case POP_JUMP_IF_TRUE:
			if truth(f.pop()) {
				pc = i.Arg
			}
		case MAKE_FUNCTION:
			f.push(&Function{Code: f.pop().(*Code)})
		case CALL:
			var python bool
			if python, err = in.callValue(t, f, i.Arg, depth); python && err == nil {
				continue // the callee's RESUME has looked at the breaker
			}
		case POP_TOP:
			f.pop()
		case COPY:
			f.push(f.stack[len(f.stack)-i.Arg])
		case SWAP:
			top, other := len(f.stack)-1, len(f.stack)-i.Arg
			f.stack[top], f.stack[other] = f.stack[other], f.stack[top]
		case RETURN_VALUE:
			return f.pop(), nil
		}
		if err != nil {
			return nil, err
		}
		if in.kind == timed {
			t.tick()
		}
		if mode.ChecksAfter(i.Op) {
			t.CheckPoint()
		}
	}
	return nil, nil
}

func (f *frame) again(at, count int) bool {
	if f.repeat == nil {
		f.repeat = make([]int, len(f.code.Instrs))
	}
	f.repeat[at]++
	if f.repeat[at] < count {
		return true
	}
	f.repeat[at] = 0
	return false
}

// opcodeCost is the virtual duration of an instruction, about that of a
// specialised one in CPython 3.13 on a 3 GHz machine.
const opcodeCost = 20 // nanoseconds

// tick lets an instruction's time pass. Under a GIL the clock is moved, and a
// choice offered only when somebody's time has come; without one, threads
// progress together, each on its core.
func (t *Thread) tick() {
	if t.serial() && !t.in.subs.several() {
		if t.in.world.Advance(opcodeCost) {
			t.proc.Point(sched.Op{Kind: sched.Opcode})
		}
		return
	}
	t.in.cores.compute(t, opcodeCost)
}

// global finds the variable of a name, making it if create is set.
func (in *Interpreter) global(name string, create bool) *Var {
	in.mu.Lock()
	v := in.globals[name]
	in.mu.Unlock()
	if v == nil && create {
		v = in.Var(name, unbound{})
	}
	return v
}

func (in *Interpreter) loadGlobal(t *Thread, f *frame, name string) error {
	if v := in.global(name, false); v != nil {
		x := v.Get(t)
		if _, is := x.(unbound); !is {
			f.push(x)
			return nil
		}
	}
	if b := builtins[name]; b != nil {
		f.push(b)
		return nil
	}
	return Raise("NameError", "name '%s' is not defined", name)
}

// callValue calls what is under its arguments on the stack; python tells that
// it was a Python function.
func (in *Interpreter) callValue(t *Thread, f *frame, n, depth int) (python bool, err error) {
	args := append([]any(nil), f.stack[len(f.stack)-n:]...)
	f.stack = f.stack[:len(f.stack)-n]
	var v any
	switch fn := f.pop().(type) {
	case *Function:
		python = true
		v, err = in.call(t, fn.Code, args, depth+1)
	case *Builtin:
		v, err = fn.Call(t, args)
	default:
		return false, Raise("TypeError", "'%s' object is not callable", TypeName(fn))
	}
	if err == nil {
		f.push(v)
	}
	return python, err
}

// TypeName is type(v).__name__.
func TypeName(v any) string {
	switch v := v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case int, int64:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case *List, []any:
		return "list"
	case *Function:
		return "function"
	case *Builtin:
		return "builtin_function_or_method"
	case *Exception:
		return v.Type
	case interface{ PyType() string }:
		return v.PyType()
	}
	return goTypeName(reflect.TypeOf(v))
}

// goTypeName calls Go's types by what they would be in Python; a named type is
// a class.
func goTypeName(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t.Name() != "" && t.PkgPath() != "":
		return t.Name()
	case t.Kind() == reflect.Map:
		return "dict"
	case t.Kind() == reflect.Slice || t.Kind() == reflect.Array:
		return "list"
	case t.Kind() == reflect.Func:
		return "function"
	case t.ConvertibleTo(reflect.TypeFor[float64]()):
		return map[bool]string{true: "float", false: "int"}[t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64]
	}
	return "object"
}

func truth(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case int:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case *List:
		return len(v.Items) > 0
	}
	return true
}

func asInt(v any) (int, bool) {
	switch v := v.(type) {
	case int:
		return v, true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

func asFloat(v any) (float64, bool) {
	if f, ok := v.(float64); ok {
		return f, true
	}
	n, ok := asInt(v)
	return float64(n), ok
}

// operate is BINARY_OP: "list += …" changes the list itself (list_inplace_concat
// of Objects/listobject.c), everything else makes a new object.
func operate(t *Thread, i Instr, x, y any) (any, error) {
	if l, ok := x.(*List); ok && i.InPlace && binaryOperators[i.Arg] == "+" {
		return l.extend(t, y)
	}
	return binary(i, x, y)
}

func binary(i Instr, x, y any) (any, error) {
	op := binaryOperators[i.Arg]
	if a, ok := asInt(x); ok {
		if b, ok := asInt(y); ok {
			return intOp(op, a, b)
		}
	}
	if a, ok := asFloat(x); ok {
		if b, ok := asFloat(y); ok {
			if v, err := floatOp(op, a, b); v != nil || err != nil {
				return v, err
			}
		}
	}
	if v, ok := sequenceOp(op, x, y); ok {
		return v, nil
	}
	if kind := TypeName(x); op == "+" && (kind == "str" || kind == "list") {
		return nil, Raise("TypeError", `can only concatenate %s (not "%s") to %s`, kind, TypeName(y), kind)
	}
	spelled := op
	if i.InPlace {
		spelled += "="
	}
	return nil, Raise("TypeError", "unsupported operand type(s) for %s: '%s' and '%s'", spelled, TypeName(x), TypeName(y))
}

// errOverflow stands where CPython's integers would go on growing.
func errOverflow(op string) error {
	return Raise("OverflowError", "the modelled int has 64 bits: the result of %s is too large", op)
}

func intOp(op string, a, b int) (any, error) {
	switch op {
	case "+":
		if s := a + b; (s > a) == (b > 0) {
			return s, nil
		}
		return nil, errOverflow(op)
	case "-":
		if s := a - b; (s < a) == (b > 0) {
			return s, nil
		}
		return nil, errOverflow(op)
	case "*":
		if p := a * b; a == 0 || p/a == b && !(a == -1 && b == math.MinInt) {
			return p, nil
		}
		return nil, errOverflow(op)
	case "/":
		if b == 0 {
			return nil, Raise("ZeroDivisionError", "division by zero")
		}
		return float64(a) / float64(b), nil
	case "//", "%":
		if b == 0 {
			return nil, zeroModulo(op)
		}
		q, r := a/b, a%b
		if r != 0 && (r < 0) != (b < 0) {
			q, r = q-1, r+b
		}
		if op == "%" {
			return r, nil
		}
		return q, nil
	case "**":
		return intPower(a, b)
	case "&":
		return a & b, nil
	case "|":
		return a | b, nil
	case "^":
		return a ^ b, nil
	}
	return shift(op, a, b)
}

func zeroModulo(op string) error {
	if op == "%" {
		return Raise("ZeroDivisionError", "integer modulo by zero")
	}
	return Raise("ZeroDivisionError", "integer division or modulo by zero")
}

func shift(op string, a, b int) (any, error) {
	if b < 0 {
		return nil, Raise("ValueError", "negative shift count")
	}
	if op == ">>" {
		return a >> min(b, 63), nil
	}
	if b > 62 && a != 0 || a<<b>>b != a {
		return nil, errOverflow(op)
	}
	return a << b, nil
}

func intPower(a, b int) (any, error) {
	if b < 0 {
		return math.Pow(float64(a), float64(b)), nil
	}
	result := any(1)
	for range b {
		next, err := intOp("*", result.(int), a)
		if err != nil {
			return nil, errOverflow("**")
		}
		result = next
		if a == 0 || a == 1 {
			break
		}
	}
	return result, nil
}

func floatOp(op string, a, b float64) (any, error) {
	switch op {
	case "+":
		return a + b, nil
	case "-":
		return a - b, nil
	case "*":
		return a * b, nil
	case "**":
		return math.Pow(a, b), nil
	case "/", "//", "%":
		if b == 0 {
			return nil, Raise("ZeroDivisionError", "%s", map[string]string{
				"/": "float division by zero", "//": "float floor division by zero", "%": "float modulo"}[op])
		}
	}
	switch op {
	case "/":
		return a / b, nil
	case "//":
		return math.Floor(a / b), nil
	case "%":
		return a - b*math.Floor(a/b), nil
	}
	return nil, nil
}

func sequenceOp(op string, x, y any) (any, bool) {
	switch a := x.(type) {
	case string:
		if b, ok := y.(string); ok && op == "+" {
			return a + b, true
		}
		if n, ok := asInt(y); ok && op == "*" {
			return strings.Repeat(a, max(n, 0)), true
		}
	case *List:
		if b, ok := y.(*List); ok && op == "+" {
			listMu.Lock()
			defer listMu.Unlock()
			return &List{Items: append(append([]any(nil), a.Items...), b.Items...)}, true
		}
	}
	return nil, false
}

func compare(op string, x, y any) (bool, error) {
	if c, ok := order(x, y); ok {
		switch op {
		case "<":
			return c < 0, nil
		case "<=":
			return c <= 0, nil
		case ">":
			return c > 0, nil
		case ">=":
			return c >= 0, nil
		case "==":
			return c == 0, nil
		}
		return c != 0, nil
	}
	switch op {
	case "==":
		return same(x, y), nil
	case "!=":
		return !same(x, y), nil
	}
	return false, Raise("TypeError", "'%s' not supported between instances of '%s' and '%s'", op, TypeName(x), TypeName(y))
}

func order(x, y any) (int, bool) {
	if a, ok := asInt(x); ok {
		if b, ok := asInt(y); ok {
			return cmp.Compare(a, b), true
		}
	}
	if a, ok := asFloat(x); ok {
		if b, ok := asFloat(y); ok {
			return cmp.Compare(a, b), true
		}
	}
	if a, ok := x.(string); ok {
		if b, ok := y.(string); ok {
			return cmp.Compare(a, b), true
		}
	}
	if a, ok := asNumber(x); ok {
		if b, ok := asNumber(y); ok {
			return order(a, b)
		}
	}
	return 0, false
}

// asNumber is a number of any of Go's types as int or float64, which are Python's int
// and float here; false if it is no number.
func asNumber(v any) (any, bool) {
	if n, ok := asInt(v); ok {
		return n, true
	}
	switch r := reflect.ValueOf(v); {
	case r.CanInt():
		return int(r.Int()), true
	case r.CanUint() && r.Uint() <= math.MaxInt:
		return int(r.Uint()), true
	case r.CanUint():
		return float64(r.Uint()), true
	case r.CanFloat():
		return r.Float(), true
	}
	return v, false
}

func same(x, y any) bool {
	a, listA := elements(x)
	b, listB := elements(y)
	if listA || listB {
		return listA && listB && TypeName(x) == TypeName(y) && slices.EqualFunc(a, b, func(x, y any) bool {
			equal, _ := compare("==", x, y)
			return equal
		})
	}
	if x != nil && !reflect.ValueOf(x).Comparable() {
		return reflect.DeepEqual(x, y) // dicts, by their values
	}
	return x == y
}

func negate(f *frame) error {
	switch v := f.pop().(type) {
	case int:
		f.push(-v)
	case float64:
		f.push(-v)
	case bool:
		n, _ := asInt(v)
		f.push(-n)
	default:
		return Raise("TypeError", "bad operand type for unary -: '%s'", TypeName(v))
	}
	return nil
}

func getIter(f *frame) error {
	switch v := f.pop().(type) {
	case *iterator:
		f.push(v)
	case *List:
		f.push(&iterator{list: v})
	default:
		return Raise("TypeError", "'%s' object is not iterable", TypeName(v))
	}
	return nil
}

// Less is x < y: of numbers, strings, lists ([]any, which stands for tuples, too), and of values
// with a method Less(other any) bool. TypeError if Python could not say either.
func Less(x, y any) (bool, error) {
	if l, ok := x.(interface{ Less(other any) bool }); ok {
		return l.Less(y), nil
	}
	a, listA := elements(x)
	b, listB := elements(y)
	if !listA || !listB || TypeName(x) != TypeName(y) {
		return compare("<", x, y)
	}
	for i := range min(len(a), len(b)) {
		if equal, err := compare("==", a[i], b[i]); err != nil || equal {
			continue
		}
		return Less(a[i], b[i])
	}
	return len(a) < len(b), nil
}

func elements(x any) ([]any, bool) {
	switch x := x.(type) {
	case []any:
		return x, true
	case *List:
		return x.Items, true
	}
	return nil, false
}
