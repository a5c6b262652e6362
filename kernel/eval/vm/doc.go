// Package vm is an eval.Engine that compiles checked cells with
// golang.org/x/tools/go/ssa and runs them on frames of real Go values. It
// stands at the end of the line (cell → check → vm) in the worker process, and
// promises that a cell behaves as if the Go toolchain had compiled it, that
// compiled packages cannot tell its values from their own, that an interrupt is
// heard at every loop and call, and that what it cannot do right is refused
// with an Error named Unsupported before the cell runs, and then the cell has
// declared nothing.
//
// # How it works
//
// Checking. Run parses and checks the source again with packages cell and
// check, against a State of its own, and so reaches the State that the session
// has. Package order takes calls out of expressions where the Go toolchain reads
// variables after them. The file then goes through package ssa (generics
// instantiated), one ssa.Package per cell, all in one ssa.Program.
//
// Types (types.go). Every types.Type has a reflect.Type. Types of compiled
// packages are found in the symbol tables, those built from others through
// package reflect, and named types of cells are created with package reflectx:
// a real descriptor with a name, a package path, a method table and itabs. That
// is why fmt calls String methods inside slices, errors.As finds a cell's
// error, json sees tags and hides unexported fields, and %T prints main.P. A
// type is created when code that needs it is first compiled; its method set is
// closed then, and the functions of all its methods are compiled with the cell,
// for interfaces may lead to them. Method bodies are reached through the VM's
// Function, so a redeclared method takes effect everywhere at once; so do generic
// functions and methods, instance by instance (redeclare.go). A method that comes
// later is called by name, and by the learner's own interfaces through tables
// made here (late.go).
//
// Code (compile.go, instr.go, arith.go, memory.go). An ssa.Function becomes
// blocks of Go closures, one per instruction, each working on offsets in the
// frame. A frame is one heap object: head, results, parameters, free
// variables, registers that hold pointers, other registers, constants. Every
// register holds the value in Go's own representation (an int8 is a byte, a
// string two words, a struct its fields), and the object has a pointer mask of
// its own, so the collector sees what is there, and reflection and compiled
// code work on registers in place. Variables that never leave a function live
// in its frame; addresses are folded into the loads and stores that use them, as
// are slices in package-level and captured variables into accesses to an element,
// comparisons into branches, and the next value of a loop variable is computed
// into the register of the phi it flows into.
//
// Calls (call.go, calls.go, frame.go). A thread is what a goroutine needs to
// run: free lists of frames. A call takes a frame, copies arguments, runs
// blocks, copies results, clears pointers and gives the frame back. Func values
// are real Go closures, so compiled code can call them; the VM recognises its
// own by their code pointer and skips the way through Go. Interface calls
// remember the last methods found by itab at each call site.
//
// Compiled code (native.go). Go passes values in registers by the kind of their
// words. One instance of a generic function per shape, such as "pointer, string
// → int, interface", therefore serves all functions of that shape, in both
// directions, without reflection. Other shapes use reflect.Value.Call and
// reflect.MakeFunc. Methods of cells' types have stubs in machine code, through
// which interfaces of compiled code reach them (methods.go). Calls from compiled
// code keep the thread of their goroutine (outside.go).
//
// The standard library (std.go). Generic functions have no compiled form; the
// sources of slices, maps and cmp, and small ones of our own for the rest, are
// interpreted. Package host's replacements win over the library's symbols.
//
// Third-party modules (modules.go, embed.go, standins.go) come with a program as
// lists of files, are checked by package source, and are interpreted; a function of
// theirs is built and compiled when it is first called.
//
// Panics (panic.go) are Go panics. A function with defer statements leaves one
// deferred call on the Go stack; when a panic or Goexit passes, it runs the
// learner's deferred calls in order, with Go's rules for recover, re-panics and
// Goexit. Runtime errors are raised by the runtime itself or carry its exact
// text and implement runtime.Error. Interrupts cannot be seen by recover.
//
// Goroutines share nothing of the VM that changes, except caches that are
// atomic; the only races the detector can find are the learner's.
//
// # Costs
//
// Measured on an idle 2-core linux/amd64 machine with go1.26.8 (go test -bench
// VM): 11 ns for an iteration of an adding loop, 80 ns for a call (fib), 85 ns
// for an interface call, 55 ns for a closure call, 27 ns for math.Sqrt and 14 ns
// for a mutex operation with their loops, 90 ns for a callback from sort.Slice,
// 1.2 µs for a goroutine, 0.24 ms for a small cell from source to end. A cell
// leaves about 8 KB behind. A method called by compiled code (sort.Sort, package
// heap, fmt) costs as much as a func value called by it. Calls through reflection,
// in both directions, are ten times slower: structs, arrays or complex numbers
// among the parameters, or a rare shape.
//
// # Not supported
//
// Refused with an explanation:
//   - a method declared for a type of an earlier cell that has become real (a
//     variable of it is in use), if compiled code would look for it: String,
//     Error, MarshalJSON, and all that complete an interface of a compiled
//     package (visible.txt); any exported one after an import of reflect,
//     text/template, html/template or net/rpc, and such an import after it;
//   - functions without a Go body (assembly, linkname, cgo), as far as a cell
//     names them or standins.go has nothing for them: deeper in a module they end
//     the cell when they are reached; generic functions
//     and methods of the standard library that std.go does not list
//     (database/sql.Null's methods);
//   - more than some 8,000 methods of cells' types in one worker (the stubs
//     through which compiled code calls them are fixed in number).
//
// Different, and so documented:
//   - calls nested some 300,000 deep (a stack of 224 MiB, or 512 MiB of frames)
//     end the cell with a FatalError named stack overflow; Go would end the
//     process at 1 GB of stack;
//   - where the Go compiler's inliner decides whether a variable beside a call is
//     read before or after it, the order is the one without inlining: a local
//     variable of which the runtime gets the address (a bool, a byte, a struct
//     that becomes an interface or the key of a map), changed by a function
//     literal that is inlined wherever it is called: fmt.Println(ok, toggle());
//   - %T of an instance whose type argument is declared in a function lacks the
//     number that the compiler gives such types ("main.Box[main.T·1]");
//   - unique.Make never forgets a value;
//   - runtime.Caller and runtime.Callers see interpreted calls of one thread only
//     (callers.go); compiled code that looks itself (log's Lshortfile) and
//     debug.Stack see the VM's own frames;
//   - a pointer held in a register may keep its object alive until the
//     function returns or assigns the register again; finalizers and cleanups
//     run accordingly later;
//   - the runtime's insides in runtime.go are those of go1.26; the calling
//     convention of native.go was tested on linux/amd64 only.
package vm
