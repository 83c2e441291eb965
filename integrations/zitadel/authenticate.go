package zitadel

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/integrations/zitadel/store"
)

// VerifyClient overrides the library's, which looks at the grant type of any
// endpoint, ignores assertions in the client credentials grant and accepts an
// assertion twice.
func (s *server) VerifyClient(ctx context.Context, r *op.Request[op.ClientCredentials]) (op.Client, error) {
	if r.URL.Path == pathToken && oidc.GrantType(r.Form.Get("grant_type")) == oidc.GrantTypeCode {
		if err := s.beforeToken(ctx, r); err != nil {
			return nil, err
		}
	}
	return s.authenticate(ctx, r.Header, r.Form, r.Data)
}

// authenticate proves who the client is, by the one method it registered, and
// keeps how it did so for the questions to come. The errors are answered with
// 401 by guard.
func (s *server) authenticate(ctx context.Context, header http.Header, form url.Values, cc *op.ClientCredentials) (*store.Client, error) {
	used, err := methodUsed(header, form)
	if err != nil {
		return nil, err
	}
	if used == oidc.AuthMethodPrivateKeyJWT {
		return s.authenticateByKey(ctx, form, cc)
	}
	c, ok := s.store.Client(cc.ClientID)
	// RFC 6749 section 2.3.1: the client id of the header counts.
	if !ok || (form.Has("client_id") && form.Get("client_id") != cc.ClientID) {
		return nil, errClient("unknown client")
	}
	if c.AuthMethod() != used {
		return nil, errClient("the client is not registered for this authentication method")
	}
	facts := &clientpolicyv1.ClientAuthentication{Authenticator: "none"}
	if used != oidc.AuthMethodNone {
		facts.Authenticator = store.ClientSecret
		if err := s.store.AuthorizeClientIDSecret(ctx, cc.ClientID, cc.ClientSecret); err != nil {
			return nil, err
		}
	}
	wireOf(ctx).auth = facts
	return c, nil
}

// methodUsed tells how a client tries to authenticate; RFC 6749 section 2.3
// forbids more than one way at once.
func methodUsed(header http.Header, form url.Values) (oidc.AuthMethod, error) {
	var used []oidc.AuthMethod
	if header.Get("Authorization") != "" {
		used = append(used, oidc.AuthMethodBasic)
	}
	if form.Has("client_secret") {
		used = append(used, oidc.AuthMethodPost)
	}
	if form.Has("client_assertion") || form.Has("client_assertion_type") {
		used = append(used, oidc.AuthMethodPrivateKeyJWT)
	}
	switch len(used) {
	case 0:
		return oidc.AuthMethodNone, nil
	case 1:
		return used[0], nil
	default:
		return "", oidc.ErrInvalidRequest().WithDescription("more than one way of client authentication")
	}
}

// authenticateByKey verifies a client assertion (RFC 7523 section 3) and sees to
// it that it is not used again.
func (s *server) authenticateByKey(ctx context.Context, form url.Values, cc *op.ClientCredentials) (*store.Client, error) {
	if cc.ClientAssertionType != oidc.ClientAssertionTypeJWTAssertion {
		return nil, errClient("client_assertion_type is not supported")
	}
	t, ok := openJWT(cc.ClientAssertion)
	if !ok {
		return nil, errClient("client_assertion is not a signed JWT")
	}
	verifier, ok := s.Provider().(op.JWTAuthorizationGrantExchanger)
	if !ok {
		return nil, errClient("client_assertion is not supported")
	}
	known, err := op.AuthorizePrivateJWTKey(ctx, cc.ClientAssertion, verifier)
	if err != nil {
		return nil, errClient("client_assertion is not valid")
	}
	c, ok := known.(*store.Client)
	if !ok || (form.Has("client_id") && form.Get("client_id") != c.GetID()) {
		return nil, errClient("client_id is not the one of the client_assertion")
	}
	if !s.firstUse(c.GetID(), t) {
		return nil, errClient("client_assertion has no jti, or was used before")
	}
	wireOf(ctx).auth = &clientpolicyv1.ClientAuthentication{
		Authenticator: store.ClientJWT,
		Assertion:     t.facts(true),
		AssertionType: cc.ClientAssertionType,
	}
	return c, nil
}

// firstUse remembers the assertion until it expires.
func (s *server) firstUse(clientID string, t jwt) bool {
	jti, expires := t.text("jti"), time.Unix(int64(t.number("exp"))+1, 0)
	return jti != "" && s.store.UseAssertion(clientID, jti, expires)
}

func errClient(description string) error {
	e := oidc.ErrInvalidClient()
	e.Description = description
	return e
}
