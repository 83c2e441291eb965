package service

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/policydiff"
	"github.com/sidegate/sidegate/storage"
)

// revisions implements pb.RevisionServiceServer. It reads the store: what is in
// force may be damaged, and older revisions good.
type revisions struct {
	pb.UnimplementedRevisionServiceServer
	*Services
}

// GetRevision returns a revision with its whole content.
func (r *revisions) GetRevision(ctx context.Context, req *pb.GetRevisionRequest) (*pb.GetRevisionResponse, error) {
	out, err := r.get(ctx, req.GetRealm(), req.GetRevision())
	if err != nil {
		return nil, r.statusOf(err)
	}
	sendETag(ctx, out.GetEtag())
	return &pb.GetRevisionResponse{Document: out}, nil
}

func (r *revisions) get(ctx context.Context, realm string, revision int64) (*pb.Revision, error) {
	then, err := r.past(ctx, realm, revision, nil)
	if err != nil {
		return nil, err
	}
	now, err := r.head(ctx, realm)
	if err != nil {
		return nil, err
	}
	return then.whole(now.Revision), nil
}

// DiffRevisions tells what a revision has that another has not.
func (r *revisions) DiffRevisions(ctx context.Context, req *pb.DiffRevisionsRequest) (*pb.DiffRevisionsResponse, error) {
	out, err := r.diff(ctx, req)
	if err != nil {
		return nil, r.statusOf(err)
	}
	sendETag(ctx, revisionTag(out.GetRevision()))
	return out, nil
}

func (r *revisions) diff(ctx context.Context, req *pb.DiffRevisionsRequest) (*pb.DiffRevisionsResponse, error) {
	other := req.GetOther()
	if r.realms.get(req.GetRealm()) == nil {
		return nil, realmNotFound(req.GetRealm())
	}
	if other < 0 {
		return nil, invalidAt("/other", "is %d, expected a revision, or 0 for the parent", other)
	}
	after, err := r.past(ctx, req.GetRealm(), req.GetRevision(), nil)
	if err != nil {
		return nil, err
	}
	if other == 0 {
		other = after.meta.Parent
	}
	before := &snapshot{} // a revision without parent came from the empty realm
	if other != 0 {
		if before, err = r.past(ctx, req.GetRealm(), other, after); err != nil {
			return nil, err
		}
	}
	changes, err := policydiff.Between(before.compared(), after.compared())
	if err != nil {
		return nil, fmt.Errorf("diff revisions %d and %d of realm %q: %w", other, after.meta.Revision, after.realm, err)
	}
	return &pb.DiffRevisionsResponse{Revision: after.meta.Revision, Other: other, Changes: changes}, nil
}

func (s *snapshot) compared() policydiff.Realm {
	set := s.set()
	return policydiff.Realm{Settings: s.settings, Profiles: set.GetProfiles(), Policies: set.GetPolicies()}
}

// past reads a revision, which is not compiled. Documents that it has in common
// with another, if one is given, are shared.
func (s *Services) past(ctx context.Context, realm string, revision int64, like *snapshot) (*snapshot, error) {
	now := s.realms.get(realm)
	switch {
	case now == nil:
		return nil, realmNotFound(realm)
	case revision < 1:
		return nil, invalidAt("/revision", "is %d, expected a revision of 1 or more", revision)
	case like == nil:
		like = now
	}
	state, err := s.store.Load(ctx, realm, revision)
	var c content
	if err == nil {
		c, err = contentOf(state, like)
	}
	if err != nil {
		return nil, s.unreadable(ctx, realm, revision, err)
	}
	return &snapshot{realm: realm, meta: state.Meta, content: c}, nil
}

// head tells of the revision that is in force.
func (s *Services) head(ctx context.Context, realm string) (storage.Meta, error) {
	metas, err := s.store.History(ctx, realm, 0, 1)
	if err == nil && len(metas) == 0 {
		err = fmt.Errorf("%w: realm %q has no revision", storage.ErrCorrupt, realm)
	}
	if err != nil {
		return storage.Meta{}, s.unreadable(ctx, realm, 0, err)
	}
	return metas[0], nil
}

// unreadable says why a revision cannot be told of; 0 is the history itself. What
// the store says of its damage is for the log alone.
func (s *Services) unreadable(ctx context.Context, realm string, revision int64, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, storage.ErrRealmNotFound):
		return realmNotFound(realm)
	case errors.Is(err, storage.ErrRevisionNotFound):
		return revisionNotFound(realm, revision)
	}
	s.log.Error("revision cannot be read", zap.String("realm", realm), zap.Int64("revision", revision), zap.Error(err))
	what := fmt.Sprintf("revision %d of realm %q", revision, realm)
	if revision == 0 {
		what = fmt.Sprintf("the history of realm %q", realm)
	}
	if errors.Is(err, storage.ErrCorrupt) {
		return fmt.Errorf("%w: %w", refuse(pb.ErrorReason_ERROR_REASON_STORAGE,
			"%s is damaged in the store; restore the store from a backup; the server's log says what is damaged", what), err)
	}
	return fmt.Errorf("%w: %w", refuse(pb.ErrorReason_ERROR_REASON_STORAGE,
		"%s cannot be read from the store; try again, the server's log says why", what), err)
}

func revisionNotFound(realm string, revision int64) *refusal {
	return refuse(pb.ErrorReason_ERROR_REASON_REVISION_NOT_FOUND,
		"revision %d of realm %q never was or is no longer kept; list the revisions that are", revision, realm)
}

// told is a revision without content.
func told(meta storage.Meta, current int64) *pb.Revision {
	return &pb.Revision{
		Revision: meta.Revision, Parent: meta.Parent, UpdateTime: timestamppb.New(meta.Time), Author: meta.Author,
		Surface: meta.Surface, Comment: meta.Comment, Current: meta.Revision == current, Etag: revisionTag(meta.Revision),
	}
}

// whole is a revision with its content, which is shared.
func (s *snapshot) whole(current int64) *pb.Revision {
	d := told(s.meta, current)
	d.PolicySet, d.Settings = answerSet(s, nil), s.settings
	return d
}
