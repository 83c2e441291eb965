package gateway

import (
	"fmt"
	"net/http"
	"regexp"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// binding is one rule of the *.http.yaml files; a test compares them.
type binding struct {
	rpc    protoreflect.FullName
	method string
	path   string
	// body is empty, the name of a field or "*".
	body string
}

const (
	evaluate = protoreflect.FullName("clientpolicy.v1.PolicyDecisionService.Evaluate")
	export   = protoreflect.FullName("clientpolicy.v1.DecisionLogService.ExportDecisions")
	realms   = "/v1/realms"
	realm    = "/v1/realms/{realm}"
)

var bindings = []binding{
	{evaluate, http.MethodPost, realm + ":evaluate", "*"},
	{"clientpolicy.v1.PolicyDecisionService.BatchEvaluate", http.MethodPost, realm + ":batchEvaluate", "*"},

	{"clientpolicy.v1.RealmService.ListRealms", http.MethodGet, realms, ""},
	{"clientpolicy.v1.RealmService.CreateRealm", http.MethodPost, realms, "document"},
	{"clientpolicy.v1.RealmService.GetRealm", http.MethodGet, realm, ""},
	{"clientpolicy.v1.RealmService.UpdateRealm", http.MethodPatch, realm, "document"},
	{"clientpolicy.v1.RealmService.DeleteRealm", http.MethodDelete, realm, ""},

	{"clientpolicy.v1.PolicyAdminService.GetPolicySet", http.MethodGet, realm + "/policySet", ""},
	{"clientpolicy.v1.PolicyAdminService.ReplacePolicySet", http.MethodPut, realm + "/policySet", "document"},
	{"clientpolicy.v1.PolicyAdminService.ListProfiles", http.MethodGet, realm + "/profiles", ""},
	{"clientpolicy.v1.PolicyAdminService.CreateProfile", http.MethodPost, realm + "/profiles", "document"},
	{"clientpolicy.v1.PolicyAdminService.GetProfile", http.MethodGet, realm + "/profiles/{profile}", ""},
	{"clientpolicy.v1.PolicyAdminService.ReplaceProfile", http.MethodPut, realm + "/profiles/{profile}", "document"},
	{"clientpolicy.v1.PolicyAdminService.UpdateProfile", http.MethodPatch, realm + "/profiles/{profile}", "document"},
	{"clientpolicy.v1.PolicyAdminService.DeleteProfile", http.MethodDelete, realm + "/profiles/{profile}", ""},
	{"clientpolicy.v1.PolicyAdminService.ListPolicies", http.MethodGet, realm + "/policies", ""},
	{"clientpolicy.v1.PolicyAdminService.CreatePolicy", http.MethodPost, realm + "/policies", "document"},
	{"clientpolicy.v1.PolicyAdminService.GetPolicy", http.MethodGet, realm + "/policies/{policy}", ""},
	{"clientpolicy.v1.PolicyAdminService.ReplacePolicy", http.MethodPut, realm + "/policies/{policy}", "document"},
	{"clientpolicy.v1.PolicyAdminService.UpdatePolicy", http.MethodPatch, realm + "/policies/{policy}", "document"},
	{"clientpolicy.v1.PolicyAdminService.DeletePolicy", http.MethodDelete, realm + "/policies/{policy}", ""},
	{"clientpolicy.v1.PolicyAdminService.MovePolicy", http.MethodPost, realm + "/policies/{policy}:move", "place"},

	{"clientpolicy.v1.RevisionService.ListRevisions", http.MethodGet, realm + "/revisions", ""},
	{"clientpolicy.v1.RevisionService.GetRevision", http.MethodGet, realm + "/revisions/{revision}", ""},
	{"clientpolicy.v1.RevisionService.DiffRevisions", http.MethodGet, realm + "/revisions/{revision}:diff", ""},
	{"clientpolicy.v1.RevisionService.RollbackRevision", http.MethodPost, realm + "/revisions/{revision}:rollback", ""},
	{"clientpolicy.v1.RevisionService.WatchRevisions", http.MethodGet, realm + ":watch", ""},

	{"clientpolicy.v1.CatalogueService.ListExecutors", http.MethodGet, "/v1/catalogue/executors", ""},
	{"clientpolicy.v1.CatalogueService.GetExecutor", http.MethodGet, "/v1/catalogue/executors/{executor}", ""},
	{"clientpolicy.v1.CatalogueService.ListConditions", http.MethodGet, "/v1/catalogue/conditions", ""},
	{"clientpolicy.v1.CatalogueService.GetCondition", http.MethodGet, "/v1/catalogue/conditions/{condition}", ""},
	{"clientpolicy.v1.CatalogueService.ListEvents", http.MethodGet, "/v1/catalogue/events", ""},
	{"clientpolicy.v1.CatalogueService.GetEvent", http.MethodGet, "/v1/catalogue/events/{event}", ""},
	{"clientpolicy.v1.CatalogueService.ListCatalogueProfiles", http.MethodGet, "/v1/catalogue/profiles", ""},
	{"clientpolicy.v1.CatalogueService.GetCatalogueProfile", http.MethodGet, "/v1/catalogue/profiles/{profile}", ""},

	{"clientpolicy.v1.DecisionLogService.ListDecisions", http.MethodGet, realm + "/decisions", ""},
	{"clientpolicy.v1.DecisionLogService.GetDecision", http.MethodGet, realm + "/decisions/{decision_id}", ""},
	{"clientpolicy.v1.DecisionLogService.FollowDecisions", http.MethodGet, realm + "/decisions:follow", ""},
	{export, http.MethodGet, realm + "/decisions:export", ""},
	{"clientpolicy.v1.DecisionLogService.ReplayDecision", http.MethodPost, realm + "/decisions/{decision_id}:replay", ""},
	{"clientpolicy.v1.DecisionLogService.EraseDecisions", http.MethodPost, realm + "/decisions:erase", "*"},

	{"clientpolicy.v1.AuditLogService.ListAuditRecords", http.MethodGet, "/v1/auditRecords", ""},
	{"clientpolicy.v1.AuditLogService.FollowAuditRecords", http.MethodGet, "/v1/auditRecords:follow", ""},

	{"clientpolicy.v1.ServerService.GetServer", http.MethodGet, "/v1/server", ""},
}

// route is a binding with what its rpc's request says about it.
type route struct {
	binding
	// document is the message of the body, nil when there is none.
	document protoreflect.MessageDescriptor
	// query holds the fields that are query parameters.
	query []protoreflect.FieldDescriptor
	// numbers holds the fields in the path that are numbers.
	numbers []protoreflect.FieldDescriptor
	// item is the variable that names what is asked for: the last one.
	item string
	// stream is how items are asked for, nil when there is one answer.
	stream *streaming
}

var variable = regexp.MustCompile(`\{(\w+)\}`)

// key is how the gateway names a route inside a handler.
func (b binding) key() string {
	return b.method + " " + variable.ReplaceAllString(b.path, "{$1=*}")
}

func compile(bindings []binding) (map[string]*route, error) {
	routes := map[string]*route{}
	for _, b := range bindings {
		d, err := protoregistry.GlobalFiles.FindDescriptorByName(b.rpc)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", b.rpc, err)
		}
		m, ok := d.(protoreflect.MethodDescriptor)
		if !ok {
			return nil, fmt.Errorf("%s is not an rpc", b.rpc)
		}
		r, err := newRoute(b, m)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", b.rpc, err)
		}
		routes[b.key()] = r
	}
	return routes, nil
}

func newRoute(b binding, m protoreflect.MethodDescriptor) (r *route, err error) {
	r = &route{binding: b}
	if m.IsStreamingServer() {
		if r.stream, err = newStreaming(m); err != nil {
			return nil, err
		}
	}
	inPath := map[protoreflect.Name]bool{}
	for _, v := range variable.FindAllStringSubmatch(b.path, -1) {
		inPath[protoreflect.Name(v[1])] = true
		r.item = v[1]
	}
	if b.body == "*" {
		r.document = m.Input()
		return r, nil
	}
	for i := range m.Input().Fields().Len() {
		if err := r.place(m.Input().Fields().Get(i), inPath); err != nil {
			return nil, err
		}
	}
	if b.body != "" && r.document == nil {
		return nil, fmt.Errorf("field %s is not a message", b.body)
	}
	return r, nil
}

// place notes where a field of the request comes from.
func (r *route) place(fd protoreflect.FieldDescriptor, inPath map[protoreflect.Name]bool) error {
	switch {
	case inPath[fd.Name()] && fd.Kind() == protoreflect.Int64Kind:
		r.numbers = append(r.numbers, fd)
	case inPath[fd.Name()] && fd.Kind() == protoreflect.StringKind:
	case inPath[fd.Name()]:
		return fmt.Errorf("field %s cannot be a part of a path", fd.Name())
	case string(fd.Name()) == r.body:
		r.document = fd.Message()
	case !askable(fd):
		return fmt.Errorf("field %s cannot be a query parameter", fd.Name())
	default:
		r.query = append(r.query, fd)
	}
	return nil
}
