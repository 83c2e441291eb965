package service

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/storage"
)

// realmService implements pb.RealmServiceServer.
type realmService struct {
	pb.UnimplementedRealmServiceServer
	*Services
}

// ListRealms lists the realms that the caller may see, by name. A page begins
// after the last name of the one before, so that no write shifts it.
func (r *realmService) ListRealms(ctx context.Context, req *pb.ListRealmsRequest) (*pb.ListRealmsResponse, error) {
	out, err := r.list(ctx, req)
	if err != nil {
		return nil, r.statusOf(err)
	}
	return out, nil
}

func (r *realmService) list(ctx context.Context, req *pb.ListRealmsRequest) (*pb.ListRealmsResponse, error) {
	n, err := pageSize(req.GetPageSize())
	if err != nil {
		return nil, err
	}
	at := cursor{list: "/realms"}
	if token := req.GetPageToken(); token != "" {
		if at, err = parseCursor(token, "/realms", ""); err != nil {
			return nil, err
		}
	}
	all := r.visible(ctx)
	begin := 0
	if at.after != "" {
		begin, _ = slices.BinarySearchFunc(all, at.after, func(s *snapshot, after string) int {
			return cmp.Or(cmp.Compare(s.realm, after), -1) // the name itself is before the page
		})
	}
	end := min(begin+n, len(all))
	out := &pb.ListRealmsResponse{TotalSize: int32(len(all))}
	for _, snap := range all[begin:end] {
		out.Realms = append(out.Realms, snap.document())
	}
	if end < len(all) {
		at.after = all[end-1].realm
		out.NextPageToken = at.token()
	}
	sendETag(ctx, realmsTag(all))
	return out, nil
}

// realmsTag is the entity tag of the list of realms: it has no revision.
func realmsTag(all []*snapshot) string {
	h := sha256.New()
	for _, s := range all {
		fmt.Fprintf(h, "%q %d\n", s.realm, s.meta.Revision)
	}
	return `"` + hex.EncodeToString(h.Sum(nil)) + `"`
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
	by, err := callerOf(ctx, req.GetComment())
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
	by, err := callerOf(ctx, "")
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
