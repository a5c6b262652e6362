package futures_test

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	rt "braid/runtime"
	"braid/runtime/futures"
)

type point struct {
	X, Y int
	tag  string
}

func (p point) String() string { return fmt.Sprintf("(%d,%d,%s)", p.X, p.Y, p.tag) }

func pid() int { return os.Getpid() }

func mirror(p point) point { return point{p.Y, p.X, p.tag + "'"} }

func mutate(list []any) int {
	list[0] = "changed"
	return len(list)
}

func explode(how string) (any, error) {
	switch how {
	case "panic":
		panic("boom")
	case "exit":
		os.Exit(3)
	case "kill":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "channel":
		return make(chan int), nil
	case "sleep":
		time.Sleep(time.Hour)
	}
	return nil, rt.Raise("ValueError", "%s", how)
}

var bumps int

func bump() int { bumps++; return bumps }

func greet(t *rt.Thread, name string) string { return t.Name + " greets " + name }

func TestMain(m *testing.M) {
	for name, fn := range map[string]any{
		"pid": pid, "mirror": mirror, "mutate": mutate, "explode": explode, "bump": bump, "square": square, "greet": greet, "sleepFor": sleepFor,
		"compute": compute,
	} {
		if err := futures.Register(name, fn); err != nil {
			panic(err)
		}
	}
	futures.FreezeSupport()
	os.Exit(m.Run())
}

func sleepFor(d time.Duration) time.Duration { time.Sleep(d); return d }

// noLeaks checks at the end that no process and no goroutine is left.
func noLeaks(t *testing.T) {
	t.Helper()
	goroutines, processes := runtime.NumGoroutine(), children(t)
	t.Cleanup(func() {
		t.Helper()
		if n := children(t) - processes; n > 0 {
			t.Errorf("%d worker processes are left", n)
		}
		for i := 0; runtime.NumGoroutine() > goroutines && i < 200; i++ {
			time.Sleep(5 * time.Millisecond)
		}
		if n := runtime.NumGoroutine(); n > goroutines {
			buf := make([]byte, 1<<16)
			t.Errorf("%d goroutines, %d before:\n%s", n, goroutines, buf[:runtime.Stack(buf, true)])
		}
	})
}

func TestProcessPool(t *testing.T) {
	noLeaks(t)
	p := must(futures.NewProcessPoolExecutor(2))
	p.With(nil, func() {
		v, err := must(p.Submit(nil, pid)).Result(nil)
		if err != nil || v == os.Getpid() {
			t.Errorf("pid %v, %v", v, err)
		}
		if n := len(p.Processes()); n > 2 {
			t.Errorf("%d processes", n)
		}
		v, err = must(p.Submit(nil, mirror, point{1, 2, "t"})).Result(nil)
		if v != (point{2, 1, "t'"}) || err != nil {
			t.Errorf("a struct came back as %v, %v", v, err)
		}
		v, err = must(p.Submit(nil, "mirror", point{1, 2, "t"})).Result(nil)
		if v != (point{2, 1, "t'"}) || err != nil {
			t.Errorf("by name: %v, %v", v, err)
		}
		list := []any{1}
		if v, err = must(p.Submit(nil, mutate, list)).Result(nil); v != 1 || err != nil || list[0] != 1 {
			t.Errorf("an argument is shared: %v, %v, %v", v, err, list)
		}
		all, err := must(p.Map(nil, square, futures.Range(0, 10), futures.ChunkSize(3))).List(nil)
		if fmt.Sprint(all, err) != "[0 1 4 9 16 25 36 49 64 81] <nil>" {
			t.Errorf("map: %v %v", all, err)
		}
		if v, err = must(p.Submit(nil, greet, "you")).Result(nil); v != "MainThread greets you" || err != nil {
			t.Errorf("a function with a thread: %v, %v", v, err)
		}
	})
	s := p.Stats()
	if s.Calls != 9 || s.Sent < 200 || s.Received < 100 || s.Processes != 2 {
		t.Errorf("%+v", s)
	}
}

// The texts are those of CPython 3.13, but for closures (3.14).
func TestProcessPoolErrors(t *testing.T) {
	noLeaks(t)
	local := 1
	p := must(futures.NewProcessPoolExecutor(1))
	defer p.Shutdown(nil, true, false)
	for _, c := range []struct {
		fn   any
		args []any
		want string
	}{
		{func() int { return local }, nil, "PicklingError: Can't pickle local object 'TestProcessPoolErrors.<locals>.func1'"},
		{square, []any{func() {}}, "PicklingError: Can't pickle local object"},
		{square, nil, "TypeError: square() missing 1 required positional argument"},
		{square, []any{1, 2}, "TypeError: square() takes 1 positional argument but 2 were given"},
		{square, []any{"x"}, "TypeError: square() argument 1 must be int, not str"},
		{"nothing", nil, "PicklingError: Can't pickle 'nothing': attribute lookup nothing on __main__ failed"},
		{3, nil, "TypeError: 'int' object is not callable"},
		{explode, []any{"bad"}, "ValueError: bad"},
		{explode, []any{"panic"}, "RuntimeError: panic: boom"},
		{explode, []any{"channel"}, "TypeError: cannot pickle 'chan int' object"},
	} {
		f := must(p.Submit(nil, c.fn, c.args...))
		_, err := f.Result(nil)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v%v: %v, want %s", c.fn, c.args, err, c.want)
		}
	}
	_, err := must(p.Submit(nil, explode, "bad")).Result(nil)
	var e *rt.Exception
	if !errors.As(err, &e) || e.Cause == nil || !strings.HasPrefix(e.Cause.Error(), "_RemoteTraceback: \n\"\"\"\nValueError: bad") {
		t.Errorf("no remote traceback: %v", e)
	}
}

func TestBrokenProcessPool(t *testing.T) {
	for _, how := range []string{"exit", "kill", "kill from outside"} {
		t.Run(how, func(t *testing.T) {
			noLeaks(t)
			p := must(futures.NewProcessPoolExecutor(2))
			f := must(p.Submit(nil, explode, "sleep"))
			g := must(p.Submit(nil, square, 1))
			g.Result(nil)
			if how == "kill from outside" {
				syscall.Kill(p.Processes()[0], syscall.SIGKILL)
			} else {
				must(p.Submit(nil, explode, how))
			}
			_, err := f.Result(nil)
			if errText(err) != "BrokenProcessPool: A process in the process pool was terminated abruptly while the future was running or pending." {
				t.Error(err)
			}
			if !rt.Is(err, "BrokenExecutor") || err.(*rt.Exception).Cause == nil {
				t.Error("no cause, or no BrokenExecutor")
			}
			if _, err := p.Submit(nil, square, 1); errText(err) != "BrokenProcessPool: A child process terminated abruptly, the process pool is not usable anymore" {
				t.Error(err)
			}
			p.Shutdown(nil, true, false)
		})
	}
}

func TestMaxTasksPerChild(t *testing.T) {
	noLeaks(t)
	p := must(futures.NewProcessPoolExecutor(1, futures.MaxTasksPerChild(2)))
	all, err := must(p.Map(nil, bump, []any{}, futures.Zip())).List(nil)
	if len(all) != 0 || err != nil {
		t.Error(all, err)
	}
	var got []any
	var fs []*futures.Future
	for range 5 {
		fs = append(fs, must(p.Submit(nil, bump)))
	}
	for _, f := range fs {
		v, err := f.Result(nil)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, v)
	}
	p.Shutdown(nil, true, false)
	if !reflect.DeepEqual(got, []any{1, 2, 1, 2, 1}) {
		t.Errorf("%v: every third call should meet a new process", got)
	}
}

func TestInitializerInProcess(t *testing.T) {
	noLeaks(t)
	p := must(futures.NewProcessPoolExecutor(1, futures.Initializer(bump)))
	if v, err := must(p.Submit(nil, bump)).Result(nil); v != 2 || err != nil {
		t.Error(v, err)
	}
	p.Shutdown(nil, true, false)
	q := must(futures.NewProcessPoolExecutor(1, futures.Initializer(explode, "bad")))
	if _, err := must(q.Submit(nil, bump)).Result(nil); !rt.Is(err, "BrokenProcessPool") {
		t.Error(err)
	}
	q.Shutdown(nil, true, false)
}

// The end of a Scope ends the processes, also in the midst of a call; the pool
// can be used again.
func TestScopeEndsProcesses(t *testing.T) {
	noLeaks(t)
	before := children(t)
	scope := rt.NewScope()
	rt.SetCurrentScope(func() *rt.Scope { return scope })
	defer rt.SetCurrentScope(func() *rt.Scope { return nil })
	p := must(futures.NewProcessPoolExecutor(2))
	f := must(p.Submit(nil, explode, "sleep"))
	must(p.Submit(nil, square, 2)).Result(nil)
	if living := scope.Living(); len(living) != 1 || living[0] != "executor ProcessPoolExecutor" {
		t.Error(living)
	}
	scope.End()
	if n := children(t) - before; n != 0 {
		t.Errorf("%d processes after the end", n)
	}
	if _, err := f.Result(nil); errText(err) != "KeyboardInterrupt" {
		t.Error(err)
	}
	if v, err := must(p.Submit(nil, square, 3)).Result(nil); v != 9 || err != nil {
		t.Error("after the end: ", v, err)
	}
	scope.End()
}

// An Interpreter's program ends what it has started.
func TestProgramEndsProcesses(t *testing.T) {
	noLeaks(t)
	in := rt.New(rt.GIL310)
	var f *futures.Future
	err := in.Run(func(th *rt.Thread) error {
		p := must(futures.NewProcessPoolExecutor(1))
		f = must(p.Submit(th, sleepFor, 20*time.Millisecond))
		return nil
	})
	if v, e := f.Result(nil, 0); v != 20*time.Millisecond || e != nil || err != nil {
		t.Error(v, e, err)
	}
	_, err = must(futures.NewProcessPoolExecutor(1)).Submit(nil, square, 1)
	_ = err
	rt.Default.End()
}

func BenchmarkProcessCall(b *testing.B) {
	p := must(futures.NewProcessPoolExecutor(1))
	defer p.Shutdown(nil, true, false)
	must(p.Submit(nil, square, 3)).Result(nil)
	for b.Loop() {
		f := must(p.Submit(nil, square, 3))
		if v, _ := f.Result(nil); v != 9 {
			b.Fatal(v)
		}
	}
}
