package install

import (
	"os"
	"os/exec"
	"syscall"
)

// separate gives the process a group of its own.
func separate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// endGently ends a process. Windows has no signal that Jupyter would obey in
// another group.
func endGently(p *os.Process) error { return p.Kill() }
