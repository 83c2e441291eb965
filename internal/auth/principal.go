package auth

import (
	"context"
	"crypto/x509"
)

// AllRealms stands for every realm in a principal's roles.
const AllRealms = "*"

// The kinds of principal.
const (
	// KindToken is the holder of an API token.
	KindToken = "token"
	// KindLocal is somebody who works on the store itself, without a server.
	KindLocal = "local"
	// KindOIDC is the subject of a token of an OpenID Connect issuer.
	KindOIDC = "oidc"
	// KindCertificate is the holder of a client certificate.
	KindCertificate = "certificate"
	// KindUser is somebody who logged in with user name and password.
	KindUser = "user"
	// KindUID is a user of this machine, on the other side of a Unix socket.
	KindUID = "uid"
)

// Principal is who calls. It is immutable once it is in a context.
type Principal struct {
	// Name of the principal, unique among those of its kind.
	Name string
	// Kind says how the principal was recognised, such as KindToken.
	Kind string
	// Shown is what people call the principal, where that differs from the name; it
	// need not be unique and decides nothing.
	Shown string
	// Roles by name of the realm; AllRealms holds for every one.
	Roles map[string]Role
}

// Role returns the greatest role that the principal has in a realm.
func (p *Principal) Role(realm string) Role {
	return max(p.Roles[AllRealms], p.Roles[realm])
}

// Highest returns the greatest role that the principal has anywhere.
func (p *Principal) Highest() Role {
	highest := NoRole
	for _, r := range p.Roles {
		highest = max(highest, r)
	}
	return highest
}

// Author is how the principal is recorded with what it writes: kind and name, so
// that two of one name but different kinds can be told apart, and behind them, in
// parentheses, what people call it.
func (p *Principal) Author() string {
	author := p.Kind + ":" + p.Name
	if p.Shown != "" {
		author += " (" + p.Shown + ")"
	}
	return author
}

type principalKey struct{}

// NewContext returns a context that knows who calls.
func NewContext(ctx context.Context, p *Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// FromContext returns who calls, or nil when nobody has been recognised.
func FromContext(ctx context.Context) *Principal {
	p, _ := ctx.Value(principalKey{}).(*Principal)
	return p
}

type certificateKey struct{}

// WithCertificate returns a context that knows the verified certificate of the
// caller, for authenticators of tokens that are bound to one.
func WithCertificate(ctx context.Context, leaf *x509.Certificate) context.Context {
	return context.WithValue(ctx, certificateKey{}, leaf)
}

// CertificateFrom returns the verified certificate of the caller, or nil.
func CertificateFrom(ctx context.Context) *x509.Certificate {
	leaf, _ := ctx.Value(certificateKey{}).(*x509.Certificate)
	return leaf
}
