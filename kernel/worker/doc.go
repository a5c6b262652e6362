// Package worker runs learners' code in a child process and survives whatever
// happens to it. It stands between session (which decides what to run) and an
// eval.Engine (which runs it): Start and Worker are the parent's side, Main is
// the child's, and link.go is what they say to each other.
//
// What it promises:
//
//   - Run always returns: with what the program did, or with a *Death that says
//     in a learner's words why the process is gone (a fatal error of the Go
//     runtime, a signal, a limit), as soon as it is gone.
//   - What a program wrote before its process died is delivered before the
//     *Death is.
//   - No process outlives its Worker, nor the process that called Start: the
//     child leads a process group of its own, ends when the link closes, and its
//     descendants are found and ended with it (on Linux the daemonised ones too).
//   - Bytes from a child are never trusted: frames are bounded, and a child that
//     breaks the protocol is ended and reported.
//
// Goroutines of the parent, for each Worker, all joined by Close:
//
//	goroutine    owns                 blocks on                 ends when
//	reader       the link's frames    the pipe; OnEvent         the child closes its end
//	crash reader the crash pipe       the pipe                  the child is gone
//	reaper       the child's status   wait4; the two readers    the child is gone and all it wrote is delivered
//	sampler      the memory limit     a ticker                  the child is gone (only with Limits.Memory)
//	input        one question         OnInput                   it is answered, or its run is over
package worker
