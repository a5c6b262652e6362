package trace

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"
)

// WriteChrome writes what rec holds in the Chrome trace event format ("Trace
// Event Format", JSON object form), which Perfetto imports. Spans become
// complete events (X), counters C, everything else instants (i); a Flow becomes
// arrows (s, t, f), the life of a thread, task or process an asynchronous pair
// (b, e), names metadata (M). Processes and lanes are numbered from 1, since
// Perfetto takes thread 0 for the idle one. Times are microseconds on the
// run's clock; otherData says which that is, and how many events were dropped.
//
// Equal records give equal bytes. The error is the writer's.
func WriteChrome(w io.Writer, rec *Recorder) error {
	b := bufio.NewWriter(w)
	x := &exporter{w: b, end: last(rec.Events())}
	clock := "real"
	if rec != nil && rec.Virtual {
		clock = "virtual"
	}
	other, err := json.Marshal(map[string]string{"clock": clock, "dropped": strconv.Itoa(rec.Dropped()), "producer": "Braid"})
	if err != nil {
		return err
	}
	fmt.Fprintf(b, `{"displayTimeUnit":"ms","otherData":%s,"traceEvents":[`, other)
	if err := x.all(rec.Events()); err != nil {
		return err
	}
	b.WriteString("\n]}\n")
	return b.Flush()
}

func last(events []Event) (end time.Duration) {
	for _, e := range events {
		end = max(end, e.End())
	}
	return end
}

// chromeEvent is one entry of traceEvents.
type chromeEvent struct {
	Name  string         `json:"name"`
	Cat   string         `json:"cat,omitempty"`
	Phase string         `json:"ph"`
	At    json.Number    `json:"ts"`
	Dur   json.Number    `json:"dur,omitempty"`
	PID   int            `json:"pid"`
	TID   int            `json:"tid"`
	ID    string         `json:"id,omitempty"`
	Bind  string         `json:"bp,omitempty"`
	Scope string         `json:"s,omitempty"`
	Args  map[string]any `json:"args,omitempty"`
}

type exporter struct {
	w     *bufio.Writer
	end   time.Duration
	comma bool
}

func (x *exporter) put(e chromeEvent) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if x.comma {
		x.w.WriteByte(',')
	}
	x.comma = true
	x.w.WriteByte('\n')
	_, err = x.w.Write(line)
	return err
}

func (x *exporter) all(events []Event) error {
	out := metadata(events)
	var timed []chromeEvent
	for _, e := range events {
		timed = append(timed, convert(e))
	}
	timed = append(timed, lifetimes(events, x.end)...)
	timed = append(timed, flows(events)...)
	// by time; at the same time the longer span is the outer one
	slices.SortStableFunc(timed, func(a, b chromeEvent) int {
		if c := cmp.Compare(number(a.At), number(b.At)); c != 0 {
			return c
		}
		return cmp.Compare(number(b.Dur), number(a.Dur))
	})
	for _, e := range append(out, timed...) {
		if err := x.put(e); err != nil {
			return err
		}
	}
	return nil
}

func number(n json.Number) float64 {
	if n == "" {
		return 0
	}
	f, _ := n.Float64()
	return f
}

// micros is exact: nanoseconds are the third decimal.
func micros(d time.Duration) json.Number {
	return json.Number(strconv.FormatFloat(float64(d)/1e3, 'f', -1, 64))
}

func metadata(events []Event) []chromeEvent {
	var out []chromeEvent
	named := map[int]bool{}
	for _, t := range Tracks(events) {
		if !named[t.Process] {
			named[t.Process] = true
			name := "process " + strconv.Itoa(t.Process)
			if t.Process == 0 {
				name = "main process"
			}
			out = append(out,
				chromeEvent{Name: "process_name", Phase: "M", At: "0", PID: t.Process + 1, TID: t.Lane + 1, Args: map[string]any{"name": name}},
				chromeEvent{Name: "process_sort_index", Phase: "M", At: "0", PID: t.Process + 1, TID: t.Lane + 1, Args: map[string]any{"sort_index": t.Process}})
		}
		out = append(out,
			chromeEvent{Name: "thread_name", Phase: "M", At: "0", PID: t.Process + 1, TID: t.Lane + 1, Args: map[string]any{"name": t.Name}},
			chromeEvent{Name: "thread_sort_index", Phase: "M", At: "0", PID: t.Process + 1, TID: t.Lane + 1, Args: map[string]any{"sort_index": t.Lane}})
	}
	return out
}

// Span tells whether events of kind k have a duration.
func (k Kind) Span() bool {
	switch k {
	case Run, WaitGIL, NativeIn, HoldIn, Blocked, Callback, Select, Suspend, Pickle, Unpickle, Pipe, Startup:
		return true
	}
	return false
}

func convert(e Event) chromeEvent {
	c := chromeEvent{Name: e.Name, Cat: string(e.Kind), Phase: "i", At: micros(e.At), PID: e.Track.Process + 1, TID: e.Track.Lane + 1}
	if c.Name == "" {
		c.Name = string(e.Kind)
	}
	switch {
	case e.Kind.Span():
		c.Phase, c.Dur = "X", micros(max(e.Dur, 0))
		if e.Value != 0 {
			c.Args = map[string]any{"value": e.Value}
		}
	case e.Kind == Refs:
		c.Phase, c.Name = "C", "references of "+c.Name
		c.Args = map[string]any{"count": e.Value, "exist": e.Truth}
	case e.Kind == Ready:
		c.Phase, c.Name = "C", "ready queue"
		c.Args = map[string]any{"length": e.Value}
	default:
		c.Scope = "t"
		if e.Value != 0 {
			c.Args = map[string]any{"value": e.Value}
		}
	}
	return c
}

// lifetimes pairs Start and Finish of each track. What never finished ends with
// the record, and says so.
func lifetimes(events []Event, end time.Duration) []chromeEvent {
	var out []chromeEvent
	open := map[Track]string{}
	put := func(t Track, phase, id string, at time.Duration, args map[string]any) {
		out = append(out, chromeEvent{Name: t.Name, Cat: "lifetime", Phase: phase, ID: id, At: micros(at), PID: t.Process + 1, TID: t.Lane + 1, Args: args})
	}
	n := 0
	for _, e := range events {
		switch {
		case e.Kind == Start && open[e.Track] == "":
			n++
			open[e.Track] = "life" + strconv.Itoa(n)
			put(e.Track, "b", open[e.Track], e.At, nil)
		case e.Kind == Finish && open[e.Track] != "":
			put(e.Track, "e", open[e.Track], e.At, nil)
			delete(open, e.Track)
		}
	}
	for _, t := range Tracks(events) {
		if id := open[t]; id != "" {
			put(t, "e", id, end, map[string]any{"unfinished": true})
		}
	}
	return out
}

// flows makes arrows of events with one Flow, in order of time, and of drop
// requests that were obeyed.
func flows(events []Event) []chromeEvent {
	byID := map[uint64][]Event{}
	var order []uint64
	for _, e := range events {
		if e.Flow == 0 {
			continue
		}
		if byID[e.Flow] == nil {
			order = append(order, e.Flow)
		}
		byID[e.Flow] = append(byID[e.Flow], e)
	}
	var out []chromeEvent
	for _, id := range order {
		out = append(out, arrow("wake", "flow"+strconv.FormatUint(id, 10), byID[id])...)
	}
	for i, r := range Requests(events) {
		if r.Dropped.Kind != "" && r.Asked.Flow == 0 {
			out = append(out, arrow("drop request", "drop"+strconv.Itoa(i+1), []Event{r.Asked, r.Dropped})...)
		}
	}
	return out
}

func arrow(name, id string, events []Event) []chromeEvent {
	if len(events) < 2 {
		return nil // a cause without an effect
	}
	slices.SortStableFunc(events, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
	var out []chromeEvent
	for i, e := range events {
		c := chromeEvent{Name: name, Cat: "flow", Phase: "t", ID: id, At: micros(e.At), PID: e.Track.Process + 1, TID: e.Track.Lane + 1}
		switch i {
		case 0:
			c.Phase = "s"
		case len(events) - 1:
			c.Phase, c.Bind = "f", "e"
		}
		out = append(out, c)
	}
	return out
}
