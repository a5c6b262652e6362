package runtime

import "sync/atomic"

var interrupted atomic.Pointer[func()]

// SetInterrupted tells the runtime what to call on a goroutine whose wait was
// given up because a scope was interrupted: a host may end the goroutine there,
// by a panic whose value has the method EndsRun. It is for hosts such as a
// notebook kernel, before any cell runs.
func SetInterrupted(f func()) { interrupted.Store(&f) }

// Interrupted is called by models when a wait of a goroutine that is no thread
// of theirs was given up. It may not return.
func Interrupted() {
	if f := interrupted.Load(); f != nil {
		(*f)()
	}
}
