package cli_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// authority signs certificates for a test.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	template := &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.cert, a.key = a.sign(t, template, "ca")
	return a
}

// sign makes NAME.pem and NAME.key.
func (a *authority) sign(t *testing.T, template *x509.Certificate, name string) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, template.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, parentKey := a.cert, a.key
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	a.write(t, name+".pem", "CERTIFICATE", der)
	a.write(t, name+".key", "PRIVATE KEY", private)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func (a *authority) write(t *testing.T, name, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(a.path(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

// serving is the TLS of a server on loopback that asks for client certificates.
func (a *authority) serving(t *testing.T) *tls.Config {
	t.Helper()
	a.sign(t, &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, "server")
	a.sign(t, &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, "alice")
	pair, err := tls.LoadX509KeyPair(a.path("server.pem"), a.path("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.VerifyClientCertIfGiven, MinVersion: tls.VersionTLS13}
}

func TestTLS(t *testing.T) {
	a := newAuthority(t)
	who := ""
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who = "nobody"
		if len(r.TLS.PeerCertificates) > 0 {
			who = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		_, _ = w.Write([]byte(`{"realms":[]}`))
	}))
	s.TLS = a.serving(t)
	s.StartTLS()
	t.Cleanup(s.Close)
	ca, cert, key := "--ca-file="+a.path("ca.pem"), "--client-cert="+a.path("alice.pem"), "--client-key="+a.path("alice.key")
	for name, tc := range map[string]struct {
		server, who, want string
		args, environ     []string
		code              int
	}{
		"trusted":            {who: "nobody", args: []string{ca}},
		"client certificate": {who: "alice", args: []string{ca, cert, key}},
		"environment": {who: "alice", environ: []string{
			"SIDEGATE_CA_FILE=" + a.path("ca.pem"), "SIDEGATE_CLIENT_CERT=" + a.path("alice.pem"), "SIDEGATE_CLIENT_KEY=" + a.path("alice.key"),
		}},
		"not trusted":         {code: 3, want: "--ca-file"},
		"key without cert":    {args: []string{ca, key}, code: 2, want: "belong together"},
		"not the key":         {args: []string{ca, cert, "--client-key=" + a.path("ca.key")}, code: 2, want: "client certificate"},
		"no certificates":     {args: []string{"--ca-file=" + a.path("ca.key")}, code: 2, want: "expected certificates in PEM form"},
		"no file":             {args: []string{"--ca-file=nowhere"}, code: 2, want: "nowhere"},
		"no cert file":        {args: []string{"--client-cert=nowhere", key}, code: 2, want: "nowhere"},
		"no key file":         {args: []string{cert, "--client-key=nowhere"}, code: 2, want: "nowhere"},
		"no TLS":              {server: "http://127.0.0.1:1", args: []string{ca}, code: 2, want: "no effect without TLS"},
		"a file too large":    {args: []string{"--ca-file=" + grown(t, a.path("ca.pem"), 1<<20+1)}, code: 2, want: "at most 1048576 bytes"},
		"a file large enough": {who: "nobody", args: []string{"--ca-file=" + grown(t, a.path("ca.pem"), 1<<20)}},
	} {
		t.Run(name, func(t *testing.T) {
			who = ""
			server := s.URL
			if tc.server != "" {
				server = tc.server
			}
			r := command{}.in(t.Context(), append(tc.environ, "SIDEGATE_SERVER="+server), append([]string{"get", "realms"}, tc.args...)...)
			if r.code != tc.code || who != tc.who || !strings.Contains(r.err, tc.want) {
				t.Errorf("got %+v, server saw %q", r, who)
			}
		})
	}
}

// grown is a copy of a file, filled up to a size.
func grown(t *testing.T, path string, size int) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "big.pem", string(data)+strings.Repeat("\n", size-len(data)))
}

// listener is a decision listener that tells who asks.
type listener struct {
	clientpolicyv1.UnimplementedPolicyDecisionServiceServer
	token string
}

func (l *listener) Evaluate(ctx context.Context, r *clientpolicyv1.EvaluateRequest) (*clientpolicyv1.EvaluateResponse, error) {
	if r.GetRealm() != "home" {
		return nil, status.Errorf(codes.NotFound, "no realm %s", r.GetRealm())
	}
	md, _ := metadata.FromIncomingContext(ctx)
	l.token = strings.Join(md.Get("authorization"), ",")
	return &clientpolicyv1.EvaluateResponse{Decision: clientpolicyv1.EvaluateResponse_DECISION_ALLOW}, nil
}

func TestDecisionsOverTLS(t *testing.T) {
	a := newAuthority(t)
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config := a.serving(t)
	config.ClientAuth = tls.RequireAndVerifyClientCert
	l := &listener{}
	s := grpc.NewServer(grpc.Creds(credentials.NewTLS(config)))
	clientpolicyv1.RegisterPolicyDecisionServiceServer(s, l)
	done := make(chan error, 1)
	go func() { done <- s.Serve(socket) }()
	t.Cleanup(func() { s.Stop(); <-done })
	dir := t.TempDir()
	for name, content := range map[string]string{
		"t":             "secret",
		"contexts.yaml": "current: c\ncontexts:\n  c: {grpc: '" + socket.Addr().String() + "', realm: home, token-file: t, ca-file: " + a.path("ca.pem") + ", client-cert: " + a.path("alice.pem") + ", client-key: " + a.path("alice.key") + "}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	request := write(t, "r.json", `{"event":"EVENT_VIEW","client":{}}`)
	r := command{}.in(t.Context(), []string{"SIDEGATE_CONFIG_HOME=" + dir}, "evaluate", "-f", request)
	if r.code != 0 || l.token != "Bearer secret" {
		t.Errorf("got %+v, token %q", r, l.token)
	}
	r = command{}.in(t.Context(), []string{"SIDEGATE_CONFIG_HOME=" + dir}, "evaluate", "-f", request, "--realm", "other")
	if r.code != 1 || r.err != "sidegate: no realm other\n" {
		t.Errorf("refused: %+v", r)
	}
	r = command{}.in(t.Context(), nil, "evaluate", "-f", request, "--realm", "home", "--grpc", socket.Addr().String(), "--ca-file", a.path("ca.pem"))
	if r.code != 3 {
		t.Errorf("without a certificate: %+v", r)
	}
}
