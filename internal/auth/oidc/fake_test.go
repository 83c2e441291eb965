package oidc_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/auth"
	"github.com/sidegate/sidegate/internal/auth/oidc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	name     = "https://idp.example/realms/bank"
	audience = "sidegate"
)

// fake is an issuer without a network: a transport that answers for it.
type fake struct {
	mu    sync.Mutex
	keys  []jose.JSONWebKey
	down  bool
	slow  bool // never answers
	asked map[string]int
	// hold delays answers until it is closed.
	hold chan struct{}
}

func newFake(keys ...jose.JSONWebKey) *fake { return &fake{keys: keys, asked: map[string]int{}} }

// RoundTrip implements http.RoundTripper.
func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked[r.URL.Path]++
	if f.hold != nil {
		<-f.hold
	}
	if f.slow {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if f.down {
		return nil, errors.New("nobody answers")
	}
	var body any = map[string]any{"issuer": name, "jwks_uri": name + "/keys"}
	if r.URL.Path == "/realms/bank/keys" {
		body = jose.JSONWebKeySet{Keys: f.keys}
	}
	data, err := json.Marshal(body)
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(data)), Request: r,
	}, err
}

func (f *fake) set(change func(*fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// fetches is how often the keys, or the metadata that lead there, were asked for.
func (f *fake) fetches() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return max(f.asked["/realms/bank/keys"], f.asked["/realms/bank/.well-known/openid-configuration"])
}

// world is an issuer that asks a fake.
type world struct {
	*oidc.Issuer
	*fake
	logs  *observer.ObservedLogs
	audit func() []*pb.AuditRecord
}

func newWorld(t testing.TB, f *fake, change func(*oidc.Options)) *world {
	t.Helper()
	o := oidc.Options{Issuer: name, Audience: audience, Roles: []oidc.Mapping{{Claim: "groups", Value: "ops", Realm: "*", Role: auth.Admin}}}
	if change != nil {
		change(&o)
	}
	core, logs := observer.New(zapcore.InfoLevel)
	var mu sync.Mutex
	var records []*pb.AuditRecord
	reporter := auth.NewReporter(zap.NewNop(), func(r *pb.AuditRecord) {
		mu.Lock()
		defer mu.Unlock()
		records = append(records, r)
	})
	i, err := oidc.New(o, zap.New(core), reporter)
	if err != nil {
		t.Fatal(err)
	}
	oidc.Through(i, f)
	t.Cleanup(i.Close)
	t.Cleanup(reporter.Close)
	return &world{i, f, logs, func() []*pb.AuditRecord {
		mu.Lock()
		defer mu.Unlock()
		return records
	}}
}

// signer makes tokens with one key.
type signer struct {
	algorithm jose.SignatureAlgorithm
	id        string
	private   any
	public    crypto.PublicKey
}

func newSigner(t testing.TB, algorithm jose.SignatureAlgorithm, id string) *signer {
	t.Helper()
	s := &signer{algorithm: algorithm, id: id}
	var err error
	switch algorithm {
	case jose.EdDSA:
		s.public, s.private, err = ed25519.GenerateKey(rand.Reader)
	case jose.ES384:
		s.private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case jose.ES256:
		s.private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		s.private, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	if s.public == nil {
		s.public = s.private.(crypto.Signer).Public()
	}
	return s
}

func (s *signer) key() jose.JSONWebKey {
	return jose.JSONWebKey{Key: s.public, KeyID: s.id, Use: "sig", Algorithm: string(s.algorithm)}
}

// good are the claims of a token that is taken.
func good() map[string]any {
	now := time.Now()
	return map[string]any{
		"iss": name, "aud": audience, "sub": "u-1", "groups": []string{"ops"}, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	}
}

// with are the good claims with others; nil takes one away.
func with(others map[string]any) map[string]any {
	claims := good()
	maps.Copy(claims, others)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	return claims
}

func (s *signer) token(t testing.TB, claims map[string]any) string {
	t.Helper()
	return s.typed(t, "JWT", claims)
}

func (s *signer) typed(t testing.TB, kind string, claims map[string]any) string {
	t.Helper()
	options := &jose.SignerOptions{}
	if kind != "" {
		options.WithType(jose.ContentType(kind))
	}
	var key any = s.private
	if s.id != "" {
		key = jose.JSONWebKey{Key: s.private, KeyID: s.id}
	}
	made, err := jose.NewSigner(jose.SigningKey{Algorithm: s.algorithm, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := made.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}
