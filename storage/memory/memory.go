// Package memory keeps a store in memory, for tests and trials. It does
// everything that a durable driver does, but is empty when it is made and gone
// when it is closed.
//
// Caveat: every revision kept has its whole list of items, 8 bytes an item; the
// items themselves are shared.
package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sidegate/sidegate/storage"
)

// Store is a storage.Store in memory.
type Store struct {
	hub storage.Hub

	mu     sync.RWMutex
	realms map[string]*realm
	closed bool
}

var _ storage.Store = (*Store)(nil)

// realm is a realm, or what is left of one: the number of its last revision.
type realm struct {
	last int64
	// kept are the revisions kept, without gaps, up to the current one; none when
	// the realm is deleted.
	kept []*storage.Snapshot
}

// New makes an empty store.
func New() *Store { return &Store{realms: map[string]*realm{}} }

// Realms implements storage.Store.
func (s *Store) Realms(ctx context.Context) ([]storage.Realm, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	list := make([]storage.Realm, 0, len(s.realms))
	for name, r := range s.realms {
		current := r.current()
		if current == nil {
			continue
		}
		entry, err := storage.NewRealm(name, current.Meta(), current.Items()[0])
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
	s.mu.RLock()
	defer s.mu.RUnlock()
	r, err := s.find(ctx, name)
	if err != nil {
		return nil, err
	}
	if revision == 0 {
		return r.current().State(), nil
	}
	if revision < r.oldest() || revision > r.last {
		return nil, fmt.Errorf("%w: realm %q keeps %d to %d, not %d", storage.ErrRevisionNotFound, name, r.oldest(), r.last, revision)
	}
	return r.at(revision).State(), nil
}

// Commit implements storage.Store.
func (s *Store) Commit(ctx context.Context, c storage.Change) (storage.Meta, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return storage.Meta{}, err
	}
	r := s.realms[c.Realm]
	if r == nil {
		r = &realm{}
	}
	current := r.current()
	next, err := storage.Prepare(current, r.last, c)
	if err != nil {
		return storage.Meta{}, err
	}
	if next == current {
		return current.Meta(), nil
	}
	after, err := r.commit(next, c.Delete)
	if err != nil {
		return storage.Meta{}, err
	}
	s.realms[c.Realm] = after
	s.hub.Publish(storage.Head{Realm: c.Realm, Revision: after.last, Deleted: c.Delete})
	return next.Meta(), nil
}

// History implements storage.Store.
func (s *Store) History(ctx context.Context, name string, before int64, limit int) ([]storage.Meta, error) {
	if err := storage.CheckHistory(before, limit); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	r, err := s.find(ctx, name)
	if err != nil {
		return nil, err
	}
	from := r.last
	if before > 0 {
		from = min(from, before-1)
	}
	var list []storage.Meta
	for n := from; n >= r.oldest() && len(list) < limit; n-- {
		list = append(list, r.at(n).Meta())
	}
	return list, nil
}

// Watch implements storage.Store.
func (s *Store) Watch(ctx context.Context) (<-chan storage.Head, error) { return s.hub.Watch(ctx) }

// Close implements storage.Store.
func (s *Store) Close() error {
	s.hub.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed, s.realms = true, nil
	return nil
}

func (s *Store) usable(ctx context.Context) error {
	if s.closed {
		return storage.ErrClosed
	}
	return ctx.Err()
}

// find returns a realm that is there.
func (s *Store) find(ctx context.Context, name string) (*realm, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	if r := s.realms[name]; r != nil && len(r.kept) > 0 {
		return r, nil
	}
	return nil, fmt.Errorf("%w: %q", storage.ErrRealmNotFound, name)
}

func (r *realm) current() *storage.Snapshot {
	if len(r.kept) == 0 {
		return nil
	}
	return r.kept[len(r.kept)-1]
}

// oldest is the oldest revision kept.
func (r *realm) oldest() int64 { return r.last - int64(len(r.kept)) + 1 }

func (r *realm) at(revision int64) *storage.Snapshot { return r.kept[revision-r.oldest()] }

// commit makes the realm as it is after the commit.
func (r *realm) commit(next *storage.Snapshot, remove bool) (*realm, error) {
	after := &realm{last: next.Meta().Revision}
	if remove {
		return after, nil
	}
	after.kept = append(slices.Clip(r.kept), next)
	oldest, err := storage.Oldest(next, after.oldest(), func(n int64) (time.Time, error) {
		return after.at(n).Meta().Time, nil
	})
	if err != nil {
		return nil, err
	}
	after.kept = slices.Clone(after.kept[oldest-after.oldest():])
	return after, nil
}
