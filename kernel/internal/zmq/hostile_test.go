package zmq

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// command is a ZMTP command frame.
func command(name, body string) []byte {
	b := append([]byte{byte(len(name))}, name...)
	b = append(b, body...)
	return append(header{command: true, size: uint64(len(b))}.append(nil), b...)
}

func property(name, value string) string {
	b := append([]byte{byte(len(name))}, name...)
	return string(append(binary.BigEndian.AppendUint32(b, uint32(len(value))), value...))
}

// claim is the header of a long frame of so many bytes.
func claim(size uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{flagLong}, size)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func changedGreeting(at int, b byte) []byte {
	g := bytes.Clone(greeting)
	g[at] = b
	return g
}

// Each of these made bare zmq4 panic, run out of memory, or stop serving, or is
// a close relative of one that did.
func TestHandshakesRefused(t *testing.T) {
	checkLeaks(t)
	s := listenTest(t, Config{})
	go echoShell(s)
	witness := dialPeer(t, s.Ports().Shell, "DEALER", "witness")
	for name, bad := range map[string][]byte{
		"HTTP":                       []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		"zeros":                      make([]byte, 64),
		"ZMTP 2.0 greeting":          changedGreeting(10, 1),
		"no signature footer":        changedGreeting(9, 0),
		"mechanism CURVE":            join(greeting[:12], []byte("CURVE"), make([]byte, 47)),
		"mechanism NULLX":            changedGreeting(16, 'X'),
		"as-server 2":                changedGreeting(32, 2),
		"a message instead of READY": join(greeting, encodeMessage("hello")),
		"reserved flags":             join(greeting, []byte{0x84, 5}),
		"empty command":              join(greeting, []byte{flagCommand, 0}),
		"command name too long":      join(greeting, []byte{flagCommand, 3, 200, 'x', 'y'}),
		"another command":            join(greeting, command("HELLO", "")),
		"READY claims 2^62":          join(greeting, []byte{flagCommand | flagLong}, claim(1 << 62)[1:]),
		"READY with MORE":            join(greeting, []byte{flagCommand | flagMore, 6, 5}, []byte("READY")),
		"name beyond the data":       join(greeting, command("READY", "\x05")),
		"name up to the data":        join(greeting, command("READY", "\x06abcde")),
		"no room for a value size":   join(greeting, command("READY", "\x03abc\x00")),
		"value beyond the data":      join(greeting, command("READY", "\x03abc\x00\x00\x00\x05x")),
		"value of 4 GiB":             join(greeting, command("READY", "\x03abc\xff\xff\xff\xffx")),
		"name of no bytes":           join(greeting, command("READY", property("", "x"))),
		"no socket type":             join(greeting, command("READY", "")),
		"unknown socket type":        join(greeting, command("READY", property("Socket-Type", "NONSENSE"))),
		"socket type of no bytes":    join(greeting, command("READY", property("Socket-Type", ""))),
		"socket type in small case":  join(greeting, command("READY", property("Socket-Type", "dealer"))),
		"incompatible SUB":           join(greeting, readyFrame("SUB", "")),
		"incompatible REP":           join(greeting, readyFrame("REP", "")),
		"identity of 256 bytes":      join(greeting, readyFrame("DEALER", strings.Repeat("i", 256))),
		"identity that we gave":      join(greeting, readyFrame("DEALER", "\x00\x00\x00\x00\x00\x00\x00\x00\x01")),
	} {
		p := dialRaw(t, Config{}, s.Ports().Shell)
		p.Write(bad)
		p.expectClosed()
		if t.Failed() {
			t.Fatalf("after %s", name)
		}
		witness.ask("still there", name)
	}
	if got := s.Stats(); got.BadHandshakes != 28 || got.Accepted != 1 {
		t.Errorf("Stats = %+v, want 28 bad handshakes and 1 accepted", got)
	}
}

// Property names are case-insensitive and may come in any number and order; zmq4
// alone panics on those it does not find.
func TestUnusualHandshakes(t *testing.T) {
	s := listenTest(t, Config{})
	go echoShell(s)
	body := "\x05READY" + property("Socket-Type", "DEALER")
	longReady := join([]byte{flagCommand | flagLong}, claim(uint64(len(body)))[1:], []byte(body))
	for name, ready := range map[string][]byte{
		"lower-case names":  command("READY", property("identity", "a")+property("socket-type", "DEALER")),
		"more properties":   command("READY", property("X-App", "y")+property("Resource", "")+property("Socket-Type", "REQ")),
		"type twice":        command("READY", property("Socket-Type", "SUB")+property("SOCKET-TYPE", "DEALER")),
		"long command":      longReady,
		"identity of 255":   readyFrame("DEALER", strings.Repeat("i", 255)),
		"identity of bytes": readyFrame("ROUTER", "\xff\xfe\x00"),
	} {
		p := dialRaw(t, Config{}, s.Ports().Shell)
		p.write(changedGreeting(11, 1)) // ZMTP 3.1
		p.write(ready)
		p.expectHandshake()
		p.ask("hello", name)
	}
}

func TestMessagesRefused(t *testing.T) {
	checkLeaks(t)
	s := listenTest(t, Config{limits: withLimits(func(l *limits) { l.parts = 1000; l.message = 1 << 40 })})
	go echoShell(s)
	witness := dialPeer(t, s.Ports().Shell, "DEALER", "witness")
	for name, bad := range map[string][]byte{
		"frame of 2^63 bytes":    claim(1 << 63),
		"frame of 2^62 bytes":    claim(1 << 62),
		"frame of 2^40 bytes":    claim(1 << 40),
		"frame of 1 GiB + 1":     claim(1<<30 + 1),
		"reserved flags":         {8, 0},
		"command with MORE":      {flagCommand | flagMore, 5, 4, 'P', 'I', 'N', 'G'},
		"READY within a message": join([]byte{flagMore, 1, 'x'}, readyFrame("DEALER", "x")),
		"long command":           join([]byte{flagCommand | flagLong}, claim(maxCommand + 1)[1:]),
		"empty command":          {flagCommand, 0},
		"ERROR":                  command("ERROR", "\x03bad"),
		"a second READY":         readyFrame("DEALER", "x"),
		"short PING":             command("PING", "\x00"),
		"long PING":              command("PING", strings.Repeat("x", 19)),
		"SUBSCRIBE to a ROUTER":  command("SUBSCRIBE", ""),
		"a message without end":  bytes.Repeat([]byte{flagMore, 1, 'x'}, 2000),
	} {
		p := dialPeer(t, s.Ports().Shell, "DEALER", "bad")
		p.Write(bad)
		p.expectClosed()
		if t.Failed() {
			t.Fatalf("after %s", name)
		}
		witness.ask("still there", name)
	}
	if got := s.Stats(); got.Malformed != 15 {
		t.Errorf("Stats = %+v, want 15 malformed", got)
	}
}

// A claim of 1 GiB is allowed, and costs nothing until the bytes come.
func TestClaimsCostNothing(t *testing.T) {
	s := listenTest(t, Config{})
	go echoShell(s)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 20 {
		dialPeer(t, s.Ports().Shell, "DEALER", "").write(append(claim(1<<30), "some bytes"...))
	}
	dialPeer(t, s.Ports().Shell, "DEALER", "").ask("hello")
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 32<<20 {
		t.Errorf("20 claims made us allocate %d MiB", grown>>20)
	}
}

func TestLargeFrames(t *testing.T) {
	checkLeaks(t)
	s := listenTest(t, Config{})
	go echoShell(s)
	peer := dialPeer(t, s.Ports().Shell, "DEALER", "big")
	content := bytes.Repeat([]byte("a pattern of 31 bytes, a prime. "[:31]), (64<<20)/31)
	sent := make(chan error)
	go func() { _, err := peer.Write(encodeMessage("", string(content), "end")); sent <- err }()
	got := peer.recv()
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got[1] != string(content) || got[2] != "end" {
		t.Fatalf("the message came back changed: %d frames", len(got))
	}
	many := make([]string, 20_000)
	for i := range many {
		many[i] = fmt.Sprint("part ", i)
	}
	peer.ask(many...)
}

// Silent peers, however many, keep nobody out for longer than a moment.
func TestSilentPeers(t *testing.T) {
	checkLeaks(t)
	s := listenTest(t, Config{limits: withLimits(func(l *limits) {
		l.handshake, l.pending, l.pendingAge = 10*patience, 8, 20*time.Millisecond
	})})
	go echoShell(s)
	var silent []*rawPeer
	for n := range 40 {
		p := dialRaw(t, Config{}, s.Ports().Shell)
		p.write(greeting[:n])
		silent = append(silent, p)
	}
	dialPeer(t, s.Ports().Shell, "DEALER", "").ask("anyone there?")
	dialPeer(t, s.Ports().HB, "REQ", "").ask("", "ping")
	if n := s.Stats().Evicted; n < 30 {
		t.Errorf("%d silent peers evicted, want the most of 40", n)
	}
	silent[0].expectClosed()
}

func TestHandshakeDeadline(t *testing.T) {
	checkLeaks(t)
	s := listenTest(t, Config{limits: withLimits(func(l *limits) { l.handshake = 2 * time.Second })})
	go echoShell(s)
	honest := dialPeer(t, s.Ports().Shell, "DEALER", "")
	var silent []*rawPeer
	for _, bytes := range [][]byte{nil, greeting[:1], greeting[:40], greeting, join(greeting, readyFrame("DEALER", "x")[:9])} {
		p := dialRaw(t, Config{}, s.Ports().Shell)
		p.write(bytes)
		silent = append(silent, p)
	}
	for _, p := range silent {
		p.expectClosed()
	}
	honest.ask("the deadline is for handshakes alone")
	if n := s.Stats().BadHandshakes; n != 5 {
		t.Errorf("BadHandshakes = %d, want 5", n)
	}
}

func TestConnectionLimit(t *testing.T) {
	checkLeaks(t)
	s := listenTest(t, Config{limits: withLimits(func(l *limits) { l.connections = 10 })})
	go echoShell(s)
	var peers []*rawPeer
	for range 10 {
		peers = append(peers, dialPeer(t, s.Ports().Shell, "DEALER", ""))
	}
	eventually(t, "all have left the handshake", func() bool { return s.shell.l.size() == 10 })
	dialRaw(t, Config{}, s.Ports().Shell).expectClosed()
	peers[0].Close()
	eventually(t, "a place is free", func() bool { return s.shell.l.size() < 10 })
	dialPeer(t, s.Ports().Shell, "DEALER", "").ask("in")
	if n := s.Stats().Crowded; n != 1 {
		t.Errorf("Crowded = %d, want 1", n)
	}
}

// junk is one bad connection out of many kinds, from a seeded source.
func junk(r *rand.Rand, socketType string) []byte {
	random := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	good := join(greeting, readyFrame(socketType, string(random(8))))
	switch r.IntN(8) {
	case 0:
		return random(1 + r.IntN(200))
	case 1:
		return greeting[:1+r.IntN(63)]
	case 2:
		return join(greeting, random(1+r.IntN(100)))
	case 3: // one byte of READY changed
		b := bytes.Clone(good)
		b[64+r.IntN(len(b)-64)] = byte(r.Uint32())
		return b
	case 4:
		return join(good, random(1+r.IntN(60)))
	case 5: // random messages
		b := good
		for range 10 {
			frame := random(r.IntN(50))
			b = join(b, header{more: r.IntN(10) < 7, size: uint64(len(frame))}.append(nil), frame)
		}
		return b
	case 6: // dies within a frame
		return join(good, header{size: 300}.append(nil), random(r.IntN(300)))
	}
	return nil
}

func TestJunkConnections(t *testing.T) {
	checkLeaks(t)
	const total = 10_000
	welcomes := make(chan struct{}, total)
	s := listenTest(t, Config{OnSubscribe: func([]byte) { welcomes <- struct{}{} }})
	go echoShell(s)
	for _, socket := range []Socket{s.Control, s.Stdin} {
		go func() {
			for {
				if _, err := socket.Recv(); err != nil {
					return
				}
			}
		}()
	}
	ports := s.Ports()
	targets := []struct {
		port int
		kind string
	}{{ports.Shell, "DEALER"}, {ports.IOPub, "SUB"}, {ports.HB, "REQ"}, {ports.Control, "ROUTER"}, {ports.Stdin, "DEALER"}}
	witness := dialPeer(t, ports.Shell, "DEALER", "witness")
	beat := dialPeer(t, ports.HB, "REQ", "")
	sub := dialPeer(t, ports.IOPub, "SUB", "")
	sub.send("\x01")
	<-welcomes

	idle := descriptors(t)
	before := goroutines()
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(worker)))
			for n := range total / 4 {
				target := targets[n%len(targets)]
				c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", target.port))
				if err != nil {
					t.Errorf("connection %d: %v", n, err)
					return
				}
				c.Write(junk(r, target.kind))
				switch r.IntN(4) {
				case 0:
					c.(*net.TCPConn).SetLinger(0) // reset instead of an orderly end
				case 1, 2: // take what comes, so that there is no reset
					c.(*net.TCPConn).CloseWrite()
					io.Copy(io.Discard, c)
				}
				c.Close()
			}
		})
	}
	wg.Wait()
	witness.ask("still there")
	beat.ask("", "still there")
	s.IOPub.Send([][]byte{[]byte("topic"), []byte("still there")})
	if got := sub.recv(); got[1] != "still there" {
		t.Errorf("subscriber got %q", got)
	}
	dialPeer(t, ports.Control, "DEALER", "").send("new")
	eventually(t, "all junk connections are gone", func() bool {
		return descriptors(t) <= idle+2 && goroutines() <= before+8
	})
	t.Logf("%+v", s.Stats())
}

// The heartbeat answers anybody, but not at length.
func TestHeartbeatIsCheap(t *testing.T) {
	checkLeaks(t)
	s := listenTest(t, Config{})
	p := dialPeer(t, s.Ports().HB, "REQ", "")
	p.ask("", strings.Repeat("x", 1000))
	p.write(claim(2 << 20))
	p.expectClosed()
}

func TestPeersDieWithinFrames(t *testing.T) {
	checkLeaks(t)
	s := listenTest(t, Config{})
	go echoShell(s)
	witness := dialPeer(t, s.Ports().Shell, "DEALER", "witness")
	for n := range 200 {
		p := dialPeer(t, s.Ports().Shell, "DEALER", "")
		p.write(join(encodeMessage("whole"), []byte{flagMore, 4}, []byte("more"), claim(1<<20), make([]byte, 1000)))
		if n%2 == 0 {
			p.Conn.(*net.TCPConn).SetLinger(0)
		}
		p.Close()
	}
	witness.ask("still there")
	eventually(t, "only the witness is connected", func() bool { return s.Stats().Connections == 1 })
}

// Peers that stop within a message hold no place that others need.
func TestUnfinishedMessages(t *testing.T) {
	checkLeaks(t)
	s := listenTest(t, Config{})
	go echoShell(s)
	for range 3 * credits {
		dialPeer(t, s.Ports().Shell, "DEALER", "").write(join([]byte{flagMore, 4}, []byte("more")))
		dialPeer(t, s.Ports().Shell, "DEALER", "").write([]byte{0, 200, 'x'})
	}
	dialPeer(t, s.Ports().Shell, "DEALER", "").ask("hello")
}

func TestPing(t *testing.T) {
	s := listenTest(t, Config{})
	go echoShell(s)
	for _, c := range []struct {
		port int
		kind string
	}{{s.Ports().Shell, "DEALER"}, {s.Ports().IOPub, "SUB"}, {s.Ports().HB, "REQ"}} {
		p := dialPeer(t, c.port, c.kind, "")
		for _, context := range []string{"", "context", strings.Repeat("c", 16)} {
			p.write(command("PING", "\x00\x0a"+context))
			h, body, err := p.frame()
			if err != nil || !h.command || string(body) != "\x04PONG"+context {
				t.Fatalf("%s: answer to PING %q: %+v %q %v", c.kind, context, h, body, err)
			}
		}
		p.write(command("PONG", ""))
		p.write(command("UNHEARD-OF", "of"))
	}
	// libzmq sends heartbeats between the frames of a message.
	p := dialPeer(t, s.Ports().Shell, "DEALER", "")
	p.write(join([]byte{flagMore, 3}, []byte("one"), command("PING", "\x00\x00"), command("PONG", ""), encodeMessage("two")))
	if h, body, err := p.frame(); err != nil || !h.command || string(body) != "\x04PONG" {
		t.Fatalf("answer to PING: %q %v", body, err)
	}
	if got := p.recv(); len(got) != 2 || got[0] != "one" || got[1] != "two" {
		t.Errorf("received %q", got)
	}
}

// A peer that asks for much and reads nothing is cut off; others do not notice.
func TestRepliesLeftUnread(t *testing.T) {
	checkLeaks(t)
	s := listenTest(t, Config{limits: withLimits(func(l *limits) { l.queue = 4 << 20 })})
	go echoShell(s)
	greedy := dialPeer(t, s.Ports().Shell, "DEALER", "greedy")
	flood := make(chan struct{})
	go func() {
		defer close(flood)
		request := encodeMessage(strings.Repeat("x", 100_000))
		for range 2000 {
			if _, err := greedy.Write(request); err != nil {
				return
			}
		}
	}()
	polite := dialPeer(t, s.Ports().Shell, "DEALER", "polite")
	eventually(t, "the greedy peer is cut off", func() bool {
		polite.ask("question")
		return s.Stats().SlowPeers == 1
	})
	<-flood
	polite.ask("question")
	eventually(t, "it is forgotten", func() bool { return s.Stats().Connections == 1 })
}

// A reply larger than the bound goes through if the peer reads.
func TestReplyBeyondTheBound(t *testing.T) {
	s := listenTest(t, Config{limits: withLimits(func(l *limits) { l.queue = 1 << 20 })})
	peer := dialPeer(t, s.Ports().Shell, "DEALER", "peer")
	peer.send("request")
	s.Shell.Recv()
	s.Shell.Send([][]byte{[]byte("peer"), make([]byte, 8<<20)})
	if got := peer.recv(); len(got[0]) != 8<<20 {
		t.Errorf("reply of %d bytes", len(got[0]))
	}
}

func TestSameIdentityTwice(t *testing.T) {
	checkLeaks(t)
	s := listenTest(t, Config{})
	old := dialPeer(t, s.Ports().Shell, "DEALER", "client")
	old.send("one")
	s.Shell.Recv()
	fresh := dialPeer(t, s.Ports().Shell, "DEALER", "client")
	old.expectClosed()
	s.Shell.Send([][]byte{[]byte("client"), []byte("for the new connection")})
	if got := fresh.recv(); got[0] != "for the new connection" {
		t.Errorf("the new connection got %q", got)
	}
	fresh.send("two")
	frames, err := s.Shell.Recv()
	if err != nil || string(frames[1]) != "two" {
		t.Fatalf("received %q, %v", frames, err)
	}
	s.Shell.Send([][]byte{[]byte("client"), []byte("answer")})
	if got := fresh.recv(); got[0] != "answer" {
		t.Errorf("the new connection got %q", got)
	}
	if n := s.Stats().Replaced; n != 1 {
		t.Errorf("Replaced = %d, want 1", n)
	}
}

// What subscribers send beside subscriptions goes nowhere and stops nothing.
func TestJunkUpstream(t *testing.T) {
	checkLeaks(t)
	subscribed := make(chan string, 10)
	s := listenTest(t, Config{OnSubscribe: func(topic []byte) { subscribed <- string(topic) }})
	p := dialPeer(t, s.Ports().IOPub, "XSUB", "")
	for range 100 {
		p.send("\x05junk")
		p.send("")
		p.send("\x01looks like", "a subscription")
		p.send("more", "\x01than one")
		p.send("\x01" + strings.Repeat("t", int(defaultLimits.topic)+1))
		p.send(strings.Repeat("large", 100_000))
	}
	p.send("\x01real")
	if got := <-subscribed; got != "real" {
		t.Errorf("subscription to %q", got)
	}
	s.IOPub.Send([][]byte{[]byte("real"), []byte("message")})
	if got := p.recv(); got[1] != "message" {
		t.Errorf("received %q", got)
	}
	if n := s.Stats().IgnoredUpstream; n != 600 {
		t.Errorf("IgnoredUpstream = %d, want 600", n)
	}
}

func TestTooManyTopics(t *testing.T) {
	checkLeaks(t)
	s := listenTest(t, Config{limits: withLimits(func(l *limits) { l.topics = 20 })})
	p := dialPeer(t, s.Ports().IOPub, "SUB", "")
	for n := range 100 { // never more than one at a time
		p.send(fmt.Sprint("\x01", n))
		p.send(fmt.Sprint("\x00", n))
	}
	for n := range 20 {
		p.send(fmt.Sprint("\x01", n))
	}
	p.write(command("PING", "\x00\x00"))
	if h, body, err := p.frame(); err != nil || !h.command || string(body) != "\x04PONG" {
		t.Fatalf("PING: %q %v", body, err)
	}
	p.send("\x01one more")
	p.expectClosed()
}

func TestPingFlood(t *testing.T) {
	checkLeaks(t)
	s := listenTest(t, Config{limits: withLimits(func(l *limits) { l.queue = 64 << 10 })})
	for _, c := range []struct {
		port int
		kind string
	}{{s.Ports().Shell, "DEALER"}, {s.Ports().IOPub, "SUB"}} {
		p := dialPeer(t, c.port, c.kind, "")
		ping := bytes.Repeat(command("PING", "\x00\x00"+strings.Repeat("c", 16)), 1000)
		for {
			if _, err := p.Write(ping); err != nil { // and never read
				break
			}
		}
	}
	eventually(t, "both are gone", func() bool { return s.Stats().Connections == 0 })
}

func TestOtherUsers(t *testing.T) {
	for _, transport := range []string{"tcp", "ipc"} {
		cfg := Config{SameUser: true}
		if transport == "ipc" {
			cfg = ipcConfig(t)
			cfg.SameUser = true
		}
		if runtime.GOOS != "linux" {
			if _, err := Listen(cfg); err == nil {
				t.Error("SameUser was accepted")
			}
			continue
		}
		s := listenTest(t, cfg)
		go echoShell(s)
		dialRaw(t, cfg, s.Ports().Shell).introduce("DEALER", "").ask("it is me")
		if n := s.Stats().OtherUsers; n != 0 {
			t.Errorf("%s: %d refused", transport, n)
		}
	}
}

// FuzzPeer feeds one connection of each kind. Whatever the bytes, the next peer is served.
func FuzzPeer(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 40 {
		f.Add(junk(r, "DEALER"), true)
		f.Add(junk(r, "SUB"), false)
	}
	f.Add(join(greeting, readyFrame("DEALER", "x"), claim(1<<20), make([]byte, 100)), true)
	f.Add(join(greeting, readyFrame("SUB", ""), encodeMessage("\x01"), command("PING", "\x00\x00x")), false)
	cfg := ipcConfig(f) // tcp would run out of ports in TIME_WAIT
	cfg.OnSubscribe = func([]byte) {}
	s := listenTest(f, cfg)
	go echoShell(s)
	witness := dialRaw(f, cfg, s.Ports().Shell).introduce("DEALER", "witness")
	f.Fuzz(func(t *testing.T, data []byte, shell bool) {
		l := s.shell.l
		if !shell {
			l = s.iopub.l
		}
		c, err := net.Dial("unix", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		go io.Copy(io.Discard, c)
		c.Write(data)
		c.(*net.UnixConn).CloseWrite()
		witness.t = t
		witness.SetDeadline(time.Now().Add(2 * patience))
		witness.ask("still there")
	})
}
