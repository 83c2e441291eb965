package service

import (
	"context"

	"google.golang.org/protobuf/proto"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/storage"
)

// realmService implements pb.RealmServiceServer.
type realmService struct {
	pb.UnimplementedRealmServiceServer
	*Services
}

// GetRealm returns a realm. One that cannot be loaded says why.
func (r *realmService) GetRealm(ctx context.Context, req *pb.GetRealmRequest) (*pb.GetRealmResponse, error) {
	now := r.realms.get(req.GetRealm())
	if now == nil {
		return nil, r.statusOf(realmNotFound(req.GetRealm()))
	}
	sendETag(ctx, now.tag())
	return &pb.GetRealmResponse{Document: now.document()}, nil
}

// CreateRealm creates a realm without profiles and policies.
func (r *realmService) CreateRealm(ctx context.Context, req *pb.CreateRealmRequest) (*pb.CreateRealmResponse, error) {
	made, err := r.create(ctx, req)
	if err != nil {
		return nil, r.statusOf(err)
	}
	if !req.GetValidateOnly() {
		sendETag(ctx, made.tag())
	}
	return &pb.CreateRealmResponse{Document: made.document()}, nil
}

func (r *realmService) create(ctx context.Context, req *pb.CreateRealmRequest) (*snapshot, error) {
	by, err := r.writer(ctx, req.GetComment())
	if err != nil {
		return nil, err
	}
	if by.condition.match != nil || by.condition.revision != 0 {
		return nil, invalidAt("If-Match", "a realm that is to be created has neither entity tag nor revision; leave them out")
	}
	p := &proposal{checked: checker{limits: r.limits}}
	p.settings = proto.CloneOf(req.GetDocument().GetSettings())
	name := req.GetDocument().GetName()
	if problem := checkRealmName(name); problem != "" {
		p.checked.fail("/name", "%s", problem)
		return nil, invalid(p.checked.violations...)
	}
	e, err := r.realms.lock(ctx, name)
	if err != nil {
		return nil, err
	}
	defer r.realms.unlock(e)
	if e.current.Load() != nil {
		return nil, realmExists(name)
	}
	p.checked.known(req.GetDocument(), "")
	p.checked.settings(p.settings)
	none := &snapshot{realm: name}
	out, err := r.judge(none, p, by)
	if err != nil {
		return nil, err
	}
	if out.after.settings == nil {
		out.after.settings = &pb.RealmSettings{}
	}
	if req.GetValidateOnly() {
		return out.after, nil
	}
	return out.after, r.commit(ctx, e, none, out.after, by)
}

func realmExists(name string) *refusal {
	return refuse(pb.ErrorReason_ERROR_REASON_ALREADY_EXISTS, "realm %q exists; choose another name", name)
}

// UpdateRealm changes settings.
func (r *realmService) UpdateRealm(ctx context.Context, req *pb.UpdateRealmRequest) (*pb.UpdateRealmResponse, error) {
	out, err := r.write(ctx, req.GetComment(), write{
		realm: req.GetRealm(), validateOnly: req.GetValidateOnly(),
		propose: func(now *snapshot, by *caller) (*proposal, error) { return r.proposeSettings(ctx, now, by, req) },
	})
	if err != nil {
		return nil, r.statusOf(err)
	}
	if !req.GetValidateOnly() {
		sendETag(ctx, out.after.tag())
	}
	return &pb.UpdateRealmResponse{Document: out.after.document()}, nil
}

func (r *realmService) proposeSettings(ctx context.Context, now *snapshot, by *caller, req *pb.UpdateRealmRequest) (*proposal, error) {
	if err := by.condition.demanded(now.settings, "the realm"); err != nil {
		return nil, err
	}
	if err := by.condition.holds(ctx, "the realm", now.tag()); err != nil {
		return nil, err
	}
	err := r.unchangedSince(ctx, now, by.condition.revision, "the settings of the realm", func(then *storage.State) bool {
		return proto.Equal(then.Settings, now.settings)
	})
	if err != nil {
		return nil, err
	}
	p := &proposal{content: now.content, checked: checker{limits: r.limits}}
	if p.settings, err = patchSettings(now, req.GetDocument(), req.GetUpdateMask()); err != nil {
		return nil, err
	}
	p.checked.known(req.GetDocument(), "")
	p.checked.settings(p.settings)
	return p, nil
}

// DeleteRealm deletes a realm with its history.
func (r *realmService) DeleteRealm(ctx context.Context, req *pb.DeleteRealmRequest) (*pb.DeleteRealmResponse, error) {
	if err := r.delete(ctx, req); err != nil {
		return nil, r.statusOf(err)
	}
	return &pb.DeleteRealmResponse{}, nil
}

func (r *realmService) delete(ctx context.Context, req *pb.DeleteRealmRequest) error {
	by, err := r.writer(ctx, "")
	if err != nil {
		return err
	}
	if r.realms.get(req.GetRealm()) == nil {
		return realmNotFound(req.GetRealm())
	}
	e, err := r.realms.lock(ctx, req.GetRealm())
	if err != nil {
		return err
	}
	defer r.realms.unlock(e)
	return r.rebase(ctx, e, func() error { return r.attemptDelete(ctx, e, by, req) })
}

func (r *realmService) attemptDelete(ctx context.Context, e *entry, by *caller, req *pb.DeleteRealmRequest) error {
	now := e.current.Load()
	if now == nil {
		return realmNotFound(req.GetRealm())
	}
	if err := by.condition.demanded(now.settings, "the realm"); err != nil {
		return err
	}
	if err := by.condition.holds(ctx, "the realm", now.tag()); err != nil {
		return err
	}
	err := r.unchangedSince(ctx, now, by.condition.revision, "the realm", func(*storage.State) bool { return false })
	if err != nil {
		return err
	}
	// What cannot be read may hold something.
	unread := now.fault != nil && now.fault.cause != nil
	if n := len(now.profiles) + len(now.policies); (n > 0 || unread) && !req.GetForce() {
		return refuse(pb.ErrorReason_ERROR_REASON_REALM_NOT_EMPTY,
			"realm %q holds %d profiles and policies; force deletes them with it", now.realm, n)
	}
	if req.GetValidateOnly() {
		return nil
	}
	_, err = r.store.Commit(ctx, storage.Change{
		Realm: now.realm, Parent: now.meta.Revision, Delete: true,
		Author: by.author, Surface: by.surface, Comment: by.comment, Time: r.now(),
	})
	if err != nil {
		return r.commitFailed(ctx, e, err)
	}
	e.current.Store(nil)
	return nil
}
