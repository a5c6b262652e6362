package trace_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	rt "braid/runtime"
	"braid/runtime/trace"
)

// sample has every kind of event.
func sample() *trace.Recorder {
	r := &trace.Recorder{Virtual: true}
	main, worker := trace.Track{Name: "MainThread"}, trace.Track{Lane: 1, Name: `Thread-1 ("quoted")`}
	child := trace.Track{Process: 1, Name: "worker process"}
	ms := time.Millisecond
	flow := r.NewFlow()
	for _, e := range []trace.Event{
		{Kind: trace.Start, Track: main},
		{Kind: trace.Start, Track: worker},
		{Kind: trace.Startup, Track: child, Dur: 2 * ms},
		{Kind: trace.Run, Track: main, Dur: 5 * ms},
		{Kind: trace.WaitGIL, Track: worker, Dur: 5 * ms},
		{Kind: trace.DropRequest, Track: worker, At: 5 * ms, Name: "MainThread"},
		{Kind: trace.Drop, Track: main, At: 5 * ms},
		{Kind: trace.Switch, Track: worker, At: 5 * ms, Value: 2},
		{Kind: trace.Run, Track: worker, At: 5 * ms, Dur: 1500},
		{Kind: trace.Wake, Track: worker, At: 5*ms + 1000, Flow: flow},
		{Kind: trace.Callback, Track: main, At: 6 * ms, Dur: ms, Flow: flow},
		{Kind: trace.Pickle, Track: main, At: 7 * ms, Dur: ms, Value: 1024},
		{Kind: trace.Refs, Track: main, At: 7 * ms, Name: "payload", Value: 2, Truth: 3},
		{Kind: trace.Ready, Track: main, At: 7 * ms, Value: 4},
		{Kind: trace.Free, Track: main, At: 8 * ms, Name: "payload"},
		{Kind: trace.Finish, Track: worker, At: 9 * ms},
	} {
		r.Add(e)
	}
	return r
}

type entry struct {
	Name  string         `json:"name"`
	Phase string         `json:"ph"`
	At    *float64       `json:"ts"`
	Dur   *float64       `json:"dur"`
	PID   *int           `json:"pid"`
	TID   *int           `json:"tid"`
	ID    string         `json:"id"`
	Scope string         `json:"s"`
	Args  map[string]any `json:"args"`
}

// valid checks the rules of the trace event format document: required keys of
// each phase, times in order, spans that nest, pairs and flows that are closed.
func valid(data []byte) error {
	var file struct {
		Events []entry `json:"traceEvents"`
		Unit   string  `json:"displayTimeUnit"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return err
	}
	if file.Unit != "ms" && file.Unit != "ns" {
		return fmt.Errorf("displayTimeUnit %q", file.Unit)
	}
	v := validator{open: map[string]int{}, flows: map[string]string{}, stacks: map[[2]int][]float64{}, named: map[[2]int]bool{}}
	for i, e := range file.Events {
		if err := v.entry(e); err != nil {
			return fmt.Errorf("event %d (%s %s): %w", i, e.Phase, e.Name, err)
		}
	}
	for id, n := range v.open {
		if n != 0 {
			return fmt.Errorf("asynchronous event %s is not closed", id)
		}
	}
	for id, phase := range v.flows {
		if phase != "f" {
			return fmt.Errorf("flow %s ends with %q", id, phase)
		}
	}
	return nil
}

type validator struct {
	now    float64
	open   map[string]int
	flows  map[string]string
	stacks map[[2]int][]float64
	named  map[[2]int]bool
}

func (v *validator) entry(e entry) error {
	if e.Name == "" || e.At == nil || e.PID == nil || e.TID == nil {
		return fmt.Errorf("name, ts, pid and tid are required")
	}
	if *e.At < v.now {
		return fmt.Errorf("time runs backwards, from %v to %v", v.now, *e.At)
	}
	v.now = *e.At
	thread := [2]int{*e.PID, *e.TID}
	switch e.Phase {
	case "M":
		if _, ok := e.Args["name"]; !ok && e.Args["sort_index"] == nil {
			return fmt.Errorf("metadata without args")
		}
		v.named[thread] = true
	case "X":
		return v.span(e, thread)
	case "i":
		if e.Scope != "t" && e.Scope != "p" && e.Scope != "g" {
			return fmt.Errorf("scope %q", e.Scope)
		}
	case "C":
		for k, x := range e.Args {
			if _, ok := x.(float64); !ok {
				return fmt.Errorf("counter %s is no number", k)
			}
		}
	case "b":
		v.open[e.ID]++
	case "e":
		if v.open[e.ID]--; v.open[e.ID] < 0 {
			return fmt.Errorf("ends before it begins")
		}
	case "s", "t", "f":
		if (e.Phase == "s") != (v.flows[e.ID] == "") || v.flows[e.ID] == "f" {
			return fmt.Errorf("flow %s out of order", e.ID)
		}
		v.flows[e.ID] = e.Phase
	default:
		return fmt.Errorf("unknown phase")
	}
	if !v.named[thread] {
		return fmt.Errorf("thread %v has no name", thread)
	}
	return nil
}

func (v *validator) span(e entry, thread [2]int) error {
	if e.Dur == nil || *e.Dur < 0 {
		return fmt.Errorf("a complete event needs a duration")
	}
	const slack = 1e-6
	stack, end := v.stacks[thread], *e.At+*e.Dur
	for len(stack) > 0 && stack[len(stack)-1] <= *e.At+slack {
		stack = stack[:len(stack)-1]
	}
	if len(stack) > 0 && end > stack[len(stack)-1]+slack {
		return fmt.Errorf("[%v, %v] leaves the span that ends at %v", *e.At, end, stack[len(stack)-1])
	}
	v.stacks[thread] = append(stack, end)
	return nil
}

func export(t *testing.T, r *trace.Recorder) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := trace.WriteChrome(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestChromeIsValid(t *testing.T) {
	data := export(t, sample())
	if err := valid(data); err != nil {
		t.Errorf("%v\n%s", err, data)
	}
	for _, phase := range []string{"M", "X", "i", "C", "s", "f", "b", "e"} {
		if !bytes.Contains(data, []byte(`"ph":"`+phase+`"`)) {
			t.Errorf("no event of phase %s", phase)
		}
	}
	if !bytes.Contains(data, []byte(`"dur":1.5,`)) {
		t.Error("nanoseconds are lost")
	}
	if !bytes.Equal(data, export(t, sample())) {
		t.Error("equal records give different bytes")
	}
	if out := os.Getenv("TRACE_OUT"); out != "" {
		if err := os.WriteFile(out, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// What the interpreter records, in each mode, on both clocks.
func TestChromeOfRuns(t *testing.T) {
	for _, mode := range []rt.Mode{rt.GIL39, rt.GIL310, rt.FreeThreaded} {
		for _, in := range []*rt.Interpreter{rt.Virtual(mode, 1, 2), rt.New(mode)} {
			rec := in.Trace()
			r := in.Threads(3, func(t *rt.Thread) {
				t.Work(2 * time.Millisecond)
				if err := t.Sleep(time.Millisecond); err != nil {
					panic(err)
				}
				t.Native(func() { t.Compute(time.Millisecond) })
			})
			if r.Err != nil {
				t.Fatal(r.Err)
			}
			if err := valid(export(t, rec)); err != nil {
				t.Errorf("%v, virtual %v: %v", mode, rec.Virtual, err)
			}
		}
	}
}

func TestRequests(t *testing.T) {
	a, b := trace.Track{Name: "A"}, trace.Track{Lane: 1, Name: "B"}
	got := trace.Requests([]trace.Event{
		{Kind: trace.DropRequest, Track: b, At: 5, Name: "A"},
		{Kind: trace.Drop, Track: a, At: 8},
		{Kind: trace.Switch, Track: b, At: 8},
		{Kind: trace.DropRequest, Track: a, At: 10, Name: "B"},
		{Kind: trace.Switch, Track: a, At: 11}, // B went to sleep
		{Kind: trace.Drop, Track: b, At: 12},
	})
	if len(got) != 2 || got[0].Delay() != 3 || got[1].Dropped.Kind != "" || got[1].Delay() != 0 {
		t.Errorf("%+v", got)
	}
}

func TestRecorder(t *testing.T) {
	var none *trace.Recorder
	none.Add(trace.Event{})
	if none.NewFlow() != 0 || none.Events() != nil || none.Dropped() != 0 {
		t.Error("a nil Recorder records")
	}
	if data := string(export(t, none)); !strings.Contains(data, `"traceEvents":[`) || valid([]byte(data)) != nil {
		t.Errorf("empty trace: %s", data)
	}
	r := &trace.Recorder{Limit: 100}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				r.Add(trace.Event{Kind: trace.Note, Track: trace.Track{Name: "T"}})
				r.NewFlow()
			}
		})
	}
	wg.Wait()
	if len(r.Events()) != 100 || r.Dropped() != 100 || r.NewFlow() != 201 {
		t.Errorf("%d events, %d dropped", len(r.Events()), r.Dropped())
	}
	if data := string(export(t, r)); !strings.Contains(data, `"dropped":"100"`) {
		t.Error("the export does not say what was dropped")
	}
}

func ExampleWriteChrome() {
	in := rt.Virtual(rt.GIL310, 1, 2)
	rec := in.Trace()
	in.Threads(1, func(t *rt.Thread) { t.Work(3 * time.Millisecond) })
	if err := trace.WriteChrome(os.Stdout, rec); err != nil {
		fmt.Println(err)
	}
	// Output:
	// {"displayTimeUnit":"ms","otherData":{"clock":"virtual","dropped":"0","producer":"Braid"},"traceEvents":[
	// {"name":"process_name","ph":"M","ts":0,"pid":1,"tid":1,"args":{"name":"main process"}},
	// {"name":"process_sort_index","ph":"M","ts":0,"pid":1,"tid":1,"args":{"sort_index":0}},
	// {"name":"thread_name","ph":"M","ts":0,"pid":1,"tid":1,"args":{"name":"Thread-1"}},
	// {"name":"thread_sort_index","ph":"M","ts":0,"pid":1,"tid":1,"args":{"sort_index":0}},
	// {"name":"run","cat":"run","ph":"X","ts":0,"dur":3000,"pid":1,"tid":1},
	// {"name":"start","cat":"start","ph":"i","ts":0,"pid":1,"tid":1,"s":"t"},
	// {"name":"switch","cat":"switch","ph":"i","ts":0,"pid":1,"tid":1,"s":"t","args":{"value":1}},
	// {"name":"Thread-1","cat":"lifetime","ph":"b","ts":0,"pid":1,"tid":1,"id":"life1"},
	// {"name":"finish","cat":"finish","ph":"i","ts":3000,"pid":1,"tid":1,"s":"t"},
	// {"name":"Thread-1","cat":"lifetime","ph":"e","ts":3000,"pid":1,"tid":1,"id":"life1"}
	// ]}
}
