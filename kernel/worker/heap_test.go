package worker

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestPatientGC(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(gcDefault))
	percent := func() int {
		gogc := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(gogc)
		return int(gogc[0].Value.Uint64())
	}
	becomes := func(what string, ok func(p int) bool) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); !ok(percent()); time.Sleep(time.Millisecond) {
			runtime.GC()
			if time.Now().After(end) {
				t.Fatalf("%s: GOGC=%d", what, percent())
			}
		}
	}
	PatientGC()
	patient := func(p int) bool { return p > gcDefault }
	becomes("small heap", patient)
	big := make([]byte, 4*heapFloor)
	becomes("large heap", func(p int) bool { return p == gcDefault })
	runtime.KeepAlive(big)
	big = nil
	becomes("small again", patient)
	debug.SetGCPercent(57)
	for range 3 {
		runtime.GC()
		time.Sleep(5 * time.Millisecond)
	}
	if p := percent(); p != 57 {
		t.Errorf("set by a learner: GOGC=%d", p)
	}
}
