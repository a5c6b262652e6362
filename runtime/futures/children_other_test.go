//go:build !linux

package futures_test

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// children counts the processes below this one, but for the ps that lists them.
func children(t *testing.T) (n int) {
	t.Helper()
	out, err := exec.Command("ps", "-A", "-o", "ppid=", "-o", "comm=").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) == 2 && f[0] == strconv.Itoa(os.Getpid()) && f[1] != "ps" && f[1] != "(ps)" {
			n++
		}
	}
	return n
}
