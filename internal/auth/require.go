package auth

import (
	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// requirement is the least role that an RPC needs, and in which realm.
type requirement struct {
	role Role
	// realm returns the realm that a request is about; nil means that the role in
	// any realm will do, and that the service shows only what the caller may see.
	realm func(request any) (name string, ok bool)
}

// required says who may call what: contract of administration, section 4. An RPC
// that is not listed is refused.
var required = map[string]requirement{
	pb.PolicyDecisionService_Evaluate_FullMethodName:      {Evaluator, ofRequest},
	pb.PolicyDecisionService_BatchEvaluate_FullMethodName: {Evaluator, ofRequest},

	pb.RealmService_ListRealms_FullMethodName:  {Viewer, nil},
	pb.RealmService_GetRealm_FullMethodName:    {Viewer, ofRequest},
	pb.RealmService_CreateRealm_FullMethodName: {Admin, ofDocument},
	pb.RealmService_UpdateRealm_FullMethodName: {Admin, ofRequest},
	pb.RealmService_DeleteRealm_FullMethodName: {Admin, ofRequest},

	pb.PolicyAdminService_GetPolicySet_FullMethodName:     {Viewer, ofRequest},
	pb.PolicyAdminService_ReplacePolicySet_FullMethodName: {Editor, ofRequest},
	pb.PolicyAdminService_ListProfiles_FullMethodName:     {Viewer, ofRequest},
	pb.PolicyAdminService_CreateProfile_FullMethodName:    {Editor, ofRequest},
	pb.PolicyAdminService_GetProfile_FullMethodName:       {Viewer, ofRequest},
	pb.PolicyAdminService_ReplaceProfile_FullMethodName:   {Editor, ofRequest},
	pb.PolicyAdminService_DeleteProfile_FullMethodName:    {Editor, ofRequest},
	pb.PolicyAdminService_ListPolicies_FullMethodName:     {Viewer, ofRequest},
	pb.PolicyAdminService_CreatePolicy_FullMethodName:     {Editor, ofRequest},
	pb.PolicyAdminService_GetPolicy_FullMethodName:        {Viewer, ofRequest},
	pb.PolicyAdminService_ReplacePolicy_FullMethodName:    {Editor, ofRequest},
	pb.PolicyAdminService_DeletePolicy_FullMethodName:     {Editor, ofRequest},

	pb.ServerService_GetServer_FullMethodName: {Viewer, nil},
}

// ofRequest is the realm that a request names.
func ofRequest(request any) (string, bool) {
	r, ok := request.(interface{ GetRealm() string })
	if !ok {
		return "", false
	}
	return r.GetRealm(), true
}

// ofDocument is the realm that is to be created.
func ofDocument(request any) (string, bool) {
	r, ok := request.(*pb.CreateRealmRequest)
	return r.GetDocument().GetName(), ok
}

// permits reports whether a principal may make a request; realm is the one that
// it is about, if any.
func permits(method string, p *Principal, request any) (need Role, realm string, ok bool) {
	r, known := required[method]
	switch {
	case !known || r.role == NoRole:
		return NoRole, "", false
	case r.realm == nil:
		return r.role, "", p.Highest() >= r.role
	}
	realm, named := r.realm(request)
	return r.role, realm, named && p.Role(realm) >= r.role
}
