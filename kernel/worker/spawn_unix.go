//go:build unix

package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The child's ends of the pipes, beside stdin (nothing), stdout (nothing) and
// stderr (the crash pipe, so that a child that fails before Main says why).
const (
	fdLinkIn  = 3
	fdLinkOut = 4
	fdCrash   = 5
	fdMirror  = 6
)

// command prepares the child: own process group, so that a Ctrl-C in a terminal
// reaches the kernel only.
func command(opts Options, mark string) (*exec.Cmd, pipes, error) {
	ps, err := newPipes()
	if err != nil {
		return nil, ps, err
	}
	cmd := exec.Command(opts.Argv[0], opts.Argv[1:]...)
	cmd.Dir = opts.Dir
	cmd.Env = childEnv(opts.Env, mark)
	cmd.Stderr = ps.childCrash
	cmd.ExtraFiles = []*os.File{ps.childIn, ps.childOut, ps.childCrash, ps.mirror}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(cmd.SysProcAttr)
	return cmd, ps, nil
}

// inherited opens the child's ends of the link.
func inherited() (in, out, crash *os.File, err error) {
	for _, fd := range []int{fdLinkIn, fdLinkOut, fdCrash, fdMirror} {
		// Not for the learner's own children: they would keep the link open.
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC); err != nil {
			return nil, nil, nil, errors.New("this command is internal: braid kernel and braid run start it (it needs their pipes)")
		}
	}
	// Non-blocking files wake their goroutine through the poller, which halves
	// the time of a round trip (measured: 45 µs against 115 µs).
	unix.SetNonblock(fdLinkIn, true)
	unix.SetNonblock(fdLinkOut, true)
	return os.NewFile(fdLinkIn, "link in"), os.NewFile(fdLinkOut, "link out"), os.NewFile(fdCrash, "crash"), nil
}

// sharedMirror maps the memory that the parent reads when this process is dead.
func sharedMirror() (*mirror, error) {
	mem, err := unix.Mmap(fdMirror, 0, mirrorSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	unix.Close(fdMirror)
	return &mirror{mem: mem}, nil
}

// endGroup kills what is left of a process group.
func endGroup(pid int) { syscall.Kill(-pid, syscall.SIGKILL) }

// endAll asks processes to end, and kills those that have not within grace.
func endAll(pids func() []int, grace time.Duration) {
	for _, pid := range pids() {
		syscall.Kill(pid, syscall.SIGTERM)
		syscall.Kill(pid, syscall.SIGCONT) // a stopped process does not see SIGTERM
	}
	deadline := time.Now().Add(grace)
	for pause := time.Millisecond; time.Now().Before(deadline); pause = min(2*pause, 20*time.Millisecond) {
		if len(pids()) == 0 {
			return
		}
		time.Sleep(pause)
	}
	for range 3 { // a process may have forked since the list was made
		left := pids()
		if len(left) == 0 {
			return
		}
		for _, pid := range left {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(time.Millisecond)
	}
}

// signalOf tells which signal ended a process, if one did.
func signalOf(ps *os.ProcessState) (sig os.Signal, name string, ok bool) {
	ws, isWait := ps.Sys().(syscall.WaitStatus)
	if !isWait || !ws.Signaled() {
		return nil, "", false
	}
	name = unix.SignalName(ws.Signal())
	if name == "" {
		name = fmt.Sprintf("signal %d", ws.Signal())
	}
	return ws.Signal(), name, true
}

func isKill(sig os.Signal) bool { return sig == syscall.SIGKILL }

// shellCommand runs command in a process group of its own; the end of ctx asks
// the group to end, endGroup makes sure.
func shellCommand(ctx context.Context, command string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	return cmd
}
