package kernel

import "braid/kernel/internal/protocol"

func (k *kernel) isComplete(r *request) (protocol.Reply, error) {
	in, err := protocol.DecodeIsCompleteRequest(r.Content)
	if err != nil {
		return nil, err
	}
	s, err := k.session.get()
	if err != nil {
		return nil, err
	}
	return protocol.NewIsCompleteReply(s.IsComplete(in.Code)), nil
}
