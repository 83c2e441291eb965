package service

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/sidegate/sidegate/internal/decisionlog"
)

// logToken is what a page token of the log belongs to.
type logToken struct{ list, realm, filter string }

// logTokenVersion is the first byte of a token.
const logTokenVersion = 1

func (t logToken) format(at decisionlog.Cursor) string {
	text := at.String()
	if text == "" {
		return ""
	}
	b := append([]byte{logTokenVersion}, text...)
	return base64.RawURLEncoding.EncodeToString(append(b, t.checksum(b)...))
}

// checksum tells tokens of different lists and filters apart. It is no secret:
// whoever may list may list everything.
func (t logToken) checksum(b []byte) []byte {
	zero := []byte{0}
	sum := sha256.Sum256(slices.Concat([]byte(t.list), zero, []byte(t.realm), zero, []byte(t.filter), zero, b))
	return sum[:checksumBytes]
}

func (t logToken) parse(token string) (at decisionlog.Cursor, _ error) {
	if token == "" {
		return at, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(token) > maxToken || len(raw) < 1+checksumBytes {
		return at, invalidLogToken()
	}
	b, sum := raw[:len(raw)-checksumBytes], raw[len(raw)-checksumBytes:]
	if b[0] != logTokenVersion || !slices.Equal(sum, t.checksum(b)) {
		return at, invalidLogToken()
	}
	if at, err = decisionlog.ParseCursor(string(b[1:])); err != nil {
		return at, invalidLogToken()
	}
	return at, nil
}

func invalidLogToken() *refusal {
	return invalidAt("/pageToken",
		"the token is none of this list with this filter; leave it out to begin with the first page, or repeat the filter")
}

// maxPageBytes bounds a page of the log: callers take 4 MiB unless told otherwise.
const maxPageBytes = 3 << 20

// bounded reads a page of at most n items and maxPageBytes, but one item at least.
func bounded[M proto.Message](n int, list func(n int) ([]M, decisionlog.Cursor, error)) ([]M, decisionlog.Cursor, error) {
	for {
		items, next, err := list(n)
		if err != nil {
			return nil, next, err
		}
		fit := fitting(items)
		if fit == len(items) {
			return items, next, nil
		}
		n = max(fit, 1)
	}
}

// fitting is how many of the first items a page has room for.
func fitting[M proto.Message](items []M) int {
	size := 0
	for i, item := range items {
		if size += proto.Size(item); size > maxPageBytes && i > 0 {
			return i
		}
	}
	return len(items)
}
