//go:build unix && !linux

package worker

import (
	"os"
	"os/exec"
	"syscall"
)

// Without /proc, prctl and parent-death signals, a worker's process group is
// what can be ended: a learner's daemon that left it stays. The end of the link
// tells a worker that its parent is gone. The memory limit is left to the Go
// runtime's soft limit.

func dieWithParent(*syscall.SysProcAttr) {}
func tap(pid, fd int) *os.File           { return nil }
func adoptOrphans()                      {}
func endMarked(string)                   {}
func endDescendants()                    { syscall.Kill(0, syscall.SIGTERM) }
func residentMemory(int) int64           { return 0 }
func limitData(int64)                    {}
func releaseProgram()                    {}

// sharedFile makes a file that only open descriptors know.
func sharedFile() (*os.File, error) {
	f, err := os.CreateTemp("", "braid")
	if err != nil {
		return nil, err
	}
	return f, os.Remove(f.Name())
}

func reap(cmd *exec.Cmd) {
	pid := cmd.Process.Pid
	cmd.Wait()
	endGroup(pid)
}
