package cli

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/sidegate/sidegate/internal/config"
)

// maxPEM bounds a file of certificates.
const maxPEM = 1 << 20

// secured tells that something was said about TLS.
func (r *remote) secured() bool { return r.CAFile != "" || r.ClientCert != "" || r.ClientKey != "" }

// tls is how to speak TLS; by default as the system does.
func (r *remote) tls() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if r.CAFile != "" {
		data, err := readBounded(r.CAFile, maxPEM)
		if err != nil {
			return nil, usage("ca file: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(data) {
			return nil, usage("ca file %s: expected certificates in PEM form", r.CAFile)
		}
	}
	if r.ClientCert == "" && r.ClientKey == "" {
		return c, nil
	}
	pair, err := r.pair()
	if err != nil {
		return nil, err
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}

// pair reads the client certificate.
func (r *remote) pair() (tls.Certificate, error) {
	if r.ClientCert == "" || r.ClientKey == "" {
		return tls.Certificate{}, usage("--client-cert and --client-key belong together; one is missing")
	}
	cert, err := readBounded(r.ClientCert, maxPEM)
	if err != nil {
		return tls.Certificate{}, usage("client certificate: %w", err)
	}
	key, err := readBounded(r.ClientKey, maxPEM)
	if err != nil {
		return tls.Certificate{}, usage("client key: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return pair, usage("client certificate %s with key %s: %w", r.ClientCert, r.ClientKey, err)
	}
	return pair, nil
}

// tlsTo says how to speak TLS with a decision listener at host:port; nil means in
// the clear, which only loopback without any word about TLS may do.
func (r *remote) tlsTo(target string) (*tls.Config, error) {
	_, _, err := net.SplitHostPort(target)
	if strings.HasPrefix(target, "unix:") || err != nil || !r.secured() && config.Loopback(target) {
		return nil, nil
	}
	return r.tls()
}

// explained adds to an error of TLS what can be done about it.
func explained(err error) error {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return fmt.Errorf("%w; if you trust it, name the file with its authority by --ca-file", err)
	}
	return err
}
