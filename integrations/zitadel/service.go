package zitadel

import (
	"context"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/sidegate/sidegate/client"
	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/integrations/zitadel/store"
)

// ClientCredentialsExchange asks SERVICE_ACCOUNT_TOKEN_REQUEST once the scopes
// are known to be the client's, and SERVICE_ACCOUNT_TOKEN_RESPONSE before the
// token is made.
func (s *server) ClientCredentialsExchange(ctx context.Context, r *op.ClientRequest[oidc.ClientCredentialsRequest]) (*op.Response, error) {
	c, ok := r.Client.(*store.Client)
	if !ok {
		return nil, oidc.ErrServerError()
	}
	request, err := s.store.ClientCredentialsTokenRequest(ctx, c.GetID(), r.Data.Scope)
	if err != nil {
		return nil, err
	}
	facts := requestFacts(r.Request)
	session := &clientpolicyv1.SessionFacts{Scope: strings.Join(request.GetScopes(), " ")}
	var terms store.Terms
	for _, event := range []clientpolicyv1.Event{
		clientpolicyv1.Event_EVENT_SERVICE_ACCOUNT_TOKEN_REQUEST,
		clientpolicyv1.Event_EVENT_SERVICE_ACCOUNT_TOKEN_RESPONSE,
	} {
		q := s.question(ctx, event, c, facts)
		q.Session = session
		if err := s.may(ctx, q, &terms, client.LightweightAccessToken); err != nil {
			return nil, err
		}
	}
	resp, err := op.CreateClientCredentialsTokenResponse(store.WithTerms(ctx, terms), request, s.Provider(), c)
	if err != nil {
		return nil, err
	}
	return op.NewResponse(resp), nil
}
