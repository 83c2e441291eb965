package service

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/sidegate/sidegate/storage"
)

const (
	defaultPage = 50
	maxPage     = 500
)

func pageSize(size int32) (int, error) {
	switch {
	case size == 0:
		return defaultPage, nil
	case size < 0 || size > maxPage:
		return 0, invalidAt("/pageSize", "is %d, expected 1 to %d", size, maxPage)
	}
	return int(size), nil
}

// cursor is where a page begins.
type cursor struct {
	// list, realm and query are what is listed; a token is good for these alone.
	list, realm, query string
	revision           int64
	offset             int
	// rest says which realms are yet to come.
	rest string
}

// queryText is what a list was asked for besides the page.
func queryText(search, filter, orderBy string) string {
	return fmt.Sprintf("%q %q %q", search, filter, orderBy)
}

// cursorVersion is the first byte of a token.
const cursorVersion = 2

// checksumBytes tell a token from other text, and one list's from another's. They
// are no secret: whoever may list may list everything.
const checksumBytes = 8

func (c *cursor) token() string {
	b := []byte{cursorVersion}
	b = binary.AppendVarint(b, c.revision)
	b = binary.AppendUvarint(b, uint64(c.offset))
	b = append(b, c.rest...)
	return base64.RawURLEncoding.EncodeToString(append(b, c.checksum(b)...))
}

func (c *cursor) checksum(b []byte) []byte {
	sum := sha256.Sum256(slices.Concat(fmt.Appendf(nil, "%q %q %q\n", c.list, c.realm, c.query), b))
	return sum[:checksumBytes]
}

// maxToken is the greatest length of a token: as many realms as are listed by
// time, and room.
const maxToken = (maxTimed*markBytes + 64) * 4 / 3

// parse takes over where a page begins. No token is the first page, which leaves
// everything as it is.
func (c *cursor) parse(token string) error {
	if token == "" {
		return nil
	}
	if len(token) > maxToken {
		return invalidToken()
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) < 1+checksumBytes {
		return invalidToken()
	}
	b, sum := raw[:len(raw)-checksumBytes], raw[len(raw)-checksumBytes:]
	if b[0] != cursorVersion || !slices.Equal(sum, c.checksum(b)) {
		return invalidToken()
	}
	b = b[1:]
	revision, n := binary.Varint(b)
	if n <= 0 {
		return invalidToken()
	}
	offset, m := binary.Uvarint(b[n:])
	if m <= 0 || offset > storage.MaxItems*2 {
		return invalidToken()
	}
	c.revision, c.offset, c.rest = revision, int(offset), string(b[n+m:])
	return nil
}

func invalidToken() *refusal {
	return invalidAt("/pageToken", "the token is none of this list, search, filter and order; "+
		"send them as for the first page, or leave the token out to begin again")
}
