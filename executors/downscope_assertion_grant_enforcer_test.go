package executors_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"google.golang.org/protobuf/types/known/structpb"
)

// TestRestrictScopes checks the scopes that may be granted; vectors name the
// obligation only.
func TestRestrictScopes(t *testing.T) {
	realm := realmOf(t, safe, "downscope-assertion-grant-enforcer", nil)
	for _, c := range []struct {
		name  string
		scope any // claim of the token; nil for null
		asked map[string]string
		notIn []string
		want  []string
	}{
		{"all of the token, none asked", "openid profile email", nil, nil, []string{"openid", "profile", "email"}},
		{"all of the token, one asked", "openid profile email", map[string]string{"scope": "email"}, nil, []string{"openid", "profile", "email"}},
		{"those outside the token besides", "openid", nil, []string{"roles", "openid", "web-origins"}, []string{"openid", "roles", "web-origins"}},
		{"only those outside the token", nil, nil, []string{"roles"}, []string{"roles"}},
		{"none", "", nil, nil, nil},
		{"repetitions and two spaces", "a  b a", nil, []string{"b", ""}, []string{"a", "b"}},
	} {
		claim, err := structpb.NewStruct(map[string]any{"scope": c.scope})
		if err != nil {
			t.Fatal(err)
		}
		for _, event := range []pdp.Event{pdp.TokenExchangeRequest, pdp.JWTAuthorizationGrant} {
			parameters := map[string]string{"subject_token_type": "urn:ietf:params:oauth:token-type:access_token"}
			for name, value := range c.asked {
				parameters[name] = value
			}
			resp := decide(t, realm, pdp.Env{}, &pb.EvaluateRequest{
				Event: event, Client: &pb.Client{}, Request: &pb.OAuthRequest{Parameters: parameters},
				SubjectToken: &pb.TokenFacts{Claims: claim}, ClientScopes: &pb.ClientScopeFacts{NotInTokenScope: c.notIn},
			})
			o := soleObligation(t, resp).GetRestrictScopes()
			if o == nil {
				t.Fatalf("%s, %s: no restriction of scopes", c.name, event)
			}
			if diff := cmp.Diff(c.want, o.Scopes); diff != "" && len(c.want)+len(o.Scopes) > 0 {
				t.Errorf("%s, %s (-want +got):\n%s", c.name, event, diff)
			}
		}
	}
}
