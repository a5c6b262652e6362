//go:build race

package yaegi

import (
	"sync"
	"syscall"
	"time"
	"unsafe"

	"braid/kernel/eval/host"
)

// stopWord is a copy of host.Stop in memory that the race detector doesn't
// watch: lowered code polls it with plain loads. It is a millisecond late.
var stopWord = sync.OnceValue(func() *uint32 {
	page, err := syscall.Mmap(-1, 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	word := (*uint32)(unsafe.Pointer(&page[0]))
	go func() {
		for range time.Tick(time.Millisecond) {
			*word = host.Stop.Load()
		}
	}()
	return word
})
