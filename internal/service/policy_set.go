package service

import (
	"context"
	"fmt"
	"slices"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/storage"
)

// GetPolicySet returns all of the realm's own profiles and policies.
func (a *policyAdmin) GetPolicySet(ctx context.Context, r *pb.GetPolicySetRequest) (*pb.GetPolicySetResponse, error) {
	now, err := a.readable(r.GetRealm())
	if err != nil {
		return nil, a.statusOf(err)
	}
	sendETag(ctx, now.tag())
	return &pb.GetPolicySetResponse{Document: answerSet(now, now.fault.warnings())}, nil
}

// ReplacePolicySet replaces all profiles and policies at once. Documents that stay
// as they were keep their time and author.
func (a *policyAdmin) ReplacePolicySet(ctx context.Context, r *pb.ReplacePolicySetRequest) (*pb.ReplacePolicySetResponse, error) {
	out, err := a.write(ctx, r.GetComment(), write{
		realm: r.GetRealm(), validateOnly: r.GetValidateOnly(),
		propose: func(now *snapshot, by *caller) (*proposal, error) { return a.proposeSet(ctx, now, by, r) },
	})
	if err != nil {
		return nil, a.statusOf(err)
	}
	if !r.GetValidateOnly() {
		sendETag(ctx, out.after.tag())
	}
	return &pb.ReplacePolicySetResponse{Document: answerSet(out.after, out.warnings)}, nil
}

// answerSet is the set as callers see it; its documents are shared.
func answerSet(snap *snapshot, warnings []*pb.Warning) *pb.PolicySet {
	set := snap.set()
	set.Etag, set.Revision, set.Warnings = snap.tag(), snap.meta.Revision, warnings
	return set
}

func (a *policyAdmin) proposeSet(ctx context.Context, now *snapshot, by *caller, r *pb.ReplacePolicySetRequest) (*proposal, error) {
	err := a.based(ctx, now, by, basis{
		what: "the policy set", revision: r.GetRevision(), force: r.GetForce(),
		same: func(then *storage.State) bool { return sameSet(now, then) },
	})
	if err != nil {
		return nil, err
	}
	set := r.GetDocument()
	if set == nil {
		return nil, invalidAt("", "a document is required")
	}
	if n := set.SizeVT(); n > a.limits.DocumentBytes {
		return nil, refuse(pb.ErrorReason_ERROR_REASON_TOO_LARGE, "the policy set has %d bytes, at most %d are allowed", n, a.limits.DocumentBytes)
	}
	p := &proposal{content: content{settings: now.settings}, at: place{set: true}, checked: checker{limits: a.limits}}
	p.checked.known(set, "")
	proposeAll(profileKind, p, set.GetProfiles())
	proposeAll(policyKind, p, set.GetPolicies())
	return p, nil
}

// proposeAll puts documents that were sent into a proposal, and looks at them.
func proposeAll[D document](k *kind[D], p *proposal, docs []D) {
	list := make([]*kept[D], len(docs))
	for i, doc := range docs {
		list[i] = sent(doc)
		p.checked.at = fmt.Sprintf("%s/%d", k.list, i)
		k.check(&p.checked, doc)
		p.warnings = append(p.warnings, k.warnings(doc, p.checked.at)...)
	}
	*k.of(&p.content) = list
}

// basis is what a write of everything at once says that it was based on.
type basis struct {
	// what is written, as messages name it.
	what string
	// revision is the one that the request names, or 0.
	revision int64
	// force writes over whatever is there.
	force bool
	// same reports whether nothing of it has changed since an old state.
	same func(then *storage.State) bool
}

// based refuses a write of everything that does not say what it was based on, or
// that was based on another state than the current: contract of administration,
// section 2.
func (s *Services) based(ctx context.Context, now *snapshot, by *caller, b basis) error {
	revision := by.condition.revision
	if n := b.revision; n != 0 {
		if n < 0 || revision != 0 && revision != n {
			return invalidAt("/revision", "is %d, expected one revision of 1 or more, the same in the request and the metadata", n)
		}
		revision = n
	}
	if err := by.condition.demanded(now.settings, b.what); err != nil {
		return err
	}
	if by.condition.match == nil && revision == 0 && !b.force {
		return refuse(pb.ErrorReason_ERROR_REASON_IF_MATCH_REQUIRED,
			"%s is written as a whole, which must say what it was based on: read it and send its entity tag in If-Match, "+
				"or its revision, or force to replace whatever is there", b.what)
	}
	if err := by.condition.holds(ctx, b.what, now.tag()); err != nil || b.force {
		return err
	}
	return s.unchangedSince(ctx, now, revision, b.what, b.same)
}

// sameSet reports whether profiles and policies are those of an old state.
func sameSet(now *snapshot, then *storage.State) bool {
	return sameItems(profileKind, &now.content, then) && sameItems(policyKind, &now.content, then)
}

func sameItems[D document](k *kind[D], now *content, then *storage.State) bool {
	return slices.EqualFunc(*k.of(now), k.items(then), func(kd *kept[D], item *storage.Item) bool {
		return kd.item.Hash() == item.Hash()
	})
}
