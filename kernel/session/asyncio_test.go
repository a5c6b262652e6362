package session

import "testing"

const importAsyncio = `import (
	"fmt"
	"time"

	"braid/runtime/asyncio"
)
run := func(body func(c *asyncio.Co) (any, error)) (any, error) {
	return asyncio.Run(asyncio.Async("main", func(c *asyncio.Co, a []any) (any, error) { return body(c) }).Call())
}`

// An interrupt ends event loops, whatever their tasks do, and leaves nothing.
func TestInterruptEndsLoops(t *testing.T) {
	for name, code := range map[string]string{
		"waiting": `run(func(c *asyncio.Co) (any, error) { fmt.Println("ready"); return c.Sleep(time.Hour) })`,
		"many waiting": `run(func(c *asyncio.Co) (any, error) {
	var all []any
	for i := 0; i < 1000; i++ {
		all = append(all, asyncio.Sleep(time.Hour))
	}
	fmt.Println("ready")
	return c.Gather(all...)
})`,
		"never suspends": `run(func(c *asyncio.Co) (any, error) {
	fmt.Println("ready")
	for {
	}
})`,
		"busy tasks": `run(func(c *asyncio.Co) (any, error) {
	fmt.Println("ready")
	for {
		c.Sleep(0)
	}
})`,
		"blocks": `run(func(c *asyncio.Co) (any, error) { fmt.Println("ready"); return nil, c.BlockingSleep(time.Hour) })`,
		"threads": `run(func(c *asyncio.Co) (any, error) {
	fmt.Println("ready")
	return c.ToThread(func() {
		for {
		}
	})
})`,
		"swallows": `run(func(c *asyncio.Co) (any, error) {
	fmt.Println("ready")
	for {
		c.Sleep(time.Hour)
	}
})`,
		"virtual": `asyncio.RunVirtual(asyncio.Async("main", func(c *asyncio.Co, a []any) (any, error) {
	fmt.Println("ready")
	for {
		c.Sleep(time.Second)
	}
}).Call())`,
		"server": `run(func(c *asyncio.Co) (any, error) {
	s, err := c.StartServer(func(c *asyncio.Co, r *asyncio.StreamReader, w *asyncio.StreamWriter) error {
		_, err := r.ReadLine(c)
		return err
	}, "127.0.0.1", 0)
	if err != nil {
		return nil, err
	}
	c.OpenConnection("127.0.0.1", s.Port())
	fmt.Println("ready")
	return nil, s.ServeForever(c)
})`,
		"generator": `g := asyncio.Gen("g", func(y *asyncio.Yielder, a []any) (any, error) {
	for {
	}
}).Call()
fmt.Println("ready")
g.Next()`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := open(t, Options{Engine: "vm"})
			n.ok(importAsyncio)
			n.cut(code)
			n.awaitStates("")
			if got := n.ok(`run(func(c *asyncio.Co) (any, error) { return c.Gather(asyncio.SleepResult(0, "works still")) })`); got != "" {
				t.Errorf("afterwards: %q", got)
			}
		})
	}
}
