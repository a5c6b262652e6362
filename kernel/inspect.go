package kernel

import "braid/kernel/internal/protocol"

func (k *kernel) inspect(r *request) (protocol.Reply, error) {
	in, err := protocol.DecodeInspectRequest(r.Content)
	if err != nil {
		return nil, err
	}
	s, err := k.session.get()
	if err != nil {
		return nil, err
	}
	found := s.Inspect(in.Code, in.Cursor, in.DetailLevel)
	if !found.Found {
		return protocol.NewInspectReply(nil, nil), nil
	}
	return protocol.NewInspectReply(found.Data, found.Metadata), nil
}
