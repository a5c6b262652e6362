package worker

import (
	"bytes"
	"slices"
	"testing"

	"braid/kernel/eval"
)

func texts(events []eval.Event) (list []string) {
	for _, ev := range events {
		list = append(list, ev.Stream.Name+" "+ev.Stream.Text)
	}
	return list
}

func TestMirror(t *testing.T) {
	m := &mirror{mem: make([]byte, mirrorSize)}
	check := func(want ...string) {
		t.Helper()
		if got := texts(unsent(bytes.NewReader(m.mem))); !slices.Equal(got, want) {
			t.Errorf("unsent %q, want %q", got, want)
		}
	}
	check()
	m.Text(1, 5, 0, []byte("one\n"))
	m.Text(1, 5, 0, []byte("more\n"))
	m.Text(2, 5, 1, []byte("two \xff\n"))
	check("stdout one\n", "stdout more\n", "stderr two \uFFFD\n")
	m.Passed(1, false)
	check("stderr two \uFFFD\n")
	m.Text(3, 6, 0, make([]byte, mirrorSize)) // no room
	m.Text(4, 6, 0, []byte("four"))
	check("stderr two \uFFFD\n", "stdout four")
	m.Passed(4, true)
	check()
	if m.used != 0 {
		t.Errorf("%d bytes used", m.used)
	}
}

// A dead worker may have left anything in its mirror.
func FuzzUnsent(f *testing.F) {
	m := &mirror{mem: make([]byte, 256)}
	m.Text(1, 5, 0, []byte("one\n"))
	f.Add(m.mem)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, mem []byte) {
		total := 0
		for _, ev := range unsent(bytes.NewReader(mem)) {
			total += len(ev.Stream.Text)
		}
		if total > 3*len(mem) {
			t.Errorf("%d bytes of text in %d", total, len(mem))
		}
	})
}
