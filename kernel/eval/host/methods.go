package host

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"reflect"
	"sync"
)

// Method gives the replacement for a method of a standard library type that an
// engine calls by name, as a function whose first parameter is the receiver; ok
// is false for nearly all, which are called as they are. Overlay does for
// functions what Method does for methods: (*log.Logger).Fatal ends the cell and
// not the worker, os.Stdout.Write goes straight into the queue,
// (*http.Server).ListenAndServe ends at an interrupt.
func Method(receiver reflect.Type, name string) (f reflect.Value, ok bool) {
	f, ok = methods()[method{receiver, name}]
	return f, ok
}

type method struct {
	receiver reflect.Type
	name     string
}

var methods = sync.OnceValue(func() map[method]reflect.Value {
	table := map[method]reflect.Value{}
	for name, fs := range map[string][]any{
		"Write":       {func(f *os.File, p []byte) (int, error) { return ordered(f).Write(p) }},
		"WriteString": {func(f *os.File, s string) (int, error) { return io.WriteString(ordered(f), s) }},
		"Read":        {func(f *os.File, p []byte) (int, error) { return asked(f).Read(p) }},
		"Fatal":       {func(l *log.Logger, a ...any) { l.Output(2, fmt.Sprint(a...)); exit(1) }},
		"Fatalf":      {func(l *log.Logger, format string, a ...any) { l.Output(2, fmt.Sprintf(format, a...)); exit(1) }},
		"Fatalln":     {func(l *log.Logger, a ...any) { l.Output(2, fmt.Sprintln(a...)); exit(1) }},
		"SetOutput":   {func(l *log.Logger, w io.Writer) { l.SetOutput(ordered(w)) }, func(f *flag.FlagSet, w io.Writer) { f.SetOutput(ordered(w)) }},
		"Parse":       {parseFlags},
		"Dial": {func(d *net.Dialer, network, address string) (net.Conn, error) {
			return closing(d.DialContext(runContext(), network, address))
		}},
		"Get": {func(c *http.Client, url string) (*http.Response, error) {
			return requestBy(c, http.MethodGet, url, "", nil)
		}},
		"Head": {func(c *http.Client, url string) (*http.Response, error) {
			return requestBy(c, http.MethodHead, url, "", nil)
		}},
		"Post": {func(c *http.Client, url, kind string, body io.Reader) (*http.Response, error) {
			return requestBy(c, http.MethodPost, url, kind, body)
		}},
		"ListenAndServe": {func(s *http.Server) error { return serving(s, s.ListenAndServe) }},
		"Serve":          {func(s *http.Server, l net.Listener) error { return serving(s, func() error { return s.Serve(l) }) }},
		"ListenAndServeTLS": {func(s *http.Server, cert, key string) error {
			return serving(s, func() error { return s.ListenAndServeTLS(cert, key) })
		}},
	} {
		for _, f := range fs {
			v := reflect.ValueOf(f)
			table[method{v.Type().In(0), name}] = v
		}
	}
	return table
})

// serving closes the server when the run of the caller is interrupted.
func serving(s *http.Server, serve func() error) error {
	defer context.AfterFunc(runContext(), func() { s.Close() })()
	err := serve()
	Check()
	return err
}

// parseFlags is (*flag.FlagSet).Parse, where ExitOnError ends the cell only.
func parseFlags(f *flag.FlagSet, arguments []string) error {
	if f.ErrorHandling() != flag.ExitOnError {
		return f.Parse(arguments)
	}
	f.Init(f.Name(), flag.ContinueOnError)
	err := f.Parse(arguments)
	f.Init(f.Name(), flag.ExitOnError)
	switch {
	case err == flag.ErrHelp:
		exit(0)
	case err != nil:
		exit(2)
	}
	return nil
}
