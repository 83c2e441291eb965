package service

import (
	"cmp"
	"context"
	"fmt"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/auth"
	"github.com/sidegate/sidegate/storage"
)

// RollbackRevision makes a new revision that is equal to an old one.
func (r *revisions) RollbackRevision(ctx context.Context, req *pb.RollbackRevisionRequest) (*pb.RollbackRevisionResponse, error) {
	out, err := r.rollback(ctx, req)
	if err != nil {
		return nil, r.statusOf(err)
	}
	if !req.GetValidateOnly() {
		sendETag(ctx, out.GetEtag())
	}
	return &pb.RollbackRevisionResponse{Document: out}, nil
}

func (r *revisions) rollback(ctx context.Context, req *pb.RollbackRevisionRequest) (*pb.Revision, error) {
	comment := cmp.Or(
		req.GetComment(), one(metadata.ValueFromIncomingContext(ctx, MetadataComment)),
		fmt.Sprintf("rollback to revision %d", req.GetRevision()),
	)
	var would storage.Meta
	out, err := r.write(ctx, comment, write{
		realm: req.GetRealm(), validateOnly: req.GetValidateOnly(),
		propose: func(now *snapshot, by *caller) (*proposal, error) {
			would = storage.Meta{Parent: now.meta.Revision, Author: by.author, Surface: by.surface, Comment: by.comment}
			return r.proposeRollback(ctx, now, by, req)
		},
	})
	if err != nil {
		return nil, err
	}
	d := out.after.whole(out.after.meta.Revision)
	if req.GetValidateOnly() {
		d = planned(would, out.after)
	}
	for _, w := range out.warnings {
		d.Warnings = append(d.Warnings, &pb.Warning{Path: "/policySet" + w.GetPath(), Message: w.GetMessage()})
	}
	return d, nil
}

// planned is what a revision would be. It has no number yet.
func planned(would storage.Meta, content *snapshot) *pb.Revision {
	return &pb.Revision{
		Parent: would.Parent, Author: would.Author, Surface: would.Surface, Comment: would.Comment,
		PolicySet: content.set(), Settings: content.settings,
	}
}

func (r *revisions) proposeRollback(ctx context.Context, now *snapshot, by *caller, req *pb.RollbackRevisionRequest) (*proposal, error) {
	then, err := r.past(ctx, now.realm, req.GetRevision(), now)
	if err != nil {
		return nil, err
	}
	err = r.based(ctx, now, by, basis{what: "the realm", force: req.GetForce(), same: func(old *storage.State) bool {
		return sameSet(now, old) && proto.Equal(old.Settings, now.settings)
	}})
	if err != nil {
		return nil, err
	}
	// Contract of administration, section 4: settings are the administrator's.
	if !proto.Equal(then.settings, now.settings) && auth.FromContext(ctx).Role(now.realm) < auth.Admin {
		return nil, refuse(pb.ErrorReason_ERROR_REASON_PERMISSION_DENIED,
			"revision %d has other settings than realm %q has now, and changing settings needs the role admin there; "+
				"ask an administrator, or write its policy set without the settings", req.GetRevision(), now.realm)
	}
	set := then.set()
	p := &proposal{
		content: content{settings: then.settings}, at: place{set: true, old: true},
		checked: checker{limits: r.limits}, carried: set,
	}
	// As if they were sent: what the realm does not hold now is written anew.
	proposeAll(profileKind, p, set.GetProfiles())
	proposeAll(policyKind, p, set.GetPolicies())
	p.checked.settings(p.settings)
	return p, nil
}
