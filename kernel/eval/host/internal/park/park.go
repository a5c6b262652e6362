// Package park is how the substitutes of package sync and package time reach
// package host, which they can't import because it hands them out. Package host
// sets the variables before any learner code runs; without it the substitutes
// behave as the standard library does.
package park

// Wait blocks the calling goroutine until ready delivers, and returns nil; or
// until its run is interrupted, and returns a value that the caller must pass to
// Raise when it has tidied up. op names the operation as goroutine dumps do.
var Wait = func(op string, ready <-chan struct{}) (interrupted any) {
	<-ready
	return nil
}

// Raise unwinds the calling goroutine.
var Raise = func(interrupted any) { panic(interrupted) }

// IsInterrupt says whether a recovered value is Raise's.
var IsInterrupt = func(recovered any) bool { return false }

// Fatal ends the cell with an error that the Go runtime would end the process
// with. It does not return.
var Fatal = func(text string) { panic("fatal error: " + text) }

// Go runs fn as a goroutine of the caller's run.
var Go = func(fn func()) { go fn() }

// Timer prepares a learner's function to be run by a timer. Each setting of the
// timer calls arm first, and then either runs fire or, when it is stopped or
// replaced, calls disarm.
var Timer = func(fn func()) (arm, disarm, fire func()) {
	return func() {}, func() {}, fn
}

// Interrupted says whether the calling goroutine unwinds because its run is
// being interrupted.
var Interrupted = func() bool { return false }
