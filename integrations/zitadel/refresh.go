package zitadel

import (
	"context"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/sidegate/sidegate/client"
	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/integrations/zitadel/store"
)

// RefreshToken asks TOKEN_REFRESH before the token is checked, and
// TOKEN_REFRESH_RESPONSE before it is rotated: when either answer is no, the old
// token stays good.
func (s *server) RefreshToken(ctx context.Context, r *op.ClientRequest[oidc.RefreshTokenRequest]) (*op.Response, error) {
	c, ok := r.Client.(*store.Client)
	if !ok {
		return nil, oidc.ErrServerError()
	}
	facts := requestFacts(r.Request)
	token := undecodable(clientpolicyv1.TokenFacts_KIND_REFRESH_TOKEN)
	if t, known := s.store.RefreshToken(r.Data.RefreshToken); known {
		token = refreshFacts(s.issuer, t)
	}
	var terms store.Terms
	q := s.question(ctx, clientpolicyv1.Event_EVENT_TOKEN_REFRESH, c, facts)
	q.Token = token
	if err := s.may(ctx, q, &terms, client.LightweightAccessToken); err != nil {
		return nil, err
	}
	request, err := s.checkRefresh(ctx, r)
	if err != nil {
		return nil, err
	}
	q = s.question(ctx, clientpolicyv1.Event_EVENT_TOKEN_REFRESH_RESPONSE, c, facts)
	q.Token, q.Session = token, sessionFacts(request)
	if err := s.may(ctx, q, &terms, client.LightweightAccessToken, client.SuppressRefreshToken); err != nil {
		return nil, err
	}
	resp, err := op.CreateTokenResponse(store.WithTerms(ctx, terms), request, c, s.Provider(), true, "", r.Data.RefreshToken)
	if err != nil {
		return nil, err
	}
	withoutOpenID(resp)
	return op.NewResponse(resp), nil
}

// checkRefresh is RFC 6749 section 6: the token lives, is this client's, and
// scopes do not grow.
func (s *server) checkRefresh(ctx context.Context, r *op.ClientRequest[oidc.RefreshTokenRequest]) (op.RefreshTokenRequest, error) {
	request, err := op.RefreshTokenRequestByRefreshToken(ctx, s.store, r.Data.RefreshToken)
	if err != nil {
		return nil, oidc.ErrInvalidGrant().WithDescription("refresh token is unknown, expired or used")
	}
	if request.GetClientID() != r.Client.GetID() {
		return nil, oidc.ErrInvalidGrant().WithDescription("refresh token was not issued to this client")
	}
	if err := op.ValidateRefreshTokenScopes(r.Data.Scopes, request); err != nil {
		return nil, err
	}
	return request, nil
}
