package pdp_test

import (
	"fmt"
	"testing"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// fapi2Request is an authorization request after PAR that passes the whole
// built-in profile fapi-2-security-profile.
const fapi2Request = `{
	"event":"EVENT_AUTHORIZATION_REQUEST",
	"client":{"clientId":"bank-app","protocol":"openid-connect","publicClient":false,"bearerOnly":false,"enabled":true,
		"clientAuthenticatorType":"client-jwt","standardFlowEnabled":true,"implicitFlowEnabled":false,
		"consentRequired":true,"fullScopeAllowed":false,"redirectUris":["https://app.bank.example/cb"],
		"clientRoles":["fapi"],
		"attributes":{"pkce.code.challenge.method":"S256","tls.client.certificate.bound.access.tokens":"true",
			"id.token.signed.response.alg":"PS256","request.object.signature.alg":"PS256"}},
	"request":{"parameters":{"client_id":"bank-app","request_uri":"urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c"},
		"redirectUri":"https://app.bank.example/cb","pushedRequest":"PUSHED_REQUEST_FOUND",
		"pushedParameters":{"client_id":"bank-app","response_type":"code","redirect_uri":"https://app.bank.example/cb","scope":"openid accounts",
			"state":"af0ifjsldkj","nonce":"n-0S6_WzA2Mj","code_challenge_method":"S256","code_challenge":"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}},
	"issuer":"https://idp.bank.example/realms/main"}`

// fapi2Policies returns a set whose first policy applies fapi-2-security-profile to
// the client role fapi, and whose others name other values or other events.
func fapi2Policies(n int) *pb.PolicySet {
	set := &pb.PolicySet{Policies: []*pb.Policy{{
		Name: "fapi", Enabled: proto.Bool(true), Profiles: []string{"fapi-2-security-profile"},
		Conditions: []*pb.PolicyCondition{{Condition: "client-roles", Configuration: object1("roles", "fapi")}},
	}}}
	for i := 1; i < n; i++ {
		p := &pb.Policy{Name: fmt.Sprint("policy ", i), Enabled: proto.Bool(true), Profiles: []string{"fapi-2-security-profile"}}
		if i%2 == 0 {
			p.Conditions = []*pb.PolicyCondition{{Condition: "client-roles", Configuration: object1("roles", fmt.Sprint("role ", i))}}
		} else {
			p.Conditions = []*pb.PolicyCondition{{Condition: "client-updater-context", Configuration: object1("update-client-source", "ByAnonymous")}}
		}
		set.Policies = append(set.Policies, p)
	}
	return set
}

// BenchmarkFAPI2Authorization judges the whole profile; nothing is allocated, and
// 5,000 policies cost what ten do.
func BenchmarkFAPI2Authorization(b *testing.B) {
	for _, n := range []int{10, 5000} {
		b.Run(fmt.Sprint("policies=", n), func(b *testing.B) {
			realm, req, resp := compile(b, fapi2Policies(n)), fapi2(b), &pb.EvaluateResponse{}
			b.ReportAllocs()
			for b.Loop() {
				if err := realm.Evaluate(req, pdp.Env{Now: now}, resp); err != nil || resp.Decision != pb.EvaluateResponse_DECISION_ALLOW {
					b.Fatal(err, resp)
				}
			}
		})
	}
}

// BenchmarkNoPolicyApplies is the floor: an event that no policy is for.
func BenchmarkNoPolicyApplies(b *testing.B) {
	realm, req, resp := compile(b, fapi2Policies(5000)), requestFor(pdp.ImplicitHybridTokenResponse), &pb.EvaluateResponse{}
	b.ReportAllocs()
	for b.Loop() {
		if err := realm.Evaluate(req, pdp.Env{Now: now}, resp); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCheckInput is the check of limits, secrets and UTF-8 at the edge.
func BenchmarkCheckInput(b *testing.B) {
	req, limits := fapi2(b), pdp.DefaultLimits()
	b.ReportAllocs()
	for b.Loop() {
		if err := pdp.CheckInput(req, limits); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCompile5000 is what a write or a start pays.
func BenchmarkCompile5000(b *testing.B) {
	c, set := compiler(b), fapi2Policies(5000)
	for b.Loop() {
		if _, errs := c.Compile(set, nil); len(errs) > 0 {
			b.Fatal(errs)
		}
	}
}

// The passing path allocates nothing.
func TestPassingPathAllocatesNothing(t *testing.T) {
	realm, req, resp := compile(t, fapi2Policies(100)), fapi2(t), &pb.EvaluateResponse{}
	allocs := testing.AllocsPerRun(200, func() {
		if err := realm.Evaluate(req, pdp.Env{Now: now}, resp); err != nil {
			t.Fatal(err)
		}
	})
	if resp.Decision != pb.EvaluateResponse_DECISION_ALLOW || len(resp.AppliedPolicies) != 1 {
		t.Fatalf("got %v", resp)
	}
	if allocs != 0 {
		t.Errorf("got %v allocations, want none", allocs)
	}
}

func fapi2(tb testing.TB) *pb.EvaluateRequest {
	tb.Helper()
	req := &pb.EvaluateRequest{}
	if err := protojson.Unmarshal([]byte(fapi2Request), req); err != nil {
		tb.Fatal(err)
	}
	return req
}
