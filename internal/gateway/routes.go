package gateway

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// binding is one rule of the *.http.yaml files; a test compares them.
type binding struct {
	rpc    protoreflect.FullName
	method string
	path   string
	// body is empty, "document" or "*".
	body string
}

const (
	evaluate = protoreflect.FullName("clientpolicy.v1.PolicyDecisionService.Evaluate")
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
	{"clientpolicy.v1.PolicyAdminService.DeleteProfile", http.MethodDelete, realm + "/profiles/{profile}", ""},
	{"clientpolicy.v1.PolicyAdminService.ListPolicies", http.MethodGet, realm + "/policies", ""},
	{"clientpolicy.v1.PolicyAdminService.CreatePolicy", http.MethodPost, realm + "/policies", "document"},
	{"clientpolicy.v1.PolicyAdminService.GetPolicy", http.MethodGet, realm + "/policies/{policy}", ""},
	{"clientpolicy.v1.PolicyAdminService.ReplacePolicy", http.MethodPut, realm + "/policies/{policy}", "document"},
	{"clientpolicy.v1.PolicyAdminService.DeletePolicy", http.MethodDelete, realm + "/policies/{policy}", ""},

	{"clientpolicy.v1.ServerService.GetServer", http.MethodGet, "/v1/server", ""},
}

// route is a binding with what its rpc's request says about it.
type route struct {
	binding
	// document is the message of the body, nil when there is none.
	document protoreflect.MessageDescriptor
	// query holds the fields that are query parameters.
	query []protoreflect.FieldDescriptor
	// item is the variable that names what is asked for: the last one.
	item string
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
		r, err := newRoute(b, m.Input())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", b.rpc, err)
		}
		routes[b.key()] = r
	}
	return routes, nil
}

func newRoute(b binding, input protoreflect.MessageDescriptor) (*route, error) {
	r := &route{binding: b}
	inPath := map[protoreflect.Name]bool{}
	for _, v := range variable.FindAllStringSubmatch(b.path, -1) {
		inPath[protoreflect.Name(v[1])] = true
		r.item = v[1]
	}
	if b.body == "*" {
		r.document = input
		return r, nil
	}
	for i := range input.Fields().Len() {
		switch fd := input.Fields().Get(i); {
		case inPath[fd.Name()]:
		case string(fd.Name()) == b.body:
			r.document = fd.Message()
		case !askable(fd):
			return nil, fmt.Errorf("field %s cannot be a query parameter", fd.Name())
		default:
			r.query = append(r.query, fd)
		}
	}
	if b.body != "" && r.document == nil {
		return nil, fmt.Errorf("field %s is not a message", b.body)
	}
	return r, nil
}

// missing reports whether the variables of a path name nothing that can exist:
// an empty name, or a realm with a colon, which is a verb that this path lacks.
func missing(params map[string]string) bool {
	for name, value := range params {
		if value == "" || !utf8.ValidString(value) || name == "realm" && strings.ContainsAny(value, ":/") {
			return true
		}
	}
	return false
}
