//go:build !linux

package host

import "runtime/metrics"

// residentMemory is what the Go runtime has mapped and not given back, in bytes.
func residentMemory() int64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
}
