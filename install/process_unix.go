//go:build unix

package install

import (
	"os"
	"os/exec"
	"syscall"
)

// separate gives the process a group of its own.
func separate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

// endGently asks a process to end; Jupyter then ends its kernels first.
func endGently(p *os.Process) error { return p.Signal(syscall.SIGTERM) }
