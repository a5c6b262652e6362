// Package session is the state of a notebook: what its cells have declared, the
// worker process that holds their values, and how a cell's failures look to the
// learner. It stands between a front end (package kernel, braid run) and the
// stages of a cell's life: cell, check, lower, worker. It knows no protocol and
// no sockets.
//
// What it promises:
//
//   - A cell that does not check changes nothing, and neither do its magics run.
//   - A cell that lacks nothing but imports of packages of Go or of Braid gets
//     them, as if it had written them (Options.ExplicitImports): they last, and
//     no output tells of them. A cell that lacks anything else is told of all.
//   - Run returns when the cell has ended, whatever ended it; cancelling its
//     context interrupts the cell and nothing else.
//   - If the worker dies, the running cell says why; functions, types, constants
//     and imports of all cells are there again for the next cell, as far as they
//     need no variable; what is lost is named, with the cell to run again.
//   - Packages of third-party modules are found and checked before the cell that
//     imports them, outside of what other cells wait for; an interrupt ends the
//     wait at once (modules.go).
//   - Cells of several subshells may run at a time. They are checked, and handed
//     to the engine, one after the other.
//
// Goroutines: Run evaluates on its caller's goroutine and checks on one of the
// session's, so that an interrupt need not wait for the checker; each worker
// process has one that starts it, waits for its end and starts the next one; a cell
// that imports packages of modules has one that waits until both processes know
// them. Close joins them.
package session
