package zitadel_test

import (
	"net/url"
	"testing"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

func obliged(o *clientpolicyv1.Obligation) *clientpolicyv1.EvaluateResponse {
	return &clientpolicyv1.EvaluateResponse{
		Decision: clientpolicyv1.EvaluateResponse_DECISION_ALLOW, Reason: clientpolicyv1.EvaluateResponse_REASON_POLICIES_PASSED,
		Obligations: []*clientpolicyv1.Obligation{o},
	}
}

var (
	suppress = &clientpolicyv1.Obligation{Obligation: &clientpolicyv1.Obligation_SuppressRefreshToken{SuppressRefreshToken: &clientpolicyv1.SuppressRefreshToken{}}}
	light    = &clientpolicyv1.Obligation{Obligation: &clientpolicyv1.Obligation_LightweightAccessToken{LightweightAccessToken: &clientpolicyv1.LightweightAccessToken{}}}
)

func restrict(scopes ...string) *clientpolicyv1.Obligation {
	return &clientpolicyv1.Obligation{Obligation: &clientpolicyv1.Obligation_RestrictScopes{RestrictScopes: &clientpolicyv1.RestrictScopes{Scopes: scopes}}}
}

func TestSuppressRefreshToken(t *testing.T) {
	p := start(t)
	token := refreshToken(p)
	p.pdp.set(clientpolicyv1.Event_EVENT_TOKEN_REFRESH_RESPONSE, obliged(suppress))
	for range 2 {
		r := refreshPlay(p, token)
		if r.StatusCode != 200 || r.field("access_token") == "" || r.field("refresh_token") != "" {
			t.Fatalf("%d %s: want no new refresh token, and the old one to stay good", r.StatusCode, r.text)
		}
	}
	p.pdp.set(clientpolicyv1.Event_EVENT_TOKEN_RESPONSE, obliged(suppress))
	if r := p.tokens(); r.field("refresh_token") != "" {
		t.Error("a refresh token for a code although it was to be suppressed")
	}
}

func TestLightweightAccessToken(t *testing.T) {
	p := start(t)
	if c := claimsOf(t, p.tokens().field("access_token")); c["preferred_username"] != "test-user2" || c["scope"] != "openid profile offline_access" {
		t.Fatalf("claims %v", c)
	}
	p.pdp.set(clientpolicyv1.Event_EVENT_TOKEN_REQUEST, obliged(light))
	c := claimsOf(t, p.tokens().field("access_token"))
	for name := range c {
		switch name {
		case "iss", "sub", "aud", "exp", "iat", "nbf", "jti", "client_id", "scope":
		default:
			t.Errorf("claim %s in a lightweight token", name)
		}
	}
}

func TestRestrictScopes(t *testing.T) {
	p := start(t)
	token := accessToken(p)
	form := url.Values{"grant_type": {exchangeURN}, "subject_token": {token}, "subject_token_type": {accessURN}}
	p.pdp.set(clientpolicyv1.Event_EVENT_TOKEN_EXCHANGE_REQUEST, obliged(restrict("profile", "email")))
	if c := claimsOf(t, p.post("/oauth/token", form).field("access_token")); c["scope"] != "profile" {
		t.Errorf("exchange: claims %v", c)
	}
	p.pdp.set(clientpolicyv1.Event_EVENT_JWT_AUTHORIZATION_GRANT, obliged(restrict()))
	r := p.post("/oauth/token", url.Values{"grant_type": {bearerURN}, "assertion": {p.assertion(nil)}, "scope": {"api"}})
	if r.StatusCode != 200 || claimsOf(t, r.field("access_token"))["scope"] != "" {
		t.Errorf("JWT grant: %s", r.text)
	}
	// Scopes cannot be restricted where the provider has not said it can.
	p.pdp.set(clientpolicyv1.Event_EVENT_SERVICE_ACCOUNT_TOKEN_REQUEST, obliged(restrict("x")))
	servicePlay(p, "").wantError(t, 500, "server_error")
}

func TestMutationOfAStoredClient(t *testing.T) {
	p := start(t)
	p.pdp.set(clientpolicyv1.Event_EVENT_SERVICE_ACCOUNT_TOKEN_REQUEST, allowWith(t,
		`{"op":"OP_SET","target":"TARGET_STORED","path":"/attributes/client.secret.expiration.time","value":"99"}`))
	if r := servicePlay(p, ""); r.StatusCode != 200 {
		t.Fatalf("%d %s", r.StatusCode, r.text)
	}
	c, _ := p.store.Client("web")
	if c.Document().GetAttributes()["client.secret.expiration.time"] != "99" {
		t.Error("the mutation was not applied")
	}
	// The same answer again is stale: `previous` is not what is stored now.
	servicePlay(p, "").wantError(t, 503, "temporarily_unavailable")
}
