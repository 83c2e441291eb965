package auth

import (
	"slices"
	"strings"

	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1alpha"

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
	pb.PolicyAdminService_UpdateProfile_FullMethodName:    {Editor, ofRequest},
	pb.PolicyAdminService_UpdatePolicy_FullMethodName:     {Editor, ofRequest},
	pb.PolicyAdminService_MovePolicy_FullMethodName:       {Editor, ofRequest},

	pb.RevisionService_ListRevisions_FullMethodName: {Viewer, ofRequest},
	pb.RevisionService_GetRevision_FullMethodName:   {Viewer, ofRequest},
	pb.RevisionService_DiffRevisions_FullMethodName: {Viewer, ofRequest},
	// Where settings would change, the service demands Admin.
	pb.RevisionService_RollbackRevision_FullMethodName: {Editor, ofRequest},
	pb.RevisionService_WatchRevisions_FullMethodName:   {Viewer, ofRequest},

	pb.CatalogueService_ListExecutors_FullMethodName:         {Viewer, nil},
	pb.CatalogueService_GetExecutor_FullMethodName:           {Viewer, nil},
	pb.CatalogueService_ListConditions_FullMethodName:        {Viewer, nil},
	pb.CatalogueService_GetCondition_FullMethodName:          {Viewer, nil},
	pb.CatalogueService_ListEvents_FullMethodName:            {Viewer, nil},
	pb.CatalogueService_GetEvent_FullMethodName:              {Viewer, nil},
	pb.CatalogueService_ListCatalogueProfiles_FullMethodName: {Viewer, nil},
	pb.CatalogueService_GetCatalogueProfile_FullMethodName:   {Viewer, nil},

	pb.DecisionLogService_ListDecisions_FullMethodName:   {Viewer, ofRequest},
	pb.DecisionLogService_GetDecision_FullMethodName:     {Viewer, ofRequest},
	pb.DecisionLogService_FollowDecisions_FullMethodName: {Viewer, ofRequest},
	pb.DecisionLogService_ExportDecisions_FullMethodName: {Viewer, ofRequest},
	pb.DecisionLogService_ReplayDecision_FullMethodName:  {Viewer, ofRequest},
	pb.DecisionLogService_EraseDecisions_FullMethodName:  {Admin, ofRequest},

	// The service shows the records of those realms alone that the caller administers.
	pb.AuditLogService_ListAuditRecords_FullMethodName:   {Admin, nil},
	pb.AuditLogService_FollowAuditRecords_FullMethodName: {Admin, nil},

	pb.ServerService_GetServer_FullMethodName: {Viewer, nil},
}

// open are the RPCs that need no credentials: they tell nothing but health and the
// published interface.
var open = map[string]bool{
	grpc_health_v1.Health_Check_FullMethodName:                                   true,
	grpc_health_v1.Health_List_FullMethodName:                                    true,
	grpc_health_v1.Health_Watch_FullMethodName:                                   true,
	grpc_reflection_v1.ServerReflection_ServerReflectionInfo_FullMethodName:      true,
	grpc_reflection_v1alpha.ServerReflection_ServerReflectionInfo_FullMethodName: true,
}

// Where says in which realm a role is needed.
type Where uint8

// The places where a role can be needed.
const (
	// Nowhere: the call needs no role, and no credentials.
	Nowhere Where = iota
	// InRealm: in the realm that the request names.
	InRealm
	// InAnyRealm: in one realm at least; the answer shows those realms alone in
	// which the caller has it.
	InAnyRealm
)

// Rule is a row of the table of who may call what.
type Rule struct {
	// Method is the full name of the RPC.
	Method string
	// Role is the least that is needed.
	Role Role
	// Where it is needed.
	Where Where
}

// Rules returns the whole table, by the names of the RPCs. What it does not list,
// nobody may call.
func Rules() []Rule {
	var rules []Rule
	for method := range open {
		rules = append(rules, Rule{Method: method})
	}
	for method, r := range required {
		where := InRealm
		if r.realm == nil {
			where = InAnyRealm
		}
		rules = append(rules, Rule{method, r.role, where})
	}
	slices.SortFunc(rules, func(a, b Rule) int { return strings.Compare(a.Method, b.Method) })
	return rules
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
