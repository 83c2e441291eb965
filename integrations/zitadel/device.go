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

// DeviceAuthorization asks DEVICE_AUTHORIZATION_REQUEST before codes are made.
func (s *server) DeviceAuthorization(ctx context.Context, r *op.ClientRequest[oidc.DeviceAuthorizationRequest]) (*op.Response, error) {
	c, ok := r.Client.(*store.Client)
	if !ok {
		return nil, oidc.ErrServerError()
	}
	// RFC 8628 section 3.1; the library lets any client begin.
	if !slices.Contains(c.GrantTypes(), oidc.GrantTypeDeviceCode) {
		return nil, oidc.ErrUnauthorizedClient().WithDescription("the client is not registered for this grant")
	}
	var none store.Terms
	q := s.question(ctx, clientpolicyv1.Event_EVENT_DEVICE_AUTHORIZATION_REQUEST, c, requestFacts(r.Request))
	if err := s.may(ctx, q, &none); err != nil {
		return nil, err
	}
	r.Data.Scopes = slices.DeleteFunc(r.Data.Scopes, func(scope string) bool { return !c.IsScopeAllowed(scope) })
	return s.LegacyServer.DeviceAuthorization(ctx, r)
}

// DeviceToken asks DEVICE_TOKEN_REQUEST once the user has approved; polls before
// that ask nothing. Whatever the answer, the device code is gone.
func (s *server) DeviceToken(ctx context.Context, r *op.ClientRequest[oidc.DeviceAccessTokenRequest]) (*op.Response, error) {
	c, ok := r.Client.(*store.Client)
	if !ok {
		return nil, oidc.ErrServerError()
	}
	exchanger, ok := s.Provider().(op.Exchanger)
	if !ok {
		return nil, oidc.ErrServerError()
	}
	if _, err := op.CheckDeviceAuthorizationState(ctx, c.GetID(), r.Data.DeviceCode, exchanger); err != nil {
		return nil, err
	}
	state, err := s.store.RedeemDevice(c.GetID(), r.Data.DeviceCode)
	if err != nil {
		return nil, err
	}
	terms, err := s.judgeDevice(ctx, c, requestFacts(r.Request), state)
	if err != nil {
		return nil, err
	}
	resp, err := op.CreateDeviceTokenResponse(store.WithTerms(ctx, terms), state, s.Provider(), c)
	if err != nil {
		return nil, err
	}
	return op.NewResponse(resp), nil
}

func (s *server) judgeDevice(ctx context.Context, c *store.Client, facts *clientpolicyv1.OAuthRequest, state *op.DeviceAuthorizationState) (store.Terms, error) {
	var terms store.Terms
	for _, event := range []clientpolicyv1.Event{
		clientpolicyv1.Event_EVENT_DEVICE_TOKEN_REQUEST,
		clientpolicyv1.Event_EVENT_DEVICE_TOKEN_RESPONSE,
	} {
		q := s.question(ctx, event, c, facts)
		q.Session = sessionFacts(state)
		if err := s.may(ctx, q, &terms, client.LightweightAccessToken, client.SuppressRefreshToken); err != nil {
			return store.Terms{}, err
		}
	}
	return terms, nil
}
