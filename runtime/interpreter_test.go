package runtime

import (
	"strings"
	"testing"
	"time"

	"braid/runtime/trace"
)

// CPU-bound threads under each mode: the claim "more threads, not more
// throughput", in virtual time.
func TestMakespan(t *testing.T) {
	for _, c := range []struct {
		mode           Mode
		threads, cores int
		want           time.Duration
	}{
		{GIL310, 1, 2, 100 * time.Millisecond},
		{GIL310, 2, 2, 200 * time.Millisecond},
		{GIL310, 4, 2, 400 * time.Millisecond},
		{FreeThreaded, 1, 2, 100 * time.Millisecond},
		{FreeThreaded, 2, 2, 100 * time.Millisecond},
		{FreeThreaded, 4, 2, 200 * time.Millisecond},
		{FreeThreaded, 4, 4, 100 * time.Millisecond},
	} {
		r := Virtual(c.mode, 1, c.cores).Threads(c.threads, func(t *Thread) { t.Work(100 * time.Millisecond) })
		if r.Err != nil || r.Wall != c.want {
			t.Errorf("%v, %d threads, %d cores: %v (%v), want %v", c.mode, c.threads, c.cores, r.Wall, r.Err, c.want)
		}
	}
}

// take_gil asks for the lock after one interval and gets it at the holder's
// next check point: a thread that wakes beside one hog waits exactly 5 ms.
func TestWakeUpBesideAHog(t *testing.T) {
	in := Virtual(GIL310, 1, 2)
	rec := in.Trace()
	var late time.Duration
	err := in.Run(func(main *Thread) error {
		in.Go("hog", func(t *Thread) { t.Work(time.Second) })
		main.Sleep(100 * time.Millisecond)
		late = main.Now() - 100*time.Millisecond
		return nil
	})
	if err != nil || late != SwitchInterval {
		t.Errorf("woke %v late (%v), want %v", late, err, SwitchInterval)
	}
	var kinds []string
	for _, e := range rec.Events() {
		if e.Kind == trace.DropRequest || e.Kind == trace.Drop {
			kinds = append(kinds, string(e.Kind)+"@"+e.At.String())
		}
	}
	if got := strings.Join(kinds, " "); !strings.HasPrefix(got, "drop-request@105ms drop@105ms") {
		t.Errorf("events: %s", got)
	}
}

func TestBlockingReleasesTheGIL(t *testing.T) {
	r := Virtual(GIL310, 1, 2).Threads(10, func(t *Thread) { t.Sleep(time.Second) })
	if r.Err != nil || r.Wall != time.Second {
		t.Errorf("ten sleeps of a second took %v (%v)", r.Wall, r.Err)
	}
}

func TestNativeCode(t *testing.T) {
	work := func(release bool) time.Duration {
		return Virtual(GIL310, 1, 2).Threads(2, func(t *Thread) {
			f := func() { t.Compute(50 * time.Millisecond) }
			if release {
				t.Native(f)
			} else {
				t.NativeHold(f)
			}
		}).Wall
	}
	if hold, release := work(false), work(true); hold != 100*time.Millisecond || release != 50*time.Millisecond {
		t.Errorf("held %v, released %v; want 100ms, 50ms", hold, release)
	}
}

func TestImportEnablesTheGIL(t *testing.T) {
	defer CurrentScope().Warnings()
	CurrentScope().Warnings()
	in := Virtual(FreeThreaded, 1, 2)
	in.Import("good", true)
	if in.GILEnabled() || len(CurrentScope().Warnings()) != 0 {
		t.Error("a module that declares support enabled the GIL")
	}
	in.Import("legacyext", false)
	w := CurrentScope().Warnings()
	if !in.GILEnabled() || len(w) != 1 || w[0].Category != "RuntimeWarning" || !strings.Contains(w[0].Message, "load module 'legacyext'") {
		t.Errorf("GIL %v, warnings %v", in.GILEnabled(), w)
	}
	if r := in.Threads(2, func(t *Thread) { t.Work(100 * time.Millisecond) }); r.Wall != 200*time.Millisecond {
		t.Errorf("with the GIL back two threads took %v", r.Wall)
	}
}

// On goroutines: the lock passes between threads, and only one is inside.
func TestRealGIL(t *testing.T) {
	in := New(GIL310)
	if err := in.SetSwitchInterval(time.Millisecond); err != nil {
		t.Fatal(err)
	}
	inside, worst := 0, 0 // plain variables: the GIL is what keeps them right
	r := in.Threads(4, func(t *Thread) {
		for range 200 {
			inside++
			worst = max(worst, inside)
			inside--
			t.Work(50 * time.Microsecond)
		}
	})
	if r.Err != nil || worst != 1 {
		t.Errorf("up to %d threads at once (%v)", worst, r.Err)
	}
	if r.Switches < 4 {
		t.Errorf("the GIL changed hands %d times", r.Switches)
	}
	if err := in.SetSwitchInterval(0); !Is(err, "ValueError") {
		t.Errorf("interval 0: %v", err)
	}
}

func TestPanicBecomesException(t *testing.T) {
	r := New(GIL310).Threads(2, func(t *Thread) {
		if t.ID() == 1 {
			panic(Raise("ValueError", "bad"))
		}
	})
	if ex := r.Exceptions(); len(ex) != 1 || ex[0].Error() != "ValueError: bad" {
		t.Errorf("exceptions %v", ex)
	}
}

func TestThreadsBelongToTheirScope(t *testing.T) {
	in := New(GIL310)
	in.Go("sleeper", func(t *Thread) { t.Sleep(time.Hour) })
	left := CurrentScope().End()
	if err := in.world.Run(); err == nil || len(left) != 1 || left[0] != "thread sleeper" {
		t.Errorf("left %v, %v", left, err)
	}
}
