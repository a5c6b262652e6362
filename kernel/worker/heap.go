package worker

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// heapFloor is the size below which a heap is not collected: a collection of even
// a small one takes some milliseconds from the cell that runs meanwhile, and with
// Go's default a session of small cells has one in every sixty.
const heapFloor = 16 << 20

// PatientGC lets the heap of this process grow to 16 MiB before it is collected,
// and a larger one to twice its live size, as Go's default has it. Rest gives the
// memory back. If somebody else sets the percentage, that stays.
func PatientGC() {
	before := debug.SetGCPercent(gcDefault)
	if before != gcDefault { // GOGC
		debug.SetGCPercent(before)
		return
	}
	g := &collection{percent: gcDefault}
	g.next()
}

const (
	gcDefault = 100
	gcMost    = 400
)

// collection is a turn of the collector: its finalizer runs after each.
type collection struct {
	percent int
	_       *int // finalizers need an object of its own
}

// next sets the percentage for the next collection.
func (g *collection) next() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	percent := gcMost
	if n := live[0].Value.Uint64(); n > 0 {
		percent = int(min(max(100*heapFloor/n, 100)-100, gcMost))
	}
	percent = max(percent, gcDefault)
	if d := percent - g.percent; d > gcDefault/4 || d < -gcDefault/4 {
		if before := debug.SetGCPercent(percent); before != g.percent {
			debug.SetGCPercent(before)
			return
		}
		g.percent = percent
	}
	again := &collection{percent: g.percent}
	runtime.SetFinalizer(again, (*collection).next)
}
