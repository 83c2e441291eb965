package record

import (
	"crypto/sha256"
	"fmt"

	"github.com/sidegate/sidegate/storage"
)

// Head is the record of a realm, or what is left of a deleted one, so that its
// revisions count on when the name comes back.
type Head struct {
	// Meta of the current revision, or of the deletion.
	Meta storage.Meta
	// Deleted tells that nothing but this record is left.
	Deleted bool
	// Oldest is the oldest revision kept.
	Oldest int64
	// First is the oldest revision whose record is there: the base of Oldest.
	First int64
	// Base is the base of the current revision.
	Base int64
	// Settings is the item with the current settings.
	Settings storage.Hash
}

func headName(realm string) string { return fmt.Sprintf("head of realm %q", realm) }

// Encode writes the record.
func (h *Head) Encode(realm string) []byte {
	w := &writer{}
	w.meta(h.Meta)
	if h.Deleted {
		w.number(1)
		return w.seal(headName(realm))
	}
	w.number(0)
	w.number(h.Oldest)
	w.number(h.First)
	w.number(h.Base)
	w.hash(h.Settings)
	return w.seal(headName(realm))
}

// DecodeHead reads the record of a realm.
func DecodeHead(realm string, b []byte) (*Head, error) {
	name := headName(realm)
	r, err := open(name, b)
	if err != nil {
		return nil, err
	}
	h := &Head{Meta: r.meta()}
	switch r.number() {
	case 0:
		h.Oldest, h.First, h.Base, h.Settings = r.number(), r.number(), r.number(), r.hash()
	case 1:
		h.Deleted = true
	default:
		r.fail(errRange)
	}
	if err := r.done(name); err != nil {
		return nil, err
	}
	current := h.Meta.Revision
	ordered := 1 <= h.First && h.First <= h.Oldest && h.Oldest <= current && h.First <= h.Base && h.Base <= current
	if current < 1 || !h.Deleted && !ordered {
		return nil, corrupt(name, "its numbers contradict each other")
	}
	return h, nil
}

// Digest stands for all heads of a store: the exclusive or of the hashes of
// their records. It tells whether the heads are those of the last commit.
type Digest [sha256.Size]byte

// Toggle adds the record of a head, or takes it out again.
func (d *Digest) Toggle(head []byte) {
	sum := sha256.Sum256(head)
	for i := range d {
		d[i] ^= sum[i]
	}
}

// Root is the record over all heads, written with every commit.
type Root struct {
	// Transaction is the driver's number of the commit.
	Transaction int64
	// Heads are the heads as of the commit.
	Heads Digest
}

const rootName = "root record"

// Encode writes the record.
func (r Root) Encode() []byte {
	w := &writer{}
	w.number(r.Transaction)
	w.hash(storage.Hash(r.Heads))
	return w.seal(rootName)
}

// DecodeRoot reads the record, which must be that of the driver's last commit.
func DecodeRoot(transaction int64, b []byte) (Root, error) {
	rd, err := open(rootName, b)
	if err != nil {
		return Root{}, err
	}
	r := Root{Transaction: rd.number(), Heads: Digest(rd.hash())}
	if err := rd.done(rootName); err != nil {
		return Root{}, err
	}
	if r.Transaction != transaction {
		return Root{}, corrupt(rootName, fmt.Sprintf("it is of transaction %d, the last one is %d", r.Transaction, transaction))
	}
	return r, nil
}

// formatName is the name of the record of the format, the same in all formats.
const formatName = "format record"

// EncodeFormat writes the record of the format.
func EncodeFormat() []byte {
	w := &writer{}
	w.number(Format)
	return w.seal(formatName)
}

// CheckFormat reads the record of the format and refuses any other than Format.
func CheckFormat(b []byte) error {
	r, err := open(formatName, b)
	if err != nil {
		return err
	}
	if n := r.number(); r.err == nil && n != Format {
		return fmt.Errorf("%w: the store has format %d, this version reads format %d; use the version that wrote it, or one after it",
			storage.ErrFormat, n, Format)
	}
	return r.done(formatName)
}
