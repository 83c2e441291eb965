package bolt

import (
	"context"
	"time"

	"go.etcd.io/bbolt"

	"github.com/sidegate/sidegate/storage"
	"github.com/sidegate/sidegate/storage/internal/record"
)

// Commit implements storage.Store.
func (s *Store) Commit(ctx context.Context, c storage.Change) (storage.Meta, error) {
	s.commit.Lock()
	defer s.commit.Unlock()
	before, err := s.find(ctx, c.Realm)
	if err != nil {
		return storage.Meta{}, err
	}
	if s.failed != nil {
		return storage.Meta{}, s.failed
	}
	parent, last, err := s.parent(c.Realm, before)
	if err != nil {
		return storage.Meta{}, err
	}
	next, err := storage.Prepare(parent, last, c)
	if err != nil {
		return storage.Meta{}, err
	}
	if next == parent {
		return parent.Meta(), nil
	}
	w := &write{realm: c.Realm, before: before, parent: parent, next: next, remove: c.Delete, digest: s.digest}
	if err := s.update(w.run); err != nil {
		return storage.Meta{}, err
	}
	s.take(w)
	return next.Meta(), nil
}

// parent is what a commit builds on: the current snapshot, nil when the realm is
// not there, and the last revision that the name had.
func (s *Store) parent(name string, r *realm) (*storage.Snapshot, int64, error) {
	if r == nil {
		return nil, 0, nil
	}
	if r.head.Deleted {
		return nil, r.head.Meta.Revision, nil
	}
	current, err := s.current(name, r)
	return current, r.head.Meta.Revision, err
}

// take makes a durable write the current state and announces it.
func (s *Store) take(w *write) {
	s.digest = w.digest
	s.mu.Lock()
	s.realms[w.realm] = &w.after
	s.mu.Unlock()
	s.hub.Publish(storage.Head{Realm: w.realm, Revision: w.next.Meta().Revision, Deleted: w.remove})
}

// write is one commit on its way into the file.
type write struct {
	realm        string
	before       *realm
	parent, next *storage.Snapshot
	remove       bool
	// digest is that of all heads, at first without the write.
	digest record.Digest
	// after is what the write makes of the realm.
	after realm
}

// run is the transaction.
func (w *write) run(tx *bbolt.Tx) error {
	store := w.store
	if w.remove {
		store = w.delete
	}
	head, err := store(tx)
	if err != nil {
		return err
	}
	w.after.head, w.after.encoded = head, head.Encode(w.realm)
	heads, err := bucket(tx, headsBucket)
	if err != nil {
		return err
	}
	if err := heads.Put([]byte(w.realm), w.after.encoded); err != nil {
		return err
	}
	if w.before != nil {
		w.digest.Toggle(w.before.encoded)
	}
	w.digest.Toggle(w.after.encoded)
	return putRoot(tx, w.digest)
}

// delete removes everything of the realm but its head.
func (w *write) delete(tx *bbolt.Tx) (*record.Head, error) {
	for _, parent := range [][]byte{revisionsBucket, itemsBucket} {
		b, err := bucket(tx, parent)
		if err != nil {
			return nil, err
		}
		if err := b.DeleteBucket([]byte(w.realm)); err != nil {
			return nil, err
		}
	}
	return &record.Head{Meta: w.next.Meta(), Deleted: true}, nil
}

// store writes the new revision and removes what retention no longer keeps.
func (w *write) store(tx *bbolt.Tx) (*record.Head, error) {
	r, err := w.reader(tx)
	if err != nil {
		return nil, err
	}
	meta, items := w.next.Meta(), w.next.Items()
	rev, added := record.Diff(w.parent, w.next, r.head.Base)
	r.head.Meta, r.head.Base, r.head.Settings = meta, rev.Base, items[0].Hash()
	if err := r.revisions.Put(revisionKey(meta.Revision), rev.Encode(w.realm)); err != nil {
		return nil, err
	}
	for _, i := range added {
		hash := i.Hash()
		if err := r.items.Put(hash[:], record.EncodeItem(i, meta.Revision)); err != nil {
			return nil, err
		}
	}
	w.after.current, w.after.settings = w.next, items[0]
	return r.head, r.prune(w.next)
}

// reader opens the realm for writing, and makes its buckets when it is new.
func (w *write) reader(tx *bbolt.Tx) (*reader, error) {
	if w.parent != nil {
		return newReader(tx, w.realm)
	}
	first := w.next.Meta().Revision
	r := &reader{realm: w.realm, head: &record.Head{Oldest: first, First: first, Base: first}}
	var err error
	if r.revisions, err = create(tx, revisionsBucket, w.realm); err != nil {
		return nil, err
	}
	r.items, err = create(tx, itemsBucket, w.realm)
	return r, err
}

func create(tx *bbolt.Tx, parent []byte, realm string) (*bbolt.Bucket, error) {
	b, err := bucket(tx, parent)
	if err != nil {
		return nil, err
	}
	return b.CreateBucket([]byte(realm))
}

// prune removes the revisions that retention no longer keeps once next is
// written, and the items that stood in no later one.
func (r *reader) prune(next *storage.Snapshot) error {
	oldest, err := storage.Oldest(next, r.head.Oldest, func(n int64) (time.Time, error) {
		rev, err := r.revision(n)
		if err != nil {
			return time.Time{}, err
		}
		return rev.Meta.Time, nil
	})
	if err != nil {
		return err
	}
	if oldest == r.head.Oldest {
		return nil
	}
	for ; r.head.Oldest < oldest; r.head.Oldest++ {
		if err := r.dropItems(r.head.Oldest); err != nil {
			return err
		}
	}
	return r.dropRevisions()
}

// dropItems removes the items that stand in revision n, the oldest kept so far,
// and in no later one: those that its child removed and none brought back.
func (r *reader) dropItems(n int64) error {
	child, err := r.revision(n + 1)
	if err != nil {
		return err
	}
	for _, hash := range child.Removed {
		added, err := record.Added(r.realm, hash, r.items.Get(hash[:]))
		if err != nil {
			return err
		}
		if added > n {
			continue
		}
		if err := r.items.Delete(hash[:]); err != nil {
			return err
		}
	}
	return nil
}

// dropRevisions removes the records before the base of the oldest revision kept.
func (r *reader) dropRevisions() error {
	oldest, err := r.revision(r.head.Oldest)
	if err != nil {
		return err
	}
	for ; r.head.First < oldest.Base; r.head.First++ {
		if err := r.revisions.Delete(revisionKey(r.head.First)); err != nil {
			return err
		}
	}
	return nil
}
