package auth_test

import (
	"crypto/ecdsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/zap"

	"github.com/sidegate/sidegate/internal/auth"
	"github.com/sidegate/sidegate/internal/auth/oidc"
)

// idp is an OpenID Connect issuer that tests own.
type idp struct {
	url string
	key *ecdsa.PrivateKey
}

const audience = "sidegate"

// newIDP runs an issuer and what recognises its tokens: a claim `role@realm` for
// every role and realm.
func newIDP(t testing.TB, reporter *auth.Reporter, realms ...string) (*idp, *oidc.Issuer) {
	t.Helper()
	i := &idp{key: newKey(t)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body any = map[string]any{"issuer": i.url, "jwks_uri": i.url + "/keys"}
		if r.URL.Path == "/keys" {
			body = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &i.key.PublicKey, KeyID: "k", Use: "sig", Algorithm: "ES256"}}}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(body)
	}))
	t.Cleanup(server.Close)
	i.url = server.URL
	o := oidc.Options{Issuer: i.url, Audience: audience}
	for _, role := range roles {
		for _, realm := range realms {
			o.Roles = append(o.Roles, oidc.Mapping{Claim: "groups", Value: role.String() + "@" + realm, Realm: realm, Role: role})
		}
	}
	issuer, err := oidc.New(o, zap.NewNop(), reporter)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(issuer.Close)
	return i, issuer
}

// token makes a token of somebody in a group, that expires when told.
func (i *idp) token(t testing.TB, group string, expires time.Time) string {
	t.Helper()
	return i.signed(t, i.key, map[string]any{"iss": i.url, "aud": audience, "sub": group, "groups": []string{group}, "exp": expires.Unix()})
}

func (i *idp) signed(t testing.TB, key *ecdsa.PrivateKey, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, (&jose.SignerOptions{}).WithType("at+jwt"))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}
