package kernel

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"braid/kernel/internal/protocol"
)

// usage remembers the CPU time of the request before: percentages are of the
// time between two requests.
type usage struct {
	mu   sync.Mutex
	at   time.Time
	used time.Duration
}

// usageRequest answers usage_request (an extension of ipykernel's that resource
// monitors use) with what the kernel and its descendants take. Where there is no
// /proc the amounts are 0.
func (k *kernel) usageRequest(r *request) (protocol.Reply, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	memory, used := processTree(os.Getpid())
	return protocol.UsageReply{
		Status:       protocol.StatusOK,
		Hostname:     host,
		PID:          os.Getpid(),
		KernelCPU:    k.usage.percent(time.Now(), used),
		KernelMemory: memory,
		CPUCount:     runtime.NumCPU(),
		HostMemory:   hostMemory(),
	}, nil
}

func (u *usage) percent(now time.Time, used time.Duration) float64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	elapsed, spent := now.Sub(u.at), used-u.used
	first := u.at.IsZero()
	u.at, u.used = now, used
	if first || elapsed <= 0 || spent < 0 { // less than before: a worker has ended
		return 0
	}
	return 100 * float64(spent) / float64(elapsed)
}

// clockTick is the unit of CPU times in /proc: USER_HZ, 100 on all of Linux's
// platforms.
const clockTick = time.Second / 100

// processTree returns resident memory in bytes and CPU time of a process and its
// descendants (proc(5), /proc/pid/stat and /proc/pid/task/tid/children).
func processTree(pid int) (memory int64, used time.Duration) {
	dir := "/proc/" + strconv.Itoa(pid)
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return 0, 0
	}
	_, after, _ := strings.Cut(string(stat), ") ") // the name may hold anything else
	fields := strings.Fields(after)
	number := func(i int) int64 {
		if i >= len(fields) {
			return 0
		}
		n, _ := strconv.ParseInt(fields[i], 10, 64)
		return n
	}
	memory = number(21) * int64(os.Getpagesize())
	used = time.Duration(number(11)+number(12)) * clockTick
	for _, child := range children(dir) {
		m, u := processTree(child)
		memory, used = memory+m, used+u
	}
	return memory, used
}

func children(dir string) (pids []int) {
	tasks, err := os.ReadDir(dir + "/task")
	if err != nil {
		return nil
	}
	for _, task := range tasks {
		list, err := os.ReadFile(dir + "/task/" + task.Name() + "/children")
		if err != nil {
			continue
		}
		for field := range strings.FieldsSeq(string(list)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// hostMemory returns the machine's memory in bytes, by psutil's names.
func hostMemory() protocol.Object {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return nil
	}
	kib := map[string]int64{}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(line, ":")
		if fields := strings.Fields(value); len(fields) > 0 {
			kib[name], _ = strconv.ParseInt(fields[0], 10, 64)
		}
	}
	total, available := kib["MemTotal"]<<10, kib["MemAvailable"]<<10
	if total == 0 {
		return nil
	}
	return protocol.Object{
		"total": total, "available": available, "used": total - available, "free": kib["MemFree"] << 10,
		"percent": 100 * float64(total-available) / float64(total),
	}
}
