package service

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/storage"
)

const (
	defaultPage = 50
	maxPage     = 500
)

// page is a part of a list.
type page[D document] struct {
	items    []D
	next     string
	total    int32
	revision int64
}

// listItems returns a page. The first one is of the current revision, the others
// of the revision that the first one was of, so that no write shifts them.
func listItems[D document](ctx context.Context, s *Services, k *kind[D], realm string, size int32, token string) (*page[D], error) {
	n, err := pageSize(size)
	if err != nil {
		return nil, err
	}
	now, err := s.readable(realm)
	if err != nil {
		return nil, err
	}
	at := cursor{list: k.list, realm: realm, revision: now.meta.Revision}
	if token != "" {
		if at, err = parseCursor(token, k.list, realm); err != nil {
			return nil, err
		}
	}
	own, err := ownItems(ctx, s, k, now, at.revision)
	if err != nil {
		return nil, err
	}
	all := k.arranged(own, k.globals(s.globals))
	if at.offset > all.len {
		return nil, invalidToken()
	}
	end := min(at.offset+n, all.len)
	p := &page[D]{total: int32(all.len), revision: at.revision, items: make([]D, 0, end-at.offset)}
	for i := at.offset; i < end; i++ {
		d, err := all.at(i)
		if err != nil {
			return nil, storeError(ctx, err)
		}
		p.items = append(p.items, d)
	}
	if end < all.len {
		at.offset = end
		p.next = at.token()
	}
	sendETag(ctx, revisionTag(at.revision))
	return p, nil
}

// series are documents in order; those of an old revision are decoded when they
// are asked for.
type series[D document] struct {
	len int
	at  func(i int) (D, error)
}

func seriesOf[D document](list []*kept[D]) series[D] {
	return series[D]{len(list), func(i int) (D, error) { return list[i].doc, nil }}
}

// ownItems are the realm's own documents at a revision.
func ownItems[D document](ctx context.Context, s *Services, k *kind[D], now *snapshot, revision int64) (series[D], error) {
	if revision == now.meta.Revision {
		return seriesOf(*k.of(&now.content)), nil
	}
	then, err := s.store.Load(ctx, now.realm, revision)
	switch {
	case errors.Is(err, storage.ErrRevisionNotFound):
		return series[D]{}, refuse(pb.ErrorReason_ERROR_REASON_PAGE_EXPIRED,
			"the list was of revision %d, which is no longer kept; begin with the first page again", revision)
	case err != nil:
		return series[D]{}, storeError(ctx, err)
	}
	items := k.items(then)
	return series[D]{len(items), func(i int) (none D, _ error) {
		kd, err := k.restore(items[i])
		if err != nil {
			return none, err
		}
		return kd.doc, nil
	}}, nil
}

// arranged puts built-in documents where they belong.
func (k *kind[D]) arranged(own series[D], globals []*kept[D]) series[D] {
	first, second := own, seriesOf(globals)
	if k.globalFirst {
		first, second = second, first
	}
	return series[D]{first.len + second.len, func(i int) (D, error) {
		if i < first.len {
			return first.at(i)
		}
		return second.at(i - first.len)
	}}
}

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
	list, realm string
	revision    int64
	offset      int
	// after is the name that a page of realms begins after.
	after string
}

// cursorVersion is the first byte of a token.
const cursorVersion = 1

// checksumBytes tell a token from other text, and one list's from another's. They
// are no secret: whoever may list may list everything.
const checksumBytes = 8

func (c *cursor) token() string {
	b := []byte{cursorVersion}
	b = binary.AppendVarint(b, c.revision)
	b = binary.AppendUvarint(b, uint64(c.offset))
	b = append(b, c.after...)
	return base64.RawURLEncoding.EncodeToString(append(b, c.checksum(b)...))
}

func (c *cursor) checksum(b []byte) []byte {
	sum := sha256.Sum256(slices.Concat([]byte(c.list), []byte{0}, []byte(c.realm), []byte{0}, b))
	return sum[:checksumBytes]
}

// maxToken is the greatest length of a token: the longest name, and room.
const maxToken = 2048

func parseCursor(token, list, realm string) (cursor, error) {
	c := cursor{list: list, realm: realm}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(token) > maxToken || len(raw) < 1+checksumBytes {
		return c, invalidToken()
	}
	b, sum := raw[:len(raw)-checksumBytes], raw[len(raw)-checksumBytes:]
	if b[0] != cursorVersion || !slices.Equal(sum, c.checksum(b)) {
		return c, invalidToken()
	}
	b = b[1:]
	revision, n := binary.Varint(b)
	if n <= 0 {
		return c, invalidToken()
	}
	offset, m := binary.Uvarint(b[n:])
	if m <= 0 || offset > storage.MaxItems*2 {
		return c, invalidToken()
	}
	c.revision, c.offset, c.after = revision, int(offset), string(b[n+m:])
	return c, nil
}

func invalidToken() *refusal {
	return invalidAt("/pageToken", "the token is none of this list; leave it out to begin with the first page")
}
