package kernel

import "braid/kernel/internal/protocol"

func (k *kernel) complete(r *request) (protocol.Reply, error) {
	in, err := protocol.DecodeCompleteRequest(r.Content)
	if err != nil {
		return nil, err
	}
	s, err := k.session.get()
	if err != nil {
		return nil, err
	}
	c := s.Complete(in.Code, in.Cursor)
	var types []protocol.CompletionType
	for _, m := range c.Items {
		types = append(types, protocol.CompletionType{Text: m.Text, Type: m.Type, Signature: m.Signature})
	}
	if len(types) == 0 {
		c.Start, c.End = in.Cursor, in.Cursor
	}
	return protocol.NewCompleteReply(c.Start, c.End, types), nil
}
