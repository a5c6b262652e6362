package vm

import (
	"maps"
	"sync"
	"time"
)

// standIns are compiled functions for some that modules have in assembly or reach
// by go:linkname, by the names they are declared under or linked to.
var standIns = sync.OnceValue(func() map[string]any {
	begin := time.Now()
	all := map[string]any{
		"runtime.nanotime": func() int64 { return time.Since(begin).Nanoseconds() },
		// No processor features: what asks for them has a way in Go too.
		"golang.org/x/sys/cpu.cpuid":  func(eax, ecx uint32) (a, b, c, d uint32) { return 0, 0, 0, 0 },
		"golang.org/x/sys/cpu.xgetbv": func() (a, d uint32) { return 0, 0 },
	}
	maps.Copy(all, systemCalls)
	return all
})
