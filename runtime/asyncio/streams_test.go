package asyncio

import (
	"fmt"
	"strings"
	"testing"
	"time"

	rt "braid/runtime"
)

// real runs body on the machine's clock and fails the test if it fails.
func real(t *testing.T, body func(c *Co) (any, error), opts ...Option) any {
	t.Helper()
	v, err := Run(Async("main", func(c *Co, _ []any) (any, error) { return body(c) }).Call(), opts...)
	if err != nil {
		t.Errorf("the program ends with %v", err)
	}
	return v
}

func echo(c *Co, r *StreamReader, w *StreamWriter) error {
	defer w.Close()
	for {
		line, err := r.ReadLine(c)
		if err != nil || line == "" {
			return err
		}
		if err := w.Write(strings.ToUpper(line)); err != nil {
			return err
		}
		if err := w.Drain(c); err != nil {
			return err
		}
	}
}

func TestEchoServer(t *testing.T) {
	noLeak(t)
	var ask = Async("ask", func(c *Co, a []any) (any, error) {
		r, w, err := c.OpenConnection("127.0.0.1", a[0].(int))
		if err != nil {
			return nil, err
		}
		_ = w.Write(fmt.Sprintf("hello %d\n", a[1]))
		line, err := r.ReadLine(c)
		if err != nil {
			return nil, err
		}
		w.Close()
		return strings.TrimSpace(line), w.WaitClosed(c)
	})
	got := real(t, func(c *Co) (any, error) {
		s, err := c.StartServer(echo, "127.0.0.1", 0)
		if err != nil {
			return nil, err
		}
		var answers any
		err = s.With(c, func() (err error) {
			all := make([]any, 20)
			for i := range all {
				all[i] = ask.Call(s.Port(), i)
			}
			answers, err = c.Gather(all...)
			return err
		})
		return answers, err
	})
	for i, line := range got.([]any) {
		if line != fmt.Sprintf("HELLO %d", i) {
			t.Errorf("answer %d is %v", i, line)
		}
	}
}

func TestStreamReaderMethods(t *testing.T) {
	noLeak(t)
	serve := func(c *Co, r *StreamReader, w *StreamWriter) error {
		_ = w.Write([]byte("one\ntwo;three"))
		w.Close()
		return nil
	}
	real(t, func(c *Co) (any, error) {
		s, err := c.StartServer(serve, "127.0.0.1", 0)
		if err != nil {
			return nil, err
		}
		r, w, err := c.OpenConnection("127.0.0.1", s.Port())
		if err != nil {
			return nil, err
		}
		check := func(what, got string, err error, want string) {
			if err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("%s gives %q, want %q", what, got, want)
			}
		}
		v, err := r.ReadLine(c)
		check("readline", v, err, "one\n")
		v, err = r.ReadUntil(c, ";")
		check("readuntil", v, err, "two;")
		v, err = r.ReadExactly(c, 2)
		check("readexactly", v, err, "th")
		v, err = r.ReadExactly(c, 5)
		check("readexactly", v, err, "IncompleteReadError: 3 bytes read on a total of 5 expected bytes")
		v, err = r.Read(c, -1)
		check("read", v, err, "")
		v, err = r.ReadLine(c)
		check("readline at the end", v, err, "")
		if !r.AtEOF() {
			t.Error("the end was not noticed")
		}
		w.Close()
		return nil, w.WaitClosed(c)
	})
}

func TestLargeTransferBothWays(t *testing.T) {
	noLeak(t)
	const size = 5 << 20
	serve := func(c *Co, r *StreamReader, w *StreamWriter) error {
		for {
			block, err := r.Read(c, 1<<16)
			if err != nil || block == "" {
				w.Close()
				return err
			}
			_ = w.Write(block)
			if err := w.Drain(c); err != nil {
				return err
			}
		}
	}
	got := real(t, func(c *Co) (any, error) {
		s, err := c.StartServer(serve, "127.0.0.1", 0)
		if err != nil {
			return nil, err
		}
		r, w, err := c.OpenConnection("127.0.0.1", s.Port())
		if err != nil {
			return nil, err
		}
		send := Async("send", func(c *Co, _ []any) (any, error) {
			for sent := 0; sent < size; sent += 1 << 18 {
				_ = w.Write(strings.Repeat("x", 1<<18))
				if err := w.Drain(c); err != nil {
					return nil, err
				}
			}
			w.WriteEOF()
			return nil, nil
		})
		if _, err := c.CreateTask(send.Call()); err != nil {
			return nil, err
		}
		all, err := r.Read(c, -1)
		return len(all), err
	})
	if got != size {
		t.Errorf("%v bytes came back, want %d", got, size)
	}
}

func TestStreamErrors(t *testing.T) {
	noLeak(t)
	real(t, func(c *Co) (any, error) {
		s, err := c.StartServer(echo, "127.0.0.1", 0)
		if err != nil {
			return nil, err
		}
		port := s.Port()
		_, err = c.StartServer(echo, "127.0.0.1", port)
		want := fmt.Sprintf("OSError: [Errno 98] error while attempting to bind on address ('127.0.0.1', %d): address already in use", port)
		if err == nil || err.Error() != want {
			t.Errorf("a second server on the port: %v, want %s", err, want)
		}
		s.Close()
		_, _, err = c.OpenConnection("127.0.0.1", port)
		want = fmt.Sprintf("ConnectionRefusedError: [Errno 111] Connect call failed ('127.0.0.1', %d)", port)
		if err == nil || err.Error() != want {
			t.Errorf("nobody listens: %v, want %s", err, want)
		}
		return nil, nil
	})
	_, _, err := RunVirtual(Async("main", func(c *Co, _ []any) (any, error) {
		_, _, err := c.OpenConnection("127.0.0.1", 1)
		return nil, err
	}).Call())
	if !rt.Is(err, "RuntimeError") || !strings.Contains(err.Error(), "use Run") {
		t.Errorf("a socket in virtual time: %v", err)
	}
}

func TestServerLeftOpenEndsWithTheLoop(t *testing.T) {
	noLeak(t)
	hold := func(c *Co, r *StreamReader, w *StreamWriter) error {
		_, err := c.Sleep(time.Hour)
		return err
	}
	real(t, func(c *Co) (any, error) {
		s, err := c.StartServer(hold, "127.0.0.1", 0)
		if err != nil {
			return nil, err
		}
		for range 3 {
			if _, _, err := c.OpenConnection("127.0.0.1", s.Port()); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
}

func TestConnectorLimit(t *testing.T) {
	noLeak(t)
	server, err := NewDelayServer(30 * time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	const n = 250
	real(t, func(c *Co) (any, error) {
		s := NewClientSession()
		defer s.Close()
		all := make([]any, n)
		for i := range all {
			all[i] = s.Fetch(fmt.Sprintf("%s/%d", server.URL, i))
		}
		answers, err := c.Gather(all...)
		if err != nil {
			return nil, err
		}
		for i, a := range answers.([]any) {
			if r := a.(*Response); r.Text() != fmt.Sprintf("/%d", i) || r.Status != 200 {
				t.Errorf("answer %d is %v %q", i, r, r.Text())
			}
		}
		if s.Peak() != 100 {
			t.Errorf("%d connections at once, want aiohttp's 100", s.Peak())
		}
		return nil, nil
	})
	if server.Peak() > 100 || server.Requests() != n {
		t.Errorf("the server saw %d at once and %d in all", server.Peak(), server.Requests())
	}
}

func TestClientErrors(t *testing.T) {
	noLeak(t)
	server, err := NewDelayServer(time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	real(t, func(c *Co) (any, error) {
		s := NewClientSession(1)
		s.SetTimeout(50 * time.Millisecond)
		for _, call := range []struct{ url, typ string }{
			{server.URL, "TimeoutError"},
			{"nonsense", "InvalidURL"},
			{"http://127.0.0.1:1/", "ClientConnectorError"},
		} {
			if _, err := s.Get(c, call.url); !rt.Is(err, call.typ) {
				t.Errorf("%s: %v, want a %s", call.url, err, call.typ)
			}
		}
		s.Close()
		if _, err := s.Get(c, server.URL); err == nil || err.Error() != "RuntimeError: Session is closed" {
			t.Errorf("a closed session: %v", err)
		}
		return nil, nil
	})
}
