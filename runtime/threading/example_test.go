package threading_test

import (
	"fmt"
	"time"

	rt "braid/runtime"
	"braid/runtime/threading"
)

func Example() {
	in := rt.New(rt.GIL310)
	err := in.Run(func(main *rt.Thread) error {
		lock, counter := threading.NewLock(in, "lock"), 0
		var workers []*threading.Thread
		for range 4 {
			th := threading.NewThread(in, "", func(t *rt.Thread) {
				t.Loop(100, func(int) { lock.With(t, func() { counter++ }) })
			})
			if err := th.Start(main); err != nil {
				return err
			}
			workers = append(workers, th)
		}
		for _, th := range workers {
			if err := th.Join(main, threading.Forever); err != nil {
				return err
			}
		}
		fmt.Println(counter)
		return nil
	})
	fmt.Println(err)
	// Output:
	// 400
	// <nil>
}

// A producer, a consumer, and None as the end.
func ExampleQueue() {
	in := rt.Virtual(rt.GIL310, 1, 2)
	_ = in.Run(func(main *rt.Thread) error {
		q := threading.NewQueue(in, "q", 2)
		consumer := threading.NewThread(in, "consumer", func(t *rt.Thread) {
			for {
				item, err := q.Get(t)
				if err != nil || item == nil {
					return
				}
				fmt.Println("got", item)
			}
		})
		_ = consumer.Start(main)
		for i := range 3 {
			_ = q.Put(main, i)
		}
		_ = q.Put(main, nil)
		return consumer.Join(main, threading.Forever)
	})
	// Output:
	// got 0
	// got 1
	// got 2
}

func ExampleCondition() {
	in := rt.Virtual(rt.GIL310, 1, 2)
	_ = in.Run(func(main *rt.Thread) error {
		cond, err := threading.NewCondition(in, "cond", nil)
		if err != nil {
			return err
		}
		ready := false
		waiter := threading.NewThread(in, "waiter", func(t *rt.Thread) {
			cond.With(t, func() {
				ok, _ := cond.WaitFor(t, func() bool { return ready }, threading.Forever)
				fmt.Println("ready:", ok, "at", t.Now())
			})
		})
		_ = waiter.Start(main)
		_ = main.Sleep(time.Second)
		cond.With(main, func() {
			ready = true
			_ = cond.Notify(main, 1)
		})
		return waiter.Join(main, threading.Forever)
	})
	// Output: ready: true at 1s
}
