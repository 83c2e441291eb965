package auth_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/auth"
)

func certificates(t *testing.T, rules ...auth.CertificateRule) *auth.Certificates {
	t.Helper()
	for i := range rules {
		if rules[i].Roles == nil {
			rules[i].Roles = map[string]auth.Role{auth.AllRealms: auth.Editor}
		}
	}
	c, err := auth.NewCertificates(rules, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A subject is compared as RFC 4514 writes it: in the whole, the last relative name
// first, without letter case.
func TestCertificateSubjects(t *testing.T) {
	ca := newAuthority(t)
	uid := pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}, Value: "u 1"}
	for name, c := range map[string]struct {
		subject pkix.Name
		rule    string
		ok      bool
	}{
		"equal":                  {pkix.Name{CommonName: "ci", Organization: []string{"Example"}}, "CN=ci,O=Example", true},
		"letter case and blanks": {pkix.Name{CommonName: "CI", Organization: []string{"An  Example"}}, "cn=ci, o=an example", true},
		"by number":              {pkix.Name{CommonName: "ci"}, "2.5.4.3=ci", true},
		"unusual attribute":      {pkix.Name{CommonName: "ci", ExtraNames: []pkix.AttributeTypeAndValue{uid}}, "UID=u 1,CN=ci", true},
		"special characters":     {pkix.Name{CommonName: `a,b+"c"\;<d>=#`}, `CN=a\,b\+\"c\"\\\;\<d\>\=\#`, true},
		"unicode":                {pkix.Name{CommonName: "Zürich"}, "CN=zürich", true},
		"part":                   {pkix.Name{CommonName: "ci", Organization: []string{"Example"}}, "CN=ci", false},
		"more":                   {pkix.Name{CommonName: "ci"}, "CN=ci,O=Example", false},
		"another order":          {pkix.Name{CommonName: "ci", Organization: []string{"Example"}}, "O=Example,CN=ci", false},
		"written into the name":  {pkix.Name{CommonName: "ci,O=Example"}, "CN=ci,O=Example", false},
		"prefix":                 {pkix.Name{CommonName: "cio"}, "CN=ci", false},
		"empty":                  {pkix.Name{}, "CN=ci", false},
	} {
		t.Run(name, func(t *testing.T) {
			leaf := ca.issue(t, c.subject, nil).Leaf
			p, err := certificates(t, auth.CertificateRule{Subject: c.rule, Name: "n"}).Principal(leaf)
			if c.ok && (err != nil || p.Author() != "certificate:n" || p.Role("r") != auth.Editor) || !c.ok && !errors.Is(err, auth.ErrUnknownCertificate) {
				t.Error(p, err)
			}
		})
	}
}

func TestCertificateNames(t *testing.T) {
	leaf := newAuthority(t).issue(t, pkix.Name{CommonName: "dns:evil"}, func(c *x509.Certificate) {
		c.DNSNames, c.EmailAddresses = []string{"CI.example.com", "*.example.org"}, []string{"ci@example.com"}
		c.IPAddresses = []net.IP{net.IPv4(10, 0, 0, 1), net.ParseIP("2001:db8::1")}
		c.URIs = []*url.URL{{Scheme: "spiffe", Host: "example.com", Path: "/ci"}}
	}).Leaf
	for san, want := range map[string]bool{
		"DNS:ci.example.com": true, "dns:CI.EXAMPLE.COM": true, "DNS:example.com": false, "DNS:a.example.org": false, "DNS:evil": false,
		"email:ci@example.com": true, "email:CI@example.com": false, "IP:10.0.0.1": true, "IP:10.0.0.2": false,
		"IP:2001:DB8:0::1": true, "URI:spiffe://example.com/ci": true, "URI:spiffe://example.com/CI": false, "URI:ci@example.com": false,
	} {
		_, err := certificates(t, auth.CertificateRule{SAN: san, Name: "n"}).Principal(leaf)
		if want != (err == nil) || err != nil && !errors.Is(err, auth.ErrUnknownCertificate) {
			t.Errorf("%s: %v", san, err)
		}
	}
}

// Whoever a certificate could name besides, it names nobody.
func TestCertificateOfTwo(t *testing.T) {
	leaf := newAuthority(t).issue(t, pkix.Name{CommonName: "x"}, func(c *x509.Certificate) { c.DNSNames = []string{"y"} }).Leaf
	c := certificates(t, auth.CertificateRule{Subject: "CN=x", Name: "x"}, auth.CertificateRule{SAN: "DNS:y", Name: "y"})
	if p, err := c.Principal(leaf); !errors.Is(err, auth.ErrUnknownCertificate) {
		t.Error(p, err)
	}
	// Two rules of one principal, such as for its old and its new certificate.
	c = certificates(t, auth.CertificateRule{Subject: "CN=x", Name: "n"}, auth.CertificateRule{SAN: "DNS:y", Name: "n"})
	if p, err := c.Principal(leaf); err != nil || p.Name != "n" {
		t.Error(p, err)
	}
}

// A connection can outlive the certificate that it was made with.
func TestCertificateInTime(t *testing.T) {
	leaf := newAuthority(t).issue(t, pkix.Name{CommonName: "x"}, nil).Leaf
	for at, want := range map[time.Time]bool{
		leaf.NotBefore: true, leaf.NotAfter: true, leaf.NotBefore.Add(-time.Second): false, leaf.NotAfter.Add(time.Second): false,
	} {
		rule := auth.CertificateRule{Subject: "CN=x", Name: "x", Roles: map[string]auth.Role{"a": auth.Viewer}}
		c, err := auth.NewCertificates([]auth.CertificateRule{rule}, func() time.Time { return at })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Principal(leaf); want != (err == nil) {
			t.Errorf("%v: %v", at, err)
		}
	}
	var none *auth.Certificates
	if _, err := none.Principal(leaf); !errors.Is(err, auth.ErrUnknownCertificate) {
		t.Error(err)
	}
}

func TestRefusedCertificateRules(t *testing.T) {
	all := map[string]auth.Role{auth.AllRealms: auth.Viewer}
	for name, rules := range map[string][]auth.CertificateRule{
		"neither":       {{Name: "n", Roles: all}},
		"both":          {{Subject: "CN=x", SAN: "DNS:x", Name: "n", Roles: all}},
		"no name":       {{Subject: "CN=x", Roles: all}},
		"long name":     {{Subject: "CN=x", Name: strings.Repeat("x", 256), Roles: all}},
		"no roles":      {{Subject: "CN=x", Name: "n"}},
		"no role":       {{Subject: "CN=x", Name: "n", Roles: map[string]auth.Role{"a": auth.NoRole}}},
		"unknown role":  {{Subject: "CN=x", Name: "n", Roles: map[string]auth.Role{"a": 9}}},
		"no realm":      {{Subject: "CN=x", Name: "n", Roles: map[string]auth.Role{"": auth.Viewer}}},
		"slash":         {{Subject: "CN=x", Name: "n", Roles: map[string]auth.Role{"a/b": auth.Viewer}}},
		"no DN":         {{Subject: "x", Name: "n", Roles: all}},
		"unknown kind":  {{SAN: "mail:x", Name: "n", Roles: all}},
		"a blank":       {{SAN: "DNS:a b", Name: "n", Roles: all}},
		"empty value":   {{SAN: "DNS:", Name: "n", Roles: all}},
		"wildcard":      {{SAN: "DNS:*.x", Name: "n", Roles: all}},
		"no IP":         {{SAN: "IP:1.2.3", Name: "n", Roles: all}},
		"same subject":  {{Subject: "CN=x", Name: "n", Roles: all}, {Subject: "cn=X", Name: "m", Roles: all}},
		"same san":      {{SAN: "DNS:x", Name: "n", Roles: all}, {SAN: "dns:X", Name: "m", Roles: all}},
		"the same name": {{SAN: "DNS:x", Name: "n", Roles: all}, {SAN: "DNS:y", Name: "n", Roles: map[string]auth.Role{"a": auth.Viewer}}},
	} {
		if _, err := auth.NewCertificates(rules, nil); err == nil || !strings.Contains(err.Error(), "certificates[") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := auth.NewCertificates([]auth.CertificateRule{{}, {Subject: "CN=x", Name: "n", Roles: all}, {Name: "m"}}, nil)
	if err == nil || !strings.Contains(err.Error(), "certificates[0]") || !strings.Contains(err.Error(), "certificates[2]") {
		t.Errorf("not all problems are told: %v", err)
	}
}

func TestAuthorities(t *testing.T) {
	ca := newAuthority(t)
	pem, err := os.ReadFile(ca.file(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data string
		ok   bool
	}{
		"one": {string(pem), true}, "two": {string(pem) + string(pem), true}, "a comment": {"# ours\n" + string(pem), true},
		"empty": {"", false}, "text": {"hello", false}, "behind": {string(pem) + "x", false},
		"a key":          {strings.ReplaceAll(string(pem), "CERTIFICATE", "PRIVATE KEY"), false},
		"broken":         {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", false},
		"at the limit":   {string(pem) + strings.Repeat("\n", 1<<20-len(pem)), true},
		"past the limit": {string(pem) + strings.Repeat("\n", 1<<20-len(pem)+1), false},
	} {
		file := filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(file, []byte(c.data), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := auth.ReadAuthorities(file); (err == nil) != c.ok || err != nil && !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := auth.TakeCertificates(&tls.Config{}, "nowhere", true); err == nil {
		t.Error("no file is needed")
	}
	before := &tls.Config{}
	for required, want := range map[bool]tls.ClientAuthType{true: tls.RequireAndVerifyClientCert, false: tls.VerifyClientCertIfGiven} {
		if got, err := auth.TakeCertificates(before, ca.file(t), required); err != nil || got.ClientAuth != want || got.ClientCAs == nil || before.ClientCAs != nil {
			t.Error(required, got, err)
		}
	}
}

// who answers by whom a guard recognises in a context.
func who(g *auth.Guard, ctx context.Context) (string, error) {
	var author string
	_, err := g.Unary(ctx, &pb.GetServerRequest{}, &grpc.UnaryServerInfo{FullMethod: pb.ServerService_GetServer_FullMethodName},
		func(ctx context.Context, _ any) (any, error) {
			author = auth.FromContext(ctx).Author()
			return nil, nil
		})
	return author, err
}

// over is a call over TLS, or without it, with metadata.
func over(t *testing.T, state *tls.ConnectionState, md metadata.MD) context.Context {
	t.Helper()
	p := &peer.Peer{Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 5}}
	if state != nil {
		p.AuthInfo = credentials.TLSInfo{State: *state}
	}
	return metadata.NewIncomingContext(peer.NewContext(t.Context(), p), md)
}

// The gateway passes the verified certificate of its peer on. Only the guard behind
// the gateway believes it: sent from outside, the same metadata are nothing.
func TestCertificateThroughTheGateway(t *testing.T) {
	leaf := newAuthority(t).issue(t, pkix.Name{CommonName: "x"}, nil).Leaf
	g := auth.NewGuard(one{p: root}, zap.NewNop(), auth.WithCertificates(certificates(t, auth.CertificateRule{Subject: "CN=x", Name: "x"})))
	verified := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}, VerifiedChains: [][]*x509.Certificate{{leaf}}}
	unverified := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}
	request := httptest.NewRequest(http.MethodGet, "/v1/server", nil)
	if err := g.Admit(request); err == nil {
		t.Error("nobody was admitted")
	}
	request.TLS = unverified
	if err := g.Admit(request); err == nil || g.Annotate(request)["x-sidegate-peer-certificate-bin"] != nil {
		t.Error("a certificate that was not verified counts")
	}
	request.TLS = verified
	md := g.Annotate(request)
	if err := g.Admit(request); err != nil {
		t.Error(err)
	}
	if author, err := who(g.Inside(), over(t, nil, md)); err != nil || author != "certificate:x" {
		t.Error(author, err)
	}
	for name, ctx := range map[string]context.Context{
		"from outside":             over(t, nil, md),
		"from outside, unverified": over(t, unverified, md),
	} {
		_, err := who(g, ctx)
		check(t, name, err, codes.Unauthenticated, "UNAUTHENTICATED")
	}
	for name, md := range map[string]metadata.MD{
		"nothing": {}, "twice": metadata.Join(md, md), "garbage": metadata.Pairs("x-sidegate-peer-certificate-bin", "x"),
	} {
		_, err := who(g.Inside(), over(t, verified, md))
		check(t, name, err, codes.Unauthenticated, "UNAUTHENTICATED")
	}
	if author, err := who(g, over(t, verified, metadata.MD{})); err != nil || author != "certificate:x" {
		t.Error(author, err)
	}
	// The token wins where both are good.
	if author, err := who(g.Inside(), over(t, nil, metadata.Join(md, metadata.Pairs("authorization", "Bearer x")))); err != nil || author != "token:root" {
		t.Error(author, err)
	}
}

// Where certificates alone are taken, a token is refused, however good it is.
func TestCertificatesOnly(t *testing.T) {
	leaf := newAuthority(t).issue(t, pkix.Name{CommonName: "x"}, nil).Leaf
	rule := auth.CertificateRule{Subject: "CN=x", Name: "x", Roles: map[string]auth.Role{"a": auth.Evaluator}}
	g := auth.NewGuard(one{p: root}, zap.NewNop(), auth.WithCertificates(certificates(t, rule))).CertificatesOnly()
	state := &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf}}}
	evaluate := func(ctx context.Context, realm string) error {
		_, err := g.Unary(ctx, &pb.EvaluateRequest{Realm: realm}, &grpc.UnaryServerInfo{FullMethod: pb.PolicyDecisionService_Evaluate_FullMethodName},
			func(context.Context, any) (any, error) { return nil, nil })
		return err
	}
	if err := evaluate(over(t, state, metadata.MD{}), "a"); err != nil {
		t.Error(err)
	}
	check(t, "another realm", evaluate(over(t, state, metadata.MD{}), "b"), codes.PermissionDenied, "PERMISSION_DENIED")
	for name, ctx := range map[string]context.Context{
		"token":                 over(t, nil, metadata.Pairs("authorization", "Bearer x")),
		"certificate and token": over(t, state, metadata.Pairs("authorization", "Bearer x")),
		"nothing":               over(t, nil, metadata.MD{}),
	} {
		check(t, name, evaluate(ctx, "a"), codes.Unauthenticated, "UNAUTHENTICATED")
	}
}
