package worker

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"braid/kernel/eval"
)

// labelRun is the profiler label by which package host knows the goroutines of a
// run: its value is the Program.ID. The Go runtime prints labels in crash reports,
// which tells the cell that a crash belongs to.
const labelRun = "braid"

// crashText is what the child's runtime printed when it died. The first and the
// last part are kept; between them stand the frames of deep recursion.
type crashText struct {
	text []byte
}

const (
	crashHead = 48 << 10
	crashTail = 16 << 10
)

// read keeps what comes until the other end is closed; first runs at the first
// bytes.
func (c *crashText) read(r io.Reader, first func()) {
	var once sync.Once
	var tail []byte
	buf := make([]byte, 4<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			once.Do(first)
		}
		room := min(n, crashHead-len(c.text))
		c.text = append(c.text, buf[:room]...)
		tail = append(tail, buf[room:n]...)
		if len(tail) > 2*crashTail {
			tail = append(tail[:0], tail[len(tail)-crashTail:]...)
		}
		if err != nil {
			if len(tail) > crashTail {
				tail = tail[len(tail)-crashTail:]
			}
			c.text = append(c.text, tail...)
			return
		}
	}
}

// fatal knows the texts of the Go runtime (go1.26 runtime/panic.go, map.go,
// stack.go, malloc.go, sync/mutex.go) and what a learner can do about each.
var fatal = []struct {
	find  string // in the first lines of the crash text
	value string // in place of the runtime's own words, if not empty
	notes []string
}{
	{"concurrent map writes", "", mapAdvice},
	{"concurrent map read and map write", "", mapAdvice},
	{"concurrent map iteration and map write", "", mapAdvice},
	{"stack overflow", "stack overflow", stackAdvice},
	{"stack exceeds", "stack overflow", stackAdvice},
	{"sync: unlock of unlocked mutex", "", unlockAdvice},
	{"sync: Unlock of unlocked RWMutex", "", unlockAdvice},
	{"sync: RUnlock of unlocked RWMutex", "", unlockAdvice},
	{"out of memory", "out of memory", memoryAdvice},
	{"cannot allocate memory", "out of memory", memoryAdvice},
	{"cannot allocate heap", "out of memory", memoryAdvice},
	{"failed to create new OS thread", "", []string{"Too many goroutines wait in system calls at once; each one needs a thread of the operating system."}},
	{"thread exhaustion", "", []string{"Too many goroutines wait in system calls at once; each one needs a thread of the operating system."}},
	{"all goroutines are asleep", "", []string{"Every goroutine waits for another one: something has to send, close, unlock or call Done."}},
}

var (
	mapAdvice    = []string{"Two goroutines used the same map at the same time, and at least one wrote. Guard the map with a sync.Mutex, or use a sync.Map."}
	stackAdvice  = []string{"A function calls itself without end. Check that the recursion reaches a case that returns without a further call."}
	unlockAdvice = []string{"Unlock was called on a mutex that was not locked: each Unlock needs one Lock before it. `defer mu.Unlock()` right after `mu.Lock()` keeps the pair together."}
	nativeAdvice = []string{"The panic happened on a goroutine that compiled library code has started, where it can't be caught."}
	memoryAdvice = []string{"Look for a slice, map or channel that grows without end, or for data that is kept longer than it is needed."}
)

var (
	fatalLine = regexp.MustCompile(`(?m)^(fatal error|panic|runtime|SIG[A-Z]+): ?(.*)$`)
	labelText = regexp.MustCompile(`^goroutine \d+ (?:gp=\S+ m=\S+ (?:mp=\S+ )?)?\[[^\]]*"` + regexp.QuoteMeta(labelRun) + `": "(\d+)"`)
)

// diagnose turns the traces of a dead worker into words. cause, when not nil, is
// why this side killed it.
func diagnose(crash []byte, ps *os.ProcessState, cause *eval.Error, limits eval.Limits) *Death {
	d := &Death{Text: strings.ToValidUTF8(string(crash), "\uFFFD")}
	d.Run = crashedRun(d.Text)
	switch {
	case cause != nil:
		e := *cause
		d.Err = &e
	case fatalLine.MatchString(d.Text):
		d.Err = fatalError(d.Text, limits)
	case frameReason(d.Text) != "":
		d.Err = fatalError(frameReason(d.Text), limits)
	default:
		d.Err = statusError(ps, limits)
	}
	return d
}

// fatalError explains a crash report.
func fatalError(text string, limits eval.Limits) *eval.Error {
	head := headLines(text)
	e := &eval.Error{Name: eval.FatalError, Value: headline(text)}
	if strings.HasPrefix(e.Value, "panic: ") { // its text is the learner's
		e.Notes = nativeAdvice
		return e
	}
	for _, f := range fatal {
		if !strings.Contains(head, f.find) {
			continue
		}
		if f.value != "" {
			e.Value = "fatal error: " + f.value
		}
		e.Notes = f.notes
		if f.value == "out of memory" && limits.Memory > 0 {
			return memoryLimitError(limits.Memory)
		}
		return e
	}
	return e
}

// frameReason guesses the first line of a crash report that came without it, from
// the function of the runtime in which the goroutine died.
func frameReason(text string) string {
	for _, f := range []struct{ frame, reason string }{
		{"internal/runtime/maps.fatal(", "fatal error: concurrent map read and map write"},
		{"internal/sync.fatal(", "fatal error: sync: unlock of unlocked mutex"},
		{"sync.fatal(", "fatal error: sync: Unlock of unlocked RWMutex"},
		{"runtime.newstack()", "fatal error: stack overflow"},
		{"runtime.mallocgc", "fatal error: out of memory"},
		{"\ngoroutine ", "fatal error: the Go runtime ended the program"},
	} {
		if strings.Contains(text, f.frame) {
			return f.reason
		}
	}
	return ""
}

// headline is the line of a crash report that says what happened, "fatal error: …"
// before anything else.
func headline(text string) string {
	var first string
	for _, m := range fatalLine.FindAllStringSubmatch(text, -1) {
		if m[1] == "fatal error" {
			return m[0]
		}
		if first == "" {
			first = m[0]
		}
	}
	return first
}

// headLines is a crash report up to its first goroutine.
func headLines(text string) string {
	if i := strings.Index(text, "\ngoroutine "); i >= 0 {
		return text[:i]
	}
	return text
}

// crashedRun finds the run of the goroutine that crashed, which is the first of
// the report.
func crashedRun(text string) int {
	i := strings.Index(text, "\ngoroutine ")
	if i < 0 {
		return 0
	}
	line, _, _ := strings.Cut(text[i+1:], "\n")
	m := labelText.FindStringSubmatch(line)
	if m == nil {
		return 0
	}
	id, _ := strconv.Atoi(m[1])
	return id
}

// statusError explains an end without a crash report.
func statusError(ps *os.ProcessState, limits eval.Limits) *eval.Error {
	if ps == nil {
		return &eval.Error{Name: eval.WorkerLost, Value: "the worker process is gone"}
	}
	sig, name, ok := signalOf(ps)
	if !ok {
		return &eval.Error{
			Name:  eval.WorkerLost,
			Value: fmt.Sprintf("the worker process ended with exit status %d", ps.ExitCode()),
			Notes: []string{"Something in the cell, or a library it calls, ended the process directly."},
		}
	}
	e := &eval.Error{Name: eval.WorkerLost, Value: "the worker process was killed from outside (" + name + ")"}
	if isKill(sig) {
		e.Notes = []string{"If the machine was short of memory, its kernel has chosen this process: try less data, or fewer goroutines at a time."}
	}
	return e
}
