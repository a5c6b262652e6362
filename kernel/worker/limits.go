package worker

import (
	"fmt"
	"time"

	"braid/kernel/eval"
)

// memoryTick is how often a limited worker's memory is read: 10 µs each.
const memoryTick = 20 * time.Millisecond

// watchMemory holds the worker to its memory limit. The worker itself interrupts
// a run that comes near it, which keeps state; one that stays over, or is far
// over, is killed here.
func (w *Worker) watchMemory() {
	limit := w.opts.Limits.Memory
	tick := time.NewTicker(memoryTick)
	defer tick.Stop()
	var over time.Time // since when
	for {
		select {
		case <-w.gone.Done():
			return
		case <-tick.C:
		}
		used := residentMemory(w.cmd.Process.Pid)
		switch {
		case used <= limit:
			over = time.Time{}
		case used > limit+limit/2 || !over.IsZero() && time.Since(over) > w.opts.Grace/2:
			w.kill(memoryLimitError(limit))
			return
		case over.IsZero():
			over = time.Now()
		}
	}
}

func memoryLimitError(limit int64) *eval.Error {
	return &eval.Error{
		Name:  eval.LimitError,
		Value: "the cell needs more memory than the limit of " + bytesText(limit),
		Notes: []string{"Look for a slice, map or channel that grows without end, or for data that is kept longer than it is needed."},
	}
}

func timeLimitError(seconds float64) *eval.Error {
	return &eval.Error{
		Name:  eval.LimitError,
		Value: fmt.Sprintf("the cell ran longer than %v", time.Duration(seconds*float64(time.Second))),
		Notes: []string{"Look for a loop that does not end, or for a wait that nothing ends."},
	}
}

// bytesText writes a size with at most one decimal.
func bytesText(n int64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	x, u := float64(n), 0
	for x >= 1024 && u < len(units)-1 {
		x, u = x/1024, u+1
	}
	if x == float64(int64(x)) {
		return fmt.Sprintf("%d %s", int64(x), units[u])
	}
	return fmt.Sprintf("%.1f %s", x, units[u])
}
