package kernel

import (
	"fmt"
	"runtime/debug"
	"time"

	"braid/kernel/eval"
	"braid/kernel/internal/protocol"
)

// handler answers one type of request. A nil reply means that none is sent.
type handler struct {
	answer func(*kernel, *request) (protocol.Reply, error)
	// concurrent marks requests that need not wait for the cell that runs: they
	// only read, or act on the kernel as a whole.
	concurrent bool
	// immediate marks requests that the control loop answers itself, in well
	// under 10 ms, rather than handing them on.
	immediate bool
}

// handlers lists every message type that shell and control accept, in either
// channel: messaging.rst assigns each to one, but older and newer clients differ.
var handlers map[string]handler

func init() { // not a literal: the handlers refer to the table through the kernel
	handlers = map[string]handler{
		protocol.TypeExecuteRequest: {answer: (*kernel).execute},
		protocol.TypeCommOpen:       {answer: (*kernel).commOpen},
		protocol.TypeCommMsg:        {answer: (*kernel).commMessage},
		protocol.TypeCommClose:      {answer: (*kernel).commMessage},

		protocol.TypeCompleteRequest:   {answer: (*kernel).complete, concurrent: true},
		protocol.TypeInspectRequest:    {answer: (*kernel).inspect, concurrent: true},
		protocol.TypeIsCompleteRequest: {answer: (*kernel).isComplete, concurrent: true},
		protocol.TypeHistoryRequest:    {answer: (*kernel).historyRequest, concurrent: true},
		protocol.TypeCommInfoRequest:   {answer: (*kernel).commInfo, concurrent: true},

		protocol.TypeKernelInfoRequest:     {answer: (*kernel).kernelInfo, concurrent: true, immediate: true},
		protocol.TypeConnectRequest:        {answer: (*kernel).connect, concurrent: true, immediate: true},
		protocol.TypeInterruptRequest:      {answer: (*kernel).interruptRequest, concurrent: true, immediate: true},
		protocol.TypeShutdownRequest:       {answer: (*kernel).shutdownRequest, concurrent: true, immediate: true},
		protocol.TypeCreateSubshellRequest: {answer: (*kernel).createSubshell, concurrent: true, immediate: true},
		protocol.TypeDeleteSubshellRequest: {answer: (*kernel).deleteSubshell, concurrent: true, immediate: true},
		protocol.TypeListSubshellRequest:   {answer: (*kernel).listSubshells, concurrent: true, immediate: true},
		protocol.TypeUsageRequest:          {answer: (*kernel).usageRequest, concurrent: true, immediate: true},
		protocol.TypeDebugRequest:          {answer: (*kernel).debugRequest, concurrent: true, immediate: true},
	}
}

// serve is the bracket around every request: busy first, idle last, and in
// between at most one reply, whatever the handler does. Types nobody knows get
// the bracket and no reply, as ipykernel does it. Only the control goroutine
// leaves it to another to publish them: it must not wait for subscribers.
func (k *kernel) serve(r *request) {
	r.started = time.Now()
	defer func() {
		if r.then != nil {
			r.then()
		}
	}()
	publish := k.outbox.prepare
	if r.immediate {
		publish = k.outbox.post
	} else {
		defer k.outbox.push()
	}
	publish(r.parent, protocol.TypeStatus, status(protocol.StateBusy))
	defer publish(r.parent, protocol.TypeStatus, status(protocol.StateIdle))
	if !r.immediate && r.Header.MsgType != protocol.TypeExecuteRequest { // that pushes when it runs
		k.outbox.push()
	}
	h, known := handlers[r.Header.MsgType]
	if !known {
		k.log.Debug("message of unknown type", "type", r.Header.MsgType)
		return
	}
	reply := k.answer(r, h)
	if reply == nil || protocol.ReplyType(r.Header.MsgType) == "" {
		return
	}
	if r.Header.MsgType == protocol.TypeExecuteRequest {
		k.outbox.flush() // what the cell printed leaves before its reply
	}
	k.reply(r, reply)
}

// answer calls the handler and turns whatever goes wrong in it into a reply. A
// panic here is a fault of the kernel, which is not to die of it.
func (k *kernel) answer(r *request, h handler) (reply protocol.Reply) {
	defer func() {
		if p := recover(); p != nil {
			reply = k.failure(r, k.panicked(r, p))
		}
	}()
	err := r.refused
	if err == nil {
		reply, err = h.answer(k, r)
	}
	if err != nil {
		return k.failure(r, requestError(err))
	}
	return reply
}

// panicked logs a recovered panic and returns what to tell the client of it.
func (k *kernel) panicked(r *request, p any) protocol.Error {
	k.log.Error("request handler panicked", "type", r.Header.MsgType, "panic", p, "stack", string(debug.Stack()))
	return protocol.NewError(eval.InternalBug, fmt.Sprintf("a fault in the kernel, not in your code: %v", p), nil)
}

// requestError is what a client is told whose request cannot be served.
func requestError(err error) protocol.Error {
	return protocol.NewError("RequestError", err.Error(), nil)
}

// failure is the error reply that fits r's type.
func (k *kernel) failure(r *request, e protocol.Error) protocol.Reply {
	if r.Header.MsgType == protocol.TypeExecuteRequest {
		return protocol.NewExecuteErrorReply(int(r.shell.count.Load()), e, nil)
	}
	return protocol.NewErrorReply(e)
}
