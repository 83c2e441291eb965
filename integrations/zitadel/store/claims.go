package store

import (
	"context"
	"slices"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// SetUserinfoFromScopes implements op.Storage; [Store.SetUserinfoFromRequest]
// does the work.
func (s *Store) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil
}

// SetUserinfoFromRequest implements op.CanSetUserinfoFromRequest: claims of ID
// tokens.
func (s *Store) SetUserinfoFromRequest(_ context.Context, info *oidc.UserInfo, r op.IDTokenRequest, scopes []string) error {
	return s.fill(info, r.GetSubject(), scopes)
}

// SetUserinfoFromToken implements op.Storage.
func (s *Store) SetUserinfoFromToken(_ context.Context, info *oidc.UserInfo, tokenID, subject, _ string) error {
	t, ok := s.AccessToken(tokenID)
	if !ok || t.Subject != subject {
		return oidc.ErrAccessDenied().WithDescription("token is unknown, expired or revoked")
	}
	return s.fill(info, subject, t.Scopes)
}

// SetUserinfoFromTokenExchangeRequest implements op.TokenExchangeStorage; no ID
// tokens are made by exchange.
func (s *Store) SetUserinfoFromTokenExchangeRequest(context.Context, *oidc.UserInfo, op.TokenExchangeRequest) error {
	return oidc.ErrInvalidRequest().WithDescription("requested_token_type is not supported")
}

// fill sets the standard claims of the scopes (OpenID Connect Core section 5.4).
func (s *Store) fill(info *oidc.UserInfo, subject string, scopes []string) error {
	u, ok := s.user(subject)
	if !ok {
		return oidc.ErrAccessDenied().WithDescription("the token's subject is no user")
	}
	info.Subject = u.ID
	if slices.Contains(scopes, oidc.ScopeProfile) {
		info.PreferredUsername, info.Name = u.Username, u.Name
	}
	if slices.Contains(scopes, oidc.ScopeEmail) {
		info.Email, info.EmailVerified = u.Email, oidc.Bool(true)
	}
	return nil
}

// SetIntrospectionFromToken implements op.Storage. A client may ask about tokens
// it holds and about those made for it (RFC 7662 section 4).
func (s *Store) SetIntrospectionFromToken(_ context.Context, out *oidc.IntrospectionResponse, tokenID, subject, asking string) error {
	t, ok := s.AccessToken(tokenID)
	if !ok || t.Subject != subject || (t.ClientID != asking && !slices.Contains(t.Audience, asking)) {
		return oidc.ErrAccessDenied().WithDescription("no live token for this client")
	}
	out.Scope, out.ClientID, out.TokenType = t.Scopes, t.ClientID, oidc.BearerToken
	out.Subject, out.JWTID, out.Audience, out.Expiration = t.Subject, t.ID, t.Audience, oidc.FromTime(t.Expires)
	return nil
}

// GetPrivateClaimsFromScopes implements op.Storage;
// [Store.GetPrivateClaimsFromRequest] does the work.
func (s *Store) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return nil, nil
}

// GetPrivateClaimsFromRequest implements op.CanGetPrivateClaimsFromRequest:
// claims of access tokens.
func (s *Store) GetPrivateClaimsFromRequest(ctx context.Context, r op.TokenRequest, _ []string) (map[string]any, error) {
	return s.accessClaims(ctx, r), nil
}

// GetPrivateClaimsFromTokenExchangeRequest implements op.TokenExchangeStorage.
func (s *Store) GetPrivateClaimsFromTokenExchangeRequest(ctx context.Context, r op.TokenExchangeRequest) (map[string]any, error) {
	return s.accessClaims(ctx, r), nil
}

// accessClaims are the claims of an access token beyond those of RFC 9068
// section 2.2 that the library sets. A lightweight token has scope alone.
func (s *Store) accessClaims(ctx context.Context, r op.TokenRequest) map[string]any {
	claims := map[string]any{"scope": strings.Join(r.GetScopes(), " ")}
	u, known := s.user(r.GetSubject())
	if TermsFrom(ctx).Lightweight || !known {
		return claims
	}
	if slices.Contains(r.GetScopes(), oidc.ScopeProfile) {
		claims["preferred_username"], claims["name"] = u.Username, u.Name
	}
	if slices.Contains(r.GetScopes(), oidc.ScopeEmail) {
		claims["email"] = u.Email
	}
	return claims
}
