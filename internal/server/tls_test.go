package server_test

import (
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
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// pair writes a self-signed certificate for 127.0.0.1 and its key.
func pair(t *testing.T) (cert, key string, roots *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sidegate test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert = writePEM(t, "cert.pem", "CERTIFICATE", der)
	key = writePEM(t, "key.pem", "PRIVATE KEY", secret)
	roots = x509.NewCertPool()
	if data, err := os.ReadFile(cert); err != nil || !roots.AppendCertsFromPEM(data) {
		t.Fatalf("certificate: %v", err)
	}
	return cert, key, roots
}

func writePEM(t *testing.T, name, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// secured runs a server whose TCP listeners speak TLS and want tokens.
func secured(t *testing.T) (*instance, *tls.Config) {
	t.Helper()
	cert, key, roots := pair(t)
	i := start(t, configure(t, t.TempDir(), "--decision-addr=127.0.0.1:0", "--decision-auth=token",
		"--decision-tls-cert="+cert, "--decision-tls-key="+key, "--admin-tls-cert="+cert, "--admin-tls-key="+key), zap.NewNop())
	client := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	i.base = "https://" + i.Admin.String()
	i.http.Transport = &http.Transport{TLSClientConfig: client, ForceAttemptHTTP2: true}
	return i, client
}

func TestTLSAdministration(t *testing.T) {
	i, client := secured(t)
	i.must(t, http.MethodPost, "/v1/realms", `{"name":"r"}`)
	realms := clientpolicyv1.NewRealmServiceClient(dial(t, i.Admin.String(), grpc.WithTransportCredentials(credentials.NewTLS(client))))
	if _, err := realms.GetRealm(i.authorized(t.Context()), &clientpolicyv1.GetRealmRequest{Realm: "r"}); err != nil {
		t.Errorf("gRPC over TLS: %v", err)
	}
	plain := *i
	plain.base = "http://" + i.Admin.String()
	if _, err := plain.rest(t.Context(), http.MethodGet, "/v1/realms", nil); err == nil {
		t.Error("REST was answered in plain text")
	}
	if _, err := clientpolicyv1.NewRealmServiceClient(dial(t, i.Admin.String())).GetRealm(i.authorized(t.Context()), &clientpolicyv1.GetRealmRequest{Realm: "r"}); err == nil {
		t.Error("gRPC was answered in plain text")
	}
}

func TestTLSDecisionsWantAToken(t *testing.T) {
	i, client := secured(t)
	i.must(t, http.MethodPost, "/v1/realms", `{"name":"r"}`)
	req := &clientpolicyv1.EvaluateRequest{Realm: "r", Event: event, Client: &clientpolicyv1.Client{}}
	overTLS := dial(t, i.Decision.String(), grpc.WithTransportCredentials(credentials.NewTLS(client)))
	for name, conn := range map[string]*grpc.ClientConn{"tcp": overTLS, "socket": dial(t, "unix:"+i.Socket)} {
		decisions := clientpolicyv1.NewPolicyDecisionServiceClient(conn)
		if _, err := decisions.Evaluate(t.Context(), req); status.Code(err) != codes.Unauthenticated {
			t.Errorf("%s: without token: %v", name, err)
		}
		if _, err := decisions.Evaluate(i.authorized(t.Context()), req); err != nil {
			t.Errorf("%s: with token: %v", name, err)
		}
		if _, err := grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}); err != nil {
			t.Errorf("%s: health wants no token: %v", name, err)
		}
	}
	if _, err := grpc_health_v1.NewHealthClient(dial(t, i.Decision.String())).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}); err == nil {
		t.Error("tcp was answered in plain text")
	}
}

func TestTLSPairThatDoesNotMatch(t *testing.T) {
	cert, _, _ := pair(t)
	_, key, _ := pair(t)
	for listener, flags := range map[string][]string{
		"admin":    {"--admin-tls-cert=" + cert, "--admin-tls-key=" + key},
		"decision": {"--decision-addr=127.0.0.1:0", "--decision-tls-cert=" + cert, "--decision-tls-key=" + key},
	} {
		err := refusal(t, configure(t, t.TempDir(), flags...))
		if !strings.Contains(err.Error(), listener+"-tls-cert "+cert) || !strings.Contains(err.Error(), "the key that belongs to it") {
			t.Errorf("%s: got %v", listener, err)
		}
	}
}
