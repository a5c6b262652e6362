package kernel

import (
	"context"
	"io"
	"slices"
	"sync"

	"braid/kernel/eval"
	"braid/kernel/internal/protocol"
	"braid/kernel/internal/wire"
)

// endOfInput is the value by which front ends send an end of file (ipykernel,
// Kernel._input_request).
const endOfInput = "\x04"

// stdin matches input_replies with the cells that wait for them.
type stdin struct {
	kernel *kernel
	mu     sync.Mutex
	asked  []*question // unanswered, oldest first
}

// question is an input_request that was sent.
type question struct {
	client string // identity of the client asked
	msgID  string // of the input_request
	answer chan protocol.InputReply
}

// ask sends an input_request to the client of the cell and waits for the answer,
// or for ctx or the interrupt of the cell to end the wait. What the cell printed
// before is published first.
func (s *stdin) ask(ctx context.Context, r *run, in eval.InputRequest) (string, error) {
	k := s.kernel
	content, err := protocol.Marshal(protocol.InputRequest{Prompt: in.Prompt, Password: in.Password})
	if err != nil {
		return "", err
	}
	header := wire.NewHeader(protocol.TypeInputRequest, k.id, username)
	header.SubshellID = r.request.Header.SubshellID
	q := &question{client: identity(r.request.Identities), msgID: header.MsgID, answer: make(chan protocol.InputReply, 1)}
	s.add(q)
	defer s.remove(q)
	k.outbox.flush()
	err = k.transport.Stdin.Send(k.signer.Encode(&wire.Message{
		Identities: r.request.Identities, Header: header, ParentHeader: r.request.RawHeader, Content: content,
	}))
	if err != nil {
		return "", stdinError("the front end could not be asked for input: " + err.Error())
	}
	select {
	case reply := <-q.answer:
		return answerText(reply)
	case <-r.ctx.Done():
		return "", context.Cause(r.ctx)
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

func answerText(reply protocol.InputReply) (string, error) {
	if reply.Failed {
		return "", stdinError("the front end answered that it cannot give input")
	}
	if reply.Value == endOfInput {
		return "", io.EOF
	}
	return reply.Value, nil
}

func (s *stdin) add(q *question) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, q)
}

func (s *stdin) remove(q *question) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = slices.DeleteFunc(s.asked, func(other *question) bool { return other == q })
}

// read takes input_replies until the socket is closed.
func (s *stdin) read() {
	s.kernel.read(s.kernel.transport.Stdin, func(m *wire.Message) {
		if m.Header.MsgType != protocol.TypeInputReply {
			return
		}
		reply, err := protocol.DecodeInputReply(m.Content)
		if err != nil {
			s.kernel.log.Debug("input_reply dropped", "error", err)
			return
		}
		s.deliver(identity(m.Identities), parentID(m.ParentHeader), reply)
	})
}

// deliver gives the reply to the question it answers. Its parent says which (some
// clients send none: then the oldest question to that client). A reply to an
// older question, or to none, is dropped.
func (s *stdin) deliver(client, parent string, reply protocol.InputReply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.asked, func(q *question) bool {
		return q.client == client && (parent == "" || parent == q.msgID)
	})
	if i < 0 {
		return
	}
	s.asked[i].answer <- reply
	s.asked = slices.Delete(s.asked, i, i+1)
}

func stdinError(text string) error { return &eval.Error{Name: eval.StdinError, Value: text} }
