package login_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/auth"
	"github.com/sidegate/sidegate/internal/auth/login"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	tokenPath  = "/realms/master/protocol/openid-connect/token"
	logoutPath = "/realms/master/protocol/openid-connect/logout"
	secret     = "correct horse: battery+staple/%41 ü"
)

// site is a server with the users alice (admin everywhere) and bob (viewer of a).
type site struct {
	*login.Server
	records []*pb.AuditRecord
	from    string
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{from: "192.0.2.1:1"}
	var mu sync.Mutex
	reporter := auth.NewReporter(zap.NewNop(), func(r *pb.AuditRecord) {
		mu.Lock()
		defer mu.Unlock()
		s.records = append(s.records, r)
	})
	t.Cleanup(reporter.Close)
	var err error
	s.Server, err = login.New(login.Fast(login.Options{Reporter: reporter, Users: []login.User{
		{Name: "alice", Password: []byte(secret), Roles: map[string]auth.Role{auth.AllRealms: auth.Admin}},
		{Name: "bob: the ü", Password: []byte("b"), Roles: map[string]auth.Role{"a": auth.Viewer}},
	}}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// post sends a form and reads the JSON that comes back.
func (s *site) post(t *testing.T, path string, form url.Values, change func(*http.Request)) (*http.Response, map[string]any) {
	t.Helper()
	return s.send(t, path, form.Encode(), change)
}

func (s *site) send(t *testing.T, path, body string, change func(*http.Request)) (*http.Response, map[string]any) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
	r.RemoteAddr = s.from
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	answer := map[string]any{}
	if w.Body.Len() > 0 && strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatal(err, w.Body)
		}
	}
	return w.Result(), answer
}

func passwordGrant(name, password string) url.Values {
	return url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {name}, "password": {password}}
}

func refreshGrant(token any) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "client_id": {"admin-cli"}, "refresh_token": {fmt.Sprint(token)}}
}

// login logs alice in.
func (s *site) login(t *testing.T) map[string]any {
	t.Helper()
	resp, answer := s.post(t, tokenPath, passwordGrant("alice", secret), nil)
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status, answer)
	}
	return answer
}

func (s *site) authenticate(t *testing.T, token any) (*auth.Principal, error) {
	t.Helper()
	return s.Authenticate(t.Context(), fmt.Sprint(token))
}

// The forms are those that Keycloak's own tools were recorded to send.
func TestForms(t *testing.T) {
	for client, form := range map[string]string{
		"kcadm, java, node, terraform": "client_id=admin-cli&grant_type=password&password=%s&username=alice",
		"gocloak":                      "client_id=admin-cli&grant_type=password&password=%s&response_type=token&username=alice",
		"python":                       "client_id=admin-cli&code=&grant_type=password&password=%s&redirect_uri=&scope=openid&username=alice",
		"no client":                    "grant_type=password&password=%s&username=alice",
	} {
		s := newSite(t)
		resp, got := s.send(t, tokenPath, fmt.Sprintf(form, url.QueryEscape(secret)), nil)
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s %v", client, resp.Status, got)
			continue
		}
		if h := resp.Header; h.Get("Content-Type") != "application/json" || h.Get("Cache-Control") != "no-store" || h.Get("Pragma") != "no-cache" {
			t.Errorf("%s: %v", client, h)
		}
		p, err := s.authenticate(t, got["access_token"])
		if err != nil || p.Author() != "user:alice" || p.Role("x") != auth.Admin {
			t.Errorf("%s: %v, %v", client, p, err)
		}
		for name, want := range map[string]any{
			"expires_in": 300.0, "refresh_expires_in": 1800.0, "token_type": "Bearer", "not-before-policy": 0.0, "scope": "profile",
		} {
			if got[name] != want {
				t.Errorf("%s: %s is %v, want %v", client, name, got[name], want)
			}
		}
		for _, name := range []string{"access_token", "refresh_token", "session_state"} {
			if text, _ := got[name].(string); text == "" {
				t.Errorf("%s: %s is missing", client, name)
			}
		}
	}
}

// Clients read the expiry of the access token by themselves.
func TestAccessTokenIsAJWT(t *testing.T) {
	s := newSite(t)
	got := s.login(t)
	parts := strings.Split(got["access_token"].(string), ".")
	var header, claims map[string]any
	for i, into := range []*map[string]any{&header, &claims} {
		data, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(data, into) != nil {
			t.Fatal(err, string(data))
		}
	}
	if len(parts) != 3 || header["typ"] != "at+jwt" || header["alg"] != "EdDSA" {
		t.Error(header)
	}
	if claims["exp"].(float64)-claims["iat"].(float64) != 300 || claims["iss"] != s.Issuer() || claims["aud"] != s.Issuer() ||
		claims["sub"] != "alice" || claims["client_id"] != "admin-cli" || claims["sid"] != got["session_state"] || claims["jti"] == nil {
		t.Error(claims)
	}
}

func TestClientCredentials(t *testing.T) {
	escape := url.QueryEscape
	basic := func(id, secret string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(escape(id), escape(secret)) }
	}
	grant := url.Values{"grant_type": {"client_credentials"}}
	inBody := url.Values{"grant_type": {"client_credentials"}, "client_id": {"alice"}, "client_secret": {secret}}
	s := newSite(t)
	for name, c := range map[string]struct {
		form   url.Values
		header func(*http.Request)
		who    string
	}{
		"in the body":     {inBody, nil, "user:alice"},
		"in the header":   {grant, basic("alice", secret), "user:alice"},
		"form-encoded id": {grant, basic("bob: the ü", "b"), "user:bob: the ü"},
		"id in both":      {url.Values{"grant_type": {"client_credentials"}, "client_id": {"alice"}}, basic("alice", secret), "user:alice"},
	} {
		resp, got := s.post(t, tokenPath, c.form, c.header)
		p, err := s.authenticate(t, got["access_token"])
		if resp.StatusCode != http.StatusOK || err != nil || p.Author() != c.who {
			t.Errorf("%s: %s %v %v %v", name, resp.Status, got, p, err)
		}
		// RFC 6749 section 4.4.3.
		if _, ok := got["refresh_token"]; ok || got["refresh_expires_in"] != 0.0 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// refusals are requests that are answered by RFC 6749 section 5.2.
func TestRefusals(t *testing.T) {
	grant := func(kind string, pairs ...string) url.Values {
		form := url.Values{"grant_type": {kind}}
		for i := 0; i < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		return form
	}
	header := func(value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", value) }
	}
	basic := func(id, secret string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(id, secret) }
	}
	for name, c := range map[string]struct {
		form   url.Values
		change func(*http.Request)
		status int
		code   string
	}{
		"no grant":             {url.Values{}, nil, 400, "invalid_request"},
		"empty grant":          {grant(""), nil, 400, "invalid_request"},
		"another grant":        {grant("authorization_code"), nil, 400, "unsupported_grant_type"},
		"letter case":          {grant("Password"), nil, 400, "unsupported_grant_type"},
		"no user name":         {grant("password", "password", "x"), nil, 400, "invalid_request"},
		"no password":          {grant("password", "username", "alice"), nil, 400, "invalid_request"},
		"empty password":       {passwordGrant("alice", ""), nil, 400, "invalid_request"},
		"wrong password":       {passwordGrant("alice", "x"), nil, 400, "invalid_grant"},
		"cut password":         {passwordGrant("alice", secret[:len(secret)-2]), nil, 400, "invalid_grant"},
		"password of another":  {passwordGrant("alice", "b"), nil, 400, "invalid_grant"},
		"unknown user":         {passwordGrant("carol", secret), nil, 400, "invalid_grant"},
		"letter case of name":  {passwordGrant("Alice", secret), nil, 400, "invalid_grant"},
		"long password":        {passwordGrant("alice", strings.Repeat("x", login.MaxPassword+1)), nil, 400, "invalid_request"},
		"unknown client":       {grant("password", "username", "alice", "password", secret, "client_id", "x"), nil, 401, "invalid_client"},
		"client with secret":   {grant("password", "username", "alice", "password", secret, "client_id", "admin-cli", "client_secret", "x"), nil, 401, "invalid_client"},
		"client by header":     {grant("password", "username", "alice", "password", secret), basic("alice", secret), 401, "invalid_client"},
		"no client":            {grant("client_credentials"), nil, 401, "invalid_client"},
		"no secret":            {grant("client_credentials", "client_id", "alice"), nil, 401, "invalid_client"},
		"wrong secret":         {grant("client_credentials", "client_id", "alice", "client_secret", "x"), nil, 401, "invalid_client"},
		"wrong secret, header": {grant("client_credentials"), basic("alice", "x"), 401, "invalid_client"},
		"another scheme":       {grant("client_credentials"), header("Bearer x"), 401, "invalid_client"},
		"broken Basic":         {grant("client_credentials"), header("Basic !"), 401, "invalid_client"},
		"broken encoding":      {grant("client_credentials"), basic("%zz", "x"), 401, "invalid_client"},
		"no UTF-8 in Basic":    {grant("client_credentials"), basic("%ff", "x"), 401, "invalid_client"},
		"two headers": {grant("client_credentials"), func(r *http.Request) {
			r.Header["Authorization"] = []string{"Basic YTpi", "Basic YTpi"}
		}, 401, "invalid_client"},
		"two ways":           {grant("client_credentials", "client_secret", secret), basic("alice", url.QueryEscape(secret)), 400, "invalid_request"},
		"two clients":        {grant("client_credentials", "client_id", "bob"), basic("alice", url.QueryEscape(secret)), 400, "invalid_request"},
		"no refresh token":   {grant("refresh_token"), nil, 400, "invalid_request"},
		"made-up":            {refreshGrant("sgr_x.0.AAAA"), nil, 400, "invalid_grant"},
		"text":               {refreshGrant("x"), nil, 400, "invalid_grant"},
		"refresh by another": {grant("refresh_token", "refresh_token", "x", "client_id", "other"), nil, 401, "invalid_client"},
		"repeated":           {url.Values{"grant_type": {"password", "password"}, "username": {"alice"}, "password": {secret}}, nil, 400, "invalid_request"},
		"repeated, unknown":  {url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {secret}, "x": {"", ""}}, nil, 400, "invalid_request"},
		"no UTF-8":           {passwordGrant("\xff", secret), nil, 400, "invalid_request"},
		"in the URL":         {passwordGrant("alice", secret), func(r *http.Request) { r.URL.RawQuery = "scope=x" }, 400, "invalid_request"},
		"JSON":               {passwordGrant("alice", secret), func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, 400, "invalid_request"},
		"no type":            {passwordGrant("alice", secret), func(r *http.Request) { r.Header.Del("Content-Type") }, 400, "invalid_request"},
		"GET":                {passwordGrant("alice", secret), func(r *http.Request) { r.Method = http.MethodGet }, 405, "invalid_request"},
	} {
		s := newSite(t)
		resp, got := s.post(t, tokenPath, c.form, c.change)
		if resp.StatusCode != c.status || got["error"] != c.code || resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %s %v, want %d %s", name, resp.Status, got, c.status, c.code)
		}
		if text := fmt.Sprint(got, s.records); strings.Contains(text, "correct horse") {
			t.Errorf("%s: the password is told", name)
		}
		// RFC 6749 section 5.2: a challenge for those who came by the header.
		byHeader := c.change != nil && c.code == "invalid_client"
		if challenge := resp.Header.Get("WWW-Authenticate"); byHeader != strings.HasPrefix(challenge, "Basic") {
			t.Errorf("%s: challenge %q", name, challenge)
		}
	}
}

func TestBodies(t *testing.T) {
	s := newSite(t)
	form := passwordGrant("alice", secret).Encode() + "&x="
	resp, _ := s.send(t, tokenPath, form+strings.Repeat("y", login.MaxBody-len(form)), nil)
	if resp.StatusCode != http.StatusOK {
		t.Errorf("at the limit: %s", resp.Status)
	}
	resp, got := s.send(t, tokenPath, form+strings.Repeat("y", login.MaxBody-len(form)+1), nil)
	if resp.StatusCode != http.StatusRequestEntityTooLarge || got["error"] != "invalid_request" {
		t.Errorf("one past: %s %v", resp.Status, got)
	}
	for _, body := range []string{"grant_type=%zz", "a;b", "%"} {
		if resp, got = s.send(t, tokenPath, body, nil); resp.StatusCode != http.StatusBadRequest || got["error"] != "invalid_request" {
			t.Errorf("%q: %s %v", body, resp.Status, got)
		}
	}
}

// The realm in the path changes nothing, but it must be one that can be.
func TestPaths(t *testing.T) {
	s := newSite(t)
	for path, want := range map[string]int{
		"/realms/a/protocol/openid-connect/token": 200, "/realms/no%20such/protocol/openid-connect/token": 200,
		"/realms/a%2Fb/protocol/openid-connect/token": 404, "/realms/a:b/protocol/openid-connect/token": 404,
		"/realms/" + strings.Repeat("x", 256) + "/protocol/openid-connect/token": 404,
		"/realms/master/protocol/openid-connect/auth":                            404, "/realms/master": 404, "/token": 404,
		"/realms/master/protocol/openid-connect/token/": 404,
	} {
		if resp, _ := s.post(t, path, passwordGrant("alice", secret), nil); resp.StatusCode != want {
			t.Errorf("%s: %s, want %d", path, resp.Status, want)
		}
	}
	resp, _ := s.post(t, logoutPath, nil, func(r *http.Request) { r.Method = http.MethodDelete })
	if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != "POST" {
		t.Error(resp.Status, resp.Header)
	}
}

// Without users there is nothing.
func TestOff(t *testing.T) {
	server, err := login.New(login.Options{Reporter: auth.NewReporter(zap.NewNop(), nil)})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{Server: server, from: "192.0.2.1:1"}
	for _, path := range []string{tokenPath, logoutPath} {
		if resp, _ := s.post(t, path, passwordGrant("", ""), nil); resp.StatusCode != http.StatusNotFound {
			t.Error(path, resp.Status)
		}
	}
	if _, err := server.Authenticate(t.Context(), newSite(t).login(t)["access_token"].(string)); !errors.Is(err, auth.ErrUnknownToken) {
		t.Error(err)
	}
}

func TestUsers(t *testing.T) {
	all := map[string]auth.Role{auth.AllRealms: auth.Viewer}
	many := func(n int) (list []login.User) {
		for i := range n {
			list = append(list, login.User{Name: fmt.Sprint(i), Password: []byte("x"), Roles: all})
		}
		return list
	}
	for name, c := range map[string]struct {
		users []login.User
		ok    bool
	}{
		"longest":       {[]login.User{{Name: strings.Repeat("ü", 255), Password: []byte(strings.Repeat("x", 1024)), Roles: all}}, true},
		"most":          {many(login.MaxUsers), true},
		"too many":      {many(login.MaxUsers + 1), false},
		"no name":       {[]login.User{{Password: []byte("x"), Roles: all}}, false},
		"long name":     {[]login.User{{Name: strings.Repeat("ü", 256), Password: []byte("x"), Roles: all}}, false},
		"line in name":  {[]login.User{{Name: "a\nb", Password: []byte("x"), Roles: all}}, false},
		"no UTF-8":      {[]login.User{{Name: "\xff", Password: []byte("x"), Roles: all}}, false},
		"no password":   {[]login.User{{Name: "a", Roles: all}}, false},
		"long password": {[]login.User{{Name: "a", Password: []byte(strings.Repeat("x", 1025)), Roles: all}}, false},
		"no roles":      {[]login.User{{Name: "a", Password: []byte("x")}}, false},
		"no such role":  {[]login.User{{Name: "a", Password: []byte("x"), Roles: map[string]auth.Role{"a": 9}}}, false},
		"same name":     {append(many(1), many(1)...), false},
	} {
		_, err := login.New(login.Fast(login.Options{Users: c.users, Reporter: auth.NewReporter(zap.NewNop(), nil)}))
		if c.ok != (err == nil) {
			t.Errorf("%s: %v", name, err)
		}
		if c.ok && c.users[0].Password[0] != 0 {
			t.Errorf("%s: the password stays in memory", name)
		}
	}
}

func TestAudit(t *testing.T) {
	s := newSite(t)
	got := s.login(t)
	s.post(t, logoutPath, url.Values{"refresh_token": {got["refresh_token"].(string)}}, nil)
	s.post(t, tokenPath, passwordGrant("alice", "wrong-password"), nil)
	type record struct{ Kind, Caller, Code, From, Detail string }
	var list []record
	for _, r := range s.records {
		list = append(list, record{strings.TrimPrefix(r.GetKind().String(), "KIND_"), r.GetCaller(), r.GetCode(), r.GetFrom(), r.GetDetail()})
	}
	want := []record{
		{"SESSION", "user:alice", "OK", "192.0.2.1:1", "logged in as client admin-cli"},
		{"SESSION", "user:alice", "OK", "192.0.2.1:1", "logged out"},
		{"AUTHENTICATION_FAILED", "", "UNAUTHENTICATED", "192.0.2.1:1", "wrong password for user:alice"},
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Error(diff)
	}
	// What nobody is called may be a password in the wrong field.
	s.from = "192.0.2.2:1"
	s.post(t, tokenPath, passwordGrant("hunter2", "x"), nil)
	if last := s.records[len(s.records)-1].GetDetail(); last != "wrong password for a user who does not exist" {
		t.Error(last)
	}
}

// bubble runs a test with a clock of its own.
func bubble(t *testing.T, test func(*testing.T, *site)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newSite(t)) })
}

func TestAccessTokensEnd(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		token := s.login(t)["access_token"]
		time.Sleep(5*time.Minute - time.Second)
		if _, err := s.authenticate(t, token); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if _, err := s.authenticate(t, token); !errors.Is(err, auth.ErrTokenExpired) {
			t.Error(err)
		}
		for _, text := range []string{"", "x", "a.b.c", newSite(t).login(t)["access_token"].(string)} {
			if _, err := s.authenticate(t, text); !errors.Is(err, auth.ErrUnknownToken) {
				t.Errorf("%.10s: %v", text, err)
			}
		}
		genuine := s.login(t)["access_token"].(string)
		parts := strings.Split(genuine, ".")
		for name, forged := range map[string]string{
			"none":      base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".",
			"unsigned":  parts[0] + "." + parts[1] + ".",
			"payload":   parts[0] + "." + parts[1][:len(parts[1])-4] + "AAAA." + parts[2],
			"signature": parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2])),
		} {
			if _, err := s.authenticate(t, forged); !errors.Is(err, auth.ErrUnknownToken) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
