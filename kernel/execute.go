package kernel

import (
	"time"

	"braid/kernel/eval"
	"braid/kernel/internal/protocol"
	"braid/kernel/session"
)

// execute runs a cell. On iopub it causes, between busy and idle: execute_input,
// the outputs in their order, and error or execute_result.
func (k *kernel) execute(r *request) (protocol.Reply, error) {
	if r.aborted {
		return r.shell.abortReply(), nil
	}
	in, err := protocol.DecodeExecuteRequest(r.Content)
	if err != nil {
		k.outbox.prepare(r.parent, protocol.TypeError, requestError(err))
		return nil, err
	}
	count := int(r.shell.count.Load())
	if in.StoreHistory {
		count++
		r.shell.count.Store(int64(count))
	}
	if !in.Silent {
		k.outbox.prepare(r.parent, protocol.TypeExecuteInput, protocol.ExecuteInput{Code: in.Code, ExecutionCount: count})
	}
	k.outbox.signal() // published while the session is at work
	cell := newRun(k, r, in, count)
	outcome := k.runCell(cell, in)
	k.remember(in, cell)
	return k.conclude(cell, in, outcome), nil
}

// runCell evaluates the cell as the running one of its shell. A session that
// cannot be had or that panics costs this cell, not the kernel.
func (k *kernel) runCell(cell *run, in protocol.ExecuteRequest) (out session.Outcome) {
	s, err := k.session.get()
	if err != nil {
		return session.Outcome{Err: &session.Failure{EName: eval.InternalBug, EValue: err.Error()}}
	}
	cell.request.shell.begin(cell)
	defer cell.request.shell.end()
	defer cell.over.Store(true)
	defer func() {
		if p := recover(); p != nil {
			e := k.panicked(cell.request, p)
			out = session.Outcome{Err: &session.Failure{EName: e.EName, EValue: e.EValue}}
		}
	}()
	return s.Run(cell.ctx, session.Request{
		Code:         in.Code,
		Count:        cell.count,
		Silent:       in.Silent,
		StoreHistory: in.StoreHistory,
		AllowStdin:   in.AllowStdin,
		Expressions:  in.UserExpressions,
		Subshell:     cell.request.shell.id,
	}, cell)
}

// remember puts the cell into the history.
func (k *kernel) remember(in protocol.ExecuteRequest, cell *run) {
	if in.StoreHistory && in.Code != "" {
		k.history.add(cell.count, in.Code, cell.resultText())
	}
}

// conclude turns the outcome into the reply, and a failure into the iopub error
// and the abort of what waits behind it.
func (k *kernel) conclude(cell *run, in protocol.ExecuteRequest, out session.Outcome) protocol.Reply {
	payload := cell.payload(out.Payload)
	if out.Err == nil {
		return protocol.NewExecuteReply(cell.count, expressions(out.Expressions), payload)
	}
	e := failed(out.Err)
	if !in.Silent {
		k.outbox.prepare(cell.parent, protocol.TypeError, e)
		k.outbox.push()
	}
	switch {
	case out.Interrupted || cell.ctx.Err() != nil:
		cell.request.shell.queue.abort() // the user wants quiet, whatever stop_on_error says
	case in.StopOnError && !in.Silent:
		k.awaitPipelined(cell.request)
		cell.request.shell.queue.abort()
	}
	return protocol.NewExecuteErrorReply(cell.count, e, payload)
}

// A client that runs all cells sends their requests in one go, but a cell can
// fail before the second one has arrived. pipelined is how long ago a request
// must have come for its followers to be here, pipelineGap the silence that ends
// the wait for them.
const (
	pipelined    = 50 * time.Millisecond
	pipelineGap  = 10 * time.Millisecond
	pipelineWait = 100 * time.Millisecond
)

// awaitPipelined waits, only after a cell has failed quickly, until no more
// requests come. The client has not seen the failure's reply yet: what arrives
// here was sent without knowing of it, and is to be aborted. What is sent after
// the reply is never aborted (in ipykernel it can be).
func (k *kernel) awaitPipelined(r *request) {
	end := time.Now().Add(pipelineWait)
	if time.Since(r.arrived) > pipelined {
		return
	}
	for n := -1; n != r.shell.queue.count() && time.Now().Before(end); {
		n = r.shell.queue.count()
		time.Sleep(pipelineGap)
	}
}

func expressions(values map[string]session.Value) protocol.Object {
	out := protocol.Object{}
	for name, v := range values {
		if v.Err != nil {
			out[name] = protocol.NewErrorReply(failed(v.Err))
			continue
		}
		out[name] = protocol.NewExpressionValue(v.Data, v.Metadata)
	}
	return out
}

func failed(f *session.Failure) protocol.Error {
	return protocol.NewError(f.EName, f.EValue, f.Traceback)
}
