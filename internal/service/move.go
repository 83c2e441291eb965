package service

import (
	"context"
	"slices"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// MovePolicy puts a policy at another place. If-Match is about the policy, whose
// entity tag knows nothing of its place: a move is made from the order that it
// finds, and loses no other one.
func (a *policyAdmin) MovePolicy(ctx context.Context, r *pb.MovePolicyRequest) (*pb.MovePolicyResponse, error) {
	name, to := r.GetPolicy(), r.GetPlace()
	out, err := a.write(ctx, r.GetComment(), write{
		realm: r.GetRealm(), validateOnly: r.GetValidateOnly(),
		propose: func(now *snapshot, by *caller) (*proposal, error) {
			from, err := writable(ctx, a.Services, policyKind, now, by, name)
			if err != nil {
				return nil, err
			}
			return a.proposeMove(now, from, to)
		},
	})
	if err != nil {
		return nil, a.statusOf(err)
	}
	return &pb.MovePolicyResponse{Document: answerItem(ctx, policyKind, out, name, r.GetValidateOnly())}, nil
}

func (a *policyAdmin) proposeMove(now *snapshot, from int, place *pb.PolicyPlace) (*proposal, error) {
	p := &proposal{content: now.content, checked: checker{limits: a.limits}}
	p.checked.known(place, "")
	moved := now.policies[from]
	p.policies = slices.Delete(slices.Clone(now.policies), from, from+1)
	to, err := a.indexAt(&p.content, moved.doc.GetName(), place)
	if err != nil {
		return nil, err
	}
	p.policies = slices.Insert(p.policies, to, moved)
	return p, nil
}

// indexAt is where a place is among the policies that stay where they are.
func (a *policyAdmin) indexAt(rest *content, moved string, place *pb.PolicyPlace) (int, error) {
	switch to := place.GetPlace().(type) {
	case *pb.PolicyPlace_Before:
		return a.neighbour(rest, "/before", moved, to.Before)
	case *pb.PolicyPlace_After:
		i, err := a.neighbour(rest, "/after", moved, to.After)
		return i + 1, err
	case *pb.PolicyPlace_Index:
		if n := len(rest.policies); to.Index < 0 || int(to.Index) > n {
			return 0, invalidAt("/index", "is %d, expected 0 to %d: the places among the realm's own policies, counted after the move", to.Index, n)
		}
		return int(to.Index), nil
	}
	return 0, invalidAt("", "a place is required: the policy to stand `before` or `after`, or an `index`")
}

// neighbour is the index of the policy that another is to stand beside.
func (a *policyAdmin) neighbour(rest *content, field, moved, name string) (int, error) {
	if name == moved {
		return 0, invalidAt(field, "policy %q cannot stand beside itself; name another one", name)
	}
	if name == "" {
		return 0, invalidAt(field, "the name of a policy is required")
	}
	kd, i := policyKind.find(rest, name)
	switch {
	case kd != nil:
		return i, nil
	case policyKind.global(a.globals, name) != nil:
		return 0, refuse(pb.ErrorReason_ERROR_REASON_READ_ONLY,
			"policy %q is server-wide and comes before all policies of the realm; name one of the realm, or the index 0", name)
	}
	return 0, policyKind.notFound(name)
}
