//go:build unix

package modules

import (
	"os/exec"
	"syscall"
)

// stop makes the end of cmd's context end the programs too that it has started:
// git, for one.
func stop(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
