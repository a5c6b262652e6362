package worker

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rests atomic.Int64
		q := newQuiet(func() { rests.Add(1) })
		after := func(d time.Duration, want int) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			if n := rests.Load(); n != int64(want) {
				t.Fatalf("after %v it has rested %d times, want %d", time.Since(q.start), n, want)
			}
		}
		after(QuietTime-1, 0)
		after(1, 1)
		after(10*QuietTime, 1) // once is enough

		for range 20 { // cells, one after the other
			q.Stop()
			after(QuietTime/5, 1)
			q.Reset()
			after(QuietTime/5, 1)
		}
		after(QuietTime*4/5-1, 1)
		after(1, 2)

		q.Stop() // a long cell
		after(10*QuietTime, 2)
		q.Reset()
		after(QuietTime-1, 2)
		after(1, 3)

		q.Reset()
		q.Stop() // a kernel that closes
		after(10*QuietTime, 3)
	})
}
