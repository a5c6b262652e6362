package host

import (
	"io"
	"reflect"
	"sync/atomic"

	"braid/kernel/eval"
)

// Stop is non-zero while some run is being interrupted. Engines poll it at
// loop back edges and function entries (a plain atomic load) and call Check
// when it is set.
var Stop atomic.Uint32

// Interrupt is the value of the panic that ends an interrupted goroutine.
// Engines let it pass: a learner's recover() must not see it, deferred calls
// must run. Deadlock and limit ends use the same way, with Err set.
type Interrupt struct{ Err *eval.Error }

// Check panics with Interrupt if the calling goroutine belongs to a run that
// is being interrupted; otherwise it returns. Cheap enough for a slow path only.
func Check() { panic("host: not linked") }

// Go runs fn on a new goroutine that belongs to the run of the caller (a
// learner's go statement at pos). A panic that leaves fn becomes an error of
// that run; explain, if not nil, turns the panic value into an Error with the
// learner's frames and runs on the panicking goroutine inside the recovering defer.
func Go(pos eval.Pos, fn func(), explain func(recovered any) *eval.Error) { panic("host: not linked") }

// Send, Recv and Select are Go's channel operations for interpreted code: they
// behave as the language says (nil channels, closed channels, panics with the
// runtime's own error values), and end with an Interrupt panic when the run is
// interrupted, and are seen by the deadlock detector as waiting at pos.
func Send(pos eval.Pos, ch, v reflect.Value)                         { panic("host: not linked") }
func Recv(pos eval.Pos, ch reflect.Value) (v reflect.Value, ok bool) { panic("host: not linked") }

// Select waits for one of cases, as reflect.Select does; a SelectDefault case
// makes it non-blocking.
func Select(pos eval.Pos, cases []reflect.SelectCase) (chosen int, v reflect.Value, ok bool) {
	panic("host: not linked")
}

// Overlay gives the replacements for standard library symbols (by import path,
// then by name; functions as values, variables as addressable values, types as
// nil pointers, the form yaegi's Exports have) that make waits listen, output
// belong to its cell, and os.Exit end a cell. An engine looks here first.
func Overlay() map[string]map[string]reflect.Value { panic("host: not linked") }

// Emit publishes an event for the run of the calling goroutine, in order with
// the text that the goroutine wrote before.
func Emit(ev eval.Event) { panic("host: not linked") }

// Stdout and Stderr are the ordered streams of the run of whoever writes.
func Stdout() io.Writer { panic("host: not linked") }
func Stderr() io.Writer { panic("host: not linked") }

// Input asks the front end for a line (without its newline). It fails with an
// *eval.Error named StdinError if the run may not ask.
func Input(prompt string, password bool) (string, error) { panic("host: not linked") }
