package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sort"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"braid/kernel/eval"
)

// Place is where the learner's code runs.
type Place struct {
	Dir   string            `json:"dir,omitempty"`   // to go to; relative to the present one
	Set   map[string]string `json:"set,omitempty"`   // environment variables to set
	Unset []string          `json:"unset,omitempty"` // and to remove
	Env   []string          `json:"env,omitempty"`   // in answers: the whole environment, sorted
	Error string            `json:"error,omitempty"` // in answers: why nothing was changed
}

// apply changes this process and says how it is then.
func (p Place) apply() Place {
	if p.Dir != "" {
		if err := os.Chdir(p.Dir); err != nil {
			return Place{Error: err.Error()}
		}
	}
	for name, value := range p.Set {
		if err := os.Setenv(name, value); err != nil {
			return Place{Error: err.Error()}
		}
	}
	for _, name := range p.Unset {
		os.Unsetenv(name)
	}
	dir, err := os.Getwd()
	if err != nil {
		return Place{Error: err.Error()}
	}
	env := os.Environ()
	sort.Strings(env)
	return Place{Dir: dir, Env: env}
}

// stopShell ends the command of a run; false if the run is not a command.
func (c *child) stopShell(id uint32, why *eval.Error) bool {
	c.mu.Lock()
	cancel := c.shells[id]
	c.mu.Unlock()
	if cancel == nil {
		return false
	}
	if why == nil {
		why = &eval.Error{Name: eval.Interrupted, Value: "the cell was interrupted"}
	}
	cancel(why)
	return true
}

// shell runs a command line and reports its end. Its output streams; it reads
// nothing.
func (c *child) shell(ctx context.Context, id uint32, command string) {
	err := c.command(ctx, id, command)
	c.mu.Lock()
	cancel := c.shells[id]
	delete(c.shells, id)
	c.mu.Unlock()
	cancel(nil)
	var body any
	if err != nil {
		body = ended{Error: err}
	}
	c.end(id, body)
}

// shellGrace is the time between asking an interrupted command to end and
// killing it.
const shellGrace = 500 * time.Millisecond

func (c *child) command(ctx context.Context, id uint32, command string) *eval.Error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if s := c.limits.Seconds; s > 0 {
		defer time.AfterFunc(time.Duration(s*float64(time.Second)), func() { cancel(timeLimitError(s)) }).Stop()
	}
	out := &shellOutput{child: c, run: id, limit: c.limits.Output, over: func() { cancel(outputLimitError(c.limits.Output)) }}
	cmd := shellCommand(ctx, command)
	cmd.Stdout = &shellStream{out: out, kind: kindStdout}
	cmd.Stderr = &shellStream{out: out, kind: kindStderr}
	cmd.WaitDelay = shellGrace
	err := cmd.Run()
	cmd.Stdout.(*shellStream).flush()
	cmd.Stderr.(*shellStream).flush()
	if ctx.Err() != nil && cmd.Process != nil {
		endGroup(cmd.Process.Pid)
	}
	var why *eval.Error
	var exit *exec.ExitError
	switch {
	case errors.As(context.Cause(ctx), &why):
		return why
	case err == nil || errors.Is(err, exec.ErrWaitDelay): // a background process keeps the output open
		return nil
	case errors.As(err, &exit):
		return &eval.Error{Name: eval.Exit, Value: "the command ended with " + exit.String()}
	default:
		return &eval.Error{Name: eval.Exit, Value: "the command could not be run: " + err.Error()}
	}
}

func outputLimitError(limit int64) *eval.Error {
	return &eval.Error{
		Name:  eval.LimitError,
		Value: fmt.Sprintf("the output limit of %s is used up", bytesText(limit)),
		Notes: []string{"Look for a loop that prints without end, or print a summary instead."},
	}
}

// shellOutput counts what a command writes.
type shellOutput struct {
	child *child
	run   uint32
	limit int64
	over  func()

	mu   sync.Mutex
	used int64
}

// shellStream passes one stream of a command on, in whole runes.
type shellStream struct {
	out  *shellOutput
	kind kind
	part []byte // the beginning of a rune
}

func (s *shellStream) Write(p []byte) (int, error) {
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	text := append(s.part, p...)
	n := wholeRunes(text)
	s.part = append([]byte(nil), text[n:]...)
	if s.out.limit > 0 && s.out.used+int64(n) > s.out.limit {
		s.out.over()
		return 0, io.ErrShortWrite
	}
	s.out.used += int64(n)
	return len(p), s.out.child.out.writeText(s.kind, s.out.run, strings.ToValidUTF8(string(text[:n]), "\uFFFD"))
}

func (s *shellStream) flush() {
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	if len(s.part) > 0 {
		s.out.child.out.writeText(s.kind, s.out.run, "\uFFFD")
		s.part = nil
	}
}

// wholeRunes is the length of the longest prefix of text that does not end
// within a rune.
func wholeRunes(text []byte) int {
	for back := 1; back <= min(utf8.UTFMax-1, len(text)); back++ {
		b := text[len(text)-back]
		if utf8.RuneStart(b) {
			if b >= utf8.RuneSelf && !utf8.FullRune(text[len(text)-back:]) {
				return len(text) - back
			}
			break
		}
	}
	return len(text)
}
