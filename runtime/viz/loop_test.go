package viz_test

import (
	"strings"
	"testing"
	"time"

	"braid/runtime/asyncio"
	"braid/runtime/trace"
	"braid/runtime/viz"
)

// drawn is the picture of a loop that runs main.
func drawn(t *testing.T, main func(c *asyncio.Co) error, opts ...asyncio.Option) *viz.Picture {
	t.Helper()
	var r *trace.Recorder
	opts = append(opts, asyncio.Prepare(func(l *asyncio.Loop) { r = l.Trace() }))
	co := asyncio.Async("main", func(c *asyncio.Co, _ []any) (any, error) { return nil, main(c) }).Call()
	if _, _, err := asyncio.RunVirtual(co, opts...); err != nil {
		t.Fatal(err)
	}
	return viz.Loop(r)
}

var nap = asyncio.Async("nap", func(c *asyncio.Co, _ []any) (any, error) { return c.Sleep(time.Second) })

func TestLoopNamesTasks(t *testing.T) {
	p := drawn(t, func(c *asyncio.Co) error {
		named, err := c.CreateTask(nap.Call(), "download")
		if err != nil {
			return err
		}
		later, err := c.CreateTask(nap.Call())
		if err != nil {
			return err
		}
		later.SetName("upload")
		_, err = c.Gather(named, later)
		return err
	})
	for _, name := range []string{"download", "upload", "main (Task-1)"} {
		if !strings.Contains(p.String(), "\n"+name) {
			t.Errorf("no lane is called %s:\n%s", name, p)
		}
	}
	for _, name := range []string{"Task-2", "Task-3"} {
		if strings.Contains(p.SVG(), ">"+name+"<") {
			t.Errorf("a lane is called %s although the task has a name", name)
		}
	}
}

func TestLoopCaptions(t *testing.T) {
	for _, c := range []struct {
		name string
		main func(c *asyncio.Co) error
		opts []asyncio.Option
		want string
	}{
		{"only waits", func(c *asyncio.Co) error { _, err := c.Await(nap.Call()); return err }, nil,
			"1 task, at most one runs at a time (overlap 0.0 ms); 4 steps in 1 s, none of which took time"},
		{"no time", func(c *asyncio.Co) error { _, err := c.Sleep(0); return err }, nil,
			"1 task, at most one runs at a time (overlap 0.0 ms); 3 steps in 0, none of which took time"},
		{"blocks", func(c *asyncio.Co) error { return c.BlockingSleep(500 * time.Millisecond) }, nil,
			"1 task, at most one runs at a time (overlap 0.0 ms); 2 steps in 500 ms, the loop was busy 500 ms of it; main (Task-1) blocked the loop for 500 ms: nobody else ran meanwhile"},
		{"eager", func(c *asyncio.Co) error {
			if err := c.BlockingSleep(10 * time.Millisecond); err != nil {
				return err
			}
			inner := asyncio.Async("inner", func(c *asyncio.Co, _ []any) (any, error) { return nil, c.BlockingSleep(20 * time.Millisecond) })
			if _, err := c.CreateTask(inner.Call()); err != nil {
				return err
			}
			return c.BlockingSleep(10 * time.Millisecond)
		}, []asyncio.Option{asyncio.Eager()},
			"2 tasks, at most one runs at a time (overlap 0.0 ms); 2 steps in 40 ms, the loop was busy 40 ms of it"},
	} {
		if p := drawn(t, c.main, c.opts...); p.Caption != c.want {
			t.Errorf("%s: caption\n%s, want\n%s\n%s", c.name, p.Caption, c.want, p)
		}
	}
}
