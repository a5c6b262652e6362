package worker

import (
	"fmt"
	"strconv"
	"time"

	"braid/kernel/eval"
)

// memoryTick is how often a limited worker's memory is read: 10 µs each.
const memoryTick = 20 * time.Millisecond

// watchMemory holds the worker to its memory limit. The first time it is over,
// its runs are ended with a LimitError, which keeps state; a worker that stays
// over, or is far over, is killed.
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
			w.interruptAll(memoryLimitError(limit))
		}
	}
}

func (w *Worker) interruptAll(why *eval.Error) {
	w.mu.Lock()
	ids := make([]uint32, 0, len(w.runs))
	for id := range w.runs {
		ids = append(ids, id)
	}
	w.mu.Unlock()
	for _, id := range ids {
		w.interruptWith(id, why)
	}
}

func memoryLimitError(limit int64) *eval.Error {
	return &eval.Error{
		Name:  eval.LimitError,
		Value: fmt.Sprintf("the memory limit of %s is used up", bytesText(limit)),
		Notes: []string{"Look for a slice, map or channel that grows without end, or for data that is kept longer than it is needed."},
	}
}

func timeLimitError(seconds float64) *eval.Error {
	return &eval.Error{
		Name:  eval.LimitError,
		Value: fmt.Sprintf("the cell ran longer than the time limit of %s s", strconv.FormatFloat(seconds, 'g', -1, 64)),
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
