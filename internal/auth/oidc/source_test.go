package oidc_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/sidegate/sidegate/internal/auth"
	"github.com/sidegate/sidegate/internal/auth/oidc"
)

// site is an issuer with a network.
type site struct {
	*httptest.Server
	signer *signer
	paths  map[string]http.HandlerFunc
}

func newSite(t *testing.T, secure bool) *site {
	t.Helper()
	s := &site{signer: newSigner(t, jose.ES256, "k")}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if handle := s.paths[r.URL.Path]; handle != nil {
			handle(w, r)
			return
		}
		http.NotFound(w, r)
	})
	if secure {
		s.Server = httptest.NewTLSServer(h)
	} else {
		s.Server = httptest.NewServer(h)
	}
	t.Cleanup(s.Close)
	s.paths = map[string]http.HandlerFunc{
		"/.well-known/openid-configuration": s.says(map[string]any{"issuer": s.URL, "jwks_uri": s.URL + "/keys"}),
		"/keys":                             s.says(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{s.signer.key()}}),
	}
	return s
}

func (s *site) says(body any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(body)
	}
}

// try authenticates with a token of the site.
func (s *site) try(t *testing.T, change func(*oidc.Options)) (string, error) {
	t.Helper()
	o := oidc.Options{Issuer: s.URL, Audience: audience, Roles: []oidc.Mapping{{Claim: "groups", Value: "ops", Realm: "*", Role: auth.Admin}}}
	if change != nil {
		change(&o)
	}
	core, logs := observer.New(zapcore.InfoLevel)
	i, err := oidc.New(o, zap.New(core), auth.NewReporter(nopLog, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	_, err = i.Authenticate(t.Context(), s.signer.token(t, with(map[string]any{"iss": o.Issuer})))
	why := ""
	for _, entry := range logs.All() {
		why += fmt.Sprint(entry.ContextMap()["error"])
	}
	if len(why) > 700 {
		t.Errorf("%d bytes in the log", len(why))
	}
	return why, err
}

func TestFetch(t *testing.T) {
	s := newSite(t, false)
	if why, err := s.try(t, nil); err != nil {
		t.Error(why, err)
	}
	// With the URL of the keys nothing else is asked for.
	delete(s.paths, "/.well-known/openid-configuration")
	if why, err := s.try(t, func(o *oidc.Options) { o.JWKSURL = s.URL + "/keys" }); err != nil {
		t.Error(why, err)
	}
	if _, err := s.try(t, nil); !errors.Is(err, auth.ErrUnavailable) {
		t.Error(err)
	}
}

func TestFetchOverTLS(t *testing.T) {
	s := newSite(t, true)
	s.Config.ErrorLog = zap.NewStdLog(nopLog)
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	if why, err := s.try(t, func(o *oidc.Options) { o.Authorities = pool }); err != nil {
		t.Error(why, err)
	}
	if why, err := s.try(t, nil); !errors.Is(err, auth.ErrUnavailable) || !strings.Contains(why, "certificate") {
		t.Error(why, err)
	}
	// Nobody may give up TLS on the way.
	s.paths["/keys"] = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1:1/keys", http.StatusFound)
	}
	if why, err := s.try(t, func(o *oidc.Options) { o.Authorities = pool }); !errors.Is(err, auth.ErrUnavailable) || !strings.Contains(why, "redirect from https") {
		t.Error(why, err)
	}
}

func TestWhatIssuersMayNotAnswer(t *testing.T) {
	key := newSigner(t, jose.ES256, "k")
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	keys := func(list ...jose.JSONWebKey) any { return jose.JSONWebKeySet{Keys: list} }
	many := func(n int) (list []jose.JSONWebKey) {
		for range n {
			list = append(list, key.key())
		}
		return list
	}
	for name, c := range map[string]struct {
		path string
		say  any // a body, or a handler
		want string
	}{
		"another issuer":     {"/.well-known/openid-configuration", map[string]any{"issuer": "https://other.example", "jwks_uri": "https://other.example/keys"}, "did not match"},
		"keys in plain text": {"/.well-known/openid-configuration", nil, "https"},
		"no keys":            {"/keys", map[string]any{}, "no public key"},
		"private keys":       {"/keys", keys(jose.JSONWebKey{Key: key.private, KeyID: "k"}), "no public key"},
		"shared secrets":     {"/keys", keys(jose.JSONWebKey{Key: []byte("secret"), KeyID: "k"}), "no public key"},
		"short RSA keys":     {"/keys", keys(jose.JSONWebKey{Key: &small.PublicKey, KeyID: "k"}), "no public key"},
		"too many keys":      {"/keys", keys(many(101)...), "101 keys"},
		"no JSON":            {"/keys", "keys", "key set"},
		"an error":           {"/keys", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }), "500"},
		"a large error": {"/.well-known/openid-configuration", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, strings.Repeat("x", 1<<16), http.StatusNotFound)
		}), "404"},
		"redirects for ever": {"/keys", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/keys", http.StatusFound) }), "more than 3 redirects"},
		"redirect elsewhere": {"/keys", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://idp.example/keys", http.StatusFound)
		}), "expected https"},
		"an endless document": {"/keys", http.HandlerFunc(endless), "too large"},
		"endless metadata":    {"/.well-known/openid-configuration", http.HandlerFunc(endless), "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, false)
			switch say := c.say.(type) {
			case http.HandlerFunc:
				s.paths[c.path] = say
			case nil:
				s.paths[c.path] = s.says(map[string]any{"issuer": s.URL, "jwks_uri": "http://idp.example/keys"})
			default:
				s.paths[c.path] = s.says(say)
			}
			why, err := s.try(t, nil)
			if !errors.Is(err, auth.ErrUnavailable) || !strings.Contains(why, c.want) {
				t.Errorf("%s\n%v", why, err)
			}
			if err != nil && strings.Contains(err.Error(), "xxx") {
				t.Error("the caller is told what the issuer said")
			}
		})
	}
}

func endless(w http.ResponseWriter, _ *http.Request) {
	for {
		if _, err := w.Write(make([]byte, 1<<12)); err != nil {
			return
		}
	}
}

// At the limits: three redirects, 100 keys, 512 KiB.
func TestWhatIssuersMayAnswer(t *testing.T) {
	s := newSite(t, false)
	list := []jose.JSONWebKey{s.signer.key()}
	for len(list) < 100 {
		list = append(list, newSigner(t, jose.EdDSA, "x").key())
	}
	data, err := json.Marshal(jose.JSONWebKeySet{Keys: list})
	if err != nil {
		t.Fatal(err)
	}
	size := 512 << 10
	s.paths["/d"] = func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(append(data, strings.Repeat(" ", size-len(data))...))
	}
	for from, to := range map[string]string{"/keys": "/b", "/b": "/c", "/c": "/d"} {
		s.paths[from] = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
	}
	if why, err := s.try(t, nil); err != nil {
		t.Error(why, err)
	}
	size++
	if why, err := s.try(t, nil); !errors.Is(err, auth.ErrUnavailable) {
		t.Error(why, err)
	}
}

// Keys of kinds that are not known here do not hide those that are.
func TestUnknownKindsOfKeys(t *testing.T) {
	s := newSite(t, false)
	good, err := json.Marshal(s.signer.key())
	if err != nil {
		t.Fatal(err)
	}
	s.paths["/keys"] = s.says(map[string]any{"keys": []any{
		map[string]any{"kty": "AKP", "alg": "ML-DSA-44"}, map[string]any{"kty": "EC", "crv": "secp256k1", "x": "x", "y": "y"}, 7, json.RawMessage(good),
	}})
	if why, err := s.try(t, nil); err != nil {
		t.Error(why, err)
	}
}

// An issuer that takes its time is given up after ten seconds.
func TestSlowIssuer(t *testing.T) {
	s := newSigner(t, jose.ES256, "k")
	f := newFake(s.key())
	f.slow = true
	inBubble(t, f, func(t *testing.T, w *world) {
		begin := time.Now()
		if _, err := w.Authenticate(t.Context(), s.token(t, good())); !errors.Is(err, auth.ErrUnavailable) {
			t.Error(err)
		}
		if took := time.Since(begin); took != 10*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
