package catalog_test

import (
	"encoding/base64"
	"maps"
	"slices"
	"testing"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/catalog"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
	"github.com/sidegate/sidegate/pdp/profiles"
	"google.golang.org/protobuf/encoding/protojson"
	"pgregory.net/rapid"
)

// Requests that pass as they stand. Each has room for a text that somebody must read.
const (
	s256Query = `"code_challenge_method":"S256","code_challenge":"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
		"response_type":"code","scope":"openid","nonce":"n","redirect_uri":"https://shop.example/cb","dpop_jkt":"k","response_mode":"jwt","binding_message":"b"`
	authorization = `{"event":"EVENT_AUTHORIZATION_REQUEST","client":{"clientId":"shop"},"issuer":"https://idp.example",
		"request":{"parameters":{` + s256Query + `},"requestObject":{"source":"SOURCE_REQUEST","claims":{"client_id":"shop"}}}}`
	pushed = `{"event":"EVENT_PUSHED_AUTHORIZATION_REQUEST","client":{"clientId":"shop"},"issuer":"https://idp.example",
		"request":{"parameters":{` + s256Query + `},"requestObject":{"source":"SOURCE_REQUEST","claims":{"response_type":"code","redirect_uri":"https://shop.example/cb"}}}}`
	backchannel = `{"event":"EVENT_BACKCHANNEL_AUTHENTICATION_REQUEST","client":{"clientId":"shop"},"issuer":"https://idp.example",
		"request":{"parameters":{"binding_message":"b"},"requestObject":{"source":"SOURCE_REQUEST","claims":{"client_id":"shop"}}}}`
	tokenRequest = `{"event":"EVENT_TOKEN_REQUEST","client":{"clientId":"shop","clientAuthenticatorType":"client-jwt"},"issuer":"https://idp.example","request":{},
		"clientAuthentication":{"authenticator":"client-jwt","assertion":{"alg":"PS256","claims":{"aud":"https://idp.example"}}}}`
	codeRequest = `{"event":"EVENT_TOKEN_REQUEST","client":{"clientId":"shop","attributes":{"client.secret.expiration.time":"4102444800"}},"request":{}}`
	preRequest  = `{"event":"EVENT_PRE_AUTHORIZATION_REQUEST","client":{"clientId":"https://shop.example/c","attributes":{"cimd.cache.expiry.time.in.sec":"4102444800"}},
		"request":{"parameters":{"client_id":"https://shop.example/c","redirect_uri":"https://shop.example/cb"}}}`
)

// reading is what a provider reads out of a text.
type reading struct {
	id, config, request string
	spoil               func(req *pb.EvaluateRequest, text string)
}

var readings = map[string]reading{
	"pkce-enforcer":                          {"pkce-enforcer", `{}`, authorization, spoilObject},
	"secure-session":                         {"secure-session", `{}`, authorization, spoilObject},
	"secure-response-type":                   {"secure-response-type", `{}`, authorization, spoilObject},
	"reject-implicit-grant":                  {"reject-implicit-grant", `{}`, authorization, spoilObject},
	"reject-implicit-grant pushed":           {"reject-implicit-grant", `{}`, pushed, spoilObject},
	"dpop-bind-enforcer":                     {"dpop-bind-enforcer", `{"enforce-authorization-code-binding-to-dpop":true}`, authorization, spoilObject},
	"secure-client-uris":                     {"secure-client-uris", `{}`, authorization, spoilObject},
	"secure-redirect-uris-enforcer":          {"secure-redirect-uris-enforcer", `{}`, authorization, spoilObject},
	"secure-par-content":                     {"secure-par-content", `{}`, pushed, spoilObject},
	"secure-ciba-session":                    {"secure-ciba-session", `{}`, backchannel, spoilObject},
	"secure-client-authentication-assertion": {"secure-client-authentication-assertion", `{}`, tokenRequest, spoilAssertion},
	"secure-signature-algorithm-signed-jwt":  {"secure-signature-algorithm-signed-jwt", `{}`, tokenRequest, spoilAssertion},
	"secret-rotation":                        {"secret-rotation", `{}`, codeRequest, spoilAttribute(oauth.AttrSecretExpiration)},
	"client-id-metadata-document": {"client-id-metadata-document", `{"cimd-allow-permitted-domains":["shop.example"]}`, preRequest,
		spoilAttribute(oauth.AttrMetadataCacheExpiry)},
}

func spoilObject(req *pb.EvaluateRequest, text string) {
	req.Request.RequestObject.Claims, req.Request.RequestObject.Compact = nil, text
}

func spoilAssertion(req *pb.EvaluateRequest, text string) {
	req.ClientAuthentication.Assertion = &pb.JwtFacts{Compact: text}
}

func spoilAttribute(name string) func(*pb.EvaluateRequest, string) {
	return func(req *pb.EvaluateRequest, text string) { req.Client.Attributes[name] = "x" + text }
}

// What cannot be read is never allowed: the same request passes when its texts can
// be read, and is refused, or a fault, when one cannot.
func TestUnreadableIsNeverAllowed(t *testing.T) {
	compiler, err := catalog.Compiler(profiles.None)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(readings)) {
		r := readings[name]
		t.Run(name, func(t *testing.T) {
			realm, errs := compiler.Compile(withExecutor(r.id, object(t, r.config)), nil)
			if len(errs) > 0 {
				t.Fatal(pdp.JoinErrors(errs))
			}
			if resp := answerOf(t, realm, parseRequest(t, r.request)); resp.Decision != pb.EvaluateResponse_DECISION_ALLOW {
				t.Fatalf("got %v, want the readable request allowed", resp)
			}
			rapid.Check(t, func(rt *rapid.T) {
				req := parseRequest(t, r.request)
				r.spoil(req, drawUnreadable(rt))
				if resp := answerOf(t, realm, req); resp.Decision != pb.EvaluateResponse_DECISION_REJECT {
					rt.Fatalf("got %v, want REJECT", resp)
				}
			})
		})
	}
}

// drawUnreadable draws texts that are no JWS: no parts, no base64url, no JSON objects,
// members twice, or an encrypted JWT, which only its addressee can read.
func drawUnreadable(t *rapid.T) string {
	part := func(json string) string { return base64.RawURLEncoding.EncodeToString([]byte(json)) }
	header := part(`{"alg":"PS256"}`)
	return rapid.OneOf(
		rapid.StringMatching(`[A-Za-z0-9_-]{1,40}`),
		rapid.Just(""), // nothing is told of it
		rapid.Just(header+"."),
		rapid.Just(header+".%%%."+header),
		rapid.Just(header+"."+part(`[]`)+".x"),
		rapid.Just(header+"."+part(`{"response_type":"code","response_type":"token"}`)+".c2ln"),
		rapid.Just(part(`{}`)+"."+part(`{}`)+".c2ln"),
		rapid.Just(part(`{"alg":"RSA-OAEP","enc":"A256GCM"}`)+".a2V5.aXY.dGV4dA.dGFn"),
	).Draw(t, "unreadable")
}

func parseRequest(t testing.TB, text string) *pb.EvaluateRequest {
	t.Helper()
	req := &pb.EvaluateRequest{}
	if err := protojson.Unmarshal([]byte(text), req); err != nil {
		t.Fatal(err)
	}
	return req
}
