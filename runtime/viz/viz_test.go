package viz_test

import (
	"encoding/base64"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	rt "braid/runtime"
	"braid/runtime/asyncio"
	"braid/runtime/explore"
	"braid/runtime/trace"
	"braid/runtime/viz"
)

var update = flag.Bool("update", false, "write the golden files")

const msec = time.Millisecond

func traced(m rt.Mode) *rt.Interpreter {
	in := rt.Virtual(m, 1, 2)
	in.Trace()
	in.Threads(3, func(t *rt.Thread) {
		t.Work(12 * msec)
		_ = t.Sleep(8 * msec)
		t.Native(func() { t.Compute(6 * msec) })
	})
	return in
}

func counter(increments int) func(w *explore.World) {
	return func(w *explore.World) {
		x := w.Var("counter", 0)
		w.Threads(2, func(t *rt.Thread) {
			for range increments {
				x.Add(t, 1)
			}
		})
		w.Final(func() any { return x.Value() })
	}
}

func inc(t testing.TB) *rt.Code {
	code, err := rt.Compile("def worker():\n    global counter\n    for _ in range(1000):\n        counter += 1\n\ndef called():\n    global counter\n    counter = ident(counter) + 1\n")
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// loopRecord is the document's blocking example: a heartbeat beside a task that
// blocks for half a second.
func loopRecord() *trace.Recorder {
	r := &trace.Recorder{Virtual: true}
	loop, beat, block := trace.Track{Name: "loop"}, trace.Track{Lane: 1, Name: "heartbeat"}, trace.Track{Lane: 2, Name: "Task-2 (blocks)"}
	r.Add(trace.Event{Kind: trace.Ready, Track: loop, Value: 2})
	at := time.Duration(0)
	for i := range 12 {
		flow := r.NewFlow()
		r.Add(trace.Event{Kind: trace.Callback, Track: beat, At: at, Dur: msec, Flow: flow})
		if i == 4 {
			r.Add(trace.Event{Kind: trace.Ready, Track: loop, At: at, Value: 3})
			r.Add(trace.Event{Kind: trace.Callback, Track: block, At: at + msec, Dur: 500 * msec, Name: "time.sleep(0.5)", Flow: flow})
			r.Add(trace.Event{Kind: trace.Suspend, Track: beat, At: at + msec, Dur: 500 * msec, Name: "sleep 0.05"})
			at += 501 * msec
			r.Add(trace.Event{Kind: trace.Ready, Track: loop, At: at, Value: 1})
			r.Add(trace.Event{Kind: trace.Finish, Track: block, At: at})
			continue
		}
		r.Add(trace.Event{Kind: trace.Suspend, Track: beat, At: at + msec, Dur: 49 * msec, Name: "sleep 0.05"})
		r.Add(trace.Event{Kind: trace.Ready, Track: loop, At: at + msec, Value: 0})
		r.Add(trace.Event{Kind: trace.Select, Track: loop, At: at + msec, Dur: 49 * msec})
		at += 50 * msec
		r.Add(trace.Event{Kind: trace.Ready, Track: loop, At: at, Value: 1})
	}
	r.Add(trace.Event{Kind: trace.Finish, Track: beat, At: at})
	return r
}

func poolRecord(chunk int) *trace.Recorder {
	r := &trace.Recorder{Virtual: true, Name: fmt.Sprintf("chunks of %d", chunk)}
	main := trace.Track{Name: "main process"}
	us := time.Microsecond
	free := []time.Duration{4 * msec, 4 * msec}
	for i := range free {
		r.Add(trace.Event{Kind: trace.Startup, Track: trace.Track{Process: i + 1, Name: fmt.Sprintf("worker %d", i+1)}, Dur: 4 * msec})
	}
	at := time.Duration(0)
	for i := 0; i < 100; i += chunk {
		w := i / chunk % 2
		worker := trace.Track{Process: w + 1, Name: fmt.Sprintf("worker %d", w+1)}
		flow := r.NewFlow()
		r.Add(trace.Event{Kind: trace.Pickle, Track: main, At: at, Dur: 60 * us, Value: float64(40 + 8*chunk), Flow: flow})
		at += 60 * us
		begin := max(at+30*us, free[w])
		r.Add(trace.Event{Kind: trace.Unpickle, Track: worker, At: begin, Dur: 40 * us, Value: float64(40 + 8*chunk), Flow: flow})
		r.Add(trace.Event{Kind: trace.Run, Track: worker, At: begin + 40*us, Dur: time.Duration(chunk) * 4 * us, Name: "is_prime"})
		free[w] = begin + 40*us + time.Duration(chunk)*4*us
	}
	return r
}

func refsRecord() *trace.Recorder {
	r := &trace.Recorder{}
	track := trace.Track{Name: "Thread-1"}
	add := func(name string, k trace.Kind, count, truth float64) {
		r.Add(trace.Event{Kind: k, Track: track, Name: name, Value: count, Truth: truth})
	}
	for _, v := range [][2]float64{{1, 1}, {2, 2}, {3, 3}, {2, 2}, {1, 1}, {0, 0}} {
		add("with a lock", trace.Refs, v[0], v[1])
	}
	add("with a lock", trace.Free, 0, 0)
	for _, v := range [][2]float64{{1, 1}, {2, 2}, {2, 3}, {1, 2}, {0, 1}} {
		add("naive", trace.Refs, v[0], v[1])
	}
	add("naive", trace.Free, 0, 1)
	add("naive", trace.UseAfter, 0, 1)
	for _, v := range [][2]float64{{1, 1}, {2, 2}, {3, 3}, {2, 1}, {1, 0}} {
		add("leaks", trace.Refs, v[0], v[1])
	}
	add("leaks", trace.Leak, 1, 0)
	return r
}

// handOvers is a generator that yields once, driven by main, which makes a
// coroutine as well and does not drive it.
func handOvers() *viz.Sequence {
	s := viz.NewSequence("main drives gen")
	s.Make("main", "gen", "gen()")
	s.Make("main", "coro", "coro()")
	left := 1
	for range 2 {
		s.Step("main", "gen", "next()", func() (any, error) {
			if left--; left < 0 {
				return nil, errors.New("StopIteration")
			}
			s.Note("gen", "before the <yield>")
			return "a", nil
		})
	}
	return s
}

func sizes() viz.Plot {
	return viz.Plot{Title: "Price of an item", X: "items in a chunk", Y: "µs per item", LogX: true, LogY: true, Line: 4.1, LineName: "a plain loop",
		Curves: []viz.Curve{
			{Name: "2 workers", Points: []viz.Point{{1000, 2.2}, {1, 50}, {10, 6.9}, {100, 2.5}}},
			{Name: "1 worker", Points: []viz.Point{{1, 100}, {10, 13.7}, {100, 5}, {1000, 4.2}}},
		}}
}

func pictures(t testing.TB) map[string]*viz.Picture {
	r := explore.Run(counter(1))
	main := &viz.TaskNode{Name: "Task-1", State: "pending", Frames: []string{"main example.py:13", "TaskGroup.__aexit__ taskgroups.py:72"}}
	a := &viz.TaskNode{Name: "Sundowning", State: "pending", Frames: []string{"album example.py:8"}}
	b := &viz.TaskNode{Name: "TNDNBTG", State: "done"}
	c := &viz.TaskNode{Name: "waits for Sundowning", State: "running", Awaits: []*viz.TaskNode{a}}
	main.Awaits = []*viz.TaskNode{a, b, c}
	a.Awaits = []*viz.TaskNode{{Name: "cancelled one", State: "cancelled"}, c}
	var alone, beside []time.Duration
	for i := range 60 {
		alone = append(alone, time.Duration(i%5)*40*time.Microsecond)
		beside = append(beside, 5*msec+time.Duration(i%3)*100*time.Microsecond)
	}
	beside = append(beside, 10*msec)
	return map[string]*viz.Picture{
		"timeline":     viz.Timeline(traced(rt.GIL310), traced(rt.FreeThreaded)),
		"interleaving": viz.Interleaving(r.Witness(1), r),
		"checkpoints":  viz.CheckPoints(inc(t)),
		"loop":         viz.Loop(loopRecord()),
		"processes":    viz.Processes(poolRecord(1), poolRecord(25)),
		"refs":         viz.Refs(refsRecord()),
		"bars": viz.Bars(viz.Comparison{Title: "100 tiny items", N: 100, Cores: 2, Bars: []viz.Bar{
			{Name: "serial", Wall: 410 * time.Microsecond, CPU: 400 * time.Microsecond},
			{Name: "4 threads", Wall: 2200 * time.Microsecond, CPU: 1900 * time.Microsecond, Note: "slower: they take turns"},
			{Name: "2 processes", Wall: 14 * msec, CPU: 9 * msec},
			{Name: "2 processes, chunk 25", Wall: 7 * msec, CPU: 6 * msec},
		}}),
		"latency": viz.Latency("Wake-up beside a hog", 5*msec, viz.Series{Name: "alone", Samples: alone}, viz.Series{Name: "beside one hog", Samples: beside}),
		"tasks":   viz.Tasks(main),
		"outcomes": viz.Outcomes(explore.Run(func(w *explore.World) {
			x := w.Var("x", 0)
			w.Threads(2, func(t *rt.Thread) { x.Add(t, 1); x.Add(t, 1) })
			w.Check(func() error {
				if x.Value() == 2 {
					return errors.New("two updates were lost")
				}
				return nil
			})
			w.Final(func() any { return x.Value() })
		})),
		"states": viz.States("coroutine", viz.Move{Call: "send(1)", Error: "TypeError: can't send non-None value to a just-started coroutine"},
			viz.Move{Call: "send(None)", State: "SUSPENDED"}, viz.Move{Call: "send(None)", State: "COMPLETED", Error: "StopIteration: 42"},
			viz.Move{Call: "await again", Error: "RuntimeError: cannot reuse already awaited coroutine"}),
		"sequence": handOvers().Picture(),
		"curves":   viz.Curves(sizes()),
		"turns":    viz.Turns(recordOf(robin)),
		"amounts": viz.Amounts(viz.Measure{Title: "Memory of one thread", Unit: "B", Log: true, Mark: 1_000_000, MarkName: "a megabyte", Amounts: []viz.Amount{
			{Name: "reserved", Value: 8_400_000, Note: "address space"}, {Name: "used", Value: 15_000, Note: "CPython 3.11"}, {Name: "a task", Value: 1500},
		}}),
	}
}

// Each picture is what it was, in both forms. VIZ_OUT=directory writes pages to
// look at, on light and on dark.
func TestGolden(t *testing.T) {
	for name, p := range pictures(t) {
		golden(t, name+".svg", p.SVG()+"\n")
		golden(t, name+".txt", p.String())
		if dir := os.Getenv("VIZ_OUT"); dir != "" {
			for theme, colours := range map[string][2]string{"light": {"#fff", "#212121"}, "dark": {"#111", "#e0e0e0"}} {
				page := fmt.Sprintf("<html><meta charset=utf-8><body style='margin:8px;width:776px;font:13px sans-serif;background:%s;--jp-content-font-color1:%s'>%s</body></html>", colours[0], colours[1], p.HTML())
				if err := os.WriteFile(filepath.Join(dir, name+"-"+theme+".html"), []byte(page), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(dir, name+".svg"), []byte(p.SVG()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs from its golden file (go test -update writes it):\n%s", name, got)
	}
}

// wellFormed parses XML to its end.
func wellFormed(s string) error {
	d := xml.NewDecoder(strings.NewReader(s))
	for {
		if _, err := d.Token(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// check holds what every picture promises.
func check(t *testing.T, name string, p *viz.Picture) {
	t.Helper()
	bundle := p.MIMEBundle()
	html, svg, text := bundle["text/html"].(string), bundle["image/svg+xml"].(string), bundle["text/plain"].(string)
	for mime, s := range map[string]string{"html": html, "svg": svg} {
		if err := wellFormed(s); err != nil {
			t.Errorf("%s: %s is not well-formed: %v", name, mime, err)
		}
		if mime == "html" { // which has the drawing a second time, as an image
			before, image, _ := strings.Cut(s, `src="data:image/svg+xml;base64,`)
			still, after, ok := strings.Cut(image, `"`)
			if drawn, err := base64.StdEncoding.DecodeString(still); !ok || err != nil || wellFormed(string(drawn)) != nil {
				t.Errorf("%s: the image of the html is none: %v", name, err)
			}
			s = before + after
		}
		for _, bad := range []string{"<script", "onclick", "onload", "javascript:", "NaN", "Inf"} {
			if strings.Contains(s, bad) {
				t.Errorf("%s: %s contains %q", name, mime, bad)
			}
		}
		if len(s) > 200_000 {
			t.Errorf("%s: %s has %d bytes", name, mime, len(s))
		}
		if !strings.Contains(s, `role="img" aria-label="`) {
			t.Errorf("%s: %s has no text for screen readers", name, mime)
		}
	}
	if p.Shapes > 2000 || p.Shapes == 0 {
		t.Errorf("%s: %d shapes", name, p.Shapes)
	}
	if p.Caption == "" || !strings.Contains(text, p.Caption) {
		t.Errorf("%s: the text has no caption: %s", name, text)
	}
	if p.Merged > 0 && !strings.Contains(text, fmt.Sprintf("merged %d", p.Merged)) {
		t.Errorf("%s: %d merged events are not mentioned", name, p.Merged)
	}
}

func TestPromises(t *testing.T) {
	for name, p := range pictures(t) {
		check(t, name, p)
	}
}

// The claims are computed, so they are tested as numbers.
func TestClaims(t *testing.T) {
	all := pictures(t)
	for name, want := range map[string]string{
		"timeline":     "overlap of running: 0.0 ms (GIL)",
		"interleaving": "1 write undid another thread's; all 6 schedules: 1 in 4, 2 in 2",
		"checkpoints":  "an update of counter can be lost in 3.9 and without a GIL, not in 3.10 and later with it",
		"loop":         "Task-2 (blocks) blocked the loop for 500 ms",
		"processes":    "useful 400 µs",
		"refs":         "naive: count 0, references 1; freed while 1 still existed; used after it was freed, once",
		"bars":         "no way is faster than serial, 410 µs",
		"latency":      "beside one hog: median 5.1 ms, max 10 ms",
		"tasks":        "await cycle",
		"outcomes":     "all 70 schedules: 3 in 32, 4 in 6, two updates were lost in 32; a proof",
		"states":       "now COMPLETED; 3 raised an exception",
		"sequence":     "control passes 4 times, and is in one place at a time; gen runs 2 times and has ended; coro is made and never runs",
		"curves":       "2 workers: least 2.2 at 1,000, most 50 at 1, crosses 4.1 between 10 and 100; 1 worker: least 4.2 at 1,000, most 100 at 1",
		"turns":        "a bar between steps: A0 | B0 | A1 | B1",
		"amounts":      "reserved: 8.4 MB, 5,600 times as much as a task (1.5 kB); 1 of 3 reach a megabyte",
	} {
		if got := all[name].Caption; !strings.Contains(got, want) {
			t.Errorf("%s: %q does not say %q", name, got, want)
		}
	}
}

// Large runs are thinned, and say so.
func TestLargeRuns(t *testing.T) {
	in := rt.Virtual(rt.GIL310, 3, 4)
	in.Trace()
	in.Threads(100, func(t *rt.Thread) {
		for range 200 {
			t.Work(200 * time.Microsecond)
			_ = t.Sleep(300 * time.Microsecond)
		}
	})
	big := map[string]*viz.Picture{"timeline": viz.Timeline(in)}
	loop := &trace.Recorder{Virtual: true}
	for i := range 50_000 {
		at := time.Duration(i) * 3 * time.Microsecond
		track := trace.Track{Lane: 1 + i%200, Name: fmt.Sprintf("Task-%d", 1+i%200)}
		flow := loop.NewFlow()
		loop.Add(trace.Event{Kind: trace.Ready, Track: trace.Track{Name: "loop"}, At: at, Value: float64(i % 7), Flow: 0})
		loop.Add(trace.Event{Kind: trace.Wake, Track: trace.Track{Name: "loop"}, At: at, Flow: flow})
		loop.Add(trace.Event{Kind: trace.Callback, Track: track, At: at, Dur: time.Microsecond, Flow: flow, Name: `step <&"'>` + "\x00"})
	}
	big["loop"] = viz.Loop(loop)
	refs := &trace.Recorder{}
	for i := range 100_000 {
		refs.Add(trace.Event{Kind: trace.Refs, At: time.Duration(i), Name: "payload", Value: float64(1 + i%2), Truth: float64(1 + i%2)})
	}
	big["refs"] = viz.Refs(refs)
	r := explore.RunWith(explore.Options{Mode: rt.FreeThreaded, Schedules: 2000}, counter(6))
	big["outcomes"] = viz.Outcomes(r)
	long := explore.RunWith(explore.Options{Mode: rt.FreeThreaded, Schedules: 20}, counter(300))
	big["interleaving"] = viz.Interleaving(long.Witness(600), nil)
	var tasks []*viz.TaskNode
	for i := range 1000 {
		tasks = append(tasks, &viz.TaskNode{Name: fmt.Sprintf("Task-%d", i)})
	}
	big["tasks"] = viz.Tasks(tasks...)
	talk := viz.NewSequence("")
	for range 5000 {
		talk.Step("for", "gen", "next()", func() (any, error) { return 1, nil })
	}
	big["sequence"] = talk.Picture()
	plot := viz.Plot{Curves: make([]viz.Curve, 7)}
	for i := range 70_000 {
		c := &plot.Curves[i%7]
		c.Points = append(c.Points, viz.Point{X: float64(i), Y: float64(i*i%1000 - 500)})
	}
	big["curves"] = viz.Curves(plot)
	for name, p := range big {
		check(t, name, p)
		if p.Merged == 0 {
			t.Errorf("%s: nothing was merged", name)
		}
	}
}

// Compiled code that keeps the GIL runs while its thread holds it, and is drawn
// over that, in the drawing and in the text.
func TestTimelineShowsWhoHoldsInCompiledCode(t *testing.T) {
	in := rt.Virtual(rt.GIL310, 1, 2)
	in.Trace()
	in.Threads(1, func(t *rt.Thread) {
		t.Work(20 * msec)
		t.NativeHold(func() { t.Compute(20 * msec) })
	})
	p := viz.Timeline(in)
	check(t, "compiled code", p)
	if want := strings.Repeat("#", 32) + strings.Repeat("h", 32); !strings.Contains(p.String(), want) {
		t.Errorf("%q is missing in\n%s", want, p)
	}
	svg := p.SVG()
	if run, hold := strings.Index(svg, "Thread-1: runs"), strings.Index(svg, "Thread-1: compiled"); run < 0 || hold < run {
		t.Errorf("the lane's spans are at %d and %d: compiled code is under the other", run, hold)
	}
}

// A thread that only starts others has no lane.
func TestTimelineLeavesIdleThreadsOut(t *testing.T) {
	in := rt.Virtual(rt.GIL310, 1, 2)
	in.Trace()
	if err := in.Run(func(main *rt.Thread) error {
		in.Go("busy", func(t *rt.Thread) { t.Work(5 * msec) })
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	p := viz.Timeline(in)
	check(t, "idle main", p)
	if text := p.String(); strings.Contains(text, "MainThread") || !strings.Contains(text, "busy") {
		t.Errorf("MainThread has a lane, or busy has none:\n%s", text)
	}
}

// Each interpreter has a GIL, and an owner of it.
func TestTimelineOfTwoInterpreters(t *testing.T) {
	first := rt.Virtual(rt.GIL310, 1, 2)
	rec := first.Trace()
	second := first.NewInterpreter()
	if err := first.Run(func(main *rt.Thread) error {
		second.Go("other", func(o *rt.Thread) { o.Work(10 * time.Millisecond) })
		main.Work(10 * time.Millisecond)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	p := viz.Timeline(rec)
	check(t, "two interpreters", p)
	for _, want := range []string{"GIL 1 is with", "GIL 2 is with", "overlap of running: 10.0 ms (2 GILs)"} {
		if !strings.Contains(p.String(), want) {
			t.Errorf("%q is missing in\n%s", want, p)
		}
	}
}

// What is given wrongly is answered with what would be right.
func TestMisuse(t *testing.T) {
	in := rt.Virtual(rt.GIL310, 1, 2)
	report := in.Threads(1, func(t *rt.Thread) {})
	for want, p := range map[string]*viz.Picture{
		"Timeline needs a recorder":     viz.Timeline(),
		"not string":                    viz.Timeline("x"),
		"call in.Trace() before":        viz.Timeline(report),
		"no witness":                    viz.Interleaving(nil, nil),
		"needs a code object":           viz.CheckPoints(nil),
		"not <nil>":                     viz.Loop(nil),
		"Processes needs a recorder":    viz.Processes(),
		"Nobody counted references":     viz.Refs(&trace.Recorder{}),
		"needs a Comparison":            viz.Bars(viz.Comparison{}),
		"at least one Series":           viz.Latency("", 0),
		"There are no tasks":            viz.Tasks(nil),
		"needs the report of explore":   viz.Outcomes(nil),
		"0 calls, now CREATED":          viz.States("generator"),
		"at least one Curve that has":   viz.Curves(viz.Plot{Curves: []viz.Curve{{Name: "empty"}}}),
		"8 curves are more than":        viz.Curves(viz.Plot{Curves: append(make([]viz.Curve, 7), sizes().Curves[0])}),
		"(0, 1): a logarithmic axis":    viz.Curves(viz.Plot{LogX: true, Curves: []viz.Curve{{Name: "n", Points: []viz.Point{{0, 1}}}}}),
		"(1, -1): a logarithmic axis":   viz.Curves(viz.Plot{LogY: true, Curves: []viz.Curve{{Name: "n", Points: []viz.Point{{1, -1}}}}}),
		"the line at -1 is not on":      viz.Curves(viz.Plot{LogY: true, Line: -1, Curves: sizes().Curves}),
		"point 1 of curve \"n\" is not": viz.Curves(viz.Plot{Curves: []viz.Curve{{Name: "n", Points: []viz.Point{{math.NaN(), 1}}}}}),
		"ran bytecode at once for 0.0":  viz.Timeline(&trace.Recorder{}),
		"0 tasks, at most":              viz.Loop(&trace.Recorder{}),
		"No loop was recorded":          viz.Turns(&trace.Recorder{}),
		"not int":                       viz.Turns(1),
		"needs a Measure":               viz.Amounts(viz.Measure{}),
	} {
		check(t, want, p)
		if !strings.Contains(p.Caption, want) {
			t.Errorf("%q does not say %q", p.Caption, want)
		}
	}
}

// A Sequence keeps the first message that cannot be: pictures of control that is
// in two places would be wrong.
func TestSequenceRefuses(t *testing.T) {
	for want, record := range map[string]func(s *viz.Sequence){
		"nothing was recorded":          func(s *viz.Sequence) {},
		"control is with gen":           func(s *viz.Sequence) { s.Call("main", "gen", "next()"); s.Call("main", "other", "f()") },
		"to gen, which has ended":       func(s *viz.Sequence) { s.Call("main", "gen", ""); s.End("gen", "main", ""); s.Call("main", "gen", "") },
		"from main to itself: use Note": func(s *viz.Sequence) { s.Call("main", "main", "f()") },
		"names no frame":                func(s *viz.Sequence) { s.Note("", "x") },
		"7 frames are more than a picture": func(s *viz.Sequence) {
			for i := range 6 {
				s.Make("main", fmt.Sprint(i), "")
			}
		},
		"control passes 1 time, and is in":  func(s *viz.Sequence) { s.Call("main", "gen", "next()") },
		"gen runs 1 time and has control":   func(s *viz.Sequence) { s.Call("main", "gen", "next()") },
		"gen runs 1 time and is suspended":  func(s *viz.Sequence) { s.Call("main", "gen", ""); s.Answer("gen", "main", "") },
		"control passes 0 times, and is in": func(s *viz.Sequence) { s.Note("main", "alone") },
	} {
		s := viz.NewSequence("")
		record(s)
		p := s.Picture()
		check(t, want, p)
		if !strings.Contains(p.Caption, want) {
			t.Errorf("%q does not say %q", p.Caption, want)
		}
		if s.MIMEBundle()["text/plain"] != p.String() {
			t.Errorf("%s: the Sequence is shown otherwise than its picture", want)
		}
	}
}

func TestBarsOfEqualWays(t *testing.T) {
	p := viz.Bars(viz.Comparison{N: 2, Cores: 2, Bars: []viz.Bar{{Name: "in turn", Wall: msec}, {Name: "in threads", Wall: msec}}})
	if want := "no way is faster than in turn, 1 ms (n = 2, 2 cores, real clock)"; p.Caption != want {
		t.Errorf("%q, want %q", p.Caption, want)
	}
}

func TestCurvesOfOneValue(t *testing.T) {
	for want, p := range map[string]*viz.Picture{
		"flat: 5 everywhere":  viz.Curves(viz.Plot{Curves: []viz.Curve{{Name: "flat", Points: []viz.Point{{1, 5}}}, {Name: "none"}}}),
		"none: no points":     viz.Curves(viz.Plot{Line: 2, Curves: []viz.Curve{{Name: "flat", Points: []viz.Point{{1, 5}}}, {Name: "none"}}}),
		"zero: 0 everywhere":  viz.Curves(viz.Plot{Curves: []viz.Curve{{Name: "zero", Points: []viz.Point{{0, 0}}}}}),
		"one: 1 everywhere":   viz.Curves(viz.Plot{LogX: true, LogY: true, Curves: []viz.Curve{{Name: "one", Points: []viz.Point{{1, 1}}}}}),
		"least -2,000 at 0.5": viz.Curves(viz.Plot{Curves: []viz.Curve{{Name: "n", Points: []viz.Point{{0.5, -2000}, {2, 3.3e20}}}}}),
		"most 3.3e+20 at 2":   viz.Curves(viz.Plot{Curves: []viz.Curve{{Name: "n", Points: []viz.Point{{0.5, -2000}, {2, 3.3e20}}}}}),
	} {
		check(t, want, p)
		if !strings.Contains(p.Caption, want) {
			t.Errorf("%q does not say %q", p.Caption, want)
		}
	}
}

func ExampleCurves() {
	fmt.Println(viz.Curves(viz.Plot{X: "elements", Y: "speed-up", Line: 1, Curves: []viz.Curve{
		{Name: "two threads", Points: []viz.Point{{100, 0.6}, {1000, 0.9}, {10_000, 1.8}}},
	}}).Caption)
	// Output: two threads: least 0.6 at 100, most 1.8 at 10,000, crosses 1 between 1,000 and 10,000
}

func ExampleTimeline() {
	in := rt.Virtual(rt.GIL310, 1, 2)
	rec := in.Trace()
	in.Threads(2, func(t *rt.Thread) { t.Work(20 * time.Millisecond) })
	fmt.Println(viz.Timeline(rec).Caption)
	// Output: overlap of running: 0.0 ms (GIL), changed hands 8 times, waited for it 35.0 ms in all
}

func ExampleInterleaving() {
	r := explore.Run(func(w *explore.World) {
		x := w.Var("x", 0)
		w.Threads(2, func(t *rt.Thread) { x.Add(t, 1) })
		w.Final(func() any { return x.Value() })
	})
	fmt.Println(viz.Interleaving(r.Witness(1), r))
	// Output:
	// One schedule, step by step
	//      Thread-1            Thread-2                   x
	//    1 LOAD x → 0 (stale)                             0
	//    2                     LOAD x → 0                 0
	//    3                     STORE x = 1                1
	//    4 STORE x = 1 (!)                                1
	// 4 steps, 1 preemption → 1; 1 write undid another thread's; all 6 schedules: 1 in 4, 2 in 2; replay s1AAEBAg
}

// recordOf runs main on a virtual loop; say is what it notes.
func recordOf(main func(c *asyncio.Co, say func(string)) (any, error)) *trace.Recorder {
	rec := &trace.Recorder{}
	say := func(s string) { rec.Add(trace.Event{Kind: trace.Note, Name: s}) }
	co := asyncio.Async("main", func(c *asyncio.Co, _ []any) (any, error) { return main(c, say) }).Call()
	if _, _, err := asyncio.RunVirtual(co, asyncio.Traced(rec)); err != nil {
		panic(err)
	}
	return rec
}

// robin is two tasks that take turns, then both wait.
func robin(c *asyncio.Co, say func(string)) (any, error) {
	turn := asyncio.Async("turn", func(c *asyncio.Co, a []any) (any, error) {
		for i := range 2 {
			say(fmt.Sprintf("%v%d", a[0], i))
			if _, err := c.Sleep(0); err != nil {
				return nil, err
			}
		}
		return c.Sleep(2 * time.Second)
	})
	return c.Gather(turn.Call("A"), turn.Call("B"))
}

// The order, the iterations and who woke whom are those of the loop.
func TestTurns(t *testing.T) {
	text := viz.Turns(recordOf(robin)).String()
	for _, want := range []string{
		"  2  turn (Task-2)    A0\n     turn (Task-3)    B0\n  3  turn (Task-2)    A1\n     turn (Task-3)    B1\n",
		"     (waits 2 s)\n  5  event loop       timer\n     event loop       timer\n  6  turn (Task-2)     .\n",
		"in this order, a bar between steps: A0 | B0 | A1 | B1",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	quiet := viz.Turns(recordOf(func(c *asyncio.Co, _ func(string)) (any, error) { return c.Sleep(0) }))
	if want := "taken in this order: main (Task-1) | main (Task-1)"; !strings.Contains(quiet.Caption, want) {
		t.Errorf("%q does not say %q", quiet.Caption, want)
	}
}

// Long runs are broken into bands, longer ones are cut, and say so.
func TestTurnsOfALongRun(t *testing.T) {
	for rounds, merged := range map[int]bool{10: false, 2000: true} {
		p := viz.Turns(recordOf(func(c *asyncio.Co, say func(string)) (any, error) {
			for range rounds {
				say("something of some length & more")
				if _, err := c.Sleep(0); err != nil {
					return nil, err
				}
			}
			return nil, nil
		}))
		check(t, fmt.Sprint(rounds, " rounds"), p)
		if (p.Merged > 0) != merged {
			t.Errorf("%d rounds: %d merged", rounds, p.Merged)
		}
	}
}

// Amounts are compared by what they are, not by how they are drawn.
func TestAmounts(t *testing.T) {
	two := func(a, b float64) []viz.Amount { return []viz.Amount{{Name: "a", Value: a}, {Name: "b", Value: b}} }
	for want, of := range map[string]viz.Measure{
		"b: 8.4 MB, 560 times as much as a (15 kB)":     {Unit: "B", Log: true, Amounts: two(15_000, 8_400_000)},
		"b: 62 ms, 34.4 times as much as a":             {Unit: "s", Amounts: two(0.0018, 0.062)},
		"b: 2 threads, 2 times as much as a (1 thread)": {Unit: "threads", Amounts: two(1, 2)},
		"b: 20 ticks; a: 0 ticks":                       {Unit: "ticks", Amounts: two(0, 20)},
		"all 2: 1 s":                                    {Unit: "s", Amounts: two(1, 1)},
		"b: 300 requests, 3 times as much as a (100 requests); 2 of 2 reach limit (100 requests)": {Unit: "requests", Mark: 100, MarkName: "limit", Amounts: two(100, 300)},
		"b: 4x, 2 times as much as a (2x); 1 of 2 reach the line (4x)":                            {Unit: "x", Mark: 4, Amounts: two(2, 4)},
		"all 2: 20,000 threads":                              {Unit: "threads", Log: true, Amounts: two(20_000, 20_000)},
		"Amounts are finite numbers from zero on; b is none": {Amounts: two(1, -1)},
		"; a is none":        {Amounts: two(math.NaN(), 1)},
		"; the mark is none": {Amounts: two(1, 1), Mark: math.Inf(1)},
		"all 2: 0 B":         {Unit: "B", Log: true, Amounts: two(0, 0)},
	} {
		p := viz.Amounts(of)
		check(t, want, p)
		if !strings.Contains(p.Caption, want) {
			t.Errorf("%q does not say %q", p.Caption, want)
		}
	}
}

// A frame that has not begun can end without running, but only by close().
func TestStatesTakesTheWayThatWasTaken(t *testing.T) {
	way := `<title>CREATED → COMPLETED</title>`
	for call, want := range map[string]bool{"close()": true, "await co": false} {
		p := viz.States("coroutine", viz.Move{Call: call, State: "COMPLETED"})
		edge, _, found := strings.Cut(p.SVG(), way)
		if !found {
			t.Fatalf("%s is missing", way)
		}
		edge = edge[strings.LastIndex(edge, "<"):]
		if taken := strings.Contains(edge, `stroke-width="2"`); taken != want {
			t.Errorf("%s: the way past EXECUTING is marked: %v, want %v: %s", call, taken, want, edge)
		}
	}
}

// A step of a task is recorded twice, as the task's and as the loop's callback;
// it is one step, and the loop was busy once.
func TestLoopCountsAStepOnce(t *testing.T) {
	p := viz.Loop(recordOf(func(c *asyncio.Co, _ func(string)) (any, error) {
		c.Compute(130 * msec)
		_, err := c.Sleep(70 * msec)
		return nil, err
	}))
	// the first step, the timer, the second step, the callback that ends run
	if want := "4 steps in 200 ms, the loop was busy 130 ms of it; main (Task-1) blocked the loop for 130 ms"; !strings.Contains(p.Caption, want) {
		t.Errorf("%q does not say %q", p.Caption, want)
	}
}

// A loop that waits has released the GIL, and its thread's lane shows that.
func TestTimelineShowsSelect(t *testing.T) {
	in := rt.Virtual(rt.GIL310, 1, 2)
	rec := in.Trace()
	in.Threads(2, func(t *rt.Thread) { _, _ = asyncio.RunIn(t, asyncio.Sleep(time.Second)) })
	text := viz.Timeline(rec).String()
	if strings.Count(text, "|------") != 2 || strings.Contains(text, "owner") {
		t.Errorf("not two waits and no owner of the GIL:\n%s", text)
	}
	if want := "up to 2 threads wait at once, for 1 s in all, the GIL released"; !strings.Contains(text, want) {
		t.Errorf("%q is missing in\n%s", want, text)
	}
}

// Lanes have the names of the tasks, and of coroutines where a task has none.
func TestLanesAreNamed(t *testing.T) {
	rec := recordOf(func(c *asyncio.Co, _ func(string)) (any, error) {
		if _, err := c.CreateTask(asyncio.Sleep(msec), "heartbeat"); err != nil {
			return nil, err
		}
		return c.Gather(asyncio.Sleep(msec))
	})
	for name, p := range map[string]*viz.Picture{"loop": viz.Loop(rec), "turns": viz.Turns(rec)} {
		for _, want := range []string{"main (Task-1)", "heartbeat ", "sleep (Task-3)"} {
			if !strings.Contains(p.String(), want) {
				t.Errorf("%s: %q is missing in\n%s", name, want, p)
			}
		}
	}
}

// The last number of an axis stays inside of the picture.
func TestAxisStaysInside(t *testing.T) {
	svg := viz.Loop(recordOf(func(c *asyncio.Co, _ func(string)) (any, error) { return c.Sleep(time.Second) })).SVG()
	i := strings.Index(svg, ">1000</text>")
	if i < 0 {
		t.Fatalf("the axis does not end at 1000 ms:\n%s", svg)
	}
	if element := svg[strings.LastIndex(svg[:i], "<text"):i]; !strings.Contains(element, `x="760"`) || !strings.Contains(element, `text-anchor="end"`) {
		t.Errorf("%s reaches beyond 760", element)
	}
}
