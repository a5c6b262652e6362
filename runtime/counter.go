package runtime

// Count numbers things of a kind from 0, as the counters of CPython's classes
// do for the names of pools, queues and threads.
func (in *Interpreter) Count(kind string) int {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.counts == nil {
		in.counts = map[string]int{}
	}
	n := in.counts[kind]
	in.counts[kind]++
	return n
}
