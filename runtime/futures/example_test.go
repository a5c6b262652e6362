package futures_test

import (
	"fmt"
	"time"

	rt "braid/runtime"
	"braid/runtime/futures"
)

// Three waits of a second in a pool of three: one second.
func Example() {
	in := rt.Virtual(rt.GIL310, 1, 2)
	err := in.Run(func(t *rt.Thread) error {
		pool, err := futures.NewThreadPoolExecutor(in, 3)
		if err != nil {
			return err
		}
		fetch := func(t *rt.Thread, url string) string {
			t.Sleep(time.Second)
			return "page " + url
		}
		results, err := pool.Map(t, fetch, []string{"a", "b", "c"})
		if err != nil {
			return err
		}
		pages, err := results.List(t)
		fmt.Println(pages, err, t.Now())
		return nil
	})
	fmt.Println(err)
	// Output:
	// [page a page b page c] <nil> 1s
	// <nil>
}

// A call can be cancelled as long as nobody has begun it.
func ExampleFuture_Cancel() {
	in := rt.Virtual(rt.GIL310, 1, 2)
	_ = in.Run(func(t *rt.Thread) error {
		pool, _ := futures.NewThreadPoolExecutor(in, 1)
		first, _ := pool.Submit(t, func(t *rt.Thread) { t.Sleep(time.Second) })
		second, _ := pool.Submit(t, func() { fmt.Println("never") })
		t.Sleep(time.Millisecond)
		fmt.Println(first.Cancel(t), second.Cancel(t))
		_, err := second.Result(t)
		fmt.Println(err)
		return nil
	})
	// Output:
	// false true
	// CancelledError
}

// Results as they come.
func ExampleAsCompleted() {
	in := rt.Virtual(rt.GIL310, 1, 2)
	_ = in.Run(func(t *rt.Thread) error {
		pool, _ := futures.NewThreadPoolExecutor(in, 3)
		var fs []*futures.Future
		for _, seconds := range []int{3, 1, 2} {
			f, _ := pool.Submit(t, func(t *rt.Thread) int {
				t.Sleep(time.Duration(seconds) * time.Second)
				return seconds
			})
			fs = append(fs, f)
		}
		done := futures.AsCompleted(t, fs)
		for f, err := done.Next(t); err == nil; f, err = done.Next(t) {
			fmt.Println(f.Result(t))
		}
		return nil
	})
	// Output:
	// 1 <nil>
	// 2 <nil>
	// 3 <nil>
}

// A function in another process. The program registers its functions and calls
// FreezeSupport when it starts; see TestMain.
func ExampleProcessPoolExecutor() {
	pool, err := futures.NewProcessPoolExecutor(2)
	if err != nil {
		panic(err)
	}
	pool.With(nil, func() {
		results, _ := pool.Map(nil, square, futures.Range(1, 6), futures.ChunkSize(2))
		fmt.Println(results.List(nil))
		f, _ := pool.Submit(nil, explode, "bad")
		_, err := f.Result(nil)
		fmt.Println(err)
	})
	fmt.Println(pool.Stats().Calls, "messages")
	// Output:
	// [1 4 9 16 25] <nil>
	// ValueError: bad
	// 4 messages
}

// What cannot be found by name cannot be sent.
func ExampleProcessPoolExecutor_closure() {
	pool, _ := futures.NewProcessPoolExecutor(1)
	pool.With(nil, func() {
		x := 1
		f, _ := pool.Submit(nil, func() int { return x })
		_, err := f.Result(nil)
		fmt.Println(rt.Is(err, "PicklingError"))
	})
	// Output: true
}

// Interpreters of their own compute in parallel, each under its own GIL.
func ExampleInterpreterPoolExecutor() {
	in := rt.Virtual(rt.GIL310, 1, 2)
	threads, _ := futures.NewThreadPoolExecutor(in, 2)
	interpreters, _ := futures.NewInterpreterPoolExecutor(in, 2)
	_ = in.Run(func(t *rt.Thread) error {
		for _, pool := range []futures.Executor{threads, interpreters} {
			began := t.Now()
			results, _ := pool.Map(t, compute, futures.Range(0, 2))
			_, err := results.List(t)
			fmt.Println((t.Now() - began).Round(10*time.Millisecond), err)
		}
		return nil
	})
	// Output:
	// 200ms <nil>
	// 100ms <nil>
}

// compute stands for 100 ms of bytecode.
func compute(t *rt.Thread, _ int) { t.Work(100 * time.Millisecond) }
