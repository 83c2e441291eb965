package zitadel_test

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/sidegate/sidegate/client"
	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	zitadel "github.com/sidegate/sidegate/integrations/zitadel"
	"github.com/sidegate/sidegate/integrations/zitadel/store"
)

// required is the contract's table of required members, read as a function.
func missing(q *clientpolicyv1.EvaluateRequest) string {
	need := map[string]bool{}
	switch q.GetEvent() {
	case clientpolicyv1.Event_EVENT_REGISTER:
		need["proposedClient"] = q.GetProposedClient() != nil
		need["channel"] = q.GetRegistration().GetChannel() != 0
	case clientpolicyv1.Event_EVENT_REGISTERED:
		need["client"] = q.GetClient() != nil
		need["channel"] = q.GetRegistration().GetChannel() != 0
	case clientpolicyv1.Event_EVENT_PRE_AUTHORIZATION_REQUEST, clientpolicyv1.Event_EVENT_PRE_TOKEN_REQUEST:
		need["request"] = q.GetRequest() != nil
	case clientpolicyv1.Event_EVENT_TOKEN_REFRESH, clientpolicyv1.Event_EVENT_TOKEN_REVOKE,
		clientpolicyv1.Event_EVENT_TOKEN_INTROSPECT, clientpolicyv1.Event_EVENT_USERINFO_REQUEST:
		need["client"], need["request"], need["token"] = q.GetClient() != nil, q.GetRequest() != nil, q.GetToken() != nil
	case clientpolicyv1.Event_EVENT_TOKEN_EXCHANGE_REQUEST, clientpolicyv1.Event_EVENT_JWT_AUTHORIZATION_GRANT:
		need["client"], need["request"], need["subjectToken"] = q.GetClient() != nil, q.GetRequest() != nil, q.GetSubjectToken() != nil
	default:
		need["client"], need["request"] = q.GetClient() != nil, q.GetRequest() != nil
	}
	need["realm"], need["issuer"], need["source"] = q.GetRealm() == "test", q.GetIssuer() != "", q.GetSource().GetRemoteAddress() == "127.0.0.1"
	for name, there := range need {
		if !there {
			return name
		}
	}
	return ""
}

var forbidden = []string{"code", "client_secret", "client_assertion", "refresh_token", "access_token", "token", "subject_token",
	"actor_token", "assertion", "id_token_hint", "password", "request", "device_code", "auth_req_id"}

func TestFactsOfEveryMoment(t *testing.T) {
	p := start(t)
	var secrets []string
	for _, m := range moments {
		prepared := m.prepare(p)
		if prepared != "" {
			secrets = append(secrets, prepared)
		}
		m.play(p, prepared)
	}
	secrets = append(secrets, webSecret, "verysecure", accessToken(p))
	for _, q := range p.pdp.asked {
		if name := missing(q); name != "" {
			t.Errorf("%v lacks %s", q.GetEvent(), name)
		}
		for _, name := range forbidden {
			if _, sent := q.GetRequest().GetParameters()[name]; sent {
				t.Errorf("%v: parameter %s is sent", q.GetEvent(), name)
			}
		}
		text, err := protojson.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range secrets {
			if strings.Contains(string(text), s) {
				t.Errorf("%v: a secret is sent", q.GetEvent())
			}
		}
	}
}

func TestFacts(t *testing.T) {
	p := start(t)
	c := code(p)
	a := p.pdp.last(clientpolicyv1.Event_EVENT_AUTHORIZATION_REQUEST)
	if r := a.GetRequest(); r.GetRedirectUri() != redirectURI || r.GetMethod() != "GET" || r.GetEffectiveParameters()["scope"] != "openid profile offline_access" {
		t.Errorf("AUTHORIZATION_REQUEST %v", r)
	}
	// Unknown scopes vanish inside the library; policies see them.
	p.get("/authorize?" + authorization("scope", "openid strange").Encode())
	if s := p.pdp.last(clientpolicyv1.Event_EVENT_AUTHORIZATION_REQUEST).GetRequest().GetEffectiveParameters()["scope"]; s != "openid strange" {
		t.Errorf("effective scope %q", s)
	}
	req := p.request(http.MethodPost, "/oauth/token", redemption(c).Encode(), "application/x-www-form-urlencoded")
	req.SetBasicAuth("web", webSecret)
	req.Header.Set("DPoP", "proof")
	req.Header.Set("User-Agent", "shop/1.0")
	tokens := p.do(req)
	pre := p.pdp.last(clientpolicyv1.Event_EVENT_PRE_TOKEN_REQUEST)
	if pre.GetClient().GetClientId() != "web" || pre.GetClientAuthentication() != nil || pre.GetDpop().GetState() != clientpolicyv1.DPoPProof_STATE_PRESENTED {
		t.Errorf("PRE_TOKEN_REQUEST %v", pre)
	}
	got := p.pdp.last(clientpolicyv1.Event_EVENT_TOKEN_REQUEST)
	if diff := cmp.Diff([]string{"code", "code_verifier", "grant_type", "redirect_uri"}, got.GetRequest().GetParameterNames()); diff != "" {
		t.Error(diff)
	}
	if s := got.GetSession(); s.GetCodeChallenge() != challengeOf(verifier) || s.GetCodeChallengeMethod() != "S256" || s.GetScope() != "openid profile offline_access" || s.GetAuthTime() == nil {
		t.Errorf("session %v", s)
	}
	if got.GetClientAuthentication().GetAuthenticator() != "client-secret" || got.GetRequest().GetParameters()["code_verifier"] != verifier || got.GetRequest().GetHeaders()["user-agent"] != "shop/1.0" {
		t.Errorf("TOKEN_REQUEST %v", got)
	}
	if _, sent := got.GetRequest().GetHeaders()["authorization"]; sent || got.GetTls() != nil {
		t.Errorf("headers %v, tls %v", got.GetRequest().GetHeaders(), got.GetTls())
	}
	refreshPlay(p, tokens.field("refresh_token"))
	if f := p.pdp.last(clientpolicyv1.Event_EVENT_TOKEN_REFRESH).GetToken(); f.GetState() != clientpolicyv1.TokenFacts_STATE_VERIFIED || f.GetClaims().GetFields()["azp"].GetStringValue() != "web" {
		t.Errorf("token %v", f)
	}
	refreshPlay(p, "junk")
	if f := p.pdp.last(clientpolicyv1.Event_EVENT_TOKEN_REFRESH).GetToken(); f.GetState() != clientpolicyv1.TokenFacts_STATE_UNDECODABLE {
		t.Errorf("junk token %v", f)
	}
}

func TestAssertionFacts(t *testing.T) {
	p := start(t)
	p.post("/oauth/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"api"}, "client_assertion": {p.assertion(map[string]any{"aud": []string{p.url}})}, "client_assertion_type": {assertURN}})
	q := p.pdp.last(clientpolicyv1.Event_EVENT_SERVICE_ACCOUNT_TOKEN_REQUEST)
	auth := q.GetClientAuthentication()
	if auth.GetAuthenticator() != "client-jwt" || auth.GetAssertion().GetAlg() != "ES256" || auth.GetAssertion().GetKid() != "k1" || !auth.GetAssertion().GetVerified() {
		t.Errorf("authentication %v", auth)
	}
	// The JSON type of aud is a fact.
	if aud := auth.GetAssertion().GetClaims().GetFields()["aud"].GetListValue(); len(aud.GetValues()) != 1 {
		t.Errorf("aud %v", auth.GetAssertion().GetClaims().GetFields()["aud"])
	}
	p.post("/oauth/token", url.Values{"grant_type": {exchangeURN}, "subject_token": {p.assertion(nil)}, "subject_token_type": {accessURN}})
	if s := p.pdp.last(clientpolicyv1.Event_EVENT_TOKEN_EXCHANGE_REQUEST).GetSubjectToken(); s.GetState() != clientpolicyv1.TokenFacts_STATE_UNVERIFIED || s.GetClaims() == nil {
		t.Errorf("subject token %v", s)
	}
}

func TestTransportFacts(t *testing.T) {
	p := start(t)
	p.stop()
	pdp := &table{answers: map[clientpolicyv1.Event]*clientpolicyv1.EvaluateResponse{}}
	p.pdp = pdp
	srv := httptest.NewUnstartedServer(nil)
	srv.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	provider, err := zitadel.New(zitadel.Config{Issuer: "https://idp.example", Realm: "test", Decider: p.startDecisions(), Store: p.store})
	if err != nil {
		t.Fatal(err)
	}
	srv.Config.Handler = provider
	srv.StartTLS()
	defer srv.Close()
	hc := srv.Client()
	cert := srv.TLS.Certificates[0]
	hc.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{cert}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/oauth/token", strings.NewReader("grant_type=client_credentials&scope=api"))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth("web", webSecret)
	resp, err := hc.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	hc.CloseIdleConnections()
	sum := sha256.Sum256(cert.Certificate[0])
	got := pdp.last(clientpolicyv1.Event_EVENT_SERVICE_ACCOUNT_TOKEN_REQUEST).GetTls()
	if got.GetVersion() != "TLSv1.3" || got.GetClientCertificateSha256() != base64.RawURLEncoding.EncodeToString(sum[:]) || got.GetSubjectDn() == "" || got.GetCipher() == "" {
		t.Errorf("tls %v", got)
	}
}

func TestSidegateReallyAway(t *testing.T) {
	p := start(t)
	p.stop()
	provider, err := zitadel.New(zitadel.Config{Issuer: p.url, Realm: "test", Decider: dialNothing(t), Store: p.store})
	if err != nil {
		t.Fatal(err)
	}
	rec := httptest.NewRecorder()
	provider.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/authorize?"+authorization().Encode(), nil))
	if rec.Code != http.StatusServiceUnavailable || rec.Header().Get("Retry-After") == "" || !strings.Contains(rec.Body.String(), "temporarily_unavailable") {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

func dialNothing(t *testing.T) *client.Client {
	t.Helper()
	c, err := client.Dial("unix://"+t.TempDir()+"/none.sock", client.WithTimeout(50_000_000))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestConfig(t *testing.T) {
	s, err := store.New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	decider := dialNothing(t)
	for _, issuer := range []string{"", "idp.example", "http://idp.example", "https://idp.example/", "https://idp.example/path", "https://idp.example?x=1", "ftp://localhost"} {
		if _, err := zitadel.New(zitadel.Config{Issuer: issuer, Realm: "r", Decider: decider, Store: s}); err == nil {
			t.Errorf("issuer %q accepted", issuer)
		}
	}
	for _, cfg := range []zitadel.Config{
		{Issuer: "https://idp.example", Realm: "r", Decider: decider},
		{Issuer: "https://idp.example", Realm: "r", Store: s},
		{Issuer: "https://idp.example", Decider: decider, Store: s},
	} {
		if _, err := zitadel.New(cfg); err == nil {
			t.Errorf("%+v accepted", cfg)
		}
	}
}
