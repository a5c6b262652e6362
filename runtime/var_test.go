package runtime

import (
	"testing"

	"braid/runtime/sched"
)

// Under a GIL nothing comes between the read and the write of x += 1; with a
// check point between them, or without a GIL, something can.
func TestLostUpdate(t *testing.T) {
	for _, c := range []struct {
		name      string
		mode      Mode
		breakHere bool
		lost      bool
	}{
		{"GIL", GIL310, false, false},
		{"GIL, call between read and write", GIL310, true, true},
		{"free-threaded", FreeThreaded, false, true},
	} {
		lost := false
		for seed := range uint64(64) {
			w := sched.NewVirtual(sched.NewRandom(seed))
			in := InWorld(c.mode, w)
			x := in.Var("x", 0)
			in.Threads(2, func(t *Thread) {
				v := x.Int(t)
				if c.breakHere {
					t.CallPoint()
				}
				x.Set(t, v+1)
			})
			lost = lost || x.Value() != 2
		}
		if lost != c.lost {
			t.Errorf("%s: lost an update: %v, want %v", c.name, lost, c.lost)
		}
	}
}

func TestVarTypeError(t *testing.T) {
	in := New(GIL310)
	x := in.Var("x", "text")
	if ex := in.Threads(1, func(t *Thread) { x.Add(t, 1) }).Exceptions(); len(ex) != 1 || !Is(ex[0], "TypeError") {
		t.Errorf("exceptions %v", ex)
	}
}
