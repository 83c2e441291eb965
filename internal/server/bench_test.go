package server_test

import (
	"fmt"
	"strings"
	"testing"

	"go.uber.org/zap"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/encoding/protojson"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/config"
)

// fapi2 is an authorization request after PAR that passes fapi-2-security-profile.
const fapi2 = `{"realm":"%s","event":"EVENT_AUTHORIZATION_REQUEST",
	"client":{"clientId":"bank-app","protocol":"openid-connect","publicClient":false,"bearerOnly":false,
		"clientAuthenticatorType":"client-jwt","consentRequired":true,"fullScopeAllowed":false,
		"redirectUris":["https://app.bank.example/cb"],"clientRoles":["fapi"],
		"attributes":{"pkce.code.challenge.method":"S256","tls.client.certificate.bound.access.tokens":"true"}},
	"request":{"parameters":{"client_id":"bank-app","request_uri":"urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c"},
		"redirectUri":"https://app.bank.example/cb","pushedRequest":"PUSHED_REQUEST_FOUND",
		"pushedParameters":{"client_id":"bank-app","response_type":"code","redirect_uri":"https://app.bank.example/cb",
			"scope":"openid accounts","state":"af0ifjsldkj","nonce":"n-0S6_WzA2Mj","code_challenge_method":"S256",
			"code_challenge":"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}},
	"issuer":"https://idp.bank.example/realms/main"}`

// BenchmarkSocket asks over the Unix socket, one caller at a time, with the decision
// log off, with the decision sampled out, and with each one kept. The health check
// is the peer: the same connection and interceptors, next to nothing to decode or do.
func BenchmarkSocket(b *testing.B) {
	for _, log := range []string{"off", "sampled out", "kept"} {
		c := configure(b, b.TempDir())
		switch log {
		case "off":
			c.DecisionLog.Mode = config.LogOff
		case "sampled out":
			c.DecisionLog.Sample = 0
		}
		b.Run("log="+log, func(b *testing.B) { benchmarkSocket(b, start(b, c, zap.NewNop())) })
	}
}

func benchmarkSocket(b *testing.B, i *instance) {
	for _, n := range []int{10, 5000} {
		i.must(b, "POST", "/v1/realms", fmt.Sprintf(`{"name":"r%d"}`, n))
		i.must(b, "PUT", fmt.Sprintf("/v1/realms/r%d/policySet?force=true", n), manyPolicies(n))
	}
	conn := dial(b, "unix:"+i.Socket)
	b.Run("health check", func(b *testing.B) {
		health := grpc_health_v1.NewHealthClient(conn)
		for b.Loop() {
			if _, err := health.Check(b.Context(), &grpc_health_v1.HealthCheckRequest{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, n := range []int{10, 5000} {
		b.Run(fmt.Sprint("evaluate/policies=", n), func(b *testing.B) {
			req := &clientpolicyv1.EvaluateRequest{}
			if err := protojson.Unmarshal(fmt.Appendf(nil, fapi2, fmt.Sprint("r", n)), req); err != nil {
				b.Fatal(err)
			}
			decisions := clientpolicyv1.NewPolicyDecisionServiceClient(conn)
			for b.Loop() {
				resp, err := decisions.Evaluate(b.Context(), req)
				if err != nil || resp.Decision != clientpolicyv1.EvaluateResponse_DECISION_ALLOW || len(resp.AppliedPolicies) != 1 {
					b.Fatal(err, resp)
				}
			}
		})
	}
}

// BenchmarkPutPolicy replaces one policy of 5,000 over REST, with fsync.
func BenchmarkPutPolicy(b *testing.B) {
	i := start(b, configure(b, b.TempDir()), zap.NewNop())
	i.must(b, "POST", "/v1/realms", `{"name":"r"}`)
	i.must(b, "PUT", "/v1/realms/r/policySet?force=true", manyPolicies(5000))
	n := 0
	for b.Loop() {
		n++
		i.must(b, "PUT", "/v1/realms/r/policies/policy%2042", fmt.Sprintf(
			`{"name":"policy 42","description":"%d","enabled":true,"conditions":[{"condition":"client-roles","configuration":{"roles":["x"]}}],"profiles":["fapi-2-security-profile"]}`, n))
	}
}

// manyPolicies is a set of n policies, of which the first is for the role fapi.
func manyPolicies(n int) string {
	policies := make([]string, n)
	for i := range policies {
		role := fmt.Sprint("role ", i)
		if i == 0 {
			role = "fapi"
		}
		policies[i] = fmt.Sprintf(
			`{"name":"policy %d","enabled":true,"conditions":[{"condition":"client-roles","configuration":{"roles":["%s"]}}],"profiles":["fapi-2-security-profile"]}`, i, role)
	}
	return `{"profiles":[],"policies":[` + strings.Join(policies, ",") + `]}`
}
