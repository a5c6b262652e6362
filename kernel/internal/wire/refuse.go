package wire

import (
	"errors"
	"sync/atomic"
)

// What Decode refuses. The errors it returns wrap one of these.
var (
	ErrNoDelimiter = errors.New("no <IDS|MSG> delimiter")
	ErrShort       = errors.New("fewer than five frames after the delimiter")
	ErrSignature   = errors.New("wrong or missing signature")
	ErrReplay      = errors.New("signature seen before")
	ErrUTF8        = errors.New("not UTF-8")
	ErrJSON        = errors.New("not a JSON object")
	ErrHeader      = errors.New("unusable header")
	ErrLimit       = errors.New("beyond the limits")
)

// Counts says how many messages were refused, by reason.
type Counts struct {
	NoDelimiter, Short, Signature, Replay, UTF8, JSON, Header, Limit uint64
}

// Total is the number of messages refused for any reason.
func (c Counts) Total() uint64 {
	return c.NoDelimiter + c.Short + c.Signature + c.Replay + c.UTF8 + c.JSON + c.Header + c.Limit
}

type counters struct {
	noDelimiter, short, signature, replay, utf8, json, header, limit atomic.Uint64
}

func (c *counters) add(err error) {
	for _, reason := range []struct {
		err error
		n   *atomic.Uint64
	}{
		{ErrNoDelimiter, &c.noDelimiter},
		{ErrShort, &c.short},
		{ErrSignature, &c.signature},
		{ErrReplay, &c.replay},
		{ErrUTF8, &c.utf8},
		{ErrJSON, &c.json},
		{ErrHeader, &c.header},
		{ErrLimit, &c.limit},
	} {
		if errors.Is(err, reason.err) {
			reason.n.Add(1)
			return
		}
	}
}

// Refused returns how many messages Decode has refused so far.
func (s *Signer) Refused() Counts {
	c := &s.counts
	return Counts{
		NoDelimiter: c.noDelimiter.Load(),
		Short:       c.short.Load(),
		Signature:   c.signature.Load(),
		Replay:      c.replay.Load(),
		UTF8:        c.utf8.Load(),
		JSON:        c.json.Load(),
		Header:      c.header.Load(),
		Limit:       c.limit.Load(),
	}
}
