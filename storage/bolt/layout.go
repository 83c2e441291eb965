package bolt

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/sidegate/sidegate/storage"
	"github.com/sidegate/sidegate/storage/internal/record"
)

// Buckets and keys of the file. The "store" bucket is small enough to lie in the
// root page, and must stay so: see the package documentation.
var (
	storeBucket     = []byte("store")
	headsBucket     = []byte("heads")
	revisionsBucket = []byte("revisions")
	itemsBucket     = []byte("items")
	formatKey       = []byte("format")
	rootKey         = []byte("root")
)

// initialize lays out a new file.
func initialize(tx *bbolt.Tx) error {
	for _, name := range [][]byte{storeBucket, headsBucket, revisionsBucket, itemsBucket} {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	if err := tx.Bucket(storeBucket).Put(formatKey, record.EncodeFormat()); err != nil {
		return err
	}
	return putRoot(tx, record.Digest{})
}

// putRoot ends every transaction that writes.
func putRoot(tx *bbolt.Tx, heads record.Digest) error {
	b, err := bucket(tx, storeBucket)
	if err != nil {
		return err
	}
	return b.Put(rootKey, record.Root{Transaction: int64(tx.ID()), Heads: heads}.Encode())
}

// bucket returns a bucket that must be there.
func bucket(tx *bbolt.Tx, names ...[]byte) (*bbolt.Bucket, error) {
	b := tx.Bucket(names[0])
	for _, name := range names[1:] {
		if b != nil {
			b = b.Bucket(name)
		}
	}
	if b == nil {
		return nil, &storage.CorruptError{Record: fmt.Sprintf("bucket %q", bytes.Join(names, []byte("/"))), Problem: "it is missing"}
	}
	return b, nil
}

func revisionKey(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

// readHeads reads all heads when the file is opened, and compares them with the
// root record of the last commit.
func (s *Store) readHeads(tx *bbolt.Tx) error {
	b, err := bucket(tx, storeBucket)
	if err != nil {
		return err
	}
	if err := record.CheckFormat(b.Get(formatKey)); err != nil {
		return err
	}
	root, err := record.DecodeRoot(int64(tx.ID()), b.Get(rootKey))
	if err != nil {
		return err
	}
	heads, err := bucket(tx, headsBucket)
	if err != nil {
		return err
	}
	err = heads.ForEach(func(name, encoded []byte) error {
		s.digest.Toggle(encoded)
		return s.readHead(tx, string(name), bytes.Clone(encoded))
	})
	if err == nil && s.digest != root.Heads {
		err = &storage.CorruptError{Record: "root record", Problem: "it does not match the heads of the realms"}
	}
	return err
}

func (s *Store) readHead(tx *bbolt.Tx, name string, encoded []byte) error {
	head, err := record.DecodeHead(name, encoded)
	if err != nil {
		return err
	}
	r := &realm{head: head, encoded: encoded}
	if !head.Deleted {
		items, err := bucket(tx, itemsBucket, []byte(name))
		if err != nil {
			return err
		}
		e := record.Entry{Hash: head.Settings, Stamp: record.Stamp{Time: head.Meta.Time, Author: head.Meta.Author}}
		if r.settings, err = record.DecodeItem(name, e, items.Get(head.Settings[:])); err != nil {
			return err
		}
	}
	s.realms[name] = r
	return nil
}

// reader reads one realm within a transaction.
type reader struct {
	realm            string
	head             *record.Head
	revisions, items *bbolt.Bucket
}

// newReader answers storage.ErrRealmNotFound when the realm is not there at the
// time of the transaction.
func newReader(tx *bbolt.Tx, realm string) (*reader, error) {
	heads, err := bucket(tx, headsBucket)
	if err != nil {
		return nil, err
	}
	head, err := record.DecodeHead(realm, heads.Get([]byte(realm)))
	if err != nil {
		return nil, err
	}
	if head.Deleted {
		return nil, notFound(realm)
	}
	r := &reader{realm: realm, head: head}
	if r.revisions, err = bucket(tx, revisionsBucket, []byte(realm)); err != nil {
		return nil, err
	}
	r.items, err = bucket(tx, itemsBucket, []byte(realm))
	return r, err
}

func notFound(realm string) error { return fmt.Errorf("%w: %q", storage.ErrRealmNotFound, realm) }

func (r *reader) revision(n int64) (*record.Revision, error) {
	return record.DecodeRevision(r.realm, n, r.revisions.Get(revisionKey(n)))
}

// list makes up the list of a revision from its base on.
func (r *reader) list(n int64) (storage.Meta, []record.Entry, error) {
	last, err := r.revision(n)
	if err != nil {
		return storage.Meta{}, nil, err
	}
	var list, space []record.Entry
	for k := last.Base; k < n; k++ {
		rev, err := r.revision(k)
		if err != nil {
			return storage.Meta{}, nil, err
		}
		next, err := rev.Apply(r.realm, list, space)
		if err != nil {
			return storage.Meta{}, nil, err
		}
		list, space = next, list
	}
	list, err = last.Apply(r.realm, list, space)
	return last.Meta, list, err
}

// snapshot reads a revision with all its items.
func (r *reader) snapshot(n int64) (*storage.Snapshot, error) {
	meta, list, err := r.list(n)
	if err != nil {
		return nil, err
	}
	items := make([]*storage.Item, len(list))
	for i, e := range list {
		if items[i], err = record.DecodeItem(r.realm, e, r.items.Get(e.Hash[:])); err != nil {
			return nil, err
		}
	}
	return storage.NewSnapshot(r.realm, meta, items)
}
