//go:build !unix

package host

import "sync"

var capture sync.Once

// Capture makes the substituted functions the only way to a cell's streams and
// input: on this system the descriptors of the process can't be replaced, so
// what native code and other processes write to them is not seen.
func Capture() error {
	capture.Do(prepareDefaults)
	return nil
}

func drainRaw(*queue) int { return 0 }

func (r *Run) watchStdin(<-chan struct{}) {}

func takeBackStdin() []byte { return nil }
