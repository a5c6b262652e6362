package notebooks

import (
	"fmt"
	"os/exec"
	"syscall"
)

// peak says how much memory the largest process of a finished command had.
func peak(cmd *exec.Cmd) string {
	if cmd.ProcessState == nil {
		return ""
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return ""
	}
	return fmt.Sprintf(", at most %d MB", usage.Maxrss/1024)
}
