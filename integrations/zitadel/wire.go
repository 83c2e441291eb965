package zitadel

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"net"
	"net/http"
	"strings"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// wire is what a hook needs of the HTTP exchange and does not get from the
// library: the connection, the header of the answer, and what an earlier hook of
// the same request has found out.
type wire struct {
	remote  string
	tls     *tls.ConnectionState
	dpop    bool        // a DPoP header came
	header  http.Header // of the answer
	refused bool        // a policy refused: its error goes out as it is

	auth   *clientpolicyv1.ClientAuthentication
	scope  string // of the authorization request, before unknown scopes vanish
	object *clientpolicyv1.RequestObject
}

type wireKey struct{}

func withWire(r *http.Request, header http.Header) (*http.Request, *wire) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	w := &wire{remote: host, tls: r.TLS, dpop: strings.TrimSpace(r.Header.Get("DPoP")) != "", header: header}
	return r.WithContext(context.WithValue(r.Context(), wireKey{}, w)), w
}

// wireOf never returns nil: every handler runs behind guard, and a hook called
// without it has no facts.
func wireOf(ctx context.Context) *wire {
	if w, ok := ctx.Value(wireKey{}).(*wire); ok {
		return w
	}
	return &wire{header: http.Header{}}
}

// transport tells the TLS connection; nil on plain http.
func (w *wire) transport() *clientpolicyv1.TransportSecurity {
	if w.tls == nil {
		return nil
	}
	out := &clientpolicyv1.TransportSecurity{
		Version: strings.ReplaceAll(tls.VersionName(w.tls.Version), "TLS ", "TLSv"),
		Cipher:  tls.CipherSuiteName(w.tls.CipherSuite),
	}
	if len(w.tls.PeerCertificates) > 0 {
		cert := w.tls.PeerCertificates[0]
		sum := sha256.Sum256(cert.Raw)
		out.ClientCertificateSha256 = base64.RawURLEncoding.EncodeToString(sum[:])
		out.SubjectDn, out.IssuerDn = cert.Subject.String(), cert.Issuer.String()
	}
	return out
}

// proof tells that a DPoP proof was presented; this provider verifies none.
func (w *wire) proof() *clientpolicyv1.DPoPProof {
	if !w.dpop {
		return nil
	}
	return &clientpolicyv1.DPoPProof{State: clientpolicyv1.DPoPProof_STATE_PRESENTED}
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
