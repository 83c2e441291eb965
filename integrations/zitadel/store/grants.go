package store

import (
	"context"
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// Terms are what policies ask of the tokens about to be made.
type Terms struct {
	// SuppressRefreshToken makes no new refresh token and leaves the one that was
	// used as it is.
	SuppressRefreshToken bool
	// Lightweight leaves all but protocol claims out of access tokens.
	Lightweight bool
	// Restricted grants no scope that is not in Scopes.
	Restricted bool
	Scopes     []string
}

type termsKey struct{}

// WithTerms hands terms to the store through the library.
func WithTerms(ctx context.Context, t Terms) context.Context {
	return context.WithValue(ctx, termsKey{}, t)
}

// TermsFrom returns the terms in the context, or none.
func TermsFrom(ctx context.Context) Terms {
	t, _ := ctx.Value(termsKey{}).(Terms)
	return t
}

// restrict keeps those scopes that the terms allow.
func (t Terms) restrict(scopes []string) []string {
	if !t.Restricted {
		return scopes
	}
	return slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return !slices.Contains(t.Scopes, s) })
}

// ServiceRequest is a client credentials grant.
type ServiceRequest struct {
	clientID string
	scopes   []string
}

// GetSubject implements op.TokenRequest.
func (r *ServiceRequest) GetSubject() string { return r.clientID }

// GetAudience implements op.TokenRequest.
func (r *ServiceRequest) GetAudience() []string { return []string{r.clientID} }

// GetScopes implements op.TokenRequest.
func (r *ServiceRequest) GetScopes() []string { return slices.Clone(r.scopes) }

// GetClientID tells the client of the token.
func (r *ServiceRequest) GetClientID() string { return r.clientID }

// ClientCredentialsTokenRequest implements op.ClientCredentialsStorage.
func (s *Store) ClientCredentialsTokenRequest(_ context.Context, id string, scopes []string) (op.TokenRequest, error) {
	c, ok := s.Client(id)
	if !ok {
		return nil, oidc.ErrInvalidClient().WithDescription("unknown client")
	}
	// RFC 6749 section 5.2: a scope beyond what the client was given.
	if i := slices.IndexFunc(scopes, func(scope string) bool { return !slices.Contains(c.Scopes(), scope) }); i >= 0 {
		return nil, oidc.ErrInvalidScope().WithDescription("scope %q is not assigned to the client", scopes[i])
	}
	return &ServiceRequest{clientID: id, scopes: scopes}, nil
}

// ValidateJWTProfileScopes implements op.Storage.
func (s *Store) ValidateJWTProfileScopes(ctx context.Context, issuer string, scopes []string) ([]string, error) {
	c, ok := s.Client(issuer)
	if !ok {
		return nil, oidc.ErrInvalidGrant().WithDescription("the assertion's issuer is no client")
	}
	allowed := slices.DeleteFunc(slices.Clone(scopes), func(scope string) bool { return !slices.Contains(c.Scopes(), scope) })
	return TermsFrom(ctx).restrict(allowed), nil
}

// JWTProfileTokenType implements op.JWTProfileTokenStorage.
func (s *Store) JWTProfileTokenType(context.Context, op.TokenRequest) (op.AccessTokenType, error) {
	return op.AccessTokenTypeJWT, nil
}

// ValidateTokenExchangeRequest implements op.TokenExchangeStorage: an access
// token for an access token, of a subject token that the client was meant to
// see, with no more scopes than that had.
func (s *Store) ValidateTokenExchangeRequest(ctx context.Context, r op.TokenExchangeRequest) error {
	if r.GetRequestedTokenType() == "" {
		r.SetRequestedTokenType(oidc.AccessTokenType)
	}
	if r.GetRequestedTokenType() != oidc.AccessTokenType || r.GetExchangeSubjectTokenType() != oidc.AccessTokenType {
		return oidc.ErrInvalidRequest().WithDescription("only access tokens are exchanged for access tokens")
	}
	subject, ok := s.AccessToken(r.GetExchangeSubjectTokenIDOrToken())
	if !ok {
		return oidc.ErrInvalidRequest().WithDescription("subject_token is unknown, expired or revoked")
	}
	if subject.ClientID != r.GetClientID() && !slices.Contains(subject.Audience, r.GetClientID()) {
		return oidc.ErrInvalidRequest().WithDescription("subject_token was not made for this client")
	}
	scopes := r.GetScopes()
	if len(scopes) == 0 {
		scopes = subject.Scopes
	}
	if i := slices.IndexFunc(scopes, func(scope string) bool { return !slices.Contains(subject.Scopes, scope) }); i >= 0 {
		return oidc.ErrInvalidScope().WithDescription("scope %q is not one of the subject_token", scopes[i])
	}
	r.SetCurrentScopes(TermsFrom(ctx).restrict(scopes))
	return nil
}

// CreateTokenExchangeRequest implements op.TokenExchangeStorage; exchanges are
// not remembered.
func (s *Store) CreateTokenExchangeRequest(context.Context, op.TokenExchangeRequest) error {
	return nil
}

func clientOf(r op.TokenRequest) string {
	switch r := r.(type) {
	case interface{ GetClientID() string }:
		return r.GetClientID()
	case *oidc.JWTTokenRequest:
		return r.Issuer
	default:
		return ""
	}
}

func authTimeOf(r op.TokenRequest) time.Time {
	if r, ok := r.(interface{ GetAuthTime() time.Time }); ok {
		return r.GetAuthTime()
	}
	return time.Time{}
}

// grantOf names the authorization that tokens came of, so that they can be
// revoked together.
func grantOf(r op.TokenRequest) string {
	switch r := r.(type) {
	case *AuthRequest:
		return r.id
	case *RefreshRequest:
		return r.token.grant
	default:
		return ""
	}
}
