package catalog_test

import (
	"slices"
	"strings"
	"testing"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/catalog"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/profiles"
	"google.golang.org/protobuf/types/known/structpb"
	"pgregory.net/rapid"
)

// drawHost draws names whose labels look alike.
func drawHost(t *rapid.T, label string, least int) string {
	labels := rapid.SliceOfN(rapid.SampledFrom([]string{"shop", "evilshop", "Shop", "example", "localhost", "org", "a"}), least, 4).Draw(t, label)
	return strings.Join(labels, ".")
}

// under reports whether the labels of a host end with those of a domain.
func under(host, domain string) bool {
	h, d := strings.Split(host, "."), strings.Split(domain, ".")
	return len(h) >= len(d) && slices.Equal(h[len(h)-len(d):], d)
}

// realmOf compiles policies under one setting.
func realmOf(t testing.TB, set *pb.PolicySet, compatibility pb.RealmSettings_Compatibility) *pdp.Realm {
	t.Helper()
	compiler, err := catalog.Compiler(profiles.None)
	if err != nil {
		t.Fatal(err)
	}
	realm, errs := compiler.Compile(set, &pb.RealmSettings{Compatibility: &compatibility})
	if len(errs) > 0 {
		t.Fatal(pdp.JoinErrors(errs))
	}
	return realm
}

// A wildcard takes whole labels: what lies below the domain and nothing that looks
// like it. Of the peer's name letter case does not count, of client ids it does.
func TestHostPatternsMatchWholeLabels(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		domain, host := drawHost(rt, "domain", 1), drawHost(rt, "host", 1)
		if rapid.Bool().Draw(rt, "related") {
			host = rapid.SampledFrom([]string{"", "a.", "evil", "evil."}).Draw(rt, "prefix") + domain
		}
		peer := withCondition("client-updater-source-host", "trusted-hosts", "*."+domain)
		register := requestFor(pdp.Register)
		register.Source = &pb.Source{RemoteAddress: "192.0.2.1", RemoteHost: host}
		want := under(strings.ToLower(host), strings.ToLower(domain))
		if got := applies(rt, realmOf(t, peer, pb.RealmSettings_COMPATIBILITY_SAFE), register); got != want {
			rt.Errorf("peer %q under *.%s: got %t, want %t", host, domain, got, want)
		}
		id := withCondition("client-id-uri", "client-id-uri-allow-permitted-domains", "*."+domain)
		id.Policies[0].Conditions[0].Configuration.Fields["client-id-uri-scheme"] = texts("https")
		for _, setting := range []pb.RealmSettings_Compatibility{pb.RealmSettings_COMPATIBILITY_SAFE, pb.RealmSettings_COMPATIBILITY_KEYCLOAK} {
			before := requestFor(pdp.PreAuthorizationRequest)
			before.Request.Parameters = map[string]string{"client_id": "https://" + host + "/c"}
			if got := applies(rt, realmOf(t, id, setting), before); got != under(host, domain) {
				rt.Errorf("client id of %q under *.%s: got %t", host, domain, got)
			}
		}
	})
}

// Under SAFE http is allowed to this machine alone; a name that begins like it, or
// hides it in the userinfo, is another.
func TestLocalHTTPIsThisMachine(t *testing.T) {
	set := withExecutor("secure-client-uris", &structpb.Struct{Fields: map[string]*structpb.Value{"allow-http-on-localhost": structpb.NewBoolValue(true)}})
	realm := realmOf(t, set, pb.RealmSettings_COMPATIBILITY_SAFE)
	rapid.Check(t, func(rt *rapid.T) {
		machine := rapid.SampledFrom([]string{"localhost", "127.0.0.1"}).Draw(rt, "machine")
		tail := rapid.SampledFrom([]string{"", ":8080", ".evil.example", "evil.example", "@evil.example", ":80@evil.example", "%2eevil.example", "\\.evil.example"}).Draw(rt, "tail")
		uri := "http://" + machine + tail + rapid.SampledFrom([]string{"", "/cb", "/cb?x=1", "?x"}).Draw(rt, "path")
		req := requestFor(pdp.AuthorizationRequest)
		req.Request.RedirectUri = uri
		allowed := answerOf(t, realm, req).Decision == pb.EvaluateResponse_DECISION_ALLOW
		if want := tail == "" || tail == ":8080"; allowed != want {
			rt.Errorf("%s: allowed %t, want %t", uri, allowed, want)
		}
	})
}

// withCondition is a set whose policy one condition with one list decides on.
func withCondition(id, key, value string) *pb.PolicySet {
	set := withExecutor("reject-request", nil)
	set.Policies[0].Conditions = []*pb.PolicyCondition{{
		Condition: id, Configuration: &structpb.Struct{Fields: map[string]*structpb.Value{key: texts(value)}},
	}}
	return set
}

func texts(s string) *structpb.Value {
	return structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{structpb.NewStringValue(s)}})
}

func applies(t *rapid.T, realm *pdp.Realm, req *pb.EvaluateRequest) bool {
	t.Helper()
	resp := &pb.EvaluateResponse{}
	if err := realm.Evaluate(req, pdp.Env{Now: now}, resp); err != nil {
		t.Fatal(err)
	}
	return len(resp.AppliedPolicies) == 1
}
