package worker

import (
	"crypto/rand"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// pipes are what connects a worker with its parent.
type pipes struct {
	toChild, fromChild, crash     *os.File    // ours
	childIn, childOut, childCrash *os.File    // the child's, until it has started
	mirror                        *os.File    // shared with the child
	taps                          [2]*os.File // of the child's descriptors 1 and 2; nil where there is no way
}

func newPipes() (ps pipes, err error) {
	for _, p := range []struct{ r, w **os.File }{
		{&ps.childIn, &ps.toChild},
		{&ps.fromChild, &ps.childOut},
		{&ps.crash, &ps.childCrash},
	} {
		if *p.r, *p.w, err = os.Pipe(); err != nil {
			ps.closeAll()
			return pipes{}, err
		}
	}
	if ps.mirror, err = sharedFile(); err == nil {
		err = ps.mirror.Truncate(mirrorSize)
	}
	if err != nil {
		ps.closeAll()
	}
	return ps, err
}

func (ps *pipes) closeChildEnds() {
	ps.childIn.Close()
	ps.childOut.Close()
	ps.childCrash.Close()
}

func (ps *pipes) closeAll() {
	for _, f := range []*os.File{ps.toChild, ps.fromChild, ps.crash, ps.childIn, ps.childOut, ps.childCrash, ps.mirror, ps.taps[0], ps.taps[1]} {
		if f != nil {
			f.Close()
		}
	}
}

// markVariable stands in the environment of a worker and of all that it starts;
// its value tells one worker's descendants from another's.
const markVariable = "BRAID_WORKER"

func newMark() string { return rand.Text() }

// childEnv is env (nil: ours) for a worker. Crash reports of the Go runtime must
// name one goroutine, with its labels (they say which cell it belongs to), and
// must not dump core.
func childEnv(env []string, mark string) []string {
	if env == nil {
		env = os.Environ()
	}
	godebug := "tracebacklabels=1"
	env = slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		name, value, _ := strings.Cut(kv, "=")
		if name == "GODEBUG" && value != "" {
			godebug = value + "," + godebug
		}
		return name == "GODEBUG" || name == "GOTRACEBACK" || name == markVariable
	})
	return append(env, "GODEBUG="+godebug, "GOTRACEBACK=single", markVariable+"="+mark)
}

// rest reads what is left in a tapped pipe, at most crashHead bytes of it.
func rest(tap *os.File) []byte {
	if tap == nil {
		return nil
	}
	tap.SetReadDeadline(time.Now().Add(10 * time.Millisecond)) // descendants may hold the other end
	b, _ := io.ReadAll(io.LimitReader(tap, crashHead))
	return b
}
