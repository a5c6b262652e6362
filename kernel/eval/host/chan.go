package host

import (
	"os"
	"reflect"
	"time"
	"unsafe"

	"braid/kernel/eval"
)

// The operations of goroutine dumps, which reports translate for learners.
const (
	opSend      = "chan send"
	opReceive   = "chan receive"
	opSelect    = "select"
	opNilSend   = "chan send (nil chan)"
	opNilRecv   = "chan receive (nil chan)"
	opSelectNil = "select (no cases)"
)

var (
	timeType   = reflect.TypeFor[time.Time]()
	signalType = reflect.TypeFor[os.Signal]()
)

// awakened says whether a wait on a channel with this element type may end
// without a learner's doing: channels of times belong to timers, and channels of
// signals to os/signal.
func awakened(elem reflect.Type) bool { return elem == timeType || elem == signalType }

// Send is Go's send statement for interpreted code: it behaves as the language
// says (a nil channel blocks for ever, a closed one panics with the runtime's
// own error), ends with an Interrupt panic when the run is interrupted, and is
// seen by the deadlock detector as waiting at pos. v must be assignable to the
// element type. A send that need not wait costs about
// 100 ns.
func Send(pos eval.Pos, ch, v reflect.Value) {
	g := current()
	if ch.IsNil() {
		g.sleepForEver(opNilSend, pos)
	}
	elem := ch.Type().Elem()
	p := ch.UnsafePointer()
	switch shapeOf(elem) {
	case shapeEmpty:
		send(g, pos, *(*chan struct{})(unsafe.Pointer(&p)), struct{}{})
	case shapeWord:
		send(g, pos, *(*chan uint64)(unsafe.Pointer(&p)), load[uint64](elem, v))
	case shapeByte:
		send(g, pos, *(*chan uint8)(unsafe.Pointer(&p)), load[uint8](elem, v))
	case shapeString:
		send(g, pos, *(*chan string)(unsafe.Pointer(&p)), load[string](elem, v))
	case shapePointer:
		send(g, pos, *(*chan unsafe.Pointer)(unsafe.Pointer(&p)), load[unsafe.Pointer](elem, v))
	case shapeAny:
		send(g, pos, *(*chan any)(unsafe.Pointer(&p)), load[any](elem, v))
	case shapeInterface:
		send(g, pos, *(*chan error)(unsafe.Pointer(&p)), load[error](elem, v))
	case shapeSlice:
		send(g, pos, *(*chan []byte)(unsafe.Pointer(&p)), load[[]byte](elem, v))
	default:
		if !ch.TrySend(v) {
			g.selectWaiting(opSend, pos, awakened(elem), []reflect.SelectCase{{Dir: reflect.SelectSend, Chan: ch, Send: v}})
		}
	}
}

// Recv is Go's receive operation for interpreted code, with the properties of
// Send. v is the zero value of the element type if the channel is closed. A
// receive that need not wait costs about 100 ns.
func Recv(pos eval.Pos, ch reflect.Value) (v reflect.Value, ok bool) {
	g := current()
	if ch.IsNil() {
		g.sleepForEver(opNilRecv, pos)
	}
	elem := ch.Type().Elem()
	p := ch.UnsafePointer()
	v = reflect.New(elem)
	at := v.UnsafePointer()
	switch shapeOf(elem) {
	case shapeEmpty:
		_, ok = receive(g, pos, *(*chan struct{})(unsafe.Pointer(&p)), false)
	case shapeWord:
		*(*uint64)(at), ok = receive(g, pos, *(*chan uint64)(unsafe.Pointer(&p)), false)
	case shapeByte:
		*(*uint8)(at), ok = receive(g, pos, *(*chan uint8)(unsafe.Pointer(&p)), false)
	case shapeString:
		*(*string)(at), ok = receive(g, pos, *(*chan string)(unsafe.Pointer(&p)), false)
	case shapePointer:
		*(*unsafe.Pointer)(at), ok = receive(g, pos, *(*chan unsafe.Pointer)(unsafe.Pointer(&p)), false)
	case shapeAny:
		*(*any)(at), ok = receive(g, pos, *(*chan any)(unsafe.Pointer(&p)), false)
	case shapeInterface:
		*(*error)(at), ok = receive(g, pos, *(*chan error)(unsafe.Pointer(&p)), elem == signalType)
	case shapeSlice:
		*(*[]byte)(at), ok = receive(g, pos, *(*chan []byte)(unsafe.Pointer(&p)), false)
	default:
		return receiveAny(g, pos, ch, elem)
	}
	return v.Elem(), ok
}

// receiveAny receives values of any type by reflection.
func receiveAny(g *goroutine, pos eval.Pos, ch reflect.Value, elem reflect.Type) (reflect.Value, bool) {
	if v, ok := ch.TryRecv(); v.IsValid() {
		return v, ok
	}
	_, v, ok := g.selectWaiting(opReceive, pos, awakened(elem), []reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: ch}})
	return v, ok
}

// Select waits for one of cases, as reflect.Select does; a SelectDefault case
// makes it non-blocking.
func Select(pos eval.Pos, cases []reflect.SelectCase) (chosen int, v reflect.Value, ok bool) {
	g := current()
	awake := false
	for i := range cases {
		if cases[i].Dir == reflect.SelectDefault {
			return reflect.Select(cases)
		}
		if c := cases[i].Chan; c.IsValid() && awakened(c.Type().Elem()) {
			awake = true
		}
	}
	if len(cases) == 0 {
		g.sleepForEver(opSelectNil, pos)
	}
	return g.selectWaiting(opSelect, pos, awake, cases)
}

// selectWaiting waits for one of cases, none of which is a default.
func (g *goroutine) selectWaiting(op string, pos eval.Pos, awake bool, cases []reflect.SelectCase) (int, reflect.Value, bool) {
	all := append(cases[:len(cases):len(cases)], reflect.SelectCase{Dir: reflect.SelectRecv})
	for {
		w, stop := g.park(op, pos, awake)
		all[len(cases)].Chan = reflect.ValueOf(stop)
		chosen, v, ok := g.selectOnce(w, all)
		if chosen < len(cases) {
			return chosen, v, ok
		}
		g.woken(w)
	}
}

// selectOnce ends the wait unless the last case is chosen: also when the select
// panics because a channel to send to is closed.
func (g *goroutine) selectOnce(w *wait, cases []reflect.SelectCase) (chosen int, v reflect.Value, ok bool) {
	chosen = -1
	defer func() {
		if chosen < len(cases)-1 {
			g.unpark(w)
		}
	}()
	return reflect.Select(cases)
}

// SendOf is Send for a channel of a type that is known when the engine is
// compiled; it allocates nothing.
func SendOf[T any](pos eval.Pos, c chan<- T, v T) {
	g := current()
	if c == nil {
		g.sleepForEver(opNilSend, pos)
	}
	send(g, pos, c, v)
}

// RecvOf is Recv for a channel of a type that is known when the engine is
// compiled; it allocates nothing.
func RecvOf[T any](pos eval.Pos, c <-chan T) (T, bool) {
	g := current()
	if c == nil {
		g.sleepForEver(opNilRecv, pos)
	}
	return receive(g, pos, c, awakened(reflect.TypeFor[T]()))
}

func send[T any](g *goroutine, pos eval.Pos, c chan<- T, v T) {
	select {
	case c <- v:
		return
	default:
	}
	for {
		w, stop := g.park(opSend, pos, false)
		if sendWaiting(g, w, stop, c, v) {
			return
		}
		g.woken(w)
	}
}

// sendWaiting ends the wait if it sends, or panics because the channel is closed.
func sendWaiting[T any](g *goroutine, w *wait, stop <-chan struct{}, c chan<- T, v T) (done bool) {
	done = true
	defer func() {
		if done {
			g.unpark(w)
		}
	}()
	select {
	case c <- v:
	case <-stop:
		done = false
	}
	return done
}

func receive[T any](g *goroutine, pos eval.Pos, c <-chan T, awake bool) (v T, ok bool) {
	select {
	case v, ok = <-c:
		return v, ok
	default:
	}
	for {
		w, stop := g.park(opReceive, pos, awake)
		select {
		case v, ok = <-c:
			g.unpark(w)
			return v, ok
		case <-stop:
			g.woken(w)
		}
	}
}

// sleepForEver waits for nothing but an interrupt.
func (g *goroutine) sleepForEver(op string, pos eval.Pos) {
	for {
		w, stop := g.park(op, pos, false)
		<-stop
		g.woken(w)
	}
}

// shape classes the element types whose channels can be used through a channel
// type with the same memory layout: the runtime copies elements by the type the
// channel was made with, and the copy that we hold is laid out, and seen by the
// collector, like that type.
type shape uint8

const (
	shapeOther shape = iota
	shapeEmpty
	shapeByte
	shapeWord
	shapeString
	shapePointer
	shapeAny
	shapeInterface
	shapeSlice
)

func shapeOf(t reflect.Type) shape {
	switch t.Kind() {
	case reflect.Bool, reflect.Uint8, reflect.Int8:
		return shapeByte
	case reflect.Int64, reflect.Uint64, reflect.Float64:
		return shapeWord
	case reflect.Int, reflect.Uint, reflect.Uintptr:
		if unsafe.Sizeof(0) == 8 {
			return shapeWord
		}
	case reflect.String:
		return shapeString
	case reflect.Pointer, reflect.UnsafePointer, reflect.Map, reflect.Chan, reflect.Func:
		return shapePointer
	case reflect.Interface:
		if t.NumMethod() == 0 {
			return shapeAny
		}
		return shapeInterface
	case reflect.Slice:
		return shapeSlice
	case reflect.Struct:
		if t.NumField() == 0 {
			return shapeEmpty
		}
	}
	return shapeOther
}

// load reads v, converted to elem as an assignment does, as the T of its shape.
func load[T any](elem reflect.Type, v reflect.Value) T {
	if v.CanAddr() && v.Type() == elem {
		return *(*T)(v.Addr().UnsafePointer())
	}
	x := reflect.New(elem)
	x.Elem().Set(v)
	return *(*T)(x.UnsafePointer())
}
