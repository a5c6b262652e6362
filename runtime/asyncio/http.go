package asyncio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	rt "braid/runtime"
)

// ClientSession is an HTTP client for coroutines, with the behaviour of
// aiohttp's that surprises: its connector opens at most 100 connections unless
// told otherwise (aiohttp/connector.py, TCPConnector limit=100), and requests
// beyond that stand in line, first in, first out.
type ClientSession struct {
	limit     int
	inUse     int
	peak      int
	waiters   line
	transport *http.Transport
	timeout   time.Duration
	closed    bool
	own       map[*Loop]*resource
}

// NewClientSession is aiohttp.ClientSession(); a limit, if given, is that of
// TCPConnector(limit=…): zero is none. Close it; the loop does if you forget.
func NewClientSession(limit ...int) *ClientSession {
	s := &ClientSession{limit: 100, timeout: 5 * time.Minute, own: map[*Loop]*resource{}}
	if len(limit) > 0 {
		s.limit = max(limit[0], 0)
	}
	s.transport = &http.Transport{
		MaxIdleConns: 1 << 20, MaxIdleConnsPerHost: 1 << 20, IdleConnTimeout: 15 * time.Second, // keepalive_timeout
		DialContext: (&net.Dialer{Timeout: 30 * time.Second}).DialContext,
	}
	return s
}

func (s *ClientSession) String() string {
	return fmt.Sprintf("<ClientSession limit=%d in use=%d waiting=%d>", s.limit, s.inUse, len(s.waiters))
}

// SetTimeout is ClientTimeout(total=d), 5 minutes by default; zero is none.
func (s *ClientSession) SetTimeout(d time.Duration) { s.timeout = d }

// Limit is the largest number of connections, zero for no limit; Peak is how
// many were in use at once so far.
func (s *ClientSession) Limit() int { return s.limit }
func (s *ClientSession) Peak() int  { return s.peak }

// Closed tells whether Close was called.
func (s *ClientSession) Closed() bool { return s.closed }

// Close is "await session.close()".
func (s *ClientSession) Close() {
	s.closed = true
	s.transport.CloseIdleConnections()
	for l, r := range s.own {
		delete(l.resources, r)
	}
	clear(s.own)
}

// Response is an answer with its whole body.
type Response struct {
	Status int
	URL    string
	Header map[string]string
	body   string
}

// Text is "await response.text()", JSON "await response.json()".
func (r *Response) Text() string { return r.body }

// JSON decodes the body.
func (r *Response) JSON() (any, error) {
	var v any
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		return nil, rt.Raise("JSONDecodeError", "%s", err)
	}
	return v, nil
}

// OK is response.ok: a status below 400.
func (r *Response) OK() bool { return r.Status < 400 }

func (r *Response) String() string {
	return fmt.Sprintf("<ClientResponse(%s) [%d %s]>", r.URL, r.Status, http.StatusText(r.Status))
}

// Get is "async with session.get(url) as r: await r.read()": the connection is
// free again when it returns.
func (s *ClientSession) Get(c *Co, url string) (*Response, error) {
	return s.Request(c, "GET", url, "")
}

// Post is session.post(url, data=body).
func (s *ClientSession) Post(c *Co, url, body string) (*Response, error) {
	return s.Request(c, "POST", url, body)
}

// Fetch is Get as a coroutine, for Gather and tasks; its result is a *Response.
func (s *ClientSession) Fetch(url string) *Coroutine {
	return builtin("ClientSession._request", func(c *Co) (any, error) {
		r, err := s.Get(c, url)
		if err != nil {
			return nil, err
		}
		return r, nil
	})
}

// Request sends a request and reads the answer. Errors have aiohttp's types:
// ClientConnectorError, ServerDisconnectedError, InvalidURL, TimeoutError.
func (s *ClientSession) Request(c *Co, method, target, body string) (*Response, error) {
	l := c.fiber.loop
	switch {
	case l == nil:
		return nil, noRunningLoop()
	case s.closed:
		return nil, rt.Raise("RuntimeError", "Session is closed")
	}
	if err := l.realOnly("an HTTP request"); err != nil {
		return nil, err
	}
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, rt.Raise("InvalidURL", "%s", target)
	}
	timeout := Forever
	if s.timeout > 0 {
		timeout = s.timeout
	}
	if s.own[l] == nil {
		s.own[l] = l.hold(s.transport.CloseIdleConnections)
	}
	var r *Response
	err = c.Timeout(timeout, func() (err error) {
		if err = s.acquire(c); err == nil {
			defer s.release()
			r, err = s.roundTrip(c, method, u, body)
		}
		return err
	})
	return r, err
}

// acquire is BaseConnector.connect: a free slot, or a place in the line.
func (s *ClientSession) acquire(c *Co) error {
	if s.limit > 0 && (s.inUse >= s.limit || len(s.waiters) > 0) {
		f := c.fiber.loop.NewFuture()
		s.waiters = append(s.waiters, f)
		_, err := c.Await(f)
		s.waiters.remove(f)
		if err != nil {
			if f.state == finished {
				s.release() // the slot was already ours
			}
			return err
		}
		return nil // release handed the slot over
	}
	s.inUse++
	s.peak = max(s.peak, s.inUse)
	return nil
}

// release gives the slot to the first in the line.
func (s *ClientSession) release() {
	if f := s.waiters.wakeable(); f != nil {
		_ = f.setResult(nil)
		return
	}
	s.inUse--
}

func (s *ClientSession) roundTrip(c *Co, method string, u *url.URL, body string) (*Response, error) {
	l := c.fiber.loop
	ctx, cancel := context.WithCancel(context.Background())
	own := l.hold(cancel)
	defer func() {
		cancel()
		delete(l.resources, own)
	}()
	f := l.NewFuture()
	l.background(func() {
		r, err := s.exchange(ctx, method, u, body)
		l.later(func() { f.settle(r, err) })
	})
	v, err := c.Await(f)
	if err != nil {
		return nil, err
	}
	return v.(*Response), nil
}

func (s *ClientSession) exchange(ctx context.Context, method string, u *url.URL, body string) (*Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, u.String(), strings.NewReader(body))
	if err != nil {
		return nil, rt.Raise("ClientError", "%s", err)
	}
	answer, err := s.transport.RoundTrip(req)
	if err != nil {
		return nil, clientError(err, u)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, rt.Raise("ClientPayloadError", "Response payload is not completed")
	}
	header := map[string]string{}
	for k := range answer.Header {
		header[k] = answer.Header.Get(k)
	}
	return &Response{Status: answer.StatusCode, URL: u.String(), Header: header, body: string(text)}, nil
}

func clientError(err error, u *url.URL) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		port := u.Port()
		if port == "" {
			port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
		cause := asException(dialError(err, u.Hostname(), atoi(port)))
		_, text, _ := strings.Cut(cause.Msg, "] ")
		return rt.Raise("ClientConnectorError", "Cannot connect to host %s:%s ssl:default [%s]", u.Hostname(), port, text).From(cause)
	}
	if errors.Is(err, io.EOF) || strings.Contains(err.Error(), "EOF") {
		return rt.Raise("ServerDisconnectedError", "Server disconnected")
	}
	return rt.Raise("ClientError", "%s", err)
}

func atoi(s string) (n int) {
	_, _ = fmt.Sscan(s, &n)
	return n
}

// DelayServer is an HTTP server on the loopback device that answers every
// request with its path after a delay, and counts: for measuring clients.
type DelayServer struct {
	URL    string // "http://127.0.0.1:34567"
	server *http.Server
	done   chan struct{}
	end    func()

	mu       sync.Mutex
	inFlight int // guarded by mu, as are the next
	peak     int
	requests int
	conns    int
}

// NewDelayServer starts a server that takes delay for each answer. Close it;
// like a thread it outlives its cell, and an interrupt ends it.
func NewDelayServer(delay time.Duration) (*DelayServer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, listenError(err, "127.0.0.1", 0)
	}
	s := &DelayServer{URL: "http://" + listener.Addr().String(), done: make(chan struct{})}
	s.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, delay) })}
	s.server.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.count(func() { s.conns++ })
		}
	}
	go func() {
		defer close(s.done)
		_ = s.server.Serve(listener)
	}()
	s.end = scopeHere().OwnThread("delay server "+s.URL, s.stop)
	return s, nil
}

func (s *DelayServer) count(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *DelayServer) answer(w http.ResponseWriter, r *http.Request, delay time.Duration) {
	s.count(func() {
		s.requests++
		s.inFlight++
		s.peak = max(s.peak, s.inFlight)
	})
	defer s.count(func() { s.inFlight-- })
	late := time.NewTimer(delay)
	defer late.Stop()
	select {
	case <-late.C:
		_, _ = io.WriteString(w, r.URL.Path)
	case <-r.Context().Done():
	}
}

// Peak is how many requests were being answered at once so far; Requests and
// Connections how many there were.
func (s *DelayServer) Peak() (n int) {
	s.count(func() { n = s.peak })
	return n
}

func (s *DelayServer) Requests() (n int) {
	s.count(func() { n = s.requests })
	return n
}

func (s *DelayServer) Connections() (n int) {
	s.count(func() { n = s.conns })
	return n
}

func (s *DelayServer) String() string { return "<DelayServer " + s.URL + ">" }

// Close ends the server and its connections.
func (s *DelayServer) Close() {
	s.end()
	s.stop()
}

func (s *DelayServer) stop() {
	_ = s.server.Close()
	<-s.done
}
