package service

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// realms finds the snapshot of a realm. Readers take no lock; the index is copied
// when a realm comes or goes.
type realms struct {
	index atomic.Pointer[map[string]*entry]
	mu    sync.Mutex // held while the index is exchanged
}

// entry is one realm, or a place where one is being made.
type entry struct {
	name string
	// current is nil when there is no such realm.
	current atomic.Pointer[snapshot]
	// writing holds a value while somebody writes.
	writing chan struct{}
	// replay is the old revision that was replayed last.
	replay replay
}

func newRealms() *realms {
	r := &realms{}
	r.index.Store(&map[string]*entry{})
	return r
}

// get returns the current snapshot of a realm, or nil.
func (r *realms) get(name string) *snapshot {
	if e := (*r.index.Load())[name]; e != nil {
		return e.current.Load()
	}
	return nil
}

// all returns the current snapshots, sorted by name.
func (r *realms) all() []*snapshot {
	var list []*snapshot
	for _, e := range *r.index.Load() {
		if s := e.current.Load(); s != nil {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b *snapshot) int { return cmp.Compare(a.realm, b.realm) })
	return list
}

// fill puts all realms in at once, before anybody reads.
func (r *realms) fill(snapshots []*snapshot) {
	index := make(map[string]*entry, len(snapshots))
	for _, s := range snapshots {
		e := newEntry(s.realm)
		e.current.Store(s)
		index[s.realm] = e
	}
	r.index.Store(&index)
}

func newEntry(name string) *entry {
	return &entry{name: name, writing: make(chan struct{}, 1), replay: replay{turn: make(chan struct{}, 1)}}
}

// lock waits for its turn to write a realm, which need not exist. It answers a
// refusal when the deadline passes meanwhile.
func (r *realms) lock(ctx context.Context, name string) (*entry, error) {
	for {
		e := r.entry(name)
		select {
		case e.writing <- struct{}{}:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return nil, busy(name)
			}
			return nil, ctx.Err()
		}
		if (*r.index.Load())[name] == e {
			return e, nil
		}
		<-e.writing // the realm went while this waited
	}
}

// unlock lets the next one write. The place of a realm that is not there goes.
func (r *realms) unlock(e *entry) {
	if e.current.Load() == nil {
		r.exchange(func(index map[string]*entry) { delete(index, e.name) })
	}
	<-e.writing
}

// entry returns the place of a realm, and makes one when there is none.
func (r *realms) entry(name string) *entry {
	if e := (*r.index.Load())[name]; e != nil {
		return e
	}
	e := newEntry(name)
	r.exchange(func(index map[string]*entry) {
		if there := index[name]; there != nil {
			e = there
			return
		}
		index[name] = e
	})
	return e
}

func (r *realms) exchange(change func(map[string]*entry)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	index := maps.Clone(*r.index.Load())
	change(index)
	r.index.Store(&index)
}
