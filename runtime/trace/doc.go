// Package trace is the record of a modelled run: what happened on which
// thread, task or process, when, and because of what. Models emit events into
// a Recorder; package viz draws them, WriteChrome writes them down in the form
// that Perfetto (ui.perfetto.dev), chrome://tracing and speedscope read.
//
//	in := rt.New(rt.GIL310)
//	rec := in.Trace()
//	in.Threads(2, func(t *rt.Thread) { t.Work(20 * time.Millisecond) })
//	err := trace.WriteChrome(file, rec)
//
// # Model
//
// A span has a duration, everything else happens at one time; times count from
// the begin of the run, on the clock of its World. A Flow joins a cause with
// its effect.
//
// # Real CPython
//
// viztracer and giltracer record such events from outside, the latter with
// probes on take_gil and drop_gil as root; here the lock itself tells. The
// names of spans follow theirs.
//
// # Not modelled
//
// No call stacks: a span says what a thread does, not which line does it.
//
// # Cost
//
// An event costs about 0.1 µs and 150 bytes; a million are kept (Limit), the
// others counted.
package trace
