package asyncio

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	rt "braid/runtime"
)

// Timers come out in order of their time, and of their making among equals.
func TestTimerHeap(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var heap timerHeap
	var want []timerNode
	for seq := range uint64(500) {
		h := &TimerHandle{when: time.Duration(rng.IntN(40))}
		heap.push(h, seq)
		want = append(want, timerNode{h.when, seq, h})
		if rng.IntN(3) == 0 {
			slices.SortFunc(want, func(a, b timerNode) int {
				if a.before(b) {
					return -1
				}
				return 1
			})
			if got := heap.pop(); got != want[0].h {
				t.Fatalf("the heap gives a timer of %v, want that of %v", got.when, want[0].when)
			}
			want = want[1:]
		}
	}
}

// The ready queue is first in, first out, however it grows; take removes from
// the middle and keeps the order of the rest.
func TestReadyQueue(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var ring ring
	var want []uint64
	for n := range uint64(2000) {
		ring.push(entry{flow: n})
		want = append(want, n)
		for rng.IntN(2) == 0 && len(want) > 0 {
			i := rng.IntN(len(want))
			if got := ring.take(i).flow; got != want[i] {
				t.Fatalf("take(%d) gives %d, want %d", i, got, want[i])
			}
			want = slices.Delete(want, i, i+1)
		}
	}
	for _, n := range want {
		if got := ring.pop().flow; got != n {
			t.Fatalf("pop gives %d, want %d", got, n)
		}
	}
}

// FuzzStreamReader feeds a reader pieces of a text as a connection would: what
// readline, readuntil, readexactly and read give is the text, in order.
func FuzzStreamReader(f *testing.F) {
	f.Add([]byte("one\ntwo;three\n\nrest"), uint64(1))
	f.Add([]byte(strings.Repeat("x", 300)+"\n;;\n"), uint64(7))
	f.Add([]byte{}, uint64(0))
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		if len(data) > 1<<14 {
			return
		}
		rng := rand.New(rand.NewPCG(seed, 1))
		main := Async("main", func(c *Co, _ []any) (any, error) {
			r := &StreamReader{loop: c.Loop(), ask: make(chan struct{}, 1)}
			feed := Async("feed", func(c *Co, _ []any) (any, error) {
				for rest := data; len(rest) > 0; {
					n := 1 + rng.IntN(len(rest))
					r.feed(rest[:n])
					rest = rest[n:]
					<-r.ask
					c.MustAwait(Sleep(0))
				}
				r.end(nil)
				return nil, nil
			})
			if _, err := c.CreateTask(feed.Call()); err != nil {
				return nil, err
			}
			return readAnyhow(c, r, rng)
		})
		got, _, err := RunVirtual(main.Call())
		if err != nil || got != string(data) {
			t.Fatalf("read %q, %v; want %q", got, err, data)
		}
	})
}

func readAnyhow(c *Co, r *StreamReader, rng *rand.Rand) (any, error) {
	var all strings.Builder
	for !r.AtEOF() {
		part, err := "", error(nil)
		switch rng.IntN(4) {
		case 0:
			part, err = r.ReadLine(c)
		case 1:
			part, err = r.ReadUntil(c, ";\n")
		case 2:
			part, err = r.ReadExactly(c, rng.IntN(9))
		default:
			part, err = r.Read(c, 1+rng.IntN(9))
		}
		if rt.Is(err, "IncompleteReadError") {
			part, err = asException(err).Value.(string), nil
		}
		if err != nil {
			return nil, err
		}
		all.WriteString(part)
	}
	return all.String(), nil
}
