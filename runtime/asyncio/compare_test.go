package asyncio

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	rt "braid/runtime"
	"braid/runtime/internal/compare"
)

// The programs of testdata/compare are written twice. Those in Go run on the
// virtual clock and then on the machine's, and must print the same on both.
func TestAgainstCPython(t *testing.T) {
	all := map[string]func(out io.Writer){}
	for _, group := range []map[string]func(s *script){generatorPrograms, coroutinePrograms, loopPrograms, taskPrograms, waitPrograms, lockPrograms, asyncGenPrograms} {
		for name, program := range group {
			if all[name] != nil {
				t.Errorf("two programs are called %s", name)
			}
			all[name] = both(program)
		}
	}
	for name, program := range realPrograms {
		all[name] = func(out io.Writer) { program(&script{out: out}) }
	}
	t.Run("programs", func(t *testing.T) { compare.Files(t, "testdata/compare", all) })
	if t.Failed() || testing.Short() {
		return
	}
	if _, version := compare.Python(t); strings.HasPrefix(version, "3.") && compare.Compared() < 120 {
		t.Errorf("%d programs were compared with CPython %s, want 120 at least", compare.Compared(), version)
	}
	t.Logf("%d of %d programs were compared with this machine's CPython, the others with what a newer one prints", compare.Compared(), len(all))
}

// script is a program of a comparison.
type script struct {
	mu      sync.Mutex
	out     io.Writer // guarded by mu
	virtual bool
}

func both(program func(s *script)) func(out io.Writer) {
	return func(out io.Writer) {
		var virtual, real bytes.Buffer
		program(&script{out: &virtual, virtual: true})
		program(&script{out: &real})
		_, _ = out.Write(virtual.Bytes())
		if virtual.String() != real.String() {
			fmt.Fprintf(out, "on the real clock:\n%s", compare.Diff(virtual.String(), real.String()))
		}
	}
}

// print is Python's print.
func (s *script) print(args ...any) {
	texts := make([]string, len(args))
	for i, a := range args {
		texts[i] = str(a)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintln(s.out, strings.Join(texts, " "))
}

// raised prints repr of an exception, if there is one.
func (s *script) raised(err error, before ...any) {
	if err != nil {
		s.print(append(before, rt.Repr(err))...)
	}
}

// run is asyncio.run; what escapes is printed.
func (s *script) run(body func(c *Co) error, opts ...Option) {
	main := Async("main", func(c *Co, _ []any) (any, error) { return nil, body(c) }).Call()
	var err error
	if s.virtual {
		_, _, err = RunVirtual(main, opts...)
	} else {
		_, err = Run(main, opts...)
	}
	s.raised(err, "main raised")
}

// ms is so many milliseconds.
func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// def makes a coroutine function without arguments and results.
func def(name string, body func(c *Co) error) *Function {
	return Async(name, func(c *Co, _ []any) (any, error) { return nil, body(c) })
}

func tuple(v ...any) []any { return v }
