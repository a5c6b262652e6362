package wire

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strings"
	"sync"
)

// delimiter separates identities from the message proper.
const delimiter = "<IDS|MSG>"

// hashes holds the hash functions of the standard library by the names that
// Python's hashlib, and so a connection file's signature_scheme, gives them.
var hashes = map[string]func() hash.Hash{
	"md5":        md5.New,
	"sha1":       sha1.New,
	"sha224":     sha256.New224,
	"sha256":     sha256.New,
	"sha384":     sha512.New384,
	"sha512":     sha512.New,
	"sha512_224": sha512.New512_224,
	"sha512_256": sha512.New512_256,
	"sha3_224":   func() hash.Hash { return sha3.New224() },
	"sha3_256":   func() hash.Hash { return sha3.New256() },
	"sha3_384":   func() hash.Hash { return sha3.New384() },
	"sha3_512":   func() hash.Hash { return sha3.New512() },
}

// Signer signs what a kernel sends, checks what it receives, and remembers what
// it has seen. One Signer serves all channels of a kernel, so that a message
// recorded on one channel cannot be replayed on another. It is safe for
// concurrent use.
type Signer struct {
	macs   *sync.Pool // of *mac; nil if messages are not signed
	seen   replays
	counts counters
}

// mac is a keyed hash with room for its sum.
type mac struct {
	hash.Hash
	sum []byte
	hex []byte
}

// NewSigner returns the Signer for a connection file's signature_scheme and key.
// An empty key means that messages are neither signed nor checked, whatever the
// scheme; anyone who can connect can then run code. An empty scheme is hmac-sha256.
func NewSigner(scheme, key string) (*Signer, error) {
	s := &Signer{}
	if scheme == "" {
		scheme = "hmac-sha256"
	}
	if key == "" {
		return s, nil
	}
	name, ok := strings.CutPrefix(scheme, "hmac-")
	newHash := hashes[name]
	if !ok || newHash == nil {
		return nil, fmt.Errorf("signature_scheme %q is not known; use hmac-sha256, or hmac- with one of %s", scheme, hashNames())
	}
	s.macs = &sync.Pool{New: func() any { return &mac{Hash: hmac.New(newHash, []byte(key))} }}
	return s, nil
}

func hashNames() string {
	var names []string
	for name := range hashes {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// of returns the lower-case hex signature of the parts; it is good until the next call.
func (m *mac) of(parts [][]byte) []byte {
	m.Reset()
	for _, p := range parts {
		m.Write(p)
	}
	m.sum = m.Sum(m.sum[:0])
	m.hex = hex.AppendEncode(m.hex[:0], m.sum)
	return m.hex
}

// replayWindow is the number of signatures remembered, as in jupyter_client
// (session.py, digest_history_size).
const replayWindow = 1 << 16

// digest is the head of a signature: 128 bits tell messages apart.
type digest [16]byte

// replays remembers the last replayWindow digests. It grows as messages come,
// to about 4 MB.
type replays struct {
	mu   sync.Mutex
	set  map[digest]struct{}
	ring []digest
	next int // in ring, once that is full: the oldest
}

// add remembers d and reports whether it is new.
func (r *replays) add(d digest) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, old := r.set[d]; old {
		return false
	}
	if r.set == nil {
		r.set = map[digest]struct{}{}
	}
	r.set[d] = struct{}{}
	if len(r.ring) < replayWindow {
		r.ring = append(r.ring, d)
		return true
	}
	delete(r.set, r.ring[r.next])
	r.ring[r.next] = d
	r.next = (r.next + 1) % replayWindow
	return true
}
