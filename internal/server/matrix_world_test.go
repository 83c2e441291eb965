package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/spf13/pflag"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/sidegate/sidegate/internal/auth"
	"github.com/sidegate/sidegate/internal/config"
)

// The realm that every call of the matrix is about does not exist: whoever is let
// through changes nothing.
const asked = "a"

var (
	matrixRoles  = []auth.Role{auth.Evaluator, auth.Viewer, auth.Editor, auth.Admin}
	matrixRealms = []string{asked, "b", auth.AllRealms}
)

func eachPrincipal(do func(name string, role auth.Role, realm string)) {
	for _, role := range matrixRoles {
		for _, realm := range matrixRealms {
			do(role.String()+"-"+strings.ReplaceAll(realm, auth.AllRealms, "all"), role, realm)
		}
	}
}

// way is one to show who calls.
type way struct {
	kind, name string
	token      string
	cert       *tls.Certificate
	// raw replaces the value of authorization.
	raw []string
}

func (w way) authorization() []string {
	if w.token == "" {
		return w.raw
	}
	return []string{"Bearer " + w.token}
}

// matrix is a server that takes every kind of credentials.
type matrix struct {
	*instance
	roots *x509.CertPool
	// known are the ways of all principals, with what they may do where.
	known []struct {
		way
		role  auth.Role
		realm string
	}
	strangers []way
	bootstrap way
}

// issuing is an authority for client certificates.
type issuing struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newIssuing(t *testing.T) *issuing {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "clients"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &issuing{cert, key}
}

func (a *issuing) client(t *testing.T, name string) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// provider is an OpenID Connect issuer.
type provider struct {
	url string
	key *ecdsa.PrivateKey
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{}
	var err error
	if p.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body any = map[string]any{"issuer": p.url, "jwks_uri": p.url + "/keys"}
		if r.URL.Path == "/keys" {
			body = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &p.key.PublicKey, KeyID: "k"}}}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(body)
	}))
	t.Cleanup(s.Close)
	p.url = s.URL
	return p
}

func (p *provider) token(t *testing.T, group string, life time.Duration) string {
	t.Helper()
	key := jose.JSONWebKey{Key: p.key, KeyID: "k"}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := json.Marshal(map[string]any{
		"iss": p.url, "aud": "sidegate", "sub": group, "groups": []string{group}, "exp": time.Now().Add(life).Unix(),
	})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

const matrixPassword = "a password of the matrix"

// newMatrix runs a server that knows a principal of every kind, role and realm.
// With flags, its decision listener has TLS and takes certificates too.
func newMatrix(t *testing.T, flags ...string) *matrix {
	t.Helper()
	ca, idp := newIssuing(t), newProvider(t)
	m := &matrix{}
	var cert, key string
	cert, key, m.roots = pair(t)
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte(matrixPassword+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	oidc := map[string]any{"issuer": idp.url, "audience": "sidegate"}
	var certificates, claims []any
	eachPrincipal(func(name string, role auth.Role, realm string) {
		certificates = append(certificates, map[string]any{"subject": "CN=" + name, "name": name, "roles": map[string]any{realm: role.String()}})
		claims = append(claims, map[string]any{"claim": "groups", "value": name, "realm": realm, "role": role.String()})
	})
	oidc["roles"] = claims
	file, err := json.Marshal(map[string]any{"auth": map[string]any{
		"oidc": []any{oidc}, "certificates": certificates,
		"principals": []any{map[string]any{"username": "vera", "password-file": password, "roles": map[string]any{asked: "viewer"}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	yaml := filepath.Join(t.TempDir(), "sidegate.yaml") // JSON is YAML
	if err := os.WriteFile(yaml, file, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	clients := writePEM(t, "ca.pem", "CERTIFICATE", ca.cert.Raw)
	if len(flags) > 0 {
		flags = append(flags, "--decision-tls-cert="+cert, "--decision-tls-key="+key, "--decision-client-ca="+clients)
	}
	m.instance = start(t, configureWith(t, []string{"SIDEGATE_BOOTSTRAP_ADMIN_USERNAME=root", "SIDEGATE_BOOTSTRAP_ADMIN_PASSWORD=" + matrixPassword},
		append([]string{
			"--config", yaml, "--data", dir, "--admin-addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--shutdown-timeout=5s",
			"--admin-tls-cert=" + cert, "--admin-tls-key=" + key, "--admin-client-ca=" + clients,
		}, flags...)), zap.NewNop())
	m.base = "https://" + m.Admin.String()
	m.http.Transport = &http.Transport{TLSClientConfig: m.tls(nil), ForceAttemptHTTP2: true}
	m.meet(t, dir, ca, idp)
	return m
}

func configureWith(t *testing.T, environ, args []string) config.Config {
	t.Helper()
	set := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.AddFlags(set)
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(set, environ)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// meet makes the credentials of everybody, and of nobody.
func (m *matrix) meet(t *testing.T, dir string, ca *issuing, idp *provider) {
	t.Helper()
	tokens, err := auth.OpenTokens(dir, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	add := func(w way, role auth.Role, realm string) {
		m.known = append(m.known, struct {
			way
			role  auth.Role
			realm string
		}{w, role, realm})
	}
	eachPrincipal(func(name string, role auth.Role, realm string) {
		secret, _, err := tokens.Create(auth.Token{Name: name, Role: role, Realms: []string{realm}})
		if err != nil {
			t.Fatal(err)
		}
		add(way{kind: "token", name: name, token: secret}, role, realm)
		add(way{kind: "oidc", name: name, token: idp.token(t, name, time.Hour)}, role, realm)
		add(way{kind: "certificate", name: name, cert: ca.client(t, name)}, role, realm)
	})
	add(way{kind: "user", name: "vera", token: m.login(t, "vera")}, auth.Viewer, asked)
	add(way{kind: "user", name: "root", token: m.login(t, "root")}, auth.Admin, auth.AllRealms)

	long, err := auth.OpenTokens(dir, func() time.Time { return time.Now().Add(-time.Hour) })
	if err != nil {
		t.Fatal(err)
	}
	expired, _, err := long.Create(auth.Token{Name: "expired", Role: auth.Admin, Realms: []string{auth.AllRealms}, Expires: time.Now().Add(-time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	admin := ca.client(t, "admin-all")
	m.bootstrap = way{kind: "token", name: "bootstrap", token: m.token}
	m.strangers = []way{
		{kind: "nothing"}, {kind: "another scheme", raw: []string{"Basic " + m.token}}, {kind: "no token", raw: []string{"Bearer "}},
		{kind: "garbage", token: "garbage"}, {kind: "unknown token", token: "sgt_" + strings.Repeat("A", 43)}, {kind: "expired token", token: expired},
		{kind: "expired JWT", token: idp.token(t, "admin-all", -time.Hour)}, {kind: "JWT of another issuer", token: newProvider(t).token(t, "admin-all", time.Hour)},
		{kind: "unknown certificate", cert: ca.client(t, "somebody")}, {kind: "known certificate, bad token", cert: admin, token: "garbage"},
	}
}

// login exchanges a name and the password for an access token.
func (m *matrix) login(t *testing.T, name string) string {
	t.Helper()
	form := url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {name}, "password": {matrixPassword}}
	resp, err := m.http.PostForm(m.base+"/realms/master/protocol/openid-connect/token", form)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Token == "" {
		t.Fatal(resp.Status, err)
	}
	return answer.Token
}

func (m *matrix) tls(cert *tls.Certificate) *tls.Config {
	c := &tls.Config{RootCAs: m.roots, MinVersion: tls.VersionTLS12}
	if cert != nil {
		c.Certificates = []tls.Certificate{*cert}
	}
	return c
}

// client is an HTTP client that calls from an address of its own, so that the wrong
// credentials of one test do not slow down those of another.
func (m *matrix) client(t *testing.T, from string, cert *tls.Certificate) *http.Client {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	transport := &http.Transport{TLSClientConfig: m.tls(cert), DialContext: dialer.DialContext, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// conn is a connection to the administration listener.
func (m *matrix) conn(t *testing.T, cert *tls.Certificate) *grpc.ClientConn {
	t.Helper()
	return m.connFrom(t, "127.0.0.1", cert)
}

func (m *matrix) connFrom(t *testing.T, from string, cert *tls.Certificate) *grpc.ClientConn {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	return dial(t, m.Admin.String(), grpc.WithTransportCredentials(credentials.NewTLS(m.tls(cert))),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", addr) }))
}
