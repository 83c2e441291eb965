package store

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// AuthRequest is an authorization request that passed every check. It does not
// change; the store replaces it.
type AuthRequest struct {
	id        string
	request   oidc.AuthRequest
	hinted    string // subject of the id_token_hint
	subject   string
	authTime  time.Time
	codeGiven bool
	expires   time.Time
}

// GetID implements op.AuthRequest.
func (a *AuthRequest) GetID() string { return a.id }

// GetACR implements op.AuthRequest; this provider has no levels.
func (a *AuthRequest) GetACR() string { return "" }

// GetAMR implements op.AuthRequest.
func (a *AuthRequest) GetAMR() []string {
	if !a.Done() {
		return nil
	}
	return []string{"pwd"}
}

// GetAudience implements op.AuthRequest.
func (a *AuthRequest) GetAudience() []string { return []string{a.request.ClientID} }

// GetAuthTime implements op.AuthRequest.
func (a *AuthRequest) GetAuthTime() time.Time { return a.authTime }

// GetClientID implements op.AuthRequest.
func (a *AuthRequest) GetClientID() string { return a.request.ClientID }

// GetCodeChallenge implements op.AuthRequest. RFC 7636 section 4.3: without a
// method the challenge is plain.
func (a *AuthRequest) GetCodeChallenge() *oidc.CodeChallenge {
	if a.request.CodeChallenge == "" {
		return nil
	}
	method := oidc.CodeChallengeMethodPlain
	if a.request.CodeChallengeMethod == oidc.CodeChallengeMethodS256 {
		method = oidc.CodeChallengeMethodS256
	}
	return &oidc.CodeChallenge{Challenge: a.request.CodeChallenge, Method: method}
}

// GetNonce implements op.AuthRequest.
func (a *AuthRequest) GetNonce() string { return a.request.Nonce }

// GetRedirectURI implements op.AuthRequest.
func (a *AuthRequest) GetRedirectURI() string { return a.request.RedirectURI }

// GetResponseType implements op.AuthRequest.
func (a *AuthRequest) GetResponseType() oidc.ResponseType { return a.request.ResponseType }

// GetResponseMode implements op.AuthRequest.
func (a *AuthRequest) GetResponseMode() oidc.ResponseMode { return a.request.ResponseMode }

// GetScopes implements op.AuthRequest.
func (a *AuthRequest) GetScopes() []string { return slices.Clone(a.request.Scopes) }

// GetState implements op.AuthRequest.
func (a *AuthRequest) GetState() string { return a.request.State }

// GetSubject implements op.AuthRequest.
func (a *AuthRequest) GetSubject() string { return a.subject }

// Done implements op.AuthRequest.
func (a *AuthRequest) Done() bool { return a.subject != "" }

// CreateAuthRequest implements op.Storage.
func (s *Store) CreateAuthRequest(_ context.Context, r *oidc.AuthRequest, hinted string) (op.AuthRequest, error) {
	// OpenID Connect Core section 3.1.2.6: there is no session to fall back on.
	if slices.Contains(r.Prompt, oidc.PromptNone) {
		return nil, oidc.ErrLoginRequired()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := &AuthRequest{id: rand.Text(), request: *r, hinted: hinted, expires: s.now().Add(requestLife)}
	if err := s.requests.put(s.now(), a.id, a, a.expires); err != nil {
		return nil, errBusy()
	}
	return a, nil
}

// AuthRequestByID implements op.Storage.
func (s *Store) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.requests.get(s.now(), id)
	if !ok {
		return nil, oidc.ErrInvalidRequest().WithDescription("the sign-in has expired or was completed")
	}
	return a, nil
}

// Login signs a user in for an authorization request.
func (s *Store) Login(id, username, password string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.requests.get(s.now(), id)
	u, known := s.authenticate(username, password)
	// OpenID Connect Core section 3.1.2.1: the hinted user or an error.
	if !ok || !known || a.codeGiven || (a.hinted != "" && a.hinted != u.ID) {
		return errLogin
	}
	next := *a
	next.subject, next.authTime = u.ID, s.now()
	return s.requests.put(s.now(), id, &next, a.expires)
}

// SaveAuthCode implements op.Storage. A request gets one code.
func (s *Store) SaveAuthCode(_ context.Context, id, code string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.requests.get(s.now(), id)
	if !ok || a.codeGiven {
		return oidc.ErrInvalidRequest().WithDescription("the sign-in has expired or was completed")
	}
	next := *a
	next.codeGiven = true
	expires := s.now().Add(codeLife)
	if s.codes.put(s.now(), digestOf(code), id, expires) != nil || s.requests.put(s.now(), id, &next, expires) != nil {
		return errBusy()
	}
	return nil
}

// AuthRequestByCode implements op.Storage. It does not redeem the code.
func (s *Store) AuthRequestByCode(_ context.Context, code string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, ok := s.codes.get(s.now(), digestOf(code))
	a, found := s.requests.get(s.now(), id)
	if !ok || !found {
		return nil, oidc.ErrInvalidGrant().WithDescription("code is unknown, expired or used")
	}
	return a, nil
}

// RedeemCode returns the request of a code, once. Whoever comes second loses
// what the first one got as well (RFC 6749 section 4.1.2).
func (s *Store) RedeemCode(code string) (*AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := digestOf(code)
	if grant, used := s.usedCodes.get(s.now(), key); used {
		s.revokeGrant(grant)
	}
	id, ok := s.codes.take(s.now(), key)
	a, found := s.requests.take(s.now(), id)
	if !ok || !found {
		return nil, oidc.ErrInvalidGrant().WithDescription("code is unknown, expired or used")
	}
	if err := s.usedCodes.put(s.now(), key, a.id, s.now().Add(refreshLife)); err != nil {
		return nil, errBusy()
	}
	return a, nil
}

// DeleteAuthRequest implements op.Storage.
func (s *Store) DeleteAuthRequest(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests.drop(id)
	s.codes.dropIf(func(of string) bool { return of == id })
	return nil
}

func errBusy() *oidc.Error {
	return oidc.ErrServerError().WithDescription("the provider holds too many requests; try again later")
}
