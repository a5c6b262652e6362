package vm

import "syscall"

// systemCalls are the entry points of golang.org/x/sys/unix.
var systemCalls = map[string]any{
	"golang.org/x/sys/unix.Syscall":     syscall.Syscall,
	"golang.org/x/sys/unix.Syscall6":    syscall.Syscall6,
	"golang.org/x/sys/unix.RawSyscall":  syscall.RawSyscall,
	"golang.org/x/sys/unix.RawSyscall6": syscall.RawSyscall6,
	"golang.org/x/sys/unix.SyscallNoError": func(trap, a1, a2, a3 uintptr) (r1, r2 uintptr) {
		r1, r2, _ = syscall.Syscall(trap, a1, a2, a3)
		return r1, r2
	},
	"golang.org/x/sys/unix.RawSyscallNoError": func(trap, a1, a2, a3 uintptr) (r1, r2 uintptr) {
		r1, r2, _ = syscall.RawSyscall(trap, a1, a2, a3)
		return r1, r2
	},
}
