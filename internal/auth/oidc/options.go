package oidc

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sidegate/sidegate/internal/auth"
)

// Options say which tokens of one issuer are taken, and what their holders may do.
type Options struct {
	// Issuer is the URL in `iss`, exactly; required. It speaks TLS, unless it is on
	// loopback.
	Issuer string
	// Audience is what `aud` must hold; required.
	Audience string
	// JWKSURL is where the keys are; empty means that the issuer's metadata say so
	// (OpenID Connect Discovery section 4).
	JWKSURL string
	// Authorities are those that may certify the issuer's TLS; nil means the system's.
	Authorities *x509.CertPool
	// Algorithms that tokens may be signed with; empty means RS256, ES256, PS256 and
	// EdDSA.
	Algorithms []string
	// ClockSkew is how far the issuer's clock may be off, at most five minutes;
	// 0 means 30 seconds.
	ClockSkew time.Duration
	// MaxTokenBytes is the greatest size of a token, at most 32 KiB; 0 means 16 KiB.
	MaxTokenBytes int
	// Roles say what claims mean.
	Roles []Mapping
	// KeycloakRoles says that view-realm and view-clients mean viewer, manage-realm
	// and manage-clients editor, in the realm that ends the issuer's URL.
	KeycloakRoles bool
}

// Mapping gives a role to those whose claim has a value.
type Mapping struct {
	// Claim names it: `groups`, `realm_access.roles`, or a JSON pointer (RFC 6901)
	// where a name holds a dot: `/https:~1~1example.com~1roles`.
	Claim string
	// Value is what the claim is, or has among its elements.
	Value string
	// Realm in which the role holds, or auth.AllRealms.
	Realm string
	// Role is the role.
	Role auth.Role
}

const (
	defaultSkew  = 30 * time.Second
	maxSkew      = 5 * time.Minute
	defaultToken = 16 << 10
	maxToken     = 32 << 10
	maxMappings  = 1000
	maxClaim     = 1024
)

var (
	defaultAlgorithms = []string{"RS256", "ES256", "PS256", "EdDSA"}
	// RFC 7518 section 3.1 and RFC 8037: those with public keys. The others need a
	// secret that is shared, or nothing.
	knownAlgorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)

// complete checks the options and fills in what they leave out.
func (o *Options) complete() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if err := checkURL(o.Issuer); err != nil {
		fail("issuer %w", err)
	}
	// OpenID Connect Core section 2: no query and no fragment.
	if strings.Contains(o.Issuer, "?") {
		fail("issuer %q: expected no query", o.Issuer)
	}
	if o.JWKSURL != "" {
		if err := checkURL(o.JWKSURL); err != nil {
			fail("jwks-url %w", err)
		}
	}
	if o.Audience == "" {
		fail("audience is missing; without it a token for any other service would be taken")
	}
	if len(o.Algorithms) == 0 {
		o.Algorithms = defaultAlgorithms
	}
	for _, name := range o.Algorithms {
		if !slices.Contains(knownAlgorithms, name) {
			fail("algorithm %q: expected one of %s", name, strings.Join(knownAlgorithms, ", "))
		}
	}
	if o.ClockSkew == 0 {
		o.ClockSkew = defaultSkew
	}
	if o.ClockSkew < 0 || o.ClockSkew > maxSkew {
		fail("clock skew %v: expected at most %v", o.ClockSkew, maxSkew)
	}
	if o.MaxTokenBytes == 0 {
		o.MaxTokenBytes = defaultToken
	}
	if o.MaxTokenBytes < 0 || o.MaxTokenBytes > maxToken {
		fail("token size %d: expected at most %d bytes", o.MaxTokenBytes, maxToken)
	}
	return errors.Join(append(errs, o.checkRoles())...)
}

func (o *Options) checkRoles() error {
	var errs []error
	if _, ok := o.keycloakRealm(); o.KeycloakRoles && !ok {
		errs = append(errs, fmt.Errorf("keycloak-roles: expected an issuer that ends in /realms/NAME, got %q; map the roles one by one instead", o.Issuer))
	}
	if len(o.Roles) > maxMappings {
		errs = append(errs, fmt.Errorf("there are %d roles, expected at most %d", len(o.Roles), maxMappings))
	}
	if len(o.Roles) == 0 && !o.KeycloakRoles {
		errs = append(errs, errors.New("roles are missing; without them nobody could do anything"))
	}
	for i, m := range o.Roles {
		if err := m.check(); err != nil {
			errs = append(errs, fmt.Errorf("roles[%d]: %w", i, err))
		}
	}
	return errors.Join(errs...)
}

func (m *Mapping) check() error {
	if m.Claim == "" || len(m.Claim) > maxClaim || m.Value == "" || len(m.Value) > maxClaim {
		return fmt.Errorf("expected a claim and a value of 1 to %d bytes", maxClaim)
	}
	if slices.Contains(pathOf(m.Claim), "") {
		return fmt.Errorf("claim %q holds an empty name", m.Claim)
	}
	return auth.CheckRoles(map[string]auth.Role{m.Realm: m.Role})
}

// keycloakRealm is the realm of an issuer whose URL ends as Keycloak's do.
func (o *Options) keycloakRealm() (string, bool) {
	u, err := url.Parse(o.Issuer)
	if err != nil {
		return "", false
	}
	head, last, found := cutLast(u.EscapedPath(), "/")
	name, err := url.PathUnescape(last)
	if !found || err != nil || !strings.HasSuffix(head, "/realms") || name == auth.AllRealms {
		return "", false
	}
	return name, auth.CheckRealm(name) == nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// maxURL is the greatest length of a URL; it leaves room in an author's name.
const maxURL = 512

// checkURL refuses what could be read or answered by others than the issuer.
func checkURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || len(s) > maxURL || u.Host == "" || u.Opaque != "":
		return fmt.Errorf("is no URL such as https://idp.example.com/realms/main, of at most %d bytes", maxURL)
	case u.User != nil || strings.Contains(s, "#"):
		return fmt.Errorf("%q: expected neither user nor fragment", u.Redacted())
	}
	return checkTransport(u)
}

func checkTransport(u *url.URL) error {
	if u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()) {
		return nil
	}
	return fmt.Errorf("%q: expected https (http is for loopback alone)", u.Redacted())
}

func isLoopback(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.IsLoopback()
	}
	return host == "localhost"
}
