package zitadel_test

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

func (r *reply) wantError(t *testing.T, status int, code string) {
	t.Helper()
	if r.StatusCode != status || r.field("error") != code {
		t.Errorf("%d %s, want %d %s", r.StatusCode, r.text, status, code)
	}
}

// with is a copy of a form with some values changed; "" removes one.
func with(form url.Values, change ...string) url.Values {
	out := maps.Clone(form)
	for i := 0; i+1 < len(change); i += 2 {
		if change[i+1] == "" {
			out.Del(change[i])
			continue
		}
		out[change[i]] = []string{change[i+1]}
	}
	return out
}

func TestCodeIsBoundToItsClient(t *testing.T) {
	p := start(t)
	req := p.request(http.MethodPost, "/oauth/token", redemption(code(p)).Encode(), "application/x-www-form-urlencoded")
	req.SetBasicAuth("other", otherSecret)
	p.do(req).wantError(t, 400, "invalid_grant")
}

func TestPKCEIsVerifiedWheneverAChallengeWasStored(t *testing.T) {
	p := start(t)
	for name, tc := range map[string]struct {
		challenge, method, verifier string
		want                        int
	}{
		"confidential client without verifier": {challengeOf(verifier), "S256", "", 400},
		"wrong verifier":                       {challengeOf(verifier), "S256", strings.Repeat("x", 43), 400},
		"verifier without challenge":           {"", "", verifier, 400},
		"plain without method":                 {verifier, "", verifier, 200},
		"no PKCE at all is for policies":       {"", "", "", 200},
	} {
		c := p.signIn(authorization("code_challenge", tc.challenge, "code_challenge_method", tc.method))
		if r := p.post("/oauth/token", with(redemption(c), "code_verifier", tc.verifier)); r.StatusCode != tc.want {
			t.Errorf("%s: %d %s, want %d", name, r.StatusCode, r.text, tc.want)
		}
	}
}

func TestCodeIsRedeemedOnce(t *testing.T) {
	p := start(t)
	c := code(p)
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := map[int]int{}
	var token string
	for range 20 {
		wg.Go(func() {
			r := codePlay(p, c)
			mu.Lock()
			defer mu.Unlock()
			got[r.StatusCode]++
			if r.StatusCode == http.StatusOK {
				token = r.field("access_token")
			}
		})
	}
	wg.Wait()
	if got[200] != 1 || got[400] != 19 {
		t.Errorf("%v, want one success in 20", got)
	}
	if r := codePlay(p, c); r.StatusCode != http.StatusBadRequest {
		t.Errorf("used code: %d", r.StatusCode)
	}
	// RFC 6749 section 4.1.2: what the first one got is gone.
	if r := p.bearer("/userinfo", token); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("token of a replayed code: %d, want 401", r.StatusCode)
	}
}

func TestDeviceCodeIsRedeemedOnce(t *testing.T) {
	p := start(t)
	pending := p.post("/device_authorization", url.Values{"scope": {"openid"}}).field("device_code")
	p.pdp.forget()
	devicePlay(p, pending).wantError(t, 400, "authorization_pending")
	if asked := p.pdp.events(); len(asked) != 0 {
		t.Errorf("a poll before approval asked %v", asked)
	}
	c := approvedDevice(p)
	if r := devicePlay(p, c); r.StatusCode != http.StatusOK || r.field("refresh_token") == "" || r.field("id_token") == "" {
		t.Errorf("first: %d %s", r.StatusCode, r.text)
	}
	if r := devicePlay(p, c); r.StatusCode != http.StatusBadRequest {
		t.Errorf("second: %d %s", r.StatusCode, r.text)
	}
	req := p.request(http.MethodPost, "/device_authorization", "scope=openid", "application/x-www-form-urlencoded")
	req.SetBasicAuth("other", otherSecret)
	p.do(req).wantError(t, 400, "unauthorized_client")
}

func TestSignInGivesOneCode(t *testing.T) {
	p := start(t)
	login, _ := url.Parse(p.get("/authorize?" + authorization().Encode()).Header.Get("Location"))
	id := login.Query().Get("authRequestID")
	if r := p.get(login.RequestURI()); r.StatusCode != 200 || !strings.Contains(r.text, "Web &lt;shop&gt;") || !strings.Contains(r.text, "offline_access") {
		t.Errorf("login page: %d %s", r.StatusCode, r.text)
	}
	if r := p.get("/authorize/callback?id=" + id); !strings.Contains(r.Header.Get("Location"), "interaction_required") {
		t.Errorf("callback before login: %d %q", r.StatusCode, r.Header.Get("Location"))
	}
	form := url.Values{"id": {id}, "username": {"test-user2"}, "password": {"wrong"}, "client_id": {""}}
	if r := p.post("/login/username", form); r.StatusCode != 200 || !strings.Contains(r.text, "Wrong user name or password") {
		t.Errorf("wrong password: %d %s", r.StatusCode, r.text)
	}
	callback := p.post("/login/username", with(form, "password", "verysecure")).Header.Get("Location")
	if r := p.get(callback); r.StatusCode != http.StatusFound || !strings.Contains(r.Header.Get("Location"), "code=") {
		t.Errorf("callback: %d %q", r.StatusCode, r.Header.Get("Location"))
	}
	if r := p.get(callback); strings.Contains(r.Header.Get("Location"), "code=") {
		t.Errorf("second callback gave another code: %q", r.Header.Get("Location"))
	}
	if r := p.get("/login/username?authRequestID=nope"); r.StatusCode != 400 {
		t.Errorf("unknown sign-in: %d", r.StatusCode)
	}
}

func TestFormPost(t *testing.T) {
	p := start(t)
	login, _ := url.Parse(p.get("/authorize?" + authorization("response_mode", "form_post").Encode()).Header.Get("Location"))
	r := p.post("/login/username", url.Values{"id": {login.Query().Get("authRequestID")}, "username": {"test-user2"}, "password": {"verysecure"}, "client_id": {""}})
	r = p.get(r.Header.Get("Location"))
	if r.StatusCode != 200 || !strings.Contains(r.text, `name="code"`) || !strings.Contains(r.text, redirectURI) || r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %s", r.StatusCode, r.text)
	}
}

func TestRequestsThatNoEndpointTakes(t *testing.T) {
	p := start(t)
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("web:"+webSecret))
	form := "application/x-www-form-urlencoded"
	for _, tc := range []struct {
		name, method, path, body string
		want                     int
	}{
		{"duplicate in the body", "POST", "/oauth/token", "grant_type=client_credentials&scope=api&scope=email", 400},
		{"duplicate in body and query", "POST", "/authorize?client_id=web", "client_id=other", 400},
		{"duplicate in the query", "GET", "/authorize?client_id=web&client_id=other", "", 400},
		{"token by GET", "GET", "/oauth/token?grant_type=client_credentials", "", 405},
		{"credentials in the query", "POST", "/oauth/token?client_id=web", "grant_type=client_credentials", 400},
		{"access token in the query", "GET", "/userinfo?access_token=x", "", 400},
		{"revoke by GET", "GET", "/revoke?token=x", "", 405},
		{"not UTF-8", "GET", "/authorize?client_id=%ff", "", 400},
		{"large body", "POST", "/oauth/token", "x=" + strings.Repeat("y", 70<<10), 400},
		{"many parameters", "GET", "/authorize?" + manyParameters(), "", 400},
		{"long query", "GET", "/authorize?x=" + strings.Repeat("y", 20<<10), "", 414},
		{"register by GET", "GET", "/register", "", 405},
	} {
		t.Run(tc.name, func(t *testing.T) {
			req := p.request(tc.method, tc.path, tc.body, form)
			if tc.path != "/userinfo?access_token=x" {
				req.Header.Set("Authorization", basic)
			}
			if r := p.do(req); r.StatusCode != tc.want {
				t.Errorf("%d %s, want %d", r.StatusCode, r.text, tc.want)
			}
		})
	}
	if asked := p.pdp.events(); len(asked) != 0 {
		t.Errorf("asked %v about requests that no endpoint takes", asked)
	}
}

func manyParameters() string {
	q := url.Values{}
	for i := range 200 {
		q.Set("a"+strconv.Itoa(i), "1")
	}
	return q.Encode()
}

func TestClientAuthentication(t *testing.T) {
	p := start(t)
	used := p.assertion(nil)
	byKey := func(assertion string, more ...string) url.Values {
		return with(url.Values{"grant_type": {"client_credentials"}, "scope": {"api"}, "client_assertion": {assertion}, "client_assertion_type": {assertURN}}, more...)
	}
	for _, tc := range []struct {
		name   string
		form   url.Values
		status int
	}{
		{"secret in the form of a client registered for the header", url.Values{"grant_type": {"client_credentials"}, "client_id": {"web"}, "client_secret": {webSecret}}, 401},
		{"no secret", url.Values{"grant_type": {"client_credentials"}, "client_id": {"web"}}, 401},
		{"unknown client", url.Values{"grant_type": {"client_credentials"}, "client_id": {"nobody"}}, 401},
		{"public client", url.Values{"grant_type": {"client_credentials"}, "client_id": {"spa"}}, 400}, // unauthorized_client: no such grant
		{"key", byKey(used), 200},
		{"same assertion again", byKey(used), 401},
		{"assertion without jti", byKey(p.assertion(map[string]any{"jti": nil})), 401},
		{"expired assertion", byKey(p.assertion(map[string]any{"exp": time.Now().Add(-time.Minute).Unix()})), 401},
		{"assertion for somebody else", byKey(p.assertion(map[string]any{"aud": "https://else.example"})), 401},
		{"assertion and another client_id", byKey(p.assertion(nil), "client_id", "web"), 401},
		{"assertion and secret", byKey(p.assertion(nil), "client_secret", "x"), 400},
		{"not a JWT", byKey("x.y"), 401},
		{"assertion of an unknown type", byKey(p.assertion(nil), "client_assertion_type", "x"), 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := p.post("/oauth/token", tc.form)
			if r.StatusCode != tc.status {
				t.Errorf("%d %s, want %d", r.StatusCode, r.text, tc.status)
			}
			if tc.status == 401 && (r.field("error") != "invalid_client" || r.Header.Get("WWW-Authenticate") == "") {
				t.Errorf("%s, challenge %q", r.text, r.Header.Get("WWW-Authenticate"))
			}
			if r.Header.Get("Cache-Control") != "no-store" {
				t.Error("answer may be cached")
			}
		})
	}
	for _, path := range []string{"/oauth/introspect", "/revoke", "/device_authorization"} {
		req := p.request(http.MethodPost, path, "token=x&scope=openid", "application/x-www-form-urlencoded")
		req.SetBasicAuth("web", "wrong")
		if r := p.do(req); r.StatusCode != 401 {
			t.Errorf("%s with a wrong secret: %d %s", path, r.StatusCode, r.text)
		}
	}
	p.post("/oauth/introspect", url.Values{"token": {"x"}, "client_id": {"spa"}}).wantError(t, 401, "invalid_client")
}

func TestAuthorizationSyntax(t *testing.T) {
	p := start(t)
	back := func(q url.Values) string {
		u, _ := url.Parse(p.get("/authorize?" + q.Encode()).Header.Get("Location"))
		return u.Query().Get("error")
	}
	for name, tc := range map[string]struct{ q, want string }{
		"unknown method":      {authorization("code_challenge_method", "S512").Encode(), "invalid_request"},
		"method alone":        {authorization("code_challenge", "").Encode(), "invalid_request"},
		"unknown mode":        {authorization("response_mode", "query.jwt").Encode(), "invalid_request"},
		"fragment mode":       {authorization("response_mode", "fragment").Encode(), "invalid_request"},
		"prompt none":         {authorization("prompt", "none").Encode(), "login_required"},
		"everything in order": {authorization().Encode(), ""},
	} {
		q, _ := url.ParseQuery(tc.q)
		if got := back(q); got != tc.want {
			t.Errorf("%s: error %q, want %q", name, got, tc.want)
		}
	}
	for name, q := range map[string]url.Values{
		"escaped redirect URI": authorization("redirect_uri", "https://shop.example%2Fcb"),
		"foreign redirect URI": authorization("redirect_uri", "https://evil.example/cb"),
		"no redirect URI":      authorization("redirect_uri", ""),
		"request_uri":          authorization("request_uri", "urn:x"),
		"unknown client":       authorization("client_id", "nobody"),
		"no client":            authorization("client_id", ""),
		"token from the front": authorization("response_type", "id_token token"),
	} {
		r := p.get("/authorize?" + q.Encode())
		if r.StatusCode != 400 || !strings.Contains(r.text, "This request was refused") || r.Header.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: %d %q %s, want a page", name, r.StatusCode, r.Header.Get("Location"), r.text)
		}
	}
	if q := p.pdp.last(clientpolicyv1.Event_EVENT_PRE_AUTHORIZATION_REQUEST); q == nil {
		t.Error("PRE_AUTHORIZATION_REQUEST was not asked")
	}
}

func TestRequestObject(t *testing.T) {
	p := start(t)
	// The robot owns a key; give it a redirect URI for this.
	if err := p.store.ChangeClient("robot", func(c *clientpolicyv1.Client) (*clientpolicyv1.Client, error) {
		on := true
		c.StandardFlowEnabled, c.RedirectUris = &on, []string{redirectURI}
		return c, nil
	}); err != nil {
		t.Fatal(err)
	}
	object := func(change map[string]any) url.Values {
		claims := merge(map[string]any{"iss": "robot", "client_id": "robot", "aud": p.url, "exp": time.Now().Add(time.Minute).Unix(), "nonce": "inner", "dpop_jkt": "thumb"}, change)
		return authorization("client_id", "robot", "nonce", "outer", "request", p.sign(claims))
	}
	if r := p.get("/authorize?" + object(nil).Encode()); r.StatusCode != http.StatusFound || !strings.HasPrefix(r.Header.Get("Location"), "/login") {
		t.Fatalf("%d %q %s", r.StatusCode, r.Header.Get("Location"), r.text)
	}
	q := p.pdp.last(clientpolicyv1.Event_EVENT_AUTHORIZATION_REQUEST).GetRequest()
	if e := q.GetEffectiveParameters(); e["nonce"] != "inner" || e["dpop_jkt"] != "thumb" || e["iss"] != "" || e["scope"] != "openid profile offline_access" {
		t.Errorf("effective %v", e)
	}
	if o := q.GetRequestObject(); !o.GetVerified() || o.GetAlg() != "ES256" || o.GetSource() != clientpolicyv1.RequestObject_SOURCE_REQUEST || o.GetCompact() != "" {
		t.Errorf("object %v", o)
	}
	if o := p.pdp.last(clientpolicyv1.Event_EVENT_PRE_AUTHORIZATION_REQUEST).GetRequest().GetRequestObject(); o.GetVerified() || o.GetAlg() == "" {
		t.Errorf("object before verification: %v", o)
	}
	for name, q := range map[string]url.Values{
		"expired":       object(map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}),
		"not yet":       object(map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}),
		"other client":  object(map[string]any{"iss": "web", "client_id": "web"}),
		"bad signature": with(object(nil), "request", object(nil).Get("request")[:40]+"x.y"),
	} {
		if r := p.get("/authorize?" + q.Encode()); r.StatusCode != 400 || !strings.Contains(r.text, "invalid_request_object") {
			t.Errorf("%s: %d %s", name, r.StatusCode, r.text)
		}
	}
}

func TestTokenExchangeNeverPanics(t *testing.T) {
	p := start(t)
	web := p.tokens()
	form := func(change ...string) url.Values {
		return with(url.Values{"grant_type": {exchangeURN}, "subject_token": {web.field("access_token")}, "subject_token_type": {accessURN}}, change...)
	}
	service := servicePlay(p, "").field("access_token")
	code := code(p)
	for name, tc := range map[string]struct {
		form url.Values
		want int
	}{
		"own token":           {form(), 200},
		"own service token":   {form("subject_token", service), 200},
		"fewer scopes":        {form("scope", "profile"), 200},
		"more scopes":         {form("scope", "profile api"), 400},
		"a code":              {form("subject_token", code), 400},
		"random bytes":        {form("subject_token", base64.RawURLEncoding.EncodeToString(make([]byte, 64))), 400},
		"an ID token":         {form("subject_token", web.field("id_token")), 400},
		"an actor token":      {form("actor_token", service, "actor_token_type", accessURN), 400},
		"another token type":  {form("subject_token_type", "urn:ietf:params:oauth:token-type:id_token"), 400},
		"refresh token asked": {form("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"), 400},
		"an audience":         {form("audience", "api"), 400},
	} {
		if r := p.post("/oauth/token", tc.form); r.StatusCode != tc.want {
			t.Errorf("%s: %d %s, want %d", name, r.StatusCode, r.text, tc.want)
		}
	}
}

func TestRefreshTokensRotate(t *testing.T) {
	p := start(t)
	first := p.tokens()
	second := refreshPlay(p, first.field("refresh_token"))
	if second.StatusCode != 200 || second.field("refresh_token") == first.field("refresh_token") {
		t.Fatalf("%d %s", second.StatusCode, second.text)
	}
	narrow := p.post("/oauth/token", with(refreshForm(second.field("refresh_token")), "scope", "openid"))
	if narrow.field("scope") != "openid" {
		t.Errorf("narrowed scope %q", narrow.field("scope"))
	}
	wide := refreshPlay(p, narrow.field("refresh_token"))
	if wide.field("scope") != "openid profile offline_access" {
		t.Errorf("scope after a narrowed refresh %q: the refresh token must keep its own", wide.field("scope"))
	}
	p.post("/oauth/token", with(refreshForm(wide.field("refresh_token")), "scope", "openid api")).wantError(t, 400, "invalid_scope")
	// RFC 9700 section 4.14.2: a rotated token shows that the grant has leaked.
	refreshPlay(p, first.field("refresh_token")).wantError(t, 400, "invalid_grant")
	refreshPlay(p, wide.field("refresh_token")).wantError(t, 400, "invalid_grant")
	if r := p.bearer("/userinfo", wide.field("access_token")); r.StatusCode != 401 {
		t.Errorf("access token of a leaked grant: %d", r.StatusCode)
	}
}

func TestTokensOfOthers(t *testing.T) {
	p := start(t)
	mine := p.tokens()
	other := func(path string, form url.Values) *reply {
		req := p.request(http.MethodPost, path, form.Encode(), "application/x-www-form-urlencoded")
		req.SetBasicAuth("other", otherSecret)
		return p.do(req)
	}
	other("/oauth/token", refreshForm(mine.field("refresh_token"))).wantError(t, 400, "invalid_grant")
	other("/revoke", url.Values{"token": {mine.field("refresh_token")}}).wantError(t, 400, "invalid_request")
	if r := other("/oauth/introspect", url.Values{"token": {mine.field("access_token")}}); strings.TrimSpace(r.text) != `{"active":false}` {
		t.Errorf("introspection by another client: %s", r.text)
	}
	if r := p.post("/oauth/introspect", url.Values{"token": {mine.field("access_token")}}); r.json["active"] != true || r.field("client_id") != "web" {
		t.Errorf("introspection: %s", r.text)
	}
	if r := other("/revoke", url.Values{"token": {"unknown"}}); r.StatusCode != 200 {
		t.Errorf("revocation of nothing: %d", r.StatusCode)
	}
	refreshWorks(t, p, mine.field("refresh_token"))
}

func TestRevokeAndLogout(t *testing.T) {
	p := start(t)
	a, b := p.tokens(), p.tokens()
	revokePlay(p, a.field("access_token"))
	if r := p.bearer("/userinfo", a.field("access_token")); r.StatusCode != 401 {
		t.Errorf("revoked access token: %d", r.StatusCode)
	}
	revokePlay(p, a.field("refresh_token"))
	refreshPlay(p, a.field("refresh_token")).wantError(t, 400, "invalid_grant")
	refreshed := refreshPlay(p, b.field("refresh_token"))
	r := p.get("/end_session?" + url.Values{"id_token_hint": {b.field("id_token")}, "post_logout_redirect_uri": {"https://shop.example/bye"}, "state": {"z"}}.Encode())
	if r.Header.Get("Location") != "https://shop.example/bye?state=z" {
		t.Errorf("logout: %d %q %s", r.StatusCode, r.Header.Get("Location"), r.text)
	}
	if r := p.bearer("/userinfo", refreshed.field("access_token")); r.StatusCode != 401 {
		t.Errorf("access token after logout: %d", r.StatusCode)
	}
	if r := p.get("/logged-out"); r.StatusCode != 200 {
		t.Errorf("logged-out page: %d", r.StatusCode)
	}
	for _, q := range []string{"", "?client_id=web", "?id_token_hint=x", "?id_token_hint=" + b.field("access_token")} {
		if r := p.get("/end_session" + q); r.StatusCode != 400 {
			t.Errorf("logout%s: %d, want a page", q, r.StatusCode)
		}
	}
}

func TestUserInfo(t *testing.T) {
	p := start(t)
	if r := p.bearer("/userinfo", accessToken(p)); r.field("sub") != "id2" || r.field("preferred_username") != "test-user2" {
		t.Errorf("%s", r.text)
	}
	for name, tc := range map[string]struct {
		token, code string
		status      int
	}{
		"none":      {"", "invalid_request", 401},
		"junk":      {"x", "invalid_token", 401},
		"no openid": {servicePlay(p, "").field("access_token"), "insufficient_scope", 403},
	} {
		r := p.bearer("/userinfo", tc.token)
		if r.StatusCode != tc.status || !strings.Contains(r.Header.Get("WWW-Authenticate"), tc.code) || r.text != "" {
			t.Errorf("%s: %d %q %q", name, r.StatusCode, r.Header.Get("WWW-Authenticate"), r.text)
		}
	}
}

func TestServiceScopesAndGrants(t *testing.T) {
	p := start(t)
	p.post("/oauth/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"admin"}}).wantError(t, 400, "invalid_scope")
	grant := func(change map[string]any) url.Values {
		return url.Values{"grant_type": {bearerURN}, "assertion": {p.assertion(change)}, "scope": {"api admin"}}
	}
	r := p.post("/oauth/token", grant(nil))
	if r.StatusCode != 200 || r.field("scope") != "api" {
		t.Errorf("JWT grant: %d %s", r.StatusCode, r.text)
	}
	form := grant(nil)
	p.post("/oauth/token", form)
	p.post("/oauth/token", form).wantError(t, 400, "invalid_grant")
	p.post("/oauth/token", grant(map[string]any{"sub": "web"})).wantError(t, 400, "invalid_grant")
	p.post("/oauth/token", url.Values{"grant_type": {bearerURN}, "assertion": {"x"}, "client_id": {""}}).wantError(t, 400, "invalid_grant")
	p.post("/oauth/token", url.Values{"grant_type": {"password"}, "username": {"u"}, "password": {"p"}}).wantError(t, 400, "unsupported_grant_type")
}

func TestDiscovery(t *testing.T) {
	p := start(t)
	r := p.get("/.well-known/openid-configuration")
	if r.field("registration_endpoint") != p.url+"/register" || r.field("issuer") != p.url || r.field("token_endpoint") != p.url+"/oauth/token" {
		t.Errorf("%s", r.text)
	}
	grants, _ := r.json["grant_types_supported"].([]any)
	if slices.Contains(grants, any("implicit")) || len(grants) == 0 {
		t.Errorf("grants %v", grants)
	}
	if r := p.get("/keys"); r.StatusCode != 200 || !strings.Contains(r.text, `"kty":"EC"`) {
		t.Errorf("keys: %s", r.text)
	}
}
