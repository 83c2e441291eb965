package auth

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sidegate/sidegate/pdp/oauth"
)

// ErrUnknownCertificate means that a certificate names nobody who is known here.
var ErrUnknownCertificate = errors.New("unknown client certificate")

// CertificateRule says who holds a client certificate, and what the holder may do.
type CertificateRule struct {
	// Subject is the distinguished name in the form of RFC 4514, compared in the
	// whole, without letter case. Either Subject or SAN is given.
	Subject string
	// SAN is a subject alternative name: `DNS:`, `URI:`, `email:` or `IP:` and the
	// value, or the value alone where its form tells the kind. Names of hosts are
	// compared without letter case, the others exactly.
	SAN string
	// Name of the principal, 1 to 255 printable characters. Two rules may have one
	// name, such as for an old and a new certificate, if they give the same roles.
	Name string
	// Roles by realm, or AllRealms; at least one.
	Roles map[string]Role
}

// Certificates recognise principals by the certificate that a TLS client proved to
// hold. Whether an authority that is trusted here issued it, the handshake has
// judged before.
type Certificates struct {
	rules []compiledRule
	now   func() time.Time
}

type compiledRule struct {
	subject   oauth.DN
	san       string
	principal *Principal
}

// NewCertificates checks the rules and returns all that is wrong with them; a nil
// clock is the system's.
func NewCertificates(rules []CertificateRule, now func() time.Time) (*Certificates, error) {
	if now == nil {
		now = time.Now
	}
	c := &Certificates{now: now}
	var errs []error
	for i, r := range rules {
		compiled, err := r.compile()
		if err == nil {
			err = c.add(compiled)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("certificates[%d]: %w", i, err))
		}
	}
	return c, errors.Join(errs...)
}

// add refuses what would leave open who a certificate names.
func (c *Certificates) add(r *compiledRule) error {
	for _, old := range c.rules {
		if r.subject != nil && r.subject.Equal(old.subject) || r.san != "" && r.san == old.san {
			return errors.New("an earlier entry has the same subject or san; take one of them out")
		}
		if old.principal.Name == r.principal.Name && !maps.Equal(old.principal.Roles, r.principal.Roles) {
			return fmt.Errorf("an earlier entry has the name %q and other roles; give each its own name", r.principal.Name)
		}
	}
	c.rules = append(c.rules, *r)
	return nil
}

func (r *CertificateRule) compile() (*compiledRule, error) {
	if problem := checkText(r.Name); problem != "" {
		return nil, fmt.Errorf("name %s", problem)
	}
	if err := CheckRoles(r.Roles); err != nil {
		return nil, err
	}
	c := &compiledRule{principal: &Principal{Name: r.Name, Kind: KindCertificate, Roles: r.Roles}}
	var err error
	switch {
	case (r.Subject == "") == (r.SAN == ""):
		return nil, errors.New("expected either subject or san")
	case r.Subject != "":
		if c.subject, err = oauth.ParseDN(r.Subject); err != nil {
			return nil, fmt.Errorf("subject %q: expected a distinguished name such as CN=ci,O=Example (RFC 4514): %w", r.Subject, err)
		}
	default:
		if c.san, err = canonicalSAN(r.SAN); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// canonicalSAN brings a configured name into the form of those of a certificate.
func canonicalSAN(san string) (string, error) {
	kind, value, found := strings.Cut(san, ":")
	if kind = strings.ToLower(kind); !found || !slices.Contains([]string{"dns", "uri", "email", "ip"}, kind) {
		kind, value = kindOfSAN(san), san
	}
	switch {
	case value == "":
	case kind == "ip":
		if ip, err := netip.ParseAddr(value); err == nil {
			return "ip:" + ip.Unmap().String(), nil
		}
	case kind == "dns" && !strings.ContainsAny(value, "*:/@ "):
		return "dns:" + strings.ToLower(value), nil
	case kind == "uri" || kind == "email":
		return kind + ":" + value, nil
	}
	return "", fmt.Errorf("san %q: expected DNS:host, URI:uri, email:address or IP:address, without wildcards", san)
}

// kindOfSAN tells the kind of a name by its form.
func kindOfSAN(san string) string {
	_, err := netip.ParseAddr(san)
	switch {
	case err == nil:
		return "ip"
	case strings.Contains(san, "://"):
		return "uri"
	case strings.Contains(san, "@"):
		return "email"
	}
	return "dns"
}

// Principal returns who holds a verified certificate. It answers
// ErrUnknownCertificate when no rule names it, or rules of several principals do,
// or it is not valid now: a connection can outlive its certificate.
func (c *Certificates) Principal(leaf *x509.Certificate) (*Principal, error) {
	if c == nil {
		return nil, fmt.Errorf("%w: no certificates are configured", ErrUnknownCertificate)
	}
	if now := c.now(); now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		return nil, fmt.Errorf("%w: it is not valid at this time", ErrUnknownCertificate)
	}
	subject, names := subjectOf(leaf), namesOf(leaf)
	var found *Principal
	for _, r := range c.rules {
		if !r.fits(subject, names) {
			continue
		}
		if found != nil && found.Name != r.principal.Name {
			return nil, fmt.Errorf("%w: it is that of %q and of %q", ErrUnknownCertificate, found.Name, r.principal.Name)
		}
		found = r.principal
	}
	if found == nil {
		return nil, ErrUnknownCertificate
	}
	return found, nil
}

func (r *compiledRule) fits(subject oauth.DN, names map[string]bool) bool {
	if r.subject != nil {
		return r.subject.Equal(subject)
	}
	return names[r.san]
}

// subjectOf returns the subject in the form that configured ones have, nil when it
// has no such form. RFC 4514 section 2.1: the last relative name comes first.
func subjectOf(leaf *x509.Certificate) oauth.DN {
	var names pkix.RDNSequence
	if rest, err := asn1.Unmarshal(leaf.RawSubject, &names); err != nil || len(rest) > 0 {
		return nil
	}
	var text strings.Builder
	for i := len(names) - 1; i >= 0; i-- {
		for j, attribute := range names[i] {
			value, ok := attribute.Value.(string)
			if !ok || value == "" {
				return nil
			}
			if j > 0 {
				text.WriteByte('+')
			}
			text.WriteString(attribute.Type.String() + "=")
			// RFC 4514 section 2.4: any byte may be escaped by its digits.
			for _, b := range []byte(value) {
				text.WriteString(`\` + hex.EncodeToString([]byte{b}))
			}
		}
		if i > 0 {
			text.WriteByte(',')
		}
	}
	dn, err := oauth.ParseDN(text.String())
	if err != nil {
		return nil
	}
	return dn
}

func namesOf(leaf *x509.Certificate) map[string]bool {
	names := map[string]bool{}
	for _, host := range leaf.DNSNames {
		names["dns:"+strings.ToLower(host)] = true
	}
	for _, uri := range leaf.URIs {
		names["uri:"+uri.String()] = true
	}
	for _, address := range leaf.EmailAddresses {
		names["email:"+address] = true
	}
	for _, ip := range leaf.IPAddresses {
		if address, ok := netip.AddrFromSlice(ip); ok {
			names["ip:"+address.Unmap().String()] = true
		}
	}
	return names
}

// verifiedLeaf is the certificate that a TLS client proved to hold and whose chain
// was verified; nil when there is none.
func verifiedLeaf(state *tls.ConnectionState) *x509.Certificate {
	if state == nil || len(state.VerifiedChains) == 0 || len(state.VerifiedChains[0]) == 0 {
		return nil
	}
	return state.VerifiedChains[0][0]
}

// maxAuthorities is the greatest size of a file of authorities.
const maxAuthorities = 1 << 20

// TakeCertificates returns the configuration of a TLS server that takes client
// certificates of the authorities in a PEM file, and demands one when required.
func TakeCertificates(c *tls.Config, file string, required bool) (*tls.Config, error) {
	pool, err := ReadAuthorities(file)
	if err != nil {
		return nil, err
	}
	c = c.Clone()
	c.ClientCAs, c.ClientAuth = pool, tls.VerifyClientCertIfGiven
	if required {
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c, nil
}

// ReadAuthorities reads the certificates of a PEM file, in which nothing else may be.
func ReadAuthorities(file string) (*x509.CertPool, error) {
	data, err := readBounded(file, maxAuthorities)
	if err != nil {
		return nil, fmt.Errorf("authorities: %w", err)
	}
	pool, found := x509.NewCertPool(), 0
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if block.Type != "CERTIFICATE" || err != nil {
			return nil, fmt.Errorf("authorities: %s: PEM block %d (%s) is not a certificate: %w", file, found+1, block.Type, err)
		}
		pool.AddCert(cert)
		found++
	}
	if found == 0 || len(bytes.TrimSpace(data)) > 0 {
		return nil, fmt.Errorf("authorities: %s: expected certificates in PEM and nothing behind them, found %d", file, found)
	}
	return pool, nil
}

// readBounded reads a file of limited size.
func readBounded(file string, limit int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", file, limit)
	}
	return data, err
}
