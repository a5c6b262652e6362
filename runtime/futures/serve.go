package futures

import (
	"encoding/binary"
	"reflect"
	"sync"
	"time"

	rt "braid/runtime"
	"braid/runtime/pickle"
)

// A request is the pickle of a list: what to do, the function, the arguments
// (of the "chunk" kind: a list of them). A reply is three durations in the
// worker, eight bytes each, little-endian, nanoseconds (unpickling, computing,
// pickling), and the pickle of a list: "result" or "exception", and that.
const (
	doCall   = "call"
	doChunk  = "chunk"
	doInit   = "init"
	isResult = "result"
	isRaised = "exception"
	// isLost is for a request whose names are not known here, which ends a
	// worker of CPython.
	isLost = "lost"

	replyHead = 24
)

// Answer makes a call that another process has asked for: the worker's side of
// ProcessPoolExecutor (Lib/concurrent/futures/process.py, _process_worker). It
// is for hosts that start worker processes in a way of their own.
func Answer(request []byte) (reply []byte) {
	began := time.Now()
	kind, fn, args, err := parseRequest(request)
	unpickled := time.Now()
	var answer []any
	if err != nil {
		answer = []any{isLost, pickle.Portable(err)}
	} else {
		answer = perform(kind, fn, args)
	}
	computed := time.Now()
	reply = make([]byte, replyHead, 256)
	out, err := pickle.Append(reply, answer)
	if err != nil { // _sendback_result
		out, err = pickle.Append(reply, []any{isRaised, remote(err)})
	}
	if err != nil {
		out, _ = pickle.Append(reply, []any{isRaised, remote(rt.Raise("PicklingError", "%s", err.Error()))})
	}
	for i, d := range []time.Duration{unpickled.Sub(began), computed.Sub(unpickled), time.Since(computed)} {
		binary.LittleEndian.PutUint64(out[8*i:], uint64(d))
	}
	return out
}

// Refuse is the reply to a request that a host does not pass on.
func Refuse(err error) (reply []byte) {
	reply, _ = pickle.Append(make([]byte, replyHead, 256), []any{isRaised, pickle.Portable(err)})
	return reply
}

func parseRequest(request []byte) (kind string, fn any, args []any, err error) {
	v, err := pickle.Loads(request)
	if err != nil {
		return "", nil, nil, err
	}
	list, _ := v.([]any)
	if len(list) == 3 {
		k, ok1 := list[0].(string)
		a, ok2 := list[2].([]any)
		if ok1 && ok2 {
			return k, list[1], a, nil
		}
	}
	return "", nil, nil, rt.Raise("UnpicklingError", "this is no request of a process pool")
}

func perform(kind string, fn any, args []any) []any {
	c := newCallable(fn)
	if kind != doChunk {
		v, err := c.call(ownThread(fn), args)
		if err != nil {
			return []any{isRaised, remote(err)}
		}
		return []any{isResult, v}
	}
	all := make([]any, len(args)) // _process_chunk
	for i, row := range args {
		a, _ := row.([]any)
		v, err := c.call(ownThread(fn), a)
		if err != nil {
			return []any{isRaised, remote(err)}
		}
		all[i] = v
	}
	return []any{isResult, all}
}

// remote is _ExceptionWithTraceback: the exception, caused by the text of its
// traceback in the worker.
func remote(err error) error {
	e, ok := pickle.Portable(err).(*rt.Exception)
	if !ok {
		return pickle.Portable(err)
	}
	text := "\n\"\"\"\n" + rt.Traceback(e) + "\"\"\""
	copied := *e
	copied.Cause = &rt.Exception{Type: "_RemoteTraceback", Msg: text}
	return &copied
}

// ownThread is the thread that functions of this worker process get which want
// one: of an Interpreter of the process's own.
func ownThread(fn any) *rt.Thread {
	t := reflect.TypeOf(fn)
	if t == nil || t.Kind() != reflect.Func {
		return nil
	}
	if skip, _ := parameters(t); skip == 0 {
		return nil
	}
	return mainThread()
}

var mainThread = sync.OnceValue(func() *rt.Thread {
	got := make(chan *rt.Thread)
	in := rt.New(rt.GIL310)
	go func() {
		_ = in.Run(func(t *rt.Thread) error {
			got <- t
			select {} // the process ends with its last call
		})
	}()
	return <-got
})
