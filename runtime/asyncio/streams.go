package asyncio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"syscall"

	rt "braid/runtime"
)

// streamLimit is _DEFAULT_LIMIT of Lib/asyncio/streams.py: a line may be as
// long, and twice as much is read ahead. The write buffer's high-water mark is
// the same.
const streamLimit = 64 << 10

// resource is something of the operating system that ends with the loop.
type resource struct{ end func() }

func (l *Loop) hold(end func()) *resource {
	r := &resource{end}
	if l.resources == nil {
		l.resources = map[*resource]bool{}
	}
	l.resources[r] = true
	return r
}

// background runs fn beside the loop, which waits for its end in kill. It is
// one pending operation of the selector.
func (l *Loop) background(fn func()) {
	l.beside.Add(1)
	go func() {
		defer l.beside.Done()
		fn()
	}()
}

// later calls fn on the loop, from anywhere.
func (l *Loop) later(fn func()) {
	l.ground.post(entry{h: &Handle{loop: l, fn: fn, name: "socket"}}, true)
}

// realOnly refuses sockets where time is virtual.
func (l *Loop) realOnly(what string) error {
	if l.world != nil && l.world.Virtual() {
		return rt.Raise("RuntimeError", "%s needs the machine's clock and network: use Run or RunIn, not a virtual World", what)
	}
	return nil
}

// StreamReader is asyncio.StreamReader (Lib/asyncio/streams.py): what comes
// from a connection, in order. Its methods wait in the coroutine c; data are
// strings of bytes.
type StreamReader struct {
	loop   *Loop
	buffer []byte
	eof    bool
	exc    error
	waiter *Future
	ask    chan struct{} // of capacity 1: lets the connection be read again
	paused bool
}

func (r *StreamReader) String() string {
	info := ""
	if len(r.buffer) > 0 {
		info += fmt.Sprintf(" %d bytes", len(r.buffer))
	}
	if r.eof {
		info += " eof"
	}
	if r.exc != nil {
		info += " exception=" + rt.Repr(r.exc)
	}
	return "<StreamReader" + info + ">"
}

// AtEOF is reader.at_eof(): all was read, and nothing more comes.
func (r *StreamReader) AtEOF() bool { return r.eof && len(r.buffer) == 0 }

func (r *StreamReader) feed(data []byte) {
	r.buffer = append(r.buffer, data...)
	r.wake()
	if len(r.buffer) > 2*streamLimit {
		r.paused = true
		return
	}
	r.ask <- struct{}{}
}

func (r *StreamReader) end(exc error) {
	if exc != nil {
		r.exc = exc
	} else {
		r.eof = true
	}
	r.wake()
}

func (r *StreamReader) wake() {
	if f := r.waiter; f != nil && f.state == pending {
		if r.exc != nil {
			_ = f.setException(r.exc)
		} else {
			_ = f.setResult(nil)
		}
	}
	r.waiter = nil
}

// wait is _wait_for_data.
func (r *StreamReader) wait(c *Co, name string) error {
	if r.waiter != nil {
		return rt.Raise("RuntimeError", "%s() called while another coroutine is already waiting for incoming data", name)
	}
	r.resume()
	f := r.loop.NewFuture()
	r.waiter = f
	_, err := c.Await(f)
	if r.waiter == f {
		r.waiter = nil
	}
	return err
}

func (r *StreamReader) resume() {
	if r.paused && len(r.buffer) <= streamLimit {
		r.paused = false
		r.ask <- struct{}{}
	}
}

func (r *StreamReader) take(n int) string {
	s := string(r.buffer[:n])
	if r.buffer = r.buffer[n:]; len(r.buffer) == 0 {
		r.buffer = nil
	}
	r.resume()
	return s
}

// Read is reader.read(n): up to n bytes, at least one unless the end has come;
// all until the end if n is negative.
func (r *StreamReader) Read(c *Co, n int) (string, error) {
	if r.exc != nil {
		return "", r.exc
	}
	if n < 0 {
		return r.readAll(c)
	}
	if n == 0 {
		return "", nil
	}
	if len(r.buffer) == 0 && !r.eof {
		if err := r.wait(c, "read"); err != nil {
			return "", err
		}
	}
	return r.take(min(n, len(r.buffer))), nil
}

func (r *StreamReader) readAll(c *Co) (string, error) {
	var all bytes.Buffer
	for {
		block, err := r.Read(c, streamLimit)
		if err != nil || block == "" {
			return all.String(), err
		}
		all.WriteString(block)
	}
}

// ReadLine is reader.readline(): through the next "\n", or what is left at the
// end. A line longer than 64 KiB is a ValueError.
func (r *StreamReader) ReadLine(c *Co) (string, error) {
	line, err := r.readUntil(c, "\n", "readuntil")
	switch {
	case rt.Is(err, "IncompleteReadError"):
		return asException(err).Value.(string), nil
	case rt.Is(err, "LimitOverrunError"):
		if i := bytes.IndexByte(r.buffer, '\n'); i >= 0 {
			r.take(i + 1)
		} else {
			r.take(len(r.buffer))
		}
		return "", rt.Raise("ValueError", "%s", asException(err).Msg)
	}
	return line, err
}

// ReadUntil is reader.readuntil(separator).
func (r *StreamReader) ReadUntil(c *Co, separator string) (string, error) {
	return r.readUntil(c, separator, "readuntil")
}

func (r *StreamReader) readUntil(c *Co, separator, name string) (string, error) {
	if separator == "" {
		return "", rt.Raise("ValueError", "Separator should be at least one-byte string")
	}
	if r.exc != nil {
		return "", r.exc
	}
	from := 0
	for {
		if i := bytes.Index(r.buffer[from:], []byte(separator)); i >= 0 {
			n := from + i + len(separator)
			if from+i > streamLimit {
				return "", rt.Raise("LimitOverrunError", "Separator is found, but chunk is longer than limit")
			}
			return r.take(n), nil
		}
		from = max(len(r.buffer)+1-len(separator), 0)
		switch {
		case from > streamLimit:
			return "", rt.Raise("LimitOverrunError", "Separator is not found, and chunk exceed the limit")
		case r.eof:
			return "", incomplete(r.take(len(r.buffer)), "undefined")
		}
		if err := r.wait(c, name); err != nil {
			return "", err
		}
	}
}

// ReadExactly is reader.readexactly(n): an IncompleteReadError, whose Value is
// what came, if the end comes first.
func (r *StreamReader) ReadExactly(c *Co, n int) (string, error) {
	if n < 0 {
		return "", rt.Raise("ValueError", "readexactly size can not be less than zero")
	}
	if r.exc != nil {
		return "", r.exc
	}
	for len(r.buffer) < n {
		if r.eof {
			return "", incomplete(r.take(len(r.buffer)), strconv.Itoa(n))
		}
		if err := r.wait(c, "readexactly"); err != nil {
			return "", err
		}
	}
	return r.take(n), nil
}

func incomplete(partial, expected string) error {
	e := rt.Raise("IncompleteReadError", "%d bytes read on a total of %s expected bytes", len(partial), expected)
	e.Value = partial
	return e
}

// StreamWriter is asyncio.StreamWriter: what goes to a connection.
type StreamWriter struct {
	loop    *Loop
	conn    net.Conn
	reader  *StreamReader
	own     *resource
	drained *Future // of those who wait in Drain
	closed  *Future
	closing bool
	lost    error

	mu   sync.Mutex
	out  []byte        // guarded by mu
	eof  bool          // guarded by mu
	stop bool          // guarded by mu
	some chan struct{} // of capacity 1
}

func (w *StreamWriter) String() string {
	state := "open"
	if w.closing {
		state = "closing"
	}
	return "<StreamWriter " + state + " to " + w.conn.RemoteAddr().String() + ">"
}

// connect starts the streams of a connection.
func (l *Loop) connect(nc net.Conn) (*StreamReader, *StreamWriter) {
	r := &StreamReader{loop: l, ask: make(chan struct{}, 1)}
	w := &StreamWriter{loop: l, conn: nc, reader: r, closed: l.NewFuture(), some: make(chan struct{}, 1)}
	gone := make(chan struct{})
	w.own = l.hold(func() {
		w.signal(func() { w.stop = true })
		close(gone)
		_ = nc.Close()
	})
	r.ask <- struct{}{}
	l.background(func() { r.pump(nc, gone) })
	l.background(func() { w.pump() })
	return r, w
}

// pump reads the connection as long as the reader asks for more.
func (r *StreamReader) pump(nc net.Conn, gone chan struct{}) {
	buf := make([]byte, streamLimit)
	for {
		select {
		case <-r.ask:
		case <-gone:
			return
		}
		n, err := nc.Read(buf)
		data := append([]byte(nil), buf[:n]...)
		if n > 0 {
			r.loop.later(func() { r.feed(data) })
		}
		if err != nil {
			exc := socketError(err)
			if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
				exc = nil
			}
			r.loop.later(func() { r.end(exc) })
			return
		}
	}
}

func (w *StreamWriter) signal(change func()) {
	w.mu.Lock()
	change()
	w.mu.Unlock()
	select {
	case w.some <- struct{}{}:
	default:
	}
}

// pump writes what is buffered, then what ends the connection.
func (w *StreamWriter) pump() {
	eofSent := false
	for range w.some {
		for {
			w.mu.Lock()
			out, eof, stop := w.out, w.eof, w.stop
			w.out = nil
			w.mu.Unlock()
			if len(out) > 0 {
				if _, err := w.conn.Write(out); err != nil {
					exc := socketError(err)
					w.loop.later(func() { w.lose(exc) })
					return
				}
				w.loop.later(w.flushed)
				continue
			}
			if tcp, is := w.conn.(*net.TCPConn); is && eof && !eofSent {
				eofSent = true
				_ = tcp.CloseWrite()
			}
			if stop {
				w.loop.later(func() { w.lose(nil) })
				return
			}
			break
		}
	}
}

// flushed runs on the loop when the buffer was written.
func (w *StreamWriter) flushed() {
	if f := w.drained; f != nil && w.Buffered() <= streamLimit/4 {
		w.drained = nil
		f.settle(nil, nil)
	}
}

// lose is connection_lost, on the loop.
func (w *StreamWriter) lose(exc error) {
	w.closing = true
	if w.lost == nil {
		w.lost = exc
	}
	if w.loop.resources[w.own] {
		delete(w.loop.resources, w.own)
		w.own.end()
	}
	if f := w.drained; f != nil {
		w.drained = nil
		f.settle(nil, connectionLost())
	}
	if !w.reader.eof && w.reader.exc == nil {
		w.reader.end(exc)
	}
	w.closed.settle(nil, nil)
}

func connectionLost() error { return rt.Raise("ConnectionResetError", "Connection lost") }

// Buffered is how many bytes were written and not yet sent.
func (w *StreamWriter) Buffered() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.out)
}

// Write is writer.write(data); data is a string or []byte. It never waits: use
// Drain.
func (w *StreamWriter) Write(data any) error {
	switch d := data.(type) {
	case string:
		w.write([]byte(d))
	case []byte:
		w.write(d)
	default:
		return rt.Raise("TypeError", "data argument must be a bytes-like object, not %s", rt.Repr(typeName(data)))
	}
	return nil
}

func (w *StreamWriter) write(d []byte) {
	if !w.closing {
		w.signal(func() { w.out = append(w.out, d...) })
	}
}

// WriteEOF is writer.write_eof(): the other side sees the end, and can still
// answer.
func (w *StreamWriter) WriteEOF() {
	w.signal(func() { w.eof = true })
}

// Drain is "await writer.drain()": it waits while more than 64 KiB are to be
// sent, and fails when the connection is lost.
func (w *StreamWriter) Drain(c *Co) error {
	if w.reader.exc != nil {
		return w.reader.exc
	}
	if w.closed.Done() {
		return connectionLost()
	}
	if w.closing {
		if _, err := c.Sleep(0); err != nil {
			return err
		}
	}
	if w.Buffered() <= streamLimit {
		return nil
	}
	if w.drained == nil {
		w.drained = w.loop.NewFuture()
	}
	_, err := c.Await(Shield(w.drained))
	return err
}

// Close is writer.close(): what is buffered is sent first.
func (w *StreamWriter) Close() {
	if !w.closing {
		w.closing = true
		w.signal(func() { w.stop = true })
	}
}

// IsClosing is writer.is_closing().
func (w *StreamWriter) IsClosing() bool { return w.closing }

// WaitClosed is "await writer.wait_closed()".
func (w *StreamWriter) WaitClosed(c *Co) error {
	if !w.closed.Done() {
		if _, err := c.Await(Shield(w.closed)); err != nil {
			return err
		}
	}
	return w.lost
}

// PeerName and SockName are writer.get_extra_info("peername") and "sockname",
// as "host:port".
func (w *StreamWriter) PeerName() string { return w.conn.RemoteAddr().String() }
func (w *StreamWriter) SockName() string { return w.conn.LocalAddr().String() }

// OpenConnection is asyncio.open_connection(host, port).
func (c *Co) OpenConnection(host string, port int) (*StreamReader, *StreamWriter, error) {
	l := c.fiber.loop
	if l == nil {
		return nil, nil, noRunningLoop()
	}
	if err := l.realOnly("open_connection()"); err != nil {
		return nil, nil, err
	}
	f := l.NewFuture()
	ctx, cancel := context.WithCancel(context.Background())
	own := l.hold(cancel)
	l.background(func() {
		nc, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		var exc error
		if err != nil {
			exc = dialError(err, host, port)
		}
		taken := l.ground.post(entry{h: &Handle{loop: l, fn: func() {
			if f.state != pending && nc != nil {
				_ = nc.Close()
			}
			f.settle(nc, exc)
		}, name: "connected"}}, true)
		if !taken && nc != nil {
			_ = nc.Close()
		}
	})
	nc, err := c.Await(f)
	delete(l.resources, own)
	cancel()
	if err != nil {
		return nil, nil, err
	}
	r, w := l.connect(nc.(net.Conn))
	return r, w, nil
}

// Server is asyncio.Server (base_events.Server): a socket that is listened at.
type Server struct {
	loop     *Loop
	listener net.Listener
	own      *resource
	active   int
	waiters  line
	closed   bool
	forever  *Future
}

// StartServer is asyncio.start_server(handle, host, port): handle runs as a
// task for each connection. Port 0 takes a free one, see Port. An error of
// handle goes to the exception handler, and its connection is closed.
func (c *Co) StartServer(handle func(c *Co, r *StreamReader, w *StreamWriter) error, host string, port int) (*Server, error) {
	l := c.fiber.loop
	if l == nil {
		return nil, noRunningLoop()
	}
	if err := l.realOnly("start_server()"); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return nil, listenError(err, host, port)
	}
	s := &Server{loop: l, listener: listener}
	s.own = l.hold(func() { _ = listener.Close() })
	l.background(func() {
		for {
			nc, err := listener.Accept()
			if err != nil {
				return
			}
			taken := l.ground.post(entry{h: &Handle{loop: l, fn: func() { s.serve(nc, handle) }, name: "accept"}}, true)
			if !taken {
				_ = nc.Close()
				return
			}
		}
	})
	return s, nil
}

func (s *Server) serve(nc net.Conn, handle func(c *Co, r *StreamReader, w *StreamWriter) error) {
	l := s.loop
	r, w := l.connect(nc)
	s.active++
	w.closed.AddDoneCallback(func(*Future) { s.detach() })
	t, err := l.CreateTask(builtin("client_connected_cb", func(c *Co) (any, error) { return nil, handle(c, r, w) }))
	if err != nil {
		w.Close()
		return
	}
	t.AddDoneCallback(func(f *Future) {
		if f.Cancelled() {
			w.Close()
			return
		}
		if exc, _ := f.Exception(); exc != nil {
			l.CallExceptionHandler(map[string]any{
				"message": "Unhandled exception in client_connected_cb", "exception": exc,
			})
			w.Close()
		}
	})
}

func (s *Server) detach() {
	if s.active--; s.active == 0 && s.closed {
		s.wake()
	}
}

func (s *Server) wake() {
	for _, f := range s.waiters {
		f.settle(nil, nil)
	}
	s.waiters = nil
}

// Port is the port that the server listens at; Address is "host:port".
func (s *Server) Port() int       { return s.listener.Addr().(*net.TCPAddr).Port }
func (s *Server) Address() string { return s.listener.Addr().String() }

func (s *Server) String() string { return "<Server " + s.Address() + ">" }

// IsServing is server.is_serving().
func (s *Server) IsServing() bool { return !s.closed }

// Close is server.close(): no more connections are taken; those that are open
// stay.
func (s *Server) Close() {
	if s.closed {
		return
	}
	s.closed = true
	delete(s.loop.resources, s.own)
	_ = s.listener.Close()
	if s.forever != nil {
		s.forever.Cancel()
	}
	if s.active == 0 {
		s.wake()
	}
}

// WaitClosed is "await server.wait_closed()": until Close was called and all
// connections are closed (3.12).
func (s *Server) WaitClosed(c *Co) error {
	if s.closed && s.active == 0 {
		return nil
	}
	f := s.loop.NewFuture()
	s.waiters = append(s.waiters, f)
	_, err := c.Await(f)
	return err
}

// ServeForever is "await server.serve_forever()": it ends by cancellation, and
// closes the server.
func (s *Server) ServeForever(c *Co) error {
	switch {
	case s.forever != nil:
		return rt.Raise("RuntimeError", "server %s is already being awaited on serve_forever()", s)
	case s.closed:
		return rt.Raise("RuntimeError", "server %s is closed", s)
	}
	s.forever = s.loop.NewFuture()
	_, err := c.Await(s.forever)
	s.forever = nil
	s.Close()
	return err
}

// With is "async with server: body()": it closes the server at the end.
func (s *Server) With(c *Co, body func() error) error {
	err := guard(body)
	s.Close()
	if e := s.WaitClosed(c); e != nil && err == nil {
		err = e
	}
	return err
}

// socketError gives the errors of sockets their Python types.
func socketError(err error) error {
	var no syscall.Errno
	if !errors.As(err, &no) {
		return rt.Raise("OSError", "%s", err)
	}
	kind := "OSError"
	switch no {
	case syscall.ECONNREFUSED:
		kind = "ConnectionRefusedError"
	case syscall.ECONNRESET:
		kind = "ConnectionResetError"
	case syscall.EPIPE:
		kind = "BrokenPipeError"
	case syscall.ETIMEDOUT:
		kind = "TimeoutError"
	case syscall.EACCES, syscall.EPERM:
		kind = "PermissionError"
	}
	text := no.Error()
	return rt.Raise(kind, "[Errno %d] %s%s", int(no), string(text[0]-'a'+'A'), text[1:])
}

func dialError(err error, host string, port int) error {
	var name *net.DNSError
	var no syscall.Errno
	switch {
	case errors.As(err, &name):
		return rt.Raise("gaierror", "[Errno -2] Name or service not known")
	case errors.As(err, &no):
		var op *net.OpError
		if errors.As(err, &op) && op.Addr != nil {
			if tcp, is := op.Addr.(*net.TCPAddr); is {
				host = tcp.IP.String()
			}
		}
		e := asException(socketError(err))
		return rt.Raise(e.Type, "[Errno %d] Connect call failed ('%s', %d)", int(no), host, port)
	}
	return socketError(err)
}

func listenError(err error, host string, port int) error {
	var name *net.DNSError
	if errors.As(err, &name) {
		return rt.Raise("gaierror", "[Errno -2] Name or service not known")
	}
	e := asException(socketError(err))
	var no syscall.Errno
	if errors.As(err, &no) {
		return rt.Raise(e.Type, "[Errno %d] error while attempting to bind on address ('%s', %d): %s", int(no), host, port, no.Error())
	}
	return e
}
