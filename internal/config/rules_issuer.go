package config

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/sidegate/sidegate/internal/auth"
	"github.com/sidegate/sidegate/pdp"
)

// Bounds on what is said of issuers, in bytes.
const (
	maxURL   = 512
	maxClaim = 1024
)

var (
	// algorithms are those of RFC 7518 section 3.1 and RFC 8037 section 3.1 that are
	// asymmetric: a key that both sides know would let the verifier sign.
	algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
	// defaultAlgorithms are taken of an issuer that names none.
	defaultAlgorithms = []string{"RS256", "PS256", "ES256", "EdDSA"}
)

func (l *loader) issuers(c *Config) {
	seen := map[string]string{}
	for i := range c.Auth.OIDC {
		o, at := &c.Auth.OIDC[i], fmt.Sprintf("auth.oidc[%d]", i)
		if l.need(at, "issuer", o.Issuer) {
			l.url(at+".issuer", o.Issuer)
			l.once(seen, at+".issuer", o.Issuer)
		}
		l.need(at, "audience", o.Audience)
		if o.JWKSURL != "" {
			l.url(at+".jwks-url", o.JWKSURL)
		}
		l.authorities(at+".ca-file", o.CAFile)
		l.algorithms(at+".algorithms", o)
		if len(o.Roles) == 0 && !o.KeycloakRoles && !l.doubtful[at+".roles"] && !l.doubtful[at+".keycloak-roles"] {
			l.fail(l.place(at), "%s gives nobody a role; set roles, or keycloak-roles to true", at)
		}
		if o.KeycloakRoles && !keycloakIssuer(o.Issuer) && !l.doubtful[at+".issuer"] {
			l.bad(at+".keycloak-roles", "%s.keycloak-roles: expected an issuer that ends in /realms/NAME, got %q; map the roles one by one instead", at, clip(o.Issuer))
		}
		for j, r := range o.Roles {
			l.claimRole(fmt.Sprintf("%s.roles[%d]", at, j), r)
		}
	}
}

// url checks an address of an issuer. OpenID Connect Discovery 1.0 section 3: an
// issuer is https, without query and fragment. Keys fetched in the clear could be
// anybody's, so that http is for loopback only.
func (l *loader) url(at, s string) {
	u, err := url.Parse(s)
	switch {
	case err != nil || len(s) > maxURL || u.Host == "" || u.Opaque != "" || u.User != nil || strings.ContainsAny(s, "?#"):
		l.bad(at, "%s: expected a URL such as https://login.example/realms/main, without user, query and fragment, of at most %d bytes", at, maxURL)
	case u.Scheme == "https", u.Scheme == "http" && loopbackHost(u.Hostname()):
	default:
		l.bad(at, "%s: expected https, or http on loopback, got %q", at, clip(s))
	}
}

// keycloakIssuer reports whether an issuer's URL names a realm as Keycloak's do.
func keycloakIssuer(s string) bool {
	u, err := url.Parse(s)
	if err != nil {
		return false
	}
	dir, last := path.Split(u.EscapedPath())
	name, err := url.PathUnescape(last)
	return err == nil && strings.HasSuffix(dir, "/realms/") && name != allRealms && auth.CheckRealm(name) == nil
}

func (l *loader) algorithms(at string, o *Issuer) {
	if len(o.Algorithms) == 0 {
		if l.origin[at] != "" && !l.doubtful[at] {
			l.bad(at, "%s: expected at least one of %s; leave it out for %s", at, strings.Join(algorithms, ", "), strings.Join(defaultAlgorithms, ", "))
		}
		o.Algorithms = slices.Clone(defaultAlgorithms)
		return
	}
	seen := map[string]string{}
	for i, name := range o.Algorithms {
		one := fmt.Sprintf("%s[%d]", at, i)
		if l.doubtful[one] {
			continue
		}
		if !slices.Contains(algorithms, name) {
			l.bad(one, "%s: expected an asymmetric signature algorithm, got %q%s", one, clip(name), pdp.Suggest(name, algorithms))
		}
		l.once(seen, one, name)
	}
}

func (l *loader) claimRole(at string, r ClaimRole) {
	if l.need(at, "claim", r.Claim) {
		l.claim(at+".claim", r.Claim)
	}
	if l.need(at, "value", r.Value) && len(r.Value) > maxClaim {
		l.bad(at+".value", "%s.value: expected at most %d bytes, got %d", at, maxClaim, len(r.Value))
	}
	if l.need(at, "realm", r.Realm) {
		l.realm(at+".realm", r.Realm)
	}
	if l.need(at, "role", r.Role) {
		l.role(at+".role", r.Role)
	}
}

// claim checks names joined by dots, or a JSON pointer.
func (l *loader) claim(at, claim string) {
	names := strings.Split(claim, ".")
	if pointer, ok := strings.CutPrefix(claim, "/"); ok {
		names = strings.Split(pointer, "/")
	}
	if len(claim) > maxClaim || slices.Contains(names, "") {
		l.bad(at, "%s: expected a claim such as realm_access.roles, or a JSON pointer, of at most %d bytes, got %q", at, maxClaim, clip(claim))
	}
}
