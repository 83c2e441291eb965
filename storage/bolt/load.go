package bolt

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/sidegate/sidegate/storage"
)

// Realms implements storage.Store.
func (s *Store) Realms(ctx context.Context) ([]storage.Realm, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, storage.ErrClosed
	}
	list := make([]storage.Realm, 0, len(s.realms))
	for name, r := range s.realms {
		if r.head.Deleted {
			continue
		}
		entry, err := storage.NewRealm(name, r.head.Meta, r.settings)
		if err != nil {
			return nil, err
		}
		list = append(list, entry)
	}
	slices.SortFunc(list, func(a, b storage.Realm) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

// Load implements storage.Store.
func (s *Store) Load(ctx context.Context, name string, revision int64) (*storage.State, error) {
	r, err := s.find(ctx, name)
	if err != nil {
		return nil, err
	}
	if r == nil || r.head.Deleted {
		return nil, notFound(name)
	}
	load := func() (*storage.Snapshot, error) { return s.old(name, revision) }
	if revision == 0 || revision == r.head.Meta.Revision {
		load = func() (*storage.Snapshot, error) { return s.current(name, r) }
	}
	snapshot, err := load()
	if err != nil {
		return nil, err
	}
	return snapshot.State(), nil
}

// current returns the current snapshot of a realm, from memory once it is there.
func (s *Store) current(name string, r *realm) (*storage.Snapshot, error) {
	if r.current != nil {
		return r.current, nil
	}
	var snapshot *storage.Snapshot
	err := s.view(func(tx *bbolt.Tx) error {
		reader, err := newReader(tx, name)
		if err != nil {
			return err
		}
		snapshot, err = reader.snapshot(reader.head.Meta.Revision)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// A commit in between has put a later one there.
	if s.realms[name] == r {
		loaded := *r
		loaded.current = snapshot
		s.realms[name] = &loaded
	}
	return snapshot, nil
}

// old reads a revision from the file.
func (s *Store) old(name string, revision int64) (*storage.Snapshot, error) {
	var snapshot *storage.Snapshot
	err := s.view(func(tx *bbolt.Tx) error {
		r, err := newReader(tx, name)
		if err != nil {
			return err
		}
		if revision < r.head.Oldest || revision > r.head.Meta.Revision {
			return fmt.Errorf("%w: realm %q keeps %d to %d, not %d",
				storage.ErrRevisionNotFound, name, r.head.Oldest, r.head.Meta.Revision, revision)
		}
		snapshot, err = r.snapshot(revision)
		return err
	})
	return snapshot, err
}

// History implements storage.Store.
func (s *Store) History(ctx context.Context, name string, before int64, limit int) ([]storage.Meta, error) {
	if err := storage.CheckHistory(before, limit); err != nil {
		return nil, err
	}
	known, err := s.find(ctx, name)
	if err != nil {
		return nil, err
	}
	if known == nil {
		return nil, notFound(name)
	}
	var list []storage.Meta
	err = s.view(func(tx *bbolt.Tx) error {
		r, err := newReader(tx, name)
		if err != nil {
			return err
		}
		list, err = r.history(before, limit)
		return err
	})
	return list, err
}

func (r *reader) history(before int64, limit int) ([]storage.Meta, error) {
	from := r.head.Meta.Revision
	if before > 0 {
		from = min(from, before-1)
	}
	var list []storage.Meta
	for n := from; n >= r.head.Oldest && len(list) < limit; n-- {
		rev, err := r.revision(n)
		if err != nil {
			return nil, err
		}
		list = append(list, rev.Meta)
	}
	return list, nil
}
