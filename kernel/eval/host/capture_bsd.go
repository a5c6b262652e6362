//go:build unix && !linux

package host

import "golang.org/x/sys/unix"

func dup2(from, to int) error { return unix.Dup2(from, to) }

// growPipe: pipes of the BSDs grow by themselves.
func growPipe(int) {}
