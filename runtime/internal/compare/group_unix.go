//go:build unix

package compare

import (
	"os/exec"
	"syscall"
)

// ownGroup and killGroup end a program together with what it forked.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
