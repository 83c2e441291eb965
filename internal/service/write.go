package service

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/storage"
)

// maxRebase is how often a write is made again because another process was
// faster.
const maxRebase = 16

// maxPause is the longest time that is waited before a write is made again.
const maxPause = 50 * time.Millisecond

// reloadTimeout bounds the look at a commit whose caller may have gone.
const reloadTimeout = 10 * time.Second

// write is one change of a realm that exists.
type write struct {
	realm        string
	validateOnly bool
	// propose makes the content wanted from the current one, or refuses. It is
	// called again when another process has changed the realm meanwhile.
	propose func(now *snapshot, by *caller) (*proposal, error)
}

// proposal is the content that a write wants.
type proposal struct {
	content
	// at is where the document that was sent stands in the set.
	at place
	// renamed is the item that has another name now, if one has.
	renamed struct{ list, from, to string }
	// checked is what is wrong with the document that was sent, besides what the
	// compiler will find.
	checked checker
	// warnings are hints about the document that was sent.
	warnings []*pb.Warning
	// carried is the set whose unknown configuration keys may stay; nil means the
	// current one.
	carried *pb.PolicySet
}

// formerName is the name that an item had before.
func (p *proposal) formerName(list, name string) string {
	if p.renamed.list == list && p.renamed.to == name {
		return p.renamed.from
	}
	return name
}

// outcome is what a write has led to. After is current once the write is
// answered, unless nothing was to be stored.
type outcome struct {
	after    *snapshot
	warnings []*pb.Warning
}

// write carries out a change: propose, check, compile the whole realm, commit,
// swap. Nothing is stored when any of them refuses.
func (s *Services) write(ctx context.Context, comment string, w write) (*outcome, error) {
	by, err := s.writer(ctx, comment)
	if err != nil {
		return nil, err
	}
	if s.realms.get(w.realm) == nil {
		return nil, realmNotFound(w.realm)
	}
	e, err := s.realms.lock(ctx, w.realm)
	if err != nil {
		return nil, err
	}
	defer s.realms.unlock(e)
	var out *outcome
	err = s.rebase(ctx, e, func() error {
		out, err = s.attempt(ctx, e, w, by)
		return err
	})
	return out, err
}

// rebase makes a write again while another process is faster. It waits a random
// time in between, so that no process starves the other.
func (s *Services) rebase(ctx context.Context, e *entry, attempt func() error) error {
	for n := range maxRebase {
		if err := attempt(); !errors.Is(err, storage.ErrConflict) {
			return err
		}
		if err := pause(ctx, rand.N(min(time.Millisecond<<n, maxPause))); err != nil { //nolint:gosec // a pause is no secret
			return err
		}
		if err := s.reload(ctx, e); err != nil {
			return err
		}
	}
	return busy(e.name)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// attempt makes the change from the current snapshot.
func (s *Services) attempt(ctx context.Context, e *entry, w write, by *caller) (*outcome, error) {
	now := e.current.Load()
	switch {
	case now == nil:
		return nil, realmNotFound(w.realm)
	case now.fault != nil && now.fault.cause != nil:
		return nil, now.fault.err(w.realm)
	}
	p, err := w.propose(now, by)
	if err != nil {
		return nil, err
	}
	out, err := s.judge(now, p, by)
	if err != nil {
		return nil, err
	}
	if w.validateOnly {
		return out, nil
	}
	return out, s.commit(ctx, e, now, out.after, by)
}

// judge compiles the whole realm as it would be. It refuses everything that is
// wrong with it at once.
func (s *Services) judge(now *snapshot, p *proposal, by *caller) (*outcome, error) {
	if p.checked.deep {
		return nil, invalid(p.checked.violations...)
	}
	set, before := p.set(), p.carried
	if before == nil {
		before = now.set()
	}
	compiled, problems := s.compiler.Compile(set, p.settings)
	out := &outcome{after: &snapshot{realm: now.realm, meta: now.meta, compiled: compiled}, warnings: p.warnings}
	violations := p.checked.violations
	for _, problem := range problems {
		v, inside := p.at.violation(problem, set)
		// Contract of administration, section 2: unknown keys get in through the
		// Keycloak surface alone; a native write may carry them on.
		switch {
		case !problem.UnknownKey || by.surface != SurfaceKeycloak && !carriedOn(problem.Path, set, before, p.formerName):
			violations = append(violations, v)
		case inside:
			out.warnings = append(out.warnings, &pb.Warning{Path: v.field, Message: v.problem + "; it is kept and has no effect"})
		}
	}
	if len(violations) > 0 {
		return nil, invalid(violations...)
	}
	var err error
	out.after.content, err = p.finished(now)
	if err != nil {
		return nil, err
	}
	return out, s.checkSize(&out.after.content)
}

// finished is the content with all documents ready to be stored.
func (p *proposal) finished(now *snapshot) (c content, err error) {
	c.settings = p.settings
	if c.profiles, err = freshAll(profileKind, p.profiles, &now.content); err != nil {
		return c, err
	}
	c.policies, err = freshAll(policyKind, p.policies, &now.content)
	return c, err
}

// checkSize refuses a realm that could not be read and written as one set.
func (s *Services) checkSize(c *content) error {
	if n := len(c.profiles) + len(c.policies); n > storage.MaxItems {
		return refuse(pb.ErrorReason_ERROR_REASON_TOO_LARGE,
			"the realm would have %d profiles and policies, at most %d are kept", n, storage.MaxItems)
	}
	if n := c.size(); n > s.limits.DocumentBytes {
		return refuse(pb.ErrorReason_ERROR_REASON_TOO_LARGE,
			"the profiles and policies of the realm would have %d bytes, at most %d are allowed", n, s.limits.DocumentBytes)
	}
	return nil
}

// commit stores a snapshot and swaps it in.
func (s *Services) commit(ctx context.Context, e *entry, now, after *snapshot, by *caller) error {
	change := storage.Change{
		Realm: after.realm, Parent: now.meta.Revision, Content: after.stored(),
		Author: by.author, Surface: by.surface, Comment: by.comment, Time: s.now(),
	}
	meta, err := s.store.Commit(ctx, change)
	if err != nil {
		return s.commitFailed(ctx, e, err)
	}
	if after.meta = meta; meta.Revision == now.meta.Revision {
		return nil // nothing has changed, and the current snapshot stays
	}
	for _, p := range after.profiles {
		profileKind.stored(p, meta)
	}
	for _, p := range after.policies {
		policyKind.stored(p, meta)
	}
	e.current.Store(after)
	return nil
}

// commitFailed looks at what became of a commit that the store does not vouch
// for: it may have been stored after all.
func (s *Services) commitFailed(ctx context.Context, e *entry, err error) error {
	switch {
	case errors.Is(err, storage.ErrConflict), errors.Is(err, storage.ErrInvalid):
		return err
	case errors.Is(err, storage.ErrRealmExists):
		if lost := s.reload(ctx, e); lost != nil {
			return lost
		}
		return realmExists(e.name)
	case errors.Is(err, storage.ErrRealmNotFound):
		e.current.Store(nil)
		return realmNotFound(e.name)
	}
	s.log.Error("commit failed", zap.String("realm", e.name), zap.Error(err))
	patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), reloadTimeout)
	defer cancel()
	if lost := s.reload(patient, e); lost != nil {
		return errors.Join(storeError(ctx, err), lost)
	}
	return storeError(ctx, err)
}
