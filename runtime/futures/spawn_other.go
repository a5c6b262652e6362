//go:build !linux

package futures

import "os/exec"

// dieWithParent has nothing to do: a worker ends when its requests do.
func dieWithParent(*exec.Cmd) {}
