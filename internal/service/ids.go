package service

import (
	"crypto/rand"
	"encoding/base64"
	"sync"
)

// idBytes is the number of random bytes of a decision id.
const idBytes = 16

// randomBytes hands out random bytes; the system is asked for many at once.
type randomBytes struct {
	buf  [64 * idBytes]byte
	left int
}

var randomPool = sync.Pool{New: func() any { return &randomBytes{} }}

// newDecisionID makes an id that no other decision has: 128 random bits, base64url.
func newDecisionID() string {
	r := randomPool.Get().(*randomBytes)
	if r.left == 0 {
		rand.Read(r.buf[:]) // never fails: crypto/rand.Read ends the process instead
		r.left = len(r.buf)
	}
	var text [22]byte
	base64.RawURLEncoding.Encode(text[:], r.buf[r.left-idBytes:r.left])
	r.left -= idBytes
	randomPool.Put(r)
	return string(text[:])
}
