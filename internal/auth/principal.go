package auth

import "context"

// AllRealms stands for every realm in a principal's roles.
const AllRealms = "*"

// The kinds of principal.
const (
	// KindToken is the holder of an API token.
	KindToken = "token"
	// KindLocal is somebody who works on the store itself, without a server.
	KindLocal = "local"
)

// Principal is who calls. It is immutable once it is in a context.
type Principal struct {
	// Name of the principal, unique among those of its kind.
	Name string
	// Kind says how the principal was recognised, such as KindToken.
	Kind string
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
// that two of one name but different kinds can be told apart.
func (p *Principal) Author() string { return p.Kind + ":" + p.Name }

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
