package zitadel

import (
	"context"
	"slices"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/sidegate/sidegate/client"
	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/integrations/zitadel/store"
)

// JWTProfile asks JWT_AUTHORIZATION_GRANT once the assertion is verified. The
// library authenticates no client here; the one judged is the issuer of the
// assertion, which has proven its key.
func (s *server) JWTProfile(ctx context.Context, r *op.Request[oidc.JWTProfileGrantRequest]) (*op.Response, error) {
	t, c, err := s.checkAssertion(ctx, r.Data.Assertion)
	if err != nil {
		return nil, err
	}
	var terms store.Terms
	q := s.question(ctx, clientpolicyv1.Event_EVENT_JWT_AUTHORIZATION_GRANT, c, requestFacts(r))
	q.SubjectToken = &clientpolicyv1.TokenFacts{
		Kind: clientpolicyv1.TokenFacts_KIND_ASSERTION, State: clientpolicyv1.TokenFacts_STATE_VERIFIED, Claims: t.claims,
	}
	if err := s.may(ctx, q, &terms, client.RestrictScopes, client.LightweightAccessToken); err != nil {
		return nil, err
	}
	return s.LegacyServer.JWTProfile(store.WithTerms(ctx, terms), r)
}

// checkAssertion verifies the assertion (RFC 7523 section 3), that its issuer
// registered the grant, which the library does not check, and that it is new.
func (s *server) checkAssertion(ctx context.Context, raw string) (jwt, *store.Client, error) {
	verifier, ok := s.Provider().(op.JWTAuthorizationGrantExchanger)
	t, readable := openJWT(raw)
	if !ok || !readable {
		return jwt{}, nil, oidc.ErrInvalidGrant().WithDescription("assertion is not a signed JWT")
	}
	verified, err := op.VerifyJWTAssertion(ctx, raw, verifier.JWTProfileVerifier(ctx))
	if err != nil {
		return jwt{}, nil, oidc.ErrInvalidGrant().WithDescription("assertion is not valid")
	}
	c, ok := s.store.Client(verified.Issuer)
	if !ok || !slices.Contains(c.GrantTypes(), oidc.GrantTypeBearer) {
		return jwt{}, nil, oidc.ErrUnauthorizedClient().WithDescription("the client is not registered for this grant")
	}
	if !s.firstUse(c.GetID(), t) {
		return jwt{}, nil, oidc.ErrInvalidGrant().WithDescription("assertion has no jti, or was used before")
	}
	return t, c, nil
}
