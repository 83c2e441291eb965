package zitadel_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/testing/protocmp"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

func allowWith(t *testing.T, mutations ...string) *clientpolicyv1.EvaluateResponse {
	t.Helper()
	out := &clientpolicyv1.EvaluateResponse{}
	if err := protojson.Unmarshal([]byte(`{"decision":"DECISION_ALLOW","reason":"REASON_POLICIES_PASSED","mutations":[`+strings.Join(mutations, ",")+`]}`), out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRegisterMapsMetadata(t *testing.T) {
	p := start(t)
	r := p.register(`{"client_name":"New","client_uri":"https://new.example","redirect_uris":["https://new.example/cb"],
		"grant_types":["authorization_code","refresh_token","client_credentials","implicit","password","` + deviceURN + `","` + exchangeURN + `","` + bearerURN + `"],
		"response_types":["code","id_token token"],"token_endpoint_auth_method":"tls_client_auth","scope":"openid api","jwks_uri":"https://new.example/keys",
		"tls_client_certificate_bound_access_tokens":true,"dpop_bound_access_tokens":false,"require_pushed_authorization_requests":true,
		"id_token_signed_response_alg":"PS256","userinfo_signed_response_alg":"PS256","request_object_signing_alg":"PS256","token_endpoint_auth_signing_alg":"PS256",
		"post_logout_redirect_uris":["https://new.example/a","https://new.example/b"],"logo_uri":"https://new.example/l","policy_uri":"https://new.example/p","tos_uri":"https://new.example/t",
		"software_id":"ignored"}`)
	r.wantError(t, 400, "invalid_client_metadata") // the provider's own word, after the policies'
	got := p.pdp.last(clientpolicyv1.Event_EVENT_REGISTER).GetProposedClient()
	want := &clientpolicyv1.Client{}
	if err := protojson.Unmarshal([]byte(`{"clientId":"`+got.GetClientId()+`","name":"New","baseUrl":"https://new.example","protocol":"openid-connect","enabled":true,
		"bearerOnly":false,"consentRequired":false,"fullScopeAllowed":true,"frontchannelLogout":false,"publicClient":false,"standardFlowEnabled":true,"implicitFlowEnabled":true,
		"directAccessGrantsEnabled":true,"serviceAccountsEnabled":true,"clientAuthenticatorType":"client-x509","redirectUris":["https://new.example/cb"],"optionalClientScopes":["api"],
		"attributes":{"logoUri":"https://new.example/l","policyUri":"https://new.example/p","tosUri":"https://new.example/t","post.logout.redirect.uris":"https://new.example/a##https://new.example/b",
		"token.endpoint.auth.signing.alg":"PS256","id.token.signed.response.alg":"PS256","user.info.response.signature.alg":"PS256","request.object.signature.alg":"PS256","jwks.url":"https://new.example/keys",
		"tls.client.certificate.bound.access.tokens":"true","dpop.bound.access.tokens":"false","require.pushed.authorization.requests":"true",
		"oauth2.device.authorization.grant.enabled":"true","standard.token.exchange.enabled":"true","oauth2.jwt.authorization.grant.enabled":"true","use.refresh.tokens":"true"}}`), want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if slices.Contains(p.pdp.events(), clientpolicyv1.Event_EVENT_REGISTERED) {
		t.Error("REGISTERED asked about a client that the provider refuses")
	}
}

func TestRegisterAppliesMutations(t *testing.T) {
	p := start(t)
	set := func(target, path, value, previous string) string {
		return `{"op":"OP_SET","target":"` + target + `","path":"` + path + `","value":` + value + `,"previous":` + previous + `}`
	}
	p.pdp.set(clientpolicyv1.Event_EVENT_REGISTER, allowWith(t,
		set("TARGET_PROPOSED", "/fullScopeAllowed", "false", "true"),
		set("TARGET_PROPOSED", "/consentRequired", "true", "false"),
		set("TARGET_PROPOSED", "/implicitFlowEnabled", "false", "true"),
		set("TARGET_PROPOSED", "/attributes/pkce.code.challenge.method", `"S256"`, "null")))
	p.pdp.set(clientpolicyv1.Event_EVENT_REGISTERED, allowWith(t, set("TARGET_STORED", "/name", `"Named"`, "null")))
	r := p.register(`{"redirect_uris":["https://new.example/cb"],"grant_types":["authorization_code","implicit","refresh_token"],"scope":"profile"}`)
	if r.StatusCode != http.StatusCreated || r.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s", r.StatusCode, r.text)
	}
	var got struct {
		ClientID      string   `json:"client_id"`
		Secret        string   `json:"client_secret"`
		ExpiresAt     *int64   `json:"client_secret_expires_at"`
		Name          string   `json:"client_name"`
		PKCE          string   `json:"code_challenge_method"`
		Consent       bool     `json:"consent_required"`
		FullScope     *bool    `json:"full_scope_allowed"`
		GrantTypes    []string `json:"grant_types"`
		ResponseTypes []string `json:"response_types"`
		Method        string   `json:"token_endpoint_auth_method"`
		Scope         string   `json:"scope"`
	}
	if err := json.Unmarshal([]byte(r.text), &got); err != nil {
		t.Fatal(err)
	}
	if got.PKCE != "S256" || !got.Consent || got.FullScope == nil || *got.FullScope || got.Name != "Named" || got.Method != "client_secret_basic" ||
		got.Secret == "" || got.ExpiresAt == nil || got.Scope != "openid profile" || !slices.Equal(got.GrantTypes, []string{"authorization_code", "refresh_token"}) || !slices.Equal(got.ResponseTypes, []string{"code"}) {
		t.Errorf("%s", r.text)
	}
	if q := p.pdp.last(clientpolicyv1.Event_EVENT_REGISTERED); q.GetClient().GetFullScopeAllowed() || q.GetClient().GetAttributes()["pkce.code.challenge.method"] != "S256" {
		t.Errorf("REGISTERED %v", q.GetClient())
	}
	// The client works, and its own demand for PKCE holds even where policies allow.
	q := authorization("client_id", got.ClientID, "redirect_uri", "https://new.example/cb", "code_challenge", "", "code_challenge_method", "")
	if l := p.get("/authorize?" + q.Encode()).Header.Get("Location"); !strings.Contains(l, "error=invalid_request") {
		t.Errorf("without PKCE: %q", l)
	}
	form := with(redemption(p.signIn(authorization("client_id", got.ClientID, "redirect_uri", "https://new.example/cb"))), "redirect_uri", "https://new.example/cb")
	req := p.request(http.MethodPost, "/oauth/token", form.Encode(), "application/x-www-form-urlencoded")
	req.SetBasicAuth(got.ClientID, got.Secret)
	if r := p.do(req); r.StatusCode != 200 {
		t.Errorf("token of the new client: %d %s", r.StatusCode, r.text)
	}
}

func TestRegisterRefusesMutationsItCannotApply(t *testing.T) {
	for name, tc := range map[string]struct {
		mutation string
		status   int
		code     string
	}{
		"stale":    {`{"op":"OP_SET","target":"TARGET_PROPOSED","path":"/fullScopeAllowed","value":false,"previous":false}`, 503, "temporarily_unavailable"},
		"unknown":  {`{"op":"OP_SET","target":"TARGET_PROPOSED","path":"/nope","value":false}`, 500, "server_error"},
		"no such":  {`{"op":"OP_SET","target":"TARGET_STORED","path":"/name","value":"x"}`, 500, "server_error"},
		"too much": {`{"op":"OP_SET","target":"TARGET_PROPOSED","path":"/attributes/dpop.bound.access.tokens","value":"true"}`, 400, "invalid_client_metadata"},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t)
			p.pdp.set(clientpolicyv1.Event_EVENT_REGISTER, allowWith(t, tc.mutation))
			r := p.register(`{"redirect_uris":["https://new.example/cb"]}`)
			r.wantError(t, tc.status, tc.code)
			if q := p.pdp.last(clientpolicyv1.Event_EVENT_REGISTER); storedHas(p, q.GetProposedClient().GetClientId()) {
				t.Error("a refused client is stored")
			}
		})
	}
}

func storedHas(p *idp, id string) bool {
	_, ok := p.store.Client(id)
	return ok
}

func TestRejectedClientsAreNotStored(t *testing.T) {
	for _, e := range []clientpolicyv1.Event{clientpolicyv1.Event_EVENT_REGISTER, clientpolicyv1.Event_EVENT_REGISTERED} {
		p := start(t)
		p.pdp.set(e, reject("no_way", "no", 403, direct))
		p.register(`{"redirect_uris":["https://new.example/cb"]}`).wantError(t, 403, "no_way")
		q := p.pdp.last(clientpolicyv1.Event_EVENT_REGISTER)
		if storedHas(p, q.GetProposedClient().GetClientId()) {
			t.Errorf("%v: a refused client is stored", e)
		}
	}
}

func TestRegisterReadsStrictly(t *testing.T) {
	p := start(t)
	uri := `"redirect_uris":["https://new.example/cb"]`
	for name, tc := range map[string]struct {
		doc  string
		want int
		code string
	}{
		"duplicate":           {`{` + uri + `,` + uri + `}`, 400, "invalid_client_metadata"},
		"duplicate inside":    {`{` + uri + `,"jwks":{"keys":[],"keys":[]}}`, 400, "invalid_client_metadata"},
		"duplicate by case":   {`{` + uri + `,"Redirect_Uris":[]}`, 400, "invalid_client_metadata"},
		"trailing":            {`{` + uri + `} {}`, 400, "invalid_client_metadata"},
		"array":               {`[]`, 400, "invalid_client_metadata"},
		"empty":               {``, 400, "invalid_client_metadata"},
		"cut off":             {`{` + uri, 400, "invalid_client_metadata"},
		"deep":                {`{` + uri + `,"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, 400, "invalid_client_metadata"},
		"wrong type":          {`{"redirect_uris":"https://new.example/cb"}`, 400, "invalid_client_metadata"},
		"large":               {`{` + uri + `,"x":"` + strings.Repeat("y", 70<<10) + `"}`, 413, "invalid_client_metadata"},
		"unknown method":      {`{` + uri + `,"token_endpoint_auth_method":"magic"}`, 400, "invalid_client_metadata"},
		"unknown grant":       {`{` + uri + `,"grant_types":["magic"]}`, 400, "invalid_client_metadata"},
		"no redirect URI":     {`{}`, 400, "invalid_redirect_uri"},
		"fragment":            {`{"redirect_uris":["https://new.example/cb#x"]}`, 400, "invalid_redirect_uri"},
		"wildcard":            {`{"redirect_uris":["https://new.example/*"]}`, 400, "invalid_redirect_uri"},
		"http":                {`{"redirect_uris":["http://new.example/cb"]}`, 400, "invalid_redirect_uri"},
		"script":              {`{"redirect_uris":["javascript:alert(1)"]}`, 400, "invalid_redirect_uri"},
		"bad post logout URI": {`{` + uri + `,"post_logout_redirect_uris":["cb"]}`, 400, "invalid_redirect_uri"},
		"many URIs":           {`{"redirect_uris":[` + strings.Repeat(`"https://a.example",`, 30) + `"https://a.example"]}`, 400, "invalid_client_metadata"},
		"key without keys":    {`{` + uri + `,"token_endpoint_auth_method":"private_key_jwt"}`, 400, "invalid_client_metadata"},
		"no keys":             {`{` + uri + `,"token_endpoint_auth_method":"private_key_jwt","jwks":{"keys":[]}}`, 400, "invalid_client_metadata"},
		"secret key":          {`{` + uri + `,"token_endpoint_auth_method":"private_key_jwt","jwks":{"keys":[{"kty":"oct","k":"AAAA","kid":"1"}]}}`, 400, "invalid_client_metadata"},
		"public machine":      {`{"token_endpoint_auth_method":"none","grant_types":["client_credentials"]}`, 400, "invalid_client_metadata"},
	} {
		t.Run(name, func(t *testing.T) {
			p.register(tc.doc).wantError(t, tc.want, tc.code)
		})
	}
	p.do(p.request(http.MethodPost, "/register", `{}`, "text/plain")).wantError(t, 415, "invalid_client_metadata")
	for _, doc := range []string{
		`{` + uri + `,"software_version":"7"}`,
		`{"redirect_uris":["http://127.0.0.1/cb"],"token_endpoint_auth_method":"none"}`,
		`{"redirect_uris":["com.example.app:/cb"],"token_endpoint_auth_method":"none"}`,
		`{"grant_types":["client_credentials"],"token_endpoint_auth_method":"client_secret_post","scope":"api"}`,
	} {
		if r := p.register(doc); r.StatusCode != http.StatusCreated {
			t.Errorf("%s: %d %s", doc, r.StatusCode, r.text)
		}
	}
}

func TestSecretByFormAndByKey(t *testing.T) {
	p := start(t)
	r := p.register(`{"grant_types":["client_credentials"],"token_endpoint_auth_method":"client_secret_post","scope":"api"}`)
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"api"}, "client_id": {r.field("client_id")}, "client_secret": {r.field("client_secret")}}
	if got := p.post("/oauth/token", form); got.StatusCode != 200 {
		t.Errorf("secret in the form: %d %s", got.StatusCode, got.text)
	}
	robot, _ := p.store.Client("robot")
	jwks := robot.Document().GetAttributes()["jwks.string"]
	r = p.register(`{"grant_types":["client_credentials"],"token_endpoint_auth_method":"private_key_jwt","scope":"api","jwks":` + jwks + `}`)
	if r.StatusCode != 201 || r.field("client_secret") != "" {
		t.Fatalf("%d %s", r.StatusCode, r.text)
	}
	id := r.field("client_id")
	form = url.Values{"grant_type": {"client_credentials"}, "scope": {"api"}, "client_assertion": {p.assertion(map[string]any{"iss": id, "sub": id})}, "client_assertion_type": {assertURN}}
	if got := p.post("/oauth/token", form); got.StatusCode != 200 {
		t.Errorf("by key: %d %s", got.StatusCode, got.text)
	}
}

func TestNativeLoopbackPortIsFree(t *testing.T) {
	p := start(t)
	id := p.register(`{"redirect_uris":["http://127.0.0.1/cb"],"token_endpoint_auth_method":"none"}`).field("client_id")
	for uri, want := range map[string]string{"http://127.0.0.1:7777/cb": "/login/username", "http://127.0.0.1:7777/other": "", "http://evil.example/cb": ""} {
		r := p.get("/authorize?" + authorization("client_id", id, "redirect_uri", uri).Encode())
		if !strings.HasPrefix(r.Header.Get("Location"), want) || (want == "") != (r.StatusCode == 400) {
			t.Errorf("%s: %d %q", uri, r.StatusCode, r.Header.Get("Location"))
		}
	}
}
