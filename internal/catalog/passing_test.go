package catalog_test

import (
	"slices"
	"testing"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/catalog"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
	"github.com/sidegate/sidegate/pdp/profiles"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

// passingPath is a request that one provider alone lets pass with nothing to say: an
// executor that neither refuses, changes nor asks for anything, or a condition that
// votes YES.
type passingPath struct {
	id, name string
	event    pdp.Event
	realm    *pdp.Realm
	req      *pb.EvaluateRequest
}

// passingPaths are all that the vectors hold.
func passingPaths(t testing.TB) []passingPath {
	t.Helper()
	compiler, err := catalog.Compiler(profiles.None)
	if err != nil {
		t.Fatal(err)
	}
	var list []passingPath
	for _, v := range allVectors(t) {
		set := alone(v.Set)
		if set == nil {
			continue
		}
		realm, errs := compiler.Compile(set, &pb.RealmSettings{Compatibility: &v.Compatibility})
		if len(errs) > 0 {
			continue
		}
		req := v.RequestFor("vectors")
		resp, err := explained(realm, req)
		if err != nil {
			continue
		}
		req.Options = &pb.EvaluateOptions{EvaluationTime: req.Options.EvaluationTime}
		if id := passedBy(resp); id != "" {
			list = append(list, passingPath{id, v.name, req.Event, realm, req})
		}
	}
	return list
}

// alone returns the policies of a vector when they come down to one provider: an
// executor for every client, or a condition, then without executors.
func alone(set *pb.PolicySet) *pb.PolicySet {
	if len(set.Policies) != 1 || len(set.Policies[0].Conditions) != 1 {
		return nil
	}
	set = proto.CloneOf(set)
	p := set.Policies[0]
	if p.Conditions[0].Condition != "any-client" || len(p.Profiles) == 0 {
		set.Profiles, p.Profiles = nil, nil
		return set
	}
	if len(set.Profiles) != 1 || len(set.Profiles[0].Executors) != 1 {
		return nil
	}
	return set
}

// passedBy returns the provider that let the request pass, or "".
func passedBy(resp *pb.EvaluateResponse) string {
	p := resp.Trace.Policies[0]
	if !p.Applied || resp.Decision != pb.EvaluateResponse_DECISION_ALLOW || len(resp.Mutations) > 0 {
		return ""
	}
	if len(p.Executors) == 0 {
		return p.Conditions[0].Condition
	}
	if x := p.Executors[0]; outcomeName(x) == "PASS" {
		return x.Executor
	}
	return ""
}

// representative chooses one path of each provider: on a protocol request rather than
// on the writing of a client, the first by name.
func representative(paths []passingPath) map[string]passingPath {
	chosen := map[string]passingPath{}
	for _, p := range paths {
		old, ok := chosen[p.id]
		if !ok || pdp.ClientWrites.Has(old.event) && !pdp.ClientWrites.Has(p.event) {
			chosen[p.id] = p
		}
	}
	return chosen
}

func (p passingPath) run(t testing.TB, resp *pb.EvaluateResponse) {
	if err := p.realm.Evaluate(p.req, pdp.Env{Now: now}, resp); err != nil || resp.Decision != pb.EvaluateResponse_DECISION_ALLOW {
		t.Fatalf("%s: got %v, %v", p.name, resp, err)
	}
}

// alwaysSays are the executors that have no path with nothing to say.
var alwaysSays = map[string]string{
	"reject-request":                     "refuses everything",
	"intent-client-bind-checker":         "asks an endpoint",
	"downscope-assertion-grant-enforcer": "obliges to restrict the scopes",
	"suppress-refresh-token-rotation":    "obliges to leave the refresh token out",
	"use-lightweight-access-token":       "obliges to make the token light",
}

// allocation is why a provider may allocate although it has nothing to say.
type allocation struct {
	id     string
	when   func(passingPath) bool
	reason string
}

var allocations = []allocation{
	{"", parsesJWS, "a serialized JWS is parsed"},
	{"", omitsFacts, "the pointers of absent facts are compared with those omitted"},
	{"client-id-metadata-document", writesClient, "redirect URIs of the document are matched"},
	{"jwt-claim-enforcer", tellsNumber, "a number is written as a text"},
	{"saml-secure-client-uris", writesClient, "a relative URI is resolved"},
	{"secure-client-uris", writesClient, "an attribute of several URIs is split"},
	{"secure-client-uris-pattern", writesClient, "an attribute of several URIs is split"},
	{"secure-redirect-uris-enforcer", writesClient, "an attribute of several URIs is split, a relative URI resolved"},
	{"secure-request-object", tellsNumber, "a number is written as a text"},
	{"tls-client-auth-ca-subject-dn", writesClient, "a distinguished name is read"},
}

// allocationOf returns why a path may allocate, or nil.
func allocationOf(p passingPath) *allocation {
	for i := range allocations {
		if a := &allocations[i]; (a.id == "" || a.id == p.id) && a.when(p) {
			return a
		}
	}
	return nil
}

func parsesJWS(p passingPath) bool {
	return p.req.ClientAuthentication.GetAssertion().GetCompact() != "" || p.req.Request.GetRequestObject().GetCompact() != ""
}

func omitsFacts(p passingPath) bool { return len(p.req.Omitted) > 0 }

func writesClient(p passingPath) bool { return pdp.ClientWrites.Has(p.event) }

// tellsNumber reports whether a claim that is compared as a text may be a number.
func tellsNumber(p passingPath) bool {
	for _, claims := range []*structpb.Struct{p.req.SubjectToken.GetClaims(), p.req.Request.GetRequestObject().GetClaims()} {
		for name, value := range claims.GetFields() {
			if holdsNumber(value) && (p.id == "jwt-claim-enforcer" || !slices.Contains(timeClaims, name)) {
				return true
			}
		}
	}
	return false
}

// timeClaims are read as numbers, not as texts.
var timeClaims = []string{oauth.ClaimExpiry, oauth.ClaimNotBefore, oauth.ClaimIssuedAt}

func holdsNumber(v *structpb.Value) bool {
	_, number := v.GetKind().(*structpb.Value_NumberValue)
	return number || slices.ContainsFunc(v.GetListValue().GetValues(), holdsNumber)
}

// Each provider has a path that the benchmarks run, or a reason why not.
func TestEveryProviderHasAPassingPath(t *testing.T) {
	registry, err := catalog.Registry()
	if err != nil {
		t.Fatal(err)
	}
	chosen := representative(passingPaths(t))
	for _, id := range slices.Concat(registry.ExecutorIDs(), registry.ConditionIDs()) {
		if _, has := chosen[id]; has == (alwaysSays[id] != "") {
			t.Errorf("%s: has a passing path %t, is said to have none %t", id, has, !has)
		}
	}
}
