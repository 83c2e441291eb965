package service

import (
	"context"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// policyAdmin implements pb.PolicyAdminServiceServer.
type policyAdmin struct {
	pb.UnimplementedPolicyAdminServiceServer
	*Services
}

// ListProfiles lists the realm's profiles, then the built-in ones, as far as asked for.
func (a *policyAdmin) ListProfiles(ctx context.Context, r *pb.ListProfilesRequest) (*pb.ListProfilesResponse, error) {
	p, err := listItems(ctx, a.Services, profileKind, r)
	if err != nil {
		return nil, a.statusOf(err)
	}
	return &pb.ListProfilesResponse{Profiles: p.items, NextPageToken: p.next, TotalSize: p.total, Revision: p.revision}, nil
}

// CreateProfile appends a profile.
func (a *policyAdmin) CreateProfile(ctx context.Context, r *pb.CreateProfileRequest) (*pb.CreateProfileResponse, error) {
	w := itemWrite{realm: r.GetRealm(), comment: r.GetComment(), validateOnly: r.GetValidateOnly()}
	d, err := createItem(ctx, a.Services, profileKind, w, r.GetDocument())
	if err != nil {
		return nil, a.statusOf(err)
	}
	return &pb.CreateProfileResponse{Document: d}, nil
}

// GetProfile returns a profile, built-in or not.
func (a *policyAdmin) GetProfile(ctx context.Context, r *pb.GetProfileRequest) (*pb.GetProfileResponse, error) {
	d, err := getItem(ctx, a.Services, profileKind, r.GetRealm(), r.GetProfile())
	if err != nil {
		return nil, a.statusOf(err)
	}
	return &pb.GetProfileResponse{Document: d}, nil
}

// ReplaceProfile replaces a profile in its place.
func (a *policyAdmin) ReplaceProfile(ctx context.Context, r *pb.ReplaceProfileRequest) (*pb.ReplaceProfileResponse, error) {
	w := itemWrite{realm: r.GetRealm(), name: r.GetProfile(), comment: r.GetComment(), validateOnly: r.GetValidateOnly()}
	d, err := replaceItem(ctx, a.Services, profileKind, w, r.GetDocument())
	if err != nil {
		return nil, a.statusOf(err)
	}
	return &pb.ReplaceProfileResponse{Document: d}, nil
}

// UpdateProfile changes members of a profile.
func (a *policyAdmin) UpdateProfile(ctx context.Context, r *pb.UpdateProfileRequest) (*pb.UpdateProfileResponse, error) {
	w := itemWrite{realm: r.GetRealm(), name: r.GetProfile(), comment: r.GetComment(), validateOnly: r.GetValidateOnly()}
	d, err := updateItem(ctx, a.Services, profileKind, w, r.GetDocument(), r.GetUpdateMask())
	if err != nil {
		return nil, a.statusOf(err)
	}
	return &pb.UpdateProfileResponse{Document: d}, nil
}

// DeleteProfile deletes a profile that no policy names.
func (a *policyAdmin) DeleteProfile(ctx context.Context, r *pb.DeleteProfileRequest) (*pb.DeleteProfileResponse, error) {
	w := itemWrite{realm: r.GetRealm(), name: r.GetProfile(), comment: r.GetComment(), validateOnly: r.GetValidateOnly()}
	revision, err := deleteItem(ctx, a.Services, profileKind, w)
	if err != nil {
		return nil, a.statusOf(err)
	}
	return &pb.DeleteProfileResponse{Revision: revision}, nil
}

// ListPolicies lists server-wide policies, then the realm's, as they are evaluated,
// as far as asked for.
func (a *policyAdmin) ListPolicies(ctx context.Context, r *pb.ListPoliciesRequest) (*pb.ListPoliciesResponse, error) {
	p, err := listItems(ctx, a.Services, policyKind, r)
	if err != nil {
		return nil, a.statusOf(err)
	}
	return &pb.ListPoliciesResponse{Policies: p.items, NextPageToken: p.next, TotalSize: p.total, Revision: p.revision}, nil
}

// CreatePolicy appends a policy.
func (a *policyAdmin) CreatePolicy(ctx context.Context, r *pb.CreatePolicyRequest) (*pb.CreatePolicyResponse, error) {
	w := itemWrite{realm: r.GetRealm(), comment: r.GetComment(), validateOnly: r.GetValidateOnly()}
	d, err := createItem(ctx, a.Services, policyKind, w, r.GetDocument())
	if err != nil {
		return nil, a.statusOf(err)
	}
	return &pb.CreatePolicyResponse{Document: d}, nil
}

// GetPolicy returns a policy, server-wide or not.
func (a *policyAdmin) GetPolicy(ctx context.Context, r *pb.GetPolicyRequest) (*pb.GetPolicyResponse, error) {
	d, err := getItem(ctx, a.Services, policyKind, r.GetRealm(), r.GetPolicy())
	if err != nil {
		return nil, a.statusOf(err)
	}
	return &pb.GetPolicyResponse{Document: d}, nil
}

// ReplacePolicy replaces a policy in its place.
func (a *policyAdmin) ReplacePolicy(ctx context.Context, r *pb.ReplacePolicyRequest) (*pb.ReplacePolicyResponse, error) {
	w := itemWrite{realm: r.GetRealm(), name: r.GetPolicy(), comment: r.GetComment(), validateOnly: r.GetValidateOnly()}
	d, err := replaceItem(ctx, a.Services, policyKind, w, r.GetDocument())
	if err != nil {
		return nil, a.statusOf(err)
	}
	return &pb.ReplacePolicyResponse{Document: d}, nil
}

// UpdatePolicy changes members of a policy.
func (a *policyAdmin) UpdatePolicy(ctx context.Context, r *pb.UpdatePolicyRequest) (*pb.UpdatePolicyResponse, error) {
	w := itemWrite{realm: r.GetRealm(), name: r.GetPolicy(), comment: r.GetComment(), validateOnly: r.GetValidateOnly()}
	d, err := updateItem(ctx, a.Services, policyKind, w, r.GetDocument(), r.GetUpdateMask())
	if err != nil {
		return nil, a.statusOf(err)
	}
	return &pb.UpdatePolicyResponse{Document: d}, nil
}

// DeletePolicy deletes a policy.
func (a *policyAdmin) DeletePolicy(ctx context.Context, r *pb.DeletePolicyRequest) (*pb.DeletePolicyResponse, error) {
	w := itemWrite{realm: r.GetRealm(), name: r.GetPolicy(), comment: r.GetComment(), validateOnly: r.GetValidateOnly()}
	revision, err := deleteItem(ctx, a.Services, policyKind, w)
	if err != nil {
		return nil, a.statusOf(err)
	}
	return &pb.DeletePolicyResponse{Revision: revision}, nil
}
