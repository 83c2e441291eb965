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

// beforeToken asks PRE_TOKEN_REQUEST: nobody is authenticated yet, the code is
// looked up but not redeemed, and stays usable when the answer is no.
func (s *server) beforeToken(ctx context.Context, r *op.Request[op.ClientCredentials]) error {
	var c *store.Client
	if ar, err := s.store.AuthRequestByCode(ctx, r.Form.Get("code")); err == nil {
		c, _ = s.store.Client(ar.GetClientID())
	}
	var none store.Terms
	return s.may(ctx, s.question(ctx, clientpolicyv1.Event_EVENT_PRE_TOKEN_REQUEST, c, requestFacts(r)), &none)
}

// CodeExchange asks TOKEN_REQUEST for the redemption of a code and
// TOKEN_RESPONSE before tokens are made. Whatever the outcome, the code is gone.
func (s *server) CodeExchange(ctx context.Context, r *op.ClientRequest[oidc.AccessTokenRequest]) (*op.Response, error) {
	ar, err := s.store.RedeemCode(r.Data.Code)
	if err != nil {
		return nil, err
	}
	if err := checkRedemption(ar, r); err != nil {
		return nil, err
	}
	c, ok := r.Client.(*store.Client)
	if !ok {
		return nil, oidc.ErrServerError()
	}
	facts := requestFacts(r.Request)
	session := codeSession(ar)
	var terms store.Terms
	q := s.question(ctx, clientpolicyv1.Event_EVENT_TOKEN_REQUEST, c, facts)
	q.Session = session
	if err := s.may(ctx, q, &terms, client.LightweightAccessToken); err != nil {
		return nil, err
	}
	q = s.question(ctx, clientpolicyv1.Event_EVENT_TOKEN_RESPONSE, c, facts)
	q.Session = session
	if err := s.may(ctx, q, &terms, client.LightweightAccessToken, client.SuppressRefreshToken); err != nil {
		return nil, err
	}
	resp, err := op.CreateTokenResponse(store.WithTerms(ctx, terms), ar, c, s.Provider(), true, r.Data.Code, "")
	if err != nil {
		return nil, err
	}
	withoutOpenID(resp)
	return op.NewResponse(resp), nil
}

// checkRedemption is what the library's own exchange leaves out: whose code it
// is, and PKCE for a confidential client that sends no verifier.
func checkRedemption(ar *store.AuthRequest, r *op.ClientRequest[oidc.AccessTokenRequest]) error {
	// RFC 6749 section 4.1.3: the code was issued to this client, for this URI.
	if ar.GetClientID() != r.Client.GetID() {
		return oidc.ErrInvalidGrant().WithDescription("code was not issued to this client")
	}
	if r.Data.RedirectURI != ar.GetRedirectURI() {
		return oidc.ErrInvalidGrant().WithDescription("redirect_uri is not the one of the authorization request")
	}
	// RFC 7636 section 4.6.
	if err := op.AuthorizeCodeChallenge(r.Data.CodeVerifier, ar.GetCodeChallenge()); err != nil {
		return oidc.ErrInvalidGrant().WithDescription("code_verifier does not match the authorization request")
	}
	return nil
}

func codeSession(ar *store.AuthRequest) *clientpolicyv1.SessionFacts {
	out := sessionFacts(ar)
	if cc := ar.GetCodeChallenge(); cc != nil {
		out.CodeChallenge, out.CodeChallengeMethod = cc.Challenge, string(cc.Method)
	}
	return out
}

// withoutOpenID drops the ID token that the library makes for any scope
// (OpenID Connect Core section 3.1.2.1).
func withoutOpenID(resp *oidc.AccessTokenResponse) {
	if !slices.Contains(resp.Scope, oidc.ScopeOpenID) {
		resp.IDToken = ""
	}
}
