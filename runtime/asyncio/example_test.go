package asyncio_test

import (
	"fmt"
	"time"

	rt "braid/runtime"
	"braid/runtime/asyncio"
	"braid/runtime/explore"
)

// runs is asyncio.run in virtual time; it prints what comes out.
func runs(body func(c *asyncio.Co) (any, error)) {
	main := asyncio.Async("main", func(c *asyncio.Co, _ []any) (any, error) { return body(c) })
	v, took, err := asyncio.RunVirtual(main.Call())
	fmt.Println(v, err, "after", took)
}

var worker = asyncio.Async("worker", func(c *asyncio.Co, args []any) (any, error) {
	name, delay := args[0].(string), args[1].(time.Duration)
	fmt.Println(name, "starting")
	if _, err := c.Sleep(delay); err != nil {
		return nil, err
	}
	fmt.Println(name, "done")
	return name, nil
})

func ExampleRunVirtual() {
	main := asyncio.Async("main", func(c *asyncio.Co, _ []any) (any, error) {
		return c.Gather(worker.Call("A", 2*time.Second), worker.Call("B", time.Second))
	})
	v, took, err := asyncio.RunVirtual(main.Call())
	fmt.Println(v, took, err)
	// Output:
	// A starting
	// B starting
	// B done
	// A done
	// [A B] 2s <nil>
}

func ExampleRun() {
	hello := asyncio.Async("hello", func(c *asyncio.Co, args []any) (any, error) {
		if _, err := c.Sleep(time.Millisecond); err != nil {
			return nil, err
		}
		return "hello " + args[0].(string), nil
	})
	fmt.Println(asyncio.Run(hello.Call("world")))
	// Output: hello world <nil>
}

// Calling a coroutine function runs nothing; its coroutine can be driven by hand,
// once.
func ExampleCoroutine_Send() {
	fetch := asyncio.Async("fetch_data", func(c *asyncio.Co, _ []any) (any, error) {
		fmt.Println("start")
		if _, err := c.Sleep(0); err != nil {
			return nil, err
		}
		return 42, nil
	})
	co := fetch.Call()
	fmt.Println(co.State())
	fmt.Println(co.Send(nil))
	fmt.Println(co.Send(nil))
	fmt.Println(co.Send(nil))
	// Output:
	// CORO_CREATED
	// start
	// <nil> <nil>
	// <nil> StopIteration: 42
	// <nil> RuntimeError: cannot reuse already awaited coroutine
}

func ExampleGen() {
	averager := asyncio.Gen("averager", func(y *asyncio.Yielder, _ []any) (any, error) {
		total, n := 0.0, 0.0
		var mean any
		for {
			x, err := y.Yield(mean)
			if err != nil { // GeneratorExit, when it is closed
				return nil, err
			}
			total += x.(float64)
			n++
			mean = total / n
		}
	})
	g := averager.Call()
	_, _ = g.Next()
	for _, x := range []float64{10, 20, 60} {
		mean, _ := g.Send(x)
		fmt.Println(mean)
	}
	_, _ = g.Close()
	// Output:
	// 10
	// 15
	// 30
}

func ExampleTask_Cancel() {
	runs(func(c *asyncio.Co) (any, error) {
		t, err := c.CreateTask(worker.Call("A", time.Hour))
		if err != nil {
			return nil, err
		}
		_, _ = c.Sleep(time.Second)
		t.Cancel("enough")
		_, err = c.Await(t)
		return t.Cancelled(), errorIsResult(err)
	})
	// Output:
	// A starting
	// CancelledError: enough
	// true <nil> after 1s
}

func errorIsResult(err error) error {
	fmt.Println(err)
	return nil
}

// The first failure of a group cancels the others; all that failed is told.
func ExampleCo_TaskGroup() {
	fails := asyncio.Async("fails", func(c *asyncio.Co, _ []any) (any, error) {
		_, _ = c.Sleep(time.Second)
		return nil, rt.Raise("ValueError", "bad")
	})
	runs(func(c *asyncio.Co) (any, error) {
		return nil, c.TaskGroup(func(g *asyncio.TaskGroup) error {
			if _, err := g.CreateTask(fails.Call()); err != nil {
				return err
			}
			_, err := g.CreateTask(worker.Call("A", time.Hour))
			return err
		})
	})
	// Output:
	// A starting
	// <nil> ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception) after 1s
}

func ExampleCo_Timeout() {
	runs(func(c *asyncio.Co) (any, error) {
		err := c.Timeout(time.Second, func() error {
			_, err := c.Await(worker.Call("A", time.Minute))
			return err
		})
		return rt.Is(err, "TimeoutError"), nil
	})
	// Output:
	// A starting
	// true <nil> after 1s
}

func ExampleQueue() {
	runs(func(c *asyncio.Co) (any, error) {
		q := asyncio.NewQueue(1)
		producer := asyncio.Async("producer", func(c *asyncio.Co, _ []any) (any, error) {
			for i := range 3 {
				c.MustAwait(q.Put(i))
				fmt.Println("put", i)
			}
			return c.Await(q.Put(nil))
		})
		if _, err := c.CreateTask(producer.Call()); err != nil {
			return nil, err
		}
		for v := c.MustAwait(q.Get()); v != nil; v = c.MustAwait(q.Get()) {
			fmt.Println("got", v)
			c.MustAwait(asyncio.Sleep(time.Second))
		}
		return nil, nil
	})
	// Output:
	// put 0
	// got 0
	// put 1
	// got 1
	// put 2
	// got 2
	// <nil> <nil> after 3s
}

// Leaving an asynchronous generator early lets the loop close it.
func ExampleAsyncFor() {
	pages := asyncio.AsyncGen("pages", func(c *asyncio.Co, y *asyncio.Yielder, _ []any) error {
		defer fmt.Println("connection closed")
		for page := 1; ; page++ {
			if _, err := c.Sleep(time.Second); err != nil {
				return err
			}
			if _, err := y.Yield(fmt.Sprint("page ", page)); err != nil {
				return err
			}
		}
	})
	runs(func(c *asyncio.Co) (any, error) {
		return nil, asyncio.AsyncFor(c, pages.Call(), func(v any) error {
			fmt.Println(v)
			if v == "page 2" {
				return asyncio.Break
			}
			return nil
		})
	})
	// Output:
	// page 1
	// page 2
	// connection closed
	// <nil> <nil> after 2s
}

// A call that blocks stops every task; in a thread it does not.
func ExampleCo_ToThread() {
	report := asyncio.Async("work", func(c *asyncio.Co, args []any) (any, error) {
		if args[0] == "blocking" {
			return nil, c.BlockingSleep(time.Second)
		}
		return c.ToThread(func(t *rt.Thread) error { return t.Sleep(time.Second) })
	})
	for _, how := range []string{"blocking", "thread"} {
		runs(func(c *asyncio.Co) (any, error) {
			c.MustAwait(asyncio.Gather(report.Call(how), report.Call(how), report.Call(how)))
			return how, nil
		})
	}
	// Output:
	// blocking <nil> after 3s
	// thread <nil> after 1s
}

// Who waits for whom, as "python -m asyncio pstree" shows it.
func ExampleLoop_Tree() {
	runs(func(c *asyncio.Co) (any, error) {
		child := asyncio.Async("child", func(c *asyncio.Co, _ []any) (any, error) { return c.Sleep(time.Minute) })
		parent := asyncio.Async("parent", func(c *asyncio.Co, _ []any) (any, error) {
			return c.Gather(child.Call(), child.Call())
		})
		t, err := c.CreateTask(parent.Call(), "parent")
		if err != nil {
			return nil, err
		}
		_, _ = c.Sleep(time.Second)
		fmt.Print(c.Loop().Tree())
		t.Cancel()
		return nil, nil
	})
	// Output:
	// └── (T) Task-1
	//     └── main
	// └── (T) parent
	//     └── parent
	//         └── gather
	//             └── (T) Task-3
	//                 └── child
	//                     └── sleep
	//             └── (T) Task-4
	//                 └── child
	//                     └── sleep
	// <nil> <nil> after 1s
}

// Two tasks read, wait and write: every order of ready callbacks loses an update.
func ExampleRunExplored() {
	r := explore.Run(func(w *explore.World) {
		balance := 0
		asyncio.RunExplored(w.World(), func(c *asyncio.Co) (any, error) {
			pay := asyncio.Async("pay", func(c *asyncio.Co, _ []any) (any, error) {
				v := balance
				_, err := c.Sleep(0)
				balance = v + 1
				return nil, err
			})
			return c.Gather(pay.Call(), pay.Call())
		}, asyncio.AnyOrder())
		w.Final(func() any { return balance })
	})
	fmt.Println(r.Counts(), r.Complete)
	// Output: map[1:8] true
}
