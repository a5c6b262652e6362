package runtime

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"braid/runtime/sched"
)

// Attrs is an object with attributes, each of which is read and written by an
// access of its own, like an instance with a __dict__.
type Attrs struct {
	Type string
	mu   sync.Mutex
	vars map[string]*Var
	in   *Interpreter
}

// Instance makes an object of a class, with no attributes yet.
func (in *Interpreter) Instance(class string) *Attrs {
	return &Attrs{Type: class, vars: map[string]*Var{}, in: in}
}

// PyType names the class in error texts.
func (a *Attrs) PyType() string { return a.Type }

func (a *Attrs) String() string { return "<" + a.Type + " object>" }

// Attr is the variable behind an attribute, made if there is none.
func (a *Attrs) Attr(name string) *Var {
	a.mu.Lock()
	defer a.mu.Unlock()
	v := a.vars[name]
	if v == nil {
		v = a.in.newVar(strings.ToLower(a.Type)+"."+name, unbound{})
		a.vars[name] = v
	}
	return v
}

func loadAttr(t *Thread, f *frame, name string) error {
	x := f.pop()
	switch a := x.(type) {
	case *Attrs:
		v := a.Attr(name).Get(t)
		if _, is := v.(unbound); !is {
			f.push(v)
			return nil
		}
	case *List:
		if name == "append" {
			f.push(&Builtin{Name: "append", Call: a.append})
			return nil
		}
	}
	return Raise("AttributeError", "'%s' object has no attribute '%s'", TypeName(x), name)
}

func storeAttr(t *Thread, f *frame, name string) error {
	x, v := f.pop(), f.pop()
	a, ok := x.(*Attrs)
	if !ok {
		return Raise("AttributeError", "'%s' object has no attribute '%s' and no __dict__ for setting new attributes", TypeName(x), name)
	}
	a.Attr(name).Set(t, v)
	return nil
}

// listMu keeps racing lists in one piece: Python's own promise, since a list
// operation is one C function (under a GIL) or takes the list's lock (PEP 703).
var listMu sync.Mutex

func (l *List) append(t *Thread, args []any) (any, error) {
	if len(args) != 1 {
		return nil, Raise("TypeError", "list.append() takes exactly one argument (%d given)", len(args))
	}
	t.Access(sched.Op{Kind: sched.Step, Label: "append"})
	listMu.Lock()
	defer listMu.Unlock()
	l.Items = append(l.Items, args[0])
	return nil, nil
}

// extend appends the elements of a list or the characters of a string, in one
// step, and returns l.
func (l *List) extend(t *Thread, more any) (any, error) {
	t.Access(sched.Op{Kind: sched.Step, Label: "extend"})
	listMu.Lock()
	defer listMu.Unlock()
	switch more := more.(type) {
	case *List:
		l.Items = append(l.Items, more.Items...)
	case string:
		for _, r := range more {
			l.Items = append(l.Items, string(r))
		}
	default:
		return nil, Raise("TypeError", "'%s' object is not iterable", TypeName(more))
	}
	return l, nil
}

func element(x, index any) (*List, int, error) {
	l, ok := x.(*List)
	if !ok {
		return nil, 0, Raise("TypeError", "'%s' object is not subscriptable", TypeName(x))
	}
	i, ok := asInt(index)
	if !ok {
		return nil, 0, Raise("TypeError", "list indices must be integers or slices, not %s", TypeName(index))
	}
	if i < 0 {
		i += len(l.Items)
	}
	if i < 0 || i >= len(l.Items) {
		return nil, 0, Raise("IndexError", "list index out of range")
	}
	return l, i, nil
}

func subscript(t *Thread, f *frame) error {
	index, x := f.pop(), f.pop()
	t.Access(sched.Op{Kind: sched.Step, Label: "get item"})
	listMu.Lock()
	defer listMu.Unlock()
	l, i, err := element(x, index)
	if err == nil {
		f.push(l.Items[i])
	}
	return err
}

func storeSubscript(t *Thread, f *frame) error {
	index, x, v := f.pop(), f.pop(), f.pop()
	t.Access(sched.Op{Kind: sched.Step, Label: "set item"})
	listMu.Lock()
	defer listMu.Unlock()
	l, i, err := element(x, index)
	if err == nil {
		l.Items[i] = v
	}
	return err
}

// builtins are the compiled functions that every module sees.
var builtins = map[string]*Builtin{
	"range": {Name: "range", Call: builtinRange},
	"int":   {Name: "int", Call: builtinInt},
	"len":   {Name: "len", Call: builtinLen},
	"sleep": {Name: "sleep", Call: builtinSleep},
	"str": {Name: "str", Call: func(_ *Thread, args []any) (any, error) {
		if len(args) == 1 {
			if s, ok := args[0].(string); ok {
				return s, nil
			}
			return Repr(args[0]), nil
		}
		return "", nil
	}},
}

func builtinRange(_ *Thread, args []any) (any, error) {
	ints := make([]int, len(args))
	for i, a := range args {
		n, ok := asInt(a)
		if !ok {
			return nil, Raise("TypeError", "'%s' object cannot be interpreted as an integer", TypeName(a))
		}
		ints[i] = n
	}
	switch len(ints) {
	case 1:
		return &iterator{stop: ints[0], step: 1}, nil
	case 2:
		return &iterator{next: ints[0], stop: ints[1], step: 1}, nil
	case 3:
		if ints[2] == 0 {
			return nil, Raise("ValueError", "range() arg 3 must not be zero")
		}
		return &iterator{next: ints[0], stop: ints[1], step: ints[2]}, nil
	case 0:
		return nil, Raise("TypeError", "range expected at least 1 argument, got 0")
	}
	return nil, Raise("TypeError", "range expected at most 3 arguments, got %d", len(ints))
}

func builtinInt(_ *Thread, args []any) (any, error) {
	if len(args) == 0 {
		return 0, nil
	}
	switch v := args[0].(type) {
	case float64:
		return int(v), nil
	case string:
		n, err := strconv.Atoi(strings.TrimSpace(v))
		if err != nil {
			return nil, Raise("ValueError", "invalid literal for int() with base 10: %s", Repr(v))
		}
		return n, nil
	}
	if n, ok := asInt(args[0]); ok {
		return n, nil
	}
	return nil, Raise("TypeError", "int() argument must be a string, a bytes-like object or a real number, not '%s'", TypeName(args[0]))
}

func builtinLen(_ *Thread, args []any) (any, error) {
	if len(args) != 1 {
		return nil, Raise("TypeError", "len() takes exactly one argument (%d given)", len(args))
	}
	switch v := args[0].(type) {
	case string:
		return len([]rune(v)), nil
	case *List:
		return len(v.Items), nil
	}
	return nil, Raise("TypeError", "object of type '%s' has no len()", TypeName(args[0]))
}

func builtinSleep(t *Thread, args []any) (any, error) {
	if len(args) != 1 {
		return nil, Raise("TypeError", "sleep() takes exactly one argument (%d given)", len(args))
	}
	s, ok := asFloat(args[0])
	if !ok {
		return nil, Raise("TypeError", "'%s' object cannot be interpreted as an integer", TypeName(args[0]))
	}
	return nil, t.Sleep(time.Duration(s * float64(time.Second)))
}
