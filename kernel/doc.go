// Package kernel is the Jupyter face of Braid: [Serve] speaks the messaging
// protocol, version 5.5, with any number of front ends over a [Transport], and
// lets a [Session] do the work. It knows what messages mean; frames and
// signatures are package wire's, sockets package zmq's, cells the session's.
//
// # The life of a cell
//
// An execute_request reaches the shell reader as frames. wire checks its
// signature and makes it a Message; the reader gives it to the queue of its shell
// (the main one, or the subshell that its header names). The shell's goroutine
// takes it and opens the bracket (dispatch.go): busy. execute.go decodes it,
// counts it, publishes execute_input and calls Session.Run with a run (run.go) as
// sink. What the cell emits goes through the sink into the outbox; what it asks
// goes through stdin.go to the client that sent the cell. When Run returns, its
// outcome becomes error and the reply; before the reply goes out, the outbox is
// flushed. Then the bracket closes: idle.
//
// So the order that clients see is busy, execute_input, outputs, error or
// execute_result, reply, idle, and nothing is lost before idle. It follows from
// the outbox being one queue that one goroutine at a time empties, not from
// waiting. Goroutines that
// outlive their cell keep its sink: their output goes out under its parent.
//
// # Goroutines
//
//	goroutine    started by        owns                        blocks on                   ends when
//	shell reader Serve             Recv of shell               the client; a full queue    the sockets close
//	control      Serve             Recv of control             the client, never a cell    the sockets close
//	stdin        Serve             Recv of stdin               the client                  the sockets close
//	main shell   Serve             its counter, running cell   its queue; the cell;        its queue closes
//	                                                           slow subscribers
//	subshell     create_subshell   as above                    as above                    it is deleted, or the kernel ends
//	readers      Serve             –                           its queue; the session,     its queue closes
//	                                                           which answers without cells
//	outbox       Serve             –                           its queue; slow subscribers it is closed and empty
//	opener       Serve             –                           Options.Session             that returns
//	watch        (Serve itself)    signals, parent poll        time, signals               shutdown, ctx
//
// iopub belongs to whoever has the turn of the outbox: its own goroutine, or a
// shell or reader that publishes the messages of the request it serves.
//
// A few more live for a moment only, at the end of the kernel, to bound the time
// each stage may take (serve.go, within). Shell and control are sent on by several
// goroutines, one message at a time.
//
// Requests that only read (completion, inspection, history, …) are served by their
// shell's goroutine, in order, if that is idle; else by the readers, past the cell
// that runs. Requests about the kernel (kernel_info, interrupt, shutdown,
// subshells, usage) are answered by the control goroutine itself.
//
// # Interrupt and abort
//
// An interrupt (interrupt_request or SIGINT) cancels the context of the running
// cell of every shell and marks the cells queued behind them as aborted; on an
// idle kernel it does nothing. A cell that fails with stop_on_error does the same
// to those behind it. Aborted cells are answered in their turn.
//
// # Promises
//
// Nothing a client sends ends or blocks the kernel: malformed messages are
// dropped, requests that make no sense are answered with an error, handlers that
// panic are answered for. Output of cells takes at most about outboxBytes of
// memory: beyond that the cells wait, until an interrupt. After shutdown_request
// or SIGTERM, Serve returns within a second, cell or no cell.
//
// # Map
//
//	serve.go       Serve, its options, start and end
//	connection.go  connection files          registration.go           registration files
//	transport.go, listen.go  sockets         ping.go                   a minimal client
//	request.go     requests and replies      dispatch.go               the bracket, the table of handlers
//	queue.go       queues of requests        shell.go, subshell.go     lines of execution
//	control.go     interrupt, shutdown       outbox.go                 the way to iopub
//	execute.go, run.go, stdin.go, comm.go, complete.go, inspect.go,
//	iscomplete.go, history.go (glob.go), info.go, usage.go: one family of messages each
package kernel
