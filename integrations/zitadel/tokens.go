package zitadel

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/integrations/zitadel/store"
)

// Revocation asks TOKEN_REVOKE before the token is touched, and
// TOKEN_REVOKE_RESPONSE afterwards: a no to the second leaves it revoked.
func (s *server) Revocation(ctx context.Context, r *op.ClientRequest[oidc.RevocationRequest]) (*op.Response, error) {
	c, ok := r.Client.(*store.Client)
	if !ok {
		return nil, oidc.ErrServerError()
	}
	var none store.Terms
	facts := requestFacts(r.Request)
	q := s.question(ctx, clientpolicyv1.Event_EVENT_TOKEN_REVOKE, c, facts)
	q.Token = s.tokenFacts(ctx, r.Data.Token)
	if err := s.may(ctx, q, &none); err != nil {
		return nil, err
	}
	resp, err := s.LegacyServer.Revocation(ctx, r)
	if err != nil {
		return nil, err
	}
	q = s.question(ctx, clientpolicyv1.Event_EVENT_TOKEN_REVOKE_RESPONSE, c, facts)
	if err := s.may(ctx, q, &none); err != nil {
		return nil, err
	}
	return resp, nil
}

// Introspect asks TOKEN_INTROSPECT about the client that asks, once it has
// authenticated.
func (s *server) Introspect(ctx context.Context, r *op.Request[op.IntrospectionRequest]) (*op.Response, error) {
	c, err := s.authenticate(ctx, r.Header, r.Form, r.Data.ClientCredentials)
	if err != nil {
		return nil, err
	}
	// RFC 7662 section 2.1: nobody may scan for tokens.
	if c.AuthMethod() == oidc.AuthMethodNone {
		return nil, errClient("a public client cannot introspect tokens")
	}
	var none store.Terms
	q := s.question(ctx, clientpolicyv1.Event_EVENT_TOKEN_INTROSPECT, c, requestFacts(r))
	q.Token = s.tokenFacts(ctx, r.Data.Token)
	if err := s.may(ctx, q, &none); err != nil {
		return nil, err
	}
	out := new(oidc.IntrospectionResponse)
	if t, ok := s.accessToken(ctx, r.Data.Token); ok && s.store.SetIntrospectionFromToken(ctx, out, t.ID, t.Subject, c.GetID()) == nil {
		out.Active, out.Issuer = true, s.issuer
		return op.NewResponse(out), nil
	}
	// RFC 7662 section 2.2: nothing more about a token that is not active.
	return op.NewResponse(new(oidc.IntrospectionResponse)), nil
}

// UserInfo asks USERINFO_REQUEST once the token is fully verified and before any
// claim leaves.
func (s *server) UserInfo(ctx context.Context, r *op.Request[oidc.UserInfoRequest]) (*op.Response, error) {
	t, ok := s.accessToken(ctx, r.Data.AccessToken)
	if !ok {
		return nil, bearerError(http.StatusUnauthorized, "invalid_token", "access token is unknown, expired or revoked")
	}
	if !slices.Contains(t.Scopes, oidc.ScopeOpenID) {
		return nil, bearerError(http.StatusForbidden, "insufficient_scope", "access token lacks scope openid")
	}
	c, ok := s.store.Client(t.ClientID)
	if !ok {
		return nil, bearerError(http.StatusUnauthorized, "invalid_token", "the token's client is gone")
	}
	resp, err := s.LegacyServer.UserInfo(ctx, r)
	if err != nil {
		return nil, bearerError(http.StatusUnauthorized, "invalid_token", "access token cannot be used here")
	}
	var none store.Terms
	q := s.question(ctx, clientpolicyv1.Event_EVENT_USERINFO_REQUEST, c, requestFacts(r))
	q.Token = accessFacts(s.issuer, t)
	q.Session = &clientpolicyv1.SessionFacts{Scope: strings.Join(t.Scopes, " ")}
	if err := s.may(ctx, q, &none); err != nil {
		return nil, err
	}
	return resp, nil
}

// bearerError is one of RFC 6750 section 3.1.
func bearerError(status int, code, description string) error {
	return op.NewStatusError(protocolError(&clientpolicyv1.PolicyError{Code: code, Description: description}), status)
}

// EndSession asks LOGOUT_REQUEST for the client that the ID token was made for;
// without one there is no session that could be found.
func (s *server) EndSession(ctx context.Context, r *op.Request[oidc.EndSessionRequest]) (*op.Redirect, error) {
	ender, ok := s.Provider().(op.SessionEnder)
	if !ok {
		return nil, oidc.ErrServerError()
	}
	session, err := op.ValidateEndSessionRequest(ctx, r.Data, ender)
	if err != nil {
		return nil, err
	}
	c, ok := s.store.Client(session.ClientID)
	if !ok || session.IDTokenHintClaims == nil {
		return nil, oidc.ErrInvalidRequest().WithDescription("id_token_hint is required")
	}
	facts := &clientpolicyv1.OAuthRequest{Method: r.Method, Logout: clientpolicyv1.OAuthRequest_LOGOUT_FRONT_CHANNEL}
	var none store.Terms
	if err := s.may(ctx, s.question(ctx, clientpolicyv1.Event_EVENT_LOGOUT_REQUEST, c, facts), &none); err != nil {
		return nil, err
	}
	return s.LegacyServer.EndSession(ctx, r)
}
