package zitadel_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/sidegate/sidegate/client"
	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	zitadel "github.com/sidegate/sidegate/integrations/zitadel"
	"github.com/sidegate/sidegate/integrations/zitadel/store"
)

// table is a decision point that answers from a table, ALLOW by default.
type table struct {
	clientpolicyv1.UnimplementedPolicyDecisionServiceServer
	mu      sync.Mutex
	answers map[clientpolicyv1.Event]*clientpolicyv1.EvaluateResponse
	broken  clientpolicyv1.Event // asked about it, the server is away
	asked   []*clientpolicyv1.EvaluateRequest
}

func (d *table) Evaluate(_ context.Context, r *clientpolicyv1.EvaluateRequest) (*clientpolicyv1.EvaluateResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, proto.CloneOf(r))
	if d.broken == r.GetEvent() && d.broken != clientpolicyv1.Event_EVENT_UNSPECIFIED {
		return nil, status.Error(codes.Unavailable, "gone")
	}
	if a := d.answers[r.GetEvent()]; a != nil {
		return a, nil
	}
	return &clientpolicyv1.EvaluateResponse{
		Decision: clientpolicyv1.EvaluateResponse_DECISION_ALLOW,
		Reason:   clientpolicyv1.EvaluateResponse_REASON_POLICIES_PASSED,
	}, nil
}

func (d *table) set(e clientpolicyv1.Event, a *clientpolicyv1.EvaluateResponse) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answers[e] = a
}

// last returns the last question about an event, or nil.
func (d *table) last(e clientpolicyv1.Event) *clientpolicyv1.EvaluateRequest {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := len(d.asked) - 1; i >= 0; i-- {
		if d.asked[i].GetEvent() == e {
			return d.asked[i]
		}
	}
	return nil
}

func (d *table) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = nil
}

func (d *table) events() []clientpolicyv1.Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []clientpolicyv1.Event
	for _, q := range d.asked {
		out = append(out, q.GetEvent())
	}
	return out
}

// idp is a provider under test with its decision point on a real socket.
type idp struct {
	t      *testing.T
	url    string
	pdp    *table
	stop   func() // stops the decision point
	store  *store.Store
	key    *ecdsa.PrivateKey // of client "robot"
	seen   []zitadel.Observation
	seenMu sync.Mutex
}

const (
	webSecret   = "web-secret-web-secret"
	otherSecret = "other-secret-other-secret"
	redirectURI = "https://shop.example/cb"
	verifier    = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	exchangeURN = "urn:ietf:params:oauth:grant-type:token-exchange"
	deviceURN   = "urn:ietf:params:oauth:grant-type:device_code"
	bearerURN   = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	accessURN   = "urn:ietf:params:oauth:token-type:access_token"
	assertURN   = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

func start(t *testing.T) *idp {
	t.Helper()
	p := &idp{t: t, pdp: &table{answers: map[clientpolicyv1.Event]*clientpolicyv1.EvaluateResponse{}}}
	decisions := p.startDecisions()
	srv := httptest.NewUnstartedServer(nil)
	p.url = "http://" + srv.Listener.Addr().String()
	var err error
	if p.store, err = store.New(store.ExampleUsers(p.url), nil); err != nil {
		t.Fatal(err)
	}
	p.seed()
	provider, err := zitadel.New(zitadel.Config{
		Issuer: p.url, Realm: "test", Decider: decisions, Store: p.store,
		Observe: func(_ context.Context, o zitadel.Observation) {
			p.seenMu.Lock()
			defer p.seenMu.Unlock()
			p.seen = append(p.seen, o)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	srv.Config.Handler = provider
	srv.Start()
	t.Cleanup(srv.Close)
	return p
}

func (p *idp) startDecisions() *client.Client {
	p.t.Helper()
	path := filepath.Join(p.t.TempDir(), "d.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		p.t.Fatal(err)
	}
	s := grpc.NewServer()
	clientpolicyv1.RegisterPolicyDecisionServiceServer(s, p.pdp)
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	p.stop = sync.OnceFunc(func() { s.Stop(); <-done })
	c, err := client.Dial("unix://"+path, client.WithTimeout(10*time.Second))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { p.stop(); _ = c.Close() })
	return c
}

// seed adds a web application, another one, a public client and a robot.
func (p *idp) seed() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	p.key = key
	jwks, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "k1", Algorithm: "ES256", Use: "sig"}}})
	if err != nil {
		p.t.Fatal(err)
	}
	all := map[string]string{store.AttrDevice: "true", store.AttrTokenExchange: "true", store.AttrPostLogout: "https://shop.example/bye"}
	p.add(&clientpolicyv1.Client{
		ClientId: proto.String("web"), Name: proto.String("Web <shop>"), Protocol: proto.String("openid-connect"), PublicClient: proto.Bool(false),
		ClientAuthenticatorType: proto.String(store.ClientSecret), StandardFlowEnabled: proto.Bool(true), ServiceAccountsEnabled: proto.Bool(true),
		RedirectUris: []string{redirectURI}, OptionalClientScopes: []string{"profile", "email", "offline_access", "api"}, Attributes: all,
	}, webSecret)
	p.add(&clientpolicyv1.Client{
		ClientId: proto.String("other"), PublicClient: proto.Bool(false), ClientAuthenticatorType: proto.String(store.ClientSecret),
		StandardFlowEnabled: proto.Bool(true), RedirectUris: []string{redirectURI},
	}, otherSecret)
	p.add(&clientpolicyv1.Client{
		ClientId: proto.String("spa"), PublicClient: proto.Bool(true), StandardFlowEnabled: proto.Bool(true),
		RedirectUris: []string{redirectURI}, OptionalClientScopes: []string{"profile"},
	}, "")
	p.add(&clientpolicyv1.Client{
		ClientId: proto.String("robot"), PublicClient: proto.Bool(false), ClientAuthenticatorType: proto.String(store.ClientJWT),
		StandardFlowEnabled: proto.Bool(false), ServiceAccountsEnabled: proto.Bool(true), OptionalClientScopes: []string{"api"},
		Attributes: map[string]string{store.AttrUseJWKS: "true", store.AttrJWKS: string(jwks), store.AttrJWTGrant: "true"},
	}, "")
}

func (p *idp) add(doc *clientpolicyv1.Client, secret string) {
	p.t.Helper()
	c, err := store.NewClient(doc, secret, "")
	if err == nil {
		err = p.store.AddClient(c)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// breakAt makes the decision point unavailable from this event on.
func (p *idp) breakAt(e clientpolicyv1.Event) {
	p.pdp.mu.Lock()
	defer p.pdp.mu.Unlock()
	p.pdp.broken = e
}

// reply is an answer with its body read.
type reply struct {
	*http.Response
	text string
	json map[string]any
}

func (r *reply) field(name string) string {
	s, _ := r.json[name].(string)
	return s
}

// do sends a request without following redirects.
func (p *idp) do(req *http.Request) *reply {
	p.t.Helper()
	hc := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := hc.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	out := &reply{Response: resp, text: string(body)}
	_ = json.Unmarshal(body, &out.json) // nil for pages
	return out
}

func (p *idp) request(method, path, body, contentType string) *http.Request {
	p.t.Helper()
	target := path
	if strings.HasPrefix(path, "/") {
		target = p.url + path
	}
	req, err := http.NewRequestWithContext(p.t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return req
}

func (p *idp) get(path string) *reply {
	p.t.Helper()
	return p.do(p.request(http.MethodGet, path, "", ""))
}

// post sends a form; credentials are those of client web unless form has a
// client_id or an assertion.
func (p *idp) post(path string, form url.Values) *reply {
	p.t.Helper()
	req := p.request(http.MethodPost, path, form.Encode(), "application/x-www-form-urlencoded")
	if !form.Has("client_id") && !form.Has("client_assertion") {
		req.SetBasicAuth("web", webSecret)
	}
	return p.do(req)
}

func (p *idp) bearer(path, token string) *reply {
	p.t.Helper()
	req := p.request(http.MethodGet, path, "", "")
	req.Header.Set("Authorization", "Bearer "+token)
	return p.do(req)
}

func (p *idp) register(doc string) *reply {
	p.t.Helper()
	return p.do(p.request(http.MethodPost, "/register", doc, "application/json"))
}

func challengeOf(v string) string {
	sum := sha256.Sum256([]byte(v))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// authorization is a valid authorization request of client web.
func authorization(change ...string) url.Values {
	q := url.Values{
		"client_id": {"web"}, "response_type": {"code"}, "redirect_uri": {redirectURI}, "scope": {"openid profile offline_access"},
		"state": {"s1"}, "nonce": {"n1"}, "code_challenge": {challengeOf(verifier)}, "code_challenge_method": {"S256"},
	}
	for i := 0; i+1 < len(change); i += 2 {
		if change[i+1] == "" {
			q.Del(change[i])
		} else {
			q.Set(change[i], change[i+1])
		}
	}
	return q
}

// signIn goes from an authorization request to a code.
func (p *idp) signIn(q url.Values) string {
	p.t.Helper()
	r := p.get("/authorize?" + q.Encode())
	login, err := url.Parse(r.Header.Get("Location"))
	if err != nil || login.Path != "/login/username" {
		p.t.Fatalf("authorize: status %d, location %q, body %s", r.StatusCode, r.Header.Get("Location"), r.text)
	}
	id := login.Query().Get("authRequestID")
	r = p.post("/login/username", url.Values{"id": {id}, "username": {"test-user2"}, "password": {"verysecure"}, "client_id": {""}})
	r = p.get(r.Header.Get("Location"))
	back, err := url.Parse(r.Header.Get("Location"))
	if err != nil || back.Query().Get("code") == "" {
		p.t.Fatalf("callback: status %d, location %q, body %s", r.StatusCode, r.Header.Get("Location"), r.text)
	}
	return back.Query().Get("code")
}

func redemption(code string) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI}, "code_verifier": {verifier}}
}

// tokens is a whole code grant of client web.
func (p *idp) tokens() *reply {
	p.t.Helper()
	r := p.post("/oauth/token", redemption(p.signIn(authorization())))
	if r.StatusCode != http.StatusOK {
		p.t.Fatalf("token: status %d, body %s", r.StatusCode, r.text)
	}
	return r
}

// assertion is a JWT of the robot.
func (p *idp) assertion(change map[string]any) string {
	p.t.Helper()
	now := time.Now()
	return p.sign(merge(map[string]any{"iss": "robot", "sub": "robot", "aud": p.url, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": rand.Text()}, change))
}

func (p *idp) sign(claims map[string]any) string {
	p.t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: p.key, KeyID: "k1"}}, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		p.t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		p.t.Fatal(err)
	}
	out, err := jws.CompactSerialize()
	if err != nil {
		p.t.Fatal(err)
	}
	return out
}

func merge(a, b map[string]any) map[string]any {
	for k, v := range b {
		if v == nil {
			delete(a, k)
		} else {
			a[k] = v
		}
	}
	return a
}

func reject(code, description string, status int32, d clientpolicyv1.PolicyError_Delivery) *clientpolicyv1.EvaluateResponse {
	return &clientpolicyv1.EvaluateResponse{
		Decision: clientpolicyv1.EvaluateResponse_DECISION_REJECT,
		Reason:   clientpolicyv1.EvaluateResponse_REASON_POLICY,
		Error:    &clientpolicyv1.PolicyError{Code: code, Description: description, HttpStatus: status, Delivery: d},
	}
}

// claimsOf reads a JWT without verifying it.
func claimsOf(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("not a JWT: %d parts", len(parts))
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}
