//go:build !race

package yaegi

import (
	"unsafe"

	"braid/kernel/eval/host"
)

// stopWord is the memory of host.Stop: lowered code polls it with plain loads.
func stopWord() *uint32 { return (*uint32)(unsafe.Pointer(&host.Stop)) }
