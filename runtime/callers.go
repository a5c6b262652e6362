package runtime

import (
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"

	"braid/runtime/sched"
)

// CallersHost is how a host that runs code of its own, such as a notebook
// kernel, says where in it a goroutine is.
type CallersHost struct {
	// Callers gives the calls of the host's code that are under way on the calling
	// goroutine, innermost first, at most so many.
	Callers func(most int) []sched.Frame
	// Follow makes Callers know calls that begin from now on also on goroutines
	// that models start, until stop is called.
	Follow func() (stop func())
	// Source is the text of a line, without the space around it; "" if unknown.
	Source func(file string, line int) string
}

var callers atomic.Pointer[CallersHost]

// SetCallers tells the runtime about its host, before any cell runs.
func SetCallers(h CallersHost) { callers.Store(&h) }

// FollowCallers makes Callers ready for programs that begin now. It is for
// models that tell where something happened; call stop when they have ended.
func FollowCallers() (stop func()) {
	if h := callers.Load(); h != nil {
		return h.Follow()
	}
	return func() {}
}

// Callers gives the calls of the program that are under way on the calling
// goroutine, innermost first, at most so many: those of cells in a notebook, else
// those of Go code that belongs neither to Braid's models nor to Go's library.
// It costs some microseconds.
func Callers(most int) []sched.Frame {
	if h := callers.Load(); h != nil {
		return h.Callers(most)
	}
	return compiledCallers(most)
}

// SourceLine is the text of a line of a cell, without the space around it, or ""
// if it is not known, as in a plain Go program.
func SourceLine(file string, line int) string {
	if h := callers.Load(); h != nil {
		return h.Source(file, line)
	}
	return ""
}

// compiledCallers is Callers in a plain Go program.
func compiledCallers(most int) (list []sched.Frame) {
	var pcs [64]uintptr
	n := runtime.Callers(3, pcs[:])
	for frames := runtime.CallersFrames(pcs[:n]); len(list) < most; {
		f, more := frames.Next()
		if programs(f) {
			list = append(list, sched.Frame{File: f.File, Line: f.Line, Func: shortName(f.Function)})
		}
		if !more {
			break
		}
	}
	return list
}

// mainModule is the path of the module that the program belongs to.
var mainModule = sync.OnceValue(func() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Path
	}
	return ""
})

// programs tells the program's own frames from the model's and the library's.
func programs(f runtime.Frame) bool {
	switch module := mainModule(); {
	case strings.HasSuffix(f.File, "_test.go"):
		return true
	case f.Function == "" || strings.HasPrefix(f.Function, "braid/runtime"):
		return false
	case strings.HasPrefix(f.Function, "main."):
		return f.Function != "main.main" || !strings.HasPrefix(f.File, "_testmain")
	case module != "" && strings.HasPrefix(f.Function, module):
		return true
	}
	first, _, _ := strings.Cut(f.Function, "/") // Go's library has no host in its paths
	return strings.Contains(first, ".") && strings.Contains(f.Function, "/")
}

// shortName takes the package's path away: "Transfer.func1".
func shortName(function string) string {
	function = function[strings.LastIndexByte(function, '/')+1:]
	_, name, _ := strings.Cut(function, ".")
	return name
}
