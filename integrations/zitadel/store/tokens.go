package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// AccessToken is what the provider remembers of an access token.
type AccessToken struct {
	ID       string // jti
	ClientID string
	Subject  string
	Scopes   []string
	Audience []string
	Expires  time.Time
	grant    string
}

// RefreshToken is what the provider remembers of a refresh token.
type RefreshToken struct {
	ClientID string
	Subject  string
	Scopes   []string
	Audience []string
	AuthTime time.Time
	Expires  time.Time
	grant    string
}

// AccessToken returns a live access token by its id.
func (s *Store) AccessToken(id string) (AccessToken, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.access.get(s.now(), id)
}

// RefreshToken returns a live refresh token by its value.
func (s *Store) RefreshToken(value string) (RefreshToken, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refresh.get(s.now(), digestOf(value))
}

// CreateAccessToken implements op.Storage.
func (s *Store) CreateAccessToken(_ context.Context, r op.TokenRequest) (string, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.newAccess(r, grantOf(r))
	return t.ID, t.Expires, err
}

// CreateAccessAndRefreshTokens implements op.Storage. With a current refresh
// token it rotates, unless the terms in the context say otherwise.
func (s *Store) CreateAccessAndRefreshTokens(ctx context.Context, r op.TokenRequest, current string) (id, refresh string, expires time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := RefreshToken{
		ClientID: clientOf(r), Subject: r.GetSubject(), Scopes: r.GetScopes(), Audience: r.GetAudience(),
		AuthTime: authTimeOf(r), grant: grantOf(r),
	}
	if next.grant == "" {
		next.grant = rand.Text()
	}
	if current != "" {
		old, ok := s.refresh.get(s.now(), digestOf(current))
		if !ok {
			return "", "", time.Time{}, oidc.ErrInvalidGrant().WithDescription("refresh token is unknown, expired or used")
		}
		next = old
	}
	t, err := s.newAccess(r, next.grant)
	if err != nil || TermsFrom(ctx).SuppressRefreshToken {
		return t.ID, "", t.Expires, err
	}
	refresh, err = s.rotate(current, next)
	return t.ID, refresh, t.Expires, err
}

// newAccess remembers a new access token. The lock is held.
func (s *Store) newAccess(r op.TokenRequest, grant string) (AccessToken, error) {
	t := AccessToken{
		ID: rand.Text(), ClientID: clientOf(r), Subject: r.GetSubject(), Scopes: slices.Clone(r.GetScopes()),
		Audience: slices.Clone(r.GetAudience()), Expires: s.now().Add(accessLife), grant: grant,
	}
	if err := s.access.put(s.now(), t.ID, t, t.Expires); err != nil {
		return AccessToken{}, errBusy()
	}
	return t, nil
}

// rotate replaces a refresh token by a new one. The lock is held.
func (s *Store) rotate(current string, next RefreshToken) (string, error) {
	value := rand.Text() + rand.Text()
	next.Expires = s.now().Add(refreshLife)
	if err := s.refresh.put(s.now(), digestOf(value), next, next.Expires); err != nil {
		return "", errBusy()
	}
	if current == "" {
		return value, nil
	}
	s.refresh.drop(digestOf(current))
	if err := s.spent.put(s.now(), digestOf(current), next.grant, next.Expires); err != nil {
		return "", errBusy()
	}
	return value, nil
}

// RefreshRequest is a refresh token about to be used.
type RefreshRequest struct {
	token  RefreshToken
	scopes []string
}

// GetAMR implements op.RefreshTokenRequest.
func (r *RefreshRequest) GetAMR() []string { return []string{"pwd"} }

// GetAudience implements op.RefreshTokenRequest.
func (r *RefreshRequest) GetAudience() []string { return slices.Clone(r.token.Audience) }

// GetAuthTime implements op.RefreshTokenRequest.
func (r *RefreshRequest) GetAuthTime() time.Time { return r.token.AuthTime }

// GetClientID implements op.RefreshTokenRequest.
func (r *RefreshRequest) GetClientID() string { return r.token.ClientID }

// GetScopes implements op.RefreshTokenRequest.
func (r *RefreshRequest) GetScopes() []string { return slices.Clone(r.scopes) }

// GetSubject implements op.RefreshTokenRequest.
func (r *RefreshRequest) GetSubject() string { return r.token.Subject }

// SetCurrentScopes implements op.RefreshTokenRequest; the refresh token itself
// keeps its scopes.
func (r *RefreshRequest) SetCurrentScopes(scopes []string) { r.scopes = slices.Clone(scopes) }

// TokenRequestByRefreshToken implements op.Storage. A token that was rotated
// away has leaked, so all of its grant goes (RFC 9700 section 4.14.2).
func (s *Store) TokenRequestByRefreshToken(_ context.Context, value string) (op.RefreshTokenRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.refresh.get(s.now(), digestOf(value))
	if !ok {
		if grant, spent := s.spent.get(s.now(), digestOf(value)); spent {
			s.revokeGrant(grant)
		}
		return nil, oidc.ErrInvalidGrant().WithDescription("refresh token is unknown, expired or used")
	}
	return &RefreshRequest{token: t, scopes: t.Scopes}, nil
}

// revokeGrant forgets every token that came of one authorization. The lock is held.
func (s *Store) revokeGrant(grant string) {
	if grant == "" {
		return
	}
	s.access.dropIf(func(t AccessToken) bool { return t.grant == grant })
	s.refresh.dropIf(func(t RefreshToken) bool { return t.grant == grant })
}

// TerminateSession implements op.Storage.
func (s *Store) TerminateSession(_ context.Context, subject, clientID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.access.dropIf(func(t AccessToken) bool { return t.ClientID == clientID && t.Subject == subject })
	s.refresh.dropIf(func(t RefreshToken) bool { return t.ClientID == clientID && t.Subject == subject })
	return nil
}

// GetRefreshTokenInfo implements op.Storage. The id of a refresh token is the
// hexadecimal digest of its value.
func (s *Store) GetRefreshTokenInfo(_ context.Context, _ string, value string) (subject, id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := digestOf(value)
	t, ok := s.refresh.get(s.now(), key)
	if !ok {
		return "", "", op.ErrInvalidRefreshToken
	}
	return t.Subject, hex.EncodeToString(key[:]), nil
}

// RevokeToken implements op.Storage. RFC 7009 section 2.2: an unknown token is
// no error.
func (s *Store) RevokeToken(_ context.Context, id, _ string, clientID string) *oidc.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.access.get(s.now(), id); ok {
		if t.ClientID != clientID {
			return errForeign()
		}
		s.access.drop(id)
		return nil
	}
	var key digest
	if n, err := hex.Decode(key[:], []byte(id)); len(id) != 2*len(key) || err != nil || n != len(key) {
		return nil
	}
	t, ok := s.refresh.get(s.now(), key)
	if !ok {
		return nil
	}
	if t.ClientID != clientID {
		return errForeign()
	}
	// RFC 7009 section 2.1: with the refresh token go the access tokens of its grant.
	s.refresh.drop(key)
	s.revokeGrant(t.grant)
	return nil
}

func errForeign() *oidc.Error {
	return oidc.ErrInvalidRequest().WithDescription("token was not issued to this client")
}
