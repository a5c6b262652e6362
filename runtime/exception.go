package runtime

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
)

// Exception is a Python exception as a Go error: the type's name, the text that
// str() gives, and what led to it. Texts are CPython 3.13's where CPython
// raises the same exception.
//
// Modelled functions return exceptions; they never panic with them, except in
// the Must variants.
type Exception struct {
	Type  string // "ValueError"
	Msg   string // may be empty: str(CancelledError()) is ''
	Cause error  // __cause__: raise … from Cause
	// Group holds the exceptions of an ExceptionGroup or BaseExceptionGroup.
	Group []error
	// Value is StopIteration.value, SystemExit.code, KeyError's key.
	Value any
	// Stack is the Go stack of a panic that became this exception, or "".
	Stack string
	// Frames are the calls of interpreted code that the panic left, innermost
	// first: "In[3]:4, in worker". Empty in a compiled program.
	Frames []string
}

// Raise makes an exception; args are formatted into msg as fmt.Sprintf does if
// there are any.
func Raise(typ, msg string, args ...any) *Exception {
	if len(args) > 0 {
		msg = fmt.Sprintf(msg, args...)
	}
	return &Exception{Type: typ, Msg: msg}
}

// Error is the last line of a Python traceback: "ValueError: bad".
func (e *Exception) Error() string {
	if e == nil {
		return "<nil>"
	}
	if e.Msg == "" {
		return e.Type
	}
	return e.Type + ": " + e.Msg
}

// Unwrap gives errors.Is and errors.As the cause and the members of a group.
func (e *Exception) Unwrap() []error {
	all := e.Group
	if e.Cause != nil {
		all = append([]error{e.Cause}, all...)
	}
	return all
}

// From sets the cause and returns e.
func (e *Exception) From(cause error) *Exception {
	e.Cause = cause
	return e
}

// Repr is repr(e): "ValueError('bad')", "StopIteration(42)",
// "ExceptionGroup('several', [ValueError('bad')])".
func (e *Exception) Repr() string {
	switch {
	case e.Group != nil:
		msg := e.Msg
		if i := strings.LastIndex(msg, " ("); i >= 0 {
			msg = msg[:i]
		}
		members := make([]any, len(e.Group))
		for i, m := range e.Group {
			members[i] = m
		}
		return e.Type + "(" + Repr(msg) + ", " + Repr(members) + ")"
	case e.Value != nil && e.Type != "IncompleteReadError":
		return e.Type + "(" + Repr(e.Value) + ")"
	case e.Msg == "":
		return e.Type + "()"
	}
	return e.Type + "(" + Repr(e.Msg) + ")"
}

// parents is the part of CPython's exception hierarchy that matters here
// (Doc/library/exceptions.rst); what is missing derives from Exception.
var parents = map[string]string{
	"BaseException":          "",
	"Exception":              "BaseException",
	"BaseExceptionGroup":     "BaseException",
	"ExceptionGroup":         "Exception",
	"GeneratorExit":          "BaseException",
	"KeyboardInterrupt":      "BaseException",
	"SystemExit":             "BaseException",
	"CancelledError":         "BaseException",
	"ArithmeticError":        "Exception",
	"FloatingPointError":     "ArithmeticError",
	"OverflowError":          "ArithmeticError",
	"ZeroDivisionError":      "ArithmeticError",
	"AssertionError":         "Exception",
	"AttributeError":         "Exception",
	"EOFError":               "Exception",
	"ImportError":            "Exception",
	"ModuleNotFoundError":    "ImportError",
	"LookupError":            "Exception",
	"IndexError":             "LookupError",
	"KeyError":               "LookupError",
	"NameError":              "Exception",
	"UnboundLocalError":      "NameError",
	"OSError":                "Exception",
	"BlockingIOError":        "OSError",
	"ConnectionError":        "OSError",
	"BrokenPipeError":        "ConnectionError",
	"ConnectionResetError":   "ConnectionError",
	"ConnectionRefusedError": "ConnectionError",
	"gaierror":               "OSError",
	"FileNotFoundError":      "OSError",
	"InterruptedError":       "OSError",
	"PermissionError":        "OSError",
	"ProcessLookupError":     "OSError",
	"TimeoutError":           "OSError",
	"IncompleteReadError":    "EOFError",
	"RuntimeError":           "Exception",
	"NotImplementedError":    "RuntimeError",
	"RecursionError":         "RuntimeError",
	"BrokenExecutor":         "RuntimeError",
	"BrokenThreadPool":       "BrokenExecutor",
	"BrokenProcessPool":      "BrokenExecutor",
	"BrokenInterpreterPool":  "BrokenExecutor",
	"BrokenBarrierError":     "RuntimeError",
	"InvalidStateError":      "Exception", // asyncio's and futures' alike
	"StopIteration":          "Exception",
	"StopAsyncIteration":     "Exception",
	"SyntaxError":            "Exception",
	"SystemError":            "Exception",
	"TypeError":              "Exception",
	"ValueError":             "Exception",
	"PicklingError":          "PickleError",
	"PickleError":            "Exception",
	"QueueEmpty":             "Exception",
	"QueueFull":              "Exception",
	"QueueShutDown":          "Exception",
	"Empty":                  "Exception",
	"Full":                   "Exception",
	"ShutDown":               "Exception",
	"Warning":                "Exception",
	"RuntimeWarning":         "Warning",
	"DeprecationWarning":     "Warning",
	"ResourceWarning":        "Warning",
}

// IsSubclass is issubclass(typ, of) for exception types by name.
func IsSubclass(typ, of string) bool {
	for typ != "" {
		if typ == of {
			return true
		}
		parent, known := parents[typ]
		if !known {
			parent = "Exception"
		}
		typ = parent
	}
	return false
}

// Is tells whether "except typ:" would catch err. A Go error that is no
// Exception counts as an Exception, a nil error as nothing.
func Is(err error, typ string) bool {
	if err == nil {
		return false
	}
	e, ok := AsException(err)
	if !ok {
		return typ == "Exception" || typ == "BaseException"
	}
	return IsSubclass(e.Type, typ)
}

// AsException returns err itself if it is an Exception, or the first one that
// it wraps.
func AsException(err error) (*Exception, bool) {
	if e, ok := err.(*Exception); ok {
		return e, e != nil
	}
	var e *Exception
	if errors.As(err, &e) {
		return e, true
	}
	return nil, false
}

// Group makes an ExceptionGroup, or a BaseExceptionGroup if a member is no
// Exception (PEP 654). Its text counts the members as CPython does.
func Group(msg string, members ...error) *Exception {
	typ := "ExceptionGroup"
	for _, m := range members {
		if e, ok := AsException(m); ok && !IsSubclass(e.Type, "Exception") {
			typ = "BaseExceptionGroup"
		}
	}
	plural := "s"
	if len(members) == 1 {
		plural = ""
	}
	return &Exception{Type: typ, Msg: fmt.Sprintf("%s (%d sub-exception%s)", msg, len(members), plural), Group: members}
}

// FromPanic turns a panic of a callback into an exception that keeps both of
// its stacks: that of the compiled code, which the caller gives
// (debug.Stack() in the recovering function), and that of interpreted code, if
// the host knows one. An *Exception that was panicked with is returned itself.
func FromPanic(recovered any, stack []byte) *Exception {
	e, raised := recovered.(*Exception)
	if !raised {
		e = Raise("RuntimeError", "panic: %v", recovered)
		if err, ok := recovered.(error); ok {
			e = Raise("RuntimeError", "%s", err.Error())
			e.Cause = err
		}
		e.Stack = string(stack)
	}
	if find := frames.Load(); find != nil && e.Frames == nil {
		e.Frames = (*find)(recovered)
	}
	return e
}

var frames atomic.Pointer[func(recovered any) []string]

// SetFrames tells the runtime how to find the calls of interpreted code that a
// recovered panic has left, innermost first. It is for hosts such as a notebook
// kernel, before any cell runs.
func SetFrames(find func(recovered any) []string) { frames.Store(&find) }

var unwinding atomic.Pointer[func()]

// SetUnwinding tells the runtime whom to tell that the calling goroutine is being
// ended by a model, so that an interrupt leaves its cleanup alone. It is for
// hosts such as a notebook kernel, before any cell runs.
func SetUnwinding(tell func()) { unwinding.Store(&tell) }

// Unwinding is called by models on a goroutine whose body they are ending, before
// its cleanup runs.
func Unwinding() {
	if tell := unwinding.Load(); tell != nil {
		(*tell)()
	}
}

// Traceback writes an exception as Python does, the most recent call last: its
// interpreted frames, else the Go stack of the panic, then its last line.
func Traceback(e *Exception) string {
	var b strings.Builder
	if cause, ok := AsException(e.Cause); ok {
		b.WriteString(Traceback(cause) + "\nThe above exception was the direct cause of the following exception:\n\n")
	}
	switch {
	case len(e.Frames) > 0:
		b.WriteString("Traceback (most recent call last):\n")
		for _, f := range slices.Backward(e.Frames) {
			b.WriteString("  " + f + "\n")
		}
	case e.Stack != "":
		b.WriteString(strings.TrimRight(e.Stack, "\n") + "\n")
	}
	b.WriteString(e.Error() + "\n")
	return b.String()
}

type output struct{ w io.Writer }

var stderr atomic.Pointer[output]

// SetStderr tells where the runtime writes what CPython writes to sys.stderr; it
// is os.Stderr at first. w must be safe for concurrent use.
func SetStderr(w io.Writer) { stderr.Store(&output{w}) }

// Stderr is sys.stderr.
func Stderr() io.Writer {
	if o := stderr.Load(); o != nil {
		return o.w
	}
	return os.Stderr
}

// Repr writes a value as Python's repr does for the types that both worlds
// have: None, True, numbers, strings in single quotes, lists and dicts.
func Repr(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case string:
		return quote(v)
	case *Exception:
		return v.Repr()
	case float64:
		return reprFloat(v)
	case []any:
		parts := make([]string, len(v))
		for i, x := range v {
			parts[i] = Repr(x)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case fmt.Stringer:
		return v.String()
	}
	return fmt.Sprint(v)
}

func reprFloat(f float64) string {
	s := fmt.Sprint(f)
	switch {
	case strings.HasSuffix(s, "Inf"):
		return strings.TrimPrefix(strings.ToLower(s), "+")
	case s == "NaN":
		return "nan"
	case !strings.ContainsAny(s, ".e"):
		return s + ".0"
	}
	return s
}

// quote is repr of a str: single quotes unless the text holds one and no
// double quote.
func quote(s string) string {
	q := byte('\'')
	if strings.ContainsRune(s, '\'') && !strings.ContainsRune(s, '"') {
		q = '"'
	}
	var b strings.Builder
	b.WriteByte(q)
	for _, r := range s {
		switch {
		case r == '\\' || r == rune(q):
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte(q)
	return b.String()
}
