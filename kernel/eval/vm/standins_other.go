//go:build !linux

package vm

// systemCalls are those of Linux only; elsewhere golang.org/x/sys/unix goes
// through functions of package syscall that nothing else can call.
var systemCalls map[string]any
