package host

import (
	"math/bits"
	"runtime/debug"
	"sync/atomic"
	"unsafe"
)

// maxStack is what debug.SetMaxStack was last told; Go's default is 1 GB.
var maxStack atomic.Int64

func init() { maxStack.Store(1e9) }

// SetMaxStack is debug.SetMaxStack for a process whose engine ends deep recursion
// before the Go runtime ends the process.
func SetMaxStack(bytes int) {
	debug.SetMaxStack(bytes)
	maxStack.Store(int64(bytes))
}

// StackRoom returns how many bytes of stack the calling goroutine uses, and how
// many it can: stacks have sizes that are powers of two, and the runtime ends the
// process when the next one would be larger than the maximum. used is 0 where
// it cannot be known. It costs 3 ns.
func StackRoom() (used, usable uintptr) {
	usable = uintptr(1) << (bits.Len64(uint64(maxStack.Load())) - 1)
	g := getg()
	if g == 0 {
		return 0, usable
	}
	// A goroutine's record begins with the bounds of its stack.
	bounds := *(**[2]uintptr)(unsafe.Pointer(&g))
	here := byte(0)
	return bounds[1] - uintptr(unsafe.Pointer(&here)), usable
}
