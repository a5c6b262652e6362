package host

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"braid/kernel/eval"
)

// at is a position in the test's cell.
func at(line int) eval.Pos { return eval.Pos{Cell: "In[1]", Line: line, Column: 1} }

// recorder is the sink of all tests.
type recorder struct {
	mu     sync.Mutex
	events []eval.Event
	hold   chan struct{} // the sink blocks while it is open; nil if it does not
}

var sink recorder

func (s *recorder) take(ev eval.Event) {
	s.mu.Lock()
	hold := s.hold
	s.mu.Unlock()
	if hold != nil {
		<-hold
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, ev)
}

// of returns the events of a run.
func (s *recorder) of(id int) []eval.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []eval.Event
	for _, ev := range s.events {
		if ev.Cell == id {
			list = append(list, ev)
		}
	}
	return list
}

// text is all text of a run, each change of stream marked.
func (s *recorder) text(id int) string {
	var b strings.Builder
	name := "stdout"
	for _, ev := range s.of(id) {
		if ev.Stream == nil {
			continue
		}
		if ev.Stream.Name != name {
			name = ev.Stream.Name
			fmt.Fprintf(&b, "<%s>", name)
		}
		b.WriteString(ev.Stream.Text)
	}
	return b.String()
}

// scenarioMain runs a scenario of capture_test.go, which is not for every system.
var scenarioMain = func(string) { os.Exit(3) }

func TestMain(m *testing.M) {
	if name := os.Getenv("BRAID_HOST_SCENARIO"); name != "" {
		scenarioMain(name)
	}
	SetSink(sink.take)
	os.Exit(m.Run())
}

var lastID = 100

func begin(c Config) *Run {
	lastID++
	if c.Source == "" {
		c.Source = "x"
	}
	return Begin(lastID, "In[1]", c)
}

// cell runs fn as a cell to its end.
func cell(t *testing.T, c Config, fn func()) (Report, int) {
	t.Helper()
	r := begin(c)
	r.Do(fn)
	return r.End(), r.ID()
}

func wantErr(t *testing.T, rep Report, name, value string) {
	t.Helper()
	if rep.Err == nil || rep.Err.Name != name || !strings.Contains(rep.Err.Value, value) {
		t.Fatalf("error is %v, want %s: %s", rep.Err, name, value)
	}
}

// symbol is a function of the overlay.
func symbol[T any](path, name string) T { return Overlay()[path][name].Interface().(T) }

var (
	println_ = symbol[func(...any) (int, error)]("fmt", "Println")
	print_   = symbol[func(...any) (int, error)]("fmt", "Print")
)

func value(v any) reflect.Value { return reflect.ValueOf(v) }

func TestOutputBelongsToTheWritersRun(t *testing.T) {
	late := make(chan struct{})
	wrote := make(chan struct{})
	rep, first := cell(t, Config{}, func() {
		Go(at(1), func() {
			<-late
			println_("late")
			close(wrote)
		}, nil)
		println_("early")
	})
	if rep.Err != nil || len(rep.Goroutines) != 1 {
		t.Fatalf("report %+v", rep)
	}
	_, second := cell(t, Config{}, func() {
		close(late)
		<-wrote
		println_("second")
	})
	Flush()
	if got := sink.text(first); got != "early\nlate\n" {
		t.Errorf("first run wrote %q", got)
	}
	if got := sink.text(second); got != "second\n" {
		t.Errorf("second run wrote %q", got)
	}
}

func TestManyLinesAreFewEvents(t *testing.T) {
	const n = 100_000
	begun := time.Now()
	_, id := cell(t, Config{}, func() {
		for i := range n {
			println_(i)
		}
	})
	most := int(time.Since(begun)/flushDelay) + n*6/eagerText + 10
	if got := strings.Count(sink.text(id), "\n"); got != n {
		t.Errorf("%d lines arrived", got)
	}
	if got := len(sink.of(id)); got > most {
		t.Errorf("%d events for %d lines", got, n)
	}
}

func TestInterruptEndsAllGoroutinesOfTheRunOnly(t *testing.T) {
	never := make(chan int)
	other := begin(Config{})
	release := make(chan struct{})
	var got int
	var ok bool
	otherDone := make(chan struct{})
	go func() {
		other.Do(func() {
			v, received := Recv(at(1), value(never))
			got, ok = int(v.Int()), received
		})
		close(otherDone)
	}()
	r := begin(Config{})
	var deferred sync.WaitGroup
	started := make(chan struct{}, 10)
	go func() {
		r.Do(func() {
			defer close(release)
			for range 10 {
				deferred.Add(1)
				Go(at(2), func() {
					defer deferred.Done()
					started <- struct{}{}
					Select(at(3), nil)
				}, nil)
			}
			for {
				if Stop.Load() != 0 {
					Check()
				}
			}
		})
	}()
	for range 10 {
		<-started
	}
	r.Interrupt(nil)
	<-release
	deferred.Wait()
	rep := r.End()
	wantErr(t, rep, eval.Interrupted, "")
	if len(rep.Goroutines) > 0 {
		t.Errorf("left: %v", rep.Goroutines)
	}
	for Stop.Load() != 0 {
		time.Sleep(time.Millisecond)
	}
	never <- 7
	<-otherDone
	other.End()
	if got != 7 || !ok {
		t.Errorf("the other run received %d, %v", got, ok)
	}
}

func TestGoroutinePanicEndsTheCell(t *testing.T) {
	rep, id := cell(t, Config{}, func() {
		defer println_("a Go program would be dead here")
		Go(at(4), func() { panic("boom") }, nil)
		Select(at(5), nil)
	})
	wantErr(t, rep, eval.Panic, "boom")
	if f := rep.Err.Frames; len(f) != 1 || !f[0].Created || f[0].Pos.Line != 4 {
		t.Errorf("frames %v", f)
	}
	if got := sink.text(id); got != "" {
		t.Errorf("wrote %q", got)
	}
}

func TestLatePanicIsAnEvent(t *testing.T) {
	late := make(chan struct{})
	_, id := cell(t, Config{}, func() {
		Go(at(1), func() { <-late; panic(fmt.Errorf("late")) }, func(v any) *eval.Error {
			return &eval.Error{Name: eval.Panic, Value: fmt.Sprint("explained ", v)}
		})
	})
	close(late)
	for len(Census(id)) > 0 {
		time.Sleep(time.Millisecond)
	}
	Flush()
	events := sink.of(id)
	if len(events) != 1 || events[0].Error == nil || events[0].Error.Value != "explained late" {
		t.Errorf("events %+v", events)
	}
}

func TestDeadlockNamesEveryGoroutine(t *testing.T) {
	c := make(chan int)
	rep, id := cell(t, Config{}, func() {
		defer println_("unheard")
		Go(at(2), func() { Send(at(3), value(c), value(1)) }, nil)
		Recv(at(5), value(make(chan string)))
	})
	wantErr(t, rep, eval.Deadlock, "all goroutines are asleep - deadlock!")
	notes := strings.Join(rep.Err.Notes, "\n")
	for _, want := range []string{
		"In[1]:5: waits to receive from a channel nobody sends to",
		"In[1]:3: waits to send to a channel nobody receives from (goroutine started at In[1]:2)",
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes lack %q:\n%s", want, notes)
		}
	}
	if got := sink.text(id); got != "" {
		t.Errorf("wrote %q", got)
	}
}
