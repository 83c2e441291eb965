package oidc_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/sidegate/sidegate/internal/auth"
	"github.com/sidegate/sidegate/internal/auth/oidc"
)

func TestAlgorithms(t *testing.T) {
	for algorithm, byDefault := range map[jose.SignatureAlgorithm]bool{
		jose.RS256: true, jose.PS256: true, jose.ES256: true, jose.EdDSA: true, jose.RS512: false, jose.ES384: false,
	} {
		s := newSigner(t, algorithm, "k")
		_, err := newWorld(t, newFake(s.key()), nil).Authenticate(t.Context(), s.token(t, good()))
		if byDefault != (err == nil) {
			t.Errorf("%s by default: %v", algorithm, err)
		}
		only := newWorld(t, newFake(s.key()), func(o *oidc.Options) { o.Algorithms = []string{string(algorithm)} })
		if p, err := only.Authenticate(t.Context(), s.token(t, good())); err != nil || p.Role("r") != auth.Admin {
			t.Errorf("%s: %v, %v", algorithm, p, err)
		}
		other := newWorld(t, newFake(s.key()), func(o *oidc.Options) { o.Algorithms = []string{"PS512"} })
		if _, err := other.Authenticate(t.Context(), s.token(t, good())); !errors.Is(err, auth.ErrUnknownToken) || other.fetches() != 0 {
			t.Errorf("%s where PS512 is taken: %v", algorithm, err)
		}
	}
}

// The ways by which tokens are said to be signed although nobody signed them.
func TestForgedTokens(t *testing.T) {
	s := newSigner(t, jose.RS256, "k")
	w := newWorld(t, newFake(s.key()), nil)
	genuine := s.token(t, good())
	parts := strings.Split(genuine, ".")
	header := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	der, err := x509.MarshalPKIXPublicKey(s.public)
	if err != nil {
		t.Fatal(err)
	}
	shared := &signer{algorithm: jose.HS256, id: "k", private: der}
	stranger := newSigner(t, jose.RS256, "k")
	embedded := newSigner(t, jose.ES256, "")
	own, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: embedded.private}, &jose.SignerOptions{EmbedJWK: true})
	if err != nil {
		t.Fatal(err)
	}
	payload, _ := json.Marshal(good())
	bySelf, err := own.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	withOwnKey, _ := bySelf.CompactSerialize()
	full := bySelf.FullSerialize()
	for what, token := range map[string]string{
		"none":             header(`{"alg":"none"}`) + "." + parts[1] + ".",
		"None":             header(`{"alg":"None","kid":"k"}`) + "." + parts[1] + ".",
		"none, signed":     header(`{"alg":"none","kid":"k"}`) + "." + parts[1] + "." + parts[2],
		"shared secret":    shared.token(t, good()),
		"another key":      stranger.token(t, good()),
		"embedded key":     withOwnKey,
		"JSON":             full,
		"no signature":     parts[0] + "." + parts[1] + ".",
		"another payload":  parts[0] + "." + header(string(payload)+" ") + "." + parts[2],
		"another header":   header(`{"alg":"RS256","kid":"k","typ":"JWT"}`) + " ." + parts[1] + "." + parts[2],
		"two parts":        parts[0] + "." + parts[1],
		"encrypted":        genuine + ".x.y",
		"critical header":  header(`{"alg":"RS256","kid":"k","crit":["x"],"x":1}`) + "." + parts[1] + "." + parts[2],
		"algorithm of two": header(`{"alg":"RS256","alg":"none","kid":"k"}`) + "." + parts[1] + "." + parts[2],
		"empty":            "",
	} {
		p, err := w.Authenticate(t.Context(), token)
		if !errors.Is(err, auth.ErrUnknownToken) {
			t.Errorf("%s: %v, %v", what, p, err)
		}
	}
	if _, err := w.Authenticate(t.Context(), genuine); err != nil {
		t.Error(err)
	}
}

func TestClaimsThatAreRefused(t *testing.T) {
	s := newSigner(t, jose.ES256, "k")
	w := newWorld(t, newFake(s.key()), func(o *oidc.Options) { o.ClockSkew = time.Minute })
	now := time.Now()
	for what, c := range map[string]struct {
		claims map[string]any
		want   error
	}{
		"good":                  {nil, nil},
		"audience in a list":    {map[string]any{"aud": []string{"x", audience}}, nil},
		"expired within skew":   {map[string]any{"exp": now.Add(-30 * time.Second).Unix()}, nil},
		"ID token":              {map[string]any{"typ": "ID"}, nil},
		"early within skew":     {map[string]any{"nbf": now.Add(30 * time.Second).Unix(), "iat": now.Add(30 * time.Second).Unix()}, nil},
		"expired":               {map[string]any{"exp": now.Add(-2 * time.Minute).Unix()}, auth.ErrTokenExpired},
		"no expiry":             {map[string]any{"exp": nil}, auth.ErrUnknownToken},
		"expiry as text":        {map[string]any{"exp": "9999999999"}, auth.ErrUnknownToken},
		"expiry out of range":   {map[string]any{"exp": 1e30}, auth.ErrUnknownToken},
		"negative expiry":       {map[string]any{"exp": -1}, auth.ErrUnknownToken},
		"not yet":               {map[string]any{"nbf": now.Add(2 * time.Minute).Unix()}, auth.ErrUnknownToken},
		"not yet, no number":    {map[string]any{"nbf": true}, auth.ErrUnknownToken},
		"issued in the future":  {map[string]any{"iat": now.Add(2 * time.Minute).Unix()}, auth.ErrUnknownToken},
		"another audience":      {map[string]any{"aud": "other"}, auth.ErrUnknownToken},
		"no audience":           {map[string]any{"aud": nil}, auth.ErrUnknownToken},
		"part of the audience":  {map[string]any{"aud": audience + "2"}, auth.ErrUnknownToken},
		"another issuer":        {map[string]any{"iss": name + "/"}, auth.ErrUnknownToken},
		"no issuer":             {map[string]any{"iss": nil}, auth.ErrUnknownToken},
		"refresh token":         {map[string]any{"typ": "Refresh"}, auth.ErrUnknownToken},
		"typ no text":           {map[string]any{"typ": 1}, auth.ErrUnknownToken},
		"logout token":          {map[string]any{"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}}, auth.ErrUnknownToken},
		"no subject":            {map[string]any{"sub": nil}, auth.ErrUnknownToken},
		"empty subject":         {map[string]any{"sub": ""}, auth.ErrUnknownToken},
		"longest subject":       {map[string]any{"sub": strings.Repeat("x", 255)}, nil},
		"too long a subject":    {map[string]any{"sub": strings.Repeat("x", 256)}, auth.ErrUnknownToken},
		"line in the subject":   {map[string]any{"sub": "a\nb"}, auth.ErrUnknownToken},
		"subject no text":       {map[string]any{"sub": 7}, auth.ErrUnknownToken},
		"bound to a DPoP key":   {map[string]any{"cnf": map[string]any{"jkt": "x"}}, auth.ErrUnknownToken},
		"bound to nothing":      {map[string]any{"cnf": map[string]any{}}, auth.ErrUnknownToken},
		"bound to a text":       {map[string]any{"cnf": "x"}, auth.ErrUnknownToken},
		"bound to another cert": {map[string]any{"cnf": map[string]any{"x5t#S256": "x"}}, auth.ErrUnknownToken},
	} {
		p, err := w.Authenticate(t.Context(), s.token(t, with(c.claims)))
		if !errors.Is(err, c.want) || c.want == nil && p == nil {
			t.Errorf("%s: %v, %v", what, p, err)
		}
		if err != nil && strings.Contains(err.Error(), "ey") && strings.Contains(err.Error(), ".ey") {
			t.Errorf("%s: the token is told: %v", what, err)
		}
	}
}

func TestTypes(t *testing.T) {
	s := newSigner(t, jose.ES256, "k")
	w := newWorld(t, newFake(s.key()), nil)
	for kind, want := range map[string]bool{
		"": true, "JWT": true, "jwt": true, "at+jwt": true, "application/at+jwt": true, "AT+JWT": true,
		"logout+jwt": false, "dpop+jwt": false, "secevent+jwt": false, "application/": false, "jws": false,
	} {
		if _, err := w.Authenticate(t.Context(), s.typed(t, kind, good())); want != (err == nil) {
			t.Errorf("%q: %v", kind, err)
		}
	}
}

// A token that is bound to a certificate is good with that one alone.
func TestBoundToCertificate(t *testing.T) {
	s := newSigner(t, jose.ES256, "k")
	w := newWorld(t, newFake(s.key()), nil)
	leaf := &x509.Certificate{Raw: []byte("the certificate")}
	sum := sha256.Sum256(leaf.Raw)
	token := s.token(t, with(map[string]any{"cnf": map[string]any{"x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])}}))
	if _, err := w.Authenticate(auth.WithCertificate(t.Context(), leaf), token); err != nil {
		t.Error(err)
	}
	if _, err := w.Authenticate(t.Context(), token); !errors.Is(err, auth.ErrUnknownToken) {
		t.Errorf("without: %v", err)
	}
	if _, err := w.Authenticate(auth.WithCertificate(t.Context(), &x509.Certificate{Raw: []byte("x")}), token); !errors.Is(err, auth.ErrUnknownToken) {
		t.Errorf("with another: %v", err)
	}
}

func TestTokenSize(t *testing.T) {
	s := newSigner(t, jose.ES256, "k")
	token := s.token(t, good())
	for limit, want := range map[int]bool{len(token): true, len(token) - 1: false} {
		w := newWorld(t, newFake(s.key()), func(o *oidc.Options) { o.MaxTokenBytes = limit })
		if _, err := w.Authenticate(t.Context(), token); want != (err == nil) || err != nil && !errors.Is(err, auth.ErrUnknownToken) {
			t.Errorf("%d of %d: %v", len(token), limit, err)
		}
	}
}

func TestPrincipals(t *testing.T) {
	s := newSigner(t, jose.ES256, "k")
	w := newWorld(t, newFake(s.key()), nil)
	for shown, want := range map[any]string{
		nil: "", "alice": " (alice)", "": "", "u-1": "", "a\nb": "", strings.Repeat("x", 65): "", 7: "", strings.Repeat("x", 64): " (" + strings.Repeat("x", 64) + ")",
	} {
		p, err := w.Authenticate(t.Context(), s.token(t, with(map[string]any{"preferred_username": shown})))
		if err != nil || p.Author() != "oidc:"+name+"#u-1"+want {
			t.Errorf("%v: %v, %v", shown, p, err)
		}
	}
}

func TestRoles(t *testing.T) {
	s := newSigner(t, jose.ES256, "k")
	mappings := []oidc.Mapping{
		{Claim: "groups", Value: "ops", Realm: "*", Role: auth.Viewer},
		{Claim: "groups", Value: "ops", Realm: "a", Role: auth.Editor},
		{Claim: "groups", Value: "both", Realm: "a", Role: auth.Evaluator},
		{Claim: "realm_access.roles", Value: "boss", Realm: "b", Role: auth.Admin},
		{Claim: "/https:~1~1example.com~1roles/x.y~0", Value: "v", Realm: "c", Role: auth.Editor},
		{Claim: "scope", Value: "sidegate", Realm: "d", Role: auth.Evaluator},
		{Claim: "scope.x", Value: "sidegate", Realm: "e", Role: auth.Admin},
	}
	access := func(client string, roles ...string) map[string]any {
		return map[string]any{"resource_access": map[string]any{client: map[string]any{"roles": roles}}}
	}
	type roles = map[string]auth.Role
	for what, c := range map[string]struct {
		claims map[string]any
		want   roles
	}{
		"none":                {map[string]any{}, roles{}},
		"text":                {map[string]any{"groups": "ops"}, roles{"*": auth.Viewer, "a": auth.Editor}},
		"list":                {map[string]any{"groups": []any{"x", 1, "both", "ops"}}, roles{"*": auth.Viewer, "a": auth.Editor}},
		"letter case":         {map[string]any{"groups": []any{"OPS"}, "GROUPS": []any{"ops"}}, roles{}},
		"part":                {map[string]any{"groups": "ops both"}, roles{}},
		"object":              {map[string]any{"groups": map[string]any{"ops": true}}, roles{}},
		"nested":              {map[string]any{"realm_access": map[string]any{"roles": []any{"boss"}}}, roles{"b": auth.Admin}},
		"too nested":          {map[string]any{"realm_access": []any{map[string]any{"roles": "boss"}}}, roles{}},
		"pointer":             {map[string]any{"https://example.com/roles": map[string]any{"x.y~": "v"}}, roles{"c": auth.Editor}},
		"scope":               {map[string]any{"scope": "openid sidegate"}, roles{"d": auth.Evaluator}},
		"view":                {map[string]any{"realm_access": map[string]any{"roles": []any{"view-realm"}}}, roles{"bank": auth.Viewer}},
		"manage and view":     {map[string]any{"realm_access": map[string]any{"roles": []any{"manage-clients", "view-clients"}}}, roles{"bank": auth.Editor}},
		"other roles":         {map[string]any{"realm_access": map[string]any{"roles": []any{"manage-users", "admin", "realm-admin"}}}, roles{}},
		"realm-management":    {access("realm-management", "manage-realm"), roles{"bank": auth.Editor}},
		"another client":      {access("some-app", "manage-realm"), roles{}},
		"a client's own name": {access("bank-realm", "manage-realm"), roles{}},
	} {
		claims := with(c.claims)
		if _, sent := c.claims["groups"]; !sent {
			delete(claims, "groups")
		}
		w := newWorld(t, newFake(s.key()), func(o *oidc.Options) { o.Roles, o.KeycloakRoles = mappings, true })
		p, err := w.Authenticate(t.Context(), s.token(t, claims))
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if diff := cmp.Diff(c.want, p.Roles); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	w := newWorld(t, newFake(s.key()), nil)
	if p, err := w.Authenticate(t.Context(), s.token(t, with(access("realm-management", "manage-realm")))); err != nil || p.Role("bank") != auth.Admin || p.Roles["bank"] != auth.NoRole {
		t.Errorf("Keycloak's roles count unasked: %v, %v", p, err)
	}
}

func TestOptions(t *testing.T) {
	for what, c := range map[string]struct {
		change func(*oidc.Options)
		want   string
	}{
		"no issuer":             {func(o *oidc.Options) { o.Issuer = "" }, "issuer"},
		"plain text":            {func(o *oidc.Options) { o.Issuer = "http://idp.example/realms/bank" }, "https"},
		"looks like loopback":   {func(o *oidc.Options) { o.Issuer = "http://127.0.0.1.example/realms/bank" }, "https"},
		"another scheme":        {func(o *oidc.Options) { o.Issuer = "file:///realms/bank" }, "issuer"},
		"query":                 {func(o *oidc.Options) { o.Issuer += "?x=1" }, "query"},
		"fragment":              {func(o *oidc.Options) { o.Issuer += "#x" }, "fragment"},
		"user":                  {func(o *oidc.Options) { o.Issuer = "https://a:b@idp.example" }, "user"},
		"long":                  {func(o *oidc.Options) { o.Issuer = "https://idp.example/" + strings.Repeat("x", 493) }, "512"},
		"keys with a query":     {func(o *oidc.Options) { o.JWKSURL = "https://idp.example/keys?p=x" }, ""},
		"user in keys":          {func(o *oidc.Options) { o.JWKSURL = "https://a:pw@idp.example/keys" }, "jwks-url"},
		"plain text keys":       {func(o *oidc.Options) { o.JWKSURL = "http://idp.example/keys" }, "jwks-url"},
		"no audience":           {func(o *oidc.Options) { o.Audience = "" }, "audience"},
		"none":                  {func(o *oidc.Options) { o.Algorithms = []string{"none"} }, "algorithm"},
		"shared secret":         {func(o *oidc.Options) { o.Algorithms = []string{"RS256", "HS256"} }, "algorithm"},
		"negative skew":         {func(o *oidc.Options) { o.ClockSkew = -1 }, "skew"},
		"large skew":            {func(o *oidc.Options) { o.ClockSkew = 5*time.Minute + 1 }, "skew"},
		"large token":           {func(o *oidc.Options) { o.MaxTokenBytes = 32<<10 + 1 }, "token size"},
		"no roles":              {func(o *oidc.Options) { o.Roles = nil }, "roles"},
		"too many":              {func(o *oidc.Options) { o.Roles = make([]oidc.Mapping, 1001) }, "1000"},
		"no claim":              {func(o *oidc.Options) { o.Roles[0].Claim = "" }, "roles[0]"},
		"claim with empty part": {func(o *oidc.Options) { o.Roles[0].Claim = "a..b" }, "roles[0]"},
		"no value":              {func(o *oidc.Options) { o.Roles[0].Value = "" }, "roles[0]"},
		"no realm":              {func(o *oidc.Options) { o.Roles[0].Realm = "" }, "roles[0]"},
		"no role":               {func(o *oidc.Options) { o.Roles[0].Role = auth.NoRole }, "roles[0]"},
		"no realm of Keycloak":  {func(o *oidc.Options) { o.Issuer, o.KeycloakRoles = "https://idp.example/bank", true }, "keycloak-roles"},
		"realm star":            {func(o *oidc.Options) { o.Issuer, o.KeycloakRoles = "https://idp.example/realms/*", true }, "keycloak-roles"},
		"empty realm":           {func(o *oidc.Options) { o.Issuer, o.KeycloakRoles = "https://idp.example/realms/", true }, "keycloak-roles"},
		"a realm with a slash":  {func(o *oidc.Options) { o.Issuer, o.KeycloakRoles = "https://idp.example/realms/a%2Fb", true }, "keycloak-roles"},
		"all limits": {func(o *oidc.Options) {
			o.Issuer, o.ClockSkew, o.MaxTokenBytes = "https://idp.example/"+strings.Repeat("x", 492), 5*time.Minute, 32<<10
		}, ""},
		"loopback":           {func(o *oidc.Options) { o.Issuer, o.JWKSURL = "http://127.0.0.1:8080/realms/bank", "http://localhost/x" }, ""},
		"loopback, six":      {func(o *oidc.Options) { o.Issuer = "http://[::1]:8080/realms/bank" }, ""},
		"Keycloak's realm":   {func(o *oidc.Options) { o.KeycloakRoles, o.Roles = true, nil }, ""},
		"realm with a blank": {func(o *oidc.Options) { o.Issuer, o.KeycloakRoles = "https://idp.example/auth/realms/my%20bank", true }, ""},
	} {
		o := oidc.Options{Issuer: name, Audience: audience, Roles: []oidc.Mapping{{Claim: "groups", Value: "ops", Realm: "*", Role: auth.Admin}}}
		c.change(&o)
		i, err := oidc.New(o, nopLog, auth.NewReporter(nopLog, nil))
		if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", what, err)
		}
		if i != nil {
			if i.Issuer() != o.Issuer {
				t.Error(i.Issuer())
			}
			i.Close()
		}
	}
	_, err := oidc.New(oidc.Options{Issuer: "x", ClockSkew: -1}, nopLog, nil)
	for _, want := range []string{"issuer", "audience", "skew", "roles"} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s is not told: %v", want, err)
		}
	}
}
