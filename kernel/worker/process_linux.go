package worker

import (
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// tap opens a second read end of the pipe that a worker has put over one of its
// descriptors. It is read when the worker is dead: what the worker itself did not
// read any more, which for descriptor 2 is the runtime's reason to die. (The
// runtime gives its first line to descriptor 2 only, not to SetCrashOutput's.)
func tap(pid, fd int) *os.File {
	name := "/proc/" + strconv.Itoa(pid) + "/fd/" + strconv.Itoa(fd)
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	return f
}

// sharedFile makes a file in memory.
func sharedFile() (*os.File, error) {
	fd, err := unix.MemfdCreate("braid", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), "mirror"), nil
}

// dieWithParent has the child told when we die, however that happens.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGTERM }

// adoptOrphans makes daemonised descendants children of this process, so that
// descendants finds them.
func adoptOrphans() { unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// reap waits for the end of the process and kills what is left of its group,
// while the ended leader still keeps the group's id from being used again.
func reap(cmd *exec.Cmd) {
	pid := cmd.Process.Pid
	for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	endGroup(pid)
	cmd.Wait()
}

// processes calls f for every process of the system.
func processes(f func(pid int)) {
	dir, err := os.Open("/proc")
	if err != nil {
		return
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			f(pid)
		}
	}
}

// descendants lists the processes below pid that have not ended.
func descendants(root int) []int {
	children := map[int][]int{}
	alive := map[int]bool{}
	processes(func(pid int) {
		if parent, state, ok := status(pid); ok {
			children[parent] = append(children[parent], pid)
			alive[pid] = state != 'Z' && state != 'X'
		}
	})
	var found []int
	for queue := children[root]; len(queue) > 0; queue = queue[1:] {
		if alive[queue[0]] {
			found = append(found, queue[0])
		}
		queue = append(queue, children[queue[0]]...)
	}
	return found
}

// status reads a process's parent and state from proc(5) stat, whose second
// field is a name in parentheses that may hold anything.
func status(pid int) (parent int, state byte, ok bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, 0, false
	}
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(f) < 2 {
		return 0, 0, false
	}
	parent, err = strconv.Atoi(string(f[1]))
	return parent, f[0][0], err == nil
}

// marked lists the processes that carry a worker's mark in their environment.
func marked(mark string) []int {
	var found []int
	want := []byte(markVariable + "=" + mark + "\x00")
	processes(func(pid int) {
		env, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
		if err != nil || !bytes.Contains(env, want) || pid == os.Getpid() {
			return
		}
		if _, state, ok := status(pid); ok && state != 'Z' && state != 'X' {
			found = append(found, pid)
		}
	})
	return found
}

// endMarked ends what a dead worker has left behind.
func endMarked(mark string) {
	endAll(func() []int { return marked(mark) }, descendantGrace)
}

// endDescendants ends what this process and its descendants have started.
func endDescendants() {
	endAll(func() []int { return descendants(os.Getpid()) }, descendantGrace)
}

const descendantGrace = 150 * time.Millisecond

// residentMemory is the resident set size of a process in bytes, and what of it
// is its own (not mapped from files); zero if it is gone.
func residentMemory(pid int) int64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0
	}
	f := bytes.Fields(b)
	if len(f) < 3 {
		return 0
	}
	resident, _ := strconv.ParseInt(string(f[1]), 10, 64)
	shared, _ := strconv.ParseInt(string(f[2]), 10, 64)
	return (resident - shared) * int64(os.Getpagesize())
}

// limitData sets the hard limit behind the sampler's: a program that grows
// faster than the sampler looks gets an out-of-memory error of the Go runtime.
// RLIMIT_DATA counts writable private memory; RLIMIT_AS would count what Go
// only reserves.
func limitData(bytes int64) {
	var old unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_DATA, &old) != nil {
		return
	}
	limit := min(uint64(2*bytes+dataSlack), old.Max)
	unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: limit, Max: limit})
}

// dataSlack is for what a process maps and never touches: thread stacks, the
// runtime's tables.
const dataSlack = 512 << 20

// releaseProgram takes the unwritten pages of the program file out of this
// process; they stay in the system's cache.
func releaseProgram() {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(maps)) {
		f := strings.Fields(line) // 00400000-01276000 r-xp 00000000 fe:00 1234 /path
		if len(f) < 6 || strings.Contains(f[1], "w") || !strings.HasSuffix(strings.TrimSuffix(line, "\n"), " "+exe) {
			continue
		}
		from, to, _ := strings.Cut(f[0], "-")
		start, err1 := strconv.ParseUint(from, 16, 64)
		end, err2 := strconv.ParseUint(to, 16, 64)
		if err1 == nil && err2 == nil {
			unix.Syscall(unix.SYS_MADVISE, uintptr(start), uintptr(end-start), unix.MADV_DONTNEED)
		}
	}
}
