package zmq

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// publishing is Sockets whose subscriptions a test can wait for.
type publishing struct {
	*Sockets
	t          testing.TB
	subscribed chan string
}

func listenPublishing(t testing.TB, change func(*limits)) *publishing {
	t.Helper()
	p := &publishing{t: t, subscribed: make(chan string, 1000)}
	p.Sockets = listenTest(t, Config{limits: withLimits(change), OnSubscribe: func(topic []byte) { p.subscribed <- string(topic) }})
	return p
}

// subscriber connects one that is subscribed when it returns.
func (p *publishing) subscriber(topic string) *rawPeer {
	p.t.Helper()
	sub := dialPeer(p.t, p.Ports().IOPub, "SUB", "")
	sub.send("\x01" + topic)
	<-p.subscribed
	return sub
}

// publish sends message n of the given size.
func (p *publishing) publish(n, size int) {
	p.t.Helper()
	body := make([]byte, size)
	binary.BigEndian.PutUint32(body, uint32(n))
	if err := p.IOPub.Send([][]byte{[]byte("stream"), body}); err != nil {
		p.t.Errorf("message %d: %v", n, err)
	}
}

// expect reads messages from first to last and checks that none is missing.
func (p *rawPeer) expect(first, last, size int) error {
	for n := first; n <= last; n++ {
		got := p.recv()
		if len(got) != 2 || len(got[1]) != size {
			return fmt.Errorf("message %d: %d frames", n, len(got))
		}
		if have := int(binary.BigEndian.Uint32([]byte(got[1]))); have != n {
			return fmt.Errorf("received message %d, want %d", have, n)
		}
	}
	return nil
}

// 80 MB go past a subscriber that never reads. The others get all of them, a late
// one all that is sent after it came, and the stalled one is cut off.
func TestStalledSubscriber(t *testing.T) {
	checkLeaks(t)
	const messages, size = 20_000, 4000
	// A healthy subscriber would have to lag 64 MiB behind and to stand still for 2 s.
	p := listenPublishing(t, func(l *limits) { l.stall, l.minProgress = 2*time.Second, 1 })
	stalled := p.subscriber("")
	healthy := p.subscriber("")
	other := p.subscriber("str")
	var wg sync.WaitGroup
	for _, sub := range []*rawPeer{healthy, other} {
		wg.Go(func() {
			if err := sub.expect(0, messages-1, size); err != nil {
				t.Error(err)
			}
		})
	}
	for n := range messages / 2 {
		p.publish(n, size)
	}
	late := p.subscriber("")
	wg.Go(func() {
		// What was still inside zmq4 when it came may reach it, too.
		first := int(binary.BigEndian.Uint32([]byte(late.recv()[1])))
		if first > messages/2 {
			t.Errorf("late subscriber: first message %d", first)
		}
		if err := late.expect(first+1, messages-1, size); err != nil {
			t.Errorf("late subscriber: %v", err)
		}
	})
	for n := messages / 2; n < messages; n++ {
		p.publish(n, size)
	}
	wg.Wait()
	stalled.expectClosed()
	if n := p.Stats().SlowSubscribers; n != 1 {
		t.Errorf("%d subscribers cut off, want 1", n)
	}
	eventually(t, "the stalled one is forgotten", func() bool { return p.Stats().Connections == 3 })
}

// Messages that are published together may arrive together, but none waits for one
// that has yet to be published.
func TestBursts(t *testing.T) {
	checkLeaks(t)
	p := listenPublishing(t, func(*limits) {})
	all, some := p.subscriber(""), p.subscriber("str")
	n := 0
	for burst := range 200 {
		first := n
		for range burst%7 + 1 {
			p.publish(n, 40+burst*30)
			n++
		}
		for _, sub := range []*rawPeer{all, some} {
			if err := sub.expect(first, n-1, 40+burst*30); err != nil {
				t.Fatalf("burst %d: %v", burst, err)
			}
		}
	}
}

// What is held back for a message that never comes is sent when the subscriber
// wants less, and at the end.
func TestHeldMessages(t *testing.T) {
	checkLeaks(t)
	for name, end := range map[string]func(p *publishing, sub *rawPeer){
		"unsubscribed": func(_ *publishing, sub *rawPeer) { sub.send("\x00") },
		"drained":      func(p *publishing, _ *rawPeer) { p.Drain(10 * time.Millisecond) },
		"followed":     func(p *publishing, _ *rawPeer) { p.publish(2, 2*byReference) },
	} {
		t.Run(name, func(t *testing.T) {
			p := listenPublishing(t, func(*limits) {})
			sub := p.subscriber("")
			p.iopub.tap.sent(1) // that is what never comes
			p.publish(0, 100)
			p.publish(1, 100)
			eventually(t, "two messages are held", func() bool {
				for _, c := range p.iopub.l.all() {
					if c.out.pending.Load() > 200 {
						return true
					}
				}
				return false
			})
			end(p, sub)
			if err := sub.expect(0, 1, 100); err != nil {
				t.Error(err)
			}
			if name == "followed" {
				if err := sub.expect(2, 2, 2*byReference); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// A subscriber slower than the publisher holds it back and loses nothing, and
// what waits for it stays bounded.
func TestSlowSubscriber(t *testing.T) {
	checkLeaks(t)
	const messages, size, queue = 400, 100_000, 1 << 20
	p := listenPublishing(t, func(l *limits) { l.queue, l.minProgress = queue, 1000 })
	slow := p.subscriber("")
	done := make(chan error)
	var most atomic.Int64
	go func() {
		for n := range messages {
			for _, c := range p.iopub.l.all() {
				most.Store(max(most.Load(), c.out.pending.Load()))
			}
			if n%20 == 0 {
				time.Sleep(2 * time.Millisecond)
			}
			if err := slow.expect(n, n, size); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for n := range messages {
		p.publish(n, size)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if bound := int64(queue + defaultLimits.backlog + 3*size); most.Load() > bound {
		t.Errorf("%d bytes waited for it, want at most %d", most.Load(), bound)
	}
	if n := p.Stats().SlowSubscribers; n != 0 {
		t.Errorf("%d subscribers cut off", n)
	}
}

// A subscriber that takes a byte now and then is no better than one that takes none.
func TestTricklingSubscriber(t *testing.T) {
	checkLeaks(t)
	p := listenPublishing(t, func(l *limits) { l.queue, l.stall = 1<<20, 200*time.Millisecond })
	trickling := p.subscriber("")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				trickling.Read(make([]byte, 1))
			}
		}
	})
	for n := 0; p.Stats().SlowSubscribers == 0; n++ {
		p.publish(n, 1<<20)
	}
	close(stop)
	wg.Wait()
}

func TestSubscribersComeAndGo(t *testing.T) {
	checkLeaks(t)
	const rounds, crowd = 4, 50
	p := listenPublishing(t, func(*limits) {})
	steady := p.subscriber("")
	stop := make(chan struct{})
	sent := make(chan int)
	go func() {
		n := 0
		for ; ; n++ {
			select {
			case <-stop:
				sent <- n
				return
			default:
				p.publish(n, 1000)
			}
		}
	}()
	received := make(chan error)
	last := make(chan int, 1)
	go func() {
		for n := 0; ; n++ {
			if err := steady.expect(n, n, 1000); err != nil {
				received <- err
				return
			}
			select {
			case want := <-last:
				received <- steady.expect(n+1, want-1, 1000)
				return
			default:
			}
		}
	}()
	for range rounds {
		var wg sync.WaitGroup
		for n := range crowd {
			wg.Go(func() {
				sub := p.subscriber("")
				switch n % 4 {
				case 0:
					sub.send("\x00") // unsubscribes and stays a while
				case 1:
					sub.send("\x01stream")
					sub.send("\x00stream")
				case 2:
					sub.recv()
				}
				sub.Close()
			})
		}
		wg.Wait()
	}
	close(stop)
	last <- <-sent
	if err := <-received; err != nil {
		t.Error(err)
	}
	if n := p.Stats().SlowSubscribers; n != 0 {
		t.Errorf("%d subscribers cut off", n)
	}
	eventually(t, "one subscriber is left", func() bool { return p.Stats().Connections == 1 })
}

// Many subscribers that do not read share one allowance.
func TestManyStalledSubscribers(t *testing.T) {
	checkLeaks(t)
	const crowd, allowance = 30, 12 << 20
	p := listenPublishing(t, func(l *limits) { l.allQueues, l.stall = allowance, 50*time.Millisecond })
	for range crowd {
		p.subscriber("")
	}
	most := int64(0)
	for n := 0; p.Stats().SlowSubscribers < crowd; n++ {
		p.publish(n, 100_000)
		waiting := int64(0)
		for _, c := range p.iopub.l.all() {
			waiting += c.out.pending.Load()
		}
		most = max(most, waiting)
	}
	if slack := int64(crowd * (defaultLimits.backlog + 200_000)); most > allowance+slack {
		t.Errorf("%d bytes waited, want at most %d", most, allowance+slack)
	}
}

func TestCloseReleasesSend(t *testing.T) {
	checkLeaks(t)
	p := listenPublishing(t, func(l *limits) { l.queue = 1 << 20 })
	p.subscriber("") // and never reads
	result := make(chan error)
	go func() {
		for {
			if err := p.IOPub.Send([][]byte{make([]byte, 1<<20)}); err != nil {
				result <- err
				return
			}
		}
	}()
	eventually(t, "the publisher waits", func() bool { behind, _ := p.iopub.l.full(); return len(behind) == 1 })
	p.Close()
	if err := <-result; !errors.Is(err, ErrClosed) {
		t.Errorf("Send = %v, want ErrClosed", err)
	}
}

// Frames of all sizes about the borders of the encoding and of our copying.
func TestFrameSizes(t *testing.T) {
	p := listenPublishing(t, func(*limits) {})
	sub := p.subscriber("")
	sizes := []int{0, 1, 254, 255, 256, byReference - 1, byReference, byReference + 1, 0, smallChunk, smallChunk + 1, batch - 1, batch, batch + 1, 3*batch + 7, 0}
	var frames [][]byte
	for _, n := range sizes {
		f := make([]byte, n, n+64) // room behind it that must not be written to
		for i := range f {
			f[i] = byte(i)
		}
		frames = append(frames, f)
	}
	for first := range frames {
		message := append([][]byte{[]byte("t")}, frames[first:]...)
		if err := p.IOPub.Send(message); err != nil {
			t.Fatal(err)
		}
		got := sub.recv()
		if len(got) != len(message) {
			t.Fatalf("%d frames, want %d", len(got), len(message))
		}
		for i := range got {
			if got[i] != string(message[i]) {
				t.Fatalf("frame %d of %d bytes came as %d others", i, len(message[i]), len(got[i]))
			}
		}
	}
	for i, f := range frames {
		if tail := f[len(f):cap(f)]; strings.Trim(string(tail), "\x00") != "" {
			t.Errorf("what lies behind frame %d was written to", i)
		}
	}
}

func BenchmarkRoundTrip(b *testing.B) {
	s := listenTest(b, Config{})
	go echoShell(s)
	p := dialPeer(b, s.Ports().Shell, "DEALER", "client")
	request := []string{"<IDS|MSG>", strings.Repeat("s", 64), strings.Repeat("h", 200), "{}", "{}", strings.Repeat("c", 300)}
	for b.Loop() {
		p.send(request...)
		p.recv()
	}
}

func BenchmarkPublish(b *testing.B) {
	for _, size := range []int{100, 1 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			p := listenPublishing(b, func(*limits) {})
			sub := p.subscriber("")
			go func() {
				buf := make([]byte, 256<<10)
				for {
					if _, err := sub.Read(buf); err != nil {
						return
					}
				}
			}()
			b.SetBytes(int64(size))
			body := make([]byte, size)
			for b.Loop() {
				p.IOPub.Send([][]byte{[]byte("stream"), body})
			}
			p.Drain(patience)
		})
	}
}
