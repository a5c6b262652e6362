// Package viz draws what modelled runs did: pictures that make one claim each
// obvious, and state it as a computed sentence.
//
//	rec := in.Trace()
//	in.Threads(2, func(t *rt.Thread) { t.Work(20 * time.Millisecond) })
//	viz.Timeline(rec)                   // as the last line of a cell: shown
//	os.WriteFile("gil.svg", []byte(viz.Timeline(rec).SVG()), 0o644)
//
// A Picture is a MIME bundle: inline SVG in HTML (no script; tooltips, and the
// numbers as a table under it), a file of SVG, and plain text for terminals and
// for comparing. It is readable on light and dark pages and on paper: lines and
// text take the colour of the page, areas are from the palette of Okabe and Ito
// and differ in hatch or shape too, and what a screen reader says is the claim.
//
//	V1  Timeline      who holds the GIL, who waits for it, since when
//	V2  Interleaving  the steps of one schedule, with the stale read
//	V3  CheckPoints   where 3.9, 3.10 and later look at the eval breaker
//	V4  Loop          an event loop and its tasks
//	V5  Processes     worker processes: start-up, pickling, useful work
//	V6  Refs          a reference count beside the references that exist
//	V7  Bars          a comparison of wall and CPU times
//	V8  Latency       a histogram of delays or gaps
//	V9  Tasks         who awaits whom
//	V10 Outcomes      all schedules as a tree
//	V11 States        the life of a generator or coroutine
//	V12 Sequence      who drives whom: calls, yields and returns between frames
//	V13 Curves        how a value depends on a size
//	V14 Turns         the steps of an event loop in their order, iteration by iteration
//	V15 Amounts       prices, sizes and numbers as bars, with a limit
//
// # Model
//
// What is drawn is what was recorded; captions are computed from the same
// events as the drawing, before thinning.
//
// # Real CPython
//
// The forms follow viztracer and giltracer (V1, V4, V5), Shuttle's explorer
// (V2), dis (V3), python -m asyncio pstree of 3.14 (V9), and the sequence
// diagrams of UML (V12).
//
// # Not modelled
//
// Nothing can be zoomed: write the trace with trace.WriteChrome for that. A
// picture has at most 2,000 shapes and 200 kB of SVG (the page has it twice);
// where more happened, neighbours are merged and the picture says how many.
package viz
