package zitadel

import (
	"context"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/sidegate/sidegate/client"
	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/integrations/zitadel/store"
)

// TokenExchange asks TOKEN_EXCHANGE_REQUEST once the exchange is one that this
// provider makes: an access token for an access token, by a client that proved
// itself. A subject token that is no live JWT of ours never reaches the library,
// which would panic on it.
func (s *server) TokenExchange(ctx context.Context, r *op.ClientRequest[oidc.TokenExchangeRequest]) (*op.Response, error) {
	c, ok := r.Client.(*store.Client)
	if !ok {
		return nil, oidc.ErrServerError()
	}
	if err := checkExchange(c, r.Data); err != nil {
		return nil, err
	}
	subject, known := s.accessToken(ctx, r.Data.SubjectToken)
	var terms store.Terms
	q := s.question(ctx, clientpolicyv1.Event_EVENT_TOKEN_EXCHANGE_REQUEST, c, requestFacts(r.Request))
	q.SubjectToken = s.subjectFacts(r.Data.SubjectToken, subject, known)
	if err := s.may(ctx, q, &terms, client.RestrictScopes); err != nil {
		return nil, err
	}
	if !known {
		return nil, oidc.ErrInvalidRequest().WithDescription("subject_token is unknown, expired or revoked")
	}
	return s.LegacyServer.TokenExchange(store.WithTerms(ctx, terms), r)
}

func checkExchange(c *store.Client, r *oidc.TokenExchangeRequest) error {
	switch {
	case c.AuthMethod() == oidc.AuthMethodNone:
		return errClient("a public client cannot exchange tokens")
	case r.SubjectTokenType != oidc.AccessTokenType:
		return oidc.ErrInvalidRequest().WithDescription("subject_token_type must be that of access tokens")
	case r.RequestedTokenType != "" && r.RequestedTokenType != oidc.AccessTokenType:
		return oidc.ErrInvalidRequest().WithDescription("requested_token_type must be that of access tokens")
	case r.ActorToken != "" || r.ActorTokenType != "":
		return oidc.ErrInvalidRequest().WithDescription("actor_token is not supported")
	case len(r.Audience) > 0 || len(r.Resource) > 0:
		return oidc.ErrInvalidTarget()
	default:
		return nil
	}
}

// subjectFacts tells a token of ours from one that can merely be read.
func (s *server) subjectFacts(raw string, t store.AccessToken, known bool) *clientpolicyv1.TokenFacts {
	if known {
		return accessFacts(s.issuer, t)
	}
	out := undecodable(clientpolicyv1.TokenFacts_KIND_ACCESS_TOKEN)
	if opened, ok := openJWT(raw); ok {
		out.State, out.Claims = clientpolicyv1.TokenFacts_STATE_UNVERIFIED, opened.claims
	}
	return out
}
