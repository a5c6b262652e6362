package host

import (
	"runtime"
	"testing"
)

func TestStackRoom(t *testing.T) {
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		if used, _ := StackRoom(); used != 0 {
			t.Errorf("%d bytes used", used)
		}
		return
	}
	start, usable := StackRoom()
	if start == 0 || start > 64<<10 || usable != 512<<20 {
		t.Errorf("%d of %d bytes used at first", start, usable)
	}
	var down func(n int, pad [1024]byte) uintptr
	down = func(n int, pad [1024]byte) uintptr {
		if n == 0 {
			used, _ := StackRoom()
			return used
		}
		pad[n%len(pad)]++
		return down(n-1, pad)
	}
	if used := down(5000, [1024]byte{}) - start; used < 5000*1024 || used > 5000*4096 {
		t.Errorf("5000 calls with 1 KB each use %d bytes", used)
	}
}

func BenchmarkStackRoom(b *testing.B) {
	for b.Loop() {
		StackRoom()
	}
}
