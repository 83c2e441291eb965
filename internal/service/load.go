package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/sidegate/sidegate/storage"
)

// retryEvery is how often realms are tried again that could not be loaded.
const retryEvery = 5 * time.Second

// loadAll fills the index at start.
func (s *Services) loadAll(ctx context.Context) error {
	list, err := s.store.Realms(ctx)
	if err != nil {
		return fmt.Errorf("list realms: %w", err)
	}
	snapshots := make([]*snapshot, 0, len(list))
	for _, r := range list {
		snap, err := s.load(ctx, r.Name, &snapshot{realm: r.Name, meta: r.Meta, content: content{settings: r.Settings}})
		if err != nil {
			return err
		}
		if snap != nil {
			snapshots = append(snapshots, snap)
		}
	}
	s.realms.fill(snapshots)
	return nil
}

// load makes the current snapshot of a realm from the store, or nil when there is
// none. Before is what was known of it, or nil. A realm that cannot be used gives
// a faulty snapshot; the error is that of the context alone.
func (s *Services) load(ctx context.Context, name string, before *snapshot) (*snapshot, error) {
	state, err := s.store.Load(ctx, name, 0)
	var c content
	if err == nil {
		c, err = contentOf(state, before)
	}
	switch {
	case err == nil:
		return s.compile(&snapshot{realm: name, meta: state.Meta, content: c}), nil
	case errors.Is(err, storage.ErrRealmNotFound):
		return nil, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	snap := &snapshot{realm: name, compiled: s.broken, fault: &fault{
		problems: []violation{{problem: err.Error()}}, cause: err, retry: !errors.Is(err, storage.ErrCorrupt),
	}}
	if before != nil {
		snap.meta, snap.settings = before.meta, before.settings
	}
	if before == nil || before.fault == nil || before.fault.cause == nil {
		s.report(name, snap.meta.Revision, snap.fault)
	}
	return snap, nil
}

// compile makes a snapshot answer events. Unknown configuration keys do not keep
// it from that: they came through the Keycloak surface.
func (s *Services) compile(snap *snapshot) *snapshot {
	set := snap.set()
	realm, problems := s.compiler.Compile(set, snap.settings)
	if realm != nil {
		snap.compiled = realm
		return snap
	}
	f := &fault{}
	for _, p := range problems {
		if !p.UnknownKey {
			f.problems = append(f.problems, namedItem(p, set))
		}
	}
	snap.compiled, snap.fault = s.broken, f
	s.report(snap.realm, snap.meta.Revision, f)
	return snap
}

// reload takes over what the store has. The caller holds the entry.
func (s *Services) reload(ctx context.Context, e *entry) error {
	snap, err := s.load(ctx, e.name, e.current.Load())
	if err != nil {
		return err
	}
	e.current.Store(snap)
	return nil
}

// follow takes over the commits of other processes until ctx is done.
func (s *Services) follow(ctx context.Context, heads <-chan storage.Head) {
	ticker := time.NewTicker(retryEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case head, open := <-heads:
			if !open {
				heads = nil
				if ctx.Err() == nil {
					s.log.Error("the store no longer tells of changes: those of other processes go unnoticed until a restart")
				}
				continue
			}
			s.notice(ctx, head.Realm, func(now *snapshot) bool { return now == nil || now.meta.Revision < head.Revision })
		case <-ticker.C:
			s.retry(ctx)
		}
	}
}

// retry loads realms again that the store could not give before.
func (s *Services) retry(ctx context.Context) {
	again := func(now *snapshot) bool { return now != nil && now.fault != nil && now.fault.retry }
	for _, snap := range s.realms.all() {
		if again(snap) {
			s.notice(ctx, snap.realm, again)
		}
	}
}

// notice reloads a realm when it is out of date. Own commits are not: they are
// swapped in before the entry is let go.
func (s *Services) notice(ctx context.Context, name string, stale func(*snapshot) bool) {
	e, err := s.realms.lock(ctx, name)
	if err != nil {
		return // the services are closed
	}
	defer s.realms.unlock(e)
	if now := e.current.Load(); !stale(now) {
		return
	}
	if err := s.reload(ctx, e); err != nil {
		return // the services are closed
	}
	if now := e.current.Load(); now != nil && now.fault == nil {
		s.log.Info("realm loaded", zap.String("realm", name), zap.Int64("revision", now.meta.Revision))
	}
}
