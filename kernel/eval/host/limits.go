package host

import (
	"fmt"
	"sync/atomic"
	"time"

	"braid/kernel/eval"
)

// memoryPeriod is how often the memory of a limited worker is looked at. At
// 1 GB/s, what interpreted code can fill at most, it grows by 10 MB meanwhile.
const memoryPeriod = 10 * time.Millisecond

// stdinUsed is set while code may read os.Stdin itself.
var stdinUsed atomic.Bool

// startLimits sets what ends the run from outside.
func (r *Run) startLimits() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.cfg.Limits.Seconds; s > 0 {
		d := time.Duration(s * float64(time.Second))
		r.clock = time.AfterFunc(d, func() {
			r.Interrupt(&eval.Error{Name: eval.LimitError, Value: fmt.Sprintf("the cell ran longer than %v", d),
				Notes: []string{"The limit was set when the kernel was started. Look for a loop that does not end, or do less work in one cell."}})
		})
	}
	r.over = make(chan struct{})
	if r.cfg.Limits.Memory > 0 {
		go r.watchMemory(r.over)
	}
	if stdinUsed.Load() {
		go r.watchStdin(r.over)
	}
}

func (r *Run) stopLimits() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.clock != nil {
		r.clock.Stop()
	}
	close(r.over)
}

// watchMemory ends the run when the worker has come close to its limit, where
// the kernel process would end the worker.
func (r *Run) watchMemory(done <-chan struct{}) {
	limit := r.cfg.Limits.Memory
	tick := time.NewTicker(memoryPeriod)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		if residentMemory() < limit-limit/20 {
			continue
		}
		r.Interrupt(&eval.Error{Name: eval.LimitError, Value: "the cell needs more memory than the limit of " + sizeText(limit),
			Notes: []string{"Variables of earlier cells count too; set large ones to nil to give their memory back."}})
		return
	}
}
