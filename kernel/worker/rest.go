package worker

import (
	"runtime/debug"
	"time"
)

// QuietTime is how long a worker or a kernel idles before it rests.
const QuietTime = 500 * time.Millisecond

// Rest gives memory that a process does not need while it idles back to the
// system: free heap, and pages of the program file, which come back by
// themselves when they are used. It takes some milliseconds; the first cell
// after it takes up to half a millisecond more. Kernel and worker are one file of
// 40 MB, of which each idle process would keep 20 MB resident.
func Rest() {
	debug.FreeOSMemory()
	releaseProgram()
}
