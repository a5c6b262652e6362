//go:build !unix

package compare

import "os/exec"

// Without fork there is no nursery; comparisons are for systems that have it.
func ownGroup(*exec.Cmd) {}

func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
